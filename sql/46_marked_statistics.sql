-- Aggregates of segments in which some rows are marked: what the statistics
-- know is corrected, if it can be. Every answer is compared with the rows of the
-- table, within the same transaction.
SET omendb.segment_blocks = 16;
SET max_parallel_workers_per_gather = 0;
SET omendb.columnar_scan = force;
CREATE TABLE mst (id int8, g int, a int, few int, n numeric(12, 2), big int8, bign numeric, t text, none int, same int, f float8)
	USING omendb WITH (autovacuum_enabled = off, fillfactor = 70);
SELECT omendb.set_compaction('mst', false);
INSERT INTO mst SELECT i, i % 5, CASE WHEN i % 7 <> 0 THEN (i * 7919) % 100003 - 50000 END, i % 3, (i * 37 % 10007) / 100.0,
	CASE i % 2 WHEN 0 THEN 9223372036854775807 - i % 11 ELSE i % 11 - 9223372036854775807 END,
	(CASE WHEN i % 2 = 0 THEN 9223372036854775807 ELSE 9223372036854770000 END)::numeric - i,
	CASE WHEN i % 50 = 0 THEN 't' || i % 3 END, NULL, 42, i / 8.0
	FROM generate_series(1, 9000) i;
SELECT segments > 2 AS several FROM omendb.compact('mst');

CREATE FUNCTION answers() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	aggs text[] := '{count(*)}';
	answer text;
	result text[] := '{}';
BEGIN
	FOR i IN 1 .. 8 LOOP
		aggs := aggs || replace('{count(@),sum(@),avg(@),min(@),max(@)}', '@', ('{id,a,few,n,big,bign,none,same}'::text[])[i])::text[];
	END LOOP;
	aggs := aggs || '{count(t),min(t),max(t),count(f),min(f),max(f),bool_and(a > 0)}'::text[];

	-- each alone, all together, and with groups
	FOR i IN 1 .. cardinality(aggs) LOOP
		EXECUTE format('SELECT (%s)::text FROM mst', aggs[i]) INTO answer;
		result := result || format('%s: %s', aggs[i], answer);
	END LOOP;
	EXECUTE format('SELECT row(%s)::text FROM mst', array_to_string(aggs, ', ')) INTO answer;
	result := result || answer;
	EXECUTE format('SELECT string_agg(q::text, '' '' ORDER BY q::text) FROM (SELECT g, %s FROM mst GROUP BY g) q', array_to_string(aggs, ', ')) INTO answer;
	result := result || answer;
	EXECUTE format('SELECT string_agg(q::text, '' '' ORDER BY q::text) FROM (SELECT t, few, sum(a), count(*), count(n), sum(n), sum(bign), sum(big) FROM mst GROUP BY t, few) q') INTO answer;
	RETURN result || answer;
END $$;
CREATE FUNCTION agree() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	columns text[];
	rows text[];
BEGIN
	columns := answers();
	PERFORM set_config('omendb.columnar_scan', 'off', true);
	rows := answers();
	PERFORM set_config('omendb.columnar_scan', 'force', true);
	RETURN NEXT format('%s answers, the first is %s', cardinality(rows), rows[1]);
	FOR i IN 1 .. cardinality(rows) LOOP
		IF columns[i] IS DISTINCT FROM rows[i] THEN
			RETURN NEXT format('DIFFERENT: %s, rows: %s', columns[i], rows[i]);
		END IF;
	END LOOP;
END $$;
CREATE FUNCTION by_statistics(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	result text := 'none';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ 'Segments by Statistics' THEN
			result := trim(line);
		END IF;
	END LOOP;
	RETURN result;
END $$;
SELECT agree();

-- single rows, several of a page, HOT chains of some length
UPDATE mst SET f = f WHERE id IN (5, 6, 7, 8, 4000, 8999);
UPDATE mst SET a = a WHERE id IN (6, 7, 300, 301);
UPDATE mst SET a = NULL WHERE id IN (7, 303);
UPDATE mst SET a = 5, t = 'new' WHERE id IN (21, 350);
SELECT agree();
SELECT by_statistics('SELECT count(*), count(a), sum(a), sum(n), max(id), count(t), count(none), sum(same) FROM mst');
SELECT by_statistics('SELECT max(f) FROM mst');
SELECT segments FROM omendb.table_stats('mst');

-- the extremes go
UPDATE mst SET a = 0, n = 1, big = 0, bign = 0 WHERE a = (SELECT max(a) FROM mst) OR a = (SELECT min(a) FROM mst)
	OR n = (SELECT max(n) FROM mst) OR big = (SELECT min(big) FROM mst) OR bign = (SELECT max(bign) FROM mst);
UPDATE mst SET n = n WHERE id IN (1, 9000);
SELECT agree();

-- own changes, undone ones, a cursor from before
BEGIN;
DECLARE before CURSOR FOR SELECT count(*), count(a), sum(a), max(id), min(id), sum(n) FROM mst;
DELETE FROM mst WHERE id % 100 = 1;
SELECT agree();
SAVEPOINT s;
UPDATE mst SET id = -id, a = NULL WHERE id % 100 = 2;
DELETE FROM mst WHERE id > 8990;
SELECT agree();
ROLLBACK TO s;
SELECT agree();
FETCH before;
ROLLBACK;
SELECT count(*), count(a), sum(a), max(id), min(id), sum(n) FROM mst;
SELECT agree();

-- a page after the other, so all rows of some vectors, then of a segment, then all
DELETE FROM mst WHERE id BETWEEN 100 AND 2600;
SELECT agree();
DELETE FROM mst WHERE id < 4500;
SELECT agree();
SELECT by_statistics('SELECT count(*), max(id) FROM mst');
DELETE FROM mst;
SELECT agree();
INSERT INTO mst (id, a, n) VALUES (1, 2, 3.5);
SELECT agree();
DROP TABLE mst;
DROP FUNCTION answers(), agree(), by_statistics(text);

-- Rows of the heap beside columns: by value and by reference, null, older than a
-- column, with a dropped one before it; conditions of every kind on them.
CREATE TABLE heapside (a int2, gone int8, t text, b int8, c "char", n name, u uuid, m numeric, f float4, d date, ok bool)
	USING omendb WITH (autovacuum_enabled = off);
SELECT omendb.set_compaction('heapside', false);
INSERT INTO heapside SELECT i % 100, i, CASE WHEN i % 3 = 0 THEN repeat('x', i % 200) END, CASE WHEN i % 5 <> 0 THEN i END, chr(65 + i % 26)::"char",
	'n' || i % 7, ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid, i / 8.0, CASE i % 11 WHEN 0 THEN 'NaN' ELSE i / 4.0 END, date '2026-01-01' + i % 50, i % 2 = 0
	FROM generate_series(1, 4000) i;
SELECT segments > 1 AS several FROM omendb.compact('heapside');
UPDATE heapside SET f = f WHERE b % 10 = 1;
ALTER TABLE heapside DROP COLUMN gone, ADD COLUMN later int DEFAULT 7, ADD COLUMN words text DEFAULT 'as it was', ADD COLUMN none int;
UPDATE heapside SET later = 8, words = repeat('w', 3000), none = b WHERE b % 10 = 2;
INSERT INTO heapside (a, t, b) VALUES (1, NULL, 5001), (NULL, 'y', NULL);
CREATE FUNCTION heapside_answers() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	condition text;
	answer text;
BEGIN
	FOREACH condition IN ARRAY ARRAY['true', 'a = 17', 'a <> 17', 'b >= 1000 AND b < 2000', 'b IN (11, 12, 13, 4000, 5001)', 'b IS NULL', 't IS NOT NULL AND a < 50',
		't = ''xxx''', 't LIKE ''x%'' AND b > 100', 'c = ''B''', 'n = ''n3''', 'm > 100.5', 'f = ''NaN''', 'f < 10', 'd >= timestamp ''2026-01-20 12:00''', 'ok', 'NOT ok',
		'u > ''00000000-0000-0000-0000-000000002000''', 'later = 7', 'later > 7 AND none IS NOT NULL', 'words = ''as it was''', 'none % 4 = 2', 'a = NULL::int2'] LOOP
		EXECUTE 'SELECT row(count(*), sum(a), sum(b), max(b), min(b), count(t), max(length(t)), max(c), min(n::text), max(u::text), sum(m), max(f), min(d), bool_and(ok), sum(later),
			max(words), sum(none))::text FROM heapside WHERE ' || condition INTO answer;
		RETURN NEXT condition || ': ' || answer;
		EXECUTE 'SELECT string_agg(q::text, '' '' ORDER BY q::text COLLATE "C") FROM (SELECT t, n, later, left(words, 3), count(*), sum(b), max(m) FROM heapside WHERE ' || condition ||
			' GROUP BY t, n, later, left(words, 3)) q' INTO answer;
		RETURN NEXT condition || ': ' || coalesce(answer, 'none');
	END LOOP;
END $$;
CREATE TEMP TABLE by_columns AS SELECT heapside_answers() AS answer;
SELECT count(*) FROM by_columns;
SET omendb.columnar_scan = off;
SELECT heapside_answers() EXCEPT ALL SELECT answer FROM by_columns;
SET omendb.columnar_scan = force;
BEGIN;
UPDATE heapside SET a = -1 WHERE b % 10 = 3;
SELECT count(*), sum(a), count(t) FROM heapside WHERE a = -1;
ROLLBACK;
SELECT count(*), sum(a), count(t) FROM heapside WHERE a = -1;
EXPLAIN (COSTS OFF) SELECT n, count(*) FROM heapside WHERE a = 17 GROUP BY n;
DROP FUNCTION heapside_answers();
DROP TABLE heapside;
