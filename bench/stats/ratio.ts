/** How much one set of samples is above another, with an interval. Medians of logarithms, Student's t. */
import { median } from 'simple-statistics';
import { studentBeyond, studentQuantile } from './student.ts';
import { type Interval, medianLoss, variance } from './summary.ts';

export interface Ratio extends Interval {
  /** a / b */
  readonly ratio: number;
  /** Probability of a ratio as far from 1, if there were no difference. 1 when it cannot be told. */
  readonly p: number;
}

/** A difference of logarithms as a ratio. `error`: its standard error. */
export function ratioOf(log: number, error: number, df: number, level = 0.95): Ratio {
  if (df < 1) return { ratio: Math.exp(log), low: 0, high: Infinity, level, p: 1 };
  const half = studentQuantile(level, df) * error;
  // Without any spread a difference is certain, and none is none.
  const p = error === 0 ? Number(log === 0) : studentBeyond(log / error, df);
  return { ratio: Math.exp(log), low: Math.exp(log - half), high: Math.exp(log + half), level, p };
}

/** Of samples taken in turn, a and b of a round beside each other: the median of the rounds' ratios. */
export function pairedRatio(a: readonly number[], b: readonly number[], level = 0.95): Ratio {
  const logs = a.map((x, i) => Math.log(x / b[i]));
  const n = logs.length;
  return ratioOf(median(logs), Math.sqrt((variance(logs) * medianLoss(n)) / n), n - 1, level);
}

/** Of samples taken apart: the ratio of their medians. The two may spread differently (Welch). */
export function medianRatio(a: readonly number[], b: readonly number[], level = 0.95): Ratio {
  const [ya, yb] = [a.map(Math.log), b.map(Math.log)];
  const [va, vb] = [ya, yb].map((y) => (variance(y) * medianLoss(y.length)) / y.length);
  const sum = va + vb;
  const [da, db] = [a.length - 1, b.length - 1];
  const df = da < 1 || db < 1 ? 0 : sum === 0 ? da + db : sum ** 2 / (va ** 2 / da + vb ** 2 / db);
  return ratioOf(median(ya) - median(yb), Math.sqrt(sum), df, level);
}
