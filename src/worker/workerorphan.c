/*-------------------------------------------------------------------------
 *
 * workerorphan.c
 *	  Removes what is stored for tables that are gone, or were rewritten or
 *	  truncated, or are no omendb tables any more; and columns of segments
 *	  that are gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "table/table.h"
#include "worker/worker.h"

/* columns are deleted in transactions of so many segments */
#define ORPHAN_BATCH	64

/* Is this filenode no longer the table's?  The table is locked. */
static bool
is_orphan(Oid relid, Oid filenode)
{
	Relation	rel = try_relation_open(relid, NoLock);
	bool		orphan;

	if (rel == NULL)
		return true;
	orphan = !RELKIND_HAS_STORAGE(rel->rd_rel->relkind) ||
		!omendb_is_table(rel) ||
		(Oid) OmenRelNumber(OmenRelLocator(rel)) != filenode;
	relation_close(rel, NoLock);
	return orphan;
}

/* If the table is locked its turn comes another time. */
static void
check_table(Oid relid, Oid filenode)
{
	StartTransactionCommand();
	if (ConditionalLockRelationOid(relid, AccessShareLock))
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		if (is_orphan(relid, filenode))
			store_drop_table(relid, filenode);
		PopActiveSnapshot();
	}
	CommitTransactionCommand();
}

static bool
next_table(StoreRelation which, Oid *relid, Oid *filenode)
{
	bool		found;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	found = store_exists() &&
		store_next_table(which, GetActiveSnapshot(), relid, filenode);
	PopActiveSnapshot();
	CommitTransactionCommand();
	return found;
}

static void
check_tables(StoreRelation which)
{
	Oid			relid = InvalidOid;
	Oid			filenode = InvalidOid;

	while (!worker_database_wanted() && next_table(which, &relid, &filenode))
		check_table(relid, filenode);
}

static bool
is_in(const int64 *ids, int n, int64 id)
{
	int			low = 0;

	while (low < n)
	{
		int			middle = low + (n - low) / 2;

		if (ids[middle] == id)
			return true;
		if (ids[middle] < id)
			low = middle + 1;
		else
			n = middle;
	}
	return false;
}

/*
 * Columns come and go in the same transactions as rows of the directory, but
 * for tables that are dropped; so one snapshot tells which are left over.
 * Returns false when there are no more after *segid.
 */
static bool
check_columns(int64 *segid)
{
	Snapshot	snapshot;
	int64	   *ids;
	int			n;
	int			dropped = 0;
	bool		found = false;

	StartTransactionCommand();
	snapshot = GetTransactionSnapshot();
	PushActiveSnapshot(snapshot);
	if (store_exists())
	{
		ids = store_segment_ids(snapshot, &n);
		while (dropped < ORPHAN_BATCH && !worker_database_wanted() &&
			   (found = store_next_blob(snapshot, segid)))
		{
			CHECK_FOR_INTERRUPTS();
			if (is_in(ids, n, *segid))
				continue;
			store_drop_blobs(*segid);
			dropped++;
		}
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	return found;
}

/*
 * orphans_remove: called outside a transaction.
 */
void
orphans_remove(void)
{
	int64		segid = PG_INT64_MIN;

	check_tables(STORE_SEGMENT);
	check_tables(STORE_MARK);
	while (check_columns(&segid))
		;
}
