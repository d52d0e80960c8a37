"""The works that are measured. Each is one class: how often, on what, at what cost."""

import os
import re
import shutil
import time

import numpy as np

from . import data, keys, pgbench
from .cluster import say
from .report import Result, Sample

FLOOR = 0.95


class Arm:
    """One side of the comparison: an access method, or none, and the model on or off."""

    def __init__(self, name, method, model=None, reads=None):
        self.name, self.method, self.model = name, method, model
        self.reads = reads or name

    def settings(self):
        return {} if self.model is None else {'omendb.alex_model': 'on' if self.model else 'off'}

    def tag(self):
        return re.sub(r'\W', '_', self.name)

    def built_tag(self):
        """Reading does not change an index: the arm without the model reads the other's."""
        return re.sub(r'\W', '_', self.reads)


HEAP = Arm('heap', None)


class Bench:
    """Everything a work needs to know about the run and the current key set."""

    def __init__(self, server, options, scratch, arms):
        self.server, self.options, self.scratch, self.arms = server, options, scratch, arms
        self.rows, self.repeat = options.rows, options.repeat
        self.keyset = None
        self.probes = self.feed = self.first = 0
        self.key_file = None
        self.cursor = {}
        self.seconds = self.cpu = None

    def setup(self):
        """Our own schema, and the extension when an arm needs it."""
        with_extension = any(a.method == 'alex' for a in self.arms)
        if with_extension:
            self.run('CREATE EXTENSION IF NOT EXISTS omendb')
        self.teardown()
        self.run('CREATE SCHEMA omendb_bench')

    def teardown(self):
        self.run('DROP SCHEMA IF EXISTS omendb_bench CASCADE')

    def session(self, arm=None, **settings):
        conn = self.server.connect(patience=120)
        cur = conn.cursor()
        cur.execute('SET search_path = omendb_bench, public')
        for name, value in dict(arm.settings() if arm else {}, **settings).items():
            cur.execute('SET %s = %s' % (name, value))
        return cur

    def run(self, sql, arm=None, **settings):
        cur = self.session(arm, **settings)
        try:
            cur.execute(sql)
            return cur.fetchall() if cur.description else None
        finally:
            cur.connection.close()

    def wal_position(self, cur):
        cur.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
        return int(cur.fetchone()[0])

    def timed(self, cur, action):
        """Checkpoint, then time one action. Returns (seconds, WAL bytes, answer)."""
        cur.execute('CHECKPOINT')
        before, cpu = self.wal_position(cur), self.cpu_seconds(cur)
        start = time.perf_counter()
        answer = action()
        self.seconds = time.perf_counter() - start
        self.cpu = self.cpu_seconds(cur) - cpu if cpu is not None else None
        return self.seconds, self.wal_position(cur) - before, answer

    def cpu_seconds(self, cur):
        """Processor time of the session's backend, when it runs on this machine."""
        if not self.server.local:
            return None
        try:
            with open('/proc/%d/schedstat' % cur.connection.get_backend_pid(),
                      encoding='ascii') as stat:
                return int(stat.read().split()[0]) / 1e9
        except OSError:
            return None

    def timed_sql(self, cur, sql):
        def action():
            cur.execute(sql)
            return cur.fetchall() if cur.description else None
        return self.timed(cur, action)

    def copy_in(self, cur, table, path, columns='', fmt='text'):
        """COPY a file into a table, read by the server when it can see the file."""
        if self.server.local:
            cur.execute("COPY %s %s FROM '%s' (FORMAT %s)" % (table, columns, path, fmt))
            return
        with open(path, 'rb') as src:
            cur.copy_expert('COPY %s %s FROM STDIN (FORMAT %s)' % (table, columns, fmt), src)

    def make_table(self, name, arm):
        """An empty table for keys, with an index unless the arm is the bare heap."""
        self.run('DROP TABLE IF EXISTS %s' % name)
        self.run('CREATE TABLE %s (k %s NOT NULL, v int4 NOT NULL)' % (name, self.keyset.sqltype))
        if arm.method:
            self.run('CREATE INDEX %s_k ON %s USING %s (k)' % (name, name, arm.method))

    def index_size(self, name, arm):
        if not arm.method:
            return None
        return self.run("SELECT sum(pg_relation_size(indexrelid))::int8 FROM pg_index"
                        " WHERE indrelid = '%s'::regclass" % name)[0][0]

    def built(self, arm):
        """The table that is read: loaded from src, all visible, index built on it."""
        name = 'r_' + arm.built_tag()
        if not self.run("SELECT to_regclass('%s')" % name)[0][0]:
            say('%s: loading the table to read, %s' % (self.keyset.name, arm.name))
            self.run('CREATE TABLE %s (k %s NOT NULL, v int4 NOT NULL)'
                     % (name, self.keyset.sqltype))
            self.run('INSERT INTO %s SELECT k, v FROM src' % name)
            self.run('VACUUM (FREEZE, ANALYZE) %s' % name)
        return name

    def built_index(self, arm):
        name = self.built(arm)
        if not self.run("SELECT to_regclass('%s_k')" % name)[0][0]:
            self.run('CREATE INDEX %s_k ON %s USING %s (k)' % (name, name, arm.method))
            self.run('VACUUM ANALYZE %s' % name)
        return name

    def grown(self, arm):
        """The table that small transactions write to: it grew to N rows with its index."""
        name = 'g_' + arm.tag()
        if not self.run("SELECT to_regclass('%s')" % name)[0][0]:
            say('%s: growing the table to write to, %s' % (self.keyset.name, arm.name))
            self.make_table(name, arm)
            self.run('INSERT INTO %s SELECT k, v FROM src' % name, arm)
            self.run('VACUUM ANALYZE %s' % name)
            self.cursor[name] = 0
        return name

    def verify(self, name, what, columns=('k',)):
        """Through the index: order, count and a checksum; then the same from the heap."""
        if self.options.no_verify:
            return
        listed = ', '.join(columns)
        lags = ', '.join('lag(%s) OVER () AS p_%s' % (c, c) for c in columns)
        disorder = '(%s) > (%s)' % (', '.join('p_' + c for c in columns), listed)
        aggregates = 'count(*), sum(hash_record(ROW(%s))::int8)' % listed
        through = ('SELECT %s, count(*) FILTER (WHERE %s) FROM (SELECT %s, %s'
                   ' FROM (SELECT %s FROM %s ORDER BY %s) o) s'
                   % (aggregates, disorder, listed, lags, listed, name, listed))
        settings = dict(enable_seqscan='off', enable_sort='off', enable_bitmapscan='off')
        plan = str(self.run('EXPLAIN (FORMAT JSON) ' + through, **settings)[0][0])
        if "'Index Only Scan'" not in plan or "'Sort'" in plan:
            raise RuntimeError('%s: the check of %s does not use the index' % (what, name))
        count, checksum, disorder = self.run(through, **settings)[0]
        expected = self.run('SELECT %s FROM %s' % (aggregates, name), enable_indexscan='off',
                            enable_indexonlyscan='off', enable_bitmapscan='off')[0]
        if (count, checksum) != expected or disorder:
            raise RuntimeError('%s: %s through the index has %s rows, checksum %s, %s out of order;'
                               ' the heap has %s rows, checksum %s'
                               % (what, name, count, checksum, disorder, *expected))
        self.check_structure(name)

    def check_structure(self, name):
        """alex_check on every alex index of the table, heap rows included."""
        if not self.options.check:
            return
        self.run("SELECT omendb.alex_check(indexrelid::regclass, true) FROM pg_index i"
                 " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam"
                 " WHERE indrelid = '%s'::regclass AND amname = 'alex'" % name)

    def load_keys(self, keyset):
        """Generate the files of a key set, and load the tables that feed the works."""
        self.drop_tables()
        self.keyset, self.cursor = keyset, {}
        files = keyset_files(self, keyset)
        self.key_file = files['src']
        cur = self.session()
        for name, columns in (('src', 'k %s NOT NULL, v int4 NOT NULL'),
                              ('feed', 'id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,'
                                       ' k %s NOT NULL, v int4 NOT NULL'),
                              ('probe', 'id int4 PRIMARY KEY, k %s NOT NULL')):
            cur.execute('CREATE UNLOGGED TABLE %s (%s)' % (name, columns % keyset.sqltype))
            self.copy_in(cur, name, files[name], '(id, k)' if name == 'probe' else '(k, v)')
            cur.execute('VACUUM (FREEZE, ANALYZE) %s' % name)
        cur.execute('SELECT (SELECT count(*) FROM probe), (SELECT count(*) FROM feed)')
        self.probes, self.feed = cur.fetchone()
        self.first = self.rows + 1
        cur.connection.close()

    def drop_tables(self):
        """Remove the tables of the key set before."""
        names = self.run("SELECT relname FROM pg_class WHERE relkind = 'r'"
                         " AND relnamespace = 'omendb_bench'::regnamespace")
        for name, in names:
            self.run('DROP TABLE %s' % name)

    def event_file(self):
        path = self.scratch.file('events-%d-%d.txt' % (self.rows, self.options.seed))
        if not os.path.exists(path):
            say('generating %d events' % self.rows)
            write_atomically(path, lambda to: data.write_events(to, self.rows, self.options.seed))
        return path

    def big_file(self, part):
        """The file of the 10 N rows (part 'base'), or of the N rows of a repetition."""
        stem = self.scratch.file('big-%s-%d-%d-' % (self.keyset.name, self.rows, self.options.seed))
        if not os.path.exists(stem + str(part)):
            say('%s: generating %d keys' % (self.keyset.name, (10 + self.repeat) * self.rows))
            rng = np.random.default_rng(self.options.seed + 1)
            made = self.keyset.generate((10 + self.repeat) * self.rows, rng)
            edges = [0] + [(10 + i) * self.rows for i in range(self.repeat + 1)]
            for i, name in enumerate(['base'] + list(range(self.repeat))):
                rows = made[edges[i]:edges[i + 1]]
                write_atomically(stem + str(name),
                                 lambda to, rows=rows: keys.write_copy_file(to, rows, rng))
        return stem + str(part)

    def big_tables(self, arms):
        """Tables of 10 N rows with an index built on them, one for each arm."""
        for arm in arms:
            name = 'b_' + arm.tag()
            if self.run("SELECT to_regclass('%s_k')" % name)[0][0]:
                continue
            say('%s: loading %d rows, %s' % (self.keyset.name, 10 * self.rows, arm.name))
            self.make_table(name, HEAP)
            cur = self.session(arm)
            self.copy_in(cur, name, self.big_file('base'))
            cur.execute('CREATE INDEX %s_k ON %s USING %s (k)' % (name, name, arm.method))
            cur.execute('VACUUM (FREEZE, ANALYZE) %s' % name)
            cur.connection.close()


def write_atomically(path, write):
    """A file that is half written must not be mistaken for a cached one."""
    write(path + '.part')
    os.chmod(path + '.part', 0o644)
    os.rename(path + '.part', path)


def keyset_files(bench, keyset):
    """The files of a key set: rows to load, rows to insert later, keys to look for."""
    rows, seed = bench.rows, bench.options.seed
    stem = bench.scratch.file('%s-%d-%d-' % (keyset.name, rows, seed))
    files = {name: stem + name for name in ('src', 'feed', 'probe')}
    if all(os.path.exists(path) for path in files.values()):
        return files
    say('%s: generating %d keys (%s; seed %d)' % (keyset.name, rows, keyset.about, seed))
    rng = np.random.default_rng(seed)
    feed = max(20_000, min(2_500_000, rows // 2))
    made = keyset.generate(rows + feed, rng)
    write_atomically(files['src'], lambda to: keys.write_copy_file(to, made[:rows], rng))
    write_atomically(files['feed'], lambda to: keys.write_copy_file(to, made[rows:], rng))
    write_atomically(files['probe'], lambda to: keys.write_probe_file(
        to, made[:rows], keyset.name, min(rows, 1_000_000), rng))
    return files


class Work:
    """A work: run() does it once for one arm and returns a Sample."""

    name = title = ''
    unit = 's'
    target = None
    targets = {}
    wal_target = None
    heap_target = None
    model_matters = False
    with_heap = False
    tables = ''
    keyset_free = False
    scratch_only = False                # restarts the server

    def __init__(self, bench):
        self.bench = bench

    def arms(self):
        arms = [a for a in self.bench.arms if self.model_matters or a.name != 'model-off']
        return arms + [HEAP] if self.with_heap else arms

    def result(self):
        """Targets hold for random int8 keys; elsewhere nothing may be slower than the floor."""
        keys = 'events' if self.keyset_free else self.bench.keyset.name
        headline = keys in ('uniform', 'events')
        floor = self.targets.get(keys, FLOOR)
        return Result(keys, self.name, self.title, self.unit,
                      self.target if headline else floor,
                      self.wal_target if headline else None,
                      self.heap_target if headline else None, self.bench.rows)

    def prepare(self):
        pass

    def run(self, arm, rep):
        raise NotImplementedError

    def check(self, arm):
        """After the last repetition of an arm: is what it left correct?"""

    def finish(self):
        for arm in self.arms():
            if self.tables:
                self.bench.run('DROP TABLE IF EXISTS %s%s' % (self.tables, arm.tag()))


def agree(result):
    """Every arm must have given the same answer in the same repetition."""
    for rep in range(max(len(s) for s in result.samples.values())):
        answers = {arm: s[rep].answer for arm, s in result.samples.items() if rep < len(s)}
        if len({str(a) for a in answers.values()}) > 1:
            raise RuntimeError('different answers: %s' % answers)


def measure(work):
    """Run a work for all its arms, in turn and in alternating order."""
    result = work.result()
    try:
        work.prepare()
        arms = work.arms()
        for rep in range(work.bench.repeat):
            for arm in arms if rep % 2 == 0 else arms[::-1]:
                work.bench.cpu = None
                sample = work.run(arm, rep)
                if work.bench.cpu is not None and not isinstance(work, PgBench):
                    sample.cpu = sample.cost * work.bench.cpu / work.bench.seconds
                result.add(arm.name, sample)
                say('%s: %s, %s, %d of %d: %.3f %s%s' % (
                    result.keys, work.title, arm.name, rep + 1, work.bench.repeat,
                    sample.cost * (1e6 if work.unit == 'us' else 1), work.unit, sample.note))
        for arm in arms:
            work.check(arm)
        agree(result)
    except Exception as error:              # pylint: disable=broad-except
        result.error = ' '.join(str(error).split()) or repr(error)
        say('%s: %s: ERROR: %s' % (result.keys, work.title, result.error))
    try:
        work.finish()
    except Exception as error:              # pylint: disable=broad-except
        result.error = result.error or ' '.join(str(error).split())
    return result


class Build(Work):
    name, title, target = 'build', 'CREATE INDEX', 3.0
    workers = 0

    def prepare(self):
        for arm in self.arms():
            self.bench.built(arm)

    def run(self, arm, rep):
        name = self.bench.built(arm)
        cur = self.bench.session(arm, max_parallel_maintenance_workers=self.workers)
        cur.execute('DROP INDEX IF EXISTS %s_k' % name)
        seconds, wal, _ = self.bench.timed_sql(
            cur, 'CREATE INDEX %s_k ON %s USING %s (k)' % (name, name, arm.method))
        cur.connection.close()
        return Sample(seconds, wal, self.bench.index_size(name, arm))

    def check(self, arm):
        self.bench.verify(self.bench.built(arm), self.title)


class BuildParallel(Build):
    name, title, target = 'build-parallel', 'CREATE INDEX, 2 workers', 2.0
    workers = 2


class Probe(Work):
    name, title, target, unit = 'probe', 'index-only probe', 4.0, 'us'
    model_matters = True
    settings = dict(enable_hashjoin='off', enable_mergejoin='off', enable_bitmapscan='off',
                    enable_material='off', enable_memoize='off', enable_seqscan='off',
                    enable_indexscan='off')
    node = 'Index Only Scan'
    sql = 'SELECT count(t.k) FROM probe p JOIN {0} t ON t.k = p.k WHERE p.id <= {1}'

    def prepare(self):
        for arm in self.arms():
            self.bench.built_index(arm)

    def table(self, arm):
        return self.bench.built(arm)

    def query(self, arm, probes):
        return self.sql.format(self.table(arm), probes)

    def run(self, arm, rep):
        cur = self.bench.session(arm, **self.settings)
        cur.execute('EXPLAIN (FORMAT JSON) ' + self.query(arm, self.bench.probes))
        plan = str(cur.fetchone()[0])
        if "'Nested Loop'" not in plan or "'%s'" % self.node not in plan:
            raise RuntimeError('not the plan to be measured: %s' % plan)
        cur.execute(self.query(arm, max(1, self.bench.probes // 20)))
        seconds, _, answer = self.bench.timed_sql(cur, self.query(arm, self.bench.probes))
        cur.connection.close()
        return Sample(seconds / answer[0][0] if self.per_match() else seconds / self.bench.probes,
                      answer=answer)

    def per_match(self):
        return self.bench.keyset.name == 'dup'


class ProbeHeap(Probe):
    name, title, target = 'probe-heap', 'probe and heap fetch', 2.0
    settings = dict(Probe.settings, enable_indexonlyscan='off', enable_indexscan='on')
    node = 'Index Scan'
    sql = ('SELECT count(t.v), sum(t.v) FROM probe p JOIN {0} t ON t.k = p.k'
           ' WHERE p.id <= {1}')


class Range(Work):
    name, title, target = 'range', 'ordered index-only range', 1.5
    model_matters = True
    settings = dict(enable_seqscan='off', enable_bitmapscan='off', enable_indexscan='off',
                    enable_sort='off')
    node = 'Index Only Scan'
    longest = 1_000_000

    def prepare(self):
        for arm in self.arms():
            self.bench.built_index(arm)
        self.length = min(self.longest, self.bench.rows // 2)
        self.title += ' of %d' % self.length
        self.low = self.bench.run(
            'SELECT percentile_disc(0.25) WITHIN GROUP (ORDER BY k)::text FROM probe')[0][0]

    def query(self, arm):
        return ("SELECT k FROM %s WHERE k >= '%s' ORDER BY k OFFSET %d LIMIT 1"
                % (self.bench.built(arm), self.low, self.length - 1))

    def warm(self, cur, query):
        cur.execute(query)

    def run(self, arm, rep):
        query, cur = self.query(arm), self.bench.session(arm, **self.settings)
        cur.execute('EXPLAIN (FORMAT JSON) ' + query)
        plan = str(cur.fetchone()[0])
        if "'%s'" % self.node not in plan or "'Sort'" in plan:
            raise RuntimeError('not the plan to be measured: %s' % plan)
        self.warm(cur, query)
        seconds, _, answer = self.bench.timed_sql(cur, query)
        cur.connection.close()
        return Sample(seconds, answer=answer)


class RangeAggregate(Range):
    """Between two keys, so that no order of rows is asked for."""

    name, title, target = 'range-aggregate', 'aggregate by index only', None

    def prepare(self):
        super().prepare()
        self.high = self.bench.run(
            "SELECT k::text FROM %s WHERE k >= '%s' ORDER BY k OFFSET %d LIMIT 1"
            % (self.bench.built(self.arms()[0]), self.low, self.length))[0][0]

    def query(self, arm):
        return ("SELECT count(k) FROM %s WHERE k >= '%s' AND k < '%s'"
                % (self.bench.built(arm), self.low, self.high))


class RangeCold(Range):
    """Rows in random order of the heap, nothing of which is in memory."""

    name, title, target = 'range-cold', 'cold range with heap fetch', None
    model_matters = False
    scratch_only = True
    settings = dict(Range.settings, enable_indexonlyscan='off', enable_indexscan='on')
    node = 'Index Scan'
    longest = 5000

    def query(self, arm):
        return ("SELECT count(v), sum(v) FROM (SELECT v FROM %s WHERE k >= '%s'"
                ' ORDER BY k LIMIT %d) AS x' % (self.bench.built(arm), self.low, self.length))

    def warm(self, cur, query):
        pass

    def run(self, arm, rep):
        self.bench.server.restart_cold()
        return super().run(arm, rep)


class Copy(Work):
    name, title, target, heap_target = 'copy', 'COPY', 5.0, 1.5
    model_matters = with_heap = True
    tables = 'w_'

    def run(self, arm, rep):
        name = self.tables + arm.tag()
        self.bench.make_table(name, arm)
        cur = self.bench.session(arm, **self.settings(arm))
        seconds, wal, _ = self.bench.timed(cur, lambda: self.load(cur, name))
        cur.execute('SELECT count(*) FROM %s' % name)
        answer = cur.fetchall()
        cur.connection.close()
        return Sample(seconds, wal, self.bench.index_size(name, arm), answer)

    def settings(self, arm):
        return {}

    def load(self, cur, name):
        self.bench.copy_in(cur, name, self.bench.key_file)

    def check(self, arm):
        if arm.method:
            name = self.tables + arm.tag()
            self.bench.run('VACUUM ANALYZE %s' % name)
            self.bench.verify(name, self.title)


class InsertSelect(Copy):
    name, title, target, wal_target = 'insert-select', 'INSERT ... SELECT', 4.0, 0.7
    heap_target = None

    def load(self, cur, name):
        cur.execute('INSERT INTO %s SELECT k, v FROM src' % name)


class RowAtATime(Copy):
    name, title, target, wal_target = 'row', 'row at a time, one transaction', 1.5, 1.0
    heap_target = None

    def load(self, cur, name):
        cur.execute('DO $$ DECLARE r record; BEGIN FOR r IN SELECT k, v FROM src LOOP'
                    ' INSERT INTO %s VALUES (r.k, r.v); END LOOP; END $$' % name)


class RowDirect(InsertSelect):
    """Row by row without the cost of a statement for each: no batching in alex."""

    name, title, target, wal_target = 'row-direct', 'row at a time, one statement', 1.5, 1.0

    def settings(self, arm):
        return {'omendb.alex_batch': 'off'} if arm.method == 'alex' else {}


class CopyThree(Work):
    """COPY of events into a table with three indexes: random int8, (device, ts), ts."""

    name, title, target = 'copy-three', 'COPY, three indexes', 5.0
    with_heap = model_matters = keyset_free = True
    tables = 'e_'

    def run(self, arm, rep):
        name = self.tables + arm.tag()
        self.bench.run('DROP TABLE IF EXISTS %s' % name)
        self.bench.run('CREATE TABLE %s (device int4 NOT NULL, ts timestamptz NOT NULL,'
                       ' key int8 NOT NULL, value float8 NOT NULL)' % name)
        for columns in ('key', 'device, ts', 'ts') if arm.method else ():
            self.bench.run('CREATE INDEX ON %s USING %s (%s)' % (name, arm.method, columns))
        cur = self.bench.session(arm)
        seconds, wal, _ = self.bench.timed(
            cur, lambda: self.bench.copy_in(cur, name, self.bench.event_file()))
        cur.execute('SELECT count(*), sum(key::numeric) FROM %s' % name)
        answer = cur.fetchall()
        cur.connection.close()
        return Sample(seconds, wal, self.bench.index_size(name, arm), answer)

    def check(self, arm):
        if arm.method:
            name = self.tables + arm.tag()
            self.bench.run('VACUUM ANALYZE %s' % name)
            for columns in (('key',), ('device', 'ts'), ('ts',)):
                self.bench.verify(name, self.title, columns)


class CopyBig(Work):
    """COPY of N rows into a table of 10 N rows, which grows by N in each repetition."""

    name, title, target = 'copy-big', 'COPY of N into 10 N', 6.0

    def prepare(self):
        self.bench.big_tables(self.arms())

    def run(self, arm, rep):
        name = 'b_' + arm.tag()
        cur = self.bench.session(arm)
        seconds, wal, _ = self.bench.timed(
            cur, lambda: self.bench.copy_in(cur, name, self.bench.big_file(rep)))
        cur.connection.close()
        return Sample(seconds, wal, self.bench.index_size(name, arm))

    def check(self, arm):
        self.bench.run('VACUUM ANALYZE b_%s' % arm.tag())
        self.bench.verify('b_' + arm.tag(), self.title)


class ProbeBig(Probe):
    name, title, target = 'probe-big', 'index-only probe, 10 N rows', 3.0
    sql = Probe.sql.replace('probe p', 'probe_big p')

    def prepare(self):
        arms = self.arms()
        self.bench.big_tables(arms)
        wanted = min(self.bench.rows, 1_000_000)
        self.bench.run('DROP TABLE IF EXISTS probe_big')
        self.bench.run(
            'CREATE TABLE probe_big AS SELECT row_number() OVER (ORDER BY random()) AS id, k'
            ' FROM (SELECT k FROM b_%s TABLESAMPLE BERNOULLI (%g) REPEATABLE (1) LIMIT %d) s'
            % (arms[0].tag(), min(100.0, 12.0 * wanted / self.bench.rows), wanted))
        self.bench.run('VACUUM ANALYZE probe_big')

    def arms(self):
        return [a for a in self.bench.arms if a.name != 'model-off']

    def table(self, arm):
        return 'b_' + arm.tag()

    def per_match(self):
        return True


class Vacuum(Work):
    name, title, target = 'vacuum', 'VACUUM after deleting 10 %', 1.0

    def prepare(self):
        for arm in self.arms():
            self.bench.built_index(arm)

    def run(self, arm, rep):
        name = self.bench.built(arm)
        cur = self.bench.session(arm)
        cur.execute('DELETE FROM %s WHERE v %% 10 = %d' % (name, rep % 10))
        seconds, wal, _ = self.bench.timed_sql(
            cur, 'VACUUM (INDEX_CLEANUP ON, TRUNCATE OFF, PARALLEL 0) %s' % name)
        cur.execute('SELECT count(*) FROM %s' % name)
        answer = cur.fetchall()
        cur.connection.close()
        return Sample(seconds, wal, self.bench.index_size(name, arm), answer)

    def check(self, arm):
        self.bench.verify(self.bench.built(arm), self.title)


class PgBench(Work):
    """pgbench, prepared statements, synchronous_commit off."""

    unit = 'us'
    model_matters = True
    script = ''
    rows_each = 1
    clients = 1

    def prepare(self):
        for arm in self.arms():
            self.bench.grown(arm)

    def start(self, arm, script, table, clients, rep, *extent):
        variables = dict(n=-1, base=self.bench.cursor[table], clients=clients,
                         feed=self.bench.feed, first=self.bench.first + 1,
                         probes=self.bench.probes)
        settings = dict(arm.settings(), search_path='omendb_bench,public')
        return pgbench.Run(self.bench.server, self.bench.scratch.path,
                           pgbench.script_path(script, self.bench.keyset.name), table,
                           clients, 1000 + rep, list(extent), variables, settings)

    def count(self):
        return max(2000, min(100_000, self.bench.rows // 20))

    def run(self, arm, rep):
        table = self.bench.grown(arm)
        cur = self.bench.session()
        cost, wal, _ = 0.0, 0, None

        def action():
            return self.start(arm, self.script, table, self.clients, rep,
                              '-t', str(self.count() // self.rows_each)).finish()
        _, wal, (cost, done) = self.bench.timed(cur, action)
        self.bench.cursor[table] += done * self.rows_each
        cur.execute('SELECT count(*) FROM %s' % table)
        answer = cur.fetchall()
        cur.connection.close()
        return Sample(cost, wal, self.bench.index_size(table, arm), answer)

    def check(self, arm):
        table = self.bench.grown(arm)
        self.bench.run('VACUUM ANALYZE %s' % table)
        self.bench.verify(table, self.title)


class OneRow(PgBench):
    name, title, target, wal_target = 'tx1', 'transactions of 1 row', 1.1, 1.0
    script = 'insert1'


class TenRows(PgBench):
    name, title, target, wal_target = 'tx10', 'transactions of 10 rows', 1.2, 1.0
    script, rows_each = 'insert10', 10

    def count(self):
        return 2 * super().count()


class Mixed(PgBench):
    """2 writers and 2 readers at once; the cost is the geometric mean of the two."""

    name, title, target = 'mixed', '2 writers + 2 readers', 1.2

    def run(self, arm, rep):
        table = self.bench.grown(arm)
        seconds = str(self.bench.options.seconds)
        cur = self.bench.session()

        def action():
            writers = self.start(arm, 'insert1', table, 2, rep, '-T', seconds)
            readers = self.start(arm, 'select', table, 2, rep, '-T', seconds)
            return writers.finish(), readers.finish()
        _, wal, (write, read) = self.bench.timed(cur, action)
        self.bench.cursor[table] += write[1]
        cur.connection.close()
        return Sample((write[0] * read[0]) ** 0.5, None,
                      note=' (%d writes/s, %d reads/s)' % (1 / write[0], 1 / read[0]))


def sizes(results):
    """Index sizes as results of their own: built, and after each way of inserting."""
    titles = {'build': ('size-built', 'index size, built'),
              'copy': ('size-copied', 'index size, after COPY'),
              'row': ('size-inserted', 'index size, after row inserts'),
              'copy-three': ('size-three', 'size of three indexes')}
    found = []
    for res in results:
        if res.work not in titles or res.error:
            continue
        target = {'uniform': 2.0, 'serial': 4.0}.get(res.keys, FLOOR)
        size = Result(res.keys, *titles[res.work], 'size', target, rows=res.rows)
        for arm, samples in res.samples.items():
            for sample in samples:
                if sample.size is not None:
                    size.add(arm, Sample(sample.size))
        found.append(size)
    return found


ALL = (Build, BuildParallel, Probe, ProbeHeap, Range, RangeAggregate, RangeCold, Copy,
       InsertSelect, RowAtATime, RowDirect, OneRow, TenRows, Mixed, Vacuum, CopyBig, ProbeBig, CopyThree)
BIG = ('copy-big', 'probe-big')


def choose(names, big):
    """The works of a comma-separated list, in their own order, or all of them."""
    known = [w.name for w in ALL]
    if names == 'all':
        return [w for w in ALL if big or w.name not in BIG]
    unknown = [n for n in names.split(',') if n not in known]
    if unknown:
        raise SystemExit('unknown work %s; there are: %s, all'
                         % (', '.join(unknown), ', '.join(known)))
    return [w for w in ALL if w.name in names.split(',')]


def space_needed(options):
    """A rough upper bound of the bytes that key files, tables and WAL take."""
    big = 12 * options.rows if options.big else 0     # WAL has its limit: see bench_settings
    return 700 * options.rows + 400 * big + 4 * 2**30


def free_space_check(path, needed):
    """Stop early when the disk is obviously too small."""
    free = shutil.disk_usage(path).free
    if free < needed:
        raise SystemExit('about %d GB are needed below %s, %d GB are free'
                         % (needed >> 30, path, free >> 30))
