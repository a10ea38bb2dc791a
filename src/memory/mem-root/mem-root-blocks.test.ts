import { beforeEach, describe, expect, it } from 'vitest';
import { MEM_ROOT, MEM_ROOT_BLOCK } from '../../layout/mem-root.ts';
import { NIL } from '../../layout/schema.ts';
import { setU53 } from '../../layout/words.ts';
import type { Thread } from '../../sync/thread.ts';
import { MemoryCorruption } from '../ut/corruption.ts';
import { heapLiveBlocks } from '../heap/malloc.ts';
import {
  memRootClaim,
  memRootClear,
  memRootClearForReuse,
  memRootContains,
  memRootForceNewBlock,
  memRootMoveAssign,
  TRASH,
} from './mem-root-blocks.ts';
import { memRootBlocks, memRootDamage } from './mem-root-check.ts';
import {
  memRootAllocatedSize,
  memRootBlockSize,
  memRootMaxCapacity,
  memRootMove,
  memRootPeekEnd,
  memRootPeekStart,
  memRootRawCommit,
  memRootSetErrorForCapacityExceeded,
  memRootSetErrorHandler,
  memRootSetMaxCapacity,
} from './mem-root-state.ts';
import { ROOT_KEY, RootKit } from './mem-root-test-kit.ts';
import { memRootAlloc } from './mem-root.ts';
import { MY_HEADER_WORDS, myOwnerOf } from './my-malloc.ts';

let k: RootKit;
let mem: Int32Array;
let one: Thread;
let two: Thread;
let root: number;
let other: number;
let envOf: RootKit['envOf'];
let sizes: RootKit['sizes'];
let payload: RootKit['payload'];
let left: RootKit['left'];
let clearAll: RootKit['clearAll'];

beforeEach(() => {
  k = new RootKit();
  ({ mem, one, two, root, other, envOf, sizes, payload, left, clearAll } = k);
});

describe('Clear', () => {
  it('does nothing to an empty root', () => {
    const env = envOf();
    memRootClear(one, env, root);
    memRootClearForReuse(one, env, root);
    expect(sizes(env)).toEqual([]);
  });

  it('starts again', () => {
    const env = envOf();
    for (let i = 0; i < 50; i++) memRootAlloc(one, env, root, 100);
    memRootClear(one, env, root);
    expect([memRootBlockSize(mem, root), memRootAllocatedSize(mem, root), left()]).toEqual([512, 0, 0]);
    memRootAlloc(one, env, root, 8);
    expect(sizes(env)).toEqual([512]);
    clearAll(env);
  });

  it.each([true, false])('frees a root that lies in itself (checked: %s)', (checked) => {
    const env = envOf({ checked });
    const self = memRootAlloc(one, env, root, MEM_ROOT.words * 4);
    memRootMove(mem, self, root);
    for (let i = 0; i < 20; i++) memRootAlloc(one, env, self, 100);
    memRootClear(one, env, self);
    clearAll(env);
  });

  it('overwrites what it frees, in checked runs', () => {
    const env = envOf();
    const at = memRootAlloc(one, env, root, 512);
    mem.fill(1, at, at + 128);
    memRootClear(one, env, root);
    // The heap may have put its own words at the start of the block, header included.
    expect(mem.subarray(at, at + 128).every((w) => w === TRASH)).toBe(true);
    const again = memRootAlloc(one, envOf({ checked: false }), root, 512);
    mem.fill(1, again, again + 128);
    memRootClear(one, envOf({ checked: false }), root);
    expect(mem[again + 64]).toBe(1);
    clearAll(env);
  });
});

describe('ClearForReuse', () => {
  it('keeps the current block, empty, and the planned size', () => {
    const env = envOf();
    for (let i = 0; i < 8; i++) memRootAlloc(one, env, root, 200);
    expect(sizes(env)).toEqual([1152, 768, 512]);
    memRootClearForReuse(one, env, root);
    expect(sizes(env)).toEqual([1152]);
    expect([memRootBlockSize(mem, root), memRootAllocatedSize(mem, root), left()]).toEqual([
      1728, 1152, 1152,
    ]);
    expect(memRootAlloc(one, env, root, 8)).toBe(payload(env, 0));
    clearAll(env);
  });

  it('makes room in an oversized block that is the only one', () => {
    const env = envOf();
    const at = memRootAlloc(one, env, root, 600);
    memRootClearForReuse(one, env, root);
    expect(memRootAlloc(one, env, root, 600)).toBe(at);
    clearAll(env);
  });

  it('keeps the odd bytes of a clipped block, after an odd commit', () => {
    const env = envOf();
    memRootSetMaxCapacity(mem, root, 21);
    memRootForceNewBlock(one, env, root, 0);
    memRootRawCommit(mem, root, 3);
    memRootClearForReuse(one, env, root);
    expect([left(), memRootAllocatedSize(mem, root)]).toEqual([21, 21]);
    clearAll(env);
  });

  it('overwrites what it keeps, in checked runs', () => {
    const env = envOf();
    const at = memRootAlloc(one, env, root, 64);
    mem.fill(1, at, at + 16);
    memRootClearForReuse(one, env, root);
    expect(mem.subarray(at, at + 16).every((w) => w === TRASH)).toBe(true);
    clearAll(env);
  });
});

describe('Contains', () => {
  it('counts block headers, and all of a block', () => {
    const env = envOf();
    memRootAlloc(one, env, root, 8);
    memRootAlloc(one, env, root, 4000);
    for (const { at, bytes } of memRootBlocks(mem, env, root)) {
      const end = at + 4 + bytes / 4;
      expect([at - 1, at, at + 4, end - 1, end].map((p) => memRootContains(mem, env, root, p))).toEqual([
        false,
        true,
        true,
        true,
        false,
      ]);
    }
    expect(memRootContains(mem, env, root, root)).toBe(false);
    expect(memRootContains(mem, env, other, memRootAlloc(one, env, root, 8))).toBe(false);
    clearAll(env);
  });
});

describe('Peek and RawCommit', () => {
  it('take exactly so many bytes', () => {
    const env = envOf();
    memRootForceNewBlock(one, env, root, 0);
    const start = memRootPeekStart(mem, root);
    expect(memRootPeekEnd(mem, root) - start).toBe(512);
    memRootRawCommit(mem, root, 3);
    expect(memRootPeekStart(mem, root)).toBe(start + 3);
    memRootRawCommit(mem, root, 0);
    memRootRawCommit(mem, root, 6);
    expect(left()).toBe(503);
    memRootRawCommit(mem, root, 7);
    expect(memRootAlloc(one, env, root, 8) * 4).toBe(start + 16);
    clearAll(env);
  });

  it('take no more than there is', () => {
    const env = envOf();
    expect(() => memRootRawCommit(mem, root, 1)).toThrow('RawCommit(1) with 0 bytes left');
    memRootForceNewBlock(one, env, root, 0);
    memRootRawCommit(mem, root, 509);
    expect(() => memRootRawCommit(mem, root, 4)).toThrow('with 3 bytes left');
    expect(() => memRootRawCommit(mem, root, -1)).toThrow(RangeError);
    memRootRawCommit(mem, root, 3);
    expect(left()).toBe(0);
    clearAll(env);
  });

  it('after an odd number Alloc is refused, until a block is forced', () => {
    const env = envOf();
    memRootForceNewBlock(one, env, root, 0);
    memRootRawCommit(mem, root, 9);
    for (const bytes of [0, 8, 600]) {
      expect(() => memRootAlloc(one, env, root, bytes)).toThrow('no multiple of 8');
    }
    memRootForceNewBlock(one, env, root, 0);
    expect(memRootAlloc(one, env, root, 8)).toBe(payload(env, 0));
    clearAll(env);
  });
});

describe('moving', () => {
  it('takes everything; the source starts again with its limits', () => {
    const env = envOf();
    memRootSetMaxCapacity(mem, root, 5000);
    memRootSetErrorForCapacityExceeded(mem, root, true);
    memRootSetErrorHandler(mem, root, true);
    const a = memRootAlloc(one, env, root, 8);
    memRootAlloc(one, env, root, 800);
    memRootMove(mem, other, root);
    expect(sizes(env, other)).toEqual([512, 800]);
    expect(sizes(env)).toEqual([]);
    expect(memRootAlloc(one, env, other, 8)).toBe(a + 2);
    const { errorForCapacityExceeded: FLAG, errorHandler: HANDLER, psiKey } = MEM_ROOT.at;
    for (const at of [root, other]) {
      expect([memRootMaxCapacity(mem, at), mem[at + FLAG], mem[at + HANDLER], mem[at + psiKey]]).toEqual([
        5000,
        1,
        1,
        ROOT_KEY,
      ]);
    }
    expect([memRootBlockSize(mem, other), memRootBlockSize(mem, root)]).toEqual([1152, 512]);
    expect([memRootAllocatedSize(mem, other), memRootAllocatedSize(mem, root)]).toEqual([1312, 0]);
    expect(memRootAlloc(one, env, root, 0)).not.toBe(NIL);
    clearAll(env);
  });

  it('of an empty root leaves two that serve', () => {
    const env = envOf();
    memRootMove(mem, other, root);
    expect(memRootAlloc(one, env, other, 0)).toBe(other + MEM_ROOT.at.dummy);
    expect(memRootAlloc(one, env, root, 0)).toBe(root + MEM_ROOT.at.dummy);
    memRootAlloc(one, env, other, 8);
    expect(sizes(env, other)).toEqual([512]);
    clearAll(env);
  });

  it('takes odd bytes along', () => {
    const env = envOf();
    memRootForceNewBlock(one, env, root, 0);
    memRootRawCommit(mem, root, 5);
    memRootMove(mem, other, root);
    expect(memRootPeekEnd(mem, other) - memRootPeekStart(mem, other)).toBe(507);
    expect(memRootAlloc(one, env, root, 8)).not.toBe(NIL);
    clearAll(env);
  });

  it('by assignment clears the target first', () => {
    const env = envOf();
    memRootAlloc(one, env, other, 3000);
    memRootAlloc(one, env, root, 8);
    memRootMoveAssign(one, env, other, root);
    expect(sizes(env, other)).toEqual([512]);
    expect(heapLiveBlocks(mem, k.kit.os)).toBe(1);
    memRootMoveAssign(one, env, other, other);
    expect(sizes(env, other)).toEqual([]);
    expect(memRootAlloc(one, env, other, 8)).not.toBe(NIL);
    clearAll(env);
  });
});

describe('Claim', () => {
  it('hands every block over', () => {
    const env = envOf();
    memRootAlloc(one, env, root, 8);
    memRootAlloc(one, env, root, 600);
    memRootAlloc(one, env, root, 9000);
    const owners = (): number[] => memRootBlocks(mem, env, root).map((b) => myOwnerOf(mem, b.at));
    expect(owners()).toEqual([1, 1, 1]);
    memRootClaim(one, env, root, false);
    expect(owners()).toEqual([0, 0, 0]);
    memRootClaim(two, env, root, true);
    expect(owners()).toEqual([2, 2, 2]);
    memRootClear(two, env, root);
    clearAll(env);
  });
});

describe('a damaged root', () => {
  const at = (i: number): number => memRootBlocks(mem, envOf(), root)[i].at;

  it.each([
    [
      'the end of a block',
      (): void => setU53(mem, at(1) + MEM_ROOT_BLOCK.at.end, 4),
      'the end of a block is 4, not',
    ],
    ['a link', (): void => void (mem[at(0)] = 44), 'a link leads out of the memory'],
    ['a circle', (): void => void (mem[at(2)] = at(0)), 'linked in a circle'],
    ['magic', (): void => void (mem[at(2) - MY_HEADER_WORDS + 1] = 5), 'the magic number of a block is 5'],
    ['its size', (): void => setU53(mem, root + MEM_ROOT.at.allocatedSize, 9), 'allocated_size says 9'],
  ])('is found by %s, before a block is freed', (_what, damage, text) => {
    const env = envOf();
    for (let i = 0; i < 3; i++) memRootForceNewBlock(one, env, root, 0);
    expect(memRootDamage(one, env, root, 'test')).toBeNull();
    damage();
    const before = mem.slice();
    for (const act of [memRootClear, memRootClearForReuse]) {
      expect(() => act(one, env, root)).toThrow(text);
      expect(() => act(one, env, root)).toThrow(MemoryCorruption);
    }
    expect(() => memRootClaim(one, env, root, false)).toThrow(text);
    expect(mem.findIndex((w, i) => w !== before[i])).toBe(-1);
    expect(heapLiveBlocks(mem, k.kit.os)).toBe(3);
  });
});
