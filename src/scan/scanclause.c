/*-------------------------------------------------------------------------
 *
 * scanclause.c
 *	  Which conditions are tested on columns as filters.
 *
 * A clause qualifies if its operator is a member of the default btree family
 * of a type that we know, so that it raises no error, and compares as
 * scanfilter.c does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "scan/scan.h"

static bool
kind_of_type(Oid type, FilterKind *kind)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case CHAROID:
		case BOOLOID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case CASHOID:
			*kind = FILTER_INT;
			return true;
		case FLOAT4OID:
		case FLOAT8OID:
			*kind = FILTER_FLOAT;
			return true;
		case TEXTOID:
		case VARCHAROID:
		case BYTEAOID:
		case UUIDOID:
			*kind = FILTER_BYTES;
			return true;
		case NUMERICOID:
			*kind = FILTER_NUMERIC;
			return true;
		default:
			return false;
	}
}

static bool
is_float(Oid type)
{
	return type == FLOAT4OID || type == FLOAT8OID;
}

/*
 * Can a range of a column's values stand for a comparison with a value of
 * another type, given as days or as a point in time?  Not if the column's are
 * without a time zone and the value's are with one: the clock goes back.  Days
 * never do.
 */
static bool
is_time_pair(Oid column, Oid value)
{
	return (column == DATEOID && (value == TIMESTAMPOID || value == TIMESTAMPTZOID)) ||
		(column == TIMESTAMPOID && value == DATEOID) ||
		(column == TIMESTAMPTZOID && (value == DATEOID || value == TIMESTAMPOID));
}

/* The column that an expression is, perhaps under another name of its type */
static Var *
plain_column(Node *node, Index varno)
{
	Var		   *var;

	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	var = (Var *) node;
	if (var == NULL || !IsA(var, Var) || var->varno != varno ||
		var->varlevelsup != 0 || var->varattno <= 0)
		return NULL;
	return var;
}

/* Is it the same for all rows, and can it be computed once? */
static bool
is_value(Node *node)
{
	return !contain_var_clause(node) && !contain_subplans(node) &&
		!contain_volatile_functions(node);
}

/* The btree strategy of an operator of a type, SCAN_NOT_EQUAL, or 0 */
static int
strategy_of(Oid opno, Oid type)
{
	Oid			family = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	int			strategy;
	Oid			negator;

	if (!OidIsValid(family))
		return 0;
	strategy = get_op_opfamily_strategy(opno, family);
	if (strategy != 0)
		return strategy;
	negator = get_negator(opno);
	if (OidIsValid(negator) &&
		get_op_opfamily_strategy(negator, family) == BTEqualStrategyNumber)
		return SCAN_NOT_EQUAL;
	return 0;
}

/* Does byte order do for this comparison of strings? */
static bool
bytes_compare_alike(Oid type, int strategy, Oid collation)
{
	if (type == BYTEAOID || type == UUIDOID)
		return true;
	if (collation == C_COLLATION_OID)
		return true;
	return (strategy == BTEqualStrategyNumber || strategy == SCAN_NOT_EQUAL) &&
		OidIsValid(collation) && get_collation_isdeterministic(collation);
}

/* Fills in all that depends on the operator, "column op value" */
static bool
parse_operator(Var *var, Oid opno, Oid collation, FilterClause *c)
{
	Oid			left;
	Oid			right;

	c->attno = var->varattno;
	c->type = getBaseType(var->vartype);
	if (!OidIsValid(opno) || !kind_of_type(c->type, &c->kind))
		return false;
	op_input_types(opno, &left, &right);
	if (left != c->type && !(c->type == VARCHAROID && left == TEXTOID))
		return false;
	if (is_time_pair(left, right))
		c->kind = FILTER_TIME;
	else if (left != right && !(vector_is_integer(left) && vector_is_integer(right)) &&
			 !(is_float(left) && is_float(right)))
		return false;
	c->valuetype = right;
	c->strategy = strategy_of(opno, left);
	return c->strategy != 0 &&
		(c->kind != FILTER_BYTES ||
		 bytes_compare_alike(left, c->strategy, collation));
}

static bool
parse_opexpr(OpExpr *op, Index varno, FilterClause *c)
{
	Node	   *left;
	Node	   *right;
	Oid			opno = op->opno;
	Var		   *var;

	if (list_length(op->args) != 2)
		return false;
	left = linitial(op->args);
	right = lsecond(op->args);
	var = plain_column(left, varno);
	if (var == NULL)
	{
		var = plain_column(right, varno);
		right = left;
		opno = get_commutator(opno);
	}
	if (var == NULL || !is_value(right))
		return false;
	c->value = (Expr *) right;
	return parse_operator(var, opno, op->inputcollid, c);
}

static bool
parse_any(ScalarArrayOpExpr *op, Index varno, FilterClause *c)
{
	Var		   *var = plain_column(linitial(op->args), varno);
	Node	   *array = lsecond(op->args);

	if (var == NULL || !op->useOr || !is_value(array))
		return false;
	c->any = true;
	c->value = (Expr *) array;
	return parse_operator(var, op->opno, op->inputcollid, c) &&
		c->strategy == BTEqualStrategyNumber && c->kind != FILTER_TIME;
}

static bool
parse_nulltest(NullTest *test, Index varno, FilterClause *c)
{
	Var		   *var = plain_column((Node *) test->arg, varno);

	if (var == NULL || test->argisrow)
		return false;
	c->kind = FILTER_NULL;
	c->attno = var->varattno;
	c->wants_null = test->nulltesttype == IS_NULL;
	return true;
}

static bool
parse_boolean(Node *node, Index varno, bool wants_true, FilterClause *c)
{
	Var		   *var = plain_column(node, varno);

	if (var == NULL || getBaseType(var->vartype) != BOOLOID)
		return false;
	c->kind = FILTER_INT;
	c->attno = var->varattno;
	c->type = BOOLOID;
	c->strategy = BTEqualStrategyNumber;
	c->wants_true = wants_true;
	return true;
}

/*
 * filter_parse: can this condition on the relation varno be tested on columns?
 */
bool
filter_parse(Node *clause, Index varno, FilterClause *c)
{
	memset(c, 0, sizeof(FilterClause));
	switch (nodeTag(clause))
	{
		case T_OpExpr:
			return parse_opexpr((OpExpr *) clause, varno, c);
		case T_ScalarArrayOpExpr:
			return parse_any((ScalarArrayOpExpr *) clause, varno, c);
		case T_NullTest:
			return parse_nulltest((NullTest *) clause, varno, c);
		case T_BoolExpr:
			return ((BoolExpr *) clause)->boolop == NOT_EXPR &&
				parse_boolean(linitial(((BoolExpr *) clause)->args), varno,
							  false, c);
		default:
			return parse_boolean(clause, varno, true, c);
	}
}

/*
 * filter_comparison: the function by which btree compares the column's type
 * with that of the value.
 */
Oid
filter_comparison(const FilterClause *c)
{
	Oid			family = lookup_type_cache(c->type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	Oid			function = get_opfamily_proc(family, c->type, c->valuetype,
											 BTORDER_PROC);

	if (!OidIsValid(function))
		elog(ERROR, "types %u and %u cannot be compared", c->type, c->valuetype);
	return function;
}
