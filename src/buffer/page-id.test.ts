import { describe, expect, it } from 'vitest';
import { Rng } from '../layout/rng.ts';
import { foldedHash, instanceOf, pageHashMod } from './page-id.ts';

const MASK64 = (1n << 64n) - 1n;

/** The formula of facts B 1.7 as it stands there. */
function reference(space: number, pageNo: number): bigint {
  const s = BigInt(space);
  return (((s << 20n) + s + BigInt(pageNo)) & MASK64) ^ 1653893711n;
}

const CELLS = 17393;
const STRIPES = 16;

describe('the page-id hash', () => {
  it.each([
    [0, 0, 1653893711, 7, 2, 15, 10734, 14],
    [0, 1, 1653893710, 7, 2, 15, 10733, 13],
    [0, 63, 1653893744, 7, 2, 15, 10767, 15],
    [0, 64, 1653893647, 6, 1, 14, 10670, 14],
    [0, 127, 1653893680, 6, 1, 14, 10703, 15],
    [0, 128, 1653893839, 5, 0, 13, 10862, 14],
    [1, 0, 1652845134, 6, 0, 14, 5737, 9],
    [5, 0, 1657039434, 2, 0, 10, 8324, 4],
    [5, 64, 1657039370, 1, 2, 9, 8260, 4],
    [10, 1000, 1647602109, 6, 0, 22, 15398, 6],
    [100, 12345, 1691638482, 3, 1, 43, 12695, 7],
    [4294967279, 7, 4503602252715449, 0, 1, 32, 8353, 1],
    [4294967294, 4294967295, 4503606561314226, 2, 0, 50, 13170, 2],
  ])('agrees with MySQL for (%i, %i)', (space, pageNo, h, i8, i3, i64, cell, stripe) => {
    expect(foldedHash(space, pageNo)).toBe(h);
    expect([8, 3, 64].map((n) => instanceOf(space, pageNo, n))).toEqual([i8, i3, i64]);
    expect(pageHashMod(space, pageNo, CELLS)).toBe(cell);
    expect(pageHashMod(space, pageNo, CELLS) & (STRIPES - 1)).toBe(stripe);
  });

  it('agrees with 64-bit arithmetic, also for ids read as int32', () => {
    const edges = [
      0,
      1,
      63,
      64,
      2046,
      2047,
      2048,
      4095,
      2 ** 20,
      2 ** 31 - 1,
      2 ** 31,
      2 ** 32 - 2,
      2 ** 32 - 1,
    ];
    const moduli = [1, 3, 8, 64, 101, CELLS, 1106407, 2 ** 31 - 1];
    const rng = new Rng(1, 0);
    // Spaces and pages of every magnitude, so that both paths and their border are met.
    const id = (i: number): number =>
      i % 5 === 0 ? edges[rng.below(edges.length)] : rng.next32() >>> rng.below(32);
    let wrong = 0;
    for (let i = 0; i < 100_000; i++) {
      const space = id(i);
      const pageNo = id(i + 1);
      const n = moduli[i % moduli.length];
      const cell = Number(reference(space, pageNo) % BigInt(n));
      const instance = Number(reference(space, pageNo >>> 6) % BigInt(n));
      if (foldedHash(space, pageNo) !== Number(reference(space, pageNo))) wrong++;
      if (foldedHash(space | 0, pageNo | 0) !== foldedHash(space, pageNo)) wrong++;
      if (pageHashMod(space, pageNo, n) !== cell || pageHashMod(space | 0, pageNo | 0, n) !== cell) wrong++;
      if (instanceOf(space, pageNo, n) !== instance || instanceOf(space | 0, pageNo | 0, n) !== instance)
        wrong++;
    }
    expect(wrong).toBe(0);
  });

  it('agrees at every corner', () => {
    const edges = [0, 1, 2047, 2048, 2 ** 20 - 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
    for (const space of edges) {
      for (const pageNo of edges) {
        expect([space, pageNo, pageHashMod(space, pageNo, CELLS)]).toEqual([
          space,
          pageNo,
          Number(reference(space, pageNo) % BigInt(CELLS)),
        ]);
      }
    }
  });

  it('keeps an aligned group of 64 pages in one instance, and spreads groups', () => {
    for (const space of [0, 7, 5000]) {
      const seen = new Set<number>();
      for (let group = 0; group < 64; group++) {
        const first = instanceOf(space, group * 64, 8);
        seen.add(first);
        for (let i = 1; i < 64; i++) expect(instanceOf(space, group * 64 + i, 8)).toBe(first);
      }
      expect(seen.size).toBe(8);
    }
  });
});
