/**
 * A semaphore whose permits fall asleep, as one on npm did: a release wakes one who waits; when that one wants three and
 * there is one, it sleeps again, and nobody tells the one behind it who wants no more than one.
 */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';

/** Number of free permits. */
const FREE = 0;
/** 1 when the small job is done. */
const DONE = 1;
const PERMITS = 3;

export class SleepyPermits {
  protected readonly m: Int32Array;

  constructor(m: Int32Array) {
    this.m = m;
  }

  /** Takes `n` permits at once, or sleeps until there are so many. */
  acquire(n: number): void {
    for (;;) {
      const free = Atomics.load(this.m, FREE);
      if (free < n) Atomics.wait(this.m, FREE, free);
      else if (Atomics.compareExchange(this.m, FREE, free, free - n) === free) return;
    }
  }

  release(n: number): void {
    Atomics.add(this.m, FREE, n);
    Atomics.notify(this.m, FREE, 1);
  }
}

/** Everybody who waits looks again: only he knows whether it is enough for him. */
export class Permits extends SleepyPermits {
  override release(n: number): void {
    Atomics.add(this.m, FREE, n);
    Atomics.notify(this.m, FREE);
  }
}

function bigJob({ s }: Ctx<SleepyPermits>): void {
  s.acquire(PERMITS);
  s.release(PERMITS);
}

function smallJob({ m, s }: Ctx<SleepyPermits>): void {
  s.acquire(1);
  Atomics.store(m, DONE, 1);
  Atomics.notify(m, DONE);
  s.release(1);
}

/** Has all permits at first. Gives one back so that the small job can run, and the others when that is done. */
function holder({ m, s }: Ctx<SleepyPermits>): void {
  s.release(1);
  while (Atomics.load(m, DONE) === 0) Atomics.wait(m, DONE, 0);
  s.release(PERMITS - 1);
}

const common = {
  memory: 64,
  threads: [bigJob, smallJob, holder],
  check: (m: Int32Array): void => {
    if (m[FREE] !== PERMITS) throw new Error(`${m[FREE]} of ${PERMITS} permits are free at the end`);
  },
  words: (word: number) =>
    word <= DONE ? { name: word === FREE ? 'permits' : 'done', latch: true } : undefined,
};

export const scenarios: readonly Scenario<SleepyPermits>[] = [
  {
    ...common,
    name: 'retold-permits-asleep',
    doc: 'Does one who wants 1 permit get it when it is free? (Not behind one who wants 3.)',
    setup: (m) => new SleepyPermits(m),
    expect: 'lost-wakeup',
  },
  {
    ...common,
    name: 'retold-permits-mended',
    doc: 'The same, and a release wakes all',
    setup: (m) => new Permits(m),
    exhaustive: true,
  },
];
