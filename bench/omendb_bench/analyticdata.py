"""The tables of bench/analytics: sensor readings, TPC-H's lineitem, real flights, and random keys."""

import os
import subprocess

import numpy as np

from .cluster import BENCH, say
from .tableworks import SENSOR, SENSOR_ROWS

LINEITEM = ('l_orderkey int8 NOT NULL, l_partkey int4 NOT NULL, l_suppkey int4 NOT NULL,'
            ' l_linenumber int4 NOT NULL, l_quantity numeric(15,2) NOT NULL,'
            ' l_extendedprice numeric(15,2) NOT NULL, l_discount numeric(15,2) NOT NULL,'
            ' l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL,'
            ' l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL,'
            ' l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL,'
            ' l_shipmode char(10) NOT NULL, l_comment varchar(44) NOT NULL')
FLIGHTS = ('flown timestamp NOT NULL, delay int4, distance int4, origin text NOT NULL,'
           ' destination text NOT NULL')
GROUPS = 'k int8 NOT NULL, v int4 NOT NULL'

INSTRUCTIONS = ('DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN')
MODES = ('REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB')
WORDS = ('furiously carefully quickly slyly blithely foxes deposits requests accounts packages ideas'
         ' theodolites pinto beans instructions dependencies excuses platelets asymptotes sleep wake'
         ' haggle nag cajole boost detect final special express regular even bold silent ironic'
         ' above the after according to across among').split()
DAY0 = np.datetime64('1992-01-01')
ORDER_DAYS = 2406                           # the last order is of 1998-08-02
CURRENT = (np.datetime64('1995-06-17') - DAY0).astype(int)


def line_columns(first_order, orders, parts, rng):
    """The lines of some orders as columns; distributions are those of TPC-H's generator."""
    lines = rng.integers(1, 8, orders)
    order = np.repeat(np.arange(first_order, first_order + orders), lines)
    count = len(order)
    number = np.arange(count) - np.repeat(np.cumsum(lines) - lines, lines) + 1
    part = rng.integers(1, parts + 1, count)
    quantity = rng.integers(1, 51, count)
    price = quantity * (90000 + part // 10 % 20001 + 100 * (part % 1000))
    ordered = np.repeat(rng.integers(0, ORDER_DAYS, orders), lines)
    shipped = ordered + rng.integers(1, 122, count)
    received = shipped + rng.integers(1, 31, count)
    returned = np.where(received <= CURRENT, rng.integers(0, 2, count), 2)
    suppliers = max(parts // 20, 4)
    supplier = (part + rng.integers(0, 4, count) * (suppliers // 4 + (part - 1) // suppliers)) \
        % suppliers + 1
    # eight keys of 32 are used
    return {'order': (order // 8) * 32 + order % 8, 'part': part, 'supplier': supplier,
            'number': number, 'quantity': quantity, 'price': price,
            'discount': rng.integers(0, 11, count), 'tax': rng.integers(0, 9, count),
            'returned': returned, 'open': (shipped > CURRENT).astype(int), 'shipped': shipped,
            'committed': ordered + rng.integers(30, 91, count), 'received': received,
            'instruction': rng.integers(0, 4, count), 'mode': rng.integers(0, 7, count),
            'at': rng.integers(0, 99950, count), 'length': rng.integers(10, 44, count)}


def write_lineitem(path, rows, seed):
    """About so many rows as CSV, 100,000 orders at a time; exactly so many in the end."""
    rng = np.random.default_rng(seed)
    pool = ' '.join(WORDS[i] for i in rng.integers(0, len(WORDS), 20000))[:100000]
    days = np.datetime_as_string(DAY0 + np.arange(ORDER_DAYS + 200)).tolist()
    parts = max(2000, rows // 30)           # 200,000 for each 6 million lines
    line = '%d,%d,%d,%d,%d.00,%d.%02d,0.%02d,0.%02d,%s,%s,%s,%s,%s,%s,%s,%s\n'
    written, first = 0, 1
    with open(path, 'w', encoding='ascii') as out:
        while written < rows:
            c = {k: v.tolist() for k, v in line_columns(first, 100_000, parts, rng).items()}
            first += 100_000
            text = [line % (
                order, part, supplier, number, quantity, price // 100, price % 100, discount, tax,
                'RAN'[returned], 'FO'[is_open], days[shipped], days[committed], days[received],
                INSTRUCTIONS[instruction], MODES[mode], pool[at:at + length].strip())
                for (order, part, supplier, number, quantity, price, discount, tax, returned, is_open,
                     shipped, committed, received, instruction, mode, at, length) in zip(*c.values())]
            out.writelines(text[:rows - written])
            written += min(len(text), rows - written)


class DataSet:
    """One table: columns for PostgreSQL, and a CSV file that every engine loads."""

    def __init__(self, name, columns, duckdb=None):
        self.name, self.columns = name, columns
        self.duckdb = duckdb or columns     # the same in DuckDB's types

    def rows(self, options):
        raise NotImplementedError

    def write(self, bench, path):
        raise NotImplementedError


class Sensor(DataSet):
    """Time stamps go to DuckDB without time zone, which makes no difference in UTC."""

    def rows(self, options):
        return options.rows

    def write(self, bench, path):
        bench.run("SELECT setseed(%f); COPY (SELECT * FROM (%s) AS s) TO '%s' (FORMAT csv)" % (
            bench.options.seed / 1000.0, SENSOR_ROWS % bench.options.rows, path))


class LineItem(DataSet):

    def rows(self, options):
        return options.rows * 6 // 10

    def write(self, bench, path):
        write_lineitem(path, self.rows(bench.options), bench.options.seed)


class Flights(DataSet):
    """The flights of npm's vega-datasets, or the first of them."""

    def rows(self, options):
        return min(3_000_000, options.rows * 3 // 10)

    def write(self, bench, path):
        whole = path + '.all'
        subprocess.run(['node', os.path.join(BENCH, 'flights.mjs'), bench.modules, whole], check=True)
        with open(whole, encoding='ascii') as source, open(path, 'w', encoding='ascii') as out:
            for _, line in zip(range(self.rows(bench.options)), source):
                out.write(line)
        os.unlink(whole)


class Groups(DataSet):
    """Every key once, in random order."""

    def rows(self, options):
        return options.rows

    def write(self, bench, path):
        keys = np.random.default_rng(bench.options.seed).permutation(self.rows(bench.options))
        with open(path, 'w', encoding='ascii') as out:
            for at in range(0, len(keys), 1_000_000):
                out.writelines('%d,%d\n' % (k * 7919, k % 100) for k in keys[at:at + 1_000_000].tolist())


SENSORS = Sensor('sensor', SENSOR, SENSOR.replace('timestamptz', 'timestamp'))
LINES = LineItem('lineitem', LINEITEM)
REAL_FLIGHTS = Flights('flights', FLIGHTS)
KEYS = Groups('groups', GROUPS)


def file_of(bench, data):
    """The CSV file, made when it is first asked for."""
    path = bench.place('%s-%d-%d.csv' % (data.name, data.rows(bench.options), bench.options.seed))
    if not os.path.exists(path):
        say('generating %s, %d rows' % (data.name, data.rows(bench.options)))
        data.write(bench, path)
        os.chmod(path, 0o644)
    return path
