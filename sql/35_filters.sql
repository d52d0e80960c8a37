-- Conditions tested on columns: numerics, times of several types, strings by
-- their range, and others on vectors; each compared with the rows of the same
-- table.
SET omendb.segment_blocks = 8;
SET max_parallel_workers_per_gather = 0;
SET timezone = 'America/New_York';

CREATE TABLE filters (
	id int, n numeric(12,2), nn numeric, big numeric, d date, ts timestamp,
	tz timestamptz, tx text, cc text COLLATE "C", by bytea, u uuid, i8 int8,
	f8 float8, b bool, same int, nul int) USING omendb;
SELECT omendb.set_compaction('filters', false);
INSERT INTO filters
SELECT i,
	CASE WHEN i % 17 > 0 THEN i / 100.0 - 20 END,
	CASE i % 400 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity' WHEN 3 THEN NULL ELSE i::numeric / 7 END,
	i::numeric * 10000000000000000,
	CASE i % 900 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN NULL ELSE '2021-01-01'::date + i / 3 END,
	CASE i % 900 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN NULL ELSE '2021-01-01'::timestamp + i * interval '7 h' END,
	CASE i % 900 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN NULL ELSE '2021-01-01'::timestamptz + i * interval '7 h' END,
	CASE WHEN i % 23 > 0 THEN 'text ' || lpad((i / 100)::text, 3, '0') END,
	'c' || lpad((i / 50)::text, 3, '0') || repeat('x', i % 3),
	decode(lpad(to_hex(i), 8, '0'), 'hex'),
	lpad(to_hex(i / 10), 32, '0')::uuid,
	i * 1000000007::int8,
	CASE WHEN i % 50 = 7 THEN 'NaN' ELSE i / 16.0 - 10 END,
	CASE WHEN i % 7 > 0 THEN i < 1500 END,
	42,
	NULL
FROM generate_series(1, 3000) i;
VACUUM ANALYZE filters;
SELECT segments > 5 AS several, rows FROM omendb.compact('filters');

-- How many segments a query read and pruned, and the names of its filters
CREATE FUNCTION plan_of(query text, OUT segments_read int, OUT pruned int, OUT kinds text) LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	kinds := '';
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		segments_read := coalesce(substring(line FROM 'Segments Read: (\d+)')::int, segments_read);
		pruned := coalesce(substring(line FROM 'Segments Pruned: (\d+)')::int, pruned);
		kinds := kinds || CASE WHEN line ~ '^ *Columnar Filter' THEN 'C' WHEN line ~ '^ *Vector Filter' THEN 'V'
			WHEN line ~ '^ *Filter' THEN 'R' ELSE '' END;
	END LOOP;
END $$;

-- The answer with columns and with rows, in order
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
SET omendb.columnar_scan = force;

-- Every comparison of a column with constants of its own and other types,
-- within, at and beyond the values that occur
CREATE FUNCTION try_comparisons(attname text, constants text[], OUT queries int, OUT wrong int, OUT pushed int, OUT pruned int)
LANGUAGE plpgsql AS $$
DECLARE
	constant text;
	op text;
	query text;
	result record;
	plan record;
BEGIN
	queries := 0; wrong := 0; pushed := 0; pruned := 0;
	FOREACH constant IN ARRAY constants LOOP
		FOREACH op IN ARRAY ARRAY['<', '<=', '=', '>=', '>', '<>'] LOOP
			query := format('SELECT id FROM filters WHERE %I %s %s', attname, op, constant);
			result := two_ways(query);
			plan := plan_of(query);
			queries := queries + 1;
			wrong := wrong + (NOT result.same)::int;
			pushed := pushed + (plan.kinds = 'C')::int;
			pruned := pruned + coalesce(plan.pruned > 0, false)::int;
		END LOOP;
	END LOOP;
END $$;
SELECT attname, (try_comparisons(attname, constants)).* FROM (VALUES
	('n', ARRAY['0', '0.005', '1.23', '1.230000', '-20', '10.00', '10', '1e30', '-1e30', '''NaN''', '''Infinity''', '''-Infinity''', '92233720368547758.07', '92233720368547758.08', '1.2345678901234567890123', 'NULL::numeric']),
	('nn', ARRAY['0', '71.4285714285714286', '1e30', '''NaN''', '''Infinity''', '''-Infinity''', '100']),
	('big', ARRAY['0', '10000000000000000', '15000000000000000000', '15000000000000000000.5', '''NaN''', '9223372036854775807']),
	('d', ARRAY['''2022-01-01''::date', '''2022-01-01''::timestamp', '''2022-01-01 00:00:01''::timestamp', '''infinity''::timestamp', '''-infinity''::timestamp', '''2022-01-01''::timestamptz', '''2022-03-13 05:00+00''::timestamptz', '''2022-03-13 04:59:59+00''::timestamptz', '''infinity''::timestamptz', '''4714-11-24 BC''::timestamp', '''294276-12-31''::timestamp', '''5874897-12-31''::date']),
	('ts', ARRAY['''2022-01-01''::date', '''infinity''::date', '''-infinity''::date', '''5874897-12-31''::date', '''4714-11-24 BC''::date', '''2022-01-01 07:00''::timestamp']),
	('tz', ARRAY['''2022-01-01''::date', '''infinity''::date', '''-infinity''::date', '''2022-11-06 01:30''::timestamp', '''2022-03-13 02:30''::timestamp', '''infinity''::timestamp', '''5874897-12-31''::date', '''2022-01-01''::timestamptz']),
	('tx', ARRAY['''text 010''', '''text''', '''zzz''', '''''']),
	('cc', ARRAY['''c010''', '''c010x''', '''c''', '''d''', '''''']),
	('by', ARRAY['''\x00000100''::bytea', '''\x''::bytea', '''\xff''::bytea']),
	('u', ARRAY['''00000000-0000-0000-0000-000000000100''::uuid', '''ffffffff-ffff-ffff-ffff-ffffffffffff''::uuid']),
	('i8', ARRAY['1000000007::int8', '5', '9223372036854775807', '0::int2']),
	('f8', ARRAY['''NaN''::float8', '10', '0::float4', '''Infinity''::float8']),
	('same', ARRAY['42', '41', '43'])) v (attname, constants);

-- Arrays
SELECT query, (two_ways(query)).*, (plan_of(query)).kinds FROM unnest(ARRAY[
	'SELECT id FROM filters WHERE n IN (1.23, 1.2300, -5, 1.005, NULL)',
	'SELECT id FROM filters WHERE n = ANY (ARRAY[NULL, NULL]::numeric[])',
	'SELECT id FROM filters WHERE n = ANY (''{}''::numeric[])',
	'SELECT id FROM filters WHERE nn IN (''NaN'', 100, ''Infinity'')',
	'SELECT id FROM filters WHERE n = ANY (ARRAY[3, 4])',
	'SELECT id FROM filters WHERE u = ANY (ARRAY[''00000000-0000-0000-0000-000000000100'', ''00000000-0000-0000-0000-000000000012'']::uuid[])',
	'SELECT id FROM filters WHERE cc IN (''c010'', ''c059'', ''none'')',
	'SELECT id FROM filters WHERE d IN (''2021-02-01'', ''infinity'')',
	'SELECT id FROM filters WHERE d = ANY (ARRAY[''2021-02-01'', ''2021-02-02 01:00'']::timestamp[])',
	'SELECT id FROM filters WHERE n <> ALL (ARRAY[1.23, 4])']) query;

-- Segments that statistics exclude, also of strings
SELECT query, (two_ways(query)).same, segments_read < 3 AS few_read, pruned > 3 AS pruned
FROM unnest(ARRAY[
	'SELECT id FROM filters WHERE n > 9.5',
	'SELECT id FROM filters WHERE tx = ''text 003''',
	'SELECT id FROM filters WHERE tx IN (''text 003'', ''none'')',
	'SELECT id FROM filters WHERE cc < ''c002''',
	'SELECT id FROM filters WHERE cc >= ''c058''',
	'SELECT id FROM filters WHERE by = ''\x00000100''',
	'SELECT id FROM filters WHERE u > ''00000000-0000-0000-0000-000000000128''',
	'SELECT id FROM filters WHERE nul = 4',
	'SELECT id FROM filters WHERE same <> 42']) query, plan_of(query);

-- A condition that is true for all rows of a segment is not tested; the answer is the same
SELECT query, (two_ways(query)).* FROM unnest(ARRAY[
	'SELECT id FROM filters WHERE same = 42',
	'SELECT id FROM filters WHERE same IS NOT NULL AND nul IS NULL AND cc >= ''a'' AND u <> ''ffffffff-ffff-ffff-ffff-ffffffffffff''',
	'SELECT id FROM filters WHERE n > -1000000',
	'SELECT id FROM filters WHERE id > 0 AND id < 100000 AND b']) query;

-- Conditions on vectors, behind the filters and in order; what is not native stays with the rows
SELECT query, (two_ways(query)).*, (plan_of(query)).kinds FROM unnest(ARRAY[
	'SELECT id FROM filters WHERE i8 + id > 3000000000000',
	'SELECT id FROM filters WHERE id % 7 = 3 AND n > 5',
	'SELECT id FROM filters WHERE n * 2 > nn',
	'SELECT id FROM filters WHERE (id < 10 OR n > 9.9)',
	'SELECT id FROM filters WHERE b IS NOT TRUE',
	'SELECT id FROM filters WHERE NOT b OR tx LIKE ''%7''',
	'SELECT id FROM filters WHERE tx LIKE ''text 00%'' AND id % 2 = 0',
	'SELECT id FROM filters WHERE date_trunc(''month'', ts) = ''2022-05-01''',
	'SELECT id FROM filters WHERE extract(dow FROM tz) = 0 AND b',
	'SELECT id FROM filters WHERE CASE WHEN id > 2000 THEN n ELSE f8::numeric END > 3',
	'SELECT id FROM filters WHERE id <> 0 AND 100 / id > 3',
	'SELECT id FROM filters WHERE length(n::text) > 4 AND id % 7 = 3',
	'SELECT id FROM filters WHERE md5(tx) > ''8''',
	'SELECT id FROM filters WHERE id > (SELECT 2990)',
	'SELECT id FROM filters WHERE id + 0 > (SELECT 2990)',
	'SELECT count(*) FROM filters f WHERE id < 20 AND EXISTS (SELECT 1 FROM filters g WHERE g.id + 0 = f.id * 2 AND g.n < 0)',
	'SELECT f.id, x.c FROM filters f, LATERAL (SELECT count(*) AS c FROM filters g WHERE g.id % 100 = f.id AND g.n > f.n) x WHERE f.id < 6']) query;

-- Errors come when the rows raise them, and only then
SELECT count(*) FROM filters WHERE 10 / (id - 2999) > 5;
SELECT count(*) FROM filters WHERE id < 2999 AND 10 / (id - 2999) > -5;
SELECT count(*) FROM filters WHERE CASE WHEN id = 2999 THEN false ELSE 10 / (id - 2999) > 5 END;
SELECT count(*) FROM filters WHERE CASE WHEN tx IS NULL THEN false ELSE substr(tx, 6)::int > 5 END;
SELECT count(*) FROM filters WHERE tx::int > 5;
SELECT id FROM filters WHERE id < 5 AND tx::int > 5;

-- Rows of the heap get the same conditions
UPDATE filters SET n = n + 1, tx = 'changed' WHERE id % 100 = 5;
INSERT INTO filters (id, n, tx, cc) VALUES (3001, 9.9, 'text 003', 'c001');
DELETE FROM filters WHERE id % 100 = 7;
SELECT query, (two_ways(query)).* FROM unnest(ARRAY[
	'SELECT id, n FROM filters WHERE n > 9.5 AND id % 5 = 0',
	'SELECT id, tx FROM filters WHERE tx LIKE ''%an%''',
	'SELECT id, tx FROM filters WHERE upper(tx) = ''TEXT 003''',
	'SELECT id FROM filters WHERE id % 100 IN (5, 7) AND cc LIKE ''c00%''']) query;

-- Columns that were added later, and one of another type
ALTER TABLE filters ADD COLUMN added numeric DEFAULT 7.50, ADD COLUMN later text DEFAULT 'late', ADD COLUMN none date;
SELECT query, (two_ways(query)).* FROM unnest(ARRAY[
	'SELECT id FROM filters WHERE added = 7.5',
	'SELECT id FROM filters WHERE added > 7.5',
	'SELECT id FROM filters WHERE added IN (1, 7.500)',
	'SELECT id FROM filters WHERE added + n > 12',
	'SELECT id FROM filters WHERE later LIKE ''l%'' AND id % 3 = 0',
	'SELECT id FROM filters WHERE later < ''k''',
	'SELECT id FROM filters WHERE none > ''2020-01-01''::timestamp',
	'SELECT id FROM filters WHERE none IS NULL AND id % 3 = 1']) query;

-- Prepared statements: other values in every execution
PREPARE by_number(numeric, int) AS SELECT count(*), min(id) FROM filters WHERE n > $1 AND id % $2 = 1;
PREPARE by_time(date) AS SELECT count(*), max(id) FROM filters WHERE ts >= $1 AND ts < $1 + 30;
SET plan_cache_mode = force_generic_plan;
EXECUTE by_number(9, 7);
EXECUTE by_number(-1.5, 3);
EXECUTE by_number(NULL, 3);
EXECUTE by_number(1, 0);
EXECUTE by_time('2022-01-01');
EXECUTE by_time('2021-01-05');
SET omendb.columnar_scan = off;
EXECUTE by_number(9, 7);
EXECUTE by_number(-1.5, 3);
EXECUTE by_number(NULL, 3);
EXECUTE by_number(1, 0);
EXECUTE by_time('2022-01-01');
EXECUTE by_time('2021-01-05');
RESET plan_cache_mode;
SET omendb.columnar_scan = force;

-- What a policy hides is not shown to a condition on vectors
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_omendb_filters;
RESET client_min_messages;
CREATE ROLE regress_omendb_filters;
GRANT SELECT ON filters TO regress_omendb_filters;
ALTER TABLE filters ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON filters USING (id % 10 = 1);
CREATE FUNCTION tell(text) RETURNS bool LANGUAGE plpgsql STABLE COST 0.0001 AS $$
BEGIN
	IF $1 = 'text 001' THEN RAISE NOTICE 'seen %', $1; END IF;
	RETURN true;
END $$;
SET ROLE regress_omendb_filters;
EXPLAIN (COSTS OFF) SELECT id FROM filters WHERE tell(tx) AND n < -19 AND id < 150;
SELECT count(*) FROM filters WHERE tell(tx) AND id BETWEEN 102 AND 110;
SELECT count(*) FROM filters WHERE 1 / (id % 10) > 0;
RESET ROLE;

DROP TABLE filters;
DROP FUNCTION plan_of, two_ways, try_comparisons, tell;
DROP ROLE regress_omendb_filters;
