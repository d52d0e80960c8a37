# Random queries on an omendb table beside a heap twin that gets the same
# changes, while both change and segments are made: every answer is the same
# whether it comes from columns or from rows. OMENDB_SEED repeats a run,
# OMENDB_ROUNDS makes it longer.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{OMENDB_SEED} || int(rand(1 << 31));
my $rounds = $ENV{OMENDB_ROUNDS} || 12;
print "# seed $seed\n";
srand($seed);

my $node = new_server('mirror', allows_streaming => 1, 'omendb.worker' => 'on', 'omendb.worker_naptime' => '1s',
	'omendb.segment_blocks' => 4, 'omendb.compaction_min_age' => 0, 'omendb.rebuild_threshold' => 5,
	'omendb.columnar_scan' => 'force', 'max_worker_processes' => 16, 'synchronous_commit' => 'off');
$node->append_conf('postgresql.conf', "autovacuum = on\nautovacuum_naptime = 1s\n");
$node->start;
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->safe_psql('postgres', 'CREATE EXTENSION omendb');
for my $table ('o USING omendb', 'h USING heap')
{
	my ($name, $am) = $table =~ /^(\w+) (.*)$/;
	$node->safe_psql('postgres', qq{
		CREATE TABLE $name (id int, k int, g int8, f float8, r float4, n numeric(10,2), t text, c text COLLATE "C",
			ts timestamptz, d date, b bool, u uuid, y bytea, e jsonb) $am;
		CREATE INDEX ON $name (id);
	});
}
my $columns = 'i, i % 50, CASE WHEN i % 7 > 0 THEN i::int8 * 100000 END, CASE i % 30 WHEN 0 THEN \'NaN\' WHEN 1 THEN NULL ELSE i / 10.0 END,'
  . ' i % 100, i / 100.0, CASE WHEN i % 5 > 0 THEN \'t\' || i % 40 END, \'c\' || i, \'2024-01-01\'::timestamptz + i * interval \'1 min\','
  . ' \'2024-01-01\'::date + i % 400, CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END, md5((i % 500)::text)::uuid,'
  . ' decode(md5(i::text), \'hex\'), CASE WHEN i % 11 > 0 THEN jsonb_build_object(\'a\', i, \'b\', repeat(\'z\', i % 300)) END';
my $next = 1;

sub insert_sql
{
	my ($n) = @_;
	my ($from, $to) = ($next, $next + $n - 1);
	$next += $n;
	return "INSERT INTO \@ (id, k, g, f, r, n, t, c, ts, d, b, u, y, e) SELECT $columns FROM generate_series($from, $to) i";
}

# The same commands on both tables, in one transaction
sub change
{
	my ($session, @commands) = @_;
	my $sql = join(";\n", map { my $c = $_; map { (my $s = $c) =~ s/\@/$_/g; $s } ('o', 'h') } @commands);
	$session->query_safe($sql . ';');
	return;
}

sub pick { return $_[ int(rand(@_)) ] }
sub number { return int(rand($next)) }

# One condition on a column; types and operators of all kinds
sub condition
{
	my $op = pick('<', '<=', '=', '>=', '>', '<>');
	my $i = number();
	return pick(
		"id $op $i", "id BETWEEN $i AND $i + 300", "$i $op id", "id IN ($i, $i + 1, $i + 500, NULL)",
		'k ' . $op . ' ' . int(rand(55)), 'k = ANY (ARRAY[1, 5, ' . int(rand(60)) . '])',
		"g $op $i * 100000::int8", 'g IS NULL', 'f IS NOT NULL', "f $op $i / 10.0::float8", "f $op 'NaN'",
		"r $op " . int(rand(100)), "n $op " . $i / 100, "t $op 't" . int(rand(45)) . "'", 't IS NULL',
		"t IN ('t1', 't" . int(rand(40)) . "', 'none')", "c $op 'c$i'", "c LIKE 'c$i%'",
		"ts $op '2024-01-01'::timestamptz + $i * interval '1 min'", "d $op '2024-01-01'::date + " . int(rand(400)),
		'b', 'NOT b', 'b IS NULL', "u $op md5('" . int(rand(500)) . "')::uuid", "y $op decode(md5('$i'), 'hex')",
		"(e->>'a')::int $op $i", "id > $i AND k % 3 = 1", "(k = 3 OR id < $i)");
}

sub query
{
	my $where = rand() < 0.1 ? '' : 'WHERE ' . join(' AND ', map { condition() } 1 .. 1 + int(rand(3)));
	my $list = pick('*', 'id', 'id, t, e', 'g, f, n', 'k, ts, b', 'c, u, y, d, r', '@', 'id + k AS s, upper(t) AS u');
	return pick(
		"SELECT md5(string_agg(q::text, '|' ORDER BY q::text)), count(*) FROM (SELECT $list FROM \@ $where) q",
		"SELECT md5(string_agg(q::text, '|' ORDER BY q::text)), count(*) FROM (SELECT $list FROM \@ $where) q",
		"SELECT count(*), sum(id), sum(n), max(t COLLATE \"C\"), min(ts), count(f), sum(g) FROM \@ $where",
		"SELECT string_agg(q::text, '|' ORDER BY q::text) FROM (SELECT k, count(*), sum(n), min(c), max(d) FROM \@ $where GROUP BY k) q",
		"SELECT count(*), sum(a.id) FROM \@ a JOIN (SELECT * FROM \@ $where) b ON a.id = b.id + 1",
		"SELECT sum((SELECT count(*) FROM \@ b WHERE b.id = a.id + 3 AND b.k > 10)) FROM (SELECT * FROM \@ $where ORDER BY id LIMIT 4) a");
}

my ($queries, $wrong) = (0, 0);

# The answers of one snapshot: both tables, from columns and from rows
sub compare
{
	my ($session, $n) = @_;
	for (1 .. $n)
	{
		my $query = query();
		my $workers = pick(0, 0, 2);
		my @answers;
		for my $way (['o', 'force'], ['o', 'off'], ['h', 'off'])
		{
			(my $sql = $query) =~ s/\@/$way->[0]/g;
			push @answers, scalar $session->query_safe("SET omendb.columnar_scan = $way->[1]; SET max_parallel_workers_per_gather = $workers; $sql;");
		}
		$queries++;
		next if $answers[0] eq $answers[1] && $answers[1] eq $answers[2];
		$wrong++;
		diag("columns: $answers[0]\nrows: $answers[1]\nheap: $answers[2]\n$query");
	}
	return;
}

sub new_session
{
	my ($server) = @_;
	my $session = $server->background_psql('postgres', on_error_stop => 1);
	$session->query_safe('SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET client_min_messages = warning');
	return $session;
}

my ($writer, $reader, $old) = map { new_session($node) } 1 .. 3;
change($writer, insert_sql(6000));
$node->safe_psql('postgres', 'SELECT omendb.compact(\'o\')');

sub random_change
{
	my $i = number();
	return pick(
		insert_sql(1 + int(rand(300))), insert_sql(1 + int(rand(3))),
		"UPDATE \@ SET t = t || 'x', k = k + 1 WHERE id BETWEEN $i AND $i + 40",
		"UPDATE \@ SET n = n + 1 WHERE id % 97 = " . int(rand(97)),
		"UPDATE \@ SET id = id WHERE id = $i", "DELETE FROM \@ WHERE id BETWEEN $i AND $i + 60",
		"DELETE FROM \@ WHERE id % 53 = " . int(rand(53)), "UPDATE \@ SET e = NULL, f = 'NaN' WHERE id = $i + 5");
}

for my $round (1 .. $rounds)
{
	# an old snapshot that stays while the rest happens
	$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;');
	compare($old, 1);

	# changes with savepoints, looked at before they are committed, or undone
	$writer->query_safe('BEGIN');
	change($writer, random_change());
	compare($writer, 2);
	$writer->query_safe('SAVEPOINT a');
	change($writer, random_change(), random_change());
	compare($writer, 1);
	$writer->query_safe(pick('ROLLBACK TO a', 'RELEASE a'));
	compare($writer, 2);
	compare_in_snapshot($reader, 2);
	$writer->query_safe(pick('COMMIT', 'COMMIT', 'ROLLBACK'));

	change($writer, random_change());
	$node->safe_psql('postgres', pick('SELECT omendb.compact(\'o\')', 'SELECT omendb.compact(\'o\', true)', 'VACUUM o'))
	  if rand() < 0.7;
	compare_in_snapshot($reader, 3);
	compare($old, 4);
	$old->query_safe('COMMIT');

	alter($round) if $round % 4 == 0;
}

# Both tables under one snapshot
sub compare_in_snapshot
{
	my ($session, $n) = @_;
	$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	compare($session, $n);
	$session->query_safe('COMMIT');
	return;
}

sub alter
{
	my ($round) = @_;
	my $what = pick("ALTER TABLE \@ ADD COLUMN z$round int DEFAULT $round", 'ALTER TABLE @ ALTER COLUMN k TYPE int8', 'ALTER TABLE @ ALTER COLUMN k TYPE int',
		'ALTER TABLE @ DROP COLUMN b; ALTER TABLE @ ADD COLUMN b bool', 'CLUSTER @ USING @_id_idx');
	change($writer, split /; /, $what);
	compare($writer, 3);
	return;
}

# Somebody writes and compacts all the time
my $busy = $node->background_psql('postgres', on_error_stop => 0);
my $compacts = $node->background_psql('postgres', on_error_stop => 0);
$busy->query_until(qr/begun/, "\\echo begun\nDO \$\$ BEGIN FOR i IN 1 .. 400 LOOP
	UPDATE o SET k = k + 1 WHERE id % 400 = i - 1; UPDATE h SET k = k + 1 WHERE id % 400 = i - 1; COMMIT; PERFORM pg_sleep(0.01); END LOOP; END \$\$;\n");
$compacts->query_until(qr/begun/, "\\echo begun\n" . "SELECT count(*) FROM omendb.compact('o', true);\n" x 20);
compare_in_snapshot($reader, 2) for 1 .. $rounds;
$busy->quit;
$compacts->quit;
compare_in_snapshot($reader, 10);

# The standby reads the same columns and marks
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my $far = new_session($standby);
compare_in_snapshot($far, 20);
like($far->query_safe('SET omendb.columnar_scan = force; EXPLAIN SELECT * FROM o'), qr/OmendbScan/, 'the standby reads columns');
$_->quit for ($writer, $reader, $old, $far);

is($wrong, 0, "seed $seed: $queries queries, all answers the same");
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM omendb.verify(\'o\')'), '>', 0, 'segments verified');
like($node->safe_psql('postgres', 'EXPLAIN SELECT * FROM o'), qr/OmendbScan/, 'columns were read');

$standby->stop;
$node->stop;
done_testing();
