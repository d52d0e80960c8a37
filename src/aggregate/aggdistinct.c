/*-------------------------------------------------------------------------
 *
 * aggdistinct.c
 *	  Aggregates over the distinct values of an expression.
 *
 * Rows are grouped by the keys and that expression first, with the states of
 * the other aggregates.  These groups are then grouped by the keys alone: the
 * states are put together, and the aggregates over distinct values get one
 * value from each of them.  Both tables may be spilled.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "aggregate/aggnode.h"

/*
 * agg_distinct_create: outer is the table of groups by the keys, with all
 * aggregates, of which distinct tells which are over distinct values of an
 * expression of this type.  keys are as many as outer has.
 */
AggDistinct *
agg_distinct_create(AggTable *outer, const bool *distinct,
					const Oid *types, const Oid *collations, List *aggrefs,
					MemoryContext parent)
{
	AggDistinct *d = palloc0(sizeof(AggDistinct));
	AggTable   *inner;
	int			ninner = 0;
	int			i;

	d->outer = outer;
	d->distinct = distinct;
	d->inner_agg = palloc((outer->naggs + 1) * sizeof(int));
	for (i = 0; i < outer->naggs; i++)
		d->inner_agg[i] = distinct[i] ? -1 : ninner++;
	inner = agg_table_create(outer->nkeys + 1, ninner, outer->limit, parent);
	for (i = 0; i <= outer->nkeys; i++)
		agg_key_init(&inner->keys[i], types[i], collations[i],
					 inner->values_context);
	for (i = 0; i < outer->naggs; i++)
	{
		if (!distinct[i])
			agg_spec_init(&inner->specs[d->inner_agg[i]],
						  list_nth_node(Aggref, aggrefs, i),
						  inner->states_context);
	}
	agg_table_ready(inner);
	d->inner = inner;
	d->inner_spill = agg_spill_create(parent);
	d->context = AllocSetContextCreate(parent, "omendb distinct values",
									   ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&d->bytes);
	return d;
}

/* The keys of a group become row 0 of the outer table's. */
static void
take_keys(AggDistinct *d, uint32 group)
{
	int			k;

	for (k = 0; k < d->outer->nkeys; k++)
	{
		resetStringInfo(&d->bytes);
		agg_key_write(&d->inner->keys[k], agg_table_word(d->inner, group, k),
					  agg_table_tag(d->inner, group, k),
					  agg_table_shown(d->inner, group, k), &d->bytes);
		d->outer->keys[k].scale = d->inner->keys[k].scale;
		agg_key_read(&d->outer->keys[k], d->bytes.data);
	}
}

/* The distinct value of a group as a vector of one row */
static void
take_value(AggDistinct *d, uint32 group, Vector *v, Datum *value)
{
	const AggTable *t = d->inner;
	int			k = d->outer->nkeys;
	AggKeyTag	tag = agg_table_tag(t, group, k);

	v->kind = VECTOR_DATUM;
	v->type = t->keys[k].type;
	v->has_nulls = tag == AGG_TAG_NULL;
	v->nulls[0] = v->has_nulls;
	v->datums = value;
	*value = v->has_nulls ? (Datum) 0 :
		agg_key_datum(&t->keys[k], agg_table_word(t, group, k), tag,
					  agg_table_shown(t, group, k));
}

static void
fold_group(AggDistinct *d, uint32 group)
{
	static const int row = 0;
	AggTable   *outer = d->outer;
	Vector		v;
	Datum		value;
	uint32		to;
	int			i;

	take_keys(d, group);
	to = agg_group_row(outer);
	take_value(d, group, &v, &value);
	for (i = 0; i < outer->naggs; i++)
	{
		const AggSpec *spec = &outer->specs[i];
		char	   *state = agg_table_state(outer, i, to);

		if (d->distinct[i])
		{
			spec->function->add(spec, state, outer->sizes[i], NULL, &v, &row, 1);
			continue;
		}
		resetStringInfo(&d->bytes);
		agg_state_write(spec, agg_table_state(d->inner, d->inner_agg[i], group),
						&d->bytes);
		agg_state_combine(spec, state, d->bytes.data, d->bytes.len);
	}
}

/* Groups of the inner table become such of the outer one. */
static void
fold_table(AggDistinct *d, AggSpill *spill)
{
	MemoryContext old = MemoryContextSwitchTo(d->context);
	uint32		group;

	for (group = 0; group < d->inner->ngroups; group++)
	{
		if (group % COLUMN_VECTOR == 0)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(d->context);
		}
		if (d->outer->nkeys > 0 && !agg_table_reserve(d->outer, 1, false))
		{
			agg_spill_table(spill, d->outer);
			agg_table_reserve(d->outer, 1, true);
		}
		fold_group(d, group);
	}
	MemoryContextSwitchTo(old);
	agg_table_clear(d->inner);
}

/*
 * agg_distinct_finish: after all rows are in the inner table, or in its spill:
 * fills the outer table, or its spill.
 */
void
agg_distinct_finish(AggDistinct *d, AggSpill *spill)
{
	if (!agg_spill_used(d->inner_spill))
	{
		fold_table(d, spill);
		return;
	}
	agg_spill_table(d->inner_spill, d->inner);
	while (agg_spill_next(d->inner_spill, d->inner))
		fold_table(d, spill);
}

/*
 * agg_distinct_reset: forgets all rows.
 */
void
agg_distinct_reset(AggDistinct *d)
{
	agg_spill_reset(d->inner_spill);
	agg_table_clear(d->inner);
}
