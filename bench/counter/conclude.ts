/**
 * What the rows of the family `counter` say, in sentences. Costs are compared by CPU time, which is steady also where
 * the machine has other things to do; rounds of all cases are taken in shuffled turns. Waiting is told apart.
 */
import { median } from 'simple-statistics';
import { showBytes } from '../../src/config/values.ts';
import type { Row } from '../core/row.ts';

/** From this on the lazy counter counts as cheap as none, percent over tracking off. */
const CLOSE_PCT = 10;

export function concludeCounter(rows: readonly Row[]): string | null {
  const counts = [...new Set(rows.map((r) => Number(r.settings['sessions'])))].toSorted((a, b) => a - b);
  const parts = counts.map((n) =>
    concludeSessions(
      n,
      rows.filter((r) => r.settings['sessions'] === n),
    ),
  );
  const said = parts.filter((p) => p !== '');
  if (said.length === 0) return null;
  return said.join('\n');
}

interface Cost {
  readonly chunk: number;
  /** CPU time of a pair, ns. */
  readonly cost: number;
  readonly row: Row;
}

function concludeSessions(sessions: number, rows: readonly Row[]): string {
  const lazy = rows
    .filter((r) => r.contender === 'lazy')
    .map((row): Cost => ({ chunk: chunkOf(row), cost: costOf(row), row }))
    .toSorted((a, b) => a.chunk - b.chunk);
  const off = costOfContender(rows, 'tracking-off');
  if (lazy.length === 0) return '';
  const lines: string[] = [];
  const who = `${sessions} session${sessions === 1 ? '' : 's'}`;
  if (off !== null) {
    const over = (c: Cost): number => (c.cost / off - 1) * 100;
    const all = lazy.map((c) => `${signed(over(c))} % at ${showBytes(c.chunk)}`).join(', ');
    lines.push(
      `${who}: over the ${off.toFixed(1)} ns of CPU time of a pair with tracking off, the lazy counter costs ${all}. ${closeFrom(lazy, over)}`,
    );
  }
  const rivals = (['latch', 'atomic-64', 'atomic-32'] as const).flatMap((name) => {
    const cost = costOfContender(rows, name);
    const label = {
      latch: 'a latch on each',
      'atomic-64': 'an atomic add on each',
      'atomic-32': 'the bare add',
    };
    return cost === null ? [] : [{ label: label[name], cost }];
  });
  const [base] = lazy.toSorted((a, b) => distance(a.chunk) - distance(b.chunk));
  if (rivals.length > 0) {
    const said = rivals
      .map(({ label, cost }) => `${label} ${(cost / base.cost).toFixed(2)} times`)
      .join(', ');
    lines.push(`  Against the lazy counter at ${showBytes(base.chunk)}, ${said} its CPU time.`);
  }
  const latched = rows.find((r) => r.contender === 'latch');
  if (latched !== undefined) {
    lines.push(
      `  For each allocation, LOCK_global_conn_mem_limit is waited for ${waitOf(latched)} with the latch on each, ` +
        `${waitOf(base.row)} with the lazy counter.`,
    );
  }
  lines.push(`  Its price: Global_connection_memory is ahead of what is in use by ${priceOf(lazy)}.`);
  return lines.join('\n');
}

/** MySQL's default chunk is what the rivals are held against, or the nearest. */
const distance = (chunk: number): number => Math.abs(Math.log(chunk / 8912));

function closeFrom(lazy: readonly Cost[], over: (c: Cost) => number): string {
  // From this chunk on means: at all larger ones as well.
  const from = lazy.findIndex((_, i) => lazy.slice(i).every((c) => over(c) <= CLOSE_PCT));
  if (from < 0) return `It does not come within ${CLOSE_PCT} % at any chunk size measured.`;
  const { chunk } = lazy[from];
  return from === 0
    ? `It is within ${CLOSE_PCT} % at every chunk size measured.`
    : `It is within ${CLOSE_PCT} % from ${showBytes(chunk)} on.`;
}

function priceOf(lazy: readonly Cost[]): string {
  const parts = lazy.map(({ chunk, row }) => {
    const ahead = row.extra['ahead of the truth, bytes'];
    const { mean, max } = typeof ahead === 'object' && ahead !== null ? ahead : { mean: null, max: null };
    return `${kib(mean)} on average and ${kib(max)} at most at ${showBytes(chunk)}`;
  });
  const used = lazy.map(({ row }) => row.extra['in use, bytes']).filter((v) => typeof v === 'number');
  const inUse = used.length === 0 ? '' : ` (in use: ${kib(median(used))})`;
  return parts.join('; ') + inUse;
}

const chunkOf = (row: Row): number => Number(row.settings['connection_memory_chunk_size']);

const figure = (row: Row, name: string): number => {
  const value = row.extra[name];
  return typeof value === 'number' ? value : NaN;
};

const costOf = (row: Row): number => figure(row, 'CPU time of a pair, ns');
const waitOf = (row: Row): string => `${figure(row, 'wait for it, ns an allocation').toFixed(0)} ns`;

/** In a sweep of chunk sizes a rival is there once for each. */
function costOfContender(rows: readonly Row[], name: string): number | null {
  const costs = rows.filter((r) => r.contender === name).map(costOf);
  return costs.length === 0 ? null : median(costs);
}

const signed = (pct: number): string => `${pct < 0 ? '−' : '+'}${Math.abs(pct).toFixed(0)}`;

const kib = (bytes: number | null | undefined): string =>
  typeof bytes === 'number' ? `${Math.round(bytes / 1024).toLocaleString('en')} KiB` : '?';
