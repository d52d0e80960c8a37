/*-------------------------------------------------------------------------
 *
 * alexcheck.c
 *	  omendb.alex_check: is an index sound, and does it hold all of its table?
 *
 * Levels are walked from the root down, along right links, hand over hand: a
 * page and its right neighbour are compared while both are locked, so a
 * difference is never a race.  A page's contents are checked on a copy,
 * without a lock.  What the level above says of a page is compared from
 * memory first; if it differs, because the tree changed meanwhile or because
 * it is damaged, the pages in question are locked and looked at once more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "lib/bloomfilter.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "alex/alex.h"
#include "alex/alexupkeep.h"

#define ALEX_INF_HASH	UINT64CONST(0x5bd1e995a1e5c0de)

/* copies of a page that are checked without a lock before one is with */
#define ALEX_CHECK_TRIES	3

/* What the level above says of a page */
typedef struct AlexDownlink
{
	BlockNumber child;			/* hash key */
	BlockNumber parent;
	uint64		separator;		/* hash of the low fence it should have */
	bool		met;
} AlexDownlink;

/* State of one check */
typedef struct AlexCheck
{
	Relation	rel;
	Relation	heap;
	AlexInfo	info;
	BufferAccessStrategy strategy;
	BlockNumber nblocks;
	BlockNumber nblocks_then;	/* when the check began */
	uint32		toplevel;
	uint32		level;			/* being walked */
	Bitmapset  *seen;
	HTAB	   *downlinks;		/* to this level, from the one above */
	HTAB	   *below;			/* from this level */
	bloom_filter *filter;		/* entries met; NULL: do not collect them */
	int64		nentries;
	MemoryContext context;		/* of the whole check */
	MemoryContext pagecontext;	/* reset after every page or heap row */
	uint64	   *rows;
	BlockNumber blk;			/* of the page in copy */
	bool		locked;			/* is it locked?  Then lock no other. */
	PGAlignedBlock copy;
} AlexCheck;

PG_FUNCTION_INFO_V1(omendb_alex_check);

/*---- errors, fences ---- */

/*
 * Raises ERRCODE_INDEX_CORRUPTED for a block of rel; what tells the matter.
 */
void
alex_report_corrupted(Relation rel, BlockNumber blk, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" is corrupted at block %u: %s",
					RelationGetRelationName(rel), blk, what),
			 errhint("REINDEX the index.")));
}

void
alex_first_key(const AlexInfo *info, AlexKey *key)
{
	alex_key_begin(info, key);
	alex_key_finish(info, key, false);
}

static IndexTuple
alex_fields_image(const uint64 *f)
{
	return (IndexTuple) (uintptr_t) f[0];
}

/* The stored bytes of an image; they start with t_info. */
static const char *
alex_image_bytes(IndexTuple image)
{
	return (const char *) image + offsetof(IndexTupleData, t_info);
}

void
alex_fence_copy(const AlexInfo *info, const AlexFence *from, AlexFence *to)
{
	to->inf = from->inf;
	if (from->inf)
		return;
	memcpy(to->f, from->f, sizeof(uint64) * info->nord);
	if (info->dict && from->f[0] != 0)
	{
		IndexTuple	image = alex_fields_image(from->f);
		IndexTuple	copy = palloc0(IndexTupleSize(image));

		memcpy((char *) copy + offsetof(IndexTupleData, t_info),
			   alex_image_bytes(image), alex_image_size(image));
		to->f[0] = (uint64) (uintptr_t) copy;
	}
}

/* Are the ordered fields of two entries or fences the same? */
static bool
alex_fields_same(const AlexInfo *info, const uint64 *a, const uint64 *b)
{
	IndexTuple	x;
	IndexTuple	y;

	if (!info->dict)
		return memcmp(a, b, sizeof(uint64) * info->nord) == 0;
	if (memcmp(a + 1, b + 1, sizeof(uint64) * (info->nord - 1)) != 0)
		return false;
	x = alex_fields_image(a);
	y = alex_fields_image(b);
	if (x == NULL || y == NULL)
		return x == y;
	return x->t_info == y->t_info &&
		memcmp(alex_image_bytes(x), alex_image_bytes(y),
			   alex_image_size(x)) == 0;
}

bool
alex_fence_same(const AlexInfo *info, const AlexFence *a, const AlexFence *b)
{
	if (a->inf || b->inf)
		return a->inf == b->inf;
	return alex_fields_same(info, a->f, b->f);
}

/* A hash of ordered fields, images by their bytes */
static uint64
alex_fields_hash(const AlexInfo *info, const uint64 *f, bool inf)
{
	uint64		h = 0;
	int			from = 0;

	if (inf)
		return ALEX_INF_HASH;
	if (info->dict)
	{
		from = 1;
		if (f[0] != 0)
			h = hash_bytes_extended((const unsigned char *)
									alex_image_bytes(alex_fields_image(f)),
									alex_image_size(alex_fields_image(f)), 0);
	}
	return hash_bytes_extended((const unsigned char *) (f + from),
							   sizeof(uint64) * (info->nord - from), h);
}

static uint64
alex_low_hash(const AlexInfo *info, Page page)
{
	AlexFence	low;

	alex_page_low(page, &low);
	return alex_fields_hash(info, low.f, low.inf);
}

/*---- pages ---- */

/*
 * Complains unless page (the contents of block blk) is one of this index, of
 * whatever level.  After this, every function of alexpage.h is safe on it.
 */
void
alex_require_page(Relation rel, const AlexInfo *info, Page page,
				  BlockNumber blk)
{
	AlexPack   *pack = AlexPageGetPack(page);
	const char *wrong;
	bool		leaf;

	if (PageIsNew(page))
		alex_report_corrupted(rel, blk, "page is empty");
	wrong = alex_page_verify(page);
	if (wrong)
		alex_report_corrupted(rel, blk, wrong);
	leaf = AlexPageGetOpaque(page)->level == 0;
	if (pack->nfields != (leaf ? info->nleaf : info->ninner) ||
		pack->nord != info->nord ||
		((pack->flags & ALEX_PACK_DICT) != 0) != info->dict)
		alex_report_corrupted(rel, blk,
							  "page does not have the fields of this index");
	if (pack->deadfield != (leaf ? AlexFieldDead(info) : ALEX_NO_DEADFIELD))
		alex_report_corrupted(rel, blk, "dead hints are misplaced");
}

static void
alex_check_format(AlexCheck *c, Page page, BlockNumber blk)
{
	alex_require_page(c->rel, &c->info, page, blk);
}

/* Reads and locks page blk, which page "from" leads to, and checks its format. */
static Buffer
alex_check_read(AlexCheck *c, BlockNumber blk, BlockNumber from)
{
	Buffer		buf;

	if (blk >= c->nblocks)
		c->nblocks = RelationGetNumberOfBlocks(c->rel);
	if (blk >= c->nblocks || blk == ALEX_METAPAGE)
		alex_report_corrupted(c->rel, from,
							  psprintf("page leads to block %u, which is no page of the tree",
									   blk));
	buf = ReadBufferExtended(c->rel, MAIN_FORKNUM, blk, RBM_NORMAL, c->strategy);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	alex_check_format(c, BufferGetPage(buf), blk);
	return buf;
}

static bool
alex_is_live(Page page, uint32 level)
{
	AlexOpaque	opaque = AlexPageGetOpaque(page);

	return opaque->level == level &&
		(opaque->flags & (ALEX_DELETED | ALEX_META)) == 0;
}

/*
 * The leftmost page at a level, locked.  Page deletion may remove a page
 * while we are on the way to it: then the way is tried again.
 */
static Buffer
alex_check_leftmost(AlexCheck *c, uint32 level)
{
	for (int tries = 0; tries < 100; tries++)
	{
		Buffer		buf;
		Page		page;

		alex_refresh_root(c->rel, &c->info);
		buf = alex_check_read(c, c->info.root, ALEX_METAPAGE);
		page = BufferGetPage(buf);
		while (AlexPageGetOpaque(page)->level > level &&
			   alex_is_live(page, AlexPageGetOpaque(page)->level) &&
			   AlexPageCount(page) > 0)
		{
			AlexPack   *pack = AlexPageGetPack(page);
			uint32		mylevel = AlexPageGetOpaque(page)->level;
			BlockNumber from = BufferGetBlockNumber(buf);
			uint64		child = alex_get_field(pack, 0, AlexFieldChild(&c->info));

			UnlockReleaseBuffer(buf);
			buf = alex_check_read(c, (BlockNumber) Min(child, MaxBlockNumber), from);
			page = BufferGetPage(buf);
			if (AlexPageGetOpaque(page)->level != mylevel - 1)
				break;
		}
		if (alex_is_live(page, level) &&
			!BlockNumberIsValid(AlexPageGetOpaque(page)->left))
			return buf;
		UnlockReleaseBuffer(buf);
	}
	alex_report_corrupted(c->rel, c->info.root,
						  psprintf("first children do not lead to level %u",
								   level));
	return InvalidBuffer;		/* not reached */
}

/*---- images ---- */

/*
 * Length of the attribute at data[off], aligned already, of size bytes in
 * all; -1 if it reaches beyond them.
 */
static int
alex_attribute_length(Form_pg_attribute att, const char *data, Size off,
					  Size size)
{
	Size		len;

	if (off >= size)
		return -1;
	if (att->attlen > 0)
		len = att->attlen;
	else if (att->attlen == -2)
		len = strnlen(data + off, size - off) + 1;
	else if (VARATT_IS_1B_E(data + off))
		return -1;				/* index entries hold no pointers to TOAST */
	else if (VARATT_IS_1B(data + off))
		len = VARSIZE_1B(data + off);
	else if (off + VARHDRSZ > size)
		return -1;
	else
	{
		len = VARSIZE_4B(data + off);
		if (len < (VARATT_IS_4B_C(data + off) ? 2 * VARHDRSZ : VARHDRSZ))
			return -1;
	}
	return len > 0 && off + len <= size ? (int) len : -1;
}

/*
 * Can natts attributes be read from an image, whose length was verified?
 */
bool
alex_image_is_sound(TupleDesc desc, IndexTuple image, int natts)
{
	Size		start = IndexInfoFindDataOffset(image->t_info);
	Size		total = IndexTupleSize(image);
	const char *data = (const char *) image + start;
	bits8	   *nulls = NULL;
	Size		off = 0;

	if (start > total)
		return natts == 0;
	if (IndexTupleHasNulls(image))
		nulls = (bits8 *) ((char *) image + sizeof(IndexTupleData));
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		int			len;

		if (nulls && att_isnull(i, nulls))
			continue;
		if (att->attlen != -1)
			off = att_align_nominal(off, att->attalign);
		else if (start + off < total)
			off = att_align_pointer(off, att->attalign, -1, data + off);
		len = alex_attribute_length(att, data, off, total - start);
		if (len < 0)
			return false;
		off += len;
	}
	return true;
}

static void
alex_check_image(AlexCheck *c, const uint64 *f, int natts)
{
	IndexTuple	image = alex_fields_image(f);

	if (image == NULL)
		alex_report_corrupted(c->rel, c->blk, "entry has no key");
	if (!alex_image_is_sound(RelationGetDescr(c->rel), image, natts))
		alex_report_corrupted(c->rel, c->blk, "key is malformed");
}

/* Every image of the page, before anything compares them */
static void
alex_check_images(AlexCheck *c, const AlexSpec *spec, int n)
{
	int			natts = spec->level == 0 ? c->info.natts : c->info.nkeyatts;
	uint64		last = 0;

	if (!spec->low.inf)
		alex_check_image(c, spec->low.f, c->info.nkeyatts);
	if (!spec->high.inf)
		alex_check_image(c, spec->high.f, c->info.nkeyatts);
	for (int i = spec->level == 0 ? 0 : 1; i < n; i++)
	{
		const uint64 *row = c->rows + (Size) i * spec->nfields;

		if (row[0] != last)
			alex_check_image(c, row, natts);
		last = row[0];
	}
}

/*---- contents of one page, on a copy ---- */

static int
alex_check_cmp(AlexCheck *c, const uint64 *a, const uint64 *b)
{
	return alex_cmp_rows(c->rel, &c->info, a, b);
}

/* Fences and the order of entries between them */
static void
alex_check_order(AlexCheck *c, const AlexSpec *spec, int n)
{
	const uint64 *prev = spec->low.inf ? NULL : spec->low.f;
	int			i = 0;

	if (!spec->low.inf && !spec->high.inf &&
		alex_check_cmp(c, spec->low.f, spec->high.f) >= 0)
		alex_report_corrupted(c->rel, c->blk,
							  "low fence is not below the high fence");
	if (spec->level > 0)
	{
		/* the first row of an inner page stands for its low fence */
		if (prev && !alex_fields_same(&c->info, c->rows, prev))
			alex_report_corrupted(c->rel, c->blk,
								  "first entry is not the low fence");
		i = 1;
	}
	for (; i < n; i++)
	{
		const uint64 *row = c->rows + (Size) i * spec->nfields;
		int			cmp = prev ? alex_check_cmp(c, prev, row) : -1;

		/* an entry may be equal to the low fence, not to another entry */
		if (cmp > 0 || (cmp == 0 && (i > 0 || spec->level > 0)))
			alex_report_corrupted(c->rel, c->blk,
								  psprintf("entry %d is out of order", i));
		prev = row;
	}
	if (n > 0 && !spec->high.inf && prev &&
		alex_check_cmp(c, prev, spec->high.f) >= 0)
		alex_report_corrupted(c->rel, c->blk,
							  "last entry is not below the high fence");
}

/* Is the null flag of every column a flag? */
static bool
alex_row_flags_ok(const AlexInfo *info, const uint64 *row)
{
	for (int i = 0; !info->dict && i < info->natts; i++)
	{
		if (row[info->column[i].field] > 1)
			return false;
	}
	return true;
}

/* Appends a column's value, free of what its storage leaves open. */
static void
alex_append_value(StringInfo out, Form_pg_attribute att, Datum value)
{
	if (att->attbyval)
		appendBinaryStringInfo(out, (const char *) &value, sizeof(Datum));
	else if (att->attlen > 0)
		appendBinaryStringInfo(out, DatumGetPointer(value), att->attlen);
	else if (att->attlen == -2)
		appendBinaryStringInfo(out, DatumGetCString(value),
							   strlen(DatumGetCString(value)) + 1);
	else
	{
		struct varlena *plain = PG_DETOAST_DATUM_PACKED(value);
		int32		len = VARSIZE_ANY_EXHDR(plain);

		appendBinaryStringInfo(out, (const char *) &len, sizeof(len));
		appendBinaryStringInfo(out, VARDATA_ANY(plain), len);
	}
}

/* What identifies a leaf entry: its values and TID, not its dead hint */
static void
alex_fingerprint(AlexCheck *c, const uint64 *row, StringInfo out)
{
	resetStringInfo(out);
	if (!c->info.dict)
	{
		appendBinaryStringInfo(out, (const char *) row,
							   sizeof(uint64) * (c->info.nleaf - 1));
		return;
	}
	for (int i = 0; i < c->info.natts; i++)
	{
		bool		isnull;
		Datum		value = alex_row_getattr(c->rel, &c->info, row, i + 1,
											 &isnull, NULL);

		appendStringInfoChar(out, isnull ? 'n' : 'v');
		if (!isnull)
			alex_append_value(out, TupleDescAttr(RelationGetDescr(c->rel), i),
							  value);
	}
	appendBinaryStringInfo(out, (const char *) &row[AlexFieldBlk(&c->info)],
						   2 * sizeof(uint64));
}

static void
alex_check_leaf(AlexCheck *c, int n)
{
	StringInfoData print;

	initStringInfo(&print);
	for (int i = 0; i < n; i++)
	{
		const uint64 *row = c->rows + (Size) i * c->info.nleaf;
		uint64		off = row[AlexFieldOff(&c->info)];

		if (row[AlexFieldBlk(&c->info)] > MaxBlockNumber ||
			off < FirstOffsetNumber || off > MaxOffsetNumber)
			alex_report_corrupted(c->rel, c->blk,
								  psprintf("entry %d has an impossible heap TID", i));
		if (!alex_row_flags_ok(&c->info, row))
			alex_report_corrupted(c->rel, c->blk,
								  psprintf("entry %d has a malformed key", i));
		if (c->filter)
		{
			alex_fingerprint(c, row, &print);
			bloom_add_element(c->filter, (unsigned char *) print.data, print.len);
		}
	}
	c->nentries += n;
}

/*---- what the level above says ---- */

static HTAB *
alex_make_downlinks(AlexCheck *c)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(BlockNumber);
	ctl.entrysize = sizeof(AlexDownlink);
	ctl.hcxt = c->context;
	return hash_create("alex downlinks", 1024, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Does the (locked) inner page have this row? */
static bool
alex_has_downlink(AlexCheck *c, Page page, BlockNumber child, uint64 separator)
{
	AlexPack   *pack = AlexPageGetPack(page);

	for (int i = 0; i < pack->nentries; i++)
	{
		uint64		row[ALEX_MAX_FIELDS];

		if (alex_get_field(pack, i, AlexFieldChild(&c->info)) != child)
			continue;
		alex_page_get_row(page, i, row);
		return separator == (i == 0 ? alex_low_hash(&c->info, page) :
							 alex_fields_hash(&c->info, row, false));
	}
	return false;
}

/* Does the parent of a remembered downlink, read anew, still hold it? */
static bool
alex_downlink_stays(AlexCheck *c, const AlexDownlink *link, uint32 level)
{
	Buffer		buf = alex_check_read(c, link->parent, link->parent);
	bool		stays = alex_is_live(BufferGetPage(buf), level + 1) &&
	alex_has_downlink(c, BufferGetPage(buf), link->child, link->separator);

	UnlockReleaseBuffer(buf);
	return stays;
}

/* Remembers the children of the inner page in copy. */
static void
alex_collect_downlinks(AlexCheck *c, const AlexSpec *spec, int n)
{
	for (int i = 0; i < n; i++)
	{
		const uint64 *row = c->rows + (Size) i * spec->nfields;
		uint64		child = row[AlexFieldChild(&c->info)];
		uint64		separator = i == 0 ?
		alex_fields_hash(&c->info, spec->low.f, spec->low.inf) :
		alex_fields_hash(&c->info, row, false);
		BlockNumber blk = (BlockNumber) child;
		AlexDownlink *link;
		bool		found;

		if (child == ALEX_METAPAGE || child > MaxBlockNumber)
			alex_report_corrupted(c->rel, c->blk,
								  psprintf("entry %d leads to no page", i));
		link = hash_search(c->below, &blk, HASH_ENTER, &found);
		if (found && link->separator != separator && !c->locked &&
			alex_downlink_stays(c, link, c->level - 1))
			alex_report_corrupted(c->rel, c->blk,
								  psprintf("entry %d leads to block %u, and so does another entry",
										   i, blk));
		link->parent = c->blk;
		link->separator = separator;
		link->met = false;
	}
}

/*
 * Locks page blk and its left neighbour, in the order of the locks.  false if
 * the page is no longer live at this level.  *left may become InvalidBuffer.
 */
static bool
alex_lock_with_left(AlexCheck *c, BlockNumber blk, uint32 level,
					Buffer *left, Buffer *buf)
{
	for (int tries = 0; tries < 100; tries++)
	{
		BlockNumber leftblk;

		*left = InvalidBuffer;
		*buf = alex_check_read(c, blk, blk);
		leftblk = AlexPageGetOpaque(BufferGetPage(*buf))->left;
		if (BlockNumberIsValid(leftblk))
		{
			UnlockReleaseBuffer(*buf);
			*left = alex_check_read(c, leftblk, blk);
			*buf = alex_check_read(c, blk, blk);
		}
		if (!alex_is_live(BufferGetPage(*buf), level))
			break;
		if (AlexPageGetOpaque(BufferGetPage(*buf))->left == leftblk)
			return true;
		UnlockReleaseBuffer(*buf);
		if (BufferIsValid(*left))
			UnlockReleaseBuffer(*left);
		*buf = InvalidBuffer;
	}
	if (BufferIsValid(*buf))
		UnlockReleaseBuffer(*buf);
	if (BufferIsValid(*left))
		UnlockReleaseBuffer(*left);
	return false;
}

/* Are the two locked pages neighbours? */
static bool
alex_are_neighbours(AlexCheck *c, Buffer left, Buffer right)
{
	Page		l = BufferGetPage(left);
	Page		r = BufferGetPage(right);
	AlexFence	high;
	AlexFence	low;

	alex_page_high(l, &high);
	alex_page_low(r, &low);
	return alex_is_live(l, AlexPageGetOpaque(r)->level) &&
		AlexPageGetOpaque(l)->right == BufferGetBlockNumber(right) &&
		AlexPageGetOpaque(r)->left == BufferGetBlockNumber(left) &&
		!high.inf && !low.inf && alex_fence_same(&c->info, &high, &low);
}

/* Looks for a downlink to the locked page in buf on the level above. */
static bool
alex_search_downlink(AlexCheck *c, Buffer buf, uint32 level)
{
	BlockNumber child = BufferGetBlockNumber(buf);
	uint64		separator = alex_low_hash(&c->info, BufferGetPage(buf));
	Buffer		parent = alex_check_leftmost(c, level + 1);
	BlockNumber steps = 0;

	for (;;)
	{
		BlockNumber blk = BufferGetBlockNumber(parent);
		BlockNumber next = AlexPageGetOpaque(BufferGetPage(parent))->right;
		bool		found = alex_has_downlink(c, BufferGetPage(parent), child,
											  separator);

		UnlockReleaseBuffer(parent);
		if (found)
			return true;
		if (!BlockNumberIsValid(next) || ++steps > c->nblocks)
			return false;
		parent = alex_check_read(c, next, blk);
	}
}

/*
 * The page in copy was not announced as it is: with everything locked, does
 * its parent know it, or is it the right half of a split under way?
 */
static void
alex_recheck_parent(AlexCheck *c)
{
	Buffer		left;
	Buffer		buf;
	bool		fine;

	if (!alex_lock_with_left(c, c->blk, c->level, &left, &buf))
		return;					/* deleted meanwhile */
	fine = (BufferIsValid(left) &&
			AlexPageGetOpaque(BufferGetPage(left))->right == c->blk &&
			(AlexPageGetOpaque(BufferGetPage(left))->flags &
			 ALEX_INCOMPLETE_SPLIT) != 0) ||
		alex_search_downlink(c, buf, c->level);
	UnlockReleaseBuffer(buf);
	if (BufferIsValid(left))
		UnlockReleaseBuffer(left);
	if (!fine)
		alex_report_corrupted(c->rel, c->blk,
							  "no entry of the level above leads to the page with its low fence");
}

/*
 * A page that was announced was not met on its level.  It must have been
 * deleted since, and its parent's entry with it.
 */
static void
alex_recheck_missing(AlexCheck *c, const AlexDownlink *link)
{
	Buffer		left;
	Buffer		buf;
	bool		fine = false;

	if (!alex_downlink_stays(c, link, c->level))
		return;
	/* deleted and reused for the very same fence? */
	if (alex_lock_with_left(c, link->child, c->level, &left, &buf))
	{
		fine = BufferIsValid(left) && alex_are_neighbours(c, left, buf) &&
			alex_low_hash(&c->info, BufferGetPage(buf)) == link->separator;
		UnlockReleaseBuffer(buf);
		if (BufferIsValid(left))
			UnlockReleaseBuffer(left);
	}
	if (!fine && alex_downlink_stays(c, link, c->level))
		alex_report_corrupted(c->rel, link->parent,
							  psprintf("page leads to block %u, which is not linked at level %u",
									   link->child, c->level));
}

/* Compares the page in copy with what the level above said. */
static void
alex_check_announced(AlexCheck *c, const AlexSpec *spec)
{
	AlexDownlink *link;

	if (c->downlinks == NULL || c->locked)
		return;
	link = hash_search(c->downlinks, &c->blk, HASH_FIND, NULL);
	if (link && link->separator == alex_fields_hash(&c->info, spec->low.f,
													spec->low.inf))
		link->met = true;
	else
		alex_recheck_parent(c);
}

/*---- levels ---- */

/* Everything about the page in copy that needs no other page's lock */
static void
alex_check_copy(AlexCheck *c)
{
	Page		page = c->copy.data;
	int			n = AlexPageCount(page);
	MemoryContext old = MemoryContextSwitchTo(c->pagecontext);
	AlexSpec	spec;

	alex_page_spec(page, &spec);
	if (spec.level > 0 && n == 0)
		alex_report_corrupted(c->rel, c->blk, "inner page without children");
	alex_page_decode(page, 0, n, c->rows);
	if (c->info.dict)
		alex_check_images(c, &spec, n);
	alex_check_order(c, &spec, n);
	if (spec.level == 0)
		alex_check_leaf(c, n);
	else
		alex_collect_downlinks(c, &spec, n);
	alex_check_announced(c, &spec);
	MemoryContextSwitchTo(old);
	MemoryContextReset(c->pagecontext);
}

/*
 * Checks the locked page in buf; it is locked again on return.  false if it
 * was deleted meanwhile (then buf is released); c->copy is what was checked.
 */
static bool
alex_check_page(AlexCheck *c, Buffer buf)
{
	for (int tries = 0;; tries++)
	{
		XLogRecPtr	lsn = BufferGetLSNAtomic(buf);
		int64		before = c->nentries;

		memcpy(c->copy.data, BufferGetPage(buf), BLCKSZ);
		c->blk = BufferGetBlockNumber(buf);
		c->locked = tries >= ALEX_CHECK_TRIES;
		if (!c->locked)
			LockBuffer(buf, BUFFER_LOCK_UNLOCK);
		alex_check_copy(c);
		if (c->locked)
			return true;

		CHECK_FOR_INTERRUPTS();
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		if (BufferGetLSNAtomic(buf) == lsn)
			return true;
		alex_check_format(c, BufferGetPage(buf), c->blk);
		if (!alex_is_live(BufferGetPage(buf), c->level) ||
			alex_low_hash(&c->info, BufferGetPage(buf)) !=
			alex_low_hash(&c->info, c->copy.data))
		{
			UnlockReleaseBuffer(buf);
			return false;
		}
		c->nentries = before;
	}
}

/* The page that has the range of the one in copy, which was deleted */
static Buffer
alex_check_find_again(AlexCheck *c)
{
	AlexFence	low;
	AlexKey		key;
	Buffer		buf;

	alex_page_low(c->copy.data, &low);
	if (low.inf)
		return alex_check_leftmost(c, c->level);
	alex_key_from_fields(c->rel, &c->info, low.f, true, &key);
	buf = alex_find_page(c->rel, &c->info, &key, c->level, BUFFER_LOCK_SHARE,
						 false);
	alex_check_format(c, BufferGetPage(buf), BufferGetBlockNumber(buf));
	return buf;
}

/* Locks the right neighbour of the locked page in buf, and releases that. */
static Buffer
alex_check_step(AlexCheck *c, Buffer buf)
{
	BlockNumber blk = BufferGetBlockNumber(buf);
	BlockNumber next = AlexPageGetOpaque(BufferGetPage(buf))->right;
	AlexFence	high;
	Buffer		right;

	alex_page_high(BufferGetPage(buf), &high);
	if (!BlockNumberIsValid(next))
	{
		if (!high.inf)
			alex_report_corrupted(c->rel, blk,
								  "rightmost page has a high fence");
		UnlockReleaseBuffer(buf);
		return InvalidBuffer;
	}
	if (next == blk)
		alex_report_corrupted(c->rel, blk, "page is its own right neighbour");
	right = alex_check_read(c, next, blk);
	if (!alex_are_neighbours(c, buf, right))
		alex_report_corrupted(c->rel, blk,
							  psprintf("links or fences of the page and its right neighbour, block %u, do not match",
									   next));
	UnlockReleaseBuffer(buf);
	return right;
}

static void
alex_check_level(AlexCheck *c)
{
	Buffer		buf = alex_check_leftmost(c, c->level);
	BlockNumber steps = 0;
	AlexFence	low;

	alex_page_low(BufferGetPage(buf), &low);
	if (!low.inf)
		alex_report_corrupted(c->rel, BufferGetBlockNumber(buf),
							  "leftmost page has a low fence");
	c->below = c->level > 0 ? alex_make_downlinks(c) : NULL;
	while (BufferIsValid(buf))
	{
		/* fences ascend, unless comparisons do not make sense */
		if (++steps / 2 > c->nblocks)
			alex_report_corrupted(c->rel, c->blk, "right links form a circle");
		c->seen = bms_add_member(c->seen, (int) BufferGetBlockNumber(buf));
		buf = alex_check_page(c, buf) ? alex_check_step(c, buf) :
			alex_check_find_again(c);
	}
	if (c->downlinks)
	{
		HASH_SEQ_STATUS status;
		AlexDownlink *link;

		hash_seq_init(&status, c->downlinks);
		while ((link = hash_seq_search(&status)) != NULL)
		{
			if (!link->met)
				alex_recheck_missing(c, link);
		}
		hash_destroy(c->downlinks);
	}
	c->downlinks = c->below;
}

/*---- pages that no link led to ---- */

/* Is a page that was not met linked by now? */
static bool
alex_is_linked(AlexCheck *c, BlockNumber blk, uint32 level)
{
	Buffer		left;
	Buffer		buf;
	bool		fine;

	if (!alex_lock_with_left(c, blk, level, &left, &buf))
		return true;			/* deleted, or in another place by now */
	if (BufferIsValid(left))
	{
		fine = alex_are_neighbours(c, left, buf);
		UnlockReleaseBuffer(left);
		UnlockReleaseBuffer(buf);
		return fine;
	}
	UnlockReleaseBuffer(buf);
	if (level > c->toplevel)
		return true;			/* a new root */
	buf = alex_check_leftmost(c, level);
	fine = BufferGetBlockNumber(buf) == blk;
	UnlockReleaseBuffer(buf);
	return fine;
}

static void
alex_check_unmet(AlexCheck *c)
{
	for (BlockNumber blk = ALEX_METAPAGE + 1; blk < c->nblocks_then; blk++)
	{
		Buffer		buf;
		Page		page;
		uint32		level = 0;
		bool		isfree;

		if (bms_is_member((int) blk, c->seen))
			continue;
		CHECK_FOR_INTERRUPTS();
		buf = ReadBufferExtended(c->rel, MAIN_FORKNUM, blk, RBM_NORMAL,
								 c->strategy);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buf);
		isfree = PageIsNew(page);
		if (!isfree)
		{
			alex_check_format(c, page, blk);
			level = AlexPageGetOpaque(page)->level;
			isfree = (AlexPageGetOpaque(page)->flags & ALEX_DELETED) != 0;
		}
		UnlockReleaseBuffer(buf);
		if (!isfree && !alex_is_linked(c, blk, level))
			alex_report_corrupted(c->rel, blk,
								  "page is neither linked nor free");
	}
}

/*---- the heap ---- */

/* Callback of the heap scan: the entry of this row must have been met. */
static void
alex_check_heap_row(Relation index, ItemPointer tid, Datum *values,
					bool *isnull, bool tupleIsAlive, void *state)
{
	AlexCheck  *c = state;
	MemoryContext old = MemoryContextSwitchTo(c->pagecontext);
	StringInfoData print;
	AlexEntry	entry;

	initStringInfo(&print);
	alex_form_entry(index, &c->info, values, isnull, tid, &entry);
	alex_fingerprint(c, entry.f, &print);
	if (bloom_lacks_element(c->filter, (unsigned char *) print.data, print.len))
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" lacks the entry of row (%u,%u) of table \"%s\"",
						RelationGetRelationName(index),
						ItemPointerGetBlockNumber(tid),
						ItemPointerGetOffsetNumber(tid),
						RelationGetRelationName(c->heap)),
				 errhint("REINDEX the index. If an expression or a collation changed its results, that is the cause.")));
	MemoryContextSwitchTo(old);
	MemoryContextReset(c->pagecontext);
}

/* Every row that the snapshot sees must have its entry among those met. */
static void
alex_check_heap(AlexCheck *c, Snapshot snapshot)
{
	IndexInfo  *indexinfo = BuildIndexInfo(c->rel);
	TableScanDesc scan = table_beginscan_strat(c->heap, snapshot, 0, NULL,
											   true, true);

	/* as the first scan of CREATE INDEX CONCURRENTLY: rows of the snapshot */
	indexinfo->ii_Concurrent = true;
	indexinfo->ii_Unique = false;
	indexinfo->ii_ExclusionOps = NULL;
	indexinfo->ii_ExclusionProcs = NULL;
	indexinfo->ii_ExclusionStrats = NULL;
	table_index_build_scan(c->heap, c->rel, indexinfo, true, false,
						   alex_check_heap_row, c, scan);
}

/* A snapshot that sees no row whose entry could be missing legitimately */
static Snapshot
alex_check_snapshot(Relation rel)
{
	Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());

	if (IsolationUsesXactSnapshot() && rel->rd_index->indcheckxmin &&
		!TransactionIdPrecedes(HeapTupleHeaderGetXmin(rel->rd_indextuple->t_data),
							   snapshot->xmin))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("index \"%s\" cannot be checked with this transaction's snapshot",
						RelationGetRelationName(rel)),
				 errdetail("The index was built after the snapshot was taken, and lacks rows that only the snapshot sees."),
				 errhint("Repeat the check in a new transaction.")));
	return snapshot;
}

/*---- the whole ---- */

/* The metapage against the catalog, without what the backend remembers */
static void
alex_check_metapage(AlexCheck *c)
{
	AlexInfo	fresh;
	Buffer		buf;
	AlexMetaPageData meta;

	c->nblocks = c->nblocks_then = RelationGetNumberOfBlocks(c->rel);
	if (c->nblocks <= ALEX_METAPAGE + 1)
		alex_report_corrupted(c->rel, c->nblocks, "file is too short");
	alex_get_info(c->rel, &c->info);
	alex_refresh_root(c->rel, &c->info);
	buf = ReadBuffer(c->rel, ALEX_METAPAGE);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	meta = *AlexPageGetMeta(BufferGetPage(buf));
	UnlockReleaseBuffer(buf);

	alex_make_info(c->rel, &fresh);
	if (meta.dict != c->info.dict || (!meta.dict && fresh.dict))
		alex_report_corrupted(c->rel, ALEX_METAPAGE,
							  "metapage names the wrong kind of index");
	for (int i = 0; i < c->info.natts; i++)
	{
		if (meta.kind[i] != (meta.dict ? 0 : fresh.column[i].kind))
			alex_report_corrupted(c->rel, ALEX_METAPAGE,
								  psprintf("metapage stores column %d in a form that does not fit its type",
										   i + 1));
	}
}

static void
alex_check_tree(AlexCheck *c)
{
	Buffer		root;

	root = alex_check_read(c, c->info.root, ALEX_METAPAGE);
	c->toplevel = AlexPageGetOpaque(BufferGetPage(root))->level;
	if (!alex_is_live(BufferGetPage(root), c->toplevel))
		alex_report_corrupted(c->rel, c->info.root, "root page is deleted");
	UnlockReleaseBuffer(root);
	if (c->toplevel != c->info.rootlevel)
		alex_report_corrupted(c->rel, c->info.root,
							  psprintf("root page is at level %u, and the metapage says %u",
									   c->toplevel, c->info.rootlevel));
	for (int level = (int) c->toplevel; level >= 0; level--)
	{
		c->level = level;
		alex_check_level(c);
	}
	alex_check_unmet(c);
}

static void
alex_check_index(Relation rel, Relation heap, bool heapallindexed)
{
	AlexCheck  *c = palloc0(sizeof(AlexCheck));
	Snapshot	snapshot = InvalidSnapshot;

	c->rel = rel;
	c->heap = heap;
	c->context = CurrentMemoryContext;
	c->pagecontext = AllocSetContextCreate(CurrentMemoryContext,
										   "alex check page",
										   ALLOCSET_DEFAULT_SIZES);
	c->strategy = GetAccessStrategy(BAS_BULKREAD);
	c->rows = palloc(sizeof(uint64) * ALEX_SCRATCH_WORDS);
	alex_check_metapage(c);
	if (heapallindexed)
	{
		int64		expected = Max((int64) c->nblocks * 1000,
								   (int64) rel->rd_rel->reltuples);

		snapshot = alex_check_snapshot(rel);
		c->filter = bloom_create(expected, maintenance_work_mem,
								 pg_prng_uint64(&pg_global_prng_state));
	}
	alex_check_tree(c);
	if (heapallindexed)
	{
		alex_check_heap(c, snapshot);
		bloom_free(c->filter);
		UnregisterSnapshot(snapshot);
	}
	MemoryContextDelete(c->pagecontext);
	pfree(c->rows);
	pfree(c);
}

/*
 * Complains unless rel is an alex index that this session can read.
 */
void
alex_require_index(Relation rel)
{
	if (rel->rd_rel->relkind != RELKIND_INDEX ||
		rel->rd_indam->ambuild != alex_build)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an alex index",
						RelationGetRelationName(rel)),
				 errhint("Name an index that was created with USING alex; a partitioned index has one for each partition.")));
	if (RELATION_IS_OTHER_TEMP(rel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot access temporary index \"%s\" of another session",
						RelationGetRelationName(rel)),
				 errhint("Call the function in the session that created the index.")));
	if (!rel->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not valid",
						RelationGetRelationName(rel)),
				 errhint("REINDEX the index first.")));
}

/* Is there nothing to look at: an unlogged index on a standby? */
bool
alex_is_absent(Relation rel)
{
	return rel->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED &&
		RecoveryInProgress();
}

/*
 * omendb.alex_check(index regclass, heapallindexed boolean)
 *
 * Raises ERRCODE_INDEX_CORRUPTED at the first thing that is wrong.
 */
Datum
omendb_alex_check(PG_FUNCTION_ARGS)
{
	Oid			indexoid = PG_GETARG_OID(0);
	bool		heapallindexed = PG_GETARG_BOOL(1);
	Oid			heapoid = IndexGetRelation(indexoid, true);
	Relation	heap;
	Relation	rel;
	Oid			userid;
	int			seccontext;
	int			nestlevel;

	/* table before index, as everybody else; no table: index_open complains */
	heap = OidIsValid(heapoid) ? table_open(heapoid, AccessShareLock) : NULL;
	rel = index_open(indexoid, AccessShareLock);
	alex_require_index(rel);
	if (heap == NULL || heapoid != IndexGetRelation(indexoid, false))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("could not open the table of index \"%s\"",
						RelationGetRelationName(rel))));

	/* expressions and comparisons run as the table's owner */
	GetUserIdAndSecContext(&userid, &seccontext);
	SetUserIdAndSecContext(heap->rd_rel->relowner,
						   seccontext | SECURITY_RESTRICTED_OPERATION);
	nestlevel = NewGUCNestLevel();
	RestrictSearchPath();

	if (!alex_is_absent(rel))
	{
		alex_batch_flush(indexoid);
		alex_check_index(rel, heap, heapallindexed);
	}
	AtEOXact_GUC(false, nestlevel);
	SetUserIdAndSecContext(userid, seccontext);
	index_close(rel, AccessShareLock);
	table_close(heap, AccessShareLock);
	PG_RETURN_VOID();
}
