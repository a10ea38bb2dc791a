/**
 * `mem_heap_t` (facts A 3): a list of blocks that only its owner allocates from, the last block only, by raising an
 * offset. Nothing is freed by itself: a heap is freed whole, or down to an earlier top (mem-heap-stack.ts).
 *
 * A heap is the word address of its first block. Sizes are in bytes. One thread owns a heap and latches nothing; the
 * heaps of shared structures are guarded by those structures' latches.
 */
import { MEM_BLOCK_25 } from '../../layout/mem-heap.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { memHeapAddBlock } from './mem-heap-block.ts';
import { memBlockCheck, memGuardWrite } from './mem-heap-check.ts';
import { MEM_HEAP, type MemHeapEnv, memSpaceNeeded, UNIV_MEM_ALIGNMENT } from './mem-heap-env.ts';
import { memHeapSpare } from './mem-heap-spare.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';

// The same in all versions.
const { last: LAST, free: FREE, len: LEN, type: TYPE, totalSize: TOTAL } = MEM_BLOCK_25.at;
const ALIGN_MASK = -8;

/**
 * `mem_heap_alloc`: n bytes from the last block, or from a new one. The rest of the old block is lost for good.
 * @param n 0 is legal, and takes no space in release
 * @returns word address, 8-byte aligned, contents undefined; NIL: a BTR_SEARCH heap without a spare page
 * @throws RangeError on a heap of pages when n exceeds MEM_MAX_ALLOC_IN_BUF; OutOfMemoryFatal; MemoryCorruption
 */
export function memHeapAlloc(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  n: number,
  site: AllocSite = NO_SITE,
): number {
  const { f64 } = thr;
  const block = thr.mem[heap + LAST];
  const freeAt = (block + FREE) >>> 1;
  const free = f64[freeAt];
  const slot = (n + env.pad) & ALIGN_MASK;
  // A size beyond 2^31 has wrapped round, and is below itself.
  if (env.checked || slot < n || free + slot > f64[(block + LEN) >>> 1]) {
    return allocSlow(thr, env, heap, n, site);
  }
  f64[freeAt] = free + slot;
  return (block + free / WORD_BYTES) | 0;
}

function allocSlow(thr: Thread, env: MemHeapEnv, heap: number, n: number, site: AllocSite): number {
  const { mem, f64 } = thr;
  if (!(Number.isSafeInteger(n) && n >= 0)) throw new RangeError(`mem_heap_alloc: ${n} is no size`);
  memBlockCheck(thr, env, heap, 'mem_heap_alloc', heap);
  let block = mem[heap + LAST];
  memBlockCheck(thr, env, block, 'mem_heap_alloc', heap);
  const slot = memSpaceNeeded(env, n);
  if (f64[(block + FREE) >>> 1] + slot > f64[(block + LEN) >>> 1]) {
    block = memHeapAddBlock(thr, env, heap, n, site);
    if (block === NIL) return NIL;
  }
  const free = f64[(block + FREE) >>> 1];
  f64[(block + FREE) >>> 1] = free + slot;
  memGuardWrite(thr, env, block, free, slot, n);
  return (block + (free + env.lead) / WORD_BYTES) | 0;
}

/**
 * `mem_heap_zalloc`: the same, zeroed.
 * @throws Error on a BTR_SEARCH heap, where an allocation may fail
 */
export function memHeapZalloc(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  n: number,
  site: AllocSite = NO_SITE,
): number {
  const { f64, u8 } = thr;
  if ((thr.mem[heap + TYPE] & MEM_HEAP.btrSearch) !== 0) {
    throw new Error(`mem_heap_zalloc(@${heap}): not on a BTR_SEARCH heap`);
  }
  const at = memHeapAlloc(thr, env, heap, n, site);
  const from = at >>> 1;
  const to = from + Math.floor(n / UNIV_MEM_ALIGNMENT);
  for (let i = from; i < to; i++) f64[i] = 0;
  // Not one byte more than asked for: behind them may be a guard.
  const end = at * WORD_BYTES + n;
  for (let i = to * UNIV_MEM_ALIGNMENT; i < end; i++) u8[i] = 0;
  return at;
}

/** `mem_heap_get_heap_top`: where the next slot will begin; for memHeapFreeHeapTop. */
export function memHeapGetHeapTop(thr: Thread, heap: number): number {
  const block = thr.mem[heap + LAST];
  return (block + thr.f64[(block + FREE) >>> 1] / WORD_BYTES) | 0;
}

/** `mem_heap_get_top(n)`: the buffer allocated last, when it was asked for with n bytes. */
export function memHeapGetTop(thr: Thread, env: MemHeapEnv, heap: number, n: number): number {
  const block = thr.mem[heap + LAST];
  const free = thr.f64[(block + FREE) >>> 1];
  return (block + (free - memSpaceNeeded(env, n) + env.lead) / WORD_BYTES) | 0;
}

/** `mem_heap_get_size`: bytes of all blocks, and a page when a spare one is held. */
export function memHeapGetSize(thr: Thread, env: MemHeapEnv, heap: number): number {
  const spare = memHeapSpare(thr, env, heap) === NIL ? 0 : env.pageBytes;
  return thr.f64[(heap + TOTAL) >>> 1] + spare;
}
