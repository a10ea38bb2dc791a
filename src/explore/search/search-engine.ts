/** What the searches need from an engine: a part of engine.ts, so that they can be tested on tiny programs. */
import type { Situation } from '../engine/strategy.ts';
import { lowest } from '../engine/strategy.ts';
import type { Finding } from '../types.ts';

export type { Situation } from '../engine/strategy.ts';

/** How one schedule went. */
export interface SearchRun {
  readonly finding: Finding | null;
  readonly steps: number;
  /** The strategy gave the schedule up. */
  readonly cut: boolean;
  readonly outcome: string;
}

export interface SearchStrategy {
  readonly name: string;
  begin(e: Situation): void;
  next(e: Situation, cur: number): number;
}

export interface SearchEngine extends Situation {
  /** Whether `stateKey` says anything. */
  readonly stateful: boolean;
  /** What `isPrivate` says was wrong in the schedules since `settleSharing`. */
  readonly sharingOutdated?: boolean;
  /** From now on `isPrivate` goes by all that has been seen so far. */
  settleSharing?(): void;
  run(strategy: SearchStrategy): SearchRun;
}

/**
 * What a choice costs (see dfs.ts).
 * @param cur thread that is about to do its point, −1: none
 */
export function costOf(e: Situation, cur: number, choice: number): 0 | 1 {
  if (choice < e.n) return cur >= 0 && choice !== cur && (e.paused & (1 << cur)) === 0 ? 1 : 0;
  return choice >= 2 * e.n || e.ready !== 0 ? 1 : 0;
}

/**
 * Where the order does not matter, no choice is needed: `own` (with a bound on preemptions) looks at the thread that
 * runs, at no pause hint, because to run another may cost a preemption later; `all` at every thread that can run.
 */
export type Reduction = 'none' | 'own' | 'all';

/** The thread that can go on without asking, −1: none. Deaths may come at any point: then every point counts. */
export function goesOnAnyway(e: Situation, cur: number, reduction: Reduction): number {
  if (reduction === 'none' || e.mortal !== 0 || e.isPrivate === undefined) return -1;
  if (reduction === 'own') {
    return cur >= 0 && (e.paused & (1 << cur)) === 0 && e.isPrivate(cur) ? cur : -1;
  }
  if (cur >= 0 && e.isPrivate(cur)) return cur;
  for (let left = e.ready; left !== 0; left &= left - 1) {
    const t = lowest(left);
    if (e.isPrivate(t)) return t;
  }
  return -1;
}
