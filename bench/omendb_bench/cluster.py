"""A scratch PostgreSQL cluster: a private copy of the installation with the
extension in it, its data, and a unix socket, all below one directory."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import psycopg2

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STARTED = time.time()


def say(message):
    """A progress line on standard error, with the seconds since the start."""
    print('[%4d s] %s' % (time.time() - STARTED, message), file=sys.stderr, flush=True)


def memory_bytes():
    return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')


def default_shared_buffers():
    """A third of the memory, between 128 MB and 12 GB."""
    return '%dMB' % min(12288, max(128, memory_bytes() // 3 // 2**20))


def end_on_signals():
    """Let SIGTERM and SIGHUP unwind the stack, so that everything is cleaned."""
    def leave(number, _frame):
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def server_user():
    """The user a server runs as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    for name in ('postgres', 'nobody'):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise SystemExit('no unprivileged user to run the server as')


class Scratch:
    """A directory that is removed at the end unless it was asked for by name."""

    def __init__(self, path=None):
        self.keep = path is not None
        self.path = os.path.abspath(path) if path else tempfile.mkdtemp(prefix='omendb-bench-')
        os.makedirs(self.path, exist_ok=True)
        os.chmod(self.path, 0o755)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.keep:
            shutil.rmtree(self.path, ignore_errors=True)

    def file(self, name):
        return os.path.join(self.path, name)


class Server:
    """Where to connect, and which client programs to use."""

    def __init__(self, host, port, dbname, user, bindir, local):
        self.host, self.port, self.dbname, self.user = host, port, dbname, user
        self.bindir = bindir
        self.local = local
        self.cluster = None             # the scratch cluster that it is

    def restart_cold(self):
        """Starts a scratch cluster again, with nothing of its tables in memory."""
        self.cluster.stop()
        forget(os.path.join(self.cluster.data, 'base'))
        self.cluster.start()

    def connect(self, patience=0):
        """A new autocommit session; after a crash, wait for the server to return."""
        deadline = time.time() + patience
        while True:
            try:
                conn = psycopg2.connect(host=self.host, port=self.port,
                                        dbname=self.dbname, user=self.user)
                conn.autocommit = True
                return conn
            except psycopg2.OperationalError:
                if time.time() >= deadline:
                    raise
                time.sleep(0.5)

    def program(self, name):
        return os.path.join(self.bindir, name) if self.bindir else name

    def environment(self, **settings):
        """The environment for a client program whose session has these settings."""
        env = dict(os.environ, PGHOST=self.host, PGPORT=str(self.port),
                   PGDATABASE=self.dbname)
        if self.user:
            env['PGUSER'] = self.user
        env['PGOPTIONS'] = ' '.join('-c %s=%s' % s for s in settings.items())
        return env


def forget(directory):
    """Drops files, which must be on disk, from the operating system's cache."""
    for path, _, names in os.walk(directory):
        for name in names:
            handle = os.open(os.path.join(path, name), os.O_RDONLY)
            try:
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)


class Cluster:
    """Context manager: makes and starts the cluster, stops and removes it."""

    def __init__(self, scratch, major, settings, extension=True, bindir=None):
        """bindir: the programs of a PostgreSQL that is prepared already."""
        self.scratch, self.major, self.settings = scratch, major, settings
        self.extension, self.bindir = extension, bindir
        self.user = server_user()
        self.dir = tempfile.mkdtemp(prefix='cluster-', dir=scratch.path)
        self.data = os.path.join(self.dir, 'data')
        self.log = os.path.join(self.dir, 'server.log')
        self.started = False

    def __enter__(self):
        try:
            server = self.create()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return server

    def __exit__(self, *_):
        self.stop('immediate')
        shutil.rmtree(self.dir, ignore_errors=True)

    def create(self):
        """The programs and an empty cluster; start() and stop() may then be called in turn."""
        if not self.bindir:
            self.prepare()
        if os.geteuid() == 0:
            shutil.chown(self.dir, self.user)
        self.initialise()
        server = Server(self.dir, 5432, 'postgres', 'postgres', self.bindir, True)
        server.cluster = self
        return server

    def prepare(self):
        say('making a private PostgreSQL %s%s' % (
            self.major, ' and building the extension' if self.extension else ''))
        command = [os.path.join(BENCH, 'prepare'), str(self.major), self.dir]
        if not self.extension:
            command.append('--no-extension')
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit('could not prepare PostgreSQL %s' % self.major)
        self.bindir = done.stdout.split()[-1]

    def run(self, program, *args, check=True):
        command = [os.path.join(self.bindir, program)] + list(args)
        if os.geteuid() == 0:
            command = ['runuser', '-u', self.user, '--'] + command
        return subprocess.run(command, stdout=subprocess.DEVNULL, check=check, cwd='/')

    def initialise(self):
        say('making a scratch cluster')
        self.run('initdb', '-D', self.data, '-U', 'postgres', '-A', 'trust',
                 '-E', 'UTF8', '--locale=C', '--no-instructions')
        preload = {'shared_preload_libraries': 'omendb'} if self.extension else {}
        lines = dict(self.settings, listen_addresses='', unix_socket_directories=self.dir,
                     unix_socket_permissions='0700', port=5432, **preload)
        with open(os.path.join(self.data, 'postgresql.conf'), 'a', encoding='utf-8') as conf:
            for name, value in lines.items():
                conf.write("%s = '%s'\n" % (name, value))

    def stop(self, mode='fast'):
        if self.started:
            self.run('pg_ctl', '-D', self.data, '-m', mode, '-s', 'stop', check=False)
        self.started = False

    def start(self):
        self.started = True
        try:
            self.run('pg_ctl', '-D', self.data, '-l', self.log, '-w', '-t', '120', '-s', 'start')
        except subprocess.CalledProcessError:
            with open(self.log, encoding='utf-8', errors='replace') as log:
                sys.stderr.write(''.join(log.readlines()[-20:]))
            raise SystemExit('the scratch cluster does not start (above: the end of its log)')


def bench_settings(shared_buffers, maintenance_work_mem):
    """Settings under which nothing happens between timed steps that was not asked for."""
    return {
        'shared_buffers': shared_buffers,
        'maintenance_work_mem': maintenance_work_mem,
        'max_wal_size': '32GB',
        'min_wal_size': '2GB',
        'checkpoint_timeout': '1d',
        'autovacuum': 'off',
        'jit': 'off',
        'max_parallel_workers_per_gather': '0',
        'max_connections': '50',
        'huge_pages': 'try',
        'logging_collector': 'off',
        'log_min_messages': 'warning',
    }
