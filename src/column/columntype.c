/*-------------------------------------------------------------------------
 *
 * columntype.c
 *	  Types: how the Datums of a column become values that the encodings know,
 *	  and how they come back.
 *
 * What comes back is bit by bit what the row holds; only the headers of
 * variable-length values may be others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "column/column.h"

/*
 * column_form: how the values of a type are held; also the type below its
 * domains, and its length.
 */
ColumnForm
column_form(Oid typid, Oid *basetype, int16 *typlen)
{
	bool		byval;

	*basetype = getBaseType(typid);
	get_typlenbyval(*basetype, typlen, &byval);
	if (byval)
		return *basetype == FLOAT4OID ? COLUMN_FORM_FLOAT4 :
			*basetype == FLOAT8OID ? COLUMN_FORM_FLOAT8 : COLUMN_FORM_INT;
	if (*typlen > 0)
		return COLUMN_FORM_FIXED;
	if (*typlen == -2)
		return COLUMN_FORM_CSTRING;
	return *basetype == NUMERICOID ? COLUMN_FORM_NUMERIC : COLUMN_FORM_VARLENA;
}

/*
 * column_form_class: the class of values that the encodings see.
 */
ColumnClass
column_form_class(ColumnForm form)
{
	switch (form)
	{
		case COLUMN_FORM_INT:
		case COLUMN_FORM_NUMERIC:
			return COLUMN_INT;
		case COLUMN_FORM_FLOAT4:
			return COLUMN_FLOAT4;
		case COLUMN_FORM_FLOAT8:
			return COLUMN_FLOAT8;
		default:
			return COLUMN_BYTES;
	}
}

static bool
is_signed(Oid basetype)
{
	switch (basetype)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case CASHOID:
			return true;
		default:
			return false;
	}
}

/*
 * column_int_ordered: is the order of a COLUMN_FORM_INT type's values, as
 * int64, the type's own?  Not that of an enum, for example.
 */
bool
column_int_ordered(Oid basetype)
{
	return is_signed(basetype) || basetype == BOOLOID ||
		basetype == CHAROID || basetype == OIDOID;
}

/*
 * column_int: a value of a COLUMN_FORM_INT type as int64.
 */
int64
column_int(Datum value, Oid basetype, int16 typlen)
{
	bool		sign = is_signed(basetype);

	switch (typlen)
	{
		case 1:
			return (uint8) DatumGetChar(value);
		case 2:
			return sign ? DatumGetInt16(value) : DatumGetUInt16(value);
		case 4:
			return sign ? (int64) DatumGetInt32(value) :
				(int64) DatumGetUInt32(value);
		default:
			return (int64) DatumGetInt64(value);
	}
}

/*
 * column_int_datum: the reverse, the same bits that a row gives.
 */
Datum
column_int_datum(int64 value, int16 typlen)
{
	switch (typlen)
	{
		case 1:
			return CharGetDatum((char) value);
		case 2:
			return Int16GetDatum((int16) value);
		case 4:
			return Int32GetDatum((int32) value);
		default:
			return Int64GetDatum(value);
	}
}

/*---- byte strings ---- */

/*
 * column_datum_bytes: room for the Datum of a value of so many bytes.
 */
uint32
column_datum_bytes(const SegmentColumn *column, uint32 len)
{
	switch (column->form)
	{
		case COLUMN_FORM_CSTRING:
			return MAXALIGN(len + 1);
		case COLUMN_FORM_FIXED:
			return MAXALIGN(len);
		default:
			return MAXALIGN(VARHDRSZ + len);
	}
}

/*
 * column_bytes_datum: the Datum of a value, made in room of
 * column_datum_bytes(), which is aligned.
 */
Datum
column_bytes_datum(const SegmentColumn *column, const ColumnBytes *bytes,
				   char *room)
{
	char	   *at = room;

	if (column->form == COLUMN_FORM_VARLENA ||
		column->form == COLUMN_FORM_NUMERIC)
	{
		SET_VARSIZE(room, VARHDRSZ + bytes->len);
		at = VARDATA(room);
	}
	memcpy(at, bytes->data, bytes->len);
	if (column->form == COLUMN_FORM_CSTRING)
		at[bytes->len] = '\0';
	return PointerGetDatum(room);
}
