/*-------------------------------------------------------------------------
 *
 * alexvacuum.c
 *	  VACUUM of an alex index.
 *
 * The leaves are visited along their right links, each under a cleanup lock,
 * so that no scan between an entry and its heap tuple is overtaken.  Empty
 * leaves are unlinked on the way.  Every page met is noted; what was not met
 * afterwards is free, or lost since a crash, and goes to the free space map.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/spccache.h"

#include "alex/alex.h"
#include "alex/alexupkeep.h"

/* Leaves to come, as the level above them lists them */
typedef struct AlexReadAhead
{
	BlockNumber *child;			/* children of one page at level 1 */
	int			nchildren;
	int			current;		/* the leaf being visited */
	int			fetched;		/* children asked for so far */
	int			distance;		/* how far to read ahead; 0: off */
	BlockNumber next;			/* the next page at level 1 */
} AlexReadAhead;

/* State of one ambulkdelete call */
typedef struct AlexVacuum
{
	Relation	rel;
	Relation	heap;			/* NULL before 16 */
	AlexInfo	info;
	IndexVacuumInfo *vacinfo;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	Bitmapset  *seen;			/* pages that are in use */
	BlockNumber nblocks;
	AlexReadAhead ahead;
	uint16	   *dead;			/* positions of dead entries */
	bool		haveprev;
	AlexFence	prevhigh;		/* high fence of the leaf before */
	MemoryContext context;		/* of the whole call */
	MemoryContext leafcontext;	/* reset after every leaf */
	MemoryContext fencecontext; /* holds prevhigh */
} AlexVacuum;

/*---- visiting pages ---- */

/* Number of pages, none of them between its extension and its first lock */
static BlockNumber
alex_count_blocks(Relation rel)
{
	bool		needlock = !RELATION_IS_LOCAL(rel);
	BlockNumber n;

	if (needlock)
		LockRelationForExtension(rel, ExclusiveLock);
	n = RelationGetNumberOfBlocks(rel);
	if (needlock)
		UnlockRelationForExtension(rel, ExclusiveLock);
	return n;
}

/* Notes a page in use; meeting one twice means that links form a circle. */
static void
alex_vacuum_seen(AlexVacuum *v, BlockNumber blk)
{
	MemoryContext old = MemoryContextSwitchTo(v->context);

	if (bms_is_member((int) blk, v->seen))
		alex_report_corrupted(v->rel, blk, "page is linked twice");
	v->seen = bms_add_member(v->seen, (int) blk);
	MemoryContextSwitchTo(old);
}

/* Refuses addresses behind the end of the file. */
static void
alex_vacuum_check_block(AlexVacuum *v, BlockNumber blk, BlockNumber from)
{
	if (blk >= v->nblocks)
		v->nblocks = RelationGetNumberOfBlocks(v->rel);
	if (blk >= v->nblocks || blk == ALEX_METAPAGE)
		alex_report_corrupted(v->rel, from, "right link leads nowhere");
}

/* The leftmost page at a level */
static BlockNumber
alex_leftmost(AlexVacuum *v, uint32 level)
{
	AlexKey		first;
	Buffer		buf;
	BlockNumber blk;

	alex_first_key(&v->info, &first);
	buf = alex_find_page(v->rel, &v->info, &first, level, BUFFER_LOCK_SHARE,
						 false);
	blk = BufferGetBlockNumber(buf);
	UnlockReleaseBuffer(buf);
	return blk;
}

/*---- reading ahead ---- */

/* Copies the children of the level 1 page blk. */
static void
alex_ahead_load(AlexVacuum *v, BlockNumber blk)
{
	AlexReadAhead *a = &v->ahead;
	Buffer		buf = alex_get_buffer(v->rel, blk, BUFFER_LOCK_SHARE);
	Page		page = BufferGetPage(buf);
	AlexPack   *pack = AlexPageGetPack(page);
	AlexOpaque	opaque = AlexPageGetOpaque(page);

	a->nchildren = a->current = a->fetched = 0;
	a->next = InvalidBlockNumber;
	if (opaque->level == 1 && (opaque->flags & ALEX_DELETED) == 0)
	{
		a->next = opaque->right;
		for (int i = 0; i < pack->nentries; i++)
			a->child[a->nchildren++] =
				(BlockNumber) alex_get_field(pack, i,
											 AlexFieldChild(&v->info));
	}
	UnlockReleaseBuffer(buf);
}

static void
alex_ahead_init(AlexVacuum *v)
{
	AlexReadAhead *a = &v->ahead;

	a->distance = get_tablespace_maintenance_io_concurrency(v->rel->rd_rel->reltablespace);
	if (v->info.rootlevel == 0)
		a->distance = 0;
	if (a->distance == 0)
		return;
	a->child = palloc(sizeof(BlockNumber) * ALEX_MAX_ENTRIES);
	alex_ahead_load(v, alex_leftmost(v, 1));
}

/* Leaf blk is next: ask for those behind it.  Only ever a hint. */
static void
alex_ahead_visit(AlexVacuum *v, BlockNumber blk)
{
	AlexReadAhead *a = &v->ahead;
	int			i = a->current;

	if (a->distance == 0)
		return;
	if (i >= a->nchildren && BlockNumberIsValid(a->next))
	{
		alex_ahead_load(v, a->next);
		i = 0;
	}
	while (i < a->nchildren && a->child[i] != blk)
		i++;
	if (i >= a->nchildren)
		return;					/* a leaf that the copy does not have yet */
	a->current = i + 1;
	a->fetched = Max(a->fetched, a->current);
	for (; a->fetched < Min(a->nchildren, a->current + a->distance); a->fetched++)
	{
		if (a->child[a->fetched] < v->nblocks)
			PrefetchBuffer(v->rel, MAIN_FORKNUM, a->child[a->fetched]);
	}
}

/*---- leaves ---- */

/* Positions of the entries whose heap tuples the callback calls dead */
static int
alex_find_dead(AlexVacuum *v, Page page)
{
	AlexPack   *pack = AlexPageGetPack(page);
	int			fblk = AlexFieldBlk(&v->info);
	uint32		start = pack->bitoff[fblk];
	uint32		blkbits = pack->bitoff[fblk + 1] - start;
	uint32		offbits = pack->bitoff[fblk + 2] - pack->bitoff[fblk + 1];
	uint32		rowbits = pack->bitoff[pack->nfields];
	uint64		blkbase = AlexPackBase(pack)[fblk];
	uint64		offbase = AlexPackBase(pack)[fblk + 1];
	const uint8 *bits = AlexPackBits(pack);
	int			ndead = 0;

	for (int i = 0; i < pack->nentries; i++)
	{
		uint32		pos = (uint32) i * rowbits + start;
		ItemPointerData tid;

		ItemPointerSet(&tid,
					   (BlockNumber) (blkbase + alex_get_bits(bits, pos, blkbits)),
					   (OffsetNumber) (offbase +
									   alex_get_bits(bits, pos + blkbits, offbits)));
		if (v->callback(&tid, v->callback_state))
			v->dead[ndead++] = i;
	}
	return ndead;
}

/* Does the leaf follow the one visited before? */
static void
alex_vacuum_check_leaf(AlexVacuum *v, Buffer buf)
{
	Page		page = BufferGetPage(buf);
	AlexOpaque	opaque = AlexPageGetOpaque(page);
	AlexFence	low;

	alex_check_buffer(v->rel, buf);
	if (opaque->level != 0 || (opaque->flags & (ALEX_DELETED | ALEX_META)) != 0)
		alex_report_corrupted(v->rel, BufferGetBlockNumber(buf),
							  "page is linked as a leaf and is none");
	alex_page_low(page, &low);
	if (v->haveprev && !alex_fence_same(&v->info, &v->prevhigh, &low))
		alex_report_corrupted(v->rel, BufferGetBlockNumber(buf),
							  "low fence is not the left neighbour's high fence");
}

/* Remembers the high fence of the leaf at hand. */
static void
alex_vacuum_remember(AlexVacuum *v, Page page)
{
	MemoryContext old;
	AlexFence	high;

	MemoryContextReset(v->fencecontext);
	old = MemoryContextSwitchTo(v->fencecontext);
	alex_page_high(page, &high);
	alex_fence_copy(&v->info, &high, &v->prevhigh);
	v->haveprev = true;
	MemoryContextSwitchTo(old);
}

/* Cleans one leaf; returns the next one's address. */
static BlockNumber
alex_vacuum_leaf(AlexVacuum *v, BlockNumber blk)
{
	Buffer		buf;
	Page		page;
	BlockNumber next;
	bool		empty;
	int			ndead;
	BlockNumber ndeleted = 0;

	buf = ReadBufferExtended(v->rel, MAIN_FORKNUM, blk, RBM_NORMAL,
							 v->vacinfo->strategy);
	LockBufferForCleanup(buf);
	alex_vacuum_check_leaf(v, buf);
	alex_vacuum_seen(v, blk);

	page = BufferGetPage(buf);
	ndead = v->callback ? alex_find_dead(v, page) : 0;
	if (ndead > 0)
		alex_do_delete(v->rel, v->heap, buf, v->dead, ndead,
					   InvalidTransactionId, true);
	v->stats->tuples_removed += ndead;
	v->stats->num_index_tuples += AlexPageCount(page);
	empty = AlexPageCount(page) == 0;
	next = AlexPageGetOpaque(page)->right;
	alex_vacuum_remember(v, page);
	UnlockReleaseBuffer(buf);

	if (empty)
	{
		AlexDeletion done = alex_delete_page(v->rel, &v->info, blk, &ndeleted);

		if (done == ALEX_GAVE_RIGHT)
			v->haveprev = false;
		if (done != ALEX_KEPT)
			v->seen = bms_del_member(v->seen, (int) blk);
		v->stats->pages_newly_deleted += ndeleted;
	}
	return next;
}

static void
alex_vacuum_leaves(AlexVacuum *v)
{
	MemoryContext old = MemoryContextSwitchTo(v->leafcontext);
	BlockNumber blk = alex_leftmost(v, 0);

	while (BlockNumberIsValid(blk))
	{
		BlockNumber next;

		vacuum_delay_point(false);
		alex_ahead_visit(v, blk);
		next = alex_vacuum_leaf(v, blk);
		if (BlockNumberIsValid(next))
			alex_vacuum_check_block(v, next, blk);
		blk = next;
		MemoryContextReset(v->leafcontext);
	}
	MemoryContextSwitchTo(old);
}

/*---- what is free ---- */

/* Notes the pages of one inner level. */
static void
alex_vacuum_inner(AlexVacuum *v, uint32 level)
{
	BlockNumber blk = alex_leftmost(v, level);

	while (BlockNumberIsValid(blk))
	{
		Buffer		buf = alex_get_buffer(v->rel, blk, BUFFER_LOCK_SHARE);
		AlexOpaque	opaque = AlexPageGetOpaque(BufferGetPage(buf));
		BlockNumber next = opaque->right;

		if (opaque->level != level || (opaque->flags & ALEX_DELETED) != 0)
			alex_report_corrupted(v->rel, blk,
								  "page is linked at a level that is not its own");
		UnlockReleaseBuffer(buf);
		alex_vacuum_seen(v, blk);
		if (BlockNumberIsValid(next))
			alex_vacuum_check_block(v, next, blk);
		blk = next;
		vacuum_delay_point(false);
	}
}

/* May this page, which no link led to, be reused? */
static bool
alex_is_free(AlexVacuum *v, BlockNumber blk)
{
	Buffer		buf = ReadBufferExtended(v->rel, MAIN_FORKNUM, blk, RBM_NORMAL,
										 v->vacinfo->strategy);
	Page		page = BufferGetPage(buf);
	bool		isfree;

	LockBuffer(buf, BUFFER_LOCK_SHARE);
	isfree = PageIsNew(page) ||
		(alex_page_verify(page) == NULL &&
		 (AlexPageGetOpaque(page)->flags & ALEX_DELETED) != 0);
	UnlockReleaseBuffer(buf);
	return isfree;
}

/*
 * Counts free pages, and puts those that the free space map has forgotten
 * (it is not WAL-logged) back into it.
 */
static void
alex_vacuum_sweep(AlexVacuum *v)
{
	IndexBulkDeleteResult *stats = v->stats;
	bool		recorded = stats->pages_newly_deleted > 0;

	stats->num_pages = alex_count_blocks(v->rel);
	for (BlockNumber blk = ALEX_METAPAGE + 1; blk < stats->num_pages; blk++)
	{
		if (bms_is_member((int) blk, v->seen))
			continue;
		vacuum_delay_point(false);
		if (GetRecordedFreeSpace(v->rel, blk) == 0)
		{
			if (!alex_is_free(v, blk))
				continue;
			RecordFreeIndexPage(v->rel, blk);
			recorded = true;
		}
		stats->pages_free++;
	}
	stats->pages_deleted = stats->pages_free;
	if (recorded)
		IndexFreeSpaceMapVacuum(v->rel);
}

/*---- the access method's functions ---- */

static void
alex_vacuum_init(AlexVacuum *v, IndexVacuumInfo *vacinfo,
				 IndexBulkDeleteResult *stats)
{
	memset(v, 0, sizeof(AlexVacuum));
	v->rel = vacinfo->index;
	v->heap = OmenVacuumHeap(vacinfo);
	v->vacinfo = vacinfo;
	v->stats = stats;
	v->context = CurrentMemoryContext;
	v->leafcontext = AllocSetContextCreate(CurrentMemoryContext,
										   "alex vacuum leaf",
										   ALLOCSET_DEFAULT_SIZES);
	v->fencecontext = AllocSetContextCreate(CurrentMemoryContext,
											"alex vacuum fence",
											ALLOCSET_SMALL_SIZES);
	alex_get_info(v->rel, &v->info);
	alex_refresh_root(v->rel, &v->info);
	v->nblocks = RelationGetNumberOfBlocks(v->rel);
	v->dead = palloc(sizeof(uint16) * ALEX_MAX_ENTRIES);
	alex_ahead_init(v);
}

/*
 * ambulkdelete: removes the entries whose heap tuples the callback calls
 * dead, and the leaves that are empty.  Raises ERRCODE_INDEX_CORRUPTED when
 * links or fences do not match.
 */
IndexBulkDeleteResult *
alex_bulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				IndexBulkDeleteCallback callback, void *callback_state)
{
	AlexVacuum	v;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	stats->estimated_count = false;
	stats->num_index_tuples = 0;
	stats->pages_deleted = 0;
	stats->pages_free = 0;

	alex_vacuum_init(&v, info, stats);
	v.callback = callback;
	v.callback_state = callback_state;
	alex_vacuum_leaves(&v);
	for (uint32 level = 1; level <= v.info.rootlevel; level++)
		alex_vacuum_inner(&v, level);
	alex_vacuum_sweep(&v);

	MemoryContextDelete(v.fencecontext);
	MemoryContextDelete(v.leafcontext);
	bms_free(v.seen);
	pfree(v.dead);
	if (v.ahead.child)
		pfree(v.ahead.child);
	return stats;
}

/*
 * amvacuumcleanup: everything was done by ambulkdelete.  If that did not run,
 * no page can have become free since, and there is nothing to report.
 */
IndexBulkDeleteResult *
alex_vacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	if (info->analyze_only || stats == NULL)
		return stats;
	stats->num_pages = RelationGetNumberOfBlocks(info->index);

	/* entries of rows that were inserted meanwhile may have been counted */
	if (!info->estimated_count && stats->num_index_tuples > info->num_heap_tuples)
		stats->num_index_tuples = info->num_heap_tuples;
	return stats;
}
