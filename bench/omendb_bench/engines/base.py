"""What an engine is to a workload: sessions with a few methods, and the few places where
SQL differs.

SQL of the workloads has ? for parameters and no other ? or backslash. Rows come and go as
Python numbers and strings; a point in time is a number of microseconds since 1970, which
times() turns into what the engine stores."""

import re

from .. import processes


class Rollback(Exception):
    """Raised by a transaction that ends itself, as one in a hundred of TPC-C's new orders does."""


class Conflict(Exception):
    """A transaction was refused again and again in favour of others."""


class Table:
    """Name, columns 'name type, ...', primary key, and indexes 'a, b' or 'unique a'.

    Types: int, bigint, float, text(n), time. A type that ends in ? admits nulls."""

    def __init__(self, name, columns, key='', indexes=()):
        self.name = name
        self.columns = [c.split() for c in columns.split(',')]
        self.names = [c[0] for c in self.columns]
        self.key = key.replace(' ', '').split(',') if key else []
        self.indexes = [(i.split(' ', 1)[1], True) if i.startswith('unique ') else (i, False)
                        for i in indexes]

    def column_list(self):
        return ', '.join(self.names)


class Session:
    """A connection. An engine supplies run(), pack() and load(); the rest is the same for all."""

    RETRIES = 1000

    def __init__(self, engine):
        self.engine = engine
        self.retries = 0
        self.statements = {}

    def run(self, sql, params=()):
        """A short statement, prepared once. Returns rows, or the number of rows changed."""
        raise NotImplementedError

    def query(self, sql, params=()):
        """An analytical query, planned for its values."""
        return self.run(sql, params)

    def pack(self, table, columns):
        """Rows, given as one list a column, in the form that load() takes."""
        raise NotImplementedError

    def load(self, table, packed):
        """Adds many rows at once, the way the engine likes it best."""
        raise NotImplementedError

    def close(self):
        raise NotImplementedError

    def is_conflict(self, error):
        """Whether a transaction that failed so is to be tried again."""
        raise NotImplementedError

    def create(self, table):
        """Makes an empty table with its indexes."""
        engine = self.engine
        lines = ['%s %s' % (name, engine.type(kind)) for name, kind in table.columns]
        if table.key and engine.key_is_constraint:
            lines.append('PRIMARY KEY (%s)' % ', '.join(table.key))
        self.execute('CREATE TABLE %s (%s)%s' % (
            table.name, ', '.join(lines), engine.table_options(table)))
        if table.key and not engine.key_is_constraint:
            self.create_index(table, ', '.join(table.key), True, 0)
        self.create_indexes(table)

    def create_indexes(self, table):
        """Those beside the primary key."""
        for number, (columns, unique) in enumerate(table.indexes, 1):
            self.create_index(table, columns, unique, number)

    def drop_indexes(self, table):
        """Those that create_indexes() makes."""
        for number in range(1, len(table.indexes) + 1):
            self.drop_index(table, '%s_%d' % (table.name, number))

    def drop_index(self, table, index):
        self.execute('DROP INDEX %s' % index)

    def create_index(self, table, columns, unique, number):
        self.execute('CREATE %sINDEX %s_%d ON %s%s (%s)' % (
            'UNIQUE ' if unique else '', table.name, number, table.name,
            self.engine.index_method, columns))

    def execute(self, sql, params=()):
        """A statement that is not prepared; what it answers is thrown away."""
        self.query(sql, params)

    def statement(self, kind, table, make):
        """The text of a statement on a table, made once a session."""
        found = self.statements.get((kind, table))
        if found is None:
            found = self.statements[(kind, table)] = make()
        return found

    @staticmethod
    def by_key(table):
        return ' AND '.join('%s = ?' % name for name in table.key)

    def read(self, table, key):
        """The row with this primary key, a tuple, or None."""
        rows = self.run(self.statement('read', table, lambda: 'SELECT %s FROM %s WHERE %s' % (
            table.column_list(), table.name, self.by_key(table))), key)
        return rows[0] if rows else None

    def insert(self, table, row):
        return self.run(self.statement('insert', table, lambda: (
            'INSERT INTO %s (%s) VALUES (%s)' % (
                table.name, table.column_list(), ', '.join('?' * len(table.names))))), row)

    def update(self, table, key, column, value):
        """Sets one column of one row. Returns the number of rows changed."""
        sql = self.statement(('update', column), table, lambda: (
            'UPDATE %s SET %s = ? WHERE %s' % (table.name, column, self.by_key(table))))
        return self.run(sql, (value,) + tuple(key))

    def scan(self, table, start, limit):
        """Up to limit rows in the order of the (one column) key, from start on."""
        return self.run(self.statement('scan', table, lambda: (
            'SELECT %s FROM %s WHERE %s >= ? ORDER BY %s LIMIT ?' % (
                table.column_list(), table.name, table.key[0], table.key[0]))), (start, limit))

    def pack_insert(self, table, columns, ignore=False):
        """One INSERT of many rows, ready to be sent. ignore: rows whose key exists are skipped."""
        rows = ', '.join('(%s)' % ', '.join(row) for row in zip(
            *(map(self.literal, column) for column in columns)))
        return self.engine.insert_ignore(ignore) % (table.name, table.column_list(), rows)

    def insert_many(self, packed):
        self.execute(packed)

    @staticmethod
    def literal(value):
        if value is None:
            return 'NULL'
        return "'%s'" % value.replace("'", "''") if isinstance(value, str) else repr(value)

    def begin(self, write):             # pylint: disable=unused-argument
        self.query('BEGIN')

    def commit(self):
        self.query('COMMIT')

    def rollback(self):
        self.query('ROLLBACK')

    def transaction(self, work, write=True):
        """Runs work(session) in a transaction, again after a conflict. Returns what it returns."""
        for _ in range(self.RETRIES):
            try:
                self.begin(write)
                result = work(self)
                self.commit()
                return result
            except Rollback:
                self.rollback()
                return None
            except Exception as error:  # pylint: disable=broad-except
                self.rollback_quietly()
                if not self.is_conflict(error):
                    raise
                self.retries += 1
        raise Conflict('a transaction met conflicts %d times' % self.RETRIES)

    def rollback_quietly(self):
        """After an error, which is to be reported; some engines have rolled back by then."""
        try:
            self.rollback()
        except Exception:               # pylint: disable=broad-except
            pass

    def alone(self):
        """No other session will be there as long as this one."""

    def lookups(self):
        """From now on joins are made by looking up in an index, where the engine can be told."""

    def settle(self, tables):
        """What the engine's own upkeep would have done after some quiet time."""
        raise NotImplementedError

    def size(self, tables):
        """Bytes on disk of tables and their indexes."""
        raise NotImplementedError


class Engine:
    """A database system: starts and stops it, makes sessions, and knows its SQL.

    start() gives an empty database, stop() leaves nothing running; both may be called
    again and again. sessions are made in the client processes, after the fork."""

    name = ''
    driver = ''
    types = {}
    key_is_constraint = True
    index_method = ''
    for_update = ' FOR UPDATE'
    pgbench = None                      # (program, environment) where pgbench can be used

    def __init__(self, context):
        self.context = context

    def start(self):
        raise NotImplementedError

    def stop(self):
        raise NotImplementedError

    def close(self):
        """The end: stops the engine and removes what it had on disk."""
        self.stop()

    def connect(self):
        raise NotImplementedError

    def version(self):
        """The engine and version as the running system reports them."""
        raise NotImplementedError

    def settings(self):
        """What was set, as text for the report."""
        raise NotImplementedError

    def server_pid(self):
        """The process of a server on this machine, with its descendants; None if there is none."""
        return None

    def pause(self):
        """Its processes stand still until resume(), while another engine is measured."""
        processes.pause(self.server_pid())

    def resume(self):
        processes.resume(self.server_pid())

    def type(self, kind):
        base, length = re.match(r'(\w+)(?:\((\d+)\))?', kind).groups()
        text = self.types[base]
        text = text % length if '%s' in text else text
        return text if kind.endswith('?') else text + ' NOT NULL'

    def table_options(self, table):     # pylint: disable=unused-argument
        return ''

    def insert_ignore(self, ignore):
        return 'INSERT INTO %s (%s) VALUES %s' + (' ON CONFLICT DO NOTHING' if ignore else '')

    def hour(self, column):
        """An expression with one value for each hour."""
        return "date_trunc('hour', %s)" % column

    def times(self, micros):
        """A numpy array of microseconds since 1970 as a list of the engine's own values."""
        stamps = micros.astype('datetime64[us]').astype(str).tolist()
        return [stamp.replace('T', ' ') for stamp in stamps]


def copy_text(columns):
    """Rows as the tab-separated lines that COPY and LOAD DATA read; None becomes \\N."""
    columns = [['\\N' if v is None else v for v in c] if None in c else c for c in columns]
    line = '\t'.join(['%s'] * len(columns)) + '\n'
    return ''.join(map(line.__mod__, zip(*columns)))
