/*-------------------------------------------------------------------------
 *
 * unit_server.h
 *		How a unit test sees the errors that code under test raises.
 *
 * if (UNIT_RAISES(code_under_test())) is true when an ERROR was raised; its
 * SQLSTATE is then in unit_error_code.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_UNIT_SERVER_H
#define OMENDB_UNIT_SERVER_H

#include <setjmp.h>

extern sigjmp_buf *unit_error_jump;
extern int	unit_error_code;

#define UNIT_RAISES(statement) \
	({ \
		sigjmp_buf	unit_here_; \
		volatile bool unit_raised_ = true; \
\
		unit_error_jump = &unit_here_; \
		if (sigsetjmp(unit_here_, 0) == 0) \
		{ \
			statement; \
			unit_raised_ = false; \
		} \
		unit_error_jump = NULL; \
		(bool) unit_raised_; \
	})

#endif							/* OMENDB_UNIT_SERVER_H */
