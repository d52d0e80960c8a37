/*-------------------------------------------------------------------------
 *
 * scancost.c
 *	  What a scan of columns costs.
 *
 * Sizes of columns are in the directory of segments, which is read once and
 * remembered by the session until the table is invalidated, or while a
 * compaction goes on for a second.  Marks come without an invalidation, and are
 * counted again now and then.  Queries that have a far better plan do not even
 * need that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/xact.h"
#include "catalog/pg_statistic.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "port/pg_bitutils.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "scan/scan.h"
#include "table/table.h"

/* costs as parts of cpu_operator_cost: for each value, or each row */
#define COST_TEST_VALUE		0.1 /* decoding and testing */
#define COST_MAKE_VALUE		0.2 /* decoding, and a Datum */
#define COST_ROW			0.5 /* part of cpu_tuple_cost, for a row returned */

/* of descents in the indexes of the directory and of marks */
#define COST_OPEN_TABLE		(5 * random_page_cost)

/* of opening a segment, and a column of it */
#define COST_OPEN_SEGMENT	(200 * cpu_operator_cost)
#define COST_OPEN_COLUMN	(40 * cpu_operator_cost)

/* of a page of compressed strings that has to be unpacked */
#define COST_UNPACK_PAGE	(2000 * cpu_operator_cost)

/*
 * Of a row that is only taken out of the columns; of one that may be in the heap,
 * and of a block that has any: a look there
 */
#define COST_REMOVED_ROW	(4 * cpu_operator_cost)
#define COST_MARKED_ROW		(20 * cpu_operator_cost)
#define COST_MARKED_BLOCK	(120 * cpu_operator_cost)

/* segments whose descriptors and marks are looked at */
#define SAMPLE_SEGMENTS		16

/* marks are counted again after a second, or this many times what it takes */
#define COUNT_PAUSE			100

/* a table's columns */
typedef struct TableColumns
{
	Oid			relid;			/* key */
	Oid			filenode;
	bool		valid;
	TimestampTz read;			/* when it was */
	int			nsegments;
	double		blocks;			/* that segments cover */
	double		rows;
	int			natts;
	double	   *bytes;			/* of each column, compressed */
	double	   *packed;			/* those of compressed strings */
	double		removed_rows;	/* marked as such */
	double		marked_rows;	/* in marked_blocks, */
	double		marked_blocks;	/* where rows were placed */
	TimestampTz count;			/* marks again then */
} TableColumns;

static HTAB *tables = NULL;

static void
forget_table(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS seq;
	TableColumns *t;

	if (OidIsValid(relid))
	{
		t = hash_search(tables, &relid, HASH_FIND, NULL);
		if (t != NULL)
			t->valid = false;
		return;
	}
	hash_seq_init(&seq, tables);
	while ((t = hash_seq_search(&seq)) != NULL)
		t->valid = false;
}

/*
 * scan_cost_init: once per process, while the library is loaded.
 */
void
scan_cost_init(void)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(TableColumns);
	tables = hash_create("omendb tables with columns", 16, &ctl,
						 HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(forget_table, (Datum) 0);
}

/*---- sizes ---- */

static void
add_sizes(Relation table, const Segment *segment, TableColumns *t)
{
	SegmentReader *reader = segment_open(table, segment);
	int			i;

	for (i = 0; i < reader->ncolumns; i++)
	{
		const SegmentColumn *c = &reader->columns[i];

		if (c->attno > t->natts)
			continue;
		t->bytes[c->attno - 1] += c->stats.nbytes;
		if (c->stats.codec == COLUMN_CODEC_LZ4 ||
			c->stats.codec == COLUMN_CODEC_ZSTD)
			t->packed[c->attno - 1] += c->stats.nbytes;
	}
	segment_close(reader);
}

static void
add_marks(Relation table, const Segment *segment, TableColumns *t)
{
	int			n;
	int			i;
	int			w;
	BlockMarks *marks = store_guess_marks(table, segment->first,
										  segment->nblocks, &n);

	for (i = 0; i < n; i++)
	{
		double	   *rows = marks[i].placed ? &t->marked_rows : &t->removed_rows;

		t->marked_blocks += marks[i].placed;
		for (w = 0; w < lengthof(marks[i].offsets); w++)
			*rows += pg_popcount64(marks[i].offsets[w]);
	}
	if (marks != NULL)
		pfree(marks);
}

/* Counts the marks of some segments, and concludes what there are of all. */
static void
count_marks(Relation table, TableColumns *t, List *segments)
{
	TimestampTz begin = GetCurrentTimestamp();
	int			n = list_length(segments);
	int			step = Max(n / SAMPLE_SEGMENTS, 1);
	int			sampled = 0;
	int			i;

	t->marked_blocks = t->marked_rows = t->removed_rows = 0;
	for (i = 0; i < n; i += step, sampled++)
		add_marks(table, list_nth(segments, i), t);
	if (sampled > 0)
	{
		t->marked_blocks *= (double) n / sampled;
		t->marked_rows *= (double) n / sampled;
		t->removed_rows *= (double) n / sampled;
	}
	t->count = GetCurrentTimestamp();
	t->count += Max(COUNT_PAUSE * (t->count - begin), USECS_PER_SEC);
}

static void
read_directory(Relation table, TableColumns *t)
{
	List	   *segments = store_segments(table, NULL);
	int			step;
	int			sampled = 0;
	int			i;
	ListCell   *lc;

	foreach(lc, segments)
	{
		const Segment *s = lfirst(lc);

		if (!s->valid)
		{
			segments = foreach_delete_current(segments, lc);
			continue;
		}
		t->blocks += s->nblocks;
		t->rows += s->nrows;
	}
	t->nsegments = list_length(segments);
	step = Max(t->nsegments / SAMPLE_SEGMENTS, 1);
	for (i = 0; i < t->nsegments; i += step, sampled++)
		add_sizes(table, list_nth(segments, i), t);
	for (i = 0; sampled > 0 && i < 2 * t->natts; i++)
		t->bytes[i] *= (double) t->nsegments / sampled;
	count_marks(table, t, segments);
}

static void
load_table(Relation table, TableColumns *t)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "omendb directory",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	if (t->bytes != NULL)
		pfree(t->bytes);
	t->bytes = NULL;
	t->natts = RelationGetDescr(table)->natts;
	t->blocks = t->rows = 0;
	t->bytes = MemoryContextAllocZero(TopMemoryContext,
									  (2 * t->natts + 1) * sizeof(double));
	t->packed = t->bytes + t->natts;

	/* what comes in from here on makes it invalid again */
	t->valid = true;
	t->filenode = OmenRelNumber(OmenRelLocator(table));
	t->read = GetCurrentStatementStartTimestamp();
	PG_TRY();
	{
		read_directory(table, t);
	}
	PG_CATCH();
	{
		t->valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static void
recount_marks(Relation table, TableColumns *t)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "omendb marks",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	count_marks(table, t, store_directory(table, NULL, false));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* What is known of a table of which some blocks are covered */
static TableColumns *
get_table(Relation table, BlockNumber covered)
{
	Oid			relid = RelationGetRelid(table);
	bool		found;
	TableColumns *t = hash_search(tables, &relid, HASH_ENTER, &found);

	if (!found)
	{
		t->valid = false;
		t->bytes = NULL;
	}
	if (t->valid && t->blocks < covered &&
		TimestampDifferenceExceeds(t->read, GetCurrentStatementStartTimestamp(),
								   1000))
		t->valid = false;
	if (!t->valid || t->natts != RelationGetDescr(table)->natts ||
		t->filenode != OmenRelNumber(OmenRelLocator(table)))
		load_table(table, t);
	else if (t->count < GetCurrentStatementStartTimestamp())
		recount_marks(table, t);
	return t;
}

/*---- costs ---- */

static double
covered_part(const RelOptInfo *rel, double blocks)
{
	return rel->pages == 0 ? 0 : Min(1.0, blocks / rel->pages);
}

/*
 * scan_may_pay: could a scan of columns be better than the paths that there
 * are?  A bound below its costs is compared with them, so that a look-up by
 * key is planned as fast as ever.
 */
bool
scan_may_pay(RelOptInfo *rel, Relation table)
{
	BlockNumber covered = cover_blocks(table);
	double		part;
	Cost		bound;
	ListCell   *lc;

	if (covered == 0)
		return false;
	if (columnar_scan == COLUMNAR_SCAN_FORCE)
		return true;
	part = covered_part(rel, covered);
	bound = rel->pages * (1 - part) * seq_page_cost + COST_OPEN_TABLE;
	/* conditions may exclude any number of segments */
	if (rel->baserestrictinfo == NIL)
		bound += rel->tuples * part * COST_TEST_VALUE * cpu_operator_cost;
	foreach(lc, rel->pathlist)
	{
		const Path *path = lfirst(lc);

		if (path->param_info == NULL && path->total_cost < bound)
			return false;
	}
	return true;
}

static double
parallel_divisor(int workers)
{
	double		leader = 1.0 - 0.3 * workers;

	return workers + (parallel_leader_participation ? Max(leader, 0) : 0);
}

/* Pages of the columns' own bytes, and how many columns there are */
static double
column_pages(const TableColumns *t, const Bitmapset *attnos, int *ncolumns)
{
	bool		all = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber,
									attnos);
	double		bytes = 0;
	int			i;

	*ncolumns = 0;
	for (i = 0; i < t->natts; i++)
	{
		if (!all && !bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber,
								   attnos))
			continue;
		(*ncolumns)++;
		bytes += t->bytes[i];
	}
	return bytes / BLCKSZ;
}

/* Costs of a path for what a LIMIT takes of it */
static Cost
limited_cost(const Path *path, double limit)
{
	return path->startup_cost + (path->total_cost - path->startup_cost) *
		Min(1, limit / Max(path->rows, 1));
}

/*
 * scan_beats_order: could a scan of columns that costs at least so much, beside
 * what it takes to begin, be better than all paths that return the first rows of an
 * order at once?
 */
bool
scan_beats_order(const RelOptInfo *rel, const List *pathkeys, double limit,
				 Cost least)
{
	ListCell   *lc;

	if (columnar_scan == COLUMNAR_SCAN_FORCE)
		return true;
	foreach(lc, rel->pathlist)
	{
		const Path *path = lfirst(lc);

		if (path->param_info == NULL &&
			limited_cost(path, limit) < least + COST_OPEN_TABLE &&
			pathkeys_contained_in(unconstify(List *, pathkeys), path->pathkeys))
			return false;
	}
	return true;
}

/*
 * scan_may_pay_sorted: as scan_may_pay() for a query of this table alone with ORDER BY
 * and LIMIT, of which an index has the order.  Rows of columns would all be
 * read and sorted.
 */
bool
scan_may_pay_sorted(PlannerInfo *root, RelOptInfo *rel, Relation table,
					const Bitmapset *attnos)
{
	double		limit = root->limit_tuples;
	TableColumns *t;
	int			ncolumns;

	if (limit <= 0 || root->query_pathkeys == NIL ||
		bms_membership(root->all_baserels) != BMS_SINGLETON)
		return true;
	t = get_table(table, cover_blocks(table));
	return scan_beats_order(rel, root->query_pathkeys, limit,
							column_pages(t, attnos, &ncolumns) * seq_page_cost);
}

/*
 * Costs of unpacking compressed columns: those that are tested, as far as they
 * are read, and of the others what has a row that passes.
 */
static Cost
unpack_cpu(const RelOptInfo *rel, const TableColumns *t,
		   const Bitmapset *attnos, double read)
{
	const int	offset = 0 - FirstLowInvalidHeapAttributeNumber;
	double		touched = Min(1, rel->rows * COLUMN_VECTOR / Max(rel->tuples, 1));
	Bitmapset  *tested = NULL;
	double		bytes = 0;
	ListCell   *lc;
	int			i;

	foreach(lc, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause,
					   rel->relid, &tested);
	for (i = 0; i < t->natts; i++)
	{
		if (t->packed[i] == 0)
			continue;
		if (bms_is_member(i + 1 + offset, tested))
			bytes += t->packed[i] * read;
		else if (bms_is_member(offset, attnos) ||
				 bms_is_member(i + 1 + offset, attnos))
			bytes += t->packed[i] * touched;
	}
	bms_free(tested);
	return bytes / BLCKSZ * COST_UNPACK_PAGE;
}

static double
selectivity(PlannerInfo *root, RelOptInfo *rel, List *clauses)
{
	return clauselist_selectivity(root, clauses, rel->relid, JOIN_INNER, NULL);
}

/* How far the order of a column's values is that of the rows: 0 to 1 */
static double
correlation(Oid relid, AttrNumber attno)
{
	HeapTuple	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid),
										Int16GetDatum(attno),
										BoolGetDatum(false));
	AttStatsSlot slot;
	double		found = 0;

	if (!HeapTupleIsValid(tuple))
		return 0;
	if (get_attstatsslot(&slot, tuple, STATISTIC_KIND_CORRELATION, InvalidOid,
						 ATTSTATSSLOT_NUMBERS))
	{
		if (slot.nnumbers > 0)
			found = slot.numbers[0];
		free_attstatsslot(&slot);
	}
	ReleaseSysCache(tuple);
	return found * found;
}

/* Can the least and the largest value of a segment exclude it? */
static bool
may_exclude(const RestrictInfo *filter, const RelOptInfo *rel,
			AttrNumber *attno)
{
	FilterClause clause;

	if (!filter_parse((Node *) filter->clause, rel->relid, &clause) ||
		clause.kind == FILTER_BYTES || clause.kind == FILTER_NULL)
		return false;
	*attno = clause.attno;
	return true;
}

/* The part of the rows that pass the filters on a column */
static double
column_selectivity(PlannerInfo *root, const RelOptInfo *rel, List *filters,
				   AttrNumber attno)
{
	List	   *own = NIL;
	ListCell   *lc;
	AttrNumber	on;

	foreach(lc, filters)
	{
		if (may_exclude(lfirst_node(RestrictInfo, lc), rel, &on) && on == attno)
			own = lappend(own, lfirst(lc));
	}
	return clauselist_selectivity(root, own, rel->relid, JOIN_INNER, NULL);
}

/*
 * The part of the segments that is read: filters exclude the others where a
 * column's values go along with the rows.
 */
static double
read_part(PlannerInfo *root, const RelOptInfo *rel, Oid relid,
		  const TableColumns *t, List *filters)
{
	double		part = 1;
	ListCell   *lc;
	AttrNumber	attno;

	foreach(lc, filters)
	{
		double		along;

		if (!may_exclude(lfirst_node(RestrictInfo, lc), rel, &attno))
			continue;
		along = correlation(relid, attno);
		if (along > 0)
			part = Min(part, 1 - along + along *
					   column_selectivity(root, rel, filters, attno));
	}
	return Min(1, part + 1.0 / Max(t->nsegments, 1));
}

/* Costs of conditions on vectors, for so many rows that pass the filters */
static Cost
conditions_cpu(PlannerInfo *root, RelOptInfo *rel, double rows,
			   const ScanClauses *clauses)
{
	Cost		cost = 0;
	ListCell   *lc;
	ListCell   *lc2;

	forboth(lc, clauses->vectors, lc2, clauses->support)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);
		QualCost	tested;

		cost_qual_eval_node(&tested, (Node *) rinfo, root);
		if (lfirst_int(lc2) == VECTOR_NATIVE)
			cost += rows * COST_TEST_VALUE * Max(tested.per_tuple, cpu_operator_cost);
		else
			cost += rows * (tested.per_tuple + COST_MAKE_VALUE * cpu_operator_cost);
		rows *= selectivity(root, rel, list_make1(rinfo));
	}
	return cost;
}

/* Costs of the processor for rows of columns, of which a part is read */
static Cost
columns_cpu(PlannerInfo *root, RelOptInfo *rel, double rows, double read,
			int ncolumns, const ScanClauses *clauses, bool makes_rows)
{
	List	   *tested = list_concat_copy(clauses->filters, clauses->vectors);
	Cost		cost = rows * read * list_length(clauses->filters) *
	COST_TEST_VALUE * cpu_operator_cost;
	double		left = rows * selectivity(root, rel, clauses->filters);
	QualCost	others;

	cost += conditions_cpu(root, rel, left, clauses);
	left = rows * selectivity(root, rel, tested);
	cost_qual_eval(&others, clauses->rows, root);
	cost += left * others.per_tuple;
	if (!makes_rows)
		return cost + left * ncolumns * COST_TEST_VALUE * cpu_operator_cost;
	return cost + left * (ncolumns * COST_MAKE_VALUE * cpu_operator_cost +
						  COST_ROW * cpu_tuple_cost);
}

/*
 * Costs of rows that are not taken from the columns that cover them.  Those in
 * the heap are read even where a segment's statistics exclude all others.
 */
static Cost
marks_cpu(const RelOptInfo *rel, const TableColumns *t)
{
	return t->removed_rows * COST_REMOVED_ROW +
		t->marked_blocks * COST_MARKED_BLOCK +
		t->marked_rows * (COST_MARKED_ROW + rel->baserestrictcost.per_tuple);
}

/*
 * scan_cost: sets rows and costs of a path, with workers sharing it.  attnos
 * are the needed columns as pull_varattnos gives them.
 */
void
scan_cost(PlannerInfo *root, RelOptInfo *rel, Relation table,
		  CustomPath *path, const Bitmapset *attnos,
		  const ScanClauses *clauses, int workers)
{
	TableColumns *t = get_table(table, cover_blocks(table));
	double		part = covered_part(rel, t->blocks);
	double		heap_rows = rel->tuples * (1 - part);
	bool		makes_rows = path->custom_private == NIL;
	double		read = read_part(root, rel, RelationGetRelid(table), t,
								 clauses->filters);
	int			ncolumns;
	Cost		io;
	Cost		cpu;
	double		divisor = workers > 0 ? parallel_divisor(workers) : 1;

	io = (column_pages(t, attnos, &ncolumns) * read +
		  rel->pages * (1 - part)) * seq_page_cost;
	cpu = columns_cpu(root, rel, rel->tuples * part, read, ncolumns, clauses,
					  makes_rows) +
		unpack_cpu(rel, t, attnos, read) + marks_cpu(rel, t) +
		heap_rows * (cpu_tuple_cost + rel->baserestrictcost.per_tuple) +
		t->nsegments * (COST_OPEN_SEGMENT + read * ncolumns * COST_OPEN_COLUMN);

	path->path.rows = workers > 0 ? clamp_row_est(rel->rows / divisor) : rel->rows;
	path->path.startup_cost = rel->baserestrictcost.startup +
		rel->reltarget->cost.startup + COST_OPEN_TABLE + COST_OPEN_SEGMENT;
	path->path.total_cost = path->path.startup_cost + io + cpu / divisor;
	if (makes_rows)
		path->path.total_cost += rel->reltarget->cost.per_tuple * path->path.rows;
	if (columnar_scan == COLUMNAR_SCAN_FORCE)
	{
		path->path.startup_cost *= 1e-6;
		path->path.total_cost *= 1e-6;
	}
}
