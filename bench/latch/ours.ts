/** Our latches as contenders: each in an arena of its own, with a thread record for each thread, unchecked. */
import { allocateArena, ArenaPlanner } from '../../src/layout/arena.ts';
import { RealClock } from '../../src/layout/clock.ts';
import { LINE_WORDS } from '../../src/layout/schema.ts';
import { LATCH } from '../../src/sync/latch-meta.ts';
import { mutexEnter, mutexExit, mutexInit } from '../../src/sync/mutex.ts';
import { attachThread, planRuntime, type RuntimePlan, runtimeInit } from '../../src/sync/runtime.ts';
import {
  sxLockInit,
  sxSLock,
  sxSUnlock,
  sxSxLock,
  sxSxUnlock,
  sxXLock,
  sxXUnlock,
} from '../../src/sync/sx-lock.ts';
import { type Thread, THREAD_KIND } from '../../src/sync/thread.ts';
import type { BlockingContender } from './contender.ts';

interface Placed {
  readonly buffer: SharedArrayBuffer;
  readonly runtime: RuntimePlan;
  readonly at: number;
  readonly epochNs: bigint;
}

function place(threads: number, init: (mem: Int32Array, at: number) => void): Placed {
  const planner = new ArenaPlanner();
  const runtime = planRuntime(planner, threads);
  const at = planner.placeWords('latch', LINE_WORDS, 1);
  const buffer = allocateArena(planner.finish());
  const epochNs = process.hrtime.bigint();
  const mem = new Int32Array(buffer);
  runtimeInit(mem, runtime, new RealClock(epochNs));
  init(mem, at);
  return { buffer, runtime, at, epochNs };
}

function seat({ buffer, runtime, epochNs }: Placed, slot: number): Thread {
  return attachThread(new Int32Array(buffer), runtime, {
    slot,
    kind: THREAD_KIND.other,
    clock: new RealClock(epochNs),
  });
}

const placeSxLock = (threads: number): Placed =>
  place(threads, (mem, at) => sxLockInit(mem, at, LATCH.testSxLock));

export const OURS: readonly BlockingContender[] = [
  {
    name: 'latchlab mutex',
    origin: 'ours',
    kind: 'mutex',
    waits: 'blocking',
    make: (threads) => place(threads, (mem, at) => mutexInit(mem, at, LATCH.testMutex)),
    attach(made: Placed, slot) {
      const { at } = made;
      const thr = seat(made, slot);
      const exclusive = (section: () => void): void => {
        mutexEnter(thr, at);
        section();
        mutexExit(thr, at);
      };
      return { exclusive, shared: exclusive };
    },
  },
  {
    name: 'latchlab sx-lock, X and S',
    origin: 'ours',
    kind: 'rw',
    waits: 'blocking',
    make: placeSxLock,
    attach(made: Placed, slot) {
      const { at } = made;
      const thr = seat(made, slot);
      return {
        exclusive(section) {
          sxXLock(thr, at);
          section();
          sxXUnlock(thr, at);
        },
        shared(section) {
          sxSLock(thr, at);
          section();
          sxSUnlock(thr, at);
        },
      };
    },
  },
  {
    name: 'latchlab sx-lock, SX',
    origin: 'ours',

    kind: 'mutex',
    waits: 'blocking',
    make: placeSxLock,
    attach(made: Placed, slot) {
      const { at } = made;
      const thr = seat(made, slot);
      const exclusive = (section: () => void): void => {
        sxSxLock(thr, at);
        section();
        sxSxUnlock(thr, at);
      };
      return { exclusive, shared: exclusive };
    },
  },
];
