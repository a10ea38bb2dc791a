/** Facts A 3.1 to 3.5: the numbers of each version, where blocks come from, how heaps grow. */
import { describe, expect, it } from 'vitest';
import { MEM_BLOCK_25 } from '../../layout/mem-heap.ts';
import { WORD_BYTES } from '../../layout/schema.ts';
import { memHeapAlloc, memHeapGetSize, memHeapZalloc } from './mem-heap.ts';
import { memHeapCreate, memHeapFree } from './mem-heap-block.ts';
import { memBlockCreator, memHeapValidate } from './mem-heap-check.ts';
import { MEM_HEAP, MEM_HEAP_FOR, MemHeapEnv, memSpaceNeeded } from './mem-heap-env.ts';
import { UtBlocks } from './mem-heap-source.ts';
import { HeapKit, NOTHING_LEFT, VERSIONS_80 } from './mem-heap-test-kit.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { MEM_KEYS } from '../psi/psi-keys.ts';
import { allocSite } from '../ut/site.ts';
import { OutOfMemoryFatal, utKeyOf, utSizeOf } from '../ut/ut-allocator.ts';

const { magic: MAGIC, type: TYPE, totalSize: TOTAL } = MEM_BLOCK_25.at;

describe('constants', () => {
  it('of the types', () => {
    expect(MEM_HEAP).toEqual({ dynamic: 0, buffer: 1, btrSearch: 2 });
    expect(MEM_HEAP_FOR).toEqual({ btrSearch: 3, pageHash: 0, recvSys: 1, lockHeap: 1 });
  });

  it.each([
    ['8.0.25', false, 16384, 112, 16272, 8000],
    ['8.0.30', false, 16384, 104, 16280, 8000],
    ['8.0.25', false, 8192, 112, 8080, 8080],
    ['8.0.30', false, 4096, 104, 3992, 3992],
    ['8.0.25', false, 32768, 112, 32656, 8000],
    ['8.0.25', true, 16384, 144, 16208, 8000],
    ['8.0.30', true, 16384, 136, 16216, 8000],
    ['5.1', false, 16384, 112, 16184, 8000],
    ['5.1', true, 16384, 112, 16184, 8000],
    ['5.5', false, 16384, 120, 16184, 8000],
  ] as const)('%s, checked %s, pages of %i', (version, checked, pageBytes, header, maxAlloc, standard) => {
    const env = new HeapKit().heapEnv({ version, checked, pageBytes });
    expect([env.headerBytes, env.maxAllocInBuf, env.standardSize]).toEqual([header, maxAlloc, standard]);
  });

  it('MEM_SPACE_NEEDED rounds up to 8, guards included', () => {
    const kit = new HeapKit();
    const release = kit.heapEnv();
    expect([0, 1, 8, 9, 2 ** 33 + 1].map((n) => memSpaceNeeded(release, n))).toEqual([
      0,
      8,
      8,
      16,
      2 ** 33 + 8,
    ]);
    const debug = kit.heapEnv({ checked: true });
    expect([0, 1, 8, 9].map((n) => memSpaceNeeded(debug, n))).toEqual([32, 40, 40, 48]);
    // 16 in front, 8 behind.
    const old = kit.heapEnv({ version: '5.1', checked: true });
    expect([0, 1, 8, 9].map((n) => memSpaceNeeded(old, n))).toEqual([24, 32, 32, 40]);
  });

  it.each([
    ['8.0.25', 0x445566778899aabbn, 0xbbaa998877665544n],
    ['8.0.30', 0x445566778899aabbn, 0xbbaa998877665544n],
    ['5.1', 764741555n, 547711122n],
    ['5.5', 764741555n, 547711122n],
  ] as const)('magic numbers of %s are 64 bits in the first word pair', (version, live, freed) => {
    const kit = new HeapKit();
    const env = kit.heapEnv({ version });
    const heap = memHeapCreate(kit.thr, env);
    const u64 = new BigUint64Array(kit.buffer);
    expect(u64[(heap + MAGIC) / 2]).toBe(live);
    const other = memHeapCreate(kit.thr, env, 3000);
    let seen = 0n;
    const { blocks } = env;
    const give = blocks.give.bind(blocks);
    blocks.give = (...args) => {
      seen = u64[(heap + MAGIC) / 2];
      give(...args);
    };
    memHeapFree(kit.thr, env, heap);
    expect(seen).toBe(freed);
    memHeapFree(kit.thr, env, other);
    expect(kit.left()).toEqual(NOTHING_LEFT);
  });
});

describe('growth (A 3.4), one byte over each time', () => {
  it.each([
    ['8.0.25', MEM_HEAP.dynamic, 0, [176, 464, 1040, 2192, 4496, 8112, 8112]],
    ['8.0.30', MEM_HEAP.dynamic, 0, [168, 440, 984, 2072, 4248, 8104, 8104]],
    ['8.0.25', MEM_HEAP.buffer, 0, [176, 464, 1040, 2192, 4496, 16384, 16384]],
    ['8.0.30', MEM_HEAP.buffer, 0, [168, 440, 984, 2072, 4248, 16384, 16384]],
    ['8.0.25', MEM_HEAP.dynamic, 512, [624, 1360, 2832, 5776, 8112, 8112]],
    ['8.0.25', MEM_HEAP.dynamic, 1024, [1136, 2384, 4880, 8112, 8112]],
  ] as const)('%s, type %i, create(%i)', (version, type, size, lengths) => {
    const kit = new HeapKit();
    const env = kit.heapEnv({ version });
    const heap = memHeapCreate(kit.thr, env, size, type);
    kit.overflow(env, heap, lengths.length - 1);
    expect(kit.lengths(heap)).toEqual(lengths);
    const sum = lengths.reduce((a, b) => a + b, 0);
    expect(memHeapGetSize(kit.thr, env, heap)).toBe(sum);
    expect(kit.blocks(heap).map((b) => kit.thr.f64[(b + TOTAL) / 2])).toEqual([
      sum,
      ...lengths.slice(1).map(() => -1),
    ]);
    expect(kit.pagesOut).toBe(lengths.filter((n) => n === 16384).length);
    expect(memHeapValidate(kit.thr, env, heap)).toEqual([]);
    memHeapFree(kit.thr, env, heap);
    expect(kit.left()).toEqual(NOTHING_LEFT);
  });

  it('small first blocks are honoured; only 0 means 64', () => {
    const kit = new HeapKit();
    const env = kit.heapEnv();
    expect([0, 1, 8, 9, 64, 100].map((n) => kit.len(memHeapCreate(kit.thr, env, n)))).toEqual([
      176, 120, 120, 128, 176, 216,
    ]);
  });

  it('a request above the doubled length gets a block of its own size, without bound in a DYNAMIC heap', () => {
    const kit = new HeapKit();
    const env = kit.heapEnv();
    const heap = memHeapCreate(kit.thr, env);
    memHeapAlloc(kit.thr, env, heap, 40_000);
    memHeapAlloc(kit.thr, env, heap, 8001);
    memHeapAlloc(kit.thr, env, heap, 100);
    expect(kit.lengths(heap)).toEqual([176, 40_112, 8120, 8112]);
  });

  it('a page of 8 KiB: DYNAMIC blocks grow to what fits into a page', () => {
    const kit = new HeapKit();
    const env = kit.heapEnv({ pageBytes: 8192 });
    const heap = memHeapCreate(kit.thr, env, 4000);
    kit.overflow(env, heap, 2);
    expect(kit.lengths(heap)).toEqual([4112, 8192, 8192]);
  });

  it('half a page is a page, less is malloc', () => {
    const kit = new HeapKit();
    const env = kit.heapEnv();
    const heap = memHeapCreate(kit.thr, env, 100, MEM_HEAP.buffer);
    memHeapAlloc(kit.thr, env, heap, 8192 - 112 - 8);
    expect([kit.lengths(heap), kit.pagesOut]).toEqual([[216, 8184], 0]);
    const other = memHeapCreate(kit.thr, env, 100, MEM_HEAP.buffer);
    memHeapAlloc(kit.thr, env, other, 8192 - 112);
    expect([kit.lengths(other), kit.pagesOut]).toEqual([[216, 16384], 1]);
    const dynamic = memHeapCreate(kit.thr, env, 100);
    memHeapAlloc(kit.thr, env, dynamic, 8192 - 112);
    expect([kit.lengths(dynamic), kit.pagesOut]).toEqual([[216, 8192], 1]);
  });

  it('a heap of pages refuses what no page holds', () => {
    const kit = new HeapKit();
    const env = kit.heapEnv();
    const heap = memHeapCreate(kit.thr, env, 0, MEM_HEAP.buffer);
    expect(() => memHeapAlloc(kit.thr, env, heap, 16273)).toThrow(/16273 bytes do not fit.*16272/);
    memHeapAlloc(kit.thr, env, heap, 16272);
    expect(kit.lengths(heap)).toEqual([176, 16384]);
    expect(() => memHeapCreate(kit.thr, env, 16273, MEM_HEAP.buffer)).toThrow(RangeError);
  });

  it('the first block is no page in checked runs; in release it may be', () => {
    const kit = new HeapKit();
    expect(() => memHeapCreate(kit.thr, kit.heapEnv({ checked: true }), 9000, MEM_HEAP.buffer)).toThrow(
      /would be a page/,
    );
    const env = kit.heapEnv();
    const heap = memHeapCreate(kit.thr, env, 9000, MEM_HEAP.buffer);
    expect([kit.lengths(heap), kit.pagesOut]).toEqual([[16384], 1]);
    memHeapFree(kit.thr, env, heap);
    expect(kit.left()).toEqual(NOTHING_LEFT);
  });

  it('without a page source a heap of pages stays small; 2 alone is no type', () => {
    const kit = new HeapKit();
    const env = new MemHeapEnv(kit.env, { blocks: new UtBlocks(kit.alloc()) });
    const heap = memHeapCreate(kit.thr, env, 0, MEM_HEAP.buffer);
    memHeapAlloc(kit.thr, env, heap, 8000);
    expect(() => memHeapAlloc(kit.thr, env, heap, 9000)).toThrow(/needs a page source/);
    expect(memHeapValidate(kit.thr, env, heap)).toEqual([]);
    expect(() => memHeapCreate(kit.thr, env, 0, MEM_HEAP.btrSearch)).toThrow(/2 is no type/);
  });
});

describe('alloc (A 3.5)', () => {
  it.each(VERSIONS_80)('%s: slots follow each other, rounded to 8, and the tail is abandoned', (version) => {
    const kit = new HeapKit();
    const env = kit.heapEnv({ version });
    const heap = memHeapCreate(kit.thr, env);
    const first = heap + env.headerBytes / WORD_BYTES;
    const at = [1, 8, 9, 0, 0, 24].map((n) => memHeapAlloc(kit.thr, env, heap, n));
    expect(at.map((a) => (a - first) * WORD_BYTES)).toEqual([0, 8, 16, 32, 32, 32]);
    // 8 bytes are left: 9 go to a new block, and 8 more do not come back.
    expect(kit.len(heap) - kit.free(heap)).toBe(8);
    memHeapAlloc(kit.thr, env, heap, 9);
    const second = kit.last(heap);
    expect(second).not.toBe(heap);
    expect(memHeapAlloc(kit.thr, env, heap, 8)).toBe(second + (env.headerBytes + 16) / WORD_BYTES);
    expect(kit.free(heap)).toBe(env.headerBytes + 56);
  });

  it('checked: 16 bytes CE in front, 16 bytes DF at the end of the slot', () => {
    const kit = new HeapKit();
    const env = kit.heapEnv({ checked: true });
    const heap = memHeapCreate(kit.thr, env, 200);
    const p = memHeapAlloc(kit.thr, env, heap, 3);
    expect(p).toBe(heap + (144 + 16) / WORD_BYTES);
    kit.thr.u8.fill(0x11, p * WORD_BYTES, p * WORD_BYTES + 3);
    const [ce, df] = [Array<number>(16).fill(0xce), Array<number>(16).fill(0xdf)];
    expect(kit.bytes(p - 4, 19)).toEqual([...ce, 0x11, 0x11, 0x11]);
    // 3 bytes and 32 round up to 40, so 5 bytes of padding stand before the end.
    expect(kit.bytes(p + 2, 16)).toEqual(df);
    expect(kit.free(heap)).toBe(144 + 40);
    memHeapFree(kit.thr, env, heap);
    expect(kit.left()).toEqual(NOTHING_LEFT);
  });

  it.each([false, true])('zalloc clears n bytes and no more (checked %s)', (checked) => {
    const kit = new HeapKit();
    const env = kit.heapEnv({ checked });
    const heap = memHeapCreate(kit.thr, env, 1000);
    const top = kit.free(heap);
    kit.thr.u8.fill(0x77, heap * WORD_BYTES + top, heap * WORD_BYTES + 1000);
    const p = memHeapZalloc(kit.thr, env, heap, 13);
    expect(kit.bytes(p, 14)).toEqual([...Array<number>(13).fill(0), 0x77]);
    expect(memHeapValidate(kit.thr, env, heap)).toEqual([]);
  });

  it('zalloc is forbidden on BTR_SEARCH heaps', () => {
    const kit = new HeapKit();
    const env = kit.heapEnv();
    const heap = memHeapCreate(kit.thr, env, 0, MEM_HEAP_FOR.btrSearch);
    expect(() => memHeapZalloc(kit.thr, env, heap, 8)).toThrow(/BTR_SEARCH/);
    expect(kit.mem[heap + TYPE]).toBe(3);
  });

  it.each([-1, 1.5, Number.NaN])('%d is no size in a checked run', (n) => {
    const kit = new HeapKit();
    const env = kit.heapEnv({ checked: true });
    const heap = memHeapCreate(kit.thr, env);
    expect(() => memHeapAlloc(kit.thr, env, heap, n)).toThrow(RangeError);
  });

  it.each([2 ** 31, 2 ** 32, 2 ** 32 + 8])('%d bytes do not wrap round into the block', (n) => {
    const kit = new HeapKit();
    const env = kit.heapEnv({}, { oomFatal: false });
    const heap = memHeapCreate(kit.thr, env);
    expect(() => memHeapAlloc(kit.thr, env, heap, n)).toThrow(
      `Unable to allocate memory of size ${n + 112}.`,
    );
    expect(kit.lengths(heap)).toEqual([176]);
  });
});

describe('blocks from malloc', () => {
  it.each([
    ['8.0.25', 'memory/innodb/memory', 8],
    ['5.7', 'memory/innodb/mem0mem', 6],
  ] as const)('ut_allocator of %s counts them under %s', (version, name, pfxWords) => {
    const kit = new HeapKit();
    const env = kit.heapEnv({}, { version });
    const heap = memHeapCreate(kit.thr, env, 100);
    expect(env.blocks.prefixWords).toBe(pfxWords);
    expect(MEM_KEYS[utKeyOf(kit.mem, heap, pfxWords)].name).toBe(name);
    expect(utSizeOf(kit.mem, heap, pfxWords)).toBe(216 + pfxWords * WORD_BYTES);
    memHeapFree(kit.thr, env, heap);
    expect(kit.left()).toEqual(NOTHING_LEFT);
  });

  it('no memory: fatal, with the length of the block; the heap is as it was', () => {
    const kit = new HeapKit();
    const env = kit.heapEnv({}, { oomFatal: false });
    const heap = memHeapCreate(kit.thr, env);
    osSetFaults(kit.thr, kit.os, { failNext: 60 });
    expect(() => memHeapAlloc(kit.thr, env, heap, 5000)).toThrow(
      new OutOfMemoryFatal('Unable to allocate memory of size 5112.'),
    );
    expect(kit.log.lines.at(-1)).toMatchObject({
      priority: 'Error',
      text: 'Unable to allocate memory of size 5112.',
    });
    expect(memHeapValidate(kit.thr, env, heap)).toEqual([]);
    expect(kit.lengths(heap)).toEqual([176]);
    memHeapAlloc(kit.thr, env, heap, 5000);
    memHeapFree(kit.thr, env, heap);
    expect(kit.left()).toEqual(NOTHING_LEFT);
  });

  it('a fatal allocator ends it first, with its own text, after 60 attempts', () => {
    const kit = new HeapKit();
    osSetFaults(kit.thr, kit.os, { failNext: 60 });
    expect(() => memHeapCreate(kit.thr, kit.heapEnv())).toThrow(/^Cannot allocate 208 bytes.*60 retries/);
    expect(kit.sleepClock.sleeps).toBe(59);
  });
});

describe('the creator of a heap', () => {
  const SITE = allocSite('storage/innobase/row/row0sel.cc', 4711);

  it.each([
    ['8.0.25', 'base/row/row0sel.cc'.slice(-15)],
    ['8.0.30', 'base/row/row0sel.cc'.slice(-15)],
    ['5.1', '0sel.cc'],
  ] as const)('stands in all blocks of a checked heap of %s', (version, tail) => {
    const kit = new HeapKit();
    const env = kit.heapEnv({ version, checked: true });
    const heap = memHeapCreate(kit.thr, env, 0, MEM_HEAP.dynamic, SITE);
    kit.overflow(env, heap, 2);
    for (const b of kit.blocks(heap)) expect(memBlockCreator(kit.thr, env, b)).toBe(`${tail}:4711`);
  });

  it('of 5.x stands there in release too, of 8.0 not', () => {
    const kit = new HeapKit();
    const old = kit.heapEnv({ version: '5.5' });
    const heap = memHeapCreate(kit.thr, old, 0, MEM_HEAP.dynamic, allocSite('a.c', 7));
    expect(memBlockCreator(kit.thr, old, heap)).toBe('a.c:7');
    const env = kit.heapEnv();
    expect(memBlockCreator(kit.thr, env, memHeapCreate(kit.thr, env, 0, 0, SITE))).toBe('');
  });
});
