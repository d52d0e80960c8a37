/*-------------------------------------------------------------------------
 *
 * aggcount.c
 *	  count(*) and count(x).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aggregate/aggfunction.h"

/* the state is the number */

static void
count_init(const AggSpec *spec, void *state)
{
	*(int64 *) state = 0;
}

static void
count_add(const AggSpec *spec, char *states, Size stride,
		  const uint32 *groups, const Vector *arg, const int *rows, int nrows)
{
	KernelGroup sums[KERNEL_GROUPS];
	AggRows		in;
	int			ngroups;

	agg_input_rows(&in, arg, groups, rows, nrows);
	if (in.groups == NULL)
	{
		*(int64 *) states += in.n;
		return;
	}
	ngroups = kernel_few_groups(in.groups, in.n);
	if (ngroups > 0)
	{
		kernel_group_counts(in.groups, in.n, ngroups, sums);
		for (int g = 0; g < ngroups; g++)
			*(int64 *) (states + g * stride) += sums[g].n;
		return;
	}
	for (int i = 0; i < in.n; i++)
		++* (int64 *) (states + in.groups[i] * stride);
}

static bool
count_stats(const AggSpec *spec, void *state, const SegmentColumn *column,
			int nrows)
{
	*(int64 *) state += nrows;
	if (column != NULL)
		*(int64 *) state -= column->stats.nnulls;
	return true;
}

static void
count_combine(const AggSpec *spec, void *state, void *other)
{
	*(int64 *) state += *(int64 *) other;
}

static Datum
count_final(const AggSpec *spec, void *state, bool *isnull)
{
	*isnull = false;
	return Int64GetDatum(*(int64 *) state);
}

const AggFunction agg_count = {
	.name = "count",
	.size = sizeof(int64),
	.any_order = true,
	.init = count_init,
	.add = count_add,
	.add_stats = count_stats,
	.stats_part = COLUMN_STATS_NULLS,
	.combine = count_combine,
	.final = count_final
};
