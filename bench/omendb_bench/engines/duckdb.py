"""DuckDB in a process of its own: a small node program (duckdb.mjs) holds the database, and
sessions talk to it in lines of JSON."""

import csv
import json
import os
import socket
import subprocess
import tempfile

from .base import Engine, Session

SAFE = 2**53                            # JSON numbers above are not exact


def encode(value):
    return {'big': str(value)} if isinstance(value, int) and abs(value) >= SAFE else value


def decode(value):
    return int(value['big']) if isinstance(value, dict) else value


class DuckDBError(Exception):
    pass


class DuckDBSession(Session):
    """A connection of the database, reached through the program's socket."""

    def __init__(self, engine):
        super().__init__(engine)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(engine.socket_path)
        self.stream = self.socket.makefile('rw', encoding='utf-8')
        handle, self.file = tempfile.mkstemp('.csv', 'duckdb-', engine.context.scratch.path)
        os.close(handle)

    def close(self):
        self.stream.close()
        self.socket.close()
        os.unlink(self.file)

    def ask(self, sql, params, prepare):
        self.stream.write(json.dumps({'sql': sql, 'prepare': prepare,
                                      'params': [encode(p) for p in params]}) + '\n')
        self.stream.flush()
        line = self.stream.readline()
        if not line:
            raise DuckDBError('the DuckDB process has ended')
        answer = json.loads(line)
        if 'error' in answer:
            raise DuckDBError(answer['error'])
        if 'changed' in answer:
            return answer['changed']
        return [tuple(map(decode, row)) for row in answer['rows']]

    def run(self, sql, params=()):
        return self.ask(sql, params, True)

    def query(self, sql, params=()):
        return self.ask(sql, params, False)

    def pack(self, table, columns):
        """A CSV file, which DuckDB reads faster than anything it is sent."""
        with open(self.file, 'w', encoding='utf-8', newline='') as out:
            csv.writer(out).writerows(zip(*columns))
        return self.file

    def load(self, table, packed):
        self.query("COPY %s FROM '%s' (FORMAT csv, HEADER false)" % (table.name, packed))

    def is_conflict(self, error):
        return isinstance(error, DuckDBError) and 'conflict' in str(error).lower()

    def settle(self, tables):
        self.query('CHECKPOINT')
        self.query('ANALYZE')

    def size(self, tables):
        self.query('CHECKPOINT')
        return os.path.getsize(self.engine.path)


class DuckDB(Engine):
    name = 'duckdb'
    driver = 'a pipe to @duckdb/node-api'
    types = {'int': 'INTEGER', 'bigint': 'BIGINT', 'float': 'DOUBLE', 'text': 'VARCHAR',
             'time': 'TIMESTAMP'}
    for_update = ''                     # the second of two writers of a row is refused

    def __init__(self, context):
        super().__init__(context)
        self.path = context.scratch.file('duckdb.db')
        self.socket_path = context.scratch.file('duckdb.sock')
        self.process = None

    def start(self):
        self.stop()
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'duckdb.mjs')
        self.process = subprocess.Popen(
            ['node', program, self.context.node_modules, self.path, self.socket_path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != 'ready\n':
            self.stop()
            raise DuckDBError('the DuckDB process does not start: is @duckdb/node-api installed?')
        session = self.connect()
        session.query("SET memory_limit = '%dMB'" % self.context.megabytes)
        session.close()

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None
        for path in (self.path, self.path + '.wal', self.socket_path):
            if os.path.exists(path):
                os.unlink(path)

    def server_pid(self):
        return self.process.pid if self.process else None

    def connect(self):
        return DuckDBSession(self)

    def version(self):
        session = self.connect()
        version = session.query('SELECT version()')[0][0]
        session.close()
        return 'DuckDB ' + version

    def settings(self):
        return ('memory_limit = %dMB, otherwise as delivered; every commit is synced to disk,'
                ' whatever --durable says' % self.context.megabytes)
