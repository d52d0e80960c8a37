/*-------------------------------------------------------------------------
 *
 * columnnulls.c
 *	  Which rows of a column are null.
 *
 * A uint16 for each vector says how many nulls it has; then come, for the
 * vectors that have both nulls and values, the positions of whichever are
 * fewer (uint16 each, ascending), or a bitmap of the nulls if that is shorter.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "column/columncodec.h"

#define BITMAP_BYTES	(COLUMN_VECTOR / 8)

/* Bytes of a vector of n rows of which nnulls are null */
static Size
vector_bytes(int n, int nnulls)
{
	int			fewer = Min(nnulls, n - nnulls);

	return Min(fewer * sizeof(uint16), BITMAP_BYTES);
}

static void
encode_vector(CodecBuffer *buf, const bool *nulls, int n, int nnulls)
{
	int			fewer = Min(nnulls, n - nnulls);
	bool		listed = nnulls <= n - nnulls;
	char	   *out = codec_extend(buf, vector_bytes(n, nnulls));

	if (fewer * sizeof(uint16) >= BITMAP_BYTES)
	{
		memset(out, 0, BITMAP_BYTES);
		for (int i = 0; i < n; i++)
			out[i / 8] |= nulls[i] << (i % 8);
		return;
	}
	for (int i = 0; fewer > 0 && i < n; i++)
	{
		uint16		pos = (uint16) i;

		if (nulls[i] != listed)
			continue;
		memcpy(out, &pos, sizeof(pos));
		out += sizeof(pos);
	}
}

static int
count_nulls(const bool *nulls, int n)
{
	int			count = 0;

	for (int i = 0; i < n; i++)
		count += nulls[i];
	return count;
}

/* Appends the nulls of nrows rows; returns how many there are. */
int
codec_nulls_encode(CodecBuffer *buf, const bool *nulls, int nrows)
{
	int			total = 0;

	for (int row = 0; row < nrows; row += COLUMN_VECTOR)
	{
		uint16		count = count_nulls(nulls + row, Min(COLUMN_VECTOR, nrows - row));

		codec_append(buf, &count, sizeof(count));
		total += count;
	}
	for (int row = 0; row < nrows; row += COLUMN_VECTOR)
	{
		int			n = Min(COLUMN_VECTOR, nrows - row);

		encode_vector(buf, nulls + row, n, count_nulls(nulls + row, n));
	}
	return total;
}

/*
 * Takes the nulls off the input.  start[v] becomes the number of values in
 * front of vector v, offsets[v] the place of its nulls behind the counts;
 * both have an entry more than there are vectors.
 */
bool
codec_nulls_open(CodecInput *in, int nrows, int nnulls, uint32 *start,
				 uint32 *offsets, const char **problem)
{
	int			nvectors = (nrows + COLUMN_VECTOR - 1) / COLUMN_VECTOR;
	const char *counts;

	*problem = "nulls are cut off";
	if (!codec_take(in, nvectors * sizeof(uint16), &counts))
		return false;
	start[0] = offsets[0] = 0;
	for (int v = 0; v < nvectors; v++)
	{
		int			n = Min(COLUMN_VECTOR, nrows - v * COLUMN_VECTOR);
		uint16		count;

		memcpy(&count, counts + v * sizeof(uint16), sizeof(count));
		*problem = "more nulls than rows";
		if (count > n)
			return false;
		start[v + 1] = start[v] + n - count;
		offsets[v + 1] = offsets[v] + vector_bytes(n, count);
	}
	*problem = "nulls do not add up";
	if (start[nvectors] != nrows - nnulls || offsets[nvectors] > in->len)
		return false;
	in->data += offsets[nvectors];
	in->len -= offsets[nvectors];
	return true;
}

static bool
decode_list(const char *data, int n, int count, uint64 *bits)
{
	int			last = -1;

	for (int i = 0; i < count; i++)
	{
		uint16		pos;

		memcpy(&pos, data + i * sizeof(pos), sizeof(pos));
		if (pos >= n || (int) pos <= last)
			return false;
		bits[pos / 64] |= UINT64CONST(1) << (pos % 64);
		last = pos;
	}
	return true;
}

static bool
decode_bitmap(const char *data, int n, int nnulls, uint64 *bits)
{
	int			count = 0;

	for (int w = 0; w < COLUMN_VECTOR / 64; w++)
	{
		bits[w] = 0;
		for (int i = 0; i < 8; i++)
			bits[w] |= (uint64) (unsigned char) data[w * 8 + i] << (8 * i);
		count += __builtin_popcountll(bits[w]);
	}
	for (int i = n; i < COLUMN_VECTOR; i++)
	{
		if (bits[i / 64] >> (i % 64) & 1)
			return false;
	}
	return count == nnulls;
}

/* Sets the first n bits and clears the rest. */
static void
fill_bits(uint64 *bits, int n)
{
	memset(bits, 0, BITMAP_BYTES);
	memset(bits, 0xFF, n / 64 * sizeof(uint64));
	if (n % 64 != 0)
		bits[n / 64] = (UINT64CONST(1) << (n % 64)) - 1;
}

/*
 * The nulls of a vector of n rows, nnulls of them null, whose data
 * codec_nulls_open found: a bit set for each.
 */
bool
codec_nulls_decode(const char *data, int n, int nnulls, uint64 *bits,
				   const char **problem)
{
	int			fewer = Min(nnulls, n - nnulls);

	*problem = "positions of nulls out of order";
	if (fewer * sizeof(uint16) >= BITMAP_BYTES)
		return decode_bitmap(data, n, nnulls, bits);
	memset(bits, 0, BITMAP_BYTES);
	if (!decode_list(data, n, fewer, bits))
		return false;
	if (nnulls > n - nnulls)
	{
		uint64		all[COLUMN_VECTOR / 64];

		fill_bits(all, n);
		for (int w = 0; w < COLUMN_VECTOR / 64; w++)
			bits[w] ^= all[w];
	}
	return true;
}
