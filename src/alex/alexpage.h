/*-------------------------------------------------------------------------
 *
 * alexpage.h
 *	  The page codec of alex: bit-packed entries between two fences.
 *
 * Plain C on 8 kB buffers: no locks, no palloc, no ereport, no catalogs.  It
 * serves the forward path, redo, the checks, and unit tests without a server.
 *
 * A page after its header:
 *
 *		AlexPack	counts, bit offsets of the fields
 *		base[nfields]	frame of reference of every field
 *		low[nord], high[nord]	fences: ordered fields of the lowest possible
 *					entry and of the first entry of the next page
 *		entries		nentries * bitoff[nfields] bits, in (key, TID) order
 *		...pd_lower, hole, pd_upper...
 *		images		with ALEX_PACK_DICT: key images, 8-byte pitch
 *		AlexOpaqueData	links, level, flags
 *
 * An entry is a row of unsigned 64-bit fields; field f of entry i is stored
 * as row[f] - base[f] in bitoff[f + 1] - bitoff[f] bits.  A field that is the
 * same in all entries takes no bits.
 *
 * With ALEX_PACK_DICT field 0 names a key image: an IndexTuple without its
 * t_tid (2 bytes t_info, then what follows in an IndexTuple), stored so that
 * the tuple would start at page offset 8 * code.  Entries with the same image
 * share it.  Decoded rows hold the address of the would-be tuple instead of
 * the code; never read its t_tid.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ALEXPAGE_H
#define ALEXPAGE_H

#include "postgres.h"

#include "access/itup.h"
#include "storage/block.h"
#include "storage/bufpage.h"

#define ALEX_MAX_FIELDS		24	/* fields of an entry */
#define ALEX_MAX_ENTRIES	4000	/* entries of a page */
#define ALEX_SCRATCH_WORDS	(ALEX_MAX_ENTRIES * 8 + ALEX_MAX_FIELDS * 800)

typedef struct AlexOpaqueData
{
	BlockNumber left;			/* siblings; InvalidBlockNumber at the ends */
	BlockNumber right;
	uint16		level;			/* 0 for a leaf */
	uint16		flags;
	uint16		unused;
	uint16		pageid;			/* ALEX_PAGE_ID, for tools that look at it */
} AlexOpaqueData;

typedef AlexOpaqueData *AlexOpaque;

#define ALEX_PAGE_ID			0xA1EC
#define ALEX_META				0x0001
#define ALEX_DELETED			0x0002	/* unlinked, may be reused */
#define ALEX_INCOMPLETE_SPLIT	0x0004	/* right sibling not yet in parent */

#define AlexPageGetOpaque(page) ((AlexOpaque) PageGetSpecialPointer(page))

typedef struct AlexPack
{
	uint16		nentries;
	uint8		nfields;
	uint8		nord;			/* leading fields that order the entries */
	uint16		flags;			/* ALEX_PACK_xxx */
	uint16		deadfield;		/* field of the dead hint, 0xFFFF: none */
	uint16		bitoff[FLEXIBLE_ARRAY_MEMBER];	/* nfields + 1 */
} AlexPack;

#define ALEX_PACK_DICT			0x0001
#define ALEX_PACK_LOW_INF		0x0002	/* no low fence: leftmost */
#define ALEX_PACK_HIGH_INF		0x0004	/* no high fence: rightmost */
#define ALEX_NO_DEADFIELD		0xFFFF

/* an image without values: every attribute that is read is null */
typedef struct AlexNullImage
{
	IndexTupleData tuple;
	uint8		nulls[8];		/* more than INDEX_MAX_KEYS bits */
} AlexNullImage;

#define AlexPageGetPack(page)	((AlexPack *) PageGetContents(page))
#define AlexPageCount(page)		(AlexPageGetPack(page)->nentries)

static inline uint64 *
AlexPackBase(AlexPack *pack)
{
	return (uint64 *) ((char *) pack +
					   MAXALIGN(offsetof(AlexPack, bitoff) +
								sizeof(uint16) * (pack->nfields + 1)));
}

static inline uint64 *
AlexPackLow(AlexPack *pack)
{
	return AlexPackBase(pack) + pack->nfields;
}

static inline uint64 *
AlexPackHigh(AlexPack *pack)
{
	return AlexPackLow(pack) + pack->nord;
}

static inline uint8 *
AlexPackBits(AlexPack *pack)
{
	return (uint8 *) (AlexPackHigh(pack) + pack->nord);
}

/* Offset in the page at which the bits of entries begin */
static inline uint32
alex_bits_offset(uint32 nfields, uint32 nord)
{
	return MAXALIGN(SizeOfPageHeaderData) +
		MAXALIGN(offsetof(AlexPack, bitoff) + sizeof(uint16) * (nfields + 1)) +
		sizeof(uint64) * (nfields + 2 * nord);
}

/*
 * width bits at bit position pos.  Touches 9 bytes, which are the page's as
 * long as pos is in the entries: the opaque data follows them.
 */
static inline uint64
alex_get_bits(const uint8 *bits, uint32 pos, uint32 width)
{
	const uint8 *p = bits + (pos >> 3);
	uint32		shift = pos & 7;
	uint64		v;

	if (width == 0)
		return 0;
	memcpy(&v, p, sizeof(v));
	v >>= shift;
	if (width > 57)
		v |= ((uint64) p[8] << 1) << (63 - shift);
	return v & (PG_UINT64_MAX >> (64 - width));
}

/* Field f of entry i as stored plus its base; with images: the code */
static inline uint64
alex_get_field(AlexPack *pack, int i, int f)
{
	uint32		bits = pack->bitoff[pack->nfields];
	uint32		off = pack->bitoff[f];

	return AlexPackBase(pack)[f] +
		alex_get_bits(AlexPackBits(pack), (uint32) i * bits + off,
					  pack->bitoff[f + 1] - off);
}

/* a key of nulls: what a damaged image code is taken for */
extern const AlexNullImage alex_null_image;

/* Does code name an image inside the page's image area? */
static inline bool
alex_code_is_sane(Page page, uint64 code)
{
	PageHeader	hdr = (PageHeader) page;
	uint64		start = code * 8;
	Size		size;

	if (code >= BLCKSZ / 8 || start < hdr->pd_upper ||
		start + sizeof(IndexTupleData) > hdr->pd_special)
		return false;
	size = ((IndexTuple) ((char *) page + start))->t_info & INDEX_SIZE_MASK;
	return size >= sizeof(IndexTupleData) && start + size <= hdr->pd_special;
}

/*
 * Address of the would-be IndexTuple of an image; NULL for code 0, which only
 * the first row of a leftmost inner page has.  Never leaves the page.
 */
static inline IndexTuple
alex_code_tuple(Page page, uint64 code)
{
	if (likely(alex_code_is_sane(page, code)))
		return (IndexTuple) ((char *) page + code * 8);
	return code == 0 ? NULL : (IndexTuple) &alex_null_image;
}

/* The same for entry i of a page */
static inline IndexTuple
alex_entry_tuple(Page page, int i, uint64 code)
{
	if (code == 0 && (i > 0 || AlexPageGetOpaque(page)->level == 0))
		return (IndexTuple) &alex_null_image;
	return alex_code_tuple(page, code);
}

/* a fence in memory: ordered fields (images: f[0] is an address) */
typedef struct AlexFence
{
	bool		inf;			/* -infinity (low) or +infinity (high) */
	uint64		f[ALEX_MAX_FIELDS];
} AlexFence;

/* all of a page but its entries */
typedef struct AlexSpec
{
	uint8		nfields;
	uint8		nord;
	bool		dict;
	uint16		deadfield;
	uint16		level;
	uint16		flags;
	BlockNumber left;
	BlockNumber right;
	AlexFence	low;
	AlexFence	high;
} AlexSpec;

/* Reads the spec of a page (fences included; dict: pointers into page). */
extern void alex_page_spec(Page page, AlexSpec *spec);

/* Decodes entries from..to-1 into rows of nfields words each. */
extern void alex_page_decode(Page page, int from, int to, uint64 *rows);

/* One entry */
extern void alex_page_get_row(Page page, int i, uint64 *row);

/* Fence as ordered fields; with images f[0] becomes an address in page. */
extern void alex_page_low(Page page, AlexFence *fence);
extern void alex_page_high(Page page, AlexFence *fence);

/*
 * Writes a whole page (dst: BLCKSZ bytes, must not overlap what rows point
 * to).  false if the rows do not fit; dst is undefined then.
 * Rows must be in order: the ends of the leading field tell its frame.
 */
extern bool alex_page_encode(Page dst, const AlexSpec *spec,
							 const uint64 *rows, int n);

/*
 * How many leading rows fit a page of which at most "space" bytes (entries and
 * images, see alex_spec_space) are used.  The high fence is spec->high if all
 * n rows fit, else an image as long as that of the first row left over.  At
 * least 1 if one row fits at all.
 */
extern int	alex_rows_fit(const AlexSpec *spec, const uint64 *rows, int n,
						  int space);

/* Bytes that entries and images of an otherwise empty page can take. */
extern int	alex_spec_space(const AlexSpec *spec);

/*
 * Puts row in front of entry pos.  false if it does not fit: page unchanged.
 * Moves bits if alex_page_fits_inplace says so, else encodes the page anew.
 */
extern bool alex_page_insert(Page page, int pos, const uint64 *row);
extern bool alex_page_fits_inplace(Page page, int pos, const uint64 *row);

/* The second way alone: writes the new page to dst. */
extern bool alex_page_reencode_insert(Page page, int pos, const uint64 *row,
									  Page dst);

/* Removes entries at npos ascending positions. */
extern void alex_page_delete(Page page, const uint16 *pos, int npos);

/* Sets the dead hint of entry i; safe under a share lock. */
extern void alex_page_set_dead(Page page, int i);
extern bool alex_page_is_dead(Page page, int i);
extern void alex_page_clear_dead_hints(Page page);	/* for rm_mask */

/*
 * First entry >= target, both as ordered fields, without images.  from: first
 * entry to look at (1 on inner pages).  model: start from the predicted place.
 * steps, if not NULL, gets the number of places looked at; neighbours that are
 * compared together count as one.
 */
extern int	alex_page_lower_bound(Page page, const uint64 *target, int from,
								  bool model, int *steps);

/* Where the model expects target (for statistics); -1 if it has no opinion. */
extern int	alex_page_predict(Page page, const uint64 *target);

/*
 * Checks what can be checked without comparing images: counts, offsets,
 * widths, image codes and lengths.  NULL if sane, else what is wrong (a static
 * string).  Everything above may be called on a page that passes.
 */
extern const char *alex_page_verify(Page page);

/* The part that does not look at entries, cheap enough for every read */
extern const char *alex_page_verify_header(Page page);

/* Length of an image's bytes: t_info and what follows */
static inline int
alex_image_size(const IndexTupleData *itup)
{
	return (int) (itup->t_info & INDEX_SIZE_MASK) - (int) offsetof(IndexTupleData, t_info);
}

/*
 * Longest image: a page must hold three, for its fences and one entry, next to
 * the headers and two entries' bits, so that every page can be split.
 */
#define ALEX_MAX_IMAGE \
	MAXALIGN_DOWN((BLCKSZ - MAXALIGN(SizeOfPageHeaderData) - 168) / 3)

/* bytes that an image takes in a page */
#define ALEX_IMAGE_PITCH(itup)	MAXALIGN(alex_image_size(itup))

#endif							/* ALEXPAGE_H */
