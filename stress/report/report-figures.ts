/** Figures of a report beside the buffer pool: sysbench's summary, latency by program, errors, limits. Plain data. */
import type { RecordableHistogram } from 'node:perf_hooks';
import type { EngineShare } from '../../src/engine.ts';
import { GLOBAL_CONN_MEM } from '../../src/layout/session.ts';
import { getU53 } from '../../src/layout/words.ts';
import { NO_LIMIT } from '../../src/memory/os/os-memory.ts';
import type { Sample } from '../../src/observe/sample.ts';
import type { SessionResult } from '../../src/session/program/program.ts';
import { connMemStatus } from '../../src/session/limits/status-variables.ts';
import type { RunOptions } from '../runner/run-types.ts';
import type { SessionTotals } from '../runner/session-totals.ts';
import type { ThreadWork } from '../runner/telemetry.ts';
import { type Spread, spreadOf, sumErrors } from './sessions-text.ts';

const PERCENTILES = [50, 75, 90, 95, 99, 99.9, 99.99] as const;
const G = GLOBAL_CONN_MEM.at;

/** µs by the name of the percentile, from `min` to `max`; empty when nothing was measured. */
export type Ladder = Readonly<Record<string, number>>;

/** A histogram in ns as percentiles in µs. */
export function ladderOf(h: RecordableHistogram): Ladder {
  if (h.count === 0) return {};
  const us = (ns: number): number => Number((ns / 1000).toFixed(1));
  return Object.fromEntries([
    ['min', us(h.min)],
    ['mean', us(h.mean)],
    ...PERCENTILES.map((p) => [`p${p}`, us(h.percentile(p))] as const),
    ['max', us(h.max)],
  ]);
}

/** Transactions of one program. */
export interface ProgramReport {
  readonly program: string;
  /** Sessions that run it, at least for a time. */
  readonly sessions: number;
  readonly transactions: number;
  readonly transactionsPerSecond: number;
  readonly latencyUs: Ladder;
}

/** What sysbench prints at the end. A query is a statement. */
export interface SysbenchReport {
  readonly queries: { readonly read: number; readonly write: number; readonly other: number };
  readonly transactions: number;
  readonly errors: number;
  readonly reconnects: number;
  /** Sum of all latencies, µs. */
  readonly latencySumUs: number;
  readonly threads: { readonly events: Spread; readonly seconds: Spread };
}

/** @param latencies by program, in their order */
export function programReports(
  { programs: { programs }, sessions }: Pick<RunOptions, 'programs' | 'sessions'>,
  latencies: readonly RecordableHistogram[],
  seconds: number,
): ProgramReport[] {
  return programs.map(({ name }, program) => {
    const h = latencies[program];
    return {
      program: name,
      sessions: sessions.filter((s) => s.program === program || s.then?.program === program).length,
      transactions: h.count,
      transactionsPerSecond: seconds === 0 ? 0 : Math.round(h.count / seconds),
      latencyUs: ladderOf(h),
    };
  });
}

/** @param threads what each did */
export function sysbenchReport(all: SessionTotals, threads: readonly ThreadWork[]): SysbenchReport {
  const { read, write, other, errors, reconnects } = all;
  return {
    queries: { read, write, other },
    transactions: threads.reduce((n, t) => n + t.transactions, 0),
    errors,
    reconnects,
    latencySumUs: threads.reduce((us, t) => us + t.us, 0),
    threads: {
      events: spreadOf(threads.map((t) => t.transactions)),
      seconds: spreadOf(threads.map((t) => t.us / 1e6)),
    },
  };
}

/** An error that sessions met. */
export interface ErrorReport {
  readonly code: number;
  readonly count: number;
  /** One of the texts, word for word. */
  readonly text: string;
  /** Sessions whose connection it ended last. */
  readonly ended: number;
}

const TEXTS: Readonly<Record<number, string>> = {
  5: 'Out of memory (Needed n bytes)',
  34: 'Memory capacity exceeded (capacity n bytes)',
  1053: 'Server shutdown in progress',
  1153: "Got a packet bigger than 'max_allowed_packet' bytes",
  1184: "Aborted connection n to db: 'unconnected' user: 'app' host: 'localhost' (init_connect command failed)",
  1227:
    'Access denied; you need (at least one of) the SUPER, SYSTEM_VARIABLES_ADMIN or SESSION_VARIABLES_ADMIN ' +
    'privilege(s) for this operation',
  1317: 'Query execution was interrupted',
  3024: 'Query execution was interrupted, maximum statement execution time exceeded',
  4081: 'Connection closed. Global connection memory limit n bytes exceeded. Consumed n bytes.',
  4082: 'Connection closed. Connection memory limit n bytes exceeded. Consumed n bytes.',
};

export function errorReports(sessions: readonly Pick<SessionResult, 'killed' | 'errors'>[]): ErrorReport[] {
  return Object.entries(sumErrors(sessions))
    .map(([key, count]): ErrorReport => {
      const code = Number(key);
      const ended = sessions.filter((s) => s.killed?.code === code);
      const text = ended[0]?.killed?.text ?? TEXTS[code] ?? '';
      return { code, count, text, ended: ended.length };
    })
    .toSorted((a, b) => b.count - a.count || a.code - b.code);
}

/** SHOW GLOBAL STATUS of sessions and their memory, by MySQL's names. @param connMem the GLOBAL_CONN_MEM record */
export function sessionStatus(
  mem: Int32Array,
  connMem: number,
  sessions: readonly SessionResult[],
): Record<string, number> {
  const sum = (pick: (s: SessionResult) => number): number => sessions.reduce((n, s) => n + pick(s), 0);
  return {
    ...connMemStatus(mem, connMem),
    Connections: sum((s) => s.connections),
    Questions: sum((s) => s.total),
    Max_execution_time_exceeded: sumErrors(sessions)[3024] ?? 0,
  };
}

/** Connection memory: its limits as they are at the end, and what came of them. */
export interface LimitsReport {
  readonly status: Readonly<Record<string, number>>;
  /** Largest Global_connection_memory of the samples. */
  readonly peakBytes: number;
  /** Bytes; null: none. */
  readonly globalLimit: number | null;
  readonly sessionLimit: number | null;
  readonly chunkSize: number;
  readonly tracking: boolean;
  /** Times that the global counter was changed. */
  readonly updates: number;
  /** Connections that were ended by each limit; KILLs that found whom they meant. */
  readonly endedBySessionLimit: number;
  readonly endedByGlobalLimit: number;
  readonly kills: number;
  readonly queryKills: number;
  /** Errors that sessions met because of a KILL of either kind, and of max_execution_time. */
  readonly interrupted: number;
  readonly timedOut: number;
}

export function limitsReport(
  { buffer, plan }: EngineShare,
  sessions: readonly SessionResult[],
  series: readonly Sample[],
  script: readonly string[],
): LimitsReport {
  const mem = new Int32Array(buffer);
  const at = plan.globalConnMem;
  const limit = (field: number): number | null => {
    const bytes = getU53(mem, at + field);
    return bytes === NO_LIMIT ? null : bytes;
  };
  const errors = sumErrors(sessions);
  return {
    status: connMemStatus(mem, at),
    peakBytes: series.reduce((most, s) => Math.max(most, s.connectionMemory), 0),
    globalLimit: limit(G.limit),
    sessionLimit: limit(G.sessionLimit),
    chunkSize: mem[at + G.chunkSize],
    tracking: mem[at + G.tracking] !== 0,
    updates: mem[at + G.updates] >>> 0,
    endedBySessionLimit: errors[4082] ?? 0,
    endedByGlobalLimit: errors[4081] ?? 0,
    kills: script.filter((line) => /KILL \d+: done$/.test(line)).length,
    queryKills: script.filter((line) => /KILL QUERY \d+: done$/.test(line)).length,
    interrupted: errors[1317] ?? 0,
    timedOut: errors[3024] ?? 0,
  };
}
