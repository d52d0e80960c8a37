"""Generated event rows: devices that report values over time, slightly out of order."""

import numpy as np

DEVICES = 1000
EPOCH_2000 = 946_684_800 * 1_000_000
START = np.datetime64('2024-01-01T00:00:00', 'us')


def event_columns(count, rng):
    """Device, time in microseconds since START, random key, value."""
    device = rng.integers(1, DEVICES + 1, count, dtype=np.int32)
    arrival = np.cumsum(rng.exponential(100_000.0, count))
    delay = rng.exponential(500_000.0, count)
    key = rng.integers(0, 2**63 - 1, count, dtype=np.int64)
    value = np.round(rng.normal(20.0, 5.0, count), 2)
    return device, (arrival + delay).astype(np.int64), key, value


def write_events(path, count, seed, chunk=1_000_000):
    """Rows (device, ts, key, value) in COPY's text format."""
    device, micros, key, value = event_columns(count, np.random.default_rng(seed))
    with open(path, 'w', encoding='ascii') as out:
        for at in range(0, count, chunk):
            part = slice(at, at + chunk)
            stamps = np.datetime_as_string(START + micros[part]).tolist()
            rows = zip(device[part].tolist(), stamps, key[part].tolist(), value[part].tolist())
            out.write('\n'.join(map('%d\t%s+00\t%d\t%s'.__mod__, rows)))
            out.write('\n')


def write_events_binary(path, count, seed, chunk=1_000_000):
    """Rows (id uuid, device, ts, key, value) in COPY's binary format: quick to make."""
    rng = np.random.default_rng(seed)
    device, micros, key, value = event_columns(count, rng)
    micros = micros + (START.astype(np.int64) - EPOCH_2000)
    fields = (('id', '16u1'), ('device', '>i4'), ('ts', '>i8'), ('key', '>i8'), ('value', '>f8'))
    layout = [('fields', '>i2')]
    for name, kind in fields:
        layout += [('length_' + name, '>i4'), (name, kind)]
    with open(path, 'wb') as out:
        out.write(b'PGCOPY\n\xff\r\n\0' + bytes(8))
        for at in range(0, count, chunk):
            rows = np.zeros(min(chunk, count - at), dtype=np.dtype(layout))
            rows['fields'] = len(fields)
            for name, _ in fields:
                rows['length_' + name] = rows.dtype[name].itemsize
            raw = rng.integers(0, 256, (len(rows), 16), dtype=np.uint8)
            raw[:, 6] = (raw[:, 6] & 0x0F) | 0x40
            raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80
            rows['id'] = raw
            for name, column in (('device', device), ('ts', micros), ('key', key),
                                 ('value', value)):
                rows[name] = column[at:at + chunk]
            rows.tofile(out)
        out.write(b'\xff\xff')
