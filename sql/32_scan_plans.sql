-- When columns are scanned, and the plans around such scans
SET omendb.segment_blocks = 8;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE pl (id int PRIMARY KEY, k int, v text, pad text) USING omendb WITH (autovacuum_enabled = off);
SELECT omendb.set_compaction('pl', false);
INSERT INTO pl SELECT i, i % 100, 'v' || i % 10, repeat('pad', 30) FROM generate_series(1, 10000) i;
VACUUM ANALYZE pl;

-- Without segments there is no such scan
EXPLAIN (COSTS OFF) SELECT sum(k) FROM pl;
SELECT segments > 3 AS several FROM omendb.compact('pl');

-- By cost: full scans read columns, selective ones an index
EXPLAIN (COSTS OFF) SELECT sum(k) FROM pl;
EXPLAIN (COSTS OFF) SELECT v, count(*) FROM pl WHERE k < 50 GROUP BY v;
EXPLAIN (COSTS OFF) SELECT * FROM pl WHERE id = 77;
EXPLAIN (COSTS OFF) SELECT * FROM pl WHERE id BETWEEN 77 AND 79;
EXPLAIN (COSTS OFF) SELECT * FROM pl ORDER BY id LIMIT 3;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT sum(k) FROM pl WHERE id > 0;
RESET enable_seqscan;
SET omendb.columnar_scan = off;
EXPLAIN (COSTS OFF) SELECT sum(k) FROM pl;

-- Wherever it is possible, and where it is not
SET omendb.columnar_scan = force;
EXPLAIN (COSTS OFF) SELECT * FROM pl WHERE id = 77;
EXPLAIN (COSTS OFF) SELECT ctid FROM pl;
EXPLAIN (COSTS OFF) SELECT id FROM pl WHERE xmin::text <> '0';
EXPLAIN (COSTS OFF) SELECT tableoid::regclass FROM pl WHERE k = 1;
EXPLAIN (COSTS OFF) SELECT * FROM pl TABLESAMPLE system (10);
EXPLAIN (COSTS OFF) SELECT * FROM pl WHERE k = 1 FOR UPDATE;
EXPLAIN (COSTS OFF) SELECT * FROM pl WHERE k = 1 FOR KEY SHARE SKIP LOCKED;
EXPLAIN (COSTS OFF) UPDATE pl SET k = 1 WHERE k = 2;
EXPLAIN (COSTS OFF) DELETE FROM pl WHERE k = 2;
EXPLAIN (COSTS OFF) UPDATE pl SET k = 1 FROM pl b WHERE b.id = pl.id AND b.k = 3;
EXPLAIN (COSTS OFF) INSERT INTO pl SELECT id + 20000, k FROM pl WHERE k = 5;
EXPLAIN (COSTS OFF) SELECT pl FROM pl;

-- The result of an UPDATE that reads columns
CREATE TABLE pl_heap USING heap AS SELECT * FROM pl;
UPDATE pl_heap SET v = s.n FROM (SELECT k, count(*) AS n, min(id) AS m FROM pl_heap GROUP BY k) s WHERE pl_heap.id = s.m;
UPDATE pl SET v = s.n FROM (SELECT k, count(*) AS n, min(id) AS m FROM pl GROUP BY k) s WHERE pl.id = s.m;
SELECT count(*), sum(length(v)) FROM pl;
SELECT count(*) FROM (SELECT * FROM pl EXCEPT SELECT * FROM pl_heap) x;

-- Prepared statements, with custom and generic plans
PREPARE q(int, text) AS SELECT count(*), sum(id) FROM pl WHERE k > $1 AND v = $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE q(50, 'v3');
EXECUTE q(50, 'v3');
EXECUTE q(98, 'v9');
EXECUTE q(NULL, 'v9');
SET plan_cache_mode = force_custom_plan;
EXECUTE q(50, 'v3');
EXECUTE q(98, 'v9');
PREPARE qa(int[]) AS SELECT count(*) FROM pl WHERE k = ANY ($1);
SET plan_cache_mode = force_generic_plan;
EXECUTE qa('{1,2,NULL}');
EXECUTE qa('{}');
EXECUTE qa(NULL);
RESET plan_cache_mode;

-- Rescans
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
EXPLAIN (COSTS OFF) SELECT count(*), sum(b.id) FROM generate_series(1, 20) a JOIN pl b ON b.k = a AND b.id < 1000;
SELECT count(*), sum(b.id) FROM generate_series(1, 20) a JOIN pl b ON b.k = a AND b.id < 1000;
SELECT count(*), sum(b.id) FROM generate_series(1, 20) a JOIN pl_heap b ON b.k = a AND b.id < 1000;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
EXPLAIN (COSTS OFF) SELECT a, (SELECT sum(id) FROM pl WHERE k = a AND v <> 'v1') FROM generate_series(1, 6) a;
SELECT a, (SELECT sum(id) FROM pl WHERE k = a AND v <> 'v1') FROM generate_series(1, 6) a;
SELECT a, (SELECT sum(id) FROM pl_heap WHERE k = a AND v <> 'v1') FROM generate_series(1, 6) a;
SELECT a, s.* FROM generate_series(1, 3) a, LATERAL (SELECT id, v FROM pl WHERE k = a * 10 ORDER BY id LIMIT 2) s;
SELECT a, EXISTS (SELECT FROM pl WHERE id = a * 5000) FROM generate_series(1, 3) a ORDER BY 1;
SELECT count(*) FROM pl_heap h WHERE h.id IN (SELECT id FROM pl WHERE k = 7);
SELECT count(*) FROM pl_heap h WHERE NOT EXISTS (SELECT FROM pl WHERE pl.id = h.id AND pl.k > 10);
SELECT count(*) FROM pl WHERE k = (SELECT max(k) FROM pl);
WITH x AS MATERIALIZED (SELECT * FROM pl WHERE k = 3) SELECT count(*) FROM x a JOIN x b USING (id);
SELECT count(*) FROM pl FULL JOIN pl_heap USING (id, k, v);

-- Errors in values come as they do with an index
SELECT count(*) FROM pl WHERE k = 1 / (SELECT 0);

-- Partitions, inheritance
CREATE TABLE part (a int, b int, c text) PARTITION BY RANGE (a);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (1000) USING omendb;
CREATE TABLE part2 (c text, dropped int, b int, a int) USING omendb;
ALTER TABLE part2 DROP COLUMN dropped;
ALTER TABLE part ATTACH PARTITION part2 FOR VALUES FROM (1000) TO (2000);
CREATE TABLE part3 PARTITION OF part FOR VALUES FROM (2000) TO (3000) USING heap;
INSERT INTO part SELECT i, i % 10, 'c' || i % 3 FROM generate_series(0, 2999) i;
VACUUM ANALYZE part;
SELECT rows FROM omendb.compact('part1');
SELECT rows FROM omendb.compact('part2');
EXPLAIN (COSTS OFF) SELECT count(*), sum(a) FROM part WHERE b = 3 AND a < 2500;
SELECT count(*), sum(a) FROM part WHERE b = 3 AND a < 2500;
SELECT count(part), min(part::text), max(part::text) FROM part;
SET enable_partitionwise_join = on;
SELECT count(*), sum(x.a) FROM part x JOIN part y ON x.a = y.a AND y.c = 'c1';
RESET enable_partitionwise_join;
UPDATE part SET b = -b WHERE a % 100 = 3;
SELECT count(*), sum(a) FROM part WHERE b = -3;
CREATE TABLE parent (a int) USING omendb;
CREATE TABLE child (b int) INHERITS (parent) USING omendb;
INSERT INTO parent SELECT generate_series(1, 500);
INSERT INTO child SELECT i, i FROM generate_series(1, 500) i;
SELECT rows FROM omendb.compact('parent');
SELECT rows FROM omendb.compact('child');
EXPLAIN (COSTS OFF) SELECT sum(a) FROM parent;
SELECT sum(a) FROM parent;
SELECT sum(a) FROM ONLY parent;

-- Materialized views
CREATE MATERIALIZED VIEW pl_mv USING omendb AS SELECT k, count(*) AS n FROM pl GROUP BY k;
SELECT rows FROM omendb.compact('pl_mv');
EXPLAIN (COSTS OFF) SELECT sum(n) FROM pl_mv;
SELECT sum(n) FROM pl_mv;
DELETE FROM pl WHERE k = 1;
REFRESH MATERIALIZED VIEW pl_mv;
SELECT sum(n) FROM pl_mv;

DROP MATERIALIZED VIEW pl_mv;
DROP TABLE pl, pl_heap, part, parent, child;

-- Marked rows and compressed strings that have to be unpacked have their price
RESET ALL;
CREATE FUNCTION pl_cost(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Total Cost';
END $$;
CREATE TABLE pl_marks (id int, v int, s text) USING omendb WITH (fillfactor = 40, autovacuum_enabled = off);
INSERT INTO pl_marks SELECT i, i, (SELECT string_agg(md5((i * n)::text), '') FROM generate_series(1, 4) n) FROM generate_series(1, 5000) i;
VACUUM ANALYZE pl_marks;
SELECT omendb.set_compaction('pl_marks', false);
SELECT rows FROM omendb.compact('pl_marks');
SELECT pl_cost('SELECT v FROM pl_marks WHERE v < 10') AS clean,
	pl_cost('SELECT v, s FROM pl_marks') AS unpacked \gset
EXPLAIN (COSTS OFF) SELECT v FROM pl_marks WHERE v < 10;
UPDATE pl_marks SET v = v + 1 WHERE id % 5 = 0;
\c -
EXPLAIN (COSTS OFF) SELECT v FROM pl_marks WHERE v < 10;
SELECT pl_cost('SELECT v FROM pl_marks WHERE v < 10') > 2 * :clean AS marks, :unpacked > 5 * :clean AS strings;
SELECT count(*) FROM pl_marks WHERE v < 10;
DROP TABLE pl_marks;

-- A condition on a column that goes along with the rows leaves few segments
CREATE TABLE pl_order (along int, across int) USING omendb WITH (autovacuum_enabled = off);
INSERT INTO pl_order SELECT i, i * 7919 % 100000 FROM generate_series(0, 99999) i;
VACUUM ANALYZE pl_order;
SET omendb.segment_blocks = 8;
SELECT rows FROM omendb.compact('pl_order');
RESET omendb.segment_blocks;
SELECT pl_cost('SELECT count(*) FROM pl_order WHERE along BETWEEN 50000 AND 51000') * 2 <
	pl_cost('SELECT count(*) FROM pl_order WHERE across BETWEEN 50000 AND 51000') AS pruned;
DROP TABLE pl_order;
DROP FUNCTION pl_cost;
