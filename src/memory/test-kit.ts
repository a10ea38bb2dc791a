/** A small arena for tests of memory and sessions: threads, nodes with memory of their own, accounts. All is checked. */
import { allocateArena, ArenaPlanner } from '../layout/arena.ts';
import { type Clock, VirtualClock } from '../layout/clock.ts';
import { ErrorLog } from '../layout/error-log.ts';
import { UT_NEW_PFX } from '../layout/headers.ts';
import type { AnyRecord } from '../layout/schema.ts';
import { CONTROL } from '../layout/thread.ts';
import { attachThread, planRuntime, type RuntimePlan, runtimeInit } from '../sync/runtime.ts';
import { type Thread, THREAD_KIND } from '../sync/thread.ts';
import { accountDefects } from './psi/account-check.ts';
import type { MemEnv } from './env.ts';
import {
  type NodeMemoryOptions,
  type NodeMemoryPlan,
  nodeMemoryInit,
  nodeMemoryPlan,
} from './os/node-memory.ts';
import { OS_PAGE_BYTES, osMemoryDefects } from './os/os-memory.ts';
import { type ConnCounter, Psi, psiAttach, psiInit, psiPlan, type PsiPlanOptions } from './psi/psi.ts';
import { memorySummary } from './psi/psi-tables.ts';
import { utStatSum } from './psi/psi-ut-stat.ts';
import { siteTableInit, siteTablePlan } from './ut/site.ts';
import { UtAllocator, type UtAllocatorOptions } from './ut/ut-allocator.ts';

const THREADS = 3;

export interface MemoryKitOptions {
  /** Pages of each node; one node of 64 pages when absent. */
  readonly pages?: readonly number[];
  /** Of every node: origins, huge pages. */
  readonly node?: Partial<NodeMemoryOptions>;
  readonly psi?: PsiPlanOptions;
  /** The connections' counter, when there are sessions. */
  readonly counter?: (log: ErrorLog) => ConnCounter;
  /** Other records that the test wants, by name. */
  readonly records?: Readonly<Record<string, readonly [layout: AnyRecord, count: number]>>;
}

export class MemoryKit {
  readonly buffer: SharedArrayBuffer;
  readonly mem: Int32Array;
  readonly nodes: readonly NodeMemoryPlan[];
  readonly allOs: readonly number[];
  readonly psi: Psi;
  readonly nThreads = THREADS;
  readonly log = new ErrorLog();
  readonly sleepClock = new VirtualClock();
  /** A UT_NEW_PFX record for large allocations. */
  readonly pfx: number;
  /** SITE_TABLE of all nodes; what is known of blocks needs `node: { origins: true }` as well. */
  readonly sites: number;
  private readonly runtime: RuntimePlan;
  private readonly placed = new Map<string, number>();

  constructor(o: MemoryKitOptions = {}) {
    const planner = new ArenaPlanner();
    this.runtime = planRuntime(planner, THREADS);
    const psi = psiPlan(planner, THREADS, o.psi);
    this.psi = new Psi(psi, o.counter?.(this.log));
    this.pfx = planner.place('pfx', UT_NEW_PFX);
    const sites = siteTablePlan(planner, 64);
    this.sites = sites.at;
    for (const [name, [layout, count]] of Object.entries(o.records ?? {})) {
      this.placed.set(name, planner.place(name, layout, count));
    }
    this.nodes = (o.pages ?? [64]).map((pages, node) => {
      planner.openNode();
      return nodeMemoryPlan(planner, {
        bytes: pages * OS_PAGE_BYTES,
        nThreads: THREADS,
        name: `os_memory[${node}]`,
        sites: sites.at,
        ...o.node,
      });
    });
    this.buffer = allocateArena(planner.finish());
    this.mem = new Int32Array(this.buffer);
    this.allOs = this.nodes.map((n) => n.at);
    psiInit(this.mem, psi);
    siteTableInit(this.mem, sites);
    runtimeInit(this.mem, this.runtime, new VirtualClock());
    for (const plan of this.nodes) nodeMemoryInit(this.mem, plan);
  }

  /** Thread 1, 2 or 3, on a node. */
  thread(id: number, seed = 1, clock: Clock = new VirtualClock(), node = 0): Thread {
    const slot = id - 1;
    const thr = attachThread(this.mem, this.runtime, {
      slot,
      kind: THREAD_KIND.session,
      node,
      clock,
      seed,
      checked: true,
    });
    psiAttach(thr, this.psi);
    return thr;
  }

  /** Address of a record that the test asked for. */
  at(name: string): number {
    const at = this.placed.get(name);
    if (at === undefined) throw new Error(`no record ${name}`);
    return at;
  }

  get os(): number {
    return this.allOs[0];
  }

  /** What allocators of a thread on the first node stand on. */
  get env(): MemEnv {
    const { os, allOs, psi, sleepClock, log } = this;
    return { os, allOs, psi, sleepClock, log };
  }

  alloc(o: Partial<UtAllocatorOptions> = {}): UtAllocator {
    return new UtAllocator({ ...this.env, ...o });
  }

  /** What all threads together allocated and freed under an instrument, and what ut_allocator tells of it. */
  account(key: number) {
    const row = memorySummary(this.mem, this.psi, key);
    return {
      allocCount: row.COUNT_ALLOC,
      freeCount: row.COUNT_FREE,
      allocBytes: row.SUM_NUMBER_OF_BYTES_ALLOC,
      freeBytes: row.SUM_NUMBER_OF_BYTES_FREE,
      currentCount: row.CURRENT_COUNT_USED,
      currentBytes: row.CURRENT_NUMBER_OF_BYTES_USED,
      ...utStatSum(this.mem, this.psi, key),
    };
  }

  abort(): void {
    Atomics.store(this.mem, this.runtime.control + CONTROL.at.abort, 1);
  }

  /** All defects of page maps and accounts. */
  defects(): string[] {
    return [
      ...this.allOs.flatMap((os) => osMemoryDefects(this.mem, os)),
      ...accountDefects(this.mem, this.psi, this.allOs),
    ];
  }
}
