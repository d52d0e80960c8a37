/*-------------------------------------------------------------------------
 *
 * agggroup.c
 *	  Finds the groups of the rows of a batch.
 *
 * Keys with few possible values need no hashing: each combination of words has
 * a place in an array, which has the number of its group.  The array is made
 * for the range of the keys' words in the batch, together with that of the
 * batches before if both fit, so that it soon stays as it is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "column/columncodec.h"
#include "aggregate/aggnode.h"

#define GROUP_KERNEL	static CODEC_KERNEL

#define DIRECT_MAX		65536	/* places */
#define DIRECT_EASE		64		/* places that one row pays for */

#define PREFETCH_AHEAD	8

/*---- words ---- */

GROUP_KERNEL void
add_tags(int64 *out, const uint8 *tags, int n, int shift)
{
	for (int i = 0; i < n; i++)
		out[i] |= (int64) tags[i] << shift;
}

/* The tags of all keys in words; they stay zero as long as there are none */
static void
set_tags(AggTable *t, int n)
{
	int			k;

	if (t->tags_used)
		memset(t->tags, 0, t->ntags * COLUMN_VECTOR * sizeof(int64));
	t->tags_used = false;
	for (k = 0; k < t->nkeys; k++)
	{
		const AggKey *key = &t->keys[k];
		int64	   *tags = t->tags + k / 32 * COLUMN_VECTOR;
		int			shift = k % 32 * 2;

		if (!key->has_tags)
			continue;
		t->tags_used = true;
		add_tags(tags, key->tags, n, shift);
	}
}

static void
set_columns(AggTable *t, int n)
{
	int			k;

	set_tags(t, n);
	for (k = 0; k < t->ntags; k++)
		t->columns[k] = t->tags + k * COLUMN_VECTOR;
	for (k = 0; k < t->nkeys; k++)
		t->columns[t->ntags + k] = t->keys[k].words;
}

/* Are all words the same? */
GROUP_KERNEL bool
all_same(const int64 *words, int n)
{
	uint64		different = 0;
	int			i;

	for (i = 1; i < n; i++)
		different |= words[i] ^ words[0];
	return different == 0;
}

/*---- hashing ---- */

/*
 * agg_hash_column: goes on with the hashes of n rows by another word of each.
 */
CODEC_KERNEL void
agg_hash_column(uint64 *hashes, const int64 *words, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		hashes[i] = agg_hash_word(hashes[i], words[i]);
}

static uint32
hash_row(const AggTable *t, int row)
{
	uint64		hash = AGG_HASH_START;
	int			k;

	for (k = 0; k < t->nwords; k++)
		hash = agg_hash_word(hash, t->columns[k][row]);
	return agg_hash_end(hash);
}

static void
hash_rows(AggTable *t, int n)
{
	uint64		hashes[COLUMN_VECTOR];
	int			k;
	int			i;

	for (i = 0; i < n; i++)
		hashes[i] = AGG_HASH_START;
	for (k = 0; k < t->nwords; k++)
		agg_hash_column(hashes, t->columns[k], n);
	for (i = 0; i < n; i++)
		t->hashes[i] = agg_hash_end(hashes[i]);
}

static inline bool
same_as_before(const AggTable *t, int i)
{
	int			k;

	if (t->hashes[i] != t->hashes[i - 1])
		return false;
	for (k = 0; k < t->nwords; k++)
	{
		if (t->columns[k][i] != t->columns[k][i - 1])
			return false;
	}
	return true;
}

static void
group_hashed(AggTable *t, int n)
{
	int			i;

	hash_rows(t, n);
	t->groups[0] = agg_table_find(t, 0, t->hashes[0]);
	for (i = 1; i < n; i++)
	{
		if (i + PREFETCH_AHEAD < n)
			__builtin_prefetch(&t->slots[t->hashes[i + PREFETCH_AHEAD] & t->mask]);
		t->groups[i] = same_as_before(t, i) ? t->groups[i - 1] :
			agg_table_find(t, i, t->hashes[i]);
	}
}

/*---- direct places ---- */

/* Does the array have a place for all words of a key? */
static bool
direct_covers(const AggDirect *d, int k, const AggKey *key)
{
	return key->low >= d->low[k] &&
		(uint64) key->high - (uint64) d->low[k] < d->span[k] - 1;
}

/*
 * The number of places with ranges that hold those of the batch and, if
 * together is set, those that the array has now, and some more if slack is;
 * spans are set.  0 if there are too many.
 */
static uint32
direct_places(const AggTable *t, bool together, bool slack, int64 *low,
			  uint32 *span, uint32 most)
{
	uint64		places = 1;
	int			k;

	for (k = 0; k < t->nkeys; k++)
	{
		const AggKey *key = &t->keys[k];
		uint64		distance;

		low[k] = key->low;
		distance = (uint64) key->high - (uint64) key->low;
		if (together)
		{
			const AggDirect *d = &t->direct;
			uint64		before = (uint64) d->span[k] - 2;
			int64		first = Min(d->low[k], key->low);

			distance = Max((uint64) key->high - (uint64) first,
						   (uint64) d->low[k] - (uint64) first + before);
			low[k] = first;
		}
		if (distance >= most)
			return 0;
		if (slack)
			distance += distance / 2 + 8;
		span[k] = (uint32) distance + 2;
		places *= span[k];
		if (places > most)
			return 0;
	}
	return (uint32) places;
}

static void
direct_make(AggTable *t, uint32 size, const int64 *low, const uint32 *span)
{
	AggDirect  *d = &t->direct;

	if (size > d->room)
	{
		if (d->groups != NULL)
			pfree(d->groups);
		d->groups = MemoryContextAlloc(t->context, size * sizeof(uint32));
		d->room = size;
	}
	memcpy(d->low, low, t->nkeys * sizeof(int64));
	memcpy(d->span, span, t->nkeys * sizeof(uint32));
	memset(d->groups, 0xFF, size * sizeof(uint32));
	d->size = size;
}

/* Makes the array fit for the batch, if that pays. */
static bool
direct_ready(AggTable *t, int n)
{
	uint32		most = Min(DIRECT_MAX, n * DIRECT_EASE);
	int64		low[AGG_DIRECT_KEYS];
	uint32		span[AGG_DIRECT_KEYS];
	bool		covered = t->direct.size > 0;
	uint32		size;
	int			k;

	if (t->nkeys > AGG_DIRECT_KEYS)
		return false;
	for (k = 0; k < t->nkeys; k++)
	{
		if (!t->keys[k].bounded)
			return false;
		covered = covered && direct_covers(&t->direct, k, &t->keys[k]);
	}
	if (covered)
		return true;
	size = 0;
	if (t->direct.size > 0)
		size = direct_places(t, true, true, low, span, most);
	if (size == 0 && t->direct.size > 0)
		size = direct_places(t, true, false, low, span, most);
	if (size == 0)
		size = direct_places(t, false, false, low, span, most);
	if (size > 0)
		direct_make(t, size, low, span);
	return size > 0;
}

/* The first place of each key is that of null. */
GROUP_KERNEL void
add_places(uint32 *places, const int64 *words, int n, int64 low, uint32 factor)
{
	uint32		base = (uint32) low - 1;
	int			i;

	for (i = 0; i < n; i++)
		places[i] += ((uint32) words[i] - base) * factor;
}

GROUP_KERNEL void
add_places_tags(uint32 *places, const int64 *words, const uint8 *tags, int n,
				int64 low, uint32 factor)
{
	uint32		base = (uint32) low - 1;
	int			i;

	for (i = 0; i < n; i++)
		places[i] += tags[i] == AGG_TAG_VALUE ?
			((uint32) words[i] - base) * factor : 0;
}

static void
find_places(AggTable *t, int n)
{
	const AggDirect *d = &t->direct;
	uint32		factor = 1;
	int			k;

	memset(t->places, 0, n * sizeof(uint32));
	for (k = 0; k < t->nkeys; k++)
	{
		const AggKey *key = &t->keys[k];

		if (key->has_tags)
			add_places_tags(t->places, key->words, key->tags, n, d->low[k],
							factor);
		else
			add_places(t->places, key->words, n, d->low[k], factor);
		factor *= d->span[k];
	}
	if (codec_largest32(t->places, n) >= d->size)
		elog(ERROR, "a key is outside of its range");
}

GROUP_KERNEL void
take_places(const uint32 *map, const uint32 *places, int n, uint32 *groups)
{
	int			i;

	for (i = 0; i < n; i++)
		groups[i] = map[places[i]];
}

static void
group_direct(AggTable *t, int n)
{
	uint32	   *map = t->direct.groups;
	uint32		worst;
	int			i;

	find_places(t, n);
	take_places(map, t->places, n, t->groups);
	worst = codec_largest32(t->groups, n);
	for (i = 0; worst == AGG_NO_GROUP && i < n; i++)
	{
		uint32	   *place = &map[t->places[i]];

		if (*place == AGG_NO_GROUP)
			*place = agg_table_find(t, i, hash_row(t, i));
		t->groups[i] = *place;
	}
}

/*---- */

static bool
one_key(const AggTable *t, int n)
{
	int			k;

	for (k = t->tags_used ? 0 : t->ntags; k < t->nwords; k++)
	{
		const int64 *words = t->columns[k];

		if (words[0] != words[n - 1] || !all_same(words, n))
			return false;
	}
	return true;
}

/*
 * agg_group_rows: finds the groups of nrows rows, of which all keys have been
 * taken; agg_table_reserve() made room for as many.  The result is in groups
 * and single.
 */
void
agg_group_rows(AggTable *t, int nrows)
{
	set_columns(t, nrows);
	if (one_key(t, nrows))
	{
		t->groups[0] = agg_table_find(t, 0, hash_row(t, 0));
		t->single = true;
		return;
	}
	if (direct_ready(t, nrows))
		group_direct(t, nrows);
	else
		group_hashed(t, nrows);
	t->single = false;
}

/*
 * agg_group_row: the same for one row.
 */
uint32
agg_group_row(AggTable *t)
{
	set_columns(t, 1);
	return agg_table_find(t, 0, hash_row(t, 0));
}
