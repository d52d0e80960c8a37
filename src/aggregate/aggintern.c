/*-------------------------------------------------------------------------
 *
 * aggintern.c
 *	  Numbers for values: equal values get the same one.
 *
 * A hash table with linear probing over an array of entries, which are never
 * taken out one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/datum.h"
#include "utils/memutils.h"

#include "aggregate/aggnode.h"

#define FIRST_SLOTS		256

/*
 * intern_init: an empty set of values; all its memory is in a context below
 * parent.
 */
void
intern_init(Intern *intern, MemoryContext parent)
{
	memset(intern, 0, sizeof(Intern));
	intern->context = AllocSetContextCreate(parent, "omendb interned values",
											ALLOCSET_DEFAULT_SIZES);
}

/*
 * intern_reset: forgets all values.
 */
void
intern_reset(Intern *intern)
{
	MemoryContext context = intern->context;

	MemoryContextReset(context);
	memset(intern, 0, sizeof(Intern));
	intern->context = context;
}

/*
 * intern_hash: of a byte string.  Eight bytes are taken at a time.
 */
uint64
intern_hash(const char *data, uint32 len)
{
	uint64		h = len * UINT64CONST(0x9E3779B97F4A7C15);
	uint64		word;

	for (; len >= sizeof(word); len -= sizeof(word), data += sizeof(word))
	{
		memcpy(&word, data, sizeof(word));
		h = (h ^ word) * UINT64CONST(0xff51afd7ed558ccd);
		h ^= h >> 32;
	}
	if (len > 0)
	{
		word = 0;
		memcpy(&word, data, len);
		h = (h ^ word) * UINT64CONST(0xff51afd7ed558ccd);
	}
	return agg_mix(h);
}

static void
make_slots(Intern *intern, uint32 nslots)
{
	uint32		i;

	if (intern->slots != NULL)
		pfree(intern->slots);
	intern->slots = MemoryContextAllocExtended(intern->context,
											   nslots * sizeof(uint32),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	intern->mask = nslots - 1;
	for (i = 0; i < intern->n; i++)
	{
		uint32		slot = (uint32) intern->entries[i].hash & intern->mask;

		while (intern->slots[slot] != 0)
			slot = (slot + 1) & intern->mask;
		intern->slots[slot] = i + 1;
	}
}

/* Half of the slots stay free. */
static void
make_room(Intern *intern)
{
	if (intern->n < intern->room)
		return;
	if (intern->n >= PG_UINT32_MAX / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many distinct values")));
	if (intern->room == 0)
	{
		intern->room = FIRST_SLOTS / 2;
		intern->entries = MemoryContextAlloc(intern->context,
											 intern->room * sizeof(InternEntry));
	}
	else
	{
		intern->room *= 2;
		intern->entries = repalloc_huge(intern->entries,
										(Size) intern->room * sizeof(InternEntry));
	}
	make_slots(intern, intern->room * 2);
}

static uint32
add_entry(Intern *intern, uint32 slot, const char *data, uint32 len,
		  uint32 full, uint64 hash)
{
	InternEntry *e = &intern->entries[intern->n];

	e->data = data;
	e->len = len;
	e->full = full;
	e->hash = hash;
	intern->slots[slot] = ++intern->n;
	return intern->n - 1;
}

/*
 * intern_bytes: the number of a byte string of which the first len bytes count;
 * if it is new, full bytes of it are kept.  hash is intern_hash() of it.
 */
uint32
intern_bytes(Intern *intern, const char *data, uint32 len, uint32 full,
			 uint64 hash)
{
	uint32		slot;
	char	   *copy;

	make_room(intern);
	for (slot = (uint32) hash & intern->mask; intern->slots[slot] != 0;
		 slot = (slot + 1) & intern->mask)
	{
		const InternEntry *e = &intern->entries[intern->slots[slot] - 1];

		if (e->hash == hash && e->len == len &&
			(len == 0 || memcmp(e->data, data, len) == 0))
			return intern->slots[slot] - 1;
	}
	if (intern->complete)
		return INTERN_NONE;
	copy = MemoryContextAllocHuge(intern->context, Max(full, 1));
	memcpy(copy, data, full);
	return add_entry(intern, slot, copy, len, full, hash);
}

/*
 * intern_datum: the number of a value that the type's own functions hash and
 * compare.
 */
uint32
intern_datum(Intern *intern, AggKey *key, Datum value, uint64 hash)
{
	uint32		slot;
	MemoryContext old;

	make_room(intern);
	for (slot = (uint32) hash & intern->mask; intern->slots[slot] != 0;
		 slot = (slot + 1) & intern->mask)
	{
		const InternEntry *e = &intern->entries[intern->slots[slot] - 1];

		if (e->hash == hash &&
			DatumGetBool(FunctionCall2Coll(&key->equal, key->collation,
										   PointerGetDatum(e->data), value)))
			return intern->slots[slot] - 1;
	}
	if (intern->complete)
		return INTERN_NONE;
	old = MemoryContextSwitchTo(intern->context);
	value = datumCopy(value, key->typbyval, key->typlen);
	MemoryContextSwitchTo(old);
	return add_entry(intern, slot, DatumGetPointer(value), 0, 0, hash);
}
