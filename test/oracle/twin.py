"""
Sessions that run every statement on both twins and compare the outcome.

Table a has the indexes of the access method under test, table b the same indexes with nbtree.
"""

import io

import psycopg2

TWINS = ('a', 'b')
RETRY = ('40001', '40P01', '55P03', '25P02')
EXPECTED = RETRY + ('23505', '23P01', '22003', '22008', '54000', '22P02')


class Mismatch(Exception):
    """The twins disagree, or the access method under test broke a rule."""


class Lost(Exception):
    """The server went away."""


class Outcome:
    """What one statement did on one twin: rows, count or SQLSTATE."""

    def __init__(self, rows=None, count=None, error=None, message=''):
        self.rows, self.count, self.error, self.message = rows, count, error, message

    def key(self, ordered):
        rows = self.rows
        if rows is not None and not ordered:
            rows = sorted(rows, key=repr)
        return (rows, self.count, self.error)

    def show(self):
        if self.error:
            return 'error %s: %s' % (self.error, self.message.strip())
        if self.rows is None:
            return '%s rows affected' % self.count
        return '%d rows: %r' % (len(self.rows), self.rows[:12])


def difference(left, right):
    """The first rows one side has and the other has not."""
    if left.rows is None or right.rows is None:
        return ''
    a, b = sorted(map(repr, left.rows)), sorted(map(repr, right.rows))
    only_a, only_b = [r for r in a if r not in b][:8], [r for r in b if r not in a][:8]
    return '\nonly under test: %s\nonly nbtree: %s' % (only_a, only_b)


class Session:
    """One connection with its transaction state. Logs all it runs."""

    def __init__(self, cluster, number, log, database='oracle'):
        self.conn = cluster.connect(database)
        self.conn.cursor().execute('SET statement_timeout = 60000')      # what takes longer hangs
        self.number = number
        self.log = log
        self.checks = 0
        self.in_transaction = False
        self.savepoints = 0
        self.cursors = {}
        self.mode = ''
        self.racing = False         # others commit between the statements on the two twins

    def note(self, sql):
        self.log.append('/* %d */ %s;' % (self.number, sql))

    def run(self, sql):
        """Run one statement; an SQL error becomes part of the outcome."""
        self.note(sql)
        with self.conn.cursor() as cur:
            try:
                cur.execute(sql)
                rows = cur.fetchall() if cur.description else None
                return Outcome(rows, cur.rowcount)
            except psycopg2.Error as error:
                if error.pgcode is None or self.conn.closed or error.pgcode in ('57P01', '57P02', '57P03'):
                    raise Lost('%s\n%s' % (sql, error))
                self.log.append('-- ERROR %s: %s' % (error.pgcode, str(error).strip().replace('\n', '\n-- ')))
                return Outcome(error=error.pgcode, message=str(error))

    def must(self, sql):
        """Run a statement that has no reason to fail."""
        outcome = self.run(sql)
        if outcome.error:
            raise Mismatch('%s\nfailed: %s' % (sql, outcome.show()))
        return outcome

    def copy_rows(self, table, columns, rows):
        """COPY the rows, given as COPY text, into the table."""
        sql = 'COPY %s (%s) FROM STDIN' % (table, columns)
        self.log.append('/* %d */ %s;\n%s\\.' % (self.number, sql, rows))
        with self.conn.cursor() as cur:
            try:
                cur.copy_expert(sql, io.StringIO(rows))
                return Outcome(count=cur.rowcount)
            except psycopg2.Error as error:
                if error.pgcode is None or self.conn.closed:
                    raise Lost('%s\n%s' % (sql, error))
                self.log.append('-- ERROR %s: %s' % (error.pgcode, str(error).strip().replace('\n', '\n-- ')))
                return Outcome(error=error.pgcode, message=str(error))

    def set_mode(self, settings):
        """Set planner settings, given as text of SET commands."""
        if settings != self.mode:
            self.run(settings)
            self.mode = settings

    def begin(self, level='READ COMMITTED'):
        self.must('BEGIN ISOLATION LEVEL ' + level)
        self.in_transaction = True
        self.savepoints = 0

    def end(self, word):
        """COMMIT or ROLLBACK. A deferred constraint may turn a COMMIT into an error."""
        outcome = self.run(word)
        self.finished()
        return outcome

    def finished(self):
        self.in_transaction = False
        self.savepoints = 0
        self.cursors = {}
        self.mode = ''

    def abandon(self):
        """Roll everything back after an error."""
        if self.in_transaction:
            self.run('ROLLBACK')
        self.finished()

    def compare(self, sql, left, right, ordered):
        """Both outcomes must agree; errors other than the expected ones are failures whoever reports them."""
        self.checks += 1
        for outcome in (left, right):
            if outcome.error and outcome.error not in EXPECTED:
                raise Mismatch('unexpected error from\n%s\n%s' % (sql, outcome.show()))
        if left.error in RETRY or right.error in RETRY:
            return
        if self.racing and (left.error or right.error):
            return
        if left.key(ordered) != right.key(ordered):
            raise Mismatch('the twins differ for\n%s\nunder test: %s\nnbtree: %s%s\nplanner settings: %s' % (
                sql, left.show(), right.show(), difference(left, right), self.mode))

    def twin(self, sql, ordered=False):
        """Run the statement on both twins and compare. After an error inside a transaction all is rolled back."""
        left = self.run(sql.replace('{t}', 'a'))
        if left.error and self.in_transaction:
            self.compare(sql, left, left, ordered)
            self.abandon()
            return left
        right = self.run(sql.replace('{t}', 'b'))
        self.compare(sql, left, right, ordered)
        gave_up = right.error in RETRY and self.in_transaction
        if bool(left.error) != bool(right.error) and not gave_up:
            raise Mismatch('only one of the twins gave up for\n%s\nunder test: %s\nnbtree: %s' % (
                sql, left.show(), right.show()))
        if right.error and self.in_transaction:
            self.abandon()
        return left

    def twin_guarded(self, sql):
        """Like twin(), under a savepoint of its own, so that an error is compared and undone on both sides."""
        return self.guarded(lambda table: self.run(sql.replace('{t}', table)), sql)

    def guarded(self, action, sql):
        self.must('SAVEPOINT guard')
        left = action('a')
        if left.error:
            self.must('ROLLBACK TO guard')
            self.must('SAVEPOINT inner_guard')
            right = action('b')
            self.must('ROLLBACK TO inner_guard')
        else:
            right = action('b')
            if right.error:
                self.must('ROLLBACK TO guard')
        self.compare(sql, left, right, False)
        self.must('RELEASE guard')
        return left
