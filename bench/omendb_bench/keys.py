"""Key sets, easy and hard. Each is a function of (count, generator), and the
generator is seeded, so a run can be repeated exactly.

A key set yields keys in the order in which they are inserted: the ordered
sets (serial, wiki, uuid7) as time brings them, every other one shuffled."""

import numpy as np

INT8_MAX = 2**63 - 1


class KeySet:
    """Name, SQL type (with collation), generator, and whether order is time."""

    def __init__(self, name, sqltype, generate, ordered=False, about=''):
        self.name = name
        self.sqltype = sqltype
        self.generate = generate
        self.ordered = ordered
        self.about = about


def uniform(count, rng):
    return rng.integers(0, INT8_MAX, count, dtype=np.int64)


def serial(count, rng):
    return np.arange(1, count + 1, dtype=np.int64)


def lognormal(count, rng):
    return (np.exp(rng.normal(0.0, 2.0, count)) * 2.0**40).astype(np.int64)


def wiki(count, rng):
    """Edit times in seconds: Poisson arrivals whose rate changes every thousand
    edits, so that bursts put many edits into one second."""
    blocks = count // 1000 + 1
    mean_gap = np.exp(rng.uniform(np.log(0.05), np.log(8.0), blocks))
    gaps = rng.exponential(1.0, count) * np.repeat(mean_gap, 1000)[:count]
    return (979_000_000 + np.cumsum(gaps)).astype(np.int64)


def spread_bits(value):
    """Put a zero bit between the low 31 bits of each value."""
    value = value.astype(np.uint64) & np.uint64(0x7FFFFFFF)
    for shift, mask in ((16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF),
                        (4, 0x0F0F0F0F0F0F0F0F), (2, 0x3333333333333333),
                        (1, 0x5555555555555555)):
        value = (value | (value << np.uint64(shift))) & np.uint64(mask)
    return value


def osm(count, rng):
    """Morton codes of points around 2,000 cities of very unequal size."""
    weight = rng.pareto(1.0, 2000) + 0.05
    city = rng.choice(2000, count, p=weight / weight.sum())
    width = np.exp(rng.uniform(np.log(1e-5), np.log(1e-2), 2000))
    codes = []
    for _axis in range(2):
        centre = rng.uniform(0.02, 0.98, 2000)
        at = centre[city] + rng.standard_normal(count) * width[city]
        codes.append(spread_bits((np.clip(at, 0.0, 1.0) * (2**31 - 1)).astype(np.int64)))
    return (codes[0] | (codes[1] << np.uint64(1))).astype(np.int64)


def fb(count, rng):
    """Identifiers with heavy-tailed gaps, and 20 values near the end of int8."""
    gaps = 1 + np.minimum(rng.pareto(1.1, count) * 50.0, 1e9).astype(np.int64)
    keys = np.cumsum(gaps)
    outliers = min(20, count)
    keys[-outliers:] = INT8_MAX - rng.integers(0, 2**60, outliers)
    return keys[rng.permutation(count)]


def genome(count, rng):
    """Runs of dense identifiers, about 500 long, far from each other."""
    starts = rng.random(count) < 1.0 / 500.0
    jump = np.exp(rng.normal(16.0, 2.0, count)).astype(np.int64)
    gaps = np.where(starts, jump, rng.integers(1, 3, count))
    return np.cumsum(gaps)[rng.permutation(count)]


def dup(count, rng):
    """1,000 distinct keys; one of them stands in a million rows (a fifth of a
    small set), the others share the rest evenly."""
    distinct = rng.integers(0, INT8_MAX, 1000, dtype=np.int64)
    keys = distinct[rng.integers(1, 1000, count)]
    keys[:min(1_000_000, count // 5)] = distinct[0]
    return keys[rng.permutation(count)]


def hex_rows(raw, digits):
    """Rows of bytes as fixed-length lower-case hexadecimal strings."""
    text = raw.tobytes().hex()
    return [text[i:i + digits] for i in range(0, len(text), digits)]


def uuid4(count, rng):
    raw = rng.integers(0, 256, (count, 16), dtype=np.uint8)
    raw[:, 6] = (raw[:, 6] & 0x0F) | 0x40
    raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80
    return hex_rows(raw, 32)


def uuid7(count, rng):
    """Time-ordered UUIDs, about 20 in each millisecond, random inside it."""
    raw = rng.integers(0, 256, (count, 16), dtype=np.uint8)
    millis = 1_700_000_000_000 + np.cumsum(rng.random(count) < 0.05).astype(np.int64)
    for byte in range(6):
        raw[:, byte] = (millis >> (8 * (5 - byte))) & 0xFF
    raw[:, 6] = (raw[:, 6] & 0x0F) | 0x70
    raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80
    return hex_rows(raw, 32)


def text(count, rng):
    """Text of a hash, as md5() gives it: 32 hexadecimal digits."""
    return hex_rows(rng.integers(0, 256, (count, 16), dtype=np.uint8), 32)


def text_prefix(count, rng):
    """Names that share long prefixes: 50 tenants, then a hashed part."""
    tail = hex_rows(rng.integers(0, 256, (count, 6), dtype=np.uint8), 12)
    tenant = rng.integers(0, 50, count).tolist()
    return ['tenant-%04d/customer/order-%s' % pair for pair in zip(tenant, tail)]


ALL = {ks.name: ks for ks in (
    KeySet('uniform', 'int8', uniform, about='random over 0 .. 2^63'),
    KeySet('serial', 'int8', serial, ordered=True, about='dense, ascending'),
    KeySet('lognormal', 'int8', lognormal, about='exp(normal(0, 2))'),
    KeySet('wiki', 'int8', wiki, ordered=True, about='seconds with bursts and duplicates'),
    KeySet('osm', 'int8', osm, about='Morton codes of city clusters'),
    KeySet('fb', 'int8', fb, about='heavy-tailed gaps and 20 outliers'),
    KeySet('genome', 'int8', genome, about='runs of dense identifiers'),
    KeySet('dup', 'int8', dup, about='1,000 distinct keys, one a million times'),
    KeySet('uuid4', 'uuid', uuid4, about='random UUIDs'),
    KeySet('uuid7', 'uuid', uuid7, ordered=True, about='time-ordered UUIDs'),
    KeySet('text', 'text COLLATE "C"', text,
           about='32 hexadecimal digits, C collation'),
    KeySet('text-prefix', 'text COLLATE "C"', text_prefix,
           about='long common prefixes, C collation'),
    KeySet('text-icu', 'text COLLATE "en-x-icu"', text,
           about='32 hexadecimal digits, ICU collation'),
)}


def choose(names):
    """The key sets of a comma-separated list, or all of them."""
    if names == 'all':
        return list(ALL.values())
    unknown = [n for n in names.split(',') if n not in ALL]
    if unknown:
        raise SystemExit('unknown key set %s; there are: %s, all'
                         % (', '.join(unknown), ', '.join(ALL)))
    return [ALL[n] for n in names.split(',')]


def as_list(keys):
    return keys.tolist() if isinstance(keys, np.ndarray) else keys


def write_copy_file(path, keys, rng, chunk=1_000_000):
    """Write rows (k, v) in COPY's text format; v is random."""
    with open(path, 'w', encoding='ascii') as out:
        for start in range(0, len(keys), chunk):
            part = as_list(keys[start:start + chunk])
            values = rng.integers(0, 2**31, len(part)).tolist()
            out.write('\n'.join(map('%s\t%d'.__mod__, zip(part, values))))
            out.write('\n')


def write_probe_file(path, keys, name, wanted, rng):
    """Write rows (id, k) of existing keys to look for, in random order. Of the
    duplicate set only so many distinct keys that about as many rows match."""
    if name == 'dup':
        distinct, counts = np.unique(keys, return_counts=True)
        take = rng.permutation(len(distinct))
        enough = int(np.searchsorted(np.cumsum(counts[take]), 2 * wanted)) + 1
        part = distinct[take[:enough]].tolist()
    elif isinstance(keys, np.ndarray):
        part = keys[rng.integers(0, len(keys), wanted)].tolist()
    else:
        part = [keys[i] for i in rng.integers(0, len(keys), wanted).tolist()]
    with open(path, 'w', encoding='ascii') as out:
        out.write('\n'.join(map('%d\t%s'.__mod__, enumerate(part, 1))))
        out.write('\n')
    return len(part)
