import { describe, expect, it } from 'vitest';
import { THREAD, WAIT_STAT } from '../layout/thread.ts';
import { setU53 } from '../layout/words.ts';
import { LATCH, LATCHES } from '../sync/latch-meta.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { hookClock, hookSleep, TestKit } from '../sync/test-kit.ts';
import { forgetLongestWaits, sumWaitStats } from './wait-stats.ts';

const sums = (kit: TestKit) => sumWaitStats(kit.mem, kit.seats);

describe('wait statistics', () => {
  it('have a row per latch class, all zero at first', () => {
    const rows = sums(new TestKit(2));
    expect(rows.map((r) => [r.name, r.instrument, r.kind])).toEqual(
      LATCHES.map((c) => [c.name, c.instrument, c.kind]),
    );
    for (const r of rows) {
      expect(r.acquired + r.contended + r.spinRounds + r.parks + r.waitUs + r.maxWaitUs).toBe(0);
    }
  });

  it('add up what the threads did', () => {
    const kit = new TestKit(2);
    const [a, b] = [kit.thread(1), kit.thread(2)];
    const [m, other] = [kit.mutex('lruList'), kit.mutex('flushList')];
    mutexEnter(a, other);
    mutexExit(a, other);
    mutexEnter(a, m);
    hookClock(b, (reading) => reading * 250);
    hookSleep(b, () => mutexExit(a, m));
    mutexEnter(b, m);
    mutexExit(b, m);
    const rows = sums(kit);
    expect(rows[LATCH.flushList]).toMatchObject({ acquired: 1, contended: 0, waitUs: 0 });
    expect(rows[LATCH.lruList]).toEqual({
      name: 'lruList',
      instrument: 'wait/synch/mutex/innodb/buf_pool_LRU_list_mutex',
      kind: 'mutex',
      acquired: 2,
      contended: 1,
      spinRounds: 30,
      parks: 1,
      waitUs: 250,
      maxWaitUs: 250,
    });
  });

  it('sum large numbers exactly, and take the largest of the longest waits', () => {
    const kit = new TestKit(3);
    [2 ** 40, 2 ** 33 + 1, 5].forEach((us, i) => {
      const row = kit.seats.threads + i * THREAD.words + THREAD.at.waits + LATCH.block * WAIT_STAT.words;
      setU53(kit.mem, row + WAIT_STAT.at.waitUs, us);
      kit.mem[row + WAIT_STAT.at.maxWaitUs] = us % 1000;
      kit.mem[row + WAIT_STAT.at.acquired] = -1;
    });
    const row = sums(kit)[LATCH.block];
    expect(row.waitUs).toBe(2 ** 40 + 2 ** 33 + 6);
    expect(row.maxWaitUs).toBe(Math.max((2 ** 33 + 1) % 1000, 2 ** 40 % 1000));
    expect(row.acquired).toBe(3 * (2 ** 32 - 1));
  });

  it('forget the longest waits of all threads and classes, and nothing else', () => {
    const kit = new TestKit(2);
    for (const i of [0, 1]) {
      for (const latch of [LATCH.frame, LATCH.testSxLock]) {
        const row = kit.seats.threads + i * THREAD.words + THREAD.at.waits + latch * WAIT_STAT.words;
        kit.mem.fill(7, row, row + WAIT_STAT.words);
      }
    }
    const before = sums(kit);
    expect(before[LATCH.testSxLock].maxWaitUs).toBe(7);
    forgetLongestWaits(kit.mem, kit.seats);
    expect(sums(kit)).toEqual(before.map((row) => ({ ...row, maxWaitUs: 0 })));
  });
});
