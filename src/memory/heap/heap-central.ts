/**
 * What threads do not hold of a size class: pages carved into blocks of that class, a free block being a bit in the
 * page's record. A thread whose list is empty takes a batch here, one whose list is too long gives a batch back; a page
 * that has all its blocks back goes to the operating system, unless it belongs to the reserve.
 *
 * The mutex of a class is held over the trip to the operating system too (whose mutex lies below it), so that nobody
 * sees a page that is half taken or half given back.
 */
import { HEAP, HEAP_CACHE, HEAP_CENTRAL, HEAP_PAGE, SMALL_CLASSES } from '../../layout/heap.ts';
import { OS_MEMORY, PAGE_KIND } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption } from '../ut/corruption.ts';
import {
  CACHED,
  cacheOf,
  CENTRAL,
  classBytes,
  classGranules,
  classWords,
  firstGranule,
  granuleOf,
  heapPageOf,
  isInArea,
  PAGE_GRANULES,
  pageOfGranule,
  pageOfRecord,
  statesOf,
} from './heap-state.ts';
import { osMapRun, osPageAddress, osUnmapRun } from '../os/os-memory.ts';

const { heap: HEAP_AT, mutex: OS_MUTEX } = OS_MEMORY.at;
const { central: CENTRALS, nThreads: N_THREADS, buddyRoom: BUDDY_ROOM } = HEAP.at;
const { mutex: MUTEX, partial: PARTIAL, batch: BATCH } = HEAP_CENTRAL.at;
const { head: HEAD, room: ROOM, refills: REFILLS, flushes: FLUSHES } = HEAP_CACHE.at;
const { pageClass: PAGE_CLASS, free: FREE, scan: SCAN, next: NEXT, prev: PREV } = HEAP_PAGE.at;
const { reserve: RESERVE, freeBits: BITS } = HEAP_PAGE.at;

/** A thread's list holds so many batches at most. */
export const CACHED_BATCHES = 2;
const WORD_BITS = 32;

/** HEAP_CENTRAL record of a size class. */
export function centralOf(mem: Int32Array, os: number, cls: number): number {
  return mem[mem[os + HEAP_AT] + CENTRALS] + (cls - 1) * HEAP_CENTRAL.words;
}

/** Most blocks in a thread's list. */
export function cacheLimit(mem: Int32Array, os: number, cls: number): number {
  if (cls > SMALL_CLASSES) return mem[mem[os + HEAP_AT] + BUDDY_ROOM];
  return CACHED_BATCHES * mem[centralOf(mem, os, cls) + BATCH];
}

/** Words of `freeBits` that a class uses, and its blocks to a page. */
export const blocksPerPage = (cls: number): number => PAGE_GRANULES / classGranules(cls);

/**
 * Fills the calling thread's empty list with a batch, addresses ascending; less when the pages at hand have less. Takes
 * the class's mutex, and the node's for a new page.
 * @returns false: there is no memory
 * @throws MemoryCorruption when the list has lost blocks: its end was overwritten
 */
export function refill(thr: Thread, os: number, cls: number): boolean {
  const { mem } = thr;
  checkThread(thr, os);
  const cache = cacheOf(mem, os, thr.id);
  const central = centralOf(mem, os, cls);
  const want = mem[central + BATCH];
  checkEmpty(thr, os, cls);
  mutexEnter(thr, central + MUTEX);
  // The word that the next block's address goes to.
  let link = cache + HEAD + cls;
  let taken = 0;
  while (taken < want) {
    const rec = mem[central + PARTIAL];
    if (rec === NIL) {
      if (taken > 0 || newPage(thr, os, central, cls) === NIL) break;
      continue;
    }
    const free = mem[rec + FREE];
    link = takeFrom(thr, os, rec, cls, link, want - taken);
    taken += free - mem[rec + FREE];
    if (mem[rec + FREE] === 0) unlinkPage(mem, central, rec);
  }
  mem[cache + ROOM + cls] -= taken;
  mutexExit(thr, central + MUTEX);
  mem[cache + REFILLS + cls]++;
  return taken > 0;
}

/** @throws Error when the heap was not planned for the calling thread */
function checkThread(thr: Thread, os: number): void {
  if (thr.id <= thr.mem[thr.mem[os + HEAP_AT] + N_THREADS]) return;
  throw new Error(`thread ${thr.id} has no cache in the heap of OsMemory @${os}`);
}

/**
 * Takes up to `want` free blocks of a page, lowest first: their addresses are chained from the word `link` on.
 * @returns the last one, in whose first word the chain goes on
 */
function takeFrom(thr: Thread, os: number, rec: number, cls: number, link: number, want: number): number {
  const { mem, u8 } = thr;
  const page = pageOfRecord(mem, os, rec);
  const base = osPageAddress(mem, os, page);
  const states = statesOf(mem, os) + firstGranule(page);
  const granules = classGranules(cls);
  const end = Math.ceil(blocksPerPage(cls) / WORD_BITS);
  let last = link;
  let left = want;
  let i = mem[rec + SCAN];
  while (left > 0 && i < end) {
    const bits = mem[rec + BITS + i];
    if (bits === 0) {
      i++;
      continue;
    }
    const bit = WORD_BITS - 1 - Math.clz32(bits & -bits);
    const block = i * WORD_BITS + bit;
    const at = base + block * classWords(cls);
    mem[rec + BITS + i] = bits & (bits - 1);
    u8[states + block * granules] = CACHED | cls;
    mem[at] = NIL;
    mem[last] = at;
    last = at;
    left--;
  }
  mem[rec + SCAN] = i;
  mem[rec + FREE] -= want - left;
  return last;
}

/** Maps a page for a class, all of it free, and puts it into the list. The class's mutex is held. */
function newPage(thr: Thread, os: number, central: number, cls: number): number {
  const { mem, u8 } = thr;
  mutexEnter(thr, os + OS_MUTEX);
  const page = osMapRun(thr, os, 1, PAGE_KIND.heap);
  mutexExit(thr, os + OS_MUTEX);
  if (page < 0) return NIL;
  const rec = heapPageOf(mem, os, page);
  carve(mem, u8, os, rec, cls);
  linkPage(mem, central, rec);
  return rec;
}

/** Makes a page of one class of a page that is nobody's. */
export function carve(mem: Int32Array, u8: Uint8Array, os: number, rec: number, cls: number): void {
  const blocks = blocksPerPage(cls);
  const states = statesOf(mem, os) + firstGranule(pageOfRecord(mem, os, rec));
  const granules = classGranules(cls);
  for (let g = 0; g < PAGE_GRANULES; g += granules) u8[states + g] = CENTRAL | cls;
  for (let i = 0; i * WORD_BITS < blocks; i++) {
    mem[rec + BITS + i] = blocks >= WORD_BITS ? -1 : (1 << blocks) - 1;
  }
  mem[rec + PAGE_CLASS] = cls;
  mem[rec + FREE] = blocks;
  mem[rec + SCAN] = 0;
  mem[rec + RESERVE] = 0;
}

/**
 * Gives the first `count` blocks of a cache's list back to their pages. The cache is the calling thread's, or its thread
 * has ended. Takes the class's mutex, and the node's for each page that has become empty.
 * @returns pages that went to the operating system
 * @throws MemoryCorruption when the list is damaged; nothing is changed then
 */
export function flush(thr: Thread, os: number, cache: number, cls: number, count: number): number {
  const { mem } = thr;
  checkList(thr, os, cache, cls, count);
  const central = centralOf(mem, os, cls);
  let at = mem[cache + HEAD + cls];
  let pages = 0;
  mutexEnter(thr, central + MUTEX);
  for (let i = 0; i < count; i++) {
    const next = mem[at];
    if (giveBack(thr, os, central, cls, at)) pages++;
    at = next;
  }
  mem[cache + HEAD + cls] = at;
  mem[cache + ROOM + cls] += count;
  mutexExit(thr, central + MUTEX);
  mem[cache + FLUSHES + cls]++;
  return pages;
}

/** One block. Returns whether its page has gone to the operating system. */
function giveBack(thr: Thread, os: number, central: number, cls: number, at: number): boolean {
  const { mem, u8 } = thr;
  const granule = granuleOf(mem, os, at);
  const page = pageOfGranule(granule);
  const rec = heapPageOf(mem, os, page);
  const block = (granule - firstGranule(page)) / classGranules(cls);
  const word = block >>> 5;
  u8[statesOf(mem, os) + granule] = CENTRAL | cls;
  mem[rec + BITS + word] |= 1 << (block & (WORD_BITS - 1));
  if (word < mem[rec + SCAN]) mem[rec + SCAN] = word;
  if (mem[rec + FREE]++ === 0) linkPage(mem, central, rec);
  if (mem[rec + FREE] < blocksPerPage(cls) || mem[rec + RESERVE] !== 0) return false;
  unlinkPage(mem, central, rec);
  const first = statesOf(mem, os) + firstGranule(page);
  u8.fill(0, first, first + PAGE_GRANULES);
  mutexEnter(thr, os + OS_MUTEX);
  osUnmapRun(thr, os, page);
  mutexExit(thr, os + OS_MUTEX);
  return true;
}

export function linkPage(mem: Int32Array, central: number, rec: number): void {
  const first = mem[central + PARTIAL];
  mem[rec + NEXT] = first;
  mem[rec + PREV] = NIL;
  if (first !== NIL) mem[first + PREV] = rec;
  mem[central + PARTIAL] = rec;
}

function unlinkPage(mem: Int32Array, central: number, rec: number): void {
  const next = mem[rec + NEXT];
  const prev = mem[rec + PREV];
  if (next !== NIL) mem[next + PREV] = prev;
  if (prev !== NIL) mem[prev + NEXT] = next;
  else mem[central + PARTIAL] = next;
}

/** @throws MemoryCorruption when the first `count` blocks of a list are not all free blocks of the class */
export function checkList(thr: Thread, os: number, cache: number, cls: number, count: number): void {
  const { mem, u8 } = thr;
  const states = statesOf(mem, os);
  let at = mem[cache + HEAD + cls];
  for (let i = 0; i < count; i++) {
    if (at === NIL) throw lostBlocks(thr, os, cls, count - i);
    const granule = granuleOf(mem, os, at);
    if (!isInArea(mem, os, granule) || u8[states + granule] !== (CACHED | cls)) {
      throw damagedList(thr, os, cls, at);
    }
    at = mem[at];
  }
}

/** The list of a thread leads to what is no free block of the class. */
export function damagedList(thr: Thread, os: number, cls: number, at: number): Error {
  const { mem } = thr;
  checkThread(thr, os);
  const granule = granuleOf(mem, os, at);
  const there = isInArea(mem, os, granule)
    ? `state 0x${thr.u8[statesOf(mem, os) + granule].toString(16)}`
    : 'foreign';
  return corruption(mem, os, at, {
    what: 'overwritten free block',
    call: 'heap',
    at,
    detail:
      `a free block of ${classBytes(cls)} bytes was written to: the list of thread ${thr.id} ` +
      `goes on at @${at}, which is none (${there})`,
    thr,
  });
}

/**
 * The calling thread's list of a class is empty.
 * @throws MemoryCorruption when it has lost blocks: its end was overwritten
 */
export function checkEmpty(thr: Thread, os: number, cls: number): void {
  const lost = cacheLimit(thr.mem, os, cls) - thr.mem[cacheOf(thr.mem, os, thr.id) + ROOM + cls];
  if (lost !== 0) throw lostBlocks(thr, os, cls, lost);
}

/** The list of a thread ends too early. */
function lostBlocks(thr: Thread, os: number, cls: number, lost: number): Error {
  const cache = cacheOf(thr.mem, os, thr.id);
  return corruption(thr.mem, os, cache, {
    what: 'overwritten free block',
    call: 'heap',
    at: NIL,
    detail: `the list of thread ${thr.id} for ${classBytes(cls)} bytes ends ${lost} blocks too early`,
    thr,
  });
}
