/**
 * Third rung: the three states again, and a waiter looks a while before it sleeps.
 *
 * To sleep and be woken takes some tens of microseconds, a short critical section a tenth of one. If the owner runs on
 * another core, it is gone before the waiter has fallen asleep; so the waiter watches the word for about as long as a
 * sleep would cost at most. If the owner does not run, watching is waste: on more threads than cores this rung loses what
 * it wins on fewer.
 *
 * Watching is by plain loads of the cache line that everyone may have a copy of; a compare-exchange would take the line
 * away from the owner each time. Nobody watches while a third sleeps (state 2): who waits longest would wait longer.
 *
 * | word | meaning                     |
 * |------|-----------------------------|
 * | 0    | free                        |
 * | 1    | locked, nobody sleeps       |
 * | 2    | locked, somebody may sleep  |
 */
import type { Latch } from '../contender.ts';

const FREE = 0;
const LOCKED = 1;
const CONTENDED = 2;
/** Looks at the word, of about 5 ns each. */
const SPINS = 200;

export class Spinning implements Latch {
  private readonly mem: Int32Array;
  private readonly at: number;

  constructor(mem: Int32Array, at: number) {
    this.mem = mem;
    this.at = at;
  }

  lock(): void {
    const { mem, at } = this;
    if (Atomics.compareExchange(mem, at, FREE, LOCKED) !== FREE) this.lockContended();
  }

  private lockContended(): void {
    const { mem, at } = this;
    for (let i = 0; i < SPINS && Atomics.load(mem, at) === LOCKED; i++);
    if (Atomics.compareExchange(mem, at, FREE, LOCKED) === FREE) return;
    while (Atomics.exchange(mem, at, CONTENDED) !== FREE) Atomics.wait(mem, at, CONTENDED);
  }

  unlock(): void {
    const { mem, at } = this;
    if (Atomics.exchange(mem, at, FREE) === CONTENDED) Atomics.notify(mem, at, 1);
  }

  exclusive(section: () => void): void {
    this.lock();
    section();
    this.unlock();
  }

  shared(section: () => void): void {
    this.exclusive(section);
  }
}
