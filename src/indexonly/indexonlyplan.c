/*-------------------------------------------------------------------------
 *
 * indexonlyplan.c
 *	  Which index-only scans can hand out vectors, and what these cost.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
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

/* Does the index see to these conditions? */
static bool
are_keys(List *conditions, const IndexPath *path)
{
	ListCell   *lc;

	foreach(lc, conditions)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (rinfo->pseudoconstant ||
			!is_redundant_with_indexclauses(rinfo, path->indexclauses))
			return false;
	}
	return true;
}

/* Does it see to all conditions on the table, those of a join included? */
static bool
conditions_are_keys(const IndexPath *path)
{
	ListCell   *lc;

	if (!are_keys(path->indexinfo->indrestrictinfo, path) ||
		(path->path.param_info != NULL &&
		 !are_keys(path->path.param_info->ppi_clauses, path)))
		return false;
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
		!path->parallel_aware &&
		alex_is_planned(index->indexinfo) &&
		index->indexorderbys == NIL &&
		index->indexscandir == ForwardScanDirection &&
		conditions_are_keys(index);
}

/* Makes costs those of so many rows in batches, which were handed out alone. */
static void
set_batch_costs(Path *path, double rows)
{
	path->total_cost -= rows * cpu_tuple_cost * (1 - COST_ENTRY);
	path->total_cost = Max(path->total_cost, path->startup_cost);
	path->startup_cost += COST_START * cpu_tuple_cost;
	path->total_cost += COST_START * cpu_tuple_cost;
}

/* Does an index have these columns, which are numbered as by pull_varattnos()? */
static bool
has_columns(const IndexOptInfo *index, Bitmapset *columns)
{
	Bitmapset  *found = NULL;

	for (int i = 0; i < index->ncolumns; i++)
	{
		/* 0: an expression */
		if (index->indexkeys[i] != 0)
			found = bms_add_member(found, index->indexkeys[i] -
								   FirstLowInvalidHeapAttributeNumber);
	}
	return bms_is_subset(columns, found);
}

/* The columns of a table that a query needs, numbered so */
static Bitmapset *
needed_columns(const RelOptInfo *rel)
{
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &columns);
	foreach(lc, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause,
					   rel->relid, &columns);
	return columns;
}

/* The alex indexes of a table that have all columns which a query needs of it */
static List *
sufficient_indexes(const RelOptInfo *rel)
{
	List	   *result = NIL;
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	foreach(lc, rel->indexlist)
	{
		IndexOptInfo *index = lfirst_node(IndexOptInfo, lc);

		if (!alex_is_planned(index))
			continue;
		if (columns == NULL)
			columns = needed_columns(rel);
		if (has_columns(index, columns))
			result = lappend(result, index);
	}
	return result;
}

/*
 * Paths of the alex indexes that have all that is needed.  Those that the planner
 * has made may be gone: another path is better if rows are handed out one by one.
 */
static List *
index_paths(PlannerInfo *root, const RelOptInfo *rel)
{
	List	   *indexes = sufficient_indexes(rel);
	RelOptInfo *copy;

	if (indexes == NIL)
		return NIL;
	copy = makeNode(RelOptInfo);
	*copy = *rel;
	copy->pathlist = copy->partial_pathlist = NIL;
	copy->consider_parallel = false;
	copy->indexlist = indexes;
	create_index_paths(root, copy);
	return copy->pathlist;
}

/* A scan that does not depend on another relation */
static bool
is_scan_path(const Path *path)
{
	return path->param_info == NULL && is_vector_path(path);
}

/* Is it a nested loop which looks up all that joins the two sides in an index? */
static bool
is_loop_path(const Path *path)
{
	const JoinPath *join = (const JoinPath *) path;

	return IsA(path, NestPath) && join->jointype == JOIN_INNER &&
		path->param_info == NULL && !path->parallel_aware &&
		join->joinrestrictinfo == NIL &&
		join->innerjoinpath->param_info != NULL &&
		is_vector_path(join->innerjoinpath);
}

/* The cheapest path of a kind; expressions above it are computed of vectors. */
static const Path *
cheapest_path(const List *paths, bool (*is_wanted) (const Path *path))
{
	const Path *best = NULL;
	ListCell   *lc;

	foreach(lc, paths)
	{
		const Path *path = lfirst(lc);

		if (IsA(path, ProjectionPath))
			path = ((const ProjectionPath *) path)->subpath;
		if (is_wanted(path) &&
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
	const Path *best = cheapest_path(rel->pathlist, is_scan_path);
	IndexPath  *result;

	if (best == NULL && rel->pages >= LEAST_PAGES)
		best = cheapest_path(index_paths(root, rel), is_scan_path);
	if (best == NULL)
		return NULL;
	result = makeNode(IndexPath);
	*result = *(const IndexPath *) best;
	set_batch_costs(&result->path, best->rows);
	return &result->path;
}

/*
 * index_only_loop_path: the cheapest nested loop for the rows of a join of which
 * the inner side is a scan of an alex index alone; NULL: there is none.
 */
Path *
index_only_loop_path(const RelOptInfo *joined)
{
	const Path *best = cheapest_path(joined->pathlist, is_loop_path);
	NestPath   *result;

	if (best == NULL)
		return NULL;
	result = makeNode(NestPath);
	*result = *(const NestPath *) best;

	/* of the inner side, and of the join */
	set_batch_costs(&result->jpath.path, 2 * best->rows);
	return &result->jpath.path;
}
