import { describe, expect, it } from 'vitest';
import { HEAP_TAG } from '../../layout/heap.ts';
import { NIL } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import { MemoryCorruption } from './corruption.ts';
import { mallocWalk } from '../heap/malloc.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { MemoryKit } from '../test-kit.ts';
import { makePsiMemoryKey, utNewFree, utNewLibrary, utNewMallocWithkey } from './ut-new.ts';
import * as A from './ut-new-aligned.ts';

const STD = makePsiMemoryKey(MEM_KEY.std);

function setUp() {
  const kit = new MemoryKit();
  const { mem, os, env } = kit;
  const lib = utNewLibrary(env);
  const bare = utNewLibrary(env, { pfs: false });
  return { kit, mem, os, thr: kit.thread(1), lib, bare };
}

function thrown(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(MemoryCorruption);
    return (error as Error).message.split('\n')[0];
  }
  throw new Error('nothing was thrown');
}

describe('the place', () => {
  it.each([
    [128, 32, 32],
    [144, 32, 16],
    [16, 32, 16],
    [32, 64, 32],
    [48, 64, 16],
    [4096, 4096, 4096],
    [4112, 4096, 4080],
  ])(
    'of block %i the first multiple of %i strictly behind it is %i bytes further',
    (at, alignment, offset) => {
      expect(A.alignedOffset(at, alignment)).toBe(offset);
    },
  );

  it('a core of 24 bytes takes one alignment', () => {
    expect([32, 64, 4096].map(A.alignedMetaBytes)).toEqual([32, 64, 4096]);
  });

  it.each([0, 1, 8, 16, 17, 64.5, 24, 31, 48, 100, -32, NaN])(
    'an alignment of %d is an assertion',
    (alignment) => {
      const { thr, os, mem, lib, bare } = setUp();
      for (const ut of [lib, bare]) {
        expect(() => A.utAlignedAlloc(thr, ut, 100, alignment)).toThrow(/^Assertion failure: /);
        expect(() => A.utAlignedZalloc(thr, ut, 100, alignment)).toThrow(/^Assertion failure: /);
      }
      expect(mallocWalk(mem, os)).toEqual([]);
    },
  );

  it('a length of 4 GiB is an assertion: it has 32 bits', () => {
    const { thr, lib } = setUp();
    expect(A.utAlignedAlloc(thr, lib, 2 ** 32 - 1, 64)).toBe(NIL);
    expect(() => A.utAlignedAlloc(thr, lib, 2 ** 32, 64)).toThrow(/32 bits/);
  });
});

describe.each([32, 64, 128, 1024, 4096, 16384])('alignment %i', (alignment) => {
  it('Aligned_alloc: malloc of as many bytes more; offset @−4, length @−8', () => {
    const { mem, os, thr, bare } = setUp();
    for (const bytes of [0, 1, 100, 5000]) {
      const p = A.utAlignedAllocWithkey(thr, bare, STD, bytes, alignment);
      expect((p * 4) % alignment).toBe(0);
      const [block] = mallocWalk(mem, os);
      expect(block.tag).toBe(HEAP_TAG.utNewAligned);
      expect(block.bytes).toBeGreaterThanOrEqual(bytes + alignment);
      const offset = (p - block.at) * 4;
      expect(offset).toBe(A.alignedOffset(block.at * 4, alignment));
      expect([mem[p - 1], mem[p - 2]]).toEqual([offset, bytes]);
      expect(A.utAlignedBytes(thr, bare, p, 'test')).toBe(bytes);
      A.utAlignedFree(thr, bare, p);
      expect(mallocWalk(mem, os)).toEqual([]);
    }
  });

  it('Aligned_alloc_pfs: the core at the inner address; reported: size + roundup(24, alignment) + offset', () => {
    const { kit, mem, os, thr, lib } = setUp();
    for (const bytes of [0, 1, 100, 5000]) {
      const before = kit.account(MEM_KEY.std).allocBytes;
      const p = A.utAlignedAllocWithkey(thr, lib, STD, bytes, alignment);
      expect((p * 4) % alignment).toBe(0);
      const [block] = mallocWalk(mem, os);
      const core = p - alignment / 4;
      const offset = (core - block.at) * 4;
      expect(offset).toBe(A.alignedOffset(block.at * 4, alignment));
      // PFS_metadata
      const total = bytes + alignment + offset;
      expect([getU53(mem, core), getU53(mem, core + 2), mem[core + 4]]).toEqual([1, total, MEM_KEY.std]);
      expect(mem[p - 1]).toBe(alignment);
      // Aligned_alloc_metadata
      expect([mem[core - 1], mem[core - 2]]).toEqual([offset, bytes]);
      expect(kit.account(MEM_KEY.std).allocBytes - before).toBe(total);
      expect(A.utAlignedBytes(thr, lib, p, 'test')).toBe(bytes);
      expect(kit.defects()).toEqual([]);
      A.utAlignedFree(thr, lib, p);
      expect(kit.account(MEM_KEY.std)).toMatchObject({ currentCount: 0, currentBytes: 0 });
      expect(kit.defects()).toEqual([]);
    }
  });
});

it('aligned_zalloc clears all that was asked for', () => {
  const { mem, thr, lib, bare } = setUp();
  for (const ut of [lib, bare]) {
    const p = A.utAlignedAlloc(thr, ut, 400, 64);
    mem.fill(-1, p, p + 100);
    A.utAlignedFree(thr, ut, p);
    for (const q of [A.utAlignedZalloc(thr, ut, 400, 64), A.utAlignedZallocWithkey(thr, ut, STD, 400, 64)]) {
      expect(mem.subarray(q, q + 100).every((w) => w === 0)).toBe(true);
    }
  }
});

it('one attempt: NIL, no sleep, no line; NIL is freed without a word', () => {
  const { kit, os, thr, lib, bare } = setUp();
  const start = kit.sleepClock.ticks();
  for (const ut of [lib, bare]) {
    osSetFaults(thr, os, { failNext: 1 });
    expect(A.utAlignedAllocWithkey(thr, ut, STD, 100, 64)).toBe(NIL);
    const p = A.utAlignedAllocWithkey(thr, ut, STD, 100, 64);
    expect(p).not.toBe(NIL);
    A.utAlignedFree(thr, ut, p);
    A.utAlignedFree(thr, ut, NIL);
  }
  expect([kit.sleepClock.ticks(), kit.log.lines]).toEqual([start, []]);
  expect(kit.account(MEM_KEY.std)).toMatchObject({ failures: 1, currentCount: 0 });
  expect(kit.defects()).toEqual([]);
});

describe('damage', () => {
  it('aligned_free of a plain block, free of an aligned one, double free, foreign and wrong addresses', () => {
    const { kit, mem, thr, lib, bare } = setUp();
    for (const ut of [lib, bare]) {
      for (const alignment of [32, 64, 4096]) {
        // Neighbours, so that what is in front of a block is another one.
        const plain = [0, 1, 2].map(() => utNewMallocWithkey(thr, ut, STD, ut.pfs ? 60 : 100));
        for (const p of plain) {
          const said = thrown(() => A.utAlignedFree(thr, ut, p));
          expect(said).toMatch(/: wrong allocator/);
          expect(said).toContain(`(@${ut.pfs ? p - 8 : p})`);
        }
        for (const p of plain) utNewFree(thr, ut, p);
        const p = A.utAlignedAllocWithkey(thr, ut, STD, 100, alignment);
        const before = kit.account(MEM_KEY.std);
        expect(thrown(() => utNewFree(thr, ut, p))).toMatch(/: inside a block/);
        expect(thrown(() => A.utAlignedFree(thr, ut, p + 8))).toMatch(/: overwritten header/);
        const block = ut.pfs ? p - alignment / 2 : p - alignment / 4;
        expect(thrown(() => A.utAlignedFree(thr, ut, block))).toMatch(
          ut.pfs
            ? /: (overwritten header|inside a block|double free|foreign address)/
            : /: foreign address: the address is that of the block/,
        );
        expect(kit.account(MEM_KEY.std)).toEqual(before);
        A.utAlignedFree(thr, ut, p);
        expect(thrown(() => A.utAlignedFree(thr, ut, p))).toMatch(/: double free/);
        expect(kit.account(MEM_KEY.std).freeCount).toBe(before.freeCount + (ut.pfs ? 1 : 0));
      }
      expect(thrown(() => A.utAlignedFree(thr, ut, 100))).toMatch(/: foreign address/);
      expect(thrown(() => A.utAlignedFree(thr, ut, mem.length + 64))).toMatch(/: foreign address/);
      expect(kit.defects()).toEqual([]);
    }
  });

  it('a damaged word in front leads nowhere', () => {
    const { kit, mem, thr, lib, bare } = setUp();
    for (const ut of [lib, bare]) {
      const [left, p] = [0, 1].map(() => A.utAlignedAllocWithkey(thr, ut, STD, 100, 64));
      const inner = ut.pfs ? p - 16 : p;
      // Way back to the core, offset, length; with the core also its owner, total, key and check.
      const words = [
        inner - 1,
        inner - 2,
        ...(ut.pfs ? [p - 1, inner, inner + 2, inner + 4, inner + 5] : []),
      ];
      for (const word of words) {
        const was = mem[word];
        for (const bad of [was ^ 0x40, was + 16, was - 16, was + 1, -1, 0x7fffffff, p - left + was]) {
          if (bad === was) continue;
          mem[word] = bad;
          expect(thrown(() => A.utAlignedFree(thr, ut, p))).toMatch(/: overwritten header/);
        }
        mem[word] = was;
      }
      A.utAlignedFree(thr, ut, p);
      A.utAlignedFree(thr, ut, left);
    }
    expect(kit.defects()).toEqual([]);
  });
});
