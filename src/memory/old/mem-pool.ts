/**
 * The buddy pool `mem_pool_t` of 5.1 to 5.6 (facts A 4.2): areas of 2^i bytes in 64 free lists under one mutex. What does
 * not fit comes from `ut_malloc`, after the mutex has been released. A free area is merged with its buddy level by level,
 * and the mutex is taken anew for each: in between, the merged area is allocated like any other.
 *
 * Sizes and offsets are in bytes, addresses in words; a payload is 8-byte aligned.
 */
import { MEM_POOL, MEM_POOL_LISTS } from '../../layout/mem-pool.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { UT_LIST_BASE } from '../../layout/ut0mem.ts';
import { addU53, getU53, setU53 } from '../../layout/words.ts';
import { LATCH } from '../../sync/latch-meta.ts';
import { mutexEnter, mutexExit, mutexInit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import {
  areaBuddy,
  areaBytes,
  areaIsFree,
  areaSet,
  areaSetFree,
  floorLog2,
  MEM_AREA_EXTRA_SIZE,
  MEM_AREA_EXTRA_SIZE_32,
  ut2Exp,
  ut2Log,
} from './mem-area.ts';
import { freeFault, headFault, poolCorruption } from './mem-pool-fault.ts';
import {
  ADDITIONAL_MEM_POOL_SIZE,
  MEM_POOL_ASSERTED_BYTES,
  memCommPoolBytes,
  MemPool,
  type MemPoolLine,
} from './mem-pool-state.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';
import { utListAddFirst, utListInit, utListRemove } from './ut0lst.ts';
import { utFree, utMalloc, utMallocLow, type UtMem } from './ut0mem.ts';

const { mutex: MUTEX, buf: BUF, size: SIZE, headerBytes: HEADER_BYTES, line: LINE } = MEM_POOL.at;
const { exitThreads: EXIT_THREADS, reserved: RESERVED, threadsInside: INSIDE } = MEM_POOL.at;
const { start: START } = UT_LIST_BASE.at;
const NONE = -1;

export { ADDITIONAL_MEM_POOL_SIZE, memCommPoolBytes, MEM_POOL_ASSERTED_BYTES, MemPool, type MemPoolLine };

export interface MemPoolOptions {
  readonly bytes: number;
  readonly line: MemPoolLine;
  /** Width of a word; 64 when absent. */
  readonly bits?: 32 | 64;
}

/**
 * `mem_pool_create`: makes a pool at `at` (MEM_POOL), with memory from `ut_malloc_low`, before it is shared.
 * @throws OutOfMemoryFatal no memory for it
 * @throws Error a size that 5.1 does not accept
 */
export function memPoolCreate(
  thr: Thread,
  at: number,
  ut: UtMem,
  o: MemPoolOptions,
  site: AllocSite = NO_SITE,
): MemPool {
  const { mem } = thr;
  if (o.line === '5.1' && o.bytes <= MEM_POOL_ASSERTED_BYTES) {
    throw new Error(`assertion: a pool of ${o.bytes} bytes, size > ${MEM_POOL_ASSERTED_BYTES}`);
  }
  mem.fill(0, at, at + MEM_POOL.words);
  mutexInit(mem, at + MUTEX, LATCH.memPool);
  mem[at + BUF] = utMallocLow(thr, ut, o.bytes, false, true, site);
  mem[at + HEADER_BYTES] = o.bits === 32 ? MEM_AREA_EXTRA_SIZE_32 : MEM_AREA_EXTRA_SIZE;
  setU53(mem, at + SIZE, o.bytes);
  mem[at + LINE] = o.line === '5.1' ? 0 : 1;
  const pool = new MemPool(mem, at, ut);
  for (let i = 0; i < MEM_POOL_LISTS; i++) utListInit(mem, pool.list(i));
  let used = 0;
  while (o.bytes - used >= pool.minBytes) {
    const i = floorLog2(o.bytes - used);
    addFree(pool, pool.buf + used / WORD_BYTES, i);
    used += ut2Exp(i);
  }
  return pool;
}

/** `mem_pool_free`: gives the memory of a pool back, with all that is allocated in it. Nobody may use the pool. */
export function memPoolFree(thr: Thread, pool: MemPool, site: AllocSite = NO_SITE): void {
  utFree(thr, pool.ut, pool.buf, site);
}

/** Late in a shutdown, when a single thread is left: from here on the free side of a 5.5 pool takes no mutex. */
export function memPoolExitThreads(mem: Int32Array, at: number): void {
  Atomics.store(mem, at + EXIT_THREADS, 1);
}

/**
 * `mem_area_alloc`: n bytes of the pool; of `ut_malloc` when the pool has no room. Takes the pool's mutex, and may sleep
 * after that as utMalloc does.
 * @returns the payload's address
 * @throws OutOfMemoryFatal neither has room
 * @throws MemoryCorruption a free list is damaged; nothing is changed then
 */
export function memAreaAlloc(thr: Thread, pool: MemPool, n: number, site: AllocSite = NO_SITE): number {
  if (pool.sysMalloc) return utMallocLow(thr, pool.ut, n, false, false, site);
  const { mem, at } = pool;
  const k = ut2Log(Math.max(n + pool.headerBytes, pool.minBytes));
  mutexEnter(thr, at + MUTEX);
  enterPool(mem, at);
  const from = firstList(pool, k);
  const fault = from === NONE ? null : headFault(pool, from);
  const area = from === NONE || fault !== null ? NIL : takeArea(pool, k, from);
  mem[at + INSIDE]--;
  mutexExit(thr, at + MUTEX);
  if (fault !== null) throw poolCorruption(thr, pool, fault);
  return area === NIL ? utMalloc(thr, pool.ut, n, site) : area + pool.headerBytes / WORD_BYTES;
}

/**
 * The bytes that a block from memAreaAlloc(n) has: what `mem_area_alloc` stores in the caller's size variable from 5.5
 * on. Before that, and for a block from elsewhere, n. For the block's owner.
 */
export function memAreaUsable(pool: MemPool, p: number, n: number): number {
  if (!pool.is55 || pool.sysMalloc || isOutside(pool, p)) return n;
  return areaBytes(pool, p - pool.headerBytes / WORD_BYTES) - pool.headerBytes;
}

/**
 * `mem_area_free`: a block of the pool, or one that `ut_malloc` gave in its stead. Takes the pool's mutex once, and once
 * more for each buddy that the area is merged with. NIL does nothing.
 * @throws MemoryCorruption when it is no live block, or a header nearby is damaged; nothing is changed then
 */
export function memAreaFree(thr: Thread, pool: MemPool, p: number, site: AllocSite = NO_SITE): void {
  if (pool.sysMalloc || isOutside(pool, p)) {
    utFree(thr, pool.ut, p, site);
    return;
  }
  let area = p - pool.headerBytes / WORD_BYTES;
  while (area !== NIL) area = freeOrMerge(thr, pool, area);
}

/**
 * Puts an allocated area into its list and returns NIL; or merges it with its buddy and returns the merged area, which
 * is allocated.
 */
function freeOrMerge(thr: Thread, pool: MemPool, area: number): number {
  const { mem, at } = pool;
  // Looked at once: whoever has entered must exit.
  const latched = !pool.is55 || Atomics.load(mem, at + EXIT_THREADS) === 0;
  if (latched) mutexEnter(thr, at + MUTEX);
  enterPool(mem, at);
  const fault = freeFault(pool, area);
  const merged = fault === null ? giveBack(pool, area) : NIL;
  mem[at + INSIDE]--;
  if (latched) mutexExit(thr, at + MUTEX);
  if (fault !== null) throw poolCorruption(thr, pool, fault);
  return merged;
}

/** `mem_pool_get_reserved`: bytes of allocated areas, headers included. Takes the pool's mutex. */
export function memPoolGetReserved(thr: Thread, pool: MemPool): number {
  const { mem, at } = pool;
  mutexEnter(thr, at + MUTEX);
  const reserved = getU53(mem, at + RESERVED);
  mutexExit(thr, at + MUTEX);
  return reserved;
}

function isOutside(pool: MemPool, p: number): boolean {
  return p < pool.buf || (p - pool.buf) * WORD_BYTES >= pool.bytes;
}

/** Counts the thread that is inside now: it must be alone. */
function enterPool(mem: Int32Array, at: number): void {
  if (++mem[at + INSIDE] !== 1) {
    throw new Error(`assertion: mem_n_threads_inside == 1, but it is ${mem[at + INSIDE]}`);
  }
}

/** The first list from k on that is not empty; NONE: no area is large enough. */
function firstList(pool: MemPool, k: number): number {
  for (let i = k; i < MEM_POOL_LISTS; i++) if (pool.mem[pool.list(i) + START] !== NIL) return i;
  return NONE;
}

/** Allocates the head of list k, which `mem_pool_fill_free_list` fills first: list `from` has the area to split. */
function takeArea(pool: MemPool, k: number, from: number): number {
  const { mem, at, prev, next } = pool;
  for (let i = from - 1; i >= k; i--) {
    const whole = mem[pool.list(i + 1) + START];
    utListRemove(mem, pool.list(i + 1), whole, prev, next);
    addFree(pool, whole + ut2Exp(i) / WORD_BYTES, i);
    addFree(pool, whole, i);
  }
  const area = mem[pool.list(k) + START];
  areaSetFree(pool, area, false);
  utListRemove(mem, pool.list(k), area, prev, next);
  addU53(mem, at + RESERVED, ut2Exp(k));
  return area;
}

/** Frees one level of a sound area; see freeOrMerge. */
function giveBack(pool: MemPool, area: number): number {
  const { mem, at } = pool;
  const bytes = areaBytes(pool, area);
  const k = ut2Log(bytes);
  const buddy = areaBuddy(pool, area, bytes);
  if (buddy === NIL || !areaIsFree(pool, buddy) || areaBytes(pool, buddy) !== bytes) {
    addFree(pool, area, k);
    addU53(mem, at + RESERVED, -bytes);
    return NIL;
  }
  const lower = Math.min(area, buddy);
  areaSet(pool, lower, 2 * bytes, false);
  utListRemove(mem, pool.list(k), buddy, pool.prev, pool.next);
  addU53(mem, at + RESERVED, bytes);
  return lower;
}

/** Makes the 2^i bytes at an address a free area, the first of its list. */
function addFree(pool: MemPool, area: number, i: number): void {
  areaSet(pool, area, ut2Exp(i), true);
  utListAddFirst(pool.mem, pool.list(i), area, pool.prev, pool.next);
}
