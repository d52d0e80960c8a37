--
-- VACUUM: entries go, empty pages are used again, answers stay right
--
CREATE TABLE va (k int, t text COLLATE "C") WITH (autovacuum_enabled = off);
CREATE INDEX va_k ON va USING alex (k);
CREATE INDEX va_t ON va USING alex (t);
INSERT INTO va SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
SET enable_seqscan = off;
SET enable_bitmapscan = off;

DELETE FROM va WHERE k % 3 = 0;
VACUUM va;
SELECT count(*) FROM va WHERE k BETWEEN 1000 AND 1999;
SELECT count(*) FROM va WHERE t > '8';
SELECT omendb.alex_check('va_k', true), omendb.alex_check('va_t', true);

-- A range empties whole pages
DELETE FROM va WHERE k BETWEEN 4000 AND 15000;
VACUUM va;
SELECT count(*) FROM va WHERE k BETWEEN 3990 AND 15010;
SELECT k FROM va WHERE k > 3997 ORDER BY k LIMIT 3;
SELECT k FROM va WHERE k < 15002 ORDER BY k DESC LIMIT 3;
SELECT omendb.alex_check('va_k', true), omendb.alex_check('va_t', true);

-- The freed range is filled again; a scan that stood in it goes on
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT k FROM va WHERE k > 3990 ORDER BY k;
FETCH 3 FROM c;
INSERT INTO va SELECT i, md5(i::text) FROM generate_series(4000, 15000) i;
FETCH 2 FROM c;
FETCH 4 FROM c;
FETCH BACKWARD 3 FROM c;
COMMIT;
SELECT count(*) FROM va WHERE k BETWEEN 3990 AND 15010;
SELECT omendb.alex_check('va_k', true), omendb.alex_check('va_t', true);

-- Everything goes, and comes again
DELETE FROM va;
VACUUM va;
SELECT count(*) FROM va WHERE k > 0;
SELECT k FROM va ORDER BY k DESC;
SELECT omendb.alex_check('va_k', true), omendb.alex_check('va_t', true);
INSERT INTO va SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
SELECT count(*), min(k), max(k) FROM va WHERE k > 0;
SELECT omendb.alex_check('va_k', true), omendb.alex_check('va_t', true);

-- A queue: keys only grow, old ones go. The index must not.
CREATE TABLE queue (id int8, t text) WITH (autovacuum_enabled = off);
CREATE INDEX queue_id ON queue USING alex (id);
CREATE INDEX queue_t ON queue USING alex (t);
CREATE TABLE queue_size (round int, id_size int8, t_size int8);
DO $$
BEGIN
	FOR round IN 1..3 LOOP
		INSERT INTO queue SELECT round * 5000 + i, lpad((round * 5000 + i)::text, 30, '0') FROM generate_series(1, 5000) i;
	END LOOP;
END $$;
VACUUM queue;
INSERT INTO queue_size SELECT 0, pg_relation_size('queue_id'), pg_relation_size('queue_t');
SELECT command FROM generate_series(1, 12) r, unnest(ARRAY[
	'INSERT INTO queue SELECT n + i, lpad((n + i)::text, 30, ''0'') FROM (SELECT max(id) n FROM queue) s, generate_series(1, 5000) i',
	'DELETE FROM queue WHERE id <= (SELECT max(id) - 15000 FROM queue)',
	'VACUUM queue']) WITH ORDINALITY u (command, n) ORDER BY r, n \gexec
INSERT INTO queue_size SELECT 1, pg_relation_size('queue_id'), pg_relation_size('queue_t');
SELECT count(*) FROM queue WHERE id > 0;
SELECT b.id_size <= 2 * a.id_size + 16384 AS id_bounded, b.t_size <= 2 * a.t_size + 16384 AS t_bounded
FROM queue_size a, queue_size b WHERE a.round = 0 AND b.round = 1;
SELECT omendb.alex_check('queue_id', true), omendb.alex_check('queue_t', true);

-- Random deletes and inserts: the same
CREATE TABLE churn (k int) WITH (autovacuum_enabled = off);
CREATE INDEX churn_k ON churn USING alex (k);
INSERT INTO churn SELECT i * 7919 % 100003 FROM generate_series(1, 20000) i;
VACUUM churn;
SELECT pg_relation_size('churn_k') AS before \gset
DO $$
BEGIN
	FOR r IN 1..5 LOOP
		DELETE FROM churn WHERE k % 5 = r % 5;
		INSERT INTO churn SELECT (i * 104729 + r) % 100003 / 5 * 5 + r % 5 FROM generate_series(1, 4000) i;
	END LOOP;
END $$;
VACUUM churn;
SELECT pg_relation_size('churn_k') <= :before * 3 AS bounded;
SELECT omendb.alex_check('churn_k', true);

-- Updates of an unindexed column (HOT) and of an indexed one
UPDATE va SET t = t WHERE k <= 1000;
UPDATE va SET k = k WHERE k <= 1000;
UPDATE va SET k = -k WHERE k <= 1000;
UPDATE va SET k = -k WHERE k < 0;
VACUUM va;
SELECT count(*) FROM va WHERE k BETWEEN 1 AND 1000;
SELECT count(*) FROM va WHERE k < 0;
SELECT omendb.alex_check('va_k', true), omendb.alex_check('va_t', true);

-- Options
DELETE FROM va WHERE k % 2 = 0;
VACUUM (INDEX_CLEANUP OFF) va;
SELECT count(*) FROM va WHERE k > 0;
VACUUM (INDEX_CLEANUP ON, FREEZE) va;
SELECT count(*) FROM va WHERE k > 0;
SET min_parallel_index_scan_size = 0;
DELETE FROM va WHERE k % 5 = 0;
VACUUM (PARALLEL 2) va;
SELECT count(*) FROM va WHERE k > 0;
SELECT omendb.alex_check('va_k', true), omendb.alex_check('va_t', true);
-- statistics after VACUUM and ANALYZE
VACUUM (ANALYZE) va;
SELECT reltuples FROM pg_class WHERE relname IN ('va_k', 'va_t');

-- VACUUM sees the rows of an index-only scan's pages as all-visible
SET enable_indexscan = off;
SELECT count(*), sum(k) FROM va WHERE k < 5000;

DROP TABLE va, queue, queue_size, churn;

-- Keys that begin with the time and go on at random fill the leaves, as a build does
CREATE TABLE vac_time (k bigint);
CREATE INDEX vac_time_k ON vac_time USING alex (k);
SET omendb.alex_batch = off;
INSERT INTO vac_time SELECT i / 20 * 65536::bigint + i * 40503::bigint % 65536 FROM generate_series(1, 20000) i;
RESET omendb.alex_batch;
SELECT pg_relation_size('vac_time_k') AS grown \gset
REINDEX INDEX vac_time_k;
SELECT :grown < pg_relation_size('vac_time_k') * 1.2 AS full_leaves;

-- Rows come and go between others, again and again
CREATE TABLE vac_mix (k text COLLATE "C", i int);
CREATE INDEX vac_mix_k ON vac_mix USING alex (k);
CREATE INDEX vac_mix_i ON vac_mix USING alex (i);
INSERT INTO vac_mix SELECT 'k' || i * 7919 % 5000 || repeat('x', i % 30), i * 7919 % 5000 FROM generate_series(1, 10000) i;
DELETE FROM vac_mix WHERE i % 3 = 0;
VACUUM vac_mix;
SELECT omendb.alex_check('vac_mix_k', true), omendb.alex_check('vac_mix_i', true);
INSERT INTO vac_mix SELECT 'k' || i * 7919 % 5000 || repeat('y', i % 20), i * 7919 % 5000 FROM generate_series(1, 5000) i;
DELETE FROM vac_mix WHERE i % 7 < 3;
VACUUM vac_mix;
SELECT omendb.alex_check('vac_mix_k', true), omendb.alex_check('vac_mix_i', true);
DELETE FROM vac_mix WHERE i % 7 <> 4;
VACUUM vac_mix;
SELECT omendb.alex_check('vac_mix_k', true), omendb.alex_check('vac_mix_i', true);
DROP TABLE vac_time, vac_mix;
