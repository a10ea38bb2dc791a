/** What is wrong with an address that should be a live block's: found in the state bytes, said in one report. */
import { HEAP_PAGE, HEAP_TAG, PAGE_CLASS, RUN_CLASS } from '../../layout/heap.ts';
import { OS_MEMORY, PAGE_KIND } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption, type MemoryCorruption } from '../ut/corruption.ts';
import {
  BUDDY,
  CACHED,
  CENTRAL,
  CLASS_MASK,
  classBytes,
  classGranules,
  firstGranule,
  granuleAddress,
  granuleOf,
  heapPageOf,
  isInArea,
  LIVE,
  OWNER_MASK,
  pageOfGranule,
  statesOf,
  TAG_SHIFT,
} from './heap-state.ts';
import { runBytes } from './heap-run.ts';
import { osPageAddress, osRunStart } from '../os/os-memory.ts';

const { mutex: OS_MUTEX, base: BASE } = OS_MEMORY.at;
const TAG_NAMES = Object.keys(HEAP_TAG);

interface Fault {
  readonly what: string;
  readonly detail: string;
  /** First word of the block that it is about. */
  readonly block: number;
}

/** Tag of a live block's state byte. */
export const tagOf = (state: number): number => (state & ~LIVE) >> TAG_SHIFT;

/** Bytes of the block that starts at an address, live or free. */
export function bytesAt(mem: Int32Array, os: number, at: number, state: number): number {
  const cls = state & CLASS_MASK;
  return cls === RUN_CLASS ? runBytes(mem, os, at) : classBytes(cls);
}

/** The report for a free or realloc of `at` by the layer `tag`. No latch may be held. */
export function heapFault(thr: Thread, os: number, at: number, tag: number, call: string): MemoryCorruption {
  const { what, detail, block } = findFault(thr, os, at, tag);
  return corruption(thr.mem, os, block, { what, call, at, detail, thr });
}

function findFault(thr: Thread, os: number, at: number, tag: number): Fault {
  const { mem, u8 } = thr;
  const words = at - mem[os + BASE];
  const granule = words >>> 1;
  if (words < 0 || !isInArea(mem, os, granule)) {
    return { what: 'foreign address', detail: 'the address is outside the memory of the node', block: at };
  }
  const state = granuleOf(mem, os, at) === granule ? u8[statesOf(mem, os) + granule] : 0;
  if (state === 0) return faultInside(thr, os, at, granule);
  const size = `a block of ${bytesAt(mem, os, at, state)} bytes`;
  switch (state & OWNER_MASK) {
    case CACHED:
    case CENTRAL:
      return { what: 'double free', detail: `${size} that is free`, block: at };
    case BUDDY:
      return { what: 'double free', detail: `${size} of the buddy system that is free`, block: at };
    default: {
      const [theirs, ours] = [TAG_NAMES[tagOf(state)], TAG_NAMES[tag]];
      const detail =
        theirs === ours
          ? `${size} that was freed at the same time`
          : `${size} of ${theirs}, freed by ${ours}`;
      return { what: theirs === ours ? 'double free' : 'wrong allocator', detail, block: at };
    }
  }
}

/** No block starts at the address: which page is it in, and which block? */
function faultInside(thr: Thread, os: number, at: number, granule: number): Fault {
  const { mem } = thr;
  const page = pageOfGranule(granule);
  mutexEnter(thr, os + OS_MUTEX);
  const { start, kind } = osRunStart(mem, os, page);
  mutexExit(thr, os + OS_MUTEX);
  if (kind === PAGE_KIND.free) {
    const detail = 'no block starts there: the page is not in use (double free, or never allocated)';
    return { what: 'double free', detail, block: at };
  }
  if (kind !== PAGE_KIND.heap) {
    return {
      what: 'foreign address',
      detail: 'the address belongs to a mapping, not to the heap',
      block: at,
    };
  }
  const block = blockAround(thr, os, granule, osPageAddress(mem, os, start));
  if (block === NIL) {
    const detail = 'no block starts there, and none lies around it: it may have been joined with its buddy';
    return { what: 'double free', detail, block: at };
  }
  const state = thr.u8[statesOf(mem, os) + granuleOf(mem, os, block)];
  const live = (state & LIVE) !== 0 ? '' : 'free ';
  const detail = `the address is inside a ${live}block of ${bytesAt(mem, os, block, state)} bytes at @${block}`;
  return { what: 'inside a block', detail, block };
}

/** The block that a granule lies in, from the states before it; NIL: none. */
function blockAround(thr: Thread, os: number, granule: number, runStart: number): number {
  const { mem, u8 } = thr;
  const states = statesOf(mem, os);
  const first = granuleOf(mem, os, runStart);
  const single = mem[heapPageOf(mem, os, pageOfGranule(first)) + HEAP_PAGE.at.pageClass] <= PAGE_CLASS;
  // In a run only the beginnings of pages can be blocks.
  for (let g = granule; g >= first; g = single ? g - 1 : firstGranule(pageOfGranule(g - 1))) {
    const state = u8[states + g];
    if (state === 0) {
      if (g === 0) break;
      continue;
    }
    const cls = state & CLASS_MASK;
    return cls === RUN_CLASS || g + classGranules(cls) > granule ? granuleAddress(mem, os, g) : NIL;
  }
  return NIL;
}

/** The report for a sized free with the wrong size. */
export function wrongSize(
  thr: Thread,
  os: number,
  at: number,
  bytes: number,
  state: number,
): MemoryCorruption {
  const detail = `a block of ${bytesAt(thr.mem, os, at, state)} bytes was freed as one of ${bytes}`;
  return corruption(thr.mem, os, at, { what: 'wrong size class', call: 'free_sized', at, detail, thr });
}
