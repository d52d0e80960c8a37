"""Medians, ratios and tables."""

import csv
import statistics


class Sample:
    """One timed step: cost in seconds for each operation, WAL bytes, index bytes."""

    def __init__(self, cost, wal=None, size=None, answer=None, note=''):
        self.cost, self.wal, self.size = cost, wal, size
        self.cpu = None                 # cost in processor time of the backend
        self.answer, self.note = answer, note


class Result:
    """What one work did on one key set: the samples of every arm."""

    def __init__(self, keys, work, title, unit, target=None, wal_target=None,
                 heap_target=None, rows=0):
        self.keys, self.work, self.title, self.unit = keys, work, title, unit
        self.target, self.wal_target, self.heap_target = target, wal_target, heap_target
        self.rows = rows
        self.samples = {}
        self.error = None

    def add(self, arm, sample):
        self.samples.setdefault(arm, []).append(sample)

    def median(self, arm, field='cost'):
        values = [getattr(s, field) for s in self.samples.get(arm, [])]
        values = [v for v in values if v is not None]
        return statistics.median(values) if values else None

    def ratio(self, base, other, field='cost'):
        """The median of base divided by the median of other, or None."""
        above, below = self.median(base, field), self.median(other, field)
        return above / below if above is not None and below else None

    def net_ratio(self, base, other):
        """The ratio of what the index adds to the bare heap."""
        heap = self.median('heap')
        if heap is None or self.median(base) is None or self.median(other) is None:
            return None
        return (self.median(base) - heap) / max(self.median(other) - heap, 1e-9)

    def spread(self):
        """The widest (max - min) / median among the arms."""
        widest = 0.0
        for arm in self.samples:
            costs = [s.cost for s in self.samples[arm]]
            widest = max(widest, (max(costs) - min(costs)) / self.median(arm))
        return widest


def bytes_text(value):
    if value is None:
        return '-'
    for unit in ('B', 'kB', 'MB'):
        if value < 10000:
            return ('%d %s' if unit != 'MB' or value >= 100 else '%.1f %s') % (value, unit)
        value /= 1024.0
    return '%.1f GB' % value


def cost_text(cost, unit):
    if cost is None:
        return '-'
    if unit == 'size':
        return bytes_text(cost)
    if unit == 'us':
        return '%.2f us' % (cost * 1e6)
    return '%.3f s' % cost if cost < 10 else '%.1f s' % cost


def ratio_text(ratio):
    return '-' if ratio is None else '%.2f' % ratio


def draw(header, rows):
    """A plain table; the first two columns are text, the others are numbers."""
    widths = [max(len(str(r[i])) for r in [header] + rows) for i in range(len(header))]

    def line(cells):
        return '  '.join(str(c).ljust(w) if i < 2 else str(c).rjust(w)
                         for i, (c, w) in enumerate(zip(cells, widths))).rstrip()
    return '\n'.join([line(header), line(['-' * w for w in widths])] + [line(r) for r in rows])


def verdicts(result, base, other):
    """Pairs (text, passed) for each target of a result."""
    found = []
    ratio = result.ratio(base, other)
    if ratio is not None and result.target:
        found.append(('>= %gx' % result.target, ratio >= result.target))
    wal = result.ratio(other, base, 'wal')
    if wal is not None and result.wal_target:
        found.append(('WAL <= %gx' % result.wal_target, round(wal, 2) <= result.wal_target))
    heap = result.ratio(other, 'heap')
    if heap is not None and result.heap_target:
        found.append(('<= %gx heap' % result.heap_target, heap <= result.heap_target))
    return found


def table(results, base, other):
    """The table of one or more key sets. Ratio: cost of base / cost of other."""
    header = ['keys', 'work', 'heap only', base, other, 'ratio', 'CPU ratio', 'net', 'spread',
              'WAL ' + base, 'WAL ' + other, 'WAL ratio', 'target', 'verdict']
    rows = []
    for res in results:
        if res.error:
            rows.append([res.keys, res.title] + ['-'] * 11 + ['ERROR'])
            continue
        found = verdicts(res, base, other)
        rows.append([
            res.keys, res.title, cost_text(res.median('heap'), res.unit),
            cost_text(res.median(base), res.unit), cost_text(res.median(other), res.unit),
            ratio_text(res.ratio(base, other)), ratio_text(res.ratio(base, other, 'cpu')),
            ratio_text(res.net_ratio(base, other)), '%d%%' % round(100 * res.spread()),
            bytes_text(res.median(base, 'wal')), bytes_text(res.median(other, 'wal')),
            ratio_text(res.ratio(other, base, 'wal')),
            ', '.join(text for text, _ in found),
            ', '.join('pass' if ok else 'miss' for _, ok in found)])
    return draw(header, rows)


def model_table(results, on, off):
    """What the model is worth: cost without it / cost with it."""
    rows = [[res.keys, res.title, cost_text(res.median(off), res.unit),
             cost_text(res.median(on), res.unit), ratio_text(res.ratio(off, on))]
            for res in results
            if res.median(off) is not None and not res.error and res.unit != 'size']
    return draw(['keys', 'work', 'model off', 'model on', 'off / on'], rows)


CSV_HEADER = ['keys', 'work', 'rows', 'arm', 'unit', 'median', 'min', 'max', 'samples',
              'cpu', 'wal_bytes', 'index_bytes',
              'ratio', 'cpu_ratio', 'wal_ratio', 'targets', 'verdicts', 'error']


def csv_rows(result, base, other):
    if result.error:
        yield [result.keys, result.work, result.rows] + [''] * 14 + [result.error]
        return
    for arm, samples in result.samples.items():
        costs = [s.cost for s in samples]
        found = verdicts(result, base, arm) if arm == other else []
        yield [result.keys, result.work, result.rows, arm,
               'bytes' if result.unit == 'size' else 'seconds',
               '%.9g' % statistics.median(costs), '%.9g' % min(costs), '%.9g' % max(costs),
               len(costs), result.median(arm, 'cpu'), result.median(arm, 'wal'),
               result.median(arm, 'size'), ratio_text(result.ratio(base, arm)),
               ratio_text(result.ratio(base, arm, 'cpu')), ratio_text(result.ratio(arm, base, 'wal')),
               '; '.join(text for text, _ in found),
               '; '.join('pass' if ok else 'miss' for _, ok in found), '']


def write_csv(path, results, base, other):
    with open(path, 'w', newline='', encoding='utf-8') as out:
        writer = csv.writer(out)
        writer.writerow(CSV_HEADER)
        for result in results:
            writer.writerows(csv_rows(result, base, other))
