--
-- Storage options
--
CREATE TABLE op (k int, t text);
INSERT INTO op SELECT i, 'text number ' || i FROM generate_series(1, 20000) i;
CREATE INDEX op_10 ON op USING alex (k) WITH (fillfactor = 10);
CREATE INDEX op_50 ON op USING alex (k) WITH (fillfactor = 50);
CREATE INDEX op_90 ON op USING alex (k);
CREATE INDEX op_100 ON op USING alex (k) WITH (fillfactor = 100);
SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'op\_%' ORDER BY relname COLLATE "C";
SELECT pg_relation_size('op_10') > pg_relation_size('op_50') AS a, pg_relation_size('op_50') > pg_relation_size('op_90') AS b,
	pg_relation_size('op_90') >= pg_relation_size('op_100') AS c;
CREATE INDEX op_t10 ON op USING alex (t) WITH (fillfactor = 10);
CREATE INDEX op_t100 ON op USING alex (t) WITH (fillfactor = 100);
SELECT pg_relation_size('op_t10') > 4 * pg_relation_size('op_t100') AS much_larger;

-- Changed later: REINDEX makes it so
ALTER INDEX op_10 SET (fillfactor = 100);
SELECT reloptions FROM pg_class WHERE relname = 'op_10';
REINDEX INDEX op_10;
SELECT pg_relation_size('op_10') = pg_relation_size('op_100') AS same;
ALTER INDEX op_10 RESET (fillfactor);
SELECT reloptions FROM pg_class WHERE relname = 'op_10';

-- Inserts work at every fill factor
INSERT INTO op SELECT i, 'text number ' || i FROM generate_series(-5000, 25000, 7) i;
SELECT omendb.alex_check(oid, true) FROM pg_class WHERE relname LIKE 'op\_%' ORDER BY relname COLLATE "C";

-- Values that are out of bounds, unknown, or of the wrong type
CREATE INDEX bad ON op USING alex (k) WITH (fillfactor = 9);
CREATE INDEX bad ON op USING alex (k) WITH (fillfactor = 101);
CREATE INDEX bad ON op USING alex (k) WITH (fillfactor = much);
CREATE INDEX bad ON op USING alex (k) WITH (nonsense = 5);
ALTER INDEX op_50 SET (fillfactor = 5);
ALTER INDEX op_50 SET (nonsense = 5);
SELECT reloptions FROM pg_class WHERE relname = 'op_50';

DROP TABLE op;
