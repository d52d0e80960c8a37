-- Change marks: every line pointer of a covered block whose visible row is not
-- the one of the time when it was covered must be marked, whatever happened in
-- between.
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;

CREATE TABLE mk (id int PRIMARY KEY, k int, v text) USING omendb WITH (fillfactor = 70, autovacuum_enabled = off);
INSERT INTO mk SELECT i, i, repeat('v', 100) FROM generate_series(1, 2000) i;
UPDATE mk SET k = -k WHERE id % 100 = 0;
CREATE TABLE base (tid tid, row text) USING heap;
SELECT omendb.set_compaction('mk', false);

-- nothing is covered, nothing is marked
SELECT count(*) FROM omendb.mark WHERE relid = 'mk'::regclass;
SELECT segments > 0 AS segments, rows FROM omendb.compact('mk');
INSERT INTO base SELECT ctid, m::text FROM mk m;

-- The line pointers that the marks of a table list, as seen now, or those in
-- marks of blocks where rows were placed
CREATE FUNCTION marked(tab regclass, only_placed bool DEFAULT false) RETURNS SETOF tid LANGUAGE plpgsql AS $$
DECLARE
	m record;
	at int;
	blk bigint;
	n bigint;
	wanted bool;
	off bigint;
	v bigint[];
BEGIN
	FOR m IN SELECT k.* FROM omendb.mark k JOIN pg_class c ON c.oid = k.relid AND c.relfilenode = k.filenode WHERE k.relid = tab LOOP
		at := 4;	-- after the checksum
		blk := m.first_block;
		WHILE at < length(m.offsets) LOOP
			v := varint(m.offsets, at); blk := blk + v[1]; at := v[2];
			v := varint(m.offsets, at); n := v[1] % 64; at := v[2];
			wanted := v[1] < 64 OR NOT only_placed;
			off := 0;
			IF n = 0 THEN
				FOR i IN 1 .. 291 LOOP
					IF wanted AND get_bit(m.offsets, at * 8 + i) = 1 THEN
						RETURN NEXT format('(%s,%s)', blk, i)::tid;
					END IF;
				END LOOP;
				at := at + 40;
			END IF;
			FOR i IN 1 .. n LOOP
				v := varint(m.offsets, at); off := off + v[1]; at := v[2];
				IF wanted THEN
					RETURN NEXT format('(%s,%s)', blk, off)::tid;
				END IF;
			END LOOP;
		END LOOP;
	END LOOP;
END $$;
CREATE FUNCTION varint(bytes bytea, at int) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
	v bigint := 0;
	shift int := 0;
	b int;
BEGIN
	LOOP
		b := get_byte(bytes, at);
		v := v | ((b & 127)::bigint << shift);
		at := at + 1; shift := shift + 7;
		EXIT WHEN b < 128;
	END LOOP;
	RETURN ARRAY[v, at];
END $$;

-- What changed in covered blocks, what of it is marked, and rows that are there
-- where the marks say that they were removed.
CREATE FUNCTION placed_blocks() RETURNS SETOF text LANGUAGE sql AS
	$$ SELECT split_part(t::text, ',', 1) FROM marked('mk', true) t $$;
CREATE FUNCTION changes() RETURNS TABLE (changed bigint, not_marked bigint, marked bigint, lost bigint) LANGUAGE sql AS $$
	WITH c AS (
		SELECT tid FROM (
			(SELECT ctid AS tid, m::text FROM mk m EXCEPT SELECT tid, row FROM base)
			UNION
			(SELECT tid, row FROM base EXCEPT SELECT ctid, m::text FROM mk m)) d
		WHERE tid < ANY (SELECT format('(%s,0)', max(first_block + nblocks))::tid FROM omendb.segment WHERE relid = 'mk'::regclass))
	SELECT count(DISTINCT tid), count(DISTINCT tid) FILTER (WHERE tid NOT IN (SELECT marked('mk'))), (SELECT count(DISTINCT x) FROM marked('mk') x),
		(SELECT count(*) FROM mk WHERE ctid IN (SELECT marked('mk')) AND split_part(ctid::text, ',', 1) NOT IN (SELECT placed_blocks()))
	FROM c
$$;

SELECT * FROM changes();

-- one row: the old and the new line pointer
UPDATE mk SET k = k + 1 WHERE id = 5;
SELECT * FROM changes();
-- a removed one alone, and again one in the block of a placed one
DELETE FROM mk WHERE id = 300;
SELECT * FROM changes();
SELECT count(*) AS removed FROM marked('mk') t WHERE t NOT IN (SELECT marked('mk', true));
DELETE FROM mk WHERE id = 6;
SELECT * FROM changes();
SELECT count(*) AS removed FROM marked('mk') t WHERE split_part(t::text, ',', 1) NOT IN (SELECT placed_blocks());
INSERT INTO mk SELECT * FROM (VALUES (300, 300, repeat('v', 100))) v;
-- behind the covered blocks
INSERT INTO mk SELECT i, i, repeat('w', 100) FROM generate_series(10001, 10500) i;
SELECT not_marked, lost, marked < 60 AS few FROM changes();
-- what was undone has no marks
SELECT count(*) AS before FROM omendb.mark \gset
BEGIN;
UPDATE mk SET k = k + 1 WHERE id < 500;
ROLLBACK;
SELECT count(*) - :before AS more FROM omendb.mark;
BEGIN;
UPDATE mk SET k = k + 1 WHERE id = 9;
SAVEPOINT a;
UPDATE mk SET k = k + 1 WHERE id = 11;
SAVEPOINT b;
DELETE FROM mk WHERE id = 13;
RELEASE b;
ROLLBACK TO a;
DELETE FROM mk WHERE id = 15;
SAVEPOINT c;
DELETE FROM mk WHERE id = 17;
COMMIT;
SELECT * FROM changes();
SELECT count(*) FROM marked('mk') t WHERE t IN (SELECT tid FROM base WHERE row ~ '^\((11|13),');

-- line pointers that VACUUM frees, and that are used again
DELETE FROM mk WHERE id BETWEEN 100 AND 120;
VACUUM mk;
SELECT not_marked, lost FROM changes();
SELECT count(*) > 0 AS verified FROM omendb.verify('mk');
INSERT INTO mk SELECT i, 1, repeat('n', 100) FROM generate_series(20001, 20300) i;
SELECT not_marked, lost FROM changes();
SELECT count(*) > 0 AS verified FROM omendb.verify('mk');

-- ON CONFLICT, MERGE, COPY, rows moved by foreign keys
INSERT INTO mk VALUES (1, 2, 'x'), (30001, 1, 'y') ON CONFLICT (id) DO UPDATE SET v = 'conflict';
INSERT INTO mk VALUES (2, 2, 'x') ON CONFLICT DO NOTHING;
MERGE INTO mk USING (VALUES (300), (301), (40001)) s (id) ON s.id = mk.id
	WHEN MATCHED AND s.id = 300 THEN DELETE WHEN MATCHED THEN UPDATE SET v = 'merged'
	WHEN NOT MATCHED THEN INSERT VALUES (s.id, 0, 'merged');
COPY mk FROM STDIN;
50001	1	copied
50002	1	copied
\.
SELECT not_marked, lost FROM changes();

-- prepared, then committed or not
BEGIN;
UPDATE mk SET v = 'p' WHERE id = 400;
PREPARE TRANSACTION 'table_marks';
SELECT not_marked, lost FROM changes();
COMMIT PREPARED 'table_marks';
SELECT not_marked, lost FROM changes();
SELECT count(*) AS before FROM omendb.mark \gset
BEGIN;
UPDATE mk SET v = 'q' WHERE id = 401;
PREPARE TRANSACTION 'table_marks';
ROLLBACK PREPARED 'table_marks';
SELECT count(*) - :before AS more FROM omendb.mark;

-- written before a plan that may be parallel, and unwritten again
SET max_parallel_workers_per_gather = 2;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
CREATE FUNCTION written() RETURNS bigint LANGUAGE plpgsql SET max_parallel_workers_per_gather = 0 AS
	$$ BEGIN RETURN (SELECT count(*) FROM omendb.mark); END $$;
SELECT written() AS before \gset
BEGIN;
UPDATE mk SET k = 0 WHERE id = 601;
SELECT written() - :before AS more;
SELECT count(*) > 0 AS rows FROM mk;
SELECT written() - :before AS more;
SAVEPOINT a;
UPDATE mk SET k = 0 WHERE id = 701;
SELECT count(*) > 0 AS rows FROM mk;
SELECT written() - :before AS more;
ROLLBACK TO a;
SELECT written() - :before AS more;
UPDATE mk SET k = 0 WHERE id = 801;
SAVEPOINT b;
SELECT count(*) > 0 AS rows FROM mk;
SELECT written() - :before AS more;
ROLLBACK TO b;
SELECT written() - :before AS more;
COMMIT;
SELECT written() - :before AS more;
-- the outer level's marks are kept when what wrote them is undone, at every depth
BEGIN;
UPDATE mk SET k = 0 WHERE id = 602;
SAVEPOINT a;
UPDATE mk SET k = 0 WHERE id = 702;
SAVEPOINT b;
UPDATE mk SET k = 0 WHERE id = 802;
SELECT count(*) > 0 AS rows FROM mk;
RELEASE b;
SELECT count(*) > 0 AS rows FROM mk;
ROLLBACK TO a;
COMMIT;
RESET max_parallel_workers_per_gather;
SET max_parallel_workers_per_gather = 0;
SELECT not_marked, lost FROM changes();

-- one subtransaction for each row, some undone
DO $$
BEGIN
	FOR i IN 1 .. 300 LOOP
		BEGIN
			UPDATE mk SET k = k + 1 WHERE id = i;
			IF i % 3 = 0 THEN
				RAISE EXCEPTION 'undo';
			END IF;
		EXCEPTION WHEN raise_exception THEN
			NULL;
		END;
	END LOOP;
END $$;
SELECT not_marked, lost FROM changes();

-- a constraint trigger that writes while the transaction commits
CREATE FUNCTION mk_later() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN UPDATE mk SET v = 'later' WHERE id = 1000 + NEW.id; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER mk_later AFTER UPDATE ON mk DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (NEW.v = 'now') EXECUTE FUNCTION mk_later();
BEGIN;
UPDATE mk SET v = 'now' WHERE id IN (501, 502);
COMMIT;
SELECT count(*) FROM mk WHERE v = 'later';
SELECT not_marked, lost FROM changes();
DROP TRIGGER mk_later ON mk;

-- the file changes under marks that are not written
BEGIN;
UPDATE mk SET v = 'kept' WHERE id = 510;
SAVEPOINT a;
TRUNCATE mk;
INSERT INTO mk VALUES (1);
UPDATE mk SET k = 3;
RELEASE a;
ROLLBACK;
BEGIN;
UPDATE mk SET v = 'kept' WHERE id = 511;
SAVEPOINT a;
ALTER TABLE mk ALTER COLUMN k TYPE bigint;
UPDATE mk SET k = 3;
ROLLBACK TO a;
SAVEPOINT b;
SELECT omendb.disable('mk');
UPDATE mk SET k = 4;
ROLLBACK TO b;
UPDATE mk SET v = 'kept' WHERE id = 512;
COMMIT;
SELECT not_marked, lost FROM changes();
SELECT count(*) FROM mk WHERE v = 'kept';

SELECT count(*) > 0 AS verified FROM omendb.verify('mk');

-- everything
UPDATE mk SET k = k + 1;
SELECT not_marked, lost FROM changes();
DELETE FROM mk WHERE id % 2 = 0;
SELECT not_marked, lost FROM changes();

-- what goes, with its marks
BEGIN;
SELECT omendb.disable('mk');
UPDATE mk SET k = 5;
SELECT count(*) FROM omendb.mark WHERE relid = 'mk'::regclass;
ROLLBACK;
SELECT count(*) > 0 AS marks FROM omendb.mark WHERE relid = 'mk'::regclass;
BEGIN;
UPDATE mk SET k = 5;
SELECT omendb.disable('mk');
COMMIT;
SELECT count(*) FROM omendb.mark WHERE relid = 'mk'::regclass;
SELECT count(*) FROM omendb.segment WHERE relid = 'mk'::regclass;
SELECT omendb.enable('mk');
SELECT segments > 0 AS segments FROM omendb.compact('mk');
SELECT 'mk'::regclass::oid AS mk \gset
BEGIN;
UPDATE mk SET k = 6;
DROP TABLE mk CASCADE;
COMMIT;
SELECT count(*) FROM omendb.mark WHERE relid = :mk;
SELECT count(*) FROM omendb.segment WHERE relid = :mk;
DROP TABLE base;
DROP FUNCTION marked, varint, placed_blocks, changes, written, mk_later;
