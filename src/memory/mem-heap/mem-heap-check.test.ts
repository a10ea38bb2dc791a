/** Facts A 3.8, and damage: it is found, said, and nothing is changed. */
import { describe, expect, it } from 'vitest';
import { MEM_BLOCK_25 } from '../../layout/mem-heap.ts';
import { WORD_BYTES } from '../../layout/schema.ts';
import { MemoryCorruption } from '../ut/corruption.ts';
import { memHeapAlloc, memHeapGetHeapTop } from './mem-heap.ts';
import { memHeapCreate, memHeapFree } from './mem-heap-block.ts';
import { memHeapValidate } from './mem-heap-check.ts';
import { MEM_HEAP, type MemHeapVersion } from './mem-heap-env.ts';
import { memHeapEmpty, memHeapFreeHeapTop, memHeapFreeTop } from './mem-heap-stack.ts';
import { HeapKit, NOTHING_LEFT } from './mem-heap-test-kit.ts';
import { PFX_WORDS } from '../ut/ut-allocator.ts';
import { allocSite } from '../ut/site.ts';

const B = MEM_BLOCK_25.at;
const SITE = allocSite('row0sel.cc', 12);

/** A heap of two blocks: buffers of 10 and 24 bytes in the first, of 500 in the second. */
function setUp(checked: boolean, version: MemHeapVersion = '8.0.25') {
  const kit = new HeapKit(64, true);
  const env = kit.heapEnv({ checked, version });
  const { thr } = kit;
  const heap = memHeapCreate(thr, env, 100, MEM_HEAP.dynamic, SITE);
  const buffers = [10, 24, 500].map((n) => memHeapAlloc(thr, env, heap, n, SITE));
  const second = kit.last(heap);
  const snapshot = (): Int32Array => kit.mem.slice();
  /** That the call reports, that the report matches, and that not a word of memory is different. */
  const refuses = (call: () => unknown, text: RegExp): void => {
    const before = snapshot();
    expect(call).toThrow(MemoryCorruption);
    expect(call).toThrow(text);
    expect(kit.mem.findIndex((w, i) => w !== before[i])).toBe(-1);
  };
  return { kit, env, heap, thr, buffers, second, refuses };
}

describe('validation (A 3.8)', () => {
  it.each<[string, keyof typeof B, number, RegExp]>([
    ['type of a block', 'type', 2, /type 2/],
    ['type of a block other than the heap’s', 'type', 1, /type 1 in a heap of type 0/],
    ['link', 'prev', 77, /prev is @77/],
  ])('%s', (_what, field, value, text) => {
    const { env, heap, thr, second } = setUp(true);
    expect(memHeapValidate(thr, env, heap)).toEqual([]);
    thr.mem[second + B[field]] = value;
    expect(memHeapValidate(thr, env, heap).join()).toMatch(text);
  });

  it.each<[keyof typeof B, number, RegExp]>([
    ['totalSize', 1, /blocks of 1016 bytes in all, total_size 1$/],
    ['free', 16, /start 144, free 16/],
    ['free', 5000, /free 5000, length/],
    ['start', 8, /start 8/],
  ])('%s of the heap is %d', (field, value, text) => {
    const { env, heap, thr } = setUp(true);
    thr.f64[(heap + B[field]) / 2] = value;
    expect(memHeapValidate(thr, env, heap).join()).toMatch(text);
  });

  it.each<[keyof typeof B, RegExp]>([
    ['count', /counts 9/],
    ['first', /first block is @9/],
    ['last', /last block is/],
  ])('%s of the list', (field, text) => {
    const { env, heap, thr } = setUp(false);
    thr.mem[heap + B[field]] = 9;
    expect(memHeapValidate(thr, env, heap).join()).toMatch(text);
  });

  it('a block of a heap of pages is no longer than a page', () => {
    const { kit, thr } = setUp(false);
    const env = kit.heapEnv();
    const heap = memHeapCreate(thr, env, 0, MEM_HEAP.buffer);
    thr.f64[(heap + B.len) / 2] = 16_392;
    expect(memHeapValidate(thr, env, heap).join()).toMatch(/16392 bytes, more than a page/);
  });

  it('bad magic: expected and found, size, and in checked runs the creator', () => {
    const { env, heap, thr, second } = setUp(true);
    thr.mem[second + B.magic] = 0x12345678;
    expect(memHeapValidate(thr, env, heap)).toEqual([
      `block @${second}: overwritten magic: magic number: expected 0X445566778899AABB, found ` +
        `0X4455667712345678; block of 736 bytes, made at row0sel.cc:12`,
    ]);
  });

  it('links that lead nowhere end it', () => {
    const { env, heap, thr } = setUp(false);
    thr.mem[heap + B.next] = 2_000_000_000;
    expect(memHeapValidate(thr, env, heap).join()).toMatch(/foreign address/);
  });

  it.each(['8.0.25', '5.1'] as const)('%s: a guard in the middle of a checked heap', (version) => {
    const { env, heap, thr, buffers } = setUp(true, version);
    // The buffer of 24 bytes is the last of its block.
    thr.u8[buffers[1] * WORD_BYTES + 24] ^= 0xff;
    expect(memHeapValidate(thr, env, heap).join()).toMatch(/should be 0xdf|check word/);
  });
});

describe('magic numbers', () => {
  it.each([false, true])('a heap is not freed twice (checked %s)', (checked) => {
    const { kit, env, heap, thr, refuses } = setUp(checked);
    memHeapFree(thr, env, heap);
    refuses(() => memHeapFree(thr, env, heap), /mem_heap_free.*double free.*BBAA998877665544/s);
    expect(kit.left()).toEqual(NOTHING_LEFT);
  });

  it('of 5.x with UNIV_MEM_DEBUG: what was erased was freed', () => {
    const { env, heap, thr, refuses } = setUp(true, '5.1');
    memHeapFree(thr, env, heap);
    refuses(() => memHeapFree(thr, env, heap), /double free/);
  });

  it.each([false, true])(
    'any block of a heap is looked at before the first is freed (checked %s)',
    (checked) => {
      const { env, heap, thr, second, refuses } = setUp(checked);
      const [low] = [thr.mem[second + B.magic]];
      thr.mem[second + B.magic] = 1;
      const top = heap + env.headerBytes / WORD_BYTES;
      refuses(() => memHeapFree(thr, env, heap), /mem_heap_free\(.*overwritten magic/);
      refuses(() => memHeapEmpty(thr, env, heap), /overwritten magic/);
      refuses(() => memHeapFreeTop(thr, env, heap, 500), /mem_heap_free_top.*overwritten magic/);
      refuses(() => memHeapFreeHeapTop(thr, env, heap, top), /mem_heap_free_heap_top.*overwritten magic/);
      thr.mem[second + B.magic] = low;
      thr.mem[heap + B.magic + 1] ^= 1;
      refuses(() => memHeapFree(thr, env, heap), /overwritten magic/);
      // A block is only added to a heap that is one.
      refuses(() => memHeapAlloc(thr, env, heap, 5000), /mem_heap_alloc.*overwritten magic/);
    },
  );

  it('a checked alloc looks at the block that it takes from', () => {
    const { env, heap, thr, second, refuses } = setUp(true);
    thr.mem[second + B.magic] = 1;
    refuses(() => memHeapAlloc(thr, env, heap, 1), /mem_heap_alloc.*overwritten magic/);
  });

  it.each([0, 3, 1_999_999_998, -4])('@%i is no heap', (at) => {
    const { env, thr, refuses } = setUp(false);
    refuses(() => memHeapFree(thr, env, at), /foreign address/);
  });

  it('a list that does not lead back to the heap', () => {
    const { env, heap, thr, refuses } = setUp(false);
    thr.mem[heap + B.count] = 1;
    refuses(() => memHeapFree(thr, env, heap), /overwritten header.*1 blocks/);
  });

  it('what malloc finds wrong leaves the block in the heap', () => {
    const { env, heap, thr, second } = setUp(false);
    const word = second - PFX_WORDS + 2;
    thr.mem[word] ^= 0x40;
    expect(() => memHeapFree(thr, env, heap)).toThrow(/overwritten|wrong|foreign/);
    expect(memHeapValidate(thr, env, heap)).toEqual([]);
    thr.mem[word] ^= 0x40;
    memHeapFree(thr, env, heap);
  });
});

describe('guards of 8.0', () => {
  it.each<[string, number, number, RegExp]>([
    ['in front of the last buffer', 2, -1, /should be 0xce/],
    ['behind it', 2, 504, /should be 0xdf, is 0x/],
  ])('%s', (_what, buffer, offset, text) => {
    const { kit, env, heap, thr, buffers, second, refuses } = setUp(true);
    const top = second + kit.start(second) / WORD_BYTES;
    thr.u8[buffers[buffer] * WORD_BYTES + offset] = 0;
    refuses(() => memHeapFreeTop(thr, env, heap, 500), text);
    refuses(() => memHeapFreeHeapTop(thr, env, heap, top), text);
    refuses(() => memHeapEmpty(thr, env, heap), text);
    refuses(() => memHeapFree(thr, env, heap), text);
  });

  it('of the buffer that stays, when the one behind it is freed', () => {
    const { env, heap, thr, buffers, refuses } = setUp(true);
    memHeapFreeTop(thr, env, heap, 500);
    thr.u8[buffers[0] * WORD_BYTES + 16] = 0;
    refuses(() => memHeapFreeTop(thr, env, heap, 24), /should be 0xdf/);
  });

  it('padding is nobody’s guard', () => {
    const { kit, env, heap, thr, buffers } = setUp(true);
    thr.u8.fill(0x55, buffers[2] * WORD_BYTES + 500, buffers[2] * WORD_BYTES + 504);
    memHeapFree(thr, env, heap);
    expect(kit.left()).toEqual(NOTHING_LEFT);
  });

  it('are not there in release', () => {
    const { kit, env, heap, thr, buffers } = setUp(false);
    thr.u8[buffers[1] * WORD_BYTES + 24] = 0;
    memHeapFree(thr, env, heap);
    expect(kit.left()).toEqual(NOTHING_LEFT);
  });
});

describe('wrong sizes and tops', () => {
  it.each([false, true])('free_top past the start of the block (checked %s)', (checked) => {
    const { env, heap, thr, refuses } = setUp(checked);
    refuses(() => memHeapFreeTop(thr, env, heap, 600), /freed past the start.*600 bytes/);
    memHeapFreeTop(thr, env, heap, 500);
    refuses(() => memHeapFreeTop(thr, env, heap, 200), /freed past the start/);
  });

  it('checked: a size that ends in no slot', () => {
    const { env, heap, thr, refuses } = setUp(true);
    refuses(() => memHeapFreeTop(thr, env, heap, 100), /overwritten guard/);
  });

  it.each([false, true])('a top of no block (checked %s)', (checked) => {
    const { env, heap, thr, second, refuses } = setUp(checked);
    refuses(() => memHeapFreeHeapTop(thr, env, heap, heap), /no top of this heap/);
    refuses(() => memHeapFreeHeapTop(thr, env, heap, second + 2), /no top of this heap/);
    refuses(() => memHeapFreeHeapTop(thr, env, heap, memHeapGetHeapTop(thr, heap) + 2), /no top/);
  });

  it('checked: a top inside a buffer', () => {
    const { env, heap, thr, buffers, refuses } = setUp(true);
    refuses(() => memHeapFreeHeapTop(thr, env, heap, buffers[0]), /overwritten guard/);
  });
});

it('a report names where the block was asked for', () => {
  const { env, heap, thr, refuses } = setUp(true);
  thr.mem[heap + B.magic] = 1;
  refuses(() => memHeapFree(thr, env, heap), /row0sel\.cc.*12/s);
});
