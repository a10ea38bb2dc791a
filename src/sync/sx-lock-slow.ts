/**
 * Waiting for an sx-lock (facts B 12.2): spin by MySQL's policy, then note the event's count, raise `waiters`, look
 * once more, sleep. The order of these steps is what prevents lost wake-ups.
 */
import { SX_LOCK } from '../layout/latches.ts';
import { SYSVARS } from '../layout/thread.ts';
import { eventReset, eventWait } from './event.ts';
import { beginWait, endWait, spinRound } from './park.ts';
import { sxSLockLow, sxSxLockLow, sxXReserve, X_ALONE, X_LOCK_HALF_DECR, X_REFUSED } from './sx-lock-word.ts';
import { MODE, type Thread } from './thread.ts';

const { waiters: WAITERS, event: EVENT_AT, waitExEvent: WAIT_EX_EVENT, meta: META } = SX_LOCK.at;
const { syncSpinLoops: SPIN_LOOPS } = SYSVARS.at;

/** `rw_lock_s_lock_spin`, `rw_lock_sx_lock_func`, `rw_lock_x_lock_func` after the inlined first attempt. */
export function sxLockSlow(thr: Thread, at: number, mode: number, pass: number): void {
  // A lost race against another reader, or a recursive hold, is no wait.
  let got = attempt(thr, at, mode, pass);
  if (got === X_ALONE || (got <= 0 && Atomics.load(thr.mem, at) >= got)) return;
  const { mem } = thr;
  const row = thr.waits + (mem[at + META] << 3);
  const began = beginWait(thr, at | mode, row);
  let rounds = 0;
  if (got === X_REFUSED) {
    const loops = thr.sysvar(SPIN_LOOPS);
    /** The lock word must be above this for the mode to have a chance. */
    const closed = mode === MODE.s ? 0 : X_LOCK_HALF_DECR;
    let limit = loops;
    for (;;) {
      while (rounds < limit && Atomics.load(mem, at) <= closed) {
        spinRound(thr, row);
        rounds++;
      }
      // Rounds used up: S looks once more, SX and X go to sleep (facts B 12.2).
      if (rounds < limit || mode === MODE.s) got = attempt(thr, at, mode, pass);
      if (got !== X_REFUSED) break;
      if (rounds < limit) continue;
      const noted = eventReset(mem, at + EVENT_AT);
      Atomics.store(mem, at + WAITERS, 1);
      got = attempt(thr, at, mode, pass);
      if (got !== X_REFUSED) break;
      eventWait(thr, at + EVENT_AT, noted, row);
      limit = rounds + loops;
    }
  }
  if (got <= 0) rounds += waitForReaders(thr, at, got, row);
  endWait(thr, row, rounds, began);
}

/**
 * One attempt in the given mode.
 * @returns X_REFUSED; X_ALONE: taken; or, for an X that is reserved, the lock word to wait for
 */
function attempt(thr: Thread, at: number, mode: number, pass: number): number {
  if (mode === MODE.x) return sxXReserve(thr, at, pass);
  const taken = mode === MODE.s ? sxSLockLow(thr.mem, at) : sxSxLockLow(thr, at, pass);
  return taken ? X_ALONE : X_REFUSED;
}

/**
 * `rw_lock_x_lock_wait`: the lock is reserved, new readers stay out; waits until those inside have left.
 * @param threshold the lock word to reach: 0, or −H for an SX holder that asked for X
 * @returns spin rounds made
 */
function waitForReaders(thr: Thread, at: number, threshold: number, row: number): number {
  const { mem } = thr;
  const loops = thr.sysvar(SPIN_LOOPS);
  let total = 0;
  let rounds = 0;
  while (Atomics.load(mem, at) < threshold) {
    if (rounds < loops) {
      spinRound(thr, row);
      rounds++;
      total++;
      continue;
    }
    const noted = eventReset(mem, at + WAIT_EX_EVENT);
    rounds = 0;
    if (Atomics.load(mem, at) < threshold) eventWait(thr, at + WAIT_EX_EVENT, noted, row);
  }
  return total;
}
