/*-------------------------------------------------------------------------
 *
 * alexkey.c
 *	  Values as words, entries, and keys to search for.
 *
 * A projection maps a type's values one to one to unsigned words in the
 * type's order.  Signed integers flip their sign bit.  Floats use the usual
 * total order of IEEE bits, rotated so that NaNs of either sign come last.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/itup.h"
#include "alex/alex.h"
#include "catalog/pg_type.h"
#include "pgtime.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#define SIGN64	(UINT64CONST(1) << 63)

/*
 * alex_kind_of: projection of a key column (by its comparison function) or of
 * an INCLUDE column (cmpproc 0, by type)
 */
AlexKind
alex_kind_of(Oid cmpproc, Oid typid, bool byval)
{
	switch (cmpproc)
	{
		case InvalidOid:
			if (typid == UUIDOID)
				return ALEX_KIND_UUID;
			return byval ? ALEX_KIND_RAW : ALEX_KIND_NONE;
		case F_BTINT2CMP:
			return ALEX_KIND_INT2;
		case F_BTINT4CMP:
			return ALEX_KIND_INT4;
		case F_BTINT8CMP:
		case F_CASH_CMP:
			return ALEX_KIND_INT8;
		case F_BTOIDCMP:
			return ALEX_KIND_OID;
		case F_BTBOOLCMP:
			return ALEX_KIND_BOOL;
		case F_BTCHARCMP:
			return ALEX_KIND_CHAR;
		case F_DATE_CMP:
			return ALEX_KIND_DATE;
		case F_TIME_CMP:
			return ALEX_KIND_TIME;
		case F_TIMESTAMP_CMP:
			return ALEX_KIND_TIMESTAMP;
		case F_TIMESTAMPTZ_CMP:
			return ALEX_KIND_TIMESTAMPTZ;
		case F_BTFLOAT4CMP:
			return ALEX_KIND_FLOAT4;
		case F_BTFLOAT8CMP:
			return ALEX_KIND_FLOAT8;
		case F_UUID_CMP:
			return ALEX_KIND_UUID;
		case F_PG_LSN_CMP:
		case F_XID8CMP:
			return ALEX_KIND_U64;
		default:
			return ALEX_KIND_NONE;
	}
}

/*---- projections ---- */

/* -infinity is 0, NaNs of either sign come last */
static uint64
alex_project_float8(float8 value)
{
	uint64		bits;
	uint64		ninf;
	float8		neg = -get_float8_infinity();

	memcpy(&bits, &value, sizeof(bits));
	memcpy(&ninf, &neg, sizeof(ninf));
	bits = (bits & SIGN64) ? ~bits : bits | SIGN64;
	return bits - ~ninf;
}

static float8
alex_unproject_float8(uint64 word)
{
	uint64		bits;
	uint64		ninf;
	float8		neg = -get_float8_infinity();
	float8		value;

	memcpy(&ninf, &neg, sizeof(ninf));
	bits = word + ~ninf;
	bits = (bits & SIGN64) ? bits & ~SIGN64 : ~bits;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

#define SIGN32		UINT64CONST(0x80000000)
#define FLOAT4_NINF UINT64CONST(0x007FFFFF) /* ordered bits of -infinity */

static uint64
alex_project_float4(float4 value)
{
	uint32		bits;

	memcpy(&bits, &value, sizeof(bits));
	bits = (bits & SIGN32) ? ~bits : bits | (uint32) SIGN32;
	return (uint32) (bits - (uint32) FLOAT4_NINF);
}

static float4
alex_unproject_float4(uint64 word)
{
	uint32		bits = (uint32) word + (uint32) FLOAT4_NINF;
	float4		value;

	bits = (bits & SIGN32) ? bits & ~(uint32) SIGN32 : ~bits;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void
alex_project_uuid(const pg_uuid_t *uuid, uint64 *word)
{
	for (int w = 0; w < 2; w++)
	{
		word[w] = 0;
		for (int i = 0; i < 8; i++)
			word[w] = word[w] << 8 | uuid->data[w * 8 + i];
	}
}

/* Words in ascending order; alex_project adds DESC */
static void
alex_project_asc(uint8 kind, Datum value, uint64 *word)
{
	switch ((AlexKind) kind)
	{
		case ALEX_KIND_INT2:
			word[0] = (uint64) (int64) DatumGetInt16(value) ^ SIGN64;
			break;
		case ALEX_KIND_INT4:
		case ALEX_KIND_DATE:
			word[0] = (uint64) (int64) DatumGetInt32(value) ^ SIGN64;
			break;
		case ALEX_KIND_INT8:
		case ALEX_KIND_TIME:
		case ALEX_KIND_TIMESTAMP:
		case ALEX_KIND_TIMESTAMPTZ:
			word[0] = (uint64) DatumGetInt64(value) ^ SIGN64;
			break;
		case ALEX_KIND_OID:
			word[0] = DatumGetObjectId(value);
			break;
		case ALEX_KIND_BOOL:
			word[0] = DatumGetBool(value) ? 1 : 0;
			break;
		case ALEX_KIND_CHAR:
			word[0] = (uint8) DatumGetChar(value);
			break;
		case ALEX_KIND_FLOAT4:
			word[0] = alex_project_float4(DatumGetFloat4(value));
			break;
		case ALEX_KIND_FLOAT8:
			word[0] = alex_project_float8(DatumGetFloat8(value));
			break;
		case ALEX_KIND_UUID:
			alex_project_uuid(DatumGetUUIDP(value), word);
			break;
		case ALEX_KIND_U64:
			word[0] = (uint64) DatumGetInt64(value);
			break;
		case ALEX_KIND_RAW:
			word[0] = (uint64) value;
			break;
		case ALEX_KIND_NONE:
			elog(ERROR, "column has no projection");
	}
}

/*
 * alex_project: words of a non-null value
 */
void
alex_project(const AlexColumn *col, Datum value, uint64 *word)
{
	alex_project_asc(col->kind, value, word);
	if (col->desc)
	{
		word[0] = ~word[0];
		if (col->nwords == 2)
			word[1] = ~word[1];
	}
}

/*
 * alex_unproject: the value that has these words
 */
Datum
alex_unproject(const AlexColumn *col, const uint64 *words, char *buf)
{
	uint64		w = col->desc ? ~words[0] : words[0];

	switch ((AlexKind) col->kind)
	{
		case ALEX_KIND_INT2:
			return Int16GetDatum((int16) (w ^ SIGN64));
		case ALEX_KIND_INT4:
		case ALEX_KIND_DATE:
			return Int32GetDatum((int32) (w ^ SIGN64));
		case ALEX_KIND_INT8:
		case ALEX_KIND_TIME:
		case ALEX_KIND_TIMESTAMP:
		case ALEX_KIND_TIMESTAMPTZ:
			return Int64GetDatum((int64) (w ^ SIGN64));
		case ALEX_KIND_OID:
			return ObjectIdGetDatum((Oid) w);
		case ALEX_KIND_BOOL:
			return BoolGetDatum(w != 0);
		case ALEX_KIND_CHAR:
			return CharGetDatum((char) (uint8) w);
		case ALEX_KIND_FLOAT4:
			return Float4GetDatum(alex_unproject_float4(w));
		case ALEX_KIND_FLOAT8:
			return Float8GetDatum(alex_unproject_float8(w));
		case ALEX_KIND_UUID:
			for (int i = 0; i < 16; i++)
			{
				uint64		word = col->desc ? ~words[i / 8] : words[i / 8];

				buf[i] = (char) (word >> (56 - 8 * (i % 8)));
			}
			return PointerGetDatum(buf);
		case ALEX_KIND_U64:
			return Int64GetDatum((int64) w);
		case ALEX_KIND_RAW:
			return (Datum) w;
		case ALEX_KIND_NONE:
			break;
	}
	elog(ERROR, "column has no projection");
	return (Datum) 0;
}

/*---- arguments of scan keys ---- */

/* The argument lies between words: lo is the first word above it. */
static void
alex_arg_between(AlexArg *out, uint64 above)
{
	out->exists = false;
	out->lo[0] = above;
	out->hi[0] = above - 1;
}

/* An integer argument against a column that holds min..max */
static bool
alex_arg_int(AlexArg *out, int64 value, int64 min, int64 max)
{
	if (value < min || value > max)
	{
		out->exists = false;
		out->outside = value < min ? -1 : 1;
		return true;
	}
	out->exists = true;
	out->lo[0] = out->hi[0] = (uint64) value ^ SIGN64;
	return true;
}

/* All words equal to a float8: both zeros, all NaNs */
static bool
alex_arg_float8(AlexArg *out, float8 value)
{
	out->exists = true;
	out->lo[0] = out->hi[0] = alex_project_float8(value);
	if (isnan(value))
	{
		out->lo[0] = alex_project_float8(get_float8_infinity()) + 1;
		out->hi[0] = PG_UINT64_MAX;
	}
	else if (value == 0)
	{
		out->lo[0] = alex_project_float8(-0.0);
		out->hi[0] = alex_project_float8(0.0);
	}
	return true;
}

/* A float8 argument against a float4 column */
static bool
alex_arg_float4(AlexArg *out, float8 value)
{
	float4		narrow;

	out->exists = true;
	if (isnan(value))
	{
		out->lo[0] = alex_project_float4(get_float4_infinity()) + 1;
		out->hi[0] = PG_UINT32_MAX;
		return true;
	}
	if (value == 0)
	{
		out->lo[0] = alex_project_float4(-0.0f);
		out->hi[0] = alex_project_float4(0.0f);
		return true;
	}
	narrow = (float4) value;
	out->lo[0] = out->hi[0] = alex_project_float4(narrow);
	if ((float8) narrow < value)
	{
		/* zeros are equal: step over both */
		uint64		top = narrow == 0 ? alex_project_float4(0.0f) : out->lo[0];

		alex_arg_between(out, top + 1);
	}
	else if ((float8) narrow > value)
		alex_arg_between(out, narrow == 0 ? alex_project_float4(-0.0f) : out->lo[0]);
	return true;
}

/* A timestamp argument against a date column, both without time zone */
static bool
alex_arg_date(AlexArg *out, Timestamp value)
{
	int64		day;

	if (TIMESTAMP_IS_NOBEGIN(value))
		return alex_arg_int(out, DATEVAL_NOBEGIN, PG_INT32_MIN, PG_INT32_MAX);
	if (TIMESTAMP_IS_NOEND(value))
		return alex_arg_int(out, DATEVAL_NOEND, PG_INT32_MIN, PG_INT32_MAX);
	day = value / USECS_PER_DAY;
	if (value % USECS_PER_DAY < 0)
		day--;
	alex_arg_int(out, day, PG_INT32_MIN, PG_INT32_MAX);
	if (value % USECS_PER_DAY != 0 && out->outside == 0)
		alex_arg_between(out, ((uint64) day ^ SIGN64) + 1);
	return true;
}

/* A date argument against a timestamp column */
static bool
alex_arg_timestamp(AlexArg *out, DateADT value)
{
	out->exists = true;
	if (DATE_IS_NOBEGIN(value))
		out->lo[0] = (uint64) DT_NOBEGIN ^ SIGN64;
	else if (DATE_IS_NOEND(value))
		out->lo[0] = (uint64) DT_NOEND ^ SIGN64;
	else if ((int64) value >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
		alex_arg_between(out, (uint64) DT_NOEND ^ SIGN64);
	else
		out->lo[0] = (uint64) ((int64) value * USECS_PER_DAY) ^ SIGN64;
	if (out->exists)
		out->hi[0] = out->lo[0];
	return true;
}

/*
 * A date or timestamp argument against a column of timestamps with time zone:
 * the session's time zone turns it into one of those.
 */
static bool
alex_arg_timestamptz(AlexArg *out, Oid argtype, Datum arg)
{
	int			overflow = 0;
	TimestampTz value = argtype == DATEOID ?
	date2timestamptz_opt_overflow(DatumGetDateADT(arg), &overflow) :
	timestamp2timestamptz_opt_overflow(DatumGetTimestamp(arg), &overflow);

	if (overflow == 0)
		return alex_arg_int(out, value, PG_INT64_MIN, PG_INT64_MAX);
	alex_arg_between(out, (uint64) (overflow > 0 ? DT_NOEND : DT_NOBEGIN + 1) ^ SIGN64);
	return true;
}

/* How the session's local time runs around a moment */
typedef enum AlexLocalTime
{
	ALEX_LOCAL_EVEN,			/* the offset does not change nearby */
	ALEX_LOCAL_UNEVEN,			/* it does; it is less than a day */
	ALEX_LOCAL_FAR				/* it may be as much as a week */
} AlexLocalTime;

/*
 * An offset is less than 168 hours, and less than a day in any zone on Earth.
 * So 16 days back are looked at to know which kind of zone it is, and four
 * days around to know that nothing changes.
 */
static AlexLocalTime
alex_local_time(TimestampTz value, long *offset)
{
	pg_time_t	now = value / USECS_PER_SEC +
	(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
	pg_time_t	change = 0;
	int			result = 0;

	for (int days = 16; days >= 4; days -= 12)
	{
		pg_time_t	from = now - days * SECS_PER_DAY;
		long		after = 0;
		int			isdst[2];

		result = pg_next_dst_boundary(&from, offset, &isdst[0], &change,
									  &after, &isdst[1], session_timezone);
		if (result < 0 || labs(*offset) > SECS_PER_DAY ||
			(result > 0 && labs(after) > SECS_PER_DAY))
			return ALEX_LOCAL_FAR;
	}
	/* dates that no timestamp reaches do not follow the offset */
	if (value > END_TIMESTAMP - 2 * USECS_PER_DAY ||
		(result > 0 && change <= now + 4 * SECS_PER_DAY))
		return ALEX_LOCAL_UNEVEN;
	return ALEX_LOCAL_EVEN;
}

/*
 * A timestamp with time zone against a column of dates or of timestamps
 * without.  Local time repeats and skips hours now and then; near such moments
 * the bound is wide and the operator decides.
 */
static bool
alex_arg_local(const AlexColumn *col, TimestampTz value, AlexArg *out)
{
	bool		isdate = col->kind == ALEX_KIND_DATE;
	AlexLocalTime local;
	long		offset;
	int64		days;

	if (TIMESTAMP_NOT_FINITE(value))
		return isdate ? alex_arg_date(out, value) :
			alex_arg_int(out, value, PG_INT64_MIN, PG_INT64_MAX);
	local = alex_local_time(value, &offset);
	if (local == ALEX_LOCAL_EVEN)
	{
		value += offset * USECS_PER_SEC;
		return isdate ? alex_arg_date(out, value) :
			alex_arg_int(out, value, PG_INT64_MIN, PG_INT64_MAX);
	}
	days = local == ALEX_LOCAL_UNEVEN ? 2 : 8;
	out->exists = out->approx = true;
	if (isdate)
	{
		value /= USECS_PER_DAY;
		days++;
	}
	else
		days *= USECS_PER_DAY;
	out->lo[0] = (uint64) (value - days) ^ SIGN64;
	out->hi[0] = (uint64) (value + days) ^ SIGN64;
	return true;
}

static bool
alex_is_datetime(uint8 kind, Oid argtype)
{
	return (kind == ALEX_KIND_DATE || kind == ALEX_KIND_TIMESTAMP ||
			kind == ALEX_KIND_TIMESTAMPTZ) &&
		(argtype == DATEOID || argtype == TIMESTAMPOID ||
		 argtype == TIMESTAMPTZOID);
}

static bool
alex_arg_datetime(const AlexColumn *col, Oid argtype, Datum arg, AlexArg *out)
{
	if (col->kind == ALEX_KIND_DATE && argtype == DATEOID)
		return alex_arg_int(out, DatumGetDateADT(arg), PG_INT32_MIN,
							PG_INT32_MAX);
	if ((col->kind == ALEX_KIND_TIMESTAMP && argtype == TIMESTAMPOID) ||
		(col->kind == ALEX_KIND_TIMESTAMPTZ && argtype == TIMESTAMPTZOID))
		return alex_arg_int(out, DatumGetTimestamp(arg), PG_INT64_MIN,
							PG_INT64_MAX);
	if (col->kind == ALEX_KIND_DATE && argtype == TIMESTAMPOID)
		return alex_arg_date(out, DatumGetTimestamp(arg));
	if (col->kind == ALEX_KIND_TIMESTAMP && argtype == DATEOID)
		return alex_arg_timestamp(out, DatumGetDateADT(arg));
	if (col->kind == ALEX_KIND_TIMESTAMPTZ)
		return alex_arg_timestamptz(out, argtype, arg);
	return alex_arg_local(col, DatumGetTimestampTz(arg), out);
}

static bool
alex_arg_number(uint8 kind, Oid argtype, Datum arg, AlexArg *out)
{
	bool		isint = argtype == INT2OID || argtype == INT4OID || argtype == INT8OID;
	int64		value = 0;

	if (isint)
		value = argtype == INT2OID ? DatumGetInt16(arg) :
			argtype == INT4OID ? DatumGetInt32(arg) : DatumGetInt64(arg);
	switch ((AlexKind) kind)
	{
		case ALEX_KIND_INT2:
			return isint && alex_arg_int(out, value, PG_INT16_MIN, PG_INT16_MAX);
		case ALEX_KIND_INT4:
			return isint && alex_arg_int(out, value, PG_INT32_MIN, PG_INT32_MAX);
		case ALEX_KIND_INT8:
			if (argtype == CASHOID)
				return alex_arg_int(out, DatumGetInt64(arg), PG_INT64_MIN, PG_INT64_MAX);
			return isint && alex_arg_int(out, value, PG_INT64_MIN, PG_INT64_MAX);
		case ALEX_KIND_FLOAT8:
			if (argtype != FLOAT4OID && argtype != FLOAT8OID)
				return false;
			return alex_arg_float8(out, argtype == FLOAT4OID ?
								   (float8) DatumGetFloat4(arg) : DatumGetFloat8(arg));
		case ALEX_KIND_FLOAT4:
			if (argtype != FLOAT4OID && argtype != FLOAT8OID)
				return false;
			return alex_arg_float4(out, argtype == FLOAT4OID ?
								   (float8) DatumGetFloat4(arg) : DatumGetFloat8(arg));
		default:
			return false;
	}
}

/* Types that compare with themselves only */
static bool
alex_arg_same(uint8 kind, Oid argtype, Datum arg, AlexArg *out)
{
	bool		known = false;

	switch ((AlexKind) kind)
	{
		case ALEX_KIND_OID:
		case ALEX_KIND_U64:
			/* oid columns also serve regclass and the like */
			known = argtype != INT8OID && argtype != INT4OID;
			break;
		case ALEX_KIND_BOOL:
			known = argtype == BOOLOID;
			break;
		case ALEX_KIND_CHAR:
			known = argtype == CHAROID;
			break;
		case ALEX_KIND_TIME:
			known = argtype == TIMEOID;
			break;
		case ALEX_KIND_UUID:
			known = argtype == UUIDOID;
			break;
		default:
			break;
	}
	if (!known)
		return false;
	alex_project_asc(kind, arg, out->lo);
	out->hi[0] = out->lo[0];
	out->hi[1] = out->lo[1];
	out->exists = true;
	return true;
}

/* Turns an ascending answer into the column's word order */
static void
alex_arg_desc(AlexArg *out)
{
	for (int w = 0; w < 2; w++)
	{
		uint64		lo = out->lo[w];

		out->lo[w] = ~out->hi[w];
		out->hi[w] = ~lo;
	}
	out->outside = -out->outside;
}

/*
 * alex_project_arg: see alex.h
 */
bool
alex_project_arg(const AlexColumn *col, Oid argtype, Datum arg, AlexArg *out)
{
	bool		known;

	memset(out, 0, sizeof(AlexArg));
	if (alex_is_datetime(col->kind, argtype))
		known = alex_arg_datetime(col, argtype, arg, out);
	else
		known = alex_arg_number(col->kind, argtype, arg, out) ||
			alex_arg_same(col->kind, argtype, arg, out);
	if (known && col->desc)
		alex_arg_desc(out);
	return known;
}

/*---- entries ---- */

/* An IndexTuple whose size is that of its data, not rounded up */
static IndexTuple
alex_form_image(Relation rel, const AlexInfo *info, Datum *values,
				bool *isnull)
{
	TupleDesc	desc = RelationGetDescr(rel);
	IndexTuple	itup = index_form_tuple(desc, values, isnull);
	Size		hoff = IndexInfoFindDataOffset(itup->t_info);
	Size		size = hoff + heap_compute_data_size(desc, values, isnull);
	Size		limit = ALEX_MAX_IMAGE + offsetof(IndexTupleData, t_info);

	/* compressed or detoasted values have another size: keep the rounded one */
	if (MAXALIGN(size) == IndexTupleSize(itup))
		itup->t_info = (itup->t_info & ~INDEX_SIZE_MASK) | size;
	if (IndexTupleSize(itup) > limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("index row size %zu exceeds alex maximum %zu for index \"%s\"",
						IndexTupleSize(itup), limit,
						RelationGetRelationName(rel)),
				 errhint("Values larger than 1/3 of a buffer page cannot be indexed.\n"
						 "Consider a function index of an MD5 hash of the value, "
						 "or use full text indexing.")));
	(void) info;
	return itup;
}

/*
 * alex_form_entry: an index entry from the columns' values
 */
void
alex_form_entry(Relation rel, const AlexInfo *info, Datum *values,
				bool *isnull, ItemPointer tid, AlexEntry *entry)
{
	uint64	   *f = entry->f;

	if (info->dict)
		f[0] = (uint64) (uintptr_t) alex_form_image(rel, info, values, isnull);
	else
	{
		for (int i = 0; i < info->natts; i++)
		{
			const AlexColumn *col = &info->column[i];

			f[col->field] = isnull[i] != col->nullsfirst;
			f[col->field + 1] = f[col->field + col->nwords] = 0;
			if (!isnull[i])
				alex_project(col, values[i], f + col->field + 1);
		}
	}
	f[AlexFieldBlk(info)] = tid ? ItemPointerGetBlockNumber(tid) : 0;
	f[AlexFieldOff(info)] = tid ? ItemPointerGetOffsetNumber(tid) : 0;
	f[AlexFieldDead(info)] = 0;
}

/*
 * alex_row_getattr: attribute attno of a row
 */
Datum
alex_row_getattr(Relation rel, const AlexInfo *info, const uint64 *row,
				 int attno, bool *isnull, char *buf)
{
	const AlexColumn *col = &info->column[attno - 1];

	if (info->dict)
	{
		IndexTuple	itup = (IndexTuple) (uintptr_t) row[0];

		return index_getattr(itup, attno, RelationGetDescr(rel), isnull);
	}
	*isnull = (row[col->field] != 0) != col->nullsfirst;
	return *isnull ? (Datum) 0 : alex_unproject(col, row + col->field + 1, buf);
}

/*
 * alex_row_form_tuple: a palloc'd IndexTuple of a leaf row, TID included
 */
IndexTuple
alex_row_form_tuple(Relation rel, const AlexInfo *info, const uint64 *row)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];
	char		buf[INDEX_MAX_KEYS][16];
	IndexTuple	itup;

	for (int i = 0; i < info->natts; i++)
		values[i] = alex_row_getattr(rel, info, row, i + 1, &isnull[i], buf[i]);
	itup = index_form_tuple(RelationGetDescr(rel), values, isnull);
	alex_row_tid(info, row, &itup->t_tid);
	return itup;
}

/*---- keys ---- */

static void alex_key_set_bytes(const AlexInfo *info, AlexKey *key);

void
alex_key_begin(const AlexInfo *info, AlexKey *key)
{
	key->ngiven = 0;
	key->after = key->hastid = key->plusinf = key->hasbytes = false;
	(void) info;
}

void
alex_key_add_null(const AlexInfo *info, AlexKey *key)
{
	int			i = key->ngiven++;
	const AlexColumn *col = &info->column[i];

	if (info->dict)
	{
		key->isnull[i] = true;
		key->value[i] = (Datum) 0;
		key->cmp[i] = NULL;
		return;
	}
	key->f[col->field] = col->nullsfirst ? 0 : 1;
	for (int w = 0; w < col->nwords; w++)
		key->f[col->field + 1 + w] = 0;
}

void
alex_key_add_words(const AlexInfo *info, AlexKey *key, const uint64 *word)
{
	const AlexColumn *col = &info->column[key->ngiven++];

	key->f[col->field] = col->nullsfirst ? 1 : 0;
	for (int w = 0; w < col->nwords; w++)
		key->f[col->field + 1 + w] = word[w];
}

void
alex_key_add_datum(const AlexInfo *info, AlexKey *key, Datum value,
				   FmgrInfo *cmp)
{
	int			i = key->ngiven++;

	Assert(info->dict);
	key->isnull[i] = false;
	key->value[i] = value;
	key->cmp[i] = cmp;
	if (i == 0)
		alex_key_set_bytes(info, key);
}

void
alex_key_finish(const AlexInfo *info, AlexKey *key, bool after)
{
	int			from = 0;

	key->after = after;
	key->hastid = false;
	key->plusinf = after && key->ngiven == 0;
	if (info->dict)
		return;
	if (key->ngiven > 0)
		from = info->column[key->ngiven - 1].field + 1 +
			info->column[key->ngiven - 1].nwords;
	for (int f = from; f < info->nord; f++)
		key->f[f] = after ? PG_UINT64_MAX : 0;
}

/*
 * alex_key_from_fields: the key of an entry or fence
 *
 * Values of images are not copied: the key lives as long as they do.
 */
void
alex_key_from_fields(Relation rel, const AlexInfo *info, const uint64 *f,
					 bool withtid, AlexKey *key)
{
	alex_key_begin(info, key);
	key->ngiven = info->nkeyatts;
	if (info->dict)
	{
		IndexTuple	itup = (IndexTuple) (uintptr_t) f[0];

		for (int i = 0; i < info->nkeyatts; i++)
		{
			key->value[i] = index_getattr(itup, i + 1, RelationGetDescr(rel),
										  &key->isnull[i]);
			key->cmp[i] = index_getprocinfo(rel, i + 1, ALEX_CMP_PROC);
		}
		alex_key_set_bytes(info, key);
	}
	else
		memcpy(key->f, f, sizeof(uint64) * info->nkey);
	key->hastid = withtid;
	for (int i = info->nkey; i < info->nord; i++)
		key->f[i] = withtid ? f[i] : 0;
}

/*---- bytes ---- */

static inline bool
alex_value_bytes(const AlexInfo *info, const char *value, const char **bytes,
				 uint32 *nbytes)
{
	if (info->bytes == ALEX_BYTES_NAME)
	{
		*bytes = value;
		*nbytes = strnlen(value, NAMEDATALEN);
		return true;
	}
	if (VARATT_IS_1B_E(value) || VARATT_IS_4B_C(value))
		return false;
	*bytes = VARDATA_ANY(value);
	*nbytes = VARSIZE_ANY_EXHDR(value);
	return true;
}

/*
 * alex_leading_bytes: the bytes of an image's first column
 *
 * A damaged length does not lead out of the image.
 */
bool
alex_leading_bytes(const AlexInfo *info, IndexTuple itup, const char **bytes,
				   uint32 *nbytes)
{
	const char *end;

	if (info->bytes == ALEX_BYTES_NONE || itup == NULL ||
		IndexTupleHasNulls(itup) ||
		!alex_value_bytes(info, (char *) itup + sizeof(IndexTupleData), bytes,
						  nbytes))
		return false;
	end = (char *) itup + IndexTupleSize(itup);
	if (*nbytes > (Size) (end - *bytes))
		*nbytes = end - *bytes;
	return true;
}

/* Bytes of a key whose first column has just been given */
static void
alex_key_set_bytes(const AlexInfo *info, AlexKey *key)
{
	key->hasbytes = info->bytes != ALEX_BYTES_NONE && !key->isnull[0] &&
		key->cmp[0]->fn_oid == info->bytescmp &&
		alex_value_bytes(info, DatumGetPointer(key->value[0]), &key->bytes,
						 &key->nbytes);
}

/*---- comparisons ---- */

/*
 * alex_cmp_bytes: byte strings by their first difference, else by their length
 */
int
alex_cmp_bytes(const char *a, uint32 na, const char *b, uint32 nb)
{
	int			cmp = memcmp(a, b, Min(na, nb));

	if (cmp != 0)
		return cmp < 0 ? -1 : 1;
	return na == nb ? 0 : na < nb ? -1 : 1;
}

/* An image's key columns against a key's */
static int
alex_cmp_image(Relation rel, const AlexInfo *info, IndexTuple itup,
			   const AlexKey *key)
{
	TupleDesc	desc = RelationGetDescr(rel);
	const char *bytes;
	uint32		nbytes;
	int			from = 0;

	if (key->hasbytes && alex_leading_bytes(info, itup, &bytes, &nbytes))
	{
		int			cmp = alex_cmp_bytes(bytes, nbytes, key->bytes, key->nbytes);

		if (cmp != 0)
			return info->bytesdesc ? -cmp : cmp;
		from = 1;
	}
	for (int i = from; i < key->ngiven; i++)
	{
		int16		option = rel->rd_indoption[i];
		bool		isnull;
		Datum		value = index_getattr(itup, i + 1, desc, &isnull);
		int			cmp;

		if (isnull || key->isnull[i])
		{
			if (isnull && key->isnull[i])
				continue;
			/* NULLS FIRST: a null is the smaller one */
			if (option & INDOPTION_NULLS_FIRST)
				return isnull ? -1 : 1;
			return isnull ? 1 : -1;
		}
		cmp = DatumGetInt32(FunctionCall2Coll(key->cmp[i],
											  rel->rd_indcollation[i],
											  value, key->value[i]));
		if (cmp != 0)
		{
			bool		less = (cmp < 0) != ((option & INDOPTION_DESC) != 0);

			return less ? -1 : 1;
		}
	}
	return 0;
}

static inline int
alex_cmp_words(const uint64 *a, const uint64 *b, int from, int to)
{
	for (int f = from; f < to; f++)
	{
		if (a[f] != b[f])
			return a[f] < b[f] ? -1 : 1;
	}
	return 0;
}

/*
 * alex_cmp_fields: ordered fields of an entry or fence against a key
 */
int
alex_cmp_fields(Relation rel, const AlexInfo *info, const uint64 *f,
				const AlexKey *key)
{
	int			cmp;

	if (key->plusinf)
		return -1;
	if (!info->dict)
		return alex_cmp_words(f, key->f, 0, info->nord);
	if (key->ngiven == 0)
		return key->after ? -1 : 1;
	cmp = alex_cmp_image(rel, info, (IndexTuple) (uintptr_t) f[0], key);
	if (cmp != 0)
		return cmp;
	if (key->hastid)
		return alex_cmp_words(f, key->f, info->nkey, info->nord);
	return key->after ? -1 : 1;
}

/*
 * The word that stands for all words equal to it: zeros and NaNs of floats
 */
static uint64
alex_canonical_word(const AlexColumn *col, uint64 word)
{
	AlexArg		arg;
	char		buf[16];
	Datum		value = alex_unproject(col, &word, buf);

	memset(&arg, 0, sizeof(arg));
	if (col->kind == ALEX_KIND_FLOAT4)
		alex_arg_float4(&arg, (float8) DatumGetFloat4(value));
	else
		alex_arg_float8(&arg, DatumGetFloat8(value));
	if (col->desc)
		alex_arg_desc(&arg);
	return arg.lo[0];
}

/*
 * alex_canonical_key: replaces a float key column's word by the smallest word
 * that is equal to it for the operators; f[] are an entry's fields
 */
void
alex_canonical_key(const AlexInfo *info, uint64 *f)
{
	const AlexColumn *col = &info->column[info->nkeyatts - 1];
	uint64	   *word = &f[col->field + 1];

	if (info->dict ||
		(col->kind != ALEX_KIND_FLOAT4 && col->kind != ALEX_KIND_FLOAT8) ||
		(f[col->field] != 0) != col->nullsfirst)
		return;
	*word = alex_canonical_word(col, *word);
}

/*
 * alex_cmp_row_keys: the key columns of two rows, as the operators see them
 */
int
alex_cmp_row_keys(Relation rel, const AlexInfo *info, const uint64 *a,
				  const uint64 *b)
{
	AlexKey		key;
	uint64		fa[ALEX_MAX_FIELDS];
	uint64		fb[ALEX_MAX_FIELDS];

	if (info->dict)
	{
		if (a[0] == b[0])
			return 0;
		alex_key_from_fields(rel, info, b, false, &key);
		return alex_cmp_image(rel, info, (IndexTuple) (uintptr_t) a[0], &key);
	}
	if (alex_cmp_words(a, b, 0, info->nkey) == 0)
		return 0;
	memcpy(fa, a, sizeof(uint64) * info->nkey);
	memcpy(fb, b, sizeof(uint64) * info->nkey);
	alex_canonical_key(info, fa);
	alex_canonical_key(info, fb);
	return alex_cmp_words(fa, fb, 0, info->nkey);
}

/*
 * alex_cmp_rows: two rows by (key, TID)
 */
int
alex_cmp_rows(Relation rel, const AlexInfo *info, const uint64 *a,
			  const uint64 *b)
{
	int			cmp;

	if (!info->dict)
		return alex_cmp_words(a, b, 0, info->nord);
	cmp = alex_cmp_row_keys(rel, info, a, b);
	return cmp != 0 ? cmp : alex_cmp_words(a, b, info->nkey, info->nord);
}

/*
 * alex_make_separator: a fence between two neighbouring rows
 *
 * Words that differ need no TID.  Images keep it: whether their keys differ
 * would cost a comparison and saves nothing.  INCLUDE columns are cut off.
 */
void
alex_make_separator(Relation rel, const AlexInfo *info, const uint64 *left,
					const uint64 *right, AlexFence *fence)
{
	fence->inf = false;
	memcpy(fence->f, right, sizeof(uint64) * info->nord);
	if (info->dict)
	{
		if (info->natts > info->nkeyatts)
			fence->f[0] = (uint64) (uintptr_t)
				index_truncate_tuple(RelationGetDescr(rel),
									 (IndexTuple) (uintptr_t) right[0],
									 info->nkeyatts);
	}
	else if (alex_cmp_words(left, right, 0, info->nkey) != 0)
		fence->f[info->nkey] = fence->f[info->nkey + 1] = 0;
}
