"""The works of bench/table: an omendb table beside a heap table with the same rows."""

import os
import re
import subprocess

from .cluster import say
from .report import Result, Sample

SENSOR = ('ts timestamptz NOT NULL, device int4 NOT NULL, region text NOT NULL,'
          ' temperature float8 NOT NULL, humidity float8 NOT NULL, status int2 NOT NULL, note text')

# A random device reports every 50 ms or so; temperature and humidity follow the day and the
# device with a little noise; nearly every status is 0 and nearly every note is null.
SENSOR_ROWS = """
SELECT timestamptz '2026-01-01 00:00+00' + i * interval '50 ms' + random() * interval '40 ms',
       device,
       (ARRAY['north', 'north-east', 'east', 'south-east', 'south', 'south-west', 'west',
              'north-west'])[1 + device %% 8],
       round((20 + 5 * sin(i / 270000.0 + device) + random() * 0.4)::numeric, 2)::float8,
       round((55 + 9 * cos(i / 270000.0 + device) + random() * 0.8)::numeric, 2)::float8,
       CASE WHEN random() < 0.98 THEN 0 ELSE 1 + (random() * 3)::int2 END::int2,
       CASE WHEN random() < 0.02 THEN 'calibration ' || (random() * 40)::int END
FROM (SELECT i, (random() * 999)::int4 AS device FROM generate_series(1, %d) i) AS d"""


class Arm:
    """One side of the comparison: a table access method."""

    def __init__(self, name):
        self.name = name


HEAP, OMENDB = Arm('heap'), Arm('omendb')


class Bench:
    """The run: where, how many rows, and the sessions."""

    def __init__(self, server, options, scratch):
        self.server, self.options, self.scratch = server, options, scratch
        self.rows, self.repeat = options.rows, options.repeat
        # the server writes it and reads it: a place that it may write to
        self.source = os.path.join(server.host, 'sensor-%d-%d.txt' % (options.rows, options.seed))

    def session(self, **settings):
        cur = self.server.connect().cursor()
        cur.execute('SET search_path = omendb_bench, public')
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
        say('generating %d sensor rows (seed %d)' % (self.rows, self.options.seed))
        cur = self.session()
        cur.execute('SELECT setseed(%s)', (self.options.seed / 1000.0,))
        cur.execute("COPY (%s) TO '%s'" % (SENSOR_ROWS % self.rows, self.source))
        cur.connection.close()

    def timed(self, cur, sql):
        """One statement after a checkpoint: seconds, WAL bytes, rows of the answer."""
        cur.execute('CHECKPOINT')
        cur.execute("SELECT pg_current_wal_insert_lsn() - '0/0', clock_timestamp()")
        wal, start = cur.fetchone()
        cur.execute(sql)
        answer = cur.fetchall() if cur.description else None
        cur.execute("SELECT pg_current_wal_insert_lsn() - '0/0', clock_timestamp()")
        wal_end, end = cur.fetchone()
        return (end - start).total_seconds(), int(wal_end - wal), answer

    def make(self, table, arm):
        self.run('DROP TABLE IF EXISTS %s' % table)
        self.run('CREATE TABLE %s (%s) USING %s' % (table, SENSOR, arm.name))

    def loaded(self, arm):
        """The table that is read, all visible; columns of all of it with omendb."""
        table = 'sensor_' + arm.name
        if not self.run("SELECT to_regclass('%s')" % table)[0][0]:
            say('loading the table to read, %s' % arm.name)
            self.make(table, arm)
            self.run("COPY %s FROM '%s'" % (table, self.source))
            self.run('VACUUM (FREEZE, ANALYZE) %s' % table)
            if arm is OMENDB:
                self.run("SELECT * FROM omendb.compact('%s')" % table)
        return table


class Work:
    """A work: run() does it once for one arm. target: heap's cost / omendb's, at least."""

    name = title = ''
    unit = 's'
    target = None

    def __init__(self, bench):
        self.bench = bench

    def run(self, arm, rep):
        raise NotImplementedError

    def finish(self):
        pass


class Copy(Work):
    name, title, target = 'copy', 'COPY of sensor rows, insert only', 0.97

    def run(self, arm, rep):
        self.bench.make('copied', arm)
        cur = self.bench.session()
        seconds, wal, _ = self.bench.timed(cur, "COPY copied FROM '%s'" % self.bench.source)
        cur.connection.close()
        return Sample(seconds, wal)

    def finish(self):
        self.bench.run('DROP TABLE IF EXISTS copied')


class PgBench(Work):
    """pgbench's own tables, made with the arm's access method; prepared, sync off."""

    unit = 'us'
    target = 0.97
    script = 'tpcb-like'
    compacted = False

    def pgbench(self, arm, *args):
        env = self.bench.server.environment(default_table_access_method=arm.name,
                                            search_path='omendb_bench,public',
                                            synchronous_commit='off')
        done = subprocess.run([self.bench.server.program('pgbench')] + list(args), env=env,
                              text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError('pgbench: ' + ' '.join(done.stderr.split()[-40:]))
        return done.stdout

    def run(self, arm, rep):
        scale = max(1, self.bench.rows // 500_000)
        self.pgbench(arm, '-i', '-q', '-s', str(scale))
        if self.compacted and arm is OMENDB:
            self.bench.run("SELECT * FROM omendb.compact('pgbench_accounts')")
        self.bench.run('CHECKPOINT')
        out = self.pgbench(arm, '-n', '-M', 'prepared', '-b', self.script, '-c', '1',
                           '-T', str(self.bench.options.seconds), '--random-seed=%d' % (1000 + rep))
        return Sample(1.0 / float(re.search(r'^tps = ([0-9.]+)', out, re.M).group(1)))


class TpcB(PgBench):
    name, title = 'tpcb', 'pgbench TPC-B, no columns yet'


class SimpleUpdate(PgBench):
    name, title, script = 'simple-update', 'pgbench simple-update, no columns yet', 'simple-update'


class CoveredUpdate(SimpleUpdate):
    name, title, target, compacted = 'covered', 'pgbench simple-update of covered rows', 0.85, True


class BulkUpdate(Work):
    name, title, target = 'update', 'UPDATE of a random 1 % of covered rows', 0.85

    def run(self, arm, rep):
        table = self.bench.loaded(arm)
        cur = self.bench.session()
        seconds, wal, _ = self.bench.timed(
            cur, 'UPDATE %s SET status = status + 1 WHERE hashint4(device + %d) %% 1000 < 10'
            ' AND status < 9' % (table, rep))
        cur.connection.close()
        return Sample(seconds, wal)

    def finish(self):
        for arm in (HEAP, OMENDB):
            self.bench.run('DROP TABLE IF EXISTS sensor_' + arm.name)


class Read(Work):
    """A query that keeps the executor busy as little as possible: rows are thrown away."""

    query = ''

    def run(self, arm, rep):
        table = self.bench.loaded(arm)
        cur = self.bench.session(max_parallel_workers_per_gather=0)
        sql = self.query % table
        if rep == 0:
            cur.execute(sql)                # warm
        seconds, _, answer = self.bench.timed(cur, sql)
        cur.connection.close()
        return Sample(seconds, answer=answer)


class Project(Read):
    name, title, target = 'project', 'projection of 2 of 7 columns', 3.0
    query = 'SELECT device, temperature FROM %s OFFSET 1000000000'


class All(Read):
    name, title = 'all', 'all 7 columns'
    query = 'SELECT * FROM %s OFFSET 1000000000'


class Filter(Read):
    name, title = 'filter', '0.1 % by temperature, 3 columns'
    query = ('SELECT count(*), min(ts), max(humidity) FROM %s'
             ' WHERE temperature BETWEEN 24.99 AND 25.0')


class Window(Read):
    name, title = 'window', '1 % by time, 3 columns'
    query = ("SELECT count(*), sum(device), max(temperature) FROM %s WHERE ts >="
             " timestamptz '2026-01-01 00:10+00' AND ts < timestamptz '2026-01-01 00:20+00'")


class ProjectUpdated(Read):
    name, title = 'project-updated', 'projection, 1 % of rows updated since'
    query = Project.query

    def run(self, arm, rep):
        if rep == 0:
            self.bench.run('UPDATE %s SET status = status WHERE hashfloat8(temperature + humidity)'
                           ' %% 100 = 0' % self.bench.loaded(arm))
        return super().run(arm, rep)


ALL = (Copy, TpcB, SimpleUpdate, CoveredUpdate, Project, All, Filter, Window, ProjectUpdated,
       BulkUpdate)


def measure(work):
    """Run a work for both arms in alternating order; their answers must be the same."""
    result = Result('sensor', work.name, work.title, work.unit, work.target, rows=work.bench.rows)
    try:
        for rep in range(work.bench.repeat):
            for arm in (HEAP, OMENDB) if rep % 2 == 0 else (OMENDB, HEAP):
                sample = work.run(arm, rep)
                result.add(arm.name, sample)
                say('%s, %s, %d of %d: %.3f %s' % (
                    work.title, arm.name, rep + 1, work.bench.repeat,
                    sample.cost * (1e6 if work.unit == 'us' else 1), work.unit))
        if len({str(s.answer) for found in result.samples.values() for s in found}) > 1:
            raise RuntimeError('different answers: %s' % {
                arm: found[0].answer for arm, found in result.samples.items()})
    except Exception as error:              # pylint: disable=broad-except
        result.error = ' '.join(str(error).split()) or repr(error)
        say('%s: ERROR: %s' % (work.title, result.error))
    work.finish()
    return result


def compaction(bench):
    """Lines about what has no counterpart in heap: time, size, enable."""
    bench.make('sensor_copy', OMENDB)
    bench.run("COPY sensor_copy FROM '%s'" % bench.source)
    bench.run('VACUUM (FREEZE, ANALYZE) sensor_copy')
    heap = bench.run("SELECT pg_table_size('sensor_copy')")[0][0]
    cur = bench.session()
    seconds, wal, _ = bench.timed(cur, "SELECT * FROM omendb.compact('sensor_copy')")
    cur.connection.close()
    size = bench.run("SELECT sum(bytes) FROM omendb.stat_table WHERE relid = 'sensor_copy'::regclass")
    bench.run("SELECT omendb.disable('sensor_copy')")
    cur = bench.session()
    enable = bench.timed(cur, "SELECT omendb.enable('sensor_copy')")[0]
    cur.connection.close()
    bench.run('DROP TABLE sensor_copy')
    return [('compaction of %d rows' % bench.rows, '%.2f s' % seconds, '<= 10 s for 10 million'),
            ('WAL of the compaction', '%.1f MB' % (wal / 2**20), ''),
            ('columns / rows, bytes', '%.1f %%' % (100.0 * float(size[0][0]) / heap), '<= 12 %'),
            ('omendb.enable', '%.1f ms' % (enable * 1000), '< 50 ms')]
