/**
 * A heap of movable blocks. A block is named by a handle and may be anywhere: the defragmenter (defragmenter.ts) moves
 * blocks together while others read them (movable-read.ts, where the protocol is). MySQL has nothing like it.
 *
 * Memory comes from the node's operating system in up to 8 areas (movable-runs.ts). One mutex guards their structure,
 * and is held for a few list operations at a time, never for a copy; each handle has one more, against writing, moving
 * and freeing at once. Order: handle, then structure.
 */
import { MOVABLE_HANDLE, MOVABLE_HEAP, MOVABLE_RUN, RUN_KIND } from '../../layout/movable.ts';
import { NIL } from '../../layout/schema.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption, type MemoryCorruption } from '../ut/corruption.ts';
import { handleEntry, livePlace, type MovableHeap, nextGeneration, NO_ENTRY } from './movable-plan.ts';
import {
  areaEnd,
  areaOf,
  areaRecord,
  damagedRun,
  findFit,
  mapArea,
  reclaimParked,
  retireRun,
  RUN_HEADER_BYTES,
  RUN_HEADER_WORDS,
  runKind,
  runWords,
  runWordsFor,
  splitRun,
  tagsFault,
  unmapEmptyAreas,
} from './movable-runs.ts';
import { originAlloc, originFree } from '../ut/origin.ts';
import { psiMemoryAlloc, psiMemoryFree } from '../psi/psi.ts';
import { KEY_NONE } from '../psi/psi-keys.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';

const {
  mutex: HANDLE_MUTEX,
  place: PLACE,
  generation: GENERATION,
  next: NEXT,
  last: LAST,
} = MOVABLE_HANDLE.at;
const { mutex: MUTEX, freeHandle: FREE_HANDLE, liveBlocks: LIVE, areas: AREAS } = MOVABLE_HEAP.at;
const { allocs: ALLOCS, frees: FREES, failures: FAILURES } = MOVABLE_HEAP.at;
/** The largest block: its run's words fit beside the kind. */
const MAX_BYTES = 2 ** 30;
const { handle: HANDLE, bytes: BYTES, key: KEY, owner: OWNER } = MOVABLE_RUN.at;

/** The error of a call with a handle whose block is gone, or which never was one. */
export function staleHandle(
  thr: Thread,
  heap: MovableHeap,
  handle: number,
  call: string,
  what = 'stale handle',
): MemoryCorruption {
  const { mem } = thr;
  const entry = handleEntry(heap, handle);
  const at = Atomics.load(mem, entry + PLACE);
  const generation = Atomics.load(mem, entry + GENERATION);
  const run = at === NIL ? mem[entry + LAST] : at - RUN_HEADER_WORDS;
  const index = handle & heap.indexMask;
  return corruption(mem, run === NIL ? NIL : heap.os, run, {
    what,
    call,
    at: handle,
    detail:
      `it means entry ${index} in generation ${handle >>> heap.indexBits}; the entry is in generation ` +
      `${generation}, and has ${at === NIL ? 'no block now; its last one is shown' : 'the block that is shown'}`,
    thr,
  });
}

/** What is wrong with the header and tags of a block; empty when nothing. MovableHeap.mutex is held, or at rest. */
export function blockFault(mem: Int32Array, heap: MovableHeap, run: number, handle: number): string {
  const area = areaOf(mem, heap, run);
  if (area < 0) return 'the address is in no area of the heap';
  if (mem[run + HANDLE] !== handle) return `the header names handle ${mem[run + HANDLE]}, not ${handle}`;
  if (runKind(mem, run) !== RUN_KIND.used) return `the header has kind ${runKind(mem, run)}`;
  const words = runWords(mem, run);
  if (words > areaEnd(mem, areaRecord(heap, area)) - run) return `the header says ${words} words`;
  const fault = tagsFault(mem, run);
  if (fault !== '') return fault;
  if (runWordsFor(mem[run + BYTES]) !== words) {
    return `the header says ${words} words and ${mem[run + BYTES]} bytes`;
  }
  const behind = run + words;
  return runKind(mem, behind) === RUN_KIND.free ? tagsFault(mem, behind) : '';
}

/**
 * A new block of `bytes`, 0 counting as 1; contents undefined. It counts with its header. Takes the structure's mutex,
 * and maps an area when no free run is large enough.
 * @param key instrument that it counts for
 * @returns its handle; NIL: no entry is free, or the operating system has no memory
 * @throws MemoryCorruption when the header of the free run that it would take is damaged; nothing is changed then
 */
export function movableAlloc(
  thr: Thread,
  heap: MovableHeap,
  bytes: number,
  key: number = KEY_NONE,
  site: AllocSite = NO_SITE,
): number {
  if (bytes > MAX_BYTES) throw new RangeError(`a movable block of ${bytes} bytes: at most ${MAX_BYTES}`);
  const { mem } = thr;
  const asked = Math.max(1, bytes);
  mutexEnter(thr, heap.at + MUTEX);
  const index = mem[heap.at + FREE_HANDLE];
  const run = index === NO_ENTRY ? NIL : findRoom(thr, heap, runWordsFor(asked));
  if (run === NIL) {
    mem[heap.at + FAILURES]++;
    mutexExit(thr, heap.at + MUTEX);
    return NIL;
  }
  const fault = tagsFault(mem, run);
  if (fault !== '') {
    mutexExit(thr, heap.at + MUTEX);
    throw damagedRun(thr, heap, run, 'movable_alloc', fault);
  }
  splitRun(mem, heap, run, runWordsFor(asked), RUN_KIND.used);
  const entry = heap.entries + index * MOVABLE_HANDLE.words;
  const handle = (mem[entry + GENERATION] << heap.indexBits) | index;
  mem[heap.at + FREE_HANDLE] = mem[entry + NEXT];
  mem[heap.at + LIVE]++;
  mem[heap.at + ALLOCS]++;
  mem[run + HANDLE] = handle;
  mutexExit(thr, heap.at + MUTEX);
  // Nobody else knows the handle, and the defragmenter leaves alone what has no place yet.
  mem[run + BYTES] = asked;
  mem[run + KEY] = psiMemoryAlloc(thr, heap.psi, key, asked + RUN_HEADER_BYTES);
  mem[run + OWNER] = thr.psiOwner;
  originAlloc(thr, heap.os, run, mem[run + KEY], asked + RUN_HEADER_BYTES, site);
  Atomics.store(mem, entry + PLACE, run + RUN_HEADER_WORDS);
  return handle;
}

/** A free run with so many words; NIL: none. MovableHeap.mutex is held. */
function findRoom(thr: Thread, heap: MovableHeap, words: number): number {
  const { mem } = thr;
  let run = findFit(mem, heap, words);
  if (run === NIL && reclaimParked(mem, heap) > 0) run = findFit(mem, heap, words);
  return run === NIL ? mapArea(thr, heap, words, heap.areaBytes) : run;
}

/**
 * Gives a block back; NIL does nothing. Any thread may, if it does not hold the handle's mutex. Who has the block pinned
 * may go on reading it; who pins it from now on is told that it is gone. Takes the handle's mutex, so it waits for a
 * writer and for a move.
 * @throws MemoryCorruption the block is gone already, or its header is damaged; nothing is changed then
 */
export function movableFree(thr: Thread, heap: MovableHeap, handle: number, site: AllocSite = NO_SITE): void {
  if (handle === NIL) return;
  const { mem } = thr;
  const entry = handleEntry(heap, handle);
  mutexEnter(thr, entry + HANDLE_MUTEX);
  const at = livePlace(mem, heap, handle);
  if (at === NIL) {
    mutexExit(thr, entry + HANDLE_MUTEX);
    throw staleHandle(thr, heap, handle, 'movable_free', 'double free');
  }
  const run = at - RUN_HEADER_WORDS;
  mutexEnter(thr, heap.at + MUTEX);
  const fault = blockFault(mem, heap, run, handle);
  if (fault !== '') {
    mutexExit(thr, heap.at + MUTEX);
    mutexExit(thr, entry + HANDLE_MUTEX);
    throw damagedRun(thr, heap, run, 'movable_free', fault);
  }
  const key = mem[run + KEY];
  const owner = mem[run + OWNER];
  const bytes = mem[run + BYTES];
  originFree(thr, heap.os, run, site);
  Atomics.store(mem, entry + GENERATION, nextGeneration(heap, handle));
  Atomics.store(mem, entry + PLACE, NIL);
  retireRun(mem, heap, run);
  mem[entry + LAST] = run;
  mem[entry + NEXT] = mem[heap.at + FREE_HANDLE];
  mem[heap.at + FREE_HANDLE] = handle & heap.indexMask;
  mem[heap.at + LIVE]--;
  mem[heap.at + FREES]++;
  mutexExit(thr, heap.at + MUTEX);
  mutexExit(thr, entry + HANDLE_MUTEX);
  psiMemoryFree(thr, heap.psi, key, bytes + RUN_HEADER_BYTES, owner);
}

/** Bytes that a block was asked for. `at`: its contents, pinned or locked by the caller. */
export function movableBytes(mem: Int32Array, at: number): number {
  return mem[at - RUN_HEADER_WORDS + BYTES];
}

/**
 * Gives all memory back.
 * @throws Error when a block lives or a free one is still pinned; nothing is changed then, but what nobody reads is free
 */
export function movableHeapClose(thr: Thread, heap: MovableHeap): void {
  const { mem } = thr;
  mutexEnter(thr, heap.at + MUTEX);
  reclaimParked(mem, heap);
  const live = mem[heap.at + LIVE];
  if (live === 0) unmapEmptyAreas(thr, heap, 0);
  const left = mem[heap.at + AREAS];
  mutexExit(thr, heap.at + MUTEX);
  if (live > 0 || left > 0) {
    throw new Error(`movable heap @${heap.at} cannot be closed: ${live} blocks live, ${left} areas in use`);
  }
}
