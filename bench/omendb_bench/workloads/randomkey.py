"""Ingest of random keys, by the batch, as the table grows, and reads of what is there then."""

import numpy as np

from ..cluster import say
from ..engines import Table
from .base import BATCH, Broken, Step, Workload, normal

COLUMNS = 'k bigint, device int, ts time, v int, x float'
INDEXES = ('k', 'device, ts', 'ts', 'v')
RANGE = 1000                            # keys of a range scan, about
PROBES = 1_000_000
START = np.datetime64('2024-01-01', 'us').astype(np.int64)
PROBE = Table('probe', 'n int, p bigint', key='n')
KEYS = 2**62


def table_with(indexes):
    return Table('random_%d' % indexes, COLUMNS, indexes=INDEXES[:indexes])


class RangeClient:
    """Reads keys in their order from a random one on, out of the index alone."""

    def __init__(self, workload, session, number):
        self.session = session
        self.rng = np.random.default_rng([workload.plan.seed, number])
        self.width = KEYS // workload.plan.rows * RANGE
        self.sql = 'SELECT count(k), min(k), max(k) FROM %s WHERE k >= ? AND k < ?' % (
            workload.table.name)

    def __call__(self):
        low = int(self.rng.integers(0, KEYS - self.width))
        (count, first, last), = self.session.run(self.sql, (low, low + self.width))
        if count and not low <= first <= last < low + self.width:
            raise Broken('a range from %d on has keys from %d to %d' % (low, first, last))
        return 'range'


class RandomKey(Workload):
    name = 'random'
    title = 'Random-key ingest'
    about = ('Rows with a random 62 bit key, not unique, in batches of %d, into tables with one '
             'index (the key), three (and device with time, time) or four (and a value of '
             'thousand). Reads are of the last of these tables.' % BATCH)

    def __init__(self, plan, engine):
        super().__init__(plan, engine)
        self.table = table_with(plan.indexes[-1])
        self.probes = min(PROBES, plan.rows // 2)
        self.total = 0

    @property
    def tables(self):
        return (self.table, PROBE)

    def steps(self):
        last = self.plan.indexes[-1]
        return [Step('ingest-%d' % count, 'ingest, %d index%s' % (count, 'es' if count > 1 else ''),
                     lambda session, count=count: self.fill(session, count), 'rows/s',
                     prepares=count == last) for count in self.plan.indexes] + [
            Step('probes', 'keys to look up', self.load_probes, 'rows/s', prepares=True),
            self.settle_step(),
            Step('look-up', 'point look-ups: in-engine join of %d probes, index only' % self.probes,
                 self.look_up),
            Step('range', 'range scans of %d keys, index only' % RANGE, lambda s: self.clients(
                lambda session, number: RangeClient(self, session, number)).measurement()),
            Step('aggregate', 'aggregates of all rows', lambda s: self.asked(
                s, 'SELECT count(*), sum(v), min(k), max(k), avg(x) FROM %s' % self.table.name),
                 'queries/s'),
            Step('group', 'aggregates of all rows by device', lambda s: self.asked(
                s, 'SELECT device, count(*), sum(v), max(x) FROM %s GROUP BY device'
                ' ORDER BY device' % self.table.name), 'queries/s'),
            Step('consistency', 'every row is there once', self.consistent, '')]

    def keys(self, batch):
        """The keys of a batch, and the generator of what else is in it."""
        rng = np.random.default_rng([self.plan.seed, batch])
        return rng.integers(0, KEYS, min(BATCH, self.plan.rows - batch * BATCH)), rng

    def batches(self):
        self.total = 0
        for batch in range((self.plan.rows + BATCH - 1) // BATCH):
            keys, rng = self.keys(batch)
            count = len(keys)
            micros = START + (batch * BATCH + np.arange(count)) * 1000
            values = rng.integers(0, 1000, count)
            self.total += int(values.sum())
            yield [keys.tolist(), rng.integers(1, 1001, count).tolist(), self.engine.times(micros),
                   values.tolist(), np.round(rng.normal(20, 5, count), 2).tolist()]

    def fill(self, session, indexes):
        table, batches = table_with(indexes), self.batches()
        last = indexes == self.plan.indexes[-1]
        session.create(table)
        found = self.ingest(session, table, batches, self.plan.rows, self.plan.limit)
        if found['operations'] < self.plan.rows:
            found['note'] = 'the first %d rows: stopped after %d s%s' % (
                found['operations'], found['seconds'],
                '; the others were loaded without indexes, which were made afterwards'
                if last else '')
        if not last:
            found['bytes'] = session.size([table])
            session.execute('DROP TABLE %s' % table.name)
        elif found.get('note'):
            self.finish(session, table, batches)
        return found

    @staticmethod
    def finish(session, table, batches):
        """The rest of the rows, so that there is something to read."""
        say('  %s: the rest, without indexes' % table.name)
        session.drop_indexes(table)
        for columns in batches:
            session.load(table, session.pack(table, columns))
        session.create_indexes(table)

    def load_probes(self, session):
        """Existing keys, from everywhere in the table, in random order."""
        session.create(PROBE)
        count = (self.plan.rows + BATCH - 1) // BATCH
        share = self.probes / self.plan.rows
        keys = np.concatenate([found[:int(np.ceil(len(found) * share))] for found in (
            self.keys(batch)[0] for batch in range(count))])[:self.probes]
        keys = np.random.default_rng(self.plan.seed).permutation(keys)
        self.probes = len(keys)
        return self.ingest(session, PROBE, ([list(range(at, at + len(part))), part.tolist()]
                                            for at, part in self.parts(keys)), len(keys))

    @staticmethod
    def parts(keys):
        return ((at, keys[at:at + BATCH]) for at in range(0, len(keys), BATCH))

    def look_up(self, session):
        session.lookups()
        found = self.asked(session, 'SELECT count(r.k) FROM probe JOIN %s AS r ON r.k = p'
                           % self.table.name, scale=self.probes)
        if int(found['answer']) < self.probes:
            raise Broken('of %d keys %s were found' % (self.probes, found['answer']))
        return found

    def consistent(self, session):
        found = session.query('SELECT count(*), sum(v) FROM %s' % self.table.name)
        if normal([[int(value) for value in found[0]]]) != normal([(self.plan.rows, self.total)]):
            raise Broken('count and sum are %s, and should be %d and %d' % (
                found, self.plan.rows, self.total))
        return {'operations': 2}
