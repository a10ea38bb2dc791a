/** Coherence: one word has one history. */
import type { Question } from '../question.ts';

const X = 0;

function writer(m: Int32Array, at: number): void {
  Atomics.store(m, at + X, 1);
  Atomics.store(m, at + X, 2);
}

function reader(m: Int32Array, at: number): readonly number[] {
  const first = Atomics.load(m, at + X);
  return [first, Atomics.load(m, at + X)];
}

export const question: Question = {
  number: 'L07',
  name: 'coherence',
  title: 'Coherence of one word',
  asks: 'A word goes from 0 to 1 to 2: can who reads it twice see it go backwards?',
  memory: 64,
  actors: [writer, reader],
  rules: [
    { results: ['0, 0', '1, 1', '2, 2'], expect: 'ACCEPTABLE', why: 'Nothing was stored between the reads.' },
    {
      results: ['0, 1', '0, 2', '1, 2'],
      expect: 'ACCEPTABLE',
      why: 'Something was stored between the reads.',
    },
    {
      results: ['1, 0', '2, 0', '2, 1'],
      expect: 'FORBIDDEN',
      why: 'The second read is older than the first.',
    },
  ],
};
