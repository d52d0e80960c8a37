/*-------------------------------------------------------------------------
 *
 * alexsort.c
 *	  Sorting of records of words, and of records that name key images.
 *
 * Words are sorted by their most significant bits first (MSD radix sort, see
 * McIlroy, Bostic and McIlroy, "Engineering radix sort", 1993).  Each step
 * looks at the bits in which the records at hand differ, so that common
 * prefixes, narrow types and columns of few values cost one pass and no data
 * movement.  Records move out of place between two arrays, which keeps the sort
 * stable: entries that come in TID order need not be compared by TID.
 * A handful of records is sorted by insertion.
 *
 * Key images are compared by the operator class.  If the leading column has
 * a projection or abbreviated keys of unsigned order, those are radix sorted
 * first; what is then equal is merge sorted, which needs the fewest
 * comparisons.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "alex/alexbuild.h"
#include "catalog/pg_index.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define ALEX_SMALL_SORT		20	/* records sorted by insertion */
#define ALEX_MAX_DIGIT		11	/* bits of a radix step */

/*
 * alex_order_add: orders records by (word & mask) next
 */
void
alex_order_add(AlexOrder *order, int word, uint64 mask)
{
	Assert(order->nkeys < ALEX_MAX_SORT_KEYS);
	order->word[order->nkeys] = word;
	order->mask[order->nkeys] = mask;
	order->nkeys++;
}

/*---- small and comparison sorts ---- */

static inline void
alex_copy_record(uint64 *dst, const uint64 *src, int nwords)
{
	for (int w = 0; w < nwords; w++)
		dst[w] = src[w];
}

/*
 * Sorts n records by insertion while copying them from "from" to "to", which
 * may be the same.  Keys before "key" are known to be equal.
 */
static pg_attribute_always_inline void
alex_insertion(const AlexOrder *order, const uint64 *from, uint64 *to, int n,
			   int key, const int nwords)
{
	const int	word = key < order->nkeys ? order->word[key] : 0;
	const uint64 mask = key < order->nkeys ? order->mask[key] : 0;
	const bool	more = key + 1 < order->nkeys || order->tie != NULL;

	for (int i = 0; i < n; i++)
	{
		uint64		rec[ALEX_MAX_FIELDS];
		uint64		lead;
		int			j = i;

		alex_copy_record(rec, from + i * nwords, nwords);
		lead = from[i * nwords + word] & mask;
		for (; j > 0; j--)
		{
			const uint64 *prev = to + (j - 1) * nwords;
			uint64		v = prev[word] & mask;

			if (v < lead ||
				(v == lead && (!more || alex_cmp_records(order, prev, rec) <= 0)))
				break;
			alex_copy_record(to + j * nwords, prev, nwords);
		}
		alex_copy_record(to + j * nwords, rec, nwords);
	}
}

static void
alex_small_sort(const AlexOrder *order, const uint64 *from, uint64 *to, int n,
				int key)
{
	switch (order->nwords)
	{
		case 2:
			alex_insertion(order, from, to, n, key, 2);
			break;
		case 3:
			alex_insertion(order, from, to, n, key, 3);
			break;
		case 5:
			alex_insertion(order, from, to, n, key, 5);
			break;
		default:
			alex_insertion(order, from, to, n, key, order->nwords);
			break;
	}
}

/* Merges two sorted neighbours of nleft and nright records */
static void
alex_merge_halves(const AlexOrder *order, const uint64 *left, int64 nleft,
				  const uint64 *right, int64 nright, uint64 *to)
{
	const int	nwords = order->nwords;
	const uint64 *lend = left + nleft * nwords;
	const uint64 *rend = right + nright * nwords;

	/* already in order */
	if (alex_cmp_records(order, lend - nwords, right) > 0)
	{
		while (left < lend && right < rend)
		{
			bool		takeleft = alex_cmp_records(order, left, right) <= 0;

			alex_copy_record(to, takeleft ? left : right, nwords);
			to += nwords;
			left += takeleft ? nwords : 0;
			right += takeleft ? 0 : nwords;
		}
	}
	memcpy(to, left, (char *) lend - (const char *) left);
	to += lend - left;
	memcpy(to, right, (char *) rend - (const char *) right);
}

/*
 * Merge sort by comparisons: the result is in "to" if "move", else in "from".
 */
static void
alex_merge_sort(const AlexOrder *order, uint64 *from, uint64 *to, int64 n,
				bool move)
{
	const int	nwords = order->nwords;
	int64		half = n / 2;

	if (n <= 6)
	{
		alex_small_sort(order, from, move ? to : from, (int) n, 0);
		return;
	}
	CHECK_FOR_INTERRUPTS();
	alex_merge_sort(order, from, to, half, !move);
	alex_merge_sort(order, from + half * nwords, to + half * nwords, n - half,
					!move);
	if (move)
		alex_merge_halves(order, from, half, from + half * nwords, n - half, to);
	else
		alex_merge_halves(order, to, half, to + half * nwords, n - half, from);
}

/*---- radix sort ---- */

/* Bits under mask in which n records differ in a word */
static uint64
alex_varying(const uint64 *records, int64 n, int nwords, int word, uint64 mask)
{
	uint64		first = records[word];
	uint64		diff = 0;

	records += word;
	for (int64 i = 0; i < n; i++, records += nwords)
		diff |= *records ^ first;
	return diff & mask;
}

/* Bits of the next step: leave about eight records to a bucket */
static inline int
alex_digit_bits(int64 n)
{
	int			bits = pg_leftmost_one_pos64((uint64) n) - 3;

	return Max(1, Min(bits, ALEX_MAX_DIGIT));
}

static pg_attribute_always_inline void
alex_scatter_w(const uint64 *from, uint64 *to, int64 n, const int nwords,
			   int word, uint64 mask, int shift, uint64 *place)
{
	for (int64 i = 0; i < n; i++, from += nwords)
	{
		int			digit = (int) ((from[word] & mask) >> shift);

		alex_copy_record(to + place[digit] * nwords, from, nwords);
		place[digit]++;
	}
}

static void
alex_scatter(const uint64 *from, uint64 *to, int64 n, int nwords, int word,
			 uint64 mask, int shift, uint64 *place)
{
	switch (nwords)
	{
		case 2:
			alex_scatter_w(from, to, n, 2, word, mask, shift, place);
			break;
		case 3:
			alex_scatter_w(from, to, n, 3, word, mask, shift, place);
			break;
		case 5:
			alex_scatter_w(from, to, n, 5, word, mask, shift, place);
			break;
		default:
			alex_scatter_w(from, to, n, nwords, word, mask, shift, place);
			break;
	}
}

/*
 * One radix step over the bits of "mask", from bit "shift" up.  place[d]
 * becomes the end of bucket d in "to".
 */
static void
alex_radix_step(const AlexOrder *order, const uint64 *from, uint64 *to,
				int64 n, int word, uint64 mask, int shift, uint64 *place)
{
	const int	nwords = order->nwords;
	const uint64 *lead = from + word;
	int			nbuckets = (int) (mask >> shift) + 1;
	uint64		sum = 0;

	memset(place, 0, sizeof(uint64) * nbuckets);
	for (int64 i = 0; i < n; i++, lead += nwords)
		place[(*lead & mask) >> shift]++;
	for (int d = 0; d < nbuckets; d++)
	{
		uint64		count = place[d];

		place[d] = sum;
		sum += count;
	}
	alex_scatter(from, to, n, nwords, word, mask, shift, place);
}

/* The bucket that holds most records */
static int
alex_largest_bucket(const uint64 *place, int nbuckets)
{
	int			best = 0;
	uint64		bestsize = place[0];

	for (int d = 1; d < nbuckets; d++)
	{
		if (place[d] - place[d - 1] > bestsize)
		{
			best = d;
			bestsize = place[d] - place[d - 1];
		}
	}
	return best;
}

/* No key tells the records apart: the rest of the order decides */
static void
alex_sort_ties(const AlexOrder *order, uint64 *from, uint64 *to, int64 n,
			   bool move)
{
	if (order->tie)
		alex_merge_sort(order, from, to, n, move);
	else if (move)
		memcpy(to, from, sizeof(uint64) * order->nwords * n);
}

/*
 * Sorts n records by the keys from "key" on.  The result is in "to" if
 * "move", else in "from".  The largest bucket is done by the loop, so that
 * recursion is no deeper than the logarithm of n.
 */
static void
alex_radix_sort(const AlexOrder *order, uint64 *from, uint64 *to, int64 n,
				int key, bool move)
{
	const int	nwords = order->nwords;

	while (n > ALEX_SMALL_SORT)
	{
		uint64		place[1 << ALEX_MAX_DIGIT];
		uint64		varying = 0;
		uint64	   *bucket;
		int			top;
		int			low;
		int			shift;
		int			nbuckets;
		int			big;

		while (key < order->nkeys &&
			   (varying = alex_varying(from, n, nwords, order->word[key],
									   order->mask[key])) == 0)
			key++;
		if (key >= order->nkeys)
		{
			alex_sort_ties(order, from, to, n, move);
			return;
		}
		top = pg_leftmost_one_pos64(varying);
		low = pg_rightmost_one_pos64(order->mask[key]);
		shift = Max(low, top + 1 - alex_digit_bits(n));
		nbuckets = 1 << (top + 1 - shift);
		alex_radix_step(order, from, to, n, order->word[key],
						(uint64) (nbuckets - 1) << shift, shift, place);
		if (shift == low)
			key++;

		big = alex_largest_bucket(place, nbuckets);
		for (int d = 0; d < nbuckets; d++)
		{
			uint64		start = d > 0 ? place[d - 1] : 0;

			if (d != big && place[d] > start)
				alex_radix_sort(order, to + start * nwords,
								from + start * nwords, place[d] - start, key,
								!move);
		}
		if (n > 100000)
			CHECK_FOR_INTERRUPTS();

		/* go on with the largest one; the arrays have changed their roles */
		n = place[big] - (big > 0 ? place[big - 1] : 0);
		bucket = from + (place[big] - n) * nwords;
		from = to + (place[big] - n) * nwords;
		to = bucket;
		move = !move;
	}
	alex_small_sort(order, from, move ? to : from, (int) n, key);
}

/*
 * alex_records_sorted: are n records in order already?
 */
bool
alex_records_sorted(const AlexOrder *order, const uint64 *records, int64 n)
{
	for (int64 i = 1; i < n; i++)
	{
		if (alex_cmp_records(order, records + (i - 1) * order->nwords,
							 records + i * order->nwords) > 0)
			return false;
	}
	return true;
}

/*
 * alex_sort_records: sorts n records
 *
 * "records" and "tmp" have room for n records each; the result is in the one
 * that is returned.  Interruptible.
 */
uint64 *
alex_sort_records(const AlexOrder *order, uint64 *records, uint64 *tmp,
				  int64 n)
{
	alex_radix_sort(order, records, tmp, n, 0, false);
	return records;
}

/*---- records that name images ---- */

static inline IndexTuple
alex_record_image(const uint64 *record)
{
	return (IndexTuple) (uintptr_t) record[ALEX_IMG_ADDR];
}

/* Same bytes: the same key, whatever the operator class */
static inline bool
alex_images_identical(const IndexTupleData *a, const IndexTupleData *b)
{
	return a == b ||
		(a->t_info == b->t_info &&
		 memcmp((const char *) a + sizeof(IndexTupleData),
				(const char *) b + sizeof(IndexTupleData),
				(a->t_info & INDEX_SIZE_MASK) - sizeof(IndexTupleData)) == 0);
}

/* The key columns of two images, from "from" on, all values in full */
static int
alex_cmp_columns(const AlexImageOrder *io, IndexTuple a, IndexTuple b,
				 int from)
{
	for (int i = from; i < io->nkeyatts; i++)
	{
		SortSupport ssup = &io->ssup[i];
		bool		anull;
		bool		bnull;
		Datum		av = index_getattr(a, i + 1, io->desc, &anull);
		Datum		bv = index_getattr(b, i + 1, io->desc, &bnull);
		int			cmp;

		if (i == 0 && io->abbrev)
			cmp = ApplySortAbbrevFullComparator(av, anull, bv, bnull, ssup);
		else
			cmp = ApplySortComparator(av, anull, bv, bnull, ssup);
		if (cmp != 0)
			return cmp;
	}
	return 0;
}

/*
 * Order of two records by (key, TID), given that what is radix sorted of the
 * leads is equal.
 */
static int
alex_cmp_images(const uint64 *a, const uint64 *b, void *arg)
{
	const AlexImageOrder *io = (const AlexImageOrder *) arg;
	IndexTuple	ia = alex_record_image(a);
	IndexTuple	ib = alex_record_image(b);
	int			cmp = 0;

	if (io->lead != ALEX_LEAD_WORD)
		cmp = ApplySortComparator((Datum) a[ALEX_IMG_LEAD],
								  (a[ALEX_IMG_TID] & ALEX_IMG_NULL) != 0,
								  (Datum) b[ALEX_IMG_LEAD],
								  (b[ALEX_IMG_TID] & ALEX_IMG_NULL) != 0,
								  &io->ssup[0]);
	if (cmp == 0 && !alex_images_identical(ia, ib))
		cmp = alex_cmp_columns(io, ia, ib, io->exact ? 1 : 0);
	if (cmp == 0)
	{
		uint64		ta = a[ALEX_IMG_TID] & ALEX_REC_TID_MASK;
		uint64		tb = b[ALEX_IMG_TID] & ALEX_REC_TID_MASK;

		cmp = ta < tb ? -1 : (ta > tb ? 1 : 0);
	}
	return cmp;
}

/*
 * Comparator of a key column: that of the btree operator family to which its
 * "<" belongs, which may know abbreviated keys, or our support function.
 */
static void
alex_prepare_ssup(Relation rel, int attno, SortSupport ssup)
{
	Oid			opcintype = rel->rd_opcintype[attno - 1];
	int16		option = rel->rd_indoption[attno - 1];
	Oid			ltop = get_opfamily_member(rel->rd_opfamily[attno - 1],
										   opcintype, opcintype,
										   BTLessStrategyNumber);
	Oid			family;
	Oid			type;
	CompareType meaning;

	ssup->ssup_cxt = CurrentMemoryContext;
	ssup->ssup_collation = rel->rd_indcollation[attno - 1];
	ssup->ssup_reverse = (option & INDOPTION_DESC) != 0;
	ssup->ssup_nulls_first = (option & INDOPTION_NULLS_FIRST) != 0;
	ssup->ssup_attno = attno;
	ssup->abbreviate = attno == 1;
	if (OidIsValid(ltop) &&
		get_ordering_op_properties(ltop, &family, &type, &meaning) &&
		meaning == COMPARE_LT)
	{
		bool		reverse = ssup->ssup_reverse;

		PrepareSortSupportFromOrderingOp(ltop, ssup);
		ssup->ssup_reverse = reverse;
	}
	else
		PrepareSortSupportComparisonShim(index_getprocid(rel, attno,
														 ALEX_CMP_PROC), ssup);
}

/*
 * numeric's abbreviated keys are signed numbers in descending order.  Asks the
 * comparator before relying on it.
 */
static bool
alex_abbrev_descends(SortSupport ssup)
{
	static const int64 probe[] = {
		PG_INT64_MAX, INT64CONST(0x123456789ABCDEF), 258, 255, 1, 0,
		-1, -256, -258, INT64CONST(-0x123456789ABCDEF), PG_INT64_MIN
	};

	for (int i = 1; i < lengthof(probe); i++)
	{
		if (ssup->comparator(Int64GetDatum(probe[i - 1]),
							 Int64GetDatum(probe[i]), ssup) >= 0 ||
			ssup->comparator(Int64GetDatum(probe[i]),
							 Int64GetDatum(probe[i - 1]), ssup) <= 0)
			return false;
	}
	return true;
}

/* Chooses what stands for the leading column, see AlexLead */
static void
alex_choose_lead(Relation rel, AlexImageOrder *io)
{
	Form_pg_attribute att = TupleDescAttr(io->desc, 0);
	Oid			cmpproc = index_getprocid(rel, 1, ALEX_CMP_PROC);
	AlexKind	kind = alex_kind_of(cmpproc, att->atttypid, att->attbyval);

	io->abbrev = io->ssup[0].abbrev_converter != NULL;
	io->lead = io->abbrev ? ALEX_LEAD_ABBREV : ALEX_LEAD_DATUM;
	io->exact = !io->abbrev;
	/* zeros of either sign are equal floats but different words */
	if (kind != ALEX_KIND_NONE && kind != ALEX_KIND_FLOAT4 &&
		kind != ALEX_KIND_FLOAT8)
	{
		io->lead = ALEX_LEAD_WORD;
		io->column.kind = kind;
		io->column.nwords = kind == ALEX_KIND_UUID ? 2 : 1;
		io->column.desc = io->ssup[0].ssup_reverse;
		io->exact = io->column.nwords == 1;
	}
	else if (io->abbrev && io->ssup[0].comparator == ssup_datum_unsigned_cmp)
		io->lead = ALEX_LEAD_WORD;
	else if (io->abbrev && cmpproc == F_NUMERIC_CMP &&
			 alex_abbrev_descends(&io->ssup[0]))
	{
		io->lead = ALEX_LEAD_WORD;
		io->flip = UINT64CONST(0x7FFFFFFFFFFFFFFF);
	}
	if (io->lead == ALEX_LEAD_WORD)
	{
		if (io->ssup[0].ssup_reverse)
			io->flip = ~io->flip;
		alex_order_add(&io->order, ALEX_IMG_TID, ALEX_IMG_NULL_LAST);
		alex_order_add(&io->order, ALEX_IMG_LEAD, PG_UINT64_MAX);
	}
}

/*
 * alex_image_order: the order of records that name key images of an index
 */
AlexImageOrder *
alex_image_order(Relation rel, const AlexInfo *info)
{
	AlexImageOrder *io = palloc0(sizeof(AlexImageOrder));

	/* a batch may outlive its relcache entry */
	io->desc = CreateTupleDescCopy(RelationGetDescr(rel));
	io->nkeyatts = info->nkeyatts;
	io->abbrevnext = 10;
	io->ssup = palloc0(sizeof(SortSupportData) * info->nkeyatts);
	for (int i = 0; i < info->nkeyatts; i++)
		alex_prepare_ssup(rel, i + 1, &io->ssup[i]);
	io->order.nwords = ALEX_IMG_WORDS;
	io->order.tie = alex_cmp_images;
	io->order.arg = io;
	alex_choose_lead(rel, io);
	return io;
}

/*
 * alex_image_order_plain: gives up abbreviated keys, which do not pay
 */
void
alex_image_order_plain(AlexImageOrder *io)
{
	SortSupport ssup = &io->ssup[0];

	if (!io->abbrev || io->column.kind != ALEX_KIND_NONE)
		return;
	ssup->comparator = ssup->abbrev_full_comparator;
	ssup->abbrev_converter = NULL;
	ssup->abbrev_abort = NULL;
	ssup->abbrev_full_comparator = NULL;
	io->abbrev = false;
	io->exact = true;
	io->lead = ALEX_LEAD_DATUM;
	io->order.nkeys = 0;
}

/*
 * alex_image_lead_datum: the lead of a record when it is the value itself
 */
uint64
alex_image_lead_datum(const AlexImageOrder *io, const uint64 *record)
{
	bool		isnull;
	Datum		value = index_getattr(alex_record_image(record), 1, io->desc,
									  &isnull);

	return isnull ? 0 : (uint64) value;
}

/* Lead of a record by projection or abbreviation */
static inline uint64
alex_image_lead(const AlexImageOrder *io, Datum value)
{
	uint64		word[2];

	if (io->column.kind != ALEX_KIND_NONE)
	{
		alex_project(&io->column, value, word);
		return word[0];
	}
	return (uint64) io->ssup[0].abbrev_converter(value, &io->ssup[0]) ^ io->flip;
}

/* Do abbreviated keys still pay after n of them?  Asked ever more rarely. */
static bool
alex_abbrev_pays(AlexImageOrder *io, int64 n)
{
	SortSupport ssup = &io->ssup[0];

	if (io->column.kind != ALEX_KIND_NONE || n < io->abbrevnext)
		return true;
	io->abbrevnext *= 2;
	return !ssup->abbrev_abort((int) Min(n, PG_INT32_MAX), ssup);
}

/*
 * alex_image_leads: sets null flags and leads of n records from their images
 */
void
alex_image_leads(AlexImageOrder *io, uint64 *records, int64 n)
{
	bool		nullslast = !io->ssup[0].ssup_nulls_first;

	for (int64 i = 0; i < n; i++)
	{
		uint64	   *rec = records + i * ALEX_IMG_WORDS;
		bool		isnull;
		Datum		value = index_getattr(alex_record_image(rec), 1, io->desc,
										  &isnull);

		rec[ALEX_IMG_TID] &= ~(ALEX_IMG_NULL | ALEX_IMG_NULL_LAST);
		rec[ALEX_IMG_TID] |= (isnull ? ALEX_IMG_NULL : 0) |
			(isnull == nullslast ? ALEX_IMG_NULL_LAST : 0);
		if (io->lead == ALEX_LEAD_DATUM)
			rec[ALEX_IMG_LEAD] = isnull ? 0 : (uint64) value;
		else if (isnull)
			rec[ALEX_IMG_LEAD] = 0;
		else
		{
			rec[ALEX_IMG_LEAD] = alex_image_lead(io, value);
			if (!alex_abbrev_pays(io, i + 1))
			{
				/* start again with the values themselves */
				alex_image_order_plain(io);
				i = -1;
			}
		}
	}
}
