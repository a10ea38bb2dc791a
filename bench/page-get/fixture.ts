/** A warm pool of 65,536 blocks and those who work on it: a thread that hits random pages, and the raw limit of a hit. */
import {
  attachPool,
  attachPoolThread,
  makeSimplePool,
  type SimplePoolPlan,
} from '../../src/buffer/simple-pool.ts';
import { bufPageGet } from '../../src/buffer/get-page.ts';
import { mtrReleaseLast } from '../../src/buffer/mtr.ts';
import { instanceOf } from '../../src/buffer/page-id.ts';
import { FETCH, RW, type Rw } from '../../src/buffer/states.ts';
import { BLOCK_WORDS, type BufPool } from '../../src/buffer/instance.ts';
import { BUF_BLOCK, PAGE_HASH_STRIPE } from '../../src/layout/buffer.ts';
import { type Clock, RealClock } from '../../src/layout/clock.ts';
import { Rng } from '../../src/layout/rng.ts';
import { nullStore } from '../../src/storage/page-store.ts';
import type { Thread } from '../../src/sync/thread.ts';

export const BLOCKS = 65_536;
/** Read-modify-writes of a hit: stripe S and off, fix and unfix, frame S and off. */
export const RMW_PER_HIT = 6;
const SPACE_ID = 1;
const SEQUENCE = 1 << 18;

export interface PageGetFixture {
  readonly plan: SimplePoolPlan;
  /** Page numbers in the order in which they are asked for, by instance. */
  readonly pages: readonly Int32Array[];
}

/** A warm pool with `instances` instances of 65,536 blocks together; all pages asked for are in it. */
export function makeFixture(instances: number, epochNs: bigint, nThreads = instances): PageGetFixture {
  const clock = new RealClock(epochNs);
  const blocks = Math.ceil(BLOCKS / instances) + (instances === 1 ? 0 : 64);
  const plan = makeSimplePool({
    clock,
    config: {
      instances,
      nStripes: 16,
      chunks: { blocks },
      oldBlocksPct: 37,
      nSpaces: SPACE_ID + 1,
      nThreads,
    },
  });
  const pool = attachPool(plan, nullStore);
  const thr = attachPoolThread(plan, 0, clock);
  const resident: number[][] = Array.from({ length: instances }, () => []);
  for (let p = 0, full = 0; full < instances; p++) {
    const no = instanceOf(SPACE_ID, p, instances);
    if (resident[no].length === BLOCKS / instances) continue;
    resident[no].push(p);
    if (resident[no].length === BLOCKS / instances) full++;
    bufPageGet(thr, pool, SPACE_ID, p, RW.s, FETCH.normal);
    mtrReleaseLast(thr);
  }
  const rng = new Rng(1, 0);
  const pages = resident.map((mine) => {
    const shared = new Int32Array(new SharedArrayBuffer(SEQUENCE * 4));
    for (let i = 0; i < SEQUENCE; i++) shared[i] = mine[rng.below(mine.length)];
    return shared;
  });
  return { plan, pages };
}

export interface PageGetterOptions {
  readonly latch?: Rw;
  /** With latch-order checks. */
  readonly checked?: boolean;
}

/** One thread at work on one instance's pages. */
export class PageGetter {
  readonly pool: BufPool;
  readonly thr: Thread;
  private readonly pages: Int32Array;
  private readonly latch: Rw;
  private next = 0;

  constructor(
    plan: SimplePoolPlan,
    slot: number,
    pages: Int32Array,
    clock: Clock,
    o: PageGetterOptions = {},
  ) {
    this.pool = attachPool(plan, nullStore);
    this.thr = attachPoolThread(plan, slot, clock, { checked: o.checked ?? false });
    this.pages = pages;
    this.latch = o.latch ?? RW.s;
    // Two threads on the same pages begin at different ones.
    this.next = (slot * (SEQUENCE >> 3)) & (SEQUENCE - 1);
  }

  /** `n` hits. */
  run(n: number): void {
    const { thr, pool, pages, latch } = this;
    let i = this.next;
    for (let k = 0; k < n; k++) {
      bufPageGet(thr, pool, SPACE_ID, pages[i], latch, FETCH.normal);
      mtrReleaseLast(thr);
      i = (i + 1) & (SEQUENCE - 1);
    }
    this.next = i;
  }
}

/**
 * The raw limit: the six read-modify-writes of a hit, and nothing else, on the words on which a hit makes them: a
 * random block's fix count and frame latch, and a stripe.
 */
export class RawRmw {
  private readonly mem: Int32Array;
  private readonly blocks: Int32Array;
  private readonly stripes: number;
  private next = 0;

  constructor(fixture: PageGetFixture) {
    this.mem = new Int32Array(fixture.plan.buffer);
    const inst = fixture.plan.pool.instances[0];
    this.stripes = inst.stripes;
    const rng = new Rng(2, 0);
    this.blocks = new Int32Array(SEQUENCE);
    for (let i = 0; i < SEQUENCE; i++) {
      this.blocks[i] = inst.chunks[0].blocks + rng.below(inst.chunks[0].size) * BLOCK_WORDS;
    }
  }

  run(n: number): void {
    const { mem, blocks, stripes } = this;
    const { fixCount, lock } = BUF_BLOCK.at;
    let i = this.next;
    for (let k = 0; k < n; k++) {
      const block = blocks[i];
      const stripe = stripes + (i & 15) * PAGE_HASH_STRIPE.words;
      Atomics.sub(mem, stripe, 1);
      Atomics.add(mem, block + fixCount, 1);
      Atomics.add(mem, stripe, 1);
      Atomics.sub(mem, block + lock, 1);
      Atomics.add(mem, block + lock, 1);
      Atomics.sub(mem, block + fixCount, 1);
      i = (i + 1) & (SEQUENCE - 1);
    }
    this.next = i;
  }
}
