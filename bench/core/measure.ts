/**
 * Takes rounds of many cases in shuffled turns: whatever the machine does meanwhile, it does to all of them, and shows
 * as spread of each instead of as a difference between two.
 */
import { median } from 'simple-statistics';
import { Rng } from '../../src/layout/rng.ts';
import type { BenchCase, Round } from './case.ts';
import { type Environment, type Extra, type Row, sealRow } from './row.ts';

/** A case at its place in a sweep. */
export interface PlacedCase {
  readonly family: string;
  readonly bench: BenchCase;
  readonly axes: Readonly<Record<string, string>>;
  readonly rounds: number;
}

export interface MeasureOptions {
  readonly seed: number;
  readonly environment: Environment;
  /** Asked before each round: true ends the measurement early. */
  stopped(): boolean;
  /** Rounds done and to do, and what is measured next. */
  progress(done: number, total: number, next: string): void;
}

/** @returns a row for each case that has a sample */
export async function measure(placed: readonly PlacedCase[], o: MeasureOptions): Promise<Row[]> {
  const taken = placed.map((): Round[] => []);
  const total = placed.reduce((n, p) => n + p.rounds, 0);
  const opened: BenchCase[] = [];
  let done = 0;
  try {
    for (const { bench } of placed) {
      opened.push(bench);
      await bench.open?.();
    }
    const last = Math.max(0, ...placed.map((p) => p.rounds));
    for (let no = 0; no < last; no++) {
      for (const i of shuffled(placed.length, o.seed, no)) {
        const { bench, rounds, axes } = placed[i];
        if (no >= rounds) continue;
        if (o.stopped()) return rowsOf(placed, taken, o);
        o.progress(done, total, [bench.contender, bench.case, ...Object.values(axes)].join(', '));
        taken[i].push(await bench.round(no));
        done++;
      }
    }
  } finally {
    for (const bench of opened) await bench.close?.();
  }
  return rowsOf(placed, taken, o);
}

/** The numbers 0 to n − 1 in an order of their own for each round. */
function shuffled(n: number, seed: number, round: number): number[] {
  const rng = new Rng(seed, round);
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

function rowsOf(
  placed: readonly PlacedCase[],
  taken: readonly (readonly Round[])[],
  { seed, environment }: MeasureOptions,
): Row[] {
  return placed.flatMap(({ family, bench, axes }, i) => {
    const rounds = taken[i];
    if (rounds.length === 0) return [];
    const reference = rounds.map((r) => r.reference).filter((r) => r !== undefined);
    const { contender, origin, settings, metric, unit, better } = bench;
    return sealRow({
      family,
      contender,
      origin,
      case: bench.case,
      settings,
      axes,
      seed,
      environment,
      metric,
      unit,
      better,
      samples: rounds.map((r) => r.value),
      reference: reference.length === rounds.length ? reference : null,
      group: rounds.map((r) => r.group ?? 0),
      extra: medianExtra(rounds.map((r) => r.extra ?? {})),
    });
  });
}

/** The median of each figure over the rounds that have it. */
function medianExtra(all: readonly Extra[]): Extra {
  const names = [...new Set(all.flatMap((e) => Object.keys(e)))];
  return Object.fromEntries(
    names.map((name) => {
      const values = all.map((e) => e[name]).filter((v) => v !== undefined);
      const parts = values.filter((v) => typeof v === 'object' && v !== null);
      if (parts.length === 0) return [name, middle(values.filter((v) => typeof v === 'number'))];
      const keys = [...new Set(parts.flatMap((p) => Object.keys(p)))];
      return [
        name,
        Object.fromEntries(
          keys.map((key) => [key, middle(parts.map((p) => p[key]).filter((v) => typeof v === 'number'))]),
        ),
      ];
    }),
  );
}

const middle = (values: readonly number[]): number | null =>
  values.length === 0 ? null : median([...values]);
