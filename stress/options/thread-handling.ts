/** `thread_handling`: how sessions get threads. */
export const THREAD_HANDLING = ['one-thread-per-connection', 'pool-of-threads'] as const;
export type ThreadHandling = (typeof THREAD_HANDLING)[number];

/** How many clients are connected at a time, at most; in an open loop they share the rate. At least 1. */
export function connectedAtOnce(model: ThreadHandling, sessions: number, threads: number): number {
  return Math.max(1, model === 'pool-of-threads' ? sessions : Math.min(sessions, threads));
}
