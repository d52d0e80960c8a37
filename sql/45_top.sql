-- The first rows in an order: found in columns, the same as by sorting rows.
SET omendb.segment_blocks = 32;
SET omendb.columnar_scan = force;
SET max_parallel_workers_per_gather = 0;
SET timezone = 'UTC';

CREATE TABLE top (id int, ts timestamptz, device int, f float8, n numeric, t text, c text COLLATE "C", d date, b bool,
	u uuid, long text) USING omendb;
SELECT omendb.set_compaction('top', false);
INSERT INTO top
SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', i % 50,
	CASE i % 100 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' ELSE (i * 7919 % 1000) / 8.0 END,
	CASE i % 90 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' ELSE (i * 7919 % 1000) / 10.0 END,
	CASE WHEN i % 60 > 0 THEN 'text ' || i * 31 % 70 END, 'c' || i * 17 % 300,
	CASE i % 80 WHEN 0 THEN NULL WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' ELSE '2026-01-01'::date + i % 300 END,
	CASE WHEN i % 7 > 0 THEN i % 2 = 0 END, md5(i::text)::uuid, repeat(md5(i::text), 3)
FROM generate_series(1, 6000) i;
VACUUM ANALYZE top;
SELECT segments > 2 AS several FROM omendb.compact('top');
UPDATE top SET f = 1000000, ts = '2030-01-01', n = 77 WHERE id = 4321;
DELETE FROM top WHERE id > 5995;
INSERT INTO top (id, ts, f) VALUES (10000, '2026-02-01', -5);

EXPLAIN (COSTS OFF) SELECT id, long FROM top WHERE device > 3 AND lower(t) <> 'x' ORDER BY ts DESC, id LIMIT 5 OFFSET 2;
SELECT id, ts FROM top WHERE device > 3 AND lower(t) <> 'x' ORDER BY ts DESC, id LIMIT 5 OFFSET 2;

-- Only the promising segments are read
CREATE FUNCTION pruned(query text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ 'Segments Pruned: [1-9]' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;
SELECT pruned('SELECT * FROM top ORDER BY ts DESC LIMIT 3'), pruned('SELECT * FROM top ORDER BY id LIMIT 3'),
	pruned('SELECT * FROM top ORDER BY f LIMIT 3');

-- Is it ours, and the same as by sorting?
CREATE FUNCTION top_two_ways(query text, OUT ours bool, OUT same bool, OUT nrows bigint) LANGUAGE plpgsql AS $$
DECLARE
	answers text[];
	way text;
	answer text;
	line text;
BEGIN
	FOREACH way IN ARRAY ARRAY['off', 'force'] LOOP
		PERFORM set_config('omendb.columnar_scan', way, true);
		EXECUTE 'WITH q AS MATERIALIZED (' || query || ') SELECT count(*), string_agg(q::text, E''\n'') FROM q' INTO nrows, answer;
		answers := answers || coalesce(answer, 'none');
	END LOOP;
	same := answers[1] = answers[2];
	ours := false;
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		ours := ours OR line ~ 'OmendbTop';
	END LOOP;
	IF NOT same THEN
		RAISE NOTICE '% instead of %', left(answers[2], 300), left(answers[1], 300);
	END IF;
END $$;

-- The first row of each group
EXPLAIN (COSTS OFF) SELECT DISTINCT ON (device) device, ts, long FROM top WHERE id > 20 ORDER BY device, ts DESC, id;
SELECT DISTINCT ON (b, device % 3) b, device % 3 AS d, ts, f FROM top WHERE id > 20 ORDER BY b, device % 3 DESC, f DESC NULLS LAST, id;
SELECT query, (top_two_ways(query)).* FROM unnest(ARRAY[
	'SELECT DISTINCT ON (device) * FROM top ORDER BY device, ts DESC',
	'SELECT DISTINCT ON (device) device, id FROM top ORDER BY device, ts, id',
	'SELECT DISTINCT ON (device) device FROM top',
	'SELECT DISTINCT ON (t, n) t, n, id FROM top WHERE device < 9 ORDER BY t DESC NULLS LAST, n, f, id',
	'SELECT DISTINCT ON (t, n) t, n FROM top WHERE device < 9 ORDER BY t DESC NULLS LAST',
	'SELECT DISTINCT ON (f) f, c, id FROM top ORDER BY f, c DESC, id',
	'SELECT DISTINCT ON (lower(t)) lower(t), c, id FROM top ORDER BY lower(t), c, id LIMIT 5 OFFSET 3',
	'SELECT DISTINCT ON (d) d, n, id FROM top ORDER BY d DESC, n DESC NULLS LAST, id DESC',
	'SELECT DISTINCT ON (b) b, u FROM top ORDER BY b, u',
	'SELECT DISTINCT ON (id) id, long FROM top ORDER BY id',
	'SELECT DISTINCT ON (device) device, id FROM top WHERE id < 0 ORDER BY device, ts',
	'SELECT x, (SELECT count(*) FROM (SELECT DISTINCT ON (b) b, id FROM top WHERE device = x ORDER BY b, id) s) FROM generate_series(1, 3) x',
	'SELECT id + 1 FROM (SELECT DISTINCT ON (device) id, device FROM top ORDER BY device, ts DESC, id) s WHERE device < 5',
	-- not
	'SELECT DISTINCT device FROM top ORDER BY device',
	'SELECT DISTINCT ON (device) device, count(*) FROM top GROUP BY device, b ORDER BY device, count(*)']) AS query;

-- Every type, direction and place of nulls
SELECT key, bool_and(ours) AS ours, bool_and(same) AS same, sum(nrows) AS nrows
FROM unnest(ARRAY['id', 'ts', 'f', 'n', 't', 'c', 'd', 'b', 'u', 'device', 'device + 1', 'f * 2', 'lower(t)', 'f::float4', 'd::timestamp']) key,
	unnest(ARRAY['', 'DESC', 'NULLS FIRST', 'DESC NULLS LAST']) direction,
	unnest(ARRAY['1', '17', '130 OFFSET 20']) lim,
	LATERAL top_two_ways(format('SELECT id, %s AS k, long FROM top ORDER BY %s %s, id LIMIT %s', key, key, direction, lim))
GROUP BY key ORDER BY key;

SELECT query, (top_two_ways(query)).* FROM unnest(ARRAY[
	'SELECT * FROM top ORDER BY id DESC LIMIT 3',
	'SELECT top FROM top ORDER BY id LIMIT 3',
	'SELECT id + 1, b FROM top WHERE b ORDER BY device DESC, f, t DESC NULLS LAST, id LIMIT 9',
	'SELECT id FROM top ORDER BY id USING > LIMIT 2',
	'SELECT id FROM top WHERE id < 3 ORDER BY id LIMIT 100',
	'SELECT id FROM top WHERE id < 0 ORDER BY id LIMIT 100',
	'SELECT id, (SELECT count(*) FROM top i WHERE i.device = o.device) FROM top o ORDER BY f DESC NULLS LAST, id LIMIT 4',
	'SELECT g.x, y.id FROM generate_series(1, 4) g(x), LATERAL (SELECT id FROM top WHERE device = g.x ORDER BY ts DESC LIMIT 2) y ORDER BY 1, 2',
	'SELECT x, (SELECT id FROM top WHERE id > x ORDER BY f * x DESC NULLS LAST, id LIMIT 1) FROM generate_series(1, 3) x',
	'SELECT id FROM (SELECT id, device FROM top ORDER BY id DESC LIMIT 50) s WHERE device = 3',
	'(SELECT id FROM top ORDER BY id LIMIT 2) UNION ALL (SELECT id FROM top ORDER BY id DESC LIMIT 2)',
	-- not
	'SELECT id FROM top ORDER BY id',
	'SELECT id FROM top ORDER BY id LIMIT 10001',
	'SELECT id FROM top ORDER BY id LIMIT (SELECT 3)',
	'SELECT DISTINCT device FROM top ORDER BY device LIMIT 3',
	'SELECT device, count(*) FROM top GROUP BY device ORDER BY device LIMIT 3',
	'SELECT device FROM top ORDER BY device FETCH FIRST 3 ROWS WITH TIES',
	'SELECT id, row_number() OVER (ORDER BY id) FROM top ORDER BY id LIMIT 3',
	'SELECT ctid, id FROM top ORDER BY id LIMIT 3',
	'SELECT id FROM top ORDER BY random() * 0, id LIMIT 3',
	'SELECT id FROM top ORDER BY id LIMIT 0']) AS query;
BEGIN;
SELECT id FROM top ORDER BY id DESC LIMIT 1 FOR UPDATE;
DELETE FROM top WHERE id BETWEEN 5000 AND 5990;
UPDATE top SET f = f + 1 WHERE id < 100;
SELECT * FROM top_two_ways('SELECT id, f FROM top ORDER BY f DESC NULLS LAST, id LIMIT 20');
SELECT * FROM top_two_ways('SELECT id, f FROM top ORDER BY ts DESC, id LIMIT 20');
DECLARE c CURSOR FOR SELECT id FROM top ORDER BY ts DESC, id LIMIT 3;
FETCH 1 FROM c;
DELETE FROM top WHERE id > 4000 AND id <> 10000;
FETCH 1 FROM c;
UPDATE top SET long = 'current' WHERE CURRENT OF c RETURNING id, long;
FETCH ALL FROM c;
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM top_two_ways('SELECT id, f FROM top ORDER BY f DESC NULLS LAST, id LIMIT 20');
COMMIT;
PREPARE p (int) AS SELECT id FROM top WHERE device = $1 ORDER BY ts DESC LIMIT 3;
EXECUTE p (5);
SET plan_cache_mode = force_generic_plan;
EXECUTE p (6);
RESET plan_cache_mode;

SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET omendb.columnar_scan = on;
EXPLAIN (COSTS OFF) SELECT id FROM top ORDER BY f, id LIMIT 4;
SELECT * FROM top_two_ways('SELECT id, f FROM top ORDER BY f DESC NULLS LAST, id LIMIT 20');

-- Rows that descend to one less than their number are not the first ones
SET max_parallel_workers_per_gather = 0;
SET omendb.columnar_scan = force;
CREATE TABLE top_few (id int, g int, t text) USING omendb;
INSERT INTO top_few SELECT i, i % 7, 'group ' || i % 7 FROM generate_series(1, 100) i;
SELECT rows FROM omendb.compact('top_few');
SELECT * FROM top_two_ways('SELECT DISTINCT ON (g) g, id FROM top_few WHERE id IN (3, 6, 10) ORDER BY g, id DESC');
SELECT * FROM top_two_ways('SELECT DISTINCT ON (t) t, id FROM top_few WHERE id IN (3, 6, 10) ORDER BY t, id DESC');
SELECT DISTINCT ON (g) g, id, t FROM top_few WHERE id IN (3, 6, 10) ORDER BY g, id DESC;

DROP TABLE top, top_few;
DROP FUNCTION pruned, top_two_ways;
