/*-------------------------------------------------------------------------
 *
 * tablehandler.c
 *	  The table access method "omendb": heapam's routine, with what changes
 *	  rows remembered where columns cover them.
 *
 * A callback that is not replaced here is heapam's own.  One of heapam's that
 * asks for the access method of its table must be replaced; these are
 * relation_toast_am, which would make TOAST tables omendb tables, and the two
 * scans that build indexes, which use heap_getnext (see tableindex.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/tableam.h"
#include "catalog/pg_am_d.h"
#include "fmgr.h"

#include "table/table.h"
#include "table/tableinternal.h"

PG_FUNCTION_INFO_V1(omendb_table_handler);

static TableAmRoutine omendb_routine;
static const TableAmRoutine *heap_routine = NULL;

/*
 * One TID of the table has another content than before: a row was placed there,
 * or the one that was there was removed.
 */
static inline void
note_change(Relation rel, const ItemPointerData *tid, bool placed)
{
	if (cover_block(rel, ItemPointerGetBlockNumber(tid)))
		mark_changed(rel, tid, placed);
}

static void
table_insert(Relation rel, TupleTableSlot *slot, CommandId cid, int options,
			 BulkInsertState bistate)
{
	heap_routine->tuple_insert(rel, slot, cid, options, bistate);
	note_change(rel, &slot->tts_tid, true);
}

static void
table_insert_many(Relation rel, TupleTableSlot **slots, int nslots,
				  CommandId cid, int options, BulkInsertState bistate)
{
	heap_routine->multi_insert(rel, slots, nslots, cid, options, bistate);
	for (int i = 0; i < nslots; i++)
		note_change(rel, &slots[i]->tts_tid, true);
}

/*
 * The mark is made before it is known whether the row stays: a mark too many
 * is harmless, and the completion needs none.
 */
static void
table_insert_speculative(Relation rel, TupleTableSlot *slot, CommandId cid,
						 int options, BulkInsertState bistate, uint32 token)
{
	heap_routine->tuple_insert_speculative(rel, slot, cid, options, bistate,
										   token);
	note_change(rel, &slot->tts_tid, true);
}

static TM_Result
table_delete(Relation rel, ItemPointer tid, CommandId cid, Snapshot snapshot,
			 Snapshot crosscheck, bool wait, TM_FailureData *failure,
			 bool moved)
{
	TM_Result	result;

	result = heap_routine->tuple_delete(rel, tid, cid, snapshot, crosscheck,
										wait, failure, moved);
	if (result == TM_Ok)
		note_change(rel, tid, false);
	return result;
}

static TM_Result
table_update(Relation rel, ItemPointer otid, TupleTableSlot *slot,
			 CommandId cid, Snapshot snapshot, Snapshot crosscheck, bool wait,
			 TM_FailureData *failure, LockTupleMode *lockmode,
			 TU_UpdateIndexes *update_indexes)
{
	TM_Result	result;

	result = heap_routine->tuple_update(rel, otid, slot, cid, snapshot,
										crosscheck, wait, failure, lockmode,
										update_indexes);
	if (result == TM_Ok)
	{
		note_change(rel, otid, false);
		note_change(rel, &slot->tts_tid, true);
	}
	return result;
}

/* TOAST tables are never read as columns. */
static Oid
table_toast_am(Relation rel)
{
	return HEAP_TABLE_AM_OID;
}

static void
make_routine(void)
{
	heap_routine = GetHeapamTableAmRoutine();
	omendb_routine = *heap_routine;
	omendb_routine.tuple_insert = table_insert;
	omendb_routine.multi_insert = table_insert_many;
	omendb_routine.tuple_insert_speculative = table_insert_speculative;
	omendb_routine.tuple_delete = table_delete;
	omendb_routine.tuple_update = table_update;
	omendb_routine.relation_toast_am = table_toast_am;
	omendb_routine.index_build_range_scan = table_build_range_scan;
	omendb_routine.index_validate_scan = table_validate_scan;
}

/*
 * omendb_table_handler: the handler function named by CREATE ACCESS METHOD.
 */
Datum
omendb_table_handler(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&omendb_routine);
}

/*
 * omendb_is_table: does the relation have this access method?
 */
bool
omendb_is_table(Relation rel)
{
	return rel->rd_tableam == &omendb_routine;
}

/*
 * omendb_table_init: once per process, while the library is loaded.
 */
void
omendb_table_init(void)
{
	make_routine();
	table_cover_init();
	table_mark_init();
	table_enable_init();
}
