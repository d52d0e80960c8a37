-- What the SQL tests need of omendb when they run with nbtree in alex's place.
CREATE SCHEMA omendb;
CREATE FUNCTION omendb.alex_check(index regclass, heapallindexed boolean DEFAULT false) RETURNS void LANGUAGE plpgsql STRICT AS $$
BEGIN
	IF (SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE c.oid = index AND relkind = 'i') IS DISTINCT FROM 'btree' THEN
		RAISE EXCEPTION 'not a btree index';
	END IF;
	PERFORM public.bt_index_check(index, heapallindexed);
END $$;
CREATE FUNCTION omendb.alex_create_operator_class(type regtype) RETURNS void LANGUAGE sql AS '';
CREATE EXTENSION amcheck SCHEMA public;
