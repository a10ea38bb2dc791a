/** Worker threads that do a batch together, and things that several cases share for as long as one of them is open. */
import { Piscina } from 'piscina';
import { makeGate } from './gate.ts';

/** Worker threads run compiled code, also when vitest runs the sources. */
const WORKERS = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/workers/' : '../../workers/',
  import.meta.url,
);

/** What each thread of a crew is told besides its own work: see `passGate`. */
export interface Start {
  readonly gate: Int32Array;
  readonly threads: number;
}

/**
 * A pool of one thread for each seat, so that a seat's tasks run on the same thread each time, and none waits in a queue
 * while others wait for it at the gate.
 *
 * @typeParam T what a thread is told; R what it answers
 */
export class Crew<T extends object, R> {
  private readonly filename: string;
  private readonly seats: Piscina<T & Start, R>[] = [];

  /** @param entry name of the compiled worker; threads are started when they are first needed */
  constructor(entry: string) {
    this.filename = new URL(entry, WORKERS).href;
  }

  /** Each task on a thread of its own, from a common start, until all are done. */
  run(tasks: readonly T[]): Promise<R[]> {
    while (this.seats.length < tasks.length) {
      this.seats.push(new Piscina({ filename: this.filename, minThreads: 1, maxThreads: 1 }));
    }
    const start: Start = { gate: makeGate(), threads: tasks.length };
    return Promise.all(tasks.map((task, seat) => this.seats[seat].run({ ...task, ...start })));
  }

  async close(): Promise<void> {
    await Promise.all(this.seats.splice(0).map((seat) => seat.destroy()));
  }
}

/** One thing by key, made when the first asks for it and undone when the last has let it go. */
export class Shared<T> {
  private readonly entries = new Map<string, { readonly value: T; users: number }>();
  private readonly undo: (value: T) => Promise<void>;

  constructor(undo: (value: T) => Promise<void>) {
    this.undo = undo;
  }

  take(key: string, make: () => T): T {
    const entry = this.entries.get(key) ?? { value: make(), users: 0 };
    entry.users++;
    this.entries.set(key, entry);
    return entry.value;
  }

  /** What somebody has taken and not yet let go. */
  get(key: string): T {
    const entry = this.entries.get(key);
    if (entry === undefined) throw new Error(`nobody has taken '${key}'`);
    return entry.value;
  }

  async release(key: string): Promise<void> {
    const entry = this.entries.get(key);
    if (entry === undefined || --entry.users > 0) return;
    this.entries.delete(key);
    await this.undo(entry.value);
  }
}
