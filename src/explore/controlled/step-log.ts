/**
 * The steps of a controlled run, in shared memory: a thread that is terminated or never ends has written down what it
 * did all the same. Only the thread whose turn it is writes.
 */
import type { Step } from '../types.ts';

const KINDS = [
  'load',
  'store',
  'rmw',
  'cas',
  'notify',
  'wait',
  'wake',
  'timeout',
  'pause',
  'read',
  'write',
  'end',
  'die',
] as const satisfies readonly Step['kind'][];

/** How a value is kept: a double, 64 bits, or what Atomics.wait does or answers. */
const VALUE = { none: 0, number: 1, bigint: 2, answer: 3 } as const;
const ANSWERS = ['ok', 'not-equal', 'timed-out', 'asleep'];

/** A step in 64-bit cells: what and who; where; value read; value written. */
const CELLS = 4;
const CELL_BYTES = 8;
const HEAD_CELLS = 1;

export type Value = number | bigint | string | undefined;

/** A step about to be written down. */
export interface Entry {
  readonly thread: number;
  readonly op: number;
  readonly kind: Step['kind'];
  readonly site: number;
  readonly word: number;
  readonly read?: Value;
  readonly wrote?: Value;
}

export class StepLog {
  private readonly ints: Int32Array;
  private readonly doubles: Float64Array;
  private readonly bigs: BigInt64Array;
  private readonly size: number;

  constructor(shared: SharedArrayBuffer) {
    this.ints = new Int32Array(shared);
    this.doubles = new Float64Array(shared);
    this.bigs = new BigInt64Array(shared);
    this.size = (shared.byteLength / CELL_BYTES - HEAD_CELLS) / CELLS;
  }

  /** Memory for so many steps. */
  static memory(steps: number): SharedArrayBuffer {
    return new SharedArrayBuffer((HEAD_CELLS + steps * CELLS) * CELL_BYTES);
  }

  get length(): number {
    return this.ints[0];
  }

  /** Writes a step down, while there is room. */
  add(step: Entry): void {
    if (this.length >= this.size) return;
    const at = HEAD_CELLS + this.length * CELLS;
    const { ints } = this;
    const readTag = this.put(at + 2, step.read);
    const wroteTag = this.put(at + 3, step.wrote);
    ints[at * 2] = KINDS.indexOf(step.kind) | (readTag << 8) | (wroteTag << 12) | (step.thread << 16);
    ints[at * 2 + 1] = step.op;
    ints[at * 2 + 2] = step.site;
    ints[at * 2 + 3] = step.word;
    ints[0]++;
  }

  private put(cell: number, value: Value): number {
    if (typeof value === 'number') {
      this.doubles[cell] = value;
      return VALUE.number;
    }
    if (typeof value === 'bigint') {
      this.bigs[cell] = value;
      return VALUE.bigint;
    }
    if (typeof value === 'string') {
      this.bigs[cell] = BigInt(ANSWERS.indexOf(value));
      return VALUE.answer;
    }
    return VALUE.none;
  }

  private get(cell: number, tag: number): number | string | undefined {
    if (tag === VALUE.number) return this.doubles[cell];
    if (tag === VALUE.bigint) return `${this.bigs[cell]}n`;
    if (tag === VALUE.answer) return ANSWERS[Number(this.bigs[cell])];
    return undefined;
  }

  /** All steps so far. */
  read(): Step[] {
    const steps: Step[] = [];
    for (let k = 0; k < this.length; k++) {
      const at = HEAD_CELLS + k * CELLS;
      const [head, op, site, word] = this.ints.subarray(at * 2, at * 2 + 4);
      const read = this.get(at + 2, (head >> 8) & 15);
      const wrote = this.get(at + 3, (head >> 12) & 15);
      steps.push({
        thread: head >> 16,
        op,
        kind: KINDS[head & 255],
        site,
        word,
        ...(read !== undefined && { read }),
        ...(wrote !== undefined && { wrote }),
      });
    }
    return steps;
  }
}
