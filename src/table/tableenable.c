/*-------------------------------------------------------------------------
 *
 * tableenable.c
 *	  Turns heap tables into omendb tables and back without a rewrite, and
 *	  guards omendb tables when the extension is dropped.
 *
 * The pages of both are the same, so the change is one of the catalogs:
 * pg_class.relam and the table's dependency on the access method.  It is made
 * under a lock that keeps everybody else out.  Transactions that come later
 * get the new access method with the new relcache entry.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "commands/tablecmds.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "table/table.h"
#include "table/tableinternal.h"

PG_FUNCTION_INFO_V1(omendb_enable);
PG_FUNCTION_INFO_V1(omendb_disable);

/* tables that an error message names */
#define NAMED_TABLES	5

static ProcessUtility_hook_type prev_ProcessUtility = NULL;
static object_access_hook_type prev_object_access = NULL;

/*---- the change of the catalogs ---- */

static void
check_owner(Oid relid)
{
	if (!OmenOwnsRelation(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER,
					   get_relkind_objtype(get_rel_relkind(relid)),
					   get_rel_name(relid));
}

/*
 * The relation, locked against everybody.  Somebody who does not own it must
 * not be able to hold others up by asking.
 */
static Relation
open_locked(Oid relid)
{
	Relation	rel;

	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	check_owner(relid);
	rel = relation_open(relid, AccessExclusiveLock);
	check_owner(relid);
	return rel;
}

static void
set_access_method(Relation rel, Oid amoid)
{
	Oid			relid = RelationGetRelid(rel);
	Relation	pg_class = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple	tup = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	Oid			old;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	form = (Form_pg_class) GETSTRUCT(tup);
	old = form->relam;
	form->relam = amoid;
	CatalogTupleUpdate(pg_class, &tup->t_self, tup);
	if (changeDependencyFor(RelationRelationId, relid, AccessMethodRelationId,
							old, amoid) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("dependency of table \"%s\" on its access method is missing",
						RelationGetRelationName(rel))));
	InvokeObjectPostAlterHook(RelationRelationId, relid, 0);
	heap_freetuple(tup);
	table_close(pg_class, RowExclusiveLock);
	CommandCounterIncrement();
}

/*---- enable ---- */

pg_noreturn static void
refuse(Relation rel, int code, const char *reason, const char *hint)
{
	ereport(ERROR,
			(errcode(code),
			 errmsg("cannot make \"%s\" an omendb table",
					RelationGetRelationName(rel)),
			 errdetail("%s", reason),
			 hint ? errhint("%s", hint) : 0));
}

static void
check_kind(Relation rel)
{
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_MATVIEW:
			break;
		case RELKIND_TOASTVALUE:
			refuse(rel, ERRCODE_WRONG_OBJECT_TYPE,
				   "TOAST tables are always heap tables.",
				   "Call the function for the table that it belongs to.");
		default:
			refuse(rel, ERRCODE_WRONG_OBJECT_TYPE,
				   "It is not a table or materialized view.", NULL);
	}
}

static bool
is_of_extension(Relation rel)
{
	Oid			owner = getExtensionOfObject(RelationRelationId,
											 RelationGetRelid(rel));

	return OidIsValid(owner) && owner == get_extension_oid(OMENDB_NAME, true);
}

static void
check_can_enable(Relation rel)
{
	check_kind(rel);
	if (IsSystemRelation(rel))
		refuse(rel, ERRCODE_INSUFFICIENT_PRIVILEGE,
			   "It is a system catalog.", NULL);
	if (is_of_extension(rel))
		refuse(rel, ERRCODE_INSUFFICIENT_PRIVILEGE,
			   "It belongs to the extension omendb itself.", NULL);
	if (RELATION_IS_OTHER_TEMP(rel))
		refuse(rel, ERRCODE_FEATURE_NOT_SUPPORTED,
			   "It is a temporary table of another session.", NULL);
	if (rel->rd_tableam != GetHeapamTableAmRoutine())
		refuse(rel, ERRCODE_FEATURE_NOT_SUPPORTED,
			   "It has another access method than heap.",
			   "Use ALTER TABLE ... SET ACCESS METHOD omendb, which writes the table anew.");
}

/*
 * Bookkeeping of an earlier time, which a failed omendb.disable may have left
 * behind, says nothing of changes since.  It must go, or the call fails.
 */
static void
enable_table(Relation rel)
{
	if (omendb_is_table(rel))
		return;
	check_can_enable(rel);
	CheckTableNotInUse(rel, "omendb.enable");
	store_forget(RelationGetRelid(rel));
	set_access_method(rel, get_table_am_oid(OMENDB_NAME, false));
}

/*---- disable ---- */

static void
warn_not_forgotten(Oid relid, ErrorData *error)
{
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("segments of table \"%s\" could not be dropped",
					get_rel_name(relid)),
			 errdetail("%s", error->message)));
}

/*
 * Drops the table's segments and marks.  If they are so damaged that this
 * fails, they stay: nothing reads them for a heap table, and omendb.enable
 * will not use them.
 */
static void
forget_segments(Oid relid)
{
	MemoryContext cxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(cxt);
	PG_TRY();
	{
		store_forget(relid);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	CurrentResourceOwner = owner;

	if (error == NULL)
		return;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
		ReThrowError(error);
	warn_not_forgotten(relid, error);
	FreeErrorData(error);
}

static void
disable_table(Relation rel)
{
	char		kind = rel->rd_rel->relkind;

	if (!omendb_is_table(rel))
	{
		if (rel->rd_tableam == GetHeapamTableAmRoutine() &&
			(kind == RELKIND_RELATION || kind == RELKIND_MATVIEW))
			return;
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an omendb table",
						RelationGetRelationName(rel))));
	}
	CheckTableNotInUse(rel, "omendb.disable");
	set_access_method(rel, HEAP_TABLE_AM_OID);
	forget_segments(RelationGetRelid(rel));
}

/*---- partitions ---- */

/*
 * The access method that a partitioned table has is the one of the partitions
 * to come.  Before 17 it cannot have any.
 */
static void
change_partitioned(Relation rel, bool enable)
{
#if PG_VERSION_NUM >= 170000
	Oid			amoid = get_table_am_oid(OMENDB_NAME, false);

	if (enable && rel->rd_rel->relam != amoid)
		set_access_method(rel, amoid);
	else if (!enable && rel->rd_rel->relam == amoid)
		set_access_method(rel, HEAP_TABLE_AM_OID);
#endif
}

static void
change_relation(Oid relid, bool enable, bool inherited)
{
	Relation	rel = open_locked(relid);
	char		kind = rel->rd_rel->relkind;

	if (kind == RELKIND_PARTITIONED_TABLE)
		change_partitioned(rel, enable);
	else if (inherited && kind != RELKIND_RELATION)
		 /* a foreign table */ ;
	else if (enable)
		enable_table(rel);
	else
		disable_table(rel);
	relation_close(rel, NoLock);
}

/* Changes the relation, and if it is partitioned all its partitions. */
static void
change_relations(Oid relid, bool enable)
{
	List	   *children;
	ListCell   *lc;

	change_relation(relid, enable, false);
	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		return;
	children = find_all_inheritors(relid, AccessExclusiveLock, NULL);
	foreach(lc, children)
	{
		if (lfirst_oid(lc) != relid)
			change_relation(lfirst_oid(lc), enable, true);
	}
	list_free(children);
}

/*
 * omendb.enable(regclass): makes a heap table, or all partitions of a
 * partitioned table, omendb tables without writing to them.  Nothing happens
 * to what is one already.
 */
Datum
omendb_enable(PG_FUNCTION_ARGS)
{
	change_relations(PG_GETARG_OID(0), true);
	PG_RETURN_VOID();
}

/*
 * omendb.disable(regclass): makes them heap tables again, without writing to
 * them, and drops their segments.  Nothing happens to what is a heap table.
 */
Datum
omendb_disable(PG_FUNCTION_ARGS)
{
	change_relations(PG_GETARG_OID(0), false);
	PG_RETURN_VOID();
}

/*---- DROP EXTENSION ---- */

/*
 * Names of relations that have the access method, as far as they fit, and how
 * many there are.  snapshot: NULL for the catalog's own.
 */
static int
find_tables(Oid amoid, Snapshot snapshot, StringInfo names)
{
	Relation	rel = table_open(RelationRelationId, AccessShareLock);
	Relation	index = index_open(ClassOidIndexId, AccessShareLock);
	int			n = 0;
	SysScanDesc scan;
	HeapTuple	tup;

	scan = systable_beginscan_ordered(rel, index, snapshot, 0, NULL);
	while ((tup = systable_getnext_ordered(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tup);

		if (form->relam != amoid || form->relkind == RELKIND_INDEX)
			continue;
		if (n++ < NAMED_TABLES)
			appendStringInfo(names, "%s%s", n > 1 ? ", " : "",
							 quote_qualified_identifier(get_namespace_name(form->relnamespace),
														NameStr(form->relname)));
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return n;
}

/*
 * Raises an error if tables have the access method: DROP ... CASCADE would
 * drop them, with the users' rows.
 */
static void
refuse_drop(Oid amoid, Snapshot snapshot)
{
	StringInfoData names;
	int			n;

	initStringInfo(&names);
	n = find_tables(amoid, snapshot, &names);
	if (n > NAMED_TABLES)
		appendStringInfo(&names, " and %d more", n - NAMED_TABLES);
	if (n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop \"%s\" because tables use it",
						OMENDB_NAME),
				 errdetail("Tables: %s.", names.data),
				 errhint("Call omendb.disable for each of them first; their rows stay as they are.")));
}

/* Does the command name the extension or the access method? */
static bool
drops_us(Node *parsetree)
{
	DropStmt   *stmt = (DropStmt *) parsetree;
	ListCell   *lc;

	if (!IsA(parsetree, DropStmt) ||
		(stmt->removeType != OBJECT_EXTENSION &&
		 stmt->removeType != OBJECT_ACCESS_METHOD))
		return false;
	foreach(lc, stmt->objects)
	{
		if (strcmp(strVal(lfirst(lc)), OMENDB_NAME) == 0)
			return true;
	}
	return false;
}

/*
 * The server would refuse too, without CASCADE, but its hint is to use
 * CASCADE.
 */
static void
enable_ProcessUtility(PlannedStmt *pstmt, const char *queryString,
					  bool readOnlyTree, ProcessUtilityContext context,
					  ParamListInfo params, QueryEnvironment *queryEnv,
					  DestReceiver *dest, QueryCompletion *qc)
{
	if (drops_us(pstmt->utilityStmt))
	{
		Oid			amoid = get_table_am_oid(OMENDB_NAME, true);

		if (OidIsValid(amoid))
			refuse_drop(amoid, NULL);
	}
	if (prev_ProcessUtility)
		prev_ProcessUtility(pstmt, queryString, readOnlyTree, context,
							params, queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
}

/*
 * The access method goes with something else, the schema or the role that owns
 * the extension for example.  Its tables have gone before it, in the same
 * command, so the snapshot of the command's start is asked for them.
 */
static void
enable_object_access(ObjectAccessType access, Oid classid, Oid objectid,
					 int subid, void *arg)
{
	if (prev_object_access)
		prev_object_access(access, classid, objectid, subid, arg);
	if (access == OAT_DROP && classid == AccessMethodRelationId &&
		ActiveSnapshotSet() &&
		objectid == get_table_am_oid(OMENDB_NAME, true))
		refuse_drop(objectid, GetActiveSnapshot());
}

/*
 * table_enable_init: once per process, while the library is loaded.
 */
void
table_enable_init(void)
{
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = enable_ProcessUtility;
	prev_object_access = object_access_hook;
	object_access_hook = enable_object_access;
}
