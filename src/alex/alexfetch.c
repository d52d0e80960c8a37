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
		return;
	so->fetch.block = block;
	buf = PrefetchBuffer(scan->heapRelation, MAIN_FORKNUM, block).recent_buffer;
	if (BufferIsValid(buf) && !BufferIsLocal(buf))
	{
		__builtin_prefetch(GetBufferDescriptor(buf - 1));
		__builtin_prefetch(BufferGetPage(buf));
	}
}

/*
 * alex_fetch_ahead: see alexscan.h.  How far a scan looks ahead grows with each
 * row that it returns, since it may end soon.
 */
void
alex_fetch_ahead(IndexScanDesc scan, bool forward)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexFetch  *fetch = &so->fetch;
	int			step = forward ? 1 : -1;
	int			last;

	if (fetch->distance < 0)
		fetch->distance = fetch_distance(scan);
	last = so->cur + step * fetch->ahead;
	last = Min(Max(last, 0), so->n - 1);
	while ((last - fetch->last) * step > 0)
	{
		fetch->last += step;
		fetch_page(scan, so, fetch->last);
	}
	fetch->ahead = Min(2 * fetch->ahead + 1, fetch->distance);
}
