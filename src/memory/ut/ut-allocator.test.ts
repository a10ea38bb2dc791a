import { describe, expect, it } from 'vitest';
import { HEAP_TAG } from '../../layout/heap.ts';
import { UT_NEW_PFX } from '../../layout/headers.ts';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { OP, THREAD } from '../../layout/thread.ts';
import { VirtualClock } from '../../layout/clock.ts';
import { getU53 } from '../../layout/words.ts';
import { RunAborted } from '../../sync/thread.ts';
import { free, malloc, mallocWalk } from '../heap/malloc.ts';
import { memorySummaryByThread } from '../psi/psi-tables.ts';
import { osSetFaults, osSetLimit } from '../os/os-memory.ts';
import { KEY_NONE, MEM_KEY } from '../psi/psi-keys.ts';
import { MemoryKit } from '../test-kit.ts';
import * as U from './ut-allocator.ts';

const MANY = 1_000_000;
const KEY = MEM_KEY.std;

function setUp(o: ConstructorParameters<typeof MemoryKit>[0] = {}) {
  const kit = new MemoryKit(o);
  const sum = (key: number) => kit.account(key);
  return {
    kit,
    mem: kit.mem,
    os: kit.os,
    thr: kit.thread(1),
    alloc: kit.alloc(),
    clock: kit.sleepClock,
    sum,
  };
}

/** The line of facts A 1.3, step 5, word for word. */
const line = (word: string, bytes: number | string) =>
  `Cannot ${word} ${bytes} bytes of memory after 60 retries over 60 seconds. ` +
  'OS error: Cannot allocate memory (12). ' +
  'Check if you should increase the swap file or ulimits of your operating system. ' +
  'Note that on most 32-bit computers the process memory space is limited to 2 GB or 4 GB.';

describe('ut_allocator: header', () => {
  it('ask 100 with a header of 32 bytes: 132, with key and owner in front', () => {
    const { kit, mem, thr, alloc } = setUp();
    const p = U.utAllocate(thr, alloc, 100, KEY);
    expect(p % 4).toBe(0);
    const { at } = UT_NEW_PFX;
    const pfx = p - 8;
    expect([mem[pfx + at.key], mem[pfx + at.owner], getU53(mem, pfx + at.size)]).toEqual([KEY, 1, 132]);
    expect([U.utSizeOf(mem, p), U.utKeyOf(mem, p)]).toEqual([132, KEY]);
    expect(mallocWalk(mem, kit.os)).toEqual([{ at: pfx, bytes: 256, tag: HEAP_TAG.ut }]);
    expect(kit.defects()).toEqual([]);
  });

  it('max_size is floor((2^64 - 1 - 32) / sizeof(T)); beyond it no sleep, no line', () => {
    const { kit, thr, clock } = setUp();
    expect(U.utMaxSize(1)).toBe(18446744073709551583n);
    expect(U.utMaxSize(24)).toBe(768614336404564649n);
    const alloc = kit.alloc({ elemBytes: 2 ** 40 });
    expect(U.utMaxSize(2 ** 40)).toBe(16777215n);
    expect(() => U.utAllocate(thr, alloc, 16_777_216)).toThrow(U.BadAlloc);
    expect(U.utAllocate(thr, alloc, 16_777_216, KEY, false, false)).toBe(NIL);
    expect([clock.sleeps, kit.log.lines.length]).toEqual([0, 0]);
    // One less is a request like any other.
    expect(() => U.utAllocate(thr, alloc, 16_777_215)).toThrow(U.OutOfMemoryFatal);
    expect(kit.log.lines[0].text).toBe(line('allocate', (16777215n * 2n ** 40n + 32n).toString()));
  });

  it('n = 0 is null; zeroed memory is zero', () => {
    const { mem, thr, alloc, sum } = setUp();
    expect(U.utAllocate(thr, alloc, 0, KEY)).toBe(NIL);
    expect(sum(KEY).allocCount).toBe(0);
    const p = U.utAllocate(thr, alloc, 64, KEY);
    mem.fill(-1, p, p + 16);
    U.utDeallocate(thr, alloc, p);
    const q = U.utAllocate(thr, alloc, 64, KEY, true);
    expect(q).toBe(p);
    expect(mem.subarray(q, q + 16).every((w) => w === 0)).toBe(true);
  });

  it("the allocator's key wins if set, else the argument", () => {
    const { kit, mem, thr, alloc } = setUp();
    const own = kit.alloc({ key: MEM_KEY.ahi });
    expect(U.utKeyOf(mem, U.utAllocate(thr, own, 8, KEY))).toBe(MEM_KEY.ahi);
    expect(U.utKeyOf(mem, U.utAllocate(thr, own.rebind(16), 8, KEY))).toBe(MEM_KEY.ahi);
    expect(U.utKeyOf(mem, U.utAllocate(thr, alloc, 8, KEY))).toBe(KEY);
    expect(U.utKeyOf(mem, U.utAllocate(thr, alloc, 8))).toBe(KEY_NONE);
  });
});

describe('ut_allocator: retries', () => {
  it.each([1, 30, 59])('succeeds after %i failures and as many sleeps of a second', (k) => {
    const { kit, mem, os, thr, alloc, clock, sum } = setUp();
    osSetFaults(thr, os, { failNext: k });
    expect(U.utAllocate(thr, alloc, 100, KEY)).not.toBe(NIL);
    expect([clock.sleeps, clock.sleptUs]).toEqual([k, k * 1_000_000]);
    expect(mem[os + OS_MEMORY.at.failedPlan]).toBe(k);
    expect(sum(KEY)).toMatchObject({ allocCount: 1, retries: k, failures: 0 });
    expect(kit.log.lines).toEqual([]);
  });

  it.each([60, MANY])('gives up after 60 attempts and 59 sleeps when %i fail', (k) => {
    const { kit, mem, os, thr, alloc, clock, sum } = setUp();
    osSetFaults(thr, os, { failNext: k });
    expect(() => U.utAllocate(thr, alloc, 100, KEY)).toThrow(new U.OutOfMemoryFatal(line('allocate', 132)));
    expect([clock.sleeps, clock.sleptUs]).toEqual([59, 59_000_000]);
    expect(mem[os + OS_MEMORY.at.failedPlan]).toBe(60);
    expect(sum(KEY)).toMatchObject({ allocCount: 0, retries: 59, failures: 1 });
    expect(kit.log.lines).toEqual([{ priority: 'Error', subsystem: 'InnoDB', text: line('allocate', 132) }]);
    expect(mem[thr.at + THREAD.at.op]).toBe(OP.idle);
  });

  it('fatal ends it even when the caller wants null; not fatal: an error line, then bad_alloc or null', () => {
    const { kit, os, thr, alloc } = setUp();
    osSetFaults(thr, os, { failNext: MANY });
    expect(() => U.utAllocate(thr, alloc, 100, KEY, false, false)).toThrow(U.OutOfMemoryFatal);
    expect(alloc.setOomNotFatal()).toBe(alloc);
    expect(() => U.utAllocate(thr, alloc, 100, KEY)).toThrow(U.BadAlloc);
    expect(U.utAllocate(thr, alloc, 100, KEY, true, false)).toBe(NIL);
    expect(alloc.rebind(8).oomFatal).toBe(false);
    expect(kit.log.lines.map((l) => l.text)).toEqual(Array(3).fill(line('allocate', 132)));
  });

  it('a limit that is lifted while it sleeps ends the wait; no latch is held in a sleep', () => {
    const { kit, os, thr } = setUp();
    const other = kit.thread(2);
    osSetLimit(other, os, 0);
    const asleep: number[] = [];
    const clock = new (class extends VirtualClock {
      override sleepUs(us: number): void {
        super.sleepUs(us);
        asleep.push(thr.heldCount, kit.mem[thr.at + THREAD.at.op]);
        if (this.sleeps === 3) osSetLimit(other, os, 4096);
      }
    })();
    expect(U.utAllocate(thr, kit.alloc({ sleepClock: clock }), 100, KEY)).not.toBe(NIL);
    expect(asleep).toEqual([0, OP.utAllocate, 0, OP.utAllocate, 0, OP.utAllocate]);
  });

  it('an aborted run ends the wait', () => {
    const { kit, os, thr, alloc, clock } = setUp();
    osSetFaults(thr, os, { failNext: MANY });
    kit.abort();
    expect(() => U.utAllocate(thr, alloc, 100, KEY)).toThrow(RunAborted);
    expect(clock.sleeps).toBe(1);
  });
});

describe('ut_allocator: reallocate', () => {
  it('null allocates, zero frees, too many returns null and keeps the block', () => {
    const { kit, mem, os, thr, alloc, sum } = setUp();
    const p = U.utReallocate(thr, alloc, NIL, 50, KEY);
    expect(U.utSizeOf(mem, p)).toBe(82);
    expect(U.utReallocate(thr, kit.alloc({ elemBytes: 2 ** 40 }), p, 2 ** 24, KEY)).toBe(NIL);
    expect(U.utSizeOf(mem, p)).toBe(82);
    expect(U.utReallocate(thr, alloc, p, 0, KEY)).toBe(NIL);
    expect(mallocWalk(mem, os)).toEqual([]);
    expect(sum(KEY)).toMatchObject({ allocCount: 1, freeCount: 1, currentBytes: 0 });
    osSetFaults(thr, os, { failNext: MANY });
    alloc.setOomNotFatal();
    expect(U.utReallocate(thr, alloc, NIL, 50, KEY)).toBe(NIL);
    expect(kit.log.lines[0].text).toBe(line('allocate', 82));
  });

  it('keeps the contents, frees under the old key and size, allocates under the new', () => {
    const { kit, mem, thr, alloc, sum } = setUp();
    const p = U.utAllocate(thr, alloc, 40, KEY);
    for (let i = 0; i < 10; i++) mem[p + i] = i;
    const q = U.utReallocate(thr, alloc, p, 8000, MEM_KEY.other);
    expect([...mem.subarray(q, q + 10)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(sum(KEY)).toMatchObject({ allocBytes: 72, freeBytes: 72, currentCount: 0 });
    expect(sum(MEM_KEY.other)).toMatchObject({ allocBytes: 8032, currentCount: 1, currentBytes: 8032 });
    expect(U.utSizeOf(mem, q)).toBe(8032);
    expect(kit.defects()).toEqual([]);
  });

  it.each([59, 60])('the same 60 attempts: %i failures', (k) => {
    const { kit, mem, os, thr, alloc, clock } = setUp();
    alloc.setOomNotFatal();
    const p = U.utAllocate(thr, alloc, 40, KEY);
    osSetFaults(thr, os, { failNext: k });
    const q = U.utReallocate(thr, alloc, p, 500, KEY);
    expect(clock.sleeps).toBe(59);
    expect(q !== NIL).toBe(k === 59);
    expect(U.utSizeOf(mem, q === NIL ? p : q)).toBe(k === 59 ? 532 : 72);
    expect(kit.log.lines.map((l) => l.text)).toEqual(k === 59 ? [] : [line('reallocate', 532)]);
    expect(kit.defects()).toEqual([]);
  });

  it('is fatal when so set, and the old block is still there', () => {
    const { kit, mem, os, thr, alloc } = setUp();
    const p = U.utAllocate(thr, alloc, 40, KEY);
    osSetFaults(thr, os, { failNext: MANY });
    expect(() => U.utReallocate(thr, alloc, p, 500, KEY)).toThrow(
      new U.OutOfMemoryFatal(line('reallocate', 532)),
    );
    expect(U.utSizeOf(mem, p)).toBe(72);
    expect(kit.defects()).toEqual([]);
  });
});

describe('ut_allocator: accounts', () => {
  it('a free by another thread counts in no row, but globally; the sum is right', () => {
    const { kit, mem, thr, alloc, sum } = setUp();
    const other = kit.thread(2);
    const p = U.utAllocate(thr, alloc, 100, KEY);
    U.utDeallocate(other, alloc, p);
    const rows = memorySummaryByThread(mem, kit.psi).filter((r) => r.EVENT_NAME === 'memory/innodb/std');
    expect(rows.map((r) => [r.COUNT_ALLOC, r.COUNT_FREE])).toEqual([
      [1, 0],
      [0, 0],
    ]);
    expect(sum(KEY)).toMatchObject({ freeBytes: 132, currentCount: 0, currentBytes: 0 });
    expect(kit.defects()).toEqual([]);
  });

  it('a block goes back to the node that it came from', () => {
    const { kit, mem, thr } = setUp({ pages: [8, 8] });
    const far = kit.alloc({ os: kit.allOs[1] });
    const p = U.utAllocate(thr, far, 100, KEY);
    expect(mallocWalk(mem, kit.allOs[1])).toHaveLength(1);
    const q = U.utReallocate(thr, kit.alloc(), p, 5000, KEY);
    expect(mallocWalk(mem, kit.allOs[1])).toHaveLength(1);
    U.utDeallocate(thr, kit.alloc(), q);
    expect(kit.defects()).toEqual([]);
    expect(mallocWalk(mem, kit.allOs[1])).toEqual([]);
  });

  it('what lay in the memory before does not matter', () => {
    const { kit, mem, os, thr, alloc } = setUp();
    const raw = malloc(thr, os, 132);
    mem.fill(-1, raw, raw + 64);
    free(thr, os, raw);
    const p = U.utAllocate(thr, alloc, 100, KEY);
    expect(p).toBe(raw + 8);
    U.utDeallocate(thr, alloc, p);
    expect(kit.defects()).toEqual([]);
  });

  it('a double free is refused and not counted', () => {
    const { kit, thr, alloc, sum } = setUp();
    const [p, keep] = [U.utAllocate(thr, alloc, 100, KEY), U.utAllocate(thr, alloc, 100, KEY)];
    U.utDeallocate(thr, alloc, p);
    expect(() => U.utDeallocate(thr, alloc, p)).toThrow(/double free: a block of 256 bytes/);
    expect(() => U.utDeallocate(thr, alloc, 64)).toThrow(/outside the memory of all nodes/);
    U.utDeallocate(thr, alloc, NIL);
    expect(sum(KEY).freeCount).toBe(1);
    U.utDeallocate(thr, alloc, keep);
    expect(kit.defects()).toEqual([]);
  });

  it('the check sees a block that no account knows, and an account without a block', () => {
    const { kit, mem, thr, alloc } = setUp();
    const p = U.utAllocate(thr, alloc, 100, KEY);
    mem[p - 8 + UT_NEW_PFX.at.key] = MEM_KEY.other;
    expect(kit.defects().toSorted()).toEqual([
      'memory/innodb/other: 0 blocks of 0 bytes by the accounts, 1 of 132 bytes live',
      'memory/innodb/std: 1 blocks of 132 bytes by the accounts, 0 of 0 bytes live',
    ]);
    mem[p - 8 + UT_NEW_PFX.at.key] = 5000;
    expect(kit.defects()[0]).toMatch(/of 256 bytes: key 5000 does not exist/);
  });
});
