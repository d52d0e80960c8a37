/*-------------------------------------------------------------------------
 *
 * scanplan.c
 *	  Offers the planner a scan of columns, and makes a plan of it.
 *
 * Conditions that can be tested on columns become custom_exprs, the others
 * stay the plan's qual.  Testing some early is right only if they cannot tell
 * anybody what a security barrier hides: those that may be promoted.
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

/* The conditions to be tested on columns */
static List *
pushed_clauses(RelOptInfo *rel, List *clauses)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);
		FilterClause parsed;

		if (!rinfo->pseudoconstant &&
			restriction_is_securely_promotable(rinfo, rel) &&
			filter_parse((Node *) rinfo->clause, rel->relid, &parsed))
			result = lappend(result, rinfo);
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
 * needed, or because EvalPlanQual might have one for us.
 */
static List *
slot_columns(PlannerInfo *root, RelOptInfo *rel)
{
	const int	offset = 0 - FirstLowInvalidHeapAttributeNumber;
	Oid			relid = planner_rt_fetch(rel->relid, root)->relid;
	Bitmapset  *attnos = used_columns(rel);
	List	   *result = NIL;
	ListCell   *lc;
	int			i;

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
	List	   *pushed = pushed_clauses(rel, clauses);

	plan->scan.plan.targetlist = tlist;
	plan->scan.plan.qual =
		extract_actual_clauses(list_difference_ptr(clauses, pushed), false);
	plan->custom_exprs = extract_actual_clauses(pushed, false);
	plan->custom_scan_tlist = slot_columns(root, rel);
	plan->scan.scanrelid = rel->relid;
	plan->flags = path->flags;
	plan->methods = &column_scan_methods;
	return &plan->scan.plan;
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
		  const Bitmapset *attnos, List *pushed, int workers)
{
	CustomPath *path = makeNode(CustomPath);

	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.parallel_aware = workers > 0;
	path->path.parallel_safe = rel->consider_parallel;
	path->path.parallel_workers = workers;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->methods = &path_methods;
	scan_cost(root, rel, table, path, attnos, pushed, workers);
	return path;
}

static void
add_paths(PlannerInfo *root, RelOptInfo *rel, Relation table)
{
	Bitmapset  *attnos = used_columns(rel);
	List	   *pushed;
	int			workers;

	if (has_system_column(attnos) || !scan_may_pay(rel, table) ||
		cursor_needs_rows(root) || query_shows_storage(root))
		return;
	pushed = pushed_clauses(rel, rel->baserestrictinfo);
	add_path(rel, (Path *) make_path(root, rel, table, attnos, pushed, 0));
	if (!rel->consider_parallel)
		return;
	workers = compute_parallel_worker(rel, rel->pages, -1,
									  max_parallel_workers_per_gather);
	if (workers > 0)
		add_partial_path(rel, (Path *) make_path(root, rel, table, attnos,
												 pushed, workers));
}

static void
column_set_rel_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti,
						RangeTblEntry *rte)
{
	Relation	table;

	if (prev_set_rel_pathlist)
		prev_set_rel_pathlist(root, rel, rti, rte);
	if (!is_candidate(root, rel, rti, rte))
		return;
	table = table_open(rte->relid, NoLock);
	if (omendb_is_table(table))
		add_paths(root, rel, table);
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
