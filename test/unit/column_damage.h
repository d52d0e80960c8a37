/*-------------------------------------------------------------------------
 *
 * column_damage.h
 *		Reading encoded columns that are damaged, with a right checksum.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_COLUMN_DAMAGE_H
#define OMENDB_COLUMN_DAMAGE_H

#include "column_model.h"
#include "port/pg_crc32c.h"

/* The header: magic, checksum, length, and what the checksum is of */
#define DAMAGE_CRC		4
#define DAMAGE_LENGTH	8
#define DAMAGE_HEADER	24

#define DAMAGE_BUDGET	(1 << 24)	/* bytes of a column to read one by one */

static volatile uint64 damage_sink;
static int64 damage_budget;

/* Gives a blob the length and checksum that it should have. */
static inline void
damage_seal(char *blob, uint32 nbytes)
{
	pg_crc32c	crc;

	if (nbytes < DAMAGE_HEADER)
		return;
	memcpy(blob + DAMAGE_LENGTH, &nbytes, sizeof(nbytes));
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, blob + DAMAGE_LENGTH, nbytes - DAMAGE_LENGTH);
	FIN_CRC32C(crc);
	memcpy(blob + DAMAGE_CRC, &crc, sizeof(crc));
}

/*
 * Reads a byte string: all of it, but of a column that claims to have many
 * long ones only both ends.
 */
static inline void
damage_touch(const ColumnBytes *bytes)
{
	uint32		step = damage_budget > 0 ? 1 : Max(bytes->len, 1);

	for (uint32 i = 0; i < bytes->len; i += step)
		damage_sink += (unsigned char) bytes->data[i];
	if (bytes->len > 0)
		damage_sink += (unsigned char) bytes->data[bytes->len - 1];
	damage_budget -= bytes->len / step;
}

/* Reads all of a vector; true if there was no problem. */
static inline bool
damage_read_vector(ColumnReader *reader, int v)
{
	static ColumnVector vector;
	uint32		codes[COLUMN_VECTOR];
	const char *problem = NULL;
	const char *other = NULL;
	int			n;
	bool		good = column_decode(reader, v, &vector, &problem);

	if (!good)
		CHECK(problem != NULL && problem[0] != '\0');
	for (int i = 0; good && i < vector.n; i++)
	{
		if (column_class(reader) == COLUMN_BYTES)
			damage_touch(&vector.v.bytes[i]);
		else
			damage_sink += column_class(reader) == COLUMN_FLOAT4 ?
				(uint64) (vector.v.floats4[i] != 0) : (uint64) vector.v.ints[i];
	}
	if (column_codes(reader, v, codes, &other))
	{
		if (column_dictionary(reader, &n) == NULL)
			column_dictionary_words(reader, &n);
		for (int i = 0; good && i < vector.n; i++)
			CHECK(codes[i] <= n);
	}
	return good;
}

/*
 * Reads everything there is in nbytes bytes, from memory of exactly that
 * size.  Returns whether there was no problem.
 */
static inline bool
damage_read(const char *blob, uint32 nbytes)
{
	char	   *copy = model_alloc(nbytes);
	const char *problem = NULL;
	ColumnReader *reader;
	bool		good = true;
	int			n;

	damage_budget = DAMAGE_BUDGET;
	memcpy(copy, blob, nbytes);
	reader = column_open(copy, nbytes, &problem);
	if (reader == NULL)
	{
		CHECK(problem != NULL && problem[0] != '\0');
		free(copy);
		return false;
	}
	for (int v = 0; v * COLUMN_VECTOR < column_rows(reader); v++)
		good = damage_read_vector(reader, v) && good;
	if (column_dictionary(reader, &n) != NULL)
	{
		for (int i = 0; i < n; i++)
			damage_touch(&column_dictionary(reader, &n)[i]);
	}
	column_close(reader);
	free(copy);
	return good;
}

#endif							/* OMENDB_COLUMN_DAMAGE_H */
