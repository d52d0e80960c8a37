/*-------------------------------------------------------------------------
 *
 * vectorarray.c
 *	  Membership in an array that does not depend on the row: = ANY, <> ALL,
 *	  which is what IN and NOT IN with several values become.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "vector/vectorinternal.h"

#define FEW_KEYS		8		/* compared one after the other */
#define MAX_BITMAP		65536	/* of keys that lie together */

/* an array's elements, in owner->bound */
typedef struct MemberSet
{
	VectorKind	kind;			/* of the elements; 0: no native form */
	bool		null;			/* the array is */
	bool		empty;			/* without elements, null or not */
	bool		has_null;
	int			scale;			/* for which ints were made */
	int			n;
	int64	   *ints;			/* ascending */
	uint64	   *bitmap;			/* bit for ints[0] + i, or NULL */
	double	   *floats;
	ColumnBytes *strings;		/* ascending */
} MemberSet;

/*---- the set ---- */

static int
order_ints(const void *a, const void *b)
{
	int64		l = *(const int64 *) a;
	int64		r = *(const int64 *) b;

	return l < r ? -1 : l > r;
}

static int
order_strings(const void *a, const void *b)
{
	return vector_compare_bytes(a, b);
}

static void
make_bitmap(MemberSet *set)
{
	uint64		range;

	if (set->n <= FEW_KEYS)
		return;
	range = (uint64) set->ints[set->n - 1] - (uint64) set->ints[0];
	if (range >= MAX_BITMAP)
		return;
	set->bitmap = palloc0((range / 64 + 1) * sizeof(uint64));
	for (int i = 0; i < set->n; i++)
	{
		uint64		at = (uint64) set->ints[i] - (uint64) set->ints[0];

		set->bitmap[at / 64] |= UINT64CONST(1) << (at % 64);
	}
}

/*
 * Adds an element of a numeric array as it is with the set's scale, unless it
 * has more digits than that.  False: it cannot be told.
 */
static bool
add_numeric(MemberSet *set, const Vector *v)
{
	int64		factor;
	int64		product;

	if (v->kind != VECTOR_INT)
		return false;
	if (v->scale > set->scale)
	{
		factor = power_of_ten(v->scale - set->scale);
		if (v->ints[0] % factor == 0)
			set->ints[set->n++] = v->ints[0] / factor;
		return true;
	}
	factor = power_of_ten(set->scale - v->scale);
	if (!pg_mul_s64_overflow(v->ints[0], factor, &product))
		set->ints[set->n++] = product;
	return true;
}

/* Adds an element that is not null */
static bool
add_member(MemberSet *set, Oid type, Datum value)
{
	static const int row = 0;
	Vector		v;
	ColumnBytes room;

	v.has_nulls = false;
	memset(v.nulls, 0, sizeof(v.nulls));
	vector_from_datums(&v, type, &value, &row, 1, &room);
	if (type == NUMERICOID)
		return add_numeric(set, &v);
	switch (v.kind)
	{
		case VECTOR_INT:
			set->ints[set->n++] = v.ints[0];
			return true;
		case VECTOR_FLOAT:
			set->floats[set->n++] = v.floats[0];
			return true;
		case VECTOR_BYTES:
			set->strings[set->n++] = v.bytes[0];
			return true;
		default:
			return false;
	}
}

static void
fill_set(MemberSet *set, Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	Oid			type = ARR_ELEMTYPE(array);
	int16		len;
	bool		byval;
	char		align;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	get_typlenbyvalalign(type, &len, &byval, &align);
	deconstruct_array(array, type, len, byval, align, &elements, &nulls, &n);
	set->empty = n == 0;
	set->kind = vector_kind(type);
	set->ints = palloc((n + 1) * sizeof(int64));
	set->floats = palloc((n + 1) * sizeof(double));
	set->strings = palloc((n + 1) * sizeof(ColumnBytes));
	for (int i = 0; i < n; i++)
	{
		set->has_null |= nulls[i];
		if (!nulls[i] && !add_member(set, getBaseType(type), elements[i]))
			set->kind = 0;
	}
	if (set->kind == VECTOR_BYTES && set->n > 1)
		qsort(set->strings, set->n, sizeof(ColumnBytes), order_strings);
	if (set->kind != VECTOR_INT)
		return;
	if (set->n > 1)
		qsort(set->ints, set->n, sizeof(int64), order_ints);
	make_bitmap(set);
}

/* The set of the node's array, for numerics of this scale */
static const MemberSet *
member_set(VectorNode *node, int scale)
{
	MemberSet  *set = node->state;
	VectorExpr *expr = node->owner;
	MemoryContext old;

	if (node->binding == expr->binding && set->scale == scale)
		return set;
	vector_bind_constant(node->args[1]);
	old = MemoryContextSwitchTo(expr->bound);
	set = palloc0(sizeof(MemberSet));
	set->scale = scale;
	set->null = node->args[1]->isnull;
	if (!set->null)
		fill_set(set, node->args[1]->value);
	MemoryContextSwitchTo(old);
	node->state = set;
	node->binding = expr->binding;
	return set;
}

/*---- membership ---- */

VECTOR_KERNEL void
or_equal(const int64 *a, int64 key, uint8 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] |= a[i] == key;
}

static void
find_ints(const MemberSet *set, const Vector *v, uint8 *out,
		  const VectorSource *source)
{
	uint64		range;

	if (set->n <= FEW_KEYS)
	{
		for (int i = 0; i < set->n; i++)
			or_equal(v->ints, set->ints[i], out, source->nrows);
		return;
	}
	range = (uint64) set->ints[set->n - 1] - (uint64) set->ints[0];
	for (int i = 0; i < source->nselected; i++)
	{
		int			row = source->selected[i];
		uint64		at = (uint64) v->ints[row] - (uint64) set->ints[0];

		if (at > range)
			continue;
		if (set->bitmap != NULL)
			out[row] = (set->bitmap[at / 64] >> (at % 64)) & 1;
		else
			out[row] = bsearch(&v->ints[row], set->ints, set->n,
							   sizeof(int64), order_ints) != NULL;
	}
}

static bool
same_float(double a, double b)
{
	return a == b || (a != a && b != b);
}

static void
find_floats(const MemberSet *set, const Vector *v, uint8 *out,
			const VectorSource *source)
{
	for (int i = 0; i < source->nselected; i++)
	{
		int			row = source->selected[i];

		for (int k = 0; k < set->n && !out[row]; k++)
			out[row] = same_float(v->floats[row], set->floats[k]);
	}
}

static void
find_strings(const MemberSet *set, const Vector *v, uint8 *out,
			 const VectorSource *source)
{
	for (int i = 0; i < source->nselected; i++)
	{
		int			row = source->selected[i];

		if (!vector_is_null(v, row))
			out[row] = bsearch(vector_row_bytes(v, row), set->strings, set->n,
							   sizeof(ColumnBytes), order_strings) != NULL;
	}
}

static void
find_members(const MemberSet *set, const Vector *v, uint8 *out,
			 const VectorSource *source)
{
	memset(out, 0, source->nrows);
	if (set->n == 0)
		return;
	if (set->kind == VECTOR_INT)
		find_ints(set, v, out, source);
	else if (set->kind == VECTOR_FLOAT)
		find_floats(set, v, out, source);
	else
		find_strings(set, v, out, source);
}

/*---- the node ---- */

/* Sets the nulls of a result of which out tells who is a member */
static void
set_nulls(VectorNode *node, const MemberSet *set, const Vector *v, int n)
{
	uint8	   *out = vector_bools(node);

	memset(node->out.nulls, 0, sizeof(node->out.nulls));
	node->out.has_nulls = set->null ||
		(!set->empty && (v->has_nulls || set->has_null));
	if (!node->out.has_nulls)
		return;
	if (set->null)
		memset(node->out.nulls, 0xFF, sizeof(node->out.nulls));
	else if (set->has_null)
	{
		/* not found, but it might be the unknown one */
		memset(out + n, 0, COLUMN_VECTOR - n);
		vector_pack_bits(out, node->out.nulls);
		for (int i = 0; i < lengthof(node->out.nulls); i++)
			node->out.nulls[i] = ~node->out.nulls[i] | v->nulls[i];
	}
	else
		memcpy(node->out.nulls, v->nulls, sizeof(node->out.nulls));
}

static const Vector *
eval_any(VectorNode *node, VectorSource *source)
{
	const Vector *v = node->args[0]->eval(node->args[0], source);
	uint8	   *out = vector_bools(node);
	const MemberSet *set;

	node->result = NULL;
	if (v == NULL)
		return NULL;
	set = member_set(node, v->kind == VECTOR_INT ? v->scale : 0);
	if (!set->null && set->kind != v->kind &&
		!(set->kind == VECTOR_BYTES && v->kind == VECTOR_CODES))
		return NULL;
	find_members(set, v, out, source);
	set_nulls(node, set, v, source->nrows);
	if (node->option)			/* NOT IN */
	{
		for (int i = 0; i < source->nrows; i++)
			out[i] ^= 1;
	}
	return node->result = &node->out;
}

/* Are they types that find_members knows? */
static bool
types_fit(Oid scalar, Oid element)
{
	VectorKind	kind = vector_kind(scalar);

	if (kind != vector_kind(element) || kind == VECTOR_BOOL)
		return false;
	return scalar == element || kind == VECTOR_FLOAT ||
		kind == VECTOR_BYTES ||
		(vector_is_integer(scalar) && vector_is_integer(element));
}

/*
 * vector_build_any: value = ANY (array) and value <> ALL (array), for the
 * equality of a type.
 */
VectorNode *
vector_build_any(VectorBuild *build, const ScalarArrayOpExpr *expr)
{
	Oid			opcode = OidIsValid(expr->opfuncid) ? expr->opfuncid :
	get_opcode(expr->opno);
	Expr	   *array = lsecond(expr->args);
	Oid			element = get_element_type(exprType((Node *) array));
	Oid			scalar = exprType(linitial(expr->args));
	const VectorFunction *f = vector_comparison(opcode);
	VectorNode *node = vector_node((const Expr *) expr, VECTOR_BOOL, 2);

	if (f == NULL || !OidIsValid(element) || !vector_row_independent(array) ||
		f->option != (expr->useOr ? VECTOR_EQUAL : VECTOR_NOT_EQUAL) ||
		(f->usable != NULL && !f->usable(node)) ||
		!types_fit(getBaseType(scalar), getBaseType(element)))
		return NULL;
	node->option = !expr->useOr;
	node->eval = eval_any;
	return vector_build_args(build, node, expr->args) ? node : NULL;
}
