/*-------------------------------------------------------------------------
 *
 * aggtable.c
 *	  The table of groups: their keys as words, the states of their
 *	  aggregates, and a hash table that finds a group by its words.
 *
 * Groups are numbered in the order in which they are met.  Everything that
 * belongs to a group is in arrays by that number, the states of each aggregate
 * in one of their own, so that a loop over rows touches little memory.  The
 * hash table has numbers of groups only (linear probing).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "aggregate/aggnode.h"

#define FIRST_ROOM		256
#define MAX_GROUPS		(PG_UINT32_MAX / 2)

/*
 * agg_table_create: a table for groups of so many keys with so many aggregates,
 * which are to be set up with agg_key_init() in its values_context and with
 * agg_spec_init() for its states_context before agg_table_ready() is called.  limit is what it may use, in
 * bytes.
 */
AggTable *
agg_table_create(int nkeys, int naggs, Size limit, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "omendb groups",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	AggTable   *t = palloc0(sizeof(AggTable));

	t->context = context;
	t->values_context = AllocSetContextCreate(context, "omendb values of groups",
											  ALLOCSET_DEFAULT_SIZES);
	t->states_context = AllocSetContextCreate(t->values_context,
											  "omendb states",
											  ALLOCSET_DEFAULT_SIZES);
	t->limit = limit;
	t->nkeys = nkeys;
	t->naggs = naggs;
	t->ntags = (nkeys + 31) / 32;
	t->nwords = t->ntags + nkeys;
	t->keys = palloc0((nkeys + 1) * sizeof(AggKey));
	t->shown_at = palloc0((nkeys + 1) * sizeof(int));
	t->specs = palloc0((naggs + 1) * sizeof(AggSpec));
	t->sizes = palloc0((naggs + 1) * sizeof(Size));
	t->states = palloc0((naggs + 1) * sizeof(char *));
	t->tags = palloc0((t->ntags + 1) * COLUMN_VECTOR * sizeof(int64));
	t->columns = palloc0((t->nwords + 1) * sizeof(int64 *));
	t->hashes = palloc(COLUMN_VECTOR * sizeof(uint32));
	t->places = palloc(COLUMN_VECTOR * sizeof(uint32));
	t->groups = palloc0(COLUMN_VECTOR * sizeof(uint32));
	t->direct.low = palloc0((nkeys + 1) * sizeof(int64));
	t->direct.span = palloc0((nkeys + 1) * sizeof(uint32));
	MemoryContextSwitchTo(old);
	return t;
}

/* All arrays that have an element for each group */
static void
resize(AggTable *t, uint32 room)
{
	Size		words = (Size) Max(t->nwords, 1) * sizeof(int64);
	Size		shown = (Size) Max(t->nshown, 1) * sizeof(int64);
	int			j;

	if (t->room == 0)
	{
		t->words = MemoryContextAllocHuge(t->context, room * words);
		t->shown = MemoryContextAllocHuge(t->context, room * shown);
		for (j = 0; j < t->naggs; j++)
			t->states[j] = MemoryContextAllocHuge(t->context,
												  room * t->sizes[j]);
	}
	else
	{
		t->words = repalloc_huge(t->words, room * words);
		t->shown = repalloc_huge(t->shown, room * shown);
		for (j = 0; j < t->naggs; j++)
			t->states[j] = repalloc_huge(t->states[j], room * t->sizes[j]);
	}
	t->room = room;
}

/* Slots for so many groups, of which at least a third stay free */
static uint32
slots_for(uint32 room)
{
	return pg_nextpower2_32(room + room / 2);
}

static void
make_slots(AggTable *t, uint32 nslots)
{
	AggSlot    *from = t->slots;
	uint32		nfrom = from == NULL ? 0 : t->mask + 1;
	uint32		i;

	t->slots = MemoryContextAllocHuge(t->context, nslots * sizeof(AggSlot));
	t->mask = nslots - 1;
	memset(t->slots, 0xFF, nslots * sizeof(AggSlot));
	for (i = 0; i < nfrom; i++)
	{
		uint32		slot = from[i].hash & t->mask;

		if (from[i].group == AGG_NO_GROUP)
			continue;
		while (t->slots[slot].group != AGG_NO_GROUP)
			slot = (slot + 1) & t->mask;
		t->slots[slot] = from[i];
	}
	if (from != NULL)
		pfree(from);
}

/*
 * agg_table_ready: after keys and aggregates have been set up.
 */
void
agg_table_ready(AggTable *t)
{
	int			i;

	for (i = 0; i < t->nkeys; i++)
	{
		t->shown_at[i] = t->nshown;
		t->nshown += agg_key_has_shown(&t->keys[i]);
	}
	for (i = 0; i < t->naggs; i++)
		t->sizes[i] = TYPEALIGN(16, t->specs[i].function->size);
	t->group_bytes = (t->nwords + t->nshown) * sizeof(int64);
	for (i = 0; i < t->naggs; i++)
		t->group_bytes += t->sizes[i];
	t->fixed = MemoryContextMemAllocated(t->values_context, true);
	resize(t, t->nkeys == 0 ? 1 : FIRST_ROOM);
	make_slots(t, slots_for(t->room));
}

/* Bytes of the arrays, which stay when groups are forgotten */
static Size
array_bytes(const AggTable *t, uint64 room, uint64 nslots)
{
	return room * t->group_bytes + nslots * sizeof(AggSlot);
}

/*
 * What states and the values of keys take.
 */
static Size
value_bytes(AggTable *t)
{
	Size		size = MemoryContextMemAllocated(t->values_context, true);

	size = size > t->fixed ? size - t->fixed : 0;
	t->peak = Max(t->peak, size + array_bytes(t, t->room,
											  (uint64) t->mask + 1));
	return size;
}

/*
 * More room, as much as the limit allows; false if not even n more groups are
 * allowed.
 */
static bool
grow(AggTable *t, uint32 n, Size values, bool force)
{
	uint64		need = t->ngroups + (uint64) n;
	uint64		room = Max((uint64) t->room * 2, need);
	uint64		nslots = (uint64) t->mask + 1;

	if (need > MAX_GROUPS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many groups")));
	room = Min(room, MAX_GROUPS);
	if (!force &&
		values + array_bytes(t, room, slots_for(room)) > t->limit)
	{
		/* as many groups as the slots are good for, then */
		Size		have = values + array_bytes(t, 0, nslots);

		room = have < t->limit ? (t->limit - have) / t->group_bytes : 0;
		room = Min(room, nslots / 4 * 3);
		if (room < need)
			return false;
	}
	resize(t, (uint32) room);
	if (slots_for(t->room) > nslots && t->room > nslots / 4 * 3)
		make_slots(t, slots_for(t->room));
	return true;
}

/*
 * agg_table_reserve: makes room for n more groups.  False if the limit does not
 * allow it, or if states and the values of keys have passed it; with force, or
 * for the first group, always true.
 */
bool
agg_table_reserve(AggTable *t, uint32 n, bool force)
{
	Size		values = value_bytes(t);
	Size		arrays = array_bytes(t, t->room, (uint64) t->mask + 1);

	force |= t->ngroups == 0;
	if (!force && values > Max(t->limit / 4, t->limit - Min(arrays, t->limit)))
		return false;
	if (t->ngroups + (uint64) n <= t->room)
		return true;
	return grow(t, n, values, force);
}

/*---- groups ---- */

static inline bool
same_words(const AggTable *t, uint32 group, int row)
{
	const int64 *words = t->words + (Size) group * t->nwords;
	int			k;

	for (k = 0; k < t->nwords; k++)
	{
		if (words[k] != t->columns[k][row])
			return false;
	}
	return true;
}

static uint32
add_group(AggTable *t, int row)
{
	uint32		group = t->ngroups++;
	int64	   *words = t->words + (Size) group * t->nwords;
	int64	   *shown = t->shown + (Size) group * t->nshown;
	int			k;

	for (k = 0; k < t->nwords; k++)
		words[k] = t->columns[k][row];
	for (k = 0; k < t->nkeys; k++)
	{
		if (t->keys[k].shown != NULL)
			*shown++ = t->keys[k].shown[row];
	}
	for (k = 0; k < t->naggs; k++)
		t->specs[k].function->init(&t->specs[k], agg_table_state(t, k, group));
	return group;
}

/*
 * agg_table_find: the group of a row of the current batch, of which columns has
 * the words; there is room for a new one.
 */
uint32
agg_table_find(AggTable *t, int row, uint32 hash)
{
	uint32		i = hash & t->mask;

	for (; t->slots[i].group != AGG_NO_GROUP; i = (i + 1) & t->mask)
	{
		if (t->slots[i].hash == hash && same_words(t, t->slots[i].group, row))
			return t->slots[i].group;
	}
	t->slots[i].hash = hash;
	t->slots[i].group = add_group(t, row);
	return t->slots[i].group;
}

/*
 * agg_table_shown: what a group's word does not tell of a key, or 0.
 */
int64
agg_table_shown(const AggTable *t, uint32 group, int key)
{
	if (t->keys[key].shown == NULL)
		return 0;
	return t->shown[(Size) group * t->nshown + t->shown_at[key]];
}

/*
 * agg_table_clear: forgets all groups, their states, and the values of keys.
 */
void
agg_table_clear(AggTable *t)
{
	int			k;

	value_bytes(t);
	t->ngroups = 0;
	MemoryContextReset(t->states_context);
	for (k = 0; k < t->nkeys; k++)
		agg_key_reset(&t->keys[k]);
	memset(t->slots, 0xFF, ((Size) t->mask + 1) * sizeof(AggSlot));
	if (t->direct.groups != NULL)
		memset(t->direct.groups, 0xFF, t->direct.size * sizeof(uint32));
}
