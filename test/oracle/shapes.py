"""
Key types, value generators and random table shapes of the oracle test.

A value of any type is a SQL expression over one non-negative bigint h, so that a row can come from a literal, from
INSERT ... SELECT or from an UPDATE with the same distribution. Everything is drawn from the random.Random of the caller.
"""


class KeyType:
    """One key type: how to make values, how to print them so that equal values print equally, what compares with it."""

    def __init__(self, name, sql, expr, specials=(), norm='{c}', cross=(), minmax=True, like=False, optional=False,
                 narrow=False):
        self.name = name
        self.sql = sql
        self.expr = expr
        self.specials = specials
        self.norm = norm
        self.cross = cross
        self.minmax = minmax
        self.like = like
        self.optional = optional    # the specification does not name it: absence is reported, not a failure
        self.narrow = narrow        # few distinct values: no good key for joins

    def value(self, h):
        return '(%s)::%s' % (self.expr.replace('{h}', str(h)), self.cast())

    def cast(self):
        return self.sql.split(' COLLATE ')[0]

    def text(self, column):
        return '(%s)::text' % self.norm.replace('{c}', column)


TYPES = [
    KeyType('int2', 'int2', '{h} % 32768', ("'-32768'", "'32767'", "'0'", "'-1'"), cross=('int4', 'int8')),
    KeyType('int4', 'int4', '{h} % 2147483648', ("'-2147483648'", "'2147483647'", "'0'", "'-1'"), cross=('int2', 'int8')),
    KeyType('int8', 'int8', '{h}::int8 * 7919 - 1000000',
            ("'-9223372036854775808'", "'9223372036854775807'", "'0'", "'-1'"), cross=('int2', 'int4')),
    KeyType('oid', 'oid', '{h}', ("'0'", "'4294967295'", "'2147483648'")),
    KeyType('float4', 'float4', '{h} / 16.0', ("'NaN'", "'0'", "'-0'", "'Infinity'", "'-Infinity'", "'1e-40'"),
            norm='({c} + 0)', cross=('float8',)),
    KeyType('float8', 'float8', '{h} / 16.0 - 1000', ("'NaN'", "'0'", "'-0'", "'Infinity'", "'-Infinity'", "'5e-324'"),
            norm='({c} + 0)', cross=('float4',)),
    KeyType('numeric', 'numeric', '{h} / 100.0',
            ("'NaN'", "'0'", "'0.000'", "'Infinity'", "'-Infinity'", "'1e40'", "'-1e-30'", "'12345678901234567890.5'"),
            norm='trim_scale({c})'),
    KeyType('text_c', 'text COLLATE "C"', "'k' || to_hex({h})", ("''", "'a'", "'\u00e9t\u00e9'", "'zz zz'", "'k'"), like=True),
    KeyType('text_hex', 'text COLLATE "C"', "lpad(to_hex({h}), 9, '0')", ("''", "'00000000'", "'~'"), like=True),
    KeyType('text_wide', 'text COLLATE "C"', "rpad(to_hex({h}), (10 + ({h} % 60) * 9)::int, 'xyz')",
            ("''", "repeat('a', 900)", "repeat('a', 901)")),
    KeyType('text_prefix', 'text COLLATE "C"', "'https://example.org/a/long/common/prefix/' || {h}",
            ("''", "'https://example.org/a/long/common/prefix/'")),
    KeyType('text_icu', 'text COLLATE "en-x-icu"', "translate(to_hex({h}), '01234567', 'aA\u00e4\u00c4-_oO')",
            ("''", "'a b'", "'ab'", "'A-B'", "'\u00df'", "'ss'")),
    KeyType('text_ci', 'text COLLATE oracle_ci', "translate(to_hex({h}), '01234567', 'aAbBcCdD')", ("''", "'A'", "'a'"),
            norm='lower({c})'),
    KeyType('text_default', 'text', "'d' || {h}", ("''", "'\u00e9'"), like=False),
    KeyType('varchar', 'varchar(60)', "'v' || {h}", ("''", "'v '")),
    KeyType('bpchar', 'char(14)', "'b' || {h}", ("''", "' b'")),
    KeyType('bytea', 'bytea', "decode(lpad(to_hex({h}), 16, '0'), 'hex')",
            ("'\\x'", "'\\x00'", "'\\xff'", "'\\x0000000000000000'"), minmax=False),
    KeyType('uuid', 'uuid', "md5(({h})::text)::uuid",
            ("'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"), minmax=False),
    KeyType('uuid_time', 'uuid', "lpad(to_hex({h}), 32, '0')::uuid",
            ("'00000000-0000-0000-0000-000000000000'",), minmax=False),
    KeyType('timestamptz', 'timestamptz', 'to_timestamp({h})', ("'infinity'", "'-infinity'", "'2000-01-01 00:00+00'"),
            cross=('date', 'timestamp')),
    KeyType('timestamp', 'timestamp', "timestamp '1999-01-01' + {h} * interval '1 second'",
            ("'infinity'", "'-infinity'", "'2000-01-01'"), cross=('date', 'timestamptz')),
    KeyType('date', 'date', "date '1990-01-01' + ({h} % 100000)::int", ("'infinity'", "'-infinity'", "'2000-01-01'"),
            cross=('timestamp', 'timestamptz')),
    KeyType('time', 'time', "time '00:00' + {h} * interval '1 millisecond'", ("'00:00'", "'24:00'")),
    KeyType('interval', 'interval', "({h} % 100000) * interval '1 hour'",
            ("'1 mon'", "'30 days'", "'720 hours'", "'-1 year'", "'0'"), norm='justify_interval({c})'),
    KeyType('bool', 'bool', '{h} % 2 = 0', minmax=False, narrow=True),
    KeyType('char', '"char"', "chr((33 + {h} % 90)::int)", ("''",), minmax=False, narrow=True),
    KeyType('name', 'name', "'n' || {h}", ("''",), minmax=False),
    KeyType('enum', 'oracle_mood', "(ARRAY['sad','ok','glad','merry','happy'])[(1 + {h} % 5)::int]", narrow=True),
    KeyType('inet', 'inet', "'10.0.0.0'::inet + {h} % 16777216",
            ("'::1'", "'10.0.0.0/8'", "'0.0.0.0/0'", "'10.0.0.0/24'")),
    KeyType('timetz', 'timetz', "timetz '00:00+00' + ({h} % 86400000) * interval '1 millisecond'",
            minmax=False, optional=True),
    KeyType('int4array', 'int4[]', 'ARRAY[({h} % 1000)::int4, 7, ({h} / 1000 % 1000)::int4]', ("'{}'", "'{NULL}'"), optional=True),
    KeyType('int4range', 'int4range', 'int4range(({h} % 1000)::int4, (({h} % 1000) + {h} % 7)::int4)', ("'empty'", "'(,)'"),
            minmax=False, optional=True),
    KeyType('macaddr', 'macaddr', "lpad(to_hex({h}), 12, '0')::macaddr", minmax=False, optional=True),
    KeyType('varbit', 'varbit', "({h} % 2147483648)::int4::bit(32)::varbit", ("''", "'0'"), minmax=False, optional=True),
    KeyType('pg_lsn', 'pg_lsn', "('0/' || to_hex({h}))::pg_lsn", optional=True),
    KeyType('tsvector', 'tsvector', "('w' || ({h} % 1000))::tsvector", ("''",), minmax=False, optional=True),
    KeyType('jsonb', 'jsonb', 'to_jsonb({h})', ("'null'", "'{}'", "'\"a\"'"), minmax=False, optional=True),
]

SETUP = """
CREATE TYPE oracle_mood AS ENUM ('sad', 'ok', 'glad', 'happy');
ALTER TYPE oracle_mood ADD VALUE 'merry' BEFORE 'happy';
CREATE COLLATION oracle_ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
"""

DISTRIBUTIONS = {
    'wide': '(hashint8extended({n}, {seed}) & 1073741823)',
    'small': '((hashint8extended({n}, {seed}) & 1073741823) % 200)',
    'dup': '((hashint8extended({n}, {seed}) & 1073741823) % 4)',
    'serial': '({n})',
    'reverse': '(1000000000 - ({n}))',
    'cluster': '({base} + (hashint8extended({n}, {seed}) & 1073741823) % 1000)',
    'skew': '((1 << ((hashint8extended({n}, {seed}) & 1073741823) % 29)::int)'
            ' + (hashint8extended({n}, {seed}) & 3))',
}


class Column:
    """A key column: its type, distribution and share of NULLs."""

    def __init__(self, rng, name, keytype, dist=None, nulls=None):
        self.name = name
        self.type = keytype
        self.dist = dist or rng.choice(['wide', 'wide', 'small', 'dup', 'serial', 'reverse', 'cluster', 'skew'])
        self.nulls = nulls if nulls is not None else rng.choice([0, 0, 0.1, 0.5])
        self.special = rng.choice([0, 0.05, 0.2]) if keytype.specials else 0
        self.samples = []

    def h_literal(self, rng, serial):
        """One h as a number, from this column's distribution."""
        if self.dist == 'small':
            return rng.randrange(200)
        if self.dist == 'dup':
            return rng.randrange(4)
        if self.dist == 'serial':
            return serial
        if self.dist == 'reverse':
            return 1000000000 - serial
        if self.dist == 'skew':
            return (1 << rng.randrange(29)) + rng.randrange(4)
        return rng.randrange(1 << 30)

    def literal(self, rng, serial=1, null_ok=True):
        """A SQL constant of this column's type."""
        cast = self.type.cast()
        if null_ok and rng.random() < self.nulls:
            return 'NULL::' + cast
        if self.special and rng.random() < self.special:
            return '(%s)::%s' % (rng.choice(self.type.specials), cast)
        return self.type.value(self.h_literal(rng, serial))

    def probe(self, rng, serial):
        """A SQL constant to search for: often a value the table holds."""
        if self.samples and rng.random() < 0.7:
            return '(%s)::%s' % (rng.choice(self.samples), self.type.cast())
        return self.literal(rng, rng.randrange(max(serial, 2)), null_ok=False)

    def bulk(self, rng, number):
        """A SQL expression over the row number `number` (a SQL expression itself)."""
        seed = rng.randrange(1 << 30)
        h = DISTRIBUTIONS[self.dist].format(n='(%s)::int8' % number, seed=seed, base=rng.randrange(1 << 28))
        cast = self.type.cast()
        whens = ''
        dice = '(hashint8extended((%s)::int8, %d) & 1023)' % (number, rng.randrange(1 << 30))
        if self.nulls:
            whens += ' WHEN %s < %d THEN NULL' % (dice, int(self.nulls * 1024))
        if self.special:
            chosen = rng.choice(self.type.specials)
            whens += ' WHEN %s > %d THEN (%s)::%s' % (dice, 1023 - int(self.special * 1024), chosen, cast)
        value = self.type.value(h)
        return 'CASE%s ELSE %s END' % (whens, value) if whens else value


class IndexKey:
    """One key of an index: expression, direction, place of NULLs."""

    def __init__(self, rng, column, expression=None):
        self.column = column
        self.expression = expression or column.name
        self.desc = rng.random() < 0.3
        self.nulls_first = self.desc if rng.random() < 0.7 else not self.desc

    def sql(self):
        return '%s%s NULLS %s' % (self.expression if self.expression == self.column.name else '(%s)' % self.expression,
                                  ' DESC' if self.desc else ' ASC', 'FIRST' if self.nulls_first else 'LAST')

    def order(self, backward):
        """The ORDER BY item a forward or backward scan of the index gives."""
        desc, first = self.desc ^ backward, self.nulls_first ^ backward
        return '%s %s NULLS %s' % (self.expression, 'DESC' if desc else 'ASC', 'FIRST' if first else 'LAST')


class Index:
    """One index of a shape, as a template over the table name and the access method."""

    def __init__(self, rng, number, columns, unique=None):
        self.name = 'i%d' % number
        wanted = min(len(columns), rng.choice([1, 1, 1, 2, 2, 3, 4]))
        self.keys = [IndexKey(rng, column) for column in rng.sample(columns, wanted)]
        self.unique = unique
        self.nulls_not_distinct = unique == 'hard' and rng.random() < 0.4
        self.include = ''
        self.where = ''
        self.fillfactor = rng.choice([None, None, None, 10, 50, 70, 100])
        self.exclude = False
        if unique != 'hard':
            self.decorate(rng, columns)

    def decorate(self, rng, columns):
        """Sometimes an expression key, INCLUDE columns or a predicate."""
        if rng.random() < 0.15:
            column = self.keys[0].column
            if column.type.name in ('int4', 'int8'):
                self.keys[0].expression = '%s / 16' % column.name
            elif column.type.name.startswith('text'):
                self.keys[0].expression = 'left(%s, 3)' % column.name
            elif column.type.name == 'numeric':
                self.keys[0].expression = 'round(%s)' % column.name
        if rng.random() < 0.25:
            others = [c.name for c in columns if c not in [k.column for k in self.keys]]
            self.include = ', '.join(['id'] + others[:rng.randrange(3)])
        if rng.random() < 0.2:
            column = rng.choice(columns)
            self.where = rng.choice(['%s IS NOT NULL' % column.name, '%s IS NULL' % column.name, 'id % 3 <> 0', 'owner = 1'])

    def create(self, table, am, concurrently=False):
        keys = ', '.join(key.sql() for key in self.keys)
        if self.unique == 'soft':
            keys += ', id'
        if self.exclude:
            return 'ALTER TABLE %s ADD CONSTRAINT %s_%s EXCLUDE USING %s (%s WITH =)%s' % (
                table, table, self.name, am, self.keys[0].column.name, self.exclude)
        return 'CREATE %sINDEX %s%s_%s ON %s USING %s (%s)%s%s%s%s' % (
            'UNIQUE ' if self.unique else '', 'CONCURRENTLY ' if concurrently else '', table, self.name, table, am, keys,
            ' INCLUDE (%s)' % self.include if self.include else '',
            ' NULLS NOT DISTINCT' if self.nulls_not_distinct else '',
            ' WITH (fillfactor = %d)' % self.fillfactor if self.fillfactor else '',
            ' WHERE ' + self.where if self.where else '')

    def order_by(self, backward):
        return ', '.join(key.order(backward) for key in self.keys)

    def key_text(self):
        """Target list that prints the key of a row so that equal keys print equally."""
        return ', '.join(key.column.type.text(key.expression) for key in self.keys)


class Shape:
    """A pair of twin tables: columns, indexes, and what else hangs on them."""

    def __init__(self, rng, number, types):
        self.columns = []
        self.kind = 'logged'
        self.trigger = None
        self.primary_key = False
        self.hard_unique = False
        if number < len(types):
            self.single(rng, types[number])
        else:
            self.random(rng, types)
        self.bulk_limit = 200 if self.trigger or self.hard_unique else 4000

    def single(self, rng, keytype):
        """One column of one type: the plainest shape."""
        dist = rng.choice(['wide', 'wide', 'small', 'dup', 'serial', 'skew'])
        self.columns = [Column(rng, 'c1', keytype, dist)]
        index = Index(rng, 1, self.columns)
        index.where = ''
        self.indexes = [index]

    def random(self, rng, types):
        """One to four columns, one to four indexes, sometimes with constraints or triggers."""
        common = [t for t in types if t.name in ('int4', 'int8', 'text_c', 'uuid', 'timestamptz', 'numeric')]
        for number in range(rng.choice([1, 1, 2, 2, 3, 4])):
            chosen = rng.choice(common or types) if rng.random() < 0.5 else rng.choice(types)
            self.columns.append(Column(rng, 'c%d' % (number + 1), chosen))
        what = rng.random()
        if what < 0.2:
            self.hard_unique = True
        self.indexes = []
        for number in range(rng.choice([1, 2, 2, 3, 4])):
            unique = 'hard' if self.hard_unique and number == 0 else ('soft' if rng.random() < 0.15 else None)
            self.indexes.append(Index(rng, number + 1, self.columns, unique))
        if 0.2 < what < 0.27:
            self.hard_unique = True
            self.indexes[0] = Index(rng, 1, self.columns, 'hard')
            self.indexes[0].exclude = rng.choice([' ', ' DEFERRABLE INITIALLY DEFERRED', ' DEFERRABLE'])
            self.indexes[0].nulls_not_distinct = False
            del self.indexes[0].keys[1:]
        self.kind = rng.choice(['logged', 'logged', 'logged', 'unlogged', 'partitioned'])
        if self.kind == 'partitioned' and (self.hard_unique or any(i.unique for i in self.indexes)):
            self.kind = 'logged'
        if not self.hard_unique and self.kind == 'logged' and not any(i.unique for i in self.indexes):
            self.primary_key = rng.random() < 0.4
        if rng.random() < 0.15:
            self.trigger = rng.choice(['BEFORE', 'AFTER'])

    def create(self, table, am):
        """Every statement that makes one of the twins."""
        body = ', '.join(['id int8' + (' PRIMARY KEY' if self.primary_key else ''), 'owner int4', 'payload int4 DEFAULT 0'] +
                         ['%s %s' % (c.name, c.type.sql) for c in self.columns])
        lines = ['CREATE %sTABLE %s (%s)%s' % ('UNLOGGED ' if self.kind == 'unlogged' else '', table, body,
                                               ' PARTITION BY HASH (owner)' if self.kind == 'partitioned' else '')]
        if self.kind == 'partitioned':
            lines += ['CREATE TABLE %s_p%d PARTITION OF %s FOR VALUES WITH (MODULUS 2, REMAINDER %d)' % (table, i, table, i)
                      for i in range(2)]
        lines += [index.create(table, am) for index in self.indexes]
        if self.trigger:
            lines += self.trigger_sql(table)
        return lines

    def trigger_sql(self, table):
        """A row trigger whose query must see the rows the same statement inserted before."""
        column = self.columns[0].name
        if self.trigger == 'BEFORE':
            action = 'NEW.payload := (SELECT count(*) FROM %s WHERE %s = NEW.%s); RETURN NEW;' % (table, column, column)
        else:
            action = 'INSERT INTO %s_log SELECT NEW.id, count(*) FROM %s WHERE %s = NEW.%s; RETURN NULL;' % (
                table, table, column, column)
        return ['CREATE TABLE %s_log (id int8, n int8)' % table,
                'CREATE FUNCTION %s_trigger() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS '
                '$f$ BEGIN %s END $f$' % (table, action),
                'CREATE TRIGGER %s_trigger %s INSERT ON %s FOR EACH ROW EXECUTE FUNCTION %s_trigger()' % (
                    table, self.trigger, table, table)]

    def drop(self, table):
        lines = ['DROP TABLE IF EXISTS %s CASCADE' % table]
        if self.trigger:
            lines += ['DROP TABLE IF EXISTS %s_log' % table, 'DROP FUNCTION IF EXISTS %s_trigger' % table]
        return lines

    def describe(self):
        return '%s; %s' % (', '.join('%s %s %s nulls %s' % (c.name, c.type.name, c.dist, c.nulls) for c in self.columns),
                           ' | '.join(i.create('t', 'am') for i in self.indexes))
