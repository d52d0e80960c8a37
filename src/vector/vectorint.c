/*-------------------------------------------------------------------------
 *
 * vectorint.c
 *	  Arithmetic of integers, and of numerics as scaled integers.
 *
 * Bounds of the result are computed first, so that no loop need look for
 * overflow.  What is computed in rows that do not count may wrap around.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/fmgroids.h"

#include "vector/vectorinternal.h"

/* options of a function */
#define INT_MINUS		1		/* the second argument is subtracted */
#define INT_REST		2		/* of a division */

/*
 * vector_align: by what the values of a and b must be multiplied to have one
 * scale, which is returned.
 */
int
vector_align(const Vector *a, const Vector *b, int64 *factor_a,
			 int64 *factor_b)
{
	int			scale = Max(a->scale, b->scale);

	*factor_a = power_of_ten(scale - a->scale);
	*factor_b = power_of_ten(scale - b->scale);
	return scale;
}

/*---- loops ---- */

VECTOR_KERNEL void
add_ints(const int64 *a, const int64 *b, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] + b[i];
}

VECTOR_KERNEL void
subtract_ints(const int64 *a, const int64 *b, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] - b[i];
}

VECTOR_KERNEL void
multiply_ints(const int64 *a, const int64 *b, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] * b[i];
}

/* factor * a + c */
VECTOR_KERNEL void
scale_ints(const int64 *a, int64 factor, int64 c, int64 *out, int n)
{
	if (factor == 1)
	{
		for (int i = 0; i < n; i++)
			out[i] = a[i] + c;
	}
	else if (factor == -1)
	{
		for (int i = 0; i < n; i++)
			out[i] = c - a[i];
	}
	else
	{
		for (int i = 0; i < n; i++)
			out[i] = a[i] * factor + c;
	}
}

/*
 * vector_scale: out = factor * a + c, for n values.
 */
void
vector_scale(const int64 *a, int64 factor, int64 c, int64 *out, int n)
{
	scale_ints(a, factor, c, out, n);
}

VECTOR_KERNEL void
absolute_ints(const int64 *a, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] < 0 ? -a[i] : a[i];
}

/*
 * Quotients, truncated, of integers below 2^51.  Their quotient as a double,
 * rounded, is off by one at most; the rest, which is exact, tells.
 */
VECTOR_KERNEL void
divide_small(const int64 *a, const int64 *b, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
	{
		double		x = vector_int_to_double(a[i]);
		double		d = vector_int_to_double(b[i]);
		double		q = (x / d + VECTOR_MAGIC) - VECTOR_MAGIC;
		int64		rest = vector_double_to_int(x - q * d);
		int64		off = (rest != 0) & ((rest ^ a[i]) < 0);
		int64		sign = ((a[i] ^ b[i]) >> 63) | 1;

		out[i] = vector_double_to_int(q) - (sign & -off);
	}
}

static void
divide_large(const int64 *a, const int64 *b, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = b[i] == 0 ? 0 : b[i] == -1 ? -a[i] : a[i] / b[i];
}

VECTOR_KERNEL void
rest_ints(const int64 *a, const int64 *b, const int64 *quotient, int64 *out,
		  int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] - b[i] * quotient[i];
}

/* What to add to a quotient that leaves this rest, in order to round it */
static inline int64
round_step(int64 value, int64 rest, int64 divisor, VectorRounding rounding)
{
	int64		positive = value > 0;

	switch (rounding)
	{
		case VECTOR_FLOOR:
			return -(int64) (rest < 0);
		case VECTOR_CEIL:
			return rest > 0;
		case VECTOR_TRUNC:
			return ((rest > 0) & (value < 0)) - ((rest < 0) & positive);
		default:
			return ((2 * rest > divisor) | ((2 * rest == divisor) & positive)) -
				((2 * rest < -divisor) | ((2 * rest == -divisor) & (value < 0)));
	}
}

/* Inlined for each way of rounding, so that loops have no branches */
static inline __attribute__((always_inline))
void
divide_by_small(const int64 *a, int64 divisor, VectorRounding rounding,
				int64 *out, int n)
{
	double		d = (double) divisor;

	for (int i = 0; i < n; i++)
	{
		double		x = vector_int_to_double(a[i]);
		double		q = (x / d + VECTOR_MAGIC) - VECTOR_MAGIC;
		int64		rest = vector_double_to_int(x - q * d);

		out[i] = vector_double_to_int(q) +
			round_step(a[i], rest, divisor, rounding);
	}
}

VECTOR_KERNEL void
divide_by(const int64 *a, int64 divisor, VectorRounding rounding, int64 *out,
		  int n)
{
	switch (rounding)
	{
		case VECTOR_FLOOR:
			divide_by_small(a, divisor, VECTOR_FLOOR, out, n);
			break;
		case VECTOR_CEIL:
			divide_by_small(a, divisor, VECTOR_CEIL, out, n);
			break;
		case VECTOR_TRUNC:
			divide_by_small(a, divisor, VECTOR_TRUNC, out, n);
			break;
		default:
			divide_by_small(a, divisor, VECTOR_NEAREST, out, n);
			break;
	}
}

/*
 * vector_divide_by: quotients of n integers by a positive one, rounded.  low
 * and high are bounds of those that count.
 */
void
vector_divide_by(const int64 *a, int64 low, int64 high, int64 divisor,
				 VectorRounding rounding, int64 *out, int n)
{
	if (low > -VECTOR_EXACT && high < VECTOR_EXACT && divisor < VECTOR_EXACT)
	{
		divide_by(a, divisor, rounding, out, n);
		return;
	}
	for (int i = 0; i < n; i++)
	{
		int64		q = a[i] / divisor;
		int64		rest = a[i] % divisor;
		bool		half = rest > divisor - rest - 1 && rest >= 0;

		if (rest < 0)
			half = -rest > divisor + rest - 1;
		if (rounding == VECTOR_NEAREST)
			q += half ? (rest < 0 ? -1 : 1) : 0;
		else if (rounding != VECTOR_TRUNC)
			q += (rounding == VECTOR_CEIL && rest > 0) -
				(rounding == VECTOR_FLOOR && rest < 0);
		out[i] = q;
	}
}

static bool
is_small(const Vector *v)
{
	return v->low > -VECTOR_EXACT && v->high < VECTOR_EXACT;
}

/*---- sums and differences ---- */

static bool
add_bounds(VectorNode *node, VectorRange *range)
{
	const Vector *a = node->values[0];
	const Vector *b = node->values[1];
	int64		fa;
	int64		fb;

	node->out.scale = vector_align(a, b, &fa, &fb);
	range->low = (int128) a->low * fa;
	range->high = (int128) a->high * fa;
	if (node->function->option == INT_MINUS)
	{
		range->low -= (int128) b->high * fb;
		range->high -= (int128) b->low * fb;
	}
	else
	{
		range->low += (int128) b->low * fb;
		range->high += (int128) b->high * fb;
	}
	return true;
}

static bool
add_kernel(VectorNode *node, const VectorSource *source)
{
	const Vector *a = node->values[0];
	const Vector *b = node->values[1];
	int64	   *out = vector_ints(node);
	int			n = source->nrows;
	bool		minus = node->function->option == INT_MINUS;
	int64		fa;
	int64		fb;

	vector_align(a, b, &fa, &fb);
	if (minus)
		fb = -fb;
	if (node->args[1]->constant)
		scale_ints(a->ints, fa, b->ints[0] * fb, out, n);
	else if (node->args[0]->constant)
		scale_ints(b->ints, fb, a->ints[0] * fa, out, n);
	else if (fa == 1 && fb == 1)
		add_ints(a->ints, b->ints, out, n);
	else if (fa == 1 && fb == -1)
		subtract_ints(a->ints, b->ints, out, n);
	else if (fa == 1)
	{
		scale_ints(b->ints, fb, 0, out, n);
		add_ints(out, a->ints, out, n);
	}
	else
	{
		scale_ints(a->ints, fa, 0, out, n);
		(minus ? subtract_ints : add_ints) (out, b->ints, out, n);
	}
	return true;
}

/*---- products ---- */

/* The range of results that are extreme where the operands are */
static void
set_corners(VectorRange *range, const int128 corners[4])
{
	range->low = range->high = corners[0];
	for (int i = 1; i < 4; i++)
	{
		range->low = Min(range->low, corners[i]);
		range->high = Max(range->high, corners[i]);
	}
}

static bool
multiply_bounds(VectorNode *node, VectorRange *range)
{
	const Vector *a = node->values[0];
	const Vector *b = node->values[1];
	int128		corners[4] = {
		(int128) a->low * b->low, (int128) a->low * b->high,
		(int128) a->high * b->low, (int128) a->high * b->high
	};

	set_corners(range, corners);
	node->out.scale = a->scale + b->scale;
	return node->out.scale <= VECTOR_MAX_SCALE;
}

static bool
multiply_kernel(VectorNode *node, const VectorSource *source)
{
	const Vector *a = node->values[0];
	const Vector *b = node->values[1];

	if (node->args[0]->constant)
		scale_ints(b->ints, a->ints[0], 0, vector_ints(node), source->nrows);
	else if (node->args[1]->constant)
		scale_ints(a->ints, b->ints[0], 0, vector_ints(node), source->nrows);
	else
		multiply_ints(a->ints, b->ints, vector_ints(node), source->nrows);
	return true;
}

/*---- quotients and rests ---- */

static bool
contains_zero(const Vector *v)
{
	return v->low <= 0 && v->high >= 0;
}

/* Is a divisor zero in a row that counts? */
static bool
divides_by_zero(const VectorNode *node)
{
	const Vector *b = node->values[1];
	const VectorSource *source = node->owner->source;

	if (!contains_zero(b))
		return false;
	for (int i = 0; i < source->nselected; i++)
	{
		int			row = source->selected[i];

		if (b->ints[row] == 0 && !vector_is_null(&node->out, row))
			return true;
	}
	return false;
}

/*
 * Truncated quotients are extreme where their operands are, if the divisors
 * have one sign; else they are not further from zero than the dividends.
 */
static bool
divide_bounds(VectorNode *node, VectorRange *range)
{
	const Vector *a = node->values[0];
	const Vector *b = node->values[1];
	int128		corners[4];

	if (divides_by_zero(node))
		return false;
	if (contains_zero(b))
	{
		range->high = Max((int128) a->high, -(int128) a->low);
		range->low = -range->high;
		return true;
	}
	corners[0] = (int128) a->low / b->low;
	corners[1] = (int128) a->low / b->high;
	corners[2] = (int128) a->high / b->low;
	corners[3] = (int128) a->high / b->high;
	set_corners(range, corners);
	return true;
}

/* A rest is nearer to zero than both operands, and has the first one's sign */
static bool
rest_bounds(VectorNode *node, VectorRange *range)
{
	const Vector *a = node->values[0];
	const Vector *b = node->values[1];
	int128		most;

	if (divides_by_zero(node))
		return false;
	most = Max(Max((int128) b->high, -(int128) b->low) - 1, 0);
	range->low = Max(Min((int128) a->low, 0), -most);
	range->high = Min(Max((int128) a->high, 0), most);
	return true;
}

static bool
divide_kernel(VectorNode *node, const VectorSource *source)
{
	const Vector *a = node->values[0];
	const Vector *b = node->values[1];
	int64	   *out = vector_ints(node);

	if (is_small(a) && is_small(b))
		divide_small(a->ints, b->ints, out, source->nrows);
	else
		divide_large(a->ints, b->ints, out, source->nrows);
	if (node->function->option == INT_REST)
		rest_ints(a->ints, b->ints, out, out, source->nrows);
	return true;
}

/*---- one operand ---- */

static bool
negate_bounds(VectorNode *node, VectorRange *range)
{
	const Vector *a = node->values[0];

	range->low = -(int128) a->high;
	range->high = -(int128) a->low;
	node->out.scale = a->scale;
	return true;
}

static bool
negate_kernel(VectorNode *node, const VectorSource *source)
{
	scale_ints(node->values[0]->ints, -1, 0, vector_ints(node), source->nrows);
	return true;
}

static bool
absolute_bounds(VectorNode *node, VectorRange *range)
{
	const Vector *a = node->values[0];
	int128		low = a->low;
	int128		high = a->high;

	range->low = low > 0 ? low : high < 0 ? -high : 0;
	range->high = Max(high, -low);
	node->out.scale = a->scale;
	return true;
}

static bool
absolute_kernel(VectorNode *node, const VectorSource *source)
{
	absolute_ints(node->values[0]->ints, vector_ints(node), source->nrows);
	return true;
}

/*---- table ---- */

#define BINARY(oid, bounds, kernel, option) \
	{oid, "ii", VECTOR_INT, bounds, kernel, option}
#define ADD(oid)		BINARY(oid, add_bounds, add_kernel, 0)
#define SUBTRACT(oid)	BINARY(oid, add_bounds, add_kernel, INT_MINUS)
#define MULTIPLY(oid)	BINARY(oid, multiply_bounds, multiply_kernel, 0)
#define DIVIDE(oid)		BINARY(oid, divide_bounds, divide_kernel, 0)
#define REST(oid)		BINARY(oid, rest_bounds, divide_kernel, INT_REST)
#define NEGATE(oid)		{oid, "i", VECTOR_INT, negate_bounds, negate_kernel}
#define ABSOLUTE(oid)	{oid, "i", VECTOR_INT, absolute_bounds, absolute_kernel}

const VectorFunction vector_int_functions[] = {
	ADD(F_INT2PL), ADD(F_INT4PL), ADD(F_INT8PL),
	ADD(F_INT24PL), ADD(F_INT42PL), ADD(F_INT28PL),
	ADD(F_INT82PL), ADD(F_INT48PL), ADD(F_INT84PL),
	ADD(F_NUMERIC_ADD),

	SUBTRACT(F_INT2MI), SUBTRACT(F_INT4MI), SUBTRACT(F_INT8MI),
	SUBTRACT(F_INT24MI), SUBTRACT(F_INT42MI), SUBTRACT(F_INT28MI),
	SUBTRACT(F_INT82MI), SUBTRACT(F_INT48MI), SUBTRACT(F_INT84MI),
	SUBTRACT(F_NUMERIC_SUB),

	MULTIPLY(F_INT2MUL), MULTIPLY(F_INT4MUL), MULTIPLY(F_INT8MUL),
	MULTIPLY(F_INT24MUL), MULTIPLY(F_INT42MUL), MULTIPLY(F_INT28MUL),
	MULTIPLY(F_INT82MUL), MULTIPLY(F_INT48MUL), MULTIPLY(F_INT84MUL),
	MULTIPLY(F_NUMERIC_MUL),

	DIVIDE(F_INT2DIV), DIVIDE(F_INT4DIV), DIVIDE(F_INT8DIV),
	DIVIDE(F_INT24DIV), DIVIDE(F_INT42DIV), DIVIDE(F_INT28DIV),
	DIVIDE(F_INT82DIV), DIVIDE(F_INT48DIV), DIVIDE(F_INT84DIV),

	REST(F_INT2MOD), REST(F_INT4MOD), REST(F_INT8MOD),
	REST(F_MOD_INT2_INT2), REST(F_MOD_INT4_INT4), REST(F_MOD_INT8_INT8),

	NEGATE(F_INT2UM), NEGATE(F_INT4UM), NEGATE(F_INT8UM),
	NEGATE(F_NUMERIC_UMINUS),

	ABSOLUTE(F_INT2ABS), ABSOLUTE(F_INT4ABS), ABSOLUTE(F_INT8ABS),
	ABSOLUTE(F_ABS_INT2), ABSOLUTE(F_ABS_INT4), ABSOLUTE(F_ABS_INT8),
	ABSOLUTE(F_NUMERIC_ABS), ABSOLUTE(F_ABS_NUMERIC),

	{InvalidOid}
};
