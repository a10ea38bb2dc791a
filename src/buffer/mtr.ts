/**
 * The mini-transaction: what a thread has fixed and latched, in the order in which it did, and which of it was
 * changed. The memo lies in the thread's record, where others can see it. One mini-transaction per thread at a time.
 */
import { BUF_BLOCK } from '../layout/buffer.ts';
import { MAX_MEMO, OP } from '../layout/thread.ts';
import { sxSUnlock, sxSxUnlock, sxXUnlock } from '../sync/sx-lock.ts';
import type { Thread } from '../sync/thread.ts';
import { bufFlushNoteModification } from './flush-list.ts';
import type { BufPool } from './instance.ts';
import { logReserve, recentClosedAdd, recentClosedWaitForSpace } from './log-sys.ts';
import { RW } from './states.ts';

const { lock: LOCK, fixCount: FIX_COUNT } = BUF_BLOCK.at;

/** A memo entry is a block's address, whose low four bits are free: the mode (RW) of the frame latch, and "changed". */
const LATCH_MASK = 3;
const MODIFIED = 4;
const ENTRY_MASK = 7;
if (BUF_BLOCK.align <= LATCH_MASK + MODIFIED)
  throw new Error('mtr.ts keeps flags in the low bits of a block address');
/** Log that one changed page makes, in LSN units: a small record. */
const LOG_PER_PAGE = 64;

/**
 * `mtr_memo_push`: the block is fixed and its frame latched as `latch` says.
 * @throws Error when the memo is full; the page has been released then
 */
export function mtrMemoPush(thr: Thread, block: number, latch: number): void {
  const count = thr.memoCount;
  if (count === MAX_MEMO) memoFull(thr, block | latch);
  thr.mem[thr.memo + count] = block | latch;
  thr.memoCount = count + 1;
}

/**
 * Declares that the page fixed last is being changed; its frame must be latched X or SX. The commit puts it on the
 * flush list.
 */
export function mtrSetModified(thr: Thread): void {
  if (thr.memoCount === 0) throw new Error('no page is fixed');
  const at = thr.memo + thr.memoCount - 1;
  const latch = thr.mem[at] & LATCH_MASK;
  if (latch !== RW.x && latch !== RW.sx) throw new Error('a changed page must be latched X or SX');
  thr.mem[at] |= MODIFIED;
}

/** Undoes what one memo entry stands for: latch first, then the fix; no pool latch is needed for either. */
function releaseEntry(thr: Thread, entry: number): void {
  const block = entry & ~ENTRY_MASK;
  const latch = entry & LATCH_MASK;
  if (latch === RW.s) sxSUnlock(thr, block + LOCK);
  else if (latch === RW.x) sxXUnlock(thr, block + LOCK);
  else if (latch === RW.sx) sxSxUnlock(thr, block + LOCK);
  Atomics.sub(thr.mem, block + FIX_COUNT, 1);
}

/** Takes the youngest entry off the memo. */
function popEntry(thr: Thread): number {
  const count = thr.memoCount - 1;
  const entry = thr.mem[thr.memo + count];
  thr.mem[thr.memo + count] = 0;
  thr.memoCount = count;
  return entry;
}

function memoFull(thr: Thread, entry: number): never {
  releaseEntry(thr, entry);
  throw new Error(`a mini-transaction of thread ${thr.id} fixes more than ${MAX_MEMO} pages`);
}

function changedPageError(): Error {
  return new Error('a changed page is released by the commit only');
}

/** Releases the page fixed last, which must be unchanged (`mtr_release_...` of a savepoint). */
export function mtrReleaseLast(thr: Thread): void {
  if ((thr.mem[thr.memo + thr.memoCount - 1] & MODIFIED) !== 0) throw changedPageError();
  releaseEntry(thr, popEntry(thr));
}

/** Releases the page fixed before the last (latch coupling: the next page is latched before this one is let go). */
export function mtrReleaseOlder(thr: Thread): void {
  const { mem } = thr;
  if (thr.memoCount < 2) throw new Error('no page was fixed before the last');
  const older = thr.memo + thr.memoCount - 2;
  const entry = mem[older];
  if ((entry & MODIFIED) !== 0) throw changedPageError();
  mem[older] = popEntry(thr);
  releaseEntry(thr, entry);
}

/**
 * `mtr_t::commit`: takes the LSN range, puts changed pages on the flush lists, closes the range, releases all, the
 * last first.
 * @returns the end LSN, 0 when nothing was changed
 */
export function mtrCommit(thr: Thread, pool: BufPool): number {
  const { mem } = thr;
  mem[thr.op] = OP.mtrCommit;
  const count = thr.memoCount;
  let changed = 0;
  for (let i = 0; i < count; i++) if ((mem[thr.memo + i] & MODIFIED) !== 0) changed++;
  let end = 0;
  if (changed > 0) {
    const length = changed * LOG_PER_PAGE;
    const start = logReserve(thr, pool, length);
    end = start + length;
    recentClosedWaitForSpace(thr, pool, start);
    for (let i = count - 1; i >= 0; i--) {
      const entry = mem[thr.memo + i];
      if ((entry & MODIFIED) === 0) continue;
      bufFlushNoteModification(thr, pool, entry & ~ENTRY_MASK, start, end);
      mem[thr.memo + i] = entry & ~MODIFIED;
    }
    recentClosedAdd(thr, pool, start, end);
  }
  mtrReleaseAll(thr);
  return end;
}

/** Releases all that the mini-transaction holds, without log: at its end, or when its thread gives up. */
export function mtrReleaseAll(thr: Thread): void {
  while (thr.memoCount > 0) {
    releaseEntry(thr, popEntry(thr));
  }
}
