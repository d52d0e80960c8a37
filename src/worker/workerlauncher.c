/*-------------------------------------------------------------------------
 *
 * workerlauncher.c
 *	  Starts a worker for one database after the other.
 *
 * The launcher itself is connected to no database, so that it is in nobody's
 * way.  It cannot see which databases have the extension; a worker that finds
 * none notes that, and the launcher lets the database alone for a while.
 *
 * It also notes how far the WAL had come at what time: a page whose LSN is
 * before that of some time ago has not changed since.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "worker/worker.h"

#define LAUNCHER_SAMPLES	64
#define LAUNCHER_ABSENT		1024

/* databases without the extension are looked at every so many times */
#define LAUNCHER_PATIENCE	10

/* state of running workers is looked at that often, ms */
#define LAUNCHER_TICK		1000

/* where the WAL's end was */
typedef struct WalSample
{
	TimestampTz time;
	XLogRecPtr	lsn;
} WalSample;

typedef struct LauncherShared
{
	int			nsamples;
	WalSample	samples[LAUNCHER_SAMPLES];	/* oldest first */
	int			nabsent;
	Oid			absent[LAUNCHER_ABSENT];	/* databases */
} LauncherShared;

/* a worker that was started */
typedef struct Running
{
	Oid			dboid;
	BackgroundWorkerHandle *handle;
} Running;

static LauncherShared *shared = NULL;

/*
 * launcher_shmem_size, launcher_shmem_init: called while shared memory is made.
 */
Size
launcher_shmem_size(void)
{
	return sizeof(LauncherShared);
}

void
launcher_shmem_init(void *at, bool found)
{
	shared = at;
	if (!found)
		memset(shared, 0, sizeof(LauncherShared));
}

/*
 * launcher_register: once, while the library is loaded.
 */
void
launcher_register(void)
{
	BackgroundWorker worker;

	worker_describe(&worker, "omendb_launcher_main", "omendb launcher", "omendb launcher");
	worker.bgw_restart_time = 5;
	RegisterBackgroundWorker(&worker);
}

/*---- time and WAL ---- */

/* Notes the WAL's end, but not more often than is needed. */
static void
take_sample(void)
{
	WalSample	sample;
	int64		gap = (int64) worker_min_age * USECS_PER_SEC /
	(LAUNCHER_SAMPLES / 2);

	sample.time = GetCurrentTimestamp();
	sample.lsn = GetXLogInsertRecPtr();
	LWLockAcquire(worker_lock(), LW_EXCLUSIVE);
	if (shared->nsamples > 0 &&
		sample.time - shared->samples[shared->nsamples - 1].time < gap)
	{
		LWLockRelease(worker_lock());
		return;
	}
	if (shared->nsamples == LAUNCHER_SAMPLES)
		memmove(shared->samples, shared->samples + 1,
				--shared->nsamples * sizeof(WalSample));
	shared->samples[shared->nsamples++] = sample;
	LWLockRelease(worker_lock());
}

/*
 * launcher_quiet_lsn: a page with an LSN not beyond this one has not changed for
 * so many seconds.
 */
XLogRecPtr
launcher_quiet_lsn(int seconds)
{
	TimestampTz limit = GetCurrentTimestamp() - (int64) seconds * USECS_PER_SEC;
	XLogRecPtr	lsn = InvalidXLogRecPtr;
	int			i;

	if (seconds == 0)
		return PG_UINT64_MAX;
	LWLockAcquire(worker_lock(), LW_SHARED);
	for (i = 0; i < shared->nsamples && shared->samples[i].time <= limit; i++)
		lsn = shared->samples[i].lsn;
	LWLockRelease(worker_lock());
	return lsn;
}

/*---- databases ---- */

/*
 * launcher_note_absent: a database does not have the extension.
 */
void
launcher_note_absent(Oid dboid)
{
	LWLockAcquire(worker_lock(), LW_EXCLUSIVE);
	if (shared->nabsent < LAUNCHER_ABSENT)
		shared->absent[shared->nabsent++] = dboid;
	LWLockRelease(worker_lock());
}

static bool
is_absent(Oid dboid)
{
	bool		absent = false;
	int			i;

	LWLockAcquire(worker_lock(), LW_SHARED);
	for (i = 0; !absent && i < shared->nabsent; i++)
		absent = shared->absent[i] == dboid;
	LWLockRelease(worker_lock());
	return absent;
}

static void
forget_absent(void)
{
	LWLockAcquire(worker_lock(), LW_EXCLUSIVE);
	shared->nabsent = 0;
	LWLockRelease(worker_lock());
}

/* The databases that can be connected to, in a context that the caller frees */
static List *
list_databases(MemoryContext context)
{
	List	   *databases = NIL;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old;

		if (!form->datallowconn || form->datconnlimit == -2)
			continue;
		old = MemoryContextSwitchTo(context);
		databases = lappend_oid(databases, form->oid);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	return databases;
}

/*---- workers ---- */

static bool
start_worker(Running *running, Oid dboid)
{
	BackgroundWorker worker;

	worker_describe(&worker, "omendb_database_main", "omendb worker", "omendb worker");
	worker.bgw_main_arg = ObjectIdGetDatum(dboid);
	worker.bgw_notify_pid = MyProcPid;
	running->dboid = dboid;
	return RegisterDynamicBackgroundWorker(&worker, &running->handle);
}

/* Forgets workers that have ended; the number of the others */
static int
reap_workers(Running *running, int n)
{
	int			kept = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		pid_t		pid;

		if (GetBackgroundWorkerPid(running[i].handle, &pid) != BGWH_STOPPED)
			running[kept++] = running[i];
		else
			pfree(running[i].handle);
	}
	return kept;
}

static bool
is_running(const Running *running, int n, Oid dboid)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		if (running[i].dboid == dboid)
			return true;
	}
	return false;
}

/*
 * Starts workers for all databases, as many at a time as are allowed.  If there
 * is no place for a worker, its database is left for the next time.
 */
static void
visit_databases(MemoryContext context)
{
	static Running running[64];
	static int	n = 0;
	List	   *databases = list_databases(context);
	ListCell   *lc;

	foreach(lc, databases)
	{
		Oid			dboid = lfirst_oid(lc);

		while ((n = reap_workers(running, n)) >= worker_max)
		{
			worker_nap(LAUNCHER_TICK);
			take_sample();
		}
		if (!worker_enabled)
			break;
		if (is_absent(dboid) || is_running(running, n, dboid))
			continue;
		MemoryContextSwitchTo(TopMemoryContext);
		if (!start_worker(&running[n], dboid))
			break;
		n++;
	}
}

/*
 * omendb_launcher_main: the launcher.
 */
void
omendb_launcher_main(Datum arg)
{
	MemoryContext context;
	TimestampTz last = 0;
	int			visits = 0;

	worker_signals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	context = AllocSetContextCreate(TopMemoryContext, "omendb launcher",
									ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		take_sample();
		if (GetCurrentTimestamp() - last >=
			(int64) worker_naptime * USECS_PER_SEC)
		{
			if (visits++ % LAUNCHER_PATIENCE == 0)
				forget_absent();
			if (worker_enabled)
				visit_databases(context);
			MemoryContextSwitchTo(TopMemoryContext);
			MemoryContextReset(context);
			last = GetCurrentTimestamp();
		}
		worker_nap(Min((int64) worker_naptime * 1000, 10 * LAUNCHER_TICK));
	}
}
