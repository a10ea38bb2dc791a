/** For tests: scenarios from a text, as a user would have them in a file. */
import { fileURLToPath } from 'node:url';
import { Lab } from '../lab.ts';
import { type Draw, PORTFOLIO, sample, type Sampled } from '../search/portfolio.ts';
import { ReplayStrategy } from '../search/replay.ts';
import { Host } from '../transform/host.ts';
import { CHOICE, type PlainPoints, type Switch } from '../types.ts';
import type { Engine } from './engine.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const host = new Host(root);
let made = 0;

/** A lab over a module that is nowhere on disk. It may import from `./src/...` of the project. */
export function labOfText(text: string, o: { readonly races?: boolean } = {}): Lab {
  const file = `${root}text-${made++}.ts`;
  const overlay = new Map([[file, text]]);
  return new Lab(file, (form) => host.build({ entry: [file], dialect: 'explore', ...form, overlay }), o);
}

/** The engine of the only scenario in a text. */
export async function engineOf(
  text: string,
  o: { readonly plain?: PlainPoints; readonly state?: boolean; readonly races?: boolean } = {},
): Promise<Engine> {
  const lab = labOfText(text, o.races === undefined ? {} : { races: o.races });
  const form = { plain: o.plain ?? 'race', state: o.state ?? false } as const;
  const [scenario] = await lab.scenarios(form);
  return lab.engine(scenario.name, form);
}

/** Draws some thousand schedules. */
export function draw(engine: Engine, schedules = 2000, draws: readonly Draw[] = PORTFOLIO): Sampled {
  return sample(engine, { draws, seed: 1, schedules, budgetMs: 20_000, outcomes: true });
}

/** Text of a module with one scenario: `memory` 256 bytes, threads and what else is given. */
export function scenarioText(body: string, threads: string, more = ''): string {
  return `${body}
export const scenario = { name: 'text', doc: '', memory: 256, threads: [${threads}], ${more} };
`;
}

/** Shared memory through `any` would not be seen: `S` says what set-up makes. */
const NO_STATE = 'type S = undefined;';
/** What threads are given. */
export const CTX = `type Ctx = { id: number; m: Int32Array; s: S; call(op: string, ...a: unknown[]): void; ret<T>(r: T): T };`;
/** As `scenarioText`, with the types of what threads are given. */
export const text = (body: string, threads: string, more = '', state = NO_STATE): string =>
  scenarioText(`${state}\n${CTX}\n${body}`, threads, more);
/** An engine that says what the outcome of each schedule is. */
export function withOutcomes(engine: Engine): Engine {
  engine.wantOutcomes = true;
  return engine;
}

/** Thread `to` goes on when `thread` is at its point `op`. */
export const run = (thread: number, op: number, to: number): Switch => ({ thread, op, to, what: CHOICE.run });

/** Outcomes of some thousand draws. */
export async function outcomesOf(source: string): Promise<string[]> {
  const drawn = draw(await engineOf(source));
  if (drawn.found !== null) throw new Error(drawn.found.finding.message);
  return [...drawn.outcomes.keys()].toSorted();
}

/** The outcome of the schedule without switches, or with those. */
export async function outcomeOf(source: string, switches: readonly Switch[] = []): Promise<string> {
  const done = withOutcomes(await engineOf(source)).run(new ReplayStrategy(switches));
  if (done.finding !== null) throw new Error(done.finding.message);
  return done.outcome;
}
