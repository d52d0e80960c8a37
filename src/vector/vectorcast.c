/*-------------------------------------------------------------------------
 *
 * vectorcast.c
 *	  Casts among numbers, dates and timestamps, and rounding.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/numeric.h"

#include "vector/vectorinternal.h"

/*---- integers under another type ---- */

/* The same numbers; that they fit has been seen by their bounds */
static bool
alias_kernel(VectorNode *node, const VectorSource *source)
{
	node->out.ints = node->values[0]->ints;
	return true;
}

static bool
bool_to_int_bounds(VectorNode *node, VectorRange *range)
{
	range->low = 0;
	range->high = 1;
	return true;
}

VECTOR_KERNEL void
widen_bools(const uint8 *a, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i];
}

static bool
bool_to_int_kernel(VectorNode *node, const VectorSource *source)
{
	widen_bools(node->values[0]->bools, vector_ints(node), source->nrows);
	return true;
}

VECTOR_KERNEL void
test_zero(const int64 *a, uint8 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] != 0;
}

static bool
int_to_bool_kernel(VectorNode *node, const VectorSource *source)
{
	test_zero(node->values[0]->ints, vector_bools(node), source->nrows);
	return true;
}

/*---- numerics with another number of digits behind the point ---- */

/* Digits that a rounding function leaves; -1: not for us */
static int
digits_wanted(const VectorNode *node)
{
	int64		wanted = 0;

	if (node->nargs > 1)
		wanted = node->values[1]->has_nulls ? 0 : node->values[1]->ints[0];
	return wanted < 0 || wanted > VECTOR_MAX_SCALE ? -1 : (int) wanted;
}

static int128
divide_bound(int64 value, int64 divisor, VectorRounding rounding)
{
	int64		result;

	vector_divide_by(&value, PG_INT64_MIN, PG_INT64_MAX, divisor, rounding,
					 &result, 1);
	return result;
}

/* Bounds of argument 0 with so many digits behind the point */
static void
rescale_bounds(VectorNode *node, int scale, VectorRange *range)
{
	const Vector *a = node->values[0];
	VectorRounding rounding = node->function->option;
	int64		factor;

	node->out.scale = scale;
	if (scale >= a->scale)
	{
		factor = power_of_ten(scale - a->scale);
		range->low = (int128) a->low * factor;
		range->high = (int128) a->high * factor;
		return;
	}
	factor = power_of_ten(a->scale - scale);
	range->low = divide_bound(a->low, factor, rounding);
	range->high = divide_bound(a->high, factor, rounding);
}

static bool
round_bounds(VectorNode *node, VectorRange *range)
{
	int			scale = digits_wanted(node);

	if (scale < 0)
		return false;
	rescale_bounds(node, scale, range);
	return true;
}

/* Rounds to out.scale, which the bounds function has set */
static bool
round_kernel(VectorNode *node, const VectorSource *source)
{
	const Vector *a = node->values[0];
	int			scale = node->out.scale;

	if (scale == a->scale)
		node->out.ints = a->ints;
	else
	{
		node->out.ints = vector_ints(node);
		if (scale > a->scale)
			vector_scale(a->ints, power_of_ten(scale - a->scale), 0,
						 vector_ints(node), source->nrows);
		else
			vector_divide_by(a->ints, a->low, a->high,
							 power_of_ten(a->scale - scale),
							 node->function->option, vector_ints(node),
							 source->nrows);
	}
	return true;
}

/* numeric(precision, scale), which a typmod has together */
static bool
typmod_bounds(VectorNode *node, VectorRange *range)
{
	int32		typmod = (int32) node->values[1]->ints[0];
	int			precision;
	int			scale;

	if (node->values[1]->has_nulls)
		return false;
	if (typmod < (int32) VARHDRSZ)
	{
		node->out.scale = node->values[0]->scale;
		return true;
	}
	precision = ((typmod - VARHDRSZ) >> 16) & 0xffff;
	scale = ((((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024);
	if (scale < 0 || scale > VECTOR_MAX_SCALE)
		return false;
	rescale_bounds(node, scale, range);
	return precision > VECTOR_MAX_SCALE ||
		(range->low > -power_of_ten(precision) &&
		 range->high < power_of_ten(precision));
}

/*---- floats ---- */

VECTOR_KERNEL void
exact_to_floats(const int64 *a, double *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = vector_int_to_double(a[i]);
}

VECTOR_KERNEL void
round_to_singles(const double *a, double *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = (double) (float) a[i];
}

VECTOR_KERNEL void
divide_floats(const double *a, double divisor, double *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] / divisor;
}

/*
 * An integer becomes the nearest float, a numeric the nearest to the quotient
 * of two exact floats, which is the nearest to the decimal number as well.
 */
static bool
int_to_float_kernel(VectorNode *node, const VectorSource *source)
{
	const Vector *a = node->values[0];
	double	   *out = vector_floats(node);
	bool		single = node->out.type == FLOAT4OID;

	if (a->low > -VECTOR_EXACT && a->high < VECTOR_EXACT)
		exact_to_floats(a->ints, out, source->nrows);
	else if (a->scale > 0)
		return false;
	else
	{
		for (int i = 0; i < source->nrows; i++)
			out[i] = single ? (double) (float) a->ints[i] :
				(double) a->ints[i];
	}
	if (a->scale > 0)
	{
		if (single)
			return false;
		divide_floats(out, (double) power_of_ten(a->scale), out,
					  source->nrows);
	}
	if (single)
		round_to_singles(out, out, source->nrows);
	return true;
}

static bool
widen_float_kernel(VectorNode *node, const VectorSource *source)
{
	node->out.floats = node->values[0]->floats;
	return true;
}

/* Became infinite or zero in a row that counts? */
static bool
changed_to_nothing(const VectorNode *node, const VectorSource *source)
{
	const double *a = node->values[0]->floats;
	const double *out = vector_floats(node);

	for (int i = 0; i < source->nselected; i++)
	{
		int			row = source->selected[i];

		if ((isinf(out[row]) && !isinf(a[row])) ||
			(out[row] == 0.0 && a[row] != 0.0))
		{
			if (!vector_is_null(&node->out, row))
				return true;
		}
	}
	return false;
}

static bool
narrow_float_kernel(VectorNode *node, const VectorSource *source)
{
	round_to_singles(node->values[0]->floats, vector_floats(node),
					 source->nrows);
	return !changed_to_nothing(node, source);
}

/* How many are not within these limits? */
VECTOR_KERNEL int64
count_outside(const double *a, double low, double high, int n)
{
	int64		found = 0;

	for (int i = 0; i < n; i++)
		found += !((a[i] >= low) & (a[i] <= high));
	return found;
}

VECTOR_KERNEL void
floats_to_ints(const double *a, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = vector_double_to_int(a[i]);
}

/*
 * Rounds to the nearest integer, halves to even ones.  What might not fit is
 * left to PostgreSQL, as are integers of more than 51 bits.
 */
static bool
float_to_int_kernel(VectorNode *node, const VectorSource *source)
{
	const double *a = node->values[0]->floats;
	double		limit = node->out.type == INT2OID ? PG_INT16_MAX :
	node->out.type == INT4OID ? PG_INT32_MAX : VECTOR_EXACT - 1;

	if (count_outside(a, -limit, limit, source->nrows) > 0)
	{
		for (int i = 0; i < source->nselected; i++)
		{
			int			row = source->selected[i];

			if (!vector_is_null(&node->out, row) &&
				!(a[row] >= -limit && a[row] <= limit))
				return false;
		}
	}
	floats_to_ints(a, vector_ints(node), source->nrows);
	node->out.low = -(int64) limit;
	node->out.high = (int64) limit;
	return true;
}

/*---- dates ---- */

#define FIRST_DATE		(DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE)
#define END_DATE		(DATE_END_JULIAN - POSTGRES_EPOCH_JDATE)
#define END_DATE_TIME	(TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)

/*
 * vector_dates_are_times: is there a timestamp for each of these dates?
 */
bool
vector_dates_are_times(const Vector *dates)
{
	return dates->low >= FIRST_DATE && dates->high < END_DATE_TIME;
}

static bool
date_to_time_bounds(VectorNode *node, VectorRange *range)
{
	range->low *= USECS_PER_DAY;
	range->high *= USECS_PER_DAY;
	return vector_dates_are_times(node->values[0]);
}

static bool
date_to_time_kernel(VectorNode *node, const VectorSource *source)
{
	vector_scale(node->values[0]->ints, USECS_PER_DAY, 0, vector_ints(node),
				 source->nrows);
	return true;
}

static bool
time_to_date_bounds(VectorNode *node, VectorRange *range)
{
	const Vector *a = node->values[0];

	if (a->low < MIN_TIMESTAMP || a->high >= END_TIMESTAMP)
		return false;
	range->low = divide_bound(a->low, USECS_PER_DAY, VECTOR_FLOOR);
	range->high = divide_bound(a->high, USECS_PER_DAY, VECTOR_FLOOR);
	return true;
}

static bool
time_to_date_kernel(VectorNode *node, const VectorSource *source)
{
	const Vector *a = node->values[0];

	vector_divide_by(a->ints, a->low, a->high, USECS_PER_DAY, VECTOR_FLOOR,
					 vector_ints(node), source->nrows);
	return true;
}

/*---- table ---- */

#define ALIAS(oid)		{oid, "i", VECTOR_INT, NULL, alias_kernel}
#define TO_FLOAT(oid)	{oid, "i", VECTOR_FLOAT, NULL, int_to_float_kernel}
#define FROM_FLOAT(oid)	{oid, "f", VECTOR_INT, NULL, float_to_int_kernel}
#define TO_INT(oid)		{oid, "i", VECTOR_INT, round_bounds, round_kernel, \
						 VECTOR_NEAREST}
#define ROUND(oid, args, rounding) \
	{oid, args, VECTOR_INT, round_bounds, round_kernel, rounding}

const VectorFunction vector_cast_functions[] = {
	ALIAS(F_INT2_INT4), ALIAS(F_INT2_INT8), ALIAS(F_INT4_INT2),
	ALIAS(F_INT4_INT8), ALIAS(F_INT8_INT2), ALIAS(F_INT8_INT4),
	ALIAS(F_NUMERIC_INT2), ALIAS(F_NUMERIC_INT4), ALIAS(F_NUMERIC_INT8),
	{F_INT4_BOOL, "b", VECTOR_INT, bool_to_int_bounds, bool_to_int_kernel},
	{F_BOOL_INT4, "i", VECTOR_BOOL, NULL, int_to_bool_kernel},

	TO_FLOAT(F_FLOAT8_INT2), TO_FLOAT(F_FLOAT8_INT4), TO_FLOAT(F_FLOAT8_INT8),
	TO_FLOAT(F_FLOAT4_INT2), TO_FLOAT(F_FLOAT4_INT4), TO_FLOAT(F_FLOAT4_INT8),
	TO_FLOAT(F_FLOAT8_NUMERIC), TO_FLOAT(F_FLOAT4_NUMERIC),
	{F_FLOAT8_FLOAT4, "f", VECTOR_FLOAT, NULL, widen_float_kernel},
	{F_FLOAT4_FLOAT8, "f", VECTOR_FLOAT, NULL, narrow_float_kernel},
	FROM_FLOAT(F_INT2_FLOAT4), FROM_FLOAT(F_INT4_FLOAT4),
	FROM_FLOAT(F_INT8_FLOAT4), FROM_FLOAT(F_INT2_FLOAT8),
	FROM_FLOAT(F_INT4_FLOAT8), FROM_FLOAT(F_INT8_FLOAT8),

	{F_NUMERIC_NUMERIC_INT4, "ik", VECTOR_INT, typmod_bounds, round_kernel,
	VECTOR_NEAREST},
	TO_INT(F_INT2_NUMERIC), TO_INT(F_INT4_NUMERIC), TO_INT(F_INT8_NUMERIC),
	ROUND(F_ROUND_NUMERIC_INT4, "ik", VECTOR_NEAREST),
	ROUND(F_TRUNC_NUMERIC_INT4, "ik", VECTOR_TRUNC),
	ROUND(F_CEIL_NUMERIC, "i", VECTOR_CEIL),
	ROUND(F_CEILING_NUMERIC, "i", VECTOR_CEIL),
	ROUND(F_FLOOR_NUMERIC, "i", VECTOR_FLOOR),

	{F_TIMESTAMP_DATE, "i", VECTOR_INT, date_to_time_bounds,
	date_to_time_kernel},
	{F_DATE_TIMESTAMP, "i", VECTOR_INT, time_to_date_bounds,
	time_to_date_kernel},
	{InvalidOid}
};
