/*-------------------------------------------------------------------------
 *
 * aggfunction.c
 *	  Which function computes an aggregate, and what all of them do with the
 *	  vector that they are given.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "aggregate/aggfunction.h"

/* an aggregate that has loops of its own */
typedef struct NativeAggregate
{
	Oid			aggfnoid;
	const AggFunction *function;
	Oid			numeric;		/* the aggregate over numerics that states
								 * with other values are kept for */
} NativeAggregate;

/* min and max of integers, and of what is like them */
#define EXTREMES(type) \
	{F_MIN_##type, &agg_min_int}, \
	{F_MAX_##type, &agg_max_int}

/* sums of squares, of all types of numbers */
#define VARIANCES(name, samp_or_pop) \
	{F_##name##_INT2, &agg_variance_numeric, F_##name##_NUMERIC}, \
	{F_##name##_INT4, &agg_variance_numeric, F_##name##_NUMERIC}, \
	{F_##name##_INT8, &agg_variance_numeric, F_##name##_NUMERIC}, \
	{F_##name##_NUMERIC, &agg_variance_numeric, F_##name##_NUMERIC}, \
	{F_##name##_FLOAT4, &agg_##samp_or_pop##_float}, \
	{F_##name##_FLOAT8, &agg_##samp_or_pop##_float}

static const NativeAggregate native_aggregates[] = {
	{F_COUNT_, &agg_count},
	{F_COUNT_ANY, &agg_count},
	{F_SUM_INT2, &agg_sum_int},
	{F_SUM_INT4, &agg_sum_int},
	{F_SUM_INT8, &agg_sum_int8},
	{F_SUM_NUMERIC, &agg_sum_numeric, F_SUM_NUMERIC},
	{F_SUM_FLOAT4, &agg_sum_float4},
	{F_SUM_FLOAT8, &agg_sum_float8},
	{F_AVG_INT2, &agg_avg_int},
	{F_AVG_INT4, &agg_avg_int},
	{F_AVG_INT8, &agg_avg_int},
	{F_AVG_NUMERIC, &agg_avg_numeric, F_AVG_NUMERIC},
	{F_AVG_FLOAT4, &agg_avg_float},
	{F_AVG_FLOAT8, &agg_avg_float},
	VARIANCES(VARIANCE, var_samp),
	VARIANCES(VAR_SAMP, var_samp),
	VARIANCES(VAR_POP, var_pop),
	VARIANCES(STDDEV, stddev_samp),
	VARIANCES(STDDEV_SAMP, stddev_samp),
	VARIANCES(STDDEV_POP, stddev_pop),
	EXTREMES(INT2),
	EXTREMES(INT4),
	EXTREMES(INT8),
	EXTREMES(OID),
	EXTREMES(DATE),
	EXTREMES(TIME),
	EXTREMES(TIMESTAMP),
	EXTREMES(TIMESTAMPTZ),
	EXTREMES(MONEY),
	{F_MIN_NUMERIC, &agg_min_numeric},
	{F_MAX_NUMERIC, &agg_max_numeric},
	{F_MIN_FLOAT4, &agg_min_float},
	{F_MAX_FLOAT4, &agg_max_float},
	{F_MIN_FLOAT8, &agg_min_float},
	{F_MAX_FLOAT8, &agg_max_float},
	{F_MIN_TEXT, &agg_min_text},
	{F_MAX_TEXT, &agg_max_text},
	{F_BOOL_AND, &agg_bool_and},
	{F_EVERY, &agg_bool_and},
	{F_BOOL_OR, &agg_bool_or},
	{F_BIT_AND_INT2, &agg_bit_and},
	{F_BIT_AND_INT4, &agg_bit_and},
	{F_BIT_AND_INT8, &agg_bit_and},
	{F_BIT_OR_INT2, &agg_bit_or},
	{F_BIT_OR_INT4, &agg_bit_or},
	{F_BIT_OR_INT8, &agg_bit_or},
	{F_BIT_XOR_INT2, &agg_bit_xor},
	{F_BIT_XOR_INT4, &agg_bit_xor},
	{F_BIT_XOR_INT8, &agg_bit_xor}
};

static const NativeAggregate *
native_aggregate(const Aggref *aggref)
{
	for (int i = 0; i < lengthof(native_aggregates); i++)
		if (native_aggregates[i].aggfnoid == aggref->aggfnoid)
			return &native_aggregates[i];
	return NULL;
}

/* Are equal texts the same bytes? */
static bool
texts_are_bytes(const Aggref *aggref)
{
	return OidIsValid(aggref->inputcollid) &&
		get_collation_isdeterministic(aggref->inputcollid);
}

/*
 * agg_function: the function of an aggregate, or NULL.  DISTINCT, ORDER BY and
 * FILTER are not looked at.
 */
const AggFunction *
agg_function(const Aggref *aggref)
{
	const NativeAggregate *native;

	if (aggref->aggvariadic || aggref->aggdirectargs != NIL)
		return NULL;
	native = native_aggregate(aggref);
	if (native != NULL &&
		((native->function != &agg_min_text &&
		  native->function != &agg_max_text) || texts_are_bytes(aggref)))
		return native->function;
	return datum_aggregate_supported(aggref) ? &agg_datum : NULL;
}

/* May the user execute the aggregate, as PostgreSQL's own node asks? */
static void
check_permission(Oid aggfnoid)
{
	AclResult	result = OmenFunctionAclcheck(aggfnoid, GetUserId(),
											  ACL_EXECUTE);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_AGGREGATE, get_func_name(aggfnoid));
	InvokeFunctionExecuteHook(aggfnoid);
}

/*
 * agg_numeric_form: the aggregate over numerics that gives the same as one of
 * integers.
 */
Oid
agg_numeric_form(const Aggref *aggref)
{
	return native_aggregate(aggref)->numeric;
}

/*
 * agg_spec_init: prepares an aggregate, for which agg_function() is not NULL.
 */
void
agg_spec_init(AggSpec *spec, const Aggref *aggref, MemoryContext context)
{
	memset(spec, 0, sizeof(AggSpec));
	spec->function = agg_function(aggref);
	if (spec->function == NULL)
		elog(ERROR, "aggregate %u has no vectorised form", aggref->aggfnoid);
	check_permission(aggref->aggfnoid);
	if (aggref->args != NIL)
	{
		TargetEntry *arg = linitial_node(TargetEntry, aggref->args);

		spec->input = getBaseType(exprType((Node *) arg->expr));
		spec->input_len = get_typlen(spec->input);
	}
	spec->result = get_func_rettype(aggref->aggfnoid);
	spec->result_len = get_typlen(spec->result);
	spec->collation = aggref->inputcollid;
	spec->context = context;
	if (spec->function->prepare != NULL)
		spec->function->prepare(spec, aggref);
}

/*---- vectors ---- */

static bool
row_is_null(const Vector *arg, int row)
{
	return (arg->nulls[row / 64] >> (row % 64)) & 1;
}

/* The rows that are not null, and their groups, without a branch for each */
static void
leave_out_nulls(AggRows *in, const Vector *arg)
{
	const int  *rows = in->rows;
	const uint32 *groups = in->groups;
	int			n = 0;

	for (int i = 0; i < in->n; i++)
	{
		in->row_room[n] = rows[i];
		if (groups != NULL)
			in->group_room[n] = groups[i];
		n += !row_is_null(arg, rows[i]);
	}
	in->rows = in->row_room;
	if (groups != NULL)
		in->groups = in->group_room;
	in->n = n;
}

/*
 * agg_input_rows: the rows of arg that are to be added, as AggFunction.add gets
 * them, without nulls.  arg may be NULL.
 */
void
agg_input_rows(AggRows *in, const Vector *arg, const uint32 *groups,
			   const int *rows, int nrows)
{
	in->n = nrows;
	in->rows = rows;
	in->groups = groups;
	if (arg != NULL && arg->has_nulls)
		leave_out_nulls(in, arg);
}

/* Are these all rows from the first one on?  They ascend. */
static bool
rows_are_dense(const AggRows *in)
{
	return in->n > 0 && in->rows[in->n - 1] == in->n - 1;
}

/*
 * agg_input_ints: values of an integer type, or of one that is like integers,
 * one behind the other.
 */
void
agg_input_ints(AggRows *in, const AggSpec *spec, const Vector *arg)
{
	if (arg->kind == VECTOR_INT)
	{
		in->low = arg->low;
		in->high = arg->high;
		in->ints = arg->ints;
		if (rows_are_dense(in))
			return;
		kernel_take_ints(arg->ints, in->rows, in->n, in->value_room.ints);
	}
	else if (arg->kind == VECTOR_DATUM)
	{
		for (int i = 0; i < in->n; i++)
			in->value_room.ints[i] = column_int(arg->datums[in->rows[i]],
												spec->input,
												spec->input_len);
		in->low = in->n == 0 ? 0 : kernel_min(in->value_room.ints, in->n);
		in->high = in->n == 0 ? 0 : kernel_max(in->value_room.ints, in->n);
	}
	else
		elog(ERROR, "vector of kind %d has no integers", (int) arg->kind);
	in->ints = in->value_room.ints;
}

/*
 * agg_input_floats: the same for floats; float4 are widened.
 */
void
agg_input_floats(AggRows *in, const AggSpec *spec, const Vector *arg)
{
	in->floats = in->value_room.floats;
	if (arg->kind == VECTOR_FLOAT)
	{
		if (rows_are_dense(in))
			in->floats = arg->floats;
		else
			kernel_take_floats(arg->floats, in->rows, in->n,
							   in->value_room.floats);
	}
	else if (arg->kind == VECTOR_DATUM)
	{
		for (int i = 0; i < in->n; i++)
		{
			Datum		value = arg->datums[in->rows[i]];

			in->value_room.floats[i] = spec->input == FLOAT4OID ?
				DatumGetFloat4(value) : DatumGetFloat8(value);
		}
	}
	else
		elog(ERROR, "vector of kind %d has no floats", (int) arg->kind);
}

/*
 * agg_stats_ints: do the statistics of a column tell range and sum of its
 * integers, scaled ones of a numeric included?
 */
bool
agg_stats_ints(const SegmentColumn *column)
{
	return column->form == COLUMN_FORM_INT ||
		column->form == COLUMN_FORM_NUMERIC;
}

/*
 * agg_stats_sum: their sum.
 */
int128
agg_stats_sum(const SegmentColumn *column)
{
	return ((int128) column->stats.sum_hi << 64) + column->stats.sum_lo;
}
