/*-------------------------------------------------------------------------
 *
 * alexcompat.c
 *	  Unique alex indexes before PostgreSQL 18.
 *
 * Up to 17 the server takes it for granted in a few places that a unique index
 * is a btree index, and raises internal errors otherwise.
 *
 * INSERT ... ON CONFLICT is one of them: before the first row, ExecOpenIndices
 * looks at pg_class.relam of every unique index of the target, and then uses
 * strategy number 3 for equality, which is right for alex, too.  So it is
 * called earlier, at the end of ExecutorStart; while it runs, the relcache
 * entries of the target's unique alex indexes (copies private to this backend,
 * pinned and locked) carry btree's OID.  An invalidation reloads an entry, and
 * the callback below puts the OID back.
 *
 * The others are given errors that tell what to do.  They are recognized by
 * the untranslated text of the server's own error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "alex/alex.h"

#if PG_VERSION_NUM < 180000

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "nodes/plannodes.h"
#include "replication/logicalworker.h"
#include "tcop/utility.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* a relcache entry in disguise */
typedef struct Mask
{
	Relation	rel;
	Oid			relam;			/* what it really is */
	struct Mask *next;			/* masked before this one */
} Mask;

static Mask *masks = NULL;		/* all, latest first */

static ExecutorStart_hook_type prev_ExecutorStart = NULL;
static ExecutorRun_hook_type prev_ExecutorRun = NULL;
static ProcessUtility_hook_type prev_ProcessUtility = NULL;
#if PG_VERSION_NUM >= 170000
static emit_log_hook_type prev_emit_log = NULL;
#endif

/*---- errors ---- */

/* an error of the server, and what the user gets in its place */
typedef struct Translation
{
	const char *message_id;		/* the error, untranslated */
	int			sqlerrcode;		/* 0: as it is */
	const char *message;		/* NULL: as it is */
	const char *hint;
} Translation;

#define UPGRADE_HINT	"or upgrade to PostgreSQL 18 or newer."
#define SUBSCRIBER_HINT	"On a subscriber use a primary key or a unique btree index, " UPGRADE_HINT

static const Translation conflict_at_start = {
	"unexpected non-btree speculative unique index",
	ERRCODE_T_R_SERIALIZATION_FAILURE,
	"the unique indexes of the table changed while INSERT ... ON CONFLICT was starting",
	"Try the statement again."
};

static const Translation conflict_in_partition = {
	"unexpected non-btree speculative unique index",
	ERRCODE_FEATURE_NOT_SUPPORTED,
	"ON CONFLICT is not supported for a partition that has a unique alex index",
	"Replace the unique index of the partition by a btree index, " UPGRADE_HINT
};

static const Translation foreign_key = {
	"only b-tree indexes are supported for foreign keys",
	ERRCODE_FEATURE_NOT_SUPPORTED,
	"a foreign key cannot depend on a unique alex index",
	"Give the referenced columns a primary key or a unique btree index that is older than the unique alex index, " UPGRADE_HINT
};

static const Translation partitioned_unique = {
	"cannot match partition key to an index using access method \"%s\"",
	0,
	NULL,
	"Use a btree index, " UPGRADE_HINT
};

static const Translation refresh = {
	"cannot refresh materialized view \"%s\" concurrently",
	0,
	NULL,
	"Create a unique btree index with no WHERE clause on one or more columns of the materialized view, " UPGRADE_HINT
};

/*
 * In a PG_CATCH block: raises the translation of the current error, if it is
 * the one that "t" knows.  Else returns, and the caller rethrows.
 */
static void
translate_error(const Translation *t, MemoryContext cxt)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	ErrorData  *edata = CopyErrorData();

	if (edata->message_id == NULL ||
		strcmp(edata->message_id, t->message_id) != 0)
	{
		FreeErrorData(edata);
		MemoryContextSwitchTo(old);
		return;
	}

	FlushErrorState();
	if (t->sqlerrcode != 0)
		edata->sqlerrcode = t->sqlerrcode;
	if (t->message != NULL)
		edata->message = pstrdup(t->message);
	edata->hint = pstrdup(t->hint);
	ReThrowError(edata);
}

/*---- the disguise ---- */

static bool
is_alex(Relation index)
{
	return index->rd_indam != NULL && index->rd_indam->aminsert == alex_insert;
}

/* An entry was, or all entries were, reloaded: disguise them again. */
static void
relcache_callback(Datum arg, Oid relid)
{
	Mask	   *m;

	for (m = masks; m != NULL; m = m->next)
		m->rel->rd_rel->relam = BTREE_AM_OID;
}

/* Opens an index, and keeps it open in disguise if it is a unique alex index. */
static void
mask_index(Oid indexoid)
{
	Relation	rel = index_open(indexoid, RowExclusiveLock);
	Mask	   *m;

	if (!is_alex(rel) || !rel->rd_index->indisunique)
	{
		index_close(rel, RowExclusiveLock);
		return;
	}

	m = palloc(sizeof(Mask));
	m->rel = rel;
	m->relam = rel->rd_rel->relam;
	m->next = masks;
	masks = m;
	rel->rd_rel->relam = BTREE_AM_OID;
}

/*
 * Takes the disguises off.  After an error the relcache references and locks
 * are left to the transaction's cleanup.
 */
static void
drop_masks(bool failed)
{
	while (masks != NULL)
	{
		Mask	   *m = masks;

		masks = m->next;
		m->rel->rd_rel->relam = m->relam;
		if (!failed)
			index_close(m->rel, RowExclusiveLock);
		pfree(m);
	}
}

/*---- INSERT ... ON CONFLICT ---- */

/* The target of INSERT ... ON CONFLICT, or NULL if the node is anything else */
static ResultRelInfo *
conflict_target(PlanState *ps)
{
	if (ps == NULL || !IsA(ps, ModifyTableState) ||
		((ModifyTable *) ps->plan)->onConflictAction == ONCONFLICT_NONE)
		return NULL;
	return ((ModifyTableState *) ps)->resultRelInfo;
}

/* Does for one target what the executor would do before the first row. */
static void
open_indexes(ResultRelInfo *target)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *indexes = RelationGetIndexList(target->ri_RelationDesc);
	ListCell   *lc;

	PG_TRY();
	{
		foreach(lc, indexes)
			mask_index(lfirst_oid(lc));
		if (masks != NULL)
			ExecOpenIndices(target, true);
	}
	PG_CATCH();
	{
		drop_masks(true);
		translate_error(&conflict_at_start, cxt);
		PG_RE_THROW();
	}
	PG_END_TRY();
	drop_masks(false);
	list_free(indexes);
}

static void
open_target(EState *estate, PlanState *ps)
{
	ResultRelInfo *target = conflict_target(ps);
	MemoryContext old;

	if (target == NULL || target->ri_IndexRelationDescs != NULL ||
		target->ri_RelationDesc->rd_rel->relkind != RELKIND_RELATION ||
		!target->ri_RelationDesc->rd_rel->relhasindex)
		return;
	old = MemoryContextSwitchTo(estate->es_query_cxt);
	open_indexes(target);
	MemoryContextSwitchTo(old);
}

static void
compat_ExecutorStart(QueryDesc *queryDesc, int eflags)
{
	ListCell   *lc;

	if (prev_ExecutorStart)
		prev_ExecutorStart(queryDesc, eflags);
	else
		standard_ExecutorStart(queryDesc, eflags);

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	open_target(queryDesc->estate, queryDesc->planstate);
	foreach(lc, queryDesc->estate->es_auxmodifytables)	/* in WITH */
		open_target(queryDesc->estate, (PlanState *) lfirst(lc));
}

static void
next_ExecutorRun(QueryDesc *queryDesc, ScanDirection direction,
				 uint64 count, bool execute_once)
{
	if (prev_ExecutorRun)
		prev_ExecutorRun(queryDesc, direction, count, execute_once);
	else
		standard_ExecutorRun(queryDesc, direction, count, execute_once);
}

static bool
is_partitioned_target(PlanState *ps)
{
	ResultRelInfo *target = conflict_target(ps);

	return target != NULL &&
		target->ri_RelationDesc->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
}

static bool
has_partitioned_target(QueryDesc *queryDesc)
{
	ListCell   *lc;

	foreach(lc, queryDesc->estate->es_auxmodifytables)
	{
		if (is_partitioned_target((PlanState *) lfirst(lc)))
			return true;
	}
	return is_partitioned_target(queryDesc->planstate);
}

/* The indexes of partitions are opened when the first row reaches them. */
static void
compat_ExecutorRun(QueryDesc *queryDesc, ScanDirection direction,
				   uint64 count, bool execute_once)
{
	MemoryContext cxt = CurrentMemoryContext;

	if (!has_partitioned_target(queryDesc))
	{
		next_ExecutorRun(queryDesc, direction, count, execute_once);
		return;
	}

	PG_TRY();
	{
		next_ExecutorRun(queryDesc, direction, count, execute_once);
	}
	PG_CATCH();
	{
		translate_error(&conflict_in_partition, cxt);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/*---- foreign keys ---- */

/* Has the table a unique alex index? */
static bool
has_unique_alex(Relation table)
{
	List	   *indexes = RelationGetIndexList(table);
	bool		found = false;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		found = found || (is_alex(index) && index->rd_index->indisunique);
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return found;
}

/* Are these names the columns of the table's primary key, in its order? */
static bool
names_primary_key(Relation table, List *names)
{
	Oid			pkoid = RelationGetPrimaryKeyIndex(table);
	Relation	index;
	bool		same;
	int			i;

	if (!OidIsValid(pkoid))
		return false;
	index = index_open(pkoid, AccessShareLock);
	same = list_length(names) == index->rd_index->indnkeyatts;
	for (i = 0; same && i < list_length(names); i++)
		same = strcmp(strVal(list_nth(names, i)),
					  get_attname(RelationGetRelid(table),
								  index->rd_index->indkey.values[i],
								  false)) == 0;
	index_close(index, AccessShareLock);
	return same;
}

/*
 * The server takes the oldest index that has the referenced columns.  If it
 * might be alex's and the columns are the primary key, leaving them out gives
 * the same foreign key, on the primary key's index.  This matters for restoring
 * dumps, which create plain indexes first.
 */
static void
prefer_primary_key(Constraint *fk)
{
	Oid			tableoid;
	Relation	table;

	if (fk->contype != CONSTR_FOREIGN || fk->pktable == NULL ||
		fk->pk_attrs == NIL)
		return;
	tableoid = RangeVarGetRelid(fk->pktable, AccessShareLock, true);
	if (!OidIsValid(tableoid))
		return;
	table = relation_open(tableoid, NoLock);
	if ((table->rd_rel->relkind == RELKIND_RELATION ||
		 table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE) &&
		has_unique_alex(table) &&
		names_primary_key(table, fk->pk_attrs))
		fk->pk_attrs = NIL;
	relation_close(table, AccessShareLock);
}

#if PG_VERSION_NUM >= 170000

/*
 * On 17 the apply worker of a subscription finds rows by btree and hash indexes
 * only.  A publisher may well have an alex index as replica identity.
 */
static void
warn_replica_identity(Oid tableoid, ReplicaIdentityStmt *stmt)
{
	Oid			indexoid;
	Relation	index;

	if (stmt->identity_type != REPLICA_IDENTITY_INDEX)
		return;
	indexoid = get_relname_relid(stmt->name, get_rel_namespace(tableoid));
	if (!OidIsValid(indexoid) ||
		get_rel_relkind(indexoid) != RELKIND_INDEX)
		return;
	index = index_open(indexoid, AccessShareLock);
	if (is_alex(index))
		ereport(WARNING,
				(errmsg("a subscription cannot apply changes to table \"%s\" through the alex index \"%s\"",
						get_rel_name(tableoid), stmt->name),
				 errdetail("Publishing changes of the table works."),
				 errhint(SUBSCRIBER_HINT)));
	index_close(index, AccessShareLock);
}

/* Makes the error of an apply worker that did it all the same a clear one. */
static void
compat_emit_log(ErrorData *edata)
{
	if (edata->elevel == ERROR && edata->message_id != NULL &&
		IsLogicalWorker() &&
		strcmp(edata->message_id,
			   "missing operator %d(%u,%u) in opfamily %u") == 0)
	{
		edata->sqlerrcode = ERRCODE_FEATURE_NOT_SUPPORTED;
		edata->message = pstrdup("changes cannot be applied through the index that is the table's replica identity, because it is neither a btree nor a hash index");
		edata->hint = pstrdup(SUBSCRIBER_HINT);
	}
	if (prev_emit_log)
		prev_emit_log(edata);
}

#endif

static void
prepare_alter_table(AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_AddConstraint)
			prefer_primary_key(castNode(Constraint, cmd->def));
		else if (cmd->subtype == AT_AddColumn)
		{
			ListCell   *lc2;

			foreach(lc2, castNode(ColumnDef, cmd->def)->constraints)
				prefer_primary_key(lfirst_node(Constraint, lc2));
		}
#if PG_VERSION_NUM >= 170000
		else if (cmd->subtype == AT_ReplicaIdentity)
		{
			Oid			tableoid = RangeVarGetRelid(stmt->relation, NoLock, true);

			if (OidIsValid(tableoid))
				warn_replica_identity(tableoid,
									  castNode(ReplicaIdentityStmt, cmd->def));
		}
#endif
	}
}

/*---- utility commands ---- */

static bool
refreshes_beside_alex(const RefreshMatViewStmt *stmt)
{
	Oid			viewoid;
	Relation	view;
	bool		result;

	if (!stmt->concurrent)
		return false;
	viewoid = RangeVarGetRelid(stmt->relation, AccessShareLock, true);
	if (!OidIsValid(viewoid))
		return false;
	view = relation_open(viewoid, NoLock);
	result = view->rd_rel->relkind == RELKIND_MATVIEW && has_unique_alex(view);
	relation_close(view, AccessShareLock);
	return result;
}

/*
 * The error of the server to look out for in a command, or NULL.  Changes the
 * command (a copy of the original) if there is a way around the error.
 */
static const Translation *
expected_error(PlannedStmt **pstmt)
{
	switch (nodeTag((*pstmt)->utilityStmt))
	{
		case T_AlterTableStmt:
			*pstmt = copyObject(*pstmt);
			prepare_alter_table((AlterTableStmt *) (*pstmt)->utilityStmt);
			return &foreign_key;
		case T_IndexStmt:
			return &partitioned_unique;
		case T_RefreshMatViewStmt:
			return refreshes_beside_alex((RefreshMatViewStmt *)
										 (*pstmt)->utilityStmt) ?
				&refresh : NULL;
		default:
			return NULL;
	}
}

static void
next_ProcessUtility(PlannedStmt *pstmt, const char *queryString,
					bool readOnlyTree, ProcessUtilityContext context,
					ParamListInfo params, QueryEnvironment *queryEnv,
					DestReceiver *dest, QueryCompletion *qc)
{
	if (prev_ProcessUtility)
		prev_ProcessUtility(pstmt, queryString, readOnlyTree, context,
							params, queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
}

static void
translated_ProcessUtility(const Translation *t, PlannedStmt *pstmt,
						  const char *queryString, bool readOnlyTree,
						  ProcessUtilityContext context, ParamListInfo params,
						  QueryEnvironment *queryEnv, DestReceiver *dest,
						  QueryCompletion *qc)
{
	MemoryContext cxt = CurrentMemoryContext;

	PG_TRY();
	{
		next_ProcessUtility(pstmt, queryString, readOnlyTree, context,
							params, queryEnv, dest, qc);
	}
	PG_CATCH();
	{
		translate_error(t, cxt);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

static void
compat_ProcessUtility(PlannedStmt *pstmt, const char *queryString,
					  bool readOnlyTree, ProcessUtilityContext context,
					  ParamListInfo params, QueryEnvironment *queryEnv,
					  DestReceiver *dest, QueryCompletion *qc)
{
	const Translation *t = expected_error(&pstmt);

	if (t == NULL)
		next_ProcessUtility(pstmt, queryString, readOnlyTree, context,
							params, queryEnv, dest, qc);
	else
		translated_ProcessUtility(t, pstmt, queryString, readOnlyTree, context,
								  params, queryEnv, dest, qc);
}

/*
 * alex_compat_init: installs the hooks.  Once per process, while the library is
 * loaded.
 */
void
alex_compat_init(void)
{
	prev_ExecutorStart = ExecutorStart_hook;
	ExecutorStart_hook = compat_ExecutorStart;
	prev_ExecutorRun = ExecutorRun_hook;
	ExecutorRun_hook = compat_ExecutorRun;
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = compat_ProcessUtility;
#if PG_VERSION_NUM >= 170000
	prev_emit_log = emit_log_hook;
	emit_log_hook = compat_emit_log;
#endif
	CacheRegisterRelcacheCallback(relcache_callback, (Datum) 0);
}

#else							/* 18 and newer need nothing */

void
alex_compat_init(void)
{
}

#endif
