/** The cure of Cargill's buffer: every signal wakes everybody, and who was not meant goes back to sleep. */
import { lock, signal, unlock, waitFor } from '../condition.ts';
import { ASLEEP, type Question, type Surroundings } from '../question.ts';

const MUTEX = 0;
const CONDITION = 16;
/** Items in the buffer, which has room for one. */
const ITEMS = 32;

function produceTwo(m: Int32Array, at: number, around: Surroundings): string {
  for (let i = 0; i < 2; i++) {
    lock(m, at + MUTEX);
    while (m[at + ITEMS] === 1) if (!waitFor(m, at + MUTEX, at + CONDITION, around)) return ASLEEP;
    m[at + ITEMS]++;
    signal(m, at + CONDITION, Infinity);
    unlock(m, at + MUTEX);
  }
  return 'put 2';
}

function consume(m: Int32Array, at: number, around: Surroundings): string {
  lock(m, at + MUTEX);
  while (m[at + ITEMS] === 0) if (!waitFor(m, at + MUTEX, at + CONDITION, around)) return ASLEEP;
  m[at + ITEMS]--;
  signal(m, at + CONDITION, Infinity);
  unlock(m, at + MUTEX);
  return 'got 1';
}

export const question: Question = {
  number: 'L28',
  name: 'buffer-wakes-all',
  title: 'A bounded buffer that wakes all',
  asks: 'The same buffer, but each signal wakes everybody: do all finish?',
  memory: 192,
  actors: [produceTwo, consume, consume],
  rules: [
    { results: ['put 2, got 1, got 1'], expect: 'ACCEPTABLE', why: 'All are done.' },
    { results: ['*, *, *'], expect: 'FORBIDDEN', why: 'Somebody sleeps although there is something to do.' },
  ],
};
