/**
 * A semaphore that loses wake-ups, as one of npm's did: `release` notifies only when it raises the count from zero. Two
 * releases in a row wake one sleeper.
 */
import { ASLEEP, type Question, type Surroundings } from '../question.ts';

const PERMITS = 0;

function acquire(m: Int32Array, at: number, { limitMs }: Surroundings): string {
  for (;;) {
    const permits = Atomics.load(m, at + PERMITS);
    if (permits === 0) {
      if (Atomics.wait(m, at + PERMITS, 0, limitMs) === 'timed-out') return ASLEEP;
    } else if (Atomics.compareExchange(m, at + PERMITS, permits, permits - 1) === permits) {
      return 'in';
    }
  }
}

function release(m: Int32Array, at: number): void {
  if (Atomics.add(m, at + PERMITS, 1) === 0) Atomics.notify(m, at + PERMITS, 1);
}

function releaseTwo(m: Int32Array, at: number): void {
  release(m, at);
  release(m, at);
}

export const question: Question = {
  number: 'L31',
  name: 'semaphore',
  title: 'A semaphore that loses wake-ups',
  asks: 'Two threads wait for a permit and two are released in a row: do both get in?',
  memory: 64,
  actors: [acquire, acquire, releaseTwo],
  limitMs: 40,
  rules: [
    { results: ['in, in'], expect: 'ACCEPTABLE', why: 'Both got a permit.' },
    {
      results: ['in, asleep', 'asleep, in'],
      expect: 'INTERESTING',
      why: 'The second release found a permit there already, and woke nobody: one sleeps beside it.',
    },
  ],
};
