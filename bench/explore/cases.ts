/** What is measured of the explorer: each figure a case, in processor time of this thread. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Engine } from '../../src/explore/engine/engine.ts';
import { runConformance } from '../../src/explore/conformance/run-conformance.ts';
import type { Form, Lab } from '../../src/explore/lab.ts';
import { benchLinearizability } from '../../src/explore/oracle/linearizability-bench.ts';
import { traceHash } from '../../src/explore/report/trace-file.ts';
import { calibrate, type Draw, makeStrategy } from '../../src/explore/search/portfolio.ts';
import { exhaust } from '../../src/explore/search/search.ts';
import { Host } from '../../src/explore/transform/host.ts';
import type { Step } from '../../src/explore/types.ts';
import type { TransformTimes } from './times.ts';
import { loadCatalog, repositoryRoot } from '../../stress/explore/catalog.ts';
import { labOf } from '../../stress/explore/labs.ts';
import type { BenchCase, Round } from '../core/case.ts';
import { alternate } from '../core/alternate.ts';

const RACE: Form = { plain: 'race', state: false };
const STATE: Form = { plain: 'race', state: true };
const PROGRAMS = join(repositoryRoot(), 'bench/explore/programs.ts');

const labs = new Map<string, Lab>();

/** A lab over the module that has this scenario. */
async function labFor(scenario: string, races = true): Promise<Lab> {
  const catalog = scenario.startsWith('latch-') ? [] : await loadCatalog();
  const file = catalog.find((e) => e.name === scenario)?.file ?? PROGRAMS;
  const key = `${file} ${races}`;
  let lab = labs.get(key);
  if (lab === undefined) {
    lab = labOf(file, undefined, races);
    labs.set(key, lab);
  }
  return lab;
}

interface Common {
  readonly row: string;
  readonly case: string;
  readonly metric: string;
  readonly unit: string;
  readonly better: BenchCase['better'];
}

/** The part of a case that is the same for all of them. */
const about = (c: Common): Omit<BenchCase, 'round'> => ({
  contender: 'explore',
  origin: 'ours',
  case: c.case,
  settings: { row: c.row },
  metric: c.metric,
  unit: c.unit,
  better: c.better,
});

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Draws for so long, s; counts schedules and steps. */
function drawFor(
  engine: Engine,
  draw: Draw,
  seconds: number,
  from: number,
): { schedules: number; steps: number; s: number } {
  const strategy = makeStrategy(draw);
  strategy.expect(calibrate(engine));
  const began = cpuSeconds();
  let schedules = 0;
  let steps = 0;
  let s = 0;
  while (s < seconds) {
    for (let i = 0; i < 64; i++) {
      strategy.seed(1, from + schedules++);
      const run = engine.run(strategy);
      if (run.finding !== null) throw new Error(`a false alarm in ${draw.strategy}: ${run.finding.message}`);
      steps += run.steps;
    }
    s = cpuSeconds() - began;
  }
  return { schedules, steps, s };
}

/** Rows 1 to 3: how fast schedules are drawn. */
export function rateCase(
  row: string,
  scenario: string,
  draw: Draw,
  seconds: number,
  what: 'schedules' | 'steps',
): BenchCase {
  return {
    ...about({
      row,
      case: `${scenario}, ${draw.strategy}`,
      metric: `${what} drawn`,
      unit: '1/s',
      better: 'higher',
    }),
    async round(no): Promise<Round> {
      const engine = await (await labFor(scenario)).engine(scenario, RACE);
      drawFor(engine, draw, seconds / 4, 1e6);
      const { schedules, steps, s } = drawFor(engine, draw, seconds, no * 1e5);
      return {
        value: (what === 'schedules' ? schedules : steps) / s,
        extra: {
          'steps of a schedule': steps / schedules,
          'schedules, 1/s': schedules / s,
          'steps, 1/s': steps / s,
        },
      };
    },
  };
}

/** Row 4: time until all interleavings have been seen. */
export function exhaustCase(row: string, scenario: string, limitMs: number): BenchCase {
  return {
    ...about({ row, case: scenario, metric: 'all interleavings', unit: 's', better: 'lower' }),
    async round(): Promise<Round> {
      const engine = await (await labFor(scenario)).engine(scenario, STATE);
      engine.watchesRaces = false;
      const began = cpuSeconds();
      const done = exhaust(engine, { bound: Infinity, cut: true, budgetMs: limitMs });
      const s = cpuSeconds() - began;
      const [found] = done.findings;
      if (found !== undefined) throw new Error(`a false alarm in ${scenario}: ${found.finding.message}`);
      return {
        value: s,
        extra: { states: done.states, executions: done.executions, complete: done.complete ? 1 : 0 },
      };
    },
  };
}

/** Row 10: what the race detector costs. */
export function raceCase(row: string, scenario: string, schedules: number): BenchCase {
  return {
    ...about({ row, case: scenario, metric: 'race detection on', unit: 's', better: 'lower' }),
    async round(no): Promise<Round> {
      const engines = await Promise.all(
        [true, false].map(async (races) => (await labFor(scenario, races)).engine(scenario, RACE)),
      );
      const runs = engines.map((engine) => {
        const strategy = makeStrategy({ strategy: 'random' });
        strategy.expect(calibrate(engine));
        let next = no * 1e5;
        return () => {
          for (let i = 0; i < schedules; i++) {
            strategy.seed(1, next++);
            engine.run(strategy);
          }
        };
      });
      for (const run of runs) run();
      const { a, b } = await alternate(runs[0], runs[1], { maxTime: 1, minSamples: 10 });
      return { value: a, reference: b };
    },
  };
}

/** Row 8: the same seed gives the same trace, also in another process. */
export function replayCase(row: string, scenario: string, count: number): BenchCase {
  return {
    ...about({
      row,
      case: `${scenario}, two isolates`,
      metric: 'replays with the same trace',
      unit: '%',
      better: 'higher',
    }),
    async round(no): Promise<Round> {
      const here = await traceHashes(scenario, no, count);
      const there = await ask<string[]>({ what: 'traces', scenario, seed: no, count });
      const same = here.filter((h, i) => h === there[i]).length;
      return { value: (100 * same) / count, extra: { replays: count, distinct: new Set(here).size } };
    },
  };
}

/** Hashes of the traces of the first schedules of a seed. */
export async function traceHashes(scenario: string, seed: number, count: number): Promise<string[]> {
  const lab = await labFor(scenario);
  const engine = await lab.engine(scenario, RACE);
  const strategy = makeStrategy({ strategy: 'random' });
  strategy.expect(calibrate(engine));
  const hashes: string[] = [];
  for (let i = 0; i < count; i++) {
    const steps: Step[] = [];
    strategy.seed(seed, i);
    engine.run(strategy, steps);
    hashes.push(traceHash(steps, lab.sites(RACE)));
  }
  return hashes;
}

/** Row 11. */
export function linearizabilityCase(row: string, ms: number): BenchCase {
  return {
    ...about({
      row,
      case: 'stack, 3 threads x 4 operations',
      metric: 'histories judged',
      unit: '1/s',
      better: 'higher',
    }),
    round(): Promise<Round> {
      const { validPerSecond, brokenPerSecond } = benchLinearizability(ms);
      const extra = { 'broken histories, 1/s': brokenPerSecond };
      return Promise.resolve({ value: validPerSecond, extra });
    },
  };
}

/** Row 13: a worker that has never seen the compiler transforms the whole core; then again with one file changed. */
export function transformCases(row: string): BenchCase[] {
  // Both figures of a round come from one worker.
  const asked = new Map<number, Promise<TransformTimes>>();
  return (['cold', 'from disk', 'warm'] as const).map((which) => ({
    ...about({ row, case: `whole core, ${which}`, metric: 'transform', unit: 's', better: 'lower' }),
    async round(no): Promise<Round> {
      const asking = asked.get(no) ?? ask<TransformTimes>({ what: 'transform' });
      asked.set(no, asking);
      const times = await asking;
      return {
        value: which === 'cold' ? times.cold : which === 'warm' ? times.warm : times.cached,
        extra: { files: times.files, 'load of the compiler, s': times.load },
      };
    },
  }));
}

/** Row 14: Atomics behave as V8's. */
export function conformanceCase(row: string): BenchCase {
  return {
    ...about({ row, case: 'Atomics programs', metric: 'equal to V8', unit: '%', better: 'higher' }),
    async round(): Promise<Round> {
      const results = await runConformance(new Host(repositoryRoot()));
      const equal = results.filter((r) => r.equal).length;
      return { value: (100 * equal) / results.length, extra: { programs: results.length } };
    },
  };
}

/** Asks a fresh worker thread. */
function ask<T>(question: object): Promise<T> {
  const beside = fileURLToPath(new URL('../../workers/explore-bench.js', import.meta.url));
  const file = existsSync(beside)
    ? beside
    : fileURLToPath(new URL('../../dist/workers/explore-bench.js', import.meta.url));
  return new Promise((resolve, reject) => {
    const worker = new Worker(file, { workerData: question });
    worker.once('message', (answer: T) => resolve(answer));
    worker.once('error', reject);
  });
}
