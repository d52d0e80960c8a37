"""Runs workloads on engines and keeps what is measured."""

import os
import subprocess
import time

from . import cluster
from .clients import Histogram, short
from .cluster import BENCH, say
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
    """How much of everything. rows: of the largest table; the others follow from it."""

    def __init__(self, rows, seconds, clients, warehouses, seed, quick=False, indexes=(1, 3, 4),
                 items=100_000, customers=3000):
        self.rows, self.seconds, self.clients = rows, seconds, clients
        self.warehouses, self.seed, self.quick = warehouses, seed, quick
        self.indexes, self.items, self.customers = list(indexes), items, customers
        self.records = max(200, rows // 10)     # of YCSB, a kilobyte each


class Cell:
    """One workload on one engine."""

    def __init__(self, workload, engine, state, turn=0):
        self.workload, self.engine = workload, engine
        self.state, self.turn = state, turn

    def run(self):
        """Measures the steps that are not measured yet, on a database of its own."""
        steps = self.workload.steps()
        missing = [s for s in steps if not self.finished(s)]
        if not missing:
            say('%s, %s: measured already' % (self.workload.title, self.engine.name))
            return
        try:
            self.engine.start()
            self.measure_all(steps, missing)
        except Exception as error:      # pylint: disable=broad-except
            for step in missing:
                self.keep(step, {'error': 'the engine does not start: ' + short(error)})
        finally:
            quietly(self.engine.stop)

    def measure_all(self, steps, missing):
        """In order; what prepares for a missing step is done again, and kept if it was missing."""
        while missing:
            step = steps.pop(0)
            if step not in missing and not step.prepares:
                continue
            found = self.measure(step)
            if step in missing:
                missing.remove(step)
                self.keep(step, found)
            if step.prepares and found.get('error'):
                while missing:
                    self.keep(missing.pop(0), {'error': 'not run: %s failed' % step.name})

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

    def finished(self, step):
        return self.state.finished(self.workload.name, step.name, self.engine.name, self.turn)

    def keep(self, step, found):
        """The measurement, and others that came with it."""
        for other in found.pop('also', []):
            self.state.add(self.entry(other))
        self.state.add(self.entry(dict(found, step=step.name, title=step.title, unit=step.unit)))

    def entry(self, found):
        return dict({'workload': self.workload.name, 'engine': self.engine.name,
                     'driver': self.engine.driver, 'rows': self.workload.plan.rows,
                     'turn': self.turn}, **found)


def processor_time(pid):
    """Seconds that a process, its living descendants and those who ended have used; or None. A
    descendant that ends while it is counted may be missed: the largest of three counts is right."""
    if pid is None:
        return None
    counts = []
    for _ in range(3):
        counts.append(count_ticks(pid) / os.sysconf('SC_CLK_TCK'))
        time.sleep(0.02)
    return max(counts)


def count_ticks(pid):
    """One look at all processes."""
    used, children = {}, {}
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/stat' % name, encoding='ascii', errors='replace') as stat:
                fields = stat.read().rpartition(')')[2].split()
        except OSError:
            continue                    # it has just ended
        used[int(name)] = sum(map(int, fields[11:15]))
        children.setdefault(int(fields[1]), []).append(int(name))
    found, ticks = [pid], 0
    while found:
        one = found.pop()
        ticks += used.get(one, 0)
        found += children.get(one, [])
    return ticks


def progress(found, unit):
    if found.get('error'):
        return 'ERROR: ' + found['error']
    if not found.get('rate'):
        return 'ok, ' + cost_text(found['seconds'], 's')
    tail = ', p99 %.2f ms' % (found['p99'] * 1000) if found.get('p99') else ''
    return '%.5g %s%s' % (found['rate'], unit, tail)


def run(workloads, engines, plan, state, turns=1):
    """Every workload on every engine, in alternating order where it is done more than once.
    What was found is in state."""
    try:
        for turn in range(turns):
            for workload in workloads:
                for engine in engines if turn % 2 == 0 else engines[::-1]:
                    Cell(workload(plan, engine), engine, state, turn).run()
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
