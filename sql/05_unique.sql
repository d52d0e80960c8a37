--
-- Unique indexes and exclusion constraints
--
CREATE TABLE un (id int, k int, t text COLLATE "C");
CREATE UNIQUE INDEX un_k ON un USING alex (k);
INSERT INTO un VALUES (1, 10, 'a'), (2, 20, 'b'), (3, NULL, 'c'), (4, NULL, 'd');
INSERT INTO un VALUES (5, 10, 'e');
INSERT INTO un VALUES (5, 30, 'e'), (6, 40, 'f'), (7, 30, 'g');
INSERT INTO un VALUES (5, 30, 'e'), (6, 40, 'f'), (7, 20, 'g');
INSERT INTO un SELECT i, i % 100 + 1000 FROM generate_series(1, 101) i;
SELECT count(*) FROM un;
UPDATE un SET k = 20 WHERE k = 10;
UPDATE un SET k = 10 WHERE k = 10;
UPDATE un SET t = 'z' WHERE k = 10;
DELETE FROM un WHERE k = 10;
INSERT INTO un VALUES (8, 10, 'h');
SELECT id, k, t FROM un ORDER BY id;
SELECT omendb.alex_check('un_k', true);

-- Deleted and updated in the same transaction; aborted and rolled back inserts
BEGIN;
DELETE FROM un WHERE k = 20;
INSERT INTO un VALUES (9, 20, 'i');
UPDATE un SET k = 21 WHERE k = 20;
INSERT INTO un VALUES (10, 20, 'j');
SAVEPOINT s;
INSERT INTO un VALUES (11, 50, 'k');
ROLLBACK TO s;
INSERT INTO un VALUES (12, 50, 'l');
COMMIT;
BEGIN;
INSERT INTO un VALUES (13, 60, 'm');
ROLLBACK;
INSERT INTO un VALUES (14, 60, 'n');
SELECT id, k FROM un WHERE k IS NOT NULL ORDER BY k;
BEGIN;
INSERT INTO un VALUES (15, 70, 'o');
INSERT INTO un VALUES (16, 70, 'p');
ROLLBACK;
SELECT count(*) FROM un WHERE k = 70;

-- Checked at once, not at the end of the statement, as nbtree does
CREATE TABLE shift (k int);
INSERT INTO shift SELECT generate_series(1, 100);
CREATE UNIQUE INDEX shift_k ON shift USING alex (k);
UPDATE shift SET k = k + 1;
UPDATE shift SET k = k + 1000;
SELECT count(*), min(k), max(k) FROM shift;
SELECT omendb.alex_check('shift_k', true);

-- Several columns, INCLUDE, partial, expression
CREATE UNIQUE INDEX un_two ON un USING alex (t, id) INCLUDE (k);
INSERT INTO un VALUES (14, 61, 'n');
INSERT INTO un VALUES (15, 61, 'n');
CREATE UNIQUE INDEX un_part ON un USING alex (t) WHERE k > 60;
INSERT INTO un VALUES (16, 62, 'n');
INSERT INTO un VALUES (16, 22, 'n');
CREATE UNIQUE INDEX un_expr ON un USING alex ((id % 100));
DROP INDEX un_two, un_part;

-- NULLS NOT DISTINCT
CREATE TABLE nd (a int, b int);
CREATE UNIQUE INDEX nd_ab ON nd USING alex (a, b) NULLS NOT DISTINCT;
INSERT INTO nd VALUES (1, 1), (1, NULL), (NULL, 1), (NULL, NULL);
INSERT INTO nd VALUES (1, NULL);
INSERT INTO nd VALUES (NULL, 1);
INSERT INTO nd VALUES (NULL, NULL);
INSERT INTO nd VALUES (2, NULL), (2, NULL);
CREATE TABLE nd2 (a text);
INSERT INTO nd2 VALUES (NULL), ('a'), (NULL);
CREATE UNIQUE INDEX nd2_a ON nd2 USING alex (a);
CREATE UNIQUE INDEX nd2_nd ON nd2 USING alex (a) NULLS NOT DISTINCT;
SELECT count(*) FROM nd;

-- The build finds duplicates
CREATE TABLE dup (k int, t text);
INSERT INTO dup SELECT i, i::text FROM generate_series(1, 3000) i;
INSERT INTO dup VALUES (1500, '1500');
CREATE UNIQUE INDEX dup_k ON dup USING alex (k);
CREATE UNIQUE INDEX dup_t ON dup USING alex (t);
DELETE FROM dup WHERE k = 1500;
CREATE UNIQUE INDEX dup_k ON dup USING alex (k);
CREATE UNIQUE INDEX CONCURRENTLY dup_t ON dup USING alex (t);
-- dead rows do not count
BEGIN;
INSERT INTO dup VALUES (1, '1');
ROLLBACK;
INSERT INTO dup VALUES (1500, '1500');
INSERT INTO dup VALUES (1500, '1500a');
UPDATE dup SET t = t || 'x' WHERE k < 100;
UPDATE dup SET t = t || 'x' WHERE k < 100;
REINDEX TABLE dup;
SELECT omendb.alex_check('dup_k', true), omendb.alex_check('dup_t', true);
SELECT count(*) FROM dup;

-- COPY, batches and triggers meet their own duplicates
COPY dup FROM stdin;
5001	a
5002	b
5001	c
\.
COPY dup FROM stdin;
5001	a
5002	b
\.
INSERT INTO dup SELECT i, i || 'y' FROM generate_series(6000, 7000) i;
INSERT INTO dup SELECT i, i || 'z' FROM generate_series(7000, 8000) i;
SELECT count(*), max(k) FROM dup;
SELECT omendb.alex_check('dup_k', true), omendb.alex_check('dup_t', true);

-- Many dead versions of one key
CREATE TABLE hot (k int, v int);
CREATE UNIQUE INDEX hot_k ON hot USING alex (k);
CREATE INDEX hot_v ON hot USING alex (v);
INSERT INTO hot VALUES (1, 0), (2, 0);
DO $$ BEGIN FOR i IN 1..2000 LOOP UPDATE hot SET v = i WHERE k = 1; END LOOP; END $$;
SELECT * FROM hot ORDER BY k;
INSERT INTO hot VALUES (1, 5);
SELECT omendb.alex_check('hot_k', true), omendb.alex_check('hot_v', true);

-- Exclusion constraints, at once and deferred
CREATE TABLE ex (k int, t text, EXCLUDE USING alex (k WITH =));
INSERT INTO ex VALUES (1, 'a'), (2, 'b'), (NULL, 'c'), (NULL, 'd');
INSERT INTO ex VALUES (1, 'e');
INSERT INTO ex VALUES (3, 'e'), (3, 'f');
ALTER TABLE ex ADD CONSTRAINT ex_t EXCLUDE USING alex (t WITH =) DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO ex VALUES (5, 'a');
SELECT count(*) FROM ex WHERE t = 'a';
UPDATE ex SET t = 'aa' WHERE k = 5;
COMMIT;
BEGIN;
INSERT INTO ex VALUES (6, 'b');
COMMIT;
BEGIN;
INSERT INTO ex VALUES (6, 'b');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
SELECT k, t FROM ex ORDER BY t;

-- What the planner may conclude, and what a replica may use
ALTER TABLE dup ALTER k SET NOT NULL;
-- (17 warns that a subscriber cannot use the index)
SET client_min_messages = error;
ALTER TABLE dup REPLICA IDENTITY USING INDEX dup_k;
RESET client_min_messages;
SELECT relreplident FROM pg_class WHERE relname = 'dup';

DROP TABLE un, shift, nd, nd2, dup, hot, ex;
