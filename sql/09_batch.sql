--
-- Statements that insert many rows: the index entries may be written late, but
-- nobody can tell
--
CREATE TABLE ba (k int, t text COLLATE "C", n int);
CREATE INDEX ba_k ON ba USING alex (k);
CREATE INDEX ba_t ON ba USING alex (t, k);
SET enable_seqscan = off;
SET enable_bitmapscan = off;

-- Every way to insert
INSERT INTO ba VALUES (1, 'one');
INSERT INTO ba VALUES (2, 'two'), (3, 'three'), (NULL, NULL), (4, NULL);
INSERT INTO ba SELECT i, 't' || i FROM generate_series(5, 1000) i;
COPY ba (k, t) FROM stdin;
1001	t1001
1002	t1002
\N	t1003
\.
INSERT INTO ba SELECT i * 7919 % 10007 + 2000, 'r' || i FROM generate_series(1, 9000) i;
SELECT count(*) FROM ba WHERE k > 0;
SELECT count(*) FROM ba WHERE k IS NULL;
SELECT count(*) FROM ba WHERE t >= 't' AND t < 'u';
SELECT omendb.alex_check('ba_k', true), omendb.alex_check('ba_t', true);

-- The statement's own queries do not see its rows, the next statement does
INSERT INTO ba SELECT k + 100000, t FROM ba WHERE k BETWEEN 1 AND 500;
SELECT count(*) FROM ba WHERE k > 100000;
WITH n AS (INSERT INTO ba SELECT 200000 + i, 'w' FROM generate_series(1, 50) i RETURNING k)
SELECT count(*), (SELECT count(*) FROM ba WHERE k > 200000) AS seen FROM n;
SELECT count(*) FROM ba WHERE k > 200000;

-- Savepoints
BEGIN;
INSERT INTO ba SELECT 300000 + i, 's1' FROM generate_series(1, 100) i;
SAVEPOINT a;
INSERT INTO ba SELECT 300000 + i, 's2' FROM generate_series(101, 200) i;
SAVEPOINT b;
INSERT INTO ba SELECT 300000 + i, 's3' FROM generate_series(201, 300) i;
SELECT count(*) FROM ba WHERE k > 300000;
ROLLBACK TO b;
SELECT count(*) FROM ba WHERE k > 300000;
INSERT INTO ba SELECT 300000 + i, 's4' FROM generate_series(201, 250) i;
RELEASE b;
SELECT count(*) FROM ba WHERE k > 300000;
ROLLBACK TO a;
INSERT INTO ba SELECT 300000 + i, 's5' FROM generate_series(501, 510) i;
COMMIT;
SELECT t, count(*) FROM ba WHERE k > 300000 GROUP BY t ORDER BY t;
BEGIN;
INSERT INTO ba SELECT 400000 + i, 'gone' FROM generate_series(1, 1000) i;
ROLLBACK;
SELECT count(*) FROM ba WHERE k > 400000;

-- A statement that fails midway
INSERT INTO ba SELECT 400000 + i, (1 / (i - 700))::text FROM generate_series(1, 1000) i;
COPY ba (k, t) FROM stdin;
400001	good
4000x2	bad
\.
SELECT count(*) FROM ba WHERE k > 400000;
INSERT INTO ba VALUES (400001, 'after');
SELECT count(*) FROM ba WHERE k > 400000;
SELECT omendb.alex_check('ba_k', true), omendb.alex_check('ba_t', true);

-- Exception blocks
DO $$
DECLARE
	seen int;
BEGIN
	FOR i IN 1..20 LOOP
		BEGIN
			INSERT INTO ba SELECT 500000 + i * 100 + j, 'block' FROM generate_series(1, 10) j;
			SELECT count(*) INTO seen FROM ba WHERE k BETWEEN 500000 + i * 100 AND 500000 + i * 100 + 99;
			IF seen <> 10 THEN
				RAISE WARNING 'saw % rows', seen;
			END IF;
			IF i % 3 = 0 THEN
				RAISE EXCEPTION 'undo';
			END IF;
		EXCEPTION WHEN raise_exception THEN
			SELECT count(*) INTO seen FROM ba WHERE k BETWEEN 500000 + i * 100 AND 500000 + i * 100 + 99;
			IF seen <> 0 THEN
				RAISE WARNING 'saw % rows of the undone block', seen;
			END IF;
			INSERT INTO ba VALUES (500000 + i * 100, 'instead');
		END;
	END LOOP;
END $$;
SELECT t, count(*) FROM ba WHERE k BETWEEN 500000 AND 599999 GROUP BY t ORDER BY t;

-- An exception block around a statement that calls a function that inserts
CREATE FUNCTION put(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO ba VALUES (600000 + i, 'put');
	IF i = 7 THEN
		RAISE EXCEPTION 'seven';
	END IF;
	RETURN (SELECT count(*) FROM ba WHERE k >= 600000 AND t = 'put');
EXCEPTION WHEN raise_exception THEN
	RETURN -1;
END $$;
INSERT INTO ba SELECT 700000 + i, 'outer', put(i) FROM generate_series(1, 10) i;
SELECT k, n FROM ba WHERE k >= 700000 ORDER BY k;
SELECT k FROM ba WHERE k BETWEEN 600000 AND 699999 ORDER BY k;
SELECT omendb.alex_check('ba_k', true), omendb.alex_check('ba_t', true);

-- Row triggers that read the table see the rows inserted before theirs
CREATE TABLE seen (at_time text, k int, n bigint);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO seen SELECT TG_WHEN, NEW.k, count(*) FROM ba WHERE ba.k >= 800000;
	RETURN NEW;
END $$;
CREATE TRIGGER look_before BEFORE INSERT ON ba FOR EACH ROW EXECUTE FUNCTION look();
CREATE TRIGGER look_after AFTER INSERT ON ba FOR EACH ROW EXECUTE FUNCTION look();
INSERT INTO ba VALUES (800001, 'a'), (800002, 'b'), (800003, 'c');
COPY ba (k, t) FROM stdin;
800004	d
800005	e
\.
SELECT * FROM seen ORDER BY k, at_time;
DROP TRIGGER look_before ON ba;
DROP TRIGGER look_after ON ba;
-- a statement trigger with a transition table
CREATE FUNCTION look_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'inserted %, found %', (SELECT count(*) FROM fresh),
		(SELECT count(*) FROM fresh JOIN ba USING (k) WHERE ba.k >= 810000);
	RETURN NULL;
END $$;
CREATE TRIGGER look_all AFTER INSERT ON ba REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION look_all();
INSERT INTO ba SELECT 810000 + i, 'stmt' FROM generate_series(1, 100) i;
DROP TRIGGER look_all ON ba;

-- A volatile function in the statement reads what it has inserted so far
CREATE FUNCTION so_far() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT count(*) FROM ba WHERE k >= 820000';
INSERT INTO ba SELECT 820000 + i, 'v', so_far() FROM generate_series(1, 5) i;
SELECT k, n FROM ba WHERE k >= 820000 ORDER BY k;

-- Open cursors keep to their snapshot
BEGIN;
DECLARE c CURSOR FOR SELECT k FROM ba WHERE k >= 820000 ORDER BY k;
FETCH 2 FROM c;
INSERT INTO ba SELECT 820000, 'late' FROM generate_series(1, 300) i;
INSERT INTO ba SELECT 820003, 'late' FROM generate_series(1, 300) i;
FETCH ALL FROM c;
SELECT count(*) FROM ba WHERE k >= 820000;
COMMIT;

-- INSERT in a cursor loop over the same index
DO $$
DECLARE
	r record;
	n int := 0;
BEGIN
	FOR r IN SELECT k FROM ba WHERE k BETWEEN 5 AND 400 ORDER BY k LOOP
		INSERT INTO ba VALUES (r.k, 'loop'), (r.k + 1, 'loop');
		n := n + 1;
	END LOOP;
	RAISE NOTICE '% turns', n;
END $$;
SELECT count(*) FROM ba WHERE k BETWEEN 5 AND 401;

-- Commands on the table in the same transaction
BEGIN;
INSERT INTO ba SELECT 900000 + i, 'ddl' FROM generate_series(1, 100) i;
CREATE INDEX ba_n ON ba USING alex (n, k);
INSERT INTO ba SELECT 900000 + i, 'ddl', i FROM generate_series(101, 200) i;
SELECT count(*) FROM ba WHERE n = 150 AND k > 900000;
DROP INDEX ba_k;
INSERT INTO ba SELECT 900000 + i, 'ddl', i FROM generate_series(201, 300) i;
CREATE INDEX ba_k ON ba USING alex (k);
SELECT count(*) FROM ba WHERE k > 900000;
REINDEX TABLE ba;
INSERT INTO ba SELECT 900000 + i, 'ddl', i FROM generate_series(301, 400) i;
SELECT count(*) FROM ba WHERE k > 900000;
ALTER TABLE ba ALTER k TYPE int8;
INSERT INTO ba SELECT 900000 + i, 'ddl', i FROM generate_series(401, 500) i;
SELECT count(*) FROM ba WHERE k > 900000;
COMMIT;
SELECT omendb.alex_check(indexrelid, true) FROM pg_index WHERE indrelid = 'ba'::regclass ORDER BY indexrelid::regclass::text;
BEGIN;
INSERT INTO ba SELECT 900000 + i, 'tr' FROM generate_series(1, 100) i;
TRUNCATE ba;
INSERT INTO ba SELECT 900000 + i, 'tr' FROM generate_series(1, 10) i;
SELECT count(*) FROM ba WHERE k > 900000;
ROLLBACK;
SELECT count(*) FROM ba WHERE k > 900000;
BEGIN;
CREATE TABLE ba2 (k int, t text);
CREATE INDEX ba2_k ON ba2 USING alex (k);
INSERT INTO ba2 SELECT i, 'x' FROM generate_series(1, 500) i;
TRUNCATE ba2;
INSERT INTO ba2 SELECT i, 'x' FROM generate_series(501, 600) i;
SELECT count(*) FROM ba2 WHERE k > 0;
DROP TABLE ba2;
COMMIT;

-- Several tables in one statement, a foreign key, RETURNING
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int, parent int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE);
CREATE INDEX child_parent ON child USING alex (parent);
WITH p AS (INSERT INTO parent SELECT generate_series(1, 100) RETURNING id),
	c AS (INSERT INTO child SELECT id * 10 + j, id FROM p, generate_series(1, 3) j RETURNING parent)
SELECT count(*), count(DISTINCT parent) FROM c;
DELETE FROM parent WHERE id % 2 = 0;
SELECT count(*) FROM child WHERE parent > 0;
INSERT INTO child VALUES (1, 2);
SELECT omendb.alex_check('child_parent', true);

-- ON CONFLICT whose arbiter is a btree index
INSERT INTO parent SELECT generate_series(1, 10) ON CONFLICT DO NOTHING;
CREATE INDEX parent_alex ON parent USING alex (id);
INSERT INTO parent SELECT generate_series(1, 200) ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id + 1000;
SELECT count(*), min(id), max(id) FROM parent WHERE id > 0;
SELECT omendb.alex_check('parent_alex', true);

-- MERGE
MERGE INTO child c USING (SELECT i FROM generate_series(1001, 1200) i) s ON c.parent = s.i
WHEN MATCHED AND s.i < 1050 THEN DELETE
WHEN MATCHED THEN UPDATE SET id = id + 1
WHEN NOT MATCHED AND s.i < 1010 THEN INSERT VALUES (-s.i, s.i);
SELECT count(*), sum(id) FROM child WHERE parent > 0;
SELECT omendb.alex_check('child_parent', true);

-- Two-phase commit
BEGIN;
INSERT INTO child SELECT 5000 + i, 1001 + i FROM generate_series(0, 8, 2) i;
PREPARE TRANSACTION 'batch1';
SELECT count(*) FROM child WHERE parent > 1000 AND id > 5000;
COMMIT PREPARED 'batch1';
SELECT count(*) FROM child WHERE parent > 1000 AND id >= 5000;
BEGIN;
INSERT INTO child SELECT 6000 + i, 1001 + i FROM generate_series(0, 8, 2) i;
PREPARE TRANSACTION 'batch2';
ROLLBACK PREPARED 'batch2';
SELECT count(*) FROM child WHERE parent > 1000 AND id >= 5000;
SELECT omendb.alex_check('child_parent', true);

-- A portal that is not run to its end, and one that is closed early
BEGIN;
DECLARE c CURSOR FOR SELECT so_far();
FETCH 1 FROM c;
INSERT INTO ba SELECT 830000 + i, 'p' FROM generate_series(1, 20) i;
CLOSE c;
SELECT count(*) FROM ba WHERE k >= 830000 AND t = 'p';
COMMIT;
SELECT omendb.alex_check(indexrelid, true) FROM pg_index WHERE indrelid = 'ba'::regclass ORDER BY indexrelid::regclass::text;

-- Few distinct keys, far apart: pages of one key each are filled to the end
CREATE TABLE few (k int8);
CREATE INDEX few_alex ON few USING alex (k);
CREATE INDEX few_btree ON few USING btree (k);
SET omendb.alex_batch = off;
INSERT INTO few SELECT hashint8extended(hashint4(i) % 20, 1) FROM generate_series(1, 60000) i;
SELECT pg_relation_size('few_alex') < pg_relation_size('few_btree') AS smaller;
SELECT omendb.alex_check('few_alex', true);
TRUNCATE few;
RESET omendb.alex_batch;
INSERT INTO few SELECT hashint8extended(hashint4(i) % 20, 1) FROM generate_series(1, 60000) i;
SELECT pg_relation_size('few_alex') < pg_relation_size('few_btree') AS smaller;
SELECT omendb.alex_check('few_alex', true);

-- Runs of equal keys among wide ones: a cut between runs must leave room for
-- the key of the next page, which is the high fence
CREATE TABLE wide (i int, k text);
INSERT INTO wide
SELECT n - 1, left(chr(64 + n::int) || string_agg(md5((n - 1)::text || j), '' ORDER BY j), s)
FROM unnest('{5,2500,5,2500,300,1500,900,2500,900,2500,300,2500,900,5,900,1500,900,900,5,900,900,5,2500,2500,300,5}'::int[])
	 WITH ORDINALITY AS u (s, n), generate_series(1, 90) j
GROUP BY n, s;
CREATE TABLE runs (k text);
CREATE INDEX runs_k ON runs USING alex (k);
DO $$
DECLARE
	counts int[] := '{20,400,100,100,400,20,20,100,20,20,400,400,100,100,100,400,100,400,400,20,400,100,20,400,400,400,20,20,100,20}';
BEGIN
	FOR r IN 1 .. array_length(counts, 1) LOOP
		INSERT INTO runs SELECT k FROM generate_series(1, counts[r]) g JOIN wide w ON w.i = abs(hashint4(g + (r - 1) * 1000)) % 26;
	END LOOP;
END $$;
SELECT omendb.alex_check('runs_k', true);

-- A batch that is small for its index waits in a temporary file
CREATE TABLE large (k int8, t text COLLATE "C", d int4);
INSERT INTO large SELECT hashint8extended(i, 1), md5(i::text), i FROM generate_series(1, 40000) i;
CREATE INDEX large_k ON large USING alex (k DESC NULLS LAST);
CREATE INDEX large_t ON large USING alex (t) INCLUDE (d);
CREATE INDEX large_d ON large USING alex (d);
CREATE FUNCTION temporary_blocks(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
	used boolean := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) ' || query LOOP
		used := used OR line ~ 'temp .*written';
	END LOOP;
	RETURN used;
END $$;
SET omendb.alex_batch_size = 64;
SELECT temporary_blocks('INSERT INTO large SELECT CASE WHEN i % 50 > 0 THEN hashint8extended(i, 2) END,'
						' CASE WHEN i % 70 > 0 THEN md5(i || $$x$$) END, 100000 - i FROM generate_series(1, 20000) i');
SELECT count(*), count(k), count(t) FROM large;
SELECT omendb.alex_check(indexrelid, true) FROM pg_index WHERE indrelid = 'large'::regclass ORDER BY indexrelid::regclass::text;
-- What comes in order need not wait
CREATE TABLE later (LIKE large);
CREATE INDEX later_k ON later USING alex (k);
INSERT INTO later SELECT i FROM generate_series(1, 40000) i;
SELECT temporary_blocks('INSERT INTO later SELECT i FROM generate_series(40001, 60000) i');
SELECT omendb.alex_check('later_k', true);
-- Aborted, with a file open, as a whole and in part
BEGIN;
INSERT INTO large SELECT hashint8extended(i, 3), md5(i || 'y'), i / (i - 20000) FROM generate_series(1, 20000) i;
ROLLBACK;
BEGIN;
SAVEPOINT s;
INSERT INTO large SELECT hashint8extended(i, 3), md5(i || 'y'), i / (i - 20000) FROM generate_series(1, 20000) i;
ROLLBACK TO s;
INSERT INTO large SELECT hashint8extended(i, 4), md5(i || 'z'), i FROM generate_series(1, 15000) i;
-- Somebody looks while the file is open
SELECT count(*) FROM (SELECT count(*) OVER () FROM large WHERE t < '8') s;
COMMIT;
CREATE FUNCTION large_seen(k int8) RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT count(*) FROM large l WHERE l.k = $1';
SET enable_seqscan = off;
INSERT INTO large SELECT hashint8extended(i, 5) - CASE WHEN i % 9000 = 0 THEN large_seen(i) ELSE 0 END, md5(i || 'a'), i
FROM generate_series(1, 20000) i;
\copy large FROM PROGRAM 'awk "BEGIN { for (i = 1; i <= 20000; i++) printf \"%d\tcopied %d\t%d\n\", i * 7919 % 1000003, i * 7907 % 1000003, i }"'
SELECT count(*), count(k), count(t) FROM large;
SELECT omendb.alex_check(indexrelid, true) FROM pg_index WHERE indrelid = 'large'::regclass ORDER BY indexrelid::regclass::text;
RESET enable_seqscan;
RESET omendb.alex_batch_size;

DROP TABLE ba, seen, child, parent, few, runs, wide, large, later;
DROP FUNCTION put, look, look_all, so_far, temporary_blocks, large_seen;
