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

/* Sums of the halves of up to 2^31 numbers: low ones unsigned, high signed */
static CODEC_KERNEL void
sum_halves(const int64 *values, uint32 n, uint64 *low, int64 *high)
{
	uint64		lows = 0;
	int64		highs = 0;

	for (uint32 i = 0; i < n; i++)
	{
		lows += (uint64) values[i] & 0xFFFFFFFF;
		highs += (int32) ((uint64) values[i] >> 32);
	}
	*low = lows;
	*high = highs;
}

/* The range of n > 0 integers, and their sum: high * 2^32 + low */
static void
stats_ints(const int64 *values, uint32 n, ColumnStats *stats)
{
	uint64		low;
	int64		high;

	codec_range(values, n, &stats->min_int, &stats->max_int);
	stats->has_minmax = true;
	sum_halves(values, n, &low, &high);
	stats->sum_lo = ((uint64) high << 32) + low;
	stats->sum_hi = (high >> 32) + (stats->sum_lo < low);
}

/*---- floats ---- */

static double
float_of_bits(int64 bits, bool single)
{
	uint32		half = (uint32) bits;
	double		value;
	float		narrow;

	memcpy(&narrow, &half, sizeof(narrow));
	memcpy(&value, &bits, sizeof(value));
	return single ? (double) narrow : value;
}

/* The same for floats, given by their bits; a NaN is not less than anything */
static void
stats_floats(const int64 *bits, uint32 n, bool single, ColumnStats *stats)
{
	double		min = INFINITY;
	double		max = -INFINITY;
	bool		has_nan = false;

	for (uint32 i = 0; i < n; i++)
	{
		double		value = float_of_bits(bits[i], single);

		min = value < min ? value : min;
		max = value > max ? value : max;
		has_nan |= value != value;
	}
	stats->has_nan = has_nan;
	if (min > max)
		return;
	stats->has_minmax = true;
	stats->min_float = min;
	stats->max_float = max;
}

/*
 * Range and sum of n values that are not null: integers or bits of floats.
 */
void
codec_stats_words(ColumnClass class, const int64 *words, uint32 n,
				  ColumnStats *stats)
{
	if (n == 0)
		return;
	if (class == COLUMN_INT)
		stats_ints(words, n, stats);
	else
		stats_floats(words, n, class == COLUMN_FLOAT4, stats);
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
