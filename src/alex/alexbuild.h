/*-------------------------------------------------------------------------
 *
 * alexbuild.h
 *	  What the files share that put many entries into an alex index: compact
 *	  records (alexrecord.c) and their sorting (alexsort.c), a spool that sorts
 *	  more than fits in memory (alexspool.c), the loader that writes pages
 *	  (alexload.c), the parallel build (alexparallel.c) and the merge of a
 *	  statement's batch (alexmerge.c).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ALEXBUILD_H
#define ALEXBUILD_H

#include "alex/alex.h"
#include "nodes/execnodes.h"
#include "storage/sharedfileset.h"
#include "utils/sortsupport.h"

/*---- alexsort.c: sorting records of words ---- */

/*
 * A record is a row of "nwords" words.  Its order is that of (word[k] &
 * mask[k]) for k = 0 .. nkeys - 1, then that of "tie"; records equal in all
 * of that keep the order in which they came.
 */
typedef int (*AlexRecordCmp) (const uint64 *a, const uint64 *b, void *arg);

#define ALEX_MAX_SORT_KEYS	(ALEX_MAX_FIELDS + 1)

typedef struct AlexOrder
{
	int			nwords;
	int			nkeys;
	uint8		word[ALEX_MAX_SORT_KEYS];
	uint64		mask[ALEX_MAX_SORT_KEYS];
	AlexRecordCmp tie;			/* NULL: none */
	void	   *arg;			/* passed to tie */
} AlexOrder;

extern void alex_order_add(AlexOrder *order, int word, uint64 mask);
extern bool alex_records_sorted(const AlexOrder *order, const uint64 *records,
								int64 n);
extern uint64 *alex_sort_records(const AlexOrder *order, uint64 *records,
								 uint64 *tmp, int64 n);

static inline int
alex_cmp_records(const AlexOrder *order, const uint64 *a, const uint64 *b)
{
	for (int k = 0; k < order->nkeys; k++)
	{
		uint64		va = a[order->word[k]] & order->mask[k];
		uint64		vb = b[order->word[k]] & order->mask[k];

		if (va != vb)
			return va < vb ? -1 : 1;
	}
	return order->tie ? order->tie(a, b, order->arg) : 0;
}

/*---- alexrecord.c: rows as compact records ---- */

/* the TID's word: block and offset in the low 48 bits, flags above */
#define ALEX_REC_TID_MASK	((UINT64CONST(1) << 48) - 1)
#define ALEX_REC_FLAG(i)	(UINT64CONST(1) << (48 + (i)))
#define ALEX_REC_DEAD		ALEX_REC_FLAG(15)

/* Where a field of a row comes from: (record[word] >> shift) & mask */
typedef struct AlexSource
{
	uint8		word;
	uint8		shift;
	uint64		mask;
} AlexSource;

/* How the rows of an index are packed into records */
typedef struct AlexLayout
{
	const AlexInfo *info;
	int			nwords;			/* of a record */
	int			tidword;		/* TID and flags */
	bool		simple;			/* one key column of one word, no more */
	AlexSource	source[ALEX_MAX_FIELDS];
} AlexLayout;

extern void alex_layout_init(AlexLayout *layout, const AlexInfo *info);
extern void alex_layout_order(const AlexLayout *layout, uint64 flags,
							  bool tids, AlexOrder *order);
extern uint64 alex_layout_pack(const AlexLayout *layout, const uint64 *row,
							   uint64 *rec);

static inline uint64
alex_tid_word(ItemPointer tid)
{
	return (uint64) ItemPointerGetBlockNumberNoCheck(tid) << 16 |
		ItemPointerGetOffsetNumberNoCheck(tid);
}

/* A record as a row of info->nleaf fields */
static inline void
alex_layout_expand(const AlexLayout *layout, const uint64 *rec, uint64 *row)
{
	const AlexSource *src = layout->source;

	if (layout->simple)
	{
		/* the loop below, unrolled */
		row[0] = (rec[1] >> 48) & 1;
		row[1] = rec[0];
		row[2] = (rec[1] & ALEX_REC_TID_MASK) >> 16;
		row[3] = rec[1] & 0xFFFF;
		row[4] = rec[1] >> 63;
		return;
	}
	for (int f = 0; f < layout->info->nleaf; f++)
		row[f] = (rec[src[f].word] >> src[f].shift) & src[f].mask;
}

/*---- alexsort.c: sorting records that name key images ---- */

/*
 * Words of such a record: what decides most comparisons of the leading
 * column, the TID and flags, the image's address.
 */
#define ALEX_IMG_LEAD		0
#define ALEX_IMG_TID		1
#define ALEX_IMG_ADDR		2
#define ALEX_IMG_WORDS		3

#define ALEX_IMG_NULL		ALEX_REC_FLAG(0)	/* leading column is null */
#define ALEX_IMG_NULL_LAST	ALEX_REC_FLAG(1)	/* its null flag, as sorted */

/* what the lead of a record is */
typedef enum AlexLead
{
	ALEX_LEAD_DATUM,			/* the leading column's value */
	ALEX_LEAD_ABBREV,			/* an abbreviated key: equal ones may differ */
	ALEX_LEAD_WORD				/* words of unsigned order, ditto */
} AlexLead;

typedef struct AlexImageOrder
{
	TupleDesc	desc;
	int			nkeyatts;
	AlexLead	lead;
	bool		abbrev;			/* ssup[0] compares abbreviated keys */
	bool		exact;			/* equal leads are equal values */
	uint64		flip;			/* bits of an abbreviated key to invert */
	int64		abbrevnext;		/* when to ask next whether they pay */
	AlexColumn	column;			/* ALEX_LEAD_WORD: projection, if any */
	SortSupport ssup;
	AlexOrder	order;
} AlexImageOrder;

extern AlexImageOrder *alex_image_order(Relation rel, const AlexInfo *info);
extern void alex_image_order_plain(AlexImageOrder *io);
extern void alex_image_leads(AlexImageOrder *io, uint64 *records, int64 n);
extern uint64 alex_image_lead_datum(const AlexImageOrder *io,
									const uint64 *record);

/*---- alexspool.c ---- */

typedef struct AlexSpool AlexSpool;

/* what a participant of a parallel build leaves for the leader */
typedef struct AlexSpoolSummary
{
	int64		nentries;
	int64		diroffset;		/* of the list of runs in its file */
	int			nruns;
	uint64		flags;			/* flags that occur in its records */
	bool		abbrev;			/* leads of images are comparable */
} AlexSpoolSummary;

extern AlexSpool *alex_spool_begin(Relation index, const AlexInfo *info,
								   Size budget);
extern void alex_spool_put(AlexSpool *spool, ItemPointer tid, Datum *values,
						   bool *isnull, bool alive);
extern bool alex_spool_full(const AlexSpool *spool);
extern int64 alex_spool_entries(const AlexSpool *spool);
extern bool alex_spool_in_order(const AlexSpool *spool);
extern void alex_spool_finish(AlexSpool *spool);
extern bool alex_spool_keeps_images(const AlexSpool *spool);
extern int	alex_spool_fetch(AlexSpool *spool, uint64 *rows, int max);
extern void alex_spool_end(AlexSpool *spool);
extern void alex_spool_share(AlexSpool *spool, SharedFileSet *fileset,
							 int participant);
extern void alex_spool_export(AlexSpool *spool, AlexSpoolSummary *summary);
extern void alex_spool_import(AlexSpool *spool, SharedFileSet *fileset,
							  int participant,
							  const AlexSpoolSummary *summary);

/*---- alexmerge.c ---- */

/*
 * Merges the entries of a finished spool into the index, leaf by leaf.
 * Interruptible between leaves.
 */
extern void alex_merge_spool(Relation rel, AlexInfo *info, Relation heap,
							 AlexSpool *spool);

/*---- alexload.c ---- */
extern void alex_load(Relation heap, Relation index, const AlexInfo *info,
					  const struct IndexInfo *indexInfo, AlexSpool *spool);

/*---- alexparallel.c ---- */
typedef struct AlexLeader AlexLeader;

extern AlexLeader *alex_parallel_begin(Relation heap, Relation index,
									   const AlexInfo *info,
									   struct IndexInfo *indexInfo,
									   int request);
extern double alex_parallel_wait(AlexLeader *leader, AlexSpool *spool,
								 struct IndexInfo *indexInfo,
								 double *indtuples);
extern void alex_parallel_end(AlexLeader *leader);

/*---- alexbuild.c ---- */
typedef struct AlexBuildState
{
	AlexSpool  *spool;
	bool		unique;
	double		indtuples;
} AlexBuildState;

extern void alex_build_callback(Relation index, ItemPointer tid,
								Datum *values, bool *isnull, bool alive,
								void *state);

#endif							/* ALEXBUILD_H */
