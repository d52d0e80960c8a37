/*-------------------------------------------------------------------------
 *
 * columnbytes.c
 *	  Byte strings one after the other, as they are or in blocks compressed
 *	  by LZ4 or zstd.  Lengths are encoded integers.
 *
 * A block holds the values of whole vectors, as many as give about 64 kB, so
 * that a vector can be read without the rest of the column.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <lz4.h>
#include <zstd.h>

#include "column/columncodec.h"
#include "utils/memutils.h"

#define BLOCK_BYTES		65536	/* a block ends with the vector that reaches
								 * it */
#define SAMPLE_BYTES	32768	/* of each place that the choice looks at */
#define SAMPLE_PLACES	4
#define COMPRESS_MIN	256		/* bytes of a column worth compressing */
#define ZSTD_LEVEL		1		/* more is slower and hardly smaller on 64 kB */

/*---- the libraries ---- */

/*
 * Compresses n bytes; returns the compressed size, 0 if that is more than
 * room.
 */
Size
codec_compress(ColumnCodec codec, const char *in, Size n, char *out, Size room)
{
	Size		size;

	if (codec == COLUMN_CODEC_LZ4)
	{
		if (n > LZ4_MAX_INPUT_SIZE)
			return 0;
		return LZ4_compress_default(in, out, (int) n, (int) Min(room, PG_INT32_MAX));
	}
	size = ZSTD_compress(out, room, in, n, ZSTD_LEVEL);
	return ZSTD_isError(size) ? 0 : size;
}

/* Decompresses nin bytes to exactly n; false if they do not give as many. */
bool
codec_decompress(ColumnCodec codec, const char *in, Size nin, char *out, Size n)
{
	if (nin > PG_INT32_MAX || n > PG_INT32_MAX)
		return false;
	if (codec == COLUMN_CODEC_LZ4)
		return LZ4_decompress_safe(in, out, (int) nin, (int) n) == (int) n;
	return ZSTD_decompress(out, n, in, nin) == n;
}

/*
 * Can nin compressed bytes give n?  Asked before memory is taken for them.
 * A byte of LZ4 gives at most 255; four bytes of zstd a block of 128 kB.
 */
bool
codec_expands_to(ColumnCodec codec, Size nin, Size n)
{
	if (codec == COLUMN_CODEC_LZ4)
		return n / 255 <= nin;
	return n / 32768 <= nin;
}

/*---- choice ---- */

/* Copies values from position i on, up to room bytes, to out. */
static Size
copy_sample(const ColumnBytes *values, uint32 i, uint32 n, char *out,
			Size room)
{
	Size		size = 0;

	for (; i < n && size < room; i++)
	{
		uint32		len = Min(values[i].len, room - size);

		if (len > 0)
			memcpy(out + size, values[i].data, len);
		size += len;
	}
	return size;
}

/*
 * Chooses an encoding for n values of total bytes; *nbytes is the guessed
 * size.  LZ4 is taken if it saves an eighth, zstd instead if that saves a
 * quarter more.
 */
ColumnCodec
codec_blocks_choose(const ColumnBytes *values, uint32 n, Size total,
					Size *nbytes)
{
	Size		part = Min(SAMPLE_BYTES, Max(4096, total / (4 * SAMPLE_PLACES)));
	int			nplaces = total <= part ? 1 : SAMPLE_PLACES;
	Size		room = ZSTD_compressBound(part);
	char	   *sample;
	char	   *out;
	Size		raw = 1;
	Size		lz4 = 0;
	Size		zstd = 0;

	*nbytes = total;
	if (total < COMPRESS_MIN)
		return COLUMN_CODEC_PLAIN;
	sample = palloc(part);
	out = palloc(room);
	for (int i = 0; i < nplaces; i++)
	{
		Size		size = copy_sample(values, (uint64) n * i / nplaces, n,
									   sample, part);

		raw += size;
		lz4 += codec_compress(COLUMN_CODEC_LZ4, sample, size, out, room);
		zstd += codec_compress(COLUMN_CODEC_ZSTD, sample, size, out, room);
	}
	pfree(sample);
	pfree(out);
	if (Min(lz4, zstd) > raw - raw / 8)
		return COLUMN_CODEC_PLAIN;
	if (zstd < lz4 - lz4 / 4)
	{
		*nbytes = (Size) ((double) total * zstd / raw);
		return COLUMN_CODEC_ZSTD;
	}
	*nbytes = (Size) ((double) total * lz4 / raw);
	return COLUMN_CODEC_LZ4;
}

/*---- encoding ---- */

static void
append_lengths(CodecBuffer *buf, const ColumnBytes *values,
			   const uint32 *start, int nvectors)
{
	uint32		n = start[nvectors];
	int64	   *lengths = palloc_extended(n * sizeof(int64), MCXT_ALLOC_HUGE);
	CodecInts	in = {lengths, start, nvectors};
	Size		begin = codec_begin_part(buf);
	Size		nbytes;

	for (uint32 i = 0; i < n; i++)
		lengths[i] = values[i].len;
	codec_ints_encode(buf, codec_ints_choose(&in, &nbytes), &in);
	codec_end_part(buf, begin);
	pfree(lengths);
}

/* Where each vector begins among the uncompressed bytes, and the end */
static uint32 *
vector_places(const ColumnBytes *values, const uint32 *start, int nvectors)
{
	uint32	   *at = palloc((nvectors + 1) * sizeof(uint32));

	at[0] = 0;
	for (int v = 0; v < nvectors; v++)
	{
		at[v + 1] = at[v];
		for (uint32 i = start[v]; i < start[v + 1]; i++)
			at[v + 1] += values[i].len;
	}
	return at;
}

/* Copies values from .. to - 1 one after the other. */
static void
copy_values(const ColumnBytes *values, uint32 from, uint32 to, char *out)
{
	for (uint32 i = from; i < to; i++)
	{
		if (values[i].len > 0)
			memcpy(out, values[i].data, values[i].len);
		out += values[i].len;
	}
}

/* Appends a block compressed, or as it is where that is not shorter. */
static void
append_block(CodecBuffer *buf, ColumnCodec codec, const char *raw, Size size)
{
	Size		begin = buf->len;
	char	   *out = codec_extend(buf, size);
	Size		compressed = 0;

	if (size > 1)
		compressed = codec_compress(codec, raw, size, out, size - 1);
	if (compressed == 0)
		memcpy(buf->data + begin, raw, size);
	else
		buf->len = begin + compressed;
}

/* The first vector of each block, and the end; returns how many blocks. */
static int
plan_blocks(const uint32 *at, int nvectors, uint32 *first)
{
	int			nblocks = 0;

	first[0] = 0;
	for (int v = 0; v < nvectors; v++)
	{
		if (v + 1 < nvectors && at[v + 1] - at[first[nblocks]] < BLOCK_BYTES)
			continue;
		first[++nblocks] = v + 1;
	}
	return nblocks;
}

static void
append_blocks(CodecBuffer *buf, ColumnCodec codec, const ColumnBytes *values,
			  const uint32 *start, const uint32 *at, int nvectors)
{
	uint32	   *first = palloc((nvectors + 1) * sizeof(uint32));
	uint32	   *block_at;
	int			nblocks = plan_blocks(at, nvectors, first);
	Size		table;
	Size		body;

	codec_append32(buf, nblocks);
	codec_append(buf, first, (nblocks + 1) * sizeof(uint32));
	table = buf->len;
	codec_extend(buf, (nblocks + 1) * sizeof(uint32));
	body = buf->len;
	block_at = palloc0((nblocks + 1) * sizeof(uint32));
	for (int b = 0; b < nblocks; b++)
	{
		Size		size = at[first[b + 1]] - at[first[b]];
		char	   *raw = palloc_extended(Max(size, 1), MCXT_ALLOC_HUGE);

		copy_values(values, start[first[b]], start[first[b + 1]], raw);
		append_block(buf, codec, raw, size);
		pfree(raw);
		block_at[b + 1] = (uint32) (buf->len - body);
	}
	memcpy(buf->data + table, block_at, (nblocks + 1) * sizeof(uint32));
	pfree(first);
	pfree(block_at);
}

/*
 * Appends byte strings in the given encoding: PLAIN, LZ4 or ZSTD.  Together
 * they have fewer than 4 GB.
 */
void
codec_blocks_encode(CodecBuffer *buf, ColumnCodec codec,
					const ColumnBytes *values, const uint32 *start,
					int nvectors)
{
	uint32	   *at = vector_places(values, start, nvectors);

	append_lengths(buf, values, start, nvectors);
	codec_append(buf, at, (nvectors + 1) * sizeof(uint32));
	if (codec == COLUMN_CODEC_PLAIN)
		copy_values(values, 0, start[nvectors], codec_extend(buf, at[nvectors]));
	else
		append_blocks(buf, codec, values, start, at, nvectors);
	pfree(at);
}

/*---- decoding ---- */

/* Does an array of n + 1 places ascend from 0 to the given end? */
static bool
places_ascend(const char *places, int n, uint32 end, bool strictly)
{
	uint32		last = codec_load32(places);

	if (last != 0)
		return false;
	for (int i = 1; i <= n; i++)
	{
		uint32		place = codec_load32(places + i * sizeof(uint32));

		if (place < last || (strictly && place == last))
			return false;
		last = place;
	}
	return last == end;
}

static uint32
place(const char *places, uint32 i)
{
	return codec_load32(places + i * sizeof(uint32));
}

/* Bytes of a block before and after compression */
static void
block_sizes(const CodecBlocks *blocks, int b, Size *raw, Size *compressed)
{
	*raw = place(blocks->vector_at, place(blocks->first, b + 1)) -
		place(blocks->vector_at, place(blocks->first, b));
	*compressed = place(blocks->block_at, b + 1) - place(blocks->block_at, b);
}

/* Takes the table of blocks off the input and makes room for the largest. */
static bool
open_blocks(CodecBlocks *blocks, CodecInput *in)
{
	uint32		nblocks;
	Size		largest = 1;

	if (!codec_take32(in, &nblocks) || nblocks == 0 ||
		nblocks > (uint32) blocks->nvectors ||
		!codec_take(in, (nblocks + 1) * sizeof(uint32), &blocks->first) ||
		!codec_take(in, (nblocks + 1) * sizeof(uint32), &blocks->block_at) ||
		!places_ascend(blocks->first, nblocks, blocks->nvectors, true) ||
		!places_ascend(blocks->block_at, nblocks, in->len, false))
		return false;
	blocks->nblocks = nblocks;
	for (uint32 b = 0; b < nblocks; b++)
	{
		Size		raw;
		Size		compressed;

		block_sizes(blocks, b, &raw, &compressed);
		if (!codec_expands_to(blocks->codec, compressed, raw))
			return false;
		largest = Max(largest, raw);
	}
	if (largest > MaxAllocSize)
		return false;
	blocks->raw = palloc(largest);
	return true;
}

/*
 * Opens all of the input as the byte strings that start and nvectors
 * describe.  False with a problem if it is none; codec_blocks_close is to be
 * called in any case.
 */
bool
codec_blocks_open(CodecBlocks *blocks, ColumnCodec codec, CodecInput in,
				  const uint32 *start, int nvectors, const char **problem)
{
	CodecInput	lengths;
	uint32		total;

	memset(blocks, 0, sizeof(CodecBlocks));
	blocks->codec = codec;
	blocks->nvectors = nvectors;
	blocks->current = -1;
	*problem = "byte strings are cut off";
	if (!codec_take_part(&in, &lengths))
		return false;
	if (!codec_ints_open(&blocks->lengths, lengths, start, nvectors, problem))
		return false;
	*problem = "wrong places of byte strings";
	if (!codec_take(&in, (nvectors + 1) * sizeof(uint32), &blocks->vector_at))
		return false;
	total = place(blocks->vector_at, nvectors);
	if (!places_ascend(blocks->vector_at, nvectors, total, false))
		return false;
	*problem = "wrong blocks of byte strings";
	if (codec != COLUMN_CODEC_PLAIN && !open_blocks(blocks, &in))
		return false;
	blocks->data = in;
	return codec != COLUMN_CODEC_PLAIN || in.len == total;
}

/* The block that holds a vector */
static int
find_block(const CodecBlocks *blocks, uint32 v)
{
	int			low = 0;
	int			high = blocks->nblocks - 1;

	while (low < high)
	{
		int			middle = (low + high + 1) / 2;

		if (place(blocks->first, middle) <= v)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* Makes block b the current one. */
static bool
load_block(CodecBlocks *blocks, int b)
{
	const char *data = blocks->data.data + place(blocks->block_at, b);
	Size		raw;
	Size		compressed;

	if (blocks->current == b)
		return true;
	blocks->current = -1;
	block_sizes(blocks, b, &raw, &compressed);
	if (compressed == raw)
		memcpy(blocks->raw, data, raw);
	else if (!codec_decompress(blocks->codec, data, compressed, blocks->raw, raw))
		return false;
	blocks->current = b;
	return true;
}

/*
 * Decodes the values of vector v.  They point into the encoded data or into
 * memory that is overwritten when a vector of another block is decoded.
 */
bool
codec_blocks_decode(CodecBlocks *blocks, int v, ColumnBytes *out,
					const char **problem)
{
	int			n = blocks->lengths.start[v + 1] - blocks->lengths.start[v];
	uint32		from = place(blocks->vector_at, v);
	uint64		left = place(blocks->vector_at, v + 1) - from;
	uint32		lengths[COLUMN_VECTOR];
	const char *at = blocks->data.data + from;

	if (!codec_ints_decode32(&blocks->lengths, v, UINT64CONST(1) << 32, lengths,
							 problem))
		return false;
	*problem = "damaged block of byte strings";
	if (blocks->codec != COLUMN_CODEC_PLAIN)
	{
		int			b = find_block(blocks, v);

		if (!load_block(blocks, b))
			return false;
		at = blocks->raw + (from - place(blocks->vector_at, place(blocks->first, b)));
	}
	*problem = "wrong lengths of byte strings";
	for (int i = 0; i < n; i++)
	{
		if (lengths[i] > left)
			return false;
		out[i].data = at;
		out[i].len = lengths[i];
		at += lengths[i];
		left -= lengths[i];
	}
	return left == 0;
}

/* Frees what codec_blocks_open allocated. */
void
codec_blocks_close(CodecBlocks *blocks)
{
	codec_ints_close(&blocks->lengths);
	if (blocks->raw != NULL)
		pfree(blocks->raw);
}
