/**
 * Fourth rung: first come, first served, by tickets.
 *
 * Who comes draws a ticket and waits until it is called. An unlock calls the next number, so nobody can push in, and
 * nobody waits for more than all the others once. The price: the mutex is handed to a thread that may be asleep, and
 * stands still until that thread runs. The rungs before let anyone who runs take it meanwhile.
 *
 * | word                | meaning                                                          |
 * |---------------------|------------------------------------------------------------------|
 * | next                | the ticket that is drawn next; they wrap at 2^32                  |
 * | place[t mod PLACES] | the last ticket that was called at this place; ticket t may go in |
 * |                     | when it reads t                                                  |
 *
 * Each ticket has a place (a cache line) of its own to watch and to sleep at, so that a call wakes only whom it is for.
 * There must be at least as many places as threads.
 */
import { LINE_WORDS } from '../../../src/layout/schema.ts';
import type { Latch } from '../contender.ts';

const PLACES = 64;
export const FAIR_WORDS = LINE_WORDS * (1 + PLACES);

export class Fair implements Latch {
  private readonly mem: Int32Array;
  private readonly at: number;
  /** The ticket with which this thread is inside. */
  private ticket = 0;

  constructor(mem: Int32Array, at: number) {
    this.mem = mem;
    this.at = at;
  }

  /** Makes one, before it is shared: each place has called a ticket that is long over, ticket 0 is called. */
  static init(mem: Int32Array, at: number): void {
    for (let i = 0; i < PLACES; i++) mem[place(at, i)] = i - PLACES;
    mem[place(at, 0)] = 0;
    mem[at] = 0;
  }

  lock(): void {
    const { mem, at } = this;
    const ticket = Atomics.add(mem, at, 1);
    const mine = place(at, ticket);
    for (let called = Atomics.load(mem, mine); called !== ticket; called = Atomics.load(mem, mine)) {
      Atomics.wait(mem, mine, called);
    }
    this.ticket = ticket;
  }

  unlock(): void {
    const { mem, at } = this;
    const next = (this.ticket + 1) | 0;
    const theirs = place(at, next);
    Atomics.store(mem, theirs, next);
    // Looked at after the call: a thread that draws the ticket later finds it called.
    if (Atomics.load(mem, at) !== next) Atomics.notify(mem, theirs, 1);
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

const place = (at: number, ticket: number): number => at + LINE_WORDS * (1 + (ticket & (PLACES - 1)));
