/** The ladder's rungs as contenders. */
import { LINE_WORDS } from '../../src/layout/schema.ts';
import type { BlockingContender, Latch } from './contender.ts';
import { Fair, FAIR_WORDS } from './ladder/fair.ts';
import { Spinning } from './ladder/spinning.ts';
import { ThreeState } from './ladder/three-state.ts';
import { TwoState } from './ladder/two-state.ts';

function rung(
  name: string,
  attach: (mem: Int32Array, at: number) => Latch,
  words: number = LINE_WORDS,
  init?: (mem: Int32Array, at: number) => void,
): BlockingContender {
  return {
    name: `textbook ${name}`,
    origin: 'rival',
    kind: 'mutex',
    waits: 'blocking',
    make: () => {
      const mem = new Int32Array(new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT));
      init?.(mem, 0);
      return mem;
    },
    attach: (made: Int32Array) => attach(made, 0),
  };
}

export const TEXTBOOK: readonly BlockingContender[] = [
  rung('two-state', (mem, at) => new TwoState(mem, at)),
  rung('three-state', (mem, at) => new ThreeState(mem, at)),
  rung('spinning', (mem, at) => new Spinning(mem, at)),
  rung(
    'fair',
    (mem, at) => new Fair(mem, at),
    FAIR_WORDS,
    (mem, at) => Fair.init(mem, at),
  ),
];
