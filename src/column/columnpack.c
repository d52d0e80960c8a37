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
	uint64		words[CODEC_LANES] = {0};
	int			nrows = (count + CODEC_LANES - 1) / CODEC_LANES;
	int			used = 0;		/* bits of words[] */

	if (width == 0)
		return;
	for (int row = 0; row < nrows; row++, in += CODEC_LANES)
	{
		for (int i = 0; i < CODEC_LANES; i++)
			words[i] |= in[i] << used;
		used += width;
		if (used < 64)
			continue;
		memcpy(out, words, LANE_BYTES);
		out += LANE_BYTES;
		used -= 64;
		for (int i = 0; i < CODEC_LANES; i++)
			words[i] = used == 0 ? 0 : in[i] >> (width - used);
	}
	if (used > 0)
		memcpy(out, words, LANE_BYTES);
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
		for (int i = 0; i < nrows * CODEC_LANES; i++)
			out[i] = base;
		return;
	}
	for (int row = 0; row < nrows; row++, out += CODEC_LANES)
	{
		int			bit = row * width;
		int			shift = bit % 64;
		const char *at = in + bit / 64 * LANE_BYTES;

		if (shift + width <= 64)
		{
			for (int i = 0; i < CODEC_LANES; i++)
				out[i] = ((codec_load64(at + i * 8) >> shift) & mask) + base;
		}
		else
		{
			for (int i = 0; i < CODEC_LANES; i++)
				out[i] = (((codec_load64(at + i * 8) >> shift) |
						   (codec_load64(at + LANE_BYTES + i * 8) << (64 - shift)))
						  & mask) + base;
		}
	}
}

/* The same for widths up to 32, into 32-bit numbers */
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
	for (int row = 0; row < nrows; row++, out += CODEC_LANES)
	{
		int			bit = row * width;
		int			shift = bit % 64;
		const char *at = in + bit / 64 * LANE_BYTES;

		if (shift + width <= 64)
		{
			for (int i = 0; i < CODEC_LANES; i++)
				out[i] = ((uint32) (codec_load64(at + i * 8) >> shift) & mask) + base;
		}
		else
		{
			for (int i = 0; i < CODEC_LANES; i++)
				out[i] = ((uint32) ((codec_load64(at + i * 8) >> shift) |
									(codec_load64(at + LANE_BYTES + i * 8) << (64 - shift)))
						  & mask) + base;
		}
	}
}

/* Turns n differences into values; the first is added to first. */
void
codec_prefix_sum(int64 *values, int n, int64 first)
{
	uint64		sum = (uint64) first;

	for (int i = 0; i < n; i++)
	{
		sum += (uint64) values[i];
		values[i] = (int64) sum;
	}
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

/* How many of n values differ from the one before */
CODEC_KERNEL int
codec_count_changes(const int64 *values, int n)
{
	int			count = 0;

	for (int i = 1; i < n; i++)
		count += values[i] != values[i - 1];
	return count;
}
