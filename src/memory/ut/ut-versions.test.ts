import { describe, expect, it } from 'vitest';
import { HEAP_TAG } from '../../layout/heap.ts';
import { UT_NEW_PFX, UT_NEW_PFX_57 } from '../../layout/headers.ts';
import { NIL } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import { mallocWalk } from '../heap/malloc.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { KEY_NONE, MEM_KEY } from '../psi/psi-keys.ts';
import { MemoryKit } from '../test-kit.ts';
import * as U from './ut-allocator.ts';
import { deleteArray, newArray } from './ut-array.ts';
import { utAllocateLarge, utDeallocateLarge } from './ut-large.ts';

function setUp() {
  const kit = new MemoryKit();
  const { mem, os } = kit;
  return {
    kit,
    mem,
    os,
    thr: kit.thread(1),
    old: kit.alloc({ version: '5.7' }),
    bare: kit.alloc({ pfs: false }),
  };
}

describe('ut_allocator of 5.7', () => {
  it('has a header of 24 bytes: ask 100, get 124', () => {
    const { kit, mem, os, thr, old } = setUp();
    const p = U.utAllocate(thr, old, 100, MEM_KEY.ahi);
    const { at } = UT_NEW_PFX_57;
    const pfx = p - 6;
    expect(p % 2).toBe(0);
    expect(UT_NEW_PFX_57.words * 4).toBe(24);
    expect([mem[pfx + at.key], mem[pfx + at.owner], getU53(mem, pfx + at.size)]).toEqual([
      MEM_KEY.ahi,
      1,
      124,
    ]);
    expect(mallocWalk(mem, os)).toEqual([{ at: pfx, bytes: 128, tag: HEAP_TAG.ut57 }]);
    const q = U.utReallocate(thr, old, p, 5000, MEM_KEY.std);
    expect(getU53(mem, q - 6 + at.size)).toBe(5024);
    expect(kit.defects()).toEqual([]);
    U.utDeallocate(thr, old, q);
    expect(kit.defects()).toEqual([]);
    expect(mallocWalk(mem, os)).toEqual([]);
  });

  it('max_size subtracts 24', () => {
    expect(U.utMaxSize(1, 24)).toBe(18446744073709551591n);
    expect(U.utMaxSize(24, 24)).toBe(768614336404564649n);
    expect(U.utMaxSize(8, 24)).toBe(2305843009213693948n);
    expect(U.utMaxSize(8, 32)).toBe(2305843009213693947n);
    expect(U.utMaxSize(8, 0)).toBe(2305843009213693951n);
  });

  it('without a key it is std; the explicit key wins over that of the file', () => {
    const { kit, mem, thr, old } = setUp();
    const key = (alloc: U.UtAllocator, k?: number) => U.utKeyOf(mem, U.utAllocate(thr, alloc, 8, k), 6);
    const own = kit.alloc({ version: '5.7', key: MEM_KEY.ahi });
    expect([key(old), key(old, MEM_KEY.other), key(own), key(own, MEM_KEY.other)]).toEqual([
      MEM_KEY.std,
      MEM_KEY.other,
      MEM_KEY.ahi,
      MEM_KEY.ahi,
    ]);
  });

  it('converting: a key that comes out as std is not copied, others are; 8.0.25 copies all', () => {
    const { kit } = setUp();
    const copied = (version: U.UtVersion, key: number) => kit.alloc({ version, key }).rebind(8).key;
    expect([MEM_KEY.std, KEY_NONE, MEM_KEY.ahi].map((k) => copied('5.7', k))).toEqual([
      KEY_NONE,
      KEY_NONE,
      MEM_KEY.ahi,
    ]);
    expect([MEM_KEY.std, KEY_NONE, MEM_KEY.ahi].map((k) => copied('8.0.25', k))).toEqual([
      MEM_KEY.std,
      KEY_NONE,
      MEM_KEY.ahi,
    ]);
    const copy = kit.alloc({ version: '5.7' }).setOomNotFatal().rebind(8);
    expect([copy.oomFatal, copy.version, copy.elemBytes]).toEqual([false, '5.7', 8]);
  });

  it('arrays and large blocks', () => {
    const { kit, mem, thr, old } = setUp();
    const alloc = old.rebind(8);
    const p = newArray(
      thr,
      alloc,
      5,
      MEM_KEY.other,
      () => {},
      () => {},
    );
    const gone: number[] = [];
    deleteArray(thr, alloc, p, (i) => void gone.push(i));
    expect(gone).toEqual([4, 3, 2, 1, 0]);
    const at = utAllocateLarge(thr, old, 5000, MEM_KEY.ahi, kit.pfx);
    expect(getU53(mem, kit.pfx + UT_NEW_PFX_57.at.size)).toBe(8192);
    expect(kit.defects()).toEqual([]);
    utDeallocateLarge(thr, old, at, kit.pfx);
    expect(kit.defects()).toEqual([]);
  });
});

describe('ut_allocator without the Performance Schema', () => {
  it('has no header and counts nothing, but tries as often', () => {
    const { kit, mem, os, thr, bare } = setUp();
    const p = U.utAllocate(thr, bare, 100, MEM_KEY.ahi);
    expect(mallocWalk(mem, os)).toEqual([{ at: p, bytes: 128, tag: HEAP_TAG.raw }]);
    expect(kit.account(MEM_KEY.ahi)).toMatchObject({ allocCount: 0 });
    U.utDeallocate(thr, bare, p);
    expect(mallocWalk(mem, os)).toEqual([]);
    osSetFaults(thr, os, { failNext: 60 });
    expect(() => U.utAllocate(thr, bare, 100)).toThrow(
      /^Cannot allocate 100 bytes of memory after 60 retries/,
    );
    expect(kit.sleepClock.sleeps).toBe(59);
    const wide = kit.alloc({ pfs: false, elemBytes: 2 ** 40 });
    expect(U.utExceedsMaxSize(wide, 2 ** 24 - 1)).toBe(false);
    expect(() => U.utAllocate(thr, wide, 2 ** 24)).toThrow(U.BadAlloc);
    expect(kit.defects()).toEqual([]);
  });

  it('cannot reallocate nor make arrays', () => {
    const { thr, bare } = setUp();
    expect(() => U.utReallocate(thr, bare, NIL, 1)).toThrow(/with the Performance Schema only/);
    expect(() =>
      newArray(
        thr,
        bare.rebind(4),
        1,
        0,
        () => {},
        () => {},
      ),
    ).toThrow(/Performance Schema only/);
    expect(() => U.utDeallocate(thr, bare, 64)).toThrow(/foreign address/);
  });
});

describe('allocators', () => {
  it('of the same type are equal, whatever their keys', () => {
    const { kit } = setUp();
    const a = kit.alloc({ key: MEM_KEY.ahi, elemBytes: 8 });
    expect(U.utEqual(a, kit.alloc({ elemBytes: 8 }))).toBe(true);
    expect(U.utEqual(a, a.rebind(16))).toBe(false);
    expect(UT_NEW_PFX.words * 4).toBe(32);
  });
});

describe('large allocations on huge pages', () => {
  const HUGE = 2 * 1024 * 1024;

  it('the size is rounded up to them; without one two warnings, and pages of 4 KiB; no second attempt', () => {
    const kit = new MemoryKit({ node: { hugePages: { [HUGE]: 1 }, largePageBytes: HUGE } });
    const [thr, alloc] = [kit.thread(1), kit.alloc({ elemBytes: 8 })];
    const sizeInPfx = () => getU53(kit.mem, kit.pfx + UT_NEW_PFX.at.size);
    const at = utAllocateLarge(thr, alloc, 1001, MEM_KEY.bufBufPool, kit.pfx);
    expect(sizeInPfx()).toBe(HUGE);
    expect(kit.account(MEM_KEY.bufBufPool)).toMatchObject({ currentBytes: HUGE, currentCount: 1 });
    expect(kit.log.lines).toEqual([]);
    utDeallocateLarge(thr, alloc, at, kit.pfx);
    expect(kit.account(MEM_KEY.bufBufPool)).toMatchObject({ currentBytes: 0, currentCount: 0 });
    osSetFaults(thr, kit.os, { failNext: 1 });
    const small = utAllocateLarge(thr, alloc, 1001, MEM_KEY.bufBufPool, kit.pfx);
    expect(sizeInPfx()).toBe(8192);
    expect(kit.log.lines.map((l) => l.priority)).toEqual(['Warning', 'Warning']);
    utDeallocateLarge(thr, alloc, small, kit.pfx);
    osSetFaults(thr, kit.os, { failNext: 2 });
    expect(utAllocateLarge(thr, alloc, 1001, MEM_KEY.bufBufPool, kit.pfx)).toBe(NIL);
    expect(kit.sleepClock.sleeps).toBe(0);
    expect(kit.log.lines.at(-1)?.priority).toBe('Error');
    expect(kit.defects()).toEqual([]);
  });
});
