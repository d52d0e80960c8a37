/*-------------------------------------------------------------------------
 *
 * alexfetch.c
 *	  Heap pages of the entries that a scan returns next are asked for ahead.
 *
 * A scan of a range whose rows lie anywhere in the heap waits for a page with
 * nearly every row: for the disk, or for several lines of memory one after the
 * other.  The entries at hand say which pages these will be.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "alexscan.h"
#include "storage/buf_internals.h"
#include "utils/rel.h"
#include "utils/spccache.h"

#define FETCH_LEAST		4		/* entries ahead, if there are many */
#define FETCH_MOST		(ALEX_CHUNK / 2)
#define FETCH_LINES		2		/* of a row */
#define FETCH_LINE		64		/* bytes */

/* How many entries ahead; 0: the pages are not asked for. */
static int
fetch_distance(IndexScanDesc scan)
{
	int			requests;

	if (scan->xs_want_itup || scan->heapRelation == NULL)
		return 0;
	requests = get_tablespace_io_concurrency(scan->heapRelation->rd_rel->reltablespace);
	return requests == 0 ? 0 : Min(Max(requests, FETCH_LEAST), FETCH_MOST);
}

/*
 * Asks for the heap page of entry i, and for the first line of it if it is in
 * memory.  The buffer is not pinned: what it holds by the time it is looked at
 * may be another page, and fetching its memory does no harm.
 */
static void
fetch_page(IndexScanDesc scan, AlexScan *so, int i)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(&so->tid[i]);
	Buffer		buf;

	if (block == so->fetch.block)
	{
		so->fetch.buf[i] = InvalidBuffer;
		return;
	}
	buf = PrefetchBuffer(scan->heapRelation, MAIN_FORKNUM, block).recent_buffer;
	so->fetch.block = block;
	so->fetch.buf[i] = buf;
	if (BufferIsValid(buf) && !BufferIsLocal(buf))
	{
		__builtin_prefetch(GetBufferDescriptor(buf - 1));
		__builtin_prefetch(BufferGetPage(buf));
	}
}

/* Fetches the first lines of the row of entry i, if its page is in memory. */
static void
fetch_row(AlexScan *so, int i)
{
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(&so->tid[i]);
	Buffer		buf = so->fetch.buf[i];
	Page		page;
	unsigned	place;

	if (!BufferIsValid(buf) || BufferIsLocal(buf) ||
		offset == InvalidOffsetNumber || offset > MaxHeapTuplesPerPage)
		return;
	page = BufferGetPage(buf);
	place = ItemIdGetOffset(PageGetItemId(page, offset));
	for (int line = 0; line < FETCH_LINES; line++)
	{
		if (place + line * FETCH_LINE < BLCKSZ)
			__builtin_prefetch(page + place + line * FETCH_LINE);
	}
}

/*
 * alex_fetch_start: nothing is asked for yet.  How far a scan looks ahead grows
 * with each row that it returns, since it may end soon.
 */
void
alex_fetch_start(IndexScanDesc scan)
{
	AlexScan   *so = (AlexScan *) scan->opaque;

	so->fetch.distance = fetch_distance(scan);
	so->fetch.ahead = 0;
	so->fetch.block = InvalidBlockNumber;
}

/*
 * alex_fetch_ahead: for an entry that is returned, of several that are at hand
 */
void
alex_fetch_ahead(IndexScanDesc scan, bool forward)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexFetch  *fetch = &so->fetch;
	int			step = forward ? 1 : -1;
	int			next = so->cur + step;
	int			last;

	if (fetch->n != so->n || fetch->pos != so->pos[0])
	{
		/* other entries than last time */
		fetch->n = so->n;
		fetch->pos = so->pos[0];
		fetch->last = so->cur;
	}
	fetch->ahead = Min(2 * fetch->ahead + 1, fetch->distance + 1);
	last = so->cur + step * (fetch->ahead - 1);
	last = Min(Max(last, 0), so->n - 1);
	while ((last - fetch->last) * step > 0)
	{
		fetch->last += step;
		fetch_page(scan, so, fetch->last);
	}
	if (fetch->ahead > 1 && next >= 0 && next < so->n)
		fetch_row(so, next);
}
