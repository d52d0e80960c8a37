/*-------------------------------------------------------------------------
 *
 * aggbool.c
 *	  bool_and, bool_or and every; bit_and, bit_or and bit_xor of integers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aggregate/aggfunction.h"

/*---- bool: the state is a byte, with these bits ---- */

#define SEEN_FALSE	1
#define SEEN_TRUE	2

static void
bool_init(const AggSpec *spec, void *state)
{
	*(uint8 *) state = 0;
}

static bool
bool_of_row(const Vector *arg, int row)
{
	return arg->kind == VECTOR_BOOL ? arg->bools[row] != 0 :
		DatumGetBool(arg->datums[row]);
}

static void
bool_add(const AggSpec *spec, char *states, Size stride,
		 const uint32 *groups, const Vector *arg, const int *rows, int nrows)
{
	AggRows		in;

	if (arg->kind != VECTOR_BOOL && arg->kind != VECTOR_DATUM)
		elog(ERROR, "vector of kind %d has no booleans", (int) arg->kind);
	agg_input_rows(&in, arg, groups, rows, nrows);
	for (int i = 0; i < in.n; i++)
		*(uint8 *) agg_state(states, stride, &in, i) |=
			bool_of_row(arg, in.rows[i]) ? SEEN_TRUE : SEEN_FALSE;
}

static void
bool_combine(const AggSpec *spec, void *state, void *other)
{
	*(uint8 *) state |= *(uint8 *) other;
}

static Datum
bool_and_final(const AggSpec *spec, void *state, bool *isnull)
{
	uint8		seen = *(uint8 *) state;

	*isnull = seen == 0;
	return BoolGetDatum((seen & SEEN_FALSE) == 0);
}

static Datum
bool_or_final(const AggSpec *spec, void *state, bool *isnull)
{
	uint8		seen = *(uint8 *) state;

	*isnull = seen == 0;
	return BoolGetDatum((seen & SEEN_TRUE) != 0);
}

#define BOOL_FUNCTION(name_) \
{ \
	.name = #name_, \
	.size = sizeof(uint8), \
	.init = bool_init, \
	.add = bool_add, \
	.combine = bool_combine, \
	.final = name_##_final \
}

const AggFunction agg_bool_and = BOOL_FUNCTION(bool_and);
const AggFunction agg_bool_or = BOOL_FUNCTION(bool_or);

/*---- bits of integers ---- */

typedef struct BitState
{
	int64		bits;
	int64		seen;			/* 0: no row */
} BitState;

static void
add_bits(BitState *s, int64 seen, int64 bits, const AggFunction *function)
{
	s->seen += seen;
	if (function == &agg_bit_and)
		s->bits &= bits;
	else if (function == &agg_bit_or)
		s->bits |= bits;
	else
		s->bits ^= bits;
}

static void
bit_init(const AggSpec *spec, void *state)
{
	BitState   *s = state;

	s->bits = spec->function == &agg_bit_and ? -1 : 0;
	s->seen = 0;
}

static void
bit_add(const AggSpec *spec, char *states, Size stride,
		const uint32 *groups, const Vector *arg, const int *rows, int nrows)
{
	AggRows		in;

	agg_input_rows(&in, arg, groups, rows, nrows);
	agg_input_ints(&in, spec, arg);
	if (in.groups == NULL)
		add_bits((BitState *) states, in.n,
				 spec->function == &agg_bit_and ? kernel_and(in.ints, in.n) :
				 spec->function == &agg_bit_or ? kernel_or(in.ints, in.n) :
				 kernel_xor(in.ints, in.n), spec->function);
	else
		for (int i = 0; i < in.n; i++)
			add_bits(agg_state(states, stride, &in, i), 1, in.ints[i],
					 spec->function);
}

static void
bit_combine(const AggSpec *spec, void *state, void *other)
{
	BitState   *o = other;

	add_bits(state, o->seen, o->bits, spec->function);
}

static Datum
bit_final(const AggSpec *spec, void *state, bool *isnull)
{
	BitState   *s = state;

	*isnull = s->seen == 0;
	return column_int_datum(s->bits, spec->result_len);
}

#define BIT_FUNCTION(name_) \
{ \
	.name = #name_, \
	.size = sizeof(BitState), \
	.init = bit_init, \
	.add = bit_add, \
	.combine = bit_combine, \
	.final = bit_final \
}

const AggFunction agg_bit_and = BIT_FUNCTION(bit_and);
const AggFunction agg_bit_or = BIT_FUNCTION(bit_or);
const AggFunction agg_bit_xor = BIT_FUNCTION(bit_xor);
