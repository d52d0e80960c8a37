/*-------------------------------------------------------------------------
 *
 * alexmerge.c
 *	  Merging sorted entries into the index, one leaf at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "alex/alexbuild.h"
#include "miscadmin.h"
#include "storage/predicate.h"
#include "utils/memutils.h"

/* a leaf takes this many pages' worth of new rows at once */
#define ALEX_MERGE_PAGES	10

/* more new rows than one in this many old ones: encode the page anew */
#define ALEX_INPLACE_SHARE	16

/* how many leaves before its turn a leaf is fetched */
#define ALEX_LEAVES_AHEAD	4

/* rows in front of the merge; there are more than half as many until the end */
#define ALEX_WINDOW_ROWS	8192

/* Sorted rows that are merged next */
typedef struct AlexMergeWindow
{
	AlexSpool  *spool;
	uint64	   *rows;
	int			from;			/* first row not merged yet */
	int			to;
	int			stride;			/* rows that went into the leaf before */
	bool		end;			/* the spool has no more */
	MemoryContext images;		/* the rows' own, if the spool drops them */
} AlexMergeWindow;

/* Room for a leaf's rows, old and new */
typedef struct AlexMergeSpace
{
	int			max;
	uint64	   *rows;
	uint16	   *pos;
} AlexMergeSpace;

static AlexMergeSpace alex_space = {0};

static void
alex_reserve(int nf, int n)
{
	int			words = n * nf;

	if (words > alex_space.max)
	{
		if (alex_space.rows)
			pfree(alex_space.rows);
		if (alex_space.pos)
			pfree(alex_space.pos);
		alex_space.max = 0;
		alex_space.pos = NULL;
		alex_space.rows = MemoryContextAlloc(TopMemoryContext,
											 sizeof(uint64) * words);
		alex_space.pos = MemoryContextAlloc(TopMemoryContext,
											sizeof(uint16) * words);
		alex_space.max = words;
	}
}

/* a < b by their first n words */
static inline bool
alex_words_less(const uint64 *a, const uint64 *b, int n)
{
	for (int f = 0; f < n; f++)
	{
		if (a[f] != b[f])
			return a[f] < b[f];
	}
	return false;
}

/* How many of n sorted rows lie below the page's high fence? */
static int64
alex_rows_below(Relation rel, const AlexInfo *info, Page page,
				const uint64 *rows, int64 n)
{
	AlexFence	high;
	int64		lo = 1;			/* the first row is known to belong here */
	int64		step = 1;
	int64		hi;

	alex_page_high(page, &high);
	if (high.inf)
		return n;
	while (lo < n && alex_cmp_rows(rel, info, rows + lo * info->nleaf, high.f) < 0)
	{
		lo += step;
		step *= 2;
	}
	hi = Min(lo, n);
	lo = Max(1, lo - step / 2);
	while (lo < hi)
	{
		int64		mid = (lo + hi) / 2;

		if (alex_cmp_rows(rel, info, rows + mid * info->nleaf, high.f) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Caps the number of rows so that a split of the leaf stays one record. */
static int
alex_cap_rows(Relation rel, const AlexInfo *info, Page page,
			  const uint64 *rows, int64 n)
{
	AlexSpec	spec;
	int			fit;

	alex_page_spec(page, &spec);
	/* few rows, or words of full width, are known to be no problem */
	fit = info->dict ? 6 : alex_spec_space(&spec) / (8 * info->nleaf);
	if (n <= fit * alex_fillfactor(rel) / 100 * ALEX_MERGE_PAGES)
		return (int) n;
	fit = alex_rows_fit(&spec, rows, (int) Min(n, ALEX_MAX_ENTRIES),
						alex_spec_space(&spec));
	fit = Max(1, fit * alex_fillfactor(rel) / 100);
	return (int) Min(n, (int64) Max(16, fit * ALEX_MERGE_PAGES));
}

/* Few new rows: looks each one's place up in the page. */
static int
alex_merge_sparse(Relation rel, const AlexInfo *info, Page page,
				  const uint64 *rows, int m)
{
	int			nf = info->nleaf;
	int			n = AlexPageCount(page);
	uint64	   *out = alex_space.rows;
	int			at = 0;
	int			old = 0;

	for (int i = 0; i < m; i++)
	{
		AlexKey		key;
		int			upto;

		alex_key_from_fields(rel, info, rows + (Size) i * nf, true, &key);
		upto = alex_search_page(rel, info, page, &key);
		alex_page_decode(page, old, upto, out + (Size) at * nf);
		at += upto - old;
		old = upto;
		alex_space.pos[i] = (uint16) at;
		memcpy(out + (Size) at * nf, rows + (Size) i * nf, sizeof(uint64) * nf);
		at++;
	}
	alex_page_decode(page, old, n, out + (Size) at * nf);
	return at + n - old;
}

/* Many new rows: decodes the page and merges the two runs of words. */
static int
alex_merge_dense(const AlexInfo *info, Page page, const uint64 *rows, int m)
{
	int			nf = info->nleaf;
	int			n = AlexPageCount(page);
	uint64	   *out = alex_space.rows;
	const uint64 *old = out + (Size) m * nf;
	const uint64 *oldend = old + (Size) n * nf;

	/* decoded to the end of the space, so that merging never overtakes it */
	alex_page_decode(page, 0, n, out + (Size) m * nf);
	for (int i = 0; i < m; i++, rows += nf)
	{
		while (old < oldend && alex_words_less(old, rows, info->nord))
		{
			for (int f = 0; f < nf; f++)
				out[f] = old[f];
			out += nf;
			old += nf;
		}
		alex_space.pos[i] = (uint16) ((out - alex_space.rows) / nf);
		for (int f = 0; f < nf; f++)
			out[f] = rows[f];
		out += nf;
	}
	return n + m;
}

/* Merges old and m new rows in alex_space; returns how many there are. */
static int
alex_merge_rows(Relation rel, const AlexInfo *info, Page page,
				const uint64 *rows, int m)
{
	alex_reserve(info->nleaf, AlexPageCount(page) + m);
	if (!info->dict && m > AlexPageCount(page) / ALEX_INPLACE_SHARE)
		return alex_merge_dense(info, page, rows, m);
	return alex_merge_sparse(rel, info, page, rows, m);
}

/* Tries to put a few rows into the page without encoding it anew. */
static bool
alex_merge_inplace(Relation rel, const AlexInfo *info, Buffer buf,
				   const uint64 *rows, int m)
{
	PGAlignedBlock work;
	Page		page = work.data;

	memcpy(page, BufferGetPage(buf), BLCKSZ);
	alex_reserve(info->nleaf, m);
	for (int i = 0; i < m; i++)
	{
		const uint64 *row = rows + (Size) i * info->nleaf;
		AlexKey		key;
		int			pos;

		alex_key_from_fields(rel, info, row, true, &key);
		pos = alex_search_page(rel, info, page, &key);
		if (!alex_page_insert(page, pos, row))
			return false;
		alex_space.pos[i] = (uint16) pos;
	}
	alex_do_merge(rel, buf, page, rows, alex_space.pos, m, true);
	return true;
}

/* Encodes a leaf with its merged rows anew; false if they do not fit. */
static bool
alex_merge_anew(Relation rel, Buffer buf, const uint64 *rows, int m, int total)
{
	PGAlignedBlock work;
	AlexSpec	spec;

	alex_page_spec(BufferGetPage(buf), &spec);
	if (!alex_page_encode(work.data, &spec, alex_space.rows, total))
		return false;
	alex_do_merge(rel, buf, work.data, rows, alex_space.pos, m, false);
	return true;
}

/* A single row goes into the page itself, as alex_insert_entry's does. */
static bool
alex_merge_single(Relation rel, const AlexInfo *info, Buffer buf,
				  const uint64 *row)
{
	AlexKey		key;
	int			pos;

	alex_key_from_fields(rel, info, row, true, &key);
	pos = alex_search_page(rel, info, BufferGetPage(buf), &key);
	return alex_do_insert(rel, buf, pos, row, InvalidBuffer);
}

/*
 * Merges the m rows, all within the fences of the locked leaf buf, or as many
 * of them as one split can take.  Releases buf.  Returns how many went in.
 */
static int
alex_merge_leaf(Relation rel, AlexInfo *info, Relation heap, Buffer buf,
				const uint64 *rows, int m)
{
	Page		page = BufferGetPage(buf);
	bool		asked = heap == NULL;

	for (;;)
	{
		int			n = AlexPageCount(page);
		int			total;

		if (m == 1 && alex_merge_single(rel, info, buf, rows))
			break;
		if (m > 1 && m <= n / ALEX_INPLACE_SHARE &&
			alex_merge_inplace(rel, info, buf, rows, m))
			break;
		total = alex_merge_rows(rel, info, page, rows, m);
		if (total <= ALEX_MAX_ENTRIES &&
			alex_merge_anew(rel, buf, rows, m, total))
			break;
		if (!asked)
		{
			asked = true;
			if (alex_delete_dead(rel, info, heap, buf))
				continue;
		}
		if (alex_split(rel, info, heap, buf, alex_space.rows, total,
					   alex_is_append(page, alex_space.pos[0])))
			return m;
		/* rows of very different sizes: take fewer at once */
		m = Max(1, m / 2);
	}
	UnlockReleaseBuffer(buf);
	return m;
}

/*---- rows to merge ---- */

/* Moves images of rows from..to-1, whose place is needed, to a context */
static void
alex_window_keep(const AlexInfo *info, AlexMergeWindow *window, int from,
				 int to, MemoryContext cxt)
{
	for (int i = from; i < to; i++)
	{
		uint64	   *row = window->rows + (Size) i * info->nleaf;
		IndexTuple	image = (IndexTuple) (uintptr_t) row[0];
		Size		size = image->t_info & INDEX_SIZE_MASK;

		row[0] = (uint64) (uintptr_t)
			memcpy(MemoryContextAlloc(cxt, size), image, size);
	}
}

/* Moves the rows that are left to the front. */
static void
alex_window_shift(const AlexInfo *info, AlexMergeWindow *window)
{
	memmove(window->rows, window->rows + (Size) window->from * info->nleaf,
			sizeof(uint64) * info->nleaf * (window->to - window->from));
	window->to -= window->from;
	window->from = 0;
	if (info->dict && !alex_spool_keeps_images(window->spool))
	{
		MemoryContext old = window->images;

		window->images = AllocSetContextCreate(CurrentMemoryContext,
											   "alex merge images",
											   ALLOCSET_DEFAULT_SIZES);
		alex_window_keep(info, window, 0, window->to, window->images);
		if (old != NULL)
			MemoryContextDelete(old);
	}
}

/* Fetches rows unless there are enough; false if there are none at all. */
static bool
alex_window_fill(const AlexInfo *info, AlexMergeWindow *window)
{
	if (!window->end && window->to - window->from <= ALEX_WINDOW_ROWS / 2)
	{
		alex_window_shift(info, window);
		while (!window->end && window->to < ALEX_WINDOW_ROWS)
		{
			int			got = alex_spool_fetch(window->spool,
											   window->rows + (Size) window->to * info->nleaf,
											   ALEX_WINDOW_ROWS - window->to);

			if (window->images != NULL)
				alex_window_keep(info, window, window->to, window->to + got,
								 window->images);
			window->to += got;
			window->end = got == 0;
		}
	}
	return window->from < window->to;
}

/* Has a leaf fetched that rows will go to soon, so that nobody waits for it. */
static void
alex_look_ahead(Relation rel, AlexInfo *info, const AlexMergeWindow *window)
{
	int			row = window->from + window->stride * ALEX_LEAVES_AHEAD;
	AlexKey		key;

	if (row >= window->to)
		return;
	alex_key_from_fields(rel, info, window->rows + (Size) row * info->nleaf,
						 true, &key);
	alex_fetch_leaf(rel, info, &key);
}

/* Merges the first rows of the window into their leaf. */
static void
alex_merge_next_leaf(Relation rel, AlexInfo *info, Relation heap,
					 AlexMergeWindow *window)
{
	const uint64 *rows = window->rows + (Size) window->from * info->nleaf;
	AlexKey		key;
	Buffer		buf;
	int64		m;

	alex_look_ahead(rel, info, window);
	alex_key_from_fields(rel, info, rows, true, &key);
	buf = alex_find_for_write(rel, info, heap, &key, 0);
	CheckForSerializableConflictIn(rel, NULL, BufferGetBlockNumber(buf));
	m = alex_rows_below(rel, info, BufferGetPage(buf), rows,
						window->to - window->from);
	m = alex_cap_rows(rel, info, BufferGetPage(buf), rows, m);
	window->stride = alex_merge_leaf(rel, info, heap, buf, rows, (int) m);
	window->from += window->stride;
}

/*
 * alex_merge_spool: see alexbuild.h
 */
void
alex_merge_spool(Relation rel, AlexInfo *info, Relation heap,
				 AlexSpool *spool)
{
	AlexMergeWindow window = {.spool = spool,.stride = 1};
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext cxt = AllocSetContextCreate(outer, "alex merge",
											  ALLOCSET_SMALL_SIZES);
	Size		room = Min(alex_spool_entries(spool), ALEX_WINDOW_ROWS);

	window.rows = palloc(sizeof(uint64) * info->nleaf * room);
	while (alex_window_fill(info, &window))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(cxt);
		alex_merge_next_leaf(rel, info, heap, &window);
		MemoryContextSwitchTo(outer);
		MemoryContextReset(cxt);
	}
	pfree(window.rows);
	if (window.images != NULL)
		MemoryContextDelete(window.images);
	MemoryContextDelete(cxt);
}
