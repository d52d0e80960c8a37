/*-------------------------------------------------------------------------
 *
 * alexparallel.c
 *	  Building an alex index with parallel workers.
 *
 * Leader and workers share the table scan.  Everybody sorts what it met and
 * writes it as runs to a file of its own in a shared file set; the leader
 * merges all runs while it loads the pages.  maintenance_work_mem is divided
 * among them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "alex/alexbuild.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/snapmgr.h"

/* magic numbers of parallel state */
#define ALEX_KEY_SHARED			UINT64CONST(0xA1E0000000000001)
#define ALEX_KEY_QUERY_TEXT		UINT64CONST(0xA1E0000000000002)
#define ALEX_KEY_WAL_USAGE		UINT64CONST(0xA1E0000000000003)
#define ALEX_KEY_BUFFER_USAGE	UINT64CONST(0xA1E0000000000004)

/* in dynamic shared memory, followed by the state of the table scan */
typedef struct AlexShared
{
	/* fixed */
	Oid			heaprelid;
	Oid			indexrelid;
	bool		concurrent;
	int			nparticipants;	/* planned, the leader is the last one */
	uint64		queryid;
	SharedFileSet fileset;
	ConditionVariable donecv;

	/* protected by mutex */
	slock_t		mutex;
	int			ndone;
	double		reltuples;
	double		indtuples;
	bool		brokenhotchain;

	/* each written by its participant before it counts itself as done */
	AlexSpoolSummary summary[FLEXIBLE_ARRAY_MEMBER];
} AlexShared;

struct AlexLeader
{
	ParallelContext *pcxt;
	AlexShared *shared;
	Snapshot	snapshot;
	WalUsage   *walusage;
	BufferUsage *bufferusage;
};

static Size
alex_shared_size(int nparticipants)
{
	return BUFFERALIGN(add_size(offsetof(AlexShared, summary),
								mul_size(sizeof(AlexSpoolSummary),
										 nparticipants)));
}

static ParallelTableScanDesc
alex_shared_scan(AlexShared *shared)
{
	return (ParallelTableScanDesc)
		((char *) shared + alex_shared_size(shared->nparticipants));
}

/*
 * A participant's part: takes its share of the table scan, sorts it, and
 * leaves it in its file.
 */
static void
alex_participate(AlexShared *shared, Relation heap, Relation index,
				 const AlexInfo *info, int participant, int divisor,
				 bool progress)
{
	IndexInfo  *indexInfo = BuildIndexInfo(index);
	AlexBuildState build = {0};
	TableScanDesc scan;
	double		reltuples;

	indexInfo->ii_Concurrent = shared->concurrent;
	build.unique = indexInfo->ii_Unique;
	build.spool = alex_spool_begin(index, info,
								   (Size) maintenance_work_mem * 1024 / divisor);
	alex_spool_share(build.spool, &shared->fileset, participant);
	scan = table_beginscan_parallel(heap, alex_shared_scan(shared));
	reltuples = table_index_build_scan(heap, index, indexInfo, true, progress,
									   alex_build_callback, &build, scan);
	if (progress)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE,
									 ALEX_PHASE_SORT);
	alex_spool_export(build.spool, &shared->summary[participant]);
	alex_spool_end(build.spool);

	SpinLockAcquire(&shared->mutex);
	shared->ndone++;
	shared->reltuples += reltuples;
	shared->indtuples += build.indtuples;
	if (indexInfo->ii_BrokenHotChain)
		shared->brokenhotchain = true;
	SpinLockRelease(&shared->mutex);
	ConditionVariableSignal(&shared->donecv);
}

/*---- leader ---- */

/* Estimates the parts of the shared segment */
static void
alex_estimate_parallel(ParallelContext *pcxt, Relation heap,
					   Snapshot snapshot)
{
	Size		size = add_size(alex_shared_size(pcxt->nworkers + 1),
								table_parallelscan_estimate(heap, snapshot));

	shm_toc_estimate_chunk(&pcxt->estimator, size);
	shm_toc_estimate_chunk(&pcxt->estimator,
						   mul_size(sizeof(WalUsage), pcxt->nworkers));
	shm_toc_estimate_chunk(&pcxt->estimator,
						   mul_size(sizeof(BufferUsage), pcxt->nworkers));
	shm_toc_estimate_keys(&pcxt->estimator, 3);
	if (debug_query_string)
	{
		shm_toc_estimate_chunk(&pcxt->estimator, strlen(debug_query_string) + 1);
		shm_toc_estimate_keys(&pcxt->estimator, 1);
	}
}

/* Fills the part that participants share */
static AlexShared *
alex_init_shared(ParallelContext *pcxt, Relation heap, Relation index,
				 Snapshot snapshot, bool concurrent)
{
	Size		head = alex_shared_size(pcxt->nworkers + 1);
	Size		size = add_size(head, table_parallelscan_estimate(heap, snapshot));
	AlexShared *shared = shm_toc_allocate(pcxt->toc, size);

	memset(shared, 0, head);
	shared->heaprelid = RelationGetRelid(heap);
	shared->indexrelid = RelationGetRelid(index);
	shared->concurrent = concurrent;
	shared->nparticipants = pcxt->nworkers + 1;
	shared->queryid = pgstat_get_my_query_id();
	ConditionVariableInit(&shared->donecv);
	SpinLockInit(&shared->mutex);
	SharedFileSetInit(&shared->fileset, pcxt->seg);
	table_parallelscan_initialize(heap, alex_shared_scan(shared), snapshot);
	shm_toc_insert(pcxt->toc, ALEX_KEY_SHARED, shared);
	return shared;
}

/* Puts the query's text and room for usage counters into the segment */
static void
alex_init_usage(AlexLeader *leader)
{
	ParallelContext *pcxt = leader->pcxt;

	if (debug_query_string)
	{
		Size		len = strlen(debug_query_string) + 1;
		char	   *text = shm_toc_allocate(pcxt->toc, len);

		memcpy(text, debug_query_string, len);
		shm_toc_insert(pcxt->toc, ALEX_KEY_QUERY_TEXT, text);
	}
	leader->walusage = shm_toc_allocate(pcxt->toc,
										mul_size(sizeof(WalUsage), pcxt->nworkers));
	shm_toc_insert(pcxt->toc, ALEX_KEY_WAL_USAGE, leader->walusage);
	leader->bufferusage = shm_toc_allocate(pcxt->toc,
										   mul_size(sizeof(BufferUsage), pcxt->nworkers));
	shm_toc_insert(pcxt->toc, ALEX_KEY_BUFFER_USAGE, leader->bufferusage);
}

/*
 * alex_parallel_begin: launches workers and does the leader's share
 *
 * Returns NULL if there is no worker to be had: then the build is serial, and
 * nothing has been done.
 */
AlexLeader *
alex_parallel_begin(Relation heap, Relation index, const AlexInfo *info,
					IndexInfo *indexInfo, int request)
{
	AlexLeader *leader = palloc0(sizeof(AlexLeader));
	ParallelContext *pcxt;

	EnterParallelMode();
	pcxt = CreateParallelContext("omendb", "alex_parallel_build_main", request);
	leader->pcxt = pcxt;

	/* a concurrent build indexes what its snapshot sees, as in a serial scan */
	leader->snapshot = indexInfo->ii_Concurrent ?
		RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
	alex_estimate_parallel(pcxt, heap, leader->snapshot);
	InitializeParallelDSM(pcxt);
	if (pcxt->seg != NULL)
	{
		leader->shared = alex_init_shared(pcxt, heap, index, leader->snapshot,
										  indexInfo->ii_Concurrent);
		alex_init_usage(leader);
		LaunchParallelWorkers(pcxt);
	}
	if (pcxt->seg == NULL || pcxt->nworkers_launched == 0)
	{
		alex_parallel_end(leader);
		return NULL;
	}
	alex_participate(leader->shared, heap, index, info, pcxt->nworkers,
					 pcxt->nworkers_launched + 1, true);
	WaitForParallelWorkersToAttach(pcxt);
	return leader;
}

/*
 * alex_parallel_wait: waits until all have done their share, and gives spool
 * all runs.  Returns the number of rows in the table, sets that of entries.
 */
double
alex_parallel_wait(AlexLeader *leader, AlexSpool *spool, IndexInfo *indexInfo,
				   double *indtuples)
{
	AlexShared *shared = leader->shared;
	double		reltuples = 0;

	for (;;)
	{
		bool		done;

		SpinLockAcquire(&shared->mutex);
		done = shared->ndone == leader->pcxt->nworkers_launched + 1;
		if (done)
		{
			reltuples = shared->reltuples;
			*indtuples = shared->indtuples;
			indexInfo->ii_BrokenHotChain = shared->brokenhotchain;
		}
		SpinLockRelease(&shared->mutex);
		if (done)
			break;
		ConditionVariableSleep(&shared->donecv,
							   WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
	ConditionVariableCancelSleep();
	for (int i = 0; i < shared->nparticipants; i++)
		alex_spool_import(spool, &shared->fileset, i, &shared->summary[i]);
	return reltuples;
}

/*
 * alex_parallel_end: shuts the workers down and leaves parallel mode
 */
void
alex_parallel_end(AlexLeader *leader)
{
	ParallelContext *pcxt = leader->pcxt;

	WaitForParallelWorkersToFinish(pcxt);
	for (int i = 0; i < pcxt->nworkers_launched; i++)
		InstrAccumParallelQuery(&leader->bufferusage[i], &leader->walusage[i]);
	if (IsMVCCSnapshot(leader->snapshot))
		UnregisterSnapshot(leader->snapshot);
	DestroyParallelContext(pcxt);
	ExitParallelMode();
}

/*---- worker ---- */

/*
 * alex_parallel_build_main: a worker's entry point
 */
void
alex_parallel_build_main(dsm_segment *seg, shm_toc *toc)
{
	AlexShared *shared = shm_toc_lookup(toc, ALEX_KEY_SHARED, false);
	WalUsage   *walusage = shm_toc_lookup(toc, ALEX_KEY_WAL_USAGE, false);
	BufferUsage *bufferusage = shm_toc_lookup(toc, ALEX_KEY_BUFFER_USAGE, false);
	LOCKMODE	heaplock = shared->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	LOCKMODE	indexlock = shared->concurrent ? RowExclusiveLock : AccessExclusiveLock;
	Relation	heap;
	Relation	index;
	AlexInfo	info;

	debug_query_string = shm_toc_lookup(toc, ALEX_KEY_QUERY_TEXT, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	pgstat_report_query_id(shared->queryid, false);

	/* the leader's locks, which a worker shares */
	heap = table_open(shared->heaprelid, heaplock);
	index = index_open(shared->indexrelid, indexlock);
	SharedFileSetAttach(&shared->fileset, seg);
	alex_make_info(index, &info);

	InstrStartParallelQuery();
	alex_participate(shared, heap, index, &info, ParallelWorkerNumber,
					 shared->nparticipants, false);
	InstrEndParallelQuery(&bufferusage[ParallelWorkerNumber],
						  &walusage[ParallelWorkerNumber]);
	index_close(index, indexlock);
	table_close(heap, heaplock);
}
