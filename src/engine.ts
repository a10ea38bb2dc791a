/**
 * The composition root: lays the arena out, makes everything in it, and gives each thread its views. The one file in
 * src that may know every module.
 */
import { bufPoolInit, type BufPoolConfig, chunksPerInstance, PoolPlanner } from './buffer/pool-plan.ts';
import { BufPool, type BufPoolPlan } from './buffer/instance.ts';
import { allocateArena, type ArenaPlan, ArenaPlanner } from './layout/arena.ts';
import { POOL_STAT, SPACE } from './layout/buffer.ts';
import { type Clock, RealClock, VirtualClock } from './layout/clock.ts';
import { ErrorLog, type LogLine } from './layout/error-log.ts';
import { Rng } from './layout/rng.ts';
import { NIL } from './layout/schema.ts';
import { GLOBAL_CONN_MEM, LEDGER, SESSION, THD } from './layout/session.ts';
import { MAX_TABLES, TABLE } from './layout/table.ts';
import { CONTROL } from './layout/thread.ts';
import type { MemEnv } from './memory/env.ts';
import { HEAP_CACHED_BUDDIES, HEAP_PREALLOCATED } from './memory/heap/heap-plan.ts';
import { nodeMemoryInit, type NodeMemoryPlan, nodeMemoryPlan } from './memory/os/node-memory.ts';
import { HUGE_2M } from './memory/os/os-huge-pool.ts';
import { osSetFaults } from './memory/os/os-memory.ts';
import { osTotalInit, osTotalPlan } from './memory/os/os-total.ts';
import { beginNumaInterleave, endNumaInterleave, placementBegin } from './memory/os/placement.ts';
import { MemRootEnv } from './memory/mem-root/mem-root-env.ts';
import { Psi, psiAttach, psiInit, psiPlan, type PsiPlan } from './memory/psi/psi.ts';
import { siteTableInit, type SiteTablePlan, siteTablePlan } from './memory/ut/site.ts';
import { UtAllocator } from './memory/ut/ut-allocator.ts';
import { isInterleavedOverAll, type NumaConfig } from './numa/config.ts';
import { TaskPolicy } from './numa/placement.ts';
import { placePool } from './numa/pool-placement.ts';
import { distancesFrom, topologyInit, topologyPlan } from './numa/topology.ts';
import { globalConnMemInit, type GlobalConnMemValues, ThdMemCounter } from './session/limits/thd-mem-cnt.ts';
import { SESSION_ACCOUNTS } from './session/thd/thd-accounts.ts';
import { THD_ERROR_HOOK } from './session/thd/thd-error.ts';
import { thdSetup } from './session/thd/thd.ts';
import { yardInit, type YardPlan, yardPlan } from './session/program/yard-plan.ts';
import { dataFileName } from './storage/data-dir.ts';
import { FileStore } from './storage/page-store.ts';
import { Tablespace } from './storage/tablespace.ts';
import {
  attachThread,
  planRuntime,
  type RuntimePlan,
  runtimeInit,
  type SysvarValues,
} from './sync/runtime.ts';
import { idle_await_start } from './sync/park-sites.ts';
import { type Thread, THREAD_KIND } from './sync/thread.ts';
import { join } from 'node:path';

/** What a run is made of; plain data, in machine units. */
export interface EngineConfig {
  readonly seed: number;
  readonly nodes: number;
  /** Their distances (as many as nodes), and where memory is placed. */
  readonly numa: NumaConfig;
  /** Clients, each with a seat of its own. */
  readonly sessions: number;
  /** Threads that run them; thread t is of node t % nodes. */
  readonly threads: number;
  /** Latch-order checking. */
  readonly checked: boolean;
  readonly pool: Omit<BufPoolConfig, 'nSpaces' | 'nThreads'>;
  readonly sysvars: SysvarValues;
  /** innodb_old_blocks_time */
  readonly oldBlocksTimeMs: number;
  /** Simulated operating system memory of each node, and the fault plan's probability. */
  readonly osMemoryBytes: number;
  /** What all nodes may map together; NO_LIMIT: what they have. */
  readonly osMemoryTotalBytes: number;
  /** Huge pages of 2 MiB that each node has; with some, large allocations ask for them first. */
  readonly hugePages: number;
  readonly faultPpm: number;
  /** Whether the allocator's sleeps take real time. */
  readonly realSleeps: boolean;
  readonly connMem: GlobalConnMemValues;
  /** Whether the place where each block was asked for is recorded: leaks and damage are named then. */
  readonly origins: boolean;
  /** Whether there is a yard: all allocators, for the statement `allocators`. */
  readonly yard: boolean;
  readonly dataDir: string;
  readonly tablespaces: number;
  readonly pagesPerSpace: number;
}

/** Where everything lies; plain data. */
export interface EnginePlan {
  readonly arena: ArenaPlan;
  readonly runtime: RuntimePlan;
  /** NUMA_TOPOLOGY */
  readonly topology: number;
  readonly pool: BufPoolPlan;
  readonly osMemory: readonly NodeMemoryPlan[];
  /** OS_TOTAL: all nodes together. */
  readonly osTotal: number;
  readonly psi: PsiPlan;
  readonly globalConnMem: number;
  /** THD and SESSION by session. */
  readonly thds: number;
  readonly sessions: number;
  /** TABLE records, for programs that add rows. */
  readonly tables: number;
  readonly ledger: number;
  readonly sites: SiteTablePlan | null;
  readonly yard: YardPlan | null;
}

/** What a worker gets to take part in the run. */
export interface EngineShare {
  readonly buffer: SharedArrayBuffer;
  readonly config: EngineConfig;
  readonly plan: EnginePlan;
  readonly epochNs: bigint;
  /** What its making had to say in the error log. */
  readonly log: readonly LogLine[];
}

/** Thread slots: the main thread, those that run sessions, then a page cleaner per node. */
export const MAIN_SLOT = 0;
export const threadSlot = (thread: number): number => thread + 1;
export const cleanerSlot = (config: EngineConfig, node: number): number => config.threads + 1 + node;
const threadsOf = (config: EngineConfig): number => config.threads + 1 + config.nodes;

/** Node of a session, and of a thread that runs sessions. */
export const nodeOfSession = (config: EngineConfig, session: number): number => session % config.nodes;
export const nodeOfThread = (config: EngineConfig, thread: number): number => thread % config.nodes;

/** Addresses of a session's records. */
export const thdAt = (plan: EnginePlan, session: number): number => plan.thds + session * THD.words;
export const sessionAt = (plan: EnginePlan, session: number): number =>
  plan.sessions + session * SESSION.words;

/** Threads draw from the streams below, by their ids. */
const FIRST_SESSION_STREAM = 2 ** 16;

/** Sessions are known to the Performance Schema by the numbers after the threads'. */
const psiIdOf = (config: EngineConfig, session: number): number => threadsOf(config) + 1 + session;

function poolConfigOf(config: EngineConfig): BufPoolConfig {
  return { ...config.pool, nSpaces: config.tablespaces + 1, nThreads: threadsOf(config) };
}

/** Lays the arena out. A pure function of the configuration. */
export function planEngine(config: EngineConfig): EnginePlan {
  const planner = new ArenaPlanner();
  const pool = poolConfigOf(config);
  const runtime = planRuntime(planner, threadsOf(config));
  const topology = topologyPlan(planner);
  const psi = psiPlan(planner, threadsOf(config), {
    sessions: config.sessions,
    accounts: SESSION_ACCOUNTS,
  });
  const globalConnMem = planner.place('global_conn_mem', GLOBAL_CONN_MEM);
  const thds = planner.place('thd', THD, config.sessions);
  const sessions = planner.place('session', SESSION, config.sessions);
  const tables = planner.place('table', TABLE, MAX_TABLES);
  const ledger = planner.place('ledger', LEDGER, config.tablespaces * config.pagesPerSpace);
  const osTotal = osTotalPlan(planner);
  const sites = config.origins ? siteTablePlan(planner) : null;
  const { distance } = config.numa;
  const where = placePool(pool.instances, chunksPerInstance(pool), config.numa.pool, distance);
  const pools = new PoolPlanner(planner, pool, where, config.nodes);
  let yard: YardPlan | null = null;
  const osMemory: NodeMemoryPlan[] = [];
  for (let node = 0; node < config.nodes; node++) {
    planner.openNode();
    osMemory.push(
      nodeMemoryPlan(planner, {
        bytes: config.osMemoryBytes,
        nThreads: threadsOf(config),
        name: `os_memory[${node}]`,
        total: osTotal,
        preallocate: HEAP_PREALLOCATED,
        cachedBuddies: HEAP_CACHED_BUDDIES,
        ...(config.hugePages > 0 && { hugePages: { [HUGE_2M]: config.hugePages }, largePageBytes: HUGE_2M }),
        origins: config.origins,
        sites: sites?.at ?? NIL,
      }),
    );
    if (config.yard && node === 0) {
      yard = yardPlan(planner, config.threads, threadsOf(config), osMemory[0].at);
    }
    pools.planNode(node);
  }
  return {
    arena: planner.finish(),
    runtime,
    topology,
    pool: pools.finish(),
    osMemory,
    osTotal,
    psi,
    globalConnMem,
    thds,
    sessions,
    tables,
    ledger,
    sites,
    yard,
  };
}

/**
 * Allocates the arena and makes everything in it; the main thread, before any other exists.
 * @param memory gives memory for the arena instead: all zero, so many words or more
 */
export function createEngine(
  config: EngineConfig,
  memory?: (words: number, arena: ArenaPlan) => SharedArrayBuffer,
): EngineShare {
  const plan = planEngine(config);
  const buffer = memory?.(plan.arena.words, plan.arena) ?? allocateArena(plan.arena);
  const mem = new Int32Array(buffer);
  const epochNs = process.hrtime.bigint();
  const lines: LogLine[] = [];
  const share: EngineShare = { buffer, config, plan, epochNs, log: lines };
  const clock = new RealClock(epochNs);
  const oldBlocksTicks = Math.min(config.oldBlocksTimeMs * clock.ticksPerMs, 0xffffffff);
  runtimeInit(mem, plan.runtime, clock, { ...config.sysvars, oldBlocksTicks });
  topologyInit(mem, plan.topology, config.numa.distance);
  if (plan.sites !== null) siteTableInit(mem, plan.sites);
  osTotalInit(mem, plan.osTotal, config.osMemoryTotalBytes);
  for (const os of plan.osMemory) nodeMemoryInit(mem, os);
  psiInit(mem, plan.psi);
  globalConnMemInit(mem, plan.globalConnMem, config.connMem);
  for (let i = 0; i < config.sessions; i++) {
    thdSetup(mem, thdAt(plan, i), plan.globalConnMem, psiIdOf(config, i));
    mem[sessionAt(plan, i) + SESSION.at.thd] = thdAt(plan, i);
    new Rng(config.seed, FIRST_SESSION_STREAM + i).save(mem, sessionAt(plan, i) + SESSION.at.rng);
  }
  const { thr, pool, env, policy, log } = attachEngine(share, MAIN_SLOT, THREAD_KIND.main, 0);
  if (plan.yard !== null) yardInit(thr, env, plan.yard);
  const interleave = isInterleavedOverAll(config.numa);
  if (interleave) beginNumaInterleave({ log }, policy);
  bufPoolInit(pool, poolConfigOf(config));
  if (interleave) endNumaInterleave({ log }, policy);
  for (let space = 1; space <= config.tablespaces; space++) {
    mem[plan.pool.spaces + space * SPACE.words + SPACE.at.pages] = config.pagesPerSpace;
  }
  for (const os of plan.osMemory) osSetFaults(thr, os.at, { failPpm: config.faultPpm });
  lines.push(...log.lines);
  return share;
}

/** The run as one thread sees it. */
export interface Attached {
  readonly share: EngineShare;
  readonly thr: Thread;
  readonly pool: BufPool;
  readonly store: FileStore;
  readonly env: MemEnv;
  readonly alloc: UtAllocator;
  readonly my: MemRootEnv;
  /** Where the thread allocates; `placementTurn(thr, my)` at each command is a turn of interleave. */
  readonly policy: TaskPolicy;
  readonly sleepClock: Clock;
  readonly log: ErrorLog;
}

/** Makes a thread's views; its files are open afterwards, `store.close()` closes them. */
export function attachEngine(
  share: EngineShare,
  slot: number,
  kind: number,
  node: number,
  label = 0,
): Attached {
  const { buffer, config, plan } = share;
  const mem = new Int32Array(buffer);
  const log = new ErrorLog();
  const files = kind === THREAD_KIND.main ? [] : openFiles(config);
  const store = new FileStore(buffer, files);
  const pool = new BufPool(buffer, plan.pool, store, log);
  const clock = new RealClock(share.epochNs);
  const sleepClock = config.realSleeps ? clock : new VirtualClock();
  const thr = attachThread(mem, plan.runtime, {
    slot,
    kind,
    label,
    node,
    clock,
    seed: config.seed,
    checked: config.checked,
    poolStats: plan.pool.stats,
    poolStatWords: plan.pool.instances.length * POOL_STAT.words,
    distances: distancesFrom(plan.topology, node),
  });
  const psi = new Psi(plan.psi, new ThdMemCounter(log));
  psiAttach(thr, psi);
  const policy = new TaskPolicy(config.numa.distance);
  if (kind === THREAD_KIND.session) policy.set(config.numa.sessions);
  const allOs = plan.osMemory.map((o) => o.at);
  const env: MemEnv = {
    ...placementBegin(thr, allOs, policy),
    allOs,
    psi,
    sleepClock,
    log,
  };
  const alloc = new UtAllocator(env).setOomNotFatal();
  const my = new MemRootEnv({ ...env, policy, errorHook: THD_ERROR_HOOK, checked: config.checked });
  return { share, thr, pool, store, env, alloc, my, policy, sleepClock, log };
}

function openFiles(config: EngineConfig): Tablespace[] {
  const files: Tablespace[] = [];
  for (let space = 1; space <= config.tablespaces; space++) {
    files.push(Tablespace.open(join(config.dataDir, dataFileName(space)), space));
  }
  return files;
}

/** Tells the main thread that this one is ready, and waits for the common start. @throws RunAborted */
export function awaitStart({ share, thr }: Attached): void {
  const { mem } = thr;
  const at = share.plan.runtime.control;
  Atomics.add(mem, at + CONTROL.at.started, 1);
  while (Atomics.load(mem, at + CONTROL.at.go) === 0) {
    idle_await_start(mem, at + CONTROL.at.go, 0, thr.waitSliceMs);
    thr.throwIfAborted();
  }
}
