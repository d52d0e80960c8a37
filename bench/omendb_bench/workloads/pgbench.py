"""pgbench's three built-in scripts: by pgbench itself where the engine speaks PostgreSQL's
protocol, and by our own clients elsewhere."""

import glob
import os
import subprocess
import tempfile
import time

import numpy as np

from ..clients import Outcome
from ..engines import Table
from .base import BATCH, Step, Workload

BRANCHES = Table('pgbench_branches', 'bid int, bbalance int, filler text(88)', key='bid')
TELLERS = Table('pgbench_tellers', 'tid int, bid int, tbalance int, filler text(84)', key='tid')
ACCOUNTS = Table('pgbench_accounts', 'aid int, bid int, abalance int, filler text(84)', key='aid')
HISTORY = Table('pgbench_history', 'tid int, bid int, aid int, delta int, mtime time,'
                'filler text(22)?')
TELLERS_EACH, ACCOUNTS_EACH = 10, 100_000
SCRIPTS = {'tpcb-like': 'TPC-B', 'simple-update': 'simple update', 'select-only': 'select only'}

CONDITIONS = (
    ('the balances of accounts are the sum of the history',
     'SELECT count(*) FROM (SELECT sum(abalance) AS a FROM pgbench_accounts) AS x,'
     ' (SELECT coalesce(sum(delta), 0) AS d FROM pgbench_history) AS y WHERE a <> d'),
    ('the balances of tellers are those of branches',
     'SELECT count(*) FROM (SELECT sum(tbalance) AS t FROM pgbench_tellers) AS x,'
     ' (SELECT sum(bbalance) AS b FROM pgbench_branches) AS y WHERE t <> b'),
)


class Terminal:
    """What pgbench does, for engines that it does not know."""

    def __init__(self, workload, session, number, script):
        self.session, self.engine = session, workload.engine
        self.scale, self.accounts = workload.scale, workload.accounts
        self.rng = np.random.default_rng([workload.plan.seed, number])
        self.work = getattr(self, script.replace('-', '_'))
        self.name = script

    def __call__(self):
        rng = self.rng
        self.work(int(rng.integers(1, self.accounts + 1)),
                  int(rng.integers(1, self.scale * TELLERS_EACH + 1)),
                  int(rng.integers(1, self.scale + 1)), int(rng.integers(-5000, 5001)))
        return self.name

    def select_only(self, account, *_):
        return self.session.run('SELECT abalance FROM pgbench_accounts WHERE aid = ?', (account,))

    def simple_update(self, account, teller, branch, delta):
        self.session.transaction(lambda s: self.change(s, account, teller, branch, delta, False))

    def tpcb_like(self, account, teller, branch, delta):
        self.session.transaction(lambda s: self.change(s, account, teller, branch, delta, True))

    def change(self, session, account, teller, branch, delta, everywhere):
        session.run('UPDATE pgbench_accounts SET abalance = abalance + ? WHERE aid = ?',
                    (delta, account))
        self.select_only(account)
        if everywhere:
            session.run('UPDATE pgbench_tellers SET tbalance = tbalance + ? WHERE tid = ?',
                        (delta, teller))
            session.run('UPDATE pgbench_branches SET bbalance = bbalance + ? WHERE bid = ?',
                        (delta, branch))
        now = self.engine.times(np.array([time.time_ns() // 1000]))[0]
        session.insert(HISTORY, (teller, branch, account, delta, now, None))


class PgBench(Workload):
    name = 'pgbench'
    title = 'pgbench'
    about = ("The built-in scripts. Engines that speak PostgreSQL's protocol are driven by pgbench "
             'itself (prepared statements), the others by our own clients: compare only what has '
             'the same driver.')
    tables = (BRANCHES, TELLERS, ACCOUNTS, HISTORY)

    def __init__(self, plan, engine):
        super().__init__(plan, engine)
        self.scale = max(4, plan.rows // ACCOUNTS_EACH) if plan.rows >= ACCOUNTS_EACH else 1
        self.accounts = self.scale * (ACCOUNTS_EACH if plan.rows >= ACCOUNTS_EACH else plan.rows)

    def settled_rows(self):
        return self.accounts

    def steps(self):
        return [Step('load', 'load, %d accounts' % self.accounts, self.load, 'rows/s',
                     prepares=True), self.settle_step()] + [
            Step('%s-%d' % (script, count), '%s, %d client%s' % (
                title, count, 's' if count > 1 else ''),
                 lambda session, script=script, count=count: self.script(script, count),
                 'transactions/s')
            for script, title in SCRIPTS.items() for count in (1, 4)] + [
            Step('consistency', 'balances and history agree',
                 lambda session: self.conditions(session, CONDITIONS), '')]

    def load(self, session):
        self.create(session)
        tellers, scale = self.scale * TELLERS_EACH, self.scale
        each = self.accounts // scale
        session.load(BRANCHES, session.pack(BRANCHES, [
            list(range(1, scale + 1)), [0] * scale, ['.' * 88] * scale]))
        session.load(TELLERS, session.pack(TELLERS, [
            list(range(1, tellers + 1)), [n // TELLERS_EACH + 1 for n in range(tellers)],
            [0] * tellers, ['.' * 84] * tellers]))

        def batches():
            for at in range(0, self.accounts, BATCH):
                ids = range(at, min(at + BATCH, self.accounts))
                yield [[n + 1 for n in ids], [n // each + 1 for n in ids], [0] * len(ids),
                       ['.' * 84] * len(ids)]
        return self.ingest(session, ACCOUNTS, batches(), self.accounts)

    def script(self, script, count):
        # pgbench would look for a hundred thousand accounts a branch
        if self.engine.pgbench and self.accounts == self.scale * ACCOUNTS_EACH:
            return self.by_pgbench(script, count)
        return self.clients(lambda session, number: Terminal(self, session, number, script),
                            count).measurement(driver='our clients')

    def by_pgbench(self, script, count):
        program, environment = self.engine.pgbench
        with tempfile.TemporaryDirectory(dir=self.engine.context.scratch.path) as directory:
            done = subprocess.run(
                [program, '-n', '-M', 'prepared', '-b', script, '-c', str(count), '-j', str(count),
                 '-T', str(max(1, round(self.plan.seconds))), '-s', str(self.scale), '--log',
                 '--log-prefix=' + os.path.join(directory, 'log'),
                 '--random-seed=%d' % self.plan.seed],
                env=environment, text=True, capture_output=True, check=False)
            if done.returncode != 0:
                raise RuntimeError('pgbench: ' + ' '.join(done.stderr.split()[-60:]))
            return logged(script, glob.glob(os.path.join(directory, 'log*'))).measurement(
                driver='pgbench')


def logged(script, paths):
    """The latencies in pgbench's logs: client, number, latency in microseconds, script, and when
    the transaction ended, in seconds and microseconds."""
    outcome = Outcome()
    latencies = outcome.latencies[script]
    first, last = float('inf'), 0.0
    for path in paths:
        with open(path, encoding='ascii') as lines:
            for line in lines:
                fields = line.split()
                micros, end = int(fields[2]), int(fields[4]) + int(fields[5]) / 1e6
                latencies.add(max(1, micros) / 1e6)
                first, last = min(first, end - micros / 1e6), max(last, end)
    outcome.spans = {script: last - first}
    return outcome
