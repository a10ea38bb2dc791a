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
import { MY_HEADER, UT_NEW_PFX, UT_NEW_PFX_57 } from './headers.ts';
import { HEAP, HEAP_PAGE } from './heap.ts';
import { OS_MEMORY, PAGE_MAP } from './os-memory.ts';
import { MEM_STAT } from './psi.ts';
import type { AnyRecord } from './schema.ts';
import { GLOBAL_CONN_MEM, LEDGER, THD } from './session.ts';
import { CONTROL, SYSVARS, THREAD, WAIT_STAT } from './thread.ts';

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
  OS_MEMORY,
  PAGE_MAP,
  HEAP,
  HEAP_PAGE,
  UT_NEW_PFX,
  UT_NEW_PFX_57,
  MY_HEADER,
  MEM_STAT,
  // Sessions
  GLOBAL_CONN_MEM,
  THD,
  LEDGER,
];

const EMBEDDED = new Set(ALL_RECORDS.flatMap((r) => r.fields.map((f) => f.record)));

/** Those that are placed in the arena themselves: which words share a line is theirs to say, not their parts'. */
export const PLACED_RECORDS: readonly AnyRecord[] = ALL_RECORDS.filter((r) => !EMBEDDED.has(r));
