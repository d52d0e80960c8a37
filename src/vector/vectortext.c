/*-------------------------------------------------------------------------
 *
 * vectortext.c
 *	  Functions of a dictionary: expressions over one column of strings.
 *
 * Any expression that refers to one column of byte strings, and otherwise only
 * to what is the same for all rows, has one value for each entry of the
 * column's dictionary.  PostgreSQL's executor computes it, for the entries that
 * selected rows have, once each; the values of a vector are then looked up by
 * code.  So LIKE, lower(), substr() and all the others need no loops of their
 * own, for whatever collation.
 *
 * Where the column comes without a dictionary, the native form of the
 * expression is taken, if it has one, or it is computed for each row.
 *
 * Executing something may raise an error.  As a part of CASE, AND or the like it
 * is computed for rows that would not reach it otherwise; so only expressions
 * of functions that raise none are taken there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "vector/vectorinternal.h"

/* a dictionary of strings is made of one if it has no more entries */
#define REMAP_ENTRIES	8192

/* what is known of an entry */
#define ENTRY_VALUE		1
#define ENTRY_NULL		2

typedef struct TextState
{
	ExprState  *expr;
	bool		safe;			/* raises no error */
	VectorKind	kind;			/* of results */
	Size		width;			/* of a result */
	int16		typlen;
	bool		byval;

	/* values for the current dictionary; its last is that of null */
	MemoryContext context;
	uint64		dictionary_id;
	uint64		binding;
	int			nentries;
	int			nknown;			/* null apart */
	uint8	   *known;
	char	   *values;
	bool		any_null;
	bool		no_form;		/* some numeric cannot be held as others are */
	int			scale;			/* of integers; -1: there is none yet */
	int64		low;
	int64		high;

	/* results as codes of a dictionary of their own */
	uint32	   *remap;			/* NULL: they are strings */
	ColumnBytes *strings;
	int			nstrings;
	uint64		strings_id;

	/* without a dictionary: values of rows */
	MemoryContext rows;
	Datum	   *datums;
} TextState;

/*---- which expressions ---- */

/* Functions that raise no error but for lack of memory; not leakproof, though */
static const Oid safe_functions[] = {
	F_TEXTLIKE, F_TEXTNLIKE, F_TEXTICLIKE, F_TEXTICNLIKE,
	F_BPCHARLIKE, F_BPCHARNLIKE, F_BPCHARICLIKE, F_BPCHARICNLIKE,
	F_STARTS_WITH, F_TEXTCAT, F_LENGTH_TEXT, F_LENGTH_BPCHAR, F_LENGTH_BYTEA,
	F_CHAR_LENGTH_TEXT, F_CHARACTER_LENGTH_TEXT, F_OCTET_LENGTH_TEXT,
	F_OCTET_LENGTH_BYTEA, F_LOWER_TEXT, F_UPPER_TEXT, F_INITCAP,
	F_SUBSTR_TEXT_INT4, F_SUBSTRING_TEXT_INT4, F_LEFT, F_RIGHT, F_STRPOS,
	F_POSITION_TEXT_TEXT, F_REPLACE, F_BTRIM_TEXT, F_LTRIM_TEXT,
	F_RTRIM_TEXT, F_TEXT_BPCHAR, F_MD5_TEXT,
	F_BPCHAREQ, F_BPCHARNE, F_BPCHARLT, F_BPCHARLE, F_BPCHARGT, F_BPCHARGE
};

static bool
is_unsafe_function(Oid function, void *context)
{
	for (int i = 0; i < lengthof(safe_functions); i++)
	{
		if (safe_functions[i] == function)
			return false;
	}
	return !get_func_leakproof(function);
}

/* Is there a part of the expression that might raise an error? */
static bool
find_unsafe(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_Param:
		case T_List:
		case T_ArrayExpr:
		case T_RelabelType:
		case T_CollateExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_BoolExpr:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CaseTestExpr:
		case T_CoalesceExpr:
			break;
		case T_OpExpr:
		case T_FuncExpr:
		case T_NullIfExpr:
		case T_DistinctExpr:
		case T_ScalarArrayOpExpr:
			if (check_functions_in_node(node, is_unsafe_function, context))
				return true;
			break;
		default:
			return true;
	}
	return expression_tree_walker(node, find_unsafe, context);
}

/* Finds a reference to what may be computed outside of the expression. */
static bool
find_test_value(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return IsA(node, CaseTestExpr) ||
		expression_tree_walker(node, find_test_value, context);
}

static bool
find_var(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		*(Var **) context = (Var *) node;
		return true;
	}
	return expression_tree_walker(node, find_var, context);
}

/* The only column that an expression refers to, if it is one of strings */
static Var *
only_column(Expr *expr, Index varno)
{
	Bitmapset  *attnos = NULL;
	Var		   *var = NULL;

	pull_varattnos((Node *) expr, varno, &attnos);
	if (bms_num_members(attnos) != 1 ||
		bms_next_member(attnos, -1) + FirstLowInvalidHeapAttributeNumber <= 0)
		return NULL;
	find_var((Node *) expr, &var);
	return vector_kind(var->vartype) == VECTOR_BYTES ? var : NULL;
}

/*---- values of entries ---- */

static TextState *
make_state(VectorNode *node)
{
	VectorExpr *owner = node->owner;
	MemoryContext old = MemoryContextSwitchTo(owner->context);
	TextState  *state = palloc0(sizeof(TextState));

	state->expr = ExecInitExpr((Expr *) node->expr, NULL);
	state->safe = !find_unsafe((Node *) node->expr, NULL);
	state->kind = vector_kind(node->out.type);
	state->width = vector_width(state->kind);
	get_typlenbyval(node->out.type, &state->typlen, &state->byval);
	state->context = AllocSetContextCreate(owner->context,
										   "omendb dictionary function",
										   ALLOCSET_SMALL_SIZES);
	state->rows = AllocSetContextCreate(owner->context,
										"omendb function of strings",
										ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(old);
	node->state = state;
	return state;
}

/* Computes the expression for a string, or for null. */
static Datum
compute(VectorNode *node, TextState *state, const ColumnBytes *bytes,
		bool *isnull)
{
	VectorExpr *owner = node->owner;
	ExprContext *econtext = owner->econtext;
	TupleTableSlot *slot = owner->slot;
	int			at = node->option - 1;
	MemoryContext old;

	slot->tts_isnull[at] = bytes == NULL;
	if (bytes != NULL)
	{
		old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
		slot->tts_values[at] = vector_bytes_datum(bytes, node->args[0]->out.type);
		MemoryContextSwitchTo(old);
	}
	econtext->ecxt_scantuple = slot;
	return ExecEvalExprSwitchContext(state->expr, econtext, isnull);
}

/* Keeps the value of an entry in the form that vectors have. */
static void
keep_value(VectorNode *node, TextState *state, int entry, Datum value)
{
	static const int row = 0;
	ColumnBytes room;
	Vector		one;

	one.has_nulls = false;
	memset(one.nulls, 0, sizeof(one.nulls));
	vector_from_datums(&one, node->out.type, &value, &row, 1, &room);
	if (one.kind != state->kind ||
		(state->scale >= 0 && one.scale != state->scale))
	{
		state->no_form = true;
		return;
	}
	memcpy(state->values + entry * state->width, &room, state->width);
	if (one.kind != VECTOR_INT)
		return;
	state->low = state->scale < 0 ? one.low : Min(state->low, one.low);
	state->high = state->scale < 0 ? one.high : Max(state->high, one.high);
	state->scale = one.scale;
}

static void
compute_entry(VectorNode *node, TextState *state, int entry,
			  const ColumnBytes *bytes)
{
	bool		isnull;
	Datum		value = compute(node, state, bytes, &isnull);
	MemoryContext old;

	if (isnull)
		state->any_null = true;
	else
	{
		old = MemoryContextSwitchTo(state->context);
		keep_value(node, state, entry,
				   datumCopy(value, state->byval, state->typlen));
		MemoryContextSwitchTo(old);
	}
	state->known[entry] = isnull ? ENTRY_NULL : ENTRY_VALUE;
	state->nknown += bytes != NULL;
	ResetExprContext(node->owner->econtext);
}

/*---- results that are strings ---- */

typedef struct SortedEntry
{
	ColumnBytes bytes;
	int			entry;
} SortedEntry;

static int
compare_entries(const void *a, const void *b)
{
	const ColumnBytes *l = &((const SortedEntry *) a)->bytes;
	const ColumnBytes *r = &((const SortedEntry *) b)->bytes;
	uint32		shorter = Min(l->len, r->len);
	int			cmp = shorter == 0 ? 0 : memcmp(l->data, r->data, shorter);

	return cmp != 0 ? cmp : l->len < r->len ? -1 : l->len > r->len;
}

/* Makes a dictionary of the values of all entries, which are known. */
static void
make_strings(TextState *state)
{
	SortedEntry *sorted = palloc((state->nentries + 1) * sizeof(SortedEntry));
	const ColumnBytes *values = (const ColumnBytes *) state->values;
	int			n = 0;

	for (int i = 0; i <= state->nentries; i++)
	{
		if (state->known[i] != ENTRY_VALUE)
			continue;
		sorted[n].bytes = values[i];
		sorted[n++].entry = i;
	}
	qsort(sorted, n, sizeof(SortedEntry), compare_entries);
	state->remap = palloc0((state->nentries + 1) * sizeof(uint32));
	state->strings = palloc0((n + 1) * sizeof(ColumnBytes));
	state->nstrings = 0;
	for (int i = 0; i < n; i++)
	{
		if (i == 0 || compare_entries(&sorted[i - 1], &sorted[i]) != 0)
			state->strings[state->nstrings++] = sorted[i].bytes;
		state->remap[sorted[i].entry] = state->nstrings - 1;
	}
	state->strings_id = vector_new_dictionary();
	pfree(sorted);
}

/*
 * Strings get a dictionary of their own, if it is small: then all entries are
 * computed at once.
 */
static void
remap_entries(VectorNode *node, TextState *state, const Vector *v)
{
	MemoryContext old;

	for (int i = 0; i < v->ndictionary; i++)
		compute_entry(node, state, i, &v->dictionary[i]);
	compute_entry(node, state, v->ndictionary, NULL);
	old = MemoryContextSwitchTo(state->context);
	make_strings(state);
	MemoryContextSwitchTo(old);
	if (state->nstrings == 0)
		state->remap = NULL;
}

/*---- by code ---- */

static void
begin_dictionary(VectorNode *node, TextState *state, const Vector *v)
{
	int			n = v->ndictionary;

	MemoryContextReset(state->context);
	state->dictionary_id = 0;	/* until all is done */
	state->nentries = n;
	state->nknown = 0;
	state->known = MemoryContextAllocZero(state->context, n + 1);
	state->values = MemoryContextAllocZero(state->context,
										   (n + 1) * state->width);
	state->any_null = state->no_form = false;
	state->scale = -1;
	state->low = state->high = 0;
	state->remap = NULL;
	if (state->kind == VECTOR_BYTES && state->safe && n <= REMAP_ENTRIES)
		remap_entries(node, state, v);
	state->dictionary_id = v->dictionary_id;
	state->binding = node->owner->binding;
}

/* Computes the values of all entries that selected rows have. */
static void
learn_entries(VectorNode *node, TextState *state, const Vector *v,
			  const uint32 *entries, const VectorSource *source)
{
	if (state->nknown == state->nentries &&
		(!v->has_nulls || state->known[state->nentries]))
		return;
	for (int i = 0; i < source->nselected; i++)
	{
		uint32		entry = entries[source->selected[i]];

		if (!state->known[entry])
			compute_entry(node, state, entry, entry == state->nentries ? NULL :
						  &v->dictionary[entry]);
	}
}

/* The entry of each row; what comes behind the dictionary is null. */
static const uint32 *
entries_of_rows(const Vector *v, int nrows, uint32 *room)
{
	if (!v->has_nulls)
		return v->codes;
	for (int i = 0; i < nrows; i++)
		room[i] = vector_is_null(v, i) ? (uint32) v->ndictionary : v->codes[i];
	return room;
}

VECTOR_KERNEL void
look_up_words(const int64 *values, const uint32 *entries, int n, int64 *out)
{
	for (int i = 0; i < n; i++)
		out[i] = values[entries[i]];
}

VECTOR_KERNEL void
look_up_codes(const uint32 *values, const uint32 *entries, int n, uint32 *out)
{
	for (int i = 0; i < n; i++)
		out[i] = values[entries[i]];
}

static void
look_up_bools(const uint8 *values, const uint32 *entries, int n, uint8 *out)
{
	for (int i = 0; i < n; i++)
		out[i] = values[entries[i]];
}

static void
look_up_strings(const ColumnBytes *values, const uint32 *entries, int n,
				ColumnBytes *out)
{
	for (int i = 0; i < n; i++)
		out[i] = values[entries[i]];
}

static void
look_up_nulls(const TextState *state, const uint32 *entries, int n,
			  Vector *out)
{
	out->has_nulls = false;
	memset(out->nulls, 0, sizeof(out->nulls));
	if (!state->any_null)
		return;
	for (int i = 0; i < n; i++)
	{
		if (state->known[entries[i]] == ENTRY_NULL)
			vector_set_null(out, i);
	}
}

static void
look_up(VectorNode *node, const TextState *state, const uint32 *entries,
		int n)
{
	Vector	   *out = &node->out;

	out->kind = state->remap != NULL ? VECTOR_CODES : state->kind;
	vector_point(out, node->buffer);
	look_up_nulls(state, entries, n, out);
	switch (out->kind)
	{
		case VECTOR_BOOL:
			look_up_bools((const uint8 *) state->values, entries, n, node->buffer);
			break;
		case VECTOR_BYTES:
			look_up_strings((const ColumnBytes *) state->values, entries, n,
							node->buffer);
			break;
		case VECTOR_CODES:
			look_up_codes(state->remap, entries, n, node->buffer);
			out->dictionary = state->strings;
			out->ndictionary = state->nstrings;
			out->dictionary_id = state->strings_id;
			break;
		default:
			look_up_words((const int64 *) state->values, entries, n, node->buffer);
			out->scale = Max(state->scale, 0);
			out->low = state->low;
			out->high = state->high;
			break;
	}
}

static const Vector *
eval_codes(VectorNode *node, TextState *state, const Vector *v,
		   const VectorSource *source)
{
	uint32		room[COLUMN_VECTOR];
	const uint32 *entries;

	if (state->dictionary_id != v->dictionary_id ||
		state->binding != node->owner->binding)
		begin_dictionary(node, state, v);
	entries = entries_of_rows(v, source->nrows, room);
	learn_entries(node, state, v, entries, source);
	if (state->no_form)
		return NULL;
	look_up(node, state, entries, source->nrows);
	return &node->out;
}

/*---- by row ---- */

static const Vector *
eval_rows(VectorNode *node, TextState *state, const Vector *v,
		  const VectorSource *source)
{
	Vector	   *out = &node->out;
	MemoryContext old;

	if (state->datums == NULL)
		state->datums = MemoryContextAllocZero(node->owner->context,
											   COLUMN_VECTOR * sizeof(Datum));
	MemoryContextReset(state->rows);
	out->has_nulls = false;
	memset(out->nulls, 0, sizeof(out->nulls));
	old = MemoryContextSwitchTo(state->rows);
	for (int i = 0; i < source->nselected; i++)
	{
		int			row = source->selected[i];
		bool		isnull;
		Datum		value = compute(node, state, vector_is_null(v, row) ? NULL :
									vector_row_bytes(v, row), &isnull);

		if (isnull)
			vector_set_null(out, row);
		else
			state->datums[row] = datumCopy(value, state->byval, state->typlen);
		ResetExprContext(node->owner->econtext);
	}
	vector_from_datums(out, out->type, state->datums, source->selected,
					   source->nselected, node->buffer);
	MemoryContextSwitchTo(old);
	return out->kind == VECTOR_DATUM ? NULL : out;
}

/*---- */

static const Vector *
eval_text(VectorNode *node, VectorSource *source)
{
	const Vector *v = node->args[0]->eval(node->args[0], source);
	TextState  *state = node->state;

	if (state == NULL)
		state = make_state(node);
	if (v == NULL)
		node->result = NULL;
	else if (v->kind == VECTOR_CODES)
		node->result = eval_codes(node, state, v, source);
	else if (node->nargs > 1)
		node->result = node->args[1]->eval(node->args[1], source);
	else
		node->result = eval_rows(node, state, v, source);
	return node->result;
}

/*
 * vector_build_text: a node for an expression over one column of strings, or
 * NULL if it is not that.  native is the expression's other native form, or
 * NULL.  root: it is the whole expression, not a part of one.
 */
VectorNode *
vector_build_text(VectorBuild *build, Expr *expr, VectorNode *native,
				  bool root)
{
	Var		   *var = only_column(expr, build->varno);
	VectorNode *node;

	if (var == NULL || (!root && find_unsafe((Node *) expr, NULL)) ||
		(build->case_test != NULL && find_test_value((Node *) expr, NULL)))
		return NULL;
	node = vector_node(expr, VECTOR_BYTES, native != NULL ? 2 : 1);
	node->option = var->varattno;
	node->args[0] = vector_build(build, (Expr *) var);
	node->args[1] = native;
	node->eval = eval_text;
	return node->args[0] != NULL ? node : NULL;
}
