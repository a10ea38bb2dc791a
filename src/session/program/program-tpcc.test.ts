import { describe, expect, it } from 'vitest';
import { SESSION } from '../../layout/session.ts';
import type { Program } from './program.ts';
import { PROGRAM } from './program-run.ts';
import { changedParts, changesOf, levels, PAGES, run } from './program-runs-test-kit.ts';
import { planTables, type Table } from './program-tables.ts';
import { ProgramKit } from './program-test-kit.ts';
import { tpcc } from '../programs/tpcc.ts';

describe('tpcc', () => {
  const program = tpcc();
  const tree = levels(program);
  const alone = (name: string): Program => ({
    ...program,
    transactions: program.transactions.filter((t) => t.name === name),
  });
  const h = tree;

  it('a new order touches its pages, and has 5 to 15 lines', () => {
    const n = 200;
    const { kit } = run(alone('new order'), n);
    const counts = kit.counts();
    // Each line reads an item and its stock.
    const lines = ((counts.pointRead ?? 0) - 3 * n) / 2;
    expect(lines / n).toBeCloseTo(10, 0);
    expect(counts).toEqual({
      begin: n,
      commit: n,
      pointRead: 3 * n + 2 * lines,
      update: n + lines,
      insert: 2 * n + lines,
    });
    const order = 1 + h.customer + 1 + 1 + h.orders + h['orders.customer'] + h.new_order;
    const gets = n * order + lines * (h.item + 2 * h.stock + h.order_line);
    // With the first row of a leaf a page more is touched, the one before it.
    expect(kit.gets() - gets).toBeGreaterThanOrEqual(0);
    expect(kit.gets() - gets).toBeLessThanOrEqual(2 + Math.ceil(lines / 170));
  });

  it('a line of an order takes its item from the stock of that item', () => {
    const kit = new ProgramKit({ pages: PAGES, programs: [alone('new order')] });
    kit.connect();
    const stock = planTables(program.tables, PAGES).find((t) => t.name === 'stock')?.rows ?? 0;
    const rows: number[] = [];
    while (kit.command() === PROGRAM.more) rows.push(kit.mem[kit.sessions[0] + SESSION.at.scratch + 2]);
    // Seven statements, then four for each line: item, stock twice, order line.
    for (let i = 7; i + 2 < rows.length; i += 4) {
      expect(rows.slice(i + 1, i + 3)).toEqual([rows[i] % stock, rows[i] % stock]);
    }
    expect(rows.length).toBeGreaterThan(7 + 4 * 4);
  });

  it.each([
    ['payment by number', 2 * h.customer],
    ['payment by name', h['customer.name'] + 2 * h.customer],
  ])('%s touches its pages', (name, customer) => {
    const { kit, gets, changes } = run(alone(name), 100);
    // Warehouse and district are read and updated; three names may lie on two leaves, and history may need a new one.
    const least = 4 + customer + h.history;
    expect(gets).toBeGreaterThanOrEqual(least);
    expect(gets).toBeLessThan(least + 0.1);
    expect(changes).toBeGreaterThanOrEqual(4);
    expect(kit.counts().insert).toBe(100);
  });

  it('a delivery goes to ten districts, a stock level over 200 lines', () => {
    expect(run(alone('delivery'), 5).kit.counts()).toMatchObject({ delete: 50, rangeRead: 50, update: 150 });
    const stock = run(alone('stock level'), 40);
    // 200 lines on leaves of 170, 150 to 200 rows of stock.
    const lines = h.order_line + 1 + 29 / 170;
    expect(Math.abs(stock.gets / (1 + lines + 175 * h.stock) - 1)).toBeLessThan(0.05);
  });

  it('deliveries go through the oldest orders and their lines in their order, on a few pages', () => {
    const n = 20;
    const { kit } = run(alone('delivery'), n);
    const tables = planTables(program.tables, PAGES);
    const home = Math.floor(kit.sessions[0] / SESSION.words) % 4;
    for (const [name, most] of [
      ['orders', 10 * n],
      ['order_line', 10 * n * 15],
    ] as const) {
      const table = tables.find((t) => t.name === name);
      if (table === undefined) throw new Error(name);
      const { base, pages, clustered } = table;
      const leaves = clustered.first[clustered.levels - 1];
      const changed = changesOf(kit, table)
        .slice(home * pages, (home + 1) * pages)
        .flatMap((times, page) => (times > 0 ? [page - leaves] : []));
      // One after the other, from the first leaf on.
      expect(changed, `${name} @${base}`).toEqual(changed.map((_, i) => i));
      expect(changed.length).toBeLessThanOrEqual(Math.ceil(most / clustered.rowsPerPage) + 1);
    }
  });

  it('15 % of the payments and 1 % of the order lines go to other warehouses; all else stays at home', () => {
    const payments = run(alone('payment by number'), 300).kit;
    const tables = planTables(program.tables, PAGES);
    const table = (name: string): Table => {
      const found = tables.find((t) => t.name === name);
      if (found === undefined) throw new Error(name);
      return found;
    };
    const home = Math.floor(payments.sessions[0] / SESSION.words) % 4;
    const remote = (kit: ProgramKit, name: string): number => 1 - changedParts(kit, table(name))[home];
    expect(remote(payments, 'warehouse')).toBe(0);
    expect(remote(payments, 'history')).toBe(0);
    expect(Math.abs(remote(payments, 'customer') - 0.15)).toBeLessThan(0.06);
    const orders = run(alone('new order'), 150).kit;
    expect(remote(orders, 'order_line')).toBe(0);
    expect(Math.abs(remote(orders, 'stock') - 0.01)).toBeLessThan(0.01);
    expect(changedParts(orders, table('item'))[0]).toBeNaN();
  });

  it('sessions go round the warehouses', () => {
    const kit = new ProgramKit({ pages: PAGES, programs: [alone('payment by number')] });
    const [warehouse] = planTables(program.tables, PAGES);
    const homes = kit.sessions.map((_, seat) => {
      kit.connect(seat);
      const before = changesOf(kit, warehouse);
      kit.transactions(1, seat);
      const after = changesOf(kit, warehouse);
      return after.findIndex((n, i) => n > before[i]);
    });
    expect(new Set(homes)).toEqual(new Set([0, 1, 2, 3]));
  });

  it('has the mix of the standard', () => {
    const weights = program.transactions.map((t) => t.weight ?? 1);
    expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(100);
    expect(weights).toEqual([45, 43 * 0.6, 43 * 0.4, 4 * 0.6, 4 * 0.4, 4, 4]);
  });
});
