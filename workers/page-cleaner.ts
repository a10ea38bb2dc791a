/** Worker entry: the page cleaner of a node, until it is told to write everything out and end. */
import { pageCleanerRun } from '../src/buffer/cleaner.ts';
import { attachEngine, awaitStart, cleanerSlot, type EngineShare } from '../src/engine.ts';
import { OP } from '../src/layout/thread.ts';
import { type AffinityResult, bindThread } from '../src/numa/affinity.ts';
import { THREAD_KIND } from '../src/sync/thread.ts';
import { type Outcome, settle } from './outcome.ts';
import { cleanerProfile, profileTarget } from './profile.ts';

export interface CleanerTask {
  readonly share: EngineShare;
  readonly node: number;
  /** Directory for the thread's CPU profile; null: none. */
  readonly profileDir: string | null;
  /** Whether the thread is bound to processors of its node. */
  readonly cpuBind: boolean;
}

export interface CleanerDone {
  readonly node: number;
  readonly reads: number;
  readonly writes: number;
}

export interface CleanerLeft extends CleanerDone {
  readonly affinity: AffinityResult | null;
}

export const cleanerName = (node: number): string => `page cleaner of node ${node}`;

export default function pageCleaner(task: CleanerTask): Outcome<CleanerLeft> {
  const { share, node } = task;
  return settle(
    share,
    cleanerName(node),
    profileTarget(task.profileDir, cleanerProfile(node)),
    () => attachEngine(share, cleanerSlot(share.config, node), THREAD_KIND.cleaner, node, node),
    (a) => {
      const affinity = task.cpuBind ? bindThread(node, share.config.nodes) : null;
      awaitStart(a);
      pageCleanerRun(a.thr, a.pool);
      a.store.sync();
      a.store.close();
      // Done: the watchdog must not take it for stuck while other nodes still write.
      a.thr.mem[a.thr.op] = OP.idle;
      return { node, ...a.store.counts, affinity };
    },
  );
}
