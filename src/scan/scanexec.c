/*-------------------------------------------------------------------------
 *
 * scanexec.c
 *	  Executes a scan of columns: units of work, and their rows in the order
 *	  of the heap.
 *
 * Which segments are good is decided here and not by the planner: those that
 * the query's snapshot sees, of the relation file that the table has now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/sysattr.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/memutils.h"

#include "scan/scan.h"
#include "table/table.h"

/* blocks of a unit without columns, when several processes share the work */
#define UNIT_MIN_BLOCKS		16
#define UNIT_MAX_BLOCKS		1024
#define UNITS_AT_LEAST		128

/*---- start and end ---- */

/*
 * The columns of the scan's slot that expressions need.  Of the whole row all
 * are.
 */
static Bitmapset *
needed_columns(Node *expr, Index varno, TupleDesc desc)
{
	Bitmapset  *raw = NULL;
	Bitmapset  *result = NULL;
	bool		all;
	int			i;

	pull_varattnos(expr, varno, &raw);
	all = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, raw);
	for (i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped &&
			(all || bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber,
								  raw)))
			result = bms_add_member(result, i);
	}
	bms_free(raw);
	return result;
}

static void
add_column(ColumnScanState *scan, AttrNumber attno, int position, bool output,
		   bool filtered)
{
	ScanColumn *c = &scan->columns[scan->ncolumns++];

	c->attno = attno;
	c->position = position;
	c->output = output;
	c->filtered = filtered;
	if (filtered)
		c->vector = palloc(sizeof(ColumnVector));
	if (output)
	{
		c->values = palloc(COLUMN_VECTOR * sizeof(Datum));
		c->nulls = palloc(COLUMN_VECTOR * sizeof(bool));
	}
	scan->last_attno = Max(scan->last_attno, attno);
}

/* The number that expressions have for the scan's slot */
static Index
slot_varno(const CustomScan *plan)
{
	return plan->custom_scan_tlist != NIL ? INDEX_VAR : plan->scan.scanrelid;
}

/* The column of the table that is at a position of the scan's slot */
static AttrNumber
slot_attno(const CustomScan *plan, int position)
{
	const TargetEntry *entry;

	if (plan->custom_scan_tlist == NIL)
		return position + 1;
	entry = list_nth_node(TargetEntry, plan->custom_scan_tlist, position);
	return castNode(Var, entry->expr)->varattno;
}

static int
compare_columns(const void *a, const void *b)
{
	return ((const ScanColumn *) a)->attno - ((const ScanColumn *) b)->attno;
}

/* Finds out which columns to read, from the plan as it is in the end. */
static void
init_columns(ColumnScanState *scan, CustomScan *plan)
{
	TupleDesc	desc = scan->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor;
	Index		varno = slot_varno(plan);
	Bitmapset  *output = needed_columns((Node *) plan->scan.plan.targetlist,
										varno, desc);
	Bitmapset  *filtered = needed_columns((Node *) plan->custom_exprs, varno,
										  desc);
	int			i;

	output = bms_join(output, needed_columns((Node *) plan->scan.plan.qual,
											 varno, desc));

	/* room for those that are wanted as vectors only */
	scan->columns = palloc0((desc->natts + RelationGetDescr(scan->rel)->natts +
							 1) * sizeof(ScanColumn));
	for (i = 0; i < desc->natts; i++)
	{
		bool		is_output = bms_is_member(i, output);
		bool		is_filtered = bms_is_member(i, filtered);

		if (is_output || is_filtered)
			add_column(scan, slot_attno(plan, i), i, is_output, is_filtered);
	}
	qsort(scan->columns, scan->ncolumns, sizeof(ScanColumn), compare_columns);
	scan->outputs = palloc((scan->ncolumns + 1) * sizeof(ScanColumn *));
	for (i = 0; i < scan->ncolumns; i++)
	{
		if (scan->columns[i].output)
			scan->outputs[scan->noutputs++] = &scan->columns[i];
	}
}

static int
column_index(const ColumnScanState *scan, AttrNumber attno)
{
	int			k;

	for (k = 0; k < scan->ncolumns; k++)
	{
		if (scan->columns[k].attno == attno)
			return k;
	}
	elog(ERROR, "column %d of a filter is not read", attno);
}

static void
init_filter(ColumnScanState *scan, CustomScan *plan, Node *clause,
			ScanFilter *f)
{
	if (!filter_parse(clause, slot_varno(plan), &f->clause))
		elog(ERROR, "unexpected filter in a scan of columns");
	f->clause.attno = slot_attno(plan, f->clause.attno - 1);
	f->column = column_index(scan, f->clause.attno);
	if (f->clause.value != NULL)
		f->value = ExecInitExpr(f->clause.value, &scan->css.ss.ps);
	if (f->clause.kind == FILTER_TIME || f->clause.kind == FILTER_NUMERIC)
		fmgr_info(filter_comparison(&f->clause), &f->compare);
}

/* Makes references to the scan's slot such to the table again. */
static Node *
table_expr(Node *node, void *context)
{
	CustomScan *plan = context;

	if (node != NULL && IsA(node, Var) && ((Var *) node)->varno == INDEX_VAR)
	{
		Var		   *var = copyObject((Var *) node);

		var->varno = plan->scan.scanrelid;
		var->varattno = slot_attno(plan, var->varattno - 1);
		return (Node *) var;
	}
	return expression_tree_mutator(node, table_expr, context);
}

static VectorExpr *
init_condition(ColumnScanState *scan, CustomScan *plan, Node *clause)
{
	Index		varno = plan->scan.scanrelid;
	Bitmapset  *raw = NULL;
	Bitmapset  *attnos = NULL;
	int			i = -1;

	pull_varattnos(clause, varno, &raw);
	while ((i = bms_next_member(raw, i)) >= 0)
		attnos = bms_add_member(attnos, i + FirstLowInvalidHeapAttributeNumber);
	scan_need_columns(scan, attnos);
	return vector_compile((Expr *) clause, varno, RelationGetDescr(scan->rel),
						  &scan->css.ss.ps);
}

static void
init_conditions(ColumnScanState *scan, CustomScan *plan)
{
	int			nconditions = list_length(plan->custom_exprs);
	int			nfilters = scan_plan_filters(plan);
	ListCell   *lc;

	scan->filters = palloc0((nconditions + 1) * sizeof(ScanFilter));
	scan->conditions = palloc((nconditions + 1) * sizeof(VectorExpr *));
	foreach(lc, plan->custom_exprs)
	{
		Node	   *clause = lfirst(lc);

		if (scan->nfilters < nfilters)
			init_filter(scan, plan, clause, &scan->filters[scan->nfilters++]);
		else
			scan->conditions[scan->nconditions++] =
				init_condition(scan, plan, table_expr(clause, plan));
	}
	scan->pushed = ExecInitQual(plan->custom_exprs, &scan->css.ss.ps);
}

/*
 * scan_compile_filter: a filter as a condition, for batches of the heap's rows.
 * To be called before the first row.
 */
VectorExpr *
scan_compile_filter(ColumnScanState *scan, int filter)
{
	CustomScan *plan = (CustomScan *) scan->css.ss.ps.plan;

	return init_condition(scan, plan,
						  table_expr(list_nth(plan->custom_exprs, filter),
									 plan));
}

/* Computes what conditions compare with, at the start and at each rescan. */
static void
bind_conditions(ColumnScanState *scan)
{
	int			i;

	filters_bind(scan);
	for (i = 0; i < scan->nheap_conditions; i++)
		vector_rebind(scan->heap_conditions[i]);
	for (i = 0; i < scan->nconditions; i++)
		vector_rebind(scan->conditions[i]);
}

static void
begin_column_scan(CustomScanState *node, EState *estate, int eflags)
{
	ColumnScanState *scan = (ColumnScanState *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	scan->rel = node->ss.ss_currentRelation;
	scan->snapshot = estate->es_snapshot;
	init_columns(scan, plan);
	init_conditions(scan, plan);
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	scan->context = AllocSetContextCreate(CurrentMemoryContext,
										  "omendb scan", ALLOCSET_DEFAULT_SIZES);
	scan->filter_context = AllocSetContextCreate(CurrentMemoryContext,
												 "omendb scan filters", ALLOCSET_DEFAULT_SIZES);
	scan->vector_context = AllocSetContextCreate(CurrentMemoryContext,
												 "omendb scan vector", ALLOCSET_DEFAULT_SIZES);
	scan->heap_slot = ExecInitExtraTupleSlot(estate, RelationGetDescr(scan->rel),
											 table_slot_callbacks(scan->rel));
	scan->page.buffer = InvalidBuffer;

	/* columns that are not read are null, and stay so */
	memset(slot->tts_values, 0, slot->tts_tupleDescriptor->natts * sizeof(Datum));
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
}

/* Gives up what is open of the current unit. */
static void
leave_unit(ColumnScanState *scan)
{
	scan_page_release(scan);
	scan_ahead_release(scan);
	if (scan->unit != NULL && scan->unit->reader != NULL)
		scan_segment_end(scan);
	scan->unit = NULL;
}

static void
end_column_scan(CustomScanState *node)
{
	ColumnScanState *scan = (ColumnScanState *) node;

	if (scan->context == NULL)
		return;
	scan_page_release(scan);
	scan_ahead_release(scan);
	ExecClearTuple(scan->heap_slot);
	if (scan->strategy != NULL)
		FreeAccessStrategy(scan->strategy);
	MemoryContextDelete(scan->vector_context);
	MemoryContextDelete(scan->filter_context);
	MemoryContextDelete(scan->context);
}

static void
rescan_column_scan(CustomScanState *node)
{
	ColumnScanState *scan = (ColumnScanState *) node;

	ExecScanReScan(&node->ss);
	ExecClearTuple(scan->heap_slot);
	scan->rescans++;
	leave_unit(scan);
	scan->next_unit = 0;
	scan->kept = 0;
	for (int i = 0; i < scan->nunits; i++)
	{
		if (scan->units[i].reader != NULL)
			scan->kept += MemoryContextMemAllocated(scan->units[i].reader->context,
													true);
	}
	if (scan->started)
		bind_conditions(scan);
}

/*---- units ---- */

static void
add_unit(ColumnScanState *scan, int *room, const Segment *segment,
		 BlockNumber first, BlockNumber end)
{
	ScanUnit   *u;

	if (scan->nunits >= *room)
	{
		*room *= 2;
		scan->units = repalloc_huge(scan->units, *room * sizeof(ScanUnit));
	}
	u = &scan->units[scan->nunits++];
	memset(u, 0, sizeof(ScanUnit));
	u->segment = segment;
	u->first = first;
	u->end = end;
}

/* Blocks without columns, in pieces if others help */
static void
add_gap(ColumnScanState *scan, int *room, BlockNumber first, BlockNumber end)
{
	BlockNumber step = end > first ? end - first : 1;

	if (scan->shared != NULL)
		step = Min(Max(scan->nblocks / UNITS_AT_LEAST, UNIT_MIN_BLOCKS),
				   UNIT_MAX_BLOCKS);
	while (first < end)
	{
		BlockNumber n = Min(step, end - first);

		add_unit(scan, room, NULL, first, first + n);
		first += n;
	}
}

/*
 * The parts of the table, the same list in every process of a parallel scan.
 * A segment behind the end of the table has no rows any more.
 */
static void
make_units(ColumnScanState *scan)
{
	List	   *segments = NIL;
	BlockNumber next = 0;
	int			room = 16;
	ListCell   *lc;

	scan->units = palloc(room * sizeof(ScanUnit));
	if (!scan->rows_only)
		segments = store_segments(scan->rel, scan->snapshot);
	foreach(lc, segments)
	{
		Segment    *s = lfirst(lc);

		if (!s->valid || s->first < next || s->first >= scan->nblocks)
			continue;
		add_gap(scan, &room, next, s->first);
		add_unit(scan, &room, s, s->first, s->first + s->nblocks);
		next = s->first + s->nblocks;
	}
	add_gap(scan, &room, next, scan->nblocks);
	if (scan->order_attno != 0)
		scan_order_units(scan);
	else if (scan->ends_first)
		scan_order_ends(scan);
}

/*
 * A serializable transaction must meet the rows themselves, to notice
 * conflicts; other snapshots than MVCC ones cannot be asked about marks.
 */
static bool
needs_rows(const ColumnScanState *scan)
{
	return columnar_scan == COLUMNAR_SCAN_OFF || IsolationIsSerializable() ||
		!IsMVCCSnapshot(scan->snapshot) || !omendb_is_table(scan->rel);
}

static void
start(ColumnScanState *scan)
{
	MemoryContext old = MemoryContextSwitchTo(scan->context);

	scan->started = true;
	if (scan->shared != NULL)
	{
		scan->nblocks = scan->shared->nblocks;
		scan->rows_only = scan->shared->rows_only;
	}
	else
	{
		scan->nblocks = RelationGetNumberOfBlocks(scan->rel);
		scan->rows_only = needs_rows(scan);
	}
	PredicateLockRelation(scan->rel, scan->snapshot);
	if (!RelationUsesLocalBuffers(scan->rel) &&
		scan->nblocks > (BlockNumber) NBuffers / 4)
		scan->strategy = GetAccessStrategy(BAS_BULKREAD);
	make_units(scan);
	MemoryContextSwitchTo(old);
	bind_conditions(scan);
	if (!IsParallelWorker())
		pgstat_count_heap_scan(scan->rel);
}

/* The next unit for this process; false if there is none left */
static bool
next_unit(ColumnScanState *scan)
{
	uint32		i;

	leave_unit(scan);
	if (scan->nothing)
		return false;
	i = scan->shared == NULL ? scan->next_unit++ :
		pg_atomic_fetch_add_u32(&scan->shared->next_unit, 1);
	if (i >= scan->nunits)
		return false;
	scan->unit = &scan->units[i];
	scan->unit_number++;
	scan->next_block = scan->unit->first;
	if (scan->unit->segment != NULL)
		scan_segment_begin(scan);
	return true;
}

/*---- rows ---- */

/* The next row of a unit without columns */
static bool
next_of_blocks(ColumnScanState *scan, TupleTableSlot *slot)
{
	while (!scan_page_store_next(scan, slot))
	{
		if (scan->next_block >= scan->unit->end)
			return false;
		scan_page_read(scan, scan->next_block++);
	}
	return true;
}

/* Is there a tuple of the heap in front of this row of the segment? */
static bool
heap_comes_first(ColumnScanState *scan, int row)
{
	ScanUnit   *unit = scan->unit;

	for (;;)
	{
		const BlockMarks *m;

		if (scan->page.next < scan->page.ntuples)
			return scan->page.before[scan->page.next] <= row;
		if (scan->next_mark >= unit->nmarks)
			return false;
		m = &unit->marks[scan->next_mark];
		if (unit->reader->block_rows[m->block - unit->first] > row)
			return false;
		scan_page_read_marked(scan);
		scan_page_place(scan, m->block);
	}
}

static void
store_row(ColumnScanState *scan, int i, TupleTableSlot *slot)
{
	int			k;

	for (k = 0; k < scan->noutputs; k++)
	{
		const ScanColumn *c = scan->outputs[k];

		slot->tts_values[c->position] = c->values[i];
		slot->tts_isnull[c->position] = c->nulls[i];
	}
	ExecStoreVirtualTuple(slot);
	pgstat_count_heap_getnext(scan->rel);
}

/*
 * The next row of a unit with columns; *from_heap tells where it is from.  In
 * the first case it has passed the filters.
 */
static bool
next_of_segment(ColumnScanState *scan, TupleTableSlot *slot, bool *from_heap)
{
	int			row = PG_INT32_MAX;

	if (scan->next_selected >= scan->nselected && scan->vector < scan->nvectors)
		scan_segment_next(scan);
	if (scan->next_selected < scan->nselected)
		row = scan->vector * COLUMN_VECTOR + scan->selected[scan->next_selected];
	*from_heap = scan->unit->nmarks > 0 && heap_comes_first(scan, row);
	if (*from_heap)
		return scan_page_store_next(scan, slot);
	if (row == PG_INT32_MAX)
		return false;
	store_row(scan, scan->selected[scan->next_selected++], slot);
	return true;
}

/* Filters a row of the heap; what only they need is then taken out again. */
static bool
passes_filters(ColumnScanState *scan, TupleTableSlot *slot)
{
	ExprContext *econtext = scan->css.ss.ps.ps_ExprContext;
	int			k;

	if (scan->pushed == NULL)
		return true;
	econtext->ecxt_scantuple = slot;
	if (!ExecQualAndReset(scan->pushed, econtext))
	{
		scan->counts[SCAN_ROWS_REMOVED]++;
		return false;
	}
	for (k = 0; k < scan->ncolumns; k++)
	{
		if (!scan->columns[k].output && scan->columns[k].position >= 0)
			slot->tts_isnull[scan->columns[k].position] = true;
	}
	return true;
}

static bool
next_of_unit(ColumnScanState *scan, TupleTableSlot *slot)
{
	bool		from_heap = true;

	for (;;)
	{
		if (!TTS_EMPTY(slot))
			ExecClearTuple(slot);
		if (scan->unit->segment == NULL ?
			!next_of_blocks(scan, slot) :
			!next_of_segment(scan, slot, &from_heap))
			return false;
		if (!from_heap || passes_filters(scan, slot))
			break;
	}
	scan->counts[from_heap ? SCAN_ROWS_HEAP : SCAN_ROWS_COLUMNS]++;
	return true;
}

/* Lets the leader know what this worker counted. */
static void
flush_counts(ColumnScanState *scan)
{
	int			i;

	if (scan->shared == NULL || !IsParallelWorker())
		return;
	for (i = 0; i < SCAN_COUNTS; i++)
	{
		pg_atomic_fetch_add_u64(&scan->shared->counts[i],
								scan->counts[i] - scan->flushed[i]);
		scan->flushed[i] = scan->counts[i];
	}
}

/*
 * scan_take_unit: goes to the next unit of this process, the first one at the
 * start; false if there is none left.
 */
bool
scan_take_unit(ColumnScanState *scan)
{
	if (!scan->started)
		start(scan);
	flush_counts(scan);
	if (next_unit(scan))
		return true;
	ExecClearTuple(scan->heap_slot);
	return false;
}

static TupleTableSlot *
next_row(ScanState *ss)
{
	ColumnScanState *scan = (ColumnScanState *) ss;
	TupleTableSlot *slot = ss->ss_ScanTupleSlot;

	while (scan->unit == NULL || !next_of_unit(scan, slot))
	{
		if (!scan_take_unit(scan))
			return ExecClearTuple(slot);
	}
	return slot;
}

/*
 * Tests the filters again on a row that EvalPlanQual supplies.  Its slot is not
 * a virtual one, as expressions on our rows expect: all columns are extracted.
 */
static bool
recheck(ScanState *ss, TupleTableSlot *slot)
{
	ColumnScanState *scan = (ColumnScanState *) ss;
	ExprContext *econtext = ss->ps.ps_ExprContext;

	if (((CustomScan *) ss->ps.plan)->custom_scan_tlist != NIL)
		elog(ERROR, "unexpected row of EvalPlanQual in a scan of columns");
	slot_getallattrs(slot);
	econtext->ecxt_scantuple = slot;
	return ExecQualAndReset(scan->pushed, econtext);
}

static TupleTableSlot *
exec_column_scan(CustomScanState *node)
{
	PlanState  *ps = &node->ss.ps;

	/* rows that are returned as they are need no more */
	if (ps->qual == NULL && ps->ps_ProjInfo == NULL &&
		ps->state->es_epq_active == NULL)
		return next_row(&node->ss);
	return ExecScan(&node->ss, next_row, recheck);
}

/*---- parallel scans ---- */

static Size
estimate_dsm(CustomScanState *node, ParallelContext *pcxt)
{
	return sizeof(ScanShared);
}

static void
initialize_dsm(CustomScanState *node, ParallelContext *pcxt, void *coordinate)
{
	ColumnScanState *scan = (ColumnScanState *) node;
	ScanShared *shared = coordinate;
	int			i;

	pg_atomic_init_u32(&shared->next_unit, 0);
	for (i = 0; i < SCAN_COUNTS; i++)
		pg_atomic_init_u64(&shared->counts[i], 0);
	shared->nblocks = RelationGetNumberOfBlocks(scan->rel);
	shared->rows_only = needs_rows(scan);
	scan->shared = shared;
}

static void
reinitialize_dsm(CustomScanState *node, ParallelContext *pcxt,
				 void *coordinate)
{
	ScanShared *shared = coordinate;

	pg_atomic_write_u32(&shared->next_unit, 0);
}

static void
initialize_worker(CustomScanState *node, shm_toc *toc, void *coordinate)
{
	((ColumnScanState *) node)->shared = coordinate;
}

/* The shared memory is about to go. */
static void
shutdown_column_scan(CustomScanState *node)
{
	ColumnScanState *scan = (ColumnScanState *) node;
	int			i;

	if (scan->shared == NULL)
		return;
	flush_counts(scan);
	for (i = 0; i < SCAN_COUNTS && !IsParallelWorker(); i++)
		scan->worker_counts[i] = pg_atomic_read_u64(&scan->shared->counts[i]);
}

/*---- */

const CustomExecMethods column_scan_exec_methods = {
	.CustomName = "OmendbScan",
	.BeginCustomScan = begin_column_scan,
	.ExecCustomScan = exec_column_scan,
	.EndCustomScan = end_column_scan,
	.ReScanCustomScan = rescan_column_scan,
	.EstimateDSMCustomScan = estimate_dsm,
	.InitializeDSMCustomScan = initialize_dsm,
	.ReInitializeDSMCustomScan = reinitialize_dsm,
	.InitializeWorkerCustomScan = initialize_worker,
	.ShutdownCustomScan = shutdown_column_scan,
	.ExplainCustomScan = explain_column_scan
};

/*
 * create_column_scan_state: the executor's state for a plan of ours.
 */
Node *
create_column_scan_state(CustomScan *cscan)
{
	ColumnScanState *scan = palloc0(sizeof(ColumnScanState));

	NodeSetTag(scan, T_CustomScanState);
	scan->css.methods = &column_scan_exec_methods;
	return (Node *) scan;
}
