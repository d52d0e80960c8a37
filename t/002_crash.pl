# Crash recovery: immediate stop and SIGKILL, after everything that writes WAL.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('crash', checkpoint_timeout => '1h', max_wal_size => '2GB', shared_buffers => '2MB');
start_consistency($node);
load_tables($node, 8000);
$node->safe_psql('postgres', 'CREATE UNLOGGED TABLE ul (k int, t text); CREATE INDEX ul_k ON ul USING alex (k); '
	. 'CREATE INDEX ul_t ON ul USING alex (t); INSERT INTO ul SELECT i, i FROM generate_series(1, 3000) i');

for my $round (1 .. 5)
{
	$node->safe_psql('postgres', 'CHECKPOINT') if $round % 2 == 0;
	change_tables($node, $round);
	my $before = answers($node);
	if ($round % 2)
	{
		$node->stop('immediate');
	}
	else
	{
		kill_server($node);
	}
	$node->start;
	is(answers($node), $before, "round $round: the same answers after recovery");
	check_indexes($node, "round $round");
}

# Unlogged indexes come back empty and work.
is($node->safe_psql('postgres', 'SET enable_seqscan = off; SELECT count(*) FROM ul WHERE k > 0'), '0', 'unlogged index is empty');
$node->safe_psql('postgres', 'INSERT INTO ul SELECT i, i FROM generate_series(1, 3000) i');
is($node->safe_psql('postgres', 'SET enable_seqscan = off; SELECT count(*) FROM ul WHERE k > 1000'), '2000', 'unlogged index works again');

# A prepared transaction keeps its entries over a crash.
$node->safe_psql('postgres', "BEGIN; INSERT INTO tt SELECT 9000000 + i, i, 'two-phase', i, NULL, 9 FROM generate_series(1, 400) i; PREPARE TRANSACTION 'kept'");
$node->safe_psql('postgres', "BEGIN; INSERT INTO tt SELECT 9100000 + i, i, 'two-phase', i, NULL, 9 FROM generate_series(1, 400) i; PREPARE TRANSACTION 'dropped'");
$node->stop('immediate');
$node->start;
$node->safe_psql('postgres', "COMMIT PREPARED 'kept'");
$node->safe_psql('postgres', "ROLLBACK PREPARED 'dropped'");
is($node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*) FROM tt WHERE id > 9000000"), '400', 'prepared rows');
check_indexes($node, 'after prepared transactions');
$node->stop;
done_testing();
