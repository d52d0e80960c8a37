# Many sessions change an omendb table and its heap twin while segments of a few
# blocks are made, rebuilt and dropped all the time. Readers compare both under
# one snapshot, with columns read wherever there are any. Then the same after
# kill -9, and on a standby.
#
# OMENDB_MIRROR_SECONDS=1100 runs it longer, OMENDB_MIRROR_SEED repeats a run. An hour:
#   KEEP=1 OMENDB_TAP_TIMEOUT=6000 OMENDB_MIRROR_SECONDS=1100 \
#   test/run --versions 15 --only tap --tests 012_table_mirror
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{OMENDB_MIRROR_SECONDS} || 8;
my $seed = $ENV{OMENDB_MIRROR_SEED} || int(rand(1000000));
note("seed $seed");

my $node = new_server('main', allows_streaming => 1,
	'omendb.worker_naptime' => '1s', 'omendb.compaction_min_age' => 0,
	'omendb.segment_blocks' => 4, 'omendb.rebuild_threshold' => 10,
	'omendb.merge_threshold' => 4, max_connections => 30,
	max_prepared_transactions => 30, autovacuum => 'on', autovacuum_naptime => '1s');
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION omendb;
	CREATE TABLE o (id int PRIMARY KEY, k int, d date, n numeric, v text, f float8)
		USING omendb WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 50);
	CREATE TABLE h (LIKE o INCLUDING ALL) USING heap;
	CREATE SEQUENCE ids START 10001;
	INSERT INTO o SELECT i, i % 100, '2020-01-01'::date + i % 365, i / 7.0, repeat('v', i % 200), i * 0.5 FROM generate_series(1, 10000) i;
	INSERT INTO h SELECT * FROM o;
	SELECT * FROM omendb.compact('o')});

# Each statement twice, for the one table and for the other.
sub twice
{
	return join "\n", map { my $s = $_; map { (my $t = $s) =~ s/TAB/$_/g; "$t;" } qw(o h) } @_;
}

my $dir = PostgreSQL::Test::Utils::tempdir();

sub script
{
	my ($name, $text) = @_;
	open(my $f, '>', "$dir/$name") or die "$dir/$name: $!";
	print $f $text;
	close $f;
	return "$dir/$name";
}

my $ids = "\\set id random(1, 12000)\n\\set n random(0, 30)\n\\set r random(1, 1000)\n";
my $range = 'id BETWEEN :id AND :id + :n';
my %scripts = (
	update => "BEGIN ISOLATION LEVEL REPEATABLE READ;\n" . twice("UPDATE TAB SET k = k + 1, v = v || 'u' WHERE $range AND length(v) < 500") . "\nCOMMIT;\n",
	key => "BEGIN ISOLATION LEVEL REPEATABLE READ;\n" . twice("UPDATE TAB SET d = d + 1, n = n + :r WHERE id = :id") . "\nCOMMIT;\n",
	delete => "BEGIN ISOLATION LEVEL REPEATABLE READ;\n" . twice("DELETE FROM TAB WHERE $range AND id % 3 = :r % 3") . "\nCOMMIT;\n",
	insert => "SELECT nextval('ids') AS new \\gset\nBEGIN;\n" . twice("INSERT INTO TAB SELECT :new + i * 1000000, i, NULL, :r, NULL, 'NaN' FROM generate_series(1, :n) i") . "\nCOMMIT;\n",
	again => "BEGIN ISOLATION LEVEL REPEATABLE READ;\n" . twice("INSERT INTO TAB VALUES (:id, :r, '2021-01-01', 1.5, 'again', 0) ON CONFLICT (id) DO UPDATE SET k = TAB.k + 1") . "\nCOMMIT;\n",
	undone => "BEGIN ISOLATION LEVEL REPEATABLE READ;\n" . twice("UPDATE TAB SET k = -1 WHERE $range", "DELETE FROM TAB WHERE id = :id") . "\nROLLBACK;\n",
	savepoints => "BEGIN ISOLATION LEVEL REPEATABLE READ;\n" . twice("UPDATE TAB SET k = k + :r WHERE id = :id") . "\nSAVEPOINT a;\n"
	  . twice("UPDATE TAB SET v = 'undone' WHERE $range", "DELETE FROM TAB WHERE id = :id") . "\nSAVEPOINT b;\n"
	  . twice("UPDATE TAB SET k = 0 WHERE id = :id + 1") . "\nRELEASE b;\nCHECK;\nROLLBACK TO a;\n"
	  . twice("UPDATE TAB SET k = k + 1 WHERE id = :id + 2") . "\nSAVEPOINT c;\n"
	  . twice("UPDATE TAB SET f = f + 1 WHERE id = :id + 3") . "\nRELEASE c;\nCHECK;\nCOMMIT;\n",
	prepared => "BEGIN ISOLATION LEVEL REPEATABLE READ;\n" . twice("UPDATE TAB SET k = k + 1, v = 'prepared' WHERE $range") . "\nPREPARE TRANSACTION 'p:client_id';\n"
	  . "\\if :r < 500\nCOMMIT PREPARED 'p:client_id';\n\\else\nROLLBACK PREPARED 'p:client_id';\n\\endif\n",
	read => "BEGIN ISOLATION LEVEL REPEATABLE READ;\nCHECK;\n\\sleep :n ms\nCHECK;\nCHECK;\nCOMMIT;\n",
	parallel => "SET min_parallel_table_scan_size = 0;\nSET parallel_setup_cost = 0;\nSET parallel_tuple_cost = 0;\nBEGIN ISOLATION LEVEL REPEATABLE READ;\n"
	  . twice("UPDATE TAB SET k = k + 7 WHERE id = :id") . "\nCHECK;\nCHECK;\nROLLBACK;\nRESET ALL;\n");

# One statement that fails with a division by zero unless both tables agree.
my $columns = "count(*), sum(k), sum(n), count(d), min(d), max(v), sum(hashtextextended(x::text, 0)::numeric)";
my $check = "SELECT 1 / (SELECT (o = h)::int FROM (SELECT row($columns)::text AS o FROM o x) o, (SELECT row($columns)::text AS h FROM h x) h)";
my $narrow = "SELECT 1 / (SELECT (o = h)::int FROM (SELECT row(count(*), sum(k))::text AS o FROM o WHERE k BETWEEN 10 AND 60) o, (SELECT row(count(*), sum(k))::text AS h FROM h WHERE k BETWEEN 10 AND 60) h)";

my @files;
my %weight = (read => 3, parallel => 1);
for my $name (sort keys %scripts)
{
	(my $text = $ids . $scripts{$name}) =~ s/CHECK;/$check;\n$narrow;/g;
	push @files, '-f', script($name, $text) . '@' . ($weight{$name} || 2);
}

sub mirror
{
	my ($what, $time, $killed) = @_;
	local $ENV{PGOPTIONS} = '-c omendb.columnar_scan=force';
	my ($out, $err) = ('', '');
	my $handle = IPC::Run::start(
		[ 'pgbench', '-n', '-c', 6, '-j', 2, '-T', $time, '--max-tries=50', "--random-seed=$seed", @files,
			'-h', $node->host, '-p', $node->port, 'postgres' ], '>', \$out, '2>', \$err);
	if ($killed)
	{
		sleep $time / 2;
		kill_server($node);
	}
	$handle->finish;
	unlike($err, qr/division by zero/, "$what: readers saw the same rows");
	my @other = grep { !/division by zero|pghost|connection|terminat|server closed|before or while|client \d+ (aborted|script)|Run was aborted|the above|setting random seed|crash|recovery mode|detail|hint/i } split /\n/, $err;
	is(join("\n", @other), '', "$what: no other error") unless $killed;
	like($out, qr/number of transactions actually processed: [1-9]/, "$what: something was done") unless $killed;
	note($1) if $out =~ /(number of transactions actually processed: .*)/;
	return;
}

sub agree
{
	my ($server, $what) = @_;
	my $sum = "SELECT row($columns) FROM %s x";
	my $o = $server->safe_psql('postgres', 'SET omendb.columnar_scan = force; ' . sprintf $sum, 'o');
	my $rows = $server->safe_psql('postgres', 'SET omendb.columnar_scan = off; ' . sprintf $sum, 'o');
	my $h = $server->safe_psql('postgres', sprintf $sum, 'h');
	is($o, $h, "$what: columns and twin");
	is($rows, $h, "$what: rows and twin");
	return;
}

sub verify
{
	my ($what) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', "SELECT count(*), sum(rows) FROM omendb.verify('o')");
	is($err, '', "$what: verify");
	note("segments and rows: $out");
	return;
}

sub finish_prepared
{
	$node->safe_psql('postgres', $_) for split /\n/, $node->safe_psql('postgres', "SELECT format('COMMIT PREPARED %L', gid) FROM pg_prepared_xacts");
	return;
}

mirror('at first', $seconds, 0);
agree($node, 'at first');
verify('at first');

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

for my $i (1 .. 2)
{
	mirror("crash $i", $seconds, 1);
	$node->start;
	finish_prepared();
	agree($node, "crash $i");
	verify("crash $i");
}
mirror('at last', $seconds / 2, 0);
finish_prepared();
agree($node, 'at last');
verify('at last');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
agree($standby, 'standby');
is($node->safe_psql('postgres', "SELECT count(*) > 0 FROM omendb.segment WHERE relid = 'o'::regclass AND valid"), 't', 'there are segments');
like($node->safe_psql('postgres', 'SET omendb.columnar_scan = force; EXPLAIN SELECT sum(k) FROM o'), qr/Custom Scan/, 'queries read columns');
$standby->stop;
$node->stop;
done_testing();
