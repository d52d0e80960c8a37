--
-- Building indexes
--
CREATE TABLE b (id int, k int, t text COLLATE "C", p numeric);
INSERT INTO b SELECT i, i * 7919 % 10007, md5(i::text), i / 8.0 FROM generate_series(1, 20000) i;
DELETE FROM b WHERE id % 9 = 0;
UPDATE b SET t = t || 'x' WHERE id % 10 = 0;

-- Empty, plain, concurrent
CREATE TABLE nothing (k int, t text);
CREATE INDEX nothing_k ON nothing USING alex (k);
CREATE INDEX nothing_t ON nothing USING alex (t);
SELECT omendb.alex_check('nothing_k', true), omendb.alex_check('nothing_t', true);
SET enable_seqscan = off;
SELECT * FROM nothing WHERE k = 1 OR t > 'a';
SELECT min(k) FROM nothing;
SELECT k FROM nothing ORDER BY k DESC;
VACUUM nothing;
INSERT INTO nothing VALUES (1, 'a');
SELECT * FROM nothing WHERE k = 1;
CREATE INDEX b_k ON b USING alex (k);
CREATE INDEX CONCURRENTLY b_t ON b USING alex (t);
CREATE INDEX b_both ON b USING alex (t DESC, k) INCLUDE (p);
SELECT omendb.alex_check('b_k', true), omendb.alex_check('b_t', true), omendb.alex_check('b_both', true);
SELECT count(*) FROM b WHERE k BETWEEN 100 AND 199;
SELECT count(*) FROM b WHERE t < '8';
SELECT p, k FROM b WHERE t = md5('1234');

-- Little memory: the build must spill
SET maintenance_work_mem = '1MB';
CREATE INDEX b_small_mem ON b USING alex (t, p);
CREATE INDEX b_small_mem_k ON b USING alex (k, id);
RESET maintenance_work_mem;
SELECT omendb.alex_check('b_small_mem', true), omendb.alex_check('b_small_mem_k', true);

-- Parallel
SET max_parallel_maintenance_workers = 2;
SET min_parallel_table_scan_size = 0;
ALTER TABLE b SET (parallel_workers = 2);
CREATE INDEX b_parallel ON b USING alex (k, t);
CREATE INDEX b_parallel_k ON b USING alex (k);
CREATE UNIQUE INDEX b_parallel_unique ON b USING alex (id);
SELECT omendb.alex_check('b_parallel', true), omendb.alex_check('b_parallel_k', true), omendb.alex_check('b_parallel_unique', true);
RESET max_parallel_maintenance_workers;
RESET min_parallel_table_scan_size;
DROP INDEX b_small_mem, b_small_mem_k, b_parallel, b_parallel_k;

-- REINDEX in all its forms
REINDEX INDEX b_k;
REINDEX INDEX CONCURRENTLY b_t;
REINDEX TABLE b;
REINDEX TABLE CONCURRENTLY b;
SELECT omendb.alex_check(indexrelid, true) FROM pg_index WHERE indrelid = 'b'::regclass AND indisvalid ORDER BY indexrelid::regclass::text;
SELECT count(*) FROM pg_index WHERE NOT indisvalid;

-- Expressions and predicates
CREATE INDEX b_expr ON b USING alex ((k % 10), lower(t));
CREATE INDEX b_part ON b USING alex (k) WHERE k < 500;
CREATE INDEX b_none ON b USING alex (k) WHERE k < -1;
INSERT INTO b VALUES (100001, 13, 'ABC', 1), (100002, 600, 'DEF', 2), (100003, NULL, 'GHI', 3);
SELECT omendb.alex_check('b_expr', true), omendb.alex_check('b_part', true), omendb.alex_check('b_none', true);
SELECT count(*) FROM b WHERE k % 10 = 3 AND lower(t) = 'abc';
SELECT count(*) FROM b WHERE k < 500;
SELECT count(*) FROM b WHERE k < -1;
UPDATE b SET k = -7 WHERE k = 13;
SELECT count(*) FROM b WHERE k < -1;
SELECT omendb.alex_check('b_part', true), omendb.alex_check('b_none', true);

-- Unlogged and temporary
CREATE UNLOGGED TABLE u AS SELECT i AS k, md5(i::text) AS t FROM generate_series(1, 5000) i;
CREATE INDEX u_k ON u USING alex (k);
CREATE INDEX u_t ON u USING alex (t);
INSERT INTO u SELECT i, md5(i::text) FROM generate_series(5001, 9000) i;
DELETE FROM u WHERE k % 5 = 0;
VACUUM u;
SELECT omendb.alex_check('u_k', true), omendb.alex_check('u_t', true);
SELECT count(*) FROM u WHERE k > 4000;
ALTER TABLE u SET LOGGED;
SELECT omendb.alex_check('u_k', true), omendb.alex_check('u_t', true);
SELECT count(*) FROM u WHERE k > 4000;
ALTER TABLE u SET UNLOGGED;
SELECT count(*) FROM u WHERE t = md5('6');
CREATE TEMP TABLE tt (k int, t text) ON COMMIT DELETE ROWS;
CREATE INDEX tt_k ON tt USING alex (k);
CREATE INDEX tt_t ON tt USING alex (t);
BEGIN;
INSERT INTO tt SELECT i, 't' || i FROM generate_series(1, 5000) i;
SELECT count(*) FROM tt WHERE k > 4000;
SELECT count(*) FROM tt WHERE t = 't77';
COMMIT;
SELECT count(*) FROM tt WHERE k > 0;
BEGIN;
INSERT INTO tt SELECT i, 't' || i FROM generate_series(1, 50) i;
SELECT count(*) FROM tt WHERE k > 0;
SELECT omendb.alex_check('tt_k', true), omendb.alex_check('tt_t', true);
ROLLBACK;

-- TRUNCATE, CLUSTER, VACUUM FULL, a table rewrite
BEGIN;
INSERT INTO u VALUES (-1, 'gone');
TRUNCATE u;
INSERT INTO u VALUES (-2, 'stays'), (-3, 'too');
SELECT count(*) FROM u WHERE k < 0;
ROLLBACK;
SELECT count(*) FROM u WHERE k < 0;
TRUNCATE u;
SELECT count(*) FROM u WHERE k > 0;
INSERT INTO u SELECT i, md5(i::text) FROM generate_series(1, 1000) i;
SELECT count(*) FROM u WHERE k > 0;
CLUSTER b USING b_k;
SELECT array_agg(k) FROM (SELECT k FROM b LIMIT 5) s;
VACUUM FULL b;
ALTER TABLE b ALTER k TYPE int8;
SELECT omendb.alex_check(indexrelid, true) FROM pg_index WHERE indrelid = 'b'::regclass ORDER BY indexrelid::regclass::text;
SELECT count(*) FROM b WHERE k BETWEEN 100 AND 199;
ALTER TABLE b ADD extra int DEFAULT 5;
CREATE INDEX b_extra ON b USING alex (extra);
SELECT count(*) FROM b WHERE extra = 5;

-- Partitions
CREATE TABLE parted (k int, t text) PARTITION BY RANGE (k);
CREATE TABLE parted1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE TABLE parted2 PARTITION OF parted FOR VALUES FROM (100) TO (200);
CREATE INDEX parted_t ON parted USING alex (t);
CREATE TABLE parted3 PARTITION OF parted FOR VALUES FROM (200) TO (300);
INSERT INTO parted SELECT i, 't' || i FROM generate_series(0, 299) i;
SELECT inhrelid::regclass, amname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid JOIN pg_am a ON a.oid = c.relam
WHERE inhparent = 'parted_t'::regclass ORDER BY 1;
SELECT * FROM parted WHERE t IN ('t5', 't150', 't299') ORDER BY k;
UPDATE parted SET k = k + 100 WHERE t = 't5';
SELECT tableoid::regclass, * FROM parted WHERE t = 't5';
SELECT omendb.alex_check('parted1_t_idx', true), omendb.alex_check('parted2_t_idx', true), omendb.alex_check('parted3_t_idx', true);

-- A failing build leaves nothing behind
\set VERBOSITY terse
CREATE UNIQUE INDEX b_bad ON b USING alex ((k % 10));
CREATE INDEX b_bad ON b USING alex ((1 / (k - 100)));
SELECT count(*) FROM pg_class WHERE relname = 'b_bad';
CREATE UNIQUE INDEX CONCURRENTLY b_bad ON b USING alex ((k % 10));
SELECT indisvalid FROM pg_index WHERE indexrelid = 'b_bad'::regclass;
DROP INDEX b_bad;
\set VERBOSITY default

-- Materialised views, tables made from queries, inheritance by LIKE
CREATE MATERIALIZED VIEW mv AS SELECT k, t FROM u WHERE k <= 100;
CREATE INDEX mv_k ON mv USING alex (k);
DELETE FROM u WHERE k <= 50;
REFRESH MATERIALIZED VIEW mv;
SELECT count(*) FROM mv WHERE k > 0;
CREATE TABLE copied (LIKE u INCLUDING INDEXES);
SELECT relname, relam = (SELECT relam FROM pg_class WHERE relname = 'u_k') AS same_kind
FROM pg_class JOIN pg_index ON oid = indexrelid WHERE indrelid = 'copied'::regclass ORDER BY 1;

DROP MATERIALIZED VIEW mv;
DROP TABLE b, nothing, u, tt, parted, copied;
