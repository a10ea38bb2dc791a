/**
 * malloc, calloc, realloc and free on a node's simulated memory, in tiers:
 *
 * | bytes         | from                                                                   | latch                      |
 * |---------------|------------------------------------------------------------------------|----------------------------|
 * | up to 512     | the thread's own list of the size class (8, 16, 32, ... 512)           | none                       |
 * |               | when that is empty or too long: a batch, from or to the class's pages  | the class's mutex          |
 * | up to 4096    | the buddy system (1, 2, 4 KiB); where it is planned so, lists in front | the buddy mutex            |
 * | more          | runs of pages                                                          | the node's mutex           |
 *
 * A block's state byte (heap-state.ts) lies outside the blocks and says whether it is live, whose, and of which class:
 * a double free, an address inside a block, a block of another layer are found for certain, before anything is changed,
 * whatever a stray write has done. A free block of a list keeps the address of the next in its first word; what a stray
 * write has made of that is found when it is looked at, as it has not the state of a free block of that list.
 *
 * Blocks are naturally aligned: those of a class of 2^n bytes on 2^n bytes, runs on a page. So 16 bytes and more are
 * 16-byte aligned, 8 bytes 8-byte aligned.
 */
import { HEAP_CACHE, HEAP_TAG, PAGE_CLASS, RUN_CLASS, SMALL_CLASSES } from '../../layout/heap.ts';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { buddyFree, buddyTake } from './heap-buddy.ts';
import { cacheLimit, checkEmpty, damagedList, refill } from './heap-central.ts';
import { bytesAt, heapFault, wrongSize } from './heap-faults.ts';
import { runFree, runTake } from './heap-run.ts';
import {
  CACHED,
  cacheOf,
  CLASS_BITS,
  CLASS_MASK,
  classOf,
  granuleOf,
  isInArea,
  LIVE,
  MAX_BUDDY_BYTES,
  MIN_BLOCK_BYTES,
  OWNER_MASK,
  PAGE_BYTES,
  roundedBytes,
  statesOf,
  TAG_SHIFT,
} from './heap-state.ts';
import { flushList, heapTrim } from './heap-trim.ts';
import { osRequestFails } from '../os/os-memory.ts';

export { heapLiveBlocks, type HeapBlock, mallocWalk } from './heap-walk.ts';
export { MAX_SMALL_BYTES, MIN_BLOCK_BYTES, roundedBytes } from './heap-state.ts';

const { mutex: OS_MUTEX, faultsOn: FAULTS_ON, base: BASE, pages: PAGES } = OS_MEMORY.at;
const { heapTopClass: TOP_CLASS } = OS_MEMORY.at;
const { head: HEAD, room: ROOM, allocs: ALLOCS, frees: FREES, refills: REFILLS } = HEAP_CACHE.at;
const { runBytesAlloc: RUN_ALLOC, runBytesFree: RUN_FREE } = HEAP_CACHE.at;
const { inPlace: IN_PLACE, refused: REFUSED } = HEAP_CACHE.at;
const PAGE_WORD_SHIFT = 10;
/** Below this many words a loop is faster than TypedArray.fill. */
const SHORT_FILL = 64;
if (PAGE_BYTES !== WORD_BYTES << PAGE_WORD_SHIFT) throw new Error('malloc.ts computes with this page size');

/**
 * `malloc`. Takes no latch while the thread's list has a block; never sleeps.
 * @param bytes 0 counts as 1
 * @param tag HEAP_TAG of the layer that asks
 * @returns address in words, 16-byte aligned (8 bytes and less: 8-byte aligned), contents undefined; NIL: refused
 *   (ENOMEM)
 * @throws MemoryCorruption when the thread's list is damaged
 */
export function malloc(thr: Thread, os: number, bytes: number, tag: number = HEAP_TAG.raw): number {
  const { mem, u8 } = thr;
  if (bytes <= MAX_BUDDY_BYTES && mem[os + FAULTS_ON] === 0) {
    const cls = bytes <= MIN_BLOCK_BYTES ? 1 : CLASS_BITS - Math.clz32(bytes - 1);
    const cache = cacheOf(mem, os, thr.id);
    const at = mem[cache + HEAD + cls];
    if (at !== NIL) {
      const granule = granuleOf(mem, os, at);
      const state = statesOf(mem, os) + granule;
      if (!isInArea(mem, os, granule) || u8[state] !== (CACHED | cls)) throw damagedList(thr, os, cls, at);
      u8[state] = LIVE | (tag << TAG_SHIFT) | cls;
      mem[cache + HEAD + cls] = mem[at];
      mem[cache + ROOM + cls]++;
      thr.f64[((cache + ALLOCS) >> 1) + cls]++;
      return at;
    }
  }
  return mallocSlow(thr, os, bytes, tag, 1);
}

/**
 * `aligned_alloc`: on a multiple of `alignment` bytes, a power of two. Up to a page this takes a block of at least that
 * size, which lies right by itself; beyond, a run that is large enough to hold such an address, whose own beginning is
 * kept for the release. `free` as any other block; `realloc` does not keep the alignment.
 * @throws RangeError when the alignment is no power of two
 */
export function mallocAligned(
  thr: Thread,
  os: number,
  bytes: number,
  alignment: number,
  tag: number = HEAP_TAG.raw,
): number {
  if (alignment < 1 || !Number.isInteger(Math.log2(alignment))) {
    throw new RangeError(`an alignment of ${alignment} bytes is no power of two`);
  }
  if (alignment <= PAGE_BYTES) return malloc(thr, os, Math.max(bytes, alignment), tag);
  return mallocSlow(thr, os, Math.max(bytes, MAX_BUDDY_BYTES + 1), tag, alignment / PAGE_BYTES);
}

/** `calloc(1, bytes)`: as malloc, but zeroed. */
export function calloc(thr: Thread, os: number, bytes: number, tag: number = HEAP_TAG.raw): number {
  const at = malloc(thr, os, bytes, tag);
  // The block is the caller's already: no latch is needed to clear it.
  if (at !== NIL) clear(thr.mem, at, at + Math.ceil(bytes / WORD_BYTES));
  return at;
}

function clear(mem: Int32Array, from: number, to: number): void {
  if (to - from > SHORT_FILL) mem.fill(0, from, to);
  else for (let i = from; i < to; i++) mem[i] = 0;
}

/**
 * `free`: NIL does nothing. Any thread may free any block: it goes into its own list. No latch while that has room.
 * @param tag as the block was asked for
 * @throws MemoryCorruption on an address that is no live block of this node and layer; nothing is changed then
 */
export function free(thr: Thread, os: number, at: number, tag: number = HEAP_TAG.raw): void {
  if (at === NIL) return;
  const { mem, u8 } = thr;
  const granule = granuleOf(mem, os, at);
  const state = statesOf(mem, os) + granule;
  // What is left of the right byte is the class.
  const cls = isInArea(mem, os, granule) ? u8[state] ^ (LIVE | (tag << TAG_SHIFT)) : 0;
  if (cls < 1 || cls > mem[os + TOP_CLASS]) {
    freeSlow(thr, os, at, tag, 'free');
    return;
  }
  const cache = cacheOf(mem, os, thr.id);
  mem[at] = mem[cache + HEAD + cls];
  mem[cache + HEAD + cls] = at;
  u8[state] = CACHED | cls;
  thr.f64[((cache + FREES) >> 1) + cls]++;
  if (--mem[cache + ROOM + cls] < 0) overfull(thr, os, cache, cls);
}

/**
 * `free_sized`: as free, for a caller who knows how much it asked for.
 * @param bytes as asked for; with mallocAligned up to a page, the alignment when that is more
 * @throws MemoryCorruption also when the block is not of the size class (or number of pages) of `bytes`
 */
export function freeSized(
  thr: Thread,
  os: number,
  at: number,
  bytes: number,
  tag: number = HEAP_TAG.raw,
): void {
  if (at === NIL) return;
  const state = liveState(thr, os, at, tag, 'free_sized');
  if (bytesAt(thr.mem, os, at, state) !== roundedBytes(bytes)) throw wrongSize(thr, os, at, bytes, state);
  free(thr, os, at, tag);
}

/**
 * `realloc` of a live block to `bytes` > 0: stays where it is when the size class or number of pages is the same, else
 * moves.
 * @returns the new address; NIL: refused, the old block is untouched
 * @throws MemoryCorruption as free
 */
export function realloc(
  thr: Thread,
  os: number,
  at: number,
  bytes: number,
  tag: number = HEAP_TAG.raw,
): number {
  const { mem } = thr;
  const had = bytesAt(mem, os, at, liveState(thr, os, at, tag, 'realloc'));
  if (roundedBytes(bytes) === had) {
    const refused = mem[os + FAULTS_ON] !== 0 && planRefuses(thr, os, bytes);
    thr.f64[(cacheOf(mem, os, thr.id) + (refused ? REFUSED : IN_PLACE)) >> 1]++;
    return refused ? NIL : at;
  }
  const to = malloc(thr, os, bytes, tag);
  if (to === NIL) return NIL;
  // Both blocks are the caller's while the copy is made.
  mem.copyWithin(to, at, at + Math.ceil(Math.min(had, bytes) / WORD_BYTES));
  free(thr, os, at, tag);
  return to;
}

/**
 * `malloc_usable_size` of a live block.
 * @param call who asks, for the report
 * @throws MemoryCorruption as free
 */
export function heapBlockBytes(
  thr: Thread,
  os: number,
  at: number,
  tag: number = HEAP_TAG.raw,
  call = 'malloc_usable_size',
): number {
  return bytesAt(thr.mem, os, at, liveState(thr, os, at, tag, call));
}

/** The memory among `all` (OS_MEMORY records) that an address belongs to; NIL: none. */
export function osOwning(mem: Int32Array, all: readonly number[], at: number): number {
  for (let i = 0; i < all.length; i++) {
    const os = all[i];
    if ((at - mem[os + BASE]) >>> PAGE_WORD_SHIFT < mem[os + PAGES]) return os;
  }
  return NIL;
}

/** State byte of a live block of the layer `tag`. */
function liveState(thr: Thread, os: number, at: number, tag: number, call: string): number {
  const { mem, u8 } = thr;
  const granule = granuleOf(mem, os, at);
  const state = isInArea(mem, os, granule) ? u8[statesOf(mem, os) + granule] : 0;
  if ((state & OWNER_MASK) !== (LIVE | (tag << TAG_SHIFT))) throw heapFault(thr, os, at, tag, call);
  return state;
}

/** Every request of more than 512 bytes, with an empty list, or while there is a fault plan. */
function mallocSlow(thr: Thread, os: number, bytes: number, tag: number, alignPages: number): number {
  const { mem, f64 } = thr;
  const cache = cacheOf(mem, os, thr.id);
  let at: number = NIL;
  thr.heapRefused = mem[os + FAULTS_ON] !== 0 && planRefuses(thr, os, bytes);
  if (!thr.heapRefused) {
    at = take(thr, os, bytes, tag, alignPages);
    // The thread's own free blocks may be all that keeps pages from being free.
    if (at === NIL && heapTrim(thr, os) > 0) at = take(thr, os, bytes, tag, alignPages);
  }
  if (at === NIL) {
    f64[(cache + REFUSED) >> 1]++;
    return NIL;
  }
  const cls = classOf(bytes);
  f64[((cache + ALLOCS) >> 1) + cls]++;
  if (cls === RUN_CLASS) f64[(cache + RUN_ALLOC) >> 1] += roundedBytes(bytes);
  return at;
}

/** Counts a request with the fault plan. Takes the node's mutex. */
function planRefuses(thr: Thread, os: number, bytes: number): boolean {
  mutexEnter(thr, os + OS_MUTEX);
  const refused = osRequestFails(thr, os, bytes);
  mutexExit(thr, os + OS_MUTEX);
  return refused;
}

function take(thr: Thread, os: number, bytes: number, tag: number, alignPages: number): number {
  const cls = classOf(bytes);
  if (cls > PAGE_CLASS) return runTake(thr, os, bytes, tag, alignPages);
  const { mem, u8 } = thr;
  const cache = cacheOf(mem, os, thr.id);
  if (mem[cache + HEAD + cls] === NIL) {
    if (cls > SMALL_CLASSES) {
      checkEmpty(thr, os, cls);
      mem[cache + REFILLS + cls]++;
      return buddyTake(thr, os, cls, tag);
    }
    if (!refill(thr, os, cls)) return NIL;
  }
  const at = mem[cache + HEAD + cls];
  const granule = granuleOf(mem, os, at);
  const state = statesOf(mem, os) + granule;
  if (!isInArea(mem, os, granule) || u8[state] !== (CACHED | cls)) throw damagedList(thr, os, cls, at);
  u8[state] = LIVE | (tag << TAG_SHIFT) | cls;
  mem[cache + HEAD + cls] = mem[at];
  mem[cache + ROOM + cls]++;
  return at;
}

/** A list has become longer than it may be: half of it goes back. */
function overfull(thr: Thread, os: number, cache: number, cls: number): void {
  flushList(thr, os, cache, cls, Math.max(1, cacheLimit(thr.mem, os, cls) >> 1));
}

/** Blocks of more than 512 bytes, and what is no block. */
function freeSlow(thr: Thread, os: number, at: number, tag: number, call: string): void {
  const { mem, f64 } = thr;
  const state = liveState(thr, os, at, tag, call);
  const cls = state & CLASS_MASK;
  const bytes = bytesAt(mem, os, at, state);
  const freed = cls === RUN_CLASS ? runFree(thr, os, at, state) : buddyFree(thr, os, at, state);
  if (!freed) throw heapFault(thr, os, at, tag, call);
  const cache = cacheOf(mem, os, thr.id);
  f64[((cache + FREES) >> 1) + cls]++;
  if (cls === RUN_CLASS) f64[(cache + RUN_FREE) >> 1] += bytes;
}
