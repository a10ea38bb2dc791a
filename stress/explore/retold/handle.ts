/**
 * A lock handle that unlocks somebody else's hold, as one on npm could: it does not know that it has been disposed of
 * already. Disposing early and again at the end of the block is easily done.
 */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { SmallMutex } from './small-mutex.ts';

const LOCK = 0;
const SUM = 1;

export interface Handle {
  dispose(): void;
}

class ForgetfulHandle implements Handle {
  private readonly mutex: SmallMutex;

  constructor(mutex: SmallMutex) {
    this.mutex = mutex;
  }

  dispose(): void {
    this.mutex.unlock();
  }
}

class OnceHandle implements Handle {
  private readonly mutex: SmallMutex;
  private held = true;

  constructor(mutex: SmallMutex) {
    this.mutex = mutex;
  }

  dispose(): void {
    if (!this.held) return;
    this.held = false;
    this.mutex.unlock();
  }
}

export class ForgetfulMutex extends SmallMutex {
  acquire(): Handle {
    this.lock();
    return new ForgetfulHandle(this);
  }
}

/** Its handles release once. */
export class HandleMutex extends ForgetfulMutex {
  override acquire(): Handle {
    this.lock();
    return new OnceHandle(this);
  }
}

function tidy({ m, s }: Ctx<ForgetfulMutex>): void {
  const handle = s.acquire();
  m[SUM] = m[SUM] + 1;
  handle.dispose();
}

/** Disposes as soon as it can, and once more at the end of the block, as `using` would. */
function eager(ctx: Ctx<ForgetfulMutex>): void {
  const { m, s } = ctx;
  const handle = s.acquire();
  try {
    m[SUM] = m[SUM] + 1;
    handle.dispose();
  } finally {
    handle.dispose();
  }
}

const common = {
  memory: 64,
  threads: [eager, tidy, tidy],
  check: (m: Int32Array, _s: ForgetfulMutex, results: readonly unknown[]): void => {
    if (m[SUM] !== results.length) throw new Error(`${m[SUM]} of ${results.length} additions are there`);
  },
  words: (word: number) => (word <= SUM ? { name: word === LOCK ? 'lock' : 'sum' } : undefined),
};

export const scenarios: readonly Scenario<ForgetfulMutex>[] = [
  {
    ...common,
    name: 'retold-handle-disposed-twice',
    doc: 'Is a hold safe from a handle that is disposed of twice? (It is not.)',
    setup: (m) => new ForgetfulMutex(m, LOCK),
    expect: 'race',
  },
  {
    ...common,
    name: 'retold-handle-mended',
    doc: 'The same with handles that release once',
    setup: (m) => new HandleMutex(m, LOCK),
    exhaustive: true,
  },
];
