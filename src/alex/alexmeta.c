/*-------------------------------------------------------------------------
 *
 * alexmeta.c
 *	  Metapage, per-index information, and access to pages of an alex index.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "alex/alex.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_database.h"
#include "catalog/pg_index.h"
#include "miscadmin.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "storage/smgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/*---- AlexInfo ---- */

/* Projection of an attribute by its comparison function and its type */
static AlexKind
alex_attribute_kind(Relation rel, int attno)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), attno - 1);
	RegProcedure cmp = InvalidOid;

	if (attno <= IndexRelationGetNumberOfKeyAttributes(rel))
		cmp = index_getprocid(rel, attno, ALEX_CMP_PROC);
	return alex_kind_of(cmp, att->atttypid, att->attbyval);
}

/*
 * Kinds of all attributes; false if some attribute has none, or if the rows
 * would be too wide, or if a float is not the last key column (see README).
 */
static bool
alex_attribute_kinds(Relation rel, uint8 *kind)
{
	int			natts = IndexRelationGetNumberOfAttributes(rel);
	int			nkeyatts = IndexRelationGetNumberOfKeyAttributes(rel);
	int			nfields = 3;

	for (int i = 0; i < natts; i++)
	{
		kind[i] = alex_attribute_kind(rel, i + 1);
		if (kind[i] == ALEX_KIND_NONE)
			return false;
		if ((kind[i] == ALEX_KIND_FLOAT4 || kind[i] == ALEX_KIND_FLOAT8) &&
			i < nkeyatts - 1)
			return false;
		nfields += kind[i] == ALEX_KIND_UUID ? 3 : 2;
	}
	/* one field is left for positions in a record of a batch */
	return nfields < ALEX_MAX_FIELDS;
}

/* Lays out the fields of words; see alex.h */
static void
alex_layout_columns(Relation rel, AlexInfo *info, const uint8 *kind)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			field = 0;

	for (int i = 0; i < info->natts; i++)
	{
		AlexColumn *col = &info->column[i];
		int16		option = i < info->nkeyatts ? rel->rd_indoption[i] : 0;

		if (i == info->nkeyatts)
			field += 2;			/* the TID */
		col->kind = kind[i];
		col->field = field;
		col->nwords = kind[i] == ALEX_KIND_UUID ? 2 : 1;
		col->desc = (option & INDOPTION_DESC) != 0;
		col->nullsfirst = (option & INDOPTION_NULLS_FIRST) != 0;
		col->byval = TupleDescAttr(desc, i)->attbyval;
		col->typlen = TupleDescAttr(desc, i)->attlen;
		field += 1 + col->nwords;
		if (i < info->nkeyatts)
			info->nkey = field;
	}
	info->nleaf = field + 1 + (info->natts == info->nkeyatts ? 2 : 0);
}

#if PG_VERSION_NUM < 180000
#define alex_collate_is_c(collation)	lc_collate_is_c(collation)
#else
/* Is this the name of a libc locale that compares bytes?  Frees the name. */
static bool
alex_is_c_locale(Datum value)
{
	char	   *name = TextDatumGetCString(value);
	bool		isc = strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0;

	pfree(name);
	return isc;
}

/*
 * Does the collation compare bytes?  That is so for all of the built-in
 * provider's, and for C and POSIX of libc.
 */
static bool
alex_collate_is_c(Oid collation)
{
	bool		isdefault = collation == DEFAULT_COLLATION_OID;
	int			cache = isdefault ? DATABASEOID : COLLOID;
	HeapTuple	tup = SearchSysCache1(cache, ObjectIdGetDatum(isdefault ? MyDatabaseId : collation));
	char		provider;
	bool		isc;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	provider = isdefault ? ((Form_pg_database) GETSTRUCT(tup))->datlocprovider :
		((Form_pg_collation) GETSTRUCT(tup))->collprovider;
	isc = provider == COLLPROVIDER_BUILTIN ||
		(provider == COLLPROVIDER_LIBC &&
		 alex_is_c_locale(SysCacheGetAttrNotNull(cache, tup, isdefault ?
												 Anum_pg_database_datcollate :
												 Anum_pg_collation_collcollate)));
	ReleaseSysCache(tup);
	return isc;
}
#endif

/* Does the first column of a dict index compare by bytes? */
static void
alex_set_bytes(Relation rel, AlexInfo *info)
{
	RegProcedure cmp = index_getprocid(rel, 1, ALEX_CMP_PROC);
	Oid			collation = rel->rd_indcollation[0];

	info->bytescmp = cmp;
	info->bytesdesc = (rel->rd_indoption[0] & INDOPTION_DESC) != 0;
	if (cmp == F_BYTEACMP || cmp == F_BTTEXT_PATTERN_CMP)
		info->bytes = ALEX_BYTES_VARLENA;
	else if (cmp == F_BTTEXTCMP && OidIsValid(collation) && alex_collate_is_c(collation))
		info->bytes = ALEX_BYTES_VARLENA;
	else if (cmp == F_BTNAMECMP && OidIsValid(collation) && alex_collate_is_c(collation))
		info->bytes = ALEX_BYTES_NAME;
}

static void
alex_set_info(Relation rel, AlexInfo *info, bool dict, const uint8 *kind)
{
	memset(info, 0, sizeof(AlexInfo));
	info->dict = dict;
	info->unique = rel->rd_index->indisunique;
	info->nullsnotdistinct = rel->rd_index->indnullsnotdistinct;
	info->nkeyatts = IndexRelationGetNumberOfKeyAttributes(rel);
	info->natts = IndexRelationGetNumberOfAttributes(rel);
	info->root = InvalidBlockNumber;
	if (dict)
	{
		info->nkey = 1;
		info->nleaf = 4;
		alex_set_bytes(rel, info);
	}
	else
		alex_layout_columns(rel, info, kind);
	info->nord = info->nkey + 2;
	info->ninner = info->nord + 1;
}

/*
 * The pattern operator classes compare bytes, their "=" follows the collation:
 * the two agree only if the collation is deterministic.  Core asks the same of
 * nbtree's operator classes.
 */
static void
alex_check_collations(Relation rel)
{
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(rel); i++)
	{
		RegProcedure cmp = index_getprocid(rel, i + 1, ALEX_CMP_PROC);
		Oid			collation = rel->rd_indcollation[i];

		if ((cmp == F_BTTEXT_PATTERN_CMP || cmp == F_BTBPCHAR_PATTERN_CMP) &&
			OidIsValid(collation) && !get_collation_isdeterministic(collation))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("pattern operator classes cannot be used with a nondeterministic collation"),
					 errdetail("Column %d of index \"%s\" has collation \"%s\".",
							   i + 1, RelationGetRelationName(rel),
							   get_collation_name(collation)),
					 errhint("Use the type's default operator class.")));
	}
}

/*
 * alex_make_info: information for an index about to be built
 */
void
alex_make_info(Relation rel, AlexInfo *info)
{
	uint8		kind[INDEX_MAX_KEYS] = {0};
	bool		words = alex_attribute_kinds(rel, kind);

	alex_check_collations(rel);
	alex_set_info(rel, info, !words, kind);
}

/*---- metapage ---- */

void
alex_init_metapage(Page page, const AlexInfo *info, BlockNumber root,
				   uint32 rootlevel)
{
	AlexMetaPageData *meta;
	AlexOpaque	opaque;

	PageInit(page, BLCKSZ, sizeof(AlexOpaqueData));
	meta = AlexPageGetMeta(page);
	meta->magic = ALEX_MAGIC;
	meta->version = ALEX_VERSION;
	meta->root = root;
	meta->rootlevel = rootlevel;
	meta->dict = info->dict;
	meta->ncolumns = info->natts;
	for (int i = 0; i < info->natts; i++)
		meta->kind[i] = info->dict ? 0 : info->column[i].kind;
	((PageHeader) page)->pd_lower =
		(char *) meta + sizeof(AlexMetaPageData) - (char *) page;

	opaque = AlexPageGetOpaque(page);
	opaque->left = opaque->right = InvalidBlockNumber;
	opaque->flags = ALEX_META;
	opaque->pageid = ALEX_PAGE_ID;
}

/* Complains unless meta is one that this code can read and that fits rel. */
static void
alex_check_meta(Relation rel, Page page)
{
	AlexMetaPageData *meta = AlexPageGetMeta(page);

	if (PageIsNew(page) ||
		PageGetSpecialSize(page) != MAXALIGN(sizeof(AlexOpaqueData)) ||
		AlexPageGetOpaque(page)->pageid != ALEX_PAGE_ID ||
		!(AlexPageGetOpaque(page)->flags & ALEX_META) ||
		meta->magic != ALEX_MAGIC)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" is not an alex index",
						RelationGetRelationName(rel)),
				 errdetail("Its metapage is damaged."),
				 errhint("Please REINDEX it.")));
	if (meta->version < ALEX_MIN_VERSION || meta->version > ALEX_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("version mismatch in index \"%s\": file version %u, "
						"current version %d, minimal supported version %d",
						RelationGetRelationName(rel), meta->version,
						ALEX_VERSION, ALEX_MIN_VERSION),
				 errhint("Please REINDEX it, or install the version of omendb that wrote it.")));
	if (meta->ncolumns != IndexRelationGetNumberOfAttributes(rel) ||
		meta->root == ALEX_METAPAGE || meta->rootlevel > 64)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("metapage of index \"%s\" does not fit its definition",
						RelationGetRelationName(rel)),
				 errhint("Please REINDEX it.")));
}

/*
 * alex_get_metabuf: the checked metapage, locked with access
 */
Buffer
alex_get_metabuf(Relation rel, int access)
{
	Buffer		buf = ReadBuffer(rel, ALEX_METAPAGE);

	LockBuffer(buf, access);
	alex_check_meta(rel, BufferGetPage(buf));
	return buf;
}

/* Locks the metapage share and copies it */
static void
alex_read_meta(Relation rel, AlexMetaPageData *meta)
{
	Buffer		buf = alex_get_metabuf(rel, BUFFER_LOCK_SHARE);

	*meta = *AlexPageGetMeta(BufferGetPage(buf));
	UnlockReleaseBuffer(buf);
}

/* Kinds in the metapage decide; they must suit the catalog's. */
static void
alex_check_kinds(Relation rel, const AlexMetaPageData *meta)
{
	if (meta->dict)
		return;
	for (int i = 0; i < meta->ncolumns; i++)
	{
		if (alex_attribute_kind(rel, i + 1) != (AlexKind) meta->kind[i])
			ereport(ERROR,
					(errcode(ERRCODE_INDEX_CORRUPTED),
					 errmsg("column %d of index \"%s\" is stored in a form that does not fit its type",
							i + 1, RelationGetRelationName(rel)),
					 errhint("Please REINDEX it.")));
	}
}

/*
 * alex_get_info: fills *info, from the relcache entry if it is there
 */
void
alex_get_info(Relation rel, AlexInfo *info)
{
	AlexMetaPageData meta;

	if (rel->rd_amcache != NULL)
	{
		memcpy(info, rel->rd_amcache, sizeof(AlexInfo));
		return;
	}
	alex_read_meta(rel, &meta);
	alex_check_kinds(rel, &meta);
	alex_set_info(rel, info, meta.dict, meta.kind);
	info->root = meta.root;
	info->rootlevel = meta.rootlevel;
	/* reading may have filled the cache meanwhile, or flushed it: test again */
	if (rel->rd_amcache == NULL)
		rel->rd_amcache = MemoryContextAlloc(rel->rd_indexcxt, sizeof(AlexInfo));
	memcpy(rel->rd_amcache, info, sizeof(AlexInfo));
}

/*
 * alex_refresh_root: reads the metapage anew, because the root moved
 */
void
alex_refresh_root(Relation rel, AlexInfo *info)
{
	AlexMetaPageData meta;

	alex_read_meta(rel, &meta);
	info->root = meta.root;
	info->rootlevel = meta.rootlevel;
	if (rel->rd_amcache != NULL)
	{
		((AlexInfo *) rel->rd_amcache)->root = meta.root;
		((AlexInfo *) rel->rd_amcache)->rootlevel = meta.rootlevel;
	}
}

/*
 * alex_fillfactor: percent of a leaf that builds and appends fill
 */
int
alex_fillfactor(Relation rel)
{
	AlexOptions *options = (AlexOptions *) rel->rd_options;

	return options ? options->fillfactor : ALEX_DEFAULT_FILLFACTOR;
}

/*---- pages ---- */

/*
 * alex_check_buffer: complains unless buf holds a page of ours
 */
void
alex_check_buffer(Relation rel, Buffer buf)
{
	Page		page = BufferGetPage(buf);
	const char *wrong;

	if (PageIsNew(page))
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" contains unexpected zero page at block %u",
						RelationGetRelationName(rel),
						BufferGetBlockNumber(buf)),
				 errhint("Please REINDEX it.")));
	wrong = alex_page_verify_header(page);
	if (wrong != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" contains corrupted page at block %u",
						RelationGetRelationName(rel),
						BufferGetBlockNumber(buf)),
				 errdetail_internal("%s", wrong),
				 errhint("Please REINDEX it.")));
}

/*
 * alex_read_block: reads a page that a link or a hint leads to
 *
 * The size of the file is asked for only when blk is beyond what this backend
 * last saw of it.
 */
Buffer
alex_read_block(Relation rel, BlockNumber blk)
{
	BlockNumber known = RelationGetSmgr(rel)->smgr_cached_nblocks[MAIN_FORKNUM];

	if ((known == InvalidBlockNumber || blk >= known) &&
		blk >= RelationGetNumberOfBlocks(rel))
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" has no block %u, to which a page leads",
						RelationGetRelationName(rel), blk),
				 errhint("Please REINDEX it.")));
	return ReadBuffer(rel, blk);
}

/*
 * alex_get_buffer: reads, locks and checks a page
 */
Buffer
alex_get_buffer(Relation rel, BlockNumber blk, int access)
{
	Buffer		buf = alex_read_block(rel, blk);

	LockBuffer(buf, access);
	alex_check_buffer(rel, buf);
	return buf;
}

/* A page from the free space map, exclusively locked; or InvalidBuffer. */
static Buffer
alex_recycle_buffer(Relation rel)
{
	for (;;)
	{
		BlockNumber blk = GetFreeIndexPage(rel);
		Buffer		buf;
		Page		page;

		if (blk == InvalidBlockNumber)
			return InvalidBuffer;
		buf = ReadBuffer(rel, blk);
		/* never wait: the map may be wrong and we hold locks */
		if (ConditionalLockBuffer(buf))
		{
			page = BufferGetPage(buf);
			if (PageIsNew(page) ||
				(alex_page_verify_header(page) == NULL &&
				 (AlexPageGetOpaque(page)->flags & ALEX_DELETED)))
				return buf;
			LockBuffer(buf, BUFFER_LOCK_UNLOCK);
		}
		ReleaseBuffer(buf);
	}
}

/*
 * alex_new_buffer: a page for new contents, exclusively locked
 *
 * Deleted pages are reused at once: whoever still knows the address finds out
 * by the page's level and fences.
 */
Buffer
alex_new_buffer(Relation rel)
{
	Buffer		buf = alex_recycle_buffer(rel);

	return BufferIsValid(buf) ? buf : OmenExtendLocked(rel, MAIN_FORKNUM);
}
