/*-------------------------------------------------------------------------
 *
 * alexvalidate.c
 *	  Checks of operator classes and families of alex, and the dependencies of
 *	  their members.
 *
 * An alex family is made like a btree family: strategies 1 to 5 are <, <=, =,
 * >=, >, and support function 1 compares.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "alex/alex.h"

/* strategies 1..5 as the bit set that identify_opfamily_groups makes */
#define ALL_STRATEGIES	((UINT64CONST(1) << (ALEX_NSTRATEGIES + 1)) - 2)

/* what is being validated */
typedef struct ValidateState
{
	Oid			opfamily;
	Oid			opcintype;
	char	   *opclassname;
	char	   *familyname;
	bool		ok;				/* nothing wrong so far */
} ValidateState;

/* Tells the user of one fault; validation goes on to find the others. */
static void
complain(ValidateState *state, const char *what)
{
	ereport(INFO,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("alex operator family \"%s\": %s",
					state->familyname, what)));
	state->ok = false;
}

static void
load_names(ValidateState *state, Oid opclassoid)
{
	HeapTuple	tup = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclassoid));
	Form_pg_opclass opclass;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for operator class %u", opclassoid);
	opclass = (Form_pg_opclass) GETSTRUCT(tup);
	state->opfamily = opclass->opcfamily;
	state->opcintype = opclass->opcintype;
	state->opclassname = pstrdup(NameStr(opclass->opcname));
	ReleaseSysCache(tup);

	tup = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(state->opfamily));
	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for operator family %u",
			 state->opfamily);
	state->familyname =
		pstrdup(NameStr(((Form_pg_opfamily) GETSTRUCT(tup))->opfname));
	ReleaseSysCache(tup);
}

static void
check_function(ValidateState *state, Form_pg_amproc proc)
{
	if (proc->amprocnum != ALEX_CMP_PROC)
		complain(state, psprintf("function %s has the unknown support number %d",
								 format_procedure(proc->amproc),
								 proc->amprocnum));
	else if (!check_amproc_signature(proc->amproc, INT4OID, true, 2, 2,
									 proc->amproclefttype,
									 proc->amprocrighttype))
		complain(state, psprintf("function %s does not compare %s with %s",
								 format_procedure(proc->amproc),
								 format_type_be(proc->amproclefttype),
								 format_type_be(proc->amprocrighttype)));
}

static void
check_operator(ValidateState *state, Form_pg_amop oper)
{
	char	   *name = format_operator(oper->amopopr);

	if (oper->amopstrategy < 1 || oper->amopstrategy > ALEX_NSTRATEGIES)
		complain(state, psprintf("operator %s has the unknown strategy number %d",
								 name, oper->amopstrategy));
	if (oper->amoppurpose != AMOP_SEARCH || OidIsValid(oper->amopsortfamily))
		complain(state, psprintf("operator %s is given for ordering, alex knows operators for search only",
								 name));
	if (!check_amop_signature(oper->amopopr, BOOLOID,
							  oper->amoplefttype, oper->amoprighttype))
		complain(state, psprintf("operator %s does not compare %s with %s",
								 name,
								 format_type_be(oper->amoplefttype),
								 format_type_be(oper->amoprighttype)));
}

/* Each pair of types of the family needs all operators and the comparison. */
static void
check_pairs(ValidateState *state, List *pairs)
{
	List	   *types = NIL;
	bool		found = false;
	ListCell   *lc;

	foreach(lc, pairs)
	{
		OpFamilyOpFuncGroup *pair = (OpFamilyOpFuncGroup *) lfirst(lc);
		char	   *left = format_type_be(pair->lefttype);
		char	   *right = format_type_be(pair->righttype);

		if (pair->lefttype == state->opcintype &&
			pair->righttype == state->opcintype)
			found = true;
		types = list_append_unique_oid(types, pair->lefttype);
		types = list_append_unique_oid(types, pair->righttype);
		if (pair->operatorset != ALL_STRATEGIES)
			complain(state, psprintf("operators are missing for %s and %s",
									 left, right));
		if ((pair->functionset & (1 << ALEX_CMP_PROC)) == 0)
			complain(state, psprintf("the comparison function is missing for %s and %s",
									 left, right));
	}

	if (!found)
		complain(state, psprintf("operator class \"%s\" has no members",
								 state->opclassname));
	if (list_length(pairs) != list_length(types) * list_length(types))
		complain(state, "cross-type operators are missing");
}

/*
 * alex_validate: is this operator class, with the family around it, sound?
 * What is wrong is told as INFO messages.
 */
bool
alex_validate(Oid opclassoid)
{
	ValidateState state = {.ok = true};
	CatCList   *procs;
	CatCList   *opers;
	int			i;

	load_names(&state, opclassoid);
	opers = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(state.opfamily));
	procs = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(state.opfamily));

	for (i = 0; i < procs->n_members; i++)
		check_function(&state,
					   (Form_pg_amproc) GETSTRUCT(&procs->members[i]->tuple));
	for (i = 0; i < opers->n_members; i++)
		check_operator(&state,
					   (Form_pg_amop) GETSTRUCT(&opers->members[i]->tuple));
	check_pairs(&state, identify_opfamily_groups(opers, procs));

	ReleaseCatCacheList(procs);
	ReleaseCatCacheList(opers);
	return state.ok;
}

/* The operator class for a type in a family of alex, or InvalidOid */
static Oid
find_opclass(Oid opfamilyoid, Oid typid)
{
	Oid			amoid = get_index_am_oid("alex", true);

	return OidIsValid(amoid) ?
		opclass_for_family_datatype(amoid, opfamilyoid, typid) : InvalidOid;
}

/*
 * alex_adjustmembers: decides what new members of a family depend on.  A
 * member for one type belongs to the operator class of that type and can not
 * be dropped apart from it; a member for two types belongs to the family.
 * opclassoid is valid within CREATE OPERATOR CLASS.
 */
void
alex_adjustmembers(Oid opfamilyoid, Oid opclassoid,
				   List *operators, List *functions)
{
	Oid			opcintype = InvalidOid;
	ListCell   *lc;

	if (OidIsValid(opclassoid))
	{
		CommandCounterIncrement();	/* makes the new pg_opclass row visible */
		opcintype = get_opclass_input_type(opclassoid);
	}

	foreach(lc, list_concat_copy(operators, functions))
	{
		OpFamilyMember *member = (OpFamilyMember *) lfirst(lc);
		Oid			owner = InvalidOid;

		if (member->lefttype == member->righttype)
			owner = member->lefttype == opcintype ? opclassoid :
				find_opclass(opfamilyoid, member->lefttype);

		member->ref_is_hard = OidIsValid(owner);
		member->ref_is_family = !OidIsValid(owner);
		member->refobjid = OidIsValid(owner) ? owner : opfamilyoid;
	}
}
