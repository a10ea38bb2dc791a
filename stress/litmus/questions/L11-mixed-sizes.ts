/** Two flags of 16 and 8 bits, read together as a word. Atomics order only accesses of the same bytes. */
import type { Question, Surroundings } from '../question.ts';

function writer(_m: Int32Array, at: number, { i8, i16 }: Surroundings): void {
  Atomics.store(i16, 2 * at, 1);
  Atomics.store(i8, 4 * at + 2, 1);
}

function reader(m: Int32Array, at: number): string {
  return `0x${Atomics.load(m, at).toString(16)}`;
}

export const question: Question = {
  number: 'L11',
  name: 'mixed-sizes',
  title: 'Atomics of different widths on the same bytes',
  asks: 'Bits 0 and 16 of a word are set by a 16-bit and then an 8-bit store: can a reader see only the second?',
  memory: 64,
  actors: [writer, reader],
  race: 'mixed-size',
  rules: [
    {
      results: ['0x0', '0x1', '0x10001'],
      expect: 'ACCEPTABLE',
      why: 'In the order of the stores, as all machines do it.',
    },
    {
      results: ['0x10000'],
      expect: 'INTERESTING',
      why: 'ECMAScript allows it: different widths on the same bytes are a race.',
    },
  ],
};
