/** Measured points by number of threads, and draws of what they might have been. */
import { median } from 'simple-statistics';
import type { Rng } from '../../src/layout/rng.ts';
import { normal } from '../stats/bootstrap.ts';
import { standardError, variance } from '../stats/summary.ts';
import type { LatchLoad, Level, MeasuredPoint } from './types.ts';

/** A level with how much it may be off. */
export interface NoisyLevel extends Level {
  /** Samples of throughput behind the median. */
  readonly samples: readonly number[];
  readonly points: readonly MeasuredPoint[];
}

export const isUsable = (p: MeasuredPoint): boolean =>
  Number.isInteger(p.threads) &&
  p.threads > 0 &&
  p.seconds > 0 &&
  p.throughput > 0 &&
  p.throughput < Infinity;

/** One for each number of threads, ascending. Counts are added up, throughput is the median. */
export function levelsOf(points: readonly MeasuredPoint[], cores: number): NoisyLevel[] {
  const counts = [...new Set(points.map((p) => p.threads))].toSorted((a, b) => a - b);
  return counts.map((threads) => {
    const mine = points.filter((p) => p.threads === threads);
    const samples = mine.flatMap((p) => p.samples?.filter((x) => x > 0) ?? [p.throughput]);
    return {
      threads,
      shared: threads > cores,
      throughput: median(samples.length > 0 ? samples : mine.map((p) => p.throughput)),
      jobs: add(mine, (p) => p.throughput * p.seconds),
      gets: add(mine, (p) => p.gets),
      latches: addLatches(mine.map((p) => p.latches)),
      samples,
      points: mine,
    };
  });
}

function addLatches(all: readonly (readonly LatchLoad[])[]): LatchLoad[] {
  const sums = new Map<string, LatchLoad>();
  for (const latch of all.flat()) {
    const before = sums.get(latch.name);
    if (before === undefined) sums.set(latch.name, latch);
    else {
      sums.set(latch.name, {
        ...before,
        acquired: before.acquired + latch.acquired,
        contended: before.contended + latch.contended,
        waitUs: before.waitUs + latch.waitUs,
        spinRounds: before.spinRounds + latch.spinRounds,
      });
    }
  }
  return [...sums.values()];
}

/**
 * The level as another run might have measured it. Drawn from Student's t about the median on logarithms, not from the
 * samples themselves: three samples can only repeat each other, and the draws would lie too close. Counts of contention
 * vary by themselves (Poisson) and, where there are several points, as those do; else as throughput does.
 */
export function redraw(level: NoisyLevel, rng: Rng): Level {
  const { samples, points } = level;
  const error = samples.length < 2 ? 0 : standardError(samples.map(Math.log));
  const off = error * student(rng, samples.length - 1);
  return {
    ...level,
    throughput: level.throughput * Math.exp(off),
    latches: level.latches.map((latch) => {
      const parts = points
        .map((p) => p.latches.find((l) => l.name === latch.name))
        .filter((l) => l !== undefined && l.acquired > 0 && l.contended > 0)
        .map((l) => Math.log((l as LatchLoad).contended / (l as LatchLoad).acquired));
      const between = parts.length < 2 ? error : Math.sqrt(variance(parts) / parts.length);
      const df = parts.length < 2 ? samples.length - 1 : parts.length - 1;
      const counted = normal(rng) / Math.sqrt(Math.max(1, latch.contended));
      const factor = Math.exp(counted + between * student(rng, df));
      const contended = Math.min(latch.acquired, latch.contended * factor);
      return { ...latch, contended, waitUs: (latch.waitUs * contended) / Math.max(1, latch.contended) };
    }),
  };
}

/** A number of Student's t distribution; 0 without degrees of freedom. */
function student(rng: Rng, df: number): number {
  if (df < 1) return 0;
  let squares = 0;
  for (let i = 0; i < df; i++) squares += normal(rng) ** 2;
  return normal(rng) / Math.sqrt(squares / df);
}

const add = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((sum, item) => sum + of(item), 0);
