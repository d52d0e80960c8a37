/*-------------------------------------------------------------------------
 *
 * columnwrite.c
 *	  Makes a segment of the rows of a range of heap blocks that a snapshot
 *	  sees.
 *
 * Every row keeps the line pointer of its own version, never that of the root
 * of its HOT chain.  A row with a value that is too large, or that would need
 * too much memory, is left out; the segment lists it as one to be read from
 * the heap.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "column/column.h"

/* memory for values of byte columns; rows with toasted values stop there */
#define WRITER_MAX_BYTES	((Size) 256 * 1024 * 1024)

/* byte values are copied into pieces of this size, or their own */
#define WRITER_PIECE		(256 * 1024)

#define WRITER_FIRST_ROOM	4096

/* a column being collected */
typedef struct WriterColumn
{
	SegmentColumn column;
	bool		has_nulls;
	bool	   *nulls;
	void	   *values;			/* of the type of the form's class */
	char	   *piece;			/* where the next byte value goes */
	Size		piece_left;
} WriterColumn;

struct SegmentWriter
{
	Relation	rel;
	Snapshot	snapshot;
	MemoryContext context;		/* of everything */
	MemoryContext rowcontext;	/* of a detoasted value */
	BufferAccessStrategy strategy;
	BlockNumber first;
	BlockNumber nblocks;
	BlockNumber next;			/* block to come */
	Size		bytes;			/* of byte values */
	int			nrows;
	int			room;			/* rows that fit */
	int			ncolumns;
	WriterColumn *columns;
	AttrNumber *varlenas;		/* columns that may be too large */
	int			nvarlenas;
	int		   *block_rows;
	OffsetNumber *offsets;
	BlockMarks *from_heap;
	int			nfrom_heap;
	Datum	   *datums;			/* of one row */
	bool	   *isnull;
};

int			segment_inline_limit = 64;

/*---- columns ---- */

static Size
value_size(const WriterColumn *c)
{
	switch (c->column.form)
	{
		case COLUMN_FORM_INT:
			return sizeof(int64);
		case COLUMN_FORM_FLOAT4:
			return sizeof(float);
		case COLUMN_FORM_FLOAT8:
			return sizeof(double);
		default:
			return sizeof(ColumnBytes);
	}
}

static void
grow(SegmentWriter *w)
{
	int			i;

	w->room *= 2;
	w->offsets = repalloc_huge(w->offsets, w->room * sizeof(OffsetNumber));
	for (i = 0; i < w->ncolumns; i++)
	{
		WriterColumn *c = &w->columns[i];

		c->nulls = repalloc_huge(c->nulls, w->room * sizeof(bool));
		c->values = repalloc_huge(c->values, w->room * value_size(c));
	}
}

static void
begin_column(SegmentWriter *w, Form_pg_attribute att)
{
	WriterColumn *c = &w->columns[w->ncolumns++];

	memset(c, 0, sizeof(WriterColumn));
	c->column.attno = att->attnum;
	c->column.form = column_form(att->atttypid, &c->column.typid,
								 &c->column.typlen);
	if (c->column.form == COLUMN_FORM_VARLENA ||
		c->column.form == COLUMN_FORM_NUMERIC)
		w->varlenas[w->nvarlenas++] = att->attnum;
	c->nulls = palloc(w->room * sizeof(bool));
	c->values = palloc_extended(w->room * value_size(c), MCXT_ALLOC_HUGE);
}

/*
 * segment_write_begin: starts a segment of nblocks blocks of rel from block
 * first, of the rows that a snapshot sees, which is registered or active until
 * the end.
 */
SegmentWriter *
segment_write_begin(Relation rel, Snapshot snapshot, BlockNumber first,
					BlockNumber nblocks)
{
	TupleDesc	desc = RelationGetDescr(rel);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "omendb segment writer",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SegmentWriter *w = palloc0(sizeof(SegmentWriter));
	int			i;

	w->rel = rel;
	w->snapshot = snapshot;
	w->context = context;
	w->rowcontext = AllocSetContextCreate(context, "omendb row",
										  ALLOCSET_DEFAULT_SIZES);
	w->strategy = GetAccessStrategy(BAS_BULKREAD);
	w->first = first;
	w->nblocks = nblocks;
	w->next = first;
	w->room = WRITER_FIRST_ROOM;
	w->columns = palloc((desc->natts + 1) * sizeof(WriterColumn));
	w->varlenas = palloc((desc->natts + 1) * sizeof(AttrNumber));
	w->block_rows = palloc0((nblocks + 1) * sizeof(int));
	w->offsets = palloc(w->room * sizeof(OffsetNumber));
	w->from_heap = palloc_extended(nblocks * sizeof(BlockMarks),
								   MCXT_ALLOC_HUGE);
	w->datums = palloc((desc->natts + 1) * sizeof(Datum));
	w->isnull = palloc((desc->natts + 1) * sizeof(bool));
	for (i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			begin_column(w, TupleDescAttr(desc, i));
	}
	MemoryContextSwitchTo(old);
	return w;
}

/*---- rows ---- */

/* Does the current row have to stay in the heap? */
static bool
is_too_large(SegmentWriter *w)
{
	int			i;

	for (i = 0; i < w->nvarlenas; i++)
	{
		int			att = w->varlenas[i] - 1;
		struct varlena *value;

		if (w->isnull[att])
			continue;
		value = (struct varlena *) DatumGetPointer(w->datums[att]);
		if (!VARATT_IS_EXTENDED(value) &&
			VARSIZE(value) - VARHDRSZ <= 1024)
			continue;
		if (toast_raw_datum_size(PointerGetDatum(value)) - VARHDRSZ >
			(Size) segment_inline_limit * 1024)
			return true;
		if (VARATT_IS_EXTENDED(value) && w->bytes > WRITER_MAX_BYTES)
			return true;
	}
	return false;
}

static char *
copy_bytes(SegmentWriter *w, WriterColumn *c, const char *data, uint32 len)
{
	char	   *copy;

	if (len > c->piece_left)
	{
		c->piece_left = Max(len, WRITER_PIECE);
		c->piece = MemoryContextAllocHuge(w->context, c->piece_left);
	}
	copy = c->piece;
	memcpy(copy, data, len);
	c->piece += len;
	c->piece_left -= len;
	w->bytes += len;
	return copy;
}

/* The bytes of a value; of a toasted one they are in the row's context. */
static ColumnBytes
value_bytes(SegmentWriter *w, const SegmentColumn *c, Datum value)
{
	ColumnBytes bytes;
	struct varlena *v = (struct varlena *) DatumGetPointer(value);

	if (c->form == COLUMN_FORM_FIXED)
	{
		bytes.data = DatumGetPointer(value);
		bytes.len = c->typlen;
		return bytes;
	}
	if (c->form == COLUMN_FORM_CSTRING)
	{
		bytes.data = DatumGetCString(value);
		bytes.len = strlen(bytes.data);
		return bytes;
	}
	if (VARATT_IS_COMPRESSED(v) || VARATT_IS_EXTERNAL(v))
	{
		MemoryContext old = MemoryContextSwitchTo(w->rowcontext);

		v = detoast_attr(v);
		MemoryContextSwitchTo(old);
	}
	bytes.data = VARDATA_ANY(v);
	bytes.len = VARSIZE_ANY_EXHDR(v);
	return bytes;
}

static void
add_value(SegmentWriter *w, WriterColumn *c, Datum value, int row)
{
	SegmentColumn *column = &c->column;
	ColumnBytes bytes;

	switch (column->form)
	{
		case COLUMN_FORM_INT:
			((int64 *) c->values)[row] = column_int(value, column->typid,
													column->typlen);
			break;
		case COLUMN_FORM_FLOAT4:
			((float *) c->values)[row] = DatumGetFloat4(value);
			break;
		case COLUMN_FORM_FLOAT8:
			((double *) c->values)[row] = DatumGetFloat8(value);
			break;
		default:
			bytes = value_bytes(w, column, value);
			bytes.data = copy_bytes(w, c, bytes.data, bytes.len);
			((ColumnBytes *) c->values)[row] = bytes;
			break;
	}
}

static void
add_row(SegmentWriter *w, OffsetNumber offset)
{
	int			row = w->nrows;
	int			i;

	if (row >= w->room)
		grow(w);
	w->offsets[row] = offset;
	for (i = 0; i < w->ncolumns; i++)
	{
		WriterColumn *c = &w->columns[i];
		bool		isnull = w->isnull[c->column.attno - 1];

		c->nulls[row] = isnull;
		if (isnull)
			c->has_nulls = true;
		else
			add_value(w, c, w->datums[c->column.attno - 1], row);
	}
	w->nrows++;
	MemoryContextReset(w->rowcontext);
}

static void
leave_in_heap(SegmentWriter *w, BlockNumber block, OffsetNumber offset)
{
	BlockMarks *m;

	if (w->nfrom_heap == 0 || w->from_heap[w->nfrom_heap - 1].block != block)
	{
		m = &w->from_heap[w->nfrom_heap++];
		memset(m, 0, sizeof(BlockMarks));
		m->block = block;
		m->placed = true;
	}
	m = &w->from_heap[w->nfrom_heap - 1];
	m->offsets[offset / 64] |= UINT64CONST(1) << (offset % 64);
}

/*
 * heap_visible_tuples: the tuples of a pinned page of rel that a snapshot sees,
 * at most MaxHeapTuplesPerPage; returns their number.  The pin keeps them where
 * they are.
 */
int
heap_visible_tuples(Relation rel, Snapshot snapshot, Buffer buffer,
					HeapTupleData *tuples)
{
	Page		page = BufferGetPage(buffer);
	BlockNumber block = BufferGetBlockNumber(buffer);
	bool		all;
	OffsetNumber off;
	OffsetNumber max;
	int			n = 0;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	TestForOldSnapshot(snapshot, rel, page);
	all = PageIsAllVisible(page) && !snapshot->takenDuringRecovery;
	max = Min(PageGetMaxOffsetNumber(page), MaxHeapTuplesPerPage);
	for (off = FirstOffsetNumber; off <= max; off++)
	{
		ItemId		item = PageGetItemId(page, off);
		HeapTuple	t = &tuples[n];

		if (!ItemIdIsNormal(item))
			continue;
		t->t_tableOid = RelationGetRelid(rel);
		t->t_data = (HeapTupleHeader) PageGetItem(page, item);
		t->t_len = ItemIdGetLength(item);
		ItemPointerSet(&t->t_self, block, off);
		if (all || HeapTupleSatisfiesVisibility(t, snapshot, buffer))
			n++;
	}
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	return n;
}

/* Adds a page's rows. */
static void
add_block(SegmentWriter *w, BlockNumber block)
{
	HeapTupleData tuples[MaxHeapTuplesPerPage];
	Buffer		buffer = ReadBufferExtended(w->rel, MAIN_FORKNUM, block,
											RBM_NORMAL, w->strategy);
	int			n = heap_visible_tuples(w->rel, w->snapshot, buffer, tuples);
	int			i;

	for (i = 0; i < n; i++)
	{
		OffsetNumber offset = ItemPointerGetOffsetNumber(&tuples[i].t_self);

		heap_deform_tuple(&tuples[i], RelationGetDescr(w->rel), w->datums,
						  w->isnull);
		if (w->nrows >= COLUMN_MAX_ROWS || is_too_large(w))
			leave_in_heap(w, block, offset);
		else
			add_row(w, offset);
	}
	ReleaseBuffer(buffer);
}

/*
 * segment_write_blocks: reads blocks of the segment, in their order.  They are
 * all in the relation.
 */
void
segment_write_blocks(SegmentWriter *w, BlockNumber first, BlockNumber nblocks)
{
	MemoryContext old = MemoryContextSwitchTo(w->context);
	BlockNumber end = first + nblocks;

	Assert(first == w->next && end <= w->first + w->nblocks);
	for (; w->next < end; w->next++)
	{
		CHECK_FOR_INTERRUPTS();
		w->block_rows[w->next - w->first] = w->nrows;
		add_block(w, w->next);
	}
	MemoryContextSwitchTo(old);
}

/*---- encoding ---- */

/*
 * Numerics that are integers, all divided by the same power of ten, are held
 * as these; others as bytes.
 */
static void
unscale_numerics(SegmentWriter *w, WriterColumn *c)
{
	const ColumnBytes *bytes = c->values;
	int64	   *ints = palloc_extended(w->nrows * sizeof(int64),
									   MCXT_ALLOC_HUGE);
	int			scale = -1;
	int			i;

	for (i = 0; i < w->nrows; i++)
	{
		if (!c->nulls[i] &&
			!numeric_unscale(bytes[i].data, bytes[i].len, &scale, &ints[i]))
		{
			c->column.form = COLUMN_FORM_VARLENA;
			pfree(ints);
			return;
		}
	}
	c->column.scale = Max(scale, 0);
	pfree(c->values);
	c->values = ints;
}

static int64
write_column(SegmentWriter *w, WriterColumn *c, int64 segid)
{
	ColumnValues values;
	uint32		nbytes;
	char	   *blob;

	if (c->column.form == COLUMN_FORM_NUMERIC)
		unscale_numerics(w, c);
	memset(&values, 0, sizeof(values));
	values.class = column_form_class(c->column.form);
	values.nrows = w->nrows;
	values.nulls = c->has_nulls ? c->nulls : NULL;
	values.ints = c->values;
	values.floats4 = c->values;
	values.floats8 = c->values;
	values.bytes = c->values;
	blob = column_encode(&values, &nbytes, &c->column.stats);
	store_write_blob(segid, c->column.attno, blob, nbytes);
	pfree(blob);
	pfree(c->values);
	pfree(c->nulls);
	return nbytes;
}

static bytea *
make_layout(SegmentWriter *w, const Segment *segment)
{
	SegmentReader r;
	int			i;

	memset(&r, 0, sizeof(r));
	r.rel = w->rel;
	r.segment = segment;
	r.nrows = w->nrows;
	r.ncolumns = w->nrows > 0 ? w->ncolumns : 0;
	r.columns = palloc((r.ncolumns + 1) * sizeof(SegmentColumn));
	for (i = 0; i < r.ncolumns; i++)
		r.columns[i] = w->columns[i].column;
	r.block_rows = w->block_rows;
	r.offsets = w->offsets;
	r.from_heap = w->from_heap;
	r.nfrom_heap = w->nfrom_heap;
	return layout_pack(&r);
}

/*
 * segment_write_end: encodes and stores the columns of segment, of which the
 * id and the range are set, and fills in the rest of it.  Returns the number of
 * bytes that were stored, the layout not counted.
 */
int64
segment_write_end(SegmentWriter *w, Segment *segment)
{
	MemoryContext old = MemoryContextSwitchTo(w->context);
	int64		nbytes = 0;
	int			i;

	/* blocks that are no longer there have no rows */
	for (; w->next <= w->first + w->nblocks; w->next++)
		w->block_rows[w->next - w->first] = w->nrows;
	for (i = 0; w->nrows > 0 && i < w->ncolumns; i++)
	{
		CHECK_FOR_INTERRUPTS();
		nbytes += write_column(w, &w->columns[i], segment->id);
	}
	segment->nrows = w->nrows;
	segment->valid = true;
	segment->layout = PointerGetDatum(make_layout(w, segment));
	MemoryContextSwitchTo(old);
	segment->layout = PointerGetDatum(DatumGetByteaPCopy(segment->layout));
	FreeAccessStrategy(w->strategy);
	MemoryContextDelete(w->context);
	return nbytes;
}
