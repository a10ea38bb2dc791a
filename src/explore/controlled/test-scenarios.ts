/** Small scenarios for the tests of controlled mode; loaded through the transform. */
import { isMainThread } from 'node:worker_threads';
import type { Ctx, Scenario } from '../types.ts';

/** @explore pause */
function relax(): void {}

/** Three-state mutex on word 0. */
function lock(m: Int32Array): void {
  if (Atomics.compareExchange(m, 0, 0, 1) === 0) return;
  while (Atomics.exchange(m, 0, 2) !== 0) Atomics.wait(m, 0, 2);
}

function unlock(m: Int32Array): void {
  if (Atomics.exchange(m, 0, 0) === 2) Atomics.notify(m, 0, 1);
}

function addLocked({ m }: Ctx): number {
  lock(m);
  const before = m[1];
  m[1] = before + 1;
  unlock(m);
  return before;
}

function addUnlocked({ m }: Ctx): number {
  const before = Atomics.load(m, 1);
  Atomics.store(m, 1, before + 1);
  return before;
}

function expectAll(m: Int32Array, _s: unknown, results: readonly unknown[]): void {
  if (m[1] !== results.length) throw new Error(`${m[1]} of ${results.length} additions are there`);
}

const mutex: Scenario = {
  name: 'mutex',
  doc: 'a correct mutex',
  memory: 64,
  threads: [addLocked, addLocked, addLocked],
  check: expectAll,
};

/** Plain accesses where no thread can be suspended. */
function addInCallback({ m }: Ctx): void {
  lock(m);
  [1, 2].forEach((k) => {
    m[k] = m[k] + 1;
  });
  unlock(m);
}

const callback: Scenario = {
  name: 'callback',
  doc: 'plain accesses that can be no points',
  memory: 64,
  threads: [addInCallback, addInCallback],
  check: expectAll,
};

const noMutex: Scenario = {
  name: 'no-mutex',
  doc: 'a lost update',
  memory: 64,
  threads: [addUnlocked, addUnlocked],
  check: expectAll,
};

function take(m: Int32Array, at: number): void {
  while (Atomics.compareExchange(m, at, 0, 1) !== 0) Atomics.wait(m, at, 1);
}

function give(m: Int32Array, at: number): void {
  Atomics.store(m, at, 0);
  Atomics.notify(m, at);
}

function both(m: Int32Array, first: number, second: number): void {
  take(m, first);
  take(m, second);
  give(m, second);
  give(m, first);
}

const twoLocks: Scenario = {
  name: 'two-locks',
  doc: 'two locks in two orders',
  memory: 64,
  threads: [({ m }) => both(m, 0, 1), ({ m }) => both(m, 1, 0)],
};

/** Two-state lock with a count of waiters on word 1, which is read before the word is freed. */
function countedLock(m: Int32Array): void {
  while (Atomics.compareExchange(m, 0, 0, 1) !== 0) {
    Atomics.add(m, 1, 1);
    Atomics.wait(m, 0, 1);
    Atomics.sub(m, 1, 1);
  }
}

function countedUnlock(m: Int32Array): void {
  const waiters = Atomics.load(m, 1);
  Atomics.store(m, 0, 0);
  if (waiters > 0) Atomics.notify(m, 0, 1);
}

function counted({ m }: Ctx): void {
  countedLock(m);
  countedUnlock(m);
}

const lostWakeup: Scenario = {
  name: 'lost-wakeup',
  doc: 'who sleeps between the look for waiters and the release is never woken',
  memory: 64,
  threads: [counted, counted],
};

/** Sleeps on word 0; returns how many had been woken before. */
function sleeper({ m }: Ctx): number {
  Atomics.wait(m, 0, 0);
  return Atomics.add(m, 1, 1);
}

/** Lets the others fall asleep first, then wakes one and lets it end before the next. */
function wakeAfterAll({ m }: Ctx): string {
  const woken: number[] = [];
  relax();
  for (let k = 0; k < 4; k++) {
    woken.push(Atomics.notify(m, 0, 1));
    relax();
  }
  return woken.join();
}

const fifo: Scenario = {
  name: 'fifo',
  doc: 'three sleepers are woken one by one',
  memory: 64,
  threads: [wakeAfterAll, sleeper, sleeper, sleeper],
};

function timedSleeper(ms: number): (ctx: Ctx) => string {
  return ({ m }) => {
    const answer = Atomics.wait(m, 0, 0, ms);
    return `${answer} as number ${Atomics.add(m, 1, 1)}`;
  };
}

const timers: Scenario = {
  name: 'timers',
  doc: 'two of four who sleep on one word time out',
  memory: 64,
  threads: [timedSleeper(30), timedSleeper(Infinity), timedSleeper(10), timedSleeper(NaN), wakeAfterAll],
};

const death: Scenario = {
  name: 'death',
  doc: 'the owner of a mutex dies',
  memory: 64,
  threads: [addLocked, addLocked],
  mayDie: [0],
  checkAfterDeath(m, _s, results, dead) {
    if (m[0] !== 0)
      throw new Error(`thread ${dead} left the mutex locked; the other returned ${String(results[1])}`);
  },
};

const deathAsleep: Scenario = {
  ...fifo,
  name: 'death-asleep',
  doc: 'the first of three sleepers dies',
  mayDie: [1],
};

interface Own {
  readonly wide: BigInt64Array;
  readonly shifted: Int32Array;
}

const ownMemory: Scenario<Own> = {
  name: 'own-memory',
  doc: 'set-up makes the memory; a 64-bit sleeper is woken through another view',
  memory: 0,
  setup: () => {
    const sab = new SharedArrayBuffer(64);
    return { wide: new BigInt64Array(sab), shifted: new Int32Array(sab, 16) };
  },
  threads: [
    ({ s }) => `${Atomics.wait(s.wide, 3, 0n)} ${Atomics.load(s.wide, 3)}`,
    ({ s }) => {
      Atomics.store(s.shifted, 2, 7);
      return Atomics.notify(s.shifted, 2);
    },
  ],
};

const unsteady: Scenario<SharedArrayBuffer> = {
  name: 'unsteady',
  doc: 'set-up does not do the same in each thread',
  memory: 0,
  setup: () => new SharedArrayBuffer(isMainThread ? 64 : 128),
  threads: [({ m }) => Atomics.load(m, 0)],
};

const throws: Scenario = {
  name: 'throws',
  doc: 'a thread throws',
  memory: 64,
  threads: [
    addLocked,
    ({ m }) => {
      if (Atomics.load(m, 1) === 1) throw new RangeError('one is too many');
    },
  ],
};

const invariant: Scenario = {
  ...noMutex,
  name: 'invariant',
  doc: 'a rule about each state',
  invariant(m) {
    if (m[1] === 2) throw new Error('word 1 is 2');
  },
};

const onWrite: Scenario = {
  ...noMutex,
  name: 'on-write',
  doc: 'a rule about one word',
  onWrite(_m, _s, word, value, thread) {
    if (value === 2) throw new Error(`thread ${thread} wrote ${value} to word ${word}`);
  },
  watched: (word) => word === 1,
};

/** An addition in two steps that says that it is one. */
function increment(ctx: Ctx): number {
  const { m } = ctx;
  ctx.call('increment');
  const before = Atomics.load(m, 0);
  Atomics.store(m, 0, before + 1);
  return ctx.ret(before);
}

const counter: Scenario<unknown, number> = {
  name: 'counter',
  doc: 'a counter that is not atomic, against its model',
  memory: 64,
  threads: [increment, increment],
  model: {
    init: () => 0,
    step: (state, _op, _args, result) => (result === state ? state + 1 : null),
    key: String,
  },
};

function worldly({ m }: Ctx): string {
  Atomics.add(m, 0, 1);
  return `${performance.now()} ${Math.random()}`;
}

const world: Scenario = {
  name: 'world',
  doc: 'the virtual clock, and random numbers',
  memory: 64,
  threads: [worldly, worldly],
};

const endless: Scenario = {
  name: 'endless',
  doc: 'a thread that never comes to a point',
  memory: 64,
  threads: [
    ({ m }) => {
      Atomics.store(m, 0, 1);
      while (m[0] === 1);
    },
  ],
};

const spin: Scenario = {
  name: 'spin',
  doc: 'threads that wait for each other by spinning',
  memory: 64,
  threads: [
    ({ m }) => {
      while (Atomics.load(m, 0) === 0) relax();
      m[2] = 1;
      Atomics.store(m, 1, 1);
    },
    ({ m }) => {
      Atomics.store(m, 0, 1);
      while (Atomics.load(m, 1) === 0) relax();
      return m[2];
    },
  ],
};

const livelock: Scenario = {
  ...spin,
  name: 'livelock',
  doc: 'as spin, but nobody begins',
  maxSteps: 500,
  threads: [spin.threads[0], spin.threads[0]],
};

export const scenarios = [
  mutex,
  callback,
  noMutex,
  twoLocks,
  lostWakeup,
  fifo,
  timers,
  death,
  deathAsleep,
  ownMemory,
  unsteady,
  throws,
  invariant,
  onWrite,
  counter,
  world,
  endless,
  spin,
  livelock,
];
