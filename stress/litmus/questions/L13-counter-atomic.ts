/** A counter that counts. */
import type { Question } from '../question.ts';

const COUNT = 0;

function raise(m: Int32Array, at: number): number {
  return Atomics.add(m, at + COUNT, 1);
}

const count = (m: Int32Array, at: number): number => m[at + COUNT];

export const question: Question = {
  number: 'L13',
  name: 'counter-atomic',
  title: 'A counter, Atomics.add',
  asks: 'The same with Atomics.add: can one be lost, or both get the same number?',
  memory: 64,
  actors: [raise, raise],
  arbiter: count,
  rules: [
    { results: ['0, 1, 2', '1, 0, 2'], expect: 'ACCEPTABLE', why: 'Different numbers, and both counted.' },
    {
      results: ['0, 0, 1', '0, 0, 2', '1, 1, 2'],
      expect: 'FORBIDDEN',
      why: 'A read-modify-write is one step.',
    },
  ],
};
