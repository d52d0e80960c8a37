/*-------------------------------------------------------------------------
 *
 * columnstore.c
 *	  The internal relations that hold segments and change marks.
 *
 * They are materialized views, which no publication and no statement can
 * write to; their rows come and go by the functions here, as ordinary heap
 * tuples with index entries.  So WAL, standbys, backups and MVCC are the
 * server's own.  Rows are inserted without the copy that logical decoding
 * would need, and pg_class.relrewrite tells it to skip the deletions, too.
 *
 * Rows are keyed by a table's oid and filenode: a rewritten or truncated table
 * has none, until it is compacted again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "column/column.h"

#define STORE_SCHEMA		"omendb"
#define STORE_SEQUENCE		"segment_id"

/* bytes of a chunk: with the other columns they fill a page */
#define STORE_CHUNK_BYTES	8000

#define STORE_MAX_COLUMNS	8

/* so many blocks for a mark are few */
#define MARKS_DENSE		8

/* columns of omendb.segment */
#define SEGMENT_ID			1
#define SEGMENT_RELID		2
#define SEGMENT_FILENODE	3
#define SEGMENT_FIRST		4
#define SEGMENT_NBLOCKS		5
#define SEGMENT_VALID		6
#define SEGMENT_NROWS		7
#define SEGMENT_LAYOUT		8

/* columns of omendb.chunk */
#define CHUNK_SEGMENT		1
#define CHUNK_ATTNO			2
#define CHUNK_SEQ			3
#define CHUNK_DATA			4

/* columns of omendb.mark */
#define MARK_RELID			1
#define MARK_FILENODE		2
#define MARK_PART			3
#define MARK_FIRST			4
#define MARK_NBLOCKS		5
#define MARK_OFFSETS		6

/* columns of omendb.compaction */
#define COMPACTION_RELID	1
#define COMPACTION_ENABLED	2
#define COMPACTION_LAST_RUN	3
#define COMPACTION_RUNS		4
#define COMPACTION_ERROR	5

static const char *const store_names[STORE_RELATIONS] = {
	"segment", "chunk", "mark", "compaction"
};

/* oids of this database's store; the first is invalid: not looked up yet */
static Oid	store_oids[STORE_RELATIONS];

/* one of the relations, open for writing */
struct StoreWriter
{
	Relation	rel;
	CatalogIndexState indexes;
	BulkInsertState bulk;
};

/* one of the relations, being read */
typedef struct StoreScan
{
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;			/* the current one */
} StoreScan;

static ProcessUtility_hook_type prev_ProcessUtility = NULL;
static object_access_hook_type prev_object_access = NULL;

PG_FUNCTION_INFO_V1(omendb_store_protect);

/*---- which relations ---- */

static void
relcache_callback(Datum arg, Oid relid)
{
	int			i;

	for (i = 0; i < STORE_RELATIONS; i++)
	{
		if (!OidIsValid(relid) || store_oids[i] == relid)
			store_oids[0] = InvalidOid;
	}
}

/*
 * store_exists: has this database the store?  What merely has its names does
 * not count: anybody may have made that.
 */
bool
store_exists(void)
{
	Oid			oids[STORE_RELATIONS];
	Oid			schema;
	Oid			extension;
	int			i;

	if (OidIsValid(store_oids[0]))
		return true;
	schema = get_namespace_oid(STORE_SCHEMA, true);
	if (!OidIsValid(schema))
		return false;
	extension = get_extension_oid("omendb", true);
	if (!OidIsValid(extension))
		return false;
	for (i = 0; i < STORE_RELATIONS; i++)
	{
		oids[i] = get_relname_relid(store_names[i], schema);
		if (!OidIsValid(oids[i]) ||
			getExtensionOfObject(RelationRelationId, oids[i]) != extension)
			return false;
	}
	memcpy(store_oids, oids, sizeof(oids));
	return true;
}

/*
 * store_relation: the oid of one of the store's relations; an error if the
 * database has no store.
 */
Oid
store_relation(StoreRelation which)
{
	if (!store_exists())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension omendb is not installed in this database"),
				 errhint("Run CREATE EXTENSION omendb.")));
	return store_oids[which];
}

static bool
is_store_relation(Oid relid)
{
	int			i;

	for (i = 0; OidIsValid(relid) && store_exists() && i < STORE_RELATIONS; i++)
	{
		if (store_oids[i] == relid)
			return true;
	}
	return false;
}

static Oid
filenode_of(Relation rel)
{
	return (Oid) OmenRelNumber(OmenRelLocator(rel));
}

/*---- reading ---- */

/* An index that can be searched; there is one, but in odd moments. */
static Oid
usable_index(Relation rel)
{
	List	   *indexes = RelationGetIndexList(rel);
	Oid			result = InvalidOid;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (index->rd_index->indisvalid)
			result = lfirst_oid(lc);
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return result;
}

/*
 * Starts reading the rows that the keys select; snapshot NULL: those that are
 * committed now, and our own.
 */
static void
begin_scan(StoreScan *s, StoreRelation which, Snapshot snapshot,
		   int nkeys, ScanKey keys)
{
	Oid			index;

	s->rel = table_open(store_relation(which), AccessShareLock);
	index = usable_index(s->rel);
	s->scan = systable_beginscan(s->rel, index, OidIsValid(index), snapshot,
								 nkeys, keys);
}

static bool
next_row(StoreScan *s)
{
	s->tuple = systable_getnext(s->scan);
	return HeapTupleIsValid(s->tuple);
}

static Datum
get_column(StoreScan *s, AttrNumber attno)
{
	bool		isnull;
	Datum		value = heap_getattr(s->tuple, attno, RelationGetDescr(s->rel),
									 &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("column %d of a row of \"%s\" is null",
						attno, RelationGetRelationName(s->rel))));
	return value;
}

static void
end_scan(StoreScan *s)
{
	systable_endscan(s->scan);
	table_close(s->rel, AccessShareLock);
}

static int64
count_rows(StoreRelation which, Snapshot snapshot, int nkeys, ScanKey keys)
{
	StoreScan	s;
	int64		n = 0;

	begin_scan(&s, which, snapshot, nkeys, keys);
	while (next_row(&s))
		n++;
	end_scan(&s);
	return n;
}

/*---- writing ---- */

static void
begin_write(StoreWriter *w, StoreRelation which)
{
	w->rel = table_open(store_relation(which), RowExclusiveLock);
	w->indexes = CatalogOpenIndexes(w->rel);
	w->bulk = NULL;
}

static void
insert_into_indexes(StoreWriter *w, HeapTuple tuple)
{
	TupleDesc	desc = RelationGetDescr(w->rel);
	int			i;

	for (i = 0; i < w->indexes->ri_NumIndices; i++)
	{
		Relation	index = w->indexes->ri_IndexRelationDescs[i];
		IndexInfo  *info = w->indexes->ri_IndexRelationInfo[i];
		Datum		values[INDEX_MAX_KEYS];
		bool		nulls[INDEX_MAX_KEYS];
		int			k;

		if (!info->ii_ReadyForInserts)
			continue;
		for (k = 0; k < info->ii_NumIndexAttrs; k++)
			values[k] = heap_getattr(tuple, info->ii_IndexAttrNumbers[k],
									 desc, &nulls[k]);
		index_insert(index, values, nulls, &tuple->t_self, w->rel,
					 index->rd_index->indisunique ?
					 UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
	}
}

/*
 * Inserts a row without nulls.  It is given the transaction's first command,
 * so that every snapshot of the transaction sees it that can see anything that
 * the transaction did.
 */
static void
insert_row(StoreWriter *w, Datum *values)
{
	bool		nulls[STORE_MAX_COLUMNS] = {false};
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(w->rel), values,
										nulls);

	(void) GetCurrentCommandId(true);
	heap_insert(w->rel, tuple, FirstCommandId, HEAP_INSERT_NO_LOGICAL,
				w->bulk);
	insert_into_indexes(w, tuple);
	heap_freetuple(tuple);
}

/* The lock stays: REINDEX CONCURRENTLY waits for transactions that have it. */
static void
end_write(StoreWriter *w)
{
	if (w->bulk != NULL)
		FreeBulkInsertState(w->bulk);
	CatalogCloseIndexes(w->indexes);
	table_close(w->rel, NoLock);
}

/* Deletes what a scan of the snapshot finds; the number of rows */
static int64
delete_rows(StoreRelation which, Snapshot snapshot, int nkeys, ScanKey keys)
{
	Relation	rel = table_open(store_relation(which), RowExclusiveLock);
	StoreScan	s;
	int64		n = 0;

	begin_scan(&s, which, snapshot, nkeys, keys);
	while (next_row(&s))
	{
		CHECK_FOR_INTERRUPTS();
		simple_heap_delete(rel, &s.tuple->t_self);
		n++;
	}
	end_scan(&s);
	table_close(rel, NoLock);
	return n;
}

/*---- the directory ---- */

/* The keys that select a table's rows; 2 of them */
static void
table_keys(ScanKey keys, AttrNumber relidatt, Relation rel)
{
	ScanKeyInit(&keys[0], relidatt, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationGetRelid(rel)));
	ScanKeyInit(&keys[1], relidatt + 1, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(filenode_of(rel)));
}

static void
check_range(StoreScan *s, int64 first, int32 nblocks)
{
	if (first < 0 || nblocks <= 0 || first + nblocks > InvalidBlockNumber)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a row of \"%s\" has an impossible range of blocks",
						RelationGetRelationName(s->rel))));
}

static int
compare_ranges(const void *a, const void *b)
{
	const BlockRange *l = a;
	const BlockRange *r = b;

	return l->first < r->first ? -1 : l->first > r->first ? 1 : 0;
}

/* Sorts ranges and joins those that touch; the number that remain */
static int
join_ranges(BlockRange *ranges, int n)
{
	int			kept = 0;
	int			i;

	qsort(ranges, n, sizeof(BlockRange), compare_ranges);
	for (i = 0; i < n; i++)
	{
		if (kept > 0 && ranges[i].first <= ranges[kept - 1].end)
			ranges[kept - 1].end = Max(ranges[kept - 1].end, ranges[i].end);
		else
			ranges[kept++] = ranges[i];
	}
	return kept;
}

/*
 * store_coverage: the blocks of a table that segments cover as of now, those
 * that are being built included: ascending ranges that do not touch, allocated
 * in the current memory context.  NULL when there are none.
 */
BlockRange *
store_coverage(Relation rel, int *nranges)
{
	BlockRange *ranges = NULL;
	ScanKeyData keys[2];
	StoreScan	s;
	int			n = 0;

	*nranges = 0;
	if (!store_exists())
		return NULL;
	table_keys(keys, SEGMENT_RELID, rel);
	begin_scan(&s, STORE_SEGMENT, NULL, 2, keys);
	while (next_row(&s))
	{
		int64		first = DatumGetInt64(get_column(&s, SEGMENT_FIRST));
		int32		nblocks = DatumGetInt32(get_column(&s, SEGMENT_NBLOCKS));

		check_range(&s, first, nblocks);
		if (ranges == NULL)
			ranges = palloc(8 * sizeof(BlockRange));
		else if (n >= 8 && (n & (n - 1)) == 0)
			ranges = repalloc_huge(ranges, 2 * n * sizeof(BlockRange));
		ranges[n].first = (BlockNumber) first;
		ranges[n].end = (BlockNumber) (first + nblocks);
		n++;
	}
	end_scan(&s);

	*nranges = join_ranges(ranges, n);
	return ranges;
}

static Segment *
get_segment(StoreScan *s, bool layout)
{
	Segment    *segment = palloc(sizeof(Segment));
	int64		first = DatumGetInt64(get_column(s, SEGMENT_FIRST));
	int32		nblocks = DatumGetInt32(get_column(s, SEGMENT_NBLOCKS));
	int64		nrows = DatumGetInt64(get_column(s, SEGMENT_NROWS));

	check_range(s, first, nblocks);
	if (nrows < 0 || nrows > COLUMN_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a row of \"%s\" has an impossible number of rows",
						RelationGetRelationName(s->rel))));
	segment->id = DatumGetInt64(get_column(s, SEGMENT_ID));
	segment->filenode = DatumGetObjectId(get_column(s, SEGMENT_FILENODE));
	segment->first = (BlockNumber) first;
	segment->nblocks = (BlockNumber) nblocks;
	segment->valid = DatumGetBool(get_column(s, SEGMENT_VALID));
	segment->nrows = (int) nrows;
	segment->layout = (Datum) 0;
	if (layout)
		segment->layout = PointerGetDatum(DatumGetByteaPCopy(get_column(s, SEGMENT_LAYOUT)));
	return segment;
}

static int
compare_segments(const ListCell *a, const ListCell *b)
{
	const Segment *l = lfirst(a);
	const Segment *r = lfirst(b);

	if (l->first != r->first)
		return l->first < r->first ? -1 : 1;
	return l->id < r->id ? -1 : l->id > r->id ? 1 : 0;
}

/*
 * store_directory: the segments of a table that a snapshot sees (NULL: now), in
 * the order of their blocks, those being built included; on request without
 * their layouts.
 */
List *
store_directory(Relation rel, Snapshot snapshot, bool layouts)
{
	ScanKeyData keys[2];
	StoreScan	s;
	List	   *result = NIL;

	if (!store_exists())
		return NIL;
	table_keys(keys, SEGMENT_RELID, rel);
	begin_scan(&s, STORE_SEGMENT, snapshot, 2, keys);
	while (next_row(&s))
		result = lappend(result, get_segment(&s, layouts));
	end_scan(&s);
	list_sort(result, compare_segments);
	return result;
}

/*
 * store_segments: the same with layouts.
 */
List *
store_segments(Relation rel, Snapshot snapshot)
{
	return store_directory(rel, snapshot, true);
}

/*
 * store_next_id: the identity of a new segment.
 */
int64
store_next_id(void)
{
	Oid			schema = get_namespace_oid(STORE_SCHEMA, false);
	Oid			sequence = get_relname_relid(STORE_SEQUENCE, schema);

	if (!OidIsValid(sequence))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("sequence \"%s.%s\" does not exist", STORE_SCHEMA,
						STORE_SEQUENCE)));
	return nextval_internal(sequence, false);
}

/*
 * store_add_segment: puts a row into the directory; the segment's filenode is
 * the table's.
 */
void
store_add_segment(Relation rel, const Segment *segment)
{
	Datum		values[STORE_MAX_COLUMNS];
	StoreWriter w;

	values[SEGMENT_ID - 1] = Int64GetDatum(segment->id);
	values[SEGMENT_RELID - 1] = ObjectIdGetDatum(RelationGetRelid(rel));
	values[SEGMENT_FILENODE - 1] = ObjectIdGetDatum(filenode_of(rel));
	values[SEGMENT_FIRST - 1] = Int64GetDatum((int64) segment->first);
	values[SEGMENT_NBLOCKS - 1] = Int32GetDatum((int32) segment->nblocks);
	values[SEGMENT_VALID - 1] = BoolGetDatum(segment->valid);
	values[SEGMENT_NROWS - 1] = Int64GetDatum((int64) segment->nrows);
	values[SEGMENT_LAYOUT - 1] = segment->layout;

	begin_write(&w, STORE_SEGMENT);
	insert_row(&w, values);
	end_write(&w);
}

/* The keys that select a row of the directory; 4 of them */
static void
segment_keys(ScanKey keys, Relation rel, BlockNumber first, int64 id)
{
	table_keys(keys, SEGMENT_RELID, rel);
	ScanKeyInit(&keys[2], SEGMENT_FIRST, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum((int64) first));
	ScanKeyInit(&keys[3], SEGMENT_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(id));
}

/*
 * store_has_segment: has the directory this row now, valid or not?
 */
bool
store_has_segment(Relation rel, BlockNumber first, int64 id)
{
	ScanKeyData keys[4];

	segment_keys(keys, rel, first, id);
	return count_rows(STORE_SEGMENT, NULL, 4, keys) > 0;
}

/*
 * store_drop_segment: takes a row out of the directory.  Its columns stay.
 */
void
store_drop_segment(Relation rel, const Segment *segment)
{
	ScanKeyData keys[4];

	segment_keys(keys, rel, segment->first, segment->id);
	delete_rows(STORE_SEGMENT, NULL, 4, keys);
}

/*---- columns ---- */

/*
 * segment_corrupted: raises ERRCODE_DATA_CORRUPTED for a segment of rel; attno
 * zero: for no column in particular.
 */
void
segment_corrupted(Relation rel, const Segment *segment, AttrNumber attno,
				  const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("segment " INT64_FORMAT " of table \"%s\" is corrupted: %s",
					segment->id, RelationGetRelationName(rel), what),
			 attno != 0 ? errdetail("Column number %d.", attno) : 0,
			 errhint("SET omendb.columnar_scan = off reads the rows, which are not affected. omendb.disable and omendb.enable drop the segments of the table.")));
}

/*
 * store_write_blob: keeps the bytes of a column of a segment.
 */
void
store_write_blob(int64 segid, AttrNumber attno, const char *blob,
				 uint32 nbytes)
{
	Datum		values[STORE_MAX_COLUMNS];
	bytea	   *data = palloc(VARHDRSZ + STORE_CHUNK_BYTES);
	StoreWriter w;
	uint32		done;
	int32		seq = 0;

	begin_write(&w, STORE_CHUNK);
	w.bulk = GetBulkInsertState();
	values[CHUNK_SEGMENT - 1] = Int64GetDatum(segid);
	values[CHUNK_ATTNO - 1] = Int16GetDatum(attno);
	values[CHUNK_DATA - 1] = PointerGetDatum(data);
	for (done = 0; done < nbytes; done += STORE_CHUNK_BYTES)
	{
		uint32		n = Min(nbytes - done, STORE_CHUNK_BYTES);

		CHECK_FOR_INTERRUPTS();
		SET_VARSIZE(data, VARHDRSZ + n);
		memcpy(VARDATA(data), blob + done, n);
		values[CHUNK_SEQ - 1] = Int32GetDatum(seq++);
		insert_row(&w, values);
	}
	end_write(&w);
	pfree(data);
}

/* Copies a chunk to its place; false if it does not belong there */
static bool
get_chunk(StoreScan *s, char *blob, uint32 nbytes, uint32 *have)
{
	int64		seq = DatumGetInt32(get_column(s, CHUNK_SEQ));
	bytea	   *data = (bytea *) DatumGetPointer(get_column(s, CHUNK_DATA));
	int64		at = seq * STORE_CHUNK_BYTES;
	Size		n;

	if (seq < 0 || at >= nbytes ||
		VARATT_IS_EXTERNAL(data) || VARATT_IS_COMPRESSED(data))
		return false;
	n = VARSIZE_ANY_EXHDR(data);
	if (n != Min(nbytes - at, STORE_CHUNK_BYTES))
		return false;
	memcpy(blob + at, VARDATA_ANY(data), n);
	*have += n;
	return true;
}

/*
 * store_read_blob: the bytes of a column of a segment, of which there are
 * nbytes, in the current memory context.  An error if they are not all there.
 */
char *
store_read_blob(Relation rel, const Segment *segment, AttrNumber attno,
				uint32 nbytes, Snapshot snapshot)
{
	char	   *blob = MemoryContextAllocHuge(CurrentMemoryContext, nbytes);
	uint32		have = 0;
	bool		sound = true;
	ScanKeyData keys[2];
	StoreScan	s;

	ScanKeyInit(&keys[0], CHUNK_SEGMENT, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(segment->id));
	ScanKeyInit(&keys[1], CHUNK_ATTNO, BTEqualStrategyNumber, F_INT2EQ,
				Int16GetDatum(attno));
	begin_scan(&s, STORE_CHUNK, snapshot, 2, keys);
	while (sound && next_row(&s))
	{
		CHECK_FOR_INTERRUPTS();
		sound = get_chunk(&s, blob, nbytes, &have);
	}
	end_scan(&s);
	if (!sound || have != nbytes)
		segment_corrupted(rel, segment, attno, "chunks are missing or misplaced");
	return blob;
}

/*
 * store_drop_blobs: forgets the columns of a segment.
 */
void
store_drop_blobs(int64 segid)
{
	ScanKeyData key;

	ScanKeyInit(&key, CHUNK_SEGMENT, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(segid));
	delete_rows(STORE_CHUNK, NULL, 1, &key);
}

/*---- marks ---- */

/*
 * The part of the table in which a row of marks begins, and ends.  It is the
 * index's last column, and not the block, so that the row of a transaction gets
 * its index entry behind those of all earlier rows of its part, on a page that
 * is in the processor's cache: most of what a mark costs is its index entry.
 */
static Datum
mark_part(BlockNumber block)
{
	return Int32GetDatum((int32) (block / STORE_MARK_BLOCKS));
}

static void
insert_marks(StoreWriter *w, Relation rel, const BlockMarks *marks,
			 int nmarks)
{
	Datum		values[STORE_MAX_COLUMNS];
	bytea	   *offsets = marks_pack(marks[0].block, marks, nmarks);
	BlockNumber nblocks = marks[nmarks - 1].block - marks[0].block + 1;

	values[MARK_RELID - 1] = ObjectIdGetDatum(RelationGetRelid(rel));
	values[MARK_FILENODE - 1] = ObjectIdGetDatum(filenode_of(rel));
	values[MARK_PART - 1] = mark_part(marks[0].block);
	values[MARK_FIRST - 1] = Int64GetDatum((int64) marks[0].block);
	values[MARK_NBLOCKS - 1] = Int32GetDatum((int32) nblocks);
	values[MARK_OFFSETS - 1] = PointerGetDatum(offsets);
	insert_row(w, values);
	pfree(offsets);
}

/*
 * store_begin_marks, store_end_marks: around calls of store_add_marks, for any
 * number of tables.
 */
StoreWriter *
store_begin_marks(void)
{
	StoreWriter *w = palloc(sizeof(StoreWriter));

	begin_write(w, STORE_MARK);
	return w;
}

void
store_end_marks(StoreWriter *w)
{
	end_write(w);
	pfree(w);
}

/*
 * store_add_marks: says that these rows changed, to every snapshot that sees
 * what this (sub)transaction does.  The marks are in the order of their blocks,
 * one for each.
 */
void
store_add_marks(StoreWriter *w, Relation rel, const BlockMarks *marks,
				int nmarks)
{
	int			first = 0;
	int			i;

	for (i = 1; i <= nmarks; i++)
	{
		if (i < nmarks && i - first < STORE_MARK_ENTRIES &&
			marks[i].block / STORE_MARK_BLOCKS ==
			marks[first].block / STORE_MARK_BLOCKS)
			continue;
		insert_marks(w, rel, marks + first, i - first);
		first = i;
	}
}

/* Keys for rows of the parts that have blocks in [first, end) */
static void
mark_keys(ScanKey keys, Relation rel, BlockNumber first, uint64 end)
{
	table_keys(keys, MARK_RELID, rel);
	ScanKeyInit(&keys[2], MARK_PART, BTGreaterEqualStrategyNumber, F_INT4GE,
				mark_part(first));
	ScanKeyInit(&keys[3], MARK_PART, BTLessEqualStrategyNumber, F_INT4LE,
				mark_part((BlockNumber) (end - 1)));
}

/* The next row that may have a mark in [first, end) */
static bool
next_marks(StoreScan *s, BlockNumber first, uint64 end)
{
	while (next_row(s))
	{
		int64		from = DatumGetInt64(get_column(s, MARK_FIRST));
		int32		nblocks = DatumGetInt32(get_column(s, MARK_NBLOCKS));

		CHECK_FOR_INTERRUPTS();
		check_range(s, from, nblocks);
		if (from < (int64) end && from + nblocks > (int64) first)
			return true;
	}
	return false;
}

static bool
is_own(HeapTuple tuple)
{
	return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
}

/*
 * The marks of one row, in the growing array.  A snapshot may see those of our
 * own transaction that does not see what it removed later, so look at the heap.
 * A damaged row is an error, or (lenient) is left out.
 */
static BlockMarks *
get_marks(StoreScan *s, BlockMarks *marks, int *n, int *room, bool lenient)
{
	bytea	   *packed = DatumGetByteaPP(get_column(s, MARK_OFFSETS));
	int64		first = DatumGetInt64(get_column(s, MARK_FIRST));
	int32		nblocks = DatumGetInt32(get_column(s, MARK_NBLOCKS));
	int			most = marks_room(packed);
	int			count;

	check_range(s, first, nblocks);
	if (*n + most > *room)
	{
		*room = Max(*room * 2, *n + most);
		marks = marks == NULL ? palloc(*room * sizeof(BlockMarks)) :
			repalloc_huge(marks, *room * sizeof(BlockMarks));
	}
	count = marks_unpack(packed, (BlockNumber) first, nblocks, marks + *n);
	if (count < 0)
	{
		if (lenient)
			return marks;
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a row of \"%s\" is damaged",
						RelationGetRelationName(s->rel)),
				 errhint("Turn the table into a heap table and back, which makes new segments.")));
	}
	if (is_own(s->tuple))
	{
		for (int i = *n; i < *n + count; i++)
			marks[i].placed = true;
	}
	*n += count;
	return marks;
}

static int
compare_marks(const void *a, const void *b)
{
	const BlockMarks *l = a;
	const BlockMarks *r = b;

	return l->block < r->block ? -1 : l->block > r->block ? 1 : 0;
}

static void
add_offsets(BlockMarks *to, const BlockMarks *from)
{
	int			w;

	to->placed |= from->placed;
	for (w = 0; w < lengthof(to->offsets); w++)
		to->offsets[w] |= from->offsets[w];
}

/*
 * The same as marks_join() for marks that are many for so few blocks: each is
 * put to its block, without a sort.
 */
static int
join_dense_marks(BlockMarks *marks, int n, BlockNumber first, int nblocks)
{
	BlockMarks *dense = palloc0(nblocks * sizeof(BlockMarks));
	bool	   *any = palloc0(nblocks * sizeof(bool));
	int			kept = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		BlockNumber at = marks[i].block - first;

		if (marks[i].block < first || at >= nblocks)
			continue;
		any[at] = true;
		add_offsets(&dense[at], &marks[i]);
	}
	for (i = 0; i < nblocks; i++)
	{
		if (!any[i])
			continue;
		marks[kept] = dense[i];
		marks[kept++].block = first + i;
	}
	pfree(dense);
	pfree(any);
	return kept;
}

/* Is there nothing to be joined? Statements write their marks in order. */
static bool
marks_ascend(const BlockMarks *marks, int n, BlockNumber first, uint64 end)
{
	int			i;

	if (n > 0 && (marks[0].block < first || marks[n - 1].block >= end))
		return false;
	for (i = 1; i < n; i++)
	{
		if (marks[i].block <= marks[i - 1].block)
			return false;
	}
	return true;
}

/*
 * marks_join: sorts marks, joins those of one block, and leaves out those of blocks
 * outside of [first, end); the number that remain.
 */
int
marks_join(BlockMarks *marks, int n, BlockNumber first, uint64 end)
{
	int			kept = 0;
	int			i;

	if (marks_ascend(marks, n, first, end))
		return n;
	if (end - first < (uint64) n * MARKS_DENSE)
		return join_dense_marks(marks, n, first, (int) (end - first));
	if (n > 1)
		qsort(marks, n, sizeof(BlockMarks), compare_marks);
	for (i = 0; i < n; i++)
	{
		if (marks[i].block < first || marks[i].block >= end)
			continue;
		if (kept == 0 || marks[kept - 1].block != marks[i].block)
			marks[kept++] = marks[i];
		else
			add_offsets(&marks[kept - 1], &marks[i]);
	}
	return kept;
}

static BlockMarks *
read_marks(Relation rel, Snapshot snapshot, BlockNumber first,
		   BlockNumber nblocks, int *nmarks, bool lenient)
{
	uint64		end = (uint64) first + nblocks;
	BlockMarks *marks = NULL;
	ScanKeyData keys[4];
	StoreScan	s;
	int			n = 0;
	int			room = 8;

	*nmarks = 0;
	if (!store_exists())
		return NULL;
	mark_keys(keys, rel, first, end);
	marks = palloc(room * sizeof(BlockMarks));
	begin_scan(&s, STORE_MARK, snapshot, 4, keys);
	while (next_marks(&s, first, end))
		marks = get_marks(&s, marks, &n, &room, lenient);
	end_scan(&s);

	*nmarks = marks_join(marks, n, first, end);
	if (*nmarks > 0)
		return marks;
	pfree(marks);
	return NULL;
}

/*
 * store_marks: what changed in the nblocks blocks from block first, as a
 * snapshot sees it (NULL: now): at most one entry for a block, in the order of
 * the blocks.  NULL when nothing did.
 */
BlockMarks *
store_marks(Relation rel, Snapshot snapshot, BlockNumber first,
			BlockNumber nblocks, int *nmarks)
{
	return read_marks(rel, snapshot, first, nblocks, nmarks, false);
}

/*
 * store_guess_marks: the same for a planner.  Damage is no reason not to plan a
 * query, which may well read rows.
 */
BlockMarks *
store_guess_marks(Relation rel, BlockNumber first, BlockNumber nblocks,
				  int *nmarks)
{
	return read_marks(rel, NULL, first, nblocks, nmarks, true);
}

/* Writes marks that were read from rows which are deleted. */
static void
rewrite_marks(Relation rel, BlockMarks *marks, int nmarks)
{
	StoreWriter *w;

	nmarks = marks_join(marks, nmarks, 0, InvalidBlockNumber);
	if (nmarks == 0)
		return;
	w = store_begin_marks();
	store_add_marks(w, rel, marks, nmarks);
	store_end_marks(w);
}

/* Leaves out the marks of blocks in [first, end). */
static int
marks_outside(BlockMarks *marks, int n, BlockNumber first, uint64 end)
{
	int			kept = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (marks[i].block < first || marks[i].block >= end)
			marks[kept++] = marks[i];
	}
	return kept;
}

/*
 * store_drop_marks: deletes the marks of these blocks that a snapshot sees.  A
 * row that has marks of other blocks, too, is replaced by one of these alone.
 */
void
store_drop_marks(Relation rel, Snapshot snapshot, BlockNumber first,
				 BlockNumber nblocks)
{
	uint64		end = (uint64) first + nblocks;
	Relation	target = table_open(store_relation(STORE_MARK), RowExclusiveLock);
	BlockMarks *others = NULL;
	ScanKeyData keys[4];
	StoreScan	s;
	int			n = 0;
	int			room = 0;

	mark_keys(keys, rel, first, end);
	begin_scan(&s, STORE_MARK, snapshot, 4, keys);
	while (next_marks(&s, first, end))
	{
		int64		from = DatumGetInt64(get_column(&s, MARK_FIRST));
		int64		to = from + DatumGetInt32(get_column(&s, MARK_NBLOCKS));

		if (from < (int64) first || to > (int64) end)
			others = get_marks(&s, others, &n, &room, false);
		simple_heap_delete(target, &s.tuple->t_self);
	}
	end_scan(&s);
	table_close(target, NoLock);
	rewrite_marks(rel, others, marks_outside(others, n, first, end));
}

/* Does the row begin in [first, end)? */
static bool
begins_in(StoreScan *s, BlockNumber first, uint64 end)
{
	int64		from = DatumGetInt64(get_column(s, MARK_FIRST));

	return from >= (int64) first && from < (int64) end;
}

/*
 * store_merge_marks: makes few rows of the marks that a snapshot sees and that
 * begin in these blocks, if they are more than "most".  Nobody else may do so
 * at the same time.
 */
void
store_merge_marks(Relation rel, Snapshot snapshot, BlockNumber first,
				  BlockNumber nblocks, int64 most)
{
	uint64		end = (uint64) first + nblocks;
	BlockMarks *marks = NULL;
	Relation	target;
	ScanKeyData keys[4];
	StoreScan	s;
	int64		nrows = 0;
	int			n = 0;
	int			room = 0;

	mark_keys(keys, rel, first, end);
	begin_scan(&s, STORE_MARK, snapshot, 4, keys);
	while (next_marks(&s, first, end))
		nrows += begins_in(&s, first, end);
	end_scan(&s);
	if (nrows <= most)
		return;

	target = table_open(store_relation(STORE_MARK), RowExclusiveLock);
	begin_scan(&s, STORE_MARK, snapshot, 4, keys);
	while (next_marks(&s, first, end))
	{
		if (!begins_in(&s, first, end))
			continue;
		marks = get_marks(&s, marks, &n, &room, false);
		simple_heap_delete(target, &s.tuple->t_self);
	}
	end_scan(&s);
	table_close(target, NoLock);
	rewrite_marks(rel, marks, n);
}

/*---- what the worker notes ---- */

/*
 * store_get_compaction: what is noted of a table; false if nothing is.
 */
bool
store_get_compaction(Oid relid, Snapshot snapshot, Compaction *c)
{
	ScanKeyData key;
	StoreScan	s;
	bool		found;

	ScanKeyInit(&key, COMPACTION_RELID, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	begin_scan(&s, STORE_COMPACTION, snapshot, 1, &key);
	found = next_row(&s);
	if (found)
	{
		c->enabled = DatumGetBool(get_column(&s, COMPACTION_ENABLED));
		c->last_run = DatumGetTimestampTz(get_column(&s, COMPACTION_LAST_RUN));
		c->runs = DatumGetInt64(get_column(&s, COMPACTION_RUNS));
		c->last_error = TextDatumGetCString(get_column(&s, COMPACTION_ERROR));
	}
	end_scan(&s);
	return found;
}

/*
 * store_set_compaction: notes it anew.  The caller sees to it that nobody else
 * does at the same time.
 */
void
store_set_compaction(Oid relid, const Compaction *c)
{
	ScanKeyData key;
	Datum		values[STORE_MAX_COLUMNS];
	StoreWriter w;

	ScanKeyInit(&key, COMPACTION_RELID, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	delete_rows(STORE_COMPACTION, NULL, 1, &key);
	values[COMPACTION_RELID - 1] = ObjectIdGetDatum(relid);
	values[COMPACTION_ENABLED - 1] = BoolGetDatum(c->enabled);
	values[COMPACTION_LAST_RUN - 1] = TimestampTzGetDatum(c->last_run);
	values[COMPACTION_RUNS - 1] = Int64GetDatum(c->runs);
	values[COMPACTION_ERROR - 1] = CStringGetTextDatum(c->last_error);
	begin_write(&w, STORE_COMPACTION);
	insert_row(&w, values);
	end_write(&w);
}

/*---- orphans ---- */

/*
 * store_next_table: the table and filenode that come after these, of which the
 * directory or (STORE_MARK) the marks have rows.  False if there are none.
 */
bool
store_next_table(StoreRelation which, Snapshot snapshot, Oid *relid,
				 Oid *filenode)
{
	AttrNumber	att = which == STORE_MARK ? MARK_RELID : SEGMENT_RELID;
	bool		found = false;
	int			i;

	/* the same table first */
	for (i = 0; i < 2 && !found; i++)
	{
		ScanKeyData keys[2];
		StoreScan	s;

		ScanKeyInit(&keys[0], att,
					i == 0 ? BTEqualStrategyNumber : BTGreaterStrategyNumber,
					i == 0 ? F_OIDEQ : F_OIDGT, ObjectIdGetDatum(*relid));
		ScanKeyInit(&keys[1], att + 1, BTGreaterStrategyNumber, F_OIDGT,
					ObjectIdGetDatum(i == 0 ? *filenode : InvalidOid));
		begin_scan(&s, which, snapshot, 2, keys);
		found = next_row(&s);
		if (found)
		{
			*relid = DatumGetObjectId(get_column(&s, att));
			*filenode = DatumGetObjectId(get_column(&s, att + 1));
		}
		end_scan(&s);
	}
	return found;
}

/*
 * store_drop_table: deletes directory and marks of one filenode of a table.
 */
void
store_drop_table(Oid relid, Oid filenode)
{
	ScanKeyData keys[2];
	int			i;

	for (i = 0; i < 2; i++)
	{
		AttrNumber	att = i == 0 ? SEGMENT_RELID : MARK_RELID;

		ScanKeyInit(&keys[0], att, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(relid));
		ScanKeyInit(&keys[1], att + 1, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(filenode));
		delete_rows(i == 0 ? STORE_SEGMENT : STORE_MARK, NULL, 2, keys);
	}
}

/*
 * store_next_blob: the next segment after *segid of which there are columns.
 */
bool
store_next_blob(Snapshot snapshot, int64 *segid)
{
	ScanKeyData key;
	StoreScan	s;
	bool		found;

	ScanKeyInit(&key, CHUNK_SEGMENT, BTGreaterStrategyNumber, F_INT8GT,
				Int64GetDatum(*segid));
	begin_scan(&s, STORE_CHUNK, snapshot, 1, &key);
	found = next_row(&s);
	if (found)
		*segid = DatumGetInt64(get_column(&s, CHUNK_SEGMENT));
	end_scan(&s);
	return found;
}

static int
compare_ids(const void *a, const void *b)
{
	int64		l = *(const int64 *) a;
	int64		r = *(const int64 *) b;

	return l < r ? -1 : l > r ? 1 : 0;
}

/*
 * store_segment_ids: all segments of the database, ascending.
 */
int64 *
store_segment_ids(Snapshot snapshot, int *n)
{
	int			room = 64;
	int64	   *ids = palloc(room * sizeof(int64));
	StoreScan	s;

	*n = 0;
	begin_scan(&s, STORE_SEGMENT, snapshot, 0, NULL);
	while (next_row(&s))
	{
		if (*n >= room)
		{
			room *= 2;
			ids = repalloc_huge(ids, room * sizeof(int64));
		}
		ids[(*n)++] = DatumGetInt64(get_column(&s, SEGMENT_ID));
	}
	end_scan(&s);
	qsort(ids, *n, sizeof(int64), compare_ids);
	return ids;
}

/*---- the end of a table ---- */

/*
 * store_forget: deletes everything that is known of a table, whatever its
 * filenode.  The columns of its segments are left to the worker, so that this
 * takes no time that matters.  The caller holds AccessExclusiveLock on the
 * table.
 */
void
store_forget(Oid relid)
{
	ScanKeyData key;

	if (!store_exists())
		return;
	ScanKeyInit(&key, SEGMENT_RELID, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	delete_rows(STORE_SEGMENT, NULL, 1, &key);
	ScanKeyInit(&key, MARK_RELID, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	delete_rows(STORE_MARK, NULL, 1, &key);
	ScanKeyInit(&key, COMPACTION_RELID, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	delete_rows(STORE_COMPACTION, NULL, 1, &key);
}

static void
store_object_access(ObjectAccessType access, Oid classId, Oid objectId,
					int subId, void *arg)
{
	if (prev_object_access)
		prev_object_access(access, classId, objectId, subId, arg);

	if (access == OAT_DROP && classId == RelationRelationId && subId == 0 &&
		store_exists() && !is_store_relation(objectId))
	{
		char		kind = get_rel_relkind(objectId);

		if ((kind == RELKIND_RELATION || kind == RELKIND_MATVIEW) &&
			get_rel_persistence(objectId) != RELPERSISTENCE_TEMP)
			store_forget(objectId);
	}
}

/*---- keeping users out ---- */

/* Makes a relation one that logical decoding skips; true if it was none */
static bool
protect_relation(Oid relid)
{
	Relation	pg_class = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple	tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	bool		change;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	form = (Form_pg_class) GETSTRUCT(tuple);
	change = form->relrewrite != relid || !form->relispopulated;
	if (change)
	{
		form->relrewrite = relid;
		form->relispopulated = true;
		CatalogTupleUpdate(pg_class, &tuple->t_self, tuple);
	}
	heap_freetuple(tuple);
	table_close(pg_class, RowExclusiveLock);
	return change;
}

/*
 * store_protect: makes logical decoding skip the store.  CREATE EXTENSION does
 * it, and the worker does it again, because pg_upgrade does not keep it.  True
 * if there was something to do.
 */
bool
store_protect(void)
{
	bool		change = false;
	int			i;

	for (i = 0; i < STORE_RELATIONS; i++)
		change |= protect_relation(store_relation(i));
	return change;
}

Datum
omendb_store_protect(PG_FUNCTION_ARGS)
{
	store_protect();
	PG_RETURN_VOID();
}

static void
refuse_relation(RangeVar *name)
{
	Oid			relid;

	if (name == NULL)
		return;
	relid = RangeVarGetRelid(name, NoLock, true);
	if (!is_store_relation(relid))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("relation \"%s\" belongs to extension omendb and cannot be changed",
					get_rel_name(relid)),
			 errhint("omendb.disable drops what is stored for a table.")));
}

static void
refuse_drop(DropStmt *stmt)
{
	ListCell   *lc;

	if (stmt->removeType != OBJECT_MATVIEW)
		return;
	foreach(lc, stmt->objects)
		refuse_relation(makeRangeVarFromNameList(lfirst_node(List, lc)));
}

static void
refuse_extension_drop(AlterExtensionContentsStmt *stmt)
{
	if (stmt->objtype == OBJECT_MATVIEW)
		refuse_relation(makeRangeVarFromNameList(castNode(List, stmt->object)));
}

/* An error if a command would change the store. */
static void
refuse_command(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_RefreshMatViewStmt:
			refuse_relation(((RefreshMatViewStmt *) stmt)->relation);
			break;
		case T_AlterTableStmt:
			refuse_relation(((AlterTableStmt *) stmt)->relation);
			break;
		case T_RenameStmt:
			refuse_relation(((RenameStmt *) stmt)->relation);
			break;
		case T_AlterObjectSchemaStmt:
			refuse_relation(((AlterObjectSchemaStmt *) stmt)->relation);
			break;
		case T_AlterObjectDependsStmt:
			refuse_relation(((AlterObjectDependsStmt *) stmt)->relation);
			break;
		case T_ClusterStmt:
			refuse_relation(((ClusterStmt *) stmt)->relation);
			break;
		case T_IndexStmt:
			refuse_relation(((IndexStmt *) stmt)->relation);
			break;
		case T_RuleStmt:
			refuse_relation(((RuleStmt *) stmt)->relation);
			break;
		case T_AlterExtensionContentsStmt:
			refuse_extension_drop((AlterExtensionContentsStmt *) stmt);
			break;
		case T_DropStmt:
			refuse_drop((DropStmt *) stmt);
			break;
		default:
			break;
	}
}

static void
store_ProcessUtility(PlannedStmt *pstmt, const char *queryString,
					 bool readOnlyTree, ProcessUtilityContext context,
					 ParamListInfo params, QueryEnvironment *queryEnv,
					 DestReceiver *dest, QueryCompletion *qc)
{
	if (!creating_extension && !IsBinaryUpgrade && IsTransactionState())
		refuse_command(pstmt->utilityStmt);

	if (prev_ProcessUtility)
		prev_ProcessUtility(pstmt, queryString, readOnlyTree, context,
							params, queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
}

/*
 * store_init: installs the hooks.  Once, while the library is loaded.
 */
void
store_init(void)
{
	CacheRegisterRelcacheCallback(relcache_callback, (Datum) 0);
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = store_ProcessUtility;
	prev_object_access = object_access_hook;
	object_access_hook = store_object_access;
}
