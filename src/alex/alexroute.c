/*-------------------------------------------------------------------------
 *
 * alexroute.c
 *	  The backend-local routing cache: straight from a key to its leaf.
 *
 * Per index an array holds the low fences of all pages of one level, with their
 * block numbers and the buffers in which they were seen last.  Above the
 * array stands a tree of linear models, as the inner nodes of ALEX are: a node
 * divides its key range into equal slots, so that the slot is computed, and a
 * slot that holds too many fences gets a node of its own.  Skewed keys make
 * the tree deeper where they are dense; the bits of a word bound its depth.
 *
 * The cache may be stale in every respect.  Who follows its guess checks the
 * page's fences (alexsearch.c) and tells the cache how good it was.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "alex/alex.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

int			alex_cache_size = 65536;

#define ALEX_SLOT_FENCES	8	/* more fences than this get a node */
#define ALEX_MAX_FANOUT		(1 << 18)

/* every so many hits the shared buffer's usage count gets its due */
#define ALEX_TOUCH_EVERY	32

typedef struct AlexSlot
{
	uint32		pos;			/* first fence in this slot or a later one */
	uint32		child;			/* node for this slot, or 0 */
} AlexSlot;

typedef struct AlexNode
{
	uint64		min;
	uint32		from;			/* fences of this node */
	uint32		to;
	uint32		slot;			/* first of nslots + 1 in the slots array */
	uint32		nslots;
	uint32		shift;
} AlexNode;

typedef struct AlexRoute
{
	RelFileLocator locator;		/* hash key */
	Oid			relid;			/* storage can be another relation's later */
	MemoryContext cxt;			/* all arrays; NULL: nothing cached */
	Size		bytes;
	uint64		used;			/* clock of the last use */
	uint32		level;			/* level of the pages that the fences are of */
	uint32		n;
	uint64	   *fence;			/* n rows of nord words; row 0 is -infinity */
	uint64	   *lead;			/* first word (or prefix) for rows from..to */
	BlockNumber *blk;
	Buffer	   *recent;
	uint32		from;			/* rows whose first column is not null */
	uint32		to;
	AlexNode   *node;			/* node[1] is the root, if nnodes > 1 */
	uint32		nnodes;
	uint32		maxnodes;
	AlexSlot   *slot;
	uint32		nslots;
	uint32		maxslots;
	uint32		descents;		/* searches without a cache */
	uint32		threshold;		/* ... after which one is made */
	uint32		stale;			/* wrong guesses since the cache was made */
	uint64		hits;
	uint64		misses;
} AlexRoute;

static HTAB *alex_routes = NULL;
static AlexRoute *alex_last_route = NULL;
static Size alex_route_bytes = 0;
static uint64 alex_route_clock = 0;

/* ---- the registry ---- */

/* Forgets what is cached of an index */
static void
alex_drop_route(AlexRoute *route)
{
	if (route->cxt != NULL)
		MemoryContextDelete(route->cxt);
	alex_route_bytes -= route->bytes;
	route->cxt = NULL;
	route->bytes = 0;
	route->n = route->nnodes = route->nslots = 0;
	route->stale = route->descents = 0;
}

static AlexRoute *
alex_get_route(Relation rel)
{
	RelFileLocator locator = OmenRelLocator(rel);
	AlexRoute  *route = alex_last_route;
	bool		found;

	if (route != NULL && RelFileLocatorEquals(route->locator, locator) &&
		route->relid == RelationGetRelid(rel))
		return route;
	if (alex_routes == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(RelFileLocator);
		ctl.entrysize = sizeof(AlexRoute);
		alex_routes = hash_create("omendb alex routing", 64, &ctl,
								  HASH_ELEM | HASH_BLOBS);
	}
	route = hash_search(alex_routes, &locator, HASH_ENTER, &found);
	if (found && route->relid != RelationGetRelid(rel))
	{
		alex_drop_route(route);
		found = false;
	}
	if (!found)
	{
		memset((char *) route + sizeof(RelFileLocator), 0,
			   sizeof(AlexRoute) - sizeof(RelFileLocator));
		route->relid = RelationGetRelid(rel);
		route->threshold = 16 + RelationGetNumberOfBlocks(rel) / 2048;
	}
	alex_last_route = route;
	return route;
}

/* Drops others, least recently used first, until "bytes" more are allowed. */
static bool
alex_make_room(AlexRoute *keep, Size bytes)
{
	Size		limit = (Size) alex_cache_size * 1024;

	while (alex_route_bytes + bytes > limit)
	{
		HASH_SEQ_STATUS seq;
		AlexRoute  *route;
		AlexRoute  *oldest = NULL;

		hash_seq_init(&seq, alex_routes);
		while ((route = hash_seq_search(&seq)) != NULL)
		{
			if (route != keep && route->cxt != NULL &&
				(oldest == NULL || route->used < oldest->used))
				oldest = route;
		}
		if (oldest == NULL)
			return false;
		alex_drop_route(oldest);
	}
	return true;
}

/* ---- building: fences ---- */

/* Arrays that grow while the level above is read */
typedef struct AlexFences
{
	uint32		n;
	uint32		max;
	uint64	   *fence;
	BlockNumber *blk;
	Size		imagebytes;
} AlexFences;

static void
alex_add_fence(const AlexInfo *info, AlexFences *f, const uint64 *row)
{
	uint64	   *to;

	if (f->n == f->max)
	{
		f->max *= 2;
		f->fence = repalloc_huge(f->fence,
								 sizeof(uint64) * info->nord * (Size) f->max);
		f->blk = repalloc_huge(f->blk, sizeof(BlockNumber) * (Size) f->max);
	}
	to = f->fence + (Size) f->n * info->nord;
	memcpy(to, row, sizeof(uint64) * info->nord);
	if (info->dict && row[0] != 0)
	{
		IndexTuple	image = (IndexTuple) (uintptr_t) row[0];
		Size		size = IndexTupleSize(image);
		char	   *copy = palloc(MAXALIGN(size));

		memcpy(copy + offsetof(IndexTupleData, t_info),
			   (char *) image + offsetof(IndexTupleData, t_info),
			   alex_image_size(image));
		to[0] = (uint64) (uintptr_t) copy;
		f->imagebytes += MAXALIGN(size) + 16;
	}
	f->blk[f->n++] = (BlockNumber) row[AlexFieldChild(info)];
}

/* Reads the fences off the pages at level + 1; false if they take too much. */
static bool
alex_read_fences(Relation rel, AlexInfo *info, uint32 level, Size limit,
				 AlexFences *f)
{
	AlexKey		key;
	Buffer		buf;

	f->n = 0;
	f->max = 1024;
	f->imagebytes = 0;
	f->fence = palloc(sizeof(uint64) * info->nord * f->max);
	f->blk = palloc(sizeof(BlockNumber) * f->max);
	alex_key_begin(info, &key);
	alex_key_finish(info, &key, false);
	buf = alex_find_page(rel, info, &key, level + 1, BUFFER_LOCK_SHARE, false);
	for (;;)
	{
		Page		page = BufferGetPage(buf);
		BlockNumber right = AlexPageGetOpaque(page)->right;
		uint64		row[ALEX_MAX_FIELDS];

		for (int i = 0; i < AlexPageCount(page); i++)
		{
			alex_page_get_row(page, i, row);
			alex_add_fence(info, f, row);
		}
		UnlockReleaseBuffer(buf);
		if (f->imagebytes + f->n * (sizeof(uint64) * (info->nord + 2) + 16) > limit)
			return false;
		if (right == InvalidBlockNumber)
			return true;
		CHECK_FOR_INTERRUPTS();
		buf = alex_get_buffer(rel, right, BUFFER_LOCK_SHARE);
		/* deleted under our eyes: what we have is still good */
		if (AlexPageGetOpaque(BufferGetPage(buf))->level != level + 1 ||
			(AlexPageGetOpaque(BufferGetPage(buf))->flags & ALEX_DELETED))
		{
			UnlockReleaseBuffer(buf);
			return true;
		}
	}
}

/* ---- building: models ---- */

static uint32
alex_add_node(AlexRoute *route)
{
	if (route->nnodes == route->maxnodes)
	{
		route->maxnodes = Max(64, route->maxnodes * 2);
		route->node = route->node == NULL ?
			palloc(sizeof(AlexNode) * route->maxnodes) :
			repalloc_huge(route->node, sizeof(AlexNode) * (Size) route->maxnodes);
	}
	return route->nnodes++;
}

static uint32
alex_add_slots(AlexRoute *route, uint32 n)
{
	uint32		first = route->nslots;

	while (route->nslots + n > route->maxslots)
	{
		route->maxslots = Max(1024, route->maxslots * 2);
		route->slot = route->slot == NULL ?
			palloc(sizeof(AlexSlot) * route->maxslots) :
			repalloc_huge(route->slot, sizeof(AlexSlot) * (Size) route->maxslots);
	}
	route->nslots += n;
	return first;
}

/*
 * Makes a node for fences from..to-1 and, recursively, for crowded slots.
 * Returns its number, 0 if a node would not divide them.
 */
static uint32
alex_train_node(AlexRoute *route, uint32 from, uint32 to)
{
	uint64		min = route->lead[from];
	uint64		range = route->lead[to - 1] - min;
	uint32		want = Min(to - from, ALEX_MAX_FANOUT);
	int			shift;
	uint32		id;
	AlexNode   *node;
	uint32		first;
	uint32		at = from;

	if (range == 0 || to - from <= ALEX_SLOT_FENCES)
		return 0;
	shift = Max(0, pg_leftmost_one_pos64(range) - pg_leftmost_one_pos32(want));
	id = alex_add_node(route);
	node = &route->node[id];
	node->min = min;
	node->from = from;
	node->to = to;
	node->shift = shift;
	node->nslots = (uint32) (range >> shift) + 1;
	first = node->slot = alex_add_slots(route, node->nslots + 1);
	for (uint32 s = 0; s <= route->node[id].nslots; s++)
	{
		while (at < to && ((route->lead[at] - min) >> shift) < s)
			at++;
		route->slot[first + s].pos = at;
		route->slot[first + s].child = 0;
	}
	for (uint32 s = 0; s < route->node[id].nslots; s++)
	{
		uint32		a = route->slot[first + s].pos;
		uint32		b = route->slot[first + s + 1].pos;
		uint32		child;

		if (b - a <= ALEX_SLOT_FENCES)
			continue;
		child = alex_train_node(route, a, b);
		route->slot[first + s].child = child;
	}
	return id;
}

/* Rows whose first column is not null, and their first words */
static void
alex_find_lead(const AlexInfo *info, AlexRoute *route)
{
	uint64		notnull = info->column[0].nullsfirst ? 1 : 0;

	route->from = 1;
	while (route->from < route->n &&
		   route->fence[(Size) route->from * info->nord] < notnull)
		route->from++;
	route->to = route->from;
	route->lead = palloc_extended(sizeof(uint64) * (Size) route->n,
								  MCXT_ALLOC_HUGE);
	while (route->to < route->n &&
		   route->fence[(Size) route->to * info->nord] == notnull)
	{
		route->lead[route->to] = route->fence[(Size) route->to * info->nord + 1];
		route->to++;
	}
}

/* The same with images: their prefixes, if all have one */
static void
alex_find_image_lead(const AlexInfo *info, AlexRoute *route)
{
	route->from = route->to = 1;
	if (info->prefix == ALEX_PREFIX_NONE)
		return;
	route->lead = palloc_extended(sizeof(uint64) * (Size) route->n,
								  MCXT_ALLOC_HUGE);
	for (uint32 i = 1; i < route->n; i++)
	{
		IndexTuple	image = (IndexTuple) (uintptr_t)
			route->fence[(Size) i * info->nord];

		if (!alex_image_prefix(info, image, &route->lead[i]))
			return;
	}
	route->to = route->n;
}

/* Fills a route's arrays for one level; false if it takes too much memory. */
static bool
alex_fill_route(Relation rel, AlexInfo *info, AlexRoute *route, uint32 level)
{
	AlexFences	fences;

	if (!alex_read_fences(rel, info, level, (Size) alex_cache_size * 1024,
						  &fences) || fences.n < 2)
		return false;
	route->level = level;
	route->n = fences.n;
	route->fence = fences.fence;
	route->blk = fences.blk;
	route->recent = palloc0(sizeof(Buffer) * (Size) fences.n);
	route->nnodes = route->nslots = 0;
	route->maxnodes = route->maxslots = 0;
	route->node = NULL;
	route->slot = NULL;
	if (info->dict)
		alex_find_image_lead(info, route);
	else
		alex_find_lead(info, route);
	alex_add_node(route);		/* node 0 means none */
	if (route->to > route->from)
		alex_train_node(route, route->from, route->to);
	return true;
}

/*
 * Fills a route's arrays in a memory context of its own.  Until they are
 * complete the context is the caller's and the route knows nothing of them, so
 * that an error leaves no half of a cache behind.
 */
static bool
alex_fill_route_safely(Relation rel, AlexInfo *info, AlexRoute *route,
					   uint32 level)
{
	AlexRoute	filled = *route;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext,
											  "alex routing",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	bool		good = alex_fill_route(rel, info, &filled, level);

	MemoryContextSwitchTo(old);
	if (!good)
	{
		MemoryContextDelete(cxt);
		return false;
	}
	MemoryContextSetParent(cxt, TopMemoryContext);
	*route = filled;
	route->cxt = cxt;
	return true;
}

/*
 * Makes the cache for an index: of its leaves if they fit the limit, else of
 * the lowest level that does.
 */
static void
alex_train_route(Relation rel, AlexInfo *info, AlexRoute *route)
{
	alex_drop_route(route);
	alex_refresh_root(rel, info);
	for (uint32 level = 0; level < info->rootlevel; level++)
	{
		Size		bytes;

		if (!alex_fill_route_safely(rel, info, route, level))
			continue;
		bytes = MemoryContextMemAllocated(route->cxt, false);
		if (alex_make_room(route, bytes))
		{
			route->bytes = bytes;
			alex_route_bytes += bytes;
			return;
		}
		alex_drop_route(route);
	}
	/* a tiny or a huge index: try again much later */
	route->threshold = Max(64, route->threshold) * 2;
}

/* ---- routing ---- */

/* Last row of lo..hi-1 that is <= key, lo - 1 if there is none */
static uint32
alex_bisect_fences(Relation rel, const AlexInfo *info, const AlexRoute *route,
				   const AlexKey *key, uint32 lo, uint32 hi)
{
	while (lo < hi)
	{
		uint32		mid = lo + (hi - lo) / 2;

		if (alex_cmp_fields(rel, info, route->fence + (Size) mid * info->nord,
							key) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

/* First row whose leading word is > word, by the models */
static uint32
alex_predict_row(const AlexRoute *route, uint64 word)
{
	uint32		lo = route->from;
	uint32		hi = route->to;

	if (alex_model && route->nnodes > 1)
	{
		uint32		id = 1;

		while (id != 0)
		{
			const AlexNode *node = &route->node[id];
			const AlexSlot *slot;
			uint64		s;

			if (word < node->min)
				return node->from;
			s = (word - node->min) >> node->shift;
			if (s >= node->nslots)
				return node->to;
			slot = &route->slot[node->slot + s];
			lo = slot[0].pos;
			hi = slot[1].pos;
			id = slot[0].child;
		}
	}
	while (hi - lo > 8)
	{
		uint32		mid = lo + (hi - lo) / 2;

		if (route->lead[mid] <= word)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo < hi && route->lead[lo] <= word)
		lo++;
	return lo;
}

static uint32
alex_find_fence(Relation rel, const AlexInfo *info, const AlexRoute *route,
				const AlexKey *key)
{
	uint32		row;
	uint64		word = info->dict ? key->prefix : key->f[1];

	if (key->plusinf)
		return route->n - 1;
	if (route->to == route->from ||
		(info->dict ? !key->hasprefix :
		 key->f[0] != (info->column[0].nullsfirst ? 1 : 0)))
		return alex_bisect_fences(rel, info, route, key, 1, route->n);
	row = alex_predict_row(route, word);
	if (row > route->from && route->lead[row - 1] == word)
		return alex_bisect_fences(rel, info, route, key, route->from, row);
	return row - 1;
}

/*
 * alex_route: guess of the page for key, and that page's level
 *
 * slot is what alex_route_learn wants; recent a buffer to try first.
 */
BlockNumber
alex_route(Relation rel, AlexInfo *info, const AlexKey *key, uint32 *slot,
		   Buffer *recent, uint32 *level)
{
	AlexRoute  *route;

	if (alex_cache_size == 0 || info->rootlevel == 0)
		return InvalidBlockNumber;
	route = alex_get_route(rel);
	if (route->cxt == NULL)
	{
		if (++route->descents < route->threshold)
			return InvalidBlockNumber;
		alex_train_route(rel, info, route);
	}
	else if (route->stale > 16 + route->n / 16)
		alex_train_route(rel, info, route);
	if (route->cxt == NULL)
		return InvalidBlockNumber;
	route->used = ++alex_route_clock;
	*slot = alex_find_fence(rel, info, route, key);
	*recent = (route->hits % ALEX_TOUCH_EVERY) != 0 ?
		route->recent[*slot] : InvalidBuffer;
	*level = route->level;
	return route->blk[*slot];
}

/*
 * alex_route_learn: the page that the guess should have been
 */
void
alex_route_learn(Relation rel, uint32 slot, BlockNumber guessed,
				 BlockNumber actual, Buffer buf)
{
	AlexRoute  *route = alex_get_route(rel);

	if (slot >= route->n)
		return;
	if (guessed == actual)
	{
		route->hits++;
		route->recent[slot] = buf;
		return;
	}
	route->misses++;
	route->stale++;
	/* an index that grows at its end: follow the end */
	if (slot == route->n - 1)
	{
		route->blk[slot] = actual;
		route->recent[slot] = buf;
		route->stale--;
	}
}

/*
 * alex_route_forget: drops the cache of a storage that is built anew
 */
void
alex_route_forget(RelFileNumber relnumber)
{
	HASH_SEQ_STATUS seq;
	AlexRoute  *route;

	if (alex_routes == NULL)
		return;
	hash_seq_init(&seq, alex_routes);
	while ((route = hash_seq_search(&seq)) != NULL)
	{
		if (OmenRelNumber(route->locator) == relnumber)
			alex_drop_route(route);
	}
}

/*
 * alex_route_counters: this backend's hits, misses and memory for rel
 */
void
alex_route_counters(Relation rel, uint64 *hits, uint64 *misses, Size *bytes)
{
	AlexRoute  *route = alex_get_route(rel);

	*hits = route->hits;
	*misses = route->misses;
	*bytes = route->bytes;
}
