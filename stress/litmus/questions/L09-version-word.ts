/** The same number behind a version word (a seqlock): odd while it is written, and other than before if it was. */
import type { Question } from '../question.ts';

const VERSION = 0;
const LOW = 1;
const HIGH = 2;

function writer(m: Int32Array, at: number): void {
  Atomics.store(m, at + VERSION, 1);
  // Atomics, as the reader does not wait: plain words would be a data race, whatever the version says afterwards.
  Atomics.store(m, at + LOW, 1);
  Atomics.store(m, at + HIGH, 1);
  Atomics.store(m, at + VERSION, 2);
}

function reader(m: Int32Array, at: number): string | readonly number[] {
  const version = Atomics.load(m, at + VERSION);
  if (version % 2 === 1) return 'busy';
  const low = Atomics.load(m, at + LOW);
  const high = Atomics.load(m, at + HIGH);
  return Atomics.load(m, at + VERSION) === version ? [low, high] : 'again';
}

export const question: Question = {
  number: 'L09',
  name: 'version-word',
  title: 'A 64-bit number behind a version word',
  asks: 'The two words are guarded by a version (seqlock): can a reader that was let through get half?',
  memory: 64,
  actors: [writer, reader],
  rules: [
    { results: ['0, 0', '1, 1'], expect: 'ACCEPTABLE', why: 'All of the old number, or all of the new one.' },
    { results: ['busy', 'again'], expect: 'ACCEPTABLE', why: 'The version told the reader to come again.' },
    { results: ['0, 1', '1, 0'], expect: 'FORBIDDEN', why: 'Torn, although the version had not changed.' },
  ],
};
