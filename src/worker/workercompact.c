/*-------------------------------------------------------------------------
 *
 * workercompact.c
 *	  Makes segments of a table's blocks, and keeps them in shape.
 *
 * New segments are made in three steps.  A transaction announces the blocks: it
 * puts rows into the directory that are not valid yet, and tells every session
 * to look again.  Then all transactions are waited for that may have written to
 * the table without knowing.  From then on whoever writes to these blocks marks
 * what he writes, and another transaction takes a snapshot, reads the blocks
 * and publishes what the snapshot sees.  A change that the snapshot does not
 * see is marked, or will be when it commits.  Marks that it does see are
 * deleted.
 *
 * A segment with many marks is made anew.  Its blocks are known to all writers,
 * so that the last step is enough.
 *
 * Only one process at a time works on a table.  It holds a lock of its own for
 * that, from beginning to end, and nothing but AccessShareLock on the table
 * while it reads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/pg_bitutils.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "table/table.h"
#include "worker/worker.h"

/* sub-object of a table whose lock makes compactions take turns */
#define COMPACT_LOCK_SUBID	1

/* ranges that are announced at a time: writers mark in them while they wait */
#define COMPACT_BATCH		256

/* how often to try to lock a table, ms */
#define COMPACT_LOCK_MS		20

/*
 * The end of a table stays as it is if it is less than this part of a segment:
 * so few pages are read in no time, and rows of small tables often change.
 */
#define COMPACT_LEAST_PART	64

/* blocks between two looks at the clock and at who waits for us */
#define COMPACT_STEP		64

/* a range that is to get a segment */
typedef struct CompactRange
{
	BlockNumber first;
	BlockNumber nblocks;
	int64		id;				/* of the row in the directory */
	int64		old;			/* segment to be replaced, or 0 */
} CompactRange;

/* what one round does */
typedef struct CompactRound
{
	Oid			relid;
	Oid			filenode;
	char	   *name;
	const CompactOptions *options;
	CompactResult *result;
	MemoryContext context;		/* of all this */
	CompactRange *ranges;
	int			nranges;
	BlockNumber from;			/* what is before was done in earlier rounds */
	bool		announced;		/* are there blocks that were not covered? */
	bool		more;			/* was there no room for all ranges? */
	CompactEnd	end;			/* what kept us from finishing, if anything */
} CompactRound;

/*---- the table ---- */

/*
 * Locks the table without queueing for the lock: the session that waits for
 * omendb.compact may have a lock that somebody in front of us waits for, and no
 * deadlock detector knows that it waits for us.
 */
static bool
lock_table(Oid relid)
{
	TimestampTz limit = GetCurrentTimestamp() +
	(int64) worker_lock_timeout * USECS_PER_SEC;

	while (!ConditionalLockRelationOid(relid, AccessShareLock))
	{
		if (GetCurrentTimestamp() >= limit || worker_database_wanted())
			return false;
		worker_nap(COMPACT_LOCK_MS);
	}
	return true;
}

/*
 * Opens the table, if it is one that may have segments.  Unlogged tables keep
 * their filenode when a crash empties them.
 */
static Relation
open_table(Oid relid)
{
	Relation	rel;

	if (!lock_table(relid) || !store_exists())
		return NULL;
	rel = try_relation_open(relid, NoLock);
	if (rel == NULL)
		return NULL;
	if ((rel->rd_rel->relkind == RELKIND_RELATION ||
		 rel->rd_rel->relkind == RELKIND_MATVIEW) &&
		rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT &&
		omendb_is_table(rel))
		return rel;
	relation_close(rel, AccessShareLock);
	return NULL;
}

static Oid
filenode_of(Relation rel)
{
	return (Oid) OmenRelNumber(OmenRelLocator(rel));
}

/* Begins a transaction, with a snapshot that is younger than the lock. */
static Relation
begin_transaction(Oid relid)
{
	Relation	rel;

	StartTransactionCommand();
	rel = open_table(relid);
	PushActiveSnapshot(GetTransactionSnapshot());
	return rel;
}

static void
end_transaction(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/*---- taking turns ---- */

static void
set_turn_tag(LOCKTAG *tag, Oid relid)
{
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, RelationRelationId, relid,
					   COMPACT_LOCK_SUBID);
}

static bool
take_turn(Oid relid, bool wait)
{
	LOCKTAG		tag;
	LockAcquireResult result;

	set_turn_tag(&tag, relid);
	StartTransactionCommand();
	result = LockAcquire(&tag, ExclusiveLock, true, !wait);
	CommitTransactionCommand();
	return result != LOCKACQUIRE_NOT_AVAIL;
}

static void
end_turn(Oid relid)
{
	LOCKTAG		tag;

	set_turn_tag(&tag, relid);
	LockRelease(&tag, ExclusiveLock, true);
}

/* Does a session wait for its turn, or somebody for the database? */
static bool
is_in_the_way(const CompactRound *round)
{
	LOCKTAG		tag;

	set_turn_tag(&tag, round->relid);
	return worker_database_wanted() ||
		(!round->options->now && LockHasWaiters(&tag, ExclusiveLock, true));
}

/*---- what there is to do ---- */

static void
add_range(CompactRound *round, BlockNumber first, BlockNumber nblocks,
		  int64 old)
{
	CompactRange *r;

	if (round->more || round->nranges >= COMPACT_BATCH)
	{
		round->more = true;
		return;
	}
	round->from = first + nblocks;
	r = &round->ranges[round->nranges++];
	r->first = first;
	r->nblocks = nblocks;
	r->old = old;
	r->id = store_next_id();
}

/* Has nothing changed in these blocks for some time? */
static bool
is_quiet(Relation rel, BlockNumber first, BlockNumber nblocks,
		 XLogRecPtr limit)
{
	BufferAccessStrategy strategy;
	bool		quiet = true;
	BlockNumber b;

	if (limit == PG_UINT64_MAX)
		return true;
	strategy = GetAccessStrategy(BAS_BULKREAD);
	for (b = first; quiet && b < first + nblocks; b++)
	{
		Buffer		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, b,
												RBM_NORMAL, strategy);

		CHECK_FOR_INTERRUPTS();
		quiet = BufferGetLSNAtomic(buffer) <= limit;
		ReleaseBuffer(buffer);
	}
	FreeAccessStrategy(strategy);
	return quiet;
}

/* Adds what of the uncovered blocks [first, end) is due. */
static void
add_gap(CompactRound *round, Relation rel, BlockNumber first, BlockNumber end,
		bool last)
{
	BlockNumber step = round->options->segment_blocks;

	while (first < end && !round->more)
	{
		BlockNumber n = Min(step, end - first);

		/* the end of the table is still growing */
		if (n < step && last &&
			(!round->options->now || n < step / COMPACT_LEAST_PART))
			break;
		if (is_quiet(rel, first, n, round->options->quiet))
			add_range(round, first, n, 0);
		first += n;
	}
}

/* The part of a segment's rows that is marked, in percent */
static double
marked_part(Relation rel, const Segment *segment)
{
	int			n;
	int			i;
	int			w;
	int64		rows = 0;
	BlockMarks *marks = store_marks(rel, GetActiveSnapshot(), segment->first,
									segment->nblocks, &n);

	for (i = 0; i < n; i++)
	{
		for (w = 0; w < lengthof(marks[i].offsets); w++)
			rows += pg_popcount64(marks[i].offsets[w]);
	}
	if (marks != NULL)
		pfree(marks);
	return rows * 100.0 / Max(segment->nrows, 1);
}

/* Is a column of no use any more, or the layout damaged? */
static bool
is_outdated(Relation rel, const Segment *segment)
{
	TupleDesc	desc = RelationGetDescr(rel);
	SegmentReader reader = {0};
	SegmentColumn *column;
	const char *problem;
	int			i;

	reader.rel = rel;
	reader.segment = segment;
	if (!layout_unpack(&reader, &problem))
		return true;
	for (i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped &&
			segment_column(&reader, i + 1, &column) == SEGMENT_COLUMN_CHANGED)
			return true;
	}
	return false;
}

static bool
needs_rebuild(CompactRound *round, Relation rel, const Segment *segment)
{
	double		part = marked_part(rel, segment);

	if (round->options->full)
		return part > 0 || is_outdated(rel, segment);
	return part >= worker_rebuild_threshold;
}

static void
add_rebuild(CompactRound *round, Relation rel, const Segment *segment)
{
	BlockNumber end = RelationGetNumberOfBlocks(rel);

	if (!needs_rebuild(round, rel, segment))
		return;
	end = Min(end, segment->first + segment->nblocks);
	if (end <= segment->first ||
		is_quiet(rel, segment->first, end - segment->first,
				 round->options->quiet))
		add_range(round, segment->first, segment->nblocks, segment->id);
}

/*
 * Looks at the directory.  Rows that are not valid are of a process that died:
 * we would not have our turn otherwise.
 */
static void
find_ranges(CompactRound *round, Relation rel)
{
	List	   *segments = store_directory(rel, NULL, round->options->full);
	BlockNumber from = round->from;
	BlockNumber next = from;
	BlockNumber end = RelationGetNumberOfBlocks(rel);
	ListCell   *lc;

	foreach(lc, segments)
	{
		Segment    *segment = lfirst(lc);

		if (!segment->valid)
		{
			store_drop_segment(rel, segment);
			continue;
		}
		add_gap(round, rel, next, Min(segment->first, end), false);
		if (segment->first >= from)
			add_rebuild(round, rel, segment);
		next = Max(next, segment->first + segment->nblocks);
	}
	add_gap(round, rel, next, end, true);
}

/* First step: announce what is to be covered. */
static void
announce(CompactRound *round, Relation rel)
{
	int			i;

	for (i = 0; i < round->nranges; i++)
	{
		Segment		segment = {0};

		if (round->ranges[i].old != 0)
			continue;
		segment.id = round->ranges[i].id;
		segment.first = round->ranges[i].first;
		segment.nblocks = round->ranges[i].nblocks;
		segment.layout = PointerGetDatum(palloc0(VARHDRSZ));
		SET_VARSIZE(DatumGetPointer(segment.layout), VARHDRSZ);
		store_add_segment(rel, &segment);
		round->announced = true;
	}
	if (round->announced)
		CacheInvalidateRelcache(rel);
}

static void
plan_round(CompactRound *round)
{
	Relation	rel;

	rel = begin_transaction(round->relid);
	if (rel != NULL)
	{
		round->filenode = filenode_of(rel);
		round->name = MemoryContextStrdup(round->context,
										  quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
																	 RelationGetRelationName(rel)));
		find_ranges(round, rel);
		announce(round, rel);
		relation_close(rel, NoLock);
	}
	else
		round->end = COMPACT_CHANGED;
	end_transaction();
}

/*---- making segments ---- */

static void
report_progress(CompactRound *round, int done)
{
	char		activity[NAMEDATALEN * 2 + 100];

	snprintf(activity, sizeof(activity), "omendb: compacting %s, segment %d of %d",
			 round->name, done + 1, round->nranges);
	pgstat_report_activity(STATE_RUNNING, activity);
}

/* Reads the blocks, unless we are in somebody's way. */
static bool
read_blocks(CompactRound *round, Relation rel, SegmentWriter *writer,
			const CompactRange *range)
{
	BlockNumber end = Min(range->first + range->nblocks,
						  RelationGetNumberOfBlocks(rel));
	BlockNumber b;

	for (b = range->first; b < end;)
	{
		BlockNumber n = Min(COMPACT_STEP, end - b);

		if (is_in_the_way(round))
		{
			round->end = COMPACT_STOPPED;
			return false;
		}
		segment_write_blocks(writer, b, n);
		b += n;
		if (!round->options->now)
			worker_throttle((int64) n * BLCKSZ);
	}
	return true;
}

/* Replaces a range's row of the directory, and what the new one makes void. */
static void
publish(Relation rel, Snapshot snapshot, const CompactRange *range,
		const Segment *segment)
{
	Segment		gone = {0};

	store_drop_marks(rel, snapshot, range->first, range->nblocks);
	gone.first = range->first;
	gone.id = range->old != 0 ? range->old : range->id;
	store_drop_segment(rel, &gone);
	if (range->old != 0)
		store_drop_blobs(range->old);
	store_add_segment(rel, segment);
}

/* Last step, in a transaction whose snapshot is active */
static bool
make_segment(CompactRound *round, Relation rel, const CompactRange *range)
{
	Snapshot	snapshot = GetActiveSnapshot();
	Segment		segment = {0};
	SegmentWriter *writer;

	segment.id = range->id;
	segment.first = range->first;
	segment.nblocks = range->nblocks;
	segment_inline_limit = round->options->inline_limit;
	writer = segment_write_begin(rel, snapshot, range->first, range->nblocks);
	if (!read_blocks(round, rel, writer, range))
		return false;
	round->result->bytes += segment_write_end(writer, &segment);
	publish(rel, snapshot, range, &segment);
	round->result->segments++;
	round->result->blocks += segment.nblocks;
	round->result->rows += segment.nrows;
	return true;
}

/*
 * Are the range's blocks covered still, as they have been since we announced
 * them?  omendb.disable drops the row and lets writers forget the blocks, and
 * omendb.enable does not bring it back.  The table is locked, so that it stays
 * as it is.
 */
static bool
is_covered(Relation rel, const CompactRange *range)
{
	return store_has_segment(rel, range->first,
							 range->old != 0 ? range->old : range->id);
}

/*
 * False if the segment could not be made.  Nothing was written then, and the
 * transaction commits nevertheless: to abort it would be to lose our turn,
 * because that takes a session's locks away, too.
 */
static bool
make_in_transaction(CompactRound *round, const CompactRange *range)
{
	bool		done = false;
	Relation	rel;

	rel = begin_transaction(round->relid);
	if (rel == NULL || filenode_of(rel) != round->filenode ||
		!is_covered(rel, range))
		round->end = COMPACT_CHANGED;
	else
		done = make_segment(round, rel, range);
	if (rel != NULL)
		relation_close(rel, NoLock);
	end_transaction();
	return done;
}

static void
make_segments(CompactRound *round)
{
	int			i;

	for (i = 0; i < round->nranges; i++)
	{
		report_progress(round, i);
		if (!make_in_transaction(round, &round->ranges[i]))
			return;
	}
}

/*---- afterwards ---- */

/* Removes what was announced and did not come. */
static void
drop_unfinished(Oid relid)
{
	Relation	rel;
	ListCell   *lc;

	rel = begin_transaction(relid);
	if (rel != NULL)
	{
		foreach(lc, store_directory(rel, NULL, false))
		{
			Segment    *segment = lfirst(lc);

			if (!segment->valid)
				store_drop_segment(rel, segment);
		}
		relation_close(rel, NoLock);
	}
	end_transaction();
}

/* Makes few rows of many rows of marks. */
static void
merge_marks(Oid relid)
{
	Relation	rel;
	ListCell   *lc;

	rel = begin_transaction(relid);
	if (rel != NULL)
	{
		foreach(lc, store_directory(rel, GetActiveSnapshot(), false))
		{
			Segment    *segment = lfirst(lc);

			if (segment->valid)
				store_merge_marks(rel, GetActiveSnapshot(), segment->first,
								  segment->nblocks, worker_merge_threshold);
		}
		relation_close(rel, NoLock);
	}
	end_transaction();
}

static void
run_round(CompactRound *round)
{
	plan_round(round);
	if (round->end == COMPACT_DONE && round->announced &&
		!worker_wait_for_writers(round->relid))
		round->end = COMPACT_WRITERS;
	if (round->end == COMPACT_DONE)
		make_segments(round);
	if (round->end != COMPACT_DONE)
		drop_unfinished(round->relid);
}

static void
run_rounds(CompactRound *round)
{
	do
	{
		round->nranges = 0;
		round->announced = false;
		round->more = false;
		run_round(round);
	} while (round->end == COMPACT_DONE && round->more);
	merge_marks(round->relid);
}

/*
 * compact_table: makes the segments that are due.  Called outside a
 * transaction, in a process of its own; result is added to.
 */
CompactEnd
compact_table(Oid relid, const CompactOptions *options, CompactResult *result)
{
	CompactRound round = {0};

	if (!take_turn(relid, options->now))
		return COMPACT_BUSY;
	round.relid = relid;
	round.options = options;
	round.result = result;
	round.end = COMPACT_DONE;
	round.context = AllocSetContextCreate(TopMemoryContext,
										  "omendb compaction",
										  ALLOCSET_DEFAULT_SIZES);
	round.ranges = MemoryContextAlloc(round.context,
									  COMPACT_BATCH * sizeof(CompactRange));
	worker_throttle_begin();
	PG_TRY();
	{
		run_rounds(&round);
	}
	PG_FINALLY();
	{
		/* a lock of the session survives the end of the transaction */
		end_turn(relid);
		MemoryContextDelete(round.context);
	}
	PG_END_TRY();
	return round.end;
}
