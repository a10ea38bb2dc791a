/**
 * Data that a latch guards, and work on it that shows when the guard fails: in a race, in a lost update, or as a reader
 * that sees one half of a change. Three words: `data` and `data + 1` are X's, `data + 2` is SX's (and X's).
 */
import { THREAD } from '../../src/layout/thread.ts';
import { mutexIsFree } from '../../src/sync/mutex.ts';
import { X_LOCK_DECR } from '../../src/sync/sx-lock-word.ts';
import { SX_LOCK } from '../../src/layout/latches.ts';
import { type Kit, must } from './kit.ts';

export const DATA_WORDS = 3;

/** Work that shuts out all others: one plain change, and one in two steps. */
export function change(mem: Int32Array, data: number): void {
  mem[data]++;
  Atomics.store(mem, data + 1, Atomics.load(mem, data + 1) + 1);
}

/** Work that lets readers in, and nobody else. */
export function changeBesideReaders(mem: Int32Array, data: number): void {
  Atomics.store(mem, data + 2, Atomics.load(mem, data + 2) + 1);
}

/** A reader's work: returns how often `change` was done. */
export function look(mem: Int32Array, data: number): number {
  const changes = mem[data];
  must(Atomics.load(mem, data + 1) === changes, 'a reader sees a change that is half done');
  return changes;
}

/** At the end: so many changes were made under X, and so many under SX or X beside readers. */
export function checkData(mem: Int32Array, data: number, changes: number, beside = 0): void {
  const [plain, stepped, besideReaders] = [mem[data], mem[data + 1], mem[data + 2]];
  must(
    plain === changes && stepped === changes,
    `${changes} changes were made, ${plain} and ${stepped} are left`,
  );
  must(besideReaders === beside, `${beside} changes were made under SX, ${besideReaders} are left`);
}

/** At the end: a mutex is free. */
export function checkMutexFree(mem: Int32Array, at: number): void {
  must(mutexIsFree(mem[at]), `the mutex is left with ${mem[at]}`);
}

/** At the end: an sx-lock is free. A flag for waiters may stay: the next release finds nobody. */
export function checkSxFree(mem: Int32Array, at: number): void {
  const word = mem[at];
  must(word === X_LOCK_DECR, `the lock word is left ${word - X_LOCK_DECR} from free`);
  const writer = mem[at + SX_LOCK.at.writer];
  must(writer === 0, `writer ${writer} is left in the lock`);
  const holds = mem[at + SX_LOCK.at.sxRecursive];
  must(holds === 0, `${holds} SX holds are left in the lock`);
}

/** At the end: nobody's held list names anything. */
export function checkNothingHeld(kit: Kit): void {
  const { mem, runtime } = kit;
  for (const thr of kit.threads) {
    const list = runtime.threads + (thr.id - 1) * THREAD.words + THREAD.at.held;
    must(mem[list] === 0 && thr.heldCount === 0, `thread ${thr.id - 1} still names a latch as held`);
  }
}
