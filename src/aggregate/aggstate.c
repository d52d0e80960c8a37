/*-------------------------------------------------------------------------
 *
 * aggstate.c
 *	  States of aggregates as bytes: on their way to another process, to a file,
 *	  or to another table of groups.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aggregate/aggnode.h"

/*
 * agg_state_write: appends a state to out.
 */
void
agg_state_write(const AggSpec *spec, const void *state, StringInfo out)
{
	if (spec->function->write != NULL)
		spec->function->write(spec, state, out);
	else
		appendBinaryStringInfo(out, state, spec->function->size);
}

/*
 * agg_state_combine: adds to a state what another one has seen, of which these
 * are the bytes.
 */
void
agg_state_combine(const AggSpec *spec, void *state, const char *data, Size len)
{
	const AggFunction *function = spec->function;
	void	   *other = palloc(function->size);

	if (function->read != NULL)
		function->read(spec, other, data, len);
	else if (len != function->size)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("a state of aggregate %s has an unexpected length",
						function->name)));
	else
		memcpy(other, data, len);
	function->combine(spec, state, other);
	pfree(other);
}
