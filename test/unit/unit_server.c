/*-------------------------------------------------------------------------
 *
 * unit_server.c
 *		The few server symbols that code under unit test may need.
 *
 * Linked into every unit test.  Memory comes from malloc; an error that the
 * server would raise, and a failed Assert, end the program with a message,
 * unless the test has set unit_error_jump to catch errors.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <setjmp.h>

#include "unit_server.h"

/* Where an ERROR goes; NULL means that it ends the program. */
sigjmp_buf *unit_error_jump = NULL;

/* The SQLSTATE of the last error, as errcode() was given it. */
int			unit_error_code = 0;

static int	unit_error_level = 0;

void *
palloc(Size size)
{
	void	   *result = malloc(size ? size : 1);

	if (result == NULL)
		abort();
	return result;
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

void *
repalloc(void *pointer, Size size)
{
	void	   *result = realloc(pointer, size ? size : 1);

	if (result == NULL)
		abort();
	return result;
}

void
pfree(void *pointer)
{
	free(pointer);
}

void
ExceptionalCondition(const char *conditionName,
#if PG_VERSION_NUM < 160000
					 const char *errorType,
#endif
					 const char *fileName, int lineNumber)
{
	fprintf(stderr, "failed Assert(%s) at %s:%d\n", conditionName, fileName,
			lineNumber);
	abort();
}

bool
errstart(int elevel, const char *domain)
{
	unit_error_level = elevel;
	unit_error_code = 0;
	return elevel >= WARNING;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	if (unit_error_level < ERROR)
		return;
	if (unit_error_jump != NULL)
		siglongjmp(*unit_error_jump, 1);
	fprintf(stderr, "error raised at %s:%d\n", filename, lineno);
	abort();
}

int
errcode(int sqlerrcode)
{
	unit_error_code = sqlerrcode;
	return 0;
}

/* Messages are kept off the output that counts tests. */
static int
unit_message(const char *fmt, va_list args)
{
	if (unit_error_level >= ERROR && unit_error_jump != NULL)
		return 0;
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	return 0;
}

#define UNIT_MESSAGE_FUNCTION(name) \
int \
name(const char *fmt, ...) \
{ \
	va_list		args; \
\
	va_start(args, fmt); \
	unit_message(fmt, args); \
	va_end(args); \
	return 0; \
}

UNIT_MESSAGE_FUNCTION(errmsg)
UNIT_MESSAGE_FUNCTION(errmsg_internal)
UNIT_MESSAGE_FUNCTION(errdetail)
UNIT_MESSAGE_FUNCTION(errdetail_internal)
UNIT_MESSAGE_FUNCTION(errhint)

/*
 * Functions that sources under test refer to but tests do not call.  Their
 * real declarations are not in sight here, and need not be.
 */
#define UNIT_ABSENT_FUNCTION(name) \
void name(void); \
void \
name(void) \
{ \
	fprintf(stderr, "%s() is not there without a server\n", #name); \
	abort(); \
}

UNIT_ABSENT_FUNCTION(FunctionCall2Coll)
UNIT_ABSENT_FUNCTION(heap_compute_data_size)
UNIT_ABSENT_FUNCTION(index_form_tuple)
UNIT_ABSENT_FUNCTION(index_getprocinfo)
UNIT_ABSENT_FUNCTION(index_truncate_tuple)
UNIT_ABSENT_FUNCTION(nocache_index_getattr)
