/** What the rows of the family `numa` say: how the price of distance adds up, against what arithmetic says it should. */
import { linearRegression, median } from 'simple-statistics';
import type { Row } from '../core/row.ts';

/** Interleaving that loses no more than this is called free, percent. */
const FREE_PCT = 10;

export function concludeNuma(rows: readonly Row[]): string | null {
  if (rows.length === 0) return null;
  const shapes = [...new Set(rows.map(shapeOf))];
  return [
    ...shapes.flatMap((shape) => {
      const mine = rows.filter((r) => shapeOf(r) === shape);
      const said = ['interleaved', 'remote'].flatMap((placement) => concludePlacement(placement, mine));
      return said.length === 0 ? [] : [`${shape}:`, ...said];
    }),
    concludeClock(rows),
  ].join('\n');
}

function shapeOf({ settings }: Row): string {
  return `${settings['nodes']} nodes with ${settings['sessions_per_node']} session(s) each`;
}

interface Point {
  readonly cost: number;
  /** Gets per second, percent of local placement. */
  readonly pct: number;
  /** CPU time of a get beyond that of a local one, ns. */
  readonly moreNs: number;
  /** Time that an access takes which should take `cost`, ns. */
  readonly spent: number;
  readonly share: number;
}

function concludePlacement(placement: string, rows: readonly Row[]): string[] {
  const points = rows
    .filter((r) => r.contender === placement)
    .map(pointOf)
    .toSorted((a, b) => a.cost - b.cost);
  if (points.length === 0) return [];
  const rates = points.map((p) => `${p.pct.toFixed(0)} % at ${p.cost} ns`).join(', ');
  const lines = [`  ${placement} placement gets, of local: ${rates}.`];
  const free = points.findLast((p) => p.pct >= 100 - FREE_PCT);
  const dear = points.find((p) => p.pct < 100 - FREE_PCT);
  if (free !== undefined && dear !== undefined && free.cost < dear.cost) {
    lines.push(`    It loses less than ${FREE_PCT} % up to ${free.cost} ns, more from ${dear.cost} ns on.`);
  } else if (dear === undefined) lines.push(`    It loses less than ${FREE_PCT} % at every price measured.`);
  else if (free === undefined) lines.push(`    It loses more than ${FREE_PCT} % at every price measured.`);
  if (new Set(points.map((p) => p.cost)).size > 1) {
    const { m } = linearRegression(points.map((p) => [p.spent, p.moreNs]));
    const share = median(points.map((p) => p.share));
    lines.push(
      `    Each ns really spent on a remote access adds ${m.toFixed(2)} ns of CPU time to the mean get; ` +
        `the share of remote gets says ${share.toFixed(2)}.`,
    );
  }
  const [first] = points;
  if (placement === 'interleaved' && first.cost === 0 && first.pct < 100 - FREE_PCT) {
    lines.push('    What is lost at 0 ns is not distance: sessions share cache lines of latches and pages.');
  }
  return lines;
}

function pointOf(row: Row): Point {
  const reference = row.reference ?? row.samples;
  const figure = (name: string): number => {
    const value = row.extra[name];
    return typeof value === 'number' ? value : 0;
  };
  return {
    cost: Number(row.settings['remote_cost_ns']),
    pct: median(row.samples.map((rate, i) => (rate * 100) / reference[i])),
    moreNs: figure('CPU time of a get, ns') - figure('CPU time of a local get, ns'),
    spent: figure('spent on a remote access, ns'),
    share: figure('remote gets, %') / 100,
  };
}

function concludeClock(rows: readonly Row[]): string {
  const figures = (name: string): number[] =>
    rows.map((r) => r.extra[name]).filter((v) => typeof v === 'number');
  const spent = (cost: unknown): number =>
    median(
      rows
        .filter((r) => r.settings['remote_cost_ns'] === cost)
        .map((r) => r.extra['spent on a remote access, ns'])
        .filter((v) => typeof v === 'number'),
    );
  const costs = [...new Set(rows.map((r) => Number(r.settings['remote_cost_ns'])))].filter((c) => c > 0);
  const list = costs
    .toSorted((a, b) => a - b)
    .map((cost) => `${cost} ns takes ${spent(cost).toFixed(0)}`)
    .join(', ');
  return (
    `A delay is spent by the clock, whose reading takes ${median(figures('clock read, ns')).toFixed(0)} ns and whose ` +
    `smallest step was ${Math.min(...figures('clock step, ns')).toFixed(0)} ns; less than two readings cannot be spent` +
    `${list === '' ? '' : `: ${list}`}.`
  );
}
