import { describe, expect, it } from 'vitest';
import { OS_MEMORY, PAGE_KIND } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import { Rng } from '../../layout/rng.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import * as OS from './os-memory.ts';
import { OsKit } from './os-test-kit.ts';

const A = OS_MEMORY.at;
const KB4 = OS.OS_PAGE_BYTES;
const PAGE = OS.OS_PAGE_WORDS;

function setUp(pages = 16) {
  const kit = new OsKit({ pages: [pages] });
  const { mem, os } = kit;
  const { base } = kit.nodes[0];
  const page = (at: number) => (at - base) / PAGE;
  return { kit, mem, os, thr: kit.thread(1), base, page, defects: () => OS.osMemoryDefects(mem, os) };
}

describe('os memory: mapping', () => {
  it('maps whole pages, first fit, page-aligned and zeroed', () => {
    const { mem, os, thr, base, page, defects } = setUp();
    expect(base % PAGE).toBe(0);
    const a = OS.osMmap(thr, os, 1);
    const b = OS.osMmap(thr, os, KB4 + 1);
    expect([page(a), page(b)]).toEqual([0, 1]);
    // The next search begins behind them.
    expect(mem[os + A.firstFit]).toBe(3);
    mem.fill(-1, a, a + 3 * PAGE);
    OS.osMunmap(thr, os, a, 1);
    OS.osMunmap(thr, os, b, KB4 + 1);
    const c = OS.osMmap(thr, os, 4 * KB4);
    expect(page(c)).toBe(0);
    expect(mem.subarray(c, c + 4 * PAGE).every((w) => w === 0)).toBe(true);
    expect(getU53(mem, os + A.inUse)).toBe(4 * KB4);
    expect(getU53(mem, os + A.mappedBytes)).toBe(4 * KB4);
    expect(defects()).toEqual([]);
  });

  it('clears what had an owner, and touches nothing else', () => {
    const { mem, os, thr, base } = setUp();
    const a = OS.osMmap(thr, os, 2 * KB4);
    mem.fill(-1, base, base + 16 * PAGE);
    OS.osMunmap(thr, os, a, 2 * KB4);
    const b = OS.osMmap(thr, os, 5 * KB4);
    expect(mem.subarray(b, b + 2 * PAGE).every((w) => w === 0)).toBe(true);
    // What nobody has had is zero; the test wrote there to see that it is left alone.
    expect(mem.subarray(b + 2 * PAGE, b + 5 * PAGE).every((w) => w === -1)).toBe(true);
    OS.osMunmap(thr, os, b, 5 * KB4);
    const c = OS.osMmap(thr, os, 6 * KB4);
    expect(mem.subarray(c, c + 5 * PAGE).every((w) => w === 0)).toBe(true);
  });

  it('counts what came and went', () => {
    const { mem, os, thr } = setUp();
    const sum = (field: 'mapBytes' | 'unmapBytes') => getU53(mem, os + A[field]);
    const a = OS.osMmap(thr, os, 3 * KB4);
    OS.osMunmap(thr, os, a, 3 * KB4);
    OS.osMmap(thr, os, KB4);
    expect([mem[os + A.maps], mem[os + A.unmaps], sum('mapBytes'), sum('unmapBytes')]).toEqual([
      2,
      1,
      4 * KB4,
      3 * KB4,
    ]);
  });

  it('finds the page of any address, and none of another area', () => {
    const { mem, os, base } = setUp();
    expect(OS.osPageOf(mem, os, base)).toBe(0);
    expect(OS.osPageOf(mem, os, base + PAGE - 1)).toBe(0);
    expect(OS.osPageOf(mem, os, base + 16 * PAGE - 1)).toBe(15);
    for (const at of [base - 1, base + 16 * PAGE, 0, -1, 2 ** 31 - 1]) {
      expect(OS.osPageOf(mem, os, at)).toBe(-1);
    }
  });

  it('uses a hole when it is large enough, joins neighbours on both sides', () => {
    const { mem, os, thr, page, defects } = setUp();
    const [a, b, c, d] = [2, 3, 4, 7].map((n) => OS.osMmap(thr, os, n * KB4));
    expect(OS.osMmap(thr, os, 1)).toBe(NIL);
    expect(mem[os + A.failedSpace] + mem[os + A.failedLimit]).toBe(1);
    OS.osMunmap(thr, os, b, 3 * KB4);
    expect(page(OS.osMmap(thr, os, 2 * KB4))).toBe(2);
    expect(page(OS.osMmap(thr, os, KB4))).toBe(4);
    OS.osMunmap(thr, os, b, 2 * KB4);
    OS.osMunmap(thr, os, a, 2 * KB4);
    OS.osMunmap(thr, os, c, 4 * KB4);
    expect(defects()).toEqual([]);
    // Pages 0 to 3 and 5 to 8 are free; the one at 4 joins them.
    expect(OS.osMmap(thr, os, 5 * KB4)).toBe(NIL);
    expect(mem[os + A.failedSpace]).toBe(1);
    OS.osMunmap(thr, os, OS.osPageAddress(mem, os, 4), KB4);
    expect(page(OS.osMmap(thr, os, 9 * KB4))).toBe(0);
    OS.osMunmap(thr, os, d, 7 * KB4);
    expect(defects()).toEqual([]);
  });

  it('agrees with a model over random mappings, and is one free run again at the end', () => {
    const { mem, os, thr, page, defects } = setUp(64);
    const rng = new Rng(7, 0);
    const owner: number[] = Array.from({ length: 64 }, () => 0);
    const live: { at: number; pages: number }[] = [];
    const firstFit = (pages: number): number => {
      for (let i = 0; i + pages <= 64; i++) {
        if (owner.slice(i, i + pages).every((o) => o === 0)) return i;
      }
      return -1;
    };
    const placed: [got: number, want: number][] = [];
    const torn: string[] = [];
    let refused = 0;
    for (let step = 1; step < 5000; step++) {
      if (rng.below(2) === 0 && live.length > 0) {
        const [run] = live.splice(rng.below(live.length), 1);
        OS.osMunmap(thr, os, run.at, run.pages * KB4);
        owner.fill(0, page(run.at), page(run.at) + run.pages);
      } else {
        const pages = 1 + rng.below(9);
        const want = firstFit(pages);
        const at = OS.osMmap(thr, os, pages * KB4);
        placed.push([at === NIL ? -1 : page(at), want]);
        if (at === NIL) refused++;
        else {
          live.push({ at, pages });
          owner.fill(step, want, want + pages);
        }
      }
      torn.push(...defects());
    }
    expect(placed.filter(([got, want]) => got !== want)).toEqual([]);
    expect(placed.length).toBeGreaterThan(2000);
    expect(torn).toEqual([]);
    expect(refused).toBeGreaterThan(10);
    for (const run of live) OS.osMunmap(thr, os, run.at, run.pages * KB4);
    expect(OS.osRunStart(mem, os, 63)).toEqual({ start: 0, pages: 64, kind: 1 });
    expect(mem[os + A.firstFit]).toBe(0);
    expect(getU53(mem, os + A.inUse)).toBe(0);
    expect(mem[os + A.maps]).toBe(mem[os + A.unmaps]);
  });

  it('names what is wrong with a bad munmap and changes nothing', () => {
    const { mem, os, thr, base, defects } = setUp();
    const a = OS.osMmap(thr, os, 2 * KB4);
    mutexEnter(thr, os + A.mutex);
    const heapPage = OS.osMapRun(thr, os, 1, PAGE_KIND.heap);
    mutexExit(thr, os + A.mutex);
    const before = Array.from(mem.subarray(os, os + OS_MEMORY.words));
    const bad = (at: number, bytes: number) => () => OS.osMunmap(thr, os, at, bytes);
    expect(bad(base - PAGE, KB4)).toThrow(/outside the memory of the node/);
    expect(bad(base + 16 * PAGE, KB4)).toThrow(/outside the memory of the node/);
    expect(bad(a + 1, 2 * KB4)).toThrow(/not at the start of a page/);
    expect(bad(a + PAGE, KB4)).toThrow(
      `munmap(@${a + PAGE}, 4096): the address is inside a mapping of 8192 bytes, 4096 behind its start`,
    );
    expect(bad(a, KB4)).toThrow(`munmap(@${a}, 4096): the mapping has 8192 bytes`);
    for (const bytes of [0, -1, NaN, Infinity, 3 * KB4]) expect(bad(a, bytes)).toThrow(/has 8192 bytes/);
    expect(bad(base + 15 * PAGE, KB4)).toThrow(/nothing is mapped there/);
    expect(bad(OS.osPageAddress(mem, os, heapPage), KB4)).toThrow(/the page belongs to the heap/);
    expect(Array.from(mem.subarray(os, os + OS_MEMORY.words))).toEqual(before);
    OS.osMunmap(thr, os, a, 2 * KB4 - 1);
    expect(bad(a, 2 * KB4)).toThrow(/nothing is mapped there/);
    expect(thr.heldCount).toBe(0);
    expect(defects()).toEqual([]);
  });

  it('the defect check sees a torn page map and wrong sums', () => {
    const { mem, os, thr, kit } = setUp();
    OS.osMmap(thr, os, 2 * KB4);
    const map = kit.nodes[0].pageMap;
    const damage = (word: number, value: number): string[] => {
      const was = mem[word];
      mem[word] = value;
      const found = OS.osMemoryDefects(mem, os);
      mem[word] = was;
      return found;
    };
    expect(damage(map + 1, (3 << 3) | 2)).toEqual(['page 1: run in a run (26)']);
    expect(damage(map, 0)).toEqual(['page 0: no run starts there (0)']);
    expect(damage(map + 15, 0)).toEqual(['page 15: free run from 2 has no end']);
    expect(damage(os + A.firstFit, 3)).toEqual(['page 2: free below firstFit']);
    expect(damage(os + A.fresh, 1)).toEqual(['page 1 is in use, fresh says 1']);
    expect(damage(os + A.inUse, 8193)).toEqual(['8192 bytes are mapped, inUse says 8193']);
    expect(damage(os + A.mappedBytes, 0)).toEqual(['8192 bytes are in mappings, mappedBytes says 0']);
    expect(damage(os + A.peak, 0)).toEqual(['peak is below what is mapped']);
    expect(damage(os + A.maps, 2)).toEqual(['1 runs are mapped, maps and unmaps say 2']);
    expect(damage(os + A.mapBytes, 4096)).toEqual([
      '8192 bytes are mapped, mapBytes and unmapBytes say 4096',
    ]);
    expect(damage(os + A.localNode, 1)).toEqual([
      'numa_hit and numa_miss are 2, local_node and other_node 1',
    ]);
    expect(damage(os + A.localNode, 2)).toEqual([]);
    // A search ends there, too.
    mem[map + 2] = 0;
    expect(() => OS.osMmap(thr, os, KB4)).toThrow(/is torn: no run starts at page 2/);
  });
});
