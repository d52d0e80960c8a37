"""The main job: real flights and generated events, heap + btree beside heap + alex, and then
heap tables beside the same tables turned into omendb tables."""

import subprocess
import os

from . import data, pgbench
from .cluster import BENCH, say
from .report import Result, Sample, cost_text, bytes_text, draw, ratio_text

INDEXES = {'flights': ('flown', 'origin, flown'),
           'events': ('key', 'device, ts', 'id')}
COLUMNS = {
    'flights': 'flown timestamp NOT NULL, delay int4, distance int4,'
               ' origin text NOT NULL, destination text NOT NULL',
    'events': 'id uuid NOT NULL, device int4 NOT NULL, ts timestamptz NOT NULL,'
              ' key int8 NOT NULL, value float8 NOT NULL'}
FORMAT = {'flights': 'csv', 'events': 'binary'}
TOTALS = {'flights': 'count(*), sum(delay), sum(distance), min(flown), max(flown)',
          'events': 'count(*), sum(key::numeric), count(DISTINCT device), min(ts), max(ts)'}

# Nested loops over an index are what is measured: everything else is switched off.
LOOKUP = dict.fromkeys(('enable_hashjoin', 'enable_mergejoin', 'enable_seqscan', 'enable_sort',
                        'enable_bitmapscan', 'enable_material', 'enable_memoize'), 'off')

# (data set, title, query, operations in it, node of the plan); {0} is the table.
QUERIES = (
    ('flights', 'point look-ups: flights of (airport, minute)',
     'SELECT count(t.delay), sum(t.delay) FROM some_flights s'
     ' JOIN {0} t ON t.origin = s.origin AND t.flown = s.flown', 100_000, 'Index Scan'),
    ('flights', 'range scans: delays of an airport on a day',
     'SELECT count(t.delay), sum(t.delay) FROM some_flights s'
     " JOIN {0} t ON t.origin = s.origin AND t.flown >= date_trunc('day', s.flown)"
     " AND t.flown < date_trunc('day', s.flown) + interval '1 day' WHERE s.n <= 2000",
     2000, 'Index Scan'),
    ('flights', 'ordered range, index only: 1 M flights by time',
     'SELECT count(flown) FROM (SELECT flown FROM {0} WHERE flown >='
     " '2001-02-01' ORDER BY flown LIMIT 1000000) s", 1, 'Index Only Scan'),
    ('events', 'point look-ups by random key, index only',
     'SELECT count(t.key) FROM probe p JOIN {0} t ON t.key = p.key', 200_000, 'Index Only Scan'),
    ('events', 'point look-ups by random key, with the row',
     'SELECT count(*), sum(t.device) FROM probe p JOIN {0} t ON t.key = p.key',
     200_000, 'Index Scan'),
    ('events', 'point look-ups by UUID, with the row',
     'SELECT count(*), sum(t.device) FROM probe p JOIN {0} t ON t.id = p.id',
     200_000, 'Index Scan'),
    ('events', "range scans, index only: a device's hour",
     'SELECT count(t.ts), min(t.ts), max(t.ts) FROM probe p JOIN {0} t ON t.device = p.device'
     " AND t.ts BETWEEN p.ts AND p.ts + interval '1 hour' WHERE p.n <= 20000",
     20_000, 'Index Only Scan'),
    ('events', 'ordered range, index only: 1 M random keys',
     'SELECT count(key) FROM (SELECT key FROM {0} WHERE key >= 1000000000000000000'
     ' ORDER BY key LIMIT 1000000) s', 1, 'Index Only Scan'),
)

# (data set, title, query) of whole tables, or of a part by time
ANALYTICS = (
    ('flights', 'delay by airport, top 10',
     'SELECT origin, count(*), sum(delay), max(distance) FROM {0} GROUP BY origin'
     ' ORDER BY count(*) DESC, origin LIMIT 10'),
    ('flights', 'flights and late ones by month',
     "SELECT date_trunc('month', flown), count(*), count(*) FILTER (WHERE delay > 60)"
     ' FROM {0} GROUP BY 1 ORDER BY 1'),
    ('flights', 'distance by route, top 10',
     'SELECT origin, destination, count(*), sum(distance) FROM {0} GROUP BY 1, 2'
     ' ORDER BY 3 DESC, 1, 2 LIMIT 10'),
    ('events', 'aggregates of all rows',
     'SELECT count(*), min(ts), max(ts), max(key), round(avg(value)::numeric, 4) FROM {0}'),
    ('events', 'by device',
     'SELECT device, count(*), max(value), round(avg(value)::numeric, 4) FROM {0}'
     ' GROUP BY device ORDER BY device'),
    ('events', 'by hour',
     "SELECT date_trunc('hour', ts), count(*), round(avg(value)::numeric, 4) FROM {0}"
     ' GROUP BY 1 ORDER BY 1'),
    ('events', 'rows of one value in a thousand',
     'SELECT count(*), sum(key::numeric) FROM {0} WHERE value = 25'),
)

PGBENCH = (('pgbench select by key, 2 clients', 'events-select'),
           ('pgbench insert 1 row, 2 clients', 'events-insert1'),
           ('pgbench insert 10 rows, 2 clients', 'events-insert10'))


class MainJob:
    """Loads, asks and counts; lines() is the table."""

    def __init__(self, bench, options, methods):
        self.bench, self.options, self.methods = bench, options, methods
        self.files = {}
        self.results = []
        self.agreed = 0

    def prepare_data(self):
        self.files['flights'] = self.bench.scratch.file('flights.csv')
        if not os.path.exists(self.files['flights']):
            say('reading 3 million US flights from vega-datasets')
            subprocess.run(['node', os.path.join(BENCH, 'flights.mjs'), self.options.npm,
                            self.files['flights']], check=True)
            os.chmod(self.files['flights'], 0o644)
        self.files['events'] = self.bench.scratch.file('events.bin')
        say('generating %d events (seed %d)' % (self.options.rows, self.options.seed))
        data.write_events_binary(self.files['events'], self.options.rows, self.options.seed)

    def table(self, name, arm):
        return '%s_%s' % (name, arm.tag())

    def same(self, result):
        """Both sides must have answered every repetition alike."""
        answers = {str(s.answer) for samples in result.samples.values() for s in samples}
        if len(answers) != 1:
            raise RuntimeError('%s: the answers differ: %s' % (result.title, sorted(answers)))
        self.agreed += 1

    def load(self, name, note):
        """COPY into a table with its indexes, for each side."""
        rows = '{:,}'.format(self.count_of(name))
        load = Result(name, 'load', 'bulk load: COPY, %d indexes' % len(INDEXES[name]), 's')
        wal = Result(name, 'load-wal', 'WAL of the bulk load', 'size')
        size = Result(name, 'load-size', 'size of the %d indexes' % len(INDEXES[name]), 'size')
        for arm in self.methods:
            say('loading %s %s with %d indexes, %s%s' % (
                rows, name, len(INDEXES[name]), arm.name, note))
            sample = self.load_one(name, arm)
            load.add(arm.name, sample)
            wal.add(arm.name, Sample(sample.wal))
            size.add(arm.name, Sample(sample.size))
            say('  %s, WAL %s' % (cost_text(sample.cost, 's'), bytes_text(sample.wal)))
        self.same(load)
        self.results += [load, wal, size]

    def load_one(self, name, arm):
        table = self.table(name, arm)
        self.bench.run('CREATE TABLE %s (%s)' % (table, COLUMNS[name]))
        for columns in INDEXES[name]:
            self.bench.run('CREATE INDEX ON %s USING %s (%s)' % (table, arm.method, columns))
        cur = self.bench.session(arm)
        seconds, wal, _ = self.bench.timed(
            cur, lambda: self.bench.copy_in(cur, table, self.files[name], fmt=FORMAT[name]))
        cur.execute('VACUUM (FREEZE, ANALYZE) %s' % table)
        cur.execute('SELECT %s FROM %s' % (TOTALS[name], table))
        answer = cur.fetchall()
        cur.connection.close()
        return Sample(seconds, wal, self.bench.index_size(table, arm), answer)

    def count_of(self, name):
        return self.options.rows if name == 'events' else 3_000_000

    def build(self):
        """CREATE INDEX on the random keys of the loaded events."""
        result = Result('events', 'build', 'CREATE INDEX on random keys', 's')
        for rep in range(3):
            for arm in self.order(rep):
                table = self.table('events', arm)
                cur = self.bench.session(arm, max_parallel_maintenance_workers=0)
                cur.execute('DROP INDEX %s_key_idx' % table)
                seconds, wal, _ = self.bench.timed_sql(
                    cur, 'CREATE INDEX %s_key_idx ON %s USING %s (key)'
                    % (table, table, arm.method))
                cur.connection.close()
                result.add(arm.name, Sample(seconds, wal))
        self.results.append(result)

    def order(self, rep):
        return self.methods if rep % 2 == 0 else self.methods[::-1]

    def samples_to_look_up(self):
        """Small tables of existing keys, in random order, the same for both sides."""
        first = self.methods[0]
        share = min(100.0, 1.5 * 200_000 / self.options.rows * 100)
        self.bench.run(
            'CREATE TABLE some_flights AS SELECT row_number() OVER (ORDER BY hashtext(o::text)) AS n,'
            ' origin, flown FROM (SELECT o, origin, flown FROM %s o TABLESAMPLE BERNOULLI (5)'
            ' REPEATABLE (1) LIMIT 100000) s' % self.table('flights', first))
        self.bench.run(
            'CREATE TABLE probe AS SELECT row_number() OVER (ORDER BY hashint8(key)) AS n, key, id,'
            ' device, ts FROM (SELECT * FROM %s TABLESAMPLE BERNOULLI (%g) REPEATABLE (1)'
            ' LIMIT 200000) s' % (self.table('events', first), share))
        self.bench.run('ALTER TABLE probe ADD PRIMARY KEY (n)')
        self.bench.run('VACUUM ANALYZE some_flights')
        self.bench.run('VACUUM ANALYZE probe')

    def ask(self, name, title, query, operations, node):
        """One of the queries, three times for each side in turn."""
        result = Result(name, 'query', title, 'us' if operations > 1 else 's')
        settings = dict(LOOKUP)
        settings['enable_indexscan' if 'Only' in node else 'enable_indexonlyscan'] = 'off'
        say(title)
        for rep in range(3):
            for arm in self.order(rep):
                sql = query.format(self.table(name, arm))
                cur = self.bench.session(arm, **settings)
                cur.execute('EXPLAIN (FORMAT JSON) ' + sql)
                plan = str(cur.fetchone()[0])
                if "'%s'" % node not in plan or "'Sort'" in plan:
                    raise RuntimeError('not the plan to be measured: %s' % plan)
                if rep == 0:
                    cur.execute(sql)
                seconds, _, answer = self.bench.timed_sql(cur, sql)
                cur.connection.close()
                result.add(arm.name, Sample(seconds / operations, answer=answer))
        self.same(result)
        self.results.append(result)

    def turn(self):
        """The second side's tables become omendb tables, with columns of all rows."""
        base, other = (arm.name for arm in self.methods)
        for name in COLUMNS:
            heap, table = (self.table(name, arm) for arm in self.methods)
            say('omendb.enable and omendb.compact of %s' % table)
            cur = self.bench.session()
            for title, call in (('omendb.enable: a heap table becomes an omendb table', 'enable'),
                                ('omendb.compact: columns of all rows', 'compact')):
                result = Result(name, call, title, 's')
                seconds, _, _ = self.bench.timed_sql(
                    cur, "SELECT * FROM omendb.%s('%s')" % (call, table))
                result.add(other, Sample(seconds))
                self.results.append(result)
            cur.connection.close()
            size = Result(name, 'columns-size', 'size of the rows, and of the columns', 'size')
            size.add(base, Sample(self.bench.run("SELECT pg_table_size('%s')" % heap)[0][0]))
            size.add(other, Sample(int(self.bench.run(
                "SELECT bytes FROM omendb.stat_table WHERE relid = '%s'::regclass" % table)[0][0])))
            self.results.append(size)

    def analyse(self, name, title, query):
        """A query of whole tables, three times for each side in turn."""
        result = Result(name, 'analytics', title, 's')
        say(title)
        for rep in range(3):
            for arm in self.order(rep):
                sql = query.format(self.table(name, arm))
                cur = self.bench.session(arm)
                if rep == 0:
                    cur.execute(sql)
                seconds, _, answer = self.bench.timed_sql(cur, sql)
                cur.connection.close()
                result.add(arm.name, Sample(seconds, answer=answer))
        self.same(result)
        self.results.append(result)

    def tables(self):
        """Analytics on heap and on omendb tables; what follows finds heap tables again."""
        self.turn()
        for query in ANALYTICS:
            self.analyse(*query)
        for name in COLUMNS:
            self.bench.run("SELECT omendb.disable('%s')" % self.table(name, self.methods[1]))

    def transactions(self, title, script):
        """pgbench, three times for each side in turn."""
        result = Result('events', script, title, 'us')
        wal_result = Result('events', script + '-wal', '  WAL of each transaction', 'size')
        say('%s, %d s each' % (title, self.options.seconds))
        path = pgbench.script_path(script)
        for rep in range(3):
            for arm in self.order(rep):
                cur = self.bench.session(arm)
                extent = ['-T', str(self.options.seconds)]
                _, wal, (cost, done) = self.bench.timed(cur, lambda arm=arm: pgbench.Run(
                    self.bench.server, self.bench.scratch.path, path, self.table('events', arm),
                    2, 1000 + rep, extent, dict(probes=self.probes()),
                    dict(arm.settings(), search_path='omendb_bench,public')).finish())
                cur.connection.close()
                result.add(arm.name, Sample(cost))
                wal_result.add(arm.name, Sample(wal / done))
        self.results.append(result)
        if 'insert' in script:
            self.results.append(wal_result)

    def probes(self):
        return self.bench.run('SELECT count(*) FROM probe')[0][0]

    def final_count(self):
        """After the pgbench inserts every index must still hold every row."""
        for arm in self.methods:
            table = self.table('events', arm)
            self.bench.run('VACUUM ANALYZE %s' % table)
            for columns in INDEXES['events']:
                self.bench.verify(table, 'after pgbench', columns.split(', '))
                self.agreed += 1

    def run(self):
        self.prepare_data()
        self.load('flights', '')
        self.load('events', ': this takes a while')
        self.samples_to_look_up()
        say('CREATE INDEX')
        self.build()
        for query in QUERIES:
            self.ask(*query)
        if self.options.am == 'alex':
            self.tables()
        for title, script in PGBENCH:
            self.transactions(title, script)
        say('comparing the indexes with the tables')
        self.final_count()

    def lines(self):
        base, other = self.methods[0].name, self.methods[1].name
        rows = []
        for res in self.results:
            rows.append([res.keys, res.title, cost_text(res.median(base), res.unit),
                         cost_text(res.median(other), res.unit),
                         ratio_text(res.ratio(base, other))])
        return draw(['data', 'work', 'heap + ' + base,
                     'omendb' if other == 'alex' else 'heap + ' + other, 'ratio'], rows)
