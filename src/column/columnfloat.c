/*-------------------------------------------------------------------------
 *
 * columnfloat.c
 *	  Floats that were decimals: ALP, adaptive lossless floating point
 *	  (Afroozeh, Kuffo and Boncz, SIGMOD 2024).
 *
 * A float v becomes the integer d = round(v * 10^e / 10^f), e and f chosen
 * for each vector, if d * 10^f * 10^-e is v again, bit for bit; otherwise it
 * is an exception, kept as it is.  The integers are encoded as such.  A float4
 * is computed as a float8 and rounded at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "column/columncodec.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#define MAX_EXPONENT	18
#define SAMPLE_VECTORS	8		/* to guess the size with */
#define PAIR_VECTORS	4		/* to look for pairs in */
#define SAMPLE_VALUES	32		/* of a vector, to compare pairs with */
#define HEAD_BYTES		4		/* of a vector's exceptions */

/*
 * Added to a double d of less than 2^51 (positive or not) this makes one
 * whose low bits are d as an integer.
 */
#define MAGIC			6755399441055744.0
#define MAGIC_BITS		UINT64CONST(0x4338000000000000)

static const double power[MAX_EXPONENT + 1] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13,
	1e14, 1e15, 1e16, 1e17, 1e18
};

static const double inverse[MAX_EXPONENT + 1] = {
	1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11,
	1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18
};

/*---- inner loops ---- */

static CODEC_KERNEL void
values_to_digits(const double *values, int n, CodecAlpPair pair, int64 *digits)
{
	double		factor = power[pair.e];
	double		divisor = inverse[pair.f];

	for (int i = 0; i < n; i++)
	{
		double		scaled = values[i] * factor * divisor + MAGIC;
		uint64		bits;

		memcpy(&bits, &scaled, sizeof(bits));
		digits[i] = (int64) (bits - MAGIC_BITS);
	}
}

static CODEC_KERNEL void
digits_to_values(const int64 *digits, int n, CodecAlpPair pair, double *values)
{
	double		factor = power[pair.f];
	double		divisor = inverse[pair.e];

	for (int i = 0; i < n; i++)
	{
		uint64		bits = (uint64) digits[i] + MAGIC_BITS;
		double		number;

		memcpy(&number, &bits, sizeof(number));
		values[i] = (number - MAGIC) * factor * divisor;
	}
}

static CODEC_KERNEL void
doubles_to_floats(const double *values, int n, float *out)
{
	for (int i = 0; i < n; i++)
		out[i] = (float) values[i];
}

/*---- encoding ---- */

/* The bits of n floats as doubles */
static void
load_values(const int64 *bits, int n, bool single, double *values)
{
	if (!single)
	{
		memcpy(values, bits, n * sizeof(double));
		return;
	}
	for (int i = 0; i < n; i++)
	{
		uint32		word = (uint32) bits[i];
		float		value;

		memcpy(&value, &word, sizeof(value));
		values[i] = value;
	}
}

/* The reverse, rounding to float4 where that is the class */
static void
store_bits(const double *values, int n, bool single, int64 *bits)
{
	if (!single)
	{
		memcpy(bits, values, n * sizeof(double));
		return;
	}
	for (int i = 0; i < n; i++)
	{
		float		value = (float) values[i];
		uint32		word;

		memcpy(&word, &value, sizeof(word));
		bits[i] = word;
	}
}

/*
 * Makes integers of n floats; exceptions[] become the positions of those that
 * do not come back.  Returns how many these are.
 */
static int
try_pair(const int64 *bits, int n, bool single, CodecAlpPair pair, int64 *digits,
		 uint16 *exceptions)
{
	double		values[COLUMN_VECTOR];
	int64		back[COLUMN_VECTOR];
	int			count = 0;

	values[0] = 0;				/* n may be 0 for all the compiler knows */
	load_values(bits, n, single, values);
	values_to_digits(values, n, pair, digits);
	digits_to_values(digits, n, pair, values);
	store_bits(values, n, single, back);
	for (int i = 0; i < n; i++)
	{
		exceptions[count] = (uint16) i;
		count += back[i] != bits[i];
	}
	return count;
}

/* Gives exceptions the integer of some other value, so that they pack well. */
static void
smooth_exceptions(int64 *digits, int n, const uint16 *exceptions, int count)
{
	int64		filler = 0;
	int			at = 0;

	while (at < count && exceptions[at] == at)
		at++;
	if (at < n)
		filler = digits[at];
	for (int i = 0; i < count; i++)
		digits[exceptions[i]] = filler;
}

/* Bits that n values take with a pair, about */
static int
pair_bits(const int64 *bits, int n, bool single, CodecAlpPair pair)
{
	int64		digits[COLUMN_VECTOR];
	uint16		exceptions[COLUMN_VECTOR + 1];
	int			count = try_pair(bits, n, single, pair, digits, exceptions);

	smooth_exceptions(digits, n, exceptions, count);
	return codec_frame_bits(digits, n) + count * (single ? 48 : 80);
}

/*
 * A measure to compare pairs by, quickly and so that a few large values weigh
 * little: bits of the distances from the first value.
 */
static int
pair_cost(const int64 *bits, int n, bool single, CodecAlpPair pair)
{
	int64		digits[COLUMN_VECTOR];
	uint16		exceptions[COLUMN_VECTOR + 1];
	int			count = try_pair(bits, n, single, pair, digits, exceptions);
	int			result = count * (single ? 48 : 80);

	smooth_exceptions(digits, n, exceptions, count);
	for (int i = 1; i < n; i++)
	{
		uint64		distance = digits[i] > digits[0] ?
		(uint64) digits[i] - (uint64) digits[0] :
		(uint64) digits[0] - (uint64) digits[i];

		if (distance > 0)
			result += pg_leftmost_one_pos64(distance) + 1;
	}
	return result;
}

/* Some of n values, evenly spread; returns how many. */
static int
sample_values(const int64 *bits, int n, int64 *sample)
{
	int			count = Min(n, SAMPLE_VALUES);

	for (int i = 0; i < count; i++)
		sample[i] = bits[(int64) i * n / count];
	return count;
}

/* The best of all pairs for a vector; of equal ones the smallest exponent */
static CodecAlpPair
best_of_all(const int64 *bits, int n, bool single)
{
	int64		sample[SAMPLE_VALUES];
	CodecAlpPair best = {0, 0};
	int			least = PG_INT32_MAX;

	n = sample_values(bits, n, sample);
	for (int e = 0; e <= MAX_EXPONENT; e++)
	{
		for (int f = 0; f <= e; f++)
		{
			CodecAlpPair pair = {e, f};
			int			cost = pair_cost(sample, n, single, pair);

			if (cost < least)
			{
				least = cost;
				best = pair;
			}
		}
	}
	return best;
}

/* Finds the pairs that suit a column, from some of its vectors. */
static void
choose_pairs(const CodecInts *in, bool single, CodecAlpPlan *plan)
{
	int			nsamples = Min(in->nvectors, PAIR_VECTORS);

	plan->npairs = 0;
	for (int i = 0; i < nsamples && plan->npairs < CODEC_ALP_PAIRS; i++)
	{
		int			v = (int) ((int64) in->nvectors * i / nsamples);
		int			n = in->start[v + 1] - in->start[v];
		CodecAlpPair pair;
		int			p = 0;

		if (n == 0)
			continue;
		pair = best_of_all(in->values + in->start[v], n, single);
		while (p < plan->npairs &&
			   (plan->pairs[p].e != pair.e || plan->pairs[p].f != pair.f))
			p++;
		if (p == plan->npairs)
			plan->pairs[plan->npairs++] = pair;
	}
	if (plan->npairs == 0)
		plan->pairs[plan->npairs++] = (CodecAlpPair)
	{
		0, 0
	};
}

/* The best pair of a plan for a vector */
static CodecAlpPair
best_of(const CodecAlpPlan *plan, const int64 *bits, int n, bool single)
{
	int64		sample[SAMPLE_VALUES];
	CodecAlpPair best = plan->pairs[0];
	int			least = PG_INT32_MAX;

	if (plan->npairs == 1)
		return best;
	n = sample_values(bits, n, sample);
	for (int p = 0; p < plan->npairs; p++)
	{
		int			cost = pair_cost(sample, n, single, plan->pairs[p]);

		if (cost < least)
		{
			least = cost;
			best = plan->pairs[p];
		}
	}
	return best;
}

static void
append_exceptions(CodecBuffer *buf, CodecAlpPair pair, const int64 *bits,
				  bool single, const uint16 *exceptions, uint16 count)
{
	uint8		exponents[2] = {(uint8) pair.e, (uint8) pair.f};
	Size		size = single ? sizeof(float) : sizeof(double);

	codec_append(buf, exponents, sizeof(exponents));
	codec_append(buf, &count, sizeof(count));
	codec_append(buf, exceptions, count * sizeof(uint16));
	for (int i = 0; i < count; i++)
	{
		uint64		word = (uint64) bits[exceptions[i]];
		uint32		half = (uint32) word;

		codec_append(buf, single ? (void *) &half : (void *) &word, size);
	}
}

/* Makes integers of all vectors; their exceptions go to buf. */
static void
encode_digits(CodecBuffer *buf, const CodecInts *in, bool single,
			  const CodecAlpPlan *plan, int64 *digits, uint32 *offsets)
{
	offsets[0] = 0;
	for (int v = 0; v < in->nvectors; v++)
	{
		const int64 *bits = in->values + in->start[v];
		int64	   *out = digits + in->start[v];
		int			n = in->start[v + 1] - in->start[v];
		uint16		exceptions[COLUMN_VECTOR + 1];

		if (n > 0)
		{
			CodecAlpPair pair = best_of(plan, bits, n, single);
			int			count = try_pair(bits, n, single, pair, out, exceptions);

			smooth_exceptions(out, n, exceptions, count);
			append_exceptions(buf, pair, bits, single, exceptions, count);
		}
		offsets[v + 1] = (uint32) buf->len;
	}
}

/* Appends floats, given by their bits, as codec_alp_plan said. */
void
codec_alp_encode(CodecBuffer *buf, const CodecInts *bits, bool single,
				 const CodecAlpPlan *plan)
{
	Size		n = bits->start[bits->nvectors];
	int64	   *digits = palloc_extended(n * sizeof(int64), MCXT_ALLOC_HUGE);
	uint32	   *offsets = palloc((bits->nvectors + 1) * sizeof(uint32));
	CodecInts	in = {digits, bits->start, bits->nvectors};
	CodecBuffer exceptions;
	Size		begin;
	Size		nbytes;

	codec_init(&exceptions, 0);
	encode_digits(&exceptions, bits, single, plan, digits, offsets);
	begin = codec_begin_part(buf);
	codec_ints_encode(buf, codec_ints_choose(&in, &nbytes), &in);
	codec_end_part(buf, begin);
	codec_append(buf, offsets, (bits->nvectors + 1) * sizeof(uint32));
	codec_append(buf, exceptions.data, exceptions.len);
	pfree(exceptions.data);
	pfree(offsets);
	pfree(digits);
}

/*
 * Finds out how floats, given by their bits, are best encoded; returns the
 * guessed number of bytes.
 */
Size
codec_alp_plan(const CodecInts *bits, bool single, CodecAlpPlan *plan)
{
	int			nsamples = Min(bits->nvectors, SAMPLE_VECTORS);
	double		sum = 0;
	double		nvalues = 0;

	choose_pairs(bits, single, plan);
	for (int i = 0; i < nsamples; i++)
	{
		int			v = (int) (((int64) bits->nvectors * (2 * i + 1)) / (2 * nsamples));
		const int64 *values = bits->values + bits->start[v];
		int			n = bits->start[v + 1] - bits->start[v];

		if (n == 0)
			continue;
		sum += pair_bits(values, n, single, best_of(plan, values, n, single));
		nvalues += n;
	}
	if (nvalues == 0)
		return PG_UINT32_MAX;
	return (Size) (sum / nvalues * bits->start[bits->nvectors] / 8) +
		bits->nvectors * 20;
}

/*---- decoding ---- */

/*
 * Opens all of the input as floats that start and nvectors describe.  False
 * with a problem if it is none; codec_alp_close is to be called in any case.
 */
bool
codec_alp_open(CodecAlp *alp, CodecInput in, const uint32 *start,
			   int nvectors, const char **problem)
{
	CodecInput	part;

	memset(alp, 0, sizeof(CodecAlp));
	*problem = "floats are cut off";
	if (!codec_take_part(&in, &part) ||
		!codec_take(&in, (nvectors + 1) * sizeof(uint32), &alp->offsets))
		return false;
	alp->exceptions = in;
	return codec_ints_open(&alp->digits, part, start, nvectors, problem);
}

/* Finds the exceptions of a vector and its pair of exponents. */
static bool
find_exceptions(const CodecAlp *alp, int v, CodecInput *in, CodecAlpPair *pair,
				uint16 *count)
{
	uint32		from = codec_load32(alp->offsets + v * sizeof(uint32));
	uint32		to = codec_load32(alp->offsets + (v + 1) * sizeof(uint32));
	const char *head;

	if (from > to || to > alp->exceptions.len)
		return false;
	in->data = alp->exceptions.data + from;
	in->len = to - from;
	if (!codec_take(in, HEAD_BYTES, &head))
		return false;
	pair->e = (unsigned char) head[0];
	pair->f = (unsigned char) head[1];
	memcpy(count, head + 2, sizeof(*count));
	return pair->e <= MAX_EXPONENT && pair->f <= MAX_EXPONENT;
}

/* Puts the values that are kept as they are where they belong. */
static bool
patch_values(CodecInput *in, int count, int n, Size size, char *out)
{
	const char *positions;
	const char *values;

	if (count > n || !codec_take(in, count * sizeof(uint16), &positions) ||
		!codec_take(in, count * size, &values))
		return false;
	for (int i = 0; i < count; i++)
	{
		uint16		pos;

		memcpy(&pos, positions + i * sizeof(pos), sizeof(pos));
		if (pos >= n)
			return false;
		memcpy(out + pos * size, values + i * size, size);
	}
	return true;
}

/*
 * Decodes the floats of vector v to floats (single) or doubles at out, which
 * has room for COLUMN_VECTOR.
 */
bool
codec_alp_decode(const CodecAlp *alp, int v, bool single, void *out,
				 const char **problem)
{
	int			n = alp->digits.start[v + 1] - alp->digits.start[v];
	int64		digits[COLUMN_VECTOR];
	double		values[COLUMN_VECTOR];
	CodecInput	in;
	CodecAlpPair pair;
	uint16		count;

	if (n == 0)
		return true;
	*problem = "damaged vector of floats";
	if (!find_exceptions(alp, v, &in, &pair, &count))
		return false;
	if (!codec_ints_decode(&alp->digits, v, digits, problem))
		return false;
	digits_to_values(digits, n, pair, single ? values : (double *) out);
	if (single)
		doubles_to_floats(values, n, (float *) out);
	*problem = "damaged exceptions of floats";
	return count == 0 ||
		patch_values(&in, count, n, single ? sizeof(float) : sizeof(double), out);
}

/* Frees what codec_alp_open allocated. */
void
codec_alp_close(CodecAlp *alp)
{
	codec_ints_close(&alp->digits);
}
