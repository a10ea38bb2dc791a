import { describe, expect, it } from 'vitest';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import { MemoryCorruption } from './corruption.ts';
import { hugePoolsUse } from '../os/os-huge-pool.ts';
import { osMemAllocLarge } from '../os/os-large.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { allocSite } from './site.ts';
import { MemoryKit } from '../test-kit.ts';
import { makePsiMemoryKey, utNewFree, utNewLibrary, utNewMallocWithkey } from './ut-new.ts';
import * as P from './ut-new-page.ts';

const STD = makePsiMemoryKey(MEM_KEY.std);
const KB4 = 4096;
const KB16 = 16384;
const MB2 = 2 * 1024 * 1024;

function setUp(node: ConstructorParameters<typeof MemoryKit>[0] = {}) {
  const kit = new MemoryKit(node);
  const { mem, os, env } = kit;
  const lib = utNewLibrary(env);
  const bare = utNewLibrary(env, { pfs: false });
  const lines = () => kit.log.lines.map((l) => `${l.priority} ${l.text}`);
  return { kit, mem, os, thr: kit.thread(1), lib, bare, lines };
}

const withHuge = (count: number, largePageBytes = KB16) =>
  setUp({ node: { hugePages: { [KB16]: count }, largePageBytes } });

function thrown(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(MemoryCorruption);
    return (error as Error).message.split('\n')[0];
  }
  throw new Error('nothing was thrown');
}

describe('malloc_page', () => {
  it('Page_alloc: one page of 4096 bytes in front: total @0, type 0x10 @8', () => {
    const { kit, mem, os, thr, bare } = setUp();
    const p = P.utMallocPageWithkey(thr, bare, STD, 5000);
    const base = p - 1024;
    expect((base * 4) % KB4).toBe(0);
    expect([getU53(mem, base), getU53(mem, base + 2)]).toEqual([3 * KB4, 0x10]);
    expect(getU53(mem, os + OS_MEMORY.at.mappedBytes)).toBe(3 * KB4);
    expect(P.utPageAllocationSize(thr, bare, p)).toBe(2 * KB4);
    expect(P.utPageLowLevelInfo(thr, bare, p)).toEqual({ base, bytes: 3 * KB4 });
    expect(kit.account(MEM_KEY.std).allocCount).toBe(0);
    expect(kit.defects()).toEqual([]);
    expect(P.utFreePage(thr, bare, p)).toBe(true);
    expect(getU53(mem, os + OS_MEMORY.at.mappedBytes)).toBe(0);
  });

  it('Page_alloc_pfs: owner @0, total @8, key @16, type @24, way back in the last 4 bytes', () => {
    const { kit, mem, os, thr, lib } = setUp();
    const p = P.utMallocPageWithkey(kit.thread(2), lib, STD, KB4);
    const base = p - 1024;
    expect([getU53(mem, base), getU53(mem, base + 2), mem[base + 4]]).toEqual([2, 2 * KB4, MEM_KEY.std]);
    expect([getU53(mem, base + 6), mem[p - 1]]).toEqual([0x10, KB4]);
    expect(kit.account(MEM_KEY.std)).toMatchObject({ currentCount: 1, currentBytes: 2 * KB4 });
    expect(P.utPageAllocationSize(thr, lib, p)).toBe(KB4);
    expect(P.utPageLowLevelInfo(thr, lib, p)).toEqual({ base, bytes: 2 * KB4 });
    expect(kit.defects()).toEqual([]);
    expect(P.utFreePage(thr, lib, p)).toBe(true);
    expect(kit.account(MEM_KEY.std)).toMatchObject({ currentCount: 0, currentBytes: 0 });
    expect(getU53(mem, os + OS_MEMORY.at.mappedBytes)).toBe(0);
    expect(kit.defects()).toEqual([]);
  });

  it.each([
    [0, 1],
    [1, 2],
    [KB4, 2],
    [KB4 + 1, 3],
  ])('%i bytes map %i pages; nothing is counted for os_mem_alloc_large', (bytes, pages) => {
    const { kit, mem, os, thr, lib } = setUp();
    const p = P.utMallocPage(thr, lib, bytes);
    expect(P.utPageLowLevelInfo(thr, lib, p).bytes).toBe(pages * KB4);
    expect(getU53(mem, os + OS_MEMORY.at.largeBytes)).toBe(0);
    P.utFreePage(thr, lib, p);
    expect(kit.defects()).toEqual([]);
  });

  it('a failure is a warning and NIL, after one attempt', () => {
    const { kit, os, thr, lib, bare, lines } = setUp();
    const start = kit.sleepClock.ticks();
    for (const ut of [lib, bare]) {
      osSetFaults(thr, os, { failNext: 1 });
      expect(P.utMallocPageWithkey(thr, ut, STD, 5000)).toBe(NIL);
      const p = P.utMallocPageWithkey(thr, ut, STD, 5000);
      expect(p).not.toBe(NIL);
      P.utFreePage(thr, ut, p);
    }
    const line = 'Warning page_aligned_alloc mmap(12288 bytes) failed; errno 12';
    expect(lines()).toEqual([line, line]);
    expect(kit.sleepClock.ticks()).toBe(start);
    expect(kit.account(MEM_KEY.std)).toMatchObject({ failures: 1, currentCount: 0 });
  });
});

describe('malloc_large_page', () => {
  it('total = roundup(size + 4096, huge page); type 0x20; on the boundary of a huge page', () => {
    const { kit, mem, os, thr, lib, bare, lines } = withHuge(4);
    const free = () => hugePoolsUse(mem, os)[0].free;
    for (const ut of [lib, bare]) {
      const p = P.utMallocLargePageWithkey(thr, ut, STD, KB16 - KB4 + 1);
      const base = p - 1024;
      expect((base * 4) % KB16).toBe(0);
      expect(free()).toBe(2);
      if (ut.pfs) {
        expect([getU53(mem, base), getU53(mem, base + 2), mem[base + 4]]).toEqual([1, 2 * KB16, MEM_KEY.std]);
        expect([getU53(mem, base + 6), mem[p - 1]]).toEqual([0x20, KB4]);
        expect(kit.account(MEM_KEY.std)).toMatchObject({ currentCount: 1, currentBytes: 2 * KB16 });
      } else {
        expect([getU53(mem, base), getU53(mem, base + 2)]).toEqual([2 * KB16, 0x20]);
      }
      expect(P.utLargePageAllocationSize(thr, ut, p)).toBe(2 * KB16 - KB4);
      expect(P.utLargePageLowLevelInfo(thr, ut, p)).toEqual({ base, bytes: 2 * KB16 });
      expect(kit.defects()).toEqual([]);
      expect(P.utFreeLargePage(thr, ut, p)).toBe(true);
      expect(free()).toBe(4);
      expect(kit.defects()).toEqual([]);
      const q = P.utMallocLargePage(thr, ut, KB16 - KB4);
      expect(P.utLargePageLowLevelInfo(thr, ut, q).bytes).toBe(KB16);
      P.utFreeLargePage(thr, ut, q);
    }
    expect(lines()).toEqual([]);
    expect(kit.account(MEM_KEY.std).currentCount).toBe(0);
  });

  it('Hugepagesize of meminfo: commonly 2 MiB; without huge pages a warning with bytes and errno, and NIL', () => {
    const { mem, os, thr, lib, lines } = setUp({ node: { hugePages: { [MB2]: 1 } } });
    const p = P.utMallocLargePageWithkey(thr, lib, STD, MB2 - KB4);
    expect(P.utLargePageAllocationSize(thr, lib, p)).toBe(MB2 - KB4);
    P.utFreeLargePage(thr, lib, p);
    expect(hugePoolsUse(mem, os)[0].free).toBe(1);
    expect(lines()).toEqual([]);
    const none = setUp();
    expect(P.utMallocLargePageWithkey(none.thr, none.lib, STD, MB2)).toBe(NIL);
    expect(none.lines()).toEqual(['Warning large_page_aligned_alloc mmap(4194304 bytes) failed; errno 12']);
    expect(none.kit.defects()).toEqual([]);
  });
});

describe('fallback_to_normal_page_t', () => {
  it('huge pages when enabled, else normal ones at once; as the node is when not said', () => {
    const { kit, thr, lib, lines } = withHuge(4);
    const off = setUp({ node: { hugePages: { [KB16]: 4 } } });
    const type = (s: typeof off, p: number) => P.utFallbackPageLowLevelInfo(s.thr, s.lib, p).bytes;
    const mine = { ...off, kit, thr, lib };
    expect(type(mine, P.utMallocFallbackPageWithkey(thr, lib, STD, 100))).toBe(KB16);
    expect(type(mine, P.utMallocFallbackPage(thr, lib, 100, false))).toBe(2 * KB4);
    expect(type(off, P.utMallocFallbackPage(off.thr, off.lib, 100))).toBe(2 * KB4);
    expect(type(off, P.utMallocFallbackPageWithkey(off.thr, off.lib, STD, 100, true))).toBe(KB16);
    expect([...lines(), ...off.lines()]).toEqual([]);
    expect([...kit.defects(), ...off.kit.defects()]).toEqual([]);
  });

  it('normal pages when the huge ones do not do, with a warning; whichever it was is freed rightly', () => {
    const { kit, mem, os, thr, lib, bare, lines } = withHuge(1);
    for (const ut of [lib, bare]) {
      const p = [0, 1].map(() => P.utMallocFallbackPageWithkey(thr, ut, STD, KB4));
      expect(p.map((at) => P.utFallbackPageAllocationSize(thr, ut, at))).toEqual([KB16 - KB4, KB4]);
      expect(p.map((at) => P.utFallbackPageLowLevelInfo(thr, ut, at).base)).toEqual(p.map((at) => at - 1024));
      expect(kit.defects()).toEqual([]);
      for (const at of p) expect(P.utFreeFallbackPage(thr, ut, at)).toBe(true);
      expect(getU53(mem, os + OS_MEMORY.at.mappedBytes)).toBe(0);
    }
    const line = 'Warning large_page_aligned_alloc mmap(16384 bytes) failed; errno 12';
    expect(lines()).toEqual([line, line]);
    expect(kit.defects()).toEqual([]);
  });
});

it('NIL: there was nothing to free', () => {
  const { thr, lib } = setUp();
  expect([P.utFreePage, P.utFreeLargePage, P.utFreeFallbackPage].map((f) => f(thr, lib, NIL))).toEqual([
    false,
    false,
    false,
  ]);
});

describe('damage', () => {
  it('free_page of a large page and the reverse, double free, foreign and wrong addresses', () => {
    const { kit, mem, thr, lib, bare } = withHuge(4);
    for (const ut of [lib, bare]) {
      const [page, large] = [P.utMallocPage(thr, ut, KB4), P.utMallocLargePage(thr, ut, KB16)];
      for (const call of [P.utFreePage, P.utPageAllocationSize, P.utPageLowLevelInfo]) {
        expect(thrown(() => call(thr, ut, large))).toMatch(/^ut::\w+\(.*: wrong allocator: these are large/);
      }
      for (const call of [P.utFreeLargePage, P.utLargePageAllocationSize, P.utLargePageLowLevelInfo]) {
        expect(thrown(() => call(thr, ut, page))).toMatch(/: wrong allocator: these are system pages/);
      }
      for (const at of [page + 1, page + 1024, page - 1024 + 512, large + 1024, large + 4096]) {
        expect(thrown(() => P.utFreeFallbackPage(thr, ut, at))).toMatch(/: (foreign address|double free)/);
      }
      P.utFreePage(thr, ut, page);
      P.utFreeLargePage(thr, ut, large);
      expect(thrown(() => P.utFreePage(thr, ut, page))).toMatch(/: double free/);
      expect(thrown(() => P.utFreeLargePage(thr, ut, large))).toMatch(/: double free/);
      expect(thrown(() => P.utFreePage(thr, ut, 2000))).toMatch(/: foreign address/);
      expect(thrown(() => P.utFreePage(thr, ut, mem.length + 4096))).toMatch(/: foreign address/);
      const p = utNewMallocWithkey(thr, ut, STD, 9000);
      expect(thrown(() => P.utFreePage(thr, ut, p - (ut.pfs ? 8 : 0) + 1024))).toMatch(/: wrong allocator/);
      utNewFree(thr, ut, p);
      expect(kit.defects()).toEqual([]);
    }
    const theirs = osMemAllocLarge(thr, kit.env, 9000);
    expect(thrown(() => P.utFreeFallbackPage(thr, lib, theirs + 1024))).toMatch(/os_mem_alloc_large/);
  });

  it('every word of the page in front that says something', () => {
    const { kit, mem, thr, lib, bare } = setUp({ node: { origins: true } });
    for (const ut of [lib, bare]) {
      const p = P.utMallocPageWithkey(thr, ut, STD, KB4, allocSite('buf0buf.cc', 9));
      const words = ut.pfs ? [0, 2, 3, 4, 5, 6, 1023] : [0, 1, 2, 4];
      for (const word of words) {
        mem[p - 1024 + word] ^= 0x1000;
        expect(thrown(() => P.utFreePage(thr, ut, p))).toMatch(/^ut::free_page\(@\d+\): overwritten header/);
        mem[p - 1024 + word] ^= 0x1000;
      }
      mem[p - 1024 + 2] ^= 0x1000;
      if (ut.pfs) expect(() => P.utFreePage(thr, ut, p)).toThrow('buf0buf.cc:9');
      mem[p - 1024 + 2] ^= 0x1000;
      P.utFreePage(thr, ut, p);
    }
    expect(kit.defects()).toEqual([]);
  });

  it('the check of all accounts misses what lost its header', () => {
    const { kit, mem, thr, lib } = setUp();
    const p = P.utMallocPageWithkey(thr, lib, STD, KB4);
    mem[p - 1020] = 0;
    expect(kit.defects()).toEqual([
      'memory/innodb/std: 1 blocks of 8192 bytes by the accounts, 0 of 0 bytes live',
    ]);
  });
});
