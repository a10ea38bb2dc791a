/** Worker entry of the page-get bench: gets pages of one instance for a while, from a common start. */
import { PageGetter } from '../bench/page-get.ts';
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
  readonly ms: number;
}

const BATCH = 20_000;

/** @returns gets per second */
export default function pageGetter(task: PageGetterTask): number {
  const getter = new PageGetter(task.plan, task.slot, task.pages, new RealClock(task.epochNs));
  getter.run(BATCH * 10);
  Atomics.add(task.gate, 0, 1);
  while (Atomics.load(task.gate, 0) < task.threads);
  const began = performance.now();
  let done = 0;
  let now = began;
  for (; now - began < task.ms; now = performance.now()) {
    getter.run(BATCH);
    done += BATCH;
  }
  return (done * 1000) / (now - began);
}
