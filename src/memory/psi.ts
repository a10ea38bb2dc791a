/**
 * The Performance Schema's memory service (facts A 6.3): every tracked allocator reports what it allocates and frees
 * here, header included.
 */
import type { ArenaPlanner } from '../layout/arena.ts';
import { MEM_STAT } from '../layout/psi.ts';
import { addU53 } from '../layout/words.ts';
import type { Thread } from '../sync/thread.ts';
import { memStatPlan, memStatRow } from './mem-stat.ts';
import { PSI_MEM_CNT_BIT } from './psi-keys.ts';

const { allocCount: ALLOC_COUNT, freeCount: FREE_COUNT } = MEM_STAT.at;
const { allocBytes: ALLOC_BYTES, freeBytes: FREE_BYTES } = MEM_STAT.at;

/** Where the accounts lie; plain data. */
export interface PsiPlan {
  readonly stats: number;
  readonly nThreads: number;
}

/** The connection's counter (facts A 7), which lives further up: told of memory of collected instruments. */
export interface ConnCounter {
  alloc(thr: Thread, thd: number, bytes: number): void;
  free(thr: Thread, thd: number, bytes: number): void;
}

/** Places the accounts; before any node is opened. */
export function psiPlan(planner: ArenaPlanner, nThreads: number): PsiPlan {
  return { stats: memStatPlan(planner, nThreads), nThreads };
}

/** Makes them: everything enabled, nothing counted. Before they are shared. */
export function psiInit(_mem: Int32Array, _plan: PsiPlan): void {}

/** The service as one thread has it; stateless. */
export class Psi {
  readonly plan: PsiPlan;
  readonly counter: ConnCounter | null;

  constructor(plan: PsiPlan, counter: ConnCounter | null = null) {
    this.plan = plan;
    this.counter = counter;
  }
}

/** The calling thread is counted from now on: sets `thr.psi`. */
export function psiAttach(_thr: Thread, _psi: Psi): void {}

/**
 * `memory_alloc`: counts `bytes` for the calling thread, or globally.
 * @returns the key to store in the block's header: 0 when nothing was counted, bit 31 set when the connection counted
 *   it. The owner to store beside it is in `thr.psiOwner`: the thread's id, or 0.
 */
export function psiMemoryAlloc(thr: Thread, psi: Psi, key: number, bytes: number): number {
  const row = memStatRow(thr, psi.plan.stats, key);
  thr.mem[row + ALLOC_COUNT]++;
  addU53(thr.mem, row + ALLOC_BYTES, bytes);
  thr.psiOwner = thr.id;
  return key;
}

/**
 * `memory_free`: the reverse, by whichever thread frees.
 * @param key as stored in the header, and `owner` too
 */
export function psiMemoryFree(thr: Thread, psi: Psi, key: number, bytes: number, _owner: number): void {
  const row = memStatRow(thr, psi.plan.stats, key & ~PSI_MEM_CNT_BIT);
  thr.mem[row + FREE_COUNT]++;
  addU53(thr.mem, row + FREE_BYTES, bytes);
}

/**
 * `memory_claim`: a block changes hands in two steps. `claim` false: its owner, the calling thread, gives it to nobody;
 * true: the calling thread takes what is nobody's.
 * @returns the key to store; the owner to store is in `thr.psiOwner`
 */
export function psiMemoryClaim(
  thr: Thread,
  _psi: Psi,
  key: number,
  _bytes: number,
  _owner: number,
  claim: boolean,
): number {
  thr.psiOwner = claim ? thr.id : 0;
  return key;
}
