/**
 * Waiting: what every slow path of a latch is made of. A waiter publishes what it waits for and since when, spins by
 * MySQL's policy, then sleeps in slices, and after each slice looks whether the run was aborted.
 */
import { SYSVARS, THREAD, WAIT_STAT } from '../layout/thread.ts';
import { addU53 } from '../layout/words.ts';
import { parkAt, spinAt } from './park-sites.ts';
import type { Thread } from './thread.ts';

const { waitFor: WAIT_FOR, waitSinceMs: WAIT_SINCE, waitWord: WAIT_WORD } = THREAD.at;
const { contended: CONTENDED, spinRounds: SPIN_ROUNDS, parks: PARKS } = WAIT_STAT.at;
const { waitUs: WAIT_US, maxWaitUs: MAX_WAIT_US } = WAIT_STAT.at;
if (WAIT_STAT.words !== 8) throw new Error('park.ts computes with this size');
const { spinWaitDelay: SPIN_DELAY, spinWaitPauseMultiplier: SPIN_MULTIPLIER } = SYSVARS.at;

/** The latch class of a statistics row. */
const classOf = (thr: Thread, row: number): number => (row - thr.waits) >> 3;

/**
 * `ut_delay(random 0..innodb_spin_wait_delay)`: one spin round, that many times
 * innodb_spin_wait_pause_multiplier pauses. `row`: the latch class's statistics row.
 */
export function spinRound(thr: Thread, row: number): void {
  const delay = thr.sysvar(SPIN_DELAY);
  const pauses = delay === 0 ? 0 : thr.rng.below(delay + 1) * thr.sysvar(SPIN_MULTIPLIER);
  spinAt(classOf(thr, row), pauses);
}

/** Publishes the wait for a latch and returns when it began (us). */
export function beginWait(thr: Thread, entry: number, row: number): number {
  const { mem, at } = thr;
  const now = thr.clock.us();
  mem[at + WAIT_SINCE] = now / 1000;
  mem[at + WAIT_FOR] = entry;
  mem[row + CONTENDED]++;
  return now;
}

/** Ends the wait that `beginWait` published. */
export function endWait(thr: Thread, row: number, rounds: number, began: number): void {
  const { mem, at } = thr;
  const us = Math.max(0, Math.trunc(thr.clock.us() - began));
  mem[row + SPIN_ROUNDS] += rounds;
  addU53(mem, row + WAIT_US, us);
  if (us > mem[row + MAX_WAIT_US]) mem[row + MAX_WAIT_US] = us;
  mem[at + WAIT_FOR] = 0;
}

/**
 * Sleeps on a word while it has the value `expected`; returns when woken, when the word differs, or after a slice:
 * callers look again in any case.
 * @throws RunAborted when the run was aborted.
 */
export function park(thr: Thread, word: number, expected: number, row: number): void {
  const { mem, at } = thr;
  mem[row + PARKS]++;
  mem[at + WAIT_WORD] = word;
  parkAt(classOf(thr, row), mem, word, expected, thr.waitSliceMs);
  mem[at + WAIT_WORD] = 0;
  thr.throwIfAborted();
}
