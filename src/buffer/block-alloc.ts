/**
 * Pages of the pool as plain memory (facts B 1.3, 8.5): `buf_block_alloc` and `buf_block_free`, for heaps of locks, of
 * the adaptive hash index, and whoever else wants a whole page. Such a block is in state MEMORY: in no list, and nobody's
 * to evict.
 */
import { BUF_BLOCK, BUF_POOL } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { corruption } from '../memory/ut/corruption.ts';
import type { PageSource } from '../memory/mem-heap/mem-heap-env.ts';
import { LEVEL } from '../sync/latch-meta.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { classOf, describeEntry } from '../sync/order.ts';
import type { Thread } from '../sync/thread.ts';
import { bufLruGetFreeBlock } from './free-block.ts';
import { freeBlock } from './free-list.ts';
import { BLOCK_WORDS, type BufInstance, type BufPool } from './instance.ts';
import { setState, STATE, STATE_NAMES } from './states.ts';

const { mutex: MUTEX_AT, state: STATE_AT, instance: INSTANCE, frame: FRAME } = BUF_BLOCK.at;
const { blockAllocTurn: TURN } = BUF_POOL.at;

/**
 * `buf_block_alloc`: a block in state MEMORY. It may evict, write and sleep: no latch of the pool may be held, nor one
 * that an eviction takes (that of the adaptive hash index).
 * @param inst null: any instance, in turn, so that all bear their share
 * @throws BufPoolFatal when over 95 % of the pool is not data; RunAborted when the run is given up
 */
export function bufBlockAlloc(thr: Thread, pool: BufPool, inst: BufInstance | null = null): number {
  if (thr.checked) assertMayEvict(thr);
  const from = inst ?? pool.instances[nextInstance(pool)];
  const { mem } = pool;
  const before = mem[thr.op];
  const block = bufLruGetFreeBlock(thr, pool, from);
  setState(mem, block, STATE.memory);
  mem[thr.op] = before;
  return block;
}

/** `buf_pool_index++ % instances`; the first instance keeps the count. */
function nextInstance(pool: BufPool): number {
  return (Atomics.add(pool.mem, pool.instances[0].at + TURN, 1) >>> 0) % pool.n;
}

/** Latches down to the log's may be held while a page is read in, which evicts as well. */
function assertMayEvict(thr: Thread): void {
  for (let i = 0; i < thr.heldCount; i++) {
    const entry = thr.heldEntry(i);
    if (classOf(thr.mem, entry).level > LEVEL.searchSys) continue;
    throw new Error(`buf_block_alloc by thread ${thr.id}, which holds ${describeEntry(thr.mem, entry)}`);
  }
}

/**
 * `buf_block_free`: the block goes to the head of its instance's free list. Takes the block's mutex, and under it that of
 * the free list.
 * @throws MemoryCorruption when it is no control block, or not in state MEMORY (freed before, or a page)
 */
export function bufBlockFree(thr: Thread, pool: BufPool, block: number): void {
  const { mem } = pool;
  if (!isBlock(pool, block))
    throw blockFault(thr, pool, block, 'foreign address', 'no control block begins there');
  const inst = pool.instances[mem[block + INSTANCE]];
  mutexEnter(thr, block + MUTEX_AT);
  const state = mem[block + STATE_AT];
  if (state === STATE.memory) freeBlock(thr, inst, block);
  mutexExit(thr, block + MUTEX_AT);
  if (state === STATE.memory) return;
  const what = state === STATE.notUsed ? 'double free' : 'wrong allocator';
  throw blockFault(thr, pool, block, what, `the block is in state ${STATE_NAMES[state]}, not MEMORY`);
}

function isBlock(pool: BufPool, block: number): boolean {
  for (const inst of pool.instances) {
    for (const { blocks, size } of inst.chunks) {
      if (block >= blocks && block < blocks + size * BLOCK_WORDS) return (block - blocks) % BLOCK_WORDS === 0;
    }
  }
  return false;
}

function blockFault(thr: Thread, pool: BufPool, block: number, what: string, detail: string): Error {
  return corruption(pool.mem, NIL, block, { what, call: 'buf_block_free', at: block, detail, thr });
}

/** The pool as storage heaps take pages from it. */
export class BufPageSource implements PageSource {
  readonly pool: BufPool;

  constructor(pool: BufPool) {
    if (pool.mem[pool.instances[0].chunks[0].blocks + FRAME] === NIL) {
      throw new Error('a pool without frames has no memory to give');
    }
    this.pool = pool;
  }

  alloc(thr: Thread): number {
    return bufBlockAlloc(thr, this.pool);
  }

  frame(block: number): number {
    return this.pool.mem[block + FRAME];
  }

  free(thr: Thread, block: number): void {
    bufBlockFree(thr, this.pool, block);
  }
}
