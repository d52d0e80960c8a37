/*-------------------------------------------------------------------------
 *
 * alexwal.c
 *	  Changing pages: the forward path, its WAL records, and their redo.
 *
 * INSERT and MERGE carry rows and positions, DELETE positions; redo calls the
 * same page functions as the forward path.  All others rewrite whole pages and
 * carry them without the hole, so that they need no full page image; what
 * else they touch (a left link, a flag) is told by an op per block.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/bufmask.h"
#include "access/rmgr.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xloginsert.h"
#include "access/xlogutils.h"
#include "alex/alex.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/standby.h"
#include "utils/rel.h"

/* XLOG_ALEX_DELETE; positions follow as uint16 in block 0's data */
typedef struct xl_alex_delete
{
	TransactionId horizon;
	uint16		npos;
	bool		cleanup;
	bool		catalog;		/* for conflicts with logical slots (16+) */
} xl_alex_delete;

/* An AlexCut; the row and the fence follow, packed */
typedef struct xl_alex_cut
{
	BlockNumber right;
	uint16		pos;
	uint16		keep;
	uint16		rowbytes;		/* 0: the row is not on the left page */
	uint16		fencebytes;
} xl_alex_cut;

/* main data of the records that rewrite pages: one per block */
typedef struct xl_alex_change
{
	BlockNumber link;
	uint8		op;
} xl_alex_change;

#define SizeOfAlexChange	(offsetof(xl_alex_change, op) + sizeof(uint8))

/*---- LSNs ---- */

/*
 * Stamps a page.  Without WAL the LSN still has to move: scans take an
 * unchanged LSN for an unchanged page.  A relation that skips WAL or is
 * temporary is seen by this backend alone, so a counter of its own will do.
 */
static void
alex_stamp_pages(Relation rel, Page *page, int n, XLogRecPtr lsn)
{
	static XLogRecPtr local = FirstNormalUnloggedLSN;

	if (XLogRecPtrIsInvalid(lsn))
		lsn = rel->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED ?
			GetFakeLSNForUnloggedRel() : local++;
	for (int i = 0; i < n; i++)
		PageSetLSN(page[i], lsn);
}

/*---- rows in a record ---- */

/* Bytes that a value needs */
static inline int
alex_value_bytes(uint64 value)
{
	return value == 0 ? 0 : pg_leftmost_one_pos64(value) / 8 + 1;
}

/*
 * Packs a row: lengths as nibbles, then the values' low bytes, then the image
 * as it is.  out needs room for ALEX_ROW_BYTES.
 */
#define ALEX_ROW_BYTES	(ALEX_MAX_FIELDS * 9 + BLCKSZ)

static int
alex_pack_row(const uint64 *row, int nf, bool dict, char *out)
{
	int			at = (nf + 1) / 2;

	memset(out, 0, at);
	for (int f = dict ? 1 : 0; f < nf; f++)
	{
		int			len = alex_value_bytes(row[f]);

		out[f / 2] |= len << (f % 2 * 4);
#ifdef WORDS_BIGENDIAN
		for (int i = 0; i < len; i++)
			out[at + i] = (char) (row[f] >> (8 * i));
#else
		/* all eight: what comes next covers those that are too many */
		memcpy(out + at, &row[f], sizeof(uint64));
#endif
		at += len;
	}
	if (dict && row[0] != 0)
	{
		const IndexTupleData *image = (IndexTuple) (uintptr_t) row[0];

		memcpy(out + at, (const char *) image + offsetof(IndexTupleData, t_info),
			   alex_image_size(image));
		at += alex_image_size(image);
	}
	return at;
}

/* The reverse; image is where an image of imagebytes is put (aligned). */
static void
alex_unpack_row(const char *in, Size len, int nf, bool dict, uint64 *row,
				char *image)
{
	Size		at = (nf + 1) / 2;

	for (int f = 0; f < nf; f++)
	{
		int			n = ((uint8) in[f / 2] >> (f % 2 * 4)) & 0x0F;

		row[f] = 0;
		for (int i = 0; i < n; i++)
			row[f] |= (uint64) (uint8) in[at++] << (8 * i);
	}
	if (dict && at < len)
	{
		memcpy(image + offsetof(IndexTupleData, t_info), in + at, len - at);
		row[0] = (uint64) (uintptr_t) image;
	}
}

/*---- pages in a record ---- */

/* Registers a page without its hole as the data of a block */
static void
alex_register_page(uint8 block, Page page)
{
	PageHeader	hdr = (PageHeader) page;

	XLogRegisterBufData(block, (char *) page, hdr->pd_lower);
	XLogRegisterBufData(block, (char *) page + hdr->pd_upper,
						BLCKSZ - hdr->pd_upper);
}

static void
alex_restore_page(Page page, const char *data, Size len)
{
	PageHeaderData hdr;

	memcpy(&hdr, data, SizeOfPageHeaderData);
	if (hdr.pd_lower > hdr.pd_upper || hdr.pd_upper > BLCKSZ ||
		len != (Size) (hdr.pd_lower + BLCKSZ - hdr.pd_upper))
		elog(PANIC, "alex: page in WAL record has a wrong length");
	memcpy(page, data, hdr.pd_lower);
	memset(page + hdr.pd_lower, 0, hdr.pd_upper - hdr.pd_lower);
	memcpy(page + hdr.pd_upper, data + hdr.pd_lower, BLCKSZ - hdr.pd_upper);
}

/*---- forward ---- */

/*
 * alex_do_insert: puts row at pos, logs it; false if there is no room
 */
bool
alex_do_insert(Relation rel, Buffer buf, int pos, const uint64 *row,
			   Buffer child)
{
	Page		page = BufferGetPage(buf);
	AlexPack   *pack = AlexPageGetPack(page);
	bool		inplace = alex_page_fits_inplace(page, pos, row);
	PGAlignedBlock anew;
	Page		pages[2] = {page, NULL};
	XLogRecPtr	lsn = InvalidXLogRecPtr;

	if (!inplace && !alex_page_reencode_insert(page, pos, row, anew.data))
		return false;

	START_CRIT_SECTION();
	if (inplace)
		alex_page_insert(page, pos, row);
	else
		memcpy(page, anew.data, BLCKSZ);
	MarkBufferDirty(buf);
	if (BufferIsValid(child))
	{
		pages[1] = BufferGetPage(child);
		AlexPageGetOpaque(pages[1])->flags &= ~ALEX_INCOMPLETE_SPLIT;
		MarkBufferDirty(child);
	}
	if (RelationNeedsWAL(rel))
	{
		static char packed[ALEX_ROW_BYTES];
		uint16		pos16 = pos;
		int			len = alex_pack_row(row, pack->nfields,
										(pack->flags & ALEX_PACK_DICT) != 0,
										packed);

		XLogBeginInsert();
		XLogRegisterBuffer(0, buf, REGBUF_STANDARD);
		XLogRegisterBufData(0, (char *) &pos16, sizeof(pos16));
		XLogRegisterBufData(0, packed, len);
		if (BufferIsValid(child))
			XLogRegisterBuffer(1, child, REGBUF_STANDARD);
		lsn = XLogInsert(ALEX_RMGR_ID, XLOG_ALEX_INSERT);
	}
	alex_stamp_pages(rel, pages, BufferIsValid(child) ? 2 : 1, lsn);
	END_CRIT_SECTION();
	return true;
}

/* Rows of a batch with their positions, as a page of one more field */
static bool
alex_pack_batch(Page batch, Page like, const uint64 *rows, const uint16 *pos,
				int n)
{
	static uint64 wide[ALEX_SCRATCH_WORDS];
	int			nf = AlexPageGetPack(like)->nfields;
	AlexSpec	spec;

	if (n * (nf + 1) > ALEX_SCRATCH_WORDS)
		return false;
	memset(&spec, 0, sizeof(spec));
	spec.nfields = nf + 1;
	spec.nord = 1;
	spec.dict = (AlexPageGetPack(like)->flags & ALEX_PACK_DICT) != 0;
	spec.deadfield = ALEX_NO_DEADFIELD;
	spec.low.inf = spec.high.inf = true;
	for (int i = 0; i < n; i++)
	{
		memcpy(wide + i * (nf + 1), rows + i * nf, sizeof(uint64) * nf);
		wide[i * (nf + 1) + nf] = pos[i];
	}
	return alex_page_encode(batch, &spec, wide, n);
}

/*
 * Replaces a page but for its LSN, by which XLogInsert tells whether the page
 * needs a full image
 */
static void
alex_replace_page(Page page, Page image)
{
	XLogRecPtr	lsn = PageGetLSN(page);

	memcpy(page, image, BLCKSZ);
	PageSetLSN(page, lsn);
}

/* Bytes that a page takes in a record */
static inline int
alex_logged_bytes(Page page)
{
	PageHeader	hdr = (PageHeader) page;

	return hdr->pd_lower + BLCKSZ - hdr->pd_upper;
}

/*
 * alex_do_merge: replaces a leaf by newpage, which is the leaf with n rows
 * merged in at the final positions pos[]; logs the rows, or the page if that
 * is shorter
 */
void
alex_do_merge(Relation rel, Buffer buf, Page newpage, const uint64 *rows,
			  const uint16 *pos, int n, bool inplace)
{
	Page		page = BufferGetPage(buf);
	PGAlignedBlock batch;
	bool		packed = alex_pack_batch(batch.data, newpage, rows, pos, n) &&
	alex_logged_bytes(batch.data) < alex_logged_bytes(newpage);
	XLogRecPtr	lsn = InvalidXLogRecPtr;

	if (!packed)
	{
		AlexChange	change = {buf, ALEX_CHANGE_IMAGE, InvalidBlockNumber};

		alex_do_changes(rel, &change, &newpage, 1, XLOG_ALEX_REWRITE);
		return;
	}
	START_CRIT_SECTION();
	alex_replace_page(page, newpage);
	MarkBufferDirty(buf);
	if (RelationNeedsWAL(rel))
	{
		XLogBeginInsert();
		XLogRegisterBuffer(0, buf, REGBUF_STANDARD);
		alex_register_page(0, batch.data);
		lsn = XLogInsert(ALEX_RMGR_ID,
						 inplace ? XLOG_ALEX_INSERTS : XLOG_ALEX_MERGE);
	}
	alex_stamp_pages(rel, &page, 1, lsn);
	END_CRIT_SECTION();
}

/*
 * alex_do_delete: removes entries from a leaf and logs it
 */
void
alex_do_delete(Relation rel, Relation heap, Buffer buf, const uint16 *pos,
			   int npos, TransactionId horizon, bool cleanup)
{
	Page		page = BufferGetPage(buf);
	XLogRecPtr	lsn = InvalidXLogRecPtr;

	START_CRIT_SECTION();
	alex_page_delete(page, pos, npos);
	MarkBufferDirty(buf);
	if (RelationNeedsWAL(rel))
	{
		xl_alex_delete xlrec;

		memset(&xlrec, 0, sizeof(xlrec));
		xlrec.horizon = horizon;
		xlrec.npos = npos;
		xlrec.cleanup = cleanup;
#if PG_VERSION_NUM >= 160000
		xlrec.catalog = heap != NULL &&
			RelationIsAccessibleInLogicalDecoding(heap);
#endif
		XLogBeginInsert();
		XLogRegisterData((char *) &xlrec, sizeof(xlrec));
		XLogRegisterBuffer(0, buf, REGBUF_STANDARD);
		XLogRegisterBufData(0, (char *) pos, sizeof(uint16) * npos);
		lsn = XLogInsert(ALEX_RMGR_ID, XLOG_ALEX_DELETE);
	}
	alex_stamp_pages(rel, &page, 1, lsn);
	END_CRIT_SECTION();
	(void) heap;
}

/* Applies one change to its page */
static void
alex_apply_change(Page page, AlexChangeOp op, BlockNumber link)
{
	if (op == ALEX_CHANGE_LEFTLINK)
		AlexPageGetOpaque(page)->left = link;
	else if (op == ALEX_CHANGE_CLEAR_SPLIT)
		AlexPageGetOpaque(page)->flags &= ~ALEX_INCOMPLETE_SPLIT;
}

/* Registers an AlexCut as the data of a block */
static void
alex_register_cut(uint8 block, const AlexChange *change)
{
	static char data[sizeof(xl_alex_cut) + 2 * ALEX_ROW_BYTES];
	const AlexCut *cut = change->cut;
	AlexPack   *pack = AlexPageGetPack(BufferGetPage(change->buf));
	bool		dict = (pack->flags & ALEX_PACK_DICT) != 0;
	xl_alex_cut xlcut;
	int			len = sizeof(xlcut);

	memset(&xlcut, 0, sizeof(xlcut));
	xlcut.right = change->link;
	xlcut.pos = cut->pos;
	xlcut.keep = cut->keep;
	if (cut->pos < cut->keep)
		xlcut.rowbytes = alex_pack_row(cut->row, pack->nfields, dict, data + len);
	len += xlcut.rowbytes;
	xlcut.fencebytes = alex_pack_row(cut->high->f, pack->nord, dict, data + len);
	len += xlcut.fencebytes;
	memcpy(data, &xlcut, sizeof(xlcut));
	XLogRegisterBufData(block, data, len);
}

static XLogRecPtr
alex_log_changes(AlexChange *change, int n, uint8 info)
{
	char		ops[ALEX_MAX_CHANGES * SizeOfAlexChange];

	for (int i = 0; i < n; i++)
	{
		xl_alex_change c;

		memset(&c, 0, sizeof(c));
		c.link = change[i].link;
		c.op = change[i].op;
		memcpy(ops + i * SizeOfAlexChange, &c, SizeOfAlexChange);
	}
	XLogBeginInsert();
	XLogRegisterData(ops, n * SizeOfAlexChange);
	for (int i = 0; i < n; i++)
	{
		if (change[i].op == ALEX_CHANGE_IMAGE)
		{
			XLogRegisterBuffer(i, change[i].buf,
							   REGBUF_WILL_INIT | REGBUF_STANDARD);
			alex_register_page(i, BufferGetPage(change[i].buf));
		}
		else
			XLogRegisterBuffer(i, change[i].buf, REGBUF_STANDARD);
		if (change[i].op == ALEX_CHANGE_CUT)
			alex_register_cut(i, &change[i]);
	}
	return XLogInsert(ALEX_RMGR_ID, info);
}

/*
 * alex_do_changes: applies and logs changes to several pages as one
 */
void
alex_do_changes(Relation rel, AlexChange *change, Page *image, int n,
				uint8 info)
{
	Page		page[ALEX_MAX_CHANGES];
	XLogRecPtr	lsn = InvalidXLogRecPtr;

	Assert(n <= ALEX_MAX_CHANGES);
	if (RelationNeedsWAL(rel))
		XLogEnsureRecordSpace(n, 2 + 2 * n);

	START_CRIT_SECTION();
	for (int i = 0; i < n; i++)
	{
		page[i] = BufferGetPage(change[i].buf);
		if (change[i].op == ALEX_CHANGE_IMAGE ||
			change[i].op == ALEX_CHANGE_CUT)
			alex_replace_page(page[i], image[i]);
		else
			alex_apply_change(page[i], change[i].op, change[i].link);
		MarkBufferDirty(change[i].buf);
	}
	if (RelationNeedsWAL(rel))
		lsn = alex_log_changes(change, n, info);
	alex_stamp_pages(rel, page, n, lsn);
	END_CRIT_SECTION();
}

/*---- redo ---- */

static void
alex_redo_insert(XLogReaderState *record)
{
	Buffer		buf;
	Buffer		child = InvalidBuffer;
	XLogRecPtr	lsn = record->EndRecPtr;

	if (XLogRecHasBlockRef(record, 1) &&
		XLogReadBufferForRedo(record, 1, &child) == BLK_NEEDS_REDO)
	{
		alex_apply_change(BufferGetPage(child), ALEX_CHANGE_CLEAR_SPLIT, 0);
		PageSetLSN(BufferGetPage(child), lsn);
		MarkBufferDirty(child);
	}
	if (XLogReadBufferForRedo(record, 0, &buf) == BLK_NEEDS_REDO)
	{
		static PGAlignedBlock image;
		Page		page = BufferGetPage(buf);
		AlexPack   *pack = AlexPageGetPack(page);
		uint64		row[ALEX_MAX_FIELDS];
		Size		len;
		char	   *data = XLogRecGetBlockData(record, 0, &len);
		uint16		pos;

		memcpy(&pos, data, sizeof(pos));
		alex_unpack_row(data + sizeof(pos), len - sizeof(pos), pack->nfields,
						(pack->flags & ALEX_PACK_DICT) != 0, row, image.data);
		if (pos > pack->nentries || !alex_page_insert(page, pos, row))
			elog(PANIC, "alex: entry does not fit its page");
		PageSetLSN(page, lsn);
		MarkBufferDirty(buf);
	}
	if (BufferIsValid(buf))
		UnlockReleaseBuffer(buf);
	if (BufferIsValid(child))
		UnlockReleaseBuffer(child);
}

/* Merges the rows of a batch into page, by their positions */
static void
alex_redo_merge_page(Page page, Page batch)
{
	static uint64 merged[ALEX_SCRATCH_WORDS];
	int			nf = AlexPageGetPack(page)->nfields;
	int			n = AlexPageCount(page) + AlexPageCount(batch);
	int			fromold = 0;
	int			fromnew = 0;
	uint64		row[ALEX_MAX_FIELDS];
	AlexSpec	spec;
	PGAlignedBlock out;

	if (n * nf > ALEX_SCRATCH_WORDS ||
		AlexPageGetPack(batch)->nfields != nf + 1)
		elog(PANIC, "alex: batch does not fit its page");
	for (int i = 0; i < n; i++)
	{
		if (fromnew < AlexPageCount(batch))
		{
			alex_page_get_row(batch, fromnew, row);
			if (row[nf] == (uint64) i)
			{
				memcpy(merged + i * nf, row, sizeof(uint64) * nf);
				fromnew++;
				continue;
			}
		}
		alex_page_get_row(page, fromold++, merged + i * nf);
	}
	alex_page_spec(page, &spec);
	if (!alex_page_encode(out.data, &spec, merged, n))
		elog(PANIC, "alex: batch does not fit its page");
	memcpy(page, out.data, BLCKSZ);
}

/* Puts the rows of a batch into page one after the other */
static void
alex_redo_inserts_page(Page page, Page batch)
{
	int			nf = AlexPageGetPack(page)->nfields;
	uint64		row[ALEX_MAX_FIELDS];

	if (AlexPageGetPack(batch)->nfields != nf + 1)
		elog(PANIC, "alex: batch does not fit its page");
	for (int i = 0; i < AlexPageCount(batch); i++)
	{
		alex_page_get_row(batch, i, row);
		if (row[nf] > AlexPageCount(page) ||
			!alex_page_insert(page, (int) row[nf], row))
			elog(PANIC, "alex: batch does not fit its page");
	}
}

static void
alex_redo_merge(XLogReaderState *record)
{
	bool		inplace = (XLogRecGetInfo(record) & ~XLR_INFO_MASK) == XLOG_ALEX_INSERTS;
	Buffer		buf;

	if (XLogReadBufferForRedo(record, 0, &buf) == BLK_NEEDS_REDO)
	{
		PGAlignedBlock batch;
		Size		len;
		char	   *data = XLogRecGetBlockData(record, 0, &len);

		alex_restore_page(batch.data, data, len);
		if (inplace)
			alex_redo_inserts_page(BufferGetPage(buf), batch.data);
		else
			alex_redo_merge_page(BufferGetPage(buf), batch.data);
		PageSetLSN(BufferGetPage(buf), record->EndRecPtr);
		MarkBufferDirty(buf);
	}
	if (BufferIsValid(buf))
		UnlockReleaseBuffer(buf);
}

static void
alex_redo_delete(XLogReaderState *record)
{
	xl_alex_delete *xlrec = (xl_alex_delete *) XLogRecGetData(record);
	Buffer		buf;

	if (InHotStandby && TransactionIdIsValid(xlrec->horizon))
	{
		RelFileLocator locator;

		XLogRecGetBlockTag(record, 0, &locator, NULL, NULL);
#if PG_VERSION_NUM >= 160000
		ResolveRecoveryConflictWithSnapshot(xlrec->horizon, xlrec->catalog,
											locator);
#else
		ResolveRecoveryConflictWithSnapshot(xlrec->horizon, locator);
#endif
	}
	if (XLogReadBufferForRedoExtended(record, 0, RBM_NORMAL, xlrec->cleanup,
									  &buf) == BLK_NEEDS_REDO)
	{
		Size		len;
		char	   *data = XLogRecGetBlockData(record, 0, &len);

		alex_page_delete(BufferGetPage(buf), (uint16 *) data, xlrec->npos);
		PageSetLSN(BufferGetPage(buf), record->EndRecPtr);
		MarkBufferDirty(buf);
	}
	if (BufferIsValid(buf))
		UnlockReleaseBuffer(buf);
}

/* Cuts the left page of a split as the forward path did */
static void
alex_redo_cut(Page page, const char *data)
{
	static uint64 rows[ALEX_SCRATCH_WORDS + ALEX_MAX_FIELDS];
	static PGAlignedBlock image[2];
	int			nf = AlexPageGetPack(page)->nfields;
	int			n = AlexPageCount(page);
	xl_alex_cut cut;
	AlexSpec	spec;
	PGAlignedBlock out;

	memcpy(&cut, data, sizeof(cut));
	data += sizeof(cut);
	if (cut.pos > n || cut.keep > n + 1)
		elog(PANIC, "alex: cut does not fit its page");
	alex_page_spec(page, &spec);
	alex_page_decode(page, 0, cut.pos, rows);
	if (cut.rowbytes > 0)
		alex_unpack_row(data, cut.rowbytes, nf, spec.dict, rows + cut.pos * nf,
						image[0].data);
	alex_page_decode(page, cut.pos, n, rows + (cut.pos + 1) * nf);
	spec.high.inf = false;
	alex_unpack_row(data + cut.rowbytes, cut.fencebytes, spec.nord, spec.dict,
					spec.high.f, image[1].data);
	spec.right = cut.right;
	spec.flags |= ALEX_INCOMPLETE_SPLIT;
	if (!alex_page_encode(out.data, &spec, rows, cut.keep))
		elog(PANIC, "alex: cut does not fit its page");
	memcpy(page, out.data, BLCKSZ);
}

/* Redoes the change of block i; returns its buffer, locked. */
static Buffer
alex_redo_change(XLogReaderState *record, int i, const xl_alex_change *c)
{
	Buffer		buf;

	if (c->op == ALEX_CHANGE_IMAGE)
	{
		Size		len;
		char	   *data = XLogRecGetBlockData(record, i, &len);

		buf = XLogInitBufferForRedo(record, i);
		alex_restore_page(BufferGetPage(buf), data, len);
	}
	else
	{
		if (XLogReadBufferForRedo(record, i, &buf) != BLK_NEEDS_REDO)
			return buf;
		if (c->op == ALEX_CHANGE_CUT)
			alex_redo_cut(BufferGetPage(buf),
						  XLogRecGetBlockData(record, i, NULL));
		else
			alex_apply_change(BufferGetPage(buf), c->op, c->link);
	}
	PageSetLSN(BufferGetPage(buf), record->EndRecPtr);
	MarkBufferDirty(buf);
	return buf;
}

/*
 * Locks of all pages are held to the end: readers see all changes or none.
 * The child, whose flag is cleared, is locked before its parents.
 */
static void
alex_redo_changes(XLogReaderState *record)
{
	char	   *ops = XLogRecGetData(record);
	int			n = XLogRecGetDataLen(record) / SizeOfAlexChange;
	Buffer		buf[ALEX_MAX_CHANGES];

	for (int children = 1; children >= 0; children--)
	{
		for (int i = 0; i < n; i++)
		{
			xl_alex_change c;

			memcpy(&c, ops + i * SizeOfAlexChange, SizeOfAlexChange);
			if ((c.op == ALEX_CHANGE_CLEAR_SPLIT) == (children == 1))
				buf[i] = alex_redo_change(record, i, &c);
		}
	}
	for (int i = 0; i < n; i++)
	{
		if (BufferIsValid(buf[i]))
			UnlockReleaseBuffer(buf[i]);
	}
}

static void
alex_redo(XLogReaderState *record)
{
	switch (XLogRecGetInfo(record) & ~XLR_INFO_MASK)
	{
		case XLOG_ALEX_INSERT:
			alex_redo_insert(record);
			break;
		case XLOG_ALEX_MERGE:
		case XLOG_ALEX_INSERTS:
			alex_redo_merge(record);
			break;
		case XLOG_ALEX_DELETE:
			alex_redo_delete(record);
			break;
		case XLOG_ALEX_SPLIT:
		case XLOG_ALEX_NEWROOT:
		case XLOG_ALEX_UNLINK:
		case XLOG_ALEX_META:
		case XLOG_ALEX_REWRITE:
			alex_redo_changes(record);
			break;
		default:
			elog(PANIC, "alex: unknown record type %u", XLogRecGetInfo(record));
	}
}

/*---- names, descriptions, masks ---- */

static const char *
alex_identify(uint8 info)
{
	switch (info & ~XLR_INFO_MASK)
	{
		case XLOG_ALEX_INSERT:
			return "INSERT";
		case XLOG_ALEX_MERGE:
			return "MERGE";
		case XLOG_ALEX_INSERTS:
			return "INSERTS";
		case XLOG_ALEX_SPLIT:
			return "SPLIT";
		case XLOG_ALEX_NEWROOT:
			return "NEWROOT";
		case XLOG_ALEX_UNLINK:
			return "UNLINK";
		case XLOG_ALEX_DELETE:
			return "DELETE";
		case XLOG_ALEX_META:
			return "META";
		case XLOG_ALEX_REWRITE:
			return "REWRITE";
		default:
			return NULL;
	}
}

static void
alex_desc(StringInfo buf, XLogReaderState *record)
{
	uint8		info = XLogRecGetInfo(record) & ~XLR_INFO_MASK;

	if (info == XLOG_ALEX_DELETE)
	{
		xl_alex_delete *xlrec = (xl_alex_delete *) XLogRecGetData(record);

		appendStringInfo(buf, "nentries %u horizon %u%s", xlrec->npos,
						 xlrec->horizon, xlrec->cleanup ? " cleanup" : "");
	}
	else if (info == XLOG_ALEX_INSERT)
	{
		Size		len;
		char	   *data = XLogRecGetBlockData(record, 0, &len);
		uint16		pos;

		if (data == NULL)
			return;				/* a full page image instead */
		memcpy(&pos, data, sizeof(pos));
		appendStringInfo(buf, "position %u", pos);
	}
	else if (info != XLOG_ALEX_MERGE && info != XLOG_ALEX_INSERTS)
		appendStringInfo(buf, "npages %u",
						 (unsigned) (XLogRecGetDataLen(record) / SizeOfAlexChange));
}

/* Hides from wal_consistency_checking what is not logged: hints, the hole. */
static void
alex_mask(char *pagedata, BlockNumber blkno)
{
	Page		page = (Page) pagedata;

	mask_page_lsn_and_checksum(page);
	mask_page_hint_bits(page);
	mask_unused_space(page);
	if (!(AlexPageGetOpaque(page)->flags & ALEX_META) &&
		alex_page_verify_header(page) == NULL)
		alex_page_clear_dead_hints(page);
	(void) blkno;
}

static RmgrData alex_rmgr = {
	.rm_name = ALEX_RMGR_NAME,
	.rm_redo = alex_redo,
	.rm_desc = alex_desc,
	.rm_identify = alex_identify,
	.rm_mask = alex_mask,
};

/*
 * alex_wal_init: registers the resource manager; shared preload only
 */
void
alex_wal_init(void)
{
	RegisterCustomRmgr(ALEX_RMGR_ID, &alex_rmgr);
}
