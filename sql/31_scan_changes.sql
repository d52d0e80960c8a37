-- Scans of columns while rows change: this transaction's changes, undone ones,
-- old snapshots, changes of the table's definition. Every answer is compared
-- with the rows of the table, and with a heap table that gets the same changes.
SET omendb.segment_blocks = 4;
SET max_parallel_workers_per_gather = 0;
SET omendb.columnar_scan = force;
CREATE TABLE chg (id int, k int, v text, n numeric) USING omendb WITH (autovacuum_enabled = off, fillfactor = 80);
CREATE TABLE chg_heap (id int, k int, v text, n numeric) USING heap;
SELECT omendb.set_compaction('chg', false);
INSERT INTO chg SELECT i, i % 10, 'v' || i, i / 4.0 FROM generate_series(1, 4000) i;
INSERT INTO chg_heap SELECT * FROM chg;
SELECT segments > 3 AS several FROM omendb.compact('chg');

CREATE FUNCTION change(command text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE replace(command, '@', 'chg');
	EXECUTE replace(command, '@', 'chg_heap');
END $$;

-- Columns, rows and the heap table agree; columns are used.
CREATE FUNCTION agree() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	way text;
	names text[] := ARRAY['chg', 'chg', 'chg_heap'];
	ways text[] := ARRAY['force', 'off', 'off'];
	answers text[] := '{}';
	more text;
	nrows bigint;
	uses bool := false;
BEGIN
	FOR i IN 1 .. 3 LOOP
		PERFORM set_config('omendb.columnar_scan', ways[i], true);
		EXECUTE format('SELECT count(*), md5(string_agg(q::text, '' '' ORDER BY q::text)) FROM %s q', names[i]) INTO nrows, way;
		EXECUTE format('SELECT md5(string_agg(q::text, '' '' ORDER BY q::text)) FROM (SELECT id, v FROM %s WHERE id BETWEEN 900 AND 3100 AND k = 3) q', names[i]) INTO more;
		answers := answers || (coalesce(way, '') || coalesce(more, ''));
	END LOOP;
	PERFORM set_config('omendb.columnar_scan', 'force', true);
	FOR way IN EXPLAIN SELECT * FROM chg LOOP
		uses := uses OR way ~ 'OmendbScan';
	END LOOP;
	RETURN format('%s rows, columns %s, %s', nrows, CASE WHEN uses THEN 'used' ELSE 'not used' END,
		CASE WHEN answers[1] = answers[2] AND answers[1] = answers[3] THEN 'same' ELSE 'DIFFERENT' END);
END $$;
CREATE FUNCTION counts(query text, what text DEFAULT 'Rows from') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ what THEN RETURN NEXT trim(line); END IF;
	END LOOP;
END $$;
SELECT agree();
SELECT counts('SELECT * FROM chg');

SELECT change('UPDATE @ SET v = v || ''u'' WHERE id % 100 = 3');
SELECT agree();
SELECT counts('SELECT * FROM chg');
SELECT change('UPDATE @ SET k = k + 1 WHERE id BETWEEN 1000 AND 1050');
SELECT change('DELETE FROM @ WHERE id % 50 = 7');
SELECT change('INSERT INTO @ SELECT i, 3, ''new'', 1 FROM generate_series(5001, 5100) i');
SELECT change('UPDATE @ SET v = ''again'' WHERE id % 100 = 3');
SELECT agree();
VACUUM chg;
SELECT agree();
SELECT change('INSERT INTO @ SELECT i, 3, ''in the gaps'', 1 FROM generate_series(6001, 6100) i');
SELECT agree();

-- Within a transaction
BEGIN;
SELECT change('UPDATE @ SET v = ''mine'' WHERE k = 5');
SELECT agree();
SAVEPOINT a;
SELECT change('DELETE FROM @ WHERE id < 500');
SELECT agree();
SAVEPOINT b;
SELECT change('UPDATE @ SET id = id + 10000 WHERE id % 9 = 0');
SELECT agree();
ROLLBACK TO b;
SELECT agree();
RELEASE a;
SAVEPOINT c;
SELECT change('UPDATE @ SET n = n * 2 WHERE id > 3000');
SELECT agree();
ROLLBACK TO c;
SELECT agree();
ROLLBACK;
SELECT agree();
BEGIN;
SAVEPOINT a;
SELECT change('UPDATE @ SET v = ''kept'' WHERE id % 77 = 0');
RELEASE a;
SELECT agree();
COMMIT;
SELECT agree();

-- A cursor sees what there was when it was declared
CREATE FUNCTION rest(c refcursor) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
	n int := 0;
	sum bigint := 0;
	last text;
BEGIN
	LOOP
		FETCH c INTO r;
		EXIT WHEN NOT FOUND;
		n := n + 1;
		sum := sum + r.id;
	END LOOP;
	RETURN n || ' rows, sum ' || sum;
END $$;
SELECT count(*), sum(id) FROM chg;
BEGIN;
UPDATE chg SET v = 'before' WHERE id = 20;
EXPLAIN (COSTS OFF) DECLARE c1 CURSOR FOR SELECT id, v FROM chg, generate_series(1, 1);
DECLARE c1 CURSOR FOR SELECT id, v FROM chg, generate_series(1, 1);
DECLARE c2 SCROLL CURSOR FOR SELECT id, v FROM chg ORDER BY id;
DECLARE c3 CURSOR WITH HOLD FOR SELECT id, v FROM chg WHERE k = 3;
FETCH 2 FROM c1;
DELETE FROM chg WHERE id % 2 = 0;
INSERT INTO chg SELECT i, 3, 'late', 1 FROM generate_series(7001, 7300) i;
SAVEPOINT s;
UPDATE chg SET id = -id;
SELECT rest('c1');
FETCH ABSOLUTE 20 FROM c2;
FETCH PRIOR FROM c2;
ROLLBACK TO s;
FETCH NEXT FROM c2;
SELECT rest('c2');
SELECT count(*), sum(id) FROM chg;
ROLLBACK;
SELECT agree();
BEGIN;
DECLARE c4 SCROLL CURSOR FOR SELECT id FROM chg WHERE id BETWEEN 100 AND 110;
FETCH 3 FROM c4;
FETCH BACKWARD 2 FROM c4;
FETCH LAST FROM c4;
FETCH FIRST FROM c4;
COMMIT;
BEGIN;
DECLARE c5 CURSOR WITH HOLD FOR SELECT id, v FROM chg WHERE k = 3 ORDER BY id;
DELETE FROM chg WHERE id < 1000;
SAVEPOINT s;
COMMIT;
SELECT rest('c5');
CLOSE c5;
DELETE FROM chg_heap WHERE id < 1000;
SELECT agree();

-- A function that changes the table while it is being scanned
CREATE FUNCTION bump(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	UPDATE chg SET v = 'bumped' WHERE id = i + 1;
	RETURN i;
END $$;
SELECT count(bump(id)), count(*) FILTER (WHERE v = 'bumped') FROM chg WHERE id BETWEEN 2000 AND 2020;
UPDATE chg_heap SET v = 'bumped' WHERE id - 1 IN (SELECT id FROM chg_heap WHERE id BETWEEN 2000 AND 2020);
SELECT agree();

-- Changes of the definition
SELECT change('ALTER TABLE @ ADD COLUMN plus int DEFAULT 7');
SELECT agree();
SELECT counts('SELECT * FROM chg WHERE plus = 7');
SELECT counts('SELECT * FROM chg WHERE plus > 7', 'Segments Read|Rows from');
SELECT count(*), sum(plus) FROM chg WHERE plus IS NOT NULL;
SELECT change('ALTER TABLE @ ALTER COLUMN plus SET DEFAULT 8');
SELECT change('ALTER TABLE @ ADD COLUMN plustext text DEFAULT ''deflt'', ADD COLUMN empty int');
SELECT change('INSERT INTO @ (id) VALUES (20000)');
SELECT agree();
SELECT count(*) FROM chg WHERE plustext = 'deflt' AND empty IS NULL;
SELECT change('ALTER TABLE @ DROP COLUMN v');
SELECT change('ALTER TABLE @ ADD COLUMN v varchar(10)');
SELECT change('UPDATE @ SET v = ''x'' WHERE id % 10 = 0');
SELECT agree();
SELECT change('ALTER TABLE @ ALTER COLUMN v TYPE varchar(20)');
SELECT agree();
SELECT change('ALTER TABLE @ ALTER COLUMN v TYPE text');
SELECT agree();
SELECT segments > 0 AS more FROM omendb.compact('chg', true);
SELECT agree();
SELECT counts('SELECT * FROM chg');
SELECT change('ALTER TABLE @ ALTER COLUMN k TYPE int8');
SELECT agree();
SELECT counts('SELECT * FROM chg');
SELECT segments > 3 AS several FROM omendb.compact('chg');
SELECT counts('SELECT * FROM chg');
-- a change of type without a rewrite
SELECT change('ALTER TABLE @ ADD COLUMN o oid');
SELECT change('UPDATE @ SET o = id WHERE id > 0');
SELECT count(*) > 0 AS done FROM omendb.compact('chg', true);
SELECT change('ALTER TABLE @ ALTER COLUMN o TYPE regclass USING o::regclass');
SELECT count(*), max(o::oid) FROM chg;
SELECT max(o::oid) FROM chg WHERE o = '12345'::regclass;

-- New relation files: none of the old segments are used
BEGIN;
SELECT change('TRUNCATE @');
SELECT agree();
ROLLBACK;
SELECT agree();
CREATE INDEX chg_id ON chg (id);
CLUSTER chg USING chg_id;
SELECT agree();
SELECT segments > 3 AS several FROM omendb.compact('chg');
SELECT agree();
VACUUM FULL chg;
SELECT agree();
SELECT segments > 3 AS several FROM omendb.compact('chg');
-- the end of the table is cut off
SELECT change('DELETE FROM @ WHERE id > 2500');
VACUUM chg;
SELECT agree();
SELECT change('INSERT INTO @ (id, k) SELECT i, 3 FROM generate_series(30001, 32000) i');
SELECT agree();

-- disable and enable
SELECT omendb.disable('chg');
SELECT agree();
SELECT change('UPDATE @ SET k = 1 WHERE id % 3 = 0');
SELECT omendb.enable('chg');
SELECT agree();
SELECT segments > 1 AS several FROM omendb.compact('chg');
SELECT agree();

-- Marks of removed rows take them out of the columns, and nobody looks at the
-- heap; marks of placed rows do, in a line pointer of a removed one, too.
SELECT change('TRUNCATE @');
SELECT change('INSERT INTO @ (id, k, v) SELECT i, 3, ''v'' || i FROM generate_series(1, 4000) i');
VACUUM chg;
SELECT segments > 1 AS several FROM omendb.compact('chg');
CREATE FUNCTION looks(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	before bigint := pg_stat_get_xact_blocks_fetched('chg'::regclass);
BEGIN
	EXECUTE query;
	RETURN pg_stat_get_xact_blocks_fetched('chg'::regclass) - before;
END $$;
SELECT looks('SELECT sum(id) FROM chg') AS clean \gset
SELECT count(DISTINCT split_part(ctid::text, ',', 1)) AS blocks FROM chg WHERE id % 100 = 7 \gset
SELECT change('DELETE FROM @ WHERE id % 100 = 7');
SELECT looks('SELECT sum(id) FROM chg') - :clean AS looks_for_removed;
SELECT agree();
SELECT change('UPDATE @ SET v = v || ''u'' WHERE id % 100 = 9');
SELECT looks('SELECT sum(id) FROM chg') - :clean >= :blocks / 2 AS looks_for_placed;
SELECT agree();
SELECT counts('SELECT * FROM chg');
VACUUM chg;
SELECT agree();
SELECT change('INSERT INTO @ (id, k, v) SELECT i, 3, ''again'' || i FROM generate_series(40001, 40100) i');
SELECT agree();
SELECT counts('SELECT * FROM chg');
SELECT change('DELETE FROM @ WHERE id BETWEEN 40001 AND 40050');
SELECT agree();
SELECT change('UPDATE @ SET v = v || ''u'' WHERE id BETWEEN 40051 AND 40060');
SELECT agree();
CREATE UNIQUE INDEX ON chg (id);
CREATE UNIQUE INDEX ON chg_heap (id);
SELECT change('INSERT INTO @ (id, k, v) SELECT i, 3, ''conflict'' FROM generate_series(3990, 4010) i ON CONFLICT (id) DO UPDATE SET v = excluded.v');
SELECT agree();
BEGIN;
SELECT change('DELETE FROM @ WHERE id % 100 = 11');
SELECT change('UPDATE @ SET v = v || ''p'' WHERE id % 100 = 13');
PREPARE TRANSACTION 'scan_changes';
SELECT agree();
COMMIT PREPARED 'scan_changes';
SELECT agree();
SELECT count(*) > 1 AS verified FROM omendb.verify('chg');

-- Cursors of the same transaction see what it removes later, whether the marks
-- of that are still in memory, or written, by a subtransaction that is undone
-- or not.
CREATE FUNCTION write_marks() RETURNS bigint LANGUAGE plpgsql SET parallel_setup_cost = 0 SET parallel_tuple_cost = 0
	SET min_parallel_table_scan_size = 0 SET max_parallel_workers_per_gather = 2 SET omendb.columnar_scan = off AS
	$$ BEGIN RETURN (SELECT count(*) FROM chg); END $$;
SELECT segments > 1 AS several FROM omendb.compact('chg', true);
SELECT count(*) FROM omendb.mark WHERE relid = 'chg'::regclass;
SELECT count(*), sum(id) FROM chg;
BEGIN;
DECLARE c1 CURSOR FOR SELECT count(*), sum(id) FROM chg;
DECLARE c2 CURSOR FOR SELECT count(*), sum(id) FROM chg;
DECLARE c3 CURSOR FOR SELECT count(*), sum(id) FROM chg;
DECLARE c4 CURSOR FOR SELECT count(*), sum(id) FROM chg;
SELECT count(*) AS before FROM omendb.mark \gset
DELETE FROM chg WHERE id % 100 = 17;
SELECT count(*) - :before AS written FROM omendb.mark;
FETCH c1;
SELECT write_marks();
SELECT count(*) - :before > 0 AS written FROM omendb.mark;
FETCH c2;
SELECT count(*), sum(id) FROM chg;
SELECT count(*) > 1 AS verified FROM omendb.verify('chg');
SAVEPOINT a;
DELETE FROM chg WHERE id % 100 = 18;
SELECT write_marks();
FETCH c3;
ROLLBACK TO a;
SELECT count(*), sum(id) FROM chg;
DECLARE c5 CURSOR FOR SELECT count(*), sum(id) FROM chg;
SAVEPOINT b;
DELETE FROM chg WHERE id % 100 = 19;
SELECT write_marks();
RELEASE b;
FETCH c5;
FETCH c4;
SELECT count(*), sum(id) FROM chg;
COMMIT;
DELETE FROM chg_heap WHERE id % 100 IN (17, 19);
SELECT agree();
SELECT count(*) > 1 AS verified FROM omendb.verify('chg');

-- rows only
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT counts('SELECT * FROM chg WHERE id < 0');
COMMIT;
PREPARE all_rows AS SELECT count(*) FROM chg;
EXECUTE all_rows;
SET omendb.columnar_scan = off;
EXECUTE all_rows;
SET omendb.columnar_scan = force;
DROP TABLE chg, chg_heap;
DROP FUNCTION change, agree, counts, rest, bump, looks, write_marks;
