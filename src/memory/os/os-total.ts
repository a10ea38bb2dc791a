/**
 * The memory that all nodes have mapped together, and its limit (OS_TOTAL): a count of pages that is changed by
 * compare-exchange, under no mutex but that of the node at which pages are taken or given back.
 *
 * A node raises the count when it has found a run and nothing else can fail, and lowers it when the run is free again:
 * the count is never above the limit, and never below what is mapped.
 */
import type { ArenaPlanner } from '../../layout/arena.ts';
import { OS_TOTAL } from '../../layout/os-memory.ts';
import { OS_PAGE_BYTES } from './os-map.ts';

const { pages: PAGES, limit: LIMIT, peak: PEAK, failed: FAILED } = OS_TOTAL.at;
const MOST_PAGES = 0x7fffffff;

/** Places the record, in the global part of the arena: before the first node is opened. */
export function osTotalPlan(planner: ArenaPlanner, name = 'os_total'): number {
  return planner.place(name, OS_TOTAL);
}

/** Makes it, with nothing mapped; before it is shared. */
export function osTotalInit(mem: Int32Array, total: number, limitBytes = Infinity): void {
  mem.fill(0, total, total + OS_TOTAL.words);
  mem[total + LIMIT] = limitPages(limitBytes);
}

const limitPages = (bytes: number): number => Math.min(Math.floor(bytes / OS_PAGE_BYTES), MOST_PAGES);

/**
 * Bytes that may be mapped on all nodes together, rounded down to pages; Infinity or NO_LIMIT: as many as there are.
 * It counts for requests from now on: what is mapped stays, even above it.
 */
export function osSetTotalLimit(mem: Int32Array, total: number, limitBytes: number): void {
  Atomics.store(mem, total + LIMIT, limitPages(limitBytes));
}

/** Takes so many pages into the count. @returns false: they would exceed the limit, nothing is changed */
export function osTotalReserve(mem: Int32Array, total: number, pages: number): boolean {
  let before = Atomics.load(mem, total + PAGES);
  for (;;) {
    if (before + pages > Atomics.load(mem, total + LIMIT)) {
      Atomics.add(mem, total + FAILED, 1);
      return false;
    }
    const seen = Atomics.compareExchange(mem, total + PAGES, before, before + pages);
    if (seen === before) break;
    before = seen;
  }
  let peak = Atomics.load(mem, total + PEAK);
  while (peak < before + pages) {
    const seen = Atomics.compareExchange(mem, total + PEAK, peak, before + pages);
    if (seen === peak) break;
    peak = seen;
  }
  return true;
}

/** Takes them out again; their run is free. */
export function osTotalRelease(mem: Int32Array, total: number, pages: number): void {
  Atomics.sub(mem, total + PAGES, pages);
}

/** What all nodes have mapped, for reports; plain data, bytes. */
export interface OsTotalUse {
  readonly bytes: number;
  readonly peakBytes: number;
  /** Infinity: none. */
  readonly limitBytes: number;
  /** Requests refused by the limit. */
  readonly failed: number;
}

export function osTotalUse(mem: Int32Array, total: number): OsTotalUse {
  const limit = Atomics.load(mem, total + LIMIT);
  return {
    bytes: Atomics.load(mem, total + PAGES) * OS_PAGE_BYTES,
    peakBytes: Atomics.load(mem, total + PEAK) * OS_PAGE_BYTES,
    limitBytes: limit === MOST_PAGES ? Infinity : limit * OS_PAGE_BYTES,
    failed: Atomics.load(mem, total + FAILED),
  };
}
