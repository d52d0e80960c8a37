/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  The custom scan that reads an omendb table from columns, and from rows
 *	  where there are none.  src/scan/README explains it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_SCAN_H
#define OMENDB_SCAN_H

#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "commands/explain.h"
#include "nodes/execnodes.h"
#include "nodes/extensible.h"
#include "nodes/pathnodes.h"
#include "port/atomics.h"
#include "port/pg_bitutils.h"
#include "storage/buf.h"

#include "column/column.h"
#include "compat.h"
#include "vector/vector.h"

/* values of omendb.columnar_scan */
typedef enum ColumnarScan
{
	COLUMNAR_SCAN_OFF,
	COLUMNAR_SCAN_ON,			/* where it costs less */
	COLUMNAR_SCAN_FORCE			/* wherever it can be done, for tests */
} ColumnarScan;

/* "<>", beside btree's strategies */
#define SCAN_NOT_EQUAL		(BTMaxStrategyNumber + 1)

/* how the values of a filter's column compare */
typedef enum FilterKind
{
	FILTER_INT,					/* as int64 */
	FILTER_FLOAT,				/* as floats, NaN last */
	FILTER_TIME,				/* dates and timestamps with those of another
								 * type, by the types' own comparison */
	FILTER_NUMERIC,				/* as int64 where the column is kept so */
	FILTER_BYTES,				/* by memcmp, then length */
	FILTER_NULL					/* only whether they are null */
} FilterKind;

/* what the statistics of a segment say of a filter */
typedef enum FilterOutcome
{
	FILTER_SOME,				/* rows have to be tested */
	FILTER_NONE,				/* no row passes */
	FILTER_ALL					/* every row passes */
} FilterOutcome;

/* a condition that can be tested on columns, as it is in the query */
typedef struct FilterClause
{
	FilterKind	kind;
	AttrNumber	attno;
	Oid			type;			/* of the column, below its domains */
	int			strategy;
	bool		any;			/* column = ANY (array) */
	bool		wants_null;		/* FILTER_NULL: IS NULL */
	bool		wants_true;		/* value is NULL: the column's own truth */
	Expr	   *value;			/* NULL for IS [NOT] NULL and booleans */
	Oid			valuetype;		/* of it, or of the array's elements */
} FilterClause;

/* the same while it is executed */
typedef struct ScanFilter
{
	FilterClause clause;
	ExprState  *value;
	int			column;			/* index in ScanState's columns */
	bool		never;			/* true for no row */

	/*
	 * All but FILTER_BYTES and FILTER_NULL: the key is in [low, high], or is
	 * not.  No key is if low is greater than high.
	 */
	int64		low;
	int64		high;
	bool		outside;
	int64	   *keys;			/* ANY: one of these, ascending */
	int			nkeys;

	/* FILTER_TIME and FILTER_NUMERIC: what the keys are made from */
	FmgrInfo	compare;		/* column's type with the value's */
	Datum	   *values;			/* more than one only for ANY */
	int			nvalues;
	int			scale;			/* FILTER_NUMERIC: the keys are times
								 * 10^scale; -1: there are none yet */

	/* FILTER_BYTES: compare with these, ascending */
	ColumnBytes *strings;
	int			nstrings;

	/* of the current segment */
	FilterOutcome outcome;
	bool	   *entries;		/* result for each entry of the dictionary */
	int			nentries;
} ScanFilter;

/* a column that the scan reads */
typedef struct ScanColumn
{
	AttrNumber	attno;
	int			position;		/* in the scan's slot */
	bool		output;			/* needed for more than the filters */
	bool		filtered;
	SegmentColumnState state;	/* in the current segment */
	SegmentColumn *stored;
	Datum		missing;		/* SEGMENT_COLUMN_MISSING: all values */
	bool		missing_null;
	ColumnVector *vector;		/* filtered columns */
	int			decoded;		/* which vector that is, -1: none */
	Datum	   *values;			/* output columns: of the current vector */
	bool	   *nulls;
} ScanColumn;

/* a part of the table, read by one process */
typedef struct ScanUnit
{
	const Segment *segment;		/* NULL: no columns */
	BlockNumber first;
	BlockNumber end;
	SegmentReader *reader;		/* NULL: not open */
	BlockMarks *all_marks;		/* line pointers not to be taken from columns */
	int			nall_marks;
	BlockMarks *marks;			/* those of blocks where rows were placed:
								 * they are read from the heap */
	int			nmarks;
	bool		knows_marked;	/* the rest is known: */
	uint64	   *marked;			/* bitmap of rows of the segment, or NULL */
	int			nmarked;		/* so many of them */
} ScanUnit;

/* the visible tuples of a heap page that are to be returned */
typedef struct ScanPage
{
	Buffer		buffer;			/* pinned, or invalid */
	int			ntuples;
	int			next;
	HeapTupleData tuples[MaxHeapTuplesPerPage];
	int			before[MaxHeapTuplesPerPage];	/* row of the segment that
												 * comes after it */
} ScanPage;

/*
 * Pages of marked rows that are read next: they are pinned before they are
 * needed, while others are looked at.
 */
#define MARKS_AHEAD		16

typedef struct ScanAhead
{
	int			npinned;		/* marks of the unit from its next one up to
								 * this one are: */
	Buffer		buffers[MARKS_AHEAD];	/* of mark i: [i % MARKS_AHEAD] */
	BlockNumber last_block;		/* what was read last, and where it was */
	Buffer		last_buffer;
	bool		in_order;		/* the buffer of another block was as far from
								 * it as the blocks are from each other, the
								 * last time */
} ScanAhead;

/* the conditions on a table, by how they are tested; RestrictInfos */
typedef struct ScanClauses
{
	List	   *filters;
	List	   *vectors;		/* on the rows that pass the filters */
	List	   *support;		/* VectorSupport of each of these */
	List	   *rows;			/* on rows that are returned */
} ScanClauses;

/* what EXPLAIN ANALYZE counts */
typedef enum ScanCount
{
	SCAN_SEGMENTS_READ,
	SCAN_SEGMENTS_PRUNED,
	SCAN_ROWS_COLUMNS,
	SCAN_ROWS_HEAP,
	SCAN_ROWS_REMOVED			/* by conditions on columns */
} ScanCount;

#define SCAN_COUNTS		5

/* what the processes of a parallel scan share */
typedef struct ScanShared
{
	pg_atomic_uint32 next_unit;
	BlockNumber nblocks;
	bool		rows_only;
	pg_atomic_uint64 counts[SCAN_COUNTS];	/* of workers */
} ScanShared;

typedef struct ScanBatch ScanBatch; /* see scanbatch.c */
typedef struct TupleTaker TupleTaker;	/* see scantuple.c */

typedef struct ColumnScanState
{
	CustomScanState css;
	Relation	rel;
	Snapshot	snapshot;
	MemoryContext context;		/* of units */
	MemoryContext filter_context;	/* of values in filters */
	MemoryContext vector_context;	/* of values of the current vector */
	BufferAccessStrategy strategy;
	ExprState  *pushed;			/* all filters, for rows of the heap */

	ScanColumn *columns;
	int			ncolumns;
	ScanColumn **outputs;		/* those of them that are output */
	int			noutputs;
	ScanFilter *filters;
	int			nfilters;
	VectorExpr **conditions;	/* other conditions, in order, to be tested on
								 * the rows that pass the filters */
	int			nconditions;
	VectorExpr **heap_conditions;	/* filters, for batches of the heap's
									 * rows, that are not tested before */
	int			nheap_conditions;
	AttrNumber	last_attno;

	bool		started;
	bool		rows_only;
	bool		nothing;		/* a filter is true for no row */
	int			rescans;
	Size		kept;			/* memory of segments kept open */
	BlockNumber nblocks;
	ScanUnit   *units;
	int			nunits;
	int			next_unit;
	AttrNumber	order_attno;	/* 0: units come as they are in the heap */
	bool		order_descending;
	bool		ends_first;		/* the last segment comes early */
	ScanShared *shared;			/* NULL: not parallel */

	ScanUnit   *unit;			/* current one, NULL: none */
	uint64		unit_number;	/* another number for each unit that is taken */
	bool		pruned;			/* no row of its columns qualifies */
	bool		all_pass;		/* all rows of its columns do, by the
								 * statistics: nothing has to be tested */
	BlockNumber next_block;		/* unit without columns */
	int			next_mark;
	int			vector;			/* current vector of the segment */
	int			nvectors;
	int			nselected;
	int			next_selected;
	int			selected[COLUMN_VECTOR];	/* rows of the vector */
	int			chosen[COLUMN_VECTOR];	/* while they are narrowed */
	uint8		keep[COLUMN_VECTOR];
	ColumnVector scratch;
	ScanPage	page;
	ScanAhead	ahead;
	TupleTableSlot *heap_slot;
	ScanBatch  *batch;			/* columns that are wanted as vectors, or NULL */
	bool		batches;		/* no rows are returned, but vectors */

	uint64		counts[SCAN_COUNTS];
	uint64		worker_counts[SCAN_COUNTS];
	uint64		flushed[SCAN_COUNTS];	/* part of counts that is in shared */
} ColumnScanState;

extern int	columnar_scan;
extern const CustomExecMethods column_scan_exec_methods;

/*
 * scanplan.c.  custom_exprs of a plan has the filters, then the other
 * conditions that are tested on vectors; custom_private is a list of the number
 * of filters.
 */
extern const CustomScanMethods column_scan_methods;
extern void column_scan_init(void);
extern bool is_column_scan_path(const Path *path);
extern CustomPath *scan_vector_path(PlannerInfo *root, RelOptInfo *rel,
									int workers);
extern int	scan_plan_filters(const CustomScan *plan);

/* scancursor.c */
extern bool cursor_needs_rows(const PlannerInfo *root);
extern bool query_shows_storage(const PlannerInfo *root);
extern void scan_cursor_init(void);

/* scancost.c */
extern void scan_cost_init(void);
extern bool scan_may_pay(RelOptInfo *rel, Relation table);
extern bool scan_beats_order(const RelOptInfo *rel, const List *pathkeys,
							 double limit, Cost least);
extern bool scan_may_pay_sorted(PlannerInfo *root, RelOptInfo *rel,
								Relation table, const Bitmapset *attnos);
extern void scan_cost(PlannerInfo *root, RelOptInfo *rel, Relation table,
					  CustomPath *path, const Bitmapset *attnos,
					  const ScanClauses *clauses, int workers);

/* scanexec.c */
extern Node *create_column_scan_state(CustomScan *cscan);
extern bool scan_take_unit(ColumnScanState *scan);
extern VectorExpr *scan_compile_filter(ColumnScanState *scan, int filter);

/* scanclause.c */
extern bool filter_parse(Node *clause, Index varno, FilterClause *result);
extern Oid	filter_comparison(const FilterClause *clause);

/* scanfilter.c */
extern void filters_bind(ColumnScanState *scan);
extern FilterOutcome filter_begin(ColumnScanState *scan, ScanFilter *filter);
extern bool filter_is_plain(const ScanFilter *filter);
extern bool filter_test_plain(const ScanFilter *filter, Datum value,
							  int16 len);
extern void filter_vector(ColumnScanState *scan, ScanFilter *filter);

/* scansegment.c */
extern void scan_segment_begin(ColumnScanState *scan);
extern bool scan_segment_next(ColumnScanState *scan);
extern int	scan_select(ColumnScanState *scan, int n);
extern void scan_segment_end(ColumnScanState *scan);
extern void scan_load_vector(ColumnScanState *scan, SegmentColumn *column,
							 ColumnVector *vector);

/* the first line pointer in marks behind this one, 0: none */
static inline int
marks_next(const BlockMarks *marks, int offset)
{
	int			w = ++offset / 64;
	uint64		bits;

	if (w >= lengthof(marks->offsets))
		return 0;
	bits = marks->offsets[w] & (~UINT64CONST(0) << (offset % 64));
	while (bits == 0)
	{
		if (++w >= lengthof(marks->offsets))
			return 0;
		bits = marks->offsets[w];
	}
	return w * 64 + pg_rightmost_one_pos64(bits);
}

/* scanheap.c */
extern void scan_page_read(ColumnScanState *scan, BlockNumber block);
extern void scan_page_read_marked(ColumnScanState *scan);
extern void scan_ahead_release(ColumnScanState *scan);
extern void scan_page_place(ColumnScanState *scan, BlockNumber block);
extern void scan_page_release(ColumnScanState *scan);
extern bool scan_page_store_next(ColumnScanState *scan, TupleTableSlot *slot);

/* scantuple.c */
extern TupleTaker *tuple_taker_create(TupleDesc desc);
extern void tuple_taker_want(TupleTaker *taker, AttrNumber attno,
							 Datum *values, uint64 *nulls);
extern void tuple_taker_reset(TupleTaker *taker, MemoryContext context);
extern void tuple_take(TupleTaker *taker, HeapTuple tuple, int row);

/*
 * scanbatch.c: vectors for a node above, instead of rows.  First a unit is
 * taken, then its batches until there is none left.  Also vectors for the
 * conditions of the scan itself.
 */
extern void scan_need_columns(ColumnScanState *scan, const Bitmapset *attnos);
extern VectorSource *scan_vector_source(ColumnScanState *scan);
extern void scan_narrow(ColumnScanState *scan, VectorSource *source,
						VectorExpr *const *conditions, int nconditions);
extern bool scan_unit_next(ColumnScanState *scan);
extern bool scan_unit_is_whole(const ColumnScanState *scan);
extern int	scan_unit_rows(const ColumnScanState *scan);
extern const SegmentColumn *scan_unit_column(const ColumnScanState *scan,
											 AttrNumber attno);
extern bool scan_unit_stats(ColumnScanState *scan, AttrNumber attno,
							ColumnStatsPart part, SegmentColumn *result);
extern void scan_unit_skip(ColumnScanState *scan);
extern VectorSource *scan_batch_next(ColumnScanState *scan);
extern bool scan_batch_in_columns(const ColumnScanState *scan);
extern void scan_unit_prune(ColumnScanState *scan);
extern void scan_batch_tid(const ColumnScanState *scan, int row,
						   ItemPointer tid);

/* scanstats.c */
extern bool scan_stats_unmarked(ColumnScanState *scan, SegmentColumn *column,
								ColumnStatsPart part, SegmentColumn *result);

/* scanorder.c */
extern void scan_order_units(ColumnScanState *scan);
extern void scan_order_ends(ColumnScanState *scan);

/* scanexplain.c */
extern void explain_column_scan(CustomScanState *node, List *ancestors,
								ExplainState *es);

#endif							/* OMENDB_SCAN_H */
