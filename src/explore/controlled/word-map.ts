/**
 * The shared buffers of a controlled run by number, in the order in which set-up makes them. JavaScript objects cannot
 * cross threads, so each thread runs set-up for itself; what the first run (the controller's) allocates, the others
 * are given again, filled with zeros as if it were new.
 */
import type { AnyTypedArray } from '../hooks.ts';
import type { Bed } from './board.ts';

const WORD_BYTES = 4;
/** Each buffer's words are numbered from a multiple of this, as the engine does it (engine/memory.ts). */
const LINE_WORDS = 16;

const NO_MEMORY = new SharedArrayBuffer(0);

const wordsOf = (sab: ArrayBufferLike): Int32Array => new Int32Array(sab, 0, sab.byteLength >>> 2);

export class WordMap {
  readonly buffers: SharedArrayBuffer[];
  /** How many have been handed out; null: all buffers are new. */
  private given: number | null;
  private readonly bases = new Map<ArrayBufferLike, { readonly base: number; readonly buffer: number }>();
  private words = 0;

  /** @param buffers those of the first run; absent: this is the first run */
  constructor(buffers?: readonly SharedArrayBuffer[]) {
    this.buffers = [...(buffers ?? [])];
    this.given = buffers === undefined ? null : 0;
    for (const sab of this.buffers) this.add(sab);
  }

  private add(sab: SharedArrayBuffer): void {
    this.bases.set(sab, { base: this.words, buffer: this.bases.size });
    this.words += Math.ceil(sab.byteLength / WORD_BYTES / LINE_WORDS) * LINE_WORDS;
  }

  /**
   * `new SharedArrayBuffer(bytes)`.
   * @throws Error when set-up does something else than the first time
   */
  next(bytes: number): SharedArrayBuffer {
    if (this.given === null) {
      const made = new SharedArrayBuffer(bytes);
      this.buffers.push(made);
      this.add(made);
      return made;
    }
    const sab = this.buffers[this.given++];
    if (sab?.byteLength !== bytes) {
      throw new Error('set-up did not allocate the same shared memory when it was run again');
    }
    new Uint8Array(sab).fill(0);
    return sab;
  }

  /** A buffer by its number, as words. */
  wordsOf(buffer: number): Int32Array {
    return wordsOf(this.buffers[buffer]);
  }

  /** The whole of the largest buffer: the memory of a scenario that makes its own. */
  get main(): Int32Array {
    const largest = this.buffers.reduce((a, b) => (b.byteLength > a.byteLength ? b : a), NO_MEMORY);
    return wordsOf(largest);
  }

  /** A number that changes when any word does. */
  checksum(): number {
    let sum = 0;
    for (const sab of this.buffers)
      for (const word of wordsOf(sab)) sum = Math.imul(sum ^ word, 0x85ebca6b) + 1;
    return sum;
  }

  /** A word by its global number. */
  get(word: number): number {
    for (const [sab, { base }] of this.bases) {
      const at = word - base;
      if (at >= 0 && at < sab.byteLength >>> 2) return wordsOf(sab)[at];
    }
    return 0;
  }

  /** Global number of the word that an element is in, −1 when it is not in shared memory. */
  wordOf(a: AnyTypedArray, i: number): number {
    const found = this.bases.get(a.buffer);
    if (found === undefined) return -1;
    return found.base + ((a.byteOffset + i * a.BYTES_PER_ELEMENT) >>> 2);
  }

  /** Where somebody who waits for an element sleeps. The array is shared and the index good. */
  bedOf(a: AnyTypedArray, i: number): Bed {
    const buffer = this.bases.get(a.buffer)?.buffer;
    if (buffer === undefined) throw new Error('Atomics.wait on shared memory that set-up has not made');
    return { buffer, index: (a.byteOffset + i * a.BYTES_PER_ELEMENT) >>> 2 };
  }
}
