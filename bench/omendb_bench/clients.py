"""Clients: processes that do operations against an engine at the same time, and what they
measured."""

import collections
import math
import multiprocessing
import signal
import threading
import time

FORK = multiprocessing.get_context('fork')
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BEGIN_WITHIN = 300                      # seconds, or a client gives up waiting for the others
MAX_ERRORS = 100                        # of one client, which then gives up


class Histogram:
    """Latencies in buckets of 1 %: merged easily, and as small after hours as after seconds."""

    BUCKETS = 100                       # in each factor of e

    def __init__(self):
        self.counts = collections.Counter()
        self.total = 0.0

    def add(self, seconds):
        self.counts[math.ceil(math.log(seconds) * self.BUCKETS)] += 1
        self.total += seconds

    def merge(self, other):
        self.counts.update(other.counts)
        self.total += other.total

    def count(self):
        return sum(self.counts.values())

    def quantile(self, share):
        """The latency in seconds that this share of the operations did not exceed; None if none."""
        wanted, seen = share * self.count(), 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= wanted:
                return math.exp((bucket - 0.5) / self.BUCKETS)
        return None

    def summary(self):
        return {'operations': self.count(), 'p50': self.quantile(0.5),
                'p95': self.quantile(0.95), 'p99': self.quantile(0.99)}


class Outcome:
    """What clients did: latencies by operation, errors by message, retries, their own results."""

    def __init__(self):
        self.latencies = collections.defaultdict(Histogram)
        self.errors = collections.Counter()
        self.retries = 0
        self.spans = {}                 # by operation: how long its clients were at work
        self.results = []

    def merge(self, other):
        for name, histogram in other.latencies.items():
            self.latencies[name].merge(histogram)
        self.errors.update(other.errors)
        self.retries += other.retries
        for name, span in other.spans.items():
            self.spans[name] = max(span, self.spans.get(name, 0.0))
        self.results += other.results

    def all(self, names=None):
        """One histogram of all operations, or of those named."""
        merged = Histogram()
        for name, histogram in self.latencies.items():
            if names is None or name in names:
                merged.merge(histogram)
        return merged

    def measurement(self, names=None, **more):
        """As an entry of the report; names: the operations that are counted."""
        merged = self.all(names)
        seconds = max((self.spans[name] for name in self.spans
                       if names is None or name in names), default=0.0)
        found = dict(merged.summary(), seconds=seconds, retries=self.retries,
                     rate=merged.count() / seconds if seconds else None,
                     errors=sum(self.errors.values()), detail={
                         name: histogram.summary() for name, histogram in self.latencies.items()
                         if names is None or name in names})
        if self.errors:
            found['error'] = '; '.join(text for text, _ in self.errors.most_common(3))
        elif not merged.count():
            found['error'] = 'no operation ended in time'
        return dict(found, **more)


def short(error):
    return ' '.join(('%s: %s' % (type(error).__name__, error)).split())[:300]


class Client:
    """One process. make(session, number) gives what is called once for each operation: it
    returns the operation's name, or (name, seconds) where it times itself."""

    def __init__(self, engine, make, number, gate, timing):
        self.engine, self.make, self.number = engine, make, number
        self.gate, self.timing = gate, timing
        self.receiver, self.sender = FORK.Pipe(False)
        self.process = FORK.Process(target=self.main, daemon=True)
        self.process.start()
        self.sender.close()

    def main(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        outcome = Outcome()
        try:
            session = self.engine.connect()
            work = self.make(session, self.number)
            self.gate.wait()
            self.loop(work, outcome)
            outcome.retries = session.retries
            outcome.results.append(getattr(work, 'result', None))
            session.close()
        except threading.BrokenBarrierError:
            pass                        # another client could not begin and says why
        except Exception as error:      # pylint: disable=broad-except
            self.gate.abort()
            outcome.errors[short(error)] += 1
        self.sender.send(outcome)

    def loop(self, work, outcome):
        """Operations until the time is up, at least one; those of the warm-up are not recorded."""
        warmup, seconds = self.timing
        clock = time.perf_counter
        recording = clock() + warmup
        end = recording + seconds
        now, first = clock(), None
        while now < end or first is None:
            begin = now
            try:
                name = work()
            except Exception as error:  # pylint: disable=broad-except
                outcome.errors[short(error)] += 1
                if sum(outcome.errors.values()) >= MAX_ERRORS:
                    break
                name = None
            now = clock()
            if begin >= recording and name:
                first = begin if first is None else first
                name, spent = name if isinstance(name, tuple) else (name, now - begin)
                outcome.latencies[name].add(spent)
        outcome.spans = {name: now - first for name in outcome.latencies}

    def outcome(self):
        try:
            return self.receiver.recv()
        except EOFError:
            lost = Outcome()
            lost.errors['a client process ended early'] += 1
            return lost


def run(engine, make, count, seconds, warmup=None):
    """count clients for so many seconds, after a warm-up (a tenth). Returns an Outcome."""
    gate = FORK.Barrier(count, timeout=BEGIN_WITHIN)
    timing = (seconds / 10.0 if warmup is None else warmup, seconds)
    started = []
    try:
        # a signal between a fork and the note of it would leave a client behind
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            for number in range(count):
                started.append(Client(engine, make, number, gate, timing))
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        total = Outcome()
        for client in started:
            total.merge(client.outcome())
    finally:
        for client in started:
            client.process.kill()
            client.process.join()
    return total


def repeat(session, make, seconds, least=3):
    """One operation again and again in this process: for so long, and at least so often."""
    outcome = Outcome()
    work = make(session, 0)
    work()                              # warm
    begin = time.perf_counter()
    while outcome.all().count() < least or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        name = work()
        outcome.latencies[name].add(time.perf_counter() - start)
    outcome.spans = dict.fromkeys(outcome.latencies, time.perf_counter() - begin)
    return outcome


class Series:
    """Rows a second over a long load: at most about two hundred points, however long it takes."""

    def __init__(self, total, points=200):
        self.every = max(1, total // points)
        self.points = []
        self.rows = self.last = 0
        self.spent = 0.0

    def add(self, rows, seconds):
        self.rows += rows
        self.spent += seconds
        if self.rows - self.last >= self.every:
            self.points.append([self.rows, (self.rows - self.last) / self.spent])
            self.last, self.spent = self.rows, 0.0
