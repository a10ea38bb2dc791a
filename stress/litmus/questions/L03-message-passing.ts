/** How every latch hands over what it guards: plain data, published by an atomic store. */
import type { Question } from '../question.ts';

const DATA = 0;
const READY = 16;

function writer(m: Int32Array, at: number): void {
  m[at + DATA] = 42;
  Atomics.store(m, at + READY, 1);
}

function reader(m: Int32Array, at: number): Seen {
  return Atomics.load(m, at + READY) === 1 ? m[at + DATA] : 'early';
}

type Seen = number | 'early';

export const question: Question = {
  number: 'L03',
  name: 'message-passing',
  title: 'Message passing, atomic flag',
  asks: 'Data is written plainly and published by an atomic flag: can who sees the flag miss the data?',
  memory: 128,
  actors: [writer, reader],
  rules: [
    { results: ['42'], expect: 'ACCEPTABLE', why: 'The flag was seen, and the data with it.' },
    { results: ['early'], expect: 'ACCEPTABLE', why: 'The flag was not up yet.' },
    { results: ['0'], expect: 'FORBIDDEN', why: 'The flag came before the data.' },
  ],
};
