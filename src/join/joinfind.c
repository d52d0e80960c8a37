/*-------------------------------------------------------------------------
 *
 * joinfind.c
 *	  Finds inner rows by their keys, and hands out their values.
 *
 * Keys whose ranges multiply to not much more than there are rows need no
 * hashing: each combination of words has a place in an array, with the number
 * of its row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "column/columncodec.h"
#include "join/join.h"
#include "vector/vectorinternal.h"

#define JOIN_KERNEL		static CODEC_KERNEL

/* places for a row, and so many in any case */
#define PLACES_A_ROW	4
#define PLACES_AT_LEAST	1024

#define PREFETCH_AHEAD	8

/*---- hashing ---- */

static inline bool
same_words(const int64 *a, const int64 *b, int n)
{
	int			k;

	for (k = 0; k < n; k++)
	{
		if (a[k] != b[k])
			return false;
	}
	return true;
}

/* Of rows that are equal the first is found, as in a join of PostgreSQL. */
static void
make_slots(JoinTable *t)
{
	uint32		nslots = pg_nextpower2_32(Max(t->nrows, 8) * 2);
	uint32		i;
	int			k;

	t->slots = MemoryContextAllocExtended(t->context, nslots * sizeof(uint32),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	t->mask = nslots - 1;
	for (i = 0; i < t->nrows; i++)
	{
		const int64 *words = t->words + (Size) i * t->nwords;
		uint64		hash = AGG_HASH_START;
		uint32		slot;

		for (k = 0; k < t->nwords; k++)
			hash = agg_hash_word(hash, words[k]);
		slot = agg_hash_end(hash) & t->mask;
		while (t->slots[slot] != 0 &&
			   !same_words(t->words + (Size) (t->slots[slot] - 1) * t->nwords,
						   words, t->nwords))
			slot = (slot + 1) & t->mask;
		if (t->slots[slot] == 0)
			t->slots[slot] = i + 1;
	}
}

/* Which of the keys of row i are interned numerics */
static int64
tags_of_row(const JoinTable *t, int i)
{
	int64		tags = 0;
	int			k;

	for (k = 0; k < t->nkeys; k++)
	{
		if (t->keys[k].has_tags && t->keys[k].tags[i] == AGG_TAG_NUMBER)
			tags |= INT64CONST(1) << k;
	}
	return tags;
}

static uint32
find_slot(const JoinTable *t, int i, int64 tags, uint32 hash)
{
	uint32		slot;

	for (slot = hash & t->mask; t->slots[slot] != 0;
		 slot = (slot + 1) & t->mask)
	{
		const int64 *words = t->words +
		(Size) (t->slots[slot] - 1) * t->nwords;
		int			k = 0;

		while (k < t->nkeys && words[k] == t->keys[k].words[i])
			k++;
		if (k == t->nkeys && (k == t->nwords || words[k] == tags))
			return t->slots[slot] - 1;
	}
	return JOIN_NO_ROW;
}

static void
find_hashed(const JoinTable *t, int n, uint32 *found)
{
	uint64		hashes[COLUMN_VECTOR];
	int64		tags[COLUMN_VECTOR];
	int			i;
	int			k;

	for (i = 0; i < n; i++)
		hashes[i] = AGG_HASH_START;
	for (k = 0; k < t->nkeys; k++)
		agg_hash_column(hashes, t->keys[k].words, n);
	for (i = 0; t->nwords > t->nkeys && i < n; i++)
		tags[i] = tags_of_row(t, i);
	if (t->nwords > t->nkeys)
		agg_hash_column(hashes, tags, n);
	for (i = 0; i < n; i++)
		hashes[i] = agg_hash_end(hashes[i]);
	for (i = 0; i < n; i++)
	{
		if (i + PREFETCH_AHEAD < n)
			__builtin_prefetch(&t->slots[hashes[i + PREFETCH_AHEAD] & t->mask]);
		found[i] = find_slot(t, i, t->nwords > t->nkeys ? tags[i] : 0,
							 (uint32) hashes[i]);
	}
}

/*---- places ---- */

/* The ranges of the keys' words; false if they have none */
static bool
find_ranges(JoinTable *t)
{
	uint32		i;
	int			k;

	for (k = 0; k < t->nkeys; k++)
	{
		int64		low = PG_INT64_MAX;
		int64		high = PG_INT64_MIN;

		if (agg_key_has_shown(&t->keys[k]))
			return false;
		for (i = 0; i < t->nrows; i++)
		{
			int64		word = t->words[(Size) i * t->nwords + k];

			low = Min(low, word);
			high = Max(high, word);
		}
		t->low[k] = low;
		t->high[k] = high;
	}
	return true;
}

/* The number of places; 0: too many */
static uint32
count_places(const JoinTable *t)
{
	uint64		most = Max((uint64) t->nrows * PLACES_A_ROW, PLACES_AT_LEAST);
	uint64		places = 1;
	int			k;

	for (k = 0; k < t->nkeys; k++)
	{
		uint64		distance = (uint64) t->high[k] - (uint64) t->low[k];

		if (distance >= most)
			return 0;
		places *= distance + 1;
		if (places > most)
			return 0;
	}
	return places < JOIN_NO_ROW ? (uint32) places : 0;
}

static inline uint32
key_span(const JoinTable *t, int k)
{
	return (uint32) ((uint64) t->high[k] - (uint64) t->low[k]) + 1;
}

static void
make_map(JoinTable *t)
{
	uint32		i;
	int			k;

	t->map = MemoryContextAllocHuge(t->context,
									((Size) t->places + 1) * sizeof(uint32));
	memset(t->map, 0xFF, ((Size) t->places + 1) * sizeof(uint32));
	for (i = t->nrows; i-- > 0;)
	{
		const int64 *words = t->words + (Size) i * t->nwords;
		uint32		place = 0;
		uint32		factor = 1;

		for (k = 0; k < t->nkeys; k++)
		{
			place += (uint32) (words[k] - t->low[k]) * factor;
			factor *= key_span(t, k);
		}
		t->map[place] = i;
	}
}

/*
 * join_find_ready: when all rows have been taken.
 */
void
join_find_ready(JoinTable *t)
{
	t->bounded = t->nrows > 0 && find_ranges(t);
	t->places = t->bounded ? count_places(t) : 0;
	t->direct = t->places > 0;
	if (t->direct)
		make_map(t);
	else
		make_slots(t);
}

JOIN_KERNEL void
add_places(uint32 *places, const int64 *words, int n, int64 low, uint32 factor)
{
	uint32		base = (uint32) low;
	int			i;

	for (i = 0; i < n; i++)
		places[i] += ((uint32) words[i] - base) * factor;
}

/* The same where words may be outside of the key's range */
JOIN_KERNEL void
add_places_checked(uint32 *places, uint32 *outside, const int64 *words, int n,
				   int64 low, uint64 span, uint32 factor)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		uint64		distance = (uint64) words[i] - (uint64) low;

		outside[i] |= distance >= span;
		places[i] += (uint32) distance * factor;
	}
}

JOIN_KERNEL void
add_nulls(uint32 *outside, const uint8 *tags, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		outside[i] |= tags[i] == AGG_TAG_NULL;
}

JOIN_KERNEL void
send_away(uint32 *places, const uint32 *outside, int n, uint32 nowhere)
{
	int			i;

	for (i = 0; i < n; i++)
		places[i] = outside[i] ? nowhere : places[i];
}

JOIN_KERNEL void
take_32(const uint32 *values, const uint32 *rows, int n, uint32 *out)
{
	for (int i = 0; i < n; i++)
		out[i] = values[rows[i]];
}

static void
find_direct(const JoinTable *t, int n, uint32 *found)
{
	uint32		places[COLUMN_VECTOR];
	uint32		outside[COLUMN_VECTOR];
	bool		any_outside = false;
	uint32		factor = 1;
	int			k;

	memset(places, 0, n * sizeof(uint32));
	memset(outside, 0, n * sizeof(uint32));
	for (k = 0; k < t->nkeys; k++)
	{
		const AggKey *key = &t->keys[k];
		uint32		span = key_span(t, k);

		if (key->bounded && key->low >= t->low[k] && key->high <= t->high[k])
			add_places(places, key->words, n, t->low[k], factor);
		else
		{
			add_places_checked(places, outside, key->words, n, t->low[k], span,
							   factor);
			any_outside = true;
		}
		if (key->has_tags)
			add_nulls(outside, key->tags, n);
		any_outside |= key->has_tags;
		factor *= span;
	}
	if (any_outside)
		send_away(places, outside, n, t->places);
	if (codec_largest32(places, n) > t->places)
		elog(ERROR, "a key of a join is outside of its range");
	take_32(t->map, places, n, found);
}

/*---- rows ---- */

/* Rows of the outer side that have a null match none. */
static void
drop_nulls(const JoinTable *t, int n, uint32 *found)
{
	int			i;
	int			k;

	for (k = 0; k < t->nkeys; k++)
	{
		if (!t->keys[k].has_tags)
			continue;
		for (i = 0; i < n; i++)
		{
			if (t->keys[k].tags[i] == AGG_TAG_NULL)
				found[i] = JOIN_NO_ROW;
		}
	}
}

/*
 * join_find: finds the row of the table for each of the source's selected rows.
 * Those that have one go to rows, which may be the source's own list; returns
 * their number.
 */
int
join_find(JoinTable *t, VectorSource *source, int *rows)
{
	uint32		found[COLUMN_VECTOR];
	int			n = source->nselected;
	int			left = 0;
	int			i;
	int			k;

	for (k = 0; k < t->nkeys; k++)
		agg_key_take(&t->keys[k], vector_eval(t->outer[k], source),
					 source->selected, n);
	if (t->direct)
		find_direct(t, n, found);
	else
	{
		find_hashed(t, n, found);
		drop_nulls(t, n, found);
	}
	if (n < source->nrows)
		memset(t->match, 0, source->nrows * sizeof(uint32));
	for (i = 0; i < n; i++)
	{
		int			row = source->selected[i];

		t->match[row] = found[i] == JOIN_NO_ROW ? 0 : found[i];
		rows[left] = row;
		left += found[i] != JOIN_NO_ROW;
	}
	return left;
}

/*---- values ---- */

JOIN_KERNEL void
take_64(const int64 *values, const uint32 *rows, int n, int64 *out)
{
	for (int i = 0; i < n; i++)
		out[i] = values[rows[i]];
}

JOIN_KERNEL void
take_8(const uint8 *values, const uint32 *rows, int n, uint8 *out)
{
	for (int i = 0; i < n; i++)
		out[i] = values[rows[i]];
}

static void
take_nulls(const JoinTable *t, const JoinColumn *c, int n, Vector *v)
{
	uint8		nulls[COLUMN_VECTOR];

	v->has_nulls = c->has_nulls;
	memset(v->nulls, 0, sizeof(v->nulls));
	if (!c->has_nulls)
		return;
	take_8(c->nulls, t->match, n, nulls);
	memset(nulls + n, 0, COLUMN_VECTOR - n);
	vector_pack_bits(nulls, v->nulls);
}

static void
take_values(const JoinTable *t, JoinColumn *c, int n)
{
	switch (c->width)
	{
		case sizeof(int64):
			take_64((const int64 *) c->values, t->match, n, c->buffer);
			break;
		case sizeof(uint32):
			take_32((const uint32 *) c->values, t->match, n, c->buffer);
			break;
		default:
			take_8((const uint8 *) c->values, t->match, n, c->buffer);
			break;
	}
}

/*
 * join_gather: a column of the rows that were found for those of the source;
 * NULL: it has no form but Datums.
 */
const Vector *
join_gather(JoinTable *t, JoinColumn *c, const VectorSource *source)
{
	Vector	   *v = &c->vector;

	if (c->kind == VECTOR_DATUM)
		return NULL;
	if (c->made == source->batch)
		return v;
	take_nulls(t, c, source->nrows, v);
	take_values(t, c, source->nrows);
	v->kind = c->kind;
	v->type = c->type;
	v->scale = Max(c->scale, 0);
	v->low = c->low;
	v->high = c->high;
	v->dictionary = c->dictionary;
	v->ndictionary = c->ndictionary;
	v->dictionary_id = c->dictionary_id;
	vector_point(v, c->buffer);
	c->made = source->batch;
	return v;
}

/*
 * join_gather_datums: the same as Datums, made in context.
 */
const Vector *
join_gather_datums(JoinTable *t, JoinColumn *c, const VectorSource *source,
				   MemoryContext context)
{
	Vector	   *v = &c->as_datums;
	const Vector *from;
	MemoryContext old;
	bool		isnull;
	int			row;

	if (c->made_datums == source->batch)
		return v;
	if (c->datums == NULL)
		c->datums = MemoryContextAllocZero(GetMemoryChunkContext(c->buffer),
										   COLUMN_VECTOR * sizeof(Datum));
	v->kind = VECTOR_DATUM;
	v->type = c->type;
	v->datums = c->datums;
	if (c->kind == VECTOR_DATUM)
	{
		take_nulls(t, c, source->nrows, v);
		take_64((const int64 *) c->values, t->match, source->nrows,
				(int64 *) c->datums);
	}
	else
	{
		from = join_gather(t, c, source);
		v->has_nulls = from->has_nulls;
		memcpy(v->nulls, from->nulls, sizeof(v->nulls));
		old = MemoryContextSwitchTo(context);
		for (row = 0; row < source->nrows; row++)
			c->datums[row] = vector_datum(from, row, &isnull);
		MemoryContextSwitchTo(old);
	}
	c->made_datums = source->batch;
	return v;
}
