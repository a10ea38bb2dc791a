/**
 * A `Once` that returns before the initialiser has finished, as one on npm did: who comes second sees that somebody has
 * begun, and goes on with what is not there yet.
 */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';

const STATE = 0;
const DATA = 1;

const BEGUN = 1;
const FINISHED = 2;

export class HastyOnce {
  protected readonly m: Int32Array;

  constructor(m: Int32Array) {
    this.m = m;
  }

  /** Calls `initialise` unless that has been done. */
  run(initialise: () => void): void {
    if (Atomics.compareExchange(this.m, STATE, 0, BEGUN) === 0) initialise();
  }
}

/** Who comes second waits until the first has finished. */
export class Once extends HastyOnce {
  override run(initialise: () => void): void {
    if (Atomics.compareExchange(this.m, STATE, 0, BEGUN) === 0) {
      initialise();
      Atomics.store(this.m, STATE, FINISHED);
      Atomics.notify(this.m, STATE);
      return;
    }
    while (Atomics.load(this.m, STATE) !== FINISHED) Atomics.wait(this.m, STATE, BEGUN);
  }
}

function user({ m, s }: Ctx<HastyOnce>): number {
  s.run(() => {
    m[DATA] = 42;
  });
  return m[DATA];
}

const common = {
  memory: 64,
  check: (_m: Int32Array, _s: HastyOnce, results: readonly unknown[]): void => {
    if (results.some((r) => r !== 42)) throw new Error(`they saw ${results.join(', ')}`);
  },
  words: (word: number) => (word <= DATA ? { name: word === STATE ? 'once' : 'data' } : undefined),
};

export const scenarios: readonly Scenario<HastyOnce>[] = [
  {
    ...common,
    name: 'retold-once-too-early',
    doc: 'Has the initialiser finished when run() returns? (Not always.)',
    threads: [user, user],
    setup: (m) => new HastyOnce(m),
    expect: 'race',
  },
  {
    ...common,
    name: 'retold-once-mended',
    doc: 'The same, and the second waits for the first',
    threads: [user, user, user],
    setup: (m) => new Once(m),
    exhaustive: true,
  },
];
