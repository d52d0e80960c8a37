/*-------------------------------------------------------------------------
 *
 * columnstats.c
 *	  What the directory tells of a column: nulls, range, sum.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "column/columncodec.h"

/*---- integers ---- */

/* Adds a 64-bit number to a 128-bit one. */
static inline void
add_wide(ColumnStats *stats, int64 value)
{
	uint64		low = stats->sum_lo + (uint64) value;

	stats->sum_hi += (value < 0 ? -1 : 0) + (low < stats->sum_lo);
	stats->sum_lo = low;
}

/* Sums of the halves of up to 2^31 numbers: low ones unsigned, high signed */
static CODEC_KERNEL void
sum_halves(const int64 *values, int n, uint64 *low, int64 *high)
{
	uint64		lows = 0;
	int64		highs = 0;

	for (int i = 0; i < n; i++)
	{
		lows += (uint64) values[i] & 0xFFFFFFFF;
		highs += (int32) ((uint64) values[i] >> 32);
	}
	*low = lows;
	*high = highs;
}

/* high * 2^32 + low as a 128-bit number, added to the sum */
static void
add_halves(ColumnStats *stats, uint64 low, int64 high)
{
	uint64		shifted = (uint64) high << 32;
	uint64		sum = stats->sum_lo + shifted;

	stats->sum_hi += (high >> 32) + (sum < shifted);
	stats->sum_lo = sum + low;
	stats->sum_hi += stats->sum_lo < low;
}

static void
stats_ints(const ColumnValues *values, ColumnStats *stats)
{
	if (values->nulls == NULL)
	{
		uint64		low;
		int64		high;

		codec_range(values->ints, values->nrows, &stats->min_int, &stats->max_int);
		sum_halves(values->ints, values->nrows, &low, &high);
		add_halves(stats, low, high);
		stats->has_minmax = true;
		return;
	}
	for (int i = 0; i < values->nrows; i++)
	{
		int64		value = values->ints[i];

		if (values->nulls[i])
			continue;
		if (!stats->has_minmax || value < stats->min_int)
			stats->min_int = value;
		if (!stats->has_minmax || value > stats->max_int)
			stats->max_int = value;
		stats->has_minmax = true;
		add_wide(stats, value);
	}
}

/*---- floats ---- */

static void
stats_floats(const ColumnValues *values, ColumnStats *stats)
{
	for (int i = 0; i < values->nrows; i++)
	{
		double		value;

		if (values->nulls != NULL && values->nulls[i])
			continue;
		value = values->class == COLUMN_FLOAT4 ? (double) values->floats4[i] :
			values->floats8[i];
		if (isnan(value))
		{
			stats->has_nan = true;
			continue;
		}
		if (!stats->has_minmax || value < stats->min_float)
			stats->min_float = value;
		if (!stats->has_minmax || value > stats->max_float)
			stats->max_float = value;
		stats->has_minmax = true;
	}
}

/*---- byte strings ---- */

static int
compare_bytes(const ColumnBytes *a, const ColumnBytes *b)
{
	uint32		shorter = Min(a->len, b->len);
	int			cmp = shorter == 0 ? 0 : memcmp(a->data, b->data, shorter);

	return cmp != 0 ? cmp : a->len < b->len ? -1 : a->len > b->len;
}

/* The range of n byte strings, unless it is known from a dictionary */
void
codec_stats_bytes(const ColumnBytes *bytes, uint32 n, ColumnStats *stats)
{
	if (n == 0 || stats->has_bytes)
		return;
	stats->min_bytes = stats->max_bytes = bytes[0];
	for (uint32 i = 1; i < n; i++)
	{
		if (compare_bytes(&bytes[i], &stats->min_bytes) < 0)
			stats->min_bytes = bytes[i];
		else if (compare_bytes(&bytes[i], &stats->max_bytes) > 0)
			stats->max_bytes = bytes[i];
	}
	stats->has_bytes = true;
}

/*
 * Fills everything that does not depend on the encoding; of byte strings not
 * yet their range.
 */
void
codec_stats(const ColumnValues *values, ColumnStats *stats)
{
	memset(stats, 0, sizeof(ColumnStats));
	for (int i = 0; values->nulls != NULL && i < values->nrows; i++)
		stats->nnulls += values->nulls[i];
	if (values->class == COLUMN_INT)
		stats_ints(values, stats);
	else if (values->class != COLUMN_BYTES)
		stats_floats(values, stats);
}
