/*-------------------------------------------------------------------------
 *
 * alexsplit.c
 *	  Splitting pages and entering the separators into the parent level.
 *
 * A split writes the old page and all new ones as one record, with the
 * ALEX_INCOMPLETE_SPLIT flag on every page whose right sibling the parent
 * does not know yet.  Then the separators go up one by one, each while the
 * flagged page is locked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "alex/alex.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/predicate.h"
#include "utils/memutils.h"

/* pages written by one split: two blocks of the record are for neighbours */
#define ALEX_SPLIT_PAGES	(ALEX_MAX_CHANGES - 2)

/* A split in the making: where each piece starts, and its pages */
typedef struct AlexSplitPlan
{
	int			npieces;
	int			start[ALEX_SPLIT_PAGES + 1];
	Buffer		buf[ALEX_SPLIT_PAGES];
	Page		image[ALEX_MAX_CHANGES];
} AlexSplitPlan;

/* Fence between rows start - 1 and start of a page at the spec's level */
static void
alex_piece_fence(Relation rel, const AlexInfo *info, const AlexSpec *spec,
				 const uint64 *rows, int start, AlexFence *fence)
{
	const uint64 *right = rows + (Size) start * spec->nfields;

	if (spec->level == 0)
		alex_make_separator(rel, info, right - spec->nfields, right, fence);
	else
	{
		/* a row of an inner page is its child's low fence already */
		fence->inf = false;
		memcpy(fence->f, right, sizeof(uint64) * info->nord);
	}
}

/*
 * Cuts rows greedily into pieces of at most "space" bytes; false if there are
 * more than maxpieces.
 */
static bool
alex_cut_rows(const AlexSpec *spec, const uint64 *rows, int n, int space,
			  int maxpieces, AlexSplitPlan *plan)
{
	AlexSpec	piece = *spec;
	int			at = 0;

	plan->npieces = 0;
	while (at < n)
	{
		int			fit;

		if (plan->npieces == maxpieces)
			return false;
		if (at > 0 && spec->dict)
		{
			piece.low.inf = false;
			piece.low.f[0] = rows[(Size) at * spec->nfields];
		}
		fit = alex_rows_fit(&piece, rows + (Size) at * spec->nfields, n - at,
							space);
		plan->start[plan->npieces++] = at;
		at += Max(fit, 1);
	}
	plan->start[plan->npieces] = n;
	return true;
}

/*
 * Moves even cuts by a random part of the room that is left in a page, but by
 * no more rows than "spread".  A batch of random keys adds about the same share
 * to every leaf.  If all were cut alike they would be full, and be cut again, at
 * the same time, and the index would be half empty then.
 */
static void
alex_spread_cuts(int *start, int npieces, int room, int spread, uint32 seed)
{
	int			even = start[1];
	int			most = Max(0, Min(Min(room - even, even * 4 / 5), spread));

	for (int i = 1; i < npieces; i++)
	{
		uint32		chance = murmurhash32(seed + i) & 0xFFFF;

		start[i] += (int) ((int64) most * chance / 0x10000) - most / 2;
	}
}

/* Rows of words take the same room each: cut evenly by number, if that fits. */
static bool
alex_even_counts(const AlexSpec *spec, const uint64 *rows, int n, int space,
				 int spread, AlexSplitPlan *plan)
{
	int			start[ALEX_SPLIT_PAGES + 1];
	const uint64 *middle = rows + (Size) (n / 2) * spec->nfields;

	for (int i = 0; i <= plan->npieces; i++)
		start[i] = (int) ((int64) n * i / plan->npieces);
	if (spread > 0)
		alex_spread_cuts(start, plan->npieces, plan->start[1], spread,
						 (uint32) middle[spec->nord - 2] + n);
	for (int i = 0; i < plan->npieces; i++)
	{
		int			count = start[i + 1] - start[i];

		if (alex_rows_fit(spec, rows + (Size) start[i] * spec->nfields, count,
						  space) < count)
			return false;
	}
	memcpy(plan->start, start, sizeof(int) * (plan->npieces + 1));
	return true;
}

/*
 * Do rows first..end-1 of n fit a page?  The row behind them is looked at as
 * well, because it gives the high fence.
 */
static bool
alex_piece_fits(const AlexSpec *spec, const uint64 *rows, int n, int space,
				int first, int end)
{
	AlexSpec	piece = *spec;

	if (first > 0 && spec->dict)
	{
		piece.low.inf = false;
		piece.low.f[0] = rows[(Size) first * spec->nfields];
	}
	return alex_rows_fit(&piece, rows + (Size) first * spec->nfields,
						 Min(n, end + 1) - first, space) >= end - first;
}

/* about the bytes of a row without its image */
#define ALEX_ROW_COST	5

static inline int
alex_image_cost(const uint64 *row, uint64 last)
{
	if (row[0] == last || row[0] == 0)
		return ALEX_ROW_COST;
	return ALEX_ROW_COST + ALEX_IMAGE_PITCH((IndexTuple) (uintptr_t) row[0]);
}

/*
 * Rows with images: cut evenly by the bytes of the images, if that fits.  They
 * are told apart by their addresses, which is nearly right and fast.
 */
static bool
alex_even_images(const AlexSpec *spec, const uint64 *rows, int n, int space,
				 AlexSplitPlan *plan)
{
	int			nf = spec->nfields;
	int			start[ALEX_SPLIT_PAGES + 1] = {0};
	int64		total = 0;
	int64		sum = 0;
	int			at = 0;

	for (int i = 0; i < n; i++)
		total += alex_image_cost(rows + (Size) i * nf,
								 i > 0 ? rows[(Size) (i - 1) * nf] : 0);
	for (int piece = 0; piece < plan->npieces; piece++)
	{
		start[piece] = at;
		while (at < n && sum < total * (piece + 1) / plan->npieces)
		{
			sum += alex_image_cost(rows + (Size) at * nf,
								   at > 0 ? rows[(Size) (at - 1) * nf] : 0);
			at++;
		}
		if (at == start[piece] ||
			!alex_piece_fits(spec, rows, n, space, start[piece], at))
			return false;
	}
	if (at < n)
		return false;
	memcpy(plan->start, start, sizeof(int) * plan->npieces);
	return true;
}

/*
 * Evens out a greedy plan: the same number of pieces with the least space
 * each.  Bisection on the space; what it cannot even out stays greedy.
 */
static void
alex_even_plan(const AlexSpec *spec, const uint64 *rows, int n, int space,
			   int spread, AlexSplitPlan *plan)
{
	int			lo = space / plan->npieces / 2;
	int			hi = space;
	AlexSplitPlan try = *plan;

	if (spec->dict ? alex_even_images(spec, rows, n, space, plan) :
		(spread > 0 && alex_even_counts(spec, rows, n, space, spread, plan)) ||
		alex_even_counts(spec, rows, n, space, 0, plan))
		return;
	while (hi - lo > space / 32)
	{
		int			mid = (lo + hi) / 2;

		if (alex_cut_rows(spec, rows, n, mid, plan->npieces, &try))
		{
			*plan = try;
			hi = mid;
		}
		else
			lo = mid;
	}
}

/* Do two leaf rows differ in their TIDs only? */
static inline bool
alex_same_key(Relation rel, const AlexInfo *info, const uint64 *a,
			  const uint64 *b)
{
	if (info->dict)
		return a[0] == b[0] || alex_cmp_row_keys(rel, info, a, b) == 0;
	return memcmp(a, b, sizeof(uint64) * info->nkey) == 0;
}

/*
 * The end of a run of equal keys nearest to a cut inside the run; the cut
 * itself if it would have to move far for a short run, or a piece grew too big
 */
static int
alex_run_end(Relation rel, const AlexInfo *info, const AlexSpec *spec,
			 const uint64 *rows, int n, int space, const int *start)
{
	int			nf = spec->nfields;
	int			cut = start[0];
	int			first = start[-1];
	int			end = start[1];
	int			left = cut;
	int			right = cut;
	int			best;

	while (left > first &&
		   alex_same_key(rel, info, rows + (Size) (left - 1) * nf, rows + (Size) left * nf))
		left--;
	while (right > first && right < end &&
		   alex_same_key(rel, info, rows + (Size) (right - 1) * nf, rows + (Size) right * nf))
		right++;
	if (left == right)
		return cut;
	best = left > first && (right >= end || cut - left <= right - cut) ? left : right;
	if (best <= first || best >= end ||
		(abs(best - cut) > n / 8 && right - left < n / 4) ||
		!alex_piece_fits(spec, rows, n, space, first, best) ||
		!alex_piece_fits(spec, rows, n, space, best, end))
		return cut;
	return best;
}

/*
 * Moves cuts to the ends of runs of equal keys: a page whose keys are all the
 * same spends no bits on them.
 */
static void
alex_cut_between_runs(Relation rel, const AlexInfo *info, const AlexSpec *spec,
					  const uint64 *rows, int n, int space, AlexSplitPlan *plan)
{
	for (int i = 1; i < plan->npieces; i++)
		plan->start[i] = alex_run_end(rel, info, spec, rows, n, space,
									  &plan->start[i]);
}

/*
 * Bytes of a page for entries and their images.  Fences without INCLUDE columns
 * are images of their own, for which the plan has to leave room.
 */
static int
alex_piece_space(const AlexInfo *info, const AlexSpec *spec,
				 const uint64 *rows, int n)
{
	int			largest = 0;

	if (info->dict && spec->level == 0 && info->natts > info->nkeyatts)
	{
		for (int i = 0; i < n; i++)
		{
			IndexTuple	image = (IndexTuple) (uintptr_t) rows[(Size) i * spec->nfields];

			largest = Max(largest, (int) ALEX_IMAGE_PITCH(image));
		}
	}
	return alex_spec_space(spec) - largest;
}

/*
 * Decides where to cut; false if that makes more than ALEX_SPLIT_PAGES pages.
 * spread: rows by which cuts may be off the middle.
 * Pages are filled if entries will come behind them: at the end of the index,
 * and where there is one key only, whose TIDs grow with the table.
 */
static bool
alex_plan_split(Relation rel, const AlexInfo *info, const AlexSpec *spec,
				const uint64 *rows, int n, int spread, bool append,
				AlexSplitPlan *plan)
{
	int			space = alex_piece_space(info, spec, rows, n);

	if (append && spec->level == 0)
		space = space * alex_fillfactor(rel) / 100;
	if (!alex_cut_rows(spec, rows, n, space, ALEX_SPLIT_PAGES, plan))
		return false;
	if (plan->npieces == 1)
	{
		/* it did not fit as it was: cut in the middle */
		plan->npieces = 2;
		plan->start[1] = Max(1, n / 2);
		plan->start[2] = n;
	}
	else if (!append && !(spec->level == 0 &&
						  alex_same_key(rel, info, rows, rows + (Size) (n - 1) * spec->nfields)))
	{
		alex_even_plan(spec, rows, n, space, spread, plan);
		if (spec->level == 0)
			alex_cut_between_runs(rel, info, spec, rows, n, space, plan);
	}
	return true;
}

/* Encodes the pieces; links and flags included. */
static void
alex_encode_pieces(Relation rel, const AlexInfo *info, const AlexSpec *spec,
				   const uint64 *rows, AlexSplitPlan *plan, char *images)
{
	AlexFence	fence = spec->low;

	for (int i = 0; i < plan->npieces; i++)
	{
		bool		last = i == plan->npieces - 1;
		AlexSpec	piece = *spec;
		int			start = plan->start[i];

		piece.low = fence;
		if (!last)
		{
			alex_piece_fence(rel, info, spec, rows, plan->start[i + 1], &fence);
			piece.high = fence;
			piece.right = BufferGetBlockNumber(plan->buf[i + 1]);
			piece.flags |= ALEX_INCOMPLETE_SPLIT;
		}
		if (i > 0)
			piece.left = BufferGetBlockNumber(plan->buf[i - 1]);
		plan->image[i] = images + (Size) i * BLCKSZ;
		if (!alex_page_encode(plan->image[i], &piece,
							  rows + (Size) start * spec->nfields,
							  plan->start[i + 1] - start))
			elog(ERROR, "alex: piece of a split does not fit a page of index \"%s\"",
				 RelationGetRelationName(rel));
	}
}

/*
 * Writes and logs all pages of a split.  cut, if not NULL, tells how the left
 * page came about.
 */
static void
alex_write_split(Relation rel, const AlexSpec *spec, AlexSplitPlan *plan,
				 Buffer child, const AlexCut *cut)
{
	AlexChange	change[ALEX_MAX_CHANGES];
	Buffer		right = InvalidBuffer;
	int			n = plan->npieces;

	for (int i = 0; i < n; i++)
	{
		change[i].buf = plan->buf[i];
		change[i].op = ALEX_CHANGE_IMAGE;
		change[i].link = InvalidBlockNumber;
	}
	if (cut != NULL)
	{
		change[0].op = ALEX_CHANGE_CUT;
		change[0].link = BufferGetBlockNumber(plan->buf[1]);
		change[0].cut = cut;
	}
	if (spec->right != InvalidBlockNumber)
	{
		right = alex_get_buffer(rel, spec->right, BUFFER_LOCK_EXCLUSIVE);
		change[n].buf = right;
		change[n].op = ALEX_CHANGE_LEFTLINK;
		change[n].link = BufferGetBlockNumber(plan->buf[plan->npieces - 1]);
		n++;
	}
	if (BufferIsValid(child))
	{
		change[n].buf = child;
		change[n].op = ALEX_CHANGE_CLEAR_SPLIT;
		change[n].link = InvalidBlockNumber;
		n++;
	}
	if (spec->level == 0)
	{
		for (int i = 1; i < plan->npieces; i++)
			PredicateLockPageSplit(rel, BufferGetBlockNumber(plan->buf[0]),
								   BufferGetBlockNumber(plan->buf[i]));
	}
	alex_do_changes(rel, change, plan->image, n, XLOG_ALEX_SPLIT);
	if (BufferIsValid(right))
		UnlockReleaseBuffer(right);
}

/* Completes the splits of new pages from blk on, whoever was faster. */
static void
alex_finish_chain(Relation rel, AlexInfo *info, Relation heap,
				  const BlockNumber *blk, int n)
{
	for (int i = 0; i < n; i++)
	{
		Buffer		buf = ReadBuffer(rel, blk[i]);
		AlexOpaque	opaque;

		LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
		opaque = AlexPageGetOpaque(BufferGetPage(buf));
		if ((opaque->flags & (ALEX_INCOMPLETE_SPLIT | ALEX_DELETED)) ==
			ALEX_INCOMPLETE_SPLIT)
			alex_finish_split(rel, info, heap, buf);
		UnlockReleaseBuffer(buf);
	}
}

/*
 * Splits buf's page into pages for n rows.  child, if valid, is the page of
 * the next lower level whose separator is among the rows; cut, if not NULL,
 * has pos and row of the only new one.  Releases buf, unless the rows are too
 * many: then nothing is done and the answer is false.
 */
static bool
alex_split_page(Relation rel, AlexInfo *info, Relation heap, Buffer buf,
				const uint64 *rows, int n, bool append, Buffer child,
				AlexCut *cut)
{
	static char *images = NULL;
	AlexSpec	spec;
	AlexSplitPlan plan;
	AlexFence	high;
	BlockNumber blk[ALEX_SPLIT_PAGES];
	int			spread = 0;

	if (images == NULL)
		images = MemoryContextAlloc(TopMemoryContext,
									ALEX_SPLIT_PAGES * BLCKSZ);
	Assert(!(AlexPageGetOpaque(BufferGetPage(buf))->flags &
			 ALEX_INCOMPLETE_SPLIT));
	alex_page_spec(BufferGetPage(buf), &spec);
	if (spec.level == 0 && cut == NULL)
		spread = 2 * Max(0, n - AlexPageCount(BufferGetPage(buf)));
	if (!alex_plan_split(rel, info, &spec, rows, n, spread, append, &plan))
		return false;

	plan.buf[0] = buf;
	for (int i = 1; i < plan.npieces; i++)
	{
		plan.buf[i] = alex_new_buffer(rel);
		blk[i] = BufferGetBlockNumber(plan.buf[i]);
	}
	alex_encode_pieces(rel, info, &spec, rows, &plan, images);
	if (cut != NULL)
	{
		cut->keep = plan.start[1];
		alex_page_high(plan.image[0], &high);
		cut->high = &high;
	}
	alex_write_split(rel, &spec, &plan, child, cut);
	for (int i = 1; i < plan.npieces; i++)
		UnlockReleaseBuffer(plan.buf[i]);
	alex_finish_split(rel, info, heap, buf);
	UnlockReleaseBuffer(buf);
	alex_finish_chain(rel, info, heap, blk + 1, plan.npieces - 2);
	return true;
}

/*
 * alex_split: see alex.h
 */
bool
alex_split(Relation rel, AlexInfo *info, Relation heap, Buffer buf,
		   const uint64 *rows, int n, bool append)
{
	return alex_split_page(rel, info, heap, buf, rows, n, append,
						   InvalidBuffer, NULL);
}

/*
 * alex_is_append: see alex.h
 */
bool
alex_is_append(Page page, int pos)
{
	int			n = AlexPageCount(page);

	return (AlexPageGetPack(page)->flags & ALEX_PACK_HIGH_INF) &&
		n - pos <= n / 8;
}

/*
 * alex_split_insert: see alex.h
 */
void
alex_split_insert(Relation rel, AlexInfo *info, Relation heap, Buffer buf,
				  int pos, const uint64 *row, Buffer child)
{
	Page		page = BufferGetPage(buf);
	bool		append = alex_is_append(page, pos);
	int			nf = AlexPageGetPack(page)->nfields;
	int			n = AlexPageCount(page) + 1;
	uint64	   *rows = palloc(sizeof(uint64) * nf * n);
	AlexCut		cut = {.pos = pos,.row = row};

	alex_page_decode(page, 0, pos, rows);
	memcpy(rows + (Size) pos * nf, row, sizeof(uint64) * nf);
	alex_page_decode(page, pos, n - 1, rows + (Size) (pos + 1) * nf);
	if (!alex_split_page(rel, info, heap, buf, rows, n, append, child, &cut))
		elog(ERROR, "alex: too many pieces in a split of index \"%s\"",
			 RelationGetRelationName(rel));
	pfree(rows);
}

/*---- parent entries ---- */

/* Puts a new root above the leftmost page buf and its right sibling. */
static void
alex_new_root(Relation rel, AlexInfo *info, Buffer buf, Buffer metabuf,
			  Buffer rootbuf, const AlexFence *sep, BlockNumber right)
{
	PGAlignedBlock root;
	PGAlignedBlock meta;
	AlexSpec	spec;
	uint64		rows[2 * ALEX_MAX_FIELDS] = {0};
	uint32		level = AlexPageGetOpaque(BufferGetPage(buf))->level + 1;
	AlexChange	change[3] = {
		{rootbuf, ALEX_CHANGE_IMAGE, InvalidBlockNumber},
		{metabuf, ALEX_CHANGE_IMAGE, InvalidBlockNumber},
		{buf, ALEX_CHANGE_CLEAR_SPLIT, InvalidBlockNumber}
	};
	Page		image[3] = {root.data, meta.data, NULL};

	memset(&spec, 0, sizeof(spec));
	spec.nfields = info->ninner;
	spec.nord = info->nord;
	spec.dict = info->dict;
	spec.deadfield = ALEX_NO_DEADFIELD;
	spec.level = level;
	spec.left = spec.right = InvalidBlockNumber;
	spec.low.inf = spec.high.inf = true;
	rows[AlexFieldChild(info)] = BufferGetBlockNumber(buf);
	memcpy(rows + info->ninner, sep->f, sizeof(uint64) * info->nord);
	rows[info->ninner + AlexFieldChild(info)] = right;
	if (!alex_page_encode(root.data, &spec, rows, 2))
		elog(ERROR, "alex: separator does not fit a page");
	alex_init_metapage(meta.data, info, BufferGetBlockNumber(rootbuf), level);
	alex_do_changes(rel, change, image, 3, XLOG_ALEX_NEWROOT);
}

/*
 * The tree grows by a level: buf is the leftmost page of the root's level.
 * Nobody else can do this, because we hold its lock.
 */
static void
alex_grow_tree(Relation rel, AlexInfo *info, Buffer buf, const AlexFence *sep,
			   BlockNumber right)
{
	Buffer		rootbuf = alex_new_buffer(rel);
	Buffer		metabuf = alex_get_metabuf(rel, BUFFER_LOCK_EXCLUSIVE);

	alex_new_root(rel, info, buf, metabuf, rootbuf, sep, right);
	UnlockReleaseBuffer(metabuf);
	UnlockReleaseBuffer(rootbuf);
	alex_refresh_root(rel, info);
}

/*
 * While buf was not leftmost and the tree had no level above it, somebody is
 * about to add that level: wait for the lock that he holds.
 */
static void
alex_await_root(Relation rel, AlexInfo *info, Relation heap, Buffer buf,
				uint32 level)
{
	AlexKey		key;
	Buffer		first;

	LockBuffer(buf, BUFFER_LOCK_UNLOCK);
	alex_key_begin(info, &key);
	alex_key_finish(info, &key, false);
	first = alex_find_page(rel, info, &key, level, BUFFER_LOCK_EXCLUSIVE, false);
	if (AlexPageGetOpaque(BufferGetPage(first))->flags & ALEX_INCOMPLETE_SPLIT)
		alex_finish_split(rel, info, heap, first);
	UnlockReleaseBuffer(first);
	alex_refresh_root(rel, info);
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
}

/* Enters a separator into the parent level, for the flagged page buf. */
static void
alex_insert_separator(Relation rel, AlexInfo *info, Relation heap, Buffer buf,
					  const uint64 *row)
{
	uint32		level = AlexPageGetOpaque(BufferGetPage(buf))->level + 1;
	AlexKey		key;
	Buffer		parent;
	int			pos;

	alex_key_from_fields(rel, info, row, true, &key);
	parent = alex_find_for_write(rel, info, heap, &key, level);
	pos = alex_search_page(rel, info, BufferGetPage(parent), &key);
	if (alex_do_insert(rel, parent, pos, row, buf))
		UnlockReleaseBuffer(parent);
	else
		alex_split_insert(rel, info, heap, parent, pos, row, buf);
}

/*
 * alex_find_for_write: the page at level for key, exclusively locked, without
 * an incomplete split
 */
Buffer
alex_find_for_write(Relation rel, AlexInfo *info, Relation heap,
					const AlexKey *key, uint32 level)
{
	for (;;)
	{
		Buffer		buf = level == 0 ?
		alex_find_leaf(rel, info, key, BUFFER_LOCK_EXCLUSIVE) :
		alex_find_page(rel, info, key, level, BUFFER_LOCK_EXCLUSIVE, false);

		if (!(AlexPageGetOpaque(BufferGetPage(buf))->flags &
			  ALEX_INCOMPLETE_SPLIT))
			return buf;
		/* this may let go of the lock: look again */
		alex_finish_split(rel, info, heap, buf);
		UnlockReleaseBuffer(buf);
	}
}

/*
 * alex_finish_split: see alex.h
 */
void
alex_finish_split(Relation rel, AlexInfo *info, Relation heap, Buffer buf)
{
	Page		page = BufferGetPage(buf);
	AlexOpaque	opaque = AlexPageGetOpaque(page);
	uint32		level = opaque->level;

	while (opaque->flags & ALEX_INCOMPLETE_SPLIT)
	{
		AlexFence	sep;
		uint64		row[ALEX_MAX_FIELDS];

		alex_page_high(page, &sep);
		if (info->rootlevel <= level)
			alex_refresh_root(rel, info);
		if (info->rootlevel > level)
		{
			memcpy(row, sep.f, sizeof(uint64) * info->nord);
			row[AlexFieldChild(info)] = opaque->right;
			alex_insert_separator(rel, info, heap, buf, row);
		}
		else if (AlexPageGetPack(page)->flags & ALEX_PACK_LOW_INF)
			alex_grow_tree(rel, info, buf, &sep, opaque->right);
		else
			alex_await_root(rel, info, heap, buf, level);
	}
}
