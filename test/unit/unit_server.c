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
#include "utils/memutils.h"

/* Where an ERROR goes; NULL means that it ends the program. */
sigjmp_buf *unit_error_jump = NULL;

/* The SQLSTATE of the last error, as errcode() was given it. */
int			unit_error_code = 0;

static int	unit_error_level = 0;

/*---- memory: malloc, and contexts that know their chunks ---- */

/* In front of each piece of memory; a ring through a context's chunks */
typedef struct UnitChunk
{
	struct UnitChunk *next;
	struct UnitChunk *prev;
	Size		size;
	Size		unused;			/* keeps what follows aligned */
} UnitChunk;

MemoryContext CurrentMemoryContext = NULL;
MemoryContext TopMemoryContext = NULL;

static void
unit_link(UnitChunk *chunk)
{
	UnitChunk  *ring = (UnitChunk *) CurrentMemoryContext;

	chunk->next = chunk->prev = chunk;
	if (ring == NULL)
		return;
	chunk->next = ring->next;
	chunk->prev = ring;
	ring->next->prev = chunk;
	ring->next = chunk;
}

static void
unit_unlink(UnitChunk *chunk)
{
	chunk->next->prev = chunk->prev;
	chunk->prev->next = chunk->next;
}

void *
palloc(Size size)
{
	UnitChunk  *chunk = malloc(sizeof(UnitChunk) + size);

	if (chunk == NULL)
		abort();
	chunk->size = size;
	unit_link(chunk);
	return chunk + 1;
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

void *
palloc_extended(Size size, int flags)
{
	return (flags & MCXT_ALLOC_ZERO) ? palloc0(size) : palloc(size);
}

void *
repalloc(void *pointer, Size size)
{
	Size		old = ((UnitChunk *) pointer - 1)->size;
	void	   *result = palloc(size);

	memcpy(result, pointer, Min(old, size));
	pfree(pointer);
	return result;
}

void *
repalloc_huge(void *pointer, Size size)
{
	return repalloc(pointer, size);
}

void
pfree(void *pointer)
{
	UnitChunk  *chunk = (UnitChunk *) pointer - 1;

	unit_unlink(chunk);
	free(chunk);
}

MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name,
							  Size minContextSize, Size initBlockSize,
							  Size maxBlockSize)
{
	UnitChunk  *ring = malloc(sizeof(UnitChunk));

	if (ring == NULL)
		abort();
	ring->next = ring->prev = ring;
	return (MemoryContext) ring;
}

Size
MemoryContextMemAllocated(MemoryContext context, bool recurse)
{
	UnitChunk  *ring = (UnitChunk *) context;
	Size		sum = 0;

	for (UnitChunk *chunk = ring->next; chunk != ring; chunk = chunk->next)
		sum += chunk->size;
	return sum;
}

/* Contexts have no parents here */
void
MemoryContextSetParent(MemoryContext context, MemoryContext new_parent)
{
}

void
MemoryContextDelete(MemoryContext context)
{
	UnitChunk  *ring = (UnitChunk *) context;

	while (ring->next != ring)
		pfree(ring->next + 1);
	free(ring);
}

/*---- errors ---- */

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
