--
-- Plans: where the planner uses a btree index it uses an alex index
--
CREATE FUNCTION make_plans_table(am text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	t text := 'pl_' || am;
BEGIN
	EXECUTE format('CREATE TABLE %I (id int8, a int, b int, ts timestamptz, t text, f bool, u int, pad text)', t);
	EXECUTE format($i$INSERT INTO %I SELECT i, i * 7919 %% 1000, i %% 97, '2020-01-01Z'::timestamptz + i * interval '1 minute',
		md5((i %% 500)::text), i %% 50 = 0, i, repeat('x', 60) FROM generate_series(1, 20000) i$i$, t);
	EXECUTE format('CREATE UNIQUE INDEX %s_id ON %s USING %s (id)', t, t, am);
	EXECUTE format('CREATE INDEX %s_ab ON %s USING %s (a, b)', t, t, am);
	EXECUTE format('CREATE INDEX %s_ts ON %s USING %s (ts DESC)', t, t, am);
	EXECUTE format('CREATE INDEX %s_t ON %s USING %s (t text_pattern_ops)', t, t, am);
	EXECUTE format('CREATE INDEX %s_f ON %s USING %s (f)', t, t, am);
	EXECUTE format('CREATE INDEX %s_e ON %s USING %s ((b * 2)) WHERE a < 100', t, t, am);
	EXECUTE format('CREATE UNIQUE INDEX %s_u ON %s USING %s (u) INCLUDE (a)', t, t, am);
END $$;
SELECT make_plans_table('btree'), make_plans_table('alex');
CREATE TABLE pl_keys AS SELECT (i * 37 % 20000)::int8 AS k FROM generate_series(1, 200) i;
VACUUM ANALYZE pl_btree;
VACUUM ANALYZE pl_alex;
ANALYZE pl_keys;

-- The plan, and the cost, of a query on one of the two tables
CREATE FUNCTION plan(query text, am text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	result text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || replace(query, 'PL', 'pl_' || am) LOOP
		result := concat_ws(E'\n', result, replace(line, 'pl_' || am, 'PL'));
	END LOOP;
	RETURN result;
END $$;
CREATE FUNCTION cost(query text, am text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	j json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || replace(query, 'PL', 'pl_' || am) INTO j;
	RETURN j -> 0 -> 'Plan' ->> 'Total Cost';
END $$;

SET jit = off;
SET random_page_cost = 1.5;
CREATE TABLE queries (n serial, q text);
COPY queries (q) FROM stdin;
SELECT * FROM PL WHERE id = 5
SELECT * FROM PL WHERE id = 5::int2
SELECT * FROM PL WHERE id BETWEEN 5 AND 500
SELECT id FROM PL WHERE id BETWEEN 5 AND 500
SELECT * FROM PL WHERE id IN (1, 2, 3, 40, 500)
SELECT * FROM PL WHERE id = ANY (ARRAY(SELECT k FROM pl_keys LIMIT 10))
SELECT * FROM PL WHERE a = 7
SELECT * FROM PL WHERE a = 7 AND b = 3
SELECT * FROM PL WHERE a = 7 AND b > 3
SELECT * FROM PL WHERE a > 990 AND b = 3
SELECT * FROM PL WHERE a IN (7, 8, 9) AND b IN (1, 2, 3)
SELECT * FROM PL ORDER BY id LIMIT 10
SELECT * FROM PL ORDER BY id DESC LIMIT 10
SELECT * FROM PL ORDER BY a, b LIMIT 10
SELECT * FROM PL ORDER BY a DESC, b DESC LIMIT 10
SELECT * FROM PL ORDER BY a, b DESC LIMIT 10
SELECT min(ts), max(ts) FROM PL
SELECT max(id) FROM PL WHERE id < 700
SELECT * FROM PL WHERE ts >= '2020-01-02' AND ts < '2020-01-03'
SELECT * FROM PL WHERE ts > '2020-01-02'::date ORDER BY ts LIMIT 5
SELECT * FROM PL WHERE t = 'abc'
SELECT * FROM PL WHERE t LIKE 'abc%'
SELECT * FROM PL WHERE f
SELECT * FROM PL WHERE f IS TRUE AND a = 3
SELECT * FROM PL WHERE b * 2 = 10 AND a < 100
SELECT * FROM PL WHERE id IS NULL
SELECT * FROM PL WHERE id IS NOT NULL ORDER BY id LIMIT 3
SELECT * FROM pl_keys JOIN PL ON k = id
SELECT * FROM PL x JOIN PL y USING (id) ORDER BY id LIMIT 20
SELECT x.* FROM PL x LEFT JOIN PL y ON x.a = y.id
SELECT a, count(*) FROM PL WHERE a < 50 GROUP BY a ORDER BY a
SELECT * FROM PL WHERE EXISTS (SELECT FROM pl_keys WHERE k = id)
SELECT * FROM PL WHERE id = (SELECT min(k) FROM pl_keys)
SELECT u, a FROM PL WHERE u < 100
UPDATE PL SET pad = 'y' WHERE id = 3
DELETE FROM PL WHERE a = 1 AND b = 2
SELECT * FROM PL WHERE a = 1 OR ts = '2020-01-05'
SELECT * FROM PL WHERE id < 10 OR a = 5 OR id > 19990
\.

-- Plans that are not the same
SELECT q, plan(q, 'btree') AS btree, plan(q, 'alex') AS alex FROM queries
WHERE plan(q, 'btree') <> plan(q, 'alex') ORDER BY n;
-- and costs that are more than a little higher
SELECT q FROM queries WHERE cost(q, 'alex') > 1.1 * cost(q, 'btree') ORDER BY n;
-- The comparison is worth something: most plans do use an index
SELECT count(*) FILTER (WHERE plan(q, 'alex') ~ 'PL_') > 30 AS indexes FROM queries;

-- with parallel workers, and without sorts and hashes
SET enable_seqscan = off;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_index_scan_size = 0;
SET min_parallel_table_scan_size = 0;
SET omendb.columnar_aggregate = off;
SELECT plan('SELECT count(*) FROM PL WHERE id > 100', 'alex');
RESET omendb.columnar_aggregate;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_index_scan_size;
RESET min_parallel_table_scan_size;
SET enable_hashjoin = off;
SET enable_nestloop = off;
SET enable_sort = off;
SELECT plan('SELECT x.id FROM PL x JOIN PL y ON x.id = y.u WHERE x.id < 1000', 'alex');
RESET enable_hashjoin;
RESET enable_nestloop;
RESET enable_sort;
RESET enable_seqscan;

-- Row comparisons
SELECT plan('SELECT id FROM PL WHERE (a, b) > (990, 5) ORDER BY a, b LIMIT 10', 'alex');
SELECT plan('SELECT id FROM PL WHERE (a, b) <= (5, 5) ORDER BY a DESC, b DESC LIMIT 10', 'alex');
SELECT plan('SELECT id FROM PL WHERE a = 7 AND (b, id) > (90, 5)', 'alex');
SELECT plan('SELECT id FROM PL WHERE (a, random()) > (990, 5)', 'alex') ~ 'Index' AS volatile_row;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT (SELECT array_agg(x) FROM (SELECT a || ' ' || b || ' ' || id FROM pl_alex WHERE (a, b) > (990, 5) ORDER BY a, b, id) s(x))
	= (SELECT array_agg(x) FROM (SELECT a || ' ' || b || ' ' || id FROM pl_btree WHERE (a, b) > (990, 5) ORDER BY a, b, id) s(x)) AS same;
SELECT count(*) FROM pl_alex WHERE (a, b) < (5, 5) AND (a, b) >= (3, 90);
SELECT count(*) FROM pl_btree WHERE (a, b) < (5, 5) AND (a, b) >= (3, 90);
SET enable_bitmapscan = on;
SET enable_indexscan = off;
SELECT count(*) FROM pl_alex WHERE (a, b) < (5, 5) AND (a, b) >= (3, 90);
RESET enable_indexscan;
RESET enable_seqscan;

DROP TABLE pl_btree, pl_alex, pl_keys, queries;
DROP FUNCTION make_plans_table, plan, cost;
