/**
 * The simulated operating system memory of a node: `mmap` and `munmap` of anonymous memory, in pages of 4 KiB or in
 * huge pages. Limits and counts are in os-node.ts, fault plans in os-faults.ts, huge pages in os-huge-pool.ts, the limit
 * of all nodes together in os-total.ts; placement.ts chooses the node.
 *
 * Mapped memory is zero. Pages that were never handed out are zero already and are not touched: a mapping of 1 GiB
 * costs nothing until it is used.
 */
import { HUGE_POOL, OS_MEMORY, PAGE_KIND, PAGE_KIND_BITS } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { addU53 } from '../../layout/words.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { osRequestFails } from './os-faults.ts';
import { hugeDrop, hugeFind, hugePageBytes, hugePoolOf, hugePoolOfSize, hugeTake } from './os-huge-pool.ts';
import { KIND_MASK, OS_PAGE_BYTES, OS_PAGE_SHIFT, OsMemoryError, runOfPage } from './os-map.ts';
import {
  osCountMap,
  osCountPlaced,
  osCountUnmap,
  osMapRun,
  osPageAddress,
  osPageOf,
  osPagesFor,
  osUnmapRun,
  osWithinLimit,
  osWithinTotal,
  PLACED,
} from './os-node.ts';

export { osMemoryDefects, osTotalDefects } from './os-check.ts';
export { type FaultPlan, osRequestFails, osSetFaults } from './os-faults.ts';
export { ENOMEM, ENOMEM_TEXT, OS_PAGE_BYTES, OS_PAGE_SHIFT, OS_PAGE_WORDS, OsMemoryError } from './os-map.ts';
export {
  NO_LIMIT,
  osCapacity,
  osMapRun,
  osMemoryInit,
  type OsMemoryOptions,
  osMemoryPlan,
  type OsMemoryPlan,
  osPageAddress,
  osPageOf,
  osPagesFor,
  osRunStart,
  osSetLimit,
  osUnmapRun,
  PLACED,
} from './os-node.ts';

const { mutex: MUTEX, pageMap: MAP, fresh: FRESH, failedSpace: FAILED_SPACE } = OS_MEMORY.at;
const { mappedBytes: MAPPED_BYTES, largeBytes: LARGE_BYTES } = OS_MEMORY.at;
const { base: HUGE_BASE, pageMap: HUGE_MAP, shift: HUGE_SHIFT } = HUGE_POOL.at;
const { mapped: MAPPED, large: LARGE, heap: HEAP } = PAGE_KIND;

/** How a mapping differs from the usual one. */
export interface MapOptions {
  /** PAGE_KIND: mapped, or large. */
  readonly kind: number;
  /** PLACED */
  readonly placed: number;
}

export const PLAIN_MAP: MapOptions = { kind: MAPPED, placed: PLACED.wanted };
export const LARGE_MAP: MapOptions = { kind: LARGE, placed: PLACED.wanted };

/**
 * `mmap` of anonymous memory: `bytes` rounded up to whole pages of 4 KiB, zero. Takes the node's mutex.
 * @returns the address of the first word, on a page boundary; NIL: refused (ENOMEM)
 */
export function osMmap(thr: Thread, os: number, bytes: number, how: MapOptions = PLAIN_MAP): number {
  const { mem } = thr;
  const pages = osPagesFor(bytes);
  mutexEnter(thr, os + MUTEX);
  const fresh = mem[os + FRESH];
  const page = pages === 0 || osRequestFails(thr, os, bytes) ? -1 : osMapRun(thr, os, pages, how.kind);
  if (page >= 0) countMapping(mem, os, pages, how);
  mutexExit(thr, os + MUTEX);
  if (page < 0) return NIL;
  const at = osPageAddress(mem, os, page);
  const used = Math.min(fresh - page, pages);
  // The run is the caller's already: no latch is needed to clear it.
  if (used > 0) mem.fill(0, at, at + (used << OS_PAGE_SHIFT));
  return at;
}

/**
 * `mmap` with MAP_HUGETLB: `bytes` rounded up to whole huge pages of `hugeBytes` bytes, zero. Takes the node's mutex.
 * @returns the address of the first word, a multiple of the huge page; NIL: refused (ENOMEM), the pool has not so many
 *   pages in a row, or there is no pool of that size
 */
export function osMmapHuge(
  thr: Thread,
  os: number,
  bytes: number,
  hugeBytes: number,
  how: MapOptions = PLAIN_MAP,
): number {
  const { mem } = thr;
  const pages = Math.ceil(bytes / hugeBytes);
  if (pages === 0) return NIL;
  mutexEnter(thr, os + MUTEX);
  const pool = osRequestFails(thr, os, bytes) ? NIL : findPool(mem, os, pages, hugeBytes);
  const page = pool === NIL ? -1 : hugeFind(mem, pool, pages);
  if (pool !== NIL && page < 0) mem[os + FAILED_SPACE]++;
  const mapped = page >= 0 && osWithinTotal(mem, os, pages * hugeBytes);
  const used = mapped ? hugeTake(mem, pool, page, pages, how.kind) : 0;
  if (mapped) {
    osCountMap(mem, os, pages * hugeBytes);
    countBytes(mem, os, pages * hugeBytes, how.kind);
  }
  mutexExit(thr, os + MUTEX);
  if (!mapped) return NIL;
  const shift = mem[pool + HUGE_SHIFT];
  const at = mem[pool + HUGE_BASE] + (page << shift);
  if (used > 0) mem.fill(0, at, at + (used << shift));
  return at;
}

/** The pool to take huge pages from, when the limit of the node allows them; NIL: refused. */
function findPool(mem: Int32Array, os: number, pages: number, hugeBytes: number): number {
  const pool = hugePoolOfSize(mem, os, hugeBytes);
  if (pool === NIL) mem[os + FAILED_SPACE]++;
  return pool !== NIL && osWithinLimit(mem, os, pages * hugeBytes) ? pool : NIL;
}

/** A new mapping of pages of 4 KiB. osMapRun has counted it as wanted here. */
function countMapping(mem: Int32Array, os: number, pages: number, how: MapOptions): void {
  countBytes(mem, os, pages * OS_PAGE_BYTES, how.kind);
  osCountPlaced(mem, os, pages, how.placed);
}

function countBytes(mem: Int32Array, os: number, bytes: number, kind: number): void {
  addU53(mem, os + MAPPED_BYTES, bytes);
  if (kind === LARGE) addU53(mem, os + LARGE_BYTES, bytes);
}

/**
 * `munmap` of a whole mapping, in pages of 4 KiB or in huge pages. Takes the node's mutex.
 * @param bytes as it was mapped, rounded up to whole pages or not; of huge pages the rounded length
 * @throws OsMemoryError when there is no such mapping at that address; nothing is changed then
 */
export function osMunmap(thr: Thread, os: number, at: number, bytes: number): void {
  unmap(thr, os, at, bytes, MAPPED);
}

/** `shmdt` or `munmap` of what was mapped with LARGE_MAP; as osMunmap otherwise. */
export function osUnmapLarge(thr: Thread, os: number, at: number, bytes: number): void {
  unmap(thr, os, at, bytes, LARGE);
}

function unmap(thr: Thread, os: number, at: number, bytes: number, kind: number): void {
  const { mem } = thr;
  const pool = hugePoolOf(mem, os, at);
  mutexEnter(thr, os + MUTEX);
  const fault =
    pool === NIL ? unmapFault(mem, os, at, bytes, kind) : hugeUnmapFault(mem, pool, at, bytes, kind);
  if (fault === '') {
    const mapped = pool === NIL ? osPagesFor(bytes) * OS_PAGE_BYTES : bytes;
    addU53(mem, os + MAPPED_BYTES, -mapped);
    if (kind === LARGE) addU53(mem, os + LARGE_BYTES, -mapped);
    if (pool === NIL) osUnmapRun(thr, os, osPageOf(mem, os, at));
    else dropHuge(mem, os, pool, at, bytes);
  }
  mutexExit(thr, os + MUTEX);
  if (fault !== '') throw new OsMemoryError(`munmap(@${at}, ${bytes}): ${fault}`);
}

function dropHuge(mem: Int32Array, os: number, pool: number, at: number, bytes: number): void {
  hugeDrop(mem, pool, (at - mem[pool + HUGE_BASE]) >> mem[pool + HUGE_SHIFT]);
  osCountUnmap(mem, os, bytes);
}

/** What is wrong with the call; empty when nothing. The mutex is held. */
function unmapFault(mem: Int32Array, os: number, at: number, bytes: number, kind: number): string {
  const page = osPageOf(mem, os, at);
  if (page < 0) return 'the address is outside the memory of the node';
  if (at !== osPageAddress(mem, os, page)) return 'the address is not at the start of a page';
  return runFault(mem, mem[os + MAP], page, OS_PAGE_BYTES, osPagesFor(bytes), kind);
}

function hugeUnmapFault(mem: Int32Array, pool: number, at: number, bytes: number, kind: number): string {
  const pageBytes = hugePageBytes(mem, pool);
  const page = (at - mem[pool + HUGE_BASE]) >> mem[pool + HUGE_SHIFT];
  if (at !== mem[pool + HUGE_BASE] + (page << mem[pool + HUGE_SHIFT])) {
    return `the address is not at the start of a huge page of ${pageBytes} bytes`;
  }
  return runFault(mem, mem[pool + HUGE_MAP], page, pageBytes, bytes / pageBytes, kind);
}

/** Compares what is to be unmapped with the run at a page. */
function runFault(
  mem: Int32Array,
  map: number,
  page: number,
  pageBytes: number,
  pages: number,
  kind: number,
): string {
  const run = mem[map + page];
  if ((run & KIND_MASK) === kind) {
    const has = run >>> PAGE_KIND_BITS;
    return has === pages ? '' : `the mapping has ${has * pageBytes} bytes`;
  }
  const there = run === 0 ? runOfPage(mem, map, page) : null;
  switch (there?.kind ?? run & KIND_MASK) {
    case MAPPED:
    case LARGE:
      if (there !== null) return insideOf(there.pages * pageBytes, (page - there.start) * pageBytes);
      return kind === LARGE ? 'os_mem_alloc_large has not mapped it' : 'os_mem_alloc_large has mapped it';
    case HEAP:
      return 'the page belongs to the heap';
    default:
      return 'nothing is mapped there';
  }
}

function insideOf(bytes: number, offset: number): string {
  return `the address is inside a mapping of ${bytes} bytes, ${offset} behind its start`;
}
