/** The table of the family `pool`: a line for each cell, so that one sees the queue move from latch to latch. */
import Table from 'cli-table3';
import { figure, spread } from '../core/render.ts';
import type { Row } from '../core/row.ts';
import { nextRun } from '../stats/next-run.ts';
import { bestOf } from './ahead.ts';
import { axesOf, groupRows, isChoice, valueAt } from './axes.ts';
import { figureOf, groupOf, shortName, waitsOf } from './figures.ts';

const LATENCIES = ['p50', 'p95', 'p99'] as const;
/** Latch classes shown, those with most waiting. */
const CLASSES = 2;
/** Processors used by others from which on it is said. */
const OTHERS_TOLD = 0.2;

export function poolTable(rows: readonly Row[]): string {
  const axes = axesOf(rows);
  const next = nextRun(rows.map((r) => r.samples));
  const best = bestRows(rows);
  const others = Math.max(0, ...rows.map((r) => figureOf(r, 'othersProcessors')));
  const remote = rows.some((r) => figureOf(r, 'remoteShare') > 0);
  const table = new Table({
    head: [
      ...axes.map((a) => a.name),
      'gets/s',
      'a second run',
      'hit %',
      ...(remote ? ['remote %'] : []),
      ...LATENCIES.map((p) => `${p} us`),
      'wait ms/s',
      'most of it for',
    ],
    style: { head: [], border: [], compact: true },
    colAligns: [
      ...axes.map(() => 'right' as const),
      ...Array.from({ length: 3 + Number(remote) + LATENCIES.length + 1 }, () => 'right' as const),
      'left',
    ],
  });
  for (const [i, row] of rows.entries()) {
    const latency = groupOf(row, 'latencyUs');
    const waits = waitsOf(row);
    table.push([
      ...axes.map((a) => valueAt(row, a.name)),
      `${best.has(row) ? '* ' : ''}${figure(next[i].median)}`,
      spread(next[i].factor),
      percent(figureOf(row, 'hitRatio')),
      ...(remote ? [percent(figureOf(row, 'remoteShare'))] : []),
      ...LATENCIES.map((p) => figure(latency[p] ?? 0)),
      figure(waits.total),
      waits.classes
        .slice(0, CLASSES)
        .map((c) => `${shortName(c.instrument)} ${((100 * c.msPerS) / waits.total).toFixed(0)} %`)
        .join(', '),
    ]);
  }
  const notes = [
    "gets/s: median of the rounds; a second run's is expected so near (95 %). Waits: of all sessions together.",
    ...(others < OTHERS_TOLD
      ? []
      : [
          `Other programs kept up to ${others.toFixed(1)} processors busy meanwhile: the figures are theirs too.`,
        ]),
    ...(best.size === 0 ? [] : ['*: faster than every other choice under the same load, beyond noise.']),
  ];
  return [table.toString(), ...notes].join('\n');
}

/** Of the cells that differ only in what can be chosen, the one that is ahead of all others. */
function bestRows(rows: readonly Row[]): Set<Row> {
  const load = axesOf(rows)
    .map((a) => a.name)
    .filter((name) => !isChoice(name));
  const speeds = new Map(nextRun(rows.map((r) => r.samples)).map((n, i) => [rows[i], n.median]));
  const best = groupRows(rows, load).map((g) => bestOf(g.rows, (r) => speeds.get(r) ?? 0));
  return new Set(best.filter((row) => row !== null));
}

const percent = (share: number): string => (100 * share).toFixed(1);
