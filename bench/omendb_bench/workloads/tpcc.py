"""TPC-C lite: the nine tables and five transactions in their standard mix, without think times
and terminals. Money is counted in cents and rates in hundredths of a percent, so that sums are
exact on every engine."""

import time

import numpy as np

from ..engines import Rollback, Table
from .base import BATCH, Broken, Step, Workload

WAREHOUSE = Table('warehouse', 'w_id int, w_name text(10), w_tax int, w_ytd bigint', key='w_id')
DISTRICT = Table('district', 'd_w_id int, d_id int, d_name text(10), d_tax int, d_ytd bigint,'
                 'd_next_o_id int', key='d_w_id, d_id')
CUSTOMER = Table('customer', 'c_w_id int, c_d_id int, c_id int, c_first text(16), c_last text(16),'
                 'c_credit text(2), c_discount int, c_balance bigint, c_ytd_payment bigint,'
                 'c_payments int, c_deliveries int, c_data text(200)', key='c_w_id, c_d_id, c_id',
                 indexes=['c_w_id, c_d_id, c_last, c_first'])
HISTORY = Table('history', 'h_c_id int, h_c_d_id int, h_c_w_id int, h_d_id int, h_w_id int,'
                'h_date time, h_amount bigint, h_data text(24)')
NEW_ORDER = Table('new_order', 'no_w_id int, no_d_id int, no_o_id int',
                  key='no_w_id, no_d_id, no_o_id')
ORDERS = Table('orders', 'o_w_id int, o_d_id int, o_id int, o_c_id int, o_entry_d time,'
               'o_carrier_id int?, o_ol_cnt int, o_all_local int', key='o_w_id, o_d_id, o_id',
               indexes=['o_w_id, o_d_id, o_c_id, o_id'])
ORDER_LINE = Table('order_line', 'ol_w_id int, ol_d_id int, ol_o_id int, ol_number int,'
                   'ol_i_id int, ol_supply_w_id int, ol_delivery_d time?, ol_quantity int,'
                   'ol_amount bigint, ol_dist_info text(24)',
                   key='ol_w_id, ol_d_id, ol_o_id, ol_number')
ITEM = Table('item', 'i_id int, i_name text(24), i_price int, i_data text(50)', key='i_id')
STOCK = Table('stock', 's_w_id int, s_i_id int, s_quantity int, s_dist text(24), s_ytd bigint,'
              's_order_cnt int, s_remote_cnt int, s_data text(50)', key='s_w_id, s_i_id')

MIX = {'new-order': 0.45, 'payment': 0.43, 'order-status': 0.04, 'delivery': 0.04,
       'stock-level': 0.04}
DISTRICTS = 10
UNDELIVERED = 0.3                       # of the orders that are loaded
SYLLABLES = 'BAR OUGHT ABLE PRI PRES ESE ANTI CALLY ATION EING'.split()
START = np.datetime64('2024-01-01', 'us').astype(np.int64)

CONDITIONS = (
    ('the year-to-date of a warehouse is the sum of its districts\'',
     'SELECT count(*) FROM (SELECT w_id FROM warehouse JOIN district ON d_w_id = w_id'
     ' GROUP BY w_id, w_ytd HAVING w_ytd <> sum(d_ytd)) AS x'),
    ('the next order of a district follows its last order',
     'SELECT count(*) FROM (SELECT d_w_id FROM district JOIN orders ON o_w_id = d_w_id AND'
     ' o_d_id = d_id GROUP BY d_w_id, d_id, d_next_o_id HAVING d_next_o_id <> max(o_id) + 1) AS x'),
    ('new orders of a district have no gaps',
     'SELECT count(*) FROM (SELECT no_w_id FROM new_order GROUP BY no_w_id, no_d_id'
     ' HAVING max(no_o_id) - min(no_o_id) + 1 <> count(*)) AS x'),
    ('orders of a district have no gaps',
     'SELECT count(*) FROM (SELECT o_w_id FROM orders GROUP BY o_w_id, o_d_id'
     ' HAVING max(o_id) <> count(*)) AS x'),
    ('an order has as many lines as it says',
     'SELECT count(*) FROM (SELECT o_id FROM orders LEFT JOIN order_line ON ol_w_id = o_w_id AND'
     ' ol_d_id = o_d_id AND ol_o_id = o_id GROUP BY o_w_id, o_d_id, o_id, o_ol_cnt'
     ' HAVING o_ol_cnt <> count(ol_number)) AS x'),
    ('an order has no carrier as long as it is new',
     'SELECT count(*) FROM orders LEFT JOIN new_order ON no_w_id = o_w_id AND no_d_id = o_d_id AND'
     ' no_o_id = o_id WHERE (o_carrier_id IS NULL AND no_o_id IS NULL)'
     ' OR (o_carrier_id IS NOT NULL AND no_o_id IS NOT NULL)'),
    ('a line is delivered when its order is',
     'SELECT count(*) FROM order_line JOIN orders ON o_w_id = ol_w_id AND o_d_id = ol_d_id AND'
     ' o_id = ol_o_id WHERE (o_carrier_id IS NULL AND ol_delivery_d IS NOT NULL)'
     ' OR (o_carrier_id IS NOT NULL AND ol_delivery_d IS NULL)'),
    ('the year-to-date of a district is the sum of its payments',
     'SELECT count(*) FROM district JOIN (SELECT h_w_id, h_d_id, sum(h_amount) AS paid FROM history'
     ' GROUP BY h_w_id, h_d_id) AS h ON h_w_id = d_w_id AND h_d_id = d_id WHERE d_ytd <> paid'),
    ('what a customer owes and has paid is what was delivered',
     'SELECT count(*) FROM customer LEFT JOIN (SELECT o_w_id, o_d_id, o_c_id, sum(ol_amount) AS due'
     ' FROM orders JOIN order_line ON ol_w_id = o_w_id AND ol_d_id = o_d_id AND ol_o_id = o_id'
     ' WHERE ol_delivery_d IS NOT NULL GROUP BY o_w_id, o_d_id, o_c_id) AS d'
     ' ON o_w_id = c_w_id AND o_d_id = c_d_id AND o_c_id = c_id'
     ' WHERE c_balance + c_ytd_payment <> coalesce(due, 0)'),
    ('what was sold of an item is what was taken from the stock',
     'SELECT count(*) FROM stock LEFT JOIN (SELECT ol_supply_w_id, ol_i_id,'
     ' sum(ol_quantity) AS sold FROM order_line WHERE ol_o_id > {loaded}'
     ' GROUP BY ol_supply_w_id, ol_i_id) AS o'
     ' ON ol_supply_w_id = s_w_id AND ol_i_id = s_i_id WHERE s_ytd <> coalesce(sold, 0)'),
)


def last_name(number):
    return ''.join(SYLLABLES[number // place % 10] for place in (100, 10, 1))


class Size:
    """How many rows a warehouse brings; the standard's figures unless the run is a quick one."""

    def __init__(self, plan):
        self.warehouses = plan.warehouses
        self.items, self.customers = plan.items, plan.customers
        self.orders = plan.customers    # of a district, one a customer
        self.new_from = int(self.orders * (1 - UNDELIVERED)) + 1


class Loader:
    """Makes the rows that the tables begin with, as columns."""

    def __init__(self, size, engine, seed):
        self.size, self.engine = size, engine
        self.rng = np.random.default_rng(seed)

    def drawn(self, low, high, count):
        return self.rng.integers(low, high + 1, count).tolist()

    def words(self, length, count):
        """Text of one length."""
        letters = self.rng.integers(97, 123, (count, length), dtype=np.uint8).tobytes().decode()
        return [letters[i:i + length] for i in range(0, count * length, length)]

    def places(self):
        """(warehouse, district) of every district."""
        return [(w, d) for w in range(1, self.size.warehouses + 1)
                for d in range(1, DISTRICTS + 1)]

    def warehouse(self):
        size = self.size.warehouses
        paid = DISTRICTS * self.size.customers * 1000
        yield [list(range(1, size + 1)), self.words(8, size), self.drawn(0, 2000, size),
               [paid] * size]

    def district(self):
        places = self.places()
        count = len(places)
        yield [[w for w, _ in places], [d for _, d in places], self.words(8, count),
               self.drawn(0, 2000, count), [self.size.customers * 1000] * count,
               [self.size.orders + 1] * count]

    def item(self):
        count = self.size.items
        yield [list(range(1, count + 1)), self.words(14, count), self.drawn(100, 10000, count),
               self.words(26, count)]

    def stock(self):
        count = self.size.items
        for w in range(1, self.size.warehouses + 1):
            yield [[w] * count, list(range(1, count + 1)), self.drawn(10, 100, count),
                   self.words(24, count), [0] * count, [0] * count, [0] * count,
                   self.words(26, count)]

    def customer(self):
        """Everybody has paid ten once, and owes what of the loaded orders is delivered: nothing."""
        count = self.size.customers
        for w, d in self.places():
            names = [last_name(n if n < 1000 else int(self.rng.integers(0, 1000)))
                     for n in range(count)]
            credit = ['BC' if bad else 'GC' for bad in (self.rng.random(count) < 0.1).tolist()]
            yield [[w] * count, [d] * count, list(range(1, count + 1)), self.words(12, count),
                   names, credit, self.drawn(0, 5000, count), [-1000] * count, [1000] * count,
                   [1] * count, [0] * count, self.words(150, count)]

    def history(self):
        count = self.size.customers
        for w, d in self.places():
            yield [list(range(1, count + 1)), [d] * count, [w] * count, [d] * count, [w] * count,
                   self.engine.times(np.full(count, START)), [1000] * count, self.words(18, count)]

    def new_order(self):
        numbers = list(range(self.size.new_from, self.size.orders + 1))
        for w, d in self.places():
            yield [[w] * len(numbers), [d] * len(numbers), numbers]

    def lines_of(self, place):
        """How many lines the orders of a district have: the same for both tables."""
        rng = np.random.default_rng([place[0], place[1]])
        return rng.integers(5, 16, self.size.orders)

    def orders(self):
        count = self.size.orders
        entered = self.engine.times(START + np.arange(count) * 1_000_000)
        for w, d in self.places():
            carriers = [c if n < self.size.new_from else None
                        for n, c in enumerate(self.drawn(1, 10, count), 1)]
            yield [[w] * count, [d] * count, list(range(1, count + 1)),
                   (self.rng.permutation(count) + 1).tolist(), entered, carriers,
                   self.lines_of((w, d)).tolist(), [1] * count]

    def order_line(self):
        """Delivered lines of the load cost nothing, as in the standard."""
        for w, d in self.places():
            lines = self.lines_of((w, d))
            orders = np.repeat(np.arange(1, self.size.orders + 1), lines)
            count = len(orders)
            fresh = orders >= self.size.new_from
            stamps = self.engine.times(START + orders * 1_000_000)
            amounts = np.where(fresh, self.rng.integers(1, 999999, count), 0)
            yield [[w] * count, [d] * count, orders.tolist(),
                   np.concatenate([np.arange(1, n + 1) for n in lines]).tolist(),
                   self.drawn(1, self.size.items, count), [w] * count,
                   [None if new else stamp for new, stamp in zip(fresh.tolist(), stamps)],
                   [5] * count, amounts.tolist(), self.words(24, count)]


class TpccClient:
    """A terminal that does one transaction after the other, of the standard mix."""

    def __init__(self, workload, session, number):
        self.session, self.engine = session, workload.engine
        self.size = workload.size
        self.rng = np.random.default_rng([workload.plan.seed, number, workload.round])
        self.lock = self.engine.for_update
        self.home = number % self.size.warehouses + 1
        self.names = self.rng.choice(list(MIX), 10_000, p=list(MIX.values())).tolist()
        self.done = 0

    def __call__(self):
        name = self.names[self.done % len(self.names)]
        self.done += 1
        getattr(self, name.replace('-', '_'))()
        return name

    def drawn(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def skewed(self, bits, low, high):
        """The standard's non-uniform choice: some are chosen far more often."""
        return (self.drawn(0, bits) | self.drawn(low, high)) % (high - low + 1) + low

    def a_customer(self):
        return self.skewed(1023, 1, self.size.customers)

    def an_item(self):
        return self.skewed(8191, 1, self.size.items)

    def now(self):
        return self.engine.times(np.array([time.time_ns() // 1000]))[0]

    def new_order(self):
        items = [(self.an_item(), self.home, self.drawn(1, 10)) for _ in range(self.drawn(5, 15))]
        items = sorted({item: (item, supplier, quantity)
                        for item, supplier, quantity in items}.values())
        if self.size.warehouses > 1 and self.drawn(1, 100) == 1:
            other = self.home % self.size.warehouses + 1
            items[0] = (items[0][0], other, items[0][2])
        if self.drawn(1, 100) == 1:
            items.append((self.size.items + 1, self.home, 1))
        district, customer = self.drawn(1, DISTRICTS), self.a_customer()
        self.session.transaction(lambda s: self.order(s, district, customer, items))

    def order(self, session, district, customer, items):
        home = self.home
        (w_tax,), = session.run('SELECT w_tax FROM warehouse WHERE w_id = ?', (home,))
        (d_tax, number), = session.run('SELECT d_tax, d_next_o_id FROM district WHERE d_w_id = ?'
                                       ' AND d_id = ?' + self.lock, (home, district))
        session.run('UPDATE district SET d_next_o_id = ? WHERE d_w_id = ? AND d_id = ?',
                    (number + 1, home, district))
        (discount,), = session.run('SELECT c_discount FROM customer WHERE c_w_id = ? AND c_d_id = ?'
                                   ' AND c_id = ?', (home, district, customer))
        local = int(all(supplier == home for _, supplier, _ in items))
        session.insert(ORDERS, (home, district, number, customer, self.now(), None, len(items),
                                local))
        session.insert(NEW_ORDER, (home, district, number))
        rate = (10000 + w_tax + d_tax) * (10000 - discount)
        for line, (item, supplier, quantity) in enumerate(items, 1):
            self.order_line(session, (home, district, number, line), item, supplier, quantity, rate)

    def order_line(self, session, key, item, supplier, quantity, rate):
        price = session.run('SELECT i_price FROM item WHERE i_id = ?', (item,))
        if not price:
            raise Rollback()
        (stock, info), = session.run('SELECT s_quantity, s_dist FROM stock WHERE s_w_id = ?'
                                     ' AND s_i_id = ?' + self.lock, (supplier, item))
        left = stock - quantity if stock >= quantity + 10 else stock - quantity + 91
        session.run('UPDATE stock SET s_quantity = ?, s_ytd = s_ytd + ?,'
                    ' s_order_cnt = s_order_cnt + 1, s_remote_cnt = s_remote_cnt + ?'
                    ' WHERE s_w_id = ? AND s_i_id = ?',
                    (left, quantity, int(supplier != key[0]), supplier, item))
        amount = quantity * price[0][0] * rate // 10**8
        session.insert(ORDER_LINE, key + (item, supplier, None, quantity, amount, info))

    def customer_of(self, session, district):
        """By number, or in six of ten cases the middle one of those with a last name."""
        if self.drawn(1, 100) > 60:
            return self.a_customer()
        name = last_name(self.skewed(255, 0, min(999, self.size.customers - 1)))
        rows = session.run('SELECT c_id FROM customer WHERE c_w_id = ? AND c_d_id = ?'
                           ' AND c_last = ? ORDER BY c_first', (self.home, district, name))
        return rows[len(rows) // 2][0]

    def payment(self):
        district, amount = self.drawn(1, DISTRICTS), self.drawn(100, 500000)
        self.session.transaction(lambda s: self.pay(s, district, amount))

    def pay(self, session, district, amount):
        home = self.home
        session.run('UPDATE warehouse SET w_ytd = w_ytd + ? WHERE w_id = ?', (amount, home))
        session.run('UPDATE district SET d_ytd = d_ytd + ? WHERE d_w_id = ? AND d_id = ?',
                    (amount, home, district))
        customer = self.customer_of(session, district)
        key = (home, district, customer)
        session.run('UPDATE customer SET c_balance = c_balance - ?,'
                    ' c_ytd_payment = c_ytd_payment + ?, c_payments = c_payments + 1'
                    ' WHERE c_w_id = ? AND c_d_id = ? AND c_id = ?', (amount, amount) + key)
        (credit, data), = session.run('SELECT c_credit, c_data FROM customer WHERE c_w_id = ?'
                                      ' AND c_d_id = ? AND c_id = ?', key)
        if credit == 'BC':
            note = '%d %d %d %d ' % (customer, district, home, amount)
            session.update(CUSTOMER, key, 'c_data', (note + data)[:200])
        session.insert(HISTORY, (customer, district, home, district, home, self.now(), amount,
                                 'payment'))

    def order_status(self):
        self.session.transaction(self.look_at_order, write=False)

    def look_at_order(self, session):
        district = self.drawn(1, DISTRICTS)
        customer = self.customer_of(session, district)
        found = session.run('SELECT o_id, o_carrier_id FROM orders WHERE o_w_id = ? AND o_d_id = ?'
                            ' AND o_c_id = ? ORDER BY o_id DESC LIMIT 1',
                            (self.home, district, customer))
        if found and not session.run(
                'SELECT ol_i_id, ol_quantity, ol_amount, ol_delivery_d FROM order_line'
                ' WHERE ol_w_id = ? AND ol_d_id = ? AND ol_o_id = ?',
                (self.home, district, found[0][0])):
            raise Broken('order %d has no lines' % found[0][0])

    def delivery(self):
        carrier = self.drawn(1, 10)
        self.session.transaction(lambda s: self.deliver_all(s, carrier))

    def deliver_all(self, session, carrier):
        """The oldest new order of each district; of two at once the second waits."""
        session.run('SELECT w_tax FROM warehouse WHERE w_id = ?' + self.lock, (self.home,))
        for district in range(1, DISTRICTS + 1):
            oldest = session.run('SELECT no_o_id FROM new_order WHERE no_w_id = ? AND no_d_id = ?'
                                 ' ORDER BY no_o_id LIMIT 1', (self.home, district))
            if oldest:
                self.deliver(session, carrier, (self.home, district, oldest[0][0]))

    def deliver(self, session, carrier, key):
        session.run('DELETE FROM new_order WHERE no_w_id = ? AND no_d_id = ? AND no_o_id = ?', key)
        (customer,), = session.run('SELECT o_c_id FROM orders WHERE o_w_id = ? AND o_d_id = ?'
                                   ' AND o_id = ?', key)
        session.update(ORDERS, key, 'o_carrier_id', carrier)
        session.run('UPDATE order_line SET ol_delivery_d = ? WHERE ol_w_id = ? AND ol_d_id = ?'
                    ' AND ol_o_id = ?', (self.now(),) + key)
        (due,), = session.run('SELECT sum(ol_amount) FROM order_line WHERE ol_w_id = ?'
                              ' AND ol_d_id = ? AND ol_o_id = ?', key)
        session.run('UPDATE customer SET c_balance = c_balance + ?,'
                    ' c_deliveries = c_deliveries + 1 WHERE c_w_id = ? AND c_d_id = ? AND c_id = ?',
                    (int(due), key[0], key[1], customer))

    def stock_level(self):
        self.session.transaction(self.count_low_stock, write=False)

    def count_low_stock(self, session):
        district = self.drawn(1, DISTRICTS)
        (last,), = session.run('SELECT d_next_o_id FROM district WHERE d_w_id = ? AND d_id = ?',
                               (self.home, district))
        session.run('SELECT count(DISTINCT s_i_id) FROM order_line JOIN stock ON s_w_id = ol_w_id'
                    ' AND s_i_id = ol_i_id WHERE ol_w_id = ? AND ol_d_id = ? AND ol_o_id >= ?'
                    ' AND ol_o_id < ? AND s_quantity < ?',
                    (self.home, district, last - 20, last, self.drawn(10, 20)))


class TpcC(Workload):
    name = 'tpcc'
    title = 'TPC-C lite'
    about = ('The five transactions in the standard mix (45 % new orders), no think time, one home '
             'warehouse a client. The consistency conditions are checked when all is done.')
    tables = (WAREHOUSE, DISTRICT, CUSTOMER, HISTORY, NEW_ORDER, ORDERS, ORDER_LINE, ITEM, STOCK)

    def __init__(self, plan, engine):
        super().__init__(plan, engine)
        self.size = Size(plan)
        self.loaded = 0
        self.round = 0                  # so that no two steps draw the same numbers

    def settled_rows(self):
        return self.loaded

    def steps(self):
        return self.load_steps() + [
            Step('mix-%d' % count, 'the mix, %d client%s' % (count, 's' if count > 1 else ''),
                 lambda session, count=count: self.mix(count), 'transactions/s')
            for count in sorted({1, self.plan.clients})] + [self.consistency_step()]

    def load_steps(self):
        return [Step('load', 'load of %d warehouse%s' % (
            self.size.warehouses, 's' if self.size.warehouses > 1 else ''), self.load, 'rows/s',
                     prepares=True), self.settle_step()]

    def consistency_step(self):
        return Step('consistency', 'consistency conditions', self.consistent, '')

    def load(self, session):
        self.create(session)
        loader = Loader(self.size, self.engine, self.plan.seed)
        seconds, self.loaded = 0.0, 0
        for table in self.tables:
            found = self.ingest(session, table, chunks(getattr(loader, table.name)()), 0)
            seconds += found['seconds']
            self.loaded += found['operations']
        return {'operations': self.loaded, 'seconds': seconds, 'rate': self.loaded / seconds}

    def mix(self, count):
        self.round += 1
        return self.clients(lambda session, number: TpccClient(self, session, number),
                            count).measurement()

    def consistent(self, session):
        return self.conditions(session, [
            (text, sql.replace('{loaded}', str(self.size.orders))) for text, sql in CONDITIONS])


def chunks(batches):
    """Columns cut into pieces of at most BATCH rows."""
    for columns in batches:
        for start in range(0, len(columns[0]), BATCH):
            yield [column[start:start + BATCH] for column in columns]
