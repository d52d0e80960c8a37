-- Conditions tested on columns tell nobody about rows that are hidden
SET omendb.segment_blocks = 4;
SET max_parallel_workers_per_gather = 0;
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_omendb_reader;
RESET client_min_messages;
CREATE ROLE regress_omendb_reader;
CREATE TABLE secret (id int, owner text, v text, f float8) USING omendb;
SELECT omendb.set_compaction('secret', false);
INSERT INTO secret SELECT i, CASE WHEN i % 10 = 0 THEN 'regress_omendb_reader' ELSE 'other' END, 'v' || i, i
FROM generate_series(1, 2000) i;
VACUUM ANALYZE secret;
SELECT segments > 1 AS several FROM omendb.compact('secret');
UPDATE secret SET v = 'changed' WHERE id IN (20, 21);
CREATE FUNCTION leak(v text) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
	RAISE NOTICE 'leaked %', v;
	RETURN true;
END $$;
CREATE FUNCTION leaky_eq(text, text) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
	RAISE NOTICE 'leaked %', $1;
	RETURN $1 = $2;
END $$;
CREATE OPERATOR === (FUNCTION = leaky_eq, LEFTARG = text, RIGHTARG = text);
CREATE VIEW barrier WITH (security_barrier) AS SELECT * FROM secret WHERE owner = 'regress_omendb_reader';
GRANT SELECT ON secret, barrier TO regress_omendb_reader;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON secret USING (owner = current_user);
CREATE POLICY slow ON secret AS RESTRICTIVE USING (length(v) < 100);

SET omendb.columnar_scan = force;
SET ROLE regress_omendb_reader;
EXPLAIN (COSTS OFF) SELECT id FROM secret WHERE leak(v) AND id < 31;
SELECT id FROM secret WHERE leak(v) AND id < 31;
EXPLAIN (COSTS OFF) SELECT id FROM secret WHERE v === 'v10' AND id < 31;
SELECT id FROM secret WHERE v === 'v10' AND id < 31;
EXPLAIN (COSTS OFF) SELECT id FROM barrier WHERE leak(v) AND id < 31;
SELECT id FROM barrier WHERE leak(v) AND id < 31;
SELECT count(*) FROM secret WHERE f > 100;
-- an error that a hidden row would raise does not come
SELECT count(*) FROM secret WHERE 1 / (id % 10 + (owner = 'other')::int) >= 0 AND id % 10 > 0;
EXPLAIN (COSTS OFF) SELECT count(*) FROM secret WHERE 10 / (id - 21) > 0;
SELECT count(*) FROM secret WHERE 10 / (id - 21) > 0;
SELECT * FROM omendb.chunk;
SELECT * FROM omendb.segment;
RESET ROLE;
SELECT count(*) FROM secret;

-- Privileges on columns
REVOKE SELECT ON secret FROM regress_omendb_reader;
GRANT SELECT (id) ON secret TO regress_omendb_reader;
ALTER TABLE secret DISABLE ROW LEVEL SECURITY;
SET ROLE regress_omendb_reader;
SELECT count(id) FROM secret;
SELECT count(*) FROM secret WHERE v = 'v1';
RESET ROLE;

DROP VIEW barrier;
DROP TABLE secret;
DROP OPERATOR === (text, text);
DROP FUNCTION leak, leaky_eq;
DROP ROLE regress_omendb_reader;
