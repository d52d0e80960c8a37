# Base backups, checksums, and tools that read WAL.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', allows_streaming => 1);
$node->start;
load_tables($node, 6000);
my $from = $node->lsn('insert');
change_tables($node, 1);
my $to = $node->lsn('insert');

# pg_waldump knows a custom resource manager by its number only.
my ($stdout, $stderr) = run_command(
	[ 'pg_waldump', '-p', $node->data_dir . '/pg_wal', '--rmgr', 'custom168', '-s', $from, '-e', $to ]);
my @records = split /\n/, $stdout;
cmp_ok(scalar @records, '>', 10, 'pg_waldump shows the records');
like($stdout, qr/rmgr: custom168/, 'under the number of the resource manager');
like($stdout, qr/blkref #0: rel/, 'with the pages they change');

# The server itself names them.
SKIP:
{
	skip 'pg_walinspect is not installed', 2
	  unless $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_walinspect'");
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_walinspect');
	my $types = $node->safe_psql('postgres', "SELECT string_agg(DISTINCT record_type, ',') FROM pg_get_wal_records_info('$from', '$to') WHERE resource_manager = 'omendb_alex'");
	like($types, qr/[A-Z]+/, "record types: $types");
	unlike($types, qr/UNKNOWN/, 'every record has a name');
}

# A page that was logged since the last checkpoint needs no full image, not even
# when a split or a batch writes it anew.
$node->safe_psql('postgres', 'CHECKPOINT; CREATE TABLE fp (a int, t text); CREATE INDEX ON fp USING alex (a); CREATE INDEX ON fp USING alex (t)');
$from = $node->lsn('insert');
$node->safe_psql('postgres', "SET omendb.alex_batch = off; INSERT INTO fp SELECT hashint4(i), md5(i::text) FROM generate_series(1, 5000) i");
$node->safe_psql('postgres', "INSERT INTO fp SELECT hashint4(i), md5(i::text) FROM generate_series(5001, 20000) i");
$to = $node->lsn('insert');
($stdout, $stderr) = run_command(
	[ 'pg_waldump', '-p', $node->data_dir . '/pg_wal', '--rmgr', 'custom168', '-s', $from, '-e', $to ]);
@records = split /\n/, $stdout;
cmp_ok(scalar @records, '>', 5000, 'records of inserts and splits');
is(scalar(grep { /FPW/ } @records), 0, 'without full page images');

# A backup taken while rows are written starts and is sound.
my $writer = $node->background_psql('postgres');
$writer->query_until(qr/ready/, qq{\\echo ready
	INSERT INTO tt SELECT 5000000 + i, hashint4(i), md5(i::text), i, md5(i::text)::uuid, 3 FROM generate_series(1, 20000) i;
});
$node->backup('while_writing');
$writer->quit;
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'while_writing');
$copy->start;
check_indexes($copy, 'restored backup');
$copy->stop;
command_ok([ 'pg_checksums', '--check', '-D', $copy->data_dir ], 'checksums of the copy are right');

check_indexes($node, 'original');
$node->stop;
command_ok([ 'pg_checksums', '--check', '-D', $node->data_dir ], 'checksums of the original are right');
done_testing();
