/** A miss (facts B 2.4): `buf_page_init_for_read`, the read, its completion, and what happens when it fails. */
import { BUF_BLOCK, BUF_POOL, POOL_STAT } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { OP } from '../layout/thread.ts';
import { setU53 } from '../layout/words.ts';
import { StorageError } from '../storage/errors.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { sxXLock, sxXUnlock } from '../sync/sx-lock.ts';
import type { Thread } from '../sync/thread.ts';
import { blockFreeHashed, blockRemoveHashed } from './evict.ts';
import { BufPoolFatal, bufLruGetFreeBlock } from './free-block.ts';
import { freeBlock } from './free-list.ts';
import type { BufInstance, BufPool } from './instance.ts';
import { lruAdd } from './lru.ts';
import { hashFind, hashInsert, stripeOf } from './page-hash.ts';
import { spaceVersion, VERSION_FAILED } from './stale.ts';
import { BUF_IO_READ, BUF_PAGE_READ_MAX_RETRIES, FLUSH, IO_FIX, setState, STATE } from './states.ts';

const B = BUF_BLOCK.at;
const { lock: LOCK, mutex: MUTEX_AT, fixCount: FIX_COUNT, ioFix: IO_FIX_AT } = B;
const { nPendReads: N_PEND_READS } = BUF_POOL.at;
const { reads: READS, pagesRead: PAGES_READ, readRetries: READ_RETRIES } = POOL_STAT.at;

/**
 * `Buf_fetch::read_page`: brings a page in, or finds that another thread did; the caller looks it up again.
 * @param failed reads of this page that have failed so far in the caller's get
 * @returns the same anew: 0 when the page was read; unchanged when another thread was quicker, as that one's read may
 *   fail as well, and then it is the caller's turn again
 * @throws StorageError when the failure is not retryable, at once; BufPoolFatal after 100 retries
 */
export function bufReadPage(
  thr: Thread,
  pool: BufPool,
  inst: BufInstance,
  space: number,
  pageNo: number,
  failed = 0,
): number {
  for (let retries = failed; ; retries++) {
    inst.mem[thr.op] = OP.bufReadPage;
    const failure = bufReadPageLow(thr, pool, inst, space, pageNo);
    if (failure === null) return 0;
    if (failure === QUICKER) return retries;
    if (!failure.retryable) throw failure;
    if (retries === BUF_PAGE_READ_MAX_RETRIES) {
      throw new BufPoolFatal(
        `Unable to read page ${pageNo >>> 0} of space ${space >>> 0} into the buffer pool after ` +
          `${BUF_PAGE_READ_MAX_RETRIES} attempts. The most probable cause of this error may be that the table has ` +
          `been corrupted. Last failure: ${failure.message}`,
      );
    }
    inst.mem[thr.poolStats + inst.no * POOL_STAT.words + READ_RETRIES]++;
  }
}

/** What `bufReadPageLow` answers when another thread brought the page in, or is about to. */
const QUICKER = 'another thread was quicker';

/** `buf_read_page_low`, synchronous. Returns null when the page was read. */
function bufReadPageLow(
  thr: Thread,
  pool: BufPool,
  inst: BufInstance,
  space: number,
  pageNo: number,
): StorageError | typeof QUICKER | null {
  const { mem } = inst;
  const block = bufPageInitForRead(thr, pool, inst, space, pageNo);
  if (block === NIL) return QUICKER;
  const stat = thr.poolStats + inst.no * POOL_STAT.words;
  const failure = pool.store.read(space, pageNo, mem[block + B.frame] * 4);
  mem[thr.op] = OP.bufPageIoComplete;
  if (failure !== null) {
    bufReadPageHandleError(thr, pool, inst, block);
    return failure;
  }
  mutexEnter(thr, block + MUTEX_AT);
  mem[block + IO_FIX_AT] = IO_FIX.none;
  sxXUnlock(thr, block + LOCK, BUF_IO_READ);
  mutexExit(thr, block + MUTEX_AT);
  Atomics.sub(mem, inst.at + N_PEND_READS, 1);
  mem[stat + PAGES_READ]++;
  mem[stat + READS]++;
  return null;
}

/**
 * `buf_page_init_for_read`, in InnoDB's exact order: free block with no latch held; LRU mutex; stripe X; look again;
 * block mutex; identity, hash chain, io_fix; LRU as old; LRU mutex off; frame X for the I/O; stripe and block off.
 * @returns the block, frame X-latched by pass, io_fix READ; NIL when another thread was quicker
 */
function bufPageInitForRead(
  thr: Thread,
  pool: BufPool,
  inst: BufInstance,
  space: number,
  pageNo: number,
): number {
  const { mem } = inst;
  const block = bufLruGetFreeBlock(thr, pool, inst);
  mem[thr.op] = OP.bufPageInitForRead;
  mutexEnter(thr, inst.lruListMutex);
  const stripe = stripeOf(inst, space, pageNo);
  sxXLock(thr, stripe);
  if (hashFind(inst, space, pageNo) !== NIL) {
    mutexExit(thr, inst.lruListMutex);
    sxXUnlock(thr, stripe);
    freeBlock(thr, inst, block);
    return NIL;
  }
  mutexEnter(thr, block + MUTEX_AT);
  bufPageInit(pool, inst, block, space, pageNo);
  mem[block + IO_FIX_AT] = IO_FIX.read;
  lruAdd(thr, inst, block, true);
  mutexExit(thr, inst.lruListMutex);
  // Nobody has it yet, so this cannot wait although pool latches are held (rule 6).
  sxXLock(thr, block + LOCK, BUF_IO_READ);
  sxXUnlock(thr, stripe);
  mutexExit(thr, block + MUTEX_AT);
  Atomics.add(mem, inst.at + N_PEND_READS, 1);
  return block;
}

/** `buf_page_init`: gives a READY_FOR_USE block its identity and hashes it. Stripe X and block mutex held. */
export function bufPageInit(
  pool: BufPool,
  inst: BufInstance,
  block: number,
  space: number,
  pageNo: number,
): void {
  const { mem } = inst;
  setState(mem, block, STATE.filePage);
  mem[block + B.spaceId] = space;
  mem[block + B.pageNo] = pageNo;
  mem[block + B.version] = spaceVersion(pool, space);
  mem[block + B.flushType] = FLUSH.lru;
  mem[block + IO_FIX_AT] = IO_FIX.none;
  mem[block + FIX_COUNT] = 0;
  mem[block + B.oldClock] = 0;
  mem[block + B.accessTime] = 0;
  setU53(mem, block + B.newestModification, 0);
  setU53(mem, block + B.oldestModification, 0);
  hashInsert(inst, block);
}

/**
 * `buf_read_page_handle_error`: takes a page out again whose read failed. Others may have fixed it already and wait
 * for its frame; then it stays, marked stale, until the last of them has let go (they find the mark when they wake).
 */
function bufReadPageHandleError(thr: Thread, pool: BufPool, inst: BufInstance, block: number): void {
  const { mem } = inst;
  mutexEnter(thr, inst.lruListMutex);
  const stripe = stripeOf(inst, mem[block + B.spaceId], mem[block + B.pageNo]);
  sxXLock(thr, stripe);
  mutexEnter(thr, block + MUTEX_AT);
  mem[block + B.version] = VERSION_FAILED;
  mem[block + IO_FIX_AT] = IO_FIX.none;
  sxXUnlock(thr, block + LOCK, BUF_IO_READ);
  Atomics.sub(mem, inst.at + N_PEND_READS, 1);
  const unused = Atomics.load(mem, block + FIX_COUNT) === 0;
  if (unused) blockRemoveHashed(thr, pool, inst, block);
  sxXUnlock(thr, stripe);
  mutexExit(thr, block + MUTEX_AT);
  mutexExit(thr, inst.lruListMutex);
  if (unused) blockFreeHashed(thr, pool, inst, block);
}
