/** Wait statistics per latch class, summed over the threads' own rows (events_waits_summary_global_by_event_name). */
import { THREAD, WAIT_STAT } from '../layout/thread.ts';
import { getU53 } from '../layout/words.ts';
import { LATCHES } from '../sync/latch-meta.ts';
import type { RuntimePlan } from '../sync/runtime.ts';

const { acquired: ACQUIRED, contended: CONTENDED, spinRounds: SPIN_ROUNDS, parks: PARKS } = WAIT_STAT.at;
const { waitUs: WAIT_US, maxWaitUs: MAX_WAIT_US } = WAIT_STAT.at;

export interface WaitStatRow {
  readonly name: string;
  readonly instrument: string;
  readonly kind: 'mutex' | 'sxlock';
  /** Times taken, and of these, times not free at the first attempt. */
  acquired: number;
  contended: number;
  spinRounds: number;
  /** Times put to sleep; a sleep of several slices counts once per slice. */
  parks: number;
  waitUs: number;
  maxWaitUs: number;
}

/**
 * Sums the statistics of a run's threads: one row per latch class, in the order of LATCHES. Exact when the threads are at rest; in a running system a row may lag behind.
 */
export function sumWaitStats(mem: Int32Array, run: Pick<RuntimePlan, 'threads' | 'nThreads'>): WaitStatRow[] {
  return LATCHES.map(({ id, name, instrument, kind }) => {
    const sum: WaitStatRow = {
      name,
      instrument,
      kind,
      acquired: 0,
      contended: 0,
      spinRounds: 0,
      parks: 0,
      waitUs: 0,
      maxWaitUs: 0,
    };
    for (let i = 0; i < run.nThreads; i++) {
      const row = run.threads + i * THREAD.words + THREAD.at.waits + id * WAIT_STAT.words;
      sum.acquired += mem[row + ACQUIRED] >>> 0;
      sum.contended += mem[row + CONTENDED] >>> 0;
      sum.spinRounds += mem[row + SPIN_ROUNDS] >>> 0;
      sum.parks += mem[row + PARKS] >>> 0;
      sum.waitUs += getU53(mem, row + WAIT_US);
      sum.maxWaitUs = Math.max(sum.maxWaitUs, mem[row + MAX_WAIT_US] >>> 0);
    }
    return sum;
  });
}

/**
 * Forgets the longest waits, which cannot be subtracted as counters can. A wait that ends at this very moment may be
 * forgotten with them.
 */
export function forgetLongestWaits(mem: Int32Array, run: Pick<RuntimePlan, 'threads' | 'nThreads'>): void {
  for (let i = 0; i < run.nThreads; i++) {
    const rows = run.threads + i * THREAD.words + THREAD.at.waits;
    for (const { id } of LATCHES) mem[rows + id * WAIT_STAT.words + MAX_WAIT_US] = 0;
  }
}
