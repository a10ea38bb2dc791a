/** Double-checked initialisation, as it was taught for years: the flag is a plain word. */
import type { Question } from '../question.ts';
import { relax } from '../spin.ts';

const READY = 0;
const LOCK = 1;
const VALUE = 16;

function get(m: Int32Array, at: number): number {
  if (m[at + READY] === 0) {
    while (Atomics.compareExchange(m, at + LOCK, 0, 1) !== 0) relax();
    if (m[at + READY] === 0) {
      m[at + VALUE] += 42;
      m[at + READY] = 1;
    }
    Atomics.store(m, at + LOCK, 0);
  }
  return m[at + VALUE];
}

export const question: Question = {
  number: 'L23',
  name: 'double-checked-plain',
  title: 'Double-checked initialisation, plain flag',
  asks: 'The same with a plain flag: does everybody get all of the value?',
  memory: 128,
  actors: [get, get],
  race: 'race',
  rules: [
    { results: ['42, 42'], expect: 'ACCEPTABLE', why: 'Made once, seen by both.' },
    {
      results: ['0, 42', '42, 0'],
      expect: 'INTERESTING',
      why: 'The flag was seen without the value: never on x86.',
    },
    {
      results: ['84, *', '*, 84'],
      expect: 'FORBIDDEN',
      why: 'Made twice, although the second check is under the lock.',
    },
  ],
};
