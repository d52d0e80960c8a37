/*-------------------------------------------------------------------------
 *
 * aggplan.h
 *	  What aggplan.c, aggcost.c and aggestimate.c share: a grouping as the planner sees it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_AGGPLAN_H
#define OMENDB_AGGPLAN_H

#include "postgres.h"

#include "nodes/pathnodes.h"

#include "aggregate/aggregate.h"

/* what rows are grouped by, and what is computed for each group */
typedef struct AggShape
{
	const RelOptInfo *input;	/* whose rows these are */
	PathTarget *target;			/* what is returned for a group */
	List	   *keys;			/* expressions */
	List	   *aggs;			/* Aggrefs */
	List	   *having;			/* conditions on groups */
	bool		distinct;		/* one of aggs is DISTINCT */
	const struct AggShape *numbered;	/* of a join: the same over its
										 * columns; else NULL */
	List	   *columns;		/* Vars: columns of a nested loop, which has
								 * no list of its own; else NIL */
} AggShape;

/* aggplan.c */
extern Node *agg_argument(const Aggref *agg);

/* aggestimate.c */
extern double agg_estimate_groups(PlannerInfo *root, List *keys, double rows);

/* aggcost.c */
extern void agg_cost(PlannerInfo *root, CustomPath *path, AggMode mode,
					 const AggShape *shape, const Path *input);

#endif							/* OMENDB_AGGPLAN_H */
