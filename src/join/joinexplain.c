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

/* Some of the plan's conditions as one */
static char *
deparse(CustomScan *plan, List *context, int first, int n)
{
	List	   *exprs = list_truncate(list_copy_tail(plan->custom_exprs, first),
									  n);

	return deparse_expression((Node *) make_ands_explicit(exprs), context, true,
							  false);
}

/* The conditions for each inner plan, in the order of these */
static void
show_conditions(CustomScan *plan, List *ancestors, ExplainState *es)
{
	List	   *context = set_deparse_context_plan(es->deparse_cxt,
												   (Plan *) plan, ancestors);
	List	   *keys = NIL;
	List	   *filters = NIL;
	int			ninner = list_length(plan->custom_plans) - 1;
	int			first = 0;
	int			i;

	for (i = 0; i < ninner; i++)
	{
		int			nkeys = join_plan_keys(plan, i);
		int			nfilters = join_plan_filters(plan, i);

		keys = lappend(keys, deparse(plan, context, first, nkeys));
		if (nfilters > 0)
			filters = lappend(filters, deparse(plan, context, first + nkeys,
											   nfilters));
		first += nkeys + nfilters;
	}
	ExplainPropertyList("Hash Cond", keys, es);
	if (filters != NIL)
		ExplainPropertyList("Join Filter", filters, es);
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
