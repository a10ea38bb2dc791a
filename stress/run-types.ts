/** What a stress run is told, what it tells meanwhile, and what comes of it. */
import type { RecordableHistogram } from 'node:perf_hooks';
import type { Piscina } from 'piscina';
import type { EngineConfig, EngineShare } from '../src/engine.ts';
import type { LogLine } from '../src/layout/error-log.ts';
import type { SessionResult, SessionSpec } from '../src/session/program.ts';
import type { Failure } from '../workers/outcome.ts';
import type { CleanerDone } from '../workers/page-cleaner.ts';
import type { Verdict } from './verdict.ts';

export interface RunOptions {
  readonly engine: EngineConfig;
  readonly sessions: readonly SessionSpec[];
  /** Run time, s; 0: until every session has done its statements or the trace is at its end. */
  readonly seconds: number;
  /** Requests of a trace that the sessions share, 0 none. */
  readonly traceLength: number;
  /** A thread without progress for so long ends the run, s. So does a session that does not end for so long. */
  readonly watchdogSeconds: number;
  /** When no further worker has started for so long, the rest never will, s. Default 60. */
  readonly startSeconds?: number;
}

/** What the caller hears while the run goes on. */
export interface RunEvents {
  preparing?(done: number, total: number): void;
  verifying?(done: number, total: number): void;
  /** Everything is laid out and the data files are sound; there are no threads yet. */
  created?(share: EngineShare): void;
  /** All threads are there; none has begun. */
  started?(share: EngineShare, pools: readonly Piscina[]): void;
  /** Once a second. */
  tick?(share: EngineShare, elapsedMs: number): void;
  phase?(text: string): void;
}

export interface RunResult {
  readonly share: EngineShare;
  readonly elapsedMs: number;
  readonly sessions: readonly SessionResult[];
  readonly latency: RecordableHistogram;
  readonly cleaners: readonly CleanerDone[];
  readonly log: readonly LogLine[];
  readonly verdicts: readonly Verdict[];
  /** The earliest first. */
  readonly failures: readonly Failure[];
  /** What was stuck, and who waited for whom, when the watchdog or the user gave the run up. */
  readonly stuck: string | null;
  /** Threads that ended because the run was given up, and those that had to be terminated. */
  readonly aborted: number;
  readonly terminated: readonly string[];
  /** How often the user asked for the end: 1 early and clean, 2 given up. */
  readonly stops: number;
}

/** The user ended the run before it began: there is nothing to report. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}
