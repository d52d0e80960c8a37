"""Runs workloads on engines and keeps what is measured."""

import os
import subprocess
import time

from . import cluster
from .clients import Histogram, short
from .cluster import BENCH, say
from .processes import processor_time
from .report import cost_text


class Context:
    """What engines need to know of the run. memory: megabytes for an engine's cache."""

    def __init__(self, scratch, megabytes, durable, clients, major='15', bindir=None,
                 node_modules=None):
        self.scratch, self.megabytes, self.durable = scratch, megabytes, durable
        self.clients, self.major, self.node_modules = clients, major, node_modules
        self.memory = '%dMB' % megabytes
        self.programs = bindir
        self.commit = 'as installed' if bindir else commit()

    def bindir(self):
        """The programs of a private PostgreSQL with the extension, made when first asked for."""
        if not self.programs:
            say('making a private PostgreSQL %s and building the extension' % self.major)
            done = subprocess.run([os.path.join(BENCH, 'prepare'), self.major,
                                   self.scratch.file('postgres')],
                                  stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError('PostgreSQL %s cannot be prepared' % self.major)
            self.programs = done.stdout.split()[-1]
        return self.programs


def commit():
    """Which source was measured."""
    def git(*args):
        return subprocess.run(('git', '-C', BENCH) + args, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.DEVNULL, check=False).stdout.strip()
    found = git('log', '-1', '--format=%h', '--', '../src')
    if not found:
        return 'source of unknown commit'
    return 'commit %s%s' % (found, ', changed' if git('status', '--porcelain', '../src') else '')


class Plan:
    """How much of everything. rows: of the largest table; the others follow from it. limit: seconds
    that an ingest into indexes may take, or None."""

    def __init__(self, rows, seconds, clients, warehouses, seed, quick=False, indexes=(1, 3, 4),
                 limit=None, items=100_000, customers=3000):
        self.rows, self.seconds, self.clients = rows, seconds, clients
        self.warehouses, self.seed, self.quick = warehouses, seed, quick
        self.indexes, self.limit = list(indexes), limit
        self.items, self.customers = items, customers
        self.records = max(200, rows // 10)     # of YCSB, a kilobyte each


class Cell:
    """One workload on one engine. turns: the numbers of the measurements of each step; a step that
    prepares for others, or checks, is done once."""

    def __init__(self, workload, engine, state, turns=(0,)):
        self.workload, self.engine, self.state = workload, engine, state
        self.steps, self.turns = workload.steps(), turns
        self.broken = None              # why no further step can be done

    def missing(self, number=0):
        """Whether a step from this number on is not measured yet."""
        return any(not self.finished(step, turn) for step in self.steps[number:]
                   for turn in self.turns_of(step))

    def turns_of(self, step):
        return self.turns if step.repeats else self.turns[:1]

    def finished(self, step, turn):
        return self.state.finished(self.workload.name, step.name, self.engine.name, turn)

    def start(self):
        """Begins with an empty database, unless everything is measured."""
        if not self.missing():
            say('%s, %s: measured already' % (self.workload.title, self.engine.name))
            return
        try:
            self.engine.start()
        except Exception as error:      # pylint: disable=broad-except
            self.broken = 'the engine does not start: ' + short(error)

    def stop(self):
        quietly(self.engine.stop)

    def step(self, number, turn):
        """A step, if it is missing; what prepares for a missing one is done again."""
        step = self.steps[number]
        if turn not in self.turns_of(step) or not self.missing(number):
            return
        wanted = not self.finished(step, turn)
        if self.broken:
            if wanted:
                self.keep(step, turn, {'error': self.broken})
        elif wanted or step.prepares:
            found = self.measure(step)
            if wanted:
                self.keep(step, turn, found)
            if step.prepares and found.get('error'):
                self.broken = 'not run: %s failed' % step.name

    def measure(self, step):
        begin, cpu = time.perf_counter(), processor_time(self.engine.server_pid())
        try:
            session = self.engine.connect()
            try:
                found = step.run(session)
            finally:
                session.close()
        except Exception as error:      # pylint: disable=broad-except
            found = {'error': short(error)}
        found.setdefault('seconds', time.perf_counter() - begin)
        if cpu is not None and found.get('operations') and not found.get('error'):
            found['cpu'] = (processor_time(self.engine.server_pid()) - cpu) / found['operations']
        say('%s, %s, %s: %s' % (self.workload.title, self.engine.name, step.title,
                                progress(found, step.unit)))
        return found

    def keep(self, step, turn, found):
        """The measurement, and others that came with it."""
        for other in found.pop('also', []):
            self.state.add(self.entry(other, turn))
        self.state.add(self.entry(dict(found, step=step.name, title=step.title, unit=step.unit),
                                  turn))

    def entry(self, found, turn):
        return dict({'workload': self.workload.name, 'engine': self.engine.name,
                     'driver': self.engine.driver, 'rows': self.workload.plan.rows,
                     'turn': turn}, **found)


def together(cells, turns):
    """All steps of some cells of one workload. At each step they take turns, in alternating order;
    engines whose turn it is not stand still, so that none disturbs another."""
    started = []
    try:
        for cell in cells:
            started.append(cell)
            cell.start()
            cell.engine.pause()
        for number in range(len(cells[0].steps)):
            for place, turn in enumerate(turns):
                for cell in cells if place % 2 == 0 else cells[::-1]:
                    cell.engine.resume()
                    cell.step(number, turn)
                    cell.engine.pause()
    finally:
        for cell in started:
            quietly(cell.engine.resume)
            cell.stop()


def progress(found, unit):
    if found.get('error'):
        return 'ERROR: ' + found['error']
    if not found.get('rate'):
        return 'ok, ' + cost_text(found['seconds'], 's')
    tail = ', p99 %.2f ms' % (found['p99'] * 1000) if found.get('p99') else ''
    return '%.5g %s%s' % (found['rate'], unit, tail)


def run(workloads, engines, plan, state, turns=1, alternate=False):
    """Every workload on every engine; what was found is in state. Either all of a workload on one
    engine after the other, so many times in alternating order; or (alternate) on all engines at
    once, where loads are done once and only what is measured is repeated."""
    try:
        for turn in range(1 if alternate else turns):
            for workload in workloads:
                if alternate:
                    together([Cell(workload(plan, engine), engine, state, range(turns))
                              for engine in engines], range(turns))
                    continue
                for engine in engines if turn % 2 == 0 else engines[::-1]:
                    together([Cell(workload(plan, engine), engine, state, [turn])], [turn])
    finally:
        close(engines)


def quietly(stop):
    """A server that cannot be stopped in order must not hide what was measured."""
    try:
        stop()
    except Exception as error:          # pylint: disable=broad-except
        say('while stopping an engine: ' + short(error))


def close(engines):
    for engine in engines:
        quietly(engine.close)


def describe(engines):
    """Versions as the running engines report them, what driver and protocol cost, settings."""
    found = []
    for engine in engines:
        try:
            engine.start()
            try:
                found.append([engine.name, engine.version(), engine.driver, round_trip(engine),
                              engine.settings()])
            finally:
                quietly(engine.stop)
        except Exception as error:      # pylint: disable=broad-except
            found.append([engine.name, 'does not start: ' + short(error), engine.driver, '', ''])
    return found


def round_trip(engine, count=300):
    """The median time of a statement that does nothing, as text."""
    session = engine.connect()
    latencies = Histogram()
    for _ in range(count):
        begin = time.perf_counter()
        session.run('SELECT 1')
        latencies.add(time.perf_counter() - begin)
    session.close()
    return '%.0f us' % (latencies.quantile(0.5) * 1e6)


def machine():
    """The machine, in a few words each."""
    facts = {'processors': str(os.cpu_count()),
             'memory': '%d MB' % (cluster.memory_bytes() // 2**20),
             'kernel': ' '.join(os.uname()[i] for i in (0, 2, 4))}
    with open('/proc/cpuinfo', encoding='utf-8') as lines:
        for line in lines:
            if line.startswith('model name'):
                facts['processor'] = line.split(':', 1)[1].strip()
    with open('/proc/loadavg', encoding='ascii') as line:
        facts['load at the start'] = ' '.join(line.read().split()[:3])
    return facts
