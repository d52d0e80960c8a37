"""Engines that are broken on purpose: SQLite sessions, each with one defect."""

from omendb_bench.engines.sqlite import SqliteSession


class Defect(SqliteSession):
    """Counts, so that a defect shows every so many times."""

    def __init__(self, engine):
        super().__init__(engine)
        self.seen = 0

    def every(self, times):
        self.seen += 1
        return self.seen % times == 0


class LosesInserts(Defect):
    def insert(self, table, row):
        return 1 if self.every(3) else super().insert(table, row)


class LosesUpdates(Defect):
    def run(self, sql, params=()):
        return 1 if sql.startswith('UPDATE') and self.every(3) else super().run(sql, params)


class LosesHistory(Defect):
    """Commits transactions without their last row."""

    def insert(self, table, row):
        return 1 if 'history' in table.name else super().insert(table, row)


class LosesLoadedRows(Defect):
    def load(self, table, packed):
        super().load(table, packed[:-1])


class ReadsTheWrongRow(Defect):
    def run(self, sql, params=()):
        rows = super().run(sql, params)
        if sql.startswith('SELECT ycsb_key') and rows and self.every(5):
            rows = [('user' + '0' * 20,) + rows[0][1:]]
        return rows


class TakesDuplicates(Defect):
    """Says that rows with an existing id are refused, and stores them under another."""

    def insert_many(self, packed):
        table, rows, ignore = packed
        if ignore:
            rows = [(-row[0] - 1,) + row[1:] for row in rows]
        super().insert_many((table, rows, ignore))


class IsStale(Defect):
    """Analytical queries do not see rows that were committed a moment ago."""

    def query(self, sql, params=()):
        return super().query(sql.replace('WHERE h_c_id =', 'WHERE h_c_id > 0 AND h_c_id ='), params)


class FailsNowAndThen(Defect):
    def run(self, sql, params=()):
        if sql.startswith('SELECT') and self.every(5):
            raise RuntimeError('disk on fire')
        return super().run(sql, params)


class WrongSums(Defect):
    """Aggregates of all rows come out a little too large."""

    def query(self, sql, params=()):
        rows = super().query(sql, params)
        if sql.startswith('SELECT count(*), sum(v), min(k)'):
            rows = [(rows[0][0], rows[0][1] + 1) + tuple(rows[0][2:])]
        return rows


# What is broken, how, in which steps of which workload it has to be noticed, and how long a step
# takes if that is not the usual time.
DEFECTS = (
    ('lost inserts', LosesInserts, 'ycsb', ('D-latest', 'consistency'), 0.5),
    ('reads of a wrong row', ReadsTheWrongRow, 'ycsb', ('C-zipfian',)),
    ('errors now and then', FailsNowAndThen, 'ycsb', ('C-zipfian',)),
    ('lost updates', LosesUpdates, 'tpcc', ('consistency',)),
    ('lost history', LosesHistory, 'tpcc', ('consistency',)),
    ('lost updates', LosesUpdates, 'pgbench', ('consistency',)),
    ('lost history', LosesHistory, 'pgbench', ('consistency',)),
    ('lost rows', LosesLoadedRows, 'timeseries', ('consistency',)),
    ('duplicates stored', TakesDuplicates, 'timeseries', ('consistency',)),
    ('lost rows', LosesLoadedRows, 'random', ('consistency',)),
    ('stale reads', IsStale, 'htap', ('freshness',), 0.5),
)
