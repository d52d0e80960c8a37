-- Indexes of every kind on an omendb table: built over HOT chains, in the
-- transaction that wrote the rows, in parallel, concurrently, and checked.
SET client_min_messages = warning;
CREATE EXTENSION amcheck;
SET max_parallel_maintenance_workers = 0;

CREATE TABLE ix (id int, k int, v text, p point, a int[], d date) USING omendb WITH (fillfactor = 50, autovacuum_enabled = off);
CREATE TABLE ix_rows (LIKE ix) USING heap;
INSERT INTO ix SELECT i, i % 100, 'v' || i, point(i, i % 10), ARRAY[i % 7, i % 11], '2020-01-01'::date + i % 400 FROM generate_series(1, 3000) i;
CREATE INDEX ix_first ON ix (id);
-- HOT updates: no index has k yet
UPDATE ix SET k = k + 1 WHERE id % 3 = 0;
UPDATE ix SET k = k + 1 WHERE id % 6 = 0;
DELETE FROM ix WHERE id % 10 = 0;
INSERT INTO ix_rows SELECT * FROM ix;
SELECT pg_stat_force_next_flush();
SELECT n_tup_hot_upd > 1000 AS hot FROM pg_stat_user_tables WHERE relname = 'ix';

-- What an index finds, without sequential scans, and what it should find.
CREATE FUNCTION found(condition text) RETURNS text LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
	got text;
	want text;
	line text;
	used text := 'no index';
BEGIN
	EXECUTE 'SELECT md5(string_agg(x::text, '' '' ORDER BY id, x::text)) FROM ix x WHERE ' || condition INTO got;
	EXECUTE 'SELECT md5(string_agg(x::text, '' '' ORDER BY id, x::text)) FROM ix_rows x WHERE ' || condition INTO want;
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT * FROM ix x WHERE ' || condition LOOP
		IF line ~ 'Index.* on (\w+)|using (\w+)' THEN
			used := 'index';
		END IF;
	END LOOP;
	RETURN used || CASE WHEN got IS NULL THEN ': NO ROWS' WHEN got = want THEN ': same' ELSE ': DIFFERENT' END;
END $$;

CREATE INDEX ix_btree ON ix (k, id) INCLUDE (v);
CREATE INDEX ix_hash ON ix USING hash (v);
CREATE INDEX ix_gist ON ix USING gist (p);
CREATE INDEX ix_spgist ON ix USING spgist (v);
CREATE INDEX ix_gin ON ix USING gin (a);
CREATE INDEX ix_brin ON ix USING brin (d) WITH (pages_per_range = 2);
CREATE INDEX ix_alex ON ix USING alex (k, v);
CREATE INDEX ix_partial ON ix (d) WHERE k > 90;
CREATE INDEX ix_expression ON ix ((k * 2 + id));
CREATE UNIQUE INDEX ix_unique ON ix (id);
SELECT found('k = 50'), found('v = ''v77'''), found('p <@ box(point(10, 0), point(20, 5))'), found('v ^@ ''v10''');
SELECT found('a @> ARRAY[3, 4]'), found('d = ''2020-04-05'' AND k > 90'), found('k * 2 + id = 777'), found('id = 78');
SELECT bt_index_check('ix_btree', true), bt_index_check('ix_unique', true), bt_index_check('ix_partial', true);
SELECT omendb.alex_check('ix_alex', true);
DROP INDEX ix_partial;
SELECT found('d = ''2020-05-05''');
-- of recently dead members an index made now must not be used by older snapshots
SELECT indexrelid::regclass, indisvalid, indisready FROM pg_index WHERE indrelid = 'ix'::regclass ORDER BY indexrelid::regclass::text;
SELECT reltuples FROM pg_class WHERE oid = 'ix_unique'::regclass;

-- uniqueness among members of chains
CREATE UNIQUE INDEX ix_not ON ix ((k * 0));
BEGIN;
UPDATE ix SET v = 'same' WHERE id = 1;
UPDATE ix SET v = 'same' WHERE id = 2;
CREATE UNIQUE INDEX ix_not ON ix (v);
ROLLBACK;
BEGIN;
UPDATE ix SET v = 'v2' WHERE id = 1;
DELETE FROM ix WHERE id = 2;
CREATE UNIQUE INDEX ix_now ON ix (v);
SELECT bt_index_check('ix_now', true);
SET LOCAL enable_seqscan = off;
SELECT id FROM ix WHERE v = 'v2';
ROLLBACK;

-- in the transaction that writes, subtransactions that failed among it
BEGIN;
CREATE TABLE own (id int, k int) USING omendb;
INSERT INTO own SELECT i, i FROM generate_series(1, 500) i;
UPDATE own SET k = -k WHERE id % 2 = 0;
SAVEPOINT a;
INSERT INTO own SELECT i, i FROM generate_series(1, 500) i;
ROLLBACK TO a;
DELETE FROM own WHERE id % 5 = 0;
CREATE UNIQUE INDEX own_id ON own (id);
CREATE INDEX own_k ON own USING alex (k);
SELECT bt_index_check('own_id', true), omendb.alex_check('own_k', true);
SELECT reltuples FROM pg_class WHERE oid = 'own'::regclass;
COMMIT;
SELECT bt_index_check('own_id', true), omendb.alex_check('own_k', true);
ALTER TABLE own ADD EXCLUDE USING btree (id WITH =);
ALTER TABLE own ADD EXCLUDE USING btree ((id * 0) WITH =);

-- concurrently
CREATE INDEX CONCURRENTLY ix_later ON ix (v, k);
CREATE UNIQUE INDEX CONCURRENTLY ix_later_unique ON ix (id) WHERE k < 50;
CREATE INDEX CONCURRENTLY ix_later_alex ON ix USING alex (v);
CREATE INDEX CONCURRENTLY ix_later_gin ON ix USING gin (a);
CREATE UNIQUE INDEX CONCURRENTLY ix_bad ON ix ((k * 0));
SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_bad'::regclass;
DROP INDEX ix_bad;
SELECT bt_index_check('ix_later', true), bt_index_check('ix_later_unique', true), omendb.alex_check('ix_later_alex', true);
REINDEX TABLE CONCURRENTLY ix;
REINDEX TABLE ix;
SELECT bt_index_check('ix_later', true), bt_index_check('ix_btree', true), omendb.alex_check('ix_alex', true);
SELECT found('k = 50'), found('v = ''v77'''), found('a @> ARRAY[3, 4]');

-- in parallel
SET max_parallel_maintenance_workers = 2;
SET min_parallel_table_scan_size = 0;
CREATE INDEX ix_parallel ON ix (v, id);
CREATE INDEX ix_parallel_alex ON ix USING alex (k, id);
CREATE INDEX CONCURRENTLY ix_parallel_later ON ix (d, id);
SELECT bt_index_check('ix_parallel', true), omendb.alex_check('ix_parallel_alex', true), bt_index_check('ix_parallel_later', true);
SELECT reltuples FROM pg_class WHERE oid = 'ix_parallel'::regclass;
RESET max_parallel_maintenance_workers;
RESET min_parallel_table_scan_size;

-- block ranges
INSERT INTO ix SELECT i, i % 100, 'v' || i, point(i, i % 10), ARRAY[i % 7], '2024-01-01'::date + i % 400 FROM generate_series(3001, 4000) i;
INSERT INTO ix_rows SELECT * FROM ix WHERE id > 3000;
SELECT brin_summarize_new_values('ix_brin') > 0 AS summarized;
SELECT brin_desummarize_range('ix_brin', 0);
SELECT brin_summarize_range('ix_brin', 0);
DROP INDEX ix_parallel_later;
SELECT found('d = ''2024-03-03'''), found('d < ''2020-02-01''');

-- index-only scans, after VACUUM
VACUUM ix;
SET enable_seqscan = off;
SELECT count(v), max(v) FROM ix WHERE k = 77;
SELECT bt_index_check('ix_btree', true), bt_index_check('ix_later', true), omendb.alex_check('ix_alex', true);

DROP TABLE ix, ix_rows, own;
DROP FUNCTION found;
DROP EXTENSION amcheck;
