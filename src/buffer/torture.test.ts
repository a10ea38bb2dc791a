/** Real threads on a tiny pool over real files: random gets, updates, drops, and reads that fail, beside a page cleaner. */
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BufferResult, BufferTask } from '../../workers/buffer-actor.ts';
import { POOL_STAT } from '../layout/buffer.ts';
import { RealClock } from '../layout/clock.ts';
import { CONTROL, THREAD } from '../layout/thread.ts';
import { formatWhoWaits } from '../observe/who-waits-text.ts';
import { whoWaits } from '../observe/who-waits.ts';
import { initialCounter } from '../storage/counter-page.ts';
import { prepareDataDir, verifyDataDir } from '../storage/data-dir.ts';
import { UNIV_PAGE_SIZE } from '../storage/page.ts';
import { nullStore } from '../storage/page-store.ts';
import { wakePageCleaner } from './cleaner-wake.ts';
import { logClosedTail, logCurrentLsn } from './log-sys.ts';
import { attachPool, attachPoolThread, makeSimplePool, type SimplePoolPlan } from './simple-pool.ts';
import { validateInstance } from './validate.ts';

const WORKER = new URL('../../dist/workers/buffer-actor.js', import.meta.url);
const SPACES = 3;
const PAGES = 200;
const SEED = 11;
/** What the threads have for coming to an end. */
const LIMIT_MS = 10_000;
/** What a run must have done to be worth something: rounds of the sessions, pages written, pages read. */
const WORTH = { rounds: 1000, pagesWritten: 50, reads: 200 };

let dir = '';
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'latchlab-pool-'));
});
afterEach(() => fs.rmSync(dir, { recursive: true }));

interface Setting {
  readonly sessions: number;
  readonly blocks: number;
  readonly instances: number;
  readonly nodes: number;
  readonly neighbors: number;
  readonly ms: number;
}

function report(plan: SimplePoolPlan, epochNs: bigint): string {
  const nowMs = Number((process.hrtime.bigint() - epochNs) / 1_000_000n);
  const mem = new Int32Array(plan.buffer);
  const arena = { words: mem.length, nodeStart: [], placements: [] };
  return formatWhoWaits(whoWaits({ mem, nowMs, plan: arena, ...plan.runtime }));
}

async function torture(s: Setting) {
  const data = prepareDataDir({
    dir: join(dir, 'data'),
    tablespaces: SPACES,
    pagesPerSpace: PAGES,
    seed: SEED,
  });
  const epochNs = process.hrtime.bigint();
  const clock = new RealClock(epochNs);
  const threads = s.sessions + s.nodes + 1;
  const made = makeSimplePool({
    clock,
    nodes: s.nodes,
    sysvars: { oldBlocksTicks: 50, lruScanDepth: 32, flushNeighbors: s.neighbors, maxDirtyPagesPctLwm: 1000 },
    config: {
      instances: s.instances,
      nStripes: 4,
      chunks: { bytes: s.blocks * UNIV_PAGE_SIZE, perInstance: 1 },
      oldBlocksPct: 37,
      nSpaces: SPACES + 1,
      nThreads: threads,
    },
  });
  // A small recent_closed buffer, so that it fills and wraps.
  const plan: SimplePoolPlan = { ...made, pool: { ...made.pool, recentClosedSlots: 32 } };
  const updates = new Int32Array(new SharedArrayBuffer(SPACES * PAGES * 4));
  const start = (role: BufferTask['role'], slot: number, node: number): Worker =>
    new Worker(WORKER, {
      workerData: {
        role,
        plan,
        slot,
        epochNs,
        files: data.files,
        pagesPerSpace: PAGES,
        updates,
        node,
      } satisfies BufferTask,
    });
  const cleaners = Array.from({ length: s.nodes }, (_, node) => start('cleaner', s.sessions + node, node));
  const sessions = Array.from({ length: s.sessions }, (_, i) => start('session', i, i % s.nodes));
  const pool = attachPool(plan, nullStore);
  const me = attachPoolThread(plan, threads - 1, clock, { checked: true });
  const { control } = plan.runtime;
  // Whoever broke may hold a latch for ever, and a validation that waits for it keeps timers from firing: so the wait
  // itself looks at the time, once per slice.
  const deadline = performance.now() + s.ms + LIMIT_MS;
  me.throwIfAborted = () => {
    if (performance.now() > deadline) throw new Error(`not done\n${report(plan, epochNs)}`);
  };
  const flag = (name: 'go' | 'stop' | 'cleanerStop'): void => {
    Atomics.store(me.mem, control + CONTROL.at[name], 1);
    Atomics.notify(me.mem, control + CONTROL.at[name]);
  };
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const outcome = async (workers: Worker[]): Promise<BufferResult[]> => {
    const hung = pause(s.ms + LIMIT_MS).then<never>(() => {
      throw new Error(`not done\n${report(plan, epochNs)}`);
    });
    const all = workers.map(async (w) => (await once(w, 'message'))[0] as BufferResult);
    return Promise.race([Promise.all(all), hung]);
  };
  try {
    const sessionsDone = outcome(sessions);
    const cleanersDone = outcome(cleaners);
    while (Atomics.load(me.mem, control + CONTROL.at.started) < threads - 1) await pause(2);
    flag('go');
    const during: string[] = [];
    const sum = (field: keyof typeof POOL_STAT.at): number => {
      let total = 0;
      const rows = threads * s.instances;
      for (let i = 0; i < rows; i++)
        total += me.mem[plan.pool.stats + i * POOL_STAT.words + POOL_STAT.at[field]];
      return total;
    };
    const rounds = (): number => {
      let total = 0;
      for (let i = 0; i < s.sessions; i++)
        total += me.mem[plan.runtime.threads + i * THREAD.words + THREAD.at.progress];
      return total;
    };
    const isWorth = (): boolean =>
      rounds() > WORTH.rounds && sum('pagesWritten') > WORTH.pagesWritten && sum('reads') > WORTH.reads;
    // On a busy machine longer than it was to take.
    for (const until = performance.now() + s.ms; performance.now() < until || !isWorth();) {
      me.throwIfAborted();
      for (const inst of pool.instances) during.push(...validateInstance(me, pool, inst, false));
      await pause(20);
    }
    flag('stop');
    const results = await sessionsDone;
    flag('cleanerStop');
    for (const inst of pool.instances) wakePageCleaner(pool, inst);
    results.push(...(await cleanersDone));
    const atRest = pool.instances.flatMap((inst) => validateInstance(me, pool, inst, true));
    return { plan, updates, results, during, atRest, sum, me, pool, data };
  } finally {
    await Promise.all([...sessions, ...cleaners].map((w) => w.terminate()));
  }
}

describe('torture', () => {
  it.each<[string, Setting]>([
    ['64 blocks, one instance', { sessions: 3, blocks: 64, instances: 1, nodes: 1, neighbors: 0, ms: 1500 }],
    [
      '2 × 64 blocks on two nodes',
      { sessions: 3, blocks: 64, instances: 2, nodes: 2, neighbors: 2, ms: 1500 },
    ],
    ['400 blocks: LRU batches', { sessions: 4, blocks: 400, instances: 1, nodes: 1, neighbors: 1, ms: 1500 }],
  ])('%s', async (_name, setting) => {
    const t = await torture(setting);
    expect(t.results.flatMap((r) => r.bad)).toEqual([]);
    expect(t.during).toEqual([]);
    expect(t.atRest).toEqual([]);
    // No update lost, none twice, no page torn, all checksums right: on disk, after the cleaner's last round.
    const wrong: string[] = [];
    verifyDataDir(t.data.dir, {
      onPage: (space, pageNo, counter) => {
        if (space === SPACES) return;
        const made = t.updates[(space - 1) * PAGES + pageNo];
        const expected = initialCounter(SEED, space, pageNo) + made;
        if (counter !== expected)
          wrong.push(`page ${space}:${pageNo} counts ${counter}, expected ${expected}`);
      },
    });
    expect(wrong).toEqual([]);
    expect(logClosedTail(t.me, t.pool)).toBe(logCurrentLsn(t.me, t.pool));
    // It was worth something.
    const ops = t.results.reduce((sum, r) => sum + r.ops, 0);
    expect(ops).toBeGreaterThan(WORTH.rounds);
    expect(t.sum('pagesWritten')).toBeGreaterThan(WORTH.pagesWritten);
    expect(t.sum('reads')).toBeGreaterThan(WORTH.reads);
    for (let i = 0; i < t.plan.runtime.nThreads; i++) {
      expect(t.me.mem[t.plan.runtime.threads + i * THREAD.words + THREAD.at.waitFor]).toBe(0);
    }
  });
});
