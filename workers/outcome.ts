/** How a worker's task ends, as plain data: errors lose their fields when they are cloned across threads. */
import type { Attached, EngineShare } from '../src/engine.ts';
import type { LogLine } from '../src/layout/error-log.ts';
import { CONTROL } from '../src/layout/thread.ts';
import { type ProfileTarget, ThreadProfile, writeProfile } from './profile.ts';

export interface Failure {
  /** Whose: `session 3`, `page cleaner of node 1`. */
  readonly who: string;
  /** Class of the error: InvariantViolation, StorageError, LatchOrderError, … */
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** `process.hrtime` in ms, which all threads agree on: the earliest failure is the one to look at. */
  readonly atMs: number;
}

export type Outcome<T> = { readonly log: readonly LogLine[] } & (
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure }
);

/**
 * Runs a worker's task. The first failure gives the whole run up, and whoever waits for something that this thread
 * held finds the abort switch at the end of his wait slice.
 * @param profile where the thread's CPU profile goes; null: none is taken
 */
export function settle<T>(
  share: EngineShare,
  who: string,
  profile: ProfileTarget | null,
  attach: () => Attached,
  task: (attached: Attached) => T,
): Outcome<T> {
  let attached: Attached | null = null;
  let profiling: ThreadProfile | null = null;
  let ended: { ok: true; value: T } | { ok: false; failure: Failure };
  try {
    attached = attach();
    if (profile !== null) profiling = new ThreadProfile(profile);
    ended = { ok: true, value: task(attached) };
  } catch (error) {
    // Its time before the switch: whoever fails because of the switch fails later.
    ended = { ok: false, failure: failureOf(who, error) };
    giveUp(share);
  }
  // Also of a task that failed: what it did before is what one wants to see.
  const lost = profiling === null ? null : writeProfile(profiling);
  const log = attached === null ? [] : logOf(attached);
  return { ...ended, log: lost === null ? log : [...log, lost] };
}

export function failureOf(who: string, error: unknown): Failure {
  const e = error instanceof Error ? error : new Error(String(error));
  const atMs = Number(process.hrtime.bigint() / 1000n) / 1000;
  return { who, name: e.name, message: e.message, stack: e.stack ?? '', atMs };
}

/**
 * Gives the run up, from any thread: waiters throw RunAborted. The stop switch goes with it, as a session that never
 * has to wait looks at no other; those who sleep at the start or the end of a run are woken to look.
 */
export function giveUp(share: EngineShare): void {
  const mem = new Int32Array(share.buffer);
  const { control } = share.plan.runtime;
  Atomics.store(mem, control + CONTROL.at.abort, 1);
  Atomics.store(mem, control + CONTROL.at.stop, 1);
  Atomics.notify(mem, control + CONTROL.at.stop);
  Atomics.notify(mem, control + CONTROL.at.go);
  Atomics.notify(mem, control + CONTROL.at.close);
}

/** What the thread has logged. */
export function logOf({ log }: Attached): LogLine[] {
  const { lines, dropped } = log;
  if (dropped === 0) return lines;
  return [...lines, { priority: 'Note', subsystem: 'Server', text: `${dropped} more lines of this thread` }];
}
