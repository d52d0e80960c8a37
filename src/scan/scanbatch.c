/*-------------------------------------------------------------------------
 *
 * scanbatch.c
 *	  The rows of a scan as vectors: of a segment's columns, decoded when they
 *	  are asked for, or of rows of the heap that are transposed.
 *
 * A node above that works on vectors takes a unit of the scan, and then its
 * batches.  Every batch has passed the scan's conditions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "column/columncodec.h"
#include "scan/scan.h"

#define BIT(i)	(UINT64CONST(1) << ((i) % 64))

/* a column that is handed out as vectors */
typedef struct BatchColumn
{
	int			column;			/* index in ScanState's columns */
	Oid			type;			/* domains resolved */
	VectorKind	kind;

	uint64		made;			/* batch that these are of: */
	const Vector *result;		/* NULL: it has no form but Datums */
	Vector		vector;
	uint64		made_datums;	/* batch that this is of: */
	Vector		as_datums;
	Datum	   *datums;			/* of the heap's rows, or made of a vector */
	uint64		nulls[COLUMN_VECTOR / 64];	/* of the heap's rows */
	void	   *room;			/* for a vector's values, of any kind */

	/* dictionary of the current unit */
	uint64		dictionary_unit;	/* unit that these are of */
	uint64		dictionary_id;
	const ColumnBytes *dictionary;
	int			ndictionary;
	ColumnBytes single;			/* the only entry */
} BatchColumn;

typedef struct ScanBatch
{
	VectorSource source;		/* must be first */
	ColumnScanState *scan;
	BatchColumn *columns;
	int			ncolumns;
	int		   *by_attno;		/* index in columns, -1: not read */

	bool		from_heap;		/* the current batch is */
	ItemPointerData tids[COLUMN_VECTOR];	/* of the heap's rows */
	TupleTaker *taker;			/* of the heap's rows */
	TupleTaker *peeker;			/* of what the filters need that are tested
								 * before */
	const ScanFilter **plain;	/* these filters */
	int16	   *plain_len;		/* of their columns' types */
	int			nplain;
	Datum	   *peeked;			/* by index in ScanState's columns */
	uint64	   *peeked_null;
	MemoryContext context;		/* of the batch's values */
	bool	   *isnull;			/* room for flags */
} ScanBatch;

/* numbers of batches of this process */
static uint64 last_batch = 0;

/*---- which columns ---- */

static int
find_column(const ColumnScanState *scan, AttrNumber attno)
{
	int			k;

	for (k = 0; k < scan->ncolumns; k++)
	{
		if (scan->columns[k].attno == attno)
			return k;
	}
	return -1;
}

/* The scan's own column; one that no slot needs has no position in it. */
static int
add_scan_column(ColumnScanState *scan, AttrNumber attno)
{
	int			k = find_column(scan, attno);
	ScanColumn *c;

	if (k < 0)
	{
		k = scan->ncolumns++;
		c = &scan->columns[k];
		memset(c, 0, sizeof(ScanColumn));
		c->attno = attno;
		c->position = -1;
		c->decoded = -1;
		scan->last_attno = Max(scan->last_attno, attno);
	}
	c = &scan->columns[k];
	if (c->vector == NULL)
		c->vector = palloc(sizeof(ColumnVector));
	return k;
}

static void
add_batch_column(ScanBatch *batch, AttrNumber attno)
{
	ColumnScanState *scan = batch->scan;
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(scan->rel),
										  attno - 1);
	BatchColumn *b = &batch->columns[batch->ncolumns];

	memset(b, 0, sizeof(BatchColumn));
	b->column = add_scan_column(scan, attno);
	b->type = getBaseType(att->atttypid);
	b->kind = vector_kind(b->type);
	b->datums = palloc0(COLUMN_VECTOR * sizeof(Datum));
	b->room = palloc0(COLUMN_VECTOR * sizeof(ColumnBytes));
	tuple_taker_want(batch->taker, attno, b->datums, b->nulls);
	batch->by_attno[attno] = batch->ncolumns++;
}

static const Vector *source_column(VectorSource *source, AttrNumber attno);
static const Vector *source_datums(VectorSource *source, AttrNumber attno);
static const Vector *make_of_datums(ScanBatch *batch, BatchColumn *b,
									AttrNumber attno);

static ScanBatch *
make_batch(ColumnScanState *scan)
{
	int			natts = RelationGetDescr(scan->rel)->natts;
	ScanBatch  *batch = palloc0(sizeof(ScanBatch));
	int			i;

	batch->source.column = source_column;
	batch->source.datums = source_datums;
	batch->scan = scan;
	batch->columns = palloc((natts + 1) * sizeof(BatchColumn));
	batch->by_attno = palloc((natts + 1) * sizeof(int));
	for (i = 0; i <= natts; i++)
		batch->by_attno[i] = -1;
	batch->taker = tuple_taker_create(RelationGetDescr(scan->rel));
	batch->isnull = palloc(COLUMN_VECTOR * sizeof(bool));
	batch->context = AllocSetContextCreate(CurrentMemoryContext,
										   "omendb scan batch",
										   ALLOCSET_DEFAULT_SIZES);
	return batch;
}

/*
 * scan_need_columns: the numbers of columns that are going to be asked for as
 * vectors.  Called when the executor starts, as often as needed.
 */
void
scan_need_columns(ColumnScanState *scan, const Bitmapset *attnos)
{
	int			attno = -1;

	MemoryContext old = MemoryContextSwitchTo(scan->css.ss.ps.state->es_query_cxt);

	if (scan->batch == NULL)
		scan->batch = make_batch(scan);
	while ((attno = bms_next_member(attnos, attno)) >= 0)
	{
		if (scan->batch->by_attno[attno] < 0)
			add_batch_column(scan->batch, attno);
	}
	MemoryContextSwitchTo(old);
}

static BatchColumn *
batch_column(ScanBatch *batch, AttrNumber attno)
{
	int			i = batch->by_attno[attno];

	if (i < 0)
		elog(ERROR, "column %d is not read as a vector", attno);
	return &batch->columns[i];
}

/*---- vectors of a segment ---- */

static void
set_nulls(Vector *v, const uint64 *nulls, bool has_nulls)
{
	v->has_nulls = has_nulls;
	if (has_nulls)
		memcpy(v->nulls, nulls, sizeof(v->nulls));
	else
		memset(v->nulls, 0, sizeof(v->nulls));
}

/* Nulls become value, so that no row is out of the vector's range. */
static void
fill_nulls(ColumnVector *in, int64 value)
{
	int			i;

	for (i = 0; i < in->n; i++)
	{
		int64		null = (in->nulls[i / 64] >> (i % 64)) & 1;

		in->v.ints[i] = (in->v.ints[i] & (null - 1)) | (value & -null);
	}
}

/*
 * The range of integers is that of the segment, which must be true: others
 * allocate by it.
 */
static void
set_range(ScanBatch *batch, BatchColumn *b, const SegmentColumn *stored,
		  ColumnVector *in)
{
	const ColumnStats *stats = &stored->stats;
	Vector	   *v = &b->vector;

	v->low = stats->has_minmax ? stats->min_int : 0;
	v->high = stats->has_minmax ? stats->max_int : 0;
	if (in->has_nulls && (v->low > 0 || v->high < 0))
		fill_nulls(in, v->low);
	if (!codec_within(in->v.ints, in->n, v->low, v->high))
		segment_corrupted(batch->scan->rel, batch->scan->unit->segment,
						  stored->attno,
						  "a value is outside of the range of its column");
}

static void
make_bools(BatchColumn *b, const ColumnVector *in)
{
	uint8	   *bools = b->room;
	int			i;

	for (i = 0; i < in->n; i++)
		bools[i] = in->v.ints[i] != 0;
	b->vector.bools = bools;
}

static void
make_floats(BatchColumn *b, const SegmentColumn *stored,
			const ColumnVector *in)
{
	double	   *floats = b->room;
	int			i;

	if (stored->form == COLUMN_FORM_FLOAT8)
	{
		b->vector.floats = in->v.floats8;
		return;
	}
	for (i = 0; i < in->n; i++)
		floats[i] = in->v.floats4[i];
	b->vector.floats = floats;
}

static void
check_length(ScanBatch *batch, const SegmentColumn *stored,
			 const ColumnBytes *bytes)
{
	if (stored->form == COLUMN_FORM_FIXED &&
		bytes->len != (uint32) stored->typlen)
		segment_corrupted(batch->scan->rel, batch->scan->unit->segment,
						  stored->attno, "a value has an impossible length");
}

static void
use_dictionary(ScanBatch *batch, BatchColumn *b, const SegmentColumn *stored,
			   const ColumnBytes *entries, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		check_length(batch, stored, &entries[i]);
	b->dictionary = entries;
	b->ndictionary = n;
	b->dictionary_id = vector_new_dictionary();
	b->dictionary_unit = batch->scan->unit_number;
}

static void
set_codes(BatchColumn *b, const uint32 *codes)
{
	Vector	   *v = &b->vector;

	v->kind = VECTOR_CODES;
	v->codes = codes;
	v->dictionary = b->dictionary;
	v->ndictionary = b->ndictionary;
	v->dictionary_id = b->dictionary_id;
}

static CODEC_KERNEL void
clear_codes(uint32 *codes, uint32 null, int n)
{
	for (int i = 0; i < n; i++)
		codes[i] = codes[i] == null ? 0 : codes[i];
}

/* Codes of nulls are what comes behind the dictionary: they become 0. */
static void
make_codes(ScanBatch *batch, BatchColumn *b, SegmentColumn *stored,
		   const ColumnVector *in)
{
	ColumnScanState *scan = batch->scan;
	uint32	   *codes = b->room;
	const char *problem = NULL;
	uint32		n;

	if (b->dictionary_unit != batch->scan->unit_number)
	{
		int			nentries;
		const ColumnBytes *entries = column_dictionary(stored->reader,
													   &nentries);

		use_dictionary(batch, b, stored, entries, nentries);
	}
	n = (uint32) b->ndictionary;
	if (!column_codes(stored->reader, scan->vector, codes, &problem))
		segment_corrupted(scan->rel, scan->unit->segment, stored->attno,
						  problem ? problem : "a dictionary is missing");
	if (in->has_nulls)
		clear_codes(codes, n, in->n);
	if (codec_largest32(codes, in->n) >= n)
		segment_corrupted(scan->rel, scan->unit->segment, stored->attno,
						  "a code has no entry in the dictionary");
	set_codes(b, codes);
}

/* A column of one value is a dictionary of one entry. */
static void
make_constant_codes(ScanBatch *batch, BatchColumn *b, SegmentColumn *stored,
					const ColumnVector *in)
{
	int			i = 0;

	if (b->dictionary_unit != batch->scan->unit_number)
	{
		while (i < in->n && ((in->nulls[i / 64] >> (i % 64)) & 1))
			i++;
		if (i >= in->n)
		{
			b->vector.bytes = in->v.bytes;
			return;
		}
		b->single = in->v.bytes[i];
		use_dictionary(batch, b, stored, &b->single, 1);
	}
	memset(b->room, 0, in->n * sizeof(uint32));
	set_codes(b, b->room);
}

static void
make_bytes(ScanBatch *batch, BatchColumn *b, SegmentColumn *stored,
		   const ColumnVector *in)
{
	int			i;

	switch (column_codec(stored->reader))
	{
		case COLUMN_CODEC_DICT:
			make_codes(batch, b, stored, in);
			return;
		case COLUMN_CODEC_CONSTANT:
			make_constant_codes(batch, b, stored, in);
			return;
		default:
			break;
	}
	for (i = 0; i < in->n && stored->form == COLUMN_FORM_FIXED; i++)
	{
		if (!((in->nulls[i / 64] >> (i % 64)) & 1))
			check_length(batch, stored, &in->v.bytes[i]);
	}
	b->vector.bytes = in->v.bytes;
}

/* The column's part of the segment's current vector, decoded once */
static ColumnVector *
decoded_vector(ColumnScanState *scan, ScanColumn *c)
{
	if (c->decoded != scan->vector)
	{
		scan_load_vector(scan, c->stored, c->vector);
		c->decoded = scan->vector;
	}
	return c->vector;
}

static const Vector *
make_stored(ScanBatch *batch, BatchColumn *b, ScanColumn *c, AttrNumber attno)
{
	SegmentColumn *stored = c->stored;
	ColumnVector *in;
	Vector	   *v = &b->vector;

	if (b->kind == VECTOR_DATUM)
		return NULL;
	if (b->type == NUMERICOID && stored->form != COLUMN_FORM_NUMERIC)
		return make_of_datums(batch, b, attno);
	in = decoded_vector(batch->scan, c);
	set_nulls(v, in->nulls, in->has_nulls);
	v->type = b->type;
	v->kind = b->kind;
	v->scale = stored->form == COLUMN_FORM_NUMERIC ? stored->scale : 0;
	switch (b->kind)
	{
		case VECTOR_INT:
			set_range(batch, b, stored, in);
			v->ints = in->v.ints;
			break;
		case VECTOR_BOOL:
			make_bools(b, in);
			break;
		case VECTOR_FLOAT:
			make_floats(b, stored, in);
			break;
		default:
			make_bytes(batch, b, stored, in);
			break;
	}
	return v;
}

/*---- both kinds of batches ---- */

/* The value of rows that are older than the column */
static void
fill_missing(BatchColumn *b, const ScanColumn *c, int nrows)
{
	int			i;

	memset(b->nulls, c->missing_null ? 0xFF : 0, sizeof(b->nulls));
	for (i = 0; i < nrows; i++)
		b->datums[i] = c->missing_null ? (Datum) 0 : c->missing;
}

static const uint64 *
wanted_rows(const VectorSource *source, uint64 *bits)
{
	int			i;

	if (source->nselected == source->nrows)
		return NULL;
	memset(bits, 0, COLUMN_VECTOR / 8);
	for (i = 0; i < source->nselected; i++)
		bits[source->selected[i] / 64] |= BIT(source->selected[i]);
	return bits;
}

static bool
any_bit(const uint64 *bits)
{
	uint64		any = 0;
	int			i;

	for (i = 0; i < COLUMN_VECTOR / 64; i++)
		any |= bits[i];
	return any != 0;
}

/*
 * The Datums of a column.  They are made for all rows that the batch has, also
 * if the source's selection has been narrowed since.
 */
static void
make_datums(ScanBatch *batch, BatchColumn *b, ScanColumn *c)
{
	ColumnScanState *scan = batch->scan;
	uint64		bits[COLUMN_VECTOR / 64];
	VectorSource all = batch->source;
	ColumnVector *in;

	if (batch->from_heap || c->state == SEGMENT_COLUMN_MISSING)
	{
		if (!batch->from_heap)
			fill_missing(b, c, batch->source.nrows);
		set_nulls(&b->as_datums, b->nulls, any_bit(b->nulls));
		return;
	}
	in = decoded_vector(scan, c);
	all.nselected = scan->nselected;
	all.selected = scan->selected;
	segment_datums(scan->unit->reader, c->stored, scan->vector, in,
				   wanted_rows(&all, bits), b->datums, batch->isnull,
				   scan->vector_context);
	set_nulls(&b->as_datums, in->nulls, in->has_nulls);
}

static const Vector *
source_datums(VectorSource *source, AttrNumber attno)
{
	ScanBatch  *batch = (ScanBatch *) source;
	BatchColumn *b = batch_column(batch, attno);

	if (b->made_datums != source->batch)
	{
		make_datums(batch, b, &batch->scan->columns[b->column]);
		b->as_datums.kind = VECTOR_DATUM;
		b->as_datums.type = b->type;
		b->as_datums.datums = b->datums;
		b->made_datums = source->batch;
	}
	return &b->as_datums;
}

static const Vector *
make_of_datums(ScanBatch *batch, BatchColumn *b, AttrNumber attno)
{
	const Vector *datums = source_datums(&batch->source, attno);
	MemoryContext old;

	if (b->kind == VECTOR_DATUM)
		return NULL;
	old = MemoryContextSwitchTo(batch->from_heap ? batch->context :
								batch->scan->vector_context);
	b->vector = *datums;
	vector_from_datums(&b->vector, b->type, b->datums, batch->scan->selected,
					   batch->scan->nselected, b->room);
	MemoryContextSwitchTo(old);
	return b->vector.kind == VECTOR_DATUM ? NULL : &b->vector;
}

static const Vector *
source_column(VectorSource *source, AttrNumber attno)
{
	ScanBatch  *batch = (ScanBatch *) source;
	BatchColumn *b = batch_column(batch, attno);
	ScanColumn *c = &batch->scan->columns[b->column];

	if (b->made != source->batch)
	{
		b->result = batch->from_heap || c->state == SEGMENT_COLUMN_MISSING ?
			make_of_datums(batch, b, attno) :
			make_stored(batch, b, c, attno);
		b->made = source->batch;
	}
	return b->result;
}

/*
 * scan_vector_source: the current vector of the scan's segment, with the rows
 * that are selected now.  A batch of its own for each call.
 */
VectorSource *
scan_vector_source(ColumnScanState *scan)
{
	ScanBatch  *batch = scan->batch;

	batch->from_heap = false;
	batch->source.nrows = Min(COLUMN_VECTOR, scan->unit->reader->nrows -
							  scan->vector * COLUMN_VECTOR);
	batch->source.nselected = scan->nselected;
	batch->source.selected = scan->selected;
	batch->source.batch = ++last_batch;
	return &batch->source;
}

/*
 * scan_narrow: leaves those rows of the scan's batch selected for which all
 * conditions are true, which are computed one after the other as long as there
 * are rows.
 */
void
scan_narrow(ColumnScanState *scan, VectorSource *source,
			VectorExpr *const *conditions, int nconditions)
{
	int			i;

	for (i = 0; i < nconditions && scan->nselected > 0; i++)
	{
		int			n = vector_select(conditions[i], source, scan->chosen);

		memcpy(scan->selected, scan->chosen, n * sizeof(int));
		scan->nselected = source->nselected = n;
	}
}

/*---- rows of the heap ---- */

/* The next page of the unit that has rows; false: there is none */
static bool
next_page(ColumnScanState *scan)
{
	ScanUnit   *unit = scan->unit;

	while (scan->page.next >= scan->page.ntuples)
	{
		if (unit->segment == NULL)
		{
			if (scan->next_block >= unit->end)
				return false;
			scan_page_read(scan, scan->next_block++);
		}
		else
		{
			if (scan->next_mark >= unit->nmarks)
				return false;
			scan_page_read_marked(scan);
		}
	}
	return true;
}

/* Does a row pass the filters that can be tested before it is taken? */
static bool
passes_plain(ScanBatch *batch, HeapTuple tuple)
{
	int			i;

	if (batch->nplain == 0)
		return true;
	for (i = 0; i < batch->nplain; i++)
		batch->peeked_null[batch->plain[i]->column] = 0;
	tuple_take(batch->peeker, tuple, 0);
	for (i = 0; i < batch->nplain; i++)
	{
		int			k = batch->plain[i]->column;

		if (batch->peeked_null[k] != 0 ||
			!filter_test_plain(batch->plain[i], batch->peeked[k],
							   batch->plain_len[i]))
			return false;
	}
	return true;
}

/*
 * Takes up to a batch of rows of the unit that are in the heap; the number of
 * those that pass the plain filters.
 */
static int
collect_rows(ScanBatch *batch)
{
	ColumnScanState *scan = batch->scan;
	ScanPage   *p = &scan->page;
	int			nseen = 0;
	int			n = 0;
	int			i;

	for (i = 0; i < batch->ncolumns; i++)
		memset(batch->columns[i].nulls, 0, COLUMN_VECTOR / 8);
	tuple_taker_reset(batch->taker, batch->context);
	while (n < COLUMN_VECTOR && next_page(scan))
	{
		while (p->next < p->ntuples && n < COLUMN_VECTOR)
		{
			HeapTuple	tuple = &p->tuples[p->next++];

			nseen++;
			if (!passes_plain(batch, tuple))
				continue;
			batch->tids[n] = tuple->t_self;
			tuple_take(batch->taker, tuple, n);
			scan->selected[n] = n;
			n++;
		}
	}
	pgstat_count_index_tuples(scan->rel, nseen);
	scan->counts[SCAN_ROWS_REMOVED] += nseen - n;
	return n;
}

/* The next rows of the unit that are in the heap and pass all conditions */
static VectorSource *
heap_batch(ColumnScanState *scan)
{
	ScanBatch  *batch = scan->batch;
	VectorSource *source = &batch->source;
	int			n;

	do
	{
		MemoryContextReset(batch->context);
		n = collect_rows(batch);
		if (n == 0)
			return NULL;
		batch->from_heap = true;
		scan->nselected = source->nrows = source->nselected = n;
		source->selected = scan->selected;
		source->batch = ++last_batch;
		scan_narrow(scan, source, scan->heap_conditions,
					scan->nheap_conditions);
		scan_narrow(scan, source, scan->conditions, scan->nconditions);
		scan->counts[SCAN_ROWS_REMOVED] += n - scan->nselected;
	} while (scan->nselected == 0);
	scan->counts[SCAN_ROWS_HEAP] += scan->nselected;
	return source;
}

/* How filters are tested on the heap's rows, which is found out once */
static void
init_heap_filters(ColumnScanState *scan)
{
	ScanBatch  *batch = scan->batch;
	TupleDesc	desc = RelationGetDescr(scan->rel);
	int			i;

	batch->peeker = tuple_taker_create(desc);
	batch->plain = palloc((scan->nfilters + 1) * sizeof(ScanFilter *));
	batch->plain_len = palloc((scan->nfilters + 1) * sizeof(int16));
	batch->peeked = palloc((scan->ncolumns + 1) * sizeof(Datum));
	batch->peeked_null = palloc((scan->ncolumns + 1) * sizeof(uint64));
	scan->heap_conditions = palloc((scan->nfilters + 1) * sizeof(VectorExpr *));
	for (i = 0; i < scan->nfilters; i++)
	{
		const ScanFilter *f = &scan->filters[i];
		AttrNumber	attno = f->clause.attno;
		Form_pg_attribute att = TupleDescAttr(desc, attno - 1);

		if (!filter_is_plain(f) || !att->attbyval)
		{
			scan->heap_conditions[scan->nheap_conditions++] =
				scan_compile_filter(scan, i);
			continue;
		}
		tuple_taker_want(batch->peeker, attno, &batch->peeked[f->column],
						 &batch->peeked_null[f->column]);
		batch->plain_len[batch->nplain] = att->attlen;
		batch->plain[batch->nplain++] = f;
	}
}

/* Before the first unit */
static void
begin_batches(ColumnScanState *scan)
{
	MemoryContext old = MemoryContextSwitchTo(scan->css.ss.ps.state->es_query_cxt);

	if (scan->batch == NULL)
		scan_need_columns(scan, NULL);
	init_heap_filters(scan);
	scan->batches = true;
	MemoryContextSwitchTo(old);
}

/*---- units and batches ---- */

/*
 * scan_unit_next: goes to the next part of the table that this process has to
 * read; false if there is none left.
 */
bool
scan_unit_next(ColumnScanState *scan)
{
	PlanState  *ps = &scan->css.ss.ps;
	bool		found;

	if (ps->qual != NULL)
		elog(ERROR, "a scan of vectors has conditions on rows");
	if (ps->chgParam != NULL)
		ExecReScan(ps);
	if (ps->instrument)
		InstrStartNode(ps->instrument);
	if (!scan->batches)
		begin_batches(scan);
	found = scan_take_unit(scan);
	if (ps->instrument)
		InstrStopNode(ps->instrument, 0);
	return found;
}

/*
 * scan_unit_is_whole: are all rows that the current unit has in columns in the
 * result, but for those that are marked?  Then their statistics are those of the
 * result, but for the rows of the heap, which scan_unit_skip() leaves.
 */
bool
scan_unit_is_whole(const ColumnScanState *scan)
{
	return scan->unit->segment != NULL && !scan->pruned && scan->all_pass &&
		scan->vector < 0;
}

/*
 * scan_unit_rows: how many rows the current unit has in columns, without those
 * that are marked.
 */
int
scan_unit_rows(const ColumnScanState *scan)
{
	return scan->unit->reader->nrows - scan->unit->nmarked;
}

/*
 * scan_unit_column: what is known of a column in the current unit's segment;
 * NULL if it is not stored there.
 */
const SegmentColumn *
scan_unit_column(const ColumnScanState *scan, AttrNumber attno)
{
	const ScanColumn *c = &scan->columns[batch_column(scan->batch, attno)->column];

	return c->state == SEGMENT_COLUMN_STORED ? c->stored : NULL;
}

/*
 * scan_unit_stats: what is known of the values that the rows of scan_unit_rows()
 * have in a column, as far as part goes.  False if it is not stored in the
 * current unit's segment, or that is not known.
 */
bool
scan_unit_stats(ColumnScanState *scan, AttrNumber attno, ColumnStatsPart part,
				SegmentColumn *result)
{
	const ScanColumn *c = &scan->columns[batch_column(scan->batch, attno)->column];

	if (c->state != SEGMENT_COLUMN_STORED)
		return false;
	*result = *c->stored;
	return scan->unit->nmarked == 0 ||
		scan_stats_unmarked(scan, c->stored, part, result);
}

/* For EXPLAIN and pg_stat_user_tables; the macro is good for tables, too. */
static void
count_rows(ColumnScanState *scan, int n)
{
	scan->counts[SCAN_ROWS_COLUMNS] += n;
	pgstat_count_index_tuples(scan->rel, n);
}

/*
 * scan_unit_skip: leaves out the rows that the current unit has in columns.
 */
void
scan_unit_skip(ColumnScanState *scan)
{
	count_rows(scan, scan_unit_rows(scan));
	scan->vector = scan->nvectors;
}

/*
 * scan_unit_prune: leaves out the rows that the current unit has in columns,
 * because a node above knows that it does not want any of them.
 */
void
scan_unit_prune(ColumnScanState *scan)
{
	if (scan->unit->segment == NULL || scan->pruned)
		return;
	scan->counts[SCAN_SEGMENTS_PRUNED]++;
	scan->counts[SCAN_SEGMENTS_READ]--;
	scan->vector = scan->nvectors;
}

static VectorSource *
next_batch(ColumnScanState *scan)
{
	if (scan->unit->segment != NULL && scan->vector < scan->nvectors &&
		scan_segment_next(scan))
	{
		count_rows(scan, scan->nselected);
		return scan_vector_source(scan);
	}
	return heap_batch(scan);
}

/*
 * scan_batch_in_columns: are the rows of the current batch in columns, and not
 * in the heap?
 */
bool
scan_batch_in_columns(const ColumnScanState *scan)
{
	return !scan->batch->from_heap;
}

/*
 * scan_batch_tid: where in the heap a row of the current batch is.
 */
void
scan_batch_tid(const ColumnScanState *scan, int row, ItemPointer tid)
{
	if (scan->batch->from_heap)
		*tid = scan->batch->tids[row];
	else
		segment_tid(scan->unit->reader,
					scan->vector * COLUMN_VECTOR + row, tid);
}

/*
 * scan_batch_next: the next rows of the current unit, at least one; NULL if
 * there are no more.
 */
VectorSource *
scan_batch_next(ColumnScanState *scan)
{
	Instrumentation *instrument = scan->css.ss.ps.instrument;
	VectorSource *source;

	CHECK_FOR_INTERRUPTS();
	if (instrument)
		InstrStartNode(instrument);
	source = next_batch(scan);
	if (instrument)
		InstrStopNode(instrument, source == NULL ? 0 : source->nselected);
	return source;
}
