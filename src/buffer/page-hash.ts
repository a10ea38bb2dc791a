/**
 * The page hash: cells, chains through the blocks, and its striped locks (facts B 1.7).
 *
 * A page's stripe comes from its cell, and the number of cells changes with a resize. So whoever locks a stripe
 * looks afterwards whether the cell count is still the one it computed with, and starts over if not (the confirm
 * loop). InnoDB confirms by computing the stripe again; comparing the count is the same and costs a load. A holder of
 * lruListMutex need not confirm, because a resize holds that.
 */
import { BUF_BLOCK, BUF_POOL, PAGE_HASH_STRIPE, POOL_STAT } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { sxSLock, sxSUnlock, sxXLock, sxXUnlock } from '../sync/sx-lock.ts';
import type { Thread } from '../sync/thread.ts';
import type { BufInstance } from './instance.ts';
import { pageHashMod } from './page-id.ts';

const { spaceId: SPACE_ID, pageNo: PAGE_NO, hashNext: HASH_NEXT } = BUF_BLOCK.at;
const { nCells: N_CELLS } = BUF_POOL.at;
const { confirmRetries: CONFIRM_RETRIES } = POOL_STAT.at;
const STRIPE_WORDS = PAGE_HASH_STRIPE.words;

/** Word address of the cell that a page belongs to now. Its stripe or lruListMutex held. */
export function cellOf(inst: BufInstance, space: number, pageNo: number): number {
  return inst.cells + pageHashMod(space, pageNo, inst.mem[inst.at + N_CELLS]);
}

/** Word address of the lock of the stripe that a page belongs to now. lruListMutex held, or to be confirmed. */
export function stripeOf(inst: BufInstance, space: number, pageNo: number): number {
  return inst.stripes + ((cellOf(inst, space, pageNo) - inst.cells) & inst.stripeMask) * STRIPE_WORDS;
}

/** `buf_page_hash_lock_get` with `hash_lock_s_confirm`: S-locks the page's stripe; returns the lock. */
export function stripeSLock(thr: Thread, inst: BufInstance, space: number, pageNo: number): number {
  for (;;) {
    const nCells = inst.mem[inst.at + N_CELLS];
    const stripe = stripeOf(inst, space, pageNo);
    sxSLock(thr, stripe);
    if (inst.mem[inst.at + N_CELLS] === nCells) return stripe;
    sxSUnlock(thr, stripe);
    inst.mem[thr.poolStats + inst.no * POOL_STAT.words + CONFIRM_RETRIES]++;
  }
}

/** The same in X mode. */
export function stripeXLock(thr: Thread, inst: BufInstance, space: number, pageNo: number): number {
  for (;;) {
    const nCells = inst.mem[inst.at + N_CELLS];
    const stripe = stripeOf(inst, space, pageNo);
    sxXLock(thr, stripe);
    if (inst.mem[inst.at + N_CELLS] === nCells) return stripe;
    sxXUnlock(thr, stripe);
    inst.mem[thr.poolStats + inst.no * POOL_STAT.words + CONFIRM_RETRIES]++;
  }
}

/**
 * `buf_page_hash_get_low`: the block of a page, NIL when it is not in the pool. Stripe held S or X.
 * @param space, pageNo as int32 words
 */
export function hashFind(inst: BufInstance, space: number, pageNo: number): number {
  const { mem } = inst;
  let block = mem[cellOf(inst, space, pageNo)];
  while (block !== NIL && (mem[block + PAGE_NO] !== pageNo || mem[block + SPACE_ID] !== space)) {
    block = mem[block + HASH_NEXT];
  }
  return block;
}

/** Appends a block to the tail of its chain. Stripe X. */
export function hashInsert(inst: BufInstance, block: number): void {
  const { mem } = inst;
  mem[block + HASH_NEXT] = NIL;
  let link = cellOf(inst, mem[block + SPACE_ID], mem[block + PAGE_NO]);
  while (mem[link] !== NIL) link = mem[link] + HASH_NEXT;
  mem[link] = block;
}

/**
 * Takes a block out of its chain. Stripe X.
 * @throws Error when it is not there
 */
export function hashDelete(inst: BufInstance, block: number): void {
  const { mem } = inst;
  let link = cellOf(inst, mem[block + SPACE_ID], mem[block + PAGE_NO]);
  while (mem[link] !== block) {
    if (mem[link] === NIL) throw new Error(`block @${block} is not in the page hash`);
    link = mem[link] + HASH_NEXT;
  }
  mem[link] = mem[block + HASH_NEXT];
  mem[block + HASH_NEXT] = NIL;
}
