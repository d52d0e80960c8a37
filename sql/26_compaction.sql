-- omendb.compact, omendb.set_compaction and who may call them
SET omendb.segment_blocks = 4;
CREATE TABLE comp (id int, v text) USING omendb;
INSERT INTO comp SELECT i, 'row ' || i FROM generate_series(1, 5000) i;
SELECT segments = ceil(blocks / 4.0) AS segments, rows FROM omendb.compact('comp');
SELECT * FROM omendb.compact('comp');
SELECT bool_and(marked = 0) AS clean, sum(rows) FROM omendb.verify('comp');

-- New rows go to new segments; marked ones are made anew when they are many
INSERT INTO comp SELECT i, 'row ' || i FROM generate_series(5001, 6000) i;
SELECT segments > 0 AS segments FROM omendb.compact('comp');
UPDATE comp SET v = 'changed' WHERE id = 10;
SELECT sum(marked) FROM omendb.verify('comp');
SELECT segments FROM omendb.compact('comp');
SELECT segments > 0 AS segments FROM omendb.compact('comp', true);
SELECT sum(marked) FROM omendb.verify('comp');
DELETE FROM comp WHERE id BETWEEN 1000 AND 2000;
SELECT sum(marked) FROM omendb.verify('comp');
SELECT segments > 0 AS segments FROM omendb.compact('comp');
SELECT sum(marked) < 1001 AS fewer FROM omendb.verify('comp');

-- Changes of this transaction, of subtransactions, undone ones
BEGIN;
UPDATE comp SET v = 'mine' WHERE id < 100;
SAVEPOINT a;
DELETE FROM comp WHERE id < 50;
SAVEPOINT b;
UPDATE comp SET id = -id WHERE id % 7 = 0;
ROLLBACK TO b;
SELECT count(*) > 0 AS verified FROM omendb.verify('comp');
ROLLBACK TO a;
SELECT count(*) > 0 AS verified FROM omendb.verify('comp');
SELECT omendb.compact('comp');
ROLLBACK;
SELECT count(*) > 0 AS verified FROM omendb.verify('comp');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) > 0 AS verified FROM omendb.verify('comp');
UPDATE comp SET v = 'serial' WHERE id = 3000;
SELECT count(*) > 0 AS verified FROM omendb.verify('comp');
COMMIT;

-- Where it cannot be done
SELECT omendb.compact('pg_class');
CREATE TABLE comp_heap (a int) USING heap;
SELECT omendb.compact('comp_heap');
SELECT omendb.verify('comp_heap');
SELECT omendb.set_compaction('comp_heap', false);
CREATE TEMP TABLE comp_temp (a int) USING omendb;
SELECT omendb.compact('comp_temp');
CREATE UNLOGGED TABLE comp_unlogged (a int) USING omendb;
SELECT omendb.compact('comp_unlogged');
CREATE TABLE comp_part (a int) PARTITION BY LIST (a);
CREATE TABLE comp_part1 PARTITION OF comp_part FOR VALUES IN (1) USING omendb;
INSERT INTO comp_part VALUES (1);
SELECT omendb.compact('comp_part');
SELECT rows FROM omendb.compact('comp_part1');
BEGIN;
CREATE TABLE comp_new (a int) USING omendb;
SELECT omendb.compact('comp_new');
ROLLBACK;
BEGIN;
LOCK TABLE comp IN SHARE MODE;
SELECT segments FROM omendb.compact('comp');
COMMIT;

-- The switch
SELECT omendb.set_compaction('comp', false);
SELECT enabled FROM omendb.stat_table WHERE relname = 'comp';
SELECT omendb.set_compaction('comp', true);
SELECT enabled, runs > 1 AS runs, last_error FROM omendb.stat_table WHERE relname = 'comp';
SELECT omendb.set_compaction('comp', NULL);

-- Only the owner; statistics are for all
CREATE ROLE regress_omendb_user;
SET ROLE regress_omendb_user;
SELECT omendb.compact('comp');
SELECT omendb.verify('comp');
SELECT omendb.set_compaction('comp', false);
SELECT rows > 0 AS rows FROM omendb.stat_table WHERE relname = 'comp';
SELECT count(DISTINCT attname) FROM omendb.stat_column WHERE relname = 'comp';
RESET ROLE;
DROP ROLE regress_omendb_user;

-- A transaction writes few rows of marks, and of those of many transactions
-- the compaction makes few
CREATE TABLE comp_marks (id int, v int) USING omendb;
INSERT INTO comp_marks SELECT i, 0 FROM generate_series(1, 60000) i;
CREATE INDEX ON comp_marks (id);
SET omendb.segment_blocks = 1024;
SELECT segments FROM omendb.compact('comp_marks');
DO $$
BEGIN
	FOR i IN 1 .. 300 LOOP
		UPDATE comp_marks SET v = 1 WHERE id = 200 * i;
		COMMIT;
	END LOOP;
END $$;
SELECT count(*) >= 300 AS many FROM omendb.mark WHERE relid = 'comp_marks'::regclass;
SELECT marked FROM omendb.verify('comp_marks');
SELECT segments FROM omendb.compact('comp_marks');
SELECT count(*) < 10 AS few FROM omendb.mark WHERE relid = 'comp_marks'::regclass;
SELECT marked FROM omendb.verify('comp_marks') WHERE first_block = 0;
UPDATE comp_marks SET v = 2 WHERE id % 300 = 0;
SELECT count(*) < 20 AS few FROM omendb.mark WHERE relid = 'comp_marks'::regclass;
SELECT marked FROM omendb.verify('comp_marks') WHERE first_block = 0;

-- The same for segments that are small, many within the range by which marks
-- are found, or that lie in several of these ranges
CREATE TABLE comp_parts (id int, v int) USING omendb WITH (fillfactor = 10);
INSERT INTO comp_parts SELECT i, 0 FROM generate_series(1, 69000) i;
CREATE INDEX ON comp_parts (id);
SET omendb.segment_blocks = 1500;
SELECT segments > 1 AS segments FROM omendb.compact('comp_parts');
CREATE PROCEDURE comp_change(step int) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 300 LOOP
		UPDATE comp_parts SET v = v + 1 WHERE id = step * i;
		COMMIT;
	END LOOP;
END $$;
CALL comp_change(200);
SELECT first_block, marked > 0 AS marked FROM omendb.verify('comp_parts') ORDER BY 1 LIMIT 2;
SELECT segments FROM omendb.compact('comp_parts');
SELECT first_block, marked > 0 AS marked FROM omendb.verify('comp_parts') ORDER BY 1 LIMIT 2;
SELECT count(*) < 20 AS few FROM omendb.mark WHERE relid = 'comp_parts'::regclass;
SET omendb.columnar_scan = force;
SELECT v, count(*), sum(id) FROM comp_parts GROUP BY v ORDER BY v;
RESET omendb.columnar_scan;
SET omendb.segment_blocks = 300;
TRUNCATE comp_parts;
INSERT INTO comp_parts SELECT i, 0 FROM generate_series(1, 20000) i;
SELECT segments > 2 AS segments FROM omendb.compact('comp_parts');
CALL comp_change(50);
CALL comp_change(20);
UPDATE comp_parts SET v = v + 1 WHERE id IN (6000, 7000);
SELECT first_block, marked > 0 AS marked FROM omendb.verify('comp_parts') ORDER BY 1 LIMIT 3;
SELECT segments FROM omendb.compact('comp_parts');
SELECT first_block, marked > 0 AS marked FROM omendb.verify('comp_parts') ORDER BY 1 LIMIT 3;
SELECT count(*) < 80 AS few FROM omendb.mark WHERE relid = 'comp_parts'::regclass;
SET omendb.columnar_scan = force;
SELECT v, count(*), sum(id) FROM comp_parts GROUP BY v ORDER BY v;
RESET omendb.columnar_scan;
SET omendb.segment_blocks = 1024;
DROP PROCEDURE comp_change;
DROP TABLE comp_parts;

-- A row of marks may be about several segments; when one of them is made anew
-- the others' marks remain, whether they are before it or behind it
CREATE TABLE comp_shared (id int, v int) USING omendb;
INSERT INTO comp_shared SELECT i, 0 FROM generate_series(1, 10000) i;
SET omendb.segment_blocks = 10;
SELECT segments >= 4 AS segments FROM omendb.compact('comp_shared');
UPDATE comp_shared SET v = 1 WHERE id IN (5, 9005) OR (id / 226 BETWEEN 10 AND 19 AND id % 2 = 0);
SELECT first_block, marked FROM omendb.verify('comp_shared') WHERE first_block < 40 AND marked > 0 ORDER BY 1;
SELECT segments FROM omendb.compact('comp_shared');
SELECT first_block, marked FROM omendb.verify('comp_shared') WHERE first_block < 40 AND marked > 0 ORDER BY 1;
UPDATE comp_shared SET v = 2 WHERE id = 8005 OR (id / 226 BETWEEN 0 AND 9 AND id % 2 = 0);
SELECT segments > 0 AS segments FROM omendb.compact('comp_shared');
SELECT first_block, marked FROM omendb.verify('comp_shared') WHERE first_block < 40 AND marked > 0 ORDER BY 1;
SET omendb.columnar_scan = force;
SELECT v, count(*) FROM comp_shared GROUP BY v ORDER BY v;
SELECT id, v FROM comp_shared WHERE id IN (5, 8005, 9005) ORDER BY id;
RESET omendb.columnar_scan;
DROP TABLE comp_shared;

-- The end of a table, if it is so small, gets no columns
CREATE TABLE comp_small (a int) USING omendb;
INSERT INTO comp_small SELECT generate_series(1, 1000);
SET omendb.segment_blocks = 1024;
SELECT segments FROM omendb.compact('comp_small');
SET omendb.segment_blocks = 16;
SELECT segments FROM omendb.compact('comp_small');
DROP TABLE comp_small;

-- Columns of another type than the table's now are made anew
CREATE TABLE comp_type (a int) USING omendb;
INSERT INTO comp_type SELECT generate_series(1, 1000);
SELECT segments FROM omendb.compact('comp_type');
ALTER TABLE comp_type ALTER COLUMN a TYPE oid;
SELECT segments FROM omendb.compact('comp_type');
SELECT segments FROM omendb.compact('comp_type', true);
SELECT segments FROM omendb.compact('comp_type', true);
SELECT rows, marked FROM omendb.verify('comp_type');
DROP TABLE comp_type;
DROP TABLE comp, comp_heap, comp_temp, comp_unlogged, comp_part, comp_marks;
