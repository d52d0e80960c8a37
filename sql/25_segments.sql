-- Segments of every kind of type: what they hold is what the rows are
CREATE TYPE seg_mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE seg_pair AS (a int, b text);
CREATE DOMAIN seg_positive AS int CHECK (VALUE > 0);
SET omendb.segment_blocks = 64;

CREATE TABLE seg_types (
	id int, b bool, i2 int2, i4 int4, i8 int8, o oid, d date, tm time, ttz timetz,
	ts timestamp, tz timestamptz, iv interval, c "char", e seg_mood, m money,
	f4 float4, f8 float8, n numeric, n2 numeric(12, 4), t text, vc varchar(20),
	bp char(10), nm name, by bytea, u uuid, j json, jb jsonb, ar int[],
	ta text[], co seg_pair, dom seg_positive, x xid8, lsn pg_lsn, ip inet,
	r int4range, mr int4multirange, pt point, bx box, bits bit(5), vb varbit,
	ov oidvector, tsv tsvector
) USING omendb;
INSERT INTO seg_types
SELECT i, i % 2 = 0, i - 500, -i, i * 10000000000, i::oid, '2000-01-01'::date + i,
	   '10:00'::time + i * interval '1 s', '10:00+02'::timetz,
	   '2000-01-01'::timestamp + i * interval '1 h',
	   '2000-01-01 00:00+00'::timestamptz + i * interval '1 ms',
	   i * interval '1 day', chr(65 + i % 26)::"char",
	   (ARRAY['sad', 'ok', 'happy'])[1 + i % 3]::seg_mood, i::numeric::money,
	   CASE i % 5 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' ELSE i / 7.0 END,
	   CASE i % 9 WHEN 0 THEN '-0' ELSE i / 3.0 END,
	   CASE i % 4 WHEN 0 THEN 'NaN' WHEN 1 THEN 1e50 ELSE i / 7.0 END,
	   i / 8.0 - 20, 'text ' || i, 'v' || i % 10, 'b' || i, 'name' || i,
	   decode(md5(i::text), 'hex'), md5(i::text)::uuid,
	   json_build_object('a', i), jsonb_build_object('a', i, 'b', ARRAY[i, i + 1]),
	   ARRAY[i, NULL, i + 1], ARRAY['x' || i, NULL], ROW(i, 't' || i)::seg_pair,
	   i, i::text::xid8, '0/1'::pg_lsn + i, '10.0.0.1'::inet + i,
	   int4range(i, i + 10), int4multirange(int4range(i, i + 2)), point(i, -i),
	   box(point(i, i), point(0, 0)), (i % 32)::bit(5), (i % 32)::bit(5)::varbit,
	   '1 2 3'::oidvector, to_tsvector('simple', 'word' || i)
FROM generate_series(1, 3000) i;
INSERT INTO seg_types (id) SELECT generate_series(3001, 3100);
INSERT INTO seg_types (id, n, n2) VALUES (3101, 0, 0), (3102, -0.0000, -0.0001),
	(3103, 99999999999999999999, 99999999.9999), (3104, 1e-20, NULL);

SELECT segments, blocks = (SELECT pg_relation_size('seg_types') / current_setting('block_size')::int) AS all_blocks,
	   rows, bytes > 0 AS bytes
FROM omendb.compact('seg_types');
SELECT count(*), sum(rows), sum(marked) FROM omendb.verify('seg_types');
SELECT attname, sum(segments) AS segments, sum(nulls) AS nulls, sum(bytes) > 0 AS bytes
FROM omendb.stat_column WHERE relname = 'seg_types'
GROUP BY attnum, attname ORDER BY attnum;
SELECT covered_blocks = blocks AS covered, segments, building, rows, marked, enabled, runs, last_error
FROM omendb.stat_table WHERE relname = 'seg_types';

-- Columns that come, go, and change their type without a rewrite
ALTER TABLE seg_types ADD COLUMN late int DEFAULT 7, ADD COLUMN later text;
ALTER TABLE seg_types DROP COLUMN j;
ALTER TABLE seg_types ALTER COLUMN vc TYPE text, ALTER COLUMN i4 TYPE oid USING i4::oid;
SELECT count(*) > 0 AS verified FROM omendb.verify('seg_types');
SELECT segments > 0 AS made FROM omendb.compact('seg_types');
SELECT sum(rows), sum(marked) FROM omendb.verify('seg_types');
ALTER TABLE seg_types ALTER COLUMN t TYPE varchar;
ALTER TABLE seg_types ADD COLUMN latest numeric DEFAULT 1.50;
UPDATE seg_types SET late = id, latest = id WHERE id % 10 = 0;
DELETE FROM seg_types WHERE id % 13 = 0;
SELECT sum(rows) AS rows, sum(marked) > 0 AS marked FROM omendb.verify('seg_types');
SELECT rows FROM omendb.compact('seg_types', "full" => true);
SELECT sum(rows) AS rows, sum(marked) AS marked FROM omendb.verify('seg_types');
SELECT count(*) FROM seg_types;
DROP TABLE seg_types;

-- Values out of line; those beyond the limit stay in the table
CREATE TABLE seg_toast (id int, big text, plain text) USING omendb;
ALTER TABLE seg_toast ALTER COLUMN plain SET STORAGE EXTERNAL;
INSERT INTO seg_toast
SELECT i, repeat(md5(i::text), CASE WHEN i % 10 = 0 THEN 4000 ELSE i END),
	   CASE WHEN i % 5 = 0 THEN repeat('p' || i, 900) END
FROM generate_series(1, 200) i;
SELECT segments, rows FROM omendb.compact('seg_toast');
SELECT sum(rows) FROM omendb.verify('seg_toast');
SET omendb.inline_limit = '1MB';
UPDATE seg_toast SET id = id;
SELECT sum(rows) FROM omendb.compact('seg_toast');
SELECT sum(rows) >= 200 AS all_rows FROM omendb.verify('seg_toast');
SET omendb.inline_limit = '1kB';
UPDATE seg_toast SET id = id;
VACUUM seg_toast;
SELECT sum(rows) < 200 AS fewer FROM omendb.compact('seg_toast', true);
SELECT count(*) > 0 AS verified FROM omendb.verify('seg_toast');
RESET omendb.inline_limit;
DROP TABLE seg_toast;

-- No columns, no rows, only nulls, many columns, dropped ones
CREATE TABLE seg_none () USING omendb;
INSERT INTO seg_none DEFAULT VALUES;
INSERT INTO seg_none DEFAULT VALUES;
SELECT * FROM omendb.compact('seg_none');
SELECT first_block, blocks, rows, marked FROM omendb.verify('seg_none');
CREATE TABLE seg_empty (a int) USING omendb;
SELECT * FROM omendb.compact('seg_empty');
INSERT INTO seg_empty SELECT generate_series(1, 10);
DELETE FROM seg_empty;
SELECT * FROM omendb.compact('seg_empty');
SELECT first_block, blocks, rows, marked FROM omendb.verify('seg_empty');
CREATE TABLE seg_null (a int, b text, c numeric, d float4) USING omendb;
INSERT INTO seg_null SELECT FROM generate_series(1, 3000);
SELECT segments, rows FROM omendb.compact('seg_null');
SELECT sum(rows) FROM omendb.verify('seg_null');
DO $$
BEGIN
	EXECUTE 'CREATE TABLE seg_wide (' ||
		(SELECT string_agg(format('c%s %s', i, CASE WHEN i % 3 = 0 THEN 'text' ELSE 'int' END), ', ')
		 FROM generate_series(1, 1000) i) || ') USING omendb';
	EXECUTE 'INSERT INTO seg_wide SELECT ' ||
		(SELECT string_agg(CASE WHEN i % 3 = 0 THEN '''v''' ELSE 'g' END, ', ') FROM generate_series(1, 1000) i) ||
		' FROM generate_series(1, 30) g';
	FOR i IN 1..900 LOOP
		EXECUTE format('ALTER TABLE seg_wide DROP COLUMN c%s', i);
	END LOOP;
END
$$;
SELECT rows FROM omendb.compact('seg_wide');
SELECT sum(rows) FROM omendb.verify('seg_wide');
SELECT count(DISTINCT attnum), sum(bytes) > 0 AS bytes FROM omendb.stat_column WHERE relname = 'seg_wide';

-- HOT chains: a segment has the versions themselves, not their roots
CREATE TABLE seg_hot (id int PRIMARY KEY, v int) USING omendb WITH (fillfactor = 50);
INSERT INTO seg_hot SELECT i, 0 FROM generate_series(1, 1000) i;
UPDATE seg_hot SET v = v + 1;
VACUUM seg_hot;
UPDATE seg_hot SET v = v + 1 WHERE id % 2 = 0;
SELECT rows FROM omendb.compact('seg_hot');
SELECT sum(rows) AS rows, sum(marked) AS marked FROM omendb.verify('seg_hot');
UPDATE seg_hot SET v = v + 1 WHERE id % 3 = 0;
VACUUM seg_hot;
SELECT sum(rows) AS rows, sum(marked) > 0 AS marked FROM omendb.verify('seg_hot');

-- A materialized view
CREATE MATERIALIZED VIEW seg_view USING omendb AS SELECT id, v FROM seg_hot;
SELECT rows FROM omendb.compact('seg_view');
SELECT sum(rows) FROM omendb.verify('seg_view');
REFRESH MATERIALIZED VIEW seg_view;
SELECT count(*) FROM omendb.verify('seg_view');
DROP MATERIALIZED VIEW seg_view;
DROP TABLE seg_none, seg_empty, seg_null, seg_wide, seg_hot;
DROP TYPE seg_mood, seg_pair;
DROP DOMAIN seg_positive;
