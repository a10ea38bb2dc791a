import { describe, expect, it } from 'vitest';
import { MAX_LATCH_CLASSES, OP } from '../layout/thread.ts';
import { LATCH, LATCHES, type LatchName } from './latch-meta.ts';
import { mutexEnter, mutexExit, mutexTryEnter } from './mutex.ts';
import { assertHeld, assertNotHeld, checkOrder, classOf, describeEntry, LatchOrderError } from './order.ts';
import { sxSLock, sxSTryLock, sxSxLock, sxXLock, sxXTryLock, sxXUnlock } from './sx-lock.ts';
import { TestKit } from './test-kit.ts';
import { MODE, type Thread } from './thread.ts';

const NAMES = LATCHES.map((c) => c.name as LatchName);

function take(kit: TestKit, thr: Thread, name: LatchName): void {
  if (LATCHES[LATCH[name]].kind === 'mutex') mutexEnter(thr, kit.mutex(name));
  else sxXLock(thr, kit.sxLock(name));
}

/** 'taken', or what the error says of itself. */
function attempt(f: () => void, say = (e: Error): string => e.name): string {
  try {
    f();
    return 'taken';
  } catch (e) {
    return e instanceof Error ? say(e) : String(e);
  }
}

describe('latch classes', () => {
  it('have their place as id, and instruments of the right kind that are not used twice', () => {
    expect(LATCHES.length).toBeLessThanOrEqual(MAX_LATCH_CLASSES);
    LATCHES.forEach((c, i) => {
      expect(c.id).toBe(i);
      expect(LATCH[c.name as LatchName]).toBe(i);
      expect(c.instrument).toMatch(new RegExp(`^wait/synch/${c.kind}/(innodb|sql|latchlab)/\\w+$`));
    });
    expect(new Set(LATCHES.map((c) => c.instrument)).size).toBe(LATCHES.length);
  });

  it('stand in the order of facts B 12.1', () => {
    const order: LatchName[] = ['frame', 'pageCleaner', 'chunks', 'lruList', 'pageHash', 'block', 'freeList'];
    order.push('flushState', 'flushList');
    const levels = order.map((name) => LATCHES[LATCH[name]].level);
    expect(levels).toEqual(levels.toSorted((a, b) => b - a));
    expect(new Set(levels).size).toBe(levels.length);
  });
});

describe('latch order', () => {
  it('for every pair: below is allowed; above is not; equal only where several may be held', () => {
    for (const first of NAMES) {
      for (const second of NAMES) {
        const kit = new TestKit(1, 4);
        const thr = kit.thread(1);
        take(kit, thr, first);
        const [has, wants] = [LATCHES[LATCH[first]], LATCHES[LATCH[second]]];
        const allowed = wants.level < has.level || (wants.level === has.level && wants.several);
        const answer = attempt(() => take(kit, thr, second));
        expect([first, second, answer]).toEqual([first, second, allowed ? 'taken' : 'LatchOrderError']);
      }
    }
  });

  it('looks at every held latch, not only at the youngest', () => {
    const kit = new TestKit(1);
    const thr = kit.thread(1);
    mutexEnter(thr, kit.mutex('flushList'));
    mutexTryEnter(thr, kit.mutex('lruList'));
    expect(() => mutexEnter(thr, kit.mutex('block'))).toThrow(LatchOrderError);
  });

  it('frame latches come before pool latches: a wait for one under a pool latch is refused, nowait is not', () => {
    const kit = new TestKit(1);
    const thr = kit.thread(1);
    const [frame, other] = [kit.sxLock('frame'), kit.sxLock('frame')];
    sxSLock(thr, frame);
    mutexEnter(thr, kit.mutex('lruList'));
    for (const wait of [sxSLock, sxSxLock, sxXLock]) expect(() => wait(thr, other)).toThrow(LatchOrderError);
    expect(sxSTryLock(thr, other)).toBe(true);
    expect(sxXTryLock(thr, kit.sxLock('frame'))).toBe(true);
  });

  it('a latch taken for an I/O is neither checked nor counted as held', () => {
    const kit = new TestKit(1);
    const thr = kit.thread(1);
    const frame = kit.sxLock('frame');
    mutexEnter(thr, kit.mutex('flushList'));
    sxXLock(thr, frame, 1);
    expect(thr.holds(frame)).toBe(false);
    sxXUnlock(thr, frame, 1);
  });

  it('says both latches, the thread and the operation', () => {
    const kit = new TestKit(1);
    const thr = kit.thread(1);
    const [list, lru, frame] = [kit.mutex('flushList'), kit.mutex('lruList'), kit.sxLock('frame')];
    sxSxLock(thr, frame);
    mutexEnter(thr, list);
    kit.mem[thr.op] = OP.bufFlushListBatch;
    expect(() => mutexEnter(thr, lru)).toThrow(
      `latch order: thread 1 in bufFlushListBatch wants lruList @${lru}: its level 130 is not below 60, ` +
        `that of flushList @${list}; it holds, oldest first: frame SX @${frame}, flushList @${list}`,
    );
    // What was refused is not in the held list.
    expect(thr.heldCount).toBe(2);
    mutexExit(thr, list);
  });

  it('the same latch again: only under the own SX or X', () => {
    const cases: [(t: Thread, at: number) => void, (t: Thread, at: number) => void, RegExp][] = [
      [sxSLock, sxSLock, /S is not recursive/],
      [sxXLock, sxSLock, /S is not recursive/],
      [sxSLock, sxSxLock, /an S hold cannot be raised/],
      [sxSLock, sxXLock, /an S hold cannot be raised/],
      [sxSxLock, sxSLock, /^taken$/],
      [sxSxLock, sxSxLock, /^taken$/],
      [sxSxLock, sxXLock, /^taken$/],
      [sxXLock, sxSxLock, /^taken$/],
      [sxXLock, sxXLock, /^taken$/],
    ];
    for (const [first, second, error] of cases) {
      const kit = new TestKit(1);
      const thr = kit.thread(1);
      const lock = kit.sxLock('frame');
      first(thr, lock);
      const text = attempt(
        () => second(thr, lock),
        (e) => e.message,
      );
      expect(text).toMatch(error);
    }
  });

  it('an unchecked thread is left alone', () => {
    const kit = new TestKit(1);
    const thr = kit.thread(1);
    (thr as { checked: boolean }).checked = false;
    mutexEnter(thr, kit.mutex('flushList'));
    mutexEnter(thr, kit.mutex('lruList'));
    assertHeld(thr, 12, 'nothing');
    expect(thr.heldCount).toBe(2);
  });
});

describe('assertions and names', () => {
  it('held and not held, in any mode', () => {
    const kit = new TestKit(1);
    const thr = kit.thread(1);
    const [m, l] = [kit.mutex(), kit.sxLock()];
    mutexEnter(thr, m);
    sxSLock(thr, l);
    for (const at of [m, l]) {
      assertHeld(thr, at, 'it');
      expect(() => assertNotHeld(thr, at, 'it')).toThrow('it must not be held by thread 1');
    }
    const free = kit.mutex();
    assertNotHeld(thr, free, 'it');
    expect(() => assertHeld(thr, free, 'it')).toThrow('it must be held by thread 1');
  });

  it('an entry that is no latch is reported, not misread', () => {
    const kit = new TestKit(1);
    const at = kit.line();
    kit.mem.fill(999, at, at + 16);
    expect(() => classOf(kit.mem, at)).toThrow(/holds no latch \(class 999\)/);
    expect(() => checkOrder(kit.thread(1), at)).toThrow(/holds no latch/);
  });

  it('describes an entry by class, mode and address', () => {
    const kit = new TestKit(1);
    const l = kit.sxLock('pageHash');
    expect([MODE.s, MODE.sx, MODE.x].map((mode) => describeEntry(kit.mem, l | mode))).toEqual([
      `pageHash S @${l}`,
      `pageHash SX @${l}`,
      `pageHash X @${l}`,
    ]);
  });
});
