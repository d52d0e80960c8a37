"""The queries of bench/analytics, the same text for every engine."""

from .analyticdata import LINES, REAL_FLIGHTS, SENSORS

FULL, SOME = 20.0, 1.0              # heap's time / omendb's, at least


class Query:
    """A query on one data set. ordered: its rows come in an order; target: see FULL and SOME."""

    def __init__(self, data, name, title, target, sql, ordered=False):
        self.data, self.name, self.title, self.target = data, name, title, target
        self.sql, self.ordered = ' '.join(sql.split()), ordered


ALL = (
    Query(SENSORS, 'full', 'aggregates of all rows', FULL, """
        SELECT count(*), sum(temperature), avg(humidity), min(ts), max(ts), sum(status), count(note)
        FROM sensor"""),
    Query(SENSORS, 'device', 'GROUP BY 1,000 devices', FULL, """
        SELECT device, count(*), avg(temperature), max(humidity) FROM sensor GROUP BY device"""),
    Query(SENSORS, 'hour', 'GROUP BY hour (date_trunc)', FULL, """
        SELECT date_trunc('hour', ts), count(*), avg(temperature) FROM sensor GROUP BY 1"""),
    Query(SENSORS, 'window', '1 % by time, by region', SOME, """
        SELECT region, count(*), avg(temperature), max(humidity) FROM sensor
        WHERE ts >= '@from@' AND ts < '@to@' GROUP BY region"""),
    Query(SENSORS, 'filter', '0.1 % by temperature', SOME, """
        SELECT count(*), min(ts), max(humidity) FROM sensor WHERE temperature BETWEEN 24.99 AND 25.0"""),
    Query(SENSORS, 'texts', 'GROUP BY two texts, top 10', FULL, """
        SELECT region, note, count(*) FROM sensor GROUP BY region, note
        ORDER BY count(*) DESC, region, note LIMIT 10""", True),
    Query(SENSORS, 'last', 'last row per device', SOME, """
        SELECT DISTINCT ON (device) device, ts, temperature FROM sensor ORDER BY device, ts DESC"""),
    Query(SENSORS, 'top', 'ORDER BY two columns LIMIT 10', SOME, """
        SELECT device, ts, temperature FROM sensor ORDER BY temperature DESC, ts LIMIT 10""", True),
    Query(SENSORS, 'distinct', 'count(DISTINCT device)', SOME, """
        SELECT count(DISTINCT device) FROM sensor"""),
    Query(LINES, 'q1', 'TPC-H Q1', 10.0, """
        SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice),
               sum(l_extendedprice * (1 - l_discount)),
               sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)), avg(l_quantity),
               avg(l_extendedprice), avg(l_discount), count(*)
        FROM lineitem WHERE l_shipdate <= date '1998-12-01' - interval '90' day
        GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus""", True),
    Query(LINES, 'q6', 'TPC-H Q6', FULL, """
        SELECT sum(l_extendedprice * l_discount) FROM lineitem
        WHERE l_shipdate >= date '1994-01-01' AND l_shipdate < date '1995-01-01'
              AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24"""),
    Query(LINES, 'modes', 'GROUP BY two texts', FULL, """
        SELECT l_shipmode, l_shipinstruct, count(*), sum(l_quantity) FROM lineitem GROUP BY 1, 2"""),
    Query(REAL_FLIGHTS, 'origin', 'delay by airport, top 10', FULL, """
        SELECT origin, count(*), avg(delay), max(distance) FROM flights GROUP BY origin
        ORDER BY count(*) DESC, origin LIMIT 10""", True),
    Query(REAL_FLIGHTS, 'month', 'by month, with FILTER', FULL, """
        SELECT date_trunc('month', flown), count(*), count(*) FILTER (WHERE delay > 60), avg(delay)
        FROM flights GROUP BY 1"""),
    Query(REAL_FLIGHTS, 'route', 'by route, top 10', FULL, """
        SELECT origin, destination, count(*), sum(distance) FROM flights GROUP BY 1, 2
        ORDER BY 3 DESC, 1, 2 LIMIT 10""", True),
)
