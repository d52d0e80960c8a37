/*-------------------------------------------------------------------------
 *
 * indexonlyexec.c
 *	  Takes entries of an alex index in groups out of PostgreSQL's own
 *	  index-only scan node, and hands them out as vectors.
 *
 * The node below is set up, rescanned and ended as always; only its rows are not
 * asked for one by one.
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
#define MAP_PINS		16
#define MAP_BLOCKS		(BLCKSZ * (BITS_PER_BYTE / BITS_PER_HEAPBLOCK))

/* a column that is handed out */
typedef struct KeyColumn
{
	int			number;			/* in the index, from 0 on */
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
	KeyColumn  *columns;
	int			ncolumns;
	int		   *by_attno;		/* index in columns, -1: not read */
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
	for (int i = 0; i < batch->ncolumns; i++)
		add_values(batch, &batch->columns[i], visible, n, batch->source.nrows);
	batch->source.nrows += nvisible;
	pgstat_count_index_tuples(scan->indexRelation, n);
	return n > 0;
}

/*---- the scan ---- */

/* As the node does it before its first row */
static void
begin_scan(IndexOnlyScanState *node)
{
	if (node->ioss_NumRuntimeKeys != 0 && !node->ioss_RuntimeKeysReady)
		ExecReScan(&node->ss.ps);
	if (node->ioss_ScanDesc != NULL)
		return;
	node->ioss_ScanDesc = OmenIndexBeginscan(node);
	node->ioss_ScanDesc->xs_want_itup = true;
	index_rescan(node->ioss_ScanDesc, node->ioss_ScanKeys,
				 node->ioss_NumScanKeys, node->ioss_OrderByKeys,
				 node->ioss_NumOrderByKeys);
}

static bool
fill_batch(IndexOnlyBatch *batch)
{
	VectorSource *source = &batch->source;
	MemoryContext old;

	MemoryContextReset(batch->context);
	for (int i = 0; i < batch->ncolumns; i++)
	{
		memset(batch->columns[i].nulls, 0, sizeof(batch->columns[i].nulls));
		batch->columns[i].has_nulls = false;
	}
	old = MemoryContextSwitchTo(batch->context);
	source->nrows = 0;
	while (!batch->ended && source->nrows <= COLUMN_VECTOR - ALEX_GROUP)
	{
		CHECK_FOR_INTERRUPTS();
		batch->ended = !add_group(batch);
	}
	MemoryContextSwitchTo(old);
	source->nselected = source->nrows;
	source->selected = batch->rows;
	source->batch = ++last_batch;
	return source->nrows > 0;
}

/*
 * index_only_next: the next rows of the scan, at least one; NULL if there are no
 * more.
 */
VectorSource *
index_only_next(IndexOnlyBatch *batch)
{
	PlanState  *ps = &batch->node->ss.ps;
	bool		found;

	if (ps->qual != NULL)
		elog(ERROR, "a scan of vectors has conditions on rows");
	if (ps->chgParam != NULL)
		ExecReScan(ps);
	if (ps->instrument)
		InstrStartNode(ps->instrument);
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

static void
add_column(IndexOnlyBatch *batch, AttrNumber attno)
{
	IndexOnlyScanState *node = batch->node;
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(node->ss.ss_currentRelation),
										  attno - 1);
	KeyColumn  *c = &batch->columns[batch->ncolumns];

	c->number = number_in_index(node->ioss_RelationDesc, attno);
	c->type = getBaseType(att->atttypid);
	c->typlen = att->attlen;
	c->typbyval = att->attbyval;
	c->datums = palloc0(COLUMN_VECTOR * sizeof(Datum));
	c->room = palloc0(COLUMN_VECTOR * sizeof(ColumnBytes));
	batch->by_attno[attno] = batch->ncolumns++;
}

/*
 * index_only_create: batches of a scan's rows with these columns of the table.
 */
IndexOnlyBatch *
index_only_create(IndexOnlyScanState *node, const Bitmapset *attnos)
{
	IndexOnlyBatch *batch = palloc0(sizeof(IndexOnlyBatch));
	int			natts = RelationGetDescr(node->ss.ss_currentRelation)->natts;
	int			attno = -1;

	batch->node = node;
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
	while ((attno = bms_next_member(attnos, attno)) >= 0)
		add_column(batch, attno);
	return batch;
}
