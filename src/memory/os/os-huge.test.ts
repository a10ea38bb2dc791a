import { describe, expect, it } from 'vitest';
import { HUGE_POOL, OS_MEMORY } from '../../layout/os-memory.ts';
import { Rng } from '../../layout/rng.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import { HUGE_1G, HUGE_2M, hugePoolsUse } from './os-huge-pool.ts';
import * as OS from './os-memory.ts';
import { OsKit } from './os-test-kit.ts';
import { osTlbReach } from './os-tlb.ts';

const A = OS_MEMORY.at;
const H = HUGE_POOL.at;
/** A small "huge" page, so that tests are quick. */
const KB16 = 16384;

function setUp(hugePages: Record<number, number> = { [KB16]: 4 }) {
  const kit = new OsKit({ hugePages });
  const { mem, os } = kit;
  const pools = () => hugePoolsUse(mem, os).map((p) => [p.pageBytes, p.pages, p.free]);
  return { kit, mem, os, thr: kit.thread(1), pools, defects: () => kit.defects() };
}

describe('huge pages: mapping', () => {
  it('rounds up to whole pages on their own boundary, counts what is free', () => {
    const { mem, os, thr, pools, defects } = setUp();
    const a = OS.osMmapHuge(thr, os, 1, KB16);
    const b = OS.osMmapHuge(thr, os, KB16 + 1, KB16);
    expect([(a * WORD_BYTES) % KB16, b - a]).toEqual([0, KB16 / WORD_BYTES]);
    expect(pools()).toEqual([[KB16, 4, 1]]);
    expect([getU53(mem, os + A.inUse), getU53(mem, os + A.mappedBytes)]).toEqual([3 * KB16, 3 * KB16]);
    expect(getU53(mem, os + A.numaHit)).toBe(0);
    expect(defects()).toEqual([]);
    // Normal pages are others.
    expect(OS.osPageOf(mem, os, a)).toBe(-1);
    OS.osMunmap(thr, os, b, 2 * KB16);
    OS.osMunmap(thr, os, a, KB16);
    expect(pools()).toEqual([[KB16, 4, 4]]);
    expect(hugePoolsUse(mem, os)[0].lowestFree).toBe(1);
    expect(defects()).toEqual([]);
  });

  it('is refused when the pool is empty, has no such run, or does not exist', () => {
    const { mem, os, thr, defects } = setUp();
    const runs = [1, 2, 1].map((n) => OS.osMmapHuge(thr, os, n * KB16, KB16));
    expect(runs).not.toContain(NIL);
    expect(OS.osMmapHuge(thr, os, 1, KB16)).toBe(NIL);
    OS.osMunmap(thr, os, runs[0], KB16);
    OS.osMunmap(thr, os, runs[2], KB16);
    // Two are free, but not in a row.
    expect(OS.osMmapHuge(thr, os, 2 * KB16, KB16)).toBe(NIL);
    expect(OS.osMmapHuge(thr, os, 1, 2 * KB16)).toBe(NIL);
    expect([hugePoolsUse(mem, os)[0].failed, mem[os + A.failedSpace]]).toEqual([2, 3]);
    expect(OS.osMmapHuge(thr, os, 0, KB16)).toBe(NIL);
    expect(mem[os + A.requests]).toBe(6);
    expect(defects()).toEqual([]);
  });

  it('wants the rounded length at munmap, and says what is there', () => {
    const { mem, os, thr, defects } = setUp();
    const a = OS.osMmapHuge(thr, os, KB16 + 1, KB16);
    const before = Array.from(mem.subarray(os, os + OS_MEMORY.words));
    const bad = (at: number, bytes: number) => () => OS.osMunmap(thr, os, at, bytes);
    expect(bad(a, KB16 + 1)).toThrow(`munmap(@${a}, 16385): the mapping has 32768 bytes`);
    expect(bad(a, KB16)).toThrow(/the mapping has 32768 bytes/);
    expect(bad(a + 1024, KB16)).toThrow(/not at the start of a huge page of 16384 bytes/);
    expect(bad(a + KB16 / WORD_BYTES, KB16)).toThrow(/inside a mapping of 32768 bytes, 16384 behind/);
    expect(bad(a + (2 * KB16) / WORD_BYTES, KB16)).toThrow(/nothing is mapped there/);
    expect(bad(a + (4 * KB16) / WORD_BYTES, KB16)).toThrow(/outside the memory of the node/);
    expect(Array.from(mem.subarray(os, os + OS_MEMORY.words))).toEqual(before);
    OS.osMunmap(thr, os, a, 2 * KB16);
    expect(bad(a, 2 * KB16)).toThrow(/nothing is mapped there/);
    expect(defects()).toEqual([]);
  });

  it('is zero: what had an owner is cleared, nothing else is touched', () => {
    const { mem, os, thr } = setUp();
    const words = KB16 / WORD_BYTES;
    const a = OS.osMmapHuge(thr, os, KB16, KB16);
    mem.fill(-1, a, a + 4 * words);
    OS.osMunmap(thr, os, a, KB16);
    expect(OS.osMmapHuge(thr, os, 3 * KB16, KB16)).toBe(a);
    expect(mem.subarray(a, a + words).every((w) => w === 0)).toBe(true);
    expect(mem.subarray(a + words, a + 4 * words).every((w) => w === -1)).toBe(true);
    expect(mem[OS.osMmapHuge(thr, os, KB16, KB16)]).toBe(-1);
  });

  it('keeps to the limit of the node, together with small pages, and to the fault plan', () => {
    const { mem, os, thr, defects } = setUp();
    OS.osSetLimit(thr, os, 2 * KB16 + 4096);
    OS.osMmap(thr, os, 8192);
    expect(OS.osMmapHuge(thr, os, 2 * KB16, KB16)).toBe(NIL);
    expect(mem[os + A.failedLimit]).toBe(1);
    OS.osSetFaults(thr, os, { failNext: 1 });
    expect(OS.osMmapHuge(thr, os, KB16, KB16)).toBe(NIL);
    expect(OS.osMmapHuge(thr, os, KB16, KB16)).not.toBe(NIL);
    OS.osSetFaults(thr, os, { failBytesFrom: KB16 - 1 });
    OS.osSetLimit(thr, os, OS.NO_LIMIT);
    expect(OS.osMmapHuge(thr, os, KB16 - 1, KB16)).toBe(NIL);
    expect(OS.osMmapHuge(thr, os, 1, KB16)).not.toBe(NIL);
    expect(mem[os + A.failedPlan]).toBe(2);
    expect(defects()).toEqual([]);
  });

  it('never gives a page to two owners, over random mappings of three sizes', () => {
    const { mem, os, thr, kit } = setUp({ [KB16]: 9, [2 * KB16]: 5 });
    const rng = new Rng(3, 0);
    const live: { at: number; bytes: number }[] = [];
    const wrong: string[] = [];
    for (let step = 0; step < 1500; step++) {
      if (rng.below(2) === 0 && live.length > 0) {
        const [m] = live.splice(rng.below(live.length), 1);
        OS.osMunmap(thr, os, m.at, m.bytes);
      } else {
        const page = [4096, KB16, 2 * KB16][rng.below(3)];
        const bytes = page * (1 + rng.below(3));
        const at = page === 4096 ? OS.osMmap(thr, os, bytes) : OS.osMmapHuge(thr, os, bytes, page);
        if (at === NIL) continue;
        const meets = live.some((m) => m.at < at + bytes / 4 && at < m.at + m.bytes / 4);
        if (meets) wrong.push(`@${at} has two owners`);
        if (mem.subarray(at, at + bytes / 4).some((w) => w !== 0)) wrong.push(`@${at} is not zero`);
        mem.fill(step, at, at + bytes / 4);
        live.push({ at, bytes });
      }
      if (step % 50 === 0) wrong.push(...kit.defects());
    }
    for (const m of live) OS.osMunmap(thr, os, m.at, m.bytes);
    expect(wrong).toEqual([]);
    expect(mem[os + A.failedSpace]).toBeGreaterThan(10);
    expect([getU53(mem, os + A.inUse), ...kit.defects()]).toEqual([0]);
    expect(hugePoolsUse(mem, os).map((p) => p.free)).toEqual([9, 5]);
  });

  it('the defect check sees wrong counts of a pool', () => {
    const { mem, os, thr, defects } = setUp();
    OS.osMmapHuge(thr, os, KB16, KB16);
    const pool = mem[os + A.hugePools];
    mem[pool + H.free]++;
    expect(defects()).toEqual(['huge pages of 16384 bytes: 3 are free, free says 4']);
    mem[pool + H.free]--;
    mem[pool + H.fresh] = 0;
    expect(defects()).toEqual(['huge pages of 16384 bytes: page 0 is in use, fresh says 0']);
  });

  it('refuses sizes that are none', () => {
    expect(() => setUp({ 4096: 1 })).toThrow('4096 bytes are no size of huge pages');
    expect(() => setUp({ 12288: 1 })).toThrow('12288 bytes are no size of huge pages');
    expect(setUp({ [KB16]: 0 }).pools()).toEqual([]);
  });
});

describe('huge pages: 2 MiB and 1 GiB', () => {
  it('1 GiB is mapped and unmapped without being touched', () => {
    const { mem, os, thr, pools, defects } = setUp({ [HUGE_2M]: 8, [HUGE_1G]: 1 });
    const small = OS.osMmapHuge(thr, os, 3 * HUGE_2M - 100, HUGE_2M);
    const large = OS.osMmapHuge(thr, os, HUGE_1G - 1, HUGE_1G);
    expect([(small * WORD_BYTES) % HUGE_2M, (large * WORD_BYTES) % HUGE_1G]).toEqual([0, 0]);
    expect(pools()).toEqual([
      [HUGE_2M, 8, 5],
      [HUGE_1G, 1, 0],
    ]);
    expect(OS.osMmapHuge(thr, os, 1, HUGE_1G)).toBe(NIL);
    mem[large + HUGE_1G / WORD_BYTES - 1] = 1;
    expect(() => OS.osMunmap(thr, os, large, HUGE_1G - 1)).toThrow(/the mapping has 1073741824 bytes/);
    expect(defects()).toEqual([]);
    expect(osTlbReach(mem, [os]).map((r) => [r.pageBytes, r.reachBytes, r.mappedPages, r.covered])).toEqual([
      [4096, 6 * 2 ** 20, 0, 1],
      [HUGE_2M, 3 * 2 ** 30, 3, 1],
      [HUGE_1G, 16 * 2 ** 30, 1, 1],
    ]);
    OS.osMunmap(thr, os, large, HUGE_1G);
    expect(getU53(mem, os + A.inUse)).toBe(3 * HUGE_2M);
  });
});

describe('TLB reach', () => {
  it('is entries × page size, against what is mapped on all nodes', () => {
    const kit = new OsKit({ pages: [16, 16], hugePages: { [KB16]: 4 } });
    const [first, second] = kit.allOs;
    const thr = kit.thread(1);
    OS.osMmap(thr, first, 5 * 4096);
    OS.osMmap(thr, second, 3 * 4096);
    OS.osMmapHuge(thr, second, 2 * KB16, KB16);
    expect(osTlbReach(kit.mem, kit.allOs, { 4096: 2, [KB16]: 8, [HUGE_2M]: 4 })).toEqual([
      { pageBytes: 4096, entries: 2, reachBytes: 8192, mappedBytes: 32768, mappedPages: 8, covered: 0.25 },
      { pageBytes: KB16, entries: 8, reachBytes: 131072, mappedBytes: 32768, mappedPages: 2, covered: 1 },
      {
        pageBytes: HUGE_2M,
        entries: 4,
        reachBytes: 8388608,
        mappedBytes: 0,
        mappedPages: 0,
        covered: 1,
      },
    ]);
    // A size without entries reaches nowhere.
    expect(osTlbReach(kit.mem, [second], { 4096: 64 })[1]).toMatchObject({ pageBytes: KB16, covered: 0 });
  });
});
