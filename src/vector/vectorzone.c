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
	piece->last = PG_INT64_MAX;
	if (found > 0)
	{
		piece->last = time_of(boundary) - 1;
		*seconds = boundary;
	}
	return true;
}

/* The pieces from low to high; the last of them has no end. */
static bool
find_pieces(VectorZone *zone)
{
	pg_time_t	seconds = seconds_of(zone->low);
	VectorZonePiece *piece;

	zone->npieces = 0;
	do
	{
		piece = &zone->pieces[zone->npieces];
		if (zone->npieces >= VECTOR_ZONE_PIECES ||
			!next_piece(zone->tz, &seconds, piece))
			return false;
		zone->npieces++;
	} while (piece->last < zone->high);
	piece->last = PG_INT64_MAX;
	return true;
}

static void
fill_slots(VectorZone *zone)
{
	uint64		range = (uint64) zone->high - (uint64) zone->low;
	int			p = 0;

	zone->shift = 0;
	while (range >> zone->shift >= VECTOR_ZONE_SLOTS)
		zone->shift++;
	for (int i = 0; i < VECTOR_ZONE_SLOTS; i++)
	{
		uint64		distance = (uint64) i << zone->shift;

		while (distance <= range &&
			   zone->low + (int64) distance > zone->pieces[p].last)
			p++;
		zone->slots[i] = (uint8) p;
	}
}

/*
 * vector_zone_cover: finds out about a zone's clocks from low to high, which
 * are far from the ends of what timestamps can be.  False: there are too many
 * changes.
 */
bool
vector_zone_cover(VectorZone *zone, const pg_tz *tz, int64 low, int64 high)
{
	if (zone->npieces > 0 && zone->tz == tz && low >= zone->low &&
		high <= zone->high)
		return true;
	zone->tz = tz;
	zone->low = low;
	zone->high = high;
	if (!find_pieces(zone))
	{
		zone->npieces = 0;
		return false;
	}
	fill_slots(zone);
	return true;
}

/*
 * vector_zone_local: local times of points in time.  What is outside of the
 * range that was covered becomes something.
 */
void
vector_zone_local(const VectorZone *zone, const int64 *times, int64 *local,
				  int n)
{
	uint64		low = (uint64) zone->low;

	if (zone->npieces == 1)
	{
		vector_scale(times, 1, zone->pieces[0].offset, local, n);
		return;
	}
	for (int i = 0; i < n; i++)
	{
		uint64		slot = ((uint64) times[i] - low) >> zone->shift;
		int			p = zone->slots[Min(slot, VECTOR_ZONE_SLOTS - 1)];

		while (times[i] > zone->pieces[p].last)
			p++;
		local[i] = (int64) ((uint64) times[i] + (uint64) zone->pieces[p].offset);
	}
}
