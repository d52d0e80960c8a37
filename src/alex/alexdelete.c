/*-------------------------------------------------------------------------
 *
 * alexdelete.c
 *	  Deletion of empty pages, and of entries that are known to be dead.
 *
 * An empty leaf is unlinked together with its parents that have no other
 * child.  All pages concerned are locked at once, level by level from the
 * leaves up and from left to right on each, and change in one WAL record.
 * README, "Deleting", tells who takes over the key range.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "storage/indexfsm.h"
#include "storage/predicate.h"

#include "alex/alex.h"
#include "alex/alexupkeep.h"

/* levels that one deletion may empty: the record holds 3 pages of each */
#define ALEX_MAX_UNLINK_LEVELS	((ALEX_MAX_CHANGES - 1) / 3)

/* A page to be deleted and its neighbours, exclusively locked */
typedef struct AlexUnlinkLevel
{
	Buffer		left;			/* InvalidBuffer at the ends */
	Buffer		page;
	Buffer		right;
} AlexUnlinkLevel;

/* A deletion under way */
typedef struct AlexUnlink
{
	Relation	rel;
	AlexInfo   *info;
	int			nlevels;
	AlexUnlinkLevel level[ALEX_MAX_UNLINK_LEVELS];
	Buffer		parent;			/* the lowest one that keeps a child */
	int			row;			/* of the topmost deleted page in parent */
	uint64	   *rows;			/* room for a page's rows */
	int			nchanges;
	AlexChange	change[ALEX_MAX_CHANGES];
	Page		image[ALEX_MAX_CHANGES];
} AlexUnlink;

#define AlexBufferOpaque(buf)	AlexPageGetOpaque(BufferGetPage(buf))

/*---- locking ---- */

static void
alex_release(Buffer *buf)
{
	if (BufferIsValid(*buf))
		UnlockReleaseBuffer(*buf);
	*buf = InvalidBuffer;
}

/* A page that is linked at this level, and whose own split is complete? */
static bool
alex_is_settled(Buffer buf, uint32 level)
{
	AlexOpaque	opaque = AlexBufferOpaque(buf);

	return opaque->level == level &&
		(opaque->flags & (ALEX_DELETED | ALEX_INCOMPLETE_SPLIT | ALEX_META)) == 0;
}

/*
 * Locks blk and its neighbours from left to right.  false if the page's left
 * neighbour changed meanwhile, or if a split nearby is incomplete.
 */
static bool
alex_lock_siblings(AlexUnlink *u, BlockNumber blk, uint32 level)
{
	AlexUnlinkLevel *l = &u->level[u->nlevels++];
	BlockNumber left;
	BlockNumber right;

	l->left = l->right = InvalidBuffer;
	l->page = alex_get_buffer(u->rel, blk, BUFFER_LOCK_SHARE);
	left = AlexBufferOpaque(l->page)->left;
	alex_release(&l->page);

	if (BlockNumberIsValid(left))
	{
		l->left = alex_get_buffer(u->rel, left, BUFFER_LOCK_EXCLUSIVE);
		if (!alex_is_settled(l->left, level) ||
			AlexBufferOpaque(l->left)->right != blk)
			return false;
	}
	l->page = alex_get_buffer(u->rel, blk, BUFFER_LOCK_EXCLUSIVE);
	if (!alex_is_settled(l->page, level) ||
		AlexBufferOpaque(l->page)->left != left)
		return false;
	right = AlexBufferOpaque(l->page)->right;
	if (BlockNumberIsValid(right))
	{
		l->right = alex_get_buffer(u->rel, right, BUFFER_LOCK_EXCLUSIVE);
		if (AlexBufferOpaque(l->right)->left != blk ||
			AlexBufferOpaque(l->right)->level != level ||
			(AlexBufferOpaque(l->right)->flags & ALEX_DELETED) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INDEX_CORRUPTED),
					 errmsg("index \"%s\" has pages whose links do not match",
							RelationGetRelationName(u->rel)),
					 errdetail("Block %u leads right to block %u, which does not lead back.",
							   blk, right),
					 errhint("REINDEX the index.")));
	}
	return BufferIsValid(l->left) || BufferIsValid(l->right);
}

/* Which row of the inner page in buf leads to child?  -1: none */
static int
alex_child_row(AlexUnlink *u, Buffer buf, BlockNumber child)
{
	AlexPack   *pack = AlexPageGetPack(BufferGetPage(buf));

	for (int i = 0; i < pack->nentries; i++)
	{
		if (alex_get_field(pack, i, AlexFieldChild(u->info)) == child)
			return i;
	}
	return -1;
}

static void
alex_unlink_release(AlexUnlink *u)
{
	alex_release(&u->parent);
	while (u->nlevels > 0)
	{
		AlexUnlinkLevel *l = &u->level[--u->nlevels];

		alex_release(&l->right);
		alex_release(&l->page);
		alex_release(&l->left);
	}
}

/* A key at the low fence of a page; its image stays in that (locked) page. */
static void
alex_low_key(AlexUnlink *u, Page page, AlexKey *key)
{
	AlexFence	low;

	alex_page_low(page, &low);
	if (low.inf)
		alex_first_key(u->info, key);
	else
		alex_key_from_fields(u->rel, u->info, low.f, true, key);
}

/*
 * Locks the empty leaf, every parent of which it is the only descendant, all
 * their neighbours, and the first parent that has other children.
 */
static bool
alex_unlink_lock(AlexUnlink *u, BlockNumber leaf)
{
	BlockNumber child = leaf;
	AlexKey		key;

	if (!alex_lock_siblings(u, leaf, 0) ||
		AlexPageCount(BufferGetPage(u->level[0].page)) != 0)
		return false;
	alex_low_key(u, BufferGetPage(u->level[0].page), &key);

	for (uint32 level = 1;; level++)
	{
		u->parent = alex_find_page(u->rel, u->info, &key, level,
								   BUFFER_LOCK_EXCLUSIVE, false);
		if (!BufferIsValid(u->parent))
			return false;
		u->row = alex_child_row(u, u->parent, child);
		if (u->row < 0 || !alex_is_settled(u->parent, level))
			return false;
		if (AlexPageCount(BufferGetPage(u->parent)) > 1)
			return true;

		/* an only child takes its parent along */
		child = BufferGetBlockNumber(u->parent);
		alex_release(&u->parent);
		if (u->nlevels == ALEX_MAX_UNLINK_LEVELS ||
			!alex_lock_siblings(u, child, level) ||
			AlexPageCount(BufferGetPage(u->level[level].page)) != 1 ||
			alex_child_row(u, u->level[level].page,
						   BufferGetBlockNumber(u->level[level - 1].page)) != 0)
			return false;
	}
}

/*---- new contents ---- */

static void
alex_add_change(AlexUnlink *u, Buffer buf, AlexChangeOp op, BlockNumber link,
				Page image)
{
	AlexChange *c = &u->change[u->nchanges];

	c->buf = buf;
	c->op = op;
	c->link = link;
	u->image[u->nchanges++] = image;
}

/* Encodes spec and u->rows as buf's new contents; false if they do not fit. */
static bool
alex_add_image_change(AlexUnlink *u, Buffer buf, const AlexSpec *spec, int n)
{
	Page		image = palloc(BLCKSZ);

	if (!alex_page_encode(image, spec, u->rows, n))
		return false;
	alex_add_change(u, buf, ALEX_CHANGE_IMAGE, InvalidBlockNumber, image);
	return true;
}

/* Reads spec and rows of buf; returns the number of rows. */
static int
alex_load_page(AlexUnlink *u, Buffer buf, AlexSpec *spec)
{
	Page		page = BufferGetPage(buf);
	int			n = AlexPageCount(page);

	alex_page_spec(page, spec);
	alex_page_decode(page, 0, n, u->rows);
	return n;
}

/* The left neighbour takes over: its high fence and right link move. */
static bool
alex_give_left(AlexUnlink *u, const AlexUnlinkLevel *l)
{
	AlexSpec	gone;
	AlexSpec	spec;
	int			n = alex_load_page(u, l->left, &spec);

	alex_page_spec(BufferGetPage(l->page), &gone);
	spec.high = gone.high;
	spec.right = gone.right;
	if (!alex_add_image_change(u, l->left, &spec, n))
		return false;
	if (BufferIsValid(l->right))
		alex_add_change(u, l->right, ALEX_CHANGE_LEFTLINK,
						BufferGetBlockNumber(l->left), NULL);
	return true;
}

/*
 * The right neighbour takes over: its low fence and left link move, and with
 * the fence the first row of an inner page.
 */
static bool
alex_give_right(AlexUnlink *u, const AlexUnlinkLevel *l)
{
	AlexSpec	gone;
	AlexSpec	spec;
	int			n = alex_load_page(u, l->right, &spec);

	alex_page_spec(BufferGetPage(l->page), &gone);
	spec.low = gone.low;
	spec.left = gone.left;
	if (spec.level > 0 && n > 0)
		memcpy(u->rows, gone.low.f, sizeof(uint64) * spec.nord);
	if (!alex_add_image_change(u, l->right, &spec, n))
		return false;
	if (!BufferIsValid(l->left))
		return true;

	n = alex_load_page(u, l->left, &spec);
	spec.right = gone.right;
	return alex_add_image_change(u, l->left, &spec, n);
}

/* The page itself stays empty, with its links and fences, marked deleted. */
static bool
alex_mark_deleted(AlexUnlink *u, const AlexUnlinkLevel *l)
{
	AlexSpec	spec;

	alex_page_spec(BufferGetPage(l->page), &spec);
	spec.flags |= ALEX_DELETED;
	return alex_add_image_change(u, l->page, &spec, 0);
}

/*
 * The parent loses a child.  To the left: the child's row goes.  To the right:
 * the row stays, leads to the right neighbour, and that one's own row goes.
 */
static bool
alex_drop_row(AlexUnlink *u, bool toleft)
{
	AlexSpec	spec;
	int			n = alex_load_page(u, u->parent, &spec);
	int			gone = toleft ? u->row : u->row + 1;
	uint64	   *at = u->rows + (Size) gone * spec.nfields;

	if (!toleft)
		at[AlexFieldChild(u->info) - spec.nfields] =
			at[AlexFieldChild(u->info)];
	memmove(at, at + spec.nfields,
			sizeof(uint64) * (Size) (n - gone - 1) * spec.nfields);
	return alex_add_image_change(u, u->parent, &spec, n - 1);
}

/* Collects all changes for one side; false if that side can not take over. */
static bool
alex_unlink_prepare(AlexUnlink *u, bool toleft)
{
	AlexPack   *pack = AlexPageGetPack(BufferGetPage(u->parent));
	AlexUnlinkLevel *top = &u->level[u->nlevels - 1];
	Buffer		heir = toleft ? top->left : top->right;
	int			row = u->row + (toleft ? -1 : 1);

	if (row < 0 || row >= pack->nentries || !BufferIsValid(heir) ||
		alex_get_field(pack, row, AlexFieldChild(u->info)) !=
		BufferGetBlockNumber(heir))
		return false;

	u->nchanges = 0;
	for (int i = 0; i < u->nlevels; i++)
	{
		AlexUnlinkLevel *l = &u->level[i];

		if (!BufferIsValid(toleft ? l->left : l->right) ||
			!(toleft ? alex_give_left(u, l) : alex_give_right(u, l)) ||
			!alex_mark_deleted(u, l))
			return false;
	}
	return alex_drop_row(u, toleft);
}

/* Predicate locks on the leaf follow its key range. */
static void
alex_unlink_apply(AlexUnlink *u, bool toleft)
{
	AlexUnlinkLevel *l = &u->level[0];

	PredicateLockPageCombine(u->rel, BufferGetBlockNumber(l->page),
							 BufferGetBlockNumber(toleft ? l->left : l->right));
	alex_do_changes(u->rel, u->change, u->image, u->nchanges,
					XLOG_ALEX_UNLINK);
}

/*
 * Deletes the leaf if it is empty and can be unlinked, and its parents of
 * which it is the only descendant.
 *
 * rel: the index; leaf: a live leaf.  Only VACUUM may call this: no two
 * deletions run in one index at a time.  Freed pages are put into the free
 * space map.  Returns what happened; *ndeleted grows by the number of
 * deleted pages.  Raises ERRCODE_INDEX_CORRUPTED when links do not match.
 */
AlexDeletion
alex_delete_page(Relation rel, AlexInfo *info, BlockNumber leaf,
				 BlockNumber *ndeleted)
{
	AlexUnlink *u = palloc0(sizeof(AlexUnlink));
	AlexDeletion result = ALEX_KEPT;
	BlockNumber freed[ALEX_MAX_UNLINK_LEVELS];
	int			nfreed = 0;

	u->rel = rel;
	u->info = info;
	u->rows = palloc(sizeof(uint64) * ALEX_SCRATCH_WORDS);
	if (alex_unlink_lock(u, leaf))
	{
		if (alex_unlink_prepare(u, true))
			result = ALEX_GAVE_LEFT;
		else if (alex_unlink_prepare(u, false))
			result = ALEX_GAVE_RIGHT;
	}
	if (result != ALEX_KEPT)
	{
		alex_unlink_apply(u, result == ALEX_GAVE_LEFT);
		for (int i = 0; i < u->nlevels; i++)
			freed[nfreed++] = BufferGetBlockNumber(u->level[i].page);
	}
	alex_unlink_release(u);
	for (int i = 0; i < nfreed; i++)
		RecordFreeIndexPage(rel, freed[i]);
	*ndeleted += nfreed;
	return result;
}

/*---- entries that are dead, or may be ---- */

/* What the table AM is asked, and where its answer applies */
typedef struct AlexDeadEntries
{
	TM_IndexDeleteOp op;
	uint16	   *position;		/* of entries, by the TM_IndexDelete's id */
	uint16	   *agreed;			/* positions that may go, ascending */
} AlexDeadEntries;

static int
alex_cmp_blocks(const void *a, const void *b)
{
	BlockNumber x = *(const BlockNumber *) a;
	BlockNumber y = *(const BlockNumber *) b;

	return x < y ? -1 : x > y;
}

/* Sorted heap blocks of the entries hinted dead, each once */
static int
alex_dead_blocks(const AlexInfo *info, Page page, BlockNumber *blocks)
{
	AlexPack   *pack = AlexPageGetPack(page);
	int			n = 0;
	int			kept = 0;

	for (int i = 0; i < pack->nentries; i++)
	{
		if (alex_page_is_dead(page, i))
			blocks[n++] = (BlockNumber) alex_get_field(pack, i,
													   AlexFieldBlk(info));
	}
	qsort(blocks, n, sizeof(BlockNumber), alex_cmp_blocks);
	for (int i = 0; i < n; i++)
	{
		if (kept == 0 || blocks[kept - 1] != blocks[i])
			blocks[kept++] = blocks[i];
	}
	return kept;
}

static void
alex_dead_begin(AlexDeadEntries *d, Relation rel, Buffer buf, bool bottomup)
{
	int			n = AlexPageCount(BufferGetPage(buf));

	d->op.irel = rel;
	d->op.iblknum = BufferGetBlockNumber(buf);
	d->op.bottomup = bottomup;
	d->op.bottomupfreespace = bottomup ? BLCKSZ / 4 : 0;
	d->op.ndeltids = 0;
	d->op.deltids = palloc(sizeof(TM_IndexDelete) * n);
	d->op.status = palloc(sizeof(TM_IndexStatus) * n);
	d->position = palloc(sizeof(uint16) * n);
	d->agreed = palloc(sizeof(uint16) * n);
}

static void
alex_dead_end(AlexDeadEntries *d)
{
	pfree(d->agreed);
	pfree(d->position);
	pfree(d->op.status);
	pfree(d->op.deltids);
}

/* Adds entry i to what the table AM is asked about. */
static void
alex_dead_add(AlexDeadEntries *d, const AlexInfo *info, Page page, int i,
			  bool known, bool promising, int freespace)
{
	AlexPack   *pack = AlexPageGetPack(page);
	int			id = d->op.ndeltids++;
	TM_IndexStatus *status = &d->op.status[id];

	ItemPointerSet(&d->op.deltids[id].tid,
				   (BlockNumber) alex_get_field(pack, i, AlexFieldBlk(info)),
				   (OffsetNumber) alex_get_field(pack, i, AlexFieldOff(info)));
	d->op.deltids[id].id = id;
	/* the offset is for messages of the table AM only */
	status->idxoffnum = Min(i + 1, MaxOffsetNumber);
	status->knowndeletable = known;
	status->promising = promising;
	status->freespace = freespace;
	d->position[id] = i;
}

/* Leaves the positions that the table AM agrees to in d->agreed. */
static int
alex_dead_agreed(AlexDeadEntries *d, int nentries)
{
	bool	   *mark = palloc0(sizeof(bool) * nentries);
	int			n = 0;

	for (int i = 0; i < d->op.ndeltids; i++)
	{
		int			id = d->op.deltids[i].id;

		if (d->op.status[id].knowndeletable)
			mark[d->position[id]] = true;
	}
	for (int i = 0; i < nentries; i++)
	{
		if (mark[i])
			d->agreed[n++] = i;
	}
	pfree(mark);
	return n;
}

/* Asks the table AM, and removes what it agrees to; true if anything. */
static bool
alex_dead_remove(AlexDeadEntries *d, Relation heap, Buffer buf)
{
	TransactionId horizon = table_index_delete_tuples(heap, &d->op);
	int			n = alex_dead_agreed(d, AlexPageCount(BufferGetPage(buf)));

	if (n > 0)
		alex_do_delete(d->op.irel, heap, buf, d->agreed, n, horizon, false);
	return n > 0;
}

/*
 * Simple deletion: the entries hinted dead, and what else points to the same
 * heap blocks, which have to be read anyway.
 */
static bool
alex_delete_hinted(Relation rel, const AlexInfo *info, Relation heap,
				   Buffer buf)
{
	Page		page = BufferGetPage(buf);
	AlexPack   *pack = AlexPageGetPack(page);
	BlockNumber *blocks = palloc(sizeof(BlockNumber) * pack->nentries);
	int			nblocks = alex_dead_blocks(info, page, blocks);
	AlexDeadEntries d;
	bool		removed = false;

	if (nblocks > 0)
	{
		alex_dead_begin(&d, rel, buf, false);
		for (int i = 0; i < pack->nentries; i++)
		{
			BlockNumber blk = (BlockNumber) alex_get_field(pack, i,
														   AlexFieldBlk(info));

			if (bsearch(&blk, blocks, nblocks, sizeof(BlockNumber),
						alex_cmp_blocks))
				alex_dead_add(&d, info, page, i, alex_page_is_dead(page, i),
							  false, 0);
		}
		removed = alex_dead_remove(&d, heap, buf);
		alex_dead_end(&d);
	}
	pfree(blocks);
	return removed;
}

/* Do entries i and i + 1 have the same key?  Images: the very same one. */
static bool
alex_same_as_next(const AlexInfo *info, AlexPack *pack, int i)
{
	if (i < 0 || i + 1 >= pack->nentries)
		return false;
	for (int f = 0; f < info->nkey; f++)
	{
		if (alex_get_field(pack, i, f) != alex_get_field(pack, i + 1, f))
			return false;
	}
	return true;
}

/*
 * Bottom-up deletion: nothing is hinted dead, but updates that left the key as
 * it was have put several entries of one key here.  Most of these are old
 * versions.  The table AM decides how far it looks.
 */
static bool
alex_delete_bottomup(Relation rel, const AlexInfo *info, Relation heap,
					 Buffer buf)
{
	Page		page = BufferGetPage(buf);
	AlexPack   *pack = AlexPageGetPack(page);
	int			freespace = Max(1, pack->bitoff[pack->nfields] / 8);
	int			npromising = 0;
	AlexDeadEntries d;
	bool		removed = false;

	alex_dead_begin(&d, rel, buf, true);
	for (int i = 0; i < pack->nentries; i++)
	{
		bool		promising = alex_same_as_next(info, pack, i - 1) ||
		alex_same_as_next(info, pack, i);

		npromising += promising;
		alex_dead_add(&d, info, page, i, false, promising, freespace);
	}
	if (npromising > 0)
		removed = alex_dead_remove(&d, heap, buf);
	alex_dead_end(&d);
	return removed;
}

/*
 * Removes dead entries from a leaf that has no room for new ones: those hinted
 * dead, else what updates have probably left behind.
 *
 * buf: the leaf, exclusively locked and kept so.  The table AM yields the
 * newest transaction removed, for conflicts on standbys.  true if any entry
 * went.
 */
bool
alex_delete_dead(Relation rel, const AlexInfo *info, Relation heap,
				 Buffer buf)
{
	const AlexInfo *cached = rel->rd_amcache;

	if (heap == NULL || AlexPageCount(BufferGetPage(buf)) == 0)
		return false;
	if (alex_delete_hinted(rel, info, heap, buf))
		return true;
	return cached != NULL && cached->unchanged &&
		alex_delete_bottomup(rel, info, heap, buf);
}
