/*-------------------------------------------------------------------------
 *
 * columndict.c
 *	  Dictionaries: the distinct values in ascending order, and for each row
 *	  the number of its value as an encoded integer.
 *
 * Order is that of int64 for integers and bits of floats, and that of memcmp
 * and then of length for byte strings, whatever the type says; so a code is
 * smaller than another exactly if its value is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "column/columncodec.h"
#include "utils/memutils.h"

#define SAMPLE_VALUES	4096	/* to guess how many are distinct */
#define HEAP_MIN		1024	/* a smaller dictionary is not compressed */

/* A hash table of the numbers of distinct values */
typedef struct DictTable
{
	uint32	   *slots;			/* number + 1, 0: free */
	uint32		mask;
	uint32		n;
	uint32		room;			/* of the arrays below */
	uint32	   *hashes;
	int64	   *words;			/* one of these */
	ColumnBytes *bytes;
} DictTable;

/* A distinct value while it is sorted */
typedef struct DictEntry
{
	int64		word;
	ColumnBytes bytes;
	uint32		number;
} DictEntry;

/*---- hash table ---- */

static inline uint64
mix(uint64 word)
{
	word *= UINT64CONST(0xD6E8FEB86659FD93);
	return word ^ word >> 32;
}

static inline uint32
hash_word(int64 word)
{
	return (uint32) mix((uint64) word ^ UINT64CONST(0x9E3779B97F4A7C15));
}

/* Up to 7 bytes as a word; distinct for distinct bytes of the same number */
static inline uint64
load_tail(const char *at, uint32 n)
{
	const unsigned char *bytes = (const unsigned char *) at;

	if (n >= 4)
		return codec_load32(at) | (uint64) codec_load32(at + n - 4) << 32;
	if (n == 0)
		return 0;
	return bytes[0] | bytes[n / 2] << 8 | bytes[n - 1] << 16;
}

static inline uint32
hash_bytes_value(const ColumnBytes *value)
{
	uint64		hash = value->len;
	const char *at = value->data;
	uint32		left = value->len;

	for (; left >= 8; left -= 8, at += 8)
		hash = mix(hash ^ codec_load64(at));
	return (uint32) mix(hash ^ load_tail(at, left));
}

static inline bool
bytes_are_equal(const ColumnBytes *a, const ColumnBytes *b)
{
	const char *x = a->data;
	const char *y = b->data;
	uint32		left = a->len;

	if (a->len != b->len)
		return false;
	if (left > 64)
		return memcmp(x, y, left) == 0;
	for (; left >= 8; left -= 8, x += 8, y += 8)
	{
		if (codec_load64(x) != codec_load64(y))
			return false;
	}
	return load_tail(x, left) == load_tail(y, left);
}

static void
table_init(DictTable *table, bool bytes)
{
	memset(table, 0, sizeof(DictTable));
	table->mask = 1023;
	table->room = 512;
	table->slots = palloc0((table->mask + 1) * sizeof(uint32));
	table->hashes = palloc(table->room * sizeof(uint32));
	if (bytes)
		table->bytes = palloc(table->room * sizeof(ColumnBytes));
	else
		table->words = palloc(table->room * sizeof(int64));
}

static void
table_free(DictTable *table)
{
	pfree(table->slots);
	pfree(table->hashes);
	if (table->bytes != NULL)
		pfree(table->bytes);
	if (table->words != NULL)
		pfree(table->words);
}

/* Twice the room for values; half of the slots stay free. */
static void
table_grow(DictTable *table)
{
	table->room *= 2;
	table->mask = table->room * 2 - 1;
	table->hashes = repalloc_huge(table->hashes, table->room * sizeof(uint32));
	if (table->bytes != NULL)
		table->bytes = repalloc_huge(table->bytes,
									 table->room * sizeof(ColumnBytes));
	else
		table->words = repalloc_huge(table->words, table->room * sizeof(int64));
	pfree(table->slots);
	table->slots = palloc0((table->mask + 1) * sizeof(uint32));
	for (uint32 i = 0; i < table->n; i++)
	{
		uint32		at = table->hashes[i] & table->mask;

		while (table->slots[at] != 0)
			at = (at + 1) & table->mask;
		table->slots[at] = i + 1;
	}
}

static inline uint32
add_word(DictTable *table, int64 word)
{
	uint32		hash = hash_word(word);
	uint32		at = hash & table->mask;

	for (; table->slots[at] != 0; at = (at + 1) & table->mask)
	{
		if (table->words[table->slots[at] - 1] == word)
			return table->slots[at] - 1;
	}
	table->hashes[table->n] = hash;
	table->words[table->n] = word;
	table->slots[at] = ++table->n;
	if (table->n == table->room)
		table_grow(table);
	return table->n - 1;
}

static inline uint32
add_bytes(DictTable *table, const ColumnBytes *value)
{
	uint32		hash = hash_bytes_value(value);
	uint32		at = hash & table->mask;

	for (; table->slots[at] != 0; at = (at + 1) & table->mask)
	{
		uint32		number = table->slots[at] - 1;

		if (table->hashes[number] == hash &&
			bytes_are_equal(&table->bytes[number], value))
			return number;
	}
	table->hashes[table->n] = hash;
	table->bytes[table->n] = *value;
	table->slots[at] = ++table->n;
	if (table->n == table->room)
		table_grow(table);
	return table->n - 1;
}

/*
 * How many distinct values a sample of n values has, if they are few enough
 * for a dictionary, otherwise 0.  Looks at either ints or bytes.
 */
uint32
codec_dict_guess(const CodecInts *ints, const ColumnBytes *bytes, uint32 n)
{
	DictTable	table;
	uint32		step = Max(n / SAMPLE_VALUES, 1);
	uint32		seen = 0;
	uint32		result;

	table_init(&table, bytes != NULL);
	for (uint32 i = 0; i < n; i += step, seen++)
	{
		if (bytes != NULL)
			add_bytes(&table, &bytes[i]);
		else
			add_word(&table, ints->values[i]);
	}
	result = table.n <= seen / 2 + 1 ? table.n : 0;
	table_free(&table);
	return result;
}

/*---- encoding ---- */

static int
compare_entries_words(const void *a, const void *b)
{
	int64		x = ((const DictEntry *) a)->word;
	int64		y = ((const DictEntry *) b)->word;

	return x < y ? -1 : x > y;
}

static int
compare_entries_bytes(const void *a, const void *b)
{
	const ColumnBytes *x = &((const DictEntry *) a)->bytes;
	const ColumnBytes *y = &((const DictEntry *) b)->bytes;
	uint32		shorter = Min(x->len, y->len);
	int			cmp = shorter == 0 ? 0 : memcmp(x->data, y->data, shorter);

	return cmp != 0 ? cmp : x->len < y->len ? -1 : x->len > y->len;
}

/* Sorts the distinct values, and gives each code its new number. */
static void
sort_table(DictTable *table, int64 *codes, uint32 n)
{
	DictEntry  *entries = palloc_extended(table->n * sizeof(DictEntry),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	uint32	   *renumber = palloc(table->n * sizeof(uint32));

	for (uint32 i = 0; i < table->n; i++)
	{
		entries[i].number = i;
		if (table->bytes != NULL)
			entries[i].bytes = table->bytes[i];
		else
			entries[i].word = table->words[i];
	}
	qsort(entries, table->n, sizeof(DictEntry), table->bytes != NULL ?
		  compare_entries_bytes : compare_entries_words);
	for (uint32 i = 0; i < table->n; i++)
	{
		renumber[entries[i].number] = i;
		if (table->bytes != NULL)
			table->bytes[i] = entries[i].bytes;
		else
			table->words[i] = entries[i].word;
	}
	for (uint32 i = 0; i < n; i++)
		codes[i] = renumber[codes[i]];
	pfree(entries);
	pfree(renumber);
}

/* Appends numbers that need no random access of their own, as a part. */
static void
append_numbers(CodecBuffer *buf, const int64 *values, int n)
{
	CodecInts	in;
	uint32	   *start = codec_plain_starts(n, &in.nvectors);
	Size		begin = codec_begin_part(buf);
	Size		nbytes;

	in.values = values;
	in.start = start;
	codec_ints_encode(buf, codec_ints_choose(&in, &nbytes), &in);
	codec_end_part(buf, begin);
	pfree(start);
}

static void
append_codes(CodecBuffer *buf, const int64 *codes, const uint32 *start,
			 int nvectors)
{
	CodecInts	in = {codes, start, nvectors};
	Size		nbytes;

	codec_ints_encode(buf, codec_ints_choose(&in, &nbytes), &in);
}

/*
 * Appends integers as dictionary and codes, and tells stats of them.  False,
 * and nothing appended, if more than max_entries are distinct.
 */
bool
codec_dict_ints(CodecBuffer *buf, const CodecInts *in, uint32 max_entries,
				ColumnStats *stats)
{
	uint32		n = in->start[in->nvectors];
	int64	   *codes = palloc_extended(n * sizeof(int64), MCXT_ALLOC_HUGE);
	DictTable	table;
	bool		result;

	table_init(&table, false);
	for (uint32 i = 0; i < n && table.n <= max_entries; i++)
		codes[i] = add_word(&table, in->values[i]);
	result = table.n <= max_entries;
	if (result)
	{
		sort_table(&table, codes, n);
		codec_append32(buf, table.n);
		append_numbers(buf, table.words, table.n);
		append_codes(buf, codes, in->start, in->nvectors);
		stats->ndistinct = table.n;
	}
	table_free(&table);
	pfree(codes);
	return result;
}

/* The bytes of all entries one after the other, compressed if that helps */
static void
append_heap(CodecBuffer *buf, const ColumnBytes *bytes, uint32 n)
{
	CodecBuffer heap;
	Size		room;
	Size		size = 0;
	Size		begin;

	codec_init(&heap, 0);
	for (uint32 i = 0; i < n; i++)
		codec_append(&heap, bytes[i].data, bytes[i].len);
	codec_append32(buf, heap.len);
	begin = codec_begin_part(buf);
	room = heap.len - heap.len / 8;
	if (heap.len >= HEAP_MIN)
	{
		size = codec_compress(COLUMN_CODEC_ZSTD, heap.data, heap.len,
							  codec_extend(buf, room), room);
		buf->len = begin + size;
	}
	if (size == 0)
		codec_append(buf, heap.data, heap.len);
	codec_end_part(buf, begin);
	pfree(heap.data);
}

static void
append_entries(CodecBuffer *buf, const ColumnBytes *bytes, uint32 n)
{
	int64	   *lengths = palloc(n * sizeof(int64));

	for (uint32 i = 0; i < n; i++)
		lengths[i] = bytes[i].len;
	codec_append32(buf, n);
	append_numbers(buf, lengths, n);
	append_heap(buf, bytes, n);
	pfree(lengths);
}

/* The same for byte strings; stats also learns their range. */
bool
codec_dict_bytes(CodecBuffer *buf, const ColumnBytes *values,
				 const uint32 *start, int nvectors, uint32 max_entries,
				 ColumnStats *stats)
{
	uint32		n = start[nvectors];
	int64	   *codes = palloc_extended(n * sizeof(int64), MCXT_ALLOC_HUGE);
	DictTable	table;
	bool		result;

	table_init(&table, true);
	for (uint32 i = 0; i < n && table.n <= max_entries; i++)
		codes[i] = add_bytes(&table, &values[i]);
	result = table.n <= max_entries;
	if (result)
	{
		sort_table(&table, codes, n);
		append_entries(buf, table.bytes, table.n);
		append_codes(buf, codes, start, nvectors);
		stats->ndistinct = table.n;
		stats->min_bytes = table.bytes[0];
		stats->max_bytes = table.bytes[table.n - 1];
		stats->has_bytes = true;
	}
	table_free(&table);
	pfree(codes);
	return result;
}

/*---- decoding ---- */

/* Takes n numbers that append_numbers wrote off the input. */
static bool
take_numbers(CodecInput *in, int n, int64 *out, const char **problem)
{
	CodecInput	part;
	CodecStream stream;
	uint32	   *start;
	int			nvectors;
	bool		good;

	*problem = "dictionary is cut off";
	if (!codec_take_part(in, &part))
		return false;
	start = codec_plain_starts(n, &nvectors);
	good = codec_ints_open(&stream, part, start, nvectors, problem);
	for (int v = 0; v < nvectors && good; v++)
	{
		int64		values[COLUMN_VECTOR];

		good = codec_ints_decode(&stream, v, values, problem);
		if (good)
			memcpy(out + start[v], values, (start[v + 1] - start[v]) * sizeof(int64));
	}
	codec_ints_close(&stream);
	pfree(start);
	return good;
}

/* Takes the bytes of all entries off the input; *heap points to them. */
static bool
take_heap(CodecDict *dict, CodecInput *in, CodecInput *heap)
{
	uint32		size;

	if (!codec_take32(in, &size) || !codec_take_part(in, heap))
		return false;
	if (heap->len == size)
		return true;
	if (size > MaxAllocSize || !codec_expands_to(COLUMN_CODEC_ZSTD, heap->len, size))
		return false;
	dict->heap = palloc(size);
	if (!codec_decompress(COLUMN_CODEC_ZSTD, heap->data, heap->len, dict->heap, size))
		return false;
	heap->data = dict->heap;
	heap->len = size;
	return true;
}

static bool
open_bytes(CodecDict *dict, CodecInput *in, const char **problem)
{
	int64	   *lengths = palloc(dict->n * sizeof(int64));
	CodecInput	heap;
	bool		good = take_numbers(in, dict->n, lengths, problem);

	dict->bytes = palloc(dict->n * sizeof(ColumnBytes));
	if (good)
	{
		*problem = "damaged dictionary";
		good = take_heap(dict, in, &heap);
	}
	for (int i = 0; i < dict->n && good; i++)
	{
		good = lengths[i] >= 0 && (uint64) lengths[i] <= heap.len;
		if (!good)
			break;
		dict->bytes[i].len = (uint32) lengths[i];
		codec_take(&heap, (Size) lengths[i], &dict->bytes[i].data);
	}
	pfree(lengths);
	return good && heap.len == 0;
}

/*
 * Opens all of the input as a dictionary and the codes of the values that
 * start and nvectors describe.  False with a problem if it is none;
 * codec_dict_close is to be called in any case.
 */
bool
codec_dict_open(CodecDict *dict, bool bytes, CodecInput in,
				const uint32 *start, int nvectors, const char **problem)
{
	uint32		n;

	memset(dict, 0, sizeof(CodecDict));
	*problem = "wrong size of a dictionary";
	if (!codec_take32(&in, &n) || n == 0 || n > start[nvectors])
		return false;
	dict->n = n;
	if (bytes)
	{
		if (!open_bytes(dict, &in, problem))
			return false;
	}
	else
	{
		dict->words = palloc(n * sizeof(int64));
		if (!take_numbers(&in, n, dict->words, problem))
			return false;
	}
	return codec_ints_open(&dict->codes, in, start, nvectors, problem);
}

/* The codes of the values of vector v, each smaller than dict->n */
bool
codec_dict_codes(const CodecDict *dict, int v, uint32 *codes,
				 const char **problem)
{
	return codec_ints_decode32(&dict->codes, v, dict->n, codes, problem);
}

/* Frees what codec_dict_open allocated. */
void
codec_dict_close(CodecDict *dict)
{
	if (dict->bytes != NULL)
		pfree(dict->bytes);
	if (dict->words != NULL)
		pfree(dict->words);
	if (dict->heap != NULL)
		pfree(dict->heap);
	codec_ints_close(&dict->codes);
}
