/*-------------------------------------------------------------------------
 *
 * workerverify.c
 *	  omendb.verify: are the segments of a table what its rows are?
 *
 * Everything is read under the snapshot of the query.  Of the rows in the heap
 * that the snapshot sees, those that are marked do not count, whether they are
 * in a segment or not; the others must be in the segment, with the same values,
 * and the segment must not have more; except for those that it lists as too
 * large, which it must not have.  Scans do not look for rows where marks say that
 * they were removed, so the snapshot must not see any there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "table/table.h"
#include "worker/worker.h"

/* a column, one vector of which is decoded */
typedef struct VerifyColumn
{
	SegmentColumn *column;
	Form_pg_attribute att;
	int			vector;
	ColumnVector *decoded;
	Datum	   *values;
	bool	   *nulls;
	MemoryContext context;		/* of the values */
} VerifyColumn;

/* one segment being compared */
typedef struct Verify
{
	Relation	rel;
	Snapshot	snapshot;
	const Segment *segment;
	SegmentReader *reader;
	VerifyColumn *columns;
	int			ncolumns;
	BlockMarks *marks;
	int			nmarks;
	int			next_mark;
	int			next_large;		/* of the segment's own list */
	int64		nmarked;
	BlockNumber nblocks;		/* of the table */
	BufferAccessStrategy strategy;
	MemoryContext rowcontext;
	Datum	   *values;
	bool	   *nulls;
} Verify;

PG_FUNCTION_INFO_V1(omendb_verify);

pg_noreturn static void
report_row(Verify *v, BlockNumber block, OffsetNumber offset, AttrNumber attno,
		   const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("segment " INT64_FORMAT " of table \"%s\" does not agree with the table: %s",
					v->segment->id, RelationGetRelationName(v->rel), what),
			 attno == 0 ? errdetail("Row (%u,%u).", block, offset) :
			 errdetail("Row (%u,%u), column number %d.", block, offset, attno)));
}

/*---- columns ---- */

/* Opens what there is of the columns; one of another type is left out. */
static void
load_columns(Verify *v)
{
	TupleDesc	desc = RelationGetDescr(v->rel);
	int			i;

	v->columns = palloc0((desc->natts + 1) * sizeof(VerifyColumn));
	for (i = 0; i < desc->natts; i++)
	{
		VerifyColumn *c = &v->columns[v->ncolumns];

		if (TupleDescAttr(desc, i)->attisdropped ||
			segment_column(v->reader, i + 1, &c->column) != SEGMENT_COLUMN_STORED)
			continue;
		segment_load(v->reader, c->column, v->snapshot);
		c->att = TupleDescAttr(desc, i);
		c->vector = -1;
		c->decoded = palloc(sizeof(ColumnVector));
		c->values = palloc(COLUMN_VECTOR * sizeof(Datum));
		c->nulls = palloc(COLUMN_VECTOR * sizeof(bool));
		c->context = AllocSetContextCreate(CurrentMemoryContext,
										   "omendb vector",
										   ALLOCSET_DEFAULT_SIZES);
		v->ncolumns++;
	}
}

static void
compare_column(Verify *v, VerifyColumn *c, int row, HeapTuple tuple)
{
	int			vector = row / COLUMN_VECTOR;
	int			i = row % COLUMN_VECTOR;
	int			att = c->att->attnum - 1;

	if (c->vector != vector)
	{
		MemoryContextReset(c->context);
		segment_vector(v->reader, c->column, vector, c->decoded);
		segment_datums(v->reader, c->column, vector, c->decoded, NULL,
					   c->values, c->nulls, c->context);
		c->vector = vector;
	}
	if (c->nulls[i] != v->nulls[att] ||
		(!c->nulls[i] &&
		 !datum_image_eq(c->values[i], v->values[att], c->att->attbyval,
						 c->att->attlen)))
		report_row(v, ItemPointerGetBlockNumber(&tuple->t_self),
				   ItemPointerGetOffsetNumber(&tuple->t_self),
				   c->att->attnum, "values differ");
}

static void
compare_row(Verify *v, int row, HeapTuple tuple)
{
	MemoryContext old = MemoryContextSwitchTo(v->rowcontext);
	int			i;

	heap_deform_tuple(tuple, RelationGetDescr(v->rel), v->values, v->nulls);
	for (i = 0; i < v->ncolumns; i++)
		compare_column(v, &v->columns[i], row, tuple);
	MemoryContextSwitchTo(old);
	MemoryContextReset(v->rowcontext);
}

/*---- blocks ---- */

/*
 * Adds the offsets of a block from an ascending array; "at" goes on in it.
 * Returns whether they are of rows that were all removed.
 */
static bool
add_offsets(const BlockMarks *marks, int n, int *at, BlockNumber block,
			bool *offsets)
{
	int			i;

	while (*at < n && marks[*at].block < block)
		(*at)++;
	if (*at >= n || marks[*at].block != block)
		return false;
	for (i = FirstOffsetNumber; i <= MaxHeapTuplesPerPage; i++)
	{
		if (marks[*at].offsets[i / 64] & (UINT64CONST(1) << (i % 64)))
			offsets[i] = true;
	}
	return !marks[*at].placed;
}

/* No tuple that the snapshot sees is marked in a block where all were removed. */
static void
check_removed(Verify *v, BlockNumber block, HeapTupleData *tuples, int n,
			  const bool *marked)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		OffsetNumber off = ItemPointerGetOffsetNumber(&tuples[i].t_self);

		if (marked[off])
			report_row(v, block, off, 0, "it is marked as removed, and is visible");
	}
}

/*
 * Compares the rows of a block; the n tuples are those that the snapshot sees.
 */
static void
compare_tuples(Verify *v, BlockNumber block, HeapTupleData *tuples, int n,
			   const bool *marked, const bool *large)
{
	int			first;
	int			end;
	int			row;
	int			i = 0;

	end = segment_block_rows(v->reader, block, &first);
	end += first;
	row = first;
	while (i < n || row < end)
	{
		int			here = row < end ? segment_offset(v->reader, first, row) :
		PG_INT16_MAX;
		int			there = i < n ?
		ItemPointerGetOffsetNumber(&tuples[i].t_self) : PG_INT16_MAX;

		if (here < there)
		{
			if (!marked[here])
				report_row(v, block, here, 0, "it has a row that is not visible");
		}
		else if (here > there)
		{
			if (!marked[there] && !large[there])
				report_row(v, block, there, 0, "it lacks a row");
		}
		else if (large[here])
			report_row(v, block, here, 0, "it has a row that it says is too large");
		else if (!marked[here])
			compare_row(v, row, &tuples[i]);
		row += here <= there;
		i += there <= here;
	}
}

static void
compare_block(Verify *v, BlockNumber block)
{
	HeapTupleData tuples[MaxHeapTuplesPerPage];
	bool		marked[MaxHeapTuplesPerPage + 1] = {false};
	bool		large[MaxHeapTuplesPerPage + 1] = {false};
	Buffer		buffer = InvalidBuffer;
	bool		pending;
	bool		removed;
	int			n = 0;
	int			i;

	pending = mark_pending(v->rel, block, marked);
	removed = add_offsets(v->marks, v->nmarks, &v->next_mark, block, marked);
	add_offsets(v->reader->from_heap, v->reader->nfrom_heap, &v->next_large,
				block, large);
	for (i = FirstOffsetNumber; i <= MaxHeapTuplesPerPage; i++)
		v->nmarked += marked[i];
	if (block < v->nblocks)
	{
		buffer = ReadBufferExtended(v->rel, MAIN_FORKNUM, block, RBM_NORMAL,
									v->strategy);
		n = heap_visible_tuples(v->rel, v->snapshot, buffer, tuples);
	}
	if (removed && !pending)
		check_removed(v, block, tuples, n, marked);
	compare_tuples(v, block, tuples, n, marked, large);
	if (BufferIsValid(buffer))
		ReleaseBuffer(buffer);
}

/*---- segments ---- */

/* The pending marks are asked for block by block, but only this backend adds. */
static void
compare_segment(Verify *v)
{
	TupleDesc	desc = RelationGetDescr(v->rel);
	BlockNumber block;

	v->reader = segment_open(v->rel, v->segment);
	v->strategy = GetAccessStrategy(BAS_BULKREAD);
	v->rowcontext = AllocSetContextCreate(CurrentMemoryContext, "omendb row",
										  ALLOCSET_DEFAULT_SIZES);
	v->values = palloc((desc->natts + 1) * sizeof(Datum));
	v->nulls = palloc((desc->natts + 1) * sizeof(bool));
	v->marks = store_marks(v->rel, v->snapshot, v->segment->first,
						   v->segment->nblocks, &v->nmarks);
	v->nblocks = RelationGetNumberOfBlocks(v->rel);
	load_columns(v);
	for (block = v->segment->first;
		 block < v->segment->first + v->segment->nblocks; block++)
	{
		CHECK_FOR_INTERRUPTS();
		compare_block(v, block);
	}
	segment_close(v->reader);
	FreeAccessStrategy(v->strategy);
}

static void
verify_segment(Relation rel, const Segment *segment, ReturnSetInfo *result)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "omendb verify",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Verify		v = {0};
	Datum		values[5];
	bool		nulls[5] = {false};

	v.rel = rel;
	v.snapshot = GetActiveSnapshot();
	v.segment = segment;
	compare_segment(&v);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);

	values[0] = Int64GetDatum(segment->id);
	values[1] = Int64GetDatum((int64) segment->first);
	values[2] = Int64GetDatum((int64) segment->nblocks);
	values[3] = Int64GetDatum((int64) segment->nrows);
	values[4] = Int64GetDatum(v.nmarked);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * omendb.verify(table): compares every segment with the table; an error at the
 * first difference, else a row for each segment.
 */
Datum
omendb_verify(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Relation	rel = relation_open(PG_GETARG_OID(0), AccessShareLock);
	ListCell   *lc;

	worker_check_table(rel);
	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, store_segments(rel, GetActiveSnapshot()))
	{
		Segment    *segment = lfirst(lc);

		if (segment->valid)
			verify_segment(rel, segment, result);
	}
	relation_close(rel, AccessShareLock);
	return (Datum) 0;
}
