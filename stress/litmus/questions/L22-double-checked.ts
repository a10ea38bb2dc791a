/** Double-checked initialisation, as it should be: the flag is read and written by Atomics. */
import type { Question } from '../question.ts';
import { relax } from '../spin.ts';

const READY = 0;
const LOCK = 1;
const VALUE = 16;

function get(m: Int32Array, at: number): number {
  if (Atomics.load(m, at + READY) === 0) {
    while (Atomics.compareExchange(m, at + LOCK, 0, 1) !== 0) relax();
    if (Atomics.load(m, at + READY) === 0) {
      m[at + VALUE] += 42;
      Atomics.store(m, at + READY, 1);
    }
    Atomics.store(m, at + LOCK, 0);
  }
  return m[at + VALUE];
}

export const question: Question = {
  number: 'L22',
  name: 'double-checked',
  title: 'Double-checked initialisation',
  asks: 'A value is made by whoever first needs it: is it made once, and does everybody get all of it?',
  memory: 128,
  actors: [get, get],
  rules: [
    { results: ['42, 42'], expect: 'ACCEPTABLE', why: 'Made once, seen by both.' },
    { results: ['0, *', '*, 0'], expect: 'FORBIDDEN', why: 'The flag was seen without the value.' },
    { results: ['84, *', '*, 84'], expect: 'FORBIDDEN', why: 'Made twice.' },
  ],
};
