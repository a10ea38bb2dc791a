/** Store buffering with plain accesses: a data race, and the one weakness that even x86 shows. */
import type { Question } from '../question.ts';

const X = 0;
const Y = 16;

function left(m: Int32Array, at: number): number {
  m[at + X] = 1;
  return m[at + Y];
}

function right(m: Int32Array, at: number): number {
  m[at + Y] = 1;
  return m[at + X];
}

export const question: Question = {
  number: 'L02',
  name: 'store-buffering-plain',
  title: 'Store buffering, plain accesses',
  asks: 'The same without Atomics: can both read 0?',
  memory: 128,
  actors: [left, right],
  race: 'race',
  rules: [
    {
      results: ['0, 1', '1, 0', '1, 1'],
      expect: 'ACCEPTABLE',
      why: 'Some order of the four accesses explains it.',
    },
    {
      results: ['0, 0'],
      expect: 'INTERESTING',
      why: 'Both stores were still in their store buffers. No interleaving does this.',
    },
  ],
};
