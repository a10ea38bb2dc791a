/**
 * Taking a page out of the pool (facts B 3.6): `buf_LRU_free_page` and its relatives for stale pages and for reads
 * that failed.
 */
import { BUF_BLOCK, BUF_POOL } from '../layout/buffer.ts';
import { getU53 } from '../layout/words.ts';
import { OP } from '../layout/thread.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { assertHeld } from '../sync/order.ts';
import { sxSUnlock, sxXLock, sxXUnlock } from '../sync/sx-lock.ts';
import type { Thread } from '../sync/thread.ts';
import { bufFlushRemove } from './flush-list.ts';
import { freeBlock } from './free-list.ts';
import type { BufInstance, BufPool } from './instance.ts';
import { lruRemove } from './lru.ts';
import { hashDelete, stripeOf } from './page-hash.ts';
import { isStale } from './stale.ts';
import { IO_FIX, setState, STATE } from './states.ts';

const {
  fixCount: FIX_COUNT,
  ioFix: IO_FIX_AT,
  spaceId: SPACE_ID,
  pageNo: PAGE_NO,
  frame: FRAME,
} = BUF_BLOCK.at;
const { mutex: MUTEX_AT, oldestModification: OLDEST, modifyClock: MODIFY_CLOCK } = BUF_BLOCK.at;
const { freedPageClock: CLOCK, lastEvictedSpace: EVICTED_SPACE, lastEvictedPage: EVICTED_PAGE } = BUF_POOL.at;
const CLOCK_MASK = 0x7fffffff;

/** `buf_page_can_relocate`: nobody uses it, no I/O runs. Stays true only under stripe X and block mutex. */
export function canRelocate(mem: Int32Array, block: number): boolean {
  return mem[block + IO_FIX_AT] === IO_FIX.none && Atomics.load(mem, block + FIX_COUNT) === 0;
}

/** `is_dirty`. Block mutex or flushListMutex held, or as a hint. */
export function isDirty(mem: Int32Array, block: number): boolean {
  return getU53(mem, block + OLDEST) !== 0;
}

/** `buf_flush_ready_for_replace`: block mutex held. */
export function isReplaceable(pool: BufPool, block: number): boolean {
  return canRelocate(pool.mem, block) && (!isDirty(pool.mem, block) || isStale(pool, block));
}

/**
 * `buf_LRU_free_page`: evicts a clean page that nobody uses. lruListMutex and block mutex held.
 * @returns true: evicted, both mutexes released; false: impossible, both still held
 */
export function bufLruFreePage(thr: Thread, pool: BufPool, inst: BufInstance, block: number): boolean {
  const { mem } = inst;
  assertHeld(thr, inst.lruListMutex, 'lruListMutex');
  if (!canRelocate(mem, block) || isDirty(mem, block)) return false;
  const before = mem[thr.op];
  mem[thr.op] = OP.bufLruFreePage;
  // Rule 3: the stripe is above the block mutex, so let go, take it, and look at everything again.
  mutexExit(thr, block + MUTEX_AT);
  const stripe = stripeOf(inst, mem[block + SPACE_ID], mem[block + PAGE_NO]);
  sxXLock(thr, stripe);
  mutexEnter(thr, block + MUTEX_AT);
  if (!canRelocate(mem, block) || isDirty(mem, block)) {
    sxXUnlock(thr, stripe);
    mem[thr.op] = before;
    return false;
  }
  blockRemoveHashed(thr, pool, inst, block);
  sxXUnlock(thr, stripe);
  mutexExit(thr, block + MUTEX_AT);
  mutexExit(thr, inst.lruListMutex);
  // The block is private now; adaptive hash entries would be dropped here, with no pool latch held.
  blockFreeHashed(thr, pool, inst, block);
  mem[thr.op] = before;
  return true;
}

/**
 * `buf_LRU_block_remove_hashed`: out of LRU and page hash, to REMOVE_HASH. lruListMutex, stripe X and block mutex
 * held; nobody can read the page in again before the LRU mutex is released.
 */
export function blockRemoveHashed(thr: Thread, pool: BufPool, inst: BufInstance, block: number): void {
  const { mem, at } = inst;
  lruRemove(thr, inst, block);
  mem[at + CLOCK] = (mem[at + CLOCK] + 1) & CLOCK_MASK;
  mem[block + MODIFY_CLOCK]++;
  mem[at + EVICTED_SPACE] = mem[block + SPACE_ID];
  mem[at + EVICTED_PAGE] = mem[block + PAGE_NO];
  hashDelete(inst, block);
  markFrame(pool, block, 0xff);
  mem[block + SPACE_ID] = -1;
  mem[block + PAGE_NO] = -1;
  setState(mem, block, STATE.removeHash);
}

/** `buf_LRU_block_free_hashed_page`: the private block goes back to the free list. */
export function blockFreeHashed(thr: Thread, pool: BufPool, inst: BufInstance, block: number): void {
  setState(inst.mem, block, STATE.memory);
  markFrame(pool, block, 0xfe);
  freeBlock(thr, inst, block);
}

/** Overwrites page number and space id in the frame, so that whoever still reads it cannot take it for the page. */
function markFrame(pool: BufPool, block: number, byte: number): void {
  const frame = pool.mem[block + FRAME] * 4;
  if (frame === 0) return;
  pool.bytes.fill(byte, frame + 4, frame + 8);
  pool.bytes.fill(byte, frame + 34, frame + 38);
}

/**
 * `buf_page_free_stale` for a walker of the LRU: lruListMutex held, the block in the list.
 * @returns true: freed and lruListMutex released; false: I/O or users, lruListMutex still held
 */
export function bufPageFreeStale(thr: Thread, pool: BufPool, inst: BufInstance, block: number): boolean {
  const { mem } = inst;
  mutexEnter(thr, block + MUTEX_AT);
  if (mem[block + IO_FIX_AT] !== IO_FIX.none) {
    mutexExit(thr, block + MUTEX_AT);
    return false;
  }
  if (isDirty(mem, block)) bufFlushRemove(thr, inst, block);
  if (bufLruFreePage(thr, pool, inst, block)) return true;
  mutexExit(thr, block + MUTEX_AT);
  return false;
}

/**
 * `buf_page_free_stale` for a getter that found the page through its stripe: stripe S held, released in any case.
 * @returns false when an I/O or another user prevents it; the caller waits a little and looks again
 */
export function bufPageFreeStaleHashed(
  thr: Thread,
  pool: BufPool,
  inst: BufInstance,
  block: number,
  stripe: number,
): boolean {
  const { mem } = inst;
  if (mem[block + IO_FIX_AT] !== IO_FIX.none) {
    sxSUnlock(thr, stripe);
    return false;
  }
  // Fixed, so that nobody else frees it between the stripe and the LRU mutex, which must be taken in this order.
  Atomics.add(mem, block + FIX_COUNT, 1);
  sxSUnlock(thr, stripe);
  mutexEnter(thr, inst.lruListMutex);
  Atomics.sub(mem, block + FIX_COUNT, 1);
  if (bufPageFreeStale(thr, pool, inst, block)) return true;
  mutexExit(thr, inst.lruListMutex);
  return false;
}
