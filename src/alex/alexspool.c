/*-------------------------------------------------------------------------
 *
 * alexspool.c
 *	  Collects the entries of a build, or of a statement's batch, and returns
 *	  them sorted, in a bounded amount of memory.
 *
 * Entries are kept as compact records (see alexrecord.c).  When the budget is
 * used up the records are sorted and written as a run to a temporary file; in the end the runs are merged with a tree of
 * losers (Knuth, vol. 3, 5.4.1), in several passes if there are so many
 * that their read buffers would be too small.  Within a file an image follows its
 * record at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "alex/alexbuild.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* room for images is allocated in pieces of this size */
#define ALEX_ARENA_CHUNK	(1024 * 1024)

/* a run's read buffer; must hold the largest record */
#define ALEX_MIN_RUN_BUFFER	(32 * 1024)
#define ALEX_MAX_RUN_BUFFER	(512 * 1024)
#define ALEX_MIN_FAN		4

/* images fetched ahead */
#define ALEX_PREFETCH		8

/* bytes of a record's image in a file */
#define ALEX_IMAGE_SPACE(itup)	MAXALIGN((itup)->t_info & INDEX_SIZE_MASK)
#define ALEX_IMG_FILE_WORDS 2	/* lead and TID; the image follows */

/* A sorted run in a file, and the state of reading it */
typedef struct AlexRun
{
	BufFile    *file;
	int64		offset;			/* next byte to read into the buffer */
	int64		left;			/* bytes from there to the run's end */
	char	   *buf;
	int			bufsize;
	int			pos;			/* next record in buf */
	int			fill;			/* bytes in buf */
	uint64	   *head;			/* current record, NULL at the end */
	uint64		imgrec[ALEX_IMG_WORDS]; /* head, if it names an image */
} AlexRun;

/* a run as it is listed in a shared file */
typedef struct AlexRunEntry
{
	int64		offset;
	int64		bytes;
} AlexRunEntry;

/* A file that runs are written to */
typedef struct AlexRunFile
{
	BufFile    *file;
	int64		written;
} AlexRunFile;

/* A run in the tree of losers, and what decides most comparisons */
typedef struct AlexPlayer
{
	uint64		lead;
	uint64		run;
} AlexPlayer;

/* A merge of runs in progress */
typedef struct AlexMerge
{
	int			nruns;
	AlexRun    *run;
	AlexPlayer *loser;			/* [0]: the winner */
	bool		advance;		/* the winner's head has been used */
	bool		nulls;			/* the order begins with a null flag */
	AlexOrder	order;
} AlexMerge;

struct AlexSpool
{
	Relation	index;
	const AlexInfo *info;
	MemoryContext cxt;
	MemoryContext formcxt;		/* images while they are formed */
	Size		budget;			/* bytes */
	AlexLayout	layout;
	int			nwords;			/* of a record */
	AlexImageOrder *io;			/* images only */

	/* records in memory */
	uint64	   *records;
	int64		nrecords;
	int64		capacity;
	int64		maxrecords;
	int64		next;			/* to be fetched */
	char	  **chunk;			/* images */
	int			nchunks;
	int			maxchunks;
	int			curchunk;
	Size		chunkused;

	/* all that was put */
	int64		nentries;
	uint64		flags;			/* union of all */
	bool		tidorder;		/* of what is in memory */
	uint64		lasttid;

	/* on disk */
	AlexRunFile out;
	SharedFileSet *fileset;		/* for a participant of a parallel build */
	char		filename[32];
	AlexRun    *run;
	int			nruns;
	int			maxruns;
	bool		abbrevruns;		/* all runs' leads are comparable */
	AlexMerge  *merge;
};

/* The order of records; without "tids" records equal in the key keep theirs */
static void
alex_spool_order(const AlexSpool *spool, bool tids, AlexOrder *order)
{
	if (spool->io)
		*order = spool->io->order;
	else
		alex_layout_order(&spool->layout, spool->flags, tids, order);
}

/*---- collecting ---- */

/*
 * alex_spool_begin: an empty spool
 *
 * budget: bytes of memory to use.  Uses the current memory context.
 */
AlexSpool *
alex_spool_begin(Relation index, const AlexInfo *info, Size budget)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext,
											  "alex spool",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	AlexSpool  *spool = palloc0(sizeof(AlexSpool));

	spool->index = index;
	spool->info = info;
	spool->cxt = cxt;
	spool->formcxt = AllocSetContextCreate(cxt, "alex spool image",
										   ALLOCSET_DEFAULT_SIZES);
	spool->budget = budget;
	alex_layout_init(&spool->layout, info);
	spool->nwords = spool->layout.nwords;
	if (info->dict)
		spool->io = alex_image_order(index, info);
	spool->maxrecords = Max(budget / (2 * sizeof(uint64) * spool->nwords), 1024);
	spool->capacity = Min(spool->maxrecords, 1024);
	spool->records = palloc(sizeof(uint64) * spool->nwords * spool->capacity);
	spool->tidorder = true;
	spool->abbrevruns = true;
	MemoryContextSwitchTo(old);
	return spool;
}

/* Room for size bytes that stay where they are until the next run */
static char *
alex_arena_alloc(AlexSpool *spool, Size size)
{
	char	   *result;

	if (spool->nchunks == 0 || spool->chunkused + size > ALEX_ARENA_CHUNK)
	{
		if (spool->nchunks > 0)
			spool->curchunk++;
		if (spool->curchunk >= spool->nchunks)
		{
			if (spool->nchunks >= spool->maxchunks)
			{
				spool->maxchunks = Max(64, spool->maxchunks * 2);
				spool->chunk = spool->chunk == NULL ?
					MemoryContextAlloc(spool->cxt, sizeof(char *) * spool->maxchunks) :
					repalloc(spool->chunk, sizeof(char *) * spool->maxchunks);
			}
			spool->chunk[spool->nchunks++] =
				MemoryContextAlloc(spool->cxt, ALEX_ARENA_CHUNK);
		}
		spool->chunkused = 0;
	}
	result = spool->chunk[spool->curchunk] + spool->chunkused;
	spool->chunkused += size;
	return result;
}

static void
alex_arena_reset(AlexSpool *spool)
{
	spool->curchunk = 0;
	spool->chunkused = 0;
}

/* Bytes in use: records count twice, because sorting takes a second array */
static inline Size
alex_spool_used(const AlexSpool *spool)
{
	return 2 * sizeof(uint64) * spool->nwords * spool->nrecords +
		(Size) spool->curchunk * ALEX_ARENA_CHUNK + spool->chunkused;
}

/* Copies the image of a dict entry to where records can point to it */
static IndexTuple
alex_spool_image(AlexSpool *spool, Datum *values, bool *isnull)
{
	MemoryContext old = MemoryContextSwitchTo(spool->formcxt);
	AlexEntry	entry;
	IndexTuple	itup;
	char	   *copy;

	alex_form_entry(spool->index, spool->info, values, isnull, NULL, &entry);
	MemoryContextSwitchTo(old);
	itup = (IndexTuple) (uintptr_t) entry.f[0];
	copy = alex_arena_alloc(spool, ALEX_IMAGE_SPACE(itup));
	memset(copy + ALEX_IMAGE_SPACE(itup) - MAXIMUM_ALIGNOF, 0, MAXIMUM_ALIGNOF);
	memcpy(copy, itup, itup->t_info & INDEX_SIZE_MASK);
	ItemPointerSetInvalid(&((IndexTuple) copy)->t_tid);
	MemoryContextReset(spool->formcxt);
	return (IndexTuple) copy;
}

/* Words of the columns; returns the null flags */
static inline uint64
alex_spool_words(AlexSpool *spool, Datum *values, bool *isnull, uint64 *rec)
{
	const AlexInfo *info = spool->info;
	uint64		flags = 0;

	for (int i = 0; i < info->natts; i++)
	{
		const AlexColumn *col = &info->column[i];
		uint64	   *word = rec + spool->layout.source[col->field + 1].word;

		if (isnull[i] != col->nullsfirst)
			flags |= ALEX_REC_FLAG(i);
		if (!isnull[i])
			alex_project(col, values[i], word);
		else
			memset(word, 0, sizeof(uint64) * col->nwords);
	}
	return flags;
}

static void alex_spool_run(AlexSpool *spool);

/*
 * alex_spool_full: will the next entry make the spool write a run?
 */
bool
alex_spool_full(const AlexSpool *spool)
{
	return spool->nrecords >= spool->maxrecords ||
		(spool->io != NULL &&
		 alex_spool_used(spool) + BLCKSZ > Max(spool->budget, 64 * 1024));
}

/*
 * alex_spool_entries: how many have been put
 */
int64
alex_spool_entries(const AlexSpool *spool)
{
	return spool->nentries;
}

/*
 * alex_spool_in_order: are the entries in memory in order as they came?  Asked
 * of words only, where it costs little.
 */
bool
alex_spool_in_order(const AlexSpool *spool)
{
	AlexOrder	order;

	if (spool->io != NULL)
		return false;
	alex_spool_order(spool, !spool->tidorder, &order);
	return alex_records_sorted(&order, spool->records, spool->nrecords);
}

/* Makes room for another record, if need be by writing a run */
static void
alex_spool_room(AlexSpool *spool)
{
	Size		recsize = sizeof(uint64) * spool->nwords;

	if (alex_spool_full(spool))
	{
		if (spool->nrecords > 0)
			alex_spool_run(spool);
		return;
	}
	if (spool->nrecords >= spool->capacity)
	{
		spool->capacity = Min(spool->capacity * 2, spool->maxrecords);
		spool->records = repalloc_huge(spool->records,
									   recsize * spool->capacity);
	}
}

/*
 * alex_spool_put: adds an entry
 *
 * alive: counts for uniqueness.
 */
void
alex_spool_put(AlexSpool *spool, ItemPointer tid, Datum *values, bool *isnull,
			   bool alive)
{
	uint64	   *rec;
	uint64		flags = 0;
	uint64		tidword = alex_tid_word(tid);

	if (spool->nrecords >= spool->capacity || spool->info->dict)
		alex_spool_room(spool);
	rec = spool->records + spool->nrecords * spool->nwords;
	if (spool->info->dict)
		rec[ALEX_IMG_ADDR] = (uint64) (uintptr_t)
			alex_spool_image(spool, values, isnull);
	else
		flags = alex_spool_words(spool, values, isnull, rec);
	if (!alive)
		flags |= ALEX_REC_DEAD;
	rec[spool->layout.tidword] = tidword | flags;
	spool->flags |= flags;
	if (tidword < spool->lasttid)
		spool->tidorder = false;
	spool->lasttid = tidword;
	spool->nrecords++;
	spool->nentries++;
}

/* Sorts the records in memory */
static void
alex_spool_sort(AlexSpool *spool)
{
	Size		size = sizeof(uint64) * spool->nwords * spool->nrecords;
	uint64	   *tmp;
	uint64	   *sorted;
	AlexOrder	order;

	if (spool->io)
		alex_image_leads(spool->io, spool->records, spool->nrecords);
	alex_spool_order(spool, !spool->tidorder, &order);
	if (alex_records_sorted(&order, spool->records, spool->nrecords))
		return;
	tmp = MemoryContextAllocHuge(spool->cxt, size);
	sorted = alex_sort_records(&order, spool->records, tmp, spool->nrecords);
	Assert(sorted == spool->records);
	(void) sorted;
	pfree(tmp);
}

/*---- writing runs ---- */

static void
alex_run_write(AlexRunFile *out, void *data, Size size)
{
	char	   *p = data;

	while (size > 0)
	{
		Size		piece = Min(size, 1024 * 1024);

		BufFileWrite(out->file, p, piece);
		out->written += piece;
		p += piece;
		size -= piece;
		CHECK_FOR_INTERRUPTS();
	}
}

static inline void
alex_run_write_image(AlexRunFile *out, uint64 *rec)
{
	IndexTuple	itup = (IndexTuple) (uintptr_t) rec[ALEX_IMG_ADDR];

	BufFileWrite(out->file, rec, sizeof(uint64) * ALEX_IMG_FILE_WORDS);
	BufFileWrite(out->file, itup, ALEX_IMAGE_SPACE(itup));
	out->written += sizeof(uint64) * ALEX_IMG_FILE_WORDS + ALEX_IMAGE_SPACE(itup);
}

static AlexRun *
alex_add_run(AlexSpool *spool, BufFile *file, int64 offset, int64 bytes)
{
	AlexRun    *run;

	if (spool->nruns >= spool->maxruns)
	{
		spool->maxruns = Max(16, spool->maxruns * 2);
		spool->run = spool->run == NULL ?
			MemoryContextAlloc(spool->cxt, sizeof(AlexRun) * spool->maxruns) :
			repalloc(spool->run, sizeof(AlexRun) * spool->maxruns);
	}
	run = &spool->run[spool->nruns++];
	memset(run, 0, sizeof(AlexRun));
	run->file = file;
	run->offset = offset;
	run->left = bytes;
	return run;
}

/* The file is the subtransaction's: a batch may outlive the statement's portal. */
static void
alex_open_out(AlexSpool *spool)
{
	MemoryContext old = MemoryContextSwitchTo(spool->cxt);
	ResourceOwner owner = CurrentResourceOwner;

	CurrentResourceOwner = CurTransactionResourceOwner;
	spool->out.file = spool->fileset ?
		BufFileCreateFileSet(&spool->fileset->fs, spool->filename) :
		BufFileCreateTemp(false);
	CurrentResourceOwner = owner;
	spool->out.written = 0;
	MemoryContextSwitchTo(old);
}

/*
 * Images lie in the order of the table: fetch those needed soon.  (Inlined by
 * force, or gcc drops the call as one without effect.)
 */
static pg_attribute_always_inline void
alex_prefetch_image(const AlexSpool *spool, int64 i)
{
	if (i + ALEX_PREFETCH < spool->nrecords)
		__builtin_prefetch((void *) (uintptr_t)
						   spool->records[(i + ALEX_PREFETCH) * ALEX_IMG_WORDS +
										  ALEX_IMG_ADDR]);
}

/* Sorts what is in memory and writes it as a run */
static void
alex_spool_run(AlexSpool *spool)
{
	int64		start;

	if (spool->out.file == NULL)
		alex_open_out(spool);
	start = spool->out.written;
	alex_spool_sort(spool);
	if (spool->io == NULL)
		alex_run_write(&spool->out, spool->records,
					   sizeof(uint64) * spool->nwords * spool->nrecords);
	else
	{
		if (spool->io->lead == ALEX_LEAD_DATUM)
			spool->abbrevruns = false;
		for (int64 i = 0; i < spool->nrecords; i++)
		{
			alex_prefetch_image(spool, i);
			alex_run_write_image(&spool->out,
								 spool->records + i * ALEX_IMG_WORDS);
			if (i % 4096 == 0)
				CHECK_FOR_INTERRUPTS();
		}
		alex_arena_reset(spool);
	}
	alex_add_run(spool, spool->out.file, start, spool->out.written - start);
	spool->nrecords = 0;
	spool->tidorder = true;
	spool->lasttid = 0;
}

/*---- reading runs ---- */

/* Reads on, behind what is left in the buffer */
static void
alex_run_refill(AlexRun *run)
{
	int			rest = run->fill - run->pos;
	int64		want;

	memmove(run->buf, run->buf + run->pos, rest);
	run->pos = 0;
	want = Min(run->left, run->bufsize - rest);
	if (want > 0)
	{
		if (BufFileSeek(run->file, 0, run->offset, SEEK_SET) != 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not seek in temporary file of index entries: %m")));
		if (BufFileRead(run->file, run->buf + rest, want) != (size_t) want)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read temporary file of index entries: %m")));
		run->offset += want;
		run->left -= want;
	}
	run->fill = rest + (int) want;
}

/* Bytes of the record at the start of what is unread, 0 if not complete */
static int
alex_run_complete(const AlexSpool *spool, const AlexRun *run)
{
	int			have = run->fill - run->pos;
	int			need = sizeof(uint64) * spool->nwords;

	if (spool->io)
	{
		IndexTuple	itup;

		need = sizeof(uint64) * ALEX_IMG_FILE_WORDS;
		if (have < need + (int) sizeof(IndexTupleData))
			return 0;
		itup = (IndexTuple) (run->buf + run->pos + need);
		need += ALEX_IMAGE_SPACE(itup);
	}
	return have >= need ? need : 0;
}

/* Steps to a run's next record; head is NULL behind the last one */
static inline void
alex_run_next(const AlexSpool *spool, AlexRun *run)
{
	int			size = alex_run_complete(spool, run);

	if (unlikely(size == 0))
	{
		CHECK_FOR_INTERRUPTS();
		alex_run_refill(run);
		size = alex_run_complete(spool, run);
		if (size == 0)
		{
			if (run->fill > 0)
				elog(ERROR, "temporary file of index entries ends within a record");
			run->head = NULL;
			return;
		}
	}
	run->head = (uint64 *) (run->buf + run->pos);
	run->pos += size;
	if (spool->io)
	{
		run->imgrec[ALEX_IMG_LEAD] = run->head[0];
		run->imgrec[ALEX_IMG_TID] = run->head[1];
		run->imgrec[ALEX_IMG_ADDR] =
			(uint64) (uintptr_t) (run->head + ALEX_IMG_FILE_WORDS);
		run->head = run->imgrec;
		if (spool->io->lead == ALEX_LEAD_DATUM)
			run->imgrec[ALEX_IMG_LEAD] =
				alex_image_lead_datum(spool->io, run->imgrec);
	}
}

/*---- merging ---- */

/*
 * What is monotone in the order of run's head: if two differ they decide.  A
 * null flag in front of the leading word becomes its top bit.
 */
static inline uint64
alex_run_lead(const AlexMerge *merge, int run)
{
	const AlexOrder *order = &merge->order;
	const uint64 *rec = merge->run[run].head;
	uint64		lead;

	if (rec == NULL)
		return PG_UINT64_MAX;
	if (order->nkeys == 0)
		return 0;
	lead = rec[order->word[0]] & order->mask[0];
	if (merge->nulls)
		lead = (lead != 0 ? UINT64CONST(1) << 63 : 0) |
			(rec[order->word[1]] & order->mask[1]) >> 1;
	return lead;
}

/* Does run a's head come before run b's, whose lead is the same? */
static bool
alex_run_before(const AlexMerge *merge, int a, int b)
{
	const uint64 *ra = merge->run[a].head;
	const uint64 *rb = merge->run[b].head;

	if (ra == NULL || rb == NULL)
		return ra != NULL || (rb == NULL && a < b);
	return alex_cmp_records(&merge->order, ra, rb) < 0;
}

/* Does a come before b? */
static inline bool
alex_player_before(const AlexMerge *merge, AlexPlayer a, AlexPlayer b)
{
	if (likely(a.lead != b.lead))
		return a.lead < b.lead;
	return alex_run_before(merge, (int) a.run, (int) b.run);
}

/* Plays run's head up the tree */
static inline void
alex_merge_replay(AlexMerge *merge, int run)
{
	AlexPlayer	winner;

	winner.lead = alex_run_lead(merge, run);
	winner.run = run;
	for (int node = (run + merge->nruns) / 2; node > 0; node /= 2)
	{
		AlexPlayer *place = &merge->loser[node];
		AlexPlayer	other = *place;
		uint64		lost = alex_player_before(merge, other, winner);
		uint64		lead = (other.lead ^ winner.lead) & -lost;
		uint64		who = (other.run ^ winner.run) & -lost;

		/* swaps without a branch: who wins can not be foreseen */
		place->lead = other.lead ^ lead;
		place->run = other.run ^ who;
		winner.lead ^= lead;
		winner.run ^= who;
	}
	merge->loser[0] = winner;
}

/* First round: winner of the subtree at node (leaves are nruns..2 nruns-1) */
static AlexPlayer
alex_merge_play(AlexMerge *merge, int node)
{
	AlexPlayer	left;
	AlexPlayer	right;

	if (node >= merge->nruns)
	{
		left.run = node - merge->nruns;
		left.lead = alex_run_lead(merge, node - merge->nruns);
		return left;
	}
	left = alex_merge_play(merge, 2 * node);
	right = alex_merge_play(merge, 2 * node + 1);
	if (alex_player_before(merge, right, left))
	{
		merge->loser[node] = left;
		return right;
	}
	merge->loser[node] = right;
	return left;
}

/* Begins to merge nruns runs with a buffer of bufsize bytes each */
static AlexMerge *
alex_merge_begin(AlexSpool *spool, AlexRun *run, int nruns, int bufsize)
{
	MemoryContext old = MemoryContextSwitchTo(spool->cxt);
	AlexMerge  *merge = palloc0(sizeof(AlexMerge));

	merge->nruns = nruns;
	merge->run = run;
	merge->loser = palloc(sizeof(AlexPlayer) * nruns);
	alex_spool_order(spool, true, &merge->order);
	merge->nulls = merge->order.nkeys > 1 && merge->order.mask[1] == PG_UINT64_MAX &&
		(merge->order.mask[0] & (merge->order.mask[0] - 1)) == 0;
	for (int i = 0; i < nruns; i++)
	{
		run[i].bufsize = bufsize;
		run[i].buf = palloc(bufsize);
		alex_run_next(spool, &run[i]);
	}
	merge->loser[0] = alex_merge_play(merge, 1);
	MemoryContextSwitchTo(old);
	return merge;
}

static void
alex_merge_end(AlexMerge *merge)
{
	for (int i = 0; i < merge->nruns; i++)
		pfree(merge->run[i].buf);
	pfree(merge->loser);
	pfree(merge);
}

/* The next record of a merge, valid until the next call; NULL at the end */
static inline uint64 *
alex_merge_next(const AlexSpool *spool, AlexMerge *merge)
{
	int			winner = (int) merge->loser[0].run;

	if (merge->advance)
	{
		alex_run_next(spool, &merge->run[winner]);
		alex_merge_replay(merge, winner);
	}
	merge->advance = true;
	return merge->run[merge->loser[0].run].head;
}

/* Runs that can be merged at once */
static int
alex_merge_fan(const AlexSpool *spool)
{
	return (int) Max(ALEX_MIN_FAN, Min(spool->budget / ALEX_MIN_RUN_BUFFER, 1024));
}

/* Merges some runs into one of file "out" */
static void
alex_merge_runs(AlexSpool *spool, AlexRun *run, int nruns, AlexRunFile *out)
{
	AlexMerge  *merge = alex_merge_begin(spool, run, nruns, ALEX_MIN_RUN_BUFFER);
	uint64	   *rec;

	while ((rec = alex_merge_next(spool, merge)) != NULL)
	{
		if (spool->io)
			alex_run_write_image(out, rec);
		else
		{
			BufFileWrite(out->file, rec, sizeof(uint64) * spool->nwords);
			out->written += sizeof(uint64) * spool->nwords;
		}
	}
	alex_merge_end(merge);
}

/* One pass over all runs, which leaves fewer and longer ones in a new file */
static void
alex_merge_pass(AlexSpool *spool, int fan)
{
	AlexRun    *old = spool->run;
	int			nold = spool->nruns;
	BufFile    *last = NULL;

	spool->run = NULL;
	spool->nruns = spool->maxruns = 0;
	alex_open_out(spool);
	for (int i = 0; i < nold; i += fan)
	{
		int64		start = spool->out.written;

		alex_merge_runs(spool, old + i, Min(fan, nold - i), &spool->out);
		alex_add_run(spool, spool->out.file, start, spool->out.written - start);
	}
	/* runs of one file are neighbours */
	for (int i = 0; i < nold; i++)
	{
		if (old[i].file != last)
			BufFileClose(old[i].file);
		last = old[i].file;
	}
	pfree(old);
}

/* Prepares to return entries of runs in order */
static void
alex_merge_prepare(AlexSpool *spool)
{
	int			fan = alex_merge_fan(spool);
	Size		bufsize;

	spool->fileset = NULL;
	if (spool->io && !spool->abbrevruns)
		alex_image_order_plain(spool->io);
	while (spool->nruns > fan)
		alex_merge_pass(spool, fan);
	bufsize = spool->budget / spool->nruns;
	bufsize = Max(ALEX_MIN_RUN_BUFFER, Min(bufsize, ALEX_MAX_RUN_BUFFER));
	spool->merge = alex_merge_begin(spool, spool->run, spool->nruns,
									(int) TYPEALIGN_DOWN(8192, bufsize));
}

/*---- returning entries ---- */

/* Gives back the memory of collecting */
static void
alex_spool_release(AlexSpool *spool)
{
	pfree(spool->records);
	spool->records = NULL;
	for (int i = 0; i < spool->nchunks; i++)
		pfree(spool->chunk[i]);
	spool->nchunks = 0;
}

/*
 * alex_spool_finish: all entries are there; sorts, or prepares the merge
 */
void
alex_spool_finish(AlexSpool *spool)
{
	if (spool->nruns == 0)
	{
		alex_spool_sort(spool);
		return;
	}
	if (spool->nrecords > 0)
		alex_spool_run(spool);
	alex_spool_release(spool);
	alex_merge_prepare(spool);
}

/*
 * alex_spool_keeps_images: do images of fetched entries stay where they are?
 * Otherwise they are gone with the next fetch.
 */
bool
alex_spool_keeps_images(const AlexSpool *spool)
{
	return spool->merge == NULL;
}

/*
 * alex_spool_fetch: the next entries in order, at most max
 *
 * Returns how many rows of info->nleaf fields it has written, 0 at the end.
 * For how long images stay valid see alex_spool_keeps_images.  Entries that do not count for
 * uniqueness have their dead field set.
 */
int
alex_spool_fetch(AlexSpool *spool, uint64 *rows, int max)
{
	const int	nleaf = spool->info->nleaf;
	int			n = 0;

	if (spool->merge == NULL)
	{
		for (; n < max && spool->next < spool->nrecords; n++)
		{
			if (spool->io)
				alex_prefetch_image(spool, spool->next);
			alex_layout_expand(&spool->layout,
							   spool->records + spool->next++ * spool->nwords,
							   rows + n * nleaf);
		}
		return n;
	}
	if (spool->io)
		max = Min(max, 1);
	for (; n < max; n++)
	{
		uint64	   *rec = alex_merge_next(spool, spool->merge);

		if (rec == NULL)
		{
			spool->merge->advance = false;
			break;
		}
		alex_layout_expand(&spool->layout, rec, rows + n * nleaf);
	}
	return n;
}

/*
 * alex_spool_end: frees memory and closes files
 */
void
alex_spool_end(AlexSpool *spool)
{
	BufFile    *last = NULL;

	for (int i = 0; i < spool->nruns; i++)
	{
		if (spool->run[i].file != last)
			BufFileClose(spool->run[i].file);
		last = spool->run[i].file;
	}
	MemoryContextDelete(spool->cxt);
}

/*---- parallel builds ---- */

static void
alex_participant_file(char *name, Size size, int participant)
{
	snprintf(name, size, "alex.%d", participant);
}

/*
 * alex_spool_share: lets the spool write to a file of a shared file set
 */
void
alex_spool_share(AlexSpool *spool, SharedFileSet *fileset, int participant)
{
	spool->fileset = fileset;
	alex_participant_file(spool->filename, sizeof(spool->filename), participant);
}

/*
 * alex_spool_export: writes all that is in memory, and a list of the runs,
 * for the leader to read.  The spool can only be ended then.
 */
void
alex_spool_export(AlexSpool *spool, AlexSpoolSummary *summary)
{
	if (spool->nrecords > 0)
		alex_spool_run(spool);
	memset(summary, 0, sizeof(AlexSpoolSummary));
	summary->nentries = spool->nentries;
	summary->nruns = spool->nruns;
	summary->flags = spool->flags;
	summary->abbrev = spool->abbrevruns;
	if (spool->nruns == 0)
		return;
	summary->diroffset = spool->out.written;
	for (int i = 0; i < spool->nruns; i++)
	{
		AlexRunEntry entry;

		entry.offset = spool->run[i].offset;
		entry.bytes = spool->run[i].left;
		alex_run_write(&spool->out, &entry, sizeof(entry));
	}
	BufFileExportFileSet(spool->out.file);
}

/*
 * alex_spool_import: adds the runs of a participant to the leader's spool
 */
void
alex_spool_import(AlexSpool *spool, SharedFileSet *fileset, int participant,
				  const AlexSpoolSummary *summary)
{
	MemoryContext old = MemoryContextSwitchTo(spool->cxt);
	char		name[32];
	BufFile    *file;

	spool->nentries += summary->nentries;
	spool->flags |= summary->flags;
	spool->abbrevruns = spool->abbrevruns && summary->abbrev;
	if (summary->nruns > 0)
	{
		AlexRunEntry *dir = palloc(sizeof(AlexRunEntry) * summary->nruns);
		size_t		size = sizeof(AlexRunEntry) * summary->nruns;

		alex_participant_file(name, sizeof(name), participant);
		file = BufFileOpenFileSet(&fileset->fs, name, O_RDONLY, false);
		if (BufFileSeek(file, 0, summary->diroffset, SEEK_SET) != 0 ||
			BufFileRead(file, dir, size) != size)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read temporary file of index entries: %m")));
		for (int i = 0; i < summary->nruns; i++)
			alex_add_run(spool, file, dir[i].offset, dir[i].bytes);
		pfree(dir);
	}
	MemoryContextSwitchTo(old);
}
