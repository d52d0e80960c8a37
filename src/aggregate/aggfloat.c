/*-------------------------------------------------------------------------
 *
 * aggfloat.c
 *	  sum, avg, variance and standard deviation of floats.
 *
 * "Tame" floats (see KERNEL_TAME) are added in the order that suits the
 * processor; no sum of theirs, nor of their squares, overflows.  From the first
 * batch on that has another one (large, infinite or NaN), rows are added one by
 * one as PostgreSQL does it, with its rules for overflow.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/float.h"

#include "aggregate/aggfunction.h"

/* state of sum() */
typedef struct SumState
{
	double		sum;			/* -0 at first: so the sum of -0 is -0 */
	int64		n;
} SumState;

/*
 * State of the others: number, sum, and sum of the squares of the distances
 * from the mean.  avg() needs the last one only to see it overflow, and leaves
 * tame floats out of it.
 */
typedef struct MomentState
{
	double		n;
	double		sum;
	double		squares;
} MomentState;

/* of a spec: have all floats been tame so far? */
typedef struct FloatInfo
{
	bool		wild;
	bool		squares;		/* needed for the result */
} FloatInfo;

static void
float_prepare(AggSpec *spec, const Aggref *aggref)
{
	FloatInfo  *info = palloc0(sizeof(FloatInfo));

	info->squares = spec->function != &agg_avg_float;
	spec->extra = info;
}

static bool
is_tame(FloatInfo *info, const AggRows *in)
{
	if (!info->wild && !kernel_tame(in->floats, in->n))
		info->wild = true;
	return !info->wild;
}

/*---- sum ---- */

static void
sum_init(const AggSpec *spec, void *state)
{
	SumState   *s = state;

	s->sum = -0.0;
	s->n = 0;
}

/* Infinity may come of infinity only. */
static inline double
checked_sum(double a, double b)
{
	double		sum = a + b;

	if (unlikely(isinf(sum)) && !isinf(a) && !isinf(b))
		float_overflow_error();
	return sum;
}

static void
sum_add_grouped(char *states, Size stride, const AggRows *in)
{
	for (int i = 0; i < in->n; i++)
	{
		SumState   *s = (SumState *) (states + in->groups[i] * stride);

		s->sum += in->floats[i];
		s->n++;
	}
}

static void
sum_add(const AggSpec *spec, char *states, Size stride,
		const uint32 *groups, const Vector *arg, const int *rows, int nrows)
{
	SumState   *s = (SumState *) states;
	AggRows		in;

	agg_input_rows(&in, arg, groups, rows, nrows);
	agg_input_floats(&in, spec, arg);
	if (!is_tame(spec->extra, &in))
	{
		for (int i = 0; i < in.n; i++)
		{
			s = agg_state(states, stride, &in, i);
			s->sum = checked_sum(s->sum, in.floats[i]);
			s->n++;
		}
	}
	else if (in.groups != NULL)
		sum_add_grouped(states, stride, &in);
	else
	{
		s->sum += kernel_sum_floats(in.floats, in.n);
		s->n += in.n;
	}
}

static void
sum_combine(const AggSpec *spec, void *state, void *other)
{
	SumState   *s = state;
	SumState   *o = other;

	s->sum = checked_sum(s->sum, o->sum);
	s->n += o->n;
}

static Datum
sum_final_float8(const AggSpec *spec, void *state, bool *isnull)
{
	SumState   *s = state;

	*isnull = s->n == 0;
	return Float8GetDatum(s->sum);
}

static Datum
sum_final_float4(const AggSpec *spec, void *state, bool *isnull)
{
	SumState   *s = state;
	float4		sum = (float4) s->sum;

	if (isinf(sum) && !isinf(s->sum))
		float_overflow_error();
	*isnull = s->n == 0;
	return Float4GetDatum(sum);
}

/*---- number, sum and squares ---- */

static void
moment_init(const AggSpec *spec, void *state)
{
	memset(state, 0, sizeof(MomentState));
}

/*
 * Adds one float by the method of Youngs and Cramer ("Some Results Relevant to
 * Choice of Sum and Sum-of-Product Algorithms", 1971), as PostgreSQL does.  An
 * infinity or NaN among the floats makes squares NaN.
 */
static void
moment_add_wild(MomentState *s, double value)
{
	double		n = s->n + 1;
	double		sum = s->sum + value;
	double		distance = value * n - sum;

	if (s->n > 0)
	{
		s->squares += distance * distance / (n * s->n);
		if (isinf(sum) || isinf(s->squares))
		{
			if (!isinf(s->sum) && !isinf(value))
				float_overflow_error();
			s->squares = get_float8_nan();
		}
	}
	else if (isnan(value) || isinf(value))
		s->squares = get_float8_nan();
	s->n = n;
	s->sum = sum;
}

static void
moment_add_grouped(char *states, Size stride, const AggRows *in)
{
	for (int i = 0; i < in->n; i++)
	{
		MomentState *s = (MomentState *) (states + in->groups[i] * stride);

		s->sum += in->floats[i];
		s->n++;
	}
}

/* The same with squares; the first distance is 0 and divided by n */
static void
moment_add_squares_grouped(char *states, Size stride, const AggRows *in)
{
	for (int i = 0; i < in->n; i++)
	{
		MomentState *s = (MomentState *) (states + in->groups[i] * stride);
		double		value = in->floats[i];
		double		before = s->n;
		double		n = before + 1;
		double		sum = s->sum + value;
		double		distance = value * n - sum;

		s->squares += distance * distance / (n * (before > 0 ? before : 1));
		s->sum = sum;
		s->n = n;
	}
}

/* Adds what another state has seen, as PostgreSQL does. */
static void
moment_add_moments(MomentState *s, const MomentState *o)
{
	double		distance;
	double		squares;

	if (o->n == 0)
		return;
	if (s->n == 0)
	{
		*s = *o;
		return;
	}
	distance = s->sum / s->n - o->sum / o->n;
	squares = s->squares + o->squares +
		s->n * o->n * distance * distance / (s->n + o->n);
	if (unlikely(isinf(squares)) && !isinf(s->squares) && !isinf(o->squares))
		float_overflow_error();
	s->sum = checked_sum(s->sum, o->sum);
	s->n += o->n;
	s->squares = squares;
}

static void
moment_add_all(const FloatInfo *info, MomentState *s, const AggRows *in)
{
	MomentState all;

	if (in->n == 0)
		return;
	all.n = in->n;
	all.sum = kernel_sum_floats(in->floats, in->n);
	if (info->squares)
	{
		all.squares = kernel_deviations(in->floats, in->n, all.sum / all.n);
		moment_add_moments(s, &all);
	}
	else
	{
		s->n += all.n;
		s->sum += all.sum;
	}
}

static void
moment_add(const AggSpec *spec, char *states, Size stride,
		   const uint32 *groups, const Vector *arg, const int *rows,
		   int nrows)
{
	FloatInfo  *info = spec->extra;
	AggRows		in;

	agg_input_rows(&in, arg, groups, rows, nrows);
	agg_input_floats(&in, spec, arg);
	if (!is_tame(info, &in))
	{
		for (int i = 0; i < in.n; i++)
			moment_add_wild(agg_state(states, stride, &in, i), in.floats[i]);
	}
	else if (in.groups == NULL)
		moment_add_all(info, (MomentState *) states, &in);
	else if (info->squares)
		moment_add_squares_grouped(states, stride, &in);
	else
		moment_add_grouped(states, stride, &in);
}

static void
moment_combine(const AggSpec *spec, void *state, void *other)
{
	moment_add_moments(state, other);
}

static Datum
avg_final(const AggSpec *spec, void *state, bool *isnull)
{
	MomentState *s = state;

	*isnull = s->n == 0;
	return *isnull ? (Datum) 0 : Float8GetDatum(s->sum / s->n);
}

/* The variance of a sample, or of all there are; NULL if there are too few */
static double
variance(const MomentState *s, bool sample, bool *isnull)
{
	double		freedom = sample ? s->n - 1 : s->n;

	*isnull = freedom <= 0;
	return *isnull ? 0 : s->squares / freedom;
}

static Datum
var_samp_final(const AggSpec *spec, void *state, bool *isnull)
{
	return Float8GetDatum(variance(state, true, isnull));
}

static Datum
var_pop_final(const AggSpec *spec, void *state, bool *isnull)
{
	return Float8GetDatum(variance(state, false, isnull));
}

static Datum
stddev_samp_final(const AggSpec *spec, void *state, bool *isnull)
{
	return Float8GetDatum(sqrt(variance(state, true, isnull)));
}

static Datum
stddev_pop_final(const AggSpec *spec, void *state, bool *isnull)
{
	return Float8GetDatum(sqrt(variance(state, false, isnull)));
}

#define FLOAT_FUNCTION(function_name, state, prefix, function_final) \
{ \
	.name = function_name, \
	.size = sizeof(state), \
	.prepare = float_prepare, \
	.init = prefix##_init, \
	.add = prefix##_add, \
	.combine = prefix##_combine, \
	.final = function_final \
}

#define MOMENT_FUNCTION(name) \
FLOAT_FUNCTION(#name, MomentState, moment, name##_final)

const AggFunction agg_sum_float4 =
FLOAT_FUNCTION("sum", SumState, sum, sum_final_float4);
const AggFunction agg_sum_float8 =
FLOAT_FUNCTION("sum", SumState, sum, sum_final_float8);
const AggFunction agg_avg_float = MOMENT_FUNCTION(avg);
const AggFunction agg_var_samp_float = MOMENT_FUNCTION(var_samp);
const AggFunction agg_var_pop_float = MOMENT_FUNCTION(var_pop);
const AggFunction agg_stddev_samp_float = MOMENT_FUNCTION(stddev_samp);
const AggFunction agg_stddev_pop_float = MOMENT_FUNCTION(stddev_pop);
