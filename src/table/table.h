/*-------------------------------------------------------------------------
 *
 * table.h
 *	  The table access method "omendb": heapam's rows, with coverage and
 *	  change marks.  src/table/README explains the protocol.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_TABLE_H
#define OMENDB_TABLE_H

#include "postgres.h"

#include "access/htup_details.h"
#include "access/tableam.h"
#include "storage/block.h"
#include "storage/itemptr.h"
#include "utils/rel.h"

#include "column/column.h"
#include "compat.h"

/* tablehandler.c */
extern bool omendb_is_table(Relation rel);
extern void omendb_table_init(void);

/* tablemark.c: changes of this backend that are not yet in omendb.mark */
extern void mark_changed(Relation rel, const ItemPointerData *tid,
						 bool placed);
extern void mark_flush(void);
extern bool mark_any_pending(void);
extern bool mark_pending(Relation rel, BlockNumber block,
						 bool offsets[MaxHeapTuplesPerPage + 1]);

/* tablecover.c: which blocks of a table segments cover, building ones too */
extern bool cover_block(Relation rel, BlockNumber block);
extern BlockNumber cover_blocks(Relation rel);

#endif							/* OMENDB_TABLE_H */
