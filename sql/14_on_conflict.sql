--
-- ON CONFLICT with unique alex indexes, and what looks for a unique index
--
CREATE TABLE oc (k int, t text COLLATE "C", n int DEFAULT 1);
CREATE UNIQUE INDEX oc_k ON oc USING alex (k);
CREATE UNIQUE INDEX oc_t ON oc USING alex (lower(t)) WHERE n > 0;
CREATE INDEX oc_n ON oc USING alex (n);
INSERT INTO oc VALUES (1, 'a'), (2, 'b'), (3, 'c');
INSERT INTO oc VALUES (1, 'x') ON CONFLICT DO NOTHING;
INSERT INTO oc VALUES (9, 'B') ON CONFLICT DO NOTHING;
INSERT INTO oc VALUES (1, 'x') ON CONFLICT (k) DO UPDATE SET n = oc.n + 1 RETURNING *;
INSERT INTO oc VALUES (4, 'A') ON CONFLICT (lower(t)) WHERE n > 0 DO UPDATE SET n = oc.n + 1 RETURNING *;
INSERT INTO oc VALUES (4, 'd'), (2, 'z') ON CONFLICT (k) DO UPDATE SET n = oc.n + 1 RETURNING *;
INSERT INTO oc VALUES (9, 'B') ON CONFLICT (k) DO NOTHING;
INSERT INTO oc VALUES (5, 'e'), (5, 'f') ON CONFLICT (k) DO UPDATE SET n = oc.n + 1;
INSERT INTO oc VALUES (5, 'e'), (5, 'f') ON CONFLICT (k) DO NOTHING;
INSERT INTO oc SELECT i, 't' || i FROM generate_series(1, 1000) i ON CONFLICT (k) DO UPDATE SET n = oc.n + 1;
INSERT INTO oc SELECT i, 't' || i FROM generate_series(501, 1500) i ON CONFLICT (k) DO NOTHING;
SELECT n, count(*) FROM oc GROUP BY n ORDER BY n;
-- in WITH, in functions, prepared, explained
WITH up AS (INSERT INTO oc VALUES (1, 'q'), (2000, 'q') ON CONFLICT (k) DO UPDATE SET n = 10 RETURNING k, n)
SELECT * FROM up ORDER BY k;
CREATE FUNCTION up(key int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	result int;
BEGIN
	INSERT INTO oc VALUES (key, 'f' || key) ON CONFLICT (k) DO UPDATE SET n = oc.n + 100 RETURNING n INTO result;
	RETURN result;
EXCEPTION WHEN unique_violation THEN
	RETURN -1;
END $$;
SELECT up(3000), up(3000), up(1);
CREATE FUNCTION up_sql(int) RETURNS int LANGUAGE sql AS
	$$ INSERT INTO oc VALUES ($1, 'g' || $1) ON CONFLICT (k) DO UPDATE SET n = oc.n + 1000 RETURNING n $$;
SELECT up_sql(3000), up_sql(3001);
PREPARE up(int) AS INSERT INTO oc VALUES ($1, 'p' || $1) ON CONFLICT (k) DO UPDATE SET n = 7 RETURNING k, n;
EXECUTE up(3002);
ALTER INDEX oc_k SET (fillfactor = 70);
EXECUTE up(3002);
REINDEX INDEX oc_k;
EXECUTE up(3003);
EXPLAIN (COSTS OFF) INSERT INTO oc VALUES (1, 'x') ON CONFLICT (k) DO NOTHING;
-- the index is alex's for everybody afterwards
BEGIN;
INSERT INTO oc VALUES (1, 'x') ON CONFLICT (k) DO NOTHING;
SET LOCAL enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM oc WHERE k = 5;
SELECT k, n FROM oc WHERE k = 5;
SAVEPOINT s;
INSERT INTO oc VALUES (1, 'x') ON CONFLICT (k) DO UPDATE SET n = 1 / (oc.n - oc.n);
ROLLBACK TO s;
INSERT INTO oc VALUES (1, 'x') ON CONFLICT (k) DO UPDATE SET n = 0 RETURNING n;
COMMIT;
SELECT omendb.alex_check('oc_k', true), omendb.alex_check('oc_t', true), omendb.alex_check('oc_n', true);

-- a temporary table, a table with a trigger, a view
CREATE TEMP TABLE oc_temp (k int, n int);
CREATE UNIQUE INDEX ON oc_temp USING alex (k);
INSERT INTO oc_temp VALUES (1, 1);
INSERT INTO oc_temp VALUES (1, 1), (2, 2) ON CONFLICT (k) DO UPDATE SET n = 5;
SELECT * FROM oc_temp ORDER BY k;
CREATE VIEW oc_view AS SELECT k, n FROM oc_temp;
INSERT INTO oc_view VALUES (1, 1) ON CONFLICT (k) DO UPDATE SET n = 6;
SELECT * FROM oc_temp ORDER BY k;
DROP TABLE oc_temp CASCADE;

-- partitions with unique indexes of their own
CREATE TABLE oc_parted (k int, n int) PARTITION BY RANGE (k);
CREATE TABLE oc_part1 PARTITION OF oc_parted FOR VALUES FROM (0) TO (100);
CREATE TABLE oc_part2 PARTITION OF oc_parted FOR VALUES FROM (100) TO (200);
CREATE UNIQUE INDEX ON oc_part1 USING alex (k);
INSERT INTO oc_parted VALUES (1, 1), (101, 1);
INSERT INTO oc_parted VALUES (102, 1) ON CONFLICT DO NOTHING;
INSERT INTO oc_parted VALUES (1, 1) ON CONFLICT DO NOTHING;
INSERT INTO oc_part1 VALUES (1, 1) ON CONFLICT (k) DO UPDATE SET n = 2;
SELECT * FROM oc_parted ORDER BY k;
CREATE UNIQUE INDEX ON oc_parted USING alex (k);
DROP TABLE oc_parted;

-- foreign keys
CREATE TABLE oc_ref (k int REFERENCES oc (k));
CREATE TABLE oc_main (a int, b int);
CREATE UNIQUE INDEX oc_main_a ON oc_main USING alex (a);
CREATE UNIQUE INDEX oc_main_ab ON oc_main USING alex (a, b);
ALTER TABLE oc_main ADD PRIMARY KEY (a);
CREATE TABLE oc_child (a int REFERENCES oc_main (a), b int);
ALTER TABLE oc_child ADD c int REFERENCES oc_main (a) DEFERRABLE, ADD FOREIGN KEY (b) REFERENCES oc_main;
ALTER TABLE oc_child ADD FOREIGN KEY (a, b) REFERENCES oc_main (a, b);
SELECT conname, conindid::regclass FROM pg_constraint WHERE conrelid = 'oc_child'::regclass AND conname <> 'oc_child_a_b_fkey' ORDER BY conname;
INSERT INTO oc_main VALUES (1, 1);
INSERT INTO oc_child VALUES (1, 1, 1);
INSERT INTO oc_child VALUES (2);
DELETE FROM oc_main;
DROP TABLE IF EXISTS oc_child, oc_ref, oc_main, oc;
DROP FUNCTION up, up_sql;

-- materialized views
CREATE MATERIALIZED VIEW oc_mat AS SELECT i AS k, i % 3 AS n FROM generate_series(1, 10) i;
CREATE UNIQUE INDEX oc_mat_k ON oc_mat USING alex (k);
REFRESH MATERIALIZED VIEW oc_mat;
REFRESH MATERIALIZED VIEW CONCURRENTLY oc_mat;
SELECT count(*) FROM oc_mat;
SELECT omendb.alex_check('oc_mat_k', true);
DROP MATERIALIZED VIEW oc_mat;

-- The check of a row gives its memory back before the next one
CREATE FUNCTION oc_memory() RETURNS text LANGUAGE sql VOLATILE AS
	'SELECT sum(total_bytes)::text FROM pg_backend_memory_contexts';
CREATE TABLE oc_rows (id int, name text, note text);
CREATE UNIQUE INDEX ON oc_rows USING alex (id);
CREATE UNIQUE INDEX ON oc_rows USING alex (name);
INSERT INTO oc_rows SELECT i % 100, 'name ' || i % 100,
	CASE WHEN i = 20000 THEN set_config('oc.memory', oc_memory(), false) END
	FROM generate_series(1, 20000) i
	ON CONFLICT DO NOTHING;
SELECT count(*), current_setting('oc.memory')::bigint < 50000000 AS little FROM oc_rows;
INSERT INTO oc_rows SELECT -i, 'name ' || i % 100,
	CASE WHEN i = 20000 THEN set_config('oc.memory', oc_memory(), false) END
	FROM generate_series(1, 20000) i
	ON CONFLICT (name) DO NOTHING;
SELECT count(*), current_setting('oc.memory')::bigint < 50000000 AS little FROM oc_rows;
DROP TABLE oc_rows;
DROP FUNCTION oc_memory();
