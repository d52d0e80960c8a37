/*-------------------------------------------------------------------------
 *
 * test_key.c
 *		Values as words, arguments among words, and keys.
 *
 * usage: test_key [seed]
 *
 * The order of values is known here from their meaning: integers, doubles,
 * and microseconds since 2000 in 128 bits.  Time zones are a stand-in with
 * one change of the offset.
 *
 *-------------------------------------------------------------------------
 */
/* needs: src/alex/alexkey.c src/alex/alexpage.c */
#include "postgres.h"

#include <math.h>
#include <time.h>

#include "alex/alex.h"
#include "catalog/pg_type.h"
#include "utils/date.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "unit.h"

static uint64_t seed;

static uint64
number(uint64 below)
{
	return unit_random(&seed) % below;
}

/* A random word with a random number of bits */
static uint64
word(void)
{
	return unit_random(&seed) >> number(64);
}

/*---- a time zone ---- */

pg_tz	   *session_timezone = NULL;

static int64 zone_change;		/* seconds since 1970 */
static int64 zone_offset[2];	/* before and after the change */

#define ZONE_EPOCH	((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * INT64CONST(86400))

int
pg_next_dst_boundary(const pg_time_t *timep, long int *before_gmtoff,
					 int *before_isdst, pg_time_t *boundary,
					 long int *after_gmtoff, int *after_isdst,
					 const pg_tz *tz)
{
	*before_isdst = *after_isdst = 0;
	*before_gmtoff = zone_offset[*timep >= zone_change];
	if (*timep >= zone_change)
		return 0;
	*boundary = zone_change;
	*after_gmtoff = zone_offset[1];
	return 1;
}

/* Times that the change skips or repeats belong to the offset before it. */
TimestampTz
timestamp2timestamptz_opt_overflow(Timestamp timestamp, int *overflow)
{
	int64		change = (zone_change - ZONE_EPOCH) * USECS_PER_SEC;
	int64		before = timestamp - zone_offset[0] * USECS_PER_SEC;
	int64		after = timestamp - zone_offset[1] * USECS_PER_SEC;
	int64		result = before >= change && after >= change ? after : before;

	if (TIMESTAMP_NOT_FINITE(timestamp))
		return timestamp;
	if (IS_VALID_TIMESTAMP(result))
		return result;
	*overflow = result < MIN_TIMESTAMP ? -1 : 1;
	return *overflow < 0 ? DT_NOBEGIN : DT_NOEND;
}

TimestampTz
date2timestamptz_opt_overflow(DateADT date, int *overflow)
{
	if (DATE_IS_NOBEGIN(date))
		return DT_NOBEGIN;
	if (DATE_IS_NOEND(date))
		return DT_NOEND;
	if (date >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
	{
		*overflow = 1;
		return DT_NOEND;
	}
	return timestamp2timestamptz_opt_overflow((int64) date * USECS_PER_DAY,
											  overflow);
}

/*---- values ---- */

/* What is compared: a number, or a float with its own rules */
typedef struct Value
{
	Datum		datum;
	__int128	number;
	bool		isfloat;
	double		real;
	pg_uuid_t	uuid;
} Value;

#define BEYOND	((__int128) 1 << 100)	/* infinite times */

static int
compare(const Value *a, const Value *b)
{
	if (a->isfloat)
	{
		if (isnan(a->real) || isnan(b->real))
			return (isnan(a->real) != 0) - (isnan(b->real) != 0);
		return (a->real > b->real) - (a->real < b->real);
	}
	return (a->number > b->number) - (a->number < b->number);
}

static int64
random_int(int64 min, int64 max)
{
	int64		v = (int64) word();

	switch (number(6))
	{
		case 0:
			return number(2) ? min : max;
		case 1:
			return number(2) ? min + 1 : max - 1;
		case 2:
			v = (int64) number(5) - 2;
			break;
		case 3:
			v = -v;
			break;
		default:
			break;
	}
	return v < min ? min : v > max ? max : v;
}

static double
random_float8(void)
{
	uint64		bits = unit_random(&seed);
	double		v;

	switch (number(8))
	{
		case 0:
			return number(2) ? 0.0 : -0.0;
		case 1:
			return number(2) ? get_float8_infinity() : -get_float8_infinity();
		case 2:					/* a NaN of either sign */
			bits |= UINT64CONST(0x7FF8) << 48;
			if (number(2) == 0)
				bits = UINT64CONST(0x7FF0000000000001) | number(2) << 63;
			break;
		case 3:					/* near a float4's limits, and subnormal */
			v = number(2) ? 3.4028234663852886e38 : 1.1754943508222875e-38;
			v *= 1 + ((int) number(5) - 2) * 1e-8;
			return number(2) ? v : -v;
		case 4:
			bits &= UINT64CONST(0x800FFFFFFFFFFFFF);
			break;
		case 5:					/* one that is a float4, too */
			return (float) ((int64) number(2001) - 1000) / 8;
		default:
			break;
	}
	memcpy(&v, &bits, sizeof(v));
	return v;
}

static float
random_float4(void)
{
	uint32		bits = (uint32) unit_random(&seed);
	float		v;

	switch (number(5))
	{
		case 0:
			return number(2) ? 0.0f : -0.0f;
		case 1:
			return number(2) ? get_float4_infinity() : -get_float4_infinity();
		case 2:
			bits |= 0x7FC00000;
			if (number(2) == 0)
				bits = 0x7F800001 | (uint32) number(2) << 31;
			break;
		case 3:
			return (float) ((int64) number(2001) - 1000) / 8;
		default:
			break;
	}
	memcpy(&v, &bits, sizeof(v));
	return v;
}

#define FIRST_DAY	(DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE)
#define LAST_DAY	(DATE_END_JULIAN - POSTGRES_EPOCH_JDATE - 1)
#define LAST_STAMP_DAY (TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE - 1)

static int64
random_day(void)
{
	switch (number(6))
	{
		case 0:
			return number(2) ? FIRST_DAY : LAST_DAY;
		case 1:
			return LAST_STAMP_DAY - 2 + (int64) number(5);
		case 2:
			return (zone_change - ZONE_EPOCH) / 86400 + (int64) number(21) - 10;
		case 3:
			return FIRST_DAY + (int64) number(LAST_DAY - FIRST_DAY);
		default:
			return (int64) number(20000) - 10000;
	}
}

/* A time stamp, often at midnight */
static int64
random_stamp(void)
{
	int64		day = random_day();
	int64		v = Min(day, LAST_STAMP_DAY) * USECS_PER_DAY;

	if (number(2) == 0)
		v += (int64) number(USECS_PER_DAY);
	return number(5) == 0 && v > MIN_TIMESTAMP ? v - 1 : v;
}

static void
random_datetime(Oid type, Value *v)
{
	bool		isdate = type == DATEOID;
	int			infinite = number(8) == 0 ? 1 + (int) number(2) : 0;
	int64		t = isdate ? random_day() : random_stamp();

	v->number = isdate ? (__int128) t * USECS_PER_DAY : t;
	if (infinite)
		v->number = infinite == 1 ? -BEYOND : BEYOND;
	if (isdate)
		v->datum = DateADTGetDatum(infinite == 1 ? DATEVAL_NOBEGIN :
								   infinite == 2 ? DATEVAL_NOEND : (DateADT) t);
	else
		v->datum = TimestampGetDatum(infinite == 1 ? DT_NOBEGIN :
									 infinite == 2 ? DT_NOEND : t);
}

static void
random_uuid(Value *v)
{
	/* the words' limits, and values that share the first word */
	uint64		high = number(3) ? number(3) : unit_random(&seed);
	uint64		low = number(3) ? unit_random(&seed) : 0 - number(2);

	for (int i = 0; i < 8; i++)
	{
		v->uuid.data[i] = (unsigned char) (high >> (56 - 8 * i));
		v->uuid.data[8 + i] = (unsigned char) (low >> (56 - 8 * i));
	}
	/* unsigned 128 bits in the order of signed ones */
	v->number = (__int128) (((unsigned __int128) (high ^ (UINT64CONST(1) << 63)) << 64) | low);
	v->datum = UUIDPGetDatum(&v->uuid);
}

static void
random_integer(Oid type, Value *v)
{
	int64		i;

	switch (type)
	{
		case INT2OID:
			i = random_int(PG_INT16_MIN, PG_INT16_MAX);
			v->datum = Int16GetDatum((int16) i);
			break;
		case INT4OID:
			i = random_int(PG_INT32_MIN, PG_INT32_MAX);
			v->datum = Int32GetDatum((int32) i);
			break;
		case OIDOID:
			i = random_int(0, PG_UINT32_MAX);
			v->datum = ObjectIdGetDatum((Oid) i);
			break;
		case BOOLOID:
			i = (int64) number(2);
			v->datum = BoolGetDatum(i != 0);
			break;
		case CHAROID:
			i = random_int(0, 255);
			v->datum = CharGetDatum((char) i);
			break;
		default:
			i = random_int(PG_INT64_MIN, PG_INT64_MAX);
			v->datum = Int64GetDatum(i);
	}
	v->number = type == LSNOID ? (__int128) (uint64) i : i;
}

static void
random_value(Oid type, Value *v)
{
	memset(v, 0, sizeof(Value));
	switch (type)
	{
		case FLOAT4OID:
			v->isfloat = true;
			v->datum = Float4GetDatum(random_float4());
			v->real = DatumGetFloat4(v->datum);
			break;
		case FLOAT8OID:
			v->isfloat = true;
			v->real = random_float8();
			v->datum = Float8GetDatum(v->real);
			break;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			random_datetime(type, v);
			break;
		case UUIDOID:
			random_uuid(v);
			break;
		default:
			random_integer(type, v);
	}
}

/*---- column types ---- */

typedef struct TestType
{
	Oid			type;
	Oid			cmpproc;
	AlexKind	kind;
	Oid			args[3];		/* types that its operators compare it with */
} TestType;

static const TestType types[] = {
	{INT2OID, F_BTINT2CMP, ALEX_KIND_INT2, {INT2OID, INT4OID, INT8OID}},
	{INT4OID, F_BTINT4CMP, ALEX_KIND_INT4, {INT2OID, INT4OID, INT8OID}},
	{INT8OID, F_BTINT8CMP, ALEX_KIND_INT8, {INT2OID, INT4OID, INT8OID}},
	{CASHOID, F_CASH_CMP, ALEX_KIND_INT8, {CASHOID}},
	{OIDOID, F_BTOIDCMP, ALEX_KIND_OID, {OIDOID}},
	{BOOLOID, F_BTBOOLCMP, ALEX_KIND_BOOL, {BOOLOID}},
	{CHAROID, F_BTCHARCMP, ALEX_KIND_CHAR, {CHAROID}},
	{TIMEOID, F_TIME_CMP, ALEX_KIND_TIME, {TIMEOID}},
	{FLOAT4OID, F_BTFLOAT4CMP, ALEX_KIND_FLOAT4, {FLOAT4OID, FLOAT8OID}},
	{FLOAT8OID, F_BTFLOAT8CMP, ALEX_KIND_FLOAT8, {FLOAT4OID, FLOAT8OID}},
	{UUIDOID, F_UUID_CMP, ALEX_KIND_UUID, {UUIDOID}},
	{LSNOID, F_PG_LSN_CMP, ALEX_KIND_U64, {LSNOID}},
	{DATEOID, F_DATE_CMP, ALEX_KIND_DATE, {DATEOID, TIMESTAMPOID, TIMESTAMPTZOID}},
	{TIMESTAMPOID, F_TIMESTAMP_CMP, ALEX_KIND_TIMESTAMP, {DATEOID, TIMESTAMPOID, TIMESTAMPTZOID}},
	{TIMESTAMPTZOID, F_TIMESTAMPTZ_CMP, ALEX_KIND_TIMESTAMPTZ, {DATEOID, TIMESTAMPOID, TIMESTAMPTZOID}}
};

static void
make_column(const TestType *type, bool desc, AlexColumn *col)
{
	memset(col, 0, sizeof(AlexColumn));
	col->kind = alex_kind_of(type->cmpproc, type->type, type->type != UUIDOID);
	CHECK_EQ(col->kind, type->kind);
	col->nwords = type->type == UUIDOID ? 2 : 1;
	col->desc = desc;
	col->byval = col->nwords == 1;
}

static int
compare_words(const AlexColumn *col, const uint64 *a, const uint64 *b)
{
	for (int w = 0; w < col->nwords; w++)
	{
		if (a[w] != b[w])
			return a[w] < b[w] ? -1 : 1;
	}
	return 0;
}

/*---- projections ---- */

static bool
same_datum(const TestType *type, Datum a, Datum b)
{
	if (type->type == UUIDOID)
		return memcmp(DatumGetPointer(a), DatumGetPointer(b), 16) == 0;
	if (type->type == FLOAT4OID)
		return (uint32) a == (uint32) b;
	return a == b;
}

/* Words have the order of values, and the value can be rebuilt from them. */
static void
check_projection(const TestType *type, bool desc)
{
	AlexColumn	col;

	make_column(type, desc, &col);
	for (int i = 0; i < 20000; i++)
	{
		Value		v[2];
		uint64		w[2][2];
		char		buf[16];
		int			cmp;

		for (int k = 0; k < 2; k++)
		{
			random_value(type->type, &v[k]);
			alex_project(&col, v[k].datum, w[k]);
			CHECK(same_datum(type, alex_unproject(&col, w[k], buf), v[k].datum));
		}
		cmp = compare(&v[0], &v[1]);
		if (desc)
			cmp = -cmp;
		if (cmp != 0)
			CHECK_EQ(compare_words(&col, w[0], w[1]), cmp);
		else if (!v[0].isfloat)
			CHECK_EQ(compare_words(&col, w[0], w[1]), 0);
	}
}

static void
test_projections(void)
{
	for (int t = 0; t < lengthof(types); t++)
	{
		check_projection(&types[t], false);
		check_projection(&types[t], true);
	}
	CHECK_EQ(alex_kind_of(F_BTTEXTCMP, TEXTOID, false), ALEX_KIND_NONE);
	CHECK_EQ(alex_kind_of(InvalidOid, TEXTOID, false), ALEX_KIND_NONE);
	CHECK_EQ(alex_kind_of(InvalidOid, UUIDOID, false), ALEX_KIND_UUID);
	CHECK_EQ(alex_kind_of(InvalidOid, INT4OID, true), ALEX_KIND_RAW);
	unit_done("words keep the order and the value, up and down");
}

/*---- arguments ---- */

/* A column's value as what its operators compare with the argument */
static void
convert_value(Oid coltype, Oid argtype, Value *v)
{
	int			overflow = 0;
	int64		t;

	if (argtype != TIMESTAMPTZOID || coltype == TIMESTAMPTZOID ||
		(coltype != DATEOID && coltype != TIMESTAMPOID))
		return;
	t = coltype == DATEOID ?
		date2timestamptz_opt_overflow(DatumGetDateADT(v->datum), &overflow) :
		timestamp2timestamptz_opt_overflow(DatumGetTimestamp(v->datum), &overflow);
	v->number = overflow != 0 ? overflow * (BEYOND / 2) :
		TIMESTAMP_IS_NOBEGIN(t) ? -BEYOND : TIMESTAMP_IS_NOEND(t) ? BEYOND : t;
}

/* Where a column's words lie from the argument, as the answer has it */
static int
arg_compare(const AlexColumn *col, const AlexArg *arg, const uint64 *w)
{
	if (arg->outside != 0)
		return -arg->outside;
	if (compare_words(col, w, arg->lo) < 0)
		return -1;
	if (arg->exists)
		return compare_words(col, w, arg->hi) > 0 ? 1 : 0;
	return 1;
}

static void
check_argument(const AlexColumn *col, const Value *v, const Value *a,
			   const AlexArg *arg)
{
	uint64		w[2];
	int			want = compare(v, a);
	int			got;

	alex_project(col, v->datum, w);
	if (col->desc)
		want = -want;
	got = arg_compare(col, arg, w);
	/* an approximate answer may only err by saying "equal" */
	if ((!arg->approx || got != 0) && !CHECK_EQ(got, want))
		printf("# kind %d, word %" PRIx64 ", argument among %" PRIx64 " to %" PRIx64 "\n",
			   col->kind, w[0], arg->lo[0], arg->hi[0]);
}

static void
random_zone(void)
{
	static const int hours[] = {0, 1, -8, 14, -12, 167, -167};

	for (int i = 0; i < 2; i++)
		zone_offset[i] = hours[number(number(4) ? 5 : lengthof(hours))] * 3600 +
			(int64) number(2) * 1800;
	zone_change = (int64) number(2000000000);
}

/* The value itself, if there is one of the column's type, or next to it */
static void
near_value(const TestType *type, const Value *a, Oid argtype, Value *v)
{
	if (argtype == type->type)
	{
		*v = *a;
		v->datum = type->type == UUIDOID ? UUIDPGetDatum(&v->uuid) : a->datum;
	}
	else if (type->type == FLOAT4OID && a->isfloat)
	{
		v->datum = Float4GetDatum((float) a->real);
		v->real = DatumGetFloat4(v->datum);
	}
	else if ((type->type == TIMESTAMPOID || type->type == TIMESTAMPTZOID) &&
			 a->number > MIN_TIMESTAMP && a->number < END_TIMESTAMP)
	{
		int64		t = (int64) a->number + zone_offset[number(2)] * USECS_PER_SEC *
		((int) number(3) - 1) + (int64) number(3) - 1;

		if (!IS_VALID_TIMESTAMP(t))
			return;
		v->datum = TimestampGetDatum(t);
		v->number = t;
	}
	else if (type->type == DATEOID && a->number > MIN_TIMESTAMP &&
			 a->number < END_TIMESTAMP)
	{
		int64		day = (int64) (a->number / USECS_PER_DAY) + (int64) number(5) - 2;

		v->datum = DateADTGetDatum((DateADT) day);
		v->number = (__int128) day * USECS_PER_DAY;
	}
}

static int
check_arguments(const TestType *type, Oid argtype, bool desc)
{
	AlexColumn	col;
	int			approx = 0;

	make_column(type, desc, &col);
	for (int i = 0; i < 3000; i++)
	{
		AlexArg		arg;
		Value		a;
		Value		v;

		random_zone();
		random_value(argtype, &a);
		if (!CHECK(alex_project_arg(&col, argtype, a.datum, &arg)))
			return 0;
		/* the stand-in converts an argument as the operators would */
		if (type->type == TIMESTAMPTZOID)
			convert_value(argtype, TIMESTAMPTZOID, &a);
		approx += arg.approx;
		for (int k = 0; k < 8; k++)
		{
			random_value(type->type, &v);
			if (k % 2 == 0)
				near_value(type, &a, argtype, &v);
			convert_value(type->type, argtype, &v);
			check_argument(&col, &v, &a, &arg);
		}
	}
	return approx;
}

static void
test_arguments(void)
{
	for (int t = 0; t < lengthof(types); t++)
	{
		for (int a = 0; a < 3 && types[t].args[a] != InvalidOid; a++)
		{
			Oid			argtype = types[t].args[a];
			bool		local = argtype == TIMESTAMPTZOID &&
			types[t].type != TIMESTAMPTZOID;
			int			approx = check_arguments(&types[t], argtype, false) +
			check_arguments(&types[t], argtype, true);

			/* only local time is uncertain, and only near its changes */
			CHECK(approx <= (local ? 3000 : 0));
		}
	}
	unit_done("arguments of the same and of other types among a column's words");
}

/* Pairs of types that have no place: the operator has to be asked. */
static void
test_unknown_arguments(void)
{
	AlexColumn	col;
	AlexArg		arg;

	make_column(&types[1], false, &col);
	CHECK(!alex_project_arg(&col, NUMERICOID, 0, &arg));
	CHECK(!alex_project_arg(&col, FLOAT8OID, 0, &arg));
	make_column(&types[8], false, &col);
	CHECK(!alex_project_arg(&col, INT4OID, 0, &arg));
	make_column(&types[12], false, &col);
	CHECK(!alex_project_arg(&col, INT4OID, 0, &arg));
	unit_done("arguments of unknown types are refused");
}

/*---- entries and keys ---- */

#define NCOLUMNS 3

static const TestType *columns[NCOLUMNS];

/* An index on one to three columns; floats come last. */
static void
random_index(AlexInfo *info)
{
	int			field = 0;

	memset(info, 0, sizeof(AlexInfo));
	info->nkeyatts = info->natts = 1 + (int) number(NCOLUMNS);
	for (int i = 0; i < info->nkeyatts; i++)
	{
		AlexColumn *col = &info->column[i];

		do
			columns[i] = &types[number(lengthof(types))];
		while (i < info->nkeyatts - 1 &&
			   (columns[i]->type == FLOAT4OID || columns[i]->type == FLOAT8OID));
		make_column(columns[i], number(2) != 0, col);
		col->nullsfirst = number(2) != 0;
		col->field = field;
		field += 1 + col->nwords;
	}
	info->nkey = field;
	info->nord = field + 2;
	info->nleaf = field + 3;
	info->ninner = field + 3;
}

typedef struct TestRow
{
	Value		value[NCOLUMNS];
	bool		isnull[NCOLUMNS];
	ItemPointerData tid;
	AlexEntry	entry;
} TestRow;

/* A row; "like" lends some of its leading columns. */
static void
make_row(const AlexInfo *info, const TestRow *like, TestRow *row)
{
	Datum		values[NCOLUMNS];
	int			shared = like ? (int) number(NCOLUMNS + 1) : 0;

	for (int i = 0; i < info->nkeyatts; i++)
	{
		random_value(columns[i]->type, &row->value[i]);
		row->isnull[i] = number(5) == 0;
		if (i < shared)
		{
			row->isnull[i] = like->isnull[i];
			row->value[i] = like->value[i];
			if (columns[i]->type == UUIDOID)
				row->value[i].datum = UUIDPGetDatum(&row->value[i].uuid);
		}
		values[i] = row->value[i].datum;
	}
	ItemPointerSet(&row->tid, (BlockNumber) number(3), 1 + (OffsetNumber) number(3));
	alex_form_entry(NULL, info, values, row->isnull, &row->tid, &row->entry);
}

/* The first n columns as ORDER BY compares them */
static int
compare_rows(const AlexInfo *info, const TestRow *a, const TestRow *b, int n)
{
	for (int i = 0; i < n; i++)
	{
		const AlexColumn *col = &info->column[i];
		int			cmp;

		if (a->isnull[i] || b->isnull[i])
		{
			cmp = (int) a->isnull[i] - (int) b->isnull[i];
			if (col->nullsfirst)
				cmp = -cmp;
		}
		else
		{
			cmp = compare(&a->value[i], &b->value[i]);
			if (col->desc)
				cmp = -cmp;
		}
		if (cmp != 0)
			return cmp;
	}
	return 0;
}

static int
sign(int v)
{
	return (v > 0) - (v < 0);
}

static int
tid_number(const ItemPointerData *tid)
{
	return (int) ItemPointerGetBlockNumberNoCheck(tid) * 1000 +
		ItemPointerGetOffsetNumberNoCheck(tid);
}

static void
check_row(const AlexInfo *info, const TestRow *row)
{
	ItemPointerData tid;

	for (int i = 0; i < info->nkeyatts; i++)
	{
		bool		isnull;
		char		buf[16];
		Datum		d = alex_row_getattr(NULL, info, row->entry.f, i + 1, &isnull, buf);

		CHECK_EQ(isnull, row->isnull[i]);
		if (!isnull)
			CHECK(same_datum(columns[i], d, row->value[i].datum));
	}
	alex_row_tid(info, row->entry.f, &tid);
	CHECK_EQ(tid_number(&tid), tid_number(&row->tid));
	CHECK_EQ(row->entry.f[info->nleaf - 1], 0);
}

static void
test_rows(void)
{
	for (int i = 0; i < 30000; i++)
	{
		AlexInfo	info;
		TestRow		a;
		TestRow		b;
		int			cmp;

		random_index(&info);
		make_row(&info, NULL, &a);
		make_row(&info, &a, &b);
		check_row(&info, &a);
		check_row(&info, &b);
		cmp = compare_rows(&info, &a, &b, info.nkeyatts);
		CHECK_EQ(sign(alex_cmp_row_keys(NULL, &info, a.entry.f, b.entry.f)), cmp);
		if (cmp != 0)
			CHECK_EQ(sign(alex_cmp_rows(NULL, &info, a.entry.f, b.entry.f)), cmp);
		else if (memcmp(a.entry.f, b.entry.f, info.nkey * sizeof(uint64)) == 0)
			CHECK_EQ(sign(alex_cmp_rows(NULL, &info, a.entry.f, b.entry.f)),
					 sign(tid_number(&a.tid) - tid_number(&b.tid)));
	}
	unit_done("entries in the order of their columns, nulls first and last");
}

/* A key of the first columns of a row, before or after all that matches */
static void
make_key(const AlexInfo *info, const TestRow *row, int ngiven, bool after,
		 AlexKey *key)
{
	alex_key_begin(info, key);
	for (int i = 0; i < ngiven; i++)
	{
		uint64		w[2];

		if (row->isnull[i])
		{
			alex_key_add_null(info, key);
			continue;
		}
		alex_project(&info->column[i], row->value[i].datum, w);
		alex_key_add_words(info, key, w);
	}
	alex_key_finish(info, key, after);
}

static void
test_keys(void)
{
	for (int i = 0; i < 30000; i++)
	{
		AlexInfo	info;
		AlexKey		key;
		TestRow		a;
		TestRow		b;
		int			ngiven;
		bool		after = number(2) != 0;
		int			want;

		random_index(&info);
		make_row(&info, NULL, &a);
		make_row(&info, &a, &b);
		ngiven = (int) number(info.nkeyatts + 1);
		/* equal floats of different words are another function's matter */
		if (ngiven == info.nkeyatts && a.value[ngiven - 1].isfloat)
			ngiven--;
		make_key(&info, &a, ngiven, after, &key);
		want = compare_rows(&info, &b, &a, ngiven);
		if (want == 0)
			want = after ? -1 : 1;
		CHECK_EQ(sign(alex_cmp_fields(NULL, &info, b.entry.f, &key)), want);
		/* keys of entries, with and without their place in the table */
		alex_key_from_fields(NULL, &info, a.entry.f, true, &key);
		CHECK_EQ(alex_cmp_fields(NULL, &info, a.entry.f, &key), 0);
		CHECK_EQ(sign(alex_cmp_fields(NULL, &info, b.entry.f, &key)),
				 sign(alex_cmp_rows(NULL, &info, b.entry.f, a.entry.f)));
		alex_key_from_fields(NULL, &info, a.entry.f, false, &key);
		CHECK(alex_cmp_fields(NULL, &info, a.entry.f, &key) > 0);
	}
	unit_done("keys lie before or after all entries that match them");
}

/* Equal floats get one word, the smallest of them. */
static void
test_canonical(void)
{
	for (int i = 0; i < 30000; i++)
	{
		AlexInfo	info;
		TestRow		a;
		TestRow		b;
		uint64		fa[ALEX_MAX_FIELDS];
		uint64		fb[ALEX_MAX_FIELDS];
		bool		equal;

		random_index(&info);
		make_row(&info, NULL, &a);
		make_row(&info, &a, &b);
		memcpy(fa, a.entry.f, sizeof(fa));
		memcpy(fb, b.entry.f, sizeof(fb));
		alex_canonical_key(&info, fa);
		alex_canonical_key(&info, fb);
		equal = compare_rows(&info, &a, &b, info.nkeyatts) == 0;
		CHECK_EQ(memcmp(fa, fb, info.nkey * sizeof(uint64)) == 0, equal);
		for (int f = 0; f < info.nkey; f++)
			CHECK(fa[f] <= a.entry.f[f]);
	}
	unit_done("one word for floats that are equal");
}

static void
test_separators(void)
{
	for (int i = 0; i < 30000; i++)
	{
		AlexInfo	info;
		AlexFence	fence;
		TestRow		row[2];
		TestRow    *left = &row[0];
		TestRow    *right = &row[1];
		AlexKey		key;
		int			cmp;

		random_index(&info);
		make_row(&info, NULL, left);
		make_row(&info, left, right);
		cmp = alex_cmp_rows(NULL, &info, left->entry.f, right->entry.f);
		if (cmp == 0)
			continue;
		if (cmp > 0)
			left = &row[1], right = &row[0];
		alex_make_separator(NULL, &info, left->entry.f, right->entry.f, &fence);
		CHECK(!fence.inf);
		alex_key_from_fields(NULL, &info, fence.f, true, &key);
		CHECK(alex_cmp_fields(NULL, &info, left->entry.f, &key) < 0);
		CHECK(alex_cmp_fields(NULL, &info, right->entry.f, &key) >= 0);
	}
	unit_done("a separator lies between its neighbours");
}

int
main(int argc, char **argv)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = argc > 1 ? strtoull(argv[1], NULL, 10) :
		(uint64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
	printf("# %s %" PRIu64 " repeats this run\n", argv[0], seed);
	random_zone();
	test_projections();
	test_arguments();
	test_unknown_arguments();
	test_rows();
	test_keys();
	test_canonical();
	test_separators();
	return unit_finish();
}
