/**
 * The simulated operating system memory of a node: an area of 4 KiB pages from which runs are mapped and unmapped,
 * with a limit and a fault plan. The heap (malloc.ts) takes its pages here as well, under the same mutex.
 *
 * Free pages are found first fit by hopping from run to run over the page map; below `firstFit` nothing is free.
 * Nothing here sleeps or logs: whoever cannot go on without memory does that (ut-allocator.ts), with the mutex free.
 */
import type { ArenaPlanner } from '../layout/arena.ts';
import { OS_MEMORY, PAGE_KIND, PAGE_KIND_BITS, PAGE_MAP } from '../layout/os-memory.ts';
import { NIL, WORD_BYTES } from '../layout/schema.ts';
import { addU53, getU53, setU53 } from '../layout/words.ts';
import { LATCH } from '../sync/latch-meta.ts';
import { mutexEnter, mutexExit, mutexInit } from '../sync/mutex.ts';
import { assertHeld } from '../sync/order.ts';
import type { Thread } from '../sync/thread.ts';

const { mutex: MUTEX, base: BASE, pages: PAGES, pageMap: MAP } = OS_MEMORY.at;
const {
  inUse: IN_USE,
  peak: PEAK,
  limit: LIMIT,
  largeBytes: LARGE_BYTES,
  firstFit: FIRST_FIT,
} = OS_MEMORY.at;
const { failNext: FAIL_NEXT, failPpm: FAIL_PPM, failAbove: FAIL_ABOVE } = OS_MEMORY.at;
const { requests: REQUESTS, failedPlan: FAILED_PLAN, failedLimit: FAILED_LIMIT } = OS_MEMORY.at;
const { failedSpace: FAILED_SPACE, maps: MAPS, unmaps: UNMAPS } = OS_MEMORY.at;

export const OS_PAGE_BYTES = 4096;
export const OS_PAGE_WORDS = OS_PAGE_BYTES / WORD_BYTES;
/** Stands for "no limit" in two-word fields. */
export const NO_LIMIT = Number.MAX_SAFE_INTEGER;
const MILLION = 1_000_000;
const KIND_MASK = (1 << PAGE_KIND_BITS) - 1;
const { free: FREE, mapped: MAPPED } = PAGE_KIND;

/** `errno` of every failure here, and what strerror() says. */
export const ENOMEM = 12;
export const ENOMEM_TEXT = 'Cannot allocate memory';

/** An address was given back that had not been handed out, or not like this. */
export class OsMemoryError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'OsMemoryError';
  }
}

/** Word addresses and size; plain data. After `osMemoryInit` the record at `at` says it all. */
export interface OsMemoryPlan {
  /** OS_MEMORY. */
  readonly at: number;
  readonly pageMap: number;
  readonly base: number;
  readonly pages: number;
}

/** Places a node's memory in the region that is open. `bytes` is rounded up to whole pages, at least one. */
export function osMemoryPlan(planner: ArenaPlanner, bytes: number, name = 'os_memory'): OsMemoryPlan {
  const pages = Math.max(1, osPagesFor(bytes));
  return {
    at: planner.place(name, OS_MEMORY),
    pageMap: planner.place(`${name}.page_map`, PAGE_MAP, pages),
    base: planner.placeWords(`${name}.area`, OS_PAGE_WORDS, pages, OS_PAGE_WORDS, 'pages of 4 KiB'),
    pages,
  };
}

/** Makes it, all free; before it is shared. `limitBytes` defaults to the whole area. */
export function osMemoryInit(
  mem: Int32Array,
  plan: OsMemoryPlan,
  limitBytes = plan.pages * OS_PAGE_BYTES,
): void {
  const os = plan.at;
  mem.fill(0, os, os + OS_MEMORY.words);
  mem.fill(0, plan.pageMap, plan.pageMap + plan.pages);
  mutexInit(mem, os + MUTEX, LATCH.osMemory);
  mem[os + BASE] = plan.base;
  mem[os + PAGES] = plan.pages;
  mem[os + MAP] = plan.pageMap;
  setU53(mem, os + LIMIT, limitBytes);
  setU53(mem, os + FAIL_ABOVE, NO_LIMIT);
  setRun(mem, plan.pageMap, 0, plan.pages, FREE);
}

/** Pages that `bytes` take. */
export function osPagesFor(bytes: number): number {
  return Math.ceil(bytes / OS_PAGE_BYTES);
}

/** Bytes that may be mapped on the node. What is mapped already stays, even above it. Takes the node's mutex. */
export function osSetLimit(thr: Thread, os: number, limitBytes: number): void {
  mutexEnter(thr, os + MUTEX);
  setU53(thr.mem, os + LIMIT, limitBytes);
  mutexExit(thr, os + MUTEX);
}

/** Which requests (malloc, calloc, realloc, mmap: one each) fail though there is memory. */
export interface FaultPlan {
  /** So many from now on; 0 when absent. */
  readonly failNext?: number;
  /** Each with this probability, in parts per million, drawn from the asking thread's generator; 0 when absent. */
  readonly failPpm?: number;
  /** Those that would bring the mapped bytes above this; NO_LIMIT when absent. */
  readonly failAbove?: number;
}

/** Replaces the fault plan. Takes the node's mutex. */
export function osSetFaults(thr: Thread, os: number, plan: FaultPlan): void {
  const { mem } = thr;
  mutexEnter(thr, os + MUTEX);
  mem[os + FAIL_NEXT] = plan.failNext ?? 0;
  mem[os + FAIL_PPM] = plan.failPpm ?? 0;
  setU53(mem, os + FAIL_ABOVE, plan.failAbove ?? NO_LIMIT);
  mutexExit(thr, os + MUTEX);
}

/**
 * Counts a request and asks the fault plan, as every request does once. The node's mutex is held.
 * @returns true: the request must fail
 */
export function osRequestFails(thr: Thread, os: number): boolean {
  const { mem } = thr;
  assertHeld(thr, os + MUTEX, 'OsMemory.mutex');
  mem[os + REQUESTS]++;
  if (mem[os + FAIL_NEXT] > 0) mem[os + FAIL_NEXT]--;
  else if (mem[os + FAIL_PPM] === 0 || thr.rng.below(MILLION) >= mem[os + FAIL_PPM]) return false;
  mem[os + FAILED_PLAN]++;
  return true;
}

/**
 * `mmap` of anonymous memory: `bytes` rounded up to whole pages, zeroed. Takes the node's mutex.
 * @returns the address of the first word, on a page boundary; NIL: refused (ENOMEM)
 */
export function osMmap(thr: Thread, os: number, bytes: number): number {
  const { mem } = thr;
  const pages = osPagesFor(bytes);
  mutexEnter(thr, os + MUTEX);
  const page = pages === 0 || osRequestFails(thr, os) ? -1 : osMapRun(thr, os, pages, MAPPED);
  if (page >= 0) addU53(mem, os + LARGE_BYTES, pages * OS_PAGE_BYTES);
  mutexExit(thr, os + MUTEX);
  if (page < 0) return NIL;
  const at = osPageAddress(mem, os, page);
  mem.fill(0, at, at + pages * OS_PAGE_WORDS);
  return at;
}

/**
 * `munmap` of a whole mapping. Takes the node's mutex.
 * @throws OsMemoryError when there is no mapping of that length at that address; nothing is changed then.
 */
export function osMunmap(thr: Thread, os: number, at: number, bytes: number): void {
  const { mem } = thr;
  mutexEnter(thr, os + MUTEX);
  const fault = unmapFault(mem, os, at, bytes);
  if (fault === '') {
    osUnmapRun(thr, os, osPageOf(mem, os, at));
    addU53(mem, os + LARGE_BYTES, -osPagesFor(bytes) * OS_PAGE_BYTES);
  }
  mutexExit(thr, os + MUTEX);
  if (fault !== '') throw new OsMemoryError(`munmap(@${at}, ${bytes}): ${fault}`);
}

function unmapFault(mem: Int32Array, os: number, at: number, bytes: number): string {
  const page = osPageOf(mem, os, at);
  if (page < 0) return 'the address is outside the memory of the node';
  if (at !== osPageAddress(mem, os, page)) return 'the address is not at the start of a page';
  const run = mem[mem[os + MAP] + page];
  switch (run & KIND_MASK) {
    case MAPPED: {
      const pages = run >>> PAGE_KIND_BITS;
      return pages === osPagesFor(bytes) ? '' : `the mapping has ${pages * OS_PAGE_BYTES} bytes`;
    }
    case PAGE_KIND.heap:
      return 'the page belongs to the heap';
    default:
      return run === 0 && osRunStart(mem, os, page).kind === MAPPED
        ? 'the address is inside a mapping'
        : 'nothing is mapped there';
  }
}

/** Page that an address lies in; −1 when it is not of this node. */
export function osPageOf(mem: Int32Array, os: number, at: number): number {
  const page = Math.floor((at - mem[os + BASE]) / OS_PAGE_WORDS);
  return page >= 0 && page < mem[os + PAGES] ? page : -1;
}

/** First word of a page. */
export function osPageAddress(mem: Int32Array, os: number, page: number): number {
  return mem[os + BASE] + page * OS_PAGE_WORDS;
}

/** The run that a page belongs to, by hopping from the beginning: for errors and checks. Mutex held, or at rest. */
export function osRunStart(
  mem: Int32Array,
  os: number,
  page: number,
): { start: number; pages: number; kind: number } {
  let start = 0;
  for (;;) {
    const run = mem[mem[os + MAP] + start];
    const pages = run >>> PAGE_KIND_BITS;
    if (page < start + pages) return { start, pages, kind: run & KIND_MASK };
    if (pages === 0) throw new OsMemoryError(`page map of @${os} is torn at page ${start}`);
    start += pages;
  }
}

/** Writes a run's word at its first page, and at its last: the same word when the run is free, else 0. */
function setRun(mem: Int32Array, map: number, start: number, pages: number, kind: number): void {
  mem[map + start] = (pages << PAGE_KIND_BITS) | kind;
  if (pages > 1)
    mem[map + start + pages - 1] = kind === FREE ? (pages << PAGE_KIND_BITS) | kind : PAGE_KIND.inner;
}

/**
 * Takes a run of pages, first fit, within limit and fault plan. The node's mutex is held.
 * @returns its first page; −1: refused
 */
export function osMapRun(thr: Thread, os: number, pages: number, kind: number): number {
  const { mem } = thr;
  assertHeld(thr, os + MUTEX, 'OsMemory.mutex');
  const inUse = getU53(mem, os + IN_USE) + pages * OS_PAGE_BYTES;
  if (inUse > getU53(mem, os + FAIL_ABOVE)) {
    mem[os + FAILED_PLAN]++;
    return -1;
  }
  if (inUse > getU53(mem, os + LIMIT)) {
    mem[os + FAILED_LIMIT]++;
    return -1;
  }
  const map = mem[os + MAP];
  const end = mem[os + PAGES];
  let page = mem[os + FIRST_FIT];
  let noneFree = true;
  for (;;) {
    if (page >= end) {
      mem[os + FAILED_SPACE]++;
      return -1;
    }
    const run = mem[map + page];
    if ((run & KIND_MASK) === FREE) {
      if (run >>> PAGE_KIND_BITS >= pages) break;
      noneFree = false;
    }
    page += run >>> PAGE_KIND_BITS;
  }
  const rest = (mem[map + page] >>> PAGE_KIND_BITS) - pages;
  setRun(mem, map, page, pages, kind);
  if (rest > 0) setRun(mem, map, page + pages, rest, FREE);
  if (noneFree) mem[os + FIRST_FIT] = page + pages;
  setU53(mem, os + IN_USE, inUse);
  if (inUse > getU53(mem, os + PEAK)) setU53(mem, os + PEAK, inUse);
  mem[os + MAPS]++;
  return page;
}

/** Gives back the run that starts at `page`, whatever its kind, and joins it with free neighbours. Mutex held. */
export function osUnmapRun(thr: Thread, os: number, page: number): void {
  const { mem } = thr;
  assertHeld(thr, os + MUTEX, 'OsMemory.mutex');
  const map = mem[os + MAP];
  const pages = mem[map + page] >>> PAGE_KIND_BITS;
  let start = page;
  let end = page + pages;
  const next = end < mem[os + PAGES] ? mem[map + end] : 0;
  mem[map + page] = PAGE_KIND.inner;
  if ((next & KIND_MASK) === FREE) {
    mem[map + end] = PAGE_KIND.inner;
    end += next >>> PAGE_KIND_BITS;
  }
  const before = start > 0 ? mem[map + start - 1] : 0;
  if ((before & KIND_MASK) === FREE) {
    mem[map + start - 1] = PAGE_KIND.inner;
    start -= before >>> PAGE_KIND_BITS;
  }
  setRun(mem, map, start, end - start, FREE);
  if (start < mem[os + FIRST_FIT]) mem[os + FIRST_FIT] = start;
  addU53(mem, os + IN_USE, -pages * OS_PAGE_BYTES);
  mem[os + UNMAPS]++;
}

/** Checks the page map at rest: runs without gaps, no two free neighbours, sums. One sentence per defect. */
export function osMemoryDefects(mem: Int32Array, os: number): string[] {
  const found: string[] = [];
  const map = mem[os + MAP];
  let page = 0;
  let used = 0;
  let large = 0;
  let lastKind = -1;
  while (page < mem[os + PAGES]) {
    const run = mem[map + page];
    const kind = run & KIND_MASK;
    const pages = run >>> PAGE_KIND_BITS;
    if (kind === PAGE_KIND.inner || pages === 0)
      return [...found, `page ${page}: no run starts here (${run})`];
    const last = page + pages - 1;
    if (kind === FREE && mem[map + last] !== run)
      found.push(`page ${last}: free run from ${page} has no end`);
    for (let i = page + 1; i < (kind === FREE ? last : last + 1); i++) {
      if (mem[map + i] !== PAGE_KIND.inner) found.push(`page ${i}: run in a run (${mem[map + i]})`);
    }
    if (kind === FREE && lastKind === FREE) found.push(`page ${page}: free run behind a free run`);
    if (kind === FREE && page < mem[os + FIRST_FIT]) found.push(`page ${page}: free below firstFit`);
    if (kind !== FREE) used += pages * OS_PAGE_BYTES;
    if (kind === MAPPED) large += pages * OS_PAGE_BYTES;
    lastKind = kind;
    page += pages;
  }
  const inUse = getU53(mem, os + IN_USE);
  if (used !== inUse) found.push(`${used} bytes are mapped, inUse says ${inUse}`);
  const largeBytes = getU53(mem, os + LARGE_BYTES);
  if (large !== largeBytes) found.push(`${large} bytes are in mappings, largeBytes says ${largeBytes}`);
  return found;
}
