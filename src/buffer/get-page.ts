/**
 * `buf_page_get_gen` (facts B 2.2): the hit path in InnoDB's order. What a hit seldom needs is below it, each in a
 * function of its own; misses are in read-page.ts. Rules cited here: README.md beside this file.
 */
import { BUF_BLOCK, BUF_POOL, POOL_STAT } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { OP, SYSVARS, WAIT_STAT } from '../layout/thread.ts';
import { spendRemoteAccess } from '../numa/cost.ts';
import { LATCH } from '../sync/latch-meta.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { checkOrder } from '../sync/order.ts';
import { sxSLock, sxSReleased, sxSUnlock, sxSxLock, sxXLock } from '../sync/sx-lock.ts';
import { sxLockSlow } from '../sync/sx-lock-slow.ts';
import { MODE, type Thread } from '../sync/thread.ts';
import { bufPageFreeStaleHashed } from './evict.ts';
import { BLOCK_WORDS, type BufInstance, type BufPool, SPREAD } from './instance.ts';
import { lruMakeYoung } from './lru.ts';
import { mtrMemoPush, mtrReleaseLast } from './mtr.ts';
import { instanceOf, pageHashMod } from './page-id.ts';
import { bufReadPage } from './read-page.ts';
import { spaceVersion, VERSION_FAILED } from './stale.ts';
import { FETCH, type Fetch, IO_FIX, RW, type Rw, STATE } from './states.ts';

const {
  lock: LOCK,
  fixCount: FIX_COUNT,
  spaceId: SPACE_ID,
  pageNo: PAGE_NO,
  hashNext: HASH_NEXT,
} = BUF_BLOCK.at;
const { ioFix: IO_FIX_AT, accessTime: ACCESS_TIME, oldClock: OLD_CLOCK, mutex: MUTEX_AT } = BUF_BLOCK.at;
const { version: VERSION, state: STATE_AT } = BUF_BLOCK.at;
const { nCells: N_CELLS, freedPageClock: POOL_CLOCK, youngMargin: YOUNG_MARGIN } = BUF_POOL.at;
const { pageGets: PAGE_GETS, notMadeYoung: NOT_MADE_YOUNG, confirmRetries: CONFIRM_RETRIES } = POOL_STAT.at;
const { awayGets: AWAY_GETS } = POOL_STAT.at;
const { oldBlocksTicks: OLD_BLOCKS_TICKS } = SYSVARS.at;
const CLOCK_MASK = 0x7fffffff;
const OP_GET = OP.bufPageGet;
const MODE_S = MODE.s;
/** Where a thread counts the stripes and the frames that it took, in its wait statistics. */
const FRAME_ROW = LATCH.frame * WAIT_STAT.words + WAIT_STAT.at.acquired;
const PAGE_HASH_ROW = LATCH.pageHash * WAIT_STAT.words + WAIT_STAT.at.acquired;
/** log2 of the words of a stripe and of a POOL_STAT row. */
const STRIPE_SHIFT = 4;
const STAT_SHIFT = 5;
if (POOL_STAT.words !== 1 << STAT_SHIFT) throw new Error('get-page.ts computes with the size of POOL_STAT');

/** Pause before a page that is in transition is looked at again, us. */
const RETRY_SLEEP_US = 100;
/** Elapsed ticks from here on are a clock read by another thread a moment later: no time at all. */
const CLOCK_SKEW = 0xf0000000;

/**
 * Gets a page: fixed, frame latched as asked, entered in the mini-transaction's memo. No pool latch may be held.
 *
 * Stripe and frame are S-locked here by hand, because V8 stops inlining in a function of this size: the steps are
 * those of `sxSLock` and `sxSUnlock`, with the entry written straight to the held list's next free word.
 *
 * @param space, pageNo uint32, or the same as int32
 * @param latch RW.none goes with FETCH.noLatch
 * @param guess where the page was when the caller last had it: any word, taken only if the page is still there
 * @returns the block; NIL in the modes IF_IN_POOL and PEEK_IF_IN_POOL when the page is not there or still being read
 * @throws StorageError when it cannot be read; BufPoolFatal; RunAborted
 */
export function bufPageGet(
  thr: Thread,
  pool: BufPool,
  space: number,
  pageNo: number,
  latch: Rw,
  mode: Fetch,
  guess = NIL,
): number {
  const { mem } = thr;
  const inst = pool.instances[instanceOf(space, pageNo, pool.n)];
  const { at } = inst;
  const stat = thr.poolStats + (inst.no << STAT_SHIFT);
  space |= 0;
  pageNo |= 0;
  mem[thr.op] = OP_GET;
  mem[stat + PAGE_GETS]++;
  let failed = 0;
  for (;;) {
    // Look up and fix under stripe S (rules 1, 2, 4).
    const nCells = mem[at + N_CELLS];
    const cell = pageHashMod(space, pageNo, nCells);
    const stripe = inst.stripes + ((cell & inst.stripeMask) << STRIPE_SHIFT);
    if (thr.checked) checkOrder(thr, stripe | MODE_S);
    const heldTop = thr.held + thr.depth;
    mem[heldTop] = stripe | MODE_S;
    const word = mem[stripe];
    if (word <= 0 || Atomics.compareExchange(mem, stripe, word, word - 1) !== word) {
      sxLockSlow(thr, stripe, MODE_S, 0);
    }
    mem[thr.waits + PAGE_HASH_ROW]++;
    let block = NIL;
    if (mem[at + N_CELLS] === nCells) {
      block = guess !== NIL && isStillThere(inst, guess, space, pageNo) ? guess : mem[inst.cells + cell];
      while (block !== NIL && (mem[block + PAGE_NO] !== pageNo || mem[block + SPACE_ID] !== space)) {
        block = mem[block + HASH_NEXT];
      }
    }
    if (block === NIL || mem[block + VERSION] !== spaceVersion(pool, space)) {
      thr.depth++;
      failed = getAbsent(thr, pool, inst, space, pageNo, mode, stripe, nCells, block, failed);
      if (failed < 0) return NIL;
      continue;
    }
    Atomics.add(mem, block + FIX_COUNT, 1);
    sxSReleased(mem, stripe, Atomics.add(mem, stripe, 1));
    mem[heldTop] = 0;
    if (inst.pagesNode !== thr.node) reachPage(thr, inst, block, stat);

    if (mode >= FETCH.ifInPool && isBeingRead(thr, block)) {
      Atomics.sub(mem, block + FIX_COUNT, 1);
      return NIL;
    }
    if (mem[block + ACCESS_TIME] === 0) setFirstAccess(thr, block);
    if (mode !== FETCH.peekIfInPool && mode !== FETCH.scan && tooOld(thr, inst, block, stat)) {
      makeYoung(thr, inst, block);
    }
    // Unlatched: a fixed page never goes back to READ (rule 8).
    if (mem[block + IO_FIX_AT] === IO_FIX.read) waitForRead(thr, block);
    if (latch === RW.s) {
      const frame = block + LOCK;
      if (thr.checked) checkOrder(thr, frame | MODE_S);
      mem[heldTop] = frame | MODE_S;
      thr.depth++;
      const frameWord = mem[frame];
      if (frameWord <= 0 || Atomics.compareExchange(mem, frame, frameWord, frameWord - 1) !== frameWord) {
        sxLockSlow(thr, frame, MODE_S, 0);
      }
      mem[thr.waits + FRAME_ROW]++;
    } else if (latch === RW.x) sxXLock(thr, block + LOCK);
    else if (latch === RW.sx) sxSxLock(thr, block + LOCK);
    // Orders the look at io_fix before the one at the version, as a frame latch does.
    else Atomics.load(mem, block + FIX_COUNT);
    mtrMemoPush(thr, block, latch);
    // The read that we waited for, or just missed, may have failed: then this block is no page (rule 13).
    if (mem[block + VERSION] !== VERSION_FAILED) return block;
    mtrReleaseLast(thr);
    if (inst.pagesNode === SPREAD) countAway(inst, block, stat, -1);
  }
}

/**
 * The page is not, or not for certain, on the thread's node: counts where it is, unless the instance says it all, and
 * spends the price. The page is fixed, and no latch of it is held yet.
 */
function reachPage(thr: Thread, inst: BufInstance, block: number, stat: number): void {
  const node = inst.pagesNode === SPREAD ? countAway(inst, block, stat, 1) : inst.pagesNode;
  spendRemoteAccess(thr, node);
}

/** Counts a get of a block that is not at home, or takes it back. Returns the node of the block. */
function countAway(inst: BufInstance, block: number, stat: number, n: number): number {
  const node = inst.nodeOfBlock(block);
  if (node !== inst.node) inst.mem[stat + AWAY_GETS + node] += n;
  return node;
}

/**
 * Whether a guess is a block of the instance with this page in it. The page's stripe S held: if the ids are the page's,
 * it is the stripe that guards the block.
 */
function isStillThere(inst: BufInstance, guess: number, space: number, pageNo: number): boolean {
  const { mem } = inst;
  for (const { blocks, size } of inst.chunks) {
    const offset = guess - blocks;
    if (offset < 0 || offset >= size * BLOCK_WORDS || offset % BLOCK_WORDS !== 0) continue;
    return (
      mem[guess + PAGE_NO] === pageNo &&
      mem[guess + SPACE_ID] === space &&
      mem[guess + STATE_AT] === STATE.filePage
    );
  }
  return false;
}

/**
 * What follows when the look-up found no page, a stale one, or a moved cell count. Stripe S held; released.
 * @param failed reads of the page that have failed so far in this get
 * @returns the same anew, to look again with; negative: the mode reads no page in
 */
function getAbsent(
  thr: Thread,
  pool: BufPool,
  inst: BufInstance,
  space: number,
  pageNo: number,
  mode: Fetch,
  stripe: number,
  nCells: number,
  block: number,
  failed: number,
): number {
  const { mem } = inst;
  if (block !== NIL) {
    if (!bufPageFreeStaleHashed(thr, pool, inst, block, stripe)) pauseBeforeRetry(thr);
    return failed;
  }
  const moved = mem[inst.at + N_CELLS] !== nCells;
  sxSUnlock(thr, stripe);
  if (moved) {
    mem[thr.poolStats + (inst.no << STAT_SHIFT) + CONFIRM_RETRIES]++;
    return failed;
  }
  if (mode >= FETCH.ifInPool) {
    // Nothing but the page hash was reached, which is at home with the instance.
    spendRemoteAccess(thr, inst.node);
    return -1;
  }
  const now = bufReadPage(thr, pool, inst, space, pageNo, failed);
  mem[thr.op] = OP_GET;
  return now;
}

/**
 * `buf_page_peek_if_too_old`: whether a page should move to the LRU head. All reads are unlatched: a heuristic.
 * A pool that never evicted answers no at once.
 */
function tooOld(thr: Thread, inst: BufInstance, block: number, stat: number): boolean {
  const { mem } = thr;
  const clock = mem[inst.at + POOL_CLOCK];
  if (clock === 0) return false;
  const word = mem[block + OLD_CLOCK];
  const threshold = mem[thr.sysvars + OLD_BLOCKS_TICKS] >>> 0;
  if (threshold !== 0 && word < 0) {
    const access = mem[block + ACCESS_TIME] >>> 0;
    const elapsed = (thr.nowTicks - access) >>> 0;
    if (access !== 0 && elapsed >= threshold && elapsed < CLOCK_SKEW) return true;
    mem[stat + NOT_MADE_YOUNG]++;
    return false;
  }
  return (clock & CLOCK_MASK) >= (word & CLOCK_MASK) + mem[inst.at + YOUNG_MARGIN];
}

/** `buf_page_make_young_if_needed`, once the answer was yes. The page is fixed, so it stays in the list. */
function makeYoung(thr: Thread, inst: BufInstance, block: number): void {
  mutexEnter(thr, inst.lruListMutex);
  lruMakeYoung(thr, inst, block);
  mutexExit(thr, inst.lruListMutex);
}

/** `buf_page_set_accessed`, only the first time. */
function setFirstAccess(thr: Thread, block: number): void {
  mutexEnter(thr, block + MUTEX_AT);
  if (thr.mem[block + ACCESS_TIME] === 0) thr.mem[block + ACCESS_TIME] = thr.nowTicks;
  mutexExit(thr, block + MUTEX_AT);
}

function isBeingRead(thr: Thread, block: number): boolean {
  mutexEnter(thr, block + MUTEX_AT);
  const reading = thr.mem[block + IO_FIX_AT] === IO_FIX.read;
  mutexExit(thr, block + MUTEX_AT);
  return reading;
}

/** `buf_wait_for_read`: the reader holds the frame X by pass until the page is there. */
function waitForRead(thr: Thread, block: number): void {
  while (thr.mem[block + IO_FIX_AT] === IO_FIX.read) {
    sxSLock(thr, block + LOCK);
    sxSUnlock(thr, block + LOCK);
  }
}

function pauseBeforeRetry(thr: Thread): void {
  thr.throwIfAborted();
  thr.clock.sleepUs(RETRY_SLEEP_US);
}
