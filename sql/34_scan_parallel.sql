-- Parallel scans of columns: every row once, whoever reads it
SET omendb.segment_blocks = 8;
CREATE TABLE para (id int, k int, v text) USING omendb WITH (autovacuum_enabled = off, parallel_workers = 2);
SELECT omendb.set_compaction('para', false);
INSERT INTO para SELECT i, i % 100, repeat('v', 50) || i FROM generate_series(1, 12000) i;
VACUUM ANALYZE para;
SELECT segments > 10 AS many FROM omendb.compact('para');
INSERT INTO para SELECT i, i % 100, 'uncovered' FROM generate_series(12001, 16000) i;
DELETE FROM para WHERE id % 1000 = 1;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT count(*), sum(id), sum(k) FROM para WHERE k > 3;
SELECT count(*), sum(id), sum(k) FROM para WHERE k > 3;
SELECT count(*), count(DISTINCT id) FROM para;

-- What EXPLAIN counts is the sum over all processes
CREATE FUNCTION counts(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ 'Pruned|Rows from|Removed' THEN RETURN NEXT trim(line); END IF;
	END LOOP;
END $$;
SELECT counts('SELECT count(*) FROM para WHERE id BETWEEN 500 AND 600');
SELECT counts('SELECT count(*) FROM para WHERE k > 3');
SET parallel_leader_participation = off;
SELECT counts('SELECT count(*) FROM para WHERE k > 3');
RESET parallel_leader_participation;

-- Changes of this transaction reach the workers
BEGIN;
DELETE FROM para WHERE id < 100;
UPDATE para SET k = 1000 WHERE id BETWEEN 200 AND 210;
SELECT count(*), sum(id), max(k) FROM para;
SAVEPOINT a;
DELETE FROM para WHERE id < 1000;
SELECT count(*), sum(id), max(k) FROM para;
ROLLBACK TO a;
SELECT count(*), sum(id), max(k) FROM para;
EXPLAIN (COSTS OFF) SELECT count(*), sum(id), max(k) FROM para;
ROLLBACK;
SELECT count(*), sum(id), max(k) FROM para;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*), sum(id), max(k) FROM para;
COMMIT;

-- The scan is done again and again
SET enable_material = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
EXPLAIN (COSTS OFF) SELECT a, n FROM generate_series(1, 3) a LEFT JOIN LATERAL (SELECT count(*) AS n FROM para WHERE k = 5 AND a > 0) s ON true;
SELECT a, n FROM generate_series(1, 3) a, LATERAL (SELECT count(*) AS n FROM para WHERE k > 50 OFFSET 0) s;
SELECT a.a, b.n FROM (VALUES (1), (2)) a (a) LEFT JOIN (SELECT k % 2 AS o, count(*) AS n FROM para GROUP BY 1) b ON b.o < a.a ORDER BY 1, 2;
SELECT count(*) FROM (SELECT id FROM para WHERE k = 7 LIMIT 5) x;

-- With a hash table built by all
RESET enable_hashjoin;
SELECT count(*), sum(a.id) FROM para a JOIN para b ON a.id = b.id WHERE b.k = 9;
SELECT count(*) FROM para a JOIN para b ON a.id = b.k;

DROP TABLE para;
DROP FUNCTION counts;
