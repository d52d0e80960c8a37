/*-------------------------------------------------------------------------
 *
 * tableindex.c
 *	  The scans that build an index on an omendb table, and that complete one
 *	  built concurrently.
 *
 * heapam's own read with heap_getnext, which refuses a table that is not
 * heapam's, so these read through a slot.  What they find must be the same:
 *
 *	- A plain build sees every tuple and judges each by itself, because old
 *	  snapshots may use the index for rows that are dead by now.  A concurrent
 *	  build sees what its snapshot sees.
 *	- The members of a HOT chain have one index entry, which points at the
 *	  chain's root and has the values of the member that is alive.
 *	- If a dead member had other values the index must not be used by snapshots
 *	  that still see it ("broken HOT chain").
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

#include "table/table.h"
#include "table/tableinternal.h"

/* Where the HOT chains of one block begin */
typedef struct ChainRoots
{
	BlockNumber block;
	OffsetNumber offsets[MaxHeapTuplesPerPage];
} ChainRoots;

/* A scan of the table, and what computes index entries of its tuples */
typedef struct EntryScan
{
	Relation	heap;
	Relation	index;
	IndexInfo  *info;
	TableScanDesc scan;
	TupleTableSlot *slot;
	EState	   *estate;
	ExprContext *econtext;
	ExprState  *predicate;
	ChainRoots	roots;
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
} EntryScan;

/* What a plain build knows besides */
typedef struct Build
{
	EntryScan	base;
	bool		judge;			/* all tuples come, not a snapshot's */
	bool		anyvisible;		/* unfinished tuples are as good as finished */
	bool		unique;			/* the index wants to know what is alive */
	TransactionId horizon;		/* nobody sees what was dead before */
	double		live;
	BlockNumber reported;		/* progress */
} Build;

/* What becomes of one tuple */
typedef struct Verdict
{
	bool		index;			/* has an index entry */
	bool		alive;			/* takes part in uniqueness checks */
	bool		counts;			/* counts as a live row */
	TransactionId wait;			/* it depends on how this one ends */
} Verdict;

/*---- entries of tuples ---- */

static void
begin_entries(EntryScan *es, Relation heap, Relation index, IndexInfo *info)
{
	es->heap = heap;
	es->index = index;
	es->info = info;
	es->estate = CreateExecutorState();
	es->econtext = GetPerTupleExprContext(es->estate);
	es->slot = table_slot_create(heap, NULL);
	es->econtext->ecxt_scantuple = es->slot;
	es->predicate = ExecPrepareQual(info->ii_Predicate, es->estate);
	es->roots.block = InvalidBlockNumber;
}

static void
end_entries(EntryScan *es)
{
	ExecDropSingleTupleTableSlot(es->slot);
	FreeExecutorState(es->estate);

	/* these were made in the memory that is gone */
	es->info->ii_ExpressionsState = NIL;
	es->info->ii_PredicateState = NULL;
}

/* Computes the entry of the tuple in the slot; false: the index has none. */
static bool
form_entry(EntryScan *es)
{
	MemoryContextReset(es->econtext->ecxt_per_tuple_memory);
	if (es->predicate != NULL && !ExecQual(es->predicate, es->econtext))
		return false;
	FormIndexDatum(es->info, es->slot, es->estate, es->values, es->nulls);
	return true;
}

static HeapTuple
slot_tuple(const EntryScan *es)
{
	return ((BufferHeapTupleTableSlot *) es->slot)->base.tuple;
}

/* The slot's pin on the page keeps pruning away as long as the tuple is used */
static Buffer
slot_buffer(const EntryScan *es)
{
	return ((BufferHeapTupleTableSlot *) es->slot)->buffer;
}

static void
read_roots(EntryScan *es)
{
	Buffer		buf = slot_buffer(es);

	LockBuffer(buf, BUFFER_LOCK_SHARE);
	heap_get_root_tuples(BufferGetPage(buf), es->roots.offsets);
	LockBuffer(buf, BUFFER_LOCK_UNLOCK);
	es->roots.block = BufferGetBlockNumber(buf);
}

/*
 * Knows the chains of the tuple's block from here on.  True when the block is
 * another one than before.
 */
static bool
enter_block(EntryScan *es)
{
	if (es->roots.block == BufferGetBlockNumber(slot_buffer(es)))
		return false;
	read_roots(es);
	return true;
}

/* A member of a chain whose root is not known: the page is damaged. */
pg_noreturn static void
report_no_root(const EntryScan *es, const ItemPointerData *tid)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("heap-only tuple (%u,%u) of table \"%s\" belongs to no tuple",
					ItemPointerGetBlockNumber(tid),
					ItemPointerGetOffsetNumber(tid),
					RelationGetRelationName(es->heap)),
			 errhint("The table is damaged. Restore it from a backup, or dump its rows and load them again.")));
}

/*
 * The TID that the index entry of the slot's tuple points at: its own, or that
 * of the root of its chain.  If the chain is not known it may have come after
 * the page was looked at, and reread is asked for.
 */
static ItemPointerData
entry_tid(EntryScan *es, bool reread)
{
	HeapTuple	tup = slot_tuple(es);
	ItemPointerData tid = tup->t_self;
	OffsetNumber offset = ItemPointerGetOffsetNumber(&tid);

	if (!HeapTupleIsHeapOnly(tup))
		return tid;
	if (reread && es->roots.offsets[offset - 1] == InvalidOffsetNumber)
		read_roots(es);
	if (!OffsetNumberIsValid(es->roots.offsets[offset - 1]))
		report_no_root(es, &tid);
	ItemPointerSetOffsetNumber(&tid, es->roots.offsets[offset - 1]);
	return tid;
}

/*---- progress ---- */

static BlockNumber
scan_blocks(TableScanDesc scan)
{
	if (scan->rs_parallel != NULL)
		return ((ParallelBlockTableScanDesc) scan->rs_parallel)->phs_nblocks;
	return ((HeapScanDesc) scan)->rs_nblocks;
}

static BlockNumber
scan_start(TableScanDesc scan)
{
	if (scan->rs_parallel != NULL)
		return ((ParallelBlockTableScanDesc) scan->rs_parallel)->phs_startblock;
	return ((HeapScanDesc) scan)->rs_startblock;
}

/* A scan that does not start at the first block wraps around. */
static void
report_blocks(Build *build)
{
	TableScanDesc scan = build->base.scan;
	BlockNumber block = ((HeapScanDesc) scan)->rs_cblock;
	BlockNumber start = scan_start(scan);
	BlockNumber done;

	done = block > start ? block - start : scan_blocks(scan) - start + block;
	if (done == build->reported)
		return;
	build->reported = done;
	pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, done);
}

/*---- a plain build's judgement of a tuple ---- */

static bool
is_own(TransactionId xid)
{
	return TransactionIdIsCurrentTransactionId(xid);
}

static void
warn_of_writer(Build *build)
{
	ereport(WARNING,
			(errmsg("another transaction writes to table \"%s\" while an index is built",
					RelationGetRelationName(build->base.heap))));
}

/*
 * Recently dead: an old snapshot may still look for it.  If the chain goes on
 * the entry is that of a later member, which has other values.
 */
static void
judge_dying(Build *build, HeapTuple tup, Verdict *verdict)
{
	verdict->index = !HeapTupleIsHotUpdated(tup);
	if (!verdict->index)
		build->base.info->ii_BrokenHotChain = true;
}

/*
 * Nobody but this transaction should be inserting while the table is locked.
 * Where one does, a uniqueness check needs to know how it ends.
 */
static void
judge_inserting(Build *build, HeapTuple tup, Verdict *verdict)
{
	TransactionId xmin = HeapTupleHeaderGetXmin(tup->t_data);

	verdict->index = verdict->alive = true;
	verdict->counts = build->anyvisible || is_own(xmin);
	if (verdict->counts)
		return;
	warn_of_writer(build);
	if (build->unique)
		verdict->wait = xmin;
}

/*
 * The same for a deletion.  How it ends also decides which member of a chain
 * has the entry.
 */
static void
judge_deleting(Build *build, HeapTuple tup, Verdict *verdict)
{
	TransactionId xmax;

	verdict->index = true;
	verdict->counts = true;
	if (build->anyvisible)
		return;

	xmax = HeapTupleHeaderGetUpdateXid(tup->t_data);
	if (is_own(xmax))
	{
		verdict->counts = false;
		judge_dying(build, tup, verdict);
		return;
	}
	warn_of_writer(build);
	if (build->unique || HeapTupleIsHotUpdated(tup))
		verdict->wait = xmax;
}

/* The caller holds a share lock on the page. */
static void
judge_locked(Build *build, HeapTuple tup, Buffer buf, Verdict *verdict)
{
	MemSet(verdict, 0, sizeof(Verdict));
	switch (HeapTupleSatisfiesVacuum(tup, build->horizon, buf))
	{
		case HEAPTUPLE_DEAD:
			break;
		case HEAPTUPLE_LIVE:
			verdict->index = verdict->alive = verdict->counts = true;
			break;
		case HEAPTUPLE_RECENTLY_DEAD:
			judge_dying(build, tup, verdict);
			break;
		case HEAPTUPLE_INSERT_IN_PROGRESS:
			judge_inserting(build, tup, verdict);
			break;
		case HEAPTUPLE_DELETE_IN_PROGRESS:
			judge_deleting(build, tup, verdict);
			break;
	}
}

/* The same, waiting for other transactions as long as that is necessary */
static void
judge(Build *build, Verdict *verdict)
{
	HeapTuple	tup = slot_tuple(&build->base);
	Buffer		buf = slot_buffer(&build->base);

	for (;;)
	{
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		judge_locked(build, tup, buf, verdict);
		LockBuffer(buf, BUFFER_LOCK_UNLOCK);
		if (!TransactionIdIsValid(verdict->wait))
			return;
		XactLockTableWait(verdict->wait, build->base.heap, &tup->t_self,
						  XLTW_InsertIndexUnique);
		CHECK_FOR_INTERRUPTS();
	}
}

/*---- the build ---- */

/*
 * The scan of a serial build.  Returns the snapshot to unregister at the end,
 * or NULL.
 */
static Snapshot
begin_serial_scan(Build *build, bool allow_sync)
{
	Snapshot	snapshot = SnapshotAny;

	if (!build->judge)
		snapshot = RegisterSnapshot(GetTransactionSnapshot());
	build->base.scan = table_beginscan_strat(build->base.heap, snapshot, 0,
											 NULL, true, allow_sync);
	return build->judge ? NULL : snapshot;
}

/* Handles the tuple in the slot. */
static void
build_tuple(Build *build, IndexBuildCallback callback, void *state)
{
	EntryScan  *es = &build->base;
	Verdict		verdict = {true, true, true, InvalidTransactionId};
	ItemPointerData tid;

	enter_block(es);
	if (build->judge)
		judge(build, &verdict);
	if (verdict.counts)
		build->live += 1;
	if (!verdict.index || !form_entry(es))
		return;
	tid = entry_tid(es, true);
	callback(es->index, &tid, es->values, es->nulls, verdict.alive, state);
}

static void
init_build(Build *build, IndexInfo *info, bool anyvisible)
{
	build->judge = !info->ii_Concurrent;
	build->anyvisible = anyvisible;
	build->unique = info->ii_Unique || info->ii_ExclusionOps != NULL;
	build->live = 0;
	build->reported = InvalidBlockNumber;
	build->horizon = InvalidTransactionId;
	Assert(!(anyvisible && build->unique));
}

static void
scan_for_build(Build *build, bool progress, IndexBuildCallback callback,
			   void *state)
{
	TableScanDesc scan = build->base.scan;

	if (progress)
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL,
									 scan_blocks(scan));
	while (table_scan_getnextslot(scan, ForwardScanDirection,
								  build->base.slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (progress)
			report_blocks(build);
		build_tuple(build, callback, state);
	}
	if (progress)
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE,
									 scan_blocks(scan));
}

/*
 * table_build_range_scan: calls callback with the index entry of each tuple in
 * nblocks blocks from start on (InvalidBlockNumber: in all).  scan is the
 * caller's part of a parallel scan, or NULL; see table_index_build_range_scan
 * for the rest.  Returns the number of live rows, those that a partial index
 * leaves out included.
 */
double
table_build_range_scan(Relation heap, Relation index, IndexInfo *info,
					   bool allow_sync, bool anyvisible, bool progress,
					   BlockNumber start, BlockNumber nblocks,
					   IndexBuildCallback callback, void *state,
					   TableScanDesc scan)
{
	Build		build;
	Snapshot	snapshot = NULL;

	init_build(&build, info, anyvisible);
	begin_entries(&build.base, heap, index, info);
	if (build.judge)
		build.horizon = GetOldestNonRemovableTransactionId(heap);
	build.base.scan = scan;
	if (scan == NULL)
		snapshot = begin_serial_scan(&build, allow_sync);
	Assert(build.judge == (build.base.scan->rs_snapshot == SnapshotAny));
	if (!allow_sync)
		heap_setscanlimits(build.base.scan, start, nblocks);

	scan_for_build(&build, progress, callback, state);

	/* the slot's pin must not outlive the scan's snapshot */
	ExecClearTuple(build.base.slot);
	table_endscan(build.base.scan);
	if (snapshot != NULL)
		UnregisterSnapshot(snapshot);
	end_entries(&build.base);
	return build.live;
}

/*---- completing a concurrent build ---- */

/*
 * The TIDs that the index has, in order, read beside the table.  Rows come in
 * the order of their own offsets, but have the TIDs of their roots, so that an
 * entry of the same block may have been passed already.
 */
typedef struct Indexed
{
	Tuplesortstate *sort;
	bool		done;
	bool		started;
	ItemPointerData tid;		/* where we are */
	bool		passed[MaxHeapTuplesPerPage];	/* offsets of the block */
} Indexed;

static void
next_indexed(Indexed *indexed, BlockNumber block)
{
	Datum		value;
	bool		isnull;

	if (indexed->started && ItemPointerGetBlockNumber(&indexed->tid) == block)
		indexed->passed[ItemPointerGetOffsetNumber(&indexed->tid) - 1] = true;
	indexed->started = true;
	if (!OmenTuplesortGetDatum(indexed->sort, true, &value, &isnull))
	{
		indexed->done = true;
		return;
	}
	itemptr_decode(&indexed->tid, DatumGetInt64(value));
#if PG_VERSION_NUM < 160000 && !defined(USE_FLOAT8_BYVAL)
	pfree(DatumGetPointer(value));
#endif
}

/* Does the index have an entry for the TID?  TIDs come block by block. */
static bool
is_indexed(Indexed *indexed, ItemPointerData *tid)
{
	while (!indexed->done && (!indexed->started ||
							  ItemPointerCompare(&indexed->tid, tid) < 0))
		next_indexed(indexed, ItemPointerGetBlockNumber(tid));
	return (!indexed->done && ItemPointerEquals(&indexed->tid, tid)) ||
		indexed->passed[ItemPointerGetOffsetNumber(tid) - 1];
}

/* Handles the tuple in the slot. */
static void
validate_tuple(EntryScan *es, Indexed *indexed, ValidateIndexState *state)
{
	ItemPointerData tid;

	if (enter_block(es))
	{
		memset(indexed->passed, 0, sizeof(indexed->passed));
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE,
									 es->roots.block);
	}
	tid = entry_tid(es, false);
	if (is_indexed(indexed, &tid) || !form_entry(es))
		return;

	/*
	 * A uniqueness check is of use even if the row is dead by now: it stands
	 * for its chain, whose later members had no entries to make.
	 */
	index_insert(es->index, es->values, es->nulls, &tid, es->heap,
				 es->info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
				 false, es->info);
	state->tups_inserted += 1;
}

/*
 * table_validate_scan: adds to the index the entries of the rows that the
 * snapshot sees and that state->tuplesort, the TIDs in the index, does not
 * have.  Counts them in state.
 */
void
table_validate_scan(Relation heap, Relation index, IndexInfo *info,
					Snapshot snapshot, ValidateIndexState *state)
{
	EntryScan	es;
	Indexed		indexed = {0};

	indexed.sort = state->tuplesort;
	begin_entries(&es, heap, index, info);

	/* from the first block on, as the TIDs are */
	es.scan = table_beginscan_strat(heap, snapshot, 0, NULL, true, false);
	pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL,
								 scan_blocks(es.scan));
	while (table_scan_getnextslot(es.scan, ForwardScanDirection, es.slot))
	{
		CHECK_FOR_INTERRUPTS();
		state->htups += 1;
		validate_tuple(&es, &indexed, state);
	}
	ExecClearTuple(es.slot);
	table_endscan(es.scan);
	end_entries(&es);
}
