/*-------------------------------------------------------------------------
 *
 * columncodec.h
 *	  What the encoders and decoders of a column share among themselves.
 *	  src/column/README describes the formats.
 *
 * Encoded data is in the byte order of the machine and not aligned.  It is
 * never trusted: a decoder checks every length and offset against what is
 * there and names a problem instead of reading on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COLUMNCODEC_H
#define COLUMNCODEC_H

#include "column/column.h"

/*
 * Inner loops over arrays: compiled for vector units, and on x86 with glibc
 * also for AVX2, which the dynamic linker chooses where the processor has it.
 * Sanitizers are not ready yet when it does so.
 */
#if defined(__GNUC__) && !defined(__clang__)
#if defined(__x86_64__) && defined(__gnu_linux__) && \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CODEC_KERNEL \
	__attribute__((optimize("O3"), target_clones("avx2", "default")))
#else
#define CODEC_KERNEL __attribute__((optimize("O3")))
#endif
#else
#define CODEC_KERNEL
#endif

#define CODEC_MAX_VECTORS	(COLUMN_MAX_ROWS / COLUMN_VECTOR)
#define CODEC_LANES			16	/* values packed side by side */
#define CODEC_WORDS(count, width) \
	(((((count) + CODEC_LANES - 1) / CODEC_LANES * (width)) + 63) / 64 * CODEC_LANES)

#define CODEC_TIGHT_WORDS(count, width)	(((count) * (width) + 63) / 64)

/* A byte string that grows */
typedef struct CodecBuffer
{
	char	   *data;
	Size		len;
	Size		size;
} CodecBuffer;

/* What is left of encoded data while its parts are taken off */
typedef struct CodecInput
{
	const char *data;
	Size		len;
} CodecInput;

/*
 * Numbers to encode: the values without the nulls.  Those of vector v are
 * values[start[v]] up to, not including, values[start[v + 1]].
 */
typedef struct CodecInts
{
	const int64 *values;
	const uint32 *start;
	int			nvectors;
} CodecInts;

/* Encoded numbers, opened */
typedef struct CodecStream
{
	ColumnCodec codec;
	int			nvectors;
	const uint32 *start;		/* as in CodecInts */
	uint64		scale;			/* value = ref + scale * number, 0: number */
	int64		ref;
	int64		constant;
	const char *offsets;		/* uint32 a vector, and the end */
	const char *body;
	uint32		nbody;
	int			nruns;			/* RLE */
	int64	   *run_values;
	uint32	   *run_ends;
} CodecStream;

/* The distinct values of a column in ascending order, and its codes */
typedef struct CodecDict
{
	int			n;
	ColumnBytes *bytes;			/* COLUMN_BYTES */
	int64	   *words;			/* other classes: integers, bits of floats */
	char	   *heap;			/* what bytes point into, if not encoded data */
	CodecStream codes;
} CodecDict;

#define CODEC_ALP_PAIRS		4

/* Exponents of ten that floats are multiplied with and divided by */
typedef struct CodecAlpPair
{
	int			e;
	int			f;
} CodecAlpPair;

/* What vectors of a column of floats may choose from */
typedef struct CodecAlpPlan
{
	int			npairs;			/* 0: no plan yet */
	CodecAlpPair pairs[CODEC_ALP_PAIRS];
} CodecAlpPlan;

/* Floats as scaled integers, opened */
typedef struct CodecAlp
{
	CodecStream digits;
	const char *offsets;		/* uint32 a vector, and the end */
	CodecInput	exceptions;
} CodecAlp;

/* Byte strings in blocks, opened */
typedef struct CodecBlocks
{
	ColumnCodec codec;
	int			nvectors;
	CodecStream lengths;
	const char *vector_at;		/* uint32 a vector, and the end: where it
								 * begins */
	int			nblocks;
	const char *first;			/* uint32 a block, and the end: first vector */
	const char *block_at;		/* uint32 a block, and the end */
	CodecInput	data;
	int			current;		/* the block in raw, -1: none */
	char	   *raw;
} CodecBlocks;

/* columnpack.c */
extern void codec_pack(const uint64 *in, int count, int width, char *out);
extern void codec_pack_tight(const uint64 *in, int count, int width, char *out);
extern void codec_unpack_tight(const char *in, int count, int width,
							   uint64 base, uint64 *out);
extern void codec_unpack(const char *in, int count, int width, uint64 base,
						 uint64 *out);
extern void codec_unpack32(const char *in, int count, int width, uint32 base,
						   uint32 *out);
extern void codec_prefix_sum(int64 *values, int n, int64 first);
extern uint32 codec_largest32(const uint32 *values, int n);
extern void codec_fill(uint64 *out, int n, uint64 value);
extern void codec_shift(uint64 *values, int n, uint64 distance);
extern void codec_rescale(int64 *values, int n, int64 ref, uint64 scale);
extern void codec_range(const int64 *values, int n, int64 *min, int64 *max);
extern bool codec_within(const int64 *values, int n, int64 low, int64 high);
extern void codec_keep_between(const int64 *values, int n, int64 low,
							   int64 high, uint8 outside, uint8 *keep);
extern int	codec_count_changes(const int64 *values, int n);

/* columnbuffer.c */
extern void codec_init(CodecBuffer *buf, Size size);
extern char *codec_extend(CodecBuffer *buf, Size n);
extern void codec_append(CodecBuffer *buf, const void *data, Size n);
extern void codec_append32(CodecBuffer *buf, uint32 value);
extern bool codec_take(CodecInput *in, Size n, const char **data);
extern bool codec_take32(CodecInput *in, uint32 *value);
extern bool codec_take_part(CodecInput *in, CodecInput *part);
extern Size codec_begin_part(CodecBuffer *buf);
extern void codec_end_part(CodecBuffer *buf, Size begin);

/* columnint.c */
extern ColumnCodec codec_ints_choose(const CodecInts *in, Size *nbytes);
extern int	codec_frame_bits(const int64 *values, int n);
extern void codec_ints_encode(CodecBuffer *buf, ColumnCodec codec,
							  const CodecInts *in);
extern bool codec_ints_open(CodecStream *stream, CodecInput in,
							const uint32 *start, int nvectors,
							const char **problem);
extern void codec_runs_pick(const CodecStream *stream, int v,
							const uint64 *wanted, int64 *out);
extern bool codec_ints_decode(const CodecStream *stream, int v, int64 *out,
							  const char **problem);
extern bool codec_ints_decode32(const CodecStream *stream, int v, uint64 limit,
								uint32 *out, const char **problem);
extern void codec_ints_close(CodecStream *stream);
extern uint32 *codec_plain_starts(int nvalues, int *nvectors);

/* columndict.c */
extern uint32 codec_dict_guess(const CodecInts *ints, const ColumnBytes *bytes,
							   uint32 n);
extern bool codec_dict_ints(CodecBuffer *buf, const CodecInts *in,
							uint32 max_entries, ColumnStats *stats);
extern bool codec_dict_bytes(CodecBuffer *buf, const ColumnBytes *values,
							 const uint32 *start, int nvectors,
							 uint32 max_entries, ColumnStats *stats);
extern bool codec_dict_open(CodecDict *dict, bool bytes, CodecInput in,
							const uint32 *start, int nvectors,
							const char **problem);
extern bool codec_dict_codes(const CodecDict *dict, int v, uint32 *codes,
							 const char **problem);
extern void codec_dict_close(CodecDict *dict);

/* columnfloat.c */
extern Size codec_alp_plan(const CodecInts *bits, bool single,
						   CodecAlpPlan *plan);
extern void codec_alp_encode(CodecBuffer *buf, const CodecInts *bits,
							 bool single, const CodecAlpPlan *plan);
extern bool codec_alp_open(CodecAlp *alp, CodecInput in, const uint32 *start,
						   int nvectors, const char **problem);
extern bool codec_alp_decode(const CodecAlp *alp, int v, bool single,
							 void *out, const char **problem);
extern void codec_alp_close(CodecAlp *alp);

/* columnbytes.c */
extern ColumnCodec codec_blocks_choose(const ColumnBytes *values, uint32 n,
									   Size total, Size *nbytes);
extern void codec_blocks_encode(CodecBuffer *buf, ColumnCodec codec,
								const ColumnBytes *values, const uint32 *start,
								int nvectors);
extern bool codec_blocks_open(CodecBlocks *blocks, ColumnCodec codec,
							  CodecInput in, const uint32 *start, int nvectors,
							  const char **problem);
extern bool codec_blocks_decode(CodecBlocks *blocks, int v, ColumnBytes *out,
								const char **problem);
extern void codec_blocks_close(CodecBlocks *blocks);
extern Size codec_compress(ColumnCodec codec, const char *in, Size n,
						   char *out, Size room);
extern bool codec_decompress(ColumnCodec codec, const char *in, Size nin,
							 char *out, Size n);
extern bool codec_expands_to(ColumnCodec codec, Size nin, Size n);

/* columnstats.c */
extern void codec_stats_words(ColumnClass class, const int64 *words, uint32 n,
							  ColumnStats *stats);
extern void codec_stats_bytes(const ColumnBytes *bytes, uint32 n,
							  ColumnStats *stats);

/* columnnulls.c */
extern int	codec_nulls_encode(CodecBuffer *buf, const bool *nulls, int nrows);
extern bool codec_nulls_open(CodecInput *in, int nrows, int nnulls,
							 uint32 *start, uint32 *offsets,
							 const char **problem);
extern bool codec_nulls_decode(const char *data, int n, int nnulls,
							   uint64 *bits, const char **problem);

static inline uint32
codec_load32(const char *data)
{
	uint32		value;

	memcpy(&value, data, sizeof(value));
	return value;
}

static inline uint64
codec_load64(const char *data)
{
	uint64		value;

	memcpy(&value, data, sizeof(value));
	return value;
}

/*
 * Varints: seven bits a byte, low bits first, at most CODEC_VARINT bytes.
 */
#define CODEC_VARINT	5

static inline char *
codec_put_varint(char *p, uint32 value)
{
	for (; value >= 0x80; value >>= 7)
		*p++ = (char) (value | 0x80);
	*p++ = (char) value;
	return p;
}

static inline bool
codec_take_varint(CodecInput *in, uint32 *value)
{
	uint64		v = 0;
	int			shift;

	for (shift = 0; shift < 7 * CODEC_VARINT && in->len > 0; shift += 7)
	{
		uint8		byte = (uint8) *in->data++;

		in->len--;
		v |= (uint64) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			*value = (uint32) v;
			return v <= PG_UINT32_MAX;
		}
	}
	return false;
}

#endif							/* COLUMNCODEC_H */
