/* omendb--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION omendb" to load this file. \quit

GRANT USAGE ON SCHEMA omendb TO PUBLIC;

-- ---------------------------------------------------------------------------
-- The index access method
-- ---------------------------------------------------------------------------

CREATE FUNCTION omendb.alex_handler(internal)
RETURNS index_am_handler
AS 'MODULE_PATHNAME', 'alex_handler'
LANGUAGE C STRICT;

COMMENT ON FUNCTION omendb.alex_handler(internal) IS
'index access method handler of alex';

CREATE ACCESS METHOD alex TYPE INDEX HANDLER omendb.alex_handler;

COMMENT ON ACCESS METHOD alex IS 'learned index access method';

-- ---------------------------------------------------------------------------
-- Operator classes
--
-- alex orders values as btree does, with the same strategy numbers, operators
-- and comparison functions.  Its operator families are therefore made from
-- those of btree in the server's own catalogs: every PostgreSQL version, and
-- every extension's type, gets exactly the set that btree has there.
-- ---------------------------------------------------------------------------

-- What of a btree operator family is for a pair of types, as the items of
-- CREATE OPERATOR CLASS; without what the alex family has already.
CREATE FUNCTION omendb.alex_family_items(btree_family oid, alex_family oid,
										 lefttype oid, righttype oid)
RETURNS text[]
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(item ORDER BY num)
	FROM (
		SELECT o.amopstrategy AS num,
			   format('OPERATOR %s %I.%s (%s, %s)', o.amopstrategy,
					  n.nspname, p.oprname,
					  format_type(lefttype, NULL),
					  format_type(righttype, NULL)) AS item
		FROM pg_amop o
			 JOIN pg_operator p ON p.oid = o.amopopr
			 JOIN pg_namespace n ON n.oid = p.oprnamespace
		WHERE o.amopfamily = btree_family
			  AND o.amoplefttype = lefttype
			  AND o.amoprighttype = righttype
			  AND o.amoppurpose = 's'
			  AND o.amopstrategy BETWEEN 1 AND 5
			  AND NOT EXISTS (SELECT FROM pg_amop h
							  WHERE h.amopfamily = alex_family
									AND h.amoplefttype = lefttype
									AND h.amoprighttype = righttype
									AND h.amopstrategy = o.amopstrategy)
		UNION ALL
		SELECT 100,
			   format('FUNCTION 1 (%s, %s) %s',
					  format_type(lefttype, NULL),
					  format_type(righttype, NULL),
					  f.amproc::regprocedure)
		FROM pg_amproc f
		WHERE f.amprocfamily = btree_family
			  AND f.amproclefttype = lefttype
			  AND f.amprocrighttype = righttype
			  AND f.amprocnum = 1
			  AND NOT EXISTS (SELECT FROM pg_amproc h
							  WHERE h.amprocfamily = alex_family
									AND h.amproclefttype = lefttype
									AND h.amprocrighttype = righttype
									AND h.amprocnum = 1)
	) AS items
$$;

-- Makes the alex operator family that corresponds to a btree one, or adds what
-- it lacks.  Copies of pg_catalog's are in schema omendb, others stay beside
-- the original.  Returns the family.
CREATE FUNCTION omendb.alex_copy_family(btree_family oid)
RETURNS oid
LANGUAGE plpgsql STRICT
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	am CONSTANT oid := (SELECT oid FROM pg_am WHERE amname = 'alex');
	family record;
	item record;
	target oid;
	items text[];
BEGIN
	SELECT f.opfname AS name,
		   CASE n.nspname WHEN 'pg_catalog' THEN 'omendb' ELSE n.nspname END AS schema
	INTO STRICT family
	FROM pg_opfamily f JOIN pg_namespace n ON n.oid = f.opfnamespace
	WHERE f.oid = btree_family;

	LOOP
		SELECT f.oid INTO target
		FROM pg_opfamily f JOIN pg_namespace n ON n.oid = f.opfnamespace
		WHERE f.opfmethod = am AND f.opfname = family.name
			  AND n.nspname = family.schema;
		EXIT WHEN FOUND;
		EXECUTE format('CREATE OPERATOR FAMILY %I.%I USING alex',
					   family.schema, family.name);
	END LOOP;

	-- operator classes, each with the members for its type
	FOR item IN
		SELECT c.opcname AS name, c.opcintype AS typid, c.opcdefault AS isdefault,
			   CASE n.nspname WHEN 'pg_catalog' THEN 'omendb' ELSE n.nspname END AS schema
		FROM pg_opclass c JOIN pg_namespace n ON n.oid = c.opcnamespace
		WHERE c.opcfamily = btree_family
			  AND NOT EXISTS (SELECT FROM pg_opclass h
							  WHERE h.opcfamily = target
									AND h.opcname = c.opcname
									AND h.opcintype = c.opcintype)
		ORDER BY c.opcdefault DESC, c.oid
	LOOP
		items := omendb.alex_family_items(btree_family, target,
										  item.typid, item.typid);
		EXECUTE format('CREATE OPERATOR CLASS %I.%I %s FOR TYPE %s USING alex FAMILY %I.%I AS %s',
					   item.schema, item.name,
					   CASE WHEN item.isdefault THEN 'DEFAULT' ELSE '' END,
					   format_type(item.typid, NULL),
					   family.schema, family.name,
					   coalesce(array_to_string(items, ', '),
								'STORAGE ' || format_type(item.typid, NULL)));
	END LOOP;

	-- the rest, most of it for pairs of different types
	FOR item IN
		SELECT DISTINCT amoplefttype AS l, amoprighttype AS r
		FROM pg_amop
		WHERE amopfamily = btree_family AND amoppurpose = 's'
		ORDER BY 1, 2
	LOOP
		items := omendb.alex_family_items(btree_family, target, item.l, item.r);
		CONTINUE WHEN items IS NULL;
		EXECUTE format('ALTER OPERATOR FAMILY %I.%I USING alex ADD %s',
					   family.schema, family.name,
					   array_to_string(items, ', '));
	END LOOP;

	RETURN target;
END
$$;

DO $$
BEGIN
	PERFORM omendb.alex_copy_family(f.oid)
	FROM pg_opfamily f
		 JOIN pg_am a ON a.oid = f.opfmethod
		 JOIN pg_namespace n ON n.oid = f.opfnamespace
	WHERE a.amname = 'btree' AND n.nspname = 'pg_catalog'
	ORDER BY f.oid;
END
$$;

CREATE FUNCTION omendb.alex_create_operator_class(type regtype)
RETURNS void
LANGUAGE plpgsql STRICT
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	base oid := type;
	btree_family oid;
BEGIN
	WHILE (SELECT typtype = 'd' FROM pg_type WHERE oid = base) LOOP
		base := (SELECT typbasetype FROM pg_type WHERE oid = base);
	END LOOP;

	-- types that share the operator class of another one
	SELECT CASE
		   WHEN typtype = 'e' THEN 'anyenum'::regtype
		   WHEN typtype = 'r' THEN 'anyrange'::regtype
		   WHEN typtype = 'm' THEN 'anymultirange'::regtype
		   WHEN typtype = 'c' THEN 'record'::regtype
		   WHEN oid = 'varchar'::regtype THEN 'text'::regtype
		   WHEN oid = 'cidr'::regtype THEN 'inet'::regtype
		   WHEN typsubscript = 'array_subscript_handler'::regproc THEN 'anyarray'::regtype
		   ELSE oid END
	INTO STRICT base
	FROM pg_type WHERE oid = base;

	PERFORM FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
	WHERE a.amname = 'alex' AND c.opcintype = base AND c.opcdefault;
	IF FOUND THEN
		RAISE EXCEPTION 'type % has a default operator class for alex already', type
			USING ERRCODE = 'duplicate_object';
	END IF;

	SELECT c.opcfamily INTO btree_family
	FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
	WHERE a.amname = 'btree' AND c.opcintype = base AND c.opcdefault;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'type % has no default operator class for btree', type
			USING ERRCODE = 'undefined_object',
				  HINT = 'An alex index needs an order of the values. Create a btree operator class for the type first.';
	END IF;

	PERFORM omendb.alex_copy_family(btree_family);
END
$$;

COMMENT ON FUNCTION omendb.alex_create_operator_class(regtype) IS
'makes the operator class for alex of a type that has one for btree';

-- ---------------------------------------------------------------------------
-- looking inside
-- ---------------------------------------------------------------------------

CREATE FUNCTION omendb.alex_check(index regclass,
								  heapallindexed boolean DEFAULT false)
RETURNS void
AS 'MODULE_PATHNAME', 'omendb_alex_check'
LANGUAGE C STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION omendb.alex_check(regclass, boolean) IS
'raises an error unless the alex index is sound, and has all rows of its table';

REVOKE ALL ON FUNCTION omendb.alex_check(regclass, boolean) FROM PUBLIC;

CREATE FUNCTION omendb.alex_stats(index regclass,
								  OUT height integer,
								  OUT leaf_pages bigint,
								  OUT inner_pages bigint,
								  OUT deleted_pages bigint,
								  OUT new_pages bigint,
								  OUT entries bigint,
								  OUT dead_hints bigint,
								  OUT fill double precision,
								  OUT bytes_per_key double precision,
								  OUT model_error double precision,
								  OUT cache_bytes bigint,
								  OUT cache_hits bigint,
								  OUT cache_misses bigint)
AS 'MODULE_PATHNAME', 'omendb_alex_stats'
LANGUAGE C STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION omendb.alex_stats(regclass) IS
'figures of an alex index: height, pages, entries, fill in percent, bytes a key, model error in entries, and the routing cache of this session';

REVOKE ALL ON FUNCTION omendb.alex_stats(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION omendb.alex_stats(regclass) TO pg_stat_scan_tables;

CREATE FUNCTION omendb.alex_page_header(index regclass, blkno bigint,
										OUT level integer,
										OUT flags text,
										OUT left_page bigint,
										OUT right_page bigint,
										OUT entries integer,
										OUT entry_bits integer,
										OUT free_bytes integer,
										OUT low text,
										OUT high text)
AS 'MODULE_PATHNAME', 'omendb_alex_page_header'
LANGUAGE C STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION omendb.alex_page_header(regclass, bigint) IS
'level, links and fences of a page of an alex index';

REVOKE ALL ON FUNCTION omendb.alex_page_header(regclass, bigint) FROM PUBLIC;

CREATE FUNCTION omendb.alex_page_items(index regclass, blkno bigint,
									   OUT "position" integer,
									   OUT key text,
									   OUT tid tid,
									   OUT child bigint,
									   OUT dead boolean)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'omendb_alex_page_items'
LANGUAGE C STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION omendb.alex_page_items(regclass, bigint) IS
'entries of a page of an alex index';

REVOKE ALL ON FUNCTION omendb.alex_page_items(regclass, bigint) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- The store of segments and change marks
--
-- Materialized views only in name: their rows are written by the library.
-- Publications cannot contain them, and nobody needs privileges on them.
-- src/column/README explains them.
-- ---------------------------------------------------------------------------

CREATE SEQUENCE omendb.segment_id;

-- the directory: which blocks of which table have columns
CREATE MATERIALIZED VIEW omendb.segment USING heap AS
SELECT NULL::bigint AS segid,
	   NULL::oid AS relid,
	   NULL::oid AS filenode,
	   NULL::bigint AS first_block,
	   NULL::integer AS nblocks,
	   NULL::boolean AS valid,
	   NULL::bigint AS nrows,
	   NULL::bytea AS layout
WITH NO DATA;

CREATE UNIQUE INDEX segment_key
ON omendb.segment USING btree (relid, filenode, first_block, segid);

-- the columns, in pieces that fill a page
CREATE MATERIALIZED VIEW omendb.chunk USING heap AS
SELECT NULL::bigint AS segid,
	   NULL::smallint AS attno,
	   NULL::integer AS seq,
	   NULL::bytea AS data
WITH NO DATA;

ALTER MATERIALIZED VIEW omendb.chunk ALTER COLUMN data SET STORAGE PLAIN;

CREATE UNIQUE INDEX chunk_key ON omendb.chunk USING btree (segid, attno, seq);

-- rows of covered blocks that changed; part is first_block / 1024
CREATE MATERIALIZED VIEW omendb.mark USING heap AS
SELECT NULL::oid AS relid,
	   NULL::oid AS filenode,
	   NULL::integer AS part,
	   NULL::bigint AS first_block,
	   NULL::integer AS nblocks,
	   NULL::bytea AS offsets
WITH NO DATA;

ALTER MATERIALIZED VIEW omendb.mark ALTER COLUMN offsets SET STORAGE PLAIN;

CREATE INDEX mark_key
ON omendb.mark USING btree (relid, filenode, part);

-- what the worker did, and what it is told
CREATE MATERIALIZED VIEW omendb.compaction USING heap AS
SELECT NULL::oid AS relid,
	   NULL::boolean AS enabled,
	   NULL::timestamptz AS last_run,
	   NULL::bigint AS runs,
	   NULL::text AS last_error
WITH NO DATA;

CREATE UNIQUE INDEX compaction_key
ON omendb.compaction USING btree (relid);

REVOKE ALL ON omendb.segment, omendb.chunk, omendb.mark, omendb.compaction
FROM PUBLIC;
REVOKE ALL ON SEQUENCE omendb.segment_id FROM PUBLIC;

CREATE FUNCTION omendb.store_protect()
RETURNS void
AS 'MODULE_PATHNAME', 'omendb_store_protect'
LANGUAGE C STRICT;

COMMENT ON FUNCTION omendb.store_protect() IS
'makes logical decoding skip the internal relations of omendb';

REVOKE ALL ON FUNCTION omendb.store_protect() FROM PUBLIC;

SELECT omendb.store_protect();

-- ---------------------------------------------------------------------------
-- The table access method
-- ---------------------------------------------------------------------------

CREATE FUNCTION omendb.table_handler(internal)
RETURNS table_am_handler
AS 'MODULE_PATHNAME', 'omendb_table_handler'
LANGUAGE C STRICT;

COMMENT ON FUNCTION omendb.table_handler(internal) IS
'table access method handler of omendb';

CREATE ACCESS METHOD omendb TYPE TABLE HANDLER omendb.table_handler;

COMMENT ON ACCESS METHOD omendb IS 'hybrid row and column table access method';

CREATE FUNCTION omendb.enable(relation regclass)
RETURNS void
AS 'MODULE_PATHNAME', 'omendb_enable'
LANGUAGE C STRICT;

COMMENT ON FUNCTION omendb.enable(regclass) IS
'makes a heap table an omendb table without writing it anew';

CREATE FUNCTION omendb.disable(relation regclass)
RETURNS void
AS 'MODULE_PATHNAME', 'omendb_disable'
LANGUAGE C STRICT;

COMMENT ON FUNCTION omendb.disable(regclass) IS
'makes an omendb table a heap table without writing it anew';

-- ---------------------------------------------------------------------------
-- Compaction
-- ---------------------------------------------------------------------------

CREATE FUNCTION omendb.compact("table" regclass,
							   "full" boolean DEFAULT false,
							   OUT segments bigint,
							   OUT blocks bigint,
							   OUT "rows" bigint,
							   OUT bytes bigint)
AS 'MODULE_PATHNAME', 'omendb_compact'
LANGUAGE C STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION omendb.compact(regclass, boolean) IS
'makes columns of all blocks of an omendb table that have none, and again where many rows changed (full: any, or the type of a column)';

CREATE FUNCTION omendb.set_compaction("table" regclass, enabled boolean)
RETURNS void
AS 'MODULE_PATHNAME', 'omendb_set_compaction'
LANGUAGE C STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION omendb.set_compaction(regclass, boolean) IS
'lets the background worker compact an omendb table, or not';

CREATE FUNCTION omendb.verify("table" regclass,
							  OUT segment bigint,
							  OUT first_block bigint,
							  OUT blocks bigint,
							  OUT "rows" bigint,
							  OUT marked bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'omendb_verify'
LANGUAGE C STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION omendb.verify(regclass) IS
'compares every segment of an omendb table with the table; raises an error at the first difference';

CREATE FUNCTION omendb.table_stats("table" regclass,
								   OUT blocks bigint,
								   OUT covered_blocks bigint,
								   OUT segments bigint,
								   OUT building bigint,
								   OUT "rows" bigint,
								   OUT marked bigint,
								   OUT bytes bigint,
								   OUT enabled boolean,
								   OUT last_run timestamptz,
								   OUT runs bigint,
								   OUT last_error text,
								   OUT damaged bigint)
AS 'MODULE_PATHNAME', 'omendb_table_stats'
LANGUAGE C STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION omendb.table_stats(regclass) IS
'what an omendb table has in columns; see omendb.stat_table';

CREATE FUNCTION omendb.column_stats("table" regclass,
									OUT attnum smallint,
									OUT attname name,
									OUT encoding text,
									OUT segments bigint,
									OUT bytes bigint,
									OUT nulls bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'omendb_column_stats'
LANGUAGE C STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION omendb.column_stats(regclass) IS
'segments, bytes and nulls of each column of an omendb table, by encoding; see omendb.stat_column';

CREATE VIEW omendb.stat_table AS
SELECT c.oid AS relid, n.nspname AS schemaname, c.relname, s.*
FROM pg_catalog.pg_class c
	 JOIN pg_catalog.pg_am a ON a.oid = c.relam
	 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	 CROSS JOIN LATERAL omendb.table_stats(c.oid) s
WHERE a.amname = 'omendb' AND c.relkind IN ('r', 'm');

COMMENT ON VIEW omendb.stat_table IS
'what omendb tables have in columns, and what the worker did';

CREATE VIEW omendb.stat_column AS
SELECT c.oid AS relid, n.nspname AS schemaname, c.relname, s.*
FROM pg_catalog.pg_class c
	 JOIN pg_catalog.pg_am a ON a.oid = c.relam
	 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	 CROSS JOIN LATERAL omendb.column_stats(c.oid) s
WHERE a.amname = 'omendb' AND c.relkind IN ('r', 'm');

COMMENT ON VIEW omendb.stat_column IS
'segments, bytes and nulls of the columns of omendb tables, by encoding';

GRANT SELECT ON omendb.stat_table, omendb.stat_column TO PUBLIC;
