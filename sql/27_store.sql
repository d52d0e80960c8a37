-- The internal relations: nobody changes them but the library
SET omendb.segment_blocks = 16;
SELECT relname, relkind FROM pg_class
WHERE relnamespace = 'omendb'::regnamespace AND relkind IN ('m', 'S') ORDER BY 1;
REFRESH MATERIALIZED VIEW omendb.segment;
DROP MATERIALIZED VIEW omendb.chunk;
ALTER MATERIALIZED VIEW omendb.mark RENAME TO other;
ALTER MATERIALIZED VIEW omendb.mark SET SCHEMA public;
ALTER TABLE omendb.mark RENAME COLUMN relid TO other;
ALTER MATERIALIZED VIEW omendb.chunk SET (fillfactor = 50);
ALTER MATERIALIZED VIEW omendb.chunk OWNER TO CURRENT_USER;
ALTER EXTENSION omendb DROP MATERIALIZED VIEW omendb.compaction;
CREATE INDEX ON omendb.chunk (seq);
CLUSTER omendb.chunk USING chunk_key;
INSERT INTO omendb.mark VALUES (1, 1, 1, 1, 1, '');
DELETE FROM omendb.segment;
TRUNCATE omendb.segment;
REINDEX TABLE omendb.segment;
VACUUM omendb.segment;
ANALYZE omendb.mark;
CREATE ROLE regress_omendb_user;
SET ROLE regress_omendb_user;
SELECT FROM omendb.segment;
SELECT FROM omendb.chunk;
SELECT FROM omendb.mark;
SELECT FROM omendb.compaction;
SELECT nextval('omendb.segment_id');
SELECT omendb.store_protect();
DROP MATERIALIZED VIEW omendb.chunk;
RESET ROLE;
DROP ROLE regress_omendb_user;

-- Somebody else's relations of such names are none of ours
CREATE SCHEMA store;
CREATE MATERIALIZED VIEW store.segment AS SELECT 1 AS a;
REFRESH MATERIALIZED VIEW store.segment;
DROP SCHEMA store CASCADE;

-- Publications do not have them
SET client_min_messages = error;
CREATE PUBLICATION store_all FOR ALL TABLES;
RESET client_min_messages;
SELECT * FROM pg_publication_tables WHERE schemaname = 'omendb';
DROP PUBLICATION store_all;
SELECT relname, relrewrite = oid AS not_decoded FROM pg_class
WHERE relnamespace = 'omendb'::regnamespace AND relkind = 'm' ORDER BY 1;

-- Dropped, truncated and rewritten tables leave nothing behind
CREATE TABLE store_t (id int, v text) USING omendb;
CREATE VIEW store_rows AS
SELECT (SELECT count(*) FROM omendb.segment WHERE relid = c.oid) AS segments,
	   (SELECT count(*) > 0 FROM omendb.chunk k JOIN omendb.segment s USING (segid) WHERE s.relid = c.oid) AS chunks,
	   (SELECT count(*) > 0 FROM omendb.mark WHERE relid = c.oid) AS marks,
	   (SELECT count(*) FROM omendb.compaction WHERE relid = c.oid) AS notes
FROM (SELECT 'store_t'::regclass::oid) c;
CREATE VIEW store_orphans AS
SELECT (SELECT count(*) FROM omendb.segment WHERE relid NOT IN (SELECT oid FROM pg_class)
			OR filenode <> (SELECT relfilenode FROM pg_class WHERE oid = relid)) AS segments,
	   (SELECT count(*) FROM omendb.chunk WHERE segid NOT IN (SELECT segid FROM omendb.segment)) AS chunks,
	   (SELECT count(*) FROM omendb.mark WHERE relid NOT IN (SELECT oid FROM pg_class)
			OR filenode <> (SELECT relfilenode FROM pg_class WHERE oid = relid)) AS marks,
	   (SELECT count(*) FROM omendb.compaction WHERE relid NOT IN (SELECT oid FROM pg_class)) AS notes;
CREATE TABLE store_other (a int) USING omendb;
INSERT INTO store_t SELECT i, i FROM generate_series(1, 1000) i;
SELECT segments FROM omendb.compact('store_t');
UPDATE store_t SET v = 'x' WHERE id = 5;
SELECT * FROM store_rows;
BEGIN;
TRUNCATE store_t;
SELECT count(*) FROM omendb.verify('store_t');
ROLLBACK;
SELECT count(*), sum(marked) FROM omendb.verify('store_t');
VACUUM FULL store_t;
SELECT count(*) FROM omendb.verify('store_t');
SELECT segments FROM omendb.compact('store_other');
SELECT * FROM store_orphans;
SELECT segments FROM omendb.compact('store_t');
SELECT * FROM store_rows;
TRUNCATE store_t;
SELECT segments FROM omendb.compact('store_other');
SELECT * FROM store_rows;
INSERT INTO store_t SELECT i, i FROM generate_series(1, 1000) i;
SELECT segments FROM omendb.compact('store_t');
BEGIN;
DROP TABLE store_t CASCADE;
SELECT count(*) FROM omendb.segment;
ROLLBACK;
SELECT count(*), sum(rows) FROM omendb.verify('store_t');
ALTER TABLE store_t SET ACCESS METHOD heap;
SELECT segments FROM omendb.compact('store_other');
SELECT segments, notes FROM store_rows;
ALTER TABLE store_t SET ACCESS METHOD omendb;
SELECT segments FROM omendb.compact('store_t');
DROP VIEW store_rows;
DROP TABLE store_t;
SELECT count(*) FROM omendb.mark;
SELECT segments FROM omendb.compact('store_other');
SELECT * FROM store_orphans;
DROP VIEW store_orphans;
DROP TABLE store_other;
