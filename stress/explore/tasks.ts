/** What the workers of an exploration do: one scenario, or one mutant with all its seeds. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ExploreOptions, exploreScenario, type Profile } from '../../src/explore/explorer.ts';
import type { Failure } from '../../src/explore/investigate.ts';
import { type Form, Lab, scenariosOf } from '../../src/explore/lab.ts';
import type { CorpusEntry } from '../../src/explore/report/corpus.ts';
import type { SignatureData } from '../../src/explore/report/signatures.ts';
import { TransformError } from '../../src/explore/transform/build.ts';
import type { Draw } from '../../src/explore/search/portfolio.ts';
import type { Coverage, PlainPoints, Scenario, Site } from '../../src/explore/types.ts';
import { repositoryRoot } from './catalog.ts';
import { labOf } from './labs.ts';
import { applyMutant, type Mutant } from './mutants/types.ts';
import { confirmOnRealThreads } from './real.ts';

/** Index in a slot of the progress: 1 once its task has begun. */
export const BEGAN = 2;

/** What the workers of a run share. */
export interface Shared {
  /** Where progress is told: schedules, steps and BEGAN of each task, as Float64 at 128 bytes for each slot. */
  readonly progress: SharedArrayBuffer;
  readonly slot: number;
  /** Int32: the task stops when word 0 is set, or word `stop`, which is set when one of its fellows has found something. */
  readonly stops: SharedArrayBuffer;
  readonly stop: number;
}

export interface ScenarioTask extends Shared {
  readonly kind: 'scenario';
  readonly file: string;
  readonly name: string;
  readonly profile: Profile;
  readonly seed: number;
  readonly draws?: readonly Draw[];
  readonly plain?: PlainPoints;
  readonly corpus: readonly CorpusEntry[];
  readonly outcomes: boolean;
  /** This worker's share of the schedules, when several work at one scenario. */
  readonly from: number;
  readonly stride: number;
}

export interface ScenarioDone {
  readonly name: string;
  readonly doc: string;
  readonly threads: number;
  readonly coverage: Coverage;
  readonly failure: Failure | null;
  readonly after: number;
  readonly signatures: SignatureData;
  /** Sites that the failure's steps and places name. */
  readonly sites: Readonly<Record<number, Site>>;
  readonly words: Readonly<Record<number, string>>;
  readonly fingerprint: string;
  readonly states: number;
}

export interface MutantTask extends Shared {
  readonly kind: 'mutant';
  readonly mutant: Mutant;
  /** Modules of the scenarios that are to kill it, the likeliest first. */
  readonly scenarios: readonly { readonly name: string; readonly file: string }[];
  readonly seeds: readonly number[];
  readonly profile: Profile;
  /** Whether real threads are driven through the schedules that were found. */
  readonly real: boolean;
}

/** How one seed fared. */
export interface MutantKill {
  readonly seed: number;
  readonly scenario: string;
  /** `set-up`: the scenario could not even begin. */
  readonly strategy: string;
  readonly kind: string;
  readonly message: string;
  readonly schedules: number;
  readonly preemptions: number;
  readonly exact: boolean;
  readonly schedule: string;
  readonly minimiseMs: number;
  readonly ms: number;
  /** Real threads went the same way: '', or the first difference; null: not asked. */
  readonly real: string | null;
}

export interface MutantDone {
  readonly id: string;
  readonly seeds: number;
  readonly kills: readonly MutantKill[];
  /** Why it cannot be judged: it does not transform, or the explorer failed; that is no kill. */
  readonly error: string | null;
}

const RACE: Form = { plain: 'race', state: false };

/** Labs of unchanged modules live as long as the worker. */
const labs = new Map<string, Lab>();

function keptLab(file: string): Lab {
  let lab = labs.get(file);
  if (lab === undefined) {
    lab = labOf(file);
    labs.set(file, lab);
  }
  return lab;
}

async function scenarioNamed(lab: Lab, name: string): Promise<Scenario> {
  const found = scenariosOf(await lab.exports(RACE)).find((s) => s.name === name);
  if (found === undefined) throw new Error(`${lab.file} has no scenario named ${name}`);
  return found;
}

/** Tells progress, and asks whether to go on. */
class Teller {
  private readonly told: Float64Array;
  private readonly stops: Int32Array;
  private readonly stop: number;
  private before: readonly [schedules: number, steps: number] = [0, 0];

  constructor({ progress, slot, stops, stop }: Shared) {
    this.told = new Float64Array(progress, slot * 128, 3);
    this.told[BEGAN] = 1;
    this.stops = new Int32Array(stops);
    this.stop = stop;
    this.next();
  }

  /** What follows is counted from 0 again. */
  next(): void {
    this.before = [this.told[0], this.told[1]];
  }

  tell(p: { readonly schedules: number; readonly steps: number }): boolean {
    this.told[0] = this.before[0] + p.schedules;
    this.told[1] = this.before[1] + p.steps;
    return !this.stopped;
  }

  /** By the user, or because another share has found something. */
  get stopped(): boolean {
    return Atomics.load(this.stops, 0) !== 0 || Atomics.load(this.stops, this.stop) !== 0;
  }

  found(): void {
    Atomics.store(this.stops, this.stop, 1);
  }
}

/** @returns null when it was stopped before it began */
export async function runScenario(task: ScenarioTask): Promise<ScenarioDone | null> {
  const teller = new Teller(task);
  if (teller.stopped) return null;
  const lab = keptLab(task.file);
  const scenario = await scenarioNamed(lab, task.name);
  const options: ExploreOptions = {
    profile: task.profile,
    seed: task.seed,
    corpus: task.corpus,
    outcomes: task.outcomes,
    from: task.from,
    stride: task.stride,
    ...(task.draws !== undefined && { draws: task.draws }),
    ...(task.plain !== undefined && { plain: task.plain }),
    onProgress: (p) => teller.tell(p),
  };
  const { coverage, failure, after, signatures, search } = await exploreScenario(lab, scenario, options);
  teller.tell(coverage);
  if (failure !== null) teller.found();
  const form: Form = { plain: failure?.plain ?? 'race', state: false };
  const engine = failure === null ? null : await lab.engine(task.name, form);
  const all = lab.sites(form);
  const used = new Set([...(failure?.steps ?? []), ...(failure?.finding.places ?? [])].map((s) => s.site));
  const words = new Set((failure?.steps ?? []).map((s) => s.word).filter((w) => w >= 0));
  return {
    name: scenario.name,
    doc: scenario.doc,
    threads: scenario.threads.length,
    coverage,
    failure,
    after,
    signatures: signatures.data(),
    sites: Object.fromEntries([...used].filter((s) => s < all.length).map((s) => [s, all[s]])),
    words: Object.fromEntries([...words].map((w) => [w, engine?.nameOf(w) ?? ''])),
    fingerprint: lab.fingerprint(RACE),
    states: search?.rounds.at(-1)?.states ?? 0,
  };
}

/** @returns null when it was stopped */
export async function runMutant(task: MutantTask): Promise<MutantDone | null> {
  const { mutant } = task;
  const teller = new Teller(task);
  const path = join(repositoryRoot(), mutant.file);
  const overlay = new Map([[path, applyMutant(readFileSync(path, 'utf8'), mutant)]]);
  const kills: MutantKill[] = [];
  const labsOf = new Map<string, Lab>();
  const survivors = new Set(task.seeds);
  const done = (error: string | null): MutantDone => ({
    id: mutant.id,
    seeds: task.seeds.length,
    kills,
    error,
  });
  for (const { name, file } of task.scenarios) {
    let lab = labsOf.get(file);
    if (lab === undefined) {
      lab = labOf(file, overlay);
      labsOf.set(file, lab);
    }
    try {
      await lab.engine(name, RACE);
    } catch (error) {
      if (error instanceof TransformError) return done(`${name}: ${lineOf(error)}`);
      for (const seed of survivors) kills.push({ ...AT_ONCE, seed, scenario: name, message: lineOf(error) });
      return done(null);
    }
    for (const seed of survivors) {
      if (teller.stopped) return null;
      const began = performance.now();
      teller.next();
      try {
        const { failure, after } = await exploreScenario(lab, await scenarioNamed(lab, name), {
          profile: task.profile,
          seed,
          onProgress: (p) => teller.tell(p),
        });
        if (failure === null) continue;
        kills.push({
          seed,
          scenario: name,
          strategy: failure.strategy,
          kind: failure.finding.kind,
          message: failure.finding.message,
          schedules: after,
          preemptions: failure.preemptions,
          exact: failure.exact,
          schedule: failure.schedule,
          minimiseMs: failure.minimiseMs,
          ms: performance.now() - began,
          real: task.real ? await realDifference(name, file, failure, overlay) : null,
        });
        survivors.delete(seed);
      } catch (error) {
        return done(`${name}, seed ${seed}: ${lineOf(error)}`);
      }
    }
    if (survivors.size === 0) break;
  }
  return teller.stopped ? null : done(null);
}

const lineOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];

/** The end of a mutant with which a scenario cannot even be set up. */
const AT_ONCE = {
  strategy: 'set-up',
  kind: 'exception',
  schedules: 0,
  preemptions: 0,
  exact: true,
  schedule: '',
  minimiseMs: 0,
  ms: 0,
  real: null,
} as const;

/** '' when real threads go through the minimised schedule as simulated. */
async function realDifference(
  name: string,
  file: string,
  failure: Failure,
  overlay: ReadonlyMap<string, string>,
): Promise<string> {
  const simulated = { ...failure, kind: failure.finding.kind };
  try {
    return (await confirmOnRealThreads({ name, file }, simulated, overlay)).difference ?? '';
  } catch (error) {
    return lineOf(error);
  }
}

export default async function explore(
  task: ScenarioTask | MutantTask,
): Promise<ScenarioDone | MutantDone | null> {
  return task.kind === 'scenario' ? runScenario(task) : runMutant(task);
}
