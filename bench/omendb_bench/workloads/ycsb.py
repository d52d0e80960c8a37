"""YCSB: load, and the mixes A to F, each with the distributions uniform, zipfian and latest."""

import itertools
import time

import numpy as np

from ..clients import FORK
from ..engines import Table
from .base import BATCH, Broken, Step, Workload, mixed

FIELDS = ['field%d' % n for n in range(10)]
TABLE = Table('usertable', 'ycsb_key text(24), ' + ', '.join(f + ' text(100)' for f in FIELDS),
              key='ycsb_key')
EXPONENT = 1.01                         # of pgbench's random_zipfian; its least is 1.001
LONGEST_SCAN = 100

# Shares of the operations, and the distribution that YCSB itself uses.
MIXES = {
    'A': ('zipfian', {'read': 0.5, 'update': 0.5}),
    'B': ('zipfian', {'read': 0.95, 'update': 0.05}),
    'C': ('zipfian', {'read': 1.0}),
    'D': ('latest', {'read': 0.95, 'insert': 0.05}),
    'E': ('zipfian', {'scan': 0.95, 'insert': 0.05}),
    'F': ('zipfian', {'read': 0.5, 'read-modify-write': 0.5}),
}
DISTRIBUTIONS = ('uniform', 'zipfian', 'latest')


def key_of(row):
    return 'user%020d' % mixed(row, 64)


class Values:
    """Field values: a part of the key, by which a wrong row is known, and random text."""

    def __init__(self, seed):
        letters = np.random.default_rng(seed).integers(97, 123, 1 << 16, dtype=np.uint8)
        self.text = letters.tobytes().decode()
        self.place = seed

    def field(self, key):
        self.place = (self.place * 69069 + 1) % 65000
        return key[-8:] + self.text[self.place:self.place + 92]

    def row(self, number):
        key = key_of(number)
        return (key,) + tuple(self.field(key) for _ in FIELDS)


class Chooser:
    """Rows of a growing table by a distribution. population() is how many there are."""

    BLOCK = 4096

    def __init__(self, distribution, population, rng):
        self.population, self.rng = population, rng
        self.choose = getattr(self, distribution)
        self.numbers = iter(())

    def block(self, make):
        """The next of the numbers that make() gives by the block."""
        found = next(self.numbers, None)
        if found is None:
            self.numbers = iter(make(self.population()).tolist())
            found = next(self.numbers)
        return found

    def uniform(self):
        return self.block(lambda n: self.rng.integers(0, n, self.BLOCK))

    def ranks(self, count):
        """Zipfian ranks from 0 on: P(r) ~ (r + 1) ^ -EXPONENT for r < count."""
        found = np.empty(0, dtype=np.int64)
        while len(found) < 512:
            drawn = self.rng.zipf(EXPONENT, self.BLOCK)
            found = np.append(found, drawn[drawn <= count] - 1)
        return found

    def zipfian(self):
        """Popular rows lie anywhere in the table."""
        return self.block(lambda n: (self.ranks(n) * 2_147_483_647 + 12345) % n)

    def latest(self):
        """Popular are the rows that were inserted last."""
        return max(0, self.population() - 1 - self.block(self.ranks))


class YcsbClient:
    """One client of a mix. Rows that this step inserts are numbered from first on, each client
    has every clients-th of them, and counts tells how many each has committed."""

    def __init__(self, workload, session, number, mix, distribution, counts, first):
        plan = workload.plan
        self.session, self.number, self.counts, self.first = session, number, counts, first
        self.loaded, self.clients = workload.records, plan.clients
        seed = [plan.seed, number, first]
        rng = np.random.default_rng(seed)
        self.values = Values(plan.seed + number)
        self.chooser = Chooser(distribution, self.population, rng)
        names, shares = zip(*MIXES[mix][1].items())
        self.operations = itertools.cycle(rng.choice(names, 10_000, p=shares).tolist())
        self.lengths = itertools.cycle(rng.integers(1, LONGEST_SCAN + 1, 1000).tolist())
        self.fields = itertools.cycle(rng.integers(0, len(FIELDS), 1000).tolist())
        self.result = 0

    def population(self):
        """Rows that are certainly there: the loaded ones, and what all clients have inserted."""
        return self.loaded + self.clients * min(self.counts)

    def key(self):
        number = self.chooser.choose()
        return key_of(number if number < self.loaded else self.first + number - self.loaded)

    def __call__(self):
        name = next(self.operations)
        getattr(self, name.replace('-', '_'))()
        return name

    def read(self):
        key = self.key()
        check(key, self.session.read(TABLE, (key,)))

    def write(self, session, key):
        changed = session.update(TABLE, (key,), FIELDS[next(self.fields)], self.values.field(key))
        if changed != 1:
            raise Broken('an update of %s changed %s rows' % (key, changed))

    def update(self):
        self.write(self.session, self.key())

    def insert(self):
        number = self.first + self.counts[self.number] * self.clients + self.number
        self.session.insert(TABLE, self.values.row(number))
        self.counts[self.number] += 1
        self.result += 1

    def scan(self):
        start, limit = self.key(), next(self.lengths)
        rows = self.session.scan(TABLE, start, limit)
        keys = [row[0] for row in rows]
        if not 1 <= len(keys) <= limit or keys[0] != start or keys != sorted(keys):
            raise Broken('a scan from %s gave %d rows from %s on' % (start, len(keys), keys[:1]))

    def read_modify_write(self):
        key = self.key()

        def work(session):
            check(key, session.read(TABLE, (key,)))
            self.write(session, key)
        self.session.transaction(work)


def check(key, row):
    """A row must be there and hold values that were written for its key."""
    if row is None:
        raise Broken('the row %s is not found' % key)
    if row[0] != key or any(not value.startswith(key[-8:]) for value in row[1:]):
        raise Broken('the row %s has values of another' % key)


class Ycsb(Workload):
    name = 'ycsb'
    title = 'YCSB'
    about = ('Rows of ten fields of 100 characters and a hashed text key. A: half reads, half '
             'updates; B: 5 %% updates; C: reads; D: 5 %% inserts, reads of the latest; E: short '
             'scans, 5 %% inserts; F: half reads, half read-modify-write. A zipfian choice has the '
             'exponent %s.' % EXPONENT)
    tables = (TABLE,)

    def __init__(self, plan, engine):
        super().__init__(plan, engine)
        self.records = plan.records
        self.inserted = 0               # by all steps so far
        self.first = plan.records       # the next number that no step has used

    def settled_rows(self):
        return self.records

    def mixes(self):
        """(mix, distribution): the standard one only in a quick run."""
        return [(mix, distribution) for mix, (standard, _) in MIXES.items()
                for distribution in DISTRIBUTIONS
                if distribution == standard or not self.plan.quick]

    def steps(self):
        mixes = [Step('%s-%s' % pair, 'mix %s, %s' % pair,
                      lambda session, pair=pair: self.mix(*pair)) for pair in self.mixes()]
        return [Step('load', 'load, batches of %d rows' % BATCH, self.load, 'rows/s',
                     prepares=True), self.settle_step()] + mixes + [
                    Step('consistency', 'every row is there once', self.consistent, '')]

    def load(self, session):
        self.create(session)
        values = Values(self.plan.seed)

        def batches():
            for start in range(0, self.records, BATCH):
                rows = [values.row(n) for n in range(start, min(start + BATCH, self.records))]
                yield [list(column) for column in zip(*rows)]
        return self.ingest(session, TABLE, batches(), self.records)

    def mix(self, mix, distribution):
        counts = FORK.Array('q', self.plan.clients, lock=False)
        first = self.first
        outcome = self.clients(lambda session, number: YcsbClient(
            self, session, number, mix, distribution, counts, first))
        self.inserted += sum(counts)
        self.first += self.plan.clients * (max(counts) + 1)
        return outcome.measurement()

    def consistent(self, session):
        begin = time.perf_counter()
        wanted = self.records + self.inserted
        found = int(session.query('SELECT count(*) FROM usertable')[0][0])
        if found != wanted:
            raise Broken('%d rows were loaded and inserted, %d are there' % (wanted, found))
        return {'operations': 1, 'seconds': time.perf_counter() - begin}
