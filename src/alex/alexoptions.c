/*-------------------------------------------------------------------------
 *
 * alexoptions.c
 *	  Storage parameters of alex indexes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/reloptions.h"

#include "alex/alex.h"

static relopt_kind alex_relopt_kind;

/*
 * alex_handler_init: registers the storage parameters.  Once per process,
 * while the library is loaded.
 */
void
alex_handler_init(void)
{
	alex_relopt_kind = add_reloption_kind();
	add_int_reloption(alex_relopt_kind, "fillfactor",
					  "Packs alex index pages only to this percentage",
					  ALEX_DEFAULT_FILLFACTOR,
					  ALEX_MIN_FILLFACTOR, 100,
					  ShareUpdateExclusiveLock);
}

/*
 * alex_options: reloptions as an AlexOptions struct, or NULL when there are
 * none.  With "validate" unknown names and values out of range are errors.
 */
bytea *
alex_options(Datum reloptions, bool validate)
{
	static const relopt_parse_elt tab[] = {
		{"fillfactor", RELOPT_TYPE_INT, offsetof(AlexOptions, fillfactor)}
	};

	return (bytea *) build_reloptions(reloptions, validate, alex_relopt_kind,
									  sizeof(AlexOptions),
									  tab, lengthof(tab));
}
