/*-------------------------------------------------------------------------
 *
 * column.h
 *	  Segments: immutable columnar copies of ranges of heap blocks.  The
 *	  encodings of one column, the writer and reader of a whole segment, and
 *	  the store that keeps them.  src/column/README explains the formats.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COLUMN_H
#define COLUMN_H

#include "postgres.h"

#include "access/htup_details.h"
#include "datatype/timestamp.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "storage/block.h"
#include "storage/buf.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "compat.h"

/*------------------------------------------------------------------------
 * Encodings.  Plain C over plain arrays: no relation, no snapshot, no lock,
 * so that unit tests and fuzzers run them without a server.
 * ------------------------------------------------------------------------
 */

#define COLUMN_VECTOR		1024	/* rows of a vector, the unit of decoding */
#define COLUMN_MAX_ROWS		(1 << 22)	/* rows of a segment */
#define COLUMN_MAX_BYTES	0x20000000	/* of all byte strings of a column */
#define COLUMN_MAX_BLOB		0x3FFFFFFF	/* of an encoded column */

/* how the values of a column are held in memory while coding */
typedef enum ColumnClass
{
	COLUMN_INT = 1,				/* int64: every fixed-width integer-like type */
	COLUMN_FLOAT4,				/* float bits kept exactly, NaN payloads too */
	COLUMN_FLOAT8,
	COLUMN_BYTES				/* a byte string a value */
} ColumnClass;

typedef enum ColumnCodec
{
	COLUMN_CODEC_NULL = 1,		/* every value is null */
	COLUMN_CODEC_CONSTANT,		/* one value (and perhaps nulls) */
	COLUMN_CODEC_RLE,			/* runs of int64 */
	COLUMN_CODEC_FOR,			/* frame of reference per vector, bit-packed */
	COLUMN_CODEC_DELTA,			/* differences, then frame of reference */
	COLUMN_CODEC_DELTA2,		/* differences of differences */
	COLUMN_CODEC_DICT,			/* sorted dictionary, packed codes */
	COLUMN_CODEC_ALP,			/* adaptive lossless floating point */
	COLUMN_CODEC_PLAIN,			/* as it is */
	COLUMN_CODEC_LZ4,			/* byte strings in compressed blocks */
	COLUMN_CODEC_ZSTD
} ColumnCodec;

/* a byte string; data need not be aligned and is not terminated */
typedef struct ColumnBytes
{
	const char *data;
	uint32		len;
} ColumnBytes;

/* all values of one column of a segment, in row order: what is encoded */
typedef struct ColumnValues
{
	ColumnClass class;
	int			nrows;			/* 1 .. COLUMN_MAX_ROWS */
	const bool *nulls;			/* NULL: no nulls */
	const int64 *ints;			/* by class; entries of nulls are ignored */
	const float *floats4;
	const double *floats8;
	const ColumnBytes *bytes;
} ColumnValues;

/*
 * What the directory knows of a column of a segment, so that a scan can skip
 * the segment and aggregates can be answered without reading it.
 */
typedef struct ColumnStats
{
	ColumnCodec codec;
	uint32		nnulls;
	uint32		ndistinct;		/* entries of a dictionary, otherwise 0 */
	uint32		nbytes;			/* of the encoded column */
	bool		has_minmax;		/* false: all null, all NaN, or COLUMN_BYTES */
	bool		has_bytes;		/* min_bytes and max_bytes are set */
	bool		has_nan;		/* floats: a NaN occurs; min and max ignore it */
	int64		min_int,
				max_int;		/* COLUMN_INT */
	double		min_float,
				max_float;		/* COLUMN_FLOAT4 and COLUMN_FLOAT8 */
	ColumnBytes min_bytes,
				max_bytes;		/* COLUMN_BYTES, by memcmp and then length,
								 * whatever the type says; values encoded */
	int64		sum_hi;			/* COLUMN_INT: 128-bit sum of the non-nulls */
	uint64		sum_lo;
} ColumnStats;

/* what is asked of the statistics of a column, beside the number of nulls */
typedef enum ColumnStatsPart
{
	COLUMN_STATS_ANY,
	COLUMN_STATS_NULLS,			/* nothing else */
	COLUMN_STATS_SUM,
	COLUMN_STATS_MIN,
	COLUMN_STATS_MAX
} ColumnStatsPart;

/* one decoded vector; the arrays belong to the caller */
typedef struct ColumnVector
{
	int			n;				/* rows in it, 1 .. COLUMN_VECTOR */
	bool		has_nulls;
	uint64		nulls[COLUMN_VECTOR / 64];	/* bit set: null */
	union
	{
		int64		ints[COLUMN_VECTOR];
		float		floats4[COLUMN_VECTOR];
		double		floats8[COLUMN_VECTOR];
		ColumnBytes bytes[COLUMN_VECTOR];	/* point into the reader's memory */
	}			v;
} ColumnVector;

typedef struct ColumnReader ColumnReader;

extern char *column_encode(const ColumnValues *values, uint32 *nbytes,
						   ColumnStats *stats);
extern char *column_encode_as(const ColumnValues *values, ColumnCodec codec,
							  uint32 *nbytes, ColumnStats *stats);
extern ColumnReader *column_open(const char *blob, uint32 nbytes,
								 const char **problem);
extern int	column_rows(const ColumnReader *reader);
extern ColumnClass column_class(const ColumnReader *reader);
extern ColumnCodec column_codec(const ColumnReader *reader);
extern bool column_decode(ColumnReader *reader, int vector, ColumnVector *out,
						  const char **problem);
extern bool column_nulls(const ColumnReader *reader, int vector, uint64 *nulls,
						 bool *has_nulls, const char **problem);
extern bool column_pick_ints(ColumnReader *reader, int vector,
							 const uint64 *wanted, int64 *out);
extern bool column_codes(ColumnReader *reader, int vector, uint32 *codes,
						 const char **problem);
extern const ColumnBytes *column_dictionary(ColumnReader *reader, int *n);
extern const int64 *column_dictionary_words(ColumnReader *reader, int *n);
extern void column_close(ColumnReader *reader);

/*------------------------------------------------------------------------
 * The store: directory of segments, their columns, and change marks, kept in
 * internal relations of the schema omendb.
 * ------------------------------------------------------------------------
 */

/* half-open range of heap blocks */
typedef struct BlockRange
{
	BlockNumber first;
	BlockNumber end;
} BlockRange;

/*
 * Line pointers of one heap block of which the columns may not be believed.
 * "placed": some of them may have a row that is to be read from the heap, else
 * all that was done to them is the removal of a row.
 */
typedef struct BlockMarks
{
	BlockNumber block;
	bool		placed;
	uint64		offsets[(MaxHeapTuplesPerPage + 64) / 64];	/* bit: offset */
} BlockMarks;

/* the internal relations, by their place in columnstore.c's table of them */
typedef enum StoreRelation
{
	STORE_SEGMENT,
	STORE_CHUNK,
	STORE_MARK,
	STORE_COMPACTION
} StoreRelation;

#define STORE_RELATIONS		4

/* a row of marks never crosses a multiple of this ... */
#define STORE_MARK_BLOCKS	1024

/* ... and is of so many blocks at most, so that it fits on a page */
#define STORE_MARK_ENTRIES	128

/* one of the relations, open for writing */
typedef struct StoreWriter StoreWriter;

/* one row of the directory */
typedef struct Segment
{
	int64		id;
	Oid			filenode;		/* of the table when it was made */
	BlockNumber first;
	BlockNumber nblocks;
	bool		valid;			/* false: being built, covers but holds
								 * nothing */
	int			nrows;
	Datum		layout;			/* detoasted bytea, see columnsegment.c */
} Segment;

/* what is noted of a table's compaction */
typedef struct Compaction
{
	bool		enabled;
	TimestampTz last_run;		/* DT_NOBEGIN: never */
	int64		runs;
	char	   *last_error;		/* empty: none */
} Compaction;

/* columnstore.c: what the table access method and scans need */
extern BlockRange *store_coverage(Relation rel, int *nranges);
extern StoreWriter *store_begin_marks(void);
extern void store_add_marks(StoreWriter *w, Relation rel,
							const BlockMarks *marks, int nmarks);
extern void store_end_marks(StoreWriter *w);
extern int	marks_join(BlockMarks *marks, int n, BlockNumber first,
					   uint64 end);
extern BlockMarks *store_marks(Relation rel, Snapshot snapshot,
							   BlockNumber first, BlockNumber nblocks,
							   int *nmarks);
extern BlockMarks *store_guess_marks(Relation rel, BlockNumber first,
									 BlockNumber nblocks, int *nmarks);
extern List *store_segments(Relation rel, Snapshot snapshot);
extern void store_forget(Oid relid);
extern void store_init(void);

/* columnstore.c: what the worker needs */
extern bool store_exists(void);
extern Oid	store_relation(StoreRelation which);
extern List *store_directory(Relation rel, Snapshot snapshot, bool layouts);
extern int64 store_next_id(void);
extern void store_add_segment(Relation rel, const Segment *segment);
extern bool store_has_segment(Relation rel, BlockNumber first, int64 id);
extern void store_drop_segment(Relation rel, const Segment *segment);
extern void store_write_blob(int64 segid, AttrNumber attno, const char *blob,
							 uint32 nbytes);
extern char *store_read_blob(Relation rel, const Segment *segment,
							 AttrNumber attno, uint32 nbytes,
							 Snapshot snapshot);
extern void store_drop_blobs(int64 segid);
extern void store_drop_marks(Relation rel, Snapshot snapshot,
							 BlockNumber first, BlockNumber nblocks);
extern void store_merge_marks(Relation rel, Snapshot snapshot,
							  BlockNumber first, BlockNumber nblocks,
							  int64 most);
extern bool store_get_compaction(Oid relid, Snapshot snapshot, Compaction *c);
extern void store_set_compaction(Oid relid, const Compaction *c);
extern bool store_next_table(StoreRelation which, Snapshot snapshot,
							 Oid *relid, Oid *filenode);
extern void store_drop_table(Oid relid, Oid filenode);
extern bool store_next_blob(Snapshot snapshot, int64 *segid);
extern int64 *store_segment_ids(Snapshot snapshot, int *n);
extern bool store_protect(void);
pg_noreturn extern void segment_corrupted(Relation rel,
										  const Segment *segment,
										  AttrNumber attno, const char *what);

/* columnmark.c: the bytes of a row of omendb.mark */
extern bytea *marks_pack(BlockNumber first, const BlockMarks *marks,
						 int nmarks);
extern int	marks_room(const bytea *packed);
extern int	marks_unpack(const bytea *packed, BlockNumber first,
						 BlockNumber nblocks, BlockMarks *marks);

/*------------------------------------------------------------------------
 * Segments: from rows to encoded columns, and back.
 * ------------------------------------------------------------------------
 */

/* how the Datums of a column are held as values of a class */
typedef enum ColumnForm
{
	COLUMN_FORM_INT = 1,		/* by-value integer-like type */
	COLUMN_FORM_FLOAT4,
	COLUMN_FORM_FLOAT8,
	COLUMN_FORM_NUMERIC,		/* times 10^scale, class COLUMN_INT */
	COLUMN_FORM_VARLENA,		/* what is behind the length word, plain */
	COLUMN_FORM_FIXED,			/* by-reference type of fixed length */
	COLUMN_FORM_CSTRING			/* without its final zero */
} ColumnForm;

/* a column as it is in a segment */
typedef struct SegmentColumn
{
	AttrNumber	attno;
	Oid			typid;			/* when the segment was made, domains resolved */
	ColumnForm	form;
	int16		typlen;
	int16		scale;			/* COLUMN_FORM_NUMERIC: digits after the point */
	ColumnStats stats;
	ColumnReader *reader;		/* NULL until segment_load */
	char	   *blob;
	Datum	   *dictionary;		/* Datums of the dictionary's entries, or NULL */
	int			ndictionary;
} SegmentColumn;

/* a segment that is open; all memory is in its context */
typedef struct SegmentReader
{
	Relation	rel;
	const Segment *segment;
	MemoryContext context;
	int			nrows;
	int			ncolumns;
	SegmentColumn *columns;		/* in the order of attno */
	int		   *block_rows;		/* first row of each block, and nrows */
	OffsetNumber *offsets;		/* of each row in its block; NULL: they are 1,
								 * 2, 3, ... in each */
	BlockMarks *from_heap;		/* rows that are not in the columns */
	int			nfrom_heap;
} SegmentReader;

/* what a segment's copy of a column is good for now */
typedef enum SegmentColumnState
{
	SEGMENT_COLUMN_STORED,		/* read it */
	SEGMENT_COLUMN_MISSING,		/* added later: getmissingattr() for all rows */
	SEGMENT_COLUMN_CHANGED		/* another type: read the segment's rows */
} SegmentColumnState;

/* columntype.c */
extern ColumnForm column_form(Oid typid, Oid *basetype, int16 *typlen);
extern ColumnClass column_form_class(ColumnForm form);
extern bool column_int_ordered(Oid basetype);
extern int64 column_int(Datum value, Oid basetype, int16 typlen);
extern Datum column_int_datum(int64 value, int16 typlen);
extern uint32 column_datum_bytes(const SegmentColumn *column, uint32 len);
extern Datum column_bytes_datum(const SegmentColumn *column,
								const ColumnBytes *bytes, char *room);

/* columnnumeric.c */
#define NUMERIC_SCALED_MAX	32	/* bytes of a payload of numeric_rescale */

/* 10^n; n is at most 18, and 1 is the result below 0 */
static inline int64
power_of_ten(int n)
{
	int64		power = 1;

	while (n-- > 0)
		power *= 10;
	return power;
}

extern bool numeric_unscale(const char *payload, uint32 len, int *scale,
							int64 *value);
extern uint32 numeric_rescale(int64 value, int scale, char *payload);

/* columnlayout.c: the bytes in the directory */
extern bytea *layout_pack(const SegmentReader *reader);
extern bool layout_unpack(SegmentReader *reader, const char **problem);

/* columnwrite.c */
extern int	segment_inline_limit;	/* kB */

typedef struct SegmentWriter SegmentWriter;

extern SegmentWriter *segment_write_begin(Relation rel, Snapshot snapshot,
										  BlockNumber first,
										  BlockNumber nblocks);
extern void segment_write_blocks(SegmentWriter *writer, BlockNumber first,
								 BlockNumber nblocks);
extern int64 segment_write_end(SegmentWriter *writer, Segment *segment);
extern int	heap_visible_tuples(Relation rel, Snapshot snapshot, Buffer buffer,
								HeapTupleData *tuples);

/* columnsegment.c: reading */
extern SegmentReader *segment_open(Relation rel, const Segment *segment);
extern SegmentColumnState segment_column(SegmentReader *reader,
										 AttrNumber attno,
										 SegmentColumn **column);
extern void segment_load(SegmentReader *reader, SegmentColumn *column,
						 Snapshot snapshot);
extern void segment_vector(SegmentReader *reader, SegmentColumn *column,
						   int vector, ColumnVector *out);
extern void segment_datums(SegmentReader *reader, SegmentColumn *column,
						   int vector, const ColumnVector *in,
						   const uint64 *wanted, Datum *values, bool *nulls,
						   MemoryContext context);
extern void segment_tid(const SegmentReader *reader, int row,
						ItemPointer tid);
extern int	segment_block_rows(const SegmentReader *reader,
							   BlockNumber block, int *first);
extern void segment_close(SegmentReader *reader);

/* the line pointer of a row of the block that begins with row "first" */
static inline OffsetNumber
segment_offset(const SegmentReader *reader, int first, int row)
{
	return reader->offsets != NULL ? reader->offsets[row] :
		(OffsetNumber) (row - first + 1);
}

#endif							/* COLUMN_H */
