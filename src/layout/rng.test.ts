import { describe, expect, it } from 'vitest';
import { Rng } from './rng.ts';

const draw = (rng: Rng, n: number): number[] => Array.from({ length: n }, () => rng.next32());

const zeros = (n: number): number[] => Array.from({ length: n }, () => 0);

describe('Rng', () => {
  it('is xoshiro128**', () => {
    // The reference implementation's output from this state, as published with it.
    expect(draw(Rng.ofState(1, 2, 3, 4), 10)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it('repeats itself from a seed and stream', () => {
    expect(draw(new Rng(42, 7), 100)).toEqual(draw(new Rng(42, 7), 100));
  });

  it('differs between neighbouring seeds and streams, in both halves of the seed', () => {
    const firsts = new Set<number>();
    for (let seed = 0; seed < 100; seed++) {
      for (let stream = 0; stream < 100; stream++) firsts.add(new Rng(seed, stream).next32());
    }
    // 10,000 of 2^32: 0.01 collisions expected.
    expect(firsts.size).toBeGreaterThanOrEqual(9_998);
    expect(draw(new Rng(5, 0), 4)).not.toEqual(draw(new Rng(5 + 2 ** 32, 0), 4));
    expect(draw(new Rng(0, 1), 4)).not.toEqual(draw(new Rng(1, 0), 4));
  });

  it('gives uint32 with every bit set half of the time', () => {
    const rng = new Rng(3, 0);
    const n = 20_000;
    const ones = zeros(32);
    for (let i = 0; i < n; i++) {
      const x = rng.next32();
      expect(x >= 0 && x < 2 ** 32 && Number.isInteger(x)).toBe(true);
      for (let bit = 0; bit < 32; bit++) ones[bit] += (x >>> bit) & 1;
    }
    const fiveSigma = 5 * Math.sqrt(n / 4);
    for (const count of ones) expect(Math.abs(count - n / 2)).toBeLessThan(fiveSigma);
  });

  it('gives floats from 0 up to 1 with 53 bits', () => {
    const rng = new Rng(4, 0);
    const n = 20_000;
    let sum = 0;
    let fine = 0;
    for (let i = 0; i < n; i++) {
      const x = rng.float();
      expect(x >= 0 && x < 1).toBe(true);
      sum += x;
      if ((x * 2 ** 53) % 2 === 1) fine++;
    }
    expect(Math.abs(sum / n - 0.5)).toBeLessThan(5 / Math.sqrt(12 * n));
    expect(Math.abs(fine - n / 2)).toBeLessThan(5 * Math.sqrt(n / 4));
  });

  it('draws below n evenly, for any n', () => {
    const rng = new Rng(5, 0);
    const counts = zeros(7);
    for (let i = 0; i < 70_000; i++) counts[rng.below(7)]++;
    const chi2 = counts.reduce((sum, c) => sum + (c - 10_000) ** 2 / 10_000, 0);
    // 6 degrees of freedom: above 37 once in a million.
    expect(chi2).toBeLessThan(37);
    for (let i = 0; i < 100; i++) expect(rng.below(1)).toBe(0);
    let top = 0;
    for (let i = 0; i < 1000; i++) top = Math.max(top, rng.below(2 ** 32));
    expect(top).toBeGreaterThan(2 ** 32 * 0.98);
  });
});
