/*-------------------------------------------------------------------------
 *
 * topsearch.c
 *	  The search for the first rows of a table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "top/top.h"

/*---- the heap of rows ---- */

/* Moves a row up until the one above it comes later in order. */
static void
sift_up(TopState *top, int i)
{
	TopRow	   *row = top->rows[i];

	while (i > 0 && top_compare(top, row, top->rows[(i - 1) / 2]) > 0)
	{
		top->rows[i] = top->rows[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	top->rows[i] = row;
}

/* Moves the row at the top down until those below it come earlier. */
static void
sift_down(TopState *top)
{
	TopRow	   *row = top->rows[0];
	int			i = 0;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= top->nrows)
			break;
		if (child + 1 < top->nrows &&
			top_compare(top, top->rows[child + 1], top->rows[child]) > 0)
			child++;
		if (top_compare(top, top->rows[child], row) <= 0)
			break;
		top->rows[i] = top->rows[child];
		i = child;
	}
	top->rows[i] = row;
}

/* Puts next_row among the first, if it belongs there. */
static void
offer_row(TopState *top, int row)
{
	TopRow	   *next = top->next_row;

	if (top->nrows == top->limit && top_compare(top, next, top->rows[0]) >= 0)
		return;
	top_keep_row(top, row);
	if (top->nrows < top->limit)
	{
		top->rows[top->nrows] = next;
		sift_up(top, top->nrows++);
		top->next_row = top_new_row(top);
	}
	else
	{
		top->next_row = top->rows[0];
		top_free_values(top, top->next_row);
		top->rows[0] = next;
		sift_down(top);
	}
	if (top->nrows == top->limit)
		top_set_bound(top, top->rows[0], 0, &top->bound);
	top->dictionary_id = 0;
}

/*---- batches ---- */

/* Forgets what was found out about another dictionary. */
static void
use_dictionary(TopState *top, const Vector *v)
{
	if (top->nverdicts < v->ndictionary)
	{
		if (top->verdicts != NULL)
			pfree(top->verdicts);
		top->nverdicts = v->ndictionary;
		top->verdicts = MemoryContextAllocHuge(top->row_context,
											   top->nverdicts);
	}
	memset(top->verdicts, TOP_UNKNOWN, v->ndictionary);
	top->dictionary_id = v->dictionary_id;
}

/* Is an entry of a dictionary, as the first key, too late in order? */
static bool
entry_is_worse(TopState *top, const Vector *v, uint32 code)
{
	TopKey	   *key = &top->keys[0];
	const TopRow *last = top->rows[0];

	if (top->dictionary_id != v->dictionary_id)
		use_dictionary(top, v);
	if (top->verdicts[code] == TOP_UNKNOWN)
	{
		Datum		value = vector_bytes_datum(&v->dictionary[code], v->type);
		int			c = ApplySortComparator(value, false, last->values[0],
											last->nulls[0], &key->order);

		top->verdicts[code] = c > 0 || (c == 0 && key->last) ?
			TOP_WORSE : TOP_BETTER;
	}
	return top->verdicts[code] == TOP_WORSE;
}

/* May a row come before the last of those that there are, by its first key? */
static inline bool
may_be_better(TopState *top, int row)
{
	const Vector *v = top->keys[0].vector;

	if (top->nrows < top->limit)
		return true;
	if (v->kind == VECTOR_CODES && !top_is_null(v, row))
		return !entry_is_worse(top, v, v->codes[row]);
	return top_may_be_better(&top->keys[0], &top->bound, row);
}

/* The rows that may be among the first, by the first key; their number */
static int
select_rows(TopState *top, const VectorSource *source, int *rows)
{
	int			n = 0;
	int			i;

	for (i = 0; i < source->nselected; i++)
	{
		rows[n] = source->selected[i];
		n += may_be_better(top, source->selected[i]);
	}
	return n;
}

static void
search_batch(TopState *top, VectorSource *source)
{
	MemoryContext old = MemoryContextSwitchTo(top->batch_context);
	const int  *selected = source->selected;
	int			rows[COLUMN_VECTOR];
	bool		backward;
	int			n;
	int			i;

	MemoryContextReset(top->batch_context);
	top->keys[0].vector = vector_eval(top->keys[0].expr, source);
	n = select_rows(top, source, rows);

	/* the other keys are needed of these rows only */
	source->selected = rows;
	source->nselected = n;
	for (i = 1; n > 0 && i < top->nkeys; i++)
		top->keys[i].vector = vector_eval(top->keys[i].expr, source);
	backward = n > 0 && top_improves(top, 0, rows, n);
	for (i = 0; i < n; i++)
	{
		int			row = rows[backward ? n - 1 - i : i];

		if (!may_be_better(top, row))
			continue;
		top_make_row(top, row);
		offer_row(top, row);
	}
	source->selected = selected;
	MemoryContextSwitchTo(old);
}

/* Do the statistics of the unit's segment say that it has no row for us? */
static bool
unit_is_worse(const TopState *top)
{
	const TopKey *key = &top->keys[0];
	const SegmentColumn *column;
	bool		reverse = key->order.ssup_reverse;

	if (!top->bound.known || key->attno == 0 ||
		top->scan->unit->segment == NULL)
		return false;
	column = scan_unit_column(top->scan, key->attno);
	if (column == NULL || !column->stats.has_minmax ||
		(column->stats.nnulls > 0 && key->order.ssup_nulls_first))
		return false;
	switch (column_form_class(column->form))
	{
		case COLUMN_INT:
			return !TOP_BETTER_THAN(key, reverse ? column->stats.max_int :
									column->stats.min_int, top->bound.as_int);
		case COLUMN_FLOAT4:
		case COLUMN_FLOAT8:
			return !(reverse && column->stats.has_nan) &&
				!TOP_BETTER_THAN(key, reverse ? column->stats.max_float :
								 column->stats.min_float,
								 top->bound.as_float);
		default:
			return false;
	}
}

/*
 * top_search: leaves the first rows in rows.
 */
void
top_search(TopState *top)
{
	VectorSource *source;

	while (scan_unit_next(top->scan))
	{
		if (unit_is_worse(top))
			scan_unit_prune(top->scan);
		while ((source = scan_batch_next(top->scan)) != NULL)
			search_batch(top, source);
	}
}
