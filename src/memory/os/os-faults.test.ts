import { describe, expect, it } from 'vitest';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import * as OS from './os-memory.ts';
import { OsKit } from './os-test-kit.ts';

const A = OS_MEMORY.at;
const KB4 = OS.OS_PAGE_BYTES;

function setUp() {
  const kit = new OsKit({ pages: [16] });
  return { kit, mem: kit.mem, os: kit.os, thr: kit.thread(1) };
}

/** Which of 4000 requests succeed when one in four fails. */
function oneInFour(seed: number): boolean[] {
  const { kit, os } = setUp();
  const thr = kit.thread(1, 0, seed);
  OS.osSetFaults(thr, os, { failPpm: 250_000 });
  return Array.from({ length: 4000 }, () => {
    const at = OS.osMmap(thr, os, KB4);
    if (at !== NIL) OS.osMunmap(thr, os, at, KB4);
    return at !== NIL;
  });
}

describe('limit and fault plan', () => {
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

  it('fails requests of a size, and larger ones', () => {
    const { mem, os, thr } = setUp();
    OS.osSetFaults(thr, os, { failBytesFrom: 2 * KB4 });
    expect(OS.osMmap(thr, os, 2 * KB4)).toBe(NIL);
    expect(OS.osMmap(thr, os, 2 * KB4 - 1)).not.toBe(NIL);
    expect(OS.osMmap(thr, os, 3 * KB4)).toBe(NIL);
    expect([mem[os + A.failedPlan], mem[os + A.faultsOn]]).toEqual([2, 1]);
  });

  it('begins after n requests: all fail, or the next k, or those of a size', () => {
    const results = (plan: OS.FaultPlan, sizes: readonly number[]): boolean[] => {
      const { os, thr } = setUp();
      OS.osSetFaults(thr, os, plan);
      return sizes.map((bytes) => OS.osMmap(thr, os, bytes) !== NIL);
    };
    const same = [1, 1, 1, 1, 1];
    expect(results({ failAfter: 2 }, same)).toEqual([true, true, false, false, false]);
    expect(results({ failAfter: 2, failNext: 1 }, same)).toEqual([true, true, false, true, true]);
    expect(results({ failAfter: 1, failPpm: 0 }, same)).toEqual([true, true, true, true, true]);
    expect(results({ failAfter: 1, failBytesFrom: KB4 }, [KB4, KB4, 1])).toEqual([true, false, true]);
  });

  it('says whether there is a plan: until its last failure, or until it is lifted', () => {
    const { mem, os, thr } = setUp();
    const on = () => mem[os + A.faultsOn];
    expect(on()).toBe(0);
    OS.osSetFaults(thr, os, { failNext: 2 });
    OS.osMmap(thr, os, 1);
    expect(on()).toBe(1);
    OS.osMmap(thr, os, 1);
    expect(on()).toBe(0);
    OS.osSetFaults(thr, os, { failNext: 1, failPpm: 1 });
    OS.osMmap(thr, os, 1);
    expect(on()).toBe(1);
    OS.osSetFaults(thr, os, {});
    expect(on()).toBe(0);
    OS.osSetFaults(thr, os, { failAfter: 1 });
    expect(on()).toBe(1);
  });
});
