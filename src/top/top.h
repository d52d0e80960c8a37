/*-------------------------------------------------------------------------
 *
 * top.h
 *	  The first rows of a table in some order, found in its columns.
 *	  src/top/README explains it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_TOP_H
#define OMENDB_TOP_H

#include "postgres.h"

#include "nodes/extensible.h"
#include "nodes/pathnodes.h"

#include "compat.h"

/* topplan.c */
extern const CustomScanMethods top_scan_methods;
extern void top_init(void);
extern int	top_plan_limit(const CustomScan *plan);
extern Oid	top_plan_operator(const CustomScan *plan, int key);
extern bool top_plan_nulls_first(const CustomScan *plan, int key);

/* topexec.c */
extern Node *create_top_state(CustomScan *cscan);

#endif							/* OMENDB_TOP_H */
