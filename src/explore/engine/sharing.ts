/**
 * Which words of shared memory concern more than one thread: learned from all accesses of all schedules so far.
 *
 * An operation on a word that no other thread ever accesses, or that nobody ever writes, has the same effect before
 * and after whatever others do. A search need not try both orders: it does the operation at once (dfs.ts). What was
 * taken for private may turn out to be shared; then the search must begin again with what is known by then.
 */

/** Threads that have accessed a word in the low bits, threads that have written it above. */
const WRITERS = 8;
const ANY = (1 << WRITERS) - 1;

export class Sharing {
  /** What `isPrivate` says has changed since `settle`, if that were called now. */
  outdated = false;
  private readonly access: Uint16Array;
  /** Words that concern several threads: as learned, and as `isPrivate` takes it. */
  private readonly learned: Uint8Array;
  private readonly settled: Uint8Array;

  /** @param words of the memory; at most 8 threads */
  constructor(words: number) {
    this.access = new Uint16Array(words);
    this.learned = new Uint8Array(words);
    this.settled = new Uint8Array(words);
  }

  /** Thread t accesses a word. */
  note(word: number, t: number, writes: boolean): void {
    const bit = 1 << t;
    const before = this.access[word];
    const after = writes ? before | bit | (bit << WRITERS) : before | bit;
    if (after !== before) this.learn(word, after);
  }

  /** From now on `isPrivate` goes by what has been learned so far. */
  settle(): void {
    this.settled.set(this.learned);
    this.outdated = false;
  }

  /** No other thread accesses the word, or nobody writes it, as far as was known when `settle` was called. */
  isPrivate(word: number): boolean {
    return this.settled[word] === 0;
  }

  private learn(word: number, access: number): void {
    this.access[word] = access;
    const threads = access & ANY;
    if (access >>> WRITERS === 0 || (threads & (threads - 1)) === 0 || this.learned[word] === 1) return;
    this.learned[word] = 1;
    this.outdated = true;
  }
}
