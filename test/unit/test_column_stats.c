/*-------------------------------------------------------------------------
 *
 * test_column_stats.c
 *		Statistics of a column against a computation value by value.
 *
 * usage: test_column_stats [seed]
 *
 *-------------------------------------------------------------------------
 */
/* needs: src/column/columncodec.c src/column/columnbuffer.c */
/* needs: src/column/columnpack.c src/column/columnint.c */
/* needs: src/column/columnnulls.c src/column/columndict.c */
/* needs: src/column/columnbytes.c src/column/columnfloat.c */
/* needs: src/column/columnstats.c */
#include "postgres.h"

#include "column_model.h"
#include "column_shapes.h"

static bool
is_null(const ModelColumn *model, int i)
{
	return model->nulls != NULL && model->nulls[i];
}

static void
check_ints(const ModelColumn *model, const ColumnStats *stats)
{
	__int128	sum = 0;
	int64		min = PG_INT64_MAX;
	int64		max = PG_INT64_MIN;
	int			n = 0;

	for (int i = 0; i < model->values.nrows; i++)
	{
		if (is_null(model, i))
			continue;
		sum += model->ints[i];
		min = Min(min, model->ints[i]);
		max = Max(max, model->ints[i]);
		n++;
	}
	CHECK_EQ(stats->has_minmax, n > 0);
	CHECK(n == 0 || (stats->min_int == min && stats->max_int == max));
	CHECK_EQ(stats->sum_lo, (uint64) sum);
	CHECK_EQ(stats->sum_hi, (int64) (sum >> 64));
	CHECK(!stats->has_nan);
}

static void
check_floats(const ModelColumn *model, const ColumnStats *stats)
{
	bool		has_nan = false;
	double		min = INFINITY;
	double		max = -INFINITY;
	int			n = 0;

	for (int i = 0; i < model->values.nrows; i++)
	{
		double		value;

		if (is_null(model, i))
			continue;
		value = model->floats4 != NULL ? (double) model->floats4[i] : model->floats8[i];
		if (isnan(value))
		{
			has_nan = true;
			continue;
		}
		min = Min(min, value);
		max = Max(max, value);
		n++;
	}
	CHECK_EQ(stats->has_nan, has_nan);
	CHECK_EQ(stats->has_minmax, n > 0);
	CHECK(n == 0 || (stats->min_float == min && stats->max_float == max));
}

static void
check_bytes(const ModelColumn *model, const ColumnStats *stats)
{
	const ColumnBytes *min = NULL;
	const ColumnBytes *max = NULL;

	for (int i = 0; i < model->values.nrows; i++)
	{
		const ColumnBytes *value = &model->bytes[i];

		if (is_null(model, i))
			continue;
		if (min == NULL || model_compare_bytes(value, min) < 0)
			min = value;
		if (max == NULL || model_compare_bytes(value, max) > 0)
			max = value;
	}
	CHECK_EQ(stats->has_bytes, min != NULL);
	CHECK(!stats->has_minmax);
	if (min == NULL)
		return;
	CHECK(model_compare_bytes(&stats->min_bytes, min) == 0);
	CHECK(model_compare_bytes(&stats->max_bytes, max) == 0);
}

static void
check_column(ColumnClass class, int shape, int nrows, ModelNulls nulls,
			 ColumnCodec codec)
{
	ModelColumn model;
	ColumnStats stats;
	uint32		nbytes;
	int			nnulls = 0;
	char	   *blob;

	shape_make(&model, class, shape, nrows);
	model_add_nulls(&model, nulls);
	memset(&stats, 0xEE, sizeof(stats));
	blob = column_encode_as(&model.values, codec, &nbytes, &stats);
	if (blob != NULL)
	{
		for (int i = 0; i < nrows; i++)
			nnulls += is_null(&model, i);
		CHECK_EQ(stats.nnulls, nnulls);
		CHECK_EQ(stats.nbytes, nbytes);
		CHECK((stats.ndistinct > 0) == (stats.codec == COLUMN_CODEC_DICT));
		if (class == COLUMN_INT)
			check_ints(&model, &stats);
		else if (class == COLUMN_BYTES)
			check_bytes(&model, &stats);
		else
			check_floats(&model, &stats);
		pfree(blob);
	}
	model_free(&model);
}

static void
test_class(ColumnClass class, const char *what)
{
	for (int shape = 0; shape < shapes_of(class); shape++)
	{
		for (int nulls = 0; nulls < NULLS_KINDS; nulls++)
		{
			check_column(class, shape, 1, nulls, 0);
			check_column(class, shape, 2500, nulls, 0);
			check_column(class, shape, 700, nulls, COLUMN_CODEC_DICT);
			check_column(class, shape, 700, nulls, COLUMN_CODEC_PLAIN);
		}
	}
	unit_done(what);
}

/* Sums that need more than 64 bits, to either side and back */
static void
test_wide_sums(void)
{
	for (int i = 0; i < 300; i++)
	{
		ModelColumn model;
		ColumnStats stats;
		uint32		nbytes;
		int			nrows = 1 + (int) model_number(50);

		model_init(&model, COLUMN_INT, nrows);
		for (int k = 0; k < nrows; k++)
			model.ints[k] = model_number(4) == 0 ? shape_int(INTS_EXTREMES, k) :
				i % 3 == 0 ? PG_INT64_MIN : i % 3 == 1 ? PG_INT64_MAX :
				(int64) unit_random(&model_seed);
		model_add_nulls(&model, i % 2 == 0 ? NULLS_NONE : NULLS_HALF);
		pfree(column_encode(&model.values, &nbytes, &stats));
		check_ints(&model, &stats);
		model_free(&model);
	}
	unit_done("sums of 128 bits");
}

int
main(int argc, char **argv)
{
	model_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	printf("# seed %" PRIu64 "\n", model_seed);
	test_class(COLUMN_INT, "statistics of integers");
	test_class(COLUMN_FLOAT4, "statistics of float4");
	test_class(COLUMN_FLOAT8, "statistics of float8");
	test_class(COLUMN_BYTES, "statistics of byte strings");
	test_wide_sums();
	return unit_finish();
}
