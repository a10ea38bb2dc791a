/**
 * The middle sizes: blocks of 1, 2 and 4 KiB by the buddy system. A page is split in halves until the size is right; a
 * freed block is joined with its buddy, the other half, as long as that is free and whole; a page that is whole again
 * goes to the operating system. Lists are linked through the pages' records, so that no stray write can damage them.
 *
 * Threads may keep lists of their own in front of it, as of the small classes (`cachedBuddies` of heap-plan.ts): a block
 * in such a list is free for its thread alone, and is not joined with its buddy before it comes back.
 */
import { HEAP, HEAP_CACHE, HEAP_PAGE, PAGE_CLASS, SMALL_CLASSES } from '../../layout/heap.ts';
import { OS_MEMORY, PAGE_KIND } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { checkList } from './heap-central.ts';
import {
  BUDDY,
  CLASS_MASK,
  classWords,
  granuleOf,
  heapPageOf,
  LIVE,
  PAGE_WORDS,
  pageOfGranule,
  statesOf,
  TAG_SHIFT,
} from './heap-state.ts';
import { osMapRun, osPageAddress, osUnmapRun } from '../os/os-memory.ts';

const { heap: HEAP_AT, base: BASE, mutex: OS_MUTEX } = OS_MEMORY.at;
const { buddyMutex: MUTEX, buddyFree: LISTS } = HEAP.at;
const { pageClass: CLASS, reserve: RESERVE, buddyNext: NEXT, buddyPrev: PREV } = HEAP_PAGE.at;
const { head: HEAD, room: ROOM, flushes: FLUSHES } = HEAP_CACHE.at;
const FIRST_CLASS = SMALL_CLASSES + 1;
/** Blocks of this size have links of their own. */
const UNIT_SHIFT = 8;
const UNITS = 4;
if (UNITS << UNIT_SHIFT !== PAGE_WORDS || classWords(FIRST_CLASS) !== 1 << UNIT_SHIFT) {
  throw new Error('heap-buddy.ts computes with these sizes');
}

/** Word of a list's head. */
export function buddyList(mem: Int32Array, os: number, cls: number): number {
  return mem[os + HEAP_AT] + LISTS + cls - FIRST_CLASS;
}

/** Word of the `next` link of a free block. */
export function buddyNext(mem: Int32Array, os: number, at: number): number {
  return linkWord(mem, os, at) + NEXT;
}

function linkWord(mem: Int32Array, os: number, at: number): number {
  const words = at - mem[os + BASE];
  return heapPageOf(mem, os, Math.trunc(words / PAGE_WORDS)) + ((words >>> UNIT_SHIFT) & (UNITS - 1));
}

/**
 * A block of class 8 to 10 for the layer `tag`. Takes the buddy mutex, and the node's for a new page.
 * @returns its address; NIL: there is no memory
 */
export function buddyTake(thr: Thread, os: number, cls: number, tag: number): number {
  const { mem, u8 } = thr;
  const mutex = mem[os + HEAP_AT] + MUTEX;
  mutexEnter(thr, mutex);
  let has = cls;
  while (has < PAGE_CLASS && mem[buddyList(mem, os, has)] === NIL) has++;
  let at: number;
  if (has === PAGE_CLASS) at = newPage(thr, os);
  else {
    at = mem[buddyList(mem, os, has)];
    unlink(mem, os, has, at);
  }
  if (at !== NIL) {
    // The lower half is split further, the upper one stays free.
    while (has > cls) {
      has--;
      setFree(thr, os, has, at + classWords(has));
    }
    u8[statesOf(mem, os) + granuleOf(mem, os, at)] = LIVE | (tag << TAG_SHIFT) | cls;
  }
  mutexExit(thr, mutex);
  return at;
}

function newPage(thr: Thread, os: number): number {
  const { mem } = thr;
  mutexEnter(thr, os + OS_MUTEX);
  const page = osMapRun(thr, os, 1, PAGE_KIND.heap);
  mutexExit(thr, os + OS_MUTEX);
  if (page < 0) return NIL;
  const rec = heapPageOf(mem, os, page);
  mem[rec + CLASS] = PAGE_CLASS;
  mem[rec + RESERVE] = 0;
  return osPageAddress(mem, os, page);
}

/**
 * Frees a block of class 8 to 10. Takes the buddy mutex, and the node's when its page is whole again.
 * @param state what the caller has found in the block's state byte
 * @returns false: it is something else by now, and nothing was changed
 */
export function buddyFree(thr: Thread, os: number, at: number, state: number): boolean {
  const { mem, u8 } = thr;
  const states = statesOf(mem, os);
  const mutex = mem[os + HEAP_AT] + MUTEX;
  mutexEnter(thr, mutex);
  const granule = granuleOf(mem, os, at);
  const valid = u8[states + granule] === state;
  if (valid) {
    u8[states + granule] = 0;
    join(thr, os, at, state & CLASS_MASK);
  }
  mutexExit(thr, mutex);
  return valid;
}

/**
 * Gives the first `count` blocks of a cache's list back. The cache is the calling thread's, or its thread has ended. Takes
 * the buddy mutex, and the node's for each page that is whole again.
 * @returns pages that went to the operating system
 * @throws MemoryCorruption when the list is damaged; nothing is changed then
 */
export function buddyFlush(thr: Thread, os: number, cache: number, cls: number, count: number): number {
  const { mem, u8 } = thr;
  checkList(thr, os, cache, cls, count);
  const states = statesOf(mem, os);
  const mutex = mem[os + HEAP_AT] + MUTEX;
  let at = mem[cache + HEAD + cls];
  let pages = 0;
  mutexEnter(thr, mutex);
  for (let i = 0; i < count; i++) {
    const next = mem[at];
    u8[states + granuleOf(mem, os, at)] = 0;
    if (join(thr, os, at, cls)) pages++;
    at = next;
  }
  mem[cache + HEAD + cls] = at;
  mem[cache + ROOM + cls] += count;
  mutexExit(thr, mutex);
  mem[cache + FLUSHES + cls]++;
  return pages;
}

/**
 * Joins a block with its buddies as far as they are free, and puts what has become of it where it belongs. Returns whether
 * a page went to the operating system.
 */
function join(thr: Thread, os: number, block: number, blockClass: number): boolean {
  const { mem, u8 } = thr;
  const base = mem[os + BASE];
  const states = statesOf(mem, os);
  let at = block;
  let cls = blockClass;
  while (cls < PAGE_CLASS) {
    const buddy = base + ((at - base) ^ classWords(cls));
    const granule = granuleOf(mem, os, buddy);
    // Its state byte may be its thread's to write: whether it is in a list says the page's record, which is the mutex's.
    if (freeClass(mem, os, buddy) !== cls) break;
    unlink(mem, os, cls, buddy);
    u8[states + granule] = 0;
    at = Math.min(at, buddy);
    cls++;
  }
  if (cls < PAGE_CLASS) {
    setFree(thr, os, cls, at);
    return false;
  }
  mutexEnter(thr, os + OS_MUTEX);
  osUnmapRun(thr, os, pageOfGranule(granuleOf(mem, os, at)));
  mutexExit(thr, os + OS_MUTEX);
  return true;
}

/** Class of the free block that starts there; 0: none does. The buddy mutex is held, or at rest. */
export function freeClass(mem: Int32Array, os: number, at: number): number {
  return mem[linkWord(mem, os, at) + PREV] & CLASS_MASK;
}

function setFree(thr: Thread, os: number, cls: number, at: number): void {
  const { mem, u8 } = thr;
  const head = buddyList(mem, os, cls);
  const first = mem[head];
  const link = linkWord(mem, os, at);
  u8[statesOf(mem, os) + granuleOf(mem, os, at)] = BUDDY | cls;
  mem[link + NEXT] = first;
  mem[link + PREV] = NIL | cls;
  if (first !== NIL) mem[linkWord(mem, os, first) + PREV] = at | cls;
  mem[head] = at;
}

function unlink(mem: Int32Array, os: number, cls: number, at: number): void {
  const link = linkWord(mem, os, at);
  const next = mem[link + NEXT];
  const prev = mem[link + PREV] & ~CLASS_MASK;
  mem[link + PREV] = 0;
  if (next !== NIL) mem[linkWord(mem, os, next) + PREV] = prev | cls;
  if (prev !== NIL) mem[linkWord(mem, os, prev) + NEXT] = next;
  else mem[buddyList(mem, os, cls)] = next;
}
