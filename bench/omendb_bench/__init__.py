"""Benchmark of the index access method: key sets, works, scratch server, report."""
