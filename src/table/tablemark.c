/*-------------------------------------------------------------------------
 *
 * tablemark.c
 *	  Changes of covered rows that this transaction has not written to
 *	  omendb.mark yet.
 *
 * Each subtransaction that changed covered rows has a level: for each block a
 * bitmap of its line pointers, and whether a row was placed at any of them.  A
 * level is written to the table when it is large, and all levels are before the
 * transaction commits or prepares and before a plan runs that may start parallel
 * workers, which do not see this memory.  A subtransaction that aborts takes its level with it, one that
 * commits leaves it to its parent.
 *
 * What is written belongs to the subtransaction that is current then.  If an
 * outer level is written as well it must be kept, for the inner transaction may
 * still abort; "writer" says at which depth that happened.
 *
 * Rows of omendb.mark are written as if by the transaction's first command, so
 * that every snapshot of this transaction that can see a change can also see
 * the mark of it, no matter how much later it was written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "table/table.h"
#include "table/tableinternal.h"

/* blocks of one level in memory, about 3 MB */
#define MARK_MAX_BLOCKS		32768
#define MARK_MIN_BLOCKS		256

/* blocks of a level that is worth keeping */
#define MARK_SPARE_BLOCKS	64

/* blocks handed to the store at once */
#define MARK_WRITE_BLOCKS	1024

/* size and content of a bitmap of line pointers */
#define MARK_WORDS			lengthof(((BlockMarks *) NULL)->offsets)

typedef struct MarkKey
{
	Oid			relid;
	RelFileNumber file;			/* of the time of the change */
	BlockNumber block;
} MarkKey;

typedef struct MarkEntry
{
	MarkKey		key;			/* hash key, must be first */
	bool		placed;			/* at least one row was placed there */
	uint64		offsets[MARK_WORDS];
} MarkEntry;

/* the changes of one subtransaction */
typedef struct MarkLevel
{
	int			depth;			/* nesting level of the subtransaction */
	int			writer;			/* depth of who wrote the entries, 0: nobody */
	HTAB	   *entries;
	MemoryContext cxt;
	struct MarkLevel *outer;	/* the next one outwards that has entries */
} MarkLevel;

static MarkLevel *mark_innermost = NULL;

/* an empty level that transactions use in turn, or NULL */
static MarkLevel *mark_spare = NULL;

/* the entry of the latest change, NULL when it must be looked up */
static MarkEntry *mark_latest = NULL;

/* the transaction has written its marks and is about to end */
static bool mark_ending = false;

static ExecutorRun_hook_type prev_ExecutorRun = NULL;

/*---- levels ---- */

static MarkLevel *
make_level(void)
{
	MemoryContext cxt = AllocSetContextCreate(TopMemoryContext, "omendb marks",
											  ALLOCSET_DEFAULT_SIZES);
	MarkLevel  *level = MemoryContextAllocZero(cxt, sizeof(MarkLevel));
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(MarkKey);
	ctl.entrysize = sizeof(MarkEntry);
	ctl.hcxt = cxt;
	level->cxt = cxt;
	level->entries = hash_create("omendb marks", MARK_SPARE_BLOCKS, &ctl,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return level;
}

/* The level of the current subtransaction, made if it is not there */
static MarkLevel *
current_level(void)
{
	int			depth = GetCurrentTransactionNestLevel();
	MarkLevel  *level;

	if (mark_innermost != NULL && mark_innermost->depth == depth)
		return mark_innermost;

	level = mark_spare != NULL ? mark_spare : make_level();
	mark_spare = NULL;
	level->depth = depth;
	level->writer = 0;
	level->outer = mark_innermost;
	mark_innermost = level;
	return level;
}

static void
empty_level(MarkLevel *level)
{
	HASH_SEQ_STATUS status;
	MarkEntry  *entry;

	hash_seq_init(&status, level->entries);
	while ((entry = hash_seq_search(&status)) != NULL)
		hash_search(level->entries, &entry->key, HASH_REMOVE, NULL);
}

/*
 * Forgets the innermost level with all that is in it.  A small one is kept for
 * the next transaction: to make it takes longer than a few marks.
 */
static void
drop_innermost(void)
{
	MarkLevel  *level = mark_innermost;

	mark_latest = NULL;
	mark_innermost = level->outer;
	if (mark_spare == NULL &&
		hash_get_num_entries(level->entries) <= MARK_SPARE_BLOCKS)
	{
		empty_level(level);
		mark_spare = level;
	}
	else
		MemoryContextDelete(level->cxt);
}

/* Deep nesting must not multiply the memory. */
static long
level_limit(const MarkLevel *level)
{
	return Max(MARK_MAX_BLOCKS >> Min(level->depth - 1, 20), MARK_MIN_BLOCKS);
}

static void
init_entry(MarkEntry *entry)
{
	entry->placed = false;
	memset(entry->offsets, 0, sizeof(entry->offsets));
}

/* Adds the entries of the innermost level to the next one, and drops it. */
static void
merge_innermost(void)
{
	MarkLevel  *outer = mark_innermost->outer;
	HASH_SEQ_STATUS status;
	MarkEntry  *entry;

	hash_seq_init(&status, mark_innermost->entries);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		bool		found;
		MarkEntry  *target = hash_search(outer->entries, &entry->key,
										 HASH_ENTER, &found);

		if (!found)
			init_entry(target);
		target->placed |= entry->placed;
		for (int i = 0; i < MARK_WORDS; i++)
			target->offsets[i] |= entry->offsets[i];
	}
	drop_innermost();
}

/*---- writing ---- */

static int
compare_entries(const void *a, const void *b)
{
	const MarkKey *first = &(*(MarkEntry *const *) a)->key;
	const MarkKey *second = &(*(MarkEntry *const *) b)->key;

	if (first->relid != second->relid)
		return first->relid < second->relid ? -1 : 1;
	if (first->file != second->file)
		return first->file < second->file ? -1 : 1;
	return (first->block > second->block) - (first->block < second->block);
}

/* The entries of a level in the order of tables and blocks */
static MarkEntry **
sorted_entries(MarkLevel *level, long *n)
{
	long		count = hash_get_num_entries(level->entries);
	MarkEntry **result = palloc(Max(count, 1) * sizeof(MarkEntry *));
	HASH_SEQ_STATUS status;
	MarkEntry  *entry;

	*n = 0;
	hash_seq_init(&status, level->entries);
	while ((entry = hash_seq_search(&status)) != NULL)
		result[(*n)++] = entry;
	qsort(result, *n, sizeof(MarkEntry *), compare_entries);
	return result;
}

/* Writes n entries of one table. */
static void
write_entries(StoreWriter *writer, Relation rel, MarkEntry **entries, long n)
{
	BlockMarks *marks = palloc(Min(n, MARK_WRITE_BLOCKS) * sizeof(BlockMarks));
	int			filled = 0;

	for (long i = 0; i < n; i++)
	{
		marks[filled].block = entries[i]->key.block;
		marks[filled].placed = entries[i]->placed;
		memcpy(marks[filled].offsets, entries[i]->offsets,
			   sizeof(entries[i]->offsets));
		if (++filled == MARK_WRITE_BLOCKS || i == n - 1)
		{
			store_add_marks(writer, rel, marks, filled);
			filled = 0;
		}
	}
	pfree(marks);
}

/*
 * Writes n entries of one relation file.  Nobody needs them if the table is
 * gone, has another file or another access method: all that was this
 * transaction's doing, under a lock that keeps others out.  Should the
 * subtransaction that did it abort then its writing is undone as well, and
 * outer levels are written again.
 */
static void
write_file_entries(StoreWriter **writer, MarkEntry **entries, long n)
{
	Relation	rel = try_relation_open(entries[0]->key.relid,
										RowExclusiveLock);

	if (rel == NULL)
		return;
	if (omendb_is_table(rel) &&
		OmenRelNumber(OmenRelLocator(rel)) == entries[0]->key.file)
	{
		if (*writer == NULL)
			*writer = store_begin_marks();
		write_entries(*writer, rel, entries, n);
	}
	relation_close(rel, NoLock);
}

static void
write_level(MarkLevel *level)
{
	long		n;
	MarkEntry **entries = sorted_entries(level, &n);
	StoreWriter *writer = NULL;
	long		start = 0;

	for (long i = 1; i <= n; i++)
	{
		if (i == n || entries[i]->key.relid != entries[start]->key.relid ||
			entries[i]->key.file != entries[start]->key.file)
		{
			write_file_entries(&writer, entries + start, i - start);
			start = i;
		}
	}
	if (writer != NULL)
		store_end_marks(writer);
	pfree(entries);
}

/* Writes the current subtransaction's own level, and empties it. */
static void
flush_current(void)
{
	if (mark_innermost == NULL ||
		mark_innermost->depth != GetCurrentTransactionNestLevel())
		return;
	write_level(mark_innermost);
	drop_innermost();
}

/*
 * mark_flush: writes all changes that are in memory to omendb.mark, in the
 * current subtransaction.  Not possible in parallel mode; there cannot be any
 * changes then that are not written, because parallel mode begins with this.
 */
void
mark_flush(void)
{
	int			depth = GetCurrentTransactionNestLevel();

	for (MarkLevel *level = mark_innermost; level != NULL; level = level->outer)
	{
		if (level->writer == 0)
		{
			write_level(level);
			if (level->depth < depth)
				level->writer = depth;
		}
	}
	if (mark_innermost != NULL && mark_innermost->depth == depth)
		drop_innermost();
}

/*---- changes ---- */

static MarkEntry *
find_entry(Relation rel, BlockNumber block)
{
	MarkLevel  *level = current_level();
	MarkKey		key;
	MarkEntry  *entry;
	bool		found;

	if (hash_get_num_entries(level->entries) >= level_limit(level))
	{
		flush_current();
		level = current_level();
	}
	key.relid = RelationGetRelid(rel);
	key.file = OmenRelNumber(OmenRelLocator(rel));
	key.block = block;
	entry = hash_search(level->entries, &key, HASH_ENTER, &found);
	if (!found)
		init_entry(entry);
	return entry;
}

static inline bool
is_entry_of(const MarkEntry *entry, Relation rel, BlockNumber block)
{
	return entry->key.block == block &&
		entry->key.relid == RelationGetRelid(rel) &&
		entry->key.file == OmenRelNumber(OmenRelLocator(rel));
}

/*
 * mark_changed: the current transaction has placed a row at a TID in a covered
 * block of the table, or has removed the one that was there.  To be called after
 * the change, with the lock that the change needed.
 */
void
mark_changed(Relation rel, const ItemPointerData *tid, bool placed)
{
	BlockNumber block = ItemPointerGetBlockNumber(tid);
	OffsetNumber offset = ItemPointerGetOffsetNumber(tid);

	if (mark_latest == NULL || !is_entry_of(mark_latest, rel, block))
		mark_latest = find_entry(rel, block);
	Assert(offset / 64 < MARK_WORDS);
	mark_latest->offsets[offset / 64] |= UINT64CONST(1) << (offset % 64);
	mark_latest->placed |= placed;

	if (unlikely(mark_ending))
		mark_flush();
}

static bool
add_offsets(const MarkEntry *entry, bool *offsets)
{
	bool		any = false;

	for (int i = FirstOffsetNumber; i <= MaxHeapTuplesPerPage; i++)
	{
		if (entry->offsets[i / 64] & (UINT64CONST(1) << (i % 64)))
			offsets[i] = any = true;
	}
	return any;
}

/*
 * mark_any_pending: may mark_pending() find anything?
 */
bool
mark_any_pending(void)
{
	return mark_innermost != NULL;
}

/*
 * mark_pending: sets offsets[i] for each line pointer i of the block that this
 * transaction changed and has not written to omendb.mark, and leaves the rest
 * of the array as it is.  Returns whether there are any.
 *
 * Ask this first and store_marks after it: a change may be written in between,
 * and would be missed the other way round.
 */
bool
mark_pending(Relation rel, BlockNumber block,
			 bool offsets[MaxHeapTuplesPerPage + 1])
{
	MarkKey		key;
	bool		any = false;

	if (mark_innermost == NULL)
		return false;
	key.relid = RelationGetRelid(rel);
	key.file = OmenRelNumber(OmenRelLocator(rel));
	key.block = block;
	for (MarkLevel *level = mark_innermost; level != NULL; level = level->outer)
	{
		MarkEntry  *entry = hash_search(level->entries, &key, HASH_FIND, NULL);

		if (entry != NULL && add_offsets(entry, offsets))
			any = true;
	}
	return any;
}

/*---- ends of transactions ---- */

/*
 * The subtransaction is about to commit.  If its changes would make the outer
 * level too large, or that one is written already, they are written now.
 */
static void
before_subcommit(int depth)
{
	MarkLevel  *level = mark_innermost;
	MarkLevel  *outer;

	if (level == NULL || level->depth != depth)
		return;
	outer = level->outer;
	if (outer == NULL || outer->depth != depth - 1)
		return;
	if (outer->writer != 0 ||
		hash_get_num_entries(outer->entries) +
		hash_get_num_entries(level->entries) > level_limit(outer))
		mark_flush();
}

/* What the subtransaction has, and has written, is its parent's from now on. */
static void
at_subcommit(int depth)
{
	MarkLevel  *own = NULL;

	mark_latest = NULL;
	if (mark_innermost != NULL && mark_innermost->depth == depth)
	{
		own = mark_innermost;
		mark_innermost = own->outer;
	}
	if (mark_innermost != NULL && mark_innermost->depth == depth - 1 &&
		mark_innermost->writer == depth)
		drop_innermost();
	for (MarkLevel *level = mark_innermost; level != NULL; level = level->outer)
	{
		if (level->writer == depth)
			level->writer = depth - 1;
	}
	if (own != NULL)
	{
		own->depth = depth - 1;
		own->outer = mark_innermost;
		mark_innermost = own;
		if (own->outer != NULL && own->outer->depth == depth - 1)
			merge_innermost();
	}
}

static void
at_subabort(int depth)
{
	mark_latest = NULL;
	while (mark_innermost != NULL && mark_innermost->depth >= depth)
		drop_innermost();
	for (MarkLevel *level = mark_innermost; level != NULL; level = level->outer)
	{
		if (level->writer >= depth)
			level->writer = 0;
	}
}

static void
mark_SubXactCallback(SubXactEvent event, SubTransactionId subid,
					 SubTransactionId parent, void *arg)
{
	int			depth = GetCurrentTransactionNestLevel();

	switch (event)
	{
		case SUBXACT_EVENT_START_SUB:
			mark_latest = NULL;
			break;
		case SUBXACT_EVENT_PRE_COMMIT_SUB:
			before_subcommit(depth);
			break;
		case SUBXACT_EVENT_COMMIT_SUB:
			at_subcommit(depth);
			break;
		case SUBXACT_EVENT_ABORT_SUB:
			at_subabort(depth);
			break;
	}
}

static void
mark_XactCallback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			mark_flush();
			/* callbacks of others may come after this one */
			mark_ending = true;
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			Assert(mark_innermost == NULL);
			/* FALLTHROUGH */
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			while (mark_innermost != NULL)
				drop_innermost();
			mark_latest = NULL;
			mark_ending = false;
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
			break;
	}
}

/*
 * Parallel workers read marks that are written, not those in our memory.
 * Nothing can be written from here to the end of parallel mode.
 */
static void
run_flushed(QueryDesc *query)
{
	if (mark_innermost != NULL && query->plannedstmt->parallelModeNeeded &&
		!IsInParallelMode())
		mark_flush();
}

#if PG_VERSION_NUM >= 180000
static void
mark_ExecutorRun(QueryDesc *query, ScanDirection direction, uint64 count)
{
	run_flushed(query);
	if (prev_ExecutorRun)
		prev_ExecutorRun(query, direction, count);
	else
		standard_ExecutorRun(query, direction, count);
}
#else
static void
mark_ExecutorRun(QueryDesc *query, ScanDirection direction, uint64 count,
				 bool execute_once)
{
	run_flushed(query);
	if (prev_ExecutorRun)
		prev_ExecutorRun(query, direction, count, execute_once);
	else
		standard_ExecutorRun(query, direction, count, execute_once);
}
#endif

/*
 * table_mark_init: once per process, while the library is loaded.
 */
void
table_mark_init(void)
{
	RegisterXactCallback(mark_XactCallback, NULL);
	RegisterSubXactCallback(mark_SubXactCallback, NULL);
	prev_ExecutorRun = ExecutorRun_hook;
	ExecutorRun_hook = mark_ExecutorRun;
}
