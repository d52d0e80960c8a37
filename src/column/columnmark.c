/*-------------------------------------------------------------------------
 *
 * columnmark.c
 *	  The bytes of a row of omendb.mark.
 *
 * A row lists line pointers of one or more heap blocks.  Its bytes begin with a
 * CRC-32C of what follows.  Every block is a number of varints (seven bits a
 * byte, low bits first): the distance from the block before it, or from the
 * row's first block; the number of line pointers, or zero; and then the
 * distances of the line pointers from each other, or, after zero, a bitmap of
 * MARK_BITMAP bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "port/pg_crc32c.h"

#include "column/column.h"

#define MARK_WORDS		lengthof(((BlockMarks *) NULL)->offsets)
#define MARK_BITMAP		(MARK_WORDS * sizeof(uint64))

/* the most that one block can take */
#define MARK_MAX_BYTES	(5 + 5 + MARK_BITMAP)

StaticAssertDecl(MaxHeapTuplesPerPage % 64 < 63 &&
				 MaxHeapTuplesPerPage / 64 == MARK_WORDS - 1,
				 "the last word of a bitmap has unused bits");

/* where reading stands */
typedef struct MarkCursor
{
	const uint8 *at;
	const uint8 *end;
} MarkCursor;

static uint8 *
put_varint(uint8 *p, uint32 value)
{
	while (value >= 0x80)
	{
		*p++ = (uint8) value | 0x80;
		value >>= 7;
	}
	*p++ = (uint8) value;
	return p;
}

static bool
get_varint(MarkCursor *c, uint32 *value)
{
	uint64		v = 0;
	int			shift;

	for (shift = 0; shift < 35 && c->at < c->end; shift += 7)
	{
		uint8		byte = *c->at++;

		v |= (uint64) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			*value = (uint32) v;
			return v <= PG_UINT32_MAX;
		}
	}
	return false;
}

static pg_crc32c
marks_crc(const uint8 *begin, const uint8 *end)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, begin, end - begin);
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

static uint8 *
put_bitmap(uint8 *p, const BlockMarks *m)
{
	int			i;

	p = put_varint(p, 0);
	for (i = 0; i < MARK_BITMAP; i++)
		*p++ = (uint8) (m->offsets[i / 8] >> (i % 8 * 8));
	return p;
}

static uint8 *
put_block(uint8 *p, uint32 distance, const BlockMarks *m)
{
	int			n = count_offsets(m);
	int			last = 0;
	int			i;

	p = put_varint(p, distance);
	if (n == 0 || n >= MARK_BITMAP)
		return put_bitmap(p, m);

	p = put_varint(p, n);
	for (i = 1; i < MARK_WORDS * 64; i++)
	{
		if (m->offsets[i / 64] & (UINT64CONST(1) << (i % 64)))
		{
			p = put_varint(p, i - last);
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
	uint8	   *begin = (uint8 *) VARDATA(packed) + sizeof(pg_crc32c);
	uint8	   *p = begin;
	pg_crc32c	crc;
	BlockNumber last = first;
	int			i;

	for (i = 0; i < nmarks; i++)
	{
		p = put_block(p, marks[i].block - last, &marks[i]);
		last = marks[i].block;
	}
	crc = marks_crc(begin, p);
	memcpy(VARDATA(packed), &crc, sizeof(crc));
	SET_VARSIZE(packed, p - (uint8 *) packed);
	return packed;
}

static bool
get_bitmap(MarkCursor *c, BlockMarks *m)
{
	int			i;

	if (c->end - c->at < MARK_BITMAP)
		return false;
	for (i = 0; i < MARK_BITMAP; i++)
		m->offsets[i / 8] |= (uint64) *c->at++ << (i % 8 * 8);

	/* no line pointer has such a number */
	return (m->offsets[0] & 1) == 0 &&
		m->offsets[MARK_WORDS - 1] >> (MaxHeapTuplesPerPage % 64 + 1) == 0;
}

/* One block, with its distance instead of its number */
static bool
get_block(MarkCursor *c, BlockMarks *m)
{
	uint32		n;
	uint32		distance;
	uint64		offset = 0;

	memset(m->offsets, 0, sizeof(m->offsets));
	if (!get_varint(c, &m->block) || !get_varint(c, &n))
		return false;
	if (n == 0)
		return get_bitmap(c, m);
	while (n-- > 0)
	{
		if (!get_varint(c, &distance))
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
begin_reading(MarkCursor *c, const bytea *packed)
{
	pg_crc32c	crc;

	c->at = (const uint8 *) VARDATA_ANY(packed);
	c->end = c->at + VARSIZE_ANY_EXHDR(packed);
	if (c->end - c->at < sizeof(crc))
		return false;
	memcpy(&crc, c->at, sizeof(crc));
	c->at += sizeof(crc);
	return crc == marks_crc(c->at, c->end);
}

/*
 * marks_count: how many blocks a row lists, or -1 if the bytes are damaged.
 */
int
marks_count(const bytea *packed)
{
	MarkCursor	c;
	BlockMarks	m;
	int			n = 0;

	if (!begin_reading(&c, packed))
		return -1;
	while (c.at < c.end)
	{
		if (!get_block(&c, &m))
			return -1;
		n++;
	}
	return n;
}

/*
 * marks_unpack: the marks, of nblocks blocks from block first; there is room
 * for marks_count() of them.  False if the bytes are damaged.
 */
bool
marks_unpack(const bytea *packed, BlockNumber first, BlockNumber nblocks,
			 BlockMarks *marks)
{
	MarkCursor	c;
	uint64		distance = 0;

	if (!begin_reading(&c, packed))
		return false;
	for (; c.at < c.end; marks++)
	{
		if (!get_block(&c, marks))
			return false;
		distance += marks->block;
		if (distance >= nblocks)
			return false;
		marks->block = first + (BlockNumber) distance;
	}
	return true;
}
