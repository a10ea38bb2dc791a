/** What every run has, whatever it runs: control words, variables, a record per thread. */
import type { ArenaPlanner } from '../layout/arena.ts';
import type { Clock } from '../layout/clock.ts';
import { CONTROL, SYSVARS, THREAD } from '../layout/thread.ts';
import { Thread } from './thread.ts';

/** Word addresses, plain data. */
export interface RuntimePlan {
  readonly control: number;
  readonly sysvars: number;
  readonly threads: number;
  readonly nThreads: number;
}

/** Values of the SYSVARS record by field name; those left out keep MySQL's defaults. */
export type SysvarValues = Partial<Record<keyof typeof SYSVARS.at, number>>;

/** MySQL's defaults; innodb_old_blocks_time depends on the clock's ticks and is set by `runtimeInit`. */
const DEFAULTS: SysvarValues = {
  syncSpinLoops: 30,
  spinWaitDelay: 6,
  spinWaitPauseMultiplier: 50,
  lruScanDepth: 1024,
  flushNeighbors: 0,
  ioCapacity: 200,
  maxDirtyPagesPctLwm: 10_000,
  remoteCostNs: 0,
};

const OLD_BLOCKS_TIME_MS = 1000;

/** Places them; before any node is opened. */
export function planRuntime(planner: ArenaPlanner, nThreads: number): RuntimePlan {
  return {
    control: planner.place('control', CONTROL),
    sysvars: planner.place('sysvars', SYSVARS),
    threads: planner.place('threads', THREAD, nThreads),
    nThreads,
  };
}

/** Sets all variables. `oldBlocksTicks` defaults to one second of the clock. */
export function runtimeInit(
  mem: Int32Array,
  plan: RuntimePlan,
  clock: Clock,
  values: SysvarValues = {},
): void {
  const all = { ...DEFAULTS, oldBlocksTicks: OLD_BLOCKS_TIME_MS * clock.ticksPerMs, ...values };
  for (const [name, value] of Object.entries(all)) {
    mem[plan.sysvars + SYSVARS.at[name as keyof typeof SYSVARS.at]] = value;
  }
}

export interface AttachOptions {
  /** From 0; the thread's id is one more. */
  readonly slot: number;
  readonly kind: number;
  readonly label?: number;
  readonly node?: number;
  readonly clock: Clock;
  readonly seed?: number;
  readonly checked?: boolean;
  /** Address of the POOL_STAT rows of slot 0, and words of all rows of one thread. */
  readonly poolStats?: number;
  readonly poolStatWords?: number;
  /** The node's row of NUMA_TOPOLOGY. */
  readonly distances?: number;
}

/** Makes the thread that the calling JavaScript thread is in this run. */
export function attachThread(mem: Int32Array, plan: RuntimePlan, o: AttachOptions): Thread {
  if (o.slot >= plan.nThreads) throw new RangeError(`thread slot ${o.slot} of ${plan.nThreads}`);
  const thr = new Thread({
    mem,
    at: plan.threads + o.slot * THREAD.words,
    control: plan.control,
    sysvars: plan.sysvars,
    id: o.slot + 1,
    kind: o.kind,
    node: o.node ?? 0,
    clock: o.clock,
    seed: o.seed ?? 1,
    checked: o.checked ?? false,
    ...(o.label !== undefined && { label: o.label }),
  });
  thr.distances = o.distances ?? 0;
  thr.poolStats = (o.poolStats ?? 0) + o.slot * (o.poolStatWords ?? 0);
  return thr;
}
