/** A worker as a thread of a run: what it opens and compiles once, and keeps from task to task. */
import type { RecordableHistogram } from 'node:perf_hooks';
import {
  type Attached,
  attachEngine,
  type EngineShare,
  nodeOfThread,
  sessionAt,
  threadSlot,
} from '../src/engine.ts';
import type { LogLine } from '../src/layout/error-log.ts';
import { CONTROL } from '../src/layout/thread.ts';
import { heapTrim } from '../src/memory/heap/heap-trim.ts';
import { type AffinityResult, bindThread } from '../src/numa/affinity.ts';
import type { ProgramSet, SessionSpec } from '../src/session/program/program.ts';
import { makeProgramRuns, type ProgramRun } from '../src/session/program/program-run.ts';
import type { SessionEnv } from '../src/session/session-env.ts';
import type { SessionOptions } from '../src/session/session.ts';
import { Yard } from '../src/session/program/yard.ts';
import type { IoCounts } from '../src/storage/page-store.ts';
import { THREAD_KIND } from '../src/sync/thread.ts';
import { logOf } from './outcome.ts';
import { profileTarget, ThreadProfile, threadProfile, writeProfile } from './profile.ts';

/** What a worker is told when it joins a run. */
export interface AttachTask {
  readonly share: EngineShare;
  readonly node: number;
  /** By session. */
  readonly sessions: readonly SessionSpec[];
  readonly programs: ProgramSet;
  /** Transactions a second of each session; 0: closed loop. */
  readonly perSecond: number;
  readonly reconnect: boolean;
  /** Time of the whole run, us, in which connections take turns; 0: it has none. */
  readonly runUs: number;
  /** Requests of the trace that sessions replay together; Infinity when there is none. */
  readonly traceLength: number;
  /** By program. */
  readonly latency: readonly RecordableHistogram[];
  /** Whether the thread is bound to processors of its node. */
  readonly cpuBind: boolean;
  /** Directory for the thread's CPU profile; null: none. */
  readonly profileDir: string | null;
}

/** What a thread leaves when it goes. */
export interface Left {
  readonly thread: number;
  readonly log: readonly LogLine[];
  readonly io: IoCounts;
}

/** Names a run among those that a worker takes part in, one after the other. */
export const runId = (share: EngineShare): string => String(share.epochNs);

/** Threads of a node that run sessions. */
export function threadsOfNode({ threads, nodes }: EngineShare['config'], node: number): number {
  return Math.floor((threads - node + nodes - 1) / nodes);
}

export class RunThread {
  readonly run: string;
  readonly thread: number;
  readonly attached: Attached;
  readonly env: SessionEnv;
  readonly runs: readonly ProgramRun[];
  readonly options: SessionOptions;
  /** What came of binding it to processors; null: not asked for. */
  readonly affinity: AffinityResult | null;
  private readonly profile: ThreadProfile | null;

  /** Takes the next seat of its node. @throws when files cannot be opened, and when every seat is taken */
  constructor(task: AttachTask) {
    const { share, node, profileDir } = task;
    const { config, plan } = share;
    const seats = plan.runtime.control + CONTROL.at.seats + node;
    const thread = node + config.nodes * Atomics.add(new Int32Array(share.buffer), seats, 1);
    if (thread >= config.threads) throw new Error(`node ${nodeOfThread(config, thread)} has no more seats`);
    this.run = runId(share);
    this.thread = thread;
    const a = attachEngine(share, threadSlot(thread), THREAD_KIND.session, node, thread);
    this.attached = a;
    this.env = {
      thr: a.thr,
      pool: a.pool,
      my: a.my,
      psi: a.env.psi,
      log: a.log,
      traceLength: task.traceLength,
      yard:
        plan.yard === null
          ? null
          : new Yard({
              thr: a.thr,
              env: a.env,
              alloc: a.alloc,
              pool: a.pool,
              plan: plan.yard,
              thread,
              threads: config.threads,
            }),
      pages: {
        pool: a.pool,
        ledger: plan.ledger,
        tables: plan.tables,
        pagesPerSpace: config.pagesPerSpace,
        count: config.tablespaces * config.pagesPerSpace,
      },
    };
    this.options = {
      specs: task.sessions,
      first: sessionAt(plan, 0),
      perSecond: task.perSecond,
      reconnect: task.reconnect,
      runUs: task.runUs,
      threads: threadsOfNode(config, node),
      latency: task.latency,
      io: a.store.counts,
    };
    this.runs = makeProgramRuns(this.env, task.programs);
    this.affinity = task.cpuBind ? bindThread(node, config.nodes) : null;
    const target = profileTarget(profileDir, threadProfile(node, thread));
    this.profile = target === null ? null : new ThreadProfile(target);
  }

  /** The SESSION record of a session. */
  at(session: number): number {
    return sessionAt(this.attached.share.plan, session);
  }

  /**
   * Leaves the run.
   * @param whole whether it came to its end: otherwise it may hold latches, and only tells what it knows
   */
  leave(whole: boolean): Left {
    const { thr, store, alloc } = this.attached;
    if (whole) {
      this.env.yard?.close();
      for (const os of alloc.allOs) heapTrim(thr, os);
    }
    store.close();
    const lost = this.profile === null ? null : writeProfile(this.profile);
    const log = logOf(this.attached);
    return { thread: this.thread, log: lost === null ? log : [...log, lost], io: { ...store.counts } };
  }
}
