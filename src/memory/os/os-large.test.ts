import { describe, expect, it } from 'vitest';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import { HUGE_2M, hugePoolsUse } from './os-huge-pool.ts';
import * as L from './os-large.ts';
import { osMmap, osMunmap, osSetFaults } from './os-memory.ts';
import { OsKit, type OsKitOptions } from './os-test-kit.ts';

const A = OS_MEMORY.at;
const KB4 = 4096;
const KB16 = 16384;

function setUp(o: OsKitOptions = {}) {
  const kit = new OsKit(o);
  const { mem, os, env } = kit;
  const total = () => getU53(mem, os + A.largeBytes);
  const lines = () => kit.log.lines.map((l) => `${l.priority} ${l.text}`);
  const free = () => hugePoolsUse(mem, os)[0].free;
  return { kit, mem, os, env, thr: kit.thread(1), total, lines, free };
}

describe('os_mem_alloc_large', () => {
  it('large pages off: rounds up to 4096, counts it, gives it back', () => {
    const { kit, mem, env, thr, total, lines } = setUp({ hugePages: { [KB16]: 2 } });
    const a = L.osMemAllocLarge(thr, env, 1);
    const b = L.osMemAllocLarge(thr, env, KB4 + 1);
    expect([a, b].map((at) => L.osMappingBytes(mem, kit.allOs, at))).toEqual([KB4, 2 * KB4]);
    expect(total()).toBe(3 * KB4);
    L.osMemFreeLarge(thr, env, a, KB4);
    expect(total()).toBe(2 * KB4);
    L.osMemFreeLarge(thr, env, b, 2 * KB4);
    expect([total(), lines(), kit.defects()]).toEqual([0, [], []]);
  });

  it('large pages on: rounds up to the huge page', () => {
    const { kit, mem, env, thr, total, lines, free } = setUp({
      hugePages: { [KB16]: 3 },
      largePageBytes: KB16,
    });
    const a = L.osMemAllocLarge(thr, env, KB16 + 1);
    expect([L.osMappingBytes(mem, kit.allOs, a), total(), free()]).toEqual([2 * KB16, 2 * KB16, 1]);
    L.osMemFreeLarge(thr, env, a, 2 * KB16);
    expect([total(), free(), lines(), kit.defects()]).toEqual([0, 3, [], []]);
  });

  it('falls back to normal pages with two warnings; the size is that of normal pages then', () => {
    const { kit, mem, env, thr, total, lines } = setUp({ hugePages: { [KB16]: 1 }, largePageBytes: KB16 });
    const a = L.osMemAllocLarge(thr, env, KB16 + 1);
    expect(L.osMappingBytes(mem, kit.allOs, a)).toBe(KB16 + KB4);
    expect(total()).toBe(KB16 + KB4);
    expect(lines()).toEqual([
      'Warning Failed to allocate 32768 bytes. errno 12',
      'Warning Using conventional memory pool',
    ]);
    L.osMemFreeLarge(thr, env, a, KB16 + KB4);
    expect([total(), kit.defects()]).toEqual([0, []]);
  });

  it('fails with an error line, after one attempt each, and counts nothing', () => {
    const { mem, os, env, thr, total, lines } = setUp({ hugePages: { [KB16]: 1 }, largePageBytes: KB16 });
    osSetFaults(thr, os, { failNext: 2 });
    expect(L.osMemAllocLarge(thr, env, 5000)).toBe(NIL);
    expect(lines().slice(2)).toEqual(['Error mmap(8192 bytes) failed; errno 12']);
    expect([total(), mem[os + A.requests]]).toEqual([0, 2]);
    expect(L.osMemAllocLarge(thr, env, 5000)).not.toBe(NIL);
  });

  it('refuses what it has not given, a wrong size, and a second time; changes nothing', () => {
    const { kit, env, os, thr, total } = setUp();
    const large = L.osMemAllocLarge(thr, env, 5000);
    const plain = osMmap(thr, os, KB4);
    const free = (at: number, bytes: number) => () => L.osMemFreeLarge(thr, env, at, bytes);
    expect(free(plain, KB4)).toThrow(/os_mem_alloc_large has not mapped it/);
    expect(() => osMunmap(thr, os, large, 2 * KB4)).toThrow(/os_mem_alloc_large has mapped it/);
    expect(free(large, KB4)).toThrow(/the mapping has 8192 bytes/);
    expect(free(1, KB4)).toThrow(/outside the memory of all nodes/);
    expect(total()).toBe(2 * KB4);
    L.osMemFreeLarge(thr, env, large, 2 * KB4);
    expect(free(large, 2 * KB4)).toThrow(/nothing is mapped there/);
    expect([total(), kit.defects(), thr.heldCount]).toEqual([0, [], 0]);
  });

  it('frees on the node where it is', () => {
    const kit = new OsKit({ pages: [4, 4] });
    const thr = kit.thread(1);
    const at = L.osMemAllocLarge(thr, { ...kit.env, os: kit.allOs[1] }, KB4);
    L.osMemFreeLarge(thr, kit.env, at, KB4);
    expect([getU53(kit.mem, kit.allOs[1] + A.largeBytes), kit.defects()]).toEqual([0, []]);
  });
});

describe('huge pages without fallback', () => {
  it('a warning with byte count and errno, and null', () => {
    const { kit, env, thr, lines, free } = setUp({ hugePages: { [KB16]: 1 } });
    const a = L.largePageAlignedAlloc(thr, env, KB16, KB16);
    expect([a === NIL, free()]).toEqual([false, 0]);
    expect(L.largePageAlignedAlloc(thr, env, KB16, KB16)).toBe(NIL);
    expect(lines()).toEqual(['Warning large_page_aligned_alloc mmap(16384 bytes) failed; errno 12']);
    L.largePageAlignedFree(thr, env, a, KB16 - 1, KB16);
    expect([free(), kit.defects()]).toEqual([1, []]);
    expect(() => L.largePageAlignedFree(thr, env, a, KB16, KB16)).toThrow(/nothing is mapped there/);
    expect(() => L.largePageAlignedFree(thr, env, 1, KB16, KB16)).toThrow(/outside the memory/);
  });

  it('says what meminfo says', () => {
    const sizes = [{}, { [KB16]: 1, [4 * KB16]: 1 }].map((hugePages) => {
      const { mem, os } = setUp({ hugePages });
      return L.osHugePageBytes(mem, os);
    });
    expect(sizes).toEqual([HUGE_2M, KB16]);
  });
});
