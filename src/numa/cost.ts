/** What it costs to reach another node: a delay that is really spent, and a count. */
import { SYSVARS } from '../layout/thread.ts';
import type { Thread } from '../sync/thread.ts';

const { remoteCostNs: REMOTE_COST_NS } = SYSVARS.at;

/**
 * Spends the price of one access to a node other than the thread's own, by the clock: shorter than anything a
 * thread could sleep. Nothing when the price is 0.
 */
export function spendRemoteAccess(thr: Thread): void {
  const us = thr.sysvar(REMOTE_COST_NS) / 1000;
  if (us === 0) return;
  const end = thr.clock.us() + us;
  while (thr.clock.us() < end);
}
