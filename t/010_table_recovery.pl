# omendb tables through crashes, on a standby, in backups and point-in-time
# recovery; prepared transactions that outlive a crash. Each table has a heap
# twin that the same transactions change.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', allows_streaming => 1);
$node->enable_archiving;
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION omendb;
	CREATE TABLE o (id int PRIMARY KEY, k int, v text) USING omendb;
	CREATE TABLE h (LIKE o INCLUDING ALL) USING heap;
	CREATE UNLOGGED TABLE unlogged (id int) USING omendb;
	CREATE INDEX ON o USING alex (k);
	CREATE INDEX ON o USING brin (id);
	INSERT INTO unlogged SELECT generate_series(1, 100)});

my $wanted = 'SELECT count(*), coalesce(sum(hashtextextended(x::text, 0)::numeric), 0) FROM %s x';

# The two tables have the same rows, and some.
sub same
{
	my ($server, $what, $where) = @_;
	$where = $where ? " WHERE $where" : '';
	my ($o, $h) = map { $server->safe_psql('postgres', sprintf($wanted, $_) . $where) } qw(o h);
	is($o, $h, "$what: same rows");
	unlike($o, qr/^0\|/, "$what: there are rows");
	return;
}

# The same changes of both tables in one transaction; commands end in "%s".
sub change
{
	my ($server, @commands) = @_;
	$server->safe_psql('postgres', join ';', 'BEGIN', (map { my $c = $_; map { (my $d = $c) =~ s/TAB/$_/g; $d } qw(o h) } @commands), 'COMMIT');
	return;
}

sub work
{
	my ($server, $from) = @_;
	my $to = $from + 4999;
	change($server, "INSERT INTO TAB SELECT i, hashint4(i) % 1000, repeat('x', i % 300) FROM generate_series($from, $to) i");
	change($server, "UPDATE TAB SET v = v || 'u' WHERE id % 7 = 0");
	change($server, "UPDATE TAB SET id = -id WHERE id % 97 = 0 AND id BETWEEN $from AND $to", "DELETE FROM TAB WHERE id % 5 = 0");
	$server->safe_psql('postgres', qq{
		BEGIN;
		INSERT INTO o SELECT i, 0, 'kept' FROM generate_series($from + 100000, $from + 100500) i;
		INSERT INTO h SELECT i, 0, 'kept' FROM generate_series($from + 100000, $from + 100500) i;
		SAVEPOINT a;
		UPDATE o SET v = 'undone';
		DELETE FROM o WHERE k > 10;
		ROLLBACK TO a;
		COMMIT;
		BEGIN;
		DELETE FROM o;
		ROLLBACK});
	$server->safe_psql('postgres', 'VACUUM o, h');
	return;
}

work($node, 1);
same($node, 'at first');

# a table that heap made, enabled while it is full, and a matview
$node->safe_psql('postgres', q{
	CREATE TABLE late AS SELECT * FROM o;
	SELECT omendb.enable('late');
	UPDATE late SET k = k + 1 WHERE id < 1000;
	CREATE MATERIALIZED VIEW mv USING omendb AS SELECT * FROM o WHERE k < 500});

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
work($node, 200001);
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
same($standby, 'standby');
is($standby->safe_psql('postgres', sprintf $wanted, 'late'), $node->safe_psql('postgres', sprintf $wanted, 'late'), 'standby: enabled table');
is($standby->safe_psql('postgres', sprintf $wanted, 'mv'), $node->safe_psql('postgres', sprintf $wanted, 'mv'), 'standby: materialized view');
is($standby->safe_psql('postgres', "SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE relname = 'late'"), 'omendb', 'standby: access method');
my ($rc, $stdout, $stderr) = $standby->psql('postgres', "SELECT omendb.enable('h')");
like($stderr, qr/recovery|read-only/, 'standby: enable says why not');

# an old snapshot on the standby while the primary goes on
my $reader = $standby->background_psql('postgres', on_error_stop => 0);
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $before = $reader->query_safe(sprintf $wanted, 'o');
change($node, "UPDATE TAB SET v = 'changed' WHERE id < 3000");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($reader->query_safe(sprintf $wanted, 'o'), $before, 'standby: a snapshot stays as it is');
$reader->query_safe('COMMIT');
$reader->quit;
same($standby, 'standby again');

# crashes, with and without a prepared transaction
$node->safe_psql('postgres', q{
	BEGIN;
	UPDATE o SET v = 'prepared' WHERE id < 500;
	UPDATE h SET v = 'prepared' WHERE id < 500;
	SAVEPOINT a;
	INSERT INTO o VALUES (9000001, 1, 'prepared');
	INSERT INTO h VALUES (9000001, 1, 'prepared');
	PREPARE TRANSACTION 'both'});
kill_server($node);
$node->start;
same($node, 'after a crash');
is($node->safe_psql('postgres', 'SELECT count(*) FROM unlogged'), '0', 'the unlogged table is empty');
is($node->safe_psql('postgres', "SELECT count(*) FROM o WHERE v = 'prepared'"), '0', 'not committed yet');
$node->safe_psql('postgres', "COMMIT PREPARED 'both'");
same($node, 'prepared and committed', q{v = 'prepared'});
$node->safe_psql('postgres', 'INSERT INTO unlogged SELECT generate_series(1, 100)');

my $point = $node->safe_psql('postgres', 'SELECT pg_create_restore_point($$here$$)');
my $state = $node->safe_psql('postgres', sprintf $wanted, 'o');
for my $i (1 .. 3)
{
	work($node, 200001 + $i * 10000);
	$node->safe_psql('postgres', "SELECT omendb.disable('late')") if $i == 2;
	kill_server($node);
	$node->start;
	same($node, "crash $i");
}
is($node->safe_psql('postgres', "SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE relname = 'late'"), 'heap', 'disable survives a crash');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
same($standby, 'standby after crashes of the primary');

# the standby takes over
$standby->promote;
work($standby, 500001);
same($standby, 'promoted');
$standby->stop;

# pg_dump and pg_restore keep the access methods and the rows, not the segments
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'pg_restore');
my $methods = "SELECT string_agg(relname || ' ' || amname, ', ' ORDER BY relname) FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'm')";
is($node->safe_psql('restored', $methods), $node->safe_psql('postgres', $methods), 'restored: access methods');
like($node->safe_psql('restored', $methods), qr/mv omendb, o omendb/, 'restored: omendb tables');
is($node->safe_psql('restored', sprintf $wanted, 'o'), $node->safe_psql('postgres', sprintf $wanted, 'o'), 'restored: rows');
is($node->safe_psql('restored', 'SELECT count(*) FROM omendb.segment'), '0', 'restored: no segments');

# back to a point in time
$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
my $past = PostgreSQL::Test::Cluster->new('past');
$past->init_from_backup($node, 'base', has_restoring => 1);
$past->append_conf('postgresql.conf', "recovery_target_name = 'here'\nrecovery_target_action = 'promote'\n");
$past->start;
$past->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is($past->safe_psql('postgres', sprintf $wanted, 'o'), $state, 'point in time: the rows of that time');
same($past, 'point in time');
work($past, 700001);
same($past, 'a new timeline');
$past->stop;

$node->stop;
done_testing();
