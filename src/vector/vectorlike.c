/*-------------------------------------------------------------------------
 *
 * vectorlike.c
 *	  LIKE, starts_with() and length() for strings without a dictionary.
 *
 * A pattern without "_" is a list of literals between "%": each is searched
 * for behind the one before it, and the leftmost place is as good as any.  That
 * is done by bytes, which is right for encodings in which no character begins
 * within another one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "vector/vectorinternal.h"

#define LIKE_MATCHES		0
#define LIKE_MATCHES_NOT	1
#define LIKE_BEGINS			2	/* starts_with: all is literal */

typedef struct LikePattern
{
	bool		usable;
	bool		anchored;		/* the first literal is where the string
								 * begins */
	bool		ends;			/* the last one is where it ends */
	int			nliterals;
	ColumnBytes *literals;
} LikePattern;

/*---- patterns ---- */

static bool
like_usable(const VectorNode *node)
{
	Oid			collation = exprInputCollation((Node *) node->expr);

	return (pg_database_encoding_max_length() == 1 ||
			GetDatabaseEncoding() == PG_UTF8) &&
		OidIsValid(collation) && get_collation_isdeterministic(collation);
}

static void
add_literal(LikePattern *p, const char *data, uint32 len)
{
	p->literals[p->nliterals].data = data;
	p->literals[p->nliterals++].len = len;
}

/*
 * Splits a pattern; false if it has "_", or ends within an escape.  bytes has
 * what the literals point to, and room for as many literals as it has bytes.
 */
static bool
split_pattern(LikePattern *p, const ColumnBytes *pattern, char *bytes)
{
	char	   *begin = bytes;
	bool		wild = false;	/* was the last thing a "%"? */

	p->anchored = pattern->len == 0 || pattern->data[0] != '%';
	for (uint32 i = 0; i < pattern->len; i++)
	{
		char		c = pattern->data[i];

		if (c == '_' || (c == '\\' && ++i >= pattern->len))
			return false;
		wild = c == '%';
		if (!wild)
			*bytes++ = pattern->data[i];
		else if (bytes > begin)
		{
			add_literal(p, begin, bytes - begin);
			begin = bytes;
		}
	}
	p->ends = !wild;
	if (bytes > begin)
		add_literal(p, begin, bytes - begin);
	return true;
}

static void
bind_pattern(VectorNode *node, LikePattern *p)
{
	const Vector *v = node->values[1];
	const ColumnBytes *pattern = v->bytes;
	MemoryContext context = node->owner->bound;
	char	   *bytes;

	p->nliterals = 0;
	p->usable = !v->has_nulls && v->kind == VECTOR_BYTES;
	if (!p->usable)
		return;
	p->literals = MemoryContextAlloc(context,
									 (pattern->len + 1) * sizeof(ColumnBytes));
	bytes = MemoryContextAlloc(context, pattern->len + 1);
	if (node->function->option == LIKE_BEGINS)
	{
		p->anchored = true;
		p->ends = false;
		memcpy(bytes, pattern->data, pattern->len);
		add_literal(p, bytes, pattern->len);
	}
	else
		p->usable = split_pattern(p, pattern, bytes);
}

/*---- matching ---- */

static bool
has_at(const char *data, const ColumnBytes *literal)
{
	return memcmp(data, literal->data, literal->len) == 0;
}

/* The place behind the leftmost one of a literal, or NULL */
static const char *
find_literal(const char *data, const char *end, const ColumnBytes *literal)
{
	const char *found = data + literal->len > end ? NULL :
	memmem(data, end - data, literal->data, literal->len);

	return found == NULL ? NULL : found + literal->len;
}

static bool
matches(const LikePattern *p, const ColumnBytes *value)
{
	const char *data = value->data;
	const char *end = data + value->len;
	int			first = 0;
	int			last = p->nliterals;

	if (last == 0)
		return !(p->anchored && p->ends) || value->len == 0;
	if (p->anchored)
	{
		if (value->len < p->literals[0].len || !has_at(data, &p->literals[0]))
			return false;
		data += p->literals[0].len;
		if (p->ends && last == 1)
			return data == end;
		first++;
	}
	if (p->ends)
	{
		last--;
		if (end - data < p->literals[last].len ||
			!has_at(end - p->literals[last].len, &p->literals[last]))
			return false;
		end -= p->literals[last].len;
	}
	for (; first < last && data != NULL; first++)
		data = find_literal(data, end, &p->literals[first]);
	return data != NULL;
}

static bool
like_kernel(VectorNode *node, const VectorSource *source)
{
	const Vector *v = node->values[0];
	LikePattern *p = node->state;
	uint8	   *out = vector_bools(node);
	bool		wanted = node->function->option != LIKE_MATCHES_NOT;

	if (p == NULL)
		p = node->state = MemoryContextAllocZero(node->owner->context,
												 sizeof(LikePattern));
	if (node->binding != node->owner->binding)
	{
		bind_pattern(node, p);
		node->binding = node->owner->binding;
	}
	if (!p->usable)
		return false;
	for (int i = 0; i < source->nselected; i++)
	{
		int			row = source->selected[i];

		if (!vector_is_null(v, row))
			out[row] = matches(p, vector_row_bytes(v, row)) == wanted;
	}
	node->out.bools = out;
	return true;
}

/*---- lengths ---- */

#define LENGTH_BYTES	0
#define LENGTH_CHARS	1

static bool
length_usable(const VectorNode *node)
{
	return node->function->option == LENGTH_BYTES ||
		pg_database_encoding_max_length() == 1 ||
		GetDatabaseEncoding() == PG_UTF8;
}

static bool
length_bounds(VectorNode *node, VectorRange *range)
{
	range->low = 0;
	range->high = MaxAllocSize;
	return true;
}

/* Bytes of UTF-8 that do not go on with a character */
VECTOR_KERNEL int64
count_chars(const char *data, uint32 len)
{
	uint32		n = 0;

	for (uint32 i = 0; i < len; i++)
		n += ((uint8) data[i] & 0xC0) != 0x80;
	return n;
}

static bool
length_kernel(VectorNode *node, const VectorSource *source)
{
	const Vector *v = node->values[0];
	int64	   *out = vector_ints(node);
	bool		chars = node->function->option == LENGTH_CHARS &&
	pg_database_encoding_max_length() > 1;

	for (int i = 0; i < source->nselected; i++)
	{
		int			row = source->selected[i];
		const ColumnBytes *bytes;

		if (vector_is_null(v, row))
			continue;
		bytes = vector_row_bytes(v, row);
		out[row] = chars ? count_chars(bytes->data, bytes->len) : bytes->len;
	}
	node->out.ints = out;
	return true;
}

/*---- */

#define LENGTH(oid, option) \
	{oid, "s", VECTOR_INT, length_bounds, length_kernel, option, length_usable}
#define LIKE(oid, option) \
	{oid, "sk", VECTOR_BOOL, NULL, like_kernel, option, like_usable}

const VectorFunction vector_like_functions[] = {
	LIKE(F_TEXTLIKE, LIKE_MATCHES),
	LIKE(F_TEXTNLIKE, LIKE_MATCHES_NOT),
	LIKE(F_BPCHARLIKE, LIKE_MATCHES),
	LIKE(F_BPCHARNLIKE, LIKE_MATCHES_NOT),
	LIKE(F_STARTS_WITH, LIKE_BEGINS),
	LENGTH(F_LENGTH_TEXT, LENGTH_CHARS),
	LENGTH(F_CHAR_LENGTH_TEXT, LENGTH_CHARS),
	LENGTH(F_CHARACTER_LENGTH_TEXT, LENGTH_CHARS),
	LENGTH(F_OCTET_LENGTH_TEXT, LENGTH_BYTES),
	LENGTH(F_LENGTH_BYTEA, LENGTH_BYTES),
	LENGTH(F_OCTET_LENGTH_BYTEA, LENGTH_BYTES),
	{InvalidOid}
};
