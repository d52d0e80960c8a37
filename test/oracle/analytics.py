"""
Random analytic queries on an omendb table and its heap twin; every result is compared (test/oracle/run --queries).

Each round makes tables with random columns, fills and changes them, makes segments of some sizes in between, and asks
random queries under random settings: some in a transaction with changes of its own, under an old snapshot, through row
security, a view, a cursor, or as a prepared statement. A query with another answer is made smaller before it is printed.
"""

import copy
import io
import random
import re
import time

import psycopg2
import psycopg2.extensions

import queries
import values
from twin import Lost, RETRY

SETTINGS = {
    'autovacuum': 'off', 'shared_buffers': '128MB', 'max_connections': '30', 'timezone': 'UTC', 'checkpoint_timeout': '1d',
    'synchronous_commit': 'off', 'jit': 'off', 'omendb.worker': 'off', 'log_min_error_statement': 'panic', 'max_wal_size': '4GB',
    'log_min_messages': 'warning', 'statement_timeout': '60000', 'bytea_output': 'hex', 'default_statistics_target': '10',
    'max_worker_processes': '16', 'max_parallel_workers': '8',
}

# How a query may be run: (settings, weight). Settings of one group exclude each other.
GROUPS = {
    'scan': [("omendb.columnar_scan = 'force'", 8), ("omendb.columnar_scan = 'on'", 1)],
    'parallel': [('max_parallel_workers_per_gather = 0', 12),
                 ('max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;'
                  ' SET min_parallel_table_scan_size = 0', 2)],
    'memory': [("work_mem = '4MB'", 5), ("work_mem = '64kB'", 1)],
    'hash': [('enable_hashagg = on', 9), ('enable_hashagg = off', 1)],
    'plans': [('plan_cache_mode = auto', 2), ('plan_cache_mode = force_generic_plan', 1)],
}
AGGREGATE_SWITCH = [('omendb.columnar_aggregate = on', 14), ('omendb.columnar_aggregate = off', 1)]
JOINS = 'SET enable_hashjoin = {0}; SET enable_mergejoin = {0}; SET enable_memoize = {0}; SET enable_material = {0}'
INDEX_SWITCH = [('enable_seqscan = off; SET enable_bitmapscan = off; ' + JOINS.format('on'), 5),
                ('enable_seqscan = off; SET enable_bitmapscan = off; ' + JOINS.format('off'), 3),
                ('enable_seqscan = on; SET enable_bitmapscan = off; ' + JOINS.format('off'), 2),
                ('enable_seqscan = on; SET enable_bitmapscan = on; ' + JOINS.format('on'), 1)]
ZONES = ['UTC', 'UTC', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Europe/Berlin']
BAD_QUERY = ('42', '21')
DATA_ERROR = ('22', '0A')                        # 0A: a NaN as an integer
OUR_NODES = ('OmendbAggregate', 'OmendbTop', 'OmendbScan', 'OmendbJoin')
TEXT = psycopg2.extensions.new_type((16, 17, 18, 20, 21, 23, 26, 114, 700, 701, 1082, 1083, 1114, 1184, 1186, 1700, 3802, 1016, 1231),
                                    'ORACLE_TEXT', lambda value, cursor: value)


class Answer:
    """Rows as text, or an SQLSTATE."""

    def __init__(self, rows=None, error=None, message=''):
        self.rows, self.error, self.message = rows, error, message

    def show(self):
        if self.error:
            return 'error %s: %s' % (self.error, self.message.strip())
        return '%d rows: %s' % (len(self.rows), self.rows[:5])


class Link:
    """A connection that returns text and writes down what it changes."""

    def __init__(self, cluster, log, name=''):
        self.conn = cluster.connect('oracle')
        psycopg2.extensions.register_type(TEXT, self.conn)
        self.log, self.name = log, name

    def ask(self, sql):
        """One statement; an SQL error becomes part of the answer."""
        with self.conn.cursor() as cur:
            try:
                cur.execute(sql)
                return Answer(cur.fetchall() if cur.description else [])
            except psycopg2.Error as error:
                if error.pgcode is None or self.conn.closed or error.pgcode in ('57P01', '57P02', '57P03'):
                    raise Lost('%s\n%s' % (sql, error))
                return Answer(error=error.pgcode, message=str(error))

    def do(self, sql, may_fail=()):
        """A statement that belongs to what reproduces a failure."""
        self.log.append('%s%s;' % (self.name, sql))
        answer = self.ask(sql)
        if answer.error and answer.error not in may_fail:
            raise Broken('%s\nfailed: %s' % (sql, answer.show()))
        if answer.error:
            self.log.append('-- error %s' % answer.error)
        return answer

    def copy(self, table, text):
        self.log.append('%sCOPY %s FROM STDIN;\n%s\\.' % (self.name, table, text))
        with self.conn.cursor() as cur:
            cur.copy_expert('COPY %s FROM STDIN' % table, io.StringIO(text))


class Broken(Exception):
    """A statement that has no reason to fail did."""


class Tables:
    """The twins a (omendb, or heap with alex indexes) and b (heap) of a round: how they are made and changed."""

    def __init__(self, rng, link):
        self.rng, self.link = rng, link
        self.columns = [values.Column(rng, 'c%d' % (i + 1)) for i in range(rng.choice([2, 3, 5, 8]))]
        self.kind = rng.choice(['plain'] * 9 + ['partitioned', 'wide', 'wide', 'security', 'view', 'indexed', 'indexed'])
        self.rows = rng.choice([0, 1, 2, 40, 300, 300, 1100, 1100, 2500, 2500, 6000, 12000])
        if self.kind == 'wide':
            self.rows = min(self.rows, 300)
        self.next_id = 1
        self.serial = len(self.columns)
        self.blocks = rng.choice([1, 1, 2, 8, 1024])

    def twin(self, sql):
        for table in 'ab':
            self.link.do(sql.replace('{t}', table))

    def create(self):
        fields = ['id int8 NOT NULL'] + ['%s %s' % (c.name, c.profile.sql) for c in self.columns]
        if self.kind == 'wide':
            fields.append("pad text DEFAULT repeat('x', 5000)")     # a row in each block
        for table, method in (('a', 'heap' if self.kind == 'indexed' else 'omendb'), ('b', 'heap')):
            self.link.do('DROP TABLE IF EXISTS %s CASCADE' % table)
            self.link.do('SET default_table_access_method = ' + method)
            self.link.do('CREATE TABLE %s (%s)%s' % (table, ', '.join(fields), ' PARTITION BY HASH (id)' if self.kind == 'partitioned' else ''))
            for part in range(2 if self.kind == 'partitioned' else 0):
                self.link.do('CREATE TABLE %s%d PARTITION OF %s FOR VALUES WITH (MODULUS 2, REMAINDER %d)' % (table, part, table, part))
        if self.kind == 'wide':
            self.twin('ALTER TABLE {t} ALTER pad SET STORAGE PLAIN')
        if self.kind == 'security':
            self.twin('ALTER TABLE {t} ENABLE ROW LEVEL SECURITY')
            self.twin('CREATE POLICY p ON {t} USING (%s)' % self.secret_condition())
            self.twin('GRANT SELECT ON {t} TO oracle_reader')
        if self.kind == 'view':
            self.make_views()
        if self.kind == 'indexed':
            self.make_indexes()
        elif self.rng.random() < 0.3 and self.kind != 'partitioned':
            self.twin('CREATE INDEX ON {t} (id)')

    def make_indexes(self):
        """alex indexes of heap table a that answer queries alone, in place of columns."""
        for _ in range(2):
            names = ['id'] + [c.name for c in self.columns if c.profile.value is not values.long_text]
            self.rng.shuffle(names)
            self.link.do('CREATE INDEX ON a USING alex (%s)' % ', '.join(
                name + self.rng.choice(['', '', ' DESC', ' NULLS FIRST']) for name in names))

    def make_views(self):
        for table in 'ab':
            self.link.do('CREATE VIEW %s_v WITH (security_barrier = true) AS SELECT * FROM %s WHERE %s' % (table, table, self.secret_condition()))

    @staticmethod
    def secret_condition():
        return 'id % 3 <> 1'

    def parts(self):
        """Those of a that can have columns."""
        return ['a0', 'a1'] if self.kind == 'partitioned' else [] if self.kind == 'indexed' else ['a']

    def insert(self, count):
        """The same rows into both."""
        rng, lines = self.rng, []
        for i in range(self.next_id, self.next_id + count):
            lines.append('\t'.join([str(i)] + [c.value(rng, i) for c in self.columns]) + '\n')
        self.next_id += count
        names = ', '.join(['id'] + [c.name for c in self.columns])
        for table in 'ab':
            self.link.copy('%s (%s)' % (table, names), ''.join(lines))

    def compact(self, full=False):
        self.link.do('SET omendb.segment_blocks = %d' % self.blocks)
        for table in self.parts():
            self.link.do("SELECT * FROM omendb.compact('%s', %s)" % (table, str(full).lower()), RETRY)

    def some(self):
        """A condition on id that a part of the rows has."""
        modulus = self.rng.choice([2, 3, 10, 50, 200])
        return 'id % {} = {}'.format(modulus, self.rng.randrange(modulus))

    def literal_of(self, column):
        if self.rng.random() < 0.2:
            return 'NULL'
        return "'%s'::%s" % (column.literal(self.rng, self.rows), column.cast())

    def change(self):
        """One change of both twins."""
        kind = self.rng.random()
        if kind < 0.35:
            column = self.rng.choice(self.columns)
            self.twin('UPDATE {t} SET %s = %s WHERE %s' % (column.name, self.literal_of(column), self.some()))
        elif kind < 0.5:
            self.twin('DELETE FROM {t} WHERE %s' % self.some())
        elif kind < 0.8:
            self.insert(self.rng.choice([1, 5, 60]))
        elif kind < 0.83:
            self.twin('UPDATE {t} SET id = id')             # no row is where it was
        else:
            self.twin('UPDATE {t} SET id = id WHERE %s' % self.some())

    def alter(self):
        """A column comes, with a default or without, or goes."""
        if self.rng.random() < 0.5 and len(self.columns) > 2 and self.kind not in ('view', 'security'):
            gone = self.columns.pop(self.rng.randrange(len(self.columns)))
            self.twin('ALTER TABLE {t} DROP %s' % gone.name)
            return
        self.serial += 1
        column = values.Column(self.rng, 'c%d' % self.serial)
        default = " DEFAULT '%s'" % column.literal(self.rng, 1) if self.rng.random() < 0.7 else ''
        self.twin('ALTER TABLE {t} ADD %s %s%s' % (column.name, column.profile.sql, default))
        if self.kind == 'view':
            for table in 'ab':
                self.link.do('DROP VIEW %s_v' % table)
            self.make_views()
        self.columns.append(column)

    def fill(self):
        """Rows, segments, changes, in a random order that begins with rows."""
        rng = self.rng
        self.insert(self.rows)
        if rng.random() < 0.93:
            self.twin('VACUUM {t}') if rng.random() < 0.5 else None
            self.compact()
        for _ in range(rng.choice([0, 0, 1, 2, 4])):
            action = rng.choice([self.change] * 4 + [self.alter, self.compact, lambda: self.compact(True), self.analyze])
            action()
        if rng.random() < 0.6:
            self.analyze()

    def analyze(self):
        self.twin('ANALYZE {t}')


class Round:
    """Twins and the queries on them."""

    def __init__(self, rng, cluster, number, options, totals):
        self.rng, self.cluster, self.number, self.options, self.totals = rng, cluster, number, options, totals
        self.log = []
        self.link = Link(cluster, self.log)
        self.other = None
        self.tables = Tables(rng, self.link)
        self.settings = {}
        self.sampler = random.Random(number)
        self.done = 0
        self.failures = []

    def run(self, count):
        self.log.append('-- round %d of seed %d: %s' % (self.number, self.options.seed, self.tables.kind))
        self.link.do("SET TimeZone = '%s'" % self.rng.choice(ZONES))
        self.tables.create()
        self.tables.fill()
        while self.done < count:
            mode = self.rng.random()
            if mode < 0.7:
                self.batch(12)
            elif mode < 0.78:
                self.tables.change() if self.rng.random() < 0.7 else self.tables.alter()
            elif mode < 0.88:
                self.own_changes()
            elif mode < 0.97:
                self.old_snapshot()
            else:
                self.tables.compact(self.rng.random() < 0.3)

    def close(self):
        for link in (self.link, self.other):
            if link:
                link.conn.close()

    # ---- transactions

    def own_changes(self):
        """Queries that see changes of their own transaction, some of them undone."""
        rng = self.rng
        self.link.do('BEGIN')
        for _ in range(rng.choice([1, 2])):
            self.tables.change()
            if rng.random() < 0.3:
                self.link.do('SAVEPOINT s')
                self.tables.change()
                self.link.do('ROLLBACK TO s')
            self.batch(4, True)
        self.link.do(rng.choice(['COMMIT', 'ROLLBACK']))

    def old_snapshot(self):
        """Another session changes the tables, and makes segments, after the snapshot was taken."""
        rng = self.rng
        self.link.do('BEGIN ISOLATION LEVEL ' + rng.choice(['REPEATABLE READ', 'REPEATABLE READ', 'SERIALIZABLE']))
        self.link.do('SELECT count(*) FROM b')
        if self.other is None:
            self.other = Link(self.cluster, self.log, '/* other session */ ')
            self.other.do("SET lock_timeout = '1s'")
        mine, self.tables.link = self.link, self.other
        try:
            for _ in range(rng.choice([1, 3])):
                self.tables.change()
            if rng.random() < 0.3 and not self.other.do('SET omendb.segment_blocks = %d' % self.tables.blocks).error:
                for table in self.tables.parts():
                    self.other.do("SELECT * FROM omendb.compact('%s', true)" % table, RETRY)
        finally:
            self.tables.link = mine
        self.batch(6, True)
        self.link.do('COMMIT', ('40001',))

    # ---- queries

    def choose_settings(self):
        groups = dict(GROUPS)
        if self.tables.kind == 'indexed':
            groups['index'] = INDEX_SWITCH
        if self.options.has_aggregate:
            groups['aggregate'] = AGGREGATE_SWITCH
        for name, choices in groups.items():
            chosen = self.rng.choices([c for c, _ in choices], [w for _, w in choices])[0]
            if self.settings.get(name) != chosen:
                self.link.ask('SET ' + chosen)
                self.settings[name] = chosen

    def batch(self, count, inside=False):
        """Some queries under one set of settings. inside: of a transaction, in which an error may not happen."""
        self.choose_settings()
        maker = queries.Maker(self.rng, self.tables.columns, self.tables.rows)
        reader = self.tables.kind == 'security'
        if reader:
            self.link.ask('SET ROLE oracle_reader')
        for _ in range(count):
            query = maker.make()
            how = self.rng.choices(['plain', 'prepared', 'cursor'], [20, 3, 1])[0]
            Attempt(self, query, how, inside).check()
            self.done += 1
        if reader:
            self.link.ask('RESET ROLE')

    def relation(self, table):
        return table + ('_v' if self.tables.kind == 'view' else '')


class Attempt:
    """One query, run on both twins in one way."""

    def __init__(self, this, query, how, inside, quiet=False):
        self.round, self.query, self.how, self.inside = this, query, how, inside
        self.link, self.totals, self.quiet = this.link, this.totals, quiet
        self.settings = list(this.settings.values())

    def sql(self, table, which=0):
        return self.query.inline(which).replace('{t}', self.round.relation(table))

    def ask(self, sql):
        """Inside a transaction every statement has a savepoint of its own."""
        if not self.inside:
            return self.link.ask(sql)
        self.link.ask('SAVEPOINT q')
        answer = self.link.ask(sql)
        self.link.ask('ROLLBACK TO q' if answer.error else 'RELEASE q')
        return answer

    def answers(self, table):
        """All answers of the query on one twin: one, or one for each set of parameters."""
        if self.how == 'plain':
            return [self.ask(self.sql(table))]
        if self.how == 'cursor':
            return [self.through_cursor(table)]
        name = 'q_' + table
        failed = self.ask(self.query.prepared(name).replace('{t}', self.round.relation(table)))
        if failed.error:
            return [failed]
        found = [self.ask(self.query.execute(name, which)) for which in range(3)]
        self.ask('DEALLOCATE ' + name)
        return found

    def through_cursor(self, table):
        if not self.inside:
            self.link.ask('BEGIN')
        try:
            declared = self.ask('DECLARE c CURSOR FOR ' + self.sql(table))
            if declared.error:
                return declared
            rows = []
            for size in ('1', '2', 'ALL'):
                answer = self.ask('FETCH %s FROM c' % size)
                if answer.error:
                    return answer
                rows += answer.rows
            return Answer(rows)
        finally:
            self.ask('CLOSE c')
            if not self.inside:
                self.link.ask('ROLLBACK')

    def check(self):
        """Compare; a difference is made smaller and reported."""
        try:
            difference = self.difference()
        except Lost as error:
            self.round.failures.append((self, 'server lost: %s' % error))
            raise
        if difference and not self.quiet:
            self.round.failures.append((self.reduced(), difference))
        elif not self.quiet:
            self.totals.passed += 1
            self.sample_plan()

    def difference(self):
        """None if both twins agree, else what differs."""
        expected = self.answers('b')
        bad = [e for e in expected if e.error and e.error[:2] in BAD_QUERY]
        if bad:
            self.totals.invalid += 1
            self.totals.last_invalid = (self.sql('b'), bad[0].show())
            if self.round.options.verbose:
                print('not valid: %s\n%s' % self.totals.last_invalid)
            return None
        for number, (left, right) in enumerate(zip(self.answers('a'), expected)):
            found = self.compare(left, right)
            if found:
                return found if self.how != 'prepared' else 'with parameters %s: %s' % (self.query.execute('q', number), found)
        return None

    def compare(self, left, right):
        if left.error or right.error:
            return self.compare_errors(left, right)
        return values.compare_rows(self.query.cells(), left.rows, right.rows, self.query.ordered())

    def compare_errors(self, left, right):
        """
        PostgreSQL does not say which of two conditions is tested first, nor which row: where several places may raise an
        error any of them may, and a condition that removes a row may spare it the error. But no row gets more errors,
        except in groups that heap's plan does not reach because of a LIMIT, and in joins: which side is read first, and the other
        not at all if there is no row, depends on the plan.
        """
        self.totals.errors += 1
        if left.error == right.error or '40001' in (left.error, right.error):
            return None
        if left.error and right.error and self.query.hazard > 1 and {left.error[:2], right.error[:2]} <= set(DATA_ERROR):
            return None
        if right.error and right.error[:2] in DATA_ERROR and not left.error and self.spared():
            self.totals.spared += 1
            return None
        if left.error and left.error[:2] in DATA_ERROR and not right.error and (self.beyond_limit(left) or self.query.kind == 'star'):
            self.totals.spared += 1
            return None
        return 'got %s\n  expected %s' % (left.show(), right.show())

    def spared(self):
        """May conditions be tested in another order, or the rows of a group that is not wanted be left out?"""
        return ' AND ' in self.query.text() or bool(self.query.limit)

    def beyond_limit(self, left):
        """Does heap raise the same error when it has to compute all groups?"""
        if not self.query.limit or self.how == 'prepared':
            return False
        whole = copy.copy(self.query)
        whole.limit = ''
        return any(answer.error == left.error for answer in Attempt(self.round, whole, self.how, self.inside, True).answers('b'))

    def reduced(self):
        """The smallest query found that still differs."""
        best, again = self, True
        while again:
            again = False
            for query in best.query.smaller():
                attempt = Attempt(self.round, query, self.how, self.inside, True)
                if attempt.differs():
                    best, again = attempt, True
                    break
        return best

    def differs(self):
        invalid, errors, spared = self.totals.invalid, self.totals.errors, self.totals.spared
        try:
            return bool(self.difference())
        finally:
            self.totals.invalid, self.totals.errors, self.totals.spared = invalid, errors, spared

    def sample_plan(self):
        """Count which of our nodes queries use: a test that never meets them shows nothing."""
        if self.round.sampler.random() > 0.05 or self.how != 'plain' or self.inside:
            return
        plan = self.link.ask('EXPLAIN (COSTS OFF) ' + self.sql('a'))
        if plan.error:
            return
        text = '\n'.join(row[0] for row in plan.rows)
        self.totals.plans += 1
        for node in OUR_NODES:
            self.totals.nodes[node] += node in text
        self.totals.parallel += 'Gather' in text

    def reproduce(self):
        """Statements that follow the round's log."""
        lines = ['SET %s;' % text for text in self.settings]
        lines += ['SET ROLE oracle_reader;'] if self.round.tables.kind == 'security' else []
        if self.how == 'prepared':
            lines += ['-- as a prepared statement:', self.query.prepared('q').replace('{t}', self.round.relation('a')) + ';']
            lines += [self.query.execute('q', which) + ';' for which in range(3)]
        else:
            lines += ['-- through a cursor:'] if self.how == 'cursor' else []
            lines += [self.sql('a') + ';', self.sql('b') + ';']
        return lines


class Totals:
    """What happened so far."""

    def __init__(self):
        self.passed = self.failed = self.invalid = self.errors = self.spared = self.plans = self.parallel = 0
        self.nodes = dict.fromkeys(OUR_NODES, 0)
        self.last_invalid = None
        self.seen = {}

    def summary(self):
        share = {name: '%d %%' % (100 * count // max(self.plans, 1)) for name, count in self.nodes.items()}
        return '%d queries agreed, %d of them errors; %d spared an error; %d not valid; of %d plans %s, parallel %d %%' % (
            self.passed, self.errors, self.spared, self.invalid, self.plans,
            ', '.join('%s %s' % item for item in share.items()), 100 * self.parallel // max(self.plans, 1))


class Analytics:
    """The whole run."""

    def __init__(self, cluster, options):
        self.cluster, self.options = cluster, options
        self.totals = Totals()
        self.began = time.time()

    def prepare(self):
        """The database, and what queries need beside the twins."""
        conn = self.cluster.connect()
        conn.cursor().execute('CREATE DATABASE oracle')
        conn.close()
        conn = self.cluster.connect('oracle')
        cur = conn.cursor()
        cur.execute('CREATE EXTENSION IF NOT EXISTS omendb')
        cur.execute(values.SETUP)
        cur.execute("CREATE TABLE oracle_dimension AS SELECT k, 'name ' || k AS name FROM generate_series(0, 5) k")
        cur.execute('GRANT SELECT ON oracle_dimension TO oracle_reader')
        for statement in queries.STAR.strip().split(';\n'):
            if '%s' in statement:
                cur.execute(statement, ([w.replace('\\\\', '\\').replace('\\t', '\t') for w in values.WORDS],))
            elif statement:
                cur.execute(statement)
        cur.execute("SELECT count(*) FROM pg_settings WHERE name = 'omendb.columnar_aggregate'")
        self.options.has_aggregate = cur.fetchone()[0] == 1
        conn.close()

    def run(self):
        self.prepare()
        number = self.options.round or 0
        while self.totals.passed + self.totals.failed < self.options.queries:
            self.round_once(number)
            number += 1
            if self.options.verbose or number % 10 == 0:
                print('%d rounds, %.0f s: %s' % (number, time.time() - self.began, self.totals.summary()), flush=True)
            if self.options.round is not None or self.totals.failed >= self.options.most_failures:
                break
        print('%d rounds in %.0f s: %s' % (number, time.time() - self.began, self.totals.summary()))
        self.judge()
        return self.totals

    def judge(self):
        """Too many queries that mean nothing, or none that uses columns, are failures of the test itself."""
        totals = self.totals
        if totals.invalid > 0.02 * (totals.passed + 1) + 5:
            totals.failed += 1
            print('FAILED: %d queries are not valid, for example\n%s\n%s' % ((totals.invalid,) + totals.last_invalid))
        if totals.plans > 50:
            needed = [('OmendbScan', 0.1)] + ([('OmendbAggregate', 0.1), ('OmendbJoin', 0.02)] if self.options.has_aggregate else [])
            for node, least in needed:
                if totals.nodes[node] < least * totals.plans:
                    totals.failed += 1
                    print('FAILED: only %d of %d plans use %s' % (totals.nodes[node], totals.plans, node))

    def round_once(self, number):
        rng = random.Random('%d %d' % (self.options.seed, number))
        this = Round(rng, self.cluster, number, self.options, self.totals)
        try:
            this.run(self.options.round_queries)
        except Broken as error:
            self.totals.failed += 1
            print('FAILED: seed %d round %d: %s\n%s' % (self.options.seed, number, error, self.save(this, [])), flush=True)
        except Lost:
            print('server lost in round %d:\n%s' % (number, self.cluster.log_tail(12, ['PANIC', 'TRAP', 'terminated', 'FATAL'])), flush=True)
            self.cluster.wait_ready()
        finally:
            this.close()
        self.report(this, number)

    def report(self, this, number):
        """The first failure of each sort with all that reproduces it, of the others only how many."""
        for attempt, difference in this.failures:
            self.totals.failed += 1
            sort = re.sub(r"'[^']*'|\d+|\x01\d+\x02", '?', attempt.query.text() + difference.split('\n')[0])[:200]
            self.totals.seen[sort] = self.totals.seen.get(sort, 0) + 1
            if self.totals.seen[sort] > 1:
                continue
            path = self.save(this, attempt.reproduce(), self.totals.failed)
            print('FAILED: seed %d round %d (%s, %s; repeat with --seed %d --round %d)\n  columns  %s\n  settings %s\n  %s\n  %s\n  %s' % (
                self.options.seed, number, attempt.query.kind, attempt.how, self.options.seed, number,
                ', '.join('%s %s' % (c.name, c.profile.sql) for c in this.tables.columns if re.search(r'\b%s\b' % c.name, attempt.sql('a'))),
                '; '.join(attempt.settings), attempt.sql('a'), difference, path), flush=True)

    def save(self, this, lines, which=0):
        path = '/tmp/omendb-queries-%d-%d-%d.sql' % (self.options.seed, this.number, which)
        with open(path, 'w', encoding='utf-8') as out:
            out.write('\n'.join(this.log + lines) + '\n')
        return path
