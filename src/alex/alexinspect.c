/*-------------------------------------------------------------------------
 *
 * alexinspect.c
 *	  Looking inside: omendb.alex_stats, alex_page_header, alex_page_items.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "alex/alex.h"
#include "alex/alexupkeep.h"

/* entries of a leaf whose predicted place is compared with the true one */
#define ALEX_STATS_SAMPLE	32

/* What alex_stats counts */
typedef struct AlexStats
{
	int64		leaves;
	int64		inner;
	int64		deleted;
	int64		fresh;			/* zero pages */
	int64		entries;
	int64		dead;
	double		fill;			/* sum over leaves, 0..1 each */
	double		distance;		/* sum over predictions */
	int64		predictions;
} AlexStats;

PG_FUNCTION_INFO_V1(omendb_alex_stats);
PG_FUNCTION_INFO_V1(omendb_alex_page_header);
PG_FUNCTION_INFO_V1(omendb_alex_page_items);

/* Opens an alex index and brings it up to date with this session's batch. */
static Relation
alex_open_index(Oid indexoid, AlexInfo *info)
{
	Relation	rel = index_open(indexoid, AccessShareLock);

	alex_require_index(rel);
	if (alex_is_absent(rel))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("unlogged index \"%s\" has no contents during recovery",
						RelationGetRelationName(rel)),
				 errhint("Look at it on the primary.")));
	alex_batch_flush(indexoid);
	alex_get_info(rel, info);
	alex_refresh_root(rel, info);
	return rel;
}

/*---- alex_stats ---- */

static int
alex_count_dead(Page page)
{
	int			ndead = 0;

	for (int i = 0; i < AlexPageCount(page); i++)
		ndead += alex_page_is_dead(page, i);
	return ndead;
}

/* Used part of the bytes that entries and images can take */
static double
alex_page_fill(Page page)
{
	PageHeader	hdr = (PageHeader) page;
	int			start = (char *) AlexPackBits(AlexPageGetPack(page)) - (char *) page;
	int			room = hdr->pd_special - start;
	int			used = room - (hdr->pd_upper - hdr->pd_lower);

	return room > 0 ? (double) used / room : 1.0;
}

/* How far are sampled entries from where the page's model expects them? */
static void
alex_count_predictions(Page page, AlexStats *s)
{
	int			n = AlexPageCount(page);
	int			step = Max(1, n / ALEX_STATS_SAMPLE);

	for (int i = 0; i < n; i += step)
	{
		uint64		row[ALEX_MAX_FIELDS];
		int			guess;

		alex_page_get_row(page, i, row);
		guess = alex_page_predict(page, row);
		if (guess < 0)
			continue;
		s->distance += abs(guess - i);
		s->predictions++;
	}
}

/* Adds one (locked) page to the counts. */
static void
alex_count_page(Relation rel, const AlexInfo *info, Buffer buf, AlexStats *s)
{
	Page		page = BufferGetPage(buf);

	if (PageIsNew(page))
	{
		s->fresh++;
		return;
	}
	alex_require_page(rel, info, page, BufferGetBlockNumber(buf));
	if (AlexPageGetOpaque(page)->flags & ALEX_DELETED)
		s->deleted++;
	else if (AlexPageGetOpaque(page)->level > 0)
		s->inner++;
	else
	{
		s->leaves++;
		s->entries += AlexPageCount(page);
		s->dead += alex_count_dead(page);
		s->fill += alex_page_fill(page);
		alex_count_predictions(page, s);
	}
}

static void
alex_count_pages(Relation rel, const AlexInfo *info, BlockNumber nblocks,
				 AlexStats *s)
{
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);

	memset(s, 0, sizeof(AlexStats));
	for (BlockNumber blk = ALEX_METAPAGE + 1; blk < nblocks; blk++)
	{
		Buffer		buf;

		CHECK_FOR_INTERRUPTS();
		buf = ReadBufferExtended(rel, MAIN_FORKNUM, blk, RBM_NORMAL, strategy);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		alex_count_page(rel, info, buf, s);
		UnlockReleaseBuffer(buf);
	}
	FreeAccessStrategy(strategy);
}

/* The descriptor of a function's result row */
static TupleDesc
alex_result_desc(FunctionCallInfo fcinfo)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return BlessTupleDesc(desc);
}

/*
 * omendb.alex_stats(index regclass): one row of figures.  Reads every page.
 */
Datum
omendb_alex_stats(PG_FUNCTION_ARGS)
{
	TupleDesc	desc = alex_result_desc(fcinfo);
	AlexInfo	info;
	Relation	rel = alex_open_index(PG_GETARG_OID(0), &info);
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	AlexStats	s;
	uint64		hits;
	uint64		misses;
	Size		bytes;
	Datum		values[13];
	bool		nulls[13] = {0};
	int			i = 0;

	alex_count_pages(rel, &info, nblocks, &s);
	alex_route_counters(rel, &hits, &misses, &bytes);

	values[i++] = Int32GetDatum((int32) info.rootlevel + 1);
	values[i++] = Int64GetDatum(s.leaves);
	values[i++] = Int64GetDatum(s.inner);
	values[i++] = Int64GetDatum(s.deleted);
	values[i++] = Int64GetDatum(s.fresh);
	values[i++] = Int64GetDatum(s.entries);
	values[i++] = Int64GetDatum(s.dead);
	nulls[i] = s.leaves == 0;
	values[i] = Float8GetDatum(nulls[i] ? 0 : 100.0 * s.fill / s.leaves);
	i++;
	nulls[i] = s.entries == 0;
	values[i] = Float8GetDatum(nulls[i] ? 0 :
							   (double) nblocks * BLCKSZ / s.entries);
	i++;
	nulls[i] = s.predictions == 0;
	values[i] = Float8GetDatum(nulls[i] ? 0 : s.distance / s.predictions);
	i++;
	values[i++] = Int64GetDatum((int64) bytes);
	values[i++] = Int64GetDatum((int64) hits);
	values[i++] = Int64GetDatum((int64) misses);
	index_close(rel, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/*---- one page ---- */

/* Copies page blkno of rel, after checking that it is one of the tree. */
static void
alex_copy_page(Relation rel, const AlexInfo *info, int64 blkno, Page copy)
{
	Buffer		buf;

	if (blkno < 0 || blkno >= RelationGetNumberOfBlocks(rel))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("block number %lld is out of range for index \"%s\"",
						(long long) blkno, RelationGetRelationName(rel)),
				 errhint("The index has blocks 0 to %u.",
						 RelationGetNumberOfBlocks(rel) - 1)));
	if (blkno == ALEX_METAPAGE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("block 0 of index \"%s\" is its metapage",
						RelationGetRelationName(rel)),
				 errhint("Entries are on blocks 1 and higher.")));
	buf = ReadBuffer(rel, (BlockNumber) blkno);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	memcpy(copy, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);
	alex_require_page(rel, info, copy, (BlockNumber) blkno);
}

/* Values of a row's or fence's first natts attributes, as text */
static Datum
alex_fields_text(Relation rel, const AlexInfo *info, const uint64 *f,
				 int natts, BlockNumber blk)
{
	TupleDesc	desc = RelationGetDescr(rel);
	StringInfoData out;

	if (info->dict &&
		(f[0] == 0 ||
		 !alex_image_is_sound(desc, (IndexTuple) (uintptr_t) f[0], natts)))
		alex_report_corrupted(rel, blk, "key is malformed");
	initStringInfo(&out);
	for (int i = 0; i < natts; i++)
	{
		bool		isnull;
		char		buf[16];
		Datum		value = alex_row_getattr(rel, info, f, i + 1, &isnull, buf);
		Oid			typoutput;
		bool		isvarlena;

		if (i > 0)
			appendStringInfoString(&out, ", ");
		if (isnull)
		{
			appendStringInfoString(&out, "null");
			continue;
		}
		getTypeOutputInfo(TupleDescAttr(desc, i)->atttypid, &typoutput,
						  &isvarlena);
		appendStringInfoString(&out, OidOutputFunctionCall(typoutput, value));
	}
	return CStringGetTextDatum(out.data);
}

/* A fence's key; its TID is shown if it is part of the fence. */
static Datum
alex_fence_text(Relation rel, const AlexInfo *info, const AlexFence *fence,
				BlockNumber blk, bool *isnull)
{
	*isnull = fence->inf;
	if (fence->inf)
		return (Datum) 0;
	return alex_fields_text(rel, info, fence->f, info->nkeyatts, blk);
}

static Datum
alex_flags_text(uint16 flags)
{
	StringInfoData out;

	initStringInfo(&out);
	if (flags & ALEX_DELETED)
		appendStringInfoString(&out, "deleted ");
	if (flags & ALEX_INCOMPLETE_SPLIT)
		appendStringInfoString(&out, "incomplete_split ");
	if (flags & ALEX_META)
		appendStringInfoString(&out, "meta ");
	if (out.len > 0)
		out.data[out.len - 1] = '\0';
	return CStringGetTextDatum(out.data);
}

static Datum
alex_link_datum(BlockNumber blk, bool *isnull)
{
	*isnull = !BlockNumberIsValid(blk);
	return Int64GetDatum(*isnull ? 0 : (int64) blk);
}

/*
 * omendb.alex_page_header(index regclass, blkno bigint): one row about a page
 */
Datum
omendb_alex_page_header(PG_FUNCTION_ARGS)
{
	TupleDesc	desc = alex_result_desc(fcinfo);
	int64		blkno = PG_GETARG_INT64(1);
	AlexInfo	info;
	Relation	rel = alex_open_index(PG_GETARG_OID(0), &info);
	PGAlignedBlock copy;
	AlexPack   *pack = AlexPageGetPack(copy.data);
	PageHeader	hdr = (PageHeader) copy.data;
	AlexSpec	spec;
	Datum		values[9];
	bool		nulls[9] = {0};

	alex_copy_page(rel, &info, blkno, copy.data);
	alex_page_spec(copy.data, &spec);
	values[0] = Int32GetDatum(spec.level);
	values[1] = alex_flags_text(spec.flags);
	values[2] = alex_link_datum(spec.left, &nulls[2]);
	values[3] = alex_link_datum(spec.right, &nulls[3]);
	values[4] = Int32GetDatum(pack->nentries);
	values[5] = Int32GetDatum(pack->bitoff[pack->nfields]);
	values[6] = Int32GetDatum(hdr->pd_upper - hdr->pd_lower);
	values[7] = alex_fence_text(rel, &info, &spec.low, (BlockNumber) blkno,
								&nulls[7]);
	values[8] = alex_fence_text(rel, &info, &spec.high, (BlockNumber) blkno,
								&nulls[8]);
	index_close(rel, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* One row of alex_page_items */
static void
alex_put_item(ReturnSetInfo *result, Relation rel, const AlexInfo *info,
			  Page page, int i, BlockNumber blk)
{
	uint64		row[ALEX_MAX_FIELDS];
	bool		leaf = AlexPageGetOpaque(page)->level == 0;
	ItemPointerData tid;
	Datum		values[5];
	bool		nulls[5] = {0};

	alex_page_get_row(page, i, row);
	values[0] = Int32GetDatum(i);
	/* the first row of a leftmost inner page has no key */
	nulls[1] = !leaf && i == 0 &&
		(AlexPageGetPack(page)->flags & ALEX_PACK_LOW_INF) != 0;
	if (!nulls[1])
		values[1] = alex_fields_text(rel, info, row,
									 leaf ? info->natts : info->nkeyatts, blk);
	nulls[2] = nulls[1];
	alex_row_tid(info, row, &tid);
	values[2] = PointerGetDatum(&tid);
	nulls[3] = leaf;
	values[3] = Int64GetDatum(leaf ? 0 : (int64) row[AlexFieldChild(info)]);
	values[4] = BoolGetDatum(leaf && alex_page_is_dead(page, i));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * omendb.alex_page_items(index regclass, blkno bigint): the entries of a page
 */
Datum
omendb_alex_page_items(PG_FUNCTION_ARGS)
{
	int64		blkno = PG_GETARG_INT64(1);
	AlexInfo	info;
	Relation	rel;
	PGAlignedBlock copy;

	InitMaterializedSRF(fcinfo, 0);
	rel = alex_open_index(PG_GETARG_OID(0), &info);
	alex_copy_page(rel, &info, blkno, copy.data);
	for (int i = 0; i < AlexPageCount(copy.data); i++)
		alex_put_item((ReturnSetInfo *) fcinfo->resultinfo, rel, &info,
					  copy.data, i, (BlockNumber) blkno);
	index_close(rel, AccessShareLock);
	return (Datum) 0;
}
