/** What a run tells, as data for tools; report-text.ts makes it text for people. */
import { cpus, release, type } from 'node:os';
import type { RecordableHistogram } from 'node:perf_hooks';
import { CLEANER } from '../src/layout/buffer.ts';
import { Psi } from '../src/memory/psi/psi.ts';
import { type MemorySummary, memorySummary } from '../src/memory/psi/psi-tables.ts';
import { type UtStatSum, utStatSum } from '../src/memory/psi/psi-ut-stat.ts';
import { type LatencyBucket, latencyBuckets } from '../src/observe/latency-buckets.ts';
import type { LruPicture } from '../src/observe/lru-picture.ts';
import { addPoolStats, innodbStatus } from '../src/observe/pool-stats.ts';
import type { Sample } from '../src/observe/sample.ts';
import type { WaitForSnapshot } from '../src/observe/wait-snapshot.ts';
import type { WaitStatRow } from '../src/observe/wait-stats.ts';
import type { SessionResult } from '../src/session/program.ts';
import type { InstanceReport } from './measured.ts';
import type { StressPlan } from './options.ts';
import type { RunResult } from './run-types.ts';
import type { Verdict } from './verdict.ts';

export type { InstanceReport } from './measured.ts';

const PERCENTILES = [50, 90, 95, 99, 99.9] as const;

/** A row of memory_summary_global_by_event_name, and what `ut_allocator` tells beside it. */
export type MemoryReport = MemorySummary & Pick<UtStatSum, 'retries' | 'failures'>;

/**
 * Figures of work (statements to nodeMatrix, series, histogram, LRU) cover what came after the warm-up, until the
 * sessions had done their last statement. Sessions, memory, cleaners and verdicts are of the whole run.
 */
export interface StressReport {
  readonly scenario: string;
  readonly seed: number;
  /** The command line that repeats the run. */
  readonly command: string;
  readonly verdict: 'ok' | 'violated' | 'failed' | 'stuck' | 'given up';
  readonly interrupted: boolean;
  /** Measured time; 0 when the run ended in its warm-up. */
  readonly seconds: number;
  readonly machine: {
    readonly node: string;
    readonly v8: string;
    readonly cpu: string;
    readonly cores: number;
    readonly os: string;
  };
  readonly settings: StressPlan['settings'];
  readonly statements: number;
  readonly statementsPerSecond: number;
  readonly getsPerSecond: number;
  readonly hitRatio: number;
  readonly latencyUs: Readonly<Record<string, number>>;
  /** Ascending, without empty ends. */
  readonly latencyHistogram: readonly LatencyBucket[];
  /** Counters cumulative; the first is at 0, the last at the end. */
  readonly series: readonly Sample[];
  readonly sessions: readonly SessionResult[];
  readonly status: Readonly<Record<string, number>>;
  readonly instances: readonly InstanceReport[];
  readonly latches: readonly WaitStatRow[];
  readonly nodeMatrix: readonly (readonly number[])[];
  /** Of all looks the one with the most waiting threads; null: nobody was ever seen to wait. */
  readonly waitFor: WaitForSnapshot | null;
  /** By instance, at the end of the measured time. */
  readonly lru: readonly LruPicture[];
  readonly memory: readonly MemoryReport[];
  readonly cleaners: readonly Record<string, number>[];
  readonly errorLog: readonly {
    readonly priority: string;
    readonly subsystem: string;
    readonly text: string;
  }[];
  readonly verdicts: readonly Verdict[];
  readonly failures: RunResult['failures'];
  readonly stuck: string | null;
  /** Threads that ended because the run was given up, and names of those that had to be terminated. */
  readonly aborted: number;
  readonly terminated: readonly string[];
}

export function buildReport(plan: StressPlan, r: RunResult): StressReport {
  const { share } = r;
  const mem = new Int32Array(share.buffer);
  const { pool } = share.plan;
  const { totals, series, latency, waitFor, lru } = r.measured;
  const { statements, instances } = totals;
  const sum = addPoolStats(instances.map((i) => i.counters));
  const seconds = r.measured.elapsedMs / 1000;
  const perSecond = (n: number): number => (seconds === 0 ? 0 : Math.round(n / seconds));
  return {
    scenario: plan.scenario,
    seed: share.config.seed,
    command: plan.command,
    verdict: verdictOf(r),
    interrupted: r.stops > 0,
    seconds: round(seconds, 3),
    machine: {
      node: process.version,
      v8: process.versions.v8,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      os: `${type()} ${release()}`,
    },
    settings: plan.settings,
    statements,
    statementsPerSecond: perSecond(statements),
    getsPerSecond: perSecond(sum.pageGets),
    hitRatio: sum.pageGets === 0 ? 0 : round(1 - sum.pagesRead / sum.pageGets, 4),
    latencyUs: latencyUs(latency),
    latencyHistogram: latencyBuckets(latency),
    series,
    sessions: r.sessions.toSorted((a, b) => a.session - b.session),
    status: innodbStatus(sum, instances),
    instances,
    latches: totals.latches.filter((row) => row.acquired > 0),
    nodeMatrix: totals.nodeMatrix,
    waitFor,
    lru,
    memory: memoryReport(mem, new Psi(share.plan.psi)),
    cleaners: r.cleaners.map((c) => {
      const at = pool.cleaners + c.node * CLEANER.words;
      const { rounds, earlyRounds, lateRounds } = CLEANER.at;
      return {
        ...c,
        rounds: mem[at + rounds],
        earlyRounds: mem[at + earlyRounds],
        lateRounds: mem[at + lateRounds],
      };
    }),
    errorLog: r.log,
    verdicts: r.verdicts,
    failures: r.failures,
    stuck: r.stuck,
    aborted: r.aborted,
    terminated: r.terminated,
  };
}

/** Instruments that something was allocated for, or asked for in vain. */
function memoryReport(mem: Int32Array, psi: Psi): MemoryReport[] {
  return psi.keys
    .map(({ key }) => {
      const { retries, failures } = utStatSum(mem, psi, key);
      return { ...memorySummary(mem, psi, key), retries, failures };
    })
    .filter((m) => m.COUNT_ALLOC > 0 || m.retries > 0 || m.failures > 0);
}

/** What came first decides: a failure gives the run up at once, so a run that is stuck had none before. */
function verdictOf(r: RunResult): StressReport['verdict'] {
  if (r.stops > 1 && r.stuck !== null) return 'given up';
  if (r.stuck !== null) return 'stuck';
  if (r.failures.length > 0) return 'failed';
  return r.verdicts.some((v) => v.violations.length > 0) ? 'violated' : 'ok';
}

function latencyUs(h: RecordableHistogram): Record<string, number> {
  if (h.count === 0) return {};
  const us = (ns: number): number => round(ns / 1000, 1);
  return Object.fromEntries([
    ['mean', us(h.mean)],
    ...PERCENTILES.map((p) => [`p${p}`, us(h.percentile(p))]),
    ['max', us(h.max)],
  ]) as Record<string, number>;
}

export const round = (n: number, digits: number): number => Number(n.toFixed(digits));
