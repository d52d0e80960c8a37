--
-- Looking inside: alex_check, alex_stats, alex_page_header, alex_page_items
--
CREATE TABLE ins (a int, b text COLLATE "C", c numeric) WITH (autovacuum_enabled = off);
INSERT INTO ins VALUES (3, 'three', 3.0), (1, 'one', 1.5), (NULL, NULL, NULL), (2, 'two', 2), (1, NULL, 1.50);
CREATE INDEX ins_a ON ins USING alex (a);
CREATE INDEX ins_ad ON ins USING alex (a DESC NULLS LAST) INCLUDE (a);
CREATE INDEX ins_b ON ins USING alex (b NULLS FIRST, a) INCLUDE (c);
CREATE INDEX ins_part ON ins USING alex (abs(a)) WHERE b IS NOT NULL;

-- A page's entries, as they lie
SELECT * FROM omendb.alex_page_items('ins_a', 1);
SELECT * FROM omendb.alex_page_items('ins_ad', 1);
SELECT * FROM omendb.alex_page_items('ins_b', 1);
SELECT * FROM omendb.alex_page_items('ins_part', 1);
SELECT level, flags, left_page, right_page, entries, low, high FROM omendb.alex_page_header('ins_a', 1);
SELECT omendb.alex_check(i, true) FROM unnest(ARRAY['ins_a', 'ins_ad', 'ins_b', 'ins_part']::regclass[]) i;

-- An inner page leads to pages whose low fences are its keys
TRUNCATE ins;
INSERT INTO ins SELECT i, lpad(i::text, 40, '0'), i FROM generate_series(1, 20000) i;
SELECT height, leaf_pages > 1 AS leaves, inner_pages, deleted_pages, new_pages, entries, dead_hints,
	fill BETWEEN 50 AND 100 AS fill, bytes_per_key < 8 AS small, model_error < 2 AS serial_keys_are_easy
FROM omendb.alex_stats('ins_a');
SELECT height >= 2 AS height, entries, bytes_per_key > 20 AS large, model_error IS NULL AS no_model
FROM omendb.alex_stats('ins_b');
SELECT count(*) AS pages, min(level) AS lowest, max(level) AS highest
FROM generate_series(1, pg_relation_size('ins_b') / 8192 - 1) b, omendb.alex_page_header('ins_b', b);
SELECT bool_and(i.key IS NOT DISTINCT FROM h.low) AS separators_are_fences, count(*) > 50 AS many
FROM generate_series(1, pg_relation_size('ins_b') / 8192 - 1) b,
	omendb.alex_page_items('ins_b', b) i, omendb.alex_page_header('ins_b', i.child) h
WHERE i.child IS NOT NULL;
SELECT count(DISTINCT i.tid) AS entries
FROM generate_series(1, pg_relation_size('ins_b') / 8192 - 1) b,
	omendb.alex_page_items('ins_b', b) i WHERE i.child IS NULL;

-- Deleted pages, and the hints of dead entries
DELETE FROM ins WHERE a BETWEEN 5000 AND 15000;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(*) FROM ins WHERE a BETWEEN 5000 AND 6000;
VACUUM ins;
SELECT deleted_pages > 0 AS deleted, entries, dead_hints FROM omendb.alex_stats('ins_a');
SELECT count(*) > 0 AS deleted FROM generate_series(1, pg_relation_size('ins_a') / 8192 - 1) b,
	omendb.alex_page_header('ins_a', b) WHERE flags = 'deleted';

-- What is wrong with the index is told: an immutable function that is not
CREATE FUNCTION ins_sign(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE INDEX ins_f ON ins USING alex (ins_sign(a));
SELECT omendb.alex_check('ins_f', true);
CREATE OR REPLACE FUNCTION ins_sign(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN -$1; END';
SELECT omendb.alex_check('ins_f');
\set VERBOSITY sqlstate
SELECT omendb.alex_check('ins_f', true);
\set VERBOSITY default

-- Wrong use
CREATE INDEX ins_btree ON ins (a);
CREATE TABLE ins_p (a int) PARTITION BY RANGE (a);
CREATE INDEX ins_p_a ON ins_p USING alex (a);
SELECT omendb.alex_check('ins');
SELECT omendb.alex_check('ins_btree');
SELECT omendb.alex_check('ins_p_a');
SELECT omendb.alex_stats('ins_btree');
SELECT omendb.alex_page_items('ins_btree', 1);
SELECT * FROM omendb.alex_page_items('ins_a', 0);
SELECT * FROM omendb.alex_page_header('ins_a', -1);
\set VERBOSITY sqlstate
SELECT * FROM omendb.alex_page_header('ins_a', 100000);
\set VERBOSITY default
SELECT omendb.alex_check(NULL);

-- Who may look
CREATE ROLE regress_alex_reader;
GRANT SELECT ON ins TO regress_alex_reader;
SET ROLE regress_alex_reader;
SELECT omendb.alex_check('ins_a');
SELECT entries FROM omendb.alex_stats('ins_a');
SELECT * FROM omendb.alex_page_items('ins_a', 1);
SELECT * FROM omendb.alex_page_header('ins_a', 1);
RESET ROLE;
GRANT pg_stat_scan_tables TO regress_alex_reader;
SET ROLE regress_alex_reader;
SELECT entries FROM omendb.alex_stats('ins_a');
RESET ROLE;

-- An index that is not valid is not looked at
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ins_a'::regclass;
SELECT omendb.alex_check('ins_a');
UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'ins_a'::regclass;

DROP TABLE ins, ins_p;
DROP FUNCTION ins_sign;
DROP ROLE regress_alex_reader;
