/** Worker entry of the NUMA bench: a session on its node gets pages that are all in the pool. */
import type { Start } from '../bench/core/crew.ts';
import { passGate } from '../bench/core/gate.ts';
import { SEQUENCE, SPACE_ID } from '../bench/numa/fixture.ts';
import { bufPageGet } from '../src/buffer/get-page.ts';
import { mtrReleaseLast } from '../src/buffer/mtr.ts';
import { attachPool, attachPoolThread, type SimplePoolPlan } from '../src/buffer/simple-pool.ts';
import type { BufPool } from '../src/buffer/instance.ts';
import { FETCH, RW } from '../src/buffer/states.ts';
import { RealClock } from '../src/layout/clock.ts';
import { nullStore } from '../src/storage/page-store.ts';
import type { Thread } from '../src/sync/thread.ts';

export interface NumaTask {
  readonly plan: SimplePoolPlan;
  readonly slot: number;
  readonly node: number;
  readonly pages: Int32Array;
  readonly epochNs: bigint;
  readonly gets: number;
}

/** Gets of one call: a loop that is called often is compiled once, one that is called once a batch each time anew. */
const SLICE = 1000;

export default function numaBench({
  plan,
  slot,
  node,
  pages,
  epochNs,
  gets,
  gate,
  threads,
}: NumaTask & Start): void {
  const pool = attachPool(plan, nullStore);
  const thr = attachPoolThread(plan, slot, new RealClock(epochNs), { node });
  passGate(gate, threads);
  for (let done = 0; done < gets; done += SLICE)
    getPages(thr, pool, pages, done, Math.min(gets, done + SLICE));
}

/** Gets the pages `from` to `to`, not included, of a sequence that repeats. */
function getPages(thr: Thread, pool: BufPool, pages: Int32Array, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    bufPageGet(thr, pool, SPACE_ID, pages[i & (SEQUENCE - 1)], RW.s, FETCH.normal);
    mtrReleaseLast(thr);
  }
}
