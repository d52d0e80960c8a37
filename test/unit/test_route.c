/*-------------------------------------------------------------------------
 *
 * test_route.c
 *		The routing cache: fences read from pages, models, answers.
 *
 * usage: test_route [seed]
 *
 * The index is a stand-in: inner pages at level 1 in an array, whose rows are
 * the low fences of leaves that do not exist.  The right leaf for a key is
 * found by looking at all fences.
 *
 *-------------------------------------------------------------------------
 */
/* needs: src/alex/alexroute.c src/alex/alexpage.c */
#include "postgres.h"

#include <signal.h>
#include <time.h>

#include "alex/alex.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "unit.h"

#define MAX_PAGES	200
#define MAX_FENCES	20000
#define MAX_NORD	6

static uint64_t seed;
static AlexInfo info;
static RelationData relation[2];
static uint64 fence[MAX_FENCES][MAX_NORD];
static int	nfences;
static int	npages;
static PGAlignedBlock blocks[MAX_PAGES];

/*---- what the server and other files would do ---- */

bool		alex_model = true;
char	   *BufferBlocks = blocks[0].data;
Block	   *LocalBufferBlockPointers = NULL;
volatile	sig_atomic_t InterruptPending = false;

void
ProcessInterrupts(void)
{
}

void
UnlockReleaseBuffer(Buffer buffer)
{
	CHECK(buffer >= 1 && buffer <= npages);
}

BlockNumber
RelationGetNumberOfBlocksInFork(Relation rel, ForkNumber forkNum)
{
	return npages;
}

void
alex_refresh_root(Relation rel, AlexInfo *i)
{
	i->rootlevel = 1;
}

Buffer
alex_get_buffer(Relation rel, BlockNumber blk, int access)
{
	return (Buffer) blk + 1;
}

Buffer
alex_find_page(Relation rel, AlexInfo *i, const AlexKey *key, uint32 level,
			   int access, bool below)
{
	CHECK_EQ(level, 1);
	return 1;
}

void
alex_key_begin(const AlexInfo *i, AlexKey *key)
{
	memset(key, 0, sizeof(AlexKey));
}

void
alex_key_finish(const AlexInfo *i, AlexKey *key, bool after)
{
}

bool
alex_leading_bytes(const AlexInfo *i, IndexTuple itup, const char **bytes,
				   uint32 *nbytes)
{
	abort();
}

int
alex_cmp_fields(Relation rel, const AlexInfo *i, const uint64 *f,
				const AlexKey *key)
{
	if (key->plusinf)
		return -1;
	for (int k = 0; k < i->nord; k++)
	{
		if (f[k] != key->f[k])
			return f[k] < key->f[k] ? -1 : 1;
	}
	return 0;
}

/* A hash table that is a list */
static char *hash_entry[64];
static int	hash_entries;
static HASHCTL hash_control;

HTAB *
hash_create(const char *tabname, long nelem, const HASHCTL *ctl, int flags)
{
	hash_control = *ctl;
	return (HTAB *) hash_entry;
}

void *
hash_search(HTAB *table, const void *key, HASHACTION action, bool *found)
{
	*found = true;
	for (int i = 0; i < hash_entries; i++)
	{
		if (memcmp(hash_entry[i], key, hash_control.keysize) == 0)
			return hash_entry[i];
	}
	*found = false;
	if (hash_entries == lengthof(hash_entry))
		abort();
	hash_entry[hash_entries] = malloc(hash_control.entrysize);
	memset(hash_entry[hash_entries], 0xEE, hash_control.entrysize);
	memcpy(hash_entry[hash_entries], key, hash_control.keysize);
	return hash_entry[hash_entries++];
}

void
hash_seq_init(HASH_SEQ_STATUS *status, HTAB *table)
{
	status->curBucket = 0;
}

void *
hash_seq_search(HASH_SEQ_STATUS *status)
{
	return status->curBucket < hash_entries ?
		hash_entry[status->curBucket++] : NULL;
}

/*---- an index ---- */

static uint64
number(uint64 below)
{
	return unit_random(&seed) % below;
}

/* The leading word of a fence, by the kind of distribution */
static uint64
random_lead(int kind)
{
	uint64		v = unit_random(&seed);

	switch (kind)
	{
		case 0:
			return v;
		case 1:					/* many small ones */
			return v >> number(64);
		case 2:					/* few values */
			return v % 5 * (PG_UINT64_MAX / 4);
		case 3:					/* crowds at few places, crowds within them */
			return (v % 4 << 62) + (v % 7 << 30) + (v >> 40);
		case 4:					/* serial */
			return (UINT64CONST(1) << 63) + v % (10 * MAX_FENCES);
		default:
			return 42;
	}
}

static int
compare_fences(const void *a, const void *b)
{
	const uint64 *x = a;
	const uint64 *y = b;

	for (int f = 0; f < MAX_NORD; f++)
	{
		if (x[f] != y[f])
			return x[f] < y[f] ? -1 : 1;
	}
	return 0;
}

/* Fields of a fence, or of a key: null flag, word, [flag, word], blk, off */
static void
random_fields(int kind, uint64 *f)
{
	uint64		notnull = info.column[0].nullsfirst ? 1 : 0;

	memset(f, 0, sizeof(uint64) * MAX_NORD);
	f[0] = number(20) == 0 ? 1 - notnull : notnull;
	f[1] = f[0] == notnull ? random_lead(kind) : 0;
	for (int k = 2; k < info.nord; k++)
		f[k] = kind == 6 ? random_lead(k) : number(4);
}

/* Puts the fences on pages at level 1. */
static void
write_pages(void)
{
	static uint64 rows[MAX_FENCES * (MAX_NORD + 1)];
	int			at = 0;

	for (int i = 0; i < nfences; i++)
	{
		memcpy(rows + i * info.ninner, fence[i], sizeof(uint64) * info.nord);
		rows[i * info.ninner + info.nord] = 1000 + i;
	}
	for (npages = 0; at < nfences; npages++)
	{
		const uint64 *row = rows + at * info.ninner;
		AlexSpec	spec = {0};
		int			n;

		spec.nfields = info.ninner;
		spec.nord = info.nord;
		spec.deadfield = ALEX_NO_DEADFIELD;
		spec.level = 1;
		spec.low.inf = at == 0;
		memcpy(spec.low.f, row, sizeof(uint64) * info.nord);
		n = alex_rows_fit(&spec, row, Min(nfences - at, ALEX_MAX_ENTRIES),
						  alex_spec_space(&spec));
		at += n;
		spec.high.inf = at == nfences;
		if (at < nfences)
			memcpy(spec.high.f, rows + at * info.ninner, sizeof(uint64) * info.nord);
		spec.left = npages == 0 ? InvalidBlockNumber : npages - 1;
		spec.right = at == nfences ? InvalidBlockNumber : npages + 1;
		if (npages == MAX_PAGES ||
			!alex_page_encode(blocks[npages].data, &spec, row, n))
			abort();
	}
}

static void
random_columns(void)
{
	memset(&info, 0, sizeof(info));
	info.nkeyatts = info.natts = 1 + (int) number(2);
	info.column[0].nullsfirst = number(2) != 0;
	info.nkey = 2 * info.nkeyatts;
	info.nord = info.nkey + 2;
	info.nleaf = info.ninner = info.nord + 1;
	info.rootlevel = 1;
}

static void
make_index(int kind, int n)
{
	nfences = n;
	for (int i = 0; i < n; i++)
		random_fields(kind, fence[i]);
	qsort(fence, n, sizeof(fence[0]), compare_fences);
	memset(fence[0], 0, sizeof(fence[0]));
	write_pages();
}

/* A new relation, so that nothing is cached */
static Relation
make_relation(int i)
{
	static uint32 last;

	memset(&relation[i], 0, sizeof(RelationData));
	relation[i].rd_id = ++last;
	memset(&OmenRelLocator(&relation[i]), 0, sizeof(RelFileLocator));
	OmenRelNumber(OmenRelLocator(&relation[i])) = last;
	return &relation[i];
}

static void
forget_all(void)
{
	for (int i = 0; i < 2; i++)
		alex_route_forget(OmenRelNumber(OmenRelLocator(&relation[i])));
}

static void
random_key(int kind, AlexKey *key)
{
	memset(key, 0, sizeof(AlexKey));
	key->plusinf = number(50) == 0;
	random_fields(kind, key->f);
	if (number(2) == 0)
		memcpy(key->f, fence[number(nfences)], sizeof(fence[0]));
	switch (number(6))
	{
		case 0:
			key->f[1 + number(info.nord - 1)]++;
			break;
		case 1:
			key->f[1 + number(info.nord - 1)]--;
			break;
		case 2:					/* columns that are not given */
			for (int f = 2 + (int) number(2); f < info.nord; f++)
				key->f[f] = 0;
			break;
		case 3:
			for (int f = 2 + (int) number(2); f < info.nord; f++)
				key->f[f] = PG_UINT64_MAX;
			break;
		default:
			break;
	}
}

/* The last fence that is not above the key */
static int
linear_route(const AlexKey *key)
{
	int			i = nfences - 1;

	while (i > 0 && alex_cmp_fields(NULL, &info, fence[i], key) > 0)
		i--;
	return i;
}

/* Asks until the cache is made; returns the number of questions. */
static int
train(Relation rel, int most)
{
	AlexKey		key;
	int			asked = 0;
	uint32		slot;
	uint32		place;
	uint32		level;
	Buffer		recent;

	memset(&key, 0, sizeof(key));
	do
	{
		if (++asked > most)
			break;
	} while (alex_route(rel, &info, &key, &slot, &recent, &place, &level) == InvalidBlockNumber);
	return asked;
}

/*---- tests ---- */

static void
check_answers(Relation rel, int kind, int times)
{
	for (int i = 0; i < times; i++)
	{
		AlexKey		key;
		uint32		slot;
		uint32		place;
		uint32		level;
		Buffer		recent;
		int			want;

		random_key(kind, &key);
		want = linear_route(&key);
		alex_model = i % 4 != 0;
		if (!CHECK_EQ(alex_route(rel, &info, &key, &slot, &recent, &place, &level), 1000 + want))
			return;
		CHECK_EQ(slot, want);
		CHECK_EQ(level, 0);
	}
}

static void
test_answers(void)
{
	static const int size[] = {2, 3, 9, 10, 100, 1000, 5000};

	for (int kind = 0; kind < 7; kind++)
	{
		for (int i = 0; i < lengthof(size); i++)
		{
			Relation	rel;

			random_columns();
			make_index(kind, size[i]);
			rel = make_relation(0);
			CHECK(train(rel, 100) > 1);
			check_answers(rel, kind, 300);
			forget_all();
		}
	}
	unit_done("every key is routed to the leaf that its fences say");
}

/* Hits are counted, a grown end is followed, and too many misses train anew. */
static void
test_learning(void)
{
	Relation	rel;
	AlexKey		key = {0};
	uint32		slot;
	uint32		place;
	uint32		level;
	Buffer		recent;
	uint64		hits;
	uint64		misses;
	Size		bytes;

	random_columns();
	make_index(0, 1000);
	rel = make_relation(0);
	train(rel, 100);
	key.plusinf = true;
	CHECK_EQ(alex_route(rel, &info, &key, &slot, &recent, &place, &level), 1999);
	alex_route_learn(rel, slot, 1999, 5000, 7, 8000);
	CHECK_EQ(alex_route(rel, &info, &key, &slot, &recent, &place, &level), 5000);
	alex_route_learn(rel, slot, 5000, 5000, 7, 8000);
	alex_route(rel, &info, &key, &slot, &recent, &place, &level);
	CHECK_EQ(recent, 7);
	alex_route_counters(rel, &hits, &misses, &bytes);
	CHECK_EQ(hits, 1);
	CHECK_EQ(misses, 1);
	CHECK(bytes > 1000 * info.nord * sizeof(uint64));

	/* every leaf was split */
	make_index(0, 2000);
	for (int i = 0; i < 200; i++)
	{
		random_key(0, &key);
		key.plusinf = false;
		alex_route(rel, &info, &key, &slot, &recent, &place, &level);
		if (slot % 1000 != 999) /* not the end, which is followed */
			alex_route_learn(rel, slot, 1000 + slot, 1, 1, 8000);
		/* the old fences until there are too many misses */
		CHECK(i >= 30 || slot < 1000);
	}
	alex_route_learn(rel, 5000000, 1, 2, 3, 8000);
	for (int i = 0; i < 200; i++)
	{
		random_key(0, &key);
		if (key.plusinf)
			continue;
		CHECK_EQ(alex_route(rel, &info, &key, &slot, &recent, &place, &level),
				 1000 + linear_route(&key));
	}
	alex_route_forget(OmenRelNumber(OmenRelLocator(rel)));
	alex_route_counters(rel, &hits, &misses, &bytes);
	CHECK_EQ(bytes, 0);
	forget_all();
	unit_done("misses teach");
}

/* Where in its leaf is a key? Between what is in front of entries and their end */
static void
test_place(void)
{
	uint32		start;
	Relation	rel;
	uint32		slot;
	uint32		place;
	uint32		level;
	Buffer		recent;
	int			known = 0;

	random_columns();
	make_index(0, 1000);
	start = alex_bits_offset(info.nleaf, info.nord);
	rel = make_relation(0);
	alex_model = true;
	train(rel, 100);
	for (int i = 0; i < 5000; i++)
	{
		AlexKey		key;
		BlockNumber blk;

		random_key(0, &key);
		blk = alex_route(rel, &info, &key, &slot, &recent, &place, &level);
		CHECK(place == 0 || (place >= start && place <= 8000));
		known += place > 0;
		alex_route_learn(rel, slot, blk, blk, 7, 8000);
	}
	CHECK(known > 1000);
	alex_model = false;
	for (int i = 0; i < 100; i++)
	{
		AlexKey		key;

		random_key(0, &key);
		alex_route(rel, &info, &key, &slot, &recent, &place, &level);
		CHECK_EQ(place, 0);
	}
	alex_model = true;
	forget_all();
	unit_done("the place in a leaf is inside of it");
}

/* The limit: too small for one index, enough for one but not for two */
static void
test_limit(void)
{
	Relation	a;
	Relation	b;
	uint64		hits;
	uint64		misses;
	Size		bytes[2];
	int			limit = alex_cache_size;

	random_columns();
	make_index(0, 3000);
	a = make_relation(0);
	b = make_relation(1);
	alex_cache_size = 64;
	CHECK(train(a, 2000) > 2000);
	alex_route_counters(a, &hits, &misses, &bytes[0]);
	CHECK_EQ(bytes[0], 0);
	alex_cache_size = 0;
	CHECK(train(a, 100) > 100);

	alex_cache_size = limit;
	forget_all();
	a = make_relation(0);
	train(a, 100);
	alex_route_counters(a, &hits, &misses, &bytes[0]);
	CHECK(bytes[0] > 0);
	alex_cache_size = (int) (bytes[0] * 3 / 2 / 1024);
	train(b, 100);
	alex_route_counters(b, &hits, &misses, &bytes[1]);
	CHECK(bytes[1] > 0);
	alex_route_counters(a, &hits, &misses, &bytes[0]);
	CHECK_EQ(bytes[0], 0);
	check_answers(b, 0, 50);
	alex_cache_size = limit;
	forget_all();
	unit_done("the limit of memory");
}

int
main(int argc, char **argv)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = argc > 1 ? strtoull(argv[1], NULL, 10) :
		(uint64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
	printf("# %s %" PRIu64 " repeats this run\n", argv[0], seed);
	test_answers();
	test_learning();
	test_place();
	test_limit();
	return unit_finish();
}
