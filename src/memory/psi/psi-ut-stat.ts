/** What `ut_allocator` tells of its work beside what the Performance Schema counts: by thread and instrument. */
import { UT_STAT } from '../../layout/psi.ts';
import type { Thread } from '../../sync/thread.ts';
import { PSI_MEM_CNT_BIT } from './psi-keys.ts';
import type { Psi } from './psi-plan.ts';

const { retries: RETRIES, failures: FAILURES, mappedCount: MAPPED_COUNT } = UT_STAT.at;
const MAPPED_BYTES = UT_STAT.at.mappedBytes / 2;

/** Sums over all threads. */
export interface UtStatSum {
  readonly retries: number;
  readonly failures: number;
  readonly mappedCount: number;
  readonly mappedBytes: number;
}

/** The calling thread's row; that of key 0 for keys that are not planned. */
function rowOf(thr: Thread, psi: Psi, key: number): number {
  const real = key & ~PSI_MEM_CNT_BIT;
  return psi.plan.utStats + ((thr.id - 1) * psi.nKeys + (real < psi.nKeys ? real : 0)) * UT_STAT.words;
}

/** An attempt of an allocation failed, and is to be repeated after a sleep. */
export function psiRetried(thr: Thread, psi: Psi, key: number): void {
  thr.mem[rowOf(thr, psi, key) + RETRIES]++;
}

/** An allocation was given up. */
export function psiFailed(thr: Thread, psi: Psi, key: number): void {
  thr.mem[rowOf(thr, psi, key) + FAILURES]++;
}

/**
 * A large block was mapped, after psiMemoryAlloc; or given back, with a negative number of bytes, by whichever thread.
 * @param key as psiMemoryAlloc returned it
 */
export function psiMapped(thr: Thread, psi: Psi, key: number, bytes: number): void {
  const row = rowOf(thr, psi, key);
  thr.mem[row + MAPPED_COUNT] += bytes < 0 ? -1 : 1;
  thr.f64[row / 2 + MAPPED_BYTES] += bytes;
}

/** What all threads together told of an instrument. Exact at rest. */
export function utStatSum(mem: Int32Array, psi: Psi, key: number): UtStatSum {
  const f64 = new Float64Array(mem.buffer);
  let [retries, failures, mappedCount, mappedBytes] = [0, 0, 0, 0];
  for (let t = 0; t < psi.plan.nWorkers; t++) {
    const row = psi.plan.utStats + (t * psi.nKeys + key) * UT_STAT.words;
    retries += mem[row + RETRIES] >>> 0;
    failures += mem[row + FAILURES] >>> 0;
    mappedCount += mem[row + MAPPED_COUNT];
    mappedBytes += f64[row / 2 + MAPPED_BYTES];
  }
  return { retries, failures, mappedCount, mappedBytes };
}
