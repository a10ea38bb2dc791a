import { describe, expect, it } from 'vitest';
import { HEAP_TAG } from '../../layout/heap.ts';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { Rng } from '../../layout/rng.ts';
import { NIL } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import { MemoryCorruption } from '../ut/corruption.ts';
import { heapDefects } from './heap-check.ts';
import { heapTrim, heapTrimAll } from './heap-trim.ts';
import { heapStats } from './heap-walk.ts';
import {
  calloc,
  free,
  freeSized,
  heapBlockBytes,
  heapLiveBlocks,
  malloc,
  mallocAligned,
  mallocWalk,
  osOwning,
  realloc,
  roundedBytes,
} from './malloc.ts';
import { osMemoryDefects, osMmap, osSetFaults, osSetLimit } from '../os/os-memory.ts';
import { MemoryKit } from '../test-kit.ts';

const A = OS_MEMORY.at;
const SIZES = [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

function setUp(pages = 64) {
  const kit = new MemoryKit({ pages: [pages] });
  const { mem, os } = kit;
  const thr = kit.thread(1);
  return {
    kit,
    mem,
    os,
    thr,
    base: kit.nodes[0].base,
    inUse: () => getU53(mem, os + A.inUse),
    mappedAtRest: () => {
      heapTrimAll(thr, os);
      return getU53(mem, os + A.inUse);
    },
    defects: () => [...heapDefects(mem, os), ...osMemoryDefects(mem, os)],
  };
}

describe('malloc: sizes', () => {
  it('rounds to the size classes, then to the buddy system’s, then to pages', () => {
    const asked = [0, 1, 8, 9, 16, 17, 32, 33, 64, 65, 128, 129, 256, 257, 512, 513, 1024, 1025, 2048, 2049];
    expect(asked.map(roundedBytes)).toEqual([
      8, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128, 256, 256, 512, 512, 1024, 1024, 2048, 2048, 4096,
    ]);
    expect([4096, 4097, 8192, 8193].map(roundedBytes)).toEqual([4096, 8192, 8192, 12288]);
  });

  it.each(SIZES)('carves a page into blocks of %i bytes in full before it takes the next', (bytes) => {
    const { mem, os, thr, base, inUse, defects } = setUp();
    const perPage = 4096 / bytes;
    const blocks = Array.from({ length: perPage }, () => malloc(thr, os, bytes));
    expect(blocks).toEqual(blocks.map((_, i) => base + (i * bytes) / 4));
    expect(inUse()).toBe(4096);
    expect(malloc(thr, os, bytes)).toBe(base + 1024);
    expect(inUse()).toBe(8192);
    expect(heapLiveBlocks(mem, os)).toBe(perPage + 1);
    expect(mallocWalk(mem, os)).toHaveLength(perPage + 1);
    expect(defects()).toEqual([]);
  });

  it('blocks are aligned to their size, runs to a page', () => {
    const { os, thr } = setUp();
    for (let bytes = 1; bytes < 6000; bytes += 171) {
      expect((malloc(thr, os, bytes) * 4) % Math.min(4096, roundedBytes(bytes))).toBe(0);
    }
  });

  it('the block freed last is the next of its class, and a trim gives all back', () => {
    const { os, thr, inUse, mem } = setUp();
    const [a, b] = [malloc(thr, os, 100), malloc(thr, os, 100)];
    free(thr, os, a);
    free(thr, os, b);
    expect([malloc(thr, os, 100), malloc(thr, os, 100)]).toEqual([b, a]);
    free(thr, os, a);
    free(thr, os, b);
    expect(inUse()).toBe(4096);
    expect(heapTrim(thr, os)).toBe(1);
    expect(inUse()).toBe(0);
    expect(mallocWalk(mem, os)).toEqual([]);
  });

  it('calloc zeroes what malloc leaves as it was', () => {
    const { mem, os, thr } = setUp();
    for (const bytes of [30, 100, 500, 1000, 6000]) {
      const words = Math.ceil(bytes / 4);
      const a = malloc(thr, os, bytes);
      mem.fill(-1, a, a + words);
      free(thr, os, a);
      expect(malloc(thr, os, bytes)).toBe(a);
      expect(mem[a + words - 1]).toBe(-1);
      free(thr, os, a);
      expect(calloc(thr, os, bytes)).toBe(a);
      expect(mem.subarray(a, a + words).every((w) => w === 0)).toBe(true);
      free(thr, os, a);
    }
  });
});

describe('mallocAligned', () => {
  it.each([1, 8, 16, 64, 256, 4096, 8192, 65_536])('on multiples of %i bytes', (alignment) => {
    const { os, thr, mappedAtRest, defects } = setUp(256);
    const blocks: number[] = [];
    for (const bytes of [1, 40, 64, 100, 600, 3000, 5000, 12_288]) {
      // Something in between, so that the next one does not lie right by chance.
      blocks.push(malloc(thr, os, 24), malloc(thr, os, 9000));
      const at = mallocAligned(thr, os, bytes, alignment, HEAP_TAG.ut);
      expect((at * 4) % alignment).toBe(0);
      expect(heapBlockBytes(thr, os, at, HEAP_TAG.ut)).toBeGreaterThanOrEqual(bytes);
      expect(defects()).toEqual([]);
      free(thr, os, at, HEAP_TAG.ut);
    }
    for (const at of blocks) free(thr, os, at);
    expect(mappedAtRest()).toBe(0);
  });

  it('wants a power of two, and is refused like any other', () => {
    const { os, thr } = setUp();
    for (const alignment of [0, 3, 48, -8, 0.5]) {
      expect(() => mallocAligned(thr, os, 8, alignment)).toThrow(RangeError);
    }
    osSetLimit(thr, os, 4096);
    expect(mallocAligned(thr, os, 8, 8192)).toBe(NIL);
  });
});

describe('malloc: realloc', () => {
  it('stays in its class, moves to another with its contents, frees the old block', () => {
    const { mem, os, thr, defects } = setUp();
    const a = malloc(thr, os, 40);
    for (let i = 0; i < 16; i++) mem[a + i] = 100 + i;
    expect(realloc(thr, os, a, 64)).toBe(a);
    const b = realloc(thr, os, a, 5000);
    expect(b).not.toBe(a);
    expect([...mem.subarray(b, b + 16)]).toEqual(Array.from({ length: 16 }, (_, i) => 100 + i));
    expect(realloc(thr, os, b, 8192)).toBe(b);
    const c = realloc(thr, os, b, 12);
    expect([...mem.subarray(c, c + 3)]).toEqual([100, 101, 102]);
    expect(mallocWalk(mem, os)).toEqual([{ at: c, bytes: 16, tag: HEAP_TAG.raw }]);
    expect(heapStats(mem, os)).toMatchObject({ inPlace: 2, liveBlocks: 1, liveBytes: 16, requests: 5 });
    expect(defects()).toEqual([]);
  });

  it.each([5000, 60])('leaves the old block alone when refused: to %i bytes', (bytes) => {
    const { mem, os, thr } = setUp();
    const a = malloc(thr, os, 40);
    mem[a] = 7;
    osSetFaults(thr, os, { failNext: 1 });
    expect(realloc(thr, os, a, bytes)).toBe(NIL);
    expect(mem[a]).toBe(7);
    expect(mallocWalk(mem, os)).toEqual([{ at: a, bytes: 64, tag: HEAP_TAG.raw }]);
    free(thr, os, a);
  });
});

describe('malloc: refusals', () => {
  it('NIL when the limit or a fault is met; a request is drawn once', () => {
    const { mem, os, thr } = setUp();
    osSetLimit(thr, os, 4096);
    expect(malloc(thr, os, 4097)).toBe(NIL);
    const a = malloc(thr, os, 100);
    expect(malloc(thr, os, 100)).not.toBe(NIL);
    expect(malloc(thr, os, 300)).toBe(NIL);
    expect(mem[os + A.failedLimit]).toBe(2);
    // Even a request that a list has a block for can be made to fail.
    osSetFaults(thr, os, { failNext: 2 });
    expect(malloc(thr, os, 100)).toBe(NIL);
    expect(malloc(thr, os, 1000)).toBe(NIL);
    expect(malloc(thr, os, 100)).not.toBe(NIL);
    expect(mem[os + A.requests]).toBe(2);
    expect(mem[os + A.failedPlan]).toBe(2);
    expect(heapStats(mem, os)).toMatchObject({ requests: 7, refused: 4, liveBlocks: 3 });
    free(thr, os, a);
  });

  it('a thread’s own free blocks make room before it is refused', () => {
    const { os, thr } = setUp();
    osSetLimit(thr, os, 8192);
    const small = malloc(thr, os, 100);
    free(thr, os, small);
    expect(malloc(thr, os, 8192)).not.toBe(NIL);
  });

  it('an absurd size is refused without harm', () => {
    const { os, thr, defects } = setUp();
    osSetLimit(thr, os, Number.MAX_SAFE_INTEGER);
    expect(malloc(thr, os, 2 ** 60)).toBe(NIL);
    expect(defects()).toEqual([]);
  });

  it('another node refuses the address, and its owner can be found', () => {
    const kit = new MemoryKit({ pages: [4, 4, 4] });
    const thr = kit.thread(1);
    const a = malloc(thr, kit.allOs[1], 10);
    expect(() => free(thr, kit.allOs[0], a)).toThrow(/outside the memory/);
    expect(osOwning(kit.mem, kit.allOs, a)).toBe(kit.allOs[1]);
    const { base } = kit.nodes[0];
    expect(osOwning(kit.mem, kit.allOs, base)).toBe(kit.allOs[0]);
    expect(osOwning(kit.mem, kit.allOs, base - 1)).toBe(NIL);
    expect(osOwning(kit.mem, kit.allOs, base + 4 * 1024)).toBe(NIL);
    expect(osOwning(kit.mem, kit.allOs, 16)).toBe(NIL);
    free(thr, kit.allOs[1], a);
  });

  it('a thread that the heap was not planned for is told so', () => {
    const kit = new MemoryKit({ node: { nThreads: 1 } });
    expect(() => malloc(kit.thread(2), kit.os, 8)).toThrow('thread 2 has no cache');
  });
});

describe('malloc: damage', () => {
  it('names double frees and foreign addresses, changes nothing, and leaves every mutex free', () => {
    const { kit, mem, os, thr, base, inUse, defects } = setUp();
    const [a, b] = [malloc(thr, os, 100), malloc(thr, os, 100)];
    const big = malloc(thr, os, 9000);
    const kept = malloc(thr, os, 1000);
    const half = malloc(thr, os, 1000);
    const mapping = osMmap(thr, os, 4096);
    const bad = (at: number) => () => free(thr, os, at);
    free(thr, os, NIL);
    free(thr, os, b);
    free(thr, os, half);
    const records = kit.nodes[0].at;
    const before = mem.slice(records);
    expect(bad(b)).toThrow(MemoryCorruption);
    expect(bad(b)).toThrow(`free(@${b}): double free: a block of 128 bytes that is free`);
    expect(bad(a + 4)).toThrow(`inside a block: the address is inside a block of 128 bytes at @${a}`);
    expect(bad(a + 1)).toThrow(`inside a block of 128 bytes at @${a}`);
    expect(bad(b + 2)).toThrow(`inside a free block of 128 bytes at @${b}`);
    expect(bad(big + 4)).toThrow(`inside a block of 12288 bytes at @${big}`);
    expect(bad(big + 2048)).toThrow(`inside a block of 12288 bytes at @${big}`);
    expect(bad(kept + 2)).toThrow(`inside a block of 1024 bytes at @${kept}`);
    expect(bad(half)).toThrow('double free: a block of 1024 bytes of the buddy system that is free');
    expect(bad(mapping)).toThrow(/foreign address: the address belongs to a mapping/);
    expect(bad(base - 4)).toThrow(/foreign address: the address is outside/);
    expect(bad(base + 64 * 1024)).toThrow(/outside the memory/);
    expect(bad(-2)).toThrow(/outside the memory/);
    expect(before.every((word, i) => word === mem[records + i])).toBe(true);
    free(thr, os, big);
    expect(bad(big)).toThrow(/double free: no block starts there/);
    expect(() => realloc(thr, os, big, 10)).toThrow(/^realloc/);
    expect(thr.heldCount).toBe(0);
    expect(mallocWalk(mem, os).map((block) => block.at)).toEqual([a, kept].toSorted((x, y) => x - y));
    expect(defects()).toEqual([]);
    expect(inUse()).toBe(3 * 4096);
  });

  it('a block goes back to the layer that asked for it', () => {
    const { os, thr, defects } = setUp();
    for (const bytes of [20, 2000, 20_000]) {
      const at = malloc(thr, os, bytes, HEAP_TAG.ut);
      expect(() => free(thr, os, at, HEAP_TAG.my)).toThrow(
        /wrong allocator: a block of \d+ bytes of ut, freed by my/,
      );
      expect(() => free(thr, os, at)).toThrow(/wrong allocator/);
      expect(() => realloc(thr, os, at, bytes, HEAP_TAG.pool)).toThrow(/wrong allocator/);
      free(thr, os, at, HEAP_TAG.ut);
    }
    expect(defects()).toEqual([]);
  });

  it('a sized free wants the right size class', () => {
    const { mem, os, thr } = setUp();
    for (const bytes of [20, 2000, 20_000]) {
      const at = malloc(thr, os, bytes, HEAP_TAG.my);
      expect(() => freeSized(thr, os, at, bytes * 2 + 1, HEAP_TAG.my)).toThrow(
        /wrong size class: a block of/,
      );
      expect(() => freeSized(thr, os, at, bytes)).toThrow(/wrong allocator/);
      freeSized(thr, os, at, bytes, HEAP_TAG.my);
    }
    freeSized(thr, os, NIL, 5);
    expect(mallocWalk(mem, os)).toEqual([]);
  });

  const links: readonly [string, (b: { a: number; b: number; live: number; base: number }) => number][] = [
    ['outside the area', () => 5],
    ['far outside', () => -1],
    ['into a live block', ({ live }) => live],
    ['into the middle of a block', ({ b }) => b + 2],
    ['to an odd word', ({ b }) => b + 1],
    ['into a page that is not in use', ({ base }) => base + 20 * 1024],
  ];
  it.each(links)(
    'a stray write into a free block is found before its link is followed: %s',
    (_name, link) => {
      const { mem, os, thr, base } = setUp();
      const live = malloc(thr, os, 64);
      const [a, b] = [malloc(thr, os, 64), malloc(thr, os, 64)];
      free(thr, os, b);
      free(thr, os, a);
      mem[a] = link({ a, b, live, base });
      expect(malloc(thr, os, 64)).toBe(a);
      expect(() => malloc(thr, os, 64)).toThrow(
        /^heap\(@-?\d+\): overwritten free block: a free block of 64 bytes/,
      );
      expect(() => heapTrim(thr, os)).toThrow(/overwritten free block/);
      expect(heapDefects(mem, os).length).toBeGreaterThan(0);
      expect(thr.heldCount).toBe(0);
    },
  );

  it('a link that was overwritten with 0 is found when the blocks behind it are missed', () => {
    const { mem, os, thr } = setUp();
    const a = malloc(thr, os, 512);
    free(thr, os, a);
    mem[a] = NIL;
    expect(malloc(thr, os, 512)).toBe(a);
    expect(() => malloc(thr, os, 512)).toThrow(/list of thread 1 for 512 bytes ends 3 blocks too early/);
    expect(heapDefects(mem, os)).toContain(
      `@${a + 128}: lost: a free block of 512 bytes in no thread's list`,
    );
  });

  it('a link that goes back to a block of the list makes nobody a second owner', () => {
    const { mem, os, thr } = setUp();
    const [a, b] = [malloc(thr, os, 64), malloc(thr, os, 64)];
    free(thr, os, b);
    free(thr, os, a);
    mem[b] = a;
    expect([malloc(thr, os, 64), malloc(thr, os, 64)]).toEqual([a, b]);
    expect(() => malloc(thr, os, 64)).toThrow(/overwritten free block/);
  });
});

describe('malloc: random use', () => {
  it.each([undefined, 1, 3])('live blocks never overlap, and nothing is lost (batch %s)', (batch) => {
    const kit = new MemoryKit({ pages: [128], ...(batch !== undefined && { node: { batch } }) });
    const { mem, os } = kit;
    const threads = [kit.thread(1), kit.thread(2), kit.thread(3)];
    const rng = new Rng(3, 0);
    const live = new Map<number, { bytes: number; tag: number }>();
    const defects = () => [...heapDefects(mem, os), ...osMemoryDefects(mem, os)];
    let refused = 0;
    for (let step = 0; step < 15_000; step++) {
      const thr = threads[rng.below(3)];
      const addresses = [...live.keys()];
      if (addresses.length > 0 && rng.below(100) < 49) {
        const at = addresses[rng.below(addresses.length)];
        const { bytes, tag } = live.get(at)!;
        // Every word still has its owner's mark: nobody else was given it.
        for (let i = 0; i < bytes / 4; i++) {
          if (mem[at + i] !== at) throw new Error(`block @${at} was overwritten`);
        }
        free(thr, os, at, tag);
        live.delete(at);
      } else {
        const large = rng.below(20) === 0;
        const bytes = 4 * (1 + rng.below(large ? 5000 : 1 << rng.below(11)));
        const tag = rng.below(8);
        const at = malloc(thr, os, bytes, tag);
        if (at === NIL) refused++;
        else {
          mem.fill(at, at, at + bytes / 4);
          live.set(at, { bytes, tag });
        }
      }
      if (step % 1000 === 0) expect(defects()).toEqual([]);
    }
    expect(refused).toBeGreaterThan(0);
    const walked = mallocWalk(mem, os);
    expect(walked.map((b) => b.at)).toEqual([...live.keys()].toSorted((x, y) => x - y));
    expect(walked.every((b) => b.bytes === roundedBytes(live.get(b.at)!.bytes))).toBe(true);
    expect(walked.every((b) => b.tag === live.get(b.at)!.tag)).toBe(true);
    expect(heapLiveBlocks(mem, os)).toBe(live.size);
    const stats = heapStats(mem, os);
    expect([stats.liveBlocks, stats.refused]).toEqual([live.size, refused]);
    expect(stats.liveBytes).toBe(walked.reduce((n, b) => n + b.bytes, 0));
    expect(defects()).toEqual([]);
    for (const [at, { tag }] of live) free(threads[0], os, at, tag);
    heapTrimAll(threads[0], os);
    expect(getU53(mem, os + A.inUse)).toBe(0);
    expect(defects()).toEqual([]);
  });
});
