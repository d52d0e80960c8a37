/*-------------------------------------------------------------------------
 *
 * aggfunction.h
 *	  What the aggregate functions share among themselves.  src/aggregate/README
 *	  explains them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AGGFUNCTION_H
#define AGGFUNCTION_H

#include "aggregate/aggregate.h"

/*------------------------------------------------------------------------
 * What is to be added: rows without nulls, one behind the other.
 * ------------------------------------------------------------------------
 */

typedef struct AggRows
{
	int			n;
	const uint32 *groups;		/* of each of them, or NULL */
	const int  *rows;			/* of each of them, ascending */

	/* after agg_input_ints() or agg_input_floats(), a value for each */
	const int64 *ints;
	int64		low;			/* low <= value <= high */
	int64		high;
	const double *floats;

	int			row_room[COLUMN_VECTOR];
	uint32		group_room[COLUMN_VECTOR];
	union
	{
		int64		ints[COLUMN_VECTOR];
		double		floats[COLUMN_VECTOR];
	}			value_room;
} AggRows;

extern void agg_input_rows(AggRows *in, const Vector *arg,
						   const uint32 *groups, const int *rows, int nrows);
extern void agg_input_ints(AggRows *in, const AggSpec *spec,
						   const Vector *arg);
extern void agg_input_floats(AggRows *in, const AggSpec *spec,
							 const Vector *arg);

/* the state of an input's row i */
static inline void *
agg_state(char *states, Size stride, const AggRows *in, int i)
{
	return in->groups == NULL ? states : states + in->groups[i] * stride;
}

extern bool agg_stats_ints(const SegmentColumn *column);
extern int128 agg_stats_sum(const SegmentColumn *column);
extern Oid	agg_numeric_form(const Aggref *aggref);

/*------------------------------------------------------------------------
 * aggkernel.c: loops over arrays, which need no server.
 * ------------------------------------------------------------------------
 */

/* a float beyond this is handled with care: its square might overflow */
#define KERNEL_TAME		1e140

/* so few groups, by their numbers, are summed up by arrays */
#define KERNEL_GROUPS	64

typedef struct KernelGroup
{
	int64		sum;
	int64		n;
} KernelGroup;

extern int	kernel_few_groups(const uint32 *groups, int n);
extern void kernel_group_counts(const uint32 *groups, int n, int ngroups,
								KernelGroup *out);
extern void kernel_group_sums(const uint32 *groups, const int64 *values, int n,
							  int ngroups, KernelGroup *out);
extern bool kernel_fits(int64 low, int64 high);
extern void kernel_take_ints(const int64 *values, const int *rows, int n,
							 int64 *out);
extern void kernel_take_floats(const double *values, const int *rows, int n,
							   double *out);
extern int128 kernel_sum(const int64 *values, int n, int64 low, int64 high);
extern int128 kernel_sum_squares(const int64 *values, int n, int64 low,
								 int64 high);
extern int64 kernel_min(const int64 *values, int n);
extern int64 kernel_max(const int64 *values, int n);
extern int64 kernel_and(const int64 *values, int n);
extern int64 kernel_or(const int64 *values, int n);
extern int64 kernel_xor(const int64 *values, int n);
extern bool kernel_tame(const double *values, int n);
extern double kernel_sum_floats(const double *values, int n);
extern double kernel_deviations(const double *values, int n, double mean);
extern double kernel_min_float(const double *values, int n);
extern double kernel_max_float(const double *values, int n);

/*------------------------------------------------------------------------
 * aggdatum.c: any aggregate by PostgreSQL's own functions.
 * ------------------------------------------------------------------------
 */

/* what is known of an aggregate of PostgreSQL's */
typedef struct DatumAggregate DatumAggregate;

/* its state */
typedef struct DatumState
{
	Datum		value;
	bool		isnull;
	bool		pending;		/* the first value that is not null becomes
								 * the state */
} DatumState;

extern bool datum_aggregate_supported(const Aggref *aggref);
extern DatumAggregate *datum_aggregate_make(Oid aggfnoid, List *argtypes,
											Oid collation,
											MemoryContext context);
extern void datum_state_init(const DatumAggregate *agg, DatumState *state);
extern void datum_state_add(DatumAggregate *agg, DatumState *state,
							Datum value);
extern void datum_state_combine(DatumAggregate *agg, DatumState *state,
								const DatumState *other);
extern void datum_state_write(DatumAggregate *agg, const DatumState *state,
							  StringInfo out);
extern void datum_state_read(DatumAggregate *agg, DatumState *state,
							 const char *data, Size len);
extern void datum_state_read_serial(DatumAggregate *agg, DatumState *state,
									bytea *serial);
extern Datum datum_state_final(DatumAggregate *agg, DatumState *state,
							   bool *isnull);
extern MemoryContext datum_scratch(const DatumAggregate *agg);

/* aggnumeric.c: numerics of integers */
extern Datum agg_numeric(int128 value, int scale);
extern Datum agg_numeric_avg(int128 sum, int scale, int64 n);

/*------------------------------------------------------------------------
 * The functions.
 * ------------------------------------------------------------------------
 */

extern const AggFunction agg_count;
extern const AggFunction agg_sum_int;
extern const AggFunction agg_sum_int8;
extern const AggFunction agg_avg_int;
extern const AggFunction agg_sum_numeric;
extern const AggFunction agg_avg_numeric;
extern const AggFunction agg_variance_numeric;
extern const AggFunction agg_sum_float4;
extern const AggFunction agg_sum_float8;
extern const AggFunction agg_avg_float;
extern const AggFunction agg_var_samp_float;
extern const AggFunction agg_var_pop_float;
extern const AggFunction agg_stddev_samp_float;
extern const AggFunction agg_stddev_pop_float;
extern const AggFunction agg_min_int;
extern const AggFunction agg_max_int;
extern const AggFunction agg_min_float;
extern const AggFunction agg_max_float;
extern const AggFunction agg_min_numeric;
extern const AggFunction agg_max_numeric;
extern const AggFunction agg_min_text;
extern const AggFunction agg_max_text;
extern const AggFunction agg_bool_and;
extern const AggFunction agg_bool_or;
extern const AggFunction agg_bit_and;
extern const AggFunction agg_bit_or;
extern const AggFunction agg_bit_xor;
extern const AggFunction agg_datum;

#endif							/* AGGFUNCTION_H */
