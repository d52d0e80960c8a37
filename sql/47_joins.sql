-- Aggregates over joins of an omendb table with other relations: when they are
-- made over vectors, and that the answers are those of PostgreSQL's own joins.
SET omendb.segment_blocks = 16;
SET omendb.columnar_scan = force;
SET max_parallel_workers_per_gather = 0;
SET timezone = 'UTC';
SET extra_float_digits = 1;

CREATE TYPE jn_mood AS ENUM ('sad', 'ok', 'happy', 'wild');
CREATE COLLATION jn_nondet (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

CREATE TABLE jn_fact (id int, k int, k2 int2, k8 int8, kn int, d date, ts timestamp, tz timestamptz, tx text, vc varchar(20), bc char(6),
	u uuid, n numeric, n2 numeric(10,2), f8 float8, f4 float4, b bool, e jn_mood, by bytea, o oid, iv interval, ip inet, ci text COLLATE jn_nondet,
	v numeric(10,2), q int, g text) USING omendb;
SELECT omendb.set_compaction('jn_fact', false);
CREATE FUNCTION jn_fill(first int, last int) RETURNS void LANGUAGE sql AS $$
INSERT INTO jn_fact SELECT i, i % 130, i % 130, (i % 130)::int8 * CASE WHEN i % 17 = 0 THEN 10000000000 ELSE 1 END,
	CASE WHEN i % 5 > 0 THEN i % 120 END,
	'2026-01-01'::date + i % 130, '2026-01-01'::timestamp + i % 130 * interval '1 h', '2026-01-01'::timestamptz + i % 130 * interval '1 h',
	CASE WHEN i % 19 > 0 THEN 'key ' || i % 130 END, 'key ' || i % 130, 'k' || i % 130,
	md5((i % 130)::text)::uuid,
	CASE i % 50 WHEN 0 THEN 'NaN' WHEN 1 THEN NULL WHEN 2 THEN 1e40 WHEN 3 THEN ((i % 130) || '.00')::numeric ELSE (i % 130)::numeric END,
	(i % 130) / 4.0, CASE i % 50 WHEN 0 THEN 'NaN' WHEN 1 THEN '-0' ELSE (i % 130) / 8.0 END, (i % 130) / 8.0,
	CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END, (enum_range(NULL::jn_mood))[i % 4 + 1],
	decode(md5((i % 130)::text), 'hex'), (i % 130)::oid, i % 130 * interval '1 day', '10.0.0.0'::inet + i % 130,
	CASE i % 2 WHEN 0 THEN 'KEY ' ELSE 'key ' END || i % 130,
	(i % 1000) / 100.0, i % 7, 'group ' || i % 3
FROM generate_series(first, last) i
$$;
SELECT jn_fill(1, 6000);
VACUUM ANALYZE jn_fact;
SELECT segments > 3 AS several, rows FROM omendb.compact('jn_fact');

-- the inner sides: of every type of key, a heap table
CREATE TABLE jn_dim (id int PRIMARY KEY, k2 int2 UNIQUE, k8 int8 UNIQUE, kn int UNIQUE, d date UNIQUE, ts timestamp UNIQUE, tz timestamptz UNIQUE, tx text UNIQUE,
	vc varchar(20) UNIQUE, bc char(6) UNIQUE, u uuid UNIQUE, n numeric UNIQUE, n2 numeric(12,3) UNIQUE, f8 float8 UNIQUE, f4 float4 UNIQUE, b bool UNIQUE, e jn_mood UNIQUE,
	by bytea UNIQUE, o oid UNIQUE, iv interval UNIQUE, ip inet UNIQUE, ci text COLLATE jn_nondet UNIQUE,
	name text, w numeric, w2 numeric(8,2), size int, day date, ratio float8, good bool, gone text, tag bytea, js jsonb, sub int);
INSERT INTO jn_dim SELECT i, i, i, CASE WHEN i % 4 > 0 THEN i END, '2026-01-01'::date + i, '2026-01-01'::timestamp + i * interval '1 h', '2026-01-01'::timestamptz + i * interval '1 h',
	'key ' || i, 'key ' || i, 'k' || i, md5(i::text)::uuid, CASE i WHEN 7 THEN 'NaN' WHEN 8 THEN 1e40 ELSE i END, i / 4.0,
	CASE i WHEN 7 THEN 'NaN' ELSE i / 8.0 END, i / 8.0, CASE i WHEN 1 THEN true WHEN 2 THEN false END, CASE WHEN i < 3 THEN (enum_range(NULL::jn_mood))[i + 1] END,
	decode(md5(i::text), 'hex'), i, i * interval '24 hours', '10.0.0.0'::inet + i, 'Key ' || i,
	'name ' || i % 8, i / 7.0, CASE WHEN i % 6 > 0 THEN i / 4.0 END, CASE WHEN i % 5 > 0 THEN i % 10 END, '2025-01-01'::date + i % 4, i / 3.0,
	CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END, NULL, decode(md5((i % 3)::text), 'hex'), jsonb_build_object('a', i % 5), i % 11
FROM generate_series(0, 99) i;
CREATE TABLE jn_sub (id int8 PRIMARY KEY, label text, weight int) USING omendb;
SELECT omendb.set_compaction('jn_sub', false);
INSERT INTO jn_sub SELECT i, CASE WHEN i % 4 > 0 THEN 'label ' || i % 4 END, i * 10 FROM generate_series(0, 9) i;
CREATE TABLE jn_pair (a int, b int, c text, PRIMARY KEY (a, b));
INSERT INTO jn_pair SELECT a, b, 'pair ' || (a + b) % 4 FROM generate_series(0, 129, 2) a, generate_series(0, 6) b;
CREATE TABLE jn_many (a int, c text);
INSERT INTO jn_many SELECT i % 50, 'many ' || i % 3 FROM generate_series(1, 100) i;
CREATE TABLE jn_none (id int PRIMARY KEY, c text);
ANALYZE jn_dim, jn_sub, jn_pair, jn_many, jn_none;
SELECT segments > 0 AS some, rows FROM omendb.compact('jn_sub');

-- Is there a join of ours in its plan?
CREATE FUNCTION jn_ours(query text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'OmendbJoin' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;

-- The same rows with and without it?
CREATE FUNCTION jn_check(query text, OUT ours bool, OUT same bool, OUT nrows bigint) LANGUAGE plpgsql AS $$
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
	ours := jn_ours(query);
	same := answers[1] = answers[2];
	IF NOT same THEN
		RAISE NOTICE '% instead of %', left(answers[1], 300), left(answers[2], 300);
	END IF;
END $$;

-- Some lines of what EXPLAIN ANALYZE says
CREATE FUNCTION jn_lines(query text, pattern text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ pattern THEN RETURN NEXT trim(regexp_replace(line, 'actual rows[^)]*', 'executed')); END IF;
	END LOOP;
END $$;

-- Plans
EXPLAIN (COSTS OFF, VERBOSE)
SELECT name, sum(v), count(*) FROM jn_fact f JOIN jn_dim ON jn_dim.id = f.k WHERE q > 2 AND size < 8 GROUP BY name HAVING count(*) > 5 ORDER BY 1;
EXPLAIN (COSTS OFF)
SELECT label, c, sum(v * weight) FROM jn_fact f JOIN jn_dim d ON f.k = d.id JOIN jn_sub s ON s.id = d.sub JOIN jn_pair p ON p.a = f.k AND p.b = f.q GROUP BY 1, 2;
SELECT * FROM jn_lines('SELECT count(*), sum(v) FROM jn_fact f JOIN jn_pair p ON p.a = f.k AND p.b = f.q AND p.c <> f.g', 'Scan|Cond|Filter|Rows');

-- Types of keys
SELECT k, (jn_check(format('SELECT name, count(*), sum(v) FROM jn_fact f JOIN jn_dim d ON %s GROUP BY name', k))).*
FROM unnest(ARRAY[
	'f.k = d.id', 'f.k = d.k2', 'f.k = d.k8', 'f.k2 = d.id', 'f.k2 = d.k2', 'f.k2 = d.k8', 'f.k8 = d.id', 'f.k8 = d.k2', 'd.k8 = f.k8',
	'f.kn = d.kn', 'f.d = d.d', 'f.ts = d.ts', 'f.tz = d.tz', 'f.tx = d.tx', 'f.tx = d.vc', 'f.vc = d.tx', 'f.vc = d.vc', 'f.bc = d.bc', 'f.bc::text = d.tx',
	'f.u = d.u', 'f.n = d.n', 'f.n2 = d.n2', 'f.n = d.n2', 'f.n2 = d.n', 'f.f8 = d.f8', 'f.f4 = d.f4', 'f.f8 = d.f4', 'f.b = d.b', 'f.e = d.e', 'f.by = d.by', 'f.o = d.o',
	'f.iv = d.iv', 'f.ip = d.ip', 'f.ci = d.ci', 'f.ci COLLATE "C" = d.tx', 'lower(f.ci) COLLATE "C" = d.tx', 'f.k + 1 = d.id', 'f.k % 10 = d.id', 'd.id = abs(f.k - 50)',
	'f.k::numeric = d.n', 'f.k = d.n', 'f.d = d.ts', 'f.k = d.id AND f.tx = d.tx', 'f.k = d.id AND f.n2 = d.n2 AND f.d = d.d',
	'f.n = d.n AND f.tx = d.tx', 'f.k = d.id AND f.q < d.size', 'f.k < d.id', 'f.k = d.id OR f.q = d.id', 'f.k = d.size', 'f.k = d.id + 1', 'f.k = d.id AND d.id = 5'
]) k;

-- Columns of the inner side, as keys and as arguments
SELECT k, (jn_check(format('SELECT %s, count(*), sum(f.q) FROM jn_fact f JOIN jn_dim d ON f.k = d.id GROUP BY 1', k))).*
FROM unnest(ARRAY['d.id', 'd.name', 'd.w', 'd.w2', 'd.size', 'd.day', 'd.ratio', 'd.good', 'd.gone', 'd.tag', 'd.js', 'd.iv', 'd.e', 'd.ip', 'd.b', 'd.ci', 'd.tx',
	'upper(d.name)', 'd.size + f.q', 'd.w2 * f.n2', 'd.name || f.g', 'd.size IS NULL', 'coalesce(d.gone, d.name)', 'd.js->>''a''', 'date_trunc(''month'', d.day)',
	'CASE WHEN d.good THEN d.name ELSE f.g END', 'f.tableoid', 'd.ctid', 'f', 'd.*']) k;
SELECT a, (jn_check(format('SELECT f.g, %s FROM jn_fact f JOIN jn_dim d ON f.k = d.id GROUP BY f.g', a))).*
FROM unnest(ARRAY['sum(d.w)', 'sum(d.w2), avg(d.w2)', 'sum(d.size), count(d.size), max(d.day)', 'sum(d.ratio::numeric)', 'min(d.name), max(d.tx)', 'count(d.gone), max(d.gone)', 'bool_and(d.good)',
	'max(d.iv), max(d.ip)', 'sum(d.w * f.v)', 'sum(f.v) FILTER (WHERE d.name <> ''name 1'')', 'count(*) FILTER (WHERE f.v > d.w2)', 'count(DISTINCT d.name)', 'count(DISTINCT f.q), sum(d.size)',
	'sum(length(d.name))', 'max(d.w)', 'string_agg(d.name, '','' ORDER BY d.name)', 'sum(f.v / nullif(d.size, 0))']) a;

-- Shapes
CREATE VIEW jn_view AS SELECT f.q, f.v, d.name, d.size FROM jn_fact f JOIN jn_dim d ON f.k = d.id WHERE f.id % 10 > 0;
CREATE TABLE jn_part (id int PRIMARY KEY, c text) PARTITION BY RANGE (id);
CREATE TABLE jn_part1 PARTITION OF jn_part FOR VALUES FROM (0) TO (50);
CREATE TABLE jn_part2 PARTITION OF jn_part FOR VALUES FROM (50) TO (200);
INSERT INTO jn_part SELECT i, 'part ' || i % 3 FROM generate_series(0, 120) i;
CREATE TABLE jn_parted (k int, v int) PARTITION BY RANGE (k);
CREATE TABLE jn_parted1 PARTITION OF jn_parted FOR VALUES FROM (0) TO (50) USING omendb;
CREATE TABLE jn_parted2 PARTITION OF jn_parted FOR VALUES FROM (50) TO (200) USING omendb;
INSERT INTO jn_parted SELECT k, q FROM jn_fact WHERE k IS NOT NULL;
SELECT rows > 0 AS compacted FROM omendb.compact('jn_parted1') UNION ALL SELECT rows > 0 FROM omendb.compact('jn_parted2');
ANALYZE jn_part, jn_parted;
SELECT query, (jn_check(query)).* FROM unnest(ARRAY[
	'SELECT count(*) FROM jn_fact f JOIN jn_dim d ON f.k = d.id',
	'SELECT count(*), sum(v) FROM jn_fact f, jn_dim d WHERE f.k = d.id AND d.size = 3 AND f.q = 2',
	'SELECT DISTINCT d.name, f.g FROM jn_fact f JOIN jn_dim d ON f.k = d.id',
	'SELECT d.id, d.name, d.size, count(*) FROM jn_fact f JOIN jn_dim d ON f.k = d.id GROUP BY d.id',
	'SELECT d.name, sum(v) + 1 FROM jn_fact f JOIN jn_dim d ON f.k = d.id GROUP BY d.name HAVING sum(v) > 2000 AND min(d.size) < 3',
	'SELECT label, count(*), sum(weight) FROM jn_fact f JOIN jn_dim d ON f.k = d.id JOIN jn_sub s ON s.id = d.sub GROUP BY label',
	'SELECT label, c, sum(v * weight) FROM jn_fact f JOIN jn_dim d ON f.k = d.id JOIN jn_sub s ON s.id = d.sub JOIN jn_pair p ON p.a = f.k AND p.b = f.q GROUP BY 1, 2',
	'SELECT a.name, b.name, count(*) FROM jn_fact f JOIN jn_dim a ON f.k = a.id JOIN jn_dim b ON f.q = b.id WHERE b.size > 1 GROUP BY 1, 2',
	'SELECT a.name, b.name, count(*) FROM jn_fact f JOIN jn_dim a ON f.k = a.id JOIN jn_dim b ON f.k = b.id GROUP BY 1, 2',
	'SELECT count(*), sum(x.n) FROM jn_fact f JOIN (SELECT a, count(*) AS n FROM jn_many GROUP BY a) x ON x.a = f.k',
	'SELECT x.c, count(*) FROM jn_fact f JOIN (SELECT DISTINCT c, a FROM jn_many) x ON x.a = f.k AND x.c = ''many '' || f.q GROUP BY 1',
	'SELECT x.q, count(*), sum(x.n) FROM jn_fact f JOIN (SELECT q, count(*) AS n FROM jn_fact GROUP BY q) x ON x.q = f.q GROUP BY 1',
	'SELECT x.m, count(*) FROM jn_fact f JOIN (SELECT id::int8 * 1000003 AS big, max(name) AS m FROM jn_dim GROUP BY 1) x ON x.big = f.k::int8 * 1000003 GROUP BY 1',
	'SELECT x.m, count(*) FROM jn_fact f JOIN (SELECT kn::int8 * 1000003 AS big, max(name) AS m FROM jn_dim GROUP BY 1) x ON x.big = f.kn::int8 * 1000003 GROUP BY 1',
	'SELECT c, count(*) FROM jn_fact f JOIN jn_none d ON f.k = d.id GROUP BY c',
	'SELECT count(*), max(c) FROM jn_fact f JOIN jn_none d ON f.k = d.id',
	'SELECT count(*), max(name) FROM jn_fact f JOIN jn_dim d ON f.k = d.id + 0 WHERE d.id > 1000',
	'SELECT count(*), max(name) FROM jn_fact f JOIN jn_dim d ON f.k = d.id WHERE d.size > 1000 AND f.q = 0',
	'SELECT count(*), max(name) FROM jn_fact f JOIN jn_dim d ON f.id = d.id WHERE f.q = 100',
	'SELECT name, count(*) FROM jn_view GROUP BY name',
	'SELECT name, sum(v) FROM jn_view WHERE size > 2 GROUP BY name',
	'SELECT m.c, count(*) FROM jn_fact f JOIN jn_many m ON f.k = m.a GROUP BY 1',
	'SELECT d.name, count(*) FROM jn_fact f LEFT JOIN jn_dim d ON f.k = d.id GROUP BY 1',
	'SELECT d.name, count(f.id) FROM jn_fact f RIGHT JOIN jn_dim d ON f.k = d.id GROUP BY 1',
	'SELECT d.name, count(*) FROM jn_fact f FULL JOIN jn_dim d ON f.k = d.id GROUP BY 1',
	'SELECT f.g, count(*) FROM jn_fact f WHERE f.k IN (SELECT a FROM jn_many) GROUP BY 1',
	'SELECT f.g, count(*) FROM jn_fact f WHERE EXISTS (SELECT FROM jn_dim d WHERE d.id = f.k AND d.size > 3) GROUP BY 1',
	'SELECT f.g, count(*) FROM jn_fact f WHERE NOT EXISTS (SELECT FROM jn_dim d WHERE d.id = f.k) GROUP BY 1',
	'SELECT d.name, count(*) FROM jn_fact f JOIN jn_dim d ON f.k = d.id LEFT JOIN jn_sub s ON s.id = d.sub AND s.weight > 40 WHERE s.label IS NULL GROUP BY 1',
	'SELECT d.name, count(*) FROM jn_parted f JOIN jn_dim d ON f.k = d.id GROUP BY 1',
	'SELECT d.name, x.n FROM jn_dim d, LATERAL (SELECT count(*) AS n FROM jn_fact f JOIN jn_sub s ON s.id = f.q WHERE s.weight < d.size * 10) x',
	'SELECT d.id, (SELECT sum(f.v * s.weight) FROM jn_fact f JOIN jn_sub s ON s.id = f.q WHERE f.k = d.id) FROM jn_dim d WHERE d.id % 10 = 0',
	'SELECT d.id, (SELECT sum(f.v * s.weight) FROM jn_fact f JOIN jn_sub s ON s.id = f.q WHERE s.weight >= d.id) FROM jn_dim d WHERE d.id % 10 = 0',
	'SELECT d.id, (SELECT sum(f.v * s.weight) FROM jn_fact f JOIN jn_sub s ON s.id = f.q + d.id) FROM jn_dim d WHERE d.id < 9',
	'SELECT count(*) FROM jn_fact f JOIN (SELECT id FROM jn_dim WHERE random() >= 0) d ON f.k = d.id',
	'SELECT d.name, count(*) FROM jn_fact f JOIN jn_dim d ON f.k = d.id WHERE f.q + d.size > 5 GROUP BY 1',
	'SELECT d.name, count(*) FROM jn_fact f CROSS JOIN jn_dim d WHERE f.id < 3 GROUP BY 1',
	'SELECT d.name, count(*) FROM jn_fact f JOIN jn_dim d ON f.k = d.id WHERE current_setting(''timezone'') = ''UTC'' GROUP BY 1',
	'SELECT f.g, d.name, count(*) FROM jn_fact f JOIN jn_dim d ON f.k = d.id GROUP BY GROUPING SETS ((f.g), (d.name))',
	'SELECT 1 / (d.size - 20), count(*) FROM jn_fact f JOIN jn_dim d ON f.k = d.id GROUP BY 1',
	'SELECT a.g, count(*), sum(b.v) FROM jn_fact a JOIN (SELECT id, v FROM jn_fact WHERE id < 500) b ON a.id = b.id GROUP BY 1']) query;
SELECT same, nrows FROM jn_check('SELECT d.c, count(*) FROM jn_fact f JOIN jn_part d ON f.k = d.id GROUP BY 1');

-- an error that only a row that matches raises, and one that none does
SELECT sum(10 / (d.size - 3)) FROM jn_fact f JOIN jn_dim d ON f.k = d.id;
SELECT sum(10 / (d.id - 200)) FROM jn_fact f JOIN jn_dim d ON f.k = d.id;

-- A table that joins itself, by an index of its own
CREATE TABLE jn_tree (id int PRIMARY KEY, parent int, name text, v int) USING omendb;
SELECT omendb.set_compaction('jn_tree', false);
INSERT INTO jn_tree SELECT i, CASE WHEN i > 10 THEN i / 3 END, 'node ' || i % 5, i FROM generate_series(1, 8000) i;
ANALYZE jn_tree;
SELECT rows FROM omendb.compact('jn_tree');
SELECT query, (jn_check(query)).* FROM unnest(ARRAY[
	'SELECT p.name, count(*), sum(c.v), max(p.v) FROM jn_tree c JOIN jn_tree p ON p.id = c.parent GROUP BY 1',
	'SELECT g.name, count(*) FROM jn_tree c JOIN jn_tree p ON p.id = c.parent JOIN jn_tree g ON g.id = p.parent WHERE c.v % 2 = 0 GROUP BY 1']) query;

-- Changed rows, of other transactions and of this one
INSERT INTO jn_fact SELECT (f).* FROM (SELECT f FROM jn_fact f WHERE id <= 40) x;
UPDATE jn_fact SET k = k + 1, v = v + 1 WHERE id % 100 = 7;
DELETE FROM jn_fact WHERE id % 90 = 4;
UPDATE jn_dim SET name = 'new name' WHERE id % 20 = 3;
DELETE FROM jn_dim WHERE id % 30 = 4;
CREATE TABLE jn_queries AS SELECT * FROM unnest(ARRAY[
	'SELECT d.name, count(*), sum(v), sum(size) FROM jn_fact f JOIN jn_dim d ON f.k = d.id GROUP BY 1',
	'SELECT d.name, count(*), sum(v) FROM jn_fact f JOIN jn_dim d ON f.tx = d.tx GROUP BY 1',
	'SELECT label, count(*), sum(weight) FROM jn_fact f JOIN jn_dim d ON f.k = d.id JOIN jn_sub s ON s.id = d.sub GROUP BY label',
	'SELECT count(*), sum(v) FROM jn_fact f JOIN jn_sub s ON s.id = f.q WHERE weight > 20']) query;
SELECT (jn_check(query)).* FROM jn_queries;
BEGIN;
UPDATE jn_fact SET k = 5, tx = 'key 7' WHERE id % 77 = 5;
DELETE FROM jn_fact WHERE id % 95 = 3;
SELECT jn_fill(7000, 7100);
UPDATE jn_sub SET label = 'mine' WHERE id = 3;
INSERT INTO jn_sub VALUES (10, 'ten', 7);
SELECT (jn_check(query)).* FROM jn_queries;
ROLLBACK;
SELECT (jn_check(query)).* FROM jn_queries;

-- Segments without a key of the inner side are left out.
SELECT * FROM jn_lines('SELECT count(*) FROM jn_tree c JOIN (SELECT id FROM jn_dim WHERE id BETWEEN 30 AND 40) d ON c.id = d.id', 'Segments|Inner');
SELECT * FROM jn_check('SELECT count(*) FROM jn_tree c JOIN (SELECT id FROM jn_dim WHERE id BETWEEN 30 AND 40) d ON c.id = d.id');

-- More inner rows than memory is allowed for: several passes
CREATE TABLE jn_large (id int PRIMARY KEY, name text, w numeric, x int8);
INSERT INTO jn_large SELECT i, 'name ' || i, i / 8.0, i * 3 FROM generate_series(1, 6000) i;
CREATE TABLE jn_large2 (id int PRIMARY KEY, name text);
INSERT INTO jn_large2 SELECT i * 2, 'other ' || i % 1000 FROM generate_series(1, 4000) i;
-- none of the first segment, of which all is known only when the inner rows are there
SELECT * FROM jn_lines('SELECT count(*) FROM jn_tree c JOIN (SELECT id + 7000 AS id FROM jn_dim GROUP BY 1) d ON c.id = d.id', 'Segments|Inner');
BEGIN;
UPDATE jn_tree SET v = 0 WHERE id = 50;
SELECT * FROM jn_check('SELECT count(*), sum(c.v) FROM jn_tree c JOIN (SELECT id + 7000 AS id FROM jn_dim GROUP BY 1) d ON c.id = d.id');
SELECT * FROM jn_check('SELECT count(*), sum(c.v) FROM jn_tree c JOIN (SELECT id AS id FROM jn_dim GROUP BY 1) d ON c.id = d.id');
SELECT * FROM jn_check('SELECT count(*), sum(c.v) FROM jn_tree c JOIN (SELECT id AS id FROM jn_dim GROUP BY 1) d ON c.id = d.id WHERE c.v > 20');
ROLLBACK;
-- inner plans are not run if the table has no row
SELECT * FROM jn_lines('SELECT count(*) FROM jn_tree c JOIN jn_dim d ON c.id = d.id WHERE c.v < 0', 'Scan');
SELECT sum(c.v) FROM jn_tree c JOIN jn_dim d ON c.id = d.id WHERE c.v < 0 AND 1 / (d.id - 20) IS NULL;

-- A join that is removed leaves a scan that hands out more than is needed.
SET omendb.columnar_aggregate = off;
SELECT count(c.id) FROM jn_tree c LEFT JOIN jn_dim d ON d.id = c.v;
RESET omendb.columnar_aggregate;

CREATE FUNCTION jn_passes(query text) RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(CASE WHEN substring(line from '\d+')::int > 1 THEN 'several passes' END, ',') FROM jn_lines(query, 'Passes') line $$;
SET work_mem = '64kB';
SET hash_mem_multiplier = 1;
SELECT jn_passes(query), (jn_check(query)).* FROM unnest(ARRAY[
	'SELECT sum(l.w), count(*), sum(f.v), max(l.name) FROM jn_fact f JOIN jn_large l ON f.id = l.id',
	'SELECT l.name, count(*) FROM jn_fact f JOIN jn_large l ON f.id = l.id GROUP BY 1',
	'SELECT count(*), sum(l.x) FROM jn_fact f JOIN jn_large l ON f.id = l.id JOIN jn_large2 m ON m.id = l.id',
	'SELECT d.id, (SELECT count(*) FROM jn_fact f JOIN jn_large l ON f.id = l.id WHERE f.q = d.id) FROM jn_dim d WHERE d.id < 5',
	'SELECT d.id, (SELECT count(*) FROM jn_fact f JOIN jn_large l ON f.id = l.id WHERE l.x > d.id * 1000) FROM jn_dim d WHERE d.id < 5']) query;
-- the planner thinks that there are few
DELETE FROM jn_large;
DELETE FROM jn_large2;
ALTER TABLE jn_large SET (autovacuum_enabled = off);
ALTER TABLE jn_large2 SET (autovacuum_enabled = off);
VACUUM ANALYZE jn_large, jn_large2;
INSERT INTO jn_large SELECT i, 'name ' || i, CASE WHEN i % 500 = 0 THEN i / 7.0 ELSE i / 8.0 END, i * 3 FROM generate_series(1, 6000) i;
INSERT INTO jn_large2 SELECT i * 2, 'other ' || i % 1000 FROM generate_series(1, 4000) i;
UPDATE pg_class SET reltuples = 10, relpages = 100 WHERE oid IN ('jn_large'::regclass, 'jn_large2'::regclass);
SELECT jn_passes(query), (jn_check(query)).* FROM unnest(ARRAY[
	'SELECT sum(l.w), count(*), sum(f.v), max(l.name) FROM jn_fact f JOIN jn_large l ON f.id = l.id',
	'SELECT l.name, count(*) FROM jn_fact f JOIN jn_large l ON f.id = l.id GROUP BY 1',
	'SELECT m.name, count(*), sum(l.x), sum(l.w) FROM jn_fact f JOIN jn_large l ON f.id = l.id JOIN jn_large2 m ON m.id = l.id GROUP BY 1',
	'SELECT f.g, count(*), sum(l.x) FROM jn_fact f JOIN jn_large l ON f.id = l.id JOIN jn_large2 m ON m.id = f.id JOIN jn_dim d ON d.id = f.k GROUP BY 1',
	'SELECT d.id, (SELECT count(*) FROM jn_fact f JOIN jn_large l ON f.id = l.id WHERE f.q = d.id) FROM jn_dim d WHERE d.id < 5',
	'SELECT d.id, (SELECT sum(l.w) FROM jn_fact f JOIN jn_large l ON f.id = l.id WHERE l.x > d.id * 1000) FROM jn_dim d WHERE d.id < 5',
	'SELECT f.g, count(DISTINCT l.name) FROM jn_fact f JOIN jn_large l ON f.id = l.id GROUP BY 1']) query;
-- large values
CREATE TABLE jn_wide (id int PRIMARY KEY, w text, c text);
ALTER TABLE jn_wide ALTER w SET STORAGE EXTERNAL;
INSERT INTO jn_wide SELECT i, repeat(chr(97 + i % 26), 20000 + i), repeat(chr(97 + i % 26), 20000 + i) FROM generate_series(1, 12) i;
ANALYZE jn_wide;
UPDATE pg_class SET reltuples = 1 WHERE oid = 'jn_wide'::regclass;
SELECT jn_passes(query), (jn_check(query)).* FROM unnest(ARRAY[
	'SELECT count(*), sum(length(w.w)), max(w.c), min(md5(w.w)) FROM jn_fact f JOIN jn_wide w ON f.k = w.id',
	'SELECT w.w, count(*) FROM jn_fact f JOIN jn_wide w ON f.k = w.id WHERE w.id < 5 GROUP BY 1',
	'SELECT count(*), sum(f.v) FROM jn_fact f JOIN (SELECT w, max(id) AS m FROM jn_wide GROUP BY w) x ON x.w = repeat(chr(97 + f.k % 26), 20000 + f.k) WHERE f.id < 200']) query;
DROP TABLE jn_wide;
RESET work_mem;
RESET hash_mem_multiplier;

-- Prepared statements, cursors
SET plan_cache_mode = force_generic_plan;
PREPARE jn_p(int, text) AS SELECT f.g, count(*), sum(d.size) FROM jn_fact f JOIN jn_dim d ON f.k + $1 = d.id WHERE d.name <> $2 GROUP BY 1 ORDER BY 1;
EXPLAIN (COSTS OFF) EXECUTE jn_p(1, 'name 1');
EXECUTE jn_p(1, 'name 1');
EXECUTE jn_p(20, 'name 2');
SET omendb.columnar_aggregate = off;
EXECUTE jn_p(20, 'name 2');
DEALLOCATE jn_p;
PREPARE jn_p(int, text) AS SELECT f.g, count(*), sum(d.size) FROM jn_fact f JOIN jn_dim d ON f.k + $1 = d.id WHERE d.name <> $2 GROUP BY 1 ORDER BY 1;
EXECUTE jn_p(1, 'name 1');
EXECUTE jn_p(20, 'name 2');
DEALLOCATE jn_p;
RESET omendb.columnar_aggregate;
RESET plan_cache_mode;
BEGIN;
DECLARE jn_c SCROLL CURSOR FOR SELECT d.id, count(*) FROM jn_fact f JOIN jn_dim d ON f.k = d.id GROUP BY 1 ORDER BY 1;
FETCH 2 FROM jn_c;
DELETE FROM jn_dim WHERE id < 10;
FETCH 2 FROM jn_c;
FETCH FIRST FROM jn_c;
ROLLBACK;

-- What takes it away
SET enable_hashjoin = off;
SELECT jn_ours('SELECT count(*) FROM jn_fact f JOIN jn_dim d ON f.k = d.id');
RESET enable_hashjoin;
SET omendb.columnar_scan = off;
SELECT jn_ours('SELECT count(*) FROM jn_fact f JOIN jn_dim d ON f.k = d.id');
-- and what plans do that exist
SET omendb.columnar_scan = force;
PREPARE jn_p AS SELECT count(*), sum(v) FROM jn_fact f JOIN jn_dim d ON f.k = d.id;
EXECUTE jn_p;
SET omendb.columnar_scan = off;
EXECUTE jn_p;
SET omendb.columnar_scan = force;
BEGIN ISOLATION LEVEL SERIALIZABLE;
EXECUTE jn_p;
COMMIT;
DEALLOCATE jn_p;

-- A look-up by key stays what it is.
CREATE INDEX ON jn_fact (id);
ANALYZE jn_fact, jn_dim;
SET omendb.columnar_scan = on;
SELECT jn_ours('SELECT count(*) FROM jn_fact f JOIN jn_dim d ON f.k = d.id WHERE f.id = 77');
SET omendb.columnar_scan = force;

-- Row security, of either side: nobody learns of hidden rows.
CREATE ROLE jn_role;
GRANT SELECT ON jn_fact, jn_dim, jn_sub TO jn_role;
ALTER TABLE jn_fact ENABLE ROW LEVEL SECURITY;
CREATE POLICY jn_policy ON jn_fact USING (q < 4);
ALTER TABLE jn_dim ENABLE ROW LEVEL SECURITY;
CREATE POLICY jn_policy ON jn_dim USING (size > 3);
CREATE FUNCTION jn_leak(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
	IF $1 >= 4 THEN RAISE NOTICE 'leaked %', $1; END IF;
	RETURN $1;
END $$;
SET ROLE jn_role;
SELECT (jn_check(query)).* FROM unnest(ARRAY[
	'SELECT d.name, count(*), sum(v), max(q), min(size) FROM jn_fact f JOIN jn_dim d ON f.k = d.id GROUP BY 1',
	'SELECT s.label, count(*), max(q) FROM jn_fact f JOIN jn_sub s ON s.id = jn_leak(f.q) GROUP BY 1',
	'SELECT s.label, count(*), max(q) FROM jn_fact f JOIN jn_sub s ON s.id = f.q WHERE jn_leak(f.q) < 100 GROUP BY 1']) query;
RESET ROLE;

DROP VIEW jn_view;
DROP TABLE jn_fact, jn_dim, jn_sub, jn_pair, jn_many, jn_none, jn_part, jn_parted, jn_tree, jn_queries, jn_large, jn_large2;
DROP FUNCTION jn_fill, jn_ours, jn_check, jn_lines, jn_passes, jn_leak;
DROP ROLE jn_role;
DROP TYPE jn_mood;
DROP COLLATION jn_nondet;
