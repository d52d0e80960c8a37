/*-------------------------------------------------------------------------
 *
 * alexroute.c
 *	  The backend-local routing cache: straight from a key to its leaf.
 *
 * Per index an array holds the low fences of all pages of one level, and others
 * their block numbers and the buffers in which they were seen last.  Above the
 * array stands a tree of linear models, as the inner nodes of ALEX are: a node
 * divides its key range into equal slots, so that the slot is computed, and a
 * slot that holds too many fences gets a node of its own.  Skewed keys make
 * the tree deeper where they are dense.
 *
 * A node's model works on one word of the keys, the first in which its fences
 * differ: a column's word, or eight bytes of a text.  What comes before it is
 * the same in all fences of the node, as in a trie, and compared once.
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
#include "port/pg_bswap.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

int			alex_cache_size = 65536;

#define ALEX_SLOT_FENCES	8	/* more fences than this get a node */
#define ALEX_MAX_FANOUT		(1 << 18)
#define ALEX_MAX_NESTING	100 /* nodes above each other */

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
	uint32		depth;			/* word: number of its field, or byte offset */
	uint32		slot;			/* first of nslots + 1 in the slots array */
	uint32		nslots;			/* 0: no model, bisect */
	uint32		shift;
} AlexNode;

/* Where a row leads to */
typedef struct AlexTarget
{
	BlockNumber blk;
	Buffer		recent;			/* buffer in which it was seen last */
	uint32		extent;			/* leaf: offset at which its entries ended
								 * then */
} AlexTarget;

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
	uint64	   *lead;			/* word of each row at its lowest node's depth */
	AlexTarget *target;
	bool		model;			/* made with models */
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

/*---- the registry ---- */

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

/*---- building: fences ---- */

/* Arrays that grow while the level above is read */
typedef struct AlexFences
{
	uint32		n;
	uint32		max;
	uint64	   *fence;
	AlexTarget *target;
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
		f->target = repalloc_huge(f->target, sizeof(AlexTarget) * (Size) f->max);
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
	f->target[f->n].blk = (BlockNumber) row[AlexFieldChild(info)];
	f->target[f->n].recent = InvalidBuffer;
	f->target[f->n].extent = 0;
	f->n++;
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
	f->target = palloc(sizeof(AlexTarget) * f->max);
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
		if (f->imagebytes + f->n * (sizeof(uint64) * (info->nord + 2) + sizeof(AlexTarget) + 8) > limit)
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

/*---- building: models ---- */

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

static inline const uint64 *
alex_route_row(const AlexInfo *info, const AlexRoute *route, uint32 row)
{
	return route->fence + (Size) row * info->nord;
}

/* Bytes of a row; only for rows that alex_has_words has seen */
static inline void
alex_row_bytes(const AlexInfo *info, const AlexRoute *route, uint32 row,
			   const char **bytes, uint32 *nbytes)
{
	IndexTuple	image = (IndexTuple) (uintptr_t) alex_route_row(info, route, row)[0];

	if (!alex_leading_bytes(info, image, bytes, nbytes))
		*nbytes = 0;
}

/* Eight of len bytes from depth on as a word, zeros after the end */
static inline uint64
alex_bytes_word(const AlexInfo *info, const char *bytes, uint32 len,
				uint32 depth)
{
	uint64		word = 0;

	if (len >= depth + sizeof(word))
	{
		memcpy(&word, bytes + depth, sizeof(word));
		word = pg_ntoh64(word);
	}
	else
	{
		for (uint32 i = 0; depth + i < len; i++)
			word |= (uint64) (uint8) bytes[depth + i] << (56 - 8 * i);
	}
	return info->bytesdesc ? ~word : word;
}

static uint64
alex_row_word(const AlexInfo *info, const AlexRoute *route, uint32 row,
			  uint32 depth)
{
	const char *bytes;
	uint32		nbytes;

	if (!info->dict)
		return alex_route_row(info, route, row)[depth];
	alex_row_bytes(info, route, row, &bytes, &nbytes);
	return alex_bytes_word(info, bytes, nbytes, depth);
}

/* Where rows a and b, the ends of a range, first differ; -1 if nowhere */
static int
alex_split_depth(const AlexInfo *info, const AlexRoute *route, uint32 a,
				 uint32 b)
{
	const char *bytes[2];
	uint32		nbytes[2];
	uint32		depth = 0;

	if (!info->dict)
	{
		const uint64 *f = alex_route_row(info, route, a);
		const uint64 *g = alex_route_row(info, route, b);

		while (depth < info->nord && f[depth] == g[depth])
			depth++;
		return depth < info->nord ? (int) depth : -1;
	}
	alex_row_bytes(info, route, a, &bytes[0], &nbytes[0]);
	alex_row_bytes(info, route, b, &bytes[1], &nbytes[1]);
	while (depth < Min(nbytes[0], nbytes[1]) &&
		   bytes[0][depth] == bytes[1][depth])
		depth++;
	return alex_bytes_word(info, bytes[0], nbytes[0], depth) !=
		alex_bytes_word(info, bytes[1], nbytes[1], depth) ? (int) depth : -1;
}

/* Do all fences have words to route by? */
static bool
alex_has_words(const AlexInfo *info, const AlexRoute *route)
{
	const char *bytes;
	uint32		nbytes;

	for (uint32 i = 1; info->dict && i < route->n; i++)
	{
		IndexTuple	image = (IndexTuple) (uintptr_t) alex_route_row(info, route, i)[0];

		if (!alex_leading_bytes(info, image, &bytes, &nbytes))
			return false;
	}
	return true;
}

static uint32 alex_train_node(const AlexInfo *info, AlexRoute *route,
							  uint32 from, uint32 to, int depth, int nesting);

/* Divides node id's fences into slots, and crowded slots among more nodes. */
static void
alex_train_slots(const AlexInfo *info, AlexRoute *route, uint32 id,
				 int nesting)
{
	AlexNode	node = route->node[id];
	uint32		at = node.from;

	for (uint32 s = 0; s <= node.nslots; s++)
	{
		while (at < node.to &&
			   ((route->lead[at] - node.min) >> node.shift) < s)
			at++;
		route->slot[node.slot + s].pos = at;
		route->slot[node.slot + s].child = 0;
	}
	for (uint32 s = 0; s < node.nslots; s++)
	{
		uint32		a = route->slot[node.slot + s].pos;
		uint32		b = route->slot[node.slot + s + 1].pos;

		if (b - a > ALEX_SLOT_FENCES)
		{
			uint32		child = alex_train_node(info, route, a, b, node.depth,
												nesting + 1);

			route->slot[node.slot + s].child = child;
		}
	}
}

/*
 * Makes a node for fences from..to-1, whose lead is that of depth, and
 * recursively for crowded slots.  Returns its number, 0 if a node would not
 * divide them.
 */
static uint32
alex_train_node(const AlexInfo *info, AlexRoute *route, uint32 from, uint32 to,
				int depth, int nesting)
{
	uint32		want = Min(to - from, ALEX_MAX_FANOUT);
	uint64		range;
	uint32		id;
	AlexNode   *node;

	if (nesting > ALEX_MAX_NESTING)
		return 0;
	if (depth < 0 || route->lead[from] == route->lead[to - 1])
	{
		depth = alex_split_depth(info, route, from, to - 1);
		if (depth < 0)
			return 0;
		for (uint32 i = from; i < to; i++)
			route->lead[i] = alex_row_word(info, route, i, depth);
	}
	range = route->lead[to - 1] - route->lead[from];
	id = alex_add_node(route);
	node = &route->node[id];
	node->min = route->lead[from];
	node->from = from;
	node->to = to;
	node->depth = depth;
	node->shift = Max(0, pg_leftmost_one_pos64(range) - pg_leftmost_one_pos32(want));
	node->nslots = node->slot = 0;
	if (route->model)
	{
		node->nslots = (uint32) (range >> node->shift) + 1;
		node->slot = alex_add_slots(route, node->nslots + 1);
		alex_train_slots(info, route, id, nesting);
	}
	return id;
}

/* Makes the tree above the fences, if they differ in words. */
static void
alex_train_models(const AlexInfo *info, AlexRoute *route)
{
	route->model = alex_model;
	route->nnodes = route->nslots = 0;
	route->maxnodes = route->maxslots = 0;
	route->node = NULL;
	route->slot = NULL;
	route->lead = NULL;
	alex_add_node(route);		/* node 0 means none */
	if (route->n < 3 || !alex_has_words(info, route))
		return;
	route->lead = palloc_extended(sizeof(uint64) * (Size) route->n,
								  MCXT_ALLOC_HUGE);
	alex_train_node(info, route, 1, route->n, -1, 0);
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
	route->target = fences.target;
	alex_train_models(info, route);
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

/* What a cache knows of leaves, by their block numbers; NULL if it does not */
static AlexTarget *
alex_known_leaves(const AlexRoute *route, BlockNumber nblocks)
{
	AlexTarget *known;

	if (route->cxt == NULL || route->level > 0)
		return NULL;
	known = palloc_extended(sizeof(AlexTarget) * (Size) nblocks,
							MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 i = 0; i < route->n; i++)
	{
		if (route->target[i].blk < nblocks)
			known[route->target[i].blk] = route->target[i];
	}
	return known;
}

/* Takes that over into a new cache. */
static void
alex_recall_leaves(AlexRoute *route, const AlexTarget *known,
				   BlockNumber nblocks)
{
	if (known == NULL || route->level > 0)
		return;
	for (uint32 i = 0; i < route->n; i++)
	{
		AlexTarget *target = &route->target[i];

		if (target->blk < nblocks)
		{
			target->recent = known[target->blk].recent;
			target->extent = known[target->blk].extent;
		}
	}
}

/*
 * Makes the cache for an index: of its leaves if they fit the limit, else of
 * the lowest level that does.
 */
static void
alex_train_route(Relation rel, AlexInfo *info, AlexRoute *route)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	AlexTarget *known = alex_known_leaves(route, nblocks);

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
			alex_recall_leaves(route, known, nblocks);
			break;
		}
		alex_drop_route(route);
	}
	/* a tiny or a huge index: try again much later */
	if (route->cxt == NULL)
		route->threshold = Max(64, route->threshold) * 2;
	if (known != NULL)
		pfree(known);
}

/*---- routing ---- */

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

/* Narrows *lo..*hi to the rows whose lead is word; few of them or many */
static inline void
alex_narrow_rows(const AlexRoute *route, uint64 word, uint32 *lo, uint32 *hi)
{
	const uint64 *lead = route->lead;
	uint32		a = *lo;
	uint32		b = *hi;

	while (b - a > ALEX_SLOT_FENCES)
	{
		uint32		mid = a + (b - a) / 2;

		if (lead[mid] < word)
			a = mid + 1;
		else
			b = mid;
	}
	while (a < b && lead[a] < word)
		a++;
	*lo = a;
	if (a == *hi || lead[a] > word)
		*hi = a;
	else if (*hi - a <= ALEX_SLOT_FENCES)
	{
		for (b = a; b < *hi && lead[b] == word;)
			b++;
		*hi = b;
	}
}

/*
 * Words known..depth-1 of a key against a node's, which its fences share:
 * -1 if the key is below them all, 1 if above
 */
static inline int
alex_cmp_shared(const AlexInfo *info, const AlexRoute *route,
				const AlexNode *node, const AlexKey *key, uint32 known)
{
	const char *bytes;
	uint32		nbytes;
	int			cmp;

	if (!info->dict)
	{
		const uint64 *f = alex_route_row(info, route, node->from);

		for (; known < node->depth; known++)
		{
			if (key->f[known] != f[known])
				return key->f[known] < f[known] ? -1 : 1;
		}
		return 0;
	}
	if (known >= node->depth)
		return 0;
	alex_row_bytes(info, route, node->from, &bytes, &nbytes);
	cmp = memcmp(key->bytes + known, bytes + known,
				 Max(Min(key->nbytes, node->depth), known) - known);
	if (cmp == 0 && key->nbytes < node->depth)
		cmp = -1;
	return info->bytesdesc ? -cmp : cmp;
}

/*
 * Narrows *lo..*hi, in which the first row > key lies: by the models, and then
 * by the word of the last of them, which is returned.
 */
static uint64
alex_predict_rows(const AlexInfo *info, const AlexRoute *route,
				  const AlexKey *key, uint32 *lo, uint32 *hi)
{
	uint32		known = 0;
	uint32		id = 1;
	uint64		word = 0;

	while (id != 0)
	{
		const AlexNode *node = &route->node[id];
		const AlexSlot *slot;
		int			cmp = alex_cmp_shared(info, route, node, key, known);
		uint64		s;

		*lo = node->from;
		*hi = node->to;
		known = node->depth;
		word = info->dict ?
			alex_bytes_word(info, key->bytes, key->nbytes, known) : key->f[known];
		if (cmp < 0 || (cmp == 0 && word < node->min))
		{
			*hi = *lo;
			return word;
		}
		s = (word - node->min) >> node->shift;
		if (cmp == 0 && node->nslots == 0)
			break;
		if (cmp > 0 || s >= node->nslots)
		{
			*lo = *hi;
			return word;
		}
		slot = &route->slot[node->slot + s];
		*lo = slot[0].pos;
		*hi = slot[1].pos;
		id = slot[0].child;
	}
	alex_narrow_rows(route, word, lo, hi);
	return word;
}

/*
 * Offset in the page of row's leaf at which entries with word are expected, if
 * they lie evenly between the fences; 0 if that is not known
 */
static inline uint32
alex_predict_place(const AlexInfo *info, const AlexRoute *route, uint32 row,
				   uint64 word)
{
	uint64		low;
	uint64		high;
	uint32		start;

	if (!route->model || info->dict || row == 0 || row + 1 >= route->n ||
		route->target[row].extent == 0)
		return 0;
	low = route->lead[row];
	high = route->lead[row + 1];
	if (word < low || word >= high)
		return 0;
	start = alex_bits_offset(info->nleaf, info->nord);
	return start + (uint32) ((double) (int64) ((word - low) >> 1) /
							 (double) (int64) ((high - low) >> 1) *
							 (route->target[row].extent - start));
}

static uint32
alex_find_fence(Relation rel, const AlexInfo *info, const AlexRoute *route,
				const AlexKey *key, uint32 *place)
{
	uint32		lo = 1;
	uint32		hi = route->n;
	uint32		row;
	uint64		word;

	*place = 0;
	if (key->plusinf)
		return route->n - 1;
	if (route->nnodes <= 1 || (info->dict && !key->hasbytes))
		return alex_bisect_fences(rel, info, route, key, lo, hi);
	word = alex_predict_rows(info, route, key, &lo, &hi);
	row = alex_bisect_fences(rel, info, route, key, lo, hi);
	*place = alex_predict_place(info, route, row, word);
	return row;
}

/*
 * alex_route: guess of the page for key, and that page's level
 *
 * slot is what alex_route_learn wants; recent a buffer to try first; place
 * an offset in a leaf near which the key is expected, or 0.
 */
BlockNumber
alex_route(Relation rel, AlexInfo *info, const AlexKey *key, uint32 *slot,
		   Buffer *recent, uint32 *place, uint32 *level)
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
	else if (route->stale > 16 + route->n / 16 || route->model != alex_model)
		alex_train_route(rel, info, route);
	if (route->cxt == NULL)
		return InvalidBlockNumber;
	route->used = ++alex_route_clock;
	*slot = alex_find_fence(rel, info, route, key, place);
	*recent = (route->hits % ALEX_TOUCH_EVERY) != 0 ?
		route->target[*slot].recent : InvalidBuffer;
	*level = route->level;
	return route->target[*slot].blk;
}

/*
 * alex_route_learn: the page that the guess should have been; extent is where
 * its entries end
 */
void
alex_route_learn(Relation rel, uint32 slot, BlockNumber guessed,
				 BlockNumber actual, Buffer buf, uint32 extent)
{
	AlexRoute  *route = alex_get_route(rel);

	if (slot >= route->n)
		return;
	if (guessed == actual)
	{
		route->hits++;
		route->target[slot].recent = buf;
		route->target[slot].extent = extent;
		return;
	}
	route->misses++;
	route->stale++;
	/* an index that grows at its end: follow the end */
	if (slot == route->n - 1)
	{
		route->target[slot].blk = actual;
		route->target[slot].recent = buf;
		route->target[slot].extent = 0;
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
