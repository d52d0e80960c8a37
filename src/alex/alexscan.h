/*-------------------------------------------------------------------------
 *
 * alexscan.h
 *	  What alexscan.c and alexscankey.c share: the state of an index scan.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ALEXSCAN_H
#define ALEXSCAN_H

#include "alex/alex.h"

/* entries decoded at a time; a segment that has no more is not copied */
#define ALEX_CHUNK		ALEX_GROUP

/*---- scan keys ---- */

/* What the keys on one column allow, in index order */
typedef enum AlexSetKind
{
	ALEX_SET_ALL,				/* there is no key */
	ALEX_SET_NULL,				/* nulls only */
	ALEX_SET_POINT,				/* one value: that of lo */
	ALEX_SET_LIST,				/* the values of item[] */
	ALEX_SET_RANGE				/* lo to hi, without nulls */
} AlexSetKind;

/*
 * One end of a range.  With words lo.word..hi.word is a closed interval and
 * always set (float zeros and NaNs: a point may have lo < hi); with images it
 * is the argument of a scan key.
 */
typedef struct AlexBound
{
	uint64		word[2];
	bool		given;
	bool		open;			/* the value itself is outside */
	int			key;			/* number of the scan key */
	Datum		value;
	FmgrInfo   *cmp;			/* compares (indexed value, value) */
} AlexBound;

/* an array element */
typedef struct AlexItem
{
	uint64		lo[2];
	uint64		hi[2];
	Datum		value;
} AlexItem;

typedef struct AlexKeySet
{
	AlexSetKind kind;
	bool		nullsfirst;
	AlexBound	lo;
	AlexBound	hi;
	int			nitems;
	AlexItem   *item;			/* sorted in index order, all different */
	FmgrInfo   *cmp;			/* compares (indexed value, item) */
	int			cur;			/* item whose entries are being returned */
} AlexKeySet;

/* A scan key as the analysis saw it, and what it found out */
typedef struct AlexKeyInfo
{
	int			flags;			/* without SK_ISNULL */
	int			attno;
	StrategyNumber strategy;
	Oid			subtype;
	Oid			collation;
	Oid			argtype;
	bool		own;			/* words: any argument is exactly one word */
	StrategyNumber order;		/* strategy in index order: DESC reverses it */
	FmgrInfo   *cmp;			/* (indexed, argument); images only, or NULL */
	FmgrInfo   *argcmp;			/* (argument, argument); the same */
} AlexKeyInfo;

/* A scan key whose operator is called on each entry */
typedef struct AlexFilter
{
	int			key;			/* number of the scan key */
	int			nitems;
	AlexItem   *item;			/* elements of an array; sorted if cmp is set */
	FmgrInfo   *cmp;
} AlexFilter;

/*---- position ---- */

/* A fence in the scan's memory, as a key */
typedef struct AlexScanFence
{
	AlexKey		key;
	uint64		f[ALEX_MAX_FIELDS];
	char	   *image;			/* tuple of f[0] (images only) */
} AlexScanFence;

typedef enum AlexScanState
{
	ALEX_SCAN_FRESH,			/* after rescan: keys not looked at */
	ALEX_SCAN_EMPTY,			/* the keys contradict each other */
	ALEX_SCAN_BEFORE,			/* at the beginning, going backward */
	ALEX_SCAN_ON,				/* there is a segment */
	ALEX_SCAN_AFTER				/* at the end */
} AlexScanState;

/*
 * A segment is the part of one leaf that lies in the scan's range: entries
 * from..to-1, between the keys *lo (valid if moreleft) and *hi (if moreright).
 */
typedef struct AlexSegment
{
	uint64		number;			/* of the segments read in this scan */
	Buffer		buf;			/* the leaf, if it is still pinned */
	BlockNumber blk;
	BlockNumber left;			/* its links */
	BlockNumber right;
	XLogRecPtr	lsn;			/* when it was read */
	int			from;
	int			to;
	bool		copied;			/* the scan's page holds the leaf */
	bool		lean;			/* and decoded without rows */
	bool		moreleft;		/* entries of the range may lie left of it */
	bool		moreright;
	AlexScanFence *lo;
	AlexScanFence *hi;
} AlexSegment;

typedef struct AlexMark
{
	bool		valid;
	bool		haskey;			/* fence holds the entry */
	uint64		segment;		/* number */
	int			pos;
	int			cur[INDEX_MAX_KEYS];	/* of the arrays */
	AlexScanFence fence;
} AlexMark;

/* Heap pages that are asked for ahead, see alexfetch.c */
typedef struct AlexFetch
{
	int			distance;		/* entries ahead; 0: off; -1: not known yet */
	int			ahead;			/* entries ahead by now */
	int			last;			/* the last one that needs not be asked for */
	BlockNumber block;			/* the last one that was */
} AlexFetch;

typedef struct AlexScan
{
	AlexInfo	info;
	MemoryContext cxt;			/* lives as long as the scan */
	MemoryContext keycxt;		/* reset when keys are analysed */

	/* keys, kept from one rescan to the next while their shape is the same */
	int			nkeys;			/* -1: not analysed */
	AlexKeyInfo *keyinfo;
	bool		simple;			/* words; one equality per leading column */
	bool		patched;		/* start and end are those of a simple scan */

	/* keys, after each rescan */
	AlexKeySet *set;			/* per key column */
	int			nprefix;		/* leading columns with one value or a list */
	bool		range;			/* the next column has a range */
	bool		lists;			/* there is an ALEX_SET_LIST in the prefix */
	int			nwordfilters;	/* later columns: their sets are filters */
	uint8		wordfilter[INDEX_MAX_KEYS];
	int			nfilters;
	AlexFilter *filter;
	AlexKey		start;			/* range of entries, for the items at hand */
	AlexKey		end;
	bool		point;			/* start and end have the same columns */

	/* position */
	AlexScanState state;
	AlexSegment seg;
	AlexScanFence *fence;		/* two: lo and hi of seg take turns */
	Page		page;			/* copy of the leaf */
	int			chunkfrom;		/* decoded part of the segment */
	int			chunkto;
	int			n;				/* entries in it that are to be returned */
	int			cur;			/* -1 and n: before and after them */
	uint16		pos[ALEX_CHUNK];	/* their places in the leaf */
	uint64	   *rows;			/* ALEX_CHUNK decoded entries; not if lean */
	char	   *arena;			/* their images, if the leaf was not copied */
	ItemPointerData tid[ALEX_CHUNK];	/* their TIDs */
	AlexFetch	fetch;
	int			nkilled;
	uint16	   *killed;			/* places of entries that are dead */
	AlexMark   *mark;

	/* index-only scans of words */
	char	   *itup;			/* ALEX_CHUNK tuples without nulls */
	Size		itupsize;
	IndexTuple	nulltup;		/* a tuple with nulls */
	uint16		attoff[INDEX_MAX_KEYS];
	uint64		attflip[INDEX_MAX_KEYS];	/* word ^ this is the Datum */
	bool		attplain[INDEX_MAX_KEYS];	/* if this is set */

	struct AlexParallel *parallel;	/* in shared memory, or NULL */
} AlexScan;

static inline const uint64 *
alex_scan_row(const AlexScan *so, int i)
{
	return so->rows + (Size) i * so->info.nleaf;
}

/*---- alexfetch.c ---- */

/* Entry cur of several is being returned: asks for heap pages of the next. */
extern void alex_fetch_ahead(IndexScanDesc scan, bool forward);

/*---- alexscankey.c ---- */

/* Looks at scan->keyData.  false if no entry can match. */
extern bool alex_scan_keys(IndexScanDesc scan);

/* First (last, if going backward) combination of array elements */
extern void alex_scan_first_items(AlexScan *so, bool forward);

/* The next one; false if there is none. */
extern bool alex_scan_next_items(AlexScan *so, bool forward);

/* Sets start and end for the combination at hand. */
extern void alex_scan_bounds(AlexScan *so);

/* Images: do the columns of the range have the values at hand? */
extern bool alex_scan_at_point(IndexScanDesc scan, IndexTuple itup);

/* Does a row pass the filters? */
extern bool alex_scan_match(IndexScanDesc scan, const uint64 *row);

#define AlexScanHasFilters(so)	((so)->nfilters + (so)->nwordfilters > 0)

/*---- alexscan.c ---- */

/* Copies ordered fields (images too) to *fence. */
extern void alex_scan_set_fence(IndexScanDesc scan, AlexScanFence *fence,
								const uint64 *f);

/* Makes seg.lo and seg.hi usable. */
extern void alex_scan_need_fences(AlexScan *so);

/*---- alexscanpar.c ---- */

/* 18 renamed the offset of the access method's shared memory */
#if PG_VERSION_NUM >= 180000
#define AlexParallelOffset(p)	((p)->ps_offset_am)
#else
#define AlexParallelOffset(p)	((p)->ps_offset)
#endif

/* Claims the next leaf; false if the scan is over. */
extern bool alex_parallel_seize(IndexScanDesc scan, bool forward, bool *step,
								BlockNumber *hint);

/* Lets others go on behind the segment that was just found. */
extern void alex_parallel_release(IndexScanDesc scan, bool forward);

#endif							/* ALEXSCAN_H */
