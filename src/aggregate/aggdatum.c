/*-------------------------------------------------------------------------
 *
 * aggdatum.c
 *	  Aggregates by PostgreSQL's own transition, combine and final functions,
 *	  a row at a time.
 *
 * This is how aggregates are computed that have no loop of their own, and what
 * has no other form than a Datum in those that have one.
 *
 * Many of these functions want to know that an aggregate calls them, and in
 * which memory context its states live.  They are given a node AggState that
 * has nothing else in it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parse_agg.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "aggregate/aggfunction.h"

struct DatumAggregate
{
	AggState   *node;			/* what the functions are told */
	MemoryContext scratch;		/* for one call, or a batch of calls */
	Oid			collation;
	int			nargs;			/* of the aggregate: 0 or 1 */
	FmgrInfo	trans;
	FmgrInfo	combine;
	FmgrInfo	serialize;		/* fn_oid is 0: none */
	FmgrInfo	deserialize;
	FmgrInfo	final;
	int			final_nargs;
	Oid			result;
	int16		len;			/* of the state */
	bool		byval;
	Datum		initial;
	bool		initial_null;
};

/*---- the catalogs ---- */

/*
 * datum_aggregate_supported: can states of an aggregate be made, combined and
 * handed to other processes here?  Only PostgreSQL's own aggregates are taken:
 * what others' functions expect of their caller is not known.
 */
bool
datum_aggregate_supported(const Aggref *aggref)
{
	HeapTuple	tup;
	Form_pg_aggregate form;
	bool		result;

	if (aggref->aggfnoid >= FirstNormalObjectId ||
		list_length(aggref->aggargtypes) > 1)
		return false;

	/* the order of rows shows in these */
	if (aggref->aggfnoid == F_ARRAY_AGG_ANYNONARRAY ||
		aggref->aggfnoid == F_ARRAY_AGG_ANYARRAY)
		return false;
	tup = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggref->aggfnoid));
	if (!HeapTupleIsValid(tup))
		return false;
	form = (Form_pg_aggregate) GETSTRUCT(tup);
	result = form->aggkind == AGGKIND_NORMAL &&
		OidIsValid(form->aggcombinefn) &&
		(form->aggtranstype != INTERNALOID ||
		 (OidIsValid(form->aggserialfn) && OidIsValid(form->aggdeserialfn)));
	ReleaseSysCache(tup);
	return result;
}

/* A function that takes a state, and another argument unless its type is 0 */
static void
prepare_call(FmgrInfo *flinfo, Oid function, Oid state, Oid other,
			 Oid collation)
{
	Oid			types[2] = {state, other};
	Expr	   *expr;

	if (!OidIsValid(function))
		return;
	fmgr_info(function, flinfo);

	/* polymorphic functions look at the types in this expression */
	build_aggregate_transfn_expr(&types[1], OidIsValid(other) ? 1 : 0, 0, false,
								 state, collation, function, InvalidOid,
								 &expr, NULL);
	fmgr_info_set_expr((Node *) expr, flinfo);
}

static void
prepare_final(DatumAggregate *agg, const FormData_pg_aggregate *form,
			  Oid *types, Oid transtype)
{
	Expr	   *expr;

	agg->final_nargs = form->aggfinalextra ? 1 + agg->nargs : 1;
	agg->result = get_func_rettype(form->aggfnoid);
	if (!OidIsValid(form->aggfinalfn))
		return;
	fmgr_info(form->aggfinalfn, &agg->final);
	build_aggregate_finalfn_expr(types, agg->final_nargs, transtype,
								 agg->result, agg->collation, form->aggfinalfn,
								 &expr);
	fmgr_info_set_expr((Node *) expr, &agg->final);
}

static void
read_initial_value(DatumAggregate *agg, HeapTuple tup, Oid transtype)
{
	Oid			input;
	Oid			param;
	char	   *string;
	Datum		initial;

	initial = SysCacheGetAttr(AGGFNOID, tup, Anum_pg_aggregate_agginitval,
							  &agg->initial_null);
	if (agg->initial_null)
		return;
	getTypeInputInfo(transtype, &input, &param);
	string = TextDatumGetCString(initial);
	agg->initial = OidInputFunctionCall(input, string, param, -1);
	pfree(string);
}

/*
 * datum_aggregate_make: prepares an aggregate over arguments of these types.
 * States will be in context; what is prepared is in the current one.
 */
DatumAggregate *
datum_aggregate_make(Oid aggfnoid, List *argtypes, Oid collation,
					 MemoryContext context)
{
	DatumAggregate *agg = palloc0(sizeof(DatumAggregate));
	HeapTuple	tup = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggfnoid));
	Form_pg_aggregate form;
	Oid			types[2] = {InvalidOid, InvalidOid};
	Oid			transtype;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for aggregate %u", aggfnoid);
	form = (Form_pg_aggregate) GETSTRUCT(tup);
	agg->node = makeNode(AggState);
	agg->node->curaggcontext = makeNode(ExprContext);
	agg->node->curaggcontext->ecxt_per_tuple_memory = context;
	agg->scratch = AllocSetContextCreate(CurrentMemoryContext,
										 "omendb aggregate call",
										 ALLOCSET_DEFAULT_SIZES);
	agg->collation = collation;
	agg->nargs = list_length(argtypes);
	if (agg->nargs > 0)
		types[0] = linitial_oid(argtypes);
	transtype = resolve_aggregate_transtype(aggfnoid, form->aggtranstype,
											types, agg->nargs);
	get_typlenbyval(transtype, &agg->len, &agg->byval);
	prepare_call(&agg->trans, form->aggtransfn, transtype, types[0], collation);
	prepare_call(&agg->combine, form->aggcombinefn, transtype, transtype,
				 collation);
	prepare_call(&agg->serialize, form->aggserialfn, transtype, InvalidOid,
				 InvalidOid);
	prepare_call(&agg->deserialize, form->aggdeserialfn, BYTEAOID, INTERNALOID,
				 InvalidOid);
	prepare_final(agg, form, types, transtype);
	read_initial_value(agg, tup, transtype);
	ReleaseSysCache(tup);
	return agg;
}

/*
 * datum_scratch: a context for values that one batch needs; reset it.
 */
MemoryContext
datum_scratch(const DatumAggregate *agg)
{
	return agg->scratch;
}

/*---- states ---- */

static MemoryContext
state_context(const DatumAggregate *agg)
{
	return agg->node->curaggcontext->ecxt_per_tuple_memory;
}

static Datum
copy_state(const DatumAggregate *agg, Datum value)
{
	MemoryContext old;

	if (agg->byval)
		return value;
	old = MemoryContextSwitchTo(state_context(agg));
	value = datumCopy(value, false, agg->len);
	MemoryContextSwitchTo(old);
	return value;
}

/*
 * datum_state_init: a state that has seen no row.
 */
void
datum_state_init(const DatumAggregate *agg, DatumState *state)
{
	state->isnull = agg->initial_null;
	state->value = agg->initial_null ? (Datum) 0 :
		copy_state(agg, agg->initial);
	state->pending = agg->initial_null && agg->trans.fn_strict;
}

/* The state becomes what a function of two arguments makes of it and value. */
static void
advance(DatumAggregate *agg, FmgrInfo *flinfo, DatumState *state, Datum value)
{
	LOCAL_FCINFO(fcinfo, 2);
	MemoryContext old;
	Datum		result;

	if (flinfo->fn_strict && state->isnull)
		return;
	InitFunctionCallInfoData(*fcinfo, flinfo, 2, agg->collation,
							 (Node *) agg->node, NULL);
	fcinfo->nargs = flinfo->fn_nargs;
	fcinfo->args[0].value = state->value;
	fcinfo->args[0].isnull = state->isnull;
	fcinfo->args[1].value = value;
	fcinfo->args[1].isnull = false;
	old = MemoryContextSwitchTo(agg->scratch);
	result = FunctionCallInvoke(fcinfo);
	MemoryContextSwitchTo(old);
	if (!agg->byval && !fcinfo->isnull &&
		(state->isnull || DatumGetPointer(result) != DatumGetPointer(state->value)))
		result = copy_state(agg, result);
	if (!agg->byval && !state->isnull &&
		(fcinfo->isnull || DatumGetPointer(result) != DatumGetPointer(state->value)))
		pfree(DatumGetPointer(state->value));
	state->value = fcinfo->isnull ? (Datum) 0 : result;
	state->isnull = fcinfo->isnull;
}

/*
 * datum_state_add: adds a value that is not null; without an argument, a row.
 */
void
datum_state_add(DatumAggregate *agg, DatumState *state, Datum value)
{
	if (!state->pending)
	{
		advance(agg, &agg->trans, state, value);
		return;
	}
	state->value = copy_state(agg, value);
	state->isnull = false;
	state->pending = false;
}

/*
 * datum_state_combine: adds what another state has seen.
 */
void
datum_state_combine(DatumAggregate *agg, DatumState *state,
					const DatumState *other)
{
	if (other->isnull)
		return;
	if (state->isnull && agg->combine.fn_strict)
	{
		state->value = copy_state(agg, other->value);
		state->isnull = false;
	}
	else
	{
		advance(agg, &agg->combine, state, other->value);
		MemoryContextReset(agg->scratch);
	}
	state->pending = false;
}

/* Calls a function of a state that makes something of it in the current context */
static Datum
call_with(DatumAggregate *agg, FmgrInfo *flinfo, int nargs, Datum value,
		  bool isnull, bool *result_null)
{
	LOCAL_FCINFO(fcinfo, 2);
	Datum		result;

	*result_null = true;
	if (flinfo->fn_strict && (isnull || nargs > 1))
		return (Datum) 0;
	InitFunctionCallInfoData(*fcinfo, flinfo, nargs, agg->collation,
							 (Node *) agg->node, NULL);
	fcinfo->args[0].value = value;
	fcinfo->args[0].isnull = isnull;
	fcinfo->args[1].value = (Datum) 0;
	fcinfo->args[1].isnull = true;
	result = FunctionCallInvoke(fcinfo);
	*result_null = fcinfo->isnull;
	return result;
}

/*
 * datum_state_write: appends a state as bytes: whether it is pending, whether
 * it is null, and the value.
 */
void
datum_state_write(DatumAggregate *agg, const DatumState *state,
				  StringInfo out)
{
	MemoryContext old = MemoryContextSwitchTo(agg->scratch);
	Datum		value = state->value;
	bool		isnull = state->isnull;
	Size		size;
	char	   *at;

	appendStringInfoChar(out, state->pending);
	if (OidIsValid(agg->serialize.fn_oid) && !isnull)
		value = call_with(agg, &agg->serialize, 1, value, false, &isnull);
	MemoryContextSwitchTo(old);
	if (OidIsValid(agg->serialize.fn_oid))
	{
		appendStringInfoChar(out, isnull);
		if (!isnull)
			appendBinaryStringInfo(out, VARDATA_ANY(DatumGetPointer(value)),
								   VARSIZE_ANY_EXHDR(DatumGetPointer(value)));
	}
	else
	{
		size = datumEstimateSpace(value, isnull, agg->byval, agg->len);
		enlargeStringInfo(out, size);
		at = out->data + out->len;
		datumSerialize(value, isnull, agg->byval, agg->len, &at);
		out->len += size;
	}
	MemoryContextReset(agg->scratch);
}

/*
 * datum_state_read_serial: a state from what the aggregate's own function for
 * that makes of it.
 */
void
datum_state_read_serial(DatumAggregate *agg, DatumState *state, bytea *serial)
{
	LOCAL_FCINFO(fcinfo, 2);
	MemoryContext old = MemoryContextSwitchTo(state_context(agg));

	InitFunctionCallInfoData(*fcinfo, &agg->deserialize, 2, InvalidOid,
							 (Node *) agg->node, NULL);
	fcinfo->args[0].value = PointerGetDatum(serial);
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = (Datum) 0;
	fcinfo->args[1].isnull = false;
	state->value = FunctionCallInvoke(fcinfo);
	state->isnull = fcinfo->isnull;
	state->pending = false;
	MemoryContextSwitchTo(old);
}

/*
 * datum_state_read: a state from the bytes that datum_state_write() made.
 */
void
datum_state_read(DatumAggregate *agg, DatumState *state, const char *data,
				 Size len)
{
	MemoryContext old;
	bool		pending;
	bytea	   *serial;
	char	   *at;

	if (len < 2)
		elog(ERROR, "state of an aggregate is too short");
	pending = *data++;
	if (!OidIsValid(agg->deserialize.fn_oid))
	{
		old = MemoryContextSwitchTo(state_context(agg));
		at = unconstify(char *, data);
		state->value = datumRestore(&at, &state->isnull);
		MemoryContextSwitchTo(old);
	}
	else if (*data)
	{
		state->value = (Datum) 0;
		state->isnull = true;
	}
	else
	{
		serial = MemoryContextAlloc(agg->scratch, VARHDRSZ + len - 2);
		SET_VARSIZE(serial, VARHDRSZ + len - 2);
		memcpy(VARDATA(serial), data + 1, len - 2);
		datum_state_read_serial(agg, state, serial);
		MemoryContextReset(agg->scratch);
	}
	state->pending = pending;
}

/*
 * datum_state_final: the result.
 */
Datum
datum_state_final(DatumAggregate *agg, DatumState *state, bool *isnull)
{
	int16		len;
	bool		byval;

	if (OidIsValid(agg->final.fn_oid))
		return call_with(agg, &agg->final, agg->final_nargs, state->value,
						 state->isnull, isnull);
	*isnull = state->isnull;
	if (*isnull)
		return (Datum) 0;
	len = agg->len;
	byval = agg->byval;
	return datumCopy(state->value, byval, len);
}

/*---- as an aggregate function ---- */

static void
datum_prepare(AggSpec *spec, const Aggref *aggref)
{
	spec->extra = datum_aggregate_make(aggref->aggfnoid, aggref->aggargtypes,
									   aggref->inputcollid, spec->context);
}

static void
datum_init(const AggSpec *spec, void *state)
{
	datum_state_init(spec->extra, state);
}

static void
datum_add(const AggSpec *spec, char *states, Size stride,
		  const uint32 *groups, const Vector *arg, const int *rows, int nrows)
{
	DatumAggregate *agg = spec->extra;
	MemoryContext old;
	AggRows		in;

	agg_input_rows(&in, arg, groups, rows, nrows);
	for (int i = 0; i < in.n; i++)
	{
		Datum		value = (Datum) 0;
		bool		isnull;

		if (arg != NULL)
		{
			old = MemoryContextSwitchTo(agg->scratch);
			value = vector_datum(arg, in.rows[i], &isnull);
			MemoryContextSwitchTo(old);
		}
		datum_state_add(agg, agg_state(states, stride, &in, i), value);
	}
	MemoryContextReset(agg->scratch);
}

static void
datum_combine(const AggSpec *spec, void *state, void *other)
{
	datum_state_combine(spec->extra, state, other);
}

static void
datum_write(const AggSpec *spec, const void *state, StringInfo out)
{
	datum_state_write(spec->extra, state, out);
}

static void
datum_read(const AggSpec *spec, void *state, const char *data, Size len)
{
	datum_state_read(spec->extra, state, data, len);
}

static Datum
datum_final(const AggSpec *spec, void *state, bool *isnull)
{
	return datum_state_final(spec->extra, state, isnull);
}

const AggFunction agg_datum = {
	.name = "datum",
	.size = sizeof(DatumState),
	.prepare = datum_prepare,
	.init = datum_init,
	.add = datum_add,
	.combine = datum_combine,
	.write = datum_write,
	.read = datum_read,
	.final = datum_final
};
