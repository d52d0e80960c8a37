"""
Columns of the random queries: their types, the values they hold, and when two results of that type are the same.

A result is compared as text, except where PostgreSQL itself makes no promise: the last digits of a sum of floats depend on
the order of addition, and of equal values with different spellings (1.0 and 1.00, 0 and -0) any may stand for a group.
"""

import math
import re
from decimal import Decimal, InvalidOperation

EXACT, VALUE, FLOAT, SUM, INTERVAL, PADDED, FOLDED = 'exact', 'value', 'float', 'sum', 'interval', 'padded', 'folded'


class Cell:
    """How two results of one output column compare: kind, and for sums of floats what error may be expected."""

    def __init__(self, kind=EXACT, relative=0.0, absolute=0.0):
        self.kind, self.relative, self.absolute = kind, relative, absolute

    def normal(self, text):
        """The text that equal results share; sums of floats have none."""
        if text is None or self.kind in (EXACT, SUM):
            return text
        return NORMAL[self.kind](text)

    def same(self, left, right):
        if self.kind != SUM or left is None or right is None:
            return self.normal(left) == self.normal(right)
        x, y = float(left), float(right)
        if math.isnan(x) or math.isnan(y) or math.isinf(x) or math.isinf(y):
            return left == right
        return abs(x - y) <= max(self.relative * max(abs(x), abs(y)), self.absolute)


def normal_number(text):
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    return str(value.normalize()) if value.is_finite() and value else ('0' if value.is_finite() else text)


def normal_float(text):
    return '0' if text == '-0' else text


def normal_interval(text):
    """The length of an interval by which PostgreSQL orders intervals: a month is 30 days."""
    total = Decimal(0)
    for count, unit in re.findall(r'([-+]?\d+) (year|mon|day)', text):
        total += int(count) * {'year': 360, 'mon': 30, 'day': 1}[unit] * 86400
    clock = re.search(r'([-+]?)(\d+):(\d+):(\d+(?:\.\d+)?)', text)
    if clock:
        seconds = int(clock.group(2)) * 3600 + int(clock.group(3)) * 60 + Decimal(clock.group(4))
        total += -seconds if clock.group(1) == '-' else seconds
    return str(total.normalize()) if total else '0'


NORMAL = {VALUE: normal_number, FLOAT: normal_float, INTERVAL: normal_interval,
          PADDED: lambda text: text.rstrip(' '), FOLDED: str.lower}


def compare_rows(cells, left, right, ordered):
    """None when both results are the same, else what differs."""
    if len(left) != len(right):
        return '%d rows, expected %d' % (len(left), len(right))
    if not ordered:
        left, right = (sorted(rows, key=lambda row: sort_key(cells, row)) for rows in (left, right))
    for x, y in zip(left, right):
        for number, cell in enumerate(cells):
            if not cell.same(x[number], y[number]):
                return 'column %d is %r, expected %r\n  row      %r\n  expected %r' % (number + 1, x[number], y[number], x, y)
    return None


def sort_key(cells, row):
    """Rows sorted by what compares exactly; then by sums of floats, roughly."""
    exact = [(value is not None, cell.normal(value) or '') for cell, value in zip(cells, row) if cell.kind != SUM]
    rough = [-math.inf if value is None or value == 'NaN' else float(value) for cell, value in zip(cells, row) if cell.kind == SUM]
    return exact, rough


# ---- values, as the text that COPY reads

def integer(low, high):
    return lambda rng, i: str(rng.randint(low, high))


def decimal_text(rng, digits, scale):
    number = rng.randrange(10 ** digits) * rng.choice([1, 1, -1])
    return str(Decimal(number).scaleb(-scale)) if scale <= 6 else format(Decimal(number).scaleb(-scale), 'f')


def mixed_numeric(rng, i):
    return decimal_text(rng, rng.choice([1, 3, 8]), rng.choice([0, 0, 1, 2, 5]))


WORDS = ['north', 'south', 'east', 'west', 'north-east', 'a', 'b', 'ab', 'aB', 'AB', 'x%y', 'x_y', 'back\\\\slash', 'tab\\there', '\u00e9t\u00e9',
         '\u00c4pfel', 'stra\u00dfe', '\U0001f600', 'zz zz', 'z']


def word(rng, i):
    return rng.choice(WORDS)


def words(rng, i):
    return ' '.join(rng.choice(WORDS) for _ in range(rng.randrange(4)))


def code(rng, i):
    return 'k%05d' % rng.randrange(100000)


def long_text(rng, i):
    return rng.choice(WORDS) * rng.choice([1, 40, 600])


def moment(first_day, days, fraction):
    """Time stamps, as text that date, timestamp and timestamptz read."""
    def value(rng, i):
        day = first_day + rng.randrange(days)
        seconds = rng.randrange(86400)
        text = '%s %02d:%02d:%02d' % (date_text(day), seconds // 3600, seconds // 60 % 60, seconds % 60)
        return text + ('.%06d' % rng.randrange(1000000) if fraction else '')
    return value


def date_text(day):
    """Days since 2000-01-01 as a date; years 1 to 9999."""
    import datetime
    return (datetime.date(2000, 1, 1) + datetime.timedelta(days=day)).isoformat()


def serial_moment(step):
    """Ascending time stamps, slightly out of order, as measurements have them."""
    def value(rng, i):
        seconds = i * step + rng.randrange(max(1, 3 * step))
        return '%s %02d:%02d:%02d' % (date_text(9000 + seconds // 86400), seconds // 3600 % 24, seconds // 60 % 60, seconds % 60)
    return value


def hex_text(rng, digits):
    return '%0*x' % (digits, rng.randrange(16 ** digits))


def uuid_text(rng, i):
    return hex_text(rng, 32)


def span(rng, i):
    return '%d mons %d days %02d:%02d:%02d' % (rng.choice([0, 0, 1, -1, 14]), rng.choice([0, 0, 1, 30, -3]), rng.randrange(24),
                                               rng.randrange(60), rng.choice([0, 30]))


def document(rng, i):
    return rng.choice(['{"a": %d, "b": "%s"}' % (rng.randrange(5), rng.choice('xyz')), '[1, %d]' % rng.randrange(4), 'null', '{}', '"s"',
                       '{"a": null}', '{"a": {"b": [%d]}}' % rng.randrange(3)])


class Profile:
    """One way to fill a column: how values are made, which special ones there are, what may be done with them."""

    def __init__(self, family, sql, value, specials=(), collation=None, uniform=True, magnitude=0.0, cell=EXACT, weight=2):
        self.family, self.sql, self.value, self.specials = family, sql, value, specials
        self.collation = collation          # of text
        self.uniform = uniform              # numeric: all values have the same number of digits after the point
        self.magnitude = magnitude          # float: sums are sensible up to there; 0: they are not
        self.cell = cell                    # of a group's key, of min and max
        self.weight = weight


FLOAT_SPECIALS = ('NaN', 'Infinity', '-Infinity', '-0', '0')
TIME_SPECIALS = ('infinity', '-infinity', '2000-01-01', '1970-01-01')

PROFILES = [
    Profile('int2', 'int2', integer(-9, 9), ('-32768', '32767')),
    Profile('int2', 'int2', integer(-32768, 32767)),
    Profile('int4', 'int4', integer(0, 20), weight=6),
    Profile('int4', 'int4', integer(-1000, 1000), ('-2147483648', '2147483647')),
    Profile('int4', 'int4', integer(-2 ** 31, 2 ** 31 - 1)),
    Profile('int4', 'oracle_small', integer(0, 50)),
    Profile('int8', 'int8', integer(-100, 100), weight=3),
    Profile('int8', 'int8', integer(-2 ** 40, 2 ** 40), ('-9223372036854775808', '9223372036854775807')),
    Profile('int8', 'int8', integer(-2 ** 63, 2 ** 63 - 1)),
    Profile('float4', 'float4', lambda rng, i: '%g' % round(rng.gauss(0, 100), 2), FLOAT_SPECIALS, magnitude=1e3, cell=FLOAT),
    Profile('float4', 'float4', lambda rng, i: '%.6g' % (rng.random() * 10 ** rng.randint(-40, 38)), FLOAT_SPECIALS, cell=FLOAT, weight=1),
    Profile('float8', 'float8', lambda rng, i: repr(round(rng.gauss(20, 5), 2)), (), magnitude=1e2, cell=FLOAT, weight=3),
    Profile('float8', 'float8', lambda rng, i: repr(rng.gauss(0, 1000)), FLOAT_SPECIALS, magnitude=1e4, cell=FLOAT),
    Profile('float8', 'float8', lambda rng, i: repr(rng.random() * 10.0 ** rng.randint(-320, 307)), FLOAT_SPECIALS + (
        '1.7976931348623157e308', '5e-324'), cell=FLOAT, weight=1),
    Profile('numeric', 'numeric(15,2)', lambda rng, i: decimal_text(rng, 7, 2), ('0', '9999999999999.99', '-9999999999999.99'), weight=3),
    Profile('numeric', 'numeric', lambda rng, i: decimal_text(rng, 5, 2)),
    Profile('numeric', 'numeric', mixed_numeric, ('NaN', 'Infinity', '-Infinity', '0', '0.000'), uniform=False, cell=VALUE),
    Profile('numeric', 'numeric', mixed_numeric, ('0.00', '1e30', '-1e-20'), uniform=False, cell=VALUE),
    Profile('numeric', 'numeric', lambda rng, i: decimal_text(rng, rng.choice([5, 19, 30]), rng.choice([3, 9])), uniform=False, cell=VALUE,
            weight=1),
    Profile('numeric', 'numeric(38,10)', lambda rng, i: decimal_text(rng, rng.choice([12, 20, 28]), 10), ('0', 'NaN')),
    Profile('numeric', 'numeric(18,0)', lambda rng, i: decimal_text(rng, 18, 0)),
    Profile('text', 'text COLLATE "C"', word, ('',), 'C', weight=4),
    Profile('text', 'text COLLATE "C"', code, ('',), 'C'),
    Profile('text', 'text', words, ('', ' '), 'default'),
    Profile('text', 'text COLLATE "C"', long_text, ('',), 'C', weight=1),
    Profile('text', 'text COLLATE "en-x-icu"', word, ('',), 'en-x-icu'),
    Profile('text', 'text COLLATE oracle_ci', word, ('A', 'a'), 'oracle_ci', cell=FOLDED, weight=1),
    Profile('varchar', 'varchar(80) COLLATE "C"', words, ('', 'x '), 'C'),
    Profile('bpchar', 'char(8)', lambda rng, i: rng.choice(WORDS)[:8].replace('\\', ''), ('', 'a '), 'default', cell=PADDED),
    Profile('bpchar', 'char(1) COLLATE "C"', lambda rng, i: rng.choice('ANRFO '), (), 'C', cell=PADDED),
    Profile('bool', 'bool', lambda rng, i: rng.choice('tf')),
    Profile('date', 'date', moment(9000, 40, False), TIME_SPECIALS),
    Profile('date', 'date', moment(-700000, 2900000, False), ('-infinity', 'infinity', '4714-11-24 BC', '5874897-12-31'), weight=1),
    Profile('timestamp', 'timestamp', moment(9000, 40, True), TIME_SPECIALS),
    Profile('timestamp', 'timestamp', moment(-700000, 2900000, True), ('infinity', '4714-11-24 BC', '294276-12-31'), weight=1),
    Profile('timestamptz', 'timestamptz', serial_moment(60), (), weight=3),
    Profile('timestamptz', 'timestamptz', serial_moment(5000), ('infinity',), weight=2),
    Profile('timestamptz', 'timestamptz', moment(8800, 400, True), TIME_SPECIALS),
    Profile('interval', 'interval', span, ('0', '1 mon', '30 days', '720 hours'), cell=INTERVAL, weight=1),
    Profile('time', 'time', lambda rng, i: '%02d:%02d:%02d' % (rng.randrange(24), rng.randrange(60), rng.randrange(60)), ('24:00',), weight=1),
    Profile('uuid', 'uuid', uuid_text, ('0' * 32, 'f' * 32)),
    Profile('bytea', 'bytea', lambda rng, i: '\\\\x' + hex_text(rng, rng.choice([2, 8])), ('\\\\x', '\\\\x00'), weight=1),
    Profile('jsonb', 'jsonb', document, weight=1),
    Profile('enum', 'oracle_mood', lambda rng, i: rng.choice(['sad', 'ok', 'glad', 'happy']), weight=1),
]

SETUP = """
CREATE TYPE oracle_mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE oracle_mood ADD VALUE 'glad' BEFORE 'happy';
CREATE COLLATION oracle_ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE DOMAIN oracle_small AS int4 CHECK (VALUE >= 0);
CREATE ROLE oracle_reader;
"""


class Column:
    """A column of a twin table: a profile, and how its values spread."""

    def __init__(self, rng, name, profile=None):
        self.name = name
        self.profile = profile or rng.choices(PROFILES, [p.weight for p in PROFILES])[0]
        self.family, self.collation = self.profile.family, self.profile.collation
        self.nulls = rng.choice([0, 0, 0, 0.05, 0.5, 1.0] if rng.random() < 0.9 else [1.0])
        self.special = rng.choice([0, 0, 0.02, 0.2]) if self.profile.specials else 0
        few = rng.random() < 0.5
        self.pool = [self.profile.value(rng, i) for i in range(rng.choice([1, 2, 5, 30]))] if few else None
        self.run = rng.choice([1, 1, 1, 10, 300])       # equal neighbours
        self.last = None

    def plain(self, rng, i):
        """A value as COPY's text, null and special ones left out."""
        return rng.choice(self.pool) if self.pool else self.profile.value(rng, i)

    def value(self, rng, i):
        """The value of row i as COPY's text."""
        if self.last is None or i % self.run == 0:
            if self.nulls and rng.random() < self.nulls:
                self.last = '\\N'
            elif self.special and rng.random() < self.special:
                self.last = rng.choice(self.profile.specials)
            else:
                self.last = self.plain(rng, i)
        return self.last

    def cast(self):
        return self.profile.sql.split(' COLLATE ')[0]

    def literal(self, rng, rows):
        """A constant of the column's type, often one that the column holds."""
        if self.profile.specials and rng.random() < 0.12:
            text = rng.choice(self.profile.specials)
        else:
            text = self.plain(rng, rng.randrange(max(rows, 1)))
        return text.replace('\\\\', '\\').replace('\\t', '\t').replace("'", "''")
