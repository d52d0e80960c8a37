/*-------------------------------------------------------------------------
 *
 * page_model.h
 *		The oracle of the page tests: a page as an array of rows in plain C,
 *		and random rows of any shape.
 *
 * A model holds what a page should hold.  Sizes are computed here a second
 * time, from the page format's description alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PAGE_MODEL_H
#define PAGE_MODEL_H

#include "postgres.h"

#include "alex/alexpage.h"
#include "unit.h"

#define MODEL_WORDS		(ALEX_SCRATCH_WORDS + 2 * ALEX_MAX_FIELDS)
#define MODEL_MAX_IMAGE 2597	/* longest tuple that an index may hold */

typedef struct PageModel
{
	AlexSpec	spec;
	int			n;
	uint64		rows[MODEL_WORDS];
} PageModel;

/* How the values of a field are spread over its width */
typedef enum ModelSpread
{
	SPREAD_EVEN,
	SPREAD_SKEWED,				/* small ones are much more likely */
	SPREAD_FEW,					/* four values */
	SPREAD_ENDS,				/* all zeros or all ones */
	SPREAD_COUNT
} ModelSpread;

typedef struct ModelShape
{
	int			nfields;
	int			nord;
	int			deadfield;		/* -1: none */
	int			width[ALEX_MAX_FIELDS];
	uint64		base[ALEX_MAX_FIELDS];
	ModelSpread spread[ALEX_MAX_FIELDS];
} ModelShape;

static uint64_t model_seed;

/* A random number below "below" */
static inline uint64
model_number(uint64 below)
{
	return unit_random(&model_seed) % below;
}

static inline uint64
model_ones(int width)
{
	return width == 0 ? 0 : PG_UINT64_MAX >> (64 - width);
}

/* A random width; 57..64 need a ninth byte and are tried more often. */
static inline int
model_width(void)
{
	switch (model_number(4))
	{
		case 0:
			return 0;
		case 1:
			return 57 + (int) model_number(8);
		default:
			return (int) model_number(65);
	}
}

static inline uint64
model_value(const ModelShape *shape, int f)
{
	uint64		ones = model_ones(shape->width[f]);
	uint64		v = unit_random(&model_seed) & ones;

	switch (shape->spread[f])
	{
		case SPREAD_SKEWED:
			v >>= model_number(shape->width[f] + 1) % 64;
			break;
		case SPREAD_FEW:
			v = ones / 3 * model_number(4);
			break;
		case SPREAD_ENDS:
			v = model_number(2) ? ones : 0;
			break;
		default:
			break;
	}
	return shape->base[f] + v;
}

/* A base that leaves room for the width: 0, as large as can be, or random */
static inline void
model_field(ModelShape *shape, int f, int width, ModelSpread spread)
{
	uint64		room = PG_UINT64_MAX - model_ones(width);

	shape->width[f] = width;
	shape->spread[f] = spread;
	switch (model_number(3))
	{
		case 0:
			shape->base[f] = 0;
			break;
		case 1:
			shape->base[f] = room;
			break;
		default:
			shape->base[f] = room == PG_UINT64_MAX ? unit_random(&model_seed) :
				model_number(room + 1);
	}
}

/* Random widths for nfields fields of which nord order the entries */
static inline void
model_shape(ModelShape *shape, int nfields, int nord)
{
	shape->nfields = nfields;
	shape->nord = nord;
	shape->deadfield = -1;
	for (int f = 0; f < nfields; f++)
		model_field(shape, f, model_width(),
					(ModelSpread) model_number(SPREAD_COUNT));
	if (nord < nfields && model_number(4) != 0)
	{
		shape->deadfield = nfields - 1;
		shape->width[nfields - 1] = 1;
		shape->base[nfields - 1] = 0;
	}
}

static inline void
model_random_shape(ModelShape *shape)
{
	int			nfields = 1 + (int) model_number(ALEX_MAX_FIELDS);

	if (model_number(2) == 0)
		nfields = 1 + (int) model_number(6);
	model_shape(shape, nfields, 1 + (int) model_number(nfields));
}

static inline void
model_row(const ModelShape *shape, uint64 *row)
{
	for (int f = 0; f < shape->nfields; f++)
		row[f] = model_value(shape, f);
}

static inline int
model_compare(const uint64 *a, const uint64 *b, int nord)
{
	for (int f = 0; f < nord; f++)
	{
		if (a[f] != b[f])
			return a[f] < b[f] ? -1 : 1;
	}
	return 0;
}

static int	model_sort_nord;

static int
model_sort_compare(const void *a, const void *b)
{
	return model_compare(a, b, model_sort_nord);
}

static inline uint64 *
model_at(PageModel *m, int i)
{
	return m->rows + (Size) i * m->spec.nfields;
}

/* A fence of some row's fields; infinite now and then */
static inline void
model_fence(AlexFence *fence, const uint64 *row, int nord)
{
	fence->inf = model_number(3) == 0;
	memcpy(fence->f, row, sizeof(uint64) * nord);
}

/* A model of n sorted rows between fences */
static inline void
model_fill(PageModel *m, const ModelShape *shape, int n)
{
	uint64		row[ALEX_MAX_FIELDS];
	AlexSpec   *spec = &m->spec;

	memset(spec, 0, sizeof(AlexSpec));
	spec->nfields = shape->nfields;
	spec->nord = shape->nord;
	spec->deadfield = shape->deadfield < 0 ? ALEX_NO_DEADFIELD : shape->deadfield;
	spec->level = (uint16) model_number(3);
	spec->flags = (uint16) (model_number(2) * ALEX_INCOMPLETE_SPLIT);
	spec->left = (BlockNumber) model_number(1000);
	spec->right = (BlockNumber) model_number(1000);
	m->n = n;
	for (int i = 0; i < n; i++)
		model_row(shape, model_at(m, i));
	model_sort_nord = shape->nord;
	qsort(m->rows, n, sizeof(uint64) * shape->nfields, model_sort_compare);
	model_row(shape, row);
	model_fence(&spec->low, n > 0 ? m->rows : row, shape->nord);
	model_fence(&spec->high, n > 0 ? model_at(m, n - 1) : row, shape->nord);
}

/* Bits that field f takes in each of n rows */
static inline int
model_field_bits(const AlexSpec *spec, const uint64 *rows, int n, int f)
{
	uint64		min = PG_UINT64_MAX;
	uint64		max = 0;
	int			bits = 0;

	if (f == spec->deadfield)
		return 1;
	if (spec->dict && f == 0)
		return 10;				/* 1024 units of 8 bytes */
	for (int i = 0; i < n; i++)
	{
		uint64		v = rows[(Size) i * spec->nfields + f];

		min = Min(min, v);
		max = Max(max, v);
	}
	for (uint64 range = n > 0 ? max - min : 0; range != 0; range >>= 1)
		bits++;
	return bits;
}

/* Bytes that the bits of n rows take */
static inline int
model_entry_bytes(const AlexSpec *spec, const uint64 *rows, int n)
{
	uint64		bits = 0;

	for (int f = 0; f < spec->nfields; f++)
		bits += model_field_bits(spec, rows, n, f);
	return (int) ((bits * n + 7) / 8);
}

/* Page offset of the first entry */
static inline int
model_header(const AlexSpec *spec)
{
	return 24 + (8 + 2 * (spec->nfields + 1) + 7) / 8 * 8 +
		8 * (spec->nfields + 2 * spec->nord);
}

/* Bytes for entries and images */
static inline int
model_space(const AlexSpec *spec)
{
	return BLCKSZ - 16 - model_header(spec) - (spec->dict ? 8 : 0);
}

static inline bool
model_fits(const AlexSpec *spec, const uint64 *rows, int n)
{
	return n <= ALEX_MAX_ENTRIES && n * spec->nfields <= ALEX_SCRATCH_WORDS &&
		model_entry_bytes(spec, rows, n) <= model_space(spec);
}

/* Drops rows at the end until the rest fits. */
static inline void
model_trim(PageModel *m)
{
	while (!model_fits(&m->spec, m->rows, m->n))
		m->n -= 1 + m->n / 16;
}

/* A full, or nearly full, model of any shape */
static inline void
model_random(PageModel *m, const ModelShape *shape)
{
	static const int most[] = {0, 1, 2, 10, 100, ALEX_MAX_ENTRIES};
	int			n = (int) model_number(most[model_number(lengthof(most))] + 1);

	model_fill(m, shape, Min(n, ALEX_SCRATCH_WORDS / shape->nfields));
	model_trim(m);
}

/* Do two image words stand for equal images? */
static inline bool
model_same_image(uint64 a, uint64 b)
{
	IndexTuple	x = (IndexTuple) (uintptr_t) a;
	IndexTuple	y = (IndexTuple) (uintptr_t) b;

	if (x == NULL || y == NULL)
		return x == y;
	return x->t_info == y->t_info &&
		memcmp((char *) x + 6, (char *) y + 6, (x->t_info & 0x1FFF) - 6) == 0;
}

static inline bool
model_same_fields(const AlexSpec *spec, const uint64 *a, const uint64 *b, int nf)
{
	int			from = spec->dict ? 1 : 0;

	if (spec->dict && !model_same_image(a[0], b[0]))
		return false;
	return memcmp(a + from, b + from, sizeof(uint64) * (nf - from)) == 0;
}

static inline bool
model_same_fence(const AlexSpec *spec, const AlexFence *a, const AlexFence *b)
{
	if (a->inf || b->inf)
		return a->inf == b->inf;
	return model_same_fields(spec, a->f, b->f, spec->nord);
}

static inline bool
model_same_spec(const AlexSpec *a, const AlexSpec *b)
{
	return a->nfields == b->nfields && a->nord == b->nord &&
		a->dict == b->dict && a->deadfield == b->deadfield &&
		a->level == b->level && a->flags == b->flags &&
		a->left == b->left && a->right == b->right &&
		model_same_fence(a, &a->low, &b->low) &&
		model_same_fence(a, &a->high, &b->high);
}

/* The hole between entries and images is zero: redo must not depend on it. */
static inline bool
model_hole_is_zero(Page page)
{
	PageHeader	hdr = (PageHeader) page;

	for (int i = hdr->pd_lower; i < hdr->pd_upper; i++)
	{
		if (page[i] != 0)
			return false;
	}
	return true;
}

/* So are the bits of the last byte that no row has. */
static inline bool
model_tail_is_zero(Page page)
{
	AlexPack   *pack = AlexPageGetPack(page);
	int			bits = pack->nentries * pack->bitoff[pack->nfields];

	return bits % 8 == 0 || AlexPackBits(pack)[bits / 8] >> (bits % 8) == 0;
}

/* Does the page hold what the model holds, and nothing else? */
static inline bool
model_check(PageModel *m, Page page)
{
	static uint64 got[MODEL_WORDS];
	int			nf = m->spec.nfields;
	const char *wrong = alex_page_verify(page);
	AlexSpec	spec;

	if (wrong)
		printf("# %s\n", wrong);
	if (!CHECK(wrong == NULL) || !CHECK_EQ(AlexPageCount(page), m->n))
		return false;
	alex_page_spec(page, &spec);
	CHECK(model_same_spec(&spec, &m->spec));
	CHECK(model_hole_is_zero(page));
	alex_page_decode(page, 0, m->n, got);
	for (int i = 0; i < m->n; i++)
	{
		if (!CHECK(model_same_fields(&m->spec, got + (Size) i * nf,
									 model_at(m, i), nf)))
			return false;
	}
	return true;
}

/* Puts a row in front of row pos. */
static inline void
model_insert(PageModel *m, int pos, const uint64 *row)
{
	Size		size = sizeof(uint64) * m->spec.nfields;

	memmove(model_at(m, pos + 1), model_at(m, pos), size * (m->n - pos));
	memcpy(model_at(m, pos), row, size);
	m->n++;
}

/* Removes the rows at ascending positions. */
static inline void
model_delete(PageModel *m, const uint16 *pos, int npos)
{
	Size		size = sizeof(uint64) * m->spec.nfields;
	int			kept = 0;

	for (int i = 0, gone = 0; i < m->n; i++)
	{
		if (gone < npos && pos[gone] == i)
			gone++;
		else
			memmove(model_at(m, kept++), model_at(m, i), size);
	}
	m->n = kept;
}

/* Random ascending positions, about share in 256 of all; returns how many. */
static inline int
model_positions(int n, int share, uint16 *pos)
{
	int			npos = 0;

	for (int i = 0; i < n; i++)
	{
		if ((int) model_number(256) < share)
			pos[npos++] = (uint16) i;
	}
	return npos;
}

/* The seed from the command line, or a new one; printed to be repeated. */
static inline void
model_start(int argc, char **argv)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	model_seed = argc > 1 ? strtoull(argv[1], NULL, 10) :
		(uint64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
	printf("# %s %" PRIu64 " repeats this run\n", argv[0], model_seed);
}

#endif							/* PAGE_MODEL_H */
