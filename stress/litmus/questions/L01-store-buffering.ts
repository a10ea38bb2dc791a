/** The core of Dekker's algorithm: what every "I say that I come, then I look whether you do" rests on. */
import type { Question } from '../question.ts';

const X = 0;
const Y = 16;

function left(m: Int32Array, at: number): number {
  Atomics.store(m, at + X, 1);
  return Atomics.load(m, at + Y);
}

function right(m: Int32Array, at: number): number {
  Atomics.store(m, at + Y, 1);
  return Atomics.load(m, at + X);
}

export const question: Question = {
  number: 'L01',
  name: 'store-buffering',
  title: 'Store buffering, Atomics',
  asks: 'Each thread sets its own flag and then reads the other one: can both read 0?',
  memory: 128,
  actors: [left, right],
  rules: [
    { results: ['0, 1', '1, 0'], expect: 'ACCEPTABLE', why: 'One came before the other.' },
    { results: ['1, 1'], expect: 'ACCEPTABLE', why: 'Both had stored when they looked.' },
    {
      results: ['0, 0'],
      expect: 'FORBIDDEN',
      why: 'Atomics are sequentially consistent: one store is the first.',
    },
  ],
};
