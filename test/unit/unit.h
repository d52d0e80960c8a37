/*-------------------------------------------------------------------------
 *
 * unit.h
 *		Checks for unit tests that run without a server.
 *
 * A test program has a main() that calls functions made of CHECK()s, each
 * followed by unit_done("name"), and ends with return unit_finish().  The
 * output is one "ok" or "not ok" line for each unit_done(), as prove reads.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_UNIT_H
#define OMENDB_UNIT_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int	unit_count;			/* tests finished so far */
static int	unit_failures;		/* of them, those with a failed check */
static int	unit_bad_checks;	/* failed checks of the test under way */

/* Note a failed check; says where, at most ten times for one test. */
static inline bool
unit_check(bool good, const char *what, const char *file, int line)
{
	if (!good && unit_bad_checks++ < 10)
		printf("# %s:%d: %s\n", file, line, what);
	return good;
}

/* A check with the values of two integers in the message. */
static inline bool
unit_check_eq(int64_t got, int64_t wanted, const char *what,
			  const char *file, int line)
{
	if (got == wanted)
		return true;
	if (unit_bad_checks++ < 10)
		printf("# %s:%d: %s is %" PRId64 ", wanted %" PRId64 "\n",
			   file, line, what, got, wanted);
	return false;
}

#define CHECK(cond) unit_check((cond), #cond, __FILE__, __LINE__)
#define CHECK_EQ(got, wanted) \
	unit_check_eq((int64_t) (got), (int64_t) (wanted), #got, __FILE__, __LINE__)

/* End of one test: report it under this name. */
static inline void
unit_done(const char *name)
{
	printf("%sok %d - %s\n", unit_bad_checks ? "not " : "", ++unit_count, name);
	fflush(stdout);
	if (unit_bad_checks)
		unit_failures++;
	unit_bad_checks = 0;
}

/* End of the program: print the plan, return the exit status. */
static inline int
unit_finish(void)
{
	printf("1..%d\n", unit_count);
	return unit_failures == 0 && unit_count > 0 ? 0 : 1;
}

/*
 * A small random number generator (splitmix64), so that a test is the same
 * on every machine.
 */
static inline uint64_t
unit_random(uint64_t *state)
{
	uint64_t	z = (*state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

#endif							/* OMENDB_UNIT_H */
