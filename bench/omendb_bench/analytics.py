"""bench/analytics: analytical queries on omendb tables, on heap tables and in DuckDB."""

import csv
import ctypes
import datetime
import json
import os
import random
import re
import statistics
import subprocess
import time

from .analyticdata import KEYS, LINES, REAL_FLIGHTS, SENSORS, file_of
from .cluster import say
from .report import bytes_text, cost_text, draw, ratio_text
from . import analyticqueries, npm

LIBC = ctypes.CDLL(None)

SPEED_OF_DUCKDB = 0.7
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'engines', 'duckdb.mjs')
START = datetime.datetime(2026, 1, 1)       # of the sensors' readings
UPDATED = 'hashint8extended(%s, 1) %% 100 = 0'
UPDATES = {'sensor': ('status = status', "(date_part('epoch', ts) * 1000000)::int8"),
           'lineitem': ('l_tax = l_tax', 'l_orderkey * 8 + l_linenumber'),
           'flights': ('delay = delay', "(date_part('epoch', flown)::int8 * 5000 + coalesce(delay, 0))")}


class Bench:
    """The run: a server, DuckDB, what is measured, and where files are."""

    def __init__(self, server, options, scratch):
        self.server, self.options, self.scratch = server, options, scratch
        self.modules = None
        self.engines = []
        self.data = [SENSORS, LINES]

    def place(self, name):
        """A file that the server may write and read."""
        return os.path.join(self.server.host, name)

    def session(self, **settings):
        cur = self.server.connect().cursor()
        cur.execute("SET search_path = omendb_bench, public; SET timezone = 'UTC'")
        for name, value in settings.items():
            cur.execute('SET %s = %s' % (name, value))
        return cur

    def run(self, sql, **settings):
        cur = self.session(**settings)
        try:
            cur.execute(sql)
            return cur.fetchall() if cur.description else None
        finally:
            cur.connection.close()

    def setup(self):
        self.run('DROP SCHEMA IF EXISTS omendb_bench CASCADE')
        self.run('CREATE EXTENSION IF NOT EXISTS omendb')
        self.run('CREATE SCHEMA omendb_bench')
        self.engines = [Postgres(self, 'heap', 'heap', 1), Postgres(self, 'omendb', 'omendb', 1),
                        Postgres(self, 'omendb 2', 'omendb', 2)]
        try:
            self.modules = npm.modules(self.options.npm or self.scratch.file('npm'))
        except RuntimeError as error:
            say('%s: DuckDB and the real flights are left out' % error)
            return
        self.data.append(REAL_FLIGHTS)
        self.engines += [DuckDB(self, 'DuckDB', 1), DuckDB(self, 'DuckDB 2', 2)]

    def close(self):
        for engine in self.engines:
            engine.close()


class Postgres:
    """Tables of one access method, read by so many processes; one session for the whole run."""

    def __init__(self, bench, name, method, processes):
        self.bench, self.name, self.method = bench, name, method
        self.cur = bench.session(max_parallel_workers_per_gather=processes - 1)
        self.owner = processes == 1

    def table(self, name):
        return '%s_%s' % (name, self.method)

    def load(self, data):
        if not self.owner:
            return
        table = self.table(data.name)
        say('loading %s, %s' % (data.name, self.name))
        self.cur.execute('CREATE TABLE %s (%s) USING %s' % (table, data.columns, self.method))
        self.cur.execute("COPY %s FROM '%s' (FORMAT csv)" % (table, file_of(self.bench, data)))
        self.cur.execute('VACUUM (FREEZE, ANALYZE) %s' % table)
        if self.method == 'omendb':
            self.cur.execute("SELECT * FROM omendb.compact('%s')" % table)

    def ask(self, query_sql, data):
        """Seconds and rows."""
        sql = re.sub(r'\b%s\b' % data.name, self.table(data.name), query_sql)
        began = time.perf_counter()
        self.cur.execute(sql)
        rows = self.cur.fetchall()
        return time.perf_counter() - began, rows

    def processor(self):
        return processor_seconds(self.cur.connection.get_backend_pid())

    def plan(self, query_sql, data):
        """The names of the plan's nodes that are ours."""
        self.cur.execute('EXPLAIN (COSTS OFF) ' + re.sub(r'\b%s\b' % data.name, self.table(data.name), query_sql))
        return sorted(set(re.findall(r'Omendb\w+|Gather', str(self.cur.fetchall()))))

    def drop(self, data):
        if self.owner:
            self.cur.execute('DROP TABLE IF EXISTS %s' % self.table(data.name))

    def close(self):
        self.cur.connection.close()


class DuckDB:
    """DuckDB in a node program that stays open; both numbers of threads share one database."""

    process = None

    def __init__(self, bench, name, threads):
        self.bench, self.name, self.threads = bench, name, threads
        if DuckDB.process is None:
            self.open()

    def open(self):
        DuckDB.process = subprocess.Popen(
            ['node', PROGRAM, self.bench.modules, self.bench.scratch.file('analytics.duckdb'),
             self.bench.scratch.file('duckdb.sock')], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if DuckDB.process.stdout.readline() != 'ready\n':
            raise RuntimeError('the DuckDB process does not start')

    @staticmethod
    def send(sql):
        process = DuckDB.process
        process.stdin.write(json.dumps({'sql': sql, 'params': [], 'prepare': False}) + '\n')
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        if 'error' in answer:
            raise RuntimeError('DuckDB: %s' % answer['error'])
        return answer

    def load(self, data):
        if self.threads > 1:
            return
        say('loading %s, DuckDB' % data.name)
        self.send('CREATE TABLE %s (%s)' % (data.name, data.duckdb))
        self.send("COPY %s FROM '%s' (FORMAT csv, HEADER false)" % (data.name, file_of(self.bench, data)))
        self.send('CHECKPOINT')

    def ask(self, query_sql, data):
        self.send('SET threads = %d' % self.threads)
        answer = self.send(query_sql)
        rows = [[v['big'] if isinstance(v, dict) else v for v in row] for row in answer['rows']]
        return answer['seconds'], rows

    def processor(self):
        return processor_seconds(self.process.pid)

    def plan(self, query_sql, data):
        return []

    def drop(self, data):
        if self.threads == 1:
            self.send('DROP TABLE IF EXISTS %s' % data.name)

    @staticmethod
    def close():
        if DuckDB.process is not None:
            DuckDB.process.kill()
            DuckDB.process.wait()
            DuckDB.process = None


def processor_seconds(pid):
    """Processor time of a process, all of its threads, those too that have ended."""
    clock = ctypes.c_int()
    if LIBC.clock_getcpuclockid(pid, ctypes.byref(clock)) != 0:
        raise RuntimeError('no processor time of process %d' % pid)
    return time.clock_gettime(clock.value)


# ---- answers

def plain(value):
    """A number, or text without what engines spell in different ways."""
    if value is None:
        return ''
    try:
        return float(value)
    except (TypeError, ValueError):
        text = re.sub(r'\+00(:00)?$', '', str(value).rstrip())
        if re.match(r'\d{4}-\d\d-\d\d ', text):
            text = re.sub(r'\.?0+$', '', text) if '.' in text else text.replace(' 00:00:00', '')
        return text


def normal(rows, ordered):
    rows = [[plain(v) for v in row] for row in rows]
    return rows if ordered else sorted(rows, key=lambda row: [(isinstance(v, float), str(v)) for v in row])


def same(left, right):
    if isinstance(left, float) and isinstance(right, float):
        return abs(left - right) <= 1e-9 * max(abs(left), abs(right))
    return left == right


def agree(left, right, ordered):
    """Do two engines give the same answer? Sums of floats may differ in their last digits."""
    left, right = normal(left, ordered), normal(right, ordered)
    return len(left) == len(right) and all(
        len(a) == len(b) and all(map(same, a, b)) for a, b in zip(left, right))


# ---- measuring

class Measured:
    """What one query took: seconds by engine; after updates too."""

    def __init__(self, query):
        self.query = query
        self.seconds = {}
        self.processor = {}                 # processor time, of engines with one process or thread
        self.plans = {}
        self.error = None

    def median(self, engine):
        values = self.seconds.get(engine)
        return statistics.median(values) if values else None

    def ratio(self, base, other):
        above, below = self.median(base), self.median(other)
        return above / below if above and below else None

    def processor_ratio(self, base, other):
        if base not in self.processor or other not in self.processor:
            return None
        return statistics.median(self.processor[base]) / max(statistics.median(self.processor[other]), 1e-9)


def sql_of(query, options):
    """The query with the window of time: one hundredth of the readings, from the middle."""
    length = options.rows * 0.05
    start = START + datetime.timedelta(seconds=int(length / 2))
    end = start + datetime.timedelta(seconds=max(1, int(length / 100)))
    return query.sql.replace('@from@', str(start)).replace('@to@', str(end))


def measure(bench, query, engines, repeat):
    """A warm-up, then every engine in turn, in alternating order; answers must be the same."""
    measured = Measured(query)
    sql = sql_of(query, bench.options)
    try:
        answers = {}
        for engine in engines:
            answers[engine.name] = engine.ask(sql, query.data)[1]
            measured.plans[engine.name] = engine.plan(sql, query.data)
        for name, rows in answers.items():
            if not agree(rows, answers['heap'], query.ordered):
                raise RuntimeError('another answer from %s: %s, heap: %s' % (name, rows[:3], answers['heap'][:3]))
        for rep in range(repeat):
            for engine in engines if rep % 2 == 0 else engines[::-1]:
                before = engine.processor()
                measured.seconds.setdefault(engine.name, []).append(engine.ask(sql, query.data)[0])
                measured.processor.setdefault(engine.name, []).append(engine.processor() - before)
        say('%s, %s: %s' % (query.data.name, query.title, ', '.join(
            '%s %.1f ms' % (name, 1000 * measured.median(name)) for name in measured.seconds)))
    except Exception as error:              # pylint: disable=broad-except
        measured.error = ' '.join(str(error).split()) or repr(error)
        say('%s, %s: ERROR: %s' % (query.data.name, query.title, measured.error))
    return measured


def measure_data(bench, data):
    """All queries on one data set, clean and after 1 % of the rows were updated at random."""
    chosen = [q for q in analyticqueries.ALL if q.data is data and bench.options.wants(q.name)]
    if not chosen:
        return [], []
    for engine in bench.engines:
        engine.load(data)
    clean = [measure(bench, query, bench.engines, bench.options.repeat) for query in chosen]
    updated = []
    if bench.options.wants('updated'):
        change, key = UPDATES[data.name]
        engines = [e for e in bench.engines if isinstance(e, Postgres)]
        for engine in engines:
            if engine.owner:
                engine.cur.execute('UPDATE %s SET %s WHERE %s' % (engine.table(data.name), change, UPDATED % key))
        say('%s: %d rows updated' % (data.name, engines[0].cur.rowcount))
        updated = [measure(bench, query, engines, bench.options.repeat) for query in chosen]
    for engine in bench.engines:
        engine.drop(data)
    return clean, updated


# ---- many groups

def status_of(pid):
    """Numbers of /proc/PID/status in bytes."""
    with open('/proc/%d/status' % pid, encoding='ascii') as status:
        return {name: int(number) * 1024 for name, number in re.findall(r'^(\w+):\s+(\d+) kB', status.read(), re.M)}


def own_peak(pid):
    """The most memory of a process that is not shared."""
    status = status_of(pid)
    return status['VmHWM'] - status['RssShmem']


def groups(bench):
    """GROUP BY with a group for each row: time, and how much memory of its own the backend took."""
    engines = [e for e in bench.engines if isinstance(e, Postgres) and e.owner]
    for engine in engines:
        engine.load(KEYS)
    sql = 'SELECT count(*), sum(n), sum(s) FROM (SELECT k, count(*) AS n, sum(v) AS s FROM %s GROUP BY k) g'
    lines, answers = [], set()
    for megabytes in (64, 1024):
        limit = megabytes * 2**20 * float(bench.run("SELECT setting FROM pg_settings WHERE name = 'hash_mem_multiplier'")[0][0])
        for engine in engines:
            cur = bench.session(max_parallel_workers_per_gather=0, work_mem="'%dMB'" % megabytes)
            cur.execute('SELECT count(k), count(v) FROM %s' % engine.table(KEYS.name))
            pid = cur.connection.get_backend_pid()
            before, began = own_peak(pid), time.perf_counter()
            cur.execute(sql % engine.table(KEYS.name))
            answers.add(str(cur.fetchall()))
            seconds, peak = time.perf_counter() - began, max(own_peak(pid) - before, 0)
            cur.connection.close()
            lines.append(['work_mem %d MB' % megabytes, engine.name, cost_text(seconds, 's'), bytes_text(peak), bytes_text(limit),
                          'pass' if peak <= 1.1 * limit else 'miss'])
            say('%d groups, %s, work_mem %d MB: %.2f s, %s' % (bench.options.rows, engine.name, megabytes, seconds, bytes_text(peak)))
    for engine in engines:
        engine.drop(KEYS)
    if len(answers) != 1:
        raise RuntimeError('different answers: %s' % answers)
    return lines


# ---- planning

def planning(bench):
    """The look-ups of pgbench -S, planned each time: processor time of the backend for each."""
    scale = str(max(1, bench.options.rows // 1_000_000))
    arms = [('heap', 'heap', 'on'), ('omendb', 'omendb', 'on'), ('omendb, aggregates off', 'omendb', 'off')]
    for method in ('heap', 'omendb'):
        bench.run('CREATE SCHEMA bench_%s' % method)
        pgbench(bench, method, '-i', '-q', '-s', scale)
    bench.run("SELECT * FROM omendb.compact('bench_omendb.pgbench_accounts')")
    times = {}
    for rep in range(2 * bench.options.repeat):
        for name, method, setting in arms if rep % 2 == 0 else arms[::-1]:
            times.setdefault(name, []).append(look_ups(bench, method, setting, rep))
    for method in ('heap', 'omendb'):
        bench.run('DROP SCHEMA bench_%s CASCADE' % method)
    heap = statistics.median(times['heap'])
    lines = []
    for name, found in times.items():
        cost = statistics.median(found)
        spread = (max(found) - min(found)) / cost
        lines.append(['look-up by key', name, cost_text(cost, 'us'), '%+.1f %%' % (100 * (cost / heap - 1)), '%.0f %%' % (100 * spread),
                      '' if name == 'heap' else '< 2 %', '' if name == 'heap' else 'pass' if cost < 1.02 * heap else 'miss'])
    return lines


def look_ups(bench, method, aggregates, seed):
    """Processor seconds of one look-up: the median of batches of 200."""
    cur = bench.session(search_path='bench_%s' % method, **{'omendb.columnar_aggregate': aggregates})
    pid, rng, costs = cur.connection.get_backend_pid(), random.Random(seed), []
    end = time.time() + bench.options.seconds
    while time.time() < end or len(costs) < 5:
        before = processor_seconds(pid)
        for _ in range(200):
            cur.execute('SELECT abalance FROM pgbench_accounts WHERE aid = %d' % rng.randint(1, 100000))
        costs.append((processor_seconds(pid) - before) / 200)
    cur.connection.close()
    return statistics.median(costs)


def pgbench(bench, method, *args):
    env = bench.server.environment(default_table_access_method=method, search_path='bench_%s,public' % method)
    done = subprocess.run([bench.server.program('pgbench')] + list(args), env=env, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError('pgbench: ' + ' '.join(done.stderr.split()[-40:]))
    return done.stdout


# ---- report

def time_text(seconds):
    if seconds is None:
        return '-'
    return '%.2f ms' % (seconds * 1e3) if seconds < 0.1 else '%.0f ms' % (seconds * 1e3)


def verdict(ratio, target):
    return '-' if ratio is None else 'pass' if ratio >= target else 'miss'


def table(results):
    """Times and ratios; a ratio is the other engine's time divided by omendb's."""
    header = ['data', 'query', 'heap', 'omendb', 'omendb 2', 'DuckDB', 'DuckDB 2', 'heap/omendb', 'CPU', 'target', 'verdict',
              'DuckDB/omendb', 'CPU', '2 threads', 'target', 'verdict']
    rows = []
    for res in results:
        if res.error:
            rows.append([res.query.data.name, res.query.title] + ['-'] * 13 + ['ERROR'])
            continue
        one, two = res.ratio('DuckDB', 'omendb'), res.ratio('DuckDB 2', 'omendb 2')
        heap = res.ratio('heap', 'omendb')
        rows.append([res.query.data.name, res.query.title] + [time_text(res.median(name)) for name in header[2:7]] + [
            ratio_text(heap), ratio_text(res.processor_ratio('heap', 'omendb')), '%gx' % res.query.target,
            verdict(heap, res.query.target), ratio_text(one), ratio_text(res.processor_ratio('DuckDB', 'omendb')), ratio_text(two),
            '%gx' % SPEED_OF_DUCKDB, '-' if one is None else verdict(min(one, two), SPEED_OF_DUCKDB)])
    return draw(header, rows)


def updated_table(clean, updated):
    """Clean time divided by the time after updates, for omendb; and still heap's by omendb's."""
    rows = []
    for before, after in zip(clean, updated):
        if before.error or after.error:
            rows.append([after.query.data.name, after.query.title] + ['-'] * 6 + ['ERROR'])
            continue
        kept = before.median('omendb') / after.median('omendb')
        rows.append([after.query.data.name, after.query.title, time_text(after.median('heap')), time_text(after.median('omendb')),
                     time_text(after.median('omendb 2')), ratio_text(kept), '0.5x', verdict(kept, 0.5),
                     ratio_text(after.ratio('heap', 'omendb'))])
    return draw(['data', 'query', 'heap', 'omendb', 'omendb 2', 'clean/updated', 'target', 'verdict', 'heap/omendb'], rows)


def write_csv(path, clean, updated):
    with open(path, 'w', newline='', encoding='utf-8') as out:
        writer = csv.writer(out)
        writer.writerow(['data', 'query', 'state', 'engine', 'median', 'min', 'max', 'samples', 'processor', 'plan', 'error'])
        for state, results in (('clean', clean), ('updated', updated)):
            for res in results:
                if res.error:
                    writer.writerow([res.query.data.name, res.query.name, state] + [''] * 7 + [res.error])
                    continue
                for name, seconds in res.seconds.items():
                    writer.writerow([res.query.data.name, res.query.name, state, name] + ['%.6g' % f(seconds) for f in (
                        statistics.median, min, max)] + [len(seconds), '%.6g' % statistics.median(res.processor[name]), ' '.join(res.plans[name]), ''])
