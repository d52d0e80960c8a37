/*-------------------------------------------------------------------------
 *
 * vectorexpr.c
 *	  Expressions in execution: natively where the values of a batch allow it,
 *	  else row for row by PostgreSQL's executor.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "vector/vectorinternal.h"

#define ARRAY_ALIGN		64		/* of arrays that loops go over */

/*---- begin ---- */

static void *
alloc_array(MemoryContext context, Size size)
{
	char	   *room = MemoryContextAllocZero(context, ARRAY_ALIGN + size);

	return (void *) TYPEALIGN(ARRAY_ALIGN, room);
}

/* Gives a node and those below it the memory that they write to */
static void
start_node(VectorExpr *expr, VectorNode *node)
{
	node->owner = expr;
	node->binding = 0;
	node->out.kind = node->kind;
	node->out.type = getBaseType(exprType((Node *) node->expr));
	if (node->kind != 0)
	{
		node->buffer = alloc_array(expr->context,
								   COLUMN_VECTOR * vector_width(node->kind));
		vector_point(&node->out, node->buffer);
	}
	if (node->nscratch > 0)
		node->scratch = alloc_array(expr->context, node->nscratch);
	if (node->constant)
		node->exprstate = ExecInitExpr((Expr *) node->expr, NULL);
	for (int i = 0; i < node->nargs; i++)
		start_node(expr, node->args[i]);
}

/* The columns that the expression refers to, and a row to put them in */
static void
start_by_row(VectorExpr *expr, Expr *node, Index varno)
{
	Bitmapset  *attnos = NULL;
	int			i = -1;

	pull_varattnos((Node *) node, varno, &attnos);
	expr->attnos = palloc((bms_num_members(attnos) + 1) * sizeof(AttrNumber));
	expr->columns = palloc((bms_num_members(attnos) + 1) * sizeof(Vector *));
	while ((i = bms_next_member(attnos, i)) >= 0)
	{
		AttrNumber	attno = i + FirstLowInvalidHeapAttributeNumber;

		if (attno <= 0)
			elog(ERROR, "a vector expression refers to system column %d",
				 attno);
		expr->attnos[expr->nattnos++] = attno;
	}
	ExecStoreAllNullTuple(expr->slot);
	expr->exprstate = ExecInitExpr(node, NULL);
	expr->out.type = expr->type;
	expr->datums = palloc0(COLUMN_VECTOR * sizeof(Datum));
	expr->buffer = alloc_array(CurrentMemoryContext,
							   COLUMN_VECTOR * sizeof(ColumnBytes));
}

/*
 * vector_compile: makes an expression ready for execution.  Its Vars of varno
 * are columns of the table; vector_support() has not said VECTOR_NEVER of it.
 * It lives in the current memory context and as long as parent.  Permission to
 * call its functions is checked here.
 */
VectorExpr *
vector_compile(Expr *expr, Index varno, TupleDesc table, PlanState *parent)
{
	VectorExpr *result = palloc0(sizeof(VectorExpr));
	VectorBuild build = {varno};

	result->type = getBaseType(exprType((Node *) expr));
	result->context = CurrentMemoryContext;
	result->bound = AllocSetContextCreate(CurrentMemoryContext,
										  "omendb bound values",
										  ALLOCSET_SMALL_SIZES);
	result->batch = AllocSetContextCreate(CurrentMemoryContext,
										  "omendb vector",
										  ALLOCSET_DEFAULT_SIZES);
	result->econtext = CreateExprContext(parent->state);
	result->binding = 1;
	result->slot = ExecInitExtraTupleSlot(parent->state, table, &TTSOpsVirtual);
	start_by_row(result, expr, varno);
	result->root = vector_build(&build, expr);
	if (result->root != NULL)
		start_node(result, result->root);
	return result;
}

/*
 * vector_is_native: is there more than the way by row?
 */
bool
vector_is_native(const VectorExpr *expr)
{
	return expr->root != NULL;
}

/*
 * vector_by_row: how many batches were computed row for row?
 */
uint64
vector_by_row(const VectorExpr *expr)
{
	return expr->nby_row;
}

/*
 * vector_allow_parts: the caller of vector_eval() asks vector_next_part() for
 * more.
 */
void
vector_allow_parts(VectorExpr *expr)
{
	expr->allow_parts = true;
}

/*
 * vector_next_part: the next vector of a result that is several, after the one
 * that vector_eval() or this has returned; NULL: there is none.  A row that is
 * null in one may have its value in another, with another scale.
 */
const Vector *
vector_next_part(const VectorExpr *expr, const Vector *part)
{
	int			next = 0;

	for (int i = 0; i < expr->nparts; i++)
	{
		if (expr->parts[i] == part)
			next = i + 1;
	}
	return next < expr->nparts ? expr->parts[next] : NULL;
}

/*
 * vector_rebind: parameters may have changed; what does not depend on rows is
 * computed again when it is needed next.
 */
void
vector_rebind(VectorExpr *expr)
{
	expr->binding++;
	MemoryContextReset(expr->bound);
}

/*
 * vector_bind_constant: computes a row-independent node, if that has not been
 * done since the last rebind.  It is called only if some row needs the value,
 * so that errors are those that PostgreSQL would raise.
 */
void
vector_bind_constant(VectorNode *node)
{
	VectorExpr *expr = node->owner;
	static const int row = 0;
	MemoryContext old;
	int16		typlen;
	bool		byval;

	if (node->binding == expr->binding)
		return;
	node->value = ExecEvalExprSwitchContext(node->exprstate, expr->econtext,
											&node->isnull);
	old = MemoryContextSwitchTo(expr->bound);
	get_typlenbyval(exprType((Node *) node->expr), &typlen, &byval);
	if (!node->isnull)
		node->value = datumCopy(node->value, byval, typlen);
	node->out.has_nulls = node->isnull;
	memset(node->out.nulls, node->isnull ? 0xFF : 0, sizeof(node->out.nulls));
	vector_from_datums(&node->out, node->out.type, &node->value, &row, 1,
					   node->buffer);
	if (node->out.kind == VECTOR_DATUM)
	{
		node->out.datums = node->buffer;
		((Datum *) node->buffer)[0] = node->value;
	}
	vector_repeat(&node->out, node->buffer);
	MemoryContextSwitchTo(old);
	ResetExprContext(expr->econtext);
	node->binding = expr->binding;
}

/*---- row for row ---- */

/* Puts one row's columns in the slot */
static void
fill_slot(VectorExpr *expr, int row)
{
	TupleTableSlot *slot = expr->slot;

	for (int i = 0; i < expr->nattnos; i++)
	{
		int			at = expr->attnos[i] - 1;

		slot->tts_values[at] = expr->columns[i]->datums[row];
		slot->tts_isnull[at] = vector_is_null(expr->columns[i], row);
	}
}

static void
eval_row(VectorExpr *expr, int row, bool byval, int16 typlen)
{
	bool		isnull;
	Datum		value;

	fill_slot(expr, row);
	expr->econtext->ecxt_scantuple = expr->slot;
	value = ExecEvalExprSwitchContext(expr->exprstate, expr->econtext,
									  &isnull);
	if (isnull)
		vector_set_null(&expr->out, row);
	else if (byval)
		expr->datums[row] = value;
	else
		expr->datums[row] = datumCopy(value, false, typlen);
	ResetExprContext(expr->econtext);
}

/* All selected rows by PostgreSQL's executor */
static const Vector *
eval_by_row(VectorExpr *expr, VectorSource *source)
{
	MemoryContext old;
	int16		typlen;
	bool		byval;

	expr->nby_row++;
	expr->nparts = 0;
	get_typlenbyval(expr->type, &typlen, &byval);
	MemoryContextReset(expr->batch);
	for (int i = 0; i < expr->nattnos; i++)
		expr->columns[i] = source->datums(source, expr->attnos[i]);
	expr->out.has_nulls = false;
	memset(expr->out.nulls, 0, sizeof(expr->out.nulls));
	old = MemoryContextSwitchTo(expr->batch);
	for (int i = 0; i < source->nselected; i++)
	{
		CHECK_FOR_INTERRUPTS();
		eval_row(expr, source->selected[i], byval, typlen);
	}
	vector_from_datums(&expr->out, expr->type, expr->datums, source->selected,
					   source->nselected, expr->buffer);
	MemoryContextSwitchTo(old);
	return &expr->out;
}

/*---- evaluation ---- */

/*
 * vector_eval: the values for the selected rows of the source's batch.  They
 * live until the next call for this expression or the source's next batch.
 */
const Vector *
vector_eval(VectorExpr *expr, VectorSource *source)
{
	VectorNode *root = expr->root;
	const Vector *result = NULL;

	expr->nparts = 0;
	expr->source = source;
	if (root != NULL && source->nselected > 0)
		result = root->eval(root, source);
	if (result == NULL && root != NULL && root->column)
		result = source->datums(source, root->option);
	return result != NULL ? result : eval_by_row(expr, source);
}

/* Rows of a list for which truth is 1 */
static int
select_listed(const uint8 *truth, const int *selected, int nselected,
			  int *rows)
{
	int			n = 0;

	for (int i = 0; i < nselected; i++)
	{
		int			row = selected[i];

		rows[n] = row;
		n += truth[row];
	}
	return n;
}

/* The same for all of the first nrows rows, eight at a time */
static int
select_all(const uint8 *truth, int nrows, int *rows)
{
	int			n = 0;

	for (int first = 0; first < nrows; first += 8)
	{
		int			end = Min(first + 8, nrows);
		uint64		eight;

		memcpy(&eight, truth + first, sizeof(eight));
		if (eight == 0)
			continue;
		for (int row = first; row < end; row++)
		{
			rows[n] = row;
			n += truth[row];
		}
	}
	return n;
}

/*
 * vector_select: the selected rows for which a condition is true, ascending.
 * rows has room for all that are selected, and may be the source's own list.
 * Returns their number.
 */
int
vector_select(VectorExpr *expr, VectorSource *source, int *rows)
{
	const Vector *v = vector_eval(expr, source);
	const uint8 *truth = v->bools;
	uint8		known[COLUMN_VECTOR];

	if (v->kind != VECTOR_BOOL)
		elog(ERROR, "a condition is not boolean");
	if (v->has_nulls)
	{
		vector_expand_bits(v->nulls, known);
		for (int i = 0; i < source->nrows; i++)
			known[i] = truth[i] & (known[i] ^ 1);
		truth = known;
	}
	if (source->nselected == source->nrows)
		return select_all(truth, source->nrows, rows);
	return select_listed(truth, source->selected, source->nselected, rows);
}
