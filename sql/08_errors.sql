--
-- Wrong use gets a clear error
--
CREATE TABLE er (k int, j json, p point, t text COLLATE "C", x xml);

-- No operator class
CREATE INDEX ON er USING alex (j);
CREATE INDEX ON er USING alex (p);
CREATE INDEX ON er USING alex (k, p);
CREATE INDEX ON er USING alex (k omendb.text_ops);

-- Too wide a key: when inserted, when built, in one column or in several
SET client_min_messages = error;
CREATE FUNCTION random_text(size int) RETURNS text LANGUAGE sql AS
	$$ SELECT substr(string_agg(md5(i::text || $1), ''), 1, $1) FROM generate_series(1, $1 / 32 + 1) i $$;
RESET client_min_messages;
\set VERBOSITY sqlstate
CREATE INDEX er_t ON er USING alex (t);
INSERT INTO er (t) VALUES (random_text(2000));
INSERT INTO er (t) VALUES (random_text(9000));
SELECT count(*) FROM er WHERE t > '';
SELECT omendb.alex_check('er_t', true);
DROP INDEX er_t;
INSERT INTO er (t) VALUES (random_text(9000));
CREATE INDEX er_t ON er USING alex (t);
CREATE INDEX er_tt ON er USING alex (k) INCLUDE (t);
DELETE FROM er WHERE length(t) > 2000;
CREATE INDEX er_t ON er USING alex (t, (t || 'x'));
UPDATE er SET t = random_text(1200);
CREATE INDEX er_t ON er USING alex (t, (t || 'x'));
INSERT INTO er (t) VALUES (random_text(1500));
\set VERBOSITY default
SELECT omendb.alex_check('er_t', true);

-- A wide but compressible key is fine, as with nbtree
INSERT INTO er (t) VALUES (repeat('a', 1000));
TRUNCATE er;
DROP INDEX er_t;
CREATE INDEX er_t ON er USING alex (t);
INSERT INTO er (t) SELECT repeat(chr(97 + i % 26), 20000 + i) FROM generate_series(1, 60) i;
SELECT count(*) FROM er WHERE t = repeat('b', 20001);
SELECT omendb.alex_check('er_t', true);

-- Keys close to the limit, many of them
TRUNCATE er;
INSERT INTO er (t) SELECT random_text(2300 + i) FROM generate_series(1, 60) i;
SELECT omendb.alex_check('er_t', true);
SET enable_seqscan = off;
SELECT count(*) FROM er WHERE t = random_text(2345);
SELECT count(*) FROM er WHERE t > '';
SET enable_seqscan = on;

-- The inspection functions want an alex index
\set VERBOSITY sqlstate
CREATE INDEX er_btree ON er USING btree (k);
CREATE TABLE parent (k int) PARTITION BY LIST (k);
CREATE INDEX parent_k ON parent USING alex (k);
SELECT omendb.alex_check('er_btree');
SELECT omendb.alex_check('er');
SELECT omendb.alex_check('parent_k');
SELECT * FROM omendb.alex_stats('er_btree');
SELECT * FROM omendb.alex_stats('er');
SELECT omendb.alex_check(NULL) IS NULL AS nothing;

\set VERBOSITY default
DROP TABLE er, parent;
DROP FUNCTION random_text;
