/** Who decides which thread goes on: one object, asked at each point at which there is a choice. */
import type { VThread } from './vthread.ts';

/** The schedule is given up without a verdict: what follows has been explored before. */
export const CUT = -1;

/** What the default choice looks at: bit masks of threads. */
export interface Masks {
  /** Threads. */
  readonly n: number;
  /** Can run; sleep with a time-out that may fire now; are at a pause hint. */
  readonly ready: number;
  readonly timers: number;
  readonly paused: number;
}

/** What a strategy sees of a schedule under way. */
export interface Situation extends Masks {
  /** Who may die now. */
  readonly mortal: number;
  /** Thread that ran last. */
  readonly last: number;
  /** Set by a strategy that does again what was done and looked at before: invariants and rules are not looked at. */
  quiet?: boolean;
  /** Points done so far by thread t. */
  opOf(t: number): number;
  /** Writes the key of the present state, 4 ints; `extra` is mixed in. Stateful builds only. */
  stateKey(out: Int32Array, extra: number): void;
  /** What ready thread t does next comes to the same before and after any step of the others (sharing.ts). */
  isPrivate?(t: number): boolean;
}

/** The same with what drawing strategies look at. */
export interface Running extends Situation {
  /** Points that `last` has done in a row. */
  readonly streak: number;
  readonly threads: readonly VThread[];
}

export interface Strategy {
  readonly name: string;
  /** A schedule begins: all threads stand before their first point. */
  begin(e: Running): void;
  /**
   * The next choice. Asked only when there is more than one candidate.
   * @param cur thread that is about to do its pending point, or −1 when the last one (`e.last`) cannot go on
   * @returns t: thread t goes on (a bit of `e.ready`); n + t: the time-out of sleeper t fires and it goes on (a bit of
   *   `e.timers`); 2n + t: t dies (a bit of `e.mortal`), after which the last thread goes on if it can, else the strategy
   *   is asked again; CUT
   */
  next(e: Running, cur: number): number;
}

/** The lowest bit of a mask as a number, −1 for none. */
export const lowest = (mask: number): number => 31 - Math.clz32(mask & -mask);

/** How many bits are set. */
export function bits(mask: number): number {
  let n = 0;
  for (let m = mask; m !== 0; m &= m - 1) n++;
  return n;
}

/** The k-th set bit of a mask, from 0. */
export function nthBit(mask: number, k: number): number {
  let m = mask;
  for (let i = k; i > 0; i--) m &= m - 1;
  return lowest(m);
}

/**
 * What happens where nothing is asked for: the thread goes on; at a pause it gives way to the lowest-numbered thread
 * that is at none, else to any other; when it cannot go on, the lowest-numbered that can does (at a pause only when all
 * are), else the sleeper whose time-out comes first.
 */
export function defaultChoice(e: Masks, cur: number): number {
  if (cur >= 0 && (e.paused & (1 << cur)) === 0) return cur;
  const others = cur >= 0 ? e.ready & ~(1 << cur) : e.ready;
  const awake = others & ~e.paused;
  if (awake !== 0) return lowest(awake);
  if (others !== 0) return lowest(others);
  if (cur >= 0) return cur;
  return e.n + lowest(e.timers);
}

/** Answers as a schedule before was answered, word for word. */
export class SameAgain implements Strategy {
  readonly name = 'same again';
  private readonly choices: ArrayLike<number>;
  private at = 0;

  constructor(choices: ArrayLike<number>) {
    this.choices = choices;
  }

  begin(_e: Running): void {
    this.at = 0;
  }

  next(_e: Running, _cur: number): number {
    return this.at < this.choices.length ? this.choices[this.at++] : CUT;
  }
}
