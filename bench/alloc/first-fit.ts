/**
 * A rival: the textbook's allocator, a list of free blocks in address order under one mutex. The first that is large
 * enough is taken, and split when something is left; a freed block is joined with its neighbours.
 */
import { NIL, WORD_BYTES } from '../../src/layout/schema.ts';
import { MUTEX } from '../../src/layout/latches.ts';
import { LATCH } from '../../src/sync/latch-meta.ts';
import { mutexEnter, mutexExit, mutexInit } from '../../src/sync/mutex.ts';
import type { Thread } from '../../src/sync/thread.ts';

/** Words before the list: the mutex, and the address of the first free block. */
const FIRST = MUTEX.words;
const HEAD_WORDS = FIRST + 4;
/** In front of each block: its words, header included; of a free one also the next free block. */
const SIZE = 0;
const NEXT = 1;
const HEADER_WORDS = 2;
/** What is left over from a split is a block of its own from here on. */
const LEAST_WORDS = 4;

/** Makes a list over `words` words at `at`, all free; before it is shared. */
export function firstFitInit(mem: Int32Array, at: number, words: number): void {
  mutexInit(mem, at, LATCH.testMutex);
  const block = at + HEAD_WORDS;
  mem[at + FIRST] = block;
  mem[block + SIZE] = words - HEAD_WORDS;
  mem[block + NEXT] = NIL;
}

/** @returns address of the first word of the payload; NIL: nothing is large enough */
export function firstFitAlloc(thr: Thread, at: number, bytes: number): number {
  const { mem } = thr;
  const words = Math.max(LEAST_WORDS, HEADER_WORDS + (((bytes + 7) >>> 3) << 1));
  mutexEnter(thr, at);
  let link = at + FIRST;
  while (mem[link] !== NIL && mem[mem[link] + SIZE] < words) link = mem[link] + NEXT;
  const block = mem[link];
  if (block !== NIL) {
    const rest = mem[block + SIZE] - words;
    if (rest >= LEAST_WORDS) {
      mem[block + words + SIZE] = rest;
      mem[block + words + NEXT] = mem[block + NEXT];
      mem[link] = block + words;
      mem[block + SIZE] = words;
    } else {
      mem[link] = mem[block + NEXT];
    }
  }
  mutexExit(thr, at);
  return block === NIL ? NIL : block + HEADER_WORDS;
}

export function firstFitFree(thr: Thread, at: number, payload: number): void {
  const { mem } = thr;
  const block = payload - HEADER_WORDS;
  mutexEnter(thr, at);
  let before: number = NIL;
  let next = mem[at + FIRST];
  while (next !== NIL && next < block) {
    before = next;
    next = mem[next + NEXT];
  }
  mem[block + NEXT] = next;
  if (next !== NIL && block + mem[block + SIZE] === next) {
    mem[block + SIZE] += mem[next + SIZE];
    mem[block + NEXT] = mem[next + NEXT];
  }
  if (before === NIL) mem[at + FIRST] = block;
  else if (before + mem[before + SIZE] === block) {
    mem[before + SIZE] += mem[block + SIZE];
    mem[before + NEXT] = mem[block + NEXT];
  } else mem[before + NEXT] = block;
  mutexExit(thr, at);
}

/** Words of the list's free blocks together, and their number; at rest. */
export function firstFitFreeWords(mem: Int32Array, at: number): { words: number; blocks: number } {
  let words = 0;
  let blocks = 0;
  for (let block = mem[at + FIRST]; block !== NIL; block = mem[block + NEXT]) {
    words += mem[block + SIZE];
    blocks++;
  }
  return { words, blocks };
}

/** Words that a list needs for so many live blocks of so many bytes. */
export function firstFitWords(blocks: number, bytes: number): number {
  return HEAD_WORDS + (blocks + 1) * (HEADER_WORDS + Math.ceil(bytes / 8) * 2) + bytes / WORD_BYTES;
}
