/**
 * First rung: a futex mutex with two states, 0 free and 1 locked.
 *
 * A thread that finds it locked sleeps until the word is no longer 1. The one that unlocks cannot know whether anyone
 * sleeps, so it must call `notify` each time. In V8 that takes a mutex of the whole process: two threads on two latches
 * that have nothing to do with each other meet there. The next rung asks first.
 *
 * | word | meaning |
 * |------|---------|
 * | 0    | free    |
 * | 1    | locked  |
 */
import type { Latch } from '../contender.ts';

const FREE = 0;
const LOCKED = 1;

export class TwoState implements Latch {
  private readonly mem: Int32Array;
  private readonly at: number;

  constructor(mem: Int32Array, at: number) {
    this.mem = mem;
    this.at = at;
  }

  lock(): void {
    const { mem, at } = this;
    // Whoever is woken tries again like everybody else: another thread may have been faster.
    while (Atomics.compareExchange(mem, at, FREE, LOCKED) !== FREE) Atomics.wait(mem, at, LOCKED);
  }

  unlock(): void {
    const { mem, at } = this;
    Atomics.store(mem, at, FREE);
    // After the store, or the woken thread would find it locked still and sleep for ever.
    Atomics.notify(mem, at, 1);
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
