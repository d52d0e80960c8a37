/*-------------------------------------------------------------------------
 *
 * aggkey.c
 *	  Values of keys as words that are equal if the values are, and back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "aggregate/aggfunction.h"
#include "aggregate/aggnode.h"
#include "column/columncodec.h"

#define KEY_KERNEL		static CODEC_KERNEL

#define NULL_HASH		UINT64CONST(0x2545F4914F6CDD1D)

/*---- types ---- */

static AggKeyKind
key_kind(Oid type, Oid collation)
{
	switch (type)
	{
		case FLOAT4OID:
		case FLOAT8OID:
			return AGG_KEY_FLOAT;
		case NUMERICOID:
			return AGG_KEY_NUMERIC;
		case BYTEAOID:
		case UUIDOID:
			return AGG_KEY_BYTES;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return OidIsValid(collation) &&
				get_collation_isdeterministic(collation) ?
				AGG_KEY_BYTES : AGG_KEY_DATUM;
		default:
			if (get_typbyval(type) &&
				(type < FirstNormalObjectId || type_is_enum(type)))
				return AGG_KEY_INT;
			return AGG_KEY_DATUM;
	}
}

/*
 * agg_key_supported: can rows be grouped by values of this type?  What has no
 * equality of bytes needs the type's hash function.
 */
bool
agg_key_supported(Oid type, Oid collation)
{
	Oid			base = getBaseType(type);
	AggKeyKind	kind = key_kind(base, collation);
	TypeCacheEntry *cache = lookup_type_cache(base, TYPECACHE_HASH_PROC |
											  TYPECACHE_EQ_OPR);

	if (!OidIsValid(cache->eq_opr))
		return false;
	if (kind == AGG_KEY_DATUM)
		return OidIsValid(cache->hash_proc);
	return true;
}

/*
 * agg_key_init: makes a key ready to take batches, and its values for as long as
 * context lives.
 */
void
agg_key_init(AggKey *key, Oid type, Oid collation, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	memset(key, 0, sizeof(AggKey));
	key->type = getBaseType(type);
	key->collation = collation;
	key->kind = key_kind(key->type, collation);
	key->ignores_blanks = key->type == BPCHAROID;
	key->scale = -1;
	get_typlenbyval(key->type, &key->typlen, &key->typbyval);
	if (key->kind == AGG_KEY_DATUM || key->kind == AGG_KEY_NUMERIC)
	{
		TypeCacheEntry *cache = lookup_type_cache(key->type,
												  TYPECACHE_HASH_PROC_FINFO |
												  TYPECACHE_EQ_OPR_FINFO);

		fmgr_info_copy(&key->hash, &cache->hash_proc_finfo, context);
		fmgr_info_copy(&key->equal, &cache->eq_opr_finfo, context);
	}
	intern_init(&key->intern, context);
	key->room = palloc(COLUMN_VECTOR * sizeof(int64));
	key->tags = palloc0(COLUMN_VECTOR);
	key->words = key->room;
	if (agg_key_has_shown(key))
		key->shown = palloc0(COLUMN_VECTOR * sizeof(int64));
	MemoryContextSwitchTo(old);
}

/*
 * agg_key_has_shown: is there more to show of a value than its word?
 */
bool
agg_key_has_shown(const AggKey *key)
{
	return key->kind == AGG_KEY_FLOAT || key->kind == AGG_KEY_NUMERIC;
}

/* Does a word stand for an interned value? */
static bool
is_interned(const AggKey *key, AggKeyTag tag)
{
	return tag == AGG_TAG_NUMBER ||
		(tag == AGG_TAG_VALUE &&
		 (key->kind == AGG_KEY_BYTES || key->kind == AGG_KEY_DATUM));
}

/*---- words of rows ---- */

KEY_KERNEL void
take_bytes(const uint8 *bytes, const int *rows, int n, uint8 *out)
{
	for (int i = 0; i < n; i++)
		out[i] = bytes[rows[i]];
}

/* The rows, which ascend or descend, are all from the first one on. */
static inline bool
rows_are_dense(const int *rows, int n)
{
	return rows[0] == 0 && rows[n - 1] == n - 1;
}

static void
take_nulls(AggKey *key, const Vector *v, const int *rows, int n)
{
	key->has_tags = false;
	if (!v->has_nulls)
		return;
	if (rows_are_dense(rows, n))
		vector_expand_bits(v->nulls, key->tags);
	else
	{
		uint8		nulls[COLUMN_VECTOR];

		vector_expand_bits(v->nulls, nulls);
		take_bytes(nulls, rows, n, key->tags);
	}
	key->has_tags = memchr(key->tags, AGG_TAG_NULL, n) != NULL;
}

/* Words of nulls are all the same. */
KEY_KERNEL void
clear_nulls(int64 *words, const uint8 *tags, int n)
{
	for (int i = 0; i < n; i++)
		words[i] = tags[i] == AGG_TAG_NULL ? 0 : words[i];
}

/* The range of words that nobody has told */
static void
find_range(AggKey *key, int n)
{
	int			i;

	key->low = PG_INT64_MAX;
	key->high = PG_INT64_MIN;
	for (i = 0; i < n; i++)
	{
		if (key->has_tags && key->tags[i] == AGG_TAG_NULL)
			continue;
		key->low = Min(key->low, key->words[i]);
		key->high = Max(key->high, key->words[i]);
	}
	if (key->low > key->high)
		key->low = key->high = 0;
	key->bounded = true;
}

/* Integers that are words already, without a copy if all rows are there */
static void
take_words(AggKey *key, const Vector *v, const int *rows, int n)
{
	key->bounded = true;
	key->low = v->low;
	key->high = v->high;
	if (!key->has_tags && rows_are_dense(rows, n))
		key->words = v->ints;
	else
		kernel_take_ints(v->ints, rows, n, key->room);
}

static void
take_ints(AggKey *key, const Vector *v, const int *rows, int n)
{
	int			i;

	switch (v->kind)
	{
		case VECTOR_INT:
			take_words(key, v, rows, n);
			return;
		case VECTOR_BOOL:
			for (i = 0; i < n; i++)
				key->room[i] = v->bools[rows[i]] != 0;
			break;
		case VECTOR_DATUM:
			for (i = 0; i < n; i++)
				key->room[i] = column_int(v->datums[rows[i]], key->type,
										  key->typlen);
			break;
		default:
			elog(ERROR, "unexpected vector of a key");
	}
	find_range(key, n);
}

static int64
float_bits(double value)
{
	int64		bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static double
float_of_bits(int64 bits)
{
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void
take_floats(AggKey *key, const Vector *v, const int *rows, int n)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		double		value;

		if (v->kind == VECTOR_FLOAT)
			value = v->floats[rows[i]];
		else if (key->has_tags && key->tags[i] == AGG_TAG_NULL)
			value = 0;
		else
			value = key->type == FLOAT4OID ?
				(double) DatumGetFloat4(v->datums[rows[i]]) :
				DatumGetFloat8(v->datums[rows[i]]);
		key->shown[i] = float_bits(value);
		key->room[i] = float_bits(isnan(value) ? (double) NAN : value + 0.0);
	}
	key->bounded = false;
}

/*---- numerics ---- */

/*
 * The word of value / 10^scale, if it has one.  Whether it does depends on the
 * value only, however it is written.
 */
static bool
numeric_word(const AggKey *key, int64 value, int scale, int64 *word)
{
	int64		factor;

	if (scale <= key->scale)
		return !pg_mul_s64_overflow(value, power_of_ten(key->scale - scale),
									word);
	factor = power_of_ten(scale - key->scale);
	*word = value / factor;
	return value % factor == 0;
}

static uint64
datum_hash(AggKey *key, Datum value)
{
	return agg_mix(DatumGetUInt32(FunctionCall1Coll(&key->hash, key->collation,
													value)));
}

static void
take_other_numeric(AggKey *key, int i, Datum value)
{
	key->room[i] = intern_datum(&key->intern, key, value,
								datum_hash(key, value));
	if (!key->has_tags)
		memset(key->tags, AGG_TAG_VALUE, COLUMN_VECTOR);
	key->has_tags = true;
	key->tags[i] = AGG_TAG_NUMBER;
	key->bounded = false;
}

/* One that is a scaled integer */
static void
take_scaled_numeric(AggKey *key, int i, int64 value, int scale)
{
	key->shown[i] = scale;
	if (!numeric_word(key, value, scale, &key->room[i]))
		take_other_numeric(key, i, vector_int_datum(value, NUMERICOID, scale));
}

static bool
unscale_datum(Datum datum, int *scale, int64 *value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(datum);

	*scale = -1;
	return numeric_unscale(VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), scale, value);
}

/* Any other; without its zeroes at the end it may be a scaled integer, too. */
static void
take_numeric_datum(AggKey *key, int i, Datum datum)
{
	Datum		trimmed;
	int64		value;
	int			scale;

	if (unscale_datum(datum, &scale, &value))
	{
		if (key->scale < 0)
			key->scale = scale;
		take_scaled_numeric(key, i, value, scale);
		return;
	}
	if (key->scale < 0)
		key->scale = 0;
	trimmed = DirectFunctionCall1(numeric_trim_scale, datum);
	if (unscale_datum(trimmed, &scale, &value) &&
		numeric_word(key, value, scale, &key->room[i]))
		key->shown[i] = DatumGetInt32(DirectFunctionCall1(numeric_scale, datum));
	else
		take_other_numeric(key, i, datum);
}

static void
take_numerics(AggKey *key, const Vector *v, const int *rows, int n)
{
	int			i;

	if (v->kind == VECTOR_INT && key->scale < 0)
		key->scale = v->scale;
	if (v->kind == VECTOR_INT && v->scale == key->scale)
	{
		take_words(key, v, rows, n);
		for (i = 0; i < n; i++)
			key->shown[i] = v->scale;
		return;
	}
	for (i = 0; i < n; i++)
	{
		if (key->has_tags && key->tags[i] == AGG_TAG_NULL)
			continue;
		if (v->kind == VECTOR_INT)
			take_scaled_numeric(key, i, v->ints[rows[i]], v->scale);
		else
			take_numeric_datum(key, i, v->datums[rows[i]]);
	}
	key->bounded = false;
}

/*---- interned values ---- */

static uint32
number_of_bytes(AggKey *key, const char *data, uint32 full)
{
	uint32		len = full;

	while (key->ignores_blanks && len > 0 && data[len - 1] == ' ')
		len--;
	return intern_bytes(&key->intern, data, len, full, intern_hash(data, len));
}

static uint32
number_of_datum(AggKey *key, Datum datum)
{
	struct varlena *value;

	if (key->typlen == -1)
		datum = PointerGetDatum(PG_DETOAST_DATUM_PACKED(datum));
	if (key->kind == AGG_KEY_DATUM)
		return intern_datum(&key->intern, key, datum, datum_hash(key, datum));
	if (key->typlen != -1)
		return number_of_bytes(key, DatumGetPointer(datum), key->typlen);
	value = (struct varlena *) DatumGetPointer(datum);
	return number_of_bytes(key, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

/* The number of a value that a vector has as bytes */
static uint32
number_of_value(AggKey *key, const ColumnBytes *bytes)
{
	if (key->kind == AGG_KEY_DATUM)
		return number_of_datum(key, vector_bytes_datum(bytes, key->type));
	return number_of_bytes(key, bytes->data, bytes->len);
}

/* No entry of a new dictionary has a number yet. */
static void
begin_dictionary(AggKey *key, const Vector *v)
{
	if (key->dictionary_id == v->dictionary_id)
		return;
	if (v->ndictionary > key->nnumbers)
	{
		MemoryContext context = GetMemoryChunkContext(key->room);

		if (key->numbers != NULL)
			pfree(key->numbers);
		key->nnumbers = v->ndictionary;
		key->numbers = MemoryContextAllocHuge(context, key->nnumbers *
											  sizeof(uint32));
	}
	memset(key->numbers, 0, v->ndictionary * sizeof(uint32));
	key->dictionary_id = v->dictionary_id;
}

/* The numbers + 1 of rows' codes; those of nulls may be outside. */
KEY_KERNEL void
take_numbers(const uint32 *numbers, uint32 n_numbers, const uint32 *codes,
			 const int *rows, int n, uint32 *out)
{
	if (rows_are_dense(rows, n))
	{
		for (int i = 0; i < n; i++)
			out[i] = numbers[codes[i] < n_numbers ? codes[i] : 0];
		return;
	}
	for (int i = 0; i < n; i++)
	{
		uint32		code = codes[rows[i]];

		out[i] = numbers[code < n_numbers ? code : 0];
	}
}

/* The same as words; true if some row without a tag has no number. */
KEY_KERNEL bool
numbers_to_words(const uint32 *numbers, const uint8 *tags, int n, int64 *words)
{
	uint32		missing = 0;

	for (int i = 0; i < n; i++)
	{
		words[i] = (int64) numbers[i] - 1;
		missing |= (uint32) ((numbers[i] == 0) & (tags[i] == 0));
	}
	return missing != 0;
}

/* Every entry of a dictionary is looked up once. */
static void
take_codes(AggKey *key, const Vector *v, const int *rows, int n)
{
	uint32		numbers[COLUMN_VECTOR];
	int			i;

	begin_dictionary(key, v);
	if (v->ndictionary == 0)
		return;
	if (!key->has_tags)
		memset(key->tags, 0, n);
	take_numbers(key->numbers, v->ndictionary, v->codes, rows, n, numbers);
	if (!numbers_to_words(numbers, key->tags, n, key->room))
		return;
	for (i = 0; i < n; i++)
	{
		uint32		code = v->codes[rows[i]];

		if (key->tags[i] != AGG_TAG_VALUE)
			continue;
		if (key->numbers[code] == 0)
			key->numbers[code] = number_of_value(key, &v->dictionary[code]) + 1;
		key->room[i] = key->numbers[code] - 1;
	}
}

static void
take_interned(AggKey *key, const Vector *v, const int *rows, int n)
{
	int			i;
	bool		isnull;

	if (v->kind == VECTOR_CODES)
		take_codes(key, v, rows, n);
	else
	{
		for (i = 0; i < n; i++)
		{
			if (key->has_tags && key->tags[i] == AGG_TAG_NULL)
				continue;
			key->room[i] = v->kind == VECTOR_BYTES ?
				number_of_value(key, &v->bytes[rows[i]]) :
				number_of_datum(key, vector_datum(v, rows[i], &isnull));
		}
	}
	key->bounded = !key->intern.complete;
	key->low = 0;
	key->high = Max(key->intern.n, 1) - 1;
}

/*
 * agg_key_take: makes words, and tags, of the values that a vector has for
 * nrows > 0 rows.  They are good until the next call.
 */
void
agg_key_take(AggKey *key, const Vector *v, const int *rows, int nrows)
{
	key->words = key->room;
	take_nulls(key, v, rows, nrows);
	switch (key->kind)
	{
		case AGG_KEY_INT:
			take_ints(key, v, rows, nrows);
			break;
		case AGG_KEY_FLOAT:
			take_floats(key, v, rows, nrows);
			break;
		case AGG_KEY_NUMERIC:
			take_numerics(key, v, rows, nrows);
			break;
		case AGG_KEY_BYTES:
		case AGG_KEY_DATUM:
			take_interned(key, v, rows, nrows);
			break;
	}
	if (key->has_tags)
		clear_nulls(key->room, key->tags, nrows);
}

/*
 * agg_key_take_datum: the same for one value, which becomes row 0.
 */
void
agg_key_take_datum(AggKey *key, Datum value, bool isnull)
{
	static const int row = 0;
	Vector		v;

	v.kind = VECTOR_DATUM;
	v.type = key->type;
	v.has_nulls = isnull;
	v.nulls[0] = isnull;
	v.datums = &value;
	if (isnull)
	{
		key->words = key->room;
		key->room[0] = 0;
		key->tags[0] = AGG_TAG_NULL;
		key->has_tags = true;
		key->bounded = false;
		return;
	}
	agg_key_take(key, &v, &row, 1);
}

/*---- back ---- */

static Datum
bytes_datum(const AggKey *key, const InternEntry *e)
{
	ColumnBytes bytes;

	bytes.data = e->data;
	bytes.len = e->full;
	return vector_bytes_datum(&bytes, key->type);
}

static Datum
numeric_datum(const AggKey *key, int64 word, int scale)
{
	Datum		value = vector_int_datum(word, NUMERICOID, key->scale);

	if (scale == key->scale)
		return value;
	return DirectFunctionCall2(numeric_round, value, Int32GetDatum(scale));
}

/*
 * agg_key_datum: the value of a word that is not null, in the current memory
 * context or as long as the key keeps it.
 */
Datum
agg_key_datum(const AggKey *key, int64 word, AggKeyTag tag, int64 shown)
{
	const InternEntry *e = &key->intern.entries[is_interned(key, tag) ? word : 0];

	if (tag == AGG_TAG_NUMBER)
		return PointerGetDatum(e->data);
	switch (key->kind)
	{
		case AGG_KEY_INT:
			return column_int_datum(word, key->typlen);
		case AGG_KEY_FLOAT:
			return key->type == FLOAT4OID ?
				Float4GetDatum((float4) float_of_bits(shown)) :
				Float8GetDatum(float_of_bits(shown));
		case AGG_KEY_NUMERIC:
			return numeric_datum(key, word, (int) shown);
		case AGG_KEY_BYTES:
			return bytes_datum(key, e);
		default:
			return PointerGetDatum(e->data);
	}
}

/*
 * agg_key_hash: of the value, whatever numbers values have.
 */
uint64
agg_key_hash(const AggKey *key, int64 word, AggKeyTag tag)
{
	if (tag == AGG_TAG_NULL)
		return NULL_HASH;
	return is_interned(key, tag) ? key->intern.entries[word].hash :
		agg_mix((uint64) word + 1);
}

/*---- as bytes, for files ---- */

/*
 * agg_key_write: appends a value to out.
 */
void
agg_key_write(const AggKey *key, int64 word, AggKeyTag tag, int64 shown,
			  StringInfo out)
{
	const InternEntry *e;
	uint8		byte = tag;

	appendBinaryStringInfo(out, (char *) &byte, 1);
	if (tag == AGG_TAG_NULL)
		return;
	if (!is_interned(key, tag))
	{
		appendBinaryStringInfo(out, (char *) &word, sizeof(word));
		if (key->shown != NULL)
			appendBinaryStringInfo(out, (char *) &shown, sizeof(shown));
		return;
	}
	e = &key->intern.entries[word];
	if (key->kind == AGG_KEY_BYTES)
	{
		appendBinaryStringInfo(out, (const char *) e, sizeof(InternEntry));
		appendBinaryStringInfo(out, e->data, e->full);
	}
	else
	{
		InternEntry copy = *e;
		Datum		value = PointerGetDatum(e->data);

		copy.full = key->typbyval ? sizeof(Datum) :
			(uint32) datumGetSize(value, false, key->typlen);
		appendBinaryStringInfo(out, (char *) &copy, sizeof(InternEntry));
		appendBinaryStringInfo(out, key->typbyval ? (char *) &value : e->data,
							   copy.full);
	}
}

static const char *
read_interned(AggKey *key, const char *data)
{
	InternEntry e;

	memcpy(&e, data, sizeof(e));
	data += sizeof(e);
	if (key->kind == AGG_KEY_BYTES)
		key->room[0] = intern_bytes(&key->intern, data, e.len, e.full, e.hash);
	else if (key->typbyval)
	{
		Datum		value;

		memcpy(&value, data, sizeof(value));
		key->room[0] = intern_datum(&key->intern, key, value, e.hash);
	}
	else
	{
		char	   *aligned = palloc(e.full);

		memcpy(aligned, data, e.full);
		key->room[0] = intern_datum(&key->intern, key,
									PointerGetDatum(aligned), e.hash);
		pfree(aligned);
	}
	return data + e.full;
}

/*
 * agg_key_read: takes a value that agg_key_write() wrote, as row 0; the end of
 * it.
 */
const char *
agg_key_read(AggKey *key, const char *data)
{
	key->words = key->room;
	key->tags[0] = (uint8) *data++;
	key->has_tags = key->tags[0] != AGG_TAG_VALUE;
	key->bounded = false;
	key->room[0] = 0;
	if (key->tags[0] == AGG_TAG_NULL)
		return data;
	if (is_interned(key, key->tags[0]))
		return read_interned(key, data);
	memcpy(&key->room[0], data, sizeof(int64));
	data += sizeof(int64);
	if (key->shown == NULL)
		return data;
	memcpy(&key->shown[0], data, sizeof(int64));
	return data + sizeof(int64);
}

/*
 * agg_key_reset: forgets all values.
 */
void
agg_key_reset(AggKey *key)
{
	intern_reset(&key->intern);
	if (key->numbers != NULL)
		pfree(key->numbers);
	key->numbers = NULL;
	key->nnumbers = 0;
	key->dictionary_id = 0;
}
