/*-------------------------------------------------------------------------
 *
 * workerstatus.c
 *	  What is noted of a table in omendb.compaction: whether the worker may
 *	  touch it, when it last did, and what went wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "worker/worker.h"

/* sub-object of a table whose lock makes writers of its row take turns */
#define STATUS_LOCK_SUBID	2

PG_FUNCTION_INFO_V1(omendb_set_compaction);

/* The row, or what holds without one */
static void
get_status(Oid relid, Compaction *c)
{
	if (store_get_compaction(relid, NULL, c))
		return;
	c->enabled = true;
	c->last_run = DT_NOBEGIN;
	c->runs = 0;
	c->last_error = "";
}

static bool
lock_status(Oid relid, bool wait)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, RelationRelationId, relid,
					   STATUS_LOCK_SUBID);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) !=
		LOCKACQUIRE_NOT_AVAIL;
}

/*
 * status_enabled: may the worker compact the table?
 */
bool
status_enabled(Oid relid)
{
	Compaction	c;

	get_status(relid, &c);
	return c.enabled;
}

/*
 * status_record: notes the end of a run, and the error that ended it.  In a
 * transaction.  Nothing is noted if the table is gone or locked, or if a session
 * is changing the switch: we wait for nobody.
 */
void
status_record(Oid relid, const char *error)
{
	Relation	rel;
	Compaction	c;

	if (!ConditionalLockRelationOid(relid, AccessShareLock))
		return;
	rel = try_relation_open(relid, NoLock);
	if (rel == NULL)
		return;
	if (lock_status(relid, false))
	{
		get_status(relid, &c);
		c.last_run = GetCurrentTimestamp();
		c.runs++;
		c.last_error = unconstify(char *, error);
		store_set_compaction(relid, &c);
	}
	relation_close(rel, NoLock);
}

/*
 * omendb.set_compaction(table, enabled): may the worker compact the table?
 */
Datum
omendb_set_compaction(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Relation	rel = relation_open(relid, AccessShareLock);
	Compaction	c;

	worker_check_table(rel);
	lock_status(relid, true);
	get_status(relid, &c);
	c.enabled = PG_GETARG_BOOL(1);
	store_set_compaction(relid, &c);
	relation_close(rel, NoLock);
	PG_RETURN_VOID();
}
