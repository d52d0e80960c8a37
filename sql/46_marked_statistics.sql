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
