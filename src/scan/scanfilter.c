/*-------------------------------------------------------------------------
 *
 * scanfilter.c
 *	  Conditions that are tested on columns: their values, and what passes.
 *
 * Integers, floats, times and scaled numerics become int64 keys that have the
 * order of the type; a comparison is then a range of keys.  Where the value is
 * not simply a key itself (a timestamp for a column of dates, a numeric of more
 * digits) the ends of the range are found by bisection of all keys, with the
 * types' own comparison.  Byte strings are compared as they are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "column/columncodec.h"
#include "scan/scan.h"

/*---- values ---- */

/*
 * The bits of a float as a signed integer of the same order: both zeroes are
 * one key, and every NaN is the highest.
 */
static pg_attribute_always_inline int64
float_key(double value)
{
	int64		bits;
	int64		nan = -(int64) (value != value);

	value += 0.0;
	memcpy(&bits, &value, sizeof(bits));
	bits ^= (bits >> 63) & PG_INT64_MAX;
	return (bits & ~nan) | (PG_INT64_MAX & nan);
}

static int64
key_of_datum(const ScanFilter *f, Datum value, Oid type, int16 len)
{
	if (f->clause.kind == FILTER_FLOAT)
		return float_key(type == FLOAT4OID ? (double) DatumGetFloat4(value) :
						 DatumGetFloat8(value));
	return column_int(value, type, len);
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

/*---- ranges of keys ---- */

/* keys from first up to, but not including, end; those can be beyond all keys */
typedef struct KeyRange
{
	int64		first;
	int64		end;
	bool		no_first;
	bool		no_end;
} KeyRange;

static int64
clamp_key(int64 key, int64 least, int64 most)
{
	return key < least ? PG_INT64_MIN : key > most ? PG_INT64_MAX : key;
}

/* A key as a Datum of the column's type; numerics are made in room. */
static Datum
datum_of_key(const ScanFilter *f, int64 key, char *room)
{
	if (f->clause.kind == FILTER_NUMERIC)
	{
		uint32		len = numeric_rescale(key, f->scale, VARDATA(room));

		SET_VARSIZE(room, VARHDRSZ + len);
		return PointerGetDatum(room);
	}
	if (f->clause.type != DATEOID)
		return TimestampGetDatum(clamp_key(key, MIN_TIMESTAMP,
										   END_TIMESTAMP - 1));

	/* what is not finite is infinite */
	key = clamp_key(key, DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE,
					DATE_END_JULIAN - POSTGRES_EPOCH_JDATE - 1);
	return DateADTGetDatum(key == PG_INT64_MIN ? DATEVAL_NOBEGIN :
						   key == PG_INT64_MAX ? DATEVAL_NOEND : (DateADT) key);
}

static int
compare_datum(const ScanFilter *f, Datum column, Datum value)
{
	return DatumGetInt32(FunctionCall2Coll((FmgrInfo *) &f->compare, InvalidOid,
										   column, value));
}

/* The lowest key that compares with value as least or more; false if none */
static bool
find_key(const ScanFilter *f, Datum value, int least, int64 *key)
{
	char		room[VARHDRSZ + NUMERIC_SCALED_MAX] pg_attribute_aligned(MAXIMUM_ALIGNOF);
	int64		low = PG_INT64_MIN;
	int64		high = PG_INT64_MAX;

	if (compare_datum(f, datum_of_key(f, high, room), value) < least)
		return false;
	while (low < high)
	{
		int64		middle = low + (int64) (((uint64) high - (uint64) low) / 2);

		if (compare_datum(f, datum_of_key(f, middle, room), value) < least)
			low = middle + 1;
		else
			high = middle;
	}
	*key = low;
	return true;
}

/* The keys that are equal to a value */
static KeyRange
equal_keys(const ScanFilter *f, Datum value)
{
	KeyRange	range = {0};

	if (f->clause.kind == FILTER_TIME || f->clause.kind == FILTER_NUMERIC)
	{
		range.no_first = !find_key(f, value, 0, &range.first);
		range.no_end = !find_key(f, value, 1, &range.end);
		return range;
	}
	range.first = key_of_datum(f, value, f->clause.valuetype,
							   get_typlen(f->clause.valuetype));
	range.no_end = range.first == PG_INT64_MAX;
	range.end = range.no_end ? 0 : range.first + 1;
	return range;
}

static bool
is_empty(const KeyRange *range)
{
	return range->no_first || (!range->no_end && range->first == range->end);
}

/* Passes all keys from low, if there is such a key, to high. */
static void
set_range(ScanFilter *f, bool no_low, int64 low, int64 high)
{
	f->low = no_low ? PG_INT64_MAX : low;
	f->high = no_low ? PG_INT64_MIN : high;
}

/* Passes all keys below end */
static void
set_below(ScanFilter *f, bool no_end, int64 end)
{
	if (no_end)
		set_range(f, false, PG_INT64_MIN, PG_INT64_MAX);
	else
		set_range(f, end == PG_INT64_MIN, PG_INT64_MIN, end - (end != PG_INT64_MIN));
}

/* Passes what "column op value" does, given the keys that are equal. */
static void
set_comparison(ScanFilter *f, const KeyRange *equal)
{
	f->outside = f->clause.strategy == SCAN_NOT_EQUAL;
	switch (f->clause.strategy)
	{
		case BTLessStrategyNumber:
			set_below(f, equal->no_first, equal->first);
			break;
		case BTLessEqualStrategyNumber:
			set_below(f, equal->no_end, equal->end);
			break;
		case BTGreaterEqualStrategyNumber:
			set_range(f, equal->no_first, equal->first, PG_INT64_MAX);
			break;
		case BTGreaterStrategyNumber:
			set_range(f, equal->no_end, equal->end, PG_INT64_MAX);
			break;
		default:
			set_range(f, is_empty(equal), equal->first,
					  equal->no_end ? PG_INT64_MAX : equal->end - 1);
			break;
	}
}

/* Passes the keys that are equal to one of the values. */
static void
set_keys(ScanFilter *f)
{
	int			i;

	f->nkeys = 0;
	for (i = 0; i < f->nvalues; i++)
	{
		KeyRange	equal = equal_keys(f, f->values[i]);

		if (!is_empty(&equal))
			f->keys[f->nkeys++] = equal.first;
	}
	if (f->nkeys > 1)
		qsort(f->keys, f->nkeys, sizeof(int64), qsort_keys);
	set_range(f, f->nkeys == 0, f->keys[0], f->keys[Max(f->nkeys, 1) - 1]);
}

/* Computes the keys that pass, from the values. */
static void
set_filter(ScanFilter *f)
{
	if (f->clause.any)
		set_keys(f);
	else
	{
		KeyRange	equal = equal_keys(f, f->values[0]);

		set_comparison(f, &equal);
	}
}

/*---- values of a scan ---- */

/* The elements of an array that are not null */
static void
set_elements(ScanFilter *f, Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	int16		len;
	bool		byval;
	char		align;
	bool	   *nulls;
	int			n;
	int			i;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &len, &byval, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), len, byval, align,
					  &f->values, &nulls, &n);
	f->nvalues = 0;
	for (i = 0; i < n; i++)
	{
		if (!nulls[i])
			f->values[f->nvalues++] = f->values[i];
	}
}

static void
set_strings(ScanFilter *f)
{
	int			i;

	f->strings = palloc((f->nvalues + 1) * sizeof(ColumnBytes));
	for (i = 0; i < f->nvalues; i++)
		f->strings[i] = bytes_of_datum(f->values[i], f->clause.valuetype);
	f->nstrings = f->nvalues;
	if (f->nstrings > 1)
		qsort(f->strings, f->nstrings, sizeof(ColumnBytes), qsort_bytes);
}

static void
bind_value(ScanFilter *f, Datum value)
{
	f->nkeys = 0;
	f->nvalues = 1;
	if (f->clause.any)
		set_elements(f, value);
	else
	{
		f->values = palloc(sizeof(Datum));
		f->values[0] = value;
	}
	f->keys = palloc0((f->nvalues + 1) * sizeof(int64));
	if (f->nvalues == 0)
		f->never = true;
	else if (f->clause.kind == FILTER_BYTES)
		set_strings(f);
	else if (f->clause.kind != FILTER_NUMERIC)
	{
		set_filter(f);
		f->never = f->low > f->high && !f->outside;
	}
}

static void
bind_filter(ColumnScanState *scan, ScanFilter *f)
{
	ExprContext *econtext = scan->css.ss.ps.ps_ExprContext;
	MemoryContext old;
	bool		isnull;
	Datum		value;

	f->never = false;
	f->scale = -1;
	if (f->clause.kind == FILTER_NULL)
		return;
	if (f->value == NULL)
	{
		set_range(f, false, f->clause.wants_true, f->clause.wants_true);
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

/*
 * filter_is_plain: is a value of the column a key by itself?
 */
bool
filter_is_plain(const ScanFilter *f)
{
	return f->clause.kind == FILTER_INT || f->clause.kind == FILTER_FLOAT ||
		f->clause.kind == FILTER_TIME;
}

/*
 * filter_test_plain: does a value that is not null pass such a filter?  len is the
 * length of the column's type.
 */
bool
filter_test_plain(const ScanFilter *f, Datum value, int16 len)
{
	return test_key(f, key_of_datum(f, value, f->clause.type, len));
}

static bool
passes(int strategy, int cmp)
{
	switch (strategy)
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
test_numeric(const ScanFilter *f, Datum value)
{
	int			i;

	for (i = 0; i < f->nvalues; i++)
	{
		if (passes(f->clause.strategy, compare_datum(f, value, f->values[i])))
			return true;
	}
	return false;
}

static bool
test_string(const ScanFilter *f, const ColumnBytes *value)
{
	if (f->nstrings > 1)
		return bsearch(value, f->strings, f->nstrings, sizeof(ColumnBytes),
					   qsort_bytes) != NULL;
	return passes(f->clause.strategy, compare_bytes(value, &f->strings[0]));
}

/* A value that is kept as a byte string */
static bool
test_bytes(const ScanFilter *f, const ColumnBytes *value)
{
	char		small[256] pg_attribute_aligned(MAXIMUM_ALIGNOF);
	char	   *room = small;
	bool		result;

	if (f->clause.kind == FILTER_BYTES)
		return test_string(f, value);
	if (VARHDRSZ + value->len > sizeof(small))
		room = palloc(VARHDRSZ + value->len);
	SET_VARSIZE(room, VARHDRSZ + value->len);
	memcpy(VARDATA(room), value->data, value->len);
	result = test_numeric(f, PointerGetDatum(room));
	if (room != small)
		pfree(room);
	return result;
}

static bool
test_datum(const ScanFilter *f, Datum value, bool isnull)
{
	ColumnBytes bytes;

	if (f->clause.kind == FILTER_NULL)
		return isnull == f->clause.wants_null;
	if (isnull)
		return false;
	if (f->clause.kind == FILTER_NUMERIC)
		return test_numeric(f, value);
	if (f->clause.kind != FILTER_BYTES)
		return filter_test_plain(f, value, get_typlen(f->clause.type));
	bytes = bytes_of_datum(value, f->clause.type);
	return test_string(f, &bytes);
}

/*---- segments ---- */

/* The lowest and the highest key that occur; false if that is not known */
static bool
key_bounds(const ScanFilter *f, const ColumnStats *stats, int64 *low,
		   int64 *high)
{
	if (f->clause.kind != FILTER_FLOAT)
	{
		*low = stats->min_int;
		*high = stats->max_int;
		return stats->has_minmax;
	}
	*low = stats->has_minmax ? float_key(stats->min_float) : PG_INT64_MAX;
	*high = stats->has_nan ? PG_INT64_MAX : float_key(stats->max_float);
	return stats->has_minmax || stats->has_nan;
}

/* Is one of the keys, which ascend, between these? */
static bool
has_key_between(const ScanFilter *f, int64 low, int64 high)
{
	int			first = 0;
	int			end = f->nkeys;

	while (first < end)
	{
		int			middle = (first + end) / 2;

		if (f->keys[middle] < low)
			first = middle + 1;
		else
			end = middle;
	}
	return first < f->nkeys && f->keys[first] <= high;
}

static FilterOutcome
keys_outcome(const ScanFilter *f, const ColumnStats *stats)
{
	int64		low;
	int64		high;

	if (!key_bounds(f, stats, &low, &high))
		return FILTER_SOME;
	if (low == high)
		return test_key(f, low) ? FILTER_ALL : FILTER_NONE;
	if (f->low > f->high || f->high < low || f->low > high)
		return f->outside ? FILTER_ALL : FILTER_NONE;
	if (f->nkeys > 1)
		return has_key_between(f, low, high) ? FILTER_SOME : FILTER_NONE;
	if (f->low <= low && high <= f->high)
		return f->outside ? FILTER_NONE : FILTER_ALL;
	return FILTER_SOME;
}

/* The same for byte strings.  A range that begins or ends within is "some". */
static FilterOutcome
strings_outcome(const ScanFilter *f, const ColumnStats *stats)
{
	bool		least;
	bool		most;
	bool		inside;

	if (!stats->has_bytes)
		return FILTER_SOME;
	least = test_string(f, &stats->min_bytes);
	most = test_string(f, &stats->max_bytes);
	if (least != most)
		return FILTER_SOME;
	inside = compare_bytes(&f->strings[0], &stats->max_bytes) <= 0 &&
		compare_bytes(&f->strings[f->nstrings - 1], &stats->min_bytes) >= 0;
	if (inside && compare_bytes(&stats->min_bytes, &stats->max_bytes) != 0 &&
		(f->clause.strategy == BTEqualStrategyNumber ||
		 f->clause.strategy == SCAN_NOT_EQUAL))
		return FILTER_SOME;
	return least ? FILTER_ALL : FILTER_NONE;
}

/* Is the column kept as int64 or as floats, so that filters are ranges? */
static bool
has_keys(const ScanFilter *f, const SegmentColumn *stored)
{
	return f->clause.kind != FILTER_BYTES &&
		(f->clause.kind != FILTER_NUMERIC ||
		 stored->form == COLUMN_FORM_NUMERIC);
}

static FilterOutcome
stored_outcome(const ScanFilter *f, const SegmentColumn *stored, int nrows)
{
	const ColumnStats *stats = &stored->stats;
	FilterOutcome outcome = FILTER_SOME;

	if (f->clause.kind == FILTER_NULL)
	{
		if (stats->nnulls > 0 && stats->nnulls < nrows)
			return FILTER_SOME;
		return (stats->nnulls > 0) == f->clause.wants_null ?
			FILTER_ALL : FILTER_NONE;
	}
	if (stats->nnulls >= nrows)
		return FILTER_NONE;
	if (has_keys(f, stored))
		outcome = keys_outcome(f, stats);
	else if (f->clause.kind == FILTER_BYTES)
		outcome = strings_outcome(f, stats);
	return outcome == FILTER_ALL && stats->nnulls > 0 ? FILTER_SOME : outcome;
}

/*
 * filter_begin: makes a filter ready for the current segment, of which the
 * columns are known; also finds out what the statistics say of it.
 */
FilterOutcome
filter_begin(ColumnScanState *scan, ScanFilter *f)
{
	const ScanColumn *column = &scan->columns[f->column];
	const SegmentColumn *stored = column->stored;

	if (f->entries != NULL)
		pfree(f->entries);
	f->entries = NULL;
	if (column->state == SEGMENT_COLUMN_MISSING)
	{
		f->outcome = test_datum(f, column->missing, column->missing_null) ?
			FILTER_ALL : FILTER_NONE;
		return f->outcome;
	}
	if (f->clause.kind == FILTER_NUMERIC && has_keys(f, stored) &&
		f->scale != stored->scale)
	{
		f->scale = stored->scale;
		set_filter(f);
	}
	f->outcome = stored_outcome(f, stored, scan->unit->reader->nrows);
	return f->outcome;
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
	int			i;

	codec_keep_between(keys, n, f->low, f->high, f->outside, keep);
	for (i = 0; f->nkeys > 1 && i < n; i++)
	{
		if (keep[i])
			keep[i] = test_key(f, keys[i]);
	}
}

static CODEC_KERNEL void
keys_of_float4(const float *values, int64 *keys, int n)
{
	for (int i = 0; i < n; i++)
		keys[i] = float_key(values[i]);
}

static CODEC_KERNEL void
keys_of_float8(const double *values, int64 *keys, int n)
{
	for (int i = 0; i < n; i++)
		keys[i] = float_key(values[i]);
}

static void
keep_floats(uint8 *keep, const ColumnVector *v, const ScanFilter *f)
{
	int64		keys[COLUMN_VECTOR];

	if (f->clause.type == FLOAT4OID)
		keys_of_float4(v->v.floats4, keys, v->n);
	else
		keys_of_float8(v->v.floats8, keys, v->n);
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
 * pass.  For filters of which the statistics did not say all.
 */
void
filter_vector(ColumnScanState *scan, ScanFilter *f)
{
	ScanColumn *column = &scan->columns[f->column];
	ColumnVector *v = column->vector;

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
	if (f->clause.kind == FILTER_FLOAT)
		keep_floats(scan->keep, v, f);
	else if (has_keys(f, column->stored))
		keep_range(scan->keep, v->v.ints, v->n, f);
	else if (column_codec(column->stored->reader) == COLUMN_CODEC_DICT)
		keep_codes(scan, f, column->stored, v->n);
	else
		keep_bytes(scan->keep, v, f);
}
