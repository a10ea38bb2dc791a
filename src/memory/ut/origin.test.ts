import { describe, expect, it } from 'vitest';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { originAlloc, originAround, originFree, originOf, originRevive, originsLive } from './origin.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { allocSite, sitePlace } from './site.ts';
import { MemoryKit } from '../test-kit.ts';
import { utAllocate, utDeallocate, utReallocate } from './ut-allocator.ts';

const A = allocSite('a.cc', 1);
const B = allocSite('b.cc', 2);
const KEY = MEM_KEY.std;

function setUp(origins = true) {
  const kit = new MemoryKit({ node: { origins } });
  return { kit, mem: kit.mem, os: kit.os, thr: kit.thread(2), alloc: kit.alloc().setOomNotFatal() };
}

describe('origins', () => {
  it('neighbours of 32 bytes have a record each', () => {
    const { mem, os, thr, kit } = setUp();
    const old = kit.alloc({ version: '5.7' });
    const blocks = Array.from({ length: 20 }, (_, i) => {
      const p = utAllocate(thr, old, 1 + (i % 8), KEY, false, true, i % 2 === 0 ? A : B);
      return { block: p - 6, site: i % 2 === 0 ? A.id : B.id, bytes: 25 + (i % 8) };
    });
    for (const { block, site, bytes } of blocks)
      expect(originOf(mem, os, block)).toMatchObject({ site, bytes });
    expect(originsLive(mem, os)).toHaveLength(20);
    utDeallocate(thr, old, blocks[3].block + 6, A);
    expect(originOf(mem, os, blocks[3].block)).toMatchObject({ freed: A.id, bytes: 0 });
    expect(originOf(mem, os, blocks[2].block)).toMatchObject({ freed: 0 });
    expect(originOf(mem, os, blocks[4].block)).toMatchObject({ freed: 0 });
    expect(originsLive(mem, os)).toHaveLength(19);
  });

  it('know site, thread, key and the time of the statement', () => {
    const { mem, os, thr, alloc, kit } = setUp();
    thr.nowTicks = 0xfffffff0;
    const p = utAllocate(thr, alloc, 100, MEM_KEY.ahi, false, true, A);
    expect(originOf(mem, os, p - 8)).toEqual({
      block: p - 8,
      bytes: 132,
      site: A.id,
      freed: 0,
      key: MEM_KEY.ahi,
      thread: 2,
      bornTicks: 0xfffffff0,
    });
    expect(sitePlace(mem, kit.sites, A.id)).toBe('a.cc:1');
    expect(originAround(mem, os, p)?.block).toBe(p - 8);
    expect(originAround(mem, os, p - 8)).toBe(null);
    expect(originAround(mem, os, p + 24)?.block).toBe(p - 8);
    expect(originAround(mem, os, p + 25)).toBe(null);
  });

  it('a second free changes nothing; a revived block is as it was', () => {
    const { mem, os, thr } = setUp();
    const block = mem[os + OS_MEMORY.at.base] + 64;
    originAlloc(thr, os, block, KEY, 500, A);
    const state = originFree(thr, os, block, A);
    expect(originFree(thr, os, block, B)).toBe(0);
    expect(originOf(mem, os, block)).toMatchObject({ freed: A.id });
    originRevive(thr, os, block, state);
    expect(originOf(mem, os, block)).toMatchObject({ site: A.id, bytes: 500, freed: 0 });
    originRevive(thr, os, block, 0);
    expect(originOf(mem, os, block)).toMatchObject({ freed: 0 });
  });

  it('reallocation: freed at the old place, or still there when it fails', () => {
    const { mem, os, thr, alloc } = setUp();
    const p = utAllocate(thr, alloc, 100, KEY, false, true, A);
    osSetFaults(thr, os, { failNext: 60 });
    expect(utReallocate(thr, alloc, p, 3000, KEY, B)).toBe(NIL);
    expect(originOf(mem, os, p - 8)).toMatchObject({ site: A.id, bytes: 132, freed: 0 });
    const q = utReallocate(thr, alloc, p, 3000, KEY, B);
    expect(originOf(mem, os, p - 8)).toMatchObject({ site: A.id, freed: B.id });
    expect(originOf(mem, os, q - 8)).toMatchObject({ site: B.id, bytes: 3032, freed: 0 });
    // In place.
    const r = utReallocate(thr, alloc, q, 3001, KEY, A);
    expect(r).toBe(q);
    expect(originOf(mem, os, q - 8)).toMatchObject({ site: A.id, bytes: 3033, freed: 0 });
    expect(originsLive(mem, os)).toHaveLength(1);
  });

  it('without records nothing is known, and nothing is done', () => {
    const { mem, os, thr, alloc, kit } = setUp(false);
    const before = mem.slice(kit.sites, kit.sites + 16);
    const p = utAllocate(thr, alloc, 100, KEY, false, true, A);
    utDeallocate(thr, alloc, utReallocate(thr, alloc, p, 5000, KEY, A), A);
    expect(originFree(thr, os, p - 8, A)).toBe(0);
    expect([originOf(mem, os, p - 8), originAround(mem, os, p)]).toEqual([null, null]);
    expect(originsLive(mem, os)).toEqual([]);
    expect(mem.slice(kit.sites, kit.sites + 16)).toEqual(before);
    expect(sitePlace(mem, kit.sites, A.id)).toBe(`place #${A.id}`);
  });
});
