import { describe, expect, it } from 'vitest';
import { OS_MEMORY } from '../layout/os-memory.ts';
import { Rng } from '../layout/rng.ts';
import { NIL } from '../layout/schema.ts';
import { getU53 } from '../layout/words.ts';
import {
  calloc,
  free,
  heapLiveBlocks,
  malloc,
  mallocWalk,
  osOwning,
  realloc,
  roundedBytes,
} from './malloc.ts';
import { osMemoryDefects, osMmap, osSetFaults, osSetLimit } from './os-memory.ts';
import { MemoryKit } from './test-kit.ts';

const A = OS_MEMORY.at;

function setUp(pages = 64) {
  const kit = new MemoryKit({ pages: [pages] });
  const { mem, os } = kit;
  return {
    kit,
    mem,
    os,
    thr: kit.thread(1),
    base: kit.nodes[0].base,
    inUse: () => getU53(mem, os + A.inUse),
  };
}

describe('malloc: sizes', () => {
  it('rounds to classes of 32 to 2048 bytes, then to pages', () => {
    const rounded = [0, 1, 32, 33, 64, 65, 128, 1024, 1025, 2048, 2049, 4096, 4097].map(roundedBytes);
    expect(rounded).toEqual([32, 32, 32, 64, 64, 128, 128, 1024, 2048, 2048, 4096, 4096, 8192]);
  });

  it('carves a page of each class in full before it takes the next', () => {
    for (let bytes = 32; bytes <= 2048; bytes *= 2) {
      const { mem, os, thr, base, inUse } = setUp();
      const perPage = 4096 / bytes;
      const blocks = Array.from({ length: perPage }, () => malloc(thr, os, bytes));
      expect(blocks).toEqual(blocks.map((_, i) => base + (i * bytes) / 4));
      expect(inUse()).toBe(4096);
      expect(malloc(thr, os, bytes)).toBe(base + 1024);
      expect(inUse()).toBe(8192);
      expect(heapLiveBlocks(mem, os)).toBe(perPage + 1);
      expect(mallocWalk(mem, os)).toHaveLength(perPage + 1);
    }
  });

  it('every address is 16-byte aligned', () => {
    const { os, thr } = setUp();
    for (let bytes = 1; bytes < 5000; bytes += 371) expect(malloc(thr, os, bytes) % 4).toBe(0);
  });

  it('a page whose last block is freed goes back at once; a full page that gets room is used again', () => {
    const { os, thr, base, inUse } = setUp();
    const [a, b, c] = [1, 2, 3].map(() => malloc(thr, os, 2048));
    expect([a, b, c]).toEqual([base, base + 512, base + 1024]);
    free(thr, os, c);
    expect(inUse()).toBe(4096);
    free(thr, os, a);
    expect(malloc(thr, os, 2000)).toBe(a);
    free(thr, os, a);
    free(thr, os, b);
    expect(inUse()).toBe(0);
  });

  it('calloc zeroes what malloc leaves as it was', () => {
    const { mem, os, thr } = setUp();
    for (const bytes of [30, 100, 6000]) {
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

describe('malloc: realloc', () => {
  it('stays in its class, moves to another with its contents, frees the old block', () => {
    const { mem, os, thr, inUse } = setUp();
    const a = malloc(thr, os, 40);
    for (let i = 0; i < 16; i++) mem[a + i] = 100 + i;
    expect(realloc(thr, os, a, 64)).toBe(a);
    const b = realloc(thr, os, a, 5000);
    expect(b).not.toBe(a);
    expect([...mem.subarray(b, b + 16)]).toEqual(Array.from({ length: 16 }, (_, i) => 100 + i));
    expect(inUse()).toBe(8192);
    const c = realloc(thr, os, b, 12);
    expect([...mem.subarray(c, c + 3)]).toEqual([100, 101, 102]);
    expect(mallocWalk(mem, os)).toEqual([{ at: c, bytes: 32 }]);
  });

  it('leaves the old block alone when refused', () => {
    const { mem, os, thr } = setUp();
    const a = malloc(thr, os, 40);
    mem[a] = 7;
    osSetFaults(thr, os, { failNext: 1 });
    expect(realloc(thr, os, a, 5000)).toBe(NIL);
    expect(mem[a]).toBe(7);
    expect(mallocWalk(mem, os)).toEqual([{ at: a, bytes: 64 }]);
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
    // Even a request that needs no new page can be made to fail.
    osSetFaults(thr, os, { failNext: 1 });
    expect(malloc(thr, os, 100)).toBe(NIL);
    expect(mem[os + A.requests]).toBe(5);
    expect(mem[os + A.failedPlan]).toBe(1);
    free(thr, os, a);
  });

  it('an absurd size is refused without harm', () => {
    const { kit, os, thr } = setUp();
    osSetLimit(thr, os, Number.MAX_SAFE_INTEGER);
    expect(malloc(thr, os, 2 ** 60)).toBe(NIL);
    expect(osMemoryDefects(kit.mem, os)).toEqual([]);
  });

  it('names double frees and foreign addresses, changes nothing, and leaves the mutex free', () => {
    const { mem, os, thr, base, inUse } = setUp();
    const [a, b] = [malloc(thr, os, 100), malloc(thr, os, 100)];
    const big = malloc(thr, os, 9000);
    const mapping = osMmap(thr, os, 4096);
    const bad = (at: number) => () => free(thr, os, at);
    free(thr, os, NIL);
    free(thr, os, b);
    expect(bad(b)).toThrow(`free(@${b}): double free of a block of 128 bytes`);
    expect(bad(a + 4)).toThrow(/inside a block of 128 bytes/);
    expect(bad(big + 4)).toThrow(/inside a block/);
    expect(bad(big + 1024)).toThrow(/no block starts there/);
    expect(bad(mapping)).toThrow(/belongs to a mapping/);
    expect(bad(base - 4)).toThrow(/outside the heap/);
    expect(bad(base + 64 * 1024)).toThrow(/outside the heap/);
    free(thr, os, big);
    expect(bad(big)).toThrow(/no block starts there \(double free/);
    expect(() => realloc(thr, os, big, 10)).toThrow(/^realloc/);
    expect(thr.heldCount).toBe(0);
    expect(mallocWalk(mem, os)).toEqual([{ at: a, bytes: 128 }]);
    expect(inUse()).toBe(8192);
  });

  it('another node refuses the address, and its owner can be found', () => {
    const kit = new MemoryKit({ pages: [4, 4] });
    const thr = kit.thread(1);
    const a = malloc(thr, kit.allOs[1], 10);
    expect(() => free(thr, kit.allOs[0], a)).toThrow(/outside the heap/);
    expect(osOwning(kit.mem, kit.allOs, a)).toBe(kit.allOs[1]);
    expect(osOwning(kit.mem, kit.allOs, 16)).toBe(NIL);
    free(thr, kit.allOs[1], a);
  });
});

describe('malloc: random use', () => {
  it('live blocks never overlap, are all walked, and nothing is mapped when all are freed', () => {
    const { mem, os, thr, inUse } = setUp(128);
    const rng = new Rng(3, 0);
    const live = new Map<number, number>();
    let refused = 0;
    for (let step = 0; step < 20_000; step++) {
      const addresses = [...live.keys()];
      if (addresses.length > 0 && rng.below(100) < 49) {
        const at = addresses[rng.below(addresses.length)];
        const words = live.get(at)! / 4;
        // Every word still has its owner's mark: nobody else was given it.
        for (let i = 0; i < words; i++)
          if (mem[at + i] !== at) throw new Error(`block @${at} was overwritten`);
        free(thr, os, at);
        live.delete(at);
      } else {
        const bytes = rng.below(20) === 0 ? 4 * (1 + rng.below(5000)) : 4 * (1 + rng.below(600));
        const at = malloc(thr, os, bytes);
        if (at === NIL) refused++;
        else {
          mem.fill(at, at, at + bytes / 4);
          live.set(at, bytes);
        }
      }
    }
    expect(refused).toBeGreaterThan(0);
    const walked = mallocWalk(mem, os);
    expect(walked.map((b) => b.at)).toEqual([...live.keys()].toSorted((x, y) => x - y));
    expect(walked.every((b) => b.bytes === roundedBytes(live.get(b.at)!))).toBe(true);
    expect(heapLiveBlocks(mem, os)).toBe(live.size);
    expect(osMemoryDefects(mem, os)).toEqual([]);
    for (const at of live.keys()) free(thr, os, at);
    expect(inUse()).toBe(0);
    expect(mallocWalk(mem, os)).toEqual([]);
  });
});
