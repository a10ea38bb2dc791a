/** A virtual thread: a generator, the operation that it is about to do, and whether it sleeps. */
import type { AnyTypedArray, Element } from '../hooks.ts';

/** What a thread is about to do, or did last. */
export const KIND = {
  none: 0,
  load: 1,
  store: 2,
  rmw: 3,
  cas: 4,
  notify: 5,
  wait: 6,
  pause: 7,
  read: 8,
  write: 9,
} as const;
export const KIND_NAMES = [
  'end',
  'load',
  'store',
  'rmw',
  'cas',
  'notify',
  'wait',
  'pause',
  'read',
  'write',
] as const;

/** Whether an operation of this kind may change the word that it is on. */
export const WRITES: readonly boolean[] = KIND_NAMES.map((k) => ['store', 'rmw', 'cas', 'write'].includes(k));

export const STATUS = { ready: 0, asleep: 1, done: 2, dead: 3 } as const;

const NOTHING = new Int32Array(0);

export class VThread {
  readonly id: number;
  readonly bit: number;
  /** Words are kept in Smis wherever possible, so that V8 has one shape and no boxes on the way. */
  status = 0;
  /** Points done so far; its pending point has this number. */
  ops = 0;
  /** 1: it is at a pause, which counts when it comes to its next point. */
  owes = 0;
  generator: Iterator<unknown, unknown> | null = null;
  result: unknown = undefined;

  // The pending operation.
  kind = 0;
  site = 0;
  /** Global number of the word; −1: not on shared memory. */
  word = -1;
  /** On the main Int32Array with operands that are int32: done without asking what kind of array it is. */
  fast = false;
  /** What first and second half have agreed: this access is a point. */
  isPoint = false;
  array: AnyTypedArray = NOTHING;
  index = 0;
  op = 0;
  v: Element = 0;
  w: Element = 0;
  timeout = Infinity;

  // Asleep.
  sleepWord = -1;
  sleepValue: Element = 0;
  sleepSite = 0;
  sleepStep = 0;
  /** Order in which sleepers of a word fell asleep. */
  sleepNo = 0;
  deadline = Infinity;
  answer: 'ok' | 'not-equal' | 'timed-out' = 'ok';

  constructor(id: number) {
    this.id = id;
    this.bit = 1 << id;
  }

  reset(): void {
    this.status = STATUS.ready;
    this.ops = 0;
    this.owes = 0;
    this.generator = null;
    this.result = undefined;
    this.kind = KIND.none;
    this.word = -1;
    this.deadline = Infinity;
    this.sleepWord = -1;
  }
}
