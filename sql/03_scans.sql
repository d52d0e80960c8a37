--
-- Kinds of scans, which return rows one by one
--
SET omendb.columnar_aggregate = off;
CREATE TABLE sc (k int, v int, t text COLLATE "C");
INSERT INTO sc SELECT CASE WHEN i % 10 > 0 THEN i / 3 END, i, 't' || i % 100 FROM generate_series(1, 30000) i;
CREATE INDEX sc_k ON sc USING alex (k);
CREATE INDEX sc_t ON sc USING alex (t);
CREATE INDEX sc_v ON sc USING alex (v) INCLUDE (t);
VACUUM ANALYZE sc;

CREATE FUNCTION plan_nodes(query text) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ '(Scan|Join)' THEN
			RETURN NEXT regexp_replace(line, '^[ >-]*', '');
		END IF;
	END LOOP;
END $$;

SET enable_seqscan = off;

-- Plain, index-only, bitmap
SET enable_bitmapscan = off;
SELECT plan_nodes('SELECT v FROM sc WHERE k = 77');
SELECT v FROM sc WHERE k = 77 ORDER BY v;
SELECT plan_nodes('SELECT k FROM sc WHERE k BETWEEN 70 AND 80');
SELECT count(*), sum(k) FROM sc WHERE k BETWEEN 70 AND 80;
SELECT v, t FROM sc WHERE v = 12345;
RESET enable_bitmapscan;
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SELECT plan_nodes('SELECT v FROM sc WHERE k BETWEEN 70 AND 80');
SELECT count(*), sum(v) FROM sc WHERE k BETWEEN 70 AND 80;
SELECT count(*), sum(v) FROM sc WHERE k BETWEEN 100 AND 2000 AND t = 't7';
SELECT count(*), sum(v) FROM sc WHERE k < 10 OR t = 't9';
SELECT count(*), sum(v) FROM sc WHERE k IS NULL AND t = 't10';
SELECT count(*), sum(v) FROM sc WHERE k = ANY ('{5,6,7,6,5}');
-- a bitmap that does not fit
SET work_mem = '64kB';
SELECT count(*), sum(v) FROM sc WHERE k > 10;
RESET work_mem;
RESET enable_indexscan;
RESET enable_indexonlyscan;
SET enable_bitmapscan = off;

-- NULLs
SELECT count(*) FROM sc WHERE k IS NULL;
SELECT count(*) FROM sc WHERE k IS NOT NULL;
SELECT count(*) FROM sc WHERE k = NULL;
SELECT count(*) FROM sc WHERE k > NULL;
SELECT count(*) FROM sc WHERE k IS NULL AND k > 5;
SELECT k FROM sc ORDER BY k NULLS LAST LIMIT 2;
SELECT k FROM sc ORDER BY k DESC NULLS FIRST LIMIT 2;
SELECT k FROM sc WHERE k IS NOT NULL ORDER BY k DESC LIMIT 2;

-- Ranges that are empty, contradictory or redundant
SELECT count(*) FROM sc WHERE k > 20 AND k < 10;
SELECT count(*) FROM sc WHERE k > 20 AND k < 21;
SELECT count(*) FROM sc WHERE k >= 20 AND k <= 20;
SELECT count(*) FROM sc WHERE k = 20 AND k = 21;
SELECT count(*) FROM sc WHERE k > 20 AND k > 30 AND k >= 30 AND k < 40 AND k <= 32;
SELECT count(*) FROM sc WHERE k = 20 AND k > 5 AND k <= 20;
SELECT count(*) FROM sc WHERE k > -1000000 AND k < 1000000;
SELECT count(*) FROM sc WHERE k < -5;
SELECT count(*) FROM sc WHERE k > 99999;

-- Arrays
SELECT count(*) FROM sc WHERE k = ANY ('{}'::int[]);
SELECT count(*) FROM sc WHERE k = ANY (NULL::int[]);
SELECT count(*) FROM sc WHERE k = ANY ('{NULL}'::int[]);
SELECT k, count(*) FROM sc WHERE k IN (9, 3, 3, 7, -1, 123456) GROUP BY k ORDER BY k;
SELECT k FROM sc WHERE k IN (500, 2, 40) ORDER BY k DESC;
SELECT count(*) FROM sc WHERE k = ANY (ARRAY(SELECT i * 3 FROM generate_series(1, 2000) i));
SELECT count(*) FROM sc WHERE k < ANY ('{3,5}');
SELECT count(*) FROM sc WHERE k >= ALL ('{9990,9995}');
SELECT count(*) FROM sc WHERE k = ANY ('{1,2,3,4,5}') AND k > 2 AND k < 5;
SELECT count(*) FROM sc WHERE k = ANY ('{1,2,3}') AND k = ANY ('{3,4,5}');

-- min and max
SELECT min(k), max(k) FROM sc;
SELECT plan_nodes('SELECT min(k) FROM sc');
SELECT min(v), max(v) FROM sc WHERE k = 100;
SELECT min(k) FROM sc WHERE k > 5000;
SELECT max(k) FROM sc WHERE k < 5000;
SELECT max(k) FROM sc WHERE k < 0;
SELECT min(t), max(t) FROM sc;

-- Merge joins: mark and restore with duplicates on both sides
CREATE TABLE left_side (k int, n int);
CREATE TABLE right_side (k int, n int);
INSERT INTO left_side SELECT i / 4, i FROM generate_series(1, 2000) i;
INSERT INTO right_side SELECT i / 7, i FROM generate_series(1, 2000) i;
INSERT INTO right_side SELECT 123, i FROM generate_series(1, 1500) i;
CREATE INDEX ON left_side USING alex (k);
CREATE INDEX ON right_side USING alex (k);
SET enable_hashjoin = off;
SET enable_nestloop = off;
SET enable_sort = off;
SET enable_material = off;
SELECT plan_nodes('SELECT * FROM left_side l JOIN right_side r USING (k)') LIMIT 1;
SELECT count(*), sum(l.n), sum(r.n) FROM left_side l JOIN right_side r USING (k);
SELECT count(*), sum(l.n), sum(r.n) FROM left_side l JOIN right_side r USING (k) WHERE r.n % 3 = 0 AND l.k > 100;
SELECT count(*) FROM left_side a JOIN left_side b USING (k);
SELECT count(*) FROM left_side a LEFT JOIN right_side b USING (k) WHERE b.k IS NULL;
SELECT count(*) FROM left_side a FULL JOIN right_side b USING (k);
RESET enable_hashjoin;
RESET enable_nestloop;
RESET enable_sort;
RESET enable_material;

-- Nested loops: one scan descriptor, many keys
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_memoize = off;
SET enable_material = off;
SELECT count(r.n), sum(r.n) FROM left_side l JOIN right_side r ON r.k = l.k;
SELECT count(*), sum(x.k) FROM generate_series(1, 300) g, LATERAL (SELECT k FROM sc WHERE k > g * 30 ORDER BY k LIMIT 2) x;
SELECT count(*), sum(x.k) FROM generate_series(1, 300) g, LATERAL (SELECT k FROM sc WHERE k < g * 30 ORDER BY k DESC LIMIT 2) x;
SELECT count(*) FROM left_side l WHERE NOT EXISTS (SELECT FROM right_side r WHERE r.k = l.k);
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_memoize;
RESET enable_material;

-- Cursors turn round anywhere, at both ends too
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT v FROM sc WHERE v BETWEEN 1000 AND 4000 ORDER BY v;
FETCH 2 FROM c;
FETCH BACKWARD 5 FROM c;
FETCH 2 FROM c;
FETCH ABSOLUTE 2000 FROM c;
FETCH PRIOR FROM c;
FETCH RELATIVE -1500 FROM c;
FETCH LAST FROM c;
FETCH NEXT FROM c;
FETCH NEXT FROM c;
FETCH PRIOR FROM c;
MOVE BACKWARD 1000 IN c;
FETCH NEXT FROM c;
FETCH FIRST FROM c;
FETCH PRIOR FROM c;
FETCH NEXT FROM c;
-- what other commands do meanwhile is not seen, and does not harm
DELETE FROM sc WHERE v BETWEEN 1003 AND 2000;
INSERT INTO sc SELECT 1, i FROM generate_series(1000, 3000) i;
FETCH 5 FROM c;
FETCH ABSOLUTE 1500 FROM c;
FETCH PRIOR FROM c;
ROLLBACK;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT k FROM sc WHERE k = ANY ('{10,20,30}') ORDER BY k DESC;
FETCH ALL FROM c;
FETCH BACKWARD ALL FROM c;
FETCH 3 FROM c;
FETCH BACKWARD 2 FROM c;
COMMIT;
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT v FROM sc WHERE v > 29990 ORDER BY v;
FETCH 2 FROM c;
COMMIT;
DELETE FROM sc WHERE v > 29995;
FETCH ALL FROM c;
CLOSE c;

-- WHERE CURRENT OF
BEGIN;
DECLARE c CURSOR FOR SELECT v FROM sc WHERE v BETWEEN 500 AND 510 FOR UPDATE;
FETCH 3 FROM c;
UPDATE sc SET v = v + 100000 WHERE CURRENT OF c;
SELECT v FROM sc WHERE v > 100000;
ROLLBACK;

-- An UPDATE does not meet the rows it made (no second visit)
UPDATE sc SET v = v + 10 WHERE v > 0;
SELECT count(*), min(v), max(v) FROM sc;

-- Parallel scans
VACUUM ANALYZE sc;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SELECT plan_nodes('SELECT count(*) FROM sc WHERE k > 100');
SELECT count(*), sum(k) FROM sc WHERE k > 100;
SET enable_indexonlyscan = off;
SELECT plan_nodes('SELECT sum(v) FROM sc WHERE k > 100');
SELECT count(*), sum(v) FROM sc WHERE k > 100;
SELECT count(*), sum(v) FROM sc WHERE k IS NULL;
SELECT count(*), sum(v) FROM sc WHERE k = ANY (ARRAY(SELECT i * 3 FROM generate_series(1, 2000) i));
SET enable_indexscan = off;
SET enable_bitmapscan = on;
SELECT count(*), sum(v) FROM sc WHERE k > 100;

DROP TABLE sc, left_side, right_side;
DROP FUNCTION plan_nodes;

-- Heap pages of the next rows are asked for ahead, as far as effective_io_concurrency says:
-- to and fro, the rows are the same
CREATE TABLE sf AS SELECT k, repeat('x', 300) AS pad FROM generate_series(1, 3000) AS k ORDER BY md5(k::text);
CREATE INDEX sf_k ON sf USING alex (k);
VACUUM ANALYZE sf;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_indexscan = on;
CREATE FUNCTION sf_wander(ahead int, seed float) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	c SCROLL CURSOR FOR SELECT * FROM sf WHERE k BETWEEN 501 AND 2500 ORDER BY k;
	r record;
	place int := 0;
	step int;
	wrong int := 0;
BEGIN
	PERFORM set_config('effective_io_concurrency', ahead::text, true);
	PERFORM setseed(seed);
	OPEN c;
	FOR i IN 1 .. 400 LOOP
		step := CASE WHEN random() < 0.6 THEN 1 ELSE -1 END * (random() * random() * 150)::int;
		FETCH RELATIVE step FROM c INTO r;
		place := greatest(0, least(2001, place + step));
		CONTINUE WHEN place BETWEEN 1 AND 2000 AND r.k = 500 + place AND length(r.pad) = 300;
		CONTINUE WHEN place IN (0, 2001) AND r.k IS NULL;
		wrong := wrong + 1;
	END LOOP;
	CLOSE c;
	RETURN format('ahead %s: %s wrong', ahead, wrong);
END $$;
SELECT sf_wander(ahead, 0.5) FROM unnest('{0,1,32,1000}'::int[]) AS ahead;
SELECT count(*), sum(k), sum(length(pad)) FROM (SELECT * FROM sf WHERE k > 10 ORDER BY k DESC LIMIT 2500) AS x;
DROP FUNCTION sf_wander;
DROP TABLE sf;
