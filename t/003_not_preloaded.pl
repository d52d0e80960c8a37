# Without shared_preload_libraries there is one clear error with a hint,
# wherever the library is needed first.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('plain');
$node->init;
$node->start;

sub refused
{
	my ($sql, $what) = @_;
	my ($rc, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	like($stderr, qr/ERROR:  55000: omendb must be loaded when the server starts/, "$what: error");
	like($stderr, qr/HINT:  .*shared_preload_libraries/, "$what: hint");
	my @errors = $stderr =~ /(ERROR: )/g;
	is(scalar @errors, 1, "$what: one error");
	return;
}

refused('CREATE EXTENSION omendb', 'CREATE EXTENSION');
refused("LOAD 'omendb'", 'LOAD');

# Made with the library, used without it.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'omendb'\n");
$node->restart;
$node->safe_psql('postgres', 'CREATE EXTENSION omendb; CREATE TABLE tt (k int); CREATE INDEX tt_k ON tt USING alex (k); INSERT INTO tt SELECT generate_series(1, 1000)');
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
refused('SELECT count(*) FROM tt WHERE k = 5', 'a query');
refused('INSERT INTO tt VALUES (1)', 'INSERT');
refused('CREATE INDEX ON tt USING alex (k)', 'CREATE INDEX');
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server is alive');

# After a crash recovery needs the library, and says so.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'omendb'\n");
$node->restart;
$node->safe_psql('postgres', 'CHECKPOINT');
$node->safe_psql('postgres', 'INSERT INTO tt SELECT generate_series(1, 1000)');
$node->stop('immediate');
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
is($node->start(fail_ok => 1), 0, 'no recovery without the library');
like(slurp_file($node->logfile), qr/resource manager with ID 168 not registered.*shared_preload_libraries/s, 'the log says why');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'omendb'\n");
$node->start;
is($node->safe_psql('postgres', 'SET enable_seqscan = off; SELECT count(*) FROM tt WHERE k > 0'), '2000', 'recovered with it');
$node->safe_psql('postgres', "SELECT omendb.alex_check('tt_k', true)");
$node->stop;
done_testing();
