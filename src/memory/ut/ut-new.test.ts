import { describe, expect, it } from 'vitest';
import { HEAP_TAG } from '../../layout/heap.ts';
import { NIL } from '../../layout/schema.ts';
import { UT_ALLOC_ARR, UT_ALLOC_PFS, UT_PFS_META } from '../../layout/ut-new.ts';
import { getU53 } from '../../layout/words.ts';
import { MemoryCorruption } from './corruption.ts';
import { memHeapAlloc } from '../mem-heap/mem-heap.ts';
import { memHeapCreate, memHeapFree } from '../mem-heap/mem-heap-block.ts';
import { MemHeapEnv } from '../mem-heap/mem-heap-env.ts';
import { UtNewBlocks } from '../mem-heap/mem-heap-source.ts';
import { mallocWalk } from '../heap/malloc.ts';
import { originOf } from './origin.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { KEY_NONE, MEM_KEY, memKeyByName } from '../psi/psi-keys.ts';
import { memorySummary } from '../psi/psi-tables.ts';
import { allocSite } from './site.ts';
import { MemoryKit } from '../test-kit.ts';
import { utLibrary } from './ut-entry.ts';
import * as ut from './ut-new.ts';

const STD = ut.makePsiMemoryKey(MEM_KEY.std);
const AHI = ut.makePsiMemoryKey(MEM_KEY.ahi);
const WORD = 4;

function setUp({ pages = [64], origins = false }: { pages?: number[]; origins?: boolean } = {}) {
  const kit = new MemoryKit({ pages, node: { origins } });
  const { mem, os, env } = kit;
  const lib = ut.utNewLibrary(env);
  const bare = ut.utNewLibrary(env, { pfs: false });
  return { kit, mem, os, thr: kit.thread(1), lib, bare };
}

/** What is thrown, first line. */
function thrown(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(MemoryCorruption);
    return (error as Error).message.split('\n')[0];
  }
  throw new Error('nothing was thrown');
}

describe('keys', () => {
  it('are no numbers, and 0 means not instrumented', () => {
    expect(STD).toBeInstanceOf(ut.PsiMemoryKey);
    expect(typeof STD).toBe('object');
    expect(ut.PSI_NOT_INSTRUMENTED.value).toBe(KEY_NONE);
  });

  it('of a file: the first of the list that begins with its name, else none', () => {
    expect(ut.utThisFileKey('storage/innobase/buf/buf0buf.cc').value).toBe(
      memKeyByName('memory/innodb/buf0buf'),
    );
    expect(ut.utThisFileKey('x/y0no.cc').value).toBe(KEY_NONE);
  });

  it('the version tells the libraries apart', () => {
    const { kit, lib } = setUp();
    expect([utLibrary(kit.env).version, lib.version]).toEqual(['8.0.25', '8.0.28']);
  });
});

describe('Alloc_pfs', () => {
  it('adds 32 bytes: owner @0, total @8, key @16, offset back in the last 4 bytes', () => {
    const { kit, mem, os, thr, lib } = setUp();
    kit.thread(2);
    const p = ut.utNewMallocWithkey(kit.thread(2), lib, AHI, 100);
    const block = p - 8;
    expect(mallocWalk(mem, os)).toEqual([{ at: block, bytes: 256, tag: HEAP_TAG.utNew }]);
    expect(UT_ALLOC_PFS.words * WORD).toBe(32);
    const { owner, datalen, key } = UT_PFS_META.at;
    expect([owner, datalen, key].map((w) => w * WORD)).toEqual([0, 8, 16]);
    expect(getU53(mem, block)).toBe(2);
    expect(getU53(mem, block + 2)).toBe(132);
    expect(mem[block + 4]).toBe(MEM_KEY.ahi);
    expect(mem[block + 7]).toBe(32);
    expect(ut.utPfsOverhead(lib)).toBe(32);
    expect(kit.account(MEM_KEY.ahi)).toMatchObject({ currentCount: 1, currentBytes: 132 });
    expect(kit.defects()).toEqual([]);
    ut.utNewFree(thr, lib, p);
    expect(mallocWalk(mem, os)).toEqual([]);
    expect(kit.account(MEM_KEY.ahi)).toMatchObject({ currentCount: 0, freeCount: 1, freeBytes: 132 });
    expect(kit.defects()).toEqual([]);
  });

  it('zalloc clears, of memory that was used before; malloc does not', () => {
    const { kit, mem, thr, lib, bare } = setUp();
    for (const l of [lib, bare]) {
      const p = ut.utNewMallocWithkey(thr, l, STD, 200);
      mem.fill(-1, p, p + 50);
      ut.utNewFree(thr, l, p);
      const q = ut.utNewZallocWithkey(thr, l, STD, 200);
      expect(q).toBe(p);
      expect(mem.subarray(q, q + 50).every((w) => w === 0)).toBe(true);
      mem.fill(-1, q, q + 50);
      ut.utNewFree(thr, l, q);
      expect(mem[ut.utNewMalloc(thr, l, 200) + 40]).toBe(-1);
      expect(mem[ut.utNewZalloc(thr, l, 200) + 40]).toBe(0);
    }
    expect(kit.defects()).toEqual([]);
  });

  it('the forms without a key are not tracked', () => {
    const { kit, mem, thr, lib } = setUp();
    const p = [
      ut.utNewMalloc(thr, lib, 10),
      ut.utNewZalloc(thr, lib, 10),
      ut.utNewRealloc(thr, lib, NIL, 10),
    ];
    for (const at of p) expect([mem[at - 4], getU53(mem, at - 6)]).toEqual([KEY_NONE, 42]);
    for (const { key } of kit.psi.keys) expect(kit.account(key).allocCount).toBe(0);
    const q = ut.utNewMallocWithkey(thr, lib, STD, 10);
    const r = ut.utNewRealloc(thr, lib, q, 20);
    expect(mem[r - 4]).toBe(KEY_NONE);
    expect(kit.account(MEM_KEY.std)).toMatchObject({ allocCount: 1, currentCount: 0 });
    expect(kit.defects()).toEqual([]);
    for (const at of [...p, r]) ut.utNewFree(thr, lib, at);
    expect(kit.defects()).toEqual([]);
  });

  it('n == 0 goes to malloc: an address; NIL is freed without a word', () => {
    const { kit, mem, thr, lib, bare } = setUp();
    const p = ut.utNewMallocWithkey(thr, lib, STD, 0);
    expect(p).not.toBe(NIL);
    expect(getU53(mem, p - 6)).toBe(32);
    const q = ut.utNewMalloc(thr, bare, 0);
    expect(q).not.toBe(NIL);
    ut.utNewFree(thr, lib, p);
    ut.utNewFree(thr, bare, q);
    ut.utNewFree(thr, lib, NIL);
    ut.utNewFree(thr, bare, NIL);
    expect(kit.defects()).toEqual([]);
  });

  it('no second attempt, no sleep, no line in the log: NIL', () => {
    const { kit, mem, os, thr, lib, bare } = setUp();
    const start = kit.sleepClock.ticks();
    for (const l of [lib, bare]) {
      for (const call of [ut.utNewMallocWithkey, ut.utNewZallocWithkey]) {
        osSetFaults(thr, os, { failNext: 1 });
        expect(call(thr, l, STD, 100)).toBe(NIL);
        // The next attempt would have had it.
        const p = call(thr, l, STD, 100);
        expect(p).not.toBe(NIL);
        ut.utNewFree(thr, l, p);
      }
    }
    expect(ut.utNewMallocWithkey(thr, lib, STD, 2 ** 40)).toBe(NIL);
    expect(ut.utNewMallocWithkey(thr, lib, STD, 2 ** 63)).toBe(NIL);
    expect([kit.sleepClock.ticks(), kit.log.lines]).toEqual([start, []]);
    expect(kit.account(MEM_KEY.std)).toMatchObject({ retries: 0, failures: 4, currentCount: 0 });
    expect(mallocWalk(mem, os)).toEqual([]);
    expect(kit.defects()).toEqual([]);
  });

  it('a block of the other node is freed there, by another thread', () => {
    const kit = new MemoryKit({ pages: [16, 16] });
    const far = ut.utNewLibrary({ ...kit.env, os: kit.allOs[1] });
    const near = ut.utNewLibrary(kit.env);
    const p = ut.utNewMallocWithkey(kit.thread(1), far, STD, 5000);
    ut.utNewFree(kit.thread(2), near, p);
    expect(mallocWalk(kit.mem, kit.allOs[1])).toEqual([]);
    expect(kit.defects()).toEqual([]);
  });
});

describe('Alloc', () => {
  it('adds nothing, and counts nothing', () => {
    const { kit, mem, os, thr, bare } = setUp();
    const p = ut.utNewMallocWithkey(thr, bare, STD, 64);
    expect(mallocWalk(mem, os)).toEqual([{ at: p, bytes: 64, tag: HEAP_TAG.raw }]);
    expect(ut.utPfsOverhead(bare)).toBe(0);
    const q = ut.utNewReallocWithkey(thr, bare, STD, p, 500);
    expect(mallocWalk(mem, os)).toEqual([{ at: q, bytes: 512, tag: HEAP_TAG.raw }]);
    expect(ut.utNewReallocWithkey(thr, bare, STD, q, 0)).toBe(NIL);
    expect(mallocWalk(mem, os)).toEqual([]);
    expect(kit.account(MEM_KEY.std).allocCount).toBe(0);
  });

  it('of an array it adds 16: the length in the first 8', () => {
    const { mem, os, thr, bare, lib } = setUp();
    const p = ut.utArrMallocWithkey(thr, bare, STD, 48);
    expect(UT_ALLOC_ARR.words * WORD).toBe(16);
    expect(mallocWalk(mem, os)).toEqual([{ at: p - 4, bytes: 64, tag: HEAP_TAG.raw }]);
    expect(getU53(mem, p - 4)).toBe(48);
    expect(ut.utArrBytes(thr, bare, p, 'test')).toBe(48);
    ut.utArrFree(thr, bare, p);
    // With the Performance Schema the total says it.
    const q = ut.utArrMallocWithkey(thr, lib, STD, 48);
    expect(mallocWalk(mem, os)).toEqual([{ at: q - 8, bytes: 128, tag: HEAP_TAG.utNew }]);
    expect(ut.utArrBytes(thr, lib, q, 'test')).toBe(48);
    const none = ut.utArrMallocWithkey(thr, bare, STD, 0);
    expect([none === NIL, ut.utArrBytes(thr, bare, none, 'test')]).toEqual([false, 0]);
  });
});

describe('realloc', () => {
  it('keeps what is in the block, takes the new key, NIL allocates, 0 frees', () => {
    const { kit, mem, thr, lib } = setUp();
    const p = ut.utNewReallocWithkey(thr, lib, STD, NIL, 100);
    mem[p] = 11;
    mem[p + 24] = 12;
    const q = ut.utNewReallocWithkey(thr, lib, AHI, p, 9000);
    expect([mem[q], mem[q + 24], mem[q - 4], getU53(mem, q - 6), mem[q - 1]]).toEqual([
      11,
      12,
      MEM_KEY.ahi,
      9032,
      32,
    ]);
    expect(kit.account(MEM_KEY.std)).toMatchObject({ allocCount: 1, freeCount: 1, freeBytes: 132 });
    expect(kit.account(MEM_KEY.ahi)).toMatchObject({ allocCount: 1, currentBytes: 9032 });
    expect(kit.defects()).toEqual([]);
    expect(ut.utNewReallocWithkey(thr, lib, AHI, q, 0)).toBe(NIL);
    expect(mallocWalk(mem, kit.os)).toEqual([]);
    expect(kit.defects()).toEqual([]);
  });

  it('the free is reported first, the allocation after: the high water mark does not see both', () => {
    const { kit, thr, lib } = setUp();
    const p = ut.utNewMallocWithkey(thr, lib, STD, 1000);
    ut.utNewReallocWithkey(thr, lib, STD, p, 1100);
    expect(memorySummary(kit.mem, kit.psi, MEM_KEY.std)).toMatchObject({
      CURRENT_NUMBER_OF_BYTES_USED: 1132,
      HIGH_NUMBER_OF_BYTES_USED: 1132,
      HIGH_COUNT_USED: 1,
    });
  });

  it('when it fails the free has been reported: the block lives uncounted, and is counted out twice', () => {
    const { kit, mem, os, thr, lib } = setUp({ origins: true });
    const p = ut.utNewMallocWithkey(thr, lib, STD, 100);
    mem[p] = 7;
    osSetFaults(thr, os, { failNext: 1 });
    expect(ut.utNewReallocWithkey(thr, lib, STD, p, 5000)).toBe(NIL);
    osSetFaults(thr, os, {});
    // Alive, with what was in it, but no longer counted.
    expect(mem[p]).toBe(7);
    expect(mallocWalk(mem, os)).toHaveLength(1);
    expect(kit.account(MEM_KEY.std)).toMatchObject({ currentCount: 0, currentBytes: 0, failures: 1 });
    expect(kit.defects()).toEqual([
      'memory/innodb/std: 0 blocks of 0 bytes by the accounts, 1 of 132 bytes live',
    ]);
    expect(kit.log.lines).toEqual([]);
    expect(originOf(mem, os, p - 8)).toMatchObject({ freed: 0, bytes: 132 });
    ut.utNewFree(thr, lib, p);
    expect(mallocWalk(mem, os)).toEqual([]);
    expect(kit.account(MEM_KEY.std)).toMatchObject({ currentCount: -1, currentBytes: -132 });
    expect(kit.defects()).toEqual([
      'memory/innodb/std: -1 blocks of -132 bytes by the accounts, 0 of 0 bytes live',
    ]);
  });

  it('without the Performance Schema a failure changes nothing', () => {
    const { os, thr, bare, mem } = setUp();
    const p = ut.utNewMalloc(thr, bare, 100);
    mem[p] = 7;
    osSetFaults(thr, os, { failNext: 1 });
    expect(ut.utNewRealloc(thr, bare, p, 5000)).toBe(NIL);
    expect(mem[p]).toBe(7);
    ut.utNewFree(thr, bare, p);
  });
});

describe('damage', () => {
  it('double free, foreign address, inside a block: nothing is counted', () => {
    const { kit, mem, thr, lib, bare } = setUp();
    for (const l of [lib, bare]) {
      for (const bytes of [20, 3000, 9000]) {
        const p = ut.utNewMallocWithkey(thr, l, STD, bytes);
        expect(thrown(() => ut.utNewFree(thr, l, p + 4))).toMatch(/^(ut::)?free\(.*: inside a block/);
        ut.utNewFree(thr, l, p);
        const before = kit.account(MEM_KEY.std);
        expect(thrown(() => ut.utNewFree(thr, l, p))).toMatch(/: double free/);
        expect(thrown(() => ut.utNewReallocWithkey(thr, l, STD, p, 40))).toMatch(/: double free/);
        expect(kit.account(MEM_KEY.std)).toEqual(before);
      }
      expect(thrown(() => ut.utNewFree(thr, l, 100))).toMatch(/: foreign address/);
      expect(thrown(() => ut.utNewFree(thr, l, mem.length + 64))).toMatch(/: foreign address/);
    }
    expect(kit.defects()).toEqual([]);
  });

  it('every word of the header that was written over is found, and said where it came from', () => {
    const { mem, thr, lib } = setUp({ origins: true });
    const site = allocSite('row0sel.cc', 7);
    const p = ut.utNewMallocWithkey(thr, lib, STD, 100, site);
    for (const word of [0, 2, 3, 4, 5, 7]) {
      mem[p - 8 + word] ^= 0x40;
      const message = thrown(() => ut.utNewFree(thr, lib, p));
      expect(message).toMatch(/^ut::free\(@\d+\): overwritten header/);
      mem[p - 8 + word] ^= 0x40;
    }
    mem[p - 4] ^= 0x40;
    expect(() => ut.utNewFree(thr, lib, p)).toThrow('row0sel.cc:7');
    mem[p - 4] ^= 0x40;
    ut.utNewFree(thr, lib, p);
  });

  it('of an array without the Performance Schema', () => {
    const { mem, thr, bare } = setUp();
    const p = ut.utArrMallocWithkey(thr, bare, STD, 100);
    expect(thrown(() => ut.utNewFree(thr, bare, p))).toMatch(/: inside a block/);
    mem[p - 4]++;
    expect(thrown(() => ut.utArrBytes(thr, bare, p, 'x'))).toMatch(/^x\(.*overwritten header/);
    mem[p - 4]--;
    ut.utArrFree(thr, bare, p);
    expect(thrown(() => ut.utArrBytes(thr, bare, p, 'x'))).toMatch(/: double free/);
    expect(thrown(() => ut.utArrBytes(thr, bare, 100, 'x'))).toMatch(/: foreign address/);
  });
});

describe('heaps of 8.0.30', () => {
  it('take their blocks from here: one attempt, and the instrument of the file', () => {
    const { kit, mem, os, thr, lib, bare } = setUp();
    const key = memKeyByName('memory/innodb/memory');
    const env = new MemHeapEnv(kit.env, { version: '8.0.30', blocks: new UtNewBlocks(lib) });
    const heap = memHeapCreate(thr, env, 0, 0);
    memHeapAlloc(thr, env, heap, 200);
    expect(env.blocks.prefixWords).toBe(8);
    expect(kit.account(key)).toMatchObject({ currentCount: 2, currentBytes: 168 + 440 + 64 });
    expect(kit.defects()).toEqual([]);
    const start = kit.sleepClock.ticks();
    osSetFaults(thr, os, { failNext: 1 });
    expect(() => memHeapAlloc(thr, env, heap, 2000)).toThrow(/Unable to allocate memory of size 2104/);
    expect(kit.sleepClock.ticks()).toBe(start);
    memHeapFree(thr, env, heap);
    expect(mallocWalk(mem, os)).toEqual([]);
    expect(kit.defects()).toEqual([]);
    expect(new UtNewBlocks(bare).prefixWords).toBe(0);
  });
});
