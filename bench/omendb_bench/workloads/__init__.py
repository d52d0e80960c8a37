"""The workloads: one file each."""

from .htap import Htap
from .pgbench import PgBench
from .randomkey import RandomKey
from .timeseries import TimeSeries
from .tpcc import TpcC
from .ycsb import Ycsb

ALL = {workload.name: workload for workload in (
    Ycsb, TpcC, TimeSeries, RandomKey, Htap, PgBench)}
