/*-------------------------------------------------------------------------
 *
 * columnlayout.c
 *	  What the directory keeps of a segment: where its rows are in the heap,
 *	  and what its columns are like.
 *
 * The bytes are a LayoutHeader, a LayoutColumn for each column, the least and
 * greatest byte strings of columns where they are short, the places of the
 * rows, and the marks (columnmark.c) of rows that are only in the heap.
 * Fields are in the byte order of the machine, as everything on disk is.
 *
 * The places are, for runs of blocks that are alike, two varints: the length
 * of the run, and twice the number of rows in each block.  If the rows of a
 * block are not line pointers 1, 2, 3, ..., the run is that block alone, the
 * second number has one added, and a varint with the number of bytes of a
 * bitmap and the bitmap follow; bit 0 is line pointer 1.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "port/pg_crc32c.h"
#include "storage/bufpage.h"

#include "column/columncodec.h"

#define LAYOUT_MAGIC	0x4C6F4531
#define LAYOUT_VERSION	1

/* longer byte strings are not kept as least and greatest ones */
#define LAYOUT_MAX_STRING	64

typedef struct LayoutHeader
{
	uint32		magic;
	pg_crc32c	crc;			/* of all that follows */
	uint32		version;
	uint32		nrows;
	uint32		nblocks;
	uint32		ncolumns;
	uint32		strings;		/* bytes of least and greatest strings */
	uint32		places;			/* bytes of the places of rows */
	uint32		from_heap;		/* bytes of the marks */
	uint32		first;			/* block */
	uint32		relid;
	uint32		filenode;
	int64		id;
} LayoutHeader;

typedef struct LayoutColumn
{
	uint32		typid;
	int16		attno;
	int16		typlen;
	int16		scale;
	uint8		form;
	uint8		codec;
	uint32		nnulls;
	uint32		ndistinct;
	uint32		nbytes;
	uint8		has_minmax;
	uint8		has_nan;
	uint8		unused[6];
	int64		low;			/* or the bits of a double, or a length */
	int64		high;
	int64		sum_hi;
	uint64		sum_lo;
} LayoutColumn;

StaticAssertDecl(sizeof(LayoutHeader) == 56 && sizeof(LayoutColumn) == 64,
				 "structs of the layout have no holes");

static pg_crc32c
layout_crc(const char *data, Size size)
{
	pg_crc32c	crc;
	Size		skip = offsetof(LayoutHeader, version);

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data + skip, size - skip);
	FIN_CRC32C(crc);
	return crc;
}

static void
put_varint(StringInfo buf, uint32 value)
{
	char		bytes[CODEC_VARINT];

	appendBinaryStringInfo(buf, bytes, codec_put_varint(bytes, value) - bytes);
}

/*---- places of rows ---- */

static int
rows_of(const SegmentReader *r, int block)
{
	return r->block_rows[block + 1] - r->block_rows[block];
}

static bool
is_dense(const SegmentReader *r, int block)
{
	int			n = rows_of(r, block);

	return n == 0 || r->offsets[r->block_rows[block + 1] - 1] == n;
}

static void
put_bitmap(StringInfo buf, const OffsetNumber *offsets, int n)
{
	uint8		bits[(MaxHeapTuplesPerPage + 7) / 8] = {0};
	int			nbytes = (offsets[n - 1] + 7) / 8;
	int			i;

	for (i = 0; i < n; i++)
		bits[(offsets[i] - 1) / 8] |= 1 << ((offsets[i] - 1) % 8);
	put_varint(buf, nbytes);
	appendBinaryStringInfo(buf, (const char *) bits, nbytes);
}

static void
put_places(StringInfo buf, const SegmentReader *r)
{
	int			nblocks = (int) r->segment->nblocks;
	int			b;
	int			run;

	for (b = 0; b < nblocks; b += run)
	{
		int			n = rows_of(r, b);

		run = 1;
		if (!is_dense(r, b))
		{
			put_varint(buf, run);
			put_varint(buf, n * 2 + 1);
			put_bitmap(buf, r->offsets + r->block_rows[b], n);
			continue;
		}
		while (b + run < nblocks && rows_of(r, b + run) == n &&
			   is_dense(r, b + run))
			run++;
		put_varint(buf, run);
		put_varint(buf, n * 2);
	}
}

/* The line pointers of a block; false if they are not n */
static bool
get_bitmap(CodecInput *in, OffsetNumber *offsets, uint32 n)
{
	const char *bits;
	uint32		nbytes;
	uint32		i;

	if (!codec_take_varint(in, &nbytes) ||
		nbytes > (MaxHeapTuplesPerPage + 7) / 8 ||
		!codec_take(in, nbytes, &bits))
		return false;
	for (i = 0; i < nbytes * 8; i++)
	{
		if (bits[i / 8] & (1 << (i % 8)))
		{
			if (n == 0 || i >= MaxHeapTuplesPerPage)
				return false;
			*offsets++ = i + 1;
			n--;
		}
	}
	return n == 0;
}

/* The line pointers of a block without a gap */
static CODEC_KERNEL void
fill_dense(OffsetNumber *offsets, int n)
{
	for (int i = 0; i < n; i++)
		offsets[i] = (OffsetNumber) (i + 1);
}

/* The line pointers of the first blocks, none of which had a gap */
static void
begin_offsets(SegmentReader *r, uint32 nblocks, uint32 row)
{
	uint32		b;

	r->block_rows[nblocks] = row;
	r->offsets = palloc((r->nrows + 1) * sizeof(OffsetNumber));
	for (b = 0; b < nblocks; b++)
		fill_dense(r->offsets + r->block_rows[b], rows_of(r, b));
}

static bool
get_places(SegmentReader *r, CodecInput *in)
{
	uint32		nblocks = r->segment->nblocks;
	uint32		block = 0;
	uint32		row = 0;

	while (block < nblocks)
	{
		uint32		run;
		uint32		n;
		bool		sparse;

		if (!codec_take_varint(in, &run) || !codec_take_varint(in, &n))
			return false;
		sparse = n & 1;
		n /= 2;
		if (run == 0 || run > nblocks - block || (sparse && run > 1) ||
			n > MaxHeapTuplesPerPage || (uint64) run * n > r->nrows - row)
			return false;
		if (sparse && r->offsets == NULL)
			begin_offsets(r, block, row);
		if (sparse && !get_bitmap(in, r->offsets + row, n))
			return false;
		for (; run > 0; run--, row += n)
		{
			r->block_rows[block++] = row;
			if (!sparse && r->offsets != NULL)
				fill_dense(r->offsets + row, (int) n);
		}
	}
	r->block_rows[nblocks] = row;
	return row == r->nrows && in->len == 0;
}

/*---- columns ---- */

static int64
double_bits(double value)
{
	int64		bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static double
bits_double(int64 bits)
{
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Is there room for the least and greatest byte strings? */
static bool
keeps_strings(const ColumnStats *s)
{
	return s->has_bytes && s->min_bytes.len <= LAYOUT_MAX_STRING &&
		s->max_bytes.len <= LAYOUT_MAX_STRING;
}

/* Puts least and greatest value into the fixed part and into "strings". */
static void
put_minmax(LayoutColumn *c, const SegmentColumn *column, StringInfo strings)
{
	const ColumnStats *s = &column->stats;

	c->has_minmax = s->has_minmax;
	switch (column_form_class(column->form))
	{
		case COLUMN_INT:
			c->low = s->min_int;
			c->high = s->max_int;
			break;
		case COLUMN_BYTES:
			c->has_minmax = keeps_strings(s);
			if (!c->has_minmax)
				break;
			c->low = s->min_bytes.len;
			c->high = s->max_bytes.len;
			appendBinaryStringInfo(strings, s->min_bytes.data,
								   s->min_bytes.len);
			appendBinaryStringInfo(strings, s->max_bytes.data,
								   s->max_bytes.len);
			break;
		default:
			c->low = double_bits(s->min_float);
			c->high = double_bits(s->max_float);
			break;
	}
}

static void
put_column(StringInfo buf, const SegmentColumn *column, StringInfo strings)
{
	const ColumnStats *s = &column->stats;
	LayoutColumn c;

	memset(&c, 0, sizeof(c));
	c.typid = column->typid;
	c.attno = column->attno;
	c.typlen = column->typlen;
	c.scale = column->scale;
	c.form = column->form;
	c.codec = s->codec;
	c.nnulls = s->nnulls;
	c.ndistinct = s->ndistinct;
	c.nbytes = s->nbytes;
	c.has_nan = s->has_nan;
	c.sum_hi = s->sum_hi;
	c.sum_lo = s->sum_lo;
	put_minmax(&c, column, strings);
	appendBinaryStringInfo(buf, (const char *) &c, sizeof(c));
}

static bool
get_string(CodecInput *strings, int64 len, ColumnBytes *bytes)
{
	if (len < 0 || !codec_take(strings, len, &bytes->data))
		return false;
	bytes->len = (uint32) len;
	return true;
}

static bool
get_minmax(const LayoutColumn *c, SegmentColumn *column,
		   CodecInput *strings)
{
	ColumnStats *s = &column->stats;

	s->has_minmax = c->has_minmax;
	switch (column_form_class(column->form))
	{
		case COLUMN_INT:
			s->min_int = c->low;
			s->max_int = c->high;
			return true;
		case COLUMN_BYTES:
			s->has_minmax = false;
			s->has_bytes = c->has_minmax;
			return !s->has_bytes ||
				(get_string(strings, c->low, &s->min_bytes) &&
				 get_string(strings, c->high, &s->max_bytes));
		default:
			s->min_float = bits_double(c->low);
			s->max_float = bits_double(c->high);
			return true;
	}
}

static bool
get_column(SegmentColumn *column, const char *from, CodecInput *strings)
{
	ColumnStats *s = &column->stats;
	LayoutColumn c;

	memcpy(&c, from, sizeof(c));
	memset(column, 0, sizeof(SegmentColumn));
	if (c.attno <= 0 || c.form < COLUMN_FORM_INT ||
		c.form > COLUMN_FORM_CSTRING)
		return false;
	column->typid = c.typid;
	column->attno = c.attno;
	column->typlen = c.typlen;
	column->scale = c.scale;
	column->form = c.form;
	s->codec = c.codec;
	s->nnulls = c.nnulls;
	s->ndistinct = c.ndistinct;
	s->nbytes = c.nbytes;
	s->has_nan = c.has_nan;
	s->sum_hi = c.sum_hi;
	s->sum_lo = c.sum_lo;
	return get_minmax(&c, column, strings);
}

/*---- the whole ---- */

/*
 * layout_pack: the bytes for a segment, of which rel, segment and all that
 * follows nrows is filled in.
 */
bytea *
layout_pack(const SegmentReader *r)
{
	StringInfoData buf;
	StringInfoData strings;
	LayoutHeader head = {LAYOUT_MAGIC, 0, LAYOUT_VERSION};
	int			i;

	initStringInfo(&strings);
	initStringInfo(&buf);
	appendStringInfoSpaces(&buf, VARHDRSZ);
	appendBinaryStringInfo(&buf, (const char *) &head, sizeof(head));
	for (i = 0; i < r->ncolumns; i++)
		put_column(&buf, &r->columns[i], &strings);
	head.strings = strings.len;
	appendBinaryStringInfo(&buf, strings.data, strings.len);
	pfree(strings.data);
	head.places = buf.len;
	put_places(&buf, r);
	head.places = buf.len - head.places;
	if (r->nfrom_heap > 0)
	{
		bytea	   *marks = marks_pack(r->segment->first, r->from_heap,
									   r->nfrom_heap);

		head.from_heap = VARSIZE(marks) - VARHDRSZ;
		appendBinaryStringInfo(&buf, VARDATA(marks), head.from_heap);
		pfree(marks);
	}
	head.nrows = r->nrows;
	head.nblocks = r->segment->nblocks;
	head.ncolumns = r->ncolumns;
	head.first = r->segment->first;
	head.relid = RelationGetRelid(r->rel);
	head.filenode = OmenRelNumber(OmenRelLocator(r->rel));
	head.id = r->segment->id;
	memcpy(buf.data + VARHDRSZ, &head, sizeof(head));
	head.crc = layout_crc(buf.data + VARHDRSZ, buf.len - VARHDRSZ);
	memcpy(buf.data + VARHDRSZ, &head, sizeof(head));
	SET_VARSIZE(buf.data, buf.len);
	return (bytea *) buf.data;
}

/* Are the parts as long as the whole? */
static bool
sizes_fit(const LayoutHeader *head, Size size)
{
	return head->ncolumns <= MaxHeapAttributeNumber &&
		sizeof(LayoutHeader) + head->ncolumns * sizeof(LayoutColumn) +
		(uint64) head->strings + head->places + head->from_heap == size;
}

static bool
get_marks(SegmentReader *r, const char *from, uint32 n)
{
	bytea	   *marks = palloc(VARHDRSZ + n);

	if (n == 0)
		return true;
	SET_VARSIZE(marks, VARHDRSZ + n);
	memcpy(VARDATA(marks), from, n);
	r->from_heap = palloc((marks_room(marks) + 1) * sizeof(BlockMarks));
	r->nfrom_heap = marks_unpack(marks, r->segment->first, r->segment->nblocks,
								 r->from_heap);
	return r->nfrom_heap >= 0 && r->nfrom_heap <= r->segment->nblocks;
}

/* The strings are copied: the bytes of the layout may go. */
static bool
get_columns(SegmentReader *r, const char *from, const LayoutHeader *head)
{
	CodecInput	strings;
	char	   *copy = palloc(head->strings + 1);
	int			i;

	r->ncolumns = head->ncolumns;
	r->columns = palloc((r->ncolumns + 1) * sizeof(SegmentColumn));
	memcpy(copy, from + r->ncolumns * sizeof(LayoutColumn), head->strings);
	strings.data = copy;
	strings.len = head->strings;
	for (i = 0; i < r->ncolumns; i++, from += sizeof(LayoutColumn))
	{
		if (!get_column(&r->columns[i], from, &strings) ||
			(i > 0 && r->columns[i].attno <= r->columns[i - 1].attno))
			return false;
	}
	return strings.len == 0;
}

static const char *
check_header(const LayoutHeader *head, Relation rel, const Segment *segment,
			 const char *data, Size size)
{
	if (head->magic != LAYOUT_MAGIC || head->crc != layout_crc(data, size))
		return "checksum of its layout does not match";
	if (head->version != LAYOUT_VERSION)
		return "version of its layout is unknown";
	if (!sizes_fit(head, size) || head->nblocks != segment->nblocks ||
		head->first != segment->first || head->id != segment->id ||
		head->relid != RelationGetRelid(rel) ||
		head->filenode != OmenRelNumber(OmenRelLocator(rel)) ||
		head->nrows != segment->nrows || head->nrows > COLUMN_MAX_ROWS)
		return "its layout does not fit its row in the directory";
	return NULL;
}

/*
 * layout_unpack: fills in what follows "segment" from the segment's layout, in
 * the current memory context.  False and the problem if it is damaged.
 */
bool
layout_unpack(SegmentReader *r, const char **problem)
{
	const char *data = VARDATA_ANY(DatumGetPointer(r->segment->layout));
	Size		size = VARSIZE_ANY_EXHDR(DatumGetPointer(r->segment->layout));
	LayoutHeader head;
	CodecInput	places;

	*problem = "its layout is too short";
	if (size < sizeof(head))
		return false;
	memcpy(&head, data, sizeof(head));
	*problem = check_header(&head, r->rel, r->segment, data, size);
	if (*problem != NULL)
		return false;

	r->nrows = head.nrows;
	r->block_rows = palloc((head.nblocks + 1) * sizeof(int));
	r->offsets = NULL;
	*problem = "its layout is damaged";
	data += sizeof(head);
	if (!get_columns(r, data, &head))
		return false;
	data += head.ncolumns * sizeof(LayoutColumn) + head.strings;
	places.data = data;
	places.len = head.places;
	return get_places(r, &places) && get_marks(r, data + head.places,
											   head.from_heap);
}
