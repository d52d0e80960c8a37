/*-------------------------------------------------------------------------
 *
 * scanheap.c
 *	  Rows of the heap, page by page.
 *
 * A line pointer is taken by itself: it counts if it has a tuple that the
 * snapshot sees, without following a HOT chain, as in a sequential scan.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/rel.h"

#include "scan/scan.h"

/*
 * scan_page_release: gives up the current page.
 */
void
scan_page_release(ColumnScanState *scan)
{
	if (BufferIsValid(scan->page.buffer))
		ReleaseBuffer(scan->page.buffer);
	scan->page.buffer = InvalidBuffer;
	scan->page.ntuples = scan->page.next = 0;
}

/* what is the same for all tuples of a page */
typedef struct PageLook
{
	BlockNumber block;
	bool		all_visible;
	bool		mvcc;			/* visibility is what hint bits say */
	bool		serializable;	/* conflicts must be looked for */
} PageLook;

/*
 * Most tuples were made by a transaction that is known to have committed before
 * any that the snapshot does not see, and nobody removed them.
 */
static inline bool
plainly_visible(const HeapTupleHeaderData *t, Snapshot snapshot)
{
	const uint16 hints = HEAP_XMIN_COMMITTED | HEAP_XMAX_INVALID;

	return (t->t_infomask & hints) == hints &&
		TransactionIdPrecedes(HeapTupleHeaderGetXmin(t), snapshot->xmin);
}

/* Adds the tuple of a line pointer if it is visible. */
static inline void
collect_tuple(ColumnScanState *scan, const PageLook *look, OffsetNumber off)
{
	ScanPage   *p = &scan->page;
	Page		page = BufferGetPage(p->buffer);
	ItemId		item = PageGetItemId(page, off);
	HeapTuple	t = &p->tuples[p->ntuples];
	bool		visible;

	if (!ItemIdIsNormal(item))
		return;
	t->t_tableOid = RelationGetRelid(scan->rel);
	t->t_data = (HeapTupleHeader) PageGetItem(page, item);
	t->t_len = ItemIdGetLength(item);
	ItemPointerSet(&t->t_self, look->block, off);
	visible = look->all_visible ||
		(look->mvcc && plainly_visible(t->t_data, scan->snapshot)) ||
		HeapTupleSatisfiesVisibility(t, scan->snapshot, p->buffer);
	if (look->serializable)
		HeapCheckForSerializableConflictOut(visible, scan->rel, t, p->buffer,
											scan->snapshot);
	if (visible)
		p->ntuples++;
}

/* Collects the tuples that are visible; the buffer is locked. */
static void
collect_tuples(ColumnScanState *scan, BlockNumber block,
			   const BlockMarks *only)
{
	Page		page = BufferGetPage(scan->page.buffer);
	int			max = PageGetMaxOffsetNumber(page);
	PageLook	look;
	int			off;

	look.block = block;
	look.all_visible = PageIsAllVisible(page) &&
		!scan->snapshot->takenDuringRecovery;
	look.mvcc = scan->snapshot->snapshot_type == SNAPSHOT_MVCC;
	look.serializable = CheckForSerializableConflictOutNeeded(scan->rel,
															  scan->snapshot);
	TestForOldSnapshot(scan->snapshot, scan->rel, page);
	if (only == NULL)
	{
		for (off = FirstOffsetNumber; off <= max; off++)
			collect_tuple(scan, &look, off);
		return;
	}
	for (off = marks_next(only, 0); off > 0 && off <= max;
		 off = marks_next(only, off))
		collect_tuple(scan, &look, off);
}

/*---- buffers ---- */

/*
 * The buffer where a block probably is.  A table that was read in from its first
 * block on, as by a sequential scan, has neighbours in neighbouring buffers.
 */
static Buffer
guess_buffer(const ScanAhead *a, BlockNumber block)
{
	int64		guess = (int64) a->last_buffer + block - a->last_block;

	return guess >= 1 && guess <= NBuffers ? (Buffer) guess : InvalidBuffer;
}

/* Reads a block; looking for its buffer is spared if the guess is right. */
static Buffer
read_block(ColumnScanState *scan, BlockNumber block)
{
	ScanAhead  *a = &scan->ahead;
	Buffer		guess = guess_buffer(a, block);
	Buffer		buffer = guess;

	if (a->in_order && BufferIsValid(guess) &&
		ReadRecentBuffer(OmenRelLocator(scan->rel), MAIN_FORKNUM, block, guess))
	{
		pgstat_count_buffer_read(scan->rel);
		pgstat_count_buffer_hit(scan->rel);
	}
	else
		buffer = ReadBufferExtended(scan->rel, MAIN_FORKNUM, block, RBM_NORMAL,
									scan->strategy);
	a->in_order = buffer == guess;
	a->last_block = block;
	a->last_buffer = buffer;
	return buffer;
}

/*
 * How many pages may be pinned at once: no more than the share of a session, and
 * a single one if the query may stop in between, as cursors do.
 */
static int
pages_ahead(const ColumnScanState *scan)
{
	return scan->batches ? Max(1, Min(MARKS_AHEAD, NBuffers / MaxBackends)) : 1;
}

/*
 * Pins the pages of the next marks, if they are in the table, and then has the
 * processor fetch what will be looked at of them.  It fetches several at once,
 * address translation included, if nothing comes in between.
 */
static void
pin_ahead(ColumnScanState *scan)
{
	const ScanUnit *unit = scan->unit;
	ScanAhead  *a = &scan->ahead;
	int			most = pages_ahead(scan);
	Page		pages[MARKS_AHEAD];
	ItemId		items[MARKS_AHEAD];
	int			n = 0;
	int			i;

	for (; a->npinned < Min(unit->nmarks, scan->next_mark + most); a->npinned++)
	{
		const BlockMarks *m = &unit->marks[a->npinned];
		Buffer		buffer = InvalidBuffer;

		if (m->block < scan->nblocks)
		{
			buffer = read_block(scan, m->block);
			pages[n] = BufferGetPage(buffer);
			items[n] = PageGetItemId(pages[n], Max(marks_next(m, 0), 1));
			n++;
		}
		a->buffers[a->npinned % MARKS_AHEAD] = buffer;
	}
	for (i = 0; i < n; i++)
		__builtin_prefetch(pages[i]);
	for (i = 0; i < n; i++)
		__builtin_prefetch(items[i]);
}

/*
 * scan_ahead_release: gives up the pages of the unit's marks that were not asked
 * for.
 */
void
scan_ahead_release(ColumnScanState *scan)
{
	ScanAhead  *a = &scan->ahead;
	int			i;

	for (i = scan->next_mark; i < a->npinned; i++)
	{
		if (BufferIsValid(a->buffers[i % MARKS_AHEAD]))
			ReleaseBuffer(a->buffers[i % MARKS_AHEAD]);
	}
	a->npinned = 0;
}

/*---- pages ---- */

/* Makes a pinned page the current one: its visible tuples, or the marked ones */
static void
use_page(ColumnScanState *scan, Buffer buffer, BlockNumber block,
		 const BlockMarks *only)
{
	scan->page.buffer = buffer;
	heap_page_prune_opt(scan->rel, buffer);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	collect_tuples(scan, block, only);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (scan->page.ntuples == 0)
		scan_page_release(scan);
}

/*
 * scan_page_read: makes a block the current page, with all its visible tuples.
 * A block behind the end of the table has none.
 */
void
scan_page_read(ColumnScanState *scan, BlockNumber block)
{
	scan_page_release(scan);
	if (block >= scan->nblocks)
		return;
	CHECK_FOR_INTERRUPTS();
	use_page(scan, read_block(scan, block), block, NULL);
}

/*
 * scan_page_read_marked: the same for the visible tuples of the unit's next
 * mark, which there must be.
 */
void
scan_page_read_marked(ColumnScanState *scan)
{
	const BlockMarks *m = &scan->unit->marks[scan->next_mark];
	Buffer		buffer;

	scan_page_release(scan);
	CHECK_FOR_INTERRUPTS();
	if (scan->next_mark == scan->ahead.npinned)
		pin_ahead(scan);
	buffer = scan->ahead.buffers[scan->next_mark++ % MARKS_AHEAD];
	if (BufferIsValid(buffer))
		use_page(scan, buffer, m->block, m);
}

/*
 * scan_page_place: finds where the current page's tuples belong among the rows of
 * the current segment, so that all come in the order of the heap.
 */
void
scan_page_place(ColumnScanState *scan, BlockNumber block)
{
	const SegmentReader *reader = scan->unit->reader;
	ScanPage   *p = &scan->page;
	int			first;
	int			end = segment_block_rows(reader, block, &first);
	int			row = first;
	int			i;

	end += first;
	for (i = 0; i < p->ntuples; i++)
	{
		OffsetNumber off = ItemPointerGetOffsetNumber(&p->tuples[i].t_self);

		while (row < end && segment_offset(reader, first, row) < off)
			row++;
		p->before[i] = row;
	}
}

/*
 * scan_page_store_next: puts the next tuple's columns into a virtual slot; false if
 * there is no more.  They stay where they are until the page is released.
 */
bool
scan_page_store_next(ColumnScanState *scan, TupleTableSlot *slot)
{
	ScanPage   *p = &scan->page;
	TupleTableSlot *from = scan->heap_slot;
	int			k;

	if (p->next >= p->ntuples)
		return false;
	ExecStoreBufferHeapTuple(&p->tuples[p->next++], from, p->buffer);
	slot_getsomeattrs(from, scan->last_attno);
	for (k = 0; k < scan->ncolumns; k++)
	{
		int			a = scan->columns[k].attno - 1;
		int			position = scan->columns[k].position;

		if (position < 0)
			continue;
		slot->tts_values[position] = from->tts_values[a];
		slot->tts_isnull[position] = from->tts_isnull[a];
	}
	ExecStoreVirtualTuple(slot);
	pgstat_count_heap_getnext(scan->rel);
	return true;
}
