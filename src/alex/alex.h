/*-------------------------------------------------------------------------
 *
 * alex.h
 *	  The learned index access method "alex": its page format, its structs and
 *	  every function that its files share.  src/alex/README explains the
 *	  algorithm, the locking and the WAL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ALEX_H
#define ALEX_H

#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/itup.h"
#include "access/relscan.h"
#include "access/xlogdefs.h"
#include "access/xlogreader.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/execnodes.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/dsm.h"
#include "storage/shm_toc.h"
#include "utils/rel.h"

#include "compat.h"
#include "alex/alexpage.h"

/* strategy numbers are btree's: the planner maps "<" (1) to sort orders */
#define ALEX_NSTRATEGIES		5
#define ALEX_CMP_PROC			1	/* support: three-way comparison */
#define ALEX_NPROCS				1

#define ALEX_METAPAGE			0
#define ALEX_MAGIC				0x58454C41	/* "ALEX" */
#define ALEX_VERSION			1	/* format of this code */
#define ALEX_MIN_VERSION		1	/* oldest format that it reads */

#define ALEX_MIN_FILLFACTOR		10
#define ALEX_DEFAULT_FILLFACTOR 90

/* reloptions of an index (rd_options), see alexoptions.c */
typedef struct AlexOptions
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int			fillfactor;		/* percent */
} AlexOptions;

/* phases of a build, after PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE (1) */
#define ALEX_PHASE_SCAN			2	/* reading the table */
#define ALEX_PHASE_SORT			3
#define ALEX_PHASE_LOAD			4	/* writing pages */

/* what the metapage holds, behind the page header */
typedef struct AlexMetaPageData
{
	uint32		magic;
	uint32		version;
	BlockNumber root;
	uint32		rootlevel;		/* level of root; leaves are at 0 */
	bool		dict;			/* entries name key images, see alexpage.h */
	uint8		ncolumns;		/* attributes, INCLUDE ones too */
	uint8		kind[INDEX_MAX_KEYS];	/* AlexKind per attribute (0 if dict) */
} AlexMetaPageData;

#define AlexPageGetMeta(page) ((AlexMetaPageData *) PageGetContents(page))

/*
 * How a column's values become 64-bit words whose unsigned order is the
 * column's order.  Words are exact: the value can be rebuilt from them.
 * Written to the metapage: never renumber.
 */
typedef enum AlexKind
{
	ALEX_KIND_NONE = 0,			/* no projection: the index stores images */
	ALEX_KIND_INT2 = 1,
	ALEX_KIND_INT4 = 2,
	ALEX_KIND_INT8 = 3,			/* int8, money */
	ALEX_KIND_OID = 4,			/* unsigned 32 bits */
	ALEX_KIND_BOOL = 5,
	ALEX_KIND_CHAR = 6,			/* "char", unsigned 8 bits */
	ALEX_KIND_DATE = 7,
	ALEX_KIND_TIME = 8,
	ALEX_KIND_TIMESTAMP = 9,
	ALEX_KIND_TIMESTAMPTZ = 10,
	ALEX_KIND_FLOAT4 = 11,
	ALEX_KIND_FLOAT8 = 12,
	ALEX_KIND_UUID = 13,		/* two words */
	ALEX_KIND_U64 = 14,			/* pg_lsn, xid8 */
	ALEX_KIND_RAW = 15			/* INCLUDE column, any by-value type */
} AlexKind;

/*
 * Is a dict index's first column a byte string that compares as such?  Then
 * its bytes are compared, and routed by, without the type's function.
 */
typedef enum AlexBytes
{
	ALEX_BYTES_NONE = 0,
	ALEX_BYTES_VARLENA,			/* text that compares by bytes, bytea */
	ALEX_BYTES_NAME
} AlexBytes;

/* one attribute of an index whose entries are words */
typedef struct AlexColumn
{
	uint8		kind;			/* AlexKind */
	uint8		field;			/* its null flag; the words follow it */
	uint8		nwords;			/* 1, or 2 for uuid */
	bool		desc;
	bool		nullsfirst;
	bool		byval;
	int16		typlen;
} AlexColumn;

/*
 * What a backend has to know of an index; a copy is kept in rd_amcache.
 * Fields of a leaf entry:	[key fields] blk off [INCLUDE fields] dead
 * Fields of an inner entry:	[key fields] blk off child
 * Key fields: per key column a null flag and the words; with "dict" just one,
 * which names the key's image.
 */
typedef struct AlexInfo
{
	bool		dict;
	bool		unique;
	bool		nullsnotdistinct;
	uint8		nkey;			/* key fields */
	uint8		nord;			/* ordered fields: key fields, blk, off */
	uint8		nleaf;			/* fields of a leaf entry */
	uint8		ninner;			/* fields of an inner entry: nord + 1 */
	uint8		nkeyatts;
	uint8		natts;
	uint8		bytes;			/* AlexBytes of the first column, if dict */
	bool		bytesdesc;
	Oid			bytescmp;		/* the comparison function that it stands for */
	bool		unchanged;		/* the last entry is of an update that left
								 * its key alone (see alex_delete_dead) */
	BlockNumber root;			/* hints: any live page is a valid start */
	uint32		rootlevel;
	AlexColumn	column[INDEX_MAX_KEYS]; /* only if !dict */
} AlexInfo;

#define AlexFieldBlk(info)		((info)->nkey)
#define AlexFieldOff(info)		((info)->nkey + 1)
#define AlexFieldChild(info)	((info)->nord)
#define AlexFieldDead(info)		((info)->nleaf - 1)

/*
 * A position in the total order (key, TID) of an index: what is searched for.
 * Without images f[] holds every ordered field; columns that were not given
 * are filled with 0 (before everything that matches the given ones) or
 * PG_UINT64_MAX (after it).  With images f[] holds the TID only and the given
 * columns are in value[]; "after" says on which side of their matches the
 * key lies when columns (or the TID) are missing.
 */
typedef struct AlexKey
{
	uint64		f[ALEX_MAX_FIELDS];
	int			ngiven;			/* leading key columns given */
	bool		after;			/* rest is +infinity, else -infinity */
	bool		hastid;			/* dict: f[nkey], f[nkey + 1] are given */
	bool		plusinf;		/* beyond every entry */
	bool		hasbytes;		/* dict: value[0] is bytes, compared as such */
	uint32		nbytes;
	const char *bytes;
	/* dict only */
	Datum		value[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];
	FmgrInfo   *cmp[INDEX_MAX_KEYS];	/* compares (indexed value, value[i]) */
} AlexKey;

/* an entry on its way into the index */
typedef struct AlexEntry
{
	uint64		f[ALEX_MAX_FIELDS]; /* dict: f[0] is the image's address */
} AlexEntry;

/* GUCs */
extern bool alex_model;			/* use models to route and to search */
extern bool alex_batch;			/* collect a statement's entries */
extern int	alex_batch_size;	/* kB of entries collected per index */
extern int	alex_cache_size;	/* kB of routing cache per backend */

/*---- alexmeta.c: metapage, AlexInfo, page access ---- */

/* Fills *info for rel; checks magic and version of the metapage. */
extern void alex_get_info(Relation rel, AlexInfo *info);

/* AlexInfo for an index about to be built (no metapage yet). */
extern void alex_make_info(Relation rel, AlexInfo *info);

/* Reads the metapage anew and refreshes root and rootlevel. */
extern void alex_refresh_root(Relation rel, AlexInfo *info);

/* The metapage, checked and locked */
extern Buffer alex_get_metabuf(Relation rel, int access);

/* Writes a metapage's contents into page (PageInit included). */
extern void alex_init_metapage(Page page, const AlexInfo *info,
							   BlockNumber root, uint32 rootlevel);

/* Reads blk; ERRCODE_INDEX_CORRUPTED if the file ends before it. */
extern Buffer alex_read_block(Relation rel, BlockNumber blk);

/* Reads and locks blk (BUFFER_LOCK_SHARE, _EXCLUSIVE); checks the page. */
extern Buffer alex_get_buffer(Relation rel, BlockNumber blk, int access);

/* ereport(ERROR) with ERRCODE_INDEX_CORRUPTED unless buf holds a sane page */
extern void alex_check_buffer(Relation rel, Buffer buf);

/* A free page, exclusively locked: recycled from the FSM, or new. */
extern Buffer alex_new_buffer(Relation rel);

/* Fill factor in percent from the reloptions. */
extern int	alex_fillfactor(Relation rel);

/*---- alexkey.c: projections, keys ---- */

/*
 * Projection of an attribute: comparison procedure (0 for an INCLUDE column)
 * and type; ALEX_KIND_NONE if there is none.
 */
extern AlexKind alex_kind_of(Oid cmpproc, Oid typid, bool byval);

/* Words of a non-null value; word[] gets col->nwords, DESC inverts them. */
extern void alex_project(const AlexColumn *col, Datum value, uint64 *word);

/* The value again; by-reference values are written to buf (16 bytes). */
extern Datum alex_unproject(const AlexColumn *col, const uint64 *word,
							char *buf);

/*
 * Where a scan key's argument of type argtype lies among the words of a
 * column.  exists: lo..hi are the words of all values equal to arg.  Not
 * exists: lo is the first word above arg (below, with DESC).  outside: -1 if
 * arg precedes, +1 if it follows every possible word (in word order).
 * approx: the comparison is not monotone in the words (time zones): lo and hi
 * enclose the answer and the operator has to be called on every entry.
 * Returns false when the type pair is unknown: do not use as a bound.
 */
typedef struct AlexArg
{
	bool		exists;
	bool		approx;
	int			outside;
	uint64		lo[2];
	uint64		hi[2];
} AlexArg;

extern bool alex_project_arg(const AlexColumn *col, Oid argtype, Datum arg,
							 AlexArg *out);

/* Entry from values; dict images are palloc'd.  tid may be NULL. */
extern void alex_form_entry(Relation rel, const AlexInfo *info,
							Datum *values, bool *isnull, ItemPointer tid,
							AlexEntry *entry);

/*
 * Key construction: begin, then the columns in order (each at most once),
 * then finish with after = false (position before all matches) or true.
 */
extern void alex_key_begin(const AlexInfo *info, AlexKey *key);
extern void alex_key_add_null(const AlexInfo *info, AlexKey *key);
extern void alex_key_add_words(const AlexInfo *info, AlexKey *key,
							   const uint64 *word);
extern void alex_key_add_datum(const AlexInfo *info, AlexKey *key,
							   Datum value, FmgrInfo *cmp);
extern void alex_key_finish(const AlexInfo *info, AlexKey *key, bool after);

/* Key equal to an entry's (or a fence's) ordered fields, with its TID if withtid. */
extern void alex_key_from_fields(Relation rel, const AlexInfo *info,
								 const uint64 *f, bool withtid, AlexKey *key);

/* Compares ordered fields (dict: f[0] = image address) with a key: <0, 0, >0 */
extern int	alex_cmp_fields(Relation rel, const AlexInfo *info,
							const uint64 *f, const AlexKey *key);

/* Makes a float key canonical: the smallest word that is equal to it. */
extern void alex_canonical_key(const AlexInfo *info, uint64 *f);

/*
 * Compares two rows by (key, TID), the order of the index; or by the key
 * columns alone as the operators see them (nulls compare equal, so do the
 * zeros and the NaNs of floats).
 */
extern int	alex_cmp_rows(Relation rel, const AlexInfo *info,
						  const uint64 *a, const uint64 *b);
extern int	alex_cmp_row_keys(Relation rel, const AlexInfo *info,
							  const uint64 *a, const uint64 *b);

/* The bytes of an image's first column; false if they are not at hand. */
extern bool alex_leading_bytes(const AlexInfo *info, IndexTuple itup,
							   const char **bytes, uint32 *nbytes);
extern int	alex_cmp_bytes(const char *a, uint32 na, const char *b, uint32 nb);

/* Attribute attno (1-based) of a decoded row; by-ref results point into the
 * image or into buf (16 bytes). */
extern Datum alex_row_getattr(Relation rel, const AlexInfo *info,
							  const uint64 *row, int attno, bool *isnull,
							  char *buf);

/* An IndexTuple (palloc'd in the current context) with all attributes of a row. */
extern IndexTuple alex_row_form_tuple(Relation rel, const AlexInfo *info,
									  const uint64 *row);

/* Heap TID of a decoded leaf row */
static inline void
alex_row_tid(const AlexInfo *info, const uint64 *row, ItemPointer tid)
{
	ItemPointerSet(tid, (BlockNumber) row[AlexFieldBlk(info)],
				   (OffsetNumber) row[AlexFieldOff(info)]);
}

/*
 * Separator between two neighbouring rows: the shortest fence f with
 * left < f <= right.  With images f[0] may be a palloc'd image.
 */
extern void alex_make_separator(Relation rel, const AlexInfo *info,
								const uint64 *left, const uint64 *right,
								AlexFence *fence);

/*---- alexsearch.c ---- */

/*
 * The page at "level" whose fences enclose key (low <= key < high), pinned and
 * locked with "access".  With "below" instead the page with low < key <= high
 * (for stepping left); InvalidBuffer if there is nothing below key or the
 * index is empty of pages.  Restarts by itself until the fences fit.
 */
extern Buffer alex_find_page(Relation rel, AlexInfo *info, const AlexKey *key,
							 uint32 level, int access, bool below);

/* The same for leaves, through the backend's routing cache when it helps. */
extern Buffer alex_find_leaf(Relation rel, AlexInfo *info, const AlexKey *key,
							 int access);

/*
 * Has the processor fetch the leaf where key probably is, if the routing cache
 * knows its buffer.  Locks nothing, and waits for nothing.
 */
extern void alex_fetch_leaf(Relation rel, AlexInfo *info, const AlexKey *key);

/*
 * From a leaf (already released) to the next one right of fence "high", which
 * its reader copied; hint is the right link it read.  Validated by fences.
 */
extern Buffer alex_step_right(Relation rel, AlexInfo *info,
							  const AlexKey *high, BlockNumber hint,
							  int access);

/* First position in page whose entry is >= key; 0..n (inner: 1..n). */
extern int	alex_search_page(Relation rel, const AlexInfo *info, Page page,
							 const AlexKey *key);

/* -1 key below the page's low fence, +1 key >= its high fence, else 0 */
extern int	alex_locate(Relation rel, const AlexInfo *info, Page page,
						const AlexKey *key);

/*---- alexroute.c: backend-local routing cache ---- */

/* Guess of a page on key's path, low down; InvalidBlockNumber: no cache. */
extern BlockNumber alex_route(Relation rel, AlexInfo *info,
							  const AlexKey *key, uint32 *slot,
							  Buffer *recent, uint32 *place, uint32 *level);

/* Tells the cache which page it really was, and in which buffer. */
extern void alex_route_learn(Relation rel, uint32 slot, BlockNumber guessed,
							 BlockNumber actual, Buffer buf, uint32 extent);

/* Forgets what is known of a relation's storage. */
extern void alex_route_forget(RelFileNumber relnumber);

/* Counters for alex_stats: hits and misses of this backend for rel. */
extern void alex_route_counters(Relation rel, uint64 *hits, uint64 *misses,
								Size *bytes);

/*---- alexinsert.c, alexsplit.c ---- */
extern bool alex_insert(Relation rel, Datum *values, bool *isnull,
						ItemPointer tid, Relation heap,
						IndexUniqueCheck checkUnique, bool indexUnchanged,
						struct IndexInfo *indexInfo);

/* Inserts one entry (no uniqueness check). */
extern void alex_insert_entry(Relation rel, AlexInfo *info, Relation heap,
							  const AlexEntry *entry);

/*
 * Replaces the contents of the exclusively locked page in buf by n rows (its
 * own and new ones, in order), splitting it into as many pages as needed, and
 * puts the new pages' separators into the parent.  Releases buf; or returns
 * false, with buf as it was, if the rows are too many for one split.
 * append: the new rows are at the right end of the index: fill pages to the
 * fill factor instead of evenly.
 */
extern bool alex_split(Relation rel, AlexInfo *info, Relation heap, Buffer buf,
					   const uint64 *rows, int n, bool append);

/*
 * Does a row in front of entry pos come at the right end of the index, or not
 * far from it, as keys that begin with the time do?
 */
extern bool alex_is_append(Page page, int pos);

/*
 * Splits a page that has no room for one more row in front of entry pos.
 * child, if valid, is the page of the next lower level for whose new sibling
 * the row is; it stays locked.  Releases buf.
 */
extern void alex_split_insert(Relation rel, AlexInfo *info, Relation heap,
							  Buffer buf, int pos, const uint64 *row,
							  Buffer child);

/*
 * Completes a split whose parent entry is missing.  buf is locked before and
 * after, but the lock may be released in between.
 */
extern void alex_finish_split(Relation rel, AlexInfo *info, Relation heap,
							  Buffer buf);

/* The page for key at level, exclusively locked, without incomplete split. */
extern Buffer alex_find_for_write(Relation rel, AlexInfo *info, Relation heap,
								  const AlexKey *key, uint32 level);

/*---- alexbatch.c: statement-local batches ---- */
extern bool alex_batch_add(Relation rel, Relation heap, Datum *values,
						   bool *isnull, ItemPointer tid);
extern void alex_batch_flush(Oid indexoid); /* InvalidOid: all */
extern void alex_batch_discard(RelFileNumber relnumber);
extern void alex_batch_init(void);	/* hooks and callbacks, from _PG_init */

/*---- alexbuild.c ---- */
extern IndexBuildResult *alex_build(Relation heap, Relation index,
									struct IndexInfo *indexInfo);
extern void alex_buildempty(Relation index);
extern PGDLLEXPORT void alex_parallel_build_main(dsm_segment *seg, shm_toc *toc);

/*---- alexscan.c, alexscankey.c ---- */

/* no more entries than that in a group of alex_next_group() */
#define ALEX_GROUP	64

extern IndexScanDesc alex_beginscan(Relation rel, int nkeys, int norderbys);
extern void alex_rescan(IndexScanDesc scan, ScanKey scankey, int nscankeys,
						ScanKey orderbys, int norderbys);
extern bool alex_gettuple(IndexScanDesc scan, ScanDirection dir);
extern int64 alex_getbitmap(IndexScanDesc scan, TIDBitmap *tbm);
extern int	alex_next_group(IndexScanDesc scan, const ItemPointerData **tids);
extern void alex_fetch_start(IndexScanDesc scan);
extern void alex_group_values(IndexScanDesc scan, int column, Datum *values,
							  bool *isnull);
extern void alex_group_kill(IndexScanDesc scan, int entry);
extern void alex_endscan(IndexScanDesc scan);
extern void alex_markpos(IndexScanDesc scan);
extern void alex_restrpos(IndexScanDesc scan);
extern bool alex_canreturn(Relation index, int attno);
#if PG_VERSION_NUM >= 180000
extern Size alex_estimateparallelscan(Relation rel, int nkeys, int norderbys);
#elif PG_VERSION_NUM >= 170000
extern Size alex_estimateparallelscan(int nkeys, int norderbys);
#else
extern Size alex_estimateparallelscan(void);
#endif
extern void alex_initparallelscan(void *target);
extern void alex_parallelrescan(IndexScanDesc scan);

/*---- alexvacuum.c, alexdelete.c ---- */
extern IndexBulkDeleteResult *alex_bulkdelete(IndexVacuumInfo *info,
											  IndexBulkDeleteResult *stats,
											  IndexBulkDeleteCallback callback,
											  void *callback_state);
extern IndexBulkDeleteResult *alex_vacuumcleanup(IndexVacuumInfo *info,
												 IndexBulkDeleteResult *stats);

/*
 * Removes entries hinted dead from the exclusively locked leaf in buf, after
 * asking the table AM (simple deletion).  true if any went.
 */
extern bool alex_delete_dead(Relation rel, const AlexInfo *info,
							 Relation heap, Buffer buf);

/*---- alexcost.c, alexvalidate.c, alexoptions.c, alexhandler.c ---- */
extern void alex_costestimate(struct PlannerInfo *root, struct IndexPath *path,
							  double loop_count, Cost *indexStartupCost,
							  Cost *indexTotalCost, Selectivity *indexSelectivity,
							  double *indexCorrelation, double *indexPages);
extern int	alex_gettreeheight(Relation rel);
extern bool alex_validate(Oid opclassoid);
extern void alex_adjustmembers(Oid opfamilyoid, Oid opclassoid,
							   List *operators, List *functions);
extern bytea *alex_options(Datum reloptions, bool validate);
extern char *alex_buildphasename(int64 phasenum);
extern void alex_handler_init(void);	/* reloption kind, from _PG_init */

/*---- alexcompat.c, alexddl.c, alexplan.c ---- */
extern void alex_ddl_init(void);	/* names of opclasses, from _PG_init */
extern void alex_plan_init(void);	/* planner hooks, from _PG_init */
struct IndexOptInfo;
extern bool alex_is_planned(const struct IndexOptInfo *index);
extern void alex_compat_init(void); /* unique indexes before 18, from _PG_init */

/*---- alexwal.c ---- */

/* What is done to each page of a record that changes several pages. */
typedef enum AlexChangeOp
{
	ALEX_CHANGE_IMAGE,			/* new contents, logged whole, no full page
								 * image */
	ALEX_CHANGE_CUT,			/* left page of a split, logged as an AlexCut */
	ALEX_CHANGE_LEFTLINK,		/* left link := link */
	ALEX_CHANGE_CLEAR_SPLIT		/* ALEX_INCOMPLETE_SPLIT := off */
} AlexChangeOp;

/*
 * The left page of a split that made room for one row: the page with the row
 * in front of entry pos, cut after "keep" entries.  Much shorter than what is
 * left of the page.
 */
typedef struct AlexCut
{
	int			pos;
	const uint64 *row;
	int			keep;
	const AlexFence *high;		/* the new high fence */
} AlexCut;

typedef struct AlexChange
{
	Buffer		buf;
	AlexChangeOp op;
	BlockNumber link;
	const AlexCut *cut;			/* ALEX_CHANGE_CUT */
} AlexChange;

#define ALEX_MAX_CHANGES 30		/* pages in one record */

/* record types (xl_info); pg_waldump and rm_identify name them */
#define XLOG_ALEX_INSERT		0x00	/* one entry */
#define XLOG_ALEX_MERGE			0x10	/* a batch's entries for one leaf */
#define XLOG_ALEX_SPLIT			0x20	/* pages rewritten by a split */
#define XLOG_ALEX_NEWROOT		0x30
#define XLOG_ALEX_UNLINK		0x40	/* page deletion */
#define XLOG_ALEX_DELETE		0x50	/* entries removed from a leaf */
#define XLOG_ALEX_META			0x60
#define XLOG_ALEX_REWRITE		0x70	/* one page rewritten by a batch */
#define XLOG_ALEX_INSERTS		0x80	/* a small batch, entry by entry */

/*
 * These change pages and log the change, all inside a critical section of
 * their own.  Pages must be exclusively locked.  rel may be unlogged or
 * temporary: then only the page LSN moves (so that an unchanged LSN always
 * means an unchanged page).
 */

/* Puts row at pos; false (and nothing done) if it does not fit.  child, if
 * valid, loses ALEX_INCOMPLETE_SPLIT. */
extern bool alex_do_insert(Relation rel, Buffer buf, int pos,
						   const uint64 *row, Buffer child);

/*
 * Replaces a leaf by newpage, which is the leaf with n rows merged in at the
 * final positions pos[]: one after the other by alex_page_insert if "inplace",
 * else by encoding all rows.
 */
extern void alex_do_merge(Relation rel, Buffer buf, Page newpage,
						  const uint64 *rows, const uint16 *pos, int n,
						  bool inplace);

/* Removes npos entries (ascending positions).  horizon: newest XID removed,
 * for conflicts on standbys (invalid: VACUUM, which needs none).  The caller
 * holds a cleanup lock if "cleanup". */
extern void alex_do_delete(Relation rel, Relation heap, Buffer buf,
						   const uint16 *pos, int npos, TransactionId horizon,
						   bool cleanup);

/*
 * Applies and logs n changes as one record.  image[i] is the new page of a
 * change of kind ALEX_CHANGE_IMAGE or _CUT (else NULL); it is copied into the
 * buffer.
 */
extern void alex_do_changes(Relation rel, AlexChange *change, Page *image,
							int n, uint8 info);
extern void alex_wal_init(void);	/* registers the resource manager */

#define ALEX_RMGR_ID	168
#define ALEX_RMGR_NAME	"omendb_alex"

#endif							/* ALEX_H */
