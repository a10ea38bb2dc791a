/** A small arena for tests of the simulated operating system alone: nodes, what they map together, threads. */
import { allocateArena, ArenaPlanner } from '../../layout/arena.ts';
import { VirtualClock } from '../../layout/clock.ts';
import { ErrorLog } from '../../layout/error-log.ts';
import { NIL } from '../../layout/schema.ts';
import { attachThread, planRuntime, type RuntimePlan, runtimeInit } from '../../sync/runtime.ts';
import { type Thread, THREAD_KIND } from '../../sync/thread.ts';
import { numaStatDefects } from './placement.ts';
import {
  osMemoryDefects,
  osMemoryInit,
  type OsMemoryOptions,
  type OsMemoryPlan,
  osMemoryPlan,
  osTotalDefects,
  OS_PAGE_BYTES,
} from './os-memory.ts';
import type { OsEnv } from './os-large.ts';
import { osTotalInit, osTotalPlan } from './os-total.ts';

const THREADS = 3;

export interface OsKitOptions extends Partial<OsMemoryOptions> {
  /** Pages of each node; one node of 16 pages when absent. */
  readonly pages?: readonly number[];
  /** Limit of all nodes together; without it there is no OS_TOTAL. */
  readonly totalBytes?: number;
}

export class OsKit {
  readonly mem: Int32Array;
  readonly nodes: readonly OsMemoryPlan[];
  readonly allOs: readonly number[];
  readonly total: number;
  readonly log = new ErrorLog();
  private readonly runtime: RuntimePlan;

  constructor(o: OsKitOptions = {}) {
    const planner = new ArenaPlanner();
    this.runtime = planRuntime(planner, THREADS);
    this.total = o.totalBytes === undefined ? NIL : osTotalPlan(planner);
    this.nodes = (o.pages ?? [16]).map((pages) => {
      planner.openNode();
      return osMemoryPlan(planner, { ...o, bytes: pages * OS_PAGE_BYTES, total: this.total });
    });
    this.mem = new Int32Array(allocateArena(planner.finish()));
    this.allOs = this.nodes.map((n) => n.at);
    runtimeInit(this.mem, this.runtime, new VirtualClock());
    if (o.totalBytes !== undefined) osTotalInit(this.mem, this.total, o.totalBytes);
    for (const plan of this.nodes) osMemoryInit(this.mem, plan);
  }

  /** Thread 1, 2 or 3, on a node. */
  thread(id: number, node = 0, seed = 1): Thread {
    return attachThread(this.mem, this.runtime, {
      slot: id - 1,
      kind: THREAD_KIND.session,
      node,
      clock: new VirtualClock(),
      seed,
      checked: true,
    });
  }

  get os(): number {
    return this.allOs[0];
  }

  /** As far as the operating system needs it. */
  get env(): OsEnv {
    return { os: this.os, allOs: this.allOs, log: this.log };
  }

  defects(): string[] {
    return [
      ...this.allOs.flatMap((os) => osMemoryDefects(this.mem, os)),
      ...osTotalDefects(this.mem, this.total, this.allOs),
      ...numaStatDefects(this.mem, this.allOs),
    ];
  }
}
