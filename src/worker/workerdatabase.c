/*-------------------------------------------------------------------------
 *
 * workerdatabase.c
 *	  One look at all tables of a database: a worker that the launcher starts,
 *	  and that is gone when it is done.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "worker/worker.h"

static void
set_option(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

/*
 * worker_connect: opens the database, with settings of its own where those of
 * the database would be in the way.
 */
void
worker_connect(Oid dboid)
{
	BackgroundWorkerInitializeConnectionByOid(dboid, InvalidOid, 0);
	set_option("search_path", "pg_catalog");
	set_option("default_transaction_isolation", "read committed");
	set_option("default_transaction_read_only", "off");
	set_option("statement_timeout", "0");
	set_option("lock_timeout", "0");
	set_option("idle_in_transaction_session_timeout", "0");
#if PG_VERSION_NUM >= 170000
	set_option("transaction_timeout", "0");
#endif
	if (synchronous_commit > SYNCHRONOUS_COMMIT_LOCAL_FLUSH)
		set_option("synchronous_commit", "local");
}

/*
 * worker_protect_store: what pg_upgrade loses; false if there is no store.
 */
bool
worker_protect_store(void)
{
	bool		exists;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	exists = store_exists();
	if (exists)
		store_protect();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return exists;
}

static void
record(Oid relid, const char *error)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (store_exists())
		status_record(relid, error);
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/*
 * worker_run_table: compacts a table and notes that.  False, and *error in
 * TopMemoryContext, if there was an error; it is in the server's log then.
 */
bool
worker_run_table(Oid relid, const CompactOptions *options,
				 CompactResult *result, CompactEnd *end, ErrorData **error)
{
	volatile bool failed = false;

	PG_TRY();
	{
		*end = compact_table(relid, options, result);
	}
	PG_CATCH();
	{
		failed = true;
		MemoryContextSwitchTo(TopMemoryContext);
		*error = CopyErrorData();
		HOLD_INTERRUPTS();
		EmitErrorReport();
		AbortCurrentTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	if (failed)
		record(relid, (*error)->message);
	else if (*end == COMPACT_WRITERS)
		record(relid, "a transaction that wrote to the table did not end");
	else if (result->segments > 0)
		record(relid, "");
	return !failed;
}

/* All omendb tables that the worker may touch, in TopMemoryContext */
static List *
list_tables(void)
{
	List	   *tables = NIL;
	Oid			am = get_table_am_oid("omendb", true);
	Relation	pg_class = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_class_relam, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(am));
	scan = systable_beginscan(pg_class, InvalidOid, false, NULL,
							  OidIsValid(am) ? 1 : 0, &key);
	while (OidIsValid(am) && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
		MemoryContext old;

		if (form->relpersistence != RELPERSISTENCE_PERMANENT ||
			!status_enabled(form->oid))
			continue;
		old = MemoryContextSwitchTo(TopMemoryContext);
		tables = lappend_oid(tables, form->oid);
		MemoryContextSwitchTo(old);
	}
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
	return tables;
}

static List *
find_tables(void)
{
	List	   *tables = NIL;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (store_exists())
		tables = list_tables();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return tables;
}

static void
compact_tables(List *tables)
{
	CompactOptions options = {0};
	ListCell   *lc;

	options.segment_blocks = worker_segment_blocks;
	options.inline_limit = segment_inline_limit;
	foreach(lc, tables)
	{
		CompactResult result = {0};
		CompactEnd	end = COMPACT_DONE;
		ErrorData  *error = NULL;

		if (!worker_enabled || worker_database_wanted())
			break;
		options.quiet = launcher_quiet_lsn(worker_min_age);
		if (!worker_run_table(lfirst_oid(lc), &options, &result, &end, &error))
			FreeErrorData(error);
	}
}

/*
 * omendb_database_main: the worker; arg is the database.
 */
void
omendb_database_main(Datum arg)
{
	worker_signals();
	worker_connect(DatumGetObjectId(arg));
	pgstat_report_activity(STATE_RUNNING, "omendb: looking at tables");
	if (worker_protect_store())
	{
		orphans_remove();
		compact_tables(find_tables());
	}
	else
		launcher_note_absent(DatumGetObjectId(arg));
	proc_exit(0);
}
