"""
Random statements of the oracle test. Each function returns SQL text with {t} in the place of the table's name.
"""

MODES = {
    'default': '',
    'index': 'SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off',
    'index only': 'SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = on',
    'index only by row': 'SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = on; '
                         'SET omendb.columnar_aggregate = off',
    'plain index': 'SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off',
    'bitmap': 'SET enable_seqscan = off; SET enable_indexscan = off; SET enable_indexonlyscan = off',
    'parallel': 'SET enable_seqscan = off; SET enable_bitmapscan = off; SET parallel_setup_cost = 0; '
                'SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0',
    'parallel bitmap': 'SET enable_seqscan = off; SET enable_indexscan = off; SET enable_indexonlyscan = off; '
                       'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; '
                       'SET min_parallel_index_scan_size = 0',
    'merge join': 'SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; '
                  'SET enable_nestloop = off; SET enable_sort = off',
    'nested loop': 'SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; '
                   'SET enable_mergejoin = off; SET enable_memoize = off; SET enable_material = off',
}

# For omendb tables: indexes are out of the way, so that a query reads columns, or rows alone.
COLUMN_MODES = {
    'columns': 'SET omendb.columnar_scan = force; SET enable_indexscan = off; SET enable_bitmapscan = off',
    'parallel columns': 'SET omendb.columnar_scan = force; SET enable_indexscan = off; SET enable_bitmapscan = off; '
                        'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0',
    'rows': 'SET enable_indexscan = off; SET enable_bitmapscan = off; SET omendb.columnar_scan = off',
}
reset_columns = ''                              # set when omendb tables are tested
COLUMN_MODE_CHOICE = ['columns'] * 20 + ['parallel columns'] * 4 + ['rows']

# Workers take long to start: fewer parallel queries.
MODE_CHOICE = [name for name in MODES for _ in range(1 if 'parallel' in name else 4)]

RESET = ('SET enable_seqscan = on; SET enable_bitmapscan = on; SET enable_sort = on; SET enable_indexonlyscan = on; '
         'SET enable_indexscan = on; SET enable_hashjoin = on; SET enable_nestloop = on; SET enable_mergejoin = on; '
         'SET enable_memoize = on; SET enable_material = on; SET parallel_setup_cost = 1000; SET parallel_tuple_cost = 0.1; '
         'SET min_parallel_table_scan_size = 1024; SET min_parallel_index_scan_size = 64; '
         'SET omendb.columnar_aggregate = on')


def mode_sql(name):
    return '; '.join(part for part in (RESET, reset_columns, MODES.get(name) or COLUMN_MODES.get(name)) if part)


def column_names(shape):
    return ', '.join(['id', 'owner'] + [c.name for c in shape.columns])


def row_literal(rng, shape, row_id, owner):
    return '(%s)' % ', '.join([str(row_id), str(owner)] + [c.literal(rng, row_id) for c in shape.columns])


def bulk_select(rng, shape, first_id, count, owner):
    """A SELECT that makes `count` rows from generate_series, in one of three orders."""
    number = '%d + g' % first_id
    order = rng.choice(['', '', ' ORDER BY 3', ' ORDER BY 3 DESC'])
    exprs = ', '.join('%s AS %s' % (c.bulk(rng, number), c.name) for c in shape.columns)
    return 'SELECT %d + g, %d, %s FROM generate_series(0, %d) g%s' % (first_id, owner, exprs, count - 1, order)


OPERATORS = ['<', '<=', '=', '=', '=', '>=', '>']


def condition(rng, column, serial):
    """One condition on one key column."""
    name, cast = column.name, column.type.cast()
    collate = ' COLLATE "C"' if column.type.like else ''
    dice = rng.random()
    if dice < 0.35:
        return '%s %s %s' % (name, rng.choice(OPERATORS), column.probe(rng, serial))
    if dice < 0.45 and column.type.cross:
        other = rng.choice(column.type.cross)
        value = column.probe(rng, serial)
        if other in ('int2', 'int4'):
            value = '(%d)::%s' % (rng.randrange(-5, 32768 if other == 'int2' else 1 << 30), other)
            return '%s %s %s' % (name, rng.choice(OPERATORS), value)
        return '%s %s %s::%s' % (name, rng.choice(OPERATORS), value, other)
    if dice < 0.60:
        return '%s %s %s AND %s %s %s' % (name, rng.choice(['>', '>=']), column.probe(rng, serial), name, rng.choice(['<', '<=']),
                                          column.probe(rng, serial))
    if dice < 0.78 and '[]' not in cast:
        items = [column.probe(rng, serial) for _ in range(rng.choice([0, 1, 2, 3, 8, 40]))]
        if rng.random() < 0.2:
            items.append('NULL')
        operator = '=' if rng.random() < 0.85 else rng.choice(['<', '<=', '>', '>='])
        return '%s %s ANY (ARRAY[%s]::%s[])' % (name, operator, ', '.join(items), cast)
    if dice < 0.86:
        return '%s IS NULL' % name
    if dice < 0.91:
        return '%s IS NOT NULL' % name
    if dice < 0.93 and column.type.like:
        return "%s LIKE '%s%%'%s" % (name, rng.choice(['k', 'k1', '0000', '00000a', 'z']), collate)
    if dice < 0.95:
        return '%s %s NULL::%s' % (name, rng.choice(OPERATORS), cast)
    return '%s %s (SELECT %s)' % (name, rng.choice(OPERATORS), column.probe(rng, serial))


def row_comparison(rng, shape, serial):
    """(c1, c2) > (x, y) over the leading columns."""
    chosen = shape.columns[:rng.randrange(1, len(shape.columns)) + 1]
    return '(%s) %s (%s)' % (', '.join(c.name for c in chosen), rng.choice(['<', '<=', '>', '>=']),
                             ', '.join(c.probe(rng, serial) for c in chosen))


def where(rng, shape, serial):
    """One to three AND-ed conditions, sometimes an OR, sometimes nothing."""
    if rng.random() < 0.06:
        return 'true'
    if len(shape.columns) > 1 and rng.random() < 0.1:
        return row_comparison(rng, shape, serial)
    index = rng.choice(shape.indexes)
    columns = [key.column for key in index.keys][:rng.choice([1, 1, 2, 3])]
    if rng.random() < 0.2:
        columns.append(rng.choice(shape.columns))
    parts = [condition(rng, column, serial) for column in columns]
    if index.where and rng.random() < 0.8:
        parts.append(index.where)
    if index.keys[0].expression != index.keys[0].column.name and rng.random() < 0.7:
        expression = index.keys[0].expression
        parts[0] = '%s = (SELECT %s FROM (SELECT %s AS %s) s)' % (
            expression, expression, index.keys[0].column.probe(rng, serial), index.keys[0].column.name)
    text = ' AND '.join(parts)
    if rng.random() < 0.1:
        text = '(%s) OR (%s)' % (text, condition(rng, columns[0], serial))
    return text


def query_rows(rng, shape, serial):
    items = ', '.join(['id', 'payload'] + [c.type.text(c.name) for c in shape.columns])
    return 'SELECT %s FROM {t} WHERE %s' % (items, where(rng, shape, serial)), False


def query_ordered(rng, shape, serial):
    index = rng.choice(shape.indexes)
    limit = rng.choice(['', ' LIMIT 1', ' LIMIT 7', ' LIMIT 20 OFFSET 3', ' LIMIT 500'])
    condition_text = where(rng, shape, serial) if rng.random() < 0.6 else index.where or 'true'
    return 'SELECT %s FROM {t} WHERE %s ORDER BY %s%s' % (
        index.key_text(), condition_text, index.order_by(rng.random() < 0.5), limit), True


def query_count(rng, shape, serial):
    return 'SELECT count(*) FROM {t} WHERE %s' % where(rng, shape, serial), False


def query_minmax(rng, shape, serial):
    usable = [c for c in shape.columns if c.type.minmax]
    if not usable:
        return query_count(rng, shape, serial)
    column = rng.choice(usable)
    items = ', '.join(column.type.text('%s(%s)' % (f, column.name)) for f in rng.choice([['min'], ['max'], ['min', 'max']]))
    tail = ' WHERE ' + where(rng, shape, serial) if rng.random() < 0.4 else ''
    return 'SELECT %s FROM {t}%s' % (items, tail), False


def query_group(rng, shape, serial):
    column = rng.choice(shape.columns)
    return 'SELECT %s, n FROM (SELECT %s, count(*) AS n FROM {t} WHERE %s GROUP BY 1) s' % (
        column.type.text(column.name), column.name, where(rng, shape, serial)), False


def query_distinct(rng, shape, serial):
    column = rng.choice(shape.columns)
    return 'SELECT %s FROM (SELECT DISTINCT %s FROM {t}) s' % (column.type.text(column.name), column.name), False


def query_join(rng, shape, serial):
    column = rng.choice(shape.columns)
    low, high = sorted([rng.randrange(serial + 1), rng.randrange(serial + 1)])
    span = 60 if column.dist in ('dup', 'small', 'skew') or column.type.narrow else 400
    return ('SELECT count(*), sum(x.id * 31 + y.id) FROM {t} x JOIN {t} y ON x.%s = y.%s WHERE x.id BETWEEN %d AND %d '
            'AND y.id BETWEEN %d AND %d' % (column.name, column.name, low, low + span, high, high + span)), False


def query_lookup(rng, shape, serial):
    column = rng.choice(shape.columns)
    values = ', '.join('(%s)' % column.probe(rng, serial) for _ in range(rng.choice([2, 5, 20])))
    kind = rng.random()
    if kind < 0.5:
        return ('SELECT count(t.id), sum(t.id) FROM (VALUES %s) v (x) JOIN {t} t ON t.%s = v.x' % (values, column.name)), False
    if kind < 0.75:
        return ('SELECT count(*) FROM (VALUES %s) v (x) WHERE %sEXISTS (SELECT FROM {t} t WHERE t.%s = v.x)' % (
            values, rng.choice(['', 'NOT ']), column.name)), False
    direction = rng.choice([('>=', 'ASC'), ('<=', 'DESC'), ('<', 'DESC'), ('>', 'ASC')])
    return ('SELECT n FROM (VALUES %s) v (x), LATERAL (SELECT %s AS n FROM {t} t WHERE t.%s %s v.x ORDER BY t.%s %s LIMIT 2) l' % (
        values, column.type.text('t.' + column.name), column.name, direction[0], column.name, direction[1])), False


def query_lock(rng, shape, serial):
    return 'SELECT id FROM {t} WHERE (%s) AND owner = {owner} FOR %s' % (
        where(rng, shape, serial), rng.choice(['UPDATE', 'SHARE', 'NO KEY UPDATE'])), False


QUERIES = [(query_rows, 6), (query_ordered, 8), (query_count, 4), (query_minmax, 2), (query_group, 2), (query_distinct, 1),
           (query_join, 2), (query_lookup, 4), (query_lock, 1)]


def query(rng, shape, serial):
    """A random query and whether its row order is part of the answer."""
    function = rng.choices([q for q, _ in QUERIES], [w for _, w in QUERIES])[0]
    return function(rng, shape, serial)


def update_key(rng, shape, owner, serial):
    """An UPDATE that changes a key column of some rows of one owner; of one row where a unique rule could fail midway."""
    column = rng.choice(shape.columns)
    if shape.hard_unique:
        return 'UPDATE {t} SET %s = %s WHERE id = %d AND owner = %d' % (
            column.name, column.literal(rng, serial), rng.randrange(serial + 1), owner)
    pick = rng.choice(['(%s)' % where(rng, shape, serial), 'id %% %d = 0' % rng.choice([2, 3, 7, 50]), 'id = %d' % rng.randrange(serial + 1)])
    value = rng.choice([column.bulk(rng, 'id'), column.literal(rng, serial)])
    return 'UPDATE {t} SET %s = %s WHERE owner = %d AND %s' % (column.name, value, owner, pick)


def update_payload(rng, shape, owner, serial):
    return 'UPDATE {t} SET payload = payload + 1 WHERE owner = %d AND (%s)' % (owner, where(rng, shape, serial))


def delete(rng, shape, owner, serial):
    low = rng.randrange(serial + 1)
    pick = rng.choice(['id %% %d = %d' % (rng.choice([2, 3, 10]), rng.randrange(2)), 'id BETWEEN %d AND %d' % (low, low + 500),
                       '(%s)' % where(rng, shape, serial), 'id = %d' % low, 'true'])
    return 'DELETE FROM {t} WHERE owner = %d AND %s' % (owner, pick)
