/*-------------------------------------------------------------------------
 *
 * workerstats.c
 *	  What there is of a table in columns: omendb.stat_table and
 *	  omendb.stat_column.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "table/table.h"
#include "worker/worker.h"

#define TABLE_COLUMNS	12
#define COLUMN_COLUMNS	6

/* what a table has */
typedef struct TableSum
{
	int64		segments;
	int64		building;
	int64		blocks;
	int64		rows;
	int64		marked;
	int64		bytes;
	int64		damaged;
} TableSum;

/* what a column has in one encoding */
typedef struct ColumnSum
{
	AttrNumber	attno;
	ColumnCodec codec;
	int64		segments;
	int64		bytes;
	int64		nulls;
} ColumnSum;

PG_FUNCTION_INFO_V1(omendb_table_stats);
PG_FUNCTION_INFO_V1(omendb_column_stats);

static const char *
codec_name(ColumnCodec codec)
{
	switch (codec)
	{
		case COLUMN_CODEC_NULL:
			return "null";
		case COLUMN_CODEC_CONSTANT:
			return "constant";
		case COLUMN_CODEC_RLE:
			return "rle";
		case COLUMN_CODEC_FOR:
			return "for";
		case COLUMN_CODEC_DELTA:
			return "delta";
		case COLUMN_CODEC_DELTA2:
			return "delta of delta";
		case COLUMN_CODEC_DICT:
			return "dictionary";
		case COLUMN_CODEC_ALP:
			return "alp";
		case COLUMN_CODEC_PLAIN:
			return "plain";
		case COLUMN_CODEC_LZ4:
			return "lz4";
		case COLUMN_CODEC_ZSTD:
			return "zstd";
	}
	return "unknown";
}

/* Opens a table, or NULL if it is no omendb table. */
static Relation
open_table(Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);

	if (rel == NULL || omendb_is_table(rel))
		return rel;
	relation_close(rel, AccessShareLock);
	return NULL;
}

static int64
count_marked(Relation rel, const Segment *segment)
{
	int			n;
	BlockMarks *marks = store_marks(rel, GetActiveSnapshot(), segment->first,
									segment->nblocks, &n);
	int64		count = 0;
	int			i;
	int			w;

	for (i = 0; i < n; i++)
	{
		for (w = 0; w < lengthof(marks[i].offsets); w++)
			count += pg_popcount64(marks[i].offsets[w]);
	}
	if (marks != NULL)
		pfree(marks);
	return count;
}

/*
 * Reads a layout; false if it is damaged.  That is no error here: one segment
 * should not hide what there is of all others.
 */
static bool
read_layout(SegmentReader *reader, Relation rel, const Segment *segment)
{
	const char *problem;

	memset(reader, 0, sizeof(SegmentReader));
	reader->rel = rel;
	reader->segment = segment;
	return layout_unpack(reader, &problem);
}

static void
add_segment(TableSum *sum, Relation rel, const Segment *segment)
{
	SegmentReader reader;
	int			i;

	if (!segment->valid)
	{
		sum->building++;
		return;
	}
	sum->segments++;
	sum->blocks += segment->nblocks;
	sum->rows += segment->nrows;
	sum->marked += count_marked(rel, segment);
	if (!read_layout(&reader, rel, segment))
		sum->damaged++;
	else
	{
		for (i = 0; i < reader.ncolumns; i++)
			sum->bytes += reader.columns[i].stats.nbytes;
	}
}

/*
 * omendb.table_stats(table): one row for omendb.stat_table; nulls if it is no
 * omendb table any more.
 */
Datum
omendb_table_stats(PG_FUNCTION_ARGS)
{
	Relation	rel = open_table(PG_GETARG_OID(0));
	TableSum	sum = {0};
	Compaction	c;
	Datum		values[TABLE_COLUMNS];
	bool		nulls[TABLE_COLUMNS] = {false};
	TupleDesc	desc;
	ListCell   *lc;

	if (rel == NULL)
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	foreach(lc, store_segments(rel, GetActiveSnapshot()))
		add_segment(&sum, rel, lfirst(lc));
	if (!store_get_compaction(RelationGetRelid(rel), GetActiveSnapshot(), &c))
	{
		c.enabled = true;
		c.last_run = DT_NOBEGIN;
		c.runs = 0;
		c.last_error = "";
	}

	values[0] = Int64GetDatum((int64) (RELKIND_HAS_STORAGE(rel->rd_rel->relkind) ?
									   RelationGetNumberOfBlocks(rel) : 0));
	values[1] = Int64GetDatum(sum.blocks);
	values[2] = Int64GetDatum(sum.segments);
	values[3] = Int64GetDatum(sum.building);
	values[4] = Int64GetDatum(sum.rows);
	values[5] = Int64GetDatum(sum.marked);
	values[6] = Int64GetDatum(sum.bytes);
	values[7] = BoolGetDatum(c.enabled);
	values[8] = TimestampTzGetDatum(c.last_run);
	nulls[8] = TIMESTAMP_IS_NOBEGIN(c.last_run);
	values[9] = Int64GetDatum(c.runs);
	values[10] = CStringGetTextDatum(c.last_error);
	nulls[10] = c.last_error[0] == '\0';
	values[11] = Int64GetDatum(sum.damaged);
	relation_close(rel, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/*---- columns ---- */

static ColumnSum *
find_sum(List **sums, AttrNumber attno, ColumnCodec codec)
{
	ColumnSum  *sum;
	ListCell   *lc;

	foreach(lc, *sums)
	{
		sum = lfirst(lc);
		if (sum->attno == attno && sum->codec == codec)
			return sum;
	}
	sum = palloc0(sizeof(ColumnSum));
	sum->attno = attno;
	sum->codec = codec;
	*sums = lappend(*sums, sum);
	return sum;
}

static void
add_columns(List **sums, Relation rel, const Segment *segment)
{
	SegmentReader reader;
	int			i;

	if (!segment->valid || !read_layout(&reader, rel, segment))
		return;
	for (i = 0; i < reader.ncolumns; i++)
	{
		SegmentColumn *c = &reader.columns[i];
		ColumnSum  *sum = find_sum(sums, c->attno, c->stats.codec);

		sum->segments++;
		sum->bytes += c->stats.nbytes;
		sum->nulls += c->stats.nnulls;
	}
}

/*
 * omendb.column_stats(table): a row for each column and encoding.
 */
Datum
omendb_column_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Relation	rel = open_table(PG_GETARG_OID(0));
	List	   *sums = NIL;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	if (rel == NULL)
		return (Datum) 0;
	foreach(lc, store_segments(rel, GetActiveSnapshot()))
		add_columns(&sums, rel, lfirst(lc));
	foreach(lc, sums)
	{
		ColumnSum  *sum = lfirst(lc);
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel),
											  sum->attno - 1);
		Datum		values[COLUMN_COLUMNS];
		bool		nulls[COLUMN_COLUMNS] = {false};

		values[0] = Int16GetDatum(sum->attno);
		values[1] = NameGetDatum(&att->attname);
		nulls[1] = att->attisdropped;
		values[2] = CStringGetTextDatum(codec_name(sum->codec));
		values[3] = Int64GetDatum(sum->segments);
		values[4] = Int64GetDatum(sum->bytes);
		values[5] = Int64GetDatum(sum->nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	relation_close(rel, AccessShareLock);
	return (Datum) 0;
}
