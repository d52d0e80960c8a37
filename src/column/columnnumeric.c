/*-------------------------------------------------------------------------
 *
 * columnnumeric.c
 *	  Numerics as scaled integers.
 *
 * A numeric becomes an integer only if the integer gives exactly the same bytes
 * again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"

#include "column/column.h"

/*
 * A numeric on disk: a header word, whose two highest bits tell the form, in
 * the long form a word with the weight, and then digits of base 10000.
 */
#define NUM_FORM_MASK		0xC000
#define NUM_NEGATIVE		0x4000	/* long */
#define NUM_SHORT			0x8000
#define NUM_SPECIAL			0xC000
#define NUM_LONG_SCALE		0x3FFF
#define NUM_SHORT_NEGATIVE	0x2000
#define NUM_SHORT_SCALE		0x1F80
#define NUM_SHORT_SCALE_BITS	7
#define NUM_SHORT_WEIGHT	0x007F
#define NUM_SHORT_WEIGHT_SIGN	0x0040
#define NUM_BASE			10000
#define NUM_BASE_DIGITS		4

/* scales that an int64 has any use for */
#define NUM_MAX_SCALE		18

/* a numeric's parts */
typedef struct NumericParts
{
	bool		negative;
	int			scale;			/* digits to show after the point */
	int			weight;			/* of the first base-10000 digit */
	int			ndigits;
	const char *digits;			/* not aligned */
} NumericParts;

static uint16
get_word(const char *p)
{
	uint16		word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static bool
parse_numeric(const char *payload, uint32 len, NumericParts *n)
{
	uint16		head;
	int			headlen = sizeof(uint16);

	if (len < sizeof(uint16))
		return false;
	head = get_word(payload);
	if ((head & NUM_FORM_MASK) == NUM_SPECIAL)
		return false;
	if ((head & NUM_FORM_MASK) == NUM_SHORT)
	{
		n->negative = (head & NUM_SHORT_NEGATIVE) != 0;
		n->scale = (head & NUM_SHORT_SCALE) >> NUM_SHORT_SCALE_BITS;
		n->weight = head & NUM_SHORT_WEIGHT;
		if (head & NUM_SHORT_WEIGHT_SIGN)
			n->weight -= NUM_SHORT_WEIGHT + 1;
	}
	else
	{
		if (len < 2 * sizeof(uint16))
			return false;
		headlen += sizeof(uint16);
		n->negative = (head & NUM_FORM_MASK) == NUM_NEGATIVE;
		n->scale = head & NUM_LONG_SCALE;
		n->weight = (int16) get_word(payload + sizeof(uint16));
	}
	n->digits = payload + headlen;
	n->ndigits = (len - headlen) / sizeof(uint16);
	return true;
}

/*
 * The value times 10^scale; false if it does not fit.  Digits behind the scale
 * are dropped: the caller compares.
 */
static bool
scale_digits(const NumericParts *n, int64 *value)
{
	int			have = n->scale;	/* decimal digits still to come */
	int64		v = 0;
	int			exponent = n->weight;
	int			i;

	if (n->ndigits > 0 && (n->weight > 4 || n->scale > NUM_MAX_SCALE))
		return false;
	for (i = 0; i < n->ndigits; i++, exponent--)
	{
		/* this digit counts 10^place units of the last decimal */
		int			place = exponent * NUM_BASE_DIGITS + have;
		int64		digit = get_word(n->digits + i * sizeof(uint16));
		int64		part;

		if (place <= -NUM_BASE_DIGITS)
			break;
		if (place > NUM_MAX_SCALE)
			return false;
		if (place < 0)
			part = digit / power_of_ten(-place);
		else if (pg_mul_s64_overflow(digit, power_of_ten(place), &part))
			return false;
		if (pg_add_s64_overflow(v, part, &v))
			return false;
	}
	*value = n->negative ? -v : v;
	return true;
}

/*
 * numeric_rescale: writes what a numeric has behind its length word, for value
 * divided by 10^scale, as the server itself would: no leading and no trailing
 * zero digits, the short form.  scale is at most NUM_MAX_SCALE; the room is
 * NUMERIC_SCALED_MAX bytes.  Returns their number.
 */
uint32
numeric_rescale(int64 value, int scale, char *payload)
{
	uint64		v = value < 0 ? -(uint64) value : (uint64) value;
	uint16		digits[8];
	int			pad = (NUM_BASE_DIGITS - scale % NUM_BASE_DIGITS) %
	NUM_BASE_DIGITS;
	int			weight = -((scale + NUM_BASE_DIGITS - 1) / NUM_BASE_DIGITS);
	int			n = 0;
	int			skip;
	uint16		head;
	int			i;

	/* the last digit has only some of its decimals; then whole digits */
	if (pad > 0 && v > 0)
	{
		int64		part = power_of_ten(NUM_BASE_DIGITS - pad);

		digits[n++] = (uint16) (v % part * power_of_ten(pad));
		v /= part;
	}
	for (; v > 0; v /= NUM_BASE)
		digits[n++] = (uint16) (v % NUM_BASE);
	while (n > 0 && digits[n - 1] == 0)
		n--;
	weight += n - 1;
	for (skip = 0; skip < n && digits[skip] == 0; skip++)
		;
	if (n == 0)
		weight = 0;

	head = NUM_SHORT | (value < 0 ? NUM_SHORT_NEGATIVE : 0) |
		(uint16) (scale << NUM_SHORT_SCALE_BITS) |
		((uint16) weight & NUM_SHORT_WEIGHT);
	memcpy(payload, &head, sizeof(head));
	payload += sizeof(head);
	for (i = n - 1; i >= skip; i--, payload += sizeof(uint16))
		memcpy(payload, &digits[i], sizeof(uint16));
	return (1 + n - skip) * sizeof(uint16);
}

/*
 * numeric_unscale: a numeric, given what is behind its length word, as an
 * integer and the number of digits after the point.  *scale must be that
 * number, if it is not negative: all values of a column share it.  False if
 * this is not the same value exactly.
 */
bool
numeric_unscale(const char *payload, uint32 len, int *scale, int64 *value)
{
	NumericParts n;
	char		check[NUMERIC_SCALED_MAX];

	if (!parse_numeric(payload, len, &n) || n.scale > NUM_MAX_SCALE ||
		(*scale >= 0 && n.scale != *scale) || !scale_digits(&n, value))
		return false;
	if (numeric_rescale(*value, n.scale, check) != len ||
		memcmp(check, payload, len) != 0)
		return false;
	*scale = n.scale;
	return true;
}
