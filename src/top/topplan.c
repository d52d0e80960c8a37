/*-------------------------------------------------------------------------
 *
 * topplan.c
 *	  Offers the planner the first rows of a table in some order (ORDER BY with
 *	  LIMIT), or of each group (DISTINCT ON), found in its columns, and makes
 *	  plans of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_statistic.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

#include "top/top.h"

/* rows that are worth a visit to the heap each */
#define TOP_MAX_ROWS	10000

/* costs for each row, as parts of cpu_operator_cost: comparing with the worst */
#define COST_COMPARE	0.2
#define COST_BY_ROW		2.0
#define COST_GROUP		0.5

/* of a table, read to find the first rows if segments can be left out */
#define LEAST_PART		0.02

/* memory of a group's first row, beside what its table takes */
#define GROUP_BYTES		256

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
	int			limit;			/* 0: one row of each group */
	int			ngrouped;		/* so many keys make the group */
	PathTarget *target;			/* what is returned of a row */
	List	   *pathkeys;		/* how the result is sorted */
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

/* Nothing but sorting, and DISTINCT, happens to the rows of a table. */
static bool
is_simple(const Query *parse)
{
	return !parse->hasAggs && parse->groupClause == NIL &&
		parse->groupingSets == NIL && parse->havingQual == NULL &&
		!parse->hasWindowFuncs && !parse->hasTargetSRFs &&
		parse->rowMarks == NIL;
}

/* ORDER BY with a limit that is known */
static bool
find_limit(PlannerInfo *root, TopOrder *order, List **clauses)
{
	const Query *parse = root->parse;
	int64		count = constant_limit(parse->limitCount);
	int64		offset = constant_limit(parse->limitOffset);

	if (parse->sortClause == NIL || parse->distinctClause != NIL ||
		parse->limitOption != LIMIT_OPTION_COUNT || count <= 0 ||
		count > TOP_MAX_ROWS || offset < 0 || offset > TOP_MAX_ROWS - count)
		return false;
	order->limit = count + offset;
	order->ngrouped = 0;
	order->target = root->upper_targets[UPPERREL_ORDERED];
	order->pathkeys = root->sort_pathkeys;
	*clauses = parse->sortClause;
	return true;
}

/* DISTINCT ON: ORDER BY has the same expressions first, or fewer of them. */
static bool
find_groups(PlannerInfo *root, const RelOptInfo *table, TopOrder *order,
			List **clauses)
{
	const Query *parse = root->parse;
	bool		longer = list_length(parse->sortClause) >=
	list_length(parse->distinctClause);
	ListCell   *a;
	ListCell   *b;

	if (!parse->hasDistinctOn || parse->distinctClause == NIL)
		return false;
	forboth(a, parse->sortClause, b, parse->distinctClause)
	{
		if (lfirst_node(SortGroupClause, a)->tleSortGroupRef !=
			lfirst_node(SortGroupClause, b)->tleSortGroupRef)
			return false;
	}
	order->limit = 0;
	order->ngrouped = list_length(parse->distinctClause);
	order->target = table->reltarget;
	order->pathkeys = longer ? root->sort_pathkeys : root->distinct_pathkeys;
	*clauses = longer ? parse->sortClause : parse->distinctClause;
	return true;
}

static bool
find_keys(PlannerInfo *root, Index varno, const List *clauses,
		  TopOrder *order)
{
	const ListCell *lc;

	order->keys = order->operators = order->nulls_first = NIL;
	foreach(lc, clauses)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		Node	   *key = get_sortgroupclause_expr(clause,
												   root->processed_tlist);

		if (!OidIsValid(clause->sortop) ||
			vector_support(key, varno) == VECTOR_NEVER ||
			(list_length(order->keys) < order->ngrouped &&
			 !agg_key_supported(exprType(key), exprCollation(key))))
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
	Cost		cost = cpu_operator_cost *
	(COST_COMPARE + COST_GROUP * order->ngrouped);
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
 * How many rows are returned; -1 if their groups might not fit into memory.
 */
static double
count_rows(PlannerInfo *root, const TopOrder *order, const Path *scan)
{
	double		groups;

	if (order->ngrouped == 0)
		return clamp_row_est(Min(order->limit, scan->rows));
	groups = clamp_row_est(estimate_num_groups(root,
											   list_copy_head(order->keys,
															  order->ngrouped),
											   scan->rows, NULL, NULL));
	return groups * GROUP_BYTES > get_hash_memory_limit() ? -1 : groups;
}

/* How well a column of numbers is in the order of the table: 0 to 1 */
static double
correlation(Oid relid, AttrNumber attno)
{
	HeapTuple	tuple = SearchSysCache3(STATRELATTINH,
										ObjectIdGetDatum(relid),
										Int16GetDatum(attno),
										BoolGetDatum(false));
	AttStatsSlot slot;
	double		result = 0;

	if (!HeapTupleIsValid(tuple))
		return 0;
	if (get_attstatsslot(&slot, tuple, STATISTIC_KIND_CORRELATION, InvalidOid,
						 ATTSTATSSLOT_NUMBERS))
	{
		if (slot.nnumbers == 1)
			result = fabs(slot.numbers[0]);
		free_attstatsslot(&slot);
	}
	ReleaseSysCache(tuple);
	return result;
}

/* The part of the table that is read, when segments can be left out */
static double
part_read(PlannerInfo *root, const TopOrder *order, Index varno)
{
	const Var  *key = linitial(order->keys);
	VectorKind	kind;
	double		c;

	if (order->ngrouped > 0 || !IsA(key, Var))
		return 1;
	kind = vector_kind(getBaseType(key->vartype));
	if (kind != VECTOR_INT && kind != VECTOR_FLOAT)
		return 1;
	c = correlation(planner_rt_fetch(varno, root)->relid, key->varattno);
	return Max(1 - c * c, LEAST_PART);
}

/*
 * Costs: a pass over the keys' columns; a few rows that are better than those
 * before, as many as a random order has; and a page of the heap for each row
 * that is returned.
 */
static void
cost_top(PlannerInfo *root, CustomPath *path, const TopOrder *order,
		 const Path *scan, double rows)
{
	RelOptInfo *table = scan->parent;
	const PathTarget *target = path->path.pathtarget;
	double		part = part_read(root, order, table->relid);
	double		taken = rows * (1 + log(Max(scan->rows / rows, 1)));
	Cost		factor = columnar_scan == COLUMNAR_SCAN_FORCE ? 1e-6 : 1;

	path->path.rows = rows;
	path->path.startup_cost = scan->startup_cost +
		part * (scan->total_cost - scan->startup_cost) + factor *
		(part * scan->rows * row_cost(root, order, table->relid) +
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
	double		rows;

	if (scan == NULL)
		return NULL;
	rows = count_rows(root, order, &scan->path);
	if (rows < 0)
		return NULL;
	scan->path.pathtarget = scan_target(root, order);
	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = table;
	path->path.pathtarget = order->target;
	path->path.parallel_safe = table->consider_parallel;
	path->path.parallel_workers = workers;
	path->path.pathkeys = order->pathkeys;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_paths = list_make1(scan);
	path->custom_private = list_make4(order->keys, order->operators,
									  order->nulls_first,
									  list_make2_int(order->limit,
													 order->ngrouped));
	path->methods = &path_methods;
	cost_top(root, path, order, &scan->path, rows);
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
									  order->pathkeys, NULL, &rows));
}

static bool
is_candidate(const PlannerInfo *root, const RelOptInfo *input)
{
	return columnar_scan != COLUMNAR_SCAN_OFF && enable_sort &&
		IS_SIMPLE_REL(input) && input->rtekind == RTE_RELATION &&
		is_simple(root->parse);
}

/*
 * Could it be better than an index that has the order?  A bound below its costs
 * tells in no time that it is not, if few rows are wanted.
 */
static bool
may_pay(const RelOptInfo *input, const TopOrder *order)
{
	return order->ngrouped > 0 ||
		scan_beats_order(input, order->pathkeys, order->limit,
						 Min(Min(order->limit, input->rows), input->pages) *
						 random_page_cost);
}

static void
top_create_upper_paths(PlannerInfo *root, UpperRelationKind stage,
					   RelOptInfo *input, RelOptInfo *output, void *extra)
{
	TopOrder	order;
	List	   *clauses;
	Path	   *path;

	if (prev_create_upper_paths)
		prev_create_upper_paths(root, stage, input, output, extra);
	if ((stage != UPPERREL_ORDERED && stage != UPPERREL_DISTINCT) ||
		!is_candidate(root, input) ||
		!(stage == UPPERREL_ORDERED ? find_limit(root, &order, &clauses) :
		  find_groups(root, input, &order, &clauses)) ||
		!find_keys(root, input->relid, clauses, &order) ||
		!may_pay(input, &order))
		return;
	path = make_path(root, input, &order, 0);
	if (path == NULL)
		return;
	add_path(output, path);
	if (order.ngrouped == 0)
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
 * top_plan_limit: how many rows are wanted; 0: one of each group.
 */
int
top_plan_limit(const CustomScan *plan)
{
	return linitial_int(lthird(plan->custom_private));
}

/*
 * top_plan_grouped: how many keys make the group of which the first row is
 * wanted; 0: there are no groups.
 */
int
top_plan_grouped(const CustomScan *plan)
{
	return lsecond_int(lthird(plan->custom_private));
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
