/*-------------------------------------------------------------------------
 *
 * joinexec.c
 *	  The node that joins vectors of a scan with rows of inner plans.
 *
 * It returns no rows, but batches of vectors to the node above: those of the
 * scan, of which the rows that match no inner row are not selected any more, with
 * the columns of the inner rows beside the table's.
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
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "join/join.h"

/* what is handed out */
typedef struct JoinBatch
{
	VectorSource source;		/* must be first */
	VectorJoinState *join;
} JoinBatch;

/*---- columns ---- */

static const Vector *
source_column(VectorSource *source, AttrNumber attno)
{
	VectorJoinState *join = ((JoinBatch *) source)->join;
	const JoinSource *from = &join->columns[attno - 1];

	if (from->table == NULL)
		return join->outer->column(join->outer, from->attno);
	return join_gather(from->table, from->column, source);
}

static const Vector *
source_datums(VectorSource *source, AttrNumber attno)
{
	VectorJoinState *join = ((JoinBatch *) source)->join;
	const JoinSource *from = &join->columns[attno - 1];

	if (from->table == NULL)
		return join->outer->datums(join->outer, from->attno);
	return join_gather_datums(from->table, from->column, source, join->context);
}

/*---- start ---- */

/* The columns of the node's slot that an expression refers to, from 0 on */
static Bitmapset *
expr_columns(Node *expr, Bitmapset *columns)
{
	Bitmapset  *raw = NULL;
	int			i = -1;

	pull_varattnos(expr, INDEX_VAR, &raw);
	while ((i = bms_next_member(raw, i)) >= 0)
		columns = bms_add_member(columns,
								 i + FirstLowInvalidHeapAttributeNumber - 1);
	return columns;
}

/* A table's key as it is in the plan, outer = inner */
static OpExpr *
nth_key(const CustomScan *plan, const JoinTable *t, int i)
{
	return list_nth_node(OpExpr, plan->custom_exprs, t->first_expr + i);
}

static Expr *
nth_filter(const CustomScan *plan, const JoinTable *t, int i)
{
	return list_nth(plan->custom_exprs, t->first_expr + t->nkeys + i);
}

/* The columns that are handed out, or needed for conditions */
static Bitmapset *
wanted_columns(VectorJoinState *join, const CustomScan *plan)
{
	Bitmapset  *result = expr_columns((Node *) plan->scan.plan.targetlist,
									  NULL);
	int			i;
	int			k;

	for (i = 0; i < join->ntables; i++)
	{
		const JoinTable *t = &join->tables[i];

		for (k = 0; k < t->nkeys; k++)
			result = expr_columns(linitial(nth_key(plan, t, k)->args), result);
		for (k = 0; k < t->nfilters; k++)
			result = expr_columns((Node *) nth_filter(plan, t, k), result);
	}
	return result;
}

static int
find_input(JoinTable *t, AttrNumber attno, Oid type)
{
	JoinInput  *in;
	int			i;

	for (i = 0; i < t->ninputs; i++)
	{
		if (t->inputs[i].attno == attno)
			return i;
	}
	in = &t->inputs[t->ninputs++];
	in->attno = attno;
	get_typlenbyval(type, &in->typlen, &in->typbyval);
	t->last_attno = Max(t->last_attno, attno);
	return i;
}

static const Var *
inner_column(const OpExpr *key)
{
	const Node *node = lsecond(key->args);

	while (IsA(node, RelabelType))
		node = (const Node *) ((const RelabelType *) node)->arg;
	return castNode(Var, unconstify(Node *, node));
}

static void
init_conditions(VectorJoinState *join, JoinTable *t, const CustomScan *plan)
{
	TupleDesc	desc = join->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor;
	PlanState  *ps = &join->css.ss.ps;
	int			i;

	t->filters = palloc0((t->nfilters + 1) * sizeof(VectorExpr *));
	for (i = 0; i < t->nfilters; i++)
		t->filters[i] = vector_compile(nth_filter(plan, t, i), INDEX_VAR, desc,
									   ps);
	t->keys = palloc0((t->nkeys + 1) * sizeof(AggKey));
	t->outer = palloc0((t->nkeys + 1) * sizeof(VectorExpr *));
	t->key_inputs = palloc0((t->nkeys + 1) * sizeof(int));
	for (i = 0; i < t->nkeys; i++)
	{
		const OpExpr *key = nth_key(plan, t, i);
		const Var  *column = inner_column(key);

		agg_key_init(&t->keys[i], exprType(lsecond(key->args)),
					 key->inputcollid, t->context);
		t->outer[i] = vector_compile(linitial(key->args), INDEX_VAR, desc, ps);

		/* may the user call the operator? */
		ExecInitExpr((Expr *) key, NULL);
		t->key_inputs[i] = find_input(t,
									  join_plan_attno(plan, column->varattno - 1),
									  column->vartype);
	}
}

static void
init_columns(VectorJoinState *join, JoinTable *t, int number, const CustomScan *plan,
			 const Bitmapset *wanted)
{
	int			i = -1;

	t->columns = palloc0((bms_num_members(wanted) + 1) * sizeof(JoinColumn));
	while ((i = bms_next_member(wanted, i)) >= 0)
	{
		const Var  *var = list_nth_node(Var, join->vars, i);
		JoinColumn *c;

		if (join_plan_child(plan, i) != number)
			continue;
		c = &t->columns[t->ncolumns++];
		c->type = getBaseType(var->vartype);
		c->input = find_input(t, join_plan_attno(plan, i), var->vartype);
		join->columns[i].table = t;
		join->columns[i].column = c;
	}
}

/* Sets up one inner side. */
static void
init_table(VectorJoinState *join, int inner, const Bitmapset *wanted)
{
	CustomScan *plan = (CustomScan *) join->css.ss.ps.plan;
	JoinTable  *t = &join->tables[inner];
	MemoryContext parent = CurrentMemoryContext;
	int			natts = list_length(plan->custom_scan_tlist);

	t->plan = list_nth(join->css.custom_ps, inner + 1);
	t->context = AllocSetContextCreate(parent, "omendb join",
									   ALLOCSET_DEFAULT_SIZES);
	t->values = AllocSetContextCreate(t->context, "omendb join values",
									  ALLOCSET_DEFAULT_SIZES);
	t->batch = AllocSetContextCreate(parent, "omendb join batch",
									 ALLOCSET_DEFAULT_SIZES);
	t->inputs = palloc0((natts + 1) * sizeof(JoinInput));
	init_conditions(join, t, plan);
	init_columns(join, t, inner + 1, plan, wanted);
	join_table_init(t, get_hash_memory_limit(), t->plan->plan->plan_rows);
}

static void
init_tables(VectorJoinState *join)
{
	CustomScan *plan = (CustomScan *) join->css.ss.ps.plan;
	Bitmapset  *wanted;
	Bitmapset  *attnos = NULL;
	int			first = 0;
	int			i;

	for (i = 0; i < join->ncolumns; i++)
	{
		join->columns[i].attno = join_plan_attno(plan, i);
		if (join_plan_child(plan, i) == 0)
			attnos = bms_add_member(attnos, join->columns[i].attno);
	}
	scan_need_columns(join->scan, attnos);
	for (i = 0; i < join->ntables; i++)
	{
		join->tables[i].first_expr = first;
		join->tables[i].nkeys = join_plan_keys(plan, i);
		join->tables[i].nfilters = join_plan_filters(plan, i);
		first += join->tables[i].nkeys + join->tables[i].nfilters;
	}
	wanted = wanted_columns(join, plan);
	for (i = 0; i < join->ntables; i++)
		init_table(join, i, wanted);
}

static void
begin_join(CustomScanState *node, EState *estate, int eflags)
{
	VectorJoinState *join = (VectorJoinState *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	ListCell   *lc;

	foreach(lc, plan->custom_plans)
		node->custom_ps = lappend(node->custom_ps,
								  ExecInitNode(lfirst(lc), estate, eflags));
	foreach(lc, plan->custom_scan_tlist)
		join->vars = lappend(join->vars, lfirst_node(TargetEntry, lc)->expr);
	join->ntables = list_length(node->custom_ps) - 1;
	join->tables = palloc0((join->ntables + 1) * sizeof(JoinTable));
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	join->scan = linitial(node->custom_ps);
	if (!IsA(join->scan, CustomScanState) ||
		join->scan->css.methods != &column_scan_exec_methods)
		elog(ERROR, "a join of vectors has no scan of columns below it");
	join->ncolumns = list_length(plan->custom_scan_tlist);
	join->columns = palloc0((join->ncolumns + 1) * sizeof(JoinSource));
	join->context = AllocSetContextCreate(CurrentMemoryContext,
										  "omendb join datums",
										  ALLOCSET_DEFAULT_SIZES);
	join->batch = palloc0(sizeof(JoinBatch));
	join->batch->source.column = source_column;
	join->batch->source.datums = source_datums;
	join->batch->join = join;
	init_tables(join);
}

/*
 * join_compile: makes an expression over the joined relations ready to be
 * computed for the batches of join_batch_next(), by the node parent.
 */
VectorExpr *
join_compile(VectorJoinState *join, Expr *expr, PlanState *parent)
{
	return vector_compile((Expr *) join_number_columns((Node *) expr,
													   join->vars),
						  INDEX_VAR,
						  join->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor,
						  parent);
}

/*---- passes ---- */

/* Has no row of the current unit a key of the table, by its statistics? */
static bool
excludes_unit(VectorJoinState *join, const JoinTable *t)
{
	CustomScan *plan = (CustomScan *) join->css.ss.ps.plan;
	int			k;

	for (k = 0; t->bounded && k < t->nkeys; k++)
	{
		const Var  *var = linitial(nth_key(plan, t, k)->args);
		const SegmentColumn *column;

		if (t->keys[k].kind != AGG_KEY_INT || !IsA(var, Var) ||
			join->columns[var->varattno - 1].table != NULL)
			continue;
		column = scan_unit_column(join->scan,
								  join->columns[var->varattno - 1].attno);
		if (column != NULL && column->stats.has_minmax &&
			(column->stats.min_int > t->high[k] ||
			 column->stats.max_int < t->low[k]))
			return true;
	}
	return false;
}

/* Leaves out the unit's columns, or the rest, if no row of them can match. */
static bool
prune_unit(VectorJoinState *join)
{
	int			i;

	if (join->scan->unit->segment == NULL || join->scan->pruned)
		return false;
	for (i = 0; i < join->ntables; i++)
	{
		if (excludes_unit(join, &join->tables[i]))
		{
			scan_unit_prune(join->scan);
			return true;
		}
	}
	return false;
}

/*
 * Takes the inner rows that are not in memory yet; false if a table has none.
 * The scan has a row then: without any, the inner plans are not run.
 */
static bool
start(VectorJoinState *join)
{
	int			i;
	int			k;

	join->started = true;
	join->passes = 1;
	join->most_passes = Max(join->most_passes, 1);
	for (i = 0; i < join->ntables; i++)
	{
		JoinTable  *t = &join->tables[i];

		for (k = 0; k < t->nkeys; k++)
			vector_rebind(t->outer[k]);
		for (k = 0; k < t->nfilters; k++)
			vector_rebind(t->filters[k]);
		if (t->chunks == 0)
			join_table_load(t);
		if (t->nrows == 0)
			return false;
	}
	return true;
}

/*
 * Goes to the next combination of the tables' chunks, like the digits of a
 * clock; false if all have been there.
 */
static bool
next_pass(VectorJoinState *join)
{
	int			i;
	int			k;

	for (i = join->ntables - 1; i >= 0; i--)
	{
		if (!join->tables[i].ended && join_table_load(&join->tables[i]))
			break;
	}
	if (i < 0)
		return false;
	for (k = i + 1; k < join->ntables; k++)
	{
		if (join->tables[k].chunks == 1)
			continue;
		join_table_rescan(&join->tables[k]);
		join_table_load(&join->tables[k]);
	}
	if (join->scan->css.ss.ps.chgParam == NULL)
		ExecReScan(&join->scan->css.ss.ps);
	join->in_unit = false;
	join->most_passes = Max(join->most_passes, ++join->passes);
	return true;
}

/* The scan's next batch; NULL: there is none in this pass */
static VectorSource *
next_outer(VectorJoinState *join)
{
	VectorSource *outer = NULL;

	while (outer == NULL)
	{
		if (join->in_unit)
			outer = scan_batch_next(join->scan);
		if (outer == NULL)
		{
			join->in_unit = scan_unit_next(join->scan);
			if (!join->in_unit)
				return NULL;
			if (join->started)
				prune_unit(join);
		}
	}
	return outer;
}

/* Finds the inner rows of the scan's batch; false if no row has all of them. */
static bool
match_batch(VectorJoinState *join)
{
	VectorSource *source = &join->batch->source;
	int			i;
	int			k;

	source->nrows = join->outer->nrows;
	source->nselected = join->outer->nselected;
	memcpy(join->selected, join->outer->selected,
		   source->nselected * sizeof(int));
	source->selected = join->selected;
	source->batch = join->outer->batch;
	for (i = 0; i < join->ntables && source->nselected > 0; i++)
	{
		JoinTable  *t = &join->tables[i];

		source->nselected = join_find(t, source, join->selected);
		for (k = 0; k < t->nfilters && source->nselected > 0; k++)
			source->nselected = vector_select(t->filters[k], source,
											  join->selected);
	}
	return source->nselected > 0;
}

/*
 * The first batch has come, and inner rows are taken; false if there are none.
 * Only now it is known whether the batch's unit could have been left out.
 */
static bool
start_with(VectorJoinState *join, VectorSource **outer)
{
	if (*outer == NULL || !start(join))
		return false;
	if (scan_batch_in_columns(join->scan) && prune_unit(join))
		*outer = next_outer(join);
	return true;
}

static VectorSource *
next_batch(VectorJoinState *join)
{
	MemoryContext old;
	bool		matched;

	if (join->nothing)
		return NULL;
	for (;;)
	{
		join->outer = next_outer(join);
		if (!join->started && !start_with(join, &join->outer))
		{
			join->nothing = true;
			return NULL;
		}
		if (join->outer == NULL)
		{
			if (!next_pass(join))
				return NULL;
			continue;
		}
		MemoryContextReset(join->context);
		old = MemoryContextSwitchTo(join->context);
		matched = match_batch(join);
		MemoryContextSwitchTo(old);
		if (matched)
			return &join->batch->source;
	}
}

/*
 * join_batch_next: the next rows of the join, at least one; NULL if there are no
 * more.
 */
VectorSource *
join_batch_next(VectorJoinState *join)
{
	PlanState  *ps = &join->css.ss.ps;
	VectorSource *source;

	if (ps->chgParam != NULL)
		ExecReScan(ps);
	if (ps->instrument)
		InstrStartNode(ps->instrument);
	source = next_batch(join);
	if (ps->instrument)
		InstrStopNode(ps->instrument, source == NULL ? 0 : source->nselected);
	return source;
}

static TupleTableSlot *
exec_join(CustomScanState *node)
{
	elog(ERROR, "a join of vectors returns no rows");
}

/*---- end, and again ---- */

/* Tables that are complete and do not depend on what changed stay. */
static void
rescan_join(CustomScanState *node)
{
	VectorJoinState *join = (VectorJoinState *) node;
	ListCell   *lc;
	int			i;

	foreach(lc, node->custom_ps)
	{
		PlanState  *child = lfirst(lc);

		if (node->ss.ps.chgParam != NULL)
			UpdateChangedParamSet(child, node->ss.ps.chgParam);
	}
	for (i = 0; join->scan != NULL && i < join->ntables; i++)
	{
		JoinTable  *t = &join->tables[i];

		if (t->plan->chgParam != NULL || !t->ended || t->chunks != 1)
			join_table_rescan(t);
	}
	if (join->scan != NULL && join->scan->css.ss.ps.chgParam == NULL)
		ExecReScan(&join->scan->css.ss.ps);
	join->started = join->in_unit = join->nothing = false;
}

static void
end_join(CustomScanState *node)
{
	ListCell   *lc;

	foreach(lc, node->custom_ps)
		ExecEndNode(lfirst(lc));
}

const CustomExecMethods join_exec_methods = {
	.CustomName = "OmendbJoin",
	.BeginCustomScan = begin_join,
	.ExecCustomScan = exec_join,
	.EndCustomScan = end_join,
	.ReScanCustomScan = rescan_join,
	.ExplainCustomScan = explain_join
};

/*
 * create_join_state: the executor's state for a plan of ours.
 */
Node *
create_join_state(CustomScan *cscan)
{
	VectorJoinState *join = palloc0(sizeof(VectorJoinState));

	NodeSetTag(join, T_CustomScanState);
	join->css.methods = &join_exec_methods;
	return (Node *) join;
}
