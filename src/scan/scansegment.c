/*-------------------------------------------------------------------------
 *
 * scansegment.c
 *	  Reading a segment: what is to be read from the heap instead, and the
 *	  rest vector by vector, the filters' columns first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "column/columncodec.h"
#include "scan/scan.h"
#include "table/table.h"

#define BIT(i)	(UINT64CONST(1) << ((i) % 64))

#define ALL_EIGHT	UINT64CONST(0x0101010101010101) /* flags of eight rows */

/*---- rows to be read from the heap ---- */

static void
add_marks(BlockMarks *marks, int *n, const BlockMarks *more, int nmore)
{
	if (nmore > 0)
		memcpy(marks + *n, more, nmore * sizeof(BlockMarks));
	*n += nmore;
}

/* Changes of this transaction that are not in omendb.mark */
static BlockMarks *
pending_marks(ColumnScanState *scan, const ScanUnit *unit, int *n)
{
	BlockMarks *marks = NULL;
	bool		offsets[MaxHeapTuplesPerPage + 1] = {false};
	int			room = 0;
	BlockNumber b;

	*n = 0;
	if (!mark_any_pending())
		return NULL;
	for (b = unit->first; b < unit->end; b++)
	{
		BlockMarks *m;
		int			i;

		if (!mark_pending(scan->rel, b, offsets))
			continue;
		if (*n >= room)
		{
			room = Max(room * 2, 8);
			marks = marks == NULL ? palloc(room * sizeof(BlockMarks)) :
				repalloc(marks, room * sizeof(BlockMarks));
		}
		m = &marks[(*n)++];
		memset(m, 0, sizeof(BlockMarks));
		m->block = b;
		m->placed = true;
		for (i = FirstOffsetNumber; i <= MaxHeapTuplesPerPage; i++)
		{
			if (offsets[i])
				m->offsets[i / 64] |= BIT(i);
		}
		memset(offsets, 0, sizeof(offsets));
	}
	return marks;
}

/* The marks of those blocks that may have rows to be read from the heap */
static void
keep_placed(ScanUnit *unit)
{
	int			n = 0;
	int			i;

	for (i = 0; i < unit->nall_marks; i++)
		n += unit->all_marks[i].placed;
	unit->marks = palloc((n + 1) * sizeof(BlockMarks));
	unit->nmarks = 0;
	for (i = 0; i < unit->nall_marks; i++)
	{
		if (unit->all_marks[i].placed)
			unit->marks[unit->nmarks++] = unit->all_marks[i];
	}
}

/*
 * All rows of a segment that are not to be taken from its columns: those that are
 * not in them, those that changed for the snapshot, and those that this
 * transaction changed.  The last are asked for before the marks that are
 * written: they may be written in between.
 */
static void
find_marks(ColumnScanState *scan, ScanUnit *unit)
{
	SegmentReader *reader = unit->reader;
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	BlockMarks *pending;
	BlockMarks *written;
	int			npending;
	int			nwritten;

	pending = pending_marks(scan, unit, &npending);
	written = store_marks(scan->rel, scan->snapshot, unit->first,
						  unit->end - unit->first, &nwritten);
	unit->all_marks = written;
	unit->nall_marks = nwritten;
	if (npending + reader->nfrom_heap > 0)
	{
		unit->all_marks = palloc((npending + nwritten + reader->nfrom_heap) *
								 sizeof(BlockMarks));
		unit->nall_marks = 0;
		add_marks(unit->all_marks, &unit->nall_marks, pending, npending);
		add_marks(unit->all_marks, &unit->nall_marks, written, nwritten);
		add_marks(unit->all_marks, &unit->nall_marks, reader->from_heap,
				  reader->nfrom_heap);
		unit->nall_marks = marks_join(unit->all_marks, unit->nall_marks, unit->first,
									  unit->end);
	}
	keep_placed(unit);
	MemoryContextSwitchTo(old);
}

/*
 * The row of the segment, among the n of a block from row "first" on, that has
 * this line pointer, or -1.  Line pointers ascend from 1 on, most often without a
 * gap.
 */
static int
row_of_offset(const SegmentReader *reader, int first, int n,
			  OffsetNumber offset)
{
	int			i = Min((int) offset, n) - 1;

	while (i >= 0 && segment_offset(reader, first, first + i) > offset)
		i--;
	return i >= 0 && segment_offset(reader, first, first + i) == offset ?
		first + i : -1;
}

/* The rows of the columns that the marks concern */
static void
find_marked_rows(ScanUnit *unit)
{
	SegmentReader *reader = unit->reader;
	int			i;
	int			offset;

	unit->knows_marked = true;
	unit->marked = NULL;
	unit->nmarked = 0;
	if (unit->nall_marks == 0 || reader->nrows == 0)
		return;
	unit->marked = MemoryContextAllocZero(reader->context,
										  (reader->nrows + 63) / 64 * sizeof(uint64));
	for (i = 0; i < unit->nall_marks; i++)
	{
		const BlockMarks *m = &unit->all_marks[i];
		int			first;
		int			n = segment_block_rows(reader, m->block, &first);

		for (offset = marks_next(m, 0); offset > 0;
			 offset = marks_next(m, offset))
		{
			int			row = row_of_offset(reader, first, n, offset);

			if (row < 0)
				continue;
			unit->marked[row / 64] |= BIT(row);
			unit->nmarked++;
		}
	}
}

/*---- beginning ---- */

/*
 * Where the columns are in this segment.  False if one of them must be read
 * from the rows.
 */
static bool
find_columns(ColumnScanState *scan)
{
	int			k;

	for (k = 0; k < scan->ncolumns; k++)
	{
		ScanColumn *c = &scan->columns[k];

		c->decoded = -1;
		c->stored = NULL;
		c->state = segment_column(scan->unit->reader, c->attno, &c->stored);
		if (c->state == SEGMENT_COLUMN_CHANGED)
			return false;
		if (c->state == SEGMENT_COLUMN_MISSING)
			c->missing = getmissingattr(RelationGetDescr(scan->rel), c->attno,
										&c->missing_null);
	}
	return true;
}

/* What the statistics say of all rows of the columns */
static FilterOutcome
statistics_outcome(ColumnScanState *scan)
{
	FilterOutcome result = scan->nconditions == 0 ? FILTER_ALL : FILTER_SOME;
	int			i;

	if (scan->unit->reader->nrows == 0)
		return FILTER_NONE;
	for (i = 0; i < scan->nfilters; i++)
	{
		FilterOutcome outcome = filter_begin(scan, &scan->filters[i]);

		if (outcome == FILTER_NONE)
			return FILTER_NONE;
		if (outcome == FILTER_SOME)
			result = FILTER_SOME;
	}
	return result;
}

static void
set_missing_values(ColumnScanState *scan)
{
	int			k;
	int			i;

	for (k = 0; k < scan->ncolumns; k++)
	{
		ScanColumn *c = &scan->columns[k];

		if (c->state != SEGMENT_COLUMN_MISSING || !c->output)
			continue;
		for (i = 0; i < COLUMN_VECTOR; i++)
		{
			c->values[i] = c->missing;
			c->nulls[i] = c->missing_null;
		}
	}
}

static void
open_unit(ColumnScanState *scan, ScanUnit *unit)
{
	MemoryContext old = MemoryContextSwitchTo(scan->context);

	unit->reader = segment_open(scan->rel, unit->segment);
	unit->knows_marked = false;
	MemoryContextSwitchTo(old);
	find_marks(scan, unit);
}

/*
 * scan_segment_begin: makes the current unit's segment ready, or turns the unit
 * into one of rows if its columns cannot be used.
 */
void
scan_segment_begin(ColumnScanState *scan)
{
	ScanUnit   *unit = scan->unit;
	FilterOutcome outcome;

	if (unit->reader == NULL)
		open_unit(scan, unit);
	else
		scan->kept -= MemoryContextMemAllocated(unit->reader->context, true);
	scan->vector = -1;
	scan->nselected = scan->next_selected = 0;
	scan->next_mark = 0;
	if (!find_columns(scan))
	{
		segment_close(unit->reader);
		unit->reader = NULL;
		unit->segment = NULL;
		scan->next_block = unit->first;
		return;
	}
	outcome = statistics_outcome(scan);
	scan->pruned = outcome == FILTER_NONE;
	scan->all_pass = outcome == FILTER_ALL;
	if (scan->pruned)
		scan->nvectors = 0;
	else
	{
		scan->nvectors = (unit->reader->nrows + COLUMN_VECTOR - 1) / COLUMN_VECTOR;
		if (!unit->knows_marked)
			find_marked_rows(unit);
		set_missing_values(scan);
	}
	scan->counts[scan->pruned ? SCAN_SEGMENTS_PRUNED : SCAN_SEGMENTS_READ]++;
}

/*---- vectors ---- */

/*
 * scan_load_vector: decodes a column's part of the current vector.  Of a
 * dictionary of byte strings only the nulls are: the rest works with codes.
 */
void
scan_load_vector(ColumnScanState *scan, SegmentColumn *c, ColumnVector *v)
{
	SegmentReader *reader = scan->unit->reader;
	const char *problem = NULL;

	segment_load(reader, c, scan->snapshot);
	if (column_class(c->reader) != COLUMN_BYTES ||
		column_codec(c->reader) != COLUMN_CODEC_DICT)
	{
		segment_vector(reader, c, scan->vector, v);
		return;
	}
	v->n = Min(COLUMN_VECTOR, reader->nrows - scan->vector * COLUMN_VECTOR);
	if (!column_nulls(c->reader, scan->vector, v->nulls, &v->has_nulls,
					  &problem))
		segment_corrupted(scan->rel, reader->segment, c->attno, problem);
}

/* Begins with all rows of the vector that are not marked. */
static void
keep_unmarked(ColumnScanState *scan, int n)
{
	const uint64 *marked = scan->unit->marked;
	uint64		bits;
	int			i;

	memset(scan->keep, 1, n);
	memset(scan->keep + n, 0, COLUMN_VECTOR - n);
	if (marked == NULL)
		return;
	marked += scan->vector * (COLUMN_VECTOR / 64);
	for (i = 0; i < n; i += 64)
	{
		for (bits = marked[i / 64]; bits != 0; bits &= bits - 1)
			scan->keep[i + pg_rightmost_one_pos64(bits)] = 0;
	}
}

/* Fills scan->selected, eight rows at a time: most often all or none is kept. */
static void
select_kept(ColumnScanState *scan, int n)
{
	int			count = 0;
	int			i;
	int			k;

	for (i = 0; i < n; i += 8)
	{
		uint64		eight;

		memcpy(&eight, scan->keep + i, sizeof(eight));
		if (eight == ALL_EIGHT)
		{
			for (k = 0; k < 8; k++)
				scan->selected[count + k] = i + k;
			count += 8;
			continue;
		}
		for (k = i; eight != 0 && k < i + 8; k++)
		{
			scan->selected[count] = k;
			count += scan->keep[k];
		}
	}
}

/* Eight counts side by side, of up to COLUMN_VECTOR / 8 rows each */
static CODEC_KERNEL uint64
count_eights(const uint8 *bytes)
{
	uint64		count = 0;

	for (int i = 0; i < COLUMN_VECTOR; i += sizeof(count))
	{
		uint64		eight;

		memcpy(&eight, bytes + i, sizeof(eight));
		count += eight;
	}
	return count;
}

static int
count_kept(const ColumnScanState *scan)
{
	const uint64 low = UINT64CONST(0x00FF00FF00FF00FF);
	uint64		eight = count_eights(scan->keep);
	uint64		four = (eight & low) + ((eight >> 8) & low);

	StaticAssertStmt(COLUMN_VECTOR / 8 <= 255, "a count is a byte");
	return (int) ((four * UINT64CONST(0x0001000100010001)) >> 48);
}

/* Selects n rows from the first one on. */
static CODEC_KERNEL void
select_range(int *selected, int first, int n)
{
	for (int i = 0; i < n; i++)
		selected[i] = first + i;
}

/*
 * Selects the rows that are not marked; their number.  Few are, so the rest is in
 * long runs.
 */
static int
select_unmarked(ColumnScanState *scan, int n)
{
	const uint64 *marked = scan->unit->marked;
	int			count = 0;
	int			start = 0;
	int			i;

	if (marked != NULL)
	{
		marked += scan->vector * (COLUMN_VECTOR / 64);
		for (i = 0; i < n; i += 64)
		{
			uint64		bits;

			for (bits = marked[i / 64]; bits != 0; bits &= bits - 1)
			{
				int			row = i + pg_rightmost_one_pos64(bits);

				select_range(scan->selected + count, start, row - start);
				count += row - start;
				start = row + 1;
			}
		}
	}
	select_range(scan->selected + count, start, n - start);
	return count + n - start;
}

static bool
any_filter(const ColumnScanState *scan)
{
	int			i;

	for (i = 0; i < scan->nfilters; i++)
	{
		if (scan->filters[i].outcome != FILTER_ALL)
			return true;
	}
	return false;
}

/* Selects the rows that are not marked and pass all filters; their number */
static int
apply_filters(ColumnScanState *scan, int n)
{
	int			before;
	int			left;
	int			i;

	if (!any_filter(scan))
		return select_unmarked(scan, n);
	keep_unmarked(scan, n);
	before = left = count_kept(scan);
	for (i = 0; i < scan->nfilters && left > 0; i++)
	{
		if (scan->filters[i].outcome == FILTER_ALL)
			continue;
		filter_vector(scan, &scan->filters[i]);
		left = count_kept(scan);
	}
	select_kept(scan, n);
	scan->counts[SCAN_ROWS_REMOVED] += before - left;
	return left;
}

/* Narrows scan->selected to the rows for which the other conditions are true. */
static int
apply_conditions(ColumnScanState *scan, int nselected)
{
	scan->nselected = nselected;
	scan_narrow(scan, scan_vector_source(scan), scan->conditions,
				scan->nconditions);
	return scan->nselected;
}

/*
 * scan_select: begins with a vector of n rows of the segment.  Returns the
 * number of rows in scan->selected: those not marked that pass all conditions.
 */
int
scan_select(ColumnScanState *scan, int n)
{
	int			before = apply_filters(scan, n);
	int			left = before;

	if (scan->nconditions > 0 && left > 0)
		left = apply_conditions(scan, left);
	scan->counts[SCAN_ROWS_REMOVED] += before - left;
	return left;
}

/* Makes Datums of the rows that remain. */
static void
fill_output(ColumnScanState *scan, int n)
{
	uint64		bits[COLUMN_VECTOR / 64] = {0};
	const uint64 *wanted = NULL;
	int			i;

	if (scan->nselected < n)
	{
		for (i = 0; i < scan->nselected; i++)
			bits[scan->selected[i] / 64] |= BIT(scan->selected[i]);
		wanted = bits;
	}
	for (i = 0; i < scan->ncolumns; i++)
	{
		ScanColumn *c = &scan->columns[i];
		ColumnVector *v = &scan->scratch;

		if (!c->output || c->state != SEGMENT_COLUMN_STORED)
			continue;
		if (c->decoded == scan->vector)
			v = c->vector;
		else
			scan_load_vector(scan, c->stored, v);
		segment_datums(scan->unit->reader, c->stored, scan->vector, v, wanted,
					   c->values, c->nulls, scan->vector_context);
	}
}

/*
 * scan_segment_next: goes to the next vector of which rows remain; false if
 * there is none.
 */
bool
scan_segment_next(ColumnScanState *scan)
{
	while (++scan->vector < scan->nvectors)
	{
		int			n = Min(COLUMN_VECTOR, scan->unit->reader->nrows -
							scan->vector * COLUMN_VECTOR);

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(scan->vector_context);
		scan->next_selected = 0;
		scan->nselected = scan_select(scan, n);
		if (scan->nselected > 0)
		{
			if (!scan->batches)
				fill_output(scan, n);
			return true;
		}
	}
	scan->nselected = scan->next_selected = 0;
	return false;
}

/*
 * scan_segment_end: the current unit is done.  If the scan is one that is repeated
 * the segment stays open, as long as there is memory.
 */
void
scan_segment_end(ColumnScanState *scan)
{
	ScanUnit   *unit = scan->unit;
	Size		size;

	if (unit->reader == NULL)
		return;
	size = MemoryContextMemAllocated(unit->reader->context, true);
	if (scan->rescans > 0 && scan->shared == NULL &&
		scan->kept + size <= work_mem * (Size) 1024)
	{
		scan->kept += size;
		return;
	}
	segment_close(unit->reader);
	unit->reader = NULL;
}
