/**
 * Storage heaps of 5.1 to 5.6 (facts A 3.10): blocks from the buddy pool; `mem_alloc` and `mem_free`, where each buffer
 * has a heap to itself, of one block, which is found again from the buffer's address.
 */
import { WORD_BYTES } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { memHeapAlloc } from './mem-heap.ts';
import { memHeapCreate, memHeapFree } from './mem-heap-block.ts';
import { memBlockCheck } from './mem-heap-check.ts';
import { type BlockSource, MEM_HEAP, type MemHeapEnv } from './mem-heap-env.ts';
import { memAreaAlloc, memAreaFree, memAreaUsable, type MemPool } from '../old/mem-pool.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';

/** `mem_area_alloc` of `mem_comm_pool`: from 5.5 on a block is as long as its area. */
export class AreaBlocks implements BlockSource {
  readonly prefixWords: number;
  readonly pool: MemPool;

  constructor(pool: MemPool) {
    this.pool = pool;
    this.prefixWords = pool.headerBytes / WORD_BYTES;
  }

  take(thr: Thread, bytes: number, site: AllocSite): number {
    return memAreaAlloc(thr, this.pool, bytes, site);
  }

  usable(_thr: Thread, at: number, bytes: number): number {
    return memAreaUsable(this.pool, at, bytes);
  }

  give(thr: Thread, at: number, site: AllocSite): void {
    memAreaFree(thr, this.pool, at, site);
  }
}

/** `mem_alloc(n)`: word address, contents undefined. */
export function memAlloc(thr: Thread, env: MemHeapEnv, n: number, site: AllocSite = NO_SITE): number {
  const heap = memHeapCreate(thr, env, n, MEM_HEAP.dynamic, site);
  return memHeapAlloc(thr, env, heap, n, site);
}

/**
 * `mem_free(p)`.
 * @throws MemoryCorruption when no private heap begins in front of `p`
 */
export function memFree(thr: Thread, env: MemHeapEnv, p: number, site: AllocSite = NO_SITE): void {
  const heap = p - (env.headerBytes + env.lead) / WORD_BYTES;
  memBlockCheck(thr, env, heap, 'mem_free', p);
  memHeapFree(thr, env, heap, site);
}
