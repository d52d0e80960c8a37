/*-------------------------------------------------------------------------
 *
 * test_aggregate_kernel.c
 *		The loops of aggregates against a computation value by value.
 *
 * usage: test_aggregate_kernel [seed]
 *
 *-------------------------------------------------------------------------
 */
/* needs: src/aggregate/aggkernel.c src/column/columnpack.c */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "aggregate/aggfunction.h"
#include "unit.h"

#define ROUNDS	200

static uint64_t seed = 1;

/* An integer of up to so many bits */
static int64
random_int(int bits)
{
	return (int64) unit_random(&seed) >> (64 - bits);
}

/* A float with few digits, of a magnitude that differs */
static double
random_float(void)
{
	return ldexp((double) random_int(20), (int) (unit_random(&seed) % 12));
}

static int
random_count(void)
{
	return 1 + (int) (unit_random(&seed) % COLUMN_VECTOR);
}

static void
check_ints(const int64 *values, int n)
{
	int64		min = PG_INT64_MAX;
	int64		max = PG_INT64_MIN;
	int64		all = -1;
	int64		some = 0;
	int64		odd = 0;
	int128		sum = 0;
	int128		squares = 0;

	for (int i = 0; i < n; i++)
	{
		min = Min(min, values[i]);
		max = Max(max, values[i]);
		all &= values[i];
		some |= values[i];
		odd ^= values[i];
		sum += values[i];
		squares += (int128) values[i] * values[i];
	}
	CHECK_EQ(kernel_min(values, n), min);
	CHECK_EQ(kernel_max(values, n), max);
	CHECK_EQ(kernel_and(values, n), all);
	CHECK_EQ(kernel_or(values, n), some);
	CHECK_EQ(kernel_xor(values, n), odd);
	CHECK(kernel_sum(values, n, min, max) == sum);
	CHECK(kernel_sum(values, n, PG_INT64_MIN, PG_INT64_MAX) == sum);
	if (min > -(INT64CONST(1) << 58) && max < (INT64CONST(1) << 58))
		CHECK(kernel_sum_squares(values, n, min, max) == squares);
}

/* Integers of all widths, with extremes among them */
static void
test_ints(void)
{
	int64		values[COLUMN_VECTOR];

	for (int round = 0; round < ROUNDS; round++)
	{
		int			n = random_count();
		int			bits = 1 + (int) (unit_random(&seed) % 64);

		for (int i = 0; i < n; i++)
			values[i] = random_int(bits);
		check_ints(values, n);
	}
	for (int i = 0; i < COLUMN_VECTOR; i++)
		values[i] = PG_INT64_MAX;
	check_ints(values, COLUMN_VECTOR);
	for (int i = 0; i < COLUMN_VECTOR; i++)
		values[i] = PG_INT64_MIN;
	check_ints(values, COLUMN_VECTOR);
	for (int i = 0; i < COLUMN_VECTOR; i++)
		values[i] = (INT64CONST(1) << 58) - 1;
	check_ints(values, COLUMN_VECTOR);
	for (int i = 0; i < COLUMN_VECTOR; i++)
		values[i] = i % 2 ? (1 << 26) - 1 : 1 - (1 << 26);
	check_ints(values, COLUMN_VECTOR);
	unit_done("integers");
}

static void
check_floats(const double *values, int n)
{
	double		min = INFINITY;
	double		max = -INFINITY;
	double		sum = 0;
	double		mean;
	double		squares = 0;

	for (int i = 0; i < n; i++)
	{
		min = Min(min, values[i]);
		max = Max(max, values[i]);
		sum += values[i];
	}
	mean = sum / n;
	for (int i = 0; i < n; i++)
		squares += (values[i] - mean) * (values[i] - mean);
	CHECK(kernel_tame(values, n));
	CHECK(kernel_min_float(values, n) == min);
	CHECK(kernel_max_float(values, n) == max);
	CHECK(kernel_sum_floats(values, n) == sum);
	CHECK(fabs(kernel_deviations(values, n, mean) - squares) <=
		  1e-12 * squares);

	/* also if the mean is not quite right */
	CHECK(fabs(kernel_deviations(values, n, mean * (1 + 1e-9)) - squares) <=
		  1e-9 * squares);
}

/* Floats whose sums are exact, whatever the order */
static void
test_floats(void)
{
	double		values[COLUMN_VECTOR];

	for (int round = 0; round < ROUNDS; round++)
	{
		int			n = random_count();

		for (int i = 0; i < n; i++)
			values[i] = random_float();
		check_floats(values, n);
	}
	unit_done("floats");
}

/* One value that is not tame, at any place */
static void
test_wild(void)
{
	static const double wild[] = {NAN, INFINITY, -INFINITY, DBL_MAX, -DBL_MAX,
	1e140, -1e140};
	double		values[COLUMN_VECTOR];

	for (int round = 0; round < ROUNDS; round++)
	{
		int			n = random_count();
		int			at = (int) (unit_random(&seed) % n);

		for (int i = 0; i < n; i++)
			values[i] = random_float();
		CHECK(kernel_tame(values, n));
		values[at] = wild[round % lengthof(wild)];
		CHECK(!kernel_tame(values, n));
	}
	unit_done("floats that are not tame");
}

/* -0 alone adds up to -0 */
static void
test_zeros(void)
{
	double		values[COLUMN_VECTOR];

	for (int n = 0; n <= 40; n++)
	{
		for (int i = 0; i < n; i++)
			values[i] = -0.0;
		CHECK(kernel_sum_floats(values, n) == 0 &&
			  signbit(kernel_sum_floats(values, n)));
		for (int i = 0; i < n; i++)
		{
			values[i] = 0.0;
			CHECK(!signbit(kernel_sum_floats(values, n)));
			values[i] = -0.0;
		}
	}
	unit_done("zeros");
}

static void
test_rows(void)
{
	int64		ints[COLUMN_VECTOR];
	double		floats[COLUMN_VECTOR];
	int			rows[COLUMN_VECTOR];
	int64		taken_ints[COLUMN_VECTOR];
	double		taken_floats[COLUMN_VECTOR];

	for (int i = 0; i < COLUMN_VECTOR; i++)
	{
		ints[i] = random_int(64);
		floats[i] = random_float();
	}
	for (int round = 0; round < ROUNDS; round++)
	{
		int			n = 0;

		for (int i = 0; i < COLUMN_VECTOR; i++)
		{
			rows[n] = i;
			n += unit_random(&seed) % 100 < (unsigned) round;
		}
		kernel_take_ints(ints, rows, n, taken_ints);
		kernel_take_floats(floats, rows, n, taken_floats);
		for (int i = 0; i < n; i++)
			CHECK(taken_ints[i] == ints[rows[i]] &&
				  taken_floats[i] == floats[rows[i]]);
	}
	unit_done("values of rows");
}

/* Few groups, of which the first ones, all or a single one have rows */
static void
test_groups(void)
{
	int64		values[COLUMN_VECTOR];
	uint32		groups[COLUMN_VECTOR];
	int64		most = PG_INT64_MAX / COLUMN_VECTOR;

	for (int round = 0; round < ROUNDS; round++)
	{
		int			n = random_count();
		int			limit = 1 + round % KERNEL_GROUPS;
		int64		sums[KERNEL_GROUPS] = {0};
		int64		counts[KERNEL_GROUPS] = {0};
		KernelGroup out[KERNEL_GROUPS];
		int			ngroups = 0;

		for (int i = 0; i < n; i++)
		{
			groups[i] = (uint32) (unit_random(&seed) % (unsigned) limit);
			if (round % 3 == 0)
				groups[i] = (uint32) limit - 1;
			values[i] = round % 2 == 0 ? random_int(53) :
				i % 5 == 0 ? -most + 1 : most - 1;
			sums[groups[i]] += values[i];
			counts[groups[i]]++;
			ngroups = Max(ngroups, (int) groups[i] + 1);
		}
		CHECK_EQ(kernel_few_groups(groups, n), ngroups);
		kernel_group_sums(groups, values, n, ngroups, out);
		for (int g = 0; g < ngroups; g++)
			CHECK(out[g].sum == sums[g] && out[g].n == counts[g]);
		kernel_group_counts(groups, n, ngroups, out);
		for (int g = 0; g < ngroups; g++)
			CHECK_EQ(out[g].n, counts[g]);
		groups[n / 2] = KERNEL_GROUPS;
		CHECK_EQ(kernel_few_groups(groups, n), 0);
	}
	CHECK_EQ(kernel_few_groups(groups, 0), 0);
	CHECK(kernel_fits(-most + 1, most - 1));
	CHECK(!kernel_fits(-most, 0) && !kernel_fits(0, most));
	unit_done("sums of few groups");
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	test_ints();
	test_floats();
	test_wild();
	test_zeros();
	test_rows();
	test_groups();
	return unit_finish();
}
