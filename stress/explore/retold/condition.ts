/**
 * A condition variable that loses a signal, as one on npm did: the word that it sleeps on never changes, so a signal
 * sent after it has released the lock and before it sleeps leaves no trace.
 */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { SmallMutex } from './small-mutex.ts';

const LOCK = 0;
const CONDITION = 1;
const READY = 2;

export class DeafCondition {
  protected readonly m: Int32Array;

  constructor(m: Int32Array) {
    this.m = m;
  }

  /** Releases the lock, sleeps until a signal, and takes the lock again. May return without a signal. */
  wait(lock: SmallMutex): void {
    lock.unlock();
    Atomics.wait(this.m, CONDITION, 0);
    lock.lock();
  }

  /** Wakes one who waits. */
  signal(): void {
    Atomics.notify(this.m, CONDITION, 1);
  }
}

/** Signals are counted: who has seen another count than the present one does not sleep. */
export class Condition extends DeafCondition {
  override wait(lock: SmallMutex): void {
    const signals = Atomics.load(this.m, CONDITION);
    lock.unlock();
    Atomics.wait(this.m, CONDITION, signals);
    lock.lock();
  }

  override signal(): void {
    Atomics.add(this.m, CONDITION, 1);
    Atomics.notify(this.m, CONDITION, 1);
  }
}

interface Shared {
  readonly lock: SmallMutex;
  readonly condition: DeafCondition;
}

function consumer({ m, s }: Ctx<Shared>): number {
  s.lock.lock();
  while (m[READY] === 0) s.condition.wait(s.lock);
  const got = m[READY];
  s.lock.unlock();
  return got;
}

function producer({ m, s }: Ctx<Shared>): void {
  s.lock.lock();
  m[READY] = 1;
  s.lock.unlock();
  s.condition.signal();
}

const NAMES = ['lock', 'condition', 'ready'];

const common = {
  memory: 64,
  threads: [consumer, producer],
  words: (word: number) => (word < NAMES.length ? { name: NAMES[word], latch: word !== READY } : undefined),
};

export const scenarios: readonly Scenario<Shared>[] = [
  {
    ...common,
    name: 'retold-condition-lost-signal',
    doc: 'Does a signal reach who has released the lock and is about to sleep? (It does not.)',
    setup: (m) => ({ lock: new SmallMutex(m, LOCK), condition: new DeafCondition(m) }),
    expect: 'lost-wakeup',
  },
  {
    ...common,
    name: 'retold-condition-mended',
    doc: 'The same with signals that are counted',
    setup: (m) => ({ lock: new SmallMutex(m, LOCK), condition: new Condition(m) }),
    exhaustive: true,
  },
  {
    ...common,
    name: 'retold-condition-mended-2x2',
    doc: 'The same with two consumers and two producers',
    setup: (m) => ({ lock: new SmallMutex(m, LOCK), condition: new Condition(m) }),
    threads: [consumer, consumer, producer, producer],
    exhaustive: true,
  },
];
