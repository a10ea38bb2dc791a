/** Blocks that change hands: one way to get, check and free them for each kind. */
import { SPECIAL_POOL } from '../../layout/special-pool.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import type { MemEnv } from '../../memory/env.ts';
import { memAreaAlloc, memAreaFree, type MemPool } from '../../memory/old/mem-pool.ts';
import { movableAlloc, movableFree } from '../../memory/movable/movable-heap.ts';
import type { MovableHeap } from '../../memory/movable/movable-plan.ts';
import { movableLock, movablePin, movableUnlock, movableUnpin } from '../../memory/movable/movable-read.ts';
import { myClaim, type MyEnv, myFree, myMalloc, myRealloc } from '../../memory/mem-root/my-malloc.ts';
import { MEM_KEY } from '../../memory/psi/psi-keys.ts';
import { poolAlloc, poolFree } from '../../memory/heap/special-pools.ts';
import { type UtMem, utFree as utFreeLow, utMallocLow } from '../../memory/old/ut0mem.ts';
import { type UtLibrary, utFree, utMalloc, utRealloc } from '../../memory/ut/ut-entry.ts';
import { utSite } from '../../memory/ut/ut-keys.ts';
import { here } from '../../memory/ut/site.ts';
import type { Thread } from '../../sync/thread.ts';
import type { Kind } from './yard-plan.ts';

/** Places that the leak detector names. */
const SITE = {
  ut: utSite('ut0new.cc', 1),
  my: here(),
  low: here(),
  area: here(),
  special: here(),
  movable: here(),
} as const;

/** What a thread does with blocks of one kind. A block is named by its address, or by its handle. */
export interface Blocks {
  /** @returns the block, its contents marked; NIL: there is no memory for it */
  take(bytes: number): number;
  /** @throws Error when the marks are not as they were written: the block has, or had, a second owner */
  check(block: number): void;
  give(block: number): void;
  /** Another size, contents checked on the way. @returns the block that it is now; NIL: refused, and still what it was */
  resize?(block: number, bytes: number): number;
  /** The block goes to somebody else; the block has come from somebody else. */
  leave?(block: number): void;
  adopt?(block: number): void;
}

/** Marks take a word at either end, and the size. */
export const LEAST_BYTES = 3 * WORD_BYTES;
const SALT = 0x5bd1e995;
const MOST_AREA_BYTES = 8192;

/** Writes what check expects, into a block of `bytes` at `at` that is named `block`. */
export function mark(mem: Int32Array, at: number, block: number, bytes: number): void {
  const last = at + (bytes >>> 2) - 1;
  mem[at] = block ^ SALT;
  mem[at + 1] = bytes;
  mem[last] = ~block;
}

export function checkMark(mem: Int32Array, at: number, block: number, kind: string): void {
  const bytes = mem[at + 1];
  const last = at + (bytes >>> 2) - 1;
  if (mem[at] === (block ^ SALT) && bytes >= LEAST_BYTES && mem[last] === ~block) return;
  throw new Error(
    `${kind} block ${block} at @${at}: marks are ${mem[at]} ${bytes} ${mem[last]}: it has a second owner, or was overwritten`,
  );
}

export interface BlocksOf {
  readonly thr: Thread;
  readonly env: MemEnv;
  readonly ut: UtLibrary;
  readonly my: MyEnv;
  readonly low: UtMem;
  readonly pool: MemPool;
  readonly movable: MovableHeap;
  /** First SPECIAL_POOL record, and how many there are. */
  readonly special: number;
  readonly specialPools: number;
}

/** A thread's ways to all kinds. */
export function blocksOf(o: BlocksOf): Readonly<Record<Kind, Blocks>> {
  const { thr, env, ut, my, low, pool } = o;
  const { mem } = thr;
  return {
    ut_malloc: plain(mem, 'ut_malloc', {
      take: (bytes) => utMalloc(thr, ut, bytes, MEM_KEY.rowLogBuf, SITE.ut),
      give: (p) => utFree(thr, ut, p, SITE.ut),
      resize: (p, bytes) => utRealloc(thr, ut, p, bytes, SITE.ut),
    }),
    my_malloc: plain(mem, 'my_malloc', {
      take: (bytes) => myMalloc(thr, my, MEM_KEY.stringValue, bytes, 0, SITE.my),
      give: (p) => myFree(thr, my, p, SITE.my),
      resize: (p, bytes) => myRealloc(thr, my, MEM_KEY.stringValue, p, bytes, 0, SITE.my),
      leave: (p) => myClaim(thr, my, p, false),
      adopt: (p) => myClaim(thr, my, p, true),
    }),
    ut_malloc_low: plain(mem, 'ut_malloc_low', {
      take: (bytes) => utMallocLow(thr, low, bytes, false, false, SITE.low),
      give: (p) => utFreeLow(thr, low, p, SITE.low),
    }),
    mem_area: plain(mem, 'mem_area', {
      // Larger ones would only fall through to ut_malloc.
      fit: (bytes) => Math.max(LEAST_BYTES, bytes % MOST_AREA_BYTES),
      take: (bytes) => memAreaAlloc(thr, pool, bytes, SITE.area),
      give: (p) => memAreaFree(thr, pool, p, SITE.area),
    }),
    'special pool': plain(mem, 'special pool', {
      take: (bytes) => poolAlloc(thr, env.os, specialOf(o, bytes), bytes, SITE.special),
      give: (p) => poolFree(thr, env.allOs, specialOf(o, mem[p + 1]), p, SITE.special),
    }),
    movable: movableBlocks(o),
  };
}

/** The pool of a block follows from its size, which the block itself knows. */
function specialOf({ special, specialPools }: BlocksOf, bytes: number): number {
  return special + (bytes % specialPools) * SPECIAL_POOL.words;
}

interface Calls extends Pick<Blocks, 'take' | 'give' | 'resize' | 'leave' | 'adopt'> {
  /** The size that is really asked for. */
  fit?(bytes: number): number;
}

/** Blocks that are named by their address. */
function plain(mem: Int32Array, kind: Kind, calls: Calls): Blocks {
  const check = (p: number): void => {
    checkMark(mem, p, p, kind);
  };
  const { resize } = calls;
  return {
    ...calls,
    check,
    take: (bytes) => {
      const size = calls.fit?.(bytes) ?? bytes;
      const p = calls.take(size);
      if (p !== NIL) mark(mem, p, p, size);
      return p;
    },
    ...(resize !== undefined && {
      resize: (p: number, bytes: number): number => {
        check(p);
        const [first, size] = [mem[p], mem[p + 1]];
        const q = resize(p, bytes);
        if (q === NIL) return NIL;
        if (mem[q] !== first || mem[q + 1] !== size)
          throw new Error(`${kind} block ${p}: contents lost in realloc`);
        mark(mem, q, q, bytes);
        return q;
      },
    }),
  };
}

/** Blocks that are named by a handle, and move. */
function movableBlocks({ thr, movable }: BlocksOf): Blocks {
  const { mem } = thr;
  return {
    take: (bytes) => {
      const handle = movableAlloc(thr, movable, bytes, MEM_KEY.filSpace, SITE.movable);
      if (handle === NIL) return NIL;
      const at = movableLock(thr, movable, handle);
      mark(mem, at, handle, bytes);
      movableUnlock(thr, movable, handle);
      return handle;
    },
    check: (handle) => {
      const at = movablePin(thr, movable, handle);
      checkMark(mem, at, handle, 'movable');
      movableUnpin(thr, movable, at);
    },
    give: (handle) => {
      movableFree(thr, movable, handle, SITE.movable);
    },
  };
}
