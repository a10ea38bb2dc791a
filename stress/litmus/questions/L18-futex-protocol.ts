/** How to sleep: on the word itself, with the value that one has seen. */
import { ASLEEP, type Question, type Surroundings } from '../question.ts';

const READY = 0;

function sleeper(m: Int32Array, at: number, { limitMs }: Surroundings): string {
  let slept = false;
  while (Atomics.load(m, at + READY) === 0) {
    const answer = Atomics.wait(m, at + READY, 0, limitMs);
    if (answer === 'timed-out') return ASLEEP;
    slept = answer === 'ok';
  }
  return slept ? 'woken' : 'saw it';
}

function waker(m: Int32Array, at: number): void {
  Atomics.store(m, at + READY, 1);
  Atomics.notify(m, at + READY);
}

export const question: Question = {
  number: 'L18',
  name: 'futex-protocol',
  title: 'Sleeping on the flag itself',
  asks: 'The thread sleeps on the flag, expecting what it saw there: can it sleep through the wake-up?',
  memory: 64,
  actors: [sleeper, waker],
  rules: [
    {
      results: ['saw it', 'woken'],
      expect: 'ACCEPTABLE',
      why: 'The flag was up in time, or the sleeper was woken.',
    },
    { results: [ASLEEP], expect: 'FORBIDDEN', why: 'A wait compares and falls asleep in one step.' },
  ],
};
