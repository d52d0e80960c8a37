/*-------------------------------------------------------------------------
 *
 * alexhandler.c
 *	  What PostgreSQL is told about the access method: its abilities and its
 *	  functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "commands/progress.h"
#include "commands/vacuum.h"
#if PG_VERSION_NUM >= 180000
#include "access/cmptype.h"
#endif

#include "alex/alex.h"

PG_FUNCTION_INFO_V1(alex_handler);

static void
set_abilities(IndexAmRoutine *am)
{
	am->amstrategies = ALEX_NSTRATEGIES;
	am->amsupport = ALEX_NPROCS;
	am->amoptsprocnum = 0;
	am->amcanorder = true;
	am->amcanorderbyop = false;
	am->amcanbackward = true;
	am->amcanunique = true;
	am->amcanmulticol = true;
	am->amoptionalkey = true;
	am->amsearcharray = true;
	am->amsearchnulls = true;
	am->amstorage = false;
	am->amclusterable = true;
	am->ampredlocks = true;
	am->amcanparallel = true;
	am->amcaninclude = true;
	am->amusemaintenanceworkmem = false;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL |
		VACUUM_OPTION_PARALLEL_COND_CLEANUP;
	am->amkeytype = InvalidOid;
#if PG_VERSION_NUM >= 160000
	am->amsummarizing = false;
#endif
#if PG_VERSION_NUM >= 170000
	am->amcanbuildparallel = true;
#endif
#if PG_VERSION_NUM >= 180000
	am->amcanhash = false;
	am->amconsistentequality = true;
	am->amconsistentordering = true;
#endif
}

static void
set_write_functions(IndexAmRoutine *am)
{
	am->ambuild = alex_build;
	am->ambuildempty = alex_buildempty;
	am->ambuildphasename = alex_buildphasename;
	am->aminsert = alex_insert;
	am->ambulkdelete = alex_bulkdelete;
	am->amvacuumcleanup = alex_vacuumcleanup;
	am->amoptions = alex_options;
	am->amvalidate = alex_validate;
	am->amadjustmembers = alex_adjustmembers;
#if PG_VERSION_NUM >= 170000
	am->aminsertcleanup = NULL; /* see alexbatch.c */
#endif
}

static void
set_read_functions(IndexAmRoutine *am)
{
	am->amcanreturn = alex_canreturn;
	am->amcostestimate = alex_costestimate;
	am->ambeginscan = alex_beginscan;
	am->amrescan = alex_rescan;
	am->amgettuple = alex_gettuple;
	am->amgetbitmap = alex_getbitmap;
	am->amendscan = alex_endscan;
	am->ammarkpos = alex_markpos;
	am->amrestrpos = alex_restrpos;
	am->amestimateparallelscan = alex_estimateparallelscan;
	am->aminitparallelscan = alex_initparallelscan;
	am->amparallelrescan = alex_parallelrescan;
}

#if PG_VERSION_NUM >= 180000

/*
 * Strategy numbers and comparison types have the same meaning and order.
 */
static CompareType
alex_translatestrategy(StrategyNumber strategy, Oid opfamily)
{
	switch (strategy)
	{
		case BTLessStrategyNumber:
			return COMPARE_LT;
		case BTLessEqualStrategyNumber:
			return COMPARE_LE;
		case BTEqualStrategyNumber:
			return COMPARE_EQ;
		case BTGreaterEqualStrategyNumber:
			return COMPARE_GE;
		case BTGreaterStrategyNumber:
			return COMPARE_GT;
		default:
			return COMPARE_INVALID;
	}
}

static StrategyNumber
alex_translatecmptype(CompareType cmptype, Oid opfamily)
{
	switch (cmptype)
	{
		case COMPARE_LT:
			return BTLessStrategyNumber;
		case COMPARE_LE:
			return BTLessEqualStrategyNumber;
		case COMPARE_EQ:
			return BTEqualStrategyNumber;
		case COMPARE_GE:
			return BTGreaterEqualStrategyNumber;
		case COMPARE_GT:
			return BTGreaterStrategyNumber;
		default:
			return InvalidStrategy;
	}
}

#endif							/* 18 */

/*
 * alex_handler: the handler function named by CREATE ACCESS METHOD.
 */
Datum
alex_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	set_abilities(am);
	set_write_functions(am);
	set_read_functions(am);
#if PG_VERSION_NUM >= 180000
	am->amgettreeheight = alex_gettreeheight;
	am->amtranslatestrategy = alex_translatestrategy;
	am->amtranslatecmptype = alex_translatecmptype;
#endif
	PG_RETURN_POINTER(am);
}

/*
 * alex_buildphasename: the name that pg_stat_progress_create_index shows for
 * a phase (PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE or ALEX_PHASE_xxx); NULL if
 * there is no such phase.
 */
char *
alex_buildphasename(int64 phasenum)
{
	switch (phasenum)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case ALEX_PHASE_SCAN:
			return "scanning table";
		case ALEX_PHASE_SORT:
			return "sorting entries";
		case ALEX_PHASE_LOAD:
			return "writing pages";
		default:
			return NULL;
	}
}
