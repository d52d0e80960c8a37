/*-------------------------------------------------------------------------
 *
 * vectorcompare.c
 *	  Comparisons.
 *
 * Each is one of two, "equal" and "less", perhaps with its operands exchanged
 * and its result inverted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "vector/vectorinternal.h"

/*---- loops ---- */

VECTOR_KERNEL void
equal_ints(const int64 *a, const int64 *b, uint8 invert, uint8 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = (uint8) (a[i] == b[i]) ^ invert;
}

VECTOR_KERNEL void
less_ints(const int64 *a, const int64 *b, uint8 invert, uint8 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = (uint8) (a[i] < b[i]) ^ invert;
}

/* NaN equals NaN, and is greater than all else */
VECTOR_KERNEL void
equal_floats(const double *a, const double *b, uint8 invert, uint8 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = (uint8) ((a[i] == b[i]) |
						  ((a[i] != a[i]) & (b[i] != b[i]))) ^ invert;
}

VECTOR_KERNEL void
less_floats(const double *a, const double *b, uint8 invert, uint8 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = (uint8) ((a[i] < b[i]) |
						  ((a[i] == a[i]) & (b[i] != b[i]))) ^ invert;
}

VECTOR_KERNEL void
equal_bools(const uint8 *a, const uint8 *b, uint8 invert, uint8 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] ^ b[i] ^ 1 ^ invert;
}

VECTOR_KERNEL void
less_bools(const uint8 *a, const uint8 *b, uint8 invert, uint8 *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = ((a[i] ^ 1) & b[i]) ^ invert;
}

/*---- which comparison ---- */

typedef struct Comparison
{
	const Vector *a;			/* exchanged already */
	const Vector *b;
	bool		equal;			/* "equal", not "less" */
	uint8		invert;
} Comparison;

static Comparison
comparison_of(const VectorNode *node)
{
	VectorCompare op = node->function->option;
	bool		exchange = op == VECTOR_GREATER || op == VECTOR_LESS_EQUAL;
	Comparison	c;

	c.a = node->values[exchange ? 1 : 0];
	c.b = node->values[exchange ? 0 : 1];
	c.equal = op == VECTOR_EQUAL || op == VECTOR_NOT_EQUAL;
	c.invert = op == VECTOR_NOT_EQUAL || op == VECTOR_LESS_EQUAL ||
		op == VECTOR_GREATER_EQUAL;
	return c;
}

/*---- integers ---- */

/*
 * Do the bounds tell the result of all rows?  Then it is filled in.
 */
static bool
known_by_bounds(const Comparison *c, int128 alow, int128 ahigh, int128 blow,
				int128 bhigh, uint8 *out, int n)
{
	bool		always = c->equal ?
	(alow == ahigh && blow == bhigh && alow == blow) : ahigh < blow;
	bool		never = c->equal ?
	(ahigh < blow || alow > bhigh) : alow >= bhigh;

	if (always || never)
		memset(out, always ^ c->invert, n);
	return always || never;
}

/* An operand times a factor; false if that may not fit */
static const int64 *
multiplied(const Vector *v, int64 factor, int64 *room, int n)
{
	if (factor == 1)
		return v->ints;
	vector_scale(v->ints, factor, 0, room, n);
	return room;
}

static bool
fits_int64(int128 low, int128 high)
{
	return low >= PG_INT64_MIN && high <= PG_INT64_MAX;
}

/* Compares a * fa with b * fb */
static bool
compare_multiplied(VectorNode *node, const Comparison *c, int64 fa, int64 fb,
				   int n)
{
	int128		alow = (int128) c->a->low * fa;
	int128		ahigh = (int128) c->a->high * fa;
	int128		blow = (int128) c->b->low * fb;
	int128		bhigh = (int128) c->b->high * fb;
	uint8	   *out = vector_bools(node);
	const int64 *a;
	const int64 *b;

	if (known_by_bounds(c, alow, ahigh, blow, bhigh, out, n))
		return true;
	if (!fits_int64(alow, ahigh) || !fits_int64(blow, bhigh))
		return false;
	a = multiplied(c->a, fa, node->scratch, n);
	b = multiplied(c->b, fb, node->scratch, n);
	(c->equal ? equal_ints : less_ints) (a, b, c->invert, out, n);
	return true;
}

/* room for one operand that has to be multiplied */
static bool
want_scratch(const VectorNode *node)
{
	((VectorNode *) node)->nscratch = COLUMN_VECTOR * sizeof(int64);
	return true;
}

static bool
compare_ints(VectorNode *node, const VectorSource *source)
{
	Comparison	c = comparison_of(node);
	int64		fa;
	int64		fb;

	vector_align(c.a, c.b, &fa, &fb);
	return compare_multiplied(node, &c, fa, fb, source->nrows);
}

/* Dates become timestamps, if there are such */
static bool
compare_dates_times(VectorNode *node, const VectorSource *source)
{
	Comparison	c = comparison_of(node);
	bool		date_first = c.a->type == DATEOID;

	if (!vector_dates_are_times(date_first ? c.a : c.b))
		return false;
	return compare_multiplied(node, &c, date_first ? USECS_PER_DAY : 1,
							  date_first ? 1 : USECS_PER_DAY, source->nrows);
}

/*---- the others ---- */

static bool
compare_floats(VectorNode *node, const VectorSource *source)
{
	Comparison	c = comparison_of(node);

	(c.equal ? equal_floats : less_floats) (c.a->floats, c.b->floats, c.invert,
											vector_bools(node), source->nrows);
	return true;
}

static bool
compare_bools(VectorNode *node, const VectorSource *source)
{
	Comparison	c = comparison_of(node);

	(c.equal ? equal_bools : less_bools) (c.a->bools, c.b->bools, c.invert,
										  vector_bools(node), source->nrows);
	return true;
}

/*
 * vector_compare_bytes: by memcmp, then by length.
 */
int
vector_compare_bytes(const ColumnBytes *a, const ColumnBytes *b)
{
	uint32		len = Min(a->len, b->len);
	int			cmp = len == 0 ? 0 : memcmp(a->data, b->data, len);

	return cmp != 0 ? cmp : a->len < b->len ? -1 : a->len > b->len;
}

/*
 * vector_compare_strings: a kernel that compares byte strings by their bytes;
 * the function's option is a VectorCompare.
 */
bool
vector_compare_strings(VectorNode *node, const VectorSource *source)
{
	Comparison	c = comparison_of(node);
	uint8	   *out = vector_bools(node);

	for (int i = 0; i < source->nselected; i++)
	{
		int			row = source->selected[i];
		const ColumnBytes *a;
		const ColumnBytes *b;

		if (vector_is_null(&node->out, row))
			continue;
		a = vector_row_bytes(c.a, row);
		b = vector_row_bytes(c.b, row);
		if (c.equal)
			out[row] = (a->len == b->len &&
						memcmp(a->data, b->data, a->len) == 0) ^ c.invert;
		else
			out[row] = (vector_compare_bytes(a, b) < 0) ^ c.invert;
	}
	return true;
}

/* Are texts equal in this collation if their bytes are? */
static bool
collation_is_deterministic(const VectorNode *node)
{
	Oid			collation = exprInputCollation((Node *) node->expr);

	return OidIsValid(collation) && get_collation_isdeterministic(collation);
}

/* Does it order texts by their bytes? */
static bool
collation_is_c(const VectorNode *node)
{
	return exprInputCollation((Node *) node->expr) == C_COLLATION_OID;
}

/*---- table ---- */

#define COMPARE(args, kernel, usable, eq, ne, lt, le, gt, ge) \
	{eq, args, VECTOR_BOOL, NULL, kernel, VECTOR_EQUAL, usable}, \
	{ne, args, VECTOR_BOOL, NULL, kernel, VECTOR_NOT_EQUAL, usable}, \
	{lt, args, VECTOR_BOOL, NULL, kernel, VECTOR_LESS, usable}, \
	{le, args, VECTOR_BOOL, NULL, kernel, VECTOR_LESS_EQUAL, usable}, \
	{gt, args, VECTOR_BOOL, NULL, kernel, VECTOR_GREATER, usable}, \
	{ge, args, VECTOR_BOOL, NULL, kernel, VECTOR_GREATER_EQUAL, usable}

#define COMPARE_TEXT(oid, option, usable) \
	{oid, "ss", VECTOR_BOOL, NULL, vector_compare_strings, option, usable}
#define TYPES(args, kernel, usable, type) \
	COMPARE(args, kernel, usable, F_##type##EQ, F_##type##NE, F_##type##LT, F_##type##LE, \
			F_##type##GT, F_##type##GE)
#define INTS(type)		TYPES("ii", compare_ints, want_scratch, type)
#define FLOATS(type)	TYPES("ff", compare_floats, NULL, type)
#define STRINGS(type)	TYPES("ss", vector_compare_strings, NULL, type)

const VectorFunction vector_compare_functions[] = {
	INTS(INT2), INTS(INT4), INTS(INT8),
	INTS(INT24), INTS(INT42), INTS(INT28),
	INTS(INT82), INTS(INT48), INTS(INT84),
	INTS(NUMERIC_), INTS(OID), INTS(CHAR), INTS(CASH_),
	INTS(DATE_), INTS(TIME_), INTS(TIMESTAMP_), INTS(TIMESTAMPTZ_),

	COMPARE("ii", compare_dates_times, want_scratch,
			F_DATE_EQ_TIMESTAMP, F_DATE_NE_TIMESTAMP, F_DATE_LT_TIMESTAMP,
			F_DATE_LE_TIMESTAMP, F_DATE_GT_TIMESTAMP, F_DATE_GE_TIMESTAMP),
	COMPARE("ii", compare_dates_times, want_scratch,
			F_TIMESTAMP_EQ_DATE, F_TIMESTAMP_NE_DATE, F_TIMESTAMP_LT_DATE,
			F_TIMESTAMP_LE_DATE, F_TIMESTAMP_GT_DATE, F_TIMESTAMP_GE_DATE),

	FLOATS(FLOAT4), FLOATS(FLOAT8), FLOATS(FLOAT48), FLOATS(FLOAT84),
	TYPES("bb", compare_bools, NULL, BOOL),
	STRINGS(UUID_), STRINGS(BYTEA),
	COMPARE_TEXT(F_TEXTEQ, VECTOR_EQUAL, collation_is_deterministic),
	COMPARE_TEXT(F_TEXTNE, VECTOR_NOT_EQUAL, collation_is_deterministic),
	COMPARE_TEXT(F_TEXT_LT, VECTOR_LESS, collation_is_c),
	COMPARE_TEXT(F_TEXT_LE, VECTOR_LESS_EQUAL, collation_is_c),
	COMPARE_TEXT(F_TEXT_GT, VECTOR_GREATER, collation_is_c),
	COMPARE_TEXT(F_TEXT_GE, VECTOR_GREATER_EQUAL, collation_is_c),
	{InvalidOid}
};

/*
 * vector_comparison: the function's entry in the table above, or NULL if it is
 * none of these comparisons.
 */
const VectorFunction *
vector_comparison(Oid function)
{
	for (const VectorFunction *f = vector_compare_functions;
		 OidIsValid(f->oid); f++)
	{
		if (f->oid == function)
			return f;
	}
	return NULL;
}
