-- Aggregate functions over vectors: every aggregate of every type, compared
-- with PostgreSQL's own aggregation.  Only differences are printed.
SET omendb.segment_blocks = 16;
SET omendb.columnar_scan = force;
SET max_parallel_workers_per_gather = 0;
SET timezone = 'UTC';
SET extra_float_digits = 1;

CREATE TYPE af_mood AS ENUM ('sad', 'ok', 'happy', 'wild');
CREATE TYPE af_pair AS (a int, b text);
CREATE COLLATION af_nondet (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION af_icu (provider = icu, locale = 'und');

-- k: a few groups; m: many.  Names beginning with t have equal values that
-- look different, so that another order of rows gives another answer.
CREATE TABLE af (
	id int, k int, m int,
	i2 int2, i4 int4, i8 int8, i8_huge int8, i8_null int8, i4_one int4,
	f4 float4, f4_wild float4, f8 float8, f8_wild float8, f8_nan float8,
	f8_null float8, f8_large float8, f8_top float8, tf8_zero float8,
	n numeric, n2 numeric(12,2), n2_null numeric(12,2), tn_mixed numeric, n_special numeric,
	n_long numeric, n_wide numeric(18,3), n_heap numeric(10,1), n_inf numeric,
	d date, t time, tt timetz, ts timestamp, tz timestamptz, iv interval, mo money,
	tx text, tx_c text COLLATE "C", tx_icu text COLLATE af_icu, ttx_nondet text COLLATE af_nondet,
	tx_many text, tx_many_c text COLLATE "C", tx_empty text, vc varchar(20), bc char(8), tbc bpchar, nm name,
	b bool, b_true bool, b_null bool, bi bit(5), o oid, ip inet, x pg_lsn, x8 xid8,
	e af_mood, a int[], by bytea, p af_pair, tid tid) USING omendb;
SELECT omendb.set_compaction('af', false);

CREATE FUNCTION af_fill(first int, last int) RETURNS void LANGUAGE sql AS $$
INSERT INTO af SELECT i, i % 5, i % 509,
	CASE i % 60 WHEN 0 THEN NULL WHEN 1 THEN -32768 WHEN 2 THEN 32767 ELSE (i * 7 % 300 - 150) END,
	CASE i % 60 WHEN 0 THEN NULL WHEN 1 THEN -2147483648 WHEN 2 THEN 2147483647 ELSE i * 7 END,
	CASE i % 60 WHEN 0 THEN NULL WHEN 1 THEN i * -10000000000 ELSE i * 10000000000 END,
	CASE i % 60 WHEN 0 THEN NULL WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807 ELSE 9000000000000000000 + i END,
	NULL,
	CASE WHEN i = 17 THEN 5 END,
	CASE WHEN i % 9 > 0 THEN i / 8.0 END,
	CASE i % 50 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' WHEN 3 THEN 'Infinity' ELSE i / 8.0 - 100 END,
	CASE WHEN i % 9 > 0 THEN i / 10.0 END,
	CASE WHEN i % 5 = 1 AND i % 509 = 5 THEN 'NaN' WHEN i % 5 = 2 AND i % 509 = 6 THEN '-Infinity' WHEN i % 5 = 3 AND i % 509 = 7 THEN 'Infinity' ELSE i / 10.0 - 100 END,
	'NaN',
	NULL,
	CASE WHEN i % 509 = 3 THEN 1e200 ELSE i END,
	CASE WHEN i % 509 < 5 THEN 1.7e308 ELSE 1 END,
	CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN '-0' ELSE 0 END,
	i::numeric / 7,
	CASE WHEN i % 11 > 0 THEN i / 100.0 END,
	NULL,
	round(i % 97 / 7.0, i % 6),
	CASE WHEN i % 509 = 4 THEN 'NaN' ELSE i / 10.0 END,
	CASE WHEN i % 509 = 4 THEN (repeat('9', 1000) || '.5')::numeric + i ELSE i END,
	CASE i % 2 WHEN 0 THEN 999999999999999.999 ELSE -999999999999998.001 END,
	i / 10.0,
	CASE WHEN i % 509 = 4 THEN 'Infinity' WHEN i % 509 = 5 AND i % 5 = 1 THEN '-Infinity' ELSE i / 10.0 END,
	CASE i % 700 WHEN 0 THEN '-infinity' WHEN 1 THEN 'infinity' WHEN 2 THEN NULL ELSE '2020-01-01'::date + i END,
	'00:00'::time + i * interval '10 s',
	('00:00'::time + i * interval '10 s')::timetz,
	'2020-01-01'::timestamp + i * interval '1 h',
	CASE i % 700 WHEN 0 THEN '-infinity' WHEN 1 THEN 'infinity' WHEN 2 THEN NULL ELSE '2020-01-01'::timestamptz + i * interval '1 h' END,
	i * interval '1 min' + i % 7 * interval '1 month',
	(i / 100.0)::numeric::money,
	CASE i % 9 WHEN 0 THEN NULL ELSE 'text ' || i % 40 END,
	CASE i % 9 WHEN 0 THEN NULL ELSE 'Text ' || i % 40 END,
	CASE i % 2 WHEN 0 THEN 'Ärger ' ELSE 'äther ' END || i % 30,
	CASE i % 2 WHEN 0 THEN 'Same' ELSE 'same' END || i % 5,
	md5(i::text), md5(i::text), CASE WHEN i % 4 > 0 THEN '' END,
	'vc' || i % 1000, 'bc' || i % 30, 'b' || i % 3 || repeat(' ', i % 4), 'name' || i % 60,
	CASE WHEN i % 5 > 0 THEN i % 2 = 0 END, true, NULL,
	(i % 31 + 1)::bit(5), (CASE i % 3 WHEN 0 THEN 4294967290 ELSE i END)::oid,
	('10.0.' || i % 200 || '.1')::inet, ('FFFFFFFF/' || to_hex(i))::pg_lsn, (18446744073709500000 + i)::text::xid8,
	(enum_range(NULL::af_mood))[1 + i % 4], ARRAY[i % 50, NULL, i + 1], decode(md5(i::text), 'hex'), ROW(i, 'p')::af_pair,
	format('(%s,%s)', i, 1 + i % 100)::tid
FROM generate_series(first, last) i;
$$;
SELECT af_fill(1, 4000);
VACUUM ANALYZE af;
SELECT segments > 3 AS several, rows FROM omendb.compact('af');

-- Are answers alike?  Those of floats need not be the same to the last digit.
CREATE FUNCTION af_alike(a text, b text, tolerance float8) RETURNS bool LANGUAGE sql AS $$
	SELECT CASE WHEN a IS NOT DISTINCT FROM b THEN true
		WHEN tolerance = 0 OR a IS NULL OR b IS NULL OR a !~ '^-?[0-9]' OR b !~ '^-?[0-9]' THEN false
		ELSE abs(a::float8 - b::float8) <= tolerance * greatest(abs(a::float8), abs(b::float8)) END
$$;

-- What a query gives, a row for each key, or its error
CREATE FUNCTION af_answer(query text, way text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	answer text[];
BEGIN
	PERFORM set_config('omendb.columnar_aggregate', way, true);
	EXECUTE format('SELECT array_agg(key || ''|'' || value ORDER BY key) FROM (%s) q', query) INTO answer;
	RETURN coalesce(answer, '{}');
EXCEPTION WHEN OTHERS THEN
	RETURN ARRAY[SQLSTATE || '|' || SQLERRM];
END $$;

CREATE FUNCTION af_ours(query text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	PERFORM set_config('omendb.columnar_aggregate', 'on', true);
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'OmendbAggregate' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;

-- Every aggregate that PostgreSQL can combine, with a column of its type
CREATE FUNCTION af_pairs(OUT call text, OUT tolerance float8, OUT ties bool) RETURNS SETOF record LANGUAGE sql AS $$
	SELECT format('%s(%I)', proname, attname),
		CASE WHEN proname IN ('min', 'max', 'count') THEN 0
			WHEN prorettype = 'float4'::regtype THEN 1e-3
			WHEN prorettype = 'float8'::regtype THEN 1e-9 ELSE 0 END,
		attname ~ '^t[a-z0-9]+_' OR attname = 'tbc' OR proname = 'any_value'
	FROM pg_aggregate JOIN pg_proc ON pg_proc.oid = aggfnoid JOIN pg_attribute ON attrelid = 'af'::regclass AND attnum > 0
	WHERE aggkind = 'n' AND aggcombinefn <> 0 AND pronargs = 1 AND proname <> 'array_agg' AND
		(proargtypes[0] = atttypid OR proargtypes[0] = '"any"'::regtype OR
		 proname IN ('min', 'max') AND (atttypid = 'name'::regtype OR atttypid = 'varchar'::regtype) AND proargtypes[0] = 'text'::regtype OR
		 proname IN ('min', 'max') AND (attname = 'e' AND proargtypes[0] = 'anyenum'::regtype OR attname = 'a' AND proargtypes[0] = 'anyarray'::regtype OR attname = 'p' AND proargtypes[0] = 'record'::regtype) OR
		 proname = 'any_value')
	UNION ALL SELECT 'count(*)', 0, false
	ORDER BY 1
$$;
SELECT count(*) > 250 AS many FROM af_pairs();

-- Computes all of them, those of a column in one query (unless there are
-- errors), with vectors and without, and tells where answers differ.
CREATE FUNCTION af_compare(key text, source text, filter text DEFAULT '', with_ties bool DEFAULT true, pattern text DEFAULT '',
	OUT calls text, OUT ours bool, OUT got text, OUT wanted text) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	it record;
	query text;
	with_vectors text[];
	with_rows text[];
	a text[];
	b text[];
BEGIN
	FOR it IN
		SELECT array_agg(p.call ORDER BY p.call) AS call, array_agg(p.tolerance ORDER BY p.call) AS tolerance
		FROM af_pairs() p WHERE (with_ties OR NOT p.ties) AND p.call ~ pattern
		GROUP BY CASE WHEN p.call ~ '_(large|top)' THEN p.call ELSE substring(p.call from '\(.*') END
		ORDER BY 1
	LOOP
		SELECT string_agg(format('(%s %s)::text', c, filter), ', ') INTO query FROM unnest(it.call) c;
		query := format('SELECT %s AS key, array_to_string(ARRAY[%s], ''|'', ''null'') AS value %s', key, query, source);
		calls := array_to_string(it.call, ' ');
		ours := af_ours(query);
		with_vectors := af_answer(query, 'on');
		with_rows := af_answer(query, 'off');
		got := NULL;
		IF NOT ours OR cardinality(with_vectors) <> cardinality(with_rows) THEN
			got := cardinality(with_vectors) || ' rows';
			wanted := cardinality(with_rows) || ' rows';
		END IF;
		FOR i IN 1 .. cardinality(with_rows) LOOP
			EXIT WHEN got IS NOT NULL;
			CONTINUE WHEN with_rows[i] = with_vectors[i];
			a := string_to_array(with_vectors[i], '|');
			b := string_to_array(with_rows[i], '|');
			FOR n IN 1 .. cardinality(b) LOOP
				IF NOT af_alike(a[n], b[n], CASE WHEN n = 1 THEN 0 ELSE it.tolerance[n - 1] END) THEN
					calls := coalesce(it.call[n - 1], calls);
					got := left(with_vectors[i], 200);
					wanted := left(with_rows[i], 200);
					EXIT;
				END IF;
			END LOOP;
		END LOOP;
		IF got IS NOT NULL THEN
			RETURN NEXT;
		END IF;
	END LOOP;
END $$;

-- It finds what is wrong
SELECT count(*) > 20 AS found FROM af_compare('1', 'FROM af WHERE id % (CASE current_setting(''omendb.columnar_aggregate'') WHEN ''on'' THEN 2 ELSE 3 END) = 0');

-- Segments only: whole units, by statistics where they tell
SELECT * FROM af_compare('1', 'FROM af');
SELECT * FROM af_compare('1', 'FROM af WHERE id BETWEEN 1000 AND 3000');
SELECT * FROM af_compare('1', 'FROM af WHERE id < 0');
SELECT * FROM af_compare('1', 'FROM af WHERE id = 17');
SELECT * FROM af_compare('1', 'FROM af', 'FILTER (WHERE id % 3 = 0)');
SELECT * FROM af_compare('1', 'FROM af', 'FILTER (WHERE id < 0)');
SELECT * FROM af_compare('k', 'FROM af GROUP BY k');
SELECT * FROM af_compare('m', 'FROM af GROUP BY m');
SELECT * FROM af_compare('k', 'FROM af WHERE id < 2000 GROUP BY k', 'FILTER (WHERE m > 250)');
SELECT * FROM af_compare('k', 'FROM af WHERE id < 0 GROUP BY k');

-- Rows of the heap as well: changed, deleted, new ones
UPDATE af SET i4 = i4 + 1, n2 = n2 + 1, tn_mixed = tn_mixed + 0.0000001, f8 = f8 + 1, tx = tx || 'x' WHERE id % 50 = 7 AND i4 < 1000000;
DELETE FROM af WHERE id % 70 = 3;
SELECT af_fill(4001, 4500);
SELECT * FROM af_compare('1', 'FROM af');
SELECT * FROM af_compare('k', 'FROM af GROUP BY k');
SELECT * FROM af_compare('m', 'FROM af GROUP BY m');

-- States of other processes
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
-- Whether squares of large values overflow depends on which process adds them.
SELECT * FROM af_compare('1', 'FROM af', with_ties => false, pattern => '^(?!.*_(large|top))');
SELECT * FROM af_compare('k', 'FROM af GROUP BY k', with_ties => false, pattern => '^(?!.*_(large|top))');
SELECT * FROM af_compare('m', 'FROM af GROUP BY m', with_ties => false, pattern => '^(?!.*_(large|top))');
SET max_parallel_workers_per_gather = 0;

-- States on disk
SET work_mem = '64kB';
SET hash_mem_multiplier = 8;
SELECT * FROM af_compare('id', 'FROM af GROUP BY id', pattern => '^[^x]*[(](i4|n2|n_long|f8|tx|iv|a|b|[*])[)]');
RESET work_mem;
RESET hash_mem_multiplier;

-- No row at all; rows of the heap only; one row
CREATE TABLE af_full AS SELECT * FROM af;
DELETE FROM af;
SELECT * FROM af_compare('1', 'FROM af');
SELECT * FROM af_compare('k', 'FROM af GROUP BY k');
INSERT INTO af SELECT * FROM af_full WHERE id % 100 < 2;
SELECT * FROM af_compare('1', 'FROM af');
SELECT * FROM af_compare('k', 'FROM af GROUP BY k');
TRUNCATE af;
INSERT INTO af SELECT * FROM af_full WHERE id = 16;
VACUUM af;
SELECT segments, rows FROM omendb.compact('af');
SELECT * FROM af_compare('1', 'FROM af');
SELECT * FROM af_compare('k', 'FROM af GROUP BY k');

-- Sums that are too large for 64 bits, for 128 bits, and for a float
CREATE TABLE af_sum (k int, i int8, n numeric(20,2), f float4, g float8) USING omendb;
SELECT omendb.set_compaction('af_sum', false);
INSERT INTO af_sum SELECT i % 2, 9223372036854775807, 92233720368547758.07, 3e38, i FROM generate_series(1, 3000) i;
VACUUM af_sum;
SELECT segments > 0 AS some FROM omendb.compact('af_sum');
SELECT sum(i), avg(i), sum(n), avg(n), stddev(i), variance(n) FROM af_sum;
SELECT sum(i) = sum(i::numeric) AS same, sum(i - k) = sum(i) - 1500 AS exact, var_pop(i - k) FROM af_sum;
SELECT sum(f) FROM af_sum;
SELECT k, sum(f) FROM af_sum GROUP BY k;
SELECT k, sum(i), sum(i::numeric * 1.00), var_pop(i) FROM af_sum GROUP BY k ORDER BY k;
SELECT sum(g * 1e306) FROM af_sum;
SELECT avg(CASE k WHEN 0 THEN 1e200 ELSE -1e200 END::float8) FROM af_sum;

-- Whoever may not execute an aggregate may not do so here
CREATE ROLE af_user;
GRANT SELECT ON af_sum TO af_user;
BEGIN;
REVOKE EXECUTE ON FUNCTION sum(int8) FROM PUBLIC;
SET LOCAL ROLE af_user;
SELECT count(*) FROM af_sum;
SELECT sum(i) FROM af_sum;
ROLLBACK;

DROP TABLE af, af_full, af_sum;
DROP ROLE af_user;
DROP FUNCTION af_compare, af_pairs, af_ours, af_answer, af_alike, af_fill;
DROP TYPE af_mood, af_pair;
DROP COLLATION af_nondet, af_icu;
