/*-------------------------------------------------------------------------
 *
 * test_column.c
 *		Columns: what is encoded comes back, in every class, shape, pattern
 *		of nulls and encoding.
 *
 * usage: test_column [seed]
 *
 *-------------------------------------------------------------------------
 */
/* needs: src/column/columncodec.c src/column/columnbuffer.c */
/* needs: src/column/columnpack.c src/column/columnint.c */
/* needs: src/column/columnnulls.c src/column/columndict.c */
/* needs: src/column/columnbytes.c src/column/columnfloat.c */
/* needs: src/column/columnstats.c */
#include "postgres.h"

#include "column/columncodec.h"
#include "column_model.h"
#include "column_shapes.h"

static const int sizes[] = {1, 2, 15, 16, 17, 63, 1023, 1024, 1025, 3000};

/* Encodes and checks; returns the bytes, 0 if the encoding does not suit. */
static uint32
round_trip(const ModelColumn *model, ColumnCodec codec, ColumnCodec *chosen)
{
	ColumnStats stats;
	uint32		nbytes = 0;
	char	   *blob = column_encode_as(&model->values, codec, &nbytes, &stats);

	if (blob == NULL)
		return 0;
	CHECK_EQ(stats.nbytes, nbytes);
	if (codec != 0)
		CHECK_EQ(stats.codec, codec);
	if (!model_check_blob(model, blob, nbytes))
		printf("# class %d, %d rows, encoding %d\n", model->values.class,
			   model->values.nrows, stats.codec);
	if (chosen != NULL)
		*chosen = stats.codec;
	pfree(blob);
	return nbytes;
}

/* Is every value of a column the same? */
static bool
is_constant(const ModelColumn *model)
{
	int			first = -1;

	for (int i = 0; i < model->values.nrows; i++)
	{
		if (model->nulls != NULL && model->nulls[i])
			continue;
		if (first < 0)
			first = i;
		if (!model_same(model, first, i))
			return false;
	}
	return first >= 0;
}

static bool
is_all_null(const ModelColumn *model)
{
	for (int i = 0; i < model->values.nrows; i++)
	{
		if (model->nulls == NULL || !model->nulls[i])
			return false;
	}
	return true;
}

/* Which encodings must be able to hold a column? */
static bool
suits(const ModelColumn *model, ColumnCodec codec)
{
	bool		bytes = model->values.class == COLUMN_BYTES;

	if (is_all_null(model))
		return codec == COLUMN_CODEC_NULL;
	switch (codec)
	{
		case COLUMN_CODEC_NULL:
			return false;
		case COLUMN_CODEC_CONSTANT:
			return is_constant(model);
		case COLUMN_CODEC_DICT:
		case COLUMN_CODEC_PLAIN:
			return true;
		case COLUMN_CODEC_ALP:
			return !bytes && model->values.class != COLUMN_INT;
		case COLUMN_CODEC_LZ4:
		case COLUMN_CODEC_ZSTD:
			return bytes;
		default:
			return !bytes;
	}
}

static void
check_all_codecs(const ModelColumn *model)
{
	CHECK(round_trip(model, 0, NULL) > 0);
	for (int codec = COLUMN_CODEC_NULL; codec <= COLUMN_CODEC_ZSTD; codec++)
		CHECK_EQ(round_trip(model, codec, NULL) > 0, suits(model, codec));
}

static void
check_class(ColumnClass class)
{
	ModelColumn model;

	for (int shape = 0; shape < shapes_of(class); shape++)
	{
		for (int i = 0; i < lengthof(sizes); i++)
		{
			for (int nulls = 0; nulls < NULLS_KINDS; nulls++)
			{
				shape_make(&model, class, shape, sizes[i]);
				model_add_nulls(&model, nulls);
				check_all_codecs(&model);
				model_free(&model);
			}
		}
		shape_make(&model, class, shape, 70000);
		model_add_nulls(&model, shape % NULLS_KINDS);
		check_all_codecs(&model);
		model_free(&model);
	}
}

static void
test_classes(void)
{
	check_class(COLUMN_INT);
	unit_done("integers");
	check_class(COLUMN_FLOAT4);
	unit_done("float4");
	check_class(COLUMN_FLOAT8);
	unit_done("float8");
	check_class(COLUMN_BYTES);
	unit_done("byte strings");
}

/* Every width of packed numbers, with every number of them */
static void
test_widths(void)
{
	ModelColumn model;

	for (int width = 0; width <= 64; width++)
	{
		for (int n = 1; n <= COLUMN_VECTOR; n += 1 + (int) model_number(50))
		{
			uint64		base = unit_random(&model_seed);

			model_init(&model, COLUMN_INT, n);
			for (int i = 0; i < n; i++)
				model.ints[i] = (int64) (base + (width == 0 ? 0 :
												 unit_random(&model_seed) >> (64 - width)));
			CHECK(round_trip(&model, COLUMN_CODEC_FOR, NULL) > 0);
			CHECK(round_trip(&model, COLUMN_CODEC_DELTA, NULL) > 0);
			if (n % 7 == 0)
				CHECK(round_trip(&model, COLUMN_CODEC_DICT, NULL) > 0);
			model_free(&model);
		}
	}
	unit_done("numbers of every width");
}

/* The choice takes what fits the data, and sizes are what they should be. */
static void
check_choice(ColumnClass class, int shape, ColumnCodec wanted, double bytes)
{
	const int	nrows = 70000;
	ModelColumn model;
	ColumnCodec chosen = 0;
	uint32		nbytes;

	shape_make(&model, class, shape, nrows);
	nbytes = round_trip(&model, 0, &chosen);
	if (!CHECK_EQ(chosen, wanted) || !CHECK((double) nbytes / nrows <= bytes))
		printf("# shape %d of class %d: encoding %d, %.3f bytes a value\n",
			   shape, class, chosen, (double) nbytes / nrows);
	model_free(&model);
}

static void
test_choice(void)
{
	check_choice(COLUMN_INT, INTS_CONSTANT, COLUMN_CODEC_CONSTANT, 0.01);
	check_choice(COLUMN_INT, INTS_RUNS, COLUMN_CODEC_RLE, 0.1);
	check_choice(COLUMN_INT, INTS_SEQUENCE, COLUMN_CODEC_DELTA, 0.1);
	check_choice(COLUMN_INT, INTS_CLOCK, COLUMN_CODEC_DELTA, 1.5);
	check_choice(COLUMN_INT, INTS_NARROW, COLUMN_CODEC_FOR, 1.3);
	check_choice(COLUMN_INT, INTS_ANY, COLUMN_CODEC_FOR, 8.1);
	check_choice(COLUMN_INT, INTS_OUTLIERS, COLUMN_CODEC_FOR, 1.2);
	check_choice(COLUMN_INT, INTS_LOW_OUTLIERS, COLUMN_CODEC_FOR, 1.2);
	check_choice(COLUMN_INT, INTS_SQUARES, COLUMN_CODEC_DELTA2, 0.1);
	check_choice(COLUMN_INT, INTS_FEW, COLUMN_CODEC_DICT, 0.5);
	check_choice(COLUMN_INT, INTS_MULTIPLES, COLUMN_CODEC_FOR, 1.3);
	check_choice(COLUMN_FLOAT8, FLOATS_DECIMALS, COLUMN_CODEC_ALP, 2.3);
	check_choice(COLUMN_FLOAT4, FLOATS_DECIMALS, COLUMN_CODEC_ALP, 2.3);
	check_choice(COLUMN_FLOAT8, FLOATS_MOSTLY_DECIMALS, COLUMN_CODEC_ALP, 3.0);
	check_choice(COLUMN_FLOAT8, FLOATS_ANY_BITS, COLUMN_CODEC_FOR, 8.1);
	check_choice(COLUMN_FLOAT4, FLOATS_ANY_BITS, COLUMN_CODEC_FOR, 4.1);
	check_choice(COLUMN_FLOAT8, FLOATS_FEW, COLUMN_CODEC_DICT, 0.5);
	check_choice(COLUMN_BYTES, BYTES_EMPTY, COLUMN_CODEC_CONSTANT, 0.01);
	check_choice(COLUMN_BYTES, BYTES_FEW, COLUMN_CODEC_DICT, 0.5);
	check_choice(COLUMN_BYTES, BYTES_RANDOM, COLUMN_CODEC_PLAIN, 21.5);
	check_choice(COLUMN_BYTES, BYTES_DIGITS, COLUMN_CODEC_ZSTD, 8.0);
	check_choice(COLUMN_BYTES, BYTES_LOG, COLUMN_CODEC_ZSTD, 5.0);
	unit_done("the choice of encodings");
}

/* Strings of a megabyte, alone in their blocks */
static void
test_long_strings(void)
{
	const Size	room = 9 * 1024 * 1024;
	ModelColumn model;

	for (int kind = 0; kind < 2; kind++)
	{
		model_init(&model, COLUMN_BYTES, 3000);
		for (int i = 0; i < 3000; i++)
		{
			uint32		len = i % 400 == 7 ? 1024 * 1024 : i % 10;
			char	   *data = model_set_bytes(&model, i, len, room);

			for (uint32 b = 0; b < len; b++)
				data[b] = kind == 0 ? (char) unit_random(&model_seed) : 'a' + b / 7 % 20;
		}
		model_add_nulls(&model, kind == 0 ? NULLS_NONE : NULLS_FEW);
		check_all_codecs(&model);
		model_free(&model);
	}
	unit_done("strings of a megabyte");
}

/* As many rows as a segment may have */
static void
test_most_rows(void)
{
	static const struct
	{
		ColumnClass class;
		int			shape;
	}			kinds[] = {
		{COLUMN_INT, INTS_ANY}, {COLUMN_INT, INTS_RUNS},
		{COLUMN_FLOAT8, FLOATS_DECIMALS}, {COLUMN_BYTES, BYTES_FEW},
		{COLUMN_BYTES, BYTES_DIGITS}
	};

	for (int i = 0; i < lengthof(kinds); i++)
	{
		ModelColumn model;

		shape_make(&model, kinds[i].class, kinds[i].shape, COLUMN_MAX_ROWS);
		model_add_nulls(&model, i % 2 == 0 ? NULLS_NONE : NULLS_FEW);
		CHECK(round_trip(&model, 0, NULL) > 0);
		model_free(&model);
	}
	unit_done("as many rows as a segment may have");
}

/* More bytes than a column may have are refused. */
static void
test_too_many_bytes(void)
{
	ModelColumn model;
	ColumnStats stats;
	uint32		nbytes;
	Size		len = COLUMN_MAX_BYTES / 4 + 1;
	char	   *data = model_alloc(len);

	memset(data, 'x', len);
	model_init(&model, COLUMN_BYTES, 4);
	for (int i = 0; i < 4; i++)
		model.bytes[i] = (ColumnBytes)
	{
		data, (uint32) len
	};
	CHECK(column_encode(&model.values, &nbytes, &stats) == NULL);
	model.bytes[3].len -= 4;
	CHECK(round_trip(&model, 0, NULL) > 0);
	model_free(&model);
	free(data);
	unit_done("the limit of the bytes of a column");
}

/* Dictionaries are in order, without duplicates, and of nothing unused. */
static void
test_dictionaries(void)
{
	ModelColumn model;
	ColumnStats stats;
	uint32		nbytes;
	const char *problem;

	for (int shape = 0; shape < shapes_of(COLUMN_BYTES); shape++)
	{
		char	   *blob;
		ColumnReader *reader;
		const ColumnBytes *entries;
		int			n;

		shape_make(&model, COLUMN_BYTES, shape, 5000);
		blob = column_encode_as(&model.values, COLUMN_CODEC_DICT, &nbytes, &stats);
		reader = column_open(blob, nbytes, &problem);
		entries = column_dictionary(reader, &n);
		CHECK_EQ(n, stats.ndistinct);
		CHECK(column_dictionary_words(reader, &n) == NULL && n == 0);
		for (uint32 i = 1; i < stats.ndistinct; i++)
			CHECK(model_compare_bytes(&entries[i - 1], &entries[i]) < 0);
		CHECK(model_compare_bytes(&entries[0], &stats.min_bytes) == 0);
		CHECK(model_compare_bytes(&entries[stats.ndistinct - 1],
								  &stats.max_bytes) == 0);
		column_close(reader);
		pfree(blob);
		model_free(&model);
	}
	unit_done("dictionaries");
}

/* Codes are for dictionaries only, and there is no problem in asking. */
static void
test_no_codes(void)
{
	ModelColumn model;
	ColumnStats stats;
	uint32		nbytes;
	uint32		codes[COLUMN_VECTOR];
	const char *problem;
	char	   *blob;
	ColumnReader *reader;
	int			n;

	shape_make(&model, COLUMN_INT, INTS_NARROW, 100);
	blob = column_encode_as(&model.values, COLUMN_CODEC_FOR, &nbytes, &stats);
	reader = column_open(blob, nbytes, &problem);
	problem = "something";
	CHECK(!column_codes(reader, 0, codes, &problem) && problem == NULL);
	CHECK(column_dictionary(reader, &n) == NULL && n == 0);
	CHECK(column_dictionary_words(reader, &n) == NULL && n == 0);
	column_close(reader);
	pfree(blob);
	model_free(&model);
	unit_done("no codes without a dictionary");
}

/* One end of a range: extreme, or near the values */
static int64
random_end(void)
{
	switch (unit_random(&model_seed) % 4)
	{
		case 0:
			return PG_INT64_MIN + (int64) (unit_random(&model_seed) % 2);
		case 1:
			return PG_INT64_MAX - (int64) (unit_random(&model_seed) % 2);
		case 2:
			return (int64) unit_random(&model_seed);
		default:
			return (int64) (unit_random(&model_seed) % 8) - 4;
	}
}

/* Values within a range, by loops over several at once; any number of them */
static void
test_ranges(void)
{
	int64		values[COLUMN_VECTOR];
	uint8		keep[COLUMN_VECTOR];
	uint8		before[COLUMN_VECTOR];

	for (int round = 0; round < 2000; round++)
	{
		int			n = (int) (unit_random(&model_seed) % (COLUMN_VECTOR + 1));
		int64		low = random_end();
		int64		high = random_end();
		uint8		outside = round % 2;
		bool		all = true;

		for (int i = 0; i < n; i++)
		{
			values[i] = round % 3 == 0 && low <= high ?
				(i % 2 == 0 ? low : high) : random_end();
			keep[i] = before[i] = unit_random(&model_seed) % 2;
			all = all && values[i] >= low && values[i] <= high;
		}
		CHECK(codec_within(values, n, low, high) == all);
		codec_keep_between(values, n, low, high, outside, keep);
		for (int i = 0; i < n; i++)
			CHECK_EQ(keep[i], before[i] &&
					 (values[i] >= low && values[i] <= high) != outside);

		/* a single value is outside, wherever it is */
		if (n == 0 || low > high || low == PG_INT64_MIN)
			continue;
		for (int i = 0; i < n; i++)
			values[i] = high;
		values[unit_random(&model_seed) % (unsigned) n] = low - 1;
		CHECK(!codec_within(values, n, low, high));
	}
	unit_done("values within a range");
}

int
main(int argc, char **argv)
{
	model_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	printf("# seed %" PRIu64 "\n", model_seed);
	test_classes();
	test_widths();
	test_choice();
	test_long_strings();
	test_most_rows();
	test_too_many_bytes();
	test_dictionaries();
	test_no_codes();
	test_ranges();
	CHECK(model_picked > 0);
	return unit_finish();
}
