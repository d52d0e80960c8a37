-- Aggregates of what an index-only scan of an alex index finds, in batches, of
-- heap tables too: the plans, and the answers of PostgreSQL's own aggregation.
SET max_parallel_workers_per_gather = 0;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET extra_float_digits = 1;

CREATE TABLE ia (id int, i2 int2, i8 int8, f4 float4, f8 float8, n numeric, t text, c text COLLATE "C", u uuid, b bool,
	d date, ts timestamptz, s "char", o oid, y bytea, w varchar(20), p int);
INSERT INTO ia SELECT i, i % 300, CASE WHEN i % 9 > 0 THEN (i * 7919::int8) % 100003 END, (i % 50) / 4.0,
	CASE WHEN i % 7 > 0 THEN ((i * 31) % 1000) / 8.0 END, CASE WHEN i % 5 > 0 THEN (i % 400) / 100.0 END,
	CASE WHEN i % 11 > 0 THEN 'text ' || i % 90 END, 'c' || i % 70, md5((i % 500)::text)::uuid, i % 3 = 0,
	'2026-01-01'::date + i % 100, '2026-01-01'::timestamptz + i * interval '1 min', chr(65 + i % 26)::"char", i % 1000,
	('\x' || md5((i % 60)::text))::bytea, repeat('w', i % 20), i % 13
FROM generate_series(1, 20000) i;
CREATE INDEX ia_id ON ia USING alex (id);
CREATE INDEX ia_i2_f8 ON ia USING alex (i2, f8 DESC NULLS LAST) INCLUDE (n);
CREATE INDEX ia_i8 ON ia USING alex (i8 DESC);
CREATE INDEX ia_t ON ia USING alex (t, id);
CREATE INDEX ia_all ON ia USING alex (p, f4, c, u, b, d, ts, s, o, y, w);
CREATE INDEX ia_some ON ia USING alex (d, o) WHERE b;
CREATE INDEX ia_expr ON ia USING alex (abs(id), w);
VACUUM ANALYZE ia;

-- Is its plan ours?
CREATE FUNCTION ia_ours(query text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'OmendbAggregate' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;

-- The same answer with and without it, by the rows of the table as well
CREATE FUNCTION ia_answers(query text, OUT ours bool, OUT same bool, OUT nrows bigint) LANGUAGE plpgsql AS $$
DECLARE
	answers text[];
	way text;
	answer text;
	hash text := current_setting('enable_hashjoin');
BEGIN
	FOREACH way IN ARRAY ARRAY['batches', 'index', 'table'] LOOP
		PERFORM set_config('enable_hashjoin', CASE way WHEN 'table' THEN 'on' ELSE hash END, true);
		PERFORM set_config('omendb.columnar_aggregate', (way = 'batches')::text, true);
		PERFORM set_config('enable_indexscan', (way <> 'table')::text, true);
		PERFORM set_config('enable_indexonlyscan', (way <> 'table')::text, true);
		EXECUTE 'WITH q AS MATERIALIZED (' || query || ') SELECT count(*), string_agg(q::text, E''\n'' ORDER BY q::text) FROM q'
			INTO nrows, answer;
		answers := answers || coalesce(answer, 'none');
	END LOOP;
	PERFORM set_config('omendb.columnar_aggregate', 'on', true), set_config('enable_indexscan', 'on', true),
		set_config('enable_indexonlyscan', 'on', true), set_config('enable_hashjoin', hash, true);
	ours := ia_ours(query);
	same := answers[1] = answers[2] AND answers[1] = answers[3];
	IF NOT same THEN
		RAISE NOTICE '% instead of % and %', left(answers[1], 200), left(answers[2], 200), left(answers[3], 200);
	END IF;
END $$;

CREATE TABLE ia_queries (n int GENERATED ALWAYS AS IDENTITY, query text);
INSERT INTO ia_queries (query) SELECT unnest(ARRAY[
	'SELECT count(*), count(id), sum(id), min(id), max(id), avg(id) FROM ia WHERE id BETWEEN 100 AND 9000',
	'SELECT count(*), sum(i8), min(i8), max(i8), variance(i8) FROM ia WHERE i8 < 60000',
	'SELECT i2, count(*), sum(n) FROM ia WHERE i2 IN (5, 77, 120, 30000) GROUP BY i2',
	'SELECT count(*), sum(id) FROM ia WHERE id IN (5, 77) OR id BETWEEN 200 AND 900',
	'SELECT count(*), sum(id) FROM ia WHERE id = ANY (ARRAY(SELECT g FROM generate_series(1, 3000, 7) g))',
	'SELECT i2, count(*), count(f8), sum(f8), sum(n), min(n) FROM ia WHERE i2 < 40 GROUP BY i2',
	'SELECT i2, n, count(*) FROM ia WHERE i2 < 40 AND f8 > 3 GROUP BY i2, n',
	'SELECT count(*), count(f8), max(n) FROM ia WHERE i2 > 20 AND f8 IS NULL',
	'SELECT t, count(*), sum(id) FROM ia WHERE t > ''text 3'' GROUP BY t',
	'SELECT t, count(*), sum(id) FROM ia WHERE t IS NULL GROUP BY t',
	'SELECT count(DISTINCT t), count(*) FROM ia WHERE id < 15000 AND t >= ''text''',
	'SELECT p, f4, count(*), min(u::text), max(ts), bool_and(b) FROM ia WHERE p < 9 GROUP BY p, f4',
	'SELECT c, s, min(w), max(w), min(d), count(y), sum(o::int8), min(ts) FROM ia WHERE p = 5 GROUP BY c, s',
	'SELECT DISTINCT u, y FROM ia WHERE p BETWEEN 3 AND 6',
	'SELECT length(w), extract(month FROM d), count(*) FILTER (WHERE b) FROM ia WHERE p > 2 GROUP BY 1, 2 HAVING count(*) > 10',
	'SELECT count(*), max(o::int8) FROM ia WHERE b AND d > ''2026-02-01''',
	'SELECT count(*), sum(id), min(id) FROM ia WHERE id > 1000000',
	'SELECT i2, count(*) FROM ia WHERE i2 > 5000 GROUP BY i2',
	'SELECT g, (SELECT sum(id) FROM ia WHERE id BETWEEN g * 500 AND g * 700) FROM generate_series(1, 30) g',
	'SELECT g, c FROM generate_series(1, 30) g, LATERAL (SELECT count(*) AS c FROM ia WHERE t > ''text '' || g) l',
	'SELECT count(*) FROM ia WHERE id BETWEEN 10 AND 4000 AND (SELECT true)',
	'SELECT sum(c) FROM (SELECT i2, count(*) AS c FROM ia WHERE i2 < 200 GROUP BY i2) q',
	-- not in batches
	'SELECT count(*) FROM ia WHERE id = 77',
	'SELECT max(id) FROM ia',
	'SELECT count(*) FROM ia WHERE id < 5000 AND id % 3 = 0',
	'SELECT count(p) FROM ia WHERE id < 5000',
	'SELECT count(w) FROM ia WHERE abs(id) < 5000',
	'SELECT string_agg(id::text, '','' ORDER BY id) FROM ia WHERE id < 2000',
	'SELECT count(ctid) FROM ia WHERE id < 5000']);

EXPLAIN (COSTS OFF) SELECT count(id), min(id), max(id) FROM ia WHERE id >= 100 AND id < 9000;
EXPLAIN (COSTS OFF, VERBOSE) SELECT i2, sum(n) FROM ia WHERE i2 < 40 AND f8 > 3 GROUP BY i2 HAVING count(*) > 2;
DO $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON) SELECT count(*) FROM ia WHERE t >= ''text 5'' AND t < ''text 6''' INTO plan;
	plan := plan->0->'Plan'->'Plans'->0;
	RAISE NOTICE '%: % rows, % heap fetches', plan->>'Node Type', (plan->>'Actual Rows')::numeric::int, plan->>'Heap Fetches';
END $$;

-- All rows visible to all
SELECT n, (ia_answers(query)).* FROM ia_queries ORDER BY n;

-- Rows that are not there any more, or are somewhere else, or are new
DELETE FROM ia WHERE id % 10 = 3;
UPDATE ia SET p = p + 1, t = 'text ' || id % 95 WHERE id % 17 = 0;
INSERT INTO ia (id, i2, i8, t, p) SELECT i, i % 300, i, 'text 50', 5 FROM generate_series(300, 500) i;
SET omendb.columnar_scan = force;
SELECT n, (ia_answers(query)).* FROM ia_queries ORDER BY n;
RESET omendb.columnar_scan;

-- Its own changes, and those that are undone
BEGIN;
DELETE FROM ia WHERE id BETWEEN 1000 AND 3000;
SAVEPOINT s;
UPDATE ia SET id = id + 500 WHERE id BETWEEN 5000 AND 6000;
SELECT n, (ia_answers(query)).* FROM ia_queries WHERE n IN (1, 3, 10, 19) ORDER BY n;
ROLLBACK TO s;
SELECT n, (ia_answers(query)).* FROM ia_queries WHERE n IN (1, 3, 10, 19) ORDER BY n;
ROLLBACK;
SELECT n, (ia_answers(query)).* FROM ia_queries WHERE n IN (1, 3, 10, 19) ORDER BY n;

-- Joins that look up keys in an index alone
CREATE TABLE ik (no int, id int, t text, i2 int2, note text);
INSERT INTO ik SELECT i, CASE WHEN i % 20 > 0 THEN i * 13 % 25000 END, CASE WHEN i % 15 > 0 THEN 'text ' || i % 120 END, i % 400,
	'note ' || i % 7 FROM generate_series(1, 300) i;
ANALYZE ik;
SET enable_seqscan = on;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_memoize = off;
SET enable_material = off;
CREATE TABLE ia_joins (n int GENERATED ALWAYS AS IDENTITY, query text);
INSERT INTO ia_joins (query) SELECT unnest(ARRAY[
	'SELECT count(*), count(ia.id), sum(ia.id), sum(no), min(note), max(t) FROM (SELECT no, id, t, note FROM ik) ik JOIN (SELECT id FROM ia) ia USING (id)',
	'SELECT count(*) FROM ik JOIN ia USING (id)',
	'SELECT note, count(*), sum(ia.id) FROM ik JOIN ia USING (t) WHERE no < 100 GROUP BY note',
	'SELECT ik.t, min(ia.t), max(ia.id), count(DISTINCT note) FROM ik JOIN ia USING (t) WHERE no < 100 GROUP BY ik.t HAVING count(*) > 10',
	'SELECT no % 3, length(note) + ia.i2, count(f8), sum(f8 * no) FROM ik JOIN ia ON ia.i2 = ik.i2 AND f8 > no / 10.0 GROUP BY 1, 2',
	'SELECT sum(no), count(*), max(ia.id) FROM ik JOIN ia ON ia.id BETWEEN ik.id AND ik.id + 2500 WHERE no < 20',
	'SELECT count(*), sum(no) FROM ik JOIN ia ON ia.id = ik.id + 1 AND ia.id < 9000 JOIN (SELECT generate_series(1, 3) g) s ON s.g = no % 4',
	'SELECT g, (SELECT count(*) FROM ik JOIN ia USING (id) WHERE ik.no < g) FROM generate_series(1, 200, 50) g',
	'SELECT g, (SELECT sum(no) FROM ik JOIN ia ON ia.id = ik.id AND ia.id > g * 10 WHERE ik.no < g) FROM generate_series(1, 200, 50) g',
	'SELECT count(*), sum(no) FROM (SELECT * FROM ik WHERE id < 0) ik JOIN ia USING (id)',
	-- not in batches
	'SELECT count(*), count(p) FROM ik JOIN ia USING (id)',
	'SELECT count(ia.id) FROM ik LEFT JOIN ia USING (id)',
	'SELECT count(*) FROM ik JOIN ia ON ia.id = ik.id AND ia.id % 5 <> no']);
EXPLAIN (COSTS OFF, VERBOSE) SELECT note, count(*), sum(ia.id) FROM ik JOIN ia USING (id) GROUP BY note;
EXPLAIN (COSTS OFF) SELECT count(*) FROM ik JOIN ia USING (t) WHERE no < 100;
SELECT n, (ia_answers(query)).* FROM ia_joins ORDER BY n;
BEGIN;
DELETE FROM ia WHERE id % 3 = 0;
UPDATE ia SET id = id + 1 WHERE id % 7 = 0;
SELECT n, (ia_answers(query)).* FROM ia_joins ORDER BY n;
ROLLBACK;
DROP TABLE ik, ia_joins;
SET enable_seqscan = off;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_memoize;
RESET enable_material;

-- A snapshot that is older than a change
BEGIN;
DECLARE old CURSOR FOR SELECT count(*), sum(id) FROM ia WHERE id BETWEEN 100 AND 9000;
DELETE FROM ia WHERE id BETWEEN 100 AND 8000;
FETCH old;
SELECT count(*), sum(id) FROM ia WHERE id BETWEEN 100 AND 9000;
ROLLBACK;

-- SERIALIZABLE, a generic plan, and a table with columns
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*), sum(id) FROM ia WHERE id BETWEEN 100 AND 9000;
SELECT count(DISTINCT relation) AS locked FROM pg_locks WHERE relation IN ('ia'::regclass, 'ia_id'::regclass) AND mode = 'SIReadLock';
COMMIT;
SET plan_cache_mode = force_generic_plan;
PREPARE by_range (int, int) AS SELECT count(*), sum(id) FROM ia WHERE id BETWEEN $1 AND $2;
SELECT ia_ours('EXECUTE by_range (1, 100)');
EXECUTE by_range (1, 100);
EXECUTE by_range (5000, 9000);
EXECUTE by_range (7, 6);
RESET plan_cache_mode;
SELECT omendb.enable('ia');
SELECT omendb.set_compaction('ia', false);
VACUUM ia;
SELECT rows > 0 AS compacted FROM omendb.compact('ia');
SELECT n, (ia_answers(query)).* FROM ia_queries WHERE n < 23 ORDER BY n;

-- Partitions, of heap and omendb tables
CREATE TABLE ip (device int, ts timestamptz, v int) PARTITION BY RANGE (ts);
CREATE TABLE ip1 PARTITION OF ip FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE ip2 PARTITION OF ip FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') USING omendb;
CREATE TABLE ip3 PARTITION OF ip FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
INSERT INTO ip SELECT i % 20, '2026-01-01'::timestamptz + i * interval '4 min', i % 100 FROM generate_series(1, 30000) i;
CREATE INDEX ON ip USING alex (device, ts);
VACUUM ANALYZE ip;
EXPLAIN (COSTS OFF) SELECT count(*), max(ts) FROM ip WHERE device = 7 AND ts > '2026-02-10';
SELECT (ia_answers(query)).* FROM unnest(ARRAY[
	'SELECT count(*), min(ts), max(ts) FROM ip WHERE device = 7 AND ts > ''2026-01-10''',
	'SELECT device, count(*) FROM ip WHERE device > 12 GROUP BY device',
	'SELECT device, date_trunc(''day'', ts), count(*) FROM ip WHERE device IN (3, 4) GROUP BY 1, 2 HAVING count(*) > 3',
	'SELECT count(v) FROM ip WHERE device = 7']) query;
DROP TABLE ip;

-- Who may not see a row must not count it
CREATE ROLE ia_user;
GRANT SELECT ON ia TO ia_user;
ALTER TABLE ia ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON ia USING (id < 2000);
SET ROLE ia_user;
SELECT ia_ours('SELECT count(*) FROM ia WHERE id > 500'), count(*), max(id) < 2000 AS few FROM ia WHERE id > 500;
RESET ROLE;
DROP TABLE ia, ia_queries;
DROP FUNCTION ia_ours, ia_answers;
DROP ROLE ia_user;
