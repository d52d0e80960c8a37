"""What a workload is: steps that are measured one after the other on one engine."""

import math
import re
import time

from ..clients import Histogram, Series, repeat, run
from ..cluster import say

BATCH = 10_000                          # rows of a bulk load


class Broken(Exception):
    """The engine gave a wrong answer, or its data do not fulfil a condition."""


class Step:
    """A measurement: run(session) returns it. prepares: the steps after it need what it does,
    so it is done again when an interrupted run goes on."""

    def __init__(self, name, title, run_step, unit='operations/s', prepares=False):
        self.name, self.title, self.run = name, title, run_step
        self.unit, self.prepares = unit, prepares

    @property
    def repeats(self):
        """Whether it may be measured again and again."""
        return not self.prepares and self.unit != ''


class Workload:
    """One workload on one engine. plan: rows, seconds, clients, seed, ... of the run."""

    name = title = about = ''
    tables = ()

    def __init__(self, plan, engine):
        self.plan, self.engine = plan, engine

    def steps(self):
        raise NotImplementedError

    def clients(self, make, count=None, seconds=None):
        """Client processes for the length of a step."""
        return run(self.engine, make, count or self.plan.clients, seconds or self.plan.seconds)

    def create(self, session):
        for table in self.tables:
            session.create(table)

    def ingest(self, session, table, batches, total, limit=None):
        """Loads batches of columns. The latencies are those of a batch. total: rows that are
        expected, or 0 if that is not known; limit: seconds after which no other batch is taken."""
        session.alone()
        latencies, series = Histogram(), Series(total)
        told = time.time()
        for columns in batches:
            packed = session.pack(table, columns)
            begin = time.perf_counter()
            session.load(table, packed)
            spent = time.perf_counter() - begin
            latencies.add(spent)
            series.add(len(columns[0]), spent)
            if time.time() - told > 10:
                told = time.time()
                say('  %s: %d rows%s, %.0f rows/s' % (
                    table.name, series.rows, ' of %d' % total if total else '',
                    series.rows / latencies.total))
            if limit and latencies.total > limit:
                break
        return dict(latencies.summary(), operations=series.rows, seconds=latencies.total,
                    rate=series.rows / latencies.total, series=series.points)

    def settled(self, session):
        """Upkeep after a load, timed: nothing is hidden."""
        begin = time.perf_counter()
        session.settle(self.tables)
        seconds = time.perf_counter() - begin
        return {'seconds': seconds, 'rate': self.settled_rows() / seconds,
                'bytes': session.size(self.tables)}

    def settled_rows(self):
        return self.plan.rows

    def settle_step(self):
        return Step('settle', 'upkeep after the load (VACUUM, ANALYZE, columns, checkpoint)',
                    self.settled, 'rows/s', prepares=True)

    def asked(self, session, sql, params=(), scale=1):
        """One analytical query again and again. The answer is kept to be compared with the
        other engines'; scale: operations in one query."""
        answers = []

        def make(session, _number):
            def ask():
                answers.append(session.query(sql, params))
                return 'query'
            return ask
        outcome = repeat(session, make, self.plan.seconds)
        first = normal(answers[0])
        for answer in answers[1:]:
            if not same_answer(first, normal(answer)):
                raise Broken('the same query gave %s, then %s' % (
                    first[:100], normal(answer)[:100]))
        measured = outcome.measurement(answer=first)
        measured['rate'] *= scale
        return measured

    @staticmethod
    def conditions(session, conditions):
        """conditions: (what holds, query that counts violations)."""
        broken = []
        for text, sql in conditions:
            count = int(session.query(sql)[0][0])
            if count:
                broken.append('%s: %d violations' % (text, count))
        if broken:
            raise Broken('; '.join(broken))
        return {'operations': len(conditions)}


def normal(answer, rows=50):
    """The first rows of an answer as text, numbers to nine digits, and how many rows there are."""
    lines = [', '.join(v if isinstance(v, str) else number(v) for v in row) for row in answer]
    return '; '.join(lines[:rows] + (['%d rows' % len(lines)] if len(lines) > rows else []))


def same_answer(one, other):
    """Whether two normal() answers are alike; sums of floats may differ in their last digits."""
    ones, others = re.split('; |, ', one), re.split('; |, ', other)
    return len(ones) == len(others) and all(map(alike, ones, others))


def alike(one, other):
    try:
        return one == other or math.isclose(float(one), float(other), rel_tol=1e-7)
    except ValueError:
        return False


def number(value):
    if value is None:
        return 'null'
    if isinstance(value, int):
        return str(value)
    return '%.9g' % float(value)


def mixed(numbers, bits=62):
    """Different numbers for different numbers, that look random: a Python int or a numpy array
    of unsigned 64 bit integers."""
    if isinstance(numbers, int):
        return numbers * 0x9E3779B97F4A7C15 % 2**bits
    return numbers * type(numbers.flat[0])(0x9E3779B97F4A7C15) & type(numbers.flat[0])(2**bits - 1)
