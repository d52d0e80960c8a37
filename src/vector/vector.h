/*-------------------------------------------------------------------------
 *
 * vector.h
 *	  Expressions over vectors of rows.  src/vector/README explains them.
 *
 * Nothing here knows where rows are from: a source hands out columns as
 * vectors, and rows as slots for what has no vector form.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_VECTOR_H
#define OMENDB_VECTOR_H

#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "nodes/primnodes.h"

#include "column/column.h"
#include "compat.h"

/* what the values of a vector are */
typedef enum VectorKind
{
	VECTOR_INT = 1,				/* integers, dates, times, timestamps, oid,
								 * "char", and numeric times 10^scale */
	VECTOR_BOOL,
	VECTOR_FLOAT,				/* float8, and float4 widened */
	VECTOR_BYTES,				/* what is behind a varlena's length word, or
								 * all of a by-reference type of fixed length */
	VECTOR_CODES,				/* the same, as codes of a sorted dictionary */
	VECTOR_DATUM				/* any type, as PostgreSQL has it */
} VectorKind;

/*
 * Values of up to COLUMN_VECTOR rows.  Values of rows that are null or not
 * selected may be anything, but can be read.  Whoever hands out a vector owns
 * its arrays, which live until it is asked for the next batch.
 */
typedef struct Vector
{
	VectorKind	kind;
	Oid			type;			/* of the expression; domains resolved */
	int			scale;			/* numeric as VECTOR_INT: digits after the
								 * point, the dscale of all values */
	bool		has_nulls;
	uint64		nulls[COLUMN_VECTOR / 64];	/* bit set: null; always set up,
											 * also without nulls */

	/*
	 * VECTOR_INT: low <= value <= high for every selected row that is not
	 * null
	 */
	int64		low;
	int64		high;

	/* the one that kind says is set */
	const int64 *ints;
	const uint8 *bools;			/* 0 or 1 */
	const double *floats;
	const ColumnBytes *bytes;
	const uint32 *codes;
	const Datum *datums;

	/* VECTOR_CODES: entries ascend by memcmp, then length */
	const ColumnBytes *dictionary;
	int			ndictionary;
	uint64		dictionary_id;	/* another number for another dictionary,
								 * never 0: what was found out about entries
								 * can be kept as long as it is the same */
} Vector;

/*
 * Where vectors come from.  A batch is a set of rows 0 .. nrows - 1, of which
 * some are selected.
 */
typedef struct VectorSource VectorSource;
struct VectorSource
{
	int			nrows;			/* of the batch, at most COLUMN_VECTOR */
	int			nselected;
	const int  *selected;		/* rows, ascending */
	uint64		batch;			/* another number for each batch, never 0 */

	/*
	 * A column of the table for the current batch, at least its selected
	 * rows. NULL: these values have no vector form other than Datums
	 * (numerics of different scales, for example); then vector_datum() has
	 * them.
	 */
	const Vector *(*column) (VectorSource *source, AttrNumber attno);

	/* the same as a vector of kind VECTOR_DATUM */
	const Vector *(*datums) (VectorSource *source, AttrNumber attno);
};

typedef struct VectorExpr VectorExpr;

/* how an expression can be computed */
typedef enum VectorSupport
{
	VECTOR_NEVER,				/* volatile, a subplan, a set, ... */
	VECTOR_BY_ROW,				/* by PostgreSQL's executor, row for row */
	VECTOR_NATIVE				/* by loops over arrays, when values allow it */
} VectorSupport;

/* vectorplan.c: for the planner.  Vars of varno are the table's columns */
extern VectorSupport vector_support(Node *expr, Index varno);

/* vectorexpr.c: for the executor */
extern VectorExpr *vector_compile(Expr *expr, Index varno, TupleDesc table,
								  PlanState *parent);
extern bool vector_is_native(const VectorExpr *expr);
extern void vector_rebind(VectorExpr *expr);
extern const Vector *vector_eval(VectorExpr *expr, VectorSource *source);
extern void vector_allow_parts(VectorExpr *expr);
extern const Vector *vector_next_part(const VectorExpr *expr,
									  const Vector *part);
extern int	vector_select(VectorExpr *expr, VectorSource *source, int *rows);
extern uint64 vector_by_row(const VectorExpr *expr);

/* vectorbits.c: nulls as bytes of 0 and 1 */
extern void vector_expand_bits(const uint64 *bits, uint8 *bytes);

/* vectortype.c: Datums as values of a vector, and back */
static inline bool
vector_is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

extern VectorKind vector_kind(Oid type);
extern uint64 vector_new_dictionary(void);
extern void vector_from_datums(Vector *vector, Oid type, const Datum *datums,
							   const int *rows, int nrows, void *room);
extern Datum vector_int_datum(int64 value, Oid type, int scale);
extern Datum vector_bytes_datum(const ColumnBytes *bytes, Oid type);
extern Datum vector_datum(const Vector *vector, int row, bool *isnull);

#endif							/* OMENDB_VECTOR_H */
