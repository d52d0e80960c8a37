/*-------------------------------------------------------------------------
 *
 * aggnode.h
 *	  What the files of the aggregate node share: keys, groups, and the table
 *	  of groups.  src/aggregate/README explains them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_AGGNODE_H
#define OMENDB_AGGNODE_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "storage/buffile.h"

#include "aggregate/aggregate.h"

/*------------------------------------------------------------------------
 * Interned values: every distinct value gets a number, 0, 1, 2, ...
 * ------------------------------------------------------------------------
 */

typedef struct InternEntry
{
	uint64		hash;			/* of the value, the same in each process */
	const char *data;			/* or a by-value Datum */
	uint32		len;			/* of what is compared */
	uint32		full;			/* of what is shown */
} InternEntry;

typedef struct Intern
{
	MemoryContext context;
	InternEntry *entries;
	uint32		n;
	uint32		room;			/* for entries */
	uint32	   *slots;			/* number of an entry + 1; 0: free */
	uint32		mask;			/* number of slots - 1 */
	bool		complete;		/* what is new gets INTERN_NONE, and is not
								 * kept */
} Intern;

/* a number that no value has */
#define INTERN_NONE		(PG_UINT32_MAX - 1)

/*------------------------------------------------------------------------
 * Keys: values of any type as words of 64 bits, so that values are equal if
 * their words and tags are.
 * ------------------------------------------------------------------------
 */

/* how values become words */
typedef enum AggKeyKind
{
	AGG_KEY_INT,				/* by-value types that are equal if their bits
								 * are */
	AGG_KEY_FLOAT,				/* bits; one NaN and one zero */
	AGG_KEY_NUMERIC,			/* times 10^scale, else the number of a value */
	AGG_KEY_BYTES,				/* the number of a byte string */
	AGG_KEY_DATUM				/* the number of a value, which the type's own
								 * functions compare */
} AggKeyKind;

/* what a word is */
typedef enum AggKeyTag
{
	AGG_TAG_VALUE = 0,
	AGG_TAG_NULL,				/* the word is 0 */
	AGG_TAG_NUMBER				/* AGG_KEY_NUMERIC: of an interned value */
} AggKeyTag;

typedef struct AggKey
{
	AggKeyKind	kind;
	Oid			type;			/* domains resolved */
	Oid			collation;
	int16		typlen;
	bool		typbyval;
	bool		ignores_blanks; /* at the end: bpchar */
	FmgrInfo	hash;			/* AGG_KEY_DATUM and AGG_KEY_NUMERIC */
	FmgrInfo	equal;
	int			scale;			/* AGG_KEY_NUMERIC; -1: not known yet */
	Intern		intern;

	/* numbers of the entries of the last dictionary, + 1; 0: not known */
	uint64		dictionary_id;
	uint32	   *numbers;
	int			nnumbers;		/* there is room for */

	/* of the current batch, one for each row that is selected */
	const int64 *words;			/* room, or the vector's own */
	int64	   *room;
	uint8	   *tags;			/* set up only if has_tags */
	bool		has_tags;		/* some are not AGG_TAG_VALUE */
	int64	   *shown;			/* bits of floats, scales of numerics: what
								 * words do not tell */
	bool		bounded;		/* low <= word <= high where the tag is
								 * AGG_TAG_VALUE */
	int64		low;
	int64		high;
} AggKey;

/* aggintern.c */
extern void intern_init(Intern *intern, MemoryContext parent);
extern void intern_reset(Intern *intern);
extern uint32 intern_bytes(Intern *intern, const char *data, uint32 len,
						   uint32 full, uint64 hash);
extern uint32 intern_datum(Intern *intern, AggKey *key, Datum value,
						   uint64 hash);
extern uint64 intern_hash(const char *data, uint32 len);

/* aggkey.c */
extern void agg_key_init(AggKey *key, Oid type, Oid collation,
						 MemoryContext context);
extern bool agg_key_has_shown(const AggKey *key);
extern void agg_key_take(AggKey *key, const Vector *vector, const int *rows,
						 int nrows);
extern void agg_key_take_datum(AggKey *key, Datum value, bool isnull);
extern Datum agg_key_datum(const AggKey *key, int64 word, AggKeyTag tag,
						   int64 shown);
extern uint64 agg_key_hash(const AggKey *key, int64 word, AggKeyTag tag);
extern void agg_key_write(const AggKey *key, int64 word, AggKeyTag tag,
						  int64 shown, StringInfo out);
extern const char *agg_key_read(AggKey *key, const char *data);
extern void agg_key_reset(AggKey *key);

/* a good mixture of 64 bits (the last steps of MurmurHash3) */
static inline uint64
agg_mix(uint64 h)
{
	h ^= h >> 33;
	h *= UINT64CONST(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64CONST(0xc4ceb9fe1a85ec53);
	return h ^ (h >> 33);
}

/*------------------------------------------------------------------------
 * The table of groups.
 * ------------------------------------------------------------------------
 */

#define AGG_NO_GROUP	PG_UINT32_MAX
#define AGG_DIRECT_KEYS	32		/* keys of groups found without hashing */

/* a slot of the hash table */
typedef struct AggSlot
{
	uint32		hash;
	uint32		group;			/* AGG_NO_GROUP: free */
} AggSlot;

/* groups found without hashing: a place for each combination of words */
typedef struct AggDirect
{
	uint32	   *groups;			/* AGG_NO_GROUP: none yet */
	uint32		size;			/* 0: not in use */
	uint32		room;
	int64	   *low;			/* of each key */
	uint32	   *span;			/* its places; the first is that of null */
} AggDirect;

typedef struct AggTable
{
	int			nkeys;
	AggKey	   *keys;
	int			ntags;			/* words of tags: 32 keys in each */
	int			nwords;			/* ntags + nkeys */
	int			nshown;
	int			naggs;
	AggSpec    *specs;
	Size	   *sizes;			/* of states */
	int		   *shown_at;		/* where a key's shown word is */
	Size		group_bytes;	/* of words, shown words and states */

	MemoryContext context;		/* all of the table is below it */
	MemoryContext values_context;	/* keys and their values; below it: */
	MemoryContext states_context;	/* what states point to */
	Size		limit;			/* of memory for groups */
	Size		fixed;			/* of values_context without any values */
	Size		peak;			/* most that was used */

	uint32		ngroups;
	uint32		room;			/* for groups */
	int64	   *words;			/* nwords of each group, tags first */
	int64	   *shown;			/* nshown of each group */
	char	  **states;			/* of each aggregate, one for each group */
	AggSlot    *slots;
	uint32		mask;			/* number of slots - 1 */
	AggDirect	direct;

	/* of the current batch */
	int64	   *tags;			/* ntags arrays */
	bool		tags_used;		/* they are not all 0 */
	const int64 **columns;		/* the nwords arrays of words */
	uint32	   *hashes;
	uint32	   *places;
	uint32	   *groups;			/* of each row; the result */
	bool		single;			/* all rows are of groups[0] */
} AggTable;

/* aggtable.c */
extern AggTable *agg_table_create(int nkeys, int naggs, Size limit,
								  MemoryContext parent);
extern void agg_table_ready(AggTable *table);
extern bool agg_table_reserve(AggTable *table, uint32 n, bool force);
extern uint32 agg_table_find(AggTable *table, int row, uint32 hash);
extern void agg_table_clear(AggTable *table);

static inline void *
agg_table_state(const AggTable *table, int agg, uint32 group)
{
	return table->states[agg] + (Size) group * table->sizes[agg];
}

static inline AggKeyTag
agg_table_tag(const AggTable *table, uint32 group, int key)
{
	const int64 *words = table->words + (Size) group * table->nwords;

	return (AggKeyTag) ((words[key / 32] >> (key % 32 * 2)) & 3);
}

static inline int64
agg_table_word(const AggTable *table, uint32 group, int key)
{
	return table->words[(Size) group * table->nwords + table->ntags + key];
}

extern int64 agg_table_shown(const AggTable *table, uint32 group, int key);

/* aggstate.c */
extern void agg_state_write(const AggSpec *spec, const void *state,
							StringInfo out);
extern void agg_state_combine(const AggSpec *spec, void *state,
							  const char *data, Size len);

#define AGG_HASH_START	UINT64CONST(0x9E3779B97F4A7C15)

/* the hash of a row's words: one after the other, and the end */
static inline uint64
agg_hash_word(uint64 hash, int64 word)
{
	hash = (hash ^ (uint64) word) * UINT64CONST(0xff51afd7ed558ccd);
	return hash ^ (hash >> 32);
}

static inline uint32
agg_hash_end(uint64 hash)
{
	return (uint32) ((hash * UINT64CONST(0xc4ceb9fe1a85ec53)) >> 32);
}

/* agggroup.c */
extern void agg_hash_column(uint64 *hashes, const int64 *words, int n);
extern void agg_group_rows(AggTable *table, int nrows);
extern uint32 agg_group_row(AggTable *table);

/*------------------------------------------------------------------------
 * Groups on disk.
 * ------------------------------------------------------------------------
 */

typedef struct AggSpill AggSpill;

/* aggspill.c */
extern AggSpill *agg_spill_create(MemoryContext context);
extern void agg_spill_table(AggSpill *spill, AggTable *table);
extern bool agg_spill_used(const AggSpill *spill);
extern bool agg_spill_next(AggSpill *spill, AggTable *table);
extern void agg_spill_reset(AggSpill *spill);
extern uint64 agg_spill_bytes(const AggSpill *spill);
extern uint64 agg_spill_partitions(const AggSpill *spill);

/*------------------------------------------------------------------------
 * Aggregates over distinct values.
 * ------------------------------------------------------------------------
 */

typedef struct AggDistinct
{
	AggTable   *inner;			/* by the keys and the distinct expression */
	AggSpill   *inner_spill;
	AggTable   *outer;			/* by the keys */
	const bool *distinct;		/* which of outer's aggregates are distinct */
	int		   *inner_agg;		/* where the others are in inner */
	MemoryContext context;		/* of what is needed for a while */
	StringInfoData bytes;
} AggDistinct;

/* aggdistinct.c */
extern AggDistinct *agg_distinct_create(AggTable *outer, const bool *distinct,
										const Oid *types,
										const Oid *collations, List *aggrefs,
										MemoryContext parent);
extern void agg_distinct_finish(AggDistinct *d, AggSpill *spill);
extern void agg_distinct_reset(AggDistinct *d);

#endif							/* OMENDB_AGGNODE_H */
