/*-------------------------------------------------------------------------
 *
 * vectorbuild.c
 *	  From expressions to nodes that loops over arrays compute.
 *
 * vector_build() returns NULL for whatever has no native form; then neither
 * has an expression that it is a part of.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"

#include "vector/vectorinternal.h"

/*
 * vector_node: a node that still needs its eval.  kind is that of its results,
 * 0 if it writes none.
 */
VectorNode *
vector_node(const Expr *expr, VectorKind kind, int nargs)
{
	VectorNode *node = palloc0(sizeof(VectorNode));

	node->expr = expr;
	node->kind = kind;
	node->nargs = nargs;
	node->args = palloc0((nargs + 1) * sizeof(VectorNode *));
	node->values = palloc0((nargs + 1) * sizeof(Vector *));
	return node;
}

/*---- leaves ---- */

static bool
find_case_test(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, CaseTestExpr) || IsA(node, CoerceToDomainValue))
		return true;
	return expression_tree_walker(node, find_case_test, context);
}

/*
 * vector_row_independent: is the value the same for all rows of one execution?
 */
bool
vector_row_independent(const Expr *expr)
{
	Node	   *node = (Node *) expr;

	return !contain_var_clause(node) && !contain_volatile_functions(node) &&
		!find_case_test(node, NULL);
}

static const Vector *
eval_constant(VectorNode *node, VectorSource *source)
{
	vector_bind_constant(node);
	return node->result = &node->out;
}

static VectorNode *
build_constant(const Expr *expr)
{
	VectorNode *node = vector_node(expr, VECTOR_BYTES, 0);

	node->constant = true;
	node->eval = eval_constant;
	return node;
}

static const Vector *
eval_column(VectorNode *node, VectorSource *source)
{
	const Vector *v = source->column(source, node->option);

	/* without a value there may be no bounds: give it some */
	if (v != NULL && v->kind == VECTOR_INT && v->low > v->high)
	{
		node->out = *v;
		node->out.low = node->out.high = 0;
		v = &node->out;
	}
	return node->result = v;
}

static VectorNode *
build_column(VectorBuild *build, const Var *var)
{
	VectorNode *node;

	if (var->varno != build->varno || var->varlevelsup != 0 ||
		var->varattno <= 0)
		return NULL;
	node = vector_node((const Expr *) var, 0, 0);
	node->column = true;
	node->option = var->varattno;
	node->eval = eval_column;
	return node;
}

/*---- the same value under another type or collation ---- */

static const Vector *
eval_alias(VectorNode *node, VectorSource *source)
{
	const Vector *v = node->args[0]->eval(node->args[0], source);
	Oid			type = node->out.type;

	if (v == NULL || v->type == type)
		return node->result = v;
	node->out = *v;
	node->out.type = type;
	return node->result = &node->out;
}

/* Same bits, but is it also the same kind of value?  Not oid of int4. */
static bool
alias_allowed(Oid from, Oid to)
{
	from = getBaseType(from);
	to = getBaseType(to);
	return from == to || vector_kind(to) == VECTOR_BYTES;
}

static VectorNode *
build_alias(VectorBuild *build, const Expr *expr, Expr *arg)
{
	VectorNode *child;
	VectorNode *node;

	if (!alias_allowed(exprType((Node *) arg), exprType((Node *) expr)))
		return NULL;
	child = vector_build(build, arg);
	if (child == NULL)
		return NULL;
	node = vector_node(expr, 0, 1);
	node->args[0] = child;
	node->eval = eval_alias;
	return node;
}

/*---- functions and operators ---- */

/*
 * vector_build_args: builds the arguments of a node; false if one has no
 * native form.
 */
bool
vector_build_args(VectorBuild *build, VectorNode *node, List *args)
{
	ListCell   *lc;
	int			n = 0;

	foreach(lc, args)
	{
		node->args[n] = vector_build(build, lfirst(lc));
		if (node->args[n++] == NULL)
			return false;
	}
	return true;
}

/*
 * vector_call: a node that calls a function, or NULL if it is not in the table.
 */
VectorNode *
vector_call(VectorBuild *build, const Expr *expr, Oid function, List *args)
{
	const VectorFunction *f = vector_function(function);
	VectorNode *node;

	if (f == NULL || list_length(args) != strlen(f->args))
		return NULL;
	node = vector_node(expr, f->kind, list_length(args));
	if (!vector_build_args(build, node, args))
		return NULL;
	for (int i = 0; i < node->nargs; i++)
	{
		if (f->args[i] == 'k' && !node->args[i]->constant)
			return NULL;
	}
	node->function = f;
	node->eval = vector_eval_function;
	return f->usable == NULL || f->usable(node) ? node : NULL;
}

/*
 * vector_opcode: the function of an operator.  While the query is planned it
 * may not have been looked up.
 */
Oid
vector_opcode(const OpExpr *op)
{
	return OidIsValid(op->opfuncid) ? op->opfuncid : get_opcode(op->opno);
}

/* The form that the kind of expression has */
static VectorNode *
build_native(VectorBuild *build, Expr *expr)
{
	switch (nodeTag(expr))
	{
		case T_OpExpr:
			return vector_call(build, expr, vector_opcode((OpExpr *) expr),
							   ((OpExpr *) expr)->args);
		case T_FuncExpr:
			return vector_call(build, expr, ((FuncExpr *) expr)->funcid,
							   ((FuncExpr *) expr)->args);
		case T_ScalarArrayOpExpr:
			return vector_build_any(build, (ScalarArrayOpExpr *) expr);
		case T_BoolExpr:
			return vector_build_bool(build, (BoolExpr *) expr);
		case T_BooleanTest:
			return vector_build_booltest(build, (BooleanTest *) expr);
		case T_DistinctExpr:
			return vector_build_distinct(build, (OpExpr *) expr);
		case T_CaseExpr:
			return vector_build_case(build, (CaseExpr *) expr);
		case T_CoalesceExpr:
			return vector_build_coalesce(build, (CoalesceExpr *) expr);
		case T_NullIfExpr:
			return vector_build_nullif(build, (OpExpr *) expr);
		case T_MinMaxExpr:
			return vector_build_minmax(build, (MinMaxExpr *) expr);
		default:
			return NULL;
	}
}

/*
 * vector_build: the native form of an expression, or NULL.  Besides what
 * build_native() knows, this may be the one of an expression over a column of
 * strings.
 */
VectorNode *
vector_build(VectorBuild *build, Expr *expr)
{
	bool		root = !build->inside;
	VectorNode *native;
	VectorNode *text;

	check_stack_depth();
	if (expr == NULL)
		return NULL;
	build->inside = true;
	if (IsA(expr, Var))
		return build_column(build, (Var *) expr);
	if (vector_row_independent(expr))
		return build_constant(expr);
	switch (nodeTag(expr))
	{
		case T_RelabelType:
			return build_alias(build, expr, ((RelabelType *) expr)->arg);
		case T_CollateExpr:
			return build_alias(build, expr, ((CollateExpr *) expr)->arg);
		case T_NullTest:
			return vector_build_nulltest(build, (NullTest *) expr);
		case T_CaseTestExpr:
			return vector_build_case_test(build, (CaseTestExpr *) expr);
		default:
			native = build_native(build, expr);
			text = vector_build_text(build, expr, native, root);
			return text != NULL ? text : native;
	}
}
