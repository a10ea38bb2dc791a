/** What it costs to reach another node: a delay that is really spent. */
import { NIL } from '../layout/schema.ts';
import { SYSVARS } from '../layout/thread.ts';
import type { Thread } from '../sync/thread.ts';
import { accessesOf } from './memory-matrix.ts';
import { LOCAL_DISTANCE, REMOTE_DISTANCE } from './topology.ts';

const { remoteCostNs: REMOTE_COST_NS } = SYSVARS.at;
/** One step of distance beyond a local access, us for each ns of the price. */
const US_PER_STEP = 1 / (REMOTE_DISTANCE - LOCAL_DISTANCE) / 1000;
const ACCESSES_AT_ONCE = 64;

/**
 * Spends the price of an access to `node`, or of several, by the clock: shorter than anything a thread could sleep. At
 * distance 21 it is the whole price, at 10 + x it is x / 11 of it. Nothing, and no look at the clock, for the thread's
 * own node, for one as near as that, and when the price is 0.
 */
export function spendRemoteAccess(thr: Thread, node: number, accesses = 1): void {
  const price = accesses * thr.sysvar(REMOTE_COST_NS);
  if (price === 0 || node === thr.node) return;
  const distance = thr.distances === NIL ? REMOTE_DISTANCE : thr.mem[thr.distances + node];
  const us = price * (distance - LOCAL_DISTANCE) * US_PER_STEP;
  if (us === 0) return;
  const end = thr.clock.us() + us;
  while (thr.clock.us() < end);
}

/**
 * Spends the price of a block of memory on `node` that the thread has just been given: it will write to all of it. Part by
 * part: when the run ends, nobody waits for what is left of a large block at a high price.
 */
export function spendRemoteMemory(thr: Thread, node: number, bytes: number): void {
  let left = accessesOf(bytes);
  do {
    spendRemoteAccess(thr, node, Math.min(left, ACCESSES_AT_ONCE));
    left -= ACCESSES_AT_ONCE;
  } while (left > 0 && !thr.stopping());
}
