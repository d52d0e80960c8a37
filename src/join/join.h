/*-------------------------------------------------------------------------
 *
 * join.h
 *	  Joins of an omendb table's vectors with rows of other relations.
 *	  src/join/README explains them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_JOIN_H
#define OMENDB_JOIN_H

#include "postgres.h"

#include "aggregate/aggnode.h"
#include "scan/scan.h"

#define JOIN_NO_ROW		PG_UINT32_MAX

/*------------------------------------------------------------------------
 * The rows of an inner relation, in columns and found by their keys.
 * ------------------------------------------------------------------------
 */

/* a column of the inner plan's rows, while a batch of them is taken */
typedef struct JoinInput
{
	AttrNumber	attno;
	int16		typlen;
	bool		typbyval;
	bool		has_nulls;
	uint64		nulls[COLUMN_VECTOR / 64];
	Datum	   *datums;
} JoinInput;

/* a column that is handed out */
typedef struct JoinColumn
{
	int			input;			/* in the table's inputs */
	Oid			type;			/* domains resolved */
	VectorKind	kind;			/* VECTOR_CODES for strings; VECTOR_DATUM for
								 * numerics of several scales */
	Size		width;			/* of a value */
	char	   *values;			/* of all rows, and whether they are null */
	uint8	   *nulls;
	bool		has_nulls;
	int			scale;			/* numerics; -1: there is none yet */
	int64		low;			/* of VECTOR_INT; low > high: no value yet */
	int64		high;
	Intern		strings;		/* of which codes are the numbers, sorted in
								 * the end */
	ColumnBytes *dictionary;
	int			ndictionary;
	uint64		dictionary_id;

	/* of the current batch of the outer side */
	uint64		made;
	Vector		vector;
	void	   *buffer;
	uint64		made_datums;
	Vector		as_datums;
	Datum	   *datums;
} JoinColumn;

typedef struct JoinTable
{
	PlanState  *plan;
	int			first_expr;		/* of the plan's custom_exprs */
	int			nkeys;
	AggKey	   *keys;
	VectorExpr **outer;			/* what they are compared with */
	int		   *key_inputs;
	int			nwords;			/* nkeys, and one for the tags of numerics */
	int			nfilters;
	VectorExpr **filters;		/* what the rows that are found must fulfil */
	int			ninputs;
	JoinInput  *inputs;
	AttrNumber	last_attno;		/* of these */
	int			ncolumns;
	JoinColumn *columns;

	Size		limit;			/* of memory for rows */
	Size		row_bytes;		/* of a row in arrays */
	Size		fixed;			/* of context, without any row */
	Size		peak;
	MemoryContext context;		/* of rows, and of */
	MemoryContext values;		/* Datums of rows */
	MemoryContext batch;		/* of a batch of inner rows */

	uint32		nrows;
	uint32		room;
	int64	   *words;			/* nwords of each row */
	bool		ended;			/* the plan has no more rows */
	int			chunks;			/* of them, up to now */
	uint64		total;			/* rows of all chunks */

	/* how rows are found: by a place for each combination of words, or ... */
	bool		direct;
	uint32	   *map;			/* row, or JOIN_NO_ROW, of each place; of one
								 * more, too, where nothing is */
	uint32		places;
	bool		bounded;		/* all words are in ranges: */
	int64	   *low;			/* of each key */
	int64	   *high;
	/* ... by hashing: numbers of rows + 1 */
	uint32	   *slots;
	uint32		mask;

	/* of the current batch of the outer side */
	uint32		match[COLUMN_VECTOR];	/* row of the table, of each row; 0 if
										 * there is none */
} JoinTable;

/* jointable.c */
extern void join_table_init(JoinTable *table, Size limit, double rows);
extern bool join_table_load(JoinTable *table);
extern void join_table_rescan(JoinTable *table);

/* joinfind.c */
extern void join_find_ready(JoinTable *table);
extern int	join_find(JoinTable *table, VectorSource *source, int *rows);
extern const Vector *join_gather(JoinTable *table, JoinColumn *column,
								 const VectorSource *source);
extern const Vector *join_gather_datums(JoinTable *table, JoinColumn *column,
										const VectorSource *source,
										MemoryContext context);

/*------------------------------------------------------------------------
 * The node.
 *
 * custom_scan_tlist has Vars, which are the columns of the joined rows and of
 * what they are joined by.  Expressions refer to them as columns of INDEX_VAR.
 * custom_plans has the scan, then the inner plans in the order in which they
 * are joined; custom_exprs, in the same order, has for each of them its keys,
 * outer = inner, and then its other conditions.
 * ------------------------------------------------------------------------
 */

/* where a column is from */
typedef struct JoinSource
{
	JoinTable  *table;			/* NULL: the scan */
	AttrNumber	attno;			/* there */
	JoinColumn *column;			/* of the table; NULL: is not handed out */
} JoinSource;

typedef struct VectorJoinState
{
	CustomScanState css;
	ColumnScanState *scan;
	JoinTable  *tables;
	int			ntables;
	JoinSource *columns;		/* of custom_scan_tlist */
	int			ncolumns;
	List	   *vars;			/* custom_scan_tlist's */
	struct JoinBatch *batch;
	VectorSource *outer;		/* the scan's current batch */
	int			selected[COLUMN_VECTOR];
	MemoryContext context;		/* of values of a batch */
	bool		started;
	bool		in_unit;
	bool		nothing;		/* a table has no row */
	uint64		passes;			/* over the scan, since the last rescan */
	uint64		most_passes;
} VectorJoinState;

extern const CustomScanMethods join_scan_methods;
extern const CustomExecMethods join_exec_methods;

/* joinplan.c */
extern void join_init(void);
extern bool join_is_candidate(const PlannerInfo *root, RelOptInfo *rel);
extern Path *join_vector_path(PlannerInfo *root, RelOptInfo *rel, Index fact,
							  PathTarget *target);
extern Node *join_number_columns(Node *expr, List *columns);
extern int	join_plan_child(const CustomScan *plan, int column);
extern AttrNumber join_plan_attno(const CustomScan *plan, int column);
extern int	join_plan_keys(const CustomScan *plan, int inner);
extern int	join_plan_filters(const CustomScan *plan, int inner);

/* joinexec.c */
extern Node *create_join_state(CustomScan *cscan);
extern VectorSource *join_batch_next(VectorJoinState *join);
extern VectorExpr *join_compile(VectorJoinState *join, Expr *expr, PlanState *parent);

/* joinexplain.c */
extern void explain_join(CustomScanState *node, List *ancestors,
						 ExplainState *es);

#endif							/* OMENDB_JOIN_H */
