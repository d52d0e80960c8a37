/*-------------------------------------------------------------------------
 *
 * aggminmax.c
 *	  min and max of integers and what is like them, floats and numerics.
 *
 * Where values are equal but look different (0 and -0, 1.0 and 1.00),
 * PostgreSQL's result is the last one, and so it is here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "aggregate/aggfunction.h"

/*
 * What follows is written once for min and max; min says which, and is a
 * constant where the loops are.
 */

/*---- integers ---- */

typedef struct IntExtreme
{
	int64		value;
	int64		seen;			/* 0: no row */
} IntExtreme;

static void
min_int_init(const AggSpec *spec, void *state)
{
	*(IntExtreme *) state = (IntExtreme)
	{
		PG_INT64_MAX, 0
	};
}

static void
max_int_init(const AggSpec *spec, void *state)
{
	*(IntExtreme *) state = (IntExtreme)
	{
		PG_INT64_MIN, 0
	};
}

static pg_attribute_always_inline void
int_consider(IntExtreme *s, int64 value, int64 seen, bool min)
{
	s->value = (min ? value < s->value : value > s->value) ? value : s->value;
	s->seen |= seen;
}

static pg_attribute_always_inline void
int_add(const AggSpec *spec, char *states, Size stride, const uint32 *groups,
		const Vector *arg, const int *rows, int nrows, bool min)
{
	AggRows		in;

	agg_input_rows(&in, arg, groups, rows, nrows);
	agg_input_ints(&in, spec, arg);
	if (in.n == 0)
		return;
	if (in.groups == NULL)
		int_consider((IntExtreme *) states, min ? kernel_min(in.ints, in.n) :
					 kernel_max(in.ints, in.n), 1, min);
	else
		for (int i = 0; i < in.n; i++)
			int_consider((IntExtreme *) (states + in.groups[i] * stride),
						 in.ints[i], 1, min);
}

static void
min_int_add(const AggSpec *spec, char *states, Size stride,
			const uint32 *groups, const Vector *arg, const int *rows,
			int nrows)
{
	int_add(spec, states, stride, groups, arg, rows, nrows, true);
}

static void
max_int_add(const AggSpec *spec, char *states, Size stride,
			const uint32 *groups, const Vector *arg, const int *rows,
			int nrows)
{
	int_add(spec, states, stride, groups, arg, rows, nrows, false);
}

static bool
int_stats(const AggSpec *spec, void *state, const SegmentColumn *column,
		  int nrows)
{
	bool		min = spec->function == &agg_min_int;

	if (!agg_stats_ints(column))
		return false;
	if (!column->stats.has_minmax)
		return column->stats.nnulls == nrows;
	int_consider(state, min ? column->stats.min_int : column->stats.max_int, 1,
				 min);
	return true;
}

static bool
int_settled(const AggSpec *spec, const void *state,
			const SegmentColumn *column)
{
	const IntExtreme *s = state;

	if (s->seen == 0 || !agg_stats_ints(column) || !column->stats.has_minmax)
		return false;
	return spec->function == &agg_min_int ?
		column->stats.min_int >= s->value : column->stats.max_int <= s->value;
}

static void
int_combine(const AggSpec *spec, void *state, void *other)
{
	IntExtreme *o = other;

	int_consider(state, o->value, o->seen, spec->function == &agg_min_int);
}

static Datum
int_final(const AggSpec *spec, void *state, bool *isnull)
{
	IntExtreme *s = state;

	*isnull = s->seen == 0;
	return column_int_datum(s->value, spec->result_len);
}

/*---- floats: NaN is greater than all others ---- */

typedef struct FloatExtreme
{
	double		value;
	bool		seen;
} FloatExtreme;

static void
float_init(const AggSpec *spec, void *state)
{
	memset(state, 0, sizeof(FloatExtreme));
}

static bool
float_less(double a, double b)
{
	return !isnan(a) && (isnan(b) || a < b);
}

static void
float_consider(FloatExtreme *s, double value, bool min)
{
	bool		keep = s->seen && (min ? float_less(s->value, value) :
								   float_less(value, s->value));

	s->value = keep ? s->value : value;
	s->seen = true;
}

/* The extreme of tame floats; of zeros the last one's sign */
static double
tame_extreme(const AggRows *in, bool min)
{
	double		value = min ? kernel_min_float(in->floats, in->n) :
	kernel_max_float(in->floats, in->n);

	if (value == 0)
	{
		int			last = in->n - 1;

		while (in->floats[last] != 0)
			last--;
		value = in->floats[last];
	}
	return value;
}

/* Most values are not extreme, and the branch is foreseen. */
static pg_attribute_always_inline void
float_add_rows(char *states, Size stride, const AggRows *in, bool min)
{
	for (int i = 0; i < in->n; i++)
	{
		FloatExtreme *s = (FloatExtreme *) (states + in->groups[i] * stride);
		double		value = in->floats[i];

		if (!s->seen || !(min ? s->value < value : s->value > value))
			float_consider(s, value, min);
	}
}

static void
float_add(const AggSpec *spec, char *states, Size stride,
		  const uint32 *groups, const Vector *arg, const int *rows,
		  int nrows)
{
	bool		min = spec->function == &agg_min_float;
	AggRows		in;

	agg_input_rows(&in, arg, groups, rows, nrows);
	agg_input_floats(&in, spec, arg);
	if (in.n == 0)
		return;
	if (in.groups == NULL && kernel_tame(in.floats, in.n))
		float_consider((FloatExtreme *) states, tame_extreme(&in, min), min);
	else if (in.groups == NULL)
		for (int i = 0; i < in.n; i++)
			float_consider((FloatExtreme *) states, in.floats[i], min);
	else if (min)
		float_add_rows(states, stride, &in, true);
	else
		float_add_rows(states, stride, &in, false);
}

static bool
float_stats(const AggSpec *spec, void *state, const SegmentColumn *column,
			int nrows)
{
	bool		min = spec->function == &agg_min_float;
	double		value = min ? column->stats.min_float : column->stats.max_float;

	if (column->stats.nnulls == nrows)
		return true;
	if ((column->form != COLUMN_FORM_FLOAT4 &&
		 column->form != COLUMN_FORM_FLOAT8) ||
		!column->stats.has_minmax || column->stats.has_nan || value == 0)
		return false;
	float_consider(state, value, min);
	return true;
}

static void
float_combine(const AggSpec *spec, void *state, void *other)
{
	FloatExtreme *o = other;

	if (o->seen)
		float_consider(state, o->value, spec->function == &agg_min_float);
}

static Datum
float_final(const AggSpec *spec, void *state, bool *isnull)
{
	FloatExtreme *s = state;

	*isnull = !s->seen;
	return spec->result_len == sizeof(float4) ?
		Float4GetDatum((float4) s->value) : Float8GetDatum(s->value);
}

/*---- numerics ---- */

#define SCALE_NONE	(-1)		/* no row */
#define SCALE_OTHER (-2)		/* the value is a Datum */

#define MAX_SCALE_STEP	18		/* 10^18 is an int64 */

typedef struct NumericExtreme
{
	int64		value;			/* times 10^scale */
	Datum		other;
	int			scale;
} NumericExtreme;

static void
decimal_init(const AggSpec *spec, void *state)
{
	NumericExtreme *s = state;

	memset(s, 0, sizeof(NumericExtreme));
	s->scale = SCALE_NONE;
}

static Datum
decimal_value(const NumericExtreme *s)
{
	return s->scale == SCALE_OTHER ? s->other : agg_numeric(s->value, s->scale);
}

/* Which of two is less?  Both have a value. */
static int
decimal_compare(const NumericExtreme *a, const NumericExtreme *b)
{
	int			step = a->scale - b->scale;

	if (a->scale != SCALE_OTHER && b->scale != SCALE_OTHER &&
		step >= -MAX_SCALE_STEP && step <= MAX_SCALE_STEP)
	{
		int128		x = (int128) a->value * power_of_ten(-step);
		int128		y = (int128) b->value * power_of_ten(step);

		return x < y ? -1 : x > y;
	}
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, decimal_value(a),
											 decimal_value(b)));
}

/* A value takes the state's place, unless that one is the better. */
static void
decimal_consider(const AggSpec *spec, NumericExtreme *s,
				 const NumericExtreme *value)
{
	MemoryContext old;

	if (s->scale != SCALE_NONE)
	{
		int			cmp = decimal_compare(s, value);

		if (spec->function == &agg_min_numeric ? cmp < 0 : cmp > 0)
			return;
	}
	if (s->scale == SCALE_OTHER)
		pfree(DatumGetPointer(s->other));
	*s = *value;
	if (s->scale == SCALE_OTHER)
	{
		old = MemoryContextSwitchTo(spec->context);
		s->other = datumCopy(value->other, false, -1);
		MemoryContextSwitchTo(old);
	}
}

static pg_attribute_always_inline void
decimal_add_ints(const AggSpec *spec, char *states, Size stride,
				 const AggRows *in, int scale, bool min)
{
	NumericExtreme value = {0, 0, scale};

	if (in->groups == NULL && in->n > 0)
	{
		value.value = min ? kernel_min(in->ints, in->n) :
			kernel_max(in->ints, in->n);
		decimal_consider(spec, (NumericExtreme *) states, &value);
		return;
	}
	for (int i = 0; i < in->n; i++)
	{
		NumericExtreme *s = (NumericExtreme *) (states +
												in->groups[i] * stride);

		if (likely(s->scale == scale))
			s->value = min ? Min(s->value, in->ints[i]) :
				Max(s->value, in->ints[i]);
		else
		{
			value.value = in->ints[i];
			decimal_consider(spec, s, &value);
		}
	}
}

/* Numerics as PostgreSQL has them */
static void
decimal_add_datums(const AggSpec *spec, char *states, Size stride,
				   const AggRows *in, const Vector *arg)
{
	MemoryContext scratch = spec->extra;
	MemoryContext old = MemoryContextSwitchTo(scratch);

	for (int i = 0; i < in->n; i++)
	{
		NumericExtreme value = {0};
		bool		isnull;

		value.other = PointerGetDatum(PG_DETOAST_DATUM(vector_datum(arg, in->rows[i],
																	&isnull)));
		value.scale = SCALE_NONE;
		if (!numeric_unscale(VARDATA(DatumGetPointer(value.other)),
							 VARSIZE(DatumGetPointer(value.other)) - VARHDRSZ,
							 &value.scale, &value.value))
			value.scale = SCALE_OTHER;
		decimal_consider(spec, agg_state(states, stride, in, i), &value);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(scratch);
}

static void
decimal_add(const AggSpec *spec, char *states, Size stride,
			const uint32 *groups, const Vector *arg, const int *rows,
			int nrows)
{
	AggRows		in;

	agg_input_rows(&in, arg, groups, rows, nrows);
	if (arg->kind != VECTOR_INT)
	{
		decimal_add_datums(spec, states, stride, &in, arg);
		return;
	}
	agg_input_ints(&in, spec, arg);
	if (spec->function == &agg_min_numeric)
		decimal_add_ints(spec, states, stride, &in, arg->scale, true);
	else
		decimal_add_ints(spec, states, stride, &in, arg->scale, false);
}

static bool
decimal_stats(const AggSpec *spec, void *state, const SegmentColumn *column,
			  int nrows)
{
	NumericExtreme value = {0, 0, column->scale};

	if (!agg_stats_ints(column))
		return false;
	if (!column->stats.has_minmax)
		return column->stats.nnulls == nrows;
	value.value = spec->function == &agg_min_numeric ?
		column->stats.min_int : column->stats.max_int;
	decimal_consider(spec, state, &value);
	return true;
}

static bool
decimal_settled(const AggSpec *spec, const void *state,
				const SegmentColumn *column)
{
	const NumericExtreme *s = state;

	if (s->scale != column->scale || !agg_stats_ints(column) ||
		!column->stats.has_minmax)
		return false;
	return spec->function == &agg_min_numeric ?
		column->stats.min_int >= s->value : column->stats.max_int <= s->value;
}

static void
decimal_combine(const AggSpec *spec, void *state, void *other)
{
	NumericExtreme *o = other;

	if (o->scale == SCALE_NONE)
		return;
	decimal_consider(spec, state, o);
	if (o->scale == SCALE_OTHER)
		pfree(DatumGetPointer(o->other));
}

static void
decimal_write(const AggSpec *spec, const void *state, StringInfo out)
{
	const NumericExtreme *s = state;

	appendBinaryStringInfo(out, state, sizeof(NumericExtreme));
	if (s->scale == SCALE_OTHER)
		appendBinaryStringInfo(out, DatumGetPointer(s->other),
							   VARSIZE(DatumGetPointer(s->other)));
}

static void
decimal_read(const AggSpec *spec, void *state, const char *data, Size len)
{
	NumericExtreme *s = state;
	char	   *copy;

	if (len < sizeof(NumericExtreme))
		elog(ERROR, "state of an aggregate is too short");
	memcpy(s, data, sizeof(NumericExtreme));
	if (s->scale != SCALE_OTHER)
		return;
	len -= sizeof(NumericExtreme);
	copy = MemoryContextAlloc(spec->context, len);
	memcpy(copy, data + sizeof(NumericExtreme), len);
	s->other = PointerGetDatum(copy);
}

static Datum
decimal_final(const AggSpec *spec, void *state, bool *isnull)
{
	NumericExtreme *s = state;

	*isnull = s->scale == SCALE_NONE;
	if (*isnull)
		return (Datum) 0;
	return s->scale == SCALE_OTHER ? datumCopy(s->other, false, -1) :
		decimal_value(s);
}

/* spec->extra is a context for what one batch needs. */
static void
decimal_prepare(AggSpec *spec, const Aggref *aggref)
{
	spec->extra = AllocSetContextCreate(CurrentMemoryContext,
										"omendb aggregate values",
										ALLOCSET_DEFAULT_SIZES);
}

#define INT_FUNCTION(which, part) \
{ \
	.name = #which, \
	.size = sizeof(IntExtreme), \
	.init = which##_int_init, \
	.add = which##_int_add, \
	.add_stats = int_stats, \
	.stats_part = part, \
	.settled = int_settled, \
	.combine = int_combine, \
	.final = int_final \
}

#define FLOAT_FUNCTION(which) \
{ \
	.name = #which, \
	.size = sizeof(FloatExtreme), \
	.init = float_init, \
	.add = float_add, \
	.add_stats = float_stats, \
	.combine = float_combine, \
	.final = float_final \
}

#define NUMERIC_FUNCTION(which, part) \
{ \
	.name = #which, \
	.size = sizeof(NumericExtreme), \
	.prepare = decimal_prepare, \
	.init = decimal_init, \
	.add = decimal_add, \
	.add_stats = decimal_stats, \
	.stats_part = part, \
	.settled = decimal_settled, \
	.combine = decimal_combine, \
	.write = decimal_write, \
	.read = decimal_read, \
	.final = decimal_final \
}

const AggFunction agg_min_int = INT_FUNCTION(min, COLUMN_STATS_MIN);
const AggFunction agg_max_int = INT_FUNCTION(max, COLUMN_STATS_MAX);
const AggFunction agg_min_float = FLOAT_FUNCTION(min);
const AggFunction agg_max_float = FLOAT_FUNCTION(max);
const AggFunction agg_min_numeric = NUMERIC_FUNCTION(min, COLUMN_STATS_MIN);
const AggFunction agg_max_numeric = NUMERIC_FUNCTION(max, COLUMN_STATS_MAX);
