/*-------------------------------------------------------------------------
 *
 * columncodec.c
 *	  One column of a segment as one string of bytes, the "blob": choice of
 *	  the encoding, header with checksum, reading vector by vector.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "column/columncodec.h"
#include "port/pg_bitutils.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"

#define BLOB_MAGIC		0x4C4F434F	/* "OCOL" */

/* In front of the nulls and the body */
typedef struct BlobHeader
{
	uint32		magic;
	pg_crc32c	crc;			/* of all that follows it */
	uint32		nbytes;			/* of the whole blob */
	uint32		nrows;
	uint32		nnulls;
	uint8		class;
	uint8		codec;
	uint16		version;
} BlobHeader;

#define BLOB_VERSION	1

struct ColumnReader
{
	ColumnClass class;
	ColumnCodec codec;
	int			nrows;
	int			nnulls;
	int			nvectors;
	uint32	   *start;			/* values in front of each vector, and of all */
	uint32	   *null_offsets;
	const char *nulls;
	CodecStream numbers;
	CodecDict	dict;
	CodecAlp	alp;
	CodecBlocks blocks;
	ColumnBytes constant;
};

/* The values of a column without the nulls */
typedef struct DenseValues
{
	ColumnClass class;
	CodecInts	ints;			/* integers, bits of floats */
	const ColumnBytes *bytes;
	uint32		n;
	int			nvectors;
	uint32	   *start;
	CodecAlpPlan alp;			/* floats: made when ALP is considered */
	void	   *memory;			/* what is to be freed */
} DenseValues;

/*---- values without nulls ---- */

static uint32 *
count_starts(const ColumnValues *values, int *nvectors)
{
	uint32	   *start = codec_plain_starts(values->nrows, nvectors);
	uint32		count = 0;

	if (values->nulls == NULL)
		return start;
	for (int i = 0; i < values->nrows; i++)
	{
		if (i % COLUMN_VECTOR == 0)
			start[i / COLUMN_VECTOR] = count;
		count += !values->nulls[i];
	}
	start[*nvectors] = count;
	return start;
}

/*
 * Integers, or bits of floats.  A null is written, too, and overwritten by
 * what follows; there is room for one behind the last value.
 */
static int64 *
dense_words(const ColumnValues *values, uint32 n)
{
	int64	   *words = palloc_extended(((Size) n + 1) * sizeof(int64),
										MCXT_ALLOC_HUGE);
	const int64 *wide = (const int64 *) values->floats8;
	const int32 *narrow = (const int32 *) values->floats4;
	const bool *nulls = values->nulls;
	uint32		count = 0;

	if (values->class == COLUMN_INT)
		wide = values->ints;
	if (values->class == COLUMN_FLOAT4)
	{
		for (int i = 0; i < values->nrows; i++)
		{
			words[count] = (uint32) narrow[i];
			count += nulls == NULL || !nulls[i];
		}
	}
	else if (nulls == NULL)
		memcpy(words, wide, n * sizeof(int64));
	else
	{
		for (int i = 0; i < values->nrows; i++)
		{
			words[count] = wide[i];
			count += !nulls[i];
		}
	}
	return words;
}

static ColumnBytes *
dense_bytes(const ColumnValues *values, uint32 n)
{
	ColumnBytes *bytes = palloc_extended(((Size) n + 1) * sizeof(ColumnBytes),
										 MCXT_ALLOC_HUGE);
	uint32		count = 0;

	for (int i = 0; i < values->nrows; i++)
	{
		bytes[count] = values->bytes[i];
		count += !values->nulls[i];
	}
	return bytes;
}

static void
make_dense(const ColumnValues *values, DenseValues *dense)
{
	memset(dense, 0, sizeof(DenseValues));
	dense->class = values->class;
	dense->start = count_starts(values, &dense->nvectors);
	dense->n = dense->start[dense->nvectors];
	if (values->class == COLUMN_BYTES)
	{
		dense->bytes = values->bytes;
		if (values->nulls != NULL)
			dense->bytes = dense->memory = dense_bytes(values, dense->n);
		return;
	}
	dense->ints.values = values->ints;
	if (values->nulls != NULL || values->class != COLUMN_INT)
		dense->ints.values = dense->memory = dense_words(values, dense->n);
	dense->ints.start = dense->start;
	dense->ints.nvectors = dense->nvectors;
}

static void
free_dense(DenseValues *dense)
{
	pfree(dense->start);
	if (dense->memory != NULL)
		pfree(dense->memory);
}

/*---- bodies ---- */

static bool
bytes_are_constant(const DenseValues *dense)
{
	const ColumnBytes *first = &dense->bytes[0];

	for (uint32 i = 1; i < dense->n; i++)
	{
		const ColumnBytes *value = &dense->bytes[i];

		if (value->len != first->len ||
			(first->len > 0 && memcmp(value->data, first->data, first->len) != 0))
			return false;
	}
	return true;
}

static bool
append_dictionary(CodecBuffer *buf, const DenseValues *dense, uint32 max,
				  ColumnStats *stats)
{
	if (dense->class == COLUMN_BYTES)
		return codec_dict_bytes(buf, dense->bytes, dense->start,
								dense->nvectors, max, stats);
	return codec_dict_ints(buf, &dense->ints, max, stats);
}

static void
append_alp(CodecBuffer *buf, DenseValues *dense)
{
	bool		single = dense->class == COLUMN_FLOAT4;

	if (dense->alp.npairs == 0)
		codec_alp_plan(&dense->ints, single, &dense->alp);
	codec_alp_encode(buf, &dense->ints, single, &dense->alp);
}

/* Appends the values in a given encoding; false if it does not suit them. */
static bool
append_body(CodecBuffer *buf, ColumnCodec codec, DenseValues *dense,
			ColumnStats *stats)
{
	bool		bytes = dense->class == COLUMN_BYTES;

	stats->codec = codec;
	switch (codec)
	{
		case COLUMN_CODEC_NULL:
			return dense->n == 0;
		case COLUMN_CODEC_CONSTANT:
			if (dense->n == 0)
				return false;
			if (bytes)
			{
				if (!bytes_are_constant(dense))
					return false;
				codec_append(buf, dense->bytes[0].data, dense->bytes[0].len);
				return true;
			}
			if (codec_count_changes(dense->ints.values, dense->n) > 0)
				return false;
			break;
		case COLUMN_CODEC_DICT:
			return dense->n > 0 && append_dictionary(buf, dense, dense->n, stats);
		case COLUMN_CODEC_ALP:
			if (dense->n == 0 || (dense->class != COLUMN_FLOAT4 &&
								  dense->class != COLUMN_FLOAT8))
				return false;
			append_alp(buf, dense);
			return true;
		case COLUMN_CODEC_LZ4:
		case COLUMN_CODEC_ZSTD:
			if (!bytes)
				return false;
			break;
		case COLUMN_CODEC_PLAIN:
			break;
		default:
			if (bytes)
				return false;
			break;
	}
	if (dense->n == 0)
		return false;
	if (bytes)
		codec_blocks_encode(buf, codec, dense->bytes, dense->start, dense->nvectors);
	else
		codec_ints_encode(buf, codec, &dense->ints);
	return true;
}

/*---- choice ---- */

static Size
total_bytes(const DenseValues *dense)
{
	Size		total = 0;

	for (uint32 i = 0; i < dense->n; i++)
		total += dense->bytes[i].len;
	return total;
}

static uint32
guess_distinct(const DenseValues *dense)
{
	if (dense->class == COLUMN_BYTES)
		return codec_dict_guess(NULL, dense->bytes, dense->n);
	return codec_dict_guess(&dense->ints, NULL, dense->n);
}

/*
 * Appends a dictionary if it may be and is smaller than other_size; returns
 * whether it did.  guess is what guess_distinct said.
 */
static bool
try_dictionary(CodecBuffer *buf, const DenseValues *dense, uint32 guess,
			   Size other_size, ColumnStats *stats)
{
	bool		bytes = dense->class == COLUMN_BYTES;
	uint32		max = bytes ? dense->n / 2 : Min(dense->n / 8, 65536);
	Size		begin = buf->len;
	int			width = 0;

	while (guess > 1 && (guess - 1) >> width > 0)
		width++;
	if (guess == 0 || (Size) dense->n * width / 8 > other_size)
		return false;
	if (append_dictionary(buf, dense, max, stats) && buf->len - begin <= other_size)
	{
		stats->codec = COLUMN_CODEC_DICT;
		return true;
	}
	buf->len = begin;
	stats->ndistinct = 0;
	return false;
}

static void
choose_bytes(CodecBuffer *buf, DenseValues *dense, ColumnStats *stats)
{
	uint32		guess = guess_distinct(dense);
	Size		total = total_bytes(dense);
	Size		size;
	ColumnCodec codec;

	if (guess == 1 && bytes_are_constant(dense))
	{
		append_body(buf, COLUMN_CODEC_CONSTANT, dense, stats);
		return;
	}
	/* few short strings: no need to try anything else */
	if (guess > 0 && guess <= dense->n / 64 &&
		try_dictionary(buf, dense, guess, total / 4, stats))
		return;
	codec = codec_blocks_choose(dense->bytes, dense->n, total, &size);
	/* lengths and places come on top; codes are worth a quarter more */
	size += size / 4 + dense->n / 4 + dense->nvectors * 20;
	if (!try_dictionary(buf, dense, guess, size, stats))
		append_body(buf, codec, dense, stats);
}

static void
choose_words(CodecBuffer *buf, DenseValues *dense, ColumnStats *stats)
{
	Size		size;
	ColumnCodec codec = codec_ints_choose(&dense->ints, &size);

	if (codec != COLUMN_CODEC_CONSTANT && dense->class != COLUMN_INT)
	{
		Size		alp = codec_alp_plan(&dense->ints,
										 dense->class == COLUMN_FLOAT4,
										 &dense->alp);

		if (alp < size)
		{
			codec = COLUMN_CODEC_ALP;
			size = alp;
		}
	}
	if (codec == COLUMN_CODEC_CONSTANT || size < dense->n / 8 ||
		!try_dictionary(buf, dense, guess_distinct(dense), size - size / 4, stats))
		append_body(buf, codec, dense, stats);
}

/*---- the blob ---- */

static void
finish_blob(CodecBuffer *buf, const ColumnValues *values, ColumnStats *stats)
{
	BlobHeader	header;

	memset(&header, 0, sizeof(header));
	header.magic = BLOB_MAGIC;
	header.nbytes = stats->nbytes = (uint32) buf->len;
	header.nrows = values->nrows;
	header.nnulls = stats->nnulls;
	header.class = values->class;
	header.codec = stats->codec;
	header.version = BLOB_VERSION;
	memcpy(buf->data, &header, sizeof(header));
	INIT_CRC32C(header.crc);
	COMP_CRC32C(header.crc, buf->data + offsetof(BlobHeader, nbytes),
				buf->len - offsetof(BlobHeader, nbytes));
	FIN_CRC32C(header.crc);
	memcpy(buf->data, &header, sizeof(header));
}

/*
 * Encodes a column as column_encode does, but with a given encoding; with
 * codec 0 the smallest is chosen.  NULL also if the encoding does not suit
 * the values: CONSTANT for values that differ, NULL for values, ALP for other
 * than floats, LZ4 for other than byte strings, and so on.
 */
char *
column_encode_as(const ColumnValues *values, ColumnCodec codec,
				 uint32 *nbytes, ColumnStats *stats)
{
	CodecBuffer buf;
	DenseValues dense;
	bool		done = true;

	make_dense(values, &dense);
	if (values->class == COLUMN_BYTES && total_bytes(&dense) > COLUMN_MAX_BYTES)
	{
		free_dense(&dense);
		return NULL;
	}
	memset(stats, 0, sizeof(ColumnStats));
	stats->nnulls = values->nrows - dense.n;
	if (values->class != COLUMN_BYTES)
		codec_stats_words(values->class, dense.ints.values, dense.n, stats);
	codec_init(&buf, sizeof(BlobHeader) + values->nrows);
	codec_extend(&buf, sizeof(BlobHeader));
	if (stats->nnulls > 0 && dense.n > 0)
		codec_nulls_encode(&buf, values->nulls, values->nrows);
	if (codec != 0)
		done = append_body(&buf, codec, &dense, stats);
	else if (dense.n == 0)
		append_body(&buf, COLUMN_CODEC_NULL, &dense, stats);
	else if (values->class == COLUMN_BYTES)
		choose_bytes(&buf, &dense, stats);
	else
		choose_words(&buf, &dense, stats);
	if (values->class == COLUMN_BYTES)
		codec_stats_bytes(dense.bytes, dense.n, stats);
	free_dense(&dense);
	if (!done || buf.len > COLUMN_MAX_BLOB)
	{
		pfree(buf.data);
		return NULL;
	}
	finish_blob(&buf, values, stats);
	*nbytes = (uint32) buf.len;
	return buf.data;
}

/*
 * Encodes a column; returns the blob, palloc'd, of *nbytes bytes, and fills
 * *stats.  NULL if byte strings together have more than COLUMN_MAX_BYTES: the
 * caller then takes fewer rows.
 */
char *
column_encode(const ColumnValues *values, uint32 *nbytes, ColumnStats *stats)
{
	return column_encode_as(values, 0, nbytes, stats);
}

static bool
check_header(const char *blob, uint32 nbytes, BlobHeader *header,
			 const char **problem)
{
	pg_crc32c	crc;

	*problem = "column is cut off";
	if (nbytes < sizeof(BlobHeader))
		return false;
	memcpy(header, blob, sizeof(BlobHeader));
	*problem = "column does not begin as one";
	if (header->magic != BLOB_MAGIC)
		return false;
	*problem = "column has another length";
	if (header->nbytes != nbytes)
		return false;
	*problem = "column has a wrong checksum";
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, blob + offsetof(BlobHeader, nbytes),
				nbytes - offsetof(BlobHeader, nbytes));
	FIN_CRC32C(crc);
	if (!EQ_CRC32C(crc, header->crc))
		return false;
	*problem = "column is of an unknown version";
	if (header->version != BLOB_VERSION)
		return false;
	*problem = "column has impossible numbers of rows";
	if (header->nrows < 1 || header->nrows > COLUMN_MAX_ROWS ||
		header->nnulls > header->nrows)
		return false;
	*problem = "column is of an unknown class";
	return header->class >= COLUMN_INT && header->class <= COLUMN_BYTES;
}

static bool
open_nulls(ColumnReader *reader, CodecInput *in, const char **problem)
{
	Size		size = (reader->nvectors + 1) * sizeof(uint32);

	if (reader->nnulls == 0)
	{
		reader->start = codec_plain_starts(reader->nrows, &reader->nvectors);
		return true;
	}
	reader->start = palloc0(size);
	if (reader->nnulls == reader->nrows)
		return true;
	reader->null_offsets = palloc0(size);
	reader->nulls = in->data + reader->nvectors * sizeof(uint16);
	return codec_nulls_open(in, reader->nrows, reader->nnulls, reader->start,
							reader->null_offsets, problem);
}

static bool
open_body(ColumnReader *reader, CodecInput in, const char **problem)
{
	bool		bytes = reader->class == COLUMN_BYTES;

	*problem = "encoding and nulls contradict each other";
	if ((reader->codec == COLUMN_CODEC_NULL) != (reader->nnulls == reader->nrows))
		return false;
	switch (reader->codec)
	{
		case COLUMN_CODEC_NULL:
			*problem = "values of a column that is all null";
			return in.len == 0;
		case COLUMN_CODEC_DICT:
			return codec_dict_open(&reader->dict, bytes, in, reader->start,
								   reader->nvectors, problem);
		case COLUMN_CODEC_ALP:
			*problem = "encoding of another class";
			return (reader->class == COLUMN_FLOAT4 || reader->class == COLUMN_FLOAT8) &&
				codec_alp_open(&reader->alp, in, reader->start,
							   reader->nvectors, problem);
		case COLUMN_CODEC_LZ4:
		case COLUMN_CODEC_ZSTD:
		case COLUMN_CODEC_PLAIN:
			if (bytes)
				return codec_blocks_open(&reader->blocks, reader->codec, in,
										 reader->start, reader->nvectors, problem);
			break;
		case COLUMN_CODEC_CONSTANT:
			reader->constant.data = in.data;
			reader->constant.len = in.len;
			if (bytes)
				return true;
			break;
		default:
			break;
	}
	*problem = "encoding of another class";
	if (bytes || !codec_ints_open(&reader->numbers, in, reader->start,
								  reader->nvectors, problem))
		return false;
	*problem = "encodings contradict each other";
	return reader->numbers.codec == reader->codec;
}

/*
 * Opens a blob, which must stay until column_close.  Memory comes from the
 * current context.  NULL with a problem if it is damaged; the checksum is
 * one of the things checked.
 */
ColumnReader *
column_open(const char *blob, uint32 nbytes, const char **problem)
{
	ColumnReader *reader;
	BlobHeader	header;
	CodecInput	in = {blob + sizeof(BlobHeader), 0};

	if (!check_header(blob, nbytes, &header, problem))
		return NULL;
	in.len = nbytes - sizeof(BlobHeader);
	reader = palloc0(sizeof(ColumnReader));
	reader->class = (ColumnClass) header.class;
	reader->codec = (ColumnCodec) header.codec;
	reader->nrows = header.nrows;
	reader->nnulls = header.nnulls;
	reader->nvectors = (header.nrows + COLUMN_VECTOR - 1) / COLUMN_VECTOR;
	if (!open_nulls(reader, &in, problem) || !open_body(reader, in, problem))
	{
		column_close(reader);
		return NULL;
	}
	*problem = NULL;
	return reader;
}

/* Rows of the column, nulls included: 1 to COLUMN_MAX_ROWS */
int
column_rows(const ColumnReader *reader)
{
	return reader->nrows;
}

/* The class that it was encoded with */
ColumnClass
column_class(const ColumnReader *reader)
{
	return reader->class;
}

/* The encoding that was chosen */
ColumnCodec
column_codec(const ColumnReader *reader)
{
	return reader->codec;
}

/*---- vectors ---- */

static int
vector_rows(const ColumnReader *reader, int vector)
{
	Assert(vector >= 0 && vector < reader->nvectors);
	return Min(COLUMN_VECTOR, reader->nrows - vector * COLUMN_VECTOR);
}

/*
 * Which rows of a vector are null: a bit set for each in the COLUMN_VECTOR
 * bits of nulls.  *has_nulls says whether there are any.  False with a
 * problem if the data is damaged.
 */
bool
column_nulls(const ColumnReader *reader, int vector, uint64 *nulls,
			 bool *has_nulls, const char **problem)
{
	int			n = vector_rows(reader, vector);
	int			count = n - (reader->start[vector + 1] - reader->start[vector]);

	*has_nulls = count > 0;
	if (count == 0 || count == n)
	{
		memset(nulls, 0, COLUMN_VECTOR / 8);
		for (int i = 0; i < count; i++)
			nulls[i / 64] |= UINT64CONST(1) << (i % 64);
		return true;
	}
	return codec_nulls_decode(reader->nulls + reader->null_offsets[vector], n,
							  count, nulls, problem);
}

/* Values are few among n rows: worth looking for each of them alone */
static inline bool
values_are_few(int n, int count)
{
	return count < n / 4;
}

/* The rows, among n, that are not null */
static void
find_values(const uint64 *nulls, int n, uint16 *rows)
{
	for (int w = 0; w * 64 < n; w++)
	{
		uint64		present = ~nulls[w];

		if (n - w * 64 < 64)
			present &= (UINT64CONST(1) << (n - w * 64)) - 1;
		for (; present != 0; present &= present - 1)
			*rows++ = (uint16) (w * 64 + pg_rightmost_one_pos64(present));
	}
}

/*
 * Spreads count values over n rows, those that are null get zero, without a
 * branch that could be mispredicted.
 */
static void
spread_words(uint64 *words, int n, int count, const uint64 *nulls)
{
	uint64		from[COLUMN_VECTOR + 1];
	uint16		rows[COLUMN_VECTOR];
	int			at = 0;

	memcpy(from, words, count * sizeof(uint64));
	from[count] = 0;
	if (values_are_few(n, count))
	{
		memset(words, 0, n * sizeof(uint64));
		find_values(nulls, n, rows);
		for (; at < count; at++)
			words[rows[at]] = from[at];
		return;
	}
	for (int i = 0; i < n;)
	{
		uint64		present = ~nulls[i / 64];

		for (int end = Min(i + 64, n); i < end; i++, present >>= 1)
		{
			words[i] = from[at] & -(present & 1);
			at += present & 1;
		}
	}
}

/* The same for 32-bit words; nulls get what is given. */
static void
spread_halves(uint32 *halves, int n, int count, const uint64 *nulls,
			  uint32 filler)
{
	uint32		from[COLUMN_VECTOR + 1];
	uint16		rows[COLUMN_VECTOR];
	int			at = 0;

	memcpy(from, halves, count * sizeof(uint32));
	from[count] = 0;
	if (values_are_few(n, count))
	{
		for (int i = 0; i < n; i++)
			halves[i] = filler;
		find_values(nulls, n, rows);
		for (; at < count; at++)
			halves[rows[at]] = from[at];
		return;
	}
	for (int i = 0; i < n;)
	{
		uint64		present = ~nulls[i / 64];

		for (int end = Min(i + 64, n); i < end; i++, present >>= 1)
		{
			uint32		mask = -(uint32) (present & 1);

			halves[i] = (from[at] & mask) | (filler & ~mask);
			at += present & 1;
		}
	}
}

static void
spread_bytes(ColumnBytes *bytes, int n, int count, const uint64 *nulls)
{
	static const ColumnBytes empty = {"", 0};
	ColumnBytes from[COLUMN_VECTOR + 1];
	uint16		rows[COLUMN_VECTOR];
	int			at = 0;

	memcpy(from, bytes, count * sizeof(ColumnBytes));
	from[count] = empty;
	if (values_are_few(n, count))
	{
		for (int i = 0; i < n; i++)
			bytes[i] = empty;
		find_values(nulls, n, rows);
		for (; at < count; at++)
			bytes[rows[at]] = from[at];
		return;
	}
	for (int i = 0; i < n;)
	{
		uint64		present = ~nulls[i / 64];

		for (int end = Min(i + 64, n); i < end; i++, present >>= 1)
		{
			bytes[i].data = from[at].data;
			bytes[i].len = from[at].len & -(uint32) (present & 1);
			at += present & 1;
		}
	}
}

static void
spread_values(const ColumnReader *reader, ColumnVector *out, int count)
{
	if (reader->class == COLUMN_BYTES)
		spread_bytes(out->v.bytes, out->n, count, out->nulls);
	else if (reader->class == COLUMN_FLOAT4)
		spread_halves((uint32 *) out->v.floats4, out->n, count, out->nulls, 0);
	else
		spread_words((uint64 *) out->v.ints, out->n, count, out->nulls);
}

/* Stores integers or bits of floats as values of the column's class. */
static void
store_words(const ColumnReader *reader, const int64 *words, int n,
			ColumnVector *out)
{
	if (reader->class != COLUMN_FLOAT4)
	{
		memcpy(&out->v, words, n * sizeof(int64));
		return;
	}
	for (int i = 0; i < n; i++)
	{
		uint32		half = (uint32) words[i];

		memcpy(&out->v.floats4[i], &half, sizeof(half));
	}
}

static bool
decode_dictionary(const ColumnReader *reader, int vector, int n,
				  ColumnVector *out, const char **problem)
{
	uint32		codes[COLUMN_VECTOR];
	int64		words[COLUMN_VECTOR];

	if (!codec_dict_codes(&reader->dict, vector, codes, problem))
		return false;
	if (reader->class == COLUMN_BYTES)
	{
		for (int i = 0; i < n; i++)
			out->v.bytes[i] = reader->dict.bytes[codes[i]];
		return true;
	}
	for (int i = 0; i < n; i++)
		words[i] = reader->dict.words[codes[i]];
	store_words(reader, words, n, out);
	return true;
}

static bool
decode_words(const ColumnReader *reader, int vector, int n,
			 ColumnVector *out, const char **problem)
{
	int64		words[COLUMN_VECTOR];

	if (reader->class != COLUMN_FLOAT4)
		return codec_ints_decode(&reader->numbers, vector, out->v.ints, problem);
	if (!codec_ints_decode(&reader->numbers, vector, words, problem))
		return false;
	store_words(reader, words, n, out);
	return true;
}

/* The values of a vector, without the nulls, at the front of the arrays */
static bool
decode_dense(ColumnReader *reader, int vector, int n, ColumnVector *out,
			 const char **problem)
{
	if (n == 0)
		return true;
	switch (reader->codec)
	{
		case COLUMN_CODEC_DICT:
			return decode_dictionary(reader, vector, n, out, problem);
		case COLUMN_CODEC_ALP:
			return codec_alp_decode(&reader->alp, vector,
									reader->class == COLUMN_FLOAT4, &out->v,
									problem);
		default:
			break;
	}
	if (reader->class != COLUMN_BYTES)
		return decode_words(reader, vector, n, out, problem);
	if (reader->codec != COLUMN_CODEC_CONSTANT)
		return codec_blocks_decode(&reader->blocks, vector, out->v.bytes, problem);
	for (int i = 0; i < n; i++)
		out->v.bytes[i] = reader->constant;
	return true;
}

/*
 * Decodes vector number vector, 0 and up, COLUMN_VECTOR rows each but the
 * last.  Nulls have the value 0 or the empty string.  Byte strings point into
 * the blob or the reader; they are good until the next column_decode of this
 * reader.  False with a problem if the data is damaged.
 */
bool
column_decode(ColumnReader *reader, int vector, ColumnVector *out,
			  const char **problem)
{
	int			count = reader->start[vector + 1] - reader->start[vector];

	out->n = vector_rows(reader, vector);
	if (!column_nulls(reader, vector, out->nulls, &out->has_nulls, problem) ||
		!decode_dense(reader, vector, count, out, problem))
		return false;
	if (out->has_nulls)
		spread_values(reader, out, count);
	return true;
}

/*
 * The integers of some rows of a vector only, those with a bit in wanted, each to
 * its place.  False if that is not cheaper than to decode the vector, or if it
 * has nulls.
 */
bool
column_pick_ints(ColumnReader *reader, int vector, const uint64 *wanted,
				 int64 *out)
{
	int			count = reader->start[vector + 1] - reader->start[vector];

	if (reader->class != COLUMN_INT || reader->codec != COLUMN_CODEC_RLE ||
		count < vector_rows(reader, vector))
		return false;
	codec_runs_pick(&reader->numbers, vector, wanted, out);
	return true;
}

/*
 * Decodes the codes of a vector of a column in COLUMN_CODEC_DICT: numbers of
 * entries of its dictionary, and for a null the number of entries.  codes has
 * room for COLUMN_VECTOR.  False with a problem if the data is damaged, and
 * without one if the column is in another encoding.
 */
bool
column_codes(ColumnReader *reader, int vector, uint32 *codes,
			 const char **problem)
{
	int			n = vector_rows(reader, vector);
	int			count = reader->start[vector + 1] - reader->start[vector];
	uint64		nulls[COLUMN_VECTOR / 64];
	bool		has_nulls;

	*problem = NULL;
	if (reader->codec != COLUMN_CODEC_DICT)
		return false;
	if (!column_nulls(reader, vector, nulls, &has_nulls, problem) ||
		!codec_dict_codes(&reader->dict, vector, codes, problem))
		return false;
	if (has_nulls)
		spread_halves(codes, n, count, nulls, (uint32) reader->dict.n);
	return true;
}

/*
 * The *n entries of the dictionary of a COLUMN_BYTES column, ascending by
 * memcmp and then by length; good until column_close.  NULL if the column is
 * of another class or encoding.
 */
const ColumnBytes *
column_dictionary(ColumnReader *reader, int *n)
{
	*n = reader->dict.bytes == NULL ? 0 : reader->dict.n;
	return reader->dict.bytes;
}

/*
 * The same for other classes: integers, or the bits of floats as integers,
 * ascending as such.
 */
const int64 *
column_dictionary_words(ColumnReader *reader, int *n)
{
	*n = reader->dict.words == NULL ? 0 : reader->dict.n;
	return reader->dict.words;
}

/* Frees the reader and what it points to, but not the blob. */
void
column_close(ColumnReader *reader)
{
	codec_ints_close(&reader->numbers);
	codec_dict_close(&reader->dict);
	codec_alp_close(&reader->alp);
	codec_blocks_close(&reader->blocks);
	if (reader->start != NULL)
		pfree(reader->start);
	if (reader->null_offsets != NULL)
		pfree(reader->null_offsets);
	pfree(reader);
}
