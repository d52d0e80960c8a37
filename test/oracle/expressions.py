"""
Random typed SQL expressions over the columns of a table.

Constants are placeholders in the text, so that a query can be printed with them or prepared with parameters.
"""

import re

from values import EXACT, FLOAT, FOLDED, INTERVAL, PADDED, VALUE

INTS = ('int2', 'int4', 'int8')
FLOATS = ('float4', 'float8')
NUMBERS = INTS + ('numeric',) + FLOATS
STRINGS = ('text', 'varchar', 'bpchar')
TIMES = ('date', 'timestamp', 'timestamptz')
COMPARISONS = ('=', '<>', '<', '<=', '>', '>=')
UNITS = ('microseconds', 'milliseconds', 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year', 'decade', 'century', 'millennium')
FIELDS = ('second', 'minute', 'hour', 'day', 'month', 'year', 'dow', 'doy', 'isodow', 'week', 'quarter', 'isoyear', 'decade', 'century',
          'epoch', 'milliseconds', 'julian')
ZONES = ('UTC', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Europe/Berlin')


class Expr:
    """Text, type, and what is known about values: may it raise an error, digits, size, how results compare."""

    def __init__(self, sql, family, hazard=0, uniform=False, magnitude=0.0, collation=None, cell=None, leaf=False):
        self.sql, self.family, self.hazard, self.uniform, self.magnitude = sql, family, hazard, uniform, magnitude
        self.collation, self.leaf = collation, leaf
        self.cell = cell or (FLOAT if family in FLOATS else VALUE if family == 'numeric' and not uniform else
                             INTERVAL if family == 'interval' else PADDED if family == 'bpchar' else EXACT)


class Constant:
    """A constant of a query: its type, and a few values of it as SQL literals."""

    def __init__(self, sqltype, values):
        self.sqltype, self.values = sqltype, values


class Generator:
    """Expressions over some columns; prefix is the table's alias with a point. outer: columns of an enclosing query."""

    def __init__(self, rng, columns, rows, constants, prefix='', outer=None):
        self.rng, self.columns, self.rows, self.constants = rng, columns, rows, constants
        self.prefix, self.outer, self.id = prefix, outer, prefix + 'id'

    # ---- leaves

    def of(self, families):
        return [c for c in self.columns if c.family in families]

    def column(self, families):
        """A column of one of the families as an expression, or None."""
        found = self.of(families)
        if not found:
            return None
        return self.reference(self.rng.choice(found))

    def reference(self, column):
        sql = self.prefix + column.name
        if self.outer and self.rng.random() < 0.2:
            sql = self.outer + column.name
        return Expr(sql, column.family, 0, column.profile.uniform, column.profile.magnitude, column.collation, column.profile.cell, True)

    def constant(self, sqltype, values):
        self.constants.append(Constant(sqltype, ["'%s'::%s" % (v, sqltype) if v is not None else 'NULL::' + sqltype for v in values]))
        return '\x01%d\x02' % (len(self.constants) - 1)

    def literal(self, family):
        """A constant; for a family with columns often one of their values."""
        rng, found = self.rng, self.of((family,))
        name = {'varchar': 'text', 'bpchar': 'text', 'enum': 'oracle_mood'}.get(family, family)
        if rng.random() < 0.03:
            return Expr(self.constant(name, [None] * 3), family, uniform=False, magnitude=1e2)
        if found and rng.random() < 0.75:
            column = rng.choice(found)
            if column.profile.sql == 'oracle_small':
                name = 'int4'
            # as wild as the column's values: sums of such floats are not compared
            return Expr(self.constant(name, [column.literal(rng, self.rows) for _ in range(3)]), family, 0, False,
                        column.profile.magnitude if family in FLOATS else 1e2, cell=column.profile.cell)
        return Expr(self.constant(name, [self.plain_value(family) for _ in range(3)]), family, 0, False, 1e2)

    def plain_value(self, family):
        rng = self.rng
        if family in INTS:
            return str(rng.choice([0, 1, 2, 3, -1, 7, 10, 100, rng.randint(-1000, 1000)]))
        if family in FLOATS + ('numeric',):
            return rng.choice(['0', '1', '0.5', '-2.25', '100', '0.10', '1.00', '3.7'])
        if family in STRINGS:
            return rng.choice(['', 'a', 'north', 'k05', 'zz', 'AB'])
        if family in TIMES:
            return rng.choice(['2024-09-01', '2024-08-25', '2024-11-03', '2000-01-01', '2024-03-31'])
        return {'bool': rng.choice('tf'), 'interval': rng.choice(['1 day', '01:30:00', '1 mon', '0']), 'time': '12:00:00',
                'uuid': rng.choice('0f') * 32, 'bytea': '\\x00', 'jsonb': rng.choice(['{}', '1', '"s"', '[1, 2]']),
                'enum': rng.choice(['sad', 'ok', 'glad', 'happy'])}[family]

    def leaf(self, family, constant=0.2):
        expr = None if self.rng.random() < constant else self.column((family,))
        return expr or self.literal(family)

    # ---- expressions of a wanted family

    def any(self, depth, families=None):
        """An expression of any family, most often of one that the table has columns of."""
        families = families or [c.family for c in self.columns] + ['int4', 'text', 'bool', 'numeric']
        return self.make(self.rng.choice(families), depth)

    def make(self, family, depth):
        if depth <= 0 or self.rng.random() < 0.25:
            return self.leaf(family)
        if self.rng.random() < 0.12:
            return self.choice(family, depth - 1)
        for names, function in ((INTS, self.integer), (FLOATS, self.floating), (('numeric',), self.numeric), (STRINGS, self.string),
                                (('bool',), self.boolean), (TIMES, self.time), (('interval',), self.interval)):
            if family in names:
                return function(family, depth - 1)
        return self.leaf(family)

    def choice(self, family, depth):
        """CASE, coalesce, nullif, greatest, least."""
        rng = self.rng
        a, b = self.alike(family, depth)
        hazard, magnitude, uniform = a.hazard + b.hazard, max(a.magnitude, b.magnitude), False
        known = bool(a.magnitude and b.magnitude)
        kind = rng.randrange(5)
        if kind < 2:
            test = self.boolean('bool', depth)
            sql = 'CASE WHEN %s THEN %s ELSE %s END' % (test.sql, a.sql, b.sql)
            if rng.random() < 0.3:
                sql = 'CASE WHEN %s THEN %s END' % (test.sql, a.sql)
            hazard += test.hazard
        elif kind == 2:
            sql = 'coalesce(%s, %s)' % (a.sql, b.sql)
        elif kind == 3:
            sql = 'nullif(%s, %s)' % (a.sql, b.sql)
            hazard += 1 if family == 'jsonb' else 0
        else:
            sql = '%s(%s, %s)' % (rng.choice(['greatest', 'least']), a.sql, b.sql)
        cell = a.cell if a.cell != EXACT else b.cell
        return Expr(sql, family, hazard, uniform, magnitude if known else 0.0, a.collation, cell)

    def alike(self, family, depth):
        """Two expressions that can be compared: strings get one collation."""
        a, b = self.make(family, depth), self.make(family, depth)
        if a.collation and b.collation and a.collation != b.collation:
            name = self.rng.choice(['C', 'C', 'en-x-icu'])
            a, b = self.collate(a, name), self.collate(b, name)
        elif family in STRINGS:
            a.collation = b.collation = a.collation or b.collation
        return a, b

    @staticmethod
    def collate(expr, name):
        return Expr('(%s) COLLATE "%s"' % (expr.sql, name), expr.family, expr.hazard, collation=name, cell=expr.cell if expr.cell != FOLDED else EXACT)

    def integer(self, family, depth):
        rng = self.rng
        kind = rng.randrange(10)
        if kind < 6:
            return self.integer_operator(family, depth)
        if kind == 6 and depth >= 0 and self.of(STRINGS):
            text = self.make(rng.choice(STRINGS), depth)
            return Expr('%s(%s)::%s' % (rng.choice(['length', 'octet_length']), text.sql, family), family, text.hazard)
        if kind == 7:
            test = self.boolean('bool', depth)
            return Expr('(%s)::int4::%s' % (test.sql, family), family, test.hazard)
        if kind == 8 and family == 'int4' and len(self.of(('date',))):
            return Expr('(%s - %s)' % (self.make('date', depth).sql, self.make('date', depth).sql), 'int4', 4)
        source = self.make(rng.choice(NUMBERS), depth)
        return Expr('(%s)::%s' % (source.sql, family), family, source.hazard + 1)

    def integer_operator(self, family, depth):
        """Both sides are at most as wide as the result, one of them is as wide."""
        rng = self.rng
        a = self.make(family, depth)
        b = self.make(rng.choice(INTS[:INTS.index(family) + 1]), depth)
        kind = rng.randrange(10)
        if kind < 7:
            if rng.random() < 0.5:
                a, b = b, a
            operator = rng.choice(['+', '+', '-', '-', '*', '/', '%', '&'])
            if operator in '/%&' and b.family != a.family and operator == '&':
                operator = '+'
            return Expr('(%s %s %s)' % (a.sql, operator, b.sql), family, a.hazard + b.hazard + (operator != '&'))
        if kind == 7:
            return Expr('(- %s)' % a.sql, family, a.hazard + 1)
        if kind == 8:
            return Expr('abs(%s)' % a.sql, family, a.hazard + 1)
        return Expr('mod(%s, %s)' % (a.sql, a.sql if rng.random() < 0.1 else self.literal(family).sql), family, a.hazard + 1)

    def floating(self, family, depth):
        rng = self.rng
        a = self.make(family, depth)
        kind = rng.randrange(8)
        if kind < 4:
            b = self.make(family, depth)
            operator = rng.choice(['+', '-', '*', '/'])
            known = a.magnitude and b.magnitude and operator != '/'
            return Expr('(%s %s %s)' % (a.sql, operator, b.sql), family, a.hazard + b.hazard + 1,
                        magnitude=(a.magnitude * b.magnitude if operator == '*' else a.magnitude + b.magnitude) if known else 0.0)
        if kind == 4:
            return Expr('%s(%s)' % (rng.choice(['abs', '- ']), a.sql), family, a.hazard, magnitude=a.magnitude)
        if kind == 5 and family == 'float8':
            return Expr('%s(%s)' % (rng.choice(['floor', 'ceil', 'trunc', 'round', 'sign']), a.sql), family, a.hazard, magnitude=a.magnitude)
        if kind == 6 and family == 'float8':
            return Expr('sqrt(abs(%s))' % a.sql, family, a.hazard, magnitude=a.magnitude)
        source = self.make(rng.choice(NUMBERS), depth)
        return Expr('(%s)::%s' % (source.sql, family), family, source.hazard + 1, magnitude=source.magnitude)

    def numeric(self, _family, depth):
        rng = self.rng
        a = self.make(rng.choice(('numeric', 'numeric', 'int4', 'int8')), depth)
        if a.family != 'numeric':
            a = Expr('(%s)::numeric' % a.sql, 'numeric', a.hazard, True)
        kind = rng.randrange(9)
        if kind < 4:
            b = self.make(rng.choice(('numeric', 'numeric', 'int4')), depth)
            operator = rng.choice(['+', '-', '*', '*', '/', '%'])
            uniform = a.uniform and (b.uniform or b.family == 'int4') and operator in '+-*'
            return Expr('(%s %s %s)' % (a.sql, operator, b.sql), 'numeric', a.hazard + b.hazard + 1, uniform)
        if kind == 4:
            return Expr('%s(%s)' % (rng.choice(['round', 'trunc', 'floor', 'ceil', 'abs', '- ', 'sign']), a.sql), 'numeric', a.hazard + 1)
        if kind == 5:
            return Expr('round(%s, %d)' % (a.sql, rng.choice([0, 1, 2, 5, -1])), 'numeric', a.hazard + 1)
        if kind == 6:
            return Expr('(%s)::numeric(%s)' % (a.sql, rng.choice(['20,2', '30,5', '12,1', '40,10'])), 'numeric', a.hazard + 1)
        if kind == 7 and self.of(TIMES):
            return self.extract(depth)
        source = self.make(rng.choice(NUMBERS), depth)
        return Expr('(%s)::numeric' % source.sql, 'numeric', source.hazard + 1, source.family in INTS)

    def extract(self, depth):
        family = self.rng.choice([c.family for c in self.of(TIMES)])
        source = self.make(family, depth)
        fields = [f for f in FIELDS if family != 'date' or f not in ('second', 'minute', 'hour', 'milliseconds')]
        return Expr('extract(%s FROM %s)' % (self.rng.choice(fields), source.sql), 'numeric', source.hazard + 1)

    def string(self, _family, depth):
        rng = self.rng
        a = self.make(rng.choice(STRINGS), depth)
        kind = rng.randrange(8)
        if kind == 0:
            source = self.make(rng.choice(INTS + ('numeric', 'bool', 'date', 'uuid')), depth)
            return Expr('(%s)::text' % source.sql, 'text', source.hazard, cell=EXACT if source.cell == EXACT else VALUE)
        if kind == 1:
            return Expr('%s(%s)' % (rng.choice(['upper', 'lower', 'reverse', 'trim', 'md5']), a.sql), 'text', a.hazard, collation=a.collation,
                        cell=self.text_cell(a))
        if kind == 2:
            return Expr('left(%s, %d)' % (a.sql, rng.choice([0, 1, 2, 5, -1])), 'text', a.hazard, collation=a.collation, cell=self.text_cell(a))
        if kind == 3:
            return Expr('substr(%s, %d, %d)' % (a.sql, rng.choice([0, 1, 2, 4]), rng.choice([0, 1, 3])), 'text', a.hazard, collation=a.collation,
                        cell=self.text_cell(a))
        if kind == 4:
            a, b = self.alike('text', depth)
            return Expr('(%s || %s)' % (a.sql, b.sql), 'text', a.hazard + b.hazard, collation=a.collation, cell=self.text_cell(a))
        if kind == 5 and a.collation:
            return self.collate(a, rng.choice(['C', 'en-x-icu']))
        return Expr('(%s)::text' % a.sql, 'text', a.hazard, collation=a.collation, cell=self.text_cell(a))

    @staticmethod
    def text_cell(source):
        return FOLDED if source.collation == 'oracle_ci' else EXACT if source.cell == PADDED else source.cell

    def time(self, family, depth):
        rng = self.rng
        source = self.make(rng.choice([family, family, rng.choice(TIMES)]), depth)
        kind = rng.randrange(8)
        if kind < 4 and family != 'date':
            zone = ", '%s'" % rng.choice(ZONES) if family == 'timestamptz' and rng.random() < 0.2 else ''
            same = source if source.family == family else Expr('(%s)::%s' % (source.sql, family), family, source.hazard + 1)
            return Expr("date_trunc('%s', %s%s)" % (rng.choice(UNITS), same.sql, zone), family, same.hazard + 1)
        if kind == 4 and family in ('timestamp', 'timestamptz'):
            same = source if source.family == family else Expr('(%s)::%s' % (source.sql, family), family, source.hazard + 1)
            return Expr("date_bin('%s', %s, '2001-02-03 04:05:06'::%s)" % (rng.choice(['15 minutes', '1 hour', '1 day 3 hours', '7 days']),
                                                                      same.sql, family), family, same.hazard + 1)
        if kind == 5:
            if family == 'date':
                return Expr('(%s %s %s)' % (self.make('date', depth).sql, rng.choice('+-'), self.literal('int4').sql), family, 3)
            inner = self.make(family, depth)
            return Expr('(%s %s %s)' % (inner.sql, rng.choice('+-'), self.literal('interval').sql), family, inner.hazard + 1)
        if kind == 6 and family != 'date':
            other = 'timestamptz' if family == 'timestamp' else 'timestamp'
            inner = self.make(other, depth)
            return Expr("(%s AT TIME ZONE '%s')" % (inner.sql, rng.choice(ZONES)), family, inner.hazard + 1)
        return Expr('(%s)::%s' % (source.sql, family), family, source.hazard + 1)

    def interval(self, _family, depth):
        rng = self.rng
        kind = rng.randrange(3)
        if kind == 0:
            family = rng.choice(('timestamp', 'timestamptz'))
            a, b = self.make(family, depth), self.make(family, depth)
            return Expr('(%s - %s)' % (a.sql, b.sql), 'interval', a.hazard + b.hazard + 1)
        if kind == 1:
            a = self.make('interval', depth)
            return Expr('(%s * %s)' % (a.sql, self.rng.choice(['2', '-1', '0.5'])), 'interval', a.hazard + 1)
        return self.leaf('interval')

    # ---- conditions

    def boolean(self, _family, depth):
        rng = self.rng
        kind = rng.random()
        if depth > 0 and kind < 0.25:
            a, b = self.boolean('bool', depth - 1), self.boolean('bool', depth - 1)
            return Expr('(%s %s %s)' % (a.sql, rng.choice(['AND', 'OR', 'OR']), b.sql), 'bool', a.hazard + b.hazard)
        if depth > 0 and kind < 0.32:
            a = self.boolean('bool', depth - 1)
            form = rng.choice(['(NOT %s)', '(%s IS TRUE)', '(%s IS NOT FALSE)', '(%s IS UNKNOWN)', '(%s IS NOT TRUE)'])
            return Expr(form % a.sql, 'bool', a.hazard)
        if kind < 0.40:
            a = self.any(depth)
            return Expr('(%s IS %sNULL)' % (a.sql, rng.choice(['', 'NOT '])), 'bool', a.hazard)
        if kind < 0.46 and self.of(('bool',)):
            return self.leaf('bool', 0.1)
        if kind < 0.58 and self.of(STRINGS):
            return self.pattern(depth)
        if kind < 0.70:
            return self.membership(depth)
        if kind < 0.74 and self.of(('jsonb',)):
            a = self.leaf('jsonb', 0)
            return Expr('(%s %s)' % (a.sql, rng.choice(["? 'a'", "@> '{\"a\": 1}'", "->> 'b' = 'x'", "-> 'a' IS NOT NULL"])), 'bool')
        return self.comparison(depth)

    def comparison(self, depth):
        """a operator b, of the same family or of two that PostgreSQL compares."""
        rng = self.rng
        family = rng.choice([c.family for c in self.columns])
        operator = rng.choice(COMPARISONS)
        if rng.random() < 0.08:
            operator = rng.choice(['IS DISTINCT FROM', 'IS NOT DISTINCT FROM'])
        groups = [g for g in (INTS, FLOATS, TIMES, ('numeric', 'int4'), ('int8', 'float8')) if family in g]
        if groups and rng.random() < 0.3:
            a, b = self.make(family, depth - 1), self.make(rng.choice(rng.choice(groups)), depth - 1)
        elif rng.random() < 0.6:
            a = self.column((family,))
            b = self.literal(family)
        else:
            a, b = self.alike(family, depth - 1)
        if rng.random() < 0.1 and family not in STRINGS:
            lower, upper = self.literal(family), self.literal(family)
            return Expr('(%s %sBETWEEN %s AND %s)' % (a.sql, rng.choice(['', '', 'NOT ']), lower.sql, upper.sql), 'bool', a.hazard + 1)
        hazard = 1 if (a.family in TIMES and a.family != b.family) else 0
        return Expr('(%s %s %s)' % (a.sql, operator, b.sql), 'bool', a.hazard + b.hazard + hazard)

    def pattern(self, depth):
        rng = self.rng
        found = [c for c in self.of(STRINGS) if c.collation != 'oracle_ci']
        if not found:
            return self.comparison(depth)
        a = self.reference(rng.choice(found)) if rng.random() < 0.7 else None
        if a is None:
            a = self.make('text', depth - 1)
            if a.collation == 'oracle_ci':
                a = self.collate(a, 'C')
        kind = rng.random()
        if kind < 0.65:
            value = rng.choice(['%', 'a%', '%a', '%o%', 'n%th', '_', '__%', 'k0%', 'k00_0%', '', 'x\\_y', 'x_y', '%\u00e9%', 'north', '%-%', 'k%9'])
            return Expr("(%s %s %s)" % (a.sql, rng.choice(['LIKE', 'LIKE', 'NOT LIKE', 'ILIKE']), self.constant('text', [value, 'a%', '%b'])),
                        'bool', a.hazard)
        if kind < 0.85:
            return Expr("starts_with(%s, %s)" % (a.sql, self.constant('text', [rng.choice(['', 'a', 'k0', 'nor']), 'x', 'z'])), 'bool', a.hazard)
        return Expr("(%s ~ '%s')" % (a.sql, rng.choice(['^a', 'o.*t', '[0-9]+$', 'B'])), 'bool', a.hazard)

    def membership(self, depth):
        """IN and = ANY, with constants, sometimes NULL among them."""
        rng = self.rng
        family = rng.choice([c.family for c in self.columns if c.family != 'bool'] or ['int4'])
        a = self.column((family,)) if rng.random() < 0.7 else self.make(family, depth - 1)
        a = a or self.literal(family)
        items = [self.literal(family).sql for _ in range(rng.choice([1, 2, 3, 12]))]
        if rng.random() < 0.1:
            items.append('NULL')
        if rng.random() < 0.7:
            return Expr('(%s %s (%s))' % (a.sql, rng.choice(['IN', 'IN', 'NOT IN']), ', '.join(items)), 'bool', a.hazard)
        return Expr('(%s %s (ARRAY[%s]))' % (a.sql, rng.choice(['= ANY', '<> ALL', '< ANY', '>= ALL']), ', '.join(items)), 'bool', a.hazard)

    # ---- aggregates

    def aggregate(self, depth):
        """An aggregate call as an expression with the comparison its results need, and its own FILTER."""
        rng = self.rng
        result = self.plain_aggregate(depth)
        if rng.random() < 0.2:
            test = self.boolean('bool', 1)
            result.sql += ' FILTER (WHERE %s)' % test.sql
            result.hazard += test.hazard
        return result

    def plain_aggregate(self, depth):
        rng = self.rng
        kind = rng.random()
        if kind < 0.15:
            return Expr('count(*)', 'int8')
        if kind < 0.28:
            a = self.any(depth)
            return Expr('count(%s)' % a.sql, 'int8', a.hazard)
        if kind < 0.36:
            a = self.any(depth)
            return Expr('count(DISTINCT %s)' % a.sql, 'int8', a.hazard + (a.family == 'json'))
        if kind < 0.43:
            a = self.boolean('bool', depth)
            return Expr('%s(%s)' % (rng.choice(['bool_and', 'bool_or', 'every']), a.sql), 'bool', a.hazard)
        if kind < 0.63:
            return self.extreme(depth)
        if kind < 0.68:
            return self.exotic(depth)
        return self.sum(depth)

    def extreme(self, depth):
        """min and max: of equal values any spelling may come."""
        families = INTS + ('numeric',) + FLOATS + STRINGS + TIMES + ('interval', 'time', 'enum')
        families = [c.family for c in self.columns if c.family in families] or ['int4']
        a = self.any(depth, families)
        return Expr('%s(%s)' % (self.rng.choice(['min', 'max']), a.sql), 'text' if a.family in STRINGS else a.family, a.hazard, a.uniform,
                    collation=a.collation, cell=a.cell)

    def sum(self, depth):
        rng = self.rng
        families = [c.family for c in self.columns if c.family in NUMBERS + ('interval',)] or ['int4']
        a = self.any(depth, families)
        if a.family in FLOATS and not a.magnitude:
            return Expr('count(%s)' % a.sql, 'int8', a.hazard)
        if a.family == 'interval':
            return Expr('sum(%s)' % a.sql, 'interval', a.hazard + 1)
        name = rng.choice(['sum', 'sum', 'sum', 'avg', 'avg', 'stddev', 'variance', 'var_pop', 'stddev_pop', 'stddev_samp'])
        distinct = 'DISTINCT ' if rng.random() < 0.05 and a.family not in FLOATS else ''
        result = Expr('%s(%s%s)' % (name, distinct, a.sql), 'numeric', a.hazard + 1, cell=EXACT)
        if distinct and not a.uniform:
            result.cell = VALUE
        if a.family in FLOATS:
            result.family, result.cell = 'float8', (name, a.magnitude, a.family)
        return result

    def exotic(self, depth):
        """What is not computed on columns natively."""
        rng = self.rng
        kind = rng.randrange(4)
        if kind == 0:
            a = self.leaf('text', 0)
            return Expr("string_agg(%s, ',' ORDER BY %s)" % (a.sql, self.id), 'text', collation=a.collation)
        if kind == 1:
            a = self.leaf('int4', 0)
            return Expr('%s(%s)' % (rng.choice(['bit_and', 'bit_or']), a.sql), 'int4')
        if kind == 2:
            a = self.leaf(rng.choice(INTS), 0)
            return Expr('percentile_disc(0.5) WITHIN GROUP (ORDER BY %s)' % a.sql, a.family)
        a = self.leaf('int8', 0)
        return Expr('array_agg(%s ORDER BY %s)' % (a.sql, self.id), 'array')


PLACEHOLDER = re.compile('\x01(\\d+)\x02')
