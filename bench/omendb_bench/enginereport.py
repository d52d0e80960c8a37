"""The report of bench/engines: a folder with report.md, plots and CSV."""

import csv
import os
import shutil
import statistics
import subprocess

from .report import bytes_text, ratio_text
from .workloads import ALL
from .workloads.base import same_answer

OURS, BASE = 'omendb', 'heap'
COLORS = {'omendb': '#c0392b', 'heap': '#2c6fad', 'sqlite': '#7f8c8d', 'duckdb': '#e0b000',
          'mariadb': '#8e5a2b'}
OTHER_COLORS = ('#27ae60', '#8e44ad', '#16a085', '#d35400')

# (what, workload, steps that begin so, the other engine, wanted ratio of the rates)
TARGETS = (
    ('ingest of random keys, three indexes', 'random', 'ingest-3', 'heap', 6),
    ('ingest of random keys, three indexes', 'random', 'ingest-3', 'sqlite', 2),
    ('point look-ups', 'random', 'look-up', 'sqlite', 2),
    ('point look-ups', 'random', 'look-up', 'heap', 3),
    ('range scans', 'random', 'range', 'sqlite', 2),
    ('full aggregates', 'random', 'aggregate', 'sqlite', 20),
    ('full aggregates', 'random', 'aggregate', 'heap', 20),
    ('full aggregates by device', 'random', 'group', 'sqlite', 20),
    ('full aggregates by device', 'random', 'group', 'heap', 20),
    ('YCSB load', 'ycsb', 'load', 'heap', 1.2),
    ('YCSB A', 'ycsb', 'A-', 'heap', 1), ('YCSB B', 'ycsb', 'B-', 'heap', 1),
    ('YCSB C', 'ycsb', 'C-', 'heap', 1), ('YCSB D', 'ycsb', 'D-', 'heap', 1),
    ('YCSB E', 'ycsb', 'E-', 'heap', 1.2), ('YCSB F', 'ycsb', 'F-', 'heap', 1),
    ('TPC-C lite', 'tpcc', 'mix-', 'heap', 0.97),
    ('HTAP: analytics beside transactions', 'htap', 'analytics-both', 'heap', 10),
)


class Found:
    """The turns of one step on one engine, as one: the median of every figure."""

    def __init__(self, entries):
        self.entries = entries
        self.last = entries[-1]
        self.good = [e for e in entries if not e.get('error')]

    def get(self, field):
        values = [e[field] for e in self.good if e.get(field) is not None]
        return statistics.median(values) if values else None

    def error(self):
        return next((e['error'] for e in self.entries if e.get('error')), None)

    def spread(self):
        """(max - min) / median of the rates, or None of a single turn."""
        rates = [e['rate'] for e in self.good if e.get('rate')]
        return (max(rates) - min(rates)) / statistics.median(rates) if len(rates) > 1 else None


class Results:
    """All measurements: results[workload, step][engine] is a Found."""

    def __init__(self, measurements, engines):
        grouped = {}
        for entry in sorted(measurements, key=lambda e: e['turn']):
            steps = grouped.setdefault((entry['workload'], entry['step']), {})
            steps.setdefault(entry['engine'], []).append(entry)
        self.engines = engines
        self.steps = {key: {engine: Found(entries) for engine, entries in found.items()}
                      for key, found in grouped.items()}

    def workloads(self):
        return [name for name in ALL if any(key[0] == name for key in self.steps)]

    def of(self, workload):
        """(step, {engine: Found}) of a workload, in order."""
        return [(key[1], found) for key, found in self.steps.items() if key[0] == workload]

    def get(self, workload, step, engine, field):
        found = self.steps.get((workload, step), {}).get(engine)
        return found.get(field) if found else None

    def comparisons(self):
        """(workload, step, figure, engine, how many times better omendb is), of all pairs that
        may be compared: pgbench is not compared with our own clients."""
        for (workload, step), found in self.steps.items():
            ours = found.get(OURS)
            for engine, other in found.items() if ours else ():
                tools = {f.last['driver'] == 'pgbench' for f in (ours, other)}
                if engine == OURS or len(tools) > 1:
                    continue
                for figure in ('rate', 'p50', 'p95', 'p99', 'bytes'):
                    mine, theirs = ours.get(figure), other.get(figure)
                    if mine and theirs:
                        ratio = mine / theirs if figure == 'rate' else theirs / mine
                        yield workload, step, figure, engine, ratio

    def answers_that_differ(self):
        for (workload, step), found in self.steps.items():
            answers = {e: f.last['answer'] for e, f in found.items() if f.last.get('answer')}
            for engine, answer in answers.items():
                first = next(iter(answers))
                if not same_answer(answers[first], answer):
                    yield workload, step, '%s answers %s; %s answers %s' % (
                        first, answers[first][:120], engine, answer[:120])


def figure(value):
    """A rate with three digits that count."""
    if value is None:
        return '–'
    return '{:,.0f}'.format(value) if value >= 100 else '%.3g' % value


def millis(value):
    return '–' if value is None else '%.3g' % (value * 1000)


def micros(value):
    return None if value is None else value * 1e6


def table(header, rows):
    lines = ['| %s |' % ' | '.join(map(str, line)) for line in [header] + rows]
    return '\n'.join(lines[:1] + ['|%s' % ('---|' * len(header))] + lines[1:])


def rate_cell(found):
    if found is None:
        return 'not run'
    return '**error**' if found.error() and not found.get('rate') else (
        figure(found.get('rate')) if found.get('rate') else 'ok') + (
            ' (errors)' if found.error() else '')


def rate_table(results, workload):
    """A row for each step. The last columns compare omendb with heap: by the rate, and by the
    server's processor time, which a busy machine disturbs less."""
    rows = []
    for step, found in results.of(workload):
        any_found = next(iter(found.values())).last
        ratio = None
        if OURS in found and BASE in found and found[BASE].get('rate') and found[OURS].get('rate'):
            ratio = found[OURS].get('rate') / found[BASE].get('rate')
        spread = max((f.spread() or 0 for f in found.values()), default=0)
        rows.append([step, any_found['title'], any_found['unit']]
                    + [rate_cell(found.get(engine)) for engine in results.engines]
                    + [ratio_text(ratio), ratio_text(cpu_ratio(found)),
                       '%d %%' % round(100 * spread) if spread else '–'])
    return table(['step', 'what', 'unit'] + results.engines
                 + ['omendb / heap', 'by CPU', 'spread'], rows)


def cpu_ratio(found):
    """Heap's processor time for an operation divided by omendb's."""
    ours, heaps = (found[e].get('cpu') if e in found else None for e in (OURS, BASE))
    return heaps / ours if ours and heaps else None


def latency_table(results, workload):
    rows = []
    for step, found in results.of(workload):
        for engine in results.engines:
            one = found.get(engine)
            if one and one.get('p99') is not None:
                rows.append([step, engine] + [millis(one.get(p)) for p in ('p50', 'p95', 'p99')]
                            + [figure(micros(one.get('cpu'))), one.last.get('operations', ''),
                               one.last.get('retries', 0),
                               one.last.get('errors', 0), one.last['driver']])
    return table(['step', 'engine', 'p50 ms', 'p95 ms', 'p99 ms', 'server CPU us', 'operations',
                  'retries', 'errors', 'driver'], rows)


def size_table(results):
    rows = [[workload, step] + [bytes_text(found[e].get('bytes')) if e in found else '–'
                                for e in results.engines]
            for (workload, step), found in results.steps.items()
            if any(f.get('bytes') for f in found.values())]
    return table(['workload', 'step'] + results.engines, rows)


def oltp_loss(results, engine):
    """The share of the transactions that an engine loses to the questions beside them."""
    alone = results.get('htap', 'oltp', engine, 'rate')
    both = results.get('htap', 'oltp-both', engine, 'rate')
    return 1 - both / alone if alone and both else None


def verdict(ok):
    return 'met' if ok else 'missed'


def target_rows(results):
    rows = []
    for what, workload, prefix, other, wanted in TARGETS:
        ratios = [(step, ratio) for w, step, name, engine, ratio in results.comparisons()
                  if w == workload and step.startswith(prefix) and name == 'rate'
                  and engine == other]
        rows += [[what, step, other, '>= %g' % wanted, ratio_text(ratio), verdict(ratio >= wanted)]
                 for step, ratio in ratios] or [
                     [what, '', other, '>= %g' % wanted, '–', 'not measured']]
    ours, heaps = oltp_loss(results, OURS), oltp_loss(results, BASE)
    if ours is not None and heaps is not None:
        rows.append(['HTAP: loss of transactions', 'oltp-both', BASE, '<= half of heap\'s',
                     '%.0f %% against %.0f %%' % (100 * ours, 100 * heaps),
                     verdict(ours <= max(heaps, 0) / 2)])
    stale = results.steps.get(('htap', 'freshness'), {}).get(OURS)
    if stale:
        rows.append(['HTAP: freshness', 'freshness', '', '0 stale',
                     stale.last.get('note', '–'), verdict(not stale.error())])
    return rows


def summary_rows(results):
    """For each workload the geometric mean of the ratios of all its rates, by engine."""
    others = [e for e in results.engines if e != OURS]
    ratios = {}
    for workload, step, name, engine, ratio in results.comparisons():
        if name == 'rate' and step != 'settle':
            ratios.setdefault((workload, engine), []).append(ratio)
    return [[workload] + [summary_cell(ratios.get((workload, engine))) for engine in others]
            for workload in results.workloads()
            if any((workload, engine) in ratios for engine in others)]


def summary_cell(ratios):
    if not ratios:
        return '–'
    better = sum(1 for ratio in ratios if ratio >= 1)
    return '%.3g (%d of %d)' % (statistics.geometric_mean(ratios), better, len(ratios))


def loss_rows(results):
    """Every figure in which another engine is better, worst first."""
    names = {'rate': 'throughput', 'bytes': 'size'}
    losses = sorted((ratio, workload, step, names.get(what, what), engine)
                    for workload, step, what, engine, ratio in results.comparisons() if ratio < 1)
    return [[workload, step, what, engine, ratio_text(ratio)]
            for ratio, workload, step, what, engine in losses]


def error_rows(results):
    rows = [[workload, step, engine, found.error(), found.last.get('errors', '')]
            for (workload, step), by_engine in results.steps.items()
            for engine, found in by_engine.items() if found.error()]
    return rows + [[workload, step, 'answers differ', text, '']
                   for workload, step, text in results.answers_that_differ()]


def note_rows(results):
    """What is to be known of single measurements."""
    return [[workload, step, engine, note]
            for (workload, step), by_engine in results.steps.items()
            for engine, found in by_engine.items()
            for note in dict.fromkeys(e['note'] for e in found.entries if e.get('note'))]


def write_csv(path, measurements):
    fields = ['workload', 'step', 'title', 'engine', 'turn', 'driver', 'rows', 'unit', 'rate',
              'operations', 'seconds', 'p50', 'p95', 'p99', 'cpu', 'retries', 'errors', 'bytes',
              'note', 'error']
    with open(path, 'w', newline='', encoding='utf-8') as out:
        writer = csv.DictWriter(out, fields, extrasaction='ignore')
        writer.writeheader()
        writer.writerows(measurements)


def color(engine, number):
    return COLORS.get(engine) or OTHER_COLORS[number % len(OTHER_COLORS)]


def gnuplot(script):
    subprocess.run(['gnuplot'], input=script, text=True, check=True, stdout=subprocess.DEVNULL)


def plot_bars(path, title, results, workload):
    """The rates of all engines, a group of bars for each step, on a logarithmic scale."""
    steps = [(step, found) for step, found in results.of(workload)
             if any(f.get('rate') for f in found.values())]
    engines = [e for e in results.engines
               if any(e in found and found[e].get('rate') for _, found in steps)]
    if not engines:
        return False
    lines = ['"%s" %s' % (step, ' '.join(
        str(found[e].get('rate') or 'NaN') if e in found else 'NaN' for e in engines))
             for step, found in steps]
    bars = ', '.join('$rates using %d%s title "%s" linecolor rgb "%s"' % (
        n + 2, ':xtic(1)' if n == 0 else '', engine, color(engine, n))
                     for n, engine in enumerate(engines))
    gnuplot('\n'.join(['$rates << END'] + lines + [
        'END', 'set terminal svg size %d,420 font "sans,12" background "white"' % (
            260 + 12 * len(steps) * (len(engines) + 1)),
        'set output "%s"' % path, 'set title "%s: operations, rows or queries a second"' % title,
        'set style data histograms', 'set style histogram clustered gap 1',
        'set style fill solid 0.9', 'set logscale y', 'set format y "%.0s%c"', 'set grid y',
        'set xtics rotate by -35',
        'set key outside right top', 'set bmargin 7', 'plot ' + bars, '']))
    return True


def plot_series(path, title, results, key):
    """Rows a second as a table grows."""
    blocks, lines = [], []
    for n, engine in enumerate(results.engines):
        found = results.steps[key].get(engine)
        series = found.last.get('series') if found else None
        if series and len(series) > 1:
            blocks += ['$s%d << END' % n] + ['%d %.6g' % tuple(p) for p in series] + ['END']
            lines.append('$s%d using ($1/1e6):2 with lines linewidth 2 linecolor rgb "%s"'
                         ' title "%s"' % (n, color(engine, n), engine))
    if not lines:
        return False
    gnuplot('\n'.join(blocks + [
        'set terminal svg size 760,420 font "sans,12" background "white"',
        'set output "%s"' % path, 'set title "%s"' % title,
        'set xlabel "million rows in the table"', 'set ylabel "rows a second"',
        'set yrange [0:*]', 'set grid',
        'set key outside right top', 'plot ' + ', '.join(lines), '']))
    return True


def plots(results, directory):
    """Draws what there is to draw. Returns {workload: [file names]}, or None without gnuplot."""
    if not shutil.which('gnuplot'):
        return None
    drawn = {}
    for workload in results.workloads():
        name = workload + '.svg'
        drawn[workload] = [name] if plot_bars(os.path.join(directory, name), ALL[workload].title,
                                              results, workload) else []
        for step, found in results.of(workload):
            if any(f.last.get('series') for f in found.values()):
                name = '%s-%s.svg' % (workload, step)
                title = '%s: %s' % (ALL[workload].title, next(iter(found.values())).last['title'])
                if plot_series(os.path.join(directory, name), title, results, (workload, step)):
                    drawn[workload].append(name)
    return drawn


def heading(about):
    return ['# Benchmark report', '', about['command'], '',
            table(['', ''], [[k, v] for k, v in about['facts'].items()]), '',
            '## Engines', '',
            'Versions are what the running engines report. Nothing is claimed about any other.', '',
            table(['engine', 'version', 'driver', '`SELECT 1` takes', 'settings'],
                  about['engines']), '']


def section(title, header, rows, otherwise):
    return ['## ' + title, '', table(header, rows) if rows else otherwise, '']


def write(directory, measurements, engines, about):
    """Writes the folder: report.md, results.csv and plots. Returns the number of errors."""
    results = Results(measurements, engines)
    write_csv(os.path.join(directory, 'results.csv'), measurements)
    drawn = plots(results, directory)
    lines = heading(about)
    lines += section('Targets', ['what', 'step', 'beside', 'wanted', 'measured', 'verdict'],
                     target_rows(results), '')
    summary = summary_rows(results)
    if summary:
        lines += ['## Summary', '', "omendb's throughput divided by another engine's: the geometric"
                  ' mean of the steps of a workload, without upkeep (settle), and in how many of them'
                  ' omendb is at least as fast.', '', table(['workload'] + ['to ' + e for e in engines if e != OURS], summary), '']
    for workload in results.workloads():
        lines += ['## ' + ALL[workload].title, '', ALL[workload].about, '',
                  rate_table(results, workload), '']
        lines += ['![%s](%s)' % (name, name) for name in (drawn or {}).get(workload, [])]
        lines += ['', latency_table(results, workload), '']
    lines += ['## Size', '', size_table(results), '']
    if drawn is None:
        lines += ['There are no plots: gnuplot is not installed.', '']
    lines += section('Where omendb loses',
                     ['workload', 'step', 'figure', 'to', 'omendb is ... times as good'],
                     loss_rows(results), 'In nothing that was measured.')
    lines += section('Notes', ['workload', 'step', 'engine', 'note'], note_rows(results), 'None.')
    errors = error_rows(results)
    lines += section('Errors', ['workload', 'step', 'engine', 'error', 'operations'], errors,
                     'None.')
    with open(os.path.join(directory, 'report.md'), 'w', encoding='utf-8') as out:
        out.write('\n'.join(lines))
    return len(errors)
