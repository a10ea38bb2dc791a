/**
 * Bounded bypass: how often others have overtaken a thread that waits for a latch. A thread that began to wait later,
 * or did not wait at all, and has the latch first, has overtaken.
 */
import type { Finding } from '../types.ts';

export interface BypassNames {
  readonly latch: (latch: number) => string;
  readonly site: (site: number) => string;
  readonly thread: (thread: number) => string;
}

export class BypassCounter {
  readonly #threads: number;
  readonly #bound: number;
  readonly #names: BypassNames;
  /** Per thread: the latch that it waits for (−1 none), since when, and where. */
  readonly #latch: Int32Array;
  readonly #since: Int32Array;
  readonly #site: Int32Array;
  readonly #overtaken: Int32Array;
  /** `waiter * threads + other`: how often this one overtook. */
  readonly #by: Int32Array;
  #clock = 0;

  /** @param bound most times that a thread may be overtaken while it waits once */
  constructor(threads: number, bound: number, names: BypassNames) {
    this.#threads = threads;
    this.#bound = bound;
    this.#names = names;
    this.#latch = new Int32Array(threads).fill(-1);
    this.#since = new Int32Array(threads);
    this.#site = new Int32Array(threads);
    this.#overtaken = new Int32Array(threads);
    this.#by = new Int32Array(threads * threads);
  }

  /** Before each schedule. */
  reset(): void {
    this.#latch.fill(-1);
    this.#clock = 0;
  }

  /** A thread begins to wait; told again while it waits for the same latch, it goes on waiting. */
  waits(thread: number, latch: number, site: number): void {
    if (this.#latch[thread] === latch) return;
    this.#latch[thread] = latch;
    this.#since[thread] = this.#clock++;
    this.#site[thread] = site;
    this.#overtaken[thread] = 0;
    this.#by.fill(0, thread * this.#threads, (thread + 1) * this.#threads);
  }

  /** A thread no longer wants what it waited for: it gave up, or died. */
  leaves(thread: number): void {
    this.#latch[thread] = -1;
  }

  /** A thread has the latch, after a wait or without. Returns what is wrong when somebody is overtaken too often. */
  acquired(thread: number, latch: number, site: number): Finding | null {
    const n = this.#threads;
    const since = this.#latch[thread] === latch ? this.#since[thread] : this.#clock;
    if (this.#latch[thread] === latch) this.#latch[thread] = -1;
    for (let t = 0; t < n; t++) {
      if (t === thread || this.#latch[t] !== latch || this.#since[t] > since) continue;
      this.#by[t * n + thread]++;
      if (++this.#overtaken[t] === this.#bound + 1) return this.#finding(t, thread, latch, site);
    }
    return null;
  }

  #finding(waiter: number, last: number, latch: number, site: number): Finding {
    const { thread, latch: latchName, site: siteName } = this.#names;
    const n = this.#threads;
    const by = Array.from(this.#by.subarray(waiter * n, (waiter + 1) * n), (times, t) => ({ times, t }))
      .filter(({ times }) => times > 0)
      .map(({ times, t }) => `${thread(t)} overtook it ${times === 1 ? 'once' : `${times} times`}`);
    const times = this.#overtaken[waiter];
    return {
      kind: 'bypass',
      message:
        `bypass: ${thread(waiter)} waits for ${latchName(latch)} at ${siteName(this.#site[waiter])} and has been ` +
        `overtaken ${times} times, last by ${thread(last)} at ${siteName(site)}; ${this.#bound} are allowed`,
      places: [
        { thread: waiter, site: this.#site[waiter] },
        { thread: last, site },
      ],
      word: latch,
      details: by,
    };
  }
}
