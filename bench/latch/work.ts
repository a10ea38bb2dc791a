/** What threads do with a latch while it is measured. All of it shows whether the latch lets two in at once. */
import { LINE_WORDS } from '../../src/layout/schema.ts';
import type { AsyncLatch, Latch } from './contender.ts';

/** Words that the latch guards. */
const COUNT = 0;
/** Raised after the section's work, so that a reader beside a writer finds it behind. */
const COPY = 1;
const LAST = 2;
const HANDOFFS = 3;
export const GUARDED_WORDS = LINE_WORDS;

/** One exclusive section in so many operations, where there are readers. */
const WRITE_EVERY = 10;

export interface Work {
  /** Exclusive sections that all threads on the latch do together. */
  readonly until: number;
  /** Rounds of plain arithmetic, about 1 ns each, inside the latch and between two sections. */
  readonly section: number;
  readonly think: number;
  /** Nine sections of ten are shared. */
  readonly readers: boolean;
  /** Reads the clock before and in each section. */
  readonly clocked: boolean;
}

export interface Done {
  readonly sections: number;
  readonly exclusive: number;
  /** us; 0 unless clocked */
  readonly longestWaitUs: number;
}

/** What the guarded words say when all threads are back. */
export interface Tally {
  readonly count: number;
  readonly handoffs: number;
}

export function resetGuarded(guarded: Int32Array): void {
  guarded.fill(0);
  guarded[LAST] = -1;
}

export const readTally = (guarded: Int32Array): Tally => ({
  count: guarded[COUNT],
  handoffs: guarded[HANDOFFS],
});

/** One thread's part, and what it found out. */
class Part {
  sections = 0;
  exclusive = 0;
  longestMs = 0;
  more = true;
  /** Somebody was inside who should not have been. Thrown at the end: inside the latch, others would wait for ever. */
  broken = false;
  /** When the thread began to ask for the latch, ms. */
  asked = 0;
  private seed: number;
  private readonly sink = new Int32Array(1);
  readonly write: () => void;
  readonly read: () => void;
  private readonly work: Work;

  constructor(guarded: Int32Array, slot: number, work: Work) {
    this.work = work;
    this.seed = slot + 1;
    const { until, section, clocked } = work;
    this.write = () => {
      if (clocked) this.noteWait();
      const count = guarded[COUNT];
      if (count >= until) {
        this.more = false;
        return;
      }
      if (guarded[COPY] !== count) this.broken = true;
      guarded[COUNT] = count + 1;
      if (guarded[LAST] !== slot) {
        guarded[LAST] = slot;
        guarded[HANDOFFS]++;
      }
      this.spend(section);
      guarded[COPY] = count + 1;
      this.exclusive++;
      this.sections++;
    };
    this.read = () => {
      if (clocked) this.noteWait();
      const count = guarded[COUNT];
      if (count >= until) {
        this.more = false;
        return;
      }
      this.spend(section);
      if (guarded[COPY] !== count) this.broken = true;
      this.sections++;
    };
  }

  /** Whether the next section is a shared one. */
  nextIsRead(): boolean {
    if (!this.work.readers) return false;
    this.seed = (Math.imul(this.seed, 1664525) + 1013904223) | 0;
    return (this.seed >>> 16) % WRITE_EVERY !== 0;
  }

  think(): void {
    this.spend(this.work.think);
  }

  private spend(rounds: number): void {
    let x = rounds;
    for (let i = 0; i < rounds; i++) x = (Math.imul(x, 5) + i) | 0;
    this.sink[0] = x;
  }

  private noteWait(): void {
    this.longestMs = Math.max(this.longestMs, performance.now() - this.asked);
  }

  /** @throws Error when the latch let two in that exclude each other */
  done(): Done {
    if (this.broken) throw new Error('the latch let a thread in beside a writer');
    return { sections: this.sections, exclusive: this.exclusive, longestWaitUs: this.longestMs * 1000 };
  }
}

/** @throws Error when the latch lets two in that exclude each other */
export function contend(latch: Latch, guarded: Int32Array, slot: number, work: Work): Done {
  const part = new Part(guarded, slot, work);
  while (part.more) {
    if (work.clocked) part.asked = performance.now();
    if (part.nextIsRead()) latch.shared(part.read);
    else latch.exclusive(part.write);
    part.think();
  }
  return part.done();
}

/** The same for a latch that is waited for by promise. */
export async function contendAsync(
  latch: AsyncLatch,
  guarded: Int32Array,
  slot: number,
  work: Work,
): Promise<Done> {
  const part = new Part(guarded, slot, work);
  while (part.more) {
    if (work.clocked) part.asked = performance.now();
    await (part.nextIsRead() ? latch.shared(part.read) : latch.exclusive(part.write));
    part.think();
  }
  return part.done();
}
