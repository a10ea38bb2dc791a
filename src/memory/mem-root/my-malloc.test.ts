import { beforeEach, describe, expect, it } from 'vitest';
import { MY_HEADER } from '../../layout/headers.ts';
import { HEAP_TAG } from '../../layout/heap.ts';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { MemoryCorruption } from '../ut/corruption.ts';
import { free, heapLiveBlocks, malloc } from '../heap/malloc.ts';
import {
  EE_OUTOFMEMORY,
  MY_FAE,
  MY_HEADER_BYTES,
  MY_HEADER_WORDS,
  MY_MAGIC,
  MY_MAGIC_FREED,
  MY_WME,
  MY_ZEROFILL,
  myClaim,
  MyEnv,
  type MyEnvOptions,
  MyExit,
  myFree,
  myKeyOf,
  myMalloc,
  myOwnerOf,
  myRealloc,
  mySizeOf,
} from './my-malloc.ts';
import { myMemdup, myMultiMalloc, myStrdup, myStrndup } from './my-strings.ts';
import { ENOMEM, osSetFaults } from '../os/os-memory.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { allocSite } from '../ut/site.ts';
import { MemoryKit } from '../test-kit.ts';
import { utAllocate, utDeallocate } from '../ut/ut-allocator.ts';

const KEY = MEM_KEY.stringValue;
const { magic: MAGIC, size: SIZE, owner: OWNER } = MY_HEADER.at;

interface Raised {
  readonly error: number;
  readonly text: string;
  readonly fatal: boolean;
}

let kit: MemoryKit;
let one: Thread;
let two: Thread;
let raised: Raised[];

beforeEach(() => {
  kit = new MemoryKit({ pages: [64, 64], node: { origins: true } });
  one = kit.thread(1);
  two = kit.thread(2);
  raised = [];
});

function envOf(o: Partial<MyEnvOptions> = {}): MyEnv {
  const errorHook = {
    raise: (_thr: Thread, error: number, text: string, fatal: boolean): void => {
      raised.push({ error, text, fatal });
    },
  };
  return new MyEnv({ ...kit.env, errorHook, ...o });
}

/** The heap refuses from now on. */
const failNext = (times: number): void => osSetFaults(one, kit.os, { failNext: times });

const textAt = (p: number): string => {
  const { u8 } = one;
  return Buffer.from(u8.slice(p * 4, u8.indexOf(0, p * 4))).toString();
};

function checkAtRest(): void {
  expect(kit.allOs.map((os) => heapLiveBlocks(kit.mem, os))).toEqual([0, 0]);
  expect(kit.defects()).toEqual([]);
}

describe('my_malloc', () => {
  it('puts key, magic, size and owner into 32 bytes in front', () => {
    const env = envOf();
    const p = myMalloc(one, env, KEY, 100);
    const header = p - MY_HEADER_WORDS;
    expect(MY_HEADER_BYTES).toBe(32);
    expect(kit.mem[header + MAGIC]).toBe(1234);
    expect(kit.mem[header + SIZE]).toBe(100);
    expect(kit.mem[header + OWNER]).toBe(1);
    expect([myKeyOf(kit.mem, p), mySizeOf(kit.mem, p), myOwnerOf(kit.mem, p)]).toEqual([KEY, 100, 1]);
    expect(p % 4).toBe(0);
    myFree(one, env, p);
    checkAtRest();
  });

  it('fills with zeros on request', () => {
    const env = envOf();
    const dirty = myMalloc(one, env, KEY, 100);
    kit.mem.fill(-1, dirty, dirty + 25);
    myFree(one, env, dirty);
    const p = myMalloc(one, env, KEY, 100, MY_ZEROFILL);
    expect(kit.mem.slice(p, p + 25).every((w) => w === 0)).toBe(true);
    myFree(one, env, p);
    checkAtRest();
  });

  it('gives a block for 0 bytes', () => {
    const env = envOf();
    const p = myMalloc(one, env, KEY, 0);
    expect(p).not.toBe(NIL);
    expect(mySizeOf(kit.mem, p)).toBe(0);
    myFree(one, env, p);
    checkAtRest();
  });

  it('returns NIL when out of memory, and tries once only', () => {
    const env = envOf();
    failNext(1);
    expect(myMalloc(one, env, KEY, 100)).toBe(NIL);
    expect(env.myErrno).toBe(ENOMEM);
    expect(raised).toEqual([]);
    expect(kit.log.lines).toEqual([]);
    expect(kit.mem[kit.os + OS_MEMORY.at.failNext]).toBe(0);
    checkAtRest();
  });

  it('MY_WME raises error 5, fatal, and writes it to the error log', () => {
    const env = envOf();
    failNext(1);
    expect(myMalloc(one, env, KEY, 100, MY_WME)).toBe(NIL);
    const text = 'Out of memory (Needed 132 bytes)';
    expect(EE_OUTOFMEMORY).toBe(5);
    expect(raised).toEqual([{ error: 5, text, fatal: true }]);
    expect(kit.log.lines).toEqual([{ priority: 'Error', subsystem: 'Server', text }]);
    expect(env.myErrno).toBe(ENOMEM);
  });

  it('MY_FAE ends the run, with the message', () => {
    const env = envOf();
    failNext(1);
    expect(() => myMalloc(one, env, KEY, 0, MY_FAE)).toThrow(new MyExit('Out of memory (Needed 32 bytes)'));
    expect(raised.map((r) => r.error)).toEqual([5]);
    expect(kit.log.lines.length).toBe(1);
    checkAtRest();
  });

  it('needs no hook', () => {
    failNext(1);
    expect(myMalloc(one, new MyEnv(kit.env), KEY, 1, MY_WME)).toBe(NIL);
    expect(kit.log.lines.length).toBe(1);
  });

  it('refuses more than any memory has', () => {
    const env = envOf();
    for (const bytes of [2 ** 20, 2 ** 31, 2 ** 40, 2 ** 53, 2 ** 63]) {
      expect(myMalloc(one, env, KEY, bytes)).toBe(NIL);
    }
    checkAtRest();
  });

  it('frees a block where it came from, whatever node the thread is on', () => {
    const there = envOf({ os: kit.allOs[1] });
    const p = myMalloc(one, there, KEY, 5000);
    expect(heapLiveBlocks(kit.mem, kit.allOs[1])).toBe(1);
    myFree(one, envOf(), p);
    checkAtRest();
  });
});

describe('what is reported', () => {
  /** Bytes that the accounts of the key have seen. */
  const account = (): readonly [allocated: number, freed: number] => {
    const { allocBytes, freeBytes } = kit.account(KEY);
    return [allocBytes, freeBytes];
  };

  it('is the size with the header', () => {
    const env = envOf();
    const p = myMalloc(one, env, KEY, 100);
    expect(account()).toEqual([132, 0]);
    myFree(one, env, p);
    expect(account()).toEqual([132, 132]);
  });

  it('is the size without it in the form of 2017', () => {
    const env = envOf({ countHeader: false });
    const p = myMalloc(one, env, KEY, 100);
    expect(account()).toEqual([100, 0]);
    myClaim(one, env, p, false);
    myClaim(one, env, p, true);
    myFree(one, env, p);
    const [allocated, freed] = account();
    expect(allocated).toBe(freed);
    checkAtRest();
  });
});

describe('my_realloc', () => {
  it('is my_malloc for null', () => {
    const env = envOf();
    const p = myRealloc(one, env, KEY, NIL, 50);
    expect(mySizeOf(kit.mem, p)).toBe(50);
    myFree(one, env, p);
    checkAtRest();
  });

  it('keeps a block of the same size', () => {
    const env = envOf();
    const p = myMalloc(one, env, KEY, 50);
    expect(myRealloc(one, env, KEY, p, 50)).toBe(p);
    myFree(one, env, p);
    checkAtRest();
  });

  it.each([
    [50, 51],
    [50, 49],
    [3, 5000],
    [5000, 3],
    [40, 0],
  ])('moves a block of %i bytes to one of %i, with what fits', (from, to) => {
    const env = envOf();
    const p = myMalloc(one, env, KEY, from);
    for (let i = 0; i < from; i++) one.u8[p * 4 + i] = i;
    const q = myRealloc(one, env, KEY, p, to);
    expect(q).not.toBe(p);
    expect(mySizeOf(kit.mem, q)).toBe(to);
    for (let i = 0; i < Math.min(from, to); i++) expect(one.u8[q * 4 + i]).toBe(i & 255);
    expect(heapLiveBlocks(kit.mem, kit.os)).toBe(1);
    myFree(one, env, q);
    checkAtRest();
  });

  it('keeps the old block when out of memory', () => {
    const env = envOf();
    const p = myMalloc(one, env, KEY, 50);
    kit.mem[p] = 77;
    failNext(1);
    expect(myRealloc(one, env, KEY, p, 60, MY_WME)).toBe(NIL);
    expect(raised.map((r) => r.text)).toEqual(['Out of memory (Needed 92 bytes)']);
    expect([kit.mem[p], mySizeOf(kit.mem, p)]).toEqual([77, 50]);
    myFree(one, env, p);
    checkAtRest();
  });

  it('wants the key of the block, unless it has none', () => {
    const env = envOf();
    const p = myMalloc(one, env, KEY, 50);
    expect(() => myRealloc(one, env, KEY + 1, p, 60)).toThrow(`key ${KEY + 1} for a block of key ${KEY}`);
    expect(myRealloc(one, env, KEY, p, 50)).toBe(p);
    myFree(one, env, p);
    const unknown = myMalloc(one, env, 0, 50);
    const known = myRealloc(one, env, KEY, unknown, 60);
    expect(myKeyOf(kit.mem, known)).toBe(KEY);
    myFree(one, env, known);
    checkAtRest();
  });
});

describe('my_free', () => {
  it('does nothing for null', () => {
    myFree(one, envOf(), NIL);
    myClaim(one, envOf(), NIL, true);
    checkAtRest();
  });

  it('leaves 0xDEAD behind', () => {
    const env = envOf();
    const p = myMalloc(one, env, KEY, 40);
    myFree(one, env, p);
    expect(MY_MAGIC_FREED).toBe(0xdead);
    expect(kit.mem[p - MY_HEADER_WORDS + MAGIC]).toBe(0xdead);
  });

  it('may be called by another thread', () => {
    const p = myMalloc(one, envOf(), KEY, 40);
    myFree(two, envOf(), p);
    checkAtRest();
  });
});

describe('damage is found before anything is changed', () => {
  /** All words of a node's memory. */
  const areaOf = (os: number): Int32Array => {
    const base = kit.mem[os + OS_MEMORY.at.base];
    return kit.mem.slice(base, base + kit.mem[os + OS_MEMORY.at.pages] * 1024);
  };

  const found = (act: () => void): string => {
    const before = kit.allOs.map(areaOf);
    try {
      act();
    } catch (e) {
      expect(e).toBeInstanceOf(MemoryCorruption);
      const after = kit.allOs.map(areaOf);
      expect(after.map((area, i) => area.findIndex((w, at) => w !== before[i][at]))).toEqual([-1, -1]);
      return (e as Error).message;
    }
    return 'nothing was found';
  };

  it.each([40, 5000])('double free of %i bytes', (bytes) => {
    const env = envOf();
    const p = myMalloc(one, env, KEY, bytes);
    myFree(one, env, p);
    expect(found(() => myFree(one, env, p))).toContain('my_free');
    // Even if somebody has mended the magic number.
    kit.mem[p - MY_HEADER_WORDS + MAGIC] = MY_MAGIC;
    expect(found(() => myFree(one, env, p))).toMatch(/free/);
    checkAtRest();
  });

  it('says double free of a small block by its magic number', () => {
    const env = envOf();
    const keep = myMalloc(one, env, KEY, 40);
    const p = myMalloc(one, env, KEY, 40);
    myFree(one, env, p, allocSite('sql_class.cc', 12));
    const text = found(() => myFree(one, env, p));
    expect(text).toContain(`my_free(@${p}): double free`);
    expect(text).toContain('sql_class.cc:12');
    expect(found(() => myClaim(one, env, p, false))).toContain('use after free');
    expect(found(() => myRealloc(one, env, KEY, p, 41))).toContain('use after free');
    myFree(one, env, keep);
  });

  it('an overwritten magic number', () => {
    const env = envOf();
    const p = myMalloc(one, env, KEY, 40, 0, allocSite('item.cc', 7));
    kit.mem[p - MY_HEADER_WORDS + MAGIC] = 99;
    const text = found(() => myFree(one, env, p));
    expect(text).toContain('overwritten magic: the magic number is 99 (0x63), not 1234');
    expect(text).toContain('item.cc:7');
    expect(found(() => myClaim(one, env, p, false))).toContain('my_claim');
    expect(found(() => myRealloc(one, env, KEY, p, 41))).toContain('my_realloc');
    kit.mem[p - MY_HEADER_WORDS + MAGIC] = MY_MAGIC;
    myFree(one, env, p);
    checkAtRest();
  });

  it('an address of no node, or inside a block', () => {
    const env = envOf();
    expect(found(() => myFree(one, env, 12))).toContain('foreign address');
    expect(found(() => myFree(one, env, -4))).toContain('foreign address');
    const p = myMalloc(one, env, KEY, 200);
    kit.mem.fill(0, p, p + 50);
    expect(found(() => myFree(one, env, p + 16))).toContain('overwritten magic');
    kit.mem[p + 8 + MAGIC] = MY_MAGIC;
    expect(found(() => myFree(one, env, p + 16))).toMatch(/my_free|free/);
    myFree(one, env, p);
    checkAtRest();
  });

  it('a block of another allocator', () => {
    const env = envOf();
    const alloc = kit.alloc();
    const ut = utAllocate(one, alloc, 100, KEY);
    expect(found(() => myFree(one, env, ut))).toContain('overwritten magic');
    utDeallocate(one, alloc, ut);
    const raw = malloc(one, kit.os, 100, HEAP_TAG.raw);
    kit.mem[raw + MAGIC] = MY_MAGIC;
    expect(found(() => myFree(one, env, raw + MY_HEADER_WORDS))).toContain('free');
    free(one, kit.os, raw, HEAP_TAG.raw);
    checkAtRest();
  });
});

describe('my_claim', () => {
  it('gives a block to nobody, and takes what is nobody’s', () => {
    const env = envOf();
    const p = myMalloc(one, env, KEY, 100);
    myClaim(one, env, p, false);
    expect(myOwnerOf(kit.mem, p)).toBe(0);
    myClaim(two, envOf(), p, true);
    expect(myOwnerOf(kit.mem, p)).toBe(2);
    expect(myKeyOf(kit.mem, p)).toBe(KEY);
    myFree(two, envOf(), p);
    checkAtRest();
  });
});

describe('users of my_malloc', () => {
  it('my_strdup copies up to the first NUL, and ends with one', () => {
    const env = envOf();
    const p = myStrdup(one, env, KEY, 'gr\u00fc\u00dfe\0 not this');
    expect(textAt(p)).toBe('gr\u00fc\u00dfe');
    expect(mySizeOf(kit.mem, p)).toBe(8);
    myFree(one, env, p);
    checkAtRest();
  });

  it('my_strndup copies so many bytes, and ends with a NUL', () => {
    const env = envOf();
    const p = myStrndup(one, env, KEY, Buffer.from('abcdef'), 4);
    expect(textAt(p)).toBe('abcd');
    expect(mySizeOf(kit.mem, p)).toBe(5);
    expect(() => myStrndup(one, env, KEY, Buffer.from('abc'), 4)).toThrow(RangeError);
    myFree(one, env, p);
    checkAtRest();
  });

  it('my_memdup copies bytes, also of the arena', () => {
    const env = envOf();
    const p = myMemdup(one, env, KEY, Uint8Array.of(1, 0, 2));
    const q = myMemdup(one, env, KEY, one.u8.subarray(p * 4, p * 4 + 3));
    expect([...one.u8.subarray(q * 4, q * 4 + 3)]).toEqual([1, 0, 2]);
    expect(mySizeOf(kit.mem, q)).toBe(3);
    myFree(one, env, p);
    myFree(one, env, q);
    checkAtRest();
  });

  it('my_multi_malloc cuts one block into parts', () => {
    const env = envOf();
    const parts: number[] = [];
    const p = myMultiMalloc(one, env, KEY, [1, 8, 0, 9], parts);
    expect(mySizeOf(kit.mem, p)).toBe(8 + 8 + 0 + 16);
    expect(parts).toEqual([p, p + 2, p + 4, p + 4]);
    myFree(one, env, p);
    checkAtRest();
  });

  it('all return NIL when out of memory', () => {
    const env = envOf();
    failNext(4);
    const parts: number[] = [];
    expect([
      myStrdup(one, env, KEY, 'a'),
      myStrndup(one, env, KEY, Buffer.from('a'), 1),
      myMemdup(one, env, KEY, Buffer.from('a')),
      myMultiMalloc(one, env, KEY, [1], parts),
    ]).toEqual([NIL, NIL, NIL, NIL]);
    expect(parts).toEqual([]);
  });
});
