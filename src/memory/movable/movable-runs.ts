/**
 * Areas of a movable heap, cut into runs with boundary tags: each run knows its own size and that of the one before it,
 * so that neighbours are joined without a search. Sizes are whole cache lines. Free runs are in a list per area, the
 * youngest first, and are handed out first fit in the order of that list; the oldest area is asked first.
 *
 * | kind     | what it is                                              | becomes                                  |
 * |----------|---------------------------------------------------------|------------------------------------------|
 * | free     | in the list of its area; no free run is next to another | used, reserved (by splitting)            |
 * | used     | a block, named by its handle                            | free; parked when somebody has it pinned |
 * | parked   | was a block; whoever had it pinned then may still read  | free, once no pin names it               |
 * | reserved | a move is copying into it                               | used                                     |
 *
 * MovableHeap.mutex is held in every function here.
 */
import {
  MAX_AREAS,
  MOVABLE_AREA,
  MOVABLE_HEAP,
  MOVABLE_PINS,
  MOVABLE_RUN,
  RUN_KIND,
  RUN_KIND_BITS,
} from '../../layout/movable.ts';
import { LINE_WORDS, NIL, WORD_BYTES } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption, type MemoryCorruption } from '../ut/corruption.ts';
import type { MovableHeap } from './movable-plan.ts';
import { OS_PAGE_BYTES, osMmap, osMunmap, osPagesFor } from '../os/os-memory.ts';

const { size: SIZE, before: BEFORE, handle: HANDLE, next: NEXT, prev: PREV } = MOVABLE_RUN.at;
const { at: AT, words: WORDS, free: FREE } = MOVABLE_AREA.at;
const { inUse: IN_USE, slot: SLOT } = MOVABLE_PINS.at;
const { areas: AREAS, area: AREA, parked: PARKED, parkedRuns: PARKED_RUNS } = MOVABLE_HEAP.at;
const { freeWords: FREE_WORDS, usedWords: USED_WORDS } = MOVABLE_HEAP.at;
const { parkedWords: PARKED_WORDS, reservedWords: RESERVED_WORDS } = MOVABLE_HEAP.at;
const { mapped: MAPPED, unmapped: UNMAPPED, parkings: PARKINGS, reclaims: RECLAIMS } = MOVABLE_HEAP.at;

/** Words and bytes in front of a block's contents. */
export const RUN_HEADER_WORDS = MOVABLE_RUN.words;
export const RUN_HEADER_BYTES = RUN_HEADER_WORDS * WORD_BYTES;
const KIND_MASK = (1 << RUN_KIND_BITS) - 1;
/** At the end of an area stands a run of no words, which nothing is joined with. */
const END_MARK = RUN_KIND.reserved;

/** Words of a run for so many bytes of contents. */
export function runWordsFor(bytes: number): number {
  return Math.ceil((RUN_HEADER_WORDS + bytes / WORD_BYTES) / LINE_WORDS) * LINE_WORDS;
}

export const runKind = (mem: Int32Array, run: number): number => mem[run + SIZE] & KIND_MASK;
export const runWords = (mem: Int32Array, run: number): number => mem[run + SIZE] & ~KIND_MASK;

/** MOVABLE_AREA record number `i`. */
export const areaRecord = (heap: MovableHeap, i: number): number => heap.at + AREA + i * MOVABLE_AREA.words;

/** Number of the area that a word lies in; −1: none. */
export function areaOf(mem: Int32Array, heap: MovableHeap, at: number): number {
  for (let i = 0; i < mem[heap.at + AREAS]; i++) {
    const rec = areaRecord(heap, i);
    if (at >= mem[rec + AT] && at < mem[rec + AT] + mem[rec + WORDS]) return i;
  }
  return -1;
}

/** The end mark of an area. */
export function areaEnd(mem: Int32Array, rec: number): number {
  return mem[rec + AT] + mem[rec + WORDS] - LINE_WORDS;
}

/** Sum of the words of each kind of run. */
const SUM_OF = [FREE_WORDS, USED_WORDS, PARKED_WORDS, RESERVED_WORDS] as const;

function count(mem: Int32Array, heap: MovableHeap, kind: number, words: number): void {
  mem[heap.at + SUM_OF[kind]] += words;
}

/** Gives a run of kind used, parked or reserved another of these kinds. */
export function setRunKind(mem: Int32Array, heap: MovableHeap, run: number, kind: number): void {
  const words = runWords(mem, run);
  count(mem, heap, runKind(mem, run), -words);
  count(mem, heap, kind, words);
  mem[run + SIZE] = words | kind;
}

function link(mem: Int32Array, heap: MovableHeap, run: number): void {
  const rec = areaRecord(heap, areaOf(mem, heap, run));
  const first = mem[rec + FREE];
  mem[run + NEXT] = first;
  mem[run + PREV] = NIL;
  if (first !== NIL) mem[first + PREV] = run;
  mem[rec + FREE] = run;
}

function unlink(mem: Int32Array, heap: MovableHeap, run: number): void {
  const next = mem[run + NEXT];
  const prev = mem[run + PREV];
  if (next !== NIL) mem[next + PREV] = prev;
  if (prev !== NIL) mem[prev + NEXT] = next;
  else mem[areaRecord(heap, areaOf(mem, heap, run)) + FREE] = next;
}

/** Writes a free run's tags, and puts it into the list. */
function makeFree(mem: Int32Array, heap: MovableHeap, run: number, words: number): void {
  mem[run + SIZE] = words | RUN_KIND.free;
  mem[run + HANDLE] = 0;
  mem[run + words + BEFORE] = words;
  count(mem, heap, RUN_KIND.free, words);
  link(mem, heap, run);
}

function dropFree(mem: Int32Array, heap: MovableHeap, run: number): void {
  unlink(mem, heap, run);
  count(mem, heap, RUN_KIND.free, -runWords(mem, run));
}

/** Makes a run free, and one with its free neighbours. */
function freeRun(mem: Int32Array, heap: MovableHeap, run: number): void {
  let words = runWords(mem, run);
  count(mem, heap, runKind(mem, run), -words);
  let start = run;
  const next = run + words;
  if (runKind(mem, next) === RUN_KIND.free) {
    dropFree(mem, heap, next);
    words += runWords(mem, next);
  }
  const before = mem[run + BEFORE];
  if (before !== 0 && runKind(mem, run - before) === RUN_KIND.free) {
    start = run - before;
    dropFree(mem, heap, start);
    words += before;
  }
  makeFree(mem, heap, start, words);
}

/** Takes the first `words` of a free run, which has at least as many, as a run of another kind. */
export function splitRun(mem: Int32Array, heap: MovableHeap, run: number, words: number, kind: number): void {
  const rest = runWords(mem, run) - words;
  dropFree(mem, heap, run);
  mem[run + SIZE] = words | kind;
  mem[run + words + BEFORE] = words;
  count(mem, heap, kind, words);
  if (rest > 0) makeFree(mem, heap, run + words, rest);
}

/** First fit; NIL: no free run has so many words. */
export function findFit(mem: Int32Array, heap: MovableHeap, words: number): number {
  for (let i = 0; i < mem[heap.at + AREAS]; i++) {
    let run = mem[areaRecord(heap, i) + FREE];
    while (run !== NIL && runWords(mem, run) < words) run = mem[run + NEXT];
    if (run !== NIL) return run;
  }
  return NIL;
}

/** Words of the largest free run, 0 when nothing is free. */
export function largestFree(mem: Int32Array, heap: MovableHeap): number {
  let largest = 0;
  for (let i = 0; i < mem[heap.at + AREAS]; i++) {
    let run = mem[areaRecord(heap, i) + FREE];
    while (run !== NIL) {
      largest = Math.max(largest, runWords(mem, run));
      run = mem[run + NEXT];
    }
  }
  return largest;
}

/** The first free run in the order of compaction: the lowest of the oldest area that has one; NIL: nothing is free. */
export function lowestFree(mem: Int32Array, heap: MovableHeap): number {
  for (let i = 0; i < mem[heap.at + AREAS]; i++) {
    let lowest = mem[areaRecord(heap, i) + FREE];
    for (let run = lowest; run !== NIL; run = mem[run + NEXT]) lowest = Math.min(lowest, run);
    if (lowest !== NIL) return lowest;
  }
  return NIL;
}

/** What is wrong with the tags at both ends of a run that is not the end mark; empty when nothing. */
export function tagsFault(mem: Int32Array, run: number): string {
  const words = runWords(mem, run);
  if (words <= 0 || words % LINE_WORDS !== 0) return `the header says ${words} words`;
  if (mem[run + words + BEFORE] !== words) {
    return `the header says ${words} words, the tag behind the run ${mem[run + words + BEFORE]}`;
  }
  const before = mem[run + BEFORE];
  if (before === 0 || runWords(mem, run - before) === before) return '';
  return `the tag says that the run before has ${before} words, that run's header differs`;
}

/** The error of a run that has such a fault. */
export function damagedRun(
  thr: Thread,
  heap: MovableHeap,
  run: number,
  call: string,
  detail: string,
): MemoryCorruption {
  const at = run + RUN_HEADER_WORDS;
  return corruption(thr.mem, heap.os, run, { what: 'overwritten header', call, at, detail, thr });
}

/**
 * The run behind one that is not the end mark.
 * @throws MemoryCorruption when its size and the tag behind it differ
 */
export function runBehind(thr: Thread, heap: MovableHeap, run: number): number {
  const fault = tagsFault(thr.mem, run);
  if (fault !== '') throw damagedRun(thr, heap, run, 'defrag', fault);
  return run + runWords(thr.mem, run);
}

/**
 * The run before one; NIL: it is the first of its area.
 * @throws MemoryCorruption when the tag and the size of the run before differ
 */
export function runBefore(thr: Thread, heap: MovableHeap, run: number): number {
  const words = thr.mem[run + BEFORE];
  if (words === 0) return NIL;
  const fault = words < 0 ? `the tag behind it says ${words} words` : tagsFault(thr.mem, run - words);
  if (fault !== '') throw damagedRun(thr, heap, run - words, 'defrag', fault);
  return run - words;
}

/** The next free run behind `run` in that order; NIL: none. */
export function nextFree(thr: Thread, heap: MovableHeap, run: number): number {
  const { mem } = thr;
  let at = run;
  do {
    if (mem[at + SIZE] !== END_MARK) {
      at = runBehind(thr, heap, at);
    } else {
      const i = areaOf(mem, heap, at) + 1;
      if (i === mem[heap.at + AREAS]) return NIL;
      at = mem[areaRecord(heap, i) + AT];
    }
  } while (runKind(mem, at) !== RUN_KIND.free);
  return at;
}

/**
 * Whether a slot of any thread names this block's contents. Atomic loads: the answer counts when the block was taken
 * away before, see movable-read.ts.
 */
export function isPinned(mem: Int32Array, heap: MovableHeap, contents: number): boolean {
  for (let i = 0; i < heap.nThreads; i++) {
    const pins = heap.pins + i * MOVABLE_PINS.words;
    const end = pins + SLOT + Atomics.load(mem, pins + IN_USE);
    for (let slot = pins + SLOT; slot < end; slot++) if (Atomics.load(mem, slot) === contents) return true;
  }
  return false;
}

/** A block has left this run, and its handle names it no more: the run is free, or parked until nobody reads it. */
export function retireRun(mem: Int32Array, heap: MovableHeap, run: number): void {
  mem[run + HANDLE] = 0;
  if (!isPinned(mem, heap, run + RUN_HEADER_WORDS)) {
    freeRun(mem, heap, run);
    return;
  }
  setRunKind(mem, heap, run, RUN_KIND.parked);
  mem[run + NEXT] = mem[heap.at + PARKED];
  mem[heap.at + PARKED] = run;
  mem[heap.at + PARKED_RUNS]++;
  mem[heap.at + PARKINGS]++;
}

/** Frees the parked runs that no pin names any more. @returns how many */
export function reclaimParked(mem: Int32Array, heap: MovableHeap): number {
  let reclaimed = 0;
  let from = heap.at + PARKED;
  while (mem[from] !== NIL) {
    const run = mem[from];
    if (isPinned(mem, heap, run + RUN_HEADER_WORDS)) {
      from = run + NEXT;
      continue;
    }
    mem[from] = mem[run + NEXT];
    mem[heap.at + PARKED_RUNS]--;
    mem[heap.at + RECLAIMS]++;
    freeRun(mem, heap, run);
    reclaimed++;
  }
  return reclaimed;
}

/** Maps an area with room for a run of so many words, at least `bytes` in all. @returns its free run; NIL: refused */
export function mapArea(thr: Thread, heap: MovableHeap, words: number, bytes: number): number {
  const { mem } = thr;
  const i = mem[heap.at + AREAS];
  if (i === MAX_AREAS) return NIL;
  const size = osPagesFor(Math.max(bytes, (words + LINE_WORDS) * WORD_BYTES)) * OS_PAGE_BYTES;
  const at = osMmap(thr, heap.os, size);
  if (at === NIL) return NIL;
  const rec = areaRecord(heap, i);
  mem[rec + AT] = at;
  mem[rec + WORDS] = size / WORD_BYTES;
  mem[rec + FREE] = NIL;
  mem[heap.at + AREAS] = i + 1;
  mem[heap.at + MAPPED]++;
  mem[at + BEFORE] = 0;
  mem[areaEnd(mem, rec) + SIZE] = END_MARK;
  makeFree(mem, heap, at, size / WORD_BYTES - LINE_WORDS);
  return at;
}

/** Gives back areas with nothing in them, from number `first` on. */
export function unmapEmptyAreas(thr: Thread, heap: MovableHeap, first: number): void {
  const { mem } = thr;
  for (let i = mem[heap.at + AREAS] - 1; i >= first; i--) {
    const rec = areaRecord(heap, i);
    const at = mem[rec + AT];
    const words = mem[rec + WORDS];
    if (mem[at + SIZE] !== ((words - LINE_WORDS) | RUN_KIND.free)) continue;
    dropFree(mem, heap, at);
    const last = --mem[heap.at + AREAS];
    mem.copyWithin(rec, rec + MOVABLE_AREA.words, areaRecord(heap, last + 1));
    mem.fill(0, areaRecord(heap, last), areaRecord(heap, last + 1));
    mem[heap.at + UNMAPPED]++;
    osMunmap(thr, heap.os, at, words * WORD_BYTES);
  }
}
