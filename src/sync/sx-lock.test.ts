import { describe, expect, it } from 'vitest';
import { SX_LOCK } from '../layout/latches.ts';
import { EVENT_UNSET, eventIsSet } from './event.ts';
import * as L from './sx-lock.ts';
import * as W from './sx-lock-word.ts';
import { TestKit } from './test-kit.ts';

const U = 0x20000000;
const H = 0x10000000;
const { writer, sxRecursive, waiters, event, waitExEvent } = SX_LOCK.at;

function setUp(readers = 0) {
  const kit = new TestKit(6);
  const { mem } = kit;
  const l = kit.sxLock();
  const [a, b, c, ...others] = [1, 2, 3, 4, 5, 6].map((id) => kit.thread(id));
  const reading = others.slice(0, readers);
  for (const r of reading) L.sxSLock(r, l);
  const word = (): number => mem[l];
  const owner = (): number => mem[l + writer];
  const refusesAll = (thr = b): void => {
    expect([L.sxSTryLock(thr, l), L.sxSxTryLock(thr, l), L.sxXTryLock(thr, l)]).toEqual([
      false,
      false,
      false,
    ]);
    expect(thr.heldCount).toBe(0);
  };
  return { kit, mem, l, a, b, c, reading, word, owner, refusesAll };
}

describe('sx-lock: every row of the truth table', () => {
  it('U: free', () => {
    const { mem, l, word } = setUp();
    expect(word()).toBe(U);
    expect([mem[l + writer], mem[l + sxRecursive], mem[l + waiters]]).toEqual([0, 0, 0]);
    expect([mem[l + event], mem[l + waitExEvent]]).toEqual([EVENT_UNSET, EVENT_UNSET]);
  });

  it('H < w < U: readers; they keep X out and let SX in', () => {
    const { l, a, b, c, word } = setUp();
    L.sxSLock(a, l);
    expect(word()).toBe(U - 1);
    expect(L.sxSTryLock(b, l)).toBe(true);
    expect(word()).toBe(U - 2);
    expect(L.sxXTryLock(c, l)).toBe(false);
    expect(L.sxSxTryLock(c, l)).toBe(true);
    expect(word()).toBe(H - 2);
    L.sxSxUnlock(c, l);
    L.sxSUnlock(a, l);
    L.sxSUnlock(b, l);
    expect(word()).toBe(U);
  });

  it('H and 0 < w < H: one SX holder, who lets readers in, and no SX or X', () => {
    const { mem, l, a, b, c, word, owner } = setUp();
    L.sxSxLock(a, l);
    expect([word(), owner(), mem[l + sxRecursive]]).toEqual([H, 1, 1]);
    expect([L.sxSxTryLock(b, l), L.sxXTryLock(b, l)]).toEqual([false, false]);
    L.sxSLock(b, l);
    L.sxSLock(c, l);
    expect(word()).toBe(H - 2);
    L.sxSUnlock(b, l);
    L.sxSUnlock(c, l);
    expect(word()).toBe(H);
    L.sxSxUnlock(a, l);
    expect([word(), owner(), mem[l + sxRecursive]]).toEqual([U, 0, 0]);
  });

  it('SX n times: the word changes once', () => {
    const { mem, l, a, word, owner } = setUp();
    L.sxSxLock(a, l);
    L.sxSxLock(a, l);
    expect(L.sxSxTryLock(a, l)).toBe(true);
    expect([word(), mem[l + sxRecursive]]).toEqual([H, 3]);
    L.sxSxUnlock(a, l);
    L.sxSxUnlock(a, l);
    expect([word(), owner(), mem[l + sxRecursive]]).toEqual([H, 1, 1]);
    L.sxSxUnlock(a, l);
    expect([word(), owner()]).toEqual([U, 0]);
  });

  it('0: X, which keeps all others out', () => {
    const { l, a, word, owner, refusesAll } = setUp();
    L.sxXLock(a, l);
    expect([word(), owner()]).toEqual([0, 1]);
    refusesAll();
    L.sxXUnlock(a, l);
    expect([word(), owner()]).toEqual([U, 0]);
  });

  it('-H < w < 0: reserved; readers leave one by one, no new one comes in, the last wakes the writer', () => {
    const { mem, l, a, reading, word, owner, refusesAll } = setUp(3);
    expect(W.sxXReserve(a, l, 0)).toBe(0);
    expect([word(), owner()]).toEqual([-3, 1]);
    refusesAll();
    reading.slice(1).forEach((r) => L.sxSUnlock(r, l));
    expect(word()).toBe(-1);
    expect(eventIsSet(mem[l + waitExEvent])).toBe(false);
    L.sxSUnlock(reading[0], l);
    expect(word()).toBe(0);
    expect(eventIsSet(mem[l + waitExEvent])).toBe(true);
  });

  it('-H: X and SX of one thread, released in either order', () => {
    const takes = { sxFirst: [L.sxSxLock, L.sxXLock], xFirst: [L.sxXLock, L.sxSxLock] };
    for (const [first, second] of Object.values(takes)) {
      for (const xLeavesFirst of [true, false]) {
        const { mem, l, a, word, owner, refusesAll } = setUp();
        first(a, l);
        second(a, l);
        expect([word(), owner(), mem[l + sxRecursive]]).toEqual([-H, 1, 1]);
        refusesAll();
        (xLeavesFirst ? L.sxXUnlock : L.sxSxUnlock)(a, l);
        expect([word(), owner()]).toEqual([xLeavesFirst ? H : 0, 1]);
        (xLeavesFirst ? L.sxSxUnlock : L.sxXUnlock)(a, l);
        expect([word(), owner(), mem[l + sxRecursive], a.heldCount]).toEqual([U, 0, 0, 0]);
      }
    }
  });

  it('-U < w < -H: an SX holder asked for X; the last reader wakes it at -H', () => {
    const { mem, l, a, reading, word, owner, refusesAll } = setUp(2);
    L.sxSxLock(a, l);
    expect(W.sxXReserve(a, l, 0)).toBe(-H);
    expect([word(), owner()]).toEqual([-H - 2, 1]);
    refusesAll();
    L.sxSUnlock(reading[0], l);
    expect(eventIsSet(mem[l + waitExEvent])).toBe(false);
    L.sxSUnlock(reading[1], l);
    expect(word()).toBe(-H);
    expect(eventIsSet(mem[l + waitExEvent])).toBe(true);
  });

  it('-U and -U - (n - 2): X n times', () => {
    const { l, a, word, owner, refusesAll } = setUp();
    const words: number[] = [];
    for (let n = 1; n <= 5; n++) {
      if (n % 2 === 1) L.sxXLock(a, l);
      else L.sxXTryLock(a, l);
      words.push(word());
    }
    expect(words).toEqual([0, -U, -U - 1, -U - 2, -U - 3]);
    refusesAll();
    for (let n = 4; n >= 1; n--) {
      L.sxXUnlock(a, l);
      expect([word(), owner()]).toEqual([words[n - 1], 1]);
    }
    L.sxXUnlock(a, l);
    expect([word(), owner()]).toEqual([U, 0]);
  });

  it('-(U + H) and less: X n times and SX, in any order of taking and releasing', () => {
    for (let n = 2; n <= 4; n++) {
      for (let sxAt = 0; sxAt <= n; sxAt++) {
        for (let sxLeaves = 0; sxLeaves <= n; sxLeaves++) {
          const { l, a, word, owner } = setUp();
          for (let i = 0; i <= n; i++) (i === sxAt ? L.sxSxLock : L.sxXLock)(a, l);
          expect(word()).toBe(-(U + H) - (n - 2));
          for (let i = 0; i <= n; i++) (i === sxLeaves ? L.sxSxUnlock : L.sxXUnlock)(a, l);
          expect([word(), owner(), a.heldCount]).toEqual([U, 0, 0]);
        }
      }
    }
  });
});

describe('sx-lock: nowait, pass, wrong releases', () => {
  it('X nowait fails with readers inside, under the own SX, and when reserved', () => {
    const { l, a, b, c, word } = setUp();
    L.sxSLock(b, l);
    expect(L.sxXTryLock(a, l)).toBe(false);
    expect(word()).toBe(U - 1);
    L.sxSUnlock(b, l);
    L.sxSxLock(a, l);
    expect(L.sxXTryLock(a, l)).toBe(false);
    expect(L.sxXTryLock(c, l)).toBe(false);
    expect([word(), a.heldCount, c.heldCount]).toEqual([H, 1, 0]);
  });

  it('X and SX nowait under the own X are recursion', () => {
    const { l, a, word } = setUp();
    expect(L.sxXTryLock(a, l)).toBe(true);
    expect(L.sxSxTryLock(a, l)).toBe(true);
    expect(word()).toBe(-H);
    expect(L.sxXTryLock(a, l)).toBe(true);
    expect(word()).toBe(-(U + H));
  });

  it('a lock taken for an I/O is released by any thread, is nobody’s, and is not recursive', () => {
    const { l, a, b, word, owner } = setUp();
    L.sxXLock(a, l, 1);
    expect([word(), owner(), a.heldCount]).toEqual([0, -1, 0]);
    expect([L.sxXTryLock(a, l), L.sxSxTryLock(a, l), W.sxXReserve(a, l, 0)]).toEqual([
      false,
      false,
      W.X_REFUSED,
    ]);
    L.sxXUnlock(b, l, 1);
    expect([word(), owner()]).toEqual([U, 0]);
    L.sxSxLock(a, l, 1);
    expect([word(), owner()]).toEqual([H, -1]);
    expect([L.sxSxTryLock(a, l), L.sxXTryLock(a, l)]).toEqual([false, false]);
    L.sxSxUnlock(b, l, 1);
    expect([word(), owner()]).toEqual([U, 0]);
    expect(L.sxSxTryLock(a, l, 1)).toBe(true);
    expect(L.sxSxTryLock(a, l, 1)).toBe(false);
  });

  it('an own lock is not recursive for an I/O', () => {
    const { l, a } = setUp();
    L.sxXLock(a, l);
    expect(W.sxXReserve(a, l, 1)).toBe(W.X_REFUSED);
    expect(L.sxSxTryLock(a, l, 1)).toBe(false);
  });

  it('move ownership: a lock taken for an I/O becomes the caller’s own', () => {
    const { l, a, b, word, owner } = setUp();
    L.sxXLock(a, l, 1);
    L.sxXMoveOwnership(b, l);
    expect([owner(), b.holds(l)]).toEqual([2, true]);
    L.sxXLock(b, l);
    L.sxXUnlock(b, l);
    L.sxXUnlock(b, l);
    expect([word(), owner(), b.heldCount]).toEqual([U, 0, 0]);
  });

  it('a wrong release is refused and changes nothing', () => {
    const { l, a, b, word } = setUp();
    const wrong = (f: () => void, held: number): void => {
      expect(f).toThrow(/thread \d released S?X of sx-lock @\d+, whose writer is/);
      expect(word()).toBe(held);
    };
    wrong(() => L.sxXUnlock(a, l), U);
    wrong(() => L.sxSxUnlock(a, l), U);
    wrong(() => L.sxXUnlock(a, l, 1), U);
    wrong(() => L.sxSxUnlock(a, l, 1), U);
    L.sxXLock(a, l);
    wrong(() => L.sxXUnlock(b, l), 0);
    wrong(() => L.sxSxUnlock(a, l), 0);
    L.sxXUnlock(a, l);
    L.sxSxLock(a, l);
    wrong(() => L.sxXUnlock(a, l), H);
    wrong(() => L.sxSxUnlock(b, l), H);
  });
});

function expectWord(w: number, n: number, mode: string): void {
  expect([w, W.sxReaders(w), W.sxWriterMode(w)]).toEqual([w, n, mode]);
}

describe('sx-lock: predicates over the word', () => {
  const readers = [...Array.from({ length: 500 }, (_, i) => i), H - 1];

  it('readers and writer of every kind of word', () => {
    for (const n of readers) {
      expectWord(U - n, n, 'none');
      if (n < H) expectWord(H - n, n, 'SX');
      if (n > 0) expectWord(-n, n, 'X reserved');
      if (n > 0) expectWord(-H - n, n, 'X reserved+SX');
    }
    expect(W.sxReaders(0)).toBe(0);
    expectWord(0, 0, 'X');
    expectWord(-H, 0, 'X+SX');
    for (let n = 2; n < 500; n++) {
      expectWord(-U - (n - 2), 0, 'X');
      expectWord(-(U + H) - (n - 2), 0, 'X+SX');
    }
  });
});
