/*-------------------------------------------------------------------------
 *
 * aggint.c
 *	  sum and avg of integers.
 *
 * Sums have 128 bits, so that no table is large enough for an overflow.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aggregate/aggfunction.h"

typedef struct IntState
{
	int128		sum;
	int64		n;
} IntState;

static void
int_init(const AggSpec *spec, void *state)
{
	memset(state, 0, sizeof(IntState));
}

static void
int_add(const AggSpec *spec, char *states, Size stride,
		const uint32 *groups, const Vector *arg, const int *rows, int nrows)
{
	IntState   *state = (IntState *) states;
	KernelGroup sums[KERNEL_GROUPS];
	AggRows		in;
	int			ngroups;

	agg_input_rows(&in, arg, groups, rows, nrows);
	agg_input_ints(&in, spec, arg);
	if (in.groups == NULL)
	{
		state->sum += kernel_sum(in.ints, in.n, in.low, in.high);
		state->n += in.n;
		return;
	}
	ngroups = !kernel_fits(in.low, in.high) ? 0 :
		kernel_few_groups(in.groups, in.n);
	if (ngroups > 0)
	{
		kernel_group_sums(in.groups, in.ints, in.n, ngroups, sums);
		for (int g = 0; g < ngroups; g++)
		{
			state = (IntState *) (states + g * stride);
			state->sum += sums[g].sum;
			state->n += sums[g].n;
		}
		return;
	}
	for (int i = 0; i < in.n; i++)
	{
		state = (IntState *) (states + in.groups[i] * stride);
		state->sum += in.ints[i];
		state->n++;
	}
}

static bool
int_stats(const AggSpec *spec, void *state, const SegmentColumn *column,
		  int nrows)
{
	IntState   *s = state;

	if (!agg_stats_ints(column))
		return false;
	s->sum += agg_stats_sum(column);
	s->n += nrows - column->stats.nnulls;
	return true;
}

static void
int_combine(const AggSpec *spec, void *state, void *other)
{
	IntState   *s = state;
	IntState   *o = other;

	s->sum += o->sum;
	s->n += o->n;
}

/* sum(int2) and sum(int4) are of type bigint */
static Datum
bigint_final(const AggSpec *spec, void *state, bool *isnull)
{
	IntState   *s = state;

	*isnull = s->n == 0;
	if (s->sum < PG_INT64_MIN || s->sum > PG_INT64_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("bigint out of range")));
	return Int64GetDatum((int64) s->sum);
}

static Datum
sum_final(const AggSpec *spec, void *state, bool *isnull)
{
	IntState   *s = state;

	*isnull = s->n == 0;
	return *isnull ? (Datum) 0 : agg_numeric(s->sum, 0);
}

static Datum
avg_final(const AggSpec *spec, void *state, bool *isnull)
{
	IntState   *s = state;

	*isnull = s->n == 0;
	return *isnull ? (Datum) 0 : agg_numeric_avg(s->sum, 0, s->n);
}

#define INT_FUNCTION(function_name, function_final) \
{ \
	.name = function_name, \
	.size = sizeof(IntState), \
	.init = int_init, \
	.add = int_add, \
	.add_stats = int_stats, \
	.stats_part = COLUMN_STATS_SUM, \
	.combine = int_combine, \
	.final = function_final \
}

const AggFunction agg_sum_int = INT_FUNCTION("sum", bigint_final);
const AggFunction agg_sum_int8 = INT_FUNCTION("sum", sum_final);
const AggFunction agg_avg_int = INT_FUNCTION("avg", avg_final);
