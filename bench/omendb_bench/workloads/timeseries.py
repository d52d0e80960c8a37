"""Time series in the manner of TSBS: readings of hosts, ingested in batches, some of them late
or sent twice, and the questions that dashboards ask."""

import itertools
import time

import numpy as np

from ..clients import Histogram
from ..engines import Table
from .base import BATCH, Broken, Step, Workload, mixed, normal

TABLE = Table('readings', 'id bigint, ts time, device int, region text(12), usage_user float,'
              'usage_system float, usage_idle float, processes int',
              indexes=['device, ts', 'unique id'])
REGIONS = np.array(['eu-west', 'eu-east', 'us-west', 'us-east', 'ap-north', 'ap-south'])
START = np.datetime64('2024-01-01', 'us').astype(np.int64)
INTERVAL = 10_000_000                   # of the readings of a device, microseconds
HOUR = 3600 * 10**6
MULTI_ROW = 1000                        # rows of one INSERT
LATE = 100                              # every so many-th row is late
INSERTED = 10                           # one in so many rows comes by INSERT, the last ones


class Readings:
    """Row number n is the same in every run: all devices report, then all again."""

    def __init__(self, devices, seed):
        self.devices, self.seed = devices, seed

    def micros(self, numbers):
        return START + numbers // self.devices * INTERVAL + numbers % self.devices * 1000

    def columns(self, numbers):
        """Numpy columns of these row numbers."""
        unsigned = numbers.astype(np.uint64)
        noise = [mixed(unsigned + np.uint64(self.seed + part * 1000003), 62) >> np.uint64(40)
                 for part in (1, 2, 3)]
        device = numbers % self.devices
        day = np.sin(numbers // self.devices / 8640.0 * 2 * np.pi + device)
        user = np.where(noise[0] % 50 == 0, 90 + noise[1] % 1000 / 100.0,
                        np.round(35 + 25 * day + noise[1] % 1000 / 100.0, 2))
        system = np.round(5 + noise[2] % 400 / 100.0, 2)
        return [mixed(unsigned, 62), self.micros(numbers), device, REGIONS[device % len(REGIONS)],
                user, system, np.round(100 - user - system, 2), 50 + noise[0] % 300]

    def batch(self, engine, numbers):
        """Lists of the engine's own values."""
        columns = self.columns(numbers)
        return [columns[0].tolist(), engine.times(columns[1])] + [c.tolist() for c in columns[2:]]


class DeviceClient:
    """Asks about a device at a time."""

    def __init__(self, workload, session, number, question):
        self.workload, self.session = workload, session
        self.rng = np.random.default_rng([workload.plan.seed, number])
        self.ask = getattr(self, question)

    def __call__(self):
        return self.ask(int(self.rng.integers(0, self.workload.devices)))

    def last_point(self, device):
        rows = self.session.run('SELECT ts, usage_user, usage_system, usage_idle FROM readings'
                                ' WHERE device = ? ORDER BY ts DESC LIMIT 1', (device,))
        if len(rows) != 1:
            raise Broken('device %d has no last point' % device)
        return 'last point'

    def device_range(self, device):
        low, high = self.workload.hour_at(self.rng.random())
        rows = self.session.run('SELECT ts, usage_user, usage_system, usage_idle FROM readings'
                                ' WHERE device = ? AND ts >= ? AND ts < ?', (device, low, high))
        if not rows:
            raise Broken('device %d has no readings in an hour' % device)
        return 'range'


class TimeSeries(Workload):
    name = 'timeseries'
    title = 'Time series'
    about = ('Readings of hosts every ten seconds, with indexes on (device, ts) and on a unique '
             'random id. One row in a hundred comes late, the last tenth by INSERT of %d rows '
             'each, and some rows twice. Questions in the manner of TSBS.' % MULTI_ROW)
    tables = (TABLE,)

    def __init__(self, plan, engine):
        super().__init__(plan, engine)
        self.rows = plan.rows
        self.devices = max(10, min(4000, plan.rows // 1000))
        self.readings = Readings(self.devices, plan.seed)
        self.end = self.rows // self.devices * INTERVAL

    def hour_at(self, share):
        """An hour somewhere in the time that is covered, or all of it if that is less."""
        low = START + int(share * max(0, self.end - HOUR))
        return tuple(self.engine.times(np.array([low, low + HOUR])))

    def steps(self):
        hour = self.engine.hour('ts')
        window = self.hour_at(0.5)
        analytical = (
            ('by-hour', 'mean and maximum by hour, all hosts',
             'SELECT count(*), avg(usage_user), max(usage_user) FROM readings GROUP BY %s'
             ' ORDER BY min(ts)' % hour, ()),
            ('high-cpu', 'readings above 90 in one hour, all hosts',
             'SELECT count(*), sum(usage_system), min(device), max(device) FROM readings'
             ' WHERE usage_user > 90 AND ts >= ? AND ts < ?', window),
            ('downsample', 'means of three metrics by host and hour',
             'SELECT count(*), sum(a), sum(b), sum(c) FROM (SELECT device, avg(usage_user) AS a,'
             ' avg(usage_system) AS b, avg(usage_idle) AS c FROM readings'
             ' GROUP BY device, %s) AS x' % hour, ()),
            ('by-region', 'counts, means and maxima by region, all rows',
             'SELECT region, count(*), avg(usage_user), max(processes) FROM readings'
             ' GROUP BY region ORDER BY region', ()))
        return [
            Step('ingest', 'ingest, batches of %d rows' % BATCH, self.ingest_batches, 'rows/s',
                 prepares=True),
            Step('insert', 'ingest, INSERT of %d rows' % MULTI_ROW, self.ingest_inserts, 'rows/s',
                 prepares=True),
            Step('late', 'late rows, in batches', self.ingest_late, 'rows/s', prepares=True),
            Step('duplicates', 'rows that are there already, refused by their id',
                 self.ingest_duplicates, 'rows/s'),
            self.settle_step(),
            Step('last-point', 'last point of a host', lambda s: self.ask_devices('last_point')),
            Step('device-range', 'an hour of a host', lambda s: self.ask_devices('device_range')),
        ] + [Step(name, title, lambda s, sql=sql, params=params: self.asked(s, sql, params),
                  'queries/s') for name, title, sql, params in analytical] + [
            Step('consistency', 'every row is there once, with its values', self.consistent, '')]

    def numbers(self, first, last, late=False):
        """The row numbers of a range that are late, or that are not."""
        numbers = np.arange(first, last)
        return numbers[(numbers % LATE == 0) == late]

    def first_inserted(self):
        return self.rows - self.rows // INSERTED

    def pieces(self, numbers, size):
        return (self.readings.batch(self.engine, numbers[at:at + size])
                for at in range(0, len(numbers), size))

    def ingest_batches(self, session):
        session.create(TABLE)
        batches = itertools.chain.from_iterable(
            self.pieces(self.numbers(at, min(at + 100 * BATCH, self.first_inserted())), BATCH)
            for at in range(0, self.first_inserted(), 100 * BATCH))
        return self.ingest(session, TABLE, batches, self.first_inserted())

    def inserts(self, session, numbers, ignore):
        """Multi-row INSERTs; the text of a statement is made outside of the time."""
        latencies, rows = Histogram(), 0
        for columns in self.pieces(numbers, MULTI_ROW):
            packed = session.pack_insert(TABLE, columns, ignore)
            begin = time.perf_counter()
            session.insert_many(packed)
            latencies.add(time.perf_counter() - begin)
            rows += len(columns[0])
        return dict(latencies.summary(), operations=rows, seconds=latencies.total,
                    rate=rows / latencies.total)

    def ingest_inserts(self, session):
        return self.inserts(session, self.numbers(self.first_inserted(), self.rows), False)

    def ingest_late(self, session):
        late = np.random.default_rng(self.plan.seed).permutation(self.numbers(0, self.rows, True))
        return self.ingest(session, TABLE, self.pieces(late, BATCH), len(late))

    def ingest_duplicates(self, session):
        some = self.numbers(0, min(self.rows, 20 * MULTI_ROW))
        return self.inserts(session, some, True)

    def ask_devices(self, question):
        return self.clients(lambda session, number: DeviceClient(
            self, session, number, question)).measurement()

    def expected(self):
        """Count, and sums of what is exact: the ids modulo a thousand and the processes."""
        ids = processes = 0
        for at in range(0, self.rows, 10**6):
            columns = self.readings.columns(np.arange(at, min(at + 10**6, self.rows)))
            ids += int((columns[0] % np.uint64(1000)).sum())
            processes += int(columns[7].sum())
        return normal([(self.rows, ids, processes)])

    def consistent(self, session):
        found = session.query('SELECT count(*), sum(id % 1000), sum(processes) FROM readings')
        found = normal([[int(value) for value in found[0]]])
        if found != self.expected():
            raise Broken('count and sums are %s, and should be %s' % (found, self.expected()))
        return {'operations': 3}
