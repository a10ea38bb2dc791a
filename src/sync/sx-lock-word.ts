/** The sx-lock's word: constants, predicates, and the single steps that never wait. Truth table: sx-lock.ts. */
import { SX_LOCK } from '../layout/latches.ts';
import type { Thread } from './thread.ts';

const { writer: WRITER, sxRecursive: SX_RECURSIVE } = SX_LOCK.at;

/** Lock word of a free lock, and the unit of an X hold. */
export const X_LOCK_DECR = 0x20000000;
/** The unit of an SX hold. */
export const X_LOCK_HALF_DECR = 0x10000000;
const U = X_LOCK_DECR;
const H = X_LOCK_HALF_DECR;

/** Number of readers that a lock word stands for (readers inside while a writer waits included). */
export function sxReaders(w: number): number {
  if (w > H) return U - w;
  if (w > 0) return H - w;
  if (w > -H) return 0 - w;
  return w > -U && w < -H ? -w - H : 0;
}

/** The exclusive side of a lock word. */
export function sxWriterMode(w: number): 'none' | 'SX' | 'X' | 'X reserved' | 'X+SX' | 'X reserved+SX' {
  if (w > H) return 'none';
  if (w > 0) return 'SX';
  if (w === 0) return 'X';
  if (w > -H) return 'X reserved';
  if (w === -H) return 'X+SX';
  if (w > -U) return 'X reserved+SX';
  return w > -(U + H) ? 'X' : 'X+SX';
}

/** `rw_lock_s_lock_low`: CAS w → w − 1 while w > 0. */
export function sxSLockLow(mem: Int32Array, at: number): boolean {
  let w = Atomics.load(mem, at);
  while (w > 0) {
    const seen = Atomics.compareExchange(mem, at, w, w - 1);
    if (seen === w) return true;
    w = seen;
  }
  return false;
}

/** `rw_lock_lock_word_decr`: CAS w → w − amount while w > threshold. */
function lockWordDecr(mem: Int32Array, at: number, amount: number, threshold: number): boolean {
  let w = Atomics.load(mem, at);
  while (w > threshold) {
    const seen = Atomics.compareExchange(mem, at, w, w - amount);
    if (seen === w) return true;
    w = seen;
  }
  return false;
}

/** `rw_lock_sx_lock_low`. */
export function sxSxLockLow(thr: Thread, at: number, pass: number): boolean {
  const { mem } = thr;
  if (lockWordDecr(mem, at, H, H)) {
    mem[at + WRITER] = pass === 0 ? thr.id : -thr.id;
    mem[at + SX_RECURSIVE] = 1;
    return true;
  }
  if (pass !== 0 || mem[at + WRITER] !== thr.id) return false;
  const held = mem[at + SX_RECURSIVE];
  mem[at + SX_RECURSIVE] = held + 1;
  if (held === 0) Atomics.sub(mem, at, H);
  return true;
}

/** `rw_lock_x_lock_func_nowait`: takes a free lock, or counts one more hold of the caller's own X lock. */
export function sxXLockNowaitLow(thr: Thread, at: number): boolean {
  const { mem } = thr;
  if (Atomics.compareExchange(mem, at, U, 0) === U) {
    mem[at + WRITER] = thr.id;
    return true;
  }
  if (mem[at + WRITER] !== thr.id) return false;
  const w = mem[at];
  // With SX alone it would have to wait for readers.
  if (w > 0) return false;
  Atomics.sub(mem, at, w === 0 || w === -H ? U : 1);
  return true;
}

/** What `sxXReserve` answers when the lock cannot be reserved now, and when there is nothing to wait for. */
export const X_REFUSED = 2;
export const X_ALONE = 1;

/**
 * `rw_lock_x_lock_low` up to its wait: reserves the lock for the caller, or counts one more recursive hold.
 * @returns X_REFUSED; X_ALONE; or the lock word to wait for: 0, or −H for an SX holder that asked for X
 */
export function sxXReserve(thr: Thread, at: number, pass: number): number {
  const { mem } = thr;
  if (lockWordDecr(mem, at, U, H)) {
    mem[at + WRITER] = pass === 0 ? thr.id : -thr.id;
    return 0;
  }
  if (pass !== 0 || mem[at + WRITER] !== thr.id) return X_REFUSED;
  // The lock is the caller's own. With SX alone (w > 0) readers may still be inside.
  if (lockWordDecr(mem, at, U, 0)) return -H;
  const w = mem[at];
  Atomics.sub(mem, at, w === 0 || w === -H ? U : 1);
  return X_ALONE;
}
