import { beforeEach, describe, expect, it } from 'vitest';
import { MEM_ROOT, MEM_ROOT_BLOCK, MEM_ROOT_BLOCK_PREV } from '../../layout/mem-root.ts';
import { NIL } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import type { Thread } from '../../sync/thread.ts';
import {
  memRootClear,
  memRootClearForReuse,
  memRootContains,
  memRootForceNewBlock,
} from './mem-root-blocks.ts';
import { memRootBlocks } from './mem-root-check.ts';
import {
  memRootAllocatedSize,
  memRootBlockSize,
  memRootInit,
  memRootInited,
  memRootMaxCapacity,
  memRootPeekStart,
  memRootRawCommit,
  memRootSetBlockSize,
  memRootSetErrorForCapacityExceeded,
  memRootSetErrorHandler,
  memRootSetMaxCapacity,
} from './mem-root-state.ts';
import { ROOT_KEY, RootKit } from './mem-root-test-kit.ts';
import { memRootAlloc } from './mem-root.ts';
import { myKeyOf } from './my-malloc.ts';

let k: RootKit;
let mem: Int32Array;
let one: Thread;
let root: number;
let other: number;
let raised: string[];
let envOf: RootKit['envOf'];
let failNext: RootKit['failNext'];
let sizes: RootKit['sizes'];
let payload: RootKit['payload'];
let left: RootKit['left'];
let clearAll: RootKit['clearAll'];

beforeEach(() => {
  k = new RootKit();
  ({ mem, one, root, other, raised, envOf, failNext, sizes, payload, left, clearAll } = k);
});

describe('a new root', () => {
  it('has block size 512, no key, no limit, no block', () => {
    memRootInit(mem, root);
    expect(memRootBlockSize(mem, root)).toBe(512);
    expect(getU53(mem, root + MEM_ROOT.at.origBlockSize)).toBe(512);
    expect(mem[root + MEM_ROOT.at.psiKey]).toBe(0);
    expect([memRootMaxCapacity(mem, root), memRootAllocatedSize(mem, root)]).toEqual([0, 0]);
    expect(memRootInited(mem, root)).toBe(true);
    expect(sizes(envOf())).toEqual([]);
    expect(left()).toBe(0);
    expect(() => memRootInit(mem, root + 1)).toThrow('must be even');
  });

  it('gives an address for 0 bytes, and no block', () => {
    expect(memRootAlloc(one, envOf(), root, 0)).not.toBe(NIL);
    expect(sizes(envOf())).toEqual([]);
  });

  it('of zeros is not inited, and serves all the same', () => {
    const env = envOf();
    mem.fill(0, root, root + MEM_ROOT.words);
    expect(memRootInited(mem, root)).toBe(false);
    const at = memRootAlloc(one, env, root, 20);
    expect(sizes(env)).toEqual([24]);
    expect(at).toBe(payload(env, 0));
    memRootClear(one, env, root);
    expect(memRootInited(mem, root)).toBe(false);
    clearAll(env);
  });

  it('set_block_size sets planned and original size', () => {
    const env = envOf();
    memRootSetBlockSize(mem, root, 1000);
    memRootAlloc(one, env, root, 8);
    expect(sizes(env)).toEqual([1000]);
    memRootClear(one, env, root);
    expect(memRootBlockSize(mem, root)).toBe(1000);
    memRootSetBlockSize(mem, root, 0);
    expect(memRootInited(mem, root)).toBe(false);
  });
});

describe('Alloc', () => {
  it('rounds up to 8 and moves on', () => {
    const env = envOf();
    const a = memRootAlloc(one, env, root, 1);
    const b = memRootAlloc(one, env, root, 8);
    const c = memRootAlloc(one, env, root, 9);
    const d = memRootAlloc(one, env, root, 0);
    expect([b - a, c - b, d - c]).toEqual([2, 2, 4]);
    expect(a % 2).toBe(0);
    expect(a).toBe(payload(env, 0));
    expect(memRootAlloc(one, env, root, 512 - 32)).toBe(d);
    expect(left()).toBe(0);
    expect(memRootAlloc(one, env, root, 0)).toBe(a + 128);
    expect(sizes(env)).toEqual([512]);
    clearAll(env);
  });

  it('never uses what is left of the old block', () => {
    const env = envOf();
    memRootAlloc(one, env, root, 500);
    const at = memRootAlloc(one, env, root, 16);
    expect(sizes(env)).toEqual([768, 512]);
    expect(at).toBe(payload(env, 0));
    expect(memRootAlloc(one, env, root, 8)).toBe(at + 4);
    clearAll(env);
  });

  it('an oversized block of an empty root is current, and full', () => {
    const env = envOf();
    const at = memRootAlloc(one, env, root, 600);
    expect(sizes(env)).toEqual([600]);
    expect(at).toBe(payload(env, 0));
    expect(left()).toBe(0);
    expect(memRootPeekStart(mem, root)).toBe(4 * at + 600);
    memRootAlloc(one, env, root, 8);
    expect(sizes(env)).toEqual([768, 600]);
    clearAll(env);
  });

  it('links other oversized blocks second to last', () => {
    const env = envOf();
    const a = memRootAlloc(one, env, root, 100);
    const big = memRootAlloc(one, env, root, 768);
    expect(sizes(env)).toEqual([512, 768]);
    expect(big).toBe(payload(env, 1));
    // The current block goes on serving.
    expect(memRootAlloc(one, env, root, 8)).toBe(a + 26);
    memRootAlloc(one, env, root, 4000);
    expect(sizes(env)).toEqual([512, 4000, 768]);
    expect(memRootAllocatedSize(mem, root)).toBe(512 + 4000 + 768);
    clearAll(env);
  });

  it('takes a request of exactly the planned size for oversized', () => {
    const env = envOf();
    memRootAlloc(one, env, root, 512);
    memRootAlloc(one, env, root, 761);
    expect(sizes(env)).toEqual([512, 768]);
    expect(left()).toBe(0);
    clearAll(env);
  });

  it('grows after every block, oversized ones too', () => {
    const env = envOf();
    memRootAlloc(one, env, root, 8);
    expect(memRootBlockSize(mem, root)).toBe(768);
    memRootAlloc(one, env, root, 5000);
    expect(memRootBlockSize(mem, root)).toBe(1152);
    memRootAlloc(one, env, root, 512);
    expect(sizes(env)).toEqual([1152, 512, 5000]);
    clearAll(env);
  });

  it('has the key of the root, and the accounts see the headers', () => {
    const env = envOf();
    memRootAlloc(one, env, root, 8);
    const [block] = memRootBlocks(mem, env, root);
    expect(myKeyOf(mem, block.at)).toBe(ROOT_KEY);
    expect(memRootAllocatedSize(mem, root)).toBe(512);
    expect(k.kit.account(ROOT_KEY).currentBytes).toBe(512 + 16 + 32);
    clearAll(env);
  });

  it('serves more than 2 GiB from a block that has as much', () => {
    // No such block fits into a test: only its bounds are made.
    const { freeStart, freeEnd } = MEM_ROOT.at;
    mem[root + freeStart] = 1000;
    mem[root + freeEnd] = 2 ** 30;
    expect(memRootAlloc(one, envOf(), root, 2 ** 31 + 1)).toBe(1000);
    expect(mem[root + freeStart]).toBe(1000 + 2 ** 29 + 2);
    memRootInit(mem, root, ROOT_KEY);
  });

  it('refuses what is no size', () => {
    const env = envOf();
    expect(() => memRootAlloc(one, env, root, -8)).toThrow(RangeError);
    expect(memRootAlloc(one, env, root, 2 ** 32)).toBe(NIL);
    expect(memRootAlloc(one, env, root, 2 ** 40 + 8)).toBe(NIL);
    expect(sizes(env)).toEqual([]);
    memRootAlloc(one, env, root, 8);
    // 2^32 + 8 is 8 in 32 bits, and there are 504 bytes left.
    expect(memRootAlloc(one, env, root, 2 ** 32 + 8)).toBe(NIL);
    clearAll(env);
  });
});

describe('growth', () => {
  it.each([
    [512, [512, 768, 1152, 1728, 2592, 3888, 5832, 8752, 13128, 19688, 29528, 44288]],
    [1024, [1024, 1536, 2304, 3456, 5184, 7776, 11664, 17496, 26248, 39368, 59056]],
    [8192, [8192, 12288, 18432, 27648, 41472, 62208, 93312, 139968]],
  ])('from %i', (first, list) => {
    const env = envOf();
    memRootInit(mem, root, ROOT_KEY, first);
    for (const bytes of list) {
      expect(memRootForceNewBlock(one, env, root, 0)).toBe(false);
      expect(left()).toBe(bytes);
    }
    expect(sizes(env)).toEqual(list.toReversed());
    expect(memRootAllocatedSize(mem, root)).toBe(list.reduce((sum, b) => sum + b, 0));
    clearAll(env);
  });

  it('does not round the planned size', () => {
    const env = envOf();
    for (let i = 0; i < 7; i++) memRootForceNewBlock(one, env, root, 0);
    expect(memRootBlockSize(mem, root)).toBe(8748);
    memRootForceNewBlock(one, env, root, 0);
    expect(memRootBlockSize(mem, root)).toBe(13122);
    memRootInit(mem, other, ROOT_KEY, 5);
    memRootForceNewBlock(one, env, other, 0);
    expect(memRootBlockSize(mem, other)).toBe(7);
    clearAll(env);
  });

  it('happens on successful blocks only', () => {
    const env = envOf();
    failNext(1);
    expect(memRootForceNewBlock(one, env, root, 0)).toBe(true);
    expect(memRootBlockSize(mem, root)).toBe(512);
    expect(memRootAllocatedSize(mem, root)).toBe(0);
  });

  it('stays a number, however often', () => {
    const env = envOf();
    memRootSetMaxCapacity(mem, root, 8);
    memRootSetBlockSize(mem, root, 2 ** 53 - 1);
    expect(memRootAlloc(one, env, root, 8)).not.toBe(NIL);
    expect(memRootBlockSize(mem, root)).toBe(2 ** 53 - 1);
    clearAll(env);
  });
});

describe('capacity', () => {
  it('clips the last block', () => {
    const env = envOf();
    memRootSetMaxCapacity(mem, root, 1000);
    memRootAlloc(one, env, root, 512);
    memRootAlloc(one, env, root, 100);
    expect(sizes(env)).toEqual([488, 512]);
    expect(memRootAllocatedSize(mem, root)).toBe(1000);
    expect(memRootBlockSize(mem, root)).toBe(1152);
    expect(memRootAlloc(one, env, root, 384)).not.toBe(NIL);
    expect(memRootAlloc(one, env, root, 8)).toBe(NIL);
    expect(raised).toEqual([]);
    expect(k.handled).toBe(0);
    clearAll(env);
  });

  it('clips to the byte', () => {
    const env = envOf();
    memRootSetMaxCapacity(mem, root, 13);
    expect(memRootAlloc(one, env, root, 16)).toBe(NIL);
    const at = memRootAlloc(one, env, root, 8);
    expect(sizes(env)).toEqual([13]);
    expect(left()).toBe(5);
    memRootRawCommit(mem, root, 5);
    expect(memRootPeekStart(mem, root)).toBe(4 * at + 13);
    expect(memRootContains(mem, env, root, at + 3)).toBe(true);
    expect(memRootContains(mem, env, root, at + 4)).toBe(false);
    clearAll(env);
  });

  it('does not clip an oversized block', () => {
    const env = envOf();
    memRootSetMaxCapacity(mem, root, 1000);
    memRootAlloc(one, env, root, 8);
    expect(memRootAlloc(one, env, root, 800)).toBe(NIL);
    expect(memRootBlockSize(mem, root)).toBe(768);
    clearAll(env);
  });

  it('is 0 when more is there already', () => {
    const env = envOf();
    memRootAlloc(one, env, root, 512);
    memRootSetMaxCapacity(mem, root, 100);
    expect(memRootAlloc(one, env, root, 8)).toBe(NIL);
    // A block of nothing is within the limit.
    expect(memRootForceNewBlock(one, env, root, 0)).toBe(false);
    expect(sizes(env)).toEqual([0, 512]);
    memRootSetMaxCapacity(mem, root, 0);
    expect(memRootAlloc(one, env, root, 8)).not.toBe(NIL);
    clearAll(env);
  });

  it('with the error flag raises error 34, and allocates in full', () => {
    const env = envOf();
    memRootSetMaxCapacity(mem, root, 1000);
    memRootSetErrorForCapacityExceeded(mem, root, true);
    memRootAlloc(one, env, root, 1000);
    expect(raised).toEqual([]);
    memRootClear(one, env, root);
    memRootAlloc(one, env, root, 512);
    expect(memRootAlloc(one, env, root, 100)).not.toBe(NIL);
    expect(raised).toEqual(['34 Memory capacity exceeded (capacity 1000 bytes)']);
    expect(memRootAlloc(one, env, root, 5000)).not.toBe(NIL);
    expect(raised.length).toBe(2);
    expect(sizes(env)).toEqual([768, 5000, 512]);
    expect(k.kit.log.lines).toEqual([]);
    clearAll(env);
  });

  it('survives Clear, and the flag too', () => {
    const env = envOf();
    memRootSetMaxCapacity(mem, root, 1000);
    memRootSetErrorForCapacityExceeded(mem, root, true);
    memRootAlloc(one, env, root, 8);
    memRootClear(one, env, root);
    expect(memRootMaxCapacity(mem, root)).toBe(1000);
    expect(mem[root + MEM_ROOT.at.errorForCapacityExceeded]).toBe(1);
  });
});

describe('out of memory', () => {
  it('is raised, logged, and told to the handler; the root is as before', () => {
    const env = envOf();
    memRootSetErrorHandler(mem, root, true);
    memRootAlloc(one, env, root, 512);
    failNext(1);
    expect(memRootAlloc(one, env, root, 8)).toBe(NIL);
    const text = 'Out of memory (Needed 816 bytes)';
    expect(raised).toEqual([`5 fatal ${text}`]);
    expect(k.kit.log.lines.map((l) => l.text)).toEqual([text]);
    expect(k.handled).toBe(1);
    expect(sizes(env)).toEqual([512]);
    expect(memRootAlloc(one, env, root, 8)).not.toBe(NIL);
    clearAll(env);
  });

  it('is told to nobody when no handler is set', () => {
    const env = envOf();
    failNext(2);
    expect(memRootAlloc(one, env, root, 8)).toBe(NIL);
    expect(memRootAlloc(one, env, root, 8000)).toBe(NIL);
    expect(k.handled).toBe(0);
    memRootSetErrorHandler(mem, root, true);
    failNext(1);
    expect(memRootAlloc(one, envOf({ errorHandler: () => undefined }), root, 8)).toBe(NIL);
    expect(k.handled).toBe(0);
  });
});

describe('versions', () => {
  it('ForceNewBlock(2048) on a root that plans 1152', () => {
    for (const [version, bytes] of [
      ['8.0', 1152],
      ['newer', 2048],
    ] as const) {
      const env = envOf({ version });
      memRootForceNewBlock(one, env, root, 0);
      memRootForceNewBlock(one, env, root, 0);
      expect(memRootBlockSize(mem, root)).toBe(1152);
      expect(memRootForceNewBlock(one, env, root, 2041)).toBe(false);
      expect(left()).toBe(bytes);
      clearAll(env);
    }
  });

  it('a block has a header of 16 bytes, of 8 in older 8.0.2x', () => {
    expect([MEM_ROOT_BLOCK.words, MEM_ROOT_BLOCK_PREV.words]).toEqual([4, 2]);
    for (const [version, words] of [
      ['8.0', 4],
      ['8.0.2x', 2],
    ] as const) {
      const env = envOf({ version });
      const at = memRootAlloc(one, env, root, 8);
      const [block] = memRootBlocks(mem, env, root);
      expect(at - block.at).toBe(words);
      expect(block.bytes).toBe(512);
      clearAll(env);
    }
  });

  it('a block of older 8.0.2x does not know its end', () => {
    const env = envOf({ version: '8.0.2x' });
    const at = memRootAlloc(one, env, root, 8);
    expect(() => memRootContains(mem, env, root, at)).toThrow('not in this version');
    clearAll(env);
  });

  it('with a sanitizer each allocation is a block, and nothing grows', () => {
    const env = envOf({ singleChunks: true });
    for (const bytes of [8, 100, 20]) memRootAlloc(one, env, root, bytes);
    expect(sizes(env)).toEqual([8, 24, 104]);
    expect(memRootBlockSize(mem, root)).toBe(512);
    memRootClearForReuse(one, env, root);
    expect(sizes(env)).toEqual([]);
    clearAll(env);
  });
});
