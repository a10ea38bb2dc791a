/**
 * Where a heap of movable blocks lies, and how it is seen from a thread; its handles.
 *
 * A handle is a number of 31 bits, never 0: index in the handle table, and above it the generation of the entry. A
 * handle whose block is gone is found out, until its entry has been used 2^(31 - bits of the index) times again.
 */
import type { ArenaPlanner } from '../../layout/arena.ts';
import { MAX_PINS, MOVABLE_HANDLE, MOVABLE_HEAP, MOVABLE_PINS } from '../../layout/movable.ts';
import { NIL } from '../../layout/schema.ts';
import { LATCH } from '../../sync/latch-meta.ts';
import { mutexInit } from '../../sync/mutex.ts';
import type { Psi } from '../psi/psi.ts';

const { mutex: HANDLE_MUTEX, place: PLACE, generation: GENERATION, next: NEXT } = MOVABLE_HANDLE.at;
const { mutex: MUTEX } = MOVABLE_HEAP.at;

const HANDLE_BITS = 31;
/** Ends the list of free entries. */
export const NO_ENTRY = -1;
const DEFAULT_AREA_BYTES = 1 << 20;
/** Fragmentation above which blocks are moved. */
export const DEFRAG_THRESHOLD = 0.3;

export interface MovableHeapOptions {
  /** OS_MEMORY that areas come from. */
  readonly os: number;
  /** Threads that may use it: ids 1 to this. */
  readonly nThreads: number;
  /** Blocks that may live at a time; rounded up to a power of two. 1024 when absent. */
  readonly handles?: number;
  /** Size of an area, unless a block needs a larger one; whole pages. 1 MiB when absent. */
  readonly areaBytes?: number;
  /** Blocks that a thread may have pinned at a time, at most MAX_PINS, which it is when absent. */
  readonly maxPins?: number;
  /** Fragmentation, 0 to 1, above which defragStep moves blocks; DEFRAG_THRESHOLD when absent. */
  readonly threshold?: number;
  /** As placements are called; `movable_heap` when absent. */
  readonly name?: string;
}

/** Where it lies; plain data. */
export interface MovableHeapPlan {
  readonly at: number;
  readonly entries: number;
  readonly pins: number;
  readonly os: number;
  readonly nThreads: number;
  readonly indexBits: number;
  readonly areaBytes: number;
  readonly maxPins: number;
  readonly threshold: number;
}

/** Places a heap in the region that is open. */
export function movableHeapPlan(planner: ArenaPlanner, o: MovableHeapOptions): MovableHeapPlan {
  const name = o.name ?? 'movable_heap';
  const indexBits = Math.ceil(Math.log2(Math.max(2, o.handles ?? 1024)));
  const maxPins = o.maxPins ?? MAX_PINS;
  if (maxPins < 1 || maxPins > MAX_PINS)
    throw new RangeError(`${maxPins} pins of a thread: 1 to ${MAX_PINS}`);
  return {
    at: planner.place(name, MOVABLE_HEAP),
    entries: planner.place(`${name}.handles`, MOVABLE_HANDLE, 1 << indexBits),
    pins: planner.place(`${name}.pins`, MOVABLE_PINS, o.nThreads),
    os: o.os,
    nThreads: o.nThreads,
    indexBits,
    areaBytes: o.areaBytes ?? DEFAULT_AREA_BYTES,
    maxPins,
    threshold: o.threshold ?? DEFRAG_THRESHOLD,
  };
}

/** Makes it, without any area; before it is shared. */
export function movableHeapInit(mem: Int32Array, plan: MovableHeapPlan): void {
  const entries = 1 << plan.indexBits;
  mem.fill(0, plan.at, plan.at + MOVABLE_HEAP.words);
  mem.fill(0, plan.entries, plan.entries + entries * MOVABLE_HANDLE.words);
  mem.fill(0, plan.pins, plan.pins + plan.nThreads * MOVABLE_PINS.words);
  mutexInit(mem, plan.at + MUTEX, LATCH.memDefrag);
  for (let i = 0; i < entries; i++) {
    const entry = plan.entries + i * MOVABLE_HANDLE.words;
    mutexInit(mem, entry + HANDLE_MUTEX, LATCH.memHandle);
    mem[entry + GENERATION] = 1;
    mem[entry + NEXT] = i + 1 < entries ? i + 1 : NO_ENTRY;
  }
}

/** The heap as one thread has it; stateless. */
export class MovableHeap {
  readonly at: number;
  readonly entries: number;
  readonly pins: number;
  readonly os: number;
  readonly nThreads: number;
  readonly maxPins: number;
  readonly areaBytes: number;
  readonly threshold: number;
  /** A handle is generation << indexBits | index. */
  readonly indexBits: number;
  readonly indexMask: number;
  readonly generationMask: number;
  readonly psi: Psi;

  constructor(plan: MovableHeapPlan, psi: Psi) {
    this.at = plan.at;
    this.entries = plan.entries;
    this.pins = plan.pins;
    this.os = plan.os;
    this.nThreads = plan.nThreads;
    this.maxPins = plan.maxPins;
    this.areaBytes = plan.areaBytes;
    this.threshold = plan.threshold;
    this.indexBits = plan.indexBits;
    this.indexMask = (1 << plan.indexBits) - 1;
    this.generationMask = 2 ** (HANDLE_BITS - plan.indexBits) - 1;
    this.psi = psi;
  }
}

/** MOVABLE_HANDLE that a handle names, whether it is valid or not. */
export function handleEntry(heap: MovableHeap, handle: number): number {
  return heap.entries + (handle & heap.indexMask) * MOVABLE_HANDLE.words;
}

/** First word of the contents of a handle's block; NIL: its block is gone. The handle's mutex is held, or at rest. */
export function livePlace(mem: Int32Array, heap: MovableHeap, handle: number): number {
  const entry = handleEntry(heap, handle);
  return Atomics.load(mem, entry + GENERATION) === handle >>> heap.indexBits
    ? Atomics.load(mem, entry + PLACE)
    : NIL;
}

/** Generation of an entry once the block of a handle is gone. From 1, so that no handle is 0. */
export function nextGeneration(heap: MovableHeap, handle: number): number {
  const next = ((handle >>> heap.indexBits) + 1) & heap.generationMask;
  return next === 0 ? 1 : next;
}
