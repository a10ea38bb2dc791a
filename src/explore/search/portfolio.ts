/**
 * A portfolio of drawing strategies, taken in turns: no single one finds everything soonest. Schedule number i of a
 * strategy depends on seed and i alone, so workers can share the numbers out, and any of them can be drawn again.
 */
import type { Engine } from '../engine/engine.ts';
import type { Running, Strategy } from '../engine/strategy.ts';
import type { Signatures } from '../report/signatures.ts';
import { PctStrategy } from '../strategies/pct.ts';
import { PosStrategy } from '../strategies/pos.ts';
import { RandomStrategy } from '../strategies/random.ts';
import type { Estimate, SeededStrategy } from '../strategies/seeded.ts';
import { SurwStrategy } from '../strategies/surw.ts';
import type { Finding, StrategyName } from '../types.ts';

/** A strategy with its parameter, as in `pct3`. */
export interface Draw {
  readonly strategy: Exclude<StrategyName, 'dfs'>;
  /** Depth of PCT. */
  readonly parameter?: number;
}

/** What a run takes in turns unless it is told otherwise. */
export const PORTFOLIO: readonly Draw[] = [
  { strategy: 'random' },
  { strategy: 'pos' },
  { strategy: 'pct', parameter: 3 },
  { strategy: 'surw' },
];
export const PCT_DEPTH = 3;

/** `random`, `pct3`. */
export const drawName = (d: Draw): string => `${d.strategy}${d.parameter ?? ''}`;

export function makeStrategy({ strategy, parameter }: Draw): SeededStrategy {
  switch (strategy) {
    case 'random':
      return new RandomStrategy();
    case 'pct':
      return new PctStrategy(parameter ?? PCT_DEPTH);
    case 'pos':
      return new PosStrategy();
    case 'surw':
      return new SurwStrategy();
  }
}

/** Counts the decisions that another strategy is asked for. */
class Counting implements Strategy {
  readonly name = 'counting';
  decisions = 0;
  private readonly inner: SeededStrategy;

  constructor(inner: SeededStrategy) {
    this.inner = inner;
  }

  begin(e: Running): void {
    this.inner.begin(e);
  }

  next(e: Running, cur: number): number {
    this.decisions++;
    return this.inner.next(e, cur);
  }
}

const CALIBRATION_RUNS = 16;
/** Decisions of a schedule where nothing is known. */
const UNKNOWN = 100;

/**
 * How long schedules are: from a few fixed ones, so that it is the same in every process. Those that run into a limit say
 * nothing about the others. Of decisions the most that were seen: later than that no strategy would interfere.
 */
export function calibrate(engine: Engine): Estimate {
  const inner = new RandomStrategy();
  const points = Array.from({ length: engine.n }, () => 0);
  let decisions = 0;
  let runs = 0;
  for (let i = 0; i < CALIBRATION_RUNS; i++) {
    inner.seed(0, i);
    const counting = new Counting(inner);
    if (engine.run(counting).finding?.kind === 'livelock') continue;
    runs++;
    decisions = Math.max(decisions, counting.decisions);
    for (let t = 0; t < engine.n; t++) points[t] += engine.opOf(t);
  }
  const mean = (sum: number): number => Math.max(1, Math.ceil(sum / Math.max(1, runs)));
  return { decisions: runs === 0 ? UNKNOWN : Math.max(1, decisions), points: points.map(mean) };
}

export interface SampleOptions {
  readonly draws: readonly Draw[];
  /** uint32 */
  readonly seed: number;
  /** The first number of a schedule, and the distance to the next: worker w of n takes w, w + n ... */
  readonly from?: number;
  readonly stride?: number;
  /** Most schedules, of all strategies together. */
  readonly schedules: number;
  /** Begins no schedule after so many steps. */
  readonly steps?: number;
  /** Most time, ms. */
  readonly budgetMs: number;
  readonly signatures?: Signatures;
  /** Counts outcomes: slower. */
  readonly outcomes?: boolean;
  /** Called now and then; false ends it. */
  readonly onProgress?: (done: { schedules: number; steps: number; ms: number }) => boolean;
}

/** A finding and the draw that led to it. */
export interface Drawn {
  readonly finding: Finding;
  readonly draw: Draw;
  readonly iteration: number;
  /** Schedules of all strategies until then, this one included. */
  readonly schedules: number;
}

export interface Sampled {
  readonly schedules: number;
  readonly steps: number;
  readonly ms: number;
  readonly found: Drawn | null;
  readonly outcomes: ReadonlyMap<string, number>;
  readonly estimate: Estimate;
}

/** How often the clock is looked at. */
const TICK = 128;
const TICK_STEPS = 200_000;

/** Draws schedules until something is found, or the budget is used up. */
export function sample(engine: Engine, o: SampleOptions): Sampled {
  const began = performance.now();
  const estimate = calibrate(engine);
  const strategies = o.draws.map(makeStrategy);
  for (const s of strategies) s.expect(estimate);
  const outcomes = new Map<string, number>();
  engine.wantOutcomes = o.outcomes === true;
  const mostSteps = o.steps ?? Infinity;
  let iteration = o.from ?? 0;
  let schedules = 0;
  let steps = 0;
  let looked = 0;
  let found: Drawn | null = null;
  while (schedules < o.schedules && steps < mostSteps && found === null) {
    for (let k = 0; k < strategies.length && schedules < o.schedules; k++) {
      strategies[k].seed(o.seed, iteration);
      const run = engine.run(strategies[k]);
      schedules++;
      steps += run.steps;
      if (run.finding !== null) {
        found = { finding: run.finding, draw: o.draws[k], iteration, schedules };
        break;
      }
      if (o.signatures !== undefined) o.signatures.add(engine.signature[0], engine.signature[1]);
      if (engine.wantOutcomes) outcomes.set(run.outcome, (outcomes.get(run.outcome) ?? 0) + 1);
      if (schedules % TICK === 0 || steps - looked > TICK_STEPS) {
        looked = steps;
        const ms = performance.now() - began;
        const go = o.onProgress?.({ schedules, steps, ms }) ?? true;
        if (!go || ms > o.budgetMs) {
          return { schedules, steps, ms, found, outcomes, estimate };
        }
      }
    }
    iteration += o.stride ?? 1;
  }
  return { schedules, steps, ms: performance.now() - began, found, outcomes, estimate };
}
