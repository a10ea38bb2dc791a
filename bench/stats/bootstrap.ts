/** Bootstrap: what a figure would have been, had other samples of the same kind been drawn. Repeats by its seed. */
import { quantileSorted } from 'simple-statistics';
import { Rng } from '../../src/layout/rng.ts';
import type { Interval } from './summary.ts';

/** The stream of the bench's statistics; others draw from theirs. */
const STREAM = 0xb007;

export const statisticsRng = (seed: number): Rng => new Rng(seed, STREAM);

/** A standard normal number (Box and Muller). */
export function normal(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng.float())) * Math.cos(2 * Math.PI * rng.float());
}

/** The middle part of draws, without those that are not finite; null when fewer than half are. */
export function percentileInterval(draws: readonly number[], level: number): Interval | null {
  const sorted = draws.filter((d) => Number.isFinite(d)).toSorted((a, b) => a - b);
  if (sorted.length === 0 || sorted.length * 2 < draws.length) return null;
  const tail = (1 - level) / 2;
  return { low: quantileSorted(sorted, tail), high: quantileSorted(sorted, 1 - tail), level };
}
