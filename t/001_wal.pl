# A standby replays what the primary does, with every changed page compared,
# and gives the same answers, also after it was promoted.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_server('primary', allows_streaming => 1);
start_consistency($primary);
my $backup = $primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

load_tables($primary, 8000);
for my $round (1 .. 4)
{
	change_tables($primary, $round);
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
	is(answers($standby), answers($primary), "round $round: the standby answers as the primary does");
	check_indexes($standby, "standby in round $round");
}
check_indexes($primary, 'primary');

# The setting really covered our resource manager.
like($primary->safe_psql('postgres', 'SHOW wal_consistency_checking'), qr/omendb_alex/, 'consistency checking is on');

# An unlogged index is empty but usable after promotion.
$primary->safe_psql('postgres', 'CREATE UNLOGGED TABLE ul (k int); CREATE INDEX ul_k ON ul USING alex (k); INSERT INTO ul SELECT generate_series(1, 2000)');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));

# What the standby refuses.
my ($rc, $stdout, $stderr) = $standby->psql('postgres', 'CREATE INDEX nope ON tt USING alex (k)');
like($stderr, qr/read-only transaction/, 'no CREATE INDEX on a standby');

# A query that needs rows which VACUUM removes is cancelled, not wrong: with a
# snapshot held and no limit to the delay, replay waits.
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = '300ms'\n");
$standby->reload;
my $session = $standby->background_psql('postgres', on_error_stop => 0);
$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SET enable_seqscan = off; SET enable_bitmapscan = off');
my $before = $session->query_safe('SELECT count(k) FROM tt WHERE k > 0');
$primary->safe_psql('postgres', 'DELETE FROM tt WHERE k > 0; ');
$primary->safe_psql('postgres', 'VACUUM tt');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
my $after = eval { ($session->query('SELECT count(k) FROM tt WHERE k > 0'))[0] };
ok(!defined $after || $after eq '' || $after eq $before || $after =~ /conflict|terminat/, 'a snapshot is cancelled or keeps its answer')
  or diag("before: $before, after: $after");
eval { $session->quit };
like(slurp_file($standby->logfile), qr/conflict with recovery/, 'the conflict was noticed');

$standby->promote;
change_tables($standby, 5);
check_indexes($standby, 'promoted standby');
is($standby->safe_psql('postgres', 'SET enable_seqscan = off; INSERT INTO ul VALUES (5); SELECT count(*) FROM ul WHERE k > 0'), '1',
	'the unlogged index starts empty');
$standby->stop;
$primary->stop;
done_testing();
