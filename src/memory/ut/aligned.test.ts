import { describe, expect, it } from 'vitest';
import { ALIGNED_MEMORY } from '../../layout/headers.ts';
import { mallocWalk } from '../heap/malloc.ts';
import * as A from './aligned.ts';
import { MemoryKit } from '../test-kit.ts';
import { utSizeOf } from './ut-allocator.ts';
import { utLibrary } from './ut-entry.ts';
import { utSite } from './ut-keys.ts';

const SITE = utSite('sync0arr.cc', 5);

function setUp() {
  const kit = new MemoryKit({ records: { holder: [ALIGNED_MEMORY, 1] } });
  const holder = kit.at('holder');
  A.alignedInit(kit.mem, holder);
  return { kit, mem: kit.mem, thr: kit.thread(1), ut: utLibrary(kit.env), holder };
}

describe('aligned_memory', () => {
  it.each([1, 2, 4, 16, 48, 64, 128, 512, 4096])(
    'on %i bytes: size + alignment - 1, rounded up, zeroed',
    (alignment) => {
      const { mem, thr, ut, holder, kit } = setUp();
      const object = A.alignedAllocate(thr, ut, holder, 100, alignment, SITE);
      expect((object * 4) % alignment).toBe(0);
      const memory = mem[holder + ALIGNED_MEMORY.at.memory];
      expect((object - memory) * 4).toBeLessThan(alignment);
      expect(object).toBeGreaterThanOrEqual(memory);
      expect(utSizeOf(mem, memory)).toBe(32 + 100 + alignment - 1);
      expect(mem.subarray(object, object + 25).every((w) => w === 0)).toBe(true);
      expect(A.alignedObject(mem, holder)).toBe(object);
      A.alignedFree(thr, ut, holder, SITE);
      expect(mallocWalk(mem, kit.os)).toEqual([]);
    },
  );

  it('asserts that nothing is held before, and something after', () => {
    const { mem, thr, ut, holder } = setUp();
    expect(() => A.alignedObject(mem, holder)).toThrow('Assertion failure: m_object != nullptr');
    expect(() => A.alignedFree(thr, ut, holder, SITE)).toThrow('Assertion failure: m_memory != nullptr');
    expect(() => A.alignedAllocate(thr, ut, holder, 100, 0, SITE)).toThrow(
      'Assertion failure: T_Align_to > 0',
    );
    expect(() => A.alignedAllocate(thr, ut, holder, 100, 6, SITE)).toThrow(/no whole number of words/);
    A.alignedAllocate(thr, ut, holder, 100, 64, SITE);
    expect(() => A.alignedAllocate(thr, ut, holder, 100, 64, SITE)).toThrow(
      'Assertion failure: m_memory == nullptr',
    );
    mem[holder + ALIGNED_MEMORY.at.memory] = 0;
    expect(() => A.alignedAllocate(thr, ut, holder, 100, 64, SITE)).toThrow(
      'Assertion failure: m_object == nullptr',
    );
  });
});

describe('aligned_pointer', () => {
  it('constructs on a cache line, destroys once, by destroy or at its end', () => {
    const { mem, thr, ut, holder, kit } = setUp();
    const calls: number[] = [];
    const note = (at: number) => void calls.push(at);
    const object = A.alignedCreate(thr, ut, holder, 40, note, SITE);
    expect((object * 4) % 64).toBe(0);
    A.alignedDestroy(thr, ut, holder, note, SITE);
    A.alignedEnd(thr, ut, holder, note, SITE);
    expect(calls).toEqual([object, object]);
    expect(() => A.alignedDestroy(thr, ut, holder, note, SITE)).toThrow('m_object != nullptr');
    const again = A.alignedCreate(thr, ut, holder, 40, note, SITE, 256);
    A.alignedEnd(thr, ut, holder, note, SITE);
    expect(calls).toEqual([object, object, again, again]);
    expect(mallocWalk(mem, kit.os)).toEqual([]);
    expect(kit.defects()).toEqual([]);
  });
});

describe('aligned_array_pointer', () => {
  it('asserts that the index is below n', () => {
    const { mem, thr, ut, holder } = setUp();
    const first = A.alignedArrayCreate(thr, ut, holder, 24, 3, SITE);
    expect((first * 4) % 64).toBe(0);
    expect([0, 1, 2].map((i) => A.alignedArrayAt(mem, holder, 24, i) - first)).toEqual([0, 6, 12]);
    expect(() => A.alignedArrayAt(mem, holder, 24, 3)).toThrow('Assertion failure: index < n');
    expect(() => A.alignedArrayAt(mem, holder, 24, -1)).toThrow('Assertion failure: index < n');
    A.alignedFree(thr, ut, holder, SITE);
    expect(() => A.alignedArrayAt(mem, holder, 24, 0)).toThrow('Assertion failure: index < n');
  });
});
