/*-------------------------------------------------------------------------
 *
 * alexsearch.c
 *	  Finding the page that a key belongs to, and the place in it.
 *
 * A search holds one lock at a time and trusts no address: every page that
 * it arrives at has to show the right level and fences around the key.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "alex/alex.h"
#include "miscadmin.h"
#include "storage/buf_internals.h"

bool		alex_model = true;

/* restarts after which a search gives up: the index must be damaged */
#define ALEX_MAX_RESTARTS	1000

/* right links followed from a guess before the search starts at the root */
#define ALEX_MAX_HOPS		4

/* right links followed by one descent: damaged ones may form a circle */
#define ALEX_MAX_MOVES		1000

/* Entry i against key, images compared last */
static inline int
alex_cmp_entry(Relation rel, const AlexInfo *info, Page page, int i,
			   const AlexKey *key)
{
	AlexPack   *pack = AlexPageGetPack(page);
	uint64		f[ALEX_MAX_FIELDS];

	f[0] = (uint64) (uintptr_t)
		alex_entry_tuple(page, i, alex_get_field(pack, i, 0));
	if (key->hastid)
	{
		f[info->nkey] = alex_get_field(pack, i, info->nkey);
		f[info->nkey + 1] = alex_get_field(pack, i, info->nkey + 1);
	}
	return alex_cmp_fields(rel, info, f, key);
}

static int
alex_search_images(Relation rel, const AlexInfo *info, Page page,
				   const AlexKey *key, int lo)
{
	int			hi = AlexPageCount(page);

	while (lo < hi)
	{
		int			mid = (lo + hi) / 2;

		if (alex_cmp_entry(rel, info, page, mid, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * alex_search_page: first position whose entry is >= key
 */
int
alex_search_page(Relation rel, const AlexInfo *info, Page page,
				 const AlexKey *key)
{
	int			from = AlexPageGetOpaque(page)->level == 0 ? 0 : 1;

	if (key->plusinf)
		return AlexPageCount(page);
	if (info->dict)
		return alex_search_images(rel, info, page, key, from);
	return alex_page_lower_bound(page, key->f, from, alex_model, NULL);
}

/* A fence of page against key; the fence must not be infinite */
static inline int
alex_cmp_fence(Relation rel, const AlexInfo *info, Page page,
			   const uint64 *fence, const AlexKey *key)
{
	uint64		f[3];

	if (!info->dict)
		return alex_cmp_fields(rel, info, fence, key);
	f[0] = (uint64) (uintptr_t) alex_code_tuple(page, fence[0]);
	f[1] = fence[1];
	f[2] = fence[2];
	return alex_cmp_fields(rel, info, f, key);
}

/*
 * alex_locate: -1 if key < low fence, +1 if key >= high fence, else 0
 */
int
alex_locate(Relation rel, const AlexInfo *info, Page page, const AlexKey *key)
{
	AlexPack   *pack = AlexPageGetPack(page);

	if (!(pack->flags & ALEX_PACK_HIGH_INF) &&
		alex_cmp_fence(rel, info, page, AlexPackHigh(pack), key) <= 0)
		return 1;
	if (!(pack->flags & ALEX_PACK_LOW_INF) &&
		alex_cmp_fence(rel, info, page, AlexPackLow(pack), key) > 0)
		return -1;
	return 0;
}

/* The same for a page with low < key <= high */
static int
alex_locate_below(Relation rel, const AlexInfo *info, Page page,
				  const AlexKey *key)
{
	AlexPack   *pack = AlexPageGetPack(page);

	if (!(pack->flags & ALEX_PACK_HIGH_INF) &&
		alex_cmp_fence(rel, info, page, AlexPackHigh(pack), key) < 0)
		return 1;
	if (!(pack->flags & ALEX_PACK_LOW_INF) &&
		alex_cmp_fence(rel, info, page, AlexPackLow(pack), key) >= 0)
		return -1;
	return 0;
}

/* Is this a page of the index's layout, live, and at level? */
static inline bool
alex_page_usable(const AlexInfo *info, Page page, uint32 level)
{
	AlexOpaque	opaque = AlexPageGetOpaque(page);

	return !(opaque->flags & (ALEX_DELETED | ALEX_META)) &&
		opaque->level == level &&
		AlexPageGetPack(page)->nord == info->nord &&
		AlexPageGetPack(page)->nfields ==
		(level == 0 ? info->nleaf : info->ninner);
}

/* The child of an inner page that key belongs to */
static BlockNumber
alex_child_for(Relation rel, const AlexInfo *info, Buffer buf,
			   const AlexKey *key, bool below)
{
	Page		page = BufferGetPage(buf);
	AlexPack   *pack = AlexPageGetPack(page);
	int			pos = alex_search_page(rel, info, page, key);

	if (pack->nentries == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("inner page %u of index \"%s\" has no entries",
						BufferGetBlockNumber(buf),
						RelationGetRelationName(rel)),
				 errhint("Please REINDEX it.")));
	/* the entry found leads to keys >= itself: is it equal to the key? */
	if (below || pos >= pack->nentries)
		pos--;
	else
	{
		uint64		row[ALEX_MAX_FIELDS];

		alex_page_get_row(page, pos, row);
		if (alex_cmp_fields(rel, info, row, key) > 0)
			pos--;
	}
	return (BlockNumber) alex_get_field(pack, pos, AlexFieldChild(info));
}

/*
 * One descent from page blk, which is at level "at".  InvalidBuffer with
 * *restart if a page did not fit what was expected of it.
 */
static Buffer
alex_descend(Relation rel, const AlexInfo *info, const AlexKey *key,
			 BlockNumber blk, uint32 at, uint32 level, int access, bool below,
			 bool *restart)
{
	int			moves = 0;

	*restart = true;
	if (blk == InvalidBlockNumber || at < level)
		return InvalidBuffer;
	for (;;)
	{
		Buffer		buf = alex_get_buffer(rel, blk, at == level ? access :
										  BUFFER_LOCK_SHARE);
		Page		page = BufferGetPage(buf);
		int			where;

		if (!alex_page_usable(info, page, at))
			where = -1;
		else
			where = below ? alex_locate_below(rel, info, page, key) :
				alex_locate(rel, info, page, key);
		if (where == 0 && at == level)
		{
			*restart = false;
			return buf;
		}
		if (where == 0)
		{
			blk = alex_child_for(rel, info, buf, key, below);
			at--;
		}
		else
			blk = where > 0 ? AlexPageGetOpaque(page)->right : InvalidBlockNumber;
		UnlockReleaseBuffer(buf);
		if (blk == InvalidBlockNumber ||
			(where > 0 && ++moves > ALEX_MAX_MOVES))
			return InvalidBuffer;
	}
}

/*
 * alex_find_page: see alex.h
 */
Buffer
alex_find_page(Relation rel, AlexInfo *info, const AlexKey *key, uint32 level,
			   int access, bool below)
{
	for (int attempt = 0;; attempt++)
	{
		bool		restart;
		Buffer		buf;

		CHECK_FOR_INTERRUPTS();
		if (attempt > 0 || info->root == InvalidBlockNumber)
			alex_refresh_root(rel, info);
		buf = alex_descend(rel, info, key, info->root, info->rootlevel, level,
						   access, below, &restart);
		if (!restart)
			return buf;
		if (attempt > 20)
			pg_usleep(1000L);
		if (attempt >= ALEX_MAX_RESTARTS)
			ereport(ERROR,
					(errcode(ERRCODE_INDEX_CORRUPTED),
					 errmsg("no page at level %u of index \"%s\" encloses the key searched for",
							level, RelationGetRelationName(rel)),
					 errhint("Please REINDEX it.")));
	}
}

/*
 * Brings into the cache, all at once, what a search looks at one after the
 * other: a page's header, fences and links, and the entries around place.
 * gcc drops the call, which has no effect that it knows of, unless it has to
 * inline it.
 */
static pg_attribute_always_inline void
alex_prefetch_leaf(Page page, uint32 place)
{
	__builtin_prefetch(page);
	__builtin_prefetch(page + 64);
	__builtin_prefetch(page + 128);
	__builtin_prefetch(page + BLCKSZ - 64);
	if (place > 0)
	{
		for (int line = -2; line <= 2; line++)
			__builtin_prefetch(page + place + line * 64);
	}
}

/*
 * Reads a leaf at a guessed place, by its last known buffer if possible.  That
 * may hold any page by now, and reading its memory ahead does no harm.
 */
static inline Buffer
alex_read_guess(Relation rel, BlockNumber blk, Buffer recent, uint32 place)
{
	Buffer		buf;

	if (BufferIsValid(recent))
	{
		if (!BufferIsLocal(recent))
			alex_prefetch_leaf(BufferGetPage(recent), place);
		if (ReadRecentBuffer(OmenRelLocator(rel), MAIN_FORKNUM, blk, recent))
			return recent;
	}
	buf = alex_read_block(rel, blk);
	alex_prefetch_leaf(BufferGetPage(buf), place);
	return buf;
}

/*
 * alex_follow: from a leaf guessed to key's leaf, by at most ALEX_MAX_HOPS
 * right links; InvalidBuffer if the guess was no good
 */
static Buffer
alex_follow(Relation rel, const AlexInfo *info, const AlexKey *key, Buffer buf,
			int access)
{
	for (int hops = 0;; hops++)
	{
		Page		page = BufferGetPage(buf);
		BlockNumber right;
		int			where = -1;

		LockBuffer(buf, access);
		alex_check_buffer(rel, buf);
		if (alex_page_usable(info, page, 0))
			where = alex_locate(rel, info, page, key);
		if (where == 0)
			return buf;
		right = AlexPageGetOpaque(page)->right;
		UnlockReleaseBuffer(buf);
		if (where < 0 || hops >= ALEX_MAX_HOPS || right == InvalidBlockNumber)
			return InvalidBuffer;
		buf = alex_read_block(rel, right);
	}
}

/*
 * alex_find_leaf: see alex.h
 */
Buffer
alex_find_leaf(Relation rel, AlexInfo *info, const AlexKey *key, int access)
{
	uint32		slot;
	Buffer		recent;
	Buffer		buf;
	uint32		place;
	uint32		level;
	bool		restart;
	BlockNumber guess = alex_route(rel, info, key, &slot, &recent, &place,
								   &level);

	if (guess == InvalidBlockNumber)
		return alex_find_page(rel, info, key, 0, access, false);
	if (level > 0)
	{
		/* a huge index: the cache leads to an inner page */
		buf = alex_descend(rel, info, key, guess, level, 0, access, false,
						   &restart);
		return BufferIsValid(buf) ? buf :
			alex_find_page(rel, info, key, 0, access, false);
	}
	buf = alex_follow(rel, info, key, alex_read_guess(rel, guess, recent, place),
					  access);
	if (!BufferIsValid(buf))
		buf = alex_find_page(rel, info, key, 0, access, false);
	alex_route_learn(rel, slot, guess, BufferGetBlockNumber(buf), buf,
					 ((PageHeader) BufferGetPage(buf))->pd_lower);
	return buf;
}

/*
 * alex_fetch_leaf: see alex.h
 */
void
alex_fetch_leaf(Relation rel, AlexInfo *info, const AlexKey *key)
{
	uint32		slot;
	Buffer		recent;
	uint32		place;
	uint32		level;

	if (alex_route(rel, info, key, &slot, &recent, &place,
				   &level) == InvalidBlockNumber || level > 0 ||
		!BufferIsValid(recent) || BufferIsLocal(recent))
		return;
	__builtin_prefetch(GetBufferDescriptor(recent - 1));
	alex_prefetch_leaf(BufferGetPage(recent), place);
}

/*
 * alex_step_right: see alex.h
 */
Buffer
alex_step_right(Relation rel, AlexInfo *info, const AlexKey *high,
				BlockNumber hint, int access)
{
	Buffer		buf = InvalidBuffer;

	if (hint != InvalidBlockNumber)
		buf = alex_follow(rel, info, high,
						  alex_read_guess(rel, hint, InvalidBuffer, 0), access);
	if (!BufferIsValid(buf))
		buf = alex_find_leaf(rel, info, high, access);
	return buf;
}
