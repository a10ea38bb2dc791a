import { beforeEach, describe, expect, it } from 'vitest';
import { MOVABLE_HEAP, MOVABLE_RUN } from '../../layout/movable.ts';
import { Rng } from '../../layout/rng.ts';
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { defragStep, fragmentation } from './defragmenter.ts';
import { movableDefects } from './movable-check.ts';
import { movableAlloc, movableBytes, movableFree, movableHeapClose } from './movable-heap.ts';
import { livePlace, type MovableHeap } from './movable-plan.ts';
import { movableLock, movablePin, movableReleaseDead, movableUnlock, movableUnpin } from './movable-read.ts';
import { movableStats, movableText } from './movable-report.ts';
import { type MovableKitOptions, movableSeats, type MovableSeats, seatAt } from './movable-test-kit.ts';
import { originOf } from '../ut/origin.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { allocSite } from '../ut/site.ts';

/** Words of an area of the test's heaps that runs can have: two pages, less the end mark. */
const AREA = 2048 - 16;
let seats: MovableSeats;
let mem: Int32Array;
let heap: MovableHeap;
let a: Thread;
let b: Thread;

function make(o: MovableKitOptions = {}): void {
  seats = movableSeats(o);
  ({ thr: a, heap, mem } = seatAt(seats, 1));
  b = seatAt(seats, 2).thr;
}

beforeEach(() => make());

/** A block whose run has so many words, filled with its handle; its last word is not all its own. */
function block(words: number, key = 0): number {
  const handle = movableAlloc(a, heap, (words - 8) * 4 - 3, key);
  const at = movableLock(a, heap, handle);
  mem.fill(handle, at, at + words - 8);
  movableUnlock(a, heap, handle);
  return handle;
}

function intact(handle: number): boolean {
  const at = movablePin(a, heap, handle);
  const contents = mem.subarray(at, at + Math.ceil(movableBytes(mem, at) / 4));
  movableUnpin(a, heap, at);
  return contents.every((w) => w === handle);
}

/** Where a block's run begins, from the start of the first area. */
function offset(handle: number): number {
  return livePlace(mem, heap, handle) - 8 - mem[heap.at + MOVABLE_HEAP.at.area];
}

/** Runs of all areas: words, with a letter for the kind. */
function picture(): string {
  const rows: string[] = [];
  for (let i = 0; i < mem[heap.at + MOVABLE_HEAP.at.areas]; i++) {
    const runs: string[] = [];
    let run = mem[heap.at + MOVABLE_HEAP.at.area + i * 4];
    for (let size = mem[run + MOVABLE_RUN.at.size]; size >>> 2 > 0; size = mem[run + MOVABLE_RUN.at.size]) {
      runs.push(`${'-up!'[size & 3]}${size & ~3}`);
      run += size & ~3;
    }
    rows.push(runs.join(' '));
  }
  return rows.join(' | ');
}

const stats = () => movableStats(a, heap);
const defects = (pins = 0): string[] => movableDefects(mem, heap, pins);
/** Steps until nothing more can be done. */
function compact(threshold = 0): number {
  let moves = 0;
  for (let did = defragStep(a, heap, 64, 1 << 20, threshold); did > 0;) {
    moves += did;
    did = defragStep(a, heap, 64, 1 << 20, threshold);
  }
  return moves;
}

describe('the fragmentation ratio', () => {
  it('is 1 − largest free run / all free, and 0 when nothing is free', () => {
    expect(fragmentation(mem, heap)).toBe(0);
    const all = [160, 640, AREA - 800].map((n) => block(n));
    expect([fragmentation(mem, heap), picture()]).toEqual([0, `u160 u640 u${AREA - 800}`]);
    movableFree(a, heap, all[0]);
    expect(fragmentation(mem, heap)).toBe(0);
    movableFree(a, heap, all[2]);
    expect(fragmentation(mem, heap)).toBeCloseTo(160 / (AREA - 640), 12);
  });

  it.each([
    [0.3, 48, 112, 0],
    [0.3, 64, 112, 1],
    [0.2, 32, 128, 0],
    [0.2, 48, 128, 1],
  ])('above %d blocks are moved, not at it: free are %i and %i', (threshold, gap, end, moves) => {
    make({ threshold });
    const first = block(gap);
    block(AREA - gap - end);
    movableFree(a, heap, first);
    expect(fragmentation(mem, heap)).toBe(gap / (gap + end));
    expect(defragStep(a, heap, 1)).toBe(moves);
    expect(defects()).toEqual([]);
  });
});

describe('a step', () => {
  it('slides blocks down over gaps in which they fit, and keeps their order', () => {
    const [x, y, z, w] = [64, 48, 32, 64].map((n) => block(n));
    movableFree(a, heap, x);
    expect(picture()).toBe(`-64 u48 u32 u64 -${AREA - 208}`);
    expect(compact()).toBe(3);
    expect([picture(), [y, z, w].map(offset)]).toEqual([`u48 u32 u64 -${AREA - 144}`, [0, 48, 80]]);
    expect([y, z, w].every(intact)).toBe(true);
    expect([stats().moves, stats().movedBytes, stats().evacuations]).toEqual([3, (144 - 24) * 4 - 9, 0]);
    expect(defects()).toEqual([]);
  });

  it('fills a gap with a block from the end when the one behind it is too large', () => {
    const [x, large, small] = [32, 64, 32].map((n) => block(n));
    movableFree(a, heap, x);
    expect([compact(), picture()]).toEqual([1, `u32 u64 -${AREA - 96}`]);
    expect([offset(small), offset(large), intact(small), intact(large)]).toEqual([0, 32, true, true]);
  });

  it('takes a block that can neither slide nor be replaced out of the way, and back', () => {
    const [x, large] = [32, 64].map((n) => block(n));
    movableFree(a, heap, x);
    expect([defragStep(a, heap, 1, 1 << 20, 0), picture()]).toEqual([1, `-96 u64 -${AREA - 160}`]);
    expect([compact(), picture(), intact(large)]).toEqual([1, `u64 -${AREA - 64}`, true]);
    expect([stats().evacuations, stats().areasMapped]).toEqual([1, 1]);
  });

  it('maps an area for that when there is no room, and gives it back', () => {
    const [x, large, y] = [32, AREA - 64, 32].map((n) => block(n));
    movableFree(a, heap, x);
    movableFree(a, heap, y);
    expect(picture()).toBe(`-32 u${AREA - 64} -32`);
    expect([compact(), picture(), intact(large)]).toEqual([2, `u${AREA - 64} -64`, true]);
    expect([stats().areasMapped, stats().areasUnmapped, defects()]).toEqual([2, 1, []]);
  });

  it('leaves the block where it is when there is no memory for that', () => {
    const [x, , y] = [32, AREA - 64, 32].map((n) => block(n));
    movableFree(a, heap, x);
    movableFree(a, heap, y);
    osSetFaults(a, seats.node.at, { failNext: 1 });
    expect([compact(), stats().deferredRoom, defects()]).toEqual([0, 1, []]);
    expect(compact()).toBe(2);
  });

  it('empties younger areas into older ones, and gives them back', () => {
    const first = [1000, 600, AREA - 1600].map((n) => block(n - (n % 16)));
    const second = [block(480), block(496)];
    expect(stats().areas).toBe(2);
    movableFree(a, heap, first[1]);
    movableFree(a, heap, second[0]);
    movableFree(a, heap, first[2]);
    expect([compact(), stats().areas, intact(second[1]), defects()]).toEqual([1, 1, true, []]);
    expect(fragmentation(mem, heap)).toBe(0);
  });

  it('does no more than it is allowed, and goes on in the next until the sweep is through', () => {
    const all = Array.from({ length: 20 }, () => block(64));
    for (let i = 0; i < 20; i += 2) movableFree(a, heap, all[i]);
    expect(fragmentation(mem, heap)).toBeGreaterThan(0.3);
    expect(defragStep(a, heap, 3)).toBe(3);
    // 221 bytes of contents each: the move that reaches the limit is the last.
    expect(defragStep(a, heap, 64, 222)).toBe(2);
    while (defragStep(a, heap, 1) > 0);
    expect([fragmentation(mem, heap), stats().ratio, stats().moves]).toEqual([0, 0, 10]);
    expect(stats().ratioAfter).toBe(0);
    expect(defragStep(a, heap)).toBe(0);
  });

  it('goes on below the threshold once it has begun', () => {
    const [x] = [320, AREA - 320 - 128 - 704, 64, 64].map((n) => block(n));
    movableFree(a, heap, x);
    expect(fragmentation(mem, heap)).toBe(320 / 1024);
    expect([defragStep(a, heap, 1), fragmentation(mem, heap)]).toEqual([1, 256 / 1024]);
    expect([defragStep(a, heap, 1), fragmentation(mem, heap)]).toEqual([1, 192 / 1024]);
    while (defragStep(a, heap) > 0);
    expect([fragmentation(mem, heap), stats().ratioBefore, stats().ratioAfter]).toEqual([0, 0.3125, 0]);
  });

  it('gives back an area in the middle, and keeps the order of the others', () => {
    const [x, y, z] = [AREA, AREA, AREA - 16].map((n) => block(n));
    movableFree(a, heap, y);
    expect(picture()).toBe(`u${AREA} | -${AREA} | u${AREA - 16} -16`);
    expect([defragStep(a, heap), picture(), defects()]).toEqual([0, `u${AREA} | u${AREA - 16} -16`, []]);
    expect([intact(x), intact(z)]).toEqual([true, true]);
    expect(movableAlloc(a, heap, 1)).not.toBe(NIL);
  });

  it('takes what is known of a block along', () => {
    make({ origins: true });
    const site = allocSite('dict0dict.cc', 9);
    const x = block(64);
    const y = movableAlloc(b, heap, 50, MEM_KEY.std, site);
    const old = livePlace(mem, heap, y) - 8;
    movableFree(a, heap, x);
    expect(compact()).toBe(1);
    const origin = originOf(mem, seats.node.at, livePlace(mem, heap, y) - 8);
    expect(origin).toMatchObject({ site: site.id, bytes: 82, thread: 2, key: MEM_KEY.std, freed: 0 });
    expect(originOf(mem, seats.node.at, old)).toBeNull();
    movableFree(a, heap, y);
    movableHeapClose(a, heap);
  });

  it.each(['behind', 'before'])(
    'stops at a block that was overwritten %s, with all mutexes free',
    (where) => {
      const [x, y, z] = [64, 64, 64].map((n) => block(n));
      movableFree(a, heap, x);
      const at = livePlace(mem, heap, y);
      const word = where === 'behind' ? at + 56 : at - 1;
      const good = mem[word];
      mem[word] = 0x77777777;
      const [from, to] = [heap.at + MOVABLE_HEAP.at.area, heap.at + MOVABLE_HEAP.at.allocs];
      const before = mem.slice(from, to);
      expect(() => compact()).toThrow('overwritten header');
      expect(mem.slice(from, to)).toEqual(before);
      mem[word] = good;
      expect([defects(), a.heldCount, intact(y), intact(z)]).toEqual([[], 0, true, true]);
      expect(compact()).toBe(2);
    },
  );
});

describe('beside readers and writers', () => {
  it('a pinned block moves, and its old place is parked until the pin ends', () => {
    const [x, y] = [64, 48].map((n) => block(n));
    movableFree(a, heap, x);
    const old = movablePin(b, heap, y);
    expect([compact(), picture()]).toEqual([1, `u48 -16 p48 -${AREA - 112}`]);
    expect([offset(y), mem[old], intact(y), defects(1)]).toEqual([0, y, true, []]);
    const fresh = movablePin(b, heap, y);
    expect(fresh).not.toBe(old);
    movableUnpin(b, heap, fresh);
    movableUnpin(b, heap, old);
    expect([defragStep(a, heap), picture()]).toEqual([0, `u48 -${AREA - 48}`]);
    expect([stats().parkings, stats().reclaims, defects()]).toEqual([1, 1, []]);
  });

  it('a block moves again while an old place of it is still read', () => {
    const [w, x, y] = [32, 64, 48].map((n) => block(n));
    movableFree(a, heap, x);
    const old = movablePin(b, heap, y);
    compact();
    movableFree(a, heap, w);
    compact();
    expect([offset(y), mem[old], intact(y), defects(1)]).toEqual([0, y, true, []]);
    movableReleaseDead(a, heap, b.id);
    compact();
    expect([picture(), defects()]).toEqual([`u48 -${AREA - 48}`, []]);
  });

  it('a block that somebody writes is put off', () => {
    const [x, y] = [64, 48].map((n) => block(n));
    movableFree(a, heap, x);
    const at = movableLock(b, heap, y);
    expect([compact(), stats().deferredLocked > 0, livePlace(mem, heap, y)]).toEqual([0, true, at]);
    mem.fill(y, at, at + 40);
    movableUnlock(b, heap, y);
    expect([compact(), intact(y)]).toEqual([1, true]);
  });

  it('pinned blocks stay where they are once 16 runs are parked', () => {
    make({ nThreads: 4, handles: 64 });
    const c = seatAt(seats, 3).thr;
    const pairs = Array.from({ length: 20 }, () => [block(32), block(16)]);
    for (const [i, [, y]] of pairs.entries()) movablePin(i < 10 ? b : c, heap, y);
    for (const [x] of pairs) movableFree(a, heap, x);
    compact();
    expect([stats().parkedRuns, stats().deferredPinned > 0, defects(20)]).toEqual([16, true, []]);
    for (const id of [2, 3]) movableReleaseDead(a, heap, id);
    compact();
    expect([stats().parkedRuns, fragmentation(mem, heap), defects()]).toEqual([0, 0, []]);
  });

  it('without pins every heap ends with one free run', () => {
    for (let seed = 1; seed <= 30; seed++) {
      make({ pages: 128, areaBytes: 16 * 4096, handles: 512 });
      const rng = new Rng(seed, 1);
      const live: number[] = [];
      for (let i = 0; i < 400; i++) {
        if (rng.below(3) > 0) {
          const words = 16 * (1 + rng.below(rng.below(20) === 0 ? 80 : 6));
          if (stats().freeBytes > 4 * words || stats().areas === 0) live.push(block(words));
        } else if (live.length > 0) movableFree(a, heap, live.splice(rng.below(live.length), 1)[0]);
      }
      for (let i = live.length - 1; i >= 0; i--) {
        if (rng.below(2) === 0) movableFree(a, heap, live.splice(i, 1)[0]);
      }
      const oneArea = stats().areas === 1;
      compact();
      if (oneArea) expect([seed, fragmentation(mem, heap), stats().areas]).toEqual([seed, 0, 1]);
      expect([seed, defects(), live.filter((h) => !intact(h))]).toEqual([seed, [], []]);
    }
  });
});

it('says what it did', () => {
  const [x, y] = [64, 48].map((n) => block(n));
  movableFree(a, heap, x);
  expect(movableAlloc(a, heap, 2 ** 29)).toBe(NIL);
  const at = movablePin(b, heap, y);
  compact();
  movableUnpin(b, heap, at);
  expect(movableText(stats()).split('\n')).toEqual([
    'blocks     1 in 192 bytes, 1 areas (1 mapped, 0 given back)',
    `free       ${(AREA - 96) * 4} bytes, fragmentation 0.8 %`,
    'parked     1 old places in 192 bytes; 1 in all, 0 freed',
    'calls      2 allocations, 1 refused, 1 frees',
    'moves      1 blocks of 157 bytes in 2 passes, 0 of them out of the way',
    'put off    0 pinned, 0 being written, 0 for want of room',
    'last       fragmentation 0.8 % before compaction, 0.8 % after',
  ]);
});
