import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../layout/clock.ts';
import { leaksOf } from './leak-detector.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { allocSite, here } from './site.ts';
import { MemoryKit } from '../test-kit.ts';
import { utAllocate, utDeallocate } from './ut-allocator.ts';

const TICKS_PER_MS = 1000;
const HOUR = 3_600_000 * TICKS_PER_MS;

function setUp(origins = true) {
  const kit = new MemoryKit({ pages: [32, 32], node: { origins } });
  const threads = [1, 2].map((id) => kit.thread(id, 1, new VirtualClock()));
  const look = (nowTicks: number, olderThanTicks?: number) =>
    leaksOf(kit.mem, kit.allOs, kit.sites, {
      nowTicks,
      ticksPerMs: TICKS_PER_MS,
      ...(olderThanTicks !== undefined && { olderThanTicks }),
    });
  return { kit, threads, look };
}

describe('the leak detector', () => {
  it('names the place of a planted leak, and only that', () => {
    const { kit, threads, look } = setUp();
    const [a, b] = threads;
    const [near, far] = [kit.alloc(), kit.alloc({ os: kit.allOs[1] })];
    const leak = here();
    const honest = allocSite('honest.cc', 1);
    const kept: number[] = [];
    for (let i = 0; i < 10; i++) {
      a.nowTicks = 1 + i;
      b.nowTicks = 1 + i;
      utDeallocate(a, near, utAllocate(a, near, 50, MEM_KEY.std, false, true, honest), honest);
      kept.push(utAllocate(i % 2 === 0 ? a : b, i < 4 ? near : far, 100, MEM_KEY.other, false, true, leak));
    }
    expect(look(HOUR + 10)).toEqual([
      {
        file: 'src/memory/ut/leak-detector.test.ts',
        line: leak.line,
        instrument: 'memory/innodb/other',
        count: 10,
        bytes: 1320,
        oldestTicks: HOUR + 9,
        newestTicks: HOUR,
        threads: [1, 2],
        example: kept[0] - 8,
      },
    ]);
    expect(look(HOUR + 5)[0].count).toBe(5);
    expect(look(HOUR)).toEqual([]);
    expect(look(HOUR, 0)[0].count).toBe(10);
  });

  it('the most bytes first; by place and instrument', () => {
    const { kit, threads, look } = setUp();
    const [thr] = threads;
    thr.nowTicks = 1;
    const take = (file: string, line: number, bytes: number, key: number, n: number) => {
      for (let i = 0; i < n; i++) {
        utAllocate(thr, kit.alloc(), bytes, key, false, true, allocSite(file, line));
      }
    };
    take('small.cc', 1, 8, MEM_KEY.std, 3);
    take('big.cc', 2, 5000, MEM_KEY.std, 1);
    take('small.cc', 1, 8, MEM_KEY.other, 2);
    take('small.cc', 9, 8, MEM_KEY.std, 5);
    utAllocate(thr, kit.alloc(), 1, MEM_KEY.std);
    expect(look(HOUR + 1).map((r) => [r.file, r.line, r.instrument.slice(14), r.count, r.bytes])).toEqual([
      ['big.cc', 2, 'std', 1, 5032],
      ['small.cc', 9, 'std', 5, 200],
      ['small.cc', 1, 'std', 3, 120],
      ['small.cc', 1, 'other', 2, 80],
      ['place not given', 0, 'std', 1, 33],
    ]);
    const [row] = leaksOf(kit.mem, kit.allOs, 0, { nowTicks: HOUR + 1, ticksPerMs: TICKS_PER_MS });
    expect(row.file).toBe(`place #${allocSite('big.cc', 2).id}`);
  });

  it('times go on when the ticks begin anew; what is born during the look is new', () => {
    const { kit, threads, look } = setUp();
    const [thr] = threads;
    thr.nowTicks = 2 ** 32 - 1000;
    const p = utAllocate(thr, kit.alloc(), 8, MEM_KEY.std, false, true, allocSite('old.cc', 1));
    expect(look(2 ** 32 + HOUR - 1000).map((r) => [r.file, r.oldestTicks])).toEqual([['old.cc', HOUR]]);
    expect(look(500, 1000).map((r) => r.oldestTicks)).toEqual([1500]);
    utDeallocate(thr, kit.alloc(), p);
    thr.nowTicks = 5000;
    utAllocate(thr, kit.alloc(), 8, MEM_KEY.std, false, true, allocSite('new.cc', 1));
    expect(look(4000)).toEqual([]);
    expect(look(4000, 0).map((r) => r.oldestTicks)).toEqual([0]);
  });

  it('off: nothing is found', () => {
    const { kit, threads, look } = setUp(false);
    utAllocate(threads[0], kit.alloc(), 8, MEM_KEY.std);
    expect(look(2 * HOUR, 0)).toEqual([]);
  });
});
