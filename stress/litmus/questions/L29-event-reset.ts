/**
 * Why InnoDB's os_event counts its signals. Waiters reset the event, check, and wait for it to be set. With nothing but
 * the flag, the reset of one waiter takes away the set that another one has not seen yet.
 */
import { ASLEEP, type Question, type Surroundings } from '../question.ts';

const IS_SET = 0;
const DONE = 16;

function waiter(m: Int32Array, at: number, { limitMs }: Surroundings): string {
  for (;;) {
    Atomics.store(m, at + IS_SET, 0);
    if (Atomics.load(m, at + DONE) === 1) return 'through';
    if (Atomics.wait(m, at + IS_SET, 0, limitMs) === 'timed-out') return ASLEEP;
  }
}

function setter(m: Int32Array, at: number): void {
  Atomics.store(m, at + DONE, 1);
  Atomics.store(m, at + IS_SET, 1);
  Atomics.notify(m, at + IS_SET);
}

export const question: Question = {
  number: 'L29',
  name: 'event-reset',
  title: 'An event without a signal count',
  asks: 'Two threads reset an event, check, and wait for it to be set: can one miss that it was?',
  memory: 128,
  actors: [waiter, waiter, setter],
  limitMs: 40,
  rules: [
    { results: ['through, through'], expect: 'ACCEPTABLE', why: 'Both saw what they waited for.' },
    {
      results: ['through, asleep', 'asleep, through'],
      expect: 'INTERESTING',
      why: 'One reset the event between the other’s check and its sleep.',
    },
  ],
};
