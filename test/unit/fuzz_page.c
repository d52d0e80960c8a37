/*-------------------------------------------------------------------------
 *
 * fuzz_page.c
 *		Damaged pages: whatever alex_page_verify lets pass must be safe for
 *		every other function of alexpage.c.
 *
 * Not one of the tests that "make unit" runs.  Build and run it with
 *
 *		test/unit/fuzz [rounds [seed]]
 *
 * under AddressSanitizer.  Each round makes a sound page, with or without
 * images, changes some of its bytes, and if the page still passes calls
 * everything on it.  Pages lie in memory of exactly their size.  With
 * -DFUZZ_LIBFUZZER the input of libFuzzer takes the place of the damage.
 *
 *-------------------------------------------------------------------------
 */
/* needs: src/alex/alexpage.c */
#include "postgres.h"

#include "alex/alexpage.h"
#include "unit.h"

#define FUZZ_FIELDS 6			/* [key] null, word; blk, off, [include], dead */

static uint64 fuzz_rows[ALEX_SCRATCH_WORDS];
static uint64 fuzz_seed;
static char *fuzz_page;			/* BLCKSZ bytes from malloc */
static char *fuzz_out;			/* the same, for new pages */
static char fuzz_images[64][BLCKSZ / 8] pg_attribute_aligned(MAXIMUM_ALIGNOF);

static uint64
fuzz_number(uint64 below)
{
	return unit_random(&fuzz_seed) % below;
}

/* A number with a random number of bits */
static uint64
fuzz_word(void)
{
	return unit_random(&fuzz_seed) >> fuzz_number(64);
}

/* Image number i: a tuple with a random length and random bytes */
static uint64
fuzz_image(int i)
{
	IndexTuple	itup = (IndexTuple) fuzz_images[i];
	int			size = sizeof(IndexTupleData) + (int) fuzz_number(120);

	for (int b = 0; b < size; b++)
		fuzz_images[i][b] = (char) fuzz_number(256);
	itup->t_info = (unsigned short) size;
	return (uint64) (uintptr_t) itup;
}

static void
fuzz_row(bool dict, int nfields, int i, uint64 *row)
{
	for (int f = 0; f < nfields; f++)
		row[f] = fuzz_word();
	if (dict)
		row[0] = (uint64) (uintptr_t) fuzz_images[i % 64];
	row[nfields - 1] &= 1;
}

/* A sound page at fuzz_page; returns its number of entries. */
static int
fuzz_make_page(bool dict)
{
	AlexSpec	spec;
	int			n = (int) fuzz_number(dict ? 60 : 400);

	memset(&spec, 0, sizeof(spec));
	spec.nfields = FUZZ_FIELDS;
	spec.nord = dict ? 3 : 4;
	spec.dict = dict;
	spec.level = (uint16) fuzz_number(2);
	spec.deadfield = spec.level == 0 ? FUZZ_FIELDS - 1 : ALEX_NO_DEADFIELD;
	spec.left = spec.right = InvalidBlockNumber;
	spec.low.inf = fuzz_number(2) == 0;
	spec.high.inf = fuzz_number(2) == 0;
	for (int i = 0; i < 64; i++)
		fuzz_image(i);
	fuzz_row(dict, spec.nord, 0, spec.low.f);
	fuzz_row(dict, spec.nord, n / 2, spec.high.f);
	for (int i = 0; i < n; i++)
		fuzz_row(dict, FUZZ_FIELDS, i / 2, fuzz_rows + (Size) i * FUZZ_FIELDS);
	while (!alex_page_encode(fuzz_page, &spec, fuzz_rows, n))
		n /= 2;
	return n;
}

/* Damages some bytes, most often those of the headers. */
static void
fuzz_damage(void)
{
	int			times = (int) fuzz_number(4);

	for (int i = 0; i < times; i++)
	{
		Size		range = fuzz_number(3) == 0 ? BLCKSZ : 160;
		Size		at = fuzz_number(8) == 0 ?
		BLCKSZ - 1 - fuzz_number(16) : fuzz_number(range);

		fuzz_page[at] = fuzz_number(2) ? (char) fuzz_number(256) :
			(char) (fuzz_page[at] ^ (1 << fuzz_number(8)));
	}
}

/* Reads every byte of an image */
static uint64
fuzz_read_image(uint64 word)
{
	IndexTuple	itup = (IndexTuple) (uintptr_t) word;
	uint64		sum = 0;

	if (itup == NULL)
		return 0;
	for (int i = 0; i < alex_image_size(itup); i++)
		sum += ((unsigned char *) itup)[offsetof(IndexTupleData, t_info) + i];
	return sum;
}

/* Functions that only read */
static uint64
fuzz_read(void)
{
	AlexPack   *pack = AlexPageGetPack(fuzz_page);
	bool		dict = (pack->flags & ALEX_PACK_DICT) != 0;
	uint64		target[ALEX_MAX_FIELDS];
	uint64		sum = 0;
	AlexSpec	spec;

	alex_page_spec(fuzz_page, &spec);
	if (dict && !spec.low.inf)
		sum += fuzz_read_image(spec.low.f[0]);
	if (dict && !spec.high.inf)
		sum += fuzz_read_image(spec.high.f[0]);
	alex_page_decode(fuzz_page, 0, pack->nentries, fuzz_rows);
	for (int i = 0; i < pack->nentries; i++)
	{
		sum += fuzz_rows[(Size) i * pack->nfields + pack->nfields - 1];
		if (dict)
			sum += fuzz_read_image(fuzz_rows[(Size) i * pack->nfields]);
		sum += alex_page_is_dead(fuzz_page, i);
	}
	for (int i = 0; i < 8 && !dict; i++)
	{
		int			steps;

		for (int f = 0; f < pack->nord; f++)
			target[f] = fuzz_word();
		if (pack->nentries > 0 && i % 2 == 0)
			alex_page_get_row(fuzz_page, (int) fuzz_number(pack->nentries), target);
		sum += alex_page_lower_bound(fuzz_page, target, i % 2, i % 3 != 0, &steps);
		sum += alex_page_predict(fuzz_page, target);
	}
	return sum;
}

/* Functions that change the page */
static void
fuzz_write(void)
{
	AlexPack   *pack = AlexPageGetPack(fuzz_page);
	bool		dict = (pack->flags & ALEX_PACK_DICT) != 0;
	uint16		pos[ALEX_MAX_ENTRIES];
	uint64		row[ALEX_MAX_FIELDS];
	AlexSpec	spec;
	int			npos = 0;

	for (int i = 0; i < 4; i++)
	{
		int			at = (int) fuzz_number(pack->nentries + 1);

		fuzz_row(dict, pack->nfields, i, row);
		if (pack->nentries > 0 && fuzz_number(2) == 0)
			alex_page_get_row(fuzz_page, Min(at, pack->nentries - 1), row);
		if (dict)
			row[0] = (uint64) (uintptr_t) fuzz_images[i];
		alex_page_fits_inplace(fuzz_page, at, row);
		alex_page_reencode_insert(fuzz_page, at, row, fuzz_out);
		alex_page_insert(fuzz_page, at, row);
	}
	alex_page_spec(fuzz_page, &spec);
	alex_page_decode(fuzz_page, 0, pack->nentries, fuzz_rows);
	alex_rows_fit(&spec, fuzz_rows, pack->nentries, alex_spec_space(&spec));
	alex_page_encode(fuzz_out, &spec, fuzz_rows, pack->nentries);
	for (int i = 0; i < pack->nentries; i++)
	{
		if (fuzz_number(5) == 0)
			alex_page_set_dead(fuzz_page, i);
		if (fuzz_number(3) == 0)
			pos[npos++] = (uint16) i;
	}
	alex_page_delete(fuzz_page, pos, npos);
	alex_page_clear_dead_hints(fuzz_page);
}

/* Everything, if the page passes; true if it did. */
static bool
fuzz_try_page(void)
{
	if (alex_page_verify(fuzz_page) != NULL)
		return false;
	fuzz_read();
	fuzz_write();
	return true;
}

#ifdef FUZZ_LIBFUZZER
int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < BLCKSZ)
		return 0;
	if (fuzz_page == NULL)
	{
		fuzz_page = malloc(BLCKSZ);
		fuzz_out = malloc(BLCKSZ);
	}
	memcpy(fuzz_page, data, BLCKSZ);
	fuzz_try_page();
	return 0;
}
#else
int
main(int argc, char **argv)
{
	long		rounds = argc > 1 ? atol(argv[1]) : 100000;
	long		passed = 0;
	long		sound = 0;

	fuzz_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	fuzz_page = malloc(BLCKSZ);
	fuzz_out = malloc(BLCKSZ);
	for (long i = 0; i < rounds; i++)
	{
		fuzz_make_page(i % 2 == 0);
		sound += alex_page_verify(fuzz_page) == NULL;
		fuzz_damage();
		passed += fuzz_try_page();
	}
	CHECK_EQ(sound, rounds);
	CHECK(passed > 0 && passed < rounds);
	printf("# %ld of %ld damaged pages passed\n", passed, rounds);
	unit_done("damaged pages do no harm");
	return unit_finish();
}
#endif
