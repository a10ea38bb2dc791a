/** For tests of programs: a program run for so many transactions, its tables, and where its changes went. */
import { expect } from 'vitest';
import type { Program, Step } from './program.ts';
import { planTables, type Table } from './program-tables.ts';
import { ProgramKit } from './program-test-kit.ts';

export const PAGES = 4000;
export const UNIFORM = { kind: 'uniform' } as const;

/** Levels of a program's indexes: `customer`, `customer.name`. */
export function levels(program: Program, pages = PAGES): Record<string, number> {
  const out: Record<string, number> = {};
  for (const t of planTables(program.tables, pages)) {
    out[t.name] = t.clustered.levels;
    t.indexNames.forEach((name, i) => (out[`${t.name}.${name}`] = t.indexes[i].levels));
  }
  return out;
}

interface Run {
  readonly kit: ProgramKit;
  /** Page gets and statements per transaction. */
  readonly gets: number;
  readonly statements: number;
  readonly changes: number;
}

export function run(program: Program, transactions: number, pages = PAGES): Run {
  const kit = new ProgramKit({ pages, programs: [program] });
  kit.connect();
  const statements = kit.transactions(transactions) / transactions;
  const r = {
    kit,
    statements,
    gets: kit.gets() / transactions,
    changes: kit.ledgerSum() / transactions,
  };
  expect(kit.held()).toBe(0);
  kit.close();
  expect(kit.liveBlocks()).toBe(0);
  return r;
}

/** A program of one transaction with these steps, on the run's pages. */
export const one = (...steps: Step[]): Program => ({
  name: 'one',
  doc: 'one',
  transactions: [{ name: 'one', steps }],
});

/** Shares of the changes that each of several tables has. */
export function changedParts(kit: ProgramKit, { base, pages, count }: Table): number[] {
  const { ledger } = kit.envs[0].pages;
  const sums = Array.from({ length: count }, (_, part) => {
    let sum = 0;
    for (let page = 0; page < pages; page++) sum += kit.mem[ledger + base + part * pages + page];
    return sum;
  });
  const total = sums.reduce((a, b) => a + b, 0);
  return sums.map((sum) => sum / total);
}

export function changesOf(kit: ProgramKit, { base, pages, count }: Table): number[] {
  const { ledger } = kit.envs[0].pages;
  return Array.from({ length: pages * count }, (_, i) => kit.mem[ledger + base + i]);
}
