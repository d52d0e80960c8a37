# Logical decoding and replication of omendb tables, in both directions, with a
# publication FOR ALL TABLES. The bookkeeping never shows.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @conf = (wal_level => 'logical', 'omendb.worker' => 'off');
my $one = new_server('one', allows_streaming => 1, @conf);
my $two = new_server('two', allows_streaming => 1, @conf);
for my $node ($one, $two)
{
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION omendb');
}

# "out" is an omendb table on the first server and heap on the second, "back" is
# the other way round; what goes from the second to the first goes there in "back".
sub tables
{
	my ($node, $out, $back) = @_;
	$node->safe_psql('postgres', qq{
		CREATE TABLE out (id int PRIMARY KEY, k int, v text) USING $out;
		CREATE TABLE wide (id int, v text) USING $out;
		ALTER TABLE wide REPLICA IDENTITY FULL;
		CREATE TABLE parts (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
		CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0) TO (1000) USING $out;
		CREATE TABLE parts2 PARTITION OF parts FOR VALUES FROM (1000) TO (1000000) USING $out;
		CREATE TABLE back (id int PRIMARY KEY, k int, v text) USING $back});
	return;
}
tables($one, 'omendb', 'omendb');
tables($two, 'heap', 'heap');

sub compact
{
	my ($node, @tables) = @_;
	for my $table (@tables)
	{
		my $segments = $node->safe_psql('postgres', "SET omendb.segment_blocks = 8; SELECT segments FROM omendb.compact('$table')");
		cmp_ok($segments, '>', 0, "$table has segments");
	}
	return;
}

# rows that are there before the subscription, some in columns
$one->safe_psql('postgres', q{
	INSERT INTO out SELECT i, i % 100, repeat('o', i % 200) FROM generate_series(1, 5000) i;
	INSERT INTO wide SELECT i, repeat('w', 3000) FROM generate_series(1, 100) i;
	INSERT INTO parts SELECT i, 'p' FROM generate_series(1, 3000) i});
compact($one, 'out', 'wide', 'parts2');
$one->safe_psql('postgres', "UPDATE out SET v = 'before' WHERE id % 50 = 0");

$one->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('seen', 'test_decoding')");
$one->safe_psql('postgres', 'CREATE PUBLICATION everything FOR ALL TABLES');
$two->safe_psql('postgres', 'CREATE PUBLICATION back FOR TABLE back');
is($one->safe_psql('postgres', "SELECT count(*) FROM pg_publication_tables WHERE schemaname = 'omendb'"), '0', 'no bookkeeping in the publication');
unlike($one->safe_psql('postgres', "SELECT string_agg(tablename, ' ') FROM pg_publication_tables"), qr/segment|chunk|mark/, 'by no name');

my ($host1, $host2) = map { $_->connstr . ' dbname=postgres' } ($one, $two);
# "back" is published by both: its rows must not go round for ever
my $origin = $one->pg_version >= 16 ? ', origin = none' : '';
if (!$origin)
{
	$one->safe_psql('postgres', 'DROP PUBLICATION everything');
	$one->safe_psql('postgres', 'CREATE PUBLICATION everything FOR TABLE out, wide, parts');
}
$two->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '$host1' PUBLICATION everything WITH (copy_data = on$origin)");
$one->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '$host2' PUBLICATION back WITH (copy_data = off$origin)");
$two->wait_for_subscription_sync($one, 's');

my $sum = 'SELECT count(*), coalesce(sum(hashtextextended(x::text, 0)::numeric), 0) FROM %s x';

sub same
{
	my ($what) = @_;
	$one->wait_for_catchup('s');
	$two->wait_for_catchup('s');
	for my $table (qw(out wide parts back))
	{
		is($two->safe_psql('postgres', sprintf $sum, $table), $one->safe_psql('postgres', sprintf $sum, $table), "$what: $table");
	}
	return;
}
same('first copy');

# changes of covered rows, savepoints, prepared and aborted transactions
$one->safe_psql('postgres', q{
	UPDATE out SET v = v || 'u' WHERE id % 7 = 0;
	UPDATE out SET id = -id WHERE id % 500 = 0;
	DELETE FROM out WHERE id % 11 = 0;
	UPDATE wide SET id = id + 1000 WHERE id < 10;
	DELETE FROM wide WHERE id = 50;
	UPDATE parts SET id = id + 10000 WHERE id < 5;
	BEGIN; UPDATE out SET v = 'kept' WHERE id < 100;
	SAVEPOINT a; DELETE FROM out; ROLLBACK TO a;
	INSERT INTO out VALUES (100001, 1, 'kept'); COMMIT;
	BEGIN; DELETE FROM parts; ROLLBACK;
	BEGIN; UPDATE out SET v = 'prepared' WHERE id > 4000; PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'});
same('changes');

# the apply worker writes to an omendb table that has segments
$two->safe_psql('postgres', "INSERT INTO back SELECT i, i, repeat('b', i % 300) FROM generate_series(1, 3000) i");
same('rows come back');
compact($one, 'back');
$two->safe_psql('postgres', q{
	UPDATE back SET v = 'changed' WHERE id % 10 = 0;
	DELETE FROM back WHERE id % 17 = 0;
	UPDATE back SET id = id + 50000 WHERE id < 30;
	INSERT INTO back SELECT i, i, 'more' FROM generate_series(10001, 10100) i});
same('changes come back');
cmp_ok($one->safe_psql('postgres', "SELECT count(*) FROM omendb.mark WHERE relid = 'back'::regclass"), '>', 0, 'the apply worker leaves marks');
is($one->safe_psql('postgres', "SELECT count(*) FROM omendb.verify('back') WHERE marked > 0") > 0, 1, 'verify agrees');

# TRUNCATE, a rewrite, enable and disable on the way
$one->safe_psql('postgres', q{
	TRUNCATE wide;
	INSERT INTO wide VALUES (1, 'again');
	SELECT omendb.disable('out');
	UPDATE out SET v = 'as heap' WHERE id = 1;
	SELECT omendb.enable('out');
	UPDATE out SET v = 'as omendb' WHERE id = 2;
	VACUUM FULL parts2});
compact($one, 'out', 'parts2');
$one->safe_psql('postgres', "UPDATE out SET k = k + 1 WHERE id % 3 = 0; DELETE FROM parts WHERE id % 7 = 0");
same('after maintenance');

# what a decoding plugin sees
my $changes = $one->safe_psql('postgres', "SELECT data FROM pg_logical_slot_get_changes('seen', NULL, NULL, 'skip-empty-xacts', 'on') WHERE data ~ '^table'");
like($changes, qr/table public\."out": UPDATE/, 'decoded: users\' tables');
like($changes, qr/table public\.back: INSERT/, 'decoded: rows of the apply worker');
unlike($changes, qr/table omendb\./, 'decoded: no bookkeeping');

$two->safe_psql('postgres', 'DROP SUBSCRIPTION s');
$one->safe_psql('postgres', 'DROP SUBSCRIPTION s');
$one->stop;
$two->stop;
done_testing();
