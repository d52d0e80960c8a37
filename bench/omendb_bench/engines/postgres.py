"""PostgreSQL with heap tables and btree indexes on a scratch cluster, and any server by URL
that speaks its protocol."""

import io
import os
import urllib.parse

import psycopg2

from .. import cluster
from ..mainjob import LOOKUP
from .base import Engine, Session, copy_text

SCHEMA = 'omendb_bench'
CONFLICTS = ('40001', '40P01')          # serialization failure, deadlock


class PostgresSession(Session):
    """A psycopg2 connection; short statements are prepared on the server."""

    def __init__(self, engine, conn):
        super().__init__(engine)
        conn.autocommit = True
        self.conn, self.cur = conn, conn.cursor()
        self.prepared = {}
        self.cur.execute('SET search_path = %s, public' % SCHEMA)
        self.cur.execute("SET timezone = 'UTC'")

    def close(self):
        self.conn.close()

    def prepare(self, sql):
        name = 'p%d' % len(self.prepared)
        parts = sql.split('?')
        text = ''.join('%s$%d' % (part, n) for n, part in enumerate(parts[:-1], 1)) + parts[-1]
        self.cur.execute('PREPARE %s AS %s' % (name, text))
        values = ', '.join(['%s'] * (len(parts) - 1))
        call = self.prepared[sql] = 'EXECUTE %s%s' % (name, ' (%s)' % values if values else '')
        return call

    def answer(self):
        return self.cur.fetchall() if self.cur.description else self.cur.rowcount

    def run(self, sql, params=()):
        self.cur.execute(self.prepared.get(sql) or self.prepare(sql), tuple(params) or None)
        return self.answer()

    def query(self, sql, params=()):
        if params:
            self.cur.execute(sql.replace('%', '%%').replace('?', '%s'), tuple(params))
        else:
            self.cur.execute(sql)
        return self.answer()

    def pack(self, table, columns):
        return copy_text(columns).encode()

    def load(self, table, packed):
        self.cur.copy_expert('COPY %s (%s) FROM STDIN' % (table.name, table.column_list()),
                             io.BytesIO(packed))

    def is_conflict(self, error):
        return isinstance(error, psycopg2.Error) and error.pgcode in CONFLICTS

    def lookups(self):
        for name, value in LOOKUP.items():
            self.execute('SET %s = %s' % (name, value))

    def settle(self, tables):
        for table in tables:
            self.execute('VACUUM (ANALYZE) %s' % table.name)

    def size(self, tables):
        return sum(int(self.query("SELECT pg_total_relation_size('%s')" % table.name)[0][0])
                   for table in tables)


class UrlSession(PostgresSession):
    """Not every server that speaks the protocol has VACUUM, these settings or these sizes."""

    def try_query(self, sql):
        try:
            return self.query(sql)
        except psycopg2.Error:
            return None

    def lookups(self):
        for name, value in LOOKUP.items():
            self.try_query('SET %s = %s' % (name, value))

    def settle(self, tables):
        for table in tables:
            if self.try_query('VACUUM (ANALYZE) %s' % table.name) is None:
                self.execute('ANALYZE %s' % table.name)

    def size(self, tables):
        sizes = [self.try_query("SELECT pg_total_relation_size('%s')" % t.name) for t in tables]
        return sum(int(rows[0][0]) for rows in sizes) if None not in sizes else None


class Postgres(Engine):
    """What is common to every server that speaks PostgreSQL's protocol."""

    driver = 'psycopg2'
    types = {'int': 'int4', 'bigint': 'int8', 'float': 'float8', 'text': 'varchar(%s)',
             'time': 'timestamptz'}
    session = PostgresSession

    def open(self):
        raise NotImplementedError

    def connect(self):
        return self.session(self, self.open())

    def empty(self):
        """Our own schema, and nothing in it."""
        session = self.connect()
        session.execute('DROP SCHEMA IF EXISTS %s CASCADE' % SCHEMA)
        session.execute('CREATE SCHEMA %s' % SCHEMA)
        session.close()

    def version(self):
        session = self.connect()
        version = session.query('SELECT version()')[0][0]
        session.close()
        return version.split(' on ')[0]


class PostgresUrl(Postgres):
    """A server that runs elsewhere: its settings are its owner's."""

    session = UrlSession

    def __init__(self, context, name, url):
        super().__init__(context)
        self.name, self.url = name, url
        self.pgbench = ('pgbench', self.environment())

    def environment(self):
        """Libpq's environment for pgbench, from the URL."""
        parts = urllib.parse.urlsplit(self.url)
        found = dict(urllib.parse.parse_qsl(parts.query))
        env = dict(os.environ, PGOPTIONS='-c search_path=%s,public' % SCHEMA)
        for name, value in (('PGHOST', found.get('host') or parts.hostname),
                            ('PGPORT', found.get('port') or parts.port),
                            ('PGUSER', parts.username),
                            ('PGPASSWORD', parts.password), ('PGDATABASE', parts.path[1:])):
            if value:
                env[name] = urllib.parse.unquote(str(value))
        return env

    def open(self):
        return psycopg2.connect(self.url)

    def start(self):
        self.empty()

    def stop(self):
        session = self.connect()
        session.execute('DROP SCHEMA IF EXISTS %s CASCADE' % SCHEMA)
        session.close()

    def settings(self):
        return "as the server's owner set it"


class Heap(Postgres):
    """Heap tables and btree indexes, without the extension."""

    name = 'heap'
    about = 'heap tables, btree indexes, no extension loaded'
    preload = False

    def __init__(self, context):
        super().__init__(context)
        self.cluster = self.server = None

    def conf(self):
        """Settings of both scratch clusters."""
        settings = cluster.bench_settings(self.context.memory, '512MB')
        settings.update(autovacuum='on', max_parallel_workers_per_gather='2',
                        checkpoint_timeout='15min', work_mem='64MB', timezone='UTC',
                        max_worker_processes='16',
                        synchronous_commit='on' if self.context.durable else 'off')
        return settings

    def settings(self):
        return ', '.join('%s = %s' % pair for pair in sorted(self.conf().items()))

    def start(self):
        self.cluster = cluster.Cluster(self.context.scratch, self.context.major, self.conf(),
                                       extension=self.preload, bindir=self.context.bindir())
        self.server = self.cluster.create()
        self.pgbench = (self.server.program('pgbench'), self.server.environment(
            search_path='%s,public' % SCHEMA, **self.pgbench_settings()))
        self.cluster.start()
        self.empty()

    def pgbench_settings(self):
        return {}

    def stop(self):
        """The cluster goes, or its write-ahead log would fill the disk while others are measured."""
        self.close()

    def close(self):
        if self.cluster is not None:
            self.cluster.__exit__()
            self.cluster = None

    def server_pid(self):
        if self.cluster is None or not self.cluster.started:
            return None
        with open(os.path.join(self.cluster.data, 'postmaster.pid'), encoding='ascii') as lines:
            return int(lines.readline())

    def open(self):
        return self.server.connect()
