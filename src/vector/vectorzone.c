/*-------------------------------------------------------------------------
 *
 * vectorzone.c
 *	  Points in time as local times of a time zone.
 *
 * Between two changes of its clocks a zone has a constant distance from UTC.
 * The changes in the range of a vector are looked up once; then the local times
 * of its values are sums.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "pgtime.h"

#include "vector/vectortime.h"

#define UNIX_EPOCH_SECONDS \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

static pg_time_t
seconds_of(int64 time)
{
	return (pg_time_t) (vector_floor(time, USECS_PER_SEC) + UNIX_EPOCH_SECONDS);
}

static int64
time_of(pg_time_t seconds)
{
	return ((int64) seconds - UNIX_EPOCH_SECONDS) * USECS_PER_SEC;
}

/*
 * The piece that begins at *seconds, which becomes the beginning of the next
 * one; false if that cannot be told.
 */
static bool
next_piece(const pg_tz *tz, pg_time_t *seconds, VectorZonePiece *piece)
{
	const struct pg_tm *local = pg_localtime(seconds, tz);
	long int	before;
	long int	after;
	int			before_dst;
	int			after_dst;
	pg_time_t	boundary;
	int			found = pg_next_dst_boundary(seconds, &before, &before_dst,
											 &boundary, &after, &after_dst, tz);

	if (found < 0 || local == NULL || local->tm_gmtoff != before ||
		(found > 0 && boundary <= *seconds))
		return false;
	piece->offset = before * USECS_PER_SEC;
	piece->end = PG_INT64_MAX;
	if (found > 0)
	{
		piece->end = time_of(boundary);
		*seconds = boundary;
	}
	return true;
}

/*
 * vector_zone_cover: finds out about a zone's clocks from low to high, which
 * are far from the ends of what timestamps can be.  False: there are too many
 * changes.
 */
bool
vector_zone_cover(VectorZone *zone, const pg_tz *tz, int64 low, int64 high)
{
	pg_time_t	seconds = seconds_of(low);

	if (zone->npieces > 0 && zone->tz == tz && low >= zone->low &&
		(high < zone->pieces[zone->npieces - 1].end ||
		 zone->pieces[zone->npieces - 1].end == PG_INT64_MAX))
		return true;
	zone->tz = tz;
	zone->low = low;
	zone->npieces = 0;
	do
	{
		VectorZonePiece *piece = &zone->pieces[zone->npieces];

		if (zone->npieces >= VECTOR_ZONE_PIECES ||
			!next_piece(tz, &seconds, piece))
		{
			zone->npieces = 0;
			return false;
		}
		zone->npieces++;
		if (piece->end > high)
			return true;
	} while (true);
}

/* The piece that has a time, which is likely to be the one numbered p */
static inline int
find_piece(const VectorZone *zone, int64 time, int p)
{
	int			low = 0;
	int			high = zone->npieces - 1;

	if (time < zone->pieces[p].end && (p == 0 || time >= zone->pieces[p - 1].end))
		return p;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (time < zone->pieces[middle].end)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/*
 * vector_zone_local: local times of points in time.  What is outside of the
 * range that was covered becomes something.
 */
void
vector_zone_local(const VectorZone *zone, const int64 *times, int64 *local,
				  int n)
{
	int			p = 0;

	if (zone->npieces == 1)
	{
		vector_scale(times, 1, zone->pieces[0].offset, local, n);
		return;
	}
	for (int i = 0; i < n; i++)
	{
		p = find_piece(zone, times[i], p);
		local[i] = (int64) ((uint64) times[i] + (uint64) zone->pieces[p].offset);
	}
}
