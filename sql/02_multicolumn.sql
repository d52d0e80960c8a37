--
-- Several key columns
--
CREATE TABLE mc (a int, b text COLLATE "C", c timestamptz, d uuid, e numeric, f float8, n int);
INSERT INTO mc
SELECT CASE WHEN i % 11 <> 0 THEN i % 7 END,
	CASE WHEN i % 13 <> 0 THEN 'b' || i % 5 END,
	'2020-01-01 00:00+00'::timestamptz + (i % 50) * interval '1 day',
	md5((i % 100)::text)::uuid,
	(i % 17) / 4.0,
	CASE i % 9 WHEN 0 THEN 'NaN'::float8 WHEN 1 THEN '-0' WHEN 2 THEN 0 ELSE i % 9 END,
	i
FROM generate_series(1, 3000) i;
CREATE INDEX mc_abc ON mc USING alex (a, b DESC, c);
CREATE INDEX mc_cad ON mc USING alex (c DESC NULLS LAST, a NULLS FIRST, d);
CREATE INDEX mc_fe ON mc USING alex (f, e DESC, a);
CREATE INDEX mc_ac ON mc USING alex (a DESC, c) INCLUDE (n);
INSERT INTO mc SELECT a, b, c, d, e, f, n + 3000 FROM mc WHERE n % 3 = 0;
SELECT omendb.alex_check(oid::regclass, true) FROM pg_class WHERE relname ~ '^mc_' AND relkind = 'i' ORDER BY relname;
ANALYZE mc;

SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
SET enable_incremental_sort = off;

-- All columns, a prefix, a gap, only a later column
SELECT count(*), sum(n) FROM mc WHERE a = 3 AND b = 'b2' AND c = '2020-01-18 00:00+00';
SELECT count(*), sum(n) FROM mc WHERE a = 3 AND b = 'b2';
SELECT count(*), sum(n) FROM mc WHERE a = 3;
SELECT count(*), sum(n) FROM mc WHERE a = 3 AND c > '2020-02-01 00:00+00';
SELECT count(*), sum(n) FROM mc WHERE b = 'b2';
SELECT count(*), sum(n) FROM mc WHERE a > 3 AND b < 'b2' AND c >= '2020-02-01 00:00+00';
SELECT count(*), sum(n) FROM mc WHERE a >= 2 AND a < 5 AND b >= 'b1' AND b <= 'b3';
SELECT count(*), sum(n) FROM mc WHERE f = 0 AND e > 2;
SELECT count(*), sum(n) FROM mc WHERE f = 'NaN' AND e <= 2 AND a IS NOT NULL;
SELECT count(*), sum(n) FROM mc WHERE f >= 8 AND e = 1.50;

-- NULLs in different places
SELECT count(*), sum(n) FROM mc WHERE a IS NULL;
SELECT count(*), sum(n) FROM mc WHERE a IS NULL AND b IS NULL;
SELECT count(*), sum(n) FROM mc WHERE a IS NULL AND b = 'b1' AND c > '2020-01-20 00:00+00';
SELECT count(*), sum(n) FROM mc WHERE a = 2 AND b IS NULL;
SELECT count(*), sum(n) FROM mc WHERE a = 2 AND b IS NOT NULL AND c < '2020-01-05 00:00+00';
SELECT count(*), sum(n) FROM mc WHERE a IS NOT NULL AND c = '2020-01-05 00:00+00';

-- Arrays on one and on two columns
SELECT count(*), sum(n) FROM mc WHERE a = ANY ('{1,5,5,99,NULL}') AND b = ANY ('{b0,b4}');
SELECT count(*), sum(n) FROM mc WHERE a = ANY ('{1,5}') AND b > 'b2';
SELECT count(*), sum(n) FROM mc WHERE a = 1 AND c = ANY (ARRAY['2020-01-05 00:00+00', '2020-02-05 00:00+00']::timestamptz[]);
SELECT count(*), sum(n) FROM mc WHERE a < ANY ('{1,2}') AND b = 'b1';

-- Order: forward, backward, with a leading equality
SELECT a, b, c FROM mc ORDER BY a, b DESC, c LIMIT 5;
SELECT a, b, c FROM mc ORDER BY a DESC, b, c DESC LIMIT 5;
SELECT a, b, c FROM mc ORDER BY a DESC, b, c DESC OFFSET 360 LIMIT 4;
SELECT c, a, d FROM mc ORDER BY c DESC NULLS LAST, a NULLS FIRST, d LIMIT 4;
SELECT c, a, d FROM mc ORDER BY c NULLS FIRST, a DESC NULLS LAST, d DESC LIMIT 4;
SELECT b, c FROM mc WHERE a = 4 ORDER BY b DESC, c LIMIT 4;
SELECT c FROM mc WHERE a = 4 AND b = 'b3' ORDER BY c DESC LIMIT 3;
SELECT f + 0 AS f, e, a FROM mc WHERE f >= -1 ORDER BY f, e DESC, a LIMIT 4;
SELECT f, e, a FROM mc ORDER BY f DESC, e, a DESC LIMIT 4;

-- Row comparison
SELECT count(*), sum(n) FROM mc WHERE (a, c) > (3, '2020-01-20 00:00+00');
SELECT count(*), sum(n) FROM mc WHERE (a, c) <= (3, '2020-01-20 00:00+00') AND a >= 2;

-- The same by sequential scans
SET enable_seqscan = on;
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SET enable_sort = on;
SELECT count(*), sum(n) FROM mc WHERE a = 3 AND c > '2020-02-01 00:00+00';
SELECT count(*), sum(n) FROM mc WHERE a > 3 AND b < 'b2' AND c >= '2020-02-01 00:00+00';
SELECT count(*), sum(n) FROM mc WHERE f = 'NaN' AND e <= 2 AND a IS NOT NULL;
SELECT count(*), sum(n) FROM mc WHERE a = ANY ('{1,5}') AND b > 'b2';
SELECT count(*), sum(n) FROM mc WHERE (a, c) > (3, '2020-01-20 00:00+00');
RESET enable_indexscan;
RESET enable_indexonlyscan;
RESET enable_sort;

-- 32 columns, and not one more
DO $$
BEGIN
	EXECUTE 'CREATE TABLE wide (' || (SELECT string_agg('c' || i || ' int', ', ' ORDER BY i) FROM generate_series(1, 33) i) || ')';
	EXECUTE 'INSERT INTO wide SELECT ' || (SELECT string_agg('g % ' || i + 1, ', ' ORDER BY i) FROM generate_series(1, 33) i)
		|| ' FROM generate_series(1, 1000) g';
	EXECUTE 'CREATE INDEX wide_all ON wide USING alex (' || (SELECT string_agg('c' || i, ', ' ORDER BY i) FROM generate_series(1, 32) i) || ')';
END $$;
SET enable_seqscan = off;
SELECT omendb.alex_check('wide_all', true);
SELECT count(*) FROM wide WHERE c1 = 1 AND c2 = 1 AND c3 = 1 AND c4 = 1 AND c32 = 1;
INSERT INTO wide SELECT * FROM wide WHERE c5 = 0;
SELECT count(*) FROM wide WHERE c1 = 0 AND c2 = 0 AND c5 = 0;
SELECT omendb.alex_check('wide_all', true);
DO $$
BEGIN
	EXECUTE 'CREATE INDEX wide_more ON wide USING alex (' || (SELECT string_agg('c' || i, ', ' ORDER BY i) FROM generate_series(1, 33) i) || ')';
END $$;

-- Many columns of 16 bytes
CREATE TABLE uuids AS
SELECT md5((i % 3)::text)::uuid AS u1, md5((i % 5)::text)::uuid AS u2, md5((i % 7)::text)::uuid AS u3, md5((i % 11)::text)::uuid AS u4,
	md5(i::text)::uuid AS u5, md5(i::text)::uuid AS u6, md5(i::text)::uuid AS u7, md5(i::text)::uuid AS u8
FROM generate_series(1, 2000) i;
CREATE INDEX uuids_all ON uuids USING alex (u1, u2, u3, u4, u5, u6, u7, u8);
CREATE INDEX uuids_inc ON uuids USING alex (u4) INCLUDE (u1, u2, u3, u5, u6);
INSERT INTO uuids SELECT * FROM uuids LIMIT 700;
SELECT omendb.alex_check('uuids_all', true), omendb.alex_check('uuids_inc', true);
SELECT count(*) FROM uuids WHERE u1 = md5('1')::uuid AND u2 = md5('2')::uuid AND u3 = md5('3')::uuid;
SELECT count(u6), count(DISTINCT u5) FROM uuids WHERE u4 = md5('3')::uuid;

DROP TABLE mc, wide, uuids;
