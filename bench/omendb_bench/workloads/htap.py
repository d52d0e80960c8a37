"""HTAP in the manner of CH-benCHmark: TPC-C clients, while another client asks analytical
questions about the same tables and a third looks whether anything is stale."""

import time

from .base import Broken, Step
from .tpcc import HISTORY, MIX, TpcC, TpccClient

QUESTIONS = (
    ('lines by number', 'SELECT ol_number, count(*), sum(ol_quantity), sum(ol_amount),'
     ' avg(ol_amount) FROM order_line GROUP BY ol_number ORDER BY ol_number'),
    ('revenue of some lines', 'SELECT sum(ol_amount), count(*) FROM order_line'
     ' WHERE ol_quantity BETWEEN 2 AND 8 AND ol_amount > 1000'),
    ('orders by number of lines', 'SELECT o_ol_cnt, count(*), sum(CASE WHEN o_carrier_id <= 2'
     ' THEN 1 ELSE 0 END) FROM orders GROUP BY o_ol_cnt ORDER BY o_ol_cnt'),
    ('revenue by district', 'SELECT ol_d_id, sum(ol_amount), count(*) FROM order_line JOIN orders'
     ' ON o_w_id = ol_w_id AND o_d_id = ol_d_id AND o_id = ol_o_id GROUP BY ol_d_id'
     ' ORDER BY ol_d_id'),
    ('balances by credit', 'SELECT c_credit, count(*), sum(c_balance), avg(c_ytd_payment)'
     ' FROM customer GROUP BY c_credit ORDER BY c_credit'),
    ('stock of the items', 'SELECT count(*), sum(s_quantity), sum(s_ytd), max(s_order_cnt)'
     ' FROM stock WHERE s_quantity < 50'),
    ('payments by district', 'SELECT h_d_id, count(*), sum(h_amount) FROM history'
     ' GROUP BY h_d_id ORDER BY h_d_id'),
)
NAMES = tuple(name for name, _ in QUESTIONS)
CHECK_EVERY = 0.1                       # seconds between two looks at freshness, at most


class Analyst:
    """Asks one question after the other."""

    def __init__(self, session):
        self.session, self.done = session, 0

    def __call__(self):
        name, sql = QUESTIONS[self.done % len(QUESTIONS)]
        self.done += 1
        if not self.session.query(sql):
            raise Broken('%s: no answer' % name)
        return name


class Watcher:
    """Commits a row, and counts at once in another session whether it is there."""

    def __init__(self, workload, session):
        self.engine = workload.engine
        self.reader, self.writer = session, workload.engine.connect()
        self.row = TpccClient(workload, session, 0)
        self.number, self.base = 0, workload.round * 1_000_000
        self.pause = min(CHECK_EVERY, workload.plan.seconds / 20)
        self.result = {'looks': 0, 'stale': 0}

    def __call__(self):
        time.sleep(self.pause)
        self.number += 1
        marker = -(self.base + self.number)
        self.writer.insert(HISTORY, (marker, 1, 1, 1, 1, self.row.now(), 0, 'marker'))
        written = time.perf_counter()
        found = self.reader.query('SELECT count(*), sum(h_amount) FROM history'
                                  ' WHERE h_c_id = %d' % marker)
        self.result['looks'] += 1
        self.result['stale'] += int(found[0][0]) != 1
        return 'look', time.perf_counter() - written


class Htap(TpcC):
    name = 'htap'
    title = 'HTAP'
    about = ('TPC-C lite, %d analytical questions about the same tables, and both at once: what '
             'the transactions lose, what the analytics reach, and how many of the rows that were '
             'committed the next query did not see.' % len(QUESTIONS))

    def steps(self):
        count = self.plan.clients
        return self.load_steps() + [
            Step('oltp', 'transactions alone, %d clients' % count,
                 lambda s: self.together(count, 0).measurement(MIX), 'transactions/s'),
            Step('analytics', 'questions alone, 1 client',
                 lambda s: self.together(0, 1).measurement(NAMES), 'queries/s'),
            Step('oltp-both', 'transactions beside the questions',
                 lambda s: self.both(count), 'transactions/s'),
            self.consistency_step()]

    def together(self, terminals, analysts, watchers=0):
        """Clients of the three kinds at once."""
        self.round += 1

        def make(session, number):
            if number < terminals:
                return TpccClient(self, session, number)
            if number < terminals + analysts:
                return Analyst(session)
            return Watcher(self, session)
        return self.clients(make, terminals + analysts + watchers)

    def both(self, count):
        """One run gives three results."""
        outcome = self.together(count, 1, 1)
        return outcome.measurement(MIX, also=[
            dict(outcome.measurement(NAMES), step='analytics-both', unit='queries/s',
                 title='questions beside the transactions'),
            dict(freshness(outcome), step='freshness', unit='looks/s',
                 title='a row is committed, and looked for by the next query')])


def freshness(outcome):
    """How often it was looked, how often in vain, and how long the query took."""
    looks = sum(r['looks'] for r in outcome.results if r)
    stale = sum(r['stale'] for r in outcome.results if r)
    found = outcome.measurement(('look',), note='%d looks, %d stale' % (looks, stale))
    if stale or not looks:
        found['error'] = '%d of %d committed rows were not seen by the next query' % (stale, looks)
    return found
