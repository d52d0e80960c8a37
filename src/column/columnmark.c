/*-------------------------------------------------------------------------
 *
 * columnmark.c
 *	  The bytes of a row of omendb.mark.
 *
 * A row lists line pointers of one or more heap blocks.  Its bytes begin with a
 * CRC-32C of what follows.  Every block is a number of varints (seven bits a
 * byte, low bits first): the distance from the block before it, or from the
 * row's first block; the number of line pointers, or zero, and MARK_REMOVED more
 * if no row was placed there; and then the distances of the line pointers from
 * each other, or, after zero, a bitmap of MARK_BITMAP bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "port/pg_crc32c.h"

#include "column/columncodec.h"

#define MARK_WORDS		lengthof(((BlockMarks *) NULL)->offsets)
#define MARK_BITMAP		(MARK_WORDS * sizeof(uint64))

/* more than the number of line pointers of a list */
#define MARK_REMOVED	64

/* the most that one block can take */
#define MARK_MAX_BYTES	(2 * CODEC_VARINT + MARK_BITMAP)

/* the least: distance, number, and one line pointer */
#define MARK_MIN_BYTES	3

StaticAssertDecl(MaxHeapTuplesPerPage % 64 < 63 &&
				 MaxHeapTuplesPerPage / 64 == MARK_WORDS - 1,
				 "the last word of a bitmap has unused bits");

static pg_crc32c
marks_crc(const char *begin, Size len)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, begin, len);
	FIN_CRC32C(crc);
	return crc;
}

static int
count_offsets(const BlockMarks *m)
{
	int			n = 0;
	int			i;

	for (i = 0; i < MARK_WORDS; i++)
		n += pg_popcount64(m->offsets[i]);
	return n;
}

static char *
put_bitmap(char *p, const BlockMarks *m)
{
	int			i;

	for (i = 0; i < MARK_BITMAP; i++)
		*p++ = (char) (m->offsets[i / 8] >> (i % 8 * 8));
	return p;
}

static char *
put_block(char *p, uint32 distance, const BlockMarks *m)
{
	int			n = count_offsets(m);
	uint32		kind = m->placed ? 0 : MARK_REMOVED;
	int			last = 0;
	int			w;

	p = codec_put_varint(p, distance);
	if (n == 0 || n >= Min(MARK_BITMAP, MARK_REMOVED))
		return put_bitmap(codec_put_varint(p, kind), m);

	p = codec_put_varint(p, kind + n);
	for (w = 0; w < MARK_WORDS; w++)
	{
		uint64		left;

		for (left = m->offsets[w]; left != 0; left &= left - 1)
		{
			int			i = w * 64 + pg_rightmost_one_pos64(left);

			p = codec_put_varint(p, i - last);
			last = i;
		}
	}
	return p;
}

/*
 * marks_pack: the bytes for marks, which are in the order of their blocks; first
 * is what the blocks are counted from.
 */
bytea *
marks_pack(BlockNumber first, const BlockMarks *marks, int nmarks)
{
	bytea	   *packed = palloc(VARHDRSZ + sizeof(pg_crc32c) +
								(Size) nmarks * MARK_MAX_BYTES);
	char	   *begin = VARDATA(packed) + sizeof(pg_crc32c);
	char	   *p = begin;
	pg_crc32c	crc;
	BlockNumber last = first;
	int			i;

	for (i = 0; i < nmarks; i++)
	{
		p = put_block(p, marks[i].block - last, &marks[i]);
		last = marks[i].block;
	}
	crc = marks_crc(begin, p - begin);
	memcpy(VARDATA(packed), &crc, sizeof(crc));
	SET_VARSIZE(packed, p - (char *) packed);
	return packed;
}

static bool
get_bitmap(CodecInput *in, BlockMarks *m)
{
	const char *bits;
	int			i;

	if (!codec_take(in, MARK_BITMAP, &bits))
		return false;
	for (i = 0; i < MARK_BITMAP; i++)
		m->offsets[i / 8] |= (uint64) (uint8) bits[i] << (i % 8 * 8);

	/* no line pointer has such a number */
	return (m->offsets[0] & 1) == 0 &&
		m->offsets[MARK_WORDS - 1] >> (MaxHeapTuplesPerPage % 64 + 1) == 0;
}

/* One block, with its distance instead of its number */
static bool
get_block(CodecInput *in, BlockMarks *m)
{
	uint32		n;
	uint32		distance;
	uint64		offset = 0;

	memset(m->offsets, 0, sizeof(m->offsets));
	if (!codec_take_varint(in, &m->block) || !codec_take_varint(in, &n))
		return false;
	if (n >= 2 * MARK_REMOVED)
		return false;
	m->placed = n < MARK_REMOVED;
	n %= MARK_REMOVED;
	if (n == 0)
		return get_bitmap(in, m);
	while (n-- > 0)
	{
		if (!codec_take_varint(in, &distance))
			return false;
		offset += distance;
		if (offset == 0 || offset > MaxHeapTuplesPerPage)
			return false;
		m->offsets[offset / 64] |= UINT64CONST(1) << (offset % 64);
	}
	return true;
}

/* Begins reading; false if the checksum does not match. */
static bool
begin_reading(CodecInput *in, const bytea *packed)
{
	const char *data;
	pg_crc32c	crc;

	in->data = VARDATA_ANY(packed);
	in->len = VARSIZE_ANY_EXHDR(packed);
	if (!codec_take(in, sizeof(crc), &data))
		return false;
	memcpy(&crc, data, sizeof(crc));
	return crc == marks_crc(in->data, in->len);
}

/*
 * marks_room: no fewer than the blocks that a row lists.
 */
int
marks_room(const bytea *packed)
{
	return VARSIZE_ANY_EXHDR(packed) / MARK_MIN_BYTES;
}

/*
 * marks_unpack: the marks, of nblocks blocks from block first; there is room
 * for marks_room() of them.  Their number, or -1 if the bytes are damaged.
 */
int
marks_unpack(const bytea *packed, BlockNumber first, BlockNumber nblocks,
			 BlockMarks *marks)
{
	CodecInput	in;
	uint64		distance = 0;
	int			n;

	if (!begin_reading(&in, packed))
		return -1;
	for (n = 0; in.len > 0; n++)
	{
		if (in.len < MARK_MIN_BYTES || !get_block(&in, &marks[n]))
			return -1;
		distance += marks[n].block;
		if (distance >= nblocks)
			return -1;
		marks[n].block = first + (BlockNumber) distance;
	}
	return n;
}
