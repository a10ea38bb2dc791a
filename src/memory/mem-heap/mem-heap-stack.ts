/** A storage heap used as a stack (facts A 3.6): back to an earlier top, the last buffer freed or replaced. */
import { MEM_BLOCK_25 } from '../../layout/mem-heap.ts';
import { WORD_BYTES } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { memHeapAlloc, memHeapGetTop } from './mem-heap.ts';
import { memHeapFreeLastBlock } from './mem-heap-block.ts';
import { memBlockCheck, memBlockCheckFree, memGuardCheck, memHeapCorruption } from './mem-heap-check.ts';
import { fieldErase, fieldLength } from './mem-heap-field.ts';
import { GUARD, type MemHeapEnv, memSpaceNeeded } from './mem-heap-env.ts';
import { memHeapReleaseSpare } from './mem-heap-spare.ts';
import { type HeapStr, memHeapDup, memHeapStrdup } from './mem-heap-str.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';

const { free: FREE, start: START, prev: PREV, last: LAST } = MEM_BLOCK_25.at;

/**
 * `mem_heap_free_heap_top`: frees all that was allocated since memHeapGetHeapTop returned `oldTop`.
 * @throws MemoryCorruption when that is no top of this heap, or what would be freed is damaged
 */
export function memHeapFreeHeapTop(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  oldTop: number,
  site: AllocSite = NO_SITE,
): void {
  const { mem, f64 } = thr;
  const call = 'mem_heap_free_heap_top';
  memBlockCheck(thr, env, heap, call, heap);
  let block = mem[heap + LAST];
  for (; !hasTop(thr, block, oldTop); block = mem[block + PREV]) {
    memBlockCheckFree(thr, env, heap, block, call);
    if (block !== heap) continue;
    throw memHeapCorruption(thr, env, heap, { what: 'no top of this heap', call, at: oldTop });
  }
  memBlockCheck(thr, env, block, call, heap);
  const top = (oldTop - block) * WORD_BYTES;
  const free = f64[(block + FREE) >>> 1];
  memGuardCheck(thr, env, heap, block, top, free, call);
  while (mem[heap + LAST] !== block) memHeapFreeLastBlock(thr, env, heap, site);
  if (top !== free) lowerFree(thr, env, heap, block, top, site);
}

/** Whether a top lies in a block: at the end of what was allocated there, or before. */
function hasTop(thr: Thread, block: number, top: number): boolean {
  const { f64 } = thr;
  return (
    block + f64[(block + START) >>> 1] / WORD_BYTES <= top &&
    top <= block + f64[(block + FREE) >>> 1] / WORD_BYTES
  );
}

/** Sets the last block's offset back; an empty block goes, unless it is the first. */
function lowerFree(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  block: number,
  to: number,
  site: AllocSite,
): void {
  const { f64 } = thr;
  const from = f64[(block + FREE) >>> 1];
  f64[(block + FREE) >>> 1] = to;
  if (env.guard === GUARD.field) fieldErase(thr, block * WORD_BYTES + to, from - to);
  if (block !== heap && to === f64[(block + START) >>> 1]) memHeapFreeLastBlock(thr, env, heap, site);
}

/** `mem_heap_empty`: the heap as it was made; the first block stays, whatever it has grown to. */
export function memHeapEmpty(thr: Thread, env: MemHeapEnv, heap: number, site: AllocSite = NO_SITE): void {
  memBlockCheck(thr, env, heap, 'mem_heap_empty', heap);
  memHeapFreeHeapTop(thr, env, heap, heap + thr.f64[(heap + START) >>> 1] / WORD_BYTES, site);
  memHeapReleaseSpare(thr, env, heap);
}

/**
 * `mem_heap_is_top`: whether `p` is the last buffer, given its size. Sizes are compared as rounded: another size of the
 * same 8 bytes will do.
 */
export function memHeapIsTop(thr: Thread, env: MemHeapEnv, heap: number, p: number, n: number): boolean {
  return memHeapGetTop(thr, env, heap, n) === p;
}

/**
 * `mem_heap_free_top(n)`: frees the last buffer, given its size.
 * @throws MemoryCorruption when the last block does not hold so much, or the buffer's guards are damaged
 */
export function memHeapFreeTop(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  n: number,
  site: AllocSite = NO_SITE,
): void {
  const { mem, f64 } = thr;
  const call = 'mem_heap_free_top';
  memBlockCheck(thr, env, heap, call, heap);
  const block = mem[heap + LAST];
  memBlockCheck(thr, env, block, call, heap);
  const free = f64[(block + FREE) >>> 1];
  const to = free - memSpaceNeeded(env, n);
  if (to < f64[(block + START) >>> 1]) {
    const detail = `${n} bytes are more than the last block has allocated`;
    throw memHeapCorruption(thr, env, block, { what: 'freed past the start', call, at: heap, detail });
  }
  memGuardCheck(thr, env, heap, block, to, free, call);
  if (env.guard === GUARD.field && to !== free) {
    const had = fieldLength(thr, block * WORD_BYTES + to);
    const detail = `the last buffer has ${had} bytes, not ${n}`;
    if (had !== n) throw memHeapCorruption(thr, env, block, { what: 'wrong size', call, at: heap, detail });
  }
  lowerFree(thr, env, heap, block, to, site);
}

/**
 * `mem_heap_replace`: n bytes in place of the buffer `top` of `topSize` bytes, which is freed if it is the last one.
 * Contents are not kept.
 * @returns as memHeapAlloc
 */
export function memHeapReplace(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  top: number,
  topSize: number,
  n: number,
  site: AllocSite = NO_SITE,
): number {
  if (memHeapIsTop(thr, env, heap, top, topSize)) memHeapFreeTop(thr, env, heap, topSize, site);
  return memHeapAlloc(thr, env, heap, n, site);
}

/** `mem_heap_dup_replace`: the same, with a copy of n bytes at word address `from`, which must not be freed by it. */
export function memHeapDupReplace(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  top: number,
  topSize: number,
  from: number,
  n: number,
  site: AllocSite = NO_SITE,
): number {
  if (memHeapIsTop(thr, env, heap, top, topSize)) memHeapFreeTop(thr, env, heap, topSize, site);
  return memHeapDup(thr, env, heap, from, n, site);
}

/** `mem_heap_strdup_replace`: the same, with a copy of a string and its final 0. */
export function memHeapStrdupReplace(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  top: number,
  topSize: number,
  str: HeapStr,
  site: AllocSite = NO_SITE,
): number {
  if (memHeapIsTop(thr, env, heap, top, topSize)) memHeapFreeTop(thr, env, heap, topSize, site);
  return memHeapStrdup(thr, env, heap, str, site);
}
