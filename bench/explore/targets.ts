/** What exploration is to reach, and whether it does. */
import { median } from 'simple-statistics';
import { int, num } from '../../src/page/format.ts';
import { plainTable } from '../../src/page/plain-table.ts';
import type { Row } from '../core/row.ts';

interface Target {
  readonly row: string;
  readonly property: string;
  readonly must: number;
  readonly goal: number;
  /** Which of the row's cases counts: the best or the worst. */
  readonly of: 'best' | 'worst';
  /** Text of a figure. */
  readonly text: (n: number) => string;
}

const rate = (n: number): string => `${int(n)}/s`;
const time = (n: number): string => (n < 0.1 ? `${num(n * 1000)} ms` : `${num(n)} s`);
const share = (n: number): string => `${num(n)} %`;
const times = (n: number): string => `x${n.toFixed(2)}`;

/** A row's own figure: a ratio where there is a yardstick beside it. */
const figure = (row: Row): number =>
  row.reference === null ? median(row.samples) : median(row.samples) / median(row.reference);

export const TARGETS: readonly Target[] = [
  {
    row: '1',
    property: 'schedules/s, latch test of 2 threads',
    must: 200e3,
    goal: 1e6,
    of: 'best',
    text: rate,
  },
  {
    row: '2',
    property: 'schedules/s, pool test of 3 threads, races on',
    must: 10e3,
    goal: 30e3,
    of: 'best',
    text: rate,
  },
  { row: '3', property: 'steps/s, every oracle on', must: 3e6, goal: 8e6, of: 'best', text: rate },
  { row: '4', property: 'all interleavings, slowest scenario', must: 60, goal: 10, of: 'worst', text: time },
  { row: '8', property: 'replays with the same trace', must: 100, goal: 100, of: 'worst', text: share },
  { row: '10', property: 'race detection, pool test', must: 2, goal: 1.3, of: 'worst', text: times },
  { row: '11', property: 'linearizability, histories/s', must: 50e3, goal: 300e3, of: 'worst', text: rate },
  { row: '13', property: 'transform, cold', must: 2, goal: 1, of: 'worst', text: time },
  { row: '13', property: 'transform, warm', must: 0.2, goal: 0.05, of: 'worst', text: time },
  { row: '14', property: 'Atomics equal to V8', must: 100, goal: 100, of: 'worst', text: share },
];

/** The rows that a target looks at. */
function rowsOf(target: Target, rows: readonly Row[]): Row[] {
  const mine = rows.filter((r) => String(r.settings['row']) === target.row);
  return target.property.startsWith('transform')
    ? mine.filter((r) => r.case.endsWith(target.property.slice(11)))
    : mine;
}

export function concludeExplore(rows: readonly Row[]): string {
  const lines = TARGETS.flatMap((t) => {
    const mine = rowsOf(t, rows);
    if (mine.length === 0) return [];
    const higher = mine[0].better === 'higher';
    const sorted = mine.toSorted((a, b) => (higher ? figure(b) - figure(a) : figure(a) - figure(b)));
    const chosen = t.of === 'best' ? sorted[0] : sorted[sorted.length - 1];
    const value = figure(chosen);
    const meets = (limit: number): boolean => (higher ? value >= limit : value <= limit);
    const unfinished = mine.filter((r) => r.extra['complete'] === 0).map((r) => r.case);
    const verdict =
      unfinished.length > 0
        ? `NOT COMPLETE: ${unfinished.join(', ')}`
        : meets(t.goal)
          ? 'goal'
          : meets(t.must)
            ? 'must'
            : 'MISSED';
    return [[t.row, t.property, t.text(t.must), t.text(t.goal), t.text(value), chosen.case, verdict]];
  });
  const states = rows
    .filter((r) => r.settings['row'] === '4')
    .map(
      (r) =>
        `  ${r.case}: ${int(Number(r.extra['states']))} states, ${int(Number(r.extra['executions']))} executions, ${time(figure(r))}`,
    );
  return [
    plainTable(['row', 'property', 'must', 'goal', 'measured', 'case', 'reaches'], lines, [0, 1, 5, 6]),
    ...(states.length > 0 ? ['', 'All interleavings:', ...states] : []),
    '',
    'Rows 5, 6 and 9 (mutants): npm run explore -- --mutants. Row 7 (false alarms): npm run explore -- --schedules N.',
    'Row 12 (production output is the same without exploration): a test.',
  ].join('\n');
}
