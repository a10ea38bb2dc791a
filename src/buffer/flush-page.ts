/**
 * Writing one page (facts B 5.3): `buf_flush_page`, the write and its completion, and the single-page flush of a
 * session that needs a free block (facts B 3.7).
 */
import { BUF_BLOCK, BUF_POOL, POOL_STAT } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { OP } from '../layout/thread.ts';
import { getU53, setU53 } from '../layout/words.ts';
import { StorageError } from '../storage/errors.ts';
import { eventReset, eventSet } from '../sync/event.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { assertHeld } from '../sync/order.ts';
import { sxSxLock, sxSxTryLock, sxSxUnlock } from '../sync/sx-lock.ts';
import type { Thread } from '../sync/thread.ts';
import { bufLruFreePage, bufPageFreeStale, isDirty, isReplaceable } from './evict.ts';
import { bufFlushRemove } from './flush-list.ts';
import type { BufInstance, BufPool } from './instance.ts';
import { lruItrStart } from './lru.ts';
import { isStale } from './stale.ts';
import { BUF_IO_WRITE, FLUSH, IO_FIX } from './states.ts';

const {
  lock: LOCK,
  mutex: MUTEX_AT,
  fixCount: FIX_COUNT,
  ioFix: IO_FIX_AT,
  flushType: FLUSH_TYPE,
} = BUF_BLOCK.at;
const { spaceId: SPACE_ID, pageNo: PAGE_NO, frame: FRAME, lruPrev: LRU_PREV } = BUF_BLOCK.at;
const { newestModification: NEWEST, oldestModification: OLDEST } = BUF_BLOCK.at;
const { initFlush: INIT_FLUSH, nFlush: N_FLUSH, noFlush: NO_FLUSH, maxLsnIo: MAX_LSN_IO } = BUF_POOL.at;
const { singleScanItr: SINGLE_ITR } = BUF_POOL.at;
const { pagesWritten: PAGES_WRITTEN, singleFlushes: SINGLE_FLUSHES } = POOL_STAT.at;

/** `buf_flush_ready_for_flush`: block mutex held, or as a hint during a walk of the flush list. */
export function isReadyForFlush(mem: Int32Array, block: number): boolean {
  return isDirty(mem, block) && mem[block + IO_FIX_AT] === IO_FIX.none;
}

/**
 * `buf_flush_page`: writes a page that is ready for flush. Block mutex held, and lruListMutex for SINGLE_PAGE only.
 * The write runs in this thread with no pool latch held; S readers may go on meanwhile.
 * @returns false: refused, all mutexes still held; true: written, all released
 * @throws StorageError when the file refuses it; the page is dirty as before, all mutexes released
 */
export function bufFlushPage(
  thr: Thread,
  pool: BufPool,
  inst: BufInstance,
  block: number,
  type: number,
): boolean {
  const { mem, at } = inst;
  const before = mem[thr.op];
  if (type !== FLUSH.list) {
    // A user would only make the SX attempt futile, and the page is no victim while it has one.
    if (Atomics.load(mem, block + FIX_COUNT) !== 0) return false;
    if (!sxSxTryLock(thr, block + LOCK, BUF_IO_WRITE)) return false;
  }
  mem[thr.op] = OP.bufFlushPage;
  mutexEnter(thr, inst.flushStateMutex);
  mem[block + IO_FIX_AT] = IO_FIX.write;
  mem[block + FLUSH_TYPE] = type;
  if (mem[at + N_FLUSH + type] === 0) eventReset(mem, at + NO_FLUSH + type);
  mem[at + N_FLUSH + type]++;
  const oldest = getU53(mem, block + OLDEST);
  if (oldest > getU53(mem, at + MAX_LSN_IO)) setU53(mem, at + MAX_LSN_IO, oldest);
  mutexExit(thr, inst.flushStateMutex);
  mutexExit(thr, block + MUTEX_AT);
  if (type === FLUSH.singlePage) mutexExit(thr, inst.lruListMutex);
  // A LIST flush waits for the X holder. It can: no write of this thread is pending that the holder could wait for.
  if (type === FLUSH.list) sxSxLock(thr, block + LOCK, BUF_IO_WRITE);
  const space = mem[block + SPACE_ID];
  const stale = isStale(pool, block);
  try {
    // Of a dropped space nothing is written any more (`buf_page_free_stale_during_write`).
    if (!stale)
      pool.store.write(space, mem[block + PAGE_NO], mem[block + FRAME] * 4, getU53(mem, block + NEWEST));
  } catch (error) {
    if (error instanceof StorageError) bufPageWriteFailed(thr, inst, block, type);
    throw error;
  }
  bufPageWriteComplete(thr, pool, inst, block, type, stale);
  mem[thr.op] = before;
  return true;
}

/** Ends the write as far as the counts go: io_fix, n_flush, no_flush. Block mutex held. */
function endWrite(thr: Thread, inst: BufInstance, block: number, type: number, clean: boolean): void {
  const { mem, at } = inst;
  mutexEnter(thr, inst.flushStateMutex);
  if (clean) bufFlushRemove(thr, inst, block);
  mem[block + IO_FIX_AT] = IO_FIX.none;
  mem[at + N_FLUSH + type]--;
  flushSignalIfIdle(inst, type);
  mutexExit(thr, inst.flushStateMutex);
  sxSxUnlock(thr, block + LOCK, BUF_IO_WRITE);
}

/** The file refused the page: it stays dirty in its place, so that nobody waits for a write that has ended. */
function bufPageWriteFailed(thr: Thread, inst: BufInstance, block: number, type: number): void {
  mutexEnter(thr, block + MUTEX_AT);
  endWrite(thr, inst, block, type, false);
  mutexExit(thr, block + MUTEX_AT);
}

/**
 * `buf_page_io_complete` for a write: clean again, SX given back, and evicted unless it was a LIST flush.
 * @param stale nothing was written, and nobody will want the page again
 */
function bufPageWriteComplete(
  thr: Thread,
  pool: BufPool,
  inst: BufInstance,
  block: number,
  type: number,
  stale: boolean,
): void {
  const { mem } = inst;
  const evict = type !== FLUSH.list || stale;
  if (evict) mutexEnter(thr, inst.lruListMutex);
  mutexEnter(thr, block + MUTEX_AT);
  endWrite(thr, inst, block, type, true);
  const stat = thr.poolStats + inst.no * POOL_STAT.words;
  if (!stale) mem[stat + PAGES_WRITTEN]++;
  if (!stale && type === FLUSH.singlePage) mem[stat + SINGLE_FLUSHES]++;
  if (evict && bufLruFreePage(thr, pool, inst, block)) return;
  mutexExit(thr, block + MUTEX_AT);
  if (evict) mutexExit(thr, inst.lruListMutex);
}

/**
 * Sets `noFlush` exactly when nothing of the type is being written or set up. Every change of the two counts goes
 * through here: 8.0.39 forgets it on one path and hangs there (facts B 15). flushStateMutex held.
 */
export function flushSignalIfIdle(inst: BufInstance, type: number): void {
  const { mem, at } = inst;
  if (mem[at + N_FLUSH + type] === 0 && mem[at + INIT_FLUSH + type] === 0)
    eventSet(mem, at + NO_FLUSH + type);
}

/**
 * `buf_flush_single_page_from_LRU`: a session frees or writes one page for itself. No pool latch held.
 * @returns whether something was freed or written
 */
export function bufFlushSinglePageFromLru(thr: Thread, pool: BufPool, inst: BufInstance): boolean {
  const { mem, at } = inst;
  mem[thr.op] = OP.bufFlushSinglePage;
  mutexEnter(thr, inst.lruListMutex);
  let block = lruItrStart(inst, SINGLE_ITR);
  while (block !== NIL) {
    assertHeld(thr, inst.lruListMutex, 'lruListMutex');
    mem[at + SINGLE_ITR] = mem[block + LRU_PREV];
    if (isStale(pool, block)) {
      if (bufPageFreeStale(thr, pool, inst, block)) return true;
    } else {
      mutexEnter(thr, block + MUTEX_AT);
      if (isReplaceable(pool, block)) {
        if (bufLruFreePage(thr, pool, inst, block)) return true;
      } else if (isReadyForFlush(mem, block) && bufFlushPage(thr, pool, inst, block, FLUSH.singlePage)) {
        return true;
      }
      mutexExit(thr, block + MUTEX_AT);
    }
    block = mem[at + SINGLE_ITR];
  }
  mutexExit(thr, inst.lruListMutex);
  return false;
}
