"""Servers that speak MySQL's protocol: by URL, and a scratch MariaDB with Debian's programs."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

from ..cluster import server_user
from .base import Engine, Session, copy_text

DATABASE = 'omendb_bench'
CONFLICTS = (1020, 1205, 1213, 8028, 9007)  # record changed, lock timeout, deadlock; TiDB's two


class MySQLSession(Session):

    def __init__(self, engine, conn):
        super().__init__(engine)
        self.conn, self.cur = conn, conn.cursor()
        self.local_infile = bool(self.query('SELECT @@local_infile')[0][0])
        handle, self.file = tempfile.mkstemp('.tsv', 'mysql-', engine.context.scratch.path)
        os.close(handle)

    def drop_index(self, table, index):
        self.execute('DROP INDEX %s ON %s' % (index, table.name))

    def close(self):
        self.conn.close()
        os.unlink(self.file)

    def run(self, sql, params=()):
        if params:
            sql = self.statements.get(sql) or self.statements.setdefault(
                sql, sql.replace('%', '%%').replace('?', '%s'))
        changed = self.cur.execute(sql, tuple(params) or None)
        return list(self.cur.fetchall()) if self.cur.description else changed

    def pack(self, table, columns):
        if not self.local_infile:
            return self.pack_insert(table, columns)
        with open(self.file, 'w', encoding='utf-8') as out:
            out.write(copy_text(columns))
        return None

    def load(self, table, packed):
        if packed:
            self.insert_many(packed)
        else:
            self.run("LOAD DATA LOCAL INFILE '%s' INTO TABLE %s (%s)" % (
                self.file, table.name, table.column_list()))

    def is_conflict(self, error):
        return bool(error.args) and error.args[0] in CONFLICTS

    def settle(self, tables):
        self.run('ANALYZE TABLE ' + ', '.join(table.name for table in tables))

    def size(self, tables):
        names = ', '.join("'%s'" % table.name for table in tables)
        self.run('ANALYZE TABLE ' + ', '.join(table.name for table in tables))
        return int(self.query(
            'SELECT sum(data_length + index_length) FROM information_schema.tables'
            " WHERE table_schema = '%s' AND table_name IN (%s)" % (DATABASE, names))[0][0])


class MySQL(Engine):
    """What is common to every server that speaks MySQL's protocol."""

    driver = 'pymysql'
    types = {'int': 'INT', 'bigint': 'BIGINT', 'float': 'DOUBLE',
             'text': 'VARCHAR(%s) CHARACTER SET ascii COLLATE ascii_bin', 'time': 'DATETIME(6)'}

    def arguments(self):
        """Where to connect, as pymysql calls it."""
        raise NotImplementedError

    def open(self, **more):
        import pymysql                  # pylint: disable=import-outside-toplevel
        return pymysql.connect(autocommit=True, local_infile=True,
                               client_flag=pymysql.constants.CLIENT.FOUND_ROWS,
                               **self.arguments(), **more)

    def connect(self):
        return MySQLSession(self, self.open(database=DATABASE))

    def server_run(self, *statements):
        conn = self.open()
        cur = conn.cursor()
        for sql in statements:
            cur.execute(sql)
        rows = cur.fetchall()
        conn.close()
        return rows

    def start(self):
        self.server_run('DROP DATABASE IF EXISTS ' + DATABASE, 'CREATE DATABASE ' + DATABASE)

    def stop(self):
        self.server_run('DROP DATABASE IF EXISTS ' + DATABASE)

    def version(self):
        version, comment = self.server_run('SELECT version(), @@version_comment')[0]
        return '%s (%s)' % (version, comment)

    def insert_ignore(self, ignore):
        return 'INSERT %sINTO %%s (%%s) VALUES %%s' % ('IGNORE ' if ignore else '')

    def hour(self, column):
        return "date_format(%s, '%%Y%%m%%d%%H')" % column


class MySQLUrl(MySQL):
    """A server that runs elsewhere: its settings are its owner's."""

    def __init__(self, context, name, url):
        super().__init__(context)
        self.name, self.url = name, url

    def arguments(self):
        parts = urllib.parse.urlsplit(self.url)
        found = dict(urllib.parse.parse_qsl(parts.query))
        where = {'user': urllib.parse.unquote(parts.username or 'root'),
                 'password': urllib.parse.unquote(parts.password or '')}
        if 'socket' in found:
            return dict(where, unix_socket=found['socket'])
        return dict(where, host=parts.hostname, port=parts.port or 3306)

    def settings(self):
        return "as the server's owner set it"


class MariaDB(MySQL):
    """A scratch server: its own data and socket, an unprivileged user, no network."""

    name = 'mariadb'

    def __init__(self, context):
        super().__init__(context)
        self.dir = self.process = None

    def path(self, name):
        return os.path.join(self.dir, name)

    def conf(self):
        return {'innodb_buffer_pool_size': '%dM' % self.context.megabytes,
                'innodb_log_file_size': '2G' if self.context.megabytes > 4096 else '256M',
                'innodb_flush_log_at_trx_commit': '1' if self.context.durable else '2',
                'transaction_isolation': 'READ-COMMITTED', 'local_infile': '1',
                'max_connections': '50', 'max_allowed_packet': '256M'}

    def settings(self):
        return ', '.join('%s = %s' % pair for pair in self.conf().items())

    def arguments(self):
        return {'user': 'root', 'unix_socket': self.path('socket')}

    def spawn(self, program, *args):
        """A program of MariaDB, as the unprivileged user; it never reads the machine's my.cnf."""
        user = {'user': server_user(), 'extra_groups': []} if os.geteuid() == 0 else {}
        if user:
            user['group'] = pwd.getpwnam(user['user']).pw_gid
        with open(self.path('log'), 'ab') as log:
            return subprocess.Popen([program, '--no-defaults', '--datadir=' + self.path('data'),
                                     *args], stdout=log, stderr=log, cwd='/', **user)

    def initialise(self):
        self.dir = tempfile.mkdtemp(prefix='mariadb-', dir=self.context.scratch.path)
        os.mkdir(self.path('data'))
        if os.geteuid() == 0:
            shutil.chown(self.dir, server_user())
            shutil.chown(self.path('data'), server_user())
        if self.spawn('mariadb-install-db', '--skip-test-db',
                      '--auth-root-authentication-method=normal').wait() != 0:
            raise RuntimeError('mariadb-install-db failed: ' + self.log_end())

    def log_end(self):
        with open(self.path('log'), encoding='utf-8', errors='replace') as log:
            return ' '.join(log.read()[-600:].split())

    def server_pid(self):
        return self.process.pid if self.process else None

    def start(self):
        if self.dir is None:
            self.initialise()
        self.process = self.spawn(
            shutil.which('mariadbd', path='/usr/sbin:' + os.environ['PATH']), '--skip-networking',
            '--socket=' + self.path('socket'), '--pid-file=' + self.path('pid'),
            *('--%s=%s' % pair for pair in self.conf().items()))
        deadline = time.time() + 60
        while True:
            try:
                return super().start()
            except Exception:           # pylint: disable=broad-except
                if self.process.poll() is not None or time.time() > deadline:
                    raise RuntimeError('MariaDB does not start: ' + self.log_end()) from None
                time.sleep(0.1)

    def stop(self):
        if self.process is None:
            return
        try:
            super().stop()
        finally:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
