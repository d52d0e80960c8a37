# What other parts of the server see of the store: logical decoding and
# replication, standbys, copies of databases, dumps.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('store', allows_streaming => 1, wal_level => 'logical', 'omendb.worker' => 'off', 'omendb.segment_blocks' => 4);
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION omendb;
	CREATE TABLE t (id int PRIMARY KEY, v text) USING omendb;
	CREATE TABLE h (id int PRIMARY KEY, v text) USING heap;
	CREATE PUBLICATION p FOR ALL TABLES});
is($node->safe_psql('postgres', 'SELECT tablename FROM pg_publication_tables ORDER BY 1'), "h\nt", 'publication of all tables');

# A subscriber, and decoding to text
my $subscriber = new_server('subscriber', wal_level => 'logical', 'omendb.worker' => 'off');
$subscriber->start;
$subscriber->safe_psql('postgres', q{
	CREATE EXTENSION omendb;
	CREATE TABLE t (id int PRIMARY KEY, v text) USING omendb;
	CREATE TABLE h (id int PRIMARY KEY, v text) USING heap;
	CREATE TABLE gone (a int PRIMARY KEY)});
my $conninfo = $node->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '$conninfo' PUBLICATION p");
$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('text', 'test_decoding')});

sub changes
{
	$node->safe_psql('postgres', $_) for
		q{INSERT INTO t SELECT i, 'row ' || i FROM generate_series(1, 3000) i; INSERT INTO h SELECT * FROM t},
		q{SELECT omendb.compact('t')},
		q{UPDATE t SET v = v || 'u' WHERE id % 10 = 0; UPDATE h SET v = v || 'u' WHERE id % 10 = 0},
		q{BEGIN; DELETE FROM t WHERE id % 7 = 0; DELETE FROM h WHERE id % 7 = 0; SAVEPOINT a; UPDATE t SET v = 'undone'; ROLLBACK TO a; COMMIT},
		q{BEGIN; UPDATE t SET v = 'two' WHERE id < 50; UPDATE h SET v = 'two' WHERE id < 50; PREPARE TRANSACTION 'two'},
		q{COMMIT PREPARED 'two'},
		q{SELECT omendb.compact('t', true)},
		q{VACUUM FULL t},
		q{SELECT omendb.compact('t')},
		q{CREATE TABLE gone (a int PRIMARY KEY) USING omendb; INSERT INTO gone SELECT generate_series(1, 1000)},
		q{SELECT omendb.compact('gone')},
		q{DELETE FROM gone WHERE a < 10; DROP TABLE gone},
		q{SELECT omendb.compact('t')},
		q{SELECT omendb.set_compaction('t', false)};
	return;
}
changes();
my $decoded = $node->safe_psql('postgres', q{SELECT data FROM pg_logical_slot_get_changes('text', NULL, NULL)});
unlike($decoded, qr/omendb\./, 'decoding shows nothing of the store');
like($decoded, qr/table public\.t: UPDATE/, 'and the changes of the table');
my ($t, $h) = map { my $n = $_; scalar(() = $decoded =~ /^table public\.$n: /mg) } qw(t h);
is($t, $h, 'as many as of a heap table');

my $wanted = q{SELECT count(*), sum(hashtextextended(x::text, 0)::numeric) FROM %s x};
$node->wait_for_catchup('s');
is($subscriber->safe_psql('postgres', sprintf($wanted, 't')), $node->safe_psql('postgres', sprintf($wanted, 'h')), 'the subscriber has the rows');
is($subscriber->safe_psql('postgres', q{SELECT segments > 0 FROM omendb.compact('t')}), 't', 'and makes segments of its own');
$node->safe_psql('postgres', q{UPDATE t SET v = 'later' WHERE id % 3 = 0; UPDATE h SET v = 'later' WHERE id % 3 = 0});
$node->wait_for_catchup('s');
is($subscriber->safe_psql('postgres', q{SELECT sum(marked) > 100 FROM omendb.verify('t')}), 't', 'applied changes are marked');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION s');
$subscriber->stop;

# A standby reads what the primary stored
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->append_conf('postgresql.conf', "omendb.worker = on\nomendb.worker_naptime = 1s\nhot_standby_feedback = on");
$standby->start;
$node->safe_psql('postgres', q{UPDATE t SET v = 'again' WHERE id BETWEEN 100 AND 200});
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my $stats = q{SELECT blocks, covered_blocks, segments, rows, marked, bytes FROM omendb.stat_table WHERE relname = 't'};
is($standby->safe_psql('postgres', $stats), $node->safe_psql('postgres', $stats), 'standby: stat_table');
is($standby->safe_psql('postgres', q{SELECT sum(rows), sum(marked) FROM omendb.verify('t')}),
	$node->safe_psql('postgres', q{SELECT sum(rows), sum(marked) FROM omendb.verify('t')}), 'standby: verify');
my ($rc, $out, $err) = $standby->psql('postgres', q{SELECT omendb.compact('t')});
like($err, qr/cannot execute omendb\.compact\(\) during recovery/, 'standby: compact');
$node->safe_psql('postgres', q{SELECT omendb.compact('t', true)});
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', q{SELECT sum(marked) FROM omendb.verify('t')}), '0', 'standby: a new segment');
$standby->promote;
is($standby->safe_psql('postgres', q{UPDATE t SET v = 'own' WHERE id < 30; SELECT sum(marked) > 0 FROM omendb.verify('t')}), 't', 'promoted standby: marks');
is($standby->safe_psql('postgres', q{SELECT segments > 0 FROM omendb.compact('t', true)}), 't', 'promoted standby: compact');
ok($standby->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'omendb launcher'}), 'promoted standby: launcher');
$standby->stop;

# Copies of databases have valid segments; databases come and go under workers
$node->append_conf('postgresql.conf', "omendb.worker = on\nomendb.worker_naptime = 1s\nomendb.compaction_min_age = 0");
$node->reload;
for my $round (1 .. 4)
{
	$node->safe_psql('template1', 'CREATE DATABASE copy TEMPLATE postgres');
	is($node->safe_psql('copy', q{SELECT count(*) > 0 FROM omendb.verify('t')}), 't', "copy $round: verify");
	is($node->safe_psql('copy', q{UPDATE t SET v = 'copy' WHERE id < 50; SELECT sum(marked) > 0 FROM omendb.verify('t')}), 't', "copy $round: marks");
	$node->safe_psql('postgres', 'DROP DATABASE copy');
}
is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM omendb.verify('t')}), 't', 'the original');

# A dump has the rows, and nothing of the store
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-f', $dump, 'postgres' ], 'pg_dump');
my $text = slurp_file($dump);
unlike($text, qr/MATERIALIZED VIEW|segment_id/, 'dump: nothing of the store');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port, '-f', $dump, 'restored' ], 'restore');
is($node->safe_psql('restored', sprintf($wanted, 't')), $node->safe_psql('postgres', sprintf($wanted, 't')), 'restored rows');
is($node->safe_psql('restored', q{SELECT rows > 0 FROM omendb.compact('t', true)}), 't', 'restored table: compact');

# The extension goes when the tables are ordinary ones, and comes again
($rc, $out, $err) = $node->psql('restored', 'DROP EXTENSION omendb');
isnt($err, '', 'DROP EXTENSION is refused while there are tables');
$node->safe_psql('restored', q{BEGIN; UPDATE t SET v = v WHERE id < 50; SELECT omendb.disable('t'); DROP EXTENSION omendb; COMMIT});
is($node->safe_psql('restored', sprintf($wanted, 't')), $node->safe_psql('postgres', sprintf($wanted, 't')), 'the rows stay');
$node->safe_psql('restored', q{CREATE EXTENSION omendb; SELECT omendb.enable('t'); SELECT omendb.compact('t', true)});
is($node->safe_psql('restored', q{SELECT count(*) > 0 FROM omendb.verify('t')}), 't', 'and have segments again');

# pg_upgrade keeps segments and marks, and what it loses is set again
$node->safe_psql('postgres', q{
	SELECT pg_drop_replication_slot('text');
	SELECT omendb.compact('t', true)});
$node->safe_psql('postgres', q{UPDATE t SET v = 'before' WHERE id % 100 = 1});
my $upgraded = new_server('upgraded', wal_level => 'logical', 'omendb.worker' => 'off');
my $before = $node->safe_psql('postgres', q{SELECT sum(rows), sum(marked) FROM omendb.verify('t')});
my $rows = $node->safe_psql('postgres', sprintf($wanted, 't'));
$node->stop;
my ($bindir) = grep { -x "$_/pg_upgrade" } split /:/, $ENV{PATH};
SKIP:
{
	skip 'no pg_upgrade in PATH', 6 unless defined $bindir;
	chdir $upgraded->basedir or die;
	command_ok([ 'pg_upgrade', '-d', $node->data_dir, '-D', $upgraded->data_dir, '-b', $bindir, '-B', $bindir,
			'-s', $node->host, '-p', $node->port, '-P', $upgraded->port ], 'pg_upgrade');
	$upgraded->start;
	is($upgraded->safe_psql('postgres', q{SELECT sum(rows), sum(marked) FROM omendb.verify('t')}), $before, 'upgraded: verify');
	is($upgraded->safe_psql('postgres', sprintf($wanted, 't')), $rows, 'upgraded: rows');
	is($upgraded->safe_psql('postgres', q{SELECT enabled FROM omendb.stat_table WHERE relname = 't'}), 'f', 'upgraded: what was noted');
	$upgraded->safe_psql('postgres', q{UPDATE t SET v = 'after' WHERE id % 100 = 2; SELECT omendb.compact('t', true)});
	is($upgraded->safe_psql('postgres', q{SELECT sum(marked) FROM omendb.verify('t')}), '0', 'upgraded: compact');
	is($upgraded->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relnamespace = 'omendb'::regnamespace AND relkind = 'm' AND relrewrite = oid}), '4', 'upgraded: not decoded');
	$upgraded->stop;
}
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'no crash');
done_testing();
