--
-- Types outside pg_catalog get an operator class for alex from their one for btree
--
-- A base type: integers that are ordered by their distance from zero
-- without notices, to which newer servers add positions
SET client_min_messages = warning;
CREATE TYPE away;
CREATE FUNCTION away_in(cstring) RETURNS away LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION away_out(away) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
RESET client_min_messages;
CREATE TYPE away (INPUT = away_in, OUTPUT = away_out, LIKE = int4);
CREATE CAST (int4 AS away) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE CAST (away AS int4) WITHOUT FUNCTION;
CREATE FUNCTION away_cmp(away, away) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS
	'SELECT pg_catalog.btint4cmp(abs($1::int4), abs($2::int4))';
CREATE FUNCTION away_lt(away, away) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT abs($1::int4) < abs($2::int4)';
CREATE FUNCTION away_le(away, away) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT abs($1::int4) <= abs($2::int4)';
CREATE FUNCTION away_eq(away, away) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT abs($1::int4) = abs($2::int4)';
CREATE FUNCTION away_ge(away, away) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT abs($1::int4) >= abs($2::int4)';
CREATE FUNCTION away_gt(away, away) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT abs($1::int4) > abs($2::int4)';
CREATE OPERATOR < (LEFTARG = away, RIGHTARG = away, FUNCTION = away_lt, COMMUTATOR = >, NEGATOR = >=);
CREATE OPERATOR <= (LEFTARG = away, RIGHTARG = away, FUNCTION = away_le, COMMUTATOR = >=, NEGATOR = >);
CREATE OPERATOR = (LEFTARG = away, RIGHTARG = away, FUNCTION = away_eq, COMMUTATOR = =, MERGES);
CREATE OPERATOR >= (LEFTARG = away, RIGHTARG = away, FUNCTION = away_ge, COMMUTATOR = <=, NEGATOR = <);
CREATE OPERATOR > (LEFTARG = away, RIGHTARG = away, FUNCTION = away_gt, COMMUTATOR = <, NEGATOR = <=);
CREATE TABLE aw (v away);
INSERT INTO aw SELECT (i * 37 % 1000) - 500 FROM generate_series(1, 1000) i;

-- before there is a class for btree, and before there is one for alex
\set VERBOSITY terse
SELECT omendb.alex_create_operator_class('away');
CREATE INDEX aw_v ON aw USING alex (v);
CREATE OPERATOR CLASS away_ops DEFAULT FOR TYPE away USING btree AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 away_cmp(away, away);
CREATE INDEX aw_v ON aw USING alex (v);
SELECT omendb.alex_create_operator_class('away');
SELECT omendb.alex_create_operator_class('away');
CREATE INDEX aw_v ON aw USING alex (v);
SELECT omendb.alex_check('aw_v', true);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
SELECT v FROM aw WHERE v < '2' ORDER BY v;
SELECT count(*) FROM aw WHERE v = '7';
SELECT count(*) FROM aw WHERE v >= '-499';
SELECT count(*) FROM aw WHERE v = ANY ('{1,-1,3,NULL}'::away[]);
SELECT abs(v::int4) FROM aw ORDER BY v DESC LIMIT 3;
CREATE UNIQUE INDEX ON aw USING alex (v);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'alex') AND opcintype = 'away'::regtype;

-- Enumerations, domains, arrays, ranges and rows need nothing
CREATE TYPE colour AS ENUM ('red', 'green', 'blue');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE kinds (c colour, p positive, a int[], r int4range, w pair, m int4multirange);
INSERT INTO kinds SELECT (ARRAY['blue', 'red', 'green']::colour[])[1 + i % 3], i, ARRAY[i % 7, i % 3], int4range(i % 9, i % 9 + 3),
	ROW(i % 5, 'x' || i % 4)::pair, int4multirange(int4range(i, i + 1)) FROM generate_series(1, 200) i;
CREATE INDEX kinds_c ON kinds USING alex (c);
CREATE INDEX kinds_p ON kinds USING alex (p);
CREATE INDEX kinds_a ON kinds USING alex (a);
CREATE INDEX kinds_r ON kinds USING alex (r);
CREATE INDEX kinds_w ON kinds USING alex (w);
CREATE INDEX kinds_m ON kinds USING alex (m);
SELECT omendb.alex_check(indexrelid, true) FROM pg_index WHERE indrelid = 'kinds'::regclass ORDER BY indexrelid::regclass::text;
SELECT count(*) FROM kinds WHERE c > 'red';
SELECT DISTINCT c FROM kinds ORDER BY c;
SELECT count(*) FROM kinds WHERE p BETWEEN 5 AND 10;
SELECT count(*) FROM kinds WHERE a > '{5}' AND a < '{6,1}';
SELECT count(*) FROM kinds WHERE r = '[3,6)';
SELECT count(*) FROM kinds WHERE w >= ROW(4, 'x2')::pair;
SELECT count(*) FROM kinds WHERE m < '{[5,6)}';

-- All operator classes that exist are valid
SELECT count(*) > 30 AS many, bool_and(amvalidate(oid)) AS valid
FROM pg_opclass WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'alex');
-- ... and the same types as for btree have them
SELECT opcintype::regtype, opcdefault FROM pg_opclass
WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'btree') AND opcintype < 16384
EXCEPT
SELECT opcintype::regtype, opcdefault FROM pg_opclass WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'alex')
ORDER BY 1;

DROP TABLE aw, kinds;
DROP DOMAIN positive;
DROP TYPE colour, pair;
SET client_min_messages = warning;
DROP TYPE away CASCADE;
