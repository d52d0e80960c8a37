/*-------------------------------------------------------------------------
 *
 * omendb.c
 *	  Entry point of the library: settings, and the parts wired together.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "aggregate/aggregate.h"
#include "alex/alex.h"
#include "column/column.h"
#include "join/join.h"
#include "scan/scan.h"
#include "table/table.h"
#include "top/top.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

#define OMENDB_DEFAULT_KB	(64 * 1024)

/*
 * The write-ahead log holds records that only this library can replay, and a
 * resource manager can be registered at server start only.  Working without it
 * would mean writing records that recovery rejects.
 */
static void
require_preload(void)
{
	if (process_shared_preload_libraries_in_progress)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("omendb must be loaded when the server starts"),
			 errhint("Add \"omendb\" to shared_preload_libraries in postgresql.conf and restart the server.")));
}

static const struct config_enum_entry columnar_scan_options[] = {
	{"off", COLUMNAR_SCAN_OFF, false},
	{"on", COLUMNAR_SCAN_ON, false},
	{"force", COLUMNAR_SCAN_FORCE, false},
	{"true", COLUMNAR_SCAN_ON, true},
	{"false", COLUMNAR_SCAN_OFF, true},
	{"yes", COLUMNAR_SCAN_ON, true},
	{"no", COLUMNAR_SCAN_OFF, true},
	{"1", COLUMNAR_SCAN_ON, true},
	{"0", COLUMNAR_SCAN_OFF, true},
	{NULL, 0, false}
};

static void
define_scans(void)
{
	DefineCustomEnumVariable("omendb.columnar_scan",
							 "Lets queries read columns of omendb tables instead of rows.",
							 "\"force\" does so wherever it is possible, whatever it costs.",
							 &columnar_scan,
							 COLUMNAR_SCAN_ON,
							 columnar_scan_options,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("omendb.columnar_aggregate",
							 "Lets queries aggregate columns of omendb tables and keys of alex indexes as vectors instead of row by row.",
							 "It needs omendb.columnar_scan.",
							 &columnar_aggregate,
							 true,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
}

static void
define_switches(void)
{
	DefineCustomBoolVariable("omendb.alex_model",
							 "Lets alex indexes use learned models to find keys.",
							 "Without models they search by comparison alone, with the same results.",
							 &alex_model,
							 true,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("omendb.alex_batch",
							 "Lets alex indexes collect the entries of a statement and insert them in bulk.",
							 NULL,
							 &alex_batch,
							 true,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
}

static void
define_sizes(void)
{
	DefineCustomIntVariable("omendb.alex_batch_size",
							"Sets the memory in which a statement's entries for one alex index are collected.",
							"When it is full the entries are inserted, or, if they are few for the size of the index, wait in a temporary file.",
							&alex_batch_size,
							OMENDB_DEFAULT_KB, 64, MAX_KILOBYTES,
							PGC_USERSET,
							GUC_UNIT_KB,
							NULL, NULL, NULL);
	DefineCustomIntVariable("omendb.alex_cache_size",
							"Sets the memory with which a session remembers where the leaf pages of alex indexes are.",
							"Zero turns the cache off.",
							&alex_cache_size,
							OMENDB_DEFAULT_KB, 0, MAX_KILOBYTES,
							PGC_USERSET,
							GUC_UNIT_KB,
							NULL, NULL, NULL);
}

void		_PG_init(void);

/*
 * _PG_init: called by the server when it loads the library.
 */
void
_PG_init(void)
{
	require_preload();

	define_switches();
	define_sizes();
	define_scans();
	worker_define_settings();
	MarkGUCPrefixReserved("omendb");

	alex_wal_init();
	alex_handler_init();
	alex_batch_init();
	alex_compat_init();
	alex_ddl_init();
	alex_plan_init();
	store_init();
	worker_init();
	omendb_table_init();
	column_scan_init();
	join_init();
	aggregate_init();
	top_init();
}
