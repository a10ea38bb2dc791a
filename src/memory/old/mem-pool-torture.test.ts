/** Real threads on one buddy pool: random alloc and free, also of each other's blocks, with validation in between. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import type { MemPoolResult, MemPoolTask } from '../../../workers/mem-pool-actor.ts';
import { allocateArena, ArenaPlanner } from '../../layout/arena.ts';
import { RealClock } from '../../layout/clock.ts';
import { ErrorLog } from '../../layout/error-log.ts';
import { MEM_POOL } from '../../layout/mem-pool.ts';
import { NIL } from '../../layout/schema.ts';
import { CONTROL } from '../../layout/thread.ts';
import { UT_MEM } from '../../layout/ut0mem.ts';
import { attachThread, planRuntime, runtimeInit } from '../../sync/runtime.ts';
import { THREAD_KIND } from '../../sync/thread.ts';
import { memAreaFree, memPoolCreate, memPoolFree, memPoolGetReserved } from './mem-pool.ts';
import { memPoolList, memPoolValidate } from './mem-pool-check.ts';
import { nodeMemoryInit, nodeMemoryPlan } from '../os/node-memory.ts';
import { Psi, psiInit, psiPlan } from '../psi/psi.ts';
import { type UtMem, utMemDefects, utMemInit, utTotalAllocatedMemory } from './ut0mem.ts';

const WORKER = new URL('../../../dist/workers/mem-pool-actor.js', import.meta.url);
const WORKERS = 3;
const SLOTS = 8;
/** So small that the pool is often full, and blocks come from ut_malloc. */
const BYTES = 8192;
const RUN_MS = 700;
/** What the threads have for coming to an end. */
const LIMIT_MS = 10_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

it(`${WORKERS} threads on ${BYTES} bytes: free and reserved always make the size, and all is merged again`, async () => {
  const planner = new ArenaPlanner();
  const runtime = planRuntime(planner, WORKERS + 1);
  const psi = psiPlan(planner, WORKERS + 1);
  const utAt = planner.place('ut', UT_MEM);
  const poolAt = planner.place('pool', MEM_POOL);
  const slots = planner.placeWords('slots', 1, SLOTS);
  planner.openNode();
  const node = nodeMemoryPlan(planner, { bytes: 1 << 20, nThreads: WORKERS + 1 });
  const buffer = allocateArena(planner.finish());
  const mem = new Int32Array(buffer);
  const epochNs = process.hrtime.bigint();
  const clock = new RealClock(epochNs);
  runtimeInit(mem, runtime, clock);
  psiInit(mem, psi);
  nodeMemoryInit(mem, node);
  utMemInit(mem, utAt, { useSysMalloc: false });
  const thr = attachThread(mem, runtime, { slot: WORKERS, kind: THREAD_KIND.main, clock, checked: true });
  const env = { os: node.at, allOs: [node.at], psi: new Psi(psi), sleepClock: clock, log: new ErrorLog() };
  const ut: UtMem = { at: utAt, env };
  const pool = memPoolCreate(thr, poolAt, ut, { bytes: BYTES, line: '5.5' });

  const task = { buffer, runtime, psi, os: node.at, ut: utAt, pool: poolAt, slots, nSlots: SLOTS, epochNs };
  const workers = Array.from(
    { length: WORKERS },
    (_, slot) => new Worker(WORKER, { workerData: { ...task, slot } satisfies MemPoolTask }),
  );
  const flag = (name: 'go' | 'stop'): void => {
    Atomics.store(mem, runtime.control + CONTROL.at[name], 1);
    Atomics.notify(mem, runtime.control + CONTROL.at[name]);
  };
  // Whoever broke may hold the mutex for ever: then the validation that waits for it gives up.
  const deadline = performance.now() + RUN_MS + LIMIT_MS;
  thr.throwIfAborted = () => {
    if (performance.now() > deadline) throw new Error('the mutex of the pool is not free any more');
  };
  try {
    const done = Promise.all(workers.map(async (w) => (await once(w, 'message'))[0] as MemPoolResult));
    const hung = pause(RUN_MS + LIMIT_MS).then<never>(() => {
      throw new Error('the threads do not end');
    });
    while (Atomics.load(mem, runtime.control + CONTROL.at.started) < WORKERS) await pause(2);
    flag('go');
    const during: string[] = [];
    for (const until = performance.now() + RUN_MS; performance.now() < until;) {
      during.push(...memPoolValidate(thr, pool));
      await pause(3);
    }
    flag('stop');
    const results = await Promise.race([done, hung]);
    expect([...during, ...results.flatMap((r) => r.bad)]).toEqual([]);
    for (const { ops, elsewhere } of results) expect([ops > 100, elsewhere > 0]).toEqual([true, true]);
    for (let i = slots; i < slots + SLOTS; i++) if (mem[i] !== NIL) memAreaFree(thr, pool, mem[i]);
    expect([memPoolGetReserved(thr, pool), ...memPoolValidate(thr, pool)]).toEqual([0]);
    expect(memPoolList(pool, 13)).toEqual([0]);
    expect(utTotalAllocatedMemory(mem, ut)).toBe(BYTES + 32);
    expect(utMemDefects(mem, ut)).toEqual([]);
    memPoolFree(thr, pool);
    expect(utTotalAllocatedMemory(mem, ut)).toBe(0);
  } finally {
    await Promise.all(workers.map((w) => w.terminate()));
  }
});
