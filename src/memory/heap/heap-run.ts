/** The large sizes: runs of pages, straight from the operating system. */
import { HEAP_PAGE, RUN_CLASS } from '../../layout/heap.ts';
import { OS_MEMORY, PAGE_KIND } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import {
  granuleOf,
  heapPageOf,
  LIVE,
  PAGE_BYTES,
  PAGE_WORDS,
  pageOfGranule,
  statesOf,
  TAG_SHIFT,
} from './heap-state.ts';
import { osMapRun, osPageAddress, osUnmapRun } from '../os/os-memory.ts';

const { mutex: MUTEX } = OS_MEMORY.at;
const { pageClass: CLASS, run: RUN, runPages: RUN_PAGES } = HEAP_PAGE.at;

/**
 * A block of whole pages for the layer `tag`, on a multiple of `alignPages` pages (a power of two). A run that is asked
 * for larger than the block holds such a place; where it really starts is kept for the release. Takes the node's mutex.
 * @returns its address; NIL: there is no memory
 */
export function runTake(thr: Thread, os: number, bytes: number, tag: number, alignPages = 1): number {
  const { mem, u8 } = thr;
  const pages = Math.ceil(bytes / PAGE_BYTES);
  let at: number = NIL;
  mutexEnter(thr, os + MUTEX);
  const run = osMapRun(thr, os, pages + alignPages - 1, PAGE_KIND.heap);
  if (run >= 0) {
    const start = osPageAddress(mem, os, run);
    const align = alignPages * PAGE_WORDS;
    at = Math.ceil(start / align) * align;
    const rec = heapPageOf(mem, os, run + (at - start) / PAGE_WORDS);
    mem[rec + CLASS] = RUN_CLASS;
    mem[rec + RUN] = run;
    mem[rec + RUN_PAGES] = pages;
    u8[statesOf(mem, os) + granuleOf(mem, os, at)] = LIVE | (tag << TAG_SHIFT) | RUN_CLASS;
  }
  mutexExit(thr, os + MUTEX);
  return at;
}

/** Bytes of a live block of class 11. */
export function runBytes(mem: Int32Array, os: number, at: number): number {
  return mem[heapPageOf(mem, os, pageOfGranule(granuleOf(mem, os, at))) + RUN_PAGES] * PAGE_BYTES;
}

/**
 * Frees a block of class 11. Takes the node's mutex.
 * @param state what the caller has found in the block's state byte
 * @returns false: it is something else by now, and nothing was changed
 */
export function runFree(thr: Thread, os: number, at: number, state: number): boolean {
  const { mem, u8 } = thr;
  const granule = granuleOf(mem, os, at);
  const word = statesOf(mem, os) + granule;
  mutexEnter(thr, os + MUTEX);
  const valid = u8[word] === state;
  if (valid) {
    u8[word] = 0;
    osUnmapRun(thr, os, mem[heapPageOf(mem, os, pageOfGranule(granule)) + RUN]);
  }
  mutexExit(thr, os + MUTEX);
  return valid;
}
