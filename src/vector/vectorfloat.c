/*-------------------------------------------------------------------------
 *
 * vectorfloat.c
 *	  Arithmetic of float4 and float8.
 *
 * float4 is computed as float8 and rounded once more, which gives the same:
 * a double has more than twice as many digits (Figueroa, SIGNUM Newsletter
 * 1995).  Where PostgreSQL would raise an error (a result that became infinite
 * or zero, a division by zero) the batch is computed by row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "utils/fmgroids.h"

#include "vector/vectorinternal.h"

typedef enum FloatOp
{
	FLOAT_ADD,
	FLOAT_SUBTRACT,
	FLOAT_MULTIPLY,
	FLOAT_DIVIDE,
	FLOAT_NEGATE,
	FLOAT_ABSOLUTE,
	FLOAT_CEIL,
	FLOAT_FLOOR,
	FLOAT_TRUNC,
	FLOAT_ROUND
} FloatOp;

#define FLOAT_OP_MASK	0x0F
#define FLOAT_SINGLE	0x10	/* the result is a float4 */

/*---- two operands ---- */

VECTOR_KERNEL void
binary_floats(FloatOp op, const double *a, const double *b, double *out, int n)
{
	switch (op)
	{
		case FLOAT_ADD:
			for (int i = 0; i < n; i++)
				out[i] = a[i] + b[i];
			break;
		case FLOAT_SUBTRACT:
			for (int i = 0; i < n; i++)
				out[i] = a[i] - b[i];
			break;
		case FLOAT_MULTIPLY:
			for (int i = 0; i < n; i++)
				out[i] = a[i] * b[i];
			break;
		default:
			for (int i = 0; i < n; i++)
				out[i] = a[i] / b[i];
			break;
	}
}

VECTOR_KERNEL void
round_to_single(double *values, int n)
{
	for (int i = 0; i < n; i++)
		values[i] = (double) (float) values[i];
}

/* How many results are infinite, or not numbers? */
VECTOR_KERNEL int64
count_not_finite(const double *values, int n)
{
	int64		found = 0;

	for (int i = 0; i < n; i++)
		found += !(fabs(values[i]) <= DBL_MAX);
	return found;
}

VECTOR_KERNEL int64
count_zero(const double *values, int n)
{
	int64		found = 0;

	for (int i = 0; i < n; i++)
		found += values[i] == 0.0;
	return found;
}

/* Would PostgreSQL raise an error for this result? */
static bool
is_suspicious(FloatOp op, double a, double b, double result)
{
	if (op == FLOAT_DIVIDE && b == 0.0)
		return true;
	if (isinf(result))
		return !isinf(a) && !isinf(b);
	if (op == FLOAT_MULTIPLY)
		return result == 0.0 && a != 0.0 && b != 0.0;
	if (op == FLOAT_DIVIDE)
		return result == 0.0 && a != 0.0;
	return false;
}

static bool
all_fine(VectorNode *node, FloatOp op, const VectorSource *source)
{
	const double *a = node->values[0]->floats;
	const double *b = node->values[1]->floats;
	const double *out = vector_floats(node);
	int			n = source->nrows;
	bool		product = op == FLOAT_MULTIPLY || op == FLOAT_DIVIDE;

	if (count_not_finite(out, n) == 0 &&
		!(product && count_zero(out, n) > 0) &&
		!(op == FLOAT_DIVIDE && count_zero(b, n) > 0))
		return true;
	for (int i = 0; i < source->nselected; i++)
	{
		int			row = source->selected[i];

		if (!vector_is_null(&node->out, row) &&
			is_suspicious(op, a[row], b[row], out[row]))
			return false;
	}
	return true;
}

static bool
binary_kernel(VectorNode *node, const VectorSource *source)
{
	FloatOp		op = node->function->option & FLOAT_OP_MASK;

	binary_floats(op, node->values[0]->floats, node->values[1]->floats,
				  vector_floats(node), source->nrows);
	if (node->function->option & FLOAT_SINGLE)
		round_to_single(vector_floats(node), source->nrows);
	return all_fine(node, op, source);
}

/*---- one operand ---- */

VECTOR_KERNEL void
unary_floats(FloatOp op, const double *a, double *out, int n)
{
	switch (op)
	{
		case FLOAT_NEGATE:
			for (int i = 0; i < n; i++)
				out[i] = -a[i];
			break;
		case FLOAT_ABSOLUTE:
			for (int i = 0; i < n; i++)
				out[i] = fabs(a[i]);
			break;
		case FLOAT_CEIL:
			for (int i = 0; i < n; i++)
				out[i] = ceil(a[i]);
			break;
		case FLOAT_FLOOR:
			for (int i = 0; i < n; i++)
				out[i] = floor(a[i]);
			break;
		case FLOAT_TRUNC:
			for (int i = 0; i < n; i++)
				out[i] = trunc(a[i]);
			break;
		default:
			for (int i = 0; i < n; i++)
				out[i] = rint(a[i]);
			break;
	}
}

/* None of these raises an error, or makes more digits than a float4 has */
static bool
unary_kernel(VectorNode *node, const VectorSource *source)
{
	unary_floats(node->function->option, node->values[0]->floats,
				 vector_floats(node), source->nrows);
	return true;
}

/*---- table ---- */

#define BINARY(oid, option)	{oid, "ff", VECTOR_FLOAT, NULL, binary_kernel, option}
#define UNARY(oid, option)	{oid, "f", VECTOR_FLOAT, NULL, unary_kernel, option}

const VectorFunction vector_float_functions[] = {
	BINARY(F_FLOAT8PL, FLOAT_ADD),
	BINARY(F_FLOAT48PL, FLOAT_ADD),
	BINARY(F_FLOAT84PL, FLOAT_ADD),
	BINARY(F_FLOAT4PL, FLOAT_ADD | FLOAT_SINGLE),
	BINARY(F_FLOAT8MI, FLOAT_SUBTRACT),
	BINARY(F_FLOAT48MI, FLOAT_SUBTRACT),
	BINARY(F_FLOAT84MI, FLOAT_SUBTRACT),
	BINARY(F_FLOAT4MI, FLOAT_SUBTRACT | FLOAT_SINGLE),
	BINARY(F_FLOAT8MUL, FLOAT_MULTIPLY),
	BINARY(F_FLOAT48MUL, FLOAT_MULTIPLY),
	BINARY(F_FLOAT84MUL, FLOAT_MULTIPLY),
	BINARY(F_FLOAT4MUL, FLOAT_MULTIPLY | FLOAT_SINGLE),
	BINARY(F_FLOAT8DIV, FLOAT_DIVIDE),
	BINARY(F_FLOAT48DIV, FLOAT_DIVIDE),
	BINARY(F_FLOAT84DIV, FLOAT_DIVIDE),
	BINARY(F_FLOAT4DIV, FLOAT_DIVIDE | FLOAT_SINGLE),
	UNARY(F_FLOAT8UM, FLOAT_NEGATE),
	UNARY(F_FLOAT4UM, FLOAT_NEGATE),
	UNARY(F_FLOAT8ABS, FLOAT_ABSOLUTE),
	UNARY(F_FLOAT4ABS, FLOAT_ABSOLUTE),
	UNARY(F_ABS_FLOAT8, FLOAT_ABSOLUTE),
	UNARY(F_ABS_FLOAT4, FLOAT_ABSOLUTE),
	UNARY(F_CEIL_FLOAT8, FLOAT_CEIL),
	UNARY(F_CEILING_FLOAT8, FLOAT_CEIL),
	UNARY(F_FLOOR_FLOAT8, FLOAT_FLOOR),
	UNARY(F_TRUNC_FLOAT8, FLOAT_TRUNC),
	UNARY(F_DTRUNC, FLOAT_TRUNC),
	UNARY(F_ROUND_FLOAT8, FLOAT_ROUND),
	UNARY(F_DROUND, FLOAT_ROUND),
	{InvalidOid}
};
