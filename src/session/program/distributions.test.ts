import { describe, expect, it } from 'vitest';
import { Rng } from '../../layout/rng.ts';
import {
  type Distribution,
  distributionChooser,
  fnvHash64Mod,
  ScrambledZipfianPages,
} from './distributions.ts';

const DRAWS = 200_000;

function draws(d: Distribution, n: number, count = DRAWS, seed = 1): number[] {
  const chooser = distributionChooser(d, n, new Rng(seed, 0));
  return Array.from({ length: count }, () => chooser.next());
}

function moments(values: readonly number[]): [mean: number, deviation: number] {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  return [mean, Math.sqrt(variance)];
}

/** Pearson's statistic less its mean, in standard deviations; all bins are well filled. */
function deviation(counts: readonly number[], probabilities: readonly number[]): number {
  const n = counts.reduce((a, b) => a + b, 0);
  const chi2 = counts.reduce(
    (sum, c, i) => sum + (c - n * probabilities[i]) ** 2 / (n * probabilities[i]),
    0,
  );
  return (chi2 - (counts.length - 1)) / Math.sqrt(2 * (counts.length - 1));
}
const LIMIT = 6;

/** Draws by equal parts of the range. */
function binned(values: readonly number[], n: number, bins: number): number[] {
  const counts = Array.from({ length: bins }, () => 0);
  for (const v of values) counts[Math.floor((v * bins) / n)]++;
  return counts;
}

/** Distribution function of the mean of k even draws (Irwin-Hall). */
function meanOfEven(x: number, k: number): number {
  let sum = 0;
  let binomial = 1;
  let factorial = 1;
  for (let i = 1; i <= k; i++) factorial *= i;
  for (let i = 0; i <= Math.floor(x * k); i++) {
    sum += (i % 2 === 0 ? 1 : -1) * binomial * (x * k - i) ** k;
    binomial = (binomial * (k - i)) / (i + 1);
  }
  return sum / factorial;
}

describe("sysbench's distributions", () => {
  it('gaussian is the mean of 12 even draws', () => {
    const values = draws({ kind: 'gaussian' }, 10_000);
    const [mean, sigma] = moments(values);
    expect(mean).toBeCloseTo(5000, -2);
    // 1/12 of an even draw's variance, 1/12.
    expect(sigma / (10_000 / 12)).toBeCloseTo(1, 1);
    const bins = binned(values, 10_000, 50).slice(15, 35);
    const cdf = Array.from({ length: 21 }, (_, i) => meanOfEven((15 + i) / 50, 12));
    const inside = cdf[20] - cdf[0];
    expect(
      deviation(
        bins,
        bins.map((_, i) => (cdf[i + 1] - cdf[i]) / inside),
      ),
    ).toBeLessThan(LIMIT);
  });

  it('gaussian of other iterations is another one', () => {
    const [, sigma] = moments(draws({ kind: 'gaussian', iterations: 3 }, 10_000));
    expect(sigma / (10_000 / 6)).toBeCloseTo(1, 1);
  });

  it.each([0.1, 0.2, 0.5])('pareto h %d: that share of the keys gets the rest of the draws', (h) => {
    const values = draws({ kind: 'pareto', h }, 10_000);
    const hot = values.filter((v) => v < 10_000 * h).length / DRAWS;
    expect(hot).toBeCloseTo(1 - h, 2);
    // P(v < x n) = x^(1 / power)
    const power = Math.log(h) / Math.log(1 - h);
    const counts = binned(values, 10_000, 20);
    const p = (x: number): number => (x / 20) ** (1 / power);
    expect(
      deviation(
        counts,
        counts.map((_, i) => p(i + 1) - p(i)),
      ),
    ).toBeLessThan(LIMIT);
  });

  it('zipfian is rank^-0.8, hottest first', () => {
    const values = draws({ kind: 'zipfian' }, 200);
    const weights = Array.from({ length: 200 }, (_, i) => (i + 1) ** -0.8);
    const sum = weights.reduce((a, b) => a + b, 0);
    expect(
      deviation(
        binned(values, 200, 200),
        weights.map((w) => w / sum),
      ),
    ).toBeLessThan(LIMIT);
  });

  it('special: 75 % of the draws in the middle 1 %, the others gaussian', () => {
    const n = 100_001;
    const values = draws({ kind: 'special' }, n);
    const inside = values.filter((v) => v >= 49_500 && v <= 50_501);
    // The gaussian ones fall there too, 4.8 % of them.
    expect(inside.length / DRAWS).toBeCloseTo(0.75 + 0.25 * 0.048, 2);
    const rest = values.filter((v) => v < 49_500 || v > 50_501);
    const [mean, sigma] = moments(rest);
    expect(mean / n).toBeCloseTo(0.5, 2);
    expect(sigma / (n / 12)).toBeCloseTo(1, 1);
    // sysbench maps the draws of 0.25 ... 1 to the part, not 0 ... 1: its first quarter stays empty but for the others.
    const quarter = inside.filter((v) => v < 49_750).length;
    expect(quarter / inside.length).toBeLessThan(0.02);
  });

  it('special with --rand-spec-res 100 has nothing else, as in sysbench', () => {
    const values = draws({ kind: 'special', res: 100 }, 100_001);
    expect(values.filter((v) => v < 49_500 || v > 50_501)).toEqual([]);
    // All draws of 0 ... 1 are spread over the part: no quarter is empty.
    const counts = binned(
      values.map((v) => v - 49_500),
      1002,
      4,
    );
    for (const n of counts) expect(n / DRAWS).toBeCloseTo(0.25, 1);
  });

  it('pareto stays inside also when its largest draw rounds up', () => {
    const largest = new Rng(1, 0);
    largest.float = () => 1 - 2 ** -53;
    for (const h of [0.2, 0.99, 0.9999]) {
      for (const n of [1, 10, 2 ** 31]) {
        expect(distributionChooser({ kind: 'pareto', h }, n, largest).next()).toBe(n - 1);
      }
    }
  });

  it('special takes other shares', () => {
    const values = draws({ kind: 'special', pct: 10, res: 50, iterations: 1 }, 1001);
    const inside = values.filter((v) => v >= 450 && v <= 551).length / DRAWS;
    expect(inside).toBeCloseTo(0.5 + 0.5 * 0.1, 2);
  });

  it.each<Distribution>([
    { kind: 'uniform' },
    { kind: 'gaussian' },
    { kind: 'pareto' },
    { kind: 'zipfian' },
    { kind: 'special' },
    { kind: 'hotset', hotPages: 0.1, hotAccesses: 0.9 },
    { kind: 'scrambled' },
    { kind: 'latest' },
    { kind: 'nurand', a: 255 },
  ])('$kind stays inside, has one key to draw of one, and repeats from a seed', (d) => {
    for (const n of [1, 2, 3, 1000, 2 ** 31 - 1]) {
      for (const v of draws(d, n, 200)) {
        if (!Number.isInteger(v) || v < 0 || v >= n) expect(v, `of ${n}`).toBe('inside');
      }
    }
    expect(draws(d, 1000, 50, 7)).toEqual(draws(d, 1000, 50, 7));
    expect(draws(d, 1000, 50, 7)).not.toEqual(draws(d, 1000, 50, 8));
  });

  it('scattered keys are the same ones elsewhere', () => {
    for (const kind of ['pareto', 'zipfian'] as const) {
      const [near, far] = [false, true].map((scatter) => {
        const counts = Array.from({ length: 1000 }, () => 0);
        for (const v of draws({ kind, scatter }, 1000, 20_000)) counts[v]++;
        return counts;
      });
      expect(far.toSorted((a, b) => b - a)).toEqual(near.toSorted((a, b) => b - a));
      expect(far[0]).toBe(near[0]);
      expect(far[1]).not.toBe(near[1]);
    }
  });

  it.each<[Distribution, string]>([
    [{ kind: 'gaussian', iterations: 0 }, 'iterations must lie between 1 and 1000, not 0'],
    [{ kind: 'pareto', h: 1 }, 'h must lie between 0.0001 and 0.9999, not 1'],
    [{ kind: 'special', res: 100.5 }, 'res must lie between 0 and 100, not 100.5'],
    [{ kind: 'zipfian', exponent: 3 }, 'theta must lie between 0 and 2'],
    [{ kind: 'nurand', a: -1 }, 'a must lie between 0 and'],
  ])('refuses %o', (d, text) => {
    expect(() => distributionChooser(d, 10, new Rng(1, 0))).toThrow(text);
  });
});

describe("YCSB's", () => {
  /** The same hash with whole numbers of any size. */
  function fnvHash64(value: bigint): bigint {
    let hash = 0xcbf29ce484222325n;
    for (let i = 0n; i < 8n; i++) {
      hash = BigInt.asUintN(64, (hash ^ ((value >> (8n * i)) & 0xffn)) * 1_099_511_628_211n);
    }
    const signed = BigInt.asIntN(64, hash);
    return signed < 0n ? -signed : signed;
  }

  it('hash is FNV-1a of 64 bits, made positive', () => {
    const rng = new Rng(3, 0);
    for (let i = 0; i < 2000; i++) {
      const value = i < 300 ? i : Math.floor(rng.float() * 1e10);
      for (const n of [7, 1000, 2 ** 31 - 1, 2 ** 32 - 5]) {
        const expected = Number(fnvHash64(BigInt(value)) % BigInt(n));
        if (fnvHash64Mod(value, n) !== expected) expect([value, n, fnvHash64Mod(value, n)]).toEqual(expected);
      }
    }
  });

  it('ranks are zipfian (0.99) among 10^10', () => {
    const zipf = new ScrambledZipfianPages(1000, new Rng(2, 0));
    const bounds = [1, 2, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10 + 1];
    const counts = Array.from({ length: bounds.length - 1 }, () => 0);
    for (let i = 0; i < DRAWS; i++) {
      const rank = zipf.rank() + 1;
      counts[bounds.findLastIndex((b) => b <= rank)]++;
    }
    const area = (x: number): number => x ** 0.01 / 0.01;
    const zeta = (from: number, to: number): number => {
      let sum = 0;
      let k = from;
      for (; k < Math.min(to, 10_000); k++) sum += k ** -0.99;
      return k >= to ? sum : sum + area(to - 0.5) - area(k - 0.5);
    };
    const total = zeta(1, 1e10 + 1);
    expect(total).toBeCloseTo(26.469, 2);
    counts.forEach((count, i) => {
      // The formula of Gray et al. comes near, not more.
      expect(count / DRAWS).toBeCloseTo(zeta(bounds[i], bounds[i + 1]) / total, 1.5);
    });
    expect(counts[0] / DRAWS).toBeCloseTo(1 / total, 2);
  });

  it('scrambled: the hottest record is the hash of 0', () => {
    const values = draws({ kind: 'scrambled' }, 1000);
    const hottest = values.filter((v) => v === fnvHash64Mod(0, 1000)).length / DRAWS;
    expect(hottest).toBeGreaterThan(0.035);
    expect(hottest).toBeLessThan(0.045);
  });
});

describe("TPC-C's", () => {
  it('NURand(A, 0, n - 1) is an even draw or an even draw', () => {
    const [n, a] = [100, 15];
    const probabilities = Array.from({ length: n }, () => 0);
    for (let x = 0; x <= a; x++) {
      for (let y = 0; y < n; y++) probabilities[(x | y) % n] += 1 / ((a + 1) * n);
    }
    const counts = binned(draws({ kind: 'nurand', a }, n), n, n);
    expect(deviation(counts, probabilities)).toBeLessThan(LIMIT);
    expect(
      deviation(
        counts,
        counts.map(() => 1 / n),
      ),
    ).toBeGreaterThan(LIMIT);
  });
});
