/** A 64-bit number as two words: an LSN, say, read while it is written. */
import type { Question } from '../question.ts';

const LOW = 0;
const HIGH = 1;

function writer(m: Int32Array, at: number): void {
  m[at + LOW] = 1;
  m[at + HIGH] = 1;
}

function reader(m: Int32Array, at: number): readonly number[] {
  const low = m[at + LOW];
  return [low, m[at + HIGH]];
}

export const question: Question = {
  number: 'L08',
  name: 'torn-pair',
  title: 'A 64-bit number in two words',
  asks: 'A number is written as two plain words: can a reader get half of it?',
  memory: 64,
  actors: [writer, reader],
  race: 'race',
  rules: [
    { results: ['0, 0', '1, 1'], expect: 'ACCEPTABLE', why: 'All of the old number, or all of the new one.' },
    { results: ['0, 1', '1, 0'], expect: 'INTERESTING', why: 'Torn: a half of each.' },
  ],
};
