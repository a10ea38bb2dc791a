/** A mutex that spins and a condition variable that sleeps, of a few words: what the buffer questions are built from. */
import type { Surroundings } from './question.ts';
import { relax } from './spin.ts';

export function lock(m: Int32Array, word: number): void {
  while (Atomics.compareExchange(m, word, 0, 1) !== 0) relax();
}

export function unlock(m: Int32Array, word: number): void {
  Atomics.store(m, word, 0);
}

/**
 * Gives the mutex back while it sleeps. The condition's word counts signals, so that none is missed between the two.
 * @returns false: nobody signalled before the limit, and the mutex is not held
 */
export function waitFor(m: Int32Array, mutex: number, condition: number, around: Surroundings): boolean {
  const signals = Atomics.load(m, condition);
  unlock(m, mutex);
  if (Atomics.wait(m, condition, signals, around.limitMs) === 'timed-out') return false;
  lock(m, mutex);
  return true;
}

/** Wakes as many as `sleepers`, longest asleep first. */
export function signal(m: Int32Array, condition: number, sleepers: number): void {
  Atomics.add(m, condition, 1);
  Atomics.notify(m, condition, sleepers);
}
