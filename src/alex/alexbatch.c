/*-------------------------------------------------------------------------
 *
 * alexbatch.c
 *	  Batched insertion: a statement's entries are collected in backend
 *	  memory, sorted, and merged into the leaves one leaf at a time.
 *
 * Rows of an unfinished statement are invisible to all MVCC snapshots but
 * those taken later in the same transaction, so their entries may be late as
 * long as they are there before anybody can look for them:
 *
 *	- the end of every executor run and of every utility command (COPY)
 *	- any scan of the index by this backend, and any start of a parallel plan
 *	- the end of a subtransaction; entries of an aborted one are thrown away,
 *	  because VACUUM may reuse their TIDs at once
 *	- any utility command (DDL in the same transaction)
 *	- commit and prepare, as a safety net
 *
 * Never collected: entries of unique and exclusion constraints, of statements
 * with ON CONFLICT (a speculative row can be killed without an abort), and
 * whatever is inserted outside of the executor and COPY (logical apply,
 * CREATE INDEX CONCURRENTLY).  A statement's first entries go straight in, so
 * that small transactions pay nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "alex/alexbuild.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/hsearch.h"

bool		alex_batch = true;
int			alex_batch_size = 65536;

/* entries of a statement that are inserted directly */
#define ALEX_DIRECT_ENTRIES 8

/* entries for each page of the index, above which merging them pays */
#define ALEX_FLUSH_DENSITY	64

typedef struct AlexBatch
{
	Oid			indexoid;		/* hash key */
	Oid			heapoid;
	RelFileNumber relnumber;
	SubTransactionId subid;		/* whose entries these are */
	MemoryContext cxt;			/* NULL: no entries */
	AlexInfo   *info;
	AlexSpool  *spool;
} AlexBatch;

static HTAB *alex_batches = NULL;
static int	alex_pending = 0;	/* batches that hold entries */
static int	alex_depth = 0;		/* executor runs and COPYs we are in */
static int	alex_conflicts = 0; /* statements with ON CONFLICT among them */
static uint64 alex_statement = 0;	/* the innermost one */
static uint64 alex_next_statement = 0;

static ExecutorStart_hook_type prev_ExecutorStart = NULL;
static ExecutorRun_hook_type prev_ExecutorRun = NULL;
static ExecutorFinish_hook_type prev_ExecutorFinish = NULL;
static ProcessUtility_hook_type prev_ProcessUtility = NULL;

/*---- collecting ---- */

static AlexBatch *
alex_get_batch(Oid indexoid)
{
	AlexBatch  *batch;
	bool		found;

	if (alex_batches == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = sizeof(AlexBatch);
		alex_batches = hash_create("omendb alex batches", 16, &ctl,
								   HASH_ELEM | HASH_BLOBS);
	}
	batch = hash_search(alex_batches, &indexoid, HASH_ENTER, &found);
	if (!found)
		memset((char *) batch + sizeof(Oid), 0, sizeof(AlexBatch) - sizeof(Oid));
	return batch;
}

/* Throws a batch's entries away */
static void
alex_clear_batch(AlexBatch *batch)
{
	if (batch->cxt == NULL)
		return;
	MemoryContextDelete(batch->cxt);
	batch->cxt = NULL;
	alex_pending--;
}

static void
alex_open_batch(AlexBatch *batch, Relation rel, Relation heap)
{
	MemoryContext cxt = AllocSetContextCreate(TopTransactionContext,
											  "alex batch",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);

	/* the executor lets go of its lock before we are done */
	LockRelationOid(batch->indexoid, RowExclusiveLock);
	batch->info = palloc(sizeof(AlexInfo));
	alex_get_info(rel, batch->info);
	batch->spool = alex_spool_begin(rel, batch->info,
									(Size) alex_batch_size * 1024);
	MemoryContextSwitchTo(old);
	batch->cxt = cxt;
	alex_pending++;
	batch->heapoid = RelationGetRelid(heap);
	batch->relnumber = rel->rd_rel->relfilenode;
	batch->subid = GetCurrentSubTransactionId();
}

/* May entries of this index wait? */
static bool
alex_may_batch(Relation rel)
{
	return alex_batch && alex_depth > 0 && alex_conflicts == 0 &&
		!rel->rd_index->indisunique && !rel->rd_index->indisexclusion;
}

/* Is this one of the first entries of its statement and index? */
static bool
alex_is_early(Oid indexoid)
{
	static struct
	{
		Oid			indexoid;
		uint32		seen;
		uint64		statement;
	}			recent[16], *slot;

	slot = &recent[indexoid % lengthof(recent)];
	if (slot->indexoid != indexoid || slot->statement != alex_statement)
	{
		slot->indexoid = indexoid;
		slot->statement = alex_statement;
		slot->seen = 0;
	}
	if (slot->seen >= ALEX_DIRECT_ENTRIES)
		return false;
	slot->seen++;
	return true;
}

/*
 * The open batch for an entry of this statement; NULL: insert it now.
 */
static AlexBatch *
alex_choose_batch(Relation rel, Relation heap)
{
	AlexBatch  *batch;

	if (!alex_may_batch(rel) || alex_is_early(RelationGetRelid(rel)))
		return NULL;
	batch = alex_get_batch(RelationGetRelid(rel));
	if (batch->cxt != NULL && batch->subid != GetCurrentSubTransactionId())
		alex_batch_flush(batch->indexoid);
	if (batch->cxt == NULL)
		alex_open_batch(batch, rel, heap);
	return batch;
}

/*
 * Is it time to insert what a full batch holds?  If its entries are few for the
 * size of the index, each leaf would be rewritten for a handful of them, and
 * again by the next batch: it goes to a file instead, and waits for more.
 * Entries that came in order have leaves of their own.
 */
static bool
alex_batch_is_dense(const AlexBatch *batch, Relation rel)
{
	return alex_spool_entries(batch->spool) >=
		(int64) ALEX_FLUSH_DENSITY * RelationGetNumberOfBlocks(rel) ||
		alex_spool_in_order(batch->spool);
}

/*
 * alex_batch_add: keeps an entry for later; false: insert it now
 */
bool
alex_batch_add(Relation rel, Relation heap, Datum *values, bool *isnull,
			   ItemPointer tid)
{
	static Oid	lastoid = InvalidOid;
	static uint64 laststatement = 0;
	static AlexBatch *batch = NULL;

	/* the same index in the same statement needs no look-up */
	if (lastoid != RelationGetRelid(rel) || laststatement != alex_statement ||
		alex_pending == 0 || batch->cxt == NULL ||
		batch->subid != GetCurrentSubTransactionId())
	{
		lastoid = InvalidOid;
		batch = alex_choose_batch(rel, heap);
		if (batch == NULL)
			return false;
		lastoid = RelationGetRelid(rel);
		laststatement = alex_statement;
	}
	alex_spool_put(batch->spool, tid, values, isnull, true);
	if (alex_spool_full(batch->spool) && alex_batch_is_dense(batch, rel))
		alex_batch_flush(batch->indexoid);
	return true;
}

/*---- flushing ---- */

static void
alex_flush_batch(AlexBatch *batch)
{
	AlexBatch	work = *batch;
	Relation	heap;
	Relation	rel;
	MemoryContext old = MemoryContextSwitchTo(work.cxt);

	/* what is inserted from now on is another batch */
	batch->cxt = NULL;
	alex_pending--;

	heap = table_open(work.heapoid, RowExclusiveLock);
	rel = index_open(work.indexoid, RowExclusiveLock);
	if (rel->rd_rel->relfilenode == work.relnumber)
	{
		alex_spool_finish(work.spool);
		alex_merge_spool(rel, work.info, heap, work.spool);
	}
	alex_spool_end(work.spool);
	index_close(rel, NoLock);
	table_close(heap, NoLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work.cxt);
}

/*
 * alex_batch_flush: inserts what is pending for an index, or for all
 */
void
alex_batch_flush(Oid indexoid)
{
	HASH_SEQ_STATUS seq;
	AlexBatch  *batch;

	if (alex_pending == 0)
		return;
	if (OidIsValid(indexoid))
	{
		batch = hash_search(alex_batches, &indexoid, HASH_FIND, NULL);
		if (batch != NULL && batch->cxt != NULL)
			alex_flush_batch(batch);
		return;
	}
	while (alex_pending > 0)
	{
		AlexBatch  *next = NULL;

		/* flushing may call functions that insert: start over each time */
		hash_seq_init(&seq, alex_batches);
		while ((batch = hash_seq_search(&seq)) != NULL)
		{
			if (batch->cxt != NULL)
				next = batch;
		}
		alex_flush_batch(next);
	}
}

/* Throws away what subtransactions from subid on have collected. */
static void
alex_discard_subxact(SubTransactionId subid)
{
	HASH_SEQ_STATUS seq;
	AlexBatch  *batch;

	if (alex_pending == 0)
		return;
	hash_seq_init(&seq, alex_batches);
	while ((batch = hash_seq_search(&seq)) != NULL)
	{
		if (batch->cxt != NULL && batch->subid >= subid)
			alex_clear_batch(batch);
	}
}

/*
 * alex_batch_discard: forgets all about a relation's storage, which is about
 * to be filled anew
 */
void
alex_batch_discard(RelFileNumber relnumber)
{
	HASH_SEQ_STATUS seq;
	AlexBatch  *batch;

	alex_route_forget(relnumber);
	if (alex_pending == 0)
		return;
	hash_seq_init(&seq, alex_batches);
	while ((batch = hash_seq_search(&seq)) != NULL)
	{
		if (batch->cxt != NULL && batch->relnumber == relnumber)
			alex_clear_batch(batch);
	}
}

/*---- end of transactions ---- */

static void
alex_forget_batches(void)
{
	/* contexts and locks went with the transaction */
	if (alex_batches != NULL)
		hash_destroy(alex_batches);
	alex_batches = NULL;
	alex_pending = 0;
}

static void
alex_xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			alex_batch_flush(InvalidOid);
			/* callbacks after ours may insert as well: nothing waits for them */
			alex_depth = 0;
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
			alex_discard_subxact(0);
			alex_forget_batches();
			alex_depth = alex_conflicts = 0;
			break;
		default:
			alex_forget_batches();
			break;
	}
	(void) arg;
}

static void
alex_subxact_callback(SubXactEvent event, SubTransactionId mySubid,
					  SubTransactionId parentSubid, void *arg)
{
	if (event == SUBXACT_EVENT_PRE_COMMIT_SUB)
		alex_batch_flush(InvalidOid);
	else if (event == SUBXACT_EVENT_ABORT_SUB)
		alex_discard_subxact(mySubid);
	(void) parentSubid;
	(void) arg;
}

/*---- statements ---- */

static bool
alex_plan_has_conflict(Plan *plan)
{
	return plan != NULL && IsA(plan, ModifyTable) &&
		((ModifyTable *) plan)->onConflictAction != ONCONFLICT_NONE;
}

/* ModifyTable is the top node, or that of a WITH query. */
static bool
alex_stmt_has_conflict(PlannedStmt *stmt)
{
	ListCell   *lc;

	if (stmt->commandType == CMD_UTILITY)
		return false;
	if (alex_plan_has_conflict(stmt->planTree))
		return true;
	foreach(lc, stmt->subplans)
	{
		if (alex_plan_has_conflict((Plan *) lfirst(lc)))
			return true;
	}
	return false;
}

static void
alex_ExecutorStart(QueryDesc *queryDesc, int eflags)
{
	if (queryDesc->plannedstmt->parallelModeNeeded)
		alex_batch_flush(InvalidOid);
	if (prev_ExecutorStart)
		prev_ExecutorStart(queryDesc, eflags);
	else
		standard_ExecutorStart(queryDesc, eflags);
}

/* State to come back to after a statement */
typedef struct AlexNesting
{
	int			depth;
	int			conflicts;
	uint64		statement;
} AlexNesting;

static void
alex_enter(AlexNesting *save, bool conflict)
{
	save->depth = alex_depth;
	save->conflicts = alex_conflicts;
	save->statement = alex_statement;
	alex_depth++;
	alex_conflicts += conflict ? 1 : 0;
	alex_statement = ++alex_next_statement;
}

static void
alex_leave(const AlexNesting *save)
{
	alex_depth = save->depth;
	alex_conflicts = save->conflicts;
	alex_statement = save->statement;
}

static void
#if PG_VERSION_NUM >= 180000
alex_ExecutorRun(QueryDesc *queryDesc, ScanDirection direction, uint64 count)
#else
alex_ExecutorRun(QueryDesc *queryDesc, ScanDirection direction, uint64 count,
				 bool execute_once)
#endif
{
	AlexNesting save;

	alex_enter(&save, alex_stmt_has_conflict(queryDesc->plannedstmt));
	PG_TRY();
	{
#if PG_VERSION_NUM >= 180000
		if (prev_ExecutorRun)
			prev_ExecutorRun(queryDesc, direction, count);
		else
			standard_ExecutorRun(queryDesc, direction, count);
#else
		if (prev_ExecutorRun)
			prev_ExecutorRun(queryDesc, direction, count, execute_once);
		else
			standard_ExecutorRun(queryDesc, direction, count, execute_once);
#endif
		alex_batch_flush(InvalidOid);
	}
	PG_FINALLY();
	{
		alex_leave(&save);
	}
	PG_END_TRY();
}

/* WITH queries may still have rows to insert, and triggers fire. */
static void
alex_ExecutorFinish(QueryDesc *queryDesc)
{
	AlexNesting save;

	alex_enter(&save, alex_stmt_has_conflict(queryDesc->plannedstmt));
	PG_TRY();
	{
		if (prev_ExecutorFinish)
			prev_ExecutorFinish(queryDesc);
		else
			standard_ExecutorFinish(queryDesc);
		alex_batch_flush(InvalidOid);
	}
	PG_FINALLY();
	{
		alex_leave(&save);
	}
	PG_END_TRY();
}

static void
alex_call_utility(PlannedStmt *pstmt, const char *queryString,
				  bool readOnlyTree, ProcessUtilityContext context,
				  ParamListInfo params, QueryEnvironment *queryEnv,
				  DestReceiver *dest, QueryCompletion *qc)
{
	if (prev_ProcessUtility)
		prev_ProcessUtility(pstmt, queryString, readOnlyTree, context, params,
							queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
}

/* COPY inserts without the executor's hooks. */
static void
alex_ProcessUtility(PlannedStmt *pstmt, const char *queryString,
					bool readOnlyTree, ProcessUtilityContext context,
					ParamListInfo params, QueryEnvironment *queryEnv,
					DestReceiver *dest, QueryCompletion *qc)
{
	AlexNesting save;

	alex_batch_flush(InvalidOid);
	if (!IsA(pstmt->utilityStmt, CopyStmt))
	{
		alex_call_utility(pstmt, queryString, readOnlyTree, context, params,
						  queryEnv, dest, qc);
		return;
	}
	alex_enter(&save, false);
	PG_TRY();
	{
		alex_call_utility(pstmt, queryString, readOnlyTree, context, params,
						  queryEnv, dest, qc);
		alex_batch_flush(InvalidOid);
	}
	PG_FINALLY();
	{
		alex_leave(&save);
	}
	PG_END_TRY();
}

/*
 * alex_batch_init: hooks and callbacks
 */
void
alex_batch_init(void)
{
	prev_ExecutorStart = ExecutorStart_hook;
	ExecutorStart_hook = alex_ExecutorStart;
	prev_ExecutorRun = ExecutorRun_hook;
	ExecutorRun_hook = alex_ExecutorRun;
	prev_ExecutorFinish = ExecutorFinish_hook;
	ExecutorFinish_hook = alex_ExecutorFinish;
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = alex_ProcessUtility;
	RegisterXactCallback(alex_xact_callback, NULL);
	RegisterSubXactCallback(alex_subxact_callback, NULL);
}
