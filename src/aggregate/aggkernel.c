/*-------------------------------------------------------------------------
 *
 * aggkernel.c
 *	  Sums, extremes and the like of arrays: what aggregates without groups
 *	  spend their time with.
 *
 * n is at most COLUMN_VECTOR.  No function checks for overflow; each says what
 * its caller has to see to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "aggregate/aggfunction.h"
#include "column/columncodec.h"

/* partial results side by side, so that additions need not wait for another */
#define LANES	8

/*---- values of some rows ---- */

#define TOGETHER	16

/*
 * kernel_take_ints, kernel_take_floats: the values of rows, which ascend or
 * descend.  Most often few are left out, and the rest lies in long runs.
 */
CODEC_KERNEL void
kernel_take_ints(const int64 *values, const int *rows, int n, int64 *out)
{
	int			i;

	for (i = 0; i + TOGETHER <= n; i += TOGETHER)
	{
		const int64 *first = values + rows[i];

		if (rows[i + TOGETHER - 1] - rows[i] == TOGETHER - 1)
			memcpy(out + i, first, TOGETHER * sizeof(int64));
		else
			for (int k = i; k < i + TOGETHER; k++)
				out[k] = values[rows[k]];
	}
	for (; i < n; i++)
		out[i] = values[rows[i]];
}

void
kernel_take_floats(const double *values, const int *rows, int n, double *out)
{
	StaticAssertStmt(sizeof(double) == sizeof(int64), "both are words");
	kernel_take_ints((const int64 *) values, rows, n, (int64 *) out);
}

/*---- few groups ---- */

#define GROUP_LANES	4

/*
 * kernel_few_groups: one more than the largest number of a group, or 0 if that is
 * more than KERNEL_GROUPS.
 */
int
kernel_few_groups(const uint32 *groups, int n)
{
	uint32		last = codec_largest32(groups, n);

	return n > 0 && last < KERNEL_GROUPS ? (int) last + 1 : 0;
}

static void
add_lanes(const KernelGroup lanes[GROUP_LANES][KERNEL_GROUPS], int ngroups,
		  KernelGroup *out)
{
	for (int g = 0; g < ngroups; g++)
	{
		out[g] = lanes[0][g];
		for (int k = 1; k < GROUP_LANES; k++)
		{
			out[g].n += lanes[k][g].n;
			out[g].sum += lanes[k][g].sum;
		}
	}
}

/*
 * kernel_group_counts, kernel_group_sums: number and sum of the values in each of
 * ngroups groups.  Rows that follow each other add to different places, so that
 * none waits for the one before it.  A sum of all of the values must not
 * overflow.
 */
CODEC_KERNEL void
kernel_group_counts(const uint32 *groups, int n, int ngroups, KernelGroup *out)
{
	KernelGroup lanes[GROUP_LANES][KERNEL_GROUPS];
	int			i;

	for (int k = 0; k < GROUP_LANES; k++)
		memset(lanes[k], 0, ngroups * sizeof(KernelGroup));
	for (i = 0; i + GROUP_LANES <= n; i += GROUP_LANES)
		for (int k = 0; k < GROUP_LANES; k++)
			lanes[k][groups[i + k]].n++;
	for (; i < n; i++)
		lanes[0][groups[i]].n++;
	add_lanes(lanes, ngroups, out);
}

CODEC_KERNEL void
kernel_group_sums(const uint32 *groups, const int64 *values, int n,
				  int ngroups, KernelGroup *out)
{
	KernelGroup lanes[GROUP_LANES][KERNEL_GROUPS];
	int			i;

	for (int k = 0; k < GROUP_LANES; k++)
		memset(lanes[k], 0, ngroups * sizeof(KernelGroup));
	for (i = 0; i + GROUP_LANES <= n; i += GROUP_LANES)
		for (int k = 0; k < GROUP_LANES; k++)
		{
			KernelGroup *g = &lanes[k][groups[i + k]];

			g->sum += values[i + k];
			g->n++;
		}
	for (; i < n; i++)
	{
		lanes[0][groups[i]].sum += values[i];
		lanes[0][groups[i]].n++;
	}
	add_lanes(lanes, ngroups, out);
}

/*---- integers ---- */

static CODEC_KERNEL int64
sum_narrow(const int64 *values, int n)
{
	int64		sum = 0;

	for (int i = 0; i < n; i++)
		sum += values[i];
	return sum;
}

static CODEC_KERNEL int128
sum_wide(const int64 *values, int n)
{
	uint64		low = 0;
	int64		high = 0;

	for (int i = 0; i < n; i++)
	{
		low += (uint64) values[i] & 0xFFFFFFFF;
		high += (int32) ((uint64) values[i] >> 32);
	}
	return ((int128) high << 32) + low;
}

static CODEC_KERNEL int64
squares_narrow(const int64 *values, int n)
{
	int64		sum = 0;

	for (int i = 0; i < n; i++)
	{
		int32		value = (int32) values[i];

		sum += (int64) value * value;
	}
	return sum;
}

static int128
squares_wide(const int64 *values, int n)
{
	int128		sum = 0;

	for (int i = 0; i < n; i++)
		sum += (int128) values[i] * values[i];
	return sum;
}

static bool
within(int64 low, int64 high, int64 limit)
{
	return low > -limit && high < limit;
}

/*
 * kernel_fits: is a sum of integers between low and high an int64?
 */
bool
kernel_fits(int64 low, int64 high)
{
	return within(low, high, PG_INT64_MAX / COLUMN_VECTOR);
}

/*
 * kernel_sum: sum of integers that are all between low and high.
 */
int128
kernel_sum(const int64 *values, int n, int64 low, int64 high)
{
	if (kernel_fits(low, high))
		return sum_narrow(values, n);
	return sum_wide(values, n);
}

/*
 * kernel_sum_squares: sum of their squares; absolute values are less than 2^58.
 */
int128
kernel_sum_squares(const int64 *values, int n, int64 low, int64 high)
{
	/* 2^26 squared is 2^52, a vector has 2^10 of them */
	if (within(low, high, INT64CONST(1) << 26))
		return squares_narrow(values, n);
	return squares_wide(values, n);
}

/*
 * kernel_min and kernel_max of n > 0 integers, and the bits that all, some or
 * an odd number of them have.
 */
CODEC_KERNEL int64
kernel_min(const int64 *values, int n)
{
	int64		min = values[0];

	for (int i = 1; i < n; i++)
		min = values[i] < min ? values[i] : min;
	return min;
}

CODEC_KERNEL int64
kernel_max(const int64 *values, int n)
{
	int64		max = values[0];

	for (int i = 1; i < n; i++)
		max = values[i] > max ? values[i] : max;
	return max;
}

CODEC_KERNEL int64
kernel_and(const int64 *values, int n)
{
	int64		bits = -1;

	for (int i = 0; i < n; i++)
		bits &= values[i];
	return bits;
}

CODEC_KERNEL int64
kernel_or(const int64 *values, int n)
{
	int64		bits = 0;

	for (int i = 0; i < n; i++)
		bits |= values[i];
	return bits;
}

CODEC_KERNEL int64
kernel_xor(const int64 *values, int n)
{
	int64		bits = 0;

	for (int i = 0; i < n; i++)
		bits ^= values[i];
	return bits;
}

/*---- floats ---- */

/*
 * kernel_tame: are all of them numbers, and nearer to 0 than KERNEL_TAME?
 */
CODEC_KERNEL bool
kernel_tame(const double *values, int n)
{
	int64		wild = 0;

	for (int i = 0; i < n; i++)
		wild |= fabs(values[i]) < KERNEL_TAME ? 0 : 1;
	return wild == 0;
}

/*
 * kernel_sum_floats: the sum of tame floats.  That of no float, and of none
 * but -0, is -0, which is neutral in additions.
 */
CODEC_KERNEL double
kernel_sum_floats(const double *values, int n)
{
	double		sum[LANES];
	int			i;

	for (int k = 0; k < LANES; k++)
		sum[k] = -0.0;
	for (i = 0; i + LANES <= n; i += LANES)
		for (int k = 0; k < LANES; k++)
			sum[k] += values[i + k];
	for (; i < n; i++)
		sum[i % LANES] += values[i];
	for (int width = LANES / 2; width > 0; width /= 2)
		for (int k = 0; k < width; k++)
			sum[k] += sum[k + width];
	return sum[0];
}

/*
 * kernel_deviations: the sum of the squares of their distances from their
 * mean.  What rounding of the mean adds is taken out again (Chan, Golub and
 * LeVeque, "Algorithms for Computing the Sample Variance", 1983).
 */
CODEC_KERNEL double
kernel_deviations(const double *values, int n, double mean)
{
	double		first[LANES] = {0};
	double		second[LANES] = {0};
	int			i;

	for (i = 0; i + LANES <= n; i += LANES)
		for (int k = 0; k < LANES; k++)
		{
			double		distance = values[i + k] - mean;

			first[k] += distance;
			second[k] += distance * distance;
		}
	for (; i < n; i++)
	{
		double		distance = values[i] - mean;

		first[i % LANES] += distance;
		second[i % LANES] += distance * distance;
	}
	for (int width = LANES / 2; width > 0; width /= 2)
		for (int k = 0; k < width; k++)
		{
			first[k] += first[k + width];
			second[k] += second[k + width];
		}
	return Max(second[0] - first[0] * first[0] / n, 0);
}

/*
 * kernel_min_float and kernel_max_float of floats that are no NaN; infinity if
 * there are none.  Which zero is found, 0 or -0, is not said.
 */
CODEC_KERNEL double
kernel_min_float(const double *values, int n)
{
	double		min[LANES];
	int			i;

	for (int k = 0; k < LANES; k++)
		min[k] = INFINITY;
	for (i = 0; i + LANES <= n; i += LANES)
		for (int k = 0; k < LANES; k++)
			min[k] = values[i + k] < min[k] ? values[i + k] : min[k];
	for (; i < n; i++)
		min[0] = values[i] < min[0] ? values[i] : min[0];
	for (int k = 1; k < LANES; k++)
		min[0] = min[k] < min[0] ? min[k] : min[0];
	return min[0];
}

CODEC_KERNEL double
kernel_max_float(const double *values, int n)
{
	double		max[LANES];
	int			i;

	for (int k = 0; k < LANES; k++)
		max[k] = -INFINITY;
	for (i = 0; i + LANES <= n; i += LANES)
		for (int k = 0; k < LANES; k++)
			max[k] = values[i + k] > max[k] ? values[i + k] : max[k];
	for (; i < n; i++)
		max[0] = values[i] > max[0] ? values[i] : max[0];
	for (int k = 1; k < LANES; k++)
		max[0] = max[k] > max[0] ? max[k] : max[0];
	return max[0];
}
