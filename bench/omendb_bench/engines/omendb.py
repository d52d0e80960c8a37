"""omendb tables with alex indexes on a scratch cluster, beside the same settings as heap's."""

from .postgres import Heap, PostgresSession


class OmendbSession(PostgresSession):
    """A PostgreSQL session; only upkeep and sizes differ."""

    def settle(self, tables):
        super().settle(tables)
        for table in tables:
            self.query("SELECT * FROM omendb.compact('%s')" % table.name)

    def size(self, tables):
        """Rows, indexes and columns."""
        return super().size(tables) + sum(int(self.query(
            'SELECT coalesce(sum(bytes), 0) FROM omendb.stat_table'
            " WHERE relid = '%s'::regclass" % table.name)[0][0]) for table in tables)


class Omendb(Heap):
    """A primary key is a unique alex index: PostgreSQL's own constraints are always btree."""

    name = 'omendb'
    about = 'omendb tables, alex indexes'
    preload = True
    session = OmendbSession
    key_is_constraint = False
    index_method = ' USING alex'

    def table_options(self, table):
        return ' USING omendb'

    def pgbench_settings(self):
        return {'default_table_access_method': 'omendb'}

    def empty(self):
        session = self.connect()
        session.execute('CREATE EXTENSION IF NOT EXISTS omendb')
        session.close()
        super().empty()

    def version(self):
        session = self.connect()
        extension = session.query(
            "SELECT extversion FROM pg_extension WHERE extname = 'omendb'")[0][0]
        session.close()
        return 'omendb %s (%s) in %s' % (extension, self.context.commit, super().version())
