/**
 * The latch order, as data: id, level, instrument, kind.
 *
 * A thread takes latches from a high level down to a low one (facts B 12.1). In a checked run `order.ts` holds every
 * thread to it. Instruments are MySQL's strings, so that dashboards match; those under `latchlab` have no
 * counterpart there.
 */
import { MAX_LATCH_CLASSES } from '../layout/thread.ts';

/** Levels, highest first: what stands further up is taken first. Gaps are for latches that are still to come. */
export const LEVEL = {
  frame: 200,
  pageCleaner: 180,
  logSn: 172,
  logCloser: 170,
  searchSys: 160,
  dblwr: 150,
  bufChunks: 140,
  bufLruList: 130,
  bufPageHash: 120,
  bufBlock: 110,
  bufZipFree: 100,
  bufFreeList: 90,
  bufZipHash: 80,
  bufFlushState: 70,
  bufFlushList: 60,
  filShard: 50,
  sqlGlobal: 40,
  sqlThd: 30,
  memHandle: 28,
  memDefrag: 26,
  memPool: 24,
  utList: 22,
  heapCentral: 20,
  heapBuddy: 18,
  any: 10,
} as const;

export interface LatchClass {
  readonly id: number;
  readonly name: string;
  readonly level: number;
  readonly instrument: string;
  readonly kind: 'mutex' | 'sxlock';
  /** Several of the class may be held at once (the requested level may equal a held one). */
  readonly several: boolean;
}

const SPEC = {
  frame: [LEVEL.frame, 'wait/synch/sxlock/innodb/buf_block_lock', 'sxlock', true],
  pageCleaner: [LEVEL.pageCleaner, 'wait/synch/mutex/innodb/page_cleaner_mutex', 'mutex', false],
  logSn: [LEVEL.logSn, 'wait/synch/mutex/innodb/log_sn_mutex', 'mutex', false],
  logCloser: [LEVEL.logCloser, 'wait/synch/mutex/innodb/log_closer_mutex', 'mutex', false],
  chunks: [LEVEL.bufChunks, 'wait/synch/mutex/innodb/buf_pool_chunks_mutex', 'mutex', true],
  lruList: [LEVEL.bufLruList, 'wait/synch/mutex/innodb/buf_pool_LRU_list_mutex', 'mutex', true],
  pageHash: [LEVEL.bufPageHash, 'wait/synch/sxlock/innodb/hash_table_locks', 'sxlock', true],
  block: [LEVEL.bufBlock, 'wait/synch/mutex/innodb/buffer_block_mutex', 'mutex', true],
  freeList: [LEVEL.bufFreeList, 'wait/synch/mutex/innodb/buf_pool_free_list_mutex', 'mutex', true],
  flushState: [LEVEL.bufFlushState, 'wait/synch/mutex/innodb/buf_pool_flush_state_mutex', 'mutex', true],
  flushList: [LEVEL.bufFlushList, 'wait/synch/mutex/innodb/flush_list_mutex', 'mutex', true],
  globalConnMem: [LEVEL.sqlGlobal, 'wait/synch/mutex/sql/LOCK_global_conn_mem_limit', 'mutex', false],
  thdData: [LEVEL.sqlThd, 'wait/synch/mutex/sql/LOCK_thd_data', 'mutex', false],
  memHandle: [LEVEL.memHandle, 'wait/synch/mutex/latchlab/mem_handle', 'mutex', true],
  memDefrag: [LEVEL.memDefrag, 'wait/synch/mutex/latchlab/mem_defrag', 'mutex', false],
  memPool: [LEVEL.memPool, 'wait/synch/mutex/innodb/mem_pool_mutex', 'mutex', false],
  utList: [LEVEL.utList, 'wait/synch/mutex/innodb/ut_list_mutex', 'mutex', false],
  heapCentral: [LEVEL.heapCentral, 'wait/synch/mutex/latchlab/heap_central', 'mutex', false],
  heapBuddy: [LEVEL.heapBuddy, 'wait/synch/mutex/latchlab/heap_buddy', 'mutex', false],
  osMemory: [LEVEL.any, 'wait/synch/mutex/latchlab/os_memory', 'mutex', false],
  testMutex: [LEVEL.any, 'wait/synch/mutex/latchlab/test_mutex', 'mutex', true],
  testSxLock: [LEVEL.any, 'wait/synch/sxlock/latchlab/test_sxlock', 'sxlock', true],
} as const satisfies Record<string, readonly [number, string, 'mutex' | 'sxlock', boolean]>;

export type LatchName = keyof typeof SPEC;

/** Latch classes by id. */
export const LATCHES: readonly LatchClass[] = Object.entries(SPEC).map(
  ([name, [level, instrument, kind, several]], id) => ({ id, name, level, instrument, kind, several }),
);

/** Id of each latch class by name. */
export const LATCH = Object.fromEntries(LATCHES.map((c) => [c.name, c.id])) as Readonly<
  Record<LatchName, number>
>;

if (LATCHES.length > MAX_LATCH_CLASSES) throw new Error(`more than ${MAX_LATCH_CLASSES} latch classes`);
