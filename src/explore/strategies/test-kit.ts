/** For tests: texts of small scenarios whose defects strategies must find (concurrency-testing.md 4.2), and correct ones. */
import { scenarioText } from '../engine/test-kit.ts';

const CTX = `type Ctx = { id: number; m: Int32Array };`;

/** A scenario from the text of its functions. */
export const program = (body: string, threads: string, more = ''): string =>
  scenarioText(`${CTX}\n${body}`, threads, more);

/** Locks as text: functions lock(m) and unlock(m). Word 0 is the lock, word 1 counts who waits. */
const LOCKS = {
  /** Two states and a count of waiters, which unlock reads before it frees the word. */
  countReadTooEarly: `
    function lock(m: Int32Array) {
      while (Atomics.compareExchange(m, 0, 0, 1) !== 0) {
        Atomics.add(m, 1, 1); Atomics.wait(m, 0, 1); Atomics.sub(m, 1, 1);
      }
    }
    function unlock(m: Int32Array) {
      const waiters = Atomics.load(m, 1);
      Atomics.store(m, 0, 0);
      if (waiters > 0) Atomics.notify(m, 0, 1);
    }`,
  /** Three states; who was woken takes the lock as if nobody else waited. */
  wokenForgetsTheThird: `
    function lock(m: Int32Array) {
      if (Atomics.compareExchange(m, 0, 0, 1) === 0) return;
      for (;;) {
        if (Atomics.load(m, 0) === 2 || Atomics.compareExchange(m, 0, 1, 2) !== 0) Atomics.wait(m, 0, 2);
        if (Atomics.compareExchange(m, 0, 0, 1) === 0) return;
      }
    }
    function unlock(m: Int32Array) { if (Atomics.exchange(m, 0, 0) === 2) Atomics.notify(m, 0, 1); }`,
  neverNotified: `
    function lock(m: Int32Array) { while (Atomics.compareExchange(m, 0, 0, 1) !== 0) Atomics.wait(m, 0, 1); }
    function unlock(m: Int32Array) { Atomics.store(m, 0, 0); }`,
  /** Drepper's, which is right. */
  correct: `
    function lock(m: Int32Array) {
      let seen = Atomics.compareExchange(m, 0, 0, 1);
      while (seen !== 0) {
        if (seen === 2 || Atomics.compareExchange(m, 0, 1, 2) !== 0) Atomics.wait(m, 0, 2);
        seen = Atomics.compareExchange(m, 0, 0, 2);
      }
    }
    function unlock(m: Int32Array) { if (Atomics.exchange(m, 0, 0) === 2) Atomics.notify(m, 0, 1); }`,
  spinning: `
    function lock(m: Int32Array) { while (Atomics.exchange(m, 0, 1) !== 0); }
    function unlock(m: Int32Array) { Atomics.store(m, 0, 0); }`,
  /** Spins with reads and without a pause. */
  testAndTestAndSet: `
    function lock(m: Int32Array) { do { while (Atomics.load(m, 0) !== 0); } while (Atomics.exchange(m, 0, 1) !== 0); }
    function unlock(m: Int32Array) { Atomics.store(m, 0, 0); }`,
} as const;

/** Threads that each take the lock so often and count under it, by plain reads and writes. */
export function lockProgram(lock: keyof typeof LOCKS, threads: number, rounds = 1, more = ''): string {
  const total = threads * rounds;
  return program(
    `${LOCKS[lock]}
     const t = ({ m }: Ctx) => { for (let i = 0; i < ${rounds}; i++) { lock(m); m[4]++; unlock(m); } };`,
    Array.from({ length: threads }, () => 't').join(', '),
    `check: (m: Int32Array) => { if (m[4] !== ${total}) throw new Error('counted ' + m[4]); }, ${more}`,
  );
}
