"""The engines that can be measured: one file each."""

from .base import Conflict, Engine, Rollback, Session, Table      # noqa: F401
from .duckdb import DuckDB
from .mysql import MariaDB, MySQLUrl
from .omendb import Omendb
from .postgres import Heap, PostgresUrl
from .sqlite import Sqlite

LOCAL = {engine.name: engine for engine in (Omendb, Heap, Sqlite, DuckDB, MariaDB)}
DEFAULT = 'omendb,heap,sqlite,duckdb'
PROTOCOLS = {'postgresql': PostgresUrl, 'postgres': PostgresUrl, 'mysql': MySQLUrl,
             'mariadb': MySQLUrl}


def by_url(context, definition):
    """The engine of NAME=URL. Raises ValueError."""
    name, _, url = definition.partition('=')
    protocol = url.partition('://')[0]
    if not name or protocol not in PROTOCOLS:
        raise ValueError('%s is not NAME=postgresql://... or NAME=mysql://...' % definition)
    return PROTOCOLS[protocol](context, name, url)
