# Damaged pages: queries, changes and alex_check report corruption and never
# crash the server or run for ever. The damages are the same each time; SEED=n
# makes others, SEED=random others every time.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant BLCKSZ => 8192;

my $seed = $ENV{SEED} // 7;
$seed = time if $seed eq 'random';
srand($seed);
note("seed $seed");

my $node = PostgreSQL::Test::Cluster->new('damaged');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'omendb'\nautovacuum = off\nstatement_timeout = '60s'\n"
	. "restart_after_crash = on\nfsync = off\nshared_buffers = '8MB'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION omendb');

# Tables of one index each: words, images of text, several columns.
my @kinds = (
	{ type => 'int8', expr => 'hashint8extended(i, 7)', rows => 6000 },
	{ type => 'text COLLATE "C"', expr => "md5(i::text)", rows => 1500 },
	{ type => 'numeric', expr => 'i % 50 / 4.0', rows => 4000 },
	{ type => 'uuid', expr => 'md5(i::text)::uuid', rows => 3000, more => ', k' });

# Damages: what they do to the bytes of a file, and whether alex_check is sure to notice.
sub offset_of { my ($block) = @_; return $block * BLCKSZ }

sub random_block { my ($data, $first) = @_; return $first + int(rand(length($$data) / BLCKSZ - $first)) }

my @damages = (
	[ 'a leaf or inner page zeroed', 1, sub { my $d = shift; substr($$d, offset_of(random_block($d, 1)), BLCKSZ) = "\0" x BLCKSZ } ],
	[ 'metapage zeroed', 1, sub { my $d = shift; substr($$d, 0, BLCKSZ) = "\0" x BLCKSZ } ],
	[ 'metapage contents at random', 1, sub { my $d = shift; substr($$d, 24 + $_, 1) = chr(int(rand(256))) for 0 .. 63 } ],
	[ 'one byte of the metapage', 0, sub { my $d = shift; substr($$d, 24 + int(rand(60)), 1) = chr(int(rand(256))) } ],
	[ 'two pages swapped', 1, sub {
			my $d = shift;
			my $a = random_block($d, 1);
			my $b = $a;
			$b = random_block($d, 1) while $b == $a;
			my $page = substr($$d, offset_of($a), BLCKSZ);
			substr($$d, offset_of($a), BLCKSZ) = substr($$d, offset_of($b), BLCKSZ);
			substr($$d, offset_of($b), BLCKSZ) = $page;
		} ],
	[ 'a page copied over another', 1, sub {
			my $d = shift;
			my $a = random_block($d, 1);
			my $b = $a;
			$b = random_block($d, 1) while $b == $a;
			substr($$d, offset_of($a), BLCKSZ) = substr($$d, offset_of($b), BLCKSZ);
		} ],
	[ 'random bytes over a page behind its header', 1, sub {
			my $d = shift;
			my $at = offset_of(random_block($d, 1));
			substr($$d, $at + 24 + $_, 1) = chr(int(rand(256))) for 0 .. BLCKSZ - 25;
		} ],
	[ 'random bytes over the beginning of a page', 1, sub {
			my $d = shift;
			my $at = offset_of(random_block($d, 1));
			substr($$d, $at + 24 + $_, 1) = chr(int(rand(256))) for 0 .. 99;
		} ],
	[ 'a few random bytes in the fields that describe a page', 0, sub {
			my $d = shift;
			my $at = offset_of(random_block($d, 1));
			substr($$d, $at + 24 + int(rand(60)), 1) = chr(int(rand(256))) for 1 .. 3;
		} ],
	[ 'a few random bytes in the entries', 0, sub {
			my $d = shift;
			my $at = offset_of(random_block($d, 1));
			substr($$d, $at + 100 + int(rand(3000)), 1) = chr(int(rand(256))) for 1 .. 10;
		} ],
	[ 'random bytes at the end of a page', 0, sub {
			my $d = shift;
			my $at = offset_of(random_block($d, 1)) + BLCKSZ;
			substr($$d, $at - 1 - int(rand(100)), 1) = chr(int(rand(256))) for 1 .. 8;
		} ],
	[ 'links of a page at random', 1, sub {
			my $d = shift;
			my $at = offset_of(random_block($d, 1)) + BLCKSZ - 16;
			substr($$d, $at, 8) = pack('V2', int(rand(1000)), int(rand(1000)));
		} ],
	[ 'a page whose right link is itself', 1, sub {
			my $d = shift;
			my $block = random_block($d, 1);
			substr($$d, offset_of($block) + BLCKSZ - 12, 4) = pack('V', $block);
		} ],
	[ 'page header at random', 1, sub {
			my $d = shift;
			my $at = offset_of(random_block($d, 1));
			substr($$d, $at + 8 + $_, 1) = chr(int(rand(256))) for 0 .. 15;
		} ],
	[ 'pd_lower and pd_upper moved', 0, sub {
			my $d = shift;
			my $at = offset_of(random_block($d, 1));
			substr($$d, $at + 12, 4) = pack('v2', 24 + int(rand(200)), 7000 + int(rand(1100)));
		} ],
	[ 'file cut', 1, sub { my $d = shift; $$d = substr($$d, 0, offset_of(1 + int(rand(length($$d) / BLCKSZ - 1)))) } ]);

my $repeat = $ENV{DAMAGE_REPEAT} // 0;
my @cases;
my $number = 0;
# Each damage meets two of the four kinds, or with DAMAGE_REPEAT all of them, that often.
for my $round (1 .. ($repeat || 1))
{
	for my $i (0 .. $#damages)
	{
		for my $j (0 .. $#kinds)
		{
			my ($damage, $kind) = ($damages[$i], $kinds[$j]);
			next if !$repeat && ($i + $j + $seed) % 2;
			push @cases, { table => 'd' . $number++, kind => $kind, damage => $damage };
		}
	}
}
$node->safe_psql('postgres', join ';', map {
		"CREATE TABLE $_->{table} (k $_->{kind}{type}, n int); "
		  . "INSERT INTO $_->{table} SELECT $_->{kind}{expr}, i FROM generate_series(1, $_->{kind}{rows}) i; "
		  . "CREATE INDEX $_->{table}_k ON $_->{table} USING alex (k" . ($_->{kind}{more} // '') . ")"
} @cases);
for my $case (@cases)
{
	$case->{file} = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$case->{table}_k')");
}
$node->stop;

for my $case (@cases)
{
	my $data = slurp_file($case->{file});
	my $before = $data;
	$case->{damage}[2]->(\$data);
	$case->{pages} = length($data) / BLCKSZ;
	$case->{changed} = $data ne $before;
	open(my $out, '>:raw', $case->{file}) or die $!;
	print $out $data;
	close $out;
}
$node->start;

# Errors that tell of damage: of the index, or of a page that core finds invalid.
sub run_one
{
	my ($case, $what, $sql, $must_fail) = @_;
	my ($rc, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET enable_seqscan = off;\n$sql", on_error_stop => 0);
	my $name = "$case->{table} $case->{kind}{type}, $case->{damage}[0] ($case->{pages} pages): $what";
	if ($stderr =~ /server closed the connection|connection to server was lost|terminating connection/)
	{
		fail("$name: server crashed");
		diag("seed $seed\n$sql\n$stderr");
		$node->poll_query_until('postgres', 'SELECT true');
		return;
	}
	# Values damaged within a key image are found out by core when it unpacks them.
	$stderr =~ s/ERROR:  XX000: (invalid compression method|compressed \w+ data is corrupt|invalid memory alloc request)/ERROR:  XX001: $1/g;
	# A row address that points behind the table's end is found out by core.
	$stderr =~ s/ERROR:  (58P01|XX000): could not open file [^\n]*target block/ERROR:  XX001: could not open file/g;
	my @strange = grep { !/^(XX001|XX002)$/ } $stderr =~ /(?:ERROR|FATAL|PANIC):  (\w+):/g;
	my $noticed = $stderr =~ /ERROR:  XX00[12]/;
	my $good = !@strange && ($noticed || !$must_fail);
	ok($good, $name) or diag("seed $seed\n$sql\n" . substr($stderr, 0, 1500));
	return;
}

for my $case (@cases)
{
	next unless $case->{changed};
	my $t = $case->{table};
	run_one($case, 'alex_check', "SELECT omendb.alex_check('${t}_k', true)", $case->{damage}[1]);
	run_one($case, 'scans', qq{
		SET enable_bitmapscan = off;
		SELECT count(k) FROM $t WHERE k IS NOT NULL;
		SELECT k FROM $t ORDER BY k DESC LIMIT 100000 OFFSET 99999;
		SET enable_indexonlyscan = off;
		SELECT count(n) FROM $t WHERE k > (SELECT k FROM $t WHERE n = 77);
		SELECT count(n) FROM $t WHERE k < (SELECT k FROM $t WHERE n = 770);
		SELECT count(s) FROM (SELECT (SELECT b.n FROM $t b WHERE b.k = a.k LIMIT 1) s FROM $t a WHERE n % 20 = 0) x;
		SET enable_bitmapscan = on; SET enable_indexscan = off;
		SELECT count(n) FROM $t WHERE k IS NOT NULL;
		SELECT count(n) FROM $t WHERE k IS NULL});
	run_one($case, 'inspection', qq{
		SELECT * FROM omendb.alex_stats('${t}_k');
		} . join ';', map { "SELECT count(key) FROM omendb.alex_page_items('${t}_k', $_)" } 1 .. $case->{pages} - 1);
	run_one($case, 'changes', qq{
		INSERT INTO $t SELECT k, -n FROM $t WHERE n % 10 = 0 AND n > 0;
		INSERT INTO $t SELECT k, -n FROM $t WHERE n = 12;
		UPDATE $t SET k = k WHERE n = 13;
		DELETE FROM $t WHERE n % 3 = 0;
		VACUUM $t;
		INSERT INTO $t SELECT k, -n FROM $t WHERE n % 10 = 1;
		SELECT omendb.alex_check('${t}_k', true)});
}

# REINDEX heals.
my ($rc, $stdout, $stderr) = $node->psql('postgres', join ';',
	map { "REINDEX INDEX $_->{table}_k; SELECT omendb.alex_check('$_->{table}_k', true)" } @cases);
is($stderr, '', 'REINDEX heals');
ok(slurp_file($node->logfile) !~ /PANIC|TRAP|terminated by signal/, 'nothing crashed');
$node->stop;
done_testing();
