/** Peterson's algorithm with plain accesses: the announcement may sit in the store buffer. */
import type { Question } from '../question.ts';
import { relax } from '../spin.ts';

const WANTS = [0, 16] as const;
/** Whose turn it is to go first: the number of the thread. */
const FIRST = 32;
const COUNT = 48;

function raise(m: Int32Array, at: number, me: 0 | 1): void {
  const other = 1 - me;
  m[at + WANTS[me]] = 1;
  m[at + FIRST] = other;
  while (m[at + WANTS[other]] === 1 && m[at + FIRST] === other) relax();
  m[at + COUNT]++;
  m[at + WANTS[me]] = 0;
}

function left(m: Int32Array, at: number): void {
  raise(m, at, 0);
}

function right(m: Int32Array, at: number): void {
  raise(m, at, 1);
}

const count = (m: Int32Array, at: number): number => m[at + COUNT];

export const question: Question = {
  number: 'L26',
  name: 'peterson-plain',
  title: "Peterson's algorithm, plain accesses",
  asks: 'The same without Atomics: can both be inside?',
  memory: 256,
  actors: [left, right],
  arbiter: count,
  race: 'race',
  rules: [
    { results: ['2'], expect: 'ACCEPTABLE', why: 'One after the other.' },
    {
      results: ['1'],
      expect: 'INTERESTING',
      why: 'Each looked before the other’s flag had left its store buffer. No interleaving does this.',
    },
  ],
};
