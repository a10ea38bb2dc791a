/** Looking at the whole heap, at rest: live blocks, and what has been asked of it. */
import { CLASS_ROWS, HEAP, HEAP_CACHE, HEAP_PAGE, PAGE_CLASS, RUN_CLASS } from '../../layout/heap.ts';
import { OS_MEMORY, PAGE_KIND, PAGE_KIND_BITS } from '../../layout/os-memory.ts';
import {
  CLASS_MASK,
  classBytes,
  classGranules,
  cacheOf,
  firstGranule,
  granuleAddress,
  LIVE,
  statesOf,
  TAG_SHIFT,
} from './heap-state.ts';
import { runBytes } from './heap-run.ts';
import { OS_PAGE_BYTES, OsMemoryError } from '../os/os-memory.ts';

const { pages: PAGES, pageMap: MAP, heap: HEAP_AT } = OS_MEMORY.at;
const CACHE = HEAP_CACHE.at;

/** A live block: its address (words), the bytes that it has, at least those asked for, and the layer that owns it. */
export interface HeapBlock {
  readonly at: number;
  readonly bytes: number;
  /** HEAP_TAG. */
  readonly tag: number;
}

/** A run of pages that the heap has from the operating system. */
export interface HeapRun {
  readonly page: number;
  readonly pages: number;
}

/** The heap's runs in address order. At rest, or with the node's mutex. */
export function heapRuns(mem: Int32Array, os: number): HeapRun[] {
  const found: HeapRun[] = [];
  const map = mem[os + MAP];
  let page = 0;
  while (page < mem[os + PAGES]) {
    const run = mem[map + page];
    const pages = run >>> PAGE_KIND_BITS;
    if (pages === 0) throw new OsMemoryError(`page map of @${os} is torn at page ${page}`);
    if (run === ((pages << PAGE_KIND_BITS) | PAGE_KIND.heap)) found.push({ page, pages });
    page += pages;
  }
  return found;
}

/** Bytes of the pages that the heap keeps for good, live blocks or not. */
export function heapReserveBytes(mem: Int32Array, os: number): number {
  const records = mem[os + OS_MEMORY.at.heapPages];
  const kept = heapRuns(mem, os).filter(
    (r) => mem[records + r.page * HEAP_PAGE.words + HEAP_PAGE.at.reserve] === 1,
  );
  return kept.reduce((bytes, r) => bytes + r.pages * OS_PAGE_BYTES, 0);
}

/** All live blocks of a node in address order, at rest. Mappings (osMmap) are not blocks. */
export function mallocWalk(mem: Int32Array, os: number): HeapBlock[] {
  const blocks: HeapBlock[] = [];
  const u8 = new Uint8Array(mem.buffer);
  const states = statesOf(mem, os);
  for (const { page, pages } of heapRuns(mem, os)) {
    const end = firstGranule(page + pages);
    let granule = firstGranule(page);
    while (granule < end) {
      const state = u8[states + granule];
      const cls = state & CLASS_MASK;
      const at = granuleAddress(mem, os, granule);
      if ((state & LIVE) !== 0) {
        const bytes = cls === RUN_CLASS ? runBytes(mem, os, at) : classBytes(cls);
        blocks.push({ at, bytes, tag: (state & ~LIVE) >> TAG_SHIFT });
      }
      if (cls === RUN_CLASS) break;
      granule += state === 0 ? 1 : classGranules(cls);
    }
  }
  return blocks;
}

/** Blocks in use, at rest. */
export function heapLiveBlocks(mem: Int32Array, os: number): number {
  return mallocWalk(mem, os).length;
}

/** What has been asked of a class of blocks. */
export interface HeapClassStats {
  /** Of a block; 0 for runs. */
  readonly bytes: number;
  readonly allocs: number;
  readonly frees: number;
  /** Of `allocs`: from the thread's own list. */
  readonly hits: number;
  readonly refills: number;
  readonly flushes: number;
  readonly liveBlocks: number;
  readonly liveBytes: number;
}

/** What has been asked of a heap, by all threads. */
export interface HeapStats {
  /** Classes 1 to 11: 8 to 512 bytes, 1 to 4 KiB, runs. */
  readonly classes: readonly HeapClassStats[];
  /** Allocations and reallocations, refused ones included. */
  readonly requests: number;
  readonly refused: number;
  /** Reallocations that stayed where they were. */
  readonly inPlace: number;
  readonly liveBlocks: number;
  readonly liveBytes: number;
}

/** Sums what the threads have counted. While they run, a moment's mixture; exact at rest. */
export function heapStats(mem: Int32Array, os: number): HeapStats {
  const f64 = new Float64Array(mem.buffer);
  const sum = (field: number): number => {
    let total = 0;
    for (let id = 1; id <= mem[mem[os + HEAP_AT] + HEAP.at.nThreads]; id++) {
      total += f64[(cacheOf(mem, os, id) + field) >> 1];
    }
    return total;
  };
  const words = (field: number): number => {
    let total = 0;
    for (let id = 1; id <= mem[mem[os + HEAP_AT] + HEAP.at.nThreads]; id++) {
      total += mem[cacheOf(mem, os, id) + field];
    }
    return total;
  };
  const classes: HeapClassStats[] = [];
  for (let cls = 1; cls < CLASS_ROWS; cls++) {
    const listed = cls <= PAGE_CLASS;
    const allocs = sum(CACHE.allocs + 2 * cls);
    const frees = sum(CACHE.frees + 2 * cls);
    const refills = listed ? words(CACHE.refills + cls) : 0;
    const run = cls === RUN_CLASS;
    classes.push({
      bytes: run ? 0 : classBytes(cls),
      allocs,
      frees,
      hits: listed ? allocs - refills : 0,
      refills,
      flushes: listed ? words(CACHE.flushes + cls) : 0,
      liveBlocks: allocs - frees,
      liveBytes: run
        ? sum(CACHE.runBytesAlloc) - sum(CACHE.runBytesFree)
        : (allocs - frees) * classBytes(cls),
    });
  }
  const total = (of: (c: HeapClassStats) => number): number => classes.reduce((n, c) => n + of(c), 0);
  const refused = sum(CACHE.refused);
  const inPlace = sum(CACHE.inPlace);
  return {
    classes,
    requests: total((c) => c.allocs) + refused + inPlace,
    refused,
    inPlace,
    liveBlocks: total((c) => c.liveBlocks),
    liveBytes: total((c) => c.liveBytes),
  };
}
