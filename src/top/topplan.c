/*-------------------------------------------------------------------------
 *
 * topplan.c
 *	  Offers the planner the first rows of a table in some order (ORDER BY with
 *	  LIMIT), found in its columns, and makes plans of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "optimizer/tlist.h"

#include "scan/scan.h"
#include "top/top.h"
#include "vector/vector.h"

/* rows that are worth a visit to the heap each */
#define TOP_MAX_ROWS	10000

/* costs for each row, as parts of cpu_operator_cost: comparing with the worst */
#define COST_COMPARE	0.2
#define COST_BY_ROW		2.0

static create_upper_paths_hook_type prev_create_upper_paths = NULL;

static Plan *plan_top(PlannerInfo *root, RelOptInfo *rel, CustomPath *path,
					  List *tlist, List *clauses, List *custom_plans);

static const CustomPathMethods path_methods = {
	.CustomName = "OmendbTop",
	.PlanCustomPath = plan_top
};

const CustomScanMethods top_scan_methods = {
	.CustomName = "OmendbTop",
	.CreateCustomScanState = create_top_state
};

/* The order that is wanted */
typedef struct TopOrder
{
	List	   *keys;			/* expressions */
	List	   *operators;		/* OIDs: "less" of the order */
	List	   *nulls_first;	/* integers */
	int			limit;
} TopOrder;

/*---- paths ---- */

/* Its value if it is known and small enough; otherwise -1 */
static int64
constant_limit(const Node *node)
{
	const Const *c = (const Const *) node;

	if (node == NULL)
		return 0;
	if (!IsA(node, Const) || c->constisnull)
		return -1;
	return DatumGetInt64(c->constvalue);
}

/* Is it a simple query with a limit that is known? */
static bool
find_limit(const Query *parse, int *limit)
{
	int64		count;
	int64		offset;

	if (parse->limitCount == NULL || parse->limitOption != LIMIT_OPTION_COUNT ||
		parse->sortClause == NIL || parse->distinctClause != NIL ||
		parse->hasAggs || parse->groupClause != NIL ||
		parse->groupingSets != NIL || parse->havingQual != NULL ||
		parse->hasWindowFuncs || parse->hasTargetSRFs ||
		parse->rowMarks != NIL)
		return false;
	count = constant_limit(parse->limitCount);
	offset = constant_limit(parse->limitOffset);
	if (count <= 0 || count > TOP_MAX_ROWS || offset < 0 ||
		offset > TOP_MAX_ROWS - count)
		return false;
	*limit = count + offset;
	return true;
}

static bool
find_order(PlannerInfo *root, Index varno, TopOrder *order)
{
	ListCell   *lc;

	order->keys = order->operators = order->nulls_first = NIL;
	foreach(lc, root->parse->sortClause)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		Node	   *key = get_sortgroupclause_expr(clause,
												   root->processed_tlist);

		if (vector_support(key, varno) == VECTOR_NEVER)
			return false;
		order->keys = lappend(order->keys, key);
		order->operators = lappend_oid(order->operators, clause->sortop);
		order->nulls_first = lappend_int(order->nulls_first,
										 clause->nulls_first);
	}
	return true;
}

/* What the scan below has to hand out */
static PathTarget *
scan_target(PlannerInfo *root, const TopOrder *order)
{
	PathTarget *target = create_empty_pathtarget();

	add_new_columns_to_pathtarget(target,
								  pull_var_clause((Node *) order->keys,
												  PVC_RECURSE_PLACEHOLDERS));
	return set_pathtarget_cost_width(root, target);
}

/* Costs of computing the keys of a row, and comparing the first of them */
static Cost
row_cost(PlannerInfo *root, const TopOrder *order, Index varno)
{
	Cost		cost = COST_COMPARE * cpu_operator_cost;
	ListCell   *lc;

	foreach(lc, order->keys)
	{
		Node	   *key = lfirst(lc);
		QualCost	expr;

		if (IsA(key, Var))
			continue;
		cost_qual_eval_node(&expr, key, root);
		cost += vector_support(key, varno) == VECTOR_NATIVE ?
			expr.per_tuple * COST_COMPARE :
			expr.per_tuple + COST_BY_ROW * cpu_operator_cost;
	}
	return cost;
}

/*
 * Costs: a pass over the keys' columns; a few rows that are better than those
 * before, as many as a random order has; and a page of the heap for each row
 * that is returned.
 */
static void
cost_top(PlannerInfo *root, CustomPath *path, const TopOrder *order,
		 const Path *scan)
{
	RelOptInfo *table = scan->parent;
	const PathTarget *target = path->path.pathtarget;
	double		rows = Max(Min(order->limit, scan->rows), 1);
	double		taken = rows * (1 + log(Max(scan->rows / rows, 1)));
	Cost		factor = columnar_scan == COLUMNAR_SCAN_FORCE ? 1e-6 : 1;

	path->path.rows = rows;
	path->path.startup_cost = scan->total_cost + factor *
		(scan->rows * row_cost(root, order, table->relid) +
		 taken * (log2(rows + 1) + 2) * 2 * cpu_operator_cost +
		 Min(rows, table->pages) * random_page_cost + target->cost.startup);
	path->path.total_cost = path->path.startup_cost + factor *
		rows * (cpu_tuple_cost + target->cost.per_tuple);
}

static Path *
make_path(PlannerInfo *root, RelOptInfo *table, const TopOrder *order,
		  int workers)
{
	CustomPath *scan = scan_vector_path(root, table, workers);
	CustomPath *path;

	if (scan == NULL)
		return NULL;
	scan->path.pathtarget = scan_target(root, order);
	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = table;
	path->path.pathtarget = root->upper_targets[UPPERREL_ORDERED];
	path->path.parallel_safe = table->consider_parallel;
	path->path.parallel_workers = workers;
	path->path.pathkeys = root->sort_pathkeys;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_paths = list_make1(scan);
	path->custom_private = list_make4(order->keys, order->operators,
									  order->nulls_first,
									  list_make1_int(order->limit));
	path->methods = &path_methods;
	cost_top(root, path, order, &scan->path);
	return &path->path;
}

/* The same in several processes, of which each returns as many rows */
static void
add_parallel_path(PlannerInfo *root, RelOptInfo *table, RelOptInfo *ordered,
				  const TopOrder *order)
{
	int			workers;
	Path	   *path;
	double		rows;

	if (!table->consider_parallel || !ordered->consider_parallel)
		return;
	workers = compute_parallel_worker(table, table->pages, -1,
									  max_parallel_workers_per_gather);
	if (workers == 0)
		return;
	path = make_path(root, table, order, workers);
	if (path == NULL)
		return;
	rows = path->rows * workers;
	add_path(ordered, (Path *)
			 create_gather_merge_path(root, ordered, path, path->pathtarget,
									  root->sort_pathkeys, NULL, &rows));
}

static void
top_create_upper_paths(PlannerInfo *root, UpperRelationKind stage,
					   RelOptInfo *input, RelOptInfo *output, void *extra)
{
	TopOrder	order;
	Path	   *path;

	if (prev_create_upper_paths)
		prev_create_upper_paths(root, stage, input, output, extra);
	if (stage != UPPERREL_ORDERED || columnar_scan == COLUMNAR_SCAN_OFF ||
		!enable_sort || !IS_SIMPLE_REL(input) ||
		input->rtekind != RTE_RELATION ||
		!find_limit(root->parse, &order.limit) ||
		!find_order(root, input->relid, &order))
		return;
	path = make_path(root, input, &order, 0);
	if (path == NULL)
		return;
	add_path(output, path);
	add_parallel_path(root, input, output, &order);
}

/*---- plans ---- */

/* Key expressions are custom_exprs, so that they get the table's final number. */
static Plan *
plan_top(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
		 List *clauses, List *custom_plans)
{
	CustomScan *plan = makeNode(CustomScan);

	plan->scan.plan.targetlist = tlist;
	plan->scan.scanrelid = rel->relid;
	plan->custom_exprs = copyObject(linitial(path->custom_private));
	plan->custom_private = list_copy_tail(path->custom_private, 1);
	plan->custom_plans = custom_plans;
	plan->flags = path->flags;
	plan->methods = &top_scan_methods;
	return &plan->scan.plan;
}

/*
 * top_plan_limit: how many rows are wanted.
 */
int
top_plan_limit(const CustomScan *plan)
{
	return linitial_int(lthird(plan->custom_private));
}

/*
 * top_plan_operator: the operator that orders by a key.
 */
Oid
top_plan_operator(const CustomScan *plan, int key)
{
	return list_nth_oid(linitial(plan->custom_private), key);
}

/*
 * top_plan_nulls_first: are nulls of a key in front of its values?
 */
bool
top_plan_nulls_first(const CustomScan *plan, int key)
{
	return list_nth_int(lsecond(plan->custom_private), key) != 0;
}

/*
 * top_init: once per process, while the library is loaded.
 */
void
top_init(void)
{
	RegisterCustomScanMethods(&top_scan_methods);
	prev_create_upper_paths = create_upper_paths_hook;
	create_upper_paths_hook = top_create_upper_paths;
}
