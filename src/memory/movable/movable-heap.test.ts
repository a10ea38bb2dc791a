import { beforeEach, describe, expect, it } from 'vitest';
import { MOVABLE_HEAP, MOVABLE_RUN } from '../../layout/movable.ts';
import { NIL } from '../../layout/schema.ts';
import { Rng } from '../../layout/rng.ts';
import { MemoryCorruption } from '../ut/corruption.ts';
import { movableDefects } from './movable-check.ts';
import { movableAlloc, movableBytes, movableFree, movableHeapClose } from './movable-heap.ts';
import { livePlace, type MovableHeap } from './movable-plan.ts';
import {
  movableLock,
  movablePin,
  movableReleaseDead,
  movableTryPin,
  movableUnlock,
  movableUnpin,
} from './movable-read.ts';
import { movableSeats, seatAt, type MovableSeats } from './movable-test-kit.ts';
import { originOf } from '../ut/origin.ts';
import { OS_PAGE_BYTES, osMemoryDefects, osSetFaults } from '../os/os-memory.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { memorySummary } from '../psi/psi-tables.ts';
import { allocSite } from '../ut/site.ts';
import type { Thread } from '../../sync/thread.ts';

const H = MOVABLE_HEAP.at;
const HEADER = 32;
let seats: MovableSeats;
let mem: Int32Array;
let heap: MovableHeap;
let a: Thread;
let b: Thread;

function make(o: Parameters<typeof movableSeats>[0] = {}): void {
  seats = movableSeats(o);
  ({ thr: a, heap, mem } = seatAt(seats, 1));
  b = seatAt(seats, 2).thr;
}

beforeEach(() => make());

const defects = (pins = 0): string[] => [
  ...movableDefects(mem, heap, pins),
  ...osMemoryDefects(mem, seats.node.at),
];
const counted = (key: number): number[] => {
  const row = memorySummary(mem, heap.psi, key);
  return [row.CURRENT_COUNT_USED, row.CURRENT_NUMBER_OF_BYTES_USED];
};
const words = (field: keyof typeof H): number => mem[heap.at + H[field]];

describe('allocation', () => {
  it('takes whole lines, header included, and counts the bytes with the header for the key', () => {
    const handle = movableAlloc(a, heap, 33, MEM_KEY.std);
    const place = livePlace(mem, heap, handle);
    expect(words('usedWords')).toBe(32);
    expect(movableBytes(mem, place)).toBe(33);
    expect((place * 4) % 64).toBe(HEADER);
    expect(counted(MEM_KEY.std)).toEqual([1, 33 + HEADER]);
    expect(defects()).toEqual([]);
    movableFree(b, heap, handle);
    expect(counted(MEM_KEY.std)).toEqual([0, 0]);
    expect(defects()).toEqual([]);
  });

  it.each([
    [0, 16],
    [1, 16],
    [32, 16],
    [33, 32],
    [96, 32],
    [97, 48],
  ])('%i bytes take %i words', (bytes, run) => {
    movableAlloc(a, heap, bytes);
    expect(words('usedWords')).toBe(run);
  });

  it('joins what is freed with its neighbours, in any order', () => {
    for (const order of ['012', '021', '102', '120', '201', '210']) {
      const three = [32, 64, 100].map((n) => movableAlloc(a, heap, n));
      for (const i of order) movableFree(a, heap, three[Number(i)]);
      expect([words('freeWords'), words('usedWords'), defects()]).toEqual([2048 - 16, 0, []]);
      expect(mem[mem[heap.at + H.area] + MOVABLE_RUN.at.size]).toBe(2048 - 16);
    }
  });

  it('is first fit: a gap that is too small is passed over', () => {
    const [x, , y] = [32, 32, 96, 32].map((n) => movableAlloc(a, heap, n));
    const [small, large] = [livePlace(mem, heap, x), livePlace(mem, heap, y)];
    movableFree(a, heap, y);
    movableFree(a, heap, x);
    expect(livePlace(mem, heap, movableAlloc(a, heap, 60))).toBe(large);
    expect(livePlace(mem, heap, movableAlloc(a, heap, 20))).toBe(small);
  });

  it('maps another area when none has room, a larger one for a larger block', () => {
    movableAlloc(a, heap, 2 * OS_PAGE_BYTES - 64 - HEADER);
    expect([words('areas'), words('freeWords')]).toEqual([1, 0]);
    movableAlloc(a, heap, 3 * OS_PAGE_BYTES);
    expect([words('areas'), mem[heap.at + H.area + 5]]).toEqual([2, 4 * 1024]);
    expect(defects()).toEqual([]);
  });

  it('returns NIL when the system has no memory, no area or no handle is left, and works on', () => {
    osSetFaults(a, seats.node.at, { failNext: 1 });
    expect(movableAlloc(a, heap, 8)).toBe(NIL);
    expect(movableAlloc(a, heap, 8)).not.toBe(NIL);
    for (let i = 0; i < 8; i++) movableAlloc(a, heap, 8000);
    expect([words('areas'), movableAlloc(a, heap, 9000)]).toEqual([8, NIL]);
    make({ handles: 4 });
    const all = [1, 2, 3, 4].map(() => movableAlloc(a, heap, 8));
    expect(movableAlloc(a, heap, 8)).toBe(NIL);
    movableFree(a, heap, all[2]);
    expect(movableAlloc(a, heap, 8)).not.toBe(NIL);
    expect(words('failures')).toBe(1);
    expect(() => movableAlloc(a, heap, 2 ** 30 + 1)).toThrow('at most');
    expect(defects()).toEqual([]);
  });

  it('gives all memory back when it is closed, and not while something lives', () => {
    const handle = movableAlloc(a, heap, 8);
    expect(() => movableHeapClose(a, heap)).toThrow('1 blocks live, 1 areas');
    movableFree(a, heap, handle);
    movableHeapClose(a, heap);
    expect([words('areas'), words('freeWords'), words('unmapped'), defects()]).toEqual([0, 0, 1, []]);
  });
});

describe('handles', () => {
  it('are found out when their block is gone, in every call, and nothing changes', () => {
    const handle = movableAlloc(a, heap, 8);
    movableFree(a, heap, handle);
    const again = movableAlloc(a, heap, 8);
    expect([again & heap.indexMask, again === handle]).toEqual([handle & heap.indexMask, false]);
    const before = mem.slice(heap.at, heap.at + MOVABLE_HEAP.words);
    expect(movableTryPin(a, heap, handle)).toBe(NIL);
    expect(() => movablePin(a, heap, handle)).toThrow(
      /stale handle.*in generation 1; the entry is in generation 2/,
    );
    expect(() => movableLock(a, heap, handle)).toThrow('stale handle');
    expect(() => movableFree(a, heap, handle)).toThrow('double free');
    expect(mem.slice(heap.at, heap.at + MOVABLE_HEAP.words)).toEqual(before);
    for (const never of [1, 12345, -1, 2 ** 31 - 1]) {
      expect(() => movableFree(a, heap, never)).toThrow(MemoryCorruption);
    }
    expect(defects()).toEqual([]);
  });

  it('come round to generation 1 again, and are never 0', () => {
    make({ handles: 2 });
    const entry = seats.heap.entries + 5;
    expect(heap.generationMask).toBe(2 ** 30 - 1);
    mem[entry] = heap.generationMask;
    const last = movableAlloc(a, heap, 8);
    expect(last).toBe((2 ** 31 - 1) & ~1);
    movableFree(a, heap, last);
    expect(mem[entry]).toBe(1);
  });

  it('of a damaged block are refused: the report names key and place, and nothing changes', () => {
    make({ origins: true });
    const site = allocSite('row0merge.cc', 77);
    const [x, y] = [movableAlloc(a, heap, 32, MEM_KEY.std, site), movableAlloc(a, heap, 32)];
    const at = livePlace(mem, heap, x);
    // One word too far: the tag of the block behind. One before: the handle in its own header.
    for (const word of [at + 8, at - 1, at - 7, at - 4]) {
      const good = mem[word];
      mem[word] = 0x5a5a5a5a;
      const before = mem.slice();
      expect(() => movableFree(a, heap, x)).toThrow(
        /overwritten header[^]*memory\/innodb\/std[^]*row0merge.cc/,
      );
      mem[word] = good;
      before[word] = good;
      expect(mem.slice(heap.at, heap.entries)).toEqual(before.slice(heap.at, heap.entries));
    }
    movableFree(a, heap, x);
    movableFree(a, heap, y);
    expect(defects()).toEqual([]);
  });

  it('of an overwritten free run is found by who would take it or join it', () => {
    const [x, y] = [movableAlloc(a, heap, 32), movableAlloc(a, heap, 32)];
    const tail = livePlace(mem, heap, y) + 8;
    for (const word of [tail, tail + 1]) {
      const good = mem[word];
      mem[word] = 0x5a5a5a58;
      expect(() => movableAlloc(a, heap, 8)).toThrow(/movable_alloc.*overwritten header/);
      expect(() => movableFree(a, heap, y)).toThrow(/movable_free.*overwritten header/);
      mem[word] = good;
      expect(defects()).toEqual([]);
    }
    movableFree(a, heap, x);
    movableFree(a, heap, y);
    expect(defects()).toEqual([]);
  });

  it('know where a block was freed', () => {
    make({ origins: true });
    const handle = movableAlloc(a, heap, 32, MEM_KEY.std, allocSite('buf0buf.cc', 1));
    const at = livePlace(mem, heap, handle);
    movableFree(b, heap, handle, allocSite('buf0lru.cc', 2));
    expect(originOf(mem, seats.node.at, at - 8)?.freed).toBe(allocSite('buf0lru.cc', 2).id);
    expect(() => movableFree(a, heap, handle)).toThrow(/double free/);
  });
});

describe('pins', () => {
  it('nest, also of one block, and end in any order', () => {
    const [x, y] = [movableAlloc(a, heap, 8), movableAlloc(a, heap, 8)];
    const pins = [x, y, x].map((h) => movablePin(a, heap, h));
    expect(pins[2]).toBe(pins[0]);
    expect(defects(3)).toEqual([]);
    for (const at of [pins[0], pins[1], pins[2]]) movableUnpin(a, heap, at);
    expect(() => movableUnpin(a, heap, pins[0])).toThrow('has not pinned');
    expect(defects()).toEqual([]);
  });

  it('are limited: one too many throws, and pins nothing', () => {
    make({ maxPins: 2 });
    const handle = movableAlloc(a, heap, 8);
    const pins = [movablePin(a, heap, handle), movablePin(a, heap, handle)];
    expect(() => movablePin(a, heap, handle)).toThrow('2 movable blocks pinned');
    for (const at of pins) movableUnpin(a, heap, at);
    expect(defects()).toEqual([]);
  });

  it('keep the memory of a freed block until they end; then it is used again', () => {
    const handle = movableAlloc(a, heap, 8000);
    const at = movablePin(a, heap, handle);
    mem.fill(7, at, at + 2000);
    movableFree(b, heap, handle);
    expect([words('parkedRuns'), words('parkedWords'), defects(1)]).toEqual([1, 2016, []]);
    expect(movableTryPin(b, heap, handle)).toBe(NIL);
    // No room beside it: a second area.
    movableAlloc(b, heap, 8000);
    expect([words('areas'), mem[at], mem[at + 1999]]).toEqual([2, 7, 7]);
    movableUnpin(a, heap, at);
    movableAlloc(b, heap, 8000);
    expect([words('areas'), words('parkedRuns'), words('reclaims'), defects()]).toEqual([2, 0, 1, []]);
  });

  it('of a dead thread are taken back', () => {
    const two = [movableAlloc(a, heap, 8), movableAlloc(a, heap, 8)];
    for (const h of two) movablePin(b, heap, h);
    for (const h of two) movableFree(a, heap, h);
    expect(words('parkedRuns')).toBe(2);
    expect(() => movableHeapClose(a, heap)).toThrow('1 areas in use');
    expect([movableReleaseDead(a, heap, b.id), movableReleaseDead(a, heap, b.id)]).toEqual([2, 0]);
    movableHeapClose(a, heap);
    expect(defects()).toEqual([]);
  });
});

it('validation finds what is planted', () => {
  const [x, y, z] = [1, 2, 3].map(() => movableAlloc(a, heap, 32));
  movableFree(a, heap, y);
  movablePin(a, heap, z);
  movableAlloc(a, heap, 32);
  movableFree(a, heap, z);
  const area = mem[heap.at + H.area];
  const entry = (handle: number): number => seats.heap.entries + (handle & heap.indexMask) * 8;
  expect(defects(1)).toEqual([]);
  const planted: [word: number, value: number, defect: RegExp][] = [
    [heap.at + H.freeWords, 1, /freeWords is 1/],
    [heap.at + H.parkedWords, 0, /parkedWords is 0/],
    [heap.at + H.parkedRuns, 2, /parkedRuns is 2/],
    [heap.at + H.parked, 0, /is in no list/],
    [heap.at + H.liveBlocks, 7, /liveBlocks is 7/],
    [heap.at + H.freeHandle, -1, /0 free ones are not all/],
    [heap.at + H.mutex, 2, /structure's mutex is left with 2/],
    [heap.pins + 1, 0, /0 blocks are pinned, not 1/],
    [area + 1, 32 | 1, /block @|run @/],
    [area + 16, 32, /the tag says 32/],
    [area + 7, 5, /header names|says that it is at/],
    [area + 2032, 3, /end mark/],
    [entry(x), 2, /mutex of entry .* is left with 2/],
    [entry(x) + 4, area + 24, /says that it is at/],
    [entry(x) + 5, 9, /not of generation 9/],
    [entry(z) + 4, area + 24, /is in the free list/],
  ];
  for (const [word, value, defect] of planted) {
    const good = mem[word];
    mem[word] = value;
    expect(movableDefects(mem, heap, 1).join('\n')).toMatch(defect);
    mem[word] = good;
  }
  expect(defects(1)).toEqual([]);
});

it('a lock keeps others out of a block', () => {
  const handle = movableAlloc(a, heap, 8);
  const at = movableLock(a, heap, handle);
  expect(at).toBe(livePlace(mem, heap, handle));
  expect(() => movableUnlock(b, heap, handle)).toThrow('released mutex');
  expect(() => movableFree(a, heap, handle)).toThrow('holds this mutex already');
  movableUnlock(a, heap, handle);
  movableFree(a, heap, handle);
  expect(defects()).toEqual([]);
});

it('ten thousand random calls leave a sound heap, and every block its contents', () => {
  const rng = new Rng(5, 1);
  const live: number[] = [];
  for (let i = 0; i < 10_000; i++) {
    if (live.length < 60 && rng.below(2) === 0) {
      const handle = movableAlloc(a, heap, rng.below(700));
      if (handle === NIL) continue;
      const at = movableLock(a, heap, handle);
      mem.fill(handle, at, at + Math.ceil(movableBytes(mem, at) / 4));
      movableUnlock(a, heap, handle);
      live.push(handle);
    } else if (live.length > 0) {
      const [handle] = live.splice(rng.below(live.length), 1);
      const at = movablePin(a, heap, handle);
      expect(mem.subarray(at, at + Math.ceil(movableBytes(mem, at) / 4)).every((w) => w === handle)).toBe(
        true,
      );
      movableUnpin(a, heap, at);
      movableFree(a, heap, handle);
    }
    if (i % 1000 === 0) expect(defects()).toEqual([]);
  }
  for (const handle of live) movableFree(a, heap, handle);
  expect(defects()).toEqual([]);
  movableHeapClose(a, heap);
  expect(defects()).toEqual([]);
});
