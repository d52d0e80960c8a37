/*-------------------------------------------------------------------------
 *
 * indexonlyexec.c
 *	  Takes entries of an alex index in groups out of PostgreSQL's own
 *	  index-only scan node, and hands them out as vectors.
 *
 * The nodes below are set up, rescanned and ended as always; only their rows are
 * not asked for one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "access/visibilitymap.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "executor/nodeIndexscan.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/predicate.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "alex/alex.h"
#include "indexonly/indexonly.h"

/*
 * Pages of the visibility map that are kept pinned, by what they are about.
 * Entries of a random key jump from one to the other.
 */
#define MAP_PINS		32
#define MAP_BLOCKS		(BLCKSZ * (BITS_PER_BYTE / BITS_PER_HEAPBLOCK))

/*
 * Outer rows of a loop that are taken at a time: the processor's cache has room
 * for what their keys lead to in the index.
 */
#define OUTER_ROWS		32

/* a column of the outer side's rows */
typedef struct OuterColumn
{
	AttrNumber	attno;
	int16		typlen;
	bool		typbyval;
	Datum		values[OUTER_ROWS];
	bool		nulls[OUTER_ROWS];
} OuterColumn;

/* the outer side of a loop */
typedef struct OuterRows
{
	PlanState  *plan;
	OuterColumn *columns;
	int			ncolumns;
	int			nparams;		/* keys of the inner side: */
	ParamExecData **params;
	int		   *param_columns;	/* and the columns that they come from */
	int			n;				/* rows that were taken */
	int			current;		/* the one that is looked up; n: none */
	bool		begun;			/* its scan has begun */
	bool		done;			/* the plan has no more */
	MemoryContext context;		/* of values */
} OuterRows;

/* a column that is handed out */
typedef struct KeyColumn
{
	int			number;			/* in the index, from 0 on; -1: the outer
								 * side's column */
	int			outer;			/* which one */
	Oid			type;			/* domains resolved */
	int16		typlen;
	bool		typbyval;
	Datum	   *datums;
	uint64		nulls[COLUMN_VECTOR / 64];
	bool		has_nulls;
	void	   *room;			/* for a vector's values, of any kind */

	uint64		made;			/* batch that these are of: */
	const Vector *result;		/* NULL: it has no form but Datums */
	Vector		vector;
	uint64		made_datums;	/* batch that this is of: */
	Vector		as_datums;
} KeyColumn;

struct IndexOnlyBatch
{
	VectorSource source;		/* must be first */
	IndexOnlyScanState *node;
	PlanState  *ps;				/* of the scan, or of the loop above it */
	OuterRows  *outer;			/* of the loop; NULL: there is none */
	KeyColumn  *columns;
	int			ncolumns;
	int		   *by_attno;		/* index in columns, -1: not read; of a loop
								 * the columns have numbers from 1 on */
	int			rows[COLUMN_VECTOR];	/* all of them */
	Buffer		map[MAP_PINS];
	MemoryContext context;		/* of the batch's values */
	bool		ended;
};

/* numbers of batches of this process */
static uint64 last_batch = 0;

/*---- columns ---- */

static KeyColumn *
key_column(VectorSource *source, AttrNumber attno)
{
	IndexOnlyBatch *batch = (IndexOnlyBatch *) source;
	int			i = batch->by_attno[attno];

	if (i < 0)
		elog(ERROR, "column %d is not read from the index", attno);
	return &batch->columns[i];
}

static void
set_nulls(Vector *v, const KeyColumn *c)
{
	v->has_nulls = c->has_nulls;
	memcpy(v->nulls, c->nulls, sizeof(v->nulls));
}

static const Vector *
source_datums(VectorSource *source, AttrNumber attno)
{
	KeyColumn  *c = key_column(source, attno);

	if (c->made_datums != source->batch)
	{
		set_nulls(&c->as_datums, c);
		c->as_datums.kind = VECTOR_DATUM;
		c->as_datums.type = c->type;
		c->as_datums.datums = c->datums;
		c->made_datums = source->batch;
	}
	return &c->as_datums;
}

static const Vector *
source_column(VectorSource *source, AttrNumber attno)
{
	IndexOnlyBatch *batch = (IndexOnlyBatch *) source;
	KeyColumn  *c = key_column(source, attno);
	MemoryContext old;

	if (c->made == source->batch)
		return c->result;
	c->made = source->batch;
	c->result = NULL;
	if (vector_kind(c->type) == VECTOR_DATUM)
		return NULL;
	set_nulls(&c->vector, c);
	old = MemoryContextSwitchTo(batch->context);
	vector_from_datums(&c->vector, c->type, c->datums, batch->rows,
					   source->nrows, c->room);
	MemoryContextSwitchTo(old);
	if (c->vector.kind != VECTOR_DATUM)
		c->result = &c->vector;
	return c->result;
}

/*---- entries ---- */

/*
 * Can the snapshot see the row of an entry?  As in an index-only scan, the map
 * is asked first, after the entry was read and while its leaf is pinned.
 */
static bool
is_visible(IndexOnlyBatch *batch, int entry, const ItemPointerData *tid)
{
	IndexOnlyScanState *node = batch->node;
	IndexScanDesc scan = node->ioss_ScanDesc;
	Relation	table = scan->heapRelation;
	BlockNumber block = ItemPointerGetBlockNumber(tid);

	if (VM_ALL_VISIBLE(table, block, &batch->map[block / MAP_BLOCKS % MAP_PINS]))
	{
		PredicateLockPage(table, block, scan->xs_snapshot);
		return true;
	}
	InstrCountTuples2(node, 1);
	scan->xs_heaptid = *tid;
	scan->xs_heap_continue = false;
	if (!index_fetch_heap(scan, node->ioss_TableSlot))
	{
		if (scan->kill_prior_tuple)
			alex_group_kill(scan, entry);
		scan->kill_prior_tuple = false;
		return false;
	}
	ExecClearTuple(node->ioss_TableSlot);
	if (scan->xs_heap_continue)
		elog(ERROR, "non-MVCC snapshots are not supported in index-only scans");
	return true;
}

/* Adds a column of those entries of the scan's group that are visible. */
static void
add_values(IndexOnlyBatch *batch, KeyColumn *c, const uint8 *visible, int n,
		   int row)
{
	Datum		values[ALEX_GROUP];
	bool		isnull[ALEX_GROUP];

	alex_group_values(batch->node->ioss_ScanDesc, c->number, values, isnull);
	for (int i = 0; i < n; i++)
	{
		if (!visible[i])
			continue;
		if (isnull[i])
		{
			c->nulls[row / 64] |= UINT64CONST(1) << (row % 64);
			c->has_nulls = true;
			c->datums[row++] = (Datum) 0;
		}
		else
			c->datums[row++] = c->typbyval ? values[i] :
				datumCopy(values[i], false, c->typlen);
	}
}

/* Adds a column of the outer row, n times. */
static void
repeat_value(IndexOnlyBatch *batch, KeyColumn *c, int n, int row)
{
	const OuterRows *outer = batch->outer;
	const OuterColumn *from = &outer->columns[c->outer];
	bool		isnull = from->nulls[outer->current];
	Datum		value = from->values[outer->current];

	if (!isnull && !c->typbyval)
		value = datumCopy(value, false, c->typlen);
	for (int i = row; i < row + n; i++)
	{
		c->datums[i] = value;
		if (isnull)
			c->nulls[i / 64] |= UINT64CONST(1) << (i % 64);
	}
	c->has_nulls |= isnull;
}

/* Adds the columns of those entries of the scan's group that are visible. */
static void
add_columns(IndexOnlyBatch *batch, const uint8 *visible, int n, int nvisible)
{
	MemoryContext old = MemoryContextSwitchTo(batch->context);

	for (int i = 0; i < batch->ncolumns; i++)
	{
		KeyColumn  *c = &batch->columns[i];

		if (c->number >= 0)
			add_values(batch, c, visible, n, batch->source.nrows);
		else
			repeat_value(batch, c, nvisible, batch->source.nrows);
	}
	MemoryContextSwitchTo(old);
}

/* Adds the scan's next group to the batch; false at the end of the scan. */
static bool
add_group(IndexOnlyBatch *batch)
{
	IndexScanDesc scan = batch->node->ioss_ScanDesc;
	const ItemPointerData *tids;
	uint8		visible[ALEX_GROUP];
	int			n = alex_next_group(scan, &tids);
	int			nvisible = 0;

	for (int i = 0; i < n; i++)
	{
		visible[i] = is_visible(batch, i, &tids[i]);
		nvisible += visible[i];
	}
	if (nvisible > 0)
		add_columns(batch, visible, n, nvisible);
	batch->source.nrows += nvisible;
	pgstat_count_index_tuples(scan->indexRelation, n);
	return n > 0;
}

/*---- the scan ---- */

static void
open_index(IndexOnlyScanState *node)
{
	node->ioss_ScanDesc = OmenIndexBeginscan(node);
	node->ioss_ScanDesc->xs_want_itup = true;
}

/* As the node does it before its first row */
static void
begin_scan(IndexOnlyScanState *node)
{
	if (node->ioss_NumRuntimeKeys != 0 && !node->ioss_RuntimeKeysReady)
		ExecReScan(&node->ss.ps);
	if (node->ioss_ScanDesc != NULL)
		return;
	open_index(node);
	index_rescan(node->ioss_ScanDesc, node->ioss_ScanKeys,
				 node->ioss_NumScanKeys, NULL, 0);
}

/* Begins to look up the keys of an outer row. */
static void
begin_probe(IndexOnlyBatch *batch, int row)
{
	IndexOnlyScanState *node = batch->node;
	OuterRows  *outer = batch->outer;

	for (int i = 0; i < outer->nparams; i++)
	{
		const OuterColumn *c = &outer->columns[outer->param_columns[i]];

		outer->params[i]->value = c->values[row];
		outer->params[i]->isnull = c->nulls[row];
	}
	ResetExprContext(node->ioss_RuntimeContext);
	ExecIndexEvalRuntimeKeys(node->ioss_RuntimeContext, node->ioss_RuntimeKeys,
							 node->ioss_NumRuntimeKeys);
	node->ioss_RuntimeKeysReady = true;
	index_rescan(node->ioss_ScanDesc, node->ioss_ScanKeys,
				 node->ioss_NumScanKeys, NULL, 0);
}

static void
store_outer(OuterRows *outer, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(outer->context);

	for (int i = 0; i < outer->ncolumns; i++)
	{
		OuterColumn *c = &outer->columns[i];
		bool	   *isnull = &c->nulls[outer->n];
		Datum		value = slot_getattr(slot, c->attno, isnull);

		c->values[outer->n] = *isnull ? (Datum) 0 : c->typbyval ? value :
			datumCopy(value, false, c->typlen);
	}
	outer->n++;
	MemoryContextSwitchTo(old);
}

/*
 * Takes the next outer rows, and asks for the leaves that they lead to; false if
 * there are no more.
 */
static bool
take_outer(IndexOnlyBatch *batch)
{
	OuterRows  *outer = batch->outer;

	MemoryContextReset(outer->context);
	outer->n = outer->current = 0;
	outer->begun = false;
	while (outer->n < OUTER_ROWS && !outer->done)
	{
		TupleTableSlot *slot = ExecProcNode(outer->plan);

		if (TupIsNull(slot))
			outer->done = true;
		else
			store_outer(outer, slot);
	}
	if (batch->node->ioss_ScanDesc == NULL)
		open_index(batch->node);
	batch->node->ss.ps.chgParam = NULL;
	for (int i = 0; i < outer->n && outer->n > 1; i++)
	{
		begin_probe(batch, i);
		alex_fetch_start(batch->node->ioss_ScanDesc);
	}
	return outer->n > 0;
}

/* Adds what the current outer row finds, as much as there is room for. */
static void
add_matches(IndexOnlyBatch *batch)
{
	OuterRows  *outer = batch->outer;
	Instrumentation *instrument = batch->node->ss.ps.instrument;
	int			before = batch->source.nrows;
	bool		more = true;

	if (!outer->begun)
	{
		if (instrument)
			InstrEndLoop(instrument);
		begin_probe(batch, outer->current);
		outer->begun = true;
	}
	if (instrument)
		InstrStartNode(instrument);
	while (more && batch->source.nrows <= COLUMN_VECTOR - ALEX_GROUP)
		more = add_group(batch);
	if (instrument)
		InstrStopNode(instrument, batch->source.nrows - before);
	if (!more)
	{
		outer->current++;
		outer->begun = false;
	}
}

static bool
fill_batch(IndexOnlyBatch *batch)
{
	VectorSource *source = &batch->source;

	MemoryContextReset(batch->context);
	for (int i = 0; i < batch->ncolumns; i++)
	{
		memset(batch->columns[i].nulls, 0, sizeof(batch->columns[i].nulls));
		batch->columns[i].has_nulls = false;
	}
	source->nrows = 0;
	while (!batch->ended && source->nrows <= COLUMN_VECTOR - ALEX_GROUP)
	{
		CHECK_FOR_INTERRUPTS();
		if (batch->outer == NULL)
			batch->ended = !add_group(batch);
		else if (batch->outer->current < batch->outer->n || take_outer(batch))
			add_matches(batch);
		else
			batch->ended = true;
	}
	source->nselected = source->nrows;
	source->selected = batch->rows;
	source->batch = ++last_batch;
	return source->nrows > 0;
}

/*
 * index_only_next: the next rows of the scan or the loop, at least one; NULL if
 * there are no more.
 */
VectorSource *
index_only_next(IndexOnlyBatch *batch)
{
	PlanState  *ps = batch->ps;
	bool		found;

	if (ps->chgParam != NULL)
		ExecReScan(ps);
	if (ps->instrument)
		InstrStartNode(ps->instrument);
	if (batch->outer == NULL)
		begin_scan(batch->node);
	found = fill_batch(batch);
	if (ps->instrument)
		InstrStopNode(ps->instrument, found ? batch->source.nrows : 0);
	return found ? &batch->source : NULL;
}

/*
 * index_only_release: gives up what is pinned, at the end or before the node is
 * read again.
 */
void
index_only_release(IndexOnlyBatch *batch)
{
	for (int i = 0; i < MAP_PINS; i++)
	{
		if (BufferIsValid(batch->map[i]))
			ReleaseBuffer(batch->map[i]);
		batch->map[i] = InvalidBuffer;
	}
	batch->ended = false;
	if (batch->outer != NULL)
	{
		batch->outer->n = batch->outer->current = 0;
		batch->outer->done = false;
	}
}

/*---- start ---- */

/* Where the index has a column of the table */
static int
number_in_index(Relation index, AttrNumber attno)
{
	for (int i = 0; i < index->rd_index->indnatts; i++)
	{
		if (index->rd_index->indkey.values[i] == attno)
			return i;
	}
	elog(ERROR, "index \"%s\" does not have column %d",
		 RelationGetRelationName(index), attno);
}

/* A column of the index, or, with number -1, of the outer side */
static void
add_column(IndexOnlyBatch *batch, AttrNumber attno, int number,
		   int outer, Oid type)
{
	KeyColumn  *c = &batch->columns[batch->ncolumns];

	c->number = number;
	c->outer = outer;
	c->type = getBaseType(type);
	get_typlenbyval(type, &c->typlen, &c->typbyval);
	c->datums = palloc0(COLUMN_VECTOR * sizeof(Datum));
	c->room = palloc0(COLUMN_VECTOR * sizeof(ColumnBytes));
	batch->by_attno[attno] = batch->ncolumns++;
}

static IndexOnlyBatch *
make_batch(IndexOnlyScanState *node, int natts)
{
	IndexOnlyBatch *batch = palloc0(sizeof(IndexOnlyBatch));

	if (node->ss.ps.qual != NULL)
		elog(ERROR, "a scan of vectors has conditions on rows");
	batch->node = node;
	batch->ps = &node->ss.ps;
	batch->source.column = source_column;
	batch->source.datums = source_datums;
	batch->columns = palloc0((natts + 1) * sizeof(KeyColumn));
	batch->by_attno = palloc((natts + 1) * sizeof(int));
	for (int i = 0; i <= natts; i++)
		batch->by_attno[i] = -1;
	for (int i = 0; i < COLUMN_VECTOR; i++)
		batch->rows[i] = i;
	batch->context = AllocSetContextCreate(CurrentMemoryContext,
										   "omendb index entries",
										   ALLOCSET_DEFAULT_SIZES);
	return batch;
}

/*
 * index_only_create: batches of a scan's rows with these columns of the table.
 */
IndexOnlyBatch *
index_only_create(IndexOnlyScanState *node, const Bitmapset *attnos)
{
	TupleDesc	desc = RelationGetDescr(node->ss.ss_currentRelation);
	IndexOnlyBatch *batch = make_batch(node, desc->natts);
	int			attno = -1;

	while ((attno = bms_next_member(attnos, attno)) >= 0)
		add_column(batch, attno,
				   number_in_index(node->ioss_RelationDesc, attno), 0,
				   TupleDescAttr(desc, attno - 1)->atttypid);
	return batch;
}

/* The number of an outer column, which is added if it is not there. */
static int
outer_column(OuterRows *outer, const Var *var)
{
	OuterColumn *c;

	for (int i = 0; i < outer->ncolumns; i++)
	{
		if (outer->columns[i].attno == var->varattno)
			return i;
	}
	c = &outer->columns[outer->ncolumns++];
	c->attno = var->varattno;
	get_typlenbyval(var->vartype, &c->typlen, &c->typbyval);
	return outer->ncolumns - 1;
}

/* The outer side, with the columns that are keys of the inner one */
static OuterRows *
make_outer(NestLoopState *loop)
{
	const List *params = ((NestLoop *) loop->js.ps.plan)->nestParams;
	OuterRows  *outer = palloc0(sizeof(OuterRows));
	ListCell   *lc;

	outer->plan = outerPlanState(loop);
	outer->columns = palloc((list_length(params) + 1 +
							 list_length(loop->js.ps.plan->targetlist)) *
							sizeof(OuterColumn));
	outer->params = palloc((list_length(params) + 1) * sizeof(ParamExecData *));
	outer->param_columns = palloc((list_length(params) + 1) * sizeof(int));
	outer->context = AllocSetContextCreate(CurrentMemoryContext,
										   "omendb outer rows",
										   ALLOCSET_DEFAULT_SIZES);
	foreach(lc, params)
	{
		const NestLoopParam *param = lfirst_node(NestLoopParam, lc);

		outer->params[outer->nparams] =
			&loop->js.ps.ps_ExprContext->ecxt_param_exec_vals[param->paramno];
		outer->param_columns[outer->nparams++] = outer_column(outer,
															  param->paramval);
	}
	return outer;
}

/* The column of a plan's rows that the n-th entry of a list is */
static const Var *
nth_column(const List *tlist, int n, int varno)
{
	const Var  *var = (const Var *) list_nth_node(TargetEntry, tlist, n)->expr;

	if (!IsA(var, Var) || (varno != 0 && var->varno != varno))
		elog(ERROR, "unexpected expression in a join of vectors");
	return var;
}

/*
 * index_only_create_loop: batches of the rows of a nested loop with all of its
 * columns, which have numbers from 1 on.  Its inner side is an index-only scan.
 */
IndexOnlyBatch *
index_only_create_loop(NestLoopState *loop)
{
	const List *tlist = loop->js.ps.plan->targetlist;
	PlanState  *inner = innerPlanState(loop);
	IndexOnlyBatch *batch;

	if (!IsA(inner, IndexOnlyScanState) || loop->js.joinqual != NULL ||
		loop->js.ps.qual != NULL)
		elog(ERROR, "a join of vectors has nothing below it that returns them");
	batch = make_batch((IndexOnlyScanState *) inner, list_length(tlist));
	batch->ps = &loop->js.ps;
	batch->outer = make_outer(loop);
	for (int i = 0; i < list_length(tlist); i++)
	{
		const Var  *var = nth_column(tlist, i, 0);

		if (var->varno == OUTER_VAR)
			add_column(batch, i + 1, -1, outer_column(batch->outer, var),
					   var->vartype);
		else
			add_column(batch, i + 1,
					   nth_column(inner->plan->targetlist, var->varattno - 1,
								  INDEX_VAR)->varattno - 1,
					   0, var->vartype);
	}
	return batch;
}
