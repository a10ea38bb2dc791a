/**
 * The defragmenter of a movable heap: one bounded step at a time, from any worker, several at once if need be.
 *
 * Fragmentation is 1 − largest free run / all free words, 0 when nothing is free. Above the threshold blocks are moved
 * towards the start of the oldest area, until a sweep comes to the end; at rest, with one area and no pins, one free run
 * is left. For the lowest gap:
 *
 * 1. The block behind it slides down, when it fits without overlapping itself (readers may be reading it).
 * 2. Else the gap is filled with a block from the far end of the heap that fits.
 * 3. Else the block behind it goes away to a free run that is large enough, or to a new area: now the gap is at least as
 *    large as the block, which comes back by 1 or 2. An area that nothing is left in is unmapped.
 *
 * A block goes down in 1 and 2, and after 3 the lowest gap grows or moves up: so it comes to an end. What somebody
 * writes is left for the next step; so are gaps behind which a parked run lies (movable-read.ts).
 *
 * The structure's mutex is free during a copy: allocation and free go on. The target is reserved, and the handle's mutex
 * is held, so that the block stays what and where it is.
 */
import { MOVABLE_HANDLE, MOVABLE_HEAP, MOVABLE_RUN, RUN_KIND } from '../../layout/movable.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { addU53 } from '../../layout/words.ts';
import { mutexEnter, mutexExit, mutexOwn, mutexTryEnter } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { blockFault } from './movable-heap.ts';
import { handleEntry, type MovableHeap } from './movable-plan.ts';
import {
  areaEnd,
  areaOf,
  areaRecord,
  damagedRun,
  findFit,
  isPinned,
  largestFree,
  lowestFree,
  mapArea,
  nextFree,
  reclaimParked,
  retireRun,
  runBefore,
  runBehind,
  RUN_HEADER_WORDS,
  runKind,
  runWords,
  setRunKind,
  splitRun,
  unmapEmptyAreas,
} from './movable-runs.ts';
import { originMove } from '../ut/origin.ts';

const H = MOVABLE_HEAP.at;
const { mutex: HANDLE_MUTEX, place: PLACE, generation: GENERATION } = MOVABLE_HANDLE.at;
const { handle: HANDLE, bytes: BYTES, key: KEY, owner: OWNER } = MOVABLE_RUN.at;

/** Ratios are kept in millionths. */
export const MILLION = 1_000_000;
/** Runs that are looked at from the far end for one that fills a gap. */
const FILL_LOOKS = 64;
/** Runs that may be parked before pinned blocks are left where they are: their old places are of no use yet. */
const MAX_PARKED = 16;
/** What one step does at most, unless told otherwise. */
export const STEP_MOVES = 256;
export const STEP_BYTES = 1 << 20;

/** 1 − largest free run / all free words; 0 when nothing is free. MovableHeap.mutex is held, or at rest. */
export function fragmentation(mem: Int32Array, heap: MovableHeap): number {
  const free = mem[heap.at + H.freeWords];
  return free === 0 ? 0 : (free - largestFree(mem, heap)) / free;
}

/**
 * One step: frees what was parked and is read no more, gives back empty areas, and, when fragmentation has passed the
 * threshold, moves blocks. Readers are not held up; who writes, allocates or frees for a few list operations. Takes the
 * structure's mutex, and handles' by trying.
 * @param moves most blocks to move
 * @param bytes moves end once so many bytes of contents were moved
 * @param threshold 0 to 1; the heap's when absent
 * @returns blocks moved; 0: nothing to do, or nothing that can be done now
 * @throws MemoryCorruption when the header of a block that should move is damaged; it stays as it is
 */
export function defragStep(
  thr: Thread,
  heap: MovableHeap,
  moves: number = STEP_MOVES,
  bytes: number = STEP_BYTES,
  threshold: number = heap.threshold,
): number {
  const { mem } = thr;
  mutexEnter(thr, heap.at + H.mutex);
  reclaimParked(mem, heap);
  unmapEmptyAreas(thr, heap, 1);
  if (mem[heap.at + H.compacting] === 0) {
    const ratio = fragmentation(mem, heap);
    if (ratio <= threshold) {
      mutexExit(thr, heap.at + H.mutex);
      return 0;
    }
    mem[heap.at + H.compacting] = 1;
    mem[heap.at + H.ratioBefore] = Math.round(ratio * MILLION);
  }
  mem[heap.at + H.passes]++;
  const done = sweepOrLeave(thr, heap, moves, bytes);
  unmapEmptyAreas(thr, heap, 1);
  if (mem[heap.at + H.compacting] === 0) {
    mem[heap.at + H.ratioAfter] = Math.round(fragmentation(mem, heap) * MILLION);
  }
  mutexExit(thr, heap.at + H.mutex);
  return done;
}

/** A sweep; when it comes upon damage, the mutex is free again before anybody is told. */
function sweepOrLeave(thr: Thread, heap: MovableHeap, moves: number, bytes: number): number {
  try {
    return sweep(thr, heap, moves, bytes);
  } catch (e) {
    if (mutexOwn(thr, heap.at + H.mutex)) mutexExit(thr, heap.at + H.mutex);
    throw e;
  }
}

/** Fills gap by gap. MovableHeap.mutex is held, and free during copies. @returns blocks moved */
function sweep(thr: Thread, heap: MovableHeap, moves: number, bytes: number): number {
  const { mem } = thr;
  let done = 0;
  let left = bytes;
  let gap = lowestFree(mem, heap);
  while (gap !== NIL && done < moves && left > 0) {
    const to = moveInto(thr, heap, gap);
    if (to === NIL) {
      gap = nextFree(thr, heap, gap);
    } else {
      done++;
      left -= mem[to + BYTES];
      gap = to === gap ? nextFree(thr, heap, to) : lowestFree(mem, heap);
    }
  }
  if (gap === NIL) mem[heap.at + H.compacting] = 0;
  return done;
}

/** One move for a gap, by the rules above. @returns the run that the block is in now; NIL: nothing can be moved */
function moveInto(thr: Thread, heap: MovableHeap, gap: number): number {
  const { mem } = thr;
  const behind = runBehind(thr, heap, gap);
  const isBlock = runKind(mem, behind) === RUN_KIND.used;
  const fits = runWords(mem, behind) <= runWords(mem, gap);
  if (isBlock && fits && claim(thr, heap, behind)) return move(thr, heap, behind, gap);
  const filler = claimFiller(thr, heap, gap);
  if (filler !== NIL) return move(thr, heap, filler, gap);
  if (!isBlock || fits || !claim(thr, heap, behind)) return NIL;
  const words = runWords(mem, behind);
  let to = findFit(mem, heap, words);
  if (to === NIL) to = mapArea(thr, heap, words, 0);
  if (to === NIL) {
    mem[heap.at + H.deferredRoom]++;
    mutexExit(thr, handleEntry(heap, mem[behind + HANDLE]) + HANDLE_MUTEX);
    return NIL;
  }
  mem[heap.at + H.evacuations]++;
  return move(thr, heap, behind, to);
}

/** Claims a block from the far end of the heap, behind the gap, that fits into it; NIL: none. */
function claimFiller(thr: Thread, heap: MovableHeap, gap: number): number {
  const { mem } = thr;
  const first = areaOf(mem, heap, gap);
  const room = runWords(mem, gap);
  let looks = FILL_LOOKS;
  for (let i = mem[heap.at + H.areas] - 1; i >= first; i--) {
    let run = runBefore(thr, heap, areaEnd(mem, areaRecord(heap, i)));
    const stop = i > first ? NIL : gap;
    while (run > stop && looks-- > 0) {
      if (runKind(mem, run) === RUN_KIND.used && runWords(mem, run) <= room && claim(thr, heap, run))
        return run;
      run = runBefore(thr, heap, run);
    }
  }
  return NIL;
}

/**
 * Takes the mutex of a block's handle, without waiting, so that it may be moved.
 * @returns false: not now
 * @throws MemoryCorruption when header and handle do not agree
 */
function claim(thr: Thread, heap: MovableHeap, run: number): boolean {
  const { mem } = thr;
  const handle = mem[run + HANDLE];
  const entry = handleEntry(heap, handle);
  if (!mutexTryEnter(thr, entry + HANDLE_MUTEX)) {
    mem[heap.at + H.deferredLocked]++;
    return false;
  }
  const contents = run + RUN_HEADER_WORDS;
  const place = Atomics.load(mem, entry + PLACE);
  if (place === contents) {
    const fault = blockFault(mem, heap, run, handle);
    if (fault !== '') {
      mutexExit(thr, entry + HANDLE_MUTEX);
      throw damagedRun(thr, heap, run, 'defrag', fault);
    }
    if (mem[heap.at + H.parkedRuns] < MAX_PARKED || !isPinned(mem, heap, contents)) return true;
    mem[heap.at + H.deferredPinned]++;
  }
  mutexExit(thr, entry + HANDLE_MUTEX);
  // Without a place it is a block that somebody is allocating: he has not published it yet.
  if (
    place !== contents &&
    (place !== NIL || Atomics.load(mem, entry + GENERATION) !== handle >>> heap.indexBits)
  ) {
    throw damagedRun(thr, heap, run, 'defrag', `the header names handle ${handle}, whose block is @${place}`);
  }
  return false;
}

/**
 * Moves a claimed block to the front of a free run that is large enough. MovableHeap.mutex is held, and free during the
 * copy. @returns its new run, which is `to`
 */
function move(thr: Thread, heap: MovableHeap, from: number, to: number): number {
  const { mem } = thr;
  const handle = mem[from + HANDLE];
  const entry = handleEntry(heap, handle);
  const bytes = mem[from + BYTES];
  splitRun(mem, heap, to, runWords(mem, from), RUN_KIND.reserved);
  mutexExit(thr, heap.at + H.mutex);
  const contents = from + RUN_HEADER_WORDS;
  mem.copyWithin(to + RUN_HEADER_WORDS, contents, contents + Math.ceil(bytes / WORD_BYTES));
  mem[to + BYTES] = bytes;
  mem[to + KEY] = mem[from + KEY];
  mem[to + OWNER] = mem[from + OWNER];
  originMove(thr, heap.os, from, to);
  mutexEnter(thr, heap.at + H.mutex);
  mem[to + HANDLE] = handle;
  setRunKind(mem, heap, to, RUN_KIND.used);
  Atomics.store(mem, entry + PLACE, to + RUN_HEADER_WORDS);
  retireRun(mem, heap, from);
  mutexExit(thr, entry + HANDLE_MUTEX);
  mem[heap.at + H.moves]++;
  addU53(mem, heap.at + H.movedBytes, bytes);
  return to;
}
