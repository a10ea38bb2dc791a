import { describe, expect, it } from 'vitest';
import { POOL_STAT } from '../src/layout/buffer.ts';
import { RealClock } from '../src/layout/clock.ts';
import { validateInstance } from '../src/buffer/validate.ts';
import { BLOCKS, makeFixture, PageGetter, RawRmw } from './page-get.ts';
import { median, printPageGet } from './run-page-get.ts';

const epoch = process.hrtime.bigint();

describe('page-get bench: what it measures is what it says', () => {
  it('hits only, on a full pool of 65,536 blocks, and leaves nothing held', () => {
    const fixture = makeFixture(1, epoch);
    const getter = new PageGetter(fixture.plan, 0, fixture.pages[0], new RealClock(epoch));
    const { thr, pool } = getter;
    const { pageGets, pagesRead } = POOL_STAT.at;
    const before = [thr.mem[thr.poolStats + pageGets], thr.mem[thr.poolStats + pagesRead]];
    expect(before).toEqual([BLOCKS, BLOCKS]);
    getter.run(50_000);
    expect(thr.mem[thr.poolStats + pageGets] - before[0]).toBe(50_000);
    expect(thr.mem[thr.poolStats + pagesRead]).toBe(BLOCKS);
    expect(new Set(fixture.pages[0]).size).toBeGreaterThan(BLOCKS * 0.9);
    expect(validateInstance(thr, pool, pool.instances[0], true)).toEqual([]);

    // The raw limit touches the same words and puts them back.
    new RawRmw(fixture).run(50_000);
    expect(validateInstance(thr, pool, pool.instances[0], true)).toEqual([]);
  });

  it('gives each thread an instance of its own', () => {
    const fixture = makeFixture(2, epoch);
    for (const slot of [0, 1]) {
      const getter = new PageGetter(fixture.plan, slot, fixture.pages[slot], new RealClock(epoch));
      getter.run(1000);
      const { thr, pool } = getter;
      expect(pool.n).toBe(2);
      // Slot 0 filled both instances; after that nobody touches the other's.
      const other = thr.poolStats + (1 - slot) * POOL_STAT.words;
      expect(thr.mem[other + POOL_STAT.at.pageGets]).toBe(slot === 0 ? BLOCKS / 2 : 0);
    }
  });

  it('prints medians with their spread', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    const text = printPageGet({ hitNs: [100, 120], rawNs: [50], ratio: [2, 2.4], scale: [] });
    expect(text).toMatch(/hit: get S \+ release, ns +│ 110\.0 +│ 100\.0 │ 120\.0/);
    expect(text).toMatch(/2 threads.*│ - /);
  });
});
