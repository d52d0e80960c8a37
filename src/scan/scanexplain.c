/*-------------------------------------------------------------------------
 *
 * scanexplain.c
 *	  What EXPLAIN says about a scan of columns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/ruleutils.h"

#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

#include "scan/scan.h"

static void
show_columns(ColumnScanState *scan, ExplainState *es)
{
	TupleDesc	desc = RelationGetDescr(scan->rel);
	List	   *names = NIL;
	int			k;

	for (k = 0; k < scan->ncolumns; k++)
	{
		Form_pg_attribute att = TupleDescAttr(desc,
											  scan->columns[k].attno - 1);

		names = lappend(names, pstrdup(NameStr(att->attname)));
	}
	if (names != NIL || es->format != EXPLAIN_FORMAT_TEXT)
		ExplainPropertyList("Columns", names, es);
}

static void
show_conditions(CustomScanState *node, List *ancestors, const char *label,
				List *conditions, ExplainState *es)
{
	Plan	   *plan = node->ss.ps.plan;
	List	   *context;

	if (conditions == NIL)
		return;
	context = set_deparse_context_plan(es->deparse_cxt, plan, ancestors);
	ExplainPropertyText(label,
						deparse_expression((Node *) make_ands_explicit(conditions),
										   context, es->verbose, false), es);
}

static void
show_counts(ColumnScanState *scan, ExplainState *es)
{
	static const char *const names[SCAN_COUNTS] = {
		"Segments Read", "Segments Pruned", "Rows from Columns",
		"Rows from Heap", "Rows Removed by Columnar Filter"
	};
	int			i;

	for (i = 0; i < SCAN_COUNTS; i++)
	{
		uint64		n = scan->counts[i] + scan->worker_counts[i];

		if (i == SCAN_ROWS_REMOVED && scan->nfilters + scan->nconditions == 0)
			continue;
		ExplainPropertyInteger(names[i], NULL, (int64) n, es);
	}
}

/*
 * explain_column_scan: adds the columns that are read, the filters on them,
 * and after execution what was read, summed over all processes and loops.
 */
void
explain_column_scan(CustomScanState *node, List *ancestors, ExplainState *es)
{
	ColumnScanState *scan = (ColumnScanState *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	int			nfilters = scan_plan_filters(plan);

	show_columns(scan, es);
	show_conditions(node, ancestors, "Columnar Filter",
					list_truncate(list_copy(plan->custom_exprs), nfilters), es);
	show_conditions(node, ancestors, "Vector Filter",
					list_copy_tail(plan->custom_exprs, nfilters), es);
	if (es->analyze)
		show_counts(scan, es);
}
