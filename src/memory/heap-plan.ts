/** Laying out the heap of a node, and making it. */
import type { ArenaPlanner } from '../layout/arena.ts';
import { HEAP, HEAP_PAGE } from '../layout/heap.ts';
import { OS_MEMORY } from '../layout/os-memory.ts';

/** Where it lies; plain data. */
export interface HeapPlan {
  readonly at: number;
  readonly heapPages: number;
}

/** Places the heap of an area of `pages` pages of 4 KiB, for threads 1 to `nThreads`. */
export function heapPlan(planner: ArenaPlanner, pages: number, _nThreads: number, name: string): HeapPlan {
  return {
    at: planner.place(`${name}.heap`, HEAP),
    heapPages: planner.place(`${name}.heap_pages`, HEAP_PAGE, pages),
  };
}

/** Makes it, empty. The OS_MEMORY record at `os` has been made. */
export function heapInit(mem: Int32Array, os: number, plan: HeapPlan): void {
  mem.fill(0, plan.at, plan.at + HEAP.words);
  mem[os + OS_MEMORY.at.heap] = plan.at;
  mem[os + OS_MEMORY.at.heapPages] = plan.heapPages;
}
