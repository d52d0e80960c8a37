"""Packages of npm that benchmarks use: DuckDB, and the real flights."""

import os
import shutil
import subprocess

from .cluster import say

PACKAGES = ('vega-datasets@3.2.1', '@duckdb/node-api@1.5.6-r.1')


def modules(directory, packages=PACKAGES):
    """A directory with node_modules in it; installs what is missing. Raises RuntimeError."""
    wanted = [p for p in packages if not os.path.isdir(
        os.path.join(directory, 'node_modules', p.rsplit('@', 1)[0]))]
    if not wanted:
        return directory
    if not shutil.which('npm'):
        raise RuntimeError('npm is not installed')
    say('installing from npm: %s' % ' '.join(wanted))
    os.makedirs(directory, exist_ok=True)
    done = subprocess.run(
        ['npm', 'install', '--prefix', directory, '--no-audit', '--no-fund', '--no-save',
         '--no-package-lock', '--ignore-scripts'] + list(packages),
        text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError('npm: ' + ' '.join(done.stderr.split()[-40:]))
    return directory
