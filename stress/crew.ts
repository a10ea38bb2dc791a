/** The worker threads of a run: a Piscina pool per node with its sessions and its page cleaner, and how each ended. */
import type { RecordableHistogram } from 'node:perf_hooks';
import { Piscina } from 'piscina';
import { cleanerSlot, type EngineShare, sessionSlot } from '../src/engine.ts';
import type { LogLine } from '../src/layout/error-log.ts';
import type { SessionResult, SessionSpec } from '../src/session/program.ts';
import { type Failure, failureOf, giveUp, type Outcome } from '../workers/outcome.ts';
import { type CleanerDone, cleanerName, type CleanerTask } from '../workers/page-cleaner.ts';
import { cleanerProfile, MAIN_PROFILE, sessionProfile, ThreadProfile } from '../workers/profile.ts';
import { sessionName, type SessionTask } from '../workers/session.ts';
import { profileClockUs, trimProfileFile } from './flame/cpu-profile.ts';
import type { Reuse } from './run-types.ts';

/** Piscina gives up on a worker that does not end, ms. */
const CLOSE_TIMEOUT_MS = 2000;

/** Workers are compiled always; tests run the sources of everything else. */
const WORKERS = import.meta.url.endsWith('.ts') ? '../dist/workers/' : '../workers/';

export const workerEntry = (name: string): string => new URL(`${WORKERS}${name}.js`, import.meta.url).href;

export interface CrewOptions {
  readonly share: EngineShare;
  readonly sessions: readonly SessionSpec[];
  /** One for each session. */
  readonly latency: readonly RecordableHistogram[];
  readonly traceLength: number;
  /** What the thread in a slot was doing, for the failure of a worker that went away. */
  readonly lastWords: (slot: number) => string;
  /** Directory for a CPU profile of each thread; it must be there. Without it none are taken. */
  readonly profileDir?: string;
  /** Workers that outlive the crew. */
  readonly reuse?: Pick<Reuse, 'pool'>;
}

interface Member {
  readonly who: string;
  readonly slot: number;
  /** Nothing may end before it is told to. */
  mayEnd: boolean;
  ended: boolean;
}

/** Workers for the threads of a node. */
export function nodePool(node: number, threads: number): Piscina {
  const pool = new Piscina({
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
    atomics: 'disabled',
    recordTiming: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    workerData: { node },
  });
  // An error outside any task, as when a replacement of a dead worker fails: its task has failed by itself.
  pool.on('error', () => undefined);
  return pool;
}

/** Everything that a thread can come to ends here; `start` first, `dismiss` last, in any case. */
export class Crew {
  readonly results: SessionResult[] = [];
  readonly cleaners: CleanerDone[] = [];
  readonly log: LogLine[] = [];
  readonly pools: Piscina[] = [];
  private readonly o: CrewOptions;
  private readonly sessionMembers: Member[] = [];
  private readonly cleanerMembers: Member[] = [];
  private readonly found: Failure[] = [];
  private dismissed = false;
  private profiling: ThreadProfile | null = null;
  /** The measured time, us of the profiles' clock. */
  private measuredFrom = 0;
  private measuredTo = Infinity;

  constructor(o: CrewOptions) {
    this.o = o;
  }

  /** Starts all workers. @throws when the machine refuses threads */
  start(): void {
    const { share, sessions, latency, traceLength } = this.o;
    const profileDir = this.o.profileDir ?? null;
    if (profileDir !== null) this.profiling = new ThreadProfile({ dir: profileDir, thread: MAIN_PROFILE });
    for (let node = 0; node < share.config.nodes; node++) {
      // A thread for each session of the node, and one for its page cleaner.
      const threads = 1 + sessions.filter((s) => s.node === node).length;
      const pool = this.o.reuse?.pool(node, threads) ?? nodePool(node, threads);
      this.pools.push(pool);
      const task: CleanerTask = { share, node, profileDir };
      const member = newMember(cleanerName(node), cleanerSlot(share.config, node));
      this.cleanerMembers.push(member);
      const running = pool.run(task, { filename: workerEntry('page-cleaner') });
      void this.follow(member, running as Promise<Outcome<CleanerDone>>, this.cleaners);
    }
    for (const [i, spec] of sessions.entries()) {
      const task: SessionTask = {
        share,
        spec,
        latency: latency[i],
        traceLength: traceLength || Infinity,
        profileDir,
      };
      const member = newMember(sessionName(spec.session), sessionSlot(spec.session));
      this.sessionMembers.push(member);
      const running = this.pools[spec.node].run(task, { filename: workerEntry('session') });
      void this.follow(member, running as Promise<Outcome<SessionResult>>, this.results);
    }
  }

  /** What is measured begins now, or is over: profiles keep what lies between. */
  measure(edge: 'begins' | 'ends'): void {
    if (edge === 'begins') this.measuredFrom = profileClockUs();
    else this.measuredTo = profileClockUs();
  }

  /** From now on sessions, or page cleaners, end because they are told to. */
  mayEnd(who: 'sessions' | 'cleaners'): void {
    for (const m of who === 'sessions' ? this.sessionMembers : this.cleanerMembers) m.mayEnd = true;
  }

  /** Names of those still out. */
  out(who: 'sessions' | 'cleaners' | 'all'): string[] {
    const members = { sessions: this.sessionMembers, cleaners: this.cleanerMembers };
    const all = who === 'all' ? [...members.sessions, ...members.cleaners] : members[who];
    return all.filter((m) => !m.ended).map((m) => m.who);
  }

  nameOf(slot: number): string {
    const all = [...this.sessionMembers, ...this.cleanerMembers];
    return all.find((m) => m.slot === slot)?.who ?? `thread ${slot + 1}`;
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
    if (this.o.profileDir !== undefined && !again) this.keepMeasured(this.o.profileDir);
  }

  private async follow<T>(member: Member, task: Promise<Outcome<T>>, values: T[]): Promise<void> {
    const { who } = member;
    try {
      const outcome = await task;
      this.log.push(...outcome.log);
      if (!outcome.ok) this.found.push(outcome.failure);
      else if (member.mayEnd) values.push(outcome.value);
      else this.fail(failureOf(who, new EndedEarly(`${who} ended before it was told to`)));
    } catch (error) {
      // The worker itself is gone: terminated, out of memory, or by process.exit.
      if (!this.dismissed)
        this.fail(failureOf(who, new WorkerDied(who, error, this.o.lastWords(member.slot))));
    } finally {
      member.ended = true;
    }
  }

  /** Profiles hold the measured time only. Threads that had to be terminated leave none. */
  private keepMeasured(dir: string): void {
    const { sessions, share } = this.o;
    const nodes = Array.from({ length: share.config.nodes }, (_, node) => cleanerProfile(node));
    const { profiling } = this;
    const threads = [MAIN_PROFILE, ...nodes, ...sessions.map((s) => sessionProfile(s.node, s.session))];
    for (const thread of threads) {
      try {
        if (thread === MAIN_PROFILE) profiling?.write();
        trimProfileFile(dir, thread, { from: this.measuredFrom, to: this.measuredTo });
      } catch (error) {
        this.log.push({ priority: 'Warning', subsystem: 'Server', text: (error as Error).message });
      }
    }
  }

  private fail(failure: Failure): void {
    this.found.push(failure);
    giveUp(this.o.share);
  }
}

const RUN_ABORTED = 'RunAborted';

function newMember(who: string, slot: number): Member {
  return { who, slot, mayEnd: false, ended: false };
}

class EndedEarly extends Error {
  override readonly name = 'EndedEarly';
}

class WorkerDied extends Error {
  override readonly name = 'WorkerDied';

  constructor(who: string, error: unknown, lastWords: string) {
    const reason = error instanceof Error ? error.message : String(error);
    super(`the worker of ${who} is gone (${reason}); it was ${lastWords}`, { cause: error });
  }
}
