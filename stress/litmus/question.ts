/**
 * What a litmus question is: a little memory, two to four actors that run at the same time, and what may come of it.
 * The same actors run on real worker threads (real.ts) and under exploration (explored.ts).
 */

/** What the actors of a question share beside its 32-bit words, and how patient its sleepers are. */
export interface Surroundings {
  /** Other widths over the same memory. Word `at` is byte 4 · at: element 2 · at of i16, at / 2 of i64. */
  readonly i8: Int8Array;
  readonly i16: Int16Array;
  readonly i64: BigInt64Array;
  /**
   * How long a sleeper waits before it says 'asleep', ms. Infinity under exploration: there, who never comes to an end
   * is asleep.
   */
  readonly limitMs: number;
}

/** What an actor saw. A list is several results; undefined is none. */
export type Seen = number | bigint | string | undefined | readonly (number | bigint | string)[];

/**
 * One thread's part. Runs once for each sample, on memory of its own that begins at word `at` (a multiple of 16) and is
 * all zero but for what `init` wrote. Words 16 apart are in different cache lines. Must come to an end by itself.
 */
export type Actor = (m: Int32Array, at: number, around: Surroundings) => Seen | void;

/**
 * ACCEPTABLE: what one expects. INTERESTING: allowed, and it surprises, or it is the bug that the question retells.
 * FORBIDDEN: cannot be, or the machine, the simulator or the protocol is broken.
 */
export type Expect = 'ACCEPTABLE' | 'INTERESTING' | 'FORBIDDEN';

/** A rule about outcomes: an outcome is the results of all actors and the arbiter, joined by commas. */
export interface Rule {
  /** Outcomes, `1, 0`; `*` stands for any one result. */
  readonly results: readonly string[];
  readonly expect: Expect;
  /** One sentence. */
  readonly why: string;
}

export interface Question {
  /** `L03`: unique, the beginning of its file's name. */
  readonly number: string;
  /** `message-passing`: the rest of its file's name. */
  readonly name: string;
  readonly title: string;
  /** The question itself, one sentence. */
  readonly asks: string;
  /** Memory of one sample, bytes, a multiple of 64. */
  readonly memory: number;
  /** Writes what is not zero at the beginning. Runs alone. */
  readonly init?: (m: Int32Array, at: number) => void;
  readonly actors: readonly Actor[];
  /** Looks at the memory after all actors have ended; what it returns is the last result. Runs alone, no Atomics. */
  readonly arbiter?: (m: Int32Array, at: number) => Seen;
  /** The first rule that fits an outcome decides. An outcome that no rule fits is forbidden. */
  readonly rules: readonly Rule[];
  /** What the race detector must say of it; nothing, when absent. */
  readonly race?: 'race' | 'mixed-size';
  /** `limitMs` on real threads; default 2000. Short where sleeping for ever is the point. */
  readonly limitMs?: number;
}

/** Far longer than a thread is kept waiting by a busy machine. */
const PATIENCE_MS = 2000;

export const ASLEEP = 'asleep';

export const limitOf = (question: Question): number => question.limitMs ?? PATIENCE_MS;

export function surroundingsOf(buffer: ArrayBufferLike, limitMs: number): Surroundings {
  return {
    i8: new Int8Array(buffer),
    i16: new Int16Array(buffer),
    i64: new BigInt64Array(buffer),
    limitMs,
  };
}

/** One actor's part of an outcome; empty when it saw nothing. */
export const textOf = (seen: Seen): string =>
  seen === undefined ? '' : typeof seen === 'object' ? seen.join(', ') : String(seen);

/** The outcome of a sample, from the parts of its actors and its arbiter in order. */
export const outcomeOf = (parts: readonly string[]): string => parts.filter((p) => p !== '').join(', ');

const UNLISTED: Rule = { results: [], expect: 'FORBIDDEN', why: 'Not listed: nothing explains it.' };

/** The rule that decides about an outcome. */
export function ruleFor(question: Question, outcome: string): Rule {
  return question.rules.find((rule) => rule.results.some((pattern) => fits(pattern, outcome))) ?? UNLISTED;
}

function fits(pattern: string, outcome: string): boolean {
  const wanted = pattern.split(', ');
  const seen = outcome.split(', ');
  return wanted.length === seen.length && wanted.every((w, i) => w === '*' || w === seen[i]);
}

/** Outcomes that the rules name one by one, without wildcards. */
export const namedOutcomes = (question: Question): string[] =>
  question.rules.flatMap((rule) => rule.results).filter((pattern) => !pattern.split(', ').includes('*'));
