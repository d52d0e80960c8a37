/*-------------------------------------------------------------------------
 *
 * test_page_images.c
 *		Pages whose entries name key images: sharing, fences, sizes.
 *
 * usage: test_page_images [seed]
 *
 *-------------------------------------------------------------------------
 */
/* needs: src/alex/alexpage.c */
#include "postgres.h"

#include <time.h>

#include "page_model.h"

#define NIMAGES		400
#define NFIELDS		4			/* image, blk, off, dead or child */

static PageModel model;
static PGAlignedBlock page;
static PGAlignedBlock other;
static char image[NIMAGES][2600] pg_attribute_aligned(MAXIMUM_ALIGNOF);
static int	longest;			/* tuples' length now */

/*---- random images ---- */

/*
 * Fills the pool with images in runs of equal ones, so that equality is a
 * matter of bytes and not of addresses.  Some differ in one byte or in length.
 */
static void
make_images(void)
{
	static const int most[] = {8, 16, 40, 300, MODEL_MAX_IMAGE};

	longest = most[model_number(lengthof(most))];
	for (int i = 0; i < NIMAGES; i++)
	{
		IndexTuple	itup = (IndexTuple) image[i];
		int			size = 8 + (int) model_number(longest - 7);

		memset(image[i], 0x77, sizeof(image[i]));
		for (int b = 8; b < size; b++)
			image[i][b] = (char) model_number(256);
		itup->t_info = (unsigned short) (size | (model_number(2) << 15));
		if (i == 0 || model_number(2) == 0)
			continue;
		memcpy(image[i] + 6, image[i - 1] + 6, sizeof(image[i]) - 6);
		size = itup->t_info & INDEX_SIZE_MASK;
		if (model_number(4) == 0 && size > 8)
			image[i][8 + model_number(size - 8)] ^= 1;
		else if (model_number(4) == 0 && size < longest)
			itup->t_info++;
	}
}

static uint64
image_word(int i)
{
	return (uint64) (uintptr_t) image[i];
}

/* Bytes that an image takes in a page */
static int
pitch_of(uint64 word)
{
	IndexTuple	itup = (IndexTuple) (uintptr_t) word;

	return itup == NULL ? 0 : ((itup->t_info & 0x1FFF) - 6 + 7) / 8 * 8;
}

/* Image bytes of n rows and the low fence */
static int
model_image_bytes(const AlexSpec *spec, const uint64 *rows, int n, uint64 *last)
{
	int			bytes = 0;

	*last = spec->low.inf ? 0 : spec->low.f[0];
	bytes += pitch_of(*last);
	for (int i = 0; i < n; i++, rows += spec->nfields)
	{
		if (!model_same_image(rows[0], *last))
			bytes += pitch_of(rows[0]);
		*last = rows[0];
	}
	return bytes;
}

/* Bytes of a page's entries and images, high fence included */
static int
model_bytes(const AlexSpec *spec, const uint64 *rows, int n)
{
	uint64		last;
	int			bytes = model_entry_bytes(spec, rows, n) +
	model_image_bytes(spec, rows, n, &last);

	if (!spec->high.inf && !model_same_image(spec->high.f[0], last))
		bytes += pitch_of(spec->high.f[0]);
	return bytes;
}

static bool
model_fits_images(void)
{
	return model_bytes(&model.spec, model.rows, model.n) <=
		model_space(&model.spec);
}

static void
random_fields(uint64 *row)
{
	row[1] = model_number(1000);
	row[2] = 1 + model_number(200);
	row[3] = model_number(2);
}

/* n rows with ascending images between fences of images around them */
static void
fill_model(int n)
{
	AlexSpec   *spec = &model.spec;
	uint64		row[NFIELDS];
	int			at = (int) model_number(20);

	memset(spec, 0, sizeof(AlexSpec));
	spec->nfields = NFIELDS;
	spec->nord = 3;
	spec->dict = true;
	spec->level = (uint16) model_number(2);
	spec->deadfield = spec->level == 0 ? NFIELDS - 1 : ALEX_NO_DEADFIELD;
	spec->left = spec->right = InvalidBlockNumber;
	random_fields(row);
	row[0] = image_word(at);
	model_fence(&spec->low, row, 3);
	model.n = n;
	for (int i = 0; i < n; i++)
	{
		at = Min(at + (int) (model_number(3) == 0), NIMAGES - 1);
		random_fields(model_at(&model, i));
		model_at(&model, i)[0] = image_word(at);
	}
	/* the first row of a leftmost inner page may have no image */
	if (n > 0 && spec->level > 0 && spec->low.inf && model_number(2))
		model_at(&model, 0)[0] = 0;
	row[0] = image_word(Min(at + (int) model_number(2), NIMAGES - 1));
	model_fence(&spec->high, row, 3);
}

/* A page of random rows, from empty to full */
static void
random_page(void)
{
	static const int most[] = {0, 1, 3, 20, 1000};

	make_images();
	fill_model((int) model_number(most[model_number(lengthof(most))] + 1));
	while (!model_fits_images())
		model.n -= 1 + model.n / 16;
	CHECK(alex_page_encode(page.data, &model.spec, model.rows, model.n));
}

/*---- tests ---- */

static void
test_coding(void)
{
	for (int i = 0; i < 2000; i++)
	{
		bool		fits;

		make_images();
		fill_model((int) model_number(i % 2 ? 1000 : 20));
		fits = model_fits_images();
		memset(page.data, 0xEE, BLCKSZ);
		CHECK_EQ(alex_page_encode(page.data, &model.spec, model.rows, model.n), fits);
		if (!fits)
			continue;
		model_check(&model, page.data);
		CHECK_EQ(BLCKSZ - 16 - 8 - ((PageHeader) page.data)->pd_upper,
				 model_bytes(&model.spec, model.rows, model.n) -
				 model_entry_bytes(&model.spec, model.rows, model.n));
	}
	unit_done("rows and fences with images, shared between neighbours");
}

/* Images behind a page's images are read from the page, not from the source. */
static void
test_page_stands_alone(void)
{
	static PageModel copy;

	for (int i = 0; i < 100; i++)
	{
		random_page();
		copy = model;
		alex_page_decode(page.data, 0, model.n, copy.rows);
		alex_page_spec(page.data, &copy.spec);
		for (int k = 0; k < model.n; k++)
		{
			char	   *at = (char *) (uintptr_t) model_at(&copy, k)[0];

			CHECK(at == NULL || (at > page.data && at < page.data + BLCKSZ));
		}
		/* encoding from a page's own rows gives the same page */
		CHECK(alex_page_encode(other.data, &copy.spec, copy.rows, copy.n));
		CHECK(memcmp(page.data, other.data, BLCKSZ) == 0);
	}
	unit_done("decoded rows lead into the page");
}

/* The row of a neighbour, or another one */
static void
random_row(int pos, uint64 *row)
{
	random_fields(row);
	row[0] = image_word((int) model_number(NIMAGES));
	if (model.n > 0 && model_number(2) == 0)
		row[0] = model_at(&model, Min(pos, model.n - 1))[0];
	if (row[0] == 0)
		row[0] = image_word(0);
}

/* Inserts until the page is full; checks on the way. */
static void
fill_page(void)
{
	static PGAlignedBlock anew;

	for (;;)
	{
		int			pos = (int) model_number(model.n + 1);
		uint64		row[NFIELDS];
		bool		inplace;
		bool		fits;
		int			upper = ((PageHeader) page.data)->pd_upper;

		if (pos == 0 && model.n > 0 && model_at(&model, 0)[0] == 0)
			continue;
		random_row(pos, row);
		inplace = alex_page_fits_inplace(page.data, pos, row);
		memcpy(other.data, page.data, BLCKSZ);
		CHECK_EQ(alex_page_insert(page.data, pos, row), inplace ||
				 alex_page_reencode_insert(other.data, pos, row, anew.data));
		model_insert(&model, pos, row);
		fits = model_fits_images();
		if (AlexPageCount(page.data) < model.n)
		{
			CHECK(!fits);
			CHECK(memcmp(page.data, other.data, BLCKSZ) == 0);
			break;
		}

		/*
		 * in place it may fit because others share, but costs one image at
		 * most
		 */
		CHECK(fits || inplace);
		CHECK(!inplace || upper - ((PageHeader) page.data)->pd_upper <= pitch_of(row[0]));
		if (model_number(20) == 0 || longest > 1000)
			model_check(&model, page.data);
	}
}

static void
test_insert(void)
{
	for (int i = 0; i < 150; i++)
	{
		random_page();
		fill_page();
	}
	unit_done("insertion until the page is full");
}

/* A neighbour's image, or the low fence's, is not stored twice. */
static void
test_insert_shares(void)
{
	for (int i = 0; i < 200; i++)
	{
		int			upper;
		int			pos;
		uint64		row[NFIELDS];

		random_page();
		if (model.n == 0)
			continue;
		upper = ((PageHeader) page.data)->pd_upper;
		pos = (int) model_number(model.n);
		memcpy(row, model_at(&model, pos), sizeof(row));
		if (row[0] == 0 || !alex_page_fits_inplace(page.data, pos, row))
			continue;
		alex_page_insert(page.data, pos + (int) model_number(2), row);
		CHECK_EQ(((PageHeader) page.data)->pd_upper, upper);
		if (model.spec.low.inf)
			continue;
		row[0] = model.spec.low.f[0];
		if (!alex_page_fits_inplace(page.data, 0, row))
			continue;
		alex_page_insert(page.data, 0, row);
		CHECK_EQ(((PageHeader) page.data)->pd_upper, upper);
	}
	unit_done("an inserted entry shares its neighbour's image");
}

static void
check_delete(int share)
{
	uint16		pos[ALEX_MAX_ENTRIES];
	int			npos = model_positions(model.n, share, pos);

	alex_page_delete(page.data, pos, npos);
	model_delete(&model, pos, npos);
	model_check(&model, page.data);
	CHECK(model_tail_is_zero(page.data));
}

/* Bytes of the images that an entry or a fence leads to */
static int
used_image_bytes(Page where)
{
	AlexPack   *pack = AlexPageGetPack(where);
	bool		used[BLCKSZ / 8] = {false};
	int			bytes = 0;

	for (int i = 0; i < pack->nentries; i++)
		used[alex_get_field(pack, i, 0)] = true;
	used[AlexPackLow(pack)[0]] = true;
	used[AlexPackHigh(pack)[0]] = true;
	for (int code = 1; code < BLCKSZ / 8; code++)
		bytes += used[code] ? pitch_of((uint64) (uintptr_t) (where + 8 * code)) : 0;
	return bytes;
}

static void
test_delete(void)
{
	static const int share[] = {0, 10, 128, 250, 256};
	PageHeader	hdr = (PageHeader) page.data;

	for (int i = 0; i < 500; i++)
	{
		random_page();
		/* row 0 of an inner page goes only with the page */
		if (model.n > 0 && model_at(&model, 0)[0] == 0)
			continue;
		check_delete(share[i % lengthof(share)]);
		/* images that nothing leads to are gone */
		CHECK_EQ(hdr->pd_special - 8 - hdr->pd_upper, used_image_bytes(page.data));
		check_delete(share[model_number(lengthof(share))]);
		if (i % 5 == 0)
		{
			fill_page();
			memcpy(other.data, page.data, BLCKSZ);
			model.n = AlexPageCount(other.data);
			alex_page_decode(other.data, 0, model.n, model.rows);
			alex_page_spec(other.data, &model.spec);
			check_delete(share[model_number(lengthof(share))]);
		}
	}
	unit_done("deletion of any subset");
}

/*
 * Entries of two images in turns, inserted in place, share two copies; coded
 * anew they would need one each and not fit.  Deletion must work all the same.
 */
static void
test_delete_crowded(void)
{
	uint64		row[NFIELDS];
	uint16		gone = 1;

	longest = MODEL_MAX_IMAGE;
	for (int i = 0; i < 3; i++)
	{
		memset(image[i], 'a' + i, sizeof(image[i]));
		((IndexTuple) image[i])->t_info = MODEL_MAX_IMAGE;
	}
	for (int i = 0; i < 50; i++)
	{
		fill_model(0);
		model.spec.low.inf = model.spec.high.inf = true;
		for (int k = 0; k < 6; k++)
		{
			random_fields(row);
			row[0] = image_word(0);
			model_insert(&model, k, row);
		}
		CHECK(alex_page_encode(page.data, &model.spec, model.rows, model.n));
		/* A A A B A A A, then A A A B A C A A */
		row[0] = image_word(1);
		memcpy(row + 1, model_at(&model, 2) + 1, 3 * sizeof(uint64));
		CHECK(alex_page_insert(page.data, 3, row));
		model_insert(&model, 3, row);
		row[0] = image_word(2);
		CHECK(alex_page_insert(page.data, 5, row));
		model_insert(&model, 5, row);
		CHECK(!model_fits_images());
		gone = (uint16) (i % 3);
		alex_page_delete(page.data, &gone, 1);
		model_delete(&model, &gone, 1);
		if (!model_check(&model, page.data))
			break;
		/* and once more, from what is there now */
		memcpy(row + 1, model_at(&model, 0) + 1, 3 * sizeof(uint64));
		row[0] = image_word(0);
		if (alex_page_fits_inplace(page.data, 0, row))
		{
			CHECK(alex_page_insert(page.data, 0, row));
			model_insert(&model, 0, row);
		}
		CHECK(!model_fits_images());
		check_delete(60);
	}
	unit_done("deletion where coding anew would need more room");
}

/*---- sizing ---- */

/* Bytes for the first n rows if the next row's image is the high fence */
static int
bytes_with_fence(int n)
{
	uint64		last;

	if (n == model.n)
		return model_bytes(&model.spec, model.rows, n);
	return model_entry_bytes(&model.spec, model.rows, n) +
		model_image_bytes(&model.spec, model.rows, n, &last) +
		pitch_of(model_at(&model, n)[0]);
}

static bool
encode_part(int n)
{
	AlexSpec	spec = model.spec;

	if (n < model.n)
	{
		spec.high.inf = false;
		memcpy(spec.high.f, model_at(&model, n), 3 * sizeof(uint64));
	}
	return alex_page_encode(page.data, &spec, model.rows, n);
}

static void
test_rows_fit(void)
{
	for (int i = 0; i < 600; i++)
	{
		int			all;
		int			space;
		int			fit;
		int			n = 0;

		make_images();
		fill_model(1 + (int) model_number(600));
		all = model_space(&model.spec);
		CHECK_EQ(alex_spec_space(&model.spec), all);
		space = model_number(2) ? all : (int) model_number(all + 1);
		while (n < model.n && bytes_with_fence(n + 1) <= space)
			n++;
		fit = alex_rows_fit(&model.spec, model.rows, model.n, space);
		CHECK_EQ(fit, n);
		CHECK(fit > 0 || space < all);
		if (fit == 0)
			continue;
		CHECK(encode_part(fit));
		CHECK(alex_page_verify(page.data) == NULL);
		/* one more may fit only because its fence shares its image */
		if (space == all && fit < model.n && encode_part(fit + 1))
			CHECK(fit + 1 < model.n &&
				  model_same_image(model_at(&model, fit)[0],
								   model_at(&model, fit + 1)[0]));
	}
	unit_done("alex_rows_fit leaves room for the fence, and no more");
}

/* Three images of the greatest length: low fence, an entry, high fence */
static void
test_longest_images(void)
{
	AlexSpec   *spec = &model.spec;

	for (int i = 0; i < 3; i++)
	{
		memset(image[i], 'x' + i, sizeof(image[i]));
		((IndexTuple) image[i])->t_info = MODEL_MAX_IMAGE;
	}
	fill_model(1);
	spec->low.inf = spec->high.inf = false;
	spec->low.f[0] = image_word(0);
	model.rows[0] = image_word(1);
	spec->high.f[0] = image_word(2);
	CHECK_EQ(alex_rows_fit(spec, model.rows, 1, alex_spec_space(spec)), 1);
	CHECK(alex_page_encode(page.data, spec, model.rows, 1));
	model_check(&model, page.data);
	unit_done("an entry between fences, all as long as can be");
}

/*---- redo ---- */

static void
test_redo(void)
{
	for (int i = 0; i < 150; i++)
	{
		random_page();
		for (int k = 0; k < 20; k++)
		{
			uint16		gone[ALEX_MAX_ENTRIES];
			uint64		row[NFIELDS];
			char		copy[2600] pg_attribute_aligned(MAXIMUM_ALIGNOF);
			int			n = AlexPageCount(page.data);
			int			ngone = model_number(4) ? 0 : model_positions(n, 9, gone);
			int			pos = (int) model_number(n + 1);

			memcpy(other.data, page.data, BLCKSZ);
			random_row(0, row);
			alex_page_delete(page.data, gone, ngone);
			alex_page_delete(other.data, gone, ngone);
			pos = Min(pos, AlexPageCount(page.data));
			alex_page_insert(page.data, pos, row);
			/* redo's image lies elsewhere, behind another TID */
			memcpy(copy, (char *) (uintptr_t) row[0], sizeof(copy));
			memset(copy, 0x11, 6);
			row[0] = (uint64) (uintptr_t) copy;
			alex_page_insert(other.data, pos, row);
			CHECK(memcmp(page.data, other.data, BLCKSZ) == 0);
			if (pos > 0 || model.spec.level == 0)
				CHECK(model_hole_is_zero(page.data));
		}
	}
	unit_done("the same changes make the same bytes");
}

int
main(int argc, char **argv)
{
	model_start(argc, argv);
	test_coding();
	test_page_stands_alone();
	test_insert();
	test_insert_shares();
	test_delete();
	test_delete_crowded();
	test_rows_fit();
	test_longest_images();
	test_redo();
	return unit_finish();
}
