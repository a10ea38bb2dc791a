/**
 * The hand-over of a session that is killed (src/session/hand-over.ts): the thread that gives it back writes
 * idle and then looks for a kill; the killer writes the kill and then tries to have the idle session. Store
 * buffering, with an exchange that decides when both see each other.
 */
import type { Question } from '../question.ts';

const STATE = 0;
const KILLED = 16;
const RUNNING = 0;
const IDLE = 1;
const QUEUED = 2;
const TAKEN_BACK = 3;

/** @returns 1: this thread must close the connection */
function givesBack(m: Int32Array, at: number): number {
  Atomics.store(m, at + STATE, IDLE);
  if (Atomics.load(m, at + KILLED) === 0) return 0;
  return Atomics.compareExchange(m, at + STATE, IDLE, TAKEN_BACK) === IDLE ? 1 : 0;
}

/** @returns 1: the thread that it sends must */
function kills(m: Int32Array, at: number): number {
  Atomics.store(m, at + KILLED, 1);
  return Atomics.compareExchange(m, at + STATE, IDLE, QUEUED) === IDLE ? 1 : 0;
}

export const question: Question = {
  number: 'L32',
  name: 'idle-or-killed',
  title: 'A session is given back while it is killed',
  asks: 'The thread says idle and looks for a kill, the killer kills and looks for idle: does exactly one close it?',
  memory: 128,
  init: (m, at) => {
    m[at + STATE] = RUNNING;
  },
  actors: [givesBack, kills],
  rules: [
    {
      results: ['1, 0'],
      expect: 'ACCEPTABLE',
      why: 'The thread has found the kill, and had the session first.',
    },
    { results: ['0, 1'], expect: 'ACCEPTABLE', why: 'The killer has found it idle, and had it first.' },
    {
      results: ['0, 0'],
      expect: 'FORBIDDEN',
      why: 'Neither has seen the other: a killed connection stays open. One of the two stores is the first.',
    },
    {
      results: ['1, 1'],
      expect: 'FORBIDDEN',
      why: 'Both have had it: an exchange takes the word from one only.',
    },
  ],
};
