/**
 * The places where threads wait, one function for each latch class. They all do the same; what differs is the name, by
 * which CPU profiles tell waiting from working and one latch from another (stress/flame). `park_` and `spin_` are
 * followed by the last part of the instrument; `idle_` is a sleep that is not for a latch.
 *
 * Plain functions and direct calls, so that the transform of the explored runs can colour them. Slow paths only.
 */
import { LATCH } from './latch-meta.ts';

const {
  lruList: LRU_LIST,
  pageHash: PAGE_HASH,
  frame: FRAME,
  block: BLOCK,
  freeList: FREE_LIST,
  flushState: FLUSH_STATE,
  flushList: FLUSH_LIST,
  logSn: LOG_SN,
  logCloser: LOG_CLOSER,
  pageCleaner: PAGE_CLEANER,
  chunks: CHUNKS,
  globalConnMem: GLOBAL_CONN_MEM,
  thdData: THD_DATA,
  memHandle: MEM_HANDLE,
  memDefrag: MEM_DEFRAG,
  memPool: MEM_POOL,
  utList: UT_LIST,
  heapCentral: HEAP_CENTRAL,
  heapBuddy: HEAP_BUDDY,
  osMemory: OS_MEMORY,
  testMutex: TEST_MUTEX,
  testSxLock: TEST_SX_LOCK,
} = LATCH;

type WithPause = typeof Atomics & { readonly pause?: (n?: number) => void };

/**
 * `Atomics.pause` is there from Node 24 on (25 ns each: 30 rounds are about 110 us, as in MySQL). Before, an empty call
 * of half a nanosecond: 30 rounds are about 2 us.
 * @explore opaque
 */
const pauseOnce: () => void =
  typeof (Atomics as WithPause).pause === 'function'
    ? (Atomics as WithPause & { pause: () => void }).pause.bind(Atomics)
    : () => undefined;

/** Sleeps on a word while it has the value `expected`, at most so long. */
export function parkAt(latch: number, mem: Int32Array, word: number, expected: number, ms: number): void {
  switch (latch) {
    case LRU_LIST:
      return park_buf_pool_LRU_list_mutex(mem, word, expected, ms);
    case PAGE_HASH:
      return park_hash_table_locks(mem, word, expected, ms);
    case FRAME:
      return park_buf_block_lock(mem, word, expected, ms);
    case BLOCK:
      return park_buffer_block_mutex(mem, word, expected, ms);
    case FREE_LIST:
      return park_buf_pool_free_list_mutex(mem, word, expected, ms);
    case FLUSH_STATE:
      return park_buf_pool_flush_state_mutex(mem, word, expected, ms);
    case FLUSH_LIST:
      return park_flush_list_mutex(mem, word, expected, ms);
    case LOG_SN:
      return park_log_sn_mutex(mem, word, expected, ms);
    case LOG_CLOSER:
      return park_log_closer_mutex(mem, word, expected, ms);
    case PAGE_CLEANER:
      return park_page_cleaner_mutex(mem, word, expected, ms);
    case CHUNKS:
      return park_buf_pool_chunks_mutex(mem, word, expected, ms);
    case GLOBAL_CONN_MEM:
      return park_LOCK_global_conn_mem_limit(mem, word, expected, ms);
    case THD_DATA:
      return park_LOCK_thd_data(mem, word, expected, ms);
    case MEM_HANDLE:
      return park_mem_handle(mem, word, expected, ms);
    case MEM_DEFRAG:
      return park_mem_defrag(mem, word, expected, ms);
    case MEM_POOL:
      return park_mem_pool_mutex(mem, word, expected, ms);
    case UT_LIST:
      return park_ut_list_mutex(mem, word, expected, ms);
    case HEAP_CENTRAL:
      return park_heap_central(mem, word, expected, ms);
    case HEAP_BUDDY:
      return park_heap_buddy(mem, word, expected, ms);
    case OS_MEMORY:
      return park_os_memory(mem, word, expected, ms);
    case TEST_MUTEX:
      return park_test_mutex(mem, word, expected, ms);
    case TEST_SX_LOCK:
      return park_test_sxlock(mem, word, expected, ms);
    default:
      throw new RangeError(`latch class ${latch} has no place to wait in park-sites.ts`);
  }
}

/**
 * Spins for so many pauses.
 * @explore pause
 */
export function spinAt(latch: number, pauses: number): void {
  switch (latch) {
    case LRU_LIST:
      return spin_buf_pool_LRU_list_mutex(pauses);
    case PAGE_HASH:
      return spin_hash_table_locks(pauses);
    case FRAME:
      return spin_buf_block_lock(pauses);
    case BLOCK:
      return spin_buffer_block_mutex(pauses);
    case FREE_LIST:
      return spin_buf_pool_free_list_mutex(pauses);
    case FLUSH_STATE:
      return spin_buf_pool_flush_state_mutex(pauses);
    case FLUSH_LIST:
      return spin_flush_list_mutex(pauses);
    case LOG_SN:
      return spin_log_sn_mutex(pauses);
    case LOG_CLOSER:
      return spin_log_closer_mutex(pauses);
    case PAGE_CLEANER:
      return spin_page_cleaner_mutex(pauses);
    case CHUNKS:
      return spin_buf_pool_chunks_mutex(pauses);
    case GLOBAL_CONN_MEM:
      return spin_LOCK_global_conn_mem_limit(pauses);
    case THD_DATA:
      return spin_LOCK_thd_data(pauses);
    case MEM_HANDLE:
      return spin_mem_handle(pauses);
    case MEM_DEFRAG:
      return spin_mem_defrag(pauses);
    case MEM_POOL:
      return spin_mem_pool_mutex(pauses);
    case UT_LIST:
      return spin_ut_list_mutex(pauses);
    case HEAP_CENTRAL:
      return spin_heap_central(pauses);
    case HEAP_BUDDY:
      return spin_heap_buddy(pauses);
    case OS_MEMORY:
      return spin_os_memory(pauses);
    case TEST_MUTEX:
      return spin_test_mutex(pauses);
    case TEST_SX_LOCK:
      return spin_test_sxlock(pauses);
    default:
      throw new RangeError(`latch class ${latch} has no place to spin in park-sites.ts`);
  }
}

export function park_buf_pool_LRU_list_mutex(
  mem: Int32Array,
  word: number,
  expected: number,
  ms: number,
): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_hash_table_locks(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_buf_block_lock(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_buffer_block_mutex(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_buf_pool_free_list_mutex(
  mem: Int32Array,
  word: number,
  expected: number,
  ms: number,
): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_buf_pool_flush_state_mutex(
  mem: Int32Array,
  word: number,
  expected: number,
  ms: number,
): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_flush_list_mutex(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_log_sn_mutex(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_log_closer_mutex(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_page_cleaner_mutex(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_buf_pool_chunks_mutex(
  mem: Int32Array,
  word: number,
  expected: number,
  ms: number,
): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_LOCK_global_conn_mem_limit(
  mem: Int32Array,
  word: number,
  expected: number,
  ms: number,
): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_LOCK_thd_data(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_mem_handle(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_mem_defrag(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_mem_pool_mutex(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_ut_list_mutex(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_heap_central(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_heap_buddy(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_os_memory(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_test_mutex(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function park_test_sxlock(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

export function spin_buf_pool_LRU_list_mutex(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_hash_table_locks(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_buf_block_lock(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_buffer_block_mutex(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_buf_pool_free_list_mutex(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_buf_pool_flush_state_mutex(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_flush_list_mutex(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_log_sn_mutex(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_log_closer_mutex(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_page_cleaner_mutex(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_buf_pool_chunks_mutex(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_LOCK_global_conn_mem_limit(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_LOCK_thd_data(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_mem_handle(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_mem_defrag(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_mem_pool_mutex(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_ut_list_mutex(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_heap_central(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_heap_buddy(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_os_memory(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_test_mutex(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

export function spin_test_sxlock(pauses: number): void {
  for (let i = 0; i < pauses; i++) pauseOnce();
}

/** A thread without work, until an event or the time for the next round. */
export function idle_event_wait(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

/** A thread that is ready, until the run begins. */
export function idle_await_start(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

/** A worker of the run that has nothing more to do, until all may leave. */
export function idle_until_leave(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

/** A session between two commands, until its client sends the next one; a kill wakes it. */
export function idle_next_command(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

/** A client without a connection, until it tries again. */
export function idle_reconnect(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}

/** A session that has done its last statement, until all may close. */
export function idle_until_close(mem: Int32Array, word: number, expected: number, ms: number): void {
  Atomics.wait(mem, word, expected, ms);
}
