/** Facts A 3.10: heaps of 5.1 to 5.6 on the buddy pool, private heaps, fast create, UNIV_MEM_DEBUG. */
import { describe, expect, it } from 'vitest';
import { MEM_POOL } from '../../layout/mem-pool.ts';
import { WORD_BYTES } from '../../layout/schema.ts';
import { UT_MEM } from '../../layout/ut0mem.ts';
import { MemoryCorruption } from '../ut/corruption.ts';
import { AreaBlocks, memAlloc, memFree } from './mem-heap-5x.ts';
import { memHeapAlloc, memHeapGetSize } from './mem-heap.ts';
import { memHeapCreate, memHeapFastCreate, memHeapFree } from './mem-heap-block.ts';
import { memHeapValidate } from './mem-heap-check.ts';
import { MEM_HEAP } from './mem-heap-env.ts';
import { memHeapEmpty, memHeapFreeHeapTop, memHeapFreeTop } from './mem-heap-stack.ts';
import { HeapKit, NOTHING_LEFT } from './mem-heap-test-kit.ts';
import { memPoolValidate } from '../old/mem-pool-check.ts';
import { memPoolCreate, memPoolFree, memPoolGetReserved } from '../old/mem-pool.ts';
import { type UtMem, utMemInit } from '../old/ut0mem.ts';

interface Options {
  readonly line?: '5.1' | '5.5';
  readonly checked?: boolean;
  readonly bytes?: number;
  readonly sysMalloc?: boolean;
}

function setUp(o: Options = {}) {
  const { line = '5.5', checked = false, bytes = 65_536, sysMalloc = false } = o;
  const kit = new HeapKit(256, false, { ut: [UT_MEM, 1], pool: [MEM_POOL, 1] });
  const { thr } = kit;
  const ut: UtMem = { at: kit.at('ut'), env: kit.env };
  utMemInit(kit.mem, ut.at, { useSysMalloc: sysMalloc });
  const pool = memPoolCreate(thr, kit.at('pool'), ut, { bytes, line });
  const env = kit.heapEnv({ version: line, checked, blocks: new AreaBlocks(pool) });
  const reserved = (): number => memPoolGetReserved(thr, pool);
  const done = (): void => {
    expect(reserved()).toBe(0);
    expect(memPoolValidate(thr, pool)).toEqual([]);
    memPoolFree(thr, pool);
    expect(kit.left()).toEqual(NOTHING_LEFT);
  };
  return { kit, thr, env, pool, reserved, done };
}

describe('blocks from the buddy pool', () => {
  it('5.1: as long as they were asked for', () => {
    const { kit, thr, env, done } = setUp({ line: '5.1' });
    const heap = memHeapCreate(thr, env);
    kit.overflow(env, heap, 6);
    expect(kit.lengths(heap)).toEqual([176, 464, 1040, 2192, 4496, 8112, 8112]);
    memHeapFree(thr, env, heap);
    done();
  });

  it('5.5: 2^k − 24, so the heap uses the whole area', () => {
    const { kit, thr, env, reserved, done } = setUp();
    const heap = memHeapCreate(thr, env);
    kit.overflow(env, heap, 4);
    expect(kit.lengths(heap)).toEqual([232, 1000, 4072, 8168, 8168]);
    expect(reserved()).toBe(256 + 1024 + 4096 + 8192 + 8192);
    expect(memHeapGetSize(thr, env, heap)).toBe(reserved() - 5 * 24);
    expect(memHeapValidate(thr, env, heap)).toEqual([]);
    memHeapFree(thr, env, heap);
    done();
  });

  it('5.5: beyond the pool they come from the system, not longer than asked for', () => {
    const { kit, thr, env, reserved, done } = setUp({ bytes: 4096 });
    const heap = memHeapCreate(thr, env, 5000);
    expect([kit.lengths(heap), reserved()]).toEqual([[5120], 0]);
    memHeapFree(thr, env, heap);
    done();
  });

  it('5.5 with innodb_use_sys_malloc: plain malloc', () => {
    const { kit, thr, env } = setUp({ sysMalloc: true, bytes: 1 });
    const heap = memHeapCreate(thr, env);
    kit.overflow(env, heap, 6);
    expect(kit.lengths(heap)).toEqual([184, 488, 1096, 2312, 4744, 8120, 8120]);
    memHeapFree(thr, env, heap);
  });

  it('BUFFER heaps take pages from half a page on', () => {
    const { kit, thr, env, done } = setUp({ line: '5.1' });
    const heap = memHeapCreate(thr, env, 0, MEM_HEAP.buffer);
    kit.overflow(env, heap, 6);
    expect([kit.lengths(heap), kit.pagesOut]).toEqual([[176, 464, 1040, 2192, 4496, 16_384, 16_384], 2]);
    const other = memHeapCreate(thr, env, 0, MEM_HEAP.buffer);
    expect(() => memHeapAlloc(thr, env, other, 16_185)).toThrow(/16184/);
    memHeapFree(thr, env, other);
    memHeapFree(thr, env, heap);
    done();
  });
});

describe('mem_alloc and mem_free', () => {
  it.each([
    ['5.1', false, 112],
    ['5.1', true, 128],
    ['5.5', false, 120],
    ['5.5', true, 136],
  ] as const)(
    '%s, checked %s: the heap begins %i bytes in front of the buffer',
    (line, checked, distance) => {
      const { kit, thr, env, reserved, done } = setUp({ line, checked });
      const all = [0, 1, 100, 8001, 20_000].map((n) => ({ n, p: memAlloc(thr, env, n) }));
      for (const { n, p } of all) {
        const heap = p - distance / WORD_BYTES;
        expect(memHeapValidate(thr, env, heap)).toEqual([]);
        expect(kit.blocks(heap)).toEqual([heap]);
        thr.u8.fill(0x5a, p * WORD_BYTES, p * WORD_BYTES + n);
      }
      expect(reserved()).toBeGreaterThan(28_000);
      for (const { p } of all) memFree(thr, env, p);
      done();
    },
  );

  it('what is no such buffer is refused', () => {
    const { thr, env, done } = setUp();
    const p = memAlloc(thr, env, 100);
    expect(() => memFree(thr, env, p + 2)).toThrow(MemoryCorruption);
    expect(() => memFree(thr, env, 2)).toThrow(/foreign address/);
    memFree(thr, env, p);
    expect(() => memFree(thr, env, p)).toThrow(MemoryCorruption);
    done();
  });
});

describe('fast create (5.1)', () => {
  it('the first block is the caller’s, and stays', () => {
    const { kit, thr, env, reserved, done } = setUp({ line: '5.1' });
    const own = memAlloc(thr, env, 400);
    const before = reserved();
    const heap = memHeapFastCreate(thr, env, own, 400);
    expect([heap, kit.lengths(heap), reserved()]).toEqual([own, [400], before]);
    expect(memHeapAlloc(thr, env, heap, 200)).toBe(own + 112 / WORD_BYTES);
    memHeapAlloc(thr, env, heap, 200);
    expect(kit.lengths(heap)).toEqual([400, 912]);
    expect(memHeapValidate(thr, env, heap)).toEqual([]);
    memHeapFree(thr, env, heap);
    expect(reserved()).toBe(before);
    expect(() => memHeapFree(thr, env, heap)).toThrow(/double free/);
    memFree(thr, env, own);
    done();
  });

  it('wants more than a header and 64 bytes, and 5.1', () => {
    const { kit, thr, env } = setUp({ line: '5.1' });
    const own = memAlloc(thr, env, 400);
    expect(() => memHeapFastCreate(thr, env, own, 176)).toThrow(RangeError);
    expect(kit.lengths(memHeapFastCreate(thr, env, own, 177))).toEqual([177]);
    const other = setUp({ line: '5.5' });
    expect(() => memHeapFastCreate(other.thr, other.env, own, 400)).toThrow(/not in 5\.5/);
  });
});

describe('UNIV_MEM_DEBUG', () => {
  const NEW = [0xba, 0xbe];
  const FREED = [0xad, 0xde];
  const kinds = (bytes: number[]): number[] => [...new Set(bytes)].toSorted((a, b) => a - b);

  function checkedHeap() {
    const all = setUp({ line: '5.1', checked: true });
    return { ...all, heap: memHeapCreate(all.thr, all.env, 1000) };
  }

  it('length and check word in front, the check word behind, a mix of BA and BE between', () => {
    const { kit, thr, env, heap } = checkedHeap();
    const p = memHeapAlloc(thr, env, heap, 101);
    expect(p).toBe(heap + (112 + 16) / WORD_BYTES);
    expect(kit.bytes(p - 4, 8)).toEqual([101, 0, 0, 0, 0, 0, 0, 0]);
    const check = kit.bytes(p - 2, 8);
    expect(kit.bytes(p + 25, 9).slice(1)).toEqual(check);
    expect(kinds(kit.bytes(p, 101))).toEqual(NEW);
    // 101 + 24 = 125 → 128.
    expect(kit.free(heap)).toBe(112 + 128);
    const q = memHeapAlloc(thr, env, heap, 8);
    expect(kit.bytes(q - 2, 8)).not.toEqual(check);
  });

  it('freed memory is a mix of DE and AD', () => {
    const { kit, thr, env, heap } = checkedHeap();
    const p = memHeapAlloc(thr, env, heap, 100);
    const q = memHeapAlloc(thr, env, heap, 200);
    memHeapFreeTop(thr, env, heap, 200);
    expect(kinds(kit.bytes(q - 4, 224))).toEqual(FREED);
    expect(kinds(kit.bytes(p, 100))).toEqual(NEW);
    memHeapEmpty(thr, env, heap);
    expect(kinds(kit.bytes(p - 4, 124))).toEqual(FREED);
    memHeapFree(thr, env, heap);
    // Neither the magic number nor anything else is left, but what the pool writes into the area's header.
    expect(kinds(kit.bytes(heap + 4, 1000))).toEqual(FREED);
  });

  it.each([
    ['the word behind', 100, /check word \d+ in front and \d+ behind/],
    ['the word in front', -8, /check word/],
    ['the length', -16, /says it has|check word/],
  ])('%s was overwritten: found wherever the buffer lies in its block', (_what, offset, text) => {
    const { thr, env, heap } = checkedHeap();
    memHeapAlloc(thr, env, heap, 8);
    const p = memHeapAlloc(thr, env, heap, 100);
    memHeapAlloc(thr, env, heap, 50);
    thr.u8[p * WORD_BYTES + offset] ^= 0x80;
    expect(() => memHeapFree(thr, env, heap)).toThrow(text);
    expect(() => memHeapEmpty(thr, env, heap)).toThrow(text);
    expect(() => memHeapFreeHeapTop(thr, env, heap, heap + 112 / 4)).toThrow(text);
    memHeapFreeTop(thr, env, heap, 50);
    expect(() => memHeapFreeTop(thr, env, heap, 100)).toThrow(MemoryCorruption);
    expect(memHeapValidate(thr, env, heap)).toHaveLength(1);
  });

  it('free_top wants the very size', () => {
    const { thr, env, heap } = checkedHeap();
    memHeapAlloc(thr, env, heap, 50);
    expect(() => memHeapFreeTop(thr, env, heap, 51)).toThrow(/50 bytes, not 51/);
    memHeapFreeTop(thr, env, heap, 50);
  });
});
