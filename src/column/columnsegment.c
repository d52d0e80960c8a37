/*-------------------------------------------------------------------------
 *
 * columnsegment.c
 *	  Reads segments: where the rows are in the heap, the columns vector by
 *	  vector, and their values as Datums.
 *
 * Everything that is read is checked; what is damaged is an error that names
 * table and segment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/itemptr.h"
#include "utils/memutils.h"

#include "column/column.h"

/*
 * segment_open: reads the layout of a segment that store_segments() gave and
 * that stays while it is open.  Its columns are not touched.
 */
SegmentReader *
segment_open(Relation rel, const Segment *segment)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "omendb segment",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SegmentReader *r = palloc0(sizeof(SegmentReader));
	const char *problem;

	r->rel = rel;
	r->segment = segment;
	r->context = context;
	if (!segment->valid)
		elog(ERROR, "segment " INT64_FORMAT " is not complete", segment->id);
	if (!layout_unpack(r, &problem))
		segment_corrupted(rel, segment, 0, problem);
	MemoryContextSwitchTo(old);
	return r;
}

/* Is a stored column what the table's column is now? */
static bool
same_type(const SegmentColumn *column, Oid typid)
{
	Oid			basetype;
	int16		typlen;
	ColumnForm	form = column_form(typid, &basetype, &typlen);

	if (column->typlen != typlen)
		return false;
	if (basetype == column->typid)
		return true;

	/* such a change of type keeps what is stored */
	return (form == COLUMN_FORM_VARLENA || form == COLUMN_FORM_FIXED) &&
		column->form == form;
}

/*
 * segment_column: finds a column of the table; *column is set if the result is
 * SEGMENT_COLUMN_STORED.
 */
SegmentColumnState
segment_column(SegmentReader *r, AttrNumber attno, SegmentColumn **column)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(r->rel), attno - 1);
	int			low = 0;
	int			high = r->ncolumns;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (r->columns[middle].attno < attno)
			low = middle + 1;
		else
			high = middle;
	}
	if (low >= r->ncolumns || r->columns[low].attno != attno)
		return SEGMENT_COLUMN_MISSING;
	*column = &r->columns[low];
	return same_type(*column, att->atttypid) ?
		SEGMENT_COLUMN_STORED : SEGMENT_COLUMN_CHANGED;
}

/*
 * segment_load: reads a column, if that has not been done, with a snapshot that
 * sees the segment.
 */
void
segment_load(SegmentReader *r, SegmentColumn *c, Snapshot snapshot)
{
	MemoryContext old;
	const char *problem = NULL;

	if (c->reader != NULL)
		return;
	old = MemoryContextSwitchTo(r->context);
	c->blob = store_read_blob(r->rel, r->segment, c->attno, c->stats.nbytes,
							  snapshot);
	c->reader = column_open(c->blob, c->stats.nbytes, &problem);
	if (c->reader == NULL)
		segment_corrupted(r->rel, r->segment, c->attno, problem);
	if (column_rows(c->reader) != r->nrows ||
		column_class(c->reader) != column_form_class(c->form))
		segment_corrupted(r->rel, r->segment, c->attno,
						  "a column does not fit its layout");
	MemoryContextSwitchTo(old);
}

/*
 * segment_vector: decodes rows vector * COLUMN_VECTOR and on of a column that is
 * loaded.  Byte strings stay valid until the next vector of the column is read.
 */
void
segment_vector(SegmentReader *r, SegmentColumn *c, int vector,
			   ColumnVector *out)
{
	MemoryContext old = MemoryContextSwitchTo(r->context);
	const char *problem = NULL;

	if (!column_decode(c->reader, vector, out, &problem))
		segment_corrupted(r->rel, r->segment, c->attno, problem);
	MemoryContextSwitchTo(old);
}

/*---- Datums ---- */

static bool
is_null(const ColumnVector *v, int i)
{
	return v->has_nulls && (v->nulls[i / 64] & (UINT64CONST(1) << (i % 64)));
}

static bool
is_wanted(const uint64 *wanted, int i)
{
	return wanted == NULL || (wanted[i / 64] & (UINT64CONST(1) << (i % 64)));
}

static void
check_length(SegmentReader *r, const SegmentColumn *c, uint32 len)
{
	if (c->form == COLUMN_FORM_FIXED ? len != (uint32) c->typlen :
		len > MaxAllocSize - MAXIMUM_ALIGNOF - VARHDRSZ)
		segment_corrupted(r->rel, r->segment, c->attno,
						  "a value has an impossible length");
}

/* What column_int_datum() does, for all values of a vector */
static void
int_datums(const ColumnVector *in, int16 typlen, Datum *values)
{
	int			i;

	switch (typlen)
	{
		case sizeof(char):
			for (i = 0; i < in->n; i++)
				values[i] = CharGetDatum((char) in->v.ints[i]);
			break;
		case sizeof(int16):
			for (i = 0; i < in->n; i++)
				values[i] = Int16GetDatum((int16) in->v.ints[i]);
			break;
		case sizeof(int32):
			for (i = 0; i < in->n; i++)
				values[i] = Int32GetDatum((int32) in->v.ints[i]);
			break;
		default:
			for (i = 0; i < in->n; i++)
				values[i] = Int64GetDatum(in->v.ints[i]);
			break;
	}
}

/* One allocation for all the values of a vector */
static void
bytes_datums(SegmentReader *r, SegmentColumn *c, const ColumnVector *in,
			 const uint64 *wanted, Datum *values, const bool *nulls,
			 MemoryContext context)
{
	Size		size = 0;
	char	   *room;
	int			i;

	for (i = 0; i < in->n; i++)
	{
		if (nulls[i] || !is_wanted(wanted, i))
			continue;
		check_length(r, c, in->v.bytes[i].len);
		size += column_datum_bytes(c, in->v.bytes[i].len);
	}
	room = MemoryContextAllocHuge(context, Max(size, 1));
	for (i = 0; i < in->n; i++)
	{
		if (nulls[i] || !is_wanted(wanted, i))
			continue;
		values[i] = column_bytes_datum(c, &in->v.bytes[i], room);
		room += column_datum_bytes(c, in->v.bytes[i].len);
	}
}

static void
numeric_datums(const SegmentColumn *c, const ColumnVector *in,
			   const uint64 *wanted, Datum *values, const bool *nulls,
			   MemoryContext context)
{
	char	   *room = MemoryContextAlloc(context, in->n *
										  MAXALIGN(VARHDRSZ + NUMERIC_SCALED_MAX));
	int			i;

	for (i = 0; i < in->n; i++)
	{
		uint32		len;

		if (nulls[i] || !is_wanted(wanted, i))
			continue;
		len = numeric_rescale(in->v.ints[i], c->scale, VARDATA(room));
		SET_VARSIZE(room, VARHDRSZ + len);
		values[i] = PointerGetDatum(room);
		room += MAXALIGN(VARHDRSZ + len);
	}
}

/* The Datums of a dictionary's entries, which live as long as the segment */
static void
load_dictionary(SegmentReader *r, SegmentColumn *c)
{
	const ColumnBytes *entries = column_dictionary(c->reader, &c->ndictionary);
	Size		size = 0;
	char	   *room;
	int			i;

	for (i = 0; i < c->ndictionary; i++)
	{
		check_length(r, c, entries[i].len);
		size += column_datum_bytes(c, entries[i].len);
	}
	room = MemoryContextAllocHuge(r->context, Max(size, 1));
	c->dictionary = MemoryContextAllocHuge(r->context,
										   (c->ndictionary + 1) * sizeof(Datum));
	for (i = 0; i < c->ndictionary; i++)
	{
		c->dictionary[i] = column_bytes_datum(c, &entries[i], room);
		room += column_datum_bytes(c, entries[i].len);
	}
}

static void
dictionary_datums(SegmentReader *r, SegmentColumn *c, int vector, int n,
				  Datum *values, const bool *nulls)
{
	uint32		codes[COLUMN_VECTOR];
	const char *problem = NULL;
	int			i;

	if (c->dictionary == NULL)
		load_dictionary(r, c);
	if (!column_codes(c->reader, vector, codes, &problem))
		segment_corrupted(r->rel, r->segment, c->attno, problem);
	for (i = 0; i < n; i++)
	{
		if (nulls[i])
			continue;
		if (codes[i] >= c->ndictionary)
			segment_corrupted(r->rel, r->segment, c->attno,
							  "a code has no entry in the dictionary");
		values[i] = c->dictionary[codes[i]];
	}
}

/*
 * segment_datums: the Datums of a vector, which segment_vector() decoded from
 * this column.  wanted is a bitmap of the rows that matter, or NULL; values of
 * others are undefined.  By-reference values are in context, or in the
 * segment's.
 */
void
segment_datums(SegmentReader *r, SegmentColumn *c, int vector,
			   const ColumnVector *in, const uint64 *wanted, Datum *values,
			   bool *nulls, MemoryContext context)
{
	int			i;

	if (in->has_nulls)
	{
		for (i = 0; i < in->n; i++)
			nulls[i] = is_null(in, i);
	}
	else
		memset(nulls, 0, in->n * sizeof(bool));
	switch (c->form)
	{
		case COLUMN_FORM_INT:
			int_datums(in, c->typlen, values);
			break;
		case COLUMN_FORM_FLOAT4:
			for (i = 0; i < in->n; i++)
				values[i] = Float4GetDatum(in->v.floats4[i]);
			break;
		case COLUMN_FORM_FLOAT8:
			for (i = 0; i < in->n; i++)
				values[i] = Float8GetDatum(in->v.floats8[i]);
			break;
		case COLUMN_FORM_NUMERIC:
			numeric_datums(c, in, wanted, values, nulls, context);
			break;
		default:
			if (column_codec(c->reader) == COLUMN_CODEC_DICT)
				dictionary_datums(r, c, vector, in->n, values, nulls);
			else
				bytes_datums(r, c, in, wanted, values, nulls, context);
			break;
	}
}

/*---- places ---- */

/*
 * segment_tid: where a row is in the heap.
 */
void
segment_tid(const SegmentReader *r, int row, ItemPointer tid)
{
	int			low = 0;
	int			high = (int) r->segment->nblocks;

	/* the last block that does not begin behind the row */
	while (high - low > 1)
	{
		int			middle = (low + high) / 2;

		if (r->block_rows[middle] <= row)
			low = middle;
		else
			high = middle;
	}
	ItemPointerSet(tid, r->segment->first + low,
				   segment_offset(r, r->block_rows[low], row));
}

/*
 * segment_block_rows: how many rows of a heap block are in the segment, and the
 * first one of them.
 */
int
segment_block_rows(const SegmentReader *r, BlockNumber block, int *first)
{
	BlockNumber b = block - r->segment->first;

	*first = r->block_rows[b];
	return r->block_rows[b + 1] - r->block_rows[b];
}

/*
 * segment_close: frees everything but the segment's row of the directory.
 */
void
segment_close(SegmentReader *r)
{
	int			i;

	for (i = 0; i < r->ncolumns; i++)
	{
		if (r->columns[i].reader != NULL)
			column_close(r->columns[i].reader);
	}
	MemoryContextDelete(r->context);
}
