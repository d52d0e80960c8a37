/*-------------------------------------------------------------------------
 *
 * test_vector.c
 *		Loops and bounds of vector expressions against a computation value
 *		by value in 128 bits.
 *
 * usage: test_vector [seed]
 *
 *-------------------------------------------------------------------------
 */
/* needs: src/vector/vectorint.c src/vector/vectorfloat.c */
/* needs: src/vector/vectorcast.c src/vector/vectorbits.c */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "utils/fmgroids.h"

#include "unit.h"
#include "vector/vectorinternal.h"

#define ROUNDS	400

static uint64 state;

/* a call of one function, with two arguments at most */
typedef struct Call
{
	VectorNode	node;
	VectorNode	args[2];
	VectorNode *arg_list[2];
	const Vector *value_list[2];
	Vector		values[2];
	int64		ints[2][COLUMN_VECTOR];
	double		floats[2][COLUMN_VECTOR];
	int64		buffer[COLUMN_VECTOR];
	int			selected[COLUMN_VECTOR];
	VectorSource source;
	VectorExpr	owner;
} Call;

static Call call;

static const VectorFunction *
find_function(const VectorFunction *table, Oid oid)
{
	for (; OidIsValid(table->oid); table++)
	{
		if (table->oid == oid)
			return table;
	}
	return NULL;
}

static void
set_function(const VectorFunction *function, Oid type, int nrows)
{
	memset(&call.node, 0, sizeof(call.node));
	memset(call.args, 0, sizeof(call.args));
	memset(call.values, 0, sizeof(call.values));
	call.node.function = function;
	call.node.nargs = strlen(function->args);
	call.node.args = call.arg_list;
	call.node.values = call.value_list;
	call.node.kind = call.node.out.kind = function->kind;
	call.node.out.type = type;
	call.node.buffer = call.buffer;
	call.node.out.ints = call.buffer;
	call.node.out.floats = (double *) call.buffer;
	for (int i = 0; i < 2; i++)
	{
		call.arg_list[i] = &call.args[i];
		call.value_list[i] = &call.values[i];
		call.values[i].kind = function->args[0] == 'f' ? VECTOR_FLOAT :
			VECTOR_INT;
		call.values[i].ints = call.ints[i];
		call.values[i].floats = call.floats[i];
	}
	call.source.nrows = call.source.nselected = nrows;
	call.source.selected = call.selected;
	call.node.owner = &call.owner;
	call.owner.source = &call.source;
	for (int row = 0; row < nrows; row++)
		call.selected[row] = row;
}

/* A number of up to so many bits */
static int64
random_int(int bits)
{
	return (int64) unit_random(&state) >> (64 - bits);
}

/* Values of an argument between bounds of up to so many bits */
static void
fill_ints(int arg, int bits, bool constant, int scale)
{
	Vector	   *v = &call.values[arg];
	int64		a = random_int(bits);
	int64		b = random_int(1 + unit_random(&state) % bits);
	uint64		span;

	v->low = Min(a, b);
	v->high = Max(a, b);
	if (constant)
		v->high = v->low;
	v->scale = scale;
	call.args[arg].constant = constant;
	span = (uint64) v->high - (uint64) v->low + 1;
	for (int row = 0; row < COLUMN_VECTOR; row++)
		call.ints[arg][row] = v->low +
			(int64) (span == 0 ? unit_random(&state) : unit_random(&state) % span);
	if (!constant)
	{
		call.ints[arg][0] = v->low;
		call.ints[arg][1] = v->high;
	}
}

static bool
range_fits(const VectorRange *range)
{
	return range->low >= PG_INT64_MIN && range->high <= PG_INT64_MAX;
}

typedef int128(*Reference) (int128 a, int128 b);

/*
 * One batch of a function of integers: its bounds hold for the true results,
 * and if these fit, the loop has the same.
 */
static void
check_ints(const VectorFunction *f, Reference reference, bool aligned)
{
	int			nrows = 1 + unit_random(&state) % COLUMN_VECTOR;
	int			bits = 2 + unit_random(&state) % 63;
	int			constant = unit_random(&state) % 3;
	VectorRange range;

	set_function(f, INT8OID, nrows);
	fill_ints(0, bits, constant == 1, aligned ? unit_random(&state) % 5 : 0);
	fill_ints(1, 2 + unit_random(&state) % 63, constant == 2,
			  aligned ? unit_random(&state) % 5 : 0);
	range.low = call.values[0].low;
	range.high = call.values[0].high;
	if (!f->bounds(&call.node, &range))
		return;
	if (range_fits(&range))
		CHECK(f->kernel(&call.node, &call.source));
	for (int row = 0; row < nrows; row++)
	{
		int128		a = call.ints[0][row];
		int128		b = call.ints[1][row];
		int128		wanted;

		if (aligned)
		{
			int64		fa;
			int64		fb;

			vector_align(&call.values[0], &call.values[1], &fa, &fb);
			a *= fa;
			b *= fb;
		}
		wanted = reference(a, b);
		CHECK(wanted >= range.low && wanted <= range.high);
		if (range_fits(&range))
			CHECK_EQ(call.node.out.ints[row], (int64) wanted);
	}
}

static int128
plus(int128 a, int128 b)
{
	return a + b;
}

static int128
minus(int128 a, int128 b)
{
	return a - b;
}

static int128
times(int128 a, int128 b)
{
	return a * b;
}

static int128
quotient(int128 a, int128 b)
{
	return a / b;
}

static int128
rest(int128 a, int128 b)
{
	return a % b;
}

static int128
negative(int128 a, int128 b)
{
	return -a;
}

static int128
absolute(int128 a, int128 b)
{
	return a < 0 ? -a : a;
}

static void
test_ints(Oid oid, Reference reference, bool aligned, const char *name)
{
	const VectorFunction *f = find_function(vector_int_functions, oid);

	CHECK(f != NULL);
	for (int i = 0; i < ROUNDS && f != NULL; i++)
		check_ints(f, reference, aligned);
	unit_done(name);
}

/*---- division by a constant ---- */

static int128
rounded(int128 a, int128 b, VectorRounding rounding)
{
	int128		q = a / b;
	int128		r = a % b;
	int128		size = r < 0 ? -r : r;

	switch (rounding)
	{
		case VECTOR_FLOOR:
			return q - (r < 0);
		case VECTOR_CEIL:
			return q + (r > 0);
		case VECTOR_NEAREST:
			return 2 * size < b ? q : r < 0 ? q - 1 : q + 1;
		default:
			return q;
	}
}

static void
test_divide_by(void)
{
	static int64 in[COLUMN_VECTOR];
	static int64 out[COLUMN_VECTOR];

	for (int i = 0; i < ROUNDS * 10; i++)
	{
		int			bits = 2 + unit_random(&state) % 63;
		int64		limit = bits < 64 ? (INT64CONST(1) << (bits - 1)) : PG_INT64_MAX;
		int64		divisor = 1 + (random_int(2 + unit_random(&state) % 62) & (PG_INT64_MAX >> 1));
		VectorRounding rounding = unit_random(&state) % 4;

		for (int row = 0; row < 100; row++)
		{
			in[row] = random_int(bits);
			if (row % 3 == 0)	/* halves and whole multiples */
				in[row] = in[row] / divisor * divisor + (row % 2) * (divisor / 2);
			if (in[row] < -limit || in[row] > limit)
				in[row] = 0;
		}
		vector_divide_by(in, -limit, limit, divisor, rounding, out, 100);
		for (int row = 0; row < 100; row++)
			CHECK_EQ(out[row], (int64) rounded(in[row], divisor, rounding));
	}
	unit_done("division by a constant");
}

/*---- floats ---- */

static double
random_float(void)
{
	static const double special[] = {0.0, -0.0, 1.0, 1e308, -1e308, 1e-308, INFINITY, NAN};

	if (unit_random(&state) % 8 == 0)
		return special[unit_random(&state) % lengthof(special)];
	return ldexp((double) random_int(53), (int) (unit_random(&state) % 40) - 60);
}

static bool
same_float(double a, double b)
{
	return (isnan(a) && isnan(b)) ||
		(a == b && signbit(a) == signbit(b));
}

/*
 * What the loop calls good has no error that PostgreSQL would raise, and is
 * the processor's own result.
 */
static void
test_floats(Oid oid, char op, const char *name)
{
	const VectorFunction *f = find_function(vector_float_functions, oid);

	CHECK(f != NULL);
	for (int i = 0; i < ROUNDS * 4 && f != NULL; i++)
	{
		int			nrows = 1 + unit_random(&state) % 20;
		bool		error = false;
		bool		good;

		set_function(f, FLOAT8OID, nrows);
		for (int row = 0; row < nrows; row++)
		{
			call.floats[0][row] = random_float();
			call.floats[1][row] = random_float();
		}
		good = f->kernel(&call.node, &call.source);
		for (int row = 0; row < nrows; row++)
		{
			double		a = call.floats[0][row];
			double		b = call.floats[1][row];
			double		wanted = op == '+' ? a + b : op == '-' ? a - b :
			op == '*' ? a * b : a / b;

			CHECK(same_float(call.node.out.floats[row], wanted));
			error |= isinf(wanted) && !isinf(a) && !isinf(b);
			error |= op == '/' && b == 0.0 && !isnan(a);
			error |= op == '*' && wanted == 0.0 && a != 0.0 && b != 0.0;
			error |= op == '/' && wanted == 0.0 && a != 0.0 && !isinf(b);
		}
		CHECK(!(good && error));
	}
	unit_done(name);
}

/*---- casts ---- */

/* A float between the ends of its type rounds halves to even integers */
static void
test_float_to_int(void)
{
	const VectorFunction *f = find_function(vector_cast_functions, F_INT4_FLOAT8);

	for (int i = 0; i < ROUNDS; i++)
	{
		set_function(f, INT4OID, COLUMN_VECTOR);
		for (int row = 0; row < COLUMN_VECTOR; row++)
			call.floats[0][row] = random_int(33) / 4.0;
		CHECK(f->kernel(&call.node, &call.source));
		for (int row = 0; row < COLUMN_VECTOR; row++)
			CHECK_EQ(call.node.out.ints[row], (int64) rint(call.floats[0][row]));
		call.floats[0][i] = i % 2 ? 2147483648.0 : NAN;
		CHECK(!f->kernel(&call.node, &call.source));
		vector_set_null(&call.node.out, i);
		CHECK(f->kernel(&call.node, &call.source));
	}
	unit_done("floats to integers");
}

static void
test_dates(void)
{
	const VectorFunction *f = find_function(vector_cast_functions, F_DATE_TIMESTAMP);
	VectorRange range;

	for (int i = 0; i < ROUNDS; i++)
	{
		set_function(f, DATEOID, COLUMN_VECTOR);
		fill_ints(0, 3 + i % 56, false, 0);
		CHECK(f->bounds(&call.node, &range));
		CHECK(f->kernel(&call.node, &call.source));
		for (int row = 0; row < COLUMN_VECTOR; row++)
			CHECK_EQ(call.node.out.ints[row],
					 (int64) rounded(call.ints[0][row], USECS_PER_DAY, VECTOR_FLOOR));
	}
	call.values[0].high = PG_INT64_MAX;
	CHECK(!f->bounds(&call.node, &range));
	unit_done("timestamps to dates; infinity is left to the server");
}

/*---- bits ---- */

static void
test_bits(void)
{
	uint64		bits[COLUMN_VECTOR / 64];
	uint64		again[COLUMN_VECTOR / 64];
	uint8		bytes[COLUMN_VECTOR];

	for (int i = 0; i < ROUNDS; i++)
	{
		for (int w = 0; w < lengthof(bits); w++)
			bits[w] = unit_random(&state);
		vector_expand_bits(bits, bytes);
		for (int row = 0; row < COLUMN_VECTOR; row++)
			CHECK_EQ(bytes[row], (bits[row / 64] >> (row % 64)) & 1);
		vector_pack_bits(bytes, again);
		CHECK(memcmp(bits, again, sizeof(bits)) == 0);
	}
	unit_done("bits and bytes");
}

int
main(int argc, char **argv)
{
	state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	printf("# seed %llu\n", (unsigned long long) state);
	test_ints(F_INT8PL, plus, false, "sums");
	test_ints(F_INT8MI, minus, false, "differences");
	test_ints(F_NUMERIC_ADD, plus, true, "sums of numerics");
	test_ints(F_NUMERIC_SUB, minus, true, "differences of numerics");
	test_ints(F_INT8MUL, times, false, "products");
	test_ints(F_INT8DIV, quotient, false, "quotients");
	test_ints(F_INT8MOD, rest, false, "rests");
	test_ints(F_INT8UM, negative, false, "negation");
	test_ints(F_INT8ABS, absolute, false, "absolute values");
	test_divide_by();
	test_floats(F_FLOAT8PL, '+', "sums of floats");
	test_floats(F_FLOAT8MI, '-', "differences of floats");
	test_floats(F_FLOAT8MUL, '*', "products of floats");
	test_floats(F_FLOAT8DIV, '/', "quotients of floats");
	test_float_to_int();
	test_dates();
	test_bits();
	return unit_finish();
}
