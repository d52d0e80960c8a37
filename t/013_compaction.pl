# Compaction while sessions write, read and are aborted; background workers;
# crashes in the middle of it. Every segment is compared with its table.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

my $seconds = $ENV{OMENDB_SECONDS} || 10;
my $node = new_server('compaction',
	'omendb.worker_naptime' => '1s', 'omendb.compaction_min_age' => 0,
	'omendb.segment_blocks' => 3, 'omendb.rebuild_threshold' => 5,
	'omendb.merge_threshold' => 2, 'omendb.compaction_lock_timeout' => '20s');
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION omendb;
	CREATE TABLE c (id int PRIMARY KEY, v int, t text) USING omendb;
	INSERT INTO c SELECT i, i, 'row ' || i FROM generate_series(1, 20000) i;
	CREATE TABLE quiet (id int, v numeric) USING omendb;
	INSERT INTO quiet SELECT i, i / 10.0 FROM generate_series(1, 20000) i});

# Waits until a query says "t".
sub wait_for
{
	my ($query, $what) = @_;
	ok($node->poll_query_until('postgres', $query), $what);
	return;
}

sub verify
{
	my ($what) = @_;
	for my $table (qw(c quiet))
	{
		my ($rc, $out, $err) = $node->psql('postgres', "SELECT count(*) >= 0, coalesce(sum(rows), 0) >= 0 FROM omendb.verify('$table')");
		is("$out$err", 't|t', "$what: verify $table");
	}
	return;
}

# The launcher and its workers, without being asked
wait_for(q{SELECT covered_blocks + 3 > blocks FROM omendb.stat_table WHERE relname = 'quiet'}, 'the worker covers a table');
wait_for(q{SELECT covered_blocks + 3 > blocks FROM omendb.stat_table WHERE relname = 'c'}, 'and another one');
$node->safe_psql('postgres', 'UPDATE quiet SET v = v + 1 WHERE id <= 2000');
wait_for(q{SELECT marked < 1000 FROM omendb.stat_table WHERE relname = 'quiet'}, 'the worker makes segments anew');
verify('background');
$node->safe_psql('postgres', q{SELECT omendb.set_compaction('quiet', false); UPDATE quiet SET v = v + 1 WHERE id > 15000});
sleep 3;
is($node->safe_psql('postgres', q{SELECT marked >= 5000 FROM omendb.stat_table WHERE relname = 'quiet'}), 't', 'a switched-off table is left alone');
$node->safe_psql('postgres', q{SELECT omendb.set_compaction('quiet', true)});
wait_for(q{SELECT marked < 1000 FROM omendb.stat_table WHERE relname = 'quiet'}, 'until it is switched on');

# Writers, a reader with old snapshots that verifies, and compactions on demand
my $dir = $node->basedir;
append_to_file("$dir/write.sql", q{
\set a random(1, 30000)
\set b random(1, 5)
BEGIN;
UPDATE c SET v = v + 1, t = t || 'y' WHERE id BETWEEN :a AND :a + :b;
SAVEPOINT s;
DELETE FROM c WHERE id = :a + 1;
INSERT INTO c VALUES (:a + 1, 0, repeat('z', :b * 100)) ON CONFLICT DO NOTHING;
ROLLBACK TO s;
DELETE FROM c WHERE id = :a + 7;
INSERT INTO c VALUES (:a + 7, 1, 'new') ON CONFLICT (id) DO UPDATE SET v = -1;
END;
});
append_to_file("$dir/abort.sql", q{
\set a random(1, 30000)
BEGIN;
UPDATE c SET v = v + 1, t = t || 'y' WHERE id BETWEEN :a AND :a + 20;
ROLLBACK;
});
append_to_file("$dir/read.sql", q{
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM c;
SELECT count(*) FROM omendb.verify('c');
SELECT pg_sleep(0.2);
SELECT count(*) FROM omendb.verify('c');
INSERT INTO c SELECT coalesce(max(id), 0) + 100000, 0, 'mine' FROM c ON CONFLICT DO NOTHING;
SELECT count(*) FROM omendb.verify('c');
ROLLBACK;
});

sub start_load
{
	my ($time, @scripts) = @_;
	my @load;
	@scripts = ([ 'write', 3 ], [ 'abort', 1 ], [ 'read', 1 ]) unless @scripts;
	for (@scripts)
	{
		my ($script, $clients) = @$_;
		my %job = (name => $script, out => '', err => '');
		my @limit = $script eq 'read' ? () : ('--max-tries=100');
		$job{harness} = IPC::Run::start(
			[ 'pgbench', '-n', '-c', $clients, '-T', $time, @limit, '-h', $node->host, '-p', $node->port, '-f', "$dir/$script.sql", 'postgres' ],
			'<', \undef, '>', \$job{out}, '2>', \$job{err});
		push @load, \%job;
	}
	return @load;
}

my @load = start_load($seconds);
my $end = time + $seconds - 1;
my $compactions = 0;
while (time < $end)
{
	my $blocks = 1 + int(rand(20));
	my $full = int(rand(2)) ? 'true' : 'false';
	my ($rc, $out, $err) = $node->psql('postgres', "SET omendb.segment_blocks = $blocks; SELECT omendb.compact('c', $full)");
	is($err, '', 'compaction') if $err ne '';
	$compactions++;
}
for my $job (@load)
{
	$job->{harness}->finish;
	unlike($job->{err}, qr/corrupted|does not agree|PANIC|server closed/, "$job->{name}: no damage");
	like($job->{out}, qr/actually processed: [1-9]/, "$job->{name}: did something");
}
cmp_ok($compactions, '>', 0, 'compactions on demand');
verify('concurrent');

# The same while the table stops being one of ours and becomes one again, which
# makes writers forget what is covered
append_to_file("$dir/switch.sql", q{
SELECT omendb.disable('c');
SELECT omendb.enable('c');
\sleep 700 ms
});
@load = start_load($seconds, [ 'write', 3 ], [ 'switch', 1 ]);
$end = time + $seconds - 1;
my $agreed = 0;
while (time < $end)
{
	$node->psql('postgres', "SET omendb.segment_blocks = " . (1 + int(rand(40))) . "; SELECT omendb.compact('c', true)");
	my ($rc, $out, $err) = $node->psql('postgres', q{SELECT count(*) FROM omendb.verify('c')});
	unlike($err, qr/corrupted|does not agree/, 'verify') if $err =~ /corrupted|does not agree/;
	$agreed++ if $err eq '';
}
$_->{harness}->finish for @load;
cmp_ok($agreed, '>', 0, 'no difference beside disable and enable');
verify('switched');

# A transaction that wrote before the blocks were announced is waited for
$node->append_conf('postgresql.conf', "omendb.worker = off\nomendb.compaction_lock_timeout = 1s");
$node->reload;
$node->safe_psql('postgres', 'CREATE TABLE w (id int, v int) USING omendb; INSERT INTO w SELECT i, 0 FROM generate_series(1, 5000) i');
my $writer = $node->background_psql('postgres');
$writer->query_safe('BEGIN; UPDATE w SET v = 1 WHERE id = 1');
my ($rc, $out, $err) = $node->psql('postgres', q{SELECT omendb.compact('w')});
like($err, qr/a transaction that wrote to it does not end/, 'compaction gives up in the end');
is($node->safe_psql('postgres', q{SELECT segments, building FROM omendb.stat_table WHERE relname = 'w'}), '0|0', 'and leaves nothing');
$writer->query_safe('UPDATE w SET v = 2 WHERE id = 2; COMMIT');
is($node->safe_psql('postgres', q{SELECT segments > 0 FROM omendb.compact('w')}), 't', 'then it works');
$writer->query_safe('BEGIN; UPDATE w SET v = 3 WHERE id = 1');
is($node->safe_psql('postgres', q{SELECT segments FROM omendb.compact('w', true)}), '0', 'covered blocks need no waiting');
$writer->query_safe('PREPARE TRANSACTION \'p\'');
is($node->safe_psql('postgres', q{SELECT sum(marked) FROM omendb.verify('w')}), '0', 'marks of a prepared transaction are not seen');
$node->stop('immediate');
$node->start;
$node->safe_psql('postgres', q{COMMIT PREPARED 'p'});
cmp_ok($node->safe_psql('postgres', q{SELECT sum(marked) FROM omendb.verify('w')}), '>', 0, 'until it commits');

# Crashes while workers and sessions are at it
$node->append_conf('postgresql.conf', "omendb.worker = on\nomendb.compaction_lock_timeout = 20s\nomendb.segment_blocks = 1");
$node->reload;
for my $round (1 .. 3)
{
	@load = start_load(30);
	my $job = IPC::Run::start([ 'psql', '-X', '-h', $node->host, '-p', $node->port, '-c', q{SELECT omendb.compact('c', true)}, 'postgres' ],
		'<', \undef, '>', \my $o, '2>', \my $e);
	usleep(int(1_000_000 + rand(1_500_000)));
	if ($round % 2)
	{
		$node->stop('immediate');
	}
	else
	{
		kill_server($node);
	}
	eval { $_->{harness}->finish } for @load;
	eval { $job->finish };

	# a worker that was just started may outlive kill_server for a moment
	my $started = 0;
	for (1 .. 50)
	{
		$started = $node->start(fail_ok => 1);
		last if $started;
		sleep 1;
	}
	ok($started, "crash $round: recovery");
	verify("crash $round");
	is($node->safe_psql('postgres', q{SELECT count(*) >= 0 FROM omendb.compact('c', true)}), 't', "crash $round: compaction goes on");
	is($node->safe_psql('postgres', q{SELECT sum(building) FROM omendb.stat_table}), '0', "crash $round: nothing unfinished is left");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM omendb.chunk WHERE segid NOT IN (SELECT segid FROM omendb.segment)}), '0', "crash $round: no columns without segment");
	verify("crash $round, afterwards");
}

# A worker gives way to a session, and keeps its turn until it has cleaned up
$node->append_conf('postgresql.conf', "omendb.worker = on\nomendb.worker_naptime = 1s\nomendb.compaction_min_age = 0\nomendb.compaction_rate = 1MB\nomendb.segment_blocks = 1024");
$node->reload;
$node->safe_psql('postgres', 'CREATE TABLE slow USING omendb AS SELECT i AS id, md5(i::text) AS t FROM generate_series(1, 150000) i');
wait_for(q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type LIKE 'omendb%' AND query LIKE '%compacting%slow%'}, 'a worker begins');
is($node->safe_psql('postgres', q{SELECT rows > 0 FROM omendb.compact('slow')}), 't', 'a session takes over');
is($node->safe_psql('postgres', q{SELECT building FROM omendb.stat_table WHERE relname = 'slow'}), '0', 'nothing unfinished is left');
unlike(slurp_file($node->logfile), qr/don't own a lock/, 'the worker had its turn to the end');
$node->append_conf('postgresql.conf', "omendb.compaction_rate = 0\nomendb.compaction_min_age = 1h");
$node->reload;

# Signals: a cancelled compaction, a terminated launcher
$node->safe_psql('postgres', 'INSERT INTO quiet SELECT i, i FROM generate_series(1, 300000) i');
($rc, $out, $err) = $node->psql('postgres', q{SET statement_timeout = '100ms'; SELECT omendb.compact('quiet', true)});
like($err, qr/canceling statement due to statement timeout|^$/, 'a compaction can be cancelled');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'omendb%'});
# a fast machine may have finished before
$node->safe_psql('postgres', q{SELECT omendb.compact('quiet', true)});
is($node->safe_psql('postgres', q{SELECT covered_blocks = blocks AND building = 0 FROM omendb.stat_table WHERE relname = 'quiet'}), 't', 'and done again');
verify('signals');
wait_for(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'omendb launcher'}, 'the launcher comes back');
$node->stop;
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP|terminated by signal 11/, 'no crash but ours');
done_testing();
