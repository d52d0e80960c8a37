# Many clients at once: inserts into the same leaves, deletes, VACUUM, unique
# keys that collide, index builds that run meanwhile.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('concurrent', fsync => 'off', synchronous_commit => 'off');
$node->start;
load_tables($node, 4000);
$node->safe_psql('postgres', 'CREATE TABLE un (k int, who int); CREATE UNIQUE INDEX un_k ON un USING alex (k)');
$node->safe_psql('postgres', 'CREATE SEQUENCE ids START 1000000');

$node->pgbench('-n -c 6 -j 2 -t 120', 0, [qr{actually processed}], [qr{^$}], 'writers, VACUUM, builds', {
		'insert_one@10' => q{INSERT INTO tt SELECT nextval('ids'), (random() * 1000)::int, 'c' || random(), random(), NULL, 1;},
		'insert_many@3' => q{INSERT INTO tt SELECT nextval('ids'), i, 'm' || i, i, md5(i::text)::uuid, 2 FROM generate_series(1, 200) i;},
		'update@4' => q{UPDATE tt SET k = k + 1 WHERE ctid = (SELECT ctid FROM tt WHERE k > (random() * 1000)::int LIMIT 1);},
		'delete@3' => q{DELETE FROM tt WHERE ctid IN (SELECT ctid FROM tt WHERE k > (random() * 1000)::int ORDER BY k LIMIT 100);},
		'vacuum@1' => q{VACUUM tt;},
		'unique@8' => q{DO $$ BEGIN INSERT INTO un VALUES ((random() * 300)::int, pg_backend_pid()); EXCEPTION WHEN unique_violation THEN NULL; END $$;},
		'undo@3' => q{DO $$ BEGIN DELETE FROM un WHERE k = (random() * 300)::int; INSERT INTO un VALUES (301 + (random() * 50)::int, 0); EXCEPTION WHEN unique_violation THEN NULL; END $$;},
	});
check_indexes($node, 'after concurrent work');
is($node->safe_psql('postgres', 'SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off; '
		. 'SELECT count(*) - count(DISTINCT k) FROM un'), '0', 'no key twice');
is($node->safe_psql('postgres', 'SET enable_seqscan = off; SELECT count(*) FROM un WHERE k >= 0'),
	$node->safe_psql('postgres', 'SELECT count(*) FROM un'), 'the unique index has all rows');

# CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY beside writers.
$node->pgbench('-n -c 4 -j 2 -t 60', 0, [qr{actually processed}], [qr{^$}], 'builds beside writers', {
		'insert@20' => q{INSERT INTO tt SELECT nextval('ids'), i, 'b' || random(), i, NULL, 4 FROM generate_series(1, 20) i;},
		'update2@10' => q{UPDATE tt SET t = t || 'x' WHERE id = (SELECT max(id) - (random() * 100)::int FROM tt);},
		'build@1' => q{SELECT pg_try_advisory_lock(1) AS mine \gset
\if :mine
SET client_min_messages = warning;
DROP INDEX IF EXISTS extra;
CREATE INDEX CONCURRENTLY extra ON tt USING alex (t, id);
REINDEX INDEX CONCURRENTLY alex_k;
SELECT pg_advisory_unlock(1);
\endif
},
	});
check_indexes($node, 'after concurrent builds');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_index WHERE NOT indisvalid'), '0', 'no index is invalid');
$node->stop;
done_testing();
