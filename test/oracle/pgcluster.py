"""
Scratch PostgreSQL clusters for the oracle and torture tests.

Every cluster lives in its own temporary directory with its own unix socket and no TCP port. PostgreSQL refuses to run
as root, so a test started by root runs the server programs as the user `postgres`.

Environment: PG_CONFIG names the pg_config of the installation under test (default: the one in PATH).
"""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

import psycopg2

SERVER_USER = 'postgres'


def pg_config(option):
    """Ask pg_config for one value, for example '--bindir'."""
    program = os.environ.get('PG_CONFIG') or shutil.which('pg_config')
    if program is None:
        found = sorted(glob.glob('/usr/lib/postgresql/*/bin/pg_config'))
        if not found:
            raise SystemExit('no pg_config found: set PG_CONFIG')
        program = found[-1]
    return subprocess.check_output([program, option], text=True).strip()


class ServerError(Exception):
    """A server program failed, or the server did what it must not do."""


class Cluster:
    """One cluster: start, stop, kill, restart, connect, read the log."""

    def __init__(self, name, settings=None, preload='omendb', base=None, init=True):
        self.bindir = pg_config('--bindir')
        self.own_base = base is None
        self.base = base or tempfile.mkdtemp(prefix='omendb-%s-' % name)
        self.data = os.path.join(self.base, name)
        self.log = os.path.join(self.base, name + '.log')
        self.sockdir = os.path.join(self.base, name + '.s')
        self.name = name
        self.preload = preload
        os.makedirs(self.sockdir, exist_ok=True)
        if os.geteuid() == 0:
            owner = pwd.getpwnam(SERVER_USER)
            os.chown(self.base, owner.pw_uid, owner.pw_gid)
            os.chown(self.sockdir, owner.pw_uid, owner.pw_gid)
        if init:
            if self.run('initdb', '-D', self.data, '-A', 'trust', '-U', SERVER_USER, '--no-sync',
                        '-E', 'UTF8', '--locale=C.UTF-8', '-k', check=False) != 0:
                with open(self.log + '.initdb', errors='replace') as out:
                    text = out.read()
                self.remove()
                raise ServerError('initdb failed:\n' + text[-2000:])
            self.configure(settings or {})

    def run(self, program, *args, check=True):
        """Run one of PostgreSQL's programs as the server's user; returns its exit code."""
        command = [os.path.join(self.bindir, program)] + list(args)
        if os.geteuid() == 0:
            command = ['runuser', '-u', SERVER_USER, '--'] + command
        with open(self.log + '.' + program, 'ab') as out:
            done = subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd='/')
        if check and done.returncode != 0:
            raise ServerError('%s failed, see %s' % (program, self.log + '.' + program))
        return done.returncode

    def configure(self, settings):
        """Append settings to postgresql.conf."""
        lines = ["listen_addresses = ''",
                 "unix_socket_directories = '%s'" % self.sockdir,
                 "fsync = off", "log_line_prefix = '%m [%p] '"]
        if self.preload:
            lines.append("shared_preload_libraries = '%s'" % self.preload)
        lines += ["%s = '%s'" % item for item in settings.items()]
        with open(os.path.join(self.data, 'postgresql.conf'), 'a') as conf:
            conf.write('\n'.join(lines) + '\n')

    def start(self, timeout=120):
        """Start the server and wait for it to accept connections."""
        self.run('pg_ctl', '-D', self.data, '-l', self.log, '-t', str(timeout), '-w', 'start')

    def stop(self, mode='fast', check=True):
        return self.run('pg_ctl', '-D', self.data, '-m', mode, '-w', 'stop', check=check)

    def postmaster_pid(self):
        """The postmaster's pid from its lock file, or None."""
        try:
            with open(os.path.join(self.data, 'postmaster.pid')) as pidfile:
                return int(pidfile.readline())
        except (OSError, ValueError):
            return None

    def child_pids(self):
        """Pids of the postmaster's children: backends and auxiliary processes."""
        postmaster = self.postmaster_pid()
        children = []
        for stat in glob.glob('/proc/[0-9]*/stat'):
            try:
                with open(stat) as handle:
                    text = handle.read()
            except OSError:
                continue
            if int(text.rsplit(')', 1)[1].split()[1]) == postmaster:
                children.append(int(text.split(' ', 1)[0]))
        return children

    def kill_all(self):
        """Send SIGKILL to the postmaster and to each of its processes; wait until they are gone."""
        postmaster = self.postmaster_pid()
        if postmaster is None:
            return
        # A running postmaster could start one more, for a client that connects, after they have been listed.
        send(postmaster, signal.SIGSTOP)
        wait_state([postmaster], 'TZ')
        victims = [postmaster] + self.child_pids()
        for pid in victims:
            send(pid, signal.SIGKILL)
        wait_state(victims, 'Z')
        self.remove_leftovers()

    def remove_leftovers(self):
        """A killed postmaster leaves its lock files, which a zombie keeps valid; with every process gone they may go."""
        for path in [os.path.join(self.data, 'postmaster.pid')] + glob.glob(os.path.join(self.sockdir, '.s.*')):
            if os.path.exists(path):
                os.unlink(path)

    def connect(self, dbname='postgres', autocommit=True, **options):
        """A psycopg2 connection to this cluster."""
        conn = psycopg2.connect(host=self.sockdir, user=SERVER_USER, dbname=dbname, **options)
        conn.autocommit = autocommit
        return conn

    def wait_ready(self, timeout=120):
        """Wait until the server accepts connections again after a crash of one of its processes."""
        end = time.time() + timeout
        while True:
            try:
                conn = self.connect()
                conn.cursor().execute('SELECT 1')
                conn.close()
                return
            except psycopg2.Error:
                if time.time() > end:
                    raise ServerError('server of %s did not come back' % self.data)
                time.sleep(0.1)

    def log_tail(self, lines=25, pattern=None):
        """The last lines of the server log, only those with one of the given words if any."""
        try:
            with open(self.log, errors='replace') as handle:
                text = handle.read().splitlines()
        except OSError:
            return ''
        if pattern:
            text = [line for line in text if any(word in line for word in pattern)]
        return '\n'.join(text[-lines:])

    def count_in_log(self, *words):
        """How many lines of the server log contain one of the words."""
        with open(self.log, errors='replace') as handle:
            return sum(any(word in line for word in words) for line in handle)

    def remove(self):
        """Stop the server if it runs and remove its files."""
        if self.postmaster_pid():
            if self.stop('immediate', check=False) != 0:
                self.kill_all()
        if self.own_base:
            shutil.rmtree(self.base, ignore_errors=True)


def send(pid, signum):
    """Send a signal to a process that may be gone."""
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        pass


def state_of(pid):
    """The state of a process as in /proc/PID/stat (R, S, D, T, Z, ...), None if there is none."""
    try:
        with open('/proc/%d/stat' % pid) as handle:
            return handle.read().rsplit(')', 1)[1].split()[0]
    except (OSError, IndexError):
        return None


def wait_state(pids, states, timeout=60):
    """Wait until each process of the list is gone or in one of the states."""
    end = time.time() + timeout
    for pid in pids:
        while (state := state_of(pid)) is not None and state not in states:
            if time.time() > end:
                raise ServerError('process %d is in state %s' % (pid, state))
            time.sleep(0.02)


def install_extension(conn, am):
    """Make the access method under test available in the connection's database."""
    with conn.cursor() as cur:
        if am == 'alex':
            cur.execute('CREATE EXTENSION IF NOT EXISTS omendb')
        else:
            cur.execute('CREATE EXTENSION IF NOT EXISTS amcheck')


def check_sql(am, index, heapallindexed):
    """The statement that checks an index of the access method under test."""
    function = 'omendb.alex_check' if am == 'alex' else 'bt_index_check'
    return "SELECT %s('%s'::regclass, %s)" % (function, index, 'true' if heapallindexed else 'false')
