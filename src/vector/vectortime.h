/*-------------------------------------------------------------------------
 *
 * vectortime.h
 *	  What vectortime.c and vectorzone.c share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_VECTORTIME_H
#define OMENDB_VECTORTIME_H

#include "postgres.h"

#include "pgtime.h"

#include "vector/vectorinternal.h"

#define VECTOR_ZONE_PIECES	256

/* local time is UTC plus offset, up to end; microseconds since 2000 */
typedef struct VectorZonePiece
{
	int64		end;
	int64		offset;
} VectorZonePiece;

typedef struct VectorZone
{
	const pg_tz *tz;
	int64		low;			/* where the first piece begins */
	int			npieces;
	VectorZonePiece pieces[VECTOR_ZONE_PIECES];
} VectorZone;

/* a / b rounded down, for b > 0 */
static inline int64
vector_floor(int64 a, int64 b)
{
	return a / b - (a % b < 0);
}

/* vectorzone.c */
extern bool vector_zone_cover(VectorZone *zone, const pg_tz *tz, int64 low,
							  int64 high);
extern void vector_zone_local(const VectorZone *zone, const int64 *times,
							  int64 *local, int n);

#endif							/* OMENDB_VECTORTIME_H */
