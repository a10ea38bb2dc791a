import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../layout/clock.ts';
import { SYSVARS, THREAD } from '../layout/thread.ts';
import * as E from './event.ts';
import { hookClock, hookSleep, shortSlices, TestKit } from './test-kit.ts';
import { RunAborted } from './thread.ts';

function setUp(set = false) {
  const kit = new TestKit();
  const e = kit.event(set);
  const thr = shortSlices(kit.thread(1));
  return { kit, mem: kit.mem, e, thr, row: thr.waits };
}

describe('event: every row of the truth table', () => {
  it('starts unset with count 1, or set', () => {
    expect(setUp().mem[setUp().e]).toBe(E.EVENT_UNSET);
    const { mem, e } = setUp(true);
    expect(mem[e]).toBe(E.EVENT_SET);
    expect(E.eventIsSet(mem[e])).toBe(true);
    expect(E.eventCount(mem[e])).toBe(1);
  });

  it('set raises the count once; a second set does nothing', () => {
    const { mem, e } = setUp();
    E.eventSet(mem, e);
    expect([E.eventIsSet(mem[e]), E.eventCount(mem[e])]).toEqual([true, 2]);
    const word = mem[e];
    E.eventSet(mem, e);
    expect(mem[e]).toBe(word);
  });

  it('reset clears it and returns the count, and is idempotent', () => {
    const { mem, e } = setUp();
    E.eventSet(mem, e);
    expect(E.eventReset(mem, e)).toBe(2);
    expect(E.eventReset(mem, e)).toBe(2);
    expect(E.eventIsSet(mem[e])).toBe(false);
  });

  it('predicates agree with how the word is made, up to the wrap', () => {
    for (const count of [0, 1, 2, 1000, 2 ** 30 - 1, 2 ** 30, 2 ** 31 - 1]) {
      for (const bit of [0, 1]) {
        const word = (count << 1) | bit;
        expect([E.eventCount(word), E.eventIsSet(word)]).toEqual([count, bit === 1]);
      }
    }
  });

  it('the count wraps and a waiter still sees the change', () => {
    const { mem, e, thr, row } = setUp();
    mem[e] = -2;
    const noted = E.eventReset(mem, e);
    expect(noted).toBe(2 ** 31 - 1);
    E.eventSet(mem, e);
    E.eventReset(mem, e);
    E.eventWait(thr, e, noted, row);
    expect(E.eventCount(mem[e])).toBe(0);
  });
});

describe('event: waiting', () => {
  it('returns at once when set', () => {
    const { e, thr, row } = setUp(true);
    E.eventWait(thr, e, 1, row);
    expect(E.eventWaitTime(thr, e, 1, 0)).toBe(true);
  });

  it('returns when it was set and reset since the count was noted', () => {
    const { mem, e, thr, row } = setUp();
    const noted = E.eventReset(mem, e);
    E.eventSet(mem, e);
    E.eventReset(mem, e);
    E.eventWait(thr, e, noted, row);
    expect(E.eventWaitTime(thr, e, noted, 0)).toBe(true);
  });

  it('sleeps through slices until it is set', () => {
    const { mem, e, thr, row } = setUp();
    hookSleep(thr, (n) => n === 3 && E.eventSet(mem, e));
    E.eventWait(thr, e, E.eventReset(mem, e), row);
    expect(E.eventIsSet(mem[e])).toBe(true);
  });

  it('with 0 noted waits for a signal from now on', () => {
    const { mem, e, thr, row } = setUp();
    E.eventSet(mem, e);
    E.eventReset(mem, e);
    hookSleep(thr, (n) => {
      if (n === 2) E.eventSet(mem, e);
    });
    E.eventWait(thr, e, 0, row);
    expect(E.eventCount(mem[e])).toBe(3);
  });

  it('timed: false when nothing came, in real time and with a clock that stands still', () => {
    const { kit, mem, e } = setUp();
    for (const thr of [kit.thread(2), kit.thread(3, new VirtualClock())]) {
      const t = performance.now();
      expect(E.eventWaitTime(thr, e, E.eventReset(mem, e), 20_000)).toBe(false);
      expect(performance.now() - t).toBeGreaterThan(15);
      expect(mem[thr.at + THREAD.at.waitWord]).toBe(0);
    }
  });

  it('timed: true when set in time', () => {
    const { mem, e, thr } = setUp();
    hookSleep(thr, (n) => n === 4 && E.eventSet(mem, e));
    expect(E.eventWaitTime(thr, e, E.eventReset(mem, e), 10_000_000)).toBe(true);
  });

  it('an abort ends both forms', () => {
    const { kit, mem, e, thr, row } = setUp();
    kit.abort();
    const noted = E.eventReset(mem, e);
    expect(() => E.eventWait(thr, e, noted, row)).toThrow(RunAborted);
    expect(() => E.eventWaitTime(thr, e, noted, 10_000_000)).toThrow(RunAborted);
  });

  it('publishes the word that it sleeps on and since when, once per wait', () => {
    const { kit, mem, e, thr, row } = setUp();
    kit.setVar(SYSVARS.at.syncSpinLoops, 0);
    hookClock(thr, (reading) => (reading + 1) * 1_000_000);
    const seen: number[][] = [];
    const { waitWord, waitSinceMs } = THREAD.at;
    hookSleep(thr, (n) => {
      seen.push([mem[thr.at + waitWord], mem[thr.at + waitSinceMs]]);
      if (n === 2) E.eventSet(mem, e);
    });
    E.eventWait(thr, e, E.eventReset(mem, e), row);
    expect(seen).toEqual([
      [e, 1000],
      [e, 1000],
      [e, 1000],
    ]);
    expect(mem[thr.at + waitWord]).toBe(0);
  });
});
