/** What the price of a remote access really comes to: it is spent by the clock, and looking at the clock takes time. */
import { median } from 'simple-statistics';
import { attachPoolThread } from '../../src/buffer/simple-pool.ts';
import { type Clock, RealClock } from '../../src/layout/clock.ts';
import { spendRemoteAccess } from '../../src/numa/cost.ts';
import type { NumaFixture } from './fixture.ts';

const READS = 2000;
const ACCESSES = 400;
const REPEATS = 5;

export interface ClockCost {
  /** Of one look at the clock, ns. */
  readonly readNs: number;
  /** The smallest step by which it was seen to move, ns. */
  readonly stepNs: number;
}

export function measureClock(clock: Clock): ClockCost {
  const reads: number[] = [];
  let stepNs = Infinity;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const began = clock.us();
    let last = began;
    for (let i = 0; i < READS; i++) {
      const now = clock.us();
      if (now > last) stepNs = Math.min(stepNs, (now - last) * 1000);
      last = now;
    }
    reads.push(((last - began) * 1000) / READS);
  }
  return { readNs: median(reads), stepNs };
}

/** Time of an access from node 0 to node 1 at the price that is set, ns; on the calling thread, while no session runs. */
export function measureRemoteAccess(fixture: NumaFixture): number {
  const clock = new RealClock(fixture.epochNs);
  const thr = attachPoolThread(fixture.plan, 0, clock);
  const times = Array.from({ length: REPEATS }, () => {
    const began = clock.us();
    for (let i = 0; i < ACCESSES; i++) spendRemoteAccess(thr, 1);
    return ((clock.us() - began) * 1000) / ACCESSES;
  });
  return median(times);
}
