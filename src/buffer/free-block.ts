/** Finding a free block (facts B 3.1 to 3.4): free list, eviction scan, single-page flush, again. */
import { BUF_BLOCK, BUF_POOL, POOL_STAT } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { OP } from '../layout/thread.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import type { Thread } from '../sync/thread.ts';
import { wakePageCleaner } from './cleaner-wake.ts';
import { bufLruFreePage, bufPageFreeStale, isReplaceable } from './evict.ts';
import { bufFlushSinglePageFromLru } from './flush-page.ts';
import { freeListPop } from './free-list.ts';
import type { BufInstance, BufPool } from './instance.ts';
import { lruItrStart } from './lru.ts';
import { isStale } from './stale.ts';
import { BUF_LRU_SEARCH_SCAN_THRESHOLD } from './states.ts';

const { mutex: MUTEX_AT, lruPrev: LRU_PREV, accessTime: ACCESS_TIME } = BUF_BLOCK.at;
const { lruScanItr: SCAN_ITR, tryLruScan: TRY_LRU_SCAN, lruLen: LRU_LEN, freeLen: FREE_LEN } = BUF_POOL.at;
const { currSize: CURR_SIZE, oldSize: OLD_SIZE } = BUF_POOL.at;
const { waitFree: WAIT_FREE, getFreeLoops: LOOPS, getFreeWaits: WAITS } = POOL_STAT.at;
const { searchScanned: SCANNED, raPagesEvicted: RA_EVICTED } = POOL_STAT.at;

/** Pause between passes from the third on, us. */
const FREE_BLOCK_SLEEP_US = 10_000;
/** Passes after which a warning is written, on every further pass. */
const WARN_AFTER = 20;

/** The pool has no pages left to work with: InnoDB stops the server. */
export class BufPoolFatal extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BufPoolFatal';
  }
}

/**
 * `buf_LRU_get_free_block`: a block in READY_FOR_USE. No pool latch may be held: it evicts, writes and sleeps.
 * @throws BufPoolFatal when over 95 % of the pool is not data; RunAborted when the run is given up
 */
export function bufLruGetFreeBlock(thr: Thread, pool: BufPool, inst: BufInstance): number {
  const { mem, at } = inst;
  const stat = thr.poolStats + inst.no * POOL_STAT.words;
  let flushFailures = 0;
  let warned = false;
  let n = 0;
  for (;;) {
    mem[thr.op] = OP.bufLruGetFreeBlock;
    warned = checkNonData(pool, inst, warned);
    const block = freeListPop(thr, inst);
    if (block !== NIL) return block;
    mem[stat + LOOPS]++;
    let freed = false;
    if (mem[at + TRY_LRU_SCAN] !== 0 || n > 0) {
      freed = bufLruScanAndFree(thr, pool, inst, n > 0);
      if (!freed && n === 0) Atomics.store(mem, at + TRY_LRU_SCAN, 0);
    }
    // What was freed went to the shared list, where another thread may be quicker: back to the start, same pass.
    if (freed) continue;
    if (n > WARN_AFTER && mem[at + CURR_SIZE] === mem[at + OLD_SIZE]) {
      pool.log.write(
        'Warning',
        `Difficult to find free blocks in the buffer pool (${n} search iterations)! ` +
          `${flushFailures} failed attempts to flush a page! Instance ${inst.no}.`,
      );
    }
    wakePageCleaner(pool, inst);
    if (n > 1) {
      mem[stat + WAITS]++;
      thr.throwIfAborted();
      thr.clock.sleepUs(FREE_BLOCK_SLEEP_US);
    }
    if (!bufFlushSinglePageFromLru(thr, pool, inst)) flushFailures++;
    mem[stat + WAIT_FREE]++;
    n++;
  }
}

/**
 * `buf_LRU_check_size_of_non_data_objects`. Lengths are read without latches.
 * @returns whether the caller's search has warned
 */
function checkNonData(pool: BufPool, inst: BufInstance, warned: boolean): boolean {
  const { mem, at } = inst;
  const curr = mem[at + CURR_SIZE];
  if (curr !== mem[at + OLD_SIZE]) return warned;
  const available = mem[at + FREE_LEN] + mem[at + LRU_LEN];
  if (available < Math.floor(curr / 20)) {
    throw new BufPoolFatal(
      `Over 95 percent of the buffer pool is occupied by lock heaps or the adaptive hash index! ` +
        `Instance ${inst.no}: ${available} of ${curr} pages are left.`,
    );
  }
  if (warned || available >= Math.floor(curr / 3)) return warned;
  pool.log.write(
    'Warning',
    `Over 67 percent of the buffer pool is occupied by lock heaps or the adaptive hash index. ` +
      `Instance ${inst.no}: ${available} of ${curr} pages are left.`,
  );
  return true;
}

/**
 * `buf_LRU_scan_and_free_block`: evicts one clean page from the tail on.
 * @param scanAll the whole list instead of the first 100 pages
 * @returns whether a block went to the free list
 */
export function bufLruScanAndFree(thr: Thread, pool: BufPool, inst: BufInstance, scanAll: boolean): boolean {
  const { mem, at } = inst;
  const stat = thr.poolStats + inst.no * POOL_STAT.words;
  const limit = scanAll ? Infinity : BUF_LRU_SEARCH_SCAN_THRESHOLD;
  mem[thr.op] = OP.bufLruScanAndFree;
  mutexEnter(thr, inst.lruListMutex);
  let scanned = 0;
  let block = lruItrStart(inst, SCAN_ITR);
  for (; block !== NIL && scanned < limit; scanned++) {
    // Saved first: whoever unlinks that page moves the iterator on.
    mem[at + SCAN_ITR] = mem[block + LRU_PREV];
    const accessed = mem[block + ACCESS_TIME] !== 0;
    if (freeVictim(thr, pool, inst, block)) {
      mem[stat + SCANNED] += scanned + 1;
      if (!accessed) mem[stat + RA_EVICTED]++;
      return true;
    }
    block = mem[at + SCAN_ITR];
  }
  mem[stat + SCANNED] += scanned;
  mutexExit(thr, inst.lruListMutex);
  return false;
}

/** One step of the scan: lruListMutex held; on success it is released. */
function freeVictim(thr: Thread, pool: BufPool, inst: BufInstance, block: number): boolean {
  if (isStale(pool, block)) return bufPageFreeStale(thr, pool, inst, block);
  mutexEnter(thr, block + MUTEX_AT);
  if (isReplaceable(pool, block) && bufLruFreePage(thr, pool, inst, block)) return true;
  mutexExit(thr, block + MUTEX_AT);
  return false;
}
