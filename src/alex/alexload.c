/*-------------------------------------------------------------------------
 *
 * alexload.c
 *	  Writes the pages of a new alex index from sorted entries.
 *
 * Every level takes rows from the left to the right.  Rows wait in the level's
 * window until it holds more than one page can, so that a page can be cut
 * where it is full and its high fence is known; then the page is written, and the
 * level above gets a row for it.  A page's address is chosen when the page
 * before it is cut, because that one needs it as its right link.
 *
 * The pages bypass shared buffers: nobody else knows the relation yet.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "alex/alexbuild.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/smgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#if PG_VERSION_NUM >= 170000
#include "storage/bulk_write.h"
#endif

#define ALEX_MAX_LEVELS		32
#define ALEX_LEAF_WINDOW	(2 * ALEX_MAX_ENTRIES)	/* rows */
#define ALEX_LEAF_ARENA		(16 * BLCKSZ)	/* bytes of images */
#define ALEX_INNER_FILL		90	/* percent */

/* pages written at once where core has no bulk writer */
#define ALEX_WRITE_BATCH	32

/* Writes pages in any order, most of them at the end of the relation */
typedef struct AlexWriter
{
	Relation	index;
#if PG_VERSION_NUM >= 170000
	BulkWriteState *bulk;
	BulkWriteBuffer buf;
#else
	bool		wal;
	BlockNumber nblocks;		/* of the relation so far */
	int			npages;
	char	   *pages;			/* and one of zeros behind them */
	BlockNumber blkno[ALEX_WRITE_BATCH];
#endif
} AlexWriter;

typedef struct AlexLevel
{
	uint64	   *rows;			/* the window */
	int			nfields;
	int			start;			/* first row that is in no page yet */
	int			n;
	int			capacity;
	BlockNumber blk;			/* of the next page */
	BlockNumber left;			/* the page before it */
	AlexFence	low;			/* its low fence */
	int64		npages;			/* written */
	Size		imagebytes;		/* of waiting rows of an inner level */
} AlexLevel;

typedef struct AlexLoad
{
	Relation	index;
	Relation	heap;
	const AlexInfo *info;
	AlexWriter	writer;
	BlockNumber nextblk;
	int			fillfactor;
	int			nlevels;
	AlexLevel	level[ALEX_MAX_LEVELS];
	MemoryContext pagecxt;		/* reset after each page */

	/* images of the leaf window, and where they go when it is moved */
	char	   *arena;
	char	   *spare;
	Size		arenaused;

	/* uniqueness */
	bool		unique;
	bool		nullsnotdistinct;
	bool		floatkey;		/* words do not decide equality */
	bool		havelast;
	uint64	   *last;			/* last entry that counts */
	char	   *lastimage;
} AlexLoad;

/*---- writing ---- */

#if PG_VERSION_NUM >= 170000

static void
alex_writer_begin(AlexWriter *writer, Relation index)
{
	writer->index = index;
	writer->bulk = smgr_bulk_start_rel(index, MAIN_FORKNUM);
}

/* A page to be filled and given to alex_writer_put */
static Page
alex_writer_page(AlexWriter *writer)
{
	writer->buf = smgr_bulk_get_buf(writer->bulk);
	return (Page) writer->buf;
}

static void
alex_writer_put(AlexWriter *writer, BlockNumber blk)
{
	smgr_bulk_write(writer->bulk, blk, writer->buf, true);
}

static void
alex_writer_end(AlexWriter *writer)
{
	smgr_bulk_finish(writer->bulk);
}

#else

static void
alex_writer_begin(AlexWriter *writer, Relation index)
{
	writer->index = index;
	writer->wal = RelationNeedsWAL(index);
	writer->nblocks = 0;
	writer->npages = 0;
#if PG_VERSION_NUM >= 160000
	writer->pages = palloc_aligned((Size) BLCKSZ * (ALEX_WRITE_BATCH + 1),
								   PG_IO_ALIGN_SIZE, 0);
#else
	writer->pages = palloc((Size) BLCKSZ * (ALEX_WRITE_BATCH + 1));
#endif
	memset(writer->pages + (Size) BLCKSZ * ALEX_WRITE_BATCH, 0, BLCKSZ);
}

static Page
alex_writer_page(AlexWriter *writer)
{
	return (Page) (writer->pages + (Size) writer->npages * BLCKSZ);
}

/* Extends the relation with zeros up to blk */
static void
alex_writer_extend(AlexWriter *writer, BlockNumber blk)
{
	char	   *zero = writer->pages + (Size) BLCKSZ * ALEX_WRITE_BATCH;

	while (writer->nblocks < blk)
		smgrextend(RelationGetSmgr(writer->index), MAIN_FORKNUM,
				   writer->nblocks++, zero, true);
}

/* Logs and writes the pages at hand */
static void
alex_writer_flush(AlexWriter *writer)
{
	Page		page[ALEX_WRITE_BATCH];

	if (writer->npages == 0)
		return;
	for (int i = 0; i < writer->npages; i++)
		page[i] = (Page) (writer->pages + (Size) i * BLCKSZ);
	if (writer->wal)
		log_newpages(&OmenRelLocator(writer->index), MAIN_FORKNUM,
					 writer->npages, writer->blkno, page, true);
	for (int i = 0; i < writer->npages; i++)
	{
		BlockNumber blk = writer->blkno[i];

		alex_writer_extend(writer, blk);
		PageSetChecksumInplace(page[i], blk);
		if (blk == writer->nblocks)
		{
			smgrextend(RelationGetSmgr(writer->index), MAIN_FORKNUM, blk,
					   page[i], true);
			writer->nblocks++;
		}
		else
			smgrwrite(RelationGetSmgr(writer->index), MAIN_FORKNUM, blk,
					  page[i], true);
	}
	writer->npages = 0;
}

static void
alex_writer_put(AlexWriter *writer, BlockNumber blk)
{
	writer->blkno[writer->npages++] = blk;
	if (writer->npages == ALEX_WRITE_BATCH)
		alex_writer_flush(writer);
}

static void
alex_writer_end(AlexWriter *writer)
{
	alex_writer_flush(writer);

	/*
	 * The pages did not go through shared buffers, so a checkpoint since they
	 * were logged has not written them, and replay may start behind the
	 * records: they have to be on disk before the build ends.  Without WAL
	 * the transaction's end sees to that.
	 */
	if (writer->wal)
		smgrimmedsync(RelationGetSmgr(writer->index), MAIN_FORKNUM);
	pfree(writer->pages);
}

#endif

/*---- images ---- */

static inline IndexTuple
alex_word_image(uint64 word)
{
	return (IndexTuple) (uintptr_t) word;
}

static inline Size
alex_image_bytes(const IndexTupleData *itup)
{
	return itup->t_info & INDEX_SIZE_MASK;
}

/* A palloc'd copy of an image; 0 stays 0 */
static uint64
alex_copy_image(uint64 word)
{
	char	   *copy;

	if (word == 0)
		return 0;
	copy = palloc(alex_image_bytes(alex_word_image(word)));
	memcpy(copy, alex_word_image(word), alex_image_bytes(alex_word_image(word)));
	return (uint64) (uintptr_t) copy;
}

/* Moves a row's image into the arena */
static void
alex_keep_image(AlexLoad *load, uint64 *row)
{
	IndexTuple	itup = alex_word_image(row[0]);
	Size		size = alex_image_bytes(itup);
	char	   *copy = load->arena + load->arenaused;

	memcpy(copy, itup, size);
	load->arenaused += MAXALIGN(size);
	row[0] = (uint64) (uintptr_t) copy;
}

static bool
alex_images_equal(const IndexTupleData *a, const IndexTupleData *b)
{
	return a->t_info == b->t_info &&
		memcmp((const char *) a + sizeof(IndexTupleData),
			   (const char *) b + sizeof(IndexTupleData),
			   alex_image_bytes(a) - sizeof(IndexTupleData)) == 0;
}

/*---- levels ---- */

static void
alex_level_init(AlexLoad *load, int levelno)
{
	AlexLevel  *level = &load->level[levelno];

	if (levelno >= ALEX_MAX_LEVELS)
		elog(ERROR, "index \"%s\" has too many levels",
			 RelationGetRelationName(load->index));
	memset(level, 0, sizeof(AlexLevel));
	level->nfields = levelno == 0 ? load->info->nleaf : load->info->ninner;
	level->capacity = levelno == 0 ? ALEX_LEAF_WINDOW : ALEX_MAX_ENTRIES + 2;
	level->rows = palloc(sizeof(uint64) * level->nfields * level->capacity);
	level->blk = level->left = InvalidBlockNumber;
	level->low.inf = true;
	load->nlevels = levelno + 1;
}

/* First row that is in no page yet */
static inline uint64 *
alex_waiting(const AlexLevel *level)
{
	return level->rows + (Size) level->start * level->nfields;
}

/* Does the level's window hold more than a page can? */
static bool
alex_window_full(const AlexLoad *load, int levelno)
{
	const AlexLevel *level = &load->level[levelno];
	int			n = level->n - level->start;

	if (n > ALEX_MAX_ENTRIES)
		return true;
	if (!load->info->dict || n < 2)
		return false;
	if (levelno > 0)
		return level->imagebytes > 2 * BLCKSZ;
	return load->arena + load->arenaused -
		(char *) alex_word_image(alex_waiting(level)[0]) > 2 * BLCKSZ;
}

/* Moves what waits to the start of the window */
static void
alex_compact_window(AlexLevel *level)
{
	memmove(level->rows, alex_waiting(level),
			sizeof(uint64) * level->nfields * (level->n - level->start));
	level->n -= level->start;
	level->start = 0;
}

/* The same for the leaf window and its images */
static void
alex_compact_images(AlexLoad *load)
{
	AlexLevel  *level = &load->level[0];
	char	   *swap = load->arena;
	uint64		old = 0;

	alex_compact_window(level);
	load->arena = load->spare;
	load->spare = swap;
	load->arenaused = 0;
	for (int i = 0; i < level->n; i++)
	{
		uint64	   *row = level->rows + (Size) i * level->nfields;

		if (row[0] == old)
			row[0] = row[-level->nfields];
		else
		{
			old = row[0];
			alex_keep_image(load, row);
		}
	}
}

/* The fence between rows m - 1 and m of what waits at a level */
static void
alex_cut_fence(AlexLoad *load, int levelno, int m, AlexFence *fence)
{
	AlexLevel  *level = &load->level[levelno];
	uint64	   *right = alex_waiting(level) + (Size) m * level->nfields;

	fence->inf = false;
	if (levelno > 0)
		memcpy(fence->f, right, sizeof(uint64) * load->info->nord);
	else
	{
		MemoryContext old = MemoryContextSwitchTo(load->pagecxt);

		alex_make_separator(load->index, load->info, right - level->nfields,
							right, fence);
		MemoryContextSwitchTo(old);
	}
}

/*
 * The next page's low fence is this one's high fence.  An inner level's rows
 * own their images, and the first row of a page has that of its low fence;
 * at the leaves the fence has a copy of its own.
 */
static void
alex_next_low(AlexLoad *load, int levelno, int m, const AlexFence *high)
{
	AlexLevel  *level = &load->level[levelno];

	if (load->info->dict && levelno == 0)
	{
		if (!level->low.inf)
			pfree(alex_word_image(level->low.f[0]));
		level->low = *high;
		if (!high->inf)
			level->low.f[0] = alex_copy_image(high->f[0]);
		return;
	}
	if (load->info->dict)
	{
		uint64	   *row = alex_waiting(level);

		for (int i = 0; i < m; i++, row += level->nfields)
		{
			if (row[0] == 0)
				continue;
			level->imagebytes -= alex_image_bytes(alex_word_image(row[0]));
			pfree(alex_word_image(row[0]));
		}
	}
	level->low = *high;
}

static void alex_add_child(AlexLoad *load, int levelno, const AlexFence *low,
						   BlockNumber child);

/* All of the next page of a level but its fill and what comes right of it */
static void
alex_level_spec(const AlexLoad *load, int levelno, AlexSpec *spec)
{
	const AlexLevel *level = &load->level[levelno];

	memset(spec, 0, offsetof(AlexSpec, low));
	spec->nfields = level->nfields;
	spec->nord = load->info->nord;
	spec->dict = load->info->dict;
	spec->deadfield = levelno == 0 ? AlexFieldDead(load->info) :
		ALEX_NO_DEADFIELD;
	spec->level = levelno;
	spec->left = level->left;
	spec->right = InvalidBlockNumber;
	spec->low = level->low;
	spec->high.inf = true;
}

/*
 * Cuts a page from the rows that wait at a level, writes it and enters it
 * into the level above.
 */
static void
alex_cut_page(AlexLoad *load, int levelno)
{
	AlexLevel  *level = &load->level[levelno];
	int			n = level->n - level->start;
	int			fill = levelno == 0 ? load->fillfactor : ALEX_INNER_FILL;
	int			m = 0;
	Page		page = alex_writer_page(&load->writer);
	AlexSpec	spec;
	BlockNumber blk;

	if (level->blk == InvalidBlockNumber)
		level->blk = load->nextblk++;
	blk = level->blk;
	alex_level_spec(load, levelno, &spec);
	if (n > 0)
		m = alex_rows_fit(&spec, alex_waiting(level), n,
						  alex_spec_space(&spec) * fill / 100);
	/* however long the keys are: inner pages must have two children */
	m = Max(m, Min(n, levelno == 0 ? 1 : 2));
	if (m < n)
		spec.right = level->blk = load->nextblk++;
	for (;; m--)
	{
		if (m < n)
			alex_cut_fence(load, levelno, m, &spec.high);
		if (alex_page_encode(page, &spec, alex_waiting(level), m))
			break;
		/* a fence's image may be longer than its row's, by its alignment */
		if (m < 2 || m == n)
			elog(ERROR, "entries of index \"%s\" do not fit a page",
				 RelationGetRelationName(load->index));
	}
	alex_writer_put(&load->writer, blk);
	level->npages++;
	level->left = blk;
	alex_add_child(load, levelno + 1, &spec.low, blk);
	alex_next_low(load, levelno, m, &spec.high);
	level->start += m;
	MemoryContextReset(load->pagecxt);
}

/* Enters a page into the level above it */
static void
alex_add_child(AlexLoad *load, int levelno, const AlexFence *low,
			   BlockNumber child)
{
	const AlexInfo *info = load->info;
	AlexLevel  *level = &load->level[levelno];
	uint64	   *row;

	if (levelno >= load->nlevels)
		alex_level_init(load, levelno);
	if (level->n == level->capacity)
		alex_compact_window(level);
	row = level->rows + (Size) level->n * level->nfields;
	if (low->inf)
		memset(row, 0, sizeof(uint64) * info->nord);
	else
		memcpy(row, low->f, sizeof(uint64) * info->nord);
	if (info->dict && row[0] != 0)
	{
		row[0] = alex_copy_image(row[0]);
		level->imagebytes += alex_image_bytes(alex_word_image(row[0]));
	}
	row[AlexFieldChild(info)] = child;
	level->n++;
	while (alex_window_full(load, levelno))
		alex_cut_page(load, levelno);
}

/*---- uniqueness ---- */

/* Are the key columns of two rows equal?  Nulls are, here. */
static bool
alex_same_key(const AlexLoad *load, const uint64 *a, const uint64 *b)
{
	const AlexInfo *info = load->info;
	int			att = info->nkeyatts;
	int			words = load->floatkey ? info->column[att - 1].field : info->nkey;
	Datum		values[2];
	bool		isnull[2];

	if (info->dict)
		return alex_images_equal(alex_word_image(a[0]), alex_word_image(b[0])) ||
			alex_cmp_row_keys(load->index, info, a, b) == 0;
	if (memcmp(a, b, sizeof(uint64) * words) != 0)
		return false;
	if (!load->floatkey)
		return true;

	/* zeros of either sign are equal, and so are all NaNs */
	values[0] = alex_row_getattr(load->index, info, a, att, &isnull[0], NULL);
	values[1] = alex_row_getattr(load->index, info, b, att, &isnull[1], NULL);
	if (isnull[0] || isnull[1])
		return isnull[0] && isnull[1];
	return DatumGetInt32(FunctionCall2Coll(index_getprocinfo(load->index, att,
															 ALEX_CMP_PROC),
										   InvalidOid,
										   values[0], values[1])) == 0;
}

/* Two entries that count have the same key: complains unless nulls excuse it */
static void
alex_report_duplicate(const AlexLoad *load, const uint64 *row)
{
	const AlexInfo *info = load->info;
	Datum		values[INDEX_MAX_KEYS] = {0};
	bool		isnull[INDEX_MAX_KEYS] = {0};
	char		buf[INDEX_MAX_KEYS][16];
	bool		anynull = false;
	char	   *key;

	for (int i = 0; i < info->natts; i++)
	{
		values[i] = alex_row_getattr(load->index, info, row, i + 1, &isnull[i],
									 buf[i]);
		if (i < info->nkeyatts && isnull[i])
			anynull = true;
	}
	if (anynull && !load->nullsnotdistinct)
		return;
	key = BuildIndexValueDescription(load->index, values, isnull);
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("could not create unique index \"%s\"",
					RelationGetRelationName(load->index)),
			 key ? errdetail("Key %s is duplicated.", key) :
			 errdetail("Duplicate keys exist."),
			 errtableconstraint(load->heap,
								RelationGetRelationName(load->index))));
}

/* Compares a row with the last one that counts */
static void
alex_check_unique(AlexLoad *load, uint64 *row)
{
	const AlexInfo *info = load->info;

	if (row[AlexFieldDead(info)] != 0)
	{
		row[AlexFieldDead(info)] = 0;
		return;
	}
	if (load->havelast && alex_same_key(load, load->last, row))
		alex_report_duplicate(load, row);
	load->havelast = true;
	memcpy(load->last, row, sizeof(uint64) * info->nleaf);
	if (info->dict)
	{
		memcpy(load->lastimage, alex_word_image(row[0]),
			   alex_image_bytes(alex_word_image(row[0])));
		load->last[0] = (uint64) (uintptr_t) load->lastimage;
	}
}

static void
alex_unique_begin(AlexLoad *load, const IndexInfo *indexInfo)
{
	const AlexInfo *info = load->info;
	const AlexColumn *col = &info->column[info->nkeyatts - 1];

	load->unique = indexInfo->ii_Unique;
	load->nullsnotdistinct = indexInfo->ii_NullsNotDistinct;
	load->floatkey = !info->dict && (col->kind == ALEX_KIND_FLOAT4 ||
									 col->kind == ALEX_KIND_FLOAT8);
	load->last = palloc(sizeof(uint64) * info->nleaf);
	if (info->dict)
		load->lastimage = palloc(BLCKSZ);
}

/*---- loading ---- */

static void
alex_report_done(const AlexLoad *load, int64 taken)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, taken);
	CHECK_FOR_INTERRUPTS();
}

/* Rows of words go straight into the leaf window */
static void
alex_load_words(AlexLoad *load, AlexSpool *spool)
{
	AlexLevel  *level = &load->level[0];
	int64		taken = 0;
	int			got;

	while ((got = alex_spool_fetch(spool,
								   level->rows + (Size) level->n * level->nfields,
								   level->capacity - level->n)) > 0)
	{
		for (int i = 0; load->unique && i < got; i++)
			alex_check_unique(load, level->rows +
							  (Size) (level->n + i) * level->nfields);
		level->n += got;
		taken += got;
		while (alex_window_full(load, 0))
			alex_cut_page(load, 0);
		alex_compact_window(level);
		alex_report_done(load, taken);
	}
}

/* Images have to be copied; neighbours with equal ones share a copy */
static void
alex_load_images(AlexLoad *load, AlexSpool *spool)
{
	AlexLevel  *level = &load->level[0];
	int64		taken = 0;

	for (;;)
	{
		uint64	   *row;
		IndexTuple	itup;

		if (level->n == level->capacity ||
			load->arenaused + BLCKSZ > ALEX_LEAF_ARENA)
		{
			alex_compact_images(load);
			alex_report_done(load, taken);
		}
		row = level->rows + (Size) level->n * level->nfields;
		if (alex_spool_fetch(spool, row, 1) == 0)
			break;
		if (load->unique)
			alex_check_unique(load, row);
		itup = alex_word_image(row[0]);
		if (level->n > level->start &&
			alex_images_equal(alex_word_image(row[-level->nfields]), itup))
			row[0] = row[-level->nfields];
		else
			alex_keep_image(load, row);
		level->n++;
		taken++;
		while (alex_window_full(load, 0))
			alex_cut_page(load, 0);
	}
	alex_report_done(load, taken);
}

/* Writes what still waits, level by level, then the metapage */
static void
alex_load_finish(AlexLoad *load)
{
	int			levelno = 0;

	for (;; levelno++)
	{
		AlexLevel  *level = &load->level[levelno];

		do
			alex_cut_page(load, levelno);
		while (level->start < level->n);
		if (level->npages == 1)
			break;
	}
	alex_init_metapage(alex_writer_page(&load->writer), load->info,
					   load->level[levelno].left, levelno);
	alex_writer_put(&load->writer, ALEX_METAPAGE);
}

/*
 * alex_load: writes all pages of an index from the entries in spool
 *
 * Raises ERRCODE_UNIQUE_VIOLATION if a unique index would hold a key twice.
 */
void
alex_load(Relation heap, Relation index, const AlexInfo *info,
		  const IndexInfo *indexInfo, AlexSpool *spool)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext,
											  "alex load",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	AlexLoad   *load = palloc0(sizeof(AlexLoad));

	load->index = index;
	load->heap = heap;
	load->info = info;
	load->nextblk = ALEX_METAPAGE + 1;
	load->fillfactor = alex_fillfactor(index);
	load->pagecxt = AllocSetContextCreate(cxt, "alex load page",
										  ALLOCSET_SMALL_SIZES);
	alex_unique_begin(load, indexInfo);
	alex_writer_begin(&load->writer, index);
	alex_level_init(load, 0);
	if (info->dict)
	{
		load->arena = palloc(ALEX_LEAF_ARENA);
		load->spare = palloc(ALEX_LEAF_ARENA);
		alex_load_images(load, spool);
	}
	else
		alex_load_words(load, spool);
	alex_load_finish(load);
	alex_writer_end(&load->writer);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}
