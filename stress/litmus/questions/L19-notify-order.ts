/**
 * Which of two sleepers one notification wakes. The second goes to sleep only where the first cannot any more: on the
 * same word, but with the value that came after. So, if both sleep, the first is the one who came first.
 */
import type { Question, Surroundings } from '../question.ts';

const WORD = 0;
/** Who has been woken first, 1 or 2. */
const WOKEN = 16;
/** Nobody rings here: sleeping on it takes time, and no more. */
const NOBODY = 32;
const CLOSED = 9;
/** Enough for both to fall asleep, mostly. */
const WHILE_MS = 0.1;

function sleep(m: Int32Array, at: number, who: number): string {
  const answer = Atomics.wait(m, at + WORD, who - 1);
  if (answer === 'ok' && Atomics.compareExchange(m, at + WOKEN, 0, who) === 0) Atomics.notify(m, at + WOKEN);
  return answer;
}

function first(m: Int32Array, at: number): string {
  return sleep(m, at, 1);
}

function second(m: Int32Array, at: number): string {
  Atomics.wait(m, at + NOBODY, 0, WHILE_MS);
  Atomics.compareExchange(m, at + WORD, 0, 1);
  return sleep(m, at, 2);
}

function waker(m: Int32Array, at: number, { limitMs }: Surroundings): string {
  Atomics.wait(m, at + NOBODY, 0, 3 * WHILE_MS);
  let woke = 'nobody';
  if (Atomics.notify(m, at + WORD, 1) === 1) {
    while (Atomics.load(m, at + WOKEN) === 0) Atomics.wait(m, at + WOKEN, 0, limitMs);
    woke = Atomics.load(m, at + WOKEN) === 1 ? 'first' : 'second';
  }
  Atomics.store(m, at + WORD, CLOSED);
  Atomics.notify(m, at + WORD);
  return woke;
}

export const question: Question = {
  number: 'L19',
  name: 'notify-order',
  title: 'The order of waking',
  asks: 'Two threads sleep on a word and one is woken: is it the one that has slept longest?',
  memory: 192,
  actors: [first, second, waker],
  rules: [
    { results: ['ok, ok, first'], expect: 'ACCEPTABLE', why: 'Both slept; first come, first served.' },
    { results: ['ok, ok, second'], expect: 'FORBIDDEN', why: 'Both slept, and the second was woken first.' },
    {
      results: ['ok, ok, nobody'],
      expect: 'ACCEPTABLE',
      why: 'Both fell asleep after the first notification.',
    },
    { results: ['*, *, *'], expect: 'ACCEPTABLE', why: 'They did not sleep at the same time.' },
  ],
};
