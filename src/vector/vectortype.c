/*-------------------------------------------------------------------------
 *
 * vectortype.c
 *	  Datums as values of vectors, and back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/lsyscache.h"

#include "vector/vectorinternal.h"

/*
 * vector_kind: what values of a type are in a vector.  Those of numeric are
 * VECTOR_INT if they fit, else VECTOR_DATUM.
 */
VectorKind
vector_kind(Oid type)
{
	int16		typlen;
	Oid			base;

	switch (column_form(type, &base, &typlen))
	{
		case COLUMN_FORM_INT:
			return base == BOOLOID ? VECTOR_BOOL : VECTOR_INT;
		case COLUMN_FORM_NUMERIC:
			return VECTOR_INT;
		case COLUMN_FORM_FLOAT4:
		case COLUMN_FORM_FLOAT8:
			return VECTOR_FLOAT;
		default:
			return VECTOR_BYTES;
	}
}

/*
 * vector_width: bytes of a value of a kind, as it is in a vector's array.
 */
Size
vector_width(VectorKind kind)
{
	switch (kind)
	{
		case VECTOR_BOOL:
			return sizeof(uint8);
		case VECTOR_BYTES:
			return sizeof(ColumnBytes);
		case VECTOR_CODES:
			return sizeof(uint32);
		default:
			return sizeof(int64);
	}
}

/*
 * vector_new_dictionary: a number that no other dictionary of this process has.
 */
uint64
vector_new_dictionary(void)
{
	static uint64 last = 0;

	return ++last;
}

/*
 * vector_point: lets the array that the kind of a vector says be this one.
 */
void
vector_point(Vector *v, void *array)
{
	switch (v->kind)
	{
		case VECTOR_INT:
			v->ints = array;
			break;
		case VECTOR_BOOL:
			v->bools = array;
			break;
		case VECTOR_FLOAT:
			v->floats = array;
			break;
		case VECTOR_BYTES:
			v->bytes = array;
			break;
		case VECTOR_CODES:
			v->codes = array;
			break;
		case VECTOR_DATUM:
			v->datums = array;
			break;
	}
}

/*---- from Datums ---- */

/* Sets low and high from the values of rows; without any they are zero */
static void
find_bounds(Vector *v, const int *rows, int nrows)
{
	int64		low = PG_INT64_MAX;
	int64		high = PG_INT64_MIN;

	for (int i = 0; i < nrows; i++)
	{
		if (vector_is_null(v, rows[i]))
			continue;
		low = Min(low, v->ints[rows[i]]);
		high = Max(high, v->ints[rows[i]]);
	}
	v->low = low <= high ? low : 0;
	v->high = low <= high ? high : 0;
}

/* Numerics as scaled integers, if all have the same scale and fit */
static bool
scale_numerics(Vector *v, const Datum *datums, const int *rows, int nrows,
			   int64 *values)
{
	int			scale = -1;

	for (int i = 0; i < nrows; i++)
	{
		struct varlena *value;

		if (vector_is_null(v, rows[i]))
			continue;
		value = PG_DETOAST_DATUM_PACKED(datums[rows[i]]);
		if (!numeric_unscale(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
							 &scale, &values[rows[i]]))
			return false;
	}
	v->scale = Max(scale, 0);
	return true;
}

static ColumnBytes
bytes_of_datum(Datum datum, int16 typlen)
{
	ColumnBytes bytes;
	struct varlena *value;

	if (typlen != -1)
	{
		bytes.data = DatumGetPointer(datum);
		bytes.len = typlen > 0 ? typlen : strlen(bytes.data);
		return bytes;
	}
	value = PG_DETOAST_DATUM_PACKED(datum);
	bytes.data = VARDATA_ANY(value);
	bytes.len = VARSIZE_ANY_EXHDR(value);
	return bytes;
}

/* Values of kind INT or BOOL */
static void
take_ints(Vector *v, const Datum *datums, Oid base, int16 typlen,
		  const int *rows, int nrows, void *room)
{
	for (int i = 0; i < nrows; i++)
	{
		int			row = rows[i];

		if (vector_is_null(v, row))
			continue;
		if (v->kind == VECTOR_BOOL)
			((uint8 *) room)[row] = DatumGetBool(datums[row]);
		else
			((int64 *) room)[row] = column_int(datums[row], base, typlen);
	}
}

static void
take_floats(Vector *v, const Datum *datums, Oid base, const int *rows,
			int nrows, double *room)
{
	for (int i = 0; i < nrows; i++)
	{
		int			row = rows[i];

		if (!vector_is_null(v, row))
			room[row] = base == FLOAT4OID ? (double) DatumGetFloat4(datums[row]) :
				DatumGetFloat8(datums[row]);
	}
}

/*
 * vector_from_datums: makes a vector of Datums of a type, of the kind that
 * vector_kind() says, or of VECTOR_DATUM where they do not fit in it.  nulls
 * and has_nulls are set already.  Only those rows of datums are looked at.
 * room has COLUMN_VECTOR values of sizeof(ColumnBytes); strings stay where the
 * Datums point to, or are detoasted in the current memory context.
 */
void
vector_from_datums(Vector *v, Oid type, const Datum *datums, const int *rows,
				   int nrows, void *room)
{
	int16		typlen;
	Oid			base;
	ColumnForm	form = column_form(type, &base, &typlen);

	v->type = base;
	v->scale = 0;
	v->kind = vector_kind(base);
	vector_point(v, room);
	if (form == COLUMN_FORM_INT)
		take_ints(v, datums, base, typlen, rows, nrows, room);
	else if (v->kind == VECTOR_FLOAT)
		take_floats(v, datums, base, rows, nrows, room);
	else if (v->kind == VECTOR_BYTES)
	{
		for (int i = 0; i < nrows; i++)
		{
			if (!vector_is_null(v, rows[i]))
				((ColumnBytes *) room)[rows[i]] =
					bytes_of_datum(datums[rows[i]], typlen);
		}
	}
	else if (!scale_numerics(v, datums, rows, nrows, room))
	{
		v->kind = VECTOR_DATUM;
		v->datums = datums;
	}
	if (v->kind == VECTOR_INT)
		find_bounds(v, rows, nrows);
}

/*
 * vector_repeat: gives all rows what row 0 has; room is its array.
 */
void
vector_repeat(Vector *v, void *room)
{
	Size		width = vector_width(v->kind);
	Size		have = width;
	Size		all = COLUMN_VECTOR * width;

	memset(v->nulls, v->has_nulls ? 0xFF : 0, sizeof(v->nulls));
	for (; have < all; have *= 2)
		memcpy((char *) room + have, room, Min(have, all - have));
}

/*---- to Datums ---- */

/* The length of a type, without a look in the catalog for most */
static int16
type_length(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case CHAROID:
			return 1;
		case INT2OID:
			return 2;
		case INT4OID:
		case OIDOID:
		case DATEOID:
			return 4;
		case INT8OID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case CASHOID:
			return 8;
		case UUIDOID:
			return 16;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case BYTEAOID:
			return -1;
		default:
			return get_typlen(type);
	}
}

static Datum
varlena_datum(const char *data, uint32 len)
{
	char	   *value = palloc(VARHDRSZ + len);

	SET_VARSIZE(value, VARHDRSZ + len);
	memcpy(VARDATA(value), data, len);
	return PointerGetDatum(value);
}

/*
 * vector_int_datum: a value of kind VECTOR_INT as a Datum of that type.
 */
Datum
vector_int_datum(int64 value, Oid type, int scale)
{
	char		payload[NUMERIC_SCALED_MAX];

	if (type != NUMERICOID)
		return column_int_datum(value, type_length(type));
	return varlena_datum(payload, numeric_rescale(value, scale, payload));
}

/*
 * vector_bytes_datum: what kind VECTOR_BYTES holds as a Datum of that type.
 */
Datum
vector_bytes_datum(const ColumnBytes *bytes, Oid type)
{
	int16		typlen = type_length(type);
	char	   *value;

	if (typlen == -1)
		return varlena_datum(bytes->data, bytes->len);
	value = palloc0(Max(bytes->len + 1, typlen));
	memcpy(value, bytes->data, bytes->len);
	return PointerGetDatum(value);
}

/*
 * vector_datum: a row's value as a Datum, made in the current memory context
 * unless the vector has Datums.
 */
Datum
vector_datum(const Vector *v, int row, bool *isnull)
{
	*isnull = vector_is_null(v, row);
	if (*isnull)
		return (Datum) 0;
	switch (v->kind)
	{
		case VECTOR_INT:
			return vector_int_datum(v->ints[row], v->type, v->scale);
		case VECTOR_BOOL:
			return BoolGetDatum(v->bools[row] != 0);
		case VECTOR_FLOAT:
			return v->type == FLOAT4OID ?
				Float4GetDatum((float4) v->floats[row]) :
				Float8GetDatum(v->floats[row]);
		case VECTOR_BYTES:
		case VECTOR_CODES:
			return vector_bytes_datum(vector_row_bytes(v, row), v->type);
		default:
			return v->datums[row];
	}
}
