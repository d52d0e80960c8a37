/*-------------------------------------------------------------------------
 *
 * tableinternal.h
 *	  What the files of src/table share among themselves.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TABLEINTERNAL_H
#define TABLEINTERNAL_H

#include "postgres.h"

#include "access/tableam.h"
#include "catalog/index.h"
#include "utils/rel.h"

#include "compat.h"

/* name of the access method, of the extension and of its schema */
#define OMENDB_NAME		"omendb"

/* tableindex.c */
extern double table_build_range_scan(Relation heap, Relation index,
									 IndexInfo *info, bool allow_sync,
									 bool anyvisible, bool progress,
									 BlockNumber start, BlockNumber nblocks,
									 IndexBuildCallback callback, void *state,
									 TableScanDesc scan);
extern void table_validate_scan(Relation heap, Relation index, IndexInfo *info,
								Snapshot snapshot, ValidateIndexState *state);

/* tablemark.c, tablecover.c, tableenable.c */
extern void table_mark_init(void);
extern void table_cover_init(void);
extern void table_enable_init(void);

#endif							/* TABLEINTERNAL_H */
