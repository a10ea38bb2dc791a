/** How a worker's task ends, as plain data: errors lose their fields when they are cloned across threads. */
import type { Attached, EngineShare } from '../src/engine.ts';
import type { LogLine } from '../src/layout/error-log.ts';
import { CONTROL } from '../src/layout/thread.ts';

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
 */
export function settle<T>(
  share: EngineShare,
  who: string,
  attach: () => Attached,
  task: (attached: Attached) => T,
): Outcome<T> {
  let attached: Attached | null = null;
  try {
    attached = attach();
    const value = task(attached);
    return { ok: true, value, log: logOf(attached) };
  } catch (error) {
    // Its time before the switch: whoever fails because of the switch fails later.
    const failure = failureOf(who, error);
    giveUp(share);
    return { ok: false, failure, log: logOf(attached) };
  }
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
  Atomics.notify(mem, control + CONTROL.at.go);
  Atomics.notify(mem, control + CONTROL.at.close);
}

function logOf(attached: Attached | null): LogLine[] {
  if (attached === null) return [];
  const { lines, dropped } = attached.log;
  if (dropped === 0) return lines;
  return [...lines, { priority: 'Note', subsystem: 'Server', text: `${dropped} more lines of this thread` }];
}
