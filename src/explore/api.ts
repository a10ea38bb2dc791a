/** Exploration inside a test: one call that throws what a failing scenario has to say. */
import { cwd } from 'node:process';
import { resolve } from 'node:path';
import type { Engine } from './engine/engine.ts';
import { type Explored, exploreScenario, leadOf, type Profile, PROFILES, replayString } from './explorer.ts';
import { type Failure, investigateOn, type Lead, strategyOf } from './investigate.ts';
import { type Form, Lab } from './lab.ts';
import { appendCorpus, loadCorpus } from './report/corpus.ts';
import { failureText } from './report/failure-text.ts';
import { parseReplay } from './report/schedule-string.ts';
import { Signatures } from './report/signatures.ts';
import { writeTrace } from './report/trace-file.ts';
import { PORTFOLIO, sample } from './search/portfolio.ts';
import type { Build } from './transform/build.ts';
import { Host } from './transform/host.ts';
import type { Coverage, Scenario, Site } from './types.ts';

export interface TestOptions {
  /** Default: EXPLORE_PROFILE, else quick. */
  readonly profile?: Profile['name'];
  /** Default: EXPLORE_SEED, else 1. */
  readonly seed?: number;
  /** Most time for draws, ms. Default: the profile's. */
  readonly budgetMs?: number;
  readonly schedules?: number;
  /** File of schedules that have failed: tried first, and added to when something fails. */
  readonly corpus?: string;
}

/** An environment variable; one that is set to nothing is not set. */
function env(name: string): string | undefined {
  const value = process.env[name];
  return value === '' ? undefined : value;
}

const MAX_SEED = 0xffff_ffff;

/** A scenario failed: the message is the whole report. */
export class ExplorationFailed extends Error {
  readonly failure: Failure | null;

  constructor(text: string, failure: Failure | null) {
    super(text);
    this.name = 'ExplorationFailed';
    this.failure = failure;
  }
}

function profileOf(o: TestOptions): Profile {
  const name = o.profile ?? env('EXPLORE_PROFILE') ?? 'quick';
  const profile = (PROFILES as Readonly<Record<string, Profile>>)[name];
  if (profile === undefined) throw new RangeError(`profile ${name}: must be quick, exhaustive or nightly`);
  return {
    ...profile,
    ...(o.budgetMs !== undefined && { drawMs: o.budgetMs, schedules: Infinity }),
    ...(o.schedules !== undefined && { schedules: o.schedules }),
  };
}

function seedOf(o: TestOptions): number {
  const seed = o.seed ?? Number(env('EXPLORE_SEED') ?? 1);
  if (Number.isInteger(seed) && seed >= 0 && seed <= MAX_SEED) return seed;
  throw new RangeError(`seed ${o.seed ?? env('EXPLORE_SEED')}: must be a whole number from 0 to ${MAX_SEED}`);
}

let host: Host | null = null;

/** A lab over a module as it is on disk. The compiler is kept for the next. */
export function openLab(file: string): Lab {
  const path = resolve(file);
  const builds = new Map<string, Build>();
  return new Lab(path, (form) => {
    const key = `${form.plain} ${form.state}`;
    let build = builds.get(key);
    if (build === undefined) {
      host ??= new Host(cwd());
      build = host.build({ entry: [path], dialect: 'explore', ...form });
      builds.set(key, build);
    }
    return build;
  });
}

/**
 * Explores all scenarios of a module, or those named. In the environment, EXPLORE_REPLAY replays one schedule instead.
 * @param file path of a TypeScript module that exports scenarios
 * @returns what each has covered, by name
 * @throws ExplorationFailed with the minimised schedule and the ways back to it; RangeError for an option or a name that
 *   there is not
 */
export async function exploreModule(
  file: string,
  names?: readonly string[],
  o: TestOptions = {},
): Promise<Map<string, Explored>> {
  const lab = openLab(file);
  const covered = new Map<string, Explored>();
  const profile = profileOf(o);
  const seed = seedOf(o);
  const all = await lab.scenarios();
  const missing = (names ?? []).filter((name) => all.every((s) => s.name !== name));
  if (missing.length > 0 || all.length === 0) {
    throw new RangeError(
      `${file} has no scenario${missing.length > 0 ? ` named ${missing.join(', ')}` : ''}`,
    );
  }
  const replay = env('EXPLORE_REPLAY');
  for (const scenario of all) {
    if (names !== undefined && !names.includes(scenario.name)) continue;
    if (replay !== undefined) {
      const { failure } = await replayString(lab, scenario, replay, { minimiseMs: profile.minimiseMs });
      if (failure !== null) throw await failed(lab, scenario, failure);
      continue;
    }
    const explored = await exploreScenario(lab, scenario, {
      profile,
      seed,
      corpus: o.corpus === undefined ? [] : loadCorpus(o.corpus),
    });
    const { failure } = explored;
    if (failure !== null && failure.finding.kind !== scenario.expect) {
      if (o.corpus !== undefined) {
        const { schedule, finding } = failure;
        appendCorpus(o.corpus, { scenario: scenario.name, seed: failure.seed, schedule, kind: finding.kind });
      }
      throw await failed(lab, scenario, failure);
    }
    if (failure === null && scenario.expect !== undefined) {
      throw new ExplorationFailed(
        `${scenario.name}: no ${scenario.expect} was found, which it expects`,
        null,
      );
    }
    covered.set(scenario.name, explored);
  }
  return covered;
}

async function failed(lab: Lab, scenario: Scenario, failure: Failure): Promise<ExplorationFailed> {
  const form: Form = { plain: failure.plain, state: false };
  const engine = await lab.engine(scenario.name, form);
  const text = textOf(
    engine,
    scenario,
    failure,
    Object.fromEntries(lab.sites(form).entries()),
    lab.fingerprint(form),
  );
  return new ExplorationFailed(text, failure);
}

/** The report; the trace is written when EXPLORE_TRACE_DIR says where. */
function textOf(
  engine: Engine,
  scenario: Scenario,
  failure: Failure,
  sites: Readonly<Record<number, Site>>,
  fingerprint: string,
): string {
  const { finding, steps, seed, schedule } = failure;
  const about = { scenario: scenario.name, seed, schedule, sites, steps };
  const dir = env('EXPLORE_TRACE_DIR');
  const trace =
    dir === undefined ? undefined : writeTrace(dir, { ...about, finding: finding.message, fingerprint });
  const text = failureText({
    ...about,
    finding,
    threads: scenario.threads.map((_, t) => `thread ${t}`),
    wordName: (w) => engine.nameOf(w),
    command: (replay) => `EXPLORE_REPLAY='${replay}' npx vitest run`,
  });
  return trace === undefined ? text : `${text}\n\n  trace: ${trace}`;
}

/** The engine that modules imported with `?explore` are bound to, and their sites (transform/bind.ts). */
const ENGINE = Symbol.for('latchlab.explore');
const SITES = Symbol.for('latchlab.explore.sites');

/**
 * Explores a scenario written in a test, of functions that were imported with `?explore` (the plugin transforms those).
 * Draws only: for bounded search see `exploreModule`. In the environment, EXPLORE_REPLAY replays one schedule instead.
 * @throws ExplorationFailed with the minimised schedule and the ways back to it
 */
export function explore<S>(
  scenario: Omit<Scenario<S>, 'name' | 'doc'> & Partial<Pick<Scenario<S>, 'name' | 'doc'>>,
  o: TestOptions = {},
): Coverage {
  const bound = globalThis as { [ENGINE]?: Engine; [SITES]?: ReadonlyMap<number, Site> };
  const engine = bound[ENGINE];
  if (engine === undefined) {
    throw new Error(
      'nothing was imported with ?explore: the vitest plugin of latchlab/explore/plugin is needed',
    );
  }
  const profile = profileOf(o);
  const seed = seedOf(o);
  const named = { name: 'a scenario of a test', doc: '', ...scenario } as Scenario;
  engine.open(named);
  engine.wantGenerators = true;
  const fails = (lead: Lead): never => {
    const failure = investigateOn(engine, engine, 'race', lead, profile);
    const sites = Object.fromEntries(bound[SITES] ?? []);
    throw new ExplorationFailed(textOf(engine, named, failure, sites, ''), failure);
  };
  const replay = env('EXPLORE_REPLAY');
  if (replay !== undefined) {
    const lead = leadOf(parseReplay(replay, named.threads.length), engine);
    const { finding, steps } = engine.run(strategyOf(lead));
    if (finding !== null) fails(lead);
    return { ...NOTHING, schedules: 1, steps };
  }
  const signatures = new Signatures();
  const done = sample(engine, {
    draws: PORTFOLIO,
    seed,
    schedules: profile.schedules,
    budgetMs: profile.drawMs,
    signatures,
    outcomes: true,
  });
  if (done.found !== null) {
    const { draw, iteration } = done.found;
    fails({ by: 'draw', draw, seed, iteration, estimate: done.estimate });
  }
  const { schedules, steps, outcomes, ms } = done;
  const { distinct, saturation } = signatures;
  return { ...NOTHING, schedules, steps, distinct, saturation, outcomes, ms };
}

const NOTHING: Coverage = {
  schedules: 0,
  steps: 0,
  distinct: 0,
  saturation: 0,
  boundExhausted: -1,
  outcomes: new Map(),
  ms: 0,
};
