/**
 * The other way to a heap without a latch: blocks of one size in one list that all threads share (Treiber's stack). The
 * head is one word: the number of the first free block in its lower bits, a version in the upper ones, which goes up
 * with each pop, so that a head that was taken and put back meanwhile is not mistaken for the old one (ABA). It costs a
 * compare-exchange each way, on a word that every thread writes.
 */
import { LINE_WORDS, NIL, WORD_BYTES } from '../../src/layout/schema.ts';

const HEAD = 0;
/** First word of the blocks, and words of one: constant. */
const BASE = LINE_WORDS;
const SHIFT = LINE_WORDS + 1;
const HEADER_WORDS = 2 * LINE_WORDS;
/** A million blocks, and 4096 versions: a thread that sleeps through that many pops may be fooled. */
const NUMBER_BITS = 20;
const NUMBER_MASK = (1 << NUMBER_BITS) - 1;
const ONE_VERSION = 1 << NUMBER_BITS;

/** Words that a list of so many blocks takes. */
export function taggedListWords(blocks: number, bytes: number): number {
  return HEADER_WORDS + (blocks << blockShift(bytes));
}

/** log2 of the words of a block: a power of two, at least 2. */
const blockShift = (bytes: number): number => Math.max(1, Math.ceil(Math.log2(bytes / WORD_BYTES)));

/** Makes a list, all free; before it is shared. */
export function taggedListInit(mem: Int32Array, at: number, blocks: number, bytes: number): void {
  if (blocks >= NUMBER_MASK) throw new RangeError(`${blocks} blocks are too many for one list`);
  const shift = blockShift(bytes);
  mem[at + BASE] = at + HEADER_WORDS;
  mem[at + SHIFT] = shift;
  // Blocks count from 1; 0 is the end.
  for (let i = 1; i <= blocks; i++) mem[blockAddress(mem, at, i)] = i < blocks ? i + 1 : 0;
  mem[at + HEAD] = blocks > 0 ? 1 : 0;
}

function blockAddress(mem: Int32Array, at: number, number: number): number {
  return mem[at + BASE] + ((number - 1) << mem[at + SHIFT]);
}

/** @returns address of a block; NIL: none is free */
export function taggedAlloc(mem: Int32Array, at: number): number {
  for (;;) {
    const head = Atomics.load(mem, at + HEAD);
    const number = head & NUMBER_MASK;
    if (number === 0) return NIL;
    const block = blockAddress(mem, at, number);
    // Another thread may have taken the block by now, and written to it: then the version has changed.
    const next = Atomics.load(mem, block) & NUMBER_MASK;
    const taken = ((head & ~NUMBER_MASK) + ONE_VERSION) | next;
    if (Atomics.compareExchange(mem, at + HEAD, head, taken) === head) return block;
  }
}

export function taggedFree(mem: Int32Array, at: number, block: number): void {
  const number = ((block - mem[at + BASE]) >> mem[at + SHIFT]) + 1;
  for (;;) {
    const head = Atomics.load(mem, at + HEAD);
    Atomics.store(mem, block, head & NUMBER_MASK);
    if (Atomics.compareExchange(mem, at + HEAD, head, (head & ~NUMBER_MASK) | number) === head) return;
  }
}
