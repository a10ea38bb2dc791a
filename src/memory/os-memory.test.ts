import { describe, expect, it } from 'vitest';
import { OS_MEMORY } from '../layout/os-memory.ts';
import { NIL } from '../layout/schema.ts';
import { getU53 } from '../layout/words.ts';
import { Rng } from '../layout/rng.ts';
import * as OS from './os-memory.ts';
import { MemoryKit } from './test-kit.ts';

const A = OS_MEMORY.at;
const KB4 = OS.OS_PAGE_BYTES;
const PAGE = OS.OS_PAGE_WORDS;

function setUp(pages = 16) {
  const kit = new MemoryKit({ pages: [pages] });
  const { mem, os } = kit;
  const { base } = kit.nodes[0];
  const page = (at: number) => (at - base) / PAGE;
  return { kit, mem, os, thr: kit.thread(1), base, page, defects: () => OS.osMemoryDefects(mem, os) };
}

describe('os memory: mapping', () => {
  it('maps whole pages, first fit, page-aligned and zeroed', () => {
    const { mem, os, thr, base, page, defects } = setUp();
    mem.fill(-1, base, base + 16 * PAGE);
    expect(base % PAGE).toBe(0);
    const a = OS.osMmap(thr, os, 1);
    const b = OS.osMmap(thr, os, KB4 + 1);
    expect([page(a), page(b)]).toEqual([0, 1]);
    expect(mem.subarray(a, a + 3 * PAGE).every((w) => w === 0)).toBe(true);
    expect(mem[a + 3 * PAGE]).toBe(-1);
    expect(getU53(mem, os + A.inUse)).toBe(3 * KB4);
    expect(getU53(mem, os + A.largeBytes)).toBe(3 * KB4);
    expect(defects()).toEqual([]);
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
    const bad = (at: number, bytes: number) => () => OS.osMunmap(thr, os, at, bytes);
    expect(bad(base - PAGE, KB4)).toThrow(/outside the memory of the node/);
    expect(bad(base + 16 * PAGE, KB4)).toThrow(/outside the memory of the node/);
    expect(bad(a + 1, 2 * KB4)).toThrow(/not at the start of a page/);
    expect(bad(a + PAGE, KB4)).toThrow(/inside a mapping/);
    expect(bad(a, KB4)).toThrow(/the mapping has 8192 bytes/);
    expect(bad(a + 5 * PAGE, KB4)).toThrow(/nothing is mapped there/);
    expect(getU53(mem, os + A.inUse)).toBe(2 * KB4);
    OS.osMunmap(thr, os, a, 2 * KB4 - 1);
    expect(bad(a, 2 * KB4)).toThrow(/nothing is mapped there/);
    expect(thr.heldCount).toBe(0);
    expect(defects()).toEqual([]);
  });

  it('the defect check sees a torn page map and wrong sums', () => {
    const { mem, os, thr, kit } = setUp();
    OS.osMmap(thr, os, 2 * KB4);
    mem[kit.nodes[0].pageMap + 1] = (3 << 2) | 2;
    expect(OS.osMemoryDefects(mem, os)).toEqual(['page 1: run in a run (14)']);
    mem[kit.nodes[0].pageMap + 1] = 0;
    mem[os + A.inUse]++;
    expect(OS.osMemoryDefects(mem, os)).toEqual(['8192 bytes are mapped, inUse says 8193']);
  });
});

/** Which of 4000 requests succeed when one in four fails. */
function oneInFour(seed: number): boolean[] {
  const { kit, os } = setUp();
  const thr = kit.thread(1, seed);
  OS.osSetFaults(thr, os, { failPpm: 250_000 });
  return Array.from({ length: 4000 }, () => {
    const at = OS.osMmap(thr, os, KB4);
    if (at !== NIL) OS.osMunmap(thr, os, at, KB4);
    return at !== NIL;
  });
}

describe('os memory: limit and fault plan', () => {
  it('keeps to the limit to the byte; lowering it takes nothing away', () => {
    const { mem, os, thr } = setUp();
    OS.osSetLimit(thr, os, 3 * KB4);
    const a = OS.osMmap(thr, os, 2 * KB4);
    expect(OS.osMmap(thr, os, 2 * KB4)).toBe(NIL);
    expect(OS.osMmap(thr, os, KB4)).not.toBe(NIL);
    expect(OS.osMmap(thr, os, 1)).toBe(NIL);
    expect(mem[os + A.failedLimit]).toBe(2);
    OS.osSetLimit(thr, os, 0);
    expect(getU53(mem, os + A.inUse)).toBe(3 * KB4);
    OS.osSetLimit(thr, os, 3 * KB4 - 1);
    OS.osMunmap(thr, os, a, 2 * KB4);
    expect(OS.osMmap(thr, os, 2 * KB4)).toBe(NIL);
    expect(OS.osMmap(thr, os, KB4)).not.toBe(NIL);
    expect(getU53(mem, os + A.peak)).toBe(3 * KB4);
  });

  it('fails the next k requests, no more', () => {
    const { mem, os, thr } = setUp();
    OS.osSetFaults(thr, os, { failNext: 3 });
    const got = Array.from({ length: 5 }, () => OS.osMmap(thr, os, KB4) !== NIL);
    expect(got).toEqual([false, false, false, true, true]);
    expect([mem[os + A.requests], mem[os + A.failedPlan], mem[os + A.failNext]]).toEqual([5, 3, 0]);
  });

  it('fails with probability p, drawn from the thread: the same seed fails the same requests', () => {
    const first = oneInFour(1);
    const failed = first.filter((ok) => !ok).length;
    expect(Math.abs(failed - 1000)).toBeLessThan(120);
    expect(oneInFour(1)).toEqual(first);
    expect(oneInFour(2)).not.toEqual(first);
  });

  it('probability 1 always fails, 0 never draws', () => {
    const { os, thr } = setUp();
    OS.osSetFaults(thr, os, { failPpm: 1_000_000 });
    for (let i = 0; i < 50; i++) expect(OS.osMmap(thr, os, KB4)).toBe(NIL);
    OS.osSetFaults(thr, os, {});
    const twin = setUp().thr;
    for (let i = 0; i < 50; i++) twin.rng.below(1_000_000);
    expect(OS.osMmap(thr, os, KB4)).not.toBe(NIL);
    expect(thr.rng.next32()).toBe(twin.rng.next32());
  });

  it('fails above a limit of its own, and stops when it is lifted', () => {
    const { mem, os, thr } = setUp();
    OS.osSetFaults(thr, os, { failAbove: 2 * KB4 });
    expect(OS.osMmap(thr, os, 3 * KB4)).toBe(NIL);
    expect(OS.osMmap(thr, os, 2 * KB4)).not.toBe(NIL);
    expect(OS.osMmap(thr, os, 1)).toBe(NIL);
    expect([mem[os + A.failedPlan], mem[os + A.failedLimit]]).toEqual([2, 0]);
    OS.osSetFaults(thr, os, {});
    expect(OS.osMmap(thr, os, 1)).not.toBe(NIL);
  });

  it('a size of 0 maps nothing and asks for nothing', () => {
    const { mem, os, thr } = setUp();
    expect(OS.osMmap(thr, os, 0)).toBe(NIL);
    expect(mem[os + A.requests]).toBe(0);
  });
});
