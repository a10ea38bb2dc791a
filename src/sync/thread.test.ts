import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../layout/clock.ts';
import { CONTROL, MAX_HELD, MAX_MEMO, SYSVARS, THREAD } from '../layout/thread.ts';
import { TestKit } from './test-kit.ts';
import { MODE, RunAborted, THREAD_KIND } from './thread.ts';

describe('thread: the held list', () => {
  it('is in shared memory as others see it, oldest first', () => {
    const kit = new TestKit(2);
    const thr = kit.thread(2);
    thr.hold(64);
    thr.hold(128 | MODE.x);
    const { at } = THREAD;
    const base = kit.seats.threads + THREAD.words;
    expect([...kit.mem.subarray(base + at.held, base + at.held + 3)]).toEqual([64, 128 | MODE.x, 0]);
    expect([thr.heldCount, thr.heldEntry(0), thr.heldEntry(1)]).toEqual([2, 64, 128 | MODE.x]);
  });

  it('gives back any entry, the youngest of equal ones first', () => {
    const kit = new TestKit(1);
    const thr = kit.thread(1);
    const entries = [64, 128, 64, 192, 256];
    entries.forEach((e) => thr.hold(e));
    const left = (): number[] => Array.from({ length: thr.heldCount }, (_, i) => thr.heldEntry(i));
    thr.unhold(64);
    expect(left()).toEqual([64, 128, 192, 256]);
    thr.unhold(256);
    thr.unhold(64);
    expect(left()).toEqual([128, 192]);
    expect(kit.mem[thr.at + THREAD.at.held + 2]).toBe(0);
  });

  it('modes are different entries, but one latch', () => {
    const thr = new TestKit(1).thread(1);
    thr.hold(64 | MODE.sx);
    expect(() => thr.unhold(64 | MODE.x)).toThrow(/does not hold/);
    expect([thr.holds(64), thr.holds(68)]).toEqual([true, false]);
    thr.unhold(64 | MODE.sx);
    expect(thr.holds(64)).toBe(false);
    expect(() => thr.unhold(64 | MODE.sx)).toThrow(/does not hold/);
  });

  it('is bounded', () => {
    const kit = new TestKit(2);
    const thr = kit.thread(1);
    for (let i = 0; i < MAX_HELD; i++) thr.hold(64);
    const before = [...kit.mem.subarray(thr.at + THREAD.at.memo, thr.at + THREAD.words)];
    expect(() => thr.hold(64)).toThrow(`thread 1 holds more than ${MAX_HELD} latches`);
    expect([...kit.mem.subarray(thr.at + THREAD.at.memo, thr.at + THREAD.words)]).toEqual(before);
  });
});

describe('thread: what it publishes and reads', () => {
  it('sits down at a used record as if it were new', () => {
    const kit = new TestKit(1);
    const { at, words } = THREAD;
    kit.mem.fill(7, kit.seats.threads, kit.seats.threads + words);
    const thr = kit.thread(1);
    const cleared = ['op', 'waitFor', 'waitWord'] as const;
    expect(cleared.map((field) => kit.mem[thr.at + at[field]])).toEqual([0, 0, 0]);
    const held = kit.mem.subarray(thr.held, thr.held + MAX_HELD);
    const memo = kit.mem.subarray(thr.memo, thr.memo + MAX_MEMO);
    expect([...held, ...memo].filter((w) => w !== 0)).toEqual([]);
    expect(kit.mem[thr.at + at.kind]).toBe(THREAD_KIND.session);
    expect(kit.mem[thr.at + at.label]).toBe(1);
  });

  it('reads switches and variables, and counts its progress', () => {
    const kit = new TestKit(1);
    const thr = kit.thread(1);
    expect(thr.stopping()).toBe(false);
    kit.mem[kit.seats.control + CONTROL.at.stop] = 1;
    expect(thr.stopping()).toBe(true);
    expect(thr.sysvar(SYSVARS.at.spinWaitPauseMultiplier)).toBe(50);
    thr.throwIfAborted();
    kit.abort();
    expect(() => thr.throwIfAborted()).toThrow(RunAborted);
    thr.madeProgress();
    expect(kit.mem[thr.at + THREAD.at.progress]).toBe(1);
  });

  it('keeps the time of the statement until it is refreshed', () => {
    const clock = new VirtualClock(5);
    const thr = new TestKit(1).thread(1, clock);
    clock.advance(10);
    expect(thr.nowTicks).toBe(5);
    thr.refreshNow();
    expect(thr.nowTicks).toBe(15);
  });
});
