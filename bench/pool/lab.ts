/**
 * Where the rounds of all cells are run: workers, memory and data files that outlive them. A worker whose code is
 * still being compiled is many times slower than it will be, and fresh memory has to be mapped page by page; who starts
 * both anew for each round measures mostly that. Data files are verified page by page before the first round of each
 * data set and after the last; between rounds the counters that each page must have are handed on, so that what a round
 * writes wrongly is found by the next that reads it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Piscina } from 'piscina';
import { type EngineConfig, type EngineShare, planEngine } from '../../src/engine.ts';
import { SYSVARS } from '../../src/layout/thread.ts';
import { poolGauges } from '../../src/observe/pool-stats.ts';
import { nodePool, workersOfNode } from '../../stress/runner/crew.ts';
import { DataFiles } from '../../stress/runner/data-files.ts';
import { renderReport } from '../../stress/report/report-text.ts';
import { buildReport, type StressReport } from '../../stress/report/report.ts';
import type { Reuse } from '../../stress/runner/run-types.ts';
import { StressRun } from '../../stress/runner/runner.ts';
import type { PoolPlan } from './options.ts';

/** Processor seconds of a session until its worker's code is compiled. */
const COMPILE_SECONDS = { full: 1.5, quick: 0.5 } as const;
const WARM_UP_RUN_SECONDS = 0.3;
const LONGEST_WARM_UP_MS = 20_000;
/** A warm-up that does not fill the pool is over after so many seconds more. */
const LONGEST_FILL_MS = 2000;
/** Of the data that fits, so much is in the pool when it is full: the rest may take for ever. */
const FILLED = 0.9;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A round whose invariants do not hold. The message is the run's report. */
export class PoolRunFailed extends Error {
  override readonly name = 'PoolRunFailed';
}

/** The data files of one size, and their pages' counters after the last run. */
interface DataSet {
  readonly share: EngineShare;
  readonly counters: Int32Array;
}

export class PoolLab {
  private readonly quick: boolean;
  /** All that will be run here. */
  private readonly plans: PoolPlan[] = [];
  private root: string | null = null;
  private users = 0;
  private failed = false;
  private arena: SharedArrayBuffer | null = null;
  private readonly pools: Piscina[] = [];
  private readonly data = new Map<string, DataSet>();
  private signals = 0;

  constructor(quick: boolean) {
    this.quick = quick;
  }

  /** Says that the plan will be run. Before anything is opened. */
  expect(plan: PoolPlan): void {
    this.plans.push(plan);
  }

  /** Once for each case; the first makes everything and runs until the workers' code is compiled. */
  async open(): Promise<void> {
    if (this.users++ > 0) return;
    this.failed = false;
    this.root = mkdtempSync(join(tmpdir(), 'latchlab-bench-'));
    for (const signal of SIGNALS) process.on(signal, this.onSignal);
    process.on('exit', this.removeFiles);
    await this.warmUp();
  }

  /** The plans with most threads in turn, until the processor time has gone in that compiling takes. */
  private async warmUp(): Promise<void> {
    const most = Math.max(...this.plans.map((p) => p.run.engine.threads));
    const plans = this.plans.filter((p) => p.run.engine.threads === most);
    const wanted = COMPILE_SECONDS[this.quick ? 'quick' : 'full'] * most;
    const began = performance.now();
    const before = process.cpuUsage();
    for (let i = 0; ; i = (i + 1) % plans.length) {
      await this.run(plans[i], WARM_UP_RUN_SECONDS);
      const { user, system } = process.cpuUsage(before);
      const late = performance.now() - began > LONGEST_WARM_UP_MS;
      if ((user + system) / 1e6 > wanted || late || this.signals > 0) return;
    }
  }

  /** The last one verifies the data files and removes everything. @throws PoolRunFailed */
  async close(): Promise<void> {
    if (--this.users > 0) return;
    try {
      if (!this.failed) await this.verify();
    } finally {
      await Promise.all(this.pools.splice(0).map((pool) => pool.destroy()));
      this.data.clear();
      this.arena = null;
      for (const signal of SIGNALS) process.off(signal, this.onSignal);
      process.off('exit', this.removeFiles);
      this.removeFiles();
    }
  }

  /** @throws PoolRunFailed when an invariant does not hold */
  async run(plan: PoolPlan, seconds = plan.run.seconds): Promise<StressReport> {
    const { engine } = plan.run;
    const key = dataKey(engine);
    const config = { ...engine, dataDir: join(this.root ?? '', key) };
    this.failed = true;
    const reuse = this.reuse(this.data.get(key)?.counters ?? null);
    const result = await new StressRun({ ...plan.run, engine: config, seconds, reuse }).run();
    const report = buildReport(plan.stress, result);
    if (report.verdict !== 'ok') throw new PoolRunFailed(renderReport(report));
    this.failed = false;
    const { share } = result;
    const { ledger } = share.plan;
    const counters = new Int32Array(share.buffer).slice(ledger, ledger + pagesOf(engine));
    this.data.set(key, { share, counters });
    return report;
  }

  private reuse(counters: Int32Array | null): Reuse {
    let asked = 0;
    return {
      counters,
      pool: (node, threads) => this.workers(node, threads),
      memory: (words) => this.memory(words),
      warm: (share) => {
        asked ||= performance.now();
        return isFull(share) || performance.now() - asked > LONGEST_FILL_MS;
      },
    };
  }

  /** As many as any plan needs, so that no round finds cold ones. */
  private workers(node: number, threads: number): Piscina {
    const most = this.plans.map((p) => workersOfNode(p.run.engine, node));
    return (this.pools[node] ??= nodePool(node, Math.max(threads, ...most)));
  }

  private memory(words: number): SharedArrayBuffer {
    const bytes = words * Int32Array.BYTES_PER_ELEMENT;
    if (this.arena !== null && this.arena.byteLength >= bytes) {
      new Int32Array(this.arena, 0, words).fill(0);
      return this.arena;
    }
    const most = this.plans.map((p) => planEngine(p.run.engine).arena.words);
    this.arena = new SharedArrayBuffer(Math.max(words, ...most) * Int32Array.BYTES_PER_ELEMENT);
    return this.arena;
  }

  /** Every page of every data set is on disk as the last run left it. */
  private async verify(): Promise<void> {
    for (const { share, counters } of this.data.values()) {
      new Int32Array(share.buffer).set(counters, share.plan.ledger);
      const verdict = await new DataFiles(share, {}).check();
      const violations = verdict?.violations ?? [];
      if (violations.length > 0) throw new PoolRunFailed([verdict?.invariant, ...violations].join('\n'));
    }
  }

  /** The second one ends the process: whoever counts the first stops after a round, in which all this is closed. */
  private readonly onSignal = (signal: NodeJS.Signals): void => {
    this.signals++;
    if (this.signals === 1 && process.listenerCount(signal) > 1) return;
    this.removeFiles();
    process.off(signal, this.onSignal);
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };

  private readonly removeFiles = (): void => {
    if (this.root !== null) rmSync(this.root, { recursive: true, force: true });
  };
}

const pagesOf = (e: EngineConfig): number => e.tablespaces * e.pagesPerSpace;

/** Runs with the same key can share data files. */
const dataKey = (e: EngineConfig): string => `${e.tablespaces}x${e.pagesPerSpace}-${e.seed}`;

/** Whether each instance has given out its free blocks, or most of the data is in the pool. */
function isFull(share: EngineShare): boolean {
  const mem = new Int32Array(share.buffer);
  const { config, plan } = share;
  const depth = mem[plan.runtime.sysvars + SYSVARS.at.lruScanDepth];
  const gauges = plan.pool.instances.map(({ at }) => poolGauges(mem, at));
  if (gauges.every((g) => g.free <= depth)) return true;
  return gauges.reduce((n, g) => n + g.lru, 0) >= FILLED * pagesOf(config);
}
