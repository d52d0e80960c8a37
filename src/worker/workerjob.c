/*-------------------------------------------------------------------------
 *
 * workerjob.c
 *	  omendb.compact: a compaction that a session waits for.
 *
 * It needs transactions of its own, and none that holds a lock on the table,
 * so a background worker does it.  What it is to do and what came of it is
 * kept in a slot in shared memory.  A slot is free when neither the session nor
 * the worker uses it; its number of uses tells a late worker that it is no
 * longer wanted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"

#include "worker/worker.h"

#define JOB_SLOTS		32
#define JOB_MESSAGE		512

typedef struct Job
{
	uint32		uses;
	bool		session;		/* does a session use it? */
	bool		worker;
	Oid			dboid;
	Oid			relid;
	CompactOptions options;

	/* what came of it */
	bool		finished;
	CompactEnd	end;
	CompactResult result;
	int			sqlerrcode;		/* 0: no error */
	char		message[JOB_MESSAGE];
} Job;

/* which slot, for which of its uses: in bgw_extra */
typedef struct JobId
{
	int			slot;
	uint32		uses;
} JobId;

static Job *jobs = NULL;		/* JOB_SLOTS in shared memory */

PG_FUNCTION_INFO_V1(omendb_compact);

/*
 * job_shmem_size, job_shmem_init: called while shared memory is made.
 */
Size
job_shmem_size(void)
{
	return JOB_SLOTS * sizeof(Job);
}

void
job_shmem_init(void *at, bool found)
{
	jobs = at;
	if (!found)
		memset(jobs, 0, job_shmem_size());
}

/*---- the session ---- */

/* A slot for a job; an error if there is none */
static JobId
take_slot(const Job *job)
{
	JobId		id = {0};

	LWLockAcquire(worker_lock(), LW_EXCLUSIVE);
	while (id.slot < JOB_SLOTS &&
		   (jobs[id.slot].session || jobs[id.slot].worker))
		id.slot++;
	if (id.slot < JOB_SLOTS)
	{
		Job		   *slot = &jobs[id.slot];

		id.uses = slot->uses + 1;
		*slot = *job;
		slot->uses = id.uses;
		slot->session = true;
	}
	LWLockRelease(worker_lock());
	if (id.slot >= JOB_SLOTS)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many tables are being compacted"),
				 errhint("Try again later.")));
	return id;
}

/* Gives the slot back, and says what is in it. */
static Job
leave_slot(JobId id)
{
	Job			job;

	LWLockAcquire(worker_lock(), LW_EXCLUSIVE);
	jobs[id.slot].session = false;
	job = jobs[id.slot];
	LWLockRelease(worker_lock());
	return job;
}

static BackgroundWorkerHandle *
start_worker(JobId id)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	worker_describe(&worker, "omendb_job_main", "omendb compaction", "omendb worker");
	memcpy(worker.bgw_extra, &id, sizeof(id));
	worker.bgw_notify_pid = MyProcPid;
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start a background worker"),
				 errhint("Increase max_worker_processes.")));
	return handle;
}

/* Has the job done, while this session waits. */
static Job
run_job(const Job *job)
{
	JobId		id = take_slot(job);
	BackgroundWorkerHandle *volatile handle = NULL;
	Job			done;

	PG_TRY();
	{
		handle = start_worker(id);
		WaitForBackgroundWorkerShutdown(handle);
	}
	PG_CATCH();
	{
		if (handle != NULL)
			TerminateBackgroundWorker(handle);
		leave_slot(id);
		PG_RE_THROW();
	}
	PG_END_TRY();
	done = leave_slot(id);
	return done;
}

/* Would the worker wait for this transaction? */
static void
check_own_locks(Relation rel)
{
	LOCKTAG		tag;
	LOCKMODE	mode;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, RelationGetRelid(rel));
	for (mode = RowExclusiveLock; mode <= MaxLockMode; mode++)
	{
		if (mode != ShareLock && LockHeldByMe(&tag, mode, false))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("cannot compact table \"%s\" because this transaction has changed it",
							RelationGetRelationName(rel)),
					 errhint("Commit the transaction first.")));
	}
}

static void
check_table(Relation rel)
{
	worker_check_table(rel);
	if (rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" is temporary or unlogged and has no segments",
						RelationGetRelationName(rel))));
	check_own_locks(rel);
}

/* Raises what went wrong, if anything did. */
static void
check_end(const Job *job, const char *name)
{
	if (!job->finished)
		ereport(ERROR,
				(errcode(ERRCODE_OPERATOR_INTERVENTION),
				 errmsg("compaction of table \"%s\" was stopped", name)));
	if (job->sqlerrcode != 0)
		ereport(ERROR,
				(errcode(job->sqlerrcode),
				 errmsg("could not compact table \"%s\": %s", name,
						job->message)));
	if (job->end == COMPACT_WRITERS)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("could not compact table \"%s\": a transaction that wrote to it does not end",
						name),
				 errhint("See omendb.compaction_lock_timeout.")));
	if (job->end != COMPACT_DONE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("could not compact table \"%s\": the table or the database is being changed",
						name)));
}

/*
 * omendb.compact(table, full): makes all segments that the table can have now.
 * Those that exist are made anew if a large part of their rows changed, or any
 * ("full").  Returns the number of segments that were made, and their blocks,
 * rows and bytes.
 */
Datum
omendb_compact(PG_FUNCTION_ARGS)
{
	Relation	rel = relation_open(PG_GETARG_OID(0), AccessShareLock);
	char	   *name = pstrdup(RelationGetRelationName(rel));
	Job			job;
	Datum		values[4];
	bool		nulls[4] = {false};
	TupleDesc	desc;

	PreventCommandDuringRecovery("omendb.compact()");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	check_table(rel);

	/* the worker needs the table, and would wait for whoever waits for us */
	relation_close(rel, AccessShareLock);

	memset(&job, 0, sizeof(job));
	job.dboid = MyDatabaseId;
	job.relid = PG_GETARG_OID(0);
	job.options.now = true;
	job.options.full = PG_GETARG_BOOL(1);
	job.options.segment_blocks = worker_segment_blocks;
	job.options.inline_limit = segment_inline_limit;
	job.options.quiet = PG_UINT64_MAX;
	job = run_job(&job);
	check_end(&job, name);

	values[0] = Int64GetDatum(job.result.segments);
	values[1] = Int64GetDatum(job.result.blocks);
	values[2] = Int64GetDatum(job.result.rows);
	values[3] = Int64GetDatum(job.result.bytes);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/*---- the worker ---- */

static void
detach_slot(int code, Datum arg)
{
	LWLockAcquire(worker_lock(), LW_EXCLUSIVE);
	jobs[DatumGetInt32(arg)].worker = false;
	LWLockRelease(worker_lock());
}

static bool
attach_slot(JobId id, Job *job)
{
	bool		wanted;

	LWLockAcquire(worker_lock(), LW_EXCLUSIVE);
	*job = jobs[id.slot];
	wanted = job->uses == id.uses && job->session;
	if (wanted)
		jobs[id.slot].worker = true;
	LWLockRelease(worker_lock());
	return wanted;
}

static void
finish_job(JobId id, const Job *job)
{
	Job		   *slot = &jobs[id.slot];

	LWLockAcquire(worker_lock(), LW_EXCLUSIVE);
	slot->finished = true;
	slot->end = job->end;
	slot->result = job->result;
	slot->sqlerrcode = job->sqlerrcode;
	memcpy(slot->message, job->message, JOB_MESSAGE);
	LWLockRelease(worker_lock());
}

/*
 * omendb_job_main: the worker.
 */
void
omendb_job_main(Datum arg)
{
	JobId		id;
	Job			job;
	ErrorData  *error = NULL;

	memcpy(&id, MyBgworkerEntry->bgw_extra, sizeof(id));
	worker_signals();
	if (!attach_slot(id, &job))
		proc_exit(0);
	before_shmem_exit(detach_slot, Int32GetDatum(id.slot));
	worker_connect(job.dboid);
	worker_protect_store();

	if (!worker_run_table(job.relid, &job.options, &job.result, &job.end,
						  &error))
	{
		job.sqlerrcode = error->sqlerrcode;
		strlcpy(job.message, error->message, JOB_MESSAGE);
	}
	else
		orphans_remove();
	finish_job(id, &job);
	proc_exit(0);
}
