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
#define VECTOR_ZONE_SLOTS	512

/* local time is UTC plus offset, up to last; microseconds since 2000 */
typedef struct VectorZonePiece
{
	int64		last;
	int64		offset;
} VectorZonePiece;

typedef struct VectorZone
{
	const pg_tz *tz;
	int64		low;			/* what is known of it, up to high */
	int64		high;
	int			npieces;
	VectorZonePiece pieces[VECTOR_ZONE_PIECES];

	/* piece at low + i * 2^shift */
	int			shift;
	uint8		slots[VECTOR_ZONE_SLOTS];
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
