/** Dekker's algorithm, the first for two threads: announce, and give way by turns. */
import type { Question } from '../question.ts';
import { relax } from '../spin.ts';

const WANTS = [0, 16] as const;
const TURN = 32;
const COUNT = 48;

function raise(m: Int32Array, at: number, me: 0 | 1): void {
  const mine = at + WANTS[me];
  const other = at + WANTS[1 - me];
  Atomics.store(m, mine, 1);
  while (Atomics.load(m, other) === 1) {
    if (Atomics.load(m, at + TURN) === me) {
      relax();
      continue;
    }
    Atomics.store(m, mine, 0);
    while (Atomics.load(m, at + TURN) !== me) relax();
    Atomics.store(m, mine, 1);
  }
  m[at + COUNT]++;
  Atomics.store(m, at + TURN, 1 - me);
  Atomics.store(m, mine, 0);
}

function left(m: Int32Array, at: number): void {
  raise(m, at, 0);
}

function right(m: Int32Array, at: number): void {
  raise(m, at, 1);
}

const count = (m: Int32Array, at: number): number => m[at + COUNT];

export const question: Question = {
  number: 'L24',
  name: 'dekker',
  title: "Dekker's algorithm, Atomics",
  asks: 'Two threads raise a plain counter under Dekker’s mutual exclusion: can both be inside?',
  memory: 256,
  actors: [left, right],
  arbiter: count,
  rules: [
    { results: ['2'], expect: 'ACCEPTABLE', why: 'One after the other.' },
    { results: ['1'], expect: 'FORBIDDEN', why: 'Both were inside, and one was lost.' },
  ],
};
