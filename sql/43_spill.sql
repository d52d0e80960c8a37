-- Groups that do not fit in memory are written to disk, or handed out early.
-- Every query is compared with PostgreSQL's own aggregation.
SET omendb.segment_blocks = 256;
SET omendb.columnar_scan = force;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE spill (id int, k int, n numeric, f float8, t text, c text COLLATE "C", j jsonb, iv interval, b bpchar)
	USING omendb WITH (autovacuum_enabled = off, parallel_workers = 2);
SELECT omendb.set_compaction('spill', false);
INSERT INTO spill SELECT i, i % 1000,
	CASE i % 20 WHEN 0 THEN NULL WHEN 1 THEN i / 10.0 WHEN 2 THEN i / 10.00000 WHEN 3 THEN 'NaN' WHEN 4 THEN i * 1e20 ELSE i / 100.00 END,
	CASE i % 30 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN '-0' WHEN 3 THEN 0 ELSE i / 3.0 END,
	CASE WHEN i % 50 > 0 THEN 'value ' || i % 10007 END, 'c' || i % 7,
	CASE WHEN i % 9 > 0 THEN jsonb_build_object('a', i % 5003) END,
	make_interval(days => i % 40, hours => 24 * (i % 11)),
	CASE WHEN i % 2 = 0 THEN 'b' || i % 100 ELSE 'b' || i % 100 || '   ' END::bpchar
	FROM generate_series(1, 30000) i;
SELECT segments > 1 AS many FROM omendb.compact('spill');
INSERT INTO spill SELECT i, i % 1000, i, i, 'value ' || i, 'new', '[]', '1 day', 'new' FROM generate_series(30001, 32000) i;
CREATE TABLE spill_many (id int, k int) USING omendb WITH (autovacuum_enabled = off, parallel_workers = 2);
SELECT omendb.set_compaction('spill_many', false);
INSERT INTO spill_many SELECT i * 7, i % 1000 FROM generate_series(1, 120000) i;
SELECT segments > 0 AS some FROM omendb.compact('spill_many');
VACUUM ANALYZE spill_many;
UPDATE spill SET t = 'changed', k = k + 1 WHERE id % 777 = 0;
DELETE FROM spill WHERE id % 555 = 0;
VACUUM ANALYZE spill;

-- Differences between both ways, and whether the disk was used in ours
CREATE FUNCTION spill_check(query text, OUT groups bigint, OUT differences bigint, OUT on_disk bool) LANGUAGE plpgsql AS $$
DECLARE
	memory text := current_setting('work_mem');
	line text;
BEGIN
	PERFORM set_config('omendb.columnar_aggregate', 'off', true), set_config('work_mem', '64MB', true);
	EXECUTE 'CREATE TEMP TABLE theirs AS SELECT q::text AS r FROM (' || query || ') q';
	PERFORM set_config('omendb.columnar_aggregate', 'on', true), set_config('work_mem', memory, true);
	EXECUTE 'CREATE TEMP TABLE ours AS SELECT q::text AS r FROM (' || query || ') q';
	on_disk := false;
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		on_disk := on_disk OR line ~ 'Partitions on Disk: [1-9]';
	END LOOP;
	PERFORM set_config('work_mem', '64MB', true);
	SELECT count(*) INTO groups FROM ours;
	SELECT count(*) INTO differences FROM
		((TABLE ours EXCEPT ALL TABLE theirs) UNION ALL (TABLE theirs EXCEPT ALL TABLE ours)) d;
	DROP TABLE ours, theirs;
	PERFORM set_config('work_mem', memory, true);
END $$;

CREATE FUNCTION spill_checks() RETURNS TABLE (query text, groups bigint, differences bigint, on_disk bool) LANGUAGE plpgsql AS $$
BEGIN
	FOREACH query IN ARRAY ARRAY[
		'SELECT id, count(*), sum(k) FROM spill_many GROUP BY id',
		'SELECT id, count(*), sum(k) FROM spill GROUP BY id',
		'SELECT id % 20000 AS x, k % 3 AS y, sum(n), avg(n), min(t), max(c) FROM spill GROUP BY 1, 2',
		'SELECT trim_scale(n) AS x, count(*), max(id) FROM spill GROUP BY trim_scale(n)',
		'SELECT sum(count), sum(x) FROM (SELECT n, count(*), max(id) AS x FROM spill GROUP BY n) s',
		'SELECT f + 0 AS x, count(*), min(id) FROM spill GROUP BY f + 0',
		'SELECT t, count(*), sum(id), bool_or(k = 1) FROM spill GROUP BY t',
		'SELECT t, c, count(*), sum(id) FROM spill GROUP BY t, c',
		'SELECT j, count(*), sum(id) FROM spill GROUP BY j',
		'SELECT count(*), sum(id) FROM spill GROUP BY iv, k',
		'SELECT rtrim(b) AS x, id / 4 AS y, count(*), sum(id) FROM spill GROUP BY rtrim(b), id / 4',
		'SELECT id / 2 AS x, count(*) FILTER (WHERE k > 500), sum(k) FILTER (WHERE k < 3) FROM spill GROUP BY 1 HAVING sum(k) > 10',
		'SELECT count(DISTINCT id), sum(k), max(t) FROM spill',
		'SELECT k, count(DISTINCT id), sum(n), sum(DISTINCT id) FROM spill GROUP BY k',
		'SELECT id / 3 AS x, count(DISTINCT t), avg(k) FROM spill GROUP BY 1',
		'SELECT id, count(*) FROM spill WHERE id < 0 GROUP BY id']
	LOOP
		SELECT s.groups, s.differences, s.on_disk INTO groups, differences, on_disk FROM spill_check(query) s;
		RETURN NEXT;
	END LOOP;
END $$;

SET work_mem = '256kB';
SET hash_mem_multiplier = 1;
SELECT * FROM spill_checks();

-- In parallel
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT query, groups, differences FROM spill_checks();

-- A query that stops early, or is done again and again, closes its files
SET max_parallel_workers_per_gather = 0;
SELECT count(*) FROM (SELECT id, sum(k) FROM spill GROUP BY id LIMIT 10) s;
BEGIN;
DECLARE spilled CURSOR FOR SELECT id, sum(k) FROM spill GROUP BY id;
MOVE 1000 FROM spilled;
CLOSE spilled;
COMMIT;
SELECT x, (SELECT count(*) FROM (SELECT id, sum(k) FROM spill WHERE id > x * 10000 GROUP BY id) s) FROM generate_series(0, 3) x;

-- As much memory as wanted
SET work_mem = '64MB';
SELECT * FROM spill_check('SELECT id, count(*), sum(k) FROM spill_many GROUP BY id');
RESET work_mem;
DROP FUNCTION spill_checks();
DROP FUNCTION spill_check(text);
DROP TABLE spill, spill_many;
