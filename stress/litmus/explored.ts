/**
 * A question under exploration: its actors as virtual threads, all interleavings of all their accesses, and a look for
 * data races. Who never comes to an end is asleep, and that is an outcome here, not a finding.
 */
import { fileURLToPath } from 'node:url';
import { UserError } from '../../src/config/errors.ts';
import { Engine, type RunResult } from '../../src/explore/engine/engine.ts';
import type { Strategy } from '../../src/explore/engine/strategy.ts';
import { STATUS } from '../../src/explore/engine/vthread.ts';
import { exhaust } from '../../src/explore/search/search.ts';
import { RandomStrategy } from '../../src/explore/strategies/random.ts';
import { type Build, TransformError } from '../../src/explore/transform/build.ts';
import { Host } from '../../src/explore/transform/host.ts';
import { instantiate } from '../../src/explore/transform/instantiate.ts';
import type { Finding, FindingKind, Scenario, Step } from '../../src/explore/types.ts';
import {
  ASLEEP,
  outcomeOf,
  type Question,
  type Seen,
  type Surroundings,
  surroundingsOf,
  textOf,
} from './question.ts';
import type { Entry } from './questions.ts';

export interface Explored {
  /** All outcomes that some interleaving has. */
  readonly outcomes: ReadonlySet<string>;
  /** Whether all interleavings were looked at. */
  readonly complete: boolean;
  readonly states: number;
  readonly executions: number;
  /** What the race detector found; null: nothing. */
  readonly race: { readonly kind: 'race' | 'mixed-size'; readonly message: string } | null;
  /** What else was found: a thread that threw, a loop without end. */
  readonly findings: readonly string[];
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url)).replace(/dist\/$/, '');
/** Far more than any question needs. */
const BUDGET_MS = 30_000;
/** Schedules in which a race is looked for. Each shows nearly every race, as it is judged by clocks. */
const RACE_SCHEDULES = 300;
const SEED = 1;

const ASLEEP_FOR_EVER: readonly FindingKind[] = ['deadlock', 'lost-wakeup'];

/** What a function that runs alone returns: where plain accesses are points it is a generator, which never suspends. */
function toEnd(value: unknown): unknown {
  const { next } = Object(value) as { readonly next?: () => IteratorResult<unknown> };
  return next === undefined ? value : next.call(value).value;
}

/** A question as a scenario. */
export function scenarioOf(question: Question): Scenario {
  const { number, name, asks, memory, actors, arbiter, init } = question;
  return {
    name: `${number}-${name}`,
    doc: asks,
    memory,
    setup: (m) => {
      toEnd(init?.(m, 0));
      return surroundingsOf(m.buffer, Infinity);
    },
    threads: actors.map(
      (actor) =>
        ({ m, s }) =>
          actor(m, 0, s as Surroundings),
    ),
    outcome: (m, _s, results) =>
      outcomeOf([...results, toEnd(arbiter?.(m, 0))].map((seen) => textOf(seen as Seen))),
  };
}

/** An engine for which sleeping for ever is an outcome. */
class LitmusEngine extends Engine {
  private running = false;

  override run(strategy: Strategy, trace: Step[] | null = null): RunResult {
    // The engine runs a schedule once more by itself, to say more about its end.
    if (this.running) return super.run(strategy, trace);
    this.running = true;
    try {
      const run = super.run(strategy, trace);
      if (run.finding === null || !ASLEEP_FOR_EVER.includes(run.finding.kind)) return run;
      const parts = this.threads.map((t) => (t.status === STATUS.asleep ? ASLEEP : textOf(t.result as Seen)));
      return { ...run, finding: null, outcome: outcomeOf(parts) };
    } finally {
      this.running = false;
    }
  }
}

/** Questions that have been transformed, once for all of them. */
export class Explorer {
  private readonly stateful: Loaded;
  private readonly clocked: Loaded;

  private constructor(stateful: Loaded, clocked: Loaded) {
    this.stateful = stateful;
    this.clocked = clocked;
  }

  /** @throws UserError for a question that cannot be explored, a line for each reason */
  static async of(entries: readonly Entry[]): Promise<Explorer> {
    const host = new Host(ROOT);
    const entry = entries.map((e) => sourceOf(e.href));
    try {
      // For all interleavings plain accesses are points too; races are found by clocks, which states do not have.
      const all = host.build({ entry, dialect: 'explore', plain: 'all', state: true });
      const race = host.build({ entry, dialect: 'explore', plain: 'race', state: false });
      return new Explorer(
        await load(all, new LitmusEngine({ races: false, stateful: true, plain: 'all' })),
        await load(race, new LitmusEngine({ races: true, stateful: false, plain: 'race' })),
      );
    } catch (error) {
      throw error instanceof TransformError ? new UserError(error.message) : error;
    }
  }

  explore(entry: Entry): Explored {
    const { stateful, clocked } = this;
    stateful.open(entry);
    const all = exhaust(stateful.engine, { bound: Infinity, cut: true, graph: true, budgetMs: BUDGET_MS });
    clocked.open(entry);
    return {
      outcomes: new Set(all.outcomes.keys()),
      complete: all.complete,
      states: all.states,
      executions: all.executions,
      race: findRace(clocked),
      findings: all.findings.map(({ finding }) => `${finding.kind}: ${finding.message}`),
    };
  }
}

interface Loaded {
  readonly engine: LitmusEngine;
  readonly build: Build;
  open(entry: Entry): void;
}

async function load(build: Build, engine: LitmusEngine): Promise<Loaded> {
  const instance = await instantiate(build, engine);
  engine.wantOutcomes = true;
  return {
    engine,
    build,
    open: ({ href }) => {
      const { question } = instance.exports(sourceOf(href)) as { readonly question: Question };
      engine.open(scenarioOf(question));
    },
  };
}

/** The source of a question: beside the compiled one, outside of dist. */
function sourceOf(href: string): string {
  const path = fileURLToPath(href);
  const compiled = `${ROOT}dist/`;
  return path.startsWith(compiled) ? `${ROOT}${path.slice(compiled.length, -'.js'.length)}.ts` : path;
}

function findRace({ engine, build }: Loaded): Explored['race'] {
  const strategy = new RandomStrategy();
  for (let i = 0; i < RACE_SCHEDULES; i++) {
    strategy.seed(SEED, i);
    const { finding } = engine.run(strategy);
    if (finding?.kind === 'race' || finding?.kind === 'mixed-size') {
      return { kind: finding.kind, message: describeRace(finding, finding.kind, build) };
    }
  }
  return null;
}

function describeRace(finding: Finding, kind: 'race' | 'mixed-size', { sites }: Build): string {
  const places = finding.places.map(({ site }) => `${sites[site].text} (line ${sites[site].line})`);
  return `${kind === 'race' ? 'a data race' : 'a race of different widths'}: ${places.join(' and ')}`;
}
