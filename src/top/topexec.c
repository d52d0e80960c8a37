/*-------------------------------------------------------------------------
 *
 * topexec.c
 *	  Executes the search for the first rows of a table: a pass over vectors
 *	  of the keys' columns that keeps the places of the best rows, and then a
 *	  visit to these rows in the heap.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/typcache.h"

#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

#include "top/top.h"

/*---- the node ---- */

/* Makes the scan hand out the columns of an expression. */
static void
need_columns(TopState *top, Node *expr, Index varno)
{
	Bitmapset  *raw = NULL;
	Bitmapset  *attnos = NULL;
	int			i = -1;

	pull_varattnos(expr, varno, &raw);
	while ((i = bms_next_member(raw, i)) >= 0)
		attnos = bms_add_member(attnos,
								i + FirstLowInvalidHeapAttributeNumber);
	scan_need_columns(top->scan, attnos);
}

/* Does an operator order a type as its own btree operators do? */
static bool
is_usual_order(Oid operator, Oid type)
{
	Oid			opfamily;
	Oid			opcintype;
#if PG_VERSION_NUM >= 180000
	CompareType strategy;
#else
	int16		strategy;
#endif

	return get_ordering_op_properties(operator, &opfamily, &opcintype,
									  &strategy) &&
		opfamily == lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
}

static void
init_key(TopState *top, CustomScan *plan, int i)
{
	Expr	   *expr = list_nth(plan->custom_exprs, i);
	TopKey	   *key = &top->keys[i];

	key->type = getBaseType(exprType((Node *) expr));
	get_typlenbyval(key->type, &key->typlen, &key->typbyval);
	if (IsA(expr, Var))
		key->attno = ((Var *) expr)->varattno;
	key->collation = exprCollation((Node *) expr);
	key->last = i == top->nkeys - 1;
	key->order.ssup_cxt = CurrentMemoryContext;
	key->order.ssup_collation = key->collation;
	key->order.ssup_nulls_first = top_plan_nulls_first(plan, i);
	PrepareSortSupportFromOrderingOp(top_plan_operator(plan, i), &key->order);
	key->usual = is_usual_order(top_plan_operator(plan, i), key->type);
	need_columns(top, (Node *) expr, plan->scan.scanrelid);
	key->expr = vector_compile(expr, plan->scan.scanrelid,
							   RelationGetDescr(top->css.ss.ss_currentRelation),
							   &top->css.ss.ps);
}

/* The scan visits its units in the order of the key that decides. */
static void
set_order(TopState *top)
{
	const TopKey *key = &top->keys[Min(top->ngrouped, top->nkeys - 1)];

	top->scan->order_attno = key->attno;
	top->scan->order_descending = key->order.ssup_reverse;
}

static void
begin_top(CustomScanState *node, EState *estate, int eflags)
{
	TopState   *top = (TopState *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	PlanState  *child = ExecInitNode(linitial(plan->custom_plans), estate,
									 eflags);
	int			i;

	node->custom_ps = list_make1(child);
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	top->scan = (ColumnScanState *) child;
	top->limit = top_plan_limit(plan);
	top->ngrouped = top_plan_grouped(plan);
	top->nkeys = list_length(plan->custom_exprs);
	top->keys = palloc0(top->nkeys * sizeof(TopKey));
	for (i = 0; i < top->nkeys; i++)
		init_key(top, plan, i);
	set_order(top);
	top->row_context = AllocSetContextCreate(CurrentMemoryContext,
											 "omendb top",
											 ALLOCSET_DEFAULT_SIZES);
	top->batch_context = AllocSetContextCreate(CurrentMemoryContext,
											   "omendb top batch",
											   ALLOCSET_DEFAULT_SIZES);
	top->returned = -1;
	top->heap_slot = ExecInitExtraTupleSlot(estate,
											RelationGetDescr(node->ss.ss_currentRelation),
											table_slot_callbacks(node->ss.ss_currentRelation));
}

/*
 * Fetches a row of the heap.  It was there for the same snapshot, so that
 * columns that name a place without a row are damaged.
 */
static TupleTableSlot *
fetch_row(TopState *top, ItemPointer tid)
{
	Relation	rel = top->css.ss.ss_currentRelation;
	TupleTableSlot *slot = top->css.ss.ss_ScanTupleSlot;

	if (!table_tuple_fetch_row_version(rel, tid,
									   top->css.ss.ps.state->es_snapshot,
									   top->heap_slot))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("columns of table \"%s\" have a row that is not at (%u,%u) of the table",
						RelationGetRelationName(rel),
						ItemPointerGetBlockNumber(tid),
						ItemPointerGetOffsetNumber(tid)),
				 errhint("Call omendb.verify() for the table, and omendb.compact() to make its columns anew.")));
	ExecCopySlot(slot, top->heap_slot);

	/* for WHERE CURRENT OF */
	slot->tts_tid = *tid;
	slot->tts_tableOid = RelationGetRelid(rel);
	return slot;
}

/* Finds the rows, in order. */
static void
search(TopState *top)
{
	int			i;

	for (i = 0; i < top->nkeys; i++)
		vector_rebind(top->keys[i].expr);
	top->next_row = top_new_row(top);
	if (top->ngrouped > 0)
		top_search_groups(top);
	else
	{
		top->rows = MemoryContextAlloc(top->row_context,
									   top->limit * sizeof(TopRow *));
		top_search(top);
	}
	qsort_arg(top->rows, top->nrows, sizeof(TopRow *), top_compare_pointers,
			  top);
	top->returned = 0;
}

static TupleTableSlot *
exec_top(CustomScanState *node)
{
	TopState   *top = (TopState *) node;
	PlanState  *ps = &node->ss.ps;
	TupleTableSlot *slot;

	CHECK_FOR_INTERRUPTS();
	if (top->returned < 0)
		search(top);
	if (top->returned >= top->nrows)
	{
		ExecClearTuple(top->heap_slot);
		return ExecClearTuple(node->ss.ss_ScanTupleSlot);
	}
	slot = fetch_row(top, &top->rows[top->returned++]->tid);
	if (ps->ps_ProjInfo == NULL)
		return slot;
	ResetExprContext(ps->ps_ExprContext);
	ps->ps_ExprContext->ecxt_scantuple = slot;
	return ExecProject(ps->ps_ProjInfo);
}

static void
end_top(CustomScanState *node)
{
	ExecEndNode(linitial(node->custom_ps));
}

static void
rescan_top(CustomScanState *node)
{
	TopState   *top = (TopState *) node;
	PlanState  *child = linitial(node->custom_ps);

	if (child->chgParam == NULL)
		ExecReScan(child);
	if (top->row_context != NULL)
		MemoryContextReset(top->row_context);
	top_forget_groups(top);
	top->rows = NULL;
	top->nrows = 0;
	top->bound.known = false;
	top->dictionary_id = 0;
	top->nverdicts = 0;
	top->verdicts = NULL;
	top->returned = -1;
}

/*---- EXPLAIN ---- */

static char *
key_text(CustomScan *plan, int i, List *context, bool prefix)
{
	Node	   *expr = list_nth(plan->custom_exprs, i);
	Oid			operator = top_plan_operator(plan, i);
	Oid			opfamily;
	Oid			type;
	StringInfoData text;
#if PG_VERSION_NUM >= 180000
	CompareType strategy;
#else
	int16		strategy;
#endif
	bool		reverse;

	initStringInfo(&text);
	appendStringInfoString(&text, deparse_expression(expr, context, prefix,
													 true));
	reverse = get_ordering_op_properties(operator, &opfamily, &type,
										 &strategy) && strategy != COMPARE_LT;
	if (reverse)
		appendStringInfoString(&text, " DESC");
	if (top_plan_nulls_first(plan, i) != reverse)
		appendStringInfoString(&text, reverse ? " NULLS LAST" : " NULLS FIRST");
	return text.data;
}

static void
explain_top(CustomScanState *node, List *ancestors, ExplainState *es)
{
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	List	   *context = set_deparse_context_plan(es->deparse_cxt,
												   (Plan *) plan, ancestors);
	bool		prefix = OmenExplainTables(es) > 1 || es->verbose;
	List	   *keys = NIL;
	int			i;

	for (i = 0; i < list_length(plan->custom_exprs); i++)
		keys = lappend(keys, key_text(plan, i, context, prefix));
	ExplainPropertyList("Sort Key", keys, es);
	if (top_plan_grouped(plan) > 0)
		ExplainPropertyList("First of Each",
							list_truncate(keys, top_plan_grouped(plan)), es);
	else
		ExplainPropertyInteger("Rows Wanted", NULL, top_plan_limit(plan), es);
}

static const CustomExecMethods exec_methods = {
	.CustomName = "OmendbTop",
	.BeginCustomScan = begin_top,
	.ExecCustomScan = exec_top,
	.EndCustomScan = end_top,
	.ReScanCustomScan = rescan_top,
	.ExplainCustomScan = explain_top
};

/*
 * create_top_state: the executor's state for a plan of ours.
 */
Node *
create_top_state(CustomScan *cscan)
{
	TopState   *top = palloc0(sizeof(TopState));

	NodeSetTag(top, T_CustomScanState);
	top->css.methods = &exec_methods;
	return (Node *) top;
}
