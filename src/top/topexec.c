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

#include <math.h>

#include "access/sysattr.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/sortsupport.h"
#include "utils/typcache.h"

#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

#include "scan/scan.h"
#include "top/top.h"
#include "vector/vector.h"

/* an expression of ORDER BY */
typedef struct TopKey
{
	VectorExpr *expr;
	Oid			type;			/* domains resolved */
	int16		typlen;
	bool		typbyval;
	bool		usual;			/* ordered as the type's values usually are */
	AttrNumber	attno;			/* of a column; 0: another expression */
	SortSupportData order;
	const Vector *vector;		/* of the current batch */
} TopKey;

/* a row that is among the first so far */
typedef struct TopRow
{
	ItemPointerData tid;
	Datum	   *values;			/* of the keys */
	bool	   *nulls;
} TopRow;

typedef struct TopState
{
	CustomScanState css;
	ColumnScanState *scan;		/* the child */
	MemoryContext batch_context;
	TupleTableSlot *heap_slot;
	TopKey	   *keys;
	int			nkeys;
	int			limit;
	TopRow	  **rows;			/* a heap, the last in order at its top;
								 * sorted in the end */
	int			nrows;
	TopRow	   *next_row;		/* of which the values are being made */
	int			returned;		/* -1: the search has not been made */

	/*
	 * The first key of the last of the rows, if there are enough of them, as
	 * vectors and statistics have it
	 */
	bool		bounded;
	int64		bound_int;
	double		bound_float;

	/*
	 * Of the current dictionary: which entries may be better than the last of
	 * the rows; forgotten when that changes
	 */
	uint64		dictionary_id;
	int			nverdicts;
	uint8	   *verdicts;		/* TopVerdict of each entry */
} TopState;

typedef enum TopVerdict
{
	TOP_UNKNOWN = 0,
	TOP_BETTER,
	TOP_WORSE
} TopVerdict;

/*---- rows in order ---- */

static int
compare_rows(const TopState *top, const TopRow *a, const TopRow *b)
{
	int			i;

	for (i = 0; i < top->nkeys; i++)
	{
		int			c = ApplySortComparator(a->values[i], a->nulls[i],
											b->values[i], b->nulls[i],
											&top->keys[i].order);

		if (c != 0)
			return c;
	}
	return 0;
}

static int
compare_row_pointers(const void *a, const void *b, void *top)
{
	return compare_rows(top, *(TopRow *const *) a, *(TopRow *const *) b);
}

static TopRow *
new_row(const TopState *top)
{
	TopRow	   *row = palloc0(sizeof(TopRow));

	row->values = palloc0(top->nkeys * sizeof(Datum));
	row->nulls = palloc0(top->nkeys * sizeof(bool));
	return row;
}

/* Moves a row up until the one above it comes later in order. */
static void
sift_up(TopState *top, int i)
{
	TopRow	   *row = top->rows[i];

	while (i > 0 && compare_rows(top, row, top->rows[(i - 1) / 2]) > 0)
	{
		top->rows[i] = top->rows[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	top->rows[i] = row;
}

/* Moves the row at the top down until those below it come earlier. */
static void
sift_down(TopState *top)
{
	TopRow	   *row = top->rows[0];
	int			i = 0;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= top->nrows)
			break;
		if (child + 1 < top->nrows &&
			compare_rows(top, top->rows[child + 1], top->rows[child]) > 0)
			child++;
		if (compare_rows(top, top->rows[child], row) <= 0)
			break;
		top->rows[i] = top->rows[child];
		i = child;
	}
	top->rows[i] = row;
}

/* Is there something that a value of the first key can be compared with? */
static void
set_bound(TopState *top)
{
	const TopKey *key = &top->keys[0];
	const TopRow *last = top->rows[0];

	top->bounded = false;
	top->dictionary_id = 0;
	if (top->nrows < top->limit || last->nulls[0] || !key->usual ||
		key->type == NUMERICOID)
		return;
	switch (vector_kind(key->type))
	{
		case VECTOR_INT:
			top->bound_int = column_int(last->values[0], key->type,
										key->typlen);
			top->bounded = column_int_ordered(key->type);
			break;
		case VECTOR_FLOAT:
			top->bound_float = key->type == FLOAT4OID ?
				DatumGetFloat4(last->values[0]) :
				DatumGetFloat8(last->values[0]);
			top->bounded = !isnan(top->bound_float);
			break;
		default:
			break;
	}
}

/* Takes values that live as long as the batch into memory of their own. */
static void
keep_row(const TopState *top, TopRow *row)
{
	int			i;

	for (i = 0; i < top->nkeys; i++)
	{
		if (!row->nulls[i])
			row->values[i] = datumCopy(row->values[i], top->keys[i].typbyval,
									   top->keys[i].typlen);
	}
}

static void
free_values(const TopState *top, TopRow *row)
{
	int			i;

	for (i = 0; i < top->nkeys; i++)
	{
		if (!row->nulls[i] && !top->keys[i].typbyval)
			pfree(DatumGetPointer(row->values[i]));
	}
}

/* Puts the row that has been made among the first, if it belongs there. */
static void
offer_row(TopState *top, int row)
{
	TopRow	   *new = top->next_row;
	MemoryContext old;

	if (top->nrows == top->limit && compare_rows(top, new, top->rows[0]) >= 0)
		return;
	old = MemoryContextSwitchTo(top->css.ss.ps.state->es_query_cxt);
	scan_batch_tid(top->scan, row, &new->tid);
	keep_row(top, new);
	if (top->nrows < top->limit)
	{
		top->rows[top->nrows] = new;
		sift_up(top, top->nrows++);
		top->next_row = new_row(top);
	}
	else
	{
		top->next_row = top->rows[0];
		free_values(top, top->next_row);
		top->rows[0] = new;
		sift_down(top);
	}
	set_bound(top);
	MemoryContextSwitchTo(old);
}

/*---- batches ---- */

/*
 * Could a row with this first key come before the last of those that there are?
 * With more keys one that is equal could.  NaN is greater than all other
 * values, and no bound.
 */
#define BETTER(top, value, bound) \
	((top)->keys[0].order.ssup_reverse ? \
	 ((top)->nkeys == 1 ? !((value) <= (bound)) : !((value) < (bound))) : \
	 ((top)->nkeys == 1 ? (value) < (bound) : (value) <= (bound)))

static inline bool
is_null(const Vector *v, int row)
{
	return (v->nulls[row / 64] >> (row % 64)) & 1;
}

/* Is the first key of a row, an entry of a dictionary, too late in order? */
static bool
entry_is_worse(TopState *top, const Vector *v, uint32 code)
{
	TopKey	   *key = &top->keys[0];
	const TopRow *last = top->rows[0];

	if (top->dictionary_id != v->dictionary_id)
	{
		if (top->nverdicts < v->ndictionary)
		{
			if (top->verdicts != NULL)
				pfree(top->verdicts);
			top->nverdicts = v->ndictionary;
			top->verdicts = MemoryContextAllocHuge(top->css.ss.ps.state->es_query_cxt,
												   top->nverdicts);
		}
		memset(top->verdicts, TOP_UNKNOWN, v->ndictionary);
		top->dictionary_id = v->dictionary_id;
	}
	if (top->verdicts[code] == TOP_UNKNOWN)
	{
		Datum		value = vector_bytes_datum(&v->dictionary[code], v->type);
		int			c = ApplySortComparator(value, false, last->values[0],
											last->nulls[0], &key->order);

		top->verdicts[code] = c > 0 || (c == 0 && top->nkeys == 1) ?
			TOP_WORSE : TOP_BETTER;
	}
	return top->verdicts[code] == TOP_WORSE;
}

/* May a row come before the last of those that there are, by its first key? */
static inline bool
may_be_better(TopState *top, const Vector *v, int row)
{
	if (top->nrows < top->limit)
		return true;
	if (v->has_nulls && is_null(v, row))
		return !top->bounded || top->keys[0].order.ssup_nulls_first;
	switch (v->kind)
	{
		case VECTOR_INT:
			return !top->bounded || BETTER(top, v->ints[row], top->bound_int);
		case VECTOR_FLOAT:
			return !top->bounded ||
				BETTER(top, v->floats[row], top->bound_float);
		case VECTOR_CODES:
			return !entry_is_worse(top, v, v->codes[row]);
		default:
			return true;
	}
}

/* The rows that may be among the first, by the first key; their number */
static int
select_rows(TopState *top, const VectorSource *source, int *rows)
{
	const Vector *v = top->keys[0].vector;
	int			n = 0;
	int			i;

	for (i = 0; i < source->nselected; i++)
	{
		rows[n] = source->selected[i];
		n += may_be_better(top, v, source->selected[i]);
	}
	return n;
}

/*
 * Does the batch end with better rows than it begins with?  Then it is better
 * to begin there: fewer rows are taken only to be given up again.
 */
static bool
improves(TopState *top, const int *rows, int n)
{
	const Vector *v = top->keys[0].vector;
	bool		first_null;
	bool		last_null;
	Datum		first = vector_datum(v, rows[0], &first_null);
	Datum		last = vector_datum(v, rows[n - 1], &last_null);

	return ApplySortComparator(last, last_null, first, first_null,
							   &top->keys[0].order) < 0;
}

/* Makes the keys of a row; they live as long as the batch. */
static void
make_row(TopState *top, int row)
{
	TopRow	   *new = top->next_row;
	int			i;

	for (i = 0; i < top->nkeys; i++)
		new->values[i] = vector_datum(top->keys[i].vector, row,
									  &new->nulls[i]);
}

static void
search_batch(TopState *top, VectorSource *source)
{
	MemoryContext old = MemoryContextSwitchTo(top->batch_context);
	const int  *selected = source->selected;
	int			rows[COLUMN_VECTOR];
	bool		backward;
	int			n;
	int			i;

	MemoryContextReset(top->batch_context);
	top->keys[0].vector = vector_eval(top->keys[0].expr, source);
	n = select_rows(top, source, rows);

	/* the other keys are needed of these rows only */
	source->selected = rows;
	source->nselected = n;
	for (i = 1; n > 0 && i < top->nkeys; i++)
		top->keys[i].vector = vector_eval(top->keys[i].expr, source);
	backward = n > 0 && improves(top, rows, n);
	for (i = 0; i < n; i++)
	{
		int			row = rows[backward ? n - 1 - i : i];

		if (!may_be_better(top, top->keys[0].vector, row))
			continue;
		make_row(top, row);
		offer_row(top, row);
	}
	source->selected = selected;
	MemoryContextSwitchTo(old);
}

/* Do the statistics of the unit's segment say that it has no row for us? */
static bool
unit_is_worse(const TopState *top)
{
	const TopKey *key = &top->keys[0];
	const SegmentColumn *column;
	bool		reverse = key->order.ssup_reverse;

	if (!top->bounded || key->attno == 0 || top->scan->unit->segment == NULL)
		return false;
	column = scan_unit_column(top->scan, key->attno);
	if (column == NULL || !column->stats.has_minmax ||
		(column->stats.nnulls > 0 && key->order.ssup_nulls_first))
		return false;
	switch (column_form_class(column->form))
	{
		case COLUMN_INT:
			return !BETTER(top, reverse ? column->stats.max_int :
						   column->stats.min_int, top->bound_int);
		case COLUMN_FLOAT4:
		case COLUMN_FLOAT8:
			return !(reverse && column->stats.has_nan) &&
				!BETTER(top, reverse ? column->stats.max_float :
						column->stats.min_float, top->bound_float);
		default:
			return false;
	}
}

static void
search(TopState *top)
{
	VectorSource *source;
	int			i;

	for (i = 0; i < top->nkeys; i++)
		vector_rebind(top->keys[i].expr);
	while (scan_unit_next(top->scan))
	{
		if (unit_is_worse(top))
			scan_unit_prune(top->scan);
		while ((source = scan_batch_next(top->scan)) != NULL)
			search_batch(top, source);
	}
	qsort_arg(top->rows, top->nrows, sizeof(TopRow *), compare_row_pointers,
			  top);
	top->returned = 0;
}

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
	key->order.ssup_cxt = CurrentMemoryContext;
	key->order.ssup_collation = exprCollation((Node *) expr);
	key->order.ssup_nulls_first = top_plan_nulls_first(plan, i);
	PrepareSortSupportFromOrderingOp(top_plan_operator(plan, i), &key->order);
	key->usual = is_usual_order(top_plan_operator(plan, i), key->type);
	need_columns(top, (Node *) expr, plan->scan.scanrelid);
	key->expr = vector_compile(expr, plan->scan.scanrelid,
							   RelationGetDescr(top->css.ss.ss_currentRelation),
							   &top->css.ss.ps);
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
	top->nkeys = list_length(plan->custom_exprs);
	top->keys = palloc0(top->nkeys * sizeof(TopKey));
	for (i = 0; i < top->nkeys; i++)
		init_key(top, plan, i);
	top->scan->order_attno = top->keys[0].attno;
	top->scan->order_descending = top->keys[0].order.ssup_reverse;
	top->rows = palloc(top->limit * sizeof(TopRow *));
	top->next_row = new_row(top);
	top->returned = -1;
	top->batch_context = AllocSetContextCreate(CurrentMemoryContext,
											   "omendb top",
											   ALLOCSET_DEFAULT_SIZES);
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
	return ExecCopySlot(slot, top->heap_slot);
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
	while (top->nrows > 0)
	{
		TopRow	   *row = top->rows[--top->nrows];

		free_values(top, row);
		pfree(row->values);
		pfree(row->nulls);
		pfree(row);
	}
	top->bounded = false;
	top->dictionary_id = 0;
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
	bool		prefix = list_length(es->rtable) > 1 || es->verbose;
	List	   *keys = NIL;
	int			i;

	for (i = 0; i < list_length(plan->custom_exprs); i++)
		keys = lappend(keys, key_text(plan, i, context, prefix));
	ExplainPropertyList("Sort Key", keys, es);
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
