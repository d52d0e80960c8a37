--
-- However a build sorts, in memory, by runs in files or in parallel, the index
-- is the same, page by page
--
CREATE TABLE sorts AS
SELECT i AS id, h & 1023 AS few, h AS big, i % 3 = 0 AS flag,
	   CASE WHEN i % 7 = 0 THEN NULL ELSE (h % 500)::int END AS a,
	   CASE WHEN i % 11 = 0 THEN NULL ELSE md5((i % 9000)::text) END AS t,
	   CASE WHEN i % 5 = 0 THEN NULL ELSE (h % 100000) / 100.0 END AS n,
	   CASE i % 9 WHEN 0 THEN '-0'::float8 WHEN 1 THEN 0 WHEN 2 THEN 'nan'
	   WHEN 3 THEN NULL ELSE (h % 1000) / 10.0 END AS f,
	   md5(i::text)::uuid AS u,
	   ('10.0.' || i % 250 || '.' || i % 13)::inet AS ip
FROM generate_series(1, 36000) i, hashint8extended(i, 7) h;
UPDATE sorts SET big = big + 1 WHERE id % 10 = 0;
DELETE FROM sorts WHERE id % 17 = 0;
ALTER TABLE sorts SET (parallel_workers = 2);

-- What all pages of an index hold
CREATE FUNCTION digest(index regclass) RETURNS numeric LANGUAGE sql AS $$
	SELECT sum(hashtextextended(format('%s %s %s', blk, i.position, i.tid), 0)::numeric)
	FROM generate_series(1, pg_relation_size(index) / current_setting('block_size')::int - 1) blk,
		 omendb.alex_page_items(index, blk) i
$$;

-- Builds an index in all ways
CREATE FUNCTION builds(columns text, OUT same boolean)
LANGUAGE plpgsql AS $$
DECLARE
	digests numeric[];
	way text[];
BEGIN
	FOREACH way SLICE 1 IN ARRAY '{{64MB,0},{1MB,0},{96MB,2}}'::text[] LOOP
		PERFORM set_config('maintenance_work_mem', way[1], true);
		PERFORM set_config('max_parallel_maintenance_workers', way[2], true);
		EXECUTE format('CREATE INDEX sorts_index ON sorts USING alex (%s)', columns);
		PERFORM omendb.alex_check('sorts_index', true);
		digests := digests || digest('sorts_index');
		DROP INDEX sorts_index;
	END LOOP;
	same := digests[1] = digests[2] AND digests[1] = digests[3];
END
$$;
SET min_parallel_table_scan_size = 0;
SELECT columns, same
FROM unnest(ARRAY['id', 'big DESC', 'few', 'a NULLS FIRST', 't COLLATE "C"', 'n DESC NULLS LAST', 'f', 'u', 'ip']) WITH ORDINALITY AS c (columns, nr),
	 builds(columns) ORDER BY nr;
SELECT columns, same
FROM unnest(ARRAY['flag, f', 'a, t COLLATE "C"', 'a DESC, u NULLS FIRST', 'a) INCLUDE (u, flag',
				  't COLLATE "C") INCLUDE (n', '(a + 1), (t || ''z'') COLLATE "C"', 'big) WHERE (flag']) WITH ORDINALITY AS c (columns, nr),
	 builds(columns) ORDER BY nr;

-- Duplicates are found wherever they meet
SET maintenance_work_mem = '1MB';
INSERT INTO sorts (id, u) SELECT -1, md5('1')::uuid;
CREATE UNIQUE INDEX sorts_unique ON sorts USING alex (u);
SET maintenance_work_mem = '96MB';
SET max_parallel_maintenance_workers = 2;
CREATE UNIQUE INDEX sorts_unique ON sorts USING alex (u);
CREATE UNIQUE INDEX sorts_unique ON sorts USING alex ((u::text) COLLATE "C");
DELETE FROM sorts WHERE id = -1;
CREATE UNIQUE INDEX sorts_unique ON sorts USING alex (u);
CREATE UNIQUE INDEX sorts_unique_text ON sorts USING alex ((u::text) COLLATE "C");
SELECT omendb.alex_check('sorts_unique', true), omendb.alex_check('sorts_unique_text', true);

-- Temporary files count against the limit
SET maintenance_work_mem = '1MB';
SET max_parallel_maintenance_workers = 0;
BEGIN;
SET LOCAL temp_file_limit = '100kB';
\set VERBOSITY sqlstate
CREATE INDEX sorts_limit ON sorts USING alex (big);
\set VERBOSITY default
ROLLBACK;
DROP TABLE sorts;
DROP FUNCTION digest, builds;
