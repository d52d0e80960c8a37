/*-------------------------------------------------------------------------
 *
 * aggnumeric.c
 *	  sum and avg of numerics; variance and standard deviation of numerics and
 *	  integers.
 *
 * Numerics that are scaled integers are summed up as such, with 128 bits.  All
 * others go into a state of PostgreSQL's own, which in the end takes the sums
 * of the integers, too; so its functions make the result of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "aggregate/aggfunction.h"

typedef struct NumericState
{
	int128		sum;			/* times 10^scale */
	int64		n;
	int			scale;			/* the most digits after the point */
	bool		has_other;
	DatumState	other;			/* values that are not in the sums */
} NumericState;

/* with squares, for the variance */
typedef struct SquaresState
{
	NumericState base;
	int128		squares;		/* times 10^(2 * scale) */
} SquaresState;

typedef struct NumericInfo
{
	DatumAggregate *agg;		/* the aggregate over numerics */
	bool		squares;
} NumericInfo;

/*
 * Sums are below 2^125 where it matters.  2^40 numbers, more than a table can
 * have rows, that are below SQUARES_LIMIT can then be added without a look.
 */
#define SUM_LIMIT			((int128) 1 << 125)
#define SQUARES_LIMIT		(INT64CONST(1) << 43)
#define MAX_SCALE_STEP		18	/* 10^18 is an int64 */
#define SMALL_STEP			6	/* 2^40 int64 times 10^6 are below SUM_LIMIT */

#define NUMERIC_NEGATIVE	0x4000	/* a sign, as functions send it */
#define NUMERIC_BASE		10000
#define NUMERIC_BASE_DIGITS 4
#define NUMERIC_MAX_DIGITS	12	/* of 128 bits, with a part of one */

/*---- numerics of integers ---- */

static void
send_number(StringInfo out, int width, int32 number)
{
	if (width == sizeof(int32))
		pq_sendint32(out, number);
	else
		pq_sendint16(out, (int16) number);
}

/*
 * Appends value / 10^scale the way that functions send numerics: number of
 * digits, weight, sign and scale, each of so many bytes, and the digits of base
 * 10000.
 */
static void
send_numeric(StringInfo out, int width, int128 value, int scale)
{
	uint128		v = value < 0 ? -(uint128) value : (uint128) value;
	int			groups = (scale + NUMERIC_BASE_DIGITS - 1) / NUMERIC_BASE_DIGITS;
	int			pad = groups * NUMERIC_BASE_DIGITS - scale;
	int16		digits[NUMERIC_MAX_DIGITS];
	int			n = 0;

	/* the last digit has only some of its decimals */
	if (pad > 0 && v > 0)
	{
		int64		part = power_of_ten(NUMERIC_BASE_DIGITS - pad);

		digits[n++] = (int16) ((int64) (v % part) * power_of_ten(pad));
		v /= part;
	}
	for (; v > 0; v /= NUMERIC_BASE)
		digits[n++] = (int16) (v % NUMERIC_BASE);
	send_number(out, width, n);
	send_number(out, width, n - 1 - groups);
	send_number(out, width, value < 0 ? NUMERIC_NEGATIVE : 0);
	send_number(out, width, scale);
	while (n > 0)
		pq_sendint16(out, digits[--n]);
}

/*
 * agg_numeric: the numeric value / 10^scale with scale digits after the point.
 */
Datum
agg_numeric(int128 value, int scale)
{
	StringInfoData buf;
	Datum		result;

	if (value >= PG_INT64_MIN && value <= PG_INT64_MAX &&
		scale <= MAX_SCALE_STEP)
	{
		char	   *room = palloc(VARHDRSZ + NUMERIC_SCALED_MAX);

		SET_VARSIZE(room, VARHDRSZ + numeric_rescale((int64) value, scale,
													 VARDATA(room)));
		return PointerGetDatum(room);
	}
	initStringInfo(&buf);
	send_numeric(&buf, sizeof(int16), value, scale);
	result = DirectFunctionCall3(numeric_recv, PointerGetDatum(&buf),
								 ObjectIdGetDatum(InvalidOid),
								 Int32GetDatum(-1));
	pfree(buf.data);
	return result;
}

/*
 * agg_numeric_avg: the average of n > 0 numbers, as PostgreSQL rounds it.
 */
Datum
agg_numeric_avg(int128 sum, int scale, int64 n)
{
	return DirectFunctionCall2(numeric_div, agg_numeric(sum, scale),
							   NumericGetDatum(int64_to_numeric(n)));
}

/*---- states ---- */

/* Is a sum times factor below the limit? */
static bool
is_small(int128 sum, int64 factor)
{
	return sum > -SUM_LIMIT / factor && sum < SUM_LIMIT / factor;
}

static void
decimal_init(const AggSpec *spec, void *state)
{
	NumericInfo *info = spec->extra;

	memset(state, 0, info->squares ? sizeof(SquaresState) : sizeof(NumericState));
}

static DatumState *
other_state(const NumericInfo *info, NumericState *s)
{
	if (!s->has_other)
		datum_state_init(info->agg, &s->other);
	s->has_other = true;
	return &s->other;
}

/*
 * Moves the sums to PostgreSQL's state.  They are written as its own function
 * writes a state for another process: number, sums, the largest scale and how
 * many numbers have it, numbers of NaN, infinity and -infinity.
 */
static void
move_to_other(const NumericInfo *info, NumericState *s)
{
	StringInfoData buf;
	DatumState	moved;

	if (s->n == 0)
		return;
	pq_begintypsend(&buf);
	pq_sendint64(&buf, s->n);
	send_numeric(&buf, sizeof(int32), s->sum, s->scale);
	if (info->squares)
		send_numeric(&buf, sizeof(int32), ((SquaresState *) s)->squares,
					 2 * s->scale);
	pq_sendint32(&buf, s->scale);
	for (int i = 0; i < 4; i++)
		pq_sendint64(&buf, i == 0 ? s->n : 0);
	datum_state_read_serial(info->agg, &moved, pq_endtypsend(&buf));
	pfree(buf.data);
	if (s->has_other)
		datum_state_combine(info->agg, &s->other, &moved);
	else
		s->other = moved;
	s->has_other = true;
	s->sum = 0;
	s->n = 0;
	if (info->squares)
		((SquaresState *) s)->squares = 0;
}

/* Gives the sums at least so many digits after the point. */
static void
align(const NumericInfo *info, NumericState *s, int scale)
{
	SquaresState *q = (SquaresState *) s;
	int			step = scale - s->scale;
	int64		factor;

	if (step > 0 && s->n > 0)
	{
		factor = power_of_ten(Min(step, MAX_SCALE_STEP));
		if (step > MAX_SCALE_STEP || !is_small(s->sum, factor) ||
			(info->squares && q->squares >= SUM_LIMIT / factor / factor))
			move_to_other(info, s);
		else
		{
			s->sum *= factor;
			if (info->squares)
				q->squares *= (int128) factor * factor;
		}
	}
	if (step > 0 || s->n == 0)
		s->scale = scale;
}

/* Adds sums to sums; o need not be in a table, and is spoilt. */
static void
add_sums(const NumericInfo *info, NumericState *s, NumericState *o)
{
	SquaresState *q = (SquaresState *) s;

	if (o->n > 0)
	{
		align(info, s, o->scale);
		align(info, o, s->scale);
	}
	if (o->n > 0)
	{
		s->n += o->n;
		s->sum += o->sum;
		if (info->squares)
			q->squares += ((SquaresState *) o)->squares;
		if (!is_small(s->sum, 1) ||
			(info->squares && !is_small(q->squares, 1)))
			move_to_other(info, s);
	}
	if (o->has_other)
		datum_state_combine(info->agg, other_state(info, s), &o->other);
}

static void
add_number(const NumericInfo *info, NumericState *s, int64 value, int scale)
{
	SquaresState one = {{value, 1, scale}};

	if (!info->squares)
		add_sums(info, s, &one.base);
	else if (value > -SQUARES_LIMIT && value < SQUARES_LIMIT)
	{
		one.squares = (int128) value * value;
		add_sums(info, s, &one.base);
	}
	else
		datum_state_add(info->agg, other_state(info, s),
						agg_numeric(value, scale));
}

/*---- adding ---- */

static void
add_all(const NumericInfo *info, NumericState *s, const AggRows *in,
		int scale)
{
	SquaresState all = {{0}};

	all.base.sum = kernel_sum(in->ints, in->n, in->low, in->high);
	all.base.n = in->n;
	all.base.scale = scale;
	if (info->squares)
		all.squares = kernel_sum_squares(in->ints, in->n, in->low, in->high);
	add_sums(info, s, &all.base);
}

/* Few groups: the sums of the batch are added to theirs. */
static void
add_few_grouped(const NumericInfo *info, char *states, Size stride,
				const AggRows *in, int ngroups, int scale)
{
	KernelGroup sums[KERNEL_GROUPS];

	kernel_group_sums(in->groups, in->ints, in->n, ngroups, sums);
	for (int g = 0; g < ngroups; g++)
	{
		NumericState *s = (NumericState *) (states + g * stride);
		NumericState all = {sums[g].sum, sums[g].n, scale};

		if (all.n > 0)
			add_sums(info, s, &all);
	}
}

static void
add_grouped(const NumericInfo *info, char *states, Size stride,
			const AggRows *in, int scale)
{
	int			ngroups = !kernel_fits(in->low, in->high) ? 0 :
	kernel_few_groups(in->groups, in->n);

	if (ngroups > 0)
	{
		add_few_grouped(info, states, stride, in, ngroups, scale);
		return;
	}
	for (int i = 0; i < in->n; i++)
	{
		NumericState *s = agg_state(states, stride, in, i);

		if (likely(s->scale == scale))
			s->sum += in->ints[i];
		else if (s->n > 0 && s->scale > scale && s->scale <= scale + SMALL_STEP)
			s->sum += in->ints[i] * (int128) power_of_ten(s->scale - scale);
		else
		{
			add_number(info, s, in->ints[i], scale);
			continue;
		}
		s->n++;
	}
}

static void
add_squares_grouped(const NumericInfo *info, char *states, Size stride,
					const AggRows *in, int scale)
{
	for (int i = 0; i < in->n; i++)
	{
		SquaresState *s = agg_state(states, stride, in, i);

		if (unlikely(s->base.scale != scale))
			add_number(info, &s->base, in->ints[i], scale);
		else
		{
			s->base.sum += in->ints[i];
			s->base.n++;
			s->squares += (int128) in->ints[i] * in->ints[i];
		}
	}
}

static void
add_ints(const NumericInfo *info, char *states, Size stride,
		 const AggRows *in, int scale)
{
	if (in->n == 0)
		return;
	if (info->squares &&
		(in->low <= -SQUARES_LIMIT || in->high >= SQUARES_LIMIT))
	{
		for (int i = 0; i < in->n; i++)
			add_number(info, agg_state(states, stride, in, i), in->ints[i],
					   scale);
		MemoryContextReset(datum_scratch(info->agg));
	}
	else if (in->groups == NULL)
		add_all(info, (NumericState *) states, in, scale);
	else if (info->squares)
		add_squares_grouped(info, states, stride, in, scale);
	else
		add_grouped(info, states, stride, in, scale);
}

/* A numeric as PostgreSQL has it */
static void
add_numeric(const NumericInfo *info, NumericState *s, Datum value)
{
	struct varlena *numeric = PG_DETOAST_DATUM_PACKED(value);
	int			scale = -1;
	int64		number;

	if (numeric_unscale(VARDATA_ANY(numeric), VARSIZE_ANY_EXHDR(numeric),
						&scale, &number))
		add_number(info, s, number, scale);
	else
		datum_state_add(info->agg, other_state(info, s), value);
}

static void
decimal_add(const AggSpec *spec, char *states, Size stride,
			const uint32 *groups, const Vector *arg, const int *rows,
			int nrows)
{
	NumericInfo *info = spec->extra;
	MemoryContext old = MemoryContextSwitchTo(datum_scratch(info->agg));
	AggRows		in;

	agg_input_rows(&in, arg, groups, rows, nrows);
	if (arg->kind == VECTOR_INT || spec->input != NUMERICOID)
	{
		agg_input_ints(&in, spec, arg);
		add_ints(info, states, stride, &in,
				 spec->input == NUMERICOID ? arg->scale : 0);
	}
	else
	{
		for (int i = 0; i < in.n; i++)
		{
			bool		isnull;

			add_numeric(info, agg_state(states, stride, &in, i),
						vector_datum(arg, in.rows[i], &isnull));
		}
		MemoryContextReset(datum_scratch(info->agg));
	}
	MemoryContextSwitchTo(old);
}

static bool
decimal_stats(const AggSpec *spec, void *state, const SegmentColumn *column,
			  int nrows)
{
	NumericState all = {0};

	if (!agg_stats_ints(column))
		return false;
	all.sum = agg_stats_sum(column);
	all.n = nrows - column->stats.nnulls;
	all.scale = column->scale;
	add_sums(spec->extra, state, &all);
	return true;
}

static void
decimal_combine(const AggSpec *spec, void *state, void *other)
{
	add_sums(spec->extra, state, other);
}

/*---- bytes and results ---- */

static Size
own_bytes(const NumericInfo *info)
{
	return info->squares ? sizeof(SquaresState) : sizeof(NumericState);
}

static void
decimal_write(const AggSpec *spec, const void *state, StringInfo out)
{
	NumericInfo *info = spec->extra;
	const NumericState *s = state;

	appendBinaryStringInfo(out, state, own_bytes(info));
	if (s->has_other)
		datum_state_write(info->agg, &s->other, out);
}

static void
decimal_read(const AggSpec *spec, void *state, const char *data, Size len)
{
	NumericInfo *info = spec->extra;
	NumericState *s = state;
	Size		own = own_bytes(info);

	if (len < own)
		elog(ERROR, "state of an aggregate is too short");
	memcpy(state, data, own);
	if (s->has_other)
		datum_state_read(info->agg, &s->other, data + own, len - own);
}

/* PostgreSQL's function makes the result */
static Datum
decimal_final(const AggSpec *spec, void *state, bool *isnull)
{
	NumericInfo *info = spec->extra;
	NumericState *s = state;

	move_to_other(info, s);
	*isnull = !s->has_other;
	return *isnull ? (Datum) 0 :
		datum_state_final(info->agg, &s->other, isnull);
}

static Datum
sum_final(const AggSpec *spec, void *state, bool *isnull)
{
	NumericState *s = state;

	*isnull = false;
	if (s->has_other || s->n == 0)
		return decimal_final(spec, state, isnull);
	return agg_numeric(s->sum, s->scale);
}

static Datum
avg_final(const AggSpec *spec, void *state, bool *isnull)
{
	NumericState *s = state;

	*isnull = false;
	if (s->has_other || s->n == 0)
		return decimal_final(spec, state, isnull);
	return agg_numeric_avg(s->sum, s->scale, s->n);
}

static void
decimal_prepare(AggSpec *spec, const Aggref *aggref)
{
	NumericInfo *info = palloc(sizeof(NumericInfo));

	info->squares = spec->function == &agg_variance_numeric;
	info->agg = datum_aggregate_make(agg_numeric_form(aggref),
									 list_make1_oid(NUMERICOID), InvalidOid,
									 spec->context);
	spec->extra = info;
}

#define NUMERIC_FUNCTION(function_name, state, stats, function_final) \
{ \
	.name = function_name, \
	.size = sizeof(state), \
	.any_order = true, \
	.prepare = decimal_prepare, \
	.init = decimal_init, \
	.add = decimal_add, \
	.add_stats = stats, \
	.stats_part = COLUMN_STATS_SUM, \
	.combine = decimal_combine, \
	.write = decimal_write, \
	.read = decimal_read, \
	.final = function_final \
}

const AggFunction agg_sum_numeric =
NUMERIC_FUNCTION("sum", NumericState, decimal_stats, sum_final);

const AggFunction agg_avg_numeric =
NUMERIC_FUNCTION("avg", NumericState, decimal_stats, avg_final);

const AggFunction agg_variance_numeric =
NUMERIC_FUNCTION("variance", SquaresState, NULL, decimal_final);
