import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { validateInstance } from '../../src/buffer/validate.ts';
import { POOL_STAT } from '../../src/layout/buffer.ts';
import { RealClock } from '../../src/layout/clock.ts';
import { THREAD, WAIT_STAT } from '../../src/layout/thread.ts';
import { LATCH } from '../../src/sync/latch-meta.ts';
import { plantedLoop, STATISTICS_OFF } from '../page-get/edits.ts';
import { type Edit, makeVariant, PLAIN, type Variant } from './variant.ts';

type Fixture = typeof import('../page-get/fixture.ts');
const FIXTURE = 'bench/page-get/fixture.js';
const HITS = 1000;

/** What a program counts in so many hits: page gets, stripes and frames taken. */
async function countHits(program: Variant): Promise<number[]> {
  const epoch = process.hrtime.bigint();
  const { makeFixture, PageGetter } = (await import(/* @vite-ignore */ program.url(FIXTURE))) as Fixture;
  const fixture = makeFixture(1, epoch);
  const getter = new PageGetter(fixture.plan, 0, fixture.pages[0], new RealClock(epoch));
  const { thr, pool } = getter;
  const row = (latch: number): number =>
    thr.at + THREAD.at.waits + latch * WAIT_STAT.words + WAIT_STAT.at.acquired;
  const words = [thr.poolStats + POOL_STAT.at.pageGets, row(LATCH.pageHash), row(LATCH.frame)];
  const before = words.map((at) => thr.mem[at]);
  getter.run(HITS);
  const counted = words.map((at, i) => thr.mem[at] - before[i]);
  expect(validateInstance(thr, pool, pool.instances[0], true)).toEqual([]);
  return counted;
}

describe('variants of the compiled output', () => {
  it('are programs of their own: one counts, the other does not', async () => {
    const off = makeVariant('without statistics', STATISTICS_OFF);
    try {
      expect(await countHits(off)).toEqual([0, 0, 0]);
      expect(await countHits(PLAIN)).toEqual([HITS, HITS, HITS]);
    } finally {
      off.dispose();
    }
    expect(existsSync(fileURLToPath(off.url(FIXTURE)))).toBe(false);
    expect(existsSync(fileURLToPath(PLAIN.url(FIXTURE)))).toBe(true);
  });

  it('a planted loop changes the time of a hit only', async () => {
    const planted = makeVariant('planted', plantedLoop(7));
    try {
      expect(await countHits(planted)).toEqual([HITS, HITS, HITS]);
    } finally {
      planted.dispose();
    }
  });

  it('an edit that does not match exactly once is refused', () => {
    const edit = (find: string): Edit[] => [{ file: 'src/buffer/get-page.js', find, replace: '' }];
    expect(() => makeVariant('x', edit('no such text'))).toThrow(
      /variant x: .*get-page.js has 'no such text' 0 times/,
    );
    expect(() => makeVariant('x', edit('mem['))).toThrow(/\d+ times, not once/);
    expect(() => makeVariant('x', [{ file: 'src/none.js', find: 'a', replace: '' }])).toThrow(
      /src\/none.js is not in the compiled output/,
    );
  });
});
