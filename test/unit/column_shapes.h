/*-------------------------------------------------------------------------
 *
 * column_shapes.h
 *		Distributions of values for tests of columns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_COLUMN_SHAPES_H
#define OMENDB_COLUMN_SHAPES_H

#include "column_model.h"

typedef enum IntShape
{
	INTS_CONSTANT,
	INTS_RUNS,
	INTS_SEQUENCE,
	INTS_CLOCK,					/* about the same distance */
	INTS_NARROW,
	INTS_ANY,
	INTS_OUTLIERS,
	INTS_LOW_OUTLIERS,
	INTS_SQUARES,
	INTS_FEW,					/* few values far from each other */
	INTS_MULTIPLES,
	INTS_EXTREMES,
	INTS_NEGATIVE,
	INTS_FULL_RANGE_RUNS,
	INTS_SHAPES
} IntShape;

typedef enum FloatShape
{
	FLOATS_CONSTANT,
	FLOATS_DECIMALS,
	FLOATS_MOSTLY_DECIMALS,
	FLOATS_INTEGERS,
	FLOATS_ANY_BITS,
	FLOATS_SPECIAL,				/* NaNs, infinities, zeros, denormals */
	FLOATS_FEW,
	FLOATS_WALK,
	FLOATS_MANY_EXPONENTS,
	FLOATS_SHAPES
} FloatShape;

typedef enum BytesShape
{
	BYTES_EMPTY,
	BYTES_CONSTANT,
	BYTES_FEW,
	BYTES_DIGITS,
	BYTES_LOG,
	BYTES_RANDOM,
	BYTES_UUID,
	BYTES_PREFIXES,				/* each the beginning of the next */
	BYTES_SHAPES
} BytesShape;

static inline int
shapes_of(ColumnClass class)
{
	return class == COLUMN_INT ? INTS_SHAPES :
		class == COLUMN_BYTES ? BYTES_SHAPES : FLOATS_SHAPES;
}

static inline int64
shape_int(IntShape shape, int64 i)
{
	static const int64 extremes[] = {
		PG_INT64_MIN, PG_INT64_MAX, 0, -1, 1, PG_INT64_MIN + 1, PG_INT64_MAX - 1
	};
	uint64		any = unit_random(&model_seed);

	switch (shape)
	{
		case INTS_CONSTANT:
			return -7;
		case INTS_RUNS:
			return i / 100 * 37 % 1000;
		case INTS_SEQUENCE:
			return i + 1000000;
		case INTS_CLOCK:
			return INT64CONST(757382400000000) + i * 1000000 + (int64) (any % 600);
		case INTS_NARROW:
			return (int64) (any % 1000);
		case INTS_ANY:
			return (int64) any;
		case INTS_OUTLIERS:
			return any % 97 == 0 ? (int64) (any >> 33) : (int64) (any % 100);
		case INTS_LOW_OUTLIERS:
			return any % 97 == 0 ? -(int64) (any >> 33) : (int64) (any % 100);
		case INTS_SQUARES:
			return i * i * 3 - 5 * i;
		case INTS_FEW:
			any %= 6;
			return (int64) (any * any * any * UINT64CONST(12345678912345677) + any);
		case INTS_MULTIPLES:
			return (int64) (any % 1000) * 86400 - 123;
		case INTS_EXTREMES:
			return extremes[any % lengthof(extremes)];
		case INTS_NEGATIVE:
			return -(int64) (any >> 40);
		default:
			return i / 50 % 2 == 0 ? PG_INT64_MIN : PG_INT64_MAX;
	}
}

static inline double
double_of_bits(uint64 bits)
{
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline double
shape_double(FloatShape shape, int64 i)
{
	static const uint64 special[] = {
		0, UINT64CONST(0x8000000000000000), UINT64CONST(0x7FF0000000000000),
		UINT64CONST(0xFFF0000000000000), UINT64CONST(0x7FF8000000000000),
		UINT64CONST(0x7FF8000000000001), UINT64CONST(0xFFF8DEADBEEF1234),
		UINT64CONST(0x7FF0000000000001), 1, UINT64CONST(0x8000000000000001),
		UINT64CONST(0x000FFFFFFFFFFFFF), UINT64CONST(0x0010000000000000),
		UINT64CONST(0x7FEFFFFFFFFFFFFF), UINT64CONST(0xFFEFFFFFFFFFFFFF),
		UINT64CONST(0x4330000000000000), UINT64CONST(0x4320000000000001),
		UINT64CONST(0xC330000000000000)
	};
	static double walk = 0;
	uint64		any = unit_random(&model_seed);

	switch (shape)
	{
		case FLOATS_CONSTANT:
			return -0.0;
		case FLOATS_DECIMALS:
			return ((double) (any % 90000) - 10000) / 100;
		case FLOATS_MOSTLY_DECIMALS:
			return any % 50 == 0 ? special[any / 64 % lengthof(special)] :
				(double) (int64) (any % 90000) / 100;
		case FLOATS_INTEGERS:
			return (double) (int64) (any >> 44);
		case FLOATS_ANY_BITS:
			return double_of_bits(any);
		case FLOATS_SPECIAL:
			return double_of_bits(special[any % lengthof(special)]);
		case FLOATS_FEW:
			return sqrt((double) (any % 5));
		case FLOATS_WALK:
			walk = (i == 0 ? 0 : walk) + ((double) (any % 1000) - 500) / 7;
			return walk;
		default:
			return ((double) (any % 1000) - 500) * pow(10, (double) (i / 300 % 30) - 15);
	}
}

/* Any bits as float4 are any bits of a float4. */
static inline float
shape_float(FloatShape shape, int64 i)
{
	static const uint32 special[] = {
		0, 0x80000000, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7FC00001,
		0xFFC12345, 0x7F800001, 1, 0x80000001, 0x007FFFFF, 0x7F7FFFFF
	};
	uint32		bits;
	float		value;

	if (shape != FLOATS_ANY_BITS && shape != FLOATS_SPECIAL)
		return (float) shape_double(shape, i);
	bits = (uint32) unit_random(&model_seed);
	if (shape == FLOATS_SPECIAL)
		bits = special[bits % lengthof(special)];
	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Writes a byte string of the shape to out; returns its length. */
static inline uint32
shape_bytes(BytesShape shape, int64 i, char *out, Size room)
{
	static const char *const few[] = {"north", "south", "", "west", "north-east", "n"};
	static const char *const words[] = {"started", "stopped", "failed", "ready"};
	uint64		any = unit_random(&model_seed);
	uint32		len;

	switch (shape)
	{
		case BYTES_EMPTY:
			return 0;
		case BYTES_CONSTANT:
			return snprintf(out, room, "always the same");
		case BYTES_FEW:
			return snprintf(out, room, "%s", few[any % lengthof(few)]);
		case BYTES_DIGITS:
			return snprintf(out, room, "%" PRIu64, any >> 15);
		case BYTES_LOG:
			return snprintf(out, room, "service %d: %s, request %d of the service",
							(int) (any % 50), words[any / 64 % lengthof(words)],
							(int) (i / 3));
		case BYTES_PREFIXES:
			len = any % 40;
			memset(out, 'a', len);
			return len;
		default:
			len = shape == BYTES_UUID ? 16 : any % 41;
			for (uint32 b = 0; b < len; b++)
				out[b] = (char) unit_random(&model_seed);
			return len;
	}
}

/* Makes a column of a shape of its class, without nulls. */
static inline void
shape_make(ModelColumn *model, ColumnClass class, int shape, int nrows)
{
	char		text[128];

	model_init(model, class, nrows);
	for (int i = 0; i < nrows; i++)
	{
		if (class == COLUMN_INT)
			model->ints[i] = shape_int(shape, i);
		else if (class == COLUMN_FLOAT4)
			model->floats4[i] = shape_float(shape, i);
		else if (class == COLUMN_FLOAT8)
			model->floats8[i] = shape_double(shape, i);
		else
		{
			uint32		len = shape_bytes(shape, i, text, sizeof(text));

			memcpy(model_set_bytes(model, i, len, (Size) nrows * sizeof(text)),
				   text, len);
		}
	}
}

#endif							/* OMENDB_COLUMN_SHAPES_H */
