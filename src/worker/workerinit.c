/*-------------------------------------------------------------------------
 *
 * workerinit.c
 *	  Settings and shared memory of what runs in the background, and what all
 *	  its parts need.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "catalog/objectaddress.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/guc.h"

#include "table/table.h"
#include "worker/worker.h"

#define WORKER_NAME		"omendb_worker"

/* a segment of the smallest rows still has fewer than COLUMN_MAX_ROWS */
#define MOST_SEGMENT_BLOCKS	8192

bool		worker_enabled = true;
int			worker_naptime = 60;
int			worker_max = 2;
int			worker_rate = 0;
int			worker_min_age = 60;
int			worker_segment_blocks = 1024;
int			worker_rebuild_threshold = 20;
int			worker_merge_threshold = 64;
int			worker_lock_timeout = 60;

static shmem_request_hook_type prev_shmem_request = NULL;
static shmem_startup_hook_type prev_shmem_startup = NULL;

static void
define_schedule(void)
{
	DefineCustomBoolVariable("omendb.worker",
							 "Lets segments of tables be made in the background.",
							 NULL, &worker_enabled, true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("omendb.worker_naptime",
							"Sets the time between two looks at a database.",
							NULL, &worker_naptime, 60, 1, INT_MAX / 1000,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("omendb.max_workers",
							"Sets the number of databases that are looked at at the same time.",
							NULL, &worker_max, 2, 1, 64,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("omendb.compaction_rate",
							"Sets how much of a table a background worker reads in a second.",
							"Zero is no limit. omendb.compact has none.",
							&worker_rate, 0, 0, INT_MAX / (1024 * 1024),
							PGC_SIGHUP, GUC_UNIT_MB, NULL, NULL, NULL);
	DefineCustomIntVariable("omendb.compaction_min_age",
							"Sets how long blocks must not have changed before they get a segment.",
							NULL, &worker_min_age, 60, 0, INT_MAX / 1000,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("omendb.compaction_lock_timeout",
							"Sets how long compaction waits for transactions that wrote to the table.",
							NULL, &worker_lock_timeout, 60, 0, INT_MAX / 1000,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
}

static void
define_shape(void)
{
	DefineCustomIntVariable("omendb.segment_blocks",
							"Sets the number of table blocks in a new segment.",
							NULL, &worker_segment_blocks, 1024, 1,
							MOST_SEGMENT_BLOCKS, PGC_USERSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("omendb.inline_limit",
							"Sets the size up to which values are put into segments.",
							"Rows with larger values are always read from the table.",
							&segment_inline_limit, 64, 1, 64 * 1024,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("omendb.rebuild_threshold",
							"Sets the percentage of changed rows at which a segment is made anew.",
							NULL, &worker_rebuild_threshold, 20, 1, 100,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("omendb.merge_threshold",
							"Sets the number of change marks of a segment above which they are merged.",
							NULL, &worker_merge_threshold, 64, 1, INT_MAX,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
}

/*
 * worker_define_settings: once, while the library is loaded.
 */
void
worker_define_settings(void)
{
	define_schedule();
	define_shape();
}

/*
 * worker_lock: protects all that background processes share.
 */
LWLock *
worker_lock(void)
{
	static LWLock *lock = NULL;

	if (lock == NULL)
		lock = &GetNamedLWLockTranche(WORKER_NAME)->lock;
	return lock;
}

static void
request_shmem(void)
{
	if (prev_shmem_request)
		prev_shmem_request();
	RequestAddinShmemSpace(MAXALIGN(job_shmem_size()) +
						   MAXALIGN(launcher_shmem_size()));
	RequestNamedLWLockTranche(WORKER_NAME, 1);
}

static void
init_shmem(void)
{
	bool		found;
	void	   *at;

	if (prev_shmem_startup)
		prev_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	at = ShmemInitStruct("omendb jobs", job_shmem_size(), &found);
	job_shmem_init(at, found);
	at = ShmemInitStruct("omendb launcher", launcher_shmem_size(), &found);
	launcher_shmem_init(at, found);
	LWLockRelease(AddinShmemInitLock);
}

/*
 * worker_init: once, while the library is loaded.
 */
void
worker_init(void)
{
	prev_shmem_request = shmem_request_hook;
	shmem_request_hook = request_shmem;
	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = init_shmem;

	/* pg_upgrade wants nothing to happen behind its back */
	if (!IsBinaryUpgrade)
		launcher_register();
}

/*
 * worker_check_table: an error unless the user owns the table, and it uses
 * access method omendb.
 */
void
worker_check_table(Relation rel)
{
	if (!OmenOwnsRelation(RelationGetRelid(rel), GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER,
					   get_relkind_objtype(rel->rd_rel->relkind),
					   RelationGetRelationName(rel));
	if (!omendb_is_table(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" does not use access method omendb",
						RelationGetRelationName(rel)),
				 errhint("omendb.enable makes it a table that does.")));
}

/*
 * worker_describe: fills in what all our processes have in common.  function
 * is the one that they run, name and type are what pg_stat_activity shows.
 */
void
worker_describe(BackgroundWorker *worker, const char *function,
				const char *name, const char *type)
{
	memset(worker, 0, sizeof(BackgroundWorker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, "omendb", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, BGW_MAXLEN);
	strlcpy(worker->bgw_name, name, BGW_MAXLEN);
	strlcpy(worker->bgw_type, type, BGW_MAXLEN);
}
