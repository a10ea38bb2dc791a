/** Programs whose exploration is timed. Loaded through the transform. */
import type { Ctx, Scenario } from '../../src/explore/types.ts';

const WORD = 0;

/** The futex mutex with three states (Drepper 2011): 0 free, 1 locked, 2 locked and somebody may sleep. */
function enter(m: Int32Array): void {
  let seen = Atomics.compareExchange(m, WORD, 0, 1);
  while (seen !== 0) {
    if (seen === 2 || Atomics.compareExchange(m, WORD, 1, 2) !== 0) Atomics.wait(m, WORD, 2);
    seen = Atomics.compareExchange(m, WORD, 0, 2);
  }
}

function exit(m: Int32Array): void {
  if (Atomics.sub(m, WORD, 1) !== 1) {
    Atomics.store(m, WORD, 0);
    Atomics.notify(m, WORD, 1);
  }
}

const rounds =
  (n: number) =>
  ({ m }: Ctx): void => {
    for (let i = 0; i < n; i++) {
      enter(m);
      exit(m);
    }
  };
const once = rounds(1);
const twice = rounds(2);

const isFree = (m: Int32Array): void => {
  if (m[WORD] !== 0) throw new Error(`the mutex is left at ${m[WORD]}`);
};

const mutex = (name: string, threads: Scenario['threads']): Scenario => ({
  name,
  doc: 'a mutex of three states, nothing else',
  memory: 64,
  threads,
  check: isFree,
});

export const programs: readonly Scenario[] = [
  mutex('latch-2x1', [once, once]),
  mutex('latch-2x2', [twice, twice]),
  mutex('latch-3x1', [once, once, once]),
  mutex('latch-3x2', [twice, twice, twice]),
];
