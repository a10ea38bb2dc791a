/** Load buffering: can an effect come before its cause? */
import type { Question } from '../question.ts';

const X = 0;
const Y = 16;

function left(m: Int32Array, at: number): number {
  const seen = Atomics.load(m, at + X);
  Atomics.store(m, at + Y, 1);
  return seen;
}

function right(m: Int32Array, at: number): number {
  const seen = Atomics.load(m, at + Y);
  Atomics.store(m, at + X, 1);
  return seen;
}

export const question: Question = {
  number: 'L05',
  name: 'load-buffering',
  title: 'Load buffering, Atomics',
  asks: 'Each thread reads one word and then sets the other: can both read 1?',
  memory: 128,
  actors: [left, right],
  rules: [
    {
      results: ['0, 0', '0, 1', '1, 0'],
      expect: 'ACCEPTABLE',
      why: 'Somebody read before anything was set.',
    },
    { results: ['1, 1'], expect: 'FORBIDDEN', why: 'Each would have read what was stored later.' },
  ],
};
