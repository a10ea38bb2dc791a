import { describe, expect, it } from 'vitest';
import { SYSVARS, THREAD, WAIT_STAT } from '../layout/thread.ts';
import { LATCH } from './latch-meta.ts';
import * as M from './mutex.ts';
import { hookClock, hookSleep, shortSlices, TestKit } from './test-kit.ts';
import { RunAborted } from './thread.ts';

function setUp() {
  const kit = new TestKit();
  const m = kit.mutex();
  return { kit, mem: kit.mem, m, a: kit.thread(1), b: shortSlices(kit.thread(2)) };
}

describe('mutex: every row of the truth table', () => {
  it('free → locked by a → free', () => {
    const { mem, m, a } = setUp();
    expect(mem[m]).toBe(0);
    M.mutexEnter(a, m);
    expect(mem[m]).toBe(1 << 1);
    expect(M.mutexOwn(a, m)).toBe(true);
    M.mutexExit(a, m);
    expect(mem[m]).toBe(0);
    expect(M.mutexOwn(a, m)).toBe(false);
  });

  it('locked → locked with waiters, by a waiter before it sleeps; the exit frees it', () => {
    const { kit, mem, m, a, b } = setUp();
    M.mutexEnter(a, m);
    kit.abort();
    expect(() => M.mutexEnter(b, m)).toThrow(RunAborted);
    expect(mem[m]).toBe((1 << 1) | 1);
    expect(M.mutexOwner(mem[m])).toBe(1);
    M.mutexExit(a, m);
    expect(mem[m]).toBe(0);
  });

  it('a waiter that has used up its spin rounds takes it with the waiter bit', () => {
    const { kit, mem, m, a, b } = setUp();
    // The first attempt fails, spinning is off, and the owner leaves before the slow path looks.
    kit.setVar(SYSVARS.at.syncSpinLoops, 0);
    M.mutexEnter(a, m);
    hookClock(b, (reading) => (reading === 0 && M.mutexExit(a, m), 0));
    M.mutexEnter(b, m);
    expect(mem[m]).toBe((2 << 1) | 1);
    M.mutexExit(b, m);
    expect(mem[m]).toBe(0);
  });

  it('a spinning thread takes it without the waiter bit', () => {
    const { mem, m, a, b } = setUp();
    M.mutexEnter(a, m);
    hookClock(b, (reading) => (reading === 0 && M.mutexExit(a, m), 0));
    M.mutexEnter(b, m);
    expect(mem[m]).toBe(2 << 1);
  });

  it('nowait: one attempt, true when taken; a failure leaves nothing behind', () => {
    const { mem, m, a, b } = setUp();
    expect(M.mutexTryEnter(a, m)).toBe(true);
    expect(M.mutexTryEnter(b, m)).toBe(false);
    expect(M.mutexTryEnter(a, m)).toBe(false);
    expect(mem[m]).toBe(1 << 1);
    expect([a.heldCount, b.heldCount]).toEqual([1, 0]);
    M.mutexExit(a, m);
    expect(M.mutexTryEnter(b, m)).toBe(true);
  });

  it('is not recursive', () => {
    const { m, a } = setUp();
    M.mutexEnter(a, m);
    expect(() => M.mutexEnter(a, m)).toThrow(/testMutex.*holds this mutex already/);
  });

  it('a release by a stranger is refused and changes nothing', () => {
    const { mem, m, a, b } = setUp();
    M.mutexEnter(a, m);
    expect(() => M.mutexExit(b, m)).toThrow(/thread 2 released mutex @\d+ of thread 1/);
    expect(mem[m]).toBe(1 << 1);
    M.mutexExit(a, m);
    expect(() => M.mutexExit(a, m)).toThrow(/of thread 0/);
  });

  it('mutexes may be released in any order', () => {
    const { kit, m, a } = setUp();
    const others = [kit.mutex(), kit.mutex()];
    for (const at of [m, ...others]) M.mutexEnter(a, at);
    M.mutexExit(a, m);
    expect([a.heldEntry(0), a.heldEntry(1)]).toEqual(others);
    M.mutexExit(a, others[1]);
    M.mutexExit(a, others[0]);
    expect(a.heldCount).toBe(0);
  });
});

describe('mutex: predicates over the word', () => {
  it('agree with how the word is made, for owners up to 2^30 - 1', () => {
    const ids = [...Array.from({ length: 3000 }, (_, i) => i), 2 ** 20, 2 ** 29, 2 ** 30 - 1];
    for (const id of ids) {
      for (const bit of id === 0 ? [0] : [0, 1]) {
        const word = (id << 1) | bit;
        expect(M.mutexOwner(word)).toBe(id);
        expect(M.mutexHasWaiters(word)).toBe(bit === 1);
        expect(M.mutexIsFree(word)).toBe(id === 0);
      }
    }
  });
});

describe('mutex: what others can see', () => {
  it('a waiter has published what it waits for, since when, and that it has asked', () => {
    const { kit, mem, m, a, b } = setUp();
    M.mutexEnter(a, m);
    kit.abort();
    hookClock(b, () => 5_000_000);
    expect(() => M.mutexEnter(b, m)).toThrow(RunAborted);
    expect(mem[b.at + THREAD.at.waitFor]).toBe(m);
    expect(mem[b.at + THREAD.at.waitSinceMs]).toBe(5000);
    expect(mem[b.at + THREAD.at.held]).toBe(m);
  });

  it('counts takes, contention, rounds, sleeps and time per latch class', () => {
    const { kit, mem, m, a, b } = setUp();
    const row = (thr: typeof a) => thr.waits + LATCH.testMutex * WAIT_STAT.words;
    M.mutexEnter(a, m);
    hookClock(b, (reading) => reading * 700);
    hookSleep(b, () => M.mutexExit(a, m));
    M.mutexEnter(b, m);
    const { at } = WAIT_STAT;
    expect(mem[row(a) + at.acquired]).toBe(1);
    expect(mem[row(a) + at.contended]).toBe(0);
    expect(mem[row(b) + at.acquired]).toBe(1);
    expect(mem[row(b) + at.contended]).toBe(1);
    expect(mem[row(b) + at.spinRounds]).toBe(30);
    expect(mem[row(b) + at.parks]).toBe(1);
    expect(mem[row(b) + at.waitUs]).toBe(700);
    expect(mem[row(b) + at.maxWaitUs]).toBe(700);
    expect(mem[b.at + THREAD.at.waitFor]).toBe(0);
    M.mutexExit(b, m);
    expect(kit.mem[m]).toBe(0);
  });
});
