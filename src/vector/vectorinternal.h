/*-------------------------------------------------------------------------
 *
 * vectorinternal.h
 *	  What the files of src/vector share: nodes of expressions, and the table
 *	  of functions that are computed by loops over arrays.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_VECTORINTERNAL_H
#define OMENDB_VECTORINTERNAL_H

#include "postgres.h"

#include "column/columncodec.h"
#include "vector/vector.h"

typedef struct VectorNode VectorNode;

/* an inner loop over arrays, compiled for several processors */
#define VECTOR_KERNEL	static CODEC_KERNEL

/* between which values integers are; wide, so that it can tell what overflows */
typedef struct VectorRange
{
	int128		low;
	int128		high;
} VectorRange;

/*
 * How a strict function is computed.  When bounds and kernel are called,
 * node->values has the arguments of this batch, each of the kind that args
 * asks for, and node->out the nulls of the result.
 */
typedef struct VectorFunction
{
	Oid			oid;			/* of the SQL function */
	const char *args;			/* a letter for each argument: i VECTOR_INT, f
								 * VECTOR_FLOAT, b VECTOR_BOOL, s VECTOR_BYTES
								 * or VECTOR_CODES, k row-independent, of any
								 * kind */
	VectorKind	kind;			/* of the result */

	/*
	 * For results of kind VECTOR_INT: between which values they are, as
	 * follows from low and high of the arguments, and out.scale for numeric.
	 * False: this batch is computed by row.  The caller sees to it that the
	 * range fits the result's type.  NULL: the same as argument 0.
	 */
	bool		(*bounds) (VectorNode *node, VectorRange *range);

	/*
	 * Computes node->out for rows 0 .. source->nrows - 1.  Rows that are null
	 * or not selected may hold anything, and must not trap.  The arrays are
	 * vector_ints(node) and so on; or out.ints (...) is let point to an
	 * argument's.  False: this batch is computed by row.  Raises no error.
	 */
	bool		(*kernel) (VectorNode *node, const VectorSource *source);

	int			option;			/* the function's own */

	/* Can it be used for this expression?  NULL: always.  Planner's time */
	bool		(*usable) (const VectorNode *node);
} VectorFunction;

/*
 * A part of an expression that can be computed natively.
 */
struct VectorNode
{
	/*
	 * The values of a batch, for selected rows at least.  NULL: there is no
	 * native form of them, and the whole expression is computed by row.
	 */
	const Vector *(*eval) (VectorNode *node, VectorSource *source);

	const Expr *expr;
	VectorKind	kind;			/* for which buffer has room; 0: none */
	int			nargs;
	VectorNode **args;
	const Vector **values;		/* of the arguments, for the current batch */

	const VectorFunction *function;
	int			option;			/* attribute number, kind of test, ... */
	void	   *state;			/* the node's own, in owner->context or
								 * owner->bound */
	uint64		binding;		/* owner->binding when state was made */

	/* row-independent expressions */
	bool		constant;
	ExprState  *exprstate;
	Datum		value;			/* when bound */
	bool		isnull;

	VectorExpr *owner;			/* set when execution starts, and the rest: */
	Vector		out;
	const Vector *result;		/* what eval returned last */
	void	   *buffer;			/* COLUMN_VECTOR values of that kind */
};

/* an expression that is ready for execution */
struct VectorExpr
{
	Oid			type;			/* domains resolved */
	VectorNode *root;			/* NULL: by row only */
	uint64		binding;		/* another number after each rebind */
	MemoryContext context;		/* as long as the expression lives */
	MemoryContext bound;		/* until the next rebind */
	MemoryContext batch;		/* until the next batch */
	ExprContext *econtext;
	ExprState  *exprstate;		/* for computing by row */
	TupleTableSlot *slot;
	int			nattnos;		/* columns that it refers to */
	AttrNumber *attnos;
	const Vector **columns;		/* their Datums */
	uint64		nby_row;		/* batches computed by row */
	Vector		out;			/* result computed by row, and its room */
	Datum	   *datums;
	void	   *buffer;
};

/* what is known while nodes are built */
typedef struct VectorBuild
{
	Index		varno;			/* of the table */
	VectorNode *case_test;		/* what CaseTestExpr stands for, or NULL */
} VectorBuild;

/* where a node writes its result */
static inline int64 *
vector_ints(const VectorNode *node)
{
	return node->buffer;
}

static inline double *
vector_floats(const VectorNode *node)
{
	return node->buffer;
}

static inline uint8 *
vector_bools(const VectorNode *node)
{
	return node->buffer;
}

static inline ColumnBytes *
vector_bytes(const VectorNode *node)
{
	return node->buffer;
}

static inline uint32 *
vector_codes(const VectorNode *node)
{
	return node->buffer;
}

static inline bool
vector_is_null(const Vector *vector, int row)
{
	return (vector->nulls[row / 64] >> (row % 64)) & 1;
}

static inline void
vector_set_null(Vector *vector, int row)
{
	vector->nulls[row / 64] |= UINT64CONST(1) << (row % 64);
	vector->has_nulls = true;
}

/* the bytes of a row of VECTOR_BYTES or VECTOR_CODES that is not null */
static inline const ColumnBytes *
vector_row_bytes(const Vector *vector, int row)
{
	return vector->kind == VECTOR_CODES ?
		&vector->dictionary[vector->codes[row]] : &vector->bytes[row];
}

/* vectorbuild.c */
extern VectorNode *vector_build(VectorBuild *build, Expr *expr);
extern VectorNode *vector_node(const Expr *expr, VectorKind kind, int nargs);
extern VectorNode *vector_call(VectorBuild *build, const Expr *expr,
							   Oid function, List *args);
extern bool vector_row_independent(const Expr *expr);

/* vectorfunction.c */
extern const VectorFunction *vector_function(Oid oid);
extern const Vector *vector_eval_function(VectorNode *node,
										  VectorSource *source);
extern bool vector_eval_args(VectorNode *node, VectorSource *source);
extern bool vector_set_range(VectorNode *node, const VectorRange *range);

/* vectortype.c */
extern Size vector_width(VectorKind kind);
extern void vector_point(Vector *vector, void *array);
extern void vector_repeat(Vector *vector, void *room);

/* vectorexpr.c */
extern void vector_bind_constant(VectorNode *node);

/* tables of functions, each ended by an entry without an oid */
extern const VectorFunction vector_int_functions[];
extern const VectorFunction vector_float_functions[];
extern const VectorFunction vector_cast_functions[];
extern const VectorFunction vector_compare_functions[];

#endif							/* OMENDB_VECTORINTERNAL_H */
