/*-------------------------------------------------------------------------
 *
 * coreswap.c
 *		For tests: every index that would be a btree becomes an alex index.
 *
 * PostgreSQL's own regression suite says CREATE INDEX, PRIMARY KEY or UNIQUE
 * and gets btree.  With this library preloaded it gets alex instead, so that
 * the suite tests alex.  Operator classes that a test makes for btree stay
 * btree's, and so does an index that names one of them.
 *
 * coreswap.constraints says whether PRIMARY KEY, UNIQUE and EXCLUDE change too.
 * Before PostgreSQL 18 it is off unless asked for, because the server refuses
 * some uses of a unique index that is not a btree, above all foreign keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_opclass.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

static bool swap_indexes = true;
static bool swap_constraints = PG_VERSION_NUM >= 180000;
static ProcessUtility_hook_type next_hook = NULL;

/* The schema of the operator class of alex with this name, or InvalidOid. */
static Oid
opclass_schema(Oid alex, const char *name)
{
	Relation	rel = table_open(OperatorClassRelationId, AccessShareLock);
	Oid			result = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;

	ScanKeyInit(&key, Anum_pg_opclass_opcmethod, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(alex));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	while ((tup = systable_getnext(scan)) != NULL)
	{
		Form_pg_opclass form = (Form_pg_opclass) GETSTRUCT(tup);

		if (strcmp(NameStr(form->opcname), name) == 0)
			result = form->opcnamespace;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/*
 * Qualify the operator classes that index columns name.  Returns false when
 * alex has no class of a name, so that the index must stay what it was.
 */
static bool
qualify_opclasses(Oid alex, List *elems)
{
	ListCell   *lc;

	foreach(lc, elems)
	{
		IndexElem  *elem = lfirst_node(IndexElem, lc);
		char	   *name;
		Oid			schema;

		if (elem->opclass == NIL)
			continue;
		name = strVal(llast(elem->opclass));
		schema = opclass_schema(alex, name);
		if (!OidIsValid(schema))
			return false;
		elem->opclass = list_make2(makeString(get_namespace_name(schema)),
								   makeString(name));
	}
	return true;
}

/*
 * May a unique index of this table change?  Before 18 the server wants btree
 * on partitioned tables, hence on partitions, and on materialized views.
 */
static bool
unique_can_change(RangeVar *rv)
{
#if PG_VERSION_NUM < 180000
	Oid			relid = RangeVarGetRelid(rv, NoLock, true);

	return !OidIsValid(relid) ||
		(get_rel_relkind(relid) == RELKIND_RELATION &&
		 !get_rel_relispartition(relid));
#else
	return true;
#endif
}

/* The one storage parameter that is btree's alone says nothing to alex. */
static List *
without_deduplicate_items(List *options)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, options)
	{
		if (strcmp(lfirst_node(DefElem, lc)->defname, "deduplicate_items") != 0)
			result = lappend(result, lfirst(lc));
	}
	return result;
}

static void
change_index(IndexStmt *stmt, Oid alex)
{
	if (stmt->accessMethod == NULL || strcmp(stmt->accessMethod, "btree") != 0)
		return;
	if (OidIsValid(stmt->indexOid) || (stmt->isconstraint && !swap_constraints) ||
		(stmt->unique && !unique_can_change(stmt->relation)))
		return;
	if (!qualify_opclasses(alex, stmt->indexParams))
		return;
	stmt->accessMethod = "alex";
	stmt->options = without_deduplicate_items(stmt->options);
}

static void
change_constraint(RangeVar *rv, Constraint *con, Oid alex)
{
	bool		btree = con->access_method == NULL ||
		strcmp(con->access_method, "btree") == 0;
	ListCell   *lc;

	if (!swap_constraints || !btree || con->indexname != NULL ||
		!unique_can_change(rv))
		return;
	if (con->contype == CONSTR_PRIMARY || con->contype == CONSTR_UNIQUE)
		con->access_method = "alex";
	if (con->contype != CONSTR_EXCLUSION)
		return;
	foreach(lc, con->exclusions)
	{
		List	   *pair = lfirst(lc);

		if (!qualify_opclasses(alex, list_make1(linitial(pair))))
			return;
	}
	con->access_method = "alex";
}

static void
change_constraints(RangeVar *rv, List *list, Oid alex)
{
	ListCell   *lc;

	foreach(lc, list)
	{
		if (IsA(lfirst(lc), Constraint))
			change_constraint(rv, lfirst(lc), alex);
		else if (IsA(lfirst(lc), ColumnDef))
			change_constraints(rv, ((ColumnDef *) lfirst(lc))->constraints, alex);
	}
}

static void
change_alter_table(AlterTableStmt *stmt, Oid alex)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->def != NULL && (cmd->subtype == AT_AddConstraint ||
								 cmd->subtype == AT_AddColumn))
			change_constraints(stmt->relation, list_make1(cmd->def), alex);
	}
}

/*
 * The table of a CREATE TABLE is not there yet when its constraints are
 * looked at, but they come back here as IndexStmts.  Exclusion constraints
 * whose method is spelled out do too.
 */
static void
coreswap_utility(PlannedStmt *pstmt, const char *queryString,
				 bool readOnlyTree, ProcessUtilityContext context,
				 ParamListInfo params, QueryEnvironment *queryEnv,
				 DestReceiver *dest, QueryCompletion *qc)
{
	NodeTag		tag = nodeTag(pstmt->utilityStmt);

	if (swap_indexes && (tag == T_IndexStmt || tag == T_AlterTableStmt))
	{
		Oid			alex = get_index_am_oid("alex", true);

		if (OidIsValid(alex))
		{
			if (readOnlyTree)
				pstmt = copyObject(pstmt);
			if (tag == T_IndexStmt)
				change_index((IndexStmt *) pstmt->utilityStmt, alex);
			else
				change_alter_table((AlterTableStmt *) pstmt->utilityStmt, alex);
		}
	}
	if (next_hook != NULL)
		next_hook(pstmt, queryString, readOnlyTree, context, params, queryEnv,
				  dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
}

void
_PG_init(void)
{
	DefineCustomBoolVariable("coreswap.indexes",
							 "Makes alex indexes where btree is asked for.",
							 NULL, &swap_indexes, true, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("coreswap.constraints",
							 "Makes the indexes of constraints alex indexes too.",
							 NULL, &swap_constraints, swap_constraints, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	next_hook = ProcessUtility_hook;
	ProcessUtility_hook = coreswap_utility;
}
