/** Worker entry of the page-get bench: a fixed number of hits, from a common start. */
import { PageGetter } from '../bench/page-get/fixture.ts';
import { RealClock } from '../src/layout/clock.ts';
import type { SimplePoolPlan } from '../src/buffer/simple-pool.ts';

export interface PageGetterTask {
  readonly plan: SimplePoolPlan;
  readonly slot: number;
  readonly pages: Int32Array;
  readonly epochNs: bigint;
  /** Word 0 counts arrivals; the run begins when `threads` have come. */
  readonly gate: Int32Array;
  readonly threads: number;
  readonly gets: number;
}

/** The thread that this worker was last, and in which arena: batches follow one another. */
let seated: {
  readonly slot: number;
  readonly buffer: SharedArrayBuffer;
  readonly getter: PageGetter;
} | null = null;

export default function pageGetter({
  plan,
  slot,
  pages,
  epochNs,
  gate,
  threads,
  gets,
}: PageGetterTask): void {
  if (seated?.slot !== slot || seated.buffer !== plan.buffer) {
    const getter = new PageGetter(plan, slot, pages, new RealClock(epochNs));
    seated = { slot, buffer: plan.buffer, getter };
  }
  Atomics.add(gate, 0, 1);
  while (Atomics.load(gate, 0) < threads);
  seated.getter.run(gets);
}
