/** Message passing with a plain flag: works on x86 by luck, and nowhere by right. */
import type { Question } from '../question.ts';

const DATA = 0;
const READY = 16;

function writer(m: Int32Array, at: number): void {
  m[at + DATA] = 1;
  m[at + READY] = 1;
}

function reader(m: Int32Array, at: number): readonly number[] {
  const ready = m[at + READY];
  return [ready, m[at + DATA]];
}

export const question: Question = {
  number: 'L04',
  name: 'message-passing-plain',
  title: 'Message passing, plain flag',
  asks: 'The same with a plain flag: can the reader see the flag (first) without the data (second)?',
  memory: 128,
  actors: [writer, reader],
  race: 'race',
  rules: [
    {
      results: ['0, 0', '0, 1', '1, 1'],
      expect: 'ACCEPTABLE',
      why: 'Some order of the accesses explains it.',
    },
    {
      results: ['1, 0'],
      expect: 'INTERESTING',
      why: 'The stores or the loads were reordered: compilers may, ARM does, x86 does not.',
    },
  ],
};
