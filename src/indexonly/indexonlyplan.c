/*-------------------------------------------------------------------------
 *
 * indexonlyplan.c
 *	  Which index-only scans can hand out vectors, and what these cost.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"

#include "alex/alex.h"
#include "indexonly/indexonly.h"

/*
 * Of a row that is handed out alone, a row of a batch costs this part of
 * cpu_tuple_cost; but what is set up for batches costs as much as so many rows.
 */
#define COST_ENTRY		0.1
#define COST_START		50

/* tables with fewer pages are read soon in any way */
#define LEAST_PAGES		64

/* Does the index see to all conditions on the table? */
static bool
conditions_are_keys(const IndexPath *path)
{
	ListCell   *lc;

	foreach(lc, path->indexinfo->indrestrictinfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (rinfo->pseudoconstant ||
			!is_redundant_with_indexclauses(rinfo, path->indexclauses))
			return false;
	}
	foreach(lc, path->indexclauses)
	{
		if (lfirst_node(IndexClause, lc)->lossy)
			return false;
	}
	return true;
}

static bool
is_vector_path(const Path *path)
{
	const IndexPath *index = (const IndexPath *) path;

	return path->pathtype == T_IndexOnlyScan && IsA(path, IndexPath) &&
		path->param_info == NULL && !path->parallel_aware &&
		index->indexinfo->amcostestimate == alex_costestimate &&
		index->indexorderbys == NIL &&
		index->indexscandir == ForwardScanDirection &&
		conditions_are_keys(index);
}

/* The path, with the costs of rows in batches */
static Path *
batch_path(const IndexPath *path)
{
	IndexPath  *result = makeNode(IndexPath);

	*result = *path;
	result->path.total_cost -= path->path.rows * cpu_tuple_cost *
		(1 - COST_ENTRY);
	result->path.total_cost = Max(result->path.total_cost,
								  result->path.startup_cost);
	result->path.startup_cost += COST_START * cpu_tuple_cost;
	result->path.total_cost += COST_START * cpu_tuple_cost;
	return &result->path;
}

static List *
alex_indexes(const RelOptInfo *rel)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, rel->indexlist)
	{
		IndexOptInfo *index = lfirst_node(IndexOptInfo, lc);

		if (index->amcostestimate == alex_costestimate)
			result = lappend(result, index);
	}
	return result;
}

/*
 * Paths of the table's alex indexes.  Those that the planner has made may be gone:
 * another path is better if rows are handed out one by one.
 */
static List *
index_paths(PlannerInfo *root, const RelOptInfo *rel)
{
	RelOptInfo *copy = makeNode(RelOptInfo);

	*copy = *rel;
	copy->pathlist = copy->partial_pathlist = NIL;
	copy->consider_parallel = false;
	copy->indexlist = alex_indexes(rel);
	if (copy->indexlist != NIL)
		create_index_paths(root, copy);
	return copy->pathlist;
}

static const Path *
cheapest_vector_path(const List *paths)
{
	const Path *best = NULL;
	ListCell   *lc;

	foreach(lc, paths)
	{
		const Path *path = lfirst(lc);

		/* expressions are computed here, of vectors */
		if (IsA(path, ProjectionPath))
			path = ((const ProjectionPath *) path)->subpath;
		if (is_vector_path(path) &&
			(best == NULL || path->total_cost < best->total_cost))
			best = path;
	}
	return best;
}

/*
 * index_only_vector_path: the cheapest scan of an alex index alone that finds
 * the table's rows and can hand out vectors; NULL: there is none.
 */
Path *
index_only_vector_path(PlannerInfo *root, RelOptInfo *rel)
{
	const Path *best = cheapest_vector_path(rel->pathlist);

	if (best == NULL && rel->pages >= LEAST_PAGES)
		best = cheapest_vector_path(index_paths(root, rel));
	return best == NULL ? NULL : batch_path((const IndexPath *) best);
}
