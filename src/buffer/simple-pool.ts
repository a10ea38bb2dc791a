/**
 * A pool on an arena of its own, for one process that needs nothing else: replays, the page-get bench, tests. The
 * same plan and the same code as a full run, without sessions.
 */
import { allocateArena, ArenaPlanner } from '../layout/arena.ts';
import type { Clock } from '../layout/clock.ts';
import { ErrorLog } from '../layout/error-log.ts';
import { POOL_STAT } from '../layout/buffer.ts';
import type { Placement } from '../numa/placement.ts';
import { placePool } from '../numa/pool-placement.ts';
import {
  type DistanceMatrix,
  distancesFrom,
  topologyInit,
  topologyPlan,
  uniformDistance,
} from '../numa/topology.ts';
import type { PageStore } from '../storage/page-store.ts';
import {
  attachThread,
  planRuntime,
  type RuntimePlan,
  runtimeInit,
  type SysvarValues,
} from '../sync/runtime.ts';
import { type Thread, THREAD_KIND } from '../sync/thread.ts';
import { BufPool, type BufPoolPlan } from './instance.ts';
import { type BufPoolConfig, bufPoolInit, chunksPerInstance, PoolPlanner } from './pool-plan.ts';

export interface SimplePoolOptions {
  readonly config: BufPoolConfig;
  readonly clock: Clock;
  readonly sysvars?: SysvarValues;
  readonly nodes?: number;
  /** All nodes equally far when absent. */
  readonly distance?: DistanceMatrix;
  /** Where instances and chunks lie; local when absent: instances on nodes in turn. */
  readonly placement?: Placement;
  /** Places what else is wanted in the arena, before any node is opened. */
  readonly place?: (planner: ArenaPlanner) => void;
}

/** What another thread needs to attach: plain data. */
export interface SimplePoolPlan {
  readonly buffer: SharedArrayBuffer;
  readonly runtime: RuntimePlan;
  readonly pool: BufPoolPlan;
  /** NUMA_TOPOLOGY */
  readonly topology: number;
}

/** Plans, allocates and makes it. */
export function makeSimplePool(o: SimplePoolOptions): SimplePoolPlan {
  const planner = new ArenaPlanner();
  const nodes = o.nodes ?? 1;
  const runtime = planRuntime(planner, o.config.nThreads);
  const distance = o.distance ?? uniformDistance(nodes);
  const topology = topologyPlan(planner);
  o.place?.(planner);
  const placement = o.placement ?? { policy: 'local' };
  const where = placePool(o.config.instances, chunksPerInstance(o.config), placement, distance);
  const pools = new PoolPlanner(planner, o.config, where, nodes);
  for (let node = 0; node < nodes; node++) {
    planner.openNode();
    pools.planNode(node);
  }
  const buffer = allocateArena(planner.finish());
  const pool = pools.finish();
  const mem = new Int32Array(buffer);
  runtimeInit(mem, runtime, o.clock, o.sysvars);
  topologyInit(mem, topology, distance);
  bufPoolInit(attachPool({ buffer, runtime, pool, topology }, unusedStore), o.config);
  return { buffer, runtime, pool, topology };
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
    distances: distancesFrom(plan.topology, o.node ?? 0),
  });
}
