/** Fault plans: which requests for memory fail though there is memory. Deterministic: draws come from the thread. */
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { getU53, setU53 } from '../../layout/words.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import { assertHeld } from '../../sync/order.ts';
import type { Thread } from '../../sync/thread.ts';
import { NO_LIMIT } from './os-node.ts';

const { mutex: MUTEX, faultsOn: FAULTS_ON, failNext: FAIL_NEXT, failPpm: FAIL_PPM } = OS_MEMORY.at;
const { failAfter: FAIL_AFTER, failAbove: FAIL_ABOVE, failBytesFrom: FAIL_BYTES_FROM } = OS_MEMORY.at;
const { requests: REQUESTS, failedPlan: FAILED_PLAN } = OS_MEMORY.at;
const MILLION = 1_000_000;

/** Which requests (malloc, calloc, realloc, mmap: one each) fail though there is memory. */
export interface FaultPlan {
  /** So many pass before the next three begin; 0 when absent. Without any of them, all fail from then on. */
  readonly failAfter?: number;
  /** So many fail from now on; 0 when absent. */
  readonly failNext?: number;
  /** Each fails with this probability, in parts per million, drawn from the asking thread's generator; 0 when absent. */
  readonly failPpm?: number;
  /** Those of so many bytes or more fail; NO_LIMIT when absent. */
  readonly failBytesFrom?: number;
  /** Those that would bring the mapped bytes of the node above this fail; NO_LIMIT when absent. */
  readonly failAbove?: number;
}

/** Replaces the fault plan. Takes the node's mutex. */
export function osSetFaults(thr: Thread, os: number, plan: FaultPlan): void {
  const { mem } = thr;
  const { failAfter = 0, failNext = 0, failBytesFrom = NO_LIMIT } = plan;
  const nothingElse = failNext === 0 && plan.failPpm === undefined && failBytesFrom === NO_LIMIT;
  const failPpm = plan.failPpm ?? (failAfter > 0 && nothingElse ? MILLION : 0);
  mutexEnter(thr, os + MUTEX);
  mem[os + FAIL_AFTER] = failAfter;
  mem[os + FAIL_NEXT] = failNext;
  mem[os + FAIL_PPM] = failPpm;
  setU53(mem, os + FAIL_BYTES_FROM, failBytesFrom);
  setU53(mem, os + FAIL_ABOVE, plan.failAbove ?? NO_LIMIT);
  mem[os + FAULTS_ON] = failNext > 0 || failPpm > 0 || failBytesFrom < NO_LIMIT ? 1 : 0;
  mutexExit(thr, os + MUTEX);
}

/**
 * Counts a request and asks the fault plan, as every request does once. The node's mutex is held.
 * @returns true: the request must fail
 */
export function osRequestFails(thr: Thread, os: number, bytes = 0): boolean {
  const { mem } = thr;
  assertHeld(thr, os + MUTEX, 'OsMemory.mutex');
  mem[os + REQUESTS]++;
  if (mem[os + FAIL_AFTER] > 0) {
    mem[os + FAIL_AFTER]--;
    return false;
  }
  if (bytes < getU53(mem, os + FAIL_BYTES_FROM)) {
    if (mem[os + FAIL_NEXT] > 0) countDown(mem, os);
    else if (mem[os + FAIL_PPM] === 0 || thr.rng.below(MILLION) >= mem[os + FAIL_PPM]) return false;
  }
  mem[os + FAILED_PLAN]++;
  return true;
}

/** One of failNext is used up; the plan may be done with it. */
function countDown(mem: Int32Array, os: number): void {
  if (--mem[os + FAIL_NEXT] > 0) return;
  if (mem[os + FAIL_PPM] === 0 && getU53(mem, os + FAIL_BYTES_FROM) === NO_LIMIT) mem[os + FAULTS_ON] = 0;
}
