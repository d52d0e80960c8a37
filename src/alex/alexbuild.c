/*-------------------------------------------------------------------------
 *
 * alexbuild.c
 *	  CREATE INDEX and REINDEX: scans the table into a spool, which sorts, and
 *	  loads the pages from it.  Also the init fork of unlogged indexes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/tableam.h"
#include "access/xloginsert.h"
#include "alex/alexbuild.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/*
 * alex_build_callback: takes an entry of the table scan into the spool
 *
 * Entries of dead rows do not count for uniqueness.
 */
void
alex_build_callback(Relation index, ItemPointer tid, Datum *values,
					bool *isnull, bool alive, void *state)
{
	AlexBuildState *build = (AlexBuildState *) state;

	alex_spool_put(build->spool, tid, values, isnull, alive || !build->unique);
	build->indtuples += 1;
}

/* Number of workers to ask for */
static int
alex_build_workers(Relation heap, Relation index, IndexInfo *indexInfo)
{
#if PG_VERSION_NUM < 170000
	/* 17 asks amcanbuildparallel; before, core plans workers for nbtree only */
	if (indexInfo->ii_ParallelWorkers == 0 && IsNormalProcessingMode() &&
		!IsInParallelMode() && RelationGetNumberOfBlocks(heap) > 0)
		return plan_create_index_workers(RelationGetRelid(heap),
										 RelationGetRelid(index));
#endif
	return indexInfo->ii_ParallelWorkers;
}

/* Tells how many entries there are to load */
static void
alex_report_total(double indtuples)
{
	const int	param[] = {
		PROGRESS_CREATEIDX_TUPLES_TOTAL,
		PROGRESS_SCAN_BLOCKS_TOTAL,
		PROGRESS_SCAN_BLOCKS_DONE
	};
	const int64 value[] = {(int64) indtuples, 0, 0};

	pgstat_progress_update_multi_param(3, param, value);
}

/*
 * alex_build: builds the index from the table's rows
 *
 * Uses up to maintenance_work_mem, spills to temporary files beyond it.
 */
IndexBuildResult *
alex_build(Relation heap, Relation index, IndexInfo *indexInfo)
{
	IndexBuildResult *result;
	AlexBuildState build = {0};
	AlexInfo	info;
	AlexLeader *leader = NULL;
	double		reltuples;
	int			workers;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data",
			 RelationGetRelationName(index));
	alex_batch_discard(OmenRelNumber(OmenRelLocator(index)));
	alex_make_info(index, &info);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ALEX_PHASE_SCAN);
	workers = alex_build_workers(heap, index, indexInfo);
	build.unique = indexInfo->ii_Unique;
	if (workers > 0)
		leader = alex_parallel_begin(heap, index, &info, indexInfo, workers);
	build.spool = alex_spool_begin(index, &info,
								   (Size) maintenance_work_mem * 1024);
	if (leader)
		reltuples = alex_parallel_wait(leader, build.spool, indexInfo,
									   &build.indtuples);
	else
		reltuples = table_index_build_scan(heap, index, indexInfo, true, true,
										   alex_build_callback, &build, NULL);

	alex_report_total(build.indtuples);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ALEX_PHASE_SORT);
	alex_spool_finish(build.spool);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ALEX_PHASE_LOAD);
	alex_load(heap, index, &info, indexInfo, build.spool);
	alex_spool_end(build.spool);
	if (leader)
		alex_parallel_end(leader);

	result = palloc(sizeof(IndexBuildResult));
	result->heap_tuples = reltuples;
	result->index_tuples = build.indtuples;
	return result;
}

/* The root of an empty index */
static void
alex_empty_root(Page page, const AlexInfo *info)
{
	AlexSpec	spec = {0};

	spec.nfields = info->nleaf;
	spec.nord = info->nord;
	spec.dict = info->dict;
	spec.deadfield = AlexFieldDead(info);
	spec.left = spec.right = InvalidBlockNumber;
	spec.low.inf = spec.high.inf = true;
	if (!alex_page_encode(page, &spec, NULL, 0))
		elog(ERROR, "could not make an empty page");
}

/* Adds a page to the init fork */
static void
alex_add_init_page(Relation index, const char *page, BlockNumber blk)
{
	Buffer		buf = OmenExtendLocked(index, INIT_FORKNUM);

	if (BufferGetBlockNumber(buf) != blk)
		elog(ERROR, "init fork of index \"%s\" already contains data",
			 RelationGetRelationName(index));
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buf), page, BLCKSZ);
	MarkBufferDirty(buf);
	log_newpage_buffer(buf, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buf);
}

/*
 * alex_buildempty: writes an empty index to the init fork
 */
void
alex_buildempty(Relation index)
{
	PGAlignedBlock page;
	AlexInfo	info;

	alex_make_info(index, &info);
	alex_init_metapage(page.data, &info, ALEX_METAPAGE + 1, 0);
	alex_add_init_page(index, page.data, ALEX_METAPAGE);
	alex_empty_root(page.data, &info);
	alex_add_init_page(index, page.data, ALEX_METAPAGE + 1);
}
