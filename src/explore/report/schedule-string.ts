/**
 * Schedules and seeds as strings, to be typed again.
 *
 * - `s1:0.37>2 1.49>0`: forced switches. When thread 0 is about to do its point 37, thread 2 goes on. `0.5>t2`: the
 *   sleep of thread 2 times out then; `0.5>k1`: thread 1 dies. Several at one point happen in the order given.
 * - `x1:pos:9f3c21:#412`: schedule 412 of a strategy with this seed (hexadecimal); `pct3` has the parameter 3.
 *
 * After the version stands how plain accesses take part: nothing, `d` where dirty reads are points, `a` for all.
 */
import { CHOICE, type PlainPoints, type StrategyName, type Switch } from '../types.ts';
import { InputError } from './input-error.ts';

export interface Schedule {
  readonly plain: PlainPoints;
  readonly switches: readonly Switch[];
}

export interface Seed {
  readonly plain: PlainPoints;
  readonly strategy: StrategyName;
  /** Depth of PCT, bound of the depth-first search; absent: the strategy's default. */
  readonly parameter?: number;
  /** uint32 */
  readonly seed: number;
  /** Which schedule of the run, from 0. */
  readonly iteration: number;
}

export type Replay = { readonly schedule: Schedule } | { readonly seed: Seed };

const PLAIN: Readonly<Record<PlainPoints, string>> = { race: '', dirty: 'd', all: 'a' };
const WHAT = { [CHOICE.run]: '', [CHOICE.timer]: 't', [CHOICE.kill]: 'k' } as const;
const STRATEGIES: readonly StrategyName[] = ['random', 'pct', 'pos', 'surw', 'dfs'];
/** Threads are bits of an int32. */
const MAX_THREADS = 31;

export function printSchedule({ plain, switches }: Schedule): string {
  const list = switches.map((s) => `${s.thread}.${s.op}>${WHAT[s.what]}${s.to}`);
  return `s1${PLAIN[plain]}:${list.join(' ')}`;
}

export function printSeed({ plain, strategy, parameter, seed, iteration }: Seed): string {
  return `x1${PLAIN[plain]}:${strategy}${parameter ?? ''}:${seed.toString(16)}:#${iteration}`;
}

/**
 * A schedule string or a seed string.
 * @param threads number of threads of the scenario, where it is known
 * @throws InputError naming the place of the mistake
 */
export function parseReplay(text: string, threads = MAX_THREADS): Replay {
  const from = text.search(/\S/);
  if (from < 0)
    throw wrong(text, 0, 'is empty: a schedule string (s1:...) or a seed string (x1:...) is expected');
  const head = /([sx])(\d+)([a-z]?):/y;
  head.lastIndex = from;
  const found = head.exec(text);
  const start = /^[sx]\d/.test(text.slice(from));
  if (found === null) {
    throw wrong(
      text,
      from,
      start
        ? 's1, s1d, s1a, x1, x1d or x1a and a colon is expected'
        : 's1: (a schedule) or x1: (a seed) is expected',
    );
  }
  const [, kind, version, letter] = found;
  if (version !== '1') throw wrong(text, from + 1, `version ${version} is not known: only 1 is`);
  const plain = plainOf(letter);
  if (plain === undefined) {
    throw wrong(
      text,
      from + 2,
      `${letter} is not known: d (dirty reads are points), a (all plain accesses) or nothing`,
    );
  }
  return kind === 's'
    ? { schedule: { plain, switches: readSwitches(text, head.lastIndex, threads) } }
    : { seed: { plain, ...readSeed(text, head.lastIndex) } };
}

/** As parseReplay, where only a schedule will do. */
export function parseSchedule(text: string, threads?: number): Schedule {
  const replay = parseReplay(text, threads);
  if ('schedule' in replay) return replay.schedule;
  throw wrong(text, 0, 'is a seed string: a schedule string (s1:...) is expected');
}

/** As parseReplay, where only a seed will do. */
export function parseSeed(text: string): Seed {
  const replay = parseReplay(text);
  if ('seed' in replay) return replay.seed;
  throw wrong(text, 0, 'is a schedule string: a seed string (x1:...) is expected');
}

function readSwitches(text: string, from: number, threads: number): Switch[] {
  const switches: Switch[] = [];
  const word = /\S+/g;
  word.lastIndex = from;
  for (let m = word.exec(text); m !== null; m = word.exec(text)) {
    const read = new Reader(text, m.index);
    const thread = read.thread('the thread that is interrupted', threads);
    read.literal('.', 'a point after the thread');
    const op = read.number('the number of its point', 2 ** 31 - 1);
    read.literal('>', '> and what happens there');
    const letter = read.optional('tk');
    const what = letter === 't' ? CHOICE.timer : letter === 'k' ? CHOICE.kill : CHOICE.run;
    const to = read.thread('a thread, tN (its sleep times out) or kN (it dies)', threads);
    read.end();
    switches.push({ thread, op, to, what });
  }
  return switches;
}

function readSeed(text: string, from: number): Omit<Seed, 'plain'> {
  const read = new Reader(text, from);
  const name = read.match(/[a-z]*/y);
  const strategy = STRATEGIES.find((s) => s === name);
  if (strategy === undefined) throw wrong(text, from, `a strategy is expected: ${STRATEGIES.join(', ')}`);
  const takesOne = strategy === 'pct' || strategy === 'dfs';
  const parameter = takesOne && read.peek(/\d/y) ? read.number('its parameter', 1000) : undefined;
  read.literal(':', takesOne ? 'a parameter or a colon' : 'a colon');
  const at = read.at;
  const hex = read.match(/[0-9a-f]*/y);
  if (hex.length < 1 || hex.length > 8)
    throw wrong(text, at, 'a seed of 1 to 8 hexadecimal digits (0-9a-f) is expected');
  read.literal(':#', ':# and the number of the schedule');
  const iteration = read.number('the number of the schedule', Number.MAX_SAFE_INTEGER);
  read.end(/[^]*/y);
  const seed = { strategy, seed: Number.parseInt(hex, 16), iteration };
  return parameter === undefined ? seed : { ...seed, parameter };
}

/** Reads a part of a string; says what it expected, and where. */
class Reader {
  at: number;
  readonly #text: string;

  constructor(text: string, at: number) {
    this.#text = text;
    this.at = at;
  }

  /** What a sticky pattern finds here; it may be nothing. */
  match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  peek(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    return pattern.test(this.#text);
  }

  optional(letters: string): string {
    const next = this.#text.charAt(this.at);
    if (next === '' || !letters.includes(next)) return '';
    this.at++;
    return next;
  }

  literal(expected: string, what: string): void {
    if (!this.#text.startsWith(expected, this.at)) throw wrong(this.#text, this.at, `${what} is expected`);
    this.at += expected.length;
  }

  number(what: string, max: number): number {
    const { at } = this;
    const digits = this.match(/\d*/y);
    if (digits === '') throw wrong(this.#text, at, `${what} is expected, a whole number`);
    if (Number(digits) > max) throw wrong(this.#text, at, `${digits} is too large: at most ${max}`);
    return Number(digits);
  }

  thread(what: string, threads: number): number {
    const { at } = this;
    const n = this.number(what, Number.MAX_SAFE_INTEGER);
    if (n >= threads) throw wrong(this.#text, at, `there is no thread ${n}: 0 ... ${threads - 1}`);
    return n;
  }

  /** Nothing may be left of the part; the pattern says how far it goes. */
  end(rest = /\S*/y): void {
    const { at } = this;
    const left = this.match(rest).trim();
    if (left !== '') throw wrong(this.#text, at, `"${left}" is too much`);
  }
}

const plainOf = (letter: string): PlainPoints | undefined =>
  (['race', 'dirty', 'all'] as const).find((p) => PLAIN[p] === letter);

function wrong(text: string, at: number, what: string): InputError {
  const shown = text.length <= 60 ? text : `${text.slice(0, 57)}...`;
  return new InputError(`replay "${shown.replaceAll(/\s+/g, ' ')}", character ${at + 1}: ${what}`);
}
