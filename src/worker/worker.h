/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  What runs in the background: the launcher, a worker for a database, and
 *	  what they do to tables.  src/worker/README explains it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_WORKER_H
#define OMENDB_WORKER_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "postmaster/bgworker.h"
#include "storage/lwlock.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "column/column.h"
#include "compat.h"

/* how a table is to be compacted */
typedef struct CompactOptions
{
	bool		now;			/* the unfilled end and busy blocks, too */
	bool		full;			/* rebuild every segment with marks */
	int			segment_blocks;
	int			inline_limit;	/* kB */
	XLogRecPtr	quiet;			/* blocks changed behind this are busy */
} CompactOptions;

/* how it ended */
typedef enum CompactEnd
{
	COMPACT_DONE,
	COMPACT_BUSY,				/* another process is at it */
	COMPACT_WRITERS,			/* a transaction that wrote does not end */
	COMPACT_CHANGED,			/* the table is gone, or was rewritten */
	COMPACT_STOPPED				/* somebody wants the table or the database */
} CompactEnd;

/* what was done */
typedef struct CompactResult
{
	int64		segments;		/* made */
	int64		blocks;			/* in them */
	int64		rows;
	int64		bytes;			/* of columns */
} CompactResult;

/* settings, see worker_define_settings() */
extern bool worker_enabled;
extern int	worker_naptime;
extern int	worker_max;
extern int	worker_rate;
extern int	worker_min_age;
extern int	worker_segment_blocks;
extern int	worker_rebuild_threshold;
extern int	worker_merge_threshold;
extern int	worker_lock_timeout;

/* workerinit.c */
extern void worker_define_settings(void);
extern void worker_init(void);
extern void worker_check_table(Relation rel);
extern void worker_describe(BackgroundWorker *worker, const char *function,
							const char *name, const char *type);

/* workerwait.c: waiting, and when not to go on */
extern void worker_signals(void);
extern void worker_nap(long ms);
extern bool worker_database_wanted(void);
extern void worker_throttle_begin(void);
extern void worker_throttle(int64 bytes);
extern bool worker_wait_for_writers(Oid relid);

/* workercompact.c */
extern CompactEnd compact_table(Oid relid, const CompactOptions *options,
								CompactResult *result);

/* workerorphan.c */
extern void orphans_remove(void);

/* workerstatus.c: rows of omendb.compaction */
extern bool status_enabled(Oid relid);
extern void status_record(Oid relid, const char *error);

/* workerjob.c: one compaction that a session waits for */
extern Size job_shmem_size(void);
extern void job_shmem_init(void *at, bool found);
extern PGDLLEXPORT void omendb_job_main(Datum arg);

/* workerdatabase.c: one look at all tables of a database */
extern void worker_connect(Oid dboid);
extern bool worker_protect_store(void);
extern bool worker_run_table(Oid relid, const CompactOptions *options,
							 CompactResult *result, CompactEnd *end,
							 ErrorData **error);
extern PGDLLEXPORT void omendb_database_main(Datum arg);

/* workerlauncher.c */
extern Size launcher_shmem_size(void);
extern void launcher_shmem_init(void *at, bool found);
extern void launcher_register(void);
extern XLogRecPtr launcher_quiet_lsn(int seconds);
extern void launcher_note_absent(Oid dboid);
extern PGDLLEXPORT void omendb_launcher_main(Datum arg);

/* the lock of all that is shared */
extern LWLock *worker_lock(void);

#endif							/* OMENDB_WORKER_H */
