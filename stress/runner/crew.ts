/**
 * The worker threads of a run: a Piscina pool per node with the threads that run sessions and the page cleaner, and
 * how each of their tasks ended.
 */
import type { RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { cleanerSlot, type EngineShare, nodeOfSession, sessionAt } from '../../src/engine.ts';
import type { LogLine } from '../../src/layout/error-log.ts';
import { CONTROL } from '../../src/layout/thread.ts';
import type { AffinityResult } from '../../src/numa/affinity.ts';
import { handOverRunner } from '../../src/session/hand-over.ts';
import type { ProgramSet, SessionSpec } from '../../src/session/program/program.ts';
import { type Failure, failureOf, giveUp, type Outcome } from '../../workers/outcome.ts';
import {
  type CleanerDone,
  type CleanerLeft,
  cleanerName,
  type CleanerTask,
} from '../../workers/page-cleaner.ts';
import { type AttachTask, type Left, runId, threadsOfNode } from '../../workers/run-thread.ts';
import { type LeaveTask, sessionName, type SessionTask, WORKER_LOST } from '../../workers/session.ts';
import { RunProfiles } from './run-profiles.ts';
import type { Reuse } from './run-types.ts';
import { EndedEarly, WorkerDied, WorkersLost } from './worker-died.ts';

/** What a thread makes is short-lived and little: with V8's own choice each would keep up to 48 MiB for it. */
const YOUNG_MIB = 2;
/** Piscina gives up on a worker that does not end, ms. */
const CLOSE_TIMEOUT_MS = 2000;
/** Time that all workers of a run have to come together when it is over, ms. */
const LEAVE_MS = 10_000;
const POLL_MS = 2;

/** Workers are compiled always; tests run the sources of everything else. */
const WORKERS = import.meta.url.endsWith('.ts') ? '../../dist/workers/' : '../../workers/';

/** Path of a worker's code: Piscina would make it from a URL again for each task. */
export const workerEntry = (name: string): string =>
  fileURLToPath(new URL(`${WORKERS}${name}.js`, import.meta.url));
const SESSION_ENTRY = workerEntry('session');

/** What sessions are given out for, as Piscina wants it: tasks of workers/session.ts. */
const SESSION_TASKS = {
  connection: { filename: SESSION_ENTRY, name: 'connection' },
  command: { filename: SESSION_ENTRY, name: 'command' },
  close: { filename: SESSION_ENTRY, name: 'close' },
} as const;

export interface CrewOptions {
  readonly share: EngineShare;
  readonly sessions: readonly SessionSpec[];
  readonly programs: ProgramSet;
  /** Transactions a second of each session; 0: closed loop. */
  readonly perSecond: number;
  readonly reconnect: boolean;
  /** Time of the whole run, us, in which connections take turns; 0: it has none. */
  readonly runUs: number;
  readonly traceLength: number;
  /** Whether threads are bound to processors of their node. */
  readonly cpuBind: boolean;
  /** By thread, then by program. */
  readonly latency: readonly (readonly RecordableHistogram[])[];
  /** What the thread in a slot was doing, for the failure of a worker that went away. */
  readonly lastWords: (slot: number) => string;
  /** Directory for a CPU profile of each thread; it must be there. Without it none are taken. */
  readonly profileDir?: string;
  /** Workers that outlive the crew. */
  readonly reuse?: Pick<Reuse, 'pool'>;
}

/** A task that is under way, other than a session's. */
interface Job {
  readonly who: string;
  readonly kind: 'thread' | 'cleaner' | 'stand-by';
  readonly node: number;
  /** Slot of the thread that does it; -1: not known. */
  readonly slot: number;
  /** Nothing may end before it is told to. */
  mayEnd: boolean;
}

/** Workers for the threads of a node. */
export function nodePool(node: number, threads: number): Piscina {
  const pool = new Piscina({
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
    // A worker without a task sleeps in Atomics.wait, not in an event loop: that is woken at a third of the cost.
    atomics: 'sync',
    recordTiming: false,
    // Otherwise the task that finds no thread goes to the end of the queue again and again.
    stricterFIFO: true,
    closeTimeout: CLOSE_TIMEOUT_MS,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    workerData: { node },
  });
  // An error outside any task, as when a replacement of a dead worker fails: its task has failed by itself.
  pool.on('error', () => undefined);
  return pool;
}

/** Workers that a node needs: its threads, and its page cleaner. */
export const workersOfNode = (config: EngineShare['config'], node: number): number =>
  threadsOfNode(config, node) + 1;

/** Everything that a thread can come to ends here; `start` first, `dismiss` last, in any case. */
export class Crew {
  readonly cleaners: CleanerDone[] = [];
  readonly log: LogLine[] = [];
  /** What came of binding threads to processors. */
  readonly affinity: AffinityResult[] = [];
  readonly pools: Piscina[] = [];
  private readonly o: CrewOptions;
  private readonly run: string;
  private readonly mem: Int32Array;
  private readonly jobs = new Set<Job>();
  /** Sessions with a task that has not come back. */
  private readonly out = new Set<number>();
  private readonly standBys: Promise<void>[] = [];
  private readonly found: Failure[] = [];
  private dismissed = false;
  private profiles: RunProfiles | null = null;

  constructor(o: CrewOptions) {
    this.o = o;
    this.run = runId(o.share);
    this.mem = new Int32Array(o.share.buffer);
  }

  /** Starts all workers; they wait for the common start. @throws when the machine refuses threads */
  start(): void {
    const { share, sessions, programs, perSecond, reconnect, runUs, traceLength, latency } = this.o;
    const { config } = share;
    const profileDir = this.o.profileDir ?? null;
    if (profileDir !== null) this.profiles = new RunProfiles(profileDir, config);
    let next = 0;
    for (let node = 0; node < config.nodes; node++) {
      const wanted = workersOfNode(config, node);
      const pool = this.o.reuse?.pool(node, wanted) ?? nodePool(node, wanted);
      this.pools.push(pool);
      this.startCleaner(node, profileDir);
      for (let i = 1; i < wanted; i++) {
        const task: AttachTask = {
          share,
          node,
          sessions,
          programs,
          perSecond,
          reconnect,
          runUs,
          traceLength: traceLength || Infinity,
          latency: latency[next++],
          cpuBind: this.o.cpuBind,
          profileDir,
        };
        void this.join(node, task);
      }
      for (let i = wanted; i < pool.threads.length; i++)
        this.standBys.push(this.standBy(node, { share, whole: true }));
    }
  }

  /**
   * Gives a session's task to the workers of its node. The session must have none.
   * @param came is told what it returns; -1: it failed, and the run was given up
   */
  send(task: keyof typeof SESSION_TASKS, session: number, came: (returned: number) => void): void {
    const pool = this.pools[nodeOfSession(this.o.share.config, session)];
    this.out.add(session);
    const message: SessionTask = { run: this.run, session };
    pool.run(message, SESSION_TASKS[task]).then(
      (got: number | Failure) => {
        this.out.delete(session);
        if (typeof got === 'number') return came(got);
        this.fail(got);
        came(-1);
      },
      (error: unknown) => {
        this.out.delete(session);
        this.lost(sessionName(session), this.runner(session), error);
        came(-1);
      },
    );
  }

  /**
   * All workers come together and leave the run; page cleaners must still be at work, or nobody be.
   * @param whole whether the run came to its end
   */
  async leave(whole: boolean): Promise<void> {
    const { share } = this.o;
    const { control } = share.plan.runtime;
    let expected = 0;
    // Tasks that ended before all had come: their workers never will.
    let gone = 0;
    const left: Promise<boolean>[] = [];
    const isOver = (): boolean => Atomics.load(this.mem, control + CONTROL.at.leave) !== 0;
    const part = async (node: number): Promise<boolean> => {
      const took = await this.part(node, { share, whole });
      if (!isOver()) gone++;
      return took;
    };
    for (const [node, pool] of this.pools.entries()) {
      const busy =
        [...this.jobs].filter((j) => j.node === node).length +
        this.begun().filter((session) => nodeOfSession(share.config, session) === node).length;
      for (let i = busy; i < pool.threads.length; i++, expected++) left.push(part(node));
    }
    const deadline = performance.now() + LEAVE_MS;
    const came = (): number => Atomics.load(this.mem, control + CONTROL.at.leaving);
    while (came() + gone < expected && performance.now() < deadline && left.length > 0) await sleep(POLL_MS);
    Atomics.store(this.mem, control + CONTROL.at.leave, 1);
    Atomics.notify(this.mem, control + CONTROL.at.leave);
    if (!whole && came() < expected) return;
    const threads = (await Promise.all(left)).filter(Boolean).length;
    await Promise.all(this.standBys);
    if (whole && threads < share.config.threads) {
      const lost = share.config.threads - threads;
      this.fail(failureOf('the run', new WorkersLost(lost)));
    }
  }

  /** What is measured begins now, or is over. */
  measure(edge: 'begins' | 'ends'): void {
    this.profiles?.measure(edge);
  }

  /** From now on page cleaners end because they are told to. */
  cleanersMayEnd(): void {
    for (const j of this.jobs) if (j.kind === 'cleaner') j.mayEnd = true;
  }

  /** Names of those at work; sessions that only wait for a thread are not. */
  atWork(kind?: Job['kind']): string[] {
    const jobs = [...this.jobs].filter(
      (j) => j.kind !== 'stand-by' && (kind === undefined || j.kind === kind),
    );
    return [...jobs.map((j) => j.who), ...(kind === undefined ? this.begun().map(sessionName) : [])];
  }

  /** What went wrong, the earliest first; without the threads that only ended because the run was given up. */
  get failures(): Failure[] {
    return this.found.filter((f) => f.name !== RUN_ABORTED).toSorted((a, b) => a.atMs - b.atMs);
  }

  /** How many those were. */
  get aborted(): number {
    return this.found.filter((f) => f.name === RUN_ABORTED).length;
  }

  /** Ends all workers, whatever they do. Bounded: a thread in a system call that never returns is left behind. */
  async dismiss(): Promise<void> {
    const again = this.dismissed;
    this.dismissed = true;
    const mine = this.o.reuse === undefined ? this.pools : [];
    const all = Promise.all(mine.map((pool) => pool.destroy()));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, 2 * CLOSE_TIMEOUT_MS)));
    await Promise.race([all, late]);
    clearTimeout(timer);
    if (!again) this.log.push(...(this.profiles?.keep() ?? []));
  }

  /** Sessions whose task has a worker. */
  private begun(): number[] {
    return [...this.out].filter((session) => this.runner(session) >= 0);
  }

  /** Slot of the thread that works for a session; -1: none does. */
  private runner(session: number): number {
    return handOverRunner(this.mem, sessionAt(this.o.share.plan, session)) - 1;
  }

  private async join(node: number, task: AttachTask): Promise<void> {
    const outcome = await this.follow<Outcome<AffinityResult | null>>(
      newJob('thread', `a worker of node ${node}`, node),
      'attach',
      task,
    );
    if (outcome?.ok === false) this.found.push(outcome.failure);
    else if (outcome?.ok === true && outcome.value !== null) this.affinity.push(outcome.value);
  }

  private async standBy(node: number, task: LeaveTask): Promise<void> {
    await this.follow<void>(newJob('stand-by', `a worker of node ${node}`, node), 'standBy', task);
  }

  /** @returns whether the worker took part in the run */
  private async part(node: number, task: LeaveTask): Promise<boolean> {
    const outcome = await this.follow<Outcome<Left | null>>(
      newJob('thread', `a worker of node ${node}`, node),
      'detach',
      task,
    );
    if (outcome === null) return false;
    if (!outcome.ok) {
      this.found.push(outcome.failure);
      return true;
    }
    this.log.push(...(outcome.value?.log ?? []));
    return outcome.value !== null;
  }

  private startCleaner(node: number, profileDir: string | null): void {
    const { share } = this.o;
    const slot = cleanerSlot(share.config, node);
    const job: Job = { ...newJob('cleaner', cleanerName(node), node), slot, mayEnd: false };
    const task: CleanerTask = { share, node, profileDir, cpuBind: this.o.cpuBind };
    void this.follow<Outcome<CleanerLeft>>(job, 'default', task, workerEntry('page-cleaner')).then(
      (outcome) => {
        if (outcome === null) return;
        this.log.push(...outcome.log);
        if (!outcome.ok) this.found.push(outcome.failure);
        else if (job.mayEnd) {
          const { affinity, ...done } = outcome.value;
          this.cleaners.push(done);
          if (affinity !== null) this.affinity.push(affinity);
        } else this.fail(failureOf(job.who, new EndedEarly(`the ${job.who} ended before it was told to`)));
      },
    );
  }

  /** @returns what the task returns; null: its worker went away */
  private async follow<T>(
    job: Job,
    name: string,
    task: unknown,
    filename = SESSION_ENTRY,
  ): Promise<T | null> {
    this.jobs.add(job);
    try {
      return (await this.pools[job.node].run(task, { filename, name })) as T;
    } catch (error) {
      this.lost(job.who, job.slot, error);
      return null;
    } finally {
      this.jobs.delete(job);
    }
  }

  /** The worker of a task itself is gone: terminated, out of memory, or by process.exit. */
  private lost(who: string, slot: number, error: unknown): void {
    if (this.dismissed) return;
    const lastWords = slot < 0 ? 'before it took part' : this.o.lastWords(slot);
    this.fail(failureOf(who, new WorkerDied(who, error, lastWords)));
  }

  private fail(failure: Failure): void {
    const { share } = this.o;
    const known = this.found.length > 0;
    // Of a worker that died between two tasks its successor tells; when it died in one, that is told already.
    if (failure.name !== WORKER_LOST || !known) this.found.push(failure);
    giveUp(share);
  }
}

const RUN_ABORTED = 'RunAborted';

function newJob(kind: Job['kind'], who: string, node: number): Job {
  return { kind, who, node, slot: -1, mayEnd: true };
}
