/*-------------------------------------------------------------------------
 *
 * alexinsert.c
 *	  Inserting single entries, and uniqueness.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "alex/alex.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "utils/snapmgr.h"

/*---- placing an entry ---- */

/*
 * Inserts row, whose key is key, into the exclusively locked leaf that
 * encloses it; releases the leaf.
 */
static void
alex_insert_on_leaf(Relation rel, AlexInfo *info, Relation heap, Buffer buf,
					const AlexKey *key, const uint64 *row)
{
	Page		page = BufferGetPage(buf);
	int			pos;
	bool		inserted;

	CheckForSerializableConflictIn(rel, NULL, BufferGetBlockNumber(buf));
	pos = alex_search_page(rel, info, page, key);
	inserted = alex_do_insert(rel, buf, pos, row, InvalidBuffer);
	if (!inserted && heap != NULL && alex_delete_dead(rel, info, heap, buf))
	{
		pos = alex_search_page(rel, info, page, key);
		inserted = alex_do_insert(rel, buf, pos, row, InvalidBuffer);
	}
	if (inserted)
		UnlockReleaseBuffer(buf);
	else
		alex_split_insert(rel, info, heap, buf, pos, row, InvalidBuffer);
}

/*
 * alex_insert_entry: inserts one entry, no questions asked
 */
void
alex_insert_entry(Relation rel, AlexInfo *info, Relation heap,
				  const AlexEntry *entry)
{
	AlexKey		key;

	alex_key_from_fields(rel, info, entry->f, true, &key);
	alex_insert_on_leaf(rel, info, heap,
						alex_find_for_write(rel, info, heap, &key, 0),
						&key, entry->f);
}

/*---- uniqueness ---- */

/* What the look at the entries of one key has to know and to tell */
typedef struct AlexUnique
{
	Relation	rel;
	AlexInfo   *info;
	Relation	heap;
	Datum	   *values;
	bool	   *isnull;
	ItemPointer tid;			/* of the new row */
	const uint64 *row;			/* the new entry */
	IndexUniqueCheck mode;
	bool		found;			/* the new row's own entry was seen */
	bool		unique;			/* no conflict so far */
	TransactionId xwait;		/* in progress: wait for its end */
	uint32		token;			/* ... or for this speculative insertion */
} AlexUnique;

/* Releases all locks and reports the violation. */
static void
alex_report_duplicate(AlexUnique *u)
{
	char	   *desc = BuildIndexValueDescription(u->rel, u->values, u->isnull);

	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("duplicate key value violates unique constraint \"%s\"",
					RelationGetRelationName(u->rel)),
			 desc ? errdetail("Key %s already exists.", desc) : 0,
			 errtableconstraint(u->heap, RelationGetRelationName(u->rel))));
}

/*
 * Looks at one entry with the new row's key.  false if the search is over: a
 * conflict, or somebody to wait for.  *duplicate: report a violation.
 */
static bool
alex_check_entry(AlexUnique *u, Buffer buf, int i, const uint64 *row,
				 bool *duplicate)
{
	SnapshotData dirty;
	ItemPointerData tid;
	bool		all_dead = false;

	alex_row_tid(u->info, row, &tid);
	if (u->mode == UNIQUE_CHECK_EXISTING && ItemPointerEquals(&tid, u->tid))
	{
		u->found = true;
		return true;
	}
	InitDirtySnapshot(dirty);
	if (!table_index_fetch_tuple_check(u->heap, &tid, &dirty, &all_dead))
	{
		if (all_dead)
		{
			alex_page_set_dead(BufferGetPage(buf), i);
			MarkBufferDirtyHint(buf, true);
		}
		return true;
	}
	if (u->mode == UNIQUE_CHECK_PARTIAL)
	{
		/* somebody looks again later */
		u->unique = false;
		return false;
	}
	u->xwait = TransactionIdIsValid(dirty.xmin) ? dirty.xmin : dirty.xmax;
	if (TransactionIdIsValid(u->xwait))
	{
		u->token = dirty.speculativeToken;
		return false;
	}
	/* a definite conflict, if the new row is still alive itself */
	tid = *u->tid;
	*duplicate = table_index_fetch_tuple_check(u->heap, &tid, SnapshotSelf,
											   NULL);
	if (*duplicate)
		CheckForSerializableConflictIn(u->rel, NULL, BufferGetBlockNumber(buf));
	return false;
}

/*
 * Looks at the page's entries from pos on.  true if the key may go on at the
 * next page.
 */
static bool
alex_check_page(AlexUnique *u, Buffer buf, int pos, bool *duplicate)
{
	Page		page = BufferGetPage(buf);
	uint64		row[ALEX_MAX_FIELDS];
	AlexFence	high;

	for (int i = pos; i < AlexPageCount(page); i++)
	{
		alex_page_get_row(page, i, row);
		if (alex_cmp_row_keys(u->rel, u->info, row, u->row) != 0)
			return false;
		if (row[AlexFieldDead(u->info)] == 0 &&
			!alex_check_entry(u, buf, i, row, duplicate))
			return false;
	}
	alex_page_high(page, &high);
	return !high.inf &&
		alex_cmp_row_keys(u->rel, u->info, high.f, u->row) == 0;
}

/*
 * Looks at all entries of the new key, from position pos of the exclusively
 * locked first leaf on.  That leaf stays locked, except on an error.
 */
static void
alex_check_unique(AlexUnique *u, Buffer first, int pos)
{
	Buffer		buf = first;
	bool		duplicate = false;

	u->xwait = InvalidTransactionId;
	u->token = 0;
	u->found = false;
	u->unique = true;
	while (alex_check_page(u, buf, pos, &duplicate))
	{
		/* the next page can not go away while its left sibling is locked */
		BlockNumber right = AlexPageGetOpaque(BufferGetPage(buf))->right;
		Buffer		next = alex_get_buffer(u->rel, right, BUFFER_LOCK_SHARE);

		if (buf != first)
			UnlockReleaseBuffer(buf);
		buf = next;
		pos = 0;
	}
	if (buf != first)
		UnlockReleaseBuffer(buf);
	if (duplicate)
	{
		UnlockReleaseBuffer(first);
		alex_report_duplicate(u);
	}
}

/* Does the new entry have a null that makes it unique by itself? */
static bool
alex_null_is_unique(const AlexInfo *info, const bool *isnull)
{
	if (info->nullsnotdistinct)
		return false;
	for (int i = 0; i < info->nkeyatts; i++)
	{
		if (isnull[i])
			return true;
	}
	return false;
}

/*
 * From the locked first leaf of a key rightwards to the leaf for (key, TID),
 * locking the next before letting go of the last.
 */
static Buffer
alex_move_to_tid(Relation rel, AlexInfo *info, Buffer buf, const AlexKey *key)
{
	while (alex_locate(rel, info, BufferGetPage(buf), key) > 0)
	{
		Buffer		next = alex_get_buffer(rel,
										   AlexPageGetOpaque(BufferGetPage(buf))->right,
										   BUFFER_LOCK_EXCLUSIVE);

		UnlockReleaseBuffer(buf);
		buf = next;
	}
	return buf;
}

/* Waits for the transaction that decides about a conflict. */
static void
alex_wait_conflict(AlexUnique *u)
{
	if (u->token != 0)
		SpeculativeInsertionWait(u->xwait, u->token);
	else
		XactLockTableWait(u->xwait, u->rel, u->tid, XLTW_InsertIndex);
}

/*
 * Locks the first leaf of the new key, looks for conflicts and waits for those
 * that are not decided.  The leaf stays locked.
 */
static Buffer
alex_lock_first_leaf(AlexUnique *u, const AlexKey *start)
{
	for (;;)
	{
		Buffer		buf = alex_find_for_write(u->rel, u->info, u->heap, start, 0);

		alex_check_unique(u, buf, alex_search_page(u->rel, u->info,
												   BufferGetPage(buf), start));
		if (!TransactionIdIsValid(u->xwait))
			return buf;
		UnlockReleaseBuffer(buf);
		alex_wait_conflict(u);
	}
}

/* UNIQUE_CHECK_EXISTING: the entry is there already, is it alone? */
static bool
alex_recheck_unique(AlexUnique *u, Buffer first)
{
	UnlockReleaseBuffer(first);
	if (!u->found && u->unique)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("failed to re-find tuple within index \"%s\"",
						RelationGetRelationName(u->rel)),
				 errhint("This may be because of a non-immutable index expression."),
				 errtableconstraint(u->heap, RelationGetRelationName(u->rel))));
	return u->unique;
}

/*
 * Checks for conflicts and, unless mode is UNIQUE_CHECK_EXISTING, inserts.
 * Returns what aminsert has to return.
 */
static bool
alex_insert_unique(AlexUnique *u)
{
	AlexEntry	first;
	AlexKey		start;
	AlexKey		key;

	memcpy(first.f, u->row, sizeof(uint64) * u->info->nleaf);
	alex_canonical_key(u->info, first.f);
	alex_key_from_fields(u->rel, u->info, first.f, false, &start);
	alex_key_from_fields(u->rel, u->info, u->row, true, &key);
	for (;;)
	{
		Buffer		buf = alex_lock_first_leaf(u, &start);

		if (u->mode == UNIQUE_CHECK_EXISTING)
			return alex_recheck_unique(u, buf);
		buf = alex_move_to_tid(u->rel, u->info, buf, &key);
		if (!(AlexPageGetOpaque(BufferGetPage(buf))->flags &
			  ALEX_INCOMPLETE_SPLIT))
		{
			alex_insert_on_leaf(u->rel, u->info, u->heap, buf, &key, u->row);
			return u->unique;
		}
		/* this may let go of the lock that keeps others of this key out */
		alex_finish_split(u->rel, u->info, u->heap, buf);
		UnlockReleaseBuffer(buf);
	}
}

/*
 * alex_insert: aminsert
 */
bool
alex_insert(Relation rel, Datum *values, bool *isnull, ItemPointer tid,
			Relation heap, IndexUniqueCheck checkUnique, bool indexUnchanged,
			struct IndexInfo *indexInfo)
{
	AlexInfo	info;
	AlexEntry	entry;

	/* for alex_delete_dead, which a batch may call much later */
	if (rel->rd_amcache != NULL)
		((AlexInfo *) rel->rd_amcache)->unchanged = indexUnchanged;
	if (checkUnique == UNIQUE_CHECK_NO && !indexInfo->ii_Concurrent &&
		alex_batch_add(rel, heap, values, isnull, tid))
		return false;
	alex_get_info(rel, &info);
	alex_form_entry(rel, &info, values, isnull, tid, &entry);
	if (checkUnique != UNIQUE_CHECK_NO && !alex_null_is_unique(&info, isnull))
	{
		AlexUnique	u = {0};

		u.rel = rel;
		u.info = &info;
		u.heap = heap;
		u.values = values;
		u.isnull = isnull;
		u.tid = tid;
		u.row = entry.f;
		u.mode = checkUnique;
		return alex_insert_unique(&u);
	}
	/* a null makes the entry unique: nothing to look at again */
	if (checkUnique == UNIQUE_CHECK_EXISTING)
		return true;
	alex_insert_entry(rel, &info, heap, &entry);
	return checkUnique != UNIQUE_CHECK_NO;
}
