/*-------------------------------------------------------------------------
 *
 * alexscankey.c
 *	  From scan keys to ranges of entries.
 *
 * The keys on one column become a set: a value, a list, a range, or nulls.
 * Leading columns with one value or a list, and then one column with a range,
 * bound the scan: one range of entries for each combination of list items, in
 * index order.  The sets of later columns are filters.  So are keys whose
 * argument cannot be placed among the index's values: their operator is
 * called on each entry.
 *
 * With words a set is an interval (or a list of small ones), so that several
 * keys on a column are intersected exactly.  With images the best key of each
 * kind is the bound and the others are filters.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "alex/alexscan.h"
#include "catalog/pg_index.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* flags that change from one rescan to the next */
#define ALEX_KEY_FLAGS(key)		((key)->sk_flags & ~SK_ISNULL)
#define ALEX_NULL_TEST			(SK_SEARCHNULL | SK_SEARCHNOTNULL)

/* sorts elements of an array by a comparison function */
typedef struct AlexItemSort
{
	FmgrInfo   *cmp;
	Oid			collation;
	int			sign;			/* -1 to sort descending */
} AlexItemSort;

/*---- analysis that outlives a rescan ---- */

/* Are the keys of the shape that was analysed? */
static bool
alex_keys_known(AlexScan *so, const ScanKeyData *key, int nkeys)
{
	if (so->nkeys != nkeys)
		return false;
	for (int i = 0; i < nkeys; i++)
	{
		const AlexKeyInfo *ki = &so->keyinfo[i];

		if (ki->attno != key[i].sk_attno ||
			ki->strategy != key[i].sk_strategy ||
			ki->flags != ALEX_KEY_FLAGS(&key[i]) ||
			ki->subtype != key[i].sk_subtype ||
			ki->collation != key[i].sk_collation)
			return false;
	}
	return true;
}

/* Comparison function of a column's type with another; NULL if none. */
static FmgrInfo *
alex_find_cmp(AlexScan *so, Relation rel, int attno, Oid lefttype,
			  Oid righttype)
{
	Oid			opcintype = rel->rd_opcintype[attno - 1];
	RegProcedure proc;
	FmgrInfo   *finfo;

	if (lefttype == opcintype && righttype == opcintype)
		return index_getprocinfo(rel, attno, ALEX_CMP_PROC);
	proc = get_opfamily_proc(rel->rd_opfamily[attno - 1], lefttype, righttype,
							 ALEX_CMP_PROC);
	if (!RegProcedureIsValid(proc))
		return NULL;
	finfo = MemoryContextAlloc(so->cxt, sizeof(FmgrInfo));
	fmgr_info_cxt(proc, finfo, so->cxt);
	return finfo;
}

static void
alex_analyse_key(AlexScan *so, Relation rel, const ScanKeyData *key,
				 AlexKeyInfo *ki)
{
	Oid			opcintype = rel->rd_opcintype[key->sk_attno - 1];

	if (key->sk_flags & (SK_ROW_HEADER | SK_ROW_MEMBER))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("access method \"alex\" does not support row comparisons as scan keys"),
				 errhint("Write the comparison with AND and OR.")));
	ki->flags = ALEX_KEY_FLAGS(key);
	ki->attno = key->sk_attno;
	ki->strategy = ki->order = key->sk_strategy;
	ki->subtype = key->sk_subtype;
	ki->collation = key->sk_collation;
	ki->argtype = OidIsValid(ki->subtype) ? ki->subtype : opcintype;
	ki->cmp = ki->argcmp = NULL;
	ki->own = false;
	if (ki->flags & ALEX_NULL_TEST)
		return;
	/* strategies 1 to 5 are < <= = >= > */
	if (rel->rd_indoption[ki->attno - 1] & INDOPTION_DESC)
		ki->order = BTMaxStrategyNumber + 1 - ki->strategy;
	if (so->info.dict)
	{
		ki->cmp = alex_find_cmp(so, rel, ki->attno, opcintype, ki->argtype);
		ki->argcmp = alex_find_cmp(so, rel, ki->attno, ki->argtype,
								   ki->argtype);
	}
	else
	{
		uint8		kind = so->info.column[ki->attno - 1].kind;

		ki->own = ki->argtype == opcintype &&
			kind != ALEX_KIND_FLOAT4 && kind != ALEX_KIND_FLOAT8;
	}
}

/* Do the keys give one value for each of the first nkeys columns? */
static bool
alex_keys_simple(const AlexScan *so, int nkeys)
{
	uint32		seen = 0;

	if (so->info.dict || nkeys == 0)
		return false;
	for (int i = 0; i < nkeys; i++)
	{
		const AlexKeyInfo *ki = &so->keyinfo[i];
		uint32		bit = (uint32) 1 << (ki->attno - 1);

		if (ki->flags != 0 || ki->strategy != BTEqualStrategyNumber ||
			ki->attno > nkeys || (seen & bit))
			return false;
		seen |= bit;
	}
	return true;
}

static void
alex_analyse_keys(AlexScan *so, Relation rel, const ScanKeyData *key,
				  int nkeys)
{
	if (so->nkeys < 0)
	{
		so->set = MemoryContextAlloc(so->cxt,
									 so->info.nkeyatts * sizeof(AlexKeySet));
		so->keyinfo = MemoryContextAlloc(so->cxt, (nkeys + 1) * sizeof(AlexKeyInfo));
		so->filter = MemoryContextAlloc(so->cxt, (nkeys + 1) * sizeof(AlexFilter));
	}
	so->nkeys = nkeys;
	for (int i = 0; i < nkeys; i++)
		alex_analyse_key(so, rel, &key[i], &so->keyinfo[i]);
	so->simple = alex_keys_simple(so, nkeys);
	so->patched = false;
}

/*---- simple scans: words are put into start and end directly ---- */

/* start and end with all but the words of the nkeys leading columns */
static void
alex_simple_template(AlexScan *so)
{
	static const uint64 zero[2] = {0, 0};

	alex_key_begin(&so->info, &so->start);
	for (int i = 0; i < so->nkeys; i++)
		alex_key_add_words(&so->info, &so->start, zero);
	alex_key_finish(&so->info, &so->start, false);
	alex_key_begin(&so->info, &so->end);
	for (int i = 0; i < so->nkeys; i++)
		alex_key_add_words(&so->info, &so->end, zero);
	alex_key_finish(&so->info, &so->end, true);

	so->nprefix = so->nkeys;
	so->range = so->lists = false;
	so->nfilters = so->nwordfilters = 0;
	so->point = so->patched = true;
}

/*
 * Range of a simple scan.  false if a value is not exactly one word (out of
 * range, zeros of floats, another type): the general way has to look at it.
 */
static inline bool
alex_simple_bounds(AlexScan *so, const ScanKeyData *keys)
{
	if (!so->patched)
		alex_simple_template(so);
	for (int i = 0; i < so->nkeys; i++)
	{
		const ScanKeyData *key = &keys[i];
		const AlexColumn *col = &so->info.column[key->sk_attno - 1];
		int			f = col->field + 1;
		AlexArg		arg;

		if (key->sk_flags & SK_ISNULL)
			return false;
		if (so->keyinfo[i].own)
			alex_project(col, key->sk_argument, arg.lo);
		else if (!alex_project_arg(col, so->keyinfo[i].argtype, key->sk_argument, &arg) ||
				 !arg.exists || arg.approx || arg.lo[0] != arg.hi[0])
			return false;
		so->start.f[f] = so->end.f[f] = arg.lo[0];
		if (col->nwords == 2)
			so->start.f[f + 1] = so->end.f[f + 1] = arg.lo[1];
	}
	return true;
}

/*---- words of up to 128 bits; one-word columns leave the second 0 ---- */

static inline int
alex_wide_cmp(const uint64 *a, const uint64 *b)
{
	if (a[0] != b[0])
		return a[0] < b[0] ? -1 : 1;
	return a[1] < b[1] ? -1 : a[1] > b[1];
}

static inline void
alex_wide_set(uint64 *dst, const uint64 *src)
{
	dst[0] = src[0];
	dst[1] = src[1];
}

static void
alex_wide_max(const AlexColumn *col, uint64 *w)
{
	w[0] = PG_UINT64_MAX;
	w[1] = col->nwords == 2 ? PG_UINT64_MAX : 0;
}

/* The next word above; false if there is none. */
static bool
alex_wide_next(const AlexColumn *col, uint64 *w)
{
	int			last = col->nwords - 1;

	if (++w[last] == 0)
		return last == 1 && ++w[0] != 0;
	return true;
}

static bool
alex_wide_prev(const AlexColumn *col, uint64 *w)
{
	int			last = col->nwords - 1;

	if (w[last]-- == 0)
		return last == 1 && w[0]-- != 0;
	return true;
}

/*---- arguments as intervals of words ---- */

typedef enum AlexIntervalResult
{
	ALEX_INTERVAL_NONE,			/* no value matches */
	ALEX_INTERVAL_EXACT,
	ALEX_INTERVAL_APPROX,		/* ask the operator, too */
	ALEX_INTERVAL_UNKNOWN		/* the whole column; ask the operator */
} AlexIntervalResult;

/* The words that match "column strategy argument", in index order */
static AlexIntervalResult
alex_arg_interval(const AlexColumn *col, const AlexKeyInfo *ki, Datum value,
				  AlexItem *item)
{
	StrategyNumber order = ki->order;
	bool		below = order <= BTLessEqualStrategyNumber;
	AlexArg		arg;

	item->lo[0] = item->lo[1] = 0;
	alex_wide_max(col, item->hi);
	if (!alex_project_arg(col, ki->argtype, value, &arg))
		return ALEX_INTERVAL_UNKNOWN;
	if (col->nwords == 1)
		arg.lo[1] = arg.hi[1] = 0;
	if (arg.outside != 0)
		return order != BTEqualStrategyNumber && below == (arg.outside > 0) ?
			ALEX_INTERVAL_EXACT : ALEX_INTERVAL_NONE;
	if (order == BTEqualStrategyNumber)
	{
		alex_wide_set(item->lo, arg.lo);
		alex_wide_set(item->hi, arg.hi);
		if (!arg.exists)
			return ALEX_INTERVAL_NONE;
		return arg.approx ? ALEX_INTERVAL_APPROX : ALEX_INTERVAL_EXACT;
	}
	if (arg.exists && (arg.approx || order == BTLessEqualStrategyNumber ||
					   order == BTGreaterEqualStrategyNumber))
	{
		/* up to and with the argument */
		alex_wide_set(below ? item->hi : item->lo, below ? arg.hi : arg.lo);
		return arg.approx ? ALEX_INTERVAL_APPROX : ALEX_INTERVAL_EXACT;
	}
	if (below)
	{
		alex_wide_set(item->hi, arg.lo);
		return alex_wide_prev(col, item->hi) ? ALEX_INTERVAL_EXACT : ALEX_INTERVAL_NONE;
	}
	alex_wide_set(item->lo, arg.exists ? arg.hi : arg.lo);
	if (arg.exists && !alex_wide_next(col, item->lo))
		return ALEX_INTERVAL_NONE;
	return ALEX_INTERVAL_EXACT;
}

/*---- arrays ---- */

/* Elements of a scan key's array that are not null */
static int
alex_array_elements(AlexScan *so, const ScanKeyData *key, AlexItem **items)
{
	ArrayType  *array;
	Datum	   *value;
	bool	   *isnull;
	int			n;
	int			used = 0;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	MemoryContext old = MemoryContextSwitchTo(so->keycxt);

	array = DatumGetArrayTypeP(key->sk_argument);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &typlen, &typbyval, &typalign);
	deconstruct_array(array, ARR_ELEMTYPE(array), typlen, typbyval, typalign,
					  &value, &isnull, &n);
	*items = palloc(Max(n, 1) * sizeof(AlexItem));
	for (int i = 0; i < n; i++)
	{
		if (!isnull[i])
			(*items)[used++].value = value[i];
	}
	MemoryContextSwitchTo(old);
	return used;
}

static int
alex_item_cmp_words(const void *a, const void *b)
{
	return alex_wide_cmp(((const AlexItem *) a)->lo, ((const AlexItem *) b)->lo);
}

static int
alex_item_cmp_datum(const void *a, const void *b, void *arg)
{
	AlexItemSort *sort = arg;
	int			cmp;

	cmp = DatumGetInt32(FunctionCall2Coll(sort->cmp, sort->collation,
										  ((const AlexItem *) a)->value,
										  ((const AlexItem *) b)->value));
	return cmp == 0 ? 0 : (cmp < 0 ? -sort->sign : sort->sign);
}

/* Sorts items, and drops those equal to their neighbour. */
static int
alex_sort_items(AlexItem *item, int n, AlexItemSort *sort)
{
	int			used = Min(n, 1);

	if (sort != NULL)
		qsort_arg(item, n, sizeof(AlexItem), alex_item_cmp_datum, sort);
	else
		qsort(item, n, sizeof(AlexItem), alex_item_cmp_words);
	for (int i = 1; i < n; i++)
	{
		int			cmp = sort != NULL ?
		alex_item_cmp_datum(&item[used - 1], &item[i], sort) :
		alex_item_cmp_words(&item[used - 1], &item[i]);

		if (cmp != 0)
			item[used++] = item[i];
	}
	return used;
}

/*---- filters by operator ---- */

static AlexFilter *
alex_add_filter(AlexScan *so, int key)
{
	AlexFilter *filter = &so->filter[so->nfilters++];

	filter->key = key;
	filter->nitems = 0;
	filter->item = NULL;
	filter->cmp = NULL;
	return filter;
}

/*
 * Makes key number k a filter.  false if it is an array without elements.
 */
static bool
alex_filter_key(AlexScan *so, const ScanKeyData *key, int k)
{
	AlexKeyInfo *ki = &so->keyinfo[k];
	AlexFilter *filter = alex_add_filter(so, k);

	if (!(ki->flags & SK_SEARCHARRAY))
		return true;
	filter->nitems = alex_array_elements(so, key, &filter->item);
	if (ki->strategy == BTEqualStrategyNumber && ki->cmp != NULL &&
		ki->argcmp != NULL)
	{
		AlexItemSort sort = {ki->argcmp, ki->collation, 1};

		filter->nitems = alex_sort_items(filter->item, filter->nitems, &sort);
		filter->cmp = ki->cmp;
	}
	return filter->nitems > 0;
}

/*---- sets of words ---- */

/* The set may hold values (nulls): false if it then holds nothing. */
static bool
alex_set_want(AlexKeySet *set, bool nulls)
{
	if (set->kind == ALEX_SET_ALL)
		set->kind = nulls ? ALEX_SET_NULL : ALEX_SET_RANGE;
	return (set->kind == ALEX_SET_NULL) == nulls;
}

/* Intersects with an interval */
static void
alex_set_clip(AlexKeySet *set, const AlexItem *item)
{
	if (alex_wide_cmp(item->lo, set->lo.word) > 0)
		alex_wide_set(set->lo.word, item->lo);
	if (alex_wide_cmp(item->hi, set->hi.word) < 0)
		alex_wide_set(set->hi.word, item->hi);
}

/* Intersects with a sorted list; false if nothing is left. */
static bool
alex_set_merge(AlexKeySet *set, AlexItem *item, int n)
{
	int			i = 0;
	int			j = 0;
	int			used = 0;

	if (set->kind != ALEX_SET_LIST)
	{
		set->kind = ALEX_SET_LIST;
		set->item = item;
		set->nitems = n;
		return n > 0;
	}
	while (i < set->nitems && j < n)
	{
		int			cmp = alex_wide_cmp(set->item[i].lo, item[j].lo);

		if (cmp == 0)
			set->item[used++] = set->item[i];
		i += cmp <= 0;
		j += cmp >= 0;
	}
	set->nitems = used;
	return used > 0;
}

/* Drops what lies outside the interval; false if nothing is left. */
static bool
alex_set_finish_words(AlexKeySet *set)
{
	int			used = 0;

	if (set->kind == ALEX_SET_ALL || set->kind == ALEX_SET_NULL)
		return true;
	if (set->kind == ALEX_SET_LIST)
	{
		for (int i = 0; i < set->nitems; i++)
		{
			AlexItem   *item = &set->item[i];

			if (alex_wide_cmp(item->lo, set->lo.word) >= 0 &&
				alex_wide_cmp(item->hi, set->hi.word) <= 0)
				set->item[used++] = *item;
		}
		set->nitems = used;
		if (used != 1)
			return used > 0;
		alex_set_clip(set, &set->item[0]);
		set->kind = ALEX_SET_RANGE;
	}
	if (alex_wide_cmp(set->lo.word, set->hi.word) == 0)
		set->kind = ALEX_SET_POINT;
	return alex_wide_cmp(set->lo.word, set->hi.word) <= 0;
}

/* A scan key with one argument; false if nothing can match. */
static bool
alex_plain_words(AlexScan *so, const ScanKeyData *key, int k, AlexKeySet *set)
{
	AlexItem	item;

	switch (alex_arg_interval(&so->info.column[key->sk_attno - 1],
							  &so->keyinfo[k], key->sk_argument, &item))
	{
		case ALEX_INTERVAL_NONE:
			return false;
		case ALEX_INTERVAL_EXACT:
			break;
		case ALEX_INTERVAL_APPROX:
		case ALEX_INTERVAL_UNKNOWN:
			alex_add_filter(so, k);
			break;
	}
	alex_set_clip(set, &item);
	return true;
}

/*
 * A scan key with an array.  The elements' intervals are a list if the
 * operator is "=" and all are exact; else what lies between them is wanted,
 * too, or the operator decides.
 */
static bool
alex_array_words(AlexScan *so, const ScanKeyData *key, int k, AlexKeySet *set)
{
	AlexKeyInfo *ki = &so->keyinfo[k];
	AlexItem   *item;
	AlexItem	all;
	bool		approx = false;
	int			n = alex_array_elements(so, key, &item);
	int			used = 0;

	for (int i = 0; i < n; i++)
	{
		AlexItem	one;
		AlexIntervalResult result;

		result = alex_arg_interval(&so->info.column[key->sk_attno - 1], ki,
								   item[i].value, &one);
		if (result == ALEX_INTERVAL_NONE)
			continue;
		approx |= result != ALEX_INTERVAL_EXACT;
		if (used == 0 || alex_wide_cmp(one.lo, all.lo) < 0)
			alex_wide_set(all.lo, one.lo);
		if (used == 0 || alex_wide_cmp(one.hi, all.hi) > 0)
			alex_wide_set(all.hi, one.hi);
		item[used++] = one;
	}
	if (used == 0)
		return false;
	if (!approx && ki->strategy == BTEqualStrategyNumber)
		return alex_set_merge(set, item, alex_sort_items(item, used, NULL));
	alex_set_clip(set, &all);
	return !approx || alex_filter_key(so, key, k);
}

/* The set of column c; false if it is empty. */
static bool
alex_column_words(AlexScan *so, const ScanKeyData *keys, int c)
{
	AlexKeySet *set = &so->set[c];

	for (int k = 0; k < so->nkeys; k++)
	{
		const ScanKeyData *key = &keys[k];

		if (key->sk_attno != c + 1)
			continue;
		if (!alex_set_want(set, (key->sk_flags & SK_SEARCHNULL) != 0))
			return false;
		if (key->sk_flags & ALEX_NULL_TEST)
			continue;
		if (!((key->sk_flags & SK_SEARCHARRAY) ?
			  alex_array_words(so, key, k, set) :
			  alex_plain_words(so, key, k, set)))
			return false;
	}
	return alex_set_finish_words(set);
}

/*---- sets of images ---- */

/* "=" with an array: a list, unless there is a value or a list already */
static bool
alex_array_datum(AlexScan *so, const ScanKeyData *key, int k, AlexKeySet *set,
				 bool desc)
{
	AlexKeyInfo *ki = &so->keyinfo[k];
	AlexItemSort sort = {ki->argcmp, ki->collation, desc ? -1 : 1};
	AlexItem   *item;
	int			n;

	if (set->kind != ALEX_SET_RANGE || ki->cmp == NULL || ki->argcmp == NULL)
		return alex_filter_key(so, key, k);
	n = alex_array_elements(so, key, &item);
	n = alex_sort_items(item, n, &sort);
	if (n == 0)
		return false;
	set->kind = n == 1 ? ALEX_SET_POINT : ALEX_SET_LIST;
	set->lo.key = k;
	set->item = item;
	set->nitems = n;
	set->cmp = set->lo.cmp = ki->cmp;
	set->lo.value = item[0].value;
	return true;
}

/* "=": a value, unless there is one already */
static bool
alex_equal_datum(AlexScan *so, const ScanKeyData *key, int k, AlexKeySet *set)
{
	AlexKeyInfo *ki = &so->keyinfo[k];

	if (set->kind != ALEX_SET_RANGE || ki->cmp == NULL)
		return alex_filter_key(so, key, k);
	set->kind = ALEX_SET_POINT;
	set->lo.key = k;
	set->lo.value = key->sk_argument;
	set->lo.cmp = ki->cmp;
	return true;
}

/*
 * Compares the argument of key k with the bound that is there: 1 if it is
 * tighter, 0 if it adds nothing, -1 if nobody can tell.
 */
static int
alex_bound_tighter(AlexScan *so, const AlexBound *bound, int k, Datum value,
				   bool open, bool lower)
{
	AlexKeyInfo *ki = &so->keyinfo[k];
	bool		desc = ki->order != ki->strategy;
	int			cmp;

	if (ki->argcmp == NULL ||
		so->keyinfo[bound->key].argtype != ki->argtype)
		return -1;
	cmp = DatumGetInt32(FunctionCall2Coll(ki->argcmp, ki->collation,
										  value, bound->value));
	if (cmp == 0)
		return open && !bound->open;
	return (cmp > 0) == (lower != desc);
}

/* The element of an array that "<" or ">" ANY comes down to */
static bool
alex_array_extreme(AlexScan *so, const ScanKeyData *key, AlexKeyInfo *ki,
				   Datum *value)
{
	bool		largest = ki->strategy <= BTLessEqualStrategyNumber;
	AlexItemSort sort = {ki->argcmp, ki->collation, largest ? -1 : 1};
	AlexItem   *item;
	int			n = alex_array_elements(so, key, &item);

	if (n == 0)
		return false;
	n = alex_sort_items(item, n, &sort);
	*value = item[0].value;
	return true;
}

/* An inequality: a bound, unless there is a value or a tighter one */
static bool
alex_range_datum(AlexScan *so, const ScanKeyData *key, int k, AlexKeySet *set)
{
	AlexKeyInfo *ki = &so->keyinfo[k];
	bool		array = (ki->flags & SK_SEARCHARRAY) != 0;
	bool		lower = ki->order >= BTGreaterEqualStrategyNumber;
	bool		open = ki->order == BTLessStrategyNumber ||
	ki->order == BTGreaterStrategyNumber;
	AlexBound  *bound = lower ? &set->lo : &set->hi;
	Datum		value = key->sk_argument;

	if (set->kind != ALEX_SET_RANGE || ki->cmp == NULL ||
		(array && ki->argcmp == NULL))
		return alex_filter_key(so, key, k);
	if (array && !alex_array_extreme(so, key, ki, &value))
		return false;
	if (bound->given)
	{
		int			tighter = alex_bound_tighter(so, bound, k, value, open, lower);

		if (tighter < 0)
			return alex_filter_key(so, key, k);
		if (tighter == 0)
			return true;
	}
	bound->given = true;
	bound->open = open;
	bound->key = k;
	bound->value = value;
	bound->cmp = ki->cmp;
	return true;
}

/*
 * The set of column c; false if it is empty.  Values come before ranges, so
 * that a range need not be undone.
 */
static bool
alex_column_datum(AlexScan *so, Relation rel, const ScanKeyData *keys, int c)
{
	AlexKeySet *set = &so->set[c];
	bool		desc = (rel->rd_indoption[c] & INDOPTION_DESC) != 0;

	for (int pass = 0; pass < 2; pass++)
	{
		for (int k = 0; k < so->nkeys; k++)
		{
			const ScanKeyData *key = &keys[k];
			bool		values = key->sk_strategy == BTEqualStrategyNumber &&
			!(key->sk_flags & ALEX_NULL_TEST);
			bool		ok;

			if (key->sk_attno != c + 1 || values != (pass == 0))
				continue;
			if (!alex_set_want(set, (key->sk_flags & SK_SEARCHNULL) != 0))
				return false;
			if (key->sk_flags & ALEX_NULL_TEST)
				continue;
			if (pass == 1)
				ok = alex_range_datum(so, key, k, set);
			else if (key->sk_flags & SK_SEARCHARRAY)
				ok = alex_array_datum(so, key, k, set, desc);
			else
				ok = alex_equal_datum(so, key, k, set);
			if (!ok)
				return false;
		}
	}
	return true;
}

/* All keys on column c become filters; false if one has an empty array. */
static bool
alex_filter_column(AlexScan *so, const ScanKeyData *keys, int c)
{
	for (int k = 0; k < so->nkeys; k++)
	{
		if (keys[k].sk_attno == c + 1 && !alex_filter_key(so, &keys[k], k))
			return false;
	}
	return true;
}

/*---- all columns ---- */

static void
alex_set_init(AlexScan *so, Relation rel, int c)
{
	AlexKeySet *set = &so->set[c];

	set->nullsfirst = (rel->rd_indoption[c] & INDOPTION_NULLS_FIRST) != 0;
	set->kind = ALEX_SET_ALL;
	set->nitems = set->cur = 0;
	set->lo.given = set->hi.given = false;
	set->lo.word[0] = set->lo.word[1] = 0;
	if (!so->info.dict)
		alex_wide_max(&so->info.column[c], set->hi.word);
}

/* Puts column c's set to use; true if later columns can still be bounds. */
static bool
alex_use_set(AlexScan *so, int c, bool prefix)
{
	AlexSetKind kind = so->set[c].kind;

	if (!prefix)
	{
		if (kind != ALEX_SET_ALL)
			so->wordfilter[so->nwordfilters++] = c;
		return false;
	}
	if (kind == ALEX_SET_ALL)
		return false;
	if (kind == ALEX_SET_RANGE)
	{
		so->range = true;
		return false;
	}
	so->lists |= kind == ALEX_SET_LIST;
	so->nprefix++;
	return true;
}

/* The general way from keys to sets and filters; false if nothing matches. */
static bool
alex_keys_to_sets(AlexScan *so, Relation rel, const ScanKeyData *keys)
{
	bool		prefix = true;

	so->patched = false;
	so->nprefix = so->nwordfilters = so->nfilters = 0;
	so->range = so->lists = false;
	for (int k = 0; k < so->nkeys; k++)
	{
		if ((keys[k].sk_flags & SK_ISNULL) &&
			!(keys[k].sk_flags & ALEX_NULL_TEST))
			return false;
	}
	for (int c = 0; c < so->info.nkeyatts; c++)
	{
		bool		ok;

		alex_set_init(so, rel, c);
		if (!so->info.dict)
			ok = alex_column_words(so, keys, c);
		else if (prefix)
			ok = alex_column_datum(so, rel, keys, c);
		else
			ok = alex_filter_column(so, keys, c);
		if (!ok)
			return false;
		prefix = alex_use_set(so, c, prefix);
	}
	so->point = !so->range && so->nprefix > 0;
	return true;
}

/*
 * alex_scan_keys: turns scan->keyData into sets and filters
 *
 * false if no entry can match.  Else the caller sets the range up with
 * alex_scan_first_items and alex_scan_bounds.
 */
bool
alex_scan_keys(IndexScanDesc scan)
{
	AlexScan   *so = (AlexScan *) scan->opaque;

	if (!alex_keys_known(so, scan->keyData, scan->numberOfKeys))
		alex_analyse_keys(so, scan->indexRelation, scan->keyData,
						  scan->numberOfKeys);
	if (so->simple && alex_simple_bounds(so, scan->keyData))
		return true;
	if (so->keycxt == NULL)
		so->keycxt = AllocSetContextCreate(so->cxt, "alex scan keys",
										   ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(so->keycxt);
	return alex_keys_to_sets(so, scan->indexRelation, scan->keyData);
}

/*---- ranges ---- */

/*
 * alex_scan_first_items: first combination of list items in the direction
 */
void
alex_scan_first_items(AlexScan *so, bool forward)
{
	if (!so->lists)
		return;
	for (int c = 0; c < so->nprefix; c++)
	{
		AlexKeySet *set = &so->set[c];

		if (set->kind == ALEX_SET_LIST)
			set->cur = forward ? 0 : set->nitems - 1;
	}
}

/*
 * alex_scan_next_items: the next combination, the last column moving fastest
 */
bool
alex_scan_next_items(AlexScan *so, bool forward)
{
	if (!so->lists)
		return false;
	for (int c = so->nprefix - 1; c >= 0; c--)
	{
		AlexKeySet *set = &so->set[c];

		if (set->kind != ALEX_SET_LIST)
			continue;
		set->cur += forward ? 1 : -1;
		if (set->cur >= 0 && set->cur < set->nitems)
			return true;
		set->cur = forward ? 0 : set->nitems - 1;
	}
	return false;
}

/* Adds column c of the prefix to a key */
static void
alex_bound_add(AlexScan *so, AlexKey *key, int c, bool upper)
{
	AlexKeySet *set = &so->set[c];
	AlexItem   *item = NULL;

	if (set->kind == ALEX_SET_NULL)
	{
		alex_key_add_null(&so->info, key);
		return;
	}
	if (set->kind == ALEX_SET_LIST)
		item = &set->item[set->cur];
	if (so->info.dict)
		alex_key_add_datum(&so->info, key, item ? item->value : set->lo.value,
						   item ? set->cmp : set->lo.cmp);
	else if (item)
		alex_key_add_words(&so->info, key, upper ? item->hi : item->lo);
	else
		alex_key_add_words(&so->info, key, upper ? set->hi.word : set->lo.word);
}

/*
 * Adds the range column's lower or upper end, and says whether the key lies
 * after what it names.  Without a bound the nulls are what is to be left out,
 * if they are on this side.
 */
static bool
alex_bound_range(AlexScan *so, AlexKey *key, bool upper, bool nullsfirst)
{
	AlexKeySet *set = &so->set[so->nprefix];
	AlexBound  *bound = upper ? &set->hi : &set->lo;

	if (!so->info.dict)
	{
		alex_key_add_words(&so->info, key, bound->word);
		return upper;
	}
	if (bound->given)
	{
		alex_key_add_datum(&so->info, key, bound->value, bound->cmp);
		return upper != bound->open;
	}
	if (nullsfirst == upper)
		return upper;
	alex_key_add_null(&so->info, key);
	return !upper;
}

static void
alex_make_bound(AlexScan *so, AlexKey *key, bool upper, bool nullsfirst)
{
	bool		after = upper;

	alex_key_begin(&so->info, key);
	for (int c = 0; c < so->nprefix; c++)
		alex_bound_add(so, key, c, upper);
	if (so->range)
		after = alex_bound_range(so, key, upper, nullsfirst);
	alex_key_finish(&so->info, key, after);
}

/*
 * alex_scan_bounds: the range of entries for the list items at hand
 */
void
alex_scan_bounds(AlexScan *so)
{
	bool		nullsfirst = false;

	if (so->patched)
		return;
	if (so->range)
		nullsfirst = so->set[so->nprefix].nullsfirst;
	alex_make_bound(so, &so->start, false, nullsfirst);
	alex_make_bound(so, &so->end, true, nullsfirst);
}

/*
 * alex_scan_at_point: does an image lie in the range, which is one of single
 * values?  Told by "=", which is cheaper than comparing: for an entry that is
 * known not to lie before the range.
 */
bool
alex_scan_at_point(IndexScanDesc scan, IndexTuple itup)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	TupleDesc	desc = RelationGetDescr(scan->indexRelation);

	for (int c = so->nprefix - 1; c >= 0; c--)
	{
		AlexKeySet *set = &so->set[c];
		ScanKey		key;
		bool		isnull;
		Datum		value = index_getattr(itup, c + 1, desc, &isnull);

		if (isnull || set->kind == ALEX_SET_NULL)
		{
			if (isnull && set->kind == ALEX_SET_NULL)
				continue;
			return false;
		}
		key = &scan->keyData[set->lo.key];
		if (!DatumGetBool(FunctionCall2Coll(&key->sk_func, key->sk_collation, value,
											set->kind == ALEX_SET_LIST ?
											set->item[set->cur].value :
											set->lo.value)))
			return false;
	}
	return true;
}

/*---- filters ---- */

/* Is an indexed value among the sorted elements of an array? */
static bool
alex_filter_search(const AlexFilter *filter, Oid collation, Datum value)
{
	int			lo = 0;
	int			hi = filter->nitems;

	while (lo < hi)
	{
		int			mid = lo + (hi - lo) / 2;
		int			cmp;

		cmp = DatumGetInt32(FunctionCall2Coll(filter->cmp, collation, value,
											  filter->item[mid].value));
		if (cmp == 0)
			return true;
		if (cmp < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}

static bool
alex_filter_match(IndexScanDesc scan, const AlexFilter *filter,
				  const uint64 *row)
{
	AlexScan   *so = (AlexScan *) scan->opaque;
	ScanKey		key = &scan->keyData[filter->key];
	char		buf[16];
	bool		isnull;
	Datum		value;

	value = alex_row_getattr(scan->indexRelation, &so->info, row,
							 key->sk_attno, &isnull, buf);
	if (isnull || (key->sk_flags & ALEX_NULL_TEST))
		return isnull == ((key->sk_flags & SK_SEARCHNULL) != 0);
	if (!(key->sk_flags & SK_SEARCHARRAY))
		return DatumGetBool(FunctionCall2Coll(&key->sk_func, key->sk_collation,
											  value, key->sk_argument));
	if (filter->cmp != NULL)
		return alex_filter_search(filter, key->sk_collation, value);
	for (int i = 0; i < filter->nitems; i++)
	{
		if (DatumGetBool(FunctionCall2Coll(&key->sk_func, key->sk_collation,
										   value, filter->item[i].value)))
			return true;
	}
	return false;
}

/* The item of a set whose interval may hold words w: the last with lo <= w */
static const AlexItem *
alex_set_search(const AlexKeySet *set, const uint64 *w)
{
	int			lo = 0;
	int			hi = set->nitems;

	while (lo < hi)
	{
		int			mid = lo + (hi - lo) / 2;

		if (alex_wide_cmp(set->item[mid].lo, w) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 ? &set->item[lo - 1] : NULL;
}

/* Is a row's column in its set? */
static bool
alex_set_match(const AlexScan *so, int c, const uint64 *row)
{
	const AlexColumn *col = &so->info.column[c];
	const AlexKeySet *set = &so->set[c];
	bool		isnull = (row[col->field] != 0) != col->nullsfirst;
	uint64		w[2] = {0, 0};

	if (isnull || set->kind == ALEX_SET_NULL)
		return isnull == (set->kind == ALEX_SET_NULL);
	for (int i = 0; i < col->nwords; i++)
		w[i] = row[col->field + 1 + i];
	if (set->kind == ALEX_SET_LIST)
	{
		const AlexItem *item = alex_set_search(set, w);

		return item != NULL && alex_wide_cmp(w, item->hi) <= 0;
	}
	return alex_wide_cmp(w, set->lo.word) >= 0 &&
		alex_wide_cmp(w, set->hi.word) <= 0;
}

/*
 * alex_scan_match: does a row pass the filters?
 */
bool
alex_scan_match(IndexScanDesc scan, const uint64 *row)
{
	AlexScan   *so = (AlexScan *) scan->opaque;

	for (int i = 0; i < so->nwordfilters; i++)
	{
		if (!alex_set_match(so, so->wordfilter[i], row))
			return false;
	}
	for (int i = 0; i < so->nfilters; i++)
	{
		if (!alex_filter_match(scan, &so->filter[i], row))
			return false;
	}
	return true;
}
