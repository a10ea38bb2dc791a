/** The page cleaner (facts B 5.6), played by the test's own thread: its sleeps are where the test acts. */
import { describe, expect, it } from 'vitest';
import { BUF_POOL, CLEANER } from '../layout/buffer.ts';
import { CONTROL } from '../layout/thread.ts';
import { StorageError } from '../storage/errors.ts';
import { eventIsSet } from '../sync/event.ts';
import { hookSleep } from '../sync/test-kit.ts';
import { RunAborted } from '../sync/thread.ts';
import { wakePageCleaner } from './cleaner-wake.ts';
import { pageCleanerRun } from './cleaner.ts';
import { diskFull, type KitOptions, PoolKit } from './test-kit.ts';

function setUp(o: KitOptions = {}) {
  const kit = new PoolKit({ blocks: 300, ...o });
  const cleaner = kit.thread(1);
  const at = kit.plan.pool.cleaners;
  const stop = (): void => {
    Atomics.store(kit.mem, kit.plan.runtime.control + CONTROL.at.cleanerStop, 1);
    wakePageCleaner(kit.pool, kit.inst);
  };
  return {
    kit,
    cleaner,
    stop,
    wake: () => wakePageCleaner(kit.pool, kit.inst),
    /** Calls `act` when the cleaner is about to sleep for the nth time (from 0); real sleeps are of a millisecond. */
    onSleep(act: (n: number) => void): void {
      let n = -1;
      let rounds = -1;
      hookSleep(cleaner, () => {
        const now = kit.mem[at + CLEANER.at.rounds];
        if (now !== rounds) {
          rounds = now;
          n++;
          act(n);
        }
      });
    },
    run: () => pageCleanerRun(cleaner, kit.pool),
    rounds: () => [
      kit.mem[at + CLEANER.at.rounds],
      kit.mem[at + CLEANER.at.earlyRounds],
      kit.mem[at + CLEANER.at.lateRounds],
    ],
    ticked: () => eventIsSet(kit.mem[at + CLEANER.at.tickEvent]),
  };
}

describe('woken early', () => {
  it('makes room at the LRU tail, and leaves the flush list alone', () => {
    const c = setUp({ sysvars: { lruScanDepth: 20 } });
    for (let p = 0; p < 300; p++) c.kit.dirty(p);
    const seen: unknown[] = [];
    c.onSleep((n) => {
      seen.push([c.kit.val('freeLen'), c.kit.val('flushLen'), ...c.rounds()]);
      if (n === 0) c.wake();
      else c.stop();
    });
    c.run();
    expect(seen).toEqual([
      [0, 300, 0, 0, 0],
      [20, 280, 1, 1, 0],
    ]);
    expect(c.ticked()).toBe(true);
    expect(c.kit.stat('listBatchFlushed', c.cleaner)).toBe(280);
  });

  it('a request during a round is served by the next, at once', () => {
    const c = setUp({ sysvars: { lruScanDepth: 10 } });
    for (let p = 0; p < 300; p++) c.kit.dirty(p);
    let writes = 0;
    c.kit.store.onWrite = () => {
      if (++writes === 3) c.wake();
      return null;
    };
    const sleeps: number[] = [];
    c.onSleep((n) => {
      sleeps.push(c.rounds()[0]);
      if (n === 0) c.wake();
      else c.stop();
    });
    c.run();
    // It slept before round 1 and after round 2, not between them.
    expect(sleeps).toEqual([0, 2]);
    expect(c.rounds()).toEqual([3, 3, 0]);
  });
});

/** The clock moves by so much at each reading, so that little of the second is left to sleep. */
const hurry = (c: ReturnType<typeof setUp>, us: number): void => {
  const { clock } = c.kit;
  const reading = clock.us.bind(clock);
  clock.us = () => {
    clock.advance(us);
    return reading();
  };
};

describe('once a second', () => {
  it('writes innodb_io_capacity pages of the flush lists while the dirty share is at the low-water mark', () => {
    const c = setUp({ sysvars: { ioCapacity: 25, maxDirtyPagesPctLwm: 10_000 } });
    for (let p = 0; p < 60; p++) c.kit.dirty(p);
    hurry(c, 999_000);
    const dirty: number[] = [];
    c.onSleep((n) => {
      dirty.push(c.kit.val('flushLen'));
      if (n === 3) c.stop();
    });
    c.run();
    // 100 * 35 / 301 is above 10, 100 * 10 / 301 is not.
    expect(dirty).toEqual([60, 35, 10, 10]);
    expect(c.rounds()[1]).toBeLessThanOrEqual(1);
  });

  it('spreads them over the instances of its node, and leaves those of other nodes alone', () => {
    const c = setUp({
      instances: 4,
      nodes: 2,
      blocks: 64,
      sysvars: { ioCapacity: 10, maxDirtyPagesPctLwm: 0 },
    });
    for (let p = 0; p < 64 * 12; p += 16) c.kit.dirty(p);
    hurry(c, 999_000);
    const dirty = (): number[] => c.kit.pool.instances.map((i) => c.kit.mem[i.at + BUF_POOL.at.flushLen]);
    const before = dirty();
    expect(Math.min(...before)).toBeGreaterThanOrEqual(5);
    c.onSleep((n) => {
      if (n === 1) {
        expect(dirty()).toEqual([before[0] - 5, before[1], before[2] - 5, before[3]]);
        c.stop();
      }
    });
    c.run();
    expect(dirty()).toEqual([0, before[1], 0, before[3]]);
    expect(c.kit.findings()).toEqual([]);
  });

  it('a round of more than 4 s is counted, and reported after 1, 2, 4, … of them', () => {
    const c = setUp();
    hurry(c, 5_000_000);
    let madeProgress = 0;
    c.cleaner.madeProgress = () => {
      if (++madeProgress === 8) c.stop();
    };
    c.run();
    expect(c.rounds()).toEqual([8, 0, 8]);
    expect(c.kit.log.lines.map((l) => l.text)).toHaveLength(4);
    expect(c.kit.log.lines[0].text).toMatch(/^Page cleaner of node 0 took \d+ms/);
  });
});

describe('its end', () => {
  it('writes everything that is dirty', () => {
    const c = setUp({ instances: 3, blocks: 64 });
    for (let p = 0; p < 64 * 6; p += 4) c.kit.dirty(p);
    c.stop();
    c.run();
    expect(c.kit.store.writes).toHaveLength(96);
    expect(c.kit.findings()).toEqual([]);
    for (const page of c.kit.store.writes) expect(c.kit.store.counterOf(page)).toBe(1);
    expect(c.rounds()).toEqual([0, 0, 0]);
  });

  it('a disk that is full ends it with the error, with nothing held', () => {
    const c = setUp();
    c.kit.dirty(1, 2);
    c.kit.store.onWrite = diskFull;
    c.stop();
    expect(c.run).toThrow(StorageError);
    expect(c.kit.holding(c.cleaner)).toEqual([0, 0]);
    expect(c.kit.findings()).toEqual([]);
  });

  it('an aborted run ends its sleep', () => {
    const c = setUp();
    c.onSleep(() => Atomics.store(c.kit.mem, c.kit.plan.runtime.control + CONTROL.at.abort, 1));
    expect(c.run).toThrow(RunAborted);
  });
});
