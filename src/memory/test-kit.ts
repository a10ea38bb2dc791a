/** A small arena for tests of memory and sessions: threads, nodes with memory of their own, accounts. All is checked. */
import { allocateArena, ArenaPlanner } from '../layout/arena.ts';
import { type Clock, VirtualClock } from '../layout/clock.ts';
import { ErrorLog } from '../layout/error-log.ts';
import { UT_NEW_PFX } from '../layout/memory.ts';
import type { AnyRecord } from '../layout/schema.ts';
import { CONTROL } from '../layout/thread.ts';
import { attachThread, planRuntime, type RuntimePlan, runtimeInit } from '../sync/runtime.ts';
import { type Thread, THREAD_KIND } from '../sync/thread.ts';
import { memAccountDefects, memStatPlan } from './mem-stat.ts';
import {
  OS_PAGE_BYTES,
  osMemoryDefects,
  osMemoryInit,
  type OsMemoryPlan,
  osMemoryPlan,
} from './os-memory.ts';
import { UtAllocator, type UtAllocatorOptions } from './ut-allocator.ts';

const THREADS = 3;

export interface MemoryKitOptions {
  /** Pages of each node; one node of 64 pages when absent. */
  readonly pages?: readonly number[];
  /** Other records that the test wants, by name. */
  readonly records?: Readonly<Record<string, readonly [layout: AnyRecord, count: number]>>;
}

export class MemoryKit {
  readonly buffer: SharedArrayBuffer;
  readonly mem: Int32Array;
  readonly nodes: readonly OsMemoryPlan[];
  readonly allOs: readonly number[];
  readonly stats: number;
  readonly nThreads = THREADS;
  readonly log = new ErrorLog();
  readonly sleepClock = new VirtualClock();
  /** A UT_NEW_PFX record for large allocations. */
  readonly pfx: number;
  private readonly runtime: RuntimePlan;
  private readonly placed = new Map<string, number>();

  constructor(o: MemoryKitOptions = {}) {
    const planner = new ArenaPlanner();
    this.runtime = planRuntime(planner, THREADS);
    this.stats = memStatPlan(planner, THREADS);
    this.pfx = planner.place('pfx', UT_NEW_PFX);
    for (const [name, [layout, count]] of Object.entries(o.records ?? {})) {
      this.placed.set(name, planner.place(name, layout, count));
    }
    this.nodes = (o.pages ?? [64]).map((pages, node) => {
      planner.openNode();
      return osMemoryPlan(planner, pages * OS_PAGE_BYTES, `os_memory[${node}]`);
    });
    this.buffer = allocateArena(planner.finish());
    this.mem = new Int32Array(this.buffer);
    this.allOs = this.nodes.map((n) => n.at);
    runtimeInit(this.mem, this.runtime, new VirtualClock());
    for (const plan of this.nodes) osMemoryInit(this.mem, plan);
  }

  /** Thread 1, 2 or 3. */
  thread(id: number, seed = 1, clock: Clock = new VirtualClock()): Thread {
    const slot = id - 1;
    return attachThread(this.mem, this.runtime, {
      slot,
      kind: THREAD_KIND.session,
      clock,
      seed,
      checked: true,
    });
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

  alloc(o: Partial<UtAllocatorOptions> = {}): UtAllocator {
    const { os, allOs, stats, sleepClock, log } = this;
    return new UtAllocator({ os, allOs, stats, sleepClock, log, ...o });
  }

  abort(): void {
    Atomics.store(this.mem, this.runtime.control + CONTROL.at.abort, 1);
  }

  /** All defects of page maps and accounts. */
  defects(): string[] {
    return [
      ...this.allOs.flatMap((os) => osMemoryDefects(this.mem, os)),
      ...memAccountDefects(this.mem, this.allOs, this.stats, THREADS),
    ];
  }
}
