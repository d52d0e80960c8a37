/*-------------------------------------------------------------------------
 *
 * joinexplain.c
 *	  What EXPLAIN says about joins of vectors.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "utils/ruleutils.h"

#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

#include "join/join.h"

/* The conditions, one list for each inner plan, in the order of these */
static void
show_conditions(CustomScan *plan, List *ancestors, ExplainState *es)
{
	List	   *context = set_deparse_context_plan(es->deparse_cxt,
												   (Plan *) plan, ancestors);
	List	   *conditions = NIL;
	int			ninner = list_length(plan->custom_plans) - 1;
	int			first = 0;
	int			i;

	for (i = 0; i < ninner; i++)
	{
		int			n = join_plan_keys(plan, i);
		List	   *exprs = list_copy_tail(plan->custom_exprs, first);

		exprs = list_truncate(exprs, n);
		conditions = lappend(conditions,
							 deparse_expression((Node *) make_ands_explicit(exprs),
												context, true, false));
		first += n;
	}
	ExplainPropertyList("Hash Cond", conditions, es);
}

/* What it took; nothing is said of what did not happen. */
static void
show_counts(const VectorJoinState *join, ExplainState *es)
{
	uint64		rows = 0;
	Size		memory = 0;
	int			i;

	for (i = 0; i < join->ntables; i++)
	{
		rows += join->tables[i].total;
		memory += join->tables[i].peak;
	}
	ExplainPropertyInteger("Inner Rows", NULL, (int64) rows, es);
	ExplainPropertyInteger("Memory Usage", "kB", (int64) (memory + 1023) / 1024,
						   es);
	if (join->most_passes > 1)
		ExplainPropertyInteger("Passes", NULL, (int64) join->most_passes, es);
}

/*
 * explain_join: adds by what the relations are joined, and after execution what
 * it took.
 */
void
explain_join(CustomScanState *node, List *ancestors, ExplainState *es)
{
	show_conditions((CustomScan *) node->ss.ps.plan, ancestors, es);
	if (es->analyze)
		show_counts((VectorJoinState *) node, es);
}
