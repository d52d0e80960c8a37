-- Aggregation over vectors: when the planner is offered it, what its plans look
-- like, and that it gives the answers of PostgreSQL's own aggregation.
SET omendb.segment_blocks = 32;
SET omendb.columnar_scan = force;
SET max_parallel_workers_per_gather = 0;
SET timezone = 'UTC';

CREATE COLLATION agg_nondet (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE ag (id int PRIMARY KEY, device int, region text, ts timestamptz, v float8, n numeric(10,2), ok bool,
	x int8, anycase text COLLATE agg_nondet, j json) USING omendb;
SELECT omendb.set_compaction('ag', false);
INSERT INTO ag
SELECT i, i % 50, CASE WHEN i % 11 > 0 THEN 'region ' || i % 7 END, '2026-01-01'::timestamptz + i * interval '1 min',
	(i % 97) / 4.0, (i % 1000) / 100.0, i % 3 = 0, CASE WHEN i % 13 > 0 THEN i::int8 * 1000000 END,
	CASE i % 2 WHEN 0 THEN 'Abc' ELSE 'abc' END, '{}'
FROM generate_series(1, 5000) i;
VACUUM ANALYZE ag;
SELECT segments > 1 AS several, rows FROM omendb.compact('ag');
UPDATE ag SET v = v + 1, region = 'changed' WHERE id % 500 = 0;
DELETE FROM ag WHERE id % 700 = 0;
INSERT INTO ag SELECT 10000 + i, i, 'new', '2026-06-01', i, i, true, i, 'x', '{}' FROM generate_series(1, 20) i;

CREATE TABLE ag_heap AS SELECT * FROM ag;
CREATE INDEX ON ag_heap (id);

-- Is its plan ours?
CREATE FUNCTION aggregates(query text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'OmendbAggregate' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;

-- The same rows with and without it?
CREATE FUNCTION agg_two_ways(query text, OUT ours bool, OUT same bool, OUT nrows bigint) LANGUAGE plpgsql AS $$
DECLARE
	answers text[];
	way text;
	answer text;
BEGIN
	FOREACH way IN ARRAY ARRAY['on', 'off'] LOOP
		PERFORM set_config('omendb.columnar_aggregate', way, true);
		EXECUTE 'WITH q AS MATERIALIZED (' || query || ') SELECT count(*), string_agg(q::text, E''\n'' ORDER BY q::text) FROM q'
			INTO nrows, answer;
		answers := answers || coalesce(answer, 'none');
	END LOOP;
	PERFORM set_config('omendb.columnar_aggregate', 'on', true);
	ours := aggregates(query);
	same := answers[1] = answers[2];
	IF NOT same THEN
		RAISE NOTICE '% instead of %', left(answers[1], 200), left(answers[2], 200);
	END IF;
END $$;

-- Shapes
EXPLAIN (COSTS OFF) SELECT count(*), sum(x), min(ts) FROM ag;
EXPLAIN (COSTS OFF, VERBOSE)
SELECT date_trunc('hour', ts), region, sum(n * 2) + 1, count(*) FILTER (WHERE ok) FROM ag
WHERE v > 3 AND lower(region) <> 'x' GROUP BY 1, 2 HAVING count(*) > 5 ORDER BY 3 DESC LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id, region, count(*) FROM ag GROUP BY id;
EXPLAIN (COSTS OFF) SELECT DISTINCT device, region FROM ag;
EXPLAIN (COSTS OFF) SELECT region, count(DISTINCT device), sum(v) FROM ag GROUP BY region;
EXPLAIN (COSTS OFF) SELECT * FROM (SELECT device, avg(v) FROM ag GROUP BY device) a JOIN ag_heap b ON b.id = a.device WHERE b.id < 5;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF, VERBOSE) SELECT device, avg(v) FROM ag WHERE x > 5 GROUP BY device HAVING max(n) > 1;
EXPLAIN (COSTS OFF) SELECT device, count(DISTINCT region) FROM ag GROUP BY device;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
SET max_parallel_workers_per_gather = 0;

-- Offered, and the same answer?
SELECT query, (agg_two_ways(query)).* FROM unnest(ARRAY[
	'SELECT count(*) FROM ag',
	'SELECT count(*), count(x), sum(x), min(x), max(x), avg(x) FROM ag',
	'SELECT count(*) FROM ag WHERE id = 77',
	'SELECT region, count(*) FROM ag GROUP BY region',
	'SELECT region FROM ag GROUP BY region',
	'SELECT DISTINCT region, ok FROM ag',
	'SELECT DISTINCT device + 1 FROM ag WHERE v > 5',
	'SELECT device, sum(n), avg(n), min(ts), max(ts) FROM ag GROUP BY device',
	'SELECT id, region, v + count(*) FROM ag GROUP BY id',
	'SELECT device % 3 AS d, sum(x) FROM ag GROUP BY d HAVING sum(x) > 10 AND min(id) < 3',
	'SELECT device FROM ag GROUP BY device HAVING count(*) > 100',
	'SELECT count(*) FILTER (WHERE ok), sum(v) FILTER (WHERE region LIKE ''%3'') FROM ag',
	'SELECT count(DISTINCT device) FROM ag',
	'SELECT region, count(DISTINCT device), count(DISTINCT device) + 1, sum(n) FROM ag GROUP BY region',
	'SELECT count(*) + (SELECT count(*) FROM ag) FROM ag WHERE v < 5',
	'SELECT region, (SELECT count(*) FROM ag i WHERE i.device = o.device % 3) FROM ag o WHERE id < 5',
	'SELECT device, (SELECT sum(h.v) FROM ag_heap h WHERE h.id < sum(o.id) AND h.id < 20) FROM ag o GROUP BY device',
	'SELECT device, count(*) FROM ag o GROUP BY device HAVING EXISTS (SELECT FROM ag_heap h WHERE h.id = o.device)',
	'SELECT count(*), sum(c) FROM (SELECT region, count(*) AS c FROM ag GROUP BY region) s',
	'SELECT device, row_number() OVER (ORDER BY sum(n), device) FROM ag GROUP BY device',
	'SELECT generate_series(1, count(*) / 1000) FROM ag',
	'SELECT 1 AS one, ''k''::text AS k, count(*) FROM ag GROUP BY one, k',
	'SELECT region, count(*) FROM ag WHERE region IS NULL GROUP BY region',
	'SELECT count(*), sum(x), max(region) FROM ag WHERE id < 0',
	'SELECT region, sum(x) FROM ag WHERE id < 0 GROUP BY region',
	'SELECT count(*) FROM ag WHERE lower(region) = ''region 3'' AND v * 2 > 3',
	'SELECT sum(CASE WHEN ok THEN v END), sum(coalesce(x, 0)) FROM ag',
	'SELECT a.region, b.c FROM ag a JOIN (SELECT region, count(*) AS c FROM ag GROUP BY region) b USING (region) WHERE a.id < 9',
	'SELECT d, c FROM generate_series(1, 3) d, LATERAL (SELECT count(*) AS c FROM ag WHERE device = d) s',
	'SELECT lower(anycase) = ''abc'' AS abc, count(*) FROM ag GROUP BY 1',
	'SELECT count(*) FROM ag GROUP BY anycase',
	'SELECT count(DISTINCT anycase) FROM ag',
	'SELECT count((SELECT 1)) FROM ag',
	-- not
	'SELECT region, count(*) FROM ag GROUP BY ROLLUP (region)',
	'SELECT string_agg(region, '','' ORDER BY id) FROM ag',
	'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v) FROM ag',
	'SELECT count(DISTINCT device), count(DISTINCT region) FROM ag',
	'SELECT count(*) FROM ag WHERE ctid <> ''(0,0)''',
	'SELECT max(tableoid) FROM ag',
	'SELECT count(ag) FROM ag',
	'SELECT count(*) FROM ag WHERE random() < 2',
	'SELECT count(*) FROM ag a JOIN ag b ON b.x = a.device',
	'SELECT count(*) FROM ag_heap',
	'SELECT GROUPING(region), region FROM ag GROUP BY region']) AS query;
SELECT aggregates('SELECT count(*) FROM ag TABLESAMPLE SYSTEM (50)');
SET enable_hashagg = off;
SELECT aggregates('SELECT region, count(*) FROM ag GROUP BY region'), aggregates('SELECT DISTINCT region FROM ag'),
	aggregates('SELECT count(*) FROM ag');
RESET enable_hashagg;
SET omendb.columnar_aggregate = off;
SELECT aggregates('SELECT count(*) FROM ag');
RESET omendb.columnar_aggregate;
SET omendb.columnar_scan = off;
SELECT aggregates('SELECT count(*) FROM ag');
SET omendb.columnar_scan = force;

-- A statement that was planned before a switch obeys it
PREPARE planned AS SELECT region, count(*), sum(n) FROM ag GROUP BY region ORDER BY region NULLS FIRST LIMIT 3;
EXECUTE planned;
SET omendb.columnar_scan = off;
EXECUTE planned;
SET omendb.columnar_scan = force;
DEALLOCATE planned;

-- Parameters
SET plan_cache_mode = force_generic_plan;
PREPARE generic (int, text, numeric) AS
SELECT device % $1 AS d, count(*), sum(n + $3) FROM ag WHERE region > $2 AND device < $1 GROUP BY 1 ORDER BY 1;
EXPLAIN (COSTS OFF) EXECUTE generic (5, 'region 2', 1.5);
EXECUTE generic (3, 'region 2', 1.5);
EXECUTE generic (4, 'region 5', 0.25);
EXECUTE generic (NULL, 'region 5', 0.25);
EXECUTE generic (0, 'region 5', 0.25);
DEALLOCATE generic;
RESET plan_cache_mode;

-- Rescans
EXPLAIN (COSTS OFF) SELECT d, (SELECT count(*) FROM ag WHERE device = d) FROM generate_series(1, 4) d;
SELECT d, (SELECT count(*) FROM ag WHERE device = d), (SELECT sum(n) FILTER (WHERE v > d) FROM ag),
	(SELECT count(*) FROM (SELECT region FROM ag WHERE id < d * 10 GROUP BY region) s)
FROM generate_series(1, 4) d;

-- Cursors
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT device, count(*) FROM ag GROUP BY device ORDER BY device;
FETCH 2 FROM c;
FETCH LAST FROM c;
FETCH FIRST FROM c;
DECLARE d CURSOR FOR SELECT count(*), sum(n) FROM ag;
DELETE FROM ag WHERE id < 1000;
FETCH d;
SELECT count(*), sum(n) FROM ag;
ROLLBACK;

-- Isolation levels
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM agg_two_ways('SELECT region, count(*), sum(n) FROM ag GROUP BY region');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE ag SET n = n + 1 WHERE id BETWEEN 100 AND 110;
SELECT * FROM agg_two_ways('SELECT region, count(*), sum(n) FROM ag GROUP BY region');
SAVEPOINT s;
DELETE FROM ag WHERE id BETWEEN 100 AND 105;
SELECT * FROM agg_two_ways('SELECT count(*), sum(n) FROM ag');
ROLLBACK TO s;
SELECT * FROM agg_two_ways('SELECT count(*), sum(n) FROM ag');
ROLLBACK;

-- Views, CTEs, commands
CREATE VIEW ag_view AS SELECT region, sum(n) AS total FROM ag GROUP BY region;
SELECT * FROM agg_two_ways('SELECT * FROM ag_view WHERE region > ''region 3''');
EXPLAIN (COSTS OFF) WITH m AS MATERIALIZED (SELECT device, max(x) AS x FROM ag GROUP BY device) SELECT count(*) FROM m WHERE x > 5;
CREATE TABLE ag_sums AS SELECT device, sum(n) AS total FROM ag GROUP BY device;
UPDATE ag_sums s SET total = 0 FROM (SELECT device, count(*) AS c FROM ag GROUP BY device) a WHERE a.device = s.device AND c > 100;
INSERT INTO ag_sums SELECT -1, sum(n) FROM ag;
SELECT count(*), count(*) FILTER (WHERE total = 0), sum(total) FROM ag_sums;

-- Row security and security barriers: nothing sees rows that are hidden
CREATE FUNCTION tell(t text, v float8) RETURNS bool LANGUAGE plpgsql IMMUTABLE COST 0.0001 AS $$
BEGIN
	IF t = 'region 4' THEN RAISE NOTICE 'saw %', t; END IF;
	RETURN v > 1;
END $$;
CREATE VIEW ag_barrier WITH (security_barrier) AS SELECT * FROM ag WHERE region <> 'region 4' AND lower(region) <> 'region 5';
EXPLAIN (COSTS OFF) SELECT count(*) FROM ag_barrier WHERE tell(region, v) AND v < 1000;
SELECT * FROM agg_two_ways('SELECT region, count(*) FROM ag_barrier WHERE tell(region, v) AND v < 1000 GROUP BY region');
CREATE ROLE agg_reader;
GRANT SELECT ON ag TO agg_reader;
ALTER TABLE ag ENABLE ROW LEVEL SECURITY;
CREATE POLICY even ON ag FOR SELECT TO agg_reader USING (device % 2 = 0);
SET ROLE agg_reader;
EXPLAIN (COSTS OFF) SELECT count(*) FROM ag WHERE tell(region, v);
SELECT count(*), count(*) FILTER (WHERE device % 2 = 1) FROM ag WHERE v >= 0;
RESET ROLE;
DROP POLICY even ON ag;
ALTER TABLE ag DISABLE ROW LEVEL SECURITY;

-- Segments of one row, all rows marked, no segments, no rows
CREATE TABLE ag_one (a int, b text) USING omendb;
SELECT omendb.set_compaction('ag_one', false);
INSERT INTO ag_one VALUES (1, 'only');
SELECT segments FROM omendb.compact('ag_one');
SELECT * FROM agg_two_ways('SELECT count(*), sum(a), min(b), max(b), avg(a) FROM ag_one');
SELECT * FROM agg_two_ways('SELECT b, count(*) FROM ag_one GROUP BY b');
UPDATE ag_one SET a = 2;
SELECT * FROM agg_two_ways('SELECT count(*), sum(a), min(b), max(b) FROM ag_one');
DELETE FROM ag_one;
SELECT * FROM agg_two_ways('SELECT count(*), sum(a), min(b), max(b) FROM ag_one');
SELECT * FROM agg_two_ways('SELECT b, count(*) FROM ag_one GROUP BY b');
TRUNCATE ag_one;
SELECT * FROM agg_two_ways('SELECT count(*), sum(a) FROM ag_one');

-- Partitions, inheritance, UNION ALL
CREATE TABLE agp (a int, b text, c numeric) PARTITION BY RANGE (a);
CREATE TABLE agp1 PARTITION OF agp FOR VALUES FROM (0) TO (100) USING omendb;
CREATE TABLE agp2 PARTITION OF agp FOR VALUES FROM (100) TO (200) USING omendb;
CREATE TABLE agp3 PARTITION OF agp FOR VALUES FROM (200) TO (300) PARTITION BY RANGE (a);
CREATE TABLE agp31 (c numeric, dropped int, b text, a int) USING omendb;
ALTER TABLE agp31 DROP COLUMN dropped;
ALTER TABLE agp3 ATTACH PARTITION agp31 FOR VALUES FROM (200) TO (250);
INSERT INTO agp SELECT i % 250, CASE WHEN i % 5 > 0 THEN 'b' || i % 5 END, i / 100.0 FROM generate_series(1, 10000) i;
VACUUM ANALYZE agp;
SELECT omendb.set_compaction(t, false) FROM unnest(ARRAY['agp1', 'agp2', 'agp31']::regclass[]) t;
SELECT segments > 0 AS made FROM unnest(ARRAY['agp1', 'agp2', 'agp31']::regclass[]) t, omendb.compact(t);
UPDATE agp SET c = c + 1 WHERE a % 50 = 7;
EXPLAIN (COSTS OFF) SELECT b, sum(c) FROM agp GROUP BY b HAVING count(*) > 1;
EXPLAIN (COSTS OFF, VERBOSE) SELECT a % 2, b, sum(c) FROM agp WHERE a > 150 GROUP BY 1, 2;
SET plan_cache_mode = force_generic_plan;
PREPARE pruned (int) AS SELECT b, sum(c) FROM agp WHERE a > $1 GROUP BY b ORDER BY b;
EXPLAIN (COSTS OFF) EXECUTE pruned (150);
EXECUTE pruned (150);
EXECUTE pruned (1000);
RESET plan_cache_mode;
CREATE TABLE agi (a int, b int) USING omendb;
CREATE TABLE agi2 (extra text) INHERITS (agi) USING omendb;
INSERT INTO agi SELECT i, i % 7 FROM generate_series(1, 3000) i;
INSERT INTO agi2 SELECT i, i % 7, 'e' FROM generate_series(1, 3000) i;
VACUUM ANALYZE agi, agi2;
SELECT omendb.set_compaction(t, false) FROM unnest(ARRAY['agi', 'agi2']::regclass[]) t;
SELECT segments > 0 AS made FROM unnest(ARRAY['agi', 'agi2']::regclass[]) t, omendb.compact(t);
SELECT query, (agg_two_ways(query)).* FROM unnest(ARRAY[
	'SELECT count(*), sum(c), min(b) FROM agp',
	'SELECT b, sum(c), count(*) FROM agp GROUP BY b',
	'SELECT DISTINCT b FROM agp',
	'SELECT a, b, avg(c) FROM agp WHERE a BETWEEN 90 AND 210 GROUP BY a, b HAVING avg(c) > 10',
	'SELECT count(*) FROM agp WHERE a > 1000',
	'SELECT b, count(*) FROM agi GROUP BY b',
	'SELECT b, count(*) FROM ONLY agi GROUP BY b',
	'SELECT k, sum(a), count(*) FROM (SELECT b AS k, a FROM agi UNION ALL SELECT a % 3, a FROM agp1 UNION ALL SELECT 5, 1 FROM agi2) u GROUP BY k',
	-- not: a heap table, a set of rows that is made, DISTINCT
	'SELECT k, sum(a) FROM (SELECT b AS k, a FROM agi UNION ALL SELECT device, id FROM ag_heap) u GROUP BY k',
	'SELECT k, sum(a) FROM (SELECT b AS k, a FROM agi UNION ALL SELECT 1, 2) u GROUP BY k',
	'SELECT count(DISTINCT b) FROM agp']) AS query;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET omendb.columnar_scan = on;
EXPLAIN (COSTS OFF) SELECT b, sum(c) FROM agp GROUP BY b;
SELECT query, (agg_two_ways(query)).* FROM unnest(ARRAY[
	'SELECT count(*), sum(x), min(ts), max(region), avg(n) FROM ag',
	'SELECT region, count(*), sum(n), max(x) FROM ag GROUP BY region',
	'SELECT device, avg(v) FROM ag WHERE x > 5 GROUP BY device HAVING max(n) > 1',
	'SELECT region, count(DISTINCT device) FROM ag GROUP BY region',
	'SELECT b, sum(c), count(*) FROM agp GROUP BY b',
	'SELECT b, count(*) FROM agi GROUP BY b']) AS query;

DROP VIEW ag_barrier, ag_view;
DROP TABLE ag, ag_heap, ag_sums, ag_one, agp, agi2, agi;
DROP FUNCTION tell, aggregates, agg_two_ways;
DROP COLLATION agg_nondet;
DROP ROLE agg_reader;

-- The server's statistics count rows that are aggregated, by vectors or by
-- segments' statistics, and the scans.
SET omendb.columnar_scan = force;
CREATE TABLE ag_read (i int) USING omendb;
INSERT INTO ag_read SELECT generate_series(1, 1000);
SELECT rows FROM omendb.compact('ag_read', true);
SELECT pg_stat_force_next_flush();
SELECT seq_scan AS scans, seq_tup_read AS read FROM pg_stat_user_tables WHERE relname = 'ag_read' \gset
SELECT sum(i) FROM ag_read WHERE i > 600;
SELECT sum(i) FROM ag_read;
SELECT pg_stat_force_next_flush();
SELECT seq_scan - :scans AS scans, seq_tup_read - :read AS read FROM pg_stat_user_tables WHERE relname = 'ag_read';
DROP TABLE ag_read;

-- Units of time are few, however many time stamps there are
RESET ALL;
CREATE TABLE ap_units (d date, t timestamp, ts timestamptz, n int) USING omendb WITH (autovacuum_enabled = off);
INSERT INTO ap_units SELECT t::date, t, t AT TIME ZONE 'UTC', i % 4 FROM (
	SELECT i, timestamp '2024-01-01' + i * interval '22 seconds' AS t FROM generate_series(1, 20000) i) s;
VACUUM ANALYZE ap_units;
SELECT rows FROM omendb.compact('ap_units');
CREATE FUNCTION ap_rows(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
EXPLAIN (COSTS OFF) SELECT date_trunc('hour', ts), count(*) FROM ap_units GROUP BY 1 ORDER BY 1;
SELECT unit, ap_rows(format('SELECT count(*) FROM ap_units GROUP BY %s', unit)) AS expected FROM (VALUES
	('date_trunc(''hour'', t)'), ('date_trunc(''DAY'', ts)'), ('date_trunc(''week'', ts, ''Asia/Tokyo'')'),
	('date_trunc(''month'', d)'), ('date_bin(''15 minutes'', t, ''2020-01-01'')'), ('t::date'), ('ts::date, n'),
	('extract(hour FROM t)'), ('date_part(''dow'', ts)'), ('extract(year FROM d)'), ('n, extract(minute FROM ts)'),
	('date_trunc(''fortnight'', t)'), ('extract(epoch FROM t)'), ('date_trunc(''second'', t)')) v(unit);
DROP FUNCTION ap_rows;
DROP TABLE ap_units;
