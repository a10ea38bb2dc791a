/** IRIW: independent reads of independent writes. */
import type { Question } from '../question.ts';

const X = 0;
const Y = 16;

function writeX(m: Int32Array, at: number): void {
  Atomics.store(m, at + X, 1);
}

function writeY(m: Int32Array, at: number): void {
  Atomics.store(m, at + Y, 1);
}

function xThenY(m: Int32Array, at: number): readonly number[] {
  const x = Atomics.load(m, at + X);
  return [x, Atomics.load(m, at + Y)];
}

function yThenX(m: Int32Array, at: number): readonly number[] {
  const y = Atomics.load(m, at + Y);
  return [y, Atomics.load(m, at + X)];
}

export const question: Question = {
  number: 'L06',
  name: 'independent-reads',
  title: 'Independent reads of independent writes, Atomics',
  asks: 'Two threads write a word each: can two readers disagree about which write was first?',
  memory: 128,
  actors: [writeX, writeY, xThenY, yThenX],
  rules: [
    {
      results: ['1, 0, 1, 0'],
      expect: 'FORBIDDEN',
      why: 'One saw only x, the other only y: there is one order of all stores.',
    },
    { results: ['*, *, *, *'], expect: 'ACCEPTABLE', why: 'One order of the two stores explains it.' },
  ],
};
