import { describe, expect, it } from 'vitest';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import { mallocWalk } from '../heap/malloc.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { MemoryKit } from '../test-kit.ts';
import { newArray, deleteArray } from './ut-array.ts';
import { utAllocateLarge, utDeallocateLarge } from './ut-large.ts';

const KEY = MEM_KEY.other;

function setUp() {
  const kit = new MemoryKit();
  const calls: string[] = [];
  const construct = (i: number, at: number) => {
    kit.mem[at] = i;
    calls.push(`+${i}`);
  };
  const destroy = (i: number, at: number) => {
    expect(kit.mem[at]).toBe(i);
    calls.push(`-${i}`);
  };
  return {
    kit,
    mem: kit.mem,
    os: kit.os,
    thr: kit.thread(1),
    alloc: kit.alloc({ elemBytes: 24 }),
    calls,
    construct,
    destroy,
  };
}

describe('ut_allocator: arrays', () => {
  it('constructs forwards, destroys backwards, takes the count from the header', () => {
    const { kit, mem, os, thr, alloc, calls, construct, destroy } = setUp();
    const p = newArray(thr, alloc, 4, KEY, construct, destroy);
    expect([0, 6, 12, 18].map((w) => mem[p + w])).toEqual([0, 1, 2, 3]);
    deleteArray(thr, alloc, p, destroy);
    expect(calls).toEqual(['+0', '+1', '+2', '+3', '-3', '-2', '-1', '-0']);
    expect(mallocWalk(mem, os)).toEqual([]);
    expect(kit.defects()).toEqual([]);
    deleteArray(thr, alloc, NIL, destroy);
  });

  it('when the third constructor throws, the first two are destroyed, the memory is freed, the error passed on', () => {
    const { kit, mem, os, thr, alloc, calls, construct, destroy } = setUp();
    const failing = (i: number, at: number) => {
      if (i === 2) throw new Error('no third');
      construct(i, at);
    };
    expect(() => newArray(thr, alloc, 4, KEY, failing, destroy)).toThrow('no third');
    expect(calls).toEqual(['+0', '+1', '-1', '-0']);
    expect(mallocWalk(mem, os)).toEqual([]);
    expect(kit.defects()).toEqual([]);
  });

  it('out of memory, not fatal: null, and nothing is constructed', () => {
    const { os, thr, alloc, calls, construct, destroy } = setUp();
    osSetFaults(thr, os, { failNext: 60 });
    expect(newArray(thr, alloc.setOomNotFatal(), 4, KEY, construct, destroy)).toBe(NIL);
    expect(newArray(thr, alloc, 0, KEY, construct, destroy)).toBe(NIL);
    expect(calls).toEqual([]);
  });

  it('refuses to delete as another type', () => {
    const { thr, alloc, construct, destroy } = setUp();
    const p = newArray(thr, alloc, 4, KEY, construct, destroy);
    expect(() => deleteArray(thr, alloc.rebind(20), p, destroy)).toThrow(
      /96 bytes are no whole number of 20-byte/,
    );
    expect(() => newArray(thr, alloc.rebind(6), 4, KEY, construct, destroy)).toThrow(
      /no whole number of words/,
    );
    deleteArray(thr, alloc, p, destroy);
  });
});

describe('ut_allocator: large allocations', () => {
  it('whole pages from the system, the header with the caller', () => {
    const { kit, mem, os, thr, alloc } = setUp();
    const at = utAllocateLarge(thr, alloc, 200, KEY, kit.pfx);
    expect(at % 1024).toBe(0);
    expect(getU53(mem, os + OS_MEMORY.at.largeBytes)).toBe(8192);
    const sum = () => kit.account(KEY);
    expect(sum()).toMatchObject({ allocBytes: 8192, currentCount: 1, mappedBytes: 8192 });
    expect(mallocWalk(mem, os)).toEqual([]);
    expect(kit.defects()).toEqual([]);
    expect(() => utDeallocateLarge(thr, alloc, at + 1024, kit.pfx)).toThrow(/inside a mapping/);
    utDeallocateLarge(thr, alloc, at, kit.pfx);
    expect(sum()).toMatchObject({ freeBytes: 8192, currentCount: 0, mappedBytes: 0 });
    expect(() => utDeallocateLarge(thr, alloc, at, kit.pfx)).toThrow(/nothing is mapped there/);
    expect(kit.defects()).toEqual([]);
    utDeallocateLarge(thr, alloc, NIL, kit.pfx);
  });

  it('one attempt: a failure is null at once with an error line, even where exhaustion is fatal', () => {
    const { kit, os, thr, alloc } = setUp();
    osSetFaults(thr, os, { failNext: 1 });
    expect(utAllocateLarge(thr, alloc, 200, KEY, kit.pfx)).toBe(NIL);
    expect(kit.sleepClock.sleeps).toBe(0);
    expect(kit.log.lines.map((l) => l.text)).toEqual(['mmap(8192 bytes) failed; errno 12']);
    expect(utAllocateLarge(thr, alloc, 0, KEY, kit.pfx)).toBe(NIL);
    expect(utAllocateLarge(thr, alloc.rebind(2 ** 40), 2 ** 24, KEY, kit.pfx)).toBe(NIL);
    expect(kit.log.lines).toHaveLength(1);
    expect(utAllocateLarge(thr, alloc, 200, KEY, kit.pfx)).not.toBe(NIL);
  });
});
