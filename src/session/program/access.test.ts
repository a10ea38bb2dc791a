import { describe, expect, it } from 'vitest';
import { Rng } from '../../layout/rng.ts';
import {
  HotSetPages,
  MAX_PAGES,
  NO_PAGE,
  Scatter,
  SharedTracePages,
  UniformPages,
  ZipfPages,
} from './access.ts';
import { type Distribution, distributionChooser } from './distributions.ts';

/**
 * Pearson's statistic less its mean, in standard deviations. Adjacent bins are joined until 20 draws are expected
 * in each.
 */
function deviation(counts: readonly number[], probabilities: readonly number[]): number {
  const n = counts.reduce((sum, c) => sum + c, 0);
  let chi2 = 0;
  let bins = 0;
  let expected = 0;
  let seen = 0;
  let left = n;
  for (let i = 0; i < counts.length; i++) {
    expected += probabilities[i] * n;
    seen += counts[i];
    left -= probabilities[i] * n;
    if (expected < 20 || (left < 20 && i < counts.length - 1)) continue;
    chi2 += (seen - expected) ** 2 / expected;
    bins++;
    expected = 0;
    seen = 0;
  }
  return (chi2 - (bins - 1)) / Math.sqrt(2 * Math.max(bins - 1, 1));
}
/** The statistic leans to the right with few bins: 8 is still rarer than once in ten thousand. The seeds are fixed. */
const LIMIT = 8;

const zeros = (n: number): number[] => Array.from({ length: n }, () => 0);

function count(d: Distribution, pages: number, draws: number): number[] {
  const chooser = distributionChooser(d, pages, new Rng(1, 0));
  const counts = zeros(pages);
  for (let i = 0; i < draws; i++) counts[chooser.next()]++;
  return counts;
}

function zipfProbabilities(n: number, theta: number): number[] {
  const weights = Array.from({ length: n }, (_, i) => (i + 1) ** -theta);
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / sum);
}

/** Sum of k^-theta over from ... to: exact at first, then by the midpoint rule, whose error is below 1e-9 there. */
function zipfWeight(from: number, to: number, theta: number): number {
  let sum = 0;
  let k = from;
  for (; k <= Math.min(to, 10_000); k++) sum += k ** -theta;
  if (k > to) return sum;
  const area = (x: number): number => (theta === 1 ? Math.log(x) : x ** (1 - theta) / (1 - theta));
  return sum + area(to + 0.5) - area(k - 0.5);
}

describe('uniform', () => {
  it('draws every page alike', () => {
    expect(
      deviation(
        count({ kind: 'uniform' }, 500, 100_000),
        zeros(500).map(() => 1 / 500),
      ),
    ).toBeLessThan(LIMIT);
  });

  it('reaches the ends of the largest range', () => {
    const chooser = new UniformPages(MAX_PAGES, new Rng(1, 0));
    let low = Infinity;
    let high = 0;
    for (let i = 0; i < 10_000; i++) {
      const page = chooser.next();
      low = Math.min(low, page);
      high = Math.max(high, page);
    }
    expect(low).toBeGreaterThanOrEqual(0);
    expect(low).toBeLessThan(MAX_PAGES * 0.002);
    expect(high).toBeLessThan(MAX_PAGES);
    expect(high).toBeGreaterThan(MAX_PAGES * 0.998);
  });
});

describe('zipf', () => {
  it.each([0, 0.2, 0.5, 0.8, 0.99, 1 - 1e-9, 1, 1 + 1e-9, 1.2, 1.5, 2])(
    'theta %d has the exact shape',
    (theta) => {
      for (const pages of [2, 3, 10, 1000]) {
        const counts = count({ kind: 'zipfian', exponent: theta }, pages, 200_000);
        expect(deviation(counts, zipfProbabilities(pages, theta))).toBeLessThan(LIMIT);
      }
    },
  );

  it('is told apart from a slightly different theta', () => {
    const counts = count({ kind: 'zipfian', exponent: 0.99 }, 1000, 200_000);
    expect(deviation(counts, zipfProbabilities(1000, 0.96))).toBeGreaterThan(LIMIT);
  });

  it.each([0, 0.5, 0.99, 1, 1.3, 2])('theta %d has the right decades over 2^31 pages', (theta) => {
    const zipf = new ZipfPages(MAX_PAGES, theta, new Rng(2, 0), false);
    const bounds = [1, 2, 3, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, MAX_PAGES + 1];
    const total = zipfWeight(1, MAX_PAGES, theta);
    const probabilities = bounds.slice(1).map((to, i) => zipfWeight(bounds[i], to - 1, theta) / total);
    const counts = zeros(bounds.length - 1);
    let outside = 0;
    for (let i = 0; i < 200_000; i++) {
      const rank = zipf.next() + 1;
      if (!Number.isInteger(rank) || rank < 1 || rank > MAX_PAGES) outside++;
      else counts[bounds.findLastIndex((b) => b <= rank)]++;
    }
    expect(outside).toBe(0);
    expect(deviation(counts, probabilities)).toBeLessThan(LIMIT);
  });

  it('always draws the one page there is', () => {
    for (const theta of [0, 0.99, 1, 2]) {
      expect(count({ kind: 'zipfian', exponent: theta }, 1, 100)).toEqual([100]);
    }
  });

  it('scatters ranks, each to its own page', () => {
    const counts = count({ kind: 'zipfian', exponent: 1, scatter: true }, 1000, 200_000);
    const scatter = new Scatter(1000);
    const byRank = Array.from({ length: 1000 }, (_, rank) => counts[scatter.page(rank)]);
    expect(deviation(byRank, zipfProbabilities(1000, 1))).toBeLessThan(LIMIT);
    expect(deviation(counts, zipfProbabilities(1000, 1))).toBeGreaterThan(LIMIT);
  });

  it.each([-0.1, 2.1, Number.NaN])('refuses theta %d', (theta) => {
    expect(() => new ZipfPages(10, theta, new Rng(1, 0))).toThrow('theta must lie between 0 and 2');
  });
});

describe('Scatter', () => {
  it.each([1, 2, 3, 4, 63, 64, 100, 1000, 4096, 65536, 99991])('permutes %i pages', (pages) => {
    const scatter = new Scatter(pages);
    const seen = new Set<number>();
    for (let rank = 0; rank < pages; rank++) seen.add(scatter.page(rank));
    expect(seen.size).toBe(pages);
    expect([...seen].filter((page) => page < 0 || page >= pages)).toEqual([]);
  });

  it.each([4096, 5120, 65_536, 1_000_000, 2 ** 24 + 3, 1_234_567_890, MAX_PAGES - 1, MAX_PAGES])(
    'puts the hottest of %i pages in different groups of 64',
    (pages) => {
      const scatter = new Scatter(pages);
      const hottest = Math.min(10_000, Math.floor(pages / 400));
      const groups = new Set<number>();
      for (let rank = 0; rank < hottest; rank++) groups.add(scatter.page(rank) >>> 6);
      expect(groups.size).toBe(hottest);
    },
  );

  it('is exact for the largest ranks', () => {
    for (const pages of [MAX_PAGES, MAX_PAGES - 1, 2 ** 22, 2 ** 22 + 1]) {
      const scatter = new Scatter(pages);
      const factor = BigInt(scatter.page(1));
      for (let rank = pages - 1000; rank < pages; rank++) {
        expect(scatter.page(rank)).toBe(Number((BigInt(rank) * factor) % BigInt(pages)));
      }
    }
  });
});

describe('hot set', () => {
  it.each([
    [1000, 0.2, 0.8],
    [1000, 0.01, 0.5],
    [10, 0.5, 0],
    [10, 0.5, 1],
    [10, 1, 0.3],
  ])('%i pages, %d of them get %d of the accesses', (pages, hotPages, hotAccesses) => {
    const counts = count({ kind: 'hotset', hotPages, hotAccesses }, pages, 200_000);
    const hot = pages * hotPages;
    const cold = pages - hot;
    const toHot = cold === 0 ? 1 : hotAccesses;
    const probabilities = counts.map((_, i) => (i < hot ? toHot / hot : (1 - toHot) / cold));
    expect(counts.filter((c, i) => probabilities[i] === 0 && c > 0)).toEqual([]);
    const possible = counts.filter((_, i) => probabilities[i] > 0);
    expect(
      deviation(
        possible,
        probabilities.filter((p) => p > 0),
      ),
    ).toBeLessThan(LIMIT);
  });

  it('has at least one hot page', () => {
    expect(new HotSetPages(100, 0, 1, new Rng(1, 0)).hot).toBe(1);
  });

  it('scatters', () => {
    const counts = count({ kind: 'hotset', hotPages: 0.001, hotAccesses: 1, scatter: true }, 64_000, 2000);
    const groups = new Set(counts.flatMap((c, page) => (c > 0 ? [page >>> 6] : [])));
    expect(groups.size).toBe(64);
  });

  it('refuses what is no share', () => {
    expect(() => new HotSetPages(10, 1.1, 0.5, new Rng(1, 0))).toThrow('hotPages must lie between 0 and 1');
    expect(() => new HotSetPages(10, 0.1, -1, new Rng(1, 0))).toThrow('hotAccesses must lie');
  });
});

describe('trace', () => {
  const trace = Uint32Array.of(5, 0, 2 ** 32 - 1, 7, 3);

  it('can be replayed by sessions together', () => {
    const mem = new Int32Array(new SharedArrayBuffer(16));
    const cursors = [0, 1, 2].map(() => new SharedTracePages(trace, MAX_PAGES, mem, 2));
    expect([0, 1, 1, 2, 0, 2].map((who) => cursors[who].next())).toEqual([5, 0, 2 ** 31 - 1, 7, 3, NO_PAGE]);
    expect([...mem]).toEqual([0, 0, 6, 0]);
    // Past 2^31 the word is negative.
    mem[2] = -1;
    expect(cursors[0].next()).toBe(NO_PAGE);
  });

  it('must have requests', () => {
    expect(() => new SharedTracePages(new Uint32Array(0), 4, new Int32Array(1), 0)).toThrow(
      'a trace without requests',
    );
  });
});

describe('choosers', () => {
  it.each([0, -1, 1.5, MAX_PAGES + 1, Number.NaN])('refuse %d pages', (pages) => {
    const rng = new Rng(1, 0);
    for (const d of [
      { kind: 'uniform' },
      { kind: 'zipfian' },
      { kind: 'hotset', hotPages: 0.1, hotAccesses: 0.9 },
      { kind: 'gaussian' },
      { kind: 'pareto' },
      { kind: 'special' },
      { kind: 'scrambled' },
      { kind: 'nurand', a: 1 },
    ] as const) {
      expect(() => distributionChooser(d, pages, rng), d.kind).toThrow('pages must be an integer');
    }
  });
});
