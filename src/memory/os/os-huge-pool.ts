/**
 * The huge pages of a node: a pool for each size, reserved when the arena is laid out, on addresses that are multiples
 * of the size. A pool has a page map of its own, under the node's mutex.
 */
import type { ArenaPlanner } from '../../layout/arena.ts';
import { HUGE_POOL, OS_MEMORY, PAGE_KIND_BITS, PAGE_MAP } from '../../layout/os-memory.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { dropRun, findRun, OS_PAGE_BYTES, pageMapInit, takeRun } from './os-map.ts';

const { hugePools: POOLS, nHugePools: N_POOLS } = OS_MEMORY.at;
const { base: BASE, pages: PAGES, pageMap: MAP, shift: SHIFT, free: FREE } = HUGE_POOL.at;
const { firstFit: FIRST_FIT, fresh: FRESH, lowestFree: LOWEST_FREE, failed: FAILED } = HUGE_POOL.at;

/** The sizes that x86-64 has. */
export const HUGE_2M = 2 * 1024 * 1024;
export const HUGE_1G = 1024 * 1024 * 1024;

/** The pool of one size; plain data. */
export interface HugePoolPlan {
  readonly pageBytes: number;
  readonly pages: number;
  readonly pageMap: number;
  readonly base: number;
}

/** Places the pools, smallest pages first. @throws RangeError for a size that is no power of two above 4 KiB */
export function hugePoolsPlan(
  planner: ArenaPlanner,
  name: string,
  hugePages: Readonly<Record<number, number>>,
): { readonly hugePools: number; readonly huge: readonly HugePoolPlan[] } {
  const sizes = Object.keys(hugePages)
    .map(Number)
    .filter((size) => hugePages[size] > 0)
    .toSorted((a, b) => a - b);
  const bad = sizes.find((size) => size <= OS_PAGE_BYTES || 2 ** Math.round(Math.log2(size)) !== size);
  if (bad !== undefined) throw new RangeError(`${bad} bytes are no size of huge pages`);
  if (sizes.length === 0) return { hugePools: NIL, huge: [] };
  const hugePools = planner.place(`${name}.huge_pools`, HUGE_POOL, sizes.length);
  const huge = sizes.map((pageBytes): HugePoolPlan => {
    const pages = hugePages[pageBytes];
    const words = pageBytes / WORD_BYTES;
    const pool = `${name}.huge_${pageBytes / 1024}k`;
    return {
      pageBytes,
      pages,
      pageMap: planner.place(`${pool}.page_map`, PAGE_MAP, pages),
      base: planner.placeWords(pool, words, pages, words, `pages of ${pageBytes} bytes`),
    };
  });
  return { hugePools, huge };
}

/** Makes the pools, all free; before they are shared. */
export function hugePoolsInit(mem: Int32Array, pools: number, plans: readonly HugePoolPlan[]): void {
  for (const [i, plan] of plans.entries()) {
    const pool = pools + i * HUGE_POOL.words;
    mem.fill(0, pool, pool + HUGE_POOL.words);
    mem[pool + BASE] = plan.base;
    mem[pool + PAGES] = plan.pages;
    mem[pool + MAP] = plan.pageMap;
    mem[pool + SHIFT] = Math.log2(plan.pageBytes / WORD_BYTES);
    mem[pool + FREE] = plan.pages;
    mem[pool + LOWEST_FREE] = plan.pages;
    pageMapInit(mem, plan.pageMap, plan.pages);
  }
}

/** Bytes of a page of the pool. */
export function hugePageBytes(mem: Int32Array, pool: number): number {
  return 2 ** mem[pool + SHIFT] * WORD_BYTES;
}

/** The node's pool of that page size; NIL: none. */
export function hugePoolOfSize(mem: Int32Array, os: number, pageBytes: number): number {
  for (let i = 0; i < mem[os + N_POOLS]; i++) {
    const pool = mem[os + POOLS] + i * HUGE_POOL.words;
    if (hugePageBytes(mem, pool) === pageBytes) return pool;
  }
  return NIL;
}

/** The node's pool that an address lies in; NIL: none. */
export function hugePoolOf(mem: Int32Array, os: number, at: number): number {
  for (let i = 0; i < mem[os + N_POOLS]; i++) {
    const pool = mem[os + POOLS] + i * HUGE_POOL.words;
    const page = (at - mem[pool + BASE]) >> mem[pool + SHIFT];
    if (page >>> 0 < mem[pool + PAGES]) return pool;
  }
  return NIL;
}

/** Looks for huge pages in a row. The node's mutex is held. @returns the first; −1: there are none */
export function hugeFind(mem: Int32Array, pool: number, pages: number): number {
  const page = findRun(mem, mem[pool + MAP], mem[pool + PAGES], pool + FIRST_FIT, pages);
  if (page < 0) mem[pool + FAILED]++;
  return page;
}

/**
 * Takes what `hugeFind` has found. The node's mutex is held.
 * @returns how many of the pages have had an owner before: they lead, and are not zero
 */
export function hugeTake(mem: Int32Array, pool: number, page: number, pages: number, kind: number): number {
  takeRun(mem, mem[pool + MAP], pool + FIRST_FIT, page, pages, kind);
  mem[pool + FREE] -= pages;
  if (mem[pool + FREE] < mem[pool + LOWEST_FREE]) mem[pool + LOWEST_FREE] = mem[pool + FREE];
  const used = Math.min(Math.max(mem[pool + FRESH] - page, 0), pages);
  if (page + pages > mem[pool + FRESH]) mem[pool + FRESH] = page + pages;
  return used;
}

/** Gives back the run that starts at `page`. The node's mutex is held. @returns its length */
export function hugeDrop(mem: Int32Array, pool: number, page: number): number {
  const pages = dropRun(mem, mem[pool + MAP], mem[pool + PAGES], pool + FIRST_FIT, page);
  mem[pool + FREE] += pages;
  return pages;
}

/** A pool as /sys/kernel/mm/hugepages shows it; plain data. */
export interface HugePoolUse {
  readonly pageBytes: number;
  /** nr_hugepages */
  readonly pages: number;
  /** free_hugepages, and its smallest value so far. */
  readonly free: number;
  readonly lowestFree: number;
  /** Requests that found no pages in a row. */
  readonly failed: number;
  /** Pages that are mapped, and the runs that they make; by walking the map: exact at rest. */
  readonly mapped: number;
}

/** All pools of a node, smallest pages first. */
export function hugePoolsUse(mem: Int32Array, os: number): HugePoolUse[] {
  return Array.from({ length: mem[os + N_POOLS] }, (_, i) => {
    const pool = mem[os + POOLS] + i * HUGE_POOL.words;
    return {
      pageBytes: hugePageBytes(mem, pool),
      pages: mem[pool + PAGES],
      free: mem[pool + FREE],
      lowestFree: mem[pool + LOWEST_FREE],
      failed: mem[pool + FAILED],
      mapped: mem[pool + PAGES] - mem[pool + FREE],
    };
  });
}

/** Length in pages of the run that starts at `page`. Mutex held, or the caller owns the run. */
export function hugeRunPages(mem: Int32Array, pool: number, page: number): number {
  return mem[mem[pool + MAP] + page] >>> PAGE_KIND_BITS;
}
