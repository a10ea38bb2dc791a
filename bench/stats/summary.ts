/** What a handful of samples says: median, spread, and an interval for the median. */
import { interquartileRange, mean, median, medianAbsoluteDeviation, quantile } from 'simple-statistics';
import { studentQuantile } from './student.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
  /** Probability that it is promised with, 0 to 1. */
  readonly level: number;
}

export interface Summary {
  readonly n: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly q1: number;
  readonly q3: number;
  /** Median absolute deviation, unscaled, in the unit of the samples. */
  readonly mad: number;
  /** Interquartile range / median; null when the median is 0. */
  readonly spread: number | null;
}

export interface MedianInterval extends Interval {
  readonly method: 'order statistics' | 't on logarithms' | 't' | 'none';
}

/** @throws Error when there is no sample: callers have at least one */
export function summarize(samples: readonly number[]): Summary {
  const x = [...samples];
  const mid = median(x);
  return {
    n: x.length,
    median: mid,
    min: Math.min(...x),
    max: Math.max(...x),
    q1: quantile(x, 0.25),
    q3: quantile(x, 0.75),
    mad: medianAbsoluteDeviation(x),
    spread: mid === 0 ? null : interquartileRange(x) / Math.abs(mid),
  };
}

/**
 * A confidence interval of the median.
 *
 * From six samples on it is made of two of the samples, by the binomial distribution: exact whatever the distribution,
 * and an outlier does not stretch it. With fewer even the smallest and largest sample hold the median less often than
 * 95 % (three samples: 75 %), and a bootstrap can only repeat them, so it is Student's t about the median, on logarithms
 * (noise of a machine multiplies), wider by what a median loses against a mean. One sample has no interval.
 */
export function medianInterval(samples: readonly number[], level = 0.95): MedianInterval {
  const x = samples.toSorted((a, b) => a - b);
  const n = x.length;
  if (n < 2) return { low: -Infinity, high: Infinity, level, method: 'none' };
  const rank = outerRank(n, level);
  if (rank > 0) return { low: x[rank - 1], high: x[n - rank], level, method: 'order statistics' };
  const log = x[0] > 0;
  const values = log ? x.map(Math.log) : x;
  const half = studentQuantile(level, n - 1) * standardError(values);
  const mid = median(values);
  const [low, high] = [mid - half, mid + half];
  return log
    ? { low: Math.exp(low), high: Math.exp(high), level, method: 't on logarithms' }
    : { low, high, level, method: 't' };
}

/** The largest k for which the k-th smallest and k-th largest of n samples hold the median with `level`; 0: none. */
function outerRank(n: number, level: number): number {
  let rank = 0;
  let tail = 0;
  let choose = 1;
  for (let k = 1; k <= n / 2; k++) {
    tail += choose / 2 ** n;
    if (1 - 2 * tail < level) break;
    rank = k;
    choose *= (n - k + 1) / k;
  }
  return rank;
}

/** Standard error of the median of samples that are about normal. */
export const standardError = (values: readonly number[]): number =>
  Math.sqrt((variance(values) * medianLoss(values.length)) / values.length);

/** Unbiased; 0 for a single value. */
export function variance(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const middle = mean([...values]);
  return values.reduce((sum, v) => sum + (v - middle) ** 2, 0) / (values.length - 1);
}

/** Variance of the median / variance of the mean, for normal samples: exact for few, then its asymptotic form. */
const LOSS = [1, 1, 1, 1.346, 1.194, 1.434, 1.288, 1.473, 1.343, 1.493] as const;

export function medianLoss(n: number): number {
  return LOSS[n] ?? (Math.PI / 2) * (1 - (n % 2 === 1 ? 0.44 : 1.24) / n);
}
