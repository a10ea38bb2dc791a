import { describe, expect, it } from 'vitest';
import { OP } from '../layout/thread.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { sxSLock, sxXLock } from '../sync/sx-lock.ts';
import { hookClock, hookSleep, TestKit } from '../sync/test-kit.ts';
import type { Thread } from '../sync/thread.ts';
import { countWaiting, threadName, waitForSnapshot } from './wait-snapshot.ts';
import { type WhoWaits, whoWaits } from './who-waits.ts';

class Stop extends Error {}

/** Leaves a thread as it is when it falls asleep. */
function beginWaiting(thr: Thread, sinceUs: number, wait: () => void): void {
  hookClock(thr, () => sinceUs);
  hookSleep(thr, () => {
    throw new Stop();
  });
  expect(wait).toThrow(Stop);
}

const look = (kit: TestKit): WhoWaits => whoWaits({ mem: kit.mem, nowMs: 5000, ...kit.seats });

describe('a wait-for snapshot', () => {
  it('is none when nobody waits, whoever holds something', () => {
    const kit = new TestKit(2);
    mutexEnter(kit.thread(1), kit.mutex());
    expect(waitForSnapshot(look(kit), 1)).toBeNull();
    expect(countWaiting(kit.mem, kit.seats)).toBe(0);
  });

  it('has those that wait, the longest first, and those they wait for; nobody else', () => {
    const kit = new TestKit(6);
    const [a, b, c, d, e] = [1, 2, 3, 4, 5].map((id) => kit.thread(id));
    const [m, l, idle] = [kit.mutex('lruList'), kit.sxLock('frame'), kit.mutex('block')];
    sxXLock(a, l);
    mutexEnter(a, m);
    mutexEnter(e, idle);
    // Taken for an I/O that d has started.
    const io = kit.sxLock('frame');
    sxXLock(d, io, 1);
    kit.mem[a.op] = OP.bufLruScanAndFree;
    beginWaiting(b, 4_999_000, () => mutexEnter(b, m));
    beginWaiting(c, 3_000_000, () => sxSLock(c, io));
    expect(countWaiting(kit.mem, kit.seats)).toBe(2);
    expect(waitForSnapshot(look(kit), 42)).toEqual({
      atMs: 42,
      threads: [
        {
          who: 'session 3',
          node: 0,
          op: 'idle',
          waitsFor: {
            instrument: 'wait/synch/sxlock/innodb/buf_block_lock',
            mode: 'S',
            place: 'latches[3]',
            waitedMs: 2000,
            asleep: true,
            heldBy: ['session 4'],
          },
          holds: [],
        },
        {
          who: 'session 2',
          node: 0,
          op: 'idle',
          waitsFor: {
            instrument: 'wait/synch/mutex/innodb/buf_pool_LRU_list_mutex',
            mode: 'mutex',
            place: 'latches[0]',
            waitedMs: 1,
            asleep: true,
            heldBy: ['session 1'],
          },
          holds: [],
        },
        {
          who: 'session 1',
          node: 0,
          op: 'bufLruScanAndFree',
          waitsFor: null,
          holds: [
            { instrument: 'wait/synch/sxlock/innodb/buf_block_lock', mode: 'X', place: 'latches[1]' },
            {
              instrument: 'wait/synch/mutex/innodb/buf_pool_LRU_list_mutex',
              mode: 'mutex',
              place: 'latches[0]',
            },
          ],
        },
        { who: 'session 4', node: 0, op: 'idle', waitsFor: null, holds: [] },
      ],
      cycles: [],
    });
    mutexExit(a, m);
  });

  it('has no thread that waits for itself: it has just got the latch', () => {
    const kit = new TestKit(3);
    const [a, b, c] = [1, 2, 3].map((id) => kit.thread(id));
    const m = kit.mutex();
    mutexEnter(a, m);
    beginWaiting(b, 0, () => mutexEnter(b, m));
    mutexExit(a, m);
    // As it is after its compare-and-exchange.
    kit.mem[m] = b.owned;
    expect(waitForSnapshot(look(kit), 0)).toBeNull();
    beginWaiting(c, 0, () => mutexEnter(c, m));
    const threads = waitForSnapshot(look(kit), 0)?.threads ?? [];
    expect(threads.map((t) => [t.who, t.waitsFor?.heldBy, t.holds.length])).toEqual([
      ['session 3', ['session 2'], 0],
      ['session 2', undefined, 1],
    ]);
  });

  it('names the threads of a cycle', () => {
    const kit = new TestKit(2);
    const [a, b] = [kit.thread(1), kit.thread(2)];
    const [m, n] = [kit.mutex(), kit.mutex()];
    mutexEnter(a, m);
    mutexEnter(b, n);
    beginWaiting(b, 0, () => mutexEnter(b, m));
    beginWaiting(a, 0, () => mutexEnter(a, n));
    expect(waitForSnapshot(look(kit), 0)?.cycles).toEqual([['session 1', 'session 2']]);
  });
});

it('threads are called what they are', () => {
  const names = ['main', 'session', 'cleaner', 'other'].map((kind) => threadName({ kind, label: 3 }));
  expect(names).toEqual(['main thread', 'session 3', 'page cleaner 3', 'other 3']);
});
