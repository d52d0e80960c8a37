/*-------------------------------------------------------------------------
 *
 * aggregate.h
 *	  Grouping and aggregates over vectors.  src/aggregate/README explains
 *	  them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_AGGREGATE_H
#define OMENDB_AGGREGATE_H

#include "postgres.h"

#include "commands/explain.h"
#include "nodes/execnodes.h"
#include "nodes/extensible.h"
#include "nodes/pathnodes.h"

#include "column/column.h"
#include "compat.h"
#include "vector/vector.h"

/*------------------------------------------------------------------------
 * Aggregate functions.  The state of one function for one group is so many
 * bytes, aligned to MAXALIGN, and may be moved; states that need more memory take
 * it from the spec's context, which is reset when all groups are forgotten.
 * ------------------------------------------------------------------------
 */

typedef struct AggFunction AggFunction;

/* one aggregate of a query */
typedef struct AggSpec
{
	const AggFunction *function;
	Oid			input;			/* type of the argument, domains resolved;
								 * InvalidOid: count(*) */
	Oid			result;
	int16		input_len;		/* pg_type.typlen of these */
	int16		result_len;
	Oid			collation;
	MemoryContext context;		/* of what states point to */
	void	   *extra;			/* the function's own */
} AggSpec;

struct AggFunction
{
	const char *name;
	uint32		size;			/* of a state */
	bool		any_order;		/* the result is the same, to the digit,
								 * whatever the order in which rows are added */

	/* sets up spec->extra; NULL: nothing to do.  agg_spec_init() calls it */
	void		(*prepare) (AggSpec *spec, const Aggref *aggref);

	/* a state that has seen no row */
	void		(*init) (const AggSpec *spec, void *state);

	/*
	 * Adds rows[0 .. nrows - 1] of arg (NULL for count(*)).  The state of row
	 * rows[i] is at states + groups[i] * stride; with groups NULL all rows
	 * belong to the state at states.  Nulls are skipped here.
	 */
	void		(*add) (const AggSpec *spec, char *states, Size stride,
						const uint32 *groups, const Vector *arg,
						const int *rows, int nrows);

	/*
	 * Adds all rows of a segment by its statistics; false, and nothing done,
	 * if they do not tell.  column is NULL for count(*).  NULL: never.
	 */
	bool		(*add_stats) (const AggSpec *spec, void *state,
							  const SegmentColumn *column, int nrows);
	ColumnStatsPart stats_part; /* what it looks at */

	/*
	 * Would add_stats change nothing, whichever of the rows that these
	 * statistics are of belong to the result?  NULL: nobody knows.
	 */
	bool		(*settled) (const AggSpec *spec, const void *state,
							const SegmentColumn *column);

	/*
	 * Adds what another state of the same spec has seen.  That one must not
	 * be used any more: its memory may be taken over, or freed.
	 */
	void		(*combine) (const AggSpec *spec, void *state, void *other);

	/*
	 * A state as bytes that any process with the same spec can read: appends
	 * to out; makes state, which is not set up.  NULL: the state's own bytes.
	 */
	void		(*write) (const AggSpec *spec, const void *state,
						  StringInfo out);
	void		(*read) (const AggSpec *spec, void *state, const char *data,
						 Size len);

	/*
	 * The result, in the current memory context.  Only init may have been
	 * called before.  The state must not be used any more.
	 */
	Datum		(*final) (const AggSpec *spec, void *state, bool *isnull);
};

/*
 * aggfunction.c.  agg_function() is for the planner: the function of an
 * aggregate as PostgreSQL's parser made it, or NULL if there is none.
 * agg_spec_init() prepares it for the executor; what it allocates stays in the
 * current memory context, states go to context.  It raises an error if the
 * user may not execute the aggregate.
 */
extern const AggFunction *agg_function(const Aggref *aggref);
extern void agg_spec_init(AggSpec *spec, const Aggref *aggref,
						  MemoryContext context);

/*------------------------------------------------------------------------
 * The plan.  custom_scan_tlist has the grouping expressions, then the
 * aggregates as Aggrefs, all over the columns of the table (varno of the scan
 * below) or of the joined tables.  The scan is the only child of modes WHOLE and
 * PARTIAL, or a join that of WHOLE; the child of FINAL hands out what PARTIAL nodes return: the keys, then a bytea for the
 * states of each aggregate.
 * ------------------------------------------------------------------------
 */

typedef enum AggMode
{
	AGG_WHOLE,
	AGG_PARTIAL,
	AGG_FINAL
} AggMode;

/* custom_private of a plan: a list of integers, see aggplan.c */
extern AggMode agg_plan_mode(const CustomScan *plan);
extern int	agg_plan_keys(const CustomScan *plan);	/* first so many entries */
extern int	agg_plan_columns(const CustomScan *plan);	/* and the last ones */

/* can rows be grouped by values of this type and collation? */
extern bool agg_key_supported(Oid type, Oid collation);

extern const CustomScanMethods column_aggregate_methods;
extern bool columnar_aggregate; /* GUC omendb.columnar_aggregate */

/* aggplan.c */
extern void aggregate_init(void);

/* aggexec.c */

/* what EXPLAIN ANALYZE shows, of this process */
typedef struct AggCounts
{
	uint64		groups;			/* handed out, or tested by HAVING */
	uint64		batches;
	uint64		by_row;			/* times that an expression was computed row
								 * by row for a batch */
	uint64		segments;		/* answered by statistics */
	uint64		partitions;		/* on disk */
	uint64		spilled;		/* bytes written there */
	Size		memory;			/* most that groups took, in bytes */
} AggCounts;

extern Node *create_aggregate_state(CustomScan *cscan);
extern void agg_counts(CustomScanState *node, AggCounts *counts);

/* aggexplain.c */
extern void explain_aggregate(CustomScanState *node, List *ancestors,
							  ExplainState *es);

#endif							/* OMENDB_AGGREGATE_H */
