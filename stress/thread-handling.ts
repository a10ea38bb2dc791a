/** `thread_handling`: how sessions get threads. */
export const THREAD_HANDLING = ['one-thread-per-connection', 'pool-of-threads'] as const;
export type ThreadHandling = (typeof THREAD_HANDLING)[number];
