/*-------------------------------------------------------------------------
 *
 * alexscanpar.c
 *	  Parallel index scans.
 *
 * The processes of a parallel scan take whole leaves.  Shared memory holds
 * where the next one begins: a fence, and which items of the keys' arrays are
 * at hand.  One process at a time advances it: it claims the position, reads
 * the leaf's other fence, and publishes that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "alex/alexscan.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "storage/spin.h"

typedef enum AlexParallelState
{
	ALEX_PARALLEL_FRESH,		/* nobody has begun */
	ALEX_PARALLEL_BUSY,			/* somebody advances the position */
	ALEX_PARALLEL_IDLE,
	ALEX_PARALLEL_DONE
} AlexParallelState;

/*
 * What the processes share.  The position belongs to the process that made
 * the state ALEX_PARALLEL_BUSY; the mutex protects the state only.
 */
typedef struct AlexParallel
{
	slock_t		mutex;
	ConditionVariable changed;
	AlexParallelState state;

	bool		step;			/* in a range, at f; else at its beginning */
	BlockNumber hint;			/* likely address of the next leaf */
	int			cur[INDEX_MAX_KEYS];	/* items of the arrays */
	uint64		f[ALEX_MAX_FIELDS];
	char		image[BLCKSZ / 2];	/* of f[0], from t_info on */
} AlexParallel;

/*
 * alex_estimateparallelscan: bytes of shared memory
 *
 * Workers are about to start, and cannot see this process's batches.
 */
#if PG_VERSION_NUM >= 180000
Size
alex_estimateparallelscan(Relation rel, int nkeys, int norderbys)
#elif PG_VERSION_NUM >= 170000
Size
alex_estimateparallelscan(int nkeys, int norderbys)
#else
Size
alex_estimateparallelscan(void)
#endif
{
	alex_batch_flush(InvalidOid);
	return sizeof(AlexParallel);
}

/*
 * alex_initparallelscan: prepares the shared memory
 */
void
alex_initparallelscan(void *target)
{
	AlexParallel *par = target;

	SpinLockInit(&par->mutex);
	ConditionVariableInit(&par->changed);
	par->state = ALEX_PARALLEL_FRESH;
}

/*
 * alex_parallelrescan: begins anew; no worker runs
 */
void
alex_parallelrescan(IndexScanDesc scan)
{
	AlexParallel *par = OffsetToPointer(scan->parallel_scan,
										AlexParallelOffset(scan->parallel_scan));

	SpinLockAcquire(&par->mutex);
	par->state = ALEX_PARALLEL_FRESH;
	SpinLockRelease(&par->mutex);
}

/* Waits until nobody advances, then claims that; returns the state before. */
static AlexParallelState
alex_parallel_claim(AlexParallel *par)
{
	AlexParallelState state;

	for (;;)
	{
		SpinLockAcquire(&par->mutex);
		state = par->state;
		if (state == ALEX_PARALLEL_FRESH || state == ALEX_PARALLEL_IDLE)
			par->state = ALEX_PARALLEL_BUSY;
		SpinLockRelease(&par->mutex);
		if (state != ALEX_PARALLEL_BUSY)
			break;
		ConditionVariableSleep(&par->changed, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return state;
}

/*
 * alex_parallel_seize: claims the next leaf
 *
 * Sets the items at hand.  *step: the leaf goes on where the last one ended,
 * with the fence that is put into seg.lo (backward: seg.hi); else a range
 * begins.  The caller must call alex_parallel_release.  false if the scan is
 * over.
 */
bool
alex_parallel_seize(IndexScanDesc scan, bool forward, bool *step,
					BlockNumber *hint)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexParallel *par = so->parallel;
	AlexParallelState state = alex_parallel_claim(par);
	uint64		f[ALEX_MAX_FIELDS];

	if (state == ALEX_PARALLEL_DONE)
		return false;
	*step = false;
	*hint = InvalidBlockNumber;
	if (state == ALEX_PARALLEL_FRESH)
	{
		alex_scan_first_items(so, forward);
		return true;
	}
	for (int c = 0; so->lists && c < so->nprefix; c++)
		so->set[c].cur = par->cur[c];
	if (!par->step)
		return true;
	memcpy(f, par->f, so->info.nord * sizeof(uint64));
	if (so->info.dict)
		f[0] = (uint64) (uintptr_t) (par->image - offsetof(IndexTupleData, t_info));
	alex_scan_need_fences(so);
	alex_scan_set_fence(scan, forward ? so->seg.lo : so->seg.hi, f);
	*step = true;
	*hint = par->hint;
	return true;
}

/* Puts a fence into shared memory */
static void
alex_parallel_put_fence(AlexScan *so, const AlexScanFence *fence)
{
	AlexParallel *par = so->parallel;

	memcpy(par->f, fence->f, so->info.nord * sizeof(uint64));
	if (so->info.dict)
	{
		int			size = alex_image_size((IndexTuple) fence->image);

		if (size > (int) sizeof(par->image))
			elog(ERROR, "index key of %d bytes is too long", size);
		memcpy(par->image, fence->image + offsetof(IndexTupleData, t_info), size);
	}
}

/*
 * alex_parallel_release: publishes where the segment just found ends
 *
 * Behind it comes the rest of the range, or the range of the next items, or
 * nothing.
 */
void
alex_parallel_release(IndexScanDesc scan, bool forward)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	AlexParallel *par = so->parallel;
	AlexSegment *seg = &so->seg;
	bool		done = false;

	par->step = forward ? seg->moreright : seg->moreleft;
	if (par->step)
	{
		par->hint = forward ? seg->right : seg->left;
		alex_parallel_put_fence(so, forward ? seg->hi : seg->lo);
	}
	else
		done = !alex_scan_next_items(so, forward);
	for (int c = 0; so->lists && c < so->nprefix; c++)
		par->cur[c] = so->set[c].cur;

	SpinLockAcquire(&par->mutex);
	par->state = done ? ALEX_PARALLEL_DONE : ALEX_PARALLEL_IDLE;
	SpinLockRelease(&par->mutex);
	if (done)
		ConditionVariableBroadcast(&par->changed);
	else
		ConditionVariableSignal(&par->changed);
}
