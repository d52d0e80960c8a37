/*-------------------------------------------------------------------------
 *
 * aggestimate.c
 *	  How many groups there will be.
 *
 * For an expression PostgreSQL expects as many values as its columns have, so
 * hours of a time stamp are thought to be as many as rows, and a sort is taken
 * for the better plan.  Units of time are counted here: as many as fit between
 * the ends of the column's histogram, or as the field of a date can be.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/timestamp.h"

#include "aggregate/aggplan.h"

#define DAYS_OF_MONTH	30		/* at least 28, but nearly all have more */
#define DAYS_OF_YEAR	365

/* The unit or field that a constant names, as datetime.c knows it; or -1 */
static int
unit_code(const Node *node)
{
	const Const *unit = (const Const *) node;
	char	   *name;
	int			type;
	int			code;

	if (!IsA(unit, Const) || unit->constisnull)
		return -1;
	name = TextDatumGetCString(unit->constvalue);
	name = downcase_truncate_identifier(name, strlen(name), false);
	type = DecodeUnits(0, name, &code);
	if (type == UNKNOWN_FIELD)
		type = DecodeSpecial(0, name, &code);
	return type == UNITS || type == RESERV ? code : -1;
}

/* Microseconds of a unit that date_trunc() has; 0: unknown */
static double
unit_length(int code)
{
	const double day = USECS_PER_DAY;

	switch (code)
	{
		case DTK_MILLISEC:
			return 1000;
		case DTK_SECOND:
			return USECS_PER_SEC;
		case DTK_MINUTE:
			return USECS_PER_MINUTE;
		case DTK_HOUR:
			return USECS_PER_HOUR;
		case DTK_DAY:
			return day;
		case DTK_WEEK:
			return 7 * day;
		case DTK_MONTH:
			return DAYS_OF_MONTH * day;
		case DTK_QUARTER:
			return 3 * DAYS_OF_MONTH * day;
		case DTK_YEAR:
		case DTK_ISOYEAR:
			return DAYS_OF_YEAR * day;
		case DTK_DECADE:
			return 10 * DAYS_OF_YEAR * day;
		case DTK_CENTURY:
		case DTK_MILLENNIUM:
			return 100 * DAYS_OF_YEAR * day;
		default:
			return 0;
	}
}

/* How many values a field has that comes again and again; 0: unknown */
static double
field_values(int code)
{
	switch (code)
	{
		case DTK_MINUTE:
			return 60;
		case DTK_HOUR:
			return 24;
		case DTK_DAY:
			return 31;
		case DTK_DOW:
		case DTK_ISODOW:
			return 7;
		case DTK_WEEK:
			return 53;
		case DTK_MONTH:
			return 12;
		case DTK_QUARTER:
			return 4;
		case DTK_DOY:
			return 366;
		default:
			return 0;
	}
}

/* Microseconds of a constant interval that has no months; 0 for others */
static double
interval_length(const Node *node)
{
	const Const *value = (const Const *) node;
	const Interval *interval;

	if (!IsA(value, Const) || value->constisnull)
		return 0;
	interval = DatumGetIntervalP(value->constvalue);
	if (interval->month != 0)
		return 0;
	return (double) interval->day * USECS_PER_DAY + (double) interval->time;
}

/*
 * Is a key a function that rounds a time down?  Then *length is that of the
 * unit in microseconds, or *most the number of values.  Returns the time.
 */
static Node *
rounded_time(Node *key, double *length, double *most)
{
	const FuncExpr *call = (const FuncExpr *) key;
	int			code;

	*length = *most = 0;
	if (!IsA(call, FuncExpr))
		return NULL;
	switch (call->funcid)
	{
		case F_DATE_TIMESTAMP:
		case F_DATE_TIMESTAMPTZ:
			*length = (double) USECS_PER_DAY;
			return linitial(call->args);
		case F_DATE_TRUNC_TEXT_TIMESTAMP:
		case F_DATE_TRUNC_TEXT_TIMESTAMPTZ:
		case F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT:
			*length = unit_length(unit_code(linitial(call->args)));
			return lsecond(call->args);
		case F_DATE_BIN_INTERVAL_TIMESTAMP_TIMESTAMP:
		case F_DATE_BIN_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ:
			*length = interval_length(linitial(call->args));
			return lsecond(call->args);
		case F_EXTRACT_TEXT_DATE:
		case F_EXTRACT_TEXT_TIMESTAMP:
		case F_EXTRACT_TEXT_TIMESTAMPTZ:
		case F_DATE_PART_TEXT_DATE:
		case F_DATE_PART_TEXT_TIMESTAMP:
		case F_DATE_PART_TEXT_TIMESTAMPTZ:
			code = unit_code(linitial(call->args));
			*most = field_values(code);
			if (code == DTK_YEAR || code == DTK_ISOYEAR || code == DTK_DECADE ||
				code == DTK_CENTURY || code == DTK_MILLENNIUM)
				*length = unit_length(code);
			return lsecond(call->args);
		default:
			return NULL;
	}
}

/* A date, or a point in time, in microseconds */
static double
time_value(Datum value, Oid type)
{
	return type == DATEOID ? (double) DatumGetDateADT(value) * USECS_PER_DAY :
		(double) DatumGetTimestamp(value);
}

/* Microseconds between the ends of a time's histogram; 0 if there is none */
static double
time_extent(PlannerInfo *root, Node *time)
{
	VariableStatData var;
	AttStatsSlot slot;
	double		extent = 0;

	examine_variable(root, time, 0, &var);
	if (HeapTupleIsValid(var.statsTuple) &&
		(var.vartype == DATEOID || var.vartype == TIMESTAMPOID ||
		 var.vartype == TIMESTAMPTZOID) &&
		get_attstatsslot(&slot, var.statsTuple, STATISTIC_KIND_HISTOGRAM,
						 InvalidOid, ATTSTATSSLOT_VALUES))
	{
		if (slot.nvalues > 1)
			extent = time_value(slot.values[slot.nvalues - 1], var.vartype) -
				time_value(slot.values[0], var.vartype);
		free_attstatsslot(&slot);
	}
	ReleaseVariableStats(var);
	return extent;
}

/* How many values a key has, if it is a time rounded down; 0: unknown */
static double
count_units(PlannerInfo *root, Node *key)
{
	double		length;
	double		most;
	Node	   *time = rounded_time(key, &length, &most);
	double		extent;

	if (time == NULL || most > 0 || length <= 0)
		return time == NULL ? 0 : most;
	extent = time_extent(root, time);
	return extent > 0 ? floor(extent / length) + 2 : 0;
}

/*
 * agg_estimate_groups: into how many groups so many rows fall
 */
double
agg_estimate_groups(PlannerInfo *root, List *keys, double rows)
{
	double		groups;
	double		units = 1;
	List	   *others = NIL;
	ListCell   *lc;

	if (keys == NIL)
		return 1;
	groups = estimate_num_groups(root, keys, rows, NULL, NULL);
	foreach(lc, keys)
	{
		double		count = count_units(root, lfirst(lc));

		if (count > 0)
			units *= count;
		else
			others = lappend(others, lfirst(lc));
	}
	if (others != NIL && units > 1)
		units *= estimate_num_groups(root, others, rows, NULL, NULL);
	return clamp_row_est(units > 1 ? Min(groups, units) : groups);
}
