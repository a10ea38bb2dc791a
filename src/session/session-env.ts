/** What a thread works with when it runs sessions. */
import type { BufPool } from '../buffer/instance.ts';
import type { ErrorLog } from '../layout/error-log.ts';
import type { MemRootEnv } from '../memory/mem-root/mem-root-env.ts';
import type { Psi } from '../memory/psi/psi.ts';
import type { Thread } from '../sync/thread.ts';
import type { Pages } from './program/statements.ts';
import type { Yard } from './program/yard.ts';

/** One per thread; it keeps nothing of a session. */
export interface SessionEnv {
  readonly thr: Thread;
  readonly pool: BufPool;
  readonly pages: Pages;
  /** my_malloc and memory roots; what they raise is an error of the session that the thread works for (`thr.thd`). */
  readonly my: MemRootEnv;
  readonly psi: Psi;
  readonly log: ErrorLog;
  /** All allocators, for the statement of that name; null: no session has it. */
  readonly yard: Yard | null;
  /** Requests of a shared trace; Infinity when there is none. */
  readonly traceLength: number;
}
