/**
 * InnoDB's shared-exclusive lock (rw_lock_t, facts B 12.2): S, SX and X modes, recursion in SX and X, pass ownership,
 * nowait forms. This file is the interface and its fast paths; what single steps do to the word is in sx-lock-word.ts,
 * waiting in sx-lock-slow.ts.
 *
 * U = 0x20000000 (X_LOCK_DECR), H = U / 2 (X_LOCK_HALF_DECR). The lock word w:
 *
 * | w              | meaning                                            | entered by                    |
 * |----------------|----------------------------------------------------|-------------------------------|
 * | U              | free                                               | the last release              |
 * | H < w < U      | U − w readers                                      | S: w − 1                      |
 * | H              | one SX holder                                      | SX: w − H                     |
 * | 0 < w < H      | SX and H − w readers                               | S under SX                    |
 * | 0              | X, no SX                                           | X: w − U, no reader left      |
 * | −H < w < 0     | a writer has reserved it, −w readers are leaving   | X: w − U, readers inside      |
 * | −H             | X and SX, same thread                              | SX under X, or X under SX     |
 * | −U < w < −H    | an SX holder asked for X, −(w + H) readers leaving | X under SX: w − U             |
 * | −U             | X twice                                            | X under X: w − U              |
 * | −U − (n − 2)   | X n times                                          | X again: w − 1                |
 * | −(U + H), and less | X twice (or more) and SX                       | the same with SX              |
 *
 * - S needs w > 0; SX and X need w > H (so SX shuts out X and SX, and lets S in).
 * - `writer` = id belongs to whoever brought w to H or below 0; it is written after the lock word and cleared before
 *   it is given back, so a thread that finds its own id there owns the lock. −id: taken for an I/O (pass), may be
 *   released by any thread, never recursive. Clear it late and the next owner's id is wiped.
 * - `waiters` = 1: a waiter sets it *before* its last look at w; a releaser changes w first and tests it after.
 *   The other order on either side loses wake-ups.
 * - The S holders' numbers are in their held lists; InnoDB's XOR of reader ids would cost each hit two more
 *   read-modify-writes.
 */
import { SX_LOCK } from '../layout/latches.ts';
import { WAIT_STAT } from '../layout/thread.ts';
import { eventInit, eventSet } from './event.ts';
import { checkOrder } from './order.ts';
import { sxLockSlow } from './sx-lock-slow.ts';
import { sxSLockLow, sxSxLockLow, sxXLockNowaitLow, X_LOCK_DECR, X_LOCK_HALF_DECR } from './sx-lock-word.ts';
import { MODE, type Thread } from './thread.ts';

const { lockWord: LOCK_WORD, writer: WRITER, sxRecursive: SX_RECURSIVE, waiters: WAITERS } = SX_LOCK.at;
const { event: EVENT_AT, waitExEvent: WAIT_EX_EVENT, meta: META } = SX_LOCK.at;
const { acquired: ACQUIRED } = WAIT_STAT.at;
if (LOCK_WORD !== 0 || WAIT_STAT.words !== 8) throw new Error('sx-lock.ts computes with these offsets');

const U = X_LOCK_DECR;
const H = X_LOCK_HALF_DECR;

/** Makes a lock of the given latch class; before it is shared. */
export function sxLockInit(mem: Int32Array, at: number, latchClass: number): void {
  mem[at] = U;
  mem[at + WRITER] = 0;
  mem[at + SX_RECURSIVE] = 0;
  mem[at + WAITERS] = 0;
  eventInit(mem, at + EVENT_AT);
  eventInit(mem, at + WAIT_EX_EVENT);
  mem[at + META] = latchClass;
}

/** `rw_lock_s_lock`. Not recursive. */
export function sxSLock(thr: Thread, at: number): void {
  const { mem } = thr;
  if (thr.checked) checkOrder(thr, at | MODE.s);
  thr.hold(at | MODE.s);
  const w = mem[at];
  if (w <= 0 || Atomics.compareExchange(mem, at, w, w - 1) !== w) sxLockSlow(thr, at, MODE.s, 0);
  mem[thr.waits + (mem[at + META] << 3) + ACQUIRED]++;
}

/** `rw_lock_s_lock_nowait`: true when taken. No order check. */
export function sxSTryLock(thr: Thread, at: number): boolean {
  const { mem } = thr;
  thr.hold(at | MODE.s);
  if (!sxSLockLow(mem, at)) {
    thr.unhold(at | MODE.s);
    return false;
  }
  mem[thr.waits + (mem[at + META] << 3) + ACQUIRED]++;
  return true;
}

/** `rw_lock_s_unlock`. */
export function sxSUnlock(thr: Thread, at: number): void {
  sxSReleased(thr.mem, at, Atomics.add(thr.mem, at, 1));
  thr.unhold(at | MODE.s);
}

/** The second half of an S release: the last reader wakes the writer that has reserved the lock. */
export function sxSReleased(mem: Int32Array, at: number, before: number): void {
  if (before === -1 || before === -H - 1) eventSet(mem, at + WAIT_EX_EVENT);
}

/** `rw_lock_sx_lock`; recursive for the SX or X holder. `pass` ≠ 0: for an I/O, released by any thread. */
export function sxSxLock(thr: Thread, at: number, pass = 0): void {
  const { mem } = thr;
  if (pass === 0) {
    if (thr.checked) checkOrder(thr, at | MODE.sx);
    thr.hold(at | MODE.sx);
  }
  if (!sxSxLockLow(thr, at, pass)) sxLockSlow(thr, at, MODE.sx, pass);
  mem[thr.waits + (mem[at + META] << 3) + ACQUIRED]++;
}

/** `rw_lock_sx_lock_nowait`: true when taken. */
export function sxSxTryLock(thr: Thread, at: number, pass = 0): boolean {
  if (pass === 0) thr.hold(at | MODE.sx);
  if (!sxSxLockLow(thr, at, pass)) {
    if (pass === 0) thr.unhold(at | MODE.sx);
    return false;
  }
  thr.mem[thr.waits + (thr.mem[at + META] << 3) + ACQUIRED]++;
  return true;
}

/** `rw_lock_sx_unlock_gen`; with `pass`, any thread may. */
export function sxSxUnlock(thr: Thread, at: number, pass = 0): void {
  const { mem } = thr;
  const left = mem[at + SX_RECURSIVE] - 1;
  if (left < 0 || (pass === 0 && mem[at + WRITER] !== thr.id)) throw notTheOwner(thr, at, 'SX');
  mem[at + SX_RECURSIVE] = left;
  if (left === 0) {
    if (mem[at] > 0) {
      mem[at + WRITER] = 0;
      Atomics.add(mem, at, H);
      wakeWaiters(mem, at);
    } else {
      // Still X-locked by the same thread: nobody can be let in.
      Atomics.add(mem, at, H);
    }
  }
  if (pass === 0) thr.unhold(at | MODE.sx);
}

/** `rw_lock_x_lock`; recursive for the X or SX holder when `pass` is 0. */
export function sxXLock(thr: Thread, at: number, pass = 0): void {
  const { mem } = thr;
  if (pass === 0) {
    if (thr.checked) checkOrder(thr, at | MODE.x);
    thr.hold(at | MODE.x);
  }
  if (Atomics.compareExchange(mem, at, U, 0) === U) mem[at + WRITER] = pass === 0 ? thr.id : -thr.id;
  else sxLockSlow(thr, at, MODE.x, pass);
  mem[thr.waits + (mem[at + META] << 3) + ACQUIRED]++;
}

/** `rw_lock_x_lock_nowait`: only when free, or recursively. Fails when readers are inside. True when taken. */
export function sxXTryLock(thr: Thread, at: number): boolean {
  const { mem } = thr;
  thr.hold(at | MODE.x);
  if (!sxXLockNowaitLow(thr, at)) {
    thr.unhold(at | MODE.x);
    return false;
  }
  mem[thr.waits + (mem[at + META] << 3) + ACQUIRED]++;
  return true;
}

/** `rw_lock_x_unlock_gen`; with `pass`, any thread may. */
export function sxXUnlock(thr: Thread, at: number, pass = 0): void {
  const { mem } = thr;
  const w = mem[at];
  if (w > 0 || (pass === 0 && mem[at + WRITER] !== thr.id)) throw notTheOwner(thr, at, 'X');
  if (w === 0 || w === -H) {
    // Under SX the writer keeps its name: the lock is still its own.
    if (w === 0) mem[at + WRITER] = 0;
    Atomics.add(mem, at, U);
    wakeWaiters(mem, at);
  } else if (w === -U || w === -(U + H)) {
    Atomics.add(mem, at, U);
  } else {
    Atomics.add(mem, at, 1);
  }
  if (pass === 0) thr.unhold(at | MODE.x);
}

/** `rw_lock_x_lock_move_ownership`: a lock taken for an I/O becomes the calling thread's own X lock. */
export function sxXMoveOwnership(thr: Thread, at: number): void {
  thr.mem[at + WRITER] = thr.id;
  thr.hold(at | MODE.x);
}

/** Wakes all that wait for S, SX or X, after the lock word has been changed. */
function wakeWaiters(mem: Int32Array, at: number): void {
  if (Atomics.load(mem, at + WAITERS) !== 0) {
    Atomics.store(mem, at + WAITERS, 0);
    eventSet(mem, at + EVENT_AT);
  }
}

function notTheOwner(thr: Thread, at: number, mode: string): Error {
  return new Error(
    `thread ${thr.id} released ${mode} of sx-lock @${at}, whose writer is ${thr.mem[at + WRITER]}`,
  );
}
