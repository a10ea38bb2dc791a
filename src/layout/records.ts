/** Every declared record, for the checks, the memory map and names in reports. A test finds what is missing here. */
import {
  BUF_BLOCK,
  BUF_POOL,
  CLEANER,
  LOG_SYS,
  PAGE_HASH_CELL,
  PAGE_HASH_STRIPE,
  POOL_STAT,
  RECENT_CLOSED_SLOT,
  SPACE,
} from './buffer.ts';
import { EVENT, MUTEX, SX_LOCK } from './latches.ts';
import { ALIGNED_MEMORY, MY_HEADER, UT_NEW_PFX, UT_NEW_PFX_57 } from './headers.ts';
import { MEM_AREA, MEM_AREA_32, MEM_POOL } from './mem-pool.ts';
import { HEAP, HEAP_CACHE, HEAP_CENTRAL, HEAP_PAGE, HEAP_STATE } from './heap.ts';
import {
  HEAP_VECTOR,
  MEM_BLOCK_25,
  MEM_BLOCK_25_DEBUG,
  MEM_BLOCK_3X,
  MEM_BLOCK_3X_DEBUG,
  MEM_BLOCK_51,
  MEM_BLOCK_55,
  MEM_HEAP_SPARE,
} from './mem-heap.ts';
import { MOVABLE_AREA, MOVABLE_HANDLE, MOVABLE_HEAP, MOVABLE_PINS, MOVABLE_RUN } from './movable.ts';
import { MEM_ROOT, MEM_ROOT_BLOCK, MEM_ROOT_BLOCK_PREV, MEM_ROOT_CLEANUP } from './mem-root.ts';
import { NUMA_TOPOLOGY } from './numa.ts';
import { ORIGIN, SITE_CELL, SITE_TABLE } from './origin.ts';
import { HUGE_POOL, OS_MEMORY, OS_TOTAL, PAGE_MAP } from './os-memory.ts';
import { PSI_CLASS, PSI_SETUP, PSI_SHARED_STAT, PSI_STAT, PSI_THREAD, UT_STAT } from './psi.ts';
import type { AnyRecord } from './schema.ts';
import { SPECIAL_POOL, SPECIAL_POOL_PFX } from './special-pool.ts';
import {
  GLOBAL_CONN_MEM,
  LEDGER,
  PREPARED_STATEMENT,
  SESSION,
  TEMPTABLE_BLOCK,
  TEMPTABLE_CHUNK,
  THD,
  USER_VAR_ENTRY,
  USER_VAR_EVENT,
} from './session.ts';
import { TABLE } from './table.ts';
import { EXCHANGE_SLOT } from './yard.ts';
import { CONTROL, SYSVARS, THREAD, WAIT_STAT } from './thread.ts';
import {
  UT_ALIGNED_MARK,
  UT_ALIGNED_META,
  UT_ALLOC_ARR,
  UT_ALLOC_PFS,
  UT_PAGE,
  UT_PAGE_PFS,
  UT_PFS_META,
  UT_SHARED,
} from './ut-new.ts';
import { UT_LIST_BASE, UT_MEM, UT_MEM_BLOCK } from './ut0mem.ts';

/** All records, in the order of the memory map. */
export const ALL_RECORDS: readonly AnyRecord[] = [
  // Latches
  MUTEX,
  SX_LOCK,
  EVENT,
  // The run and its threads
  CONTROL,
  SYSVARS,
  THREAD,
  WAIT_STAT,
  NUMA_TOPOLOGY,
  // The buffer pool
  BUF_BLOCK,
  BUF_POOL,
  PAGE_HASH_STRIPE,
  PAGE_HASH_CELL,
  POOL_STAT,
  SPACE,
  CLEANER,
  // The log
  LOG_SYS,
  RECENT_CLOSED_SLOT,
  // Memory
  OS_TOTAL,
  OS_MEMORY,
  PAGE_MAP,
  HUGE_POOL,
  HEAP,
  HEAP_CENTRAL,
  HEAP_CACHE,
  HEAP_PAGE,
  HEAP_STATE,
  SPECIAL_POOL,
  SPECIAL_POOL_PFX,
  SITE_TABLE,
  SITE_CELL,
  ORIGIN,
  UT_NEW_PFX,
  UT_NEW_PFX_57,
  ALIGNED_MEMORY,
  UT_PFS_META,
  UT_ALLOC_PFS,
  UT_ALLOC_ARR,
  UT_ALIGNED_META,
  UT_ALIGNED_MARK,
  UT_PAGE,
  UT_PAGE_PFS,
  UT_SHARED,
  MY_HEADER,
  PSI_SETUP,
  PSI_CLASS,
  PSI_THREAD,
  PSI_STAT,
  PSI_SHARED_STAT,
  UT_STAT,
  MEM_BLOCK_25,
  MEM_BLOCK_25_DEBUG,
  MEM_BLOCK_3X,
  MEM_BLOCK_3X_DEBUG,
  MEM_BLOCK_51,
  MEM_BLOCK_55,
  MEM_HEAP_SPARE,
  HEAP_VECTOR,
  MOVABLE_HEAP,
  MOVABLE_AREA,
  MOVABLE_HANDLE,
  MOVABLE_PINS,
  MOVABLE_RUN,
  UT_LIST_BASE,
  UT_MEM,
  UT_MEM_BLOCK,
  MEM_POOL,
  MEM_AREA,
  MEM_AREA_32,
  MEM_ROOT,
  MEM_ROOT_BLOCK,
  MEM_ROOT_BLOCK_PREV,
  MEM_ROOT_CLEANUP,
  // Sessions
  GLOBAL_CONN_MEM,
  THD,
  USER_VAR_ENTRY,
  USER_VAR_EVENT,
  PREPARED_STATEMENT,
  TEMPTABLE_BLOCK,
  TEMPTABLE_CHUNK,
  SESSION,
  TABLE,
  LEDGER,
  // Stress
  EXCHANGE_SLOT,
];

const EMBEDDED = new Set(ALL_RECORDS.flatMap((r) => r.fields.map((f) => f.record)));

/** Those that are placed in the arena themselves: which words share a line is theirs to say, not their parts'. */
export const PLACED_RECORDS: readonly AnyRecord[] = ALL_RECORDS.filter((r) => !EMBEDDED.has(r));
