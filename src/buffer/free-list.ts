/** The free list: blocks come from its head and go back there, so that a block still warm in the caches is next. */
import { BUF_BLOCK, BUF_POOL } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import type { Thread } from '../sync/thread.ts';
import type { BufInstance } from './instance.ts';
import { setState, STATE } from './states.ts';
import { listAddFirst, listAddLast, listRemove } from './ut-list.ts';

const { listPrev: LINKS } = BUF_BLOCK.at;
const { freeFirst: LIST } = BUF_POOL.at;

/** Pushes a NOT_USED block on the head. Takes freeListMutex. */
export function freeListPush(thr: Thread, inst: BufInstance, block: number): void {
  const { mem, at } = inst;
  mutexEnter(thr, inst.freeListMutex);
  listAddFirst(mem, at + LIST, LINKS, block);
  mutexExit(thr, inst.freeListMutex);
}

/** Appends a new block at the tail; only while the pool is being made. */
export function freeListAppend(inst: BufInstance, block: number): void {
  listAddLast(inst.mem, inst.at + LIST, LINKS, block);
}

/** `buf_LRU_get_free_only`: the head as READY_FOR_USE, or NIL. Takes freeListMutex. */
export function freeListPop(thr: Thread, inst: BufInstance): number {
  const { mem, at } = inst;
  mutexEnter(thr, inst.freeListMutex);
  const block = mem[at + LIST];
  if (block !== NIL) listRemove(mem, at + LIST, LINKS, block);
  mutexExit(thr, inst.freeListMutex);
  if (block !== NIL) setState(mem, block, STATE.readyForUse);
  return block;
}

/** `buf_LRU_block_free_non_file_page`: gives back a block that holds no page. */
export function freeBlock(thr: Thread, inst: BufInstance, block: number): void {
  setState(inst.mem, block, STATE.notUsed);
  freeListPush(thr, inst, block);
}
