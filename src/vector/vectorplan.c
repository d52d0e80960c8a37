/*-------------------------------------------------------------------------
 *
 * vectorplan.c
 *	  For the planner: how can an expression be computed?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"

#include "vector/vectorinternal.h"

/* Is there anything that only a plan of its own, or another relation, has? */
static bool
find_foreign(Node *node, void *context)
{
	Index		varno = *(Index *) context;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
			return ((Var *) node)->varno != varno ||
				((Var *) node)->varlevelsup != 0 ||
				((Var *) node)->varattno <= 0;
		case T_Aggref:
		case T_WindowFunc:
		case T_GroupingFunc:
		case T_SubLink:
		case T_SubPlan:
		case T_AlternativeSubPlan:
		case T_PlaceHolderVar:
		case T_CurrentOfExpr:
		case T_NextValueExpr:
		case T_Query:
			return true;
		default:
			return expression_tree_walker(node, find_foreign, context);
	}
}

/*
 * vector_support: how can an expression be computed, of which the Vars of
 * varno are columns of the table?
 */
VectorSupport
vector_support(Node *expr, Index varno)
{
	VectorBuild build = {varno};
	MemoryContext context;
	MemoryContext old;
	bool		native;

	if (expr == NULL || find_foreign(expr, &varno) ||
		contain_volatile_functions(expr) || expression_returns_set(expr))
		return VECTOR_NEVER;
	context = AllocSetContextCreate(CurrentMemoryContext, "omendb vector plan",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	native = vector_build(&build, (Expr *) expr) != NULL;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return native ? VECTOR_NATIVE : VECTOR_BY_ROW;
}
