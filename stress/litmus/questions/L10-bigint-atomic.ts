/** The same number in one 64-bit element. */
import type { Question, Surroundings } from '../question.ts';

const WHOLE = 0x1_0000_0001n;

function writer(_m: Int32Array, at: number, { i64 }: Surroundings): void {
  Atomics.store(i64, at / 2, WHOLE);
}

function reader(_m: Int32Array, at: number, { i64 }: Surroundings): bigint {
  return Atomics.load(i64, at / 2);
}

export const question: Question = {
  number: 'L10',
  name: 'bigint-atomic',
  title: 'A 64-bit number, Atomics over BigInt64Array',
  asks: 'The number is one 64-bit element: can an atomic load get half of it?',
  memory: 64,
  actors: [writer, reader],
  rules: [
    {
      results: ['0', '4294967297'],
      expect: 'ACCEPTABLE',
      why: 'All of the old number, or all of the new one.',
    },
    { results: ['1', '4294967296'], expect: 'FORBIDDEN', why: 'Torn: a half of each.' },
  ],
};
