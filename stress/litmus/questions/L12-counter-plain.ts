/** The first bug of everybody. */
import type { Question } from '../question.ts';

const COUNT = 0;

function raise(m: Int32Array, at: number): void {
  m[at + COUNT]++;
}

const count = (m: Int32Array, at: number): number => m[at + COUNT];

export const question: Question = {
  number: 'L12',
  name: 'counter-plain',
  title: 'A counter, plain ++',
  asks: 'Two threads raise a counter by one: can one of them be lost?',
  memory: 64,
  actors: [raise, raise],
  arbiter: count,
  race: 'race',
  rules: [
    { results: ['2'], expect: 'ACCEPTABLE', why: 'Both counted.' },
    { results: ['1'], expect: 'INTERESTING', why: 'Both read 0 and both wrote 1.' },
  ],
};
