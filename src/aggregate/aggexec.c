/*-------------------------------------------------------------------------
 *
 * aggexec.c
 *	  The node that aggregates vectors: takes batches of a scan of columns, of a
 *	  join or of an index, or states of other such nodes, and returns a row for
 *	  each group.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "executor/executor.h"
#include "executor/nodeHash.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"

#include "aggregate/aggnode.h"
#include "indexonly/indexonly.h"
#include "join/join.h"
#include "scan/scan.h"

/* rows and values that aggregates get; equal ones are computed once */
typedef struct AggInput
{
	Expr	   *filter_expr;
	Expr	   *argument_expr;
	VectorExpr *filter;			/* NULL: all rows */
	VectorExpr *argument;		/* NULL: none, as in count(*) */
	AttrNumber	attno;			/* without a filter, and the argument is this
								 * column; 0: it is another */

	/* of the current batch */
	const Vector *value;
	const int  *rows;
	int			nrows;
	const uint32 *groups;		/* of rows */
	int		   *row_room;		/* with a filter */
	uint32	   *group_room;
} AggInput;

typedef struct AggregateState
{
	CustomScanState css;
	AggMode		mode;
	int			nkeys;
	PlanState  *child;
	ColumnScanState *scan;		/* the same, or NULL: */
	VectorJoinState *join;		/* the same, or NULL: */
	IndexOnlyBatch *index;		/* of the same; all NULL: AGG_FINAL */
	List	   *columns;		/* Vars: columns of index, if it is a loop's */
	TupleDesc	columns_desc;
	VectorExpr **keys;			/* with the distinct expression, if any */
	int			nexprs;
	AggInput   *inputs;
	int			ninputs;
	int		   *input;			/* of each aggregate */
	bool	   *distinct;		/* is an aggregate DISTINCT? */

	AggTable   *table;
	AggSpill   *spill;
	AggDistinct *dedup;			/* NULL: nothing is DISTINCT */
	AggTable   *into;			/* the table that rows are added to */
	AggSpill   *into_spill;
	int		   *into_agg;		/* number of an aggregate there, or -1 */
	MemoryContext batch_context;
	StringInfoData bytes;

	bool		started;
	bool		in_unit;
	VectorSource *pending;		/* batch that did not fit any more */
	bool		input_done;
	bool		returning;		/* groups of table, next is the next one */
	uint32		next;
	bool	   *answered;		/* aggregates that know of the unit's columns
								 * by statistics */
	bool		any_answered;
	AggCounts	counts;
} AggregateState;

/*---- start ---- */

static Aggref *
nth_aggref(const AggregateState *state, int i)
{
	CustomScan *plan = (CustomScan *) state->css.ss.ps.plan;
	TargetEntry *entry = list_nth_node(TargetEntry, plan->custom_scan_tlist,
									   state->nkeys + i);

	return castNode(Aggref, entry->expr);
}

static Expr *
argument_of(const Aggref *agg)
{
	return agg->args == NIL ? NULL :
		linitial_node(TargetEntry, agg->args)->expr;
}

static VectorExpr *
compile(AggregateState *state, Expr *expr)
{
	if (expr == NULL)
		return NULL;
	if (state->join != NULL)
		return join_compile(state->join, expr, &state->css.ss.ps);
	if (state->columns_desc != NULL)
		return vector_compile((Expr *) join_number_columns((Node *) expr,
														   state->columns),
							  INDEX_VAR, state->columns_desc,
							  &state->css.ss.ps);
	return vector_compile(expr,
						  ((Scan *) state->child->plan)->scanrelid,
						  RelationGetDescr(((ScanState *) state->child)->ss_currentRelation),
						  &state->css.ss.ps);
}

static AttrNumber
plain_column(const Expr *filter, const Expr *argument)
{
	const Var  *var = (const Var *) argument;

	if (filter != NULL || var == NULL || !IsA(var, Var))
		return 0;
	return var->varattno;
}

/* The input with this filter and argument, a new one if there is none */
static int
find_input(AggregateState *state, const Aggref *agg)
{
	Expr	   *argument = argument_of(agg);
	AggInput   *in;
	int			i;

	for (i = 0; i < state->ninputs; i++)
	{
		in = &state->inputs[i];
		if (equal(in->filter_expr, agg->aggfilter) &&
			equal(in->argument_expr, argument))
			return i;
	}
	in = &state->inputs[state->ninputs++];
	in->filter_expr = agg->aggfilter;
	in->argument_expr = argument;
	in->filter = compile(state, agg->aggfilter);
	in->argument = compile(state, argument);
	in->attno = plain_column(in->filter_expr, argument);
	if (in->filter != NULL)
	{
		in->row_room = palloc(COLUMN_VECTOR * sizeof(int));
		in->group_room = palloc(COLUMN_VECTOR * sizeof(uint32));
	}
	return i;
}

/* The columns of the table below that keys and aggregates need */
static Bitmapset *
needed_columns(const AggregateState *state)
{
	CustomScan *plan = (CustomScan *) state->css.ss.ps.plan;
	Bitmapset  *raw = NULL;
	Bitmapset  *attnos = NULL;
	int			i = -1;

	pull_varattnos((Node *) plan->custom_scan_tlist,
				   ((Scan *) state->child->plan)->scanrelid, &raw);
	while ((i = bms_next_member(raw, i)) >= 0)
	{
		int			attno = i + FirstLowInvalidHeapAttributeNumber;

		if (attno <= 0)
			elog(ERROR, "unexpected column %d in an aggregate", attno);
		attnos = bms_add_member(attnos, attno);
	}
	return attnos;
}

/* An input may come in several vectors if no aggregate asks for its order. */
static void
allow_parts(AggregateState *state, int input)
{
	int			i;

	for (i = 0; i < state->table->naggs; i++)
	{
		if (!state->distinct[i] && state->input[i] == input &&
			!state->table->specs[i].function->any_order)
			return;
	}
	if (state->inputs[input].argument != NULL)
		vector_allow_parts(state->inputs[input].argument);
}

/* Are there extremes that statistics may tell? */
static bool
wants_extremes(const AggTable *t)
{
	int			i;

	for (i = 0; i < t->naggs; i++)
	{
		if (t->specs[i].function->settled != NULL)
			return true;
	}
	return false;
}

/* What is computed for each batch */
static void
init_expressions(AggregateState *state, const Expr *distinct)
{
	CustomScan *plan = (CustomScan *) state->css.ss.ps.plan;
	int			naggs = state->table->naggs;
	int			i;

	state->nexprs = state->nkeys + (distinct != NULL);
	state->keys = palloc0((state->nexprs + 1) * sizeof(VectorExpr *));
	for (i = 0; i < state->nkeys; i++)
		state->keys[i] = compile(state, list_nth_node(TargetEntry,
													  plan->custom_scan_tlist, i)->expr);
	if (distinct != NULL)
		state->keys[i] = compile(state, unconstify(Expr *, distinct));
	state->inputs = palloc0((naggs + 1) * sizeof(AggInput));
	state->input = palloc0((naggs + 1) * sizeof(int));
	state->answered = palloc0((naggs + 1) * sizeof(bool));
	for (i = 0; i < naggs; i++)
	{
		if (!state->distinct[i])
			state->input[i] = find_input(state, nth_aggref(state, i));
	}
	for (i = 0; i < state->ninputs; i++)
		allow_parts(state, i);
	if (state->scan != NULL && state->nexprs == 0 &&
		wants_extremes(state->table))
		state->scan->ends_first = true;
}

/* The distinct expression, NULL: none */
static Expr *
find_distinct(AggregateState *state, int naggs)
{
	Expr	   *result = NULL;
	int			i;

	state->distinct = palloc0((naggs + 1) * sizeof(bool));
	for (i = 0; i < naggs; i++)
	{
		const Aggref *agg = nth_aggref(state, i);

		state->distinct[i] = agg->aggdistinct != NIL;
		if (state->distinct[i])
			result = argument_of(agg);
	}
	return result;
}

/* Rows are added to the table itself. */
static void
init_plain(AggregateState *state)
{
	int			i;

	state->into = state->table;
	state->into_spill = state->spill;
	state->into_agg = palloc((state->table->naggs + 1) * sizeof(int));
	for (i = 0; i < state->table->naggs; i++)
		state->into_agg[i] = i;
}

/* Rows are added to a table that has one group for each distinct value. */
static void
init_distinct(AggregateState *state, const Oid *types, const Oid *collations)
{
	List	   *aggrefs = NIL;
	int			i;

	for (i = 0; i < state->table->naggs; i++)
		aggrefs = lappend(aggrefs, nth_aggref(state, i));
	state->dedup = agg_distinct_create(state->table, state->distinct, types,
									   collations, aggrefs,
									   CurrentMemoryContext);
	state->into = state->dedup->inner;
	state->into_spill = state->dedup->inner_spill;
	state->into_agg = state->dedup->inner_agg;
}

static void
init_tables(AggregateState *state, int naggs, const Expr *distinct)
{
	CustomScan *plan = (CustomScan *) state->css.ss.ps.plan;
	Oid		   *types = palloc((state->nkeys + 1) * sizeof(Oid));
	Oid		   *collations = palloc((state->nkeys + 1) * sizeof(Oid));
	Size		limit = get_hash_memory_limit() / (distinct != NULL ? 2 : 1);
	AggTable   *t = agg_table_create(state->nkeys, naggs, limit,
									 CurrentMemoryContext);
	MemoryContext old = MemoryContextSwitchTo(t->context);
	int			i;

	for (i = 0; i < state->nkeys; i++)
	{
		const Expr *key = list_nth_node(TargetEntry, plan->custom_scan_tlist,
										i)->expr;

		types[i] = exprType((const Node *) key);
		collations[i] = exprCollation((const Node *) key);
		agg_key_init(&t->keys[i], types[i], collations[i], t->values_context);
	}
	types[i] = exprType((const Node *) distinct);
	collations[i] = exprCollation((const Node *) distinct);
	for (i = 0; i < naggs; i++)
		agg_spec_init(&t->specs[i], nth_aggref(state, i), t->states_context);
	agg_table_ready(t);
	MemoryContextSwitchTo(old);
	state->table = t;
	state->spill = agg_spill_create(CurrentMemoryContext);
	if (distinct != NULL)
		init_distinct(state, types, collations);
	else
		init_plain(state);
}

/* The columns of a nested loop are the last ones of the node's. */
static void
find_loop(AggregateState *state)
{
	CustomScan *plan = (CustomScan *) state->css.ss.ps.plan;
	int			n = agg_plan_columns(plan);
	int			first = list_length(plan->custom_scan_tlist) - n;

	for (int i = 0; i < n; i++)
		state->columns = lappend(state->columns,
								 list_nth_node(TargetEntry,
											   plan->custom_scan_tlist,
											   first + i)->expr);
	state->columns_desc = ExecTypeFromExprList(state->columns);
	state->index = index_only_create_loop((NestLoopState *) state->child);
}

/*
 * What hands out vectors is told which columns are needed.  A join knows them by
 * its plan.
 */
static void
find_child(AggregateState *state)
{
	const CustomExecMethods *methods = NULL;

	if (IsA(state->child, CustomScanState))
		methods = ((CustomScanState *) state->child)->methods;
	if (methods == &column_scan_exec_methods)
	{
		state->scan = (ColumnScanState *) state->child;
		scan_need_columns(state->scan, needed_columns(state));
	}
	else if (methods == &join_exec_methods)
		state->join = (VectorJoinState *) state->child;
	else if (IsA(state->child, NestLoopState))
		find_loop(state);
	else if (IsA(state->child, IndexOnlyScanState))
		state->index = index_only_create((IndexOnlyScanState *) state->child,
										 needed_columns(state));
	else
		elog(ERROR, "an aggregate of vectors has nothing below it that returns them");
}

static void
begin_aggregate(CustomScanState *node, EState *estate, int eflags)
{
	AggregateState *state = (AggregateState *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	int			naggs;
	Expr	   *distinct;

	state->mode = agg_plan_mode(plan);
	state->nkeys = agg_plan_keys(plan);
	naggs = list_length(plan->custom_scan_tlist) - state->nkeys -
		agg_plan_columns(plan);
	state->child = ExecInitNode(linitial(plan->custom_plans), estate, eflags);
	node->custom_ps = list_make1(state->child);
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	distinct = find_distinct(state, naggs);
	init_tables(state, naggs, distinct);
	state->batch_context = AllocSetContextCreate(CurrentMemoryContext,
												 "omendb aggregate batch",
												 ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&state->bytes);
	if (state->mode == AGG_FINAL)
		return;
	find_child(state);
	init_expressions(state, distinct);
}

/*---- statistics of segments ---- */

/* Is an aggregate what it is, whatever the unit has in a column? */
static bool
is_settled(AggregateState *state, int i, AttrNumber attno)
{
	AggTable   *t = state->table;
	const AggFunction *function = t->specs[i].function;
	const SegmentColumn *column;

	if (function->settled == NULL)
		return false;
	column = scan_unit_column(state->scan, attno);
	return column != NULL &&
		function->settled(&t->specs[i], agg_table_state(t, i, 0), column);
}

/* Adds what the statistics of a unit know to an aggregate; false: not enough */
static bool
answer(AggregateState *state, int i)
{
	AggTable   *t = state->table;
	const AggFunction *function = t->specs[i].function;
	const AggInput *in = &state->inputs[state->input[i]];
	SegmentColumn column;

	if (function->add_stats == NULL || in->filter != NULL)
		return false;
	if (in->attno != 0 && is_settled(state, i, in->attno))
		return true;
	if (in->argument != NULL &&
		(in->attno == 0 ||
		 !scan_unit_stats(state->scan, in->attno, function->stats_part,
						  &column)))
		return false;
	return function->add_stats(&t->specs[i], agg_table_state(t, i, 0),
							   in->argument == NULL ? NULL : &column,
							   scan_unit_rows(state->scan));
}

/*
 * Answers what the statistics of a unit know, if all its rows count and are
 * one group.  The columns are not read if nothing else is needed.
 */
static void
ask_statistics(AggregateState *state)
{
	bool		all = true;
	int			i;

	state->any_answered = false;
	if (state->nexprs > 0 || !scan_unit_is_whole(state->scan))
		return;
	for (i = 0; i < state->table->naggs; i++)
	{
		state->answered[i] = answer(state, i);
		state->any_answered |= state->answered[i];
		all &= state->answered[i];
	}
	if (all)
	{
		scan_unit_skip(state->scan);
		state->counts.segments++;
	}
}

/*---- batches ---- */

static VectorSource *
next_source(AggregateState *state)
{
	VectorSource *source = state->pending;

	state->pending = NULL;
	if (source == NULL && state->join != NULL)
		return join_batch_next(state->join);
	if (source == NULL && state->index != NULL)
		return index_only_next(state->index);
	while (source == NULL)
	{
		if (state->in_unit)
			source = scan_batch_next(state->scan);
		if (source == NULL)
		{
			state->in_unit = scan_unit_next(state->scan);
			if (!state->in_unit)
				return NULL;
			ask_statistics(state);
		}
	}
	return source;
}

static void
find_groups(AggregateState *state, VectorSource *source)
{
	AggTable   *t = state->into;
	int			k;

	if (state->nexprs == 0)
	{
		t->groups[0] = 0;
		t->single = true;
		return;
	}
	for (k = 0; k < state->nexprs; k++)
		agg_key_take(&t->keys[k], vector_eval(state->keys[k], source),
					 source->selected, source->nselected);
	agg_group_rows(t, source->nselected);
}

/* The groups of some of the source's rows */
static void
pick_groups(AggInput *in, const VectorSource *source, const uint32 *groups)
{
	int			from = 0;
	int			i;

	for (i = 0; i < in->nrows; i++)
	{
		while (source->selected[from] != in->rows[i])
			from++;
		in->group_room[i] = groups[from];
	}
	in->groups = in->group_room;
}

static void
compute_input(AggregateState *state, AggInput *in, VectorSource *source)
{
	const AggTable *t = state->into;
	const int  *selected = source->selected;
	int			nselected = source->nselected;

	in->rows = selected;
	in->nrows = nselected;
	in->groups = t->single ? NULL : t->groups;
	if (in->filter != NULL)
	{
		in->nrows = vector_select(in->filter, source, in->row_room);
		in->rows = in->row_room;
		if (!t->single)
			pick_groups(in, source, t->groups);
	}
	in->value = NULL;
	if (in->argument == NULL || in->nrows == 0)
		return;
	source->selected = in->rows;
	source->nselected = in->nrows;
	in->value = vector_eval(in->argument, source);
	source->selected = selected;
	source->nselected = nselected;
}

/* Is nobody interested in an input in this batch? */
static bool
input_answered(const AggregateState *state, int input)
{
	int			i;

	for (i = 0; i < state->table->naggs; i++)
	{
		if (!state->distinct[i] && state->input[i] == input &&
			!state->answered[i])
			return false;
	}
	return true;
}

/* Values of several scales are several vectors, each with nulls for the rest */
static void
add_input(const AggSpec *spec, char *states, Size stride, const AggInput *in)
{
	const Vector *value = in->value;

	do
	{
		spec->function->add(spec, states, stride, in->groups, value, in->rows,
							in->nrows);
		if (value != NULL)
			value = vector_next_part(in->argument, value);
	} while (value != NULL);
}

static void
add_batch(AggregateState *state, VectorSource *source)
{
	AggTable   *t = state->into;
	bool		answered = state->any_answered &&
	scan_batch_in_columns(state->scan);
	MemoryContext old;
	int			i;

	MemoryContextReset(state->batch_context);
	old = MemoryContextSwitchTo(state->batch_context);
	find_groups(state, source);
	for (i = 0; i < state->ninputs; i++)
	{
		if (!answered || !input_answered(state, i))
			compute_input(state, &state->inputs[i], source);
	}
	for (i = 0; i < state->table->naggs; i++)
	{
		int			j = state->into_agg[i];
		const AggInput *in = &state->inputs[state->input[i]];
		const AggSpec *spec;

		if (j < 0 || in->nrows == 0 || (answered && state->answered[i]))
			continue;
		spec = &t->specs[j];
		add_input(spec, agg_table_state(t, j, t->single ? t->groups[0] : 0),
				  t->sizes[j], in);
	}
	MemoryContextSwitchTo(old);
	state->counts.batches++;
}

/*
 * Adds rows of the scan until there are no more, or until groups must be handed
 * out to make room, which is false.
 */
static bool
read_batches(AggregateState *state)
{
	VectorSource *source;

	while ((source = next_source(state)) != NULL)
	{
		if (state->nexprs > 0 &&
			!agg_table_reserve(state->into, source->nselected, false))
		{
			if (state->mode == AGG_PARTIAL)
			{
				state->pending = source;
				return false;
			}
			agg_spill_table(state->into_spill, state->into);
			agg_table_reserve(state->into, source->nselected, true);
		}
		add_batch(state, source);
	}
	return true;
}

/*---- states of other processes ---- */

static void
add_states(AggregateState *state, TupleTableSlot *slot)
{
	AggTable   *t = state->table;
	MemoryContext old;
	uint32		group = 0;
	int			i;

	MemoryContextReset(state->batch_context);
	old = MemoryContextSwitchTo(state->batch_context);
	slot_getallattrs(slot);
	for (i = 0; i < state->nkeys; i++)
		agg_key_take_datum(&t->keys[i], slot->tts_values[i],
						   slot->tts_isnull[i]);
	if (state->nkeys > 0)
		group = agg_group_row(t);
	for (i = 0; i < t->naggs; i++)
	{
		int			a = state->nkeys + i;
		struct varlena *bytes;

		if (slot->tts_isnull[a])
			elog(ERROR, "the state of an aggregate is missing");
		bytes = PG_DETOAST_DATUM_PACKED(slot->tts_values[a]);
		agg_state_combine(&t->specs[i], agg_table_state(t, i, group),
						  VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	}
	MemoryContextSwitchTo(old);
}

static void
read_states(AggregateState *state)
{
	for (;;)
	{
		TupleTableSlot *slot = ExecProcNode(state->child);

		if (TupIsNull(slot))
			return;
		if (state->nkeys > 0 && !agg_table_reserve(state->table, 1, false))
		{
			agg_spill_table(state->spill, state->table);
			agg_table_reserve(state->table, 1, true);
		}
		add_states(state, slot);
	}
}

/*---- groups ---- */

static void
rebind(AggregateState *state)
{
	int			i;

	for (i = 0; i < state->nexprs; i++)
		vector_rebind(state->keys[i]);
	for (i = 0; i < state->ninputs; i++)
	{
		if (state->inputs[i].filter != NULL)
			vector_rebind(state->inputs[i].filter);
		if (state->inputs[i].argument != NULL)
			vector_rebind(state->inputs[i].argument);
	}
}

static void
start(AggregateState *state)
{
	state->started = true;
	rebind(state);

	/* without keys there is one group, also of no rows */
	if (state->nkeys == 0)
		agg_group_row(state->table);
}

/* Fills the table with groups to hand out; false if there are no more. */
static bool
next_groups(AggregateState *state)
{
	if (!state->started)
		start(state);
	if (!state->input_done)
	{
		if (state->mode == AGG_FINAL)
			read_states(state);
		else if (!read_batches(state))
			return true;
		state->input_done = true;
		if (state->dedup != NULL)
			agg_distinct_finish(state->dedup, state->spill);
		if (!agg_spill_used(state->spill))
			return true;
		agg_spill_table(state->spill, state->table);
	}
	return agg_spill_next(state->spill, state->table);
}

static Datum
state_bytes(AggregateState *state, int agg, uint32 group)
{
	bytea	   *result;

	resetStringInfo(&state->bytes);
	agg_state_write(&state->table->specs[agg],
					agg_table_state(state->table, agg, group), &state->bytes);
	result = palloc(VARHDRSZ + state->bytes.len);
	SET_VARSIZE(result, VARHDRSZ + state->bytes.len);
	memcpy(VARDATA(result), state->bytes.data, state->bytes.len);
	return PointerGetDatum(result);
}

/* A group as a row: its keys, and results or states */
static void
store_group(AggregateState *state, uint32 group, TupleTableSlot *slot)
{
	AggTable   *t = state->table;
	int			i;

	ExecClearTuple(slot);
	for (i = 0; i < t->nkeys; i++)
	{
		AggKeyTag	tag = agg_table_tag(t, group, i);

		slot->tts_isnull[i] = tag == AGG_TAG_NULL;
		slot->tts_values[i] = slot->tts_isnull[i] ? (Datum) 0 :
			agg_key_datum(&t->keys[i], agg_table_word(t, group, i), tag,
						  agg_table_shown(t, group, i));
	}
	for (i = 0; i < t->naggs; i++)
	{
		Datum	   *value = &slot->tts_values[t->nkeys + i];
		bool	   *isnull = &slot->tts_isnull[t->nkeys + i];

		*isnull = false;
		if (state->mode == AGG_PARTIAL)
			*value = state_bytes(state, i, group);
		else
			*value = t->specs[i].function->final(&t->specs[i],
												 agg_table_state(t, i, group),
												 isnull);
	}
	for (i = t->nkeys + t->naggs; i < slot->tts_tupleDescriptor->natts; i++)
		slot->tts_isnull[i] = true;
	ExecStoreVirtualTuple(slot);
	state->counts.groups++;
}

static bool
next_group(AggregateState *state, TupleTableSlot *slot)
{
	ExprContext *econtext = state->css.ss.ps.ps_ExprContext;
	MemoryContext old;

	while (!state->returning || state->next >= state->table->ngroups)
	{
		if (state->returning)
			agg_table_clear(state->table);
		else if (state->input_done && !agg_spill_used(state->spill))
			return false;
		state->returning = !state->returning;
		state->next = 0;
		if (state->returning && !next_groups(state))
			return false;
	}
	old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	store_group(state, state->next++, slot);
	MemoryContextSwitchTo(old);
	return true;
}

static TupleTableSlot *
exec_aggregate(CustomScanState *node)
{
	AggregateState *state = (AggregateState *) node;
	PlanState  *ps = &node->ss.ps;
	ExprContext *econtext = ps->ps_ExprContext;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		ResetExprContext(econtext);
		if (!next_group(state, slot))
			return ExecClearTuple(ps->ps_ResultTupleSlot);
		econtext->ecxt_scantuple = slot;
		if (!ExecQual(ps->qual, econtext))
		{
			InstrCountFiltered1(node, 1);
			continue;
		}
		return ps->ps_ProjInfo == NULL ? slot : ExecProject(ps->ps_ProjInfo);
	}
}

/*---- end, and again ---- */

static void
forget_groups(AggregateState *state)
{
	if (state->table == NULL)
		return;
	agg_spill_reset(state->spill);
	if (state->dedup != NULL)
		agg_distinct_reset(state->dedup);
	agg_table_clear(state->table);
	state->started = state->in_unit = false;
	state->input_done = state->returning = false;
	state->pending = NULL;
	if (state->index != NULL)
		index_only_release(state->index);
}

static void
rescan_aggregate(CustomScanState *node)
{
	AggregateState *state = (AggregateState *) node;

	ExecClearTuple(node->ss.ps.ps_ResultTupleSlot);
	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	forget_groups(state);
	if (node->ss.ps.chgParam != NULL)
		UpdateChangedParamSet(state->child, node->ss.ps.chgParam);

	/* with changed parameters it does that itself, before its first row */
	if (state->child->chgParam == NULL)
		ExecReScan(state->child);
}

static void
end_aggregate(CustomScanState *node)
{
	AggregateState *state = (AggregateState *) node;

	forget_groups(state);
	ExecEndNode(state->child);
}

/*---- */

static uint64
by_row(const VectorExpr *expr)
{
	return expr == NULL ? 0 : vector_by_row(expr);
}

/*
 * agg_counts: what an execution took, in this process.
 */
void
agg_counts(CustomScanState *node, AggCounts *counts)
{
	AggregateState *state = (AggregateState *) node;
	int			i;

	*counts = state->counts;
	if (state->table == NULL)
		return;
	for (i = 0; i < state->nexprs; i++)
		counts->by_row += by_row(state->keys[i]);
	for (i = 0; i < state->ninputs; i++)
		counts->by_row += by_row(state->inputs[i].filter) +
			by_row(state->inputs[i].argument);
	counts->partitions = agg_spill_partitions(state->spill);
	counts->spilled = agg_spill_bytes(state->spill);
	counts->memory = state->table->peak;
	if (state->dedup != NULL)
	{
		counts->partitions += agg_spill_partitions(state->into_spill);
		counts->spilled += agg_spill_bytes(state->into_spill);
		counts->memory += state->into->peak;
	}
}

static const CustomExecMethods aggregate_exec_methods = {
	.CustomName = "OmendbAggregate",
	.BeginCustomScan = begin_aggregate,
	.ExecCustomScan = exec_aggregate,
	.EndCustomScan = end_aggregate,
	.ReScanCustomScan = rescan_aggregate,
	.ExplainCustomScan = explain_aggregate
};

/*
 * create_aggregate_state: the executor's state for a plan of ours.
 */
Node *
create_aggregate_state(CustomScan *cscan)
{
	AggregateState *state = palloc0(sizeof(AggregateState));

	NodeSetTag(state, T_CustomScanState);
	state->css.methods = &aggregate_exec_methods;
	return (Node *) state;
}
