/*-------------------------------------------------------------------------
 *
 * tablecover.c
 *	  Which blocks of a table segments cover, as writers know it.
 *
 * The ranges are kept in the relation's rd_amcache, which heapam leaves alone,
 * as one sorted array.  The worker that adds a range sends a relcache
 * invalidation, which frees the cache, and then waits for every transaction
 * that held a lock of a writer: whoever gets such a lock later reads the
 * ranges anew.  A range that is gone but still in a cache only costs marks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "table/table.h"
#include "table/tableinternal.h"

/* what rd_amcache points to; one chunk of memory, as the relcache wants it */
typedef struct Coverage
{
	int			nranges;
	BlockNumber end;			/* no block from here on is covered */
	BlockRange	ranges[FLEXIBLE_ARRAY_MEMBER];	/* apart from each other */
} Coverage;

/* times that ranges are read again because the table was invalidated */
#define COVER_RETRIES	8

/* the table whose ranges are being read, and whether it was invalidated */
static Oid	loading_relid = InvalidOid;
static bool loading_stale = false;

static void
note_invalidation(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || relid == loading_relid)
		loading_stale = true;
}

static int
compare_ranges(const void *a, const void *b)
{
	BlockNumber first = ((const BlockRange *) a)->first;
	BlockNumber second = ((const BlockRange *) b)->first;

	return (first > second) - (first < second);
}

/* Sorts ranges and joins those that touch.  Returns how many are left. */
static int
join_ranges(BlockRange *ranges, int n)
{
	int			kept = 0;

	if (n == 0)
		return 0;
	qsort(ranges, n, sizeof(BlockRange), compare_ranges);
	for (int i = 1; i < n; i++)
	{
		if (ranges[i].first > ranges[kept].end)
			ranges[++kept] = ranges[i];
		else
			ranges[kept].end = Max(ranges[kept].end, ranges[i].end);
	}
	return kept + 1;
}

/* The table's ranges as they are now, in the caller's memory context */
static Coverage *
read_coverage(Relation rel)
{
	int			nranges;
	BlockRange *ranges = store_coverage(rel, &nranges);
	Coverage   *result;

	nranges = join_ranges(ranges, nranges);
	result = palloc(offsetof(Coverage, ranges) + nranges * sizeof(BlockRange));
	result->nranges = nranges;
	result->end = nranges > 0 ? ranges[nranges - 1].end : 0;
	if (nranges > 0)
		memcpy(result->ranges, ranges, nranges * sizeof(BlockRange));
	if (ranges != NULL)
		pfree(ranges);
	return result;
}

/*
 * No segments are made of what a crash would empty, nor of a relation file
 * that no other transaction can see yet.
 */
static bool
can_be_covered(Relation rel)
{
	return rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT &&
		rel->rd_createSubid == InvalidSubTransactionId &&
		OmenNewFileSubid(rel) == InvalidSubTransactionId;
}

static Coverage *
copy_to_cache(Relation rel, const Coverage *cover)
{
	Size		size = offsetof(Coverage, ranges) +
	cover->nranges * sizeof(BlockRange);
	Coverage   *copy = MemoryContextAlloc(CacheMemoryContext, size);

	memcpy(copy, cover, size);
	rel->rd_amcache = copy;
	return copy;
}

/*
 * The ranges, read again.  While they are being read an invalidation may come
 * in, and they may be older than it: then they must not outlive this call.
 * They are good for the call in any case, because the worker waits for the
 * caller's lock before it counts on newer ranges being known.
 */
static Coverage *
load_coverage(Relation rel)
{
	Coverage   *cover = NULL;
	Coverage   *cached;

	if (!can_be_covered(rel))
	{
		const Coverage none = {0};

		return copy_to_cache(rel, &none);
	}
	for (int i = 0; i < COVER_RETRIES; i++)
	{
		if (cover != NULL)
			pfree(cover);
		loading_relid = RelationGetRelid(rel);
		loading_stale = false;
		cover = read_coverage(rel);
		loading_relid = InvalidOid;
		if (!loading_stale)
		{
			cached = copy_to_cache(rel, cover);
			pfree(cover);
			return cached;
		}
	}
	return cover;
}

static bool
search_ranges(const Coverage *cover, BlockNumber block)
{
	int			low = 0;
	int			high = cover->nranges;

	/* the first range that ends after the block */
	while (low < high)
	{
		int			mid = low + (high - low) / 2;

		if (cover->ranges[mid].end > block)
			high = mid;
		else
			low = mid + 1;
	}
	return low < cover->nranges && cover->ranges[low].first <= block;
}

/*
 * cover_block: does a segment of the table cover the block, or one that is
 * being built?  The caller holds a lock of a writer on the table.
 */
bool
cover_block(Relation rel, BlockNumber block)
{
	const Coverage *cover = rel->rd_amcache;

	if (unlikely(cover == NULL))
		cover = load_coverage(rel);
	return block < cover->end && search_ranges(cover, block);
}

/*
 * cover_blocks: how many blocks of the table segments cover, those that are
 * being built included.  For a planner: any lock on the table will do.
 */
BlockNumber
cover_blocks(Relation rel)
{
	const Coverage *cover = rel->rd_amcache;
	BlockNumber n = 0;

	if (unlikely(cover == NULL))
		cover = load_coverage(rel);
	for (int i = 0; i < cover->nranges; i++)
		n += cover->ranges[i].end - cover->ranges[i].first;
	return n;
}

/*
 * table_cover_init: once per process, while the library is loaded.
 */
void
table_cover_init(void)
{
	CacheRegisterRelcacheCallback(note_invalidation, (Datum) 0);
}
