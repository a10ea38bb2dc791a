/** A scenario in controlled mode: found by name in its module, and set up once in each thread. */
import type { Ctx, Scenario } from '../types.ts';
import type { WordMap } from './word-map.ts';

const isScenario = (value: unknown): value is Scenario =>
  typeof value === 'object' && value !== null && 'name' in value && 'threads' in value;

/** @param exports of a module: scenarios, and arrays of them. @throws Error when none has the name */
export function scenarioNamed(exports: Readonly<Record<string, unknown>>, name: string): Scenario {
  const all = Object.values(exports).flat().filter(isScenario);
  const found = all.find((s) => s.name === name);
  if (found !== undefined) return found;
  throw new Error(`there is no scenario ${name}; there are: ${all.map((s) => s.name).join(', ')}`);
}

/** What a thread's context has beside its own number. */
export type Shared = Pick<Ctx, 'm' | 's'>;

/** Allocates a scenario's memory and runs its set-up, as the engine does. @throws what `setup` throws */
export function setUp(scenario: Scenario, map: WordMap): Shared {
  if (scenario.memory === 0) {
    const s = scenario.setup?.(new Int32Array(0));
    return { m: map.main, s };
  }
  const m = new Int32Array(map.next(scenario.memory));
  return { m, s: scenario.setup?.(m) };
}
