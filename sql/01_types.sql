--
-- Key types: every operator of every type gives what a sequential scan gives
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS omendb;
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE mood ADD VALUE 'fine' BEFORE 'happy';

-- Is the index used by a query?
CREATE FUNCTION plan_has(query text, word text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF position(word IN line) > 0 THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;

-- Fills a table with the values of an expression over i (1 .. 500), NULLs and
-- the given constants, indexes it in one of four orders, and compares what an
-- index scan and a sequential scan say for every operator and many arguments.
CREATE FUNCTION try_type(typename text, expression text, constants text[] DEFAULT '{}',
						 OUT entries bigint, OUT uses_index boolean, OUT compared int, OUT different int)
LANGUAGE plpgsql AS $$
DECLARE
	ordering text;
	op text;
	arg text;
	condition text;
	from_index text;
	from_heap text;
BEGIN
	compared := 0;
	different := 0;
	uses_index := true;
	EXECUTE format('CREATE TEMP TABLE try (i int, v %s)', typename);
	EXECUTE format('INSERT INTO try SELECT i, %s FROM generate_series(1, 500) i', expression);
	INSERT INTO try SELECT i FROM generate_series(501, 510) i;
	FOREACH arg IN ARRAY constants LOOP
		EXECUTE 'INSERT INTO try VALUES (511, $1::' || typename || ')' USING arg;
	END LOOP;
	FOREACH ordering IN ARRAY ARRAY['ASC NULLS LAST', 'ASC NULLS FIRST', 'DESC NULLS LAST', 'DESC NULLS FIRST'] LOOP
		EXECUTE 'CREATE INDEX try_v ON try USING alex (v ' || ordering || ')';
		-- one more of each after the build, so that insertion is tried too
		EXECUTE format('INSERT INTO try SELECT i, %s FROM generate_series(1, 20) i', expression);
		FOR arg IN EXECUTE 'SELECT DISTINCT v::text FROM (SELECT v FROM try WHERE (i % 160 = 0 OR i > 510) AND v IS NOT NULL) s ORDER BY 1' LOOP
			FOREACH op IN ARRAY ARRAY['<', '<=', '=', '>=', '>', 'IS NULL', 'IS NOT NULL', 'ANY'] LOOP
				IF op = 'ANY' THEN
					condition := format('v = ANY (ARRAY[%L, %L, NULL]::%s[])', arg, arg, typename);
				ELSIF op LIKE 'IS%' THEN
					condition := 'v ' || op;
				ELSE
					condition := format('v %s %L::%s', op, arg, typename);
				END IF;
				PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true),
					set_config('enable_bitmapscan', 'off', true), set_config('enable_indexscan', 'on', true),
					set_config('enable_indexonlyscan', 'on', true);
				uses_index := uses_index AND plan_has('SELECT v FROM try WHERE ' || condition || ' ORDER BY v ' || ordering, 'try_v');
				-- position in the output must follow the order of the type
				EXECUTE 'SELECT md5(string_agg(r::text, '','')) FROM (SELECT dense_rank() OVER (ORDER BY v ' || ordering
					|| ') r FROM try WHERE ' || condition || ') s' INTO from_index;
				EXECUTE 'SELECT coalesce(from_index, '''') || count(*) FROM (SELECT $1 AS from_index) x, try WHERE ' || condition
					|| ' GROUP BY from_index' INTO from_index USING from_index;
				PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true),
					set_config('enable_indexscan', 'off', true), set_config('enable_indexonlyscan', 'off', true);
				EXECUTE 'SELECT md5(string_agg(r::text, '','' ORDER BY r)) FROM (SELECT dense_rank() OVER (ORDER BY v ' || ordering
					|| ') r FROM try WHERE ' || condition || ') s' INTO from_heap;
				EXECUTE 'SELECT coalesce(from_heap, '''') || count(*) FROM (SELECT $1 AS from_heap) x, try WHERE ' || condition
					|| ' GROUP BY from_heap' INTO from_heap USING from_heap;
				compared := compared + 1;
				IF from_index IS DISTINCT FROM from_heap THEN
					different := different + 1;
					RAISE WARNING '% % %: % by index, % by heap', typename, ordering, condition, from_index, from_heap;
				END IF;
			END LOOP;
		END LOOP;
		PERFORM omendb.alex_check('try_v', true);
		DROP INDEX try_v;
	END LOOP;
	SELECT count(*) INTO entries FROM try;
	DROP TABLE try;
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'on', true),
		set_config('enable_indexscan', 'on', true), set_config('enable_indexonlyscan', 'on', true);
END $$;

SELECT * FROM try_type('int2', '(i * 37 % 1000) - 500', '{-32768,32767,0}');
SELECT * FROM try_type('int4', 'i * 7919 % 100003', '{-2147483648,2147483647}');
SELECT * FROM try_type('int8', '(i::int8 * 7919 % 100003) << 30', '{-9223372036854775808,9223372036854775807}');
SELECT * FROM try_type('oid', '(i * 7919)::oid', '{0,4294967295,2147483648}');
SELECT * FROM try_type('float4', 'i / 7.0 - 30', '{NaN,Infinity,-Infinity,0,-0}');
SELECT * FROM try_type('float8', 'i / 7.0 - 30', '{NaN,Infinity,-Infinity,0,-0,5e-324}');
SELECT * FROM try_type('numeric', '(i * 7919 % 1000) / 8.0', '{NaN,Infinity,-Infinity,0,0.000,1e50,-1e-50}');
SELECT * FROM try_type('money', '(i * 7919 % 1000)::money', '{-1}');
SELECT * FROM try_type('date', 'date ''2000-01-01'' + i * 7 % 400', '{infinity,-infinity,4713-01-01 BC}');
SELECT * FROM try_type('timestamp', 'timestamp ''2000-01-01'' + i * interval ''1 hour 7 us''', '{infinity,-infinity}');
SELECT * FROM try_type('timestamptz', 'timestamptz ''2000-01-01'' - i * interval ''1 hour 7 us''', '{infinity,-infinity}');
SELECT * FROM try_type('time', 'time ''00:00'' + i * interval ''1 minute''', '{00:00,24:00}');
SELECT * FROM try_type('timetz', 'timetz ''00:00+02'' + i * interval ''1 minute''', '{00:00+00,02:00+02}');
SELECT * FROM try_type('interval', 'i * interval ''1 hour''', '{1 mon,30 days,720 hours,-1 year}');
SELECT * FROM try_type('bool', 'i % 3 = 0');
SELECT * FROM try_type('"char"', 'chr(33 + i % 90)::"char"', ARRAY['']);
SELECT * FROM try_type('uuid', 'md5(i::text)::uuid', '{00000000-0000-0000-0000-000000000000,ffffffff-ffff-ffff-ffff-ffffffffffff}');
SELECT * FROM try_type('text', 'md5(i::text) COLLATE "C"', ARRAY['', ' ', 'zzzz']);
SELECT * FROM try_type('varchar(40)', '''v'' || i % 100', ARRAY['', 'v']);
SELECT * FROM try_type('char(9)', '''b'' || i % 100', ARRAY['', 'b']);
SELECT * FROM try_type('bytea', 'decode(md5(i::text), ''hex'')', ARRAY['\x', '\x00', '\xff', '\xffff']);
SELECT * FROM try_type('name', '(''n'' || i)::name', ARRAY['']);
SELECT * FROM try_type('mood', 'CASE i % 4 WHEN 0 THEN ''sad'' WHEN 1 THEN ''ok'' WHEN 2 THEN ''fine'' ELSE ''happy'' END::mood');
SELECT * FROM try_type('inet', '''10.0.0.0''::inet + i * 7919', '{::1,10.0.0.0/8,0.0.0.0/0,10.0.0.0/24}');
SELECT * FROM try_type('pg_lsn', '(''0/'' || to_hex(i * 7919))::pg_lsn', '{0/0,FFFFFFFF/FFFFFFFF}');

-- Text in a collation that does not order by bytes
SHOW server_encoding;
CREATE TABLE words (w text COLLATE "en-x-icu");
INSERT INTO words VALUES ('b'), ('B'), ('a'), ('A'), ('ä'), ('Z'), ('z'), ('-c'), ('c'), (''), (NULL), ('a b'), ('ab');
CREATE INDEX words_w ON words USING alex (w);
CREATE INDEX words_c ON words USING alex (w COLLATE "C" DESC);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
SELECT w FROM words ORDER BY w;
SELECT w FROM words ORDER BY w COLLATE "C" DESC;
SELECT w FROM words WHERE w > 'a' AND w < 'c' ORDER BY w;
SELECT w FROM words WHERE w COLLATE "C" > 'a' AND w COLLATE "C" < 'c' ORDER BY w COLLATE "C" DESC;

-- A collation in which different strings are equal
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE caseless_words (w text COLLATE caseless);
INSERT INTO caseless_words VALUES ('Abc'), ('abc'), ('ABC'), ('abd'), ('ABD'), ('x');
CREATE INDEX ON caseless_words USING alex (w);
SELECT count(*) FROM caseless_words WHERE w = 'aBc';
SELECT count(*) FROM caseless_words WHERE w > 'aBc';
\set VERBOSITY terse
CREATE UNIQUE INDEX ON caseless_words USING alex (w);
\set VERBOSITY default

-- Integers of different width
CREATE TABLE numbers (s int2, i int4, b int8);
INSERT INTO numbers SELECT n, n, n FROM generate_series(-5, 5) n;
INSERT INTO numbers VALUES (-32768, -2147483648, -9223372036854775808), (32767, 2147483647, 9223372036854775807);
CREATE INDEX numbers_s ON numbers USING alex (s);
CREATE INDEX numbers_i ON numbers USING alex (i);
CREATE INDEX numbers_b ON numbers USING alex (b);
SELECT plan_has('SELECT * FROM numbers WHERE s > 3::int8', 'numbers_s') AS s,
	plan_has('SELECT * FROM numbers WHERE i > 3::int8', 'numbers_i') AS i,
	plan_has('SELECT * FROM numbers WHERE b > 3::int2', 'numbers_b') AS b;
SELECT s FROM numbers WHERE s > 3::int8 ORDER BY s;
SELECT s FROM numbers WHERE s < 40000::int4 ORDER BY s DESC LIMIT 1;
SELECT s FROM numbers WHERE s > 40000::int4;
SELECT s FROM numbers WHERE s >= -40000::int8 ORDER BY s LIMIT 1;
SELECT s FROM numbers WHERE s = 65536::int4;
SELECT i FROM numbers WHERE i > 2147483648::int8;
SELECT i FROM numbers WHERE i <= 2147483648::int8 ORDER BY i DESC LIMIT 2;
SELECT i FROM numbers WHERE i = 4294967296::int8;
SELECT b FROM numbers WHERE b >= 5::int2 ORDER BY b;
SELECT b FROM numbers WHERE b = ANY (ARRAY[3, 4, 4, NULL, 77]::int4[]) ORDER BY b;
SELECT x.s, y.b FROM numbers x JOIN numbers y ON x.s = y.b WHERE x.s > 2 ORDER BY 1;

-- Float: -0 equals 0, NaN equals NaN and follows everything
CREATE TABLE floats (f float8, g float4);
INSERT INTO floats SELECT v, v FROM unnest('{0,-0,NaN,1.5,-1.5,Infinity,-Infinity,NaN}'::float8[]) v;
CREATE INDEX floats_f ON floats USING alex (f);
CREATE INDEX floats_g ON floats USING alex (g DESC);
CREATE INDEX floats_fg ON floats USING alex (f, g);
SELECT f + 0 AS f FROM floats ORDER BY f;
SELECT g + 0 AS g FROM floats ORDER BY g DESC;
SELECT count(*) FROM floats WHERE f = 0;
SELECT count(*) FROM floats WHERE f = '-0' AND g = 0;
SELECT count(*) FROM floats WHERE f = 'NaN';
SELECT count(*) FROM floats WHERE f = 'NaN'::float4;
SELECT count(*) FROM floats WHERE f > 'Infinity';
SELECT count(*) FROM floats WHERE g < '-0'::float8;
SELECT count(*) FROM floats WHERE g = 1.5::float8;
SELECT count(*) FROM floats WHERE g = 0.1::float8;

-- Dates and time stamps compare with each other, in the session's time zone
CREATE TABLE moments (d date, t timestamp, z timestamptz);
INSERT INTO moments SELECT '2020-03-01'::date + n, '2020-03-01'::timestamp + n * interval '6 hours',
	'2020-03-01 00:00+00'::timestamptz + n * interval '6 hours' FROM generate_series(0, 200) n;
INSERT INTO moments VALUES ('infinity', 'infinity', 'infinity'), ('-infinity', '-infinity', '-infinity');
CREATE INDEX moments_d ON moments USING alex (d);
CREATE INDEX moments_t ON moments USING alex (t DESC);
CREATE INDEX moments_z ON moments USING alex (z);
SELECT count(*) FROM moments WHERE d > '2020-03-10 12:00'::timestamp AND d <= '2020-03-20 00:00+00'::timestamptz;
SELECT count(*) FROM moments WHERE t >= '2020-03-10'::date AND t < '2020-03-12'::date;
SELECT count(*) FROM moments WHERE z >= '2020-03-10'::date AND z < '2020-03-12 06:00'::timestamp;
SELECT count(*) FROM moments WHERE d < 'infinity'::timestamp;
SELECT count(*) FROM moments WHERE t <= 'infinity'::date;
SET timezone = 'America/New_York';
SELECT count(*) FROM moments WHERE z >= '2020-03-08'::date AND z < '2020-03-09'::date;
SELECT count(*) FROM moments WHERE z = ANY (ARRAY['2020-03-08 06:00+00', '2020-03-08 07:00+00']::timestamptz[]);
SELECT count(*) FROM moments WHERE t = '2020-03-08 07:00+00'::timestamptz;
SELECT count(*) FROM moments WHERE d > '2020-03-08 07:00+00'::timestamptz;
SET timezone = 'UTC';

-- Patterns with a constant prefix
CREATE TABLE patterns (c text COLLATE "C", p text);
INSERT INTO patterns SELECT 'p' || n, 'p' || n FROM generate_series(1, 300) n;
CREATE INDEX patterns_c ON patterns USING alex (c);
SELECT count(*), min(c), max(c) FROM patterns WHERE c LIKE 'p29%';
SELECT count(*) FROM patterns WHERE c ~ '^p1.$';

DROP TABLE words, caseless_words, numbers, floats, moments, patterns;
DROP COLLATION caseless;
DROP FUNCTION try_type, plan_has;
DROP TYPE mood;
