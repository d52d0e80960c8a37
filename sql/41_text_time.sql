-- Functions of text, dates and times in conditions on vectors.  Every value is
-- compared with the one that PostgreSQL's executor gave when the table was made.
SET omendb.segment_blocks = 32;
SET max_parallel_workers_per_gather = 0;
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE TABLE moments (id int, ts timestamp, tz timestamptz, far timestamptz, old timestamp, oldz timestamptz, inf timestamp, infz timestamptz, d date, dinf date);
INSERT INTO moments
SELECT i,
	CASE WHEN i % 11 > 0 THEN '2019-01-01'::timestamp + i * interval '37 min 1.234567 s' END,
	'2019-01-01'::timestamptz + i * interval '37 min 7.654321 s',
	'2000-01-01'::timestamptz + (i * 7919 % 20011) * interval '11 h 11.5 s',
	'0044-03-15 BC'::timestamp + i * interval '157 h 3.000001 s',
	'1700-01-01'::timestamptz + i * interval '497 h',
	CASE i % 300 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' ELSE '2019-01-01'::timestamp + i * interval '37 min' END,
	CASE i % 300 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN '294276-12-30 23:00' WHEN 3 THEN '4714-11-26 BC' ELSE '2019-01-01'::timestamptz + i * interval '37 min' END,
	'2019-01-01'::date - 1000 + i / 3,
	CASE i % 300 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN '5874897-12-31' WHEN 3 THEN NULL ELSE '2019-01-01'::date + i END
FROM generate_series(1, 4000) i;

CREATE TABLE words (id int, tx text, cc text COLLATE "C", vc varchar(20), bc char(10), long text, by bytea, j jsonb, i4 int);
INSERT INTO words
SELECT i,
	CASE i % 9 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE (ARRAY['Text ', 'tëxt ', '%x_', 'a\b'])[1 + i % 4] || i % 40 END,
	'c' || i % 100,
	'vc ' || i % 50,
	'bc' || i % 30,
	md5(i::text) || repeat('x', i % 50) || i,
	decode(md5((i % 60)::text), 'hex'),
	jsonb_build_object('k', i % 20, 's', 's' || i % 7),
	CASE WHEN i % 13 > 0 THEN i % 100 END
FROM generate_series(1, 4000) i;

-- Makes a table with columns of the source and the values of expressions, and
-- tells for which of them a condition on vectors does not find the same
CREATE PROCEDURE differing(source text, exprs text[], INOUT checked int DEFAULT 0, INOUT native int DEFAULT 0, INOUT differing text DEFAULT '') LANGUAGE plpgsql AS $$
DECLARE
	condition text;
	list text;
	line text;
	n bigint;
BEGIN
	SELECT string_agg(format('%s AS v%s', e, i), ', ') INTO list FROM unnest(exprs) WITH ORDINALITY u (e, i);
	PERFORM set_config('omendb.columnar_scan', 'off', false);
	EXECUTE format('CREATE TABLE checked USING omendb AS SELECT *, %s FROM %I', list, source);
	PERFORM omendb.set_compaction('checked', false);
	COMMIT;
	PERFORM omendb.compact('checked');
	COMMIT;
	UPDATE checked SET id = id WHERE id % 500 = 3;
	PERFORM set_config('omendb.columnar_scan', 'force', false);
	FOR i IN 1 .. cardinality(exprs) LOOP
		condition := format('(%s) IS DISTINCT FROM v%s', exprs[i], i);
		EXECUTE format('SELECT count(*) FROM (SELECT id FROM checked WHERE %s OFFSET 0) x', condition) INTO n;
		checked := checked + 1;
		IF n > 0 THEN differing := differing || format('%s: %s rows ', exprs[i], n); END IF;
		FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT id FROM checked WHERE %s', condition) LOOP
			native := native + (line ~ 'Vector Filter')::int;
		END LOOP;
	END LOOP;
	DROP TABLE checked;
	COMMIT;
END $$;

-- Every unit and field of every column
CREATE VIEW time_exprs AS
SELECT format(f, unit, col) AS e, row_number() OVER () AS i
FROM unnest(ARRAY['microsecond', 'milliseconds', 'second', 'minute', 'Hour', 'day', 'week', 'month', 'quarter', 'year',
		'decade', 'century', 'millennium', 'dow', 'doy', 'isodow', 'isoyear', 'epoch']) unit,
	unnest(ARRAY['ts', 'tz', 'far', 'old', 'oldz', 'inf', 'infz', 'd', 'dinf']) col,
	unnest(ARRAY['date_trunc(%L, %I)', 'extract(%s FROM %I)', 'date_part(%L, %I)']) f
WHERE (f !~ 'trunc' OR unit NOT IN ('dow', 'doy', 'isodow', 'isoyear', 'epoch'))
	AND (col NOT IN ('d', 'dinf') OR (f ~ 'extract' AND unit NOT IN ('microsecond', 'milliseconds', 'second', 'minute', 'Hour')))
	AND (col NOT IN ('inf', 'infz') OR f !~ 'part' OR unit IN ('day', 'year', 'epoch'))
	AND NOT (col = 'infz' AND f ~ 'trunc' AND unit NOT IN ('second', 'Hour', 'day'));
CREATE PROCEDURE check_times(zone text, part int, parts int, INOUT checked int DEFAULT 0, INOUT native int DEFAULT 0, INOUT differing text DEFAULT '') LANGUAGE plpgsql AS $$
DECLARE
	exprs text[];
BEGIN
	PERFORM set_config('timezone', zone, false);
	FOR g IN 0 .. 4 LOOP
		SELECT array_agg(e ORDER BY i) INTO exprs FROM time_exprs WHERE i % parts = part AND i % 5 = g;
		IF exprs IS NOT NULL THEN CALL differing('moments', exprs, checked, native, differing); END IF;
	END LOOP;
END $$;
CALL check_times('UTC', 0, 7);
CALL check_times('America/New_York', 0, 1);
CALL check_times('America/St_Johns', 1, 6);
CALL check_times('Australia/Lord_Howe', 2, 7);
CALL check_times('Asia/Kolkata', 3, 7);
CALL check_times('Africa/Monrovia', 4, 7);
CALL check_times('Pacific/Apia', 5, 6);
CALL check_times('<+03:30>-03:30', 1, 7);

-- Sums, bins, casts and zones
SET timezone = 'Europe/Lisbon';
CALL differing('moments', ARRAY[
	'ts::date', 'tz::date', 'far::date', 'oldz::date', 'inf::date', 'tz::timestamp', 'oldz::timestamp', 'd::timestamp',
	'far AT TIME ZONE ''Europe/Berlin''', 'far AT TIME ZONE ''UTC''', 'far AT TIME ZONE ''EST''', 'far AT TIME ZONE NULL',
	'date_trunc(''day'', far, ''Asia/Tokyo'')', 'date_trunc(''month'', oldz, ''America/Chicago'')', 'date_trunc(''hour'', tz, ''Asia/Kathmandu'')',
	'date_trunc(NULL, ts)', 'date_trunc(lower(''HOUR''), ts)',
	'date_bin(''15 min'', ts, ''2001-01-01'')', 'date_bin(''7 days 3 h'', oldz, ''2001-01-01'')', 'date_bin(''1 h'', inf, ''2031-01-01'')',
	'date_bin(''0.3 s'', tz, ''2019-02-01 00:00:00.1'')', 'date_bin(''1 d -1 h'', ts, ''2001-01-01'')',
	'ts + interval ''3 days 2 h''', 'ts - interval ''1 h''', 'ts + interval ''1 month''', 'tz + interval ''90 s''', 'tz - interval ''90 s''',
	'tz + interval ''1 day''', 'inf + interval ''1 s''', 'd + interval ''1 day 3 h''', 'd - interval ''1 h''',
	'd - 3', 'd + id', '4 + d', 'd - date ''2001-01-01''', 'dinf - 5',
	'extract(epoch FROM ts) - 5', 'extract(hour FROM ts) * 60 + extract(minute FROM ts)', 'date_trunc(''hour'', ts) + interval ''30 min''',
	'extract(year FROM date_trunc(''year'', tz))']);
-- what is not native, and errors
SELECT count(*) FROM moments WHERE extract(julian FROM ts) > 0;
CREATE TABLE errors USING omendb AS SELECT * FROM moments;
SELECT omendb.set_compaction('errors', false), rows FROM omendb.compact('errors');
SET omendb.columnar_scan = force;
SELECT id FROM errors WHERE date_trunc('fortnight', ts) > '2020-01-01';
SELECT id FROM errors WHERE extract(hour FROM d) > 0;
SELECT id FROM errors WHERE date_part('nonsense', ts) > 0;
SELECT id FROM errors WHERE date_bin('1 month', ts, '2001-01-01') > '2020-01-01';
SELECT id FROM errors WHERE date_bin('0 s', ts, '2001-01-01') > '2020-01-01';
SELECT id FROM errors WHERE d + 2147483647 > '2020-01-01';
SELECT id FROM errors WHERE dinf - date '2000-01-01' > 5;
SELECT id FROM errors WHERE infz + interval '100 h' > '2020-01-01';
SELECT id FROM errors WHERE infz AT TIME ZONE 'Nowhere/Land' > '2020-01-01';
SELECT count(*) FROM errors WHERE id > 4000 AND date_trunc('fortnight', ts) > '2020-01-01';

-- Text: every kind of result, with and without a dictionary
CREATE TEMP TABLE text_exprs AS
SELECT col, array_agg(format(e, col)) AS exprs
FROM unnest(ARRAY['tx', 'cc', 'vc', 'bc', 'long']) col,
	unnest(ARRAY['%1$I = ''c7''', '%1$I <> ''c7''', '%1$I < ''c7''', '%1$I >= ''text''', '%1$I IN (''c1'', ''c2'', '''')', '%1$I LIKE ''%%t 1%%''',
		'%1$I NOT LIKE ''c_''', '%1$I ILIKE ''T%%''', '%1$I LIKE ''\%%%%''', '%1$I LIKE ''a\\\\b%%''', '%1$I ~ ''[37]$''', '%1$I IS NULL',
		'%1$I IS NOT NULL', 'coalesce(%1$I, ''none'')', 'nullif(%1$I, '''')', 'length(%1$I)', 'length(%1$I) + i4', 'upper(%1$I)', 'lower(%1$I)',
		'initcap(%1$I)', 'substr(%1$I, 3)', 'substr(%1$I, 2, 2)', 'left(%1$I, 3)', 'right(%1$I, 2)', 'strpos(%1$I, ''1'')', '%1$I || ''!''',
		'''<'' || %1$I || ''>''', 'replace(%1$I, ''1'', ''one'')', 'trim(%1$I)', 'md5(%1$I)', 'starts_with(%1$I, ''c1'')',
		'length(%1$I) > 3 AND i4 > 5', '%1$I LIKE ''%%5'' OR i4 = 3', 'CASE WHEN %1$I LIKE ''%%5'' THEN i4 ELSE -1 END',
		'CASE %1$I WHEN ''c5'' THEN 1.5 WHEN ''Text 8'' THEN 2.25 END', 'greatest(%1$I, ''m'')', 'ascii(%1$I) * 2', 'length(%1$I)::numeric / 4',
		'length(%1$I)::float8 / 4', '%1$I::bytea', 'string_to_array(%1$I, '' '')', 'octet_length(%1$I)', '%1$I COLLATE "C" < ''m''',
		'to_char(length(%1$I), ''999'')', '(''2020-01-01''::date + length(%1$I))']) e
WHERE NOT (col = 'tx' AND e ~ 'bytea')
GROUP BY col;
SELECT format('CALL differing(''words'', %L)', exprs) FROM text_exprs ORDER BY col \gexec
CALL differing('words', ARRAY['length(by)', 'by < ''\x80''', 'encode(by, ''hex'')', 'j->>''s''', '(j->>''k'')::int', 'j @> ''{"k": 3}''', 'substr(by, 2, 3)']);

-- An error of one entry comes only if a row that is left has it
CREATE TABLE entries USING omendb AS SELECT * FROM words;
SELECT omendb.set_compaction('entries', false), rows FROM omendb.compact('entries');
SELECT count(*) FROM (SELECT id FROM entries WHERE id % 40 = 28 AND right(cc, 1)::int = 8 OFFSET 0) x;
SELECT count(*) FROM (SELECT id FROM entries WHERE substr(cc, 1, 1)::int = 8 OFFSET 0) x;
SELECT count(*) FROM (SELECT id FROM entries WHERE CASE WHEN cc LIKE 'c%' THEN false ELSE cc::int > 0 END OFFSET 0) x;
SELECT count(*) FROM (SELECT id FROM entries WHERE CASE WHEN i4 >= 0 OR i4 IS NULL THEN false ELSE cc::int > 0 END OFFSET 0) x;
SELECT count(*) FROM (SELECT id FROM entries WHERE i4 < 0 AND cc::int > 0 OFFSET 0) x;

-- Values that are the same for all rows change between executions and rescans
PREPARE matching(text, int) AS SELECT count(*) FROM (SELECT id FROM entries WHERE tx LIKE $1 AND length(cc || $1) > $2 OFFSET 0) x;
SET plan_cache_mode = force_generic_plan;
EXECUTE matching('Text 1%', 3);
EXECUTE matching('%2', 3);
EXECUTE matching(NULL, 3);
EXECUTE matching('%2', 4);
SELECT v, (SELECT count(*) FROM (SELECT id FROM entries e WHERE e.cc || v LIKE 'c7' || v OR lower(e.tx) = v OFFSET 0) x) FROM unnest(ARRAY['a', 'text 8', NULL, 'b']) v;
SET omendb.columnar_scan = off;
SELECT v, (SELECT count(*) FROM (SELECT id FROM entries e WHERE e.cc || v LIKE 'c7' || v OR lower(e.tx) = v OFFSET 0) x) FROM unnest(ARRAY['a', 'text 8', NULL, 'b']) v;

DROP TABLE moments, words, errors, entries CASCADE;
DROP PROCEDURE differing, check_times;
