/**
 * A pool on an arena of its own, for one process that needs nothing else: replays, the page-get bench, tests. The
 * same plan and the same code as a full run, without sessions.
 */
import { allocateArena, ArenaPlanner } from '../layout/arena.ts';
import type { Clock } from '../layout/clock.ts';
import { ErrorLog } from '../layout/error-log.ts';
import { POOL_STAT } from '../layout/buffer.ts';
import type { PageStore } from '../storage/page-store.ts';
import {
  attachThread,
  planRuntime,
  type RuntimePlan,
  runtimeInit,
  type SysvarValues,
} from '../sync/runtime.ts';
import { type Thread, THREAD_KIND } from '../sync/thread.ts';
import { BufPool, type BufPoolPlan, type InstancePlan } from './instance.ts';
import { type BufPoolConfig, bufPoolInit, planInstance, planPoolGlobals } from './pool-plan.ts';

export interface SimplePoolOptions {
  readonly config: BufPoolConfig;
  readonly clock: Clock;
  readonly sysvars?: SysvarValues;
  readonly nodes?: number;
}

/** What another thread needs to attach: plain data. */
export interface SimplePoolPlan {
  readonly buffer: SharedArrayBuffer;
  readonly runtime: RuntimePlan;
  readonly pool: BufPoolPlan;
}

/** Plans, allocates and makes it. Instances lie on nodes in turn. */
export function makeSimplePool(o: SimplePoolOptions): SimplePoolPlan {
  const planner = new ArenaPlanner();
  const nodes = o.nodes ?? 1;
  const runtime = planRuntime(planner, o.config.nThreads);
  const globals = planPoolGlobals(planner, o.config, nodes);
  const instances: InstancePlan[] = [];
  for (let node = 0; node < nodes; node++) {
    planner.openNode();
    for (let no = node; no < o.config.instances; no += nodes) {
      instances[no] = planInstance(planner, o.config, no, node);
    }
  }
  const buffer = allocateArena(planner.finish());
  const pool: BufPoolPlan = { ...globals, instances, nStripes: o.config.nStripes };
  runtimeInit(new Int32Array(buffer), runtime, o.clock, o.sysvars);
  bufPoolInit(attachPool({ buffer, runtime, pool }, unusedStore), o.config);
  return { buffer, runtime, pool };
}

const unusedStore: PageStore = {
  read: () => {
    throw new Error('a pool that is being made reads no pages');
  },
  write: () => {
    throw new Error('a pool that is being made writes no pages');
  },
};

/** The pool as the calling thread sees it. */
export function attachPool(plan: SimplePoolPlan, store: PageStore, log = new ErrorLog()): BufPool {
  return new BufPool(plan.buffer, plan.pool, store, log);
}

/** The calling thread as a thread of that run. */
export function attachPoolThread(
  plan: SimplePoolPlan,
  slot: number,
  clock: Clock,
  o: { node?: number; checked?: boolean; seed?: number; kind?: number } = {},
): Thread {
  return attachThread(new Int32Array(plan.buffer), plan.runtime, {
    slot,
    clock,
    kind: o.kind ?? THREAD_KIND.other,
    node: o.node ?? 0,
    checked: o.checked ?? false,
    seed: o.seed ?? 1,
    poolStats: plan.pool.stats,
    poolStatWords: plan.pool.instances.length * POOL_STAT.words,
  });
}
