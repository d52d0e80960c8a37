/*-------------------------------------------------------------------------
 *
 * fuzz_column.c
 *		Damaged columns: decoding must do no harm, whatever the bytes are.
 *
 * Not one of the tests that "make unit" runs.  Build and run it with
 *
 *		test/unit/fuzz [rounds [seed]]
 *
 * under AddressSanitizer.  Each round encodes a column, changes some of its
 * bytes, gives it the checksum that fits, and reads everything.  With
 * -DFUZZ_LIBFUZZER the input of libFuzzer takes the place of the column; a
 * third argument, a directory, makes the program write sound columns there.
 *
 *-------------------------------------------------------------------------
 */
/* needs: src/column/columncodec.c src/column/columnbuffer.c */
/* needs: src/column/columnpack.c src/column/columnint.c */
/* needs: src/column/columnnulls.c src/column/columndict.c */
/* needs: src/column/columnbytes.c src/column/columnfloat.c */
/* needs: src/column/columnstats.c */
#include "postgres.h"

#include "column_damage.h"
#include "column_shapes.h"

#ifdef FUZZ_LIBFUZZER
int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is the blob; the fuzzer cannot know the checksum. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *blob = model_alloc(size);
	uint32		magic = 0x4C4F434F;

	memcpy(blob, data, size);
	if (size >= DAMAGE_HEADER)
		memcpy(blob, &magic, sizeof(magic));
	damage_seal(blob, (uint32) size);
	damage_read(blob, (uint32) size);
	free(blob);
	return 0;
}
#else

/* A sound column of a random kind */
static char *
fuzz_make(uint32 *nbytes)
{
	ColumnClass class = COLUMN_INT + model_number(4);
	ModelColumn model;
	ColumnStats stats;
	char	   *blob = NULL;

	shape_make(&model, class, (int) model_number(shapes_of(class)),
			   1 + (int) model_number(model_number(4) == 0 ? 5000 : 100));
	model_add_nulls(&model, model_number(NULLS_KINDS));
	while (blob == NULL)
		blob = column_encode_as(&model.values, model_number(COLUMN_CODEC_ZSTD + 1),
								nbytes, &stats);
	model_free(&model);
	return blob;
}

/* Changes some bytes, most often those in front. */
static void
fuzz_damage(char *blob, uint32 nbytes)
{
	int			times = (int) model_number(5);

	for (int i = 0; i < times; i++)
	{
		uint32		range = model_number(2) == 0 ? nbytes : 80;
		uint32		at = 12 + (uint32) model_number(range);

		if (at >= nbytes)
			continue;
		blob[at] = model_number(2) ? (char) model_number(256) :
			(char) (blob[at] ^ (1 << model_number(8)));
	}
}

/* Writes sound columns to files for libFuzzer to begin with. */
static int
fuzz_write_corpus(const char *dir, long n)
{
	for (long i = 0; i < n; i++)
	{
		uint32		nbytes;
		char	   *blob = fuzz_make(&nbytes);
		char		name[1024];
		FILE	   *file;

		snprintf(name, sizeof(name), "%s/%ld", dir, i);
		file = fopen(name, "wb");
		if (file == NULL || fwrite(blob, 1, nbytes, file) != nbytes ||
			fclose(file) != 0)
			return 1;
		pfree(blob);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	long		rounds = argc > 1 ? atol(argv[1]) : 100000;
	long		passed = 0;

	model_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	if (argc > 3)
		return fuzz_write_corpus(argv[3], rounds);
	for (long i = 0; i < rounds; i++)
	{
		uint32		nbytes;
		char	   *blob = fuzz_make(&nbytes);

		CHECK(damage_read(blob, nbytes));
		fuzz_damage(blob, nbytes);
		if (model_number(20) == 0)
			nbytes = (uint32) model_number(nbytes + 1);
		damage_seal(blob, nbytes);
		passed += damage_read(blob, nbytes);
		pfree(blob);
	}
	CHECK(passed > 0 && passed < rounds);
	printf("# %ld of %ld damaged columns gave no problem\n", passed, rounds);
	unit_done("damaged columns do no harm");
	return unit_finish();
}
#endif
