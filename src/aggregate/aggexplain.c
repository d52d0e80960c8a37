/*-------------------------------------------------------------------------
 *
 * aggexplain.c
 *	  What EXPLAIN says about aggregation over vectors.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/ruleutils.h"

#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

#include "aggregate/aggregate.h"

/* What part of the work it does; in text only if that is not all of it */
static void
show_mode(const CustomScan *plan, ExplainState *es)
{
	static const char *const names[] = {
		[AGG_WHOLE] = "Whole",
		[AGG_PARTIAL] = "Partial",
		[AGG_FINAL] = "Final"
	};
	AggMode		mode = agg_plan_mode(plan);

	if (mode != AGG_WHOLE || es->format != EXPLAIN_FORMAT_TEXT)
		ExplainPropertyText("Mode", names[mode], es);
}

static void
show_keys(CustomScan *plan, List *ancestors, ExplainState *es)
{
	List	   *context = set_deparse_context_plan(es->deparse_cxt,
												   (Plan *) plan, ancestors);
	bool		prefix = OmenExplainTables(es) > 1 || es->verbose;
	List	   *keys = NIL;
	int			i;

	for (i = 0; i < agg_plan_keys(plan); i++)
	{
		TargetEntry *entry = list_nth_node(TargetEntry,
										   plan->custom_scan_tlist, i);

		keys = lappend(keys, deparse_expression((Node *) entry->expr, context,
												prefix, true));
	}
	if (keys != NIL)
		ExplainPropertyList("Group Key", keys, es);
}

/* What it took, in this process; nothing is said of what did not happen. */
static void
show_counts(CustomScanState *node, ExplainState *es)
{
	AggCounts	counts;

	agg_counts(node, &counts);
	ExplainPropertyInteger("Memory Usage", "kB",
						   (int64) (counts.memory + 1023) / 1024, es);
	if (counts.segments > 0)
		ExplainPropertyInteger("Segments by Statistics", NULL,
							   (int64) counts.segments, es);
	if (counts.by_row > 0)
		ExplainPropertyInteger("Batches by Row", NULL, (int64) counts.by_row,
							   es);
	if (counts.partitions > 0)
	{
		ExplainPropertyInteger("Partitions on Disk", NULL,
							   (int64) counts.partitions, es);
		ExplainPropertyInteger("Disk Usage", "kB",
							   (int64) (counts.spilled + 1023) / 1024, es);
	}
}

/*
 * explain_aggregate: adds what rows are grouped by, and after execution what it
 * took.
 */
void
explain_aggregate(CustomScanState *node, List *ancestors, ExplainState *es)
{
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;

	show_mode(plan, es);
	show_keys(plan, ancestors, es);
	if (es->analyze)
		show_counts(node, es);
}
