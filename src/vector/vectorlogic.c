/*-------------------------------------------------------------------------
 *
 * vectorlogic.c
 *	  AND, OR and NOT of three values, and tests of null and of truth.
 *
 * Three-valued logic is done on two arrays: where a value is true, and where
 * it is false.  Where it is neither, it is null.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

#include "vector/vectorinternal.h"

/*---- AND, OR ---- */

/* where a value is true (same = 1) or false (same = 0) */
VECTOR_KERNEL void
where_same(const uint8 *values, const uint8 *nulls, uint8 same, uint8 *out,
		   int n)
{
	if (nulls == NULL)
	{
		for (int i = 0; i < n; i++)
			out[i] = values[i] ^ same ^ 1;
	}
	else
	{
		for (int i = 0; i < n; i++)
			out[i] = (values[i] ^ same ^ 1) & (nulls[i] ^ 1);
	}
}

VECTOR_KERNEL void
and_bytes(const uint8 *a, uint8 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] &= a[i];
}

VECTOR_KERNEL void
or_bytes(const uint8 *a, uint8 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] |= a[i];
}

/* what is neither decided nor undecided is null: the third value */
VECTOR_KERNEL void
neither_bytes(const uint8 *a, const uint8 *b, uint8 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = (a[i] | b[i]) ^ 1;
}

/* arrays in the scratch of AND and OR */
typedef struct LogicRoom
{
	uint8		settled[COLUMN_VECTOR];
	uint8		nulls[COLUMN_VECTOR];
	uint8		part[COLUMN_VECTOR];
} LogicRoom;

static bool
all_settled(const uint8 *settled, const VectorSource *source)
{
	for (int i = 0; i < source->nselected; i++)
	{
		if (!settled[source->selected[i]])
			return false;
	}
	return true;
}

/* The rows that still need another argument, in part */
static const uint8 *
unsettled(LogicRoom *room, int n)
{
	where_same(room->settled, NULL, 0, room->part, n);
	return room->part;
}

/*
 * Adds one argument.  An argument that is false settles an AND, one that is
 * true an OR; if none does, all must be the other value (open).
 */
static void
add_argument(VectorNode *node, const Vector *v, bool first, int n)
{
	LogicRoom  *room = node->scratch;
	uint8	   *open = node->buffer;
	uint8		settles = node->option == OR_EXPR;
	const uint8 *nulls = NULL;

	if (v->has_nulls)
	{
		vector_expand_bits(v->nulls, room->nulls);
		nulls = room->nulls;
	}
	where_same(v->bools, nulls, settles, first ? room->settled : room->part, n);
	if (!first)
		or_bytes(room->part, room->settled, n);
	where_same(v->bools, nulls, !settles, first ? open : room->part, n);
	if (!first)
		and_bytes(room->part, open, n);
}

/* Sets the result's nulls, and its values from settled */
static void
finish_logic(VectorNode *node, bool has_nulls, int n)
{
	LogicRoom  *room = node->scratch;
	uint8	   *out = node->buffer;

	node->out.has_nulls = has_nulls;
	memset(node->out.nulls, 0, sizeof(node->out.nulls));
	if (has_nulls)
	{
		neither_bytes(out, room->settled, room->part, n);
		memset(room->part + n, 0, COLUMN_VECTOR - n);
		vector_pack_bits(room->part, node->out.nulls);
	}
	if (node->option == OR_EXPR)
		memcpy(out, room->settled, n);
}

/*
 * An argument is computed only if there is a row that those before it have not
 * settled, as in PostgreSQL, where it might raise an error.
 */
static const Vector *
eval_logic(VectorNode *node, VectorSource *source)
{
	LogicRoom  *room = node->scratch;
	bool		has_nulls = false;
	int			n = source->nrows;

	node->result = NULL;
	for (int i = 0; i < node->nargs; i++)
	{
		VectorNode *arg = node->args[i];
		const Vector *v;

		if (i > 0 && all_settled(room->settled, source))
			break;
		v = i == 0 ? arg->eval(arg, source) :
			vector_eval_part(arg, source, unsettled(room, n));
		if (v == NULL || v->kind != VECTOR_BOOL)
			return NULL;
		add_argument(node, v, i == 0, n);
		has_nulls |= v->has_nulls;
	}
	finish_logic(node, has_nulls, n);
	return node->result = &node->out;
}

static const Vector *
eval_not(VectorNode *node, VectorSource *source)
{
	const Vector *v = node->args[0]->eval(node->args[0], source);

	if (v == NULL || v->kind != VECTOR_BOOL)
		return node->result = NULL;
	node->out.has_nulls = v->has_nulls;
	memcpy(node->out.nulls, v->nulls, sizeof(node->out.nulls));
	where_same(v->bools, NULL, 0, vector_bools(node), source->nrows);
	return node->result = &node->out;
}

/*
 * vector_build_bool: AND, OR, NOT.
 */
VectorNode *
vector_build_bool(VectorBuild *build, const BoolExpr *expr)
{
	VectorNode *node = vector_node((const Expr *) expr, VECTOR_BOOL,
								   list_length(expr->args));

	node->option = expr->boolop;
	node->eval = expr->boolop == NOT_EXPR ? eval_not : eval_logic;
	node->nscratch = sizeof(LogicRoom);
	return vector_build_args(build, node, expr->args) ? node : NULL;
}

/*---- tests ---- */

/* Which rows are null; a column's need not have any other native form */
static const Vector *
value_or_datums(VectorNode *node, VectorSource *source)
{
	const Vector *v = node->eval(node, source);

	if (v == NULL && node->column)
		v = source->datums(source, node->option);
	return v;
}

static const Vector *
eval_nulltest(VectorNode *node, VectorSource *source)
{
	const Vector *v = value_or_datums(node->args[0], source);
	uint8	   *out = vector_bools(node);

	if (v == NULL)
		return node->result = NULL;
	if (v->has_nulls)
		vector_expand_bits(v->nulls, out);
	else
		memset(out, 0, source->nrows);
	if (node->option == IS_NOT_NULL)
		where_same(out, NULL, 0, out, source->nrows);
	return node->result = &node->out;
}

/*
 * vector_build_nulltest: IS [NOT] NULL, but not of a row.
 */
VectorNode *
vector_build_nulltest(VectorBuild *build, const NullTest *test)
{
	VectorNode *node = vector_node((const Expr *) test, VECTOR_BOOL, 1);

	node->option = test->nulltesttype;
	node->eval = eval_nulltest;
	if (test->argisrow || type_is_rowtype(exprType((Node *) test->arg)))
		return NULL;
	return vector_build_args(build, node, list_make1(test->arg)) ? node : NULL;
}

static const Vector *
eval_booltest(VectorNode *node, VectorSource *source)
{
	const Vector *v = node->args[0]->eval(node->args[0], source);
	BoolTestType test = node->option;
	uint8	   *out = vector_bools(node);
	uint8	   *nulls = NULL;
	int			n = source->nrows;

	if (v == NULL || v->kind != VECTOR_BOOL)
		return node->result = NULL;
	if (v->has_nulls || test == IS_UNKNOWN || test == IS_NOT_UNKNOWN)
	{
		nulls = node->scratch;
		vector_expand_bits(v->nulls, nulls);
	}
	if (test == IS_UNKNOWN || test == IS_NOT_UNKNOWN)
		memcpy(out, nulls, n);
	else
		where_same(v->bools, nulls, test == IS_TRUE || test == IS_NOT_TRUE,
				   out, n);
	if (test == IS_NOT_TRUE || test == IS_NOT_FALSE || test == IS_NOT_UNKNOWN)
		where_same(out, NULL, 0, out, n);
	return node->result = &node->out;
}

/*
 * vector_build_booltest: IS [NOT] TRUE, FALSE, UNKNOWN.
 */
VectorNode *
vector_build_booltest(VectorBuild *build, const BooleanTest *test)
{
	VectorNode *node = vector_node((const Expr *) test, VECTOR_BOOL, 1);

	node->option = test->booltesttype;
	node->eval = eval_booltest;
	node->nscratch = COLUMN_VECTOR;
	return vector_build_args(build, node, list_make1(test->arg)) ? node : NULL;
}

/*
 * a IS DISTINCT FROM b: whether both are null or not, and where neither is,
 * whether they differ.
 */
static const Vector *
eval_distinct(VectorNode *node, VectorSource *source)
{
	VectorNode *call = node->args[0];
	const Vector *equal = call->eval(call, source);
	uint8	   *out = vector_bools(node);
	LogicRoom  *room = node->scratch;
	int			n = source->nrows;

	if (equal == NULL)
		return node->result = NULL;
	where_same(equal->bools, NULL, 0, out, n);
	if (equal->has_nulls)
	{
		/* where one is null: are they both? */
		vector_expand_bits(call->values[0]->nulls, room->nulls);
		vector_expand_bits(call->values[1]->nulls, room->part);
		for (int i = 0; i < n; i++)
			out[i] = room->nulls[i] | room->part[i] ?
				room->nulls[i] ^ room->part[i] : out[i];
	}
	return node->result = &node->out;
}

/*
 * vector_build_distinct: IS DISTINCT FROM.
 */
VectorNode *
vector_build_distinct(VectorBuild *build, const OpExpr *expr)
{
	VectorNode *node = vector_node((const Expr *) expr, VECTOR_BOOL, 1);

	node->args[0] = vector_call(build, (const Expr *) expr,
								vector_opcode(expr), expr->args);
	node->eval = eval_distinct;
	node->nscratch = sizeof(LogicRoom);
	return node->args[0] != NULL ? node : NULL;
}
