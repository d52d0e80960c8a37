# What the TAP tests share: a server with the library, a loaded table with
# indexes of many kinds, and the comparison of each index with its table.
package OmendbTest;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(kill_server new_server start_consistency load_tables change_tables
  answers check_indexes);

# State and parent of a process; nothing if there is none.
sub process
{
	my ($pid) = @_;
	open(my $stat, '<', "/proc/$pid/stat") or return;
	my $line = <$stat>;
	return defined $line && $line =~ /.*\) (\S) (\d+)/ ? ($1, $2) : ();
}

# Waits for a process to be gone or in one of the states.
sub wait_for_state
{
	my ($pid, $states) = @_;
	for (1 .. 6000)
	{
		my ($state) = process($pid);
		return if !defined $state || index($states, $state) >= 0;
		select(undef, undef, undef, 0.01);
	}
	die "process $pid does not get into a state of $states";
}

# SIGKILL for every process of a server. The postmaster is stopped before: it
# could start another one meanwhile. A process whose parent does not wait for it
# keeps its lock files valid, so they go as well.
sub kill_server
{
	my ($node) = @_;
	my $file = $node->data_dir . '/postmaster.pid';
	my @lines = split /\n/, slurp_file($file);
	my $postmaster = $lines[0];
	kill 'STOP', $postmaster;
	wait_for_state($postmaster, 'TZ');
	my @pids = ($postmaster,
		grep { ((process($_))[1] // 0) == $postmaster } map { m,(\d+), } glob '/proc/[0-9]*');
	kill 'KILL', @pids;
	wait_for_state($_, 'Z') for @pids;
	unlink $file, "$lines[4]/.s.PGSQL.$lines[3].lock", "$lines[4]/.s.PGSQL.$lines[3]";
	$node->_update_pid(0);
	return;
}

# A cluster with checksums whose postgresql.conf loads the library.
sub new_server
{
	my ($name, %conf) = @_;
	my $allows = delete $conf{allows_streaming};
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => $allows ? 1 : 0, extra => ['-k']);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'omendb'\n"
		. "autovacuum = off\nmax_prepared_transactions = 10\nrestart_after_crash = on\n"
		. "timezone = 'UTC'\n");
	# a standby may be slow to begin
	$node->append_conf('postgresql.conf', "wal_keep_size = '2GB'\n") if $allows;
	$node->append_conf('postgresql.conf', "$_ = '$conf{$_}'\n") for sort keys %conf;
	return $node;
}

# Before the library is loaded, "all" does not include its resource manager;
# the name makes the server look again.
sub start_consistency
{
	my ($node) = @_;
	$node->append_conf('postgresql.conf', "wal_consistency_checking = 'all,omendb_alex'\n");
	$node->start;
	return;
}

my @indexes = (
	'CREATE INDEX alex_k ON tt USING alex (k)',
	'CREATE UNIQUE INDEX alex_id ON tt USING alex (id)',
	'CREATE INDEX alex_t ON tt USING alex (t DESC)',
	'CREATE INDEX alex_tk ON tt USING alex (t, k) INCLUDE (n)',
	'CREATE INDEX alex_n ON tt USING alex (n NULLS FIRST) WITH (fillfactor = 100)',
	'CREATE INDEX alex_u ON tt USING alex (u) WHERE k IS NOT NULL',
	'CREATE INDEX alex_d ON tt USING alex (d)');

sub load_tables
{
	my ($node, $rows) = @_;
	$node->safe_psql('postgres', 'CREATE EXTENSION omendb');
	$node->safe_psql('postgres',
		'CREATE TABLE tt (id int8, k int4, t text COLLATE "C", n numeric, u uuid, d int4)');
	insert_rows($node, 1, int($rows / 2));
	$node->safe_psql('postgres', join(';', @indexes));
	insert_rows($node, int($rows / 2) + 1, $rows);
	return;
}

sub insert_rows
{
	my ($node, $from, $to) = @_;
	$node->safe_psql('postgres', qq{
		INSERT INTO tt SELECT i, CASE WHEN i % 17 > 0 THEN hashint4(i) END, 't' || md5(i::text),
			i % 1000 / 8.0, md5(i::text)::uuid, i % 3 FROM generate_series($from, $to) i});
	return;
}

# Everything that writes WAL: single rows, batches, splits, deletes, VACUUM,
# aborted work, REINDEX, two-phase commit.
sub change_tables
{
	my ($node, $seed) = @_;
	my $base = $seed * 100000;
	insert_rows($node, $base + 1, $base + 3000);
	$node->safe_psql('postgres', join ';', map { "INSERT INTO tt VALUES ($base + 50000 + $_, $_, 'single $_', $_, md5('$_')::uuid, 7)" } 1 .. 30);
	$node->safe_psql('postgres', qq{
		BEGIN;
		INSERT INTO tt SELECT $base + 60000 + i, i, 'kept', i, NULL, 5 FROM generate_series(1, 500) i;
		SAVEPOINT s;
		INSERT INTO tt SELECT $base + 70000 + i, i, 'undone', i, NULL, 5 FROM generate_series(1, 500) i;
		ROLLBACK TO s;
		UPDATE tt SET k = k + 1, t = t || 'u' WHERE id % 11 = $seed % 11;
		COMMIT;
		BEGIN;
		INSERT INTO tt SELECT $base + 80000 + i, i, 'aborted', i, NULL, 5 FROM generate_series(1, 500) i;
		ROLLBACK;
		BEGIN;
		INSERT INTO tt SELECT $base + 90000 + i, i, 'prepared', i, NULL, 5 FROM generate_series(1, 50) i;
		PREPARE TRANSACTION 'p$seed';
		COMMIT PREPARED 'p$seed'});
	$node->safe_psql('postgres', "DELETE FROM tt WHERE id % 7 = $seed % 7 OR id BETWEEN $base - 99000 AND $base - 97500");
	$node->safe_psql('postgres', 'VACUUM tt');
	$node->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY alex_tk') if $seed % 3 == 0;
	return;
}

my %order = (
	alex_k => 'k', alex_id => 'id', alex_t => 't DESC', alex_tk => 't, k',
	alex_n => 'n NULLS FIRST', alex_u => 'u', alex_d => 'd');

# What every index answers, and whether its table agrees, as one string a line.
sub answers
{
	my ($node) = @_;
	my $out = '';
	for my $index (sort keys %order)
	{
		my $by = $order{$index};
		(my $columns = $by) =~ s/ (DESC|NULLS FIRST)//g;
		my $where = $index eq 'alex_u' ? 'WHERE k IS NOT NULL' : '';
		my $hash = "count(*), coalesce(sum(hashtextextended(row($columns)::text, 0)::numeric), 0)";
		my $got = $node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
			SELECT $hash FROM (SELECT $columns FROM tt $where ORDER BY $by) s");
		my $want = $node->safe_psql('postgres', "SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off;
			SELECT $hash FROM tt $where");
		$out .= "$index $got" . ($got eq $want ? '' : " but the table has $want") . "\n";
	}
	return $out;
}

# alex_check on every index, and agreement with the table.
sub check_indexes
{
	my ($node, $what) = @_;
	my ($rc, $stdout, $stderr) = $node->psql('postgres',
		"SELECT omendb.alex_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE amname = 'alex' AND relkind = 'i'");
	is($stderr, '', "$what: alex_check");
	unlike(answers($node), qr/but the table has/, "$what: indexes agree with the table");
	return;
}

1;
