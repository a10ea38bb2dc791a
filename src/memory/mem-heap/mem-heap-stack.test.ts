/** Facts A 3.6: a heap as a stack, to the letter. */
import { describe, expect, it } from 'vitest';
import { WORD_BYTES } from '../../layout/schema.ts';
import { memHeapAlloc, memHeapGetHeapTop, memHeapGetSize, memHeapGetTop } from './mem-heap.ts';
import { memHeapCreate, memHeapFree } from './mem-heap-block.ts';
import { memHeapValidate } from './mem-heap-check.ts';
import { MEM_HEAP } from './mem-heap-env.ts';
import {
  memHeapDupReplace,
  memHeapEmpty,
  memHeapFreeHeapTop,
  memHeapFreeTop,
  memHeapIsTop,
  memHeapReplace,
  memHeapStrdupReplace,
} from './mem-heap-stack.ts';
import { memHeapStr, memHeapStrdup } from './mem-heap-str.ts';
import { HeapKit, NOTHING_LEFT } from './mem-heap-test-kit.ts';

const CASES = [
  ['8.0.25', false, MEM_HEAP.dynamic],
  ['8.0.25', true, MEM_HEAP.buffer],
  ['8.0.30', false, MEM_HEAP.buffer],
  ['5.1', true, MEM_HEAP.dynamic],
] as const;

function setUp(
  version: (typeof CASES)[number][0] = '8.0.25',
  checked = false,
  type: number = MEM_HEAP.dynamic,
) {
  const kit = new HeapKit();
  const env = kit.heapEnv({ version, checked });
  const heap = memHeapCreate(kit.thr, env, 0, type);
  const alloc = (n: number): number => memHeapAlloc(kit.thr, env, heap, n);
  const done = (): void => {
    expect(memHeapValidate(kit.thr, env, heap)).toEqual([]);
    memHeapFree(kit.thr, env, heap);
    expect(kit.left()).toEqual(NOTHING_LEFT);
  };
  return { kit, env, heap, thr: kit.thr, alloc, done };
}

describe.each(CASES)('%s, checked %s, type %i', (...o) => {
  it('get_heap_top is the address of the next slot; free_heap_top goes back there', () => {
    const { kit, env, heap, thr, alloc, done } = setUp(...o);
    alloc(10);
    const top = memHeapGetHeapTop(thr, heap);
    expect(top).toBe(heap + kit.free(heap) / WORD_BYTES);
    const p = alloc(5);
    expect(p).toBe(top + env.lead / WORD_BYTES);
    for (let i = 0; i < 40; i++) alloc(300);
    expect(kit.lengths(heap).length).toBeGreaterThan(4);
    memHeapFreeHeapTop(thr, env, heap, top);
    expect(kit.lengths(heap)).toEqual([kit.len(heap)]);
    expect(memHeapGetSize(thr, env, heap)).toBe(kit.len(heap));
    expect([kit.pagesOut, alloc(5)]).toEqual([0, p]);
    done();
  });

  it('a top equal to the offset of its block does nothing to that block', () => {
    const { kit, env, heap, thr, alloc, done } = setUp(...o);
    alloc(10);
    const top = memHeapGetHeapTop(thr, heap);
    memHeapFreeHeapTop(thr, env, heap, top);
    expect(memHeapGetHeapTop(thr, heap)).toBe(top);
    alloc(1000);
    const second = memHeapGetHeapTop(thr, heap);
    memHeapFreeHeapTop(thr, env, heap, second);
    expect([kit.blocks(heap).length, memHeapGetHeapTop(thr, heap)]).toEqual([2, second]);
    memHeapFreeHeapTop(thr, env, heap, top);
    expect([kit.blocks(heap).length, memHeapGetHeapTop(thr, heap)]).toEqual([1, top]);
    done();
  });

  it('a block that becomes empty goes, the first never does', () => {
    const { kit, env, heap, thr, alloc, done } = setUp(...o);
    alloc(20);
    alloc(500);
    const blocks = kit.blocks(heap);
    // The start of the second block is a top of it: nothing of it is left.
    memHeapFreeHeapTop(thr, env, heap, blocks[1] + kit.start(blocks[1]) / WORD_BYTES);
    expect(kit.blocks(heap)).toEqual([heap]);
    memHeapFreeTop(thr, env, heap, 20);
    expect([kit.blocks(heap), kit.free(heap)]).toEqual([[heap], env.headerBytes]);
    done();
  });

  it('free_top takes the last buffer, and its block when that was all', () => {
    const { kit, env, heap, thr, alloc, done } = setUp(...o);
    alloc(20);
    alloc(500);
    alloc(7);
    memHeapFreeTop(thr, env, heap, 7);
    expect(kit.blocks(heap).length).toBe(2);
    memHeapFreeTop(thr, env, heap, 500);
    expect(kit.blocks(heap)).toEqual([heap]);
    memHeapFreeTop(thr, env, heap, 20);
    expect(kit.free(heap)).toBe(env.headerBytes);
    done();
  });

  it('get_top and is_top find the last buffer by its size', () => {
    const { env, heap, thr, alloc, done } = setUp(...o);
    const p = alloc(17);
    expect(memHeapGetTop(thr, env, heap, 17)).toBe(p);
    // Sizes of the same 8 bytes match, too.
    const same = [16, 17, 18, 24, 25].map((n) => memHeapIsTop(thr, env, heap, p, n));
    expect(same).toEqual([false, true, true, true, false]);
    alloc(1);
    expect(memHeapIsTop(thr, env, heap, p, 17)).toBe(false);
    done();
  });

  it('empty leaves the first block', () => {
    const { kit, env, heap, thr, alloc, done } = setUp(...o);
    for (let i = 0; i < 50; i++) alloc(300);
    memHeapEmpty(thr, env, heap);
    expect([kit.blocks(heap), kit.free(heap), memHeapGetSize(thr, env, heap), kit.pagesOut]).toEqual([
      [heap],
      env.headerBytes,
      kit.len(heap),
      0,
    ]);
    memHeapEmpty(thr, env, heap);
    done();
  });

  it('replace frees the old buffer only when it is the last', () => {
    const { env, heap, thr, alloc, done } = setUp(...o);
    const p = alloc(8);
    expect(memHeapReplace(thr, env, heap, p, 8, 16)).toBe(p);
    const q = memHeapReplace(thr, env, heap, p, 8, 16);
    expect(q).not.toBe(p);
    expect(memHeapReplace(thr, env, heap, q, 16, 400)).not.toBe(q);
    done();
  });

  it('dup_replace and strdup_replace copy as well', () => {
    const { env, heap, thr, alloc, done } = setUp(...o);
    const source = alloc(16);
    thr.mem.fill(0x01020304, source, source + 4);
    const p = alloc(8);
    const q = memHeapDupReplace(thr, env, heap, p, 8, source, 16);
    expect(q).toBe(p);
    expect([...thr.mem.subarray(q, q + 4)]).toEqual(Array<number>(4).fill(0x01020304));
    const s = memHeapStrdupReplace(thr, env, heap, q, 16, 'another');
    expect([s, memHeapStr(thr, s)]).toEqual([p, 'another']);
    const t = memHeapStrdupReplace(thr, env, heap, source, 16, s);
    expect([t === s, memHeapStr(thr, t)]).toEqual([false, 'another']);
    expect(memHeapIsTop(thr, env, heap, t, 8)).toBe(true);
    done();
  });
});

describe('details', () => {
  it('a replaced buffer that was alone in its block takes the block along', () => {
    const { kit, env, heap, thr, alloc, done } = setUp();
    alloc(60);
    const p = alloc(300);
    expect(kit.lengths(heap)).toEqual([176, 464]);
    memHeapReplace(thr, env, heap, p, 300, 2000);
    expect(kit.lengths(heap)).toEqual([176, 2112]);
    done();
  });

  it('the bytes left in an earlier block are given out again after it is the last one', () => {
    const { env, heap, thr, alloc, done } = setUp();
    const a = alloc(40);
    alloc(400);
    memHeapFreeTop(thr, env, heap, 400);
    expect(alloc(24)).toBe(a + 10);
    done();
  });

  it('two pages side by side: the end of the full one is not the start of the other', () => {
    const { kit, env, heap, thr, alloc, done } = setUp('8.0.25', false, MEM_HEAP.buffer);
    // Handed out from the last: turned round, the second page lies behind the first.
    kit.pagePool.unused.reverse();
    alloc(16_272);
    const [, page] = kit.blocks(heap);
    const top = memHeapGetHeapTop(thr, heap);
    expect(top).toBe(page + 16_384 / WORD_BYTES);
    alloc(16_272);
    expect(kit.blocks(heap)[2]).toBe(top);
    memHeapFreeHeapTop(thr, env, heap, top);
    expect([kit.lengths(heap), kit.free(page)]).toEqual([[176, 16_384], 16_384]);
    done();
  });

  it('a copied string may be the buffer that it replaces no longer', () => {
    const { env, heap, thr, done } = setUp();
    const s = memHeapStrdup(thr, env, heap, 'abc');
    memHeapStrdup(thr, env, heap, 'x');
    expect(memHeapStr(thr, memHeapStrdupReplace(thr, env, heap, s, 4, s))).toBe('abc');
    done();
  });
});
