-- Expressions over vectors: every kind of expression on the same rows, from
-- columns and from rows of the heap, compared with PostgreSQL's executor: values,
-- digits and errors.  Only differences are printed.
SET omendb.segment_blocks = 16;
SET max_parallel_workers_per_gather = 0;
SET timezone = 'UTC';
SET extra_float_digits = 1;

CREATE TABLE ve (
	id int, i2 int2, i4 int4, i8 int8, p int4, n2 numeric(12,2), n4 numeric(15,4), n numeric, one numeric(5,2),
	f4 float4, f8 float8, b bool, t bool, d date, ts timestamp, tx text, tc text COLLATE "C", vc varchar(9),
	by bytea, u uuid, c "char", o oid, ti time, mo money) USING omendb;
SELECT omendb.set_compaction('ve', false);

-- Small numbers without nulls, small numbers with nulls, the ends of the types
CREATE FUNCTION ve_fill(kind text, first int, last int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	small bool := kind = 'small';
	wild bool := kind = 'wild';
BEGIN
	INSERT INTO ve SELECT i,
		CASE WHEN wild THEN ('{-32768,32767,0,NULL}'::int2[])[1 + i % 4] WHEN small OR i % 7 > 0 THEN i % 200 - 100 END,
		CASE WHEN wild THEN ('{-2147483648,2147483647,0,-1,NULL}'::int4[])[1 + i % 5] WHEN small OR i % 6 > 0 THEN i * 7 % 20000 - 9000 END,
		CASE WHEN wild THEN ('{-9223372036854775808,9223372036854775807,0,-1,NULL}'::int8[])[1 + i % 5] WHEN small OR i % 5 > 0 THEN i::int8 * 10000000 - 7 END,
		1 + i % 9,
		CASE WHEN wild THEN ('{9999999999.99,-9999999999.99,0,NULL}'::numeric[])[1 + i % 4] WHEN small OR i % 7 > 0 THEN (i % 3000 - 1000) / 100.0 END,
		CASE WHEN wild THEN ('{99999999999.9999,-99999999999.9999,0.0001,NULL}'::numeric[])[1 + i % 4] WHEN small OR i % 6 > 0 THEN (i % 7000 - 3500) / 10000.0 END,
		CASE WHEN wild THEN ('{NaN,Infinity,-Infinity,1e40,1.5,1.50,NULL}'::numeric[])[1 + i % 7] WHEN small OR i % 5 > 0 THEN round(i / 8.0, 3) END,
		5.25,
		CASE WHEN wild THEN ('{NaN,Infinity,-Infinity,-0,0,1e38,1e-44,NULL}'::float4[])[1 + i % 8] WHEN small OR i % 7 > 0 THEN i / 8.0 - 70 END,
		CASE WHEN wild THEN ('{NaN,Infinity,-Infinity,-0,0,1e308,1e-320,NULL}'::float8[])[1 + i % 8] WHEN small OR i % 6 > 0 THEN i / 10.0 - 70.5 END,
		CASE WHEN small OR i % 3 > 0 THEN i % 2 = 0 END,
		i % 5 = 0,
		CASE WHEN wild THEN ('{infinity,-infinity,4713-01-01 BC,5874897-12-31,2000-01-01,NULL}'::date[])[1 + i % 6] WHEN small OR i % 7 > 0 THEN '2020-01-01'::date - 9000 + i % 15000 END,
		CASE WHEN wild THEN ('{infinity,-infinity,4713-01-01 BC,294276-12-31 23:59:59.999999,2000-01-01,NULL}'::timestamp[])[1 + i % 6]
			WHEN small OR i % 7 > 0 THEN '1999-12-01'::timestamp + i * interval '77777.7 s' END,
		CASE WHEN small OR i % 7 > 0 THEN ('{"",a,abc,ABC,äb,z}'::text[])[1 + i % 6] END,
		CASE WHEN small OR i % 5 > 0 THEN 'c' || i % 20 END,
		CASE WHEN small OR i % 5 > 0 THEN 'v' || i % 700 END,
		CASE WHEN small OR i % 6 > 0 THEN ('{"\\x","\\x00","\\x0001","\\xff"}'::bytea[])[1 + i % 4] END,
		CASE WHEN small OR i % 6 > 0 THEN md5((i % 40)::text)::uuid END,
		chr(65 + i % 26)::"char",
		CASE i % 3 WHEN 0 THEN 4294967290 ELSE i END,
		'00:00'::time + i * interval '10 s',
		(i / 100.0)::numeric::money
	FROM generate_series(first, last) i;
END $$;

SELECT ve_fill('small', 1, 1500);
SELECT ve_fill('nulls', 1501, 3000);
SELECT ve_fill('wild', 3001, 4000);
SELECT ve_fill('small', 4001, 4400);
SELECT omendb.compact('ve');
SELECT ve_fill('nulls', 4401, 4700);
UPDATE ve SET i4 = i4 / 2, n2 = n2 + 1, tx = 'new' WHERE id % 40 = 3 AND i4 > -5000;
DELETE FROM ve WHERE id % 97 = 0;

-- Each value of the expression, through the aggregate's keys; the rows that pass
-- it, if it is a condition, through the scan; or the error
CREATE FUNCTION ve_answer(expr text, rows text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	kind regtype;
	passed text := '';
BEGIN
	EXECUTE format('SELECT string_agg(id || ''='' || coalesce(v::text, ''null''), '','' ORDER BY id), max(pg_typeof(v)::oid)::regtype
		FROM (SELECT id, (%s) v FROM ve WHERE %s GROUP BY id, (%s)) s', expr, rows, expr) INTO answer, kind;
	IF kind = 'bool'::regtype THEN
		EXECUTE format('SELECT string_agg(id::text, '','' ORDER BY id) FROM (SELECT id FROM ve WHERE %s AND (%s) OFFSET 0) s',
			rows, expr) INTO passed;
	END IF;
	RETURN md5(answer || ' ' || coalesce(passed, 'none'));
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

CREATE FUNCTION ve_settings(columnar bool) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('omendb.columnar_scan', CASE WHEN columnar THEN 'force' ELSE 'off' END, false),
		set_config('omendb.columnar_aggregate', columnar::text, false);
END $$;

-- Prints what differs, and how many were compared
CREATE FUNCTION ve_compare(exprs text[], rows text DEFAULT 'true') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	expr text;
	wanted text;
	got text;
	errors int := 0;
BEGIN
	FOREACH expr IN ARRAY exprs LOOP
		PERFORM ve_settings(false);
		wanted := ve_answer(expr, rows);
		PERFORM ve_settings(true);
		got := ve_answer(expr, rows);
		errors := errors + (length(wanted) <> 32)::int;
		IF got IS DISTINCT FROM wanted THEN
			RETURN NEXT format('%s: %s, wanted %s', expr, got, wanted);
		END IF;
	END LOOP;
	RETURN NEXT format('%s compared, %s of them errors', cardinality(exprs), errors);
END $$;

CREATE TABLE ve_expr (class text, expr text);
INSERT INTO ve_expr SELECT 'int', unnest(ARRAY[
	'i2 + i4', 'i4 + i2', 'i2 + i8', 'i8 + i2', 'i4 + i8', 'i8 + i4', 'i2 + i2', 'i4 + i4', 'i8 + i8',
	'i2 - i4', 'i4 - i2', 'i2 - i8', 'i8 - i2', 'i4 - i8', 'i8 - i4', 'i2 - i2', 'i4 - i4', 'i8 - i8',
	'i2 * i4', 'i4 * i2', 'i2 * i8', 'i8 * i2', 'i4 * i8', 'i8 * i4', 'i2 * i2', 'i4 * i4', 'i8 * i8',
	'i2 / p', 'p / i2', 'i4 / p', 'i8 / p', 'p / i8', 'i8 / i4', 'i2::int2 / (p::int2)', 'i8 / (-7)', 'i4 / (p - 20)',
	'i2 % p::int2', 'i4 % p', 'i8 % p', 'i8 % (-7)', 'i8 % 1000000007', 'mod(i4, 10)', 'i4 / 0', 'i4 % 0', 'i8 / i8',
	'-i2', '-i4', '-i8', 'abs(i2)', 'abs(i4)', '@ i8', 'i4 + 1', '1 - i4', 'i8 * 3', 'i4 * 100000', 'i2 + 32767::int2',
	'((i4 + p) * 2 - i2) % 13', 'i4::int2', 'i8::int4', 'i8::int2', 'i2::int8', 'b::int', 'i4::bool', 'p::int2 * p::int8']);
INSERT INTO ve_expr SELECT 'numeric', unnest(ARRAY[
	'n2 + n4', 'n4 - n2', 'n2 * n4', 'n2 * (1 - n4)', 'n2 * (1 - n4) * (1 + n4)', 'n + n2', 'n * n', 'n - 0.00001', '1 - n2',
	'n2 + 0', 'n2 * 0', 'n2 / 3', 'n2 / n4', 'n2 % 7', '-n2', 'abs(n4)', '@ n', 'one + n2', 'one * one * one', 'n4 * n4 * n4 * n4',
	'n2 * 1000000000000', 'n2 + 1e20', 'n2 + NULL', 'n2 + i4', 'i8 * n4', 'i4::numeric', 'i8::numeric', 'n2::int2', 'n2::int4',
	'n4::int8', 'n::int', 'n2::numeric(10,1)', 'n2::numeric(14,4)', 'n4::numeric(5,4)', 'n::numeric(20,2)', 'n4::numeric(18,0)',
	'round(n4, 2)', 'round(n4)', 'round(n4, 6)', 'round(n2, -1)', 'trunc(n4, 1)', 'trunc(n2)', 'ceil(n2)', 'floor(n2)', 'ceil(n)',
	'n2::float8', 'n4::float4', 'n::float8', 'n2 + n4 + n + one', 'i8 / 3.0', 'n2 * 0.01 + n4 * 0.001']);
INSERT INTO ve_expr SELECT 'float', unnest(ARRAY[
	'f8 + f8', 'f8 - f4', 'f4 - f8', 'f8 * f8', 'f8 * 1e300', 'f8 / 3', 'f8 / f4', 'f4 + f4', 'f4 - 0.1::float4', 'f4 * f4', 'f4 / f4',
	'f4 * 1e30::float4', 'f8 / 0', '1 / (f8 + 1000000)', '-f8', '-f4', 'abs(f8)', 'abs(f4)', 'ceil(f8)', 'floor(f8)', 'trunc(f8)', 'round(f8)',
	'f8::float4', 'f4::float8', 'f8::int2', 'f8::int4', 'f8::int8', 'f4::int4', 'f8::numeric', 'i4::float8', 'i8::float8',
	'i8::float4', 'i2::float4', 'f8 * i4', 'sqrt(abs(f8))', 'f8 + NULL']);
INSERT INTO ve_expr SELECT 'comparison', format('%s %s %s', a, op, b) FROM
	unnest('{=,<>,<,<=,>,>=}'::text[]) op,
	(VALUES ('i2', 'i4'), ('i4', 'i2'), ('i8', 'i4'), ('i2', 'i8'), ('i4', '77'), ('n2', 'n4'), ('n', '1.5'), ('n2', '10.00'),
		('n', 'n2'), ('f8', 'f4'), ('f4', 'f4'), ('f8', '''NaN'''), ('f8', '0'), ('b', 't'), ('d', 'ts'), ('ts', 'd'), ('d', '''2000-01-01'''),
		('ts', '''infinity'''), ('by', '''\x00'''), ('u', 'md5(''3'')::uuid'), ('c', '''F'''), ('o', '4294967290'), ('ti', '''03:00'''),
		('mo', '''20'''), ('tc', '''c11'''), ('tx', '''abc'''), ('tx', 'tc'), ('tx COLLATE "C"', 'tc'), ('vc', '''v77'''), ('i8', 'i8'),
		('id', '1000000'), ('id', 'NULL')) v(a, b);
INSERT INTO ve_expr SELECT 'logic', unnest(ARRAY[
	'b AND t', 'b OR t', 'NOT b', 'b AND NULL', 'b OR NULL', 'b AND i4 > 0 AND n2 < 5', 'i4 > 0 OR n2 < 0 OR b', 'NOT (b AND i4 > 0)',
	'i4 BETWEEN -100 AND 100', 'i8 NOT BETWEEN 0 AND n2', 'i4 IS NULL', 'n IS NOT NULL', 'tx IS NULL', '(i4 + n2) IS NULL', 'b IS TRUE',
	'b IS NOT TRUE', 'b IS FALSE', 'b IS NOT FALSE', 'b IS UNKNOWN', 'b IS NOT UNKNOWN', '(i4 > 0) IS NOT TRUE', 'i4 IS DISTINCT FROM i2',
	'n2 IS NOT DISTINCT FROM 1', 'b IS DISTINCT FROM NULL', 'tx IS DISTINCT FROM tc', 'p <> 0 AND i4 / p > 10', 'i2 = 0 OR i4 / i2 > 10',
	't OR 1 / (id - id) > 0', 'p > 0 OR 1 / (id - id) > 0', 'p < 0 AND 1 / (id - id) > 0']);
INSERT INTO ve_expr SELECT 'array', unnest(ARRAY[
	'i4 IN (1, 2, 3)', 'i4 IN (-100, -93, -86, -79, 5, 12, 19, 26, 33, 40)', 'i8 IN (1, 9999993, 19999993, 29999993, 39999993, 49999993, 59999993, 69999993, 79999993)',
	'i4 NOT IN (1, 5, 12)', 'i4 NOT IN (1, 5, NULL)', 'i4 IN (5, NULL)', 'i2 = ANY (''{5,7,9}''::int8[])', 'i4 = ANY (''{}'')', 'i4 <> ALL (''{}'')',
	'i4 = ANY (NULL)', 'i4 > ANY (''{5,7}'')', 'n2 IN (1, 2.5, 3.333, 4.50)', 'n IN (1.5, 2.125)', 'n2 IN (1, ''NaN'')', 'f8 IN (1, 2.5, ''NaN'', -0.5)',
	'f4 = ANY (''{1,2.5}''::float8[])', 'd IN (''2000-01-01'', ''infinity'')', 'u IN (md5(''1'')::uuid, md5(''2'')::uuid)', 'by NOT IN (''\x00'', ''\x01'')',
	'tx IN (''a'', ''abc'', ''new'')', 'tc NOT IN (''c1'', ''c2'')', 'vc IN (''v1'', NULL)', 'b IN (true, NULL)', 'i4 IN (p, 7)']);
INSERT INTO ve_expr SELECT 'case', unnest(ARRAY[
	'CASE WHEN i4 > 0 THEN i8 ELSE 0 END', 'CASE WHEN b THEN n2 ELSE 0 END', 'CASE WHEN b THEN n2 ELSE one END', 'CASE WHEN b THEN n2 END',
	'CASE WHEN t THEN f8 WHEN b THEN f4 END', 'CASE WHEN i2 <> 0 THEN i4 / i2 END', 'CASE p WHEN 1 THEN i4 WHEN 2 THEN i8 ELSE -1 END',
	'CASE WHEN i4 < -50 THEN ''low'' WHEN i4 < 50 THEN ''mid'' WHEN b THEN NULL ELSE ''high'' END', 'CASE tx WHEN ''a'' THEN 1 WHEN ''abc'' THEN 2 END',
	'CASE WHEN i4 > 0 THEN tx ELSE tc END', 'CASE WHEN b THEN d ELSE ts::date END', 'CASE WHEN b THEN t END', 'CASE WHEN p > 0 THEN 1 ELSE 1 / (id - id) END',
	'CASE i4 WHEN i2 THEN 1 WHEN 5 THEN 1 / (id - id) ELSE 3 END', 'CASE WHEN b THEN CASE WHEN t THEN i4 ELSE i2 END ELSE p END',
	'coalesce(i4, i2, 0)', 'coalesce(n2, one)', 'coalesce(n2, 0)', 'coalesce(f8, f4, 1.5)', 'coalesce(tx, tc, ''none'')', 'coalesce(b, t)', 'coalesce(i4, 1 / (p - p))',
	'nullif(i4, 5)', 'nullif(n2, 1)', 'nullif(i4, i2)', 'nullif(tx, ''a'')', 'greatest(i4, i2, p)', 'least(n2, n4)', 'greatest(d, ''2000-01-01'')', 'least(p, id)',
	'greatest(f8, 0)']);
INSERT INTO ve_expr SELECT 'time', unnest(ARRAY[
	'd::timestamp', 'ts::date', 'd + 5', 'd - 100000', 'd - ''2000-01-01''', 'd + p', 'ts + interval ''1 day''']);

SELECT class, ve_compare(array_agg(expr)) FROM ve_expr GROUP BY class ORDER BY class;

-- Where nothing overflows
SELECT class, ve_compare(array_agg(expr), 'id NOT BETWEEN 3001 AND 4000') FROM ve_expr GROUP BY class ORDER BY class;

-- All of them at once, deeper
SELECT ve_compare(array_agg(format('coalesce(CASE WHEN %s AND NOT (%s) THEN 1 WHEN %s THEN 2 END, 3)', a.expr, b.expr, c.expr)), 'id < 3001')
FROM (SELECT expr, row_number() OVER (ORDER BY md5(expr)) k FROM ve_expr WHERE class IN ('comparison', 'logic', 'array')) a
	JOIN (SELECT expr, row_number() OVER (ORDER BY md5('b' || expr)) k FROM ve_expr WHERE class IN ('comparison', 'logic', 'array')) b USING (k)
	JOIN (SELECT expr, row_number() OVER (ORDER BY md5('c' || expr)) k FROM ve_expr WHERE class IN ('comparison', 'logic', 'array')) c USING (k)
WHERE k <= 60;

-- Parameters are constants of one execution
SELECT ve_settings(true);
SET plan_cache_mode = force_generic_plan;
PREPARE vp(int, numeric, int[]) AS
	SELECT count(*), sum(i4 + $1), sum(n2 * $2), count(*) FILTER (WHERE i4 = ANY ($3) OR i4 > $1) FROM ve WHERE id < 3001 AND i4 % $1 < 3;
EXECUTE vp(5, 1.5, '{1,2,3}');
EXECUTE vp(7, 0, NULL);
EXECUTE vp(NULL, 2, '{}');
EXECUTE vp(0, 1, '{}');
SELECT ve_settings(false);
DISCARD PLANS;
EXECUTE vp(5, 1.5, '{1,2,3}');
EXECUTE vp(7, 0, NULL);
EXECUTE vp(NULL, 2, '{}');
EXECUTE vp(0, 1, '{}');

-- and of one rescan
SELECT ve_settings(true);
SELECT g, (SELECT sum(CASE WHEN p > g THEN i4 * g ELSE g END) FROM ve WHERE id < 3001 AND i4 + g > 100) FROM generate_series(0, 3) g;
SELECT ve_settings(false);
SELECT g, (SELECT sum(CASE WHEN p > g THEN i4 * g ELSE g END) FROM ve WHERE id < 3001 AND i4 + g > 100) FROM generate_series(0, 3) g;

-- Numerics of several scales in one expression
CREATE VIEW ve_scales AS
	SELECT p, sum(CASE WHEN t THEN n2 ELSE 0 END), avg(coalesce(n2, 1)), count(CASE WHEN b THEN n2 ELSE 0.125 END),
		sum(CASE p WHEN 1 THEN n2 WHEN 2 THEN n4 WHEN 3 THEN one WHEN 4 THEN n2 * n4 WHEN 5 THEN 1.5 WHEN 6 THEN 7 END) AS many,
		variance(CASE WHEN t THEN one ELSE 3 END), sum(CASE WHEN id < 0 THEN n2 ELSE 0 END) AS zero
	FROM ve WHERE id < 3001 GROUP BY p;
SELECT ve_settings(true);
EXPLAIN (COSTS OFF) SELECT * FROM ve_scales;
SELECT * FROM ve_scales ORDER BY p;
CREATE TEMP TABLE ve_columnar AS SELECT * FROM ve_scales;
SELECT ve_settings(false);
SELECT * FROM ve_columnar EXCEPT SELECT * FROM ve_scales;
SELECT c::text FROM ve_columnar c EXCEPT SELECT s::text FROM ve_scales s;

DROP VIEW ve_scales;
DROP TABLE ve, ve_expr, ve_columnar;
DROP FUNCTION ve_fill, ve_answer, ve_settings, ve_compare;
