/*-------------------------------------------------------------------------
 *
 * test_column_damage.c
 *		Damaged columns: the checksum finds the damage, and where it is
 *		forged to fit, decoding ends with a problem or with some values, but
 *		in good order.
 *
 * usage: test_column_damage [seed]
 *
 * The seed is printed.  Runs under the sanitizers see every access beyond the
 * blob, which lies in memory of its own size.
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

#include "column_damage.h"
#include "column_shapes.h"

static long harmless;			/* damages that gave no problem */
static long noticed;

static void
count(bool good)
{
	harmless += good;
	noticed += !good;
}

/* Every byte changed: without and with a checksum that fits */
static void
flip_bytes(const char *blob, uint32 nbytes)
{
	char	   *copy = model_alloc(nbytes);

	for (uint32 i = 0; i < nbytes; i++)
	{
		char		change = (char) (1 << model_number(8));

		memcpy(copy, blob, nbytes);
		copy[i] ^= change;
		CHECK(!damage_read(copy, nbytes));
		damage_seal(copy, nbytes);
		count(damage_read(copy, nbytes));
		copy[i] = (char) (model_number(2) ? 0xFF : 0);
		damage_seal(copy, nbytes);
		count(damage_read(copy, nbytes));
	}
	free(copy);
}

/* Every length */
static void
cut_off(const char *blob, uint32 nbytes)
{
	char	   *copy = model_alloc(nbytes);

	for (uint32 n = 0; n < nbytes; n++)
	{
		CHECK(!damage_read(blob, n));
		memcpy(copy, blob, n);
		damage_seal(copy, n);
		count(damage_read(copy, n));
	}
	free(copy);
}

/* Several places at once, also numbers of 16, 32 and 64 bits */
static void
edit_randomly(const char *blob, uint32 nbytes, int rounds)
{
	char	   *copy = model_alloc(nbytes + 8);

	for (int i = 0; i < rounds; i++)
	{
		uint32		at = DAMAGE_HEADER;

		memcpy(copy, blob, nbytes);
		for (int k = (int) model_number(4); k >= 0; k--)
		{
			uint64		any = unit_random(&model_seed) >> model_number(64);
			Size		size = (Size) 1 << model_number(4);

			at = (uint32) model_number(model_number(2) ? nbytes : nbytes / 8 + 32);
			memcpy(copy + (at < nbytes ? at : 0), &any, size);
		}
		damage_seal(copy, nbytes);
		count(damage_read(copy, nbytes));
	}
	free(copy);
}

static void
damage_class(ColumnClass class, int nrows, int rounds)
{
	for (int shape = 0; shape < shapes_of(class); shape++)
	{
		for (int codec = COLUMN_CODEC_NULL; codec <= COLUMN_CODEC_ZSTD; codec++)
		{
			ModelColumn model;
			ColumnStats stats;
			uint32		nbytes;
			char	   *blob;

			shape_make(&model, class, shape, nrows);
			model_add_nulls(&model, (shape + codec) % NULLS_KINDS);
			blob = column_encode_as(&model.values, codec, &nbytes, &stats);
			if (blob != NULL)
			{
				CHECK(damage_read(blob, nbytes));
				if (rounds == 0)
				{
					flip_bytes(blob, nbytes);
					cut_off(blob, nbytes);
				}
				edit_randomly(blob, nbytes, rounds > 0 ? rounds : 20);
				pfree(blob);
			}
			model_free(&model);
		}
	}
}

static void
damage_all(int nrows, int rounds, const char *what)
{
	harmless = noticed = 0;
	for (int class = COLUMN_INT; class <= COLUMN_BYTES; class++)
		damage_class(class, nrows, rounds);
	CHECK(harmless > 0 && noticed > 0);
	printf("# %ld damages gave a problem, %ld did not\n", noticed, harmless);
	unit_done(what);
}

/* Parts of a column in another encoding's place */
static void
test_headers(void)
{
	ModelColumn model;
	ColumnStats stats;
	uint32		nbytes;

	for (int class = COLUMN_INT; class <= COLUMN_BYTES; class++)
	{
		char	   *blob;

		shape_make(&model, class, 3, 2000);
		model_add_nulls(&model, NULLS_FEW);
		blob = column_encode(&model.values, &nbytes, &stats);
		for (int other = 0; other <= 6; other++)
		{
			for (int codec = 0; codec < 14; codec++)
			{
				blob[20] = (char) other;
				blob[21] = (char) codec;
				damage_seal(blob, nbytes);
				if (other == class && codec == (int) stats.codec)
					CHECK(damage_read(blob, nbytes));
				else
					count(damage_read(blob, nbytes));
			}
		}
		pfree(blob);
		model_free(&model);
	}
	unit_done("classes and encodings exchanged");
}

int
main(int argc, char **argv)
{
	model_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64) time(NULL);
	printf("# seed %" PRIu64 "\n", model_seed);
	damage_all(40, 0, "every byte changed, every length, of small columns");
	damage_all(2500, 60, "random changes of columns of some vectors");
	test_headers();
	return unit_finish();
}
