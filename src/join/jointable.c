/*-------------------------------------------------------------------------
 *
 * jointable.c
 *	  Takes the rows of an inner plan into columns, as many as memory is
 *	  allowed for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "join/join.h"
#include "vector/vectorinternal.h"

/* bytes of a row for finding it, at most */
#define FIND_BYTES		(4 * sizeof(uint32))

/* a row of a batch: its own number */
static int	all_rows[COLUMN_VECTOR];

/*---- arrays ---- */

static Size
column_width(const JoinColumn *c)
{
	/* numerics may become Datums, so their values are as wide */
	return c->kind == VECTOR_BYTES ? sizeof(uint32) : vector_width(c->kind);
}

static void
reset_column(JoinColumn *c)
{
	VectorKind	kind = vector_kind(c->type);

	c->kind = kind == VECTOR_BYTES ? VECTOR_CODES : kind;
	c->has_nulls = false;
	c->scale = -1;
	c->low = PG_INT64_MAX;
	c->high = PG_INT64_MIN;
	if (c->kind == VECTOR_CODES)
		intern_reset(&c->strings);
	c->dictionary = NULL;
	c->ndictionary = 0;
}

static void
resize(JoinTable *t, uint32 room)
{
	Size		words = (Size) t->nwords * sizeof(int64);
	int			i;

	t->words = t->room == 0 ?
		MemoryContextAllocHuge(t->context, room * words) :
		repalloc_huge(t->words, room * words);
	for (i = 0; i < t->ncolumns; i++)
	{
		JoinColumn *c = &t->columns[i];

		c->values = t->room == 0 ?
			MemoryContextAllocHuge(t->context, room * c->width) :
			repalloc_huge(c->values, room * c->width);
		c->nulls = t->room == 0 ? MemoryContextAllocHuge(t->context, room) :
			repalloc_huge(c->nulls, room);
	}
	t->room = room;
}

/* How many rows may be in memory, with the values that there are now */
static uint32
most_rows(const JoinTable *t)
{
	Size		arrays = (Size) t->room * (t->row_bytes - FIND_BYTES);
	Size		values = MemoryContextMemAllocated(t->context, true);
	Size		rows;

	values -= Min(values, arrays + t->fixed);
	rows = (t->limit - Min(t->limit, values)) / t->row_bytes;
	return (uint32) Min(rows, PG_INT32_MAX / 2);
}

/*
 * join_table_init: makes a table ready, of which the plan, the keys, inputs and
 * columns have been set up.  limit is what its rows may take; so many rows are
 * expected.  Memory is taken from the current context.
 */
void
join_table_init(JoinTable *t, Size limit, double rows)
{
	int			i;

	for (i = 0; i < COLUMN_VECTOR; i++)
		all_rows[i] = i;
	t->limit = limit;
	t->nwords = t->nkeys;
	for (i = 0; i < t->nkeys; i++)
	{
		if (t->keys[i].kind == AGG_KEY_NUMERIC)
			t->nwords = t->nkeys + 1;
	}
	t->row_bytes = t->nwords * sizeof(int64) + FIND_BYTES;
	t->low = palloc(t->nkeys * sizeof(int64));
	t->high = palloc(t->nkeys * sizeof(int64));
	for (i = 0; i < t->ncolumns; i++)
	{
		JoinColumn *c = &t->columns[i];

		c->kind = vector_kind(c->type);
		c->width = column_width(c);
		t->row_bytes += c->width + 1;
		if (c->kind == VECTOR_BYTES)
			intern_init(&c->strings, t->context);
		c->buffer = palloc0(COLUMN_VECTOR * sizeof(int64));
		reset_column(c);
	}
	for (i = 0; i < t->ninputs; i++)
		t->inputs[i].datums = palloc0(COLUMN_VECTOR * sizeof(Datum));
	t->fixed = MemoryContextMemAllocated(t->context, true);
	resize(t, Max(Min((uint32) Min(rows * 1.1, PG_INT32_MAX / 2),
					  most_rows(t)), COLUMN_VECTOR));
}

/*---- rows ---- */

/* A value of a slot, whole, in memory of its own */
static Datum
copy_value(Datum value, int16 typlen)
{
	if (typlen == -1)
	{
		struct varlena *whole = PG_DETOAST_DATUM_PACKED(value);

		if (PointerGetDatum(whole) != value)
			return PointerGetDatum(whole);
	}
	return datumCopy(value, false, typlen);
}

static void
take_row(JoinTable *t, TupleTableSlot *slot, int row)
{
	int			i;

	slot_getsomeattrs(slot, t->last_attno);
	for (i = 0; i < t->ninputs; i++)
	{
		JoinInput  *in = &t->inputs[i];
		Datum		value = slot->tts_values[in->attno - 1];

		if (slot->tts_isnull[in->attno - 1])
		{
			in->nulls[row / 64] |= UINT64CONST(1) << (row % 64);
			in->has_nulls = true;
			value = (Datum) 0;
		}
		else if (!in->typbyval)
			value = copy_value(value, in->typlen);
		in->datums[row] = value;
	}
}

/*
 * The next rows of the plan, up to n, or fewer if they are large; their number
 */
static int
take_rows(JoinTable *t, int n)
{
	MemoryContext old;
	int			count = 0;
	int			i;

	MemoryContextReset(t->batch);
	for (i = 0; i < t->ninputs; i++)
	{
		t->inputs[i].has_nulls = false;
		memset(t->inputs[i].nulls, 0, sizeof(t->inputs[i].nulls));
	}
	while (count < n && MemoryContextMemAllocated(t->batch, false) <= t->limit)
	{
		TupleTableSlot *slot = ExecProcNode(t->plan);

		if (TupIsNull(slot))
		{
			t->ended = true;
			break;
		}
		old = MemoryContextSwitchTo(t->batch);
		take_row(t, slot, count++);
		MemoryContextSwitchTo(old);
	}
	return count;
}

static void
input_vector(const JoinInput *in, Oid type, Vector *v)
{
	v->kind = VECTOR_DATUM;
	v->type = type;
	v->has_nulls = in->has_nulls;
	memcpy(v->nulls, in->nulls, sizeof(v->nulls));
	v->datums = in->datums;
}

/*
 * Makes words of the keys.  Rows that have a null are left out: they match no
 * other.  Returns the number of the rest.
 */
static int
take_keys(JoinTable *t, int n, int *rows)
{
	MemoryContext old = MemoryContextSwitchTo(t->batch);
	int			left = 0;
	int			i;
	int			k;

	for (k = 0; k < t->nkeys; k++)
	{
		Vector		v;

		input_vector(&t->inputs[t->key_inputs[k]], t->keys[k].type, &v);
		agg_key_take(&t->keys[k], &v, all_rows, n);
	}
	MemoryContextSwitchTo(old);
	for (i = 0; i < n; i++)
	{
		int64	   *words = t->words +
		(Size) (t->nrows + left) * t->nwords;
		int64		tags = 0;
		bool		null = false;

		for (k = 0; k < t->nkeys; k++)
		{
			const AggKey *key = &t->keys[k];
			uint8		tag = key->has_tags ? key->tags[i] : AGG_TAG_VALUE;

			words[k] = key->words[i];
			null |= tag == AGG_TAG_NULL;
			tags |= (int64) (tag == AGG_TAG_NUMBER) << k;
		}
		if (t->nwords > t->nkeys)
			words[t->nkeys] = tags;
		rows[left] = i;
		left += !null;
	}
	return left;
}

/*---- values ---- */

static uint32
string_number(JoinColumn *c, const ColumnBytes *bytes)
{
	return intern_bytes(&c->strings, bytes->data, bytes->len, bytes->len,
						intern_hash(bytes->data, bytes->len));
}

/* Numerics that do not all have the same scale are Datums. */
static void
become_datums(JoinTable *t, JoinColumn *c)
{
	MemoryContext old = MemoryContextSwitchTo(t->values);
	Datum	   *datums = (Datum *) c->values;
	uint32		i;

	for (i = 0; i < t->nrows; i++)
	{
		if (!c->nulls[i])
			datums[i] = vector_int_datum(((int64 *) c->values)[i], c->type,
										 Max(c->scale, 0));
	}
	c->kind = VECTOR_DATUM;
	MemoryContextSwitchTo(old);
}

/* Numerics as integers of the column's scale; false: that is not possible */
static bool
scale_is_good(JoinColumn *c, const Vector *v, const int *rows, int n)
{
	int			i;

	if (c->type != NUMERICOID)
		return true;
	if (c->kind != VECTOR_INT || v->kind != VECTOR_INT)
		return false;
	for (i = 0; i < n && vector_is_null(v, rows[i]); i++)
		;
	if (i == n)
		return true;
	if (c->scale < 0)
		c->scale = v->scale;
	return c->scale == v->scale;
}

static void
store_value(JoinColumn *c, const JoinInput *in, const Vector *v, int row,
			uint32 to)
{
	switch (c->kind)
	{
		case VECTOR_INT:
			((int64 *) c->values)[to] = v->ints[row];
			break;
		case VECTOR_BOOL:
			((uint8 *) c->values)[to] = v->bools[row];
			break;
		case VECTOR_FLOAT:
			((double *) c->values)[to] = v->floats[row];
			break;
		case VECTOR_CODES:
			((uint32 *) c->values)[to] = string_number(c, &v->bytes[row]);
			break;
		default:
			((Datum *) c->values)[to] = datumCopy(in->datums[row], in->typbyval,
												  in->typlen);
			break;
	}
}

static void
take_values(JoinTable *t, JoinColumn *c, const int *rows, int n)
{
	const JoinInput *in = &t->inputs[c->input];
	ColumnBytes room[COLUMN_VECTOR];
	MemoryContext old = MemoryContextSwitchTo(t->batch);
	Vector		v;
	int			i;

	input_vector(in, c->type, &v);
	vector_from_datums(&v, c->type, in->datums, rows, n, room);
	if (c->kind != VECTOR_DATUM && !scale_is_good(c, &v, rows, n))
		become_datums(t, c);
	MemoryContextSwitchTo(t->values);
	for (i = 0; i < n; i++)
	{
		uint32		to = t->nrows + i;

		c->nulls[to] = vector_is_null(&v, rows[i]);
		c->has_nulls |= c->nulls[to] != 0;
		if (c->nulls[to])
			memset(c->values + to * c->width, 0, c->width);
		else
			store_value(c, in, &v, rows[i], to);
		if (c->kind == VECTOR_INT && !c->nulls[to])
		{
			c->low = Min(c->low, v.ints[rows[i]]);
			c->high = Max(c->high, v.ints[rows[i]]);
		}
	}
	MemoryContextSwitchTo(old);
}

/*---- the end ---- */

static int
compare_entries(const void *a, const void *b, void *context)
{
	const InternEntry *entries = context;
	const InternEntry *x = &entries[*(const uint32 *) a];
	const InternEntry *y = &entries[*(const uint32 *) b];
	int			result = memcmp(x->data, y->data, Min(x->len, y->len));

	return result != 0 ? result : (x->len > y->len) - (x->len < y->len);
}

/* Makes a sorted dictionary of the strings, and codes of their numbers. */
static void
make_dictionary(JoinTable *t, JoinColumn *c)
{
	static const ColumnBytes empty = {"", 0};
	uint32	   *codes = (uint32 *) c->values;
	uint32	   *order;
	uint32	   *places;
	uint32		n;
	uint32		i;

	/* without a string, codes of nulls need one */
	if (c->strings.n == 0)
		string_number(c, &empty);
	n = c->strings.n;
	order = MemoryContextAllocHuge(t->batch, n * sizeof(uint32));
	places = MemoryContextAllocHuge(t->batch, n * sizeof(uint32));
	c->dictionary = MemoryContextAllocHuge(t->values, n * sizeof(ColumnBytes));
	for (i = 0; i < n; i++)
		order[i] = i;
	qsort_arg(order, n, sizeof(uint32), compare_entries, c->strings.entries);
	for (i = 0; i < n; i++)
	{
		places[order[i]] = i;
		c->dictionary[i].data = c->strings.entries[order[i]].data;
		c->dictionary[i].len = c->strings.entries[order[i]].len;
	}
	for (i = 0; i < t->nrows; i++)
		codes[i] = places[codes[i]];
	c->ndictionary = (int) n;
	c->dictionary_id = vector_new_dictionary();
}

/* Nulls become a value, so that no row is out of the column's range. */
static void
fill_nulls(JoinTable *t, JoinColumn *c)
{
	int64	   *values = (int64 *) c->values;
	uint32		i;

	if (c->low > c->high)
		c->low = c->high = 0;
	for (i = 0; c->has_nulls && i < t->nrows; i++)
	{
		if (c->nulls[i])
			values[i] = c->low;
	}
}

static void
finish(JoinTable *t)
{
	int			i;

	for (i = 0; i < t->ncolumns; i++)
	{
		JoinColumn *c = &t->columns[i];

		if (c->kind == VECTOR_CODES)
			make_dictionary(t, c);
		else if (c->kind == VECTOR_INT)
			fill_nulls(t, c);
	}

	/* values of the outer side that no row has are not kept */
	for (i = 0; i < t->nkeys; i++)
		t->keys[i].intern.complete = true;
	join_find_ready(t);
	t->peak = Max(t->peak, MemoryContextMemAllocated(t->context, true));
}

static void
forget(JoinTable *t)
{
	int			i;

	t->nrows = 0;
	if (t->map != NULL)
		pfree(t->map);
	if (t->slots != NULL)
		pfree(t->slots);
	t->map = t->slots = NULL;
	for (i = 0; i < t->nkeys; i++)
		agg_key_reset(&t->keys[i]);
	for (i = 0; i < t->ncolumns; i++)
		reset_column(&t->columns[i]);
	MemoryContextReset(t->values);
}

/*
 * join_table_load: replaces the rows by the next ones of the plan, as many as
 * memory is allowed for.  False: there are none.
 */
bool
join_table_load(JoinTable *t)
{
	forget(t);
	t->chunks++;
	while (!t->ended)
	{
		int			rows[COLUMN_VECTOR];
		uint32		most = t->nrows == 0 ? COLUMN_VECTOR : most_rows(t);
		int			n = Min(COLUMN_VECTOR, most - Min(most, t->nrows));
		int			i;

		CHECK_FOR_INTERRUPTS();
		if (n == 0)
			break;
		if (t->nrows + n > t->room)
			resize(t, Min(Max(t->room * 2, t->nrows + n), most));
		n = take_rows(t, n);
		n = n == 0 ? 0 : take_keys(t, n, rows);
		for (i = 0; n > 0 && i < t->ncolumns; i++)
			take_values(t, &t->columns[i], rows, n);
		t->nrows += n;
	}
	t->total += t->nrows;
	finish(t);
	return t->nrows > 0;
}

/*
 * join_table_rescan: begins with the plan's first rows again.
 */
void
join_table_rescan(JoinTable *t)
{
	/* with changed parameters it does that itself, before its first row */
	if (t->plan->chgParam == NULL)
		ExecReScan(t->plan);
	t->ended = false;
	t->chunks = 0;
	t->total = 0;
}
