/** InnoDB's os_event: a reset returns the number of signals so far, and a wait for an older number does not sleep. */
import { ASLEEP, type Question, type Surroundings } from '../question.ts';

/** Bit 0: is set; above it the number of signals. */
const EVENT = 0;
const IS_SET = 1;
const SIGNAL = 2;
const DONE = 16;

function waiter(m: Int32Array, at: number, { limitMs }: Surroundings): string {
  for (;;) {
    const noted = Atomics.and(m, at + EVENT, ~IS_SET) & ~IS_SET;
    if (Atomics.load(m, at + DONE) === 1) return 'through';
    if (Atomics.wait(m, at + EVENT, noted, limitMs) === 'timed-out') return ASLEEP;
  }
}

function setter(m: Int32Array, at: number): void {
  Atomics.store(m, at + DONE, 1);
  Atomics.add(m, at + EVENT, SIGNAL + IS_SET);
  Atomics.notify(m, at + EVENT);
}

export const question: Question = {
  number: 'L30',
  name: 'event-count',
  title: 'An event with a signal count',
  asks: 'The same with the count of signals that InnoDB keeps: can one still miss it?',
  memory: 128,
  actors: [waiter, waiter, setter],
  rules: [
    { results: ['through, through'], expect: 'ACCEPTABLE', why: 'Both saw what they waited for.' },
    { results: ['*, *'], expect: 'FORBIDDEN', why: 'Asleep although the count had changed.' },
  ],
};
