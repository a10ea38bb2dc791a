/**
 * The running LSN, and the recent_closed buffer that bounds the disorder of the flush lists (facts B 5.1).
 *
 * A mini-transaction takes its LSN range, then adds its pages to the flush lists, then reports the range as closed.
 * It may add pages only while its start is less than the buffer's capacity ahead of the closed tail: so of two
 * neighbours in a flush list the one nearer to the tail is younger by less than the capacity.
 *
 * Ranges are multiples of 8. A slot of the link buffer stands for 8 units; it holds the length of the range that
 * starts there, from the moment that it is closed until the tail has passed.
 */
import { LOG_SYS } from '../layout/buffer.ts';
import { getU53, setU53 } from '../layout/words.ts';
import { mutexEnter, mutexExit, mutexTryEnter } from '../sync/mutex.ts';
import type { Thread } from '../sync/thread.ts';
import type { BufPool } from './instance.ts';

const { snMutex: SN_MUTEX, lsn: LSN, closerMutex: CLOSER_MUTEX, closedTail: CLOSED_TAIL } = LOG_SYS.at;

/** LSN units per slot, and per block of the log: ranges are rounded up to it. */
export const LSN_UNIT = 8;
/** InnoDB's `log_recent_closed_size`: 2 MiB. */
export const RECENT_CLOSED_BYTES = 2 * 1024 * 1024;
/** Pause while recent_closed is full, us. */
const FULL_SLEEP_US = 20;
const WORD = 2 ** 32;
/** The first LSN of a new log (LOG_START_LSN). */
export const LOG_START_LSN = 16 * 512;

/** Makes the log's place; before it is shared. */
export function logSysInit(pool: BufPool): void {
  const { mem, plan } = pool;
  setU53(mem, plan.logSys + LSN, LOG_START_LSN);
  setU53(mem, plan.logSys + CLOSED_TAIL, LOG_START_LSN);
}

/** `log_buffer_reserve`: takes `length` units (rounded up to 8); returns the start LSN. Takes log_sn_mutex. */
export function logReserve(thr: Thread, pool: BufPool, length: number): number {
  const { logSys } = pool.plan;
  mutexEnter(thr, logSys + SN_MUTEX);
  const start = getU53(pool.mem, logSys + LSN);
  setU53(pool.mem, logSys + LSN, start + Math.ceil(length / LSN_UNIT) * LSN_UNIT);
  mutexExit(thr, logSys + SN_MUTEX);
  return start;
}

/** The LSN that the next mini-transaction will get. Takes log_sn_mutex. */
export function logCurrentLsn(thr: Thread, pool: BufPool): number {
  const { logSys } = pool.plan;
  mutexEnter(thr, logSys + SN_MUTEX);
  const lsn = getU53(pool.mem, logSys + LSN);
  mutexExit(thr, logSys + SN_MUTEX);
  return lsn;
}

function slotOf(pool: BufPool, lsn: number): number {
  return pool.plan.recentClosed + ((lsn / LSN_UNIT) % pool.plan.recentClosedSlots);
}

/**
 * `log_wait_for_space_in_log_recent_closed`: returns once pages with this start LSN may be added. Only frame latches
 * may be held.
 */
export function recentClosedWaitForSpace(thr: Thread, pool: BufPool, start: number): void {
  const capacity = pool.plan.recentClosedSlots * LSN_UNIT;
  const tailLow = pool.plan.logSys + CLOSED_TAIL;
  // The low words suffice: start and tail are never 2^31 apart, and one word cannot be torn.
  while ((((start | 0) - Atomics.load(pool.mem, tailLow)) | 0) >= capacity) {
    mutexEnter(thr, pool.plan.logSys + CLOSER_MUTEX);
    advanceTail(pool);
    mutexExit(thr, pool.plan.logSys + CLOSER_MUTEX);
    if ((((start | 0) - Atomics.load(pool.mem, tailLow)) | 0) < capacity) return;
    // Whoever holds the tail back may be dead.
    thr.throwIfAborted();
    thr.clock.sleepUs(FULL_SLEEP_US);
  }
}

/** `log_buffer_close`: the pages of [start, end) are in the flush lists. */
export function recentClosedAdd(thr: Thread, pool: BufPool, start: number, end: number): void {
  // Rounded as the reservation was, or the tail would stop between two slots.
  Atomics.store(pool.mem, slotOf(pool, start), Math.ceil((end - start) / LSN_UNIT) * LSN_UNIT);
  let tail: number;
  do {
    // Another thread is at it. It looks at the slot where it stopped once more after it has let go, and this range is
    // in its slot already: so the tail is never left behind.
    if (!mutexTryEnter(thr, pool.plan.logSys + CLOSER_MUTEX)) return;
    tail = advanceTail(pool);
    mutexExit(thr, pool.plan.logSys + CLOSER_MUTEX);
  } while (Atomics.load(pool.mem, slotOf(pool, tail)) !== 0);
}

/** All changes below this LSN are in the flush lists. Takes log_closer_mutex. */
export function logClosedTail(thr: Thread, pool: BufPool): number {
  const { logSys } = pool.plan;
  let tail: number;
  do {
    mutexEnter(thr, logSys + CLOSER_MUTEX);
    tail = advanceTail(pool);
    mutexExit(thr, logSys + CLOSER_MUTEX);
    // Whoever found the mutex taken meanwhile has left its range to this thread (recentClosedAdd).
  } while (Atomics.load(pool.mem, slotOf(pool, tail)) !== 0);
  return tail;
}

/** `log_advance_dirty_pages_added_up_to_lsn`: moves the tail over closed ranges; returns it. closerMutex held. */
function advanceTail(pool: BufPool): number {
  const { mem } = pool;
  const at = pool.plan.logSys + CLOSED_TAIL;
  let tail = getU53(mem, at);
  for (;;) {
    const slot = slotOf(pool, tail);
    const length = Atomics.load(mem, slot);
    if (length === 0) return tail;
    Atomics.store(mem, slot, 0);
    tail += length;
    mem[at + 1] = Math.floor(tail / WORD);
    // Committers read this word without the mutex.
    Atomics.store(mem, at, tail | 0);
  }
}
