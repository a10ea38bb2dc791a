/**
 * One scenario under one profile: what has failed before, then draws, then bounded search; until something is found or
 * the profile's budget is used up.
 *
 * | profile    | corpus | draws                               | bounded search with known states cut         |
 * |------------|--------|-------------------------------------|----------------------------------------------|
 * | quick      | yes    | portfolio, 2 s or 20,000 schedules  | no                                           |
 * | exhaustive | yes    | portfolio, 1 s (races)              | all interleavings of scenarios small enough, |
 * |            |        |                                     | others up to their bound                     |
 * | nightly    | yes    | portfolio, 60 s                     | up to the scenario's bound, 2 by default     |
 *
 * Draws alternate between two forms of the sources: plain accesses watched for races only, which is faster, and with
 * those that the layout allows unguarded as scheduling points, which sees what depends on them.
 */
import { type Failure, investigate, type Lead, strategyOf } from './investigate.ts';
import type { Engine } from './engine/engine.ts';
import { InputError } from './report/input-error.ts';
import type { Form, Lab } from './lab.ts';
import type { CorpusEntry } from './report/corpus.ts';
import { parseReplay, parseSchedule, printSchedule, type Replay } from './report/schedule-string.ts';
import { Signatures } from './report/signatures.ts';
import { calibrate, type Draw, PORTFOLIO, sample, type SampleOptions } from './search/portfolio.ts';
import { Recorder, ReplayStrategy } from './search/replay.ts';
import { deepen, type Deepened } from './search/search.ts';
import type { Coverage, FindingKind, PlainPoints, Scenario, Step, Switch } from './types.ts';

export interface Profile {
  readonly name: 'quick' | 'exhaustive' | 'nightly';
  /** Most draws, and most time for them, ms. */
  readonly schedules: number;
  readonly drawMs: number;
  /** Most time for bounded search, ms; 0: none. */
  readonly searchMs: number;
  /** All interleavings where the scenario is small enough for it. */
  readonly all: boolean;
  readonly minimiseMs: number;
}

export const PROFILES: Readonly<Record<Profile['name'], Profile>> = {
  quick: { name: 'quick', schedules: 20_000, drawMs: 2000, searchMs: 0, all: false, minimiseMs: 1000 },
  exhaustive: {
    name: 'exhaustive',
    schedules: 20_000,
    drawMs: 1000,
    searchMs: 60_000,
    all: true,
    minimiseMs: 5000,
  },
  nightly: {
    name: 'nightly',
    schedules: Infinity,
    drawMs: 60_000,
    searchMs: 120_000,
    all: false,
    minimiseMs: 10_000,
  },
};

export interface ExploreOptions {
  readonly profile: Profile;
  /** uint32 */
  readonly seed: number;
  readonly draws?: readonly Draw[];
  /** Only this form of draws; both in turns when absent. */
  readonly plain?: PlainPoints;
  readonly corpus?: readonly CorpusEntry[];
  /** Which numbers of schedules are this worker's. */
  readonly from?: number;
  readonly stride?: number;
  readonly outcomes?: boolean;
  /** Told now and then; false: stop. */
  readonly onProgress?: (p: { phase: string; schedules: number; steps: number }) => boolean;
}

export interface Explored {
  readonly coverage: Coverage;
  readonly failure: Failure | null;
  /** Schedules until it was found. */
  readonly after: number;
  readonly search: Deepened | null;
  readonly signatures: Signatures;
}

const BOUNDS = [0, 1, 2, 3, 4, 5, 6];
const FORMS: readonly Form[] = [
  { plain: 'race', state: false },
  { plain: 'dirty', state: false },
];
/** So many steps are drawn from one form before the other has its turn: an engine warms up. */
const TURN_STEPS = 1_000_000;

class Exploration {
  private schedules = 0;
  private steps = 0;
  private bound = -1;
  private readonly outcomes = new Map<string, number>();
  private readonly signatures = new Signatures();
  private readonly began = performance.now();
  private searched: Deepened | null = null;
  private stopped = false;
  private readonly lab: Lab;
  private readonly scenario: Scenario;
  private readonly o: ExploreOptions;

  constructor(lab: Lab, scenario: Scenario, o: ExploreOptions) {
    this.lab = lab;
    this.scenario = scenario;
    this.o = o;
  }

  async run(): Promise<Explored> {
    const failure = (await this.corpus()) ?? (await this.draw()) ?? (await this.bounded());
    const { searched: search } = this;
    const exhausted = search !== null && search.rounds.length > 0;
    return {
      failure,
      after: this.schedules,
      search,
      signatures: this.signatures,
      coverage: {
        schedules: this.schedules,
        steps: this.steps,
        distinct: exhausted ? Math.max(...search.rounds.map((r) => r.states)) : this.signatures.distinct,
        saturation: this.signatures.saturation,
        boundExhausted: this.bound,
        outcomes: this.outcomes,
        ms: performance.now() - this.began,
      },
    };
  }

  private investigate(form: Form, lead: Lead): Promise<Failure> {
    return investigate(this.lab, this.scenario, form, lead, { minimiseMs: this.o.profile.minimiseMs });
  }

  /** @returns whether to go on */
  private tell(phase: string): boolean {
    const go = this.o.onProgress?.({ phase, schedules: this.schedules, steps: this.steps }) ?? true;
    if (!go) this.stopped = true;
    return go;
  }

  /** What has failed before. */
  private async corpus(): Promise<Failure | null> {
    for (const entry of this.o.corpus ?? []) {
      if (entry.scenario !== this.scenario.name) continue;
      const { plain, switches } = parseSchedule(entry.schedule);
      // From when the scenario had more threads.
      const n = this.scenario.threads.length;
      if (switches.some((s) => s.thread >= n || s.to >= n)) continue;
      const form: Form = { plain, state: false };
      const engine = await this.lab.engine(this.scenario.name, form);
      const run = engine.run(new ReplayStrategy(switches));
      this.schedules++;
      this.steps += run.steps;
      if (run.finding !== null)
        return this.investigate(form, { by: 'switches', switches, strategy: 'corpus' });
    }
    return null;
  }

  private async draw(): Promise<Failure | null> {
    const { profile, seed, draws = PORTFOLIO, plain } = this.o;
    const forms = plain === undefined ? FORMS : [{ plain, state: false }];
    const next = forms.map(() => this.o.from ?? 0);
    let until = performance.now() + profile.drawMs;
    let left = profile.schedules;
    for (let turn = 0; left > 0 && performance.now() < until && !this.stopped; turn++) {
      const k = turn % forms.length;
      const began = performance.now();
      const engine = await this.lab.engine(this.scenario.name, forms[k]);
      // Builds are not draws.
      until += performance.now() - began;
      const before = { schedules: this.schedules, steps: this.steps };
      const options: SampleOptions = {
        draws,
        seed,
        from: next[k],
        stride: this.o.stride ?? 1,
        schedules: Math.min(left, Math.ceil(profile.schedules / (4 * forms.length))),
        steps: TURN_STEPS,
        budgetMs: until - performance.now(),
        // The two forms have sites of their own.
        ...(k === 0 && { signatures: this.signatures }),
        outcomes: this.o.outcomes === true,
        onProgress: (p) => {
          this.schedules = before.schedules + p.schedules;
          this.steps = before.steps + p.steps;
          return this.tell('draws');
        },
      };
      const done = sample(engine, options);
      this.schedules = before.schedules + done.schedules;
      this.steps = before.steps + done.steps;
      left -= done.schedules;
      next[k] += Math.ceil(done.schedules / draws.length) * (this.o.stride ?? 1);
      for (const [outcome, n] of done.outcomes)
        this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + n);
      if (done.found !== null) {
        const { draw, iteration } = done.found;
        return this.investigate(forms[k], { by: 'draw', draw, seed, iteration, estimate: done.estimate });
      }
    }
    return null;
  }

  /**
   * Bounded search. For all interleavings first those of atomic operations; then, with what is left of the time, those in
   * which the unguarded reads that the layout allows are points too.
   */
  private async bounded(): Promise<Failure | null> {
    const { profile, plain } = this.o;
    if (profile.searchMs === 0) return null;
    const all = profile.all && this.scenario.exhaustive === true;
    const forms: readonly PlainPoints[] = plain !== undefined ? [plain] : all ? ['race', 'dirty'] : ['dirty'];
    let left = profile.searchMs;
    for (const form of forms) {
      if (this.stopped || left <= 0) break;
      const began = performance.now();
      const failure = await this.search({ plain: form, state: true }, all, left);
      if (failure !== null) return failure;
      left -= performance.now() - began;
    }
    return null;
  }

  private async search(form: Form, all: boolean, budgetMs: number): Promise<Failure | null> {
    const engine = await this.lab.engine(this.scenario.name, form);
    engine.wantOutcomes = true;
    // What a race is found by is no part of a state: draws look for them.
    engine.watchesRaces = false;
    const most = this.scenario.bound ?? 2;
    const before = { schedules: this.schedules, steps: this.steps };
    const search = deepen(engine, {
      cut: true,
      bounds: all ? [Infinity] : BOUNDS.filter((b) => b <= most),
      graph: all,
      budgetMs,
      stopAt: () => true,
      onProgress: (p) => {
        this.schedules = before.schedules + p.executions;
        this.tell(p.bound === Infinity ? 'all interleavings' : `bound ${p.bound}`);
      },
    });
    engine.watchesRaces = true;
    if (search.boundExhausted >= this.bound) this.searched = search;
    this.bound = Math.max(this.bound, search.boundExhausted);
    this.schedules = before.schedules + search.rounds.reduce((sum, r) => sum + r.executions, 0);
    this.steps = before.steps + search.rounds.reduce((sum, r) => sum + r.steps, 0);
    for (const [outcome, n] of search.rounds.at(-1)?.outcomes ?? []) this.outcomes.set(outcome, n);
    const [found] = search.findings;
    if (found === undefined) return null;
    if (found.finding.kind === 'stuck') return this.stuck(form, found.switches, found);
    return this.investigate(
      { plain: form.plain, state: false },
      { by: 'switches', switches: found.switches, strategy: `bound ${found.preemptions}` },
    );
  }

  /** A state that cannot end any more: the search has looked for the way with the fewest preemptions itself. */
  private async stuck(
    form: Form,
    switches: Failure['switches'],
    found: Deepened['findings'][number],
  ): Promise<Failure> {
    const engine = await this.lab.engine(this.scenario.name, { plain: form.plain, state: false });
    const steps: Failure['steps'][number][] = [];
    engine.run(new ReplayStrategy(switches), steps);
    return {
      finding: found.finding,
      strategy: 'dfs',
      plain: form.plain,
      seed: '',
      schedule: printSchedule({ plain: form.plain, switches }),
      switches,
      preemptions: found.preemptions,
      exact: false,
      minimiseMs: 0,
      steps,
    };
  }
}

/** Explores one scenario of a lab's module. */
export function exploreScenario(lab: Lab, scenario: Scenario, o: ExploreOptions): Promise<Explored> {
  return new Exploration(lab, scenario, o).run();
}

/** A schedule that was run by its string. */
export interface Replayed {
  /** Minimised; null: the schedule does not fail. */
  readonly failure: Failure | null;
  /** The schedule as it was given. */
  readonly simulated: {
    readonly plain: PlainPoints;
    readonly switches: readonly Switch[];
    readonly steps: readonly Step[];
    readonly kind: FindingKind | null;
    /** Where a schedule string does not fit the sources any more. */
    readonly divergence: string | null;
  };
}

/**
 * One schedule by its string, traced; minimised when it fails.
 * @throws InputError when the string is none
 */
export async function replayString(
  lab: Lab,
  scenario: Scenario,
  text: string,
  o: { readonly minimiseMs: number },
): Promise<Replayed> {
  const replay = parseReplay(text, scenario.threads.length);
  const { plain } = 'schedule' in replay ? replay.schedule : replay.seed;
  const form: Form = { plain, state: false };
  const engine = await lab.engine(scenario.name, form);
  const lead = leadOf(replay, engine);
  const strategy = strategyOf(lead);
  const recorder = new Recorder(strategy);
  const steps: Step[] = [];
  const { finding } = engine.run(recorder, steps);
  const divergence = strategy instanceof ReplayStrategy ? strategy.divergence : null;
  const switches = recorder.switches();
  const failure = finding === null ? null : await investigate(lab, scenario, form, lead, o);
  return { failure, simulated: { plain, switches, steps, kind: finding?.kind ?? null, divergence } };
}

/** @throws InputError for a seed of the depth-first search, which draws nothing */
export function leadOf(replay: Replay, engine: Engine): Lead {
  if ('schedule' in replay) return { by: 'switches', switches: replay.schedule.switches, strategy: 'replay' };
  const { strategy, parameter, seed, iteration } = replay.seed;
  if (strategy === 'dfs')
    throw new InputError('a depth-first search has no seeds: give the schedule string (s1:...)');
  const draw: Draw = { strategy, ...(parameter !== undefined && { parameter }) };
  return { by: 'draw', draw, seed, iteration, estimate: calibrate(engine) };
}
