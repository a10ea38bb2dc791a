/**
 * A semaphore that loses wake-ups, as one on npm did: with two waiters asleep, the second of two quick posts finds that
 * the value is not 0 any more, and takes it that whoever was told of the first will see to the rest.
 */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';

const VALUE = 0;

export class LossySemaphore {
  protected readonly m: Int32Array;

  constructor(m: Int32Array) {
    this.m = m;
  }

  /** Takes one, or sleeps until there is one. */
  wait(): void {
    for (;;) {
      const value = Atomics.load(this.m, VALUE);
      if (value === 0) Atomics.wait(this.m, VALUE, 0);
      else if (Atomics.compareExchange(this.m, VALUE, value, value - 1) === value) return;
    }
  }

  /** Adds one. */
  post(): void {
    if (Atomics.add(this.m, VALUE, 1) === 0) Atomics.notify(this.m, VALUE, 1);
  }
}

/** One post, one wake-up. */
export class Semaphore extends LossySemaphore {
  override post(): void {
    Atomics.add(this.m, VALUE, 1);
    Atomics.notify(this.m, VALUE, 1);
  }
}

type SemaphoreScenario = Scenario<LossySemaphore>;

const waiter = ({ s }: Ctx<LossySemaphore>): void => s.wait();
const poster = ({ s }: Ctx<LossySemaphore>): void => s.post();

function posterOfTwo({ s }: Ctx<LossySemaphore>): void {
  s.post();
  s.post();
}

const common = {
  memory: 64,
  threads: [waiter, waiter, posterOfTwo],
  check: (m: Int32Array): void => {
    if (m[VALUE] !== 0) throw new Error(`two posts and two waits leave ${m[VALUE]}`);
  },
  words: (word: number) => (word === VALUE ? { name: 'semaphore', latch: true } : undefined),
};

export const scenarios: readonly SemaphoreScenario[] = [
  {
    ...common,
    name: 'retold-semaphore-lost-wakeup',
    doc: 'Two waiters, two quick posts: are both woken? (They are not.)',
    setup: (m) => new LossySemaphore(m),
    expect: 'lost-wakeup',
  },
  {
    ...common,
    name: 'retold-semaphore-mended',
    doc: 'The same with a wake-up for each post',
    setup: (m) => new Semaphore(m),
    exhaustive: true,
  },
  {
    ...common,
    name: 'retold-semaphore-mended-2x2',
    doc: 'The same with two posters',
    setup: (m) => new Semaphore(m),
    threads: [waiter, waiter, poster, poster],
    exhaustive: true,
  },
];
