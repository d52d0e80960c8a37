/*-------------------------------------------------------------------------
 *
 * bench_column.c
 *		What the encodings of columns cost, and how small they are.
 *
 * Not a test: build and run it with
 *
 *		make build/unit/bench_column UNIT_SANITIZE=-O2 && build/unit/bench_column
 *
 * A figure is processor time, when decoding the best of several runs over the
 * whole column, so that a busy machine disturbs little.  The last lines are the columns of a table of
 * sensor readings.
 *
 *-------------------------------------------------------------------------
 */
/* needs: src/column/columncodec.c src/column/columnbuffer.c */
/* needs: src/column/columnpack.c src/column/columnint.c */
/* needs: src/column/columnnulls.c src/column/columndict.c */
/* needs: src/column/columnbytes.c src/column/columnfloat.c */
/* needs: src/column/columnstats.c */
#include "postgres.h"

#include <time.h>

#include "column_model.h"

#define NROWS	(100 * 1024)	/* a segment of 8 MB of rows */
#define RUNS	7

static const char *const codec_names[] = {
	"chosen", "null", "constant", "rle", "for", "delta", "delta2", "dict",
	"alp", "plain", "lz4", "zstd"
};

static double total_bytes;
static double total_encode;
static volatile uint64 sink;

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static double
time_decode(ColumnReader *reader, bool codes)
{
	static ColumnVector vector;
	static uint32 numbers[COLUMN_VECTOR];
	int			nvectors = (column_rows(reader) + COLUMN_VECTOR - 1) / COLUMN_VECTOR;
	double		best = 1e18;
	const char *problem;

	for (int run = 0; run < RUNS; run++)
	{
		double		start = now_ns();

		for (int v = 0; v < nvectors; v++)
		{
			if (codes ? !column_codes(reader, v, numbers, &problem) :
				!column_decode(reader, v, &vector, &problem))
				abort();
			sink += codes ? numbers[1] : (uint64) vector.v.ints[1];
		}
		best = Min(best, now_ns() - start);
	}
	return best / column_rows(reader);
}

/* Encodes, decodes, and prints a line. */
static void
measure(const char *what, const ModelColumn *model, ColumnCodec codec)
{
	const char *problem;
	ColumnStats stats;
	uint32		nbytes;
	char	   *blob = NULL;
	double		encode = 1e18;
	ColumnReader *reader;
	double		decode;

	for (int run = 0; run < RUNS; run++)
	{
		double		start = now_ns();

		if (blob != NULL)
			pfree(blob);
		blob = column_encode_as(&model->values, codec, &nbytes, &stats);
		if (blob == NULL)
			abort();
		encode = Min(encode, (now_ns() - start) / model->values.nrows);
	}
	reader = column_open(blob, nbytes, &problem);
	if (reader == NULL)
		abort();
	decode = time_decode(reader, false);
	printf("%-26s %-9s %8.3f bytes %7.2f ns encode %6.2f ns decode %6.2f G/s",
		   what, codec_names[stats.codec], (double) nbytes / model->values.nrows,
		   encode, decode, 1 / decode);
	if (stats.codec == COLUMN_CODEC_DICT)
		printf(", codes %6.2f G/s", 1 / time_decode(reader, true));
	printf("\n");
	fflush(stdout);
	if (codec == 0)
	{
		total_bytes += (double) nbytes / model->values.nrows;
		total_encode += encode;
	}
	column_close(reader);
	pfree(blob);
}

/*---- columns ---- */

static void
ints_of_width(ModelColumn *model, int width)
{
	model_init(model, COLUMN_INT, NROWS);
	for (int i = 0; i < NROWS; i++)
		model->ints[i] = width == 0 ? 5 : (int64) (unit_random(&model_seed) >> (64 - width));
}

static void
measure_ints(void)
{
	static const int widths[] = {1, 3, 8, 10, 17, 32, 48, 64};
	ModelColumn model;
	char		name[64];

	for (int i = 0; i < lengthof(widths); i++)
	{
		snprintf(name, sizeof(name), "ints of %d bits", widths[i]);
		ints_of_width(&model, widths[i]);
		measure(name, &model, COLUMN_CODEC_FOR);
		if (widths[i] == 10)
		{
			measure(name, &model, COLUMN_CODEC_DELTA);
			measure(name, &model, COLUMN_CODEC_DELTA2);
			measure(name, &model, COLUMN_CODEC_DICT);
			measure(name, &model, COLUMN_CODEC_PLAIN);
			model_add_nulls(&model, NULLS_HALF);
			measure("ints, half null", &model, COLUMN_CODEC_FOR);
		}
		model_free(&model);
	}
	model_init(&model, COLUMN_INT, NROWS);
	for (int i = 0; i < NROWS; i++)
		model.ints[i] = i / 100;
	measure("runs of 100", &model, COLUMN_CODEC_RLE);
	for (int i = 0; i < NROWS; i++)
		model.ints[i] = 42;
	measure("one value", &model, COLUMN_CODEC_CONSTANT);
	for (int i = 0; i < NROWS; i++)
		model.ints[i] = (int64) i * 1000;
	measure("multiples of 1000", &model, COLUMN_CODEC_FOR);
	for (int i = 0; i < NROWS; i++)
		model.ints[i] = model_number(50) == 0 ? (int64) model_number(1000000) : (int64) model_number(200);
	measure("2 % outliers", &model, COLUMN_CODEC_FOR);
	model_free(&model);
}

static void
measure_floats(void)
{
	ModelColumn model;
	double		walk = 20;

	model_init(&model, COLUMN_FLOAT8, NROWS);
	for (int i = 0; i < NROWS; i++)
		model.floats8[i] = (double) (int64) model_number(100000) / 100;
	measure("float8, 2 decimals", &model, COLUMN_CODEC_ALP);
	measure("float8, 2 decimals", &model, COLUMN_CODEC_DICT);
	for (int i = 0; i < NROWS; i++)
		model.floats8[i] = walk += ((double) model_number(1000) - 499.5) / 7000;
	measure("float8, all digits", &model, COLUMN_CODEC_ALP);
	measure("float8, all digits", &model, COLUMN_CODEC_FOR);
	model_free(&model);
	model_init(&model, COLUMN_FLOAT4, NROWS);
	for (int i = 0; i < NROWS; i++)
		model.floats4[i] = (float) model_number(100000) / 100;
	measure("float4, 2 decimals", &model, COLUMN_CODEC_ALP);
	model_free(&model);
}

static void
set_text(ModelColumn *model, int i, const char *text, Size room)
{
	memcpy(model_set_bytes(model, i, strlen(text), room), text, strlen(text));
}

static void
measure_bytes(void)
{
	ModelColumn model;
	char		text[128];

	model_init(&model, COLUMN_BYTES, NROWS);
	for (int i = 0; i < NROWS; i++)
	{
		snprintf(text, sizeof(text), "user%d@example.org, order %d",
				 (int) model_number(100000), (int) model_number(1000000));
		set_text(&model, i, text, (Size) NROWS * 64);
	}
	measure("texts of 30 bytes", &model, COLUMN_CODEC_PLAIN);
	measure("texts of 30 bytes", &model, COLUMN_CODEC_LZ4);
	measure("texts of 30 bytes", &model, COLUMN_CODEC_ZSTD);
	model_free(&model);
}

/*---- a table of sensor readings, as bench/table has it ---- */

static int	devices[NROWS];

static double
random_part(void)
{
	return (double) (unit_random(&model_seed) >> 11) / (UINT64CONST(1) << 53);
}

static void
measure_readings_ints(void)
{
	ModelColumn model;

	model_init(&model, COLUMN_INT, NROWS);
	for (int i = 0; i < NROWS; i++)
	{
		devices[i] = (int) rint(random_part() * 999);
		model.ints[i] = INT64CONST(820540800000000) + i * INT64CONST(50000) +
			(int64) (random_part() * 40000);
	}
	measure("ts", &model, 0);
	for (int i = 0; i < NROWS; i++)
		model.ints[i] = devices[i];
	measure("device", &model, 0);
	for (int i = 0; i < NROWS; i++)
		model.ints[i] = random_part() < 0.98 ? 0 : 1 + (int) rint(random_part() * 3);
	measure("status", &model, 0);
	model_free(&model);
}

static void
measure_readings_floats(void)
{
	ModelColumn model;

	model_init(&model, COLUMN_FLOAT8, NROWS);
	for (int i = 0; i < NROWS; i++)
		model.floats8[i] = rint(100 * (20 + 5 * sin(i / 270000.0 + devices[i]) +
									   random_part() * 0.4)) / 100;
	measure("temperature", &model, 0);
	for (int i = 0; i < NROWS; i++)
		model.floats8[i] = rint(100 * (55 + 9 * cos(i / 270000.0 + devices[i]) +
									   random_part() * 0.8)) / 100;
	measure("humidity", &model, 0);
	model_free(&model);
}

static void
measure_readings_texts(void)
{
	static const char *const regions[] = {
		"north", "north-east", "east", "south-east", "south", "south-west",
		"west", "north-west"
	};
	ModelColumn model;
	char		text[64];

	model_init(&model, COLUMN_BYTES, NROWS);
	for (int i = 0; i < NROWS; i++)
		set_text(&model, i, regions[devices[i] % 8], (Size) NROWS * 10);
	measure("region", &model, 0);
	model_free(&model);
	model_init(&model, COLUMN_BYTES, NROWS);
	model.values.nulls = model.nulls = model_alloc(NROWS);
	for (int i = 0; i < NROWS; i++)
	{
		snprintf(text, sizeof(text), "calibration %d", (int) rint(random_part() * 40));
		set_text(&model, i, text, (Size) NROWS * 20);
		model.nulls[i] = random_part() >= 0.02;
	}
	measure("note", &model, 0);
	model_free(&model);
}

int
main(void)
{
	measure_ints();
	measure_floats();
	measure_bytes();
	measure_readings_ints();
	measure_readings_floats();
	measure_readings_texts();
	printf("all chosen: %.2f bytes a row, %.0f ns a row to encode\n",
		   total_bytes, total_encode);
	return 0;
}
