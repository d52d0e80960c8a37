/*-------------------------------------------------------------------------
 *
 * test_aggregate_groups.c
 *		Groups of rows by words and tags, found in a direct array or by
 *		hashing, against a search through all groups.
 *
 * usage: test_aggregate_groups [seed]
 *
 *-------------------------------------------------------------------------
 */
/* needs: src/aggregate/agggroup.c src/aggregate/aggtable.c */
/* needs: src/column/columnpack.c */
#include "postgres.h"

#include "utils/memutils.h"

#include "aggregate/aggnode.h"
#include "unit.h"
#include "unit_server.h"

#define KEYS		3
#define BATCHES		40
#define MOST_GROUPS 60000

static uint64_t seed = 1;

/*---- what the table needs of the server and of keys ---- */

void *
MemoryContextAlloc(MemoryContext context, Size size)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	void	   *result = palloc(size);

	MemoryContextSwitchTo(old);
	return result;
}

void *
MemoryContextAllocHuge(MemoryContext context, Size size)
{
	return MemoryContextAlloc(context, size);
}

void
MemoryContextReset(MemoryContext context)
{
}

bool
agg_key_has_shown(const AggKey *key)
{
	return key->shown != NULL;
}

void
agg_key_reset(AggKey *key)
{
}

/*---- an aggregate that counts ---- */

static void
count_init(const AggSpec *spec, void *state)
{
	*(int64 *) state = 0;
}

static const AggFunction count_function = {
	.name = "count",
	.size = sizeof(int64),
	.init = count_init
};

static AggTable *
make_table(int nkeys, Size limit)
{
	AggTable   *t = agg_table_create(nkeys, 1, limit, NULL);
	int			k;

	/* until free_table() */
	MemoryContextSwitchTo(t->context);
	for (k = 0; k < nkeys; k++)
	{
		AggKey	   *key = &t->keys[k];

		key->room = palloc0(COLUMN_VECTOR * sizeof(int64));
		key->tags = palloc0(COLUMN_VECTOR);
		key->words = key->room;
		if (k == 1)
			key->shown = palloc0(COLUMN_VECTOR * sizeof(int64));
	}
	t->specs[0].function = &count_function;
	agg_table_ready(t);
	return t;
}

static void
free_table(AggTable *t)
{
	MemoryContext context = t->context;

	MemoryContextSwitchTo(NULL);
	MemoryContextDelete(t->states_context);
	MemoryContextDelete(t->values_context);
	MemoryContextDelete(context);
}

/*---- rows ---- */

/* What words of a key look like */
typedef struct Shape
{
	int64		low;
	uint64		range;			/* 0: any word */
	int			nulls;			/* of 100 rows */
	bool		bounded;
	int			run;			/* rows with the same word in a row */
} Shape;

static Shape
random_shape(void)
{
	static const uint64 ranges[] = {1, 2, 7, 100, 1000, 70000, 0};
	Shape		s;

	s.range = ranges[unit_random(&seed) % lengthof(ranges)];
	s.low = unit_random(&seed) % 2 ? (int64) (unit_random(&seed) % 1000) - 500 :
		(int64) unit_random(&seed) / 2;
	s.nulls = unit_random(&seed) % 3 == 0 ? 20 : 0;
	s.bounded = s.range != 0 && unit_random(&seed) % 4 > 0;
	s.run = unit_random(&seed) % 3 == 0 ? 300 : 1;
	return s;
}

static void
fill_key(AggKey *key, const Shape *s, int n)
{
	int			i;

	key->has_tags = false;
	for (i = 0; i < n; i++)
	{
		int64		word = unit_random(&seed);

		if (s->range > 0)
			word = s->low + (int64) ((uint64) word % s->range);
		if (i % s->run != 0)
			word = key->room[i - 1];
		key->room[i] = word;
		key->tags[i] = (int) (unit_random(&seed) % 100) < s->nulls;
		if (i % s->run != 0)
			key->tags[i] = key->tags[i - 1];
		if (key->tags[i] == AGG_TAG_NULL)
			key->room[i] = 0;
		key->has_tags |= key->tags[i] != AGG_TAG_VALUE;
		if (key->shown != NULL)
			key->shown[i] = word ^ i;
	}

	/* a null in the middle of a run breaks it */
	key->bounded = s->bounded && (s->run == 1 || s->nulls == 0);
	key->low = s->low;
	key->high = s->low + (int64) s->range - 1;
}

/*---- the model: all groups in the order in which they were met ---- */

typedef struct Model
{
	int			n;
	int64		rows;			/* of all groups */
	int64		words[MOST_GROUPS][KEYS];
	uint8		tags[MOST_GROUPS][KEYS];
	int64		shown[MOST_GROUPS];
	uint32		next[MOST_GROUPS];	/* with the same bucket, + 1 */
	uint32		buckets[4096];	/* by the first word */
} Model;

static Model model;

static int
model_group(const AggTable *t, int row)
{
	uint32	   *bucket = &model.buckets[(uint64) t->keys[0].words[row] % 4096];
	uint32		g;
	int			k;

	for (g = *bucket; g != 0; g = model.next[g - 1])
	{
		for (k = 0; k < t->nkeys; k++)
		{
			if (model.words[g - 1][k] != t->keys[k].words[row] ||
				model.tags[g - 1][k] != t->keys[k].tags[row])
				break;
		}
		if (k == t->nkeys)
			return g - 1;
	}
	for (k = 0; k < t->nkeys; k++)
	{
		model.words[model.n][k] = t->keys[k].words[row];
		model.tags[model.n][k] = t->keys[k].tags[row];
	}
	model.shown[model.n] = t->nkeys > 1 ? t->keys[1].shown[row] : 0;
	model.next[model.n] = *bucket;
	*bucket = ++model.n;
	return model.n - 1;
}

static void
model_clear(void)
{
	model.n = 0;
	model.rows = 0;
	memset(model.buckets, 0, sizeof(model.buckets));
}

/*---- tests ---- */

static void
check_groups(const AggTable *t)
{
	int			k;

	CHECK_EQ(t->ngroups, model.n);
	for (uint32 g = 0; g < t->ngroups; g++)
	{
		for (k = 0; k < t->nkeys; k++)
		{
			CHECK_EQ(agg_table_word(t, g, k), model.words[g][k]);
			CHECK_EQ(agg_table_tag(t, g, k), model.tags[g][k]);
		}
		CHECK_EQ(agg_table_shown(t, g, 0), 0);
		if (t->nkeys > 1)
			CHECK_EQ(agg_table_shown(t, g, 1), model.shown[g]);
	}
}

static void
add_batch(AggTable *t, int n)
{
	int64		total = 0;
	int			i;

	CHECK(agg_table_reserve(t, n, true));
	agg_group_rows(t, n);
	for (i = 0; i < n; i++)
	{
		uint32		group = t->single ? t->groups[0] : t->groups[i];

		CHECK_EQ(group, model_group(t, i));
		*(int64 *) agg_table_state(t, 0, group) += 1;
	}
	for (i = 0; i < (int) t->ngroups; i++)
		total += *(int64 *) agg_table_state(t, 0, i);
	model.rows += n;
	CHECK_EQ(total, model.rows);
}

static void
test_tables(int nkeys)
{
	for (int round = 0; round < 12; round++)
	{
		AggTable   *t = make_table(nkeys, SIZE_MAX / 2);
		Shape		shapes[KEYS];
		int			k;

		model_clear();
		for (k = 0; k < nkeys; k++)
			shapes[k] = random_shape();
		for (int b = 0; b < BATCHES; b++)
		{
			int			n = 1 + (int) (unit_random(&seed) % COLUMN_VECTOR);

			if (unit_random(&seed) % 8 == 0)
				shapes[0].low += unit_random(&seed) % 2 ? 50 : -50;
			if (unit_random(&seed) % 16 == 0)
				shapes[nkeys - 1] = random_shape();
			if (unit_random(&seed) % 20 == 0)
			{
				agg_table_clear(t);
				model_clear();
			}
			for (k = 0; k < nkeys; k++)
				fill_key(&t->keys[k], &shapes[k], n);
			add_batch(t, n);
		}
		check_groups(t);
		free_table(t);
	}
}

/* A table grows up to its limit, and then says so. */
static void
test_limit(void)
{
	AggTable   *t = make_table(1, 200000);
	AggKey	   *key = &t->keys[0];
	int64		next = 0;

	model_clear();
	key->bounded = false;
	while (agg_table_reserve(t, 100, false))
	{
		for (int i = 0; i < 100; i++)
			key->room[i] = next++;
		agg_group_rows(t, 100);
		if (next > 100000)
			break;
	}
	CHECK(next < 200000 / 24);
	CHECK(next > 200000 / 100);
	CHECK_EQ(t->ngroups, next);
	CHECK(t->peak <= 200000);
	agg_table_clear(t);
	CHECK_EQ(t->ngroups, 0);
	CHECK(agg_table_reserve(t, 100, false));
	free_table(t);
}

/* A word outside of the range that was promised must not be followed. */
static void
test_range(void)
{
	AggTable   *t = make_table(1, 1000000);
	AggKey	   *key = &t->keys[0];

	key->room[0] = 1;
	key->room[1] = 1000000;
	key->bounded = true;
	key->low = 1;
	key->high = 10;
	CHECK(agg_table_reserve(t, 2, true));
	CHECK(UNIT_RAISES(agg_group_rows(t, 2)));
	free_table(t);
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		seed = strtoull(argv[1], NULL, 10);
	test_tables(1);
	unit_done("one key");
	test_tables(2);
	unit_done("two keys");
	test_tables(KEYS);
	unit_done("three keys");
	test_limit();
	unit_done("limit of memory");
	test_range();
	unit_done("words outside of their range");
	return unit_finish();
}
