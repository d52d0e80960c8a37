--
-- Operator classes: what btree has, alex has
--
CREATE VIEW classes AS
	SELECT a.amname, c.opcname, c.opcintype::regtype, c.opcdefault, f.opfname,
		   CASE WHEN c.opcnamespace = 'pg_catalog'::regnamespace THEN 'omendb' ELSE c.opcnamespace::regnamespace::text END AS nsp
	FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod JOIN pg_opfamily f ON f.oid = c.opcfamily;
CREATE VIEW members AS
	SELECT a.amname, f.opfname, o.amoplefttype AS l, o.amoprighttype AS r, o.amopstrategy AS n, o.amopopr::regoperator::text AS what
	FROM pg_amop o JOIN pg_opfamily f ON f.oid = o.amopfamily JOIN pg_am a ON a.oid = f.opfmethod
	UNION ALL
	SELECT a.amname, f.opfname, p.amproclefttype, p.amprocrighttype, 100, p.amproc::regprocedure::text
	FROM pg_amproc p JOIN pg_opfamily f ON f.oid = p.amprocfamily JOIN pg_am a ON a.oid = f.opfmethod
	WHERE p.amprocnum = 1;
SELECT count(*) > 40 AS many FROM classes WHERE amname = 'alex' AND nsp = 'omendb';
SELECT count(*) > 300 AS many FROM members WHERE amname = 'alex';
SELECT opcname, opcintype, opcdefault, opfname, nsp FROM classes WHERE amname = 'btree' AND nsp = 'omendb'
EXCEPT SELECT opcname, opcintype, opcdefault, opfname, nsp FROM classes WHERE amname = 'alex';
SELECT opcname, opcintype, opcdefault, opfname, nsp FROM classes WHERE amname = 'alex' AND nsp = 'omendb'
EXCEPT SELECT opcname, opcintype, opcdefault, opfname, nsp FROM classes WHERE amname = 'btree';
SELECT opfname, l::regtype, r::regtype, n, what FROM members WHERE amname = 'btree'
	AND opfname IN (SELECT opfname FROM classes WHERE amname = 'alex')
EXCEPT SELECT opfname, l::regtype, r::regtype, n, what FROM members WHERE amname = 'alex';
SELECT opcname FROM pg_opclass WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'alex') AND NOT amvalidate(oid);
DROP VIEW classes, members;

-- All belong to the extension
SELECT count(*) FROM pg_opclass c
WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'alex') AND opcnamespace = 'omendb'::regnamespace
	AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_opclass'::regclass AND objid = c.oid AND deptype = 'e');
DROP OPERATOR CLASS omendb.int4_ops USING alex;

-- Classes that are not the default of their type need no schema
CREATE TABLE oc (a text, b varchar(20), c char(5), d inet);
CREATE INDEX oc_a ON oc USING alex (a text_pattern_ops, b varchar_pattern_ops DESC, c bpchar_pattern_ops);
CREATE INDEX oc_b ON oc USING alex (b varchar_ops, d cidr_ops);
CREATE INDEX oc_c ON oc USING alex (a omendb.text_pattern_ops);
SELECT pg_get_indexdef('oc_a'::regclass), pg_get_indexdef('oc_b'::regclass);
CREATE INDEX ON oc USING alex (a no_such_ops);
CREATE INDEX ON oc USING alex (a int4_ops);
ALTER TABLE oc ADD EXCLUDE USING alex (a omendb.text_pattern_ops WITH =);
INSERT INTO oc VALUES ('x', 'y', 'z', '::1');
INSERT INTO oc VALUES ('x', 'y', 'z', '::1');
DROP TABLE oc;

-- A class of the user's own
CREATE OPERATOR CLASS int4_again FOR TYPE int4 USING alex AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int4, int4);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'int4_again';
ALTER OPERATOR FAMILY int4_again USING alex DROP OPERATOR 1 (int4, int4);
DROP OPERATOR FAMILY int4_again USING alex;
-- What is wrong with a class is told
CREATE OPERATOR CLASS bad FOR TYPE int4 USING alex AS OPERATOR 1 <, OPERATOR 3 =;
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'bad';
DROP OPERATOR FAMILY bad USING alex;
CREATE OPERATOR CLASS bad FOR TYPE int4 USING alex AS OPERATOR 6 <;
CREATE OPERATOR CLASS bad FOR TYPE int4 USING alex AS FUNCTION 2 btint4cmp(int4, int4);
CREATE OPERATOR CLASS bad FOR TYPE int4 USING alex AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 (int4, int4) btint8cmp(int8, int8);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'bad';
DROP OPERATOR FAMILY bad USING alex;
\set SHOW_CONTEXT never
SELECT omendb.alex_create_operator_class('int4');
SELECT omendb.alex_create_operator_class('varchar');
SELECT omendb.alex_create_operator_class('int4[]');
SELECT omendb.alex_create_operator_class('json');
