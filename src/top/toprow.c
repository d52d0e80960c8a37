/*-------------------------------------------------------------------------
 *
 * toprow.c
 *	  Rows that are wanted: their keys and places, and how they compare.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "top/top.h"

/*
 * top_compare: which row comes first; less than 0: a.
 */
int
top_compare(const TopState *top, const TopRow *a, const TopRow *b)
{
	int			i;

	for (i = 0; i < top->nkeys; i++)
	{
		int			c = ApplySortComparator(a->values[i], a->nulls[i],
											b->values[i], b->nulls[i],
											&top->keys[i].order);

		if (c != 0)
			return c;
	}
	return 0;
}

/*
 * top_compare_pointers: the same for qsort_arg.
 */
int
top_compare_pointers(const void *a, const void *b, void *top)
{
	return top_compare(top, *(TopRow *const *) a, *(TopRow *const *) b);
}

/*
 * top_new_row: an empty row, in the rows' context.
 */
TopRow *
top_new_row(const TopState *top)
{
	MemoryContext old = MemoryContextSwitchTo(top->row_context);
	TopRow	   *row = palloc0(sizeof(TopRow));

	row->values = palloc0(top->nkeys * sizeof(Datum));
	row->nulls = palloc0(top->nkeys * sizeof(bool));
	MemoryContextSwitchTo(old);
	return row;
}

/*
 * top_make_row: makes next_row of a row of the current batch; its values live as
 * long as the batch.
 */
void
top_make_row(TopState *top, int row)
{
	TopRow	   *next = top->next_row;
	int			i;

	for (i = 0; i < top->nkeys; i++)
		next->values[i] = vector_datum(top->keys[i].vector, row,
									   &next->nulls[i]);
}

/*
 * top_keep_row: gives next_row values of its own, and its place.
 */
void
top_keep_row(TopState *top, int row)
{
	MemoryContext old = MemoryContextSwitchTo(top->row_context);
	TopRow	   *next = top->next_row;
	int			i;

	scan_batch_tid(top->scan, row, &next->tid);
	for (i = 0; i < top->nkeys; i++)
	{
		if (!next->nulls[i])
			next->values[i] = datumCopy(next->values[i],
										top->keys[i].typbyval,
										top->keys[i].typlen);
	}
	MemoryContextSwitchTo(old);
}

/*
 * top_free_values: frees the values of a row that was kept.
 */
void
top_free_values(const TopState *top, TopRow *row)
{
	int			i;

	for (i = 0; i < top->nkeys; i++)
	{
		if (!row->nulls[i] && !top->keys[i].typbyval)
			pfree(DatumGetPointer(row->values[i]));
	}
}

/*
 * top_set_bound: makes a bound of a key of a row.
 */
void
top_set_bound(const TopState *top, const TopRow *row, int key, TopBound *bound)
{
	const TopKey *k = &top->keys[key];

	bound->known = false;
	if (row->nulls[key] || !k->usual || k->type == NUMERICOID)
		return;
	switch (vector_kind(k->type))
	{
		case VECTOR_INT:
			bound->as_int = column_int(row->values[key], k->type, k->typlen);
			bound->known = column_int_ordered(k->type);
			break;
		case VECTOR_FLOAT:
			bound->as_float = k->type == FLOAT4OID ?
				DatumGetFloat4(row->values[key]) :
				DatumGetFloat8(row->values[key]);
			bound->known = !isnan(bound->as_float);
			break;
		default:
			break;
	}
}

/*
 * top_improves: does the last of rows come before the first of them, by a key?
 * Then it is better to begin there: fewer rows are taken only to be given up
 * again.
 */
bool
top_improves(const TopState *top, int key, const int *rows, int n)
{
	const Vector *v = top->keys[key].vector;
	bool		first_null;
	bool		last_null;
	Datum		first = vector_datum(v, rows[0], &first_null);
	Datum		last = vector_datum(v, rows[n - 1], &last_null);

	return ApplySortComparator(last, last_null, first, first_null,
							   &top->keys[key].order) < 0;
}
