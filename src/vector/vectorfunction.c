/*-------------------------------------------------------------------------
 *
 * vectorfunction.c
 *	  The table of functions that are computed by loops over arrays, and their
 *	  calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/hsearch.h"

#include "vector/vectorinternal.h"

static const VectorFunction *const tables[] = {
	vector_int_functions,
	vector_float_functions,
	vector_cast_functions,
	vector_compare_functions,
	vector_time_functions,
	vector_like_functions
};

/*---- look-up ---- */

typedef struct FunctionEntry
{
	Oid			oid;			/* key */
	const VectorFunction *function;
} FunctionEntry;

static HTAB *functions = NULL;

static void
fill_functions(void)
{
	HASHCTL		ctl = {
		.keysize = sizeof(Oid),
		.entrysize = sizeof(FunctionEntry)
	};
	HTAB	   *all = hash_create("omendb vector functions", 512, &ctl,
								  HASH_ELEM | HASH_BLOBS);

	for (int i = 0; i < lengthof(tables); i++)
	{
		for (const VectorFunction *f = tables[i]; OidIsValid(f->oid); f++)
		{
			FunctionEntry *entry = hash_search(all, &f->oid, HASH_ENTER, NULL);

			entry->function = f;
		}
	}
	functions = all;
}

/*
 * vector_function: how a function is computed natively, or NULL.
 */
const VectorFunction *
vector_function(Oid oid)
{
	FunctionEntry *entry;

	if (functions == NULL)
		fill_functions();
	entry = hash_search(functions, &oid, HASH_FIND, NULL);
	return entry != NULL ? entry->function : NULL;
}

/*---- calls ---- */

static bool
kind_matches(char wanted, const Vector *v)
{
	switch (wanted)
	{
		case 'i':
			return v->kind == VECTOR_INT;
		case 'f':
			return v->kind == VECTOR_FLOAT;
		case 'b':
			return v->kind == VECTOR_BOOL;
		case 's':
			return v->kind == VECTOR_BYTES || v->kind == VECTOR_CODES;
		default:
			return true;
	}
}

/*
 * vector_eval_args: computes all arguments of a node; the result is null where
 * one of them is.  False: one has no native form in this batch.
 */
bool
vector_eval_args(VectorNode *node, VectorSource *source)
{
	Vector	   *out = &node->out;

	out->has_nulls = false;
	memset(out->nulls, 0, sizeof(out->nulls));
	for (int i = 0; i < node->nargs; i++)
	{
		const Vector *v = node->args[i]->eval(node->args[i], source);

		if (v == NULL)
			return false;
		node->values[i] = v;
		if (!v->has_nulls)
			continue;
		out->has_nulls = true;
		for (int w = 0; w < lengthof(out->nulls); w++)
			out->nulls[w] |= v->nulls[w];
	}
	return true;
}

/*
 * vector_eval_part: computes a part of an expression that only the rows need
 * of which wanted is 1.  It is computed for all that are selected, if that can
 * be, since that costs less.  Otherwise only those that need it count: in the
 * others a divisor may be zero, for example.  So their values may be anything.
 */
const Vector *
vector_eval_part(VectorNode *node, VectorSource *source, const uint8 *wanted)
{
	const Vector *result = node->eval(node, source);
	const int  *selected = source->selected;
	int			nselected = source->nselected;
	int			rows[COLUMN_VECTOR];
	int			n = 0;

	if (result != NULL)
		return result;
	for (int i = 0; i < nselected; i++)
	{
		rows[n] = selected[i];
		n += wanted[selected[i]];
	}
	if (n == nselected)
		return NULL;
	source->selected = rows;
	source->nselected = n;
	result = node->eval(node, source);
	source->selected = selected;
	source->nselected = nselected;
	return result;
}

/* What a type can hold; numeric as a scaled integer */
static VectorRange
range_of_type(Oid type)
{
	VectorRange range = {PG_INT64_MIN, PG_INT64_MAX};

	switch (type)
	{
		case INT2OID:
			range.low = PG_INT16_MIN;
			range.high = PG_INT16_MAX;
			break;
		case INT4OID:
		case DATEOID:
			range.low = PG_INT32_MIN;
			range.high = PG_INT32_MAX;
			break;
		default:
			break;
	}
	return range;
}

/*
 * vector_set_range: sets the bounds of a node's result, if values between them
 * fit its type; false if not.
 */
bool
vector_set_range(VectorNode *node, const VectorRange *range)
{
	VectorRange fits = range_of_type(node->out.type);

	if (range->low < fits.low || range->high > fits.high)
		return false;
	node->out.low = (int64) range->low;
	node->out.high = (int64) range->high;
	return true;
}

static bool
call_function(VectorNode *node, VectorSource *source)
{
	const VectorFunction *f = node->function;
	VectorRange range;

	if (!vector_eval_args(node, source))
		return false;
	for (int i = 0; i < node->nargs; i++)
	{
		if (!kind_matches(f->args[i], node->values[i]))
			return false;
	}
	node->out.scale = 0;
	if (f->kind == VECTOR_INT)
	{
		range.low = node->values[0]->low;
		range.high = node->values[0]->high;
		if ((f->bounds != NULL && !f->bounds(node, &range)) ||
			!vector_set_range(node, &range))
			return false;
	}
	return f->kernel(node, source);
}

/*
 * vector_eval_function: calls the function of a node for a batch.
 */
const Vector *
vector_eval_function(VectorNode *node, VectorSource *source)
{
	return node->result = call_function(node, source) ? &node->out : NULL;
}
