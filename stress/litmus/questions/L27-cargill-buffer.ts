/**
 * A famous bug retold: Tom Cargill's bounded buffer. Producers and consumers sleep on one condition, and each signal
 * wakes one of them: when it is one of the wrong kind, it goes back to sleep, and the signal is spent.
 */
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
    signal(m, at + CONDITION, 1);
    unlock(m, at + MUTEX);
  }
  return 'put 2';
}

function consume(m: Int32Array, at: number, around: Surroundings): string {
  lock(m, at + MUTEX);
  while (m[at + ITEMS] === 0) if (!waitFor(m, at + MUTEX, at + CONDITION, around)) return ASLEEP;
  m[at + ITEMS]--;
  signal(m, at + CONDITION, 1);
  unlock(m, at + MUTEX);
  return 'got 1';
}

export const question: Question = {
  number: 'L27',
  name: 'cargill-buffer',
  title: 'Cargill’s bounded buffer',
  asks: 'A producer of two items and two consumers share one condition and wake one at a time: do all finish?',
  memory: 192,
  actors: [produceTwo, consume, consume],
  limitMs: 40,
  rules: [
    { results: ['put 2, got 1, got 1'], expect: 'ACCEPTABLE', why: 'All are done.' },
    {
      results: ['asleep, got 1, asleep', 'asleep, asleep, got 1'],
      expect: 'INTERESTING',
      why: 'A consumer woke the other consumer, and not the producer: all sleep.',
    },
  ],
};
