import { describe, expect, it } from 'vitest';
import { RW } from '../../src/buffer/states.ts';
import { validateInstance } from '../../src/buffer/validate.ts';
import { POOL_STAT } from '../../src/layout/buffer.ts';
import { RealClock } from '../../src/layout/clock.ts';
import { BLOCKS, makeFixture, PageGetter, RawRmw } from './fixture.ts';

const epoch = process.hrtime.bigint();
const { pageGets, pagesRead } = POOL_STAT.at;

describe('page-get bench: what it measures is what it says', () => {
  it.each([
    ['S', {}],
    ['X', { latch: RW.x }],
    ['S, checked', { checked: true }],
  ])('%s: hits only, on a full pool of 65,536 blocks, and leaves nothing held', (_, options) => {
    const fixture = makeFixture(1, epoch, 2);
    const clock = new RealClock(epoch);
    const getter = new PageGetter(fixture.plan, 1, fixture.pages[0], clock, options);
    const { thr, pool } = getter;
    expect(thr.checked).toBe('checked' in options);
    // The thread in slot 0 has filled the pool.
    const filler = new Int32Array(fixture.plan.buffer);
    expect(filler[fixture.plan.pool.stats + pagesRead]).toBe(BLOCKS);
    getter.run(50_000);
    expect([thr.mem[thr.poolStats + pageGets], thr.mem[thr.poolStats + pagesRead]]).toEqual([50_000, 0]);
    expect(new Set(fixture.pages[0]).size).toBeGreaterThan(BLOCKS * 0.9);
    expect(thr.heldCount).toBe(0);
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
      expect(thr.mem[other + pageGets]).toBe(slot === 0 ? BLOCKS / 2 : 0);
    }
  });
});
