import { describe, expect, it } from 'vitest';
import type { Ctx, Scenario } from '../../src/explore/types.ts';
import { ArenaPlanner } from '../../src/layout/arena.ts';
import { BUF_BLOCK, POOL_STAT } from '../../src/layout/buffer.ts';
import { EVENT, MUTEX, SX_LOCK } from '../../src/layout/latches.ts';
import { THREAD, WAIT_STAT } from '../../src/layout/thread.ts';
import { mutexEnter } from '../../src/sync/mutex.ts';
import { LatchOrderError } from '../../src/sync/order.ts';
import { sxSLock, sxXLock } from '../../src/sync/sx-lock.ts';
import { checkCount, checkMutexWord, Kit, layoutWords } from './kit.ts';
import { scenarios as allocator } from './scenarios/allocator.ts';
import { scenarios as counter } from './scenarios/counter.ts';
import { scenarios as death } from './scenarios/death.ts';
import { scenarios as event } from './scenarios/event.ts';
import { scenarios as mutex } from './scenarios/mutex.ts';
import { scenarios as order } from './scenarios/order.ts';
import { scenarios as sxLock } from './scenarios/sx-lock.ts';
import { scenarios as sxLockOwner } from './scenarios/sx-lock-owner.ts';

/** Runs the threads one after another in this thread, as they are written. Throws what a check throws. */
function playSequentially<S, M>(scenario: Scenario<S, M>): unknown[] {
  const s = scenario.setup?.(new Int32Array(new SharedArrayBuffer(Math.max(8, scenario.memory)))) as S;
  const m = new Int32Array(new SharedArrayBuffer(8));
  const memory = (s as { mem?: Int32Array; kit?: Kit }).mem ?? (s as { kit?: Kit }).kit?.mem ?? m;
  const results = scenario.threads.map((body, id) => {
    const ctx: Ctx<S> = { id, m: memory, s, call: () => {}, ret: (result) => result };
    const result = body(ctx);
    scenario.invariant?.(memory, s);
    return result;
  });
  scenario.check?.(memory, s, results);
  return results;
}

/** Their threads cannot do without one another, or sleep for a second. */
const NOT_PLAYED = new Set([
  'alloc-retry',
  'event-2x1',
  'event-2x2',
  'sx-lock-pass-x',
  'sx-lock-pass-x-reader',
  'sx-lock-pass-sx',
]);

const all: readonly { name: string; doc: string; play: () => unknown[] }[] = [
  ...mutex.map((s) => entry(s as Scenario)),
  ...[sxLock, sxLockOwner, event, order, death, counter, allocator].flatMap((list) =>
    list.map((s) => entry(s as Scenario)),
  ),
];

function entry(s: Scenario): { name: string; doc: string; play: () => unknown[] } {
  return { name: s.name, doc: s.doc, play: () => playSequentially(s) };
}

describe('the scenarios', () => {
  it('have names of their own, and say what they ask', () => {
    expect(new Set(all.map((s) => s.name)).size).toBe(all.length);
    for (const s of all) {
      expect(s.name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(s.doc).toMatch(/\?$/);
    }
  });

  it.each(all.filter((s) => !NOT_PLAYED.has(s.name)))('$name: its threads, one by one', ({ play }) => {
    expect(() => play()).not.toThrow();
  });
});

describe('layoutWords', () => {
  const planner = new ArenaPlanner();
  const blocks = planner.place('block', BUF_BLOCK, 3);
  const thread = planner.place('threads', THREAD, 2);
  const m = planner.place('m', MUTEX);
  const lock = planner.place('lock', SX_LOCK);
  const ev = planner.place('ev', EVENT);
  const frames = planner.placeWords('frame', 1024, 2);
  const one = planner.placeWords('one', 1, 1);
  const stat = planner.place('stat', POOL_STAT);
  const words = layoutWords(planner.finish());

  it('names words by element, field, and place in the field', () => {
    const second = blocks + 2 * BUF_BLOCK.words;
    expect(words(second + BUF_BLOCK.at.ioFix)?.name).toBe('block[2].ioFix');
    expect(words(second + BUF_BLOCK.at.oldestModification + 1)?.name).toBe('block[2].oldestModification[1]');
    expect(words(second + BUF_BLOCK.at.mutex)?.name).toBe('block[2].mutex');
    expect(words(second + BUF_BLOCK.at.mutex + MUTEX.at.meta)?.name).toBe('block[2].mutex.meta');
    expect(words(thread + THREAD.words + THREAD.at.held + 7)?.name).toBe('threads[1].held[7]');
    const row = thread + THREAD.at.waits + 3 * WAIT_STAT.words;
    expect(words(row + WAIT_STAT.at.waitUs + 1)?.name).toBe('threads[0].waits[3].waitUs[1]');
    expect(words(m)?.name).toBe('m');
    expect(words(lock)?.name).toBe('lock.lockWord');
    expect(words(lock + SX_LOCK.at.waitExEvent)?.name).toBe('lock.waitExEvent');
    expect(words(ev)?.name).toBe('ev');
    expect(words(frames + 1024 + 5)?.name).toBe('frame[1][5]');
    expect(words(one)?.name).toBe('one');
    expect(words(0)).toBeUndefined();
    expect(words(1e9)).toBeUndefined();
  });

  it('knows which words are read without guard, statistics, or latches', () => {
    expect(words(blocks + BUF_BLOCK.at.mutex)).toMatchObject({ latch: true, dirtyRead: true });
    expect(words(blocks + BUF_BLOCK.at.lruPrev)).toEqual({ name: 'block[0].lruPrev' });
    expect(words(thread + THREAD.at.waitFor)).toMatchObject({ telemetry: true, dirtyRead: true });
    expect(words(thread + THREAD.at.waits)).toMatchObject({ telemetry: true });
    expect(words(stat)).toMatchObject({ telemetry: true });
    expect(words(thread + THREAD.at.held)?.telemetry).toBeUndefined();
    expect(words(lock + SX_LOCK.at.sxRecursive)).toEqual({ name: 'lock.sxRecursive', latch: true });
    expect(words(lock + SX_LOCK.at.meta)?.latch).toBeUndefined();
  });
});

describe('Kit', () => {
  const kit = (): Kit<'m' | 'lock' | 'n', string> =>
    new Kit({ threads: 2, place: { m: MUTEX, lock: SX_LOCK, n: 2 }, plan: () => 'more' });

  it('seats threads that sleep without end and are checked', () => {
    const k = kit();
    expect(k.threads.map((t) => [t.id, t.waitSliceMs, t.checked])).toEqual([
      [1, Infinity, true],
      [2, Infinity, true],
    ]);
    expect(k.extra).toBe('more');
    mutexEnter(k.threads[0], k.at.m);
    expect(() => mutexEnter(k.threads[0], k.at.m)).toThrow(LatchOrderError);
  });

  it('says who holds what, and tells holding from wanting', () => {
    const k = kit();
    mutexEnter(k.threads[0], k.at.m);
    k.threads[1].hold(k.at.m);
    sxXLock(k.threads[1], k.at.lock);
    expect(k.holders()).toEqual([
      'thread 0: holds m (testMutex)',
      'thread 1: wants m (testMutex), holds X lock (testSxLock)',
    ]);
    const readers = kit();
    sxSLock(readers.threads[1], readers.at.lock);
    expect(readers.holders()).toEqual(['thread 1: holds or wants S lock (testSxLock)']);
  });
});

describe('rules about words', () => {
  it('a thread takes a mutex for itself, or raises the bit of its owner', () => {
    for (const value of [0, 2, 3, 5]) expect(() => checkMutexWord(value, 0)).not.toThrow();
    expect(() => checkMutexWord(4, 0)).toThrow('takes a mutex for thread 1');
    expect(() => checkMutexWord(1, 0)).toThrow('waiters bit');
    expect(() => checkCount('it', 0)).not.toThrow();
    expect(() => checkCount('it', -1)).toThrow('it became -1');
  });
});
