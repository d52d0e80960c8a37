/*-------------------------------------------------------------------------
 *
 * alexpage.c
 *	  The page codec of alex: encoding, decoding, searching and changing
 *	  pages of bit-packed rows.
 *
 * Plain C: see alexpage.h.  Frame of reference after Zukowski et al. (ICDE
 * 2006); the in-page search starts at a linear prediction and corrects it by
 * secant steps, as interpolation search does (Van Sandt et al., SIGMOD 2019),
 * before it falls back to bisection.  Both end in a window of neighbours that
 * are compared together, without branches.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "alex/alexpage.h"
#include "port/pg_bitutils.h"

/* bits of an image code: an 8-byte unit of the page */
#define ALEX_CODE_BITS	(pg_leftmost_one_pos32(BLCKSZ / 8 - 1) + 1)
#define ALEX_CODE_MASK	((uint32) (BLCKSZ / 8 - 1))

const AlexNullImage alex_null_image = {
	.tuple = {.t_info = INDEX_NULL_MASK | sizeof(AlexNullImage)}
};

/* rows of the page at hand, for changes that decode and encode anew */
static uint64 alex_scratch[ALEX_SCRATCH_WORDS];
static uint16 alex_codes[ALEX_MAX_ENTRIES];

/* where the bytes of an image begin in the would-be tuple */
#define ALEX_IMAGE_OFFSET	offsetof(IndexTupleData, t_info)

/* Frame of reference of one field */
typedef struct AlexFrame
{
	uint64		min;
	uint64		max;
} AlexFrame;

/* Bits needed for values 0..range */
static inline uint32
alex_width(uint64 range)
{
	return range == 0 ? 0 : pg_leftmost_one_pos64(range) + 1;
}

/* Bytes between the page header and the first entry */
static inline int
alex_header_size(int nfields, int nord)
{
	return MAXALIGN(offsetof(AlexPack, bitoff) +
					sizeof(uint16) * (nfields + 1)) +
		sizeof(uint64) * (nfields + 2 * nord);
}

static inline bool
alex_same_image(const IndexTupleData *a, const IndexTupleData *b)
{
	if (a == b)
		return true;
	if (a == NULL || b == NULL || a->t_info != b->t_info)
		return false;
	return memcmp((const char *) a + sizeof(IndexTupleData),
				  (const char *) b + sizeof(IndexTupleData),
				  (a->t_info & INDEX_SIZE_MASK) - sizeof(IndexTupleData)) == 0;
}

static inline IndexTuple
alex_row_image(uint64 word)
{
	return (IndexTuple) (uintptr_t) word;
}

/* Overwrites width bits at bit position pos */
static inline void
alex_put_bits(uint8 *bits, uint32 pos, uint32 width, uint64 value)
{
	uint8	   *p = bits + (pos >> 3);
	uint32		shift = pos & 7;
	uint64		mask = width == 64 ? PG_UINT64_MAX : (UINT64CONST(1) << width) - 1;
	uint64		v;

	if (width == 0)
		return;
	memcpy(&v, p, sizeof(v));
	value &= mask;				/* rows of a damaged page may be out of order */
	v = (v & ~(mask << shift)) | (value << shift);
	memcpy(p, &v, sizeof(v));
	if (shift + width > 64)
	{
		uint32		rest = shift + width - 64;
		uint8		m = (uint8) ((1 << rest) - 1);

		p[8] = (p[8] & ~m) | (uint8) (value >> (64 - shift));
	}
}

/*---- fences and specs ---- */

static void
alex_load_fence(Page page, const uint64 *from, bool inf, AlexFence *fence)
{
	AlexPack   *pack = AlexPageGetPack(page);

	fence->inf = inf;
	memcpy(fence->f, from, sizeof(uint64) * pack->nord);
	if (pack->flags & ALEX_PACK_DICT)
		fence->f[0] = inf ? 0 :
			(uint64) (uintptr_t) alex_code_tuple(page, from[0]);
}

void
alex_page_low(Page page, AlexFence *fence)
{
	AlexPack   *pack = AlexPageGetPack(page);

	alex_load_fence(page, AlexPackLow(pack),
					(pack->flags & ALEX_PACK_LOW_INF) != 0, fence);
}

void
alex_page_high(Page page, AlexFence *fence)
{
	AlexPack   *pack = AlexPageGetPack(page);

	alex_load_fence(page, AlexPackHigh(pack),
					(pack->flags & ALEX_PACK_HIGH_INF) != 0, fence);
}

void
alex_page_spec(Page page, AlexSpec *spec)
{
	AlexPack   *pack = AlexPageGetPack(page);
	AlexOpaque	opaque = AlexPageGetOpaque(page);

	spec->nfields = pack->nfields;
	spec->nord = pack->nord;
	spec->dict = (pack->flags & ALEX_PACK_DICT) != 0;
	spec->deadfield = pack->deadfield;
	spec->level = opaque->level;
	spec->flags = opaque->flags;
	spec->left = opaque->left;
	spec->right = opaque->right;
	alex_page_low(page, &spec->low);
	alex_page_high(page, &spec->high);
}

int
alex_spec_space(const AlexSpec *spec)
{
	return BLCKSZ - MAXALIGN(SizeOfPageHeaderData) -
		MAXALIGN(sizeof(AlexOpaqueData)) -
		alex_header_size(spec->nfields, spec->nord) - (spec->dict ? 8 : 0);
}

/*---- decoding ---- */

void
alex_page_decode(Page page, int from, int to, uint64 *rows)
{
	AlexPack   *pack = AlexPageGetPack(page);
	uint8	   *bits = AlexPackBits(pack);
	int			nf = pack->nfields;
	int			n = to - from;
	uint32		rowbits = pack->bitoff[nf];

	if (n == 1)
	{
		alex_page_get_row(page, from, rows);
		return;
	}
	/* field by field, so that what differs between fields stays in registers */
	for (int f = 0; f < nf; f++)
	{
		uint64		base = AlexPackBase(pack)[f];
		uint32		width = pack->bitoff[f + 1] - pack->bitoff[f];
		uint32		pos = (uint32) from * rowbits + pack->bitoff[f];
		uint64	   *out = rows + f;

		if (width == 0)
			for (int i = 0; i < n; i++, out += nf)
				*out = base;
		else
			for (int i = 0; i < n; i++, out += nf, pos += rowbits)
				*out = base + alex_get_bits(bits, pos, width);
	}
	if (pack->flags & ALEX_PACK_DICT)
		for (int i = 0; i < n; i++, rows += nf)
			*rows = (uint64) (uintptr_t) alex_entry_tuple(page, from + i, *rows);
}

void
alex_page_get_row(Page page, int i, uint64 *row)
{
	AlexPack   *pack = AlexPageGetPack(page);
	const uint64 *base = AlexPackBase(pack);
	uint8	   *bits = AlexPackBits(pack);
	uint32		pos = (uint32) i * pack->bitoff[pack->nfields];

	for (int f = 0; f < pack->nfields; f++)
		row[f] = base[f] + alex_get_bits(bits, pos + pack->bitoff[f],
										 pack->bitoff[f + 1] - pack->bitoff[f]);
	if (pack->flags & ALEX_PACK_DICT)
		row[0] = (uint64) (uintptr_t) alex_entry_tuple(page, i, row[0]);
}

/*---- encoding ---- */

static void
alex_init_page(Page page, const AlexSpec *spec)
{
	PageHeader	hdr = (PageHeader) page;
	AlexOpaque	opaque;

	memset(page, 0, BLCKSZ);
	hdr->pd_special = BLCKSZ - MAXALIGN(sizeof(AlexOpaqueData));
	hdr->pd_lower = MAXALIGN(SizeOfPageHeaderData);
	hdr->pd_upper = hdr->pd_special;
	PageSetPageSizeAndVersion(page, BLCKSZ, PG_PAGE_LAYOUT_VERSION);

	opaque = (AlexOpaque) (page + hdr->pd_special);
	opaque->left = spec->left;
	opaque->right = spec->right;
	opaque->level = spec->level;
	opaque->flags = spec->flags;
	opaque->pageid = ALEX_PAGE_ID;
}

/* Adds an image below pd_upper; returns its code, 0 if there is no room. */
static uint64
alex_add_image(Page page, const IndexTupleData *image, int lower)
{
	PageHeader	hdr = (PageHeader) page;
	int			pitch = ALEX_IMAGE_PITCH(image);
	int			size = alex_image_size(image);

	if (lower + pitch > hdr->pd_upper)
		return 0;
	hdr->pd_upper -= pitch;
	/* padding is in the last eight bytes */
	memset(page + hdr->pd_upper + ALEX_IMAGE_OFFSET + pitch - 8, 0, 8);
	memcpy(page + hdr->pd_upper + ALEX_IMAGE_OFFSET,
		   (const char *) image + ALEX_IMAGE_OFFSET, size);
	return hdr->pd_upper / 8;
}

/*
 * Stores the images of fences and rows, neighbours sharing equal ones; leaves
 * the rows' codes in alex_codes[] and the fences' in low and high.
 */
static bool
alex_encode_images(Page page, const AlexSpec *spec, const uint64 *rows, int n,
				   int lower, uint64 *low, uint64 *high)
{
	IndexTuple	last = NULL;
	uint64		code = 0;

	((PageHeader) page)->pd_upper -= 8; /* an image reaches 6 bytes further */
	*low = *high = 0;
	if (!spec->low.inf && alex_row_image(spec->low.f[0]) != NULL)
	{
		last = alex_row_image(spec->low.f[0]);
		code = *low = alex_add_image(page, last, lower);
		if (code == 0)
			return false;
	}
	for (int i = 0; i < n; i++)
	{
		IndexTuple	image = alex_row_image(rows[(Size) i * spec->nfields]);

		if (!alex_same_image(image, last))
		{
			code = image ? alex_add_image(page, image, lower) : 0;
			if (image && code == 0)
				return false;
			last = image;
		}
		alex_codes[i] = (uint16) code;
	}
	if (!spec->high.inf)
	{
		IndexTuple	image = alex_row_image(spec->high.f[0]);

		*high = alex_same_image(image, last) ? code :
			alex_add_image(page, image, lower);
		if (*high == 0)
			return false;
	}
	return true;
}

/*
 * Widens frames, which hold for the rows before "from", by those up to "to".
 * If rows are in order, then as long as the fields before it are the same in
 * all rows a field does not descend, and its first and last value tell its frame.
 */
static void
alex_frames_widen(const AlexSpec *spec, const uint64 *rows, int from, int to,
				  bool ordered, AlexFrame *frame)
{
	int			nf = spec->nfields;
	bool		ascends = ordered && from < to;
	int			f;

	if (from == 0)
	{
		for (int i = 0; i < nf; i++)
			frame[i].min = frame[i].max = to > 0 ? rows[i] : 0;
	}
	for (f = 0; f < spec->nord && ascends; f++)
	{
		frame[f].max = rows[(Size) (to - 1) * nf + f];
		ascends = frame[f].min == frame[f].max;
	}
	for (; f < nf; f++)
	{
		const uint64 *v = rows + (Size) from * nf + f;
		uint64		min = frame[f].min;
		uint64		max = frame[f].max;

		if (f == spec->deadfield)
			continue;
		for (int i = from; i < to; i++, v += nf)
		{
			min = Min(min, *v);
			max = Max(max, *v);
		}
		frame[f].min = min;
		frame[f].max = max;
	}
}

/* Smallest and largest value of every field */
static void
alex_frames(const AlexSpec *spec, const uint64 *rows, int n, AlexFrame *frame)
{
	alex_frames_widen(spec, rows, 0, n, false, frame);
}

/* Base and width of field f; the dead hint always has its bit. */
static inline uint32
alex_field_frame(const AlexSpec *spec, int f, const AlexFrame *frame,
				 bool lowslack, uint64 *base)
{
	uint32		width = alex_width(frame->max - frame->min);

	*base = frame->min;
	if (f == spec->deadfield)
	{
		*base = 0;
		return 1;
	}
	if (spec->dict && f == 0)
	{
		*base = 0;
		return ALEX_CODE_BITS;
	}
	if (lowslack && width < 64)
	{
		uint64		span = (UINT64CONST(1) << width) - 1;

		*base = frame->max > span ? frame->max - span : 0;
	}
	return width;
}

/* A field that takes bits */
typedef struct AlexPacker
{
	int			field;
	uint32		width;
	uint64		base;
} AlexPacker;

static inline uint64
alex_packed_value(const AlexPacker *packer, const uint64 *row, int i, bool dict)
{
	return dict && packer->field == 0 ? alex_codes[i] :
		row[packer->field] - packer->base;
}

/*
 * Writes the rows' bits.  Eight bytes are stored for each value, of which only
 * the complete ones are kept; so the last rows, behind which there may be no
 * eight bytes, are written bit by bit.
 */
static void
alex_encode_bits(AlexPack *pack, const uint64 *rows, int n, bool dict)
{
	AlexPacker	packer[ALEX_MAX_FIELDS];
	uint8	   *bits = AlexPackBits(pack);
	uint8	   *out = bits;
	int			nf = pack->nfields;
	uint32		rowbits = pack->bitoff[nf];
	int			npackers = 0;
	uint64		acc = 0;
	uint32		fill = 0;
	int			i;

	if (rowbits == 0)
		return;
	for (int f = 0; f < nf; f++)
	{
		if (pack->bitoff[f + 1] == pack->bitoff[f])
			continue;
		packer[npackers].field = f;
		packer[npackers].width = pack->bitoff[f + 1] - pack->bitoff[f];
		packer[npackers++].base = AlexPackBase(pack)[f];
	}
	for (i = 0; i < n - (int) (64 / rowbits) - 1; i++, rows += nf)
	{
		for (int k = 0; k < npackers; k++)
		{
			uint32		width = packer[k].width;
			uint64		v = alex_packed_value(&packer[k], rows, i, dict);

			if (width > 56)
			{
				/* fill is below 8: four bytes first */
				acc |= (v & PG_UINT32_MAX) << fill;
				memcpy(out, &acc, sizeof(acc));
				out += 4;
				acc >>= 32;
				v >>= 32;
				width -= 32;
			}
			acc |= v << fill;
			memcpy(out, &acc, sizeof(acc));
			fill += width;
			out += fill >> 3;
			acc >>= fill & ~7;
			fill &= 7;
		}
	}
	for (; i < n; i++, rows += nf)
	{
		for (int k = 0; k < npackers; k++)
			alex_put_bits(bits, (uint32) i * rowbits + pack->bitoff[packer[k].field],
						  packer[k].width,
						  alex_packed_value(&packer[k], rows, i, dict));
	}
}

/*
 * Encodes a page.  Bit f of slack asks that field f gets the unused part of
 * its range below its smallest value, because values come in descending.
 */
static bool
alex_encode(Page dst, const AlexSpec *spec, const uint64 *rows, int n,
			uint32 slack)
{
	PageHeader	hdr = (PageHeader) dst;
	AlexPack   *pack = AlexPageGetPack(dst);
	AlexFrame	frame[ALEX_MAX_FIELDS];
	int			nf = spec->nfields;
	int			lower = MAXALIGN(SizeOfPageHeaderData) +
	alex_header_size(nf, spec->nord);
	uint32		off = 0;

	if (n > ALEX_MAX_ENTRIES || (Size) n * nf > ALEX_SCRATCH_WORDS)
		return false;
	alex_init_page(dst, spec);
	pack->nentries = n;
	pack->nfields = nf;
	pack->nord = spec->nord;
	pack->deadfield = spec->deadfield;
	pack->flags = (spec->dict ? ALEX_PACK_DICT : 0) |
		(spec->low.inf ? ALEX_PACK_LOW_INF : 0) |
		(spec->high.inf ? ALEX_PACK_HIGH_INF : 0);

	alex_frames(spec, rows, n, frame);
	for (int f = 0; f < nf; f++)
	{
		pack->bitoff[f] = off;
		off += alex_field_frame(spec, f, &frame[f], (slack >> f) & 1,
								&AlexPackBase(pack)[f]);
	}
	pack->bitoff[nf] = off;
	lower += (int) (((uint64) n * off + 7) / 8);
	if (lower > hdr->pd_special)
		return false;

	if (!spec->low.inf)
		memcpy(AlexPackLow(pack), spec->low.f, sizeof(uint64) * spec->nord);
	if (!spec->high.inf)
		memcpy(AlexPackHigh(pack), spec->high.f, sizeof(uint64) * spec->nord);
	if (spec->dict &&
		!alex_encode_images(dst, spec, rows, n, lower,
							AlexPackLow(pack), AlexPackHigh(pack)))
		return false;
	hdr->pd_lower = lower;
	alex_encode_bits(pack, rows, n, spec->dict);
	return true;
}

bool
alex_page_encode(Page dst, const AlexSpec *spec, const uint64 *rows, int n)
{
	return alex_encode(dst, spec, rows, n, 0);
}

/* Bits of a row in these frames */
static uint32
alex_frames_bits(const AlexSpec *spec, const AlexFrame *frame)
{
	uint32		bits = 0;
	uint64		base;

	for (int f = 0; f < spec->nfields; f++)
		bits += alex_field_frame(spec, f, &frame[f], false, &base);
	return bits;
}

/*
 * alex_rows_fit without images.  More rows never take fewer bits, so the answer is
 * bracketed: lo rows fit, hi rows do not.  The width of each trial bounds
 * it from the other side, too.
 */
static int
alex_words_fit(const AlexSpec *spec, const uint64 *rows, int limit, int space)
{
	AlexFrame	frame[ALEX_MAX_FIELDS]; /* of lo rows */
	uint32		total = (uint32) space * 8;
	int			lo = 0;
	int			hi = limit + 1;

	for (int round = 0; hi - lo > 1; round++)
	{
		AlexFrame	wide[ALEX_MAX_FIELDS];
		int			trial = hi > limit ? Min(limit, 2 * lo + 256) :
		(round & 1) ? hi - 1 : (lo + hi) / 2;
		uint32		bits;

		memcpy(wide, frame, sizeof(AlexFrame) * spec->nfields);
		alex_frames_widen(spec, rows, lo, trial, true, wide);
		bits = alex_frames_bits(spec, wide);
		if ((uint64) trial * bits > total)
		{
			hi = trial;
			trial = (int) (total / bits);
			if (trial <= lo)
				continue;
			memcpy(wide, frame, sizeof(AlexFrame) * spec->nfields);
			alex_frames_widen(spec, rows, lo, trial, true, wide);
			bits = alex_frames_bits(spec, wide);
		}
		lo = trial;
		memcpy(frame, wide, sizeof(AlexFrame) * spec->nfields);
		if (bits > 0)
			hi = (int) Min((uint32) hi, total / bits + 1);
	}
	return lo;
}

int
alex_rows_fit(const AlexSpec *spec, const uint64 *rows, int n, int space)
{
	AlexFrame	frame[ALEX_MAX_FIELDS];
	int			nf = spec->nfields;
	int			limit = Min(n, Min(ALEX_MAX_ENTRIES, ALEX_SCRATCH_WORDS / nf));
	int			imagebytes = 0;
	uint32		rowbits = 0;
	IndexTuple	last = NULL;

	if (!spec->dict)
		return alex_words_fit(spec, rows, limit, space);
	alex_frames(spec, rows, 1, frame);
	if (!spec->low.inf && n > 0)
	{
		last = alex_row_image(spec->low.f[0]);
		imagebytes = last ? ALEX_IMAGE_PITCH(last) : 0;
	}
	for (int i = 0; i < limit; i++)
	{
		const uint64 *row = rows + (Size) i * nf;
		IndexTuple	image = alex_row_image(row[0]);
		IndexTuple	high = NULL;
		bool		moved = i == 0;
		int			highbytes;

		for (int f = 0; f < nf; f++)
		{
			if (row[f] < frame[f].min)
				frame[f].min = row[f], moved = true;
			else if (row[f] > frame[f].max)
				frame[f].max = row[f], moved = true;
		}
		if (moved)
			rowbits = alex_frames_bits(spec, frame);
		if (!alex_same_image(image, last))
			imagebytes += image ? ALEX_IMAGE_PITCH(image) : 0;
		last = image;
		if (i + 1 < n)
			high = alex_row_image(row[nf]);
		else if (!spec->high.inf &&
				 !alex_same_image(alex_row_image(spec->high.f[0]), image))
			high = alex_row_image(spec->high.f[0]);
		highbytes = high ? ALEX_IMAGE_PITCH(high) : 0;
		if ((int) (((uint64) (i + 1) * rowbits + 7) / 8) + imagebytes +
			highbytes > space)
			return i;
	}
	return limit;
}

/*---- changing a page ---- */

/* 64 bytes, of which a processor shifts as many at once as it can */
typedef uint64 AlexLanes __attribute__((vector_size(64)));

/*
 * Compiled for wide vectors as well, which the dynamic linker chooses where the
 * processor has them.  Sanitizers are not ready yet when it does so.
 */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && \
	defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__) && \
	!defined(__SANITIZE_THREAD__)
#define ALEX_KERNEL __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ALEX_KERNEL
#endif

/*
 * Moves bits [pos, total) up by width bits.  Bits pos to pos + width - 1 are
 * undefined then.
 */
ALEX_KERNEL static void
alex_shift_bits(uint8 *bits, uint32 pos, uint32 total, uint32 width)
{
	int			bytes = width >> 3;
	uint32		shift = width & 7;
	int			first = (int) ((pos + width) >> 3);
	int			d = (int) ((total + width + 7) >> 3);	/* one past the last
														 * byte */
	uint8		keep = bits[pos >> 3] & ((1 << (pos & 7)) - 1);

	/* from the top: sources lie below destinations */
	while (d - (int) sizeof(AlexLanes) >= first)
	{
		AlexLanes	below;
		AlexLanes	v;

		d -= sizeof(AlexLanes);
		memcpy(&below, bits + d - bytes - 8, sizeof(below));
		memcpy(&v, bits + d - bytes, sizeof(v));
		v = v << shift | (below >> 1) >> (63 - shift);
		memcpy(bits + d, &v, sizeof(v));
	}
	while (d - 8 >= first)
	{
		uint64		below;
		uint64		v;

		d -= 8;
		memcpy(&below, bits + d - bytes - 8, sizeof(below));
		memcpy(&v, bits + d - bytes, sizeof(v));
		v = v << shift | (below >> 1) >> (63 - shift);
		memcpy(bits + d, &v, sizeof(v));
	}
	while (d > first)
	{
		uint32		v;

		d--;
		v = (uint32) bits[d - bytes] << shift;
		v |= bits[d - bytes - 1] >> (8 - shift);
		bits[d] = (uint8) v;
	}
	/* bits below pos in a byte that was overwritten */
	if ((int) (pos >> 3) >= first)
		bits[pos >> 3] = (bits[pos >> 3] & ~((1 << (pos & 7)) - 1)) | keep;
}

/* Code of an image that entry pos could share with a neighbour or fence */
static uint64
alex_find_image(Page page, int pos, const IndexTupleData *image)
{
	AlexPack   *pack = AlexPageGetPack(page);
	uint64		code;

	for (int i = pos - 1; i <= pos; i++)
	{
		if (i < 0 || i >= pack->nentries)
			continue;
		code = alex_get_field(pack, i, 0);
		if (alex_same_image(alex_code_tuple(page, code), image))
			return code;
	}
	code = AlexPackLow(pack)[0];
	if (!(pack->flags & ALEX_PACK_LOW_INF) &&
		alex_same_image(alex_code_tuple(page, code), image))
		return code;
	return 0;
}

/* Do all of row's values fit their fields' frames? */
static bool
alex_values_fit(AlexPack *pack, const uint64 *row)
{
	const uint64 *base = AlexPackBase(pack);

	for (int f = (pack->flags & ALEX_PACK_DICT) ? 1 : 0; f < pack->nfields; f++)
	{
		uint32		width = pack->bitoff[f + 1] - pack->bitoff[f];

		if (row[f] < base[f])
			return false;
		if (width < 64 && (row[f] - base[f]) >> width != 0)
			return false;
	}
	return true;
}

bool
alex_page_fits_inplace(Page page, int pos, const uint64 *row)
{
	PageHeader	hdr = (PageHeader) page;
	AlexPack   *pack = AlexPageGetPack(page);
	int			n = pack->nentries;
	uint32		rowbits = pack->bitoff[pack->nfields];
	int			lower;

	if (n >= ALEX_MAX_ENTRIES ||
		(n + 1) * pack->nfields > ALEX_SCRATCH_WORDS ||
		!alex_values_fit(pack, row))
		return false;
	lower = (int) ((char *) AlexPackBits(pack) - (char *) page) +
		(int) (((n + 1) * rowbits + 7) / 8);
	if ((pack->flags & ALEX_PACK_DICT) && row[0] != 0 &&
		alex_find_image(page, pos, alex_row_image(row[0])) == 0)
		lower += ALEX_IMAGE_PITCH(alex_row_image(row[0]));
	return lower <= hdr->pd_upper;
}

static void
alex_insert_inplace(Page page, int pos, const uint64 *row)
{
	PageHeader	hdr = (PageHeader) page;
	AlexPack   *pack = AlexPageGetPack(page);
	uint64	   *base = AlexPackBase(pack);
	uint8	   *bits = AlexPackBits(pack);
	int			n = pack->nentries;
	int			nf = pack->nfields;
	uint32		rowbits = pack->bitoff[nf];
	int			lower = (int) ((char *) bits - (char *) page) +
	(int) (((n + 1) * rowbits + 7) / 8);
	uint64		code = 0;

	if ((pack->flags & ALEX_PACK_DICT) && row[0] != 0)
	{
		code = alex_find_image(page, pos, alex_row_image(row[0]));
		if (code == 0)
			code = alex_add_image(page, alex_row_image(row[0]), lower);
	}
	alex_shift_bits(bits, pos * rowbits, n * rowbits, rowbits);
	for (int f = 0; f < nf; f++)
	{
		uint64		v = row[f] - base[f];

		if ((pack->flags & ALEX_PACK_DICT) && f == 0)
			v = code;
		alex_put_bits(bits, pos * rowbits + pack->bitoff[f],
					  pack->bitoff[f + 1] - pack->bitoff[f], v);
	}
	pack->nentries = n + 1;
	hdr->pd_lower = lower;
}

bool
alex_page_reencode_insert(Page page, int pos, const uint64 *row, Page dst)
{
	AlexPack   *pack = AlexPageGetPack(page);
	int			nf = pack->nfields;
	int			n = pack->nentries;
	uint32		slack = 0;
	AlexSpec	spec;

	if ((n + 1) * nf > ALEX_SCRATCH_WORDS)
		return false;
	alex_page_spec(page, &spec);
	alex_page_decode(page, 0, pos, alex_scratch);
	memcpy(alex_scratch + (Size) pos * nf, row, sizeof(uint64) * nf);
	alex_page_decode(page, pos, n, alex_scratch + (Size) (pos + 1) * nf);
	for (int f = 0; f < nf; f++)
	{
		if (n > 0 && row[f] < AlexPackBase(pack)[f])
			slack |= 1U << f;
	}
	if (!alex_encode(dst, &spec, alex_scratch, n + 1, slack))
		return false;
	((PageHeader) dst)->pd_flags = ((PageHeader) page)->pd_flags;
	PageSetLSN(dst, PageGetLSN(page));
	return true;
}

bool
alex_page_insert(Page page, int pos, const uint64 *row)
{
	PGAlignedBlock tmp;

	if (alex_page_fits_inplace(page, pos, row))
	{
		alex_insert_inplace(page, pos, row);
		return true;
	}
	if (!alex_page_reencode_insert(page, pos, row, tmp.data))
		return false;
	memcpy(page, tmp.data, BLCKSZ);
	return true;
}

/* Moves n bits down, from bit position "from" to "to" */
static inline void
alex_move_bits(uint8 *bits, uint32 to, uint32 from, uint32 n)
{
	uint32		head = Min(n, -to & 7);

	alex_put_bits(bits, to, head, alex_get_bits(bits, from, head));
	for (to += head, from += head, n -= head; n >= 64; n -= 64)
	{
		uint64		v = alex_get_bits(bits, from, 64);

		memcpy(bits + (to >> 3), &v, sizeof(v));
		to += 64;
		from += 64;
	}
	alex_put_bits(bits, to, n, alex_get_bits(bits, from, n));
}

/* Closes the gaps of the entries at pos[]; widths and codes stay. */
static void
alex_delete_bits(Page page, const uint16 *pos, int npos)
{
	PageHeader	hdr = (PageHeader) page;
	AlexPack   *pack = AlexPageGetPack(page);
	uint8	   *bits = AlexPackBits(pack);
	uint32		rowbits = pack->bitoff[pack->nfields];
	uint32		kept = pos[0];
	int			lower;

	for (int i = 0; i < npos; i++)
	{
		uint32		from = pos[i] + 1;
		uint32		to = i + 1 < npos ? pos[i + 1] : pack->nentries;

		alex_move_bits(bits, kept * rowbits, from * rowbits,
					   (to - from) * rowbits);
		kept += to - from;
	}
	pack->nentries = kept;

	/* dead hints of rows that are gone must not stay behind the last row */
	alex_put_bits(bits, kept * rowbits, -(kept * rowbits) & 7, 0);
	lower = (int) ((char *) bits - (char *) page) +
		(int) ((kept * rowbits + 7) / 8);
	memset(page + lower, 0, hdr->pd_lower - lower);
	hdr->pd_lower = lower;
}

/* Marks the images of fences and of the entries that are not at pos[]. */
static void
alex_mark_images(Page page, const uint16 *pos, int npos, uint16 *moved)
{
	AlexPack   *pack = AlexPageGetPack(page);
	int			gone = 0;

	memset(moved, 0, sizeof(uint16) * (BLCKSZ / 8));
	if (!(pack->flags & ALEX_PACK_LOW_INF))
		moved[AlexPackLow(pack)[0]] = 1;
	if (!(pack->flags & ALEX_PACK_HIGH_INF))
		moved[AlexPackHigh(pack)[0]] = 1;
	for (int i = 0; i < pack->nentries; i++)
	{
		if (gone < npos && pos[gone] == i)
			gone++;
		else
			moved[alex_get_field(pack, i, 0)] = 1;
	}
}

/*
 * Moves the marked images up to the end of the image area and leaves their new
 * codes in moved[].  Images of a damaged page may overlap: none moves down.
 */
static void
alex_move_images(Page page, uint16 *moved)
{
	PageHeader	hdr = (PageHeader) page;
	int			upper = hdr->pd_special - 8;

	for (int code = hdr->pd_special / 8 - 1; code >= hdr->pd_upper / 8; code--)
	{
		int			pitch;

		if (moved[code] == 0 || !alex_code_is_sane(page, code))
			continue;
		pitch = ALEX_IMAGE_PITCH((IndexTuple) (page + 8 * code));
		upper = Max(upper - pitch, 8 * code);
		if (upper > 8 * code)
			memmove(page + upper + ALEX_IMAGE_OFFSET,
					page + 8 * code + ALEX_IMAGE_OFFSET, pitch);
		moved[code] = upper / 8;
	}
	memset(page + hdr->pd_upper, 0,
		   upper + ALEX_IMAGE_OFFSET - hdr->pd_upper);
	hdr->pd_upper = upper;
}

/* Codes that name no image stay what they are. */
static inline uint32
alex_moved_code(const uint16 *moved, uint32 code)
{
	return moved[code] > 1 ? moved[code] : code;
}

/*
 * Drops the images that only the entries at pos[] have, and gives the other
 * entries their images' new codes.
 */
static void
alex_delete_images(Page page, const uint16 *pos, int npos)
{
	static uint16 moved[BLCKSZ / 8];
	AlexPack   *pack = AlexPageGetPack(page);
	uint32		rowbits = pack->bitoff[pack->nfields];
	uint32		at = 0;

	alex_mark_images(page, pos, npos, moved);
	alex_move_images(page, moved);
	if (!(pack->flags & ALEX_PACK_LOW_INF))
		AlexPackLow(pack)[0] = alex_moved_code(moved, AlexPackLow(pack)[0]);
	if (!(pack->flags & ALEX_PACK_HIGH_INF))
		AlexPackHigh(pack)[0] = alex_moved_code(moved, AlexPackHigh(pack)[0]);
	for (int i = 0; i < pack->nentries; i++, at += rowbits)
	{
		uint8	   *p = AlexPackBits(pack) + (at >> 3);
		uint32		mask = ALEX_CODE_MASK << (at & 7);
		uint32		v;

		/* four bytes, of which the next entry's are rarely a part */
		memcpy(&v, p, sizeof(v));
		v = (v & ~mask) |
			alex_moved_code(moved, (v & mask) >> (at & 7)) << (at & 7);
		memcpy(p, &v, sizeof(v));
	}
}

void
alex_page_delete(Page page, const uint16 *pos, int npos)
{
	if (npos == 0)
		return;
	if (AlexPageGetPack(page)->flags & ALEX_PACK_DICT)
		alex_delete_images(page, pos, npos);
	alex_delete_bits(page, pos, npos);
}

/* Byte and mask of an entry's dead hint; NULL if the page has none. */
static inline uint8 *
alex_dead_hint(Page page, int i, uint8 *mask)
{
	AlexPack   *pack = AlexPageGetPack(page);
	uint32		pos;

	if (pack->deadfield >= pack->nfields)
		return NULL;
	pos = (uint32) i * pack->bitoff[pack->nfields] +
		pack->bitoff[pack->deadfield];
	*mask = 1 << (pos & 7);
	return AlexPackBits(pack) + (pos >> 3);
}

void
alex_page_set_dead(Page page, int i)
{
	uint8		mask;
	uint8	   *byte = alex_dead_hint(page, i, &mask);

	if (byte)
		*byte |= mask;
}

bool
alex_page_is_dead(Page page, int i)
{
	uint8		mask;
	uint8	   *byte = alex_dead_hint(page, i, &mask);

	return byte && (*byte & mask) != 0;
}

void
alex_page_clear_dead_hints(Page page)
{
	for (int i = 0; i < AlexPageCount(page); i++)
	{
		uint8		mask;
		uint8	   *byte = alex_dead_hint(page, i, &mask);

		if (byte)
			*byte &= ~mask;
	}
}

/*---- searching ---- */

/* A target, prepared for one page: the first field that varies decides most */
typedef struct AlexProbe
{
	AlexPack   *pack;
	const uint64 *target;
	const uint8 *bits;
	uint32		rowbits;
	uint32		off;			/* of field "lead" */
	uint32		width;
	int			lead;
	uint64		rel;			/* target[lead] less its base */
} AlexProbe;

/*
 * Prepares a probe.  0 if entries have to be compared; -1 if all entries are
 * smaller than target, +1 if all are greater or equal.
 */
static inline int
alex_probe_prepare(AlexPack *pack, const uint64 *target, AlexProbe *probe)
{
	const uint64 *base = AlexPackBase(pack);

	for (int f = 0; f < pack->nord; f++)
	{
		uint32		width = pack->bitoff[f + 1] - pack->bitoff[f];
		uint64		rel = target[f] - base[f];

		if (target[f] < base[f])
			return 1;
		if (width < 64 && (rel >> width) != 0)
			return -1;
		if (width == 0)
			continue;
		probe->pack = pack;
		probe->target = target;
		probe->bits = AlexPackBits(pack);
		probe->rowbits = pack->bitoff[pack->nfields];
		probe->off = pack->bitoff[f];
		probe->width = width;
		probe->lead = f;
		probe->rel = rel;
		return 0;
	}
	return 1;
}

/* Is entry i, whose leading field equals the target's, smaller? */
static bool
alex_probe_rest(const AlexProbe *probe, int i)
{
	for (int f = probe->lead + 1; f < probe->pack->nord; f++)
	{
		uint64		v = alex_get_field(probe->pack, i, f);

		if (v != probe->target[f])
			return v < probe->target[f];
	}
	return false;
}

/* Leading field of entry i */
static inline uint64
alex_probe_lead(const AlexProbe *probe, int i)
{
	return alex_get_bits(probe->bits, (uint32) i * probe->rowbits + probe->off,
						 probe->width);
}

/* How many of n entries, the first being "from", are smaller? */
static inline int
alex_probe_count(const AlexProbe *probe, int from, int n)
{
	int			smaller = 0;

	/* no branch depends on the values: a processor cannot guess them */
	for (int i = from; i < from + n; i++)
		smaller += alex_probe_lead(probe, i) < probe->rel;
	while (smaller < n &&
		   alex_probe_lead(probe, from + smaller) == probe->rel &&
		   alex_probe_rest(probe, from + smaller))
		smaller++;
	return smaller;
}

/* A difference of leading fields as a number */
static inline double
alex_probe_number(const AlexProbe *probe, uint64 v)
{
	/* signed integers are the ones that convert fast */
	return (double) (int64) (v >> (probe->width >> 6));
}

/*
 * Entries per unit of the leading field: the page's linear model.  It spans
 * from the frame's base to the high fence, or to the last entry where the
 * fence says nothing.
 */
static inline double
alex_probe_density(const AlexProbe *probe)
{
	AlexPack   *pack = probe->pack;
	uint64		base = AlexPackBase(pack)[probe->lead];
	uint64		high = AlexPackHigh(pack)[probe->lead];
	double		span;

	if (!(pack->flags & (ALEX_PACK_HIGH_INF | ALEX_PACK_DICT)) &&
		high > base &&
		(probe->width == 64 || (high - base) >> probe->width == 0))
		span = alex_probe_number(probe, high - base);
	else
		span = alex_probe_number(probe, alex_probe_lead(probe, pack->nentries - 1));
	return span == 0 ? 0.0 : pack->nentries / span;
}

/* neighbours that are compared together */
#define ALEX_WINDOW			8
/* corrections of the prediction before bisection takes over */
#define ALEX_SECANT_STEPS	3

/*
 * Narrows [lo, hi], in which the answer lies, by the model: from an entry near
 * the predicted place to a window around where that entry's distance from the
 * target points.  Returns the number of places looked at.
 */
static inline int
alex_probe_model(const AlexProbe *probe, int *lo, int *hi)
{
	double		density = alex_probe_density(probe);
	int			guess = (int) Min(alex_probe_number(probe, probe->rel) * density,
								  (double) *hi);
	int			looked = 0;

	for (; looked < 2 * ALEX_SECANT_STEPS && *hi - *lo > ALEX_WINDOW; looked += 2)
	{
		uint64		v;
		int			smaller;

		guess = Max(*lo, Min(guess, *hi - 1));
		v = alex_probe_lead(probe, guess);
		if (v < probe->rel)
			guess += (int) Min(alex_probe_number(probe, probe->rel - v) * density,
							   (double) (*hi - guess));
		else
			guess -= (int) Min(alex_probe_number(probe, v - probe->rel) * density,
							   (double) (guess - *lo));
		guess = Max(*lo, Min(guess - ALEX_WINDOW / 2, *hi - ALEX_WINDOW));
		smaller = alex_probe_count(probe, guess, ALEX_WINDOW);
		if (smaller < ALEX_WINDOW)
			*hi = guess + smaller;
		if (smaller > 0)
			*lo = guess + smaller;
		/* in a run of equal keys the model cannot tell one from the other */
		if (v == probe->rel)
			return looked + 2;
		guess += smaller == 0 ? -1 : smaller;
	}
	return looked;
}

int
alex_page_lower_bound(Page page, const uint64 *target, int from, bool model,
					  int *steps)
{
	AlexPack   *pack = AlexPageGetPack(page);
	AlexProbe	probe;
	int			lo = from;		/* entries before lo are < target */
	int			hi = pack->nentries;	/* entries from hi on are >= target */
	int			looked = 0;
	int			all;

	if (steps)
		*steps = 0;
	if (lo >= hi)
		return lo;
	all = alex_probe_prepare(pack, target, &probe);
	if (all != 0)
		return all < 0 ? hi : lo;
	if (model)
		looked = alex_probe_model(&probe, &lo, &hi);
	for (; hi - lo > ALEX_WINDOW; looked++)
	{
		int			mid = (lo + hi) / 2;

		if (alex_probe_count(&probe, mid, 1) > 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < hi)
	{
		lo += alex_probe_count(&probe, lo, hi - lo);
		looked++;
	}
	if (steps)
		*steps = looked;
	return lo;
}

int
alex_page_predict(Page page, const uint64 *target)
{
	AlexPack   *pack = AlexPageGetPack(page);
	AlexProbe	probe;
	double		guess;

	if (pack->nentries == 0 || (pack->flags & ALEX_PACK_DICT) ||
		alex_probe_prepare(pack, target, &probe) != 0)
		return -1;
	guess = alex_probe_number(&probe, probe.rel) * alex_probe_density(&probe);
	return (int) Min(guess, (double) (pack->nentries - 1));
}

/*---- checking ---- */

static const char *
alex_verify_image(Page page, uint64 code)
{
	if (code == 0)
		return "key image is missing";
	return alex_code_is_sane(page, code) ? NULL :
		"key image lies outside of the page's image area";
}

static const char *
alex_verify_fences(Page page)
{
	AlexPack   *pack = AlexPageGetPack(page);
	const char *wrong = NULL;

	if (!(pack->flags & ALEX_PACK_LOW_INF))
		wrong = alex_verify_image(page, AlexPackLow(pack)[0]);
	if (wrong == NULL && !(pack->flags & ALEX_PACK_HIGH_INF))
		wrong = alex_verify_image(page, AlexPackHigh(pack)[0]);
	return wrong;
}

/* Row 0 of a leftmost inner page is the only one without an image. */
static const char *
alex_verify_images(Page page)
{
	AlexPack   *pack = AlexPageGetPack(page);
	const char *wrong = NULL;

	for (int i = 0; i < pack->nentries && wrong == NULL; i++)
	{
		uint64		code = alex_get_field(pack, i, 0);

		if (code != 0 || i > 0 || AlexPageGetOpaque(page)->level == 0 ||
			!(pack->flags & ALEX_PACK_LOW_INF))
			wrong = alex_verify_image(page, code);
	}
	return wrong;
}

const char *
alex_page_verify_header(Page page)
{
	PageHeader	hdr = (PageHeader) page;
	AlexPack   *pack = AlexPageGetPack(page);
	Size		lower;

	if (hdr->pd_special != BLCKSZ - MAXALIGN(sizeof(AlexOpaqueData)) ||
		AlexPageGetOpaque(page)->pageid != ALEX_PAGE_ID)
		return "not an alex page";
	if (hdr->pd_lower > hdr->pd_upper || hdr->pd_upper > hdr->pd_special)
		return "page header is inconsistent";
	if (pack->nfields == 0 || pack->nfields > ALEX_MAX_FIELDS ||
		pack->nord == 0 || pack->nord > pack->nfields)
		return "impossible number of fields";
	if (pack->nentries > ALEX_MAX_ENTRIES ||
		pack->nentries * pack->nfields > ALEX_SCRATCH_WORDS)
		return "impossible number of entries";
	if (pack->bitoff[0] != 0)
		return "field offsets are inconsistent";
	for (int f = 0; f < pack->nfields; f++)
	{
		if (pack->bitoff[f + 1] < pack->bitoff[f] ||
			pack->bitoff[f + 1] - pack->bitoff[f] > 64)
			return "field offsets are inconsistent";
	}
	lower = (char *) AlexPackBits(pack) - (char *) page +
		((Size) pack->nentries * pack->bitoff[pack->nfields] + 7) / 8;
	if (lower != hdr->pd_lower)
		return "entries do not end where the page header says";
	if (pack->deadfield != ALEX_NO_DEADFIELD &&
		(pack->deadfield >= pack->nfields ||
		 AlexPackBase(pack)[pack->deadfield] != 0 ||
		 pack->bitoff[pack->deadfield + 1] - pack->bitoff[pack->deadfield] != 1))
		return "dead hints are malformed";
	if ((pack->flags & ALEX_PACK_DICT) &&
		(pack->bitoff[1] != ALEX_CODE_BITS || AlexPackBase(pack)[0] != 0))
		return "image codes have a wrong width";
	if ((pack->flags & ALEX_PACK_DICT) &&
		(hdr->pd_upper % 8 != 0 || hdr->pd_upper + 8 > hdr->pd_special))
		return "image area is misplaced";
	/* fences' codes are words of any size: they are never followed unseen */
	return (pack->flags & ALEX_PACK_DICT) ? alex_verify_fences(page) : NULL;
}

const char *
alex_page_verify(Page page)
{
	const char *wrong = alex_page_verify_header(page);

	if (wrong == NULL && (AlexPageGetPack(page)->flags & ALEX_PACK_DICT))
		wrong = alex_verify_images(page);
	return wrong;
}
