/** Giving cached blocks back: a thread's own, those of a thread that has ended, everybody's at rest. */
import { HEAP, HEAP_CACHE, SMALL_CLASSES } from '../../layout/heap.ts';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { buddyFlush } from './heap-buddy.ts';
import { cacheLimit, flush } from './heap-central.ts';
import { CACHED, cacheOf, CLASS_MASK, granuleOf, isInArea, LIVE, statesOf } from './heap-state.ts';

const { head: HEAD, room: ROOM } = HEAP_CACHE.at;
const { heapTopClass: TOP_CLASS } = OS_MEMORY.at;

/**
 * `malloc_trim`: gives back all free blocks that the calling thread has in its lists. Takes the mutex of each class.
 * @returns pages that went to the operating system
 */
export function heapTrim(thr: Thread, os: number): number {
  return flushAll(thr, os, thr.id);
}

/** Gives the first `count` blocks of a cache's list back to where they came from. @returns pages that went with them */
export function flushList(thr: Thread, os: number, cache: number, cls: number, count: number): number {
  return cls > SMALL_CLASSES ? buddyFlush(thr, os, cache, cls, count) : flush(thr, os, cache, cls, count);
}

function flushAll(thr: Thread, os: number, id: number): number {
  const { mem } = thr;
  const cache = cacheOf(mem, os, id);
  let pages = 0;
  for (let cls = 1; cls <= mem[os + TOP_CLASS]; cls++) {
    const cached = cacheLimit(mem, os, cls) - mem[cache + ROOM + cls];
    if (cached > 0) pages += flushList(thr, os, cache, cls, cached);
  }
  return pages;
}

/**
 * Gives back what is in the lists of a thread that has ended, wherever that was: a block whose state is still "in use"
 * at the head of a list was about to leave it, or had just come. The thread must not have held a latch of the heap.
 * @returns pages that went to the operating system
 */
export function heapDrain(thr: Thread, os: number, deadThreadId: number): number {
  const { mem, u8 } = thr;
  const cache = cacheOf(mem, os, deadThreadId);
  const states = statesOf(mem, os);
  for (let cls = 1; cls <= mem[os + TOP_CLASS]; cls++) {
    const head = mem[cache + HEAD + cls];
    const headState = states + granuleOf(mem, os, head);
    if (head !== NIL && isInArea(mem, os, granuleOf(mem, os, head))) {
      const state = u8[headState];
      if ((state & LIVE) !== 0 && (state & CLASS_MASK) === cls) u8[headState] = CACHED | cls;
    }
    // Its count may be one off; flush looks at every block.
    mem[cache + ROOM + cls] = cacheLimit(mem, os, cls) - listLength(mem, u8, os, head, cls);
  }
  return flushAll(thr, os, deadThreadId);
}

/** Blocks of a list up to its end, or to the first that cannot be one of it. */
function listLength(mem: Int32Array, u8: Uint8Array, os: number, head: number, cls: number): number {
  const limit = cacheLimit(mem, os, cls) + 1;
  let n = 0;
  for (let at = head; at !== NIL && n < limit; at = mem[at]) {
    const granule = granuleOf(mem, os, at);
    if (!isInArea(mem, os, granule) || u8[statesOf(mem, os) + granule] !== (CACHED | cls)) break;
    n++;
  }
  return n;
}

/** At rest, when no other thread runs: gives back all cached blocks, so that pages without a live block go. */
export function heapTrimAll(thr: Thread, os: number): number {
  const { mem } = thr;
  let pages = 0;
  for (let id = 1; id <= mem[mem[os + OS_MEMORY.at.heap] + HEAP.at.nThreads]; id++) {
    pages += flushAll(thr, os, id);
  }
  return pages;
}
