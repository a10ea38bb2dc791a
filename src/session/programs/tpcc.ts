/**
 * A mix like TPC-C's, in pages: each warehouse has pages of its own, items are shared and only read. Sessions have a home
 * warehouse. Tables have the sizes that they have to each other in a full database, scaled to the run's data files.
 */
import type { Distribution } from '../program/distributions.ts';
import type {
  Block,
  IndexSpec,
  KeySpec,
  PartSpec,
  Program,
  Step,
  TableSpec,
  Where,
} from '../program/program.ts';

export interface TpccOptions {
  /** Default 4. */
  readonly warehouses?: number;
}

/** Pages of a full warehouse, and of the items; rows and node pointers on a page. */
const SIZES = {
  item: { pages: 667, rowsPerPage: 150, fanOut: 1130 },
  customer: { pages: 1480, rowsPerPage: 22, fanOut: 800, byName: { rowsPerPage: 330, fanOut: 300 } },
  stock: { pages: 2174, rowsPerPage: 46, fanOut: 800 },
  orders: { pages: 170, rowsPerPage: 280, fanOut: 700, byCustomer: { rowsPerPage: 600, fanOut: 550 } },
  newOrder: { pages: 28, rowsPerPage: 650, fanOut: 700 },
  orderLine: { pages: 1765, rowsPerPage: 170, fanOut: 650 },
  history: { pages: 150, rowsPerPage: 200, fanOut: 1100 },
} as const;
const DISTRICTS = 10;

function tables(warehouses: number): readonly TableSpec[] {
  return [
    { name: 'warehouse', count: warehouses, pages: 1 },
    { name: 'district', count: warehouses, pages: 1, rowsPerPage: DISTRICTS },
    {
      name: 'item',
      weight: SIZES.item.pages,
      rowsPerPage: SIZES.item.rowsPerPage,
      fanOut: SIZES.item.fanOut,
    },
    sized('customer', warehouses, SIZES.customer, { name: 'name', ...SIZES.customer.byName }),
    sized('stock', warehouses, SIZES.stock),
    // Three of ten orders wait for their delivery: rows are added in front of where they are taken.
    {
      ...sized('orders', warehouses, SIZES.orders, { name: 'customer', ...SIZES.orders.byCustomer }),
      loaded: 0.3,
    },
    { ...sized('new_order', warehouses, SIZES.newOrder), loaded: 0.5 },
    { ...sized('order_line', warehouses, SIZES.orderLine), loaded: 0.3 },
    sized('history', warehouses, SIZES.history),
  ];
}

function sized(
  name: string,
  warehouses: number,
  size: { readonly pages: number; readonly rowsPerPage: number; readonly fanOut: number },
  ...indexes: readonly IndexSpec[]
): TableSpec {
  const { pages, rowsPerPage, fanOut } = size;
  return { name, count: warehouses, weight: pages * warehouses, rowsPerPage, fanOut, indexes };
}

/** 2.1.6: items 8191, customers 1023, last names 255. */
const EVEN: Distribution = { kind: 'uniform' };
const ITEM: Distribution = { kind: 'nurand', a: 8191 };
const CUSTOMER: Distribution = { kind: 'nurand', a: 1023 };
const NAME: Distribution = { kind: 'nurand', a: 255 };

const at = (table: string, key: KeySpec = EVEN, part: PartSpec = 'home'): Where => ({ table, part, key });
const read = (where: Where): Step => ({ kind: 'pointRead', where });
const update = (where: Where): Step => ({ kind: 'update', where });
const append = (table: string): Step => ({ kind: 'insert', where: at(table, 'append') });
const again = (table: string): Where => at(table, 'same', 'same');

/** Percent of order lines from another warehouse, and of payments of customers who belong to one. */
const REMOTE_LINES = { remotePct: 1 } as const;
const REMOTE_PAYMENTS = { remotePct: 15 } as const;
/** Lines of an order. */
const LINES = [5, 15] as const;
/** Customers with one last name. */
const SAME_NAME = 3;

/** 60 % of customers are found by their last names: all who have it, then the one in the middle. */
const byName = (part: PartSpec): readonly Step[] => [
  { kind: 'rangeRead', rows: SAME_NAME, where: { ...at('customer', NAME, part), by: 'name' } },
  read(again('customer')),
];
const byNumber = (part: PartSpec): readonly Step[] => [read(at('customer', CUSTOMER, part))];

const NEW_ORDER: readonly (Step | Block)[] = [
  read(at('warehouse')),
  read(at('customer', CUSTOMER)),
  read(at('district')),
  update(again('district')),
  append('orders'),
  append('new_order'),
  {
    times: LINES,
    steps: [
      read({ table: 'item', key: ITEM }),
      read(at('stock', 'same', REMOTE_LINES)),
      update(again('stock')),
      append('order_line'),
    ],
  },
];

const payment = (customer: readonly Step[]): readonly (Step | Block)[] => [
  update(at('warehouse')),
  read(again('warehouse')),
  update(at('district')),
  read(again('district')),
  ...customer,
  update(again('customer')),
  append('history'),
];

const orderStatus = (customer: readonly Step[]): readonly (Step | Block)[] => [
  ...customer,
  { kind: 'pointRead', where: { ...at('orders'), by: 'customer' } },
  { kind: 'rangeRead', rows: LINES, where: at('order_line') },
];

const DELIVERY: readonly (Step | Block)[] = [
  {
    times: DISTRICTS,
    steps: [
      { kind: 'delete', where: at('new_order', 'oldest') },
      read(at('orders', 'oldest')),
      update(again('orders')),
      { kind: 'rangeRead', rows: LINES, where: at('order_line', 'oldest') },
      { kind: 'update', rows: LINES, where: again('order_line') },
      update(at('customer', CUSTOMER)),
    ],
  },
];

/** The lines of the last 20 orders, and the stock of what they ordered. */
const STOCK_LEVEL: readonly (Step | Block)[] = [
  read(at('district')),
  { kind: 'rangeRead', rows: 200, where: at('order_line', { kind: 'latest' }) },
  { kind: 'pointRead', rows: [150, 200], where: at('stock', ITEM) },
];

/** The mix: percent of the transactions. */
const MIX: readonly (readonly [name: string, weight: number, steps: readonly (Step | Block)[]])[] = [
  ['new order', 45, NEW_ORDER],
  ['payment by name', 43 * 0.6, payment(byName(REMOTE_PAYMENTS))],
  ['payment by number', 43 * 0.4, payment(byNumber(REMOTE_PAYMENTS))],
  ['order status by name', 4 * 0.6, orderStatus(byName('home'))],
  ['order status by number', 4 * 0.4, orderStatus(byNumber('home'))],
  ['delivery', 4, DELIVERY],
  ['stock level', 4, STOCK_LEVEL],
];

const PREPARED_BYTES = 3000;

export function tpcc({ warehouses = 4 }: TpccOptions = {}): Program {
  return {
    name: 'tpcc',
    doc: `like TPC-C: ${warehouses} warehouses, 45 % new orders, 43 % payments, 4 % each of order status, delivery, stock level`,
    tables: tables(warehouses),
    prepared: PREPARED_BYTES,
    transactions: MIX.map(([name, weight, steps]) => ({
      name,
      weight,
      steps: [{ kind: 'begin' }, ...steps, { kind: 'commit' }],
    })),
  };
}
