/*-------------------------------------------------------------------------
 *
 * alexddl.c
 *	  Names of operator classes in CREATE INDEX ... USING alex.
 *
 * The operator classes of alex have the names of btree's and are in the schema
 * omendb.  One that is not the default of its type, text_pattern_ops for
 * example, is found there without the schema's name if the search path has
 * none of that name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "commands/defrem.h"
#include "tcop/utility.h"

#include "alex/alex.h"

#define OPCLASS_SCHEMA	"omendb"

static ProcessUtility_hook_type prev_ProcessUtility = NULL;

/* The name with the schema, if that is what makes it known, else NULL */
static List *
qualified_name(Oid amoid, List *name)
{
	List	   *result;

	if (list_length(name) != 1 ||
		OidIsValid(OpclassnameGetOpcid(amoid, strVal(linitial(name)))))
		return NULL;
	result = list_make2(makeString(pstrdup(OPCLASS_SCHEMA)), linitial(name));
	return OidIsValid(get_opclass_oid(amoid, result, true)) ? result : NULL;
}

static bool
has_simple_names(const IndexStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->indexParams)
	{
		if (list_length(lfirst_node(IndexElem, lc)->opclass) == 1)
			return true;
	}
	return false;
}

/* The command, or a copy of it with all operator classes found. */
static PlannedStmt *
name_operator_classes(PlannedStmt *pstmt)
{
	IndexStmt  *stmt = (IndexStmt *) pstmt->utilityStmt;
	Oid			amoid;
	ListCell   *lc;

	if (stmt->accessMethod == NULL ||
		strcmp(stmt->accessMethod, "alex") != 0 || !has_simple_names(stmt))
		return pstmt;
	amoid = get_index_am_oid(stmt->accessMethod, true);
	if (!OidIsValid(amoid))
		return pstmt;

	pstmt = copyObject(pstmt);
	stmt = (IndexStmt *) pstmt->utilityStmt;
	foreach(lc, stmt->indexParams)
	{
		IndexElem  *elem = lfirst_node(IndexElem, lc);
		List	   *name = qualified_name(amoid, elem->opclass);

		if (name != NIL)
			elem->opclass = name;
	}
	return pstmt;
}

static void
ddl_ProcessUtility(PlannedStmt *pstmt, const char *queryString,
				   bool readOnlyTree, ProcessUtilityContext context,
				   ParamListInfo params, QueryEnvironment *queryEnv,
				   DestReceiver *dest, QueryCompletion *qc)
{
	if (IsA(pstmt->utilityStmt, IndexStmt))
		pstmt = name_operator_classes(pstmt);

	if (prev_ProcessUtility)
		prev_ProcessUtility(pstmt, queryString, readOnlyTree, context,
							params, queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
}

/*
 * alex_ddl_init: installs the hook.  Once per process, while the library is
 * loaded.
 */
void
alex_ddl_init(void)
{
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = ddl_ProcessUtility;
}
