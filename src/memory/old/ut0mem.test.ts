import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../layout/clock.ts';
import { NIL } from '../../layout/schema.ts';
import { UT_LIST_BASE, UT_MEM, UT_MEM_BLOCK } from '../../layout/ut0mem.ts';
import { getU53, setU53 } from '../../layout/words.ts';
import { mutexIsFree } from '../../sync/mutex.ts';
import { RunAborted } from '../../sync/thread.ts';
import { free, heapLiveBlocks } from '../heap/malloc.ts';
import { osMemoryDefects, osSetFaults } from '../os/os-memory.ts';
import { MemoryKit } from '../test-kit.ts';
import { OutOfMemoryFatal } from '../ut/ut-allocator.ts';
import * as U from './ut0mem.ts';

const MANY = 1_000_000;
const HEADER_WORDS = 8;
const { prev: PREV, next: NEXT, size: SIZE, magic: MAGIC } = UT_MEM_BLOCK.at;

function setUp(o: Partial<U.UtMemOptions> = {}) {
  const kit = new MemoryKit({ records: { ut: [UT_MEM, 1] } });
  const { mem } = kit;
  const at = kit.at('ut');
  U.utMemInit(mem, at, { useSysMalloc: false, ...o });
  const ut: U.UtMem = { at, env: kit.env };
  const fail = (n: number) => osSetFaults(kit.thread(3), kit.os, { failNext: n });
  return {
    kit,
    mem,
    ut,
    thr: kit.thread(1),
    clock: kit.sleepClock,
    lines: kit.log.lines,
    fail,
    total: () => U.utTotalAllocatedMemory(mem, ut),
    live: () => heapLiveBlocks(mem, kit.os),
    defects: () => [...osMemoryDefects(mem, kit.os), ...U.utMemDefects(mem, ut)],
    isFree: () => mutexIsFree(mem[at + UT_MEM.at.mutex]),
  };
}

/** Payloads in the list, from its head. */
function listed(mem: Int32Array, ut: U.UtMem): number[] {
  const found: number[] = [];
  let block = mem[ut.at + UT_MEM.at.blocks + UT_LIST_BASE.at.start];
  for (; block !== NIL; block = mem[block + NEXT]) found.push(block + HEADER_WORDS);
  return found;
}

describe('ut_malloc_low', () => {
  it('puts 32 bytes in front: list, size with header, magic 1601650166; counts and lists at the head', () => {
    const { mem, ut, thr, total, defects, kit } = setUp();
    const a = U.utMalloc(thr, ut, 100);
    const b = U.utMalloc(thr, ut, 5000);
    expect([a % 4, b % 4]).toEqual([0, 0]);
    const block = a - HEADER_WORDS;
    expect([getU53(mem, block + SIZE), mem[block + MAGIC]]).toEqual([132, 1601650166]);
    expect([U.UT_MEM_BLOCK_BYTES, U.UT_MEM_BLOCK_BYTES % 8]).toEqual([32, 0]);
    expect(total()).toBe(132 + 5032);
    expect(listed(mem, ut)).toEqual([b, a]);
    expect([mem[block + PREV], mem[block + NEXT]]).toEqual([b - HEADER_WORDS, NIL]);
    expect(defects()).toEqual([]);
    U.utFree(thr, ut, a);
    expect([total(), ...listed(mem, ut)]).toEqual([5032, b]);
    U.utFree(thr, ut, NIL);
    U.utFree(thr, ut, b);
    expect([total(), listed(mem, ut).length, heapLiveBlocks(mem, kit.os)]).toEqual([0, 0, 0]);
    expect(defects()).toEqual([]);
  });

  it('zeroes only in a server built with UNIV_SET_MEM_TO_ZERO, and only when asked (E10)', () => {
    for (const [built, asked, zero] of [
      [false, true, false],
      [true, false, false],
      [true, true, true],
    ]) {
      const { kit, mem, ut, thr } = setUp({ setMemToZero: built });
      const { base } = kit.nodes[0];
      mem.fill(-1, base, base + 64 * 1024);
      const p = U.utMallocLow(thr, ut, 100, asked, true);
      expect(mem.subarray(p, p + 25).every((w) => w === 0)).toBe(zero);
    }
  });

  it('is plain malloc with innodb_use_sys_malloc: no header, list, counter, nor second attempt', () => {
    const { kit, mem, ut, thr, fail, clock, total, live, lines } = setUp({ useSysMalloc: true });
    const p = U.utMalloc(thr, ut, 100);
    expect([total(), listed(mem, ut).length, live()]).toEqual([0, 0, 1]);
    const q = U.utRealloc(thr, ut, p, 9000);
    expect(live()).toBe(1);
    U.utFree(thr, ut, q);
    expect(live()).toBe(0);
    fail(1);
    expect(U.utMallocLow(thr, ut, 5000, false, false)).toBe(NIL);
    fail(1);
    expect(() => U.utMalloc(thr, ut, 5000)).toThrow(OutOfMemoryFatal);
    expect([clock.sleeps, lines.length]).toEqual([0, 0]);
    expect(() => U.utFree(thr, ut, kit.os)).toThrow('foreign address');
  });
});

describe('ut_malloc_low out of memory', () => {
  it('gives up after 61 attempts and 60 sleeps of a second: null', () => {
    const { ut, thr, fail, clock, lines, defects, isFree } = setUp();
    fail(61);
    expect(U.utMallocLow(thr, ut, 5000, false, false)).toBe(NIL);
    expect([clock.sleeps, clock.sleptUs]).toEqual([60, 60_000_000]);
    expect(lines.length).toBe(1);
    expect([isFree(), thr.heldCount]).toEqual([true, 0]);
    expect(defects()).toEqual([]);
    // The 61st attempt was the last that failed.
    expect(U.utMallocLow(thr, ut, 5000, false, false)).not.toBe(NIL);
    expect(clock.sleeps).toBe(60);
  });

  it.each([1, 2, 30, 59, 60])('succeeds after %i failures, with one line about it', (k) => {
    const { ut, thr, fail, clock, lines, total } = setUp();
    fail(k);
    expect(U.utMalloc(thr, ut, 5000)).not.toBe(NIL);
    expect([clock.sleeps, lines.length, total()]).toEqual([k, 1, 5032]);
  });

  it('says once what was asked for, what there is, errno and what to do', () => {
    const { ut, thr, fail, lines } = setUp();
    U.utMalloc(thr, ut, 68);
    fail(3);
    U.utMalloc(thr, ut, 5000);
    expect(lines).toEqual([
      {
        priority: 'Error',
        subsystem: 'InnoDB',
        text:
          'malloc of 5000 bytes failed; InnoDB has allocated 100 bytes in all. Operating system errno: 12. ' +
          'Check if you should increase the swap file or ulimits of your operating system. ' +
          'Note that on most 32-bit computers the process memory space is limited to 2 GB or 4 GB. ' +
          'We keep retrying the allocation for 60 seconds.',
      },
    ]);
  });

  it('ends the server when that was asked for', () => {
    const { ut, thr, fail, clock, lines, isFree } = setUp();
    fail(61);
    expect(() => U.utMalloc(thr, ut, 5000)).toThrow(OutOfMemoryFatal);
    expect([clock.sleeps, lines.length, isFree()]).toEqual([60, 2, true]);
    expect(lines[1].text).toMatch(/deliberate crash/);
  });

  it('sleeps with the mutex free, so that another thread may allocate and free', () => {
    const { kit, ut, thr, fail, total } = setUp();
    const other = kit.thread(2);
    const seen: boolean[] = [];
    class Clock extends VirtualClock {
      override sleepUs(us: number): void {
        super.sleepUs(us);
        seen.push(mutexIsFree(kit.mem[ut.at + UT_MEM.at.mutex]));
        fail(0);
        const q = U.utMalloc(other, ut, 68);
        if (this.sleeps === 2) U.utFree(other, ut, q);
        else fail(1);
      }
    }
    const slow: U.UtMem = { at: ut.at, env: { ...ut.env, sleepClock: new Clock() } };
    fail(2);
    U.utMalloc(thr, slow, 5000);
    expect(seen).toEqual([true, true]);
    expect(total()).toBe(5032 + 100);
  });

  it('ends between two attempts when the run is given up', () => {
    const { kit, ut, thr, fail, clock, isFree } = setUp();
    fail(MANY);
    kit.abort();
    expect(() => U.utMalloc(thr, ut, 5000)).toThrow(RunAborted);
    expect([clock.sleeps, isFree()]).toEqual([1, true]);
  });

  it('ut_test_malloc: one attempt, no header, a line when there is no memory', () => {
    const { ut, thr, fail, lines, total, live, clock } = setUp();
    U.utMalloc(thr, ut, 68);
    expect(U.utTestMalloc(thr, ut, 5000)).toBe(true);
    expect([total(), live(), lines.length]).toEqual([100, 1, 0]);
    fail(1);
    expect(U.utTestMalloc(thr, ut, 5000)).toBe(false);
    expect([clock.sleeps, lines.length]).toEqual([0, 1]);
    expect(lines[0].text).toMatch(/^malloc of 5000 bytes failed; InnoDB has allocated 100 bytes in all\./);
    expect(lines[0].text).not.toMatch(/retrying/);
  });
});

describe('ut_realloc', () => {
  it('moves always, and keeps min(old, new) bytes', () => {
    const { mem, ut, thr, total, defects } = setUp();
    let p = U.utRealloc(thr, ut, NIL, 64);
    for (let i = 0; i < 16; i++) mem[p + i] = i + 1;
    for (const n of [64, 200, 40]) {
      const keep = Math.min(64, n) / 4;
      const q = U.utRealloc(thr, ut, p, n);
      expect(q).not.toBe(p);
      expect([...mem.subarray(q, q + keep)]).toEqual(Array.from({ length: keep }, (_, i) => i + 1));
      p = q;
    }
    expect(total()).toBe(72);
    expect(U.utRealloc(thr, ut, p, 0)).toBe(NIL);
    expect([total(), ...defects()]).toEqual([0]);
  });

  it('copies nothing of what lies behind the old block', () => {
    const { mem, ut, thr } = setUp();
    const p = U.utMalloc(thr, ut, 60);
    mem[p + 15] = -1;
    expect(mem[U.utRealloc(thr, ut, p, 200) + 15]).not.toBe(-1);
  });

  it('copies bytes, not words', () => {
    const { kit, mem, ut, thr } = setUp();
    const { base } = kit.nodes[0];
    const p = U.utMalloc(thr, ut, 8);
    mem.fill(-1, p, p + 2);
    mem.fill(0, base + 1024, base + 64 * 1024);
    const q = U.utRealloc(thr, ut, p, 5);
    expect(Array.from(thr.u8.subarray(q * 4, q * 4 + 5))).toEqual([255, 255, 255, 255, 255]);
    expect(thr.u8[q * 4 + 5]).toBe(0);
  });
});

describe('ut_free_all_mem', () => {
  it('frees what is listed and ends the layer; a counter that is not 0 gives a warning', () => {
    const { ut, mem, thr, total, live, lines, isFree, kit } = setUp();
    for (let i = 1; i < 20; i++) U.utMalloc(thr, ut, 300 * i);
    expect(live()).toBe(19);
    U.utFreeAllMem(thr, ut);
    expect([total(), live(), lines.length, isFree()]).toEqual([0, 0, 0, true]);
    expect(() => U.utMalloc(thr, ut, 1)).toThrow('ut_mem_block_list_inited');
    expect(isFree()).toBe(true);
    U.utMemInit(mem, ut.at, { useSysMalloc: false });
    U.utMalloc(thr, ut, 100);
    setU53(mem, ut.at + UT_MEM.at.totalAllocated, 140);
    U.utFreeAllMem(thr, ut);
    expect(lines).toEqual([
      { priority: 'Warning', subsystem: 'InnoDB', text: 'after shutdown, 8 bytes count as allocated' },
    ]);
    expect(osMemoryDefects(mem, kit.os)).toEqual([]);
  });
});

describe('damage is found, and nothing changed', () => {
  type Damage = (s: ReturnType<typeof setUp>, p: number) => number;
  const damages: [string, string, Damage][] = [
    ['magic', 'overwritten magic: magic 7 instead of 1601650166', ({ mem }, p) => ((mem[p - 2] = 7), p)],
    ['counter', 'overwritten size', ({ mem }, p) => ((mem[p - 4] = MANY), p)],
    ['size 0', 'overwritten size', ({ mem }, p) => ((mem[p - 4] = 0), p)],
    ['link to next', 'overwritten links', ({ mem }, p) => ((mem[p - 6] = p), p)],
    ['link to prev', 'overwritten links', ({ mem }, p) => ((mem[p - 8] = -5), p)],
    ['inside a block', 'overwritten magic', (_, p) => p + 4],
    ['outside', 'foreign address', ({ ut }) => ut.at],
    ['double free', 'double free|overwritten magic', ({ ut, thr }, p) => (U.utFree(thr, ut, p), p)],
  ];
  it.each(damages)('%s', (_name, what, damage) => {
    const s = setUp();
    const { ut, thr, mem, isFree } = s;
    U.utMalloc(thr, ut, 100);
    const p = U.utMalloc(thr, ut, 100);
    U.utMalloc(thr, ut, 100);
    mem.fill(0, p, p + 25);
    const at = damage(s, p);
    const before = mem.slice(ut.at, ut.at + UT_MEM.words);
    const live = s.live();
    expect(() => U.utFree(thr, ut, at)).toThrow(new RegExp(`ut_free.*(${what})`));
    expect(() => U.utRealloc(thr, ut, at, 10)).toThrow(new RegExp(`ut_realloc.*(${what})`));
    expect(mem.slice(ut.at, ut.at + UT_MEM.words)).toEqual(before);
    expect([s.live(), isFree(), thr.heldCount]).toEqual([live, true, 0]);
  });

  it('a listed block that the heap does not know', () => {
    const { kit, ut, thr, mem, total, isFree } = setUp();
    const p = U.utMalloc(thr, ut, 100);
    const header = mem.slice(p - HEADER_WORDS, p);
    free(thr, kit.os, p - HEADER_WORDS, 4);
    mem.set(header, p - HEADER_WORDS);
    expect(() => U.utFree(thr, ut, p)).toThrow(/free/);
    expect([total(), isFree(), ...listed(mem, ut)]).toEqual([132, true, p]);
  });

  it('ut_free_all_mem stops at a damaged block; utMemDefects names what is wrong', () => {
    const { ut, thr, mem, defects, live } = setUp();
    const p = U.utMalloc(thr, ut, 100);
    U.utMalloc(thr, ut, 100);
    mem[p - 2] = 7;
    setU53(mem, p - 4, 100);
    expect(defects()).toEqual([
      `block @${p - HEADER_WORDS} has magic 7`,
      'listed blocks have 232 bytes, ut_total_allocated_memory is 264',
    ]);
    expect(() => U.utFreeAllMem(thr, ut)).toThrow(/ut_free_all_mem.*overwritten magic/);
    expect(live()).toBe(1);
    mem[p - 6] = p;
    expect(defects()[0]).toMatch(/ut_mem_block_list/);
  });
});
