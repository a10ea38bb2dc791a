/** A lock of one word, and plain data in it. */
import type { Question } from '../question.ts';
import { relax } from '../spin.ts';

const LOCK = 0;
const COUNT = 16;

function raise(m: Int32Array, at: number): void {
  while (Atomics.compareExchange(m, at + LOCK, 0, 1) !== 0) relax();
  m[at + COUNT]++;
  Atomics.store(m, at + LOCK, 0);
}

const count = (m: Int32Array, at: number): number => m[at + COUNT];

export const question: Question = {
  number: 'L14',
  name: 'cas-lock',
  title: 'A plain counter under a compare-exchange lock',
  asks: 'Two threads raise a plain counter under a spin lock: can one be lost?',
  memory: 128,
  actors: [raise, raise],
  arbiter: count,
  rules: [
    { results: ['2'], expect: 'ACCEPTABLE', why: 'One after the other, each with what the other wrote.' },
    { results: ['1'], expect: 'FORBIDDEN', why: 'Both were inside, or the second did not see the first.' },
  ],
};
