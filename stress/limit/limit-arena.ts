/**
 * The server that the curve is measured on: connections with real memory under the Performance Schema, and nothing
 * else; no pages, no files. Slot 0 is the main thread's, session s runs in slot s + 1.
 */
import { allocateArena, type ArenaPlan, ArenaPlanner } from '../../src/layout/arena.ts';
import { RealClock, VirtualClock } from '../../src/layout/clock.ts';
import { ErrorLog } from '../../src/layout/error-log.ts';
import { GLOBAL_CONN_MEM, THD } from '../../src/layout/session.ts';
import { heapLiveBlocks } from '../../src/memory/heap/malloc.ts';
import { HEAP_CACHED_BUDDIES, HEAP_PREALLOCATED } from '../../src/memory/heap/heap-plan.ts';
import { MemRootEnv } from '../../src/memory/mem-root/mem-root-env.ts';
import { nodeMemoryInit, type NodeMemoryPlan, nodeMemoryPlan } from '../../src/memory/os/node-memory.ts';
import { Psi, psiAttach, psiInit, type PsiPlan, psiPlan } from '../../src/memory/psi/psi.ts';
import {
  connMemDefects,
  globalConnectionMemory,
  globalConnMemInit,
  ThdMemCounter,
} from '../../src/session/limits/thd-mem-cnt.ts';
import { SESSION_ACCOUNTS } from '../../src/session/thd/thd-accounts.ts';
import { THD_ERROR_HOOK } from '../../src/session/thd/thd-error.ts';
import { thdSetup } from '../../src/session/thd/thd.ts';
import { attachThread, planRuntime, type RuntimePlan, runtimeInit } from '../../src/sync/runtime.ts';
import { type Thread, THREAD_KIND } from '../../src/sync/thread.ts';

/** What a session of the curve may use together with the holes between its blocks. */
const MEMORY_BYTES = 16 * 2 ** 20;

/** Where everything lies: plain data. */
export interface LimitPlan {
  readonly buffer: SharedArrayBuffer;
  readonly arena: ArenaPlan;
  readonly runtime: RuntimePlan;
  readonly psi: PsiPlan;
  readonly memory: NodeMemoryPlan;
  /** GLOBAL_CONN_MEM; the first THD. */
  readonly conn: number;
  readonly thds: number;
  readonly sessions: number;
  readonly epochNs: bigint;
}

/** Lays it out and makes it: limits are off, nobody is connected. */
export function makeLimitPlan(sessions: number): LimitPlan {
  const planner = new ArenaPlanner();
  const nThreads = sessions + 1;
  const runtime = planRuntime(planner, nThreads);
  const psi = psiPlan(planner, nThreads, { sessions, accounts: SESSION_ACCOUNTS });
  const conn = planner.place('global_conn_mem', GLOBAL_CONN_MEM);
  const thds = planner.place('thd', THD, sessions);
  planner.openNode();
  const memory = nodeMemoryPlan(planner, {
    bytes: sessions * MEMORY_BYTES,
    nThreads,
    preallocate: HEAP_PREALLOCATED,
    cachedBuddies: HEAP_CACHED_BUDDIES,
  });
  const arena = planner.finish();
  const buffer = allocateArena(arena);
  const mem = new Int32Array(buffer);
  const epochNs = process.hrtime.bigint();
  const plan: LimitPlan = { buffer, arena, runtime, psi, memory, conn, thds, sessions, epochNs };
  runtimeInit(mem, runtime, new RealClock(epochNs));
  psiInit(mem, psi);
  nodeMemoryInit(mem, memory);
  globalConnMemInit(mem, conn);
  for (let s = 0; s < sessions; s++) thdSetup(mem, thdOf(plan, s), conn, psiIdOf(plan, s));
  return plan;
}

export const thdOf = (plan: LimitPlan, session: number): number => plan.thds + session * THD.words;
/** Number of a session's PSI_THREAD. */
export const psiIdOf = (plan: LimitPlan, session: number): number => plan.runtime.nThreads + 1 + session;

export interface LimitAttached {
  readonly thr: Thread;
  readonly psi: Psi;
  readonly my: MemRootEnv;
  readonly log: ErrorLog;
}

/** The calling thread takes part. @param slot 0: the main thread; session + 1 */
export function attachLimit(plan: LimitPlan, slot: number): LimitAttached {
  const mem = new Int32Array(plan.buffer);
  const log = new ErrorLog();
  const thr = attachThread(mem, plan.runtime, {
    slot,
    kind: slot === 0 ? THREAD_KIND.main : THREAD_KIND.session,
    label: slot === 0 ? 0 : slot - 1,
    clock: new RealClock(plan.epochNs),
  });
  const psi = new Psi(plan.psi, new ThdMemCounter(log));
  psiAttach(thr, psi);
  const my = new MemRootEnv({
    os: plan.memory.at,
    allOs: [plan.memory.at],
    psi,
    sleepClock: new VirtualClock(),
    log,
    errorHook: THD_ERROR_HOOK,
  });
  return { thr, psi, my, log };
}

/** Nobody is connected: then nothing is reserved and no block lives. One sentence for each thing that is not so. */
export function limitDefects(plan: LimitPlan): string[] {
  const mem = new Int32Array(plan.buffer);
  const thds = Array.from({ length: plan.sessions }, (_, s) => thdOf(plan, s));
  const defects = connMemDefects(mem, plan.conn, thds);
  const global = globalConnectionMemory(mem, plan.conn);
  if (global !== 0) defects.push(`Global_connection_memory is ${global} after all sessions closed`);
  const live = heapLiveBlocks(mem, plan.memory.at);
  if (live !== 0) defects.push(`${live} blocks are live after all sessions closed`);
  return defects;
}
