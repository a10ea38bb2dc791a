/** Flush batches (facts B 5.4, 5.5): from the LRU tail and from the flush list, with neighbours. */
import { BUF_BLOCK, BUF_POOL, POOL_STAT } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { OP, SYSVARS } from '../layout/thread.ts';
import { getU53 } from '../layout/words.ts';
import { StorageError } from '../storage/errors.ts';
import { eventReset, eventWait } from '../sync/event.ts';
import { LATCH } from '../sync/latch-meta.ts';
import { mutexEnter, mutexExit, mutexTryEnter } from '../sync/mutex.ts';
import { sxSUnlock } from '../sync/sx-lock.ts';
import type { Thread } from '../sync/thread.ts';
import { bufLruFreePage, bufPageFreeStale, canRelocate, isReplaceable } from './evict.ts';
import { bufFlushPage, flushSignalIfIdle, isReadyForFlush } from './flush-page.ts';
import type { BufInstance, BufPool } from './instance.ts';
import { isOld } from './lru.ts';
import { hashFind, stripeSLock } from './page-hash.ts';
import { isStale } from './stale.ts';
import { BUF_LRU_MIN_LEN, BUF_LRU_OLD_MIN_LEN, FLUSH, STATE } from './states.ts';

const {
  mutex: MUTEX_AT,
  spaceId: SPACE_ID,
  pageNo: PAGE_NO,
  state: STATE_AT,
  fixCount: FIX_COUNT,
} = BUF_BLOCK.at;
const { lruPrev: LRU_PREV, listPrev: LIST_PREV, oldestModification: OLDEST } = BUF_BLOCK.at;
const { initFlush: INIT_FLUSH, nFlush: N_FLUSH, noFlush: NO_FLUSH, tryLruScan: TRY_LRU_SCAN } = BUF_POOL.at;
const { lruLast: LRU_LAST, lruLen: LRU_LEN, lruHp: LRU_HP, freeLen: FREE_LEN } = BUF_POOL.at;
const { flushLast: FLUSH_LAST, flushLen: FLUSH_LEN, flushHp: FLUSH_HP } = BUF_POOL.at;
const { readAheadArea: READ_AHEAD_AREA, currSize: CURR_SIZE } = BUF_POOL.at;
const {
  lruBatchEvicted: EVICTED,
  lruBatchFlushed: LRU_FLUSHED,
  listBatchFlushed: LIST_FLUSHED,
} = POOL_STAT.at;
const { pagesFlushed: PAGES_FLUSHED } = POOL_STAT.at;
const { lruScanDepth: LRU_SCAN_DEPTH, flushNeighbors: FLUSH_NEIGHBORS } = SYSVARS.at;

/**
 * `buf_flush_do_batch`: one batch of a type at a time per instance.
 * @param type FLUSH.lru or FLUSH.list
 * @param minN pages to flush (LRU: to flush or evict) before it stops
 * @param lsnLimit LIST: only pages whose first change is below it
 * @returns pages written, or −1 when a batch of this type was under way
 * @throws StorageError when a page cannot be written: it stays dirty, the batch ends
 */
export function bufFlushDoBatch(
  thr: Thread,
  pool: BufPool,
  inst: BufInstance,
  type: number,
  minN: number,
  lsnLimit = Infinity,
): number {
  if (!batchStart(thr, inst, type)) return -1;
  const lru = type === FLUSH.lru;
  thr.mem[thr.op] = lru ? OP.bufFlushLruBatch : OP.bufFlushListBatch;
  let count: number;
  try {
    count = lru ? lruBatch(thr, pool, inst, minN) : listBatch(thr, pool, inst, minN, lsnLimit);
  } catch (error) {
    // A page could not be written. The batch has ended all the same, or the next to wait for it would wait for ever.
    if (error instanceof StorageError) batchEnd(thr, inst, type);
    throw error;
  }
  batchEnd(thr, inst, type);
  const stat = thr.poolStats + inst.no * POOL_STAT.words;
  thr.mem[stat + PAGES_FLUSHED] += count;
  thr.mem[stat + (lru ? LRU_FLUSHED : LIST_FLUSHED)] += count;
  return count;
}

/** `buf_flush_LRU_list`: makes room at the tail, up to innodb_lru_scan_depth pages. */
export function bufFlushLruList(thr: Thread, pool: BufPool, inst: BufInstance): number {
  const depth = thr.sysvar(LRU_SCAN_DEPTH) >>> 0;
  return bufFlushDoBatch(thr, pool, inst, FLUSH.lru, Math.min(inst.mem[inst.at + LRU_LEN], depth));
}

/** `buf_flush_wait_batch_end`: returns when no batch of the type runs and nothing of it is being written. */
export function bufFlushWaitBatchEnd(thr: Thread, inst: BufInstance, type: number): void {
  thr.mem[thr.op] = OP.bufFlushWaitBatchEnd;
  const event = inst.at + NO_FLUSH + type;
  // A set event passes at once; one that is reset after the note was taken is the next batch's, and may be waited for.
  const noted = Atomics.load(inst.mem, event) >>> 1;
  eventWait(thr, event, noted, thr.waits + (LATCH.flushState << 3));
}

/** `buf_flush_start`. */
function batchStart(thr: Thread, inst: BufInstance, type: number): boolean {
  const { mem, at } = inst;
  mutexEnter(thr, inst.flushStateMutex);
  const free = mem[at + N_FLUSH + type] === 0 && mem[at + INIT_FLUSH + type] === 0;
  if (free) {
    mem[at + INIT_FLUSH + type] = 1;
    eventReset(mem, at + NO_FLUSH + type);
  }
  mutexExit(thr, inst.flushStateMutex);
  return free;
}

/** `buf_flush_end`: and eviction scans are worth while again. */
function batchEnd(thr: Thread, inst: BufInstance, type: number): void {
  const { mem, at } = inst;
  mutexEnter(thr, inst.flushStateMutex);
  mem[at + INIT_FLUSH + type] = 0;
  Atomics.store(mem, at + TRY_LRU_SCAN, 1);
  flushSignalIfIdle(inst, type);
  mutexExit(thr, inst.flushStateMutex);
}

/** `buf_flush_LRU_list_batch`. Returns pages written; evictions are counted apart. */
function lruBatch(thr: Thread, pool: BufPool, inst: BufInstance, max: number): number {
  const { mem, at } = inst;
  const depth = thr.sysvar(LRU_SCAN_DEPTH) >>> 0;
  let count = 0;
  let evicted = 0;
  mutexEnter(thr, inst.lruListMutex);
  let block = mem[at + LRU_LAST];
  while (
    block !== NIL &&
    count + evicted < max &&
    mem[at + FREE_LEN] < depth &&
    mem[at + LRU_LEN] > BUF_LRU_MIN_LEN
  ) {
    mem[at + LRU_HP] = mem[block + LRU_PREV];
    if (isStale(pool, block)) {
      if (bufPageFreeStale(thr, pool, inst, block)) {
        evicted++;
        mutexEnter(thr, inst.lruListMutex);
      }
    } else if (mutexTryEnter(thr, block + MUTEX_AT)) {
      if (isReplaceable(pool, block)) {
        if (bufLruFreePage(thr, pool, inst, block)) {
          evicted++;
          mutexEnter(thr, inst.lruListMutex);
        } else {
          mutexExit(thr, block + MUTEX_AT);
        }
      } else if (isReadyForFlush(mem, block)) {
        const space = mem[block + SPACE_ID];
        const pageNo = mem[block + PAGE_NO];
        mutexExit(thr, block + MUTEX_AT);
        mutexExit(thr, inst.lruListMutex);
        count += flushPageAndTryNeighbors(thr, pool, inst, space, pageNo, FLUSH.lru, count, max);
        mutexEnter(thr, inst.lruListMutex);
      } else {
        mutexExit(thr, block + MUTEX_AT);
      }
    }
    block = mem[at + LRU_HP];
  }
  mem[at + LRU_HP] = NIL;
  mutexExit(thr, inst.lruListMutex);
  mem[thr.poolStats + inst.no * POOL_STAT.words + EVICTED] += evicted;
  return count;
}

/** `buf_do_flush_list_batch`: bounded by the length at the start, as new dirty pages keep arriving. */
function listBatch(thr: Thread, pool: BufPool, inst: BufInstance, minN: number, lsnLimit: number): number {
  const { mem, at } = inst;
  let count = 0;
  mutexEnter(thr, inst.flushListMutex);
  let left = mem[at + FLUSH_LEN];
  let block = mem[at + FLUSH_LAST];
  while (count < minN && block !== NIL && left > 0 && getU53(mem, block + OLDEST) < lsnLimit) {
    mem[at + FLUSH_HP] = mem[block + LIST_PREV];
    // Without the block mutex, which is above flushListMutex: a hint, tested again by the flush.
    if (isReadyForFlush(mem, block)) {
      const space = mem[block + SPACE_ID];
      const pageNo = mem[block + PAGE_NO];
      mutexExit(thr, inst.flushListMutex);
      count += flushPageAndTryNeighbors(thr, pool, inst, space, pageNo, FLUSH.list, count, minN);
      mutexEnter(thr, inst.flushListMutex);
    }
    left--;
    block = mem[at + FLUSH_HP];
  }
  mem[at + FLUSH_HP] = NIL;
  mutexExit(thr, inst.flushListMutex);
  return count;
}

/**
 * `buf_flush_page_and_try_neighbors` and `buf_flush_try_neighbors`: flushes the page with this id, and by
 * innodb_flush_neighbors those beside it. No latch held.
 * @returns pages written
 */
function flushPageAndTryNeighbors(
  thr: Thread,
  pool: BufPool,
  inst: BufInstance,
  space: number,
  victim: number,
  type: number,
  flushedSoFar: number,
  limit: number,
): number {
  const { mem, at } = inst;
  const neighbors = thr.sysvar(FLUSH_NEIGHBORS);
  let low = victim >>> 0;
  let high = low + 1;
  if (neighbors !== 0 && mem[at + LRU_LEN] >= BUF_LRU_OLD_MIN_LEN) {
    const area = Math.max(1, Math.min(mem[at + READ_AHEAD_AREA], Math.floor(mem[at + CURR_SIZE] / 16)));
    const first = Math.floor(low / area) * area;
    if (neighbors === 1) {
      while (low > first && isNeighbor(thr, inst, space, low - 1, type)) low--;
      while (high < first + area && isNeighbor(thr, inst, space, high, type)) high++;
    } else {
      low = first;
      high = first + area;
    }
  }
  let count = 0;
  for (let pageNo = low; pageNo < high; pageNo++) {
    if (flushedSoFar + count >= limit) {
      // The batch has what it wanted; the victim is tried in any case.
      if (pageNo > victim >>> 0) break;
      pageNo = victim >>> 0;
    }
    if (flushOne(thr, pool, inst, space, pageNo | 0, type, pageNo === victim >>> 0)) count++;
  }
  return count;
}

/** `buf_flush_check_neighbor`. */
function isNeighbor(thr: Thread, inst: BufInstance, space: number, pageNo: number, type: number): boolean {
  const { mem } = inst;
  const stripe = stripeSLock(thr, inst, space, pageNo);
  const block = hashFind(inst, space, pageNo | 0);
  let flushable = false;
  if (block !== NIL && (type !== FLUSH.lru || isOld(mem, block))) {
    mutexEnter(thr, block + MUTEX_AT);
    flushable = isReadyForFlush(mem, block);
    mutexExit(thr, block + MUTEX_AT);
  }
  sxSUnlock(thr, stripe);
  return flushable;
}

/** One page of the area: found by id, stripe S → block mutex → stripe off (rule 3), flushed if it may be. */
function flushOne(
  thr: Thread,
  pool: BufPool,
  inst: BufInstance,
  space: number,
  pageNo: number,
  type: number,
  isVictim: boolean,
): boolean {
  const { mem } = inst;
  const stripe = stripeSLock(thr, inst, space, pageNo);
  const block = hashFind(inst, space, pageNo);
  if (block === NIL) {
    sxSUnlock(thr, stripe);
    return false;
  }
  mutexEnter(thr, block + MUTEX_AT);
  sxSUnlock(thr, stripe);
  const wanted =
    mem[block + STATE_AT] === STATE.filePage &&
    (type !== FLUSH.lru || isVictim || isOld(mem, block)) &&
    (isVictim || type === FLUSH.list || Atomics.load(mem, block + FIX_COUNT) === 0) &&
    isReadyForFlush(mem, block);
  if (wanted && !(isStale(pool, block) && canRelocate(mem, block))) {
    if (bufFlushPage(thr, pool, inst, block, type)) return true;
  } else if (wanted) {
    freeStale(thr, pool, inst, block);
    return false;
  }
  mutexExit(thr, block + MUTEX_AT);
  return false;
}

/** A page of a dropped space is not worth a write. Block mutex held; released. */
function freeStale(thr: Thread, pool: BufPool, inst: BufInstance, block: number): void {
  const { mem } = inst;
  // Fixed while the latches are taken in their order.
  Atomics.add(mem, block + FIX_COUNT, 1);
  mutexExit(thr, block + MUTEX_AT);
  mutexEnter(thr, inst.lruListMutex);
  Atomics.sub(mem, block + FIX_COUNT, 1);
  if (!bufPageFreeStale(thr, pool, inst, block)) mutexExit(thr, inst.lruListMutex);
}
