-- omendb.enable and omendb.disable: which relations, what changes in the
-- catalogs, what does not change on disk; and what DROP EXTENSION says.
SET client_min_messages = warning;

CREATE TABLE en (id int PRIMARY KEY, v text, x text);
INSERT INTO en SELECT i, 'v' || i, CASE WHEN i % 100 = 0 THEN repeat('big', 3000) END FROM generate_series(1, 1000) i;
UPDATE en SET v = v || 'u' WHERE id % 10 = 0;
DELETE FROM en WHERE id % 10 = 1;
CREATE INDEX en_v ON en (v);
CREATE VIEW en_state AS
SELECT a.amname,
	   (SELECT count(*) FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
		AND d.refclassid = 'pg_am'::regclass) AS dependencies,
	   (SELECT ta.amname FROM pg_class t JOIN pg_am ta ON ta.oid = t.relam WHERE t.oid = c.reltoastrelid) AS toast,
	   (SELECT count(*) FROM en) AS rows,
	   (SELECT md5(string_agg(e::text, ' ' ORDER BY id)) FROM en e) AS content
FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.oid = 'en'::regclass;
CREATE TABLE en_before AS SELECT relfilenode AS file, pg_relation_size(oid) AS size,
	(SELECT array_agg(ctid ORDER BY ctid) FROM en) AS tids FROM pg_class WHERE oid = 'en'::regclass;
CREATE VIEW en_moved AS
SELECT relfilenode <> file OR pg_relation_size(oid) <> size OR (SELECT array_agg(ctid ORDER BY ctid) FROM en) <> tids AS moved
FROM pg_class, en_before WHERE oid = 'en'::regclass;

SELECT * FROM en_state;
SELECT omendb.enable('en');
SELECT * FROM en_state;
SELECT * FROM en_moved;
-- it is one already
SELECT omendb.enable('en');
SELECT omendb.disable('en');
SELECT * FROM en_state;
SELECT * FROM en_moved;
SELECT omendb.disable('en');

-- transactional, also in subtransactions
BEGIN;
SELECT omendb.enable('en');
UPDATE en SET v = 'in' WHERE id = 5;
SELECT amname FROM en_state;
SAVEPOINT a;
SELECT omendb.disable('en');
SELECT amname FROM en_state;
UPDATE en SET v = 'out' WHERE id = 6;
ROLLBACK TO a;
SELECT amname FROM en_state;
ROLLBACK;
SELECT * FROM en_state;
SELECT * FROM en_moved;
BEGIN;
UPDATE en SET v = 'first' WHERE id = 7;
SELECT omendb.enable('en');
INSERT INTO en VALUES (2001, 'new');
UPDATE en SET v = 'second' WHERE id = 7;
DELETE FROM en WHERE id = 8;
COMMIT;
SELECT amname, rows FROM en_state;
SELECT id, v FROM en WHERE id IN (7, 8, 2001);
SET enable_seqscan = off;
SELECT id, v FROM en WHERE v = 'second';
RESET enable_seqscan;

-- plans and functions made before
PREPARE en_count AS SELECT count(*) FROM en;
EXECUTE en_count;
SELECT omendb.disable('en');
EXECUTE en_count;
SELECT omendb.enable('en');
EXECUTE en_count;

-- in use by this session
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM en;
FETCH 0 FROM c;
SELECT omendb.disable('en');
ROLLBACK;

-- what cannot be one
CREATE TABLE en_part (id int) PARTITION BY RANGE (id);
CREATE SEQUENCE en_seq;
CREATE TYPE en_type AS (a int);
SELECT omendb.enable('en_state');
SELECT omendb.enable('en_seq');
SELECT omendb.enable('en_v');
SELECT omendb.enable('en_type');
SELECT omendb.enable('pg_class');
SELECT omendb.enable('pg_statistic');
SELECT omendb.enable('omendb.segment');
SELECT omendb.enable(0);
SELECT omendb.disable('en_seq');
SELECT omendb.disable('en_before');
DO $$
BEGIN
	PERFORM omendb.enable(reltoastrelid) FROM pg_class WHERE oid = 'en'::regclass;
EXCEPTION WHEN wrong_object_type THEN
	RAISE WARNING 'no TOAST table';
END $$;
SELECT omendb.enable('omendb.mark');

-- heap and ours under other names
CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler;
CREATE ACCESS METHOD omendb_too TYPE TABLE HANDLER omendb.table_handler;
CREATE TABLE en_too (i int) USING heap_too;
SELECT omendb.enable('en_too');
SELECT omendb.disable('en_too');
ALTER TABLE en_too SET ACCESS METHOD omendb_too;
SELECT omendb.disable('en_too');
SELECT a.amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.oid = 'en_too'::regclass;
DROP TABLE en_too;
DROP ACCESS METHOD heap_too;
DROP ACCESS METHOD omendb_too;

-- what can
CREATE MATERIALIZED VIEW en_mat USING heap AS SELECT id FROM en;
CREATE UNLOGGED TABLE en_unlogged (i int);
CREATE TEMPORARY TABLE en_temp (i int);
SELECT omendb.enable('en_mat'), omendb.enable('en_unlogged'), omendb.enable('en_temp');
REFRESH MATERIALIZED VIEW en_mat;
INSERT INTO en_unlogged VALUES (1);
INSERT INTO en_temp VALUES (1);
UPDATE en_temp SET i = 2;
SELECT relname, amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE relname IN ('en_mat', 'en_unlogged', 'en_temp') ORDER BY 1;
DROP TABLE en_temp;

-- partitions, all at once
CREATE TABLE en_part1 PARTITION OF en_part FOR VALUES FROM (0) TO (100);
CREATE TABLE en_part2 PARTITION OF en_part FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id);
CREATE TABLE en_part3 PARTITION OF en_part2 FOR VALUES FROM (100) TO (200);
INSERT INTO en_part SELECT generate_series(0, 199);
SELECT omendb.enable('en_part');
SELECT relname, amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE relname LIKE 'en_part_' AND relkind = 'r' ORDER BY 1;
SELECT count(*), sum(id) FROM en_part;
SELECT omendb.disable('en_part');
SELECT relname, amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE relname LIKE 'en_part_' AND relkind = 'r' ORDER BY 1;
SELECT count(*) FROM pg_depend d JOIN pg_am a ON d.refclassid = 'pg_am'::regclass AND d.refobjid = a.oid
WHERE amname = 'omendb' AND objid IN (SELECT oid FROM pg_class WHERE relname LIKE 'en_part%');

-- whose table it is
CREATE ROLE regress_omendb_owner;
CREATE ROLE regress_omendb_other;
ALTER TABLE en OWNER TO regress_omendb_owner;
GRANT ALL ON en TO regress_omendb_other;
SET ROLE regress_omendb_other;
SELECT omendb.disable('en');
SELECT omendb.disable('en_unlogged');
SET ROLE regress_omendb_owner;
SELECT omendb.disable('en'), omendb.enable('en');
RESET ROLE;

-- the extension cannot go while there are tables, however one tries
DROP EXTENSION omendb;
DROP EXTENSION omendb CASCADE;
DROP EXTENSION IF EXISTS nothing, omendb CASCADE;
DROP ACCESS METHOD omendb CASCADE;
DROP SCHEMA omendb CASCADE;
DO $$ BEGIN DROP EXTENSION omendb CASCADE; END $$;
SELECT amname, rows FROM en_state;
SELECT omendb.disable('en'), omendb.disable('en_mat'), omendb.disable('en_unlogged');
DROP ACCESS METHOD omendb;
BEGIN;
DROP EXTENSION omendb;
SELECT count(*) FROM en;
ROLLBACK;
SELECT * FROM en_state;

DROP TABLE en CASCADE;
DROP TABLE en_part, en_unlogged, en_before CASCADE;
DROP SEQUENCE en_seq;
DROP TYPE en_type;
DROP ROLE regress_omendb_owner, regress_omendb_other;
