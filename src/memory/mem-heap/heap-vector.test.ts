/** Facts A 3.9: vectors on a heap. */
import { describe, expect, it } from 'vitest';
import {
  ELEM,
  f64At,
  f64Push,
  f64Set,
  heapVector,
  i32At,
  i32Push,
  i32Set,
  u8At,
  u8Push,
  u8Set,
  vectorCapacity,
  vectorClear,
  vectorData,
  vectorLength,
  vectorReserve,
} from './heap-vector.ts';
import { memHeapAlloc, memHeapGetHeapTop, memHeapGetSize } from './mem-heap.ts';
import { memHeapCreate, memHeapFree } from './mem-heap-block.ts';
import { memHeapValidate } from './mem-heap-check.ts';
import { MEM_HEAP_FOR } from './mem-heap-env.ts';
import { HeapKit, NOTHING_LEFT } from './mem-heap-test-kit.ts';
import { BadAlloc } from '../ut/ut-allocator.ts';

function setUp(checked = true) {
  const kit = new HeapKit();
  const env = kit.heapEnv({ checked });
  const heap = memHeapCreate(kit.thr, env);
  return { kit, env, heap, thr: kit.thr };
}

describe.each([
  ['i32', ELEM.i32, i32Push, i32At, i32Set, (i: number) => (i % 2 === 0 ? i - 500 : 2 ** 31 - i)],
  ['u8', ELEM.u8, u8Push, u8At, u8Set, (i: number) => i % 256],
  ['f64', ELEM.f64, f64Push, f64At, f64Set, (i: number) => i / 3],
] as const)('a vector of %s', (_name, elem, push, at, set, value) => {
  it('grows and keeps its elements', () => {
    const { kit, env, heap, thr } = setUp();
    const v = heapVector(thr, env, heap, elem);
    expect([vectorLength(thr, v), vectorCapacity(thr, v), vectorData(thr, v)]).toEqual([0, 0, 0]);
    for (let i = 0; i < 1000; i++) push(thr, env, v, value(i));
    expect([vectorLength(thr, v), vectorCapacity(thr, v)]).toEqual([1000, 1024]);
    for (let i = 0; i < 1000; i++) expect(at(thr, v, i)).toBe(value(i));
    set(thr, v, 7, 200);
    expect([at(thr, v, 6), at(thr, v, 7), at(thr, v, 8)]).toEqual([value(6), 200, value(8)]);
    expect(memHeapValidate(thr, env, heap)).toEqual([]);
    memHeapFree(thr, env, heap);
    expect(kit.left()).toEqual(NOTHING_LEFT);
  });

  it('doubles from 1; old elements stay in the heap', () => {
    const { env, heap, thr } = setUp(false);
    const v = heapVector(thr, env, heap, elem);
    const capacities = new Set<number>();
    const places = new Set<number>();
    for (let i = 0; i < 40; i++) {
      push(thr, env, v, value(i));
      capacities.add(vectorCapacity(thr, v));
      places.add(vectorData(thr, v));
    }
    expect([...capacities]).toEqual([1, 2, 4, 8, 16, 32, 64]);
    expect(places.size).toBe(7);
    const old = [...places][5];
    const bytes = thr.u8.slice(old * 4, old * 4 + 32 * elem);
    const now = vectorData(thr, v) * 4;
    expect(bytes).toEqual(thr.u8.slice(now, now + 32 * elem));
  });

  it('refuses what is not there, and elements of another type', () => {
    const { env, heap, thr } = setUp();
    const v = heapVector(thr, env, heap, elem);
    push(thr, env, v, 1);
    for (const i of [-1, 1, Number.NaN]) {
      expect(() => at(thr, v, i)).toThrow(RangeError);
      expect(() => set(thr, v, i, 1)).toThrow(RangeError);
    }
    const others = ([i32Push, u8Push, f64Push] as const).filter((f) => f !== push);
    for (const other of others) expect(() => other(thr, env, v, 1)).toThrow(TypeError);
    const getters = ([i32At, u8At, f64At] as const).filter((f) => f !== at);
    for (const getter of getters) expect(() => getter(thr, v, 0)).toThrow(TypeError);
    expect(vectorLength(thr, v)).toBe(1);
  });
});

describe('room', () => {
  it('reserve takes exactly so much, once; clear keeps it', () => {
    const { env, heap, thr } = setUp(false);
    const v = heapVector(thr, env, heap, ELEM.f64);
    const top = memHeapGetHeapTop(thr, heap);
    vectorReserve(thr, env, v, 3);
    expect(memHeapGetHeapTop(thr, heap)).toBe(top + 6);
    for (const x of [1, 2, 3]) f64Push(thr, env, v, x);
    vectorReserve(thr, env, v, 2);
    vectorReserve(thr, env, v, 3);
    expect([memHeapGetHeapTop(thr, heap), vectorCapacity(thr, v)]).toEqual([top + 6, 3]);
    vectorClear(thr, v);
    expect([vectorLength(thr, v), vectorCapacity(thr, v)]).toEqual([0, 3]);
    f64Push(thr, env, v, 9);
    expect([f64At(thr, v, 0), vectorData(thr, v)]).toEqual([9, top]);
    f64Push(thr, env, v, 9);
    f64Push(thr, env, v, 9);
    f64Push(thr, env, v, 9);
    expect(vectorCapacity(thr, v)).toBe(6);
  });

  it('two vectors share a heap with buffers', () => {
    const { env, heap, thr } = setUp();
    const [a, b] = [heapVector(thr, env, heap, ELEM.i32), heapVector(thr, env, heap, ELEM.u8)];
    for (let i = 0; i < 300; i++) {
      i32Push(thr, env, a, i);
      u8Push(thr, env, b, i);
      memHeapAlloc(thr, env, heap, i % 20);
    }
    for (let i = 0; i < 300; i++) expect([i32At(thr, a, i), u8At(thr, b, i)]).toEqual([i, i % 256]);
    expect(memHeapValidate(thr, env, heap)).toEqual([]);
  });

  it('a heap that cannot grow leaves the vector as it was', () => {
    const { kit, env, thr } = setUp(false);
    const heap = memHeapCreate(thr, env, 4000, MEM_HEAP_FOR.btrSearch);
    const v = heapVector(thr, env, heap, ELEM.i32);
    i32Push(thr, env, v, 1);
    const size = memHeapGetSize(thr, env, heap);
    expect(() => vectorReserve(thr, env, v, 2000)).toThrow(BadAlloc);
    expect([vectorLength(thr, v), vectorCapacity(thr, v), i32At(thr, v, 0)]).toEqual([1, 1, 1]);
    expect([memHeapGetSize(thr, env, heap), kit.pagesOut]).toEqual([size, 0]);
  });
});
