/** Laying out the heap of a node, and making it. */
import type { ArenaPlanner } from '../../layout/arena.ts';
import {
  HEAP,
  HEAP_CACHE,
  HEAP_CENTRAL,
  HEAP_PAGE,
  HEAP_STATE,
  PAGE_CLASS,
  SMALL_CLASSES,
} from '../../layout/heap.ts';
import { OS_MEMORY, PAGE_KIND } from '../../layout/os-memory.ts';
import { WORD_BYTES } from '../../layout/schema.ts';
import { LATCH } from '../../sync/latch-meta.ts';
import { mutexInit } from '../../sync/mutex.ts';
import { blocksPerPage, CACHED_BATCHES, carve, centralOf, linkPage } from './heap-central.ts';
import { heapPageOf, PAGE_GRANULES } from './heap-state.ts';
import { osMapRunFrom } from '../os/os-node.ts';

/** Blocks of 8, 16, ... 512 bytes that a server has ready at start. */
export const HEAP_PREALLOCATED: readonly number[] = [1000, 800, 600, 400, 200, 100, 50];
/** Blocks of 1, 2 and 4 KiB that a server's thread may keep for itself, of each size. */
export const HEAP_CACHED_BUDDIES = 8;
/** Blocks of 8, 16, ... 512 bytes that go between a thread and the class's pages at a time: at most 2 KiB. */
const BATCHES: readonly number[] = [64, 64, 64, 32, 16, 8, 4];

export interface HeapOptions {
  /**
   * Blocks of 8, 16, ... 512 bytes to have ready from the start (HEAP_PREALLOCATED is a server's), in pages that never
   * go back to the operating system. None when absent: they are mapped for good, which small areas and checks for
   * "nothing lives, so nothing is mapped" do not want.
   */
  readonly preallocate?: readonly number[];
  /** Blocks to a batch, in all classes, for tests: 1 makes a visit to the shared lists of nearly every call. */
  readonly batch?: number;
  /**
   * Blocks of 1, 2 and 4 KiB that a thread may keep in lists of its own, of each size (HEAP_CACHED_BUDDIES is a
   * server's). None when absent: a freed block is joined with its buddy at once.
   */
  readonly cachedBuddies?: number;
}

/** Where it lies; plain data. */
export interface HeapPlan {
  readonly at: number;
  readonly heapPages: number;
  readonly states: number;
  readonly central: number;
  readonly caches: number;
  readonly nThreads: number;
  readonly pages: number;
  readonly batches: readonly number[];
  readonly preallocate: readonly number[];
  readonly cachedBuddies: number;
}

/** Places the heap of an area of `pages` pages of 4 KiB, for threads 1 to `nThreads`. */
export function heapPlan(
  planner: ArenaPlanner,
  pages: number,
  nThreads: number,
  name: string,
  o: HeapOptions = {},
): HeapPlan {
  const { batch } = o;
  return {
    at: planner.place(`${name}.heap`, HEAP),
    heapPages: planner.place(`${name}.heap_pages`, HEAP_PAGE, pages),
    states: planner.place(`${name}.heap_states`, HEAP_STATE, (pages * PAGE_GRANULES) / WORD_BYTES),
    central: planner.place(`${name}.heap_central`, HEAP_CENTRAL, SMALL_CLASSES),
    caches: planner.place(`${name}.heap_caches`, HEAP_CACHE, nThreads),
    nThreads,
    pages,
    batches: batch === undefined ? BATCHES : BATCHES.map(() => batch),
    preallocate: o.preallocate ?? [],
    cachedBuddies: o.cachedBuddies ?? 0,
  };
}

/** Makes it. The OS_MEMORY record at `os` has been made; the states are zero, as all of the arena, and are not touched. */
export function heapInit(mem: Int32Array, os: number, plan: HeapPlan): void {
  const { at, central, caches, nThreads } = plan;
  mem.fill(0, at, at + HEAP.words);
  mem.fill(0, central, central + SMALL_CLASSES * HEAP_CENTRAL.words);
  mem.fill(0, caches, caches + nThreads * HEAP_CACHE.words);
  mem[os + OS_MEMORY.at.heap] = at;
  mem[os + OS_MEMORY.at.heapPages] = plan.heapPages;
  mem[os + OS_MEMORY.at.heapStates] = plan.states;
  // Threads count from 1.
  mem[os + OS_MEMORY.at.heapCaches] = caches - HEAP_CACHE.words;
  mem[at + HEAP.at.central] = central;
  mem[at + HEAP.at.nThreads] = nThreads;
  mem[at + HEAP.at.buddyRoom] = plan.cachedBuddies;
  mem[os + OS_MEMORY.at.heapTopClass] = plan.cachedBuddies > 0 ? PAGE_CLASS : SMALL_CLASSES;
  for (let cls = SMALL_CLASSES + 1; cls <= PAGE_CLASS; cls++) {
    for (let id = 1; id <= nThreads; id++) {
      mem[caches + (id - 1) * HEAP_CACHE.words + HEAP_CACHE.at.room + cls] = plan.cachedBuddies;
    }
  }
  mutexInit(mem, at + HEAP.at.buddyMutex, LATCH.heapBuddy);
  for (let cls = 1; cls <= SMALL_CLASSES; cls++) {
    const rec = central + (cls - 1) * HEAP_CENTRAL.words;
    mutexInit(mem, rec + HEAP_CENTRAL.at.mutex, LATCH.heapCentral);
    mem[rec + HEAP_CENTRAL.at.batch] = plan.batches[cls - 1];
    for (let id = 1; id <= nThreads; id++) {
      const cache = caches + (id - 1) * HEAP_CACHE.words;
      mem[cache + HEAP_CACHE.at.room + cls] = CACHED_BATCHES * plan.batches[cls - 1];
    }
  }
  for (let cls = 1; cls <= SMALL_CLASSES; cls++) preallocate(mem, os, cls, plan.preallocate[cls - 1] ?? 0);
}

/** Maps pages for so many blocks of a class, as far as there are pages; they stay for good. */
function preallocate(mem: Int32Array, os: number, cls: number, blocks: number): void {
  const u8 = new Uint8Array(mem.buffer);
  for (let had = 0; had < blocks; had += blocksPerPage(cls)) {
    const page = osMapRunFrom(mem, os, 1, PAGE_KIND.heap, mem[os + OS_MEMORY.at.node]);
    if (page < 0) return;
    const rec = heapPageOf(mem, os, page);
    carve(mem, u8, os, rec, cls);
    mem[rec + HEAP_PAGE.at.reserve] = 1;
    linkPage(mem, centralOf(mem, os, cls), rec);
  }
}
