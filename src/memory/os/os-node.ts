/**
 * What every mapping on a node goes through: the area of 4 KiB pages, the limits, the counts. The heap (malloc.ts) takes
 * its pages here as well, under the same mutex.
 *
 * Nothing here sleeps or logs: whoever cannot go on without memory does that (ut-allocator.ts), with the mutex free.
 */
import type { ArenaPlanner } from '../../layout/arena.ts';
import { OS_MEMORY, PAGE_KIND, PAGE_MAP } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { addU53, getU53, setU53 } from '../../layout/words.ts';
import { LATCH } from '../../sync/latch-meta.ts';
import { mutexEnter, mutexExit, mutexInit } from '../../sync/mutex.ts';
import { assertHeld } from '../../sync/order.ts';
import type { Thread } from '../../sync/thread.ts';
import { type HugePoolPlan, hugePoolsInit, hugePoolsPlan } from './os-huge-pool.ts';
import {
  dropRun,
  findRun,
  OS_PAGE_BYTES,
  OS_PAGE_SHIFT,
  OS_PAGE_WORDS,
  pageMapInit,
  type PageRun,
  runOfPage,
  takeRun,
} from './os-map.ts';
import { osTotalRelease, osTotalReserve } from './os-total.ts';

const { mutex: MUTEX, base: BASE, pages: PAGES, pageMap: MAP, node: NODE, total: TOTAL } = OS_MEMORY.at;
const { hugePools: HUGE_POOLS, nHugePools: N_HUGE_POOLS, largePageBytes: LARGE_PAGE } = OS_MEMORY.at;
const { inUse: IN_USE, peak: PEAK, limit: LIMIT, firstFit: FIRST_FIT, fresh: FRESH } = OS_MEMORY.at;
const { failAbove: FAIL_ABOVE, failBytesFrom: FAIL_BYTES_FROM } = OS_MEMORY.at;
const { failedPlan: FAILED_PLAN, failedLimit: FAILED_LIMIT, failedTotal: FAILED_TOTAL } = OS_MEMORY.at;
const { failedSpace: FAILED_SPACE, maps: MAPS, unmaps: UNMAPS } = OS_MEMORY.at;
const { mapBytes: MAP_BYTES, unmapBytes: UNMAP_BYTES } = OS_MEMORY.at;
const { numaHit: NUMA_HIT, numaMiss: NUMA_MISS, interleaveHit: INTERLEAVE_HIT } = OS_MEMORY.at;
const { localNode: LOCAL_NODE, otherNode: OTHER_NODE } = OS_MEMORY.at;

/** Why a node was chosen, for numastat: it was wanted, by `interleave`, or another one was. */
export const PLACED = { wanted: 0, interleaved: 1, elsewhere: 2 } as const;

/** Stands for "no limit" in two-word fields. */
export const NO_LIMIT = Number.MAX_SAFE_INTEGER;

export interface OsMemoryOptions {
  /** Bytes in pages of 4 KiB; rounded up to whole pages, at least one. */
  readonly bytes: number;
  /** As placements are called; `os_memory` when absent. */
  readonly name?: string;
  /** Huge pages to reserve, how many of which size in bytes; none when absent. */
  readonly hugePages?: Readonly<Record<number, number>>;
  /** os_large_page_size in bytes: os_mem_alloc_large tries these first (large_pages = ON). 0 or absent: off. */
  readonly largePageBytes?: number;
  /** OS_TOTAL record of all nodes; NIL or absent: only the node's own limit counts. */
  readonly total?: number;
}

/** Word addresses and sizes; plain data. After `osMemoryInit` the record at `at` says it all. */
export interface OsMemoryPlan {
  /** OS_MEMORY. */
  readonly at: number;
  readonly node: number;
  readonly pageMap: number;
  readonly base: number;
  readonly pages: number;
  /** HUGE_POOL records, and what they manage. */
  readonly hugePools: number;
  readonly huge: readonly HugePoolPlan[];
  readonly largePageBytes: number;
  readonly total: number;
}

/** Places a node's memory in the region that is open. */
export function osMemoryPlan(planner: ArenaPlanner, o: OsMemoryOptions): OsMemoryPlan {
  const name = o.name ?? 'os_memory';
  const pages = Math.max(1, osPagesFor(o.bytes));
  return {
    at: planner.place(name, OS_MEMORY),
    node: Math.max(0, planner.openedNode),
    pageMap: planner.place(`${name}.page_map`, PAGE_MAP, pages),
    base: planner.placeWords(`${name}.area`, OS_PAGE_WORDS, pages, OS_PAGE_WORDS, 'pages of 4 KiB'),
    pages,
    ...hugePoolsPlan(planner, name, o.hugePages ?? {}),
    largePageBytes: o.largePageBytes ?? 0,
    total: o.total ?? NIL,
  };
}

/** Bytes that can be mapped at most: all pages, the huge ones included. */
export function osCapacity(plan: OsMemoryPlan): number {
  return plan.huge.reduce((sum, p) => sum + p.pages * p.pageBytes, plan.pages * OS_PAGE_BYTES);
}

/**
 * Makes it, all free; before it is shared. The areas must be zero: they are not touched, here or before a page is
 * handed out for the second time. `limitBytes` defaults to all that there is.
 */
export function osMemoryInit(mem: Int32Array, plan: OsMemoryPlan, limitBytes = osCapacity(plan)): void {
  const os = plan.at;
  mem.fill(0, os, os + OS_MEMORY.words);
  mutexInit(mem, os + MUTEX, LATCH.osMemory);
  mem[os + BASE] = plan.base;
  mem[os + PAGES] = plan.pages;
  mem[os + MAP] = plan.pageMap;
  mem[os + NODE] = plan.node;
  mem[os + TOTAL] = plan.total;
  mem[os + HUGE_POOLS] = plan.hugePools;
  mem[os + N_HUGE_POOLS] = plan.huge.length;
  mem[os + LARGE_PAGE] = plan.largePageBytes;
  setU53(mem, os + LIMIT, limitBytes);
  setU53(mem, os + FAIL_ABOVE, NO_LIMIT);
  setU53(mem, os + FAIL_BYTES_FROM, NO_LIMIT);
  pageMapInit(mem, plan.pageMap, plan.pages);
  hugePoolsInit(mem, plan.hugePools, plan.huge);
}

/** Pages of 4 KiB that `bytes` take. */
export function osPagesFor(bytes: number): number {
  return Math.ceil(bytes / OS_PAGE_BYTES);
}

/** Bytes that may be mapped on the node. What is mapped already stays, even above it. Takes the node's mutex. */
export function osSetLimit(thr: Thread, os: number, limitBytes: number): void {
  mutexEnter(thr, os + MUTEX);
  setU53(thr.mem, os + LIMIT, limitBytes);
  mutexExit(thr, os + MUTEX);
}

/** Page of 4 KiB that an address lies in; −1 when it is in none of this node. */
export function osPageOf(mem: Int32Array, os: number, at: number): number {
  const page = (at - mem[os + BASE]) >> OS_PAGE_SHIFT;
  // An address before the area makes a negative page, which is large when it is seen without sign.
  return page >>> 0 < mem[os + PAGES] ? page : -1;
}

/** First word of a page of 4 KiB. */
export function osPageAddress(mem: Int32Array, os: number, page: number): number {
  return mem[os + BASE] + (page << OS_PAGE_SHIFT);
}

/** The run that a page of 4 KiB belongs to, by hopping: for errors and checks. Mutex held, or at rest. */
export function osRunStart(mem: Int32Array, os: number, page: number): PageRun {
  return runOfPage(mem, mem[os + MAP], page);
}

/** Asks the fault plan's ceiling and the node's limit for so many bytes more. The mutex is held. */
export function osWithinLimit(mem: Int32Array, os: number, bytes: number): boolean {
  const inUse = getU53(mem, os + IN_USE) + bytes;
  if (inUse > getU53(mem, os + FAIL_ABOVE)) {
    mem[os + FAILED_PLAN]++;
    return false;
  }
  if (inUse > getU53(mem, os + LIMIT)) {
    mem[os + FAILED_LIMIT]++;
    return false;
  }
  return true;
}

/** Takes so many bytes out of what all nodes may map; the last thing that can fail. The mutex is held. */
export function osWithinTotal(mem: Int32Array, os: number, bytes: number): boolean {
  const total = mem[os + TOTAL];
  if (total === NIL || osTotalReserve(mem, total, bytes / OS_PAGE_BYTES)) return true;
  mem[os + FAILED_TOTAL]++;
  return false;
}

/** Counts a run that was taken. The mutex is held. */
export function osCountMap(mem: Int32Array, os: number, bytes: number): void {
  const inUse = addU53(mem, os + IN_USE, bytes);
  if (inUse > getU53(mem, os + PEAK)) setU53(mem, os + PEAK, inUse);
  addU53(mem, os + MAP_BYTES, bytes);
  mem[os + MAPS]++;
}

/** Counts a run that is free again. The mutex is held. */
export function osCountUnmap(mem: Int32Array, os: number, bytes: number): void {
  addU53(mem, os + IN_USE, -bytes);
  addU53(mem, os + UNMAP_BYTES, bytes);
  mem[os + UNMAPS]++;
  if (mem[os + TOTAL] !== NIL) osTotalRelease(mem, mem[os + TOTAL], bytes / OS_PAGE_BYTES);
}

/**
 * Takes a run of pages of 4 KiB, first fit, within the limits. Its words are what their last owner left in them. The
 * node's mutex is held.
 * @returns its first page; −1: refused
 */
export function osMapRun(thr: Thread, os: number, pages: number, kind: number): number {
  assertHeld(thr, os + MUTEX, 'OsMemory.mutex');
  const page = osMapRunFrom(thr.mem, os, pages, kind, thr.node);
  if (page >= 0 && kind === PAGE_KIND.heap && thr.heapPlaced !== PLACED.wanted) {
    osCountPlaced(thr.mem, os, pages, thr.heapPlaced);
    if (thr.heapPlaced === PLACED.elsewhere) thr.heapForeign += pages;
  }
  return page;
}

/** Corrects the counts of a new run, which osMapRunFrom has counted as wanted here. The node's mutex is held. */
export function osCountPlaced(mem: Int32Array, os: number, pages: number, placed: number): void {
  if (placed === PLACED.interleaved) addU53(mem, os + INTERLEAVE_HIT, pages);
  if (placed !== PLACED.elsewhere) return;
  addU53(mem, os + NUMA_HIT, -pages);
  addU53(mem, os + NUMA_MISS, pages);
}

/** osMapRun for who runs on `node`, or before there are threads. The node's mutex is held, or nobody else exists. */
export function osMapRunFrom(mem: Int32Array, os: number, pages: number, kind: number, node: number): number {
  const bytes = pages * OS_PAGE_BYTES;
  if (!osWithinLimit(mem, os, bytes)) return -1;
  const page = findRun(mem, mem[os + MAP], mem[os + PAGES], os + FIRST_FIT, pages);
  if (page < 0) {
    mem[os + FAILED_SPACE]++;
    return -1;
  }
  if (!osWithinTotal(mem, os, bytes)) return -1;
  takeRun(mem, mem[os + MAP], os + FIRST_FIT, page, pages, kind);
  if (page + pages > mem[os + FRESH]) mem[os + FRESH] = page + pages;
  osCountMap(mem, os, bytes);
  addU53(mem, os + NUMA_HIT, pages);
  addU53(mem, os + (node === mem[os + NODE] ? LOCAL_NODE : OTHER_NODE), pages);
  return page;
}

/** Gives back the run that starts at `page`, whatever its kind, and joins it with free neighbours. Mutex held. */
export function osUnmapRun(thr: Thread, os: number, page: number): void {
  const { mem } = thr;
  assertHeld(thr, os + MUTEX, 'OsMemory.mutex');
  const pages = dropRun(mem, mem[os + MAP], mem[os + PAGES], os + FIRST_FIT, page);
  osCountUnmap(mem, os, pages * OS_PAGE_BYTES);
}
