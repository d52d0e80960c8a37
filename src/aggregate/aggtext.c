/*-------------------------------------------------------------------------
 *
 * aggtext.c
 *	  min and max of text, with deterministic collations.
 *
 * Codes of a dictionary stand for ranks: the code itself, if the collation
 * compares bytes, else its place among the sorted entries.  A state remembers
 * the best rank of the current dictionary that it was compared with, so strings
 * are compared only where a code is better than all before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "aggregate/aggfunction.h"

/* larger dictionaries are not sorted by a collation: that might not pay */
#define MAX_RANKS	4096

typedef struct TextExtreme
{
	char	   *data;			/* of so much room, in the spec's context */
	uint32		len;
	uint32		room;
	uint64		dictionary;		/* its number; 0: none */
	uint32		rank;			/* of its entries those that are no better
								 * than this can be skipped */
	bool		seen;
} TextExtreme;

/* spec->extra */
typedef struct TextInfo
{
	bool		min;
	bool		bytes;			/* the collation compares bytes */
	Oid			collation;
	MemoryContext scratch;		/* for one batch */
	uint64		dictionary;		/* that ranks are of; 0: none */
	uint32	   *ranks;
	const ColumnBytes *entries;
} TextInfo;

static void
text_prepare(AggSpec *spec, const Aggref *aggref)
{
	TextInfo   *info = palloc0(sizeof(TextInfo));

	info->min = spec->function == &agg_min_text;
	info->bytes = spec->collation == C_COLLATION_OID;
	info->collation = spec->collation;
	info->scratch = AllocSetContextCreate(CurrentMemoryContext,
										  "omendb aggregate values",
										  ALLOCSET_DEFAULT_SIZES);
	info->ranks = palloc(MAX_RANKS * sizeof(uint32));
	spec->extra = info;
}

static void
text_init(const AggSpec *spec, void *state)
{
	memset(state, 0, sizeof(TextExtreme));
}

static int
compare(const TextInfo *info, const char *a, uint32 alen, const char *b,
		uint32 blen)
{
	int			cmp;

	if (!info->bytes)
		return varstr_cmp(a, alen, b, blen, info->collation);
	cmp = Min(alen, blen) == 0 ? 0 : memcmp(a, b, Min(alen, blen));
	return cmp != 0 ? cmp : (alen > blen) - (alen < blen);
}

/* A string takes the state's place, if it is better. */
static void
consider(const AggSpec *spec, TextExtreme *s, const char *data, uint32 len)
{
	const TextInfo *info = spec->extra;

	if (s->seen)
	{
		int			cmp = compare(info, s->data, s->len, data, len);

		if (info->min ? cmp <= 0 : cmp >= 0)
			return;
	}
	if (s->room < len || s->data == NULL)
	{
		if (s->data != NULL)
			pfree(s->data);
		s->room = Max(len, 16);
		s->data = MemoryContextAlloc(spec->context, s->room);
	}
	memcpy(s->data, data, len);
	s->len = len;
	s->seen = true;
}

static int
compare_entries(const void *a, const void *b, void *arg)
{
	const TextInfo *info = arg;
	const ColumnBytes *x = &info->entries[*(const uint32 *) a];
	const ColumnBytes *y = &info->entries[*(const uint32 *) b];

	return compare(info, x->data, x->len, y->data, y->len);
}

/* Ranks of the entries of a dictionary, kept as long as it is the same */
static void
rank_entries(TextInfo *info, const Vector *arg)
{
	uint32		order[MAX_RANKS];

	if (info->dictionary == arg->dictionary_id)
		return;
	for (int i = 0; i < arg->ndictionary; i++)
		order[i] = i;
	info->entries = arg->dictionary;
	qsort_arg(order, arg->ndictionary, sizeof(uint32), compare_entries, info);
	for (int i = 0; i < arg->ndictionary; i++)
		info->ranks[order[i]] = i;
	info->dictionary = arg->dictionary_id;
}

static inline uint32
rank_of(const TextInfo *info, uint32 code)
{
	return info->bytes ? code : info->ranks[code];
}

/* The code that is best among those of some rows, n > 0 */
static uint32
best_code(const TextInfo *info, const AggRows *in, const Vector *arg)
{
	uint32		best = arg->codes[in->rows[0]];
	uint32		best_rank = rank_of(info, best);

	for (int i = 1; i < in->n; i++)
	{
		uint32		code = arg->codes[in->rows[i]];
		uint32		rank = rank_of(info, code);
		bool		better = info->min ? rank < best_rank : rank > best_rank;

		best = better ? code : best;
		best_rank = better ? rank : best_rank;
	}
	return best;
}

/* Considers an entry, unless that one or a better one has been already. */
static void
consider_code(const AggSpec *spec, TextExtreme *s, const Vector *arg,
			  uint32 code)
{
	const TextInfo *info = spec->extra;
	uint32		rank = rank_of(info, code);

	if (s->dictionary == arg->dictionary_id &&
		(info->min ? rank >= s->rank : rank <= s->rank))
		return;
	s->dictionary = arg->dictionary_id;
	s->rank = rank;
	consider(spec, s, arg->dictionary[code].data, arg->dictionary[code].len);
}

static void
add_codes(const AggSpec *spec, char *states, Size stride, const AggRows *in,
		  const Vector *arg)
{
	TextInfo   *info = spec->extra;

	if (!info->bytes)
		rank_entries(info, arg);
	if (in->groups != NULL)
		for (int i = 0; i < in->n; i++)
			consider_code(spec, (TextExtreme *) (states +
												 in->groups[i] * stride),
						  arg, arg->codes[in->rows[i]]);
	else if (in->n > 0)
		consider_code(spec, (TextExtreme *) states, arg,
					  best_code(info, in, arg));
}

/* Strings that have no rank */
static void
add_strings(const AggSpec *spec, char *states, Size stride,
			const AggRows *in, const Vector *arg)
{
	const TextInfo *info = spec->extra;
	MemoryContext old = MemoryContextSwitchTo(info->scratch);

	for (int i = 0; i < in->n; i++)
	{
		TextExtreme *s = agg_state(states, stride, in, i);
		int			row = in->rows[i];

		if (arg->kind == VECTOR_DATUM)
		{
			text	   *t = DatumGetTextPP(arg->datums[row]);

			consider(spec, s, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
		}
		else
		{
			const ColumnBytes *bytes = arg->kind == VECTOR_CODES ?
			&arg->dictionary[arg->codes[row]] : &arg->bytes[row];

			consider(spec, s, bytes->data, bytes->len);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(info->scratch);
}

static void
text_add(const AggSpec *spec, char *states, Size stride,
		 const uint32 *groups, const Vector *arg, const int *rows, int nrows)
{
	const TextInfo *info = spec->extra;
	AggRows		in;

	agg_input_rows(&in, arg, groups, rows, nrows);
	if (arg->kind == VECTOR_CODES &&
		(info->bytes || arg->ndictionary <= MAX_RANKS))
		add_codes(spec, states, stride, &in, arg);
	else
		add_strings(spec, states, stride, &in, arg);
}

static bool
text_stats(const AggSpec *spec, void *state, const SegmentColumn *column,
		   int nrows)
{
	const TextInfo *info = spec->extra;
	const ColumnBytes *best = info->min ? &column->stats.min_bytes :
	&column->stats.max_bytes;

	if (column->stats.nnulls == nrows)
		return true;
	if (!info->bytes || !column->stats.has_bytes ||
		column->form != COLUMN_FORM_VARLENA)
		return false;
	consider(spec, state, best->data, best->len);
	return true;
}

static void
text_combine(const AggSpec *spec, void *state, void *other)
{
	TextExtreme *o = other;

	if (!o->seen)
		return;
	consider(spec, state, o->data, o->len);
	pfree(o->data);
}

static void
text_write(const AggSpec *spec, const void *state, StringInfo out)
{
	const TextExtreme *s = state;

	if (s->seen)
	{
		appendStringInfoChar(out, true);
		appendBinaryStringInfo(out, s->data, s->len);
	}
}

static void
text_read(const AggSpec *spec, void *state, const char *data, Size len)
{
	text_init(spec, state);
	if (len > 0)
		consider(spec, state, data + 1, len - 1);
}

static Datum
text_final(const AggSpec *spec, void *state, bool *isnull)
{
	TextExtreme *s = state;

	*isnull = !s->seen;
	return *isnull ? (Datum) 0 :
		PointerGetDatum(cstring_to_text_with_len(s->data, s->len));
}

#define TEXT_FUNCTION(which) \
{ \
	.name = which, \
	.size = sizeof(TextExtreme), \
	.prepare = text_prepare, \
	.init = text_init, \
	.add = text_add, \
	.add_stats = text_stats, \
	.combine = text_combine, \
	.write = text_write, \
	.read = text_read, \
	.final = text_final \
}

const AggFunction agg_min_text = TEXT_FUNCTION("min");
const AggFunction agg_max_text = TEXT_FUNCTION("max");
