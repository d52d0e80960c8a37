/*-------------------------------------------------------------------------
 *
 * scanfilter.c
 *	  Conditions that are tested on columns: which clauses can be, and how.
 *
 * A clause qualifies if its operator is a member of the default btree family
 * of a type that we know, so that it is leakproof, raises no error, and
 * compares as we do here.  Integers and floats become int64 keys that have the
 * order of the type; a comparison is then a range of keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "scan/scan.h"

/*---- which clauses ---- */

static bool
kind_of_type(Oid type, FilterKind *kind)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case CHAROID:
		case BOOLOID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case CASHOID:
			*kind = FILTER_INT;
			return true;
		case FLOAT4OID:
		case FLOAT8OID:
			*kind = FILTER_FLOAT;
			return true;
		case TEXTOID:
		case VARCHAROID:
		case BYTEAOID:
		case UUIDOID:
			*kind = FILTER_BYTES;
			return true;
		default:
			return false;
	}
}

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

static bool
is_float(Oid type)
{
	return type == FLOAT4OID || type == FLOAT8OID;
}

/* The column that an expression is, perhaps under another name of its type */
static Var *
plain_column(Node *node, Index varno)
{
	Var		   *var;

	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	var = (Var *) node;
	if (var == NULL || !IsA(var, Var) || var->varno != varno ||
		var->varlevelsup != 0 || var->varattno <= 0)
		return NULL;
	return var;
}

/* Is it the same for all rows, and can it be computed once? */
static bool
is_value(Node *node)
{
	return !contain_var_clause(node) && !contain_subplans(node) &&
		!contain_volatile_functions(node);
}

/* The btree strategy of an operator of a type, SCAN_NOT_EQUAL, or 0 */
static int
strategy_of(Oid opno, Oid type)
{
	Oid			family = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	int			strategy;
	Oid			negator;

	if (!OidIsValid(family))
		return 0;
	strategy = get_op_opfamily_strategy(opno, family);
	if (strategy != 0)
		return strategy;
	negator = get_negator(opno);
	if (OidIsValid(negator) &&
		get_op_opfamily_strategy(negator, family) == BTEqualStrategyNumber)
		return SCAN_NOT_EQUAL;
	return 0;
}

/* Does byte order do for this comparison of strings? */
static bool
bytes_compare_alike(Oid type, int strategy, Oid collation)
{
	if (type == BYTEAOID || type == UUIDOID)
		return true;
	if (collation == C_COLLATION_OID)
		return true;
	return (strategy == BTEqualStrategyNumber || strategy == SCAN_NOT_EQUAL) &&
		OidIsValid(collation) && get_collation_isdeterministic(collation);
}

/* Fills in all that depends on the operator, "column op value" */
static bool
parse_operator(Var *var, Oid opno, Oid collation, FilterClause *c)
{
	Oid			left;
	Oid			right;

	c->attno = var->varattno;
	c->type = getBaseType(var->vartype);
	if (!OidIsValid(opno) || !kind_of_type(c->type, &c->kind))
		return false;
	op_input_types(opno, &left, &right);
	if (left != c->type && !(c->type == VARCHAROID && left == TEXTOID))
		return false;
	if (left != right && !(is_integer(left) && is_integer(right)) &&
		!(is_float(left) && is_float(right)))
		return false;
	c->valuetype = right;
	c->strategy = strategy_of(opno, left);
	return c->strategy != 0 &&
		(c->kind != FILTER_BYTES ||
		 bytes_compare_alike(left, c->strategy, collation));
}

static bool
parse_opexpr(OpExpr *op, Index varno, FilterClause *c)
{
	Node	   *left;
	Node	   *right;
	Oid			opno = op->opno;
	Var		   *var;

	if (list_length(op->args) != 2)
		return false;
	left = linitial(op->args);
	right = lsecond(op->args);
	var = plain_column(left, varno);
	if (var == NULL)
	{
		var = plain_column(right, varno);
		right = left;
		opno = get_commutator(opno);
	}
	if (var == NULL || !is_value(right))
		return false;
	c->value = (Expr *) right;
	return parse_operator(var, opno, op->inputcollid, c);
}

static bool
parse_any(ScalarArrayOpExpr *op, Index varno, FilterClause *c)
{
	Var		   *var = plain_column(linitial(op->args), varno);
	Node	   *array = lsecond(op->args);

	if (var == NULL || !op->useOr || !is_value(array))
		return false;
	c->any = true;
	c->value = (Expr *) array;
	return parse_operator(var, op->opno, op->inputcollid, c) &&
		c->strategy == BTEqualStrategyNumber;
}

static bool
parse_nulltest(NullTest *test, Index varno, FilterClause *c)
{
	Var		   *var = plain_column((Node *) test->arg, varno);

	if (var == NULL || test->argisrow)
		return false;
	c->kind = FILTER_NULL;
	c->attno = var->varattno;
	c->wants_null = test->nulltesttype == IS_NULL;
	return true;
}

static bool
parse_boolean(Node *node, Index varno, bool wants_true, FilterClause *c)
{
	Var		   *var = plain_column(node, varno);

	if (var == NULL || getBaseType(var->vartype) != BOOLOID)
		return false;
	c->kind = FILTER_INT;
	c->attno = var->varattno;
	c->type = BOOLOID;
	c->strategy = BTEqualStrategyNumber;
	c->wants_true = wants_true;
	return true;
}

/*
 * filter_parse: can this condition on the relation varno be tested on columns?
 */
bool
filter_parse(Node *clause, Index varno, FilterClause *c)
{
	memset(c, 0, sizeof(FilterClause));
	switch (nodeTag(clause))
	{
		case T_OpExpr:
			return parse_opexpr((OpExpr *) clause, varno, c);
		case T_ScalarArrayOpExpr:
			return parse_any((ScalarArrayOpExpr *) clause, varno, c);
		case T_NullTest:
			return parse_nulltest((NullTest *) clause, varno, c);
		case T_BoolExpr:
			return ((BoolExpr *) clause)->boolop == NOT_EXPR &&
				parse_boolean(linitial(((BoolExpr *) clause)->args), varno,
							  false, c);
		default:
			return parse_boolean(clause, varno, true, c);
	}
}

/*---- values ---- */

/*
 * The bits of a float as a signed integer of the same order: both zeroes are
 * one key, and every NaN is the highest.
 */
static inline int64
float_key(double value)
{
	int64		bits;

	if (unlikely(isnan(value)))
		return PG_INT64_MAX;
	value += 0.0;
	memcpy(&bits, &value, sizeof(bits));
	return bits ^ ((bits >> 63) & PG_INT64_MAX);
}

static int64
key_of_datum(const ScanFilter *f, Datum value, Oid type)
{
	if (f->clause.kind == FILTER_FLOAT)
		return float_key(type == FLOAT4OID ? (double) DatumGetFloat4(value) :
						 DatumGetFloat8(value));
	return column_int(value, type, get_typlen(type));
}

static ColumnBytes
bytes_of_datum(Datum value, Oid type)
{
	ColumnBytes bytes;
	struct varlena *v;

	if (type == UUIDOID)
	{
		bytes.data = DatumGetPointer(value);
		bytes.len = 16;
		return bytes;
	}
	v = PG_DETOAST_DATUM_PACKED(value);
	bytes.data = VARDATA_ANY(v);
	bytes.len = VARSIZE_ANY_EXHDR(v);
	return bytes;
}

static int
compare_bytes(const ColumnBytes *a, const ColumnBytes *b)
{
	uint32		len = Min(a->len, b->len);
	int			cmp = len == 0 ? 0 : memcmp(a->data, b->data, len);

	if (cmp != 0)
		return cmp;
	return a->len < b->len ? -1 : a->len > b->len ? 1 : 0;
}

static int
qsort_bytes(const void *a, const void *b)
{
	return compare_bytes(a, b);
}

static int
qsort_keys(const void *a, const void *b)
{
	int64		l = *(const int64 *) a;
	int64		r = *(const int64 *) b;

	return l < r ? -1 : l > r ? 1 : 0;
}

/* The range of keys that "column op key" is */
static void
set_range(ScanFilter *f, int64 key)
{
	f->low = PG_INT64_MIN;
	f->high = PG_INT64_MAX;
	f->outside = false;
	switch (f->clause.strategy)
	{
		case BTLessStrategyNumber:
			f->never = key == PG_INT64_MIN;
			f->high = key - !f->never;
			break;
		case BTLessEqualStrategyNumber:
			f->high = key;
			break;
		case BTGreaterEqualStrategyNumber:
			f->low = key;
			break;
		case BTGreaterStrategyNumber:
			f->never = key == PG_INT64_MAX;
			f->low = key + !f->never;
			break;
		default:
			f->low = f->high = key;
			f->outside = f->clause.strategy == SCAN_NOT_EQUAL;
			break;
	}
}

static void
bind_array(ScanFilter *f, Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	Oid			type = f->clause.valuetype;
	int16		len;
	bool		byval;
	char		align;
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int			i;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &len, &byval, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), len, byval, align,
					  &elements, &nulls, &n);
	f->nkeys = f->nstrings = 0;
	f->keys = palloc((n + 1) * sizeof(int64));
	f->strings = palloc((n + 1) * sizeof(ColumnBytes));
	for (i = 0; i < n; i++)
	{
		if (nulls[i])
			continue;
		if (f->clause.kind == FILTER_BYTES)
			f->strings[f->nstrings++] = bytes_of_datum(elements[i], type);
		else
			f->keys[f->nkeys++] = key_of_datum(f, elements[i], type);
	}
	f->never = f->nkeys + f->nstrings == 0;
	if (f->nstrings > 1)
		qsort(f->strings, f->nstrings, sizeof(ColumnBytes), qsort_bytes);
	if (f->nkeys > 0)
	{
		qsort(f->keys, f->nkeys, sizeof(int64), qsort_keys);
		f->low = f->keys[0];
		f->high = f->keys[f->nkeys - 1];
	}
}

static void
bind_value(ScanFilter *f, Datum value)
{
	f->nkeys = 0;
	if (f->clause.any)
		bind_array(f, value);
	else if (f->clause.kind == FILTER_BYTES)
	{
		f->strings = palloc(sizeof(ColumnBytes));
		f->strings[0] = bytes_of_datum(value, f->clause.valuetype);
		f->nstrings = 1;
	}
	else
		set_range(f, key_of_datum(f, value, f->clause.valuetype));
}

static void
bind_filter(ColumnScanState *scan, ScanFilter *f)
{
	ExprContext *econtext = scan->css.ss.ps.ps_ExprContext;
	MemoryContext old;
	bool		isnull;
	Datum		value;

	f->never = false;
	if (f->clause.kind == FILTER_NULL)
		return;
	if (f->value == NULL)
	{
		set_range(f, f->clause.wants_true ? 1 : 0);
		return;
	}
	value = ExecEvalExprSwitchContext(f->value, econtext, &isnull);
	old = MemoryContextSwitchTo(scan->filter_context);
	if (isnull)
		f->never = true;
	else
	{
		int16		len;
		bool		byval;

		get_typlenbyval(exprType((Node *) f->clause.value), &len, &byval);
		bind_value(f, datumCopy(value, byval, len));
	}
	MemoryContextSwitchTo(old);
}

/*
 * filters_bind: computes the values that the filters compare with, at the
 * start and at every rescan.
 */
void
filters_bind(ColumnScanState *scan)
{
	int			i;

	MemoryContextReset(scan->filter_context);
	scan->nothing = false;
	for (i = 0; i < scan->nfilters; i++)
	{
		bind_filter(scan, &scan->filters[i]);
		scan->nothing |= scan->filters[i].never;
	}
	ResetExprContext(scan->css.ss.ps.ps_ExprContext);
}

/*---- single values ---- */

static bool
test_key(const ScanFilter *f, int64 key)
{
	if ((key >= f->low && key <= f->high) == f->outside)
		return false;
	return f->nkeys <= 1 ||
		bsearch(&key, f->keys, f->nkeys, sizeof(int64), qsort_keys) != NULL;
}

static bool
test_bytes(const ScanFilter *f, const ColumnBytes *value)
{
	int			cmp;

	if (f->nstrings > 1)
		return bsearch(value, f->strings, f->nstrings, sizeof(ColumnBytes),
					   qsort_bytes) != NULL;
	cmp = compare_bytes(value, &f->strings[0]);
	switch (f->clause.strategy)
	{
		case BTLessStrategyNumber:
			return cmp < 0;
		case BTLessEqualStrategyNumber:
			return cmp <= 0;
		case BTGreaterEqualStrategyNumber:
			return cmp >= 0;
		case BTGreaterStrategyNumber:
			return cmp > 0;
		case SCAN_NOT_EQUAL:
			return cmp != 0;
		default:
			return cmp == 0;
	}
}

static bool
test_datum(const ScanFilter *f, Datum value, bool isnull)
{
	ColumnBytes bytes;

	if (f->clause.kind == FILTER_NULL)
		return isnull == f->clause.wants_null;
	if (isnull)
		return false;
	if (f->clause.kind != FILTER_BYTES)
		return test_key(f, key_of_datum(f, value, f->clause.type));
	bytes = bytes_of_datum(value, f->clause.type);
	return test_bytes(f, &bytes);
}

/*---- statistics ---- */

/* The lowest and the highest key that occur; false if that is not known */
static bool
key_bounds(const ScanFilter *f, const ColumnStats *stats, int64 *low,
		   int64 *high)
{
	if (f->clause.kind == FILTER_INT)
	{
		*low = stats->min_int;
		*high = stats->max_int;
		return stats->has_minmax;
	}
	if (f->clause.kind != FILTER_FLOAT)
		return false;
	*low = stats->has_minmax ? float_key(stats->min_float) : PG_INT64_MAX;
	*high = stats->has_nan ? PG_INT64_MAX : float_key(stats->max_float);
	return stats->has_minmax || stats->has_nan;
}

/*
 * filter_prunes: do the statistics of a segment say that no row passes?
 */
bool
filter_prunes(const ScanFilter *f, const ScanColumn *column, int nrows)
{
	const ColumnStats *stats;
	int64		low;
	int64		high;

	if (column->state == SEGMENT_COLUMN_MISSING)
		return !test_datum(f, column->missing, column->missing_null);
	stats = &column->stored->stats;
	if (f->clause.kind == FILTER_NULL)
		return f->clause.wants_null ? stats->nnulls == 0 :
			stats->nnulls >= nrows;
	if (stats->nnulls >= nrows)
		return true;
	if (!key_bounds(f, stats, &low, &high))
		return false;
	if (f->outside)
		return low == high && low == f->low;
	return f->high < low || f->low > high;
}

/*---- vectors ---- */

static void
keep_nulls(uint8 *keep, const ColumnVector *v, bool wanted)
{
	int			i;

	if (!v->has_nulls)
	{
		if (wanted)
			memset(keep, 0, v->n);
		return;
	}
	for (i = 0; i < v->n; i++)
		keep[i] &= ((v->nulls[i / 64] >> (i % 64)) & 1) == wanted;
}

static void
keep_range(uint8 *keep, const int64 *keys, int n, const ScanFilter *f)
{
	int64		low = f->low;
	int64		high = f->high;
	uint8		outside = f->outside;
	int			i;

	for (i = 0; i < n; i++)
		keep[i] &= (uint8) ((keys[i] >= low) & (keys[i] <= high)) ^ outside;
	for (i = 0; f->nkeys > 1 && i < n; i++)
	{
		if (keep[i])
			keep[i] = test_key(f, keys[i]);
	}
}

static void
keep_floats(uint8 *keep, const ColumnVector *v, const ScanFilter *f)
{
	int64		keys[COLUMN_VECTOR];
	int			i;

	if (f->clause.type == FLOAT4OID)
	{
		for (i = 0; i < v->n; i++)
			keys[i] = float_key(v->v.floats4[i]);
	}
	else
	{
		for (i = 0; i < v->n; i++)
			keys[i] = float_key(v->v.floats8[i]);
	}
	keep_range(keep, keys, v->n, f);
}

static void
keep_bytes(uint8 *keep, const ColumnVector *v, const ScanFilter *f)
{
	int			i;

	for (i = 0; i < v->n; i++)
	{
		if (keep[i])
			keep[i] = test_bytes(f, &v->v.bytes[i]);
	}
}

/* Tests the dictionary's entries, once in a segment */
static void
test_entries(ColumnScanState *scan, ScanFilter *f, SegmentColumn *c)
{
	const ColumnBytes *entries = column_dictionary(c->reader, &f->nentries);
	int			i;

	f->entries = MemoryContextAlloc(scan->context, f->nentries + 1);
	for (i = 0; i < f->nentries; i++)
		f->entries[i] = test_bytes(f, &entries[i]);
	f->entries[f->nentries] = false;	/* code of nulls */
}

static void
keep_codes(ColumnScanState *scan, ScanFilter *f, SegmentColumn *c, int n)
{
	SegmentReader *reader = scan->unit->reader;
	uint32		codes[COLUMN_VECTOR];
	const char *problem = NULL;
	uint32		worst = 0;
	int			i;

	if (f->entries == NULL)
		test_entries(scan, f, c);
	if (!column_codes(c->reader, scan->vector, codes, &problem))
		segment_corrupted(scan->rel, reader->segment, c->attno,
						  problem ? problem : "a dictionary is missing");
	for (i = 0; i < n; i++)
		worst = Max(worst, codes[i]);
	if (worst > f->nentries)
		segment_corrupted(scan->rel, reader->segment, c->attno,
						  "a code has no entry in the dictionary");
	for (i = 0; i < n; i++)
		scan->keep[i] &= f->entries[codes[i]];
}

/*
 * filter_vector: clears scan->keep for rows of the current vector that do not
 * pass.
 */
void
filter_vector(ColumnScanState *scan, ScanFilter *f)
{
	ScanColumn *column = &scan->columns[f->column];
	ColumnVector *v = column->vector;

	if (column->state == SEGMENT_COLUMN_MISSING)
		return;					/* tested with the statistics */
	if (column->decoded != scan->vector)
	{
		scan_load_vector(scan, column->stored, v);
		column->decoded = scan->vector;
	}
	if (f->clause.kind == FILTER_NULL)
	{
		keep_nulls(scan->keep, v, f->clause.wants_null);
		return;
	}
	keep_nulls(scan->keep, v, false);
	if (f->clause.kind == FILTER_INT)
		keep_range(scan->keep, v->v.ints, v->n, f);
	else if (f->clause.kind == FILTER_FLOAT)
		keep_floats(scan->keep, v, f);
	else if (column_codec(column->stored->reader) == COLUMN_CODEC_DICT)
		keep_codes(scan, f, column->stored, v->n);
	else
		keep_bytes(scan->keep, v, f);
}
