/*-------------------------------------------------------------------------
 *
 * alexplan.c
 *	  Helps the planner where it knows of btree indexes only.
 *
 * Row comparisons: the planner matches (a, b) > (x, y) with btree indexes only,
 * although it is how applications page through a table.  The comparison
 * implies a >= x, which any ordered index can start from.  That clause is
 * derived, and index paths are made with it; the row comparison stays as a
 * filter.  The derived clause is never a condition of the table itself, so that
 * row counts stay what they were.
 *
 * LIKE with a pattern operator class, before 18 proofs of uniqueness, and on 15
 * conditions on boolean columns look for btree's operator families among those
 * of an index.  A family of alex has the same members with the same numbers, so
 * that for the planner its counterpart can stand in for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/plancat.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "alex/alex.h"

static set_rel_pathlist_hook_type prev_set_rel_pathlist = NULL;
static get_relation_info_hook_type prev_get_relation_info = NULL;

/*
 * alex_is_planned: is it an alex index, as the planner knows it?
 */
bool
alex_is_planned(const IndexOptInfo *index)
{
	return index->amcostestimate == alex_costestimate;
}

static List *
alex_indexes(const RelOptInfo *rel)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, rel->indexlist)
	{
		if (alex_is_planned(lfirst_node(IndexOptInfo, lc)))
			result = lappend(result, lfirst(lc));
	}
	return result;
}

/*---- row comparisons ---- */

/* The strategy of "a op x" that (a, ...) op (x, ...) implies, or 0 */
static StrategyNumber
implied_strategy(const RowCompareExpr *rc)
{
#if PG_VERSION_NUM >= 180000
	switch (rc->cmptype)
	{
		case COMPARE_LT:
		case COMPARE_LE:
			return BTLessEqualStrategyNumber;
		case COMPARE_GE:
		case COMPARE_GT:
			return BTGreaterEqualStrategyNumber;
		default:
			return InvalidStrategy;
	}
#else
	switch (rc->rctype)
	{
		case ROWCOMPARE_LT:
		case ROWCOMPARE_LE:
			return BTLessEqualStrategyNumber;
		case ROWCOMPARE_GE:
		case ROWCOMPARE_GT:
			return BTGreaterEqualStrategyNumber;
		default:
			return InvalidStrategy;
	}
#endif
}

/* The condition on the first column that a row comparison implies, or NULL */
static RestrictInfo *
derive_clause(PlannerInfo *root, const RestrictInfo *rinfo)
{
	const RowCompareExpr *rc = (const RowCompareExpr *) rinfo->clause;
	StrategyNumber strategy;
	RestrictInfo *derived;
	Oid			lefttype;
	Oid			righttype;
	Oid			opno;

	if (!IsA(rc, RowCompareExpr) || contain_volatile_functions((Node *) rc))
		return NULL;
	strategy = implied_strategy(rc);
	if (strategy == InvalidStrategy)
		return NULL;
	op_input_types(linitial_oid(rc->opnos), &lefttype, &righttype);
	opno = get_opfamily_member(linitial_oid(rc->opfamilies),
							   lefttype, righttype, strategy);
	if (!OidIsValid(opno))
		return NULL;

	derived = make_simple_restrictinfo(root,
									   make_opclause(opno, BOOLOID, false,
													 (Expr *) linitial(rc->largs),
													 (Expr *) linitial(rc->rargs),
													 InvalidOid,
													 linitial_oid(rc->inputcollids)));
	derived->security_level = rinfo->security_level;
	return derived;
}

static List *
derive_clauses(PlannerInfo *root, const RelOptInfo *rel)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, rel->baserestrictinfo)
	{
		RestrictInfo *derived = derive_clause(root,
											  lfirst_node(RestrictInfo, lc));

		if (derived != NULL)
			result = lappend(result, derived);
	}
	return result;
}

/*
 * Makes the paths of some of the table's indexes with clauses added.  Afterwards
 * the clauses are in those paths only, not among the conditions to be checked.
 */
static void
add_index_paths(PlannerInfo *root, RelOptInfo *rel, List *indexes,
				List *clauses)
{
	List	   *all_indexes = rel->indexlist;
	List	   *all_clauses = rel->baserestrictinfo;
	List	   *index_clauses = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, indexes)
	{
		IndexOptInfo *index = lfirst_node(IndexOptInfo, lc);

		index_clauses = lappend(index_clauses, index->indrestrictinfo);
		index->indrestrictinfo = list_concat_copy(index->indrestrictinfo,
												  clauses);
	}
	rel->indexlist = indexes;
	rel->baserestrictinfo = list_concat_copy(all_clauses, clauses);

	create_index_paths(root, rel);

	rel->indexlist = all_indexes;
	rel->baserestrictinfo = all_clauses;
	forboth(lc, indexes, lc2, index_clauses)
		lfirst_node(IndexOptInfo, lc)->indrestrictinfo = (List *) lfirst(lc2);
}

static void
plan_set_rel_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti,
					  RangeTblEntry *rte)
{
	List	   *clauses;

	if (prev_set_rel_pathlist)
		prev_set_rel_pathlist(root, rel, rti, rte);

	if (rte->rtekind != RTE_RELATION || rte->inh ||
		rte->tablesample != NULL || rel->indexlist == NIL)
		return;
	clauses = derive_clauses(root, rel);
	if (clauses != NIL)
	{
		List	   *indexes = alex_indexes(rel);

		if (indexes != NIL)
			add_index_paths(root, rel, indexes, clauses);
	}
}

/*---- operator families ---- */

static int
count_operators(Oid opfamily)
{
	CatCList   *list = SearchSysCacheList1(AMOPSTRATEGY,
										   ObjectIdGetDatum(opfamily));
	int			n = list->n_members;

	ReleaseCatCacheList(list);
	return n;
}

/*
 * The sort operator family of a column is the btree family that has the same
 * "<".  If operators were added to it later they are missing in alex's.
 */
static void
use_sort_families(IndexOptInfo *index)
{
	int			i;

	for (i = 0; index->sortopfamily != NULL && i < index->nkeycolumns; i++)
	{
		if (count_operators(index->sortopfamily[i]) ==
			count_operators(index->opfamily[i]))
			index->opfamily[i] = index->sortopfamily[i];
	}
}

static void
plan_get_relation_info(PlannerInfo *root, Oid relid, bool inhparent,
					   RelOptInfo *rel)
{
	ListCell   *lc;

	if (prev_get_relation_info)
		prev_get_relation_info(root, relid, inhparent, rel);

	foreach(lc, rel->indexlist)
	{
		IndexOptInfo *index = lfirst_node(IndexOptInfo, lc);

		if (alex_is_planned(index))
			use_sort_families(index);
	}
}

/*
 * alex_plan_init: installs the hooks.  Once per process, while the library is
 * loaded.
 */
void
alex_plan_init(void)
{
	prev_set_rel_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = plan_set_rel_pathlist;
	prev_get_relation_info = get_relation_info_hook;
	get_relation_info_hook = plan_get_relation_info;
}
