/**
 * The fidelity suite: do the simulator and V8 agree about Atomics, and about what a schedule does? Programs are in
 * programs.ts; `compareSchedules` takes any scenario.
 */
import { fileURLToPath } from 'node:url';
import { firstDifference } from '../controlled/compare.ts';
import { scenarioNamed } from '../controlled/scenario.ts';
import { type ControlledResult, runControlled } from '../controlled/run-controlled.ts';
import { Engine } from '../engine/engine.ts';
import type { Strategy } from '../engine/strategy.ts';
import { printSchedule } from '../report/schedule-string.ts';
import { makeStrategy, PORTFOLIO } from '../search/portfolio.ts';
import { Recorder, ReplayStrategy } from '../search/replay.ts';
import type { Build, BuildOptions } from '../transform/build.ts';
import { instantiate } from '../transform/instantiate.ts';
import type { Ctx, Finding, PlainPoints, Scenario, Step, Switch } from '../types.ts';
import { multiThreaded, singleThreaded } from './programs.ts';

/** What makes builds: the transform's Host. */
export interface Builder {
  build(options: BuildOptions): Build;
}

/** What both said about one program. */
export interface Conformity {
  readonly name: string;
  readonly simulator: string;
  readonly v8: string;
  readonly equal: boolean;
}

/** The programs' source: the transform reads TypeScript, also for those who run compiled code. */
const PROGRAMS = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? './programs.ts' : '../../../../src/explore/conformance/programs.ts',
    import.meta.url,
  ),
);

/** A module in both builds, with an engine. */
export class Pair {
  private readonly file: string;
  private readonly explored: Build;
  private readonly controlled: Build;
  private readonly engine: Engine;
  private readonly exports: Readonly<Record<string, unknown>>;

  private constructor(
    file: string,
    explored: Build,
    controlled: Build,
    engine: Engine,
    exports: Readonly<Record<string, unknown>>,
  ) {
    this.file = file;
    this.explored = explored;
    this.controlled = controlled;
    this.engine = engine;
    this.exports = exports;
  }

  /**
   * @param file absolute path of a module with scenarios
   * @throws TransformError
   */
  static async of(builder: Builder, file: string, plain: PlainPoints = 'race'): Promise<Pair> {
    const options = { entry: [file], plain, state: false } as const;
    const explored = builder.build({ ...options, dialect: 'explore' });
    const controlled = builder.build({ ...options, dialect: 'controlled' });
    const engine = new Engine({ races: false, stateful: false, plain });
    engine.wantOutcomes = true;
    const instance = await instantiate(explored, engine);
    return new Pair(file, explored, controlled, engine, instance.exports(file));
  }

  get plain(): PlainPoints {
    return this.explored.options.plain;
  }

  open(name: string): Scenario {
    const scenario = scenarioNamed(this.exports, name);
    this.engine.open(scenario);
    return scenario;
  }

  /** One schedule of the scenario that is open, in the simulator. */
  simulate(strategy: Strategy): { finding: Finding | null; outcome: string; steps: Step[] } {
    const steps: Step[] = [];
    const { finding, outcome } = this.engine.run(strategy, steps);
    return { finding, outcome, steps };
  }

  real(scenario: string, switches: readonly Switch[]): Promise<ControlledResult> {
    const { plainNotPoints } = this.explored;
    return runControlled({ build: this.controlled, file: this.file, scenario, switches, plainNotPoints });
  }
}

/** The conformance suite: one row for each program. */
export async function runConformance(builder: Builder): Promise<Conformity[]> {
  const pair = await Pair.of(builder, PROGRAMS);
  const out: Conformity[] = [];
  const say = (name: string, simulator: string, v8: string): number =>
    out.push({ name, simulator, v8, equal: simulator === v8 });
  for (const native of singleThreaded()) {
    pair.open(native.name);
    const { finding, outcome } = pair.simulate(new ReplayStrategy([]));
    say(native.name, finding?.message ?? outcome, runNatively(native));
  }
  for (const { name } of multiThreaded()) {
    pair.open(name);
    const { finding, outcome, steps } = pair.simulate(new ReplayStrategy([]));
    const real = await pair.real(name, []);
    const difference = firstDifference(finding?.kind ?? null, steps, real);
    const v8 = real.text === '' ? real.outcome : real.text;
    say(name, finding?.message ?? outcome, difference === null ? v8 : `${v8}; ${difference}`);
  }
  return out;
}

/** Calls a program of one thread as it is. */
function runNatively({ memory, threads }: Scenario): string {
  const ctx: Ctx = {
    id: 0,
    m: new Int32Array(new SharedArrayBuffer(memory)),
    s: undefined,
    call: () => undefined,
    ret: (result) => result,
  };
  return String(threads[0](ctx));
}

/** A schedule that went differently. */
export interface Difference {
  /** As typed after --replay. */
  readonly schedule: string;
  readonly what: string;
}

/**
 * Draws schedules, by each strategy of the portfolio in turn, runs each in the simulator and on real threads, and
 * compares them step by step.
 * @returns the schedules that differed
 */
export async function compareSchedules(
  pair: Pair,
  scenario: string,
  count: number,
  seed: number,
): Promise<Difference[]> {
  const out: Difference[] = [];
  const strategies = PORTFOLIO.map(makeStrategy);
  pair.open(scenario);
  for (let k = 0; k < count; k++) {
    const strategy = strategies[k % strategies.length];
    strategy.seed(seed, k);
    const recorder = new Recorder(strategy);
    const { finding, outcome, steps } = pair.simulate(recorder);
    const switches = recorder.switches();
    const real = await pair.real(scenario, switches);
    const what = firstDifference(finding?.kind ?? null, steps, real, outcome);
    if (what !== null) out.push({ schedule: printSchedule({ plain: pair.plain, switches }), what });
  }
  return out;
}
