/** What a sweep of the pool says, in sentences: for each axis what its values change, and where the queue goes. */
import { median } from 'simple-statistics';
import { figure } from '../core/render.ts';
import type { Row } from '../core/row.ts';
import type { Ratio } from '../stats/ratio.ts';
import { ratioOfRows, type RowPair, surely } from './ahead.ts';
import { axesOf, groupRows, isChoice, type RowAxis, sayAt, valueAt } from './axes.ts';
import { shortName, waitsOf } from './figures.ts';
import { predictionTexts } from './predict.ts';

/** Waits have no samples of their own: a change is told when every pair of cells shows it, and so large a one. */
const WAIT_CHANGE = 1.5;
/** Of a class with less waiting nothing is told, ms/s. */
const LEAST_WAIT = 10;

/** One value of an axis against the axis' first, under one load. */
interface Finding {
  readonly axis: RowAxis;
  readonly value: string;
  readonly load: string;
  /** Cells that differ in this axis only. */
  readonly pairs: readonly RowPair[];
  readonly ratio: Ratio;
}

export function concludePool(rows: readonly Row[]): string | null {
  const axes = axesOf(rows);
  const choices = axes.filter((a) => isChoice(a.name));
  // Without anything to choose, what the load changes is the question.
  const asked = choices.length > 0 ? choices : axes;
  const load = axes.filter((a) => !asked.includes(a)).map((a) => a.name);
  const findings = asked.flatMap((axis) => findingsOf(rows, axis, axes, load));
  const sure = surely(findings.map((f) => f.ratio));
  const told = new Set(findings.filter((_, i) => sure[i]));
  const sentences = asked.flatMap((axis) =>
    [...new Set(findings.filter((f) => f.axis === axis).map((f) => f.load))].map((at) =>
      sentenceOf(
        findings.filter((f) => f.axis === axis && f.load === at),
        told,
        asked.filter((a) => a !== axis && a.values.length > 1),
      ),
    ),
  );
  const parts = [...sentences, ...predictionTexts(rows)];
  return parts.length === 0 ? null : parts.join('\n');
}

/** Each value but the first, compared with it in every combination of the other axes. */
function findingsOf(
  rows: readonly Row[],
  axis: RowAxis,
  axes: readonly RowAxis[],
  load: readonly string[],
): Finding[] {
  const others = axes.map((a) => a.name).filter((name) => name !== axis.name);
  return groupRows(rows, load).flatMap(({ at, rows: mine }) => {
    const cells = groupRows(mine, others);
    return axis.values.slice(1).flatMap((value): Finding[] => {
      const pairs = cells.flatMap(({ rows: cell }): RowPair[] => {
        const row = cell.find((r) => valueAt(r, axis.name) === value);
        const base = cell.find((r) => valueAt(r, axis.name) === axis.values[0]);
        return row === undefined || base === undefined ? [] : [[row, base]];
      });
      if (pairs.length === 0) return [];
      return [{ axis, value, load: sayAt(at), pairs, ratio: ratioOfRows(pairs) }];
    });
  });
}

function sentenceOf(
  findings: readonly Finding[],
  told: ReadonlySet<Finding>,
  averaged: readonly RowAxis[],
): string {
  const [{ axis, load }] = findings;
  const where = [load, ...averaged.map((a) => `over all ${a.name}`)].filter((x) => x !== '').join('; ');
  const head = `${axis.name}${where === '' ? '' : ` (${where})`}: `;
  const sure = findings.filter((f) => told.has(f));
  if (sure.length === 0) {
    const [most] = findings.toSorted((a, b) => distance(b.ratio) - distance(a.ratio));
    return `${head}no difference beyond noise; the largest is ${compared(most)}.`;
  }
  const rest = findings.length - sure.length;
  const others = rest === 0 ? '' : `; of the other values no difference beyond noise`;
  const [most] = sure.toSorted((a, b) => distance(b.ratio) - distance(a.ratio));
  return `${head}${sure.map(compared).join('; ')}${others}.${queueMoves(most)}`;
}

const distance = (r: Ratio): number => Math.abs(Math.log(r.ratio));

function compared({ axis, value, ratio }: Finding): string {
  const interval = Number.isFinite(ratio.high)
    ? `${change(ratio.low)} to ${change(ratio.high)}`
    : 'one round shows no interval';
  return `${value} instead of ${axis.values[0]}: ${change(ratio.ratio)} page gets (${interval})`;
}

function change(ratio: number): string {
  const by = 100 * (ratio - 1);
  return `${by < 0 ? '−' : '+'}${Math.abs(by).toFixed(Math.abs(by) < 10 ? 1 : 0)} %`;
}

/** Where less is waited, where more, and what most waiting is for then. */
function queueMoves({ axis, value, pairs }: Finding): string {
  const names = [...new Set(pairs.flat().flatMap((r) => waitsOf(r).classes.map((c) => c.instrument)))];
  const moves = names.flatMap((instrument) => {
    const [then, now] = [1, 0].map((side) => pairs.map((pair) => waitFor(pair[side], instrument)));
    const [a, b] = [median(then), median(now)];
    if (Math.max(a, b) < LEAST_WAIT) return [];
    const fell = now.every((n, i) => n < then[i]) && b * WAIT_CHANGE < a;
    const rose = now.every((n, i) => n > then[i]) && b > a * WAIT_CHANGE;
    if (!fell && !rose) return [];
    return [
      {
        by: Math.abs(b - a),
        text: `${shortName(instrument)} ${fell ? 'fall' : 'rise'} from ${figure(a)} to ${figure(b)} ms/s`,
      },
    ];
  });
  const told = moves.toSorted((x, y) => y.by - x.by).slice(0, 2);
  const [was, is] = [1, 0].map((side) => topClass(pairs.map((pair) => pair[side])));
  const moved =
    was === null || is === null || was === is ? '' : ` Most waiting is then for ${is}, not ${was}.`;
  const list = told.map((m) => m.text).join(', for ');
  return `${list === '' ? '' : ` With ${axis.name} ${value} waits for ${list}.`}${moved}`;
}

const waitFor = (row: Row, instrument: string): number =>
  waitsOf(row).classes.find((c) => c.instrument === instrument)?.msPerS ?? 0;

/** The class that is first in all rows; null: not the same in all. */
function topClass(rows: readonly Row[]): string | null {
  const tops = new Set(rows.map((r) => waitsOf(r).classes[0]?.instrument ?? ''));
  const [top] = tops;
  return tops.size === 1 && top !== '' ? shortName(top) : null;
}
