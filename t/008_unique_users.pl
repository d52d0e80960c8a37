# What looks for a unique index: ON CONFLICT, foreign keys, partitioned
# tables, logical replication. Where the server's code knows btree only (before
# 18), the user gets a clear error with a hint, or it works.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', allows_streaming => 1, wal_level => 'logical');
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION omendb;
	CREATE TABLE tt (k int, v int);
	CREATE UNIQUE INDEX tt_k ON tt USING alex (k);
	INSERT INTO tt VALUES (1, 1), (2, 2)});
my $version = $node->safe_psql('postgres', 'SHOW server_version_num');

# Returns true if the statement worked. If not, the error must be meant for users.
sub works_or_clear
{
	my ($sql, $what) = @_;
	my ($rc, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	if ($rc == 0 && $stderr !~ /ERROR/)
	{
		pass("$what works");
		return 1;
	}
	fail("$what must work on 18") if $version >= 180000;
	unlike($stderr, qr/ERROR:  XX/, "$what: not an internal error");
	like($stderr, qr/HINT:  /, "$what: there is a hint");
	return 0;
}

if (works_or_clear('INSERT INTO tt VALUES (1, 5) ON CONFLICT (k) DO UPDATE SET v = EXCLUDED.v', 'ON CONFLICT DO UPDATE'))
{
	is($node->safe_psql('postgres', 'SELECT v FROM tt WHERE k = 1'), '5', 'the row was updated');
}
if (works_or_clear('INSERT INTO tt VALUES (1, 6), (3, 3), (3, 4) ON CONFLICT DO NOTHING', 'ON CONFLICT DO NOTHING'))
{
	is($node->safe_psql('postgres', 'SELECT string_agg(k::text, $$,$$ ORDER BY k) FROM tt'), '1,2,3', 'new rows only');
}
if (works_or_clear('CREATE TABLE child (k int REFERENCES tt (k))', 'a foreign key'))
{
	my ($rc, $stdout, $stderr) = $node->psql('postgres', 'INSERT INTO child VALUES (1); INSERT INTO child VALUES (99)');
	like($stderr, qr/violates foreign key constraint/, 'the foreign key is checked');
}

# Plain statements are not harmed.
$node->safe_psql('postgres', 'INSERT INTO tt VALUES (10, 10); UPDATE tt SET k = 11 WHERE k = 10; DELETE FROM tt WHERE k = 11');
my ($rc, $stdout, $stderr) = $node->psql('postgres', 'INSERT INTO tt VALUES (1, 1)');
like($stderr, qr/duplicate key value violates unique constraint "tt_k"/, 'duplicates are refused');

# A btree primary key beside alex indexes that are not unique is the safe schema.
$node->safe_psql('postgres', q{
	CREATE TABLE safe (id int PRIMARY KEY, k int);
	CREATE INDEX safe_k ON safe USING alex (k);
	INSERT INTO safe SELECT i, i % 10 FROM generate_series(1, 1000) i;
	INSERT INTO safe SELECT i, 77 FROM generate_series(500, 1500) i ON CONFLICT (id) DO UPDATE SET k = EXCLUDED.k;
	INSERT INTO safe SELECT i, 78 FROM generate_series(1000, 2000) i ON CONFLICT DO NOTHING;
	CREATE TABLE safe_child (id int REFERENCES safe);
	INSERT INTO safe_child VALUES (5)});
is($node->safe_psql('postgres', 'SET enable_seqscan = off; SELECT k, count(*) FROM safe WHERE k >= 77 GROUP BY k ORDER BY k'), "77|1001\n78|500", 'ON CONFLICT by the primary key');
$node->safe_psql('postgres', "SELECT omendb.alex_check('safe_k', true), omendb.alex_check('tt_k', true)");

# Two sessions that insert the same rows with ON CONFLICT at once.
$node->pgbench('-n -c 4 -j 2 -t 50', 0, [qr{actually processed}], [qr{^$}], 'ON CONFLICT from several clients', {
		'conflict' => "\\set base random(1, 300)\nINSERT INTO safe SELECT :base + i, 1 FROM generate_series(2000, 2020) i ON CONFLICT (id) DO UPDATE SET k = safe.k + 1;" });
$node->safe_psql('postgres', "SELECT omendb.alex_check('safe_k', true)");
is($node->safe_psql('postgres', 'SET enable_seqscan = off; SELECT count(*) FROM safe WHERE k IS NOT NULL'),
	$node->safe_psql('postgres', 'SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off; SELECT count(*) FROM safe'),
	'nothing of the speculative insertions is left or lost');

# Partitioned tables.
works_or_clear('CREATE TABLE parted (k int, v int) PARTITION BY RANGE (k); CREATE UNIQUE INDEX parted_k ON parted USING alex (k)', 'a unique index on a partitioned table');

# Logical replication: the subscriber finds rows through a unique alex index, or otherwise.
my $subscriber = new_server('subscriber');
$subscriber->start;
$subscriber->safe_psql('postgres', q{
	CREATE EXTENSION omendb;
	CREATE TABLE published (k int NOT NULL, v text);
	CREATE UNIQUE INDEX published_k ON published USING alex (k);
	ALTER TABLE published REPLICA IDENTITY USING INDEX published_k});
$node->safe_psql('postgres', q{
	CREATE TABLE published (k int NOT NULL, v text);
	CREATE UNIQUE INDEX published_k ON published USING alex (k);
	ALTER TABLE published REPLICA IDENTITY USING INDEX published_k;
	INSERT INTO published SELECT i, 'v' || i FROM generate_series(1, 500) i;
	CREATE PUBLICATION pub FOR TABLE published});
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION sub CONNECTION '" . $node->connstr . " dbname=postgres' PUBLICATION pub");
$subscriber->wait_for_subscription_sync($node, 'sub');
$node->safe_psql('postgres', q{UPDATE published SET v = v || 'u' WHERE k % 10 = 0; DELETE FROM published WHERE k % 7 = 0; UPDATE published SET k = k + 1000 WHERE k < 20});
# On 17 the apply worker looks for rows through btree and hash indexes only.
if ($version >= 170000 && $version < 180000)
{
	my $error = qr/ERROR:  changes cannot be applied through the index that is the table's replica identity.*HINT:  On a subscriber use a primary key/s;
	$subscriber->wait_for_log($error);
	unlike(slurp_file($subscriber->logfile), qr/missing operator/, 'logical replication on 17: not an internal error');
	$subscriber->safe_psql('postgres', 'CREATE UNIQUE INDEX published_b ON published (k); ALTER TABLE published REPLICA IDENTITY USING INDEX published_b');
}
$node->wait_for_catchup('sub');
my $sum = q{SELECT count(*), sum(hashtext(k || v)) FROM published};
is($subscriber->safe_psql('postgres', $sum), $node->safe_psql('postgres', $sum), 'logical replication of updates and deletes');
$subscriber->safe_psql('postgres', "SELECT omendb.alex_check('published_k', true)");
unlike(slurp_file($subscriber->logfile), qr/ERROR/, 'the apply worker had no error')
	unless $version >= 170000 && $version < 180000;
$subscriber->stop;
$node->stop;
done_testing();
