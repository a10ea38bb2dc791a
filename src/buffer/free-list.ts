/** The free list: blocks come from its head and go back there, so that a block still warm in the caches is next. */
import { BUF_BLOCK, BUF_POOL } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import type { Thread } from '../sync/thread.ts';
import type { BufInstance } from './instance.ts';
import { setState, STATE } from './states.ts';

const { listPrev: PREV, listNext: NEXT } = BUF_BLOCK.at;
const { freeFirst: FIRST, freeLast: LAST, freeLen: LEN } = BUF_POOL.at;

/** Pushes a NOT_USED block on the head. Takes freeListMutex. */
export function freeListPush(thr: Thread, inst: BufInstance, block: number): void {
  const { mem, at } = inst;
  mutexEnter(thr, inst.freeListMutex);
  const first = mem[at + FIRST];
  mem[block + PREV] = NIL;
  mem[block + NEXT] = first;
  if (first === NIL) mem[at + LAST] = block;
  else mem[first + PREV] = block;
  mem[at + FIRST] = block;
  mem[at + LEN]++;
  mutexExit(thr, inst.freeListMutex);
}

/** Appends a new block at the tail; only while the pool is being made. */
export function freeListAppend(inst: BufInstance, block: number): void {
  const { mem, at } = inst;
  const last = mem[at + LAST];
  mem[block + PREV] = last;
  mem[block + NEXT] = NIL;
  if (last === NIL) mem[at + FIRST] = block;
  else mem[last + NEXT] = block;
  mem[at + LAST] = block;
  mem[at + LEN]++;
}

/** `buf_LRU_get_free_only`: the head as READY_FOR_USE, or NIL. Takes freeListMutex. */
export function freeListPop(thr: Thread, inst: BufInstance): number {
  const { mem, at } = inst;
  mutexEnter(thr, inst.freeListMutex);
  const block = mem[at + FIRST];
  if (block !== NIL) {
    const next = mem[block + NEXT];
    mem[at + FIRST] = next;
    if (next === NIL) mem[at + LAST] = NIL;
    else mem[next + PREV] = NIL;
    mem[block + NEXT] = NIL;
    mem[at + LEN]--;
  }
  mutexExit(thr, inst.freeListMutex);
  if (block !== NIL) setState(mem, block, STATE.readyForUse);
  return block;
}

/** `buf_LRU_block_free_non_file_page`: gives back a block that holds no page. */
export function freeBlock(thr: Thread, inst: BufInstance, block: number): void {
  setState(inst.mem, block, STATE.notUsed);
  freeListPush(thr, inst, block);
}
