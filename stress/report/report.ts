/** What a run tells, as data for tools; report-text.ts makes it text for people. */
import { cpus, release, type } from 'node:os';
import { CLEANER } from '../../src/layout/buffer.ts';
import { Psi } from '../../src/memory/psi/psi.ts';
import {
  type MemoryByAccount,
  type MemorySummary,
  memorySummary,
  memorySummaryByAccount,
} from '../../src/memory/psi/psi-tables.ts';
import { type UtStatSum, utStatSum } from '../../src/memory/psi/psi-ut-stat.ts';
import { type LatencyBucket, latencyBuckets } from '../../src/observe/latency-buckets.ts';
import type { LruPicture } from '../../src/observe/lru-picture.ts';
import { addPoolStats, innodbStatus } from '../../src/observe/pool-stats.ts';
import type { Sample } from '../../src/observe/sample.ts';
import type { WaitForSnapshot } from '../../src/observe/wait-snapshot.ts';
import type { WaitStatRow } from '../../src/observe/wait-stats.ts';
import type { SessionResult } from '../../src/session/program/program.ts';
import type { LimitCurve } from '../limit/curve.ts';
import { checkLimitDemo, type LimitDemo, limitDemo } from '../limit/demo.ts';
import type { InstanceReport } from '../runner/measured.ts';
import { type NumaReport, numaReport } from './numa-text.ts';
import type { StressPlan } from '../options/options.ts';
import { checkProcessMemory, type ProcessMemory } from '../runner/process-memory.ts';
import {
  type ErrorReport,
  errorReports,
  type Ladder,
  ladderOf,
  type LimitsReport,
  limitsReport,
  type ProgramReport,
  programReports,
  type SysbenchReport,
  sessionStatus,
  sysbenchReport,
} from './report-figures.ts';
import type { RunResult } from '../runner/run-types.ts';
import { foldSessions, type SessionFold } from './sessions-text.ts';
import type { Verdict } from '../verdict/verdict.ts';

export type { InstanceReport } from '../runner/measured.ts';

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
  /** Of transactions; in the open loop from the moment when they were due. */
  readonly latencyUs: Ladder;
  readonly programs: readonly ProgramReport[];
  readonly sysbench: SysbenchReport;
  /** Ascending, without empty ends. */
  readonly latencyHistogram: readonly LatencyBucket[];
  /** Counters cumulative; the first is at 0, the last at the end. */
  readonly series: readonly Sample[];
  readonly sessions: readonly SessionResult[];
  /** The same by program and node. */
  readonly sessionFolds: readonly SessionFold[];
  readonly errors: readonly ErrorReport[];
  readonly limits: LimitsReport;
  /** The demonstration of connection_memory_limit, and what chunks cost; null: another scenario. */
  readonly limitDemo: LimitDemo | null;
  readonly limitCurve: LimitCurve | null;
  /** What --at and --kill-rate did, in lines. */
  readonly script: readonly string[];
  readonly status: Readonly<Record<string, number>>;
  readonly instances: readonly InstanceReport[];
  readonly latches: readonly WaitStatRow[];
  readonly nodeMatrix: readonly (readonly number[])[];
  /** Of all looks the one with the most waiting threads; null: nobody was ever seen to wait. */
  readonly waitFor: WaitForSnapshot | null;
  /** By instance, at the end of the measured time. */
  readonly lru: readonly LruPicture[];
  readonly numa: NumaReport;
  readonly memory: readonly MemoryReport[];
  /** memory_summary_by_account_by_event_name, without rows of instruments that were not used. */
  readonly accounts: readonly MemoryByAccount[];
  /** null: it was not watched, or nothing ever began. */
  readonly processMemory: ProcessMemory | null;
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

/** What is known beside the run itself. */
export interface Beside {
  /** What was seen of the process, if it was watched. */
  readonly processMemory?: ProcessMemory | null;
  /** What chunks of different sizes cost, if that was measured. */
  readonly curve?: LimitCurve | null;
}

export function buildReport(
  plan: StressPlan,
  result: RunResult,
  { processMemory = null, curve = null }: Beside = {},
): StressReport {
  const demo = plan.limitDemo
    ? limitDemo({
        share: result.share,
        specs: plan.run.sessions,
        results: result.sessions,
        log: result.log,
        series: result.measured.series,
        warmupMs: 1000 * (plan.run.warmupSeconds ?? 0),
      })
    : null;
  const r: RunResult = { ...result, verdicts: withMore(plan, result, demo, processMemory) };
  const { share } = r;
  const mem = new Int32Array(share.buffer);
  const { pool } = share.plan;
  const psi = new Psi(share.plan.psi);
  const { totals, series, latency, latencies, threads, waitFor, lru } = r.measured;
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
    latencyUs: ladderOf(latency),
    programs: programReports(plan.run, latencies, seconds),
    sysbench: sysbenchReport(totals.sessions, threads),
    latencyHistogram: latencyBuckets(latency),
    series,
    sessions: r.sessions.toSorted((a, b) => a.session - b.session),
    sessionFolds: foldSessions(r.sessions.toSorted((a, b) => a.session - b.session)),
    errors: errorReports(r.sessions),
    limits: limitsReport(share, r.sessions, series, r.script),
    limitDemo: demo,
    limitCurve: curve,
    script: r.script,
    status: { ...innodbStatus(sum, instances), ...sessionStatus(mem, share.plan.globalConnMem, r.sessions) },
    instances,
    latches: totals.latches.filter((row) => row.acquired > 0),
    nodeMatrix: totals.nodeMatrix,
    waitFor,
    lru,
    numa: numaReport({ share, ...totals, affinity: r.affinity }),
    memory: memoryReport(mem, psi),
    accounts: memorySummaryByAccount(mem, psi).filter((row) => row.COUNT_ALLOC > 0),
    processMemory,
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

/** The invariants of the run, and what the scenario asks for besides; none when the run did not get so far. */
function withMore(
  plan: StressPlan,
  { verdicts, stops }: RunResult,
  demo: LimitDemo | null,
  processMemory: ProcessMemory | null,
): readonly Verdict[] {
  if (verdicts.length === 0) return [];
  const hogBytes = Number(plan.settings['hog-bytes']);
  return [
    ...verdicts,
    ...(demo === null ? [] : [checkLimitDemo(demo, hogBytes, stops > 0)]),
    ...(plan.memoryBill && processMemory !== null ? [checkProcessMemory(processMemory)] : []),
  ];
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

export const round = (n: number, digits: number): number => Number(n.toFixed(digits));
