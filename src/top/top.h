/*-------------------------------------------------------------------------
 *
 * top.h
 *	  The first rows of a table in some order, or the first row of each group,
 *	  found in its columns.  src/top/README explains it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_TOP_H
#define OMENDB_TOP_H

#include "postgres.h"

#include "nodes/extensible.h"
#include "nodes/pathnodes.h"
#include "storage/itemptr.h"
#include "utils/sortsupport.h"

#include "aggregate/aggnode.h"
#include "compat.h"
#include "scan/scan.h"
#include "vector/vector.h"

/* an expression of ORDER BY */
typedef struct TopKey
{
	VectorExpr *expr;
	Oid			type;			/* domains resolved */
	Oid			collation;
	int16		typlen;
	bool		typbyval;
	bool		usual;			/* ordered as the type's values usually are */
	bool		last;			/* there are no more keys behind it */
	AttrNumber	attno;			/* of a column; 0: another expression */
	SortSupportData order;
	const Vector *vector;		/* of the current batch */
} TopKey;

/* a row that is wanted as far as is known */
typedef struct TopRow
{
	ItemPointerData tid;
	Datum	   *values;			/* of the keys */
	bool	   *nulls;
} TopRow;

/* a value of a key that others are compared with, as vectors have it */
typedef struct TopBound
{
	bool		known;			/* false: nothing can be compared with it */
	int64		as_int;
	double		as_float;
} TopBound;

/* could an entry of a dictionary come before the bound? */
typedef enum TopVerdict
{
	TOP_UNKNOWN = 0,
	TOP_BETTER,
	TOP_WORSE
} TopVerdict;

typedef struct TopState
{
	CustomScanState css;
	ColumnScanState *scan;		/* the child */
	MemoryContext row_context;	/* of rows that are kept */
	MemoryContext batch_context;
	TupleTableSlot *heap_slot;
	TopKey	   *keys;
	int			nkeys;
	int			limit;			/* rows wanted; 0: one of each group */
	int			ngrouped;		/* so many keys make the group */
	TopRow	  **rows;			/* a heap, the last in order at its top;
								 * sorted in the end */
	int			nrows;
	TopRow	   *next_row;		/* of which the values are being made */
	int			returned;		/* -1: the search has not been made */

	/* of the rows' first key, if there are as many as are wanted */
	TopBound	bound;

	/* of the first key's current dictionary; forgotten with the bound */
	uint64		dictionary_id;
	int			nverdicts;
	uint8	   *verdicts;		/* TopVerdict of each entry */

	AggTable   *groups;			/* NULL: rows are wanted, and not groups */
} TopState;

/*
 * Could a value come before the bound?  One that is equal could, if there are
 * more keys.  NaN is greater than all other values, and no bound.
 */
#define TOP_BETTER_THAN(key, value, bound) \
	((key)->order.ssup_reverse ? \
	 ((key)->last ? !((value) <= (bound)) : !((value) < (bound))) : \
	 ((key)->last ? (value) < (bound) : (value) <= (bound)))

static inline bool
top_is_null(const Vector *v, int row)
{
	return v->has_nulls && ((v->nulls[row / 64] >> (row % 64)) & 1);
}

/* The same for a row of a vector; true if that is not known */
static inline bool
top_may_be_better(const TopKey *key, const TopBound *bound, int row)
{
	const Vector *v = key->vector;

	if (!bound->known)
		return true;
	if (top_is_null(v, row))
		return key->order.ssup_nulls_first;
	switch (v->kind)
	{
		case VECTOR_INT:
			return TOP_BETTER_THAN(key, v->ints[row], bound->as_int);
		case VECTOR_FLOAT:
			return TOP_BETTER_THAN(key, v->floats[row], bound->as_float);
		default:
			return true;
	}
}

/* topplan.c */
extern const CustomScanMethods top_scan_methods;
extern void top_init(void);
extern int	top_plan_limit(const CustomScan *plan);
extern int	top_plan_grouped(const CustomScan *plan);
extern Oid	top_plan_operator(const CustomScan *plan, int key);
extern bool top_plan_nulls_first(const CustomScan *plan, int key);

/* toprow.c */
extern int	top_compare(const TopState *top, const TopRow *a, const TopRow *b);
extern int	top_compare_pointers(const void *a, const void *b, void *top);
extern TopRow *top_new_row(const TopState *top);
extern void top_make_row(TopState *top, int row);
extern void top_keep_row(TopState *top, int row);
extern void top_free_values(const TopState *top, TopRow *row);
extern void top_set_bound(const TopState *top, const TopRow *row, int key,
						  TopBound *bound);
extern bool top_improves(const TopState *top, int key, const int *rows, int n);

/* topsearch.c */
extern void top_search(TopState *top);

/* topgroup.c */
extern void top_search_groups(TopState *top);
extern void top_forget_groups(TopState *top);

/* topexec.c */
extern Node *create_top_state(CustomScan *cscan);

#endif							/* OMENDB_TOP_H */
