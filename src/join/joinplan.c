/*-------------------------------------------------------------------------
 *
 * joinplan.c
 *	  Paths and plans for joins of an omendb table's vectors with rows of other
 *	  relations.
 *
 * A node above that takes vectors asks for such a path when the query is an
 * inner join of base relations.  One of these is scanned in columns; the others
 * are joined to it one by one, each of which has at most one row for a row of
 * what is joined already.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/stratnum.h"
#include "access/sysattr.h"
#include "catalog/pg_opfamily.h"
#include "executor/nodeHash.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "join/join.h"

/* more relations than that are PostgreSQL's */
#define MAX_RELATIONS	12

/* as many bits has a word */
#define MAX_KEYS		64

/* costs for each row, as parts of cpu_operator_cost */
#define COST_FIND		0.4		/* a key, among those of the inner rows */
#define COST_GATHER		0.1		/* a value of the row that was found */

/* factor of costs with omendb.columnar_scan = force */
#define COST_FORCED		1e-6

/* bytes of an inner row in memory */
#define ROW_BYTES		16		/* to find it */
#define KEY_BYTES		8		/* of a key */
#define VALUE_BYTES		9		/* of a value that is handed out */
#define STRING_BYTES	40		/* of a string, beside its bytes */

/* more passes over the scan are for PostgreSQL's own join */
#define MAX_PASSES		4

static Plan *plan_join(PlannerInfo *root, RelOptInfo *rel, CustomPath *path,
					   List *tlist, List *clauses, List *custom_plans);

static const CustomPathMethods path_methods = {
	.CustomName = "OmendbJoin",
	.PlanCustomPath = plan_join
};

const CustomScanMethods join_scan_methods = {
	.CustomName = "OmendbJoin",
	.CreateCustomScanState = create_join_state
};

/* an order in which relations are joined */
typedef struct JoinOrder
{
	const PathTarget *target;	/* columns that are wanted */
	Relids		joined;
	List	   *inners;			/* paths */
	List	   *keys;			/* for each of them a list of conditions */
	List	   *filters;		/* and of those that are none */
	double		passes;			/* over the scan */
} JoinOrder;

/*---- conditions ---- */

/* Is an operator the equality that words of keys have? */
static bool
is_equality(Oid operator, Oid left, Oid right)
{
	TypeCacheEntry *cache;

	if (vector_is_integer(left) && vector_is_integer(right))
		return get_op_opfamily_strategy(operator, INTEGER_BTREE_FAM_OID) ==
			BTEqualStrategyNumber;
	if (left != right)
		return false;
	cache = lookup_type_cache(left, TYPECACHE_BTREE_OPFAMILY);
	return OidIsValid(cache->btree_opf) &&
		get_op_opfamily_strategy(operator, cache->btree_opf) ==
		BTEqualStrategyNumber;
}

static bool
collation_is_good(Oid type, Oid collation)
{
	if (!OidIsValid(get_typcollation(type)))
		return true;
	return OidIsValid(collation) && get_collation_isdeterministic(collation);
}

/* A condition with the inner side on the right; NULL: there is no operator */
static OpExpr *
commuted(const OpExpr *op)
{
	Oid			operator = get_commutator(op->opno);
	OpExpr	   *result;

	if (!OidIsValid(operator))
		return NULL;
	result = copyObject(unconstify(OpExpr *, op));
	result->opno = operator;
	result->opfuncid = InvalidOid;
	result->args = list_make2(lsecond(op->args), linitial(op->args));
	return result;
}

/* A plain column, maybe under another type with the same bytes */
static const Var *
plain_column(const Node *node)
{
	while (IsA(node, RelabelType))
		node = (const Node *) ((const RelabelType *) node)->arg;
	return IsA(node, Var) && ((const Var *) node)->varattno > 0 ?
		(const Var *) node : NULL;
}

/*
 * A condition as outer expression = inner column; NULL: it is no such one, or
 * not one that is known here.
 */
static OpExpr *
make_key(const RestrictInfo *rinfo, Relids outer, const RelOptInfo *inner)
{
	OpExpr	   *op = (OpExpr *) rinfo->clause;
	Oid			left;
	Oid			right;

	if (rinfo->pseudoconstant || !rinfo->can_join || !IsA(op, OpExpr) ||
		!OidIsValid(rinfo->hashjoinoperator) || list_length(op->args) != 2 ||
		contain_volatile_functions((Node *) op))
		return NULL;
	if (bms_equal(rinfo->left_relids, inner->relids) &&
		bms_is_subset(rinfo->right_relids, outer))
		op = commuted(op);
	else if (!bms_equal(rinfo->right_relids, inner->relids) ||
			 !bms_is_subset(rinfo->left_relids, outer))
		op = NULL;
	if (op == NULL || plain_column(lsecond(op->args)) == NULL)
		return NULL;
	left = getBaseType(exprType(linitial(op->args)));
	right = getBaseType(exprType(lsecond(op->args)));
	if (!is_equality(op->opno, left, right) ||
		!collation_is_good(right, op->inputcollid) ||
		!agg_key_supported(right, op->inputcollid))
		return NULL;
	return op;
}

/* Can an expression over joined relations be computed from vectors? */
static bool
can_compute(Node *expr)
{
	List	   *columns = pull_var_clause(expr, 0);

	return vector_support(join_number_columns(expr, columns),
						  INDEX_VAR) != VECTOR_NEVER;
}

/*
 * May a condition that is no key be tested on the rows that keys have found?
 * Not if it might be needed to prove that there is one, nor if somebody could
 * learn from it what others are to hide.
 */
static bool
can_filter(const PlannerInfo *root, const RestrictInfo *rinfo)
{
	return root->qual_security_level == 0 && !rinfo->pseudoconstant &&
		(!rinfo->can_join || rinfo->mergeopfamilies == NIL) &&
		can_compute((Node *) rinfo->clause);
}

/*
 * The conditions by which a relation is joined to others, as they are if there
 * are no outer joins.
 */
static List *
join_conditions(PlannerInfo *root, Relids outer, RelOptInfo *inner,
				Relids both)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, inner->joininfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (bms_is_subset(rinfo->required_relids, both))
			result = lappend(result, rinfo);
	}
	return list_concat(result,
					   OmenImpliedEqualities(root, both, outer, inner));
}

/*
 * The keys by which a relation is joined, and what else its rows have to
 * fulfil; NIL: it can not be joined, or a row might find several.
 */
static List *
find_keys(PlannerInfo *root, Relids outer, RelOptInfo *inner, List **filters)
{
	Relids		both = bms_union(outer, inner->relids);
	List	   *conditions = join_conditions(root, outer, inner, both);
	List	   *keys = NIL;
	ListCell   *lc;

	*filters = NIL;
	foreach(lc, conditions)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);
		OpExpr	   *key = make_key(rinfo, outer, inner);

		if (key != NULL && can_compute(linitial(key->args)))
			keys = lappend(keys, key);
		else if (can_filter(root, rinfo))
			*filters = lappend(*filters, rinfo->clause);
		else
			return NIL;
	}
	if (keys == NIL || list_length(keys) > MAX_KEYS ||
		!innerrel_is_unique(root, both, outer, inner, JOIN_INNER, conditions,
							false))
		return NIL;
	return keys;
}

/*---- paths ---- */

/* The plan that makes inner rows; NULL: they can not be read that way. */
static Path *
inner_path(PlannerInfo *root, RelOptInfo *inner)
{
	const RangeTblEntry *rte = planner_rt_fetch(inner->relid, root);
	Path	   *path = inner->cheapest_total_path;
	ListCell   *lc;

	/* rows may have to be read again, and must be the same ones then */
	if (path == NULL || path->param_info != NULL ||
		!bms_is_empty(inner->lateral_relids) || IS_DUMMY_REL(inner) ||
		rte->tablesample != NULL ||
		(rte->rtekind != RTE_RELATION && rte->rtekind != RTE_SUBQUERY) ||
		(rte->rtekind == RTE_SUBQUERY &&
		 contain_volatile_functions((Node *) rte->subquery)))
		return NULL;
	foreach(lc, inner->baserestrictinfo)
	{
		if (contain_volatile_functions((Node *) lfirst_node(RestrictInfo, lc)->clause))
			return NULL;
	}
	return path;
}

/* The part of the outer rows that a relation's conditions leave, about */
static double
match_part(const Path *inner)
{
	return Min(1.0, inner->rows / Max(inner->parent->tuples, 1.0));
}

/* How often the scan is read, because inner rows do not fit into memory */
static double
count_passes(const Path *inner, int nkeys, const PathTarget *target)
{
	double		bytes = ROW_BYTES + nkeys * KEY_BYTES;
	ListCell   *lc;

	foreach(lc, target->exprs)
	{
		const Var  *var = lfirst_node(Var, lc);

		if (!bms_is_member(var->varno, inner->parent->relids))
			continue;
		bytes += VALUE_BYTES;
		if (vector_kind(getBaseType(var->vartype)) == VECTOR_BYTES)
			bytes += STRING_BYTES +
				get_typavgwidth(var->vartype, var->vartypmod);
	}
	return ceil(Max(bytes * inner->rows, 1) / get_hash_memory_limit());
}

/*
 * Adds the relation that leaves the smallest part of the rows; false if there
 * is none that can be joined now.
 */
static bool
join_next(PlannerInfo *root, RelOptInfo *rel, JoinOrder *order)
{
	RelOptInfo *best = NULL;
	List	   *best_keys = NIL;
	List	   *best_filters = NIL;
	double		best_passes = 1;
	int			i = -1;

	while ((i = bms_next_member(rel->relids, i)) >= 0)
	{
		RelOptInfo *inner = root->simple_rel_array[i];
		Path	   *path;
		List	   *keys;
		List	   *filters;
		double		passes;

		if (bms_is_member(i, order->joined))
			continue;
		path = inner_path(root, inner);
		if (path == NULL ||
			(best != NULL && match_part(path) >=
			 match_part(best->cheapest_total_path)))
			continue;
		keys = find_keys(root, order->joined, inner, &filters);
		passes = count_passes(path, list_length(keys), order->target);
		if (keys == NIL || order->passes * passes > MAX_PASSES)
			continue;
		best = inner;
		best_keys = keys;
		best_filters = filters;
		best_passes = passes;
	}
	if (best == NULL)
		return false;
	order->joined = bms_union(order->joined, best->relids);
	order->inners = lappend(order->inners, best->cheapest_total_path);
	order->keys = lappend(order->keys, best_keys);
	order->filters = lappend(order->filters, best_filters);
	order->passes *= best_passes;
	return true;
}

/*
 * Costs: the inner rows; the scan, and finding rows for its rows, in each pass.
 * What is read again in a pass is said to be all of it.
 */
static void
cost_join(PlannerInfo *root, CustomPath *path, const Path *scan,
		  const JoinOrder *order)
{
	double		factor = columnar_scan == COLUMNAR_SCAN_FORCE ? COST_FORCED : 1.0;
	double		rows = scan->rows;
	Cost		build = 0;
	Cost		find = 0;
	ListCell   *lc;
	ListCell   *lc2;
	ListCell   *lc3;

	forthree(lc, order->inners, lc2, order->keys, lc3, order->filters)
	{
		const Path *inner = lfirst(lc);
		int			nkeys = list_length(lfirst(lc2));
		QualCost	filters;

		build += inner->total_cost +
			inner->rows * (cpu_tuple_cost + nkeys * cpu_operator_cost);
		find += rows * nkeys * COST_FIND * cpu_operator_cost;
		rows *= match_part(inner);
		cost_qual_eval(&filters, lfirst(lc3), root);
		find += filters.startup + rows * filters.per_tuple;
	}
	path->path.rows = path->path.parent->rows;
	find += path->path.rows * COST_GATHER * cpu_operator_cost *
		list_length(path->path.pathtarget->exprs);
	path->path.startup_cost = scan->startup_cost + factor * build;
	path->path.total_cost = order->passes *
		(scan->total_cost + factor * (build + find));
}

static CustomPath *
make_path(PlannerInfo *root, RelOptInfo *rel, PathTarget *target, Path *scan,
		  const JoinOrder *order)
{
	CustomPath *path = makeNode(CustomPath);
	ListCell   *lc;

	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = target;
	path->path.parallel_safe = rel->consider_parallel && scan->parallel_safe;
	foreach(lc, order->inners)
		path->path.parallel_safe &= ((Path *) lfirst(lc))->parallel_safe;
	path->custom_paths = list_concat(list_make1(scan), order->inners);
	path->custom_private = list_make2(order->keys, order->filters);
	path->methods = &path_methods;
	cost_join(root, path, scan, order);
	return path;
}

/*
 * join_is_candidate: is it an inner join of base relations, and nothing else, of
 * which paths for vectors may be made?
 */
bool
join_is_candidate(const PlannerInfo *root, RelOptInfo *rel)
{
	return rel->reloptkind == RELOPT_JOINREL &&
		root->join_info_list == NIL && root->placeholder_list == NIL &&
		!root->hasLateralRTEs && root->rowMarks == NIL &&
		bms_num_members(rel->relids) <= MAX_RELATIONS &&
		bms_is_subset(rel->relids, root->all_baserels) &&
		rel->pathlist != NIL && !IS_DUMMY_REL(rel);
}

/*
 * join_vector_path: a path that hands out the rows of a join as vectors, with
 * the table fact as the one that is scanned; NULL if there is none.  target has
 * the columns that are wanted.
 */
Path *
join_vector_path(PlannerInfo *root, RelOptInfo *rel, Index fact,
				 PathTarget *target)
{
	RelOptInfo *table = root->simple_rel_array[fact];
	CustomPath *scan;
	JoinOrder	order = {.target = target,.passes = 1};

	if (!enable_hashjoin)
		return NULL;
	scan = scan_vector_path(root, table, 0);
	if (scan == NULL)
		return NULL;
	order.joined = bms_copy(table->relids);
	while (!bms_equal(order.joined, rel->relids))
	{
		if (!join_next(root, rel, &order))
			return NULL;
	}
	return (Path *) make_path(root, rel, target, &scan->path, &order);
}

/*---- plans ---- */

static bool
same_column(const Var *a, const Var *b)
{
	return a->varno == b->varno && a->varattno == b->varattno;
}

static Node *
number_columns(Node *node, void *context)
{
	List	   *columns = context;
	ListCell   *lc;

	if (node == NULL)
		return NULL;
	if (!IsA(node, Var) || ((Var *) node)->varlevelsup != 0)
		return expression_tree_mutator(node, number_columns, context);
	foreach(lc, columns)
	{
		Var		   *var = (Var *) node;

		/* system columns and whole rows are no values of vectors */
		if (var->varattno > 0 && same_column(var, lfirst_node(Var, lc)))
		{
			var = copyObject(var);
			var->varno = INDEX_VAR;
			var->varattno = foreach_current_index(lc) + 1;
			return (Node *) var;
		}
	}
	return node;
}

/*
 * join_number_columns: an expression with the Vars of a list as columns of
 * INDEX_VAR, numbered as they are in the list.
 */
Node *
join_number_columns(Node *expr, List *columns)
{
	return number_columns(expr, columns);
}

/* Where a column is from: number of the child, and the column's in it */
static void
find_source(const CustomPath *path, List *custom_plans, Var *var, int *child,
			AttrNumber *attno)
{
	ListCell   *lc;
	ListCell   *lc2;

	*child = 0;
	forboth(lc, path->custom_paths, lc2, custom_plans)
	{
		TargetEntry *entry;

		if (bms_is_member(var->varno, ((Path *) lfirst(lc))->parent->relids))
		{
			*attno = var->varattno;
			if (*child == 0)
				return;
			entry = tlist_member((Expr *) var,
								 ((Plan *) lfirst(lc2))->targetlist);
			if (entry == NULL)
				elog(ERROR, "a column of a join is missing in its plan");
			*attno = entry->resno;
			return;
		}
		(*child)++;
	}
	elog(ERROR, "a column of a join belongs to none of its relations");
}

static Plan *
plan_join(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
		  List *clauses, List *custom_plans)
{
	CustomScan *plan = makeNode(CustomScan);
	List	   *columns = NIL;
	List	   *numbers = NIL;
	List	   *exprs = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	forboth(lc, linitial(path->custom_private),
			lc2, lsecond(path->custom_private))
	{
		exprs = list_concat(exprs, lfirst(lc));
		exprs = list_concat(exprs, lfirst(lc2));
		numbers = lappend_int(numbers, list_length(lfirst(lc)));
		numbers = lappend_int(numbers, list_length(lfirst(lc2)));
	}
	columns = list_concat(pull_var_clause((Node *) tlist, 0),
						  pull_var_clause((Node *) exprs, 0));
	columns = list_concat_unique(NIL, columns);
	plan->scan.plan.targetlist = tlist;
	plan->custom_exprs = exprs;
	plan->custom_private = list_make3(numbers, NIL, NIL);
	foreach(lc, columns)
	{
		int			child;
		AttrNumber	attno;

		find_source(path, custom_plans, lfirst_node(Var, lc), &child, &attno);
		plan->custom_scan_tlist =
			lappend(plan->custom_scan_tlist,
					makeTargetEntry(copyObject(lfirst(lc)),
									foreach_current_index(lc) + 1, NULL, false));
		lsecond(plan->custom_private) =
			lappend_int(lsecond(plan->custom_private), child);
		lthird(plan->custom_private) =
			lappend_int(lthird(plan->custom_private), attno);
	}
	plan->custom_plans = custom_plans;
	plan->flags = path->flags;
	plan->methods = &join_scan_methods;
	return &plan->scan.plan;
}

/*
 * join_plan_keys: by how many keys an inner plan, 0, 1, ..., is joined.
 */
int
join_plan_keys(const CustomScan *plan, int inner)
{
	return list_nth_int(linitial(plan->custom_private), inner * 2);
}

/*
 * join_plan_filters: how many conditions come after them in custom_exprs.
 */
int
join_plan_filters(const CustomScan *plan, int inner)
{
	return list_nth_int(linitial(plan->custom_private), inner * 2 + 1);
}

/*
 * join_plan_child: which of custom_plans an entry of custom_scan_tlist is from.
 */
int
join_plan_child(const CustomScan *plan, int column)
{
	return list_nth_int(lsecond(plan->custom_private), column);
}

/*
 * join_plan_attno: the number that it has there: of a column of the scanned
 * table, or of an entry of an inner plan's targetlist.
 */
AttrNumber
join_plan_attno(const CustomScan *plan, int column)
{
	return list_nth_int(lthird(plan->custom_private), column);
}

/*
 * join_init: once per process, while the library is loaded.
 */
void
join_init(void)
{
	RegisterCustomScanMethods(&join_scan_methods);
}
