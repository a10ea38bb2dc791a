/** A wait that comes too late says so. */
import type { Question, Surroundings } from '../question.ts';

const WORD = 0;

function sleeper(m: Int32Array, at: number, { limitMs }: Surroundings): string {
  return Atomics.wait(m, at + WORD, 0, limitMs);
}

function waker(m: Int32Array, at: number): number {
  Atomics.store(m, at + WORD, 1);
  return Atomics.notify(m, at + WORD);
}

export const question: Question = {
  number: 'L21',
  name: 'not-equal',
  title: 'A wait that comes too late',
  asks: 'A word is changed and then notified: what does somebody get who is about to sleep on it?',
  memory: 64,
  actors: [sleeper, waker],
  rules: [
    { results: ['ok, 1'], expect: 'ACCEPTABLE', why: 'Asleep in time, and woken.' },
    { results: ['not-equal, 0'], expect: 'ACCEPTABLE', why: 'Too late, and told so at once.' },
    {
      results: ['ok, 0', 'not-equal, 1'],
      expect: 'FORBIDDEN',
      why: 'The two sides disagree about the wake-up.',
    },
    {
      results: ['timed-out, *', 'asleep, *'],
      expect: 'FORBIDDEN',
      why: 'Asleep, although the word had changed.',
    },
  ],
};
