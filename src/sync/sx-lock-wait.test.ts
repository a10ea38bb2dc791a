import { describe, expect, it } from 'vitest';
import { SX_LOCK } from '../layout/latches.ts';
import { SYSVARS, THREAD, WAIT_STAT } from '../layout/thread.ts';
import { EVENT_UNSET, eventIsSet } from './event.ts';
import { LATCH } from './latch-meta.ts';
import { X_LOCK_HALF_DECR } from './sx-lock-word.ts';
import * as L from './sx-lock.ts';
import { hookClock, hookSleep, shortSlices, TestKit } from './test-kit.ts';
import { MODE, RunAborted } from './thread.ts';

const H = X_LOCK_HALF_DECR;
const { waiters, event, waitExEvent } = SX_LOCK.at;

function setUp(readers = 0) {
  const kit = new TestKit(6);
  const l = kit.sxLock();
  const [a, b, c, ...others] = [1, 2, 3, 4, 5, 6].map((id) => shortSlices(kit.thread(id)));
  const reading = others.slice(0, readers);
  for (const r of reading) L.sxSLock(r, l);
  return { kit, mem: kit.mem, l, a, b, c, reading };
}

describe('sx-lock: waiting', () => {
  const row = LATCH.testSxLock * WAIT_STAT.words;

  it('a waiter raises `waiters`, and has published latch and mode', () => {
    const modes = [
      [L.sxSLock, MODE.s],
      [L.sxSxLock, MODE.sx],
      [L.sxXLock, MODE.x],
    ] as const;
    for (const [lock, mode] of modes) {
      const { kit, mem, l, a, b } = setUp();
      L.sxXLock(a, l);
      kit.abort();
      expect(() => lock(b, l)).toThrow(RunAborted);
      expect([mem[l + waiters], mem[l], mem[b.at + THREAD.at.waitFor]]).toEqual([1, 0, l | mode]);
      // The release clears the flag and sets the event, once.
      L.sxXUnlock(a, l);
      expect([mem[l + waiters], eventIsSet(mem[l + event])]).toEqual([0, true]);
    }
  });

  it('a release with nobody waiting leaves the event alone', () => {
    const { mem, l, a } = setUp();
    L.sxXLock(a, l);
    L.sxXUnlock(a, l);
    L.sxSxLock(a, l);
    L.sxSxUnlock(a, l);
    expect(mem[l + event]).toBe(EVENT_UNSET);
  });

  it('the release of SX, and of X down to SX, wakes waiters', () => {
    const { mem, l, a, b } = setUp();
    L.sxSxLock(a, l);
    L.sxXLock(a, l);
    hookSleep(b, () => L.sxXUnlock(a, l));
    L.sxSLock(b, l);
    expect([mem[l], mem[l + waiters]]).toEqual([H - 1, 0]);
    L.sxSUnlock(b, l);
    hookSleep(b, () => L.sxSxUnlock(a, l));
    L.sxXLock(b, l);
    expect(mem[l]).toBe(0);
  });

  it('X waits for readers with the lock reserved, and counts one wait', () => {
    const { mem, l, a, b, reading } = setUp(2);
    const seen: number[] = [];
    hookClock(b, (n) => n * 100);
    hookSleep(b, (n) => {
      seen.push(mem[l], mem[b.at + THREAD.at.waitFor], mem[b.at + THREAD.at.waitWord]);
      L.sxSUnlock(reading[n], l);
    });
    L.sxXLock(b, l);
    expect(seen).toEqual([-2, l | MODE.x, l + waitExEvent, -1, l | MODE.x, l + waitExEvent]);
    const { at } = WAIT_STAT;
    const of = (field: keyof typeof at): number => mem[b.waits + row + at[field]];
    expect([mem[l], of('acquired'), of('contended'), of('parks')]).toEqual([0, 1, 1, 2]);
    expect([of('spinRounds'), of('waitUs'), of('maxWaitUs')]).toEqual([30, 100, 100]);
    expect(a.heldCount).toBe(0);
  });

  it('a wait for the writer and then for readers is one wait, timed once', () => {
    const { mem, l, a, b, c } = setUp();
    L.sxSxLock(a, l);
    L.sxSLock(c, l);
    hookClock(b, (reading) => reading * 100);
    hookSleep(b, (n) => (n === 0 ? L.sxSxUnlock(a, l) : L.sxSUnlock(c, l)));
    L.sxXLock(b, l);
    const { at } = WAIT_STAT;
    const of = (field: keyof typeof at): number => mem[b.waits + row + at[field]];
    expect([mem[l], of('contended'), of('waitUs'), of('parks')]).toEqual([0, 1, 100, 2]);
    expect(mem[b.at + THREAD.at.waitFor]).toBe(0);
  });

  it('SX holder asking for X waits for readers only', () => {
    const { mem, l, a, reading } = setUp(1);
    L.sxSxLock(a, l);
    hookSleep(a, () => L.sxSUnlock(reading[0], l));
    L.sxXLock(a, l);
    expect(mem[l]).toBe(-H);
  });

  it('the wait for the lock gives up spinning when innodb_sync_spin_loops says so', () => {
    const { kit, mem, l, a, b } = setUp();
    kit.setVar(SYSVARS.at.syncSpinLoops, 7);
    L.sxXLock(a, l);
    hookSleep(b, (n) => n === 2 && L.sxXUnlock(a, l));
    L.sxSLock(b, l);
    // 7 rounds once: waking from a slice without a signal is no new start.
    expect(mem[b.waits + row + WAIT_STAT.at.spinRounds]).toBe(7);
  });

  it('uncontended takes and recursion are no waits', () => {
    const { mem, l, a } = setUp();
    L.sxXLock(a, l);
    L.sxXLock(a, l);
    L.sxSxLock(a, l);
    expect(mem[a.waits + row + WAIT_STAT.at.acquired]).toBe(3);
    expect(mem[a.waits + row + WAIT_STAT.at.contended]).toBe(0);
  });
});
