-- What test/upgrade has in the old cluster: indexes of several kinds, and a
-- hybrid table with segments, marks, and rows behind the last segment.
CREATE EXTENSION omendb;

CREATE TABLE plain (id int, v bigint, word text, n numeric, u uuid);
CREATE UNIQUE INDEX plain_id ON plain USING alex (id) INCLUDE (v);
CREATE INDEX plain_word ON plain USING alex (word);
CREATE INDEX plain_n ON plain USING alex (n DESC NULLS LAST, id);
CREATE INDEX plain_u ON plain USING alex (u) WHERE u IS NOT NULL;
INSERT INTO plain SELECT i, i * 10, 'word ' || i, i % 1000 + 0.25, md5(i::text)::uuid FROM generate_series(1, 30000) i;
DELETE FROM plain WHERE id % 10 = 1;
VACUUM plain;

CREATE TABLE hybrid (id int, at timestamptz, v float8, n numeric(10,2), word text) USING omendb;
INSERT INTO hybrid SELECT i, '2026-01-01'::timestamptz + i * interval '1 second', i / 8.0, i / 100.0, 'word ' || i % 100
	FROM generate_series(1, 50000) i;
CREATE UNIQUE INDEX hybrid_id ON hybrid USING alex (id);
SELECT omendb.compact('hybrid', true);
ALTER TABLE hybrid ADD COLUMN added int DEFAULT 7;
UPDATE hybrid SET v = -v WHERE id % 100 = 1;
DELETE FROM hybrid WHERE id % 100 = 2;
INSERT INTO hybrid SELECT i, '2026-02-01', i, i, NULL FROM generate_series(50001, 51000) i;
