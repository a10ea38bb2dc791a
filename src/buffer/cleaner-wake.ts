/** How sessions wake the page cleaner of a node: `os_event_set(buf_flush_event)`. */
import { CLEANER } from '../layout/buffer.ts';
import { eventSet } from '../sync/event.ts';
import type { BufInstance, BufPool } from './instance.ts';

/** Wakes the page cleaner that serves an instance. Any latches may be held. */
export function wakePageCleaner(pool: BufPool, inst: BufInstance): void {
  eventSet(pool.mem, pool.plan.cleaners + inst.node * CLEANER.words + CLEANER.at.flushEvent);
}
