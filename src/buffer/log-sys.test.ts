/** Facts B 5.1: the running LSN and the recent_closed buffer. */
import { describe, expect, it } from 'vitest';
import { CONTROL } from '../layout/thread.ts';
import { LOG_SYS } from '../layout/buffer.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { RunAborted } from '../sync/thread.ts';
import { bufFlushNoteModification } from './flush-list.ts';
import {
  LOG_START_LSN,
  logClosedTail,
  logCurrentLsn,
  logReserve,
  recentClosedAdd,
  recentClosedWaitForSpace,
} from './log-sys.ts';
import { PoolKit } from './test-kit.ts';

const L0 = LOG_START_LSN;

function setUp(recentClosedSlots = 16) {
  const kit = new PoolKit({ recentClosedSlots });
  return {
    kit,
    reserve: (n: number, thr = kit.thr) => logReserve(thr, kit.pool, n),
    close: (start: number, end: number, thr = kit.thr) => recentClosedAdd(thr, kit.pool, start, end),
    wait: (start: number) => recentClosedWaitForSpace(kit.thr, kit.pool, start),
    tail: () => logClosedTail(kit.thr, kit.pool),
    slots: () => [
      ...kit.mem.subarray(kit.plan.pool.recentClosed, kit.plan.pool.recentClosed + recentClosedSlots),
    ],
  };
}

describe('reservation', () => {
  it('hands out ranges one behind the other, in units of 8', () => {
    const { kit, reserve } = setUp();
    expect([reserve(64), reserve(1), reserve(8), reserve(9)]).toEqual([L0, L0 + 64, L0 + 72, L0 + 80]);
    expect(logCurrentLsn(kit.thr, kit.pool)).toBe(L0 + 96);
    expect(kit.holding()).toEqual([0, 0]);
  });
});

describe('recent_closed', () => {
  it('the tail follows ranges closed in order', () => {
    const { close, tail, slots } = setUp();
    close(L0, L0 + 64);
    expect(tail()).toBe(L0 + 64);
    close(L0 + 64, L0 + 72);
    expect(tail()).toBe(L0 + 72);
    expect(slots().every((n) => n === 0)).toBe(true);
  });

  it('a range closed early waits for those before it, and is taken along', () => {
    const { close, tail } = setUp();
    close(L0 + 24, L0 + 32);
    close(L0 + 8, L0 + 24);
    expect(tail()).toBe(L0);
    close(L0, L0 + 8);
    expect(tail()).toBe(L0 + 32);
  });

  it('a length that was rounded up when it was reserved', () => {
    const { reserve, close, tail } = setUp();
    const a = reserve(5);
    const b = reserve(11);
    close(b, b + 11);
    close(a, a + 5);
    expect(tail()).toBe(L0 + 24);
  });

  it('slots are used round and round', () => {
    const { reserve, close, wait, tail } = setUp(16);
    for (let i = 0; i < 1000; i++) {
      const start = reserve(8 * (1 + (i % 5)));
      wait(start);
      close(start, start + 8 * (1 + (i % 5)));
    }
    expect(tail()).toBe(L0 + 8 * 3000);
  });

  it('two threads close at once: what the busy one has passed already is not left behind', () => {
    const { kit, close, tail } = setUp();
    const other = kit.thread(1);
    const closer = kit.plan.pool.logSys + LOG_SYS.at.closerMutex;
    // Just before this thread lets the closer mutex go, having looked at its last slot, another closes the next range.
    let once = true;
    const { mem } = kit;
    const exchange = Atomics.exchange;
    Atomics.exchange = ((array: Int32Array, index: number, value: number) => {
      if (array.buffer === mem.buffer && index === closer && once) {
        once = false;
        close(L0 + 8, L0 + 24, other);
      }
      return exchange(array, index, value);
    }) as typeof Atomics.exchange;
    try {
      close(L0, L0 + 8);
    } finally {
      Atomics.exchange = exchange;
    }
    expect(once).toBe(false);
    expect(tail()).toBe(L0 + 24);
    expect(kit.holding(other)).toEqual([0, 0]);
  });
});

describe('waiting for space', () => {
  it('a start less than the capacity ahead of the tail may go on at once', () => {
    const { kit, wait } = setUp(16);
    wait(L0 + 127);
    expect(kit.clock.sleeps).toBe(0);
  });

  it('others wait, with nothing held, until the tail has moved', () => {
    const { kit, wait, close } = setUp(16);
    const other = kit.thread(1);
    kit.clock.onSleep = (us) => {
      expect([us, ...kit.holding()]).toEqual([20, 0, 0]);
      if (kit.clock.sleeps === 5) close(L0, L0 + 8, other);
    };
    wait(L0 + 128);
    expect(kit.clock.sleeps).toBe(5);
  });

  it('takes along itself what others have closed and not moved', () => {
    const { kit, wait, slots } = setUp(16);
    kit.mem[kit.plan.pool.recentClosed + ((L0 / 8) % 16)] = 8;
    wait(L0 + 128);
    expect(kit.clock.sleeps).toBe(0);
    expect(slots().every((n) => n === 0)).toBe(true);
  });

  it('an aborted run ends it', () => {
    const { kit, wait } = setUp(16);
    kit.clock.onSleep = () => Atomics.store(kit.mem, kit.plan.runtime.control + CONTROL.at.abort, 1);
    expect(() => wait(L0 + 128)).toThrow(RunAborted);
    expect(kit.holding()).toEqual([0, 0]);
  });
});

describe('order of the flush list', () => {
  it('is disturbed by less than the capacity, and the validator knows how much that is', () => {
    const { kit } = setUp(16);
    const [a, b, c] = [kit.touch(1), kit.touch(2), kit.touch(3)];
    const note = (block: number, lsn: number): void => {
      bufFlushNoteModification(kit.thr, kit.pool, block, lsn, lsn + 8);
    };
    // A younger range was added first: allowed while both fit into the buffer.
    note(a, L0 + 120);
    note(b, L0);
    expect(kit.findings()).toEqual([]);
    expect(kit.pages('flush')).toEqual([2, 1]);
    note(c, L0 - 8);
    expect(kit.findings()).toEqual([
      expect.stringMatching(/invariant 4: flush list: LSN 8312 comes after 8184/),
    ]);
  });

  it('the latches are the log own ones, above those of the pool', () => {
    const { kit } = setUp();
    mutexEnter(kit.thr, kit.inst.flushListMutex);
    expect(() => logReserve(kit.thr, kit.pool, 8)).toThrow(/latch order/);
    mutexExit(kit.thr, kit.inst.flushListMutex);
  });
});
