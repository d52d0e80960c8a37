"""Running pgbench: prepared statements, synchronous_commit off."""

import os
import re
import subprocess
import tempfile

from .cluster import BENCH


def script_path(name, variant=None):
    """bench/pgbench/NAME-VARIANT.sql when it exists, else bench/pgbench/NAME.sql."""
    special = os.path.join(BENCH, 'pgbench', '%s-%s.sql' % (name, variant))
    return special if os.path.exists(special) else os.path.join(BENCH, 'pgbench', name + '.sql')


class Run:
    """One pgbench that has been started. @table@ in the script becomes the table's name."""

    def __init__(self, server, directory, script, table, clients, seed, extent,
                 variables=None, settings=None):
        with open(script, encoding='ascii') as src:
            text = src.read().replace('@table@', table)
        fd, self.path = tempfile.mkstemp(suffix='.sql', dir=directory)
        with os.fdopen(fd, 'w') as out:
            out.write(text)
        command = [server.program('pgbench'), '-n', '-M', 'prepared', '-f', self.path,
                   '-c', str(clients), '-j', str(clients), '--random-seed=%d' % seed]
        command += extent + ['-D%s=%s' % v for v in (variables or {}).items()]
        self.process = subprocess.Popen(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=server.environment(synchronous_commit='off', **(settings or {})))

    def finish(self):
        """Wait for the end. Returns (seconds for each transaction, transactions)."""
        try:
            out, err = self.process.communicate()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            os.unlink(self.path)
        rate = re.search(r'^tps = ([0-9.]+)', out, re.M)
        done = re.search(r'actually processed: (\d+)', out)
        if self.process.returncode != 0 or not rate or not float(rate.group(1)):
            raise RuntimeError('pgbench: ' + ' '.join(err.split()[-60:]))
        return 1.0 / float(rate.group(1)), int(done.group(1))
