/*-------------------------------------------------------------------------
 *
 * aggcost.c
 *	  What aggregation over vectors costs, and how many groups it returns.
 *
 * Costs are those of the processor for each row: computing expressions, finding
 * the group, adding to it; and for each group that is returned.  Groups that do
 * not fit into memory are written and read once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "aggregate/aggplan.h"
#include "scan/scan.h"
#include "table/table.h"

/* costs for each row, as parts of cpu_operator_cost */
#define COST_NATIVE		0.1		/* of an operator: what it costs in a loop */
#define COST_BY_ROW		2.0		/* of an expression that is none: its slot */
#define COST_KEY		0.1		/* finding the group */
#define COST_ADD		0.03	/* adding to a state */
#define COST_STATE		2.0		/* a state written or read as bytes */

/* factor of costs with omendb.columnar_scan = force */
#define COST_FORCED		1e-6

/* bytes of a group beside its keys and states */
#define GROUP_OVERHEAD	48

/* Costs of an expression of a table's columns for each row */
static Cost
expr_cost(PlannerInfo *root, Node *expr, Index varno)
{
	QualCost	cost;

	if (expr == NULL || IsA(expr, Var) || IsA(expr, Const))
		return 0;
	cost_qual_eval_node(&cost, expr, root);
	return vector_support(expr, varno) == VECTOR_NATIVE ?
		cost.per_tuple * COST_NATIVE :
		cost.per_tuple + COST_BY_ROW * cpu_operator_cost;
}

/* Costs of a row of the table */
static Cost
row_cost(PlannerInfo *root, const AggShape *shape, Index varno)
{
	Cost		cost = cpu_operator_cost *
	(COST_KEY * list_length(shape->keys) +
	 COST_ADD * list_length(shape->aggs));
	ListCell   *lc;

	foreach(lc, shape->keys)
		cost += expr_cost(root, lfirst(lc), varno);
	foreach(lc, shape->aggs)
	{
		const Aggref *agg = lfirst_node(Aggref, lc);

		cost += expr_cost(root, (Node *) agg_argument(agg), varno) +
			expr_cost(root, (Node *) agg->aggfilter, varno);
		if (agg->aggdistinct != NIL)
			cost += COST_KEY * cpu_operator_cost;
	}
	return cost;
}

/* Costs of a row that AGG_PARTIAL returned */
static Cost
combine_cost(const AggShape *shape)
{
	return cpu_operator_cost * (COST_KEY * list_length(shape->keys) +
								COST_STATE * list_length(shape->aggs));
}

/* Do the statistics of a segment answer for all its rows? */
static bool
statistics_do(const AggShape *shape, const RelOptInfo *table)
{
	ListCell   *lc;

	if (!IS_SIMPLE_REL(table) || shape->keys != NIL ||
		table->baserestrictinfo != NIL)
		return false;
	foreach(lc, shape->aggs)
	{
		const Aggref *agg = lfirst_node(Aggref, lc);
		Node	   *argument = agg_argument(agg);

		if (agg->aggfilter != NULL || agg->aggdistinct != NIL ||
			(argument != NULL && !IsA(argument, Var)) ||
			agg_function(agg)->add_stats == NULL)
			return false;
	}
	return true;
}

/* The part of a table that has columns */
static double
covered_part(PlannerInfo *root, const RelOptInfo *table)
{
	Relation	rel = table_open(planner_rt_fetch(table->relid, root)->relid,
								 NoLock);
	BlockNumber covered = cover_blocks(rel);

	table_close(rel, NoLock);
	return table->pages == 0 ? 0 : Min(1.0, (double) covered / table->pages);
}

/* Bytes of a group in memory */
static double
group_bytes(const AggShape *shape)
{
	double		bytes = GROUP_OVERHEAD;
	ListCell   *lc;

	foreach(lc, shape->keys)
		bytes += get_typavgwidth(exprType(lfirst(lc)), exprTypmod(lfirst(lc)));
	foreach(lc, shape->aggs)
		bytes += agg_function(lfirst_node(Aggref, lc))->size;
	return bytes;
}

/* Costs of groups that are written and read because memory is full */
static Cost
spill_cost(const AggShape *shape, double groups)
{
	double		bytes = groups * group_bytes(shape);

	if (bytes <= get_hash_memory_limit())
		return 0;
	return 2 * seq_page_cost * bytes / BLCKSZ +
		groups * 2 * cpu_tuple_cost;
}

/* Costs of what is done for each group in the end */
static Cost
output_cost(const AggShape *shape, AggMode mode, double groups)
{
	Cost		cost = list_length(shape->aggs) * cpu_operator_cost;

	return groups * (cpu_tuple_cost +
					 (mode == AGG_PARTIAL ? COST_STATE : 1.0) * cost);
}

/* Sets rows, and the part of the costs that begins when all groups are made. */
static void
cost_output(PlannerInfo *root, Path *path, AggMode mode, const AggShape *shape,
			double groups, double factor)
{
	QualCost	having = {0};

	path->rows = groups;
	if (mode != AGG_PARTIAL && shape->having != NIL)
	{
		cost_qual_eval(&having, shape->having, root);
		path->rows = clamp_row_est(groups *
								   clauselist_selectivity(root, shape->having, 0,
														  JOIN_INNER, NULL));
	}
	path->startup_cost += factor *
		(having.startup + path->pathtarget->cost.startup);
	path->total_cost = path->startup_cost + factor *
		(output_cost(shape, mode, groups) + having.per_tuple * groups +
		 path->pathtarget->cost.per_tuple * path->rows);
}

/*
 * agg_cost: sets rows and costs of a node that groups what input returns: rows
 * of a table, or for AGG_FINAL groups.
 */
void
agg_cost(PlannerInfo *root, CustomPath *path, AggMode mode,
		 const AggShape *shape, const Path *input)
{
	double		factor = columnar_scan == COLUMNAR_SCAN_FORCE ? COST_FORCED : 1.0;
	double		groups = agg_estimate_groups(root, shape->keys, mode == AGG_PARTIAL ?
											 input->rows : shape->input->rows);
	double		read = 1.0;
	Cost		work = mode == AGG_FINAL ? combine_cost(shape) :
	(shape->numbered != NULL ?
	 row_cost(root, shape->numbered, INDEX_VAR) :
	 row_cost(root, shape, input->parent->relid));

	if (mode != AGG_FINAL && is_column_scan_path(input) &&
		statistics_do(shape, input->parent))
		read = 1 - covered_part(root, input->parent);
	work *= input->rows * read;
	if (mode != AGG_PARTIAL)
		work += spill_cost(shape, groups);
	path->path.startup_cost = input->startup_cost +
		read * (input->total_cost - input->startup_cost) + factor * work;
	cost_output(root, &path->path, mode, shape, groups, factor);
}
