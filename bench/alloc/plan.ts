/** The memory that contenders of one size and number of threads work on. */
import { allocateArena, ArenaPlanner } from '../../src/layout/arena.ts';
import { RealClock, VirtualClock } from '../../src/layout/clock.ts';
import { ErrorLog } from '../../src/layout/error-log.ts';
import { HEAP_TAG } from '../../src/layout/heap.ts';
import { MEM_POOL } from '../../src/layout/mem-pool.ts';
import { MEM_ROOT } from '../../src/layout/mem-root.ts';
import { NIL } from '../../src/layout/schema.ts';
import { UT_MEM } from '../../src/layout/ut0mem.ts';
import type { MemEnv } from '../../src/memory/env.ts';
import { heapDefects } from '../../src/memory/heap/heap-check.ts';
import { HEAP_CACHED_BUDDIES } from '../../src/memory/heap/heap-plan.ts';
import { mallocWalk } from '../../src/memory/heap/malloc.ts';
import { memPoolCreate } from '../../src/memory/old/mem-pool.ts';
import { memRootInit } from '../../src/memory/mem-root/mem-root-state.ts';
import { nodeMemoryInit, nodeMemoryPlan } from '../../src/memory/os/node-memory.ts';
import { osMemoryDefects } from '../../src/memory/os/os-memory.ts';
import { Psi, psiAttach, psiInit, psiPlan, type PsiPlan } from '../../src/memory/psi/psi.ts';
import { MEM_KEY } from '../../src/memory/psi/psi-keys.ts';
import { utMemInit } from '../../src/memory/old/ut0mem.ts';
import { attachThread, planRuntime, type RuntimePlan, runtimeInit } from '../../src/sync/runtime.ts';
import { type Thread, THREAD_KIND } from '../../src/sync/thread.ts';
import { firstFitInit, firstFitWords } from './first-fit.ts';
import { taggedListInit, taggedListWords } from './tagged-list.ts';

/** Where everything lies: plain data. */
export interface AllocPlan {
  readonly buffer: SharedArrayBuffer;
  readonly runtime: RuntimePlan;
  readonly psi: PsiPlan;
  readonly os: number;
  readonly firstFit: number;
  /** The lock-free list; NIL: the blocks are too large for it. */
  readonly tagged: number;
  /** A MEM_ROOT for each thread. */
  readonly roots: number;
  readonly utMem: number;
  readonly memPool: number;
  readonly epochNs: bigint;
}

/** Live blocks of a thread: fewer of the large ones. A power of two. */
export function liveBlocks(bytes: number): number {
  return bytes <= 16_384 ? 64 : bytes <= 131_072 ? 16 : 4;
}

/** Bytes that a thread's live blocks take at most with headers and rounding. */
export const needed = (bytes: number): number => liveBlocks(bytes) * 2 * (bytes + 128) + 2 ** 18;

/** Sizes of small blocks, for which a list of one size makes sense; and what the pool below is large enough for. */
export const MOST_TAGGED_BYTES = 512;
export const MOST_AREA_BYTES = 4096;

export function makeAllocPlan(threads: number, bytes: number): AllocPlan {
  const planner = new ArenaPlanner();
  const runtime = planRuntime(planner, threads);
  const psi = psiPlan(planner, threads);
  const firstFitSize = firstFitWords(threads * liveBlocks(bytes) * 2, bytes);
  const firstFit = planner.placeWords('first-fit', firstFitSize, 1);
  const nTagged = threads * liveBlocks(bytes) * 2;
  const tagged =
    bytes <= MOST_TAGGED_BYTES ? planner.placeWords('tagged', taggedListWords(nTagged, bytes), 1) : NIL;
  const roots = planner.place('mem_root', MEM_ROOT, threads);
  const utMem = planner.place('ut_mem', UT_MEM);
  const memPool = planner.place('mem_pool', MEM_POOL);
  const pool = bytes <= MOST_AREA_BYTES ? Math.max(2 ** 14, poolBytes(threads, bytes)) : 0;
  planner.openNode();
  const node = nodeMemoryPlan(planner, {
    bytes: threads * needed(bytes) + pool + 2 ** 22,
    nThreads: threads,
    cachedBuddies: HEAP_CACHED_BUDDIES,
  });
  const buffer = allocateArena(planner.finish());
  const mem = new Int32Array(buffer);
  const epochNs = process.hrtime.bigint();
  runtimeInit(mem, runtime, new RealClock(epochNs));
  psiInit(mem, psi);
  nodeMemoryInit(mem, node);
  firstFitInit(mem, firstFit, firstFitSize);
  if (tagged !== NIL) taggedListInit(mem, tagged, nTagged, bytes);
  utMemInit(mem, utMem, { useSysMalloc: false });
  const plan = { buffer, runtime, psi, os: node.at, firstFit, tagged, roots, utMem, memPool, epochNs };
  const { thr, env } = attachAllocThread(plan, 0);
  if (bytes <= MOST_AREA_BYTES) {
    memPoolCreate(thr, memPool, { at: utMem, env }, { bytes: pool, line: '5.1' });
  }
  for (let i = 0; i < threads; i++) memRootInit(mem, roots + i * MEM_ROOT.words, MEM_KEY.thdMainMemRoot);
  return plan;
}

/** Bytes of the buddy pool: a power of two with room for twice what lives in it. */
const poolBytes = (threads: number, bytes: number): number =>
  2 ** Math.ceil(Math.log2(threads * liveBlocks(bytes) * 4 * (bytes + 48)));

export function attachAllocThread(plan: AllocPlan, slot: number): { thr: Thread; env: MemEnv } {
  const thr = attachThread(new Int32Array(plan.buffer), plan.runtime, {
    slot,
    kind: THREAD_KIND.session,
    clock: new RealClock(plan.epochNs),
  });
  const psi = new Psi(plan.psi);
  psiAttach(thr, psi);
  const { os } = plan;
  return { thr, env: { os, allOs: [os], psi, sleepClock: new VirtualClock(), log: new ErrorLog() } };
}

/** What is wrong with the memory that contenders have worked on, at rest: nothing may be live. */
export function allocDefects({ buffer, os }: AllocPlan): string[] {
  const mem = new Int32Array(buffer);
  // The buddy pool's own block lives on.
  const live = mallocWalk(mem, os).filter((block) => block.tag !== HEAP_TAG.utLow).length;
  return [
    ...osMemoryDefects(mem, os),
    ...heapDefects(mem, os),
    ...(live === 0 ? [] : [`${live} blocks are live`]),
  ];
}
