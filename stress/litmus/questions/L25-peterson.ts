/** Peterson's algorithm: announce, and let the other go first. */
import type { Question } from '../question.ts';
import { relax } from '../spin.ts';

const WANTS = [0, 16] as const;
/** Whose turn it is to go first: the number of the thread. */
const FIRST = 32;
const COUNT = 48;

function raise(m: Int32Array, at: number, me: 0 | 1): void {
  const other = 1 - me;
  Atomics.store(m, at + WANTS[me], 1);
  Atomics.store(m, at + FIRST, other);
  while (Atomics.load(m, at + WANTS[other]) === 1 && Atomics.load(m, at + FIRST) === other) relax();
  m[at + COUNT]++;
  Atomics.store(m, at + WANTS[me], 0);
}

function left(m: Int32Array, at: number): void {
  raise(m, at, 0);
}

function right(m: Int32Array, at: number): void {
  raise(m, at, 1);
}

const count = (m: Int32Array, at: number): number => m[at + COUNT];

export const question: Question = {
  number: 'L25',
  name: 'peterson',
  title: "Peterson's algorithm, Atomics",
  asks: 'Two threads raise a plain counter under Peterson’s mutual exclusion: can both be inside?',
  memory: 256,
  actors: [left, right],
  arbiter: count,
  rules: [
    { results: ['2'], expect: 'ACCEPTABLE', why: 'One after the other.' },
    { results: ['1'], expect: 'FORBIDDEN', why: 'Both were inside, and one was lost.' },
  ],
};
