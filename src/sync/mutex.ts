/**
 * The futex mutex with three states (facts B 12.3, TTASFutexMutex). The owner's number is part of the word, so that
 * whoever looks sees lock and owner at once, and a thread that dies between two instructions leaves no doubt.
 *
 * | word       | meaning                    | set by                         | cleared by    | breaks otherwise     |
 * |------------|----------------------------|--------------------------------|---------------|----------------------|
 * | 0          | free                       | the owner, in exit             | any, by CAS   |                      |
 * | id<<1      | locked by id, nobody waits | CAS 0 → id<<1 in enter         | owner's exit  | two owners           |
 * | id<<1 \| 1 | locked, somebody may sleep | CAS by a waiter, before sleep; | owner's exit, | a waiter sleeps on   |
 * |            |                            | by itself when it was woken    | which wakes 1 | after the last exit  |
 *
 * A woken waiter takes the mutex *with* the waiter bit: others may sleep behind it, and it cannot know. Exit wakes
 * one. Not recursive. Anyone may take the mutex between a wake-up and the woken thread's attempt (barging), as in
 * InnoDB.
 */
import { MUTEX } from '../layout/latches.ts';
import { SYSVARS, WAIT_STAT } from '../layout/thread.ts';
import { checkOrder } from './order.ts';
import { beginWait, endWait, park, spinRound } from './park.ts';
import type { Thread } from './thread.ts';

const { word: WORD, meta: META } = MUTEX.at;
const { acquired: ACQUIRED } = WAIT_STAT.at;
const { syncSpinLoops: SPIN_LOOPS } = SYSVARS.at;
const FREE = 0;
const WAITERS = 1;
if (WORD !== 0 || WAIT_STAT.words !== 8) throw new Error('mutex.ts computes with these offsets');

export const mutexIsFree = (word: number): boolean => word === FREE;
export const mutexHasWaiters = (word: number): boolean => (word & WAITERS) !== 0;
/** Number of the owning thread, 0 when free. */
export const mutexOwner = (word: number): number => word >>> 1;

/** Makes a mutex of the given latch class; before it is shared. */
export function mutexInit(mem: Int32Array, at: number, latchClass: number): void {
  mem[at] = FREE;
  mem[at + META] = latchClass;
}

/** `mutex_enter`: takes it, waiting as long as it takes. */
export function mutexEnter(thr: Thread, at: number): void {
  const { mem } = thr;
  if (thr.checked) checkOrder(thr, at);
  thr.hold(at);
  if (Atomics.compareExchange(mem, at, FREE, thr.owned) !== FREE) mutexEnterSlow(thr, at);
  mem[thr.waits + (mem[at + META] << 3) + ACQUIRED]++;
}

/** `mutex_enter_nowait`, with the sense of a predicate: true when taken. One attempt, no order check. */
export function mutexTryEnter(thr: Thread, at: number): boolean {
  const { mem } = thr;
  thr.hold(at);
  if (Atomics.compareExchange(mem, at, FREE, thr.owned) !== FREE) {
    thr.unhold(at);
    return false;
  }
  mem[thr.waits + (mem[at + META] << 3) + ACQUIRED]++;
  return true;
}

/** `mutex_exit`: the caller must own it. */
export function mutexExit(thr: Thread, at: number): void {
  const { mem } = thr;
  // Before the exchange, so that a wrong release does not free somebody else's mutex. A plain load will do: a thread
  // finds its own number here only if it wrote it itself.
  if (mem[at] >>> 1 !== thr.id) {
    throw new Error(`thread ${thr.id} released mutex @${at} of thread ${mem[at] >>> 1}`);
  }
  if ((Atomics.exchange(mem, at, FREE) & WAITERS) !== 0) Atomics.notify(mem, at, 1);
  thr.unhold(at);
}

/** Whether the calling thread owns it. */
export function mutexOwn(thr: Thread, at: number): boolean {
  return Atomics.load(thr.mem, at) >>> 1 === thr.id;
}

function mutexEnterSlow(thr: Thread, at: number): void {
  const { mem } = thr;
  const row = thr.waits + (mem[at + META] << 3);
  const loops = thr.sysvar(SPIN_LOOPS);
  const began = beginWait(thr, at, row);
  let rounds = 0;
  while (rounds < loops) {
    if (Atomics.load(mem, at) === FREE && Atomics.compareExchange(mem, at, FREE, thr.owned) === FREE) {
      endWait(thr, row, rounds, began);
      return;
    }
    spinRound(thr, row);
    rounds++;
  }
  for (;;) {
    const word = Atomics.load(mem, at);
    if (word === FREE) {
      if (Atomics.compareExchange(mem, at, FREE, thr.owned | WAITERS) === FREE) break;
    } else if ((word & WAITERS) !== 0 || Atomics.compareExchange(mem, at, word, word | WAITERS) === word) {
      park(thr, at, word | WAITERS, row);
    }
  }
  endWait(thr, row, rounds, began);
}
