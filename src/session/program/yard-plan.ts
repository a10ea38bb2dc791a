/**
 * The yard: one of each allocator, shared by all threads of a run, and places where blocks change hands. Planned when a
 * scenario wants it.
 */
import type { ArenaPlanner } from '../../layout/arena.ts';
import { UT_NEW_PFX } from '../../layout/headers.ts';
import { MEM_POOL } from '../../layout/mem-pool.ts';
import { MEM_ROOT } from '../../layout/mem-root.ts';
import { UT_MEM } from '../../layout/ut0mem.ts';
import { EXCHANGE_SLOT } from '../../layout/yard.ts';
import type { MemEnv } from '../../memory/env.ts';
import { type MemPool, memPoolCreate, memPoolFree, memPoolGetReserved } from '../../memory/old/mem-pool.ts';
import { memPoolValidate } from '../../memory/old/mem-pool-check.ts';
import { movableDefects } from '../../memory/movable/movable-check.ts';
import { movableHeapClose } from '../../memory/movable/movable-heap.ts';
import {
  MovableHeap,
  movableHeapInit,
  type MovableHeapPlan,
  movableHeapPlan,
} from '../../memory/movable/movable-plan.ts';
import {
  poolDefects,
  specialPoolsInit,
  type SpecialPoolsPlan,
  specialPoolsPlan,
} from '../../memory/heap/special-pools.ts';
import { utMemDefects, utMemInit, utTotalAllocatedMemory } from '../../memory/old/ut0mem.ts';
import type { Thread } from '../../sync/thread.ts';

/** Kinds of blocks that change hands; an exchange for each. */
export const KINDS = [
  'ut_malloc',
  'my_malloc',
  'ut_malloc_low',
  'mem_area',
  'special pool',
  'movable',
] as const;
export type Kind = (typeof KINDS)[number];

/** Places in each exchange, by thread. */
const SLOTS_PER_THREAD = 2;
/** Bytes of the buddy pool: small enough that it falls back now and then. */
const POOL_BYTES = 256 * 1024;
const MOVABLE_HANDLES = 4096;
const MOVABLE_AREA_BYTES = 256 * 1024;

/** Where it lies; plain data. */
export interface YardPlan {
  readonly slots: number;
  /** Places in the exchange of one kind. */
  readonly slotsPerKind: number;
  /** A MEM_ROOT and a UT_NEW_PFX for large memory, for each thread. */
  readonly roots: number;
  readonly largePfx: number;
  readonly utMem: number;
  readonly memPool: number;
  readonly special: SpecialPoolsPlan;
  readonly movable: MovableHeapPlan;
}

/**
 * Places it; before any node is opened.
 * @param threads those that run sessions
 * @param nThreads all of the run
 * @param os the OS_MEMORY record that movable memory comes from
 */
export function yardPlan(planner: ArenaPlanner, threads: number, nThreads: number, os: number): YardPlan {
  const slotsPerKind = threads * SLOTS_PER_THREAD;
  return {
    slots: planner.place('yard.exchange', EXCHANGE_SLOT, KINDS.length * slotsPerKind, 'by kind'),
    slotsPerKind,
    roots: planner.place('yard.mem_root', MEM_ROOT, threads),
    largePfx: planner.place('yard.large', UT_NEW_PFX, threads),
    utMem: planner.place('yard.ut_mem', UT_MEM),
    memPool: planner.place('yard.mem_pool', MEM_POOL),
    special: specialPoolsPlan(planner),
    movable: movableHeapPlan(planner, {
      os,
      nThreads,
      handles: MOVABLE_HANDLES,
      areaBytes: MOVABLE_AREA_BYTES,
      name: 'yard.movable',
    }),
  };
}

/** Makes it; the main thread, before any other exists. */
export function yardInit(thr: Thread, env: MemEnv, plan: YardPlan): void {
  utMemInit(thr.mem, plan.utMem, { useSysMalloc: false });
  memPoolCreate(thr, plan.memPool, { at: plan.utMem, env }, { bytes: POOL_BYTES, line: '5.1' });
  specialPoolsInit(thr.mem, plan.special);
  movableHeapInit(thr.mem, plan.movable);
}

/** What is wrong with the shared allocators once every session has closed: nothing may be left. At rest. */
export function yardDefects(thr: Thread, env: MemEnv, plan: YardPlan, pool: MemPool): string[] {
  const { mem } = thr;
  const ut = { at: plan.utMem, env };
  const found = [
    ...memPoolValidate(thr, pool),
    ...utMemDefects(mem, ut),
    ...poolDefects(mem, env.allOs, plan.special),
    ...movableDefects(mem, new MovableHeap(plan.movable, env.psi)),
  ];
  const reserved = memPoolGetReserved(thr, pool);
  if (reserved !== 0) found.push(`mem_pool: ${reserved} bytes are reserved after all sessions closed`);
  for (let i = 0; i < KINDS.length * plan.slotsPerKind; i++) {
    if (mem[plan.slots + i * EXCHANGE_SLOT.words] !== 0) found.push(`exchange place ${i} is not empty`);
  }
  return found;
}

/** Gives back what the shared allocators have themselves; after that nothing of theirs is mapped. */
export function yardClose(thr: Thread, env: MemEnv, plan: YardPlan, pool: MemPool): string[] {
  movableHeapClose(thr, new MovableHeap(plan.movable, env.psi));
  memPoolFree(thr, pool);
  const left = utTotalAllocatedMemory(thr.mem, { at: plan.utMem, env });
  return left === 0 ? [] : [`ut_total_allocated_memory is ${left} after everything was freed`];
}
