import { describe, expect, it } from 'vitest';
import { OP, THREAD } from '../layout/thread.ts';
import { eventWait } from '../sync/event.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import * as L from '../sync/sx-lock.ts';
import { hookClock, hookSleep, TestKit } from '../sync/test-kit.ts';
import type { Thread } from '../sync/thread.ts';
import { formatWhoWaits } from './who-waits-text.ts';
import { lastingCycles, type WhoWaits, whoWaits } from './who-waits.ts';

const look = (kit: TestKit, nowMs = 5000): WhoWaits => whoWaits({ mem: kit.mem, nowMs, ...kit.seats });
const of = (report: WhoWaits, id: number) => report.threads.find((t) => t.id === id);

class Stop extends Error {}

/** Lets a thread begin a wait and leaves it as it is when it falls asleep, 2 s into the run, its words unchanged. */
function beginWaiting(thr: Thread, wait: () => void): void {
  hookClock(thr, () => 2_000_000);
  hookSleep(thr, () => {
    throw new Stop();
  });
  expect(wait).toThrow(Stop);
}

function setUp(threads = 4) {
  const kit = new TestKit(threads);
  const [a, b, c, d] = Array.from({ length: threads }, (_, i) => kit.thread(i + 1));
  return { kit, a, b, c, d };
}

describe('who waits', () => {
  it('knows threads by kind, number, node and operation; leaves out unused records', () => {
    const kit = new TestKit(4);
    kit.mem[kit.thread(2).op] = OP.bufPageGet;
    const report = look(kit);
    expect(report.threads).toEqual([
      {
        id: 2,
        kind: 'session',
        label: 2,
        node: 0,
        op: 'bufPageGet',
        progress: 0,
        holds: [],
        waitsFor: null,
        event: null,
      },
    ]);
    expect(report.cycles).toEqual([]);
  });

  it('a mutex: the owner is in the word', () => {
    const { kit, a, b } = setUp();
    const m = kit.mutex('lruList');
    const free = kit.mutex('block');
    mutexEnter(a, m);
    mutexEnter(a, free);
    beginWaiting(b, () => mutexEnter(b, m));
    const report = look(kit);
    expect(of(report, 2)?.waitsFor).toEqual({
      at: m,
      latch: 'lruList',
      instrument: 'wait/synch/mutex/innodb/buf_pool_LRU_list_mutex',
      mode: 'mutex',
      place: 'latches[0]',
      sinceMs: 2000,
      waitedMs: 3000,
      asleep: true,
      heldBy: [1],
      ioOf: 0,
    });
    expect(of(report, 2)?.holds).toEqual([]);
    expect(of(report, 1)?.holds.map((h) => h.latch)).toEqual(['lruList', 'block']);
    expect(report.cycles).toEqual([]);
    mutexExit(a, free);
    mutexExit(a, m);
    expect(of(look(kit), 2)?.waitsFor?.heldBy).toEqual([]);
  });

  it('an sx-lock: the writer for S, SX and X; readers for a writer that has reserved it', () => {
    const { kit, a, b, c, d } = setUp();
    const l = kit.sxLock('pageHash');
    L.sxSLock(a, l);
    L.sxSLock(b, l);
    beginWaiting(c, () => L.sxXLock(c, l));
    beginWaiting(d, () => L.sxSLock(d, l));
    const report = look(kit);
    expect(of(report, 3)?.waitsFor).toMatchObject({ mode: 'X', heldBy: [1, 2], ioOf: 0 });
    // It asked for S but does not hold it, so it is not in the writer's way.
    expect(of(report, 4)?.waitsFor).toMatchObject({ mode: 'S', heldBy: [3] });
    expect(report.cycles).toEqual([]);
    for (const lock of [L.sxSxLock, L.sxXLock]) {
      const next = setUp();
      const at = next.kit.sxLock();
      lock(next.a, at);
      beginWaiting(next.b, () => L.sxSxLock(next.b, at));
      expect(of(look(next.kit), 2)?.waitsFor).toMatchObject({ mode: 'SX', heldBy: [1] });
    }
  });

  it('an SX holder that asked for X waits for readers', () => {
    const { kit, a, b } = setUp();
    const l = kit.sxLock();
    L.sxSLock(b, l);
    L.sxSxLock(a, l);
    beginWaiting(a, () => L.sxXLock(a, l));
    expect(of(look(kit), 1)?.waitsFor).toMatchObject({ mode: 'X', heldBy: [2] });
    expect(of(look(kit), 1)?.holds.map((h) => h.mode)).toEqual(['SX']);
  });

  it('a lock taken for an I/O is nobody’s: by whom it was taken', () => {
    const { kit, a, b, c, d } = setUp();
    const l = kit.sxLock('frame');
    L.sxXLock(a, l, 1);
    beginWaiting(b, () => L.sxSLock(b, l));
    expect(of(look(kit), 2)?.waitsFor).toMatchObject({ heldBy: [], ioOf: 1 });
    expect(formatWhoWaits(look(kit))).toContain('held for an I/O that thread 1 (session 1, node 0) started');
    // Taken for an I/O, but still waiting for a reader: then it is the taker who is waited for.
    const other = kit.sxLock('frame');
    L.sxSLock(c, other);
    beginWaiting(a, () => L.sxXLock(a, other, 1));
    expect(of(look(kit), 1)?.waitsFor).toMatchObject({ heldBy: [3], mode: 'X' });
    beginWaiting(d, () => L.sxSLock(d, other));
    expect(of(look(kit), 4)?.waitsFor).toMatchObject({ heldBy: [1], ioOf: 1 });
  });

  it('an event that is no latch’s', () => {
    const { kit, a } = setUp();
    const e = kit.event();
    hookClock(a, () => 1_500_000);
    const texts: string[] = [];
    hookSleep(a, () => {
      const report = look(kit);
      expect(of(report, 1)).toMatchObject({ waitsFor: null, event: { place: 'latches[0]', waitedMs: 3500 } });
      texts.push(formatWhoWaits(report));
      throw new Stop();
    });
    expect(() => eventWait(a, e, 1, a.waits)).toThrow(Stop);
    expect(texts[0]).toContain('  asleep on event latches[0] for 3.5 s');
  });
});

describe('cycles', () => {
  it('of two mutexes', () => {
    const { kit, a, b } = setUp(2);
    const [m, n] = [kit.mutex(), kit.mutex()];
    mutexEnter(a, m);
    mutexEnter(b, n);
    beginWaiting(b, () => mutexEnter(b, m));
    expect(look(kit).cycles).toEqual([]);
    beginWaiting(a, () => mutexEnter(a, n));
    expect(look(kit).cycles).toEqual([[1, 2]]);
  });

  it('of three, through a reader', () => {
    const { kit, a, b, c, d } = setUp();
    const [m, l, n] = [kit.mutex(), kit.sxLock(), kit.mutex()];
    mutexEnter(a, m);
    L.sxSLock(b, l);
    mutexEnter(c, n);
    L.sxSLock(d, l);
    beginWaiting(b, () => mutexEnter(b, m));
    beginWaiting(a, () => mutexEnter(a, n));
    beginWaiting(c, () => L.sxXLock(c, l));
    const report = look(kit);
    expect(report.cycles).toEqual([[1, 3, 2]]);
    expect(formatWhoWaits(report)).toContain(
      'DEADLOCK: thread 1 (session 1, node 0) waits for thread 3 (session 3, node 0) waits for ' +
        'thread 2 (session 2, node 0) waits for thread 1 (session 1, node 0)',
    );
  });

  it('are dropped when a second look finds one of the waits over', () => {
    const { kit, a, b } = setUp(2);
    const [m, n] = [kit.mutex(), kit.mutex()];
    mutexEnter(a, m);
    mutexEnter(b, n);
    beginWaiting(b, () => mutexEnter(b, m));
    beginWaiting(a, () => mutexEnter(a, n));
    const first = look(kit).threads;
    expect(lastingCycles(first, first)).toEqual([[1, 2]]);
    kit.mem[m] = 0;
    expect(lastingCycles(first, look(kit).threads)).toEqual([]);
    kit.mem[m] = 1 << 1;
    expect(lastingCycles(first, look(kit).threads)).toEqual([[1, 2]]);
    // The same latches, but a wait that began later.
    kit.mem[a.at + THREAD.at.waitSinceMs]++;
    expect(lastingCycles(first, look(kit).threads)).toEqual([]);
  });
});

describe('the text', () => {
  it('has the longest wait first, then holders, then the rest as a number', () => {
    const { kit, a, b, c } = setUp(6);
    kit.thread(5);
    kit.thread(6);
    const [m, l] = [kit.mutex('lruList'), kit.sxLock('frame')];
    L.sxXLock(a, l);
    mutexEnter(a, m);
    beginWaiting(b, () => mutexEnter(b, m));
    beginWaiting(c, () => L.sxSLock(c, l));
    kit.mem[c.at + THREAD.at.waitSinceMs] = 500;
    kit.mem[a.op] = OP.bufLruScanAndFree;
    expect(formatWhoWaits(look(kit)).split('\n')).toEqual([
      'SEMAPHORES: 2 of 6 threads wait',
      'thread 3 (session 3, node 0) in idle',
      `  waits 4.5 s for frame S @${l} (latches[1]), asleep`,
      '    held by thread 1 (session 1, node 0)',
      'thread 2 (session 2, node 0) in idle',
      `  waits 3.0 s for lruList @${m} (latches[0]), asleep`,
      '    held by thread 1 (session 1, node 0)',
      'thread 1 (session 1, node 0) in bufLruScanAndFree, does not wait',
      `  holds frame X @${l} (latches[1]), lruList @${m} (latches[0])`,
      '3 more neither wait nor hold anything',
    ]);
  });
});
