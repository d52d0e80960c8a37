/*-------------------------------------------------------------------------
 *
 * alexcost.c
 *	  What the planner is told about the cost of an alex index scan.
 *
 * An alex scan visits pages and entries as a btree scan does, and strategy
 * numbers are the same, so that core's btcostestimate gives the right numbers
 * once it is told two things: the height of the tree, and that alex does not
 * skip over columns without a condition.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/stratnum.h"
#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/index_selfuncs.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

#include "alex/alex.h"

/* Children of an inner page, for indexes that exist in the mind only */
#define ASSUMED_FANOUT	250.0

/*
 * alex_gettreeheight: levels above the leaves, as last seen by this backend.
 */
int
alex_gettreeheight(Relation rel)
{
	AlexInfo	info;

	alex_get_info(rel, &info);
	return (int) info.rootlevel;
}

/* Before 18 the planner finds out the height of btree indexes only. */
static void
set_tree_height(IndexOptInfo *index)
{
	Relation	rel;

	if (index->tree_height >= 0)
		return;
	if (index->hypothetical)
	{
		index->tree_height = index->pages <= 1 ? 0 :
			(int) ceil(log(index->pages) / log(ASSUMED_FANOUT));
		return;
	}
	rel = index_open(index->indexoid, NoLock);
	index->tree_height = alex_gettreeheight(rel);
	index_close(rel, NoLock);
}

#if PG_VERSION_NUM >= 180000

/* Does the clause pin its column to single values (=, = ANY, IS NULL)? */
static bool
is_equality(const IndexOptInfo *index, const IndexClause *clause)
{
	ListCell   *lc;

	foreach(lc, clause->indexquals)
	{
		Expr	   *qual = lfirst_node(RestrictInfo, lc)->clause;
		Oid			opno = InvalidOid;

		if (IsA(qual, NullTest))
		{
			if (((NullTest *) qual)->nulltesttype == IS_NULL)
				return true;
		}
		else if (IsA(qual, OpExpr))
			opno = ((OpExpr *) qual)->opno;
		else if (IsA(qual, ScalarArrayOpExpr))
			opno = ((ScalarArrayOpExpr *) qual)->opno;

		if (OidIsValid(opno) &&
			get_op_opfamily_strategy(opno, index->opfamily[clause->indexcol]) ==
			BTEqualStrategyNumber)
			return true;
	}
	return false;
}

/*
 * How many leading clauses bound the part of the index that is read: those on
 * columns before which every column is pinned.  Clauses are in column order.
 */
static int
count_boundary_clauses(const IndexPath *path)
{
	int			column = 0;
	bool		pinned = false;
	int			n = 0;
	ListCell   *lc;

	foreach(lc, path->indexclauses)
	{
		IndexClause *clause = lfirst_node(IndexClause, lc);

		if (clause->indexcol != column)
		{
			if (!pinned || clause->indexcol != column + 1)
				break;
			column++;
			pinned = false;
		}
		pinned = pinned || is_equality(path->indexinfo, clause);
		n++;
	}
	return n;
}

/*
 * Adds what evaluating the clauses from number "from" on costs, at every entry
 * read, and puts the selectivity of all clauses in the place of that of the
 * boundary clauses.
 */
static void
add_filter_clauses(PlannerInfo *root, IndexPath *path, int from,
				   Cost *startup, Cost *total, Selectivity *selectivity)
{
	IndexOptInfo *index = path->indexinfo;
	List	   *all = get_quals_from_indexclauses(path->indexclauses);
	List	   *filters =
	get_quals_from_indexclauses(list_copy_tail(path->indexclauses, from));
	double		entries = *selectivity * index->rel->tuples;
	Cost		operands = index_other_operands_eval_cost(root, filters);

	*startup += operands;
	*total += operands +
		entries * list_length(filters) * cpu_operator_cost;
	*selectivity = clauselist_selectivity(root,
										  add_predicate_to_index_quals(index, all),
										  index->rel->relid,
										  JOIN_INNER,
										  NULL);
}

/*
 * From 18 on btcostestimate assumes that a scan skips over the values of a
 * column that is not pinned.  It is shown the boundary clauses only; what the
 * others cost and filter out is added.
 */
static void
estimate_without_skipping(PlannerInfo *root, IndexPath *path,
						  double loop_count, Cost *startup, Cost *total,
						  Selectivity *selectivity, double *correlation,
						  double *pages)
{
	IndexPath	bounded = *path;
	int			nbounds = count_boundary_clauses(path);

	bounded.indexclauses = list_copy_head(path->indexclauses, nbounds);
	btcostestimate(root, &bounded, loop_count, startup, total, selectivity,
				   correlation, pages);
	if (nbounds < list_length(path->indexclauses))
		add_filter_clauses(root, path, nbounds, startup, total, selectivity);
}

#endif							/* 18 */

/*
 * alex_costestimate: see the documentation of index access methods for the
 * arguments.  Works for hypothetical indexes without touching storage.
 */
void
alex_costestimate(struct PlannerInfo *root, struct IndexPath *path,
				  double loop_count, Cost *indexStartupCost,
				  Cost *indexTotalCost, Selectivity *indexSelectivity,
				  double *indexCorrelation, double *indexPages)
{
	set_tree_height(path->indexinfo);
#if PG_VERSION_NUM >= 180000
	estimate_without_skipping(root, path, loop_count, indexStartupCost,
							  indexTotalCost, indexSelectivity,
							  indexCorrelation, indexPages);
#else
	btcostestimate(root, path, loop_count, indexStartupCost, indexTotalCost,
				   indexSelectivity, indexCorrelation, indexPages);
#endif
}
