--
-- Bottom-up deletion: updates of one column do not swell the indexes of others
--
CREATE TABLE bu (id int, k int, n int) WITH (autovacuum_enabled = off);
CREATE INDEX bu_k ON bu USING alex (k);
CREATE INDEX bu_s ON bu USING alex ((k::text) COLLATE "C");
CREATE UNIQUE INDEX bu_u ON bu USING alex (id);
CREATE INDEX bu_n ON bu USING alex (n);
INSERT INTO bu SELECT i, i * 7919 % 1000, 0 FROM generate_series(1, 1000) i;
DO $$
BEGIN
	FOR r IN 1..100 LOOP
		UPDATE bu SET n = n + 1 WHERE id <= 500;
		COMMIT;
	END LOOP;
END $$;
-- 51,000 row versions, of which 1,000 are alive
SELECT i, s.entries < 25000 AS few
FROM unnest(ARRAY['bu_k', 'bu_s', 'bu_u']) i, omendb.alex_stats(i::regclass) s;
SELECT omendb.alex_check(i::regclass, true) FROM unnest(ARRAY['bu_k', 'bu_s', 'bu_u', 'bu_n']) i;
SET enable_seqscan = off;
SELECT count(*), sum(n) FROM bu WHERE k >= 0;
SELECT count(*), sum(n) FROM bu WHERE k::text COLLATE "C" >= '';
SELECT count(*), sum(n) FROM bu WHERE id > 0;

-- A snapshot that sees old versions keeps their entries
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*), sum(n) FROM bu WHERE k >= 0;
UPDATE bu SET n = n + 1 WHERE id <= 500;
SELECT count(*), sum(n) FROM bu WHERE k >= 0;
ROLLBACK;
SELECT count(*), sum(n) FROM bu WHERE k >= 0;
SELECT omendb.alex_check(i::regclass, true) FROM unnest(ARRAY['bu_k', 'bu_s', 'bu_u', 'bu_n']) i;
DROP TABLE bu;
