/**
 * A module of scenarios, ready to be explored: its builds, and an engine for each form in which it is needed. Runs where
 * there is no TypeScript compiler, too: builds are plain data.
 */
import { Engine } from './engine/engine.ts';
import type { Build } from './transform/build.ts';
import { instantiate, type Instance } from './transform/instantiate.ts';
import type { PlainPoints, Scenario, Site } from './types.ts';

/** How a module is transformed: which plain accesses are points, and whether whole states can be hashed. */
export interface Form {
  readonly plain: PlainPoints;
  readonly state: boolean;
}

/** Gives builds of one module in any form. */
export type BuildSource = (form: Form) => Build;

interface Bench {
  readonly engine: Engine;
  readonly instance: Instance;
  scenario: Scenario | null;
}

function isScenario(value: unknown): value is Scenario {
  if (typeof value !== 'object' || value === null) return false;
  const { name, threads, memory } = value as Partial<Scenario>;
  return typeof name === 'string' && Array.isArray(threads) && typeof memory === 'number';
}

/** The scenarios among a module's exports, also in arrays. */
export function scenariosOf(exports: Readonly<Record<string, unknown>>): Scenario[] {
  const found = new Map<string, Scenario>();
  for (const value of Object.values(exports)) {
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (isScenario(one)) found.set(one.name, one);
    }
  }
  return [...found.values()];
}

export class Lab {
  /** Absolute path of the module. */
  readonly file: string;
  private readonly source: BuildSource;
  private readonly benches = new Map<string, Bench>();
  private readonly races: boolean;

  constructor(file: string, source: BuildSource, o: { readonly races?: boolean } = {}) {
    this.file = file;
    this.source = source;
    this.races = o.races ?? true;
  }

  private async bench(form: Form): Promise<Bench> {
    const key = `${form.plain} ${form.state}`;
    let found = this.benches.get(key);
    if (found === undefined) {
      const build = this.source(form);
      const engine = new Engine({ races: this.races, stateful: form.state, plain: form.plain });
      const { sites } = build;
      engine.siteOf = (site) => `${sites[site].file}:${sites[site].line}`;
      const instance = await instantiate(build, engine);
      found = { engine, instance, scenario: null };
      this.benches.set(key, found);
    }
    return found;
  }

  /** All scenarios of the module. */
  async scenarios(form: Form = { plain: 'race', state: false }): Promise<Scenario[]> {
    const { instance } = await this.bench(form);
    return scenariosOf(instance.exports(this.file));
  }

  /** The module's exports, for scenarios that are made from something else. */
  async exports(form: Form): Promise<Record<string, unknown>> {
    return (await this.bench(form)).instance.exports(this.file);
  }

  /**
   * An engine with the scenario of this name set up.
   * @throws Error when the module has none of this name; what its set-up throws
   */
  async engine(name: string, form: Form): Promise<Engine> {
    const bench = await this.bench(form);
    if (bench.scenario?.name !== name) {
      const scenario = scenariosOf(bench.instance.exports(this.file)).find((s) => s.name === name);
      if (scenario === undefined) throw new Error(`${this.file} has no scenario named ${name}`);
      this.open(bench, scenario);
    }
    return bench.engine;
  }

  private open(bench: Bench, scenario: Scenario): void {
    // When set-up fails, the engine has neither.
    bench.scenario = null;
    bench.engine.open(scenario);
    bench.scenario = scenario;
  }

  /** An engine with a scenario that the caller has made from this form's exports. */
  async engineFor(scenario: Scenario, form: Form): Promise<Engine> {
    const bench = await this.bench(form);
    this.open(bench, scenario);
    return bench.engine;
  }

  sites(form: Form): readonly Site[] {
    return this.source(form).sites;
  }

  fingerprint(form: Form): string {
    return this.source(form).fingerprint;
  }
}
