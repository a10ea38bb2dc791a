/** Variances of a handful of samples, and of their median. */
import { mean } from 'simple-statistics';

export interface Interval {
  readonly low: number;
  readonly high: number;
  /** Probability that it is promised with, 0 to 1. */
  readonly level: number;
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
