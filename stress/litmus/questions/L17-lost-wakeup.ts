/** The lost wake-up: the flag is checked, and then one sleeps on a word that says nothing about the flag. */
import { ASLEEP, type Question, type Surroundings } from '../question.ts';

const READY = 0;
/** Only slept on: never changes. */
const BELL = 16;

function sleeper(m: Int32Array, at: number, { limitMs }: Surroundings): string {
  if (Atomics.load(m, at + READY) === 1) return 'saw it';
  return Atomics.wait(m, at + BELL, 0, limitMs) === 'ok' ? 'woken' : ASLEEP;
}

function waker(m: Int32Array, at: number): void {
  Atomics.store(m, at + READY, 1);
  Atomics.notify(m, at + BELL);
}

export const question: Question = {
  number: 'L17',
  name: 'lost-wakeup',
  title: 'A lost wake-up',
  asks: 'A thread checks a flag and then sleeps on another word: can it sleep through the wake-up?',
  memory: 128,
  actors: [sleeper, waker],
  limitMs: 40,
  rules: [
    {
      results: ['saw it', 'woken'],
      expect: 'ACCEPTABLE',
      why: 'The flag was up in time, or the bell rang in time.',
    },
    { results: [ASLEEP], expect: 'INTERESTING', why: 'The bell rang between the check and the sleep.' },
  ],
};
