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

	bool		column;			/* of the table, option is its number */

	/* row-independent expressions */
	bool		constant;
	ExprState  *exprstate;
	Datum		value;			/* when bound */
	bool		isnull;

	VectorExpr *owner;			/* set when execution starts, and the rest: */
	Vector		out;
	const Vector *result;		/* what eval returned last */
	void	   *buffer;			/* COLUMN_VECTOR values of that kind */
	Size		nscratch;		/* bytes of it that the node wants, set while
								 * it is built */
	void	   *scratch;
};

/* so many scales of numerics, and one more, may a result have */
#define VECTOR_PARTS	3

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
	const VectorSource *source; /* while a batch is computed natively */
	uint64		nby_row;		/* batches computed by row */
	bool		allow_parts;
	int			nparts;			/* of the current result, besides the first */
	Vector	   *parts[VECTOR_PARTS];
	Vector		out;			/* result computed by row, and its room */
	Datum	   *datums;
	void	   *buffer;
};

/* what is known while nodes are built */
typedef struct VectorBuild
{
	Index		varno;			/* of the table */
	VectorNode *case_test;		/* what CaseTestExpr stands for, or NULL */
	bool		inside;			/* of the whole expression */
} VectorBuild;

/*
 * Integers as doubles and back, without the conversions that processors have
 * no vector form of: added to a double d of less than 2^51, positive or not,
 * the magic number makes one whose low bits are d as an integer, rounded.
 */
#define VECTOR_MAGIC		6755399441055744.0
#define VECTOR_MAGIC_BITS	UINT64CONST(0x4338000000000000)
#define VECTOR_EXACT		(INT64CONST(1) << 51)

static inline double
vector_int_to_double(int64 value)
{
	uint64		bits = (uint64) value + VECTOR_MAGIC_BITS;
	double		number;

	memcpy(&number, &bits, sizeof(number));
	return number - VECTOR_MAGIC;
}

static inline int64
vector_double_to_int(double number)
{
	uint64		bits;

	number += VECTOR_MAGIC;
	memcpy(&bits, &number, sizeof(bits));
	return (int64) (bits - VECTOR_MAGIC_BITS);
}

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

/* are all of the first n rows null? */
static inline bool
vector_is_all_null(const Vector *vector, int n)
{
	for (int row = 0; row < n; row++)
	{
		if (!vector_is_null(vector, row))
			return false;
	}
	return true;
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
extern bool vector_build_args(VectorBuild *build, VectorNode *node,
							  List *args);
extern Oid	vector_opcode(const OpExpr *op);
extern bool vector_row_independent(const Expr *expr);

/* vectorfunction.c */
extern const VectorFunction *vector_function(Oid oid);
extern const Vector *vector_eval_function(VectorNode *node,
										  VectorSource *source);
extern const Vector *vector_eval_part(VectorNode *node, VectorSource *source,
									  const uint8 *wanted);
extern bool vector_eval_args(VectorNode *node, VectorSource *source);
extern bool vector_set_range(VectorNode *node, const VectorRange *range);

/* vectortype.c */
extern Size vector_width(VectorKind kind);
extern void vector_point(Vector *vector, void *array);
extern void vector_repeat(Vector *vector, void *room);

/* vectorint.c */
#define VECTOR_MAX_SCALE	18	/* digits of an int64 behind the point */

typedef enum VectorRounding
{
	VECTOR_FLOOR,
	VECTOR_CEIL,
	VECTOR_TRUNC,				/* toward zero */
	VECTOR_NEAREST				/* halves away from zero */
} VectorRounding;

extern int	vector_align(const Vector *a, const Vector *b, int64 *factor_a,
						 int64 *factor_b);
extern void vector_scale(const int64 *a, int64 factor, int64 c, int64 *out,
						 int n);
extern void vector_divide_by(const int64 *a, int64 low, int64 high,
							 int64 divisor, VectorRounding rounding,
							 int64 *out, int n);

/* vectorcast.c */
extern bool vector_dates_are_times(const Vector *dates);

/* vectorcompare.c */
typedef enum VectorCompare
{
	VECTOR_EQUAL = 1,
	VECTOR_NOT_EQUAL,
	VECTOR_LESS,
	VECTOR_LESS_EQUAL,
	VECTOR_GREATER,
	VECTOR_GREATER_EQUAL
} VectorCompare;

extern const VectorFunction *vector_comparison(Oid function);
extern int	vector_compare_bytes(const ColumnBytes *a, const ColumnBytes *b);
extern bool vector_compare_strings(VectorNode *node,
								   const VectorSource *source);

/* vectorbits.c */
extern void vector_pack_bits(const uint8 *bytes, uint64 *bits);

/* vectorlogic.c */
extern VectorNode *vector_build_bool(VectorBuild *build, const BoolExpr *expr);
extern VectorNode *vector_build_nulltest(VectorBuild *build,
										 const NullTest *test);
extern VectorNode *vector_build_booltest(VectorBuild *build,
										 const BooleanTest *test);
extern VectorNode *vector_build_distinct(VectorBuild *build,
										 const OpExpr *expr);

/* vectorcase.c */
extern VectorNode *vector_build_case(VectorBuild *build, const CaseExpr *expr);
extern VectorNode *vector_build_case_test(VectorBuild *build,
										  const CaseTestExpr *expr);
extern VectorNode *vector_build_coalesce(VectorBuild *build,
										 const CoalesceExpr *expr);
extern VectorNode *vector_build_nullif(VectorBuild *build,
									   const OpExpr *expr);
extern VectorNode *vector_build_minmax(VectorBuild *build,
									   const MinMaxExpr *expr);

/* vectorarray.c */
extern VectorNode *vector_build_any(VectorBuild *build,
									const ScalarArrayOpExpr *expr);

/* vectortext.c */
extern VectorNode *vector_build_text(VectorBuild *build, Expr *expr,
									 VectorNode *native, bool root);

/* vectorexpr.c */
extern void vector_bind_constant(VectorNode *node);

/* tables of functions, each ended by an entry without an oid */
extern const VectorFunction vector_int_functions[];
extern const VectorFunction vector_float_functions[];
extern const VectorFunction vector_cast_functions[];
extern const VectorFunction vector_compare_functions[];
extern const VectorFunction vector_time_functions[];
extern const VectorFunction vector_like_functions[];

#endif							/* OMENDB_VECTORINTERNAL_H */
