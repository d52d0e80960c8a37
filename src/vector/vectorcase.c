/*-------------------------------------------------------------------------
 *
 * vectorcase.c
 *	  CASE, COALESCE, NULLIF, GREATEST and LEAST.
 *
 * A part is computed only if some row needs it, but then for all rows: it
 * cannot raise an error, since what might is computed by row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

#include "vector/vectorinternal.h"

/* room of CASE and COALESCE */
typedef struct BlendRoom
{
	uint8		open[COLUMN_VECTOR];	/* selected, and without a value yet */
	uint8		take[COLUMN_VECTOR];	/* rows that take this part's value */
	uint8		nulls[COLUMN_VECTOR];
	bool		any;			/* some row has a value */
} BlendRoom;

/*---- loops ---- */

VECTOR_KERNEL void
blend_words(const uint8 *take, const int64 *a, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
	{
		int64		mask = -(int64) take[i];

		out[i] = (a[i] & mask) | (out[i] & ~mask);
	}
}

VECTOR_KERNEL void
blend_bools(const uint8 *take, const uint8 *a, uint8 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = take[i] ? a[i] : out[i];
}

static void
blend_bytes(const uint8 *take, const Vector *v, ColumnBytes *out, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (take[i] && !vector_is_null(v, i))
			out[i] = *vector_row_bytes(v, i);
	}
}

VECTOR_KERNEL int64
take_true(const uint8 *open, const uint8 *truth, uint8 *take, int n)
{
	int64		taken = 0;

	for (int i = 0; i < n; i++)
	{
		take[i] = open[i] & truth[i];
		taken += take[i];
	}
	return taken;
}

VECTOR_KERNEL int64
take_others(const uint8 *open, const uint8 *nulls, uint8 *take, int n)
{
	int64		taken = 0;

	for (int i = 0; i < n; i++)
	{
		take[i] = open[i] & (nulls[i] ^ 1);
		taken += take[i];
	}
	return taken;
}

VECTOR_KERNEL void
close_rows(const uint8 *take, uint8 *open, int n)
{
	for (int i = 0; i < n; i++)
		open[i] &= take[i] ^ 1;
}

/*---- blending ---- */

static void
begin_blend(VectorNode *node, const VectorSource *source)
{
	BlendRoom  *room = node->scratch;

	memset(room->open, source->nselected == source->nrows, source->nrows);
	if (source->nselected < source->nrows)
	{
		for (int i = 0; i < source->nselected; i++)
			room->open[source->selected[i]] = 1;
	}
	room->any = false;
	node->out.has_nulls = false;
	memset(node->out.nulls, 0, sizeof(node->out.nulls));
	node->out.low = node->out.high = 0;
	node->out.scale = 0;
}

/*
 * Bounds and scale of the result, with one more part; false if it has another
 * scale, since all values of a vector have the same.
 */
static bool
merge_bounds(VectorNode *node, const Vector *v)
{
	BlendRoom  *room = node->scratch;
	Vector	   *out = &node->out;

	if (room->any && v->scale != out->scale)
		return false;
	out->scale = v->scale;
	out->low = room->any ? Min(out->low, v->low) : v->low;
	out->high = room->any ? Max(out->high, v->high) : v->high;
	room->any = true;
	return true;
}

static void
blend_nulls(VectorNode *node, const Vector *v, int n)
{
	BlendRoom  *room = node->scratch;
	uint64		take[COLUMN_VECTOR / 64];

	memset(room->take + n, 0, COLUMN_VECTOR - n);
	vector_pack_bits(room->take, take);
	for (int i = 0; i < lengthof(take); i++)
		node->out.nulls[i] |= take[i] & v->nulls[i];
	node->out.has_nulls = true;
}

/* The part of the result that has numerics of this scale, or NULL */
static Vector *
find_part(VectorExpr *expr, const Vector *v)
{
	Vector	   *part;

	for (int i = 0; i < expr->nparts; i++)
	{
		if (expr->parts[i]->scale == v->scale)
			return expr->parts[i];
	}
	if (expr->nparts == VECTOR_PARTS)
		return NULL;
	part = expr->parts[expr->nparts];
	if (part == NULL)
	{
		part = MemoryContextAllocZero(expr->context, sizeof(Vector));
		part->kind = VECTOR_INT;
		part->type = expr->type;
		part->ints = MemoryContextAllocZero(expr->context,
											COLUMN_VECTOR * sizeof(int64));
		expr->parts[expr->nparts] = part;
	}
	expr->nparts++;
	part->scale = v->scale;
	part->low = v->low;
	part->high = v->high;
	part->has_nulls = true;
	memset(part->nulls, 0xFF, sizeof(part->nulls));
	return part;
}

/*
 * Rows of take get the values of v in another part of the result, since their
 * scale is another one; in this part they are null.
 */
static bool
blend_elsewhere(VectorNode *node, const Vector *v, int n)
{
	BlendRoom  *room = node->scratch;
	VectorExpr *expr = node->owner;
	uint64		take[COLUMN_VECTOR / 64];
	Vector	   *part;

	if (!expr->allow_parts || node != expr->root)
		return false;
	part = find_part(expr, v);
	if (part == NULL)
		return false;
	part->low = Min(part->low, v->low);
	part->high = Max(part->high, v->high);
	memset(room->take + n, 0, COLUMN_VECTOR - n);
	vector_pack_bits(room->take, take);
	for (int i = 0; i < lengthof(take); i++)
	{
		part->nulls[i] &= ~(take[i] & ~v->nulls[i]);
		node->out.nulls[i] |= take[i];
	}
	node->out.has_nulls = true;
	blend_words(room->take, v->ints, (int64 *) part->ints, n);
	return true;
}

/* Rows of take get the values of v; false if they cannot */
static bool
blend(VectorNode *node, const Vector *v, int n)
{
	BlendRoom  *room = node->scratch;
	bool		bytes = v->kind == VECTOR_BYTES || v->kind == VECTOR_CODES;
	bool		only_nulls = v->has_nulls && vector_is_all_null(v, n);

	if (v->kind != node->kind && !(bytes && node->kind == VECTOR_BYTES))
		return only_nulls ? (blend_nulls(node, v, n), true) : false;
	if (!only_nulls && node->kind == VECTOR_INT && !merge_bounds(node, v))
		return blend_elsewhere(node, v, n);
	if (v->has_nulls)
		blend_nulls(node, v, n);
	if (only_nulls)
		return true;
	if (bytes)
		blend_bytes(room->take, v, node->buffer, n);
	else if (v->kind == VECTOR_BOOL)
		blend_bools(room->take, v->bools, node->buffer, n);
	else
		blend_words(room->take, v->kind == VECTOR_INT ? v->ints :
					(const int64 *) v->floats, node->buffer, n);
	return true;
}

/* Computes a part that the rows of take need */
static bool
blend_part(VectorNode *node, VectorNode *part, VectorSource *source)
{
	BlendRoom  *room = node->scratch;
	const Vector *v = vector_eval_part(part, source, room->take);

	return v != NULL && blend(node, v, source->nrows);
}

/*---- CASE ---- */

/* Finds the open rows for which a condition is true; -1: no native form */
static int64
take_when(VectorNode *node, VectorNode *condition, VectorSource *source)
{
	BlendRoom  *room = node->scratch;
	const Vector *truth = vector_eval_part(condition, source, room->open);
	int			n = source->nrows;
	int64		taken;

	if (truth == NULL || truth->kind != VECTOR_BOOL)
		return -1;
	taken = take_true(room->open, truth->bools, room->take, n);
	if (taken > 0 && truth->has_nulls)
	{
		vector_expand_bits(truth->nulls, room->nulls);
		taken = take_others(room->take, room->nulls, room->take, n);
	}
	return taken;
}

/*
 * The arguments are conditions and values by turns, and the default; option
 * says how many come before them, what a simple CASE tests.
 */
static bool
compute_case(VectorNode *node, VectorSource *source)
{
	BlendRoom  *room = node->scratch;
	int64		left = source->nselected;
	int			i = node->option;

	if (i > 0 && node->args[0]->eval(node->args[0], source) == NULL)
		return false;
	begin_blend(node, source);
	for (; i + 1 < node->nargs && left > 0; i += 2)
	{
		int64		taken = take_when(node, node->args[i], source);

		if (taken < 0 ||
			(taken > 0 && !blend_part(node, node->args[i + 1], source)))
			return false;
		close_rows(room->take, room->open, source->nrows);
		left -= taken;
	}
	if (left == 0)
		return true;
	memcpy(room->take, room->open, source->nrows);
	return blend_part(node, node->args[node->nargs - 1], source);
}

static const Vector *
eval_case(VectorNode *node, VectorSource *source)
{
	return node->result = compute_case(node, source) ? &node->out : NULL;
}

/*---- CASE of constant strings: codes of a dictionary ---- */

/* in owner->bound */
typedef struct CaseStrings
{
	ColumnBytes *strings;		/* ascending, each once */
	int			nstrings;
	uint64		id;
	uint32	   *codes;			/* of each argument that is a value */
} CaseStrings;

static int
compare_strings(const void *a, const void *b)
{
	return vector_compare_bytes(a, b);
}

/* Is this argument a value, not a condition? */
static bool
is_value(const VectorNode *node, int i)
{
	return i >= node->option &&
		((i - node->option) % 2 == 1 || i == node->nargs - 1);
}

/* The distinct strings of all values; a null has any code */
static void
sort_strings(VectorNode *node, CaseStrings *set)
{
	int			n = 0;

	for (int i = 0; i < node->nargs; i++)
	{
		if (is_value(node, i) && !node->args[i]->isnull)
			set->strings[n++] = node->args[i]->out.bytes[0];
	}
	qsort(set->strings, n, sizeof(ColumnBytes), compare_strings);
	for (int i = 0; i < n; i++)
	{
		if (i == 0 || vector_compare_bytes(&set->strings[i],
										   &set->strings[set->nstrings - 1]) != 0)
			set->strings[set->nstrings++] = set->strings[i];
	}
	for (int i = 0; i < node->nargs; i++)
	{
		if (is_value(node, i) && !node->args[i]->isnull)
			set->codes[i] = (ColumnBytes *)
				bsearch(&node->args[i]->out.bytes[0], set->strings,
						set->nstrings, sizeof(ColumnBytes), compare_strings) -
				set->strings;
	}
}

/* The strings and their codes, made when they are needed first */
static const CaseStrings *
case_strings(VectorNode *node)
{
	VectorExpr *expr = node->owner;
	CaseStrings *set;
	MemoryContext old;

	if (node->binding == expr->binding)
		return node->state;
	old = MemoryContextSwitchTo(expr->bound);
	set = palloc0(sizeof(CaseStrings));
	set->strings = palloc0((node->nargs + 1) * sizeof(ColumnBytes));
	set->codes = palloc0(node->nargs * sizeof(uint32));
	for (int i = 0; i < node->nargs; i++)
	{
		if (is_value(node, i))
			vector_bind_constant(node->args[i]);
	}
	sort_strings(node, set);
	set->id = vector_new_dictionary();
	MemoryContextSwitchTo(old);
	node->state = set;
	node->binding = expr->binding;
	return set;
}

VECTOR_KERNEL void
blend_code(const uint8 *take, uint32 code, uint32 *out, int n)
{
	for (int i = 0; i < n; i++)
	{
		uint32		mask = -(uint32) take[i];

		out[i] = (code & mask) | (out[i] & ~mask);
	}
}

/* Rows of take get the value of an argument */
static void
blend_string(VectorNode *node, const CaseStrings *set, int arg, int n)
{
	BlendRoom  *room = node->scratch;

	if (node->args[arg]->isnull)
		blend_nulls(node, &node->args[arg]->out, n);
	else
		blend_code(room->take, set->codes[arg], node->buffer, n);
}

/* As compute_case() */
static bool
compute_case_strings(VectorNode *node, VectorSource *source)
{
	const CaseStrings *set = case_strings(node);
	BlendRoom  *room = node->scratch;
	int64		left = source->nselected;
	int			i = node->option;

	if (i > 0 && node->args[0]->eval(node->args[0], source) == NULL)
		return false;
	begin_blend(node, source);
	memset(node->buffer, 0, source->nrows * sizeof(uint32));
	node->out.dictionary = set->strings;
	node->out.ndictionary = set->nstrings;
	node->out.dictionary_id = set->id;
	for (; i + 1 < node->nargs && left > 0; i += 2)
	{
		int64		taken = take_when(node, node->args[i], source);

		if (taken < 0)
			return false;
		if (taken > 0)
			blend_string(node, set, i + 1, source->nrows);
		close_rows(room->take, room->open, source->nrows);
		left -= taken;
	}
	if (left == 0)
		return true;
	memcpy(room->take, room->open, source->nrows);
	blend_string(node, set, node->nargs - 1, source->nrows);
	return true;
}

static const Vector *
eval_case_strings(VectorNode *node, VectorSource *source)
{
	return node->result = compute_case_strings(node, source) ? &node->out :
		NULL;
}

/* Are all values plain constant strings, that cannot raise an error? */
static bool
has_constant_strings(const VectorNode *node)
{
	for (int i = 0; i < node->nargs; i++)
	{
		if (is_value(node, i) && !IsA(node->args[i]->expr, Const))
			return false;
	}
	return node->kind == VECTOR_BYTES;
}

/*---- making a CASE ---- */

/* What the conditions of a simple CASE compare with: computed by the CASE */
static const Vector *
eval_case_test(VectorNode *node, VectorSource *source)
{
	VectorNode *test = node->state;

	return node->result = test->result;
}

/*
 * vector_build_case_test: a CaseTestExpr, or NULL if it is not of such a CASE.
 */
VectorNode *
vector_build_case_test(VectorBuild *build, const CaseTestExpr *expr)
{
	VectorNode *node;

	if (build->case_test == NULL)
		return NULL;
	node = vector_node((const Expr *) expr, 0, 0);
	node->state = build->case_test;
	node->eval = eval_case_test;
	return node;
}

/* A node that blends values of the kind of its type */
static VectorNode *
blend_node(const Expr *expr, int nargs)
{
	VectorKind	kind = vector_kind(exprType((Node *) expr));
	VectorNode *node = vector_node(expr, kind, nargs);

	node->nscratch = sizeof(BlendRoom);
	return node;
}

static bool
build_arms(VectorBuild *build, VectorNode *node, const CaseExpr *expr, int i)
{
	ListCell   *lc;

	foreach(lc, expr->args)
	{
		CaseWhen   *when = lfirst_node(CaseWhen, lc);

		node->args[i] = vector_build(build, when->expr);
		node->args[i + 1] = node->args[i] == NULL ? NULL :
			vector_build(build, when->result);
		if (node->args[i + 1] == NULL)
			return false;
		i += 2;
	}
	node->args[i] = vector_build(build, expr->defresult);
	return node->args[i] != NULL;
}

/*
 * vector_build_case: CASE of both forms.  PostgreSQL has given it a default.
 */
VectorNode *
vector_build_case(VectorBuild *build, const CaseExpr *expr)
{
	bool		simple = expr->arg != NULL;
	VectorNode *node = blend_node((const Expr *) expr,
								  2 * list_length(expr->args) + 1 + simple);
	VectorBuild inner = *build;

	node->option = simple;
	node->eval = eval_case;
	inner.case_test = NULL;
	if (simple)
	{
		node->args[0] = vector_build(build, expr->arg);
		if (node->args[0] == NULL)
			return NULL;
		inner.case_test = node->args[0];
	}
	if (!build_arms(&inner, node, expr, node->option))
		return NULL;
	if (has_constant_strings(node))
	{
		node->kind = VECTOR_CODES;
		node->eval = eval_case_strings;
	}
	return node;
}

/*---- COALESCE ---- */

static bool
compute_coalesce(VectorNode *node, VectorSource *source)
{
	BlendRoom  *room = node->scratch;
	int64		left = source->nselected;
	int			n = source->nrows;

	begin_blend(node, source);
	for (int i = 0; i < node->nargs && left > 0; i++)
	{
		VectorNode *arg = node->args[i];
		const Vector *v = vector_eval_part(arg, source, room->open);
		int64		taken;

		if (v == NULL)
			return false;
		vector_expand_bits(v->nulls, room->nulls);
		taken = take_others(room->open, room->nulls, room->take, n);
		if (taken > 0 && !blend(node, v, n))
			return false;
		close_rows(room->take, room->open, n);
		left -= taken;
	}
	if (left > 0)
	{
		memset(room->open + n, 0, COLUMN_VECTOR - n);
		vector_pack_bits(room->open, node->out.nulls);
		node->out.has_nulls = true;
	}
	return true;
}

static const Vector *
eval_coalesce(VectorNode *node, VectorSource *source)
{
	return node->result = compute_coalesce(node, source) ? &node->out : NULL;
}

/*
 * vector_build_coalesce: COALESCE.
 */
VectorNode *
vector_build_coalesce(VectorBuild *build, const CoalesceExpr *expr)
{
	VectorNode *node = blend_node((const Expr *) expr,
								  list_length(expr->args));

	node->eval = eval_coalesce;
	return vector_build_args(build, node, expr->args) ? node : NULL;
}

/*---- NULLIF ---- */

/* The first argument, null where it equals the second */
static const Vector *
eval_nullif(VectorNode *node, VectorSource *source)
{
	VectorNode *call = node->args[0];
	const Vector *equal = call->eval(call, source);
	uint64		bits[COLUMN_VECTOR / 64];
	uint8	   *bytes = node->scratch;
	Oid			type = node->out.type;

	if (equal == NULL)
		return node->result = NULL;
	memcpy(bytes, equal->bools, source->nrows);
	vector_pack_bits(bytes, bits);
	node->out = *call->values[0];
	node->out.type = type;
	for (int i = 0; i < lengthof(bits); i++)
		node->out.nulls[i] |= bits[i] & ~equal->nulls[i];
	node->out.has_nulls = true;
	return node->result = &node->out;
}

/*
 * vector_build_nullif: NULLIF.
 */
VectorNode *
vector_build_nullif(VectorBuild *build, const OpExpr *expr)
{
	VectorNode *node = vector_node((const Expr *) expr, 0, 1);

	node->args[0] = vector_call(build, (const Expr *) expr,
								vector_opcode(expr), expr->args);
	node->eval = eval_nullif;
	node->nscratch = COLUMN_VECTOR;
	return node->args[0] != NULL ? node : NULL;
}

/*---- GREATEST, LEAST ---- */

VECTOR_KERNEL void
greater_of(const int64 *a, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] > out[i] ? a[i] : out[i];
}

VECTOR_KERNEL void
lesser_of(const int64 *a, int64 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] < out[i] ? a[i] : out[i];
}

/* Without nulls; with them by row */
static const Vector *
eval_minmax(VectorNode *node, VectorSource *source)
{
	bool		greatest = node->option == IS_GREATEST;
	int64	   *out = vector_ints(node);

	node->result = NULL;
	if (!vector_eval_args(node, source) || node->out.has_nulls)
		return NULL;
	for (int i = 0; i < node->nargs; i++)
	{
		const Vector *v = node->values[i];

		if (v->kind != VECTOR_INT || v->scale != node->values[0]->scale)
			return NULL;
		if (i == 0)
		{
			memcpy(out, v->ints, source->nrows * sizeof(int64));
			node->out.low = v->low;
			node->out.high = v->high;
			continue;
		}
		(greatest ? greater_of : lesser_of) (v->ints, out, source->nrows);
		node->out.low = greatest ? Max(node->out.low, v->low) :
			Min(node->out.low, v->low);
		node->out.high = greatest ? Max(node->out.high, v->high) :
			Min(node->out.high, v->high);
	}
	node->out.scale = node->values[0]->scale;
	return node->result = &node->out;
}

/*
 * vector_build_minmax: GREATEST and LEAST of types that compare as integers.
 */
VectorNode *
vector_build_minmax(VectorBuild *build, const MinMaxExpr *expr)
{
	Oid			type = getBaseType(expr->minmaxtype);
	VectorNode *node = vector_node((const Expr *) expr, VECTOR_INT,
								   list_length(expr->args));

	node->option = expr->op;
	node->eval = eval_minmax;
	if (type != NUMERICOID &&
		(type == BOOLOID || !column_int_ordered(type)))
		return NULL;
	return vector_build_args(build, node, expr->args) ? node : NULL;
}
