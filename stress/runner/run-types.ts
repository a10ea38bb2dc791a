/** What a stress run is told, what it tells meanwhile, and what comes of it. */
import type { Piscina } from 'piscina';
import type { EngineConfig, EngineShare } from '../../src/engine.ts';
import type { LogLine } from '../../src/layout/error-log.ts';
import type { AffinityResult } from '../../src/numa/affinity.ts';
import type { ProgramSet, SessionResult, SessionSpec } from '../../src/session/program/program.ts';
import type { Failure } from '../../workers/outcome.ts';
import type { CleanerDone } from '../../workers/page-cleaner.ts';
import type { ScriptEvent } from '../options/script.ts';
import type { Measured } from './telemetry.ts';
import type { ThreadHandling } from '../options/thread-handling.ts';
import type { Verdict } from '../verdict/verdict.ts';

/** What runs hand on to each other, so that the next finds its workers warm and its memory mapped. */
export interface Reuse {
  /** The workers of a node, made by `nodePool` for so many threads or more. They outlive the run. */
  pool(node: number, threads: number): Piscina;
  /** Memory for the arena: all zero, so many words or more. */
  memory(words: number): SharedArrayBuffer;
  /** The counter of each page on disk; null: not known, so the files are made or read. They are not read at the end. */
  readonly counters: Int32Array | null;
  /** Asked when the warm-up time is over: false makes the warm-up longer. */
  warm(share: EngineShare): boolean;
}

export interface RunOptions {
  readonly engine: EngineConfig;
  readonly sessions: readonly SessionSpec[];
  readonly programs: ProgramSet;
  /** How sessions get threads: `engine.threads` of them. */
  readonly threadHandling: ThreadHandling;
  /** Open loop: transactions a second of all sessions together; 0: closed loop. */
  readonly rate: number;
  /** Whether clients connect again after an error or a kill has ended their connection. */
  readonly reconnect: boolean;
  /** KILLs a second, of sessions at random. */
  readonly killRate: number;
  /** What is done at which time. */
  readonly script: readonly ScriptEvent[];
  /** Whether threads are bound to processors of their node. */
  readonly cpuBind: 'on' | 'off';
  /** Measured time, s; 0: until every session has done its statements or the trace is at its end. */
  readonly seconds: number;
  /** Time before that, s, which no figure of the report covers. Default 0. */
  readonly warmupSeconds?: number;
  /** Time between two samples, ms; at least 50. Default 1000. */
  readonly sampleMs?: number;
  /** Requests of a trace that the sessions share, 0 none. */
  readonly traceLength: number;
  /** A thread without progress for so long ends the run, s. So does a session that does not end for so long. */
  readonly watchdogSeconds: number;
  /** When no further worker has started for so long, the rest never will, s. Default 60. */
  readonly startSeconds?: number;
  /** What is taken over from earlier runs. */
  readonly reuse?: Reuse;
  /** Directory to which each thread writes its CPU profile. */
  readonly profileDir?: string | undefined;
}

/** What the caller hears while the run goes on. */
export interface RunEvents {
  preparing?(done: number, total: number): void;
  verifying?(done: number, total: number): void;
  /** Everything is laid out and the data files are sound; there are no threads yet. */
  created?(share: EngineShare): void;
  /** All threads are there; none has begun. */
  started?(share: EngineShare, pools: readonly Piscina[]): void;
  /** Once a second, with the measured time so far: negative in the warm-up. */
  tick?(share: EngineShare, measuredMs: number): void;
  phase?(text: string): void;
}

export interface RunResult {
  readonly share: EngineShare;
  /** What was counted after the warm-up, until the sessions had done their last statement. */
  readonly measured: Measured;
  /** These and all below are of the whole run. */
  readonly sessions: readonly SessionResult[];
  /** What became of binding threads to processors; null: it was not asked for. */
  readonly affinity: readonly AffinityResult[] | null;
  /** What --at and --kill-rate did, in lines. */
  readonly script: readonly string[];
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
