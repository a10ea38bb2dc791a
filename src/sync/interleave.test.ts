/**
 * Every interleaving of two threads with one preemption: thread a runs, and at one point, before or after one of its
 * atomic operations, b does all of its part (or falls asleep in it); this for every point. Deterministic, in one
 * JavaScript thread: Atomics is replaced by a version that calls out. (Exploration of whole protocols, with any number
 * of preemptions, is src/explore's.)
 */
import { describe, expect, it } from 'vitest';
import { SX_LOCK } from '../layout/latches.ts';
import { SYSVARS } from '../layout/thread.ts';
import { eventReset, eventSet, eventWait } from './event.ts';
import { mutexEnter, mutexExit, mutexOwner } from './mutex.ts';
import { X_LOCK_DECR } from './sx-lock-word.ts';
import * as L from './sx-lock.ts';
import { TestKit } from './test-kit.ts';
import type { Thread } from './thread.ts';

interface Play {
  readonly a: () => void;
  readonly b: () => void;
  /** What b does when a has fallen asleep after b's part: a must be woken by it. */
  readonly later?: () => void;
  /** Looks at the outcome; told whether b fell asleep, and whether `later` was played. */
  readonly check: (outcome: { bSlept: boolean; later: boolean }) => void;
}

class Asleep extends Error {}

const OPS = ['load', 'store', 'compareExchange', 'exchange', 'add', 'sub', 'and'] as const;

/** Plays it with b's part at the given point of a, or when a falls asleep before. @returns false: no such point */
function playAt(play: Play, point: number): boolean {
  const real = Object.fromEntries([...OPS, 'wait', 'notify'].map((k) => [k, Reflect.get(Atomics, k)]));
  let points = 0;
  let bDone = false;
  let inB = false;
  let bSleepsOn = 0;
  let later = false;
  const woken = new Set<number>();
  const runB = (f: () => void): void => {
    inB = true;
    try {
      f();
    } catch (e) {
      if (!(e instanceof Asleep)) throw e;
    } finally {
      inB = false;
    }
  };
  const pass = (): void => {
    if (inB || bDone || points++ !== point) return;
    bDone = true;
    runB(play.b);
  };
  for (const op of OPS) {
    Reflect.set(Atomics, op, (...args: unknown[]) => {
      pass();
      const result: unknown = Reflect.apply(real[op], Atomics, args);
      pass();
      return result;
    });
  }
  Reflect.set(Atomics, 'notify', (_mem: Int32Array, at: number) => {
    woken.add(at);
    if (at === bSleepsOn) bSleepsOn = 0;
    return 0;
  });
  Reflect.set(Atomics, 'wait', (mem: Int32Array, at: number, value: number) => {
    if (mem[at] !== value) return 'not-equal';
    woken.delete(at);
    if (inB) {
      bSleepsOn = at;
      throw new Asleep();
    }
    if (!bDone) {
      bDone = true;
      runB(play.b);
    } else if (play.later !== undefined && !later) {
      later = true;
      runB(play.later);
    }
    if (!woken.has(at)) throw new Error(`a sleeps for ever, after point ${point}`);
    return 'ok';
  });
  let bSlept = false;
  try {
    play.a();
    bSlept = bSleepsOn !== 0;
  } finally {
    Object.assign(Atomics, real);
  }
  if (bDone) play.check({ bSlept, later });
  return points > point;
}

/** @returns the number of points */
function playAll(make: () => Play): number {
  let point = 0;
  while (playAt(make(), point)) point++;
  return point;
}

function setUp(loops: number) {
  const kit = new TestKit(2);
  kit.setVar(SYSVARS.at.syncSpinLoops, loops);
  kit.setVar(SYSVARS.at.spinWaitDelay, 0);
  return { kit, mem: kit.mem, a: kit.thread(1), b: kit.thread(2) };
}

/** b's wait was over, or will be: nothing is left asleep that nobody woke. */
const awake = ({ bSlept }: { bSlept: boolean }): void => expect(bSlept).toBe(false);

describe.each([0, 1, 3])('mutex, %i spin rounds', (loops) => {
  it('the owner leaves at any point of an enter', () => {
    const points = playAll(() => {
      const { kit, mem, a, b } = setUp(loops);
      const m = kit.mutex();
      mutexEnter(b, m);
      return {
        a: () => mutexEnter(a, m),
        b: () => mutexExit(b, m),
        check: () => expect(mutexOwner(mem[m])).toBe(1),
      };
    });
    expect(points).toBeGreaterThan(5);
  });

  it('a waiter comes at any point of an exit', () => {
    const points = playAll(() => {
      const { kit, a, b } = setUp(loops);
      const m = kit.mutex();
      mutexEnter(a, m);
      return { a: () => mutexExit(a, m), b: () => mutexEnter(b, m), check: awake };
    });
    expect(points).toBeGreaterThan(1);
  });

  it('two come at once: one at a time', () => {
    const points = playAll(() => {
      const { kit, mem, a, b } = setUp(loops);
      const m = kit.mutex();
      return {
        a: () => mutexEnter(a, m),
        b: () => mutexEnter(b, m),
        later: () => mutexExit(b, m),
        // Either b came first, and left when a had fallen asleep; or a did, and b sleeps.
        check: ({ bSlept, later }) => expect([mutexOwner(mem[m]), bSlept !== later]).toEqual([1, true]),
      };
    });
    expect(points).toBeGreaterThan(1);
  });
});

type Step = (thr: Thread, at: number) => void;
const MODES: Record<string, readonly [take: Step, release: Step]> = {
  S: [L.sxSLock, L.sxSUnlock],
  SX: [L.sxSxLock, L.sxSxUnlock],
  X: [L.sxXLock, L.sxXUnlock],
};
const TOGETHER = new Set(['S S', 'S SX', 'SX S']);
const PAIRS = Object.keys(MODES).flatMap((one) => Object.keys(MODES).map((two) => [one, two] as const));
const EXCLUSIVE = PAIRS.filter(([one, two]) => !TOGETHER.has(`${one} ${two}`));

function free(mem: Int32Array, l: number): void {
  expect([mem[l], mem[l + SX_LOCK.at.writer], mem[l + SX_LOCK.at.sxRecursive]]).toEqual([X_LOCK_DECR, 0, 0]);
}

describe.each([0, 1, 3])('sx-lock, %i spin rounds', (loops) => {
  it.each(EXCLUSIVE)('%s is released at any point of a wait for %s', (held, wanted) => {
    const points = playAll(() => {
      const { kit, mem, a, b } = setUp(loops);
      const l = kit.sxLock();
      MODES[held][0](b, l);
      return {
        a: () => MODES[wanted][0](a, l),
        b: () => MODES[held][1](b, l),
        check: () => {
          MODES[wanted][1](a, l);
          free(mem, l);
        },
      };
    });
    expect(points).toBeGreaterThan(5);
  });

  it.each(EXCLUSIVE)('a waiter comes at any point of the release of %s, and wants %s', (held, wanted) => {
    const points = playAll(() => {
      const { kit, a, b } = setUp(loops);
      const l = kit.sxLock();
      MODES[held][0](a, l);
      return { a: () => MODES[held][1](a, l), b: () => MODES[wanted][0](b, l), check: awake };
    });
    expect(points).toBeGreaterThan(1);
  });

  it.each(PAIRS)('the next owner comes and goes: release of %s, then %s', (held, wanted) => {
    const points = playAll(() => {
      const { kit, mem, a, b } = setUp(loops);
      const l = kit.sxLock();
      MODES[held][0](a, l);
      let taken = false;
      return {
        a: () => MODES[held][1](a, l),
        b: () => {
          MODES[wanted][0](b, l);
          taken = true;
        },
        check: () => {
          if (!taken) return;
          MODES[wanted][1](b, l);
          free(mem, l);
        },
      };
    });
    expect(points).toBeGreaterThan(1);
  });

  it.each(PAIRS)('%s and %s come at once', (one, two) => {
    const points = playAll(() => {
      const { kit, mem, a, b } = setUp(loops);
      const l = kit.sxLock();
      let bHas = false;
      const leave = (): void => {
        bHas = false;
        MODES[two][1](b, l);
      };
      return {
        a: () => MODES[one][0](a, l),
        b: () => {
          MODES[two][0](b, l);
          bHas = true;
        },
        later: leave,
        check: ({ bSlept }) => {
          // They are inside together only where the modes agree.
          expect(bHas && !TOGETHER.has(`${one} ${two}`)).toBe(false);
          if (bHas) leave();
          MODES[one][1](a, l);
          if (!bSlept) free(mem, l);
        },
      };
    });
    expect(points).toBeGreaterThan(1);
  });

  it('readers leave at any point of an SX holder’s wait for X', () => {
    const points = playAll(() => {
      const { kit, mem, a, b } = setUp(loops);
      const l = kit.sxLock();
      L.sxSLock(b, l);
      L.sxSxLock(a, l);
      const check = (): void => {
        L.sxXUnlock(a, l);
        L.sxSxUnlock(a, l);
        free(mem, l);
      };
      return { a: () => L.sxXLock(a, l), b: () => L.sxSUnlock(b, l), check };
    });
    expect(points).toBeGreaterThan(1);
  });
});

function wait(thr: Thread, e: number, condition: number): void {
  for (;;) {
    const noted = eventReset(thr.mem, e);
    if (Atomics.load(thr.mem, condition) === 1) return;
    eventWait(thr, e, noted, thr.waits);
  }
}

function signal(mem: Int32Array, e: number, condition: number): void {
  Atomics.store(mem, condition, 1);
  eventSet(mem, e);
}

describe('event', () => {
  it('is set at any point of a wait', () => {
    const points = playAll(() => {
      const { kit, mem, a } = setUp(0);
      const [e, condition] = [kit.event(), kit.line()];
      const check = (): void => expect(mem[condition]).toBe(1);
      return { a: () => wait(a, e, condition), b: () => signal(mem, e, condition), check };
    });
    expect(points).toBeGreaterThan(5);
  });

  it('is waited for at any point of a set', () => {
    const points = playAll(() => {
      const { kit, mem, b } = setUp(0);
      const [e, condition] = [kit.event(), kit.line()];
      return { a: () => signal(mem, e, condition), b: () => wait(b, e, condition), check: awake };
    });
    expect(points).toBeGreaterThan(1);
  });
});
