# pg_dump and pg_restore; pg_upgrade's view of the extension.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main');
$node->start;
load_tables($node, 3000);
$node->safe_psql('postgres', q{
	CREATE TABLE ex (k int, EXCLUDE USING alex (k WITH =) WITH (fillfactor = 70));
	INSERT INTO ex SELECT generate_series(1, 100);
	CREATE TYPE dozen; CREATE FUNCTION dozen_in(cstring) RETURNS dozen LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
	CREATE FUNCTION dozen_out(dozen) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
	CREATE TYPE dozen (INPUT = dozen_in, OUTPUT = dozen_out, LIKE = int4);
	CREATE FUNCTION dozen_cmp(dozen, dozen) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
	CREATE FUNCTION dozen_lt(dozen, dozen) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4lt';
	CREATE FUNCTION dozen_eq(dozen, dozen) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
	CREATE FUNCTION dozen_gt(dozen, dozen) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4gt';
	CREATE FUNCTION dozen_le(dozen, dozen) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4le';
	CREATE FUNCTION dozen_ge(dozen, dozen) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4ge';
	CREATE OPERATOR < (LEFTARG = dozen, RIGHTARG = dozen, FUNCTION = dozen_lt);
	CREATE OPERATOR <= (LEFTARG = dozen, RIGHTARG = dozen, FUNCTION = dozen_le);
	CREATE OPERATOR = (LEFTARG = dozen, RIGHTARG = dozen, FUNCTION = dozen_eq);
	CREATE OPERATOR >= (LEFTARG = dozen, RIGHTARG = dozen, FUNCTION = dozen_ge);
	CREATE OPERATOR > (LEFTARG = dozen, RIGHTARG = dozen, FUNCTION = dozen_gt);
	CREATE OPERATOR CLASS dozen_ops DEFAULT FOR TYPE dozen USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=,
		OPERATOR 5 >, FUNCTION 1 dozen_cmp(dozen, dozen);
	SELECT omendb.alex_create_operator_class('dozen');
	CREATE TABLE dz (d dozen);
	INSERT INTO dz SELECT i::text::dozen FROM generate_series(1, 100) i;
	CREATE INDEX dz_d ON dz USING alex (d)});
my $definitions = q{SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid
	JOIN pg_am a ON a.oid = relam WHERE amname = 'alex' ORDER BY indexrelid::regclass::text};
my $want = $node->safe_psql('postgres', $definitions);
like($want, qr/USING alex/, 'there are indexes');
my $answers = answers($node);

my $file = $node->basedir . '/dump.custom';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $file, $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE again TEMPLATE template0');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $node->connstr('again'), $file ], 'pg_restore');
is($node->safe_psql('again', $definitions), $want, 'the same indexes');
is($node->safe_psql('again', q{SET enable_seqscan = off; SELECT count(*) FROM dz WHERE d > '50'}), '50', 'own operator class works');
is($node->safe_psql('again', q{SELECT count(*) FROM (SELECT omendb.alex_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = relam
	WHERE amname = 'alex' AND relkind = 'i') s}), $node->safe_psql('postgres', "SELECT count(*) FROM ($definitions) s"), 'all are sound');
my ($rc, $stdout, $stderr) = $node->psql('again', 'INSERT INTO ex VALUES (5)');
like($stderr, qr/exclusion constraint/, 'the constraint works');

# CREATE DATABASE copies indexes, with either strategy.
for my $strategy ('wal_log', 'file_copy')
{
	$node->safe_psql('postgres', "CREATE DATABASE copy_$strategy TEMPLATE again STRATEGY $strategy");
	is($node->safe_psql("copy_$strategy", "SELECT omendb.alex_check('alex_k', true); SET enable_seqscan = off; SELECT count(*) FROM tt WHERE id > 0"),
		"\n" . $node->safe_psql('postgres', 'SELECT count(*) FROM tt'), "database copied by $strategy");
}

# Moving an index to another tablespace.
my $place = $node->basedir . '/space';
mkdir $place;
$node->safe_psql('postgres', "CREATE TABLESPACE space LOCATION '$place'");
$node->safe_psql('postgres', 'ALTER INDEX alex_k SET TABLESPACE space');
is(answers($node), $answers, 'the same answers from another tablespace');
$node->stop('immediate');
$node->start;
is(answers($node), $answers, 'also after a crash');
$node->stop;
done_testing();
