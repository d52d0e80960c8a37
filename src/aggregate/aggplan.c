/*-------------------------------------------------------------------------
 *
 * aggplan.c
 *	  Offers the planner aggregation over vectors, and makes plans of it.
 *
 * One table is grouped by one node above its scan (AGG_WHOLE), or in every
 * process of a parallel query (AGG_PARTIAL) with a node above Gather that puts
 * the groups together (AGG_FINAL).  The parts of a partitioned table, of an
 * inheritance tree and of UNION ALL are grouped one by one, and put together
 * above Append.  A join is grouped by one node above the node that makes vectors of
 * it.  Where an alex index has all that is needed, of a heap table too, one node
 * groups what an index-only scan finds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "optimizer/tlist.h"
#include "port/pg_bitutils.h"

#include "aggregate/aggplan.h"
#include "indexonly/indexonly.h"
#include "join/join.h"
#include "scan/scan.h"

/* more keys than that are for PostgreSQL's own grouping */
#define MAX_KEYS	96

bool		columnar_aggregate = true;

static create_upper_paths_hook_type prev_create_upper_paths = NULL;

static Plan *plan_aggregate(PlannerInfo *root, RelOptInfo *rel,
							CustomPath *path, List *tlist, List *clauses,
							List *custom_plans);

static const CustomPathMethods path_methods = {
	.CustomName = "OmendbAggregate",
	.PlanCustomPath = plan_aggregate
};

const CustomScanMethods column_aggregate_methods = {
	.CustomName = "OmendbAggregate",
	.CreateCustomScanState = create_aggregate_state
};

/*---- what a query asks for ---- */

/*
 * Collects the aggregates of an expression over groups.  A column that is no
 * part of a key depends on the keys (they include a primary key): as one more
 * key it changes nothing.  Returns true if there is something unknown.
 */
static bool
collect_walker(Node *node, AggShape *shape)
{
	if (node == NULL || list_member(shape->keys, node))
		return false;
	switch (nodeTag(node))
	{
		case T_Aggref:
			shape->aggs = list_append_unique(shape->aggs, node);
			return false;
		case T_Var:
			shape->keys = lappend(shape->keys, node);
			return false;
		case T_GroupingFunc:
		case T_PlaceHolderVar:
			return true;
		default:
			return expression_tree_walker(node, collect_walker, shape);
	}
}

/*
 * Finds out what a query groups by and computes.  SELECT DISTINCT is a grouping
 * of which nothing but the keys is wanted.  False: something is unknown.
 */
static bool
collect_shape(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input,
			  RelOptInfo *output, AggShape *shape)
{
	const Query *parse = root->parse;
	bool		grouped = stage == UPPERREL_GROUP_AGG;
	int			nkeys;
	ListCell   *lc;

	memset(shape, 0, sizeof(AggShape));
	shape->input = input;
	shape->target = grouped ? output->reltarget : input->reltarget;
	foreach(lc, grouped ? parse->groupClause : parse->distinctClause)
		shape->keys = list_append_unique(shape->keys,
										 get_sortgroupclause_expr(lfirst(lc),
																  root->processed_tlist));
	if (grouped)
		shape->having = (List *) parse->havingQual;
	nkeys = list_length(shape->keys);
	if (collect_walker((Node *) shape->target->exprs, shape) ||
		collect_walker((Node *) shape->having, shape))
		return false;
	foreach(lc, shape->aggs)
	{
		if (lfirst_node(Aggref, lc)->aggdistinct != NIL)
			shape->distinct = true;
	}
	return grouped || nkeys == list_length(shape->keys);
}

/*
 * agg_argument: the argument of an aggregate; NULL: none.
 */
Node *
agg_argument(const Aggref *agg)
{
	return agg->args == NIL ? NULL :
		(Node *) linitial_node(TargetEntry, agg->args)->expr;
}

/* Aggregates can be DISTINCT if they all are about the same expression. */
static bool
distinct_supported(const List *aggs)
{
	Node	   *only = NULL;
	ListCell   *lc;

	foreach(lc, aggs)
	{
		const Aggref *agg = lfirst_node(Aggref, lc);
		Node	   *argument = agg_argument(agg);

		if (agg->aggdistinct == NIL)
			continue;
		if (argument == NULL || agg->aggfilter != NULL ||
			(only != NULL && !equal(only, argument)) ||
			!agg_key_supported(exprType(argument), exprCollation(argument)))
			return false;
		only = argument;
	}
	return true;
}

/* Can it be computed, if there is such an expression? */
static bool
expr_supported(Node *expr, Index varno)
{
	return expr == NULL || vector_support(expr, varno) != VECTOR_NEVER;
}

static bool
agg_supported(const Aggref *agg, Index varno)
{
	return agg->aggkind == AGGKIND_NORMAL && agg->aggorder == NIL &&
		agg->aggdirectargs == NIL && !agg->aggvariadic &&
		agg->agglevelsup == 0 && list_length(agg->args) <= 1 &&
		agg_function(agg) != NULL &&
		expr_supported(agg_argument(agg), varno) &&
		expr_supported((Node *) agg->aggfilter, varno);
}

/* Can the rows of a table be grouped so? */
static bool
shape_supported(const AggShape *shape, Index varno)
{
	ListCell   *lc;

	if (list_length(shape->keys) > MAX_KEYS)
		return false;
	foreach(lc, shape->keys)
	{
		Node	   *key = lfirst(lc);

		if (!agg_key_supported(exprType(key), exprCollation(key)) ||
			!expr_supported(key, varno))
			return false;
	}
	foreach(lc, shape->aggs)
	{
		if (!agg_supported(lfirst_node(Aggref, lc), varno))
			return false;
	}
	return distinct_supported(shape->aggs);
}

/* The same for a part of an inheritance tree or of UNION ALL */
static AggShape
translate_shape(PlannerInfo *root, const AggShape *shape, AppendRelInfo *info)
{
	AggShape	result = *shape;

	result.keys = (List *)
		adjust_appendrel_attrs(root, (Node *) shape->keys, 1, &info);
	result.aggs = (List *)
		adjust_appendrel_attrs(root, (Node *) shape->aggs, 1, &info);
	return result;
}

/*---- paths ---- */

/* The states of an aggregate, on their way to AGG_FINAL */
static Aggref *
partial_aggref(const Aggref *agg)
{
	Aggref	   *result = copyObject(unconstify(Aggref *, agg));

	result->aggsplit = AGGSPLIT_INITIAL_SERIAL;
	result->aggtype = BYTEAOID;
	result->aggcollid = InvalidOid;
	return result;
}

static List *
partial_aggrefs(const List *aggs)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, aggs)
		result = lappend(result, partial_aggref(lfirst_node(Aggref, lc)));
	return result;
}

/* What AGG_PARTIAL returns */
static PathTarget *
partial_target(PlannerInfo *root, const AggShape *shape)
{
	PathTarget *target = create_empty_pathtarget();
	ListCell   *lc;

	foreach(lc, list_concat_copy(shape->keys, partial_aggrefs(shape->aggs)))
		add_column_to_pathtarget(target, lfirst(lc), 0);
	return set_pathtarget_cost_width(root, target);
}

/* What the scan below has to hand out: the columns that groups are made of */
static PathTarget *
scan_target(PlannerInfo *root, const AggShape *shape)
{
	PathTarget *target = create_empty_pathtarget();
	List	   *exprs = list_concat_copy(shape->keys, shape->aggs);

	add_new_columns_to_pathtarget(target,
								  pull_var_clause((Node *) exprs,
												  PVC_RECURSE_AGGREGATES |
												  PVC_RECURSE_WINDOWFUNCS |
												  PVC_RECURSE_PLACEHOLDERS));
	return set_pathtarget_cost_width(root, target);
}

/*
 * A node that groups what input returns.  rel is the grouping, or for
 * AGG_PARTIAL the table.
 */
static Path *
make_path(PlannerInfo *root, RelOptInfo *rel, PathTarget *target, AggMode mode,
		  const AggShape *shape, Path *input)
{
	CustomPath *path = makeNode(CustomPath);

	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = target;
	path->path.parallel_safe = rel->consider_parallel && input->parallel_safe;
	path->path.parallel_workers = input->parallel_workers;
	if (mode != AGG_PARTIAL)
		path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_paths = list_make1(input);
	path->custom_private = list_make5(makeInteger(mode), shape->keys,
									  shape->aggs, shape->having,
									  shape->columns);
	path->methods = &path_methods;
	agg_cost(root, path, mode, shape, input);
	return &path->path;
}

/* The scan of a table that can be grouped; NULL: there is none. */
static Path *
make_scan(PlannerInfo *root, RelOptInfo *table, const AggShape *shape,
		  int workers)
{
	CustomPath *scan = scan_vector_path(root, table, workers);

	if (scan == NULL || !shape_supported(shape, table->relid))
		return NULL;
	scan->path.pathtarget = scan_target(root, shape);
	return &scan->path;
}

/*
 * The scan of an index that has all that is needed of a table; NULL: there is
 * none.
 */
static Path *
make_index_scan(PlannerInfo *root, RelOptInfo *table, const AggShape *shape)
{
	Path	   *scan = index_only_vector_path(root, table);

	if (scan == NULL || !shape_supported(shape, table->relid))
		return NULL;
	scan->pathtarget = scan_target(root, shape);
	return scan;
}

/* Groups a table in this process, or in each of several. */
static Path *
make_partial(PlannerInfo *root, RelOptInfo *table, const AggShape *shape,
			 int workers)
{
	Path	   *scan = make_scan(root, table, shape, workers);
	Path	   *index = workers > 0 ? NULL : make_index_scan(root, table, shape);

	if (scan == NULL || (index != NULL && index->total_cost < scan->total_cost))
		scan = index;
	return scan == NULL ? NULL :
		make_path(root, table, partial_target(root, shape), AGG_PARTIAL, shape,
				  scan);
}

static Path *
make_gather(PlannerInfo *root, RelOptInfo *grouped, Path *partial)
{
	double		rows = partial->rows * partial->parallel_workers;

	return (Path *) create_gather_path(root, grouped, partial,
									   partial->pathtarget, NULL, &rows);
}

static int
count_workers(RelOptInfo *table)
{
	return compute_parallel_worker(table, table->pages, -1,
								   max_parallel_workers_per_gather);
}

static bool
may_gather(const RelOptInfo *grouped, const RelOptInfo *input,
		   const AggShape *shape)
{
	return grouped->consider_parallel && input->consider_parallel &&
		!shape->distinct && max_parallel_workers_per_gather > 0;
}

/* Paths for one table */
static void
add_table_paths(PlannerInfo *root, RelOptInfo *table, RelOptInfo *grouped,
				const AggShape *shape)
{
	Path	   *scan = make_scan(root, table, shape, 0);
	Path	   *index = make_index_scan(root, table, shape);
	Path	   *partial;
	int			workers;

	if (index != NULL)
		add_path(grouped, make_path(root, grouped, shape->target, AGG_WHOLE,
									shape, index));
	if (scan == NULL)
		return;
	add_path(grouped, make_path(root, grouped, shape->target, AGG_WHOLE,
								shape, scan));
	if (!may_gather(grouped, table, shape))
		return;
	workers = count_workers(table);
	if (workers == 0)
		return;
	partial = make_partial(root, table, shape, workers);
	add_path(grouped, make_path(root, grouped, shape->target, AGG_FINAL,
								shape, make_gather(root, grouped, partial)));
}

/*---- joins ---- */

/* Expressions over the columns of a join, which are numbered */
static AggShape
number_shape(const AggShape *shape)
{
	List	   *columns = pull_var_clause((Node *)
										  list_concat_copy(shape->keys,
														   shape->aggs),
										  PVC_RECURSE_AGGREGATES |
										  PVC_RECURSE_WINDOWFUNCS |
										  PVC_RECURSE_PLACEHOLDERS);
	AggShape	result = *shape;

	result.keys = (List *) join_number_columns((Node *) shape->keys, columns);
	result.aggs = (List *) join_number_columns((Node *) shape->aggs, columns);
	return result;
}

/* A path over a nested loop that looks up keys in an index which has all of them */
static void
add_loop_path(PlannerInfo *root, RelOptInfo *joined, RelOptInfo *grouped,
			  const AggShape *shape)
{
	AggShape	numbered;
	AggShape	result = *shape;
	Path	   *path = index_only_loop_path(joined);

	if (path == NULL)
		return;
	path->pathtarget = scan_target(root, shape);
	numbered = number_shape(shape);
	if (!shape_supported(&numbered, INDEX_VAR))
		return;
	result.numbered = &numbered;
	result.columns = path->pathtarget->exprs;
	add_path(grouped, make_path(root, grouped, shape->target, AGG_WHOLE,
								&result, path));
}

/* Paths with each of the joined relations as the one that is scanned */
static void
add_join_paths(PlannerInfo *root, RelOptInfo *joined, RelOptInfo *grouped,
			   const AggShape *shape)
{
	AggShape	numbered;
	AggShape	result = *shape;
	int			i = -1;

	result.numbered = NULL;
	while ((i = bms_next_member(joined->relids, i)) >= 0)
	{
		Path	   *path = join_vector_path(root, joined, i,
											scan_target(root, shape));

		if (path == NULL)
			continue;
		if (result.numbered == NULL)
		{
			numbered = number_shape(shape);
			result.numbered = &numbered;
			if (!shape_supported(&numbered, INDEX_VAR))
				return;
		}
		add_path(grouped, make_path(root, grouped, shape->target, AGG_WHOLE,
									&result, path));
	}
}

/*---- several tables ---- */

/* Paths for the tables that an appended relation consists of */
typedef struct AppendParts
{
	bool		parallel;		/* several processes do the work */
	List	   *whole;			/* each for one process */
	List	   *shared;			/* each for so many as it is large enough for */
	int			workers;		/* most that one of them is large enough for */
} AppendParts;

static bool
add_part(PlannerInfo *root, RelOptInfo *table, const AggShape *shape,
		 AppendParts *parts)
{
	int			workers = parts->parallel ? count_workers(table) : 0;
	Path	   *partial;

	if (parts->parallel && !table->consider_parallel)
		return false;
	partial = make_partial(root, table, shape, workers);
	if (partial == NULL)
		return false;
	if (workers > 0)
		parts->shared = lappend(parts->shared, partial);
	else
		parts->whole = lappend(parts->whole, partial);
	parts->workers = Max(parts->workers, workers);
	return true;
}

/* Those that may have rows for the query; false if one can not be grouped */
static bool
add_parts(PlannerInfo *root, Index parent, const AggShape *shape,
		  AppendParts *parts)
{
	ListCell   *lc;

	foreach(lc, root->append_rel_list)
	{
		AppendRelInfo *info = lfirst_node(AppendRelInfo, lc);
		RelOptInfo *child = root->simple_rel_array[info->child_relid];
		AggShape	translated;

		if (info->parent_relid != parent || child == NULL ||
			IS_DUMMY_REL(child))
			continue;
		translated = translate_shape(root, shape, info);
		if (root->simple_rte_array[info->child_relid]->inh ?
			!add_parts(root, info->child_relid, &translated, parts) :
			!add_part(root, child, &translated, parts))
			return false;
	}
	return true;
}

/* Groups of the tables one by one, appended; NULL: not possible */
static Path *
make_append(PlannerInfo *root, RelOptInfo *input, const AggShape *shape,
			bool parallel)
{
	AppendParts parts = {.parallel = parallel};
	int			ntables;
	AppendPath *path;

	if (!add_parts(root, input->relid, shape, &parts))
		return NULL;
	ntables = list_length(parts.whole) + list_length(parts.shared);
	if (ntables == 0)
		return NULL;
	if (parallel)
		parts.workers = Min(Max(parts.workers,
								pg_leftmost_one_pos32(ntables) + 1),
							max_parallel_workers_per_gather);
	path = create_append_path(root, input, parts.whole, parts.shared, NIL, NULL,
							  parts.workers, parallel, -1);
	path->path.pathtarget = partial_target(root, shape);
	return &path->path;
}

static void
add_append_paths(PlannerInfo *root, RelOptInfo *input, RelOptInfo *grouped,
				 const AggShape *shape)
{
	Path	   *append;

	if (shape->distinct || IS_DUMMY_REL(input))
		return;
	append = make_append(root, input, shape, false);
	if (append == NULL)
		return;
	add_path(grouped, make_path(root, grouped, shape->target, AGG_FINAL,
								shape, append));
	if (!may_gather(grouped, input, shape))
		return;
	append = make_append(root, input, shape, true);
	if (append == NULL)
		return;
	add_path(grouped, make_path(root, grouped, shape->target, AGG_FINAL,
								shape, make_gather(root, grouped, append)));
}

/*---- the hook ---- */

static bool
is_grouped(const Query *parse)
{
	return parse->hasAggs || parse->groupClause != NIL;
}

/* Nothing but DISTINCT happens to the rows of a table. */
static bool
is_distinct(const Query *parse)
{
	return parse->distinctClause != NIL && !parse->hasDistinctOn &&
		!is_grouped(parse) && parse->havingQual == NULL &&
		!parse->hasWindowFuncs && !parse->hasTargetSRFs;
}

static bool
is_candidate(const PlannerInfo *root, UpperRelationKind stage,
			 RelOptInfo *input)
{
	const Query *parse = root->parse;

	if (stage == UPPERREL_GROUP_AGG ? !is_grouped(parse) :
		stage != UPPERREL_DISTINCT || !is_distinct(parse))
		return false;
	return columnar_aggregate && columnar_scan != COLUMNAR_SCAN_OFF &&
		parse->groupingSets == NIL &&
		(enable_hashagg ||
		 (parse->groupClause == NIL && parse->distinctClause == NIL)) &&
		(join_is_candidate(root, input) ||
		 (IS_SIMPLE_REL(input) &&
		  (input->rtekind == RTE_RELATION ||
		   root->simple_rte_array[input->relid]->inh)));
}

static void
aggregate_create_upper_paths(PlannerInfo *root, UpperRelationKind stage,
							 RelOptInfo *input, RelOptInfo *output,
							 void *extra)
{
	AggShape	shape;

	if (prev_create_upper_paths)
		prev_create_upper_paths(root, stage, input, output, extra);
	if (!is_candidate(root, stage, input) ||
		!collect_shape(root, stage, input, output, &shape))
		return;
	if (!IS_SIMPLE_REL(input))
	{
		add_loop_path(root, input, output, &shape);
		add_join_paths(root, input, output, &shape);
	}
	else if (root->simple_rte_array[input->relid]->inh)
		add_append_paths(root, input, output, &shape);
	else
		add_table_paths(root, input, output, &shape);
}

/*---- plans ---- */

/* One entry for each expression, also if two are the same */
static List *
make_entries(const List *exprs)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, exprs)
		result = lappend(result,
						 makeTargetEntry(lfirst(lc), list_length(result) + 1,
										 NULL, false));
	return result;
}

/*
 * Collects parameters of outer queries.  custom_scan_tlist is not searched for
 * them, so they are custom_exprs, too: when one changes, the node is rescanned.
 */
static bool
param_walker(Node *node, List **params)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
	{
		*params = list_append_unique(*params, node);
		return false;
	}
	return expression_tree_walker(node, param_walker, params);
}

static Plan *
plan_aggregate(PlannerInfo *root, RelOptInfo *rel, CustomPath *path,
			   List *tlist, List *clauses, List *custom_plans)
{
	CustomScan *plan = makeNode(CustomScan);
	AggMode		mode = intVal(linitial(path->custom_private));
	List	   *keys = lsecond(path->custom_private);
	List	   *aggs = lthird(path->custom_private);
	List	   *columns = llast(path->custom_private);

	if (mode == AGG_PARTIAL)
		aggs = partial_aggrefs(aggs);
	else
		plan->scan.plan.qual = lfourth(path->custom_private);
	plan->scan.plan.targetlist = tlist;
	plan->custom_scan_tlist =
		copyObject(make_entries(list_concat(list_concat_copy(keys, aggs),
											columns)));
	param_walker((Node *) plan->custom_scan_tlist, &plan->custom_exprs);
	plan->custom_plans = custom_plans;
	plan->custom_private = list_make3_int(mode, list_length(keys),
										  list_length(columns));
	plan->flags = path->flags;
	plan->methods = &column_aggregate_methods;
	return &plan->scan.plan;
}

/*
 * agg_plan_mode: what part of the work a node does.
 */
AggMode
agg_plan_mode(const CustomScan *plan)
{
	return linitial_int(plan->custom_private);
}

/*
 * agg_plan_keys: how many entries of custom_scan_tlist rows are grouped by.
 */
int
agg_plan_keys(const CustomScan *plan)
{
	return lsecond_int(plan->custom_private);
}

/*
 * agg_plan_columns: how many entries of custom_scan_tlist, the last ones, are not
 * returned but the columns of a nested loop below.
 */
int
agg_plan_columns(const CustomScan *plan)
{
	return lthird_int(plan->custom_private);
}

/*
 * aggregate_init: once per process, while the library is loaded.
 */
void
aggregate_init(void)
{
	RegisterCustomScanMethods(&column_aggregate_methods);
	prev_create_upper_paths = create_upper_paths_hook;
	create_upper_paths_hook = aggregate_create_upper_paths;
}
