/**
 * Second rung: a third state says that somebody may be asleep, so that an unlock without waiters calls nobody.
 *
 * | word | meaning                     | who makes it                                        |
 * |------|-----------------------------|-----------------------------------------------------|
 * | 0    | free                        | the owner, in `unlock`                              |
 * | 1    | locked, nobody waits        | `lock`, if it was free at once                      |
 * | 2    | locked, somebody may sleep  | a waiter, before it sleeps and when it gets the lock |
 *
 * A waiter that is woken takes the mutex with 2, not 1: others may sleep behind it, and it cannot know. That costs a
 * needless `notify` at the end of each queue, and never a lost one.
 */
import type { Latch } from '../contender.ts';

const FREE = 0;
const LOCKED = 1;
const CONTENDED = 2;

export class ThreeState implements Latch {
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
    // The exchange announces a sleeper and takes the mutex if it is free, in one step.
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
