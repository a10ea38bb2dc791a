/** What every latch that is measured looks like, whether it is ours, a textbook's, the engine's or a package's. */

/** A latch as one thread sees it. The section must not keep the thread, and not come back to the latch. */
export interface Latch {
  /** Runs the section while no other thread is inside. */
  exclusive(section: () => void): void;
  /** Runs it beside other shared ones; a mutex does the same as `exclusive`. */
  shared(section: () => void): void;
}

/** The same where waiting is by promise. */
export interface AsyncLatch {
  exclusive(section: () => void): Promise<void>;
  shared(section: () => void): Promise<void>;
}

interface Common {
  readonly name: string;
  readonly origin: 'ours' | 'rival' | 'limit';
  /** `rw`: has a shared mode. */
  readonly kind: 'mutex' | 'rw';
  /** The latch itself, as it can be sent to a thread. @param threads how many will attach; @param no from 0 */
  make(threads: number, no: number): unknown;
  /** Flags that the process needs. */
  readonly execArgv?: readonly string[];
  /** Only one latch can be had at a time. */
  readonly single?: boolean;
  /** What is wrong with it, where it does not exclude: it is measured alone then, as the rest would mean nothing. */
  readonly flaw?: string;
  /** Why this Node cannot have it; null: it can. */
  missing?(): string | null;
}

export interface BlockingContender extends Common {
  readonly waits: 'blocking';
  /** In a thread. @param slot number of the thread, from 0 */
  attach(made: unknown, slot: number): Latch | Promise<Latch>;
}

export interface AsyncContender extends Common {
  readonly waits: 'async';
  attach(made: unknown, slot: number): AsyncLatch | Promise<AsyncLatch>;
}

export type LatchContender = BlockingContender | AsyncContender;
