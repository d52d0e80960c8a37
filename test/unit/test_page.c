/*-------------------------------------------------------------------------
 *
 * test_page.c
 *		Pages of words: coding, inserting, deleting, searching, sizing.
 *
 * usage: test_page [seed]
 *
 *-------------------------------------------------------------------------
 */
/* needs: src/alex/alexpage.c */
#include "postgres.h"

#include <time.h>

#include "page_model.h"

#define GUARD	UINT64CONST(0xA5A5A5A5A5A5A5A5)

static PageModel model;
static PGAlignedBlock page;
static PGAlignedBlock other;

/*---- coding ---- */

/* Parts of a page are decoded alone, and nothing around them is written. */
static void
check_ranges(void)
{
	static uint64 rows[MODEL_WORDS];
	int			nf = model.spec.nfields;

	for (int i = 0; i < 5; i++)
	{
		int			from = (int) model_number(model.n + 1);
		int			to = from + (int) model_number(model.n - from + 1);
		Size		words = (Size) (to - from) * nf;

		rows[0] = rows[words + 1] = GUARD;
		alex_page_decode(page.data, from, to, rows + 1);
		CHECK(memcmp(rows + 1, model_at(&model, from), words * 8) == 0);
		CHECK(rows[0] == GUARD && rows[words + 1] == GUARD);
	}
}

/* Single rows and single fields */
static void
check_single_rows(void)
{
	AlexPack   *pack = AlexPageGetPack(page.data);

	for (int i = 0; i < model.n; i += 1 + (int) model_number(20))
	{
		uint64		row[ALEX_MAX_FIELDS + 1];
		uint64	   *want = model_at(&model, i);

		row[pack->nfields] = GUARD;
		alex_page_get_row(page.data, i, row);
		CHECK(memcmp(row, want, sizeof(uint64) * pack->nfields) == 0);
		CHECK(row[pack->nfields] == GUARD);
		for (int f = 0; f < pack->nfields; f++)
			CHECK(alex_get_field(pack, i, f) == want[f]);
	}
}

static void
check_encoding(void)
{
	PageHeader	hdr = (PageHeader) page.data;
	bool		fits = model_fits(&model.spec, model.rows, model.n);

	memset(page.data, 0xEE, BLCKSZ);
	CHECK_EQ(alex_page_encode(page.data, &model.spec, model.rows, model.n), fits);
	if (!fits || !model_check(&model, page.data))
		return;
	CHECK_EQ(hdr->pd_lower, model_header(&model.spec) +
			 model_entry_bytes(&model.spec, model.rows, model.n));
	CHECK_EQ(hdr->pd_upper, BLCKSZ - 16);
	check_ranges();
	check_single_rows();
}

/* Every number of fields, with every width in the first field and in all */
static void
test_coding(void)
{
	ModelShape	shape;

	for (int nf = 1; nf <= ALEX_MAX_FIELDS; nf++)
	{
		for (int width = 0; width <= 64; width++)
		{
			model_shape(&shape, nf, 1 + (int) model_number(nf));
			for (int f = 0; f < (width % 2 == 0 ? nf : 1); f++)
			{
				if (f != shape.deadfield)
					model_field(&shape, f, width, SPREAD_EVEN);
			}
			model_random(&model, &shape);
			check_encoding();
		}
	}
	unit_done("rows of every number of fields and every width");
}

/* As many rows as fit, and one more */
static void
test_full_pages(void)
{
	ModelShape	shape;

	for (int width = 1; width <= 64; width++)
	{
		model_shape(&shape, 1, 1);
		model_field(&shape, 0, width, SPREAD_ENDS);
		model_fill(&model, &shape, ALEX_MAX_ENTRIES);
		model.n = Min(ALEX_MAX_ENTRIES, model_space(&model.spec) * 8 / width);
		model.rows[0] = shape.base[0];
		for (int i = model.n - 1; i <= model.n; i++)
			model.rows[i] = shape.base[0] + model_ones(width);
		check_encoding();
		CHECK_EQ(AlexPageCount(page.data), model.n);
		model.n++;
		CHECK(!alex_page_encode(page.data, &model.spec, model.rows, model.n));
	}
	unit_done("a page holds as many rows as there is room for");
}

/*---- inserting ---- */

static int
linear_search(const uint64 *target, int from)
{
	int			i = from;

	while (i < model.n &&
		   model_compare(model_at(&model, i), target, model.spec.nord) < 0)
		i++;
	return i;
}

/*
 * A row whose values lie within the model's frames, or one that is outside;
 * returns its position.
 */
static int
random_row(const ModelShape *shape, uint64 *row)
{
	model_row(shape, row);
	if (model.n > 0 && model_number(2) == 0)
	{
		int			pos = (int) model_number(model.n);

		memcpy(row, model_at(&model, pos), sizeof(uint64) * shape->nord);
		return pos + (int) model_number(2);
	}
	for (int f = 0; f < shape->nfields; f++)
	{
		if (f != shape->deadfield && model_number(8 * shape->nfields) == 0)
			row[f] = unit_random(&model_seed) >> model_number(64);
	}
	return linear_search(row, 0);
}

/* Inserts a row in both ways and compares pages and model. */
static void
check_insert(int pos, const uint64 *row)
{
	static PageModel with;
	static PGAlignedBlock anew;
	bool		fits;

	with = model;
	model_insert(&with, pos, row);
	fits = model_fits(&with.spec, with.rows, with.n);
	memcpy(other.data, page.data, BLCKSZ);
	CHECK_EQ(alex_page_reencode_insert(page.data, pos, row, anew.data), fits);
	CHECK(memcmp(other.data, page.data, BLCKSZ) == 0);
	if (alex_page_fits_inplace(page.data, pos, row))
		CHECK(fits);
	CHECK_EQ(alex_page_insert(other.data, pos, row), fits);
	if (!fits)
	{
		CHECK(memcmp(other.data, page.data, BLCKSZ) == 0);
		return;
	}
	model_check(&with, other.data);
	model_check(&with, anew.data);
	if (!alex_page_fits_inplace(page.data, pos, row))
		CHECK(memcmp(other.data, anew.data, BLCKSZ) == 0);
}

/* Entries of every number of bits, at every position */
static void
test_insert_positions(void)
{
	ModelShape	shape;
	uint64		row[ALEX_MAX_FIELDS];

	for (int bits = 1; bits <= 200; bits++)
	{
		int			nf = (bits + 63) / 64;

		model_shape(&shape, nf, nf);
		for (int f = 0; f < nf; f++)
			model_field(&shape, f, Min(64, bits - 64 * f), SPREAD_EVEN);
		model_fill(&model, &shape, 2 + (int) model_number(20));
		for (int f = 0; f < nf; f++)
		{
			model.rows[f] = shape.base[f];
			model_at(&model, model.n - 1)[f] = shape.base[f] +
				model_ones(shape.width[f]);
		}
		CHECK(alex_page_encode(page.data, &model.spec, model.rows, model.n));
		for (int pos = 0; pos <= model.n; pos++)
		{
			int			like = pos > 0 && model_number(2) ? pos - 1 : pos;

			memcpy(row, model_at(&model, Min(like, model.n - 1)),
				   nf * sizeof(uint64));
			CHECK(alex_page_fits_inplace(page.data, pos, row));
			check_insert(pos, row);
		}
	}
	unit_done("insertion at every position");
}

static void
test_insert_random(void)
{
	ModelShape	shape;
	uint64		row[ALEX_MAX_FIELDS];

	for (int i = 0; i < 400; i++)
	{
		model_random_shape(&shape);
		model_random(&model, &shape);
		CHECK(alex_page_encode(page.data, &model.spec, model.rows, model.n));
		for (int k = 0; k < 5; k++)
		{
			int			pos = random_row(&shape, row);

			check_insert(pos, row);
		}
	}
	unit_done("insertion in place and by encoding anew");
}

/* From the empty page until no row fits; the values may descend. */
static void
fill_page(const ModelShape *shape, bool descending)
{
	uint64		row[ALEX_MAX_FIELDS];
	int			anew = 0;

	model_fill(&model, shape, 0);
	CHECK(alex_page_encode(page.data, &model.spec, model.rows, 0));
	for (;;)
	{
		int			pos;

		model_row(shape, row);
		if (descending)
			row[0] = PG_UINT64_MAX - model.n;
		pos = descending ? 0 : linear_search(row, 0);
		anew += !alex_page_fits_inplace(page.data, pos, row);
		if (!alex_page_insert(page.data, pos, row))
		{
			model_insert(&model, pos, row);
			CHECK(!model_fits(&model.spec, model.rows, model.n));
			break;
		}
		model_insert(&model, pos, row);
		if (model_number(50) == 0 && !model_check(&model, page.data))
			break;
	}
	/* a row that is smaller than all before makes room for more of its kind */
	if (descending && shape->nfields == 1)
		CHECK(anew <= 14);
}

static void
test_fill(void)
{
	ModelShape	shape;

	for (int i = 0; i < 40; i++)
	{
		model_random_shape(&shape);
		shape.width[0] = Max(shape.width[0], 12);
		shape.base[0] = 0;
		fill_page(&shape, false);
		if (shape.deadfield == 0)
			continue;
		fill_page(&shape, true);
		model_shape(&shape, 1, 1);
		shape.width[0] = 12;
		shape.base[0] = 0;
		fill_page(&shape, true);
	}
	unit_done("pages filled row by row");
}

/*---- deleting ---- */

/* Deletes rows; what is left keeps its coding, and nothing else is left. */
static void
check_delete(int share)
{
	AlexPack   *before = AlexPageGetPack(other.data);
	AlexPack   *pack = AlexPageGetPack(page.data);
	uint16		pos[ALEX_MAX_ENTRIES];
	int			npos = model_positions(model.n, share, pos);

	memcpy(other.data, page.data, BLCKSZ);
	alex_page_delete(page.data, pos, npos);
	model_delete(&model, pos, npos);
	model_check(&model, page.data);
	CHECK(memcmp(pack->bitoff, before->bitoff,
				 (char *) AlexPackBits(before) - (char *) before->bitoff) == 0);
	CHECK(model_tail_is_zero(page.data));
}

static void
test_delete(void)
{
	static const int share[] = {0, 1, 10, 128, 250, 256};
	ModelShape	shape;

	for (int i = 0; i < 600; i++)
	{
		model_random_shape(&shape);
		model_random(&model, &shape);
		CHECK(alex_page_encode(page.data, &model.spec, model.rows, model.n));
		check_delete(share[i % lengthof(share)]);
		check_delete(share[model_number(lengthof(share))]);
	}
	unit_done("deletion of any subset");
}

/* LSN, checksum's neighbours and header flags survive every change. */
static void
test_header_survives(void)
{
	PageHeader	hdr = (PageHeader) page.data;
	ModelShape	shape;
	uint16		first = 0;
	uint64		row[2] = {0, 0};

	model_shape(&shape, 2, 2);
	model_fill(&model, &shape, 10);
	CHECK(alex_page_encode(page.data, &model.spec, model.rows, model.n));
	PageSetLSN(page.data, UINT64CONST(0x123456789A));
	hdr->pd_flags |= PD_PAGE_FULL;
	CHECK(alex_page_insert(page.data, 0, row));
	row[0] = row[1] = PG_UINT64_MAX;
	CHECK(alex_page_insert(page.data, 11, row));
	alex_page_delete(page.data, &first, 1);
	CHECK_EQ(PageGetLSN(page.data), INT64CONST(0x123456789A));
	CHECK(hdr->pd_flags & PD_PAGE_FULL);
	unit_done("changes keep the LSN and the header's flags");
}

/*---- searching ---- */

/* A target: an entry, one next to it, one of the shape, or anything */
static void
random_target(const ModelShape *shape, uint64 *target)
{
	int			f = (int) model_number(shape->nord);

	model_row(shape, target);
	if (model.n > 0 && model_number(3) != 0)
		memcpy(target, model_at(&model, (int) model_number(model.n)),
			   sizeof(uint64) * shape->nord);
	switch (model_number(7))
	{
		case 0:
			target[f]++;
			break;
		case 1:
			target[f]--;
			break;
		case 2:
			target[f] = unit_random(&model_seed);
			break;
		case 3:
			for (; f < shape->nord; f++)
				target[f] = 0;
			break;
		case 4:
			for (; f < shape->nord; f++)
				target[f] = PG_UINT64_MAX;
			break;
		default:
			break;
	}
}

static int
log2_up(int n)
{
	int			bits = 0;

	while (n > 0)
		bits++, n >>= 1;
	return bits;
}

static void
check_search(const uint64 *target)
{
	int			predicted = alex_page_predict(page.data, target);

	for (int from = 0; from < 2; from++)
	{
		int			want = from <= model.n ? linear_search(target, from) : from;
		int			steps = -1;

		CHECK_EQ(alex_page_lower_bound(page.data, target, from, false, &steps),
				 want);
		CHECK(steps >= 0 && steps <= log2_up(model.n));
		CHECK_EQ(alex_page_lower_bound(page.data, target, from, true, &steps),
				 want);
		CHECK(steps >= 0 && steps <= log2_up(model.n) + 6);
		CHECK_EQ(alex_page_lower_bound(page.data, target, from, true, NULL),
				 want);
	}
	CHECK(predicted >= -1 && predicted < Max(model.n, 1));
}

static void
search_page(const ModelShape *shape)
{
	uint64		target[ALEX_MAX_FIELDS];

	CHECK(alex_page_encode(page.data, &model.spec, model.rows, model.n));
	for (int k = 0; k < 40; k++)
	{
		random_target(shape, target);
		check_search(target);
	}
	memset(target, 0, sizeof(target));
	check_search(target);
	memset(target, 0xFF, sizeof(target));
	check_search(target);
}

static void
test_search(void)
{
	ModelShape	shape;

	for (int i = 0; i < 1500; i++)
	{
		model_random_shape(&shape);
		/* rows that are equal up to the last ordered fields */
		for (int f = 0; i % 3 == 0 && f < shape.nord - 1; f++)
		{
			if (f != shape.deadfield)
				model_field(&shape, f, model_number(3) ? 0 : 1, SPREAD_EVEN);
		}
		model_random(&model, &shape);
		search_page(&shape);
	}
	unit_done("search, with and without the model");
}

/* Distributions that mislead a linear model, with keys 0 and the largest */
static void
test_search_skewed(void)
{
	ModelShape	shape;

	for (int i = 0; i < 64; i++)
	{
		model_shape(&shape, 3, 3);
		shape.deadfield = -1;
		for (int f = 0; f < 3; f++)
			model_field(&shape, f, f == 0 ? 64 : 10, SPREAD_EVEN);
		model_fill(&model, &shape, 300);
		for (int k = 0; k < model.n; k++)
			model_at(&model, k)[0] = k == 0 ? 0 : k == model.n - 1 ?
				PG_UINT64_MAX : i % 2 == 0 ? (UINT64CONST(1) << i) + k :
				PG_UINT64_MAX - (UINT64CONST(1) << i) - model.n + k;
		model_sort_nord = 3;
		qsort(model.rows, model.n, 3 * sizeof(uint64), model_sort_compare);
		search_page(&shape);
	}
	unit_done("search among keys far from linear");
}

/* A linear set of keys is found by the model in a step or two. */
static void
test_model_helps(void)
{
	ModelShape	shape;
	int			with = 0;
	int			without = 0;

	model_shape(&shape, 3, 3);
	model_fill(&model, &shape, 500);
	for (int i = 0; i < model.n; i++)
	{
		uint64	   *row = model_at(&model, i);

		row[0] = 7;
		row[1] = UINT64CONST(1000000) * i + model_number(1000);
		row[2] = i;
	}
	model.spec.high.inf = false;
	memcpy(model.spec.high.f, model_at(&model, model.n - 1), 3 * sizeof(uint64));
	CHECK(alex_page_encode(page.data, &model.spec, model.rows, model.n));
	for (int i = 0; i < model.n; i++)
	{
		int			steps;

		CHECK(abs(alex_page_predict(page.data, model_at(&model, i)) - i) <= 2);
		alex_page_lower_bound(page.data, model_at(&model, i), 0, true, &steps);
		with += steps;
		alex_page_lower_bound(page.data, model_at(&model, i), 0, false, &steps);
		without += steps;
	}
	CHECK(with <= 3 * model.n && with < without);
	unit_done("the model saves steps where keys are linear");
}

/*---- dead hints ---- */

static void
test_dead_hints(void)
{
	ModelShape	shape;

	for (int i = 0; i < 200; i++)
	{
		model_random_shape(&shape);
		model_random(&model, &shape);
		CHECK(alex_page_encode(page.data, &model.spec, model.rows, model.n));
		for (int k = 0; k < model.n; k++)
		{
			if (model_number(3) == 0)
			{
				alex_page_set_dead(page.data, k);
				if (shape.deadfield >= 0)
					model_at(&model, k)[shape.deadfield] = 1;
			}
		}
		model_check(&model, page.data);
		for (int k = 0; k < model.n; k++)
			CHECK_EQ(alex_page_is_dead(page.data, k), shape.deadfield >= 0 &&
					 model_at(&model, k)[shape.deadfield] == 1);
		alex_page_clear_dead_hints(page.data);
		for (int k = 0; k < model.n && shape.deadfield >= 0; k++)
			model_at(&model, k)[shape.deadfield] = 0;
		model_check(&model, page.data);
	}
	unit_done("dead hints touch nothing else");
}

/*---- sizing ---- */

/* Largest number of leading rows whose bits take at most space bytes */
static int
linear_fit(int space)
{
	int			n = 0;

	while (n < model.n && n < ALEX_MAX_ENTRIES &&
		   (n + 1) * model.spec.nfields <= ALEX_SCRATCH_WORDS &&
		   model_entry_bytes(&model.spec, model.rows, n + 1) <= space)
		n++;
	return n;
}

static void
test_rows_fit(void)
{
	ModelShape	shape;

	for (int i = 0; i < 200; i++)
	{
		int			all;
		int			space;
		int			fit;

		model_random_shape(&shape);
		model_fill(&model, &shape, 1 + (int) model_number(600));
		all = model_space(&model.spec);
		CHECK_EQ(alex_spec_space(&model.spec), all);
		space = model_number(2) ? all : 8 * shape.nfields + (int)
			model_number(all - 8 * shape.nfields);
		fit = alex_rows_fit(&model.spec, model.rows, model.n, space);
		CHECK_EQ(fit, linear_fit(space));
		CHECK(fit > 0);
		CHECK(alex_page_encode(page.data, &model.spec, model.rows, fit));
		if (space == all && fit < model.n)
			CHECK(!alex_page_encode(page.data, &model.spec, model.rows, fit + 1));
	}
	unit_done("alex_rows_fit finds the largest number of rows");
}

/* Rows without any bits: their number is limited, not their size. */
static void
test_many_rows(void)
{
	ModelShape	shape;
	static uint64 rows[(ALEX_MAX_ENTRIES + 1) * 3];

	model_shape(&shape, 3, 3);
	model_fill(&model, &shape, 0);
	for (int i = 0; i < (ALEX_MAX_ENTRIES + 1) * 3; i++)
		rows[i] = 5;
	CHECK_EQ(alex_rows_fit(&model.spec, rows, ALEX_MAX_ENTRIES + 1, 100),
			 ALEX_MAX_ENTRIES);
	CHECK(alex_page_encode(page.data, &model.spec, rows, ALEX_MAX_ENTRIES));
	CHECK(alex_page_verify(page.data) == NULL);
	CHECK_EQ(alex_page_lower_bound(page.data, rows, 0, true, NULL), 0);
	CHECK(!alex_page_fits_inplace(page.data, 0, rows));
	CHECK(!alex_page_insert(page.data, 0, rows));
	CHECK(!alex_page_encode(page.data, &model.spec, rows, ALEX_MAX_ENTRIES + 1));
	unit_done("no more entries than a page may have");
}

/*---- redo ---- */

static void
change_page(Page where, const uint64 *row, const uint16 *gone, int ngone)
{
	if (ngone > 0)
		alex_page_delete(where, gone, ngone);
	alex_page_insert(where, alex_page_lower_bound(where, row, 0, true, NULL), row);
}

/*
 * The same changes make the same bytes, though the second page goes through
 * a copy without its hole each time, as a full page image does.
 */
static void
test_redo(void)
{
	ModelShape	shape;

	for (int i = 0; i < 60; i++)
	{
		model_random_shape(&shape);
		model_random(&model, &shape);
		CHECK(alex_page_encode(page.data, &model.spec, model.rows, model.n));
		for (int k = 0; k < 30; k++)
		{
			PageHeader	hdr = (PageHeader) other.data;
			uint16		gone[ALEX_MAX_ENTRIES];
			uint64		row[ALEX_MAX_FIELDS];
			int			n = AlexPageCount(page.data);
			int			ngone = model_number(4) ? 0 : model_positions(n, 9, gone);

			memcpy(other.data, page.data, BLCKSZ);
			memset(other.data + hdr->pd_lower, 0, hdr->pd_upper - hdr->pd_lower);
			random_row(&shape, row);
			change_page(page.data, row, gone, ngone);
			change_page(other.data, row, gone, ngone);
			CHECK(memcmp(page.data, other.data, BLCKSZ) == 0);
			CHECK(alex_page_verify(page.data) == NULL);
		}
	}
	unit_done("the same changes make the same bytes");
}

int
main(int argc, char **argv)
{
	model_start(argc, argv);
	test_coding();
	test_full_pages();
	test_insert_positions();
	test_insert_random();
	test_fill();
	test_delete();
	test_header_survives();
	test_search();
	test_search_skewed();
	test_model_helps();
	test_dead_hints();
	test_rows_fit();
	test_many_rows();
	test_redo();
	return unit_finish();
}
