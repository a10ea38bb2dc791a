/** Entry point of a thread of the buddy pool's torture test: random alloc and free, also of blocks of other threads. */
import { parentPort, workerData } from 'node:worker_threads';
import { RealClock } from '../src/layout/clock.ts';
import { ErrorLog } from '../src/layout/error-log.ts';
import { NIL } from '../src/layout/schema.ts';
import { CONTROL } from '../src/layout/thread.ts';
import { memAreaAlloc, memAreaFree, MemPool } from '../src/memory/old/mem-pool.ts';
import { Psi, type PsiPlan } from '../src/memory/psi/psi.ts';
import { attachThread, type RuntimePlan } from '../src/sync/runtime.ts';
import { type Thread, THREAD_KIND } from '../src/sync/thread.ts';

export interface MemPoolTask {
  readonly buffer: SharedArrayBuffer;
  readonly runtime: RuntimePlan;
  readonly psi: PsiPlan;
  readonly os: number;
  /** UT_MEM and MEM_POOL. */
  readonly ut: number;
  readonly pool: number;
  /** Words through which blocks change hands; a block's first word is its size in words. */
  readonly slots: number;
  readonly nSlots: number;
  readonly slot: number;
  readonly epochNs: bigint;
}

export interface MemPoolResult {
  readonly ops: number;
  /** Blocks that came from `ut_malloc`. */
  readonly elsewhere: number;
  /** What was seen and must not be. */
  readonly bad: readonly string[];
}

const MAX_SHIFT = 9;
const KEPT = 12;

/** Attaches a thread of the test. */
export function attachMemPool(task: MemPoolTask): { thr: Thread; pool: MemPool } {
  const mem = new Int32Array(task.buffer);
  const clock = new RealClock(task.epochNs);
  const thr = attachThread(mem, task.runtime, {
    slot: task.slot,
    kind: THREAD_KIND.session,
    clock,
    seed: task.slot + 1,
    checked: true,
  });
  const env = {
    os: task.os,
    allOs: [task.os],
    psi: new Psi(task.psi),
    sleepClock: clock,
    log: new ErrorLog(),
  };
  return { thr, pool: new MemPool(mem, task.pool, { at: task.ut, env }) };
}

/** Frees a block after a look at what its owner wrote. Returns whether it was whole. */
export function freeWhole(thr: Thread, pool: MemPool, p: number): boolean {
  const { mem } = thr;
  let whole = true;
  for (let i = 1; i < mem[p]; i++) if (mem[p + i] !== p) whole = false;
  memAreaFree(thr, pool, p);
  return whole;
}

/** Allocates or frees a block. Returns whether it was allocated outside the pool. */
function step(thr: Thread, pool: MemPool, task: MemPoolTask, kept: number[], bad: string[]): boolean {
  const { mem, rng } = thr;
  let p: number = NIL;
  if (kept.length < KEPT && rng.below(2) === 0) {
    const words = 1 + rng.below(1 << rng.below(MAX_SHIFT));
    p = memAreaAlloc(thr, pool, words * 4);
    mem.fill(p, p, p + words);
    mem[p] = words;
    kept.push(p);
    return p < pool.buf || p >= pool.buf + pool.bytes / 4;
  }
  if (kept.length > 0) p = kept.splice(rng.below(kept.length), 1)[0];
  // One block in two is somebody else's then.
  if (rng.below(2) === 0) p = Atomics.exchange(mem, task.slots + rng.below(task.nSlots), p);
  if (p !== NIL && !freeWhole(thr, pool, p)) bad.push(`block @${p} was overwritten`);
  return false;
}

function run(task: MemPoolTask): MemPoolResult {
  const { thr, pool } = attachMemPool(task);
  const { control } = task.runtime;
  Atomics.add(thr.mem, control + CONTROL.at.started, 1);
  Atomics.wait(thr.mem, control + CONTROL.at.go, 0);
  const kept: number[] = [];
  const bad: string[] = [];
  let ops = 0;
  let elsewhere = 0;
  try {
    for (; !thr.stopping(); ops++) {
      if (step(thr, pool, task, kept, bad)) elsewhere++;
    }
    for (const p of kept) freeWhole(thr, pool, p);
  } catch (error) {
    bad.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  if (thr.heldCount !== 0) bad.push(`${thr.heldCount} latches held at the end`);
  return { ops, elsewhere, bad: bad.slice(0, 5) };
}

parentPort?.postMessage(run(workerData as MemPoolTask));
