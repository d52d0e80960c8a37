/*-------------------------------------------------------------------------
 *
 * topgroup.c
 *	  The search for the first row of each group (DISTINCT ON).
 *
 * Groups are found as aggregates find them; the state of a group is its first
 * row so far.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "top/top.h"

typedef struct GroupFirst
{
	TopRow	   *row;			/* NULL: none yet */
	TopBound	bound;			/* of the key behind those of the group */
} GroupFirst;

static void
init_group(const AggSpec *spec, void *state)
{
	memset(state, 0, sizeof(GroupFirst));
}

static const AggFunction first_row = {
	.name = "first row",
	.size = sizeof(GroupFirst),
	.init = init_group
};

static void
make_groups(TopState *top)
{
	MemoryContext parent = top->css.ss.ps.state->es_query_cxt;
	AggTable   *t = agg_table_create(top->ngrouped, 1,
									 get_hash_memory_limit(), parent);
	MemoryContext old = MemoryContextSwitchTo(t->context);
	int			i;

	for (i = 0; i < top->ngrouped; i++)
		agg_key_init(&t->keys[i], top->keys[i].type, top->keys[i].collation,
					 t->context);
	t->specs[0].function = &first_row;
	t->specs[0].context = t->states_context;
	agg_table_ready(t);
	MemoryContextSwitchTo(old);
	top->groups = t;
}

/* Makes a row that belongs to a group the group's first, if it is. */
static void
offer_row(TopState *top, GroupFirst *group, int row)
{
	TopRow	   *next = top->next_row;

	top_make_row(top, row);
	if (group->row != NULL && top_compare(top, next, group->row) >= 0)
		return;
	top_keep_row(top, row);
	top->next_row = group->row;
	if (top->next_row == NULL)
		top->next_row = top_new_row(top);
	else
		top_free_values(top, top->next_row);
	group->row = next;
	if (top->ngrouped < top->nkeys)
		top_set_bound(top, next, top->ngrouped, &group->bound);
}

/* Can a row come before the first one of its group? */
static inline bool
may_be_better(const TopState *top, const GroupFirst *group, int row)
{
	if (group->row == NULL)
		return true;
	return top->ngrouped < top->nkeys &&
		top_may_be_better(&top->keys[top->ngrouped], &group->bound, row);
}

/* The rows of a batch, the more promising end first */
static void
order_rows(const TopState *top, const VectorSource *source, int *rows)
{
	int			n = source->nselected;
	int			i;

	memcpy(rows, source->selected, n * sizeof(int));
	if (top->ngrouped == top->nkeys ||
		!top_improves(top, top->ngrouped, rows, n))
		return;
	for (i = 0; i < n; i++)
		rows[i] = source->selected[n - 1 - i];
}

static void
search_batch(TopState *top, VectorSource *source)
{
	MemoryContext old = MemoryContextSwitchTo(top->batch_context);
	AggTable   *t = top->groups;
	int			rows[COLUMN_VECTOR];
	int			i;

	MemoryContextReset(top->batch_context);
	for (i = 0; i < top->nkeys; i++)
		top->keys[i].vector = vector_eval(top->keys[i].expr, source);
	order_rows(top, source, rows);
	agg_table_reserve(t, source->nselected, true);
	for (i = 0; i < top->ngrouped; i++)
		agg_key_take(&t->keys[i], top->keys[i].vector, rows,
					 source->nselected);
	agg_group_rows(t, source->nselected);
	for (i = 0; i < source->nselected; i++)
	{
		GroupFirst *group = agg_table_state(t, 0,
											t->groups[t->single ? 0 : i]);

		if (may_be_better(top, group, rows[i]))
			offer_row(top, group, rows[i]);
	}
	MemoryContextSwitchTo(old);
}

/*
 * top_search_groups: leaves the first row of each group in rows.
 */
void
top_search_groups(TopState *top)
{
	VectorSource *source;
	uint32		i;

	if (top->groups == NULL)
		make_groups(top);
	while (scan_unit_next(top->scan))
	{
		while ((source = scan_batch_next(top->scan)) != NULL)
			search_batch(top, source);
	}
	top->rows = MemoryContextAllocHuge(top->row_context,
									   (top->groups->ngroups + 1) * sizeof(TopRow *));
	top->nrows = top->groups->ngroups;
	for (i = 0; i < top->groups->ngroups; i++)
		top->rows[i] = ((GroupFirst *) agg_table_state(top->groups, 0, i))->row;
}

/*
 * top_forget_groups: before another search.
 */
void
top_forget_groups(TopState *top)
{
	if (top->groups != NULL)
		agg_table_clear(top->groups);
}
