/**
 * The Performance Schema's memory service (facts A 6.3): every tracked allocator reports what it allocates, frees and
 * hands over here, header included.
 *
 * Who allocates is counted for; who frees what is not his own is not, and the block leaves the global statistics
 * instead. So a thread's CURRENT may stay high and the global bucket's own sum may be negative: all together is right.
 */
import { PSI_THREAD } from '../../layout/psi.ts';
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { KEY_NONE, PSI_MEM_CNT_BIT } from './psi-keys.ts';
import { ALL_CONSUMERS, CLASS_STATE, CONSUMER, type Psi } from './psi-plan.ts';
import { SHARED_WORDS, sharedAlloc, sharedFree } from './psi-shared.ts';
import { statAlloc, statFree } from './psi-stat.ts';
import { psiServeTruncate, THREAD_READY, THREAD_STATE } from './psi-thread.ts';

export { type ConnCounter, Psi, psiInit, type PsiPlan, psiPlan, type PsiPlanOptions } from './psi-plan.ts';
export { psiAttach, psiDetach, psiFollow, psiReap, psiSetMemCntThd } from './psi-thread.ts';
export { psiFailed, psiMapped, psiRetried } from './psi-ut-stat.ts';

const { enabled: ENABLED, onlyGlobal: ONLY_GLOBAL, controlled: CONTROLLED } = CLASS_STATE;
const { state: STATE, cntThd: CNT_THD } = PSI_THREAD.at;
// In pairs of words, as thr.f64 counts.
const CONTROLLED_MEMORY = PSI_THREAD.at.controlledMemory / 2;
const MAX_CONTROLLED_MEMORY = PSI_THREAD.at.maxControlledMemory / 2;
const TOTAL_MEMORY = PSI_THREAD.at.totalMemory / 2;
const MAX_TOTAL_MEMORY = PSI_THREAD.at.maxTotalMemory / 2;

/**
 * `memory_alloc`: counts `bytes` for the calling thread, or globally when the instrument or the consumers say so.
 * @returns the key to store in the block's header: 0 when nothing was counted, bit 31 set when the instrument counts
 *   for connections. The owner to store beside it is in `thr.psiOwner`: number of whom it counts for, or 0.
 */
export function psiMemoryAlloc(thr: Thread, psi: Psi, key: number, bytes: number): number {
  const { mem, psi: rec } = thr;
  const state = key < psi.nKeys ? mem[psi.classes + key] : 0;
  if (
    (state & (ENABLED | ONLY_GLOBAL)) !== ENABLED ||
    mem[psi.consumers] !== ALL_CONSUMERS ||
    // Of a thread that is not known this reads the blank line at 0.
    mem[rec + STATE] !== THREAD_READY
  ) {
    return allocUnusual(thr, psi, key, bytes, state);
  }
  return allocForThread(thr, psi, key, bytes, state);
}

/** Not all is enabled, or it is counted globally, or this thread was asked for something. */
function allocUnusual(thr: Thread, psi: Psi, key: number, bytes: number, state: number): number {
  const { mem, psi: rec } = thr;
  const consumers = mem[psi.consumers];
  thr.psiOwner = 0;
  if ((state & ENABLED) === 0 || (consumers & CONSUMER.globalInstrumentation) === 0) return KEY_NONE;
  if (!inThreadMode(consumers, state)) {
    sharedAlloc(mem, psi.plan.global + key * SHARED_WORDS, bytes);
    return key;
  }
  if (rec === NIL || (mem[rec + STATE] & THREAD_STATE.instrumented) === 0) return KEY_NONE;
  psiServeTruncate(thr, psi);
  return allocForThread(thr, psi, key, bytes, state);
}

/** Whether a block of an instrument in this state counts for a thread. */
function inThreadMode(consumers: number, state: number): boolean {
  return (consumers & CONSUMER.threadInstrumentation) !== 0 && (state & ONLY_GLOBAL) === 0;
}

/** Counts for the calling thread, which is instrumented: first for its connection, then in its statistics. */
function allocForThread(thr: Thread, psi: Psi, key: number, bytes: number, state: number): number {
  const { mem, f64, psi: rec } = thr;
  const session = rec >>> 1;
  let stored = key;
  if ((state & CONTROLLED) !== 0) {
    stored |= PSI_MEM_CNT_BIT;
    const thd = mem[rec + CNT_THD];
    if (thd !== NIL && psi.counter !== null) psi.counter.alloc(thr, thd, bytes);
    const controlled = f64[session + CONTROLLED_MEMORY] + bytes;
    f64[session + CONTROLLED_MEMORY] = controlled;
    if (controlled > f64[session + MAX_CONTROLLED_MEMORY]) f64[session + MAX_CONTROLLED_MEMORY] = controlled;
  }
  const total = f64[session + TOTAL_MEMORY] + bytes;
  f64[session + TOTAL_MEMORY] = total;
  if (total > f64[session + MAX_TOTAL_MEMORY]) f64[session + MAX_TOTAL_MEMORY] = total;
  statAlloc(thr, psi, rec, key, bytes);
  thr.psiOwner = thr.psiId;
  return stored;
}

/**
 * `memory_free`: the reverse, by whichever thread frees. What is enabled now does not matter: what was counted once must
 * be counted out.
 * @param key as stored in the header, and `owner` too
 */
export function psiMemoryFree(thr: Thread, psi: Psi, key: number, bytes: number, owner: number): void {
  const { mem, psi: rec } = thr;
  const real = key & ~PSI_MEM_CNT_BIT;
  // A block with an owner is of an instrument that exists and counts for threads.
  if (
    owner === thr.psiId &&
    real < psi.nKeys &&
    mem[psi.consumers] === ALL_CONSUMERS &&
    mem[rec + STATE] === THREAD_READY
  ) {
    freeForThread(thr, psi, key, bytes);
  } else {
    freeUnusual(thr, psi, key, bytes, owner);
  }
}

/** Somebody else's block, or nobody's, or not all is enabled, or this thread was asked for something. */
function freeUnusual(thr: Thread, psi: Psi, key: number, bytes: number, owner: number): void {
  const { mem, psi: rec } = thr;
  const real = key & ~PSI_MEM_CNT_BIT;
  const state = real < psi.nKeys ? mem[psi.classes + real] : 0;
  if (state === 0) return;
  if (owner === thr.psiId && rec !== NIL && inThreadMode(mem[psi.consumers], state)) {
    psiServeTruncate(thr, psi);
    freeForThread(thr, psi, key, bytes);
  } else {
    sharedFree(mem, psi.plan.global + real * SHARED_WORDS, bytes);
  }
}

/** Counts out of the calling thread, which owns the block. */
function freeForThread(thr: Thread, psi: Psi, key: number, bytes: number): void {
  const { mem, f64, psi: rec } = thr;
  const session = rec >>> 1;
  statFree(thr, psi, rec, key & ~PSI_MEM_CNT_BIT, bytes);
  if ((key & PSI_MEM_CNT_BIT) !== 0) {
    const thd = mem[rec + CNT_THD];
    if (thd !== NIL && psi.counter !== null) psi.counter.free(thr, thd, bytes);
    f64[session + CONTROLLED_MEMORY] = Math.max(0, f64[session + CONTROLLED_MEMORY] - bytes);
  }
  f64[session + TOTAL_MEMORY] = Math.max(0, f64[session + TOTAL_MEMORY] - bytes);
}

/**
 * `memory_realloc`: the new size is counted as an allocation, then the old one as freed, so both are in the watermarks.
 * @param key as stored, and `owner` too
 * @returns the key to store; the owner to store is in `thr.psiOwner`
 */
export function psiMemoryRealloc(
  thr: Thread,
  psi: Psi,
  key: number,
  oldBytes: number,
  newBytes: number,
  owner: number,
): number {
  const stored = psiMemoryAlloc(thr, psi, key & ~PSI_MEM_CNT_BIT, newBytes);
  psiMemoryFree(thr, psi, key, oldBytes, owner);
  return stored;
}

/**
 * `memory_claim`: a block changes hands in two steps, and is nobody's (owner 0, counted globally) in between. `claim`
 * false: its owner, the calling thread, gives it away; true: the calling thread takes it.
 * @param key as stored, and `owner` too
 * @returns the key to store; the owner to store is in `thr.psiOwner`
 * @throws Error when it is another thread's to give away, or is somebody's already; nothing is counted then
 */
export function psiMemoryClaim(
  thr: Thread,
  psi: Psi,
  key: number,
  bytes: number,
  owner: number,
  claim: boolean,
): number {
  const { mem } = thr;
  const real = key & ~PSI_MEM_CNT_BIT;
  const state = real < psi.nKeys ? mem[psi.classes + real] : 0;
  const may = claim ? 0 : thr.psiId;
  if (owner !== 0 && owner !== may) {
    throw new Error(
      claim
        ? `memory_claim: thread ${thr.psiId} takes what is thread ${owner}'s`
        : `memory_claim: thread ${thr.psiId} gives away what is thread ${owner}'s`,
    );
  }
  thr.psiOwner = 0;
  if (state === 0) return KEY_NONE;
  if ((state & ONLY_GLOBAL) !== 0) return real;
  return claim ? claimIn(thr, psi, real, bytes, state) : claimOut(thr, psi, key, bytes, owner);
}

function claimOut(thr: Thread, psi: Psi, key: number, bytes: number, owner: number): number {
  const real = key & ~PSI_MEM_CNT_BIT;
  if (owner === 0) return real;
  psiMemoryFree(thr, psi, key, bytes, owner);
  sharedAlloc(thr.mem, psi.plan.global + real * SHARED_WORDS, bytes);
  return real;
}

/** Takes from the global statistics, if this thread is counted; else the block stays nobody's. */
function claimIn(thr: Thread, psi: Psi, key: number, bytes: number, state: number): number {
  const { mem, psi: rec } = thr;
  if ((state & ENABLED) === 0 || mem[psi.consumers] !== ALL_CONSUMERS || rec === NIL) return key;
  if ((mem[rec + STATE] & THREAD_STATE.instrumented) === 0) return key;
  if (mem[rec + STATE] !== THREAD_READY) psiServeTruncate(thr, psi);
  sharedFree(mem, psi.plan.global + key * SHARED_WORDS, bytes);
  return allocForThread(thr, psi, key, bytes, state);
}
