/*-------------------------------------------------------------------------
 *
 * columnpack.c
 *	  Inner loops: bit-packing, prefix sums, ranges.
 *
 * Values are packed in the interleaved layout of FastLanes (Afroozeh and
 * Boncz, VLDB 2023) with 16 lanes of 64-bit words: value i belongs to lane
 * i % 16 and is the (i / 16)th field of that lane, and word w of lane l is
 * word 16 * w + l of the block.  Sixteen neighbours then lie at the same bit
 * of sixteen neighbouring words, which any vector unit shifts and masks at
 * once, and come out in their own order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "column/columncodec.h"

#define LANE_BYTES	(CODEC_LANES * sizeof(uint64))
#define NGROUPS		(CODEC_LANES / 4)

/*
 * Four lanes.  The compiler makes of this what the processor has; as it lies
 * in memory it is aligned to nothing.
 */
typedef uint64 Lanes __attribute__((vector_size(32)));
typedef uint64 LanesAt __attribute__((vector_size(32), aligned(1), may_alias));
typedef int64 SignedLanes __attribute__((vector_size(32)));
typedef uint32 Halves __attribute__((vector_size(32)));
typedef uint32 HalvesAt __attribute__((vector_size(32), aligned(1), may_alias));
typedef uint8 Bytes __attribute__((vector_size(32)));
typedef uint8 BytesAt __attribute__((vector_size(32), aligned(1), may_alias));

/* The low halves of eight lanes */
#ifdef WORDS_BIGENDIAN
#define LOW_HALVES	1, 3, 5, 7, 9, 11, 13, 15
#else
#define LOW_HALVES	0, 2, 4, 6, 8, 10, 12, 14
#endif
#ifdef __clang__
#define NARROW(a, b) \
	__builtin_shufflevector((Halves) (a), (Halves) (b), LOW_HALVES)
#define SHUFFLE(a, b, ...)	__builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define NARROW(a, b) \
	__builtin_shuffle((Halves) (a), (Halves) (b), (Halves) {LOW_HALVES})
#define SHUFFLE(a, b, ...)	__builtin_shuffle(a, b, (Lanes) {__VA_ARGS__})
#endif

static inline uint64
mask_of(int width)
{
	return width == 64 ? ~UINT64CONST(0) : (UINT64CONST(1) << width) - 1;
}

/*
 * Packs count values of at most width bits (0 .. 64) into
 * CODEC_WORDS(count, width) words at out.  in has room for count rounded up
 * to whole rows of lanes; what is there behind count must fit as well.
 */
CODEC_KERNEL void
codec_pack(const uint64 *in, int count, int width, char *out)
{
	Lanes		words[NGROUPS] = {{0}};
	int			nrows = (count + CODEC_LANES - 1) / CODEC_LANES;
	int			used = 0;		/* bits of words[] */

	if (width == 0)
		return;
	for (int row = 0; row < nrows; row++)
	{
		const		LanesAt *from = (const LanesAt *) (in + row * CODEC_LANES);
		LanesAt    *to = (LanesAt *) out;

		for (int g = 0; g < NGROUPS; g++)
			words[g] |= from[g] << used;
		used += width;
		if (used < 64)
			continue;
		used -= 64;
		out += LANE_BYTES;
		for (int g = 0; g < NGROUPS; g++)
		{
			to[g] = words[g];
			words[g] = (Lanes)
			{
				0
			};
			if (used > 0)
				words[g] = from[g] >> (width - used);
		}
	}
	if (used > 0)
		memcpy(out, words, LANE_BYTES);
}

/*
 * Packs count values one behind the other into CODEC_TIGHT_WORDS(count, width)
 * words: for few values, which would leave most of 16 lanes empty.
 */
void
codec_pack_tight(const uint64 *in, int count, int width, char *out)
{
	uint64		word = 0;
	int			used = 0;

	for (int i = 0; i < count && width > 0; i++)
	{
		word |= in[i] << used;
		used += width;
		if (used < 64)
			continue;
		memcpy(out, &word, sizeof(word));
		out += sizeof(word);
		used -= 64;
		word = used == 0 ? 0 : in[i] >> (width - used);
	}
	if (used > 0)
		memcpy(out, &word, sizeof(word));
}

/* The reverse, adding base to each value */
void
codec_unpack_tight(const char *in, int count, int width, uint64 base,
				   uint64 *out)
{
	uint64		mask = mask_of(width);

	for (int i = 0; i < count; i++)
	{
		int			bit = i * width;
		int			shift = bit % 64;
		uint64		word;

		if (width == 0)
		{
			out[i] = base;
			continue;
		}
		word = codec_load64(in + bit / 64 * 8) >> shift;
		if (shift + width > 64)
			word |= codec_load64(in + bit / 64 * 8 + 8) << (64 - shift);
		out[i] = (word & mask) + base;
	}
}

/* Sets n words to the same value. */
CODEC_KERNEL void
codec_fill(uint64 *out, int n, uint64 value)
{
	for (int i = 0; i < n; i++)
		out[i] = value;
}

/*
 * The reverse, adding base to each value.  Writes whole rows of lanes, so out
 * has room for count rounded up to a multiple of CODEC_LANES.
 */
CODEC_KERNEL void
codec_unpack(const char *in, int count, int width, uint64 base, uint64 *out)
{
	int			nrows = (count + CODEC_LANES - 1) / CODEC_LANES;
	uint64		mask = mask_of(width);

	if (width == 0)
	{
		codec_fill(out, count, base);
		return;
	}
	for (int row = 0; row < nrows; row++)
	{
		int			bit = row * width;
		int			shift = bit % 64;
		const		LanesAt *low = (const LanesAt *) (in + bit / 64 * LANE_BYTES);
		const		LanesAt *high = low + NGROUPS;
		LanesAt    *to = (LanesAt *) (out + row * CODEC_LANES);

		if (shift + width <= 64)
		{
			for (int g = 0; g < NGROUPS; g++)
				to[g] = ((low[g] >> shift) & mask) + base;
		}
		else
		{
			for (int g = 0; g < NGROUPS; g++)
				to[g] = (((low[g] >> shift) | (high[g] << (64 - shift))) & mask) + base;
		}
	}
}

/* The same for widths up to 31, into 32-bit numbers */
CODEC_KERNEL void
codec_unpack32(const char *in, int count, int width, uint32 base, uint32 *out)
{
	int			nrows = (count + CODEC_LANES - 1) / CODEC_LANES;
	uint32		mask = (uint32) mask_of(width);

	if (width == 0)
	{
		for (int i = 0; i < nrows * CODEC_LANES; i++)
			out[i] = base;
		return;
	}
	for (int row = 0; row < nrows; row++)
	{
		int			bit = row * width;
		int			shift = bit % 64;
		const		LanesAt *low = (const LanesAt *) (in + bit / 64 * LANE_BYTES);
		const		LanesAt *high = low + NGROUPS;
		HalvesAt   *to = (HalvesAt *) (out + row * CODEC_LANES);

		if (shift + width <= 64)
		{
			for (int g = 0; g < NGROUPS; g += 2)
				to[g / 2] = (NARROW(low[g] >> shift, low[g + 1] >> shift) & mask) + base;
		}
		else
		{
			for (int g = 0; g < NGROUPS; g += 2)
				to[g / 2] = (NARROW(low[g] >> shift | high[g] << (64 - shift),
									low[g + 1] >> shift | high[g + 1] << (64 - shift))
							 & mask) + base;
		}
	}
}

/* The largest of n numbers, 0 if there are none */
CODEC_KERNEL uint32
codec_largest32(const uint32 *values, int n)
{
	uint32		max = 0;

	for (int i = 0; i < n; i++)
		max = values[i] > max ? values[i] : max;
	return max;
}

/*
 * Turns n differences into values; the first is added to first.  Four are
 * summed up in two steps, so that only one addition in four waits for the one
 * before.
 */
CODEC_KERNEL void
codec_prefix_sum(int64 *values, int n, int64 first)
{
	uint64	   *at = (uint64 *) values;
	Lanes		zero = {0};
	Lanes		sum = zero + (uint64) first;
	int			i = 0;

	for (; i + 4 <= n; i += 4)
	{
		LanesAt    *four = (LanesAt *) (at + i);
		Lanes		part = *four;

		part += SHUFFLE(zero, part, 0, 4, 5, 6);
		part += SHUFFLE(zero, part, 0, 1, 4, 5);
		*four = part + sum;
		sum += SHUFFLE(part, part, 3, 3, 3, 3);
	}
	for (; i < n; i++)
	{
		sum += at[i];
		at[i] = sum[0];
	}
}

/* Adds the same to n values. */
CODEC_KERNEL void
codec_shift(uint64 *values, int n, uint64 distance)
{
	for (int i = 0; i < n; i++)
		values[i] += distance;
}

/* values = ref + scale * values */
CODEC_KERNEL void
codec_rescale(int64 *values, int n, int64 ref, uint64 scale)
{
	for (int i = 0; i < n; i++)
		values[i] = (int64) ((uint64) ref + (uint64) values[i] * scale);
}

/* Smallest and largest of n > 0 values */
CODEC_KERNEL void
codec_range(const int64 *values, int n, int64 *min, int64 *max)
{
	int64		low = values[0];
	int64		high = values[0];

	for (int i = 1; i < n; i++)
	{
		low = values[i] < low ? values[i] : low;
		high = values[i] > high ? values[i] : high;
	}
	*min = low;
	*max = high;
}

/*
 * Four masks of values that are further from low than limit.  As unsigned numbers
 * with the highest bit flipped, distances need one comparison for both ends of a
 * range.
 */
#define FLIP		((uint64) PG_INT64_MIN)
#define BEYOND(values, low, limit) \
	((SignedLanes) ((*(const LanesAt *) (values) - (uint64) (low)) ^ FLIP) > \
	 (int64) ((limit) ^ FLIP))

/*
 * Are n values all from low to high?
 */
CODEC_KERNEL bool
codec_within(const int64 *values, int n, int64 low, int64 high)
{
	uint64		limit = (uint64) high - (uint64) low;
	SignedLanes outside = {0};
	int64		last = 0;
	int			i = 0;

	if (low > high)
		return n == 0;
	for (; i + 4 <= n; i += 4)
		outside |= BEYOND(values + i, low, limit);
	for (; i < n; i++)
		last |= values[i] < low || values[i] > high;
	return (outside[0] | outside[1] | outside[2] | outside[3] | last) == 0;
}

#ifndef WORDS_BIGENDIAN
#ifdef __clang__
#define TRANSPOSE(b, ...)	__builtin_shufflevector(b, b, __VA_ARGS__)
#else
#define TRANSPOSE(b, ...)	__builtin_shuffle(b, (Bytes) {__VA_ARGS__})
#endif

/* Four rows of eight bytes become eight rows of four */
#define TRANSPOSED(b) \
	TRANSPOSE(b, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29, \
			  2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31)
#endif

/*
 * Clears keep, bytes of 0 or 1, where values are not from low to high; with
 * outside 1, where they are.
 */
CODEC_KERNEL void
codec_keep_between(const int64 *values, int n, int64 low, int64 high,
				   uint8 outside, uint8 *keep)
{
	int			i = 0;

#ifndef WORDS_BIGENDIAN
	uint64		limit = (uint64) high - (uint64) low;

	for (; low <= high && i + 32 <= n; i += 32)
	{
		Halves		beyond = {0};

		for (int k = 0; k < 4; k++)
			beyond |= NARROW(BEYOND(values + i + k * 8, low, limit),
							 BEYOND(values + i + k * 8 + 4, low, limit)) &
				((uint32) 1 << (k * 8));
		*(BytesAt *) (keep + i) &= TRANSPOSED((Bytes) beyond) ^
			(uint8) (outside ^ 1);
	}
#endif
	for (; i < n; i++)
		keep[i] &= (uint8) ((values[i] >= low) & (values[i] <= high)) ^ outside;
}

/* How many of n values differ from the one before */
CODEC_KERNEL int
codec_count_changes(const int64 *values, int n)
{
	int			count = 0;

	for (int i = 1; i < n; i++)
		count += values[i] != values[i - 1];
	return count;
}
