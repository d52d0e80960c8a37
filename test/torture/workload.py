"""
Concurrent load of the torture test: tables, writers, maintenance, and the comparison of every index with its table.
"""

import io
import random
import threading
import time

import psycopg2

TABLES = """
CREATE TABLE rows_one (id int8, k int8, t text COLLATE "C");
CREATE UNIQUE INDEX rows_one_id ON rows_one USING {am} (id);
CREATE INDEX rows_one_k ON rows_one USING {am} (k);
CREATE INDEX rows_one_t ON rows_one USING {am} (t);

CREATE TABLE events (device int4, ts timestamptz, v int8, note text COLLATE "C");
CREATE INDEX events_device_ts ON events USING {am} (device, ts DESC);
CREATE INDEX events_ts ON events USING {am} (ts);
CREATE INDEX events_v ON events USING {am} (v) WITH (fillfactor = 100);
CREATE INDEX events_note ON events USING {am} (note) INCLUDE (device);

CREATE TABLE churn (k int4, t text COLLATE "C", n numeric, u uuid);
CREATE INDEX churn_k ON churn USING {am} (k);
CREATE INDEX churn_t ON churn USING {am} (t DESC);
CREATE INDEX churn_n ON churn USING {am} (n, k);
CREATE INDEX churn_u ON churn USING {am} (u) INCLUDE (k);

CREATE TABLE few (k int4, flag bool, w text COLLATE "C");
CREATE INDEX few_k ON few USING {am} (k);
CREATE INDEX few_flag ON few USING {am} (flag, w);

CREATE TABLE versions (id int4, a int4, b text COLLATE "C", c int8);
INSERT INTO versions SELECT i, i, 'b' || i % 100, i * 1000 FROM generate_series(1, 1500) i;
CREATE UNIQUE INDEX versions_id ON versions USING {am} (id) WITH (fillfactor = 100);
CREATE INDEX versions_a ON versions USING {am} (a);
CREATE INDEX versions_b ON versions USING {am} (b) WITH (fillfactor = 100);
CREATE INDEX versions_c ON versions USING {am} (c, b);

CREATE UNLOGGED TABLE loose (k int8, t text);
CREATE INDEX loose_k ON loose USING {am} (k);
CREATE INDEX loose_t ON loose USING {am} (t);
"""

# index -> table, key columns as ORDER BY items
INDEXES = {
    'rows_one_id': ('rows_one', 'id', 'id'),
    'rows_one_k': ('rows_one', 'k', 'k'),
    'rows_one_t': ('rows_one', 't', 't'),
    'events_device_ts': ('events', 'device, ts', 'device, ts DESC'),
    'events_ts': ('events', 'ts', 'ts'),
    'events_v': ('events', 'v', 'v'),
    'events_note': ('events', 'note, device', 'note'),
    'churn_k': ('churn', 'k', 'k'),
    'churn_t': ('churn', 't', 't DESC'),
    'churn_n': ('churn', 'n, k', 'n, k'),
    'churn_u': ('churn', 'u, k', 'u'),
    'few_k': ('few', 'k', 'k'),
    'few_flag': ('few', 'flag, w', 'flag, w'),
    'versions_id': ('versions', 'id', 'id'),
    'versions_a': ('versions', 'a', 'a'),
    'versions_b': ('versions', 'b', 'b'),
    'versions_c': ('versions', 'c, b', 'c, b'),
    'loose_k': ('loose', 'k', 'k'),
    'loose_t': ('loose', 't', 't'),
}

ROWS_ONLY = 'SET omendb.columnar_scan = off'

LIMIT = 60000       # rows of a table before a writer removes some


class Failed(Exception):
    """An answer is wrong or an index is damaged."""


def hash_of(columns):
    return 'count(*), sum(hashtextextended(row(%s)::text, 0)::numeric)' % columns


def by_heap(cur, table, columns):
    """Count and checksum of the key columns, by a sequential scan of rows."""
    cur.execute(ROWS_ONLY)
    cur.execute('SET enable_seqscan = on; SET enable_indexscan = off; SET enable_indexonlyscan = off; '
                'SET enable_bitmapscan = off; SET enable_sort = on; SET max_parallel_workers_per_gather = 0')
    cur.execute('SELECT %s FROM %s' % (hash_of(columns), table))
    return cur.fetchone()


def by_columns(cur, table, columns):
    """The same from the columns of an omendb table, where it has them."""
    cur.execute('SET omendb.columnar_scan = force; SET enable_seqscan = on; SET enable_indexscan = off; '
                'SET enable_indexonlyscan = off; SET enable_bitmapscan = off; SET max_parallel_workers_per_gather = 0')
    cur.execute('SELECT %s FROM %s' % (hash_of(columns), table))
    return cur.fetchone()


def by_index(cur, table, columns, order, only):
    """The same by a scan of the index, whose order is checked by the window function's presence of a sorted input."""
    cur.execute('SET enable_seqscan = off; SET enable_indexscan = on; SET enable_indexonlyscan = %s; '
                'SET enable_bitmapscan = off; SET enable_sort = off; SET max_parallel_workers_per_gather = 0' % only)
    cur.execute('SELECT %s FROM (SELECT %s FROM %s ORDER BY %s) s' % (hash_of(columns), columns, table, order))
    return cur.fetchone()


def uses_index(cur, table, columns, order, index):
    cur.execute('EXPLAIN (COSTS OFF) SELECT %s FROM (SELECT %s FROM %s ORDER BY %s) s' % (hash_of(columns), columns, table, order))
    return any('using %s ' % index in row[0] for row in cur.fetchall())


class Verifier:
    """Checks indexes of one server and counts what it did."""

    def __init__(self, am, check_sql, tables=False):
        self.am, self.check_sql, self.tables = am, check_sql, tables
        self.checks = 0

    def structure(self, cur, index):
        try:
            cur.execute(self.check_sql(self.am, index, True))
        except psycopg2.Error as error:
            raise Failed('check of %s: %s %s' % (index, error.pgcode, error))
        self.checks += 1

    def answers(self, cur, index, rng, lookups=20):
        """Index-ordered scan, and look-ups of some rows, against a sequential scan."""
        table, columns, order = INDEXES[index]
        want = by_heap(cur, table, columns)
        if self.tables:
            got = by_columns(cur, table, columns)
            if got != want:
                raise Failed('%s: columns give %r, rows %r' % (table, got, want))
            self.checks += 1
        for only in ('on', 'off'):
            got = by_index(cur, table, columns, order, only)
            if only == 'on' and not uses_index(cur, table, columns, order, index):
                raise Failed('the ordered scan of %s does not use it' % index)
            if got != want:
                raise Failed('%s gives %r, its table has %r' % (index, got, want))
            self.checks += 1
        first = columns.split(',')[0]
        cur.execute('SELECT DISTINCT %s::text FROM (SELECT %s FROM %s OFFSET %d LIMIT %d) s' % (
            first, first, table, rng.randrange(max(int(want[0]), 1)), lookups))
        for (value,) in cur.fetchall():
            if value is None:
                continue
            cur.execute('SET enable_seqscan = off; SET enable_indexscan = on; SET enable_indexonlyscan = on')
            cur.execute('SELECT count(*) FROM %s WHERE %s = %%s' % (table, first), (value,))
            found = cur.fetchone()
            cur.execute('SET enable_seqscan = on; SET enable_indexscan = off; SET enable_indexonlyscan = off')
            cur.execute('SELECT count(*) FROM %s WHERE %s = %%s' % (table, first), (value,))
            there = cur.fetchone()
            if found != there:
                raise Failed('%s: %s = %r finds %s rows by index, %s by heap' % (index, first, value, found[0], there[0]))
            self.checks += 1

    def segments(self, cur):
        """Every segment against its rows."""
        for table in sorted({table for table, _, _ in INDEXES.values()} - {'loose'}):
            try:
                cur.execute("SELECT count(*) FROM omendb.verify('%s')" % table)
            except psycopg2.Error as error:
                raise Failed('verify of %s: %s %s' % (table, error.pgcode, error))
            self.checks += 1

    def everything(self, conn, rng):
        cur = conn.cursor()
        if self.tables:
            self.segments(cur)
        for index in INDEXES:
            self.structure(cur, index)
            self.answers(cur, index, rng)
        cur.execute('RESET ALL')

    def checksums(self, conn, tables=None):
        """What each index of a logged table answers, to compare two servers."""
        cur = conn.cursor()
        return {index: by_index(cur, table, columns, order, 'on')
                for index, (table, columns, order) in INDEXES.items() if table != 'loose'}


class Load:
    """Threads that work on the tables until they are told to stop or lose the server."""

    def __init__(self, connect, rng, am, tables=False):
        self.connect, self.rng, self.am, self.tables = connect, rng, am, tables
        self.stop = threading.Event()
        self.threads = []
        self.acknowledged = {}
        self.errors = []
        self.statements = 0
        self.next_id = 1

    def start(self):
        self.stop.clear()
        self.next_id += 10000000
        jobs = [self.single_rows, self.single_rows, self.batches, self.churn, self.duplicates, self.unlogged, self.upkeep, self.read, self.versions,
                self.snapshots]
        self.threads = [threading.Thread(target=self.guard, args=(job, random.Random(self.rng.randrange(1 << 30)), number))
                        for number, job in enumerate(jobs)]
        for thread in self.threads:
            thread.start()

    def join(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def guard(self, job, rng, number):
        """Run a job; losing the server ends it quietly, a wrong SQL error is remembered."""
        conn = None
        try:
            conn = self.connect()
            job(conn, conn.cursor(), rng, number)
        except psycopg2.Error as error:
            code = error.pgcode
            if code is not None and not code.startswith('57P') and code not in ('40001', '40P01', '55P03'):
                self.errors.append('%s: %s %s' % (job.__name__, code, error))
        except (OSError, ValueError, SystemError):          # psycopg2 says so when COPY loses its server
            pass
        finally:
            if conn:
                conn.close()

    def trim(self, cur, rng, table, column):
        """Keep a table small: remove a range, or all."""
        cur.execute('SELECT reltuples FROM pg_class WHERE relname = %s', (table,))
        if cur.fetchone()[0] > LIMIT:
            cur.execute('DELETE FROM %s WHERE %s %s (SELECT %s FROM %s OFFSET 5000 LIMIT 1)' % (
                table, column, rng.choice(['<', '>']), column, table))

    def single_rows(self, conn, cur, rng, number):
        """One row a transaction; an acknowledged one must survive."""
        sequence = self.next_id + number * 1000000000
        while not self.stop.is_set():
            cur.execute('INSERT INTO rows_one VALUES (%s, %s, %s)',
                        (sequence, rng.randrange(1 << 40), '%x' % rng.randrange(1 << 50)))
            self.acknowledged[number] = sequence
            sequence += 1
            self.statements += 1
            if rng.random() < 0.1:
                cur.execute('UPDATE rows_one SET k = k + 1 WHERE id = %s', (sequence - rng.randrange(1, 50),))
            if rng.random() < 0.02:
                cur.execute('DELETE FROM rows_one WHERE k BETWEEN %s AND %s AND id < %s', (
                    (low := rng.randrange(1 << 40)), low + (1 << 36), sequence - 100 if number == 0 else 0))

    def batches(self, conn, cur, rng, number):
        """COPY and INSERT ... SELECT into a table with four indexes, committed or not."""
        clock = int(time.time())
        while not self.stop.is_set():
            size = rng.choice([5, 200, 2000])
            cur.execute('BEGIN')
            if rng.random() < 0.5:
                text = ''.join('%d\t%s\t%d\tnote %d\n' % (
                    rng.randrange(100), time.strftime('%Y-%m-%d %H:%M:%S+00', time.gmtime(clock + i)), rng.randrange(1 << 60), i % 50)
                    for i in range(size))
                cur.copy_expert('COPY events FROM STDIN', io.StringIO(text))
            else:
                cur.execute("INSERT INTO events SELECT hashint4(i) & 63, to_timestamp(%s + i), hashint8extended(i, %s), 'n' || i %% 70 "
                            'FROM generate_series(1, %s) i', (clock, rng.randrange(1 << 40), size))
            clock += size
            if rng.random() < 0.2:
                cur.execute('SAVEPOINT a')
                cur.execute("INSERT INTO events SELECT 1, to_timestamp(i), i, 'undone' FROM generate_series(1, 300) i")
                cur.execute('ROLLBACK TO a')
            cur.execute(rng.choice(['COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK']))
            self.statements += 1
            if rng.random() < 0.1:
                self.trim(cur, rng, 'events', 'ts')

    def churn(self, conn, cur, rng, number):
        """Ranges come and go, so that pages empty and are used again."""
        while not self.stop.is_set():
            base = rng.randrange(200) * 1000
            cur.execute("INSERT INTO churn SELECT %s + i, md5((%s + i)::text), i %% 97 / 4.0, md5(i::text)::uuid "
                        'FROM generate_series(1, %s) i', (base, base, rng.choice([10, 500, 1500])))
            cur.execute('DELETE FROM churn WHERE k BETWEEN %s AND %s', ((low := rng.randrange(200) * 1000), low + 3000))
            if rng.random() < 0.3:
                cur.execute("UPDATE churn SET t = t || 'x' WHERE k %% 50 = %s", (rng.randrange(50),))
            self.statements += 1
            if rng.random() < 0.1:
                self.trim(cur, rng, 'churn', 'k')

    def duplicates(self, conn, cur, rng, number):
        """A few keys, many rows each, and wide keys."""
        while not self.stop.is_set():
            cur.execute("INSERT INTO few SELECT %s, i %% 2 = 0, repeat(chr(97 + i %% 26), %s) FROM generate_series(1, %s) i",
                        (rng.randrange(5), rng.choice([1, 30, 700]), rng.choice([1, 100, 700])))
            if rng.random() < 0.4:
                cur.execute('DELETE FROM few WHERE k = %s AND flag', (rng.randrange(5),))
            self.statements += 1
            if rng.random() < 0.1:
                self.trim(cur, rng, 'few', 'k')

    def versions(self, conn, cur, rng, number):
        """The same rows again and again, so that leaves fill with versions of rows whose keys did not change."""
        while not self.stop.is_set():
            low = rng.randrange(1500)
            cur.execute('BEGIN')
            for _ in range(rng.choice([1, 5])):
                cur.execute('UPDATE versions SET a = a + 1 WHERE id BETWEEN %s AND %s', (low, low + rng.choice([0, 20, 300])))
            cur.execute(rng.choice(['COMMIT', 'COMMIT', 'ROLLBACK']))
            self.statements += 1

    def snapshots(self, conn, cur, rng, number):
        """A snapshot that is kept for a while finds the 1500 rows through every index, whatever is cleaned up meanwhile."""
        while not self.stop.is_set():
            cur.execute('BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off')
            for column in rng.choices(['id', 'a', 'b', 'c'], k=6):
                cur.execute('SELECT count(*), count(id) FROM versions WHERE %s IS NOT NULL' % column)
                found = cur.fetchone()
                if found != (1500, 1500):
                    self.errors.append('a snapshot finds %r of 1500 rows by versions_%s' % (found, column))
                time.sleep(rng.random() * 0.05)
            cur.execute('COMMIT')

    def unlogged(self, conn, cur, rng, number):
        while not self.stop.is_set():
            cur.execute("INSERT INTO loose SELECT hashint8(i + %s), 't' || i FROM generate_series(1, %s) i",
                        (rng.randrange(1 << 30), rng.choice([1, 100])))
            self.statements += 1
            time.sleep(0.01)

    def upkeep(self, conn, cur, rng, number):
        """VACUUM, CHECKPOINT, REINDEX CONCURRENTLY."""
        while not self.stop.is_set():
            kind = rng.random()
            table = rng.choice(['rows_one', 'events', 'churn', 'few', 'versions'])
            if self.tables and kind < 0.2:
                self.compact(cur, rng, table)
            elif kind < 0.65:
                cur.execute('VACUUM %s%s' % (rng.choice(['', '(INDEX_CLEANUP ON) ', '(FREEZE) ', '(PARALLEL 2) ']), table))
            elif kind < 0.85:
                cur.execute('CHECKPOINT')
            elif kind < 0.92:
                cur.execute('REINDEX INDEX CONCURRENTLY %s' % rng.choice([i for i in INDEXES if INDEXES[i][0] == table]))
            else:
                cur.execute('ANALYZE')
            self.statements += 1
            time.sleep(rng.random() * 0.1)

    def compact(self, cur, rng, table):
        """Columns of what has none; it gives up when a writer does not end, or with the server."""
        try:
            cur.execute("SELECT * FROM omendb.compact('%s', %s)" % (table, rng.choice(['true', 'false'])))
        except psycopg2.Error as error:
            if error.pgcode not in ('55P03', '57000'):
                raise

    def read(self, conn, cur, rng, number):
        """Index scans, which leave dead-entry hints behind."""
        cur.execute('SET enable_seqscan = off')
        while not self.stop.is_set():
            cur.execute('SELECT count(*) FROM churn WHERE k BETWEEN %s AND %s', ((low := rng.randrange(200000)), low + 2000))
            cur.execute('SELECT count(v) FROM events WHERE device = %s', (rng.randrange(100),))
            cur.execute('SELECT count(w) FROM few WHERE k = %s', (rng.randrange(5),))
            cur.execute('SELECT t FROM rows_one ORDER BY t DESC LIMIT 50')
            if self.tables:
                columns = by_columns(cur, 'versions', 'id')
                if columns[0] != 1500:
                    self.errors.append('columns give %d of 1500 rows' % columns[0])
                cur.execute('SET enable_seqscan = off; SET enable_indexscan = on; SET enable_indexonlyscan = on')
            self.statements += 1
