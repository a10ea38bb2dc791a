/** The memory of a simulated node as a whole: what the operating system gives, the heap on it, what is known of blocks. */
import type { ArenaPlanner } from '../../layout/arena.ts';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { heapInit, type HeapOptions, type HeapPlan, heapPlan } from '../heap/heap-plan.ts';
import { originInit, type OriginPlan, originPlan } from '../ut/origin.ts';
import { osMemoryInit, type OsMemoryOptions, type OsMemoryPlan, osMemoryPlan } from './os-memory.ts';

export interface NodeMemoryOptions extends OsMemoryOptions, HeapOptions {
  /** Threads that may allocate: ids 1 to this. */
  readonly nThreads: number;
  /** Whether the place where each block was asked for is recorded: reports of leaks and damage need it. */
  readonly origins?: boolean;
  /** SITE_TABLE that names the places; NIL: only their numbers are known. */
  readonly sites?: number;
}

/** Where it lies; plain data. */
export interface NodeMemoryPlan extends OsMemoryPlan {
  readonly heap: HeapPlan;
  readonly origins: OriginPlan | null;
  readonly sites: number;
}

/** Places it in the region that is open. */
export function nodeMemoryPlan(planner: ArenaPlanner, o: NodeMemoryOptions): NodeMemoryPlan {
  const name = o.name ?? 'os_memory';
  const os = osMemoryPlan(planner, o);
  return {
    ...os,
    heap: heapPlan(planner, os.pages, o.nThreads, name, o),
    origins: o.origins === true ? originPlan(planner, os.pages, name) : null,
    sites: o.sites ?? 0,
  };
}

/** Makes it, all free; before it is shared. `limitBytes` defaults to all that there is. */
export function nodeMemoryInit(mem: Int32Array, plan: NodeMemoryPlan, limitBytes?: number): void {
  osMemoryInit(mem, plan, limitBytes);
  heapInit(mem, plan.at, plan.heap);
  if (plan.origins !== null) originInit(mem, plan.at, plan.origins);
  mem[plan.at + OS_MEMORY.at.sites] = plan.sites;
}
