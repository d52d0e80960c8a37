/*-------------------------------------------------------------------------
 *
 * vectorint.c
 *	  Arithmetic of integers, and of numerics as scaled integers.
 *
 * Bounds of the result are computed first, so that no loop need look for
 * overflow.  A result in rows that do not count may wrap around.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/fmgroids.h"

#include "vector/vectorinternal.h"

/*---- sums and differences ---- */

static bool
add_bounds(VectorNode *node, VectorRange *range)
{
	const Vector *a = node->values[0];
	const Vector *b = node->values[1];

	range->low = (int128) a->low + b->low;
	range->high = (int128) a->high + b->high;
	return true;
}

VECTOR_KERNEL void
add_ints(const int64 *a, const int64 *b, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] + b[i];
}

static bool
add_kernel(VectorNode *node, const VectorSource *source)
{
	add_ints(node->values[0]->ints, node->values[1]->ints, vector_ints(node),
			 source->nrows);
	return true;
}

const VectorFunction vector_int_functions[] = {
	{F_INT2PL, "ii", VECTOR_INT, add_bounds, add_kernel},
	{F_INT4PL, "ii", VECTOR_INT, add_bounds, add_kernel},
	{F_INT8PL, "ii", VECTOR_INT, add_bounds, add_kernel},
	{InvalidOid}
};
