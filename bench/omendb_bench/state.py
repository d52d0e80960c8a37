"""What was measured, kept in a file as it is measured: an interrupted run goes on from there."""

import json
import os


class State:
    """Measurements in a file of JSON lines. The first line says which run it is."""

    def __init__(self, path, run):
        """Raises ValueError when the file belongs to a run with other parameters."""
        self.path, self.run = path, run
        self.found = {}
        if os.path.exists(path):
            self.read()
        else:
            self.append(run)

    def read(self):
        with open(self.path, encoding='utf-8') as lines:
            entries = [json.loads(line) for line in lines if line.endswith('\n')]
        if entries and entries[0] != self.run:
            differ = sorted(k for k in set(entries[0]) | set(self.run)
                            if entries[0].get(k) != self.run.get(k))
            raise ValueError('%s is of a run with another %s' % (self.path, ', '.join(differ)))
        for entry in entries[1:]:
            self.found[self.key(entry)] = entry
        self.rewrite()

    def rewrite(self):
        """Without a line that was cut off when the machine stopped."""
        with open(self.path + '.new', 'w', encoding='utf-8') as out:
            for entry in [self.run] + list(self.found.values()):
                out.write(json.dumps(entry) + '\n')
        os.replace(self.path + '.new', self.path)

    @staticmethod
    def key(entry):
        return entry['workload'], entry['step'], entry['engine'], entry['turn']

    def append(self, entry):
        with open(self.path, 'a', encoding='utf-8') as out:
            out.write(json.dumps(entry) + '\n')
            out.flush()
            os.fsync(out.fileno())

    def add(self, entry):
        self.found[self.key(entry)] = entry
        self.append(entry)

    def finished(self, workload, step, engine, turn):
        """Whether this has been measured; what failed is tried again."""
        entry = self.found.get((workload, step, engine, turn))
        return entry is not None and not entry.get('error')

    def measurements(self):
        return list(self.found.values())
