/*-------------------------------------------------------------------------
 *
 * workerwait.c
 *	  How workers wait, and how they see that they should stop.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/procsignal.h"
#include "storage/sinvaladt.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "worker/worker.h"

/* how often to look whether writers have finished, ms */
#define WAIT_FIRST_MS		5
#define WAIT_MOST_MS		500

static TimestampTz throttle_start;
static int64 throttle_bytes;

/*
 * worker_signals: the usual handlers; SIGTERM and SIGINT act where interrupts
 * are checked.
 */
void
worker_signals(void)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, StatementCancelHandler);
	BackgroundWorkerUnblockSignals();
}

static uint32
wait_event(void)
{
	static uint32 event = 0;

	if (event == 0)
		event = WaitEventExtensionNew("OmendbWorker");
	return event;
}

/*
 * worker_nap: waits, unless something happens.
 */
void
worker_nap(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 ms, wait_event());
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/*
 * worker_database_wanted: does somebody drop this database, or copy it?  Both
 * wait for us, but not for long.
 */
bool
worker_database_wanted(void)
{
	LOCKTAG		tag;
	VirtualTransactionId *holders;
	int			n = 0;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	holders = GetLockConflicts(&tag, RowExclusiveLock, &n);
	pfree(holders);
	return n > 0;
}

/*
 * worker_throttle_begin, worker_throttle: keep the average rate of reading
 * below omendb.compaction_rate.
 */
void
worker_throttle_begin(void)
{
	throttle_start = GetCurrentTimestamp();
	throttle_bytes = 0;
}

void
worker_throttle(int64 bytes)
{
	double		due;
	double		passed;

	throttle_bytes += bytes;
	if (worker_rate == 0)
		return;
	due = (double) throttle_bytes / worker_rate / (1024 * 1024) * 1000;
	passed = (GetCurrentTimestamp() - throttle_start) / 1000.0;
	if (due > passed + 1)
		worker_nap((long) Min(due - passed, 1000));
}

/*
 * Is it VACUUM (not FULL)?  That changes nothing that a snapshot sees, and may
 * take long.  If the transaction has ended meanwhile, what we see is another
 * one's, and the answer does not matter.
 */
static bool
is_vacuum(VirtualTransactionId vxid)
{
	PGPROC	   *proc = OmenVxidProc(vxid);

	return proc != NULL && (proc->statusFlags & PROC_IN_VACUUM) != 0;
}

/* Waits for the end of a transaction; false if it takes too long */
static bool
wait_for_end(VirtualTransactionId vxid, TimestampTz limit)
{
	long		ms = WAIT_FIRST_MS;

	while (!is_vacuum(vxid) && !VirtualXactLock(vxid, false))
	{
		if (GetCurrentTimestamp() >= limit || worker_database_wanted())
			return false;
		worker_nap(ms);
		ms = Min(ms * 2, WAIT_MOST_MS);
	}
	return true;
}

/*
 * worker_wait_for_writers: waits for every transaction that may be writing to
 * the table and may not know yet what is to be covered.  No lock is queued for,
 * so that nobody waits for us.  Called outside a transaction.  False if some
 * went on for too long.
 */
bool
worker_wait_for_writers(Oid relid)
{
	LOCKTAG		tag;
	VirtualTransactionId *holders;
	TimestampTz limit = GetCurrentTimestamp() +
	(int64) worker_lock_timeout * USECS_PER_SEC;
	bool		done = true;

	StartTransactionCommand();
	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	holders = GetLockConflicts(&tag, ShareLock, NULL);
	for (; done && VirtualTransactionIdIsValid(*holders); holders++)
		done = wait_for_end(*holders, limit);
	CommitTransactionCommand();
	return done;
}
