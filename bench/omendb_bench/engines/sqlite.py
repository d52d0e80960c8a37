"""SQLite in process, through Python's sqlite3: write-ahead log, large cache."""

import os
import sqlite3

from .base import Engine, Session


class SqliteSession(Session):

    def __init__(self, engine):
        super().__init__(engine)
        self.conn = sqlite3.connect(engine.path, timeout=60, isolation_level=None,
                                    cached_statements=500)
        for name, value in engine.pragmas().items():
            self.conn.execute('PRAGMA %s = %s' % (name, value))

    def close(self):
        self.conn.close()

    def run(self, sql, params=()):
        cur = self.conn.execute(sql, params)
        return cur.fetchall() if cur.description else cur.rowcount

    def alone(self):
        self.conn.execute('PRAGMA cache_size = %d' % (-1024 * self.engine.context.megabytes))

    def begin(self, write):
        self.conn.execute('BEGIN IMMEDIATE' if write else 'BEGIN')

    def pack(self, table, columns):
        return list(zip(*columns))

    def load(self, table, packed):
        self.add(table, packed, False)

    def pack_insert(self, table, columns, ignore=False):
        return table, self.pack(table, columns), ignore

    def insert_many(self, packed):
        self.add(*packed)

    def add(self, table, rows, ignore):
        sql = self.engine.insert_ignore(ignore) % (
            table.name, table.column_list(), '(%s)' % ', '.join('?' * len(table.names)))
        self.transaction(lambda session: session.conn.executemany(sql, rows))

    def is_conflict(self, error):
        return isinstance(error, sqlite3.OperationalError) and 'locked' in str(error)

    def settle(self, tables):
        self.conn.execute('ANALYZE')
        self.conn.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchall()

    def size(self, tables):
        (pages,), = self.run('PRAGMA page_count')
        (page,), = self.run('PRAGMA page_size')
        return pages * page


class Sqlite(Engine):
    """A file. One process writes at a time; readers do not wait."""

    name = 'sqlite'
    driver = "Python's sqlite3"
    types = {'int': 'INTEGER', 'bigint': 'INTEGER', 'float': 'REAL', 'text': 'TEXT',
             'time': 'INTEGER'}
    for_update = ''                     # BEGIN IMMEDIATE has the only lock there is

    def __init__(self, context):
        super().__init__(context)
        self.path = context.scratch.file('sqlite.db')

    def pragmas(self):
        """The cache is each connection's own: the clients share the memory. One that is alone, as in a
        load, has all of it."""
        return {'journal_mode': 'WAL',
                'synchronous': 'FULL' if self.context.durable else 'NORMAL',
                'cache_size': -(self.context.megabytes * 1024 // self.context.clients),
                'mmap_size': self.context.megabytes * 2**20,
                'temp_store': 'MEMORY'}

    def settings(self):
        return ', '.join('%s = %s' % pair for pair in self.pragmas().items()) + ', page_size = 8192'

    def remove(self):
        for suffix in ('', '-wal', '-shm'):
            if os.path.exists(self.path + suffix):
                os.unlink(self.path + suffix)

    def start(self):
        self.remove()
        conn = sqlite3.connect(self.path)
        conn.execute('PRAGMA page_size = 8192')
        conn.execute('PRAGMA journal_mode = WAL')
        conn.close()

    def stop(self):
        self.remove()

    def connect(self):
        return SqliteSession(self)

    def version(self):
        return 'SQLite ' + sqlite3.sqlite_version

    def table_options(self, table):
        return ' WITHOUT ROWID' if len(table.key) > 1 else ''

    def hour(self, column):
        return '%s / 3600000000' % column

    def times(self, micros):
        return micros.tolist()
