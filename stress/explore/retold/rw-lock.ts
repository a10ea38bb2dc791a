/**
 * A reader-writer lock that starves its writer, as one on npm did: readers look only at whether a writer is in, so a
 * writer that waits is overtaken by every reader, for as long as they overlap.
 */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';

/** Number of readers inside, or −1: a writer. */
const STATE = 0;
/** Number of writers who want in. */
const WRITERS = 1;

export class StarvingRwLock {
  protected readonly m: Int32Array;

  constructor(m: Int32Array) {
    this.m = m;
  }

  lockRead(): void {
    for (;;) {
      const n = Atomics.load(this.m, STATE);
      if (n < 0) Atomics.wait(this.m, STATE, n);
      else if (Atomics.compareExchange(this.m, STATE, n, n + 1) === n) return;
    }
  }

  unlockRead(): void {
    const wasLast = Atomics.sub(this.m, STATE, 1) === 1;
    if (wasLast && Atomics.load(this.m, WRITERS) > 0) Atomics.notify(this.m, STATE);
  }

  /** Says that a writer will come. */
  askWrite(): void {
    Atomics.add(this.m, WRITERS, 1);
  }

  /** After `askWrite`. */
  lockWrite(): void {
    for (;;) {
      const n = Atomics.compareExchange(this.m, STATE, 0, -1);
      if (n === 0) break;
      Atomics.wait(this.m, STATE, n);
    }
    Atomics.sub(this.m, WRITERS, 1);
  }

  unlockWrite(): void {
    Atomics.store(this.m, STATE, 0);
    Atomics.notify(this.m, STATE);
  }
}

/** With a gate: no reader goes in while a writer waits. */
export class GatedRwLock extends StarvingRwLock {
  override lockRead(): void {
    for (let n = this.writers(); n > 0; n = this.writers()) Atomics.wait(this.m, WRITERS, n);
    super.lockRead();
  }

  override lockWrite(): void {
    super.lockWrite();
    Atomics.notify(this.m, WRITERS);
  }

  private writers(): number {
    return Atomics.load(this.m, WRITERS);
  }
}

const ROUNDS = 2;
/** Those who were past the gate when the writer closed it may still go in, each once. */
const READERS = 2;

/** To go in is an operation that begins and ends at once: it can overtake, and is not overtaken. */
function reader(ctx: Ctx<StarvingRwLock>): void {
  for (let i = 0; i < ROUNDS; i++) {
    ctx.s.lockRead();
    ctx.call('read');
    ctx.ret(0);
    ctx.s.unlockRead();
  }
}

function writer(ctx: Ctx<StarvingRwLock>): void {
  ctx.s.askWrite();
  // It begins here: before it has asked no lock can know of it, and anybody may go first.
  ctx.call('write');
  ctx.s.lockWrite();
  ctx.ret(0);
  ctx.s.unlockWrite();
}

const common = {
  memory: 64,
  threads: [reader, reader, writer],
  maxBypass: READERS,
  words: (word: number) =>
    word <= WRITERS ? { name: word === STATE ? 'lock' : 'writers', latch: true } : undefined,
};

export const scenarios: readonly Scenario<StarvingRwLock>[] = [
  {
    ...common,
    name: 'retold-rwlock-writer-starved',
    doc: 'Is a writer overtaken by each reader once at most? (As often as there are readers.)',
    setup: (m) => new StarvingRwLock(m),
    expect: 'bypass',
  },
  {
    ...common,
    name: 'retold-rwlock-mended',
    doc: 'The same with a gate that waiting writers close',
    setup: (m) => new GatedRwLock(m),
    exhaustive: true,
  },
];
