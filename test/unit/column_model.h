/*-------------------------------------------------------------------------
 *
 * column_model.h
 *		Columns made up for tests: values of every class in many shapes, and
 *		the check that what comes out is what went in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_COLUMN_MODEL_H
#define OMENDB_COLUMN_MODEL_H

#include <math.h>

#include "column/column.h"
#include "unit.h"

static uint64 model_seed = 1;
static int	model_picked = 0;	/* vectors of which some numbers were taken */

/* A column and the memory that its values are in */
typedef struct ModelColumn
{
	ColumnValues values;
	int64	   *ints;
	float	   *floats4;
	double	   *floats8;
	ColumnBytes *bytes;
	bool	   *nulls;
	char	   *heap;
	Size		nheap;
} ModelColumn;

typedef enum ModelNulls
{
	NULLS_NONE,
	NULLS_FEW,
	NULLS_HALF,
	NULLS_MOST,
	NULLS_BLOCKS,				/* whole vectors */
	NULLS_ALL,
	NULLS_KINDS
} ModelNulls;

static inline uint64
model_number(uint64 below)
{
	return unit_random(&model_seed) % below;
}

static inline void *
model_alloc(Size size)
{
	void	   *result = malloc(size > 0 ? size : 1);

	if (result == NULL)
		abort();
	return result;
}

/* A column of nrows rows whose values the caller sets. */
static inline void
model_init(ModelColumn *model, ColumnClass class, int nrows)
{
	memset(model, 0, sizeof(ModelColumn));
	model->values.class = class;
	model->values.nrows = nrows;
	if (class == COLUMN_INT)
		model->values.ints = model->ints = model_alloc(nrows * sizeof(int64));
	else if (class == COLUMN_FLOAT4)
		model->values.floats4 = model->floats4 = model_alloc(nrows * sizeof(float));
	else if (class == COLUMN_FLOAT8)
		model->values.floats8 = model->floats8 = model_alloc(nrows * sizeof(double));
	else
		model->values.bytes = model->bytes = model_alloc(nrows * sizeof(ColumnBytes));
}

static inline void
model_free(ModelColumn *model)
{
	free(model->ints);
	free(model->floats4);
	free(model->floats8);
	free(model->bytes);
	free(model->nulls);
	free(model->heap);
}

/* Makes some rows null, and what their values are without meaning. */
static inline void
model_add_nulls(ModelColumn *model, ModelNulls kind)
{
	static const ColumnBytes wild = {(const char *) 1, 0xFFFFFFFF};
	int			nrows = model->values.nrows;

	if (kind == NULLS_NONE)
		return;
	model->values.nulls = model->nulls = model_alloc(nrows);
	for (int i = 0; i < nrows; i++)
	{
		bool		null = kind == NULLS_ALL ||
		(kind == NULLS_FEW && model_number(300) == 0) ||
		(kind == NULLS_HALF && model_number(2) == 0) ||
		(kind == NULLS_MOST && model_number(50) != 0) ||
		(kind == NULLS_BLOCKS && (i / 1500) % 2 == 0);

		model->nulls[i] = null;
		if (!null)
			continue;
		if (model->ints != NULL)
			model->ints[i] = (int64) unit_random(&model_seed);
		if (model->bytes != NULL)
			model->bytes[i] = wild;
	}
}

/* Puts a byte string of len bytes, all set by the caller, in row i. */
static inline char *
model_set_bytes(ModelColumn *model, int i, uint32 len, Size room)
{
	if (model->heap == NULL)
		model->heap = model_alloc(room);
	if (model->nheap + len > room)
		abort();
	model->bytes[i].data = model->heap + model->nheap;
	model->bytes[i].len = len;
	model->nheap += len;
	return model->heap + model->nheap - len;
}

/* By memcmp and then by length */
static inline int
model_compare_bytes(const ColumnBytes *a, const ColumnBytes *b)
{
	int			cmp = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

	return cmp != 0 ? cmp : a->len < b->len ? -1 : a->len > b->len;
}

/* Have two rows, neither of them null, the same value? */
static inline bool
model_same(const ModelColumn *model, int i, int j)
{
	switch (model->values.class)
	{
		case COLUMN_INT:
			return model->ints[i] == model->ints[j];
		case COLUMN_FLOAT4:
			return memcmp(&model->floats4[i], &model->floats4[j], sizeof(float)) == 0;
		case COLUMN_FLOAT8:
			return memcmp(&model->floats8[i], &model->floats8[j], sizeof(double)) == 0;
		case COLUMN_BYTES:
			return model_compare_bytes(&model->bytes[i], &model->bytes[j]) == 0;
	}
	return false;
}

static inline bool
model_row_is(const ModelColumn *model, int row, const ColumnVector *vector, int i)
{
	bool		null = model->nulls != NULL && model->nulls[row];

	if (null != ((vector->nulls[i / 64] >> (i % 64)) & 1))
		return false;
	switch (model->values.class)
	{
		case COLUMN_INT:
			return vector->v.ints[i] == (null ? 0 : model->ints[row]);
		case COLUMN_FLOAT4:
			return null ? vector->v.floats4[i] == 0 :
				memcmp(&vector->v.floats4[i], &model->floats4[row], 4) == 0;
		case COLUMN_FLOAT8:
			return null ? vector->v.floats8[i] == 0 :
				memcmp(&vector->v.floats8[i], &model->floats8[row], 8) == 0;
		case COLUMN_BYTES:
			if (null)
				return vector->v.bytes[i].len == 0;
			return vector->v.bytes[i].len == model->bytes[row].len &&
				memcmp(vector->v.bytes[i].data, model->bytes[row].data,
					   model->bytes[row].len) == 0;
	}
	return false;
}

/* Decodes a vector and compares it with the rows it was made of. */
static inline bool
model_check_vector(const ModelColumn *model, ColumnReader *reader, int v)
{
	static ColumnVector vector;
	const char *problem = NULL;
	int			n = model->values.nrows - v * COLUMN_VECTOR;
	bool		any = false;

	n = n < COLUMN_VECTOR ? n : COLUMN_VECTOR;
	memset(&vector, 0xEE, sizeof(vector));
	if (!CHECK(column_decode(reader, v, &vector, &problem)))
	{
		printf("# problem: %s\n", problem);
		return false;
	}
	if (!CHECK_EQ(vector.n, n))
		return false;
	for (int i = 0; i < n; i++)
	{
		if (!model_row_is(model, v * COLUMN_VECTOR + i, &vector, i))
			return CHECK_EQ(-1, v * COLUMN_VECTOR + i);
		any = any || ((vector.nulls[i / 64] >> (i % 64)) & 1);
	}
	for (int i = n; i < COLUMN_VECTOR; i++)
		CHECK(((vector.nulls[i / 64] >> (i % 64)) & 1) == 0);
	return CHECK_EQ(vector.has_nulls, any);
}

/* The codes of a vector name the values in the dictionary. */
static inline bool
model_check_codes(const ModelColumn *model, ColumnReader *reader, int v)
{
	uint32		codes[COLUMN_VECTOR];
	const char *problem = NULL;
	int			n;
	const ColumnBytes *entries = column_dictionary(reader, &n);
	int			nrows = model->values.nrows - v * COLUMN_VECTOR;

	if (!CHECK(column_codes(reader, v, codes, &problem)))
		return false;
	if (entries == NULL)
		CHECK(column_dictionary_words(reader, &n) != NULL);
	for (int i = 0; i < nrows && i < COLUMN_VECTOR; i++)
	{
		int			row = v * COLUMN_VECTOR + i;

		if (model->nulls != NULL && model->nulls[row])
		{
			if (!CHECK_EQ(codes[i], n))
				return false;
			continue;
		}
		if (!CHECK(codes[i] < n))
			return false;
		if (entries != NULL &&
			!CHECK(entries[codes[i]].len == model->bytes[row].len &&
				   memcmp(entries[codes[i]].data, model->bytes[row].data,
						  model->bytes[row].len) == 0))
			return false;
		if (model->ints != NULL &&
			!CHECK_EQ(column_dictionary_words(reader, &n)[codes[i]], model->ints[row]))
			return false;
	}
	return true;
}

/* Some numbers of a vector, each in its place, and nothing in the others */
static inline bool
model_check_picked(const ModelColumn *model, ColumnReader *reader, int v)
{
	int64		picked[COLUMN_VECTOR];
	uint64		wanted[COLUMN_VECTOR / 64] = {0};
	int			nrows = model->values.nrows - v * COLUMN_VECTOR;
	uint64		one_in = 1 + model_number(200);

	memset(picked, 0xEE, sizeof(picked));
	for (int i = 0; i < nrows && i < COLUMN_VECTOR; i++)
		wanted[i / 64] |= (uint64) (model_number(one_in) == 0) << (i % 64);
	if (!column_pick_ints(reader, v, wanted, picked))
		return true;
	for (int i = 0; i < COLUMN_VECTOR; i++)
	{
		int64		expected = (int64) UINT64CONST(0xEEEEEEEEEEEEEEEE);

		if ((wanted[i / 64] >> (i % 64)) & 1)
			expected = model->ints[v * COLUMN_VECTOR + i];
		if (!CHECK_EQ(picked[i], expected))
			return false;
	}
	model_picked++;
	return true;
}

/* All vectors of a blob, in a random order, some of them twice */
static inline bool
model_check_blob(const ModelColumn *model, const char *blob, uint32 nbytes)
{
	const char *problem = NULL;
	char	   *copy = model_alloc(nbytes);
	ColumnReader *reader;
	int			nvectors = (model->values.nrows + COLUMN_VECTOR - 1) / COLUMN_VECTOR;
	bool		good = true;

	memcpy(copy, blob, nbytes); /* so that reading beyond it is seen */
	reader = column_open(copy, nbytes, &problem);
	if (!CHECK(reader != NULL))
	{
		printf("# problem: %s\n", problem);
		free(copy);
		return false;
	}
	CHECK_EQ(column_rows(reader), model->values.nrows);
	CHECK_EQ(column_class(reader), model->values.class);
	for (int v = nvectors - 1; v >= 0 && good; v--)
	{
		good = model_check_vector(model, reader, v) &&
			model_check_vector(model, reader, (int) model_number(nvectors));
		if (good && column_codec(reader) == COLUMN_CODEC_DICT)
			good = model_check_codes(model, reader, v);
		good = good && model_check_picked(model, reader, v);
	}
	column_close(reader);
	free(copy);
	return good;
}

#endif							/* OMENDB_COLUMN_MODEL_H */
