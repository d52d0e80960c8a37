-- Every kind of DML on an omendb table beside a heap twin: the schemas h and o
-- have the same tables, o's are omendb tables.
SET client_min_messages = warning;
CREATE SCHEMA h;
CREATE SCHEMA o;

-- Runs a command in both schemas. Says "same" and what came, or both.
CREATE FUNCTION twin(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	side text;
	answer text;
	answers text[] := '{}';
BEGIN
	FOREACH side IN ARRAY ARRAY['h', 'o'] LOOP
		PERFORM set_config('search_path', side || ', public', true);
		PERFORM set_config('default_table_access_method',
						   CASE side WHEN 'h' THEN 'heap' ELSE 'omendb' END, true);
		BEGIN
			IF command ~* '^\s*(select|with|table|values)' THEN
				EXECUTE 'SELECT string_agg(q::text, '' '') FROM (' || command || ') q' INTO answer;
			ELSIF command ~* '\mreturning\M' THEN
				EXECUTE 'WITH q AS (' || command || ') SELECT string_agg(q::text, '' '' ORDER BY q::text) FROM q' INTO answer;
			ELSE
				EXECUTE command;
				answer := 'done';
			END IF;
		EXCEPTION WHEN OTHERS THEN
			answer := SQLSTATE || ': ' || SQLERRM;
		END;
		answers := answers || coalesce(answer, 'nothing');
	END LOOP;
	PERFORM set_config('search_path', 'public', true);
	RETURN CASE WHEN answers[1] = answers[2] THEN 'same: ' || left(answers[1], 100)
		   ELSE 'DIFFERENT: ' || answers[1] || ' / ' || answers[2] END;
END $$;

-- Compares the rows of a table in both schemas.
CREATE FUNCTION same(tab text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
	d bigint;
BEGIN
	EXECUTE format('SELECT (SELECT count(*) FROM o.%1$I), count(*) FROM
		((SELECT x::text FROM h.%1$I x EXCEPT ALL SELECT x::text FROM o.%1$I x) UNION ALL
		 (SELECT x::text FROM o.%1$I x EXCEPT ALL SELECT x::text FROM h.%1$I x)) d', tab) INTO n, d;
	RETURN format('%s rows, %s differ', n, d);
END $$;

SELECT twin($$CREATE TABLE t (id int PRIMARY KEY, k int, v text, big text,
	g int GENERATED ALWAYS AS (k * 2) STORED, CHECK (k <> 666))$$);
SELECT relnamespace::regnamespace, amname FROM pg_class c JOIN pg_am a ON a.oid = relam
WHERE relname = 't' AND relkind = 'r' ORDER BY 1;

-- INSERT, RETURNING, errors
SELECT twin($$INSERT INTO t SELECT i, i % 10, 'v' || i FROM generate_series(1, 1000) i$$);
SELECT twin($$INSERT INTO t (id, k) VALUES (2001, 5), (2002, NULL) RETURNING *$$);
SELECT twin($$INSERT INTO t (id, k) VALUES (1, 5)$$);
SELECT twin($$INSERT INTO t (id, k) VALUES (3000, 666)$$);
SELECT twin($$INSERT INTO t (id, big) SELECT 4000 + i, (SELECT string_agg(md5((i * j)::text), '') FROM generate_series(1, 400) j) FROM generate_series(1, 5) i$$);
SELECT twin($$SELECT id, length(big), md5(big) FROM t WHERE id > 4000 ORDER BY id$$);
SELECT same('t');

-- UPDATE, HOT and not, of TOASTed rows, FROM, RETURNING
SELECT twin($$UPDATE t SET v = v || 'u' WHERE id % 7 = 0$$);
SELECT twin($$UPDATE t SET id = id + 10000 WHERE id BETWEEN 100 AND 120 RETURNING id, k, v$$);
SELECT twin($$UPDATE t SET k = 1 WHERE id > 4000 AND id < 4010 RETURNING id, md5(big)$$);
SELECT twin($$UPDATE t SET v = x.v FROM t x WHERE x.id = t.id + 1 AND t.id < 50$$);
SELECT twin($$UPDATE t SET id = id WHERE id = 1; UPDATE t SET k = 1 WHERE id = 1; UPDATE t SET k = 2 WHERE id = 1$$);
SELECT same('t');

-- DELETE, USING
SELECT twin($$DELETE FROM t WHERE id % 13 = 0$$);
SELECT twin($$DELETE FROM t USING t x WHERE x.id = t.id + 1 AND x.id % 50 = 0 RETURNING t.id$$);
SELECT same('t');

-- ON CONFLICT
SELECT twin($$INSERT INTO t VALUES (1, 1, 'again') ON CONFLICT DO NOTHING RETURNING id$$);
SELECT twin($$INSERT INTO t (id, k, v) SELECT i, i, 'c' FROM generate_series(1, 30) i ON CONFLICT (id) DO UPDATE SET v = t.v || excluded.v WHERE t.id % 2 = 0 RETURNING id, v$$);
SELECT twin($$INSERT INTO t (id) VALUES (5000), (5000) ON CONFLICT (id) DO UPDATE SET v = 'twice'$$);
SELECT same('t');

-- MERGE
SELECT twin($$MERGE INTO t USING (SELECT i AS id, i % 3 AS what FROM generate_series(1, 60) i) s ON s.id = t.id
	WHEN MATCHED AND what = 0 THEN DELETE
	WHEN MATCHED AND what = 1 THEN UPDATE SET v = 'merged'
	WHEN NOT MATCHED THEN INSERT (id, k, v) VALUES (s.id, 1, 'new')$$);
SELECT same('t');

-- rows locked, by every strength
SELECT twin($$SELECT id, v FROM (SELECT * FROM t WHERE id < 10 ORDER BY id FOR UPDATE) s$$);
SELECT twin($$SELECT id, v FROM (SELECT * FROM t WHERE id < 20 ORDER BY id FOR SHARE) s$$);
SELECT twin($$SELECT id, v FROM (SELECT * FROM t WHERE id < 20 ORDER BY id FOR KEY SHARE) s$$);
SELECT twin($$SELECT id, v FROM (SELECT * FROM t WHERE id < 20 ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) s$$);
SELECT twin($$SELECT id, v FROM (SELECT * FROM t WHERE id < 20 ORDER BY id FOR UPDATE NOWAIT) s$$);

-- foreign keys, from and to an omendb table
SELECT twin($$CREATE TABLE child (id int PRIMARY KEY, t_id int REFERENCES t ON DELETE CASCADE ON UPDATE CASCADE)$$);
SELECT twin($$INSERT INTO child SELECT i, i FROM generate_series(200, 230) i WHERE EXISTS (SELECT FROM t WHERE t.id = i)$$);
SELECT twin($$INSERT INTO child VALUES (1, 99999)$$);
SELECT twin($$UPDATE t SET id = id + 20000 WHERE id BETWEEN 200 AND 205$$);
SELECT twin($$DELETE FROM t WHERE id BETWEEN 210 AND 215$$);
SELECT same('child'), same('t');
SELECT twin($$ALTER TABLE child ADD CONSTRAINT later FOREIGN KEY (t_id) REFERENCES t DEFERRABLE INITIALLY DEFERRED NOT VALID$$);
SELECT twin($$ALTER TABLE child VALIDATE CONSTRAINT later$$);

-- triggers, transition tables, deferred triggers that write at commit
SELECT twin($$CREATE TABLE log (what text, id int)$$);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %I.log VALUES ($1, $2)', TG_TABLE_SCHEMA) USING TG_OP || ' ' || TG_WHEN, coalesce(NEW.id, OLD.id);
	RETURN coalesce(NEW, OLD);
END $$;
CREATE FUNCTION note_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %I.log SELECT $1, $2', TG_TABLE_SCHEMA) USING 'statement', (SELECT count(*) FROM changed);
	RETURN NULL;
END $$;
SELECT twin($$CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION note()$$);
SELECT twin($$CREATE CONSTRAINT TRIGGER b AFTER INSERT OR UPDATE OR DELETE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note()$$);
SELECT twin($$CREATE TRIGGER c AFTER UPDATE ON t REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_all()$$);
SELECT twin($$UPDATE t SET k = k + 1 WHERE id < 40$$);
SELECT twin($$DELETE FROM t WHERE id < 10$$);
SELECT twin($$INSERT INTO t (id) VALUES (7)$$);
SELECT same('t'), same('log');
SELECT twin($$DROP TRIGGER a ON t$$), twin($$DROP TRIGGER b ON t$$), twin($$DROP TRIGGER c ON t$$);

-- savepoints
BEGIN;
INSERT INTO h.t (id) VALUES (6001);
INSERT INTO o.t (id) VALUES (6001);
SAVEPOINT a;
UPDATE h.t SET v = 'undone' WHERE id > 300;
UPDATE o.t SET v = 'undone' WHERE id > 300;
SAVEPOINT b;
DELETE FROM h.t WHERE id > 500;
DELETE FROM o.t WHERE id > 500;
SELECT same('t');
ROLLBACK TO b;
SELECT same('t');
RELEASE b;
ROLLBACK TO a;
SELECT same('t');
UPDATE h.t SET v = 'kept' WHERE id = 6001;
UPDATE o.t SET v = 'kept' WHERE id = 6001;
COMMIT;
SELECT same('t');
BEGIN;
DELETE FROM o.t;
SELECT count(*) FROM o.t;
ROLLBACK;
SELECT same('t');

-- cursors: scroll, hold, WHERE CURRENT OF, insensitive to later changes
BEGIN;
DECLARE ch SCROLL CURSOR FOR SELECT id FROM h.t ORDER BY id;
DECLARE co SCROLL CURSOR FOR SELECT id FROM o.t ORDER BY id;
MOVE 100 IN ch;
MOVE 100 IN co;
FETCH RELATIVE -50 FROM ch;
FETCH RELATIVE -50 FROM co;
FETCH LAST FROM ch;
FETCH LAST FROM co;
COMMIT;
BEGIN;
DECLARE co CURSOR WITH HOLD FOR SELECT id, v FROM o.t WHERE id > 900 ORDER BY id;
UPDATE o.t SET v = 'later' WHERE id > 900;
UPDATE h.t SET v = 'later' WHERE id > 900;
COMMIT;
FETCH 2 FROM co;
CLOSE co;
BEGIN;
DECLARE co CURSOR FOR SELECT id, v FROM o.t WHERE id BETWEEN 400 AND 402 FOR UPDATE;
FETCH FROM co;
UPDATE o.t SET v = 'current' WHERE CURRENT OF co;
FETCH FROM co;
DELETE FROM o.t WHERE CURRENT OF co;
COMMIT;
UPDATE h.t SET v = 'current' WHERE id = 400;
DELETE FROM h.t WHERE id = 401;
SELECT same('t');

-- TID scans, TID ranges, TABLESAMPLE
SELECT twin($$CREATE TABLE p AS SELECT i, repeat('x', 100) AS x FROM generate_series(1, 1000) i$$);
SELECT twin($$SELECT i FROM p WHERE ctid = '(1,1)'$$);
SELECT twin($$SELECT count(*), min(i), max(i) FROM p WHERE ctid >= '(2,3)' AND ctid < '(5,1)'$$);
SELECT twin($$SELECT count(*), sum(i) FROM p TABLESAMPLE SYSTEM (50) REPEATABLE (7)$$);
SELECT twin($$SELECT count(*), sum(i) FROM p TABLESAMPLE BERNOULLI (20) REPEATABLE (7)$$);
SELECT twin($$DELETE FROM p WHERE ctid = '(0,5)' RETURNING i$$);
SELECT twin($$SELECT currtid2('p', '(0,1)')$$);

-- parallel and index-only scans, bitmaps
SELECT twin($$CREATE INDEX ON p (i)$$);
VACUUM h.p;
VACUUM o.p;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SELECT twin($$SELECT count(*), sum(i), sum(length(x)) FROM p$$);
RESET min_parallel_table_scan_size;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
SET enable_seqscan = off;
SELECT twin($$SELECT count(i) FROM p WHERE i BETWEEN 100 AND 300$$);
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SELECT twin($$SELECT count(i), sum(length(x)) FROM p WHERE i BETWEEN 100 AND 300 OR i > 900$$);
RESET ALL;
SET client_min_messages = warning;

-- COPY both ways
COPY h.p TO PROGRAM 'cat >/dev/null';
COPY (SELECT i, i % 3 FROM o.p ORDER BY i LIMIT 3) TO STDOUT;
COPY h.p (i) FROM STDIN;
7001
7002
\.
COPY o.p (i) FROM STDIN;
7001
7002
\.
SELECT same('p');

-- two-phase commit
BEGIN;
UPDATE h.p SET x = 'prepared' WHERE i < 10;
UPDATE o.p SET x = 'prepared' WHERE i < 10;
PREPARE TRANSACTION 'table_dml';
SELECT count(*) FROM o.p WHERE x = 'prepared';
COMMIT PREPARED 'table_dml';
SELECT count(*) FROM o.p WHERE x = 'prepared';
SELECT same('p');
BEGIN;
DELETE FROM o.p;
PREPARE TRANSACTION 'table_dml';
ROLLBACK PREPARED 'table_dml';
SELECT same('p');

-- SERIALIZABLE
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT twin($$SELECT sum(i) FROM p$$);
SELECT twin($$UPDATE p SET x = 's' WHERE i = 20$$);
COMMIT;
SELECT same('p');

DROP SCHEMA h CASCADE;
DROP SCHEMA o CASCADE;
DROP FUNCTION twin, same, note, note_all;
