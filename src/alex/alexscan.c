/*-------------------------------------------------------------------------
 *
 * alexscan.c
 *	  Index scans: forward, backward, index-only, bitmap.
 *
 * A scan reads one leaf at a time under a share lock and remembers its part
 * of the scan's range as a segment.  Few entries are decoded at once; of many
 * the leaf is copied and decoded a chunk at a time.  Positions between
 * segments are keys, never places in pages: whatever happens to the leaf
 * meanwhile, the next segment begins where this one ended, on either side.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "alex/alexscan.h"
#include "miscadmin.h"
#include "nodes/tidbitmap.h"
#include "pgstat.h"
#include "port/pg_bswap.h"
#include "storage/predicate.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

/* entries looked at one by one before the end of a value is searched for */
#define ALEX_END_PROBES		8

/*---- fences in the scan's memory ---- */

/*
 * alex_scan_set_fence: copies ordered fields, and the image of f[0]
 */
void
alex_scan_set_fence(IndexScanDesc scan, AlexScanFence *fence, const uint64 *f)
{
	AlexScan   *so = (AlexScan *) scan->opaque;

	memcpy(fence->f, f, so->info.nord * sizeof(uint64));
	if (so->info.dict)
	{
		IndexTuple	itup = (IndexTuple) (uintptr_t) f[0];
		Size		skip = offsetof(IndexTupleData, t_info);

		if (fence->image == NULL)
			fence->image = MemoryContextAlloc(so->cxt, BLCKSZ);
		memcpy(fence->image + skip, (char *) itup + skip, alex_image_size(itup));
		fence->f[0] = (uint64) (uintptr_t) fence->image;
	}
	alex_key_from_fields(scan->indexRelation, &so->info, fence->f, true,
						 &fence->key);
}

/*
 * alex_scan_need_fences: makes seg.lo and seg.hi usable
 */
void
alex_scan_need_fences(AlexScan *so)
{
	if (so->fence != NULL)
		return;
	so->fence = MemoryContextAlloc(so->cxt, 2 * sizeof(AlexScanFence));
	so->fence[0].image = so->fence[1].image = NULL;
	so->seg.lo = &so->fence[0];
	so->seg.hi = &so->fence[1];
}

/*---- index tuples of words ---- */

/*
 * If a column's values are words with some bits flipped, sets *flip to these
 * and returns true.
 */
static bool
alex_column_flip(const AlexColumn *col, uint64 *flip)
{
	switch ((AlexKind) col->kind)
	{
		case ALEX_KIND_NONE:
		case ALEX_KIND_FLOAT4:
		case ALEX_KIND_FLOAT8:
			return false;
		case ALEX_KIND_INT2:
		case ALEX_KIND_INT4:
		case ALEX_KIND_INT8:
		case ALEX_KIND_DATE:
		case ALEX_KIND_TIME:
		case ALEX_KIND_TIMESTAMP:
		case ALEX_KIND_TIMESTAMPTZ:
			*flip = UINT64CONST(1) << 63;
			break;
		default:
			*flip = 0;
	}
	if (col->desc)
		*flip = ~*flip;
	return true;
}

/* How values are made of words, and where they go if none is null */
static void
alex_prepare_itup(IndexScanDesc scan)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	TupleDesc	desc = RelationGetDescr(scan->indexRelation);
	Size		off = MAXALIGN(sizeof(IndexTupleData));

	for (int i = 0; i < so->info.natts; i++)
	{
		const AlexColumn *col = &so->info.column[i];

		off = att_align_nominal(off, TupleDescAttr(desc, i)->attalign);
		so->attoff[i] = off;
		off += col->typlen;
		so->attplain[i] = alex_column_flip(col, &so->attflip[i]);
	}
	so->itupsize = MAXALIGN(off);
	so->itup = MemoryContextAllocZero(so->cxt, ALEX_CHUNK * so->itupsize);
	for (int i = 0; i < ALEX_CHUNK; i++)
		((IndexTuple) (so->itup + i * so->itupsize))->t_info = so->itupsize;
}

/* Writes a value, given as words, to its place in a tuple */
static inline void
alex_store_att(AlexScan *so, int i, const uint64 *word, char *place)
{
	const AlexColumn *col = &so->info.column[i];
	Datum		value;

	if (col->kind == ALEX_KIND_UUID)
	{
		uint64		big[2] = {pg_hton64(word[0] ^ so->attflip[i]),
		pg_hton64(word[1] ^ so->attflip[i])};

		memcpy(place, big, sizeof(big));
		return;
	}
	if (so->attplain[i])
		value = (Datum) (word[0] ^ so->attflip[i]);
	else
		value = alex_unproject(col, word, place);
	store_att_byval(place, value, col->typlen);
}

/* Is an attribute of a row null? */
static inline bool
alex_att_isnull(const AlexColumn *col, const uint64 *row)
{
	return (row[col->field] != 0) != col->nullsfirst;
}

/* The tuple of a row in which values are null */
static IndexTuple
alex_form_itup_nulls(IndexScanDesc scan, const uint64 *row)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	TupleDesc	desc = RelationGetDescr(scan->indexRelation);
	Size		off = MAXALIGN(sizeof(IndexTupleData) + sizeof(IndexAttributeBitMapData));
	char	   *tuple;
	bits8	   *notnull;

	if (so->nulltup == NULL)
		so->nulltup = MemoryContextAllocZero(so->cxt, so->itupsize + off);
	tuple = (char *) so->nulltup;
	notnull = (bits8 *) (tuple + sizeof(IndexTupleData));
	memset(notnull, 0, sizeof(IndexAttributeBitMapData));
	for (int i = 0; i < so->info.natts; i++)
	{
		const AlexColumn *col = &so->info.column[i];

		if (alex_att_isnull(col, row))
			continue;
		notnull[i >> 3] |= 1 << (i & 7);
		off = att_align_nominal(off, TupleDescAttr(desc, i)->attalign);
		alex_store_att(so, i, row + col->field + 1, tuple + off);
		off += col->typlen;
	}
	so->nulltup->t_info = MAXALIGN(off) | INDEX_NULL_MASK;
	return so->nulltup;
}

/* The tuple of a row.  Images are tuples already, but for the TID. */
static inline IndexTuple
alex_form_itup(IndexScanDesc scan, AlexScan *so, const uint64 *row)
{
	if (so->info.dict)
		return (IndexTuple) (uintptr_t) row[0];
	if (so->itup == NULL)
		alex_prepare_itup(scan);
	for (int i = 0; i < so->info.natts; i++)
	{
		const AlexColumn *col = &so->info.column[i];

		if (unlikely(alex_att_isnull(col, row)))
			return alex_form_itup_nulls(scan, row);
		alex_store_att(so, i, row + col->field + 1, so->itup + so->attoff[i]);
	}
	return (IndexTuple) so->itup;
}

/*---- decoding straight to TIDs and tuples ---- */

/*
 * Can the leaf's entries be returned without making rows of them?  Not if
 * filters want to see rows, or if index tuples may have nulls.
 */
static bool
alex_leaf_lean(IndexScanDesc scan, Page page)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexPack   *pack = AlexPageGetPack(page);

	if (so->info.dict || AlexScanHasFilters(so))
		return false;
	for (int i = 0; scan->xs_want_itup && i < so->info.natts; i++)
	{
		const AlexColumn *col = &so->info.column[i];

		if (pack->bitoff[col->field + 1] != pack->bitoff[col->field] ||
			(AlexPackBase(pack)[col->field] != 0) != col->nullsfirst)
			return false;
	}
	return true;
}

/* Field f of n entries */
static inline void
alex_decode_field(AlexPack *pack, int f, int from, int n, uint64 *word)
{
	uint64		base = AlexPackBase(pack)[f];
	const uint8 *bits = AlexPackBits(pack);
	uint32		stride = pack->bitoff[pack->nfields];
	uint32		width = pack->bitoff[f + 1] - pack->bitoff[f];
	uint32		pos = (uint32) from * stride + pack->bitoff[f];

	for (int i = 0; i < n; i++, pos += stride)
		word[i] = base + alex_get_bits(bits, pos, width);
}

/* Attribute i of n entries, into their tuples */
static void
alex_decode_att(AlexScan *so, AlexPack *pack, int i, int from, int n)
{
	const AlexColumn *col = &so->info.column[i];
	char	   *place = so->itup + so->attoff[i];
	uint64		word[ALEX_CHUNK];
	uint64		second[ALEX_CHUNK];

	alex_decode_field(pack, col->field + 1, from, n, word);
	if (so->attplain[i] && col->typlen == sizeof(uint64))
	{
		for (int e = 0; e < n; e++, place += so->itupsize)
			*(uint64 *) place = word[e] ^ so->attflip[i];
		return;
	}
	if (col->nwords == 2)
		alex_decode_field(pack, col->field + 2, from, n, second);
	for (int e = 0; e < n; e++, place += so->itupsize)
	{
		uint64		pair[2] = {word[e], col->nwords == 2 ? second[e] : 0};

		alex_store_att(so, i, pair, place);
	}
}

/* Drops the entries of a chunk that are hinted dead. */
static void
alex_drop_dead(IndexScanDesc scan, AlexPack *pack, int from)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	uint64		dead[ALEX_CHUNK];
	int			n = 0;

	alex_decode_field(pack, AlexFieldDead(&so->info), from, so->n, dead);
	for (int i = 0; i < so->n; i++)
	{
		if (dead[i] != 0)
			continue;
		if (n != i)
		{
			so->tid[n] = so->tid[i];
			if (scan->xs_want_itup)
				memcpy(so->itup + n * so->itupsize,
					   so->itup + i * so->itupsize, so->itupsize);
		}
		so->pos[n++] = from + i;
	}
	so->n = n;
}

/* Decodes entries from..to-1 of the copied leaf to TIDs and tuples. */
static void
alex_decode_lean(IndexScanDesc scan, int from, int to)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexPack   *pack = AlexPageGetPack(so->page);
	int			dead = AlexFieldDead(&so->info);
	uint64		blk[ALEX_CHUNK];
	uint64		off[ALEX_CHUNK];

	so->n = to - from;
	alex_decode_field(pack, AlexFieldBlk(&so->info), from, so->n, blk);
	alex_decode_field(pack, AlexFieldOff(&so->info), from, so->n, off);
	for (int i = 0; i < so->n; i++)
	{
		ItemPointerSet(&so->tid[i], (BlockNumber) blk[i], (OffsetNumber) off[i]);
		so->pos[i] = from + i;
	}
	if (scan->xs_want_itup)
	{
		if (so->itup == NULL)
			alex_prepare_itup(scan);
		for (int i = 0; i < so->info.natts; i++)
			alex_decode_att(so, pack, i, from, so->n);
	}
	if (scan->ignore_killed_tuples &&
		(pack->bitoff[dead + 1] != pack->bitoff[dead] || AlexPackBase(pack)[dead] != 0))
		alex_drop_dead(scan, pack, from);
}

/*---- decoding to rows ---- */

/*
 * Copies the images of the decoded rows, which still lie in a shared buffer.
 * Neighbours share them.
 */
static void
alex_copy_images(AlexScan *so)
{
	Size		skip = offsetof(IndexTupleData, t_info);
	uint64		last = 0;
	char	   *to;

	if (so->arena == NULL)
		so->arena = MemoryContextAlloc(so->cxt, BLCKSZ + ALEX_CHUNK * 2 * MAXIMUM_ALIGNOF);
	to = so->arena;
	for (int i = 0; i < so->chunkto - so->chunkfrom; i++)
	{
		uint64	   *row = so->rows + i * so->info.nleaf;
		IndexTuple	itup = (IndexTuple) (uintptr_t) row[0];

		if (i > 0 && row[0] == last)
		{
			row[0] = row[-so->info.nleaf];
			continue;
		}
		last = row[0];
		memcpy(to + skip, (char *) itup + skip, alex_image_size(itup));
		row[0] = (uint64) (uintptr_t) to;
		to += MAXALIGN(IndexTupleSize(itup));
	}
}

/* Keeps the decoded rows that are to be returned. */
static void
alex_filter_chunk(IndexScanDesc scan)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	int			nleaf = so->info.nleaf;
	int			dead = AlexFieldDead(&so->info);
	bool		skipdead = scan->ignore_killed_tuples;
	bool		filters = AlexScanHasFilters(so);
	int			n = 0;

	for (int i = 0; i < so->chunkto - so->chunkfrom; i++)
	{
		uint64	   *row = so->rows + i * nleaf;

		if (skipdead && row[dead] != 0)
			continue;
		if (filters && !alex_scan_match(scan, row))
			continue;
		if (n != i)
			memcpy(so->rows + n * nleaf, row, nleaf * sizeof(uint64));
		alex_row_tid(&so->info, row, &so->tid[n]);
		so->pos[n++] = so->chunkfrom + i;
	}
	so->n = n;
}

static inline void
alex_decode_rows(AlexScan *so, Page page, int from, int to)
{
	alex_page_decode(page, from, to, so->rows);
	so->chunkfrom = from;
	so->chunkto = to;
}

/* Decodes part of a copied segment. */
static void
alex_decode_chunk(IndexScanDesc scan, int from, int to)
{
	AlexScan   *so = (AlexScan *) scan->opaque;

	if (so->seg.lean)
	{
		so->chunkfrom = from;
		so->chunkto = to;
		alex_decode_lean(scan, from, to);
	}
	else
	{
		alex_decode_rows(so, so->page, from, to);
		alex_filter_chunk(scan);
	}
}

/*
 * Decodes the next part of a copied segment in the direction; false if there
 * is none.
 */
static bool
alex_next_chunk(IndexScanDesc scan, bool forward)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	int			from;
	int			to;

	if (so->state != ALEX_SCAN_ON || !so->seg.copied)
		return false;
	from = forward ? so->chunkto : Max(so->chunkfrom - ALEX_CHUNK, so->seg.from);
	to = forward ? Min(so->chunkto + ALEX_CHUNK, so->seg.to) : so->chunkfrom;
	if (from >= to)
		return false;
	alex_decode_chunk(scan, from, to);
	return true;
}

/*---- reading a segment ---- */

/* Copies a page without its hole */
static void
alex_copy_page(AlexScan *so, Page page)
{
	PageHeader	hdr = (PageHeader) page;

	if (so->page == NULL)
		so->page = MemoryContextAlloc(so->cxt, BLCKSZ);
	memcpy(so->page, page, hdr->pd_lower);
	memcpy(so->page + hdr->pd_upper, page + hdr->pd_upper,
		   BLCKSZ - hdr->pd_upper);
}

/*
 * Takes over what the segment holds, and unlocks its leaf.
 *
 * The pin stays if heap rows may go away as soon as VACUUM can clean the
 * leaf: an index-only scan then trusts a TID's visibility bit wrongly, and a
 * snapshot that is not MVCC may see another row under the TID.
 */
static void
alex_read_segment(IndexScanDesc scan, Buffer buf, bool forward)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexSegment *seg = &so->seg;
	Page		page = BufferGetPage(buf);
	AlexOpaque	opaque = AlexPageGetOpaque(page);

	seg->number++;
	seg->blk = BufferGetBlockNumber(buf);
	seg->left = opaque->left;
	seg->right = opaque->right;
	seg->lsn = BufferGetLSNAtomic(buf);
	seg->copied = seg->to - seg->from > ALEX_CHUNK;
	seg->lean = seg->copied && alex_leaf_lean(scan, page);
	PredicateLockPage(scan->indexRelation, seg->blk, scan->xs_snapshot);
	if (so->parallel != NULL)
		alex_parallel_release(scan, forward);

	so->n = 0;
	if (seg->copied)
	{
		alex_copy_page(so, page);
		so->chunkfrom = so->chunkto = forward ? seg->from : seg->to;
	}
	else
	{
		alex_decode_rows(so, page, seg->from, seg->to);
		if (so->info.dict)
			alex_copy_images(so);
	}
	if (seg->to > seg->from &&
		(scan->xs_want_itup || !IsMVCCSnapshot(scan->xs_snapshot)))
	{
		LockBuffer(buf, BUFFER_LOCK_UNLOCK);
		seg->buf = buf;
	}
	else
		UnlockReleaseBuffer(buf);
	if (!seg->copied)
		alex_filter_chunk(scan);
}

/* Entry i against the end of the range, both words */
static inline bool
alex_words_reach_end(AlexScan *so, AlexPack *pack, int i)
{
	for (int f = 0; f < so->info.nord; f++)
	{
		uint64		word = alex_get_field(pack, i, f);

		if (word != so->end.f[f])
			return word > so->end.f[f];
	}
	return true;
}

/*
 * Looks for the end of a range that is likely short.  true if it was found
 * among the next few entries of the leaf.
 */
static bool
alex_probe_end(IndexScanDesc scan, Page page)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexPack   *pack = AlexPageGetPack(page);
	int			stop = Min(so->seg.from + ALEX_END_PROBES, AlexPageCount(page));
	IndexTuple	last = NULL;

	for (int i = so->seg.from; i < stop; i++)
	{
		bool		reached;

		if (!so->info.dict)
			reached = alex_words_reach_end(so, pack, i);
		else
		{
			IndexTuple	itup = alex_code_tuple(page, alex_get_field(pack, i, 0));

			if (itup == last)
				continue;
			last = itup;
			reached = !alex_scan_at_point(scan, itup);
		}
		if (reached)
		{
			so->seg.to = i;
			return true;
		}
	}
	return false;
}

/* Finds the end of the range in a leaf: sets to, moreright and hi. */
static void
alex_find_end(IndexScanDesc scan, Page page)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexSegment *seg = &so->seg;
	Relation	rel = scan->indexRelation;
	AlexFence	high;
	int			where = 1;

	seg->moreright = false;
	if (so->point && alex_probe_end(scan, page))
		return;
	if (!so->end.plusinf)
		where = alex_locate(rel, &so->info, page, &so->end);
	if (where < 0)
		seg->to = seg->from;
	else if (where == 0)
		seg->to = Max(alex_search_page(rel, &so->info, page, &so->end), seg->from);
	else
	{
		seg->to = AlexPageCount(page);
		alex_page_high(page, &high);
		if (high.inf)
			return;
		alex_scan_need_fences(so);
		alex_scan_set_fence(scan, seg->hi, high.f);
		seg->moreright = true;
	}
}

/* Finds the beginning of the range: sets from, moreleft and lo. */
static void
alex_find_start(IndexScanDesc scan, Page page)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexSegment *seg = &so->seg;
	Relation	rel = scan->indexRelation;
	AlexFence	low;
	int			where = alex_locate(rel, &so->info, page, &so->start);

	seg->moreleft = false;
	seg->from = 0;
	if (where > 0)
		seg->from = seg->to;
	else if (where == 0)
		seg->from = Min(alex_search_page(rel, &so->info, page, &so->start), seg->to);
	else
	{
		alex_page_low(page, &low);
		if (low.inf)
			return;
		alex_scan_need_fences(so);
		alex_scan_set_fence(scan, seg->lo, low.f);
		seg->moreleft = true;
	}
}

/*
 * Reads the segment that begins with the range (step: with the key *lo, at
 * which the segment before it ended; hint is the leaf's likely address).
 */
static void
alex_load_right(IndexScanDesc scan, bool step, BlockNumber hint)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	Relation	rel = scan->indexRelation;
	const AlexKey *key = step ? &so->seg.lo->key : &so->start;
	Buffer		buf;

	if (hint != InvalidBlockNumber)
		buf = alex_step_right(rel, &so->info, key, hint, BUFFER_LOCK_SHARE);
	else
		buf = alex_find_leaf(rel, &so->info, key, BUFFER_LOCK_SHARE);
	so->seg.moreleft = step;
	so->seg.from = alex_search_page(rel, &so->info, BufferGetPage(buf), key);
	alex_find_end(scan, BufferGetPage(buf));
	alex_read_segment(scan, buf, true);
}

/* Is page a leaf with low fence < key <= high fence? */
static bool
alex_leaf_below(IndexScanDesc scan, Page page, const AlexKey *key)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexOpaque	opaque = AlexPageGetOpaque(page);
	AlexFence	fence;

	if ((opaque->flags & (ALEX_META | ALEX_DELETED)) != 0 || opaque->level != 0)
		return false;
	alex_page_low(page, &fence);
	if (!fence.inf &&
		alex_cmp_fields(scan->indexRelation, &so->info, fence.f, key) >= 0)
		return false;
	alex_page_high(page, &fence);
	return fence.inf ||
		alex_cmp_fields(scan->indexRelation, &so->info, fence.f, key) >= 0;
}

/*
 * The leaf with low fence < key <= high fence, or InvalidBuffer.  Tries the
 * hint, or else the leaf that holds key itself: few keys are fences.
 */
static Buffer
alex_find_leaf_below(IndexScanDesc scan, const AlexKey *key, BlockNumber hint)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	Relation	rel = scan->indexRelation;
	Buffer		buf;

	if (hint != InvalidBlockNumber)
		buf = alex_get_buffer(rel, hint, BUFFER_LOCK_SHARE);
	else
		buf = alex_find_leaf(rel, &so->info, key, BUFFER_LOCK_SHARE);
	if (alex_leaf_below(scan, BufferGetPage(buf), key))
		return buf;
	UnlockReleaseBuffer(buf);
	return alex_find_page(rel, &so->info, key, 0, BUFFER_LOCK_SHARE, true);
}

/*
 * Reads the segment that ends with the range (step: with the key *hi).  If
 * nothing lies below, the segment is empty.
 */
static void
alex_load_left(IndexScanDesc scan, bool step, BlockNumber hint)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexSegment *seg = &so->seg;
	const AlexKey *key = step ? &seg->hi->key : &so->end;
	Buffer		buf = alex_find_leaf_below(scan, key, hint);

	seg->moreright = step;
	if (!BufferIsValid(buf))
	{
		seg->number++;
		seg->from = seg->to = so->n = 0;
		seg->copied = seg->lean = seg->moreleft = false;
		if (so->parallel != NULL)
			alex_parallel_release(scan, false);
		return;
	}
	seg->to = alex_search_page(scan->indexRelation, &so->info,
							   BufferGetPage(buf), key);
	alex_find_start(scan, BufferGetPage(buf));
	alex_read_segment(scan, buf, false);
}

static inline void
alex_load(IndexScanDesc scan, bool forward, bool step, BlockNumber hint)
{
	if (forward)
		alex_load_right(scan, step, hint);
	else
		alex_load_left(scan, step, hint);
}

/*---- leaving a segment ---- */

/* Writes dead hints if the leaf is as it was read. */
static void
alex_set_hints(IndexScanDesc scan)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexSegment *seg = &so->seg;
	Buffer		buf = seg->buf;

	if (BufferIsValid(buf))
		LockBuffer(buf, BUFFER_LOCK_SHARE);
	else
		buf = alex_get_buffer(scan->indexRelation, seg->blk, BUFFER_LOCK_SHARE);
	if (BufferGetLSNAtomic(buf) == seg->lsn)
	{
		for (int i = 0; i < so->nkilled; i++)
			alex_page_set_dead(BufferGetPage(buf), so->killed[i]);
		MarkBufferDirtyHint(buf, true);
	}
	LockBuffer(buf, BUFFER_LOCK_UNLOCK);
	if (!BufferIsValid(seg->buf))
		ReleaseBuffer(buf);
	so->nkilled = 0;
}

/* Copies the marked entry, as its segment is about to go. */
static void
alex_save_mark(IndexScanDesc scan)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexMark   *mark = so->mark;
	uint64		row[ALEX_MAX_FIELDS];
	int			i;

	if (so->seg.copied)
	{
		alex_page_get_row(so->page, mark->pos, row);
		alex_scan_set_fence(scan, &mark->fence, row);
	}
	else
	{
		for (i = 0; so->pos[i] != mark->pos; i++)
			Assert(i < so->n);
		alex_scan_set_fence(scan, &mark->fence, alex_scan_row(so, i));
	}
	mark->haskey = true;
}

static void
alex_leave_segment(IndexScanDesc scan)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexMark   *mark = so->mark;

	if (mark != NULL && mark->valid && !mark->haskey &&
		mark->segment == so->seg.number)
		alex_save_mark(scan);
	if (so->nkilled > 0)
		alex_set_hints(scan);
	if (BufferIsValid(so->seg.buf))
	{
		ReleaseBuffer(so->seg.buf);
		so->seg.buf = InvalidBuffer;
	}
}

/*---- from segment to segment ---- */

/* Begins a range: the one of the list items at hand */
static void
alex_begin_range(IndexScanDesc scan, bool forward)
{
	pgstat_count_index_scan(scan->indexRelation);
#if PG_VERSION_NUM >= 180000
	if (scan->instrument)
		scan->instrument->nsearches++;
#endif
	alex_load(scan, forward, false, InvalidBlockNumber);
}

/* The next segment's near end is this one's far end. */
static void
alex_step(IndexScanDesc scan, bool forward)
{
	AlexSegment *seg = &((AlexScan *) scan->opaque)->seg;
	AlexScanFence *lo = seg->lo;

	seg->lo = seg->hi;
	seg->hi = lo;
	alex_load(scan, forward, true, forward ? seg->right : seg->left);
}

/* Claims a leaf of a parallel scan; false if it is over. */
static bool
alex_next_segment_parallel(IndexScanDesc scan, bool forward)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	bool		step;
	BlockNumber hint;

	if (!alex_parallel_seize(scan, forward, &step, &hint))
		return false;
	so->state = ALEX_SCAN_ON;
	alex_scan_bounds(so);
	if (step)
		alex_load(scan, forward, true, hint);
	else
		alex_begin_range(scan, forward);
	return true;
}

/*
 * Reads the next segment, which may turn out empty; false at the scan's end.
 */
static bool
alex_next_segment(IndexScanDesc scan, bool forward)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	bool		begun = so->state == ALEX_SCAN_ON;

	if (begun)
	{
		alex_leave_segment(scan);
		CHECK_FOR_INTERRUPTS();
	}
	if (so->parallel != NULL)
		return alex_next_segment_parallel(scan, forward);
	if (begun && (forward ? so->seg.moreright : so->seg.moreleft))
	{
		alex_step(scan, forward);
		return true;
	}
	if (!begun)
		alex_scan_first_items(so, forward);
	else if (!alex_scan_next_items(so, forward))
		return false;
	so->state = ALEX_SCAN_ON;
	alex_scan_bounds(so);
	alex_begin_range(scan, forward);
	return true;
}

/*
 * Goes on to more decoded entries, and to the first of them; false at the
 * scan's end.
 */
static bool
alex_next_entries(IndexScanDesc scan, bool forward)
{
	AlexScan   *so = (AlexScan *) scan->opaque;

	do
	{
		if (!alex_next_chunk(scan, forward) &&
			!alex_next_segment(scan, forward))
		{
			so->state = forward ? ALEX_SCAN_AFTER : ALEX_SCAN_BEFORE;
			return false;
		}
	} while (so->n == 0);
	so->cur = forward ? 0 : so->n - 1;
	so->fetch.last = so->cur;
	return true;
}

/*
 * Prepares for a segment where there is none; false if the scan is at its end
 * in this direction.
 */
static bool
alex_start(IndexScanDesc scan, bool forward)
{
	AlexScan   *so = (AlexScan *) scan->opaque;

	if (so->state == ALEX_SCAN_FRESH)
	{
		so->fetch.ahead = 0;
		so->fetch.block = InvalidBlockNumber;
		so->parallel = NULL;
		if (scan->parallel_scan != NULL)
			so->parallel = OffsetToPointer(scan->parallel_scan,
										   AlexParallelOffset(scan->parallel_scan));
		if (!alex_scan_keys(scan))
			so->state = ALEX_SCAN_EMPTY;
	}
	return so->state != ALEX_SCAN_EMPTY &&
		so->state != (forward ? ALEX_SCAN_AFTER : ALEX_SCAN_BEFORE);
}

/* Moves to the next entry; false if there is none. */
static inline bool
alex_next(IndexScanDesc scan, AlexScan *so, bool forward)
{
	if (so->state == ALEX_SCAN_ON)
	{
		so->cur += forward ? 1 : -1;
		if (so->cur >= 0 && so->cur < so->n)
			return true;
	}
	else if (!alex_start(scan, forward))
		return false;
	return alex_next_entries(scan, forward);
}

/*---- the access method's functions ---- */

/*
 * alex_beginscan: a scan without keys yet
 */
IndexScanDesc
alex_beginscan(Relation rel, int nkeys, int norderbys)
{
	IndexScanDesc scan;
	AlexScan   *so;

	Assert(norderbys == 0);
	alex_batch_flush(RelationGetRelid(rel));
	scan = RelationGetIndexScan(rel, nkeys, norderbys);
	so = palloc0(sizeof(AlexScan));
	alex_get_info(rel, &so->info);
	so->cxt = CurrentMemoryContext;
	so->nkeys = -1;
	so->state = ALEX_SCAN_FRESH;
	so->rows = palloc(ALEX_CHUNK * so->info.nleaf * sizeof(uint64));
	so->seg.buf = InvalidBuffer;
	so->fetch.distance = -1;
	scan->opaque = so;
	scan->xs_itupdesc = RelationGetDescr(rel);
	return scan;
}

/*
 * alex_rescan: begins anew, with other arguments
 */
void
alex_rescan(IndexScanDesc scan, ScanKey scankey, int nscankeys,
			ScanKey orderbys, int norderbys)
{
	AlexScan   *so = (AlexScan *) scan->opaque;

	if (so->mark != NULL)
		so->mark->valid = false;
	alex_leave_segment(scan);
	so->state = ALEX_SCAN_FRESH;
	alex_batch_flush(RelationGetRelid(scan->indexRelation));
	if (scankey != NULL && scan->numberOfKeys > 0)
		memmove(scan->keyData, scankey, scan->numberOfKeys * sizeof(ScanKeyData));
}

/* Remembers that the entry last returned is dead. */
static void
alex_kill_current(AlexScan *so)
{
	if (so->state != ALEX_SCAN_ON || so->cur < 0 || so->cur >= so->n)
		return;
	if (so->killed == NULL)
		so->killed = MemoryContextAlloc(so->cxt, ALEX_MAX_ENTRIES * sizeof(uint16));
	/* going to and fro may meet an entry twice: there may be too many */
	if (so->nkilled < ALEX_MAX_ENTRIES)
		so->killed[so->nkilled++] = so->pos[so->cur];
}

/*
 * alex_gettuple: the next entry in the direction; false if there is none
 */
bool
alex_gettuple(IndexScanDesc scan, ScanDirection dir)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	bool		forward = !ScanDirectionIsBackward(dir);
	int			cur;

	scan->xs_recheck = false;
	if (scan->kill_prior_tuple)
		alex_kill_current(so);
	if (!alex_next(scan, so, forward))
		return false;
	if (so->n > 1 && so->fetch.distance != 0)
		alex_fetch_ahead(scan, forward);
	cur = so->cur;
	scan->xs_heaptid = so->tid[cur];
	if (scan->xs_want_itup)
		scan->xs_itup = so->seg.lean ?
			(IndexTuple) (so->itup + cur * so->itupsize) :
			alex_form_itup(scan, so, alex_scan_row(so, cur));
	return true;
}

/*
 * alex_getbitmap: adds the TIDs of all entries to tbm; returns their number
 */
int64
alex_getbitmap(IndexScanDesc scan, TIDBitmap *tbm)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	int64		total = 0;

	if (!alex_start(scan, true))
		return 0;
	while (alex_next_entries(scan, true))
	{
		tbm_add_tuples(tbm, so->tid, so->n, false);
		total += so->n;
	}
	return total;
}

/*---- entries in groups ---- */

/*
 * alex_next_group: goes on to the next entries of a scan that wants index
 * tuples, in the order of the index, and says where their rows are.  Returns
 * their number, at most ALEX_GROUP, 0 at the end of the scan.
 *
 * The leaf stays pinned until the next call: what is found out of the rows'
 * visibility holds until then.
 */
int
alex_next_group(IndexScanDesc scan, const ItemPointerData **tids)
{
	AlexScan   *so = (AlexScan *) scan->opaque;

	Assert(scan->xs_want_itup);
	if (so->state != ALEX_SCAN_ON && !alex_start(scan, true))
		return 0;
	if (!alex_next_entries(scan, true))
		return 0;
	*tids = so->tid;
	return so->n;
}

/*
 * alex_fetch_start: brings the leaf in which a scan begins that was just rescanned
 * into the processor's cache, as far as its place is known; the scan has to be
 * rescanned once more.  To be called for several sets of keys before the first of
 * them is looked up, so that they do not wait for the memory one after the other.
 */
void
alex_fetch_start(IndexScanDesc scan)
{
	AlexScan   *so = (AlexScan *) scan->opaque;

	if (!alex_start(scan, true))
		return;
	alex_scan_first_items(so, true);
	alex_scan_bounds(so);
	alex_fetch_leaf(scan->indexRelation, &so->info, &so->start);
}

/* A value of the tuples of a group that was decoded to tuples without nulls */
static void
alex_lean_values(IndexScanDesc scan, int column, Datum *values)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(scan->indexRelation),
										  column);
	const char *place = so->itup + so->attoff[column];

	for (int i = 0; i < so->n; i++, place += so->itupsize)
		values[i] = fetchatt(att, place);
}

/* A value of a row that is not null */
static Datum
alex_value_of_row(const AlexScan *so, int column, const uint64 *row)
{
	const AlexColumn *col = &so->info.column[column];

	return alex_unproject(col, row + col->field + 1,
						  col->kind == ALEX_KIND_UUID ? palloc(UUID_LEN) : NULL);
}

/*
 * alex_group_values: a column of the current group's entries, counted from 0.
 * What Datums point to is good until the next group, as far as the current memory
 * context lives as long.
 */
void
alex_group_values(IndexScanDesc scan, int column, Datum *values, bool *isnull)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	TupleDesc	desc = RelationGetDescr(scan->indexRelation);

	if (so->seg.lean)
	{
		memset(isnull, 0, so->n * sizeof(bool));
		alex_lean_values(scan, column, values);
		return;
	}
	for (int i = 0; i < so->n; i++)
	{
		const uint64 *row = alex_scan_row(so, i);

		if (so->info.dict)
			values[i] = index_getattr((IndexTuple) (uintptr_t) row[0],
									  column + 1, desc, &isnull[i]);
		else
		{
			isnull[i] = alex_att_isnull(&so->info.column[column], row);
			values[i] = isnull[i] ? (Datum) 0 : alex_value_of_row(so, column, row);
		}
	}
}

/*
 * alex_group_kill: nobody can see the row of this entry of the group any more.
 */
void
alex_group_kill(IndexScanDesc scan, int entry)
{
	AlexScan   *so = (AlexScan *) scan->opaque;

	so->cur = entry;
	alex_kill_current(so);
}

/*---- the end ---- */

static void
alex_free(void *chunk)
{
	if (chunk != NULL)
		pfree(chunk);
}

/*
 * alex_endscan: gives back what the scan holds, memory too: checks of
 * constraints scan once for each row, in a context that lives as long as the
 * statement
 */
void
alex_endscan(IndexScanDesc scan)
{
	AlexScan   *so = (AlexScan *) scan->opaque;

	if (so->mark != NULL)
		so->mark->valid = false;
	alex_leave_segment(scan);
	if (so->keycxt != NULL)
		MemoryContextDelete(so->keycxt);
	for (int i = 0; so->fence != NULL && i < 2; i++)
		alex_free(so->fence[i].image);
	if (so->mark != NULL)
		alex_free(so->mark->fence.image);
	alex_free(so->fence);
	alex_free(so->mark);
	alex_free(so->set);
	alex_free(so->keyinfo);
	alex_free(so->filter);
	alex_free(so->page);
	alex_free(so->rows);
	alex_free(so->arena);
	alex_free(so->killed);
	alex_free(so->itup);
	alex_free(so->nulltup);
	pfree(so);
	scan->opaque = NULL;
}

/*
 * alex_markpos: remembers the entry last returned
 */
void
alex_markpos(IndexScanDesc scan)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexMark   *mark = so->mark;

	Assert(so->parallel == NULL);
	if (mark == NULL)
		mark = so->mark = MemoryContextAllocZero(so->cxt, sizeof(AlexMark));
	mark->valid = so->state == ALEX_SCAN_ON && so->cur >= 0 && so->cur < so->n;
	if (!mark->valid)
		return;
	mark->haskey = false;
	mark->segment = so->seg.number;
	mark->pos = so->pos[so->cur];
	for (int c = 0; so->lists && c < so->nprefix; c++)
		mark->cur[c] = so->set[c].cur;
}

/* Back to the mark inside the segment at hand */
static void
alex_restore_near(IndexScanDesc scan)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	int			pos = so->mark->pos;
	int			i = 0;

	if (so->seg.copied && (pos < so->chunkfrom || pos >= so->chunkto))
		alex_decode_chunk(scan, pos, Min(pos + ALEX_CHUNK, so->seg.to));
	while (i < so->n && so->pos[i] < pos)
		i++;
	so->cur = i < so->n && so->pos[i] == pos ? i : i - 1;
}

/*
 * Back to the mark by its key: a segment that begins with the entry, which
 * may be gone by now
 */
static void
alex_restore_far(IndexScanDesc scan)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexMark   *mark = so->mark;
	uint64	   *f = mark->fence.f;
	ItemPointerData tid;

	for (int c = 0; so->lists && c < so->nprefix; c++)
		so->set[c].cur = mark->cur[c];
	so->state = ALEX_SCAN_ON;
	alex_scan_bounds(so);
	alex_scan_need_fences(so);
	alex_scan_set_fence(scan, so->seg.lo, f);
	alex_load_right(scan, true, InvalidBlockNumber);
	alex_next_chunk(scan, true);
	so->cur = -1;
	alex_row_tid(&so->info, f, &tid);
	if (so->n > 0 && so->pos[0] == so->seg.from &&
		ItemPointerEquals(&so->tid[0], &tid))
	{
		so->cur = 0;
		mark->segment = so->seg.number;
		mark->pos = so->seg.from;
	}
}

/*
 * alex_restrpos: back to the mark; the next entry is the one behind it
 */
void
alex_restrpos(IndexScanDesc scan)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexMark   *mark = so->mark;

	if (mark == NULL || !mark->valid)
	{
		alex_leave_segment(scan);
		so->state = ALEX_SCAN_FRESH;
	}
	else if (so->state == ALEX_SCAN_ON && mark->segment == so->seg.number)
		alex_restore_near(scan);
	else
	{
		alex_leave_segment(scan);
		alex_restore_far(scan);
	}
	so->fetch.last = so->cur;
}

/*
 * alex_canreturn: every attribute can be had from the index
 */
bool
alex_canreturn(Relation index, int attno)
{
	return true;
}
