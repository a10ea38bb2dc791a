/** What every allocator of a thread stands on. */
import type { Clock } from '../layout/clock.ts';
import type { ErrorLog } from '../layout/error-log.ts';
import type { Psi } from './psi/psi.ts';

/** Stateless: everything that counts is in the arena. A thread has one, and hands it on. */
export interface MemEnv {
  /** OS_MEMORY of the node to allocate on. */
  readonly os: number;
  /** OS_MEMORY records of all nodes: blocks are freed where they came from. */
  readonly allOs: readonly number[];
  /** Nodes to try when one has no memory left, the first that of `os`; absent: no other (src/memory/os/placement.ts). */
  readonly order?: readonly number[];
  readonly psi: Psi;
  /** Sleeps between attempts go here: the machine's clock, or a virtual one that takes no time. */
  readonly sleepClock: Clock;
  readonly log: ErrorLog;
}
