# Damaged columns and directory: an error that names table and segment, never a
# crash, and never other rows.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{OMENDB_SEED} || 20261122;
srand($seed);
note("seed $seed");

my $node = PostgreSQL::Test::Cluster->new('damage');
$node->init;
# Damage must reach us: the pages' own checksums, which 18 has by default, would
# catch it before. The command fails where there are none.
system_log('pg_checksums', '--disable', '-D', $node->data_dir);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'omendb'\nautovacuum = off\nomendb.worker = off\nomendb.segment_blocks = 8\nfull_page_writes = off");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION omendb;
	CREATE TABLE t (id int, f float8, n numeric, s text, j jsonb) USING omendb;
	INSERT INTO t SELECT i, i / 3.0, i / 8.0, 'text ' || i % 100 || CASE WHEN i % 1000 = 0 THEN repeat('long', 5000) ELSE '' END, jsonb_build_object('i', i) FROM generate_series(1, 5000) i;
	SELECT omendb.compact('t');
	UPDATE t SET f = 0 WHERE id % 100 = 0;
	CHECKPOINT});
my $answer = $node->safe_psql('postgres', q{SET omendb.columnar_scan = off; SELECT count(*), sum(id), sum(n), sum(hashtext(s)::int8), sum(hashtext(j::text)::int8) FROM t});
is($node->safe_psql('postgres', q{SELECT count(*) > 5 FROM omendb.verify('t')}), 't', 'sound');
my %file = map { $_ => $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('omendb.$_')") } qw(chunk segment mark);
my %whole = map { $_ => slurp_file($file{$_}) } keys %file;

# Bytes of tuples, from behind their fixed columns on, so that it is our data
# that is hit and not the server's.
my $found = 0;
for my $round (1 .. 24)
{
	my $which = (qw(chunk chunk segment mark))[ $round % 4 ];
	my $bytes = $whole{$which};
	my $page = int(rand(length($bytes) / 8192));
	my $upper = unpack('x14 v', substr($bytes, $page * 8192, 16));
	my ($lower) = unpack('x12 v', substr($bytes, $page * 8192, 16));
	next if $lower <= 24;
	my $items = int(($lower - 24) / 4);
	my $item = unpack('V', substr($bytes, $page * 8192 + 24 + 4 * int(rand($items)), 4));
	my ($off, $len) = ($item & 0x7fff, $item >> 17);
	next if (($item >> 15) & 3) != 1 || $len < 56;
	my $from = $which eq 'chunk' ? 48 : $which eq 'segment' ? 72 : 53;
	my $at = $page * 8192 + $off + $from + int(rand($len - $from));
	my $new = chr((ord(substr($bytes, $at, 1)) + 1 + int(rand(255))) & 255);
	substr($bytes, $at, 1) = $new;

	$node->stop;
	open(my $f, '+<:raw', $file{$which}) or die;
	print $f $bytes;
	close $f;
	$node->start;
	my ($rc, $out, $err) = $node->psql('postgres', q{\set VERBOSITY verbose
		SELECT count(*) FROM omendb.verify('t')});
	if ($err ne '')
	{
		$found++;
		like($err, qr/ERROR:\s+XX00[12]/, "round $round, $which: said to be corrupted");
		like($err, qr/"t"|row of "(mark|segment)"|compressed|omendb/, "round $round, $which: named") if $which eq 'chunk';
	}
	($rc, $out, $err) = $node->psql('postgres', q{SELECT count(*), sum(id), sum(n), sum(hashtext(s)::int8), sum(hashtext(j::text)::int8) FROM t});
	like("$out$err", qr/^\Q$answer\E$|corrupted|a row of "mark" is damaged/, "round $round, $which: rows, or an error");
	is($node->safe_psql('postgres', q{SET omendb.columnar_scan = off; SELECT count(*), sum(id), sum(n), sum(hashtext(s)::int8), sum(hashtext(j::text)::int8) FROM t}),
		$answer, "round $round, $which: the rows themselves");
	$node->stop;
	open($f, '+<:raw', $file{$which}) or die;
	print $f $whole{$which};
	close $f;
	$node->start;
}
cmp_ok($found, '>', 5, 'damage was found');
is($node->safe_psql('postgres', q{SELECT count(*) > 5 FROM omendb.verify('t')}), 't', 'sound again');

# A lost segment file: the tables are not harmed, and the way out works
$node->stop;
open(my $f, '+<:raw', $file{chunk}) or die;
truncate($f, 8192 * int(length($whole{chunk}) / 8192 / 2));
close $f;
$node->start;
my ($rc, $out, $err) = $node->psql('postgres', q{SELECT count(*) FROM omendb.verify('t')});
like($err, qr/segment \d+ of table "t" is corrupted|could not read block/, 'lost columns are noticed');
is($node->safe_psql('postgres', q{SET omendb.columnar_scan = off; SELECT count(*), sum(id), sum(n), sum(hashtext(s)::int8), sum(hashtext(j::text)::int8) FROM t}), $answer, 'rows');
$node->safe_psql('postgres', q{SELECT omendb.disable('t'); SELECT omendb.enable('t')});
is($node->safe_psql('postgres', q{SELECT count(*), sum(id), sum(n), sum(hashtext(s)::int8), sum(hashtext(j::text)::int8) FROM t}), $answer, 'rows after disable and enable');
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'no crash');
done_testing();
