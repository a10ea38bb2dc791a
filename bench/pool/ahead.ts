/** Which of two cells is faster, and whether that can be said. */
import type { Row } from '../core/row.ts';
import { holm } from '../stats/holm.ts';
import { medianRatio, pairedRatio, type Ratio } from '../stats/ratio.ts';

/** How sure a difference must be, all that are told together. */
const ALPHA = 0.05;

/** One row against another: (row, base). */
export type RowPair = readonly [Row, Row];

/**
 * How many times the gets per second of the bases those of the rows are. Rounds with the same number were taken in the
 * same stretch of time, so that they are compared with each other; where their numbers differ, medians are.
 */
export function ratioOfRows(pairs: readonly RowPair[]): Ratio {
  const rows = pairs.flatMap(([row]) => row.samples);
  const bases = pairs.flatMap(([, base]) => base.samples);
  const inTurn = pairs.every(([row, base]) => row.samples.length === base.samples.length);
  return inTurn ? pairedRatio(rows, bases) : medianRatio(rows, bases);
}

/** Whether each ratio differs from 1, with all of them right at the same time in 95 of 100 runs. */
export const surely = (ratios: readonly Ratio[]): boolean[] =>
  holm(ratios.map((r) => r.p)).map((p) => p < ALPHA);

/** The row that is faster than every other one beyond doubt; null: none is. */
export function bestOf(rows: readonly Row[], speed: (row: Row) => number): Row | null {
  if (rows.length < 2) return null;
  const [best, ...others] = rows.toSorted((a, b) => speed(b) - speed(a));
  const ratios = others.map((other) => ratioOfRows([[best, other]]));
  const sure = surely(ratios);
  return ratios.every((r, i) => sure[i] && r.ratio > 1) ? best : null;
}
