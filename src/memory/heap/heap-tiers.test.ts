import { describe, expect, it } from 'vitest';
import { HEAP_CACHE, HEAP_CENTRAL, HEAP_PAGE } from '../../layout/heap.ts';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import { buddyList } from './heap-buddy.ts';
import { centralOf } from './heap-central.ts';
import { heapDefects } from './heap-check.ts';
import { HEAP_PREALLOCATED } from './heap-plan.ts';
import { cacheOf, granuleOf, heapPageOf, LIVE, statesOf } from './heap-state.ts';
import { heapDrain, heapTrim, heapTrimAll } from './heap-trim.ts';
import { heapStats } from './heap-walk.ts';
import { free, malloc } from './malloc.ts';
import { osMemoryDefects, osSetLimit } from '../os/os-memory.ts';
import { MemoryKit, type MemoryKitOptions } from '../test-kit.ts';

function setUp(o: MemoryKitOptions = {}) {
  const kit = new MemoryKit(o);
  const { mem, os } = kit;
  return {
    kit,
    mem,
    os,
    thr: kit.thread(1),
    base: kit.nodes[0].base,
    mapped: () => getU53(mem, os + OS_MEMORY.at.inUse) / 4096,
    defects: () => [...heapDefects(mem, os), ...osMemoryDefects(mem, os)],
  };
}

const times = <T>(n: number, f: () => T): T[] => Array.from({ length: n }, f);

describe('lists of threads for blocks of the buddy system', () => {
  const node = { cachedBuddies: 2 };

  it('are filled by what the thread frees, and emptied before the buddy system is asked', () => {
    const { mem, os, thr, mapped, defects } = setUp({ node });
    const a = malloc(thr, os, 1024);
    free(thr, os, a);
    expect([mapped(), malloc(thr, os, 600)]).toEqual([1, a]);
    free(thr, os, a);
    expect(heapStats(mem, os).classes[7]).toMatchObject({
      bytes: 1024,
      allocs: 2,
      hits: 1,
      refills: 1,
      flushes: 0,
    });
    expect(defects()).toEqual([]);
    expect([heapTrim(thr, os), mapped()]).toEqual([1, 0]);
  });

  it.each([1024, 2048, 4096])('hold so many of %i bytes; half of them go back then', (bytes) => {
    const { mem, os, thr, defects } = setUp({ node });
    const blocks = times(4, () => malloc(thr, os, bytes));
    for (const at of blocks) free(thr, os, at);
    const cls = Math.log2(bytes / 4);
    expect(heapStats(mem, os).classes[cls - 1]).toMatchObject({ frees: 4, flushes: 2, liveBlocks: 0 });
    expect(2 - mem[cacheOf(mem, os, 1) + HEAP_CACHE.at.room + cls]).toBe(2);
    expect(defects()).toEqual([]);
    heapTrimAll(thr, os);
    expect(defects()).toEqual([]);
  });

  it('of another thread are filled by what it frees, and emptied when it has ended', () => {
    const { kit, os, thr, mapped, defects } = setUp({ node });
    const other = kit.thread(2);
    free(other, os, malloc(thr, os, 4096));
    expect([mapped(), malloc(thr, os, 4096) === NIL]).toEqual([1, false]);
    expect(mapped()).toBe(2);
    expect([heapDrain(thr, os, other.id), mapped()]).toEqual([1, 1]);
    expect(defects()).toEqual([]);
  });

  it('give way when there is no memory left', () => {
    const { kit, os, thr } = setUp({ node, pages: [1] });
    free(thr, os, malloc(thr, os, 1024));
    expect(malloc(thr, os, 4096)).toBe(kit.nodes[0].base);
  });

  it('find a double free, and a free block that was written to', () => {
    const { mem, os, thr } = setUp({ node });
    const [a, b] = [malloc(thr, os, 2048), malloc(thr, os, 2048)];
    free(thr, os, a);
    expect(() => {
      free(thr, os, a);
    }).toThrow('double free');
    free(thr, os, b);
    mem[b] = 77;
    malloc(thr, os, 2048);
    expect(() => malloc(thr, os, 2048)).toThrow('overwritten free block');
  });
});

describe('lists of threads', () => {
  it('a batch comes at a time, and one goes back when there are more than two', () => {
    const { kit, mem, os, thr, defects } = setUp({ node: { batch: 4 } });
    const blocks = times(9, () => malloc(thr, os, 64));
    const row = () => heapStats(mem, os).classes[3];
    expect(row()).toMatchObject({ bytes: 64, allocs: 9, hits: 6, refills: 3, flushes: 0 });
    const cached = () => 8 - mem[cacheOf(mem, os, 2) + HEAP_CACHE.at.room + 4];
    const other = kit.thread(2);
    // It takes two batches, and 8 blocks are in its list.
    for (const at of blocks.slice(0, 8)) free(other, os, at);
    expect([cached(), row().flushes]).toEqual([8, 0]);
    free(other, os, blocks[8]);
    expect([cached(), row().flushes]).toEqual([5, 1]);
    expect(row()).toMatchObject({ frees: 9, liveBlocks: 0, liveBytes: 0 });
    expect(defects()).toEqual([]);
  });

  it('the lists of a thread that has ended are emptied by another', () => {
    const { kit, os, thr, mapped, defects } = setUp();
    const dead = kit.thread(2);
    for (const bytes of [8, 64, 512]) free(dead, os, malloc(dead, os, bytes));
    heapTrim(thr, os);
    expect(mapped()).toBe(3);
    expect(heapDrain(thr, os, dead.id)).toBe(3);
    expect([mapped(), heapDrain(thr, os, dead.id)]).toEqual([0, 0]);
    expect(defects()).toEqual([]);
  });

  it.each(['in malloc', 'in free'])('also when it ended between two steps %s', (where) => {
    const { kit, mem, os, thr, mapped, defects } = setUp();
    const dead = kit.thread(2);
    const at = malloc(dead, os, 64);
    free(dead, os, at);
    // In both, the block is at the head already, or still, and its state says that it is in use.
    dead.u8[statesOf(mem, os) + granuleOf(mem, os, at)] = LIVE | 4;
    if (where === 'in free') mem[cacheOf(mem, os, 2) + HEAP_CACHE.at.room + 4]++;
    heapDrain(thr, os, dead.id);
    expect(mapped()).toBe(0);
    expect(defects()).toEqual([]);
  });
});

describe('the buddy system', () => {
  it('splits the smallest block that is large enough, and joins what is free again', () => {
    const { mem, os, thr, base, mapped, defects } = setUp();
    const lists = () => [8, 9].map((cls) => mem[buddyList(mem, os, cls)]);
    const a = malloc(thr, os, 1000);
    expect([a, ...lists()]).toEqual([base, base + 256, base + 512]);
    const b = malloc(thr, os, 1024);
    expect([b, ...lists()]).toEqual([base + 256, NIL, base + 512]);
    const c = malloc(thr, os, 513);
    expect([c, ...lists()]).toEqual([base + 512, base + 768, NIL]);
    const d = malloc(thr, os, 1025);
    expect([d, ...lists()]).toEqual([base + 1024, base + 768, base + 1536]);
    expect(defects()).toEqual([]);
    free(thr, os, a);
    // Its buddy is in use, so it stays as it is.
    expect(lists()).toEqual([base, base + 1536]);
    free(thr, os, c);
    expect(lists()).toEqual([base, base + 512]);
    expect(defects()).toEqual([]);
    free(thr, os, b);
    expect([mapped(), ...lists()]).toEqual([1, NIL, base + 1536]);
    free(thr, os, d);
    expect([mapped(), ...lists()]).toEqual([0, NIL, NIL]);
    expect(defects()).toEqual([]);
  });

  it('4 KiB are a page, more are runs', () => {
    const { os, thr, mapped } = setUp();
    const blocks = [4096, 4097, 20_480].map((bytes) => malloc(thr, os, bytes));
    expect(mapped()).toBe(1 + 2 + 5);
    for (const at of blocks) free(thr, os, at);
    expect(mapped()).toBe(0);
  });
});

describe('preallocated blocks', () => {
  it('1000, 800, 600, 400, 200, 100, 50 are ready, and stay when all are free', () => {
    expect(HEAP_PREALLOCATED).toEqual([1000, 800, 600, 400, 200, 100, 50]);
    const { mem, os, thr, mapped, defects } = setUp({
      pages: [64],
      node: { preallocate: HEAP_PREALLOCATED },
    });
    // 2 + 4 + 5 + 7 + 7 + 7 + 7 pages hold them.
    expect(mapped()).toBe(39);
    expect(mem[os + OS_MEMORY.at.maps]).toBe(39);
    osSetLimit(thr, os, 39 * 4096);
    const blocks = HEAP_PREALLOCATED.flatMap((n, i) => times(n, () => malloc(thr, os, 8 << i)));
    expect(blocks).not.toContain(NIL);
    expect(malloc(thr, os, 4096)).toBe(NIL);
    expect(defects()).toEqual([]);
    for (const at of blocks) free(thr, os, at);
    heapTrimAll(thr, os);
    expect(mapped()).toBe(39);
    expect(defects()).toEqual([]);
  });

  it('as far as there is memory', () => {
    const { mapped, defects } = setUp({ pages: [10], node: { preallocate: HEAP_PREALLOCATED } });
    expect(mapped()).toBe(10);
    expect(defects()).toEqual([]);
  });
});

describe('heapDefects', () => {
  type Heap = ReturnType<typeof setUp>;
  /** Two live blocks, a free one, one of the buddy system, a run; then a fault. */
  const faults: readonly [string, (h: Heap, at: number) => void, RegExp][] = [
    [
      'a live block that a list has',
      (h, at) => (h.thr.u8[statesOf(h.mem, h.os) + granuleOf(h.mem, h.os, at)] = 0x14),
      /lost: a free block of 64 bytes/,
    ],
    [
      'a state inside a block',
      (h, at) => h.thr.u8[statesOf(h.mem, h.os) + granuleOf(h.mem, h.os, at) + 1]++,
      /inside a block of 64/,
    ],
    [
      'a state of another class',
      (h, at) => h.thr.u8[statesOf(h.mem, h.os) + granuleOf(h.mem, h.os, at)]++,
      /in a page of 64 bytes/,
    ],
    ['a state where nothing is', (h) => h.thr.u8[statesOf(h.mem, h.os) + 60 * 512]++, /outside the heap/],
    ['a count of a list', (h) => h.mem[cacheOf(h.mem, h.os, 1) + HEAP_CACHE.at.room + 4]--, /counted are/],
    [
      'a list’s head',
      (h, at) => (h.mem[cacheOf(h.mem, h.os, 1) + HEAP_CACHE.at.head + 4] = at),
      /is no free block of it/,
    ],
    ['a count of a page', (h) => h.mem[heapPageOf(h.mem, h.os, 0) + HEAP_PAGE.at.free]++, /its record says/],
    ['a free bit', (h) => (h.mem[heapPageOf(h.mem, h.os, 0) + HEAP_PAGE.at.freeBits] ^= 1), /a free bit/],
    [
      'a list of pages',
      (h) => (h.mem[centralOf(h.mem, h.os, 4) + HEAP_CENTRAL.at.partial] = NIL),
      /free blocks, but in no list/,
    ],
    [
      'a buddy list',
      (h) => (h.mem[buddyList(h.mem, h.os, 8)] = NIL),
      /lost: 1024 bytes free, in no buddy list/,
    ],
    ['a run', (h) => h.mem[heapPageOf(h.mem, h.os, 2) + HEAP_PAGE.at.run]++, /in a run of 3 pages/],
  ];
  it.each(faults)('sees %s', (_name, damage, report) => {
    const h = setUp();
    const at = malloc(h.thr, h.os, 64);
    free(h.thr, h.os, malloc(h.thr, h.os, 64));
    malloc(h.thr, h.os, 1000);
    malloc(h.thr, h.os, 10_000);
    expect(h.defects()).toEqual([]);
    damage(h, at);
    expect(heapDefects(h.mem, h.os).join('\n')).toMatch(report);
  });

  it('sees two free buddies that were not joined, and an empty page that has not gone back', () => {
    const { mem, os, thr } = setUp();
    const a = malloc(thr, os, 1000);
    thr.u8[statesOf(mem, os) + granuleOf(mem, os, a)] = 0x38;
    expect(heapDefects(mem, os).join('\n')).toMatch(/its buddy is free as well/);
    const { mem: other, os: node, thr: one } = setUp();
    malloc(one, node, 8);
    for (let g = 0; g < 512; g++) one.u8[statesOf(other, node) + g] = 0x21;
    other.fill(-1, heapPageOf(other, node, 0) + HEAP_PAGE.at.freeBits, heapPageOf(other, node, 1));
    expect(heapDefects(other, node).join('\n')).toMatch(/no block of 8 bytes is out/);
  });
});
