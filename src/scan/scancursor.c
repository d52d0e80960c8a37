/*-------------------------------------------------------------------------
 *
 * scancursor.c
 *	  Queries that must go over rows: some cursors, and those that ask how a
 *	  value is stored.
 *
 * A cursor on a simple query of one table can do more than deliver rows: it can
 * be moved backward, though nobody asked for SCROLL, and UPDATE and DELETE can
 * name its row by WHERE CURRENT OF.  A scan of columns offers neither.  Above a
 * join, a sort or an aggregate no scan does, so there it makes no difference.
 *
 * The size and the compression that a value has in its row are not those that
 * it has in a segment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"
#include "optimizer/planner.h"
#include "utils/fmgroids.h"

#include "scan/scan.h"

static planner_hook_type prev_planner = NULL;

/* of the statement that is being planned */
static int	current_cursor_options = 0;

static bool
is_simple(const PlannerInfo *root)
{
	const Query *query = root->parse;

	return bms_membership(root->all_baserels) == BMS_SINGLETON &&
		!query->hasAggs && !query->hasWindowFuncs && !query->hasTargetSRFs &&
		query->groupClause == NIL && query->groupingSets == NIL &&
		query->distinctClause == NIL && query->sortClause == NIL &&
		query->havingQual == NULL;
}

/*
 * cursor_needs_rows: is this the scan of a cursor that may be moved backward or
 * asked for its current row?  SQL's and PL/pgSQL's cursors are planned to
 * deliver their first rows fast, and nothing else is.
 */
bool
cursor_needs_rows(const PlannerInfo *root)
{
	if ((current_cursor_options & CURSOR_OPT_FAST_PLAN) == 0)
		return false;
	for (; root != NULL; root = root->parent_root)
	{
		if (!is_simple(root))
			return false;
	}
	return true;
}

static bool
storage_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr))
	{
		switch (((FuncExpr *) node)->funcid)
		{
			case F_PG_COLUMN_SIZE:
			case F_PG_COLUMN_COMPRESSION:
#if PG_VERSION_NUM >= 170000
			case F_PG_COLUMN_TOAST_CHUNK_ID:
#endif
				return true;
		}
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, storage_walker, context, 0);
	return expression_tree_walker(node, storage_walker, context);
}

/*
 * query_shows_storage: does the statement ask anywhere how a value is stored?
 */
bool
query_shows_storage(const PlannerInfo *root)
{
	while (root->parent_root != NULL)
		root = root->parent_root;
	return storage_walker((Node *) root->parse, NULL);
}

static PlannedStmt *
cursor_planner(Query *parse, const char *query_string, int cursorOptions,
			   ParamListInfo boundParams)
{
	int			saved = current_cursor_options;
	PlannedStmt *result;

	current_cursor_options = cursorOptions;
	PG_TRY();
	{
		result = prev_planner ?
			prev_planner(parse, query_string, cursorOptions, boundParams) :
			standard_planner(parse, query_string, cursorOptions, boundParams);
	}
	PG_FINALLY();
	{
		current_cursor_options = saved;
	}
	PG_END_TRY();
	return result;
}

/*
 * scan_cursor_init: once, while the library is loaded.
 */
void
scan_cursor_init(void)
{
	prev_planner = planner_hook;
	planner_hook = cursor_planner;
}
