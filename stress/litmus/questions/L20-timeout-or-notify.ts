/** A wait that runs out just when it is notified: the two sides must agree on which it was. */
import type { Question } from '../question.ts';

const WORD = 0;
const NOBODY = 16;
/** Both about as long as it takes, so that now the one comes first and now the other. */
const SLEEP_MS = 0.05;
const DELAY_MS = 0.04;

function sleeper(m: Int32Array, at: number): string {
  return Atomics.wait(m, at + WORD, 0, SLEEP_MS);
}

function waker(m: Int32Array, at: number): number {
  Atomics.wait(m, at + NOBODY, 0, DELAY_MS);
  return Atomics.notify(m, at + WORD);
}

export const question: Question = {
  number: 'L20',
  name: 'timeout-or-notify',
  title: 'A time-out against a notification',
  asks: 'Does the number that notify returns agree with what the sleeper was told?',
  memory: 128,
  actors: [sleeper, waker],
  rules: [
    { results: ['ok, 1'], expect: 'ACCEPTABLE', why: 'Woken, and both know it.' },
    {
      results: ['timed-out, 0'],
      expect: 'ACCEPTABLE',
      why: 'The time was over, or the sleeper was late; both know it.',
    },
    {
      results: ['ok, 0', 'timed-out, 1'],
      expect: 'FORBIDDEN',
      why: 'A wake-up that only one of the two knows of.',
    },
  ],
};
