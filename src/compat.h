/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  Gives PostgreSQL 15 to 17 the newest spelling of what the extension
 *	  uses.  Every shim names the version that it stands in for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_COMPAT_H
#define OMENDB_COMPAT_H

#include "postgres.h"
#include "access/stratnum.h"
#include "access/xloginsert.h"
#include "commands/vacuum.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#if PG_VERSION_NUM < 150000
#error "omendb needs PostgreSQL 15 or newer"
#endif

/* 16 renamed RelFileNode to RelFileLocator */
#if PG_VERSION_NUM < 160000
#include "storage/relfilenode.h"
typedef RelFileNode RelFileLocator;
typedef Oid RelFileNumber;
#define RelFileLocatorEquals(a, b)	RelFileNodeEquals(a, b)
#define OmenRelLocator(rel)			((rel)->rd_node)
#define OmenRelNumber(locator)		((locator).relNode)
#define OmenNewFileSubid(rel)		((rel)->rd_newRelfilenodeSubid)
#else
#include "storage/relfilelocator.h"
#define OmenRelLocator(rel)			((rel)->rd_locator)
#define OmenRelNumber(locator)		((locator).relNumber)
#define OmenNewFileSubid(rel)		((rel)->rd_newRelfilelocatorSubid)
#endif

/* 16 added ExtendBufferedRel, the way to add a page without a lock of ours */
#if PG_VERSION_NUM < 160000
static inline Buffer
OmenExtendLocked(Relation rel, ForkNumber fork)
{
	bool		needlock = !RELATION_IS_LOCAL(rel);
	Buffer		buf;

	if (needlock)
		LockRelationForExtension(rel, ExclusiveLock);
	buf = ReadBufferExtended(rel, fork, P_NEW, RBM_NORMAL, NULL);
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	if (needlock)
		UnlockRelationForExtension(rel, ExclusiveLock);
	return buf;
}
#else
static inline Buffer
OmenExtendLocked(Relation rel, ForkNumber fork)
{
	return ExtendBufferedRel(BMR_REL(rel), fork, NULL, EB_LOCK_FIRST);
}
#endif

/* 16 gave IndexVacuumInfo the table; before, nobody needs it there */
#if PG_VERSION_NUM < 160000
#define OmenVacuumHeap(info)		NULL
#else
#define OmenVacuumHeap(info)		((info)->heaprel)
#endif

/* 16 asks for the outer join, if it is one */
#if PG_VERSION_NUM < 160000
#define OmenImpliedEqualities(root, both, outer, inner) \
	generate_join_implied_equalities(root, both, outer, inner)
#else
#define OmenImpliedEqualities(root, both, outer, inner) \
	generate_join_implied_equalities(root, both, outer, inner, NULL)
#endif

/* 16 tells which indexes an update needs; before, whether it needs them */
#if PG_VERSION_NUM < 160000
typedef bool TU_UpdateIndexes;
#endif

/* 16 made one function of the ownership checks of all kinds of objects */
#if PG_VERSION_NUM < 160000
#define OmenOwnsRelation(relid, roleid) \
	pg_class_ownercheck(relid, roleid)
#else
#define OmenOwnsRelation(relid, roleid) \
	object_ownercheck(RelationRelationId, relid, roleid)
#endif

/* 16 asks for permissions the same way whatever the object is */
#if PG_VERSION_NUM < 160000
#define OmenFunctionAclcheck(function, roleid, mode) \
	pg_proc_aclcheck(function, roleid, mode)
#else
#define OmenFunctionAclcheck(function, roleid, mode) \
	object_aclcheck(ProcedureRelationId, function, roleid, mode)
#endif

/* 16 lets the caller say whether a sorted datum is copied */
#if PG_VERSION_NUM < 160000
#define OmenTuplesortGetDatum(sort, forward, value, isnull) \
	tuplesort_getdatum(sort, forward, value, isnull, NULL)
#else
#define OmenTuplesortGetDatum(sort, forward, value, isnull) \
	tuplesort_getdatum(sort, forward, false, value, isnull, NULL)
#endif

/* 17 added RestrictSearchPath; before, maintenance kept the user's path */
#if PG_VERSION_NUM < 170000
#define RestrictSearchPath()		((void) 0)
#endif

/* 17 took away old_snapshot_threshold */
#if PG_VERSION_NUM >= 170000
#define TestForOldSnapshot(snapshot, relation, page)	((void) 0)
#endif

/* 17 lets the caller ask for a lock or a stronger one, too */
#if PG_VERSION_NUM < 170000
#define LockHeldByMe(tag, mode, orstronger)	LockHeldByMe(tag, mode)
#endif

/* 17 numbers processes in one way only */
#if PG_VERSION_NUM < 170000
#define OmenVxidProc(vxid)			BackendIdGetProc((vxid).backendId)
#else
#define OmenVxidProc(vxid)			ProcNumberGetProc((vxid).procNumber)
#endif

/* 17 gives wait events of extensions names */
#if PG_VERSION_NUM < 170000
#define WaitEventExtensionNew(name)	PG_WAIT_EXTENSION
#endif

/* 18 counts the searches of an index scan for EXPLAIN */
#if PG_VERSION_NUM < 180000
#define OmenIndexBeginscan(node) \
	index_beginscan((node)->ss.ss_currentRelation, (node)->ioss_RelationDesc, \
					(node)->ss.ps.state->es_snapshot, \
					(node)->ioss_NumScanKeys, (node)->ioss_NumOrderByKeys)
#else
#define OmenIndexBeginscan(node) \
	index_beginscan((node)->ss.ss_currentRelation, (node)->ioss_RelationDesc, \
					(node)->ss.ps.state->es_snapshot, \
					&(node)->ioss_Instrument, \
					(node)->ioss_NumScanKeys, (node)->ioss_NumOrderByKeys)
#endif

/* 18 tells what an ordering operator means, and not its btree strategy */
#if PG_VERSION_NUM < 180000
typedef int16 CompareType;
#define COMPARE_LT					BTLessStrategyNumber
#else
#include "access/cmptype.h"
#endif

/* 18 writes noreturn in front of a declaration, and has no other form */
#if PG_VERSION_NUM < 180000
#define pg_noreturn					__attribute__((noreturn))
#endif

/*
 * utils/pg_locale.h wants ICU's headers, which need not be there to build an
 * extension.  18 has no such function any more.
 */
#if PG_VERSION_NUM < 180000
extern bool lc_collate_is_c(Oid collation);
#endif

/* 18 asks whether ANALYZE calls */
#if PG_VERSION_NUM < 180000
#define vacuum_delay_point(is_analyze)	vacuum_delay_point()
#endif

/* 18 has an entry for GROUP BY in the range table, which is no table */
#if PG_VERSION_NUM < 180000
#define OmenExplainTables(es)		list_length((es)->rtable)
#else
#define OmenExplainTables(es)		((es)->rtable_size)
#endif

#endif							/* OMENDB_COMPAT_H */
