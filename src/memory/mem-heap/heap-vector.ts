/**
 * Growable vectors whose elements lie in a storage heap: what `std::vector` with `mem_heap_allocator` is (facts A 3.9).
 * A vector is the address of a HEAP_VECTOR record, which lies in the heap too. It doubles when it is full; the old
 * elements stay where they were until the heap is freed, as the allocator's deallocate does nothing.
 *
 * Elements are int32, bytes or float64. As with the heap, one thread owns it.
 */
import { HEAP_VECTOR } from '../../layout/mem-heap.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { memHeapAlloc } from './mem-heap.ts';
import type { MemHeapEnv } from './mem-heap-env.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';
import { BadAlloc } from '../ut/ut-allocator.ts';

const { heap: HEAP, elemBytes: ELEM_BYTES, data: DATA, length: LENGTH, capacity: CAPACITY } = HEAP_VECTOR.at;

/** Bytes of an element, by its type. */
export const ELEM = { u8: 1, i32: 4, f64: 8 } as const;
export type ElemBytes = (typeof ELEM)[keyof typeof ELEM];

/**
 * `mem_heap_allocator::allocate`: n elements of the heap.
 * @throws BadAlloc when the heap cannot grow
 */
function allocate(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  n: number,
  elem: number,
  site: AllocSite,
): number {
  const at = memHeapAlloc(thr, env, heap, n * elem, site);
  if (at === NIL) throw new BadAlloc();
  return at;
}

/** A vector without elements. */
export function heapVector(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  elemBytes: ElemBytes,
  site: AllocSite = NO_SITE,
): number {
  const { mem } = thr;
  const v = allocate(thr, env, heap, HEAP_VECTOR.words, WORD_BYTES, site);
  mem[v + HEAP] = heap;
  mem[v + ELEM_BYTES] = elemBytes;
  mem[v + DATA] = NIL;
  mem[v + LENGTH] = 0;
  mem[v + CAPACITY] = 0;
  return v;
}

/** Elements, and how many fit before it grows. */
export function vectorLength(thr: Thread, v: number): number {
  return thr.mem[v + LENGTH];
}

export function vectorCapacity(thr: Thread, v: number): number {
  return thr.mem[v + CAPACITY];
}

/** Word address of the first element; NIL before there was any. Growing moves it. */
export function vectorData(thr: Thread, v: number): number {
  return thr.mem[v + DATA];
}

/** `reserve(n)`: room for n elements in all. Never shrinks. */
export function vectorReserve(
  thr: Thread,
  env: MemHeapEnv,
  v: number,
  n: number,
  site: AllocSite = NO_SITE,
): void {
  const { mem, u8 } = thr;
  if (n <= mem[v + CAPACITY]) return;
  const elem = mem[v + ELEM_BYTES];
  const at = allocate(thr, env, mem[v + HEAP], n, elem, site);
  const from = mem[v + DATA] * WORD_BYTES;
  u8.copyWithin(at * WORD_BYTES, from, from + mem[v + LENGTH] * elem);
  mem[v + DATA] = at;
  mem[v + CAPACITY] = n;
}

/** `clear()`: no elements; the room stays. */
export function vectorClear(thr: Thread, v: number): void {
  thr.mem[v + LENGTH] = 0;
}

/** Makes room for one more and counts it; returns its index. */
function grow(thr: Thread, env: MemHeapEnv, v: number, elem: number): number {
  const { mem } = thr;
  if (mem[v + ELEM_BYTES] !== elem) throw wrongType(mem, v, elem);
  const length = mem[v + LENGTH];
  if (length === mem[v + CAPACITY]) vectorReserve(thr, env, v, Math.max(1, 2 * length));
  mem[v + LENGTH] = length + 1;
  return length;
}

/** Index `i`, when there is such an element of that size. */
function index(mem: Int32Array, v: number, elem: number, i: number): number {
  if (mem[v + ELEM_BYTES] !== elem) throw wrongType(mem, v, elem);
  // The comparison refuses NaN, fractions are refused by the memory.
  if (!(i >= 0 && i < mem[v + LENGTH]))
    throw new RangeError(`vector @${v}: ${i} of ${mem[v + LENGTH]} elements`);
  return i;
}

function wrongType(mem: Int32Array, v: number, elem: number): TypeError {
  return new TypeError(`vector @${v} has elements of ${mem[v + ELEM_BYTES]} bytes, not ${elem}`);
}

/** `push_back`. @throws TypeError on a vector of another type; BadAlloc */
export function i32Push(thr: Thread, env: MemHeapEnv, v: number, x: number): void {
  const i = grow(thr, env, v, ELEM.i32);
  thr.mem[thr.mem[v + DATA] + i] = x;
}

export function u8Push(thr: Thread, env: MemHeapEnv, v: number, x: number): void {
  const i = grow(thr, env, v, ELEM.u8);
  thr.u8[thr.mem[v + DATA] * WORD_BYTES + i] = x;
}

export function f64Push(thr: Thread, env: MemHeapEnv, v: number, x: number): void {
  const i = grow(thr, env, v, ELEM.f64);
  thr.f64[(thr.mem[v + DATA] >>> 1) + i] = x;
}

/** `at(i)`. @throws RangeError; TypeError on a vector of another type */
export function i32At(thr: Thread, v: number, i: number): number {
  return thr.mem[thr.mem[v + DATA] + index(thr.mem, v, ELEM.i32, i)];
}

export function u8At(thr: Thread, v: number, i: number): number {
  return thr.u8[thr.mem[v + DATA] * WORD_BYTES + index(thr.mem, v, ELEM.u8, i)];
}

export function f64At(thr: Thread, v: number, i: number): number {
  return thr.f64[(thr.mem[v + DATA] >>> 1) + index(thr.mem, v, ELEM.f64, i)];
}

/** `at(i) = x`. */
export function i32Set(thr: Thread, v: number, i: number, x: number): void {
  thr.mem[thr.mem[v + DATA] + index(thr.mem, v, ELEM.i32, i)] = x;
}

export function u8Set(thr: Thread, v: number, i: number, x: number): void {
  thr.u8[thr.mem[v + DATA] * WORD_BYTES + index(thr.mem, v, ELEM.u8, i)] = x;
}

export function f64Set(thr: Thread, v: number, i: number, x: number): void {
  thr.f64[(thr.mem[v + DATA] >>> 1) + index(thr.mem, v, ELEM.f64, i)] = x;
}
