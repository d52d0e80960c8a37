/*-------------------------------------------------------------------------
 *
 * scanplan.c
 *	  Offers the planner a scan of columns, and makes a plan of it.
 *
 * Conditions that can be tested on columns become custom_exprs, the others
 * stay the plan's qual.  Testing some early is right only if they cannot tell
 * anybody what a security barrier hides: those that may be promoted are
 * filters, and what is tested behind them stays in the planner's order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "scan/scan.h"
#include "table/table.h"

int			columnar_scan = COLUMNAR_SCAN_ON;

static set_rel_pathlist_hook_type prev_set_rel_pathlist = NULL;

static Plan *plan_column_scan(PlannerInfo *root, RelOptInfo *rel,
							  CustomPath *path, List *tlist, List *clauses,
							  List *custom_plans);

static const CustomPathMethods path_methods = {
	.CustomName = "OmendbScan",
	.PlanCustomPath = plan_column_scan
};

const CustomScanMethods column_scan_methods = {
	.CustomName = "OmendbScan",
	.CreateCustomScanState = create_column_scan_state
};

/*---- plan ---- */

/* Does the path hand out vectors to a node above, and no rows? */
static bool
feeds_vectors(const CustomPath *path)
{
	return path->custom_private != NIL;
}

/*
 * How the conditions are tested, in the order in which they come.  Filters may
 * precede the others; these must stay in order, so that none sees a row that
 * another was to hide.  With all, those that are not native are tested on
 * vectors, too, and result.rows is what cannot be.
 */
static ScanClauses
sort_clauses(RelOptInfo *rel, List *clauses, bool all)
{
	ScanClauses result = {NIL, NIL, NIL, NIL};
	VectorSupport least = all ? VECTOR_BY_ROW : VECTOR_NATIVE;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);
		Node	   *clause = (Node *) rinfo->clause;
		FilterClause parsed;
		VectorSupport support;

		if (rinfo->pseudoconstant)
			result.rows = lappend(result.rows, rinfo);
		else if (restriction_is_securely_promotable(rinfo, rel) &&
				 filter_parse(clause, rel->relid, &parsed))
			result.filters = lappend(result.filters, rinfo);
		else if (result.rows == NIL &&
				 (support = vector_support(clause, rel->relid)) >= least)
		{
			result.vectors = lappend(result.vectors, rinfo);
			result.support = lappend_int(result.support, support);
		}
		else
			result.rows = lappend(result.rows, rinfo);
	}
	return result;
}

/* The columns that are needed, as pull_varattnos gives them */
static Bitmapset *
used_columns(RelOptInfo *rel)
{
	Bitmapset  *attnos = NULL;
	ListCell   *lc;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &attnos);
	foreach(lc, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause,
					   rel->relid, &attnos);
	return attnos;
}

static List *
add_column(List *columns, Oid relid, Index varno, AttrNumber attno)
{
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(relid, attno, &type, &typmod, &collation);
	return lappend(columns,
				   makeTargetEntry((Expr *) makeVar(varno, attno, type, typmod,
													collation, 0),
								   list_length(columns) + 1, NULL, false));
}

/*
 * What the scan's slot consists of: the columns that are needed, those that
 * are returned first and in the order in which they are, so that often nothing
 * remains to be projected.  NIL: the table's columns, because a whole row is
 * needed, or because EvalPlanQual might have one for us.  A node above that
 * does not care what it gets may get more than is needed: what a join needed
 * that has been removed.
 */
static List *
slot_columns(PlannerInfo *root, RelOptInfo *rel, List *tlist)
{
	const int	offset = 0 - FirstLowInvalidHeapAttributeNumber;
	Oid			relid = planner_rt_fetch(rel->relid, root)->relid;
	Bitmapset  *attnos = used_columns(rel);
	List	   *result = NIL;
	ListCell   *lc;
	int			i;

	pull_varattnos((Node *) tlist, rel->relid, &attnos);
	if (root->parse->commandType != CMD_SELECT || root->rowMarks != NIL ||
		bms_is_member(offset, attnos))
		return NIL;
	foreach(lc, rel->reltarget->exprs)
	{
		Var		   *var = lfirst(lc);

		if (IsA(var, Var) && bms_is_member(var->varattno + offset, attnos))
		{
			result = add_column(result, relid, rel->relid, var->varattno);
			attnos = bms_del_member(attnos, var->varattno + offset);
		}
	}
	for (i = -1; (i = bms_next_member(attnos, i)) >= 0;)
		result = add_column(result, relid, rel->relid, i - offset);
	return result;
}

static Plan *
plan_column_scan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path,
				 List *tlist, List *clauses, List *custom_plans)
{
	CustomScan *plan = makeNode(CustomScan);
	ScanClauses sorted = sort_clauses(rel, clauses, feeds_vectors(path));

	plan->scan.plan.targetlist = tlist;
	plan->scan.plan.qual = extract_actual_clauses(sorted.rows, false);
	plan->custom_exprs =
		list_concat(extract_actual_clauses(sorted.filters, false),
					extract_actual_clauses(sorted.vectors, false));
	plan->custom_private = list_make1_int(list_length(sorted.filters));
	plan->custom_scan_tlist = slot_columns(root, rel, tlist);
	plan->scan.scanrelid = rel->relid;
	plan->flags = path->flags;
	plan->methods = &column_scan_methods;
	return &plan->scan.plan;
}

/*
 * scan_plan_filters: how many of a plan's custom_exprs are filters.
 */
int
scan_plan_filters(const CustomScan *plan)
{
	return linitial_int(plan->custom_private);
}

/*---- path ---- */

static bool
is_locked(PlannerInfo *root, Index rti)
{
	ListCell   *lc;

	foreach(lc, root->rowMarks)
	{
		if (lfirst_node(PlanRowMark, lc)->rti == rti)
			return true;
	}
	return false;
}

/*
 * Is it a plain table that is only read, without a need for the rows' places?
 */
static bool
is_candidate(PlannerInfo *root, RelOptInfo *rel, Index rti,
			 RangeTblEntry *rte)
{
	return columnar_scan != COLUMNAR_SCAN_OFF && enable_seqscan &&
		rte->rtekind == RTE_RELATION && !rte->inh &&
		(rte->relkind == RELKIND_RELATION || rte->relkind == RELKIND_MATVIEW) &&
		rte->tablesample == NULL && IS_SIMPLE_REL(rel) &&
		rel->pathlist != NIL && !IS_DUMMY_REL(rel) &&
		bms_is_empty(rel->lateral_relids) &&
		!bms_is_member(rti, root->all_result_relids) &&
		!is_locked(root, rti);
}

static bool
has_system_column(const Bitmapset *attnos)
{
	int			first = bms_next_member(attnos, -1);

	return first >= 0 && first < 0 - FirstLowInvalidHeapAttributeNumber;
}

static CustomPath *
make_path(PlannerInfo *root, RelOptInfo *rel, Relation table,
		  const Bitmapset *attnos, const ScanClauses *clauses, int workers,
		  bool vectors)
{
	CustomPath *path = makeNode(CustomPath);

	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.parallel_aware = workers > 0;
	path->path.parallel_safe = rel->consider_parallel;
	path->path.parallel_workers = workers;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_private = vectors ? list_make1_int(true) : NIL;
	path->methods = &path_methods;
	scan_cost(root, rel, table, path, attnos, clauses, workers);
	return path;
}

/* Can the table be scanned so, and may that be of any use? */
static bool
can_scan(PlannerInfo *root, RelOptInfo *rel, Relation table,
		 Bitmapset **attnos)
{
	if (!omendb_is_table(table))
		return false;
	*attnos = used_columns(rel);
	return !has_system_column(*attnos) && scan_may_pay(rel, table) &&
		!cursor_needs_rows(root) && !query_shows_storage(root);
}

static void
add_paths(PlannerInfo *root, RelOptInfo *rel, Relation table,
		  const Bitmapset *attnos)
{
	ScanClauses clauses = sort_clauses(rel, rel->baserestrictinfo, false);
	int			workers;

	add_path(rel, (Path *) make_path(root, rel, table, attnos, &clauses, 0,
									 false));
	if (!rel->consider_parallel)
		return;
	workers = compute_parallel_worker(rel, rel->pages, -1,
									  max_parallel_workers_per_gather);
	if (workers > 0)
		add_partial_path(rel, (Path *) make_path(root, rel, table, attnos,
												 &clauses, workers, false));
}

/*
 * is_column_scan_path: is it one of the paths made here?
 */
bool
is_column_scan_path(const Path *path)
{
	return IsA(path, CustomPath) &&
		((const CustomPath *) path)->methods == &path_methods;
}

/*
 * scan_vector_path: a path for a node that takes vectors and no rows, so that
 * all conditions are tested here; shared by so many workers, or 0 for one that
 * is not parallel.  Its costs have nothing for making rows.  NULL if there is
 * no such path, or another one must be far better.
 */
CustomPath *
scan_vector_path(PlannerInfo *root, RelOptInfo *rel, int workers)
{
	RangeTblEntry *rte = planner_rt_fetch(rel->relid, root);
	CustomPath *path = NULL;
	Bitmapset  *attnos;
	ScanClauses clauses;
	Relation	table;

	if (!is_candidate(root, rel, rel->relid, rte))
		return NULL;
	table = table_open(rte->relid, NoLock);
	if (can_scan(root, rel, table, &attnos))
	{
		clauses = sort_clauses(rel, rel->baserestrictinfo, true);
		if (clauses.rows == NIL)
			path = make_path(root, rel, table, attnos, &clauses, workers, true);
	}
	table_close(table, NoLock);
	return path;
}

static void
column_set_rel_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti,
						RangeTblEntry *rte)
{
	Relation	table;
	Bitmapset  *attnos;

	if (prev_set_rel_pathlist)
		prev_set_rel_pathlist(root, rel, rti, rte);
	if (!is_candidate(root, rel, rti, rte))
		return;
	table = table_open(rte->relid, NoLock);
	if (can_scan(root, rel, table, &attnos) &&
		scan_may_pay_sorted(root, rel, table, attnos))
		add_paths(root, rel, table, attnos);
	table_close(table, NoLock);
}

/*
 * column_scan_init: once per process, while the library is loaded.
 */
void
column_scan_init(void)
{
	RegisterCustomScanMethods(&column_scan_methods);
	scan_cost_init();
	scan_cursor_init();
	prev_set_rel_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = column_set_rel_pathlist;
}
