/**
 * The LRU list (facts B 4): one list, head = most recent; from 512 pages on its tail part is the old sublist, which
 * starts at `lruOld`. Every function wants lruListMutex held.
 */
import { BUF_BLOCK, BUF_POOL, POOL_STAT } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { assertHeld } from '../sync/order.ts';
import type { Thread } from '../sync/thread.ts';
import type { BufInstance } from './instance.ts';
import { BUF_LRU_OLD_MIN_LEN } from './states.ts';
import { BUF_LRU_OLD_TOLERANCE, desiredOldLen, youngMargin } from './sizes.ts';
import { listAddFirst, listInsertAfter, listRemove } from './ut-list.ts';

const { lruPrev: LRU_PREV, lruNext: LRU_NEXT, oldClock: OLD_CLOCK } = BUF_BLOCK.at;
const { lruFirst: FIRST, lruLast: LAST, lruLen: LEN, lruOld: LRU_OLD, lruOldLen: OLD_LEN } = BUF_POOL.at;
const { lruOldRatio: RATIO, freedPageClock: CLOCK, nPagesMadeYoung: MADE_YOUNG } = BUF_POOL.at;
const { lruHp: LRU_HP, lruScanItr: SCAN_ITR, singleScanItr: SINGLE_ITR } = BUF_POOL.at;
const { youngMargin: YOUNG_MARGIN, currSize: CURR_SIZE } = BUF_POOL.at;
const { makeYoungMoves: MOVES } = POOL_STAT.at;
/** First of the two link words. */
const LINKS = LRU_PREV;
const OLD_BIT = -0x80000000;
const CLOCK_MASK = 0x7fffffff;

/** Whether a block is in the old sublist. */
export const isOld = (mem: Int32Array, block: number): boolean => mem[block + OLD_CLOCK] < 0;

function setOld(mem: Int32Array, block: number, old: boolean): void {
  const word = mem[block + OLD_CLOCK];
  mem[block + OLD_CLOCK] = old ? word | OLD_BIT : word & CLOCK_MASK;
}

/** `buf_LRU_add_block`: a page read in enters as old (after the midpoint), a page created as young (at the head). */
export function lruAdd(thr: Thread, inst: BufInstance, block: number, old: boolean): void {
  assertHeld(thr, inst.lruListMutex, 'lruListMutex');
  const { mem, at } = inst;
  const before = mem[at + LEN];
  if (!old || before < BUF_LRU_OLD_MIN_LEN) {
    listAddFirst(mem, at + FIRST, LINKS, block);
    mem[block + OLD_CLOCK] = mem[at + CLOCK] & CLOCK_MASK;
  } else {
    listInsertAfter(mem, at + FIRST, LINKS, mem[at + LRU_OLD], block);
    mem[at + OLD_LEN]++;
  }
  const len = before + 1;
  if (len > BUF_LRU_OLD_MIN_LEN) {
    setOld(mem, block, old);
    oldAdjustLen(inst);
  } else if (len === BUF_LRU_OLD_MIN_LEN) {
    oldInit(inst);
  } else {
    setOld(mem, block, false);
  }
}

/** `buf_LRU_remove_block`: hazard pointers step to the predecessor before the block is unlinked. */
export function lruRemove(thr: Thread, inst: BufInstance, block: number): void {
  assertHeld(thr, inst.lruListMutex, 'lruListMutex');
  const { mem, at } = inst;
  const prev = mem[block + LRU_PREV];
  if (mem[at + LRU_HP] === block) mem[at + LRU_HP] = prev;
  if (mem[at + SCAN_ITR] === block) mem[at + SCAN_ITR] = prev;
  if (mem[at + SINGLE_ITR] === block) mem[at + SINGLE_ITR] = prev;
  const wasOld = isOld(mem, block);
  if (mem[at + LRU_OLD] === block) {
    // There is always a predecessor: the list keeps at least BUF_LRU_NON_OLD_MIN_LEN young pages.
    mem[at + LRU_OLD] = prev;
    setOld(mem, prev, true);
    mem[at + OLD_LEN]++;
  }
  listRemove(mem, at + FIRST, LINKS, block);
  const len = mem[at + LEN];
  if (len < BUF_LRU_OLD_MIN_LEN) {
    if (mem[at + LRU_OLD] !== NIL) clearOld(inst);
    setOld(mem, block, false);
    return;
  }
  if (wasOld) mem[at + OLD_LEN]--;
  oldAdjustLen(inst);
}

/** `buf_LRU_make_block_young`: to the head. Only a page that was old counts as made young. */
export function lruMakeYoung(thr: Thread, inst: BufInstance, block: number): void {
  const { mem, at } = inst;
  if (isOld(mem, block)) mem[at + MADE_YOUNG]++;
  mem[thr.poolStats + inst.no * POOL_STAT.words + MOVES]++;
  lruRemove(thr, inst, block);
  lruAdd(thr, inst, block, false);
}

/** `buf_LRU_make_block_old`: InnoDB's comment says tail; what it does is move to the midpoint (facts B 4.5). */
export function lruMakeOld(thr: Thread, inst: BufInstance, block: number): void {
  lruRemove(thr, inst, block);
  lruAdd(thr, inst, block, true);
}

/**
 * `buf_LRU_old_ratio_update_instance`.
 * @param ratio in 1/1024, see `lruOldRatio`
 */
export function lruSetOldRatio(thr: Thread, inst: BufInstance, ratio: number): void {
  assertHeld(thr, inst.lruListMutex, 'lruListMutex');
  const { mem, at } = inst;
  if (mem[at + RATIO] === ratio) return;
  mem[at + RATIO] = ratio;
  mem[at + YOUNG_MARGIN] = youngMargin(mem[at + CURR_SIZE], ratio);
  if (mem[at + LEN] >= BUF_LRU_OLD_MIN_LEN) oldAdjustLen(inst);
}

/** `buf_LRU_old_adjust_len`: moves the midpoint to the edge of the tolerance band, not to its middle. */
function oldAdjustLen(inst: BufInstance): void {
  const { mem, at } = inst;
  const wanted = desiredOldLen(mem[at + LEN], mem[at + RATIO]);
  let oldLen = mem[at + OLD_LEN];
  let midpoint = mem[at + LRU_OLD];
  for (;;) {
    if (oldLen + BUF_LRU_OLD_TOLERANCE < wanted) {
      midpoint = mem[midpoint + LRU_PREV];
      oldLen++;
      setOld(mem, midpoint, true);
    } else if (oldLen > wanted + BUF_LRU_OLD_TOLERANCE) {
      setOld(mem, midpoint, false);
      midpoint = mem[midpoint + LRU_NEXT];
      oldLen--;
    } else {
      break;
    }
  }
  mem[at + LRU_OLD] = midpoint;
  mem[at + OLD_LEN] = oldLen;
}

/** `buf_LRU_old_init`: the list has just reached BUF_LRU_OLD_MIN_LEN. */
function oldInit(inst: BufInstance): void {
  const { mem, at } = inst;
  for (let b = mem[at + FIRST]; b !== NIL; b = mem[b + LRU_NEXT]) setOld(mem, b, true);
  mem[at + LRU_OLD] = mem[at + FIRST];
  mem[at + OLD_LEN] = mem[at + LEN];
  oldAdjustLen(inst);
}

/** The list has become too short for an old sublist. */
function clearOld(inst: BufInstance): void {
  const { mem, at } = inst;
  for (let b = mem[at + FIRST]; b !== NIL; b = mem[b + LRU_NEXT]) setOld(mem, b, false);
  mem[at + LRU_OLD] = NIL;
  mem[at + OLD_LEN] = 0;
}

/**
 * `LRUItr::start`: where a scan begins. A stored position in the old sublist (or none) means the tail; one in the
 * young part is resumed. InnoDB's comment says the reverse; this is what it does (facts B 3.4).
 * @param itr offset of the iterator in BUF_POOL: lruScanItr or singleScanItr
 */
export function lruItrStart(inst: BufInstance, itr: number): number {
  const { mem, at } = inst;
  const stored = mem[at + itr];
  if (stored === NIL || isOld(mem, stored)) mem[at + itr] = mem[at + LAST];
  return mem[at + itr];
}
