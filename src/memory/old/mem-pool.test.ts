import { describe, expect, it } from 'vitest';
import { MEM_POOL } from '../../layout/mem-pool.ts';
import { NIL } from '../../layout/schema.ts';
import { UT_LIST_BASE } from '../../layout/ut0mem.ts';
import { setU53 } from '../../layout/words.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import { heapLiveBlocks } from '../heap/malloc.ts';
import { floorLog2, ut2Exp, ut2Log } from './mem-area.ts';
import * as P from './mem-pool.ts';
import { memPoolPrintInfo } from './mem-pool-check.ts';
import { poolKit } from './mem-pool-test-kit.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { OutOfMemoryFatal } from '../ut/ut-allocator.ts';
import { utMemDefects } from './ut0mem.ts';

const HEADER = 32;
const KIB = 1024;

describe('powers of two', () => {
  it('ut_2_log rounds up', () => {
    expect([1, 2, 3, 4, 5, 48, 64, 65, 256, 257].map(ut2Log)).toEqual([0, 1, 2, 2, 3, 6, 6, 7, 8, 9]);
    expect([2 ** 31, 2 ** 31 + 1, 2 ** 32, 2 ** 32 + 1, 2 ** 40, 2 ** 40 + 1].map(ut2Log)).toEqual([
      31, 32, 32, 33, 40, 41,
    ]);
    expect([1, 2, 3, 4, 63, 64, 2 ** 31, 2 ** 32, 2 ** 33 - 1, 2 ** 40].map(floorLog2)).toEqual([
      0, 1, 1, 2, 5, 6, 31, 32, 32, 40,
    ]);
    expect([0, 5, 30, 31, 32, 40].map(ut2Exp)).toEqual([1, 32, 2 ** 30, 2 ** 31, 2 ** 32, 2 ** 40]);
  });
});

describe('the worked run of facts A 4.2: 64-bit, 16384 bytes', () => {
  const rest = '11:[2048] 12:[4096] 13:[8192]';

  it('step by step', () => {
    const { alloc, free, offset, lists: now, reserved, validate } = poolKit();
    expect(now()).toBe('14:[0]');
    const blocks: number[] = [];
    const steps: [string, number, number, string][] = [
      ['alloc 200', 24, 256, `8:[256] 9:[512] 10:[1024] ${rest}`],
      ['alloc 200', 280, 512, `9:[512] 10:[1024] ${rest}`],
      ['alloc 1000', 1048, 1536, `9:[512] ${rest}`],
      ['alloc 1', 536, 1600, `6:[576] 7:[640] 8:[768] ${rest}`],
      ['free 0', 24, 1344, `6:[576] 7:[640] 8:[0,768] ${rest}`],
      ['free 1', 280, 1088, `6:[576] 7:[640] 8:[768] 9:[0] ${rest}`],
      ['free 3', 536, 1024, `10:[0] ${rest}`],
      ['free 2', 1048, 0, '14:[0]'],
    ];
    for (const [step, at, bytes, left] of steps) {
      const [what, n] = step.split(' ');
      if (what === 'alloc') blocks.push(alloc(Number(n)));
      const p = what === 'alloc' ? (blocks.at(-1) ?? NIL) : blocks[Number(n)];
      if (what === 'free') free(p);
      expect([step, offset(p), reserved(), now()]).toEqual([step, at, bytes, left]);
      expect(validate()).toEqual([]);
    }
  });

  it('232 bytes fit an area of 256, 233 need 512; 16360 take it all', () => {
    const { pool, alloc, free, reserved, lists: now } = poolKit();
    for (const [n, area] of [
      [1, 64],
      [24, 64],
      [40, 64],
      [41, 128],
      [232, 256],
      [233, 512],
      [16_360, 16_384],
    ]) {
      const p = alloc(n);
      expect([n, reserved(), P.memAreaUsable(pool, p, n)]).toEqual([n, area, area - 24]);
      free(p);
      expect(now()).toBe('14:[0]');
    }
  });

  it('16361 bytes come from ut_malloc, and go back there', () => {
    const { pool, alloc, free, reserved, lists: now, total, validate, ut, mem } = poolKit();
    const before = total();
    expect(before).toBe(16_384 + HEADER);
    const p = alloc(16_361);
    expect([reserved(), now(), total() - before]).toEqual([0, '14:[0]', 16_361 + HEADER]);
    expect(P.memAreaUsable(pool, p, 16_361)).toBe(16_361);
    free(p);
    expect([total(), ...validate(), ...utMemDefects(mem, ut)]).toEqual([before]);
  });

  it('payloads are 8-byte aligned, and survive the neighbours’ coming and going', () => {
    const { alloc, free, mem, validate } = poolKit();
    const blocks = Array.from({ length: 20 }, (_, i) => alloc(40 + i * 8));
    for (const [i, p] of blocks.entries()) mem.fill(i + 1, p, p + 10 + i * 2);
    for (const [i, p] of blocks.entries()) if (i % 2 === 0) free(p);
    for (const [i, p] of blocks.entries()) {
      expect(p % 2).toBe(0);
      if (i % 2 === 1) expect(mem.subarray(p, p + 10 + i * 2).every((w) => w === i + 1)).toBe(true);
    }
    expect(validate()).toEqual([]);
  });
});

describe('32-bit', () => {
  it('1024 bytes, ask 200: 256 at offset 0; header 16, smallest area 32', () => {
    const { pool, alloc, free, offset, lists: now, reserved, validate } = poolKit({ bytes: 1024, bits: 32 });
    expect([pool.headerBytes, pool.minBytes]).toEqual([16, 32]);
    const p = alloc(200);
    expect([offset(p), reserved(), now()]).toEqual([16, 256, '8:[256] 9:[512]']);
    expect(P.memAreaUsable(pool, p, 200)).toBe(240);
    const q = alloc(1);
    expect([offset(q), reserved(), now()]).toEqual([272, 288, '5:[288] 6:[320] 7:[384] 9:[512]']);
    expect(validate()).toEqual([]);
    free(q);
    free(p);
    expect([now(), reserved(), ...validate()]).toEqual(['10:[0]', 0]);
  });

  it('16 bytes fit the smallest area, 17 need 64', () => {
    const { alloc, free, reserved } = poolKit({ bytes: 1024, bits: 32 });
    for (const [n, area] of [
      [16, 32],
      [17, 64],
    ]) {
      const p = alloc(n);
      expect(reserved()).toBe(area);
      free(p);
    }
  });
});

describe('mem_pool_create', () => {
  it('64-bit: header 24, smallest 48', () => {
    const { pool } = poolKit();
    expect([pool.headerBytes, pool.minBytes]).toEqual([24, 48]);
  });

  it('cuts the largest powers of two first', () => {
    expect(poolKit({ bytes: 7 * KIB }).lists()).toBe('10:[6144] 11:[4096] 12:[0]');
    expect(poolKit({ bytes: 100 * KIB }).lists()).toBe('12:[98304] 15:[65536] 16:[0]');
    const { alloc, free, lists: now, validate } = poolKit({ bytes: 7 * KIB });
    const blocks = [alloc(4000), alloc(2000), alloc(1000)];
    expect(now()).toBe('');
    for (const p of blocks) free(p);
    // Buddies would end beyond the pool: nothing is merged.
    expect([now(), ...validate()]).toEqual(['10:[6144] 11:[4096] 12:[0]']);
  });

  it('does not merge an area with what lies behind the pool', () => {
    const { mem, alloc, free, at, lists: now, validate } = poolKit({ bytes: 384 });
    // The heap's block has room there: it looks like the head of a free area of 128 bytes.
    mem[at(384)] = 128 + 1;
    const blocks = [alloc(232), alloc(104)];
    for (const p of blocks) free(p);
    expect([now(), ...validate()]).toEqual(['7:[256] 8:[0]']);
  });

  it('of a remainder of 48 to 63 it makes 32 bytes that are never used; of 47 nothing', () => {
    const quirk = poolKit({ bytes: 1024 + 63 });
    expect(quirk.lists()).toBe('5:[1024] 10:[0]');
    const p = quirk.alloc(1);
    expect([quirk.offset(p), quirk.lists()]).toEqual([24, '5:[1024] 6:[64] 7:[128] 8:[256] 9:[512]']);
    quirk.free(p);
    expect(quirk.lists()).toBe('5:[1024] 10:[0]');
    expect(poolKit({ bytes: 1024 + 48 }).lists()).toBe('5:[1024] 10:[0]');
    expect(poolKit({ bytes: 1024 + 47 }).lists()).toBe('10:[0]');
    // On 32-bit such an area is used.
    const narrow = poolKit({ bytes: 1024 + 63, bits: 32 });
    expect(narrow.offset(narrow.alloc(16))).toBe(1024 + 16);
  });

  it('"free and reserved make the size" holds only for a size that is a sum of areas', () => {
    expect(poolKit({ bytes: 1024 + 48 }).validate()).toEqual(['1056 bytes are free and 0 reserved, of 1072']);
    expect(poolKit({ bytes: 1024 + 32 }).validate()).toEqual(['1024 bytes are free and 0 reserved, of 1056']);
    expect(poolKit({ bytes: 1024 + 64 }).validate()).toEqual([]);
  });

  it('5.1 asserts more than 10000 bytes', () => {
    expect(() => poolKit({ bytes: 10_000, line: '5.1' })).toThrow('size > 10000');
    expect(poolKit({ bytes: 10_001, line: '5.1' }).lists()).toMatch(
      /^8:\[9728\] 9:\[9216\] 10:\[8192\] 13:\[0\]$/,
    );
    expect(poolKit({ bytes: 512 }).lists()).toBe('9:[0]');
  });

  it('innodb_additional_mem_pool_size', () => {
    expect(P.ADDITIONAL_MEM_POOL_SIZE).toEqual({
      '5.1': { default: 1_048_576, min: 524_288, granularity: 1024 },
      '5.5': { default: 8_388_608, min: 524_288, granularity: 1024 },
    });
  });

  it('gives its memory back', () => {
    const { kit, mem, thr, pool, alloc } = poolKit();
    alloc(100);
    P.memPoolFree(thr, pool);
    expect(heapLiveBlocks(mem, kit.os)).toBe(0);
  });
});

describe('versions', () => {
  it('5.1 does not tell the usable size', () => {
    const { pool, alloc } = poolKit({ line: '5.1' });
    expect(P.memAreaUsable(pool, alloc(200), 200)).toBe(200);
  });

  it('with innodb_use_sys_malloc the pool is a dummy of 1 byte, and malloc and free do the work', () => {
    const bytes = P.memCommPoolBytes('5.5', 8_388_608, true);
    expect([bytes, P.memCommPoolBytes('5.5', 99, false), P.memCommPoolBytes('5.1', 99, true)]).toEqual([
      1, 99, 99,
    ]);
    const { kit, mem, pool, alloc, free, lists: now, total } = poolKit({ bytes, sysMalloc: true });
    const live = heapLiveBlocks(mem, kit.os);
    const p = alloc(200);
    expect([now(), total(), heapLiveBlocks(mem, kit.os) - live, P.memAreaUsable(pool, p, 200)]).toEqual([
      '',
      0,
      1,
      200,
    ]);
    free(p);
    free(NIL);
    expect(heapLiveBlocks(mem, kit.os)).toBe(live);
  });

  it('late in a shutdown the free side takes no mutex from 5.5 on; the other side does', () => {
    for (const [line, latched] of [
      ['5.1', true],
      ['5.5', false],
    ] as const) {
      const { kit, mem, pool, alloc, free, reserved } = poolKit({ line });
      const p = alloc(200);
      P.memPoolExitThreads(mem, pool.at);
      const other = kit.thread(2);
      other.throwIfAborted = () => {
        throw new Error('waited');
      };
      const mutex = pool.at + MEM_POOL.at.mutex;
      // The other thread holds it for ever, as one that was ended does.
      mutexEnter(other, mutex);
      const taken = mem[mutex];
      if (latched) expect(() => P.memAreaFree(other, pool, p)).toThrow('holds this mutex already');
      else free(p);
      expect(mem[mutex]).toBe(taken);
      mutexExit(other, mutex);
      if (latched) free(p);
      expect(reserved()).toBe(0);
    }
  });
});

describe('out of memory', () => {
  it('a full pool and no memory elsewhere: 61 attempts with the pool’s mutex free, then the end', () => {
    const { kit, thr, pool, alloc, isFree, validate } = poolKit({ bytes: 512 });
    alloc(400);
    osSetFaults(kit.thread(3), kit.os, { failNext: 61 });
    expect(() => alloc(5000)).toThrow(OutOfMemoryFatal);
    expect([kit.sleepClock.sleeps, isFree(), thr.heldCount]).toEqual([60, true, 0]);
    expect(kit.mem[pool.at + MEM_POOL.at.threadsInside]).toBe(0);
    expect(validate()).toEqual([]);
  });
});

describe('print_info', () => {
  it('a line for each list, then size and reserved', () => {
    const { thr, pool, alloc } = poolKit();
    const p = alloc(200);
    alloc(200);
    alloc(1000);
    alloc(1);
    P.memAreaFree(thr, pool, p);
    expect(memPoolPrintInfo(thr, pool).split('\n')).toEqual([
      'Memory pool',
      'free list: length 1, block size 64',
      'free list: length 1, block size 128',
      'free list: length 2, block size 256',
      'free list: length 1, block size 2048',
      'free list: length 1, block size 4096',
      'free list: length 1, block size 8192',
      'pool size 16384, reserved 1344',
    ]);
  });
});

describe('damage is found, and nothing changed', () => {
  type Pool = ReturnType<typeof poolKit>;
  /** Damages the pool and returns the address to free. Three blocks of 200 bytes are in it, then one of 1000. */
  type Damage = (s: Pool, blocks: readonly number[]) => number;
  const cases: [string, RegExp, Damage][] = [
    ['double free', /double free: the area at offset 256 \(256 bytes\), free/, (s, [, b]) => (s.free(b), b)],
    [
      'double free of an area that was merged with its lower buddy',
      /double free: it is inside the area at offset 0 \(512 bytes\), free/,
      (s, [a, b]) => (s.free(a), s.free(b), b),
    ],
    [
      'double free of an area that is part of another’s now',
      /foreign address: it is inside the area at offset 0 \(512 bytes\), allocated/,
      (s, [a, b]) => (s.free(a), s.free(b), s.alloc(400), b),
    ],
    ['an address inside a block', /foreign address: it is inside the area at offset 0/, (_, [a]) => a + 2],
    ['an address in the first header', /foreign address: no area is there/, (s) => s.pool.buf + 2],
    [
      'size 0',
      /overwritten header: the area at offset 256: not free, size 0/,
      ({ mem }, [, b]) => ((mem[b - 6] = 0), b),
    ],
    ['a size that is no power of two', /overwritten header/, ({ mem }, [, b]) => ((mem[b - 6] = 300), b)],
    [
      'a write beyond the block: the neighbour’s header',
      /overwritten header: the area at offset 512: free, size 4294967294/,
      ({ mem }, [, b, c]) => ((mem[c - 6] = -1), (mem[c - 5] = 0), b),
    ],
    [
      'links of the buddy that is to be merged',
      /overwritten header: the area at offset 768: free, size 256, links @1 and/,
      (s, [, , c]) => ((s.mem[s.at(768) + 2] = 1), c),
    ],
  ];

  it.each(cases)('%s', (_name, what, damage) => {
    const s = poolKit();
    const blocks = [s.alloc(200), s.alloc(200), s.alloc(200), s.alloc(1000)];
    const p = damage(s, blocks);
    const { mem, pool, thr } = s;
    const before = mem.slice(pool.at, pool.at + MEM_POOL.words);
    const memory = mem.slice(pool.buf, pool.buf + pool.bytes / 4);
    expect(() => s.free(p)).toThrow(what);
    expect(() => s.free(p)).toThrow(new RegExp(`mem_area_free\\(@${p}\\)`));
    expect(mem.slice(pool.at, pool.at + MEM_POOL.words)).toEqual(before);
    expect(mem.slice(pool.buf, pool.buf + pool.bytes / 4)).toEqual(memory);
    expect([s.isFree(), thr.heldCount]).toEqual([true, 0]);
  });

  it.each<[string, (s: Pool) => void]>([
    ['not flagged free', (s) => s.mem[s.at(1024)]--],
    ['of another size', (s) => (s.mem[s.at(1024)] = 513)],
    ['with links that do not agree', (s) => (s.mem[s.at(1024) + 4] = 3)],
    ['that is none', (s) => (s.mem[s.pool.list(10) + UT_LIST_BASE.at.start] = s.at(2048))],
  ])('a head of a free list %s', (_name, damage) => {
    const s = poolKit();
    s.alloc(200);
    damage(s);
    const before = s.mem.slice(s.pool.at, s.pool.at + MEM_POOL.words);
    expect(() => s.alloc(1000)).toThrow(/mem_area_alloc\(@\d+\): overwritten header: the head of list 10/);
    expect(s.mem.slice(s.pool.at, s.pool.at + MEM_POOL.words)).toEqual(before);
    expect([s.isFree(), s.validate().length > 0]).toEqual([true, true]);
  });

  it('validate names what is wrong', () => {
    const s = poolKit();
    const a = s.alloc(200);
    const { mem, pool, at } = s;
    setU53(mem, pool.at + MEM_POOL.at.reserved, 255);
    expect(s.validate()).toEqual([
      '16128 bytes are free and 255 reserved, of 16384',
      '256 bytes are allocated, 255 reserved',
    ]);
    setU53(mem, pool.at + MEM_POOL.at.reserved, 256);
    mem[a - 6] |= 1;
    expect(s.validate()).toEqual([
      'the area at 256 in list 8 and its buddy are both free',
      '7 areas are free, 6 are listed',
    ]);
    mem[a - 6] = 3;
    expect(s.validate()).toContain('the area at 0 has a damaged header');
    mem[a - 6] = 256;
    mem[at(512)]--;
    expect(s.validate()).toEqual(['the area at 512 in list 9 is not free', '5 areas are free, 6 are listed']);
    mem[at(512)] = 513;
    mem[at(512) + 2] = 5;
    expect(s.validate()[0]).toMatch(/^free list 9: @\d+ follows @0 and links back to @5$/);
  });

  it('a second thread inside is an assertion', () => {
    const s = poolKit();
    s.mem[s.pool.at + MEM_POOL.at.threadsInside] = 1;
    expect(() => s.alloc(1)).toThrow('mem_n_threads_inside == 1');
  });
});
