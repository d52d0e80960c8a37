/*-------------------------------------------------------------------------
 *
 * scanorder.c
 *	  The order in which a scan visits the parts of a table, for a node that
 *	  looks for the first or the last values of a column.
 *
 * What the statistics promise most comes first: later segments can then be
 * left out.  It is only a guess that may be wrong; the order is the same in
 * all processes of a parallel scan.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "scan/scan.h"

/* a unit with the least value that it may have, or minus the greatest */
typedef struct Promise
{
	double		value;
	ScanUnit	unit;
} Promise;

static int
compare_promises(const void *a, const void *b)
{
	const Promise *l = a;
	const Promise *r = b;

	if (l->value != r->value)
		return l->value < r->value ? -1 : 1;
	return l->unit.first < r->unit.first ? -1 : 1;
}

/* Blocks without columns have to be read anyway: they come first. */
static double
promise(ColumnScanState *scan, const ScanUnit *unit)
{
	SegmentReader *reader;
	SegmentColumn *column;
	double		value = -INFINITY;

	if (unit->segment == NULL)
		return value;
	reader = segment_open(scan->rel, unit->segment);
	if (segment_column(reader, scan->order_attno, &column) == SEGMENT_COLUMN_STORED &&
		column->stats.has_minmax)
	{
		const ColumnStats *stats = &column->stats;
		bool		isint = column_form_class(column->form) == COLUMN_INT;

		if (scan->order_descending)
			value = isint ? -(double) stats->max_int : -stats->max_float;
		else
			value = isint ? (double) stats->min_int : stats->min_float;
	}
	segment_close(reader);
	return value;
}

/*
 * scan_order_units: puts the parts of the table in order.  In the scan's
 * context.
 */
void
scan_order_units(ColumnScanState *scan)
{
	Promise    *promises = palloc_extended((scan->nunits + 1) * sizeof(Promise),
										   MCXT_ALLOC_HUGE);
	int			i;

	for (i = 0; i < scan->nunits; i++)
	{
		promises[i].value = promise(scan, &scan->units[i]);
		promises[i].unit = scan->units[i];
	}
	qsort(promises, scan->nunits, sizeof(Promise), compare_promises);
	for (i = 0; i < scan->nunits; i++)
		scan->units[i] = promises[i].unit;
	pfree(promises);
}

/*
 * scan_order_ends: the last segment comes behind the first part of the table.  If
 * a column ascends or descends these have its extremes, and no other segment can
 * change them then.
 */
void
scan_order_ends(ColumnScanState *scan)
{
	int			last = scan->nunits - 1;
	ScanUnit	unit;

	while (last > 1 && scan->units[last].segment == NULL)
		last--;
	if (last <= 1)
		return;
	unit = scan->units[last];
	memmove(&scan->units[2], &scan->units[1], (last - 1) * sizeof(ScanUnit));
	scan->units[1] = unit;
}
