/**
 * Worker entry: the tasks of a thread that runs sessions. All workers join a run at once (`attach`), each of them
 * waiting for the others, so that every worker gets one such task; they leave it in the same way (`detach`). In
 * between a task is the number of a session: its whole connection, a command, or the end of its connection.
 */
import { awaitStart, type EngineShare } from '../src/engine.ts';
import { SESSION_STATE } from '../src/layout/session.ts';
import { CONTROL } from '../src/layout/thread.ts';
import {
  handOverConnect,
  handOverIdle,
  handOverOut,
  handOverState,
  handOverTake,
} from '../src/session/hand-over.ts';
import type { SessionEnv } from '../src/session/session-env.ts';
import { runSession } from '../src/session/run-session.ts';
import {
  NEXT,
  sessionCommand,
  sessionConnect,
  sessionDisconnect,
  type SessionOptions,
} from '../src/session/session.ts';
import type { AffinityResult } from '../src/numa/affinity.ts';
import { idle_until_leave } from '../src/sync/park-sites.ts';
import { type Failure, failureOf, giveUp, type Outcome } from './outcome.ts';
import { type AttachTask, type Left, runId, RunThread } from './run-thread.ts';

export interface SessionTask {
  /** runId */
  readonly run: string;
  readonly session: number;
}

export interface LeaveTask {
  readonly share: EngineShare;
  /** Whether the run came to its end. */
  readonly whole: boolean;
}

export const sessionName = (no: number): string => `session ${no}`;
export const threadName = (thread: number): string => `thread ${thread} of the sessions`;

/** The task came to a worker that does not take part: it took the place of one that died. */
export const WORKER_LOST = 'WorkerLost';

/** Sleeps between two looks whether all have come, ms. */
const LEAVE_SLICE_MS = 100;

/** What this worker is in the run that it takes part in. */
let here: RunThread | null = null;

/** Joins a run, and waits for the common start. @returns what came of binding the thread to processors, if it was asked for */
export function attach(task: AttachTask): Outcome<AffinityResult | null> {
  const { share } = task;
  try {
    here = new RunThread(task);
    awaitStart(here.attached);
    return { ok: true, value: here.affinity, log: [] };
  } catch (error) {
    const who = here?.run === runId(share) ? threadName(here.thread) : `a worker of node ${task.node}`;
    const failure = failureOf(who, error);
    giveUp(share);
    return { ok: false, failure, log: [] };
  }
}

/** A worker that a run has no use for sleeps through it, so that it takes nobody's task. */
export function standBy({ share }: LeaveTask): void {
  untilLeave(share);
}

/** one-thread-per-connection: the client's whole life. @returns NEXT.nothing */
export function connection(task: SessionTask): number | Failure {
  return inThread(task, ({ env, runs, options }, session) => {
    runSession(env, runs, options, session);
    return NEXT.nothing;
  });
}

/**
 * pool-of-threads: the next command of a session that was given out, or its connection if it has none.
 * @returns NEXT
 */
export function command(task: SessionTask): number | Failure {
  return inThread(task, ({ attached, env, runs, options }, session) => {
    const { thr } = attached;
    let next: number = NEXT.transaction;
    if (handOverConnect(thr, session)) {
      if (!sessionConnect(env, options, session)) next = NEXT.end;
    } else if (handOverTake(thr, session)) {
      // What had to wait for a thread until the run was over is not begun.
      if (!thr.stopping()) next = sessionCommand(env, runs, options, session);
    } else if (handOverState(thr.mem, session) === SESSION_STATE.ended) return NEXT.nothing;
    else throw new Error(`${sessionName(task.session)} was given out, and is not to be run`);
    if (next !== NEXT.end && handOverIdle(thr, session)) return next;
    endConnection(env, options, session);
    return NEXT.end;
  });
}

/** pool-of-threads: the client of a session that was given out hangs up. @returns NEXT */
export function close(task: SessionTask): number | Failure {
  return inThread(task, ({ attached, env, options }, session) => {
    if (!handOverTake(attached.thr, session))
      throw new Error(`${sessionName(task.session)} is not to be run`);
    endConnection(env, options, session);
    return NEXT.end;
  });
}

/** Leaves the run when all workers have come. @returns null: this one took no part */
export function detach({ share, whole }: LeaveTask): Outcome<Left | null> {
  const left = here?.run === runId(share) ? here : null;
  here = null;
  try {
    const value = left?.leave(whole) ?? null;
    Atomics.add(new Int32Array(share.buffer), share.plan.runtime.control + CONTROL.at.leaving, 1);
    untilLeave(share);
    return { ok: true, value, log: [] };
  } catch (error) {
    const failure = failureOf(left === null ? 'a worker' : threadName(left.thread), error);
    giveUp(share);
    return { ok: false, failure, log: [] };
  }
}

function endConnection(env: SessionEnv, options: SessionOptions, session: number): void {
  sessionDisconnect(env, options, session);
  handOverOut(env.thr, session);
}

function inThread(task: SessionTask, what: (t: RunThread, session: number) => number): number | Failure {
  const name = sessionName(task.session);
  const t = here;
  if (t?.run !== task.run) return failureOf(name, new WorkerLost());
  const { thr, share } = t.attached;
  // Whatever waits for a thread when the run is given up comes to nothing.
  if (Atomics.load(thr.mem, thr.control + CONTROL.at.abort) !== 0) return NEXT.nothing;
  try {
    return what(t, t.at(task.session));
  } catch (error) {
    // Its time before the switch: whoever fails because of the switch fails later.
    const failure = failureOf(name, error);
    giveUp(share);
    return failure;
  }
}

function untilLeave({ buffer, plan }: EngineShare): void {
  const mem = new Int32Array(buffer);
  const leave = plan.runtime.control + CONTROL.at.leave;
  while (Atomics.load(mem, leave) === 0) idle_until_leave(mem, leave, 0, LEAVE_SLICE_MS);
}

class WorkerLost extends Error {
  override readonly name = WORKER_LOST;

  constructor() {
    super('a worker has died between two tasks; the one in its place took no part in the run');
  }
}
