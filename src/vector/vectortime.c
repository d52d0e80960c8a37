/*-------------------------------------------------------------------------
 *
 * vectortime.c
 *	  Functions of dates and times: date_trunc, date_bin, extract, date_part,
 *	  sums with intervals, and casts that depend on the time zone.
 *
 * A field of the clock and a unit of fixed length are arithmetic on local
 * times.  Whatever depends on the calendar depends on the day only: it is
 * computed with PostgreSQL's own functions once for each day, and remembered.
 * Infinite and nearly infinite times, and what would raise an error, are left
 * to PostgreSQL's executor.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "parser/scansup.h"
#include "pgtime.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "vector/vectortime.h"

#define DAY_SLOTS		8192	/* days whose values are remembered */
#define NO_DAY			PG_INT32_MIN

/* times that are at least so far from the ends can be rounded and moved */
#define MARGIN			(4 * USECS_PER_DAY)

/* Monday, so that weeks begin there; days since 2000-01-01 */
#define FIRST_MONDAY	2

typedef struct TimeState TimeState;

/* a field that extract() has, and a unit that date_trunc() has */
typedef struct TimeUnit
{
	int			code;			/* DTK_... */

	/* date_trunc: length in microseconds; 0: see trunc_day */
	int64		length;
	int			(*trunc_day) (int day); /* first day of the unit that has day */

	/* extract: fields of the clock, local time / length modulo period */
	int64		clock;
	int64		period;
	int			scale;			/* of numerics */

	/* extract: others */
	int64		(*of_day) (int day);
	int64		low;			/* between which it is; the same: it grows
								 * with time */
	int64		high;
} TimeUnit;

struct TimeState
{
	const TimeUnit *unit;		/* NULL: not for us */
	bool		epoch;
	const pg_tz *session;		/* the session's time zone */
	const pg_tz *tz;			/* NULL: there is none */
	int64		length;			/* date_bin; or what is added */
	int64		origin;
	VectorZone	zone;
	int64		local[COLUMN_VECTOR];
	int64		work[COLUMN_VECTOR];
	int64		(*day_value) (const TimeState *state, int day);
	int32	   *slots;			/* day that each is of; NULL: none yet */
	int64	   *values;
};

/*---- the calendar; days are counted from 2000-01-01 ---- */

typedef struct Civil
{
	int			year;			/* 0 is 1 BC */
	int			month;
	int			mday;
} Civil;

static Civil
civil_of_day(int day)
{
	Civil		c;

	j2date(day + POSTGRES_EPOCH_JDATE, &c.year, &c.month, &c.mday);
	return c;
}

static int
day_of_civil(int year, int month, int mday)
{
	return date2j(year, month, mday) - POSTGRES_EPOCH_JDATE;
}

/* Periods of so many years; the year 1 begins one, and so does 1 BC. */
static int
years_of_day(int day, int years)
{
	int			year = civil_of_day(day).year;

	return year > 0 ? (year + years - 1) / years :
		-((years - 1 - (year - 1)) / years);
}

static int64
field_mday(int day)
{
	return civil_of_day(day).mday;
}

static int64
field_month(int day)
{
	return civil_of_day(day).month;
}

static int64
field_quarter(int day)
{
	return (civil_of_day(day).month - 1) / 3 + 1;
}

static int64
field_year(int day)
{
	int			year = civil_of_day(day).year;

	return year > 0 ? year : year - 1;
}

static int64
field_decade(int day)
{
	return vector_floor(civil_of_day(day).year, 10);
}

static int64
field_century(int day)
{
	return years_of_day(day, 100);
}

static int64
field_millennium(int day)
{
	return years_of_day(day, 1000);
}

static int64
field_week(int day)
{
	Civil		c = civil_of_day(day);

	return date2isoweek(c.year, c.month, c.mday);
}

static int64
field_isoyear(int day)
{
	Civil		c = civil_of_day(day);
	int			year = date2isoyear(c.year, c.month, c.mday);

	return year > 0 ? year : year - 1;
}

static int64
field_dow(int day)
{
	return j2day(day + POSTGRES_EPOCH_JDATE);
}

static int64
field_isodow(int day)
{
	int64		dow = field_dow(day);

	return dow == 0 ? 7 : dow;
}

static int64
field_doy(int day)
{
	return day - day_of_civil(civil_of_day(day).year, 1, 1) + 1;
}

static int
trunc_month(int day)
{
	Civil		c = civil_of_day(day);

	return day_of_civil(c.year, c.month, 1);
}

static int
trunc_quarter(int day)
{
	Civil		c = civil_of_day(day);

	return day_of_civil(c.year, 3 * ((c.month - 1) / 3) + 1, 1);
}

static int
trunc_year(int day)
{
	return day_of_civil(civil_of_day(day).year, 1, 1);
}

static int
trunc_decade(int day)
{
	return day_of_civil((int) field_decade(day) * 10, 1, 1);
}

/* The first year of the period numbered n that has so many years */
static int
first_day(int n, int years)
{
	return day_of_civil(n > 0 ? (n - 1) * years + 1 : n * years + 1, 1, 1);
}

static int
trunc_century(int day)
{
	return first_day(years_of_day(day, 100), 100);
}

static int
trunc_millennium(int day)
{
	return first_day(years_of_day(day, 1000), 1000);
}

static const TimeUnit time_units[] = {
	{DTK_MICROSEC, 1, NULL, 1, USECS_PER_MINUTE, 0},
	{DTK_MILLISEC, 1000, NULL, 1, USECS_PER_MINUTE, 3},
	{DTK_SECOND, USECS_PER_SEC, NULL, 1, USECS_PER_MINUTE, 6},
	{DTK_MINUTE, USECS_PER_MINUTE, NULL, USECS_PER_MINUTE, MINS_PER_HOUR, 0},
	{DTK_HOUR, USECS_PER_HOUR, NULL, USECS_PER_HOUR, HOURS_PER_DAY, 0},
	{DTK_DAY, USECS_PER_DAY, NULL, 0, 0, 0, field_mday, 1, 31},
	{DTK_WEEK, 7 * USECS_PER_DAY, NULL, 0, 0, 0, field_week, 1, 53},
	{DTK_MONTH, 0, trunc_month, 0, 0, 0, field_month, 1, 12},
	{DTK_QUARTER, 0, trunc_quarter, 0, 0, 0, field_quarter, 1, 4},
	{DTK_YEAR, 0, trunc_year, 0, 0, 0, field_year},
	{DTK_DECADE, 0, trunc_decade, 0, 0, 0, field_decade},
	{DTK_CENTURY, 0, trunc_century, 0, 0, 0, field_century},
	{DTK_MILLENNIUM, 0, trunc_millennium, 0, 0, 0, field_millennium},
	{DTK_ISOYEAR, 0, NULL, 0, 0, 0, field_isoyear},
	{DTK_DOW, 0, NULL, 0, 0, 0, field_dow, 0, 6},
	{DTK_ISODOW, 0, NULL, 0, 0, 0, field_isodow, 1, 7},
	{DTK_DOY, 0, NULL, 0, 0, 0, field_doy, 1, 366}
};

/*---- arguments that are the same for all rows ---- */

/* The unit that a name stands for, or NULL; *epoch if it is that */
static const TimeUnit *
find_unit(const char *data, int len, bool *epoch)
{
	char	   *name = downcase_truncate_identifier(data, len, false);
	int			code;
	int			type = DecodeUnits(0, name, &code);
	const TimeUnit *result = NULL;

	*epoch = false;
	if (type == UNKNOWN_FIELD)
		type = DecodeSpecial(0, name, &code);
	*epoch = type == RESERV && code == DTK_EPOCH;
	for (int i = 0; type == UNITS && i < lengthof(time_units); i++)
	{
		if (time_units[i].code == code)
			result = &time_units[i];
	}
	pfree(name);
	return result;
}

/*
 * A zone by its full name, or NULL.  Names without a slash may be abbreviations,
 * which mean what timezone_abbreviations says.
 */
static const pg_tz *
find_zone(const ColumnBytes *bytes)
{
	char		name[TZ_STRLEN_MAX + 1];

	if (bytes->len > TZ_STRLEN_MAX)
		return NULL;
	memcpy(name, bytes->data, bytes->len);
	name[bytes->len] = '\0';
	return strchr(name, '/') != NULL || pg_strcasecmp(name, "UTC") == 0 ?
		pg_tzset(name) : NULL;
}

static void
forget_days(TimeState *state)
{
	for (int i = 0; state->slots != NULL && i < DAY_SLOTS; i++)
		state->slots[i] = NO_DAY;
}

/* The node's state, and whether it is to be filled for another binding */
static TimeState *
get_state(VectorNode *node, bool *fresh)
{
	TimeState  *state = node->state;

	*fresh = state == NULL || node->binding != node->owner->binding ||
		state->session != session_timezone;
	if (state == NULL)
	{
		state = MemoryContextAllocZero(node->owner->context, sizeof(TimeState));
		node->state = state;
	}
	if (*fresh)
	{
		node->binding = node->owner->binding;
		state->unit = NULL;
		state->epoch = false;
		state->tz = state->session = session_timezone;
		state->zone.npieces = 0;
		forget_days(state);
	}
	return state;
}

static const ColumnBytes *
constant_bytes(const VectorNode *node, int arg)
{
	const Vector *v = node->values[arg];

	return v->has_nulls || v->kind != VECTOR_BYTES ? NULL : &v->bytes[0];
}

/* Reads the unit, and the zone if one is given; false: not for us. */
static bool
bind_unit(VectorNode *node, TimeState *state)
{
	const ColumnBytes *name = constant_bytes(node, 0);

	if (name == NULL)
		return false;
	state->unit = find_unit(name->data, name->len, &state->epoch);
	if (node->nargs > 2)
	{
		const ColumnBytes *zone = constant_bytes(node, 2);

		state->tz = zone != NULL ? find_zone(zone) : NULL;
		if (state->tz == NULL)
			return false;
	}
	return state->unit != NULL || state->epoch;
}

static bool
read_interval(const VectorNode *node, int arg, Interval *interval)
{
	const ColumnBytes *bytes = constant_bytes(node, arg);

	if (bytes == NULL || bytes->len != sizeof(Interval))
		return false;
	memcpy(interval, bytes->data, sizeof(Interval));
	return interval->month == 0 && interval->day != PG_INT32_MIN &&
		interval->time != PG_INT64_MIN;
}

/* Is the unit of a call known when the query is planned, and not for us? */
static bool
unit_usable(const VectorNode *node)
{
	const Const *unit = (const Const *) node->args[0]->expr;
	text	   *name;
	bool		epoch;

	if (!IsA(unit, Const))
		return true;
	if (unit->constisnull)
		return false;
	name = DatumGetTextPP(unit->constvalue);
	return find_unit(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), &epoch) != NULL ||
		epoch;
}

/*---- local times ---- */

/* Are all values finite, and far enough from the ends? */
static bool
is_plain(const Vector *v)
{
	if (v->type == DATEOID)
		return v->low >= DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE &&
			v->high < DATE_END_JULIAN - POSTGRES_EPOCH_JDATE;
	return v->low >= MIN_TIMESTAMP + MARGIN && v->high < END_TIMESTAMP - MARGIN;
}

/*
 * The local times of a vector of points in time, its own values if it is
 * without a zone.  NULL: not for us.
 */
static const int64 *
local_times(TimeState *state, const Vector *v, int n)
{
	if (v->type != TIMESTAMPTZOID)
		return v->ints;
	if (!vector_zone_cover(&state->zone, state->tz, v->low, v->high))
		return NULL;
	vector_zone_local(&state->zone, v->ints, state->local, n);
	return state->local;
}

/* a / b rounded down, for values of v or their local times */
static void
floor_times(const Vector *v, const int64 *a, int64 b, int64 *out, int n)
{
	vector_divide_by(a, v->low - MARGIN, v->high + MARGIN, b, VECTOR_FLOOR,
					 out, n);
}

/* The days of values, in work unless they are dates */
static const int64 *
days_of(TimeState *state, const Vector *v, int n)
{
	const int64 *local;

	if (v->type == DATEOID)
		return v->ints;
	local = local_times(state, v, n);
	if (local == NULL)
		return NULL;
	floor_times(v, local, USECS_PER_DAY, state->work, n);
	return state->work;
}

/* The first and the last day that values may have */
static void
day_bounds(const Vector *v, int *first, int *last)
{
	int64		margin = v->type == TIMESTAMPTZOID ? USECS_PER_DAY : 0;

	if (v->type == DATEOID)
	{
		*first = (int) v->low;
		*last = (int) v->high;
		return;
	}
	*first = (int) vector_floor(v->low - margin, USECS_PER_DAY);
	*last = (int) vector_floor(v->high + margin, USECS_PER_DAY);
}

/* Looks up what depends on the day, for rows that are selected. */
static void
look_up_days(VectorNode *node, const int64 *days, const VectorSource *source,
			 int64 *out)
{
	TimeState  *state = node->state;

	if (state->slots == NULL)
	{
		state->slots = MemoryContextAlloc(node->owner->context,
										  DAY_SLOTS * sizeof(int32));
		state->values = MemoryContextAlloc(node->owner->context,
										   DAY_SLOTS * sizeof(int64));
		forget_days(state);
	}
	for (int i = 0; i < source->nselected; i++)
	{
		int			row = source->selected[i];
		int32		day = (int32) days[row];
		int			slot = day & (DAY_SLOTS - 1);

		if (state->slots[slot] != day)
		{
			state->values[slot] = state->day_value(state, day);
			state->slots[slot] = day;
		}
		out[row] = state->values[slot];
	}
}

/*---- extract and date_part ---- */

static int64
field_of_day(const TimeState *state, int day)
{
	return state->unit->of_day(day);
}

static const int64 epoch_distance =
(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;

/* Seconds since 1970: microseconds, but days times 86400 for dates */
static void
epoch_factors(const Vector *v, int64 *factor, int64 *add, int *scale)
{
	bool		date = v->type == DATEOID;

	*factor = date ? SECS_PER_DAY : 1;
	*add = date ? epoch_distance : epoch_distance * USECS_PER_SEC;
	*scale = date ? 0 : 6;
}

static void
epoch_bounds(VectorNode *node, const Vector *v, VectorRange *range)
{
	int64		factor;
	int64		add;

	epoch_factors(v, &factor, &add, &node->out.scale);
	range->low = (int128) v->low * factor + add;
	range->high = (int128) v->high * factor + add;
}

static bool
extract_bounds(VectorNode *node, VectorRange *range)
{
	const Vector *v = node->values[1];
	bool		fresh;
	TimeState  *state = get_state(node, &fresh);
	const TimeUnit *unit;
	int			first;
	int			last;

	if (fresh && !bind_unit(node, state))
		state->unit = NULL;
	unit = state->unit;
	if (!is_plain(v) || (unit == NULL && !state->epoch) ||
		(unit != NULL && unit->clock > 0 && v->type == DATEOID))
		return false;
	state->day_value = field_of_day;
	if (state->epoch)
		epoch_bounds(node, v, range);
	else if (unit->clock > 0)
	{
		range->low = 0;
		range->high = unit->period - 1;
		node->out.scale = unit->scale;
	}
	else
	{
		day_bounds(v, &first, &last);
		range->low = unit->low < unit->high ? unit->low : unit->of_day(first);
		range->high = unit->low < unit->high ? unit->high : unit->of_day(last);
	}
	return true;
}

VECTOR_KERNEL void
take_modulo(const int64 *a, const int64 *quotient, int64 period, int64 *out,
			int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] - quotient[i] * period;
}

/* A field of the clock */
static bool
clock_field(TimeState *state, const Vector *v, int64 *out, int n)
{
	const TimeUnit *unit = state->unit;
	const int64 *local = local_times(state, v, n);

	if (local == NULL)
		return false;
	if (unit->clock > 1)
	{
		floor_times(v, local, unit->clock, state->local, n);
		local = state->local;
	}
	floor_times(v, local, unit->period, state->work, n);
	take_modulo(local, state->work, unit->period, out, n);
	return true;
}

static bool
extract_field(VectorNode *node, const VectorSource *source, int64 *out)
{
	TimeState  *state = node->state;
	const Vector *v = node->values[1];
	const int64 *days;
	int64		factor;
	int64		add;
	int			scale;

	if (state->epoch)
	{
		epoch_factors(v, &factor, &add, &scale);
		vector_scale(v->ints, factor, add, out, source->nrows);
		return true;
	}
	if (state->unit->clock > 0)
		return clock_field(state, v, out, source->nrows);
	days = days_of(state, v, source->nrows);
	if (days == NULL)
		return false;
	look_up_days(node, days, source, out);
	return true;
}

static bool
extract_kernel(VectorNode *node, const VectorSource *source)
{
	node->out.ints = vector_ints(node);
	return extract_field(node, source, vector_ints(node));
}

/*
 * date_part has floats of the same fields; fractions are computed in the same
 * way as PostgreSQL does.
 */
static void
floats_of_field(const TimeState *state, const int64 *field, double *out,
				int n)
{
	double		whole = 1.0;
	double		part = 1.0;
	int			scale = state->epoch ? 0 : state->unit->scale;

	if (scale == 0)
	{
		double		divisor = state->epoch ? 1000000.0 : 1.0;

		for (int i = 0; i < n; i++)
			out[i] = (double) field[i] / divisor;
		return;
	}
	whole = scale == 3 ? 1000.0 : 1.0;
	part = scale == 3 ? 1000.0 : 1000000.0;
	for (int i = 0; i < n; i++)
		out[i] = (double) (field[i] / USECS_PER_SEC) * whole +
			(double) (field[i] % USECS_PER_SEC) / part;
}

static bool
part_kernel(VectorNode *node, const VectorSource *source)
{
	VectorRange range;
	TimeState  *state;

	if (!extract_bounds(node, &range))
		return false;
	state = node->state;
	if (!extract_field(node, source, state->local))
		return false;
	node->out.floats = vector_floats(node);
	floats_of_field(state, state->local, vector_floats(node), source->nrows);
	return true;
}

/*---- date_trunc ---- */

static int64
trunc_local(const TimeUnit *unit, int64 local)
{
	int64		origin = unit->code == DTK_WEEK ? FIRST_MONDAY * USECS_PER_DAY : 0;
	int			day;

	if (unit->length > 0)
		return vector_floor(local - origin, unit->length) * unit->length + origin;
	day = (int) vector_floor(local, USECS_PER_DAY);
	return unit->trunc_day(day) * USECS_PER_DAY;
}

/* Where the unit begins that a local day is in, as a point in time */
static int64
trunc_of_day(const TimeState *state, int day)
{
	int64		local = trunc_local(state->unit, day * USECS_PER_DAY);
	Civil		c;
	struct pg_tm tm = {0};

	if (state->tz == NULL)
		return local;
	c = civil_of_day((int) (local / USECS_PER_DAY));
	tm.tm_year = c.year;
	tm.tm_mon = c.month;
	tm.tm_mday = c.mday;
	return local + DetermineTimeZoneOffset(&tm, (pg_tz *) state->tz) * USECS_PER_SEC;
}

/* Is the unit shorter than a day, or are all days alike? */
static bool
is_regular(const TimeState *state)
{
	return state->unit->length > 0 &&
		(state->tz == NULL || state->unit->length < USECS_PER_DAY);
}

static bool
trunc_bounds(VectorNode *node, VectorRange *range)
{
	const Vector *v = node->values[1];
	bool		fresh;
	TimeState  *state = get_state(node, &fresh);

	if (fresh && (!bind_unit(node, state) || state->epoch ||
				  (state->unit->length == 0 && state->unit->trunc_day == NULL)))
		state->unit = NULL;
	if (state->unit == NULL || !is_plain(v))
		return false;
	state->day_value = trunc_of_day;
	if (v->type != TIMESTAMPTZOID)
	{
		state->tz = NULL;
		range->low = trunc_local(state->unit, v->low);
		range->high = trunc_local(state->unit, v->high);
	}
	else
	{
		range->low = trunc_local(state->unit, v->low - USECS_PER_DAY) - USECS_PER_DAY;
		range->high = v->high + USECS_PER_DAY;
	}
	return range->low >= MIN_TIMESTAMP + MARGIN;
}

/* time minus what local time has beyond a multiple of length */
VECTOR_KERNEL void
take_rest(const int64 *times, const int64 *local, const int64 *quotient,
		  int64 length, int64 origin, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = times[i] - (local[i] - origin - quotient[i] * length);
}

static void
trunc_regular(TimeState *state, const Vector *v, const int64 *local,
			  int64 *out, int n)
{
	int64		length = state->unit->length;
	int64		origin = 0;
	const int64 *shifted = local;

	if (length > USECS_PER_DAY)
	{
		origin = FIRST_MONDAY * USECS_PER_DAY;
		vector_scale(local, 1, -origin, state->work, n);
		shifted = state->work;
	}
	floor_times(v, shifted, length, state->work, n);
	take_rest(v->ints, local, state->work, length, origin, out, n);
}

static bool
trunc_kernel(VectorNode *node, const VectorSource *source)
{
	TimeState  *state = node->state;
	const Vector *v = node->values[1];
	const int64 *from;

	node->out.ints = vector_ints(node);
	if (is_regular(state))
	{
		from = local_times(state, v, source->nrows);
		if (from != NULL)
			trunc_regular(state, v, from, vector_ints(node), source->nrows);
	}
	else
	{
		from = days_of(state, v, source->nrows);
		if (from != NULL)
			look_up_days(node, from, source, vector_ints(node));
	}
	return from != NULL;
}

/*---- date_bin ---- */

static bool
bind_bin(VectorNode *node, TimeState *state)
{
	Interval	interval;
	const Vector *origin = node->values[2];

	state->length = 0;
	if (!read_interval(node, 0, &interval) || origin->has_nulls ||
		origin->kind != VECTOR_INT || TIMESTAMP_NOT_FINITE(origin->ints[0]) ||
		interval.day < 0 || interval.day > 1000000 || interval.time < 0 ||
		interval.time > END_TIMESTAMP / 4)
		return false;
	state->length = interval.day * USECS_PER_DAY + interval.time;
	state->origin = origin->ints[0];
	return true;
}

static int64
bin_time(const TimeState *state, int64 time)
{
	return vector_floor(time - state->origin, state->length) * state->length +
		state->origin;
}

static bool
bin_bounds(VectorNode *node, VectorRange *range)
{
	const Vector *v = node->values[1];
	bool		fresh;
	TimeState  *state = get_state(node, &fresh);

	if (fresh)
		bind_bin(node, state);
	if (state->length <= 0 || !is_plain(v) ||
		(int128) v->low - state->origin - state->length < PG_INT64_MIN ||
		(int128) v->high - state->origin > PG_INT64_MAX)
		return false;
	range->low = bin_time(state, v->low);
	range->high = bin_time(state, v->high);
	return range->low >= MIN_TIMESTAMP;
}

VECTOR_KERNEL void
bin_times(const int64 *quotient, int64 length, int64 origin, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = quotient[i] * length + origin;
}

static bool
bin_kernel(VectorNode *node, const VectorSource *source)
{
	TimeState  *state = node->state;
	const Vector *v = node->values[1];
	int			n = source->nrows;

	vector_scale(v->ints, 1, -state->origin, state->work, n);
	vector_divide_by(state->work, v->low - state->origin,
					 v->high - state->origin, state->length, VECTOR_FLOOR,
					 state->local, n);
	bin_times(state->local, state->length, state->origin, vector_ints(node), n);
	node->out.ints = vector_ints(node);
	return true;
}

/*---- sums ---- */

/*
 * A time plus or minus an interval: days first, then the rest, and neither may
 * leave the range.  Days of a zone need not have 24 hours.
 */
static bool
interval_bounds(VectorNode *node, VectorRange *range)
{
	const Vector *v = node->values[0];
	int64		factor = v->type == DATEOID ? USECS_PER_DAY : 1;
	bool		fresh;
	TimeState  *state = get_state(node, &fresh);
	Interval	interval;
	int128		days;

	if (!read_interval(node, 1, &interval) || !is_plain(v) ||
		(interval.day != 0 && v->type == TIMESTAMPTZOID))
		return false;
	days = (int128) interval.day * USECS_PER_DAY * node->function->option;
	range->low = (int128) v->low * factor + days;
	range->high = (int128) v->high * factor + days;
	if (range->low < MIN_TIMESTAMP || range->high >= END_TIMESTAMP ||
		(int128) v->high * factor >= END_TIMESTAMP)
		return false;
	state->length = interval.time * node->function->option;
	range->low += state->length;
	range->high += state->length;
	state->length += (int64) days;
	return range->low >= MIN_TIMESTAMP && range->high < END_TIMESTAMP;
}

static bool
interval_kernel(VectorNode *node, const VectorSource *source)
{
	const Vector *v = node->values[0];
	const TimeState *state = node->state;

	vector_scale(v->ints, v->type == DATEOID ? USECS_PER_DAY : 1, state->length,
				 vector_ints(node), source->nrows);
	node->out.ints = vector_ints(node);
	return true;
}

static bool
days_bounds(VectorNode *node, VectorRange *range)
{
	const Vector *a = node->values[0];
	const Vector *b = node->values[1];
	bool		minus = node->function->option < 0;

	if (!is_plain(a) || (b->type == DATEOID && !is_plain(b)))
		return false;
	range->low = (int128) a->low + (minus ? -(int128) b->high : b->low);
	range->high = (int128) a->high + (minus ? -(int128) b->low : b->high);
	return b->type == DATEOID ||
		(range->low >= DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE &&
		 range->high < DATE_END_JULIAN - POSTGRES_EPOCH_JDATE);
}

VECTOR_KERNEL void
add_days(const int64 *a, const int64 *b, int64 sign, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] + b[i] * sign;
}

static bool
days_kernel(VectorNode *node, const VectorSource *source)
{
	add_days(node->values[0]->ints, node->values[1]->ints,
			 node->function->option, vector_ints(node), source->nrows);
	node->out.ints = vector_ints(node);
	return true;
}

/*---- points in time as local dates and times ---- */

static bool
bind_zone(VectorNode *node, TimeState *state, int zone_arg)
{
	const ColumnBytes *zone;

	if (zone_arg < 0)
		return true;
	zone = constant_bytes(node, zone_arg);
	state->tz = zone != NULL ? find_zone(zone) : NULL;
	return state->tz != NULL;
}

/* option: the argument that names the zone, or -1 */
static bool
local_bounds(VectorNode *node, VectorRange *range)
{
	int			zone_arg = node->function->option;
	const Vector *v = node->values[zone_arg == 0 ? 1 : 0];
	bool		fresh;
	TimeState  *state = get_state(node, &fresh);

	if (fresh && !bind_zone(node, state, zone_arg))
		state->tz = NULL;
	if (state->tz == NULL || !is_plain(v))
		return false;
	range->low = v->low - USECS_PER_DAY;
	range->high = v->high + USECS_PER_DAY;
	if (node->out.type == DATEOID)
	{
		range->low = vector_floor((int64) range->low, USECS_PER_DAY);
		range->high = vector_floor((int64) range->high, USECS_PER_DAY);
	}
	return true;
}

static bool
local_kernel(VectorNode *node, const VectorSource *source)
{
	const Vector *v = node->values[node->function->option == 0 ? 1 : 0];
	TimeState  *state = node->state;
	const int64 *local = local_times(state, v, source->nrows);

	if (local == NULL)
		return false;
	node->out.ints = local;
	if (node->out.type == DATEOID)
	{
		floor_times(v, local, USECS_PER_DAY, vector_ints(node), source->nrows);
		node->out.ints = vector_ints(node);
	}
	return true;
}

/*---- */

#define TRUNC(oid, args) \
	{oid, args, VECTOR_INT, trunc_bounds, trunc_kernel, 0, unit_usable}
#define EXTRACT(oid) \
	{oid, "ki", VECTOR_INT, extract_bounds, extract_kernel, 0, unit_usable}
#define PART(oid) \
	{oid, "ki", VECTOR_FLOAT, NULL, part_kernel, 0, unit_usable}
#define BIN(oid) \
	{oid, "kik", VECTOR_INT, bin_bounds, bin_kernel}
#define INTERVAL(oid, sign) \
	{oid, "ik", VECTOR_INT, interval_bounds, interval_kernel, sign}
#define DAYS(oid, sign) \
	{oid, "ii", VECTOR_INT, days_bounds, days_kernel, sign}
#define LOCAL(oid, args, zone_arg) \
	{oid, args, VECTOR_INT, local_bounds, local_kernel, zone_arg}

const VectorFunction vector_time_functions[] = {
	TRUNC(F_DATE_TRUNC_TEXT_TIMESTAMP, "ki"),
	TRUNC(F_DATE_TRUNC_TEXT_TIMESTAMPTZ, "ki"),
	TRUNC(F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT, "kik"),
	EXTRACT(F_EXTRACT_TEXT_DATE),
	EXTRACT(F_EXTRACT_TEXT_TIMESTAMP),
	EXTRACT(F_EXTRACT_TEXT_TIMESTAMPTZ),
	PART(F_DATE_PART_TEXT_TIMESTAMP),
	PART(F_DATE_PART_TEXT_TIMESTAMPTZ),
	BIN(F_DATE_BIN_INTERVAL_TIMESTAMP_TIMESTAMP),
	BIN(F_DATE_BIN_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ),
	INTERVAL(F_TIMESTAMP_PL_INTERVAL, 1),
	INTERVAL(F_TIMESTAMP_MI_INTERVAL, -1),
	INTERVAL(F_TIMESTAMPTZ_PL_INTERVAL, 1),
	INTERVAL(F_TIMESTAMPTZ_MI_INTERVAL, -1),
	INTERVAL(F_DATE_PL_INTERVAL, 1),
	INTERVAL(F_DATE_MI_INTERVAL, -1),
	DAYS(F_DATE_PLI, 1),
	DAYS(F_DATE_MII, -1),
	DAYS(F_DATE_MI, -1),
	LOCAL(F_DATE_TIMESTAMPTZ, "i", -1),
	LOCAL(F_TIMESTAMP_TIMESTAMPTZ, "i", -1),
	LOCAL(F_TIMEZONE_TEXT_TIMESTAMPTZ, "ki", 0),
	{InvalidOid}
};
