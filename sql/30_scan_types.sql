-- Scans of columns: every type, NULLs, every operator that is tested on
-- columns, compared with the rows of the same table.
SET omendb.segment_blocks = 32;
SET max_parallel_workers_per_gather = 0;
SET timezone = 'UTC';

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'wild');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN posint AS int CHECK (VALUE > 0);
CREATE COLLATION nondet (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

CREATE TABLE every (
	id int, b bool, c "char", i2 int2, i4 int4, i8 int8, o oid, r regclass,
	f4 float4, f8 float8, d date, t time, tt timetz, ts timestamp,
	tz timestamptz, iv interval, m money, n numeric, n2 numeric(12,2),
	tx text, vc varchar(20), bc char(8), nm name, by bytea, u uuid, e mood,
	p pair, j json, jb jsonb, a int[], at text[], pt point, ip inet,
	mac macaddr, bi bit(5), vb varbit, ir int4range, x pg_lsn, po posint,
	cc text COLLATE "C", cn text COLLATE nondet, big text, same int,
	allnull int8) USING omendb;
SELECT omendb.set_compaction('every', false);

INSERT INTO every
SELECT i,
	CASE WHEN i % 5 > 0 THEN i % 2 = 0 END,
	chr(65 + i % 26)::"char",
	CASE WHEN i % 11 > 0 THEN (i % 300 - 150)::int2 END,
	CASE i % 500 WHEN 0 THEN NULL WHEN 1 THEN -2147483648 WHEN 2 THEN 2147483647 ELSE i * 7 END,
	CASE i % 500 WHEN 0 THEN NULL WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807 ELSE i * 10000000000 END,
	(CASE i % 3 WHEN 0 THEN 4294967290 ELSE i END)::oid,
	'pg_class'::regclass,
	CASE i % 50 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' WHEN 3 THEN 'Infinity' WHEN 4 THEN '-0' WHEN 5 THEN 0 ELSE i / 8.0 - 100 END,
	CASE i % 50 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' WHEN 3 THEN 'Infinity' WHEN 4 THEN '-0' WHEN 5 THEN 0 ELSE i / 10.0 - 100 END,
	CASE i % 700 WHEN 0 THEN '-infinity' WHEN 1 THEN 'infinity' ELSE '2020-01-01'::date + i END,
	'00:00'::time + i * interval '10 s',
	('00:00'::time + i * interval '10 s')::timetz,
	'2020-01-01'::timestamp + i * interval '1 h',
	CASE i % 700 WHEN 0 THEN '-infinity' WHEN 1 THEN 'infinity' WHEN 2 THEN NULL ELSE '2020-01-01'::timestamptz + i * interval '1 h' END,
	i * interval '1 min',
	(i / 100.0)::numeric::money,
	CASE i % 40 WHEN 0 THEN 'NaN' WHEN 1 THEN NULL ELSE i::numeric / 7 END,
	i / 100.0,
	CASE i % 9 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'text ' || i % 40 END,
	'vc' || i % 1000,
	'bc' || i % 30,
	'name' || i % 60,
	CASE WHEN i % 13 > 0 THEN decode(md5((i % 77)::text), 'hex') END,
	md5((i % 900)::text)::uuid,
	(enum_range(NULL::mood))[1 + i % 4],
	ROW(i, 'p' || i)::pair,
	format('{"a": %s}', i)::json,
	CASE WHEN i % 6 > 0 THEN jsonb_build_object('k', i, 'l', repeat('x', i % 20)) END,
	ARRAY[i, NULL, i + 1],
	ARRAY['a' || i % 3, NULL],
	point(i, -i),
	('10.0.' || i % 200 || '.1')::inet,
	'08:00:2b:01:02:03'::macaddr,
	(i % 32)::bit(5),
	(i % 32)::bit(5)::varbit,
	int4range(i, i + 10),
	('0/' || to_hex(i))::pg_lsn,
	1 + i % 20,
	'c' || i % 100,
	CASE i % 2 WHEN 0 THEN 'Same' ELSE 'same' END || i % 5,
	CASE i % 100 WHEN 0 THEN repeat(md5(i::text), 2100) WHEN 1 THEN repeat('y', 9000) ELSE 'short' END,
	42,
	NULL
FROM generate_series(1, 3000) i;
VACUUM ANALYZE every;
SELECT segments > 3 AS several, rows FROM omendb.compact('every');

-- Runs a query with columns and with rows: the same rows in the same order?
CREATE FUNCTION two_ways(query text, OUT same bool, OUT nrows bigint) LANGUAGE plpgsql AS $$
DECLARE
	answers text[];
	way text;
	answer text;
BEGIN
	FOREACH way IN ARRAY ARRAY['force', 'off'] LOOP
		PERFORM set_config('omendb.columnar_scan', way, true);
		EXECUTE 'SELECT count(*), md5(string_agg(q::text, ''|'')) FROM (' || query || ') q' INTO nrows, answer;
		answers := answers || coalesce(answer, 'none');
	END LOOP;
	PERFORM set_config('omendb.columnar_scan', 'force', true);
	same := answers[1] = answers[2];
END $$;

-- Does its plan test this many conditions on columns?
CREATE FUNCTION pushes(query text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Columnar Filter' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;

SET omendb.columnar_scan = force;
EXPLAIN (COSTS OFF) SELECT id FROM every;
EXPLAIN (VERBOSE, COSTS OFF) SELECT i4, tx FROM every WHERE i4 > 5 AND tx = 'text 3' AND n > 3 AND 7 >= i2 AND u IS NOT NULL AND NOT b;

-- Whole rows, each column
SELECT * FROM two_ways('SELECT * FROM every');
SELECT * FROM two_ways('SELECT every FROM every');
SELECT attname, (two_ways(format('SELECT %I FROM every', attname))).*
FROM pg_attribute WHERE attrelid = 'every'::regclass AND attnum > 0 ORDER BY attnum;

-- Each column with each operator, and values that occur
CREATE FUNCTION try_operators(attname name, OUT pushed int, OUT queries int, OUT wrong int)
LANGUAGE plpgsql AS $$
DECLARE
	value text;
	op text;
	query text;
	typ text := (SELECT format_type(atttypid, atttypmod) FROM pg_attribute a
				 WHERE attrelid = 'every'::regclass AND a.attname = try_operators.attname);
	result record;
BEGIN
	queries := 0; wrong := 0; pushed := 0;
	FOR value, op IN EXECUTE format(
		'SELECT v, op FROM (SELECT DISTINCT %1$I::text AS v FROM every WHERE id IN (501, 1403, 77)) x,
			unnest(ARRAY[''<'', ''<='', ''='', ''>='', ''>'', ''<>'', ''IS NULL'', ''IS NOT NULL'', ''any'']) op
		 ORDER BY 1, 2', attname) LOOP
		query := format(CASE WHEN op ~ 'NULL' THEN 'SELECT id, %1$I FROM every WHERE %1$I %2$s'
			WHEN op = 'any' THEN 'SELECT id FROM every WHERE %1$I = ANY (ARRAY[%3$L, NULL, (SELECT max(%1$I::text) FROM every WHERE id < 9)]::%4$s[])'
			ELSE 'SELECT id, %1$I FROM every WHERE %1$I %2$s %3$L::%4$s' END, attname, op, value, typ);
		result := two_ways(query);
		queries := queries + 1;
		pushed := pushed + pushes(query)::int;
		wrong := wrong + (NOT result.same)::int;
	END LOOP;
END $$;
SELECT attname, (try_operators(attname)).*
FROM pg_attribute
WHERE attrelid = 'every'::regclass AND attnum > 0 AND attname NOT IN ('p', 'j', 'pt', 'big', 'a', 'at') ORDER BY attnum;

-- Across types, swapped, nothing and everything, several at once
SELECT query, (two_ways(query)).*, pushes(query) FROM unnest(ARRAY[
	'SELECT id FROM every WHERE i2 > 100000',
	'SELECT id FROM every WHERE i2 > -100000',
	'SELECT id FROM every WHERE i2 < 50::int8 AND 20::int4 < i2',
	'SELECT id FROM every WHERE i8 = 70000000000',
	'SELECT id FROM every WHERE i8 > 9223372036854775807',
	'SELECT id FROM every WHERE i8 < -9223372036854775808',
	'SELECT id FROM every WHERE f4 = 0.1::float8',
	'SELECT id FROM every WHERE f4 = 0::float8',
	'SELECT id FROM every WHERE f8 > ''NaN''',
	'SELECT id FROM every WHERE f8 >= ''NaN''::float4',
	'SELECT id FROM every WHERE f8 < ''NaN''',
	'SELECT id FROM every WHERE f8 BETWEEN -1 AND 1',
	'SELECT id FROM every WHERE d > ''2021-01-01''::timestamp',
	'SELECT id FROM every WHERE tz > ''2020-01-05''::date',
	'SELECT id FROM every WHERE id IN (1, 5, 7, 1000000)',
	'SELECT id FROM every WHERE id = ANY (NULL::int[])',
	'SELECT id FROM every WHERE id = ANY (''{}''::int[])',
	'SELECT id FROM every WHERE id <> ALL (''{1,2}''::int[])',
	'SELECT id FROM every WHERE tx IN (''text 5'', ''text 6'', ''none'', '''')',
	'SELECT id FROM every WHERE tx < ''text 2''',
	'SELECT id FROM every WHERE cc < ''c2''',
	'SELECT id FROM every WHERE cc >= ''c55'' AND cc < ''c7''',
	'SELECT id FROM every WHERE cn = ''SAME1''',
	'SELECT id FROM every WHERE tx = ''text 5'' COLLATE "C"',
	'SELECT id FROM every WHERE po > 15',
	'SELECT id FROM every WHERE b',
	'SELECT id FROM every WHERE NOT b',
	'SELECT id FROM every WHERE b IS NOT TRUE',
	'SELECT id FROM every WHERE b = true',
	'SELECT id FROM every WHERE id < 0',
	'SELECT id FROM every WHERE id = NULL',
	'SELECT id FROM every WHERE same = 42',
	'SELECT id FROM every WHERE same <> 42',
	'SELECT id FROM every WHERE allnull > 0',
	'SELECT id FROM every WHERE allnull IS NULL',
	'SELECT id FROM every WHERE p IS NULL',
	'SELECT id FROM every WHERE i4 > id',
	'SELECT id FROM every WHERE id > 100 AND id < 200 AND n > 20 AND tx LIKE ''t%'' AND b',
	'SELECT id FROM every WHERE id < 100 OR id > 2900',
	'SELECT 1 FROM every',
	'SELECT count(*), sum(i8), max(tx) FROM every WHERE vc = ''vc7''',
	'SELECT DISTINCT vc FROM every WHERE id <= 50 ORDER BY 1',
	'SELECT length(big), md5(big) FROM every WHERE id % 100 < 2'
]) query;

-- Values of rows that are gone from memory stay what they were
SELECT * FROM two_ways('SELECT a.tx, b.tx, a.jb, b.n FROM every a JOIN every b ON a.id = b.id + 1 ORDER BY a.tx, b.tx, a.id');
SELECT * FROM two_ways('SELECT tx, lag(tx, 900) OVER (), lead(n, 1500) OVER (), first_value(jb) OVER () FROM every');

SELECT count(*) > 3 AS verified FROM omendb.verify('every');
DROP TABLE every;
DROP FUNCTION two_ways, pushes, try_operators;
DROP TYPE mood, pair;
DROP DOMAIN posint;
DROP COLLATION nondet;
