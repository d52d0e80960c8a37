/*-------------------------------------------------------------------------
 *
 * bench_page.c
 *		What the page functions cost, on a page of an int8 index.
 *
 * Not a test: build and run it with
 *
 *		make build/unit/bench_page UNIT_SANITIZE=-O2 && build/unit/bench_page
 *
 * The page has 700 entries of random keys, as a leaf of an index of some ten
 * million rows.  A figure is the best of many short runs, so that a busy
 * machine disturbs little.
 *
 *-------------------------------------------------------------------------
 */
/* needs: src/alex/alexpage.c */
#include "postgres.h"

#include <time.h>

#include "alex/alexpage.h"
#include "unit.h"

#define NROWS		700
#define NFIELDS		5			/* null, key, blk, off, dead */
#define NTARGETS	1024
#define RUNS		3000

static uint64_t seed = 1;
static AlexSpec spec;
static uint64 rows[ALEX_SCRATCH_WORDS];
static uint64 out[ALEX_SCRATCH_WORDS];
static uint64 targets[NTARGETS][NFIELDS];
static PGAlignedBlock page;
static PGAlignedBlock work;
static volatile uint64 sink;

static int
compare_rows(const void *a, const void *b)
{
	const uint64 *x = a;
	const uint64 *y = b;

	return x[1] < y[1] ? -1 : x[1] > y[1];
}

static void
random_row(uint64 *row)
{
	row[0] = 1;
	row[1] = (UINT64CONST(9) << 60) + (unit_random(&seed) >> 15);
	row[2] = unit_random(&seed) % 60000;
	row[3] = 1 + unit_random(&seed) % 180;
	row[4] = 0;
}

static void
make_page(void)
{
	memset(&spec, 0, sizeof(spec));
	spec.nfields = NFIELDS;
	spec.nord = 4;
	spec.deadfield = 4;
	spec.left = spec.right = 1;
	for (int i = 0; i < NROWS; i++)
		random_row(rows + i * NFIELDS);
	qsort(rows, NROWS, sizeof(uint64) * NFIELDS, compare_rows);
	memcpy(spec.low.f, rows, sizeof(uint64) * 4);
	memcpy(spec.high.f, rows + (NROWS - 1) * NFIELDS, sizeof(uint64) * 4);
	spec.high.f[1]++;
	if (!alex_page_encode(page.data, &spec, rows, NROWS))
		abort();
	for (int i = 0; i < NTARGETS; i++)
	{
		memcpy(targets[i], rows + unit_random(&seed) % NROWS * NFIELDS,
			   sizeof(uint64) * 4);
		targets[i][2] = targets[i][3] = 0;
	}
}

/*---- what is measured; each returns how many things it did ---- */

static int
search_bisect(void)
{
	for (int i = 0; i < NTARGETS; i++)
		sink += alex_page_lower_bound(page.data, targets[i], 0, false, NULL);
	return NTARGETS;
}

static int
search_model(void)
{
	for (int i = 0; i < NTARGETS; i++)
		sink += alex_page_lower_bound(page.data, targets[i], 0, true, NULL);
	return NTARGETS;
}

static int
decode_all(void)
{
	alex_page_decode(page.data, 0, NROWS, out);
	sink += out[1];
	return NROWS;
}

static int
decode_rows(void)
{
	for (int i = 0; i < NROWS; i++)
	{
		alex_page_get_row(page.data, (i * 37) % NROWS, out);
		sink += out[1];
	}
	return NROWS;
}

static int
encode_all(void)
{
	if (!alex_page_encode(work.data, &spec, rows, NROWS))
		abort();
	return NROWS;
}

static int
fit_all(void)
{
	sink += alex_rows_fit(&spec, rows, NROWS, alex_spec_space(&spec));
	return NROWS;
}

/* Fifty rows into a copy of the page; the copy is part of the cost. */
static int
insert_inplace(void)
{
	memcpy(work.data, page.data, BLCKSZ);
	for (int i = 0; i < 50; i++)
	{
		const uint64 *row = rows + (i * 131 % NROWS) * NFIELDS;

		if (!alex_page_insert(work.data, i * 131 % NROWS, row))
			abort();
	}
	return 50;
}

static int
insert_anew(void)
{
	for (int i = 0; i < 5; i++)
	{
		if (!alex_page_reencode_insert(page.data, 100 * i, rows, work.data))
			abort();
	}
	return 5;
}

static int
delete_tenth(void)
{
	uint16		pos[NROWS / 10];

	for (int i = 0; i < NROWS / 10; i++)
		pos[i] = (uint16) (10 * i);
	memcpy(work.data, page.data, BLCKSZ);
	alex_page_delete(work.data, pos, NROWS / 10);
	return 1;
}

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static void
measure(const char *what, int (*run) (void))
{
	double		best = 1e18;
	int			count = run();

	for (int i = 0; i < RUNS; i++)
	{
		double		start = now_ns();

		run();
		best = Min(best, now_ns() - start);
	}
	printf("%-44s %9.1f ns\n", what, best / count);
}

int
main(void)
{
	make_page();
	measure("search without the model", search_bisect);
	measure("search with the model", search_model);
	measure("decoding the page, per row", decode_all);
	measure("decoding single rows, per row", decode_rows);
	measure("encoding the page, per row", encode_all);
	measure("alex_rows_fit, per row", fit_all);
	measure("insertion in place", insert_inplace);
	measure("insertion by encoding anew", insert_anew);
	measure("deleting a tenth of the page", delete_tenth);
	return 0;
}
