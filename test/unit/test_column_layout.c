/*-------------------------------------------------------------------------
 *
 * test_column_layout.c
 *		What the store keeps of segments: marks, layouts, scaled numerics.
 *		Round trips, and bytes that are damaged under a right checksum.
 *
 * usage: test_column_layout [seed]
 *
 *-------------------------------------------------------------------------
 */
/* needs: src/column/columnmark.c src/column/columnlayout.c src/column/columnbuffer.c */
/* needs: src/column/columnnumeric.c */
#include "postgres.h"

#include "port/pg_crc32c.h"

#include "column/column.h"
#include "unit.h"

#define BLOCKS		300
#define ROUNDS		300
#define DAMAGES		3000

/* columntype.c needs a server's catalogs */
ColumnClass
column_form_class(ColumnForm form)
{
	return form == COLUMN_FORM_INT || form == COLUMN_FORM_NUMERIC ? COLUMN_INT :
		form == COLUMN_FORM_FLOAT4 ? COLUMN_FLOAT4 :
		form == COLUMN_FORM_FLOAT8 ? COLUMN_FLOAT8 : COLUMN_BYTES;
}

static uint64_t state;

static int
below(int n)
{
	return unit_random(&state) % n;
}

/*---- marks ---- */

static int
random_marks(BlockMarks *marks, BlockNumber first)
{
	int			n = 0;

	for (int b = 0; b < BLOCKS; b++)
	{
		int			count = below(4) == 0 ? below(MaxHeapTuplesPerPage) : below(4);

		if (below(3) != 0)
			continue;
		memset(&marks[n], 0, sizeof(BlockMarks));
		marks[n].block = first + b;
		marks[n].placed = below(2);
		for (int i = 0; i < count; i++)
		{
			int			offset = 1 + below(MaxHeapTuplesPerPage);

			marks[n].offsets[offset / 64] |= UINT64CONST(1) << (offset % 64);
		}
		n++;
	}
	return n;
}

static void
test_marks(void)
{
	for (int round = 0; round < ROUNDS; round++)
	{
		static BlockMarks marks[BLOCKS];
		BlockMarks *got;
		BlockNumber first = below(2) ? unit_random(&state) % 4000000000U : 0;
		int			n = random_marks(marks, first);
		bytea	   *packed;

		if (n == 0)
			continue;
		packed = marks_pack(first, marks, n);
		got = palloc((marks_room(packed) + 1) * sizeof(BlockMarks));
		CHECK(marks_room(packed) >= n);
		CHECK_EQ(marks_unpack(packed, first, BLOCKS, got), n);
		for (int i = 0; i < n; i++)
			CHECK(got[i].block == marks[i].block &&
				  got[i].placed == marks[i].placed &&
				  memcmp(got[i].offsets, marks[i].offsets,
						 sizeof(marks[i].offsets)) == 0);
		CHECK(marks[n - 1].block == first ||
			  marks_unpack(packed, first, marks[n - 1].block - first,
						   got) == -1);
		VARDATA(packed)[below(VARSIZE(packed) - VARHDRSZ)] ^= 1 << below(8);
		CHECK_EQ(marks_unpack(packed, first, BLOCKS, got), -1);
		pfree(got);
		pfree(packed);
	}
	unit_done("marks");
}

static void
seal(char *data, int from, int size, int at)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data + from, size - from);
	FIN_CRC32C(crc);
	memcpy(data + at, &crc, sizeof(crc));
}

static void
test_damaged_marks(void)
{
	int			refused = 0;

	for (int round = 0; round < DAMAGES; round++)
	{
		static BlockMarks marks[BLOCKS];
		int			n = random_marks(marks, 7);
		bytea	   *packed;
		BlockMarks *got;

		if (n == 0)
			continue;
		packed = marks_pack(7, marks, n);
		for (int i = below(5); i >= 0; i--)
			VARDATA(packed)[4 + below(VARSIZE(packed) - VARHDRSZ - 4)] = below(256);
		if (below(3) == 0)
			SET_VARSIZE(packed, VARHDRSZ + 4 + below(VARSIZE(packed) - VARHDRSZ - 4));
		seal(VARDATA(packed), 4, VARSIZE(packed) - VARHDRSZ, 0);
		got = palloc((marks_room(packed) + 1) * sizeof(BlockMarks));
		n = marks_unpack(packed, 7, BLOCKS, got);
		if (n < 0)
			refused++;
		CHECK(n <= marks_room(packed));
		for (int i = 0; i < n; i++)
			CHECK(got[i].block >= 7 && got[i].block < 7 + BLOCKS &&
				  (got[i].offsets[0] & 1) == 0);
		pfree(got);
		pfree(packed);
	}
	CHECK(refused > DAMAGES / 10);
	unit_done("damaged marks");
}

/*---- layouts ---- */

static FormData_pg_class class_form;
static RelationData relation = {.rd_id = 4711,.rd_rel = &class_form};

static void
random_column(SegmentColumn *c, AttrNumber attno)
{
	static const char text[] = "some bytes that are no string";

	memset(c, 0, sizeof(SegmentColumn));
	c->attno = attno;
	c->typid = 23;
	c->form = COLUMN_FORM_INT + below(COLUMN_FORM_CSTRING);
	c->typlen = -1;
	c->scale = below(10);
	c->stats.codec = 1 + below(COLUMN_CODEC_ZSTD);
	c->stats.nnulls = below(1000);
	c->stats.nbytes = below(1000000);
	c->stats.has_nan = below(2);
	switch (column_form_class(c->form))
	{
		case COLUMN_INT:
			c->stats.has_minmax = below(2);
			c->stats.min_int = unit_random(&state);
			c->stats.max_int = unit_random(&state);
			c->stats.sum_hi = unit_random(&state);
			c->stats.sum_lo = unit_random(&state);
			break;
		case COLUMN_BYTES:
			c->stats.has_bytes = below(2);
			c->stats.min_bytes = (ColumnBytes)
			{
				text, below(sizeof(text))
			};
			c->stats.max_bytes = (ColumnBytes)
			{
				text, below(sizeof(text))
			};
			break;
		default:
			c->stats.has_minmax = true;
			c->stats.min_float = -below(1000) / 7.0;
			c->stats.max_float = below(1000) / 7.0;
			break;
	}
}

/* A reader filled in as the writer does */
static void
random_layout(SegmentReader *r, Segment *segment)
{
	bool		dense = below(3) == 0;

	memset(segment, 0, sizeof(Segment));
	memset(r, 0, sizeof(SegmentReader));
	segment->id = 1 + below(1000000);
	segment->first = below(1000000);
	segment->nblocks = 1 + below(BLOCKS);
	r->rel = &relation;
	r->segment = segment;
	r->block_rows = palloc((segment->nblocks + 1) * sizeof(int));
	r->offsets = palloc((segment->nblocks * MaxHeapTuplesPerPage + 1) *
						sizeof(OffsetNumber));
	for (int b = 0; b < segment->nblocks; b++)
	{
		int			n = below(3) == 0 ? below(MaxHeapTuplesPerPage + 1) : 50;
		int			keep = !dense && below(3) == 0 ? 1 + below(10) : 1000;

		r->block_rows[b] = r->nrows;
		for (int i = 1; i <= n; i++)
		{
			if (below(keep) != 0 || keep == 1000)
				r->offsets[r->nrows++] = i;
		}
	}
	r->block_rows[segment->nblocks] = r->nrows;
	segment->nrows = r->nrows;
	r->ncolumns = below(20);
	r->columns = palloc((r->ncolumns + 1) * sizeof(SegmentColumn));
	for (int i = 0; i < r->ncolumns; i++)
		random_column(&r->columns[i], 1 + 2 * i);
	r->from_heap = palloc(BLOCKS * sizeof(BlockMarks));
	r->nfrom_heap = below(2) ? 0 : random_marks(r->from_heap, segment->first);
	while (r->nfrom_heap > 0 && r->from_heap[r->nfrom_heap - 1].block >=
		   segment->first + segment->nblocks)
		r->nfrom_heap--;
}

static bool
same_bytes(ColumnBytes a, ColumnBytes b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static void
check_offsets(const SegmentReader *got, const SegmentReader *want)
{
	for (int b = 0; b < want->segment->nblocks; b++)
	{
		int			first = want->block_rows[b];

		for (int row = first; row < want->block_rows[b + 1]; row++)
			CHECK_EQ(segment_offset(got, first, row), want->offsets[row]);
	}
}

static void
check_column(const SegmentColumn *got, const SegmentColumn *want)
{
	CHECK_EQ(got->attno, want->attno);
	CHECK_EQ(got->form, want->form);
	CHECK_EQ(got->scale, want->scale);
	CHECK_EQ(got->typlen, want->typlen);
	CHECK_EQ(got->stats.codec, want->stats.codec);
	CHECK_EQ(got->stats.nnulls, want->stats.nnulls);
	CHECK_EQ(got->stats.nbytes, want->stats.nbytes);
	CHECK_EQ(got->stats.has_minmax, want->stats.has_minmax);
	CHECK_EQ(got->stats.has_bytes, want->stats.has_bytes);
	CHECK_EQ(got->stats.has_nan, want->stats.has_nan);
	CHECK_EQ(got->stats.sum_lo, want->stats.sum_lo);
	CHECK(got->stats.min_int == want->stats.min_int &&
		  got->stats.max_int == want->stats.max_int);
	CHECK(got->stats.min_float == want->stats.min_float &&
		  got->stats.max_float == want->stats.max_float);
	CHECK(!want->stats.has_bytes ||
		  (same_bytes(got->stats.min_bytes, want->stats.min_bytes) &&
		   same_bytes(got->stats.max_bytes, want->stats.max_bytes)));
}

static void
test_layouts(void)
{
	for (int round = 0; round < ROUNDS; round++)
	{
		Segment		segment;
		SegmentReader want;
		SegmentReader got = {.rel = &relation,.segment = &segment};
		const char *problem = NULL;

		random_layout(&want, &segment);
		segment.layout = PointerGetDatum(layout_pack(&want));
		if (!CHECK(layout_unpack(&got, &problem)))
			continue;
		CHECK_EQ(got.nrows, want.nrows);
		CHECK(memcmp(got.block_rows, want.block_rows,
					 (segment.nblocks + 1) * sizeof(int)) == 0);
		check_offsets(&got, &want);
		CHECK_EQ(got.nfrom_heap, want.nfrom_heap);
		CHECK_EQ(got.ncolumns, want.ncolumns);
		for (int i = 0; i < want.ncolumns; i++)
			check_column(&got.columns[i], &want.columns[i]);

		/* another segment's */
		segment.first++;
		CHECK(!layout_unpack(&got, &problem) && problem != NULL);
		segment.first--;
		segment.id++;
		CHECK(!layout_unpack(&got, &problem));
		segment.id--;
		relation.rd_id++;
		CHECK(!layout_unpack(&got, &problem));
		relation.rd_id--;
	}
	unit_done("layouts");
}

static void
check_damaged(SegmentReader *got)
{
	int			rows = 0;

	for (int b = 0; b < got->segment->nblocks; b++)
	{
		CHECK(got->block_rows[b] >= rows && got->block_rows[b] <= got->nrows);
		rows = got->block_rows[b];
	}
	for (int i = 0; i < got->nrows && got->offsets != NULL; i++)
		CHECK(got->offsets[i] >= 1 && got->offsets[i] <= MaxHeapTuplesPerPage);
}

static void
test_damaged_layouts(void)
{
	int			refused = 0;

	for (int round = 0; round < DAMAGES; round++)
	{
		Segment		segment;
		SegmentReader want;
		SegmentReader got = {.rel = &relation,.segment = &segment};
		const char *problem = NULL;
		bytea	   *layout;
		int			size;

		random_layout(&want, &segment);
		layout = layout_pack(&want);
		size = VARSIZE(layout) - VARHDRSZ;
		for (int i = below(4); i >= 0; i--)
			VARDATA(layout)[below(size)] = below(256);
		if (below(4) == 0)
			size = 8 + below(size - 8);
		SET_VARSIZE(layout, VARHDRSZ + size);
		if (below(10) != 0 && size >= 8)
			seal(VARDATA(layout), 8, size, 4);
		segment.layout = PointerGetDatum(layout);
		if (!layout_unpack(&got, &problem))
		{
			CHECK(problem != NULL);
			refused++;
		}
		else
			check_damaged(&got);
		pfree(want.offsets);
	}
	CHECK(refused > DAMAGES / 4);
	unit_done("damaged layouts");
}

/*---- numerics ---- */

static void
test_numerics(void)
{
	for (int i = 0; i < 200000; i++)
	{
		char		payload[NUMERIC_SCALED_MAX];
		int64		value = (int64) unit_random(&state) >> below(64);
		int			scale = below(19);
		uint32		len = numeric_rescale(value, scale, payload);
		int			got_scale = below(2) ? -1 : scale;
		int64		got = 0;

		CHECK(len <= sizeof(payload));
		if (value == PG_INT64_MIN)
			continue;
		CHECK(numeric_unscale(payload, len, &got_scale, &got));
		CHECK(got == value && got_scale == scale);
		got_scale = scale + 1;
		CHECK(!numeric_unscale(payload, len, &got_scale, &got));
	}
	unit_done("numerics");
}

static void
test_other_numerics(void)
{
	int			taken = 0;

	for (int i = 0; i < 500000; i++)
	{
		uint16		words[12];
		char		again[NUMERIC_SCALED_MAX];
		int			n = 1 + below(lengthof(words));
		int			scale = -1;
		int64		value;

		for (int k = 0; k < n; k++)
			words[k] = k == 0 ? unit_random(&state) : below(10000);
		if (below(2))
			words[0] = 0x8000 | below(20) << 7 | below(4);
		if (!numeric_unscale((char *) words, n * sizeof(uint16), &scale, &value))
			continue;
		taken++;
		CHECK_EQ(numeric_rescale(value, scale, again), n * sizeof(uint16));
		CHECK(memcmp(again, words, n * sizeof(uint16)) == 0);
	}
	CHECK(taken > 1000);
	unit_done("numerics of any bytes");
}

int
main(int argc, char **argv)
{
	state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	test_marks();
	test_damaged_marks();
	test_layouts();
	test_damaged_layouts();
	test_numerics();
	test_other_numerics();
	return unit_finish();
}
