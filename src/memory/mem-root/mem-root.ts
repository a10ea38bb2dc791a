/**
 * `MEM_ROOT` (facts A 5): the SQL layer's arena. Allocation moves a pointer; memory is freed all at once. It has one
 * owner at a time, and no latch; a root changes hands through memRootClaim and something that orders the two threads.
 *
 * This is the fast path. The rest: mem-root-state.ts (making, limits, Peek, moving), mem-root-blocks.ts (blocks, Clear,
 * Claim), mem-root-helpers.ts (arrays, strings).
 */
import { MEM_ROOT } from '../../layout/mem-root.ts';
import type { Thread } from '../../sync/thread.ts';
import { memRootAllocSlow } from './mem-root-blocks.ts';
import type { MemRootEnv } from './mem-root-env.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';

const { freeStart: FREE_START, freeEnd: FREE_END } = MEM_ROOT.at;

/** Requests above this go the slow way: their length does not fit 32-bit arithmetic. */
const MAX_FAST_BYTES = 2 ** 31 - 8;

/**
 * `Alloc(n)`: the caller owns the root. Contents are undefined.
 * @param bytes rounded up to a multiple of 8
 * @returns address, 8-byte aligned, never NIL for 0 bytes of a root that was made; NIL: out of memory or over capacity
 * @throws Error the free range starts at no multiple of 8 (memRootRawCommit): MySQL forbids the call
 */
export function memRootAlloc(
  thr: Thread,
  env: MemRootEnv,
  root: number,
  bytes: number,
  site: AllocSite = NO_SITE,
): number {
  const { mem } = thr;
  const start = mem[root + FREE_START];
  const words = ((bytes + 7) >>> 3) << 1;
  // The difference, not the sum: no addition of two addresses can overflow.
  if (words <= mem[root + FREE_END] - start && bytes <= MAX_FAST_BYTES) {
    mem[root + FREE_START] = start + words;
    return start;
  }
  return memRootAllocSlow(thr, env, root, bytes, site);
}
