/*-------------------------------------------------------------------------
 *
 * scanstats.c
 *	  The statistics of a segment's column without the rows that are marked.
 *
 * Numbers of nulls and sums are corrected by what the marked rows have.  An
 * extreme stays what it is if a row that is not marked has it: that is looked for
 * where it is in a column that ascends or descends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "scan/scan.h"

#define VECTOR_WORDS	(COLUMN_VECTOR / 64)

/* what the marked rows have */
typedef struct MarkedValues
{
	uint32		nnulls;
	int128		sum;
} MarkedValues;

/* The part of the unit's bitmap that belongs to a vector, and its words */
static const uint64 *
marked_of_vector(const ScanUnit *unit, int vector, int *nwords)
{
	int			n = Min(COLUMN_VECTOR,
						unit->reader->nrows - vector * COLUMN_VECTOR);

	*nwords = (n + 63) / 64;
	return unit->marked + vector * VECTOR_WORDS;
}

static int
count_vectors(const ScanUnit *unit)
{
	return (unit->reader->nrows + COLUMN_VECTOR - 1) / COLUMN_VECTOR;
}

static bool
any_marked(const uint64 *marked, int nwords)
{
	uint64		any = 0;
	int			w;

	for (w = 0; w < nwords; w++)
		any |= marked[w];
	return any != 0;
}

/* Adds the numbers of nulls. */
static void
add_marked_nulls(ColumnScanState *scan, SegmentColumn *c, int vector,
				 MarkedValues *result)
{
	const ScanUnit *unit = scan->unit;
	uint64		nulls[VECTOR_WORDS];
	const char *problem = NULL;
	bool		has_nulls;
	int			nwords;
	const uint64 *marked = marked_of_vector(unit, vector, &nwords);
	int			w;

	if (!any_marked(marked, nwords))
		return;
	if (!column_nulls(c->reader, vector, nulls, &has_nulls, &problem))
		segment_corrupted(scan->rel, unit->segment, c->attno, problem);
	for (w = 0; has_nulls && w < nwords; w++)
		result->nnulls += pg_popcount64(nulls[w] & marked[w]);
}

/* Adds the integers. */
static void
add_marked_ints(ColumnScanState *scan, SegmentColumn *c, int vector,
				MarkedValues *result)
{
	const ScanUnit *unit = scan->unit;
	ColumnVector *v = &scan->scratch;
	int			nwords;
	const uint64 *marked = marked_of_vector(unit, vector, &nwords);
	int			w;

	if (!any_marked(marked, nwords))
		return;
	if (column_pick_ints(c->reader, vector, marked, v->v.ints))
		v->has_nulls = false;
	else
		segment_vector(unit->reader, c, vector, v);
	for (w = 0; w < nwords; w++)
	{
		uint64		bits = marked[w] & ~(v->has_nulls ? v->nulls[w] : 0);

		for (; bits != 0; bits &= bits - 1)
		{
			int64		value = v->v.ints[w * 64 + pg_rightmost_one_pos64(bits)];

			if (value < c->stats.min_int || value > c->stats.max_int)
				segment_corrupted(scan->rel, unit->segment, c->attno,
								  "a value is outside of the range of its column");
			result->sum += value;
		}
	}
}

/* Does a row of the vector that is not marked have this value? */
static bool
vector_has(ColumnScanState *scan, SegmentColumn *c, int vector, int64 value)
{
	ColumnVector *v = &scan->scratch;
	int			nwords;
	const uint64 *marked = marked_of_vector(scan->unit, vector, &nwords);
	int			i;

	segment_vector(scan->unit->reader, c, vector, v);
	for (i = 0; i < v->n; i++)
	{
		uint64		out = marked[i / 64] | (v->has_nulls ? v->nulls[i / 64] : 0);

		if (v->v.ints[i] == value && !((out >> (i % 64)) & 1))
			return true;
	}
	return false;
}

static bool
extreme_remains(ColumnScanState *scan, SegmentColumn *c, bool max)
{
	int64		value = max ? c->stats.max_int : c->stats.min_int;
	int			last = count_vectors(scan->unit) - 1;

	return vector_has(scan, c, max ? last : 0, value) ||
		(last > 0 && vector_has(scan, c, max ? 0 : last, value));
}

static void
correct_nulls(ColumnScanState *scan, SegmentColumn *c, SegmentColumn *result)
{
	MarkedValues values = {0};
	int			v;

	if (c->stats.nnulls == 0)
		return;
	if (c->stats.nnulls == scan->unit->reader->nrows)
		values.nnulls = scan->unit->nmarked;
	else
	{
		segment_load(scan->unit->reader, c, scan->snapshot);
		for (v = 0; v < count_vectors(scan->unit); v++)
			add_marked_nulls(scan, c, v, &values);
	}
	result->stats.nnulls -= values.nnulls;
}

static void
correct_sum(ColumnScanState *scan, SegmentColumn *c, SegmentColumn *result)
{
	MarkedValues values = {0};
	int128		sum = ((int128) c->stats.sum_hi << 64) + c->stats.sum_lo;
	int			v;

	if (!c->stats.has_minmax)
		return;
	segment_load(scan->unit->reader, c, scan->snapshot);
	for (v = 0; v < count_vectors(scan->unit); v++)
		add_marked_ints(scan, c, v, &values);
	sum -= values.sum;
	result->stats.sum_hi = (int64) (sum >> 64);
	result->stats.sum_lo = (uint64) sum;
}

/*
 * scan_stats_unmarked: corrects the statistics of a column of the current unit's
 * segment, as far as part goes; false if the column has to be read.
 */
bool
scan_stats_unmarked(ColumnScanState *scan, SegmentColumn *column,
					ColumnStatsPart part, SegmentColumn *result)
{
	bool		ints = column->form == COLUMN_FORM_INT ||
	column->form == COLUMN_FORM_NUMERIC;

	if (part == COLUMN_STATS_ANY || (part != COLUMN_STATS_NULLS && !ints))
		return false;
	if ((part == COLUMN_STATS_MIN || part == COLUMN_STATS_MAX) &&
		column->stats.has_minmax)
	{
		segment_load(scan->unit->reader, column, scan->snapshot);
		if (!extreme_remains(scan, column, part == COLUMN_STATS_MAX))
			return false;
	}
	if (part == COLUMN_STATS_SUM)
		correct_sum(scan, column, result);
	correct_nulls(scan, column, result);
	return true;
}
