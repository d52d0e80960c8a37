"""Processes of a server on this machine: what they have used, and stopping them for a while."""

import os
import signal
import time


def family(pid):
    """[(process, clock ticks used)] of a process and its living descendants, parents first. The
    ticks include those of children that have ended."""
    used, children = {}, {}
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/stat' % name, encoding='ascii', errors='replace') as stat:
                fields = stat.read().rpartition(')')[2].split()
        except OSError:
            continue                    # it has just ended
        used[int(name)] = sum(map(int, fields[11:15]))
        children.setdefault(int(fields[1]), []).append(int(name))
    found = [pid]
    for one in found:                   # grows while it is read
        found += children.get(one, [])
    return [(one, used.get(one, 0)) for one in found]


def processor_time(pid):
    """Seconds that a process, its living descendants and those who ended have used; or None. A
    descendant that ends while it is counted may be missed: the largest of three counts is right."""
    if pid is None:
        return None
    counts = []
    for _ in range(3):
        counts.append(sum(ticks for _, ticks in family(pid)) / os.sysconf('SC_CLK_TCK'))
        time.sleep(0.02)
    return max(counts)


def send(pid, number):
    """A signal to a process and its descendants; None: to nobody."""
    for one, _ in family(pid) if pid is not None else ():
        try:
            os.kill(one, number)
        except ProcessLookupError:
            pass                        # it has just ended


def pause(pid):
    """They stand still until resume(). Twice, for a child that was just being made."""
    send(pid, signal.SIGSTOP)
    send(pid, signal.SIGSTOP)


def resume(pid):
    send(pid, signal.SIGCONT)
