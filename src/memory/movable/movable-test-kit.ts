/** An arena with one node and a heap of movable blocks, for tests; plain data, so that workers can sit down at it. */
import { allocateArena, ArenaPlanner } from '../../layout/arena.ts';
import { RealClock } from '../../layout/clock.ts';
import { attachThread, planRuntime, type RuntimePlan, runtimeInit } from '../../sync/runtime.ts';
import { type Thread, THREAD_KIND } from '../../sync/thread.ts';
import { MovableHeap, movableHeapInit, type MovableHeapOptions, movableHeapPlan } from './movable-plan.ts';
import type { MovableHeapPlan } from './movable-plan.ts';
import { nodeMemoryInit, type NodeMemoryPlan, nodeMemoryPlan } from '../os/node-memory.ts';
import { OS_PAGE_BYTES } from '../os/os-memory.ts';
import { Psi, psiAttach, psiInit, type PsiPlan, psiPlan } from '../psi/psi.ts';
import { siteTableInit, siteTablePlan } from '../ut/site.ts';

/** What a worker needs to take part: can be sent to it as it is. */
export interface MovableSeats {
  readonly buffer: SharedArrayBuffer;
  readonly runtime: RuntimePlan;
  readonly psi: PsiPlan;
  readonly node: NodeMemoryPlan;
  readonly heap: MovableHeapPlan;
  /** A word each to say stop, and what else a test wants to share. */
  readonly words: number;
  readonly epochNs: bigint;
}

export interface MovableKitOptions extends Partial<Omit<MovableHeapOptions, 'os'>> {
  /** Pages of the node; 64 when absent. */
  readonly pages?: number;
  readonly origins?: boolean;
}

/** Makes the arena; three threads unless the options say otherwise. */
export function movableSeats(o: MovableKitOptions = {}): MovableSeats {
  const nThreads = o.nThreads ?? 3;
  const planner = new ArenaPlanner();
  const runtime = planRuntime(planner, nThreads);
  const psi = psiPlan(planner, nThreads);
  const words = planner.placeWords('shared', 1, 1024);
  const sites = siteTablePlan(planner, 64);
  planner.openNode();
  const node = nodeMemoryPlan(planner, {
    bytes: (o.pages ?? 64) * OS_PAGE_BYTES,
    nThreads,
    origins: o.origins ?? false,
    sites: sites.at,
  });
  const heap = movableHeapPlan(planner, { areaBytes: 2 * OS_PAGE_BYTES, ...o, nThreads, os: node.at });
  const buffer = allocateArena(planner.finish());
  const mem = new Int32Array(buffer);
  const epochNs = process.hrtime.bigint();
  runtimeInit(mem, runtime, new RealClock(epochNs));
  psiInit(mem, psi);
  siteTableInit(mem, sites);
  nodeMemoryInit(mem, node);
  movableHeapInit(mem, heap);
  return { buffer, runtime, psi, node, heap, words, epochNs };
}

/** A thread of the arena (ids from 1), and the heap as it sees it. */
export function seatAt(seats: MovableSeats, id: number): { thr: Thread; heap: MovableHeap; mem: Int32Array } {
  const mem = new Int32Array(seats.buffer);
  const clock = new RealClock(seats.epochNs);
  const options = { slot: id - 1, kind: THREAD_KIND.session, clock, seed: id, checked: true };
  const thr = attachThread(mem, seats.runtime, options);
  const psi = new Psi(seats.psi);
  psiAttach(thr, psi);
  return { thr, heap: new MovableHeap(seats.heap, psi), mem };
}
