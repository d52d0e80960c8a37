"""
Random analytic queries: a Query is a list of parts that are put together as text, so that a failing one can be made smaller.

{t} stands for the table's name. Every kind of query gives the same answer whatever the plan, as far as values.Cell says.
"""

import copy

from expressions import INTS, PLACEHOLDER, Generator
from values import EXACT, PROFILES, SUM, Cell, Column


class Query:
    """SELECT targets FROM source WHERE ... GROUP BY ... HAVING ... ORDER BY ... LIMIT, and what encloses it."""

    def __init__(self, constants):
        self.constants = constants
        self.prefix = 'SELECT'              # SELECT DISTINCT ON (...)
        self.targets = []                   # (sql, Cell, is key)
        self.source = '{t}'
        self.where = []                     # conditions, AND-ed
        self.grouped = False                # GROUP BY the targets that are keys
        self.having = []
        self.order = ''                     # the result is compared in this order
        self.limit = ''
        self.enclosing = '%s'
        self.hazard = 0                     # places that may raise an error
        self.kind = ''

    def text(self):
        keys = [str(i + 1) for i, target in enumerate(self.targets) if target[2]]
        sql = '%s %s FROM %s' % (self.prefix, ', '.join(t[0] for t in self.targets), self.source)
        if self.where:
            sql += ' WHERE ' + ' AND '.join(self.where)
        if self.grouped and keys:
            sql += ' GROUP BY ' + ', '.join(keys)
        if self.having:
            sql += ' HAVING ' + ' AND '.join(self.having)
        return self.enclosing.replace('%s', sql + self.order + self.limit)

    def cells(self):
        return [target[1] for target in self.targets]

    def ordered(self):
        return bool(self.order) and self.enclosing == '%s'

    def inline(self, which=0):
        """The query with its constants in it."""
        return PLACEHOLDER.sub(lambda m: self.constants[int(m.group(1))].values[which], self.text())

    def used(self):
        """Numbers of the constants in the order of their parameters."""
        return sorted({int(number) for number in PLACEHOLDER.findall(self.text())})

    def prepared(self, name):
        """PREPARE, with one parameter for each constant."""
        place = {number: i + 1 for i, number in enumerate(self.used())}
        types = ', '.join(self.constants[number].sqltype for number in self.used())
        return 'PREPARE %s%s AS %s' % (name, '(%s)' % types if types else '',
                                       PLACEHOLDER.sub(lambda m: '$%d' % place[int(m.group(1))], self.text()))

    def execute(self, name, which):
        values = [self.constants[number].values[which] for number in self.used()]
        return 'EXECUTE %s%s' % (name, '(%s)' % ', '.join(values) if values else '')

    def smaller(self):
        """Queries with one part less."""
        for part in ('where', 'having', 'targets'):
            items = getattr(self, part)
            for number in range(len(items)):
                if part == 'targets' and len(items) == 1:
                    continue
                less = copy.copy(self)
                setattr(less, part, items[:number] + items[number + 1:])
                if part == 'targets':
                    less.order = less.limit = ''
                yield less
        if self.order and self.prefix == 'SELECT':
            less = copy.copy(self)
            less.order = less.limit = ''
            yield less


def named(columns, prefix):
    """The same columns of a relation with an alias."""
    result = [copy.copy(column) for column in columns]
    for column in result:
        column.name = prefix + column.name
    return result


def profile(family, sql):
    return next(p for p in PROFILES if p.family == family and p.sql == sql)


def star_columns(rng):
    """The columns of oracle_star that expressions may use."""
    return [Column(rng, name, profile(family, sql)) for name, family, sql in (
        ('k', 'int4', 'int4'), ('word', 'text', 'text COLLATE "C"'), ('name', 'text', 'text'), ('amount', 'numeric', 'numeric(15,2)'),
        ('few', 'int4', 'int4'), ('day', 'date', 'date'), ('flag', 'bool', 'bool'))]


def groups_columns(rng):
    return [Column(rng, 'n', profile('int8', 'int8')), Column(rng, 'top', profile('int8', 'int8'))]


STAR = """
CREATE TABLE oracle_star (k int4 PRIMARY KEY, k8 int8 UNIQUE, k2 int2 UNIQUE, word text COLLATE "C" UNIQUE, name text, amount numeric(15,2) UNIQUE,
    few int4, day date UNIQUE, flag bool) USING omendb;
INSERT INTO oracle_star SELECT i, i * 2, i - 20, CASE WHEN i %% 7 > 0 THEN (%s::text[])[i + 1] END, 'name ' || i %% 8, i / 4.0,
    CASE WHEN i %% 5 > 0 THEN i %% 10 END, '2020-01-01'::date + i, CASE i %% 3 WHEN 0 THEN true WHEN 1 THEN false END
    FROM generate_series(0, 99) i;
CREATE TABLE oracle_star_heap (LIKE oracle_star INCLUDING ALL);
INSERT INTO oracle_star_heap SELECT * FROM oracle_star;
VACUUM ANALYZE oracle_star;
SELECT omendb.compact('oracle_star');
VACUUM ANALYZE oracle_star_heap;
GRANT SELECT ON oracle_star, oracle_star_heap TO oracle_reader;
"""


def aggregate_cell(expr, rows):
    """How results of an aggregate compare; floats get the error that adding in another order may bring."""
    if not isinstance(expr.cell, tuple):
        return Cell(expr.cell)
    name, magnitude, family = expr.cell
    epsilon = 1e-6 if family == 'float4' else 1e-13
    if name == 'sum':
        return Cell(SUM, 1e-9 if family == 'float8' else 1e-4, epsilon * magnitude * max(rows, 1))
    if name == 'avg':
        return Cell(SUM, 1e-9, epsilon * magnitude)
    scale = magnitude if 'stddev' in name else magnitude * magnitude
    return Cell(SUM, 1e-7, (1e-6 if 'stddev' in name else 1e-11) * scale)


class Maker:
    """Makes queries for one table."""

    def __init__(self, rng, columns, rows, dimension='oracle_dimension'):
        self.rng, self.columns, self.rows, self.dimension = rng, columns, rows, dimension

    def make(self):
        kinds = [(self.whole, 20), (self.grouped, 45), (self.rows_of, 10), (self.top, 9), (self.distinct_on, 7), (self.distinct, 3),
                 (self.correlated, 4), (self.derived, 5), (self.join, 4), (self.star, 14), (self.union, 3), (self.grouping_sets, 1),
                 (self.window, 2)]
        kind = self.rng.choices([k for k, _ in kinds], [w for _, w in kinds])[0]
        constants = []
        query = Query(constants)
        query.kind = kind.__name__
        self.generator = Generator(self.rng, self.columns, self.rows, constants)
        kind(query)
        return query

    # ---- parts

    def depth(self):
        return self.rng.choice([0, 0, 1, 1, 2, 3])

    def add_where(self, query, chance=0.6, generator=None):
        if self.rng.random() < chance:
            for _ in range(self.rng.choice([1, 1, 2, 3])):
                test = (generator or self.generator).boolean('bool', self.depth())
                query.where.append(test.sql)
                query.hazard += test.hazard

    def add_keys(self, query, count, generator=None, depth=None):
        for _ in range(count):
            key = (generator or self.generator).any(self.depth() if depth is None else depth)
            query.targets.append((key.sql, Cell(key.cell), True))
            query.hazard += key.hazard

    def add_aggregates(self, query, count, generator=None):
        for _ in range(count):
            expr = (generator or self.generator).aggregate(self.depth())
            query.targets.append((expr.sql, aggregate_cell(expr, self.rows), False))
            query.hazard += expr.hazard

    def add_having(self, query):
        rng = self.rng
        if rng.random() < 0.15:
            call = self.generator.aggregate(0)
            if call.cell == EXACT and call.family in INTS:
                query.having.append('%s %s %s' % (call.sql, rng.choice(['>', '<=', '<>']), rng.choice(['0', '2', '(SELECT 3)'])))
            else:
                query.having.append('count(*) > %d' % rng.choice([0, 1, 5]))

    # ---- kinds of queries

    def whole(self, query):
        """Aggregates of all rows."""
        self.add_aggregates(query, self.rng.choice([1, 1, 2, 3, 6]))
        self.add_where(query)
        self.add_having(query)

    def grouped(self, query):
        rng = self.rng
        self.add_keys(query, rng.choice([1, 1, 1, 2, 2, 3, 4]))
        self.add_aggregates(query, rng.choice([0, 1, 1, 2, 4]))
        query.grouped = True
        self.add_where(query)
        self.add_having(query)
        self.order_groups(query)

    def order_groups(self, query):
        """ORDER BY all keys is a total order, unless equal values have several spellings; then only LIMIT is left out."""
        rng = self.rng
        if rng.random() < 0.3:
            items = ['%d %s NULLS %s' % (i + 1, rng.choice(['ASC', 'DESC']), rng.choice(['FIRST', 'LAST']))
                     for i, target in enumerate(query.targets) if target[2]]
            extra = [str(i + 1) + rng.choice(['', ' DESC']) for i, target in enumerate(query.targets) if not target[2] and target[1].kind == EXACT]
            if extra and rng.random() < 0.6:
                items.insert(0, extra[0])
            query.order = ' ORDER BY ' + ', '.join(items)
            if rng.random() < 0.7:
                query.limit = ' LIMIT %d' % rng.choice([1, 3, 10, 100])

    def rows_of(self, query):
        """Rows, expressions over them, and conditions."""
        query.targets.append(('id', Cell(), False))
        for _ in range(self.rng.choice([0, 1, 2])):
            expr = self.generator.any(self.depth())
            query.targets.append((expr.sql, Cell(), False))
            query.hazard += expr.hazard
        self.add_where(query, 1.0)

    def order_items(self, count):
        """ORDER BY some columns and expressions, in the end by id."""
        rng, items = self.rng, []
        for _ in range(count):
            key = self.generator.any(rng.choice([0, 0, 0, 1])).sql
            items.append('%s %s NULLS %s' % (self.not_a_number(key), rng.choice(['ASC', 'DESC']), rng.choice(['FIRST', 'LAST'])))
        return items

    @staticmethod
    def not_a_number(key):
        """ORDER BY 1 would mean the first column."""
        return '(%s)' % key

    def top(self, query):
        rng = self.rng
        query.targets.append(('id', Cell(), False))
        for column in rng.sample(self.columns, rng.choice([0, 1, min(3, len(self.columns))])):
            query.targets.append((column.name, Cell(), False))
        self.add_where(query, 0.5)
        items = self.order_items(rng.choice([1, 1, 2, 3]))
        query.order = ' ORDER BY ' + ', '.join(items + ['id'])
        query.limit = ' LIMIT %d' % rng.choice([0, 1, 2, 10, 10, 100, 3000])
        if rng.random() < 0.2:
            query.limit += ' OFFSET %d' % rng.choice([0, 1, 20])

    def distinct_on(self, query):
        rng = self.rng
        columns = [c for c in self.columns]
        keys = [c.name for c in rng.sample(columns, min(len(columns), rng.choice([1, 1, 1, 2])))]
        query.prefix = 'SELECT DISTINCT ON (%s)' % ', '.join(keys)
        query.targets.append(('id', Cell(), False))
        for column in rng.sample(columns, rng.choice([0, 1, min(3, len(columns))])):
            query.targets.append((column.name, Cell(), False))
        self.add_where(query, 0.4)
        items = ['%s %s' % (key, rng.choice(['', 'DESC', 'NULLS FIRST'])) for key in keys]
        query.order = ' ORDER BY ' + ', '.join(items + self.order_items(rng.choice([0, 1, 1, 2])) + [rng.choice(['id', 'id DESC'])])

    def distinct(self, query):
        query.prefix = 'SELECT DISTINCT'
        self.add_keys(query, self.rng.choice([1, 1, 2, 3]))
        self.add_where(query, 0.4)

    def correlated(self, query):
        """An aggregate for each row of a few: the scan and the aggregate are run again and again."""
        rng = self.rng
        inner = Generator(rng, self.columns, self.rows, query.constants, 'i.', 'o.')
        call = inner.aggregate(rng.choice([0, 1]))
        if 'o.' in call.sql and 'i.' not in call.sql:       # it would belong to the outer query
            call = Generator(rng, self.columns, self.rows, query.constants, 'i.').aggregate(1)
        test = inner.boolean('bool', 1)
        column = rng.choice(self.columns).name
        sub = 'SELECT %s FROM {t} i WHERE %s' % (call.sql, test.sql)
        if rng.random() < 0.5:
            sub += ' AND i.%s = o.%s' % (column, column)
        query.source = '{t} o'
        query.targets = [('o.id', Cell(), False), ('(%s)' % sub, aggregate_cell(call, self.rows), False)]
        query.where = ['o.id % {} = 1'.format(max(1, self.rows // rng.choice([1, 3, 8])))]
        query.hazard = call.hazard + test.hazard + 1

    def derived(self, query):
        """An aggregate over an aggregate, or a condition on one."""
        rng = self.rng
        self.add_keys(query, rng.choice([1, 2]))
        query.grouped = True
        self.add_where(query, 0.4)
        if rng.random() < 0.5:
            query.targets.append(('count(*)', Cell(), False))
            count = len(query.targets)
            query.enclosing = 'SELECT count(*), sum(c%d), max(c%d) FROM (%%s) AS s (%s)' % (
                count, count, ', '.join('c%d' % (i + 1) for i in range(count)))
            query.cells = lambda: [Cell()] * 3
            query.smaller = lambda: iter(())
        else:
            self.add_aggregates(query, 1)
            query.where.append('id IN (SELECT max(id) FROM {t} GROUP BY %s)' % rng.choice(self.columns).name)

    def join(self, query):
        """With a small table, before or after grouping."""
        rng = self.rng
        inner = Generator(rng, self.columns, self.rows, query.constants, 'x.')
        query.source = '{t} x %s JOIN %s d ON x.id %% 7 = d.k' % (rng.choice(['', 'LEFT']), self.dimension)
        query.targets.append(('d.name', Cell(), True))
        self.add_keys(query, rng.choice([0, 1]), inner)
        self.add_aggregates(query, rng.choice([1, 2]), inner)
        query.grouped = True
        self.add_where(query, 0.4, inner)

    def star(self, query):
        """With tables or groups that have one row for each key: one or two, joined to the table or to each other."""
        rng, query.source, columns = self.rng, '{t} x', named(self.columns, 'x.')
        for alias in ['d', 'e'][:rng.choice([1, 1, 1, 2])]:
            chosen, inner, condition = self.star_side(query, alias, columns)
            query.source += ' %s %s %s ON %s' % (rng.choice(['JOIN'] * 9 + ['LEFT JOIN']), inner, alias, condition)
            if rng.random() < 0.15:
                query.source += ' AND %s' % Generator(rng, columns + chosen, self.rows, query.constants).boolean('bool', 0).sql
                query.hazard += 1
            columns = columns + chosen
        both = Generator(rng, columns, self.rows, query.constants)
        both.id = 'x.id'
        self.add_keys(query, rng.choice([0, 1, 1, 1, 2]), both)
        self.add_aggregates(query, rng.choice([1, 1, 2, 4]), both)
        query.grouped = True
        self.add_where(query, 0.5, both)

    def star_side(self, query, alias, columns):
        """Columns, the relation, and the condition by which it is joined."""
        rng = self.rng
        if rng.random() < 0.45:
            key = rng.choice(self.columns)
            other = [key] + rng.sample(self.columns, rng.choice([0, 0, 1]))
            test = Generator(rng, self.columns, self.rows, query.constants).boolean('bool', 0)
            query.hazard += test.hazard
            names = sorted({c.name for c in other})
            inner = '(SELECT %s, count(*) AS n, max(id) AS top FROM {t} WHERE %s GROUP BY %s)' % (', '.join(names), test.sql, ', '.join(names))
            return named(groups_columns(rng), alias + '.'), inner, ' AND '.join('%s.%s = x.%s' % (alias, name, name) for name in names)
        conditions = ['%s.k = x.id %% 200' % alias, 'x.id = %s.k8' % alias]
        for column in columns:
            if column.family in INTS:
                conditions += ['%s.%s = %s' % (alias, rng.choice(['k', 'k8', 'k2']), column.name)]
            elif column.family in ('text', 'varchar') and column.collation != 'oracle_ci':
                conditions += ['%s.word = %s COLLATE "C"' % (alias, column.name)]
            elif column.family in ('date', 'numeric'):
                conditions += ['%s = %s.%s' % (column.name, alias, {'date': 'day', 'numeric': 'amount'}[column.family])]
        return named(star_columns(rng), alias + '.'), 'oracle_star' + rng.choice(['', '_heap']), rng.choice(conditions)

    def union(self, query):
        rng = self.rng
        self.add_keys(query, 1, depth=0)
        self.add_aggregates(query, 1)
        query.grouped = True
        query.source = '(SELECT * FROM {t} UNION ALL SELECT * FROM {t}%s) AS u' % rng.choice(['', ' WHERE id % 3 = 0'])
        self.add_where(query, 0.4)

    def grouping_sets(self, query):
        keys = self.rng.sample(self.columns, min(2, len(self.columns)))
        query.targets = [(c.name, Cell(c.profile.cell), False) for c in keys]
        self.add_aggregates(query, 1)
        self.add_where(query, 0.4)
        names = ', '.join(c.name for c in keys)
        query.limit = ' GROUP BY ' + self.rng.choice(['ROLLUP (%s)', 'CUBE (%s)', 'GROUPING SETS ((%s), ())']) % names
        query.smaller = lambda: iter(())

    def window(self, query):
        """A window function above the groups."""
        self.add_keys(query, 1)
        query.grouped = True
        query.targets.append(('count(*)', Cell(), False))
        query.targets.append(('sum(count(*)) OVER ()', Cell(), False))
        self.add_where(query, 0.4)
