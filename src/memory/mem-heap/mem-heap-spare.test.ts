/** Facts A 3.2 and B 8.5: the spare page of a BTR_SEARCH heap, in the heap (8.0.25) and in a cell beside it (8.0.3x). */
import { describe, expect, it } from 'vitest';
import { MEM_HEAP_SPARE } from '../../layout/mem-heap.ts';
import { NIL } from '../../layout/schema.ts';
import { memHeapAlloc, memHeapGetSize } from './mem-heap.ts';
import { memHeapCreate, memHeapFree } from './mem-heap-block.ts';
import { memHeapValidate } from './mem-heap-check.ts';
import { MEM_HEAP, MEM_HEAP_FOR } from './mem-heap-env.ts';
import { memHeapGiveSpare, memHeapSetSpareCell, memHeapSpare } from './mem-heap-spare.ts';
import { memHeapEmpty } from './mem-heap-stack.ts';
import { HeapKit, NOTHING_LEFT, VERSIONS_80 } from './mem-heap-test-kit.ts';
import { utAllocate, utDeallocate } from '../ut/ut-allocator.ts';

describe.each(VERSIONS_80)('%s', (version) => {
  function setUp() {
    const kit = new HeapKit();
    const env = kit.heapEnv({ version });
    const { thr, pagePool } = kit;
    const heap = memHeapCreate(thr, env, 4000, MEM_HEAP_FOR.btrSearch);
    const alloc = kit.alloc();
    const cell = utAllocate(thr, alloc, MEM_HEAP_SPARE.words * 4, 0, true);
    if (version === '8.0.30') memHeapSetSpareCell(thr, env, heap, cell);
    const give = (): boolean => memHeapGiveSpare(thr, env, heap, pagePool.alloc());
    const done = (): void => {
      memHeapFree(thr, env, heap);
      utDeallocate(thr, alloc, cell);
      expect(kit.left()).toEqual(NOTHING_LEFT);
    };
    memHeapAlloc(thr, env, heap, 4000);
    return { kit, env, heap, thr, give, done };
  }

  it('without it the heap does not grow by a page, and stays as it is', () => {
    const { kit, env, heap, thr, done } = setUp();
    expect(memHeapAlloc(thr, env, heap, 1)).toBe(NIL);
    expect([kit.pagePool.taken, kit.blocks(heap).length]).toEqual([0, 1]);
    expect(memHeapValidate(thr, env, heap)).toEqual([]);
    done();
  });

  it('smaller blocks come from malloc, and need none', () => {
    const { kit, env, thr, done } = setUp();
    const heap = memHeapCreate(thr, env, 0, MEM_HEAP_FOR.btrSearch);
    kit.overflow(env, heap, 4);
    expect([kit.blocks(heap).length, kit.pagePool.taken]).toEqual([5, 0]);
    memHeapFree(thr, env, heap);
    done();
  });

  it('the heap takes it and clears it; the pool is not asked', () => {
    const { kit, env, heap, thr, give, done } = setUp();
    expect(give()).toBe(true);
    const spare = memHeapSpare(thr, env, heap);
    expect(memHeapGetSize(thr, env, heap)).toBe(kit.len(heap) + 16_384);
    const p = memHeapAlloc(thr, env, heap, 100);
    expect(kit.last(heap)).toBe(kit.pagePool.frame(spare));
    expect(p).toBe(kit.last(heap) + env.headerBytes / 4);
    expect([memHeapSpare(thr, env, heap), kit.pagePool.taken]).toEqual([NIL, 1]);
    expect(memHeapGetSize(thr, env, heap)).toBe(kit.len(heap) + 16_384);
    expect(memHeapValidate(thr, env, heap)).toEqual([]);
    done();
  });

  it('a second page goes back to the pool', () => {
    const { kit, give, done } = setUp();
    expect([give(), give(), kit.pagesOut]).toEqual([true, false, 1]);
    done();
  });

  it('empty and free release it', () => {
    const { kit, env, heap, thr, give, done } = setUp();
    give();
    memHeapAlloc(thr, env, heap, 100);
    give();
    expect(kit.pagesOut).toBe(2);
    memHeapEmpty(thr, env, heap);
    expect([kit.pagesOut, memHeapSpare(thr, env, heap)]).toEqual([0, NIL]);
    give();
    done();
  });

  it('other heaps have none', () => {
    const { kit, env, thr, done } = setUp();
    const heap = memHeapCreate(thr, env, 0, MEM_HEAP.buffer);
    expect(() => memHeapGiveSpare(thr, env, heap, 5)).toThrow(/no place/);
    expect(() => memHeapSetSpareCell(thr, env, heap, 5)).toThrow(/no cell/);
    memHeapAlloc(thr, env, heap, 9000);
    expect(kit.pagePool.taken).toBe(1);
    memHeapFree(thr, env, heap);
    done();
  });
});

it('8.0.25 has no cells; a heap of 8.0.3x without one does not grow by pages', () => {
  const kit = new HeapKit();
  const old = kit.heapEnv();
  const heap = memHeapCreate(kit.thr, old, 0, MEM_HEAP_FOR.btrSearch);
  expect(() => memHeapSetSpareCell(kit.thr, old, heap, 5)).toThrow(/8\.0\.25.*no cell/);
  const env = kit.heapEnv({ version: '8.0.30' });
  const bare = memHeapCreate(kit.thr, env, 1000, MEM_HEAP_FOR.btrSearch);
  expect(memHeapAlloc(kit.thr, env, bare, 5000)).not.toBe(NIL);
  expect(memHeapAlloc(kit.thr, env, bare, 9000)).toBe(NIL);
  expect(() => memHeapGiveSpare(kit.thr, env, bare, 5)).toThrow(/no place/);
});
